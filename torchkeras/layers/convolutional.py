"""Convolutions: plain, transposed, depthwise and separable, over one, two or three spatial axes."""

import types

from torchkeras import activations, config, constraints, initializers, regularizers
from torchkeras._errors import int_tuple, one_of, positive_int, received
from torchkeras.activations import on_floats
from torchkeras.layers._base import Layer
from torchkeras.layers._lora import Lora
from torchkeras.layers._spec import InputSpec
from torchkeras.ops.nn._convolution import (
    DEPTHWISE_LAYOUT,
    KERNEL_LAYOUT,
    KERNEL_TO_TORCH,
    conv_nd,
    conv_transpose_nd,
    depthwise_conv_nd,
)

__all__ = [
    "Conv1D",
    "Conv1DTranspose",
    "Conv2D",
    "Conv2DTranspose",
    "Conv3D",
    "Conv3DTranspose",
    "Convolution1D",
    "Convolution1DTranspose",
    "Convolution2D",
    "Convolution2DTranspose",
    "Convolution3D",
    "Convolution3DTranspose",
    "DepthwiseConv1D",
    "DepthwiseConv2D",
    "SeparableConv1D",
    "SeparableConv2D",
    "SeparableConvolution1D",
    "SeparableConvolution2D",
]


def _with_defaults(init, **defaults):
    """The same `__init__` with other defaults: those of Keras differ by rank."""
    names = init.__code__.co_varnames[: init.__code__.co_argcount]
    known = dict(zip(reversed(names), reversed(init.__defaults__)))
    known.update(defaults)
    values = tuple(known[name] for name in names if name in known)
    return types.FunctionType(
        init.__code__, init.__globals__, init.__name__, values, init.__closure__
    )


class _Conv(Layer):
    """What all convolutions share: the window that moves over the inputs, a bias, an activation.

    Args:
        filters: number of channels of the outputs.
        kernel_size: size of the window, one integer or one for each spatial axis.
        strides: step of the window.
        padding: "valid", "same" (as many places as the inputs have, divided by the strides), or for
            `Conv1D` "causal" (no step sees a later one).
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.
        dilation_rate: distance of the places under a window; not together with strides.
        groups: number of groups of channels that are convolved apart.
        depth_multiplier: channels that a depthwise kernel makes of each input channel.
        output_padding: places to add at the end of a transposed convolution's outputs.

    Input shape: (batch, *spatial, channels)
    Output shape: (batch, *new spatial, filters)
    """

    rank: int
    _paddings = ("valid", "same")
    _dilates_strided = False
    _casts_integers = True
    _config_if_given = ()

    def __init__(
        self,
        kernel_size,
        strides,
        padding,
        data_format,
        dilation_rate,
        activation,
        use_bias,
        bias_initializer,
        bias_regularizer,
        bias_constraint,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.kernel_size = int_tuple("kernel_size", kernel_size, self.rank)
        self.strides = int_tuple("strides", strides, self.rank)
        self.padding = one_of("padding", str(padding).lower(), self._paddings)
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = int_tuple("dilation_rate", dilation_rate, self.rank)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._take_weight("bias", bias_initializer, bias_regularizer, bias_constraint)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)
        if not self._dilates_strided and max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                + received(strides=self.strides, dilation_rate=self.dilation_rate)
            )

    def _take_weight(self, name, initializer, regularizer, constraint):
        setattr(self, f"{name}_initializer", initializers.get(initializer))
        setattr(self, f"{name}_regularizer", regularizers.get(regularizer))
        setattr(self, f"{name}_constraint", constraints.get(constraint))

    def _channels(self, input_shape):
        """The number of input channels, which later calls are checked against."""
        axis = -1 if self.data_format == "channels_last" else 1
        channels = input_shape[axis]
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs should be defined. "
                f"The input_shape received is {input_shape}, where axis {axis} is that axis."
            )
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        return channels

    def _check_fits(self, input_shape):
        """Raises where a window is wider than the inputs."""
        if self.padding != "valid":
            return
        first = 1 if self.data_format == "channels_last" else 2
        sizes = input_shape[first : first + self.rank]
        for size, width, rate in zip(sizes, self.kernel_size, self.dilation_rate):
            if size is not None and size < (width - 1) * rate + 1:
                raise ValueError(
                    "Computed output size would be negative: the window is larger than the inputs. "
                    + received(
                        input_shape=input_shape,
                        kernel_size=self.kernel_size,
                        dilation_rate=self.dilation_rate,
                    )
                )

    def _memory_order(self, channels_last_order):
        """The order in memory that torch's kernels want: that of the images."""
        if self.data_format == "channels_last":
            return channels_last_order[self.rank]
        return KERNEL_TO_TORCH[self.rank]

    def _add_bias(self, size):
        self.bias = self.add_weight("bias", (size,)) if self.use_bias else None


