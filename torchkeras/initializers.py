"""First values of weights.

Random ones are drawn on the CPU and then moved, so that a seed gives the same weights on every
device; an initializer that is used again gives the same values again.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, _errors, _serialize, config, random

__all__ = [
    "Constant",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "IdentityInitializer",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "OrthogonalInitializer",
    "RandomNormal",
    "RandomUniform",
    "STFT",
    "STFTInitializer",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "constant",
    "deserialize",
    "get",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "identity",
    "lecun_normal",
    "lecun_uniform",
    "ones",
    "orthogonal",
    "random_normal",
    "random_uniform",
    "serialize",
    "stft",
    "truncated_normal",
    "variance_scaling",
    "zeros",
]

# The standard deviation of a standard normal distribution cut off at -2 and 2.
_TRUNCATED_STDDEV = 0.8796256610342398


def _as_shape(shape: int | Sequence[int]) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


class Initializer(_serialize.Configurable):
    """Base of initializers: callables that make a tensor of a shape and dtype.

    Keyword arguments of Keras 2 beyond these two, such as `layout`, are accepted and ignored.
    """

    _keras_module = "keras"

    def __call__(self, shape, dtype=None, **kwargs):
        raise NotImplementedError(
            "Initializer subclasses must implement the `__call__()` method. "
            f"Received: {type(self).__name__}"
        )

    def clone(self):
        """A new initializer with the same config."""
        return self.__class__.from_config(self.get_config())


class Constant(Initializer):
    """One value everywhere.

    Args:
        value: a number, or an array that broadcasts to the shape.
    """

    def __init__(self, value=0.0):
        self.value = value

    def __call__(self, shape, dtype=None, **kwargs):
        value = torch.as_tensor(
            self.value, dtype=_dtypes.torch_dtype(dtype), device=config.default_device()
        )
        return value.expand(_as_shape(shape)).clone()


class Zeros(Initializer):
    """Zeros."""

    def __call__(self, shape, dtype=None, **kwargs):
        return torch.zeros(
            _as_shape(shape), dtype=_dtypes.torch_dtype(dtype), device=config.default_device()
        )


class Ones(Initializer):
    """Ones."""

    def __call__(self, shape, dtype=None, **kwargs):
        return torch.ones(
            _as_shape(shape), dtype=_dtypes.torch_dtype(dtype), device=config.default_device()
        )


class Identity(Initializer):
    """`gain` on the diagonal of a matrix, zeros elsewhere."""

    def __init__(self, gain=1.0):
        self.gain = gain

    def __call__(self, shape, dtype=None, **kwargs):
        if len(shape) != 2:
            raise ValueError(
                "Identity matrix initializer can only be used for 2D matrices. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        matrix = torch.eye(*shape, device=config.default_device())
        return (matrix * self.gain).to(_dtypes.torch_dtype(dtype))

    def get_config(self):
        # Keras leaves the gain out always; the default one needs no entry.
        return {} if self.gain == 1.0 else super().get_config()


class STFT(Initializer):
    """Kernels of a one-dimensional convolution that does a short-time Fourier transform.

    Its shape is (frame length, 1, fft length // 2 + 1).

    Args:
        side: "real" or "imag", the part of the transform.
        window: the name of a window of `scipy.signal`, an array of the frame length, or None.
        scaling: "density", "spectrum" or None, by what the window is divided.
        periodic: whether the named window is periodic rather than symmetric.
    """

    def __init__(self, side="real", window="hann", scaling="density", periodic=False):
        if side not in ("real", "imag"):
            raise ValueError(
                f"side should be 'real' or 'imag', not {side}. {_errors.received(side=side)}"
            )
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(
                "Scaling is invalid, it must be `None`, 'density' or 'spectrum'. "
                + _errors.received(scaling=scaling)
            )
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic
        if isinstance(window, str):
            self._window_of(1)

    def _window_of(self, length: int) -> Any:
        if not isinstance(self.window, str):
            return self.window
        signal = _errors.import_optional("scipy.signal", "A named window")
        return signal.get_window(self.window, length, self.periodic)

    def __call__(self, shape, dtype=None, **kwargs):
        frame_length, _, bins = shape
        options = {"dtype": _dtypes.torch_dtype(dtype), "device": config.default_device()}
        frequencies = torch.arange(bins, **options).reshape(1, 1, bins) / (2 * (bins - 1))
        times = torch.arange(frame_length, **options).reshape(frame_length, 1, 1)
        angles = -2 * times * frequencies * torch.arccos(torch.tensor(-1, **options))
        kernel = angles.cos() if self.side == "real" else angles.sin()
        if self.window is None:
            return kernel
        window = torch.as_tensor(self._window_of(frame_length), **options)
        if window.shape != (frame_length,):
            raise ValueError(
                "The shape of `window` must be equal to [frame_length]. "
                f"Received: window shape={tuple(window.shape)}"
            )
        kernel = kernel * window.reshape(frame_length, 1, 1)
        if self.scaling == "density":
            return kernel / window.square().sum().sqrt()
        if self.scaling == "spectrum":
            return kernel / window.abs().sum()
        return kernel


class RandomInitializer(Initializer):
    """Base of the random initializers: it keeps the seed and says where numbers are drawn.

    Args:
        seed: an integer; None for a random one; a `SeedGenerator` for new values at each call.
    """

    def __init__(self, seed=None):
        self._given_seed = seed
        if seed is None:
            seed = random.random_seed()
        elif isinstance(seed, dict):
            seed = _serialize.deserialize_keras_object(seed)
        if not isinstance(seed, (int, random.SeedGenerator)):
            raise ValueError(
                "`seed` argument should be an instance of `keras.random.SeedGenerator()` or an "
                f"integer. {_errors.received(seed=seed)}"
            )
        self.seed = seed

    def __call__(self, shape, dtype=None, **kwargs):
        shape = _as_shape(shape)
        dtype = _dtypes.torch_dtype(dtype)
        device = config.default_device()
        if device.type in ("cpu", "meta"):
            return self._draw(shape, dtype)
        previous = config.set_device_override("cpu")
        try:
            values = self._draw(shape, dtype)
        finally:
            config.set_device_override(previous)
        return values.to(device)

    def _draw(self, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} has no `_draw` method.")

    def get_config(self):
        return {**super().get_config(), "seed": _serialize.serialize_keras_object(self._given_seed)}


class RandomNormal(RandomInitializer):
    """Numbers from a normal distribution."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def _draw(self, shape, dtype):
        return random.normal(shape, self.mean, self.stddev, dtype, self.seed)


class TruncatedNormal(RandomInitializer):
    """Numbers from a normal distribution within two standard deviations of its mean."""

    def __init__(self, mean=0.0, stddev=0.05, seed=None):
        self.mean = mean
        self.stddev = stddev
        super().__init__(seed)

    def _draw(self, shape, dtype):
        return random.truncated_normal(shape, self.mean, self.stddev, dtype, self.seed)


class RandomUniform(RandomInitializer):
    """Numbers evenly spread from `minval` to `maxval`."""

    def __init__(self, minval=-0.05, maxval=0.05, seed=None):
        self.minval = minval
        self.maxval = maxval
        super().__init__(seed)

    def _draw(self, shape, dtype):
        return random.uniform(shape, self.minval, self.maxval, dtype, self.seed)


def _fans(
    shape: tuple[int, ...],
    input_axes: Sequence[int] | None,
    output_axes: Sequence[int] | None,
) -> tuple[int, int]:
    """How many inputs an output of the weight has, and the other way round."""
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
    if len(shape) < 2:
        size = math.prod(shape)
        return size, size
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


class VarianceScaling(RandomInitializer):
    """Numbers whose variance is `scale / n`.

    Args:
        scale: a positive number.
        mode: what `n` is: "fan_in", the inputs of an output; "fan_out", the outputs of an input;
            "fan_avg", the mean of both.
        distribution: "truncated_normal", which "normal" stands for too, "untruncated_normal" or
            "uniform".
        seed: an integer, None or a `SeedGenerator`.
        input_axes: axes of the weight that are inputs; None together with `output_axes` for the
            last but one, times all axes before it.
        output_axes: axes of the weight that are outputs.
    """

    def __init__(
        self,
        scale=1.0,
        mode="fan_in",
        distribution="truncated_normal",
        seed=None,
        input_axes=None,
        output_axes=None,
    ):
        if scale <= 0.0:
            raise ValueError(
                f"Argument `scale` must be positive float. {_errors.received(scale=scale)}"
            )
        modes = ("fan_in", "fan_out", "fan_avg")
        if mode not in modes:
            raise ValueError(
                f"Invalid `mode` argument: {mode}. Please use one of {modes}. "
                + _errors.received(mode=mode)
            )
        kind = distribution.lower()
        if kind == "normal":
            kind = "truncated_normal"
        kinds = ("uniform", "truncated_normal", "untruncated_normal")
        if kind not in kinds:
            raise ValueError(
                f"Invalid `distribution` argument: {distribution}. Please use one of {kinds}. "
                + _errors.received(distribution=distribution)
            )
        self.scale = scale
        self.mode = mode
        self.distribution = kind
        self.input_axes = input_axes
        self.output_axes = output_axes
        super().__init__(seed)

    def _draw(self, shape, dtype):
        fan_in, fan_out = _fans(shape, self.input_axes, self.output_axes)
        fans = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}
        variance = self.scale / max(1.0, fans[self.mode])
        if self.distribution == "uniform":
            limit = math.sqrt(3.0 * variance)
            return random.uniform(shape, -limit, limit, dtype, self.seed)
        stddev = math.sqrt(variance)
        if self.distribution == "untruncated_normal":
            return random.normal(shape, 0.0, stddev, dtype, self.seed)
        return random.truncated_normal(shape, 0.0, stddev / _TRUNCATED_STDDEV, dtype, self.seed)


