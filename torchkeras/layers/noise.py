"""Layers that act in training: noise on the inputs, and a price on them."""

import math

import torch

from torchkeras import config, random, regularizers
from torchkeras._errors import received, unit_interval
from torchkeras.layers._base import Layer
from torchkeras.layers._spec import InputSpec

__all__ = [
    "ActivityRegularization",
    "AlphaDropout",
    "Dropout",
    "GaussianDropout",
    "GaussianNoise",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "SpatialDropout3D",
]


class _Noise(Layer):
    """Base of the noises: draws come from torch's own generator, or from `seed` where one is given.

    `_disturbed` is what the layer does in training, once a noise above zero was announced.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.seed = seed
        self.supports_masking = True
        self.built = True

    def _announce(self, amount):
        self._active = amount > 0
        if self._active:
            self.seed_generator = random.SeedGenerator(self.seed)

    def call(self, inputs, training=False):
        return self._disturbed(inputs) if training and self._active else inputs

    def _uniform(self, shape, inputs):
        if self.seed is None:
            return torch.rand(shape, device=inputs.device)
        return random.uniform(shape, seed=self.seed_generator).to(inputs.device)

    def _normal(self, mean, stddev, inputs):
        dtype = self._torch_compute_dtype
        if self.seed is None:
            return torch.normal(mean, stddev, inputs.shape, dtype=dtype, device=inputs.device)
        noise = random.normal(inputs.shape, mean, stddev, dtype, self.seed_generator)
        return noise.to(inputs.device)


class Dropout(_Noise):
    """Sets a fraction of the inputs to zero in training and scales up the others to keep the sum.

    Args:
        rate: fraction to drop, from 0 to 1.
        noise_shape: shape of the mask, which broadcasts; None in it: as the inputs.
        seed: integer; None: torch's own generator decides.

    Input shape: any
    Output shape: that of the input

    >>> Dropout(0.5)(torch.ones(2), training=False)
    tensor([1., 1.])
    """

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = unit_interval("rate", rate)
        self._announce(rate)
        self.noise_shape = _checked_noise_shape(noise_shape)

    def _disturbed(self, inputs):
        shape = self._mask_shape(inputs)
        if self.seed is not None or not inputs.is_floating_point():
            return random.dropout(inputs, self.rate, shape, self.seed_generator)
        if shape is None:
            return random.quick_dropout(inputs, self.rate)
        return inputs * random.quick_dropout(inputs.new_ones(shape), self.rate)

    def _mask_shape(self, inputs):
        return _filled(self.noise_shape, inputs.shape)


class AlphaDropout(_Noise):
    """Dropout for `selu`: what is dropped takes its lowest value, and mean and variance are kept.

    Args:
        rate: fraction to drop, from 0 to 1.
        noise_shape: shape of the mask, which broadcasts; None in it: as the inputs.
        seed: integer; None: torch's own generator decides.

    Input shape: any
    Output shape: that of the input
    """

    # What selu tends to for very negative inputs.
    floor = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717

    def __init__(self, rate, noise_shape=None, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = unit_interval("rate", rate)
        self._announce(rate)
        self.noise_shape = noise_shape

    def _disturbed(self, inputs):
        shape = (
            inputs.shape if self.noise_shape is None else _filled(self.noise_shape, inputs.shape)
        )
        kept = self._uniform(shape, inputs) >= self.rate
        scale = ((1 - self.rate) * (1 + self.rate * self.floor**2)) ** -0.5
        return torch.where(kept, inputs, self.floor) * scale - scale * self.floor * self.rate


class _SpatialDropout(Dropout):
    """Dropout of whole feature maps.

    Args:
        rate: fraction of the maps to drop, from 0 to 1.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.
        seed: integer; None: torch's own generator decides.

    Input shape: (batch, *spatial, channels)
    Output shape: that of the input
    """

    rank: int
    data_format = "channels_last"

    def __init__(self, rate, data_format=None, seed=None, name=None, dtype=None):
        super().__init__(rate, seed=seed, name=name, dtype=dtype)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _mask_shape(self, inputs):
        ones = (1,) * self.rank
        if self.data_format == "channels_first":
            return (*inputs.shape[:2], *ones)
        return (inputs.shape[0], *ones, inputs.shape[-1])

    def get_config(self):
        config = super().get_config()
        # It cannot be given to the constructor.
        del config["trainable"]
        return {**config, "dtype": self.dtype}


class SpatialDropout1D(_SpatialDropout):
    """Dropout of whole feature maps of sequences."""

    rank = 1

    def __init__(self, rate, seed=None, name=None, dtype=None):
        super().__init__(rate, "channels_last", seed, name, dtype)


class SpatialDropout2D(_SpatialDropout):
    """Dropout of whole feature maps of images."""

    rank = 2


class SpatialDropout3D(_SpatialDropout):
    """Dropout of whole feature maps of volumes."""

    rank = 3


class GaussianDropout(_Noise):
    """Multiplies by numbers around 1 with the deviation `sqrt(rate / (1 - rate))` in training.

    Args:
        rate: fraction that a `Dropout` of the same strength would drop.
        seed: integer; None: torch's own generator decides.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, rate, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.rate = unit_interval("rate", rate)
        self._announce(rate)

    def _disturbed(self, inputs):
        return inputs * self._normal(1.0, math.sqrt(self.rate / (1.0 - self.rate)), inputs)


class GaussianNoise(_Noise):
    """Adds numbers around 0 in training.

    Args:
        stddev: standard deviation of the noise, from 0 to 1.
        seed: integer; None: torch's own generator decides.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, stddev, seed=None, **kwargs):
        super().__init__(seed, **kwargs)
        self.stddev = unit_interval("stddev", stddev)
        self._announce(stddev)

    def _disturbed(self, inputs):
        return inputs + self._normal(0.0, self.stddev, inputs)


class ActivityRegularization(Layer):
    """Gives its input back and adds a price on it to the loss.

    Args:
        l1: factor of the sum of absolute values.
        l2: factor of the sum of squares.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, l1=0.0, l2=0.0, **kwargs):
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.l1 = l1
        self.l2 = l2
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return inputs

    def get_config(self):
        config = super().get_config()
        # It follows from `l1` and `l2`.
        config.pop("activity_regularizer", None)
        return config


def _checked_noise_shape(noise_shape):
    if noise_shape is None:
        return None
    try:
        sizes = None if isinstance(noise_shape, str) else tuple(noise_shape)
    except TypeError:
        sizes = None
    if sizes is None or not all(size is None or type(size) is int for size in sizes):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected a tuple or list of "
            f"integers or None. {received(noise_shape=noise_shape)}"
        )
    if any(size is not None and size <= 0 for size in sizes):
        raise ValueError(
            "Invalid value received for argument `noise_shape`. Expected all dimensions to be "
            f"positive integers or None. {received(noise_shape=noise_shape)}"
        )
    return sizes


def _filled(noise_shape, shape):
    """`noise_shape` with the sizes of the inputs where it has None."""
    if noise_shape is None:
        return None
    return [own if size is None else size for own, size in zip(shape, noise_shape, strict=True)]
