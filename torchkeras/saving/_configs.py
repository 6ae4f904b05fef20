"""Configurations that Keras 1, Keras 2 and tf.keras wrote, as Keras 3 writes them."""

import inspect
import json
import sys
import warnings
from collections.abc import Mapping
from typing import Any

from torchkeras._serialize import get_registered_object
from torchkeras.layers import Layer

__all__ = []

_PACKAGE = __name__.partition(".")[0]

_CLASSES = {
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "CuDNNGRU": "GRU",
    "CuDNNLSTM": "LSTM",
    "Deconvolution2D": "Conv2DTranspose",
    "Deconvolution3D": "Conv3DTranspose",
    "DenseFeatures": "DenseFeatures",
    "GRUV2": "GRU",
    "LSTMV2": "LSTM",
    "Model": "Functional",
    "SeparableConvolution2D": "SeparableConv2D",
}

# Arguments of Keras 1.
_ARGUMENTS = {
    "b_constraint": "bias_constraint",
    "b_regularizer": "bias_regularizer",
    "batch_input_shape": "batch_input_shape",
    "bias": "use_bias",
    "border_mode": "padding",
    "depth_multiplier": "depth_multiplier",
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
        "output_dim": "output_dim",
        "W_constraint": "embeddings_constraint",
        "W_regularizer": "embeddings_regularizer",
    },
    "RepeatVector": {},
    "SimpleRNN": {"forget_bias_init": None},
    "LSTM": {"forget_bias_init": None},
    "Reshape": {},
    "ThresholdedReLU": {},
}
_DATA_FORMATS = {"tf": "channels_last", "th": "channels_first"}

# What was said about how to compute, not what; or what is told by another argument.
_WITHOUT_EFFECT = frozenset(
    {
        "activity_regularizer_fn",
        "consume_less",
        "fused",
        "implementation",
        "input_dtype",
        "ragged_input",
        "time_major",
        "virtual_batch_size",
        "_is_graph_network",
    }
)


def is_old(config: Any) -> bool:
    """Whether a configuration of a model has no module: Keras 3 says one, except in `.h5` files."""
    return isinstance(config, list) or (isinstance(config, dict) and "module" not in config)


def read_json(text: str | bytes, what: str) -> Any:
    """JSON as Keras writes it: tuples may stand in it as dicts.

    Raises:
        ValueError: it is no JSON.
    """
    try:
        return _with_tuples(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The {what} is no valid JSON: {error}") from error


def _with_tuples(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_tuples(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return tuple(_with_tuples(item) for item in value["items"] or ())
    return {key: _with_tuples(item) for key, item in value.items()}


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
    kept = {key: config[key] for key in ("build_config", "compile_config") if key in config}
    return {"class_name": name, "config": inner, **kept}


def _named(config: dict[str, Any]) -> dict[str, Any]:
    """Layers of Keras 1 said their class name below too."""
    config["config"].pop("class_name", None)
    return config


def _graph(inner: dict[str, Any]) -> dict[str, Any]:
    layers = []
    for entry in inner["layers"]:
        new = converted(entry)
        new["name"] = entry.get("name", new["config"].get("name"))
        new["config"].setdefault("name", new["name"])
        new["inbound_nodes"] = [_call(node) for node in entry.get("inbound_nodes", ())]
        layers.append(new)
    return {
        **inner,
        "layers": layers,
        "input_layers": _ends(inner["input_layers"]),
        "output_layers": _ends(inner["output_layers"]),
    }


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) >= 3
        and isinstance(value[0], str)
        and all(isinstance(number, int) for number in value[1:3])
    )


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
    if place[0] == "_CONSTANT_VALUE":
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
    name = _CLASSES.get(name, name)
    inner = _renamed(name, inner)
    if name == "InputLayer" and "batch_input_shape" in inner:
        inner["batch_shape"] = inner.pop("batch_input_shape")
    if name == "BatchNormalization" and isinstance(inner.get("axis"), (list, tuple)):
        inner["axis"] = int(inner["axis"][0])
    if name == "Lambda":
        inner = _lambda(inner)
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
    renamed = {}
    for key, value in inner.items():
        new = old.get(key, key)
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
        if isinstance(value.get("name"), str) and value["name"].endswith("Regularizer"):
            factors = {key: value[key] for key in ("l1", "l2") if key in value}
            return {"class_name": "L1L2", "config": factors}
        return value
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


def _namespace(room: str) -> Mapping[str, Any]:
    module = sys.modules.get(f"{_PACKAGE}.{room}")
    return {} if module is None else vars(module)


def _known_arguments(name: str, inner: dict[str, Any]) -> dict[str, Any]:
    """What the class of today takes; the rest is named in a warning, unless it says nothing."""
    found = _namespace("layers").get(name)
    if not inspect.isclass(found) or not issubclass(found, Layer):
        return inner
    taken = {"batch_input_shape", "batch_shape", "batch_size", "input_dim", "input_length"}
    taken.add("input_shape")
    for base in found.__mro__:
        parameters = inspect.signature(base.__init__).parameters.values()
        taken.update(p.name for p in parameters)
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    unknown = {key: value for key, value in inner.items() if key not in taken}
    telling = {key: value for key, value in unknown.items() if value not in (None, False, 0, 1, [])}
    if telling:
        warnings.warn(
            f"Layer {inner.get('name', name)} ({name}) was saved with arguments that it does not "
            f"have any more; they are ignored: {telling}",
            stacklevel=2,
        )
    return {key: value for key, value in inner.items() if key in taken}


# Training


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
