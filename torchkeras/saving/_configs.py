"""Configurations that Keras 1, Keras 2 and tf.keras wrote, as Keras 3 writes them."""

import contextlib
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from torchkeras._errors import warn
from torchkeras._serialize import get_registered_object
from torchkeras.layers import Layer
from torchkeras.saving import _graph_ops, _old_functions

__all__ = []

_PACKAGE = __name__.partition(".")[0]

_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
    "Model": "Functional",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}

# Arguments of Keras 1.
_ARGUMENTS = {
    "atrous_rate": "dilation_rate",
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "bias": "use_bias",
    "border_mode": "padding",
    "dim_ordering": "data_format",
    "dropout_U": "recurrent_dropout",
    "dropout_W": "dropout",
    "filter_length": "kernel_size",
    "init": "kernel_initializer",
    "inner_activation": "recurrent_activation",
    "inner_init": "recurrent_initializer",
    "nb_filter": "filters",
    "output_dim": "units",
    "p": "rate",
    "pool_length": "pool_size",
    "sigma": "stddev",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
    "U_constraint": "recurrent_constraint",
    "U_regularizer": "recurrent_regularizer",
    "W_constraint": "kernel_constraint",
    "W_regularizer": "kernel_regularizer",
    "beta_init": "beta_initializer",
    "gamma_init": "gamma_initializer",
    "lr": "learning_rate",
}
_ARGUMENTS_OF = {
    "BatchNormalization": {"mode": None},
    "Embedding": {
        "init": "embeddings_initializer",
        "W_constraint": "embeddings_constraint",
        "W_regularizer": "embeddings_regularizer",
    },
    "LSTM": {"forget_bias_init": None},
    "LeakyReLU": {"alpha": "negative_slope"},
    "PReLU": {"init": "alpha_initializer"},
    "UpSampling1D": {"length": "size"},
    "SeparableConv1D": {"kernel_initializer": None},
    "SeparableConv2D": {"kernel_initializer": None},
}
_DATA_FORMATS = {"tf": "channels_last", "th": "channels_first"}

_MERGES = {"ave": "Average", "max": "Maximum", "mul": "Multiply", "sum": "Add"}

# What was said about how to compute, not what; or what is told by another argument.
_WITHOUT_EFFECT = frozenset(
    {
        "activity_regularizer_fn",
        "consume_less",
        "fused",
        "implementation",
        "input_dtype",
        "key_shape",
        "query_shape",
        "ragged_input",
        "time_major",
        "value_shape",
        "virtual_batch_size",
        "vocabulary_size",
        "_is_graph_network",
    }
)


# Stands where the name of a layer would, before a value that is no tensor.
_CONSTANT = "_CONSTANT_VALUE"

# What the first layer of a model says of the input, whatever its class.
_SHAPES = frozenset(
    {
        "batch_input_shape",
        "batch_shape",
        "batch_size",
        "input_dim",
        "input_length",
        "input_shape",
    }
)


def modern(config: Any, version: str = "") -> Any:
    """The configuration of a model in Keras 3's format, whichever version wrote it.

    Args:
        version: the version of Keras that wrote it, where that is known.
    """
    is_plain = isinstance(config, list) or (isinstance(config, dict) and "module" not in config)
    if isinstance(config, list) or version[:2] in ("1.", "2.") or _is_of_keras_2(config):
        return converted(_old_functions.renamed(_without_modules(config)))
    return converted(config) if is_plain else config


def _is_of_keras_2(config: Any) -> bool:
    """Whether tf.keras 2.12 or later wrote it: it says modules, as Keras 3 does."""
    if not isinstance(config, dict):
        return False
    if str(config.get("keras_version", "3")).startswith(("1.", "2.")):
        return True
    if str(config.get("module")).startswith("tf_keras"):
        return True
    inner = config.get("config")
    layers = inner.get("layers") if isinstance(inner, dict) else None
    layers = layers if isinstance(layers, list) else ()
    return any(_is_layer_of_keras_2(layer, "module" in config) for layer in layers)


def _is_layer_of_keras_2(layer: Any, says_modules: bool) -> bool:
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return False
    if says_modules and "module" not in layer:
        return True
    nodes = layer.get("inbound_nodes")
    calls = nodes if isinstance(nodes, list) else []
    return (
        "batch_input_shape" in layer["config"]
        or any(isinstance(call, list) for call in calls)
        or _is_of_keras_2(layer)
    )


