"""Layers that move values without computing any, or only between them."""

import math

import torch.nn.functional as F

from torchkeras import _dtypes, config
from torchkeras._errors import int_tuple, one_of, positive_int, received
from torchkeras._symbolic import KerasTensor
from torchkeras.layers._base import Layer
from torchkeras.layers._spec import InputSpec

__all__ = [
    "Cropping1D",
    "Cropping2D",
    "Cropping3D",
    "Flatten",
    "Permute",
    "RepeatVector",
    "Reshape",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "ZeroPadding1D",
    "ZeroPadding2D",
    "ZeroPadding3D",
]


class Flatten(Layer):
    """All axes but the first as one, in channels_last order.

    Input shape: (batch, ...)
    Output shape: (batch, product of the rest)
    """

    def __init__(self, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)
        self.built = True

    def call(self, inputs):
        if self.data_format == "channels_first" and inputs.dim() > 2:
            inputs = inputs.movedim(1, -1)
        return inputs.flatten(1) if inputs.dim() > 1 else inputs.unsqueeze(1)


class Reshape(Layer):
    """Another shape for each sample.

    Args:
        target_shape: the shape without the batch axis; a size of -1 follows from the others.

    Input shape: (batch, ...)
    Output shape: (batch, *target_shape)

    >>> Reshape((2, -1)).compute_output_shape((3, 8))
    (3, 2, 4)
    """

    def __init__(self, target_shape, **kwargs):
        super().__init__(**kwargs)
        self.target_shape = tuple(target_shape)
        sizes = [size for size in self.target_shape if isinstance(size, int)]
        if any(size < -1 for size in sizes):
            raise ValueError(
                "Each dimension in `target_shape` must be a non-negative integer, or `-1` for a "
                f"single unknown dimension. {received(target_shape=self.target_shape)}"
            )
        if sizes.count(-1) > 1:
            raise ValueError(
                "There must be at most one unknown dimension (-1) in `target_shape`. "
                + received(target_shape=self.target_shape)
            )
        self.built = True

    def call(self, inputs):
        return inputs.reshape(self._resolved(tuple(inputs.shape)))

    def compute_output_shape(self, input_shape):
        return self._resolved(input_shape)

    # By hand: an unknown size of the inputs says nothing about those of the outputs.
    def compute_output_spec(self, inputs):
        dtype = self.compute_dtype if _dtypes.is_float(inputs.dtype) else inputs.dtype
        return KerasTensor(self._resolved(inputs.shape), dtype)

    def _resolved(self, input_shape):
        batch, *sizes = input_shape
        target = self.target_shape
        if None in sizes:
            return (batch, *[None if size == -1 else size for size in target])
        have, want = math.prod(sizes), math.prod([size for size in target if size != -1])
        if -1 not in target and have == want:
            return (batch, *target)
        if -1 not in target or want == 0 or have % want:
            raise ValueError(
                "The total size of the tensor must be unchanged. "
                + received(input_shape=tuple(sizes), target_shape=target)
            )
        return (batch, *[have // want if size == -1 else size for size in target])


class Permute(Layer):
    """The axes of each sample in another order.

    Args:
        dims: for each axis of the outputs the one of the inputs, counted from 1.

    Input shape: (batch, ...)
    Output shape: (batch, ...)

    >>> Permute((2, 1)).compute_output_shape((3, 4, 5))
    (3, 5, 4)
    """

    def __init__(self, dims, **kwargs):
        super().__init__(**kwargs)
        self.dims = tuple(dims)
        if sorted(self.dims) != list(range(1, len(self.dims) + 1)):
            raise ValueError(
                "Invalid permutation argument `dims` for Permute Layer. The set of indices in "
                f"`dims` must be consecutive and start from 1. {received(dims=dims)}"
            )
        self.input_spec = InputSpec(ndim=len(self.dims) + 1)
        self.built = True

    def call(self, inputs):
        return inputs.permute(0, *self.dims)


class RepeatVector(Layer):
    """Each vector `n` times.

    Args:
        n: how often.

    Input shape: (batch, features)
    Output shape: (batch, n, features)
    """

    def __init__(self, n, **kwargs):
        super().__init__(**kwargs)
        self.n = _whole("n", n)
        self.input_spec = InputSpec(ndim=2)
        self.built = True

    def call(self, inputs):
        return inputs.unsqueeze(1).repeat(1, self.n, 1)


class _Spatial(Layer):
    """Base of the layers that change the spatial axes.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, *new spatial, channels)
    """

    rank: int
    data_format = "channels_last"

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    @property
    def _first(self):
        """The first spatial axis."""
        return 1 if self.data_format == "channels_last" else 2


class _Cropping(_Spatial):
    """Cuts off at the edges.

    Args:
        cropping: how much: an integer, one for each spatial axis, or a pair for each.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, *cropped, channels)
    """

    def __init__(self, cropping, **kwargs):
        super().__init__(**kwargs)
        self.cropping = _pairs("cropping", cropping, self.rank)

    def call(self, inputs):
        pairs = (self.cropping,) if self.rank == 1 else self.cropping
        outputs = inputs
        for axis, (before, after) in enumerate(pairs, self._first):
            size = inputs.shape[axis] - before - after
            if size <= 0:
                raise ValueError(
                    "Values in `cropping` argument should be smaller than the corresponding "
                    "spatial dimension of the input. "
                    + received(inputs_shape=tuple(inputs.shape), cropping=self.cropping)
                )
            outputs = outputs.narrow(axis, before, size)
        return outputs


class Cropping1D(_Cropping):
    """Cuts steps off at both ends of sequences."""

    rank = 1

    def __init__(self, cropping=(1, 1), **kwargs):
        super().__init__(cropping, **kwargs)


class Cropping2D(_Cropping):
    """Cuts rows and columns off images."""

    rank = 2

    def __init__(self, cropping=((0, 0), (0, 0)), data_format=None, **kwargs):
        super().__init__(cropping, **kwargs)
        self.data_format = config.standardize_data_format(data_format)


class Cropping3D(_Cropping):
    """Cuts off at the sides of volumes."""

    rank = 3

    def __init__(self, cropping=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(cropping, **kwargs)
        self.data_format = config.standardize_data_format(data_format)


class _ZeroPadding(_Spatial):
    """Adds zeros at the edges.

    Args:
        padding: how many: an integer, one for each spatial axis, or a pair for each.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, *padded, channels)
    """

    def __init__(self, padding, **kwargs):
        super().__init__(**kwargs)
        self.padding = _pairs("padding", padding, self.rank)
        pairs = (self.padding,) if self.rank == 1 else self.padding
        # `F.pad` begins with the last axis.
        self._edges = [n for pair in reversed(pairs) for n in pair]

    def call(self, inputs):
        edges = self._edges if self.data_format == "channels_first" else [0, 0, *self._edges]
        return F.pad(inputs, edges)


class ZeroPadding1D(_ZeroPadding):
    """Adds steps of zeros at both ends of sequences."""

    rank = 1

    def __init__(self, padding=1, data_format=None, **kwargs):
        super().__init__(padding, **kwargs)
        self.data_format = config.standardize_data_format(data_format)


class ZeroPadding2D(_ZeroPadding):
    """Adds rows and columns of zeros to images."""

    rank = 2

    def __init__(self, padding=(1, 1), data_format=None, **kwargs):
        super().__init__(padding, **kwargs)
        self.data_format = config.standardize_data_format(data_format)


class ZeroPadding3D(_ZeroPadding):
    """Adds zeros at the sides of volumes."""

    rank = 3

    def __init__(self, padding=((1, 1), (1, 1), (1, 1)), data_format=None, **kwargs):
        super().__init__(padding, **kwargs)
        self.data_format = config.standardize_data_format(data_format)


class _UpSampling(_Spatial):
    """Repeats values along the spatial axes."""

    def call(self, inputs):
        sizes = (self.size,) if self.rank == 1 else self.size
        return _repeated(inputs, sizes, self._first)


class UpSampling1D(_UpSampling):
    """Each step `size` times.

    Args:
        size: how often.

    Input shape: (batch, steps, features)
    Output shape: (batch, steps * size, features)
    """

    rank = 1

    def __init__(self, size=2, **kwargs):
        super().__init__(**kwargs)
        self.size = _whole("size", size)


class UpSampling2D(_UpSampling):
    """Larger images.

    Args:
        size: factors of the rows and the columns, or one for both.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.
        interpolation: "nearest" repeats values; or "bilinear", "bicubic".

    Input shape: (batch, rows, columns, channels)
    Output shape: (batch, rows * size, columns * size, channels)

    >>> UpSampling2D((2, 3)).compute_output_shape((1, 4, 4, 3))
    (1, 8, 12, 3)
    """

    rank = 2

    def __init__(self, size=(2, 2), data_format=None, interpolation="nearest", **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.size = int_tuple("size", size, 2)
        self.interpolation = one_of(
            "interpolation",
            interpolation.lower(),
            ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"),
        )

    def call(self, inputs):
        if self.interpolation == "nearest":
            return super().call(inputs)
        if self.interpolation.startswith("lanczos"):
            raise ValueError(
                "Resizing with Lanczos interpolation is not supported on PyTorch. "
                + received(interpolation=self.interpolation)
            )
        last = self.data_format == "channels_last"
        x = inputs.permute(0, 3, 1, 2) if last else inputs
        size = [length * factor for length, factor in zip(x.shape[2:], self.size)]
        # The antialias of an image that grows changes nothing but the kernel: Keras's a = -0.5.
        outputs = F.interpolate(
            x,
            size,
            mode=self.interpolation,
            align_corners=False,
            antialias=self.interpolation == "bicubic",
        )
        return outputs.permute(0, 2, 3, 1) if last else outputs


class UpSampling3D(_UpSampling):
    """Larger volumes, by repeated values.

    Args:
        size: factors of the three axes, or one for all.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.

    Input shape: (batch, dim1, dim2, dim3, channels)
    Output shape: (batch, dim1 * size, dim2 * size, dim3 * size, channels)
    """

    rank = 3

    def __init__(self, size=(2, 2, 2), data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.size = int_tuple("size", size, 3)


def _repeated(x, times, first):
    """Each value as often as `times` says for the axes from `first` on, in one copy."""
    shape, expanded, merged = list(x.shape), list(x.shape), list(x.shape)
    for i, n in reversed(list(enumerate(times, first))):
        shape.insert(i + 1, 1)
        expanded.insert(i + 1, n)
        merged[i] *= n
    return x.reshape(shape).expand(expanded).reshape(merged)


def _pairs(name, value, rank):
    """How much before and after each spatial axis; of one axis just the pair."""
    if rank == 1:
        return int_tuple(name, value, 2, allow_zero=True)
    if isinstance(value, int):
        return (int_tuple(name, value, 2, allow_zero=True),) * rank
    if not hasattr(value, "__len__") or len(value) != rank:
        raise ValueError(
            f"`{name}` should have {rank} elements: be an int, a tuple of {rank} ints, or a tuple "
            f"of {rank} tuples of 2 ints. {received(**{name: value})}"
        )
    return tuple(int_tuple(f"entry of {name}", entry, 2, allow_zero=True) for entry in value)


def _whole(name, value):
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"Expected an integer value for `{name}`. {received(**{name: value})}")
    if value <= 0:
        raise ValueError(
            f"Argument `{name}` should be a positive integer. {received(**{name: value})}"
        )
    return positive_int(name, value)
