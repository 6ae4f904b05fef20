"""Layers that turn sound into spectrograms."""

import math

import torch
import torch.nn.functional as F

from torchkeras import _dtypes, config, initializers, ops
from torchkeras._errors import import_optional, received, warn
from torchkeras._symbolic import KerasTensor
from torchkeras.layers._base import Layer
from torchkeras.layers._preparation import DataLayer
from torchkeras.layers._spec import InputSpec
from torchkeras.ops.nn._convolution import same_padding

__all__ = ["MelSpectrogram", "STFTSpectrogram"]

_FLOATS = (torch.float16, torch.float32, torch.float64)
_MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Short-time Fourier transforms of signals, by convolution with kernels that can be trained.

    Args:
        mode: "log", "magnitude" or "psd" of the spectrum, its "real" or "imag" part, both ("stft"),
            or its "angle".
        frame_length: samples in a window.
        frame_step: samples between two windows; None: half a window.
        fft_length: length of the transform; None: the least power of two that holds a window.
        window: name of a window of `scipy.signal`, an array, or None.
        periodic: whether the named window is periodic rather than symmetric.
        scaling: "density", "spectrum" or None, by what the window is divided.
        padding: "valid" or "same".
        expand_dims: whether frequencies and channels have axes of their own, as images need.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.

    Input shape: (batch, time, channels)
    Output shape: (batch, windows, channels * frequencies), with `expand_dims` (batch, windows,
        frequencies, channels)

    >>> STFTSpectrogram(frame_length=64)(torch.zeros(2, 320, 1)).shape
    torch.Size([2, 9, 33])
    """

    def __init__(
        self,
        mode="log",
        frame_length=256,
        frame_step=None,
        fft_length=None,
        window="hann",
        periodic=False,
        scaling="density",
        padding="valid",
        expand_dims=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.mode = mode
        self.frame_length = frame_length
        self.frame_step = frame_step
        self.fft_length = fft_length
        self.window = window
        self.periodic = periodic
        self.scaling = scaling
        self.padding = padding
        self.expand_dims = expand_dims
        self.data_format = config.standardize_data_format(data_format)
        self._check_arguments()
        self._frame_step = frame_step or frame_length // 2
        self._fft_length = fft_length or 2 ** math.ceil(math.log2(frame_length))
        self.input_spec = InputSpec(ndim=3)

    def _check_arguments(self) -> None:
        step, length, fft_length = self.frame_step, self.frame_length, self.fft_length
        if step is not None and not 1 <= step <= length:
            raise ValueError(
                "`frame_step` should be a positive integer not greater than `frame_length`. "
                + received(frame_step=step, frame_length=length)
            )
        if fft_length is not None and fft_length < length:
            raise ValueError(
                "`fft_length` should be not less than `frame_length`. "
                + received(fft_length=fft_length, frame_length=length)
            )
        if fft_length is not None and fft_length & (fft_length - 1):
            warn(
                "`fft_length` is recommended to be a power of two. "
                + received(fft_length=fft_length)
            )
        if self.mode not in _MODES:
            raise ValueError(
                f"Output mode is invalid, it must be one of {', '.join(_MODES)}. "
                + received(mode=self.mode)
            )
        if self.scaling not in (None, "density", "spectrum"):
            raise ValueError(
                "Scaling is invalid, it must be `None`, 'density' or 'spectrum'. "
                + received(scaling=self.scaling)
            )
        if self.padding not in ("valid", "same"):
            raise ValueError(
                "Padding is invalid, it should be 'valid', 'same'. "
                + received(padding=self.padding)
            )
        if isinstance(self.window, str):
            # Raises where there is no such window.
            import_optional("scipy.signal", "A named window").get_window(self.window, 1)

    def build(self, input_shape):
        shape = (self.frame_length, 1, self._fft_length // 2 + 1)
        for side in ("real", "imag"):
            if self.mode != {"real": "imag", "imag": "real"}[side]:
                kernel = self.add_weight(
                    f"{side}_kernel",
                    shape,
                    initializer=initializers.STFT(side, self.window, self.scaling, self.periodic),
                    memory_order=(2, 1, 0),
                )
                setattr(self, f"{side}_kernel", kernel)

    def call(self, inputs):
        if inputs.dtype not in _FLOATS:
            raise TypeError(
                "Invalid input type. Expected `float16`, `float32` or `float64`. "
                f"Received: input type={_dtypes.standardize_dtype(inputs.dtype)}"
            )
        signals = inputs.mT if self.data_format == "channels_last" else inputs  # (B, C, T)
        if self.mode == "real":
            return self._arranged(self._transformed(signals, self.real_kernel))
        if self.mode == "imag":
            return self._arranged(self._transformed(signals, self.imag_kernel))
        real = self._transformed(signals, self.real_kernel)  # (B, C, frequencies, windows)
        imag = self._transformed(signals, self.imag_kernel)
        if self.mode == "angle":
            return self._arranged(torch.atan2(imag, real))
        if self.mode == "stft":
            return self._arranged(torch.cat([real, imag], 2))
        power = real.square() + imag.square()
        if self.mode == "psd":
            # The frequencies in between stand for negative ones, too.
            return self._arranged(power + F.pad(power[:, :, 1:-1], (0, 0, 1, 1)))
        magnitude = self._arranged(power.clamp_min(config.epsilon()).sqrt())
        if self.mode == "magnitude":
            return magnitude
        return magnitude.clamp_min(config.epsilon()).log()

    def _transformed(self, signals, kernel):
        batch_size, channels, length = signals.shape
        rows = signals.reshape(-1, 1, length)
        if self.padding == "same":
            before, after = same_padding([length], [self.frame_length], self._frame_step)
            rows = F.pad(rows, (before[0], after[0]))
        outputs = F.conv1d(rows, kernel.permute(2, 1, 0).to(rows.dtype), stride=self._frame_step)
        return outputs.reshape(batch_size, channels, *outputs.shape[1:])

    def _arranged(self, x):  # (B, C, frequencies, windows)
        if self.expand_dims:
            return x.permute((0, 3, 2, 1) if self.data_format == "channels_last" else (0, 1, 3, 2))
        x = x.flatten(1, 2)
        return x.mT if self.data_format == "channels_last" else x

    def compute_output_shape(self, input_shape):
        batch_size, *rest = input_shape
        time, channels = rest if self.data_format == "channels_last" else rest[::-1]
        frequencies = (self._fft_length // 2 + 1) * (2 if self.mode == "stft" else 1)
        windows = time
        if time is not None:
            room = time if self.padding == "same" else time - self.frame_length + 1
            windows = math.ceil(room / self._frame_step)
        if self.expand_dims:
            if self.data_format == "channels_last":
                return (batch_size, windows, frequencies, channels)
            return (batch_size, channels, windows, frequencies)
        features = None if channels is None else channels * frequencies
        if self.data_format == "channels_last":
            return (batch_size, windows, features)
        return (batch_size, features, windows)


class MelSpectrogram(DataLayer):
    """Spectrograms of signals on the mel scale, on which equal steps sound equal.

    Args:
        fft_length: length of the transforms.
        sequence_stride: samples between two windows.
        sequence_length: samples in a window; None: `fft_length`.
        window: name of the window, an array, or None.
        sampling_rate: samples in a second.
        num_mel_bins: number of bands.
        min_freq: least frequency, in hertz.
        max_freq: greatest frequency, in hertz; None: half the sampling rate.
        power_to_db: whether outputs are decibels.
        top_db: how many decibels below the loudest value the others are at most.
        mag_exp: exponent of the magnitudes: 1 for energy, 2 for power.
        min_power: least power.
        ref_power: power of 0 decibels.

    Input shape: (time,) or (batch, time)
    Output shape: (num_mel_bins, windows) or (batch, num_mel_bins, windows)

    >>> MelSpectrogram(num_mel_bins=80, sampling_rate=8000)(torch.zeros(2, 16000)).shape
    torch.Size([2, 80, 32])
    """

    def __init__(
        self,
        fft_length=2048,
        sequence_stride=512,
        sequence_length=None,
        window="hann",
        sampling_rate=16000,
        num_mel_bins=128,
        min_freq=20.0,
        max_freq=None,
        power_to_db=True,
        top_db=80.0,
        mag_exp=2.0,
        min_power=1e-10,
        ref_power=1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        if fft_length < self.sequence_length:
            raise ValueError(
                "`fft_length` must be greater than or equal to `sequence_length`. "
                + received(sequence_length=self.sequence_length, fft_length=fft_length)
            )
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or int(sampling_rate / 2)
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power

    def call(self, inputs):
        dtype = inputs.dtype if inputs.dtype is torch.float64 else torch.float32
        real, imag = ops.stft(
            inputs.to(dtype),
            self.sequence_length,
            self.sequence_stride,
            self.fft_length,
            self.window,
        )
        spectrum = (real.square() + imag.square()).sqrt() ** self.mag_exp
        matrix = self.linear_to_mel_weight_matrix(
            self.num_mel_bins,
            spectrum.shape[-1],
            self.sampling_rate,
            self.min_freq,
            self.max_freq,
        )
        bands = spectrum @ matrix.to(spectrum.device, dtype)
        if self.power_to_db:
            bands = self._decibels(bands)
        return bands.mT.to(self._torch_compute_dtype)

    def _decibels(self, bands):
        reference = max(abs(self.ref_power), self.min_power)
        decibels = 10.0 * (bands.clamp_min(self.min_power).log10() - math.log10(reference))
        return decibels.clamp_min(decibels.max() - self.top_db)

    def linear_to_mel_weight_matrix(
        self,
        num_mel_bins=20,
        num_spectrogram_bins=129,
        sampling_rate=8000,
        lower_edge_hertz=125.0,
        upper_edge_hertz=3800.0,
        dtype="float32",
    ):
        """How much each frequency counts in each band: triangles that peak at 1.

        Args:
            num_mel_bins: number of bands.
            num_spectrogram_bins: number of frequencies, from 0 to half the sampling rate.
            sampling_rate: samples in a second.
            lower_edge_hertz: where the lowest band begins.
            upper_edge_hertz: where the highest band ends.
            dtype: name of the dtype.

        Returns:
            A tensor (num_spectrogram_bins, num_mel_bins).
        """
        options = {"dtype": _dtypes.torch_dtype(dtype), "device": self._place.device}
        frequencies = torch.linspace(0.0, sampling_rate / 2.0, num_spectrogram_bins, **options)
        # The constant part belongs to no band.
        places = _mel(frequencies[1:])[:, None]
        ends = _mel(torch.tensor([lower_edge_hertz, upper_edge_hertz], **options))
        edges = ops.linspace(*ends, num_mel_bins + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        rising = (places - lower) / (center - lower)
        falling = (upper - places) / (upper - center)
        return F.pad(torch.minimum(rising, falling).clamp_min(0.0), (0, 0, 1, 0))

    def compute_output_shape(self, input_shape):
        *batch, time = input_shape
        windows = None if time is None else time // self.sequence_stride + 1
        return (*batch, self.num_mel_bins, windows)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)


def _mel(hertz):
    """Frequencies on the mel scale, as in the Hidden Markov Model Toolkit."""
    return 1127.0 * torch.log(1.0 + hertz / 700.0)
