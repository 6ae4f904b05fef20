"""Segments, the largest k, rearranged axes, Fourier transforms, error functions, complex views."""

import math
import re

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras._errors import received
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, as_tensors, promoted, to_float

__all__ = [
    "cdist",
    "erf",
    "erfc",
    "erfinv",
    "extract_sequences",
    "fft",
    "fft2",
    "ifft2",
    "in_top_k",
    "irfft",
    "istft",
    "logdet",
    "logsumexp",
    "rearrange",
    "rfft",
    "rsqrt",
    "segment_max",
    "segment_min",
    "segment_prod",
    "segment_sum",
    "stft",
    "top_k",
    "view_as_complex",
    "view_as_real",
]


# ------------------------------------------------------------------ segments
@op
def segment_sum(data: Tensor, segment_ids: Tensor, num_segments=None, sorted=False) -> Tensor:
    """Sums of the rows of the same id; ids out of range are left out."""
    return _segments(data, segment_ids, num_segments, "sum", 0)


@op
def segment_prod(data: Tensor, segment_ids: Tensor, num_segments=None, sorted=False) -> Tensor:
    """Products of the rows of the same id; ids out of range are left out."""
    return _segments(data, segment_ids, num_segments, "prod", 1)


@op
def segment_max(data: Tensor, segment_ids: Tensor, num_segments=None, sorted=False) -> Tensor:
    """Maxima of the rows of the same id, the lowest value where there is none."""
    return _segments(data, segment_ids, num_segments, "amax", -math.inf)


@op
def segment_min(data: Tensor, segment_ids: Tensor, num_segments=None, sorted=False) -> Tensor:
    """Minima of the rows of the same id, the highest value where there is none."""
    return _segments(data, segment_ids, num_segments, "amin", math.inf)


def _segments(data, segment_ids, num_segments, reduction: str, start: float) -> Tensor:
    data, ids = as_tensors(data, segment_ids)
    if data.ndim < 1 or ids.ndim != 1 or data.shape[:1] != ids.shape:
        raise ValueError(
            "Argument `segment_ids` and `data` should have same leading dimension. "
            f"Received: data.shape={tuple(data.shape)}, segment_ids.shape={tuple(ids.shape)}"
        )
    if num_segments is None:
        # The size follows from the values; on meta there is no more than one segment for each row.
        meta = ids.device.type == "meta"
        num_segments = ids.shape[0] if meta else int(ids.max()) + 1
    if data.dtype is torch.bool:
        start = start > 0
    elif not data.dtype.is_floating_point and math.isinf(start):
        info = torch.iinfo(data.dtype)
        start = info.min if start < 0 else info.max
    # Ids out of range go to one more segment, which is cut off.
    ids = torch.where((ids >= 0) & (ids < num_segments), ids.long(), num_segments)
    ids = ids.view(-1, *[1] * (data.ndim - 1)).expand_as(data)
    shape = (num_segments + 1, *data.shape[1:])
    filled = torch.full(shape, start, dtype=data.dtype, device=data.device)
    return filled.scatter_reduce(0, ids, data, reduction)[:-1]


# ------------------------------------------------------------------ the largest, distances
@op(name="TopK")
def top_k(x: Tensor, k, sorted=True) -> tuple[Tensor, Tensor]:
    """The `k` largest elements along the last axis and their indices."""
    return torch.topk(as_tensor(x), k, sorted=sorted)


@op(name="InTopK")
def in_top_k(targets: Tensor, predictions: Tensor, k) -> Tensor:
    """Whether the prediction at each target is among the `k` largest of its row."""
    targets, predictions = as_tensors(targets, predictions)
    least = torch.topk(predictions, k).values[..., -1:]
    chosen = torch.take_along_dim(predictions, targets.long().unsqueeze(-1), dim=-1)
    return (chosen >= least).squeeze(-1)


