"""Whole models and weights in the HDF5 layout of Keras 1 and 2, which Keras 3 still writes."""

import json
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from torchkeras import _version
from torchkeras._serialize import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras._variable import Variable
from torchkeras.saving import _archive, _configs, _h5

__all__ = []


def is_legacy(file: Any) -> bool:
    """Whether an HDF5 file is laid out layer by layer."""
    return "layer_names" in file.attrs or _h5.has(file, "model_weights")


# Writing


def save(model, filepath: str, include_optimizer: bool) -> None:
    """Writes a model with its configuration."""
    with _archive.replacing(filepath) as part, _h5.h5py().File(part, "w") as file:
        _mark(file)
        config = {"class_name": type(model).__name__, "config": model.get_config()}
        file.attrs["model_config"] = _text(config)
        _write_layers(model, file.create_group("model_weights"))
        optimizer = getattr(model, "optimizer", None)
        if not include_optimizer or not hasattr(optimizer, "get_config"):
            return
        training = dict(model.get_compile_config() or {})
        training["optimizer_config"] = {
            "class_name": type(optimizer).__name__,
            "config": serialize_keras_object(optimizer)["config"],
        }
        training.pop("optimizer", None)
        file.attrs["training_config"] = _text(training)
        if optimizer.built:
            group = file.create_group("optimizer_weights")
            _write(group, [(v.path, v) for v in optimizer.variables])


def save_weights(model, filepath: str) -> None:
    """Writes the weights alone."""
    with _h5.h5py().File(filepath, "w") as file:
        _write_layers(model, file)


def _mark(group: Any) -> None:
    group.attrs["backend"] = b"torch"
    group.attrs["keras_version"] = _version.KERAS_VERSION.encode()


def _text(config: Any) -> bytes:
    return json.dumps(config, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    return serialize_keras_object(value)


def _write_layers(model, group: Any) -> None:
    layers = list(_layers(model))
    group.attrs["layer_names"] = [layer.name.encode() for layer in layers]
    _mark(group)
    for layer in layers:
        _write(group.create_group(layer.name), [(v.path, v) for v in _weights(layer)])


def _write(group: Any, variables: list[tuple[str, Variable]]) -> None:
    group.attrs["weight_names"] = [name.encode() for name, _ in variables]
    for name, variable in variables:
        array = _h5.as_array(variable)
        dataset = group.create_dataset(name, array.shape, dtype=array.dtype)
        dataset[...] = array


def _layers(model) -> Iterator[Any]:
    yield from model.layers


def _weights(layer) -> list[Variable]:
    """The weights of a layer as old files order them: all trainable ones first."""
    return layer.trainable_weights + layer.non_trainable_weights


# Reading


def load(filepath: str, custom_objects, compile: bool, safe_mode: bool):
    """A model from its configuration and weights.

    Raises:
        ValueError: a file of weights alone.
    """
    with _h5.opened(filepath) as file:
        if "model_config" not in file.attrs:
            raise ValueError(
                "No model config found in the file. It may hold weights alone: make the model and "
                f"use `load_weights`. Received: filepath={filepath}"
            )
        config = _configs.read_json(file.attrs["model_config"], "configuration of the model")
        with CustomObjectScope(custom_objects or {}):
            model = deserialize_keras_object(_configs.converted(config), safe_mode=safe_mode)
            load_weights(model, _h5.group_at(file, "model_weights"))
            if compile and "training_config" in file.attrs:
                text = file.attrs["training_config"]
                _compile(model, _configs.read_json(text, "training configuration"), safe_mode)
                _load_optimizer(model, file)
    return model


def _compile(model, training: dict, safe_mode: bool) -> None:
    arguments = _configs.compile_arguments(training)
    optimizer = _configs.converted(arguments.pop("optimizer"))
    given = {key: value for key, value in arguments.items() if value is not None}
    model.compile(
        deserialize_keras_object(optimizer, safe_mode=safe_mode),
        **deserialize_keras_object(given, safe_mode=safe_mode),
    )


def _load_optimizer(model, file: Any) -> None:
    optimizer = model.optimizer
    if not _h5.has(file, "optimizer_weights") or not hasattr(optimizer, "build"):
        return
    optimizer.build(model.trainable_variables)
    arrays = _arrays(_h5.group_at(file, "optimizer_weights"))
    variables = optimizer.variables
    if [a.shape for a in arrays] != [tuple(v.shape) for v in variables]:
        warnings.warn(
            "Error in loading the saved optimizer state. As a result, your model is starting with "
            "a freshly initialized optimizer.",
            stacklevel=5,
        )
        return
    for variable, array in zip(variables, arrays):
        variable.assign(array)


def load_weights(model, file: Any, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Reads the weights of a model from a group laid out layer by layer.

    Raises:
        ValueError: layers or shapes that do not agree.
    """
    group = _h5.group_at(file, "model_weights") if "layer_names" not in file.attrs else file
    saved = {name: _arrays(_h5.group_at(group, name)) for name in _names(group, "layer_names")}
    saved = {name: arrays for name, arrays in saved.items() if arrays}
    layers = [layer for layer in _layers(model) if _weights(layer)]
    if by_name:
        pairs = [(layer, saved[layer.name]) for layer in layers if layer.name in saved]
    else:
        if len(saved) != len(layers):
            raise ValueError(
                "Layer count mismatch when loading weights from file. Model expected "
                f"{len(layers)} layers, found {len(saved)} saved layers."
            )
        pairs = list(zip(layers, saved.values()))
    for layer, arrays in pairs:
        _assign(layer, arrays, skip_mismatch)


def _assign(layer, arrays: list[np.ndarray], skip_mismatch: bool) -> None:
    variables = _weights(layer)
    expected = [tuple(v.shape) for v in variables]
    found = [array.shape for array in arrays]
    if expected == found:
        for variable, array in zip(variables, arrays):
            variable.assign(array)
        return
    message = (
        f"Weight mismatch in layer '{layer.name}': it expects weights of shapes {expected}, the "
        f"file has {found}."
    )
    if not skip_mismatch:
        raise ValueError(message)
    warnings.warn(f"Skipping loading of weights. {message}", stacklevel=5)


def _arrays(group: Any) -> list[np.ndarray]:
    return [_h5.array_at(group, name) for name in _names(group, "weight_names")]


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names, which may go on in `...0`, `...1` where it is long."""
    names = list(group.attrs.get(attribute, ()))
    number = 0
    while f"{attribute}{number}" in group.attrs:
        names.extend(group.attrs[f"{attribute}{number}"])
        number += 1
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]
