"""Convolutions and pooling in both data formats.

Only this file knows how Keras's kernels, SAME padding and channels_last meet torch. An NHWC tensor
seen as NCHW by `permute` is torch's channels_last memory format, and an HWIO kernel laid out as
OHWI is too (`KERNEL_LAYOUT`), so neither is copied. Layers call the `*_nd` functions, which take
tensors, a bias and known arguments; the ops check and convert theirs first.
"""

import math
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config
from torchkeras._errors import int_tuple
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, promoted

__all__ = [
    "adaptive_average_pool",
    "adaptive_max_pool",
    "average_pool",
    "conv",
    "conv_transpose",
    "depthwise_conv",
    "max_pool",
    "separable_conv",
]

# By rank: the permutations (B, *spatial, C) -> (B, C, *spatial) and back.
TO_FIRST = {1: (0, 2, 1), 2: (0, 3, 1, 2), 3: (0, 4, 1, 2, 3)}
TO_LAST = {1: (0, 2, 1), 2: (0, 2, 3, 1), 3: (0, 2, 3, 4, 1)}
# (*spatial, in, out) -> (out, in, *spatial), and for the transposed one (*spatial, out, in) -> (in,
# out, *spatial).
KERNEL_TO_TORCH = {1: (2, 1, 0), 2: (3, 2, 0, 1), 3: (4, 3, 0, 1, 2)}
# The order in which kernels lie best in memory: permuted so, they are contiguous.
KERNEL_LAYOUT = {1: (2, 0, 1), 2: (3, 0, 1, 2), 3: (4, 0, 1, 2, 3)}
# (*spatial, in, multiplier) -> (in, multiplier, *spatial), also the order in memory.
DEPTHWISE_LAYOUT = {1: (1, 2, 0), 2: (2, 3, 0, 1), 3: (3, 4, 0, 1, 2)}

CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
# Fewer than oneDNN computes at once.
_FEW_CHANNELS = 8
CONV_TRANSPOSE = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
MAX_POOL = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE_POOL = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
ADAPTIVE_MAX_POOL = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
ADAPTIVE_AVERAGE_POOL = {
    1: F.adaptive_avg_pool1d,
    2: F.adaptive_avg_pool2d,
    3: F.adaptive_avg_pool3d,
}

Ints = Sequence[int]


