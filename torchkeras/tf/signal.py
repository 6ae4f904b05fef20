"""`tf.signal`: Fourier transforms, windows and spectrograms."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config as _config
from torchkeras.tf._convert import as_shape, as_tensor, unary
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade, sealed
from torchkeras.tf.dtypes import float32, torch_dtype

__all__ = [
    "dct",
    "fft",
    "fft2d",
    "fft3d",
    "fftshift",
    "frame",
    "hamming_window",
    "hann_window",
    "idct",
    "ifft",
    "ifft2d",
    "ifft3d",
    "ifftshift",
    "inverse_mdct",
    "inverse_stft",
    "inverse_stft_window_fn",
    "irfft",
    "irfft2d",
    "irfft3d",
    "kaiser_bessel_derived_window",
    "kaiser_window",
    "linear_to_mel_weight_matrix",
    "mdct",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "rfft",
    "rfft2d",
    "rfft3d",
    "stft",
    "vorbis_window",
]

fft = unary("signal.fft", torch.fft.fft)
fft2d = unary("signal.fft2d", torch.fft.fft2)
ifft = unary("signal.ifft", torch.fft.ifft)
ifft2d = unary("signal.ifft2d", torch.fft.ifft2)


def _length(fft_length) -> int | None:
    if fft_length is None or isinstance(fft_length, int):
        return fft_length
    return int(as_tensor(fft_length).reshape(-1)[0])


@facade
def rfft(input_tensor, fft_length=None, name=None):
    """The Fourier transform of real numbers, without its mirrored half."""
    return torch.fft.rfft(as_tensor(input_tensor), _length(fft_length))


@facade
def irfft(input_tensor, fft_length=None, name=None):
    """The real numbers whose transform this is."""
    return torch.fft.irfft(as_tensor(input_tensor), _length(fft_length))


@facade
def hann_window(window_length, periodic=True, dtype=float32, name=None):
    """Half a cosine wave."""
    return torch.hann_window(
        int(window_length), periodic, dtype=torch_dtype(dtype), device=_config.default_device()
    )


@facade
def hamming_window(window_length, periodic=True, dtype=float32, name=None):
    """Half a cosine wave above 0.08."""
    return torch.hamming_window(
        int(window_length), periodic, dtype=torch_dtype(dtype), device=_config.default_device()
    )


def _frames(
    x: Tensor, length: int, step: int, pad_end: bool, pad_value: float, axis: int
) -> Tensor:
    axis = axis % x.dim()
    if pad_end:
        count = -(-x.shape[axis] // step)
        missing = max((count - 1) * step + length - x.shape[axis], 0)
        x = F.pad(x, (0, 0) * (x.dim() - 1 - axis) + (0, missing), value=pad_value)
    if x.shape[axis] < length:
        return x.new_zeros((*x.shape[:axis], 0, length, *x.shape[axis + 1 :]))
    return torch.movedim(x.unfold(axis, length, step), -1, axis + 1)


@facade
def frame(signal, frame_length, frame_step, pad_end=False, pad_value=0, axis=-1, name=None):
    """Windows of `frame_length` along an axis, `frame_step` apart."""
    x = as_tensor(signal)
    return _frames(x, int(frame_length), int(frame_step), pad_end, pad_value, axis)


@facade
def overlap_and_add(signal, frame_step, name=None):
    """Windows, (..., frames, length), added up at their places."""
    x, step = as_tensor(signal), int(frame_step)
    count, length = x.shape[-2:]
    whole = x.new_zeros((*x.shape[:-2], (count - 1) * step + length))
    places = torch.arange(count)[:, None] * step + torch.arange(length)
    return whole.index_add(-1, places.reshape(-1).to(x.device), x.flatten(-2))


@facade
def stft(
    signals,
    frame_length,
    frame_step,
    fft_length=None,
    window_fn=hann_window,
    pad_end=False,
    name=None,
):
    """The transforms of windows of a signal, (..., frames, fft_length // 2 + 1)."""
    x, length = as_tensor(signals), int(frame_length)
    size = 2 ** math.ceil(math.log2(length)) if fft_length is None else int(fft_length)
    frames = _frames(x, length, int(frame_step), pad_end, 0.0, -1)
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=x.dtype)
    return torch.fft.rfft(frames, size)


