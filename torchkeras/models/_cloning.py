"""Models made from other models and from text."""

from torchkeras import tree
from torchkeras._serialize import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras._symbolic import KerasTensor
from torchkeras.layers import InputLayer
from torchkeras.models._function import source_operation
from torchkeras.models._functional import Functional
from torchkeras.models._model import Model, _takes_a_graph
from torchkeras.models._sequential import Sequential
from torchkeras.saving import _configs, _yaml, load_model, save_model

# `load_model` and `save_model` have two homes in Keras.
__all__ = [
    "clone_model",
    "load_model",
    "model_from_config",
    "model_from_json",
    "model_from_yaml",
    "save_model",
]


def clone_model(
    model,
    input_tensors=None,
    clone_function=None,
    call_function=None,
    recursive=False,
    **kwargs,
):
    """A model with the same layers anew: fresh weights, nothing shared.

    Args:
        model: a Sequential or functional model, or one of a class with a `get_config`.
        input_tensors: symbolic tensors, or a nest of them, to begin the new graph with.
        clone_function: a function from a layer to what takes its place; by default a copy made
            from its configuration.
        call_function: a function `(layer, *args, **kwargs)` that calls the layers of the new graph.
        recursive: whether `clone_function` is also applied to the layers of models inside.

    Raises:
        ValueError: arguments that a model of this kind does not take.
    """
    cache = kwargs.pop("cache", None)
    cache = {} if cache is None else cache
    if kwargs:
        raise ValueError(f"Unexpected keyword argument(s): {tuple(kwargs)}")
    is_sequential = isinstance(model, Sequential)
    if is_sequential and call_function is not None:
        raise ValueError(
            "`call_function` argument is not supported with Sequential models. In a Sequential "
            "model, layers aren't called at model-construction time. Use Functional instead. "
            f"Received: call_function={call_function}"
        )
    if not is_sequential and model._function is None:
        given = {"clone_function": clone_function, "input_tensors": input_tensors}
        given["call_function"] = call_function
        for name, value in given.items():
            if value is not None:
                raise ValueError(
                    f"Argument `{name}` is only supported for Sequential models or Functional "
                    f"models. Received model of type '{type(model).__name__}', with {name}={value}"
                )
        name = type(model).__name__
        return deserialize_keras_object(serialize_keras_object(model), {name: type(model)})

    def clone(layer):
        if id(layer) not in cache:
            cache[id(layer)] = _clone(layer, clone_function, call_function, recursive, cache)
        return cache[id(layer)]

    if is_sequential:
        new = _clone_sequential(model, input_tensors, clone)
    else:
        new = _clone_graph(model, input_tensors, clone, call_function)
    if model.compiled and (config := model.get_compile_config()) is not None:
        new.compile_from_config(config)
    return new


def _clone(layer, clone_function, call_function, recursive: bool, cache: dict):
    """What takes the place of a layer or operation in the clone of a model."""
    if recursive and isinstance(layer, Model) and layer._function is not None:
        return clone_model(
            layer,
            clone_function=clone_function,
            call_function=None if isinstance(layer, Sequential) else call_function,
            recursive=True,
            cache=cache,
        )
    if clone_function is not None:
        return clone_function(layer)
    return type(layer).from_config(layer.get_config())


def _clone_sequential(model, input_tensors, clone):
    first = model._stack[0] if model._stack else None
    layers = [clone(layer) for layer in model.layers]
    if input_tensors is not None:
        tensors = tree.flatten(input_tensors)
        if len(tensors) != 1 or not isinstance(tensors[0], KerasTensor):
            raise ValueError(
                "Argument `input_tensors` must be a KerasTensor. "
                f"Received invalid value: input_tensors={input_tensors}"
            )
        source = source_operation(tensors[0])
        if not isinstance(source, InputLayer):
            source = InputLayer(batch_shape=tensors[0].shape, dtype=tensors[0].dtype)
        layers.insert(0, source)
    elif isinstance(first, InputLayer):
        layers.insert(0, _input_like(first.output))
    return Sequential(layers, name=model.name, trainable=model.trainable)


def _input_like(tensor: KerasTensor) -> InputLayer:
    """A new layer for the same input, of the same name."""
    layer = source_operation(tensor)
    return InputLayer(
        batch_shape=tensor.shape,
        dtype=tensor.dtype,
        optional=getattr(layer, "optional", False),
        name=layer.name,
    )


def _clone_graph(model, input_tensors, clone, call_function):
    function = model._function
    if input_tensors is None:
        tensors = [_input_like(x).output for x in function.inputs]
    else:
        tensors = tree.flatten(input_tensors)
        if not all(isinstance(x, KerasTensor) for x in tensors):
            raise ValueError(
                "All entries in `input_tensors` must be KerasTensors. "
                f"Received invalid values: input_tensors={input_tensors}"
            )
        if len(tensors) != len(function.inputs):
            raise ValueError(
                "`input_tensors` must have the same structure as model.input. Reference "
                f"structure: {model.input} Received structure: {input_tensors}"
            )

    def call(operation, *args, **kwargs):
        new = clone(operation)
        if call_function is not None:
            return call_function(new, *args, **kwargs)
        return new(*args, **kwargs)

    outputs = function.pack(function.replay(tensors, call))
    inputs = tree.pack_sequence_as(function._inputs_struct, tensors)
    kind = type(model) if _takes_a_graph(type(model)) else Functional
    return kind(inputs, outputs, name=model.name, trainable=model.trainable)


def model_from_json(json_string, custom_objects=None, safe_mode=True):
    """A model with fresh weights from what `to_json` gave, here or in Keras.

    Args:
        json_string: the text.
        custom_objects: dict from names to classes and functions that it refers to.
        safe_mode: whether to refuse a text with code in it.

    Raises:
        ValueError: it is no configuration of a model, or asks for what is not safe.
    """
    config = _configs.read_json(json_string, "configuration of the model")
    return model_from_config(config, custom_objects, safe_mode)


def model_from_yaml(yaml_string, custom_objects=None, safe_mode=True):
    """A model with fresh weights from what `to_yaml` gave, here or in Keras before 2.6.

    Args:
        yaml_string: the text; it is read without making any objects that it names.
        custom_objects: dict from names to classes and functions that it refers to.
        safe_mode: whether to refuse a text with code in it.

    Raises:
        ValueError: it is no configuration of a model, or asks for what is not safe.
        ImportError: PyYAML is not installed.
    """
    return model_from_config(_yaml.read(yaml_string), custom_objects, safe_mode)


def model_from_config(config, custom_objects=None, safe_mode=True):
    """A model with fresh weights from a configuration of Keras 1, 2 or 3.

    Args:
        config: a dict with `class_name` and `config`.
        custom_objects: dict from names to classes and functions that it refers to.
        safe_mode: whether to refuse a configuration with code in it.

    Raises:
        TypeError: a list, which is what `Sequential.from_config` takes.
        ValueError: what is no configuration of a model, or asks for what is not safe.
    """
    if isinstance(config, list):
        raise TypeError(
            "`model_from_config` expects a dictionary, not a list. Did you mean to use "
            f"`Sequential.from_config(config)`? Received: config={config}"
        )
    with CustomObjectScope(custom_objects):
        return deserialize_keras_object(_configs.modern(config), safe_mode=safe_mode)