class _Preset(VarianceScaling):
    """Base of the variance scalings that have a name."""

    preset: tuple[float, str, str]

    def __init__(self, seed=None, input_axes=None, output_axes=None):
        super().__init__(*self.preset, seed, input_axes, output_axes)


class GlorotUniform(_Preset):
    """Uniform, with variance 2 / (inputs + outputs)."""

    preset = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Preset):
    """Truncated normal, with variance 2 / (inputs + outputs)."""

    preset = (1.0, "fan_avg", "truncated_normal")


class LecunUniform(_Preset):
    """Uniform, with variance 1 / inputs."""

    preset = (1.0, "fan_in", "uniform")


class LecunNormal(_Preset):
    """Truncated normal, with variance 1 / inputs."""

    preset = (1.0, "fan_in", "truncated_normal")


class HeUniform(_Preset):
    """Uniform, with variance 2 / inputs."""

    preset = (2.0, "fan_in", "uniform")


class HeNormal(_Preset):
    """Truncated normal, with variance 2 / inputs."""

    preset = (2.0, "fan_in", "truncated_normal")


class Orthogonal(RandomInitializer):
    """An orthogonal matrix, as tall as all axes but the last, times `gain`.

    With fewer rows than columns its rows are orthonormal, else its columns.
    """

    def __init__(self, gain=1.0, seed=None):
        self.gain = gain
        super().__init__(seed)

    def _draw(self, shape, dtype):
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        wide = torch.float64 if dtype is torch.float64 else torch.float32
        size = (max(rows, columns), min(rows, columns))
        q, r = torch.linalg.qr(random.normal(size, dtype=wide, seed=self.seed))
        # The signs make the matrix uniformly distributed: https://arxiv.org/abs/math-ph/0609050
        q = q * r.diagonal().sign()
        if rows < columns:
            q = q.T
        return (self.gain * q.reshape(shape)).to(dtype)


