"""Whole models and weights in the HDF5 layout of Keras 1 and 2, which Keras 3 still writes."""

import contextlib
import inspect
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torchkeras import _version, losses, metrics
from torchkeras._errors import warn
from torchkeras._naming import to_snake_case
from torchkeras._serialize import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras._variable import Variable
from torchkeras.layers._state import saved_variables
from torchkeras.saving import _archive, _configs, _h5, _old_weights, _optimizer_state, _raw

__all__ = []

# HDF5 takes no attribute that is larger; a longer list goes on in `name0`, `name1`, ...
MAX_ATTRIBUTE = 64512


def is_legacy(file: Any) -> bool:
    """Whether an HDF5 file is laid out layer by layer."""
    return _h5.attribute(file, "layer_names") is not None or _h5.has(file, "model_weights")


# Writing


def save(model, filepath: str, include_optimizer: bool) -> None:
    """Writes a model with its configuration."""
    os.makedirs(os.path.dirname(os.path.realpath(filepath)), exist_ok=True)
    with _archive.replacing(filepath) as part, _new_file(part) as (file, target):
        _mark(file)
        config = {"class_name": type(model).__name__, "config": model.get_config()}
        file.attrs["model_config"] = _text(config)
        optimizer = getattr(model, "optimizer", None) if include_optimizer else None
        if not hasattr(optimizer, "get_config"):
            optimizer = None
        if optimizer is not None and model.compiled:
            file.attrs["training_config"] = _text(_training_config(model, optimizer))
        _write_layers(model, file.create_group("model_weights"), target)
        if optimizer is not None and optimizer.variables:
            group = file.create_group("optimizer_weights")
            _write(group, list(optimizer.variables), target)


def save_weights(model, filepath: str) -> None:
    """Writes the weights alone."""
    with _new_file(filepath) as (file, target):
        _write_layers(model, file, target)


@contextlib.contextmanager
def _new_file(filepath: str) -> Iterator[tuple[Any, _h5.Target | None]]:
    with _raw.sealing(filepath), _h5.h5py().File(filepath, "w") as file:
        yield file, _h5.Target.of(file)


def _mark(group: Any) -> None:
    group.attrs["backend"] = _attribute("torch")
    group.attrs["keras_version"] = _attribute(_version.KERAS_VERSION)


def _text(config: Any) -> bytes:
    return _attribute(json.dumps(config, default=_plain))


def _attribute(text: str) -> bytes:
    """A text as an attribute: where it is short, of its own length, for HDF5 reads others slowly
    and not safely from a damaged file."""
    encoded = text.encode()
    return np.bytes_(encoded) if len(encoded) <= MAX_ATTRIBUTE else encoded


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else serialize_keras_object(value)


def _training_config(model, optimizer) -> dict[str, Any]:
    training = dict(model.get_compile_config() or {})
    training.pop("optimizer", None)
    # Keras does not read its own short names back from these files: "mse".
    training["loss"] = _spelt_out(training.get("loss"), _function_name)
    for key in ("metrics", "weighted_metrics"):
        training[key] = _spelt_out(training.get(key), _metric_config)
    config = serialize_keras_object(optimizer)
    training["optimizer_config"] = {
        "class_name": config["registered_name"] or config["class_name"],
        "config": config["config"],
    }
    return training


def _spelt_out(value: Any, spell: Callable[[str], Any]) -> Any:
    if isinstance(value, str):
        return spell(value)
    if isinstance(value, (list, tuple)):
        return [_spelt_out(item, spell) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _spelt_out(item, spell) for key, item in value.items()}
    return value


def _function_name(name: str) -> str:
    return getattr(vars(losses).get(name), "__name__", name)


def _metric_config(name: str) -> Any:
    """A short name, such as "mae", is what the metric is called; its class is another matter."""
    full_name = getattr(vars(metrics).get(name), "__name__", name)
    for key, found in vars(metrics).items():
        if full_name != name and inspect.isclass(found) and to_snake_case(key) == full_name:
            return serialize_keras_object(found(name=name))
    return full_name


