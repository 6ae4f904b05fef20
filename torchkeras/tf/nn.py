"""`tf.nn`: activations (Keras's own), losses from logits, convolutions and pooling."""

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import activations
from torchkeras.ops import nn as _nn
from torchkeras.ops.nn._convolution import (
    average_pool,
    conv,
    conv_transpose,
    depthwise_conv,
    max_pool,
    separable_conv,
)
from torchkeras.tf._convert import as_shape, as_tensor, matched
from torchkeras.tf._indexing import gather
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade
from torchkeras.tf.dtypes import torch_dtype
from torchkeras.tf.math import (
    in_top_k,
    l2_normalize,
    sigmoid,
    softplus,
    tanh,
    top_k,
    zero_fraction,
)
from torchkeras.tf.random import dropout_mask

__all__ = [
    "atrous_conv2d",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_normalization",
    "bias_add",
    "compute_average_loss",
    "conv1d",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "convolution",
    "crelu",
    "ctc_greedy_decoder",
    "ctc_loss",
    "depth_to_space",
    "depthwise_conv2d",
    "dropout",
    "elu",
    "embedding_lookup",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "local_response_normalization",
    "log_poisson_loss",
    "log_softmax",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "moments",
    "pool",
    "relu",
    "relu6",
    "scale_regularization_loss",
    "selu",
    "separable_conv2d",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "space_to_depth",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "top_k",
    "weighted_cross_entropy_with_logits",
    "weighted_moments",
    "zero_fraction",
]

# Under Keras's names, so that `Dense(10, activation=tf.nn.relu)` has a config.


@facade
def relu(features, name=None):
    """`max(x, 0)`."""
    return activations.relu(as_tensor(features))


@facade
def relu6(features, name=None):
    """`min(max(x, 0), 6)`."""
    return activations.relu6(as_tensor(features))


@facade
def leaky_relu(features, alpha=0.2, name=None):
    """`x` where it is positive, else `alpha * x`."""
    return activations.leaky_relu(as_tensor(features), alpha)


@facade
def elu(features, name=None):
    """`x` where it is positive, else `exp(x) - 1`."""
    return activations.elu(as_tensor(features))


@facade
def selu(features, name=None):
    """The scaled exponential linear unit."""
    return activations.selu(as_tensor(features))


@facade
def gelu(features, approximate=False, name=None):
    """`x` times the normal distribution function of `x`."""
    return activations.gelu(as_tensor(features), approximate)


@facade
def silu(features, beta=1.0, name=None):
    """`x * sigmoid(beta * x)`."""
    x = as_tensor(features)
    return activations.silu(x) if beta == 1.0 else x * torch.sigmoid(beta * x)


swish = silu


@facade
def softsign(features, name=None):
    """`x / (1 + |x|)`."""
    return activations.softsign(as_tensor(features))


@facade
def softmax(logits, axis=-1, name=None):
    """Exponentials divided by their sum along `axis`."""
    return activations.softmax(as_tensor(logits), -1 if axis is None else axis)


@facade
def log_softmax(logits, axis=-1, name=None):
    """The logarithm of `softmax`."""
    return activations.log_softmax(as_tensor(logits), -1 if axis is None else axis)


@facade
def crelu(features, axis=-1, name=None):
    """`relu` of the tensor and of its negative, side by side."""
    x = as_tensor(features)
    return torch.relu(torch.cat((x, -x), axis))


# What `keras.activations.get` makes of them.
for _function in (relu, relu6, leaky_relu, elu, selu, gelu, silu, softsign, softmax, log_softmax):
    _function.keras_function = getattr(activations, _function.__name__)


@facade
def bias_add(value, bias, data_format=None, name=None):
    """`value + bias` along the last axis, or the second one for a data format like "NCHW"."""
    value, bias = matched(value, bias)
    if data_format is not None and data_format.startswith("NC"):
        bias = bias.reshape(-1, *[1] * (len(value.shape) - 2))
    return value + bias


@facade
def dropout(x, rate, noise_shape=None, seed=None, name=None):
    """Zeros a share `rate` of the elements and scales the others by 1 / (1 - rate), always.

    Raises:
        ValueError: `rate` is not in [0, 1).
    """
    x = as_tensor(x)
    if not 0 <= float(rate) < 1:
        raise ValueError(f"`rate` must be a scalar in the range [0, 1). Received: rate={rate}")
    if noise_shape is None and seed is None:
        return F.dropout(x, float(rate), training=True)
    shape = x.shape if noise_shape is None else noise_shape
    shape = [size if wanted is None else wanted for wanted, size in zip(shape, x.shape)]
    return x * dropout_mask(shape, float(rate), seed, x) / (1 - rate)