class _PlainConv(Lora, _Conv):
    __doc__ = _Conv.__doc__

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        groups=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        lora_rank, lora_alpha = kwargs.pop("lora_rank", None), kwargs.pop("lora_alpha", None)
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = _positive("filters", filters)
        self.groups = positive_int("groups", groups)
        self._take_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self._take_lora(lora_rank, lora_alpha)
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                + received(groups=groups, filters=filters)
            )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_fits(input_shape)
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. "
                + received(groups=self.groups, input_shape=input_shape)
            )
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, channels // self.groups, self.filters),
            memory_order=self._memory_order(KERNEL_LAYOUT),
        )
        self._add_bias(self.filters)
        self._enable_lora_if_asked()

    def call(self, inputs):
        kernel = self._adapted() if self.lora_enabled else self.kernel
        if type(self).convolution_op is _PlainConv.convolution_op:
            return on_floats(self.activation)(self._convolved(inputs, kernel, self.bias))
        outputs = self.convolution_op(inputs, kernel)
        if self.bias is not None:
            last = self.data_format == "channels_last"
            outputs = outputs + self.bias.view(-1, *(1,) * (0 if last else self.rank))
        return self.activation(outputs)

    def get_config(self):
        config = super().get_config()
        if self.lora_rank:
            config |= {"lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha}
        return config

    def convolution_op(self, inputs, kernel):
        """The convolution without bias and activation, for subclasses to replace."""
        return self._convolved(inputs, kernel, None)

    def _convolved(self, inputs, kernel, bias):
        return conv_nd(
            inputs,
            kernel,
            bias,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
            self.groups,
        )


class Conv1D(_PlainConv):
    """Convolution of sequences.

    >>> Conv1D(4, 3, padding="causal").compute_output_shape((2, 10, 8))
    (2, 10, 4)
    """

    rank = 1
    _paddings = ("valid", "same", "causal")


class Conv2D(_PlainConv):
    """Convolution of images.

    >>> Conv2D(4, 3, strides=2, padding="same").compute_output_shape((2, 7, 8, 3))
    (2, 4, 4, 4)
    """

    rank = 2
    __init__ = _with_defaults(_PlainConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3D(_PlainConv):
    """Convolution of volumes."""

    rank = 3
    __init__ = _with_defaults(_PlainConv.__init__, strides=(1, 1, 1), dilation_rate=(1, 1, 1))


class _TransposedConv(_Conv):
    __doc__ = _Conv.__doc__

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        output_padding=None,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = _positive("filters", filters)
        self._take_weight("kernel", kernel_initializer, kernel_regularizer, kernel_constraint)
        self.output_padding = None
        if output_padding is not None:
            self.output_padding = int_tuple(
                "output_padding", output_padding, self.rank, allow_zero=True
            )
            if any(more >= step for more, step in zip(self.output_padding, self.strides)):
                raise ValueError(
                    "`output_padding` must be strictly less than `strides` for all dimensions. "
                    + received(output_padding=self.output_padding, strides=self.strides)
                )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, self.filters, channels),
            memory_order=self._memory_order(KERNEL_LAYOUT),
        )
        self._add_bias(self.filters)

    def call(self, inputs):
        outputs = conv_transpose_nd(
            inputs,
            self.kernel,
            self.bias,
            self.strides,
            self.padding,
            self.output_padding,
            self.data_format,
            self.dilation_rate,
        )
        return self.activation(outputs)


class Conv1DTranspose(_TransposedConv):
    """Transposed convolution of sequences."""

    rank = 1


class Conv2DTranspose(_TransposedConv):
    """Transposed convolution of images.

    >>> Conv2DTranspose(4, 3, strides=2, padding="same").compute_output_shape((2, 5, 5, 3))
    (2, 10, 10, 4)
    """

    rank = 2
    __init__ = _with_defaults(_TransposedConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class Conv3DTranspose(_TransposedConv):
    """Transposed convolution of volumes."""

    rank = 3

    # `data_format` stands before `output_padding` here.
    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1, 1),
        padding="valid",
        data_format=None,
        output_padding=None,
        dilation_rate=(1, 1, 1),
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            filters,
            kernel_size,
            strides,
            padding,
            output_padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            **kwargs,
        )