def _write_layers(model, group: Any, target: _h5.Target | None) -> None:
    _write_names(group, "layer_names", [layer.name for layer in model.layers])
    _mark(group)
    # In this order no name of a group is the beginning of one that is there already.
    for layer in sorted(model.layers, key=lambda layer: layer.name):
        _write(group.require_group(layer.name), _weights(layer), target)
    _write(group.require_group("top_level_model_weights"), saved_variables(model), target)


def _write(group: Any, variables: list[Variable], target: _h5.Target | None) -> None:
    names: list[str] = []
    for variable in variables:
        name = variable.path
        while name in names:
            name += "_1"
        names.append(name)
        _h5.put(group, name, variable, target)
    _write_names(group, "weight_names", names)


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    encoded = np.array([name.encode() for name in names])
    parts = 1
    chunks = [encoded]
    while any(chunk.nbytes > MAX_ATTRIBUTE for chunk in chunks):
        parts += 1
        chunks = np.array_split(encoded, parts)
    for number, chunk in enumerate(chunks):
        group.attrs[attribute if parts == 1 else f"{attribute}{number}"] = chunk


def _weights(layer) -> list[Variable]:
    """The weights of a layer as old files order them: all trainable ones first."""
    return layer.trainable_weights + layer.non_trainable_weights


# Reading


def load(filepath: str, custom_objects, compile: bool, safe_mode: bool):
    """A model from its configuration and weights.

    Raises:
        ValueError: a file of weights alone, or one that asks for what is not safe.
    """
    with _h5.opened(filepath) as file:
        config = _h5.attribute(file, "model_config")
        if config is None:
            raise ValueError(
                f"No model config found in the file at {filepath}. It may hold weights alone: make "
                "the model and use `load_weights`."
            )
        config = _configs.read_json(config, "configuration of the model")
        version = _old_weights.said((file,), "keras_version")
        with CustomObjectScope(custom_objects):
            with _configs.building():
                config = _configs.modern(config, version)
                model = deserialize_keras_object(config, safe_mode=safe_mode)
            load_weights(model, file)
            text = _h5.attribute(file, "training_config")
            if compile and text is not None:
                with _configs.building():
                    _compile(model, _configs.read_json(text, "training configuration"), safe_mode)
                _load_optimizer(model, file)
    return model


def _compile(model, training: dict, safe_mode: bool) -> None:
    arguments = _configs.compile_arguments(training)
    optimizer = arguments.pop("optimizer")
    given = {key: value for key, value in arguments.items() if value is not None}
    model.compile(
        deserialize_keras_object(_configs.converted_optimizer(optimizer), safe_mode=safe_mode),
        **deserialize_keras_object(given, safe_mode=safe_mode),
    )


def _load_optimizer(model, file: Any) -> None:
    optimizer = model.optimizer
    if not _h5.has(file, "optimizer_weights") or not hasattr(optimizer, "build"):
        return
    optimizer.build(model.trainable_variables)
    group = _h5.group_at(file, "optimizer_weights")
    names = _names(group, "weight_names")
    arrays = _arrays(file, "optimizer_weights")
    pairs = _optimizer_state.matched(optimizer, arrays, names)
    if pairs is None:
        warn(
            "Error in loading the saved optimizer state. As a result, your model is starting with "
            "a freshly initialized optimizer."
        )
        return
    for variable, array in pairs:
        variable.assign(np.asarray(array))


