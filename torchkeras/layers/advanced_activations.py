"""Activations that are layers because they have settings or weights."""

import torch

from torchkeras import activations, constraints, initializers, regularizers
from torchkeras._errors import received, warn
from torchkeras.layers._base import Layer
from torchkeras.layers._spec import InputSpec

__all__ = ["ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax"]


class ReLU(Layer):
    """`max(x, 0)`, with a slope below, a threshold and a ceiling on request.

    Args:
        max_value: what greater values are cut off to; None for no limit.
        negative_slope: slope of the part below `threshold`.
        threshold: what `x` must exceed to be kept.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, max_value=None, negative_slope=0.0, threshold=0.0, **kwargs):
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(
                "max_value of a ReLU layer cannot be a negative value. "
                + received(max_value=max_value)
            )
        for name, value in (("negative_slope", negative_slope), ("threshold", threshold)):
            if value is None or value < 0.0:
                raise ValueError(
                    f"{name} of a ReLU layer cannot be None or a negative value. "
                    + received(**{name: value})
                )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Layer):
    """`x` where positive, else `negative_slope * x`.

    Args:
        negative_slope: slope of the negative part; also known as `alpha`.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, negative_slope=0.3, **kwargs):
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")
            warn("Argument `alpha` is deprecated. Use `negative_slope` instead.")
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. "
                "Expected a float. " + received(negative_slope=negative_slope)
            )
        self.negative_slope = negative_slope
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return activations.leaky_relu(inputs, self.negative_slope)


class ELU(Layer):
    """`x` where positive, else `alpha * (exp(x) - 1)`.

    Args:
        alpha: what the negative part tends to, with the sign changed.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, alpha=1.0, **kwargs):
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return activations.elu(inputs, self.alpha)


class PReLU(Layer):
    """`x` where positive, else `alpha * x` with learned slopes, one for each place of an input.

    Args:
        shared_axes: axes along which the places share a slope, counted with the batch axis.

    Input shape: (batch, ...)
    Output shape: that of the input
    """

    _casts_integers = True

    def __init__(
        self,
        alpha_initializer="Zeros",
        alpha_regularizer=None,
        alpha_constraint=None,
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.alpha_initializer = initializers.get(alpha_initializer)
        self.alpha_regularizer = regularizers.get(alpha_regularizer)
        self.alpha_constraint = constraints.get(alpha_constraint)
        if shared_axes is not None:
            shared_axes = (
                list(shared_axes) if isinstance(shared_axes, (list, tuple)) else [shared_axes]
            )
        self.shared_axes = shared_axes
        self.supports_masking = True

    def build(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        self.alpha = self.add_weight("alpha", shape)
        own = set(range(1, len(input_shape))) - set(self.shared_axes or ())
        axes = {axis: input_shape[axis] for axis in own} if self.shared_axes else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=axes)

    def call(self, inputs):
        return torch.relu(inputs) - self.alpha * torch.relu(-inputs)


class Softmax(Layer):
    """`exp(x) / sum(exp(x))` over an axis or several.

    Args:
        axis: the axis, or a list of axes taken as one.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs, mask=None):
        """What the mask leaves out gets the probability 0; it has to broadcast to the inputs."""
        if mask is None:
            return activations.softmax(inputs, self.axis)
        _check_broadcasts(mask, inputs)
        if mask.dtype is not torch.bool:
            mask = mask > 0.5
        lowest = -3e4 if inputs.dtype is torch.float16 else -1e9
        outputs = activations.softmax(torch.where(mask, inputs, lowest), self.axis)
        # Where all is left out, the softmax is even.
        return torch.where(mask, outputs, 0.0)


def _check_broadcasts(mask, inputs):
    pairs = zip(reversed(mask.shape), reversed(inputs.shape))
    if mask.ndim > inputs.ndim or any(m != 1 and m != size for m, size in pairs):
        raise ValueError(
            "The `mask` must be broadcastable to `inputs`. Each mask dimension must be 1 or match "
            f"the corresponding input dimension. Received: inputs.shape={tuple(inputs.shape)}, "
            f"mask.shape={tuple(mask.shape)}"
        )
