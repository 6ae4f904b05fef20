"""Normalization: by batch, by sample, by groups of channels, by norm."""

import torch
import torch.nn.functional as F

from torchkeras import config, constraints, initializers, regularizers
from torchkeras._errors import received, warn
from torchkeras.layers._base import Layer
from torchkeras.layers._spec import InputSpec

__all__ = [
    "BatchNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "RMSNormalization",
    "UnitNormalization",
]


class _Normalization(Layer):
    """What the normalizations with a learned scale and offset share.

    Args:
        axis: the axis of the features.
        epsilon: added to the variance.
        center: whether there is an offset, `beta`.
        scale: whether there is a factor, `gamma`.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(
        self,
        axis,
        epsilon,
        center,
        scale,
        beta_initializer,
        gamma_initializer,
        beta_regularizer,
        gamma_regularizer,
        beta_constraint,
        gamma_constraint,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.beta_initializer = initializers.get(beta_initializer)
        self.gamma_initializer = initializers.get(gamma_initializer)
        self.beta_regularizer = regularizers.get(beta_regularizer)
        self.gamma_regularizer = regularizers.get(gamma_regularizer)
        self.beta_constraint = constraints.get(beta_constraint)
        self.gamma_constraint = constraints.get(gamma_constraint)
        self.supports_masking = True

    def _add_weights(self, shape, scale, center):
        self.gamma = self.add_weight(**self._weight("gamma", shape)) if scale else None
        self.beta = self.add_weight(**self._weight("beta", shape)) if center else None

    def _weight(self, name, shape):
        return {
            "name": name,
            "shape": shape,
            "initializer": getattr(self, f"{name}_initializer"),
            "regularizer": getattr(self, f"{name}_regularizer"),
            "constraint": getattr(self, f"{name}_constraint"),
            "autocast": False,
        }


class BatchNormalization(_Normalization):
    """Normalizes each channel over the batch in training, by moving statistics otherwise.

    A layer with `trainable = False` uses the moving statistics in training too, and leaves them.
    With `mask`, which has an axis less than the inputs, what it leaves out does not count.

    Args:
        axis: the axis of the channels.
        momentum: what the moving statistics keep of themselves at each step.
        epsilon: added to the variance.
        center: whether there is an offset, `beta`.
        scale: whether there is a factor, `gamma`.
        renorm: batch renormalization: training corrects towards the moving statistics.
        renorm_clipping: dict with bounds "rmin", "rmax", "dmax" of the correction.
        renorm_momentum: what the statistics behind the correction keep of themselves.
        synchronized: whether the statistics are those of the batches of all processes.

    Input shape: any
    Output shape: that of the input

    >>> BatchNormalization()(torch.ones(2, 3)).shape
    torch.Size([2, 3])
    """

    _casts_integers = True

    def __init__(
        self,
        axis=-1,
        momentum=0.99,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        moving_mean_initializer="zeros",
        moving_variance_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        renorm=False,
        renorm_clipping=None,
        renorm_momentum=0.99,
        synchronized=False,
        **kwargs,
    ):
        super().__init__(
            int(axis),
            float(epsilon),
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.momentum = float(momentum)
        self.moving_mean_initializer = initializers.get(moving_mean_initializer)
        self.moving_variance_initializer = initializers.get(moving_variance_initializer)
        self.renorm = renorm
        self.renorm_clipping = _checked_clipping(renorm_clipping) if renorm else renorm_clipping
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized

    def build(self, input_shape):
        _check_axis(self.axis, input_shape)
        shape = (input_shape[self.axis],)
        self._add_weights(shape, self.scale, self.center)
        self.moving_mean = self._add_statistic("moving_mean", shape)
        self.moving_variance = self._add_statistic("moving_variance", shape)
        if self.renorm:
            self.moving_stddev = self._add_statistic("moving_stddev", shape)
            self.renorm_mean = self._add_statistic("renorm_mean", shape)
            self.renorm_stddev = self._add_statistic("renorm_stddev", shape)
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: shape[0]})

    def _add_statistic(self, name, shape):
        initializer = self.moving_mean_initializer
        if name == "moving_variance":
            initializer = self.moving_variance_initializer
        elif name.endswith("stddev"):

            def initializer(shape, dtype):
                return self.moving_variance_initializer(shape, dtype=dtype).sqrt()

        return self.add_weight(
            name=name, shape=shape, initializer=initializer, trainable=False, autocast=False
        )

    def call(self, inputs, training=None, mask=None):
        if mask is not None and mask.ndim != inputs.ndim - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={tuple(mask.shape)}, inputs.shape={tuple(inputs.shape)}"
            )
        if not (training and self.trainable):
            return self._fused(inputs, self.gamma, self.beta, False)
        if mask is not None or self.synchronized:
            return self._by_moments(inputs, mask)
        if self.renorm:
            mean, variance = _moments(inputs.detach(), self._others(inputs))
            gamma, beta = self._renormalized(mean, variance)
            return self._fused(inputs, gamma, beta, True, moving=False)
        return self._fused(inputs, self.gamma, self.beta, True)

    def _fused(self, inputs, gamma, beta, training, moving=True):
        """torch's kernel, which also moves the statistics on."""
        x, restore = channels_second(inputs, self.axis)
        if not training:
            statistics = self.moving_mean, self.moving_variance
            return restore(_kernel(x, gamma, beta, *statistics, False, 0.0, self.epsilon))
        count = x.numel() // x.shape[1] if moving else 0
        if count < 2:
            outputs = _kernel(x, gamma, beta, None, None, True, 0.0, self.epsilon)
            if moving:
                self._move(*_moments(inputs.detach(), self._others(inputs)))
            return restore(outputs)
        # The kernel averages the unbiased variance, count / (count - 1) times the one wanted.
        moving_variance, excess = self.moving_variance, count / (count - 1)
        variance = moving_variance * excess
        momentum = 1.0 - self.momentum
        outputs = _kernel(x, gamma, beta, self.moving_mean, variance, True, momentum, self.epsilon)
        torch.mul(variance, 1 / excess, out=moving_variance)
        return restore(outputs)

    def _by_moments(self, inputs, mask):
        """The same in steps, for means that the kernel cannot take."""
        x = inputs.to(_at_least_float32(inputs.dtype))
        mean, variance = self._shared_moments(x, mask)
        gamma, beta = self.gamma, self.beta
        if self.renorm:
            gamma, beta = self._renormalized(mean.detach(), variance.detach())
        else:
            self._move(mean.detach(), variance.detach())
        shape = [1] * x.ndim
        shape[self.axis] = -1
        factor = torch.rsqrt(variance + self.epsilon)
        if gamma is not None:
            factor = factor * gamma
        outputs = (x - mean.view(shape)) * factor.view(shape)
        if beta is not None:
            outputs = outputs + beta.view(shape)
        return outputs.to(self._torch_compute_dtype)

    def _others(self, inputs):
        """All axes but that of the channels."""
        axes = list(range(inputs.ndim))
        del axes[self.axis]
        return axes

    def _shared_moments(self, x, mask):
        axes = self._others(x)
        if mask is None:
            mean, square = x.mean(axes), (x * x).mean(axes)
            mean, square = _mean_of_processes(torch.stack([mean, square]))
            return mean, square - mean * mean
        kept = mask.bool().unsqueeze(-1).expand(x.shape)
        count = kept.to(x.dtype).sum(axes) + config.epsilon()
        mean = torch.where(kept, x, 0).sum(axes) / count
        shape = [1] * x.ndim
        shape[self.axis] = -1
        deviation = torch.where(kept, x - mean.view(shape), 0)
        return mean, (deviation * deviation).sum(axes) / count

    @torch.no_grad()
    def _move(self, mean, variance):
        self.moving_mean.lerp_(mean.to(self.moving_mean.dtype), 1.0 - self.momentum)
        self.moving_variance.lerp_(variance.to(self.moving_variance.dtype), 1.0 - self.momentum)

    @torch.no_grad()
    def _corrections(self, mean, stddev):
        floor = self.renorm_stddev.clamp(min=self.epsilon**0.5)
        factor, shift = stddev / floor, (mean - self.renorm_mean) / floor
        bounds = self.renorm_clipping
        if bounds.get("rmin") is not None or bounds.get("rmax") is not None:
            factor = factor.clamp(bounds.get("rmin"), bounds.get("rmax"))
        if bounds.get("dmax") is not None:
            shift = shift.clamp(-bounds["dmax"], bounds["dmax"])
        return factor, shift

    def _renormalized(self, mean, variance):
        """`gamma` and `beta` with the corrections in them; moves the statistics on."""
        stddev = torch.sqrt(variance + self.epsilon)
        factor, shift = self._corrections(mean, stddev)
        with torch.no_grad():
            self.renorm_mean.lerp_(mean, 1.0 - self.renorm_momentum)
            self.renorm_stddev.lerp_(stddev, 1.0 - self.renorm_momentum)
            self.moving_mean.lerp_(mean, 1.0 - self.momentum)
            self.moving_stddev.lerp_(stddev, 1.0 - self.momentum)
            self.moving_variance.copy_((self.moving_stddev**2 - self.epsilon).relu_())
        gamma = factor if self.gamma is None else factor * self.gamma
        beta = shift if self.gamma is None else shift * self.gamma
        return gamma, beta if self.beta is None else beta + self.beta