def _without_modules(value: Any) -> Any:
    """As Keras 2 wrote it before: a class of Keras's own goes by its name alone."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(_without_modules, value))
    if not isinstance(value, dict):
        return value
    value = {key: _without_modules(item) for key, item in value.items()}
    module = value.get("module")
    if "class_name" in value and isinstance(module, str):
        if module.partition(".")[0] in ("keras", "tf_keras") and module != "keras.ops":
            for key in ("module", "registered_name", "shared_object_id"):
                value.pop(key, None)
    return value


def read_json(text: str | bytes, what: str) -> Any:
    """JSON as Keras writes it: tuples may stand in it as dicts.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return _with_tuples(json.loads(text))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"The {what} is no valid JSON: {error}") from error


def _with_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_tuples(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return tuple(_with_tuples(item) for item in value["items"] or ())
    return {key: _with_tuples(item) for key, item in value.items()}


@contextlib.contextmanager
def building() -> Iterator[None]:
    """A place where a configuration that makes no sense is told to be one."""
    try:
        yield
    except RecursionError as error:
        raise ValueError("The configuration of the model is nested too deeply.") from error
    except (AttributeError, IndexError, KeyError) as error:
        raise ValueError(
            f"No model can be made from the configuration: {type(error).__name__}: {error}"
        ) from error


# Models


def converted(config: Any) -> dict[str, Any]:
    """The configuration of a layer or model in Keras 3's format.

    Raises:
        ValueError: what is no configuration.
    """
    if not isinstance(config, dict) or "config" not in config or "class_name" not in config:
        raise ValueError(
            "The provided configuration is not a valid Keras configuration. Expected a dictionary "
            f"containing a 'config' key. Received: config={config}"
        )
    if "module" in config:
        return config
    name, inner = config["class_name"], config["config"]
    if isinstance(inner, list):
        inner = {"layers": inner}
    if _begins_with_branches(inner):
        name, inner = "Functional", _graph_of_branches(inner)
    if not isinstance(inner, dict):
        raise ValueError(f"The configuration of {name} is no dictionary. Received: config={config}")
    inner = dict(inner)
    if "layers" in inner and "input_layers" in inner:
        name = "Functional" if get_registered_object(name) is None and name == "Model" else name
        inner = _graph(inner)
    elif "layers" in inner and isinstance(inner["layers"], list):
        inner["layers"] = [_named(converted(layer)) for layer in inner["layers"]]
    else:
        name, inner = _layer(name, inner)
    # A layer of Keras's own is built as the model is; how to tell it to has changed.
    is_custom = get_registered_object(name) is not None
    keys = ("build_config", "compile_config") if is_custom else ("compile_config",)
    kept = {key: config[key] for key in keys if key in config}
    if isinstance(kept.get("compile_config"), dict):
        kept["compile_config"] = _compile_config(kept["compile_config"])
    return {"class_name": name, "config": inner, **kept}


def _named(config: dict[str, Any]) -> dict[str, Any]:
    """Layers of Keras 1 said their class name below too."""
    config["config"].pop("class_name", None)
    return config


def _graph(inner: dict[str, Any]) -> dict[str, Any]:
    layers = []
    for entry in inner["layers"]:
        calls = [_call(node) for node in entry.get("inbound_nodes", ())]
        if _graph_ops.is_function(entry.get("class_name")):
            new = _graph_ops.as_op({"name": entry.get("name"), **entry["config"]}, calls)
        else:
            new = converted(_operation(entry))
        new["name"] = entry.get("name", new["config"].get("name"))
        new["config"].setdefault("name", new["name"])
        new["inbound_nodes"] = calls
        layers.append(new)
    return {
        **inner,
        "layers": layers,
        "input_layers": _ends(inner["input_layers"]),
        "output_layers": _ends(inner["output_layers"]),
    }


def _operation(entry: Any) -> Any:
    """An op of Keras 3 in an `.h5` file, where it does not say that it is one: no layer has such a
    name, or one has ("Add") but no configuration that is no more than a name."""
    if (
        not isinstance(entry, dict)
        or "module" in entry
        or not isinstance(entry.get("config"), dict)
    ):
        return entry
    name = entry.get("class_name")
    is_layer = name in _namespace("layers") or get_registered_object(name) is not None
    if not is_layer or set(entry["config"]) <= {"name"}:
        if any(isinstance(node, dict) and "args" in node for node in entry["inbound_nodes"]):
            if name not in ("Functional", "Model", "Sequential"):
                return {**entry, "module": "keras.ops", "registered_name": None}
    return entry


def _is_place(value: Any) -> bool:
    if not isinstance(value, (list, tuple)) or len(value) < 3 or not isinstance(value[0], str):
        return False
    return value[0] == _CONSTANT or all(isinstance(number, int) for number in value[1:3])


def _ends(places: Any) -> Any:
    """The ends of a graph; one tensor alone stood in a list."""
    if isinstance(places, list) and len(places) == 1 and _is_place(places[0]):
        return places[0]
    return places


def _call(node: Any) -> dict[str, Any]:
    """A call of a layer: Keras 2 listed the places of its inputs, the last with the keywords."""
    if isinstance(node, dict) and "args" in node:
        return node
    if isinstance(node, dict):
        return {"args": [{key: _tensor(place) for key, place in node.items()}], "kwargs": {}}
    if _is_place(node):
        node = [node]
    keywords: dict[str, Any] = {}
    for place in node:
        if len(place) > 3 and isinstance(place[3], dict):
            keywords.update(place[3])
    tensors = [_tensor(place) for place in node]
    keywords = {key: _argument(value) for key, value in keywords.items() if key != "name"}
    return {"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": keywords}


def _argument(value: Any) -> Any:
    if _is_place(value):
        return _tensor(value)
    if isinstance(value, (list, tuple)):
        return [_argument(item) for item in value]
    return value


def _tensor(place: Any) -> Any:
    if place[0] == _CONSTANT:
        return place[2]
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": None, "dtype": "float32", "keras_history": list(place[:3])},
    }


