"""Losses, as classes, functions and names (`keras.losses`)."""

from torchkeras._serialize import deserialize_keras_object as _deserialize
from torchkeras._serialize import lookup as _lookup
from torchkeras._serialize import serialize_keras_object as _serialize
from torchkeras.losses._base import *
from torchkeras.losses._classes import *
from torchkeras.losses._functions import *


def get(identifier):
    """A loss function or `Loss` from a name, config, class or callable; None is None."""
    return _lookup(identifier, globals(), "loss")


def serialize(loss):
    """The config of a loss object or function."""
    return _serialize(loss)


def deserialize(name, custom_objects=None):
    """The loss object or function that a config or name stands for."""
    return _deserialize(name, custom_objects=custom_objects, module_objects=globals())