def load_weights(model, file: Any, by_name: bool = False, skip_mismatch: bool = False) -> None:
    """Reads the weights of a model from a group laid out layer by layer; all or, where one does not
    fit, none.

    Raises:
        ValueError: layers or shapes that do not agree.
    """
    group = _h5.group_at(file, "model_weights") if _h5.has(file, "model_weights") else file
    made = _old_weights.origin(group, file, file.file)
    saved = [(name, _arrays(group, name)) for name in _names(group, "layer_names")]
    if by_name:
        named = {layer.name: layer for layer in model.layers}
        pairs = [(named[name], name, arrays) for name, arrays in saved if name in named]
    else:
        pairs = _in_order(model, [(name, arrays) for name, arrays in saved if arrays])
    values = []
    for number, (layer, name, arrays) in enumerate(pairs):
        place = f"layer #{number} (named {layer.name})"
        if name != layer.name:
            place = f"layer #{number} (named {layer.name} in the current model, {name} in the file)"
        arrays = _old_weights.converted(layer, arrays, made)
        values += _values(place, _weights(layer), arrays, skip_mismatch and by_name, skip_mismatch)
    if _h5.has(group, "top_level_model_weights"):
        arrays = _arrays(group, "top_level_model_weights")
        values += _values("the model", saved_variables(model), arrays, skip_mismatch, skip_mismatch)
    planned = [(v, array) for v, array in values if isinstance(array, _raw.Stored)]
    _raw.read_through(stored for _, stored in planned)
    for variable, array in values:
        if not isinstance(array, _raw.Stored):
            variable.assign(array)
    _raw.fill(planned)


def _in_order(model, saved: list[tuple[str, list]]) -> list[tuple]:
    layers = [layer for layer in model.layers if _weights(layer)]
    if len(saved) != len(layers):
        raise ValueError(
            f"Layer count mismatch when loading weights from file. Model expected {len(layers)} "
            f"layers, found {len(saved)} saved layers."
        )
    named = {layer.name: layer for layer in layers}
    if {name for name, _ in saved} == {*named}:
        # The same layers; their order depends on how the version at hand walks a graph.
        return [(named[name], name, arrays) for name, arrays in saved]
    return [(layer, name, arrays) for layer, (name, arrays) in zip(layers, saved)]


def _values(
    place: str,
    variables: list[Variable],
    arrays: list[_old_weights.Array],
    may_differ_in_number: bool,
    may_differ_in_shape: bool,
) -> list[tuple[Variable, _old_weights.Array]]:
    """Variables with their values, without those that do not fit and need not."""
    if len(variables) != len(arrays):
        message = (
            f"Weight count mismatch for {place}. Layer expects {len(variables)} weight(s). "
            f"Received {len(arrays)} saved weight(s)"
        )
        if not may_differ_in_number:
            raise ValueError(message)
        warn(f"Skipping loading of weights: {message}")
        return []
    pairs = []
    for variable, array in zip(variables, arrays):
        if tuple(variable.shape) == tuple(array.shape):
            pairs.append((variable, array))
            continue
        message = (
            f"Shape mismatch in {place} for weight {variable.path}. Weight expects shape "
            f"{tuple(variable.shape)}. Received saved weight with shape {array.shape}"
        )
        if not may_differ_in_shape:
            raise ValueError(message)
        warn(f"Skipping loading weights: {message}")
    return pairs


def _arrays(parent: Any, name: str) -> list[_old_weights.Array]:
    try:
        group = _h5.group_at(parent, name)
        return [_h5.stored_at(group, weight) for weight in _names(group, "weight_names")]
    except KeyError as error:
        raise ValueError(
            f"The file is damaged: it does not hold {error}, which belongs to '{name}'."
        ) from error


def _names(group: Any, attribute: str) -> list[str]:
    """A list of names, which may go on in `...0`, `...1` where it is long."""
    names = _h5.attribute(group, attribute, ())
    parts = [names]
    while (part := _h5.attribute(group, f"{attribute}{len(parts) - 1}")) is not None:
        parts.append(part)
    if not all(isinstance(part, (tuple, list, np.ndarray)) for part in parts):
        raise ValueError(f"Invalid H5 file: '{attribute}' is no list of names.")
    return [
        name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        for part in parts
        for name in part
    ]
