"""Models and weights in TensorFlow's formats, read without TensorFlow.

A checkpoint holds a graph of objects: each has named children, and a variable the key of its value.
It is walked beside the layers of the model here, which have the same names.
"""

import os
from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from torchkeras._errors import warn
from torchkeras._serialize import CustomObjectScope, deserialize_keras_object
from torchkeras._variable import Variable
from torchkeras.saving import _configs, _legacy, _optimizer_state, _walk
from torchkeras.saving._tensorflow_files import Bundle, integer, message, text

__all__ = []

_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_SAVED_MODEL = "saved_model.pb"
_METADATA = "keras_metadata.pb"
_STATE = ("modules", "parameters", "buffers")
_WEIGHTS = os.path.join("variables", "variables")


class Complete:
    """What tf.keras gave back for a checkpoint: says that all weights were found."""

    def expect_partial(self) -> "Complete":
        """Nothing is left over."""
        return self

    assert_consumed = assert_existing_objects_matched = assert_nontrivial_match = expect_partial


def is_saved_model(path: str) -> bool:
    """Whether a path is a folder that TensorFlow's `save` wrote."""
    return os.path.isfile(os.path.join(path, _SAVED_MODEL))


def is_checkpoint(path: str) -> bool:
    """Whether a path is the prefix of a checkpoint's files, or a folder with a SavedModel."""
    return os.path.isfile(f"{path}.index") or is_saved_model(path)


# Weights


class _Object:
    """An object of a checkpoint: its children and the key of its value."""

    def __init__(self, data: memoryview):
        fields = message(data)
        children = [message(child) for child in fields.get(1, [])]
        self.children = {text(child, 2): integer(child, 1) for child in children}
        attributes = [message(attribute) for attribute in fields.get(2, [])]
        self.keys = {text(attribute, 1): text(attribute, 3) for attribute in attributes}
        self.full_name = text(attributes[0], 2) if attributes else ""
        slots = [message(slot) for slot in fields.get(3, [])]
        self.slots = [(integer(s, 1), text(s, 2), integer(s, 3)) for s in slots]

    def numbers(self) -> Iterator[int]:
        """The objects that this one refers to."""
        yield from self.children.values()
        for original, _, slot in self.slots:
            yield from (original, slot)


class _Checkpoint:
    def __init__(self, path: str):
        self.bundle = Bundle(os.path.join(path, _WEIGHTS) if is_saved_model(path) else path)
        if _GRAPH not in self.bundle:
            raise ValueError(
                "The checkpoint was written by name, as TensorFlow 1 does, and does not say which "
                f"layer a value belongs to. Received: filepath={path}, with the values "
                f"{self.bundle.names()[:20]}"
            )
        graph = message(b"".join(self.bundle.strings(_GRAPH)))
        self.objects = [_Object(data) for data in graph.get(1, [])]
        used = {0, *(number for obj in self.objects for number in obj.numbers())}
        if max(used) >= len(self.objects):
            raise ValueError(
                f"The checkpoint is damaged: it refers to an object {max(used)} of "
                f"{len(self.objects)}. Received: filepath={path}"
            )

    def child(self, parent: int, name: str) -> int | None:
        """The number of a child, None where there is no such object."""
        return self.objects[parent].children.get(name)

    def key(self, number: int) -> str | None:
        return self.objects[number].keys.get("VARIABLE_VALUE")

    def pairs(self, obj: Any, number: int, seen: set) -> Iterator[tuple[Variable, str]]:
        """Variables below `obj` with the keys of their values."""
        if (id(obj), number) in seen:
            return
        seen.add((id(obj), number))
        for name in self.objects[number].children:
            found, place = _child(obj, name), self.child(number, name)
            if found is None or place is None:
                continue
            if isinstance(found, Tensor):
                if (key := self.key(place)) is not None:
                    yield found, key
            else:
                yield from self.pairs(found, place, seen)


def _child(obj: Any, name: str) -> Any:
    """What a checkpoint calls `name` in a layer, a list or a dict; None where it has no weights."""
    kind, _, number = name.rpartition("-")
    if kind == "layer" and hasattr(obj, "layers") and number.isdigit():
        return obj.layers[int(number)] if int(number) < len(obj.layers) else None
    if isinstance(obj, (list, tuple)):
        found = obj[int(name)] if name.isdigit() and int(name) < len(obj) else None
    elif isinstance(obj, dict):
        found = obj.get(name)
    else:
        # Not through properties, such as `trainable_variables`, which SavedModels list too.
        own = (obj.__dict__, *(obj.__dict__.get(f"_{kind}", {}) for kind in _STATE))
        found = next((state[name] for state in own if name in state), None)
    return found if isinstance(found, (nn.Module, Tensor, list, tuple, dict)) else None


