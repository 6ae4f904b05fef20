"""Projections of weights, applied after each step of the optimizer."""

import torch
from torch import Tensor

from torchkeras import _serialize, config
from torchkeras.ops import _core

__all__ = [
    "Constraint",
    "MaxNorm",
    "MinMaxNorm",
    "NonNeg",
    "UnitNorm",
    "deserialize",
    "get",
    "max_norm",
    "min_max_norm",
    "non_neg",
    "serialize",
    "unit_norm",
]


class Constraint(_serialize.Configurable):
    """Base of constraints: callables that give the projected value of a weight."""

    def __call__(self, w):
        return w


def _norms(w: Tensor, axis) -> Tensor:
    return w.square().sum(axis, keepdim=True).sqrt()


class MaxNorm(Constraint):
    """Shrinks what is longer than `max_value`.

    Args:
        max_value: the greatest norm.
        axis: axis, or axes, along which norms are computed: 0 for the incoming weights of each
            unit of a Dense layer, `[0, 1, 2]` for each filter of a Conv2D layer.
    """

    def __init__(self, max_value=2, axis=0):
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w):
        w = _core.to_float(w)
        norms = _norms(w, self.axis)
        return w * (norms.clamp(0, self.max_value) / (norms + config.epsilon()))


class NonNeg(Constraint):
    """Turns negative weights into zeros."""

    def __call__(self, w):
        return torch.clamp_min(_core.as_tensor(w), 0)


class UnitNorm(Constraint):
    """Divides by the norm.

    Args:
        axis: as in `MaxNorm`.
    """

    def __init__(self, axis=0):
        self.axis = axis

    def __call__(self, w):
        w = _core.to_float(w)
        return w / (_norms(w, self.axis) + config.epsilon())


class MinMaxNorm(Constraint):
    """Brings norms into an interval.

    Args:
        min_value: the least norm.
        max_value: the greatest norm.
        rate: from 0 to 1, which part of the way to the interval is gone at each step.
        axis: as in `MaxNorm`.
    """

    def __init__(self, min_value=0.0, max_value=1.0, rate=1.0, axis=0):
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w):
        w = _core.to_float(w)
        norms = _norms(w, self.axis)
        within = norms.clamp(self.min_value, self.max_value)
        desired = self.rate * within + (1 - self.rate) * norms
        return w * (desired / (norms + config.epsilon()))


max_norm = MaxNorm
min_max_norm = MinMaxNorm
non_neg = NonNeg
unit_norm = UnitNorm


def serialize(constraint):
    """The config of a constraint."""
    return _serialize.serialize_keras_object(constraint)


def deserialize(config, custom_objects=None):
    """The constraint of a config or a name."""
    return _serialize.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=globals()
    )


def get(identifier):
    """The constraint meant by a name, a config, a class or a callable; None is None."""
    return _serialize.lookup(identifier, globals(), "constraint")