class _DepthwiseConv(_Conv):
    __doc__ = _Conv.__doc__
    _dilates_strided = True

    def __init__(
        self,
        kernel_size,
        strides=1,
        padding="valid",
        depth_multiplier=1,
        data_format=None,
        dilation_rate=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.depth_multiplier = _positive("depth_multiplier", depth_multiplier)
        self._take_weight(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_fits(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            memory_order=DEPTHWISE_LAYOUT[self.rank],
        )
        self._add_bias(channels * self.depth_multiplier)

    def call(self, inputs):
        outputs = depthwise_conv_nd(
            inputs,
            self.kernel,
            self.bias,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )
        return self.activation(outputs)


class DepthwiseConv1D(_DepthwiseConv):
    """Convolution of every channel of sequences by itself."""

    rank = 1


class DepthwiseConv2D(_DepthwiseConv):
    """Convolution of every channel of images by itself.

    >>> DepthwiseConv2D(3, depth_multiplier=2).compute_output_shape((2, 7, 7, 3))
    (2, 5, 5, 6)
    """

    rank = 2
    __init__ = _with_defaults(_DepthwiseConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


class _SeparableConv(_Conv):
    __doc__ = _Conv.__doc__
    _dilates_strided = True

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        depth_multiplier=1,
        activation=None,
        use_bias=True,
        depthwise_initializer="glorot_uniform",
        pointwise_initializer="glorot_uniform",
        bias_initializer="zeros",
        depthwise_regularizer=None,
        pointwise_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        depthwise_constraint=None,
        pointwise_constraint=None,
        bias_constraint=None,
        **kwargs,
    ):
        super().__init__(
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            use_bias,
            bias_initializer,
            bias_regularizer,
            bias_constraint,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.filters = _positive("filters", filters)
        self.depth_multiplier = _positive("depth_multiplier", depth_multiplier)
        self._take_weight(
            "depthwise", depthwise_initializer, depthwise_regularizer, depthwise_constraint
        )
        self._take_weight(
            "pointwise", pointwise_initializer, pointwise_regularizer, pointwise_constraint
        )

    def build(self, input_shape):
        channels = self._channels(input_shape)
        self._check_fits(input_shape)
        self.depthwise_kernel = self.add_weight(
            name="depthwise_kernel",
            shape=(*self.kernel_size, channels, self.depth_multiplier),
            initializer=self.depthwise_initializer,
            regularizer=self.depthwise_regularizer,
            constraint=self.depthwise_constraint,
            memory_order=DEPTHWISE_LAYOUT[self.rank],
        )
        self.pointwise_kernel = self.add_weight(
            name="pointwise_kernel",
            shape=(*(1,) * self.rank, self.depth_multiplier * channels, self.filters),
            initializer=self.pointwise_initializer,
            regularizer=self.pointwise_regularizer,
            constraint=self.pointwise_constraint,
            memory_order=self._memory_order(KERNEL_LAYOUT),
        )
        self._add_bias(self.filters)

    def call(self, inputs):
        channels = depthwise_conv_nd(
            inputs,
            self.depthwise_kernel,
            None,
            self.strides,
            self.padding,
            self.data_format,
            self.dilation_rate,
        )
        outputs = conv_nd(channels, self.pointwise_kernel, self.bias, data_format=self.data_format)
        return self.activation(outputs)


class SeparableConv1D(_SeparableConv):
    """Convolution of every channel of sequences by itself, then one that mixes the channels."""

    rank = 1


class SeparableConv2D(_SeparableConv):
    """Convolution of every channel of images by itself, then one that mixes the channels.

    >>> SeparableConv2D(4, 3).compute_output_shape((2, 7, 7, 3))
    (2, 5, 5, 4)
    """

    rank = 2
    __init__ = _with_defaults(_SeparableConv.__init__, strides=(1, 1), dilation_rate=(1, 1))


def _positive(name, value):
    if isinstance(value, int) and value <= 0:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected a strictly positive value. "
            + received(**{name: value})
        )
    return positive_int(name, value)


Convolution1D = Conv1D
Convolution2D = Conv2D
Convolution3D = Conv3D
Convolution1DTranspose = Conv1DTranspose
Convolution2DTranspose = Conv2DTranspose
Convolution3DTranspose = Conv3DTranspose
SeparableConvolution1D = SeparableConv1D
SeparableConvolution2D = SeparableConv2D
