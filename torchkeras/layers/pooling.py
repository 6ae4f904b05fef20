"""Pooling: the maximum or the mean over windows, over all places, or over so many parts."""

import torch

from torchkeras import config
from torchkeras._errors import int_tuple, one_of, received
from torchkeras.layers._base import Layer
from torchkeras.layers._spec import InputSpec
from torchkeras.ops.nn._convolution import (
    ADAPTIVE_AVERAGE_POOL,
    ADAPTIVE_MAX_POOL,
    TO_FIRST,
    TO_LAST,
    average_pool_nd,
    max_pool_nd,
)

__all__ = [
    "AdaptiveAveragePooling1D",
    "AdaptiveAveragePooling2D",
    "AdaptiveAveragePooling3D",
    "AdaptiveMaxPooling1D",
    "AdaptiveMaxPooling2D",
    "AdaptiveMaxPooling3D",
    "AveragePooling1D",
    "AveragePooling2D",
    "AveragePooling3D",
    "AvgPool1D",
    "AvgPool2D",
    "AvgPool3D",
    "GlobalAveragePooling1D",
    "GlobalAveragePooling2D",
    "GlobalAveragePooling3D",
    "GlobalAvgPool1D",
    "GlobalAvgPool2D",
    "GlobalAvgPool3D",
    "GlobalMaxPool1D",
    "GlobalMaxPool2D",
    "GlobalMaxPool3D",
    "GlobalMaxPooling1D",
    "GlobalMaxPooling2D",
    "GlobalMaxPooling3D",
    "MaxPool1D",
    "MaxPool2D",
    "MaxPool3D",
    "MaxPooling1D",
    "MaxPooling2D",
    "MaxPooling3D",
]


