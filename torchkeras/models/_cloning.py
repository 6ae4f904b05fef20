"""Models made from other models and from text."""

import copy

from torchkeras import _serialize, tree
from torchkeras._symbolic import KerasTensor
from torchkeras.layers import Input, InputLayer, Layer
from torchkeras.models._function import source_operation
from torchkeras.models._model import Model
from torchkeras.models._sequential import Sequential
from torchkeras.saving import _configs, load_model, save_model

# `load_model` and `save_model` have two homes in Keras.
__all__ = ["clone_model", "load_model", "model_from_json", "save_model"]


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
    kwargs.pop("cache", None)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {kwargs}")
    is_sequential = isinstance(model, Sequential)
    if is_sequential and call_function is not None:
        raise ValueError(
            "`call_function` argument is not supported with Sequential models. In a Sequential "
            "model, layers aren't called at model-construction time. Use Functional instead. "
            f"Received: call_function={call_function}"
        )
    if not is_sequential and model._function is None:
        if clone_function is not None or input_tensors is not None:
            raise ValueError(
                "Arguments `clone_function` and `input_tensors` are only supported for Sequential "
                f"models or Functional models. Received model of type {type(model).__name__}"
            )
        return type(model).from_config(model.get_config())

    def clone(layer):
        if recursive and isinstance(layer, Model) and layer._function is not None:
            return clone_model(
                layer, clone_function=clone_function, call_function=call_function, recursive=True
            )
        return _copy(layer) if clone_function is None else clone_function(layer)

    if is_sequential:
        return _clone_sequential(model, input_tensors, clone)
    return _clone_graph(model, input_tensors, clone, call_function)


def _copy(layer):
    """The layer again, from its configuration."""
    if isinstance(layer, Layer):
        return type(layer).from_config(layer.get_config())
    return copy.copy(layer)


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
        layers.insert(0, source_operation(tensors[0]))
    elif isinstance(first, InputLayer):
        layers.insert(
            0, InputLayer(batch_shape=first.batch_shape, dtype=first.dtype, name=first.name)
        )
    return Sequential(layers, name=model.name, trainable=model.trainable)


def _clone_graph(model, input_tensors, clone, call_function):
    function = model._function
    if input_tensors is None:
        tensors = [
            Input(batch_shape=x.shape, dtype=x.dtype, name=source_operation(x).name)
            for x in function.inputs
        ]
    else:
        tensors = tree.flatten(input_tensors)
        if not all(isinstance(x, KerasTensor) for x in tensors):
            raise ValueError(
                "All entries in `input_tensors` must be KerasTensors. "
                f"Received invalid values: input_tensors={input_tensors}"
            )
    operations = {}

    def call(operation, *args, **kwargs):
        if id(operation) not in operations:
            operations[id(operation)] = clone(operation)
        new = operations[id(operation)]
        if call_function is not None:
            return call_function(new, *args, **kwargs)
        return new(*args, **kwargs)

    outputs = function.pack(function.replay(tensors, call))
    inputs = tree.pack_sequence_as(function._inputs_struct, tensors)
    return type(model)(inputs, outputs, name=model.name, trainable=model.trainable)


def model_from_json(json_string, custom_objects=None):
    """A model with fresh weights from what `to_json` gave, here or in Keras.

    Raises:
        ValueError: it is no configuration of a model.
    """
    config = _configs.read_json(json_string, "configuration of the model")
    if _configs.is_old(config):
        config = _configs.converted(config)
    return _serialize.deserialize_keras_object(config, custom_objects=custom_objects)
