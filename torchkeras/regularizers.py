"""Penalties on weights or outputs, added to the loss."""

import math
from typing import Any

import torch
from torch import Tensor

from torchkeras import _errors, _serialize
from torchkeras.ops import _core

__all__ = [
    "L1",
    "L2",
    "L1L2",
    "OrthogonalRegularizer",
    "Regularizer",
    "deserialize",
    "get",
    "l1",
    "l1_l2",
    "l2",
    "orthogonal_regularizer",
    "serialize",
]


class Regularizer(_serialize.Configurable):
    """Base of regularizers: callables that give the penalty of a tensor, a scalar."""

    _keras_module = "keras"

    def __call__(self, x):
        return 0.0


def _strength(name: str, value: Any, default: float) -> float:
    if value is None:
        return default
    if not isinstance(value, (float, int)) or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument {name}: expected a non-negative float. "
            + _errors.received(**{name: value})
        )
    return float(value)


def _sum_of_absolutes(x: Tensor, strength: float) -> Tensor:
    return x.abs().sum() * strength


def _sum_of_squares(x: Tensor, strength: float) -> Tensor:
    return x.square().sum() * strength


class L1L2(Regularizer):
    """`l1 * sum(abs(x)) + l2 * sum(square(x))`."""

    def __init__(self, l1=0.0, l2=0.0):
        self.l1 = _strength("l1", l1, 0.0)
        self.l2 = _strength("l2", l2, 0.0)

    def __call__(self, x):
        x = _core.as_tensor(x)
        if not self.l1 and not self.l2:
            return x.new_zeros(())
        if not self.l1:
            return _sum_of_squares(x, self.l2)
        penalty = _sum_of_absolutes(x, self.l1)
        return penalty + _sum_of_squares(x, self.l2) if self.l2 else penalty


class L1(Regularizer):
    """`l1 * sum(abs(x))`."""

    def __init__(self, l1=0.01):
        self.l1 = _strength("l1", l1, 0.01)

    def __call__(self, x):
        return _sum_of_absolutes(_core.as_tensor(x), self.l1)


class L2(Regularizer):
    """`l2 * sum(square(x))`."""

    def __init__(self, l2=0.01):
        self.l2 = _strength("l2", l2, 0.01)

    def __call__(self, x):
        return _sum_of_squares(_core.as_tensor(x), self.l2)


class OrthogonalRegularizer(Regularizer):
    """Keeps the rows (or columns) of a matrix orthogonal to each other.

    The penalty is `factor` times the mean, over the pairs of rows, of the absolute cosine of the
    angle between them.

    Args:
        factor: strength of the penalty.
        mode: "rows" or "columns".
    """

    def __init__(self, factor=0.01, mode="rows"):
        self.factor = _strength("factor", factor, 0.01)
        self.mode = _errors.one_of("mode", mode, ("rows", "columns"))

    def __call__(self, inputs):
        inputs = _core.as_tensor(inputs)
        if inputs.ndim != 2:
            raise ValueError(
                "Inputs to OrthogonalRegularizer must have rank 2. "
                f"Received: inputs.shape={tuple(inputs.shape)}"
            )
        rows = inputs if self.mode == "rows" else inputs.T
        norms = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
        rows = rows / torch.where(norms == 0, 1, norms)
        size = rows.shape[0]
        cosines = (rows @ rows.T) * (1 - torch.eye(size, dtype=rows.dtype, device=rows.device))
        pairs = max(size * (size - 1) / 2, 1)
        return self.factor * 0.5 * cosines.abs().sum() / pairs


l1 = L1
l2 = L2
l1_l2 = L1L2
orthogonal_regularizer = OrthogonalRegularizer


def serialize(regularizer):
    """The config of a regularizer."""
    return _serialize.serialize_keras_object(regularizer)


def deserialize(config, custom_objects=None):
    """The regularizer of a config or a name."""
    return _serialize.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=globals()
    )


def get(identifier):
    """The regularizer meant by a name, a config, a class or a callable; None is None."""
    return _serialize.lookup(identifier, globals(), "regularizer")