@facade
def embedding_lookup(params, ids, max_norm=None, name=None):
    """The rows of `params` at `ids`, scaled down to norm `max_norm` where one is given."""
    rows = gather(params, ids)
    if max_norm is None:
        return rows
    norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return rows * (max_norm / torch.clamp(norms, min=max_norm))


@facade
def compute_average_loss(
    per_example_loss, sample_weight=None, global_batch_size=None, dtype=None, name=None
):
    """The sum of the losses over the size of the whole batch."""
    losses = as_tensor(per_example_loss)
    losses = losses if dtype is None else losses.to(torch_dtype(dtype))
    size = losses.shape[0] if losses.dim() else 1
    if sample_weight is not None:
        losses = losses * as_tensor(sample_weight).to(losses.dtype)
    return torch.sum(losses) / (size if global_batch_size is None else global_batch_size)


@facade
def scale_regularization_loss(regularization_loss, name=None):
    """The sum of penalties, over the number of replicas: there is one."""
    return torch.sum(as_tensor(regularization_loss))


@facade
def l2_loss(t, name=None):
    """Half the sum of the squares."""
    return torch.sum(torch.square(as_tensor(t))) / 2


@facade
def moments(x, axes, shift=None, keepdims=False, name=None):
    """Mean and variance over the given axes."""
    variance, mean = torch.var_mean(as_tensor(x), as_shape(axes), correction=0, keepdim=keepdims)
    return mean, variance


@facade
def weighted_moments(x, axes, frequency_weights, keepdims=False, name=None):
    """Mean and variance over the given axes, elements counting as often as their weights say."""
    x, weights = matched(x, frequency_weights)
    weights, dims = weights.expand(x.shape), as_shape(axes)
    total = weights.sum(dims, keepdim=True)
    mean = (x * weights).sum(dims, keepdim=True) / total
    variance = (torch.square(x - mean) * weights).sum(dims, keepdim=True) / total
    return (mean, variance) if keepdims else (mean.squeeze(dims), variance.squeeze(dims))


@facade
def batch_normalization(x, mean, variance, offset, scale, variance_epsilon, name=None):
    """`(x - mean) / sqrt(variance + epsilon) * scale + offset`; both of the last may be None."""
    x, mean, variance = matched(x, mean, variance)
    factor = torch.rsqrt(variance + variance_epsilon)
    factor = factor if scale is None else factor * as_tensor(scale)
    return x * factor + ((0 if offset is None else as_tensor(offset)) - mean * factor)


@facade
def local_response_normalization(input, depth_radius=5, bias=1, alpha=1, beta=0.5, name=None):
    """`x / (bias + alpha * s)**beta`, s the squares summed over `depth_radius` channels around."""
    x = as_tensor(input)
    squares = F.pad(torch.square(x), (depth_radius, depth_radius))
    sums = squares.unfold(-1, 2 * depth_radius + 1, 1).sum(-1)
    return x / (bias + alpha * sums) ** beta


lrn = local_response_normalization

# ---- losses


