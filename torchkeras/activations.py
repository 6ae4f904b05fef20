"""Activation functions, in straight torch.

Integers and booleans are computed in `floatx()`, except by the functions that only cut values off.
"""

import types
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import _op, _serialize
from torchkeras.ops import _core

__all__ = [
    "celu",
    "deserialize",
    "elu",
    "exponential",
    "gelu",
    "get",
    "glu",
    "hard_shrink",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "leaky_relu",
    "linear",
    "log_sigmoid",
    "log_softmax",
    "mish",
    "relu",
    "relu6",
    "selu",
    "serialize",
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
    "tanh",
    "tanh_shrink",
    "threshold",
]


def _op_in(place: str, name: str | None = None) -> Callable[[Callable], Callable]:
    """`op` with a node whose class Keras keeps in the module `keras.src.{place}`."""

    def decorate(function):
        wrapper = _op.op(function, name=name)
        function.__module__ = f"torchkeras.{place}"
        return wrapper

    return decorate


_nn_op = _op_in("ops.nn")


@_op_in("activations.activations", "ReLU")
def relu(x: Tensor, negative_slope=0.0, max_value=None, threshold=0.0):
    """`max(x, 0)` by default.

    Args:
        negative_slope: slope of the part below `threshold`.
        max_value: what greater values are cut off to; None for no limit.
        threshold: what `x` must exceed to be kept; below it is `negative_slope * (x - threshold)`.
    """
    if type(x) is not Tensor:
        x = _core.as_tensor(x)
    if not negative_slope and max_value is None and not threshold:
        return torch.relu(x)
    if max_value is None and not threshold:
        return F.leaky_relu(_core.to_float(x), negative_slope)
    if threshold:
        kept = torch.where(x > threshold, x, 0)
    else:
        kept = F.relu6(x) if max_value == 6 else torch.relu(x)
    if max_value is not None and not (max_value == 6 and not threshold):
        kept = kept.clamp(0, max_value)
    if not negative_slope:
        return kept
    return kept - negative_slope * torch.relu(threshold - x)


@_nn_op
def leaky_relu(x: Tensor, negative_slope=0.2):
    """`x` where positive, else `negative_slope * x`."""
    return F.leaky_relu(_core.to_float(x), negative_slope)


@_nn_op
def relu6(x: Tensor):
    """`min(max(x, 0), 6)`."""
    return F.relu6(_core.as_tensor(x))


@_nn_op
def softmax(x: Tensor, axis=-1):
    """`exp(x) / sum(exp(x))` over an axis, a tuple of axes, or all of them (None).

    Over the last axis the result remembers `x` as `_keras_logits`, for the crossentropies.
    """
    if type(x) is not Tensor or not x.is_floating_point():
        x = _core.to_float(x)
    if type(axis) is not int:
        return _over_axes(torch.softmax, x, axis)
    if x.ndim and x.shape[axis] == 1:
        _warn_of_single_value(x, axis)
    y = torch.softmax(x, axis)
    if axis == -1 or axis == x.ndim - 1:
        y._keras_logits, y._keras_activation = x, "softmax"
    return y


def _over_axes(function: Callable[..., Tensor], x: Tensor, axis: Any) -> Tensor:
    """`function` over several axes taken as one; None for all."""
    axes = tuple(range(x.ndim)) if axis is None else tuple(axis)
    last = tuple(range(-len(axes), 0))
    moved = x.movedim(axes, last)
    return function(moved.flatten(x.ndim - len(axes)), -1).reshape(moved.shape).movedim(last, axes)


def _warn_of_single_value(x: Tensor, axis: int) -> None:
    if not torch.compiler.is_compiling():
        warnings.warn(
            f"You are using a softmax over axis {axis} of a tensor of shape {tuple(x.shape)}. This "
            "axis has size 1. The softmax operation will always return the value 1, which is "
            "likely not what you intended. Did you mean to use a sigmoid instead?",
            stacklevel=4,
        )


@_nn_op
def log_softmax(x: Tensor, axis=-1):
    """Logarithm of `softmax(x, axis)`."""
    x = _core.to_float(x)
    if type(axis) is not int:
        return _over_axes(torch.log_softmax, x, axis)
    return torch.log_softmax(x, axis)


@_nn_op
def elu(x: Tensor, alpha=1.0):
    """`x` where positive, else `alpha * (exp(x) - 1)`."""
    return F.elu(_core.to_float(x), alpha)


@_nn_op
def selu(x: Tensor):
    """`elu` scaled such that activations normalize themselves."""
    return torch.selu(_core.to_float(x))


@_nn_op
def celu(x: Tensor, alpha=1.0):
    """`max(x, 0) + min(alpha * (exp(x / alpha) - 1), 0)`."""
    return torch.celu(_core.to_float(x), alpha)


@_nn_op
def softplus(x: Tensor):
    """`log(exp(x) + 1)`."""
    return F.softplus(_core.to_float(x))


@_nn_op
def softsign(x: Tensor):
    """`x / (abs(x) + 1)`."""
    return F.softsign(_core.to_float(x))


@_nn_op
def soft_shrink(x: Tensor, threshold=0.5):
    """`x` brought `threshold` nearer to zero, zero within that distance."""
    return F.softshrink(_core.to_float(x), threshold)


