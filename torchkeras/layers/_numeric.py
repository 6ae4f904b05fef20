"""Layers that prepare numbers."""

import torch

from torchkeras import config
from torchkeras.layers._base import Layer

__all__ = ["Rescaling"]


class Rescaling(Layer):
    """`inputs * scale + offset`, in floating point.

    Args:
        scale: factor, or one for each channel.
        offset: what to add, or one for each channel.

    Input shape: any
    Output shape: that of the input

    >>> Rescaling(1 / 127.5, offset=-1)(torch.tensor([0, 255]))
    tensor([-1.,  1.])
    """

    _casts_integers = True

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        scale = self.scale
        if not isinstance(scale, (int, float)):
            scale = torch.as_tensor(scale, dtype=inputs.dtype, device=inputs.device)
            if scale.ndim and config.image_data_format() == "channels_first":
                scale = scale.reshape(*scale.shape, *(1,) * (3 - scale.ndim))
        outputs = inputs * scale
        if isinstance(self.offset, (int, float)):
            return outputs + self.offset if self.offset else outputs
        return outputs + torch.as_tensor(self.offset, dtype=inputs.dtype, device=inputs.device)
