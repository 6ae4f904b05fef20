"""Metrics, as classes, functions and names (`keras.metrics`)."""

from torchkeras._serialize import deserialize_keras_object as _deserialize
from torchkeras._serialize import lookup as _lookup
from torchkeras._serialize import serialize_keras_object as _serialize
from torchkeras.metrics._base import *
from torchkeras.metrics._confusion import *
from torchkeras.metrics._iou import *
from torchkeras.metrics._simple import *

# A string names a class: "mean_squared_error" is the metric, not the function.
_names = {name: value for name, value in globals().items() if isinstance(value, type)}
_names |= dict.fromkeys(("bce", "BCE"), BinaryCrossentropy)
_names |= dict.fromkeys(("mse", "MSE"), MeanSquaredError)
_names |= dict.fromkeys(("mae", "MAE"), MeanAbsoluteError)
_names |= dict.fromkeys(("mape", "MAPE"), MeanAbsolutePercentageError)
_names |= dict.fromkeys(("msle", "MSLE"), MeanSquaredLogarithmicError)


def get(identifier):
    """A `Metric` or function from a name, config, class or callable; None is None."""
    return _lookup(identifier, _names, "metric")


def serialize(metric):
    """The config of a metric."""
    return _serialize(metric)


def deserialize(config, custom_objects=None):
    """The metric that a config or name stands for."""
    return _deserialize(config, custom_objects=custom_objects, module_objects=_names)