@_nn_op
def hard_shrink(x: Tensor, threshold=0.5):
    """`x`, but zero where not farther from zero than `threshold`."""
    return F.hardshrink(_core.to_float(x), threshold)


@_nn_op
def tanh_shrink(x: Tensor):
    """`x - tanh(x)`."""
    return F.tanhshrink(_core.to_float(x))


@_nn_op
def sparse_plus(x: Tensor):
    """Zero up to -1, `x` from 1 on, `(x + 1)**2 / 4` in between."""
    x = _core.to_float(x)
    return torch.where(x <= -1, 0, torch.where(x < 1, (x + 1).square() / 4, x))


@_nn_op
def silu(x: Tensor):
    """`x * sigmoid(x)`."""
    if type(x) is not Tensor or not x.is_floating_point():
        x = _core.to_float(x)
    # What F.silu calls, without a Python frame of its own.
    return torch._C._nn.silu(x)


swish = silu


@_nn_op
def hard_silu(x: Tensor):
    """`x * hard_sigmoid(x)`."""
    return F.hardswish(_core.to_float(x))


hard_swish = hard_silu


@_nn_op
def squareplus(x: Tensor, b=4):
    """`(x + sqrt(x**2 + b)) / 2`."""
    x = _core.to_float(x)
    return (x + (x.square() + b).sqrt()) / 2


@_nn_op
def gelu(x: Tensor, approximate=False):
    """`x` times the normal distribution's chance of a smaller number.

    Args:
        approximate: whether to compute it from `tanh`.
    """
    if type(x) is not Tensor or not x.is_floating_point():
        x = _core.to_float(x)
    return F.gelu(x, approximate="tanh" if approximate else "none")


@_nn_op
def glu(x: Tensor, axis=-1):
    """The first half along `axis` times the sigmoid of the second."""
    return F.glu(_core.to_float(x), axis)


@_op_in("ops.numpy")
def tanh(x: Tensor):
    """Hyperbolic tangent."""
    if type(x) is not Tensor or not x.is_floating_point():
        x = _core.to_float(x)
    return torch.tanh(x)


@_nn_op
def hard_tanh(x: Tensor):
    """`x` cut off at -1 and 1."""
    return F.hardtanh(_core.as_tensor(x))


@_nn_op
def threshold(x: Tensor, threshold, default_value):
    """`x` where greater than `threshold`, else `default_value`."""
    return F.threshold(_core.as_tensor(x), threshold, default_value)


@_nn_op
def sigmoid(x: Tensor):
    """`1 / (1 + exp(-x))`; the result remembers `x` as `_keras_logits`, for the crossentropies."""
    if type(x) is not Tensor or not x.is_floating_point():
        x = _core.to_float(x)
    y = torch.sigmoid(x)
    y._keras_logits, y._keras_activation = x, "sigmoid"
    return y


@_nn_op
def hard_sigmoid(x: Tensor):
    """`relu6(x + 3) / 6`."""
    return F.hardsigmoid(_core.to_float(x))


@_nn_op
def log_sigmoid(x: Tensor):
    """Logarithm of `sigmoid(x)`."""
    return F.logsigmoid(_core.to_float(x))


@_nn_op
def sparse_sigmoid(x: Tensor):
    """`(x + 1) / 2` cut off at 0 and 1."""
    return F.hardtanh(0.5 * (_core.to_float(x) + 1), 0.0, 1.0)


@_op_in("ops.numpy", "Exp")
def exponential(x: Tensor):
    """`exp(x)`."""
    return torch.exp(_core.to_float(x))


@_op_in("activations.activations")
def mish(x: Tensor):
    """`x * tanh(softplus(x))`."""
    return F.mish(_core.to_float(x))


@_nn_op
def sparsemax(x: Tensor, axis=-1):
    """The point of the probability simplex nearest to `x`, mostly zeros: arXiv:1602.02068."""
    x = _core.to_float(x)
    descending = x.sort(dim=axis, descending=True).values
    sums = descending.cumsum(axis)
    shape = [1] * x.ndim
    shape[axis] = -1
    counts = torch.arange(1, x.shape[axis] + 1, dtype=x.dtype, device=x.device).reshape(shape)
    support = counts * descending > sums - 1
    size = support.sum(axis, keepdim=True)
    total = torch.where(support, descending, 0).sum(axis, keepdim=True)
    return torch.clamp_min(x - (total - 1) / size, 0)


def linear(x):
    """`x` itself."""
    return x


def serialize(activation):
    """The name of one of the functions here, or the config of another callable."""
    if isinstance(activation, types.FunctionType):
        name = _serialize.get_registered_name(activation)
        if name in __all__:
            return name
    config = _serialize.serialize_keras_object(activation)
    if not isinstance(config, dict) or "config" not in config:
        raise ValueError(
            f"Unknown activation function '{activation}' cannot be serialized. Use one of those "
            "of `keras.activations`, or `@keras.saving.register_keras_serializable()`. "
            f"Received: config={config}"
        )
    return config


def deserialize(config, custom_objects=None):
    """The function of a name or a config."""
    return _serialize.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=globals()
    )


def get(identifier):
    """The function meant by a name, a config or a callable; None is `linear`."""
    if identifier is None:
        return linear
    return _serialize.lookup(identifier, globals(), "activation function", instantiate=False)