def load_weights(model, path: str, skip_mismatch: bool = False) -> None:
    """Reads the weights of a model, and its optimizer's state, from a checkpoint or SavedModel.

    Nothing is changed where the file does not fit.

    Args:
        model: the model, built.
        path: prefix of the checkpoint's files, or the folder of a SavedModel.
        skip_mismatch: whether to leave weights that are of another shape, or not there, as they
            are.

    Raises:
        ValueError: the files are damaged, or a weight is missing or has another shape.
    """
    checkpoint = _Checkpoint(path)
    keys: dict[int, str] = {}
    for variable, key in checkpoint.pairs(model, 0, set()):
        keys.setdefault(id(variable), key)
    values, problems = [], []
    for variable in model.weights:
        if id(variable) not in keys:
            problems.append(f"{variable.path} is not in the checkpoint")
            continue
        value = checkpoint.bundle.tensor(keys[id(variable)])
        if value.shape != variable.shape:
            problems.append(
                f"{variable.path} has shape {tuple(variable.shape)}, in the checkpoint "
                f"{tuple(value.shape)}"
            )
            continue
        values.append((variable, value))
    if problems:
        listed = "; ".join(problems[:5]) + ("; ..." if len(problems) > 5 else "")
        if not skip_mismatch:
            raise ValueError(
                f"{len(problems)} of {len(model.weights)} weights do not fit the checkpoint: "
                f"{listed}. Received: filepath={path}"
            )
        warn(f"Skipping loading of weights: {listed}")
    values.extend(_optimizer_values(model, checkpoint))
    for variable, value in values:
        variable.assign(value)


def _optimizer_values(model, checkpoint: _Checkpoint) -> list[tuple[Variable, Any]]:
    """The variables of a model's optimizer with their values, where the checkpoint has them."""
    optimizer = getattr(model, "optimizer", None)
    place = checkpoint.child(0, "optimizer")
    if place is None or not hasattr(optimizer, "build") or not checkpoint.objects[place].children:
        return []
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    names, arrays = [], []
    for name, number in _slots(model, checkpoint, place):
        if (key := checkpoint.key(number)) is not None:
            names.append(name)
            arrays.append(checkpoint.bundle.tensor(key).numpy())
    return _optimizer_state.matched(optimizer, arrays, names) or []


def _slots(model, checkpoint: _Checkpoint, place: int) -> list[tuple[str, int]]:
    """The state of the optimizer at `place`, in order: names and numbers of objects."""
    listed = checkpoint.child(place, "_variables")
    if listed is None:
        return _old_slots(model, checkpoint, place)
    children = checkpoint.objects[listed].children
    numbers = [children[name] for name in sorted(children, key=int)]
    rate = checkpoint.child(place, "_learning_rate")
    if rate is not None and rate not in numbers:
        numbers.insert(1, rate)
    return [(checkpoint.objects[number].full_name, number) for number in numbers]


def _old_slots(model, checkpoint: _Checkpoint, place: int) -> list[tuple[str, int]]:
    """The state of an optimizer before TensorFlow 2.11, one slot of all weights after the other."""
    trained = {id(v): number for number, v in enumerate(model.trainable_variables)}
    order = {}
    for variable, key in checkpoint.pairs(model, 0, set()):
        if id(variable) in trained:
            order[key] = trained[id(variable)]
    slots = []
    for original, name, number in checkpoint.objects[place].slots:
        key = checkpoint.key(original)
        if key in order:
            slots.append((name, order[key], number))
    # Named as in the `.h5` files of the time.
    state = [(f"optimizer/{name}", number) for name, _, number in sorted(slots)]
    step = checkpoint.child(place, "iter")
    return state if step is None else [("optimizer/iter", step), *state]


# Models


def load_model(path: str, custom_objects, compile: bool, safe_mode: bool):
    """A model from a SavedModel that tf.keras wrote: its configuration, weights, optimizer.

    Raises:
        ValueError: there is no configuration in it, or one of a class that is not known here.
    """
    found = _metadata(path)
    weights = os.path.join(path, _WEIGHTS)
    if found is None:
        raise ValueError(
            "This SavedModel holds a TensorFlow program and no configuration of Keras, and the "
            "program cannot run here. Make the model in Python; then "
            f"`model.load_weights({weights!r})` reads its weights. Received: filepath={path}"
        )
    config = {"class_name": found.get("class_name"), "config": found.get("config")}
    try:
        with CustomObjectScope(custom_objects):
            model = deserialize_keras_object(_configs.converted(config), safe_mode=safe_mode)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"The model in this SavedModel, of class '{found.get('class_name')}', cannot be made "
            f"from its configuration: {error}. Give its class in `custom_objects`, or make the "
            f"model in Python and read its weights by `model.load_weights({weights!r})`. "
            f"Received: filepath={path}"
        ) from error
    if not _walk.is_saveable(model):
        raise ValueError(f"The configuration is not of a model but of {model!r}")
    if not model.built and (shape := found.get("build_input_shape")) is not None:
        model.build(shape)
    training = found.get("training_config")
    if compile and training:
        _legacy._compile(model, training, safe_mode)
    load_weights(model, path)
    return model


def _metadata(path: str) -> dict[str, Any] | None:
    """What Keras wrote about the model as a whole."""
    beside = os.path.join(path, _METADATA)
    if os.path.isfile(beside):
        with open(beside, "rb") as file:
            nodes = [message(node) for node in message(file.read()).get(1, [])]
        texts = [text(node, 5) for node in nodes if text(node, 3) == "root"]
    else:  # before TensorFlow 2.5
        with open(os.path.join(path, _SAVED_MODEL), "rb") as file:
            graphs = message(file.read()).get(2, [])
        objects = message(graphs[0]).get(7, []) if graphs else []
        nodes = message(objects[0]).get(1, []) if objects else []
        users = message(nodes[0]).get(4, []) if nodes else []
        texts = [text(message(users[0]), 3)] if users else []
    if not texts or not texts[0]:
        return None
    found = _configs.read_json(texts[0], "configuration of the model")
    return found if isinstance(found, dict) and "config" in found else None