class LayerNormalization(_Normalization):
    """Normalizes each sample over its features.

    Args:
        axis: the axis of the features, or a list of axes.
        epsilon: added to the variance.
        center: whether there is an offset, `beta`.
        scale: whether there is a factor, `gamma`.

    Input shape: any
    Output shape: that of the input

    >>> LayerNormalization()(torch.tensor([[1.0, 1.0]]))
    tensor([[0., 0.]], grad_fn=<NativeLayerNormBackward0>)
    """

    _casts_integers = True

    def __init__(
        self,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        rms_scaling = kwargs.pop("rms_scaling", False)
        if rms_scaling:
            warn(
                "You passed `rms_scaling=True`, which is deprecated: it divides by the deviation, "
                "not by the root mean square. Use `keras.layers.RMSNormalization` instead."
            )
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                "Expected an int or a list/tuple of ints for the argument 'axis'. "
                + received(axis=axis)
            )
        super().__init__(
            axis if isinstance(axis, int) else list(axis),
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.rms_scaling = rms_scaling
        # What comes in float32 is normalized in float32, whatever the compute dtype.
        self.autocast = False

    def build(self, input_shape):
        _check_axis(self.axis, input_shape)
        self.axis, shape = _sorted_axes(self.axis, input_shape)
        self._add_weights(
            shape, self.scale or self.rms_scaling, self.center and not self.rms_scaling
        )

    def call(self, inputs):
        x, shape, restore = _features_last(inputs.to(_at_least_float32(inputs.dtype)), self.axis)
        weights = self._parameters
        gamma = _shaped_as(weights.get("gamma"), shape, x)
        beta = _shaped_as(weights.get("beta"), shape, x)
        if self.rms_scaling:
            axes = tuple(range(-len(shape), 0))
            variance = x.var(axes, correction=0, keepdim=True)
            outputs = x * torch.rsqrt(variance + self.epsilon) * gamma
        else:
            outputs = torch.layer_norm(x, shape, gamma, beta, self.epsilon)
        return restore(outputs).to(self._torch_compute_dtype)

    def get_config(self):
        return {**super().get_config(), "rms_scaling": self.rms_scaling}


class GroupNormalization(_Normalization):
    """Normalizes each sample over groups of its channels and all places.

    Args:
        groups: number of groups; -1 for one per channel, which is instance normalization.
        axis: the axis of the channels.
        epsilon: added to the variance.
        center: whether there is an offset, `beta`.
        scale: whether there is a factor, `gamma`.

    Input shape: any
    Output shape: that of the input
    """

    _casts_integers = True

    def __init__(
        self,
        groups=32,
        axis=-1,
        epsilon=1e-3,
        center=True,
        scale=True,
        beta_initializer="zeros",
        gamma_initializer="ones",
        beta_regularizer=None,
        gamma_regularizer=None,
        beta_constraint=None,
        gamma_constraint=None,
        **kwargs,
    ):
        if not isinstance(groups, int) or (groups <= 0 and groups != -1):
            raise ValueError(
                "Received an invalid value for argument `groups`, expected a positive integer (or "
                f"`-1` for instance normalization). {received(groups=groups)}"
            )
        super().__init__(
            axis,
            epsilon,
            center,
            scale,
            beta_initializer,
            gamma_initializer,
            beta_regularizer,
            gamma_regularizer,
            beta_constraint,
            gamma_constraint,
            **kwargs,
        )
        self.groups = groups
        self.autocast = False

    def build(self, input_shape):
        channels = input_shape[self.axis]
        if channels is None:
            raise ValueError(
                f"Axis {self.axis} of input tensor should have a defined dimension but the layer "
                f"received an input with shape {input_shape}."
            )
        if self.groups == -1:
            self.groups = channels
        if channels < self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) cannot be more than the number of channels "
                f"({channels})."
            )
        if channels % self.groups:
            raise ValueError(
                f"Number of groups ({self.groups}) must be a multiple of the number of channels "
                f"({channels})."
            )
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: channels})
        self._add_weights((channels,), self.scale, self.center)

    def call(self, inputs):
        x, restore = channels_second(inputs.to(_at_least_float32(inputs.dtype)), self.axis)
        gamma = None if self.gamma is None else self.gamma.to(x.dtype)
        beta = None if self.beta is None else self.beta.to(x.dtype)
        outputs = restore(F.group_norm(x, self.groups, gamma, beta, self.epsilon))
        return outputs.to(self._torch_compute_dtype)


