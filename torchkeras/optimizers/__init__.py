"""Optimizers: Keras's update rules on torch's kernels."""

from torch import optim as _optim

from torchkeras import _serialize
from torchkeras.optimizers import legacy, schedules
from torchkeras.optimizers._algorithms import *
from torchkeras.optimizers._base import *
from torchkeras.optimizers._wrappers import *


def get(identifier):
    """The optimizer of a name in any case, a config or a class; instances, torch's too, stay."""
    if identifier is None or isinstance(identifier, (Optimizer, _optim.Optimizer)):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return _serialize.lookup(identifier, globals(), "optimizer", ignore_case=True)
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    if isinstance(identifier, type) and issubclass(identifier, _optim.Optimizer):
        return identifier
    raise ValueError(f"Could not interpret optimizer identifier: {identifier}")


def serialize(optimizer):
    """The configuration of an optimizer as a dictionary."""
    return _serialize.serialize_keras_object(optimizer)


def deserialize(config, custom_objects=None):
    """The optimizer that a configuration describes; the name of a class may be in any case."""
    names = {name.lower(): name for name, value in globals().items() if isinstance(value, type)}
    class_name = config.get("class_name", "")
    config = {**config, "class_name": names.get(class_name.lower(), class_name)}
    return _serialize.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=globals()
    )
