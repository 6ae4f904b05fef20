"""`tf.quantization`: numbers rounded as if they were stored in a few bits."""

import torch
from torch import Tensor

from torchkeras.tf._convert import as_tensor, matched
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade

__all__ = [
    "fake_quant_with_min_max_args",
    "fake_quant_with_min_max_vars",
    "fake_quant_with_min_max_vars_per_channel",
    "quantize_and_dequantize",
    "quantize_and_dequantize_v2",
]


def _faked(x: Tensor, low: Tensor, high: Tensor, num_bits: int, narrow_range: bool) -> Tensor:
    """`x` rounded to the levels between the bounds, which are moved so that 0 is a level."""
    first, last = int(narrow_range), 2 ** int(num_bits) - 1
    with torch.no_grad():
        scale = (high - low) / (last - first)
        zero = torch.clamp(torch.round(first - low / scale), first, last)
        bottom, top = (first - zero) * scale, (last - zero) * scale
    # Beyond the bounds the gradient is the bound's own.
    inside = torch.where(x < bottom, low, torch.where(x > top, high, x))
    with torch.no_grad():
        levels = torch.floor((torch.clamp(x, bottom, top) - bottom) / scale + 0.5)
    return inside + (levels * scale + bottom - inside).detach()


@facade
def fake_quant_with_min_max_args(
    inputs, min=-6, max=6, num_bits=8, narrow_range=False, name=None
) -> Tensor:
    """`inputs` rounded to the levels of `num_bits` between two numbers."""
    x = as_tensor(inputs)
    low, high = (torch.as_tensor(float(v), dtype=x.dtype, device=x.device) for v in (min, max))
    return _faked(x, low, high, num_bits, narrow_range)


@facade
def fake_quant_with_min_max_vars(
    inputs, min, max, num_bits=8, narrow_range=False, name=None
) -> Tensor:
    """`inputs` rounded to the levels of `num_bits` between two tensors, which have gradients."""
    return _faked(*matched(inputs, min, max), num_bits, narrow_range)


@facade
def fake_quant_with_min_max_vars_per_channel(
    inputs, min, max, num_bits=8, narrow_range=False, name=None
) -> Tensor:
    """As `fake_quant_with_min_max_vars`, with bounds for each place of the last axis."""
    return _faked(*matched(inputs, min, max), num_bits, narrow_range)


@facade
def quantize_and_dequantize_v2(
    input,
    input_min,
    input_max,
    signed_input=True,
    num_bits=8,
    range_given=False,
    round_mode="HALF_TO_EVEN",
    name=None,
    narrow_range=False,
    axis=None,
) -> Tensor:
    """`input` rounded to the levels of `num_bits`, within its own bounds unless others are given.

    Raises:
        ValueError: `axis` is given.
    """
    if axis is not None:
        raise ValueError(f"Bounds are those of the whole tensor. Received: axis={axis}")
    x = as_tensor(input)
    _, first, last = matched(x, input_min, input_max)
    low, high = (first, last) if range_given else (x.min(), x.max())
    bits = int(num_bits)
    bottom = -(2 ** (bits - 1)) + int(narrow_range) if signed_input else 0
    top = 2 ** (bits - 1) - 1 if signed_input else 2**bits - 1
    with torch.no_grad():
        pairs = (low, bottom), (high, top)
        scales = [limit / bound for bound, limit in pairs if limit * bound > 0]
        scale = min(scales, default=torch.ones_like(x.max()))
        steps = torch.clamp(x * scale, bottom, top)
        even = round_mode == "HALF_TO_EVEN"
        rounded = (torch.round(steps) if even else torch.floor(steps + 0.5)) / scale
    # As in TensorFlow: the gradient asks the bounds that were given, used or not.
    is_inside = (x >= first) & (x <= last)
    passed = torch.where(is_inside, x, x.detach())
    return passed + (rounded - passed).detach()


quantize_and_dequantize = quantize_and_dequantize_v2

__getattr__ = missing_from("tf.quantization")