class RMSNormalization(Layer):
    """Divides each sample by the root mean square of its features.

    Args:
        axis: the axis of the features, or a list of axes.
        epsilon: added to the mean square.

    Input shape: any
    Output shape: that of the input
    """

    _casts_integers = True

    def __init__(self, axis=-1, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis
        self.epsilon = epsilon

    def build(self, input_shape):
        _check_axis(self.axis, input_shape)
        self.axis, shape = _sorted_axes(self.axis, input_shape)
        self.scale = self.add_weight(name="scale", shape=shape, initializer="ones")

    def call(self, x):
        wide, shape, restore = _features_last(x.to(_at_least_float32(x.dtype)), self.axis)
        scale = _shaped_as(self.scale, shape, wide)
        return restore(F.rms_norm(wide, shape, scale, self.epsilon)).to(x.dtype)


class UnitNormalization(Layer):
    """Scales each sample so that its squares sum to 1.

    Args:
        axis: the axis of the features, or a list of axes.

    Input shape: any
    Output shape: that of the input
    """

    _casts_integers = True

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(
                "Invalid value for `axis` argument: expected an int or a list/tuple of ints. "
                + received(axis=axis)
            )
        self.axis = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return F.normalize(inputs, dim=self.axis, eps=1e-12)


def channels_second(x, axis):
    """`x` as torch's kernels want it, (B, C, ...), without a copy, and the way back."""
    axis %= x.ndim
    if axis == 1:
        return x, _same
    if axis == 3 and x.ndim == 4:
        return x.permute(0, 3, 1, 2), _to_channels_last
    if axis < x.ndim - 1:
        return x.movedim(axis, 1), lambda y: y.movedim(1, axis)
    # Only with four axes do torch's kernels know channels that come last in memory.
    shape = x.shape
    view = x.reshape(shape[0], -1, 1, shape[-1]).permute(0, 3, 1, 2)
    return view, lambda y: _to_channels_last(y).reshape(shape)


def _to_channels_last(x):
    return x.permute(0, 2, 3, 1)


def _same(x):
    return x


def _features_last(x, axes):
    """`x` with these axes moved to the end, their sizes, and the way back."""
    if axes == [-1]:
        return x, x.shape[-1:], _same
    axes = sorted([axis % x.ndim for axis in axes])
    last = list(range(x.ndim - len(axes), x.ndim))
    if axes == last:
        return x, x.shape[axes[0] :], _same
    moved = x.movedim(axes, last)
    return moved, moved.shape[last[0] :], lambda y: y.movedim(last, axes)


def _shaped_as(weight, shape, x):
    if weight is None or (len(shape) == 1 and weight.dtype is x.dtype):
        return weight
    return weight.view(shape).to(x.dtype)


def _kernel(x, gamma, beta, mean, variance, training, momentum, epsilon):
    return torch.batch_norm(
        x, gamma, beta, mean, variance, training, momentum, epsilon, torch.backends.cudnn.enabled
    )


def _moments(x, axes):
    variance, mean = torch.var_mean(x.to(_at_least_float32(x.dtype)), axes, correction=0)
    return mean, variance


def _mean_of_processes(values):
    """The mean over all processes of a distributed run, through which gradients flow."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return values
    from torch.distributed.nn.functional import all_reduce

    return all_reduce(values) / torch.distributed.get_world_size()


def _at_least_float32(dtype):
    return dtype if dtype is torch.float64 else torch.float32


def _sorted_axes(axis, input_shape):
    """The axes as a list, and the shape of the weights for them."""
    axes = sorted(axis) if isinstance(axis, (list, tuple)) else [axis]
    return axes, tuple(input_shape[a] for a in axes)


def _check_axis(axis, input_shape):
    for a in axis if isinstance(axis, (list, tuple)) else [axis]:
        if not -len(input_shape) <= a < len(input_shape):
            raise ValueError(
                f"Axis {a} is out of bounds for input shape {input_shape}. {received(axis=axis)}"
            )


def _checked_clipping(clipping):
    clipping = clipping or {}
    rmin, rmax, dmax = (clipping.get(key) for key in ("rmin", "rmax", "dmax"))
    if set(clipping) - {"rmin", "rmax", "dmax"}:
        raise ValueError(
            "Received invalid keys for `renorm_clipping` argument. Supported values: "
            f"['rmax', 'rmin', 'dmax']. {received(renorm_clipping=clipping)}"
        )
    if rmax is not None and rmin is not None and rmax < rmin:
        raise ValueError(
            "rmax should be greater than rmin in the `renorm_clipping` argument. "
            + received(rmax=rmax, rmin=rmin)
        )
    if dmax is not None and dmax < 0:
        raise ValueError(
            f"dmax should be non-negative in the `renorm_clipping` argument. {received(dmax=dmax)}"
        )
    return clipping