# Layers


def _layer(name: str, inner: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    custom = get_registered_object(name)
    if custom is not None:
        return name, {key: _part(value) for key, value in inner.items()}
    old_name, name = name, _CLASSES.get(name, name)
    if name == "Merge":
        return _merge(inner)
    inner = _renamed(name, inner)
    if name == "InputLayer" and "batch_input_shape" in inner:
        inner["batch_shape"] = inner.pop("batch_input_shape")
    if name == "BatchNormalization" and isinstance(inner.get("axis"), (list, tuple)):
        inner["axis"] = int(inner["axis"][0])
    if name == "Lambda":
        inner = _lambda(inner)
    if name in ("GRU", "GRUCell"):
        # What was so before there was the argument.
        inner.setdefault("reset_after", old_name == "CuDNNGRU")
    inner = {key: _part(value) for key, value in inner.items()}
    return name, _known_arguments(name, inner)


def _renamed(name: str, inner: dict[str, Any]) -> dict[str, Any]:
    """The arguments under their names of today."""
    inner = {key: value for key, value in inner.items() if key not in _WITHOUT_EFFECT}
    if "nb_row" in inner:
        inner["kernel_size"] = [inner.pop("nb_row"), inner.pop("nb_col")]
    elif "kernel_dim1" in inner:
        inner["kernel_size"] = [inner.pop(f"kernel_dim{axis}") for axis in (1, 2, 3)]
    if name != "Embedding" and inner.get("input_dim") is None:
        inner.pop("input_dim", None)
    if inner.get("input_length") is None:
        inner.pop("input_length", None)
    old = {**_ARGUMENTS, **_ARGUMENTS_OF.get(name, {})}
    today = _arguments_of(name)
    renamed = {}
    for key, value in inner.items():
        new = key if key in today else old.get(key, key)
        if new is not None and not (new != key and new in inner):
            renamed[new] = value
    return _tidied(name, renamed)


def _tidied(name: str, renamed: dict[str, Any]) -> dict[str, Any]:
    """The arguments with values of today, and the shape of the input said once."""
    if isinstance(renamed.get("data_format"), str):
        renamed["data_format"] = _DATA_FORMATS.get(renamed["data_format"], renamed["data_format"])
    if "batch_input_shape" in renamed:
        for key in ("input_dim", "input_length", "batch_size", "input_shape"):
            if not (name == "Embedding" and key in ("input_dim", "input_length")):
                renamed.pop(key, None)
    return renamed


def _merge(inner: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The layer of Keras 1 that said by its mode how to merge."""
    mode = inner.get("mode")
    new = {key: inner[key] for key in ("name", "trainable") if key in inner}
    if mode == "concat":
        return "Concatenate", {**new, "axis": inner.get("concat_axis", -1)}
    if mode in ("dot", "cos"):
        axes = inner.get("dot_axes", -1)
        if isinstance(axes, list):
            axes = [item[0] if isinstance(item, list) else item for item in axes]
        return "Dot", {**new, "axes": axes, "normalize": mode == "cos"}
    if mode not in _MERGES:
        raise ValueError(
            f"The model merges with a function of its own, which is not in the file: build it in "
            f"code and use `load_weights`. Received: mode={mode}"
        )
    return _MERGES[mode], new


def _begins_with_branches(inner: Any) -> bool:
    """Whether a Sequential of Keras 1 begins by merging others, as a graph does today."""
    layers = inner.get("layers") if isinstance(inner, dict) else None
    first = layers[0] if isinstance(layers, list) and layers else None
    if not isinstance(first, dict) or first.get("class_name") != "Merge":
        return False
    return isinstance(first.get("config"), dict) and bool(first["config"].get("layers"))


def _graph_of_branches(inner: dict[str, Any]) -> dict[str, Any]:
    merge, *rest = inner["layers"]
    layers: list[dict] = []
    inputs, ends = [], []
    for number, branch in enumerate(merge["config"]["layers"], 1):
        own = branch["config"]
        own = own["layers"] if isinstance(own, dict) else own
        shape = own[0]["config"].get("batch_input_shape")
        if branch["class_name"] != "Sequential" or shape is None:
            raise ValueError(
                "The model merges branches that are no plain Sequential models: build it in code "
                f"and use `load_weights`. Received: class_name={branch['class_name']}"
            )
        dtype = own[0]["config"].get("input_dtype") or "float32"
        config = {"name": f"branch_{number}", "batch_input_shape": shape, "dtype": dtype}
        end = _chained(layers, {"class_name": "InputLayer", "config": config}, [])
        inputs.append([end, 0, 0])
        for layer in own:
            end = _chained(layers, layer, [end])
        ends.append(end)
    end = _chained(layers, merge, ends)
    for layer in rest:
        end = _chained(layers, layer, [end])
    name = inner.get("name", "sequential")
    return {"name": name, "layers": layers, "input_layers": inputs, "output_layers": [[end, 0, 0]]}


def _chained(layers: list[dict], layer: dict[str, Any], after: list[str]) -> str:
    """Adds a layer to those of a graph, called on the layers before; its name."""
    config = {key: value for key, value in layer["config"].items() if key != "layers"}
    name = config.setdefault("name", f"{layer['class_name'].lower()}_{len(layers)}")
    calls = [[[place, 0, 0] for place in after]] if after else []
    layers.append({**layer, "config": config, "name": name, "inbound_nodes": calls})
    return name


def _lambda(inner: dict[str, Any]) -> dict[str, Any]:
    """Code stands in a config of its own, so that safe mode sees it."""
    old = ("module", "function_type", "output_shape_type", "output_shape_module")
    inner = {key: value for key, value in inner.items() if key not in old}
    for key in ("function", "output_shape", "mask"):
        value = inner.get(key)
        if isinstance(value, (list, tuple)) and len(value) == 3 and isinstance(value[0], str):
            inner[key] = {"class_name": "__lambda__", "config": {"value": list(value)}}
    return inner


def _part(value: Any) -> Any:
    """An argument that is an object: an initializer, a regularizer, a layer inside, a dtype."""
    if isinstance(value, list):
        return [_part(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value:
        return _part_of_keras_1(value)
    name, inner = value["class_name"], value.get("config")
    if name in ("Policy", "PolicyV1"):
        return inner["name"]
    if not isinstance(inner, dict) or name == "__lambda__" or "module" in value:
        return value
    found = get_registered_object(name) or _namespace("layers").get(_CLASSES.get(name, name))
    if "layers" in inner or (inspect.isclass(found) and issubclass(found, Layer)):
        return converted(value)
    inner = {key: item for key, item in inner.items() if key != "dtype"}
    if name == "VarianceScaling" and inner.get("distribution") == "normal":
        inner["distribution"] = "truncated_normal"
    return {"class_name": name, "config": inner}


def _part_of_keras_1(value: dict[str, Any]) -> dict[str, Any]:
    """Regularizers and constraints had their arguments beside the name of their class."""
    name = value.get("name")
    if isinstance(name, str) and name.endswith("Regularizer"):
        name, old = "L1L2", {"l1": "l1", "l2": "l2"}
    elif name in ("MaxNorm", "NonNeg", "UnitNorm"):
        old = {"m": "max_value", "axis": "axis"}
    else:
        return value
    return {"class_name": name, "config": {old[key]: value[key] for key in old if key in value}}


def _namespace(room: str) -> Mapping[str, Any]:
    module = sys.modules.get(f"{_PACKAGE}.{room}")
    return {} if module is None else vars(module)


def _arguments_of(name: str) -> set[str]:
    """What the layer of that name takes today; empty where there is none."""
    found = _namespace("layers").get(name)
    names: set[str] = set()
    if not inspect.isclass(found) or not issubclass(found, Layer):
        return names
    for base in found.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values()
        names.update(p.name for p in parameters)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return names


def _known_arguments(name: str, inner: dict[str, Any]) -> dict[str, Any]:
    """What the class of today takes; the rest is named in a warning, unless it says nothing."""
    taken = _arguments_of(name)
    if not taken:
        return inner
    taken |= _SHAPES
    unknown = {key: value for key, value in inner.items() if key not in taken}
    telling = {key: value for key, value in unknown.items() if value not in (None, False, 0, 1, [])}
    if telling:
        warn(
            f"Layer {inner.get('name', name)} ({name}) was saved with arguments that it does not "
            f"have any more; they are ignored: {telling}"
        )
    return {key: value for key, value in inner.items() if key in taken}


# Training


def _compile_config(config: dict[str, Any]) -> dict[str, Any]:
    """What `compile` is to be given, from a `.keras` file of tf.keras."""
    told = {key: value for key, value in config.items() if value is not None}
    if isinstance(told.get("optimizer"), dict):
        told["optimizer"] = converted_optimizer(told["optimizer"])
    told["loss"] = _objects(told.get("loss"))
    for key in ("metrics", "weighted_metrics"):
        told[key] = _measures(told.get(key))
    return told


def converted_optimizer(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of an optimizer, told to follow the rule of its time."""
    inner = dict(config["config"])
    inner.pop("jit_compile", None)
    if "decay" in inner or "lr" in inner:
        # Before tf.keras 2.11.
        inner["is_legacy_optimizer"] = True
        decay = inner.pop("decay", None)
        if decay:
            inner["schedule_decay" if config["class_name"] == "Nadam" else "decay"] = decay
        if "lr" in inner:
            inner["learning_rate"] = inner.pop("lr")
    # In `.h5` files tf.keras took its own optimizers for registered ones.
    name = config["class_name"].removeprefix("Custom>")
    if get_registered_object(config["class_name"]) is not None:
        name = config["class_name"]
    return {**config, "class_name": name, "config": inner}


def compile_arguments(config: dict[str, Any]) -> dict[str, Any]:
    """What `compile` is to be given, from the `training_config` of a `.h5` file."""
    return {
        "optimizer": config["optimizer_config"],
        "loss": _objects(config.get("loss")),
        "metrics": _measures(config.get("metrics")),
        "weighted_metrics": _measures(config.get("weighted_metrics")),
        "loss_weights": config.get("loss_weights"),
    }


def _objects(value: Any) -> Any:
    """Losses and metrics in their structure, each as a name or a configuration."""
    if isinstance(value, (list, tuple)):
        return [_objects(item) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _objects(item) for key, item in value.items()}
    if isinstance(value, dict) and isinstance(value.get("config"), dict):
        inner = dict(value["config"])
        wrapped = inner.pop("fn", None)
        if value["class_name"] in ("MeanMetricWrapper", "LossFunctionWrapper") and wrapped:
            return inner["name"] if inner.get("name") in ("accuracy", "acc") else wrapped
        inner = {key: None if item == "auto" else item for key, item in inner.items()}
        if inner.get("reduction", "") is None:
            del inner["reduction"]
        return {**value, "config": inner}
    return value


def _measures(value: Any) -> Any:
    """tf.keras wrapped the metrics of a model of one output in one more list."""
    value = _objects(value)
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value
