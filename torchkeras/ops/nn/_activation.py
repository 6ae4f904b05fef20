"""Activation functions as ops.

Integers and booleans are computed in `floatx()`, except where values are only cut off.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras._errors import warn
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, axes_of, to_float

__all__ = [
    "celu",
    "elu",
    "gelu",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "soft_shrink",
    "softmax",
    "softplus",
    "softsign",
    "sparse_plus",
    "sparse_sigmoid",
    "sparsemax",
    "squareplus",
    "swish",
    "tanh_shrink",
    "threshold",
]


@op
def relu(x: Tensor) -> Tensor:
    """`max(x, 0)`."""
    return torch.relu(as_tensor(x))


@op
def relu6(x: Tensor) -> Tensor:
    """`min(max(x, 0), 6)`."""
    return F.relu6(as_tensor(x))


@op
def leaky_relu(x: Tensor, negative_slope=0.2) -> Tensor:
    """`x` where positive, else `negative_slope * x`."""
    return F.leaky_relu(to_float(x), negative_slope)


@op
def elu(x: Tensor, alpha=1.0) -> Tensor:
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return F.elu(to_float(x), alpha)


@op
def selu(x: Tensor) -> Tensor:
    """`elu` scaled such that activations normalize themselves."""
    return torch.selu(to_float(x))


@op
def celu(x: Tensor, alpha=1.0) -> Tensor:
    """`max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`."""
    return torch.celu(to_float(x), alpha)


@op
def gelu(x: Tensor, approximate=True) -> Tensor:
    """`x` times the normal chance of a smaller number; `approximate`: from `tanh`."""
    return F.gelu(to_float(x), approximate="tanh" if approximate else "none")


@op
def glu(x: Tensor, axis=-1) -> Tensor:
    """The first half along `axis` times the sigmoid of the second."""
    return F.glu(to_float(x), axis)


@op
def silu(x: Tensor) -> Tensor:
    """`x * sigmoid(x)`."""
    if type(x) is not Tensor or not x.is_floating_point():
        x = to_float(x)
    # What F.silu calls, without a Python frame of its own.
    return torch._C._nn.silu(x)


swish = silu


@op
def hard_silu(x: Tensor) -> Tensor:
    """`x * hard_sigmoid(x)`."""
    return F.hardswish(to_float(x))


hard_swish = hard_silu


@op
def sigmoid(x: Tensor) -> Tensor:
    """`1 / (1 + exp(-x))`."""
    return torch.sigmoid(to_float(x))


@op
def hard_sigmoid(x: Tensor) -> Tensor:
    """`relu6(x + 3) / 6`."""
    return F.hardsigmoid(to_float(x))


@op
def log_sigmoid(x: Tensor) -> Tensor:
    """Logarithm of `sigmoid(x)`."""
    return F.logsigmoid(to_float(x))


@op
def sparse_sigmoid(x: Tensor) -> Tensor:
    """`(x + 1) / 2` cut off at 0 and 1."""
    return F.hardtanh(0.5 * (to_float(x) + 1), 0.0, 1.0)


@op
def softplus(x: Tensor) -> Tensor:
    """`log(exp(x) + 1)`."""
    return F.softplus(to_float(x))


@op
def sparse_plus(x: Tensor) -> Tensor:
    """Zero up to -1, `x` from 1 on, `(x + 1)**2 / 4` in between."""
    x = to_float(x)
    return torch.where(x <= -1, 0, torch.where(x < 1, (x + 1).square() / 4, x))


@op
def squareplus(x: Tensor, b=4) -> Tensor:
    """`(x + sqrt(x**2 + b)) / 2`."""
    x = to_float(x)
    return (x + (x.square() + b).sqrt()) / 2


@op
def softsign(x: Tensor) -> Tensor:
    """`x / (abs(x) + 1)`."""
    return F.softsign(to_float(x))


@op
def soft_shrink(x: Tensor, threshold=0.5) -> Tensor:
    """`x` brought `threshold` nearer to zero, zero within that distance."""
    return F.softshrink(to_float(x), threshold)


@op
def hard_shrink(x: Tensor, threshold=0.5) -> Tensor:
    """`x`, but zero where not farther from zero than `threshold`."""
    return F.hardshrink(to_float(x), threshold)


@op
def tanh_shrink(x: Tensor) -> Tensor:
    """`x - tanh(x)`."""
    return F.tanhshrink(to_float(x))


@op
def hard_tanh(x: Tensor) -> Tensor:
    """`x` cut off at -1 and 1."""
    return F.hardtanh(as_tensor(x))


@op
def threshold(x: Tensor, threshold, default_value) -> Tensor:
    """`x` where greater than `threshold`, else `default_value`."""
    return F.threshold(as_tensor(x), threshold, default_value)


@op
def softmax(x: Tensor, axis=-1) -> Tensor:
    """`exp(x) / sum(exp(x))` over an axis, a tuple of axes, or all of them (None)."""
    x = to_float(x)
    if isinstance(axis, int) and -x.ndim <= axis < x.ndim and x.shape[axis] == 1:
        _warn_of_single_value(x, axis)
    return _over_axes(torch.softmax, x, axis)


def _warn_of_single_value(x: Tensor, axis: int) -> None:
    if not torch.compiler.is_compiling():
        warn(
            f"You are using a softmax over axis {axis} of a tensor of shape {tuple(x.shape)}. This "
            "axis has size 1. The softmax operation will always return the value 1, which is "
            "likely not what you intended. Did you mean to use a sigmoid instead?"
        )


@op
def log_softmax(x: Tensor, axis=-1) -> Tensor:
    """Logarithm of `softmax(x, axis)`."""
    return _over_axes(torch.log_softmax, to_float(x), axis)


def _over_axes(function: Callable[..., Tensor], x: Tensor, axis) -> Tensor:
    """`function` over one axis, or over several taken as one; None for all."""
    if isinstance(axis, int):
        return function(x, axis)
    axes = axes_of(axis, x.ndim)
    last = tuple(range(-len(axes), 0))
    moved = x.movedim(axes, last)
    flat = moved.reshape(*moved.shape[: x.ndim - len(axes)], -1)
    return function(flat, -1).reshape(moved.shape).movedim(last, axes)


@op
def sparsemax(x: Tensor, axis=-1) -> Tensor:
    """The point of the probability simplex nearest to `x`, mostly zeros: arXiv:1602.02068."""
    x = to_float(x)
    descending = x.sort(dim=axis, descending=True).values
    sums = descending.cumsum(axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    counts = torch.arange(1, x.shape[axis] + 1, dtype=x.dtype, device=x.device).reshape(shape)
    support = counts * descending > sums - 1
    size = support.sum(axis, keepdim=True)
    total = torch.where(support, descending, 0).sum(axis, keepdim=True)
    return torch.clamp_min(x - (total - 1) / size, 0)