class _Pool(Layer):
    """Base of the layers that pool over windows; `rank` and `_pool` say which.

    Args:
        pool_size: size of a window, one integer or one for each spatial axis.
        strides: step from one window to the next; None: the size of a window.
        padding: "valid", or "same" for windows that reach over the edge; what lies outside does not
            count.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, *pooled, channels)
    """

    rank: int

    def __init__(
        self, pool_size, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(name=name, **kwargs)
        self.pool_size = int_tuple("pool_size", pool_size, self.rank)
        self.strides = int_tuple("strides", pool_size if strides is None else strides, self.rank)
        self.padding = one_of("padding", str(padding).lower(), ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.built = True

    def call(self, inputs):
        return self._pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)


class _MaxPool(_Pool):
    _pool = staticmethod(max_pool_nd)


class _AveragePool(_Pool):
    _pool = staticmethod(average_pool_nd)


class MaxPooling1D(_MaxPool):
    """Maximum over windows of sequences."""

    rank = 1

    def __init__(
        self, pool_size=2, strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling2D(_MaxPool):
    """Maximum over windows of images."""

    rank = 2

    def __init__(
        self, pool_size=(2, 2), strides=None, padding="valid", data_format=None, name=None, **kwargs
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class MaxPooling3D(_MaxPool):
    """Maximum over windows of volumes."""

    rank = 3

    def __init__(
        self,
        pool_size=(2, 2, 2),
        strides=None,
        padding="valid",
        data_format=None,
        name=None,
        **kwargs,
    ):
        super().__init__(pool_size, strides, padding, data_format, name, **kwargs)


class AveragePooling1D(_AveragePool):
    """Mean over windows of sequences."""

    rank = 1


class AveragePooling2D(_AveragePool):
    """Mean over windows of images."""

    rank = 2


class AveragePooling3D(_AveragePool):
    """Mean over windows of volumes."""

    rank = 3


class _GlobalPool(Layer):
    """Base of the layers that pool over all places.

    Args:
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.
        keepdims: whether the spatial axes stay, with size 1.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, channels), or (batch, *ones, channels)
    """

    rank: int

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(**kwargs)
        self.data_format = config.standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self.rank))
        self.built = True


class _GlobalMaxPool(_GlobalPool):
    def call(self, inputs):
        return inputs.amax(self._axes, self.keepdims)


class _GlobalAveragePool(_GlobalPool):
    def call(self, inputs):
        return inputs.mean(self._axes, self.keepdims)


class GlobalMaxPooling1D(_GlobalMaxPool):
    """Maximum over all places of sequences."""

    rank = 1


class GlobalMaxPooling2D(_GlobalMaxPool):
    """Maximum over all places of images."""

    rank = 2


class GlobalMaxPooling3D(_GlobalMaxPool):
    """Maximum over all places of volumes."""

    rank = 3


class GlobalAveragePooling1D(_GlobalAveragePool):
    """Mean over all steps of sequences, or over those that the mask keeps."""

    rank = 1

    def __init__(self, data_format=None, keepdims=False, **kwargs):
        super().__init__(data_format, keepdims, **kwargs)
        self.supports_masking = True
        # It uses masks and makes none.
        self._makes_masks = False

    def call(self, inputs, mask=None):
        if mask is None:
            return inputs.mean(self._axes, self.keepdims)
        kept = mask.bool().unsqueeze(2 if self.data_format == "channels_last" else 1)
        total = torch.where(kept, inputs, 0).sum(self._axes, self.keepdims)
        return total / kept.to(inputs.dtype).sum(self._axes, self.keepdims)

    def compute_mask(self, inputs, mask=None):
        return None


class GlobalAveragePooling2D(_GlobalAveragePool):
    """Mean over all places of images."""

    rank = 2


class GlobalAveragePooling3D(_GlobalAveragePool):
    """Mean over all places of volumes."""

    rank = 3


class _AdaptivePool(Layer):
    """Base of the layers that pool over a given number of parts.

    Args:
        output_size: number of parts, one integer or one for each spatial axis.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, *output_size, channels)
    """

    rank: int
    _pools: dict

    def __init__(self, output_size, data_format=None, **kwargs):
        if not isinstance(output_size, (int, tuple, list)):
            raise TypeError(
                f"`output_size` must be an integer or tuple of {self.rank} integers. "
                + received(output_size=output_size)
            )
        super().__init__(**kwargs)
        self.output_size = int_tuple("output_size", output_size, self.rank)
        self.data_format = config.standardize_data_format(data_format)
        self.built = True

    def call(self, inputs):
        pool = self._pools[self.rank]
        if self.data_format == "channels_first":
            return pool(inputs, self.output_size)
        parts = pool(inputs.permute(TO_FIRST[self.rank]), self.output_size)
        return parts.permute(TO_LAST[self.rank])


class _AdaptiveMaxPool(_AdaptivePool):
    _pools = ADAPTIVE_MAX_POOL


class _AdaptiveAveragePool(_AdaptivePool):
    _pools = ADAPTIVE_AVERAGE_POOL


class AdaptiveMaxPooling1D(_AdaptiveMaxPool):
    """Maximum over a given number of parts of sequences."""

    rank = 1


class AdaptiveMaxPooling2D(_AdaptiveMaxPool):
    """Maximum over a given number of parts of images."""

    rank = 2


class AdaptiveMaxPooling3D(_AdaptiveMaxPool):
    """Maximum over a given number of parts of volumes."""

    rank = 3


class AdaptiveAveragePooling1D(_AdaptiveAveragePool):
    """Mean over a given number of parts of sequences."""

    rank = 1


class AdaptiveAveragePooling2D(_AdaptiveAveragePool):
    """Mean over a given number of parts of images."""

    rank = 2


class AdaptiveAveragePooling3D(_AdaptiveAveragePool):
    """Mean over a given number of parts of volumes."""

    rank = 3


MaxPool1D = MaxPooling1D
MaxPool2D = MaxPooling2D
MaxPool3D = MaxPooling3D
AvgPool1D = AveragePooling1D
AvgPool2D = AveragePooling2D
AvgPool3D = AveragePooling3D
GlobalMaxPool1D = GlobalMaxPooling1D
GlobalMaxPool2D = GlobalMaxPooling2D
GlobalMaxPool3D = GlobalMaxPooling3D
GlobalAvgPool1D = GlobalAveragePooling1D
GlobalAvgPool2D = GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
