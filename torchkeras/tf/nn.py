"""`tf.nn`: activations (Keras's own), losses from logits, convolutions and pooling."""

import math
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import activations
from torchkeras._errors import one_of, received
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
from torchkeras.tf.errors import InvalidArgumentError
from torchkeras.tf.math import (
    in_top_k,
    l2_normalize,
    sigmoid,
    softplus,
    tanh,
    top_k,
    zero_fraction,
)
from torchkeras.tf.random import (
    all_candidate_sampler,
    dropout_mask,
    fixed_unigram_candidate_sampler,
    learned_unigram_candidate_sampler,
    log_uniform_candidate_sampler,
)

__all__ = [
    "all_candidate_sampler",
    "atrous_conv2d",
    "atrous_conv2d_transpose",
    "avg_pool",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm_with_global_normalization",
    "batch_normalization",
    "bias_add",
    "collapse_repeated",
    "compute_average_loss",
    "conv1d",
    "conv1d_transpose",
    "conv2d",
    "conv2d_transpose",
    "conv3d",
    "conv3d_transpose",
    "convolution",
    "crelu",
    "ctc_beam_search_decoder",
    "ctc_greedy_decoder",
    "ctc_loss",
    "depth_to_space",
    "depthwise_conv2d",
    "dilation2d",
    "dropout",
    "elu",
    "embedding_lookup",
    "embedding_lookup_sparse",
    "erosion2d",
    "experimental",
    "fixed_unigram_candidate_sampler",
    "gelu",
    "in_top_k",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "learned_unigram_candidate_sampler",
    "local_response_normalization",
    "log_poisson_loss",
    "log_softmax",
    "log_uniform_candidate_sampler",
    "lrn",
    "max_pool",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_pool_with_argmax",
    "moments",
    "nce_loss",
    "normalize_moments",
    "pool",
    "relu",
    "relu6",
    "safe_embedding_lookup_sparse",
    "sampled_softmax_loss",
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
    "sufficient_statistics",
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


def _check_not_dilated(dilations) -> None:
    if dilations is not None and set(np.ravel(dilations).tolist()) != {1}:
        raise InvalidArgumentError(
            "Transposed convolutions with dilations larger than 1 are not supported. "
            + received(dilations=dilations)
        )


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
    _check_not_dilated(dilations)
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


def _transposed_convolution(name: str, rank: int):
    """`tf.nn.{name}`, by the transposed convolution over two axes or the gradient over three."""

    def call(
        input,
        filters,
        output_shape,
        strides,
        padding="SAME",
        data_format=None,
        dilations=None,
        name=None,
    ):
        _check_not_dilated(dilations)
        x, filters = matched(input, filters)
        is_first = _layout(data_format) == "channels_first"
        x = torch.movedim(x, 1, -1) if is_first else x
        steps = _spatial(strides, rank, data_format)
        sizes = as_shape(output_shape)
        sizes = _spatial(sizes, rank, data_format) if len(sizes) == rank + 2 else sizes
        found = _gradient_of_convolution(x, filters, sizes, steps, padding)
        return torch.movedim(found, -1, 1) if is_first else found

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"The transpose of a convolution over {rank} axes; filters are (..., out, in)."
    return facade(call, f"tf.nn.{name}")


def _gradient_of_convolution(x: Tensor, filters: Tensor, sizes, strides, padding) -> Tensor:
    """What a convolution whose output has the shape of `x` gives back to an input of `sizes`."""
    rank = len(sizes)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[rank - 1]
    full = function(torch.movedim(x, -1, 1), filters.permute(-1, -2, *range(rank)), stride=strides)
    for dim, (want, size, step) in enumerate(zip(sizes, filters.shape, strides), 2):
        steps = -(-want // step)
        before = max((steps - 1) * step + size - want, 0) // 2 if padding.upper() == "SAME" else 0
        full = full.narrow(dim, before, min(want, full.shape[dim] - before))
        missing = want - full.shape[dim]
        full = F.pad(full, [0] * (2 * (rank + 1 - dim) + 1) + [missing]) if missing else full
    return torch.movedim(full, 1, -1)


conv1d_transpose = _transposed_convolution("conv1d_transpose", 1)
conv3d_transpose = _transposed_convolution("conv3d_transpose", 3)


@facade
def sufficient_statistics(x, axes, shift=None, keepdims=False, name=None):
    """Count, sum, sum of squares and shift, of which `normalize_moments` makes the moments."""
    x, dims = as_tensor(x), as_shape(axes)
    count = torch.tensor(math.prod(x.shape[dim] for dim in dims), dtype=x.dtype, device=x.device)
    moved = x if shift is None else x - as_tensor(shift)
    total = moved.sum(dims, keepdim=keepdims)
    return count, total, torch.square(moved).sum(dims, keepdim=keepdims), shift


@facade
def normalize_moments(counts, mean_ss, variance_ss, shift, name=None):
    """Mean and variance, of what `sufficient_statistics` gave."""
    share = 1 / as_tensor(counts)
    moved = as_tensor(mean_ss) * share
    variance = as_tensor(variance_ss) * share - torch.square(moved)
    return (moved if shift is None else moved + as_tensor(shift)), variance


@facade
def batch_norm_with_global_normalization(
    input, mean, variance, beta, gamma, variance_epsilon, scale_after_normalization, name=None
):
    """As `batch_normalization`; `gamma` counts where `scale_after_normalization` is true."""
    scale = gamma if scale_after_normalization else None
    return batch_normalization(input, mean, variance, beta, scale, variance_epsilon)


def _windows(x: Tensor, sizes, strides, rates, padding: str, fill: float) -> Tensor:
    """(batch, rows, columns, channels, window height * width) of (batch, height, width, channels);
    what lies outside is `fill`."""
    if padding.upper() == "SAME":
        widths = []
        for length, size, step, rate in zip(x.shape[1:3], sizes, strides, rates):
            reach = (size - 1) * rate + 1
            missing = max((-(-length // step) - 1) * step + reach - length, 0)
            widths = [missing // 2, missing - missing // 2, *widths]
        x = F.pad(x, (0, 0, *widths), value=fill)
    for axis, (size, step, rate) in enumerate(zip(sizes, strides, rates), 1):
        x = x.unfold(axis, (size - 1) * rate + 1, step)[..., ::rate]
    return x.flatten(-2)


@facade
def dilation2d(input, filters, strides, padding, data_format, dilations, name=None):
    """The largest sum of an element of a window and of the filter, (height, width, channels)."""
    one_of("data_format", data_format, ("NHWC",))
    x, filters = matched(input, filters)
    sizes = as_shape(filters.shape)[:2]
    windows = _windows(
        x, sizes, _spatial(strides, 2, None), _spatial(dilations, 2, None), padding, -torch.inf
    )
    return (windows + filters.flatten(0, 1).T).amax(-1)


@facade
def erosion2d(value, filters, strides, padding, data_format, dilations, name=None):
    """The smallest difference of an element of a window and of the filter turned around."""
    x, filters = matched(value, filters)
    turned = torch.flip(filters, (0, 1))
    return -dilation2d(-x, turned, strides, padding, data_format, dilations)


@facade
def max_pool_with_argmax(
    input,
    ksize,
    strides,
    padding,
    data_format="NHWC",
    output_dtype="int64",
    include_batch_in_index=False,
    name=None,
):
    """The largest value of each window, and its place in the flat (height, width, channels)."""
    one_of("data_format", data_format, ("NHWC",))
    x = as_tensor(input)
    batch, height, width, channels = x.shape
    sizes, steps = _spatial(ksize, 2, None), _spatial(strides, 2, None)
    windows = _windows(x, sizes, steps, (1, 1), padding, -torch.inf)
    places = torch.arange(height * width * channels, dtype=torch.float64, device=x.device)
    places = places.reshape(1, height, width, channels)
    places = _windows(places, sizes, steps, (1, 1), padding, -1.0)
    values, best = windows.max(-1)
    found = torch.gather(places.expand(windows.shape), -1, best[..., None])[..., 0].long()
    if include_batch_in_index:
        rows = torch.arange(batch, device=x.device) * (height * width * channels)
        found = found + rows[:, None, None, None]
    return values, found.to(torch_dtype(output_dtype))


@facade
def atrous_conv2d_transpose(value, filters, output_shape, rate, padding, name=None):
    """The transpose of `atrous_conv2d`; filters are (height, width, out, in)."""
    x, filters = matched(value, filters)
    height, width = as_shape(filters.shape)[:2]
    spread = filters.new_zeros(
        ((height - 1) * rate + 1, (width - 1) * rate + 1, *filters.shape[2:])
    )
    spread = torch.slice_scatter(spread, _every(filters, rate, width, spread), 0, step=rate)
    return conv2d_transpose(x, spread, output_shape, 1, padding)


def _every(filters: Tensor, rate: int, width: int, spread: Tensor) -> Tensor:
    """Rows of filters with their columns `rate` apart."""
    rows = spread.new_zeros((filters.shape[0], *spread.shape[1:]))
    return torch.slice_scatter(rows, filters, 1, step=rate)


@facade
def embedding_lookup_sparse(
    params, sp_ids, sp_weights, combiner=None, max_norm=None, name=None, allow_fast_lookup=False
):
    """The rows that each row of a sparse tensor names as one: their mean, sum or "sqrtn"."""
    rows = embedding_lookup(params, sp_ids.values, max_norm)
    places = sp_ids.indices[:, 0]
    ones = torch.ones(len(places), dtype=rows.dtype, device=rows.device)
    weights = ones if sp_weights is None else sp_weights.values.to(rows.dtype)
    count = int(places.max()) + 1
    total = rows.new_zeros((count, rows.shape[-1])).index_add(0, places, rows * weights[:, None])
    if combiner == "sum":
        return total
    shares = weights if combiner in (None, "mean") else torch.square(weights)
    whole = rows.new_zeros(count).index_add(0, places, shares)
    return total / (whole if combiner in (None, "mean") else torch.sqrt(whole))[:, None]


@facade
def safe_embedding_lookup_sparse(
    embedding_weights,
    sparse_ids,
    sparse_weights=None,
    combiner="mean",
    default_id=None,
    max_norm=None,
    name=None,
    allow_fast_lookup=False,
):
    """As `embedding_lookup_sparse`; rows that name nothing are those of `default_id`, or zeros."""
    count = sparse_ids.shape[0]
    kept = sparse_ids.values >= 0
    if sparse_weights is not None:
        kept = kept & (sparse_weights.values > 0)
    places = sparse_ids.indices[kept]
    found = as_tensor(embedding_weights)
    fill = torch.zeros_like(found[0]) if default_id is None else found[int(default_id)]
    result = fill.expand(count, found.shape[-1]).clone()
    named = torch.unique(places[:, 0])
    if not len(named):
        return result
    ids = _Rows(places, sparse_ids.values[kept])
    weights = None if sparse_weights is None else _Rows(places, sparse_weights.values[kept])
    rows = embedding_lookup_sparse(found, ids, weights, combiner, max_norm)
    return torch.index_put(result, (named,), rows[named])


class _Rows(NamedTuple):
    """What `embedding_lookup_sparse` asks of a sparse tensor."""

    indices: Tensor
    values: Tensor


@facade
def collapse_repeated(labels, seq_length, name=None):
    """The labels of each row without those that repeat the one before, and how many stay."""
    labels, lengths = as_tensor(labels), as_tensor(seq_length)
    is_new = torch.ones_like(labels, dtype=torch.bool)
    is_new[:, 1:] = labels[:, 1:] != labels[:, :-1]
    is_new &= torch.arange(labels.shape[1], device=labels.device) < lengths[:, None]
    counts = is_new.sum(1)
    order = torch.argsort(is_new.int(), dim=1, descending=True, stable=True)
    kept = torch.gather(labels, 1, order)[:, : int(counts.max())]
    places = torch.arange(kept.shape[1], device=labels.device)
    return torch.where(places < counts[:, None], kept, 0), counts.to(lengths.dtype)


@facade
def nce_loss(
    weights,
    biases,
    labels,
    inputs,
    num_sampled,
    num_classes,
    num_true=1,
    sampled_values=None,
    remove_accidental_hits=False,
    name="nce_loss",
):
    """The noise-contrastive loss of each row of `inputs`, of sampled classes."""
    logits, targets = _sampled_logits(
        weights,
        biases,
        labels,
        inputs,
        num_sampled,
        num_classes,
        num_true,
        sampled_values,
        remove_accidental_hits,
    )
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1)


@facade
def sampled_softmax_loss(
    weights,
    biases,
    labels,
    inputs,
    num_sampled,
    num_classes,
    num_true=1,
    sampled_values=None,
    remove_accidental_hits=True,
    seed=None,
    name="sampled_softmax_loss",
):
    """The softmax crossentropy of each row of `inputs`, among the true and sampled classes."""
    logits, targets = _sampled_logits(
        weights,
        biases,
        labels,
        inputs,
        num_sampled,
        num_classes,
        num_true,
        sampled_values,
        remove_accidental_hits,
        seed,
    )
    return -(targets * torch.log_softmax(logits, -1)).sum(-1)


def _sampled_logits(
    weights,
    biases,
    labels,
    inputs,
    num_sampled,
    num_classes,
    num_true,
    sampled,
    is_dropped,
    seed=None,
) -> tuple[Tensor, Tensor]:
    """Logits of the true and the sampled classes, less the logarithm of how often they are drawn,
    and the share of each that is right."""
    weights, biases, inputs = as_tensor(weights), as_tensor(biases), as_tensor(inputs)
    labels = as_tensor(labels).long().reshape(-1, num_true)
    if sampled is None:
        sampled = log_uniform_candidate_sampler(
            labels, num_true, num_sampled, True, num_classes, seed
        )
    drawn, true_counts, counts = (as_tensor(part) for part in sampled)
    drawn = drawn.long()
    right = (weights[labels] * inputs[:, None]).sum(-1) + biases[labels]
    wrong = inputs @ weights[drawn].T + biases[drawn]
    right, wrong = right - torch.log(true_counts), wrong - torch.log(counts)
    if is_dropped:
        hits = (labels[:, :, None] == drawn).any(1)
        wrong = wrong + hits * torch.finfo(wrong.dtype).min
    logits = torch.cat((right, wrong), 1)
    targets = torch.cat((torch.full_like(right, 1 / num_true), torch.zeros_like(wrong)), 1)
    return logits, targets


@facade
def ctc_beam_search_decoder(inputs, sequence_length, beam_width=100, top_paths=1):
    """The most likely label sequences as a list of tensors, -1 filling short rows, and scores."""
    inputs = torch.transpose(as_tensor(inputs), 0, 1)
    decoded, scores = _nn.ctc_decode(
        inputs,
        as_tensor(sequence_length),
        strategy="beam_search",
        beam_width=beam_width,
        top_paths=top_paths,
        mask_index=inputs.shape[-1] - 1,
    )
    return list(decoded), scores


experimental = SimpleNamespace(
    stateless_dropout=lambda x, rate, seed, rng_alg=None, noise_shape=None, name=None: dropout(
        x, rate, noise_shape, as_shape(seed)[0] * 1_000_003 + as_shape(seed)[1]
    ),
)


__getattr__ = missing_from("tf.nn")
