"""Activation functions: those of `ops`, and the few that differ from the op of their name.

Integers and booleans are computed in `floatx()`, except by the functions that only cut values off.
"""

import types

import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import _serialize
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, to_float
from torchkeras.ops.nn import _activation
from torchkeras.ops.nn._activation import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    relu6,
    selu,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    swish,
    tanh_shrink,
    threshold,
)
from torchkeras.ops.numpy._elementwise import tanh

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


@op(name="ReLU", place="activations.activations")
def relu(x: Tensor, negative_slope=0.0, max_value=None, threshold=0.0):
    """`max(x, 0)` by default.

    Args:
        negative_slope: slope of the part below `threshold`.
        max_value: what greater values are cut off to; None for no limit.
        threshold: what `x` must exceed to be kept; below it is `negative_slope * (x - threshold)`.
    """
    if type(x) is not Tensor:
        x = as_tensor(x)
    if not negative_slope and max_value is None and not threshold:
        return torch.relu(x)
    if max_value is None and not threshold:
        return F.leaky_relu(to_float(x), negative_slope)
    if threshold:
        kept = torch.where(x > threshold, x, 0)
    else:
        kept = F.relu6(x) if max_value == 6 else torch.relu(x)
    if max_value is not None and not (max_value == 6 and not threshold):
        kept = kept.clamp(0, max_value)
    if not negative_slope:
        return kept
    return kept - negative_slope * torch.relu(threshold - x)


@op(place="activations.activations")
def mish(x: Tensor):
    """`x * tanh(softplus(x))`."""
    return F.mish(to_float(x))


@op(name="Exp", place="ops.numpy")
def exponential(x: Tensor):
    """`exp(x)`."""
    return torch.exp(to_float(x))


@op(place="ops.nn")
def gelu(x: Tensor, approximate=False):
    """`x` times the normal distribution's chance of a smaller number.

    Args:
        approximate: whether to compute it from `tanh`.
    """
    if type(x) is not Tensor or not x.is_floating_point():
        x = to_float(x)
    return F.gelu(x, approximate="tanh" if approximate else "none")


@op(place="ops.nn")
def sigmoid(x: Tensor):
    """`1 / (1 + exp(-x))`; the result remembers `x` as `_keras_logits`, for the crossentropies."""
    if type(x) is not Tensor or not x.is_floating_point():
        x = to_float(x)
    y = torch.sigmoid(x)
    y._keras_logits, y._keras_activation = x, "sigmoid"
    return y


@op(place="ops.nn")
def softmax(x: Tensor, axis=-1):
    """`exp(x) / sum(exp(x))` over an axis, a tuple of axes, or all of them (None).

    Over the last axis the result remembers `x` as `_keras_logits`, for the crossentropies.
    """
    if type(x) is not Tensor or not x.is_floating_point():
        x = to_float(x)
    if type(axis) is not int or (x.ndim and x.shape[axis] == 1):
        return _activation.softmax(x, axis)
    y = torch.softmax(x, axis)
    if axis == -1 or axis == x.ndim - 1:
        y._keras_logits, y._keras_activation = x, "softmax"
    return y


def linear(x):
    """`x` itself."""
    return x


# What a function does to a tensor of floating point, without a look at what comes.
relu._on_floats, tanh._on_floats = torch.relu, torch.tanh


def on_floats(activation):
    """What computes an activation of tensors of floating point in the fewest calls."""
    return getattr(activation, "_on_floats", activation)


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
    # A function of `tf.nn` stands for the one of its name here.
    identifier = getattr(identifier, "keras_function", identifier)
    return _serialize.lookup(identifier, globals(), "activation function", instantiate=False)