@facade
def inverse_stft(
    stfts, frame_length, frame_step, fft_length=None, window_fn=hann_window, name=None
):
    """The signal of such transforms."""
    x, length = as_tensor(stfts), int(frame_length)
    size = 2 ** math.ceil(math.log2(length)) if fft_length is None else int(fft_length)
    frames = torch.fft.irfft(x, size)[..., :length]
    if frames.shape[-1] < length:
        frames = F.pad(frames, (0, length - frames.shape[-1]))
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=frames.dtype)
    return overlap_and_add(frames, frame_step)


@facade
def dct(input, type=2, n=None, axis=-1, norm=None, name=None):
    """The cosine transform of type 1, 2, 3 or 4 along the last axis, cut or filled to size `n`.

    Raises:
        ValueError: another type or axis, or type 1 with a norm.
    """
    if type not in _COSINES or axis != -1 or (type == 1 and norm is not None):
        raise ValueError(
            "`type` must be 1 (without norm), 2, 3 or 4, and axis -1. "
            f"Received: type={type}, axis={axis}, norm={norm}"
        )
    x = as_tensor(input)
    x = x if n is None else F.pad(x, (0, int(n) - x.shape[-1]))
    size = x.shape[-1]
    steps = torch.arange(size, dtype=torch.float64, device=x.device)
    table = _COSINES[type](steps, size)
    if norm == "ortho":
        table = table * math.sqrt(1 / (2 * size))
        if type == 2:
            table[:, 0] *= math.sqrt(0.5)
        if type == 3:
            table[0] *= math.sqrt(2)
    return x @ table.to(x.dtype)


def _first_cosines(steps: Tensor, size: int) -> Tensor:
    table = 2 * torch.cos(math.pi / max(size - 1, 1) * steps[:, None] * steps)
    table[0] /= 2
    table[-1] /= 2
    return table


def _third_cosines(steps: Tensor, size: int) -> Tensor:
    table = 2 * torch.cos(math.pi / size * steps[:, None] * (steps + 0.5))
    table[0] /= 2
    return table


# (steps, size) -> the matrix of the transform of a type.
_COSINES = {
    1: _first_cosines,
    2: lambda steps, size: 2 * torch.cos(math.pi / size * (steps[:, None] + 0.5) * steps),
    3: _third_cosines,
    4: lambda steps, size: 2 * torch.cos(math.pi / size * (steps[:, None] + 0.5) * (steps + 0.5)),
}


@facade
def fftshift(x, axes=None, name=None):
    """The spectrum with the frequency 0 in the middle."""
    return torch.fft.fftshift(as_tensor(x), axes)


@facade
def ifftshift(x, axes=None, name=None):
    """What `fftshift` did, undone."""
    return torch.fft.ifftshift(as_tensor(x), axes)


def _mel(hertz):
    return 1127.0 * torch.log1p(torch.as_tensor(hertz, dtype=torch.float64) / 700.0)


@facade
def linear_to_mel_weight_matrix(
    num_mel_bins=20,
    num_spectrogram_bins=129,
    sample_rate=8000,
    lower_edge_hertz=125.0,
    upper_edge_hertz=3800.0,
    dtype=float32,
    name=None,
):
    """A matrix that makes mel bands of the bins of a spectrogram, (bins, bands)."""
    bins = torch.linspace(0, float(sample_rate) / 2, int(num_spectrogram_bins), dtype=torch.float64)
    spread = _mel(bins[1:])[:, None]
    edges = torch.linspace(
        float(_mel(lower_edge_hertz)),
        float(_mel(upper_edge_hertz)),
        int(num_mel_bins) + 2,
        dtype=torch.float64,
    )
    low, center, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (spread - low) / (center - low)
    falling = (high - spread) / (high - center)
    weights = torch.clamp(torch.minimum(rising, falling), min=0)
    return F.pad(weights, (0, 0, 1, 0)).to(torch_dtype(dtype)).to(_config.default_device())


@facade
def mfccs_from_log_mel_spectrograms(log_mel_spectrograms, name=None):
    """The cepstral coefficients of the logarithms of mel bands."""
    x = as_tensor(log_mel_spectrograms)
    return dct(x) * (1 / math.sqrt(x.shape[-1] * 2.0))