constant = Constant
zero = zeros = Zeros
one = ones = Ones
identity = IdentityInitializer = Identity
stft = STFTInitializer = STFT
normal = random_normal = RandomNormal
uniform = random_uniform = RandomUniform
truncated_normal = TruncatedNormal
variance_scaling = VarianceScaling
glorot_uniform = GlorotUniform
glorot_normal = GlorotNormal
lecun_uniform = LecunUniform
lecun_normal = LecunNormal
he_uniform = HeUniform
he_normal = HeNormal
orthogonal = OrthogonalInitializer = Orthogonal


def serialize(initializer):
    """The config of an initializer."""
    return _serialize.serialize_keras_object(initializer)


def deserialize(config, custom_objects=None):
    """The initializer of a config or a name."""
    return _serialize.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=globals()
    )


def _from_values(values: Tensor | np.ndarray | np.generic) -> Callable[..., Tensor]:
    def initialize(shape, dtype=None, **kwargs):
        if _as_shape(shape) != tuple(values.shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(values.shape)} for direct tensor as initializer. "
                f"Received shape={shape}"
            )
        tensor = torch.as_tensor(
            values, dtype=_dtypes.torch_dtype(dtype), device=config.default_device()
        )
        return tensor.clone()

    return initialize


def get(identifier):
    """The initializer meant by a name, a config, a class, a callable or an array of values.

    None is None.
    """
    if isinstance(identifier, (Tensor, np.ndarray, np.generic)):
        return _from_values(identifier)
    return _serialize.lookup(identifier, globals(), "initializer")