@facade
def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None):
    """The binary crossentropy of each element."""
    logits, labels = matched(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")


@facade
def weighted_cross_entropy_with_logits(labels=None, logits=None, pos_weight=None, name=None):
    """The binary crossentropy of each element, positive ones counting `pos_weight` times."""
    logits, labels = matched(logits, labels)
    weight = as_tensor(pos_weight, logits.dtype) if pos_weight is not None else None
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none", pos_weight=weight)


@facade
def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
    """The crossentropy of label probabilities and logits, summed over `axis`."""
    logits, labels = matched(logits, labels)
    return -torch.sum(labels * torch.log_softmax(logits, axis), axis)


@facade
def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
    """The crossentropy of integer labels and logits with one more axis, the classes."""
    labels, logits = as_tensor(labels).long(), as_tensor(logits)
    chances = torch.log_softmax(logits, -1)
    return -torch.gather(chances, -1, labels[..., None])[..., 0]


@facade
def log_poisson_loss(targets, log_input, compute_full_loss=False, name=None):
    """The Poisson log likelihood of each element, for the logarithm of the predicted rate."""
    log_input, targets = matched(log_input, targets)
    return F.poisson_nll_loss(log_input, targets, full=compute_full_loss, reduction="none")


@facade
def ctc_loss(
    labels,
    logits,
    label_length,
    logit_length,
    logits_time_major=True,
    unique=None,
    blank_index=0,
    name=None,
):
    """The connectionist temporal classification loss of each example."""
    logits, labels = as_tensor(logits), as_tensor(labels)
    logits = logits if logits_time_major else torch.transpose(logits, 0, 1)
    blank = (blank_index or 0) % logits.shape[-1]
    return F.ctc_loss(
        torch.log_softmax(logits, -1),
        labels.long(),
        as_tensor(logit_length).long(),
        as_tensor(label_length).long(),
        blank=blank,
        reduction="none",
    )


@facade
def ctc_greedy_decoder(inputs, sequence_length, merge_repeated=True, blank_index=None):
    """The most likely labels of each step, without repeats and blanks; -1 fills short rows."""
    inputs = torch.transpose(as_tensor(inputs), 0, 1)
    decoded, scores = _nn.ctc_decode(
        inputs,
        as_tensor(sequence_length),
        strategy="greedy",
        merge_repeated=merge_repeated,
        mask_index=inputs.shape[-1] - 1 if blank_index is None else blank_index % inputs.shape[-1],
    )
    return list(decoded), scores


# ---- convolutions and pooling


def _layout(data_format: str | None) -> str:
    """Keras's name of TensorFlow's data format."""
    is_first = data_format is not None and data_format.startswith("NC")
    return "channels_first" if is_first else "channels_last"


def _spatial(value, rank: int, data_format: str | None) -> tuple[int, ...]:
    """Strides or dilations of the spatial axes, of what TensorFlow takes: 1, rank or all axes."""
    if value is None:
        return (1,) * rank
    sizes = as_shape(value)
    if len(sizes) == rank + 2:
        is_first = _layout(data_format) == "channels_first"
        return sizes[2:] if is_first else sizes[1:-1]
    return sizes * rank if len(sizes) == 1 else sizes


def _padded(x: Tensor, padding, data_format: str | None) -> tuple[Tensor, str]:
    """The padding's name; explicit amounts are put on."""
    if isinstance(padding, str):
        return x, padding.lower()
    widths = [int(width) for pair in reversed(list(padding)) for width in pair]
    return F.pad(x, widths), "valid"


def _convolved(rank: int, x, filters, strides, padding, data_format, dilations) -> Tensor:
    x, filters = matched(x, filters)
    x, padding = _padded(x, padding, data_format)
    strides = _spatial(strides, rank, data_format)
    dilations = _spatial(dilations, rank, data_format)
    return conv(x, filters, strides, padding, _layout(data_format), dilations)


@facade
def conv1d(input, filters, stride, padding, data_format="NWC", dilations=None, name=None):
    """Convolution of (batch, steps, channels) with filters of (size, in, out)."""
    return _convolved(1, input, filters, stride, padding, data_format, dilations)


@facade
def conv2d(input, filters, strides, padding, data_format="NHWC", dilations=None, name=None):
    """Convolution of (batch, height, width, channels) with filters of (height, width, in, out)."""
    return _convolved(2, input, filters, strides, padding, data_format, dilations)


@facade
def conv3d(input, filters, strides, padding, data_format="NDHWC", dilations=None, name=None):
    """Convolution over three spatial axes."""
    return _convolved(3, input, filters, strides, padding, data_format, dilations)


@facade
def convolution(
    input, filters, strides=None, padding="VALID", data_format=None, dilations=None, name=None
):
    """Convolution over as many spatial axes as the filters have."""
    rank = len(as_tensor(filters).shape) - 2
    return _convolved(rank, input, filters, strides, padding, data_format, dilations)


@facade
def atrous_conv2d(value, filters, rate, padding, name=None):
    """`conv2d` with filters whose elements are `rate` apart."""
    return _convolved(2, value, filters, 1, padding, None, rate)


@facade
def conv2d_transpose(
    input,
    filters,
    output_shape,
    strides,
    padding="SAME",
    data_format="NHWC",
    dilations=None,
    name=None,
):
    """The transpose of `conv2d`; filters are (height, width, out, in)."""
    x, filters = matched(input, filters)
    strides = _spatial(strides, 2, data_format)
    layout = _layout(data_format)
    wanted = _spatial(as_shape(output_shape), 2, data_format)
    full = conv_transpose(x, filters, strides, "valid", None, layout)
    sizes = as_shape(full.shape)[2:] if layout == "channels_first" else as_shape(full.shape)[1:3]
    kernel = as_shape(filters.shape)[:2]
    for axis, (size, want, k, s) in enumerate(zip(sizes, wanted, kernel, strides)):
        dim = axis + (2 if layout == "channels_first" else 1)
        forward = -(-want // s)
        before = max((forward - 1) * s + k - want, 0) // 2 if padding.upper() == "SAME" else 0
        full = full.narrow(dim, before, min(want, size - before))
        missing = want - full.shape[dim]
        if missing > 0:
            widths = [0] * (2 * (full.dim() - dim) - 1) + [missing]
            full = F.pad(full, widths)
    return full


@facade
def depthwise_conv2d(input, filter, strides, padding, data_format=None, dilations=None, name=None):
    """Convolution of each channel by itself, with filters of (height, width, in, multiplier)."""
    x, filter = matched(input, filter)
    x, padding = _padded(x, padding, data_format)
    strides = _spatial(strides, 2, data_format)
    dilations = _spatial(dilations, 2, data_format)
    return depthwise_conv(x, filter, strides, padding, _layout(data_format), dilations)


@facade
def separable_conv2d(
    input,
    depthwise_filter,
    pointwise_filter,
    strides,
    padding,
    data_format=None,
    dilations=None,
    name=None,
):
    """A depthwise convolution, then one of size 1 over the channels."""
    x, depthwise, pointwise = matched(input, depthwise_filter, pointwise_filter)
    strides = _spatial(strides, 2, data_format)
    dilations = _spatial(dilations, 2, data_format)
    return separable_conv(
        x, depthwise, pointwise, strides, padding.lower(), _layout(data_format), dilations
    )


def _pooling(function, rank: int | None):
    def call(input, ksize, strides, padding, data_format=None, name=None):
        x = as_tensor(input)
        axes = len(x.shape) - 2 if rank is None else rank
        size = _spatial(ksize, axes, data_format)
        strides = _spatial(strides, axes, data_format)
        return function(x, size, strides, padding.lower(), _layout(data_format))

    return call


def _pool_function(name: str, function, rank: int | None):
    call = _pooling(function, rank)
    call.__name__ = call.__qualname__ = name
    call.__doc__ = "Windows of the spatial axes as one value each, their largest or their mean."
    return facade(call, f"tf.nn.{name}")


avg_pool = _pool_function("avg_pool", average_pool, None)
avg_pool1d = _pool_function("avg_pool1d", average_pool, 1)
avg_pool2d = _pool_function("avg_pool2d", average_pool, 2)
avg_pool3d = _pool_function("avg_pool3d", average_pool, 3)
max_pool1d = _pool_function("max_pool1d", max_pool, 1)
max_pool2d = _pool_function("max_pool2d", max_pool, 2)
max_pool3d = _pool_function("max_pool3d", max_pool, 3)
_max_pool, max_pool = max_pool, _pool_function("max_pool", max_pool, None)


@facade
def pool(
    input,
    window_shape,
    pooling_type,
    strides=None,
    padding="VALID",
    data_format=None,
    dilations=None,
    name=None,
):
    """Pooling of the type "MAX" or "AVG"."""
    if dilations is not None and set(as_shape(dilations)) != {1}:
        raise ValueError(f"Pooling has no dilations here. Received: dilations={dilations}")
    function = {"MAX": _max_pool, "AVG": average_pool}[pooling_type.upper()]
    return _pooling(function, None)(input, window_shape, strides, padding, data_format)


@facade
def space_to_depth(input, block_size, data_format="NHWC", name=None):
    """Blocks of pixels as channels."""
    return _nn.space_to_depth(as_tensor(input), block_size, _layout(data_format))


@facade
def depth_to_space(input, block_size, data_format="NHWC", name=None):
    """Channels as blocks of pixels."""
    return _nn.depth_to_space(as_tensor(input), block_size, _layout(data_format))


__getattr__ = missing_from("tf.nn")