# ------------------------------------------------------------------ for layers
def conv_nd(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    strides: int | Ints = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Ints = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution plus bias with a kernel of shape (*spatial, in / groups, out); "causal" padding
    is for rank 1."""
    rank = x.ndim - 2
    return _conv(
        x,
        kernel.permute(KERNEL_TO_TORCH[rank]),
        bias,
        strides,
        padding,
        data_format,
        dilation_rate,
        groups,
    )


def depthwise_conv_nd(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    strides: int | Ints = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
    dilation_rate: int | Ints = 1,
) -> Tensor:
    """Convolution plus bias of every channel by itself; the kernel has shape (*spatial, in,
    multiplier)."""
    kernel = kernel.permute(DEPTHWISE_LAYOUT[x.ndim - 2])
    groups = kernel.shape[0]
    kernel = kernel.flatten(0, 1).unsqueeze(1)
    return _conv(x, kernel, bias, strides, padding, data_format, dilation_rate, groups)


def _conv(x, kernel, bias, strides, padding, data_format, dilation_rate, groups):
    rank = x.ndim - 2
    last = data_format == "channels_last"
    if last:
        x = x.permute(TO_FIRST[rank])
    pad = 0
    if padding == "same":
        before, after = same_padding(x.shape[2:], kernel.shape[2:], strides, dilation_rate)
        if before == after:
            pad = before
        else:
            x = F.pad(x, _torch_pad(before, after))
    elif padding == "causal":
        rate = dilation_rate if isinstance(dilation_rate, int) else dilation_rate[0]
        x = F.pad(x, (rate * (kernel.shape[2] - 1), 0))
    few = kernel.shape[1] < _FEW_CHANNELS and x.is_cpu
    if few and kernel.shape[2:].numel() == 1 and max(_spread(strides, rank)) > 1:
        # Most of x is not looked at; in the backward pass of few channels torch's oneDNN path
        # writes past its memory (torch 2.11 to 2.15, channels_last, a stride of 2).
        x = x[(..., *(slice(None, None, stride) for stride in _spread(strides, rank)))]
        strides = 1
    y = CONV[rank](x, kernel, bias, strides, pad, dilation_rate, groups)
    return y.permute(TO_LAST[rank]) if last else y


def conv_transpose_nd(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    strides: int | Ints = 1,
    padding: str = "valid",
    output_padding: int | Ints | None = None,
    data_format: str = "channels_last",
    dilation_rate: int | Ints = 1,
) -> Tensor:
    """Transposed convolution plus bias with a kernel of shape (*spatial, out, in)."""
    rank = x.ndim - 2
    last = data_format == "channels_last"
    if last:
        x = x.permute(TO_FIRST[rank])
    kernel = kernel.permute(KERNEL_TO_TORCH[rank])
    strides, dilation_rate = _spread(strides, rank), _spread(dilation_rate, rank)
    crops = [
        _transpose_crop(*sizes, padding)
        for sizes in zip(
            kernel.shape[2:], strides, dilation_rate, _spread(output_padding, rank), strict=True
        )
    ]
    # torch crops evenly and can then extend to the right by less than a stride; what remains is
    # cut or padded. With a kernel of 1 its oneDNN path writes past its memory when it extends
    # (torch 2.15, channels_last, in the backward pass).
    pad = [before for before, _ in crops]
    extend = [
        max(0, min(before - after, max(stride, rate) - 1)) if size > 1 else 0
        for (before, after), size, stride, rate in zip(
            crops, kernel.shape[2:], strides, dilation_rate, strict=True
        )
    ]
    rest = [before - after - more for (before, after), more in zip(crops, extend, strict=True)]
    late_bias = bias is not None and any(r > 0 for r in rest)
    y = CONV_TRANSPOSE[rank](
        x, kernel, None if late_bias else bias, strides, pad, extend, 1, dilation_rate
    )
    if any(rest):
        y = F.pad(y, _torch_pad([0] * rank, rest))
    if late_bias:
        y = y + bias.view(-1, *[1] * rank)
    return y.permute(TO_LAST[rank]) if last else y


def max_pool_nd(
    x: Tensor,
    pool_size: int | Ints,
    strides: int | Ints | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Tensor:
    """Maximum over windows."""
    rank = x.ndim - 2
    last = data_format == "channels_last"
    if last:
        x = x.permute(TO_FIRST[rank])
    pad, ceil = 0, False
    if padding == "same":
        before, after = same_padding(x.shape[2:], _spread(pool_size, rank), strides or pool_size)
        pad, ceil = before, before != after
        if ceil and _uneven_at_stride_one(before, after, _spread(strides or pool_size, rank)):
            x, pad, ceil = F.pad(x, _torch_pad(before, after), value=_lowest(x.dtype)), 0, False
    if rank == 3 and x.dtype.itemsize == 1:
        # torch's kernel for channels_last counts places in the dtype of the elements.
        x = x.contiguous()
    y = MAX_POOL[rank](x, pool_size, strides, pad, ceil_mode=ceil)
    return y.permute(TO_LAST[rank]) if last else y


def average_pool_nd(
    x: Tensor,
    pool_size: int | Ints,
    strides: int | Ints | None = None,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Tensor:
    """Mean over windows, of the elements that lie inside of `x`."""
    rank = x.ndim - 2
    last = data_format == "channels_last"
    if last:
        x = x.permute(TO_FIRST[rank])
    strides = strides or pool_size
    pool = AVERAGE_POOL[rank]
    before = after = 0
    window = _spread(pool_size, rank)
    if padding == "same":
        before, after = same_padding(x.shape[2:], window, strides)
    # torch wants a window in space to fit in the image without its padding.
    fits = rank < 3 or padding == "valid" or all(n >= w for n, w in zip(x.shape[2:], window))
    if before == after and fits:
        y = pool(x, pool_size, strides, before, count_include_pad=False)
    elif fits and not _uneven_at_stride_one(before, after, _spread(strides, rank)):
        y = pool(x, pool_size, strides, before, ceil_mode=True, count_include_pad=False)
    else:
        edges = _torch_pad(before, after)
        inside = F.pad(x.new_ones((1, 1, *x.shape[2:])), edges)
        y = pool(F.pad(x, edges), pool_size, strides) / pool(inside, pool_size, strides)
    return y.permute(TO_LAST[rank]) if last else y


def same_padding(
    sizes: Ints, window: Ints, strides: int | Ints, dilation_rate: int | Ints = 1
) -> tuple[list[int], list[int]]:
    """How much SAME padding adds before and after each spatial axis; the odd element goes after."""
    before, after = [], []
    for i, (size, width) in enumerate(zip(sizes, window, strict=True)):
        stride = strides if isinstance(strides, int) else strides[i]
        rate = dilation_rate if isinstance(dilation_rate, int) else dilation_rate[i]
        reach = (width - 1) * rate
        total = reach if stride == 1 else max(0, (size - 1) // stride * stride + reach + 1 - size)
        before.append(total // 2)
        after.append(total - total // 2)
    return before, after


def _torch_pad(before: Ints, after: Ints) -> list[int]:
    """The argument of `F.pad`, which begins with the last axis."""
    return [n for pair in zip(reversed(before), reversed(after), strict=True) for n in pair]


def _uneven_at_stride_one(before: Ints, after: Ints, strides: Ints) -> bool:
    # With a larger stride the odd element is what `ceil_mode` adds.
    return any(a != b and s == 1 for a, b, s in zip(before, after, strides, strict=True))


def _lowest(dtype: torch.dtype) -> float:
    if dtype is torch.bool:
        return 0
    return -math.inf if dtype.is_floating_point else torch.iinfo(dtype).min


def _spread(value, rank: int):
    return (value,) * rank if value is None or isinstance(value, int) else tuple(value)


def _transpose_crop(
    width: int, stride: int, rate: int, output_padding: int | None, padding: str
) -> tuple[int, int]:
    """What to cut off before and after the full transposed convolution, of size (n - 1) * stride +
    reach.

    The size left is, for "valid", the full one or n * stride if that is more; for "same", n *
    stride. With `output_padding`: the full size, or (n - 1) * stride + reach % 2, plus it.
    """
    reach = (width - 1) * rate + 1
    if padding == "valid":
        return 0, -(max(reach, stride) - reach if output_padding is None else output_padding)
    if output_padding is None:
        total = stride + reach - 2
    else:
        total = reach + reach % 2 - 2 + output_padding
    before = min(total // 2 + total % 2, reach - 1)
    return reach - 1 - before, reach - 1 - (total - before)


# ------------------------------------------------------------------ ops
def _checked(inputs: Tensor, strides, padding: str, data_format: str | None, dilation_rate=1):
    rank = inputs.ndim - 2
    if rank not in CONV:
        raise ValueError(
            "Inputs should have ndim=3, 4 or 5, corresponding to 1D, 2D and 3D inputs. "
            f"Received input shape: {tuple(inputs.shape)}."
        )
    padding = padding.lower()
    if padding not in ("valid", "same"):
        raise ValueError(
            f"The `padding` argument must be one of 'valid', 'same'. Received: padding={padding}"
        )
    return (
        int_tuple("strides", strides, rank),
        padding,
        config.standardize_data_format(data_format),
        int_tuple("dilation_rate", dilation_rate, rank),
    )


def _check_channels(inputs: Tensor, expected: int, data_format: str):
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    if channels != expected:
        raise ValueError(
            "The number of input channels must match the kernel's input channels. Received: "
            f"input channels={channels}, kernel input channels={expected}, "
            f"data_format='{data_format}'."
        )


@op
def conv(
    inputs: Tensor,
    kernel: Tensor,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
) -> Tensor:
    """Convolution over one, two or three spatial axes; the kernel has shape (*spatial, in / groups,
    out)."""
    inputs, kernel = promoted(inputs, kernel)
    strides, padding, data_format, dilation_rate = _checked(
        inputs, strides, padding, data_format, dilation_rate
    )
    channels = inputs.shape[-1 if data_format == "channels_last" else 1]
    if channels % kernel.shape[-2]:
        raise ValueError(
            f"Input channels ({channels}) must be divisible by kernel input channels "
            f"({kernel.shape[-2]}). "
            f"Received: inputs.shape={tuple(inputs.shape)}, kernel.shape={tuple(kernel.shape)}"
        )
    groups = channels // kernel.shape[-2]
    return conv_nd(inputs, kernel, None, strides, padding, data_format, dilation_rate, groups)


@op
def depthwise_conv(
    inputs: Tensor,
    kernel: Tensor,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
) -> Tensor:
    """Convolution of every channel by itself; the kernel has shape (*spatial, in, multiplier)."""
    inputs, kernel = promoted(inputs, kernel)
    strides, padding, data_format, dilation_rate = _checked(
        inputs, strides, padding, data_format, dilation_rate
    )
    _check_channels(inputs, kernel.shape[-2], data_format)
    return depthwise_conv_nd(inputs, kernel, None, strides, padding, data_format, dilation_rate)


@op
def separable_conv(
    inputs: Tensor,
    depthwise_kernel: Tensor,
    pointwise_kernel: Tensor,
    strides=1,
    padding="valid",
    data_format=None,
    dilation_rate=1,
) -> Tensor:
    """Depthwise convolution, then one that mixes the channels of each point."""
    inputs, depthwise, pointwise = promoted(inputs, depthwise_kernel, pointwise_kernel)
    strides, padding, data_format, dilation_rate = _checked(
        inputs, strides, padding, data_format, dilation_rate
    )
    _check_channels(inputs, depthwise.shape[-2], data_format)
    y = depthwise_conv_nd(inputs, depthwise, None, strides, padding, data_format, dilation_rate)
    return conv_nd(y, pointwise, data_format=data_format)


@op
def conv_transpose(
    inputs: Tensor,
    kernel: Tensor,
    strides=1,
    padding="valid",
    output_padding=None,
    data_format=None,
    dilation_rate=1,
) -> Tensor:
    """Transposed convolution; the kernel has shape (*spatial, out, in)."""
    inputs, kernel = promoted(inputs, kernel)
    strides, padding, data_format, dilation_rate = _checked(
        inputs, strides, padding, data_format, dilation_rate
    )
    _check_channels(inputs, kernel.shape[-1], data_format)
    return conv_transpose_nd(
        inputs, kernel, None, strides, padding, output_padding, data_format, dilation_rate
    )


def _pool(function: Callable, inputs, pool_size, strides, padding, data_format) -> Tensor:
    inputs = as_tensor(inputs)
    strides = pool_size if strides is None else strides
    strides, padding, data_format, _ = _checked(inputs, strides, padding, data_format)
    pool_size = int_tuple("pool_size", pool_size, inputs.ndim - 2)
    return function(inputs, pool_size, strides, padding, data_format)


@op
def max_pool(inputs: Tensor, pool_size, strides=None, padding="valid", data_format=None) -> Tensor:
    """Maximum over windows; `strides` None: they do not overlap."""
    return _pool(max_pool_nd, inputs, pool_size, strides, padding, data_format)


@op
def average_pool(
    inputs: Tensor, pool_size, strides=None, padding="valid", data_format=None
) -> Tensor:
    """Mean over windows, padding not counted; `strides` None: they do not overlap."""
    return _pool(average_pool_nd, inputs, pool_size, strides, padding, data_format)


def _adaptive_pool(functions: dict[int, Callable], inputs, output_size, data_format) -> Tensor:
    inputs = as_tensor(inputs)
    rank = inputs.ndim - 2
    if rank not in functions:
        raise ValueError(
            "Inputs must have ndim=3, 4 or 5, corresponding to 1D, 2D and 3D inputs. "
            f"Received input shape: {tuple(inputs.shape)}."
        )
    output_size = int_tuple("output_size", output_size, rank)
    if config.standardize_data_format(data_format) == "channels_first":
        return functions[rank](inputs, output_size)
    return functions[rank](inputs.permute(TO_FIRST[rank]), output_size).permute(TO_LAST[rank])


@op
def adaptive_max_pool(inputs: Tensor, output_size, data_format=None) -> Tensor:
    """Maximum over windows chosen so that `output_size` of them cover the input."""
    return _adaptive_pool(ADAPTIVE_MAX_POOL, inputs, output_size, data_format)


@op
def adaptive_average_pool(inputs: Tensor, output_size, data_format=None) -> Tensor:
    """Mean over windows chosen so that `output_size` of them cover the input."""
    return _adaptive_pool(ADAPTIVE_AVERAGE_POOL, inputs, output_size, data_format)