@op
def logsumexp(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """`log(sum(exp(x)))` over axes."""
    x = to_float(x)
    return torch.logsumexp(x, tuple(range(x.ndim)) if axis is None else axis, keepdims)


@op(name="CDist")
def cdist(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances between the rows of `x` and those of `y`."""
    x, y = (to_float(v) for v in promoted(x, y))
    if x.ndim < 2 or y.ndim < 2:
        raise ValueError(
            "`cdist` inputs must have rank >= 2. "
            + received(**{"x.shape": tuple(x.shape), "y.shape": tuple(y.shape)})
        )
    if x.shape[-1] != y.shape[-1]:
        raise ValueError(
            "Last dimension of inputs to `cdist` must match. "
            + received(**{"x.shape": tuple(x.shape), "y.shape": tuple(y.shape)})
        )
    if x.dtype in (torch.float16, torch.bfloat16):
        return torch.cdist(x.float(), y.float()).to(x.dtype)
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


@op
def rsqrt(x: Tensor) -> Tensor:
    """`1 / sqrt(x)`."""
    return torch.rsqrt(to_float(x))


@op
def erf(x: Tensor) -> Tensor:
    """Error function."""
    return torch.erf(to_float(x))


@op
def erfc(x: Tensor) -> Tensor:
    """`1 - erf(x)`."""
    return torch.erfc(to_float(x))


@op
def erfinv(x: Tensor) -> Tensor:
    """Inverse of `erf`."""
    return torch.erfinv(to_float(x))


@op
def logdet(x: Tensor) -> Tensor:
    """Logarithm of the determinant of a positive definite matrix."""
    return torch.logdet(to_float(x))


# ------------------------------------------------------------------ rearranged axes
@op(place="ops.einops", inputs=("pattern",))
def rearrange(tensor: Tensor, pattern, **axes_lengths) -> Tensor:
    """`tensor` with axes split, moved and joined as in "b (h w) c -> b c h w"; `h=2` is a size."""
    tensor = as_tensor(tensor)
    given, arrow, wanted = pattern.partition("->")
    given, wanted = _axes(given), _axes(wanted)
    names, targets = ([name for group in groups for name in group] for groups in (given, wanted))
    if not arrow or len(given) != tensor.ndim or sorted(names) != sorted(set(targets)):
        raise ValueError(
            "`pattern` must name every axis of the tensor on both sides of '->'. "
            f"Received: pattern={pattern}, tensor.shape={tuple(tensor.shape)}"
        )
    sizes = []
    for group, size in zip(given, tensor.shape, strict=True):
        sizes.extend(_sizes(group, size, axes_lengths))
    moved = tensor.reshape(sizes).permute([names.index(name) for name in targets])
    size_of = dict(zip(names, sizes, strict=True))
    return moved.reshape([math.prod(size_of[name] for name in group) for group in wanted])


def _axes(side: str) -> list[list[str]]:
    """The names of "b (h w) 1" by axis: [["b"], ["h", "w"], []]."""
    found = re.findall(r"\(([^)]*)\)|(\S+)", side)
    return [[n for n in (joined or name).split() if n != "1"] for joined, name in found]


def _sizes(names: list[str], size: int, known: dict[str, int]) -> list[int]:
    product = math.prod(known[name] for name in names if name in known)
    unknown = [name for name in names if name not in known]
    if len(unknown) > 1 or size % product or (not unknown and size != product):
        raise ValueError(
            f"Cannot split an axis of size {size} into {names}. " + received(axes_lengths=known)
        )
    return [known.get(name, size // product) for name in names]


# ------------------------------------------------------------------ complex numbers
@op
def view_as_complex(x: Tensor) -> Tensor:
    """Complex numbers from the pairs of the last axis."""
    x = as_tensor(x)
    if x.ndim < 1 or x.shape[-1] != 2:
        raise ValueError(
            "Last dimension of input must be size 2 (real and imaginary). "
            f"Received shape: {tuple(x.shape)}"
        )
    return torch.complex(x[..., 0].float(), x[..., 1].float())


@op
def view_as_real(x: Tensor) -> Tensor:
    """Pairs of real and imaginary part, in a new last axis."""
    x = as_tensor(x)
    if x.dtype.is_complex:
        return torch.view_as_real(x.resolve_conj())
    return torch.stack([x, torch.zeros_like(x)], dim=-1)


def _joined(x) -> Tensor:
    """The complex tensor of a pair of real and imaginary part."""
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"Input `x` should be a tuple of two tensors - real and imaginary. Received: x={x}"
        )
    real, imag = as_tensors(*x)
    if real.shape != imag.shape:
        raise ValueError(
            "Input `x` should be a tuple of two tensors - real and imaginary. Both the real and "
            "imaginary parts should have the same shape. "
            f"Received: x[0].shape = {tuple(real.shape)}, x[1].shape = {tuple(imag.shape)}"
        )
    if not (real.is_floating_point() and imag.is_floating_point()):
        raise ValueError(f"At least one tensor in input `x` is not of type float. Received: x={x}.")
    return torch.complex(real, imag)


def _parted(x: Tensor) -> tuple[Tensor, Tensor]:
    return x.real, x.imag


# ------------------------------------------------------------------ Fourier transforms
@op(name="FFT")
def fft(x: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Fourier transform along the last axis, of a pair (real, imaginary) to such a pair."""
    return _parted(torch.fft.fft(_joined(x)))


@op(name="FFT2")
def fft2(x: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Fourier transform along the last two axes, of a pair of real and imaginary part."""
    return _parted(torch.fft.fft2(_joined(x)))


@op(name="IFFT2")
def ifft2(x: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Inverse of `fft2`."""
    return _parted(torch.fft.ifft2(_joined(x)))


@op(name="RFFT")
def rfft(x: Tensor, fft_length=None) -> tuple[Tensor, Tensor]:
    """Fourier transform of real numbers along the last axis, cut off or padded to `fft_length`."""
    return _parted(torch.fft.rfft(as_tensor(x), fft_length))


@op(name="IRFFT")
def irfft(x: tuple[Tensor, Tensor], fft_length=None) -> Tensor:
    """Inverse of `rfft`, of length `fft_length`."""
    return torch.fft.irfft(_joined(x), fft_length)


# ------------------------------------------------------------------ short-time Fourier transforms
WINDOWS = {"hann": torch.hann_window, "hamming": torch.hamming_window}


@op
def extract_sequences(x: Tensor, sequence_length, sequence_stride) -> Tensor:
    """Windows of `sequence_length` along the last axis, one every `sequence_stride`."""
    return as_tensor(x).unfold(-1, sequence_length, sequence_stride)


def _window(window, length: int, like: Tensor) -> Tensor | None:
    if window is None:
        return None
    if isinstance(window, str):
        if window not in WINDOWS:
            raise ValueError(
                'If a string is passed to `window`, it must be one of `"hann"`, `"hamming"`. '
                f"Received: window={window}"
            )
        return WINDOWS[window](length, dtype=like.dtype, device=like.device)
    window = as_tensor(window, like.dtype, like.device)
    if tuple(window.shape) != (length,):
        raise ValueError(
            "The shape of `window` must be equal to [sequence_length]. "
            f"Received: window shape={tuple(window.shape)}"
        )
    return window


@op(name="STFT")
def stft(
    x: Tensor, sequence_length, sequence_stride, fft_length, window="hann", center=True
) -> tuple[Tensor, Tensor]:
    """Fourier transforms of windows along the last axis, as a pair (..., windows, frequencies)."""
    x = as_tensor(x)
    if x.dtype not in (torch.float32, torch.float64):
        raise TypeError(
            f"Invalid input type. Expected `float32` or `float64`. Received: input type={x.dtype}"
        )
    if fft_length < sequence_length:
        raise ValueError(
            "`fft_length` must equal or larger than `sequence_length`. "
            + received(sequence_length=sequence_length, fft_length=fft_length)
        )
    window = _window(window, sequence_length, x)
    if window is None:
        window = x.new_ones(sequence_length)
    y = torch.stft(
        x.reshape(-1, x.shape[-1]),
        fft_length,
        sequence_stride,
        sequence_length,
        window,
        center,
        return_complex=True,
    )
    return _parted(y.mT.reshape(*x.shape[:-1], y.shape[2], y.shape[1]))


@op(name="ISTFT")
def istft(
    x: tuple[Tensor, Tensor],
    sequence_length,
    sequence_stride,
    fft_length,
    length=None,
    window="hann",
    center=True,
) -> Tensor:
    """Inverse of `stft`, cut off to `length`."""
    x = _joined(x)
    window = _window(window, sequence_length, x.real)
    if sequence_length == fft_length and center is True and window is not None and not x.is_meta:
        y = torch.istft(
            x.reshape(-1, *x.shape[-2:]).mT,
            fft_length,
            sequence_stride,
            sequence_length,
            window,
            length=length,
        )
        return y.reshape(*x.shape[:-2], -1)
    frames = torch.fft.irfft(x, fft_length)
    if window is not None:
        frames = frames * _inverse_window(window, sequence_stride, fft_length)
    y = _overlapped(frames, sequence_stride)
    start = fft_length // 2 if center else 0
    if length is not None:
        return y[..., start : start + length]
    return y[..., start : y.shape[-1] - start]


def _inverse_window(window: Tensor, stride: int, fft_length: int) -> Tensor:
    """The window over the sum of the squares of all windows that meet each point."""
    before = (fft_length - len(window)) // 2
    window = F.pad(window, (before, fft_length - len(window) - before))
    squares = F.pad(window.square(), (0, -fft_length % stride)).view(-1, stride).sum(0)
    return window / squares.repeat(-(-fft_length // stride))[:fft_length]


def _overlapped(frames: Tensor, stride: int) -> Tensor:
    """The sum of the frames, each `stride` after the one before."""
    count, width = frames.shape[-2:]
    if not width / count <= stride <= width:
        raise ValueError(
            "`sequence_stride` must be at most x.shape[-1] and at least x.shape[-1] / x.shape[-2]. "
            + received(**{"sequence_stride": stride, "x.shape[-1]": width, "x.shape[-2]": count})
        )
    size = stride * (count - 1) + width
    columns = frames.reshape(-1, count, width).mT
    y = F.fold(columns, (1, size), (1, width), stride=(1, stride))
    return y.reshape(*frames.shape[:-2], size)
