"""`tf.signal`: Fourier transforms, windows and spectrograms."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config as _config
from torchkeras.tf._convert import as_tensor, unary
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade
from torchkeras.tf.dtypes import float32, torch_dtype

__all__ = [
    "dct",
    "fft",
    "fft2d",
    "fftshift",
    "frame",
    "hamming_window",
    "hann_window",
    "ifft",
    "ifft2d",
    "ifftshift",
    "inverse_stft",
    "irfft",
    "linear_to_mel_weight_matrix",
    "mfccs_from_log_mel_spectrograms",
    "overlap_and_add",
    "rfft",
    "stft",
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
    """The cosine transform of type 2 along the last axis.

    Raises:
        ValueError: another type or axis.
    """
    if type != 2 or axis != -1:
        raise ValueError(f"Only type 2 along axis -1. Received: type={type}, axis={axis}")
    x = as_tensor(input)
    size = x.shape[-1]
    steps = torch.arange(size, dtype=torch.float64, device=x.device)
    table = 2 * torch.cos(math.pi / size * (steps[:, None] + 0.5) * steps)
    if norm == "ortho":
        table = table * math.sqrt(1 / (2 * size))
        table[:, 0] *= math.sqrt(0.5)
    return x @ table.to(x.dtype)


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


__getattr__ = missing_from("tf.signal")