fft3d = unary("signal.fft3d", lambda x: torch.fft.fftn(x, dim=(-3, -2, -1)))
ifft3d = unary("signal.ifft3d", lambda x: torch.fft.ifftn(x, dim=(-3, -2, -1)))


def _real_transform(name: str, function, rank: int):
    """`tf.signal.{name}` over `function(x, sizes, axes)`."""
    axes = tuple(range(-rank, 0))

    def call(input_tensor, fft_length=None, name=None):
        sizes = None if fft_length is None else as_shape(fft_length)
        return function(as_tensor(input_tensor), sizes, axes)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"The transform of the last {rank} axes, between real numbers and half of it."
    return facade(call, f"tf.signal.{name}")


rfft2d = _real_transform("rfft2d", torch.fft.rfftn, 2)
rfft3d = _real_transform("rfft3d", torch.fft.rfftn, 3)
irfft2d = _real_transform("irfft2d", torch.fft.irfftn, 2)
irfft3d = _real_transform("irfft3d", torch.fft.irfftn, 3)


@facade
def idct(input, type=2, n=None, axis=-1, norm=None, name=None):
    """The inverse of `dct`, up to a factor unless `norm` is "ortho"."""
    return dct(input, {1: 1, 2: 3, 3: 2, 4: 4}[type], n, axis, norm)


@facade
def kaiser_window(window_length, beta=12.0, dtype=float32, name=None):
    """A window that Bessel functions give; `beta` makes it narrower."""
    size, dtype = int(window_length), torch_dtype(dtype)
    return torch.kaiser_window(
        size, False, float(beta), dtype=dtype, device=_config.default_device()
    )


@facade
def kaiser_bessel_derived_window(window_length, beta=12.0, dtype=float32, name=None):
    """The window of `mdct` that is made of the sums of a Kaiser window."""
    sums = torch.cumsum(kaiser_window(int(window_length) // 2 + 1, beta, dtype), -1)
    half = torch.sqrt(sums[:-1] / sums[-1])
    return torch.cat((half, torch.flip(half, (0,))))


@facade
def vorbis_window(window_length, dtype=float32, name=None):
    """The window of `mdct` that Vorbis uses."""
    size = int(window_length)
    places = torch.arange(size, dtype=torch_dtype(dtype), device=_config.default_device()) + 0.5
    return torch.sin(math.pi / 2 * torch.square(torch.sin(math.pi / size * places)))


def inverse_stft_window_fn(frame_step, forward_window_fn=hann_window, name=None):
    """The window with which `inverse_stft` undoes `stft` with the forward window."""
    step = int(frame_step)

    def window(frame_length, dtype=float32):
        length = int(frame_length)
        forward = as_tensor(forward_window_fn(length, dtype=dtype))
        count = -(-length // step)
        squares = F.pad(torch.square(forward), (0, count * step - length))
        total = squares.reshape(count, step).sum(0).repeat(count)[:length]
        return sealed(forward / total)

    return window


@facade
def mdct(signals, frame_length, window_fn=vorbis_window, pad_end=False, norm=None, name=None):
    """The modified cosine transform of windows that overlap by half."""
    x, length = as_tensor(signals), int(frame_length)
    frames = _frames(x, length, length // 2, pad_end, 0.0, -1)
    if window_fn is not None:
        frames = frames * window_fn(length, dtype=x.dtype)
    a, b, c, d = torch.tensor_split(frames, 4, -1)
    turned = torch.cat((-torch.flip(c, (-1,)) - d, a - torch.flip(b, (-1,))), -1)
    return dct(turned, 4, norm=norm)


@facade
def inverse_mdct(mdcts, window_fn=vorbis_window, norm=None, name=None):
    """The signal of such transforms."""
    x = as_tensor(mdcts)
    half = x.shape[-1]
    turned = dct(x, 4, norm=norm)
    turned = turned if norm == "ortho" else turned * (0.5 / half)
    one, other = torch.tensor_split(turned, 2, -1)
    parts = (other, -torch.flip(other, (-1,)), -torch.flip(one, (-1,)), -one)
    frames = torch.cat(parts, -1)
    if window_fn is not None:
        frames = frames * window_fn(2 * half, dtype=frames.dtype)
    return overlap_and_add(frames, half)


__getattr__ = missing_from("tf.signal")
