"""Layers that Keras 1 and 2 had and Keras 3 has not."""

import math

import numpy as np
import torch
from torch.nn import functional as F

from torchkeras import activations, backend, constraints, initializers, layers, regularizers
from torchkeras import random as keras_random
from torchkeras._errors import int_tuple, one_of, positive_int
from torchkeras._naming import auto_name
from torchkeras.backend._neural import local_conv
from torchkeras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Conv1D,
    Conv2D,
    Conv2DTranspose,
    Conv3D,
    Conv3DTranspose,
    ConvLSTM2D,
    Dense,
    Lambda,
    Layer,
    SeparableConv2D,
)
from torchkeras.layers._preparation import DataLayer, batches
from torchkeras.layers.convolutional_recurrent import ConvLSTMCell
from torchkeras.models import Model, Sequential
from torchkeras.ops._core import as_tensor

__all__ = [
    "AbstractRNNCell",
    "AtrousConv1D",
    "AtrousConv2D",
    "AtrousConvolution1D",
    "AtrousConvolution2D",
    "ConvRNN2D",
    "ConvRecurrent2D",
    "Convolution2D",
    "Convolution3D",
    "ConvLSTM2DCell",
    "CuDNNGRU",
    "CuDNNLSTM",
    "Deconv2D",
    "Deconv3D",
    "Deconvolution2D",
    "Deconvolution3D",
    "Highway",
    "LocallyConnected1D",
    "LocallyConnected2D",
    "MaxoutDense",
    "Merge",
    "ParametricSoftplus",
    "PreprocessingLayer",
    "RandomFourierFeatures",
    "RandomHeight",
    "RandomWidth",
    "Recurrent",
    "SReLU",
    "SeparableConvolution2D",
    "SyncBatchNormalization",
    "ThresholdedReLU",
    "TimeDistributedDense",
    "merge",
    "time_distributed_dense",
]


# ---------------------------------------------------------------- convolutions by their old names
# Under these names the sizes of the kernel may stand one by one: `Convolution2D(32, 3, 3)`.


class Convolution2D(Conv2D):
    """`Conv2D` by its name in Keras 1."""

    _keras_name = "Conv2D"


class Convolution3D(Conv3D):
    """`Conv3D` by its name in Keras 1."""

    _keras_name = "Conv3D"


class SeparableConvolution2D(SeparableConv2D):
    """`SeparableConv2D` by its name in Keras 1."""

    _keras_name = "SeparableConv2D"


class _Deconvolution:
    """Adds the shape of the output to a transposed convolution.

    Args:
        output_shape: tuple, with the batch size first and channels where they are in the inputs;
            its sizes must be among those from which the convolution leads to the inputs' sizes.

    Raises:
        ValueError: when built, for sizes that cannot be.
    """

    def __init__(self, filters, kernel_size, **kwargs):
        self.__dict__["_told_shape"] = kwargs.pop("output_shape", None)
        super().__init__(filters, kernel_size, **kwargs)

    def build(self, input_shape):
        super().build(input_shape)
        if self._told_shape is None:
            return
        room = slice(1, -1) if self.data_format == "channels_last" else slice(2, None)
        self.output_padding = (0,) * self.rank
        least = self.compute_output_shape(input_shape)[room]
        told = tuple(self._told_shape)[room]
        more = [None if a is None else b - a for a, b in zip(least, told, strict=True)]
        known = [(n, step) for n, step in zip(more, self.strides, strict=True) if n is not None]
        if any(not 0 <= n < step for n, step in known):
            raise ValueError(
                f"Sizes from {least} to less than {self.strides} more are possible. "
                f"Received: output_shape={self._told_shape}"
            )
        self.output_padding = tuple(n or 0 for n in more)


class Deconvolution2D(_Deconvolution, Conv2DTranspose):
    """`Conv2DTranspose` by its name in Keras 1, which was told the shape of the output."""

    _keras_name = "Conv2DTranspose"


class Deconvolution3D(_Deconvolution, Conv3DTranspose):
    """`Conv3DTranspose` by its name in Keras 1, which was told the shape of the output."""

    _keras_name = "Conv3DTranspose"


class AtrousConvolution1D(Conv1D):
    """`Conv1D` with holes in its kernel: `atrous_rate` is its `dilation_rate`."""

    _keras_name = "Conv1D"


class AtrousConvolution2D(Conv2D):
    """`Conv2D` with holes in its kernel: `atrous_rate` is its `dilation_rate`."""

    _keras_name = "Conv2D"


Deconv2D, Deconv3D = Deconvolution2D, Deconvolution3D
AtrousConv1D, AtrousConv2D = AtrousConvolution1D, AtrousConvolution2D


class _LocallyConnected(Layer):
    """A convolution with weights of its own at each place.

    Args:
        implementation: 1; the others of Keras 2 compute the same from weights of another shape.
    """

    rank: int

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        implementation=1,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.filters = positive_int("filters", filters)
        self.kernel_size = int_tuple("kernel_size", kernel_size, self.rank)
        self.strides = int_tuple("strides", strides, self.rank)
        self.padding = one_of("padding", padding.lower(), ("valid",))
        self.data_format = backend.normalize_data_format(data_format)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.implementation = one_of("implementation", implementation, (1,))

    def build(self, input_shape):
        first = self.data_format == "channels_first"
        channels = input_shape[1 if first else -1]
        sizes = input_shape[2:] if first else input_shape[1:-1]
        if None in sizes:
            raise ValueError(
                "The spatial dimensions of the inputs of a locally connected layer should be fully "
                f"defined. Received: input_shape={input_shape}"
            )
        self._output_sizes = tuple(
            (n - k) // s + 1 for n, k, s in zip(sizes, self.kernel_size, self.strides, strict=True)
        )
        places = math.prod(self._output_sizes)
        fan_in = math.prod(self.kernel_size) * channels
        self.kernel = self.add_weight("kernel", (places, fan_in, self.filters))
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (*self._output_sizes, self.filters))

    def call(self, inputs):
        x = local_conv(
            inputs,
            self.kernel,
            self.kernel_size,
            self.strides,
            self._output_sizes,
            self.data_format,
        )
        if self.bias is not None:
            first = self.data_format == "channels_first"
            x = x + (self.bias.movedim(-1, 0) if first else self.bias)
        return self.activation(x)


class LocallyConnected1D(_LocallyConnected):
    """A convolution over steps with weights of its own at each step.

    Input shape: (batch, steps, channels)
    Output shape: (batch, new_steps, filters)
    """

    rank = 1


class LocallyConnected2D(_LocallyConnected):
    """A convolution of images with weights of its own at each place.

    Input shape: (batch, rows, columns, channels)
    Output shape: (batch, new_rows, new_columns, filters)
    """

    rank = 2


# ---------------------------------------------------------------- dense layers


class TimeDistributedDense(Dense):
    """`Dense` at every step of a sequence, which `Dense` does by itself today.

    Input shape: (batch, steps, features)
    Output shape: (batch, steps, units)
    """

    _keras_name = "Dense"


class MaxoutDense(Layer):
    """The largest of several affine maps.

    Args:
        nb_feature: how many maps.

    Input shape: (batch, features)
    Output shape: (batch, output_dim)
    """

    def __init__(
        self,
        output_dim,
        nb_feature=4,
        init="glorot_uniform",
        weights=None,
        W_regularizer=None,  # noqa: N803 - Keras's name
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,  # noqa: N803 - Keras's name
        b_constraint=None,
        bias=True,
        input_dim=None,
        **kwargs,
    ):
        if input_dim is not None:
            kwargs["input_shape"] = (input_dim,)
        super().__init__(activity_regularizer=activity_regularizer, weights=weights, **kwargs)
        self.output_dim = positive_int("output_dim", output_dim)
        self.nb_feature = positive_int("nb_feature", nb_feature)
        self.init = initializers.get(init)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.bias = bias
        self.input_dim = input_dim

    def build(self, input_shape):
        self.W = self.add_weight(
            name="W",
            shape=(self.nb_feature, input_shape[-1], self.output_dim),
            initializer=self.init,
            regularizer=self.W_regularizer,
            constraint=self.W_constraint,
        )
        self.b = None
        if self.bias:
            self.b = self.add_weight(
                name="b",
                shape=(self.nb_feature, self.output_dim),
                initializer="zeros",
                regularizer=self.b_regularizer,
                constraint=self.b_constraint,
            )

    def call(self, x):
        x = torch.einsum("...i,fio->...fo", x, self.W)
        return (x if self.b is None else x + self.b).amax(dim=-2)

    def get_config(self):
        config = super().get_config()
        config.pop("weights", None)
        return config


class Highway(Layer):
    """A layer that carries on part of its input: `t * activation(x W + b) + (1 - t) * x`.

    Args:
        transform_bias: the first bias of the gate `t`; below 0 the input is carried on at first.

    Input shape: (batch, features)
    Output shape: that of the input
    """

    def __init__(
        self,
        init="glorot_uniform",
        activation=None,
        weights=None,
        W_regularizer=None,  # noqa: N803 - Keras's name
        b_regularizer=None,
        activity_regularizer=None,
        W_constraint=None,  # noqa: N803 - Keras's name
        b_constraint=None,
        bias=True,
        input_dim=None,
        transform_bias=-2,
        **kwargs,
    ):
        if input_dim is not None:
            kwargs["input_shape"] = (input_dim,)
        super().__init__(activity_regularizer=activity_regularizer, weights=weights, **kwargs)
        self.init = initializers.get(init)
        self.activation = activations.get(activation)
        self.W_regularizer = regularizers.get(W_regularizer)
        self.b_regularizer = regularizers.get(b_regularizer)
        self.W_constraint = constraints.get(W_constraint)
        self.b_constraint = constraints.get(b_constraint)
        self.bias = bias
        self.input_dim = input_dim
        self.transform_bias = transform_bias

    def build(self, input_shape):
        width = input_shape[-1]

        def weight(name, shape, initializer, kind):
            return self.add_weight(
                name=name,
                shape=shape,
                initializer=initializer,
                regularizer=getattr(self, f"{kind}_regularizer"),
                constraint=getattr(self, f"{kind}_constraint"),
            )

        self.W = weight("W", (width, width), self.init, "W")
        self.W_carry = weight("W_carry", (width, width), self.init, "W")
        self.b = self.b_carry = None
        if self.bias:
            self.b = weight("b", (width,), "zeros", "b")
            start = initializers.Constant(self.transform_bias)
            self.b_carry = weight("b_carry", (width,), start, "b")

    def call(self, x):
        gate, new = x @ self.W_carry, x @ self.W
        if self.b is not None:
            gate, new = gate + self.b_carry, new + self.b
        gate = torch.sigmoid(gate)
        return self.activation(new) * gate + (1 - gate) * x

    def get_config(self):
        config = super().get_config()
        config.pop("weights", None)
        return config


def time_distributed_dense(
    x, w, b=None, dropout=None, input_dim=None, output_dim=None, timesteps=None, training=None
):
    """`x @ w + b` at every step, where `dropout` is the rate of a mask that all steps share."""
    if dropout:
        dropped = keras_random.dropout(x, dropout, noise_shape=(None, 1, None))
        x = backend.in_train_phase(dropped, x, training=training)
    x = backend.dot(x, w)
    return x if b is None else x + b


# ---------------------------------------------------------------- activations


class ThresholdedReLU(Layer):
    """x where it is above `theta`, else 0.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, theta=1.0, **kwargs):
        super().__init__(**kwargs)
        if theta is None or theta < 0:
            raise ValueError(
                f"Theta of a Thresholded ReLU layer cannot be None or negative. Received: {theta=}"
            )
        self.theta = float(theta)
        self.supports_masking = True

    def call(self, inputs, mask=None):
        return torch.where(inputs > self.theta, inputs, 0.0)


class _Trained(Layer):
    """Base of activations with weights, which axes may share."""

    def __init__(self, shared_axes=None, **kwargs):
        super().__init__(**kwargs)
        one = [shared_axes] if isinstance(shared_axes, int) else shared_axes
        self.shared_axes = None if one is None else list(one)
        self.supports_masking = True

    def _shape(self, input_shape):
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            shape[axis - 1] = 1
        return tuple(shape)


class ParametricSoftplus(_Trained):
    """`alpha * log(1 + exp(beta * x))`, where alpha and beta are trained.

    Input shape: (batch, ...)
    Output shape: that of the input
    """

    def __init__(self, alpha_init=0.2, beta_init=5.0, weights=None, shared_axes=None, **kwargs):
        super().__init__(shared_axes=shared_axes, weights=weights, **kwargs)
        self.alpha_init = float(alpha_init)
        self.beta_init = float(beta_init)

    def build(self, input_shape):
        shape = self._shape(input_shape)
        self.alphas = self.add_weight(
            name="alphas", shape=shape, initializer=initializers.Constant(self.alpha_init)
        )
        self.betas = self.add_weight(
            name="betas", shape=shape, initializer=initializers.Constant(self.beta_init)
        )

    def call(self, x):
        return self.alphas * F.softplus(self.betas * x)

    def get_config(self):
        config = super().get_config()
        config.pop("weights", None)
        return config


class SReLU(_Trained):
    """A piecewise linear function of three pieces, whose joints and outer slopes are trained.

    Input shape: (batch, ...)
    Output shape: that of the input
    """

    def __init__(
        self,
        t_left_init="zero",
        a_left_init="glorot_uniform",
        t_right_init="glorot_uniform",
        a_right_init="one",
        shared_axes=None,
        **kwargs,
    ):
        super().__init__(shared_axes=shared_axes, **kwargs)
        self.t_left_init = initializers.get(t_left_init)
        self.a_left_init = initializers.get(a_left_init)
        self.t_right_init = initializers.get(t_right_init)
        self.a_right_init = initializers.get(a_right_init)

    def build(self, input_shape):
        shape = self._shape(input_shape)
        for name in ("t_left", "a_left", "t_right", "a_right"):
            initializer = getattr(self, f"{name}_init")
            setattr(self, name, self.add_weight(name=name, shape=shape, initializer=initializer))

    def call(self, x):
        t_right = self.t_left + self.t_right.abs()
        left = self.t_left + self.a_left * (x - self.t_left)
        right = t_right + self.a_right * (x - t_right)
        return torch.where(x < self.t_left, left, torch.where(x > t_right, right, x))


# ---------------------------------------------------------------- merging


def _cosine(tensors, axes):
    first, second = (backend.l2_normalize(x, axis=-1) for x in tensors)
    return backend.expand_dims(backend.batch_dot(first, second, axes), 1)


def _dot_axes(tensors, axes):
    axes = (axes, axes) if isinstance(axes, int) else tuple(axes)
    return tuple(a % len(x.shape) for a, x in zip(axes, tensors, strict=True))


MERGES = {
    "sum": layers.add,
    "mul": layers.multiply,
    "ave": layers.average,
    "max": layers.maximum,
}


def merge(
    inputs,
    mode="sum",
    concat_axis=-1,
    dot_axes=-1,
    output_shape=None,
    output_mask=None,
    arguments=None,
    name=None,
    *,
    node_indices=None,
    tensor_indices=None,
):
    """Tensors made one.

    Args:
        mode: "sum", "mul", "concat", "ave", "cos", "dot", "max", or a function of the list of
            tensors.
        concat_axis: the axis for "concat".
        dot_axes: the axis, or one for each tensor, for "dot" and "cos".
        output_shape: shape of what the function gives.
        output_mask: mask of what the function gives.
        arguments: keyword arguments of the function.
        node_indices: which calls of layers are meant, where `inputs` are layers; None: the only.
        tensor_indices: which outputs of these calls; None: the only.

    Raises:
        ValueError: an unknown mode, or fewer than two inputs.
    """
    tensors = [
        _output_of(x, node_indices and node_indices[i], tensor_indices and tensor_indices[i])
        for i, x in enumerate(inputs)
    ]
    if len(tensors) < 2:
        raise ValueError(
            f"merge() needs at least two tensors. Received: {len(tensors)} in inputs={inputs}"
        )
    if mode in MERGES:
        return MERGES[mode](tensors, name=name)
    if mode == "concat":
        return layers.concatenate(tensors, axis=concat_axis, name=name)
    if mode == "dot":
        return layers.dot(tensors, axes=_dot_axes(tensors, dot_axes), name=name)
    if mode == "cos":
        axes = _dot_axes(tensors, dot_axes)
        return Lambda(_cosine, arguments={"axes": axes}, name=name)(tensors)
    if callable(mode):
        shape = output_shape
        if callable(shape):
            shape = shape([x.shape for x in tensors])[1:]
        name = name or auto_name("lambda")
        made = _One(mode, output_shape=shape, mask=output_mask, arguments=arguments, name=name)
        return made(tensors)
    raise ValueError(f"Invalid merge mode. Received: mode={mode!r}")


class _One(Lambda):
    """A function that may give its one tensor in a list, as `K.gradients` does."""

    _keras_name = "Lambda"

    def call(self, inputs, mask=None, training=None):
        made = super().call(inputs, mask=mask, training=training)
        return made[0] if isinstance(made, list) and len(made) == 1 else made


def _inputs(layer, node=None) -> list:
    if node is not None:
        return list(layer._inbound_nodes[node].input_tensors)
    return layer.inputs if isinstance(layer, Model) else [layer.input]


def _sources(layer) -> list:
    """The inputs of the branches that a model starts with: two models that start with the same
    branch share an input, though each `Sequential` makes inputs of its own."""
    first = layer.layers[0] if isinstance(layer, Sequential) else layer
    return first._sources if isinstance(first, Merge) else _inputs(layer)


def _output_of(x, node_index, tensor_index):
    """A tensor as it is, or the output of a layer."""
    if not isinstance(x, Layer):
        return x
    if node_index is None and tensor_index is None:
        return x.output
    return x._inbound_nodes[node_index or 0].output_tensors[tensor_index or 0]


class Merge(Model):
    """Merges the outputs of layers or models; as the first layer of a `Sequential` it gives the
    model the inputs of all of them.

    Args:
        layers: list of layers or models; None for a layer that is called with a list of tensors.
        others: see `merge`.

    Input shape: list of shapes
    Output shape: by the mode
    """

    def __init__(
        self,
        layers=None,
        mode="sum",
        concat_axis=-1,
        dot_axes=-1,
        output_shape=None,
        output_mask=None,
        arguments=None,
        node_indices=None,
        tensor_indices=None,
        name=None,
    ):
        how = {
            "mode": mode,
            "concat_axis": concat_axis,
            "dot_axes": dot_axes,
            "output_shape": output_shape,
            "output_mask": output_mask,
            "arguments": arguments,
        }
        self.__dict__["_how"] = how
        if not layers:
            super().__init__(name=name)
            return
        inputs, outputs, sources = {}, [], {}
        nodes = node_indices or [None] * len(layers)
        places = tensor_indices or [None] * len(layers)
        for layer, node, place in zip(layers, nodes, places, strict=True):
            own = _inputs(layer, node)
            origins = _sources(layer) if node is None else own
            sources.update({id(x): x for x in origins})
            keys = [id(x) for x in origins]
            shared = [inputs.setdefault(key, x) for key, x in zip(keys, own, strict=True)]
            if all(x is mine for x, mine in zip(shared, own, strict=True)):
                outputs.append(_output_of(layer, node, place))
            else:
                outputs.append(layer(shared if len(shared) > 1 else shared[0]))
        self.__dict__["_sources"] = list(sources.values())
        outputs = merge(outputs, **how)
        super().__init__(inputs=list(inputs.values()), outputs=outputs, name=name)

    def call(self, inputs, mask=None):
        if self._function is not None:
            return Model.call(self, inputs)
        return merge(inputs, **self._how)


# ---------------------------------------------------------------- recurrent layers


class CuDNNLSTM(LSTM):
    """`LSTM` with the arguments for which there was a kernel of cuDNN; on every device.

    Input shape: (batch, steps, features)
    Output shape: (batch, units), with `return_sequences` (batch, steps, units)
    """

    _keras_name = "LSTM"

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        **kwargs,
    ):
        super().__init__(
            units,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            unit_forget_bias=unit_forget_bias,
            **kwargs,
        )


class CuDNNGRU(GRU):
    """`GRU` with the arguments for which there was a kernel of cuDNN; on every device.

    Input shape: (batch, steps, features)
    Output shape: (batch, units), with `return_sequences` (batch, steps, units)
    """

    _keras_name = "GRU"

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        **kwargs,
    ):
        super().__init__(
            units,
            kernel_initializer=kernel_initializer,
            recurrent_initializer=recurrent_initializer,
            bias_initializer=bias_initializer,
            **kwargs,
        )


class AbstractRNNCell(Layer):
    """Base of cells of one's own for `RNN`: `call(inputs, states)` gives `(output, new states)`,
    and `state_size` and `output_size` are properties."""

    @property
    def state_size(self):
        """Size or sizes of the states."""
        raise NotImplementedError(f"{type(self).__name__} must define `state_size`.")

    @property
    def output_size(self):
        """Size of the output."""
        raise NotImplementedError(f"{type(self).__name__} must define `output_size`.")

    def get_initial_state(self, inputs=None, batch_size=None, dtype=None):
        """States of zeros."""
        if inputs is not None:
            batch_size, dtype = inputs.shape[0], inputs.dtype
        sizes = self.state_size if isinstance(self.state_size, (list, tuple)) else [self.state_size]
        dtype = dtype if isinstance(dtype, torch.dtype) else self._torch_compute_dtype
        return [torch.zeros((batch_size, n), dtype=dtype, device=self._device()) for n in sizes]


class ConvLSTM2DCell(ConvLSTMCell):
    """One step of `ConvLSTM2D`.

    Input shape: (batch, rows, columns, channels), and the list of the two states
    Output shape: (batch, new rows, new columns, filters), and the list of the next states
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=(1, 1),
        padding="valid",
        data_format=None,
        dilation_rate=(1, 1),
        activation="tanh",
        recurrent_activation="hard_sigmoid",
        use_bias=True,
        **kwargs,
    ):
        super().__init__(
            2,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            recurrent_activation,
            use_bias,
            **kwargs,
        )

    def call(self, inputs, states, training=None):
        return super().call(inputs, states, bool(training))


class Recurrent(Layer):
    """Base of recurrent layers that say in `step(x, states)` what happens at a step.

    A subclass makes its weights and `self.states`, a list of None for each state, in `build`. It
    may have `preprocess_input(x)`, whose result is what the steps run over, `get_constants(x)`,
    tensors that stand behind the states at each step, and `get_initial_states(x)`.

    Input shape: (batch, steps, features)
    Output shape: (batch, output_dim), or with `return_sequences` (batch, steps, output_dim)
    """

    def __init__(
        self,
        weights=None,
        return_sequences=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        consume_less="cpu",
        input_dim=None,
        input_length=None,
        return_state=False,
        implementation=0,
        **kwargs,
    ):
        if input_dim is not None:
            kwargs.setdefault("input_shape", (input_length, input_dim))
        super().__init__(**kwargs)
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.consume_less = consume_less
        self.implementation = implementation
        self.initial_weights = weights
        self.supports_masking = True
        self.input_dim = input_dim
        self.input_length = input_length
        self.__dict__["states"] = [None]

    def __setattr__(self, name, value):
        if name == "states":  # values of the batch before, no weights
            self.__dict__["states"] = value
        else:
            super().__setattr__(name, value)

    @property
    def _width(self):
        return self.output_dim if hasattr(self, "output_dim") else self.units

    def compute_output_shape(self, input_shape):
        if isinstance(input_shape, list):
            input_shape = input_shape[0]
        output = (input_shape[0], self._width)
        if self.return_sequences:
            output = (*input_shape[:2], self._width)
        if not self.return_state:
            return output
        return [output, *[(input_shape[0], self._width)] * len(self.states)]

    def compute_mask(self, inputs, mask=None):
        """The mask of the inputs, where the outputs are sequences."""
        return mask if self.return_sequences else None

    def step(self, x, states):
        """The output of a step and the next states; for subclasses."""
        raise NotImplementedError(f"{type(self).__name__} must define `step(x, states)`.")

    def get_constants(self, x, training=None):
        """What stands behind the states at each step: nothing."""
        return []

    def preprocess_input(self, x, training=None):
        """What the steps run over: the inputs."""
        return x

    def get_initial_states(self, x):
        """Zeros for each of the states."""
        return [x.new_zeros((x.shape[0], self._width)) for _ in self.states]

    def get_initial_state(self, x):
        """The name of `get_initial_states` in Keras 2."""
        return self.get_initial_states(x)

    def reset_states(self, states=None):
        """Sets the states of a stateful layer to zeros, or to the given arrays."""
        given = [None] * len(self.states) if states is None else states
        self.states = [None if s is None else as_tensor(s) for s in given]

    def call(self, x, mask=None, initial_state=None, training=None):
        if self.stateful and self.states and self.states[0] is not None:
            initial_state = self.states
        elif initial_state is None and "get_initial_state" in _own_methods(self):
            initial_state = self.get_initial_state(x)
        elif initial_state is None:
            initial_state = self.get_initial_states(x)
        last, outputs, states = backend.rnn(
            self.step,
            self.preprocess_input(x),
            list(initial_state),
            go_backwards=self.go_backwards,
            mask=mask,
            constants=self.get_constants(x),
        )
        if self.stateful and not x.is_meta:
            self.states = [s.detach() for s in states]
        output = outputs if self.return_sequences else last
        return [output, *states] if self.return_state else output


def _own_methods(layer) -> set[str]:
    """What the classes of a layer define on top of `Recurrent`."""
    mro = type(layer).__mro__
    return {name for cls in mro[: mro.index(Recurrent)] for name in vars(cls)}


ConvRecurrent2D = ConvRNN2D = ConvLSTM2D


# ---------------------------------------------------------------- others


class SyncBatchNormalization(BatchNormalization):
    """`BatchNormalization` over the batches of all processes.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, axis=-1, momentum=0.99, epsilon=1e-3, center=True, scale=True, **kwargs):
        kwargs.setdefault("synchronized", True)
        super().__init__(axis, momentum, epsilon, center, scale, **kwargs)


class PreprocessingLayer(DataLayer):
    """Base of layers of one's own that learn from data before training: a subclass defines
    `update_state(data)`, and `reset_state` and `finalize_state` where it needs them."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._is_adapted = False

    @property
    def is_adapted(self):
        """Whether `adapt` has been called."""
        return self._is_adapted

    def compile(self, run_eagerly=None, steps_per_execution=None):
        """Settings of `adapt`, which change nothing: it runs batch by batch."""

    def adapt(self, data, batch_size=None, steps=None):
        """Learns from data.

        Args:
            data: an array, or an iterable of batches; of `(x, y)` only the `x` is taken.
            batch_size: rows of an array to take at a time; None: 32.
            steps: how many batches to take at most.
        """
        self.reset_state()
        for batch in batches(data, steps, batch_size or 32):
            self._take(batch)
        self.finalize_state()
        self._is_adapted = True

    def _take(self, batch):
        if hasattr(batch, "dtype") and np.asarray(batch).dtype.kind in "biuf":
            batch = as_tensor(batch)
        if not self.built and hasattr(batch, "shape"):
            self.build((None, *tuple(batch.shape)[1:]))
        self.update_state(batch)

    def make_adapt_function(self):
        """A function that takes the next batch of an iterator in."""
        return lambda iterator: self._take(next(iterator))

    def update_state(self, data):
        """Takes a batch in."""
        raise NotImplementedError(f"{type(self).__name__} must define `update_state`.")

    def reset_state(self):
        """Forgets what was learnt; nothing here."""

    def finalize_state(self):
        """Called after the last batch; nothing here."""


class RandomFourierFeatures(Layer):
    """`sqrt(2 / output_dim) * cos(x W / scale + b)` with random W and b: features for which a
    linear model is a kernel machine.

    Args:
        kernel_initializer: "gaussian", "laplacian" or an initializer.
        scale: width of the kernel; None: by the kernel and the number of features.
        trainable: whether the scale is trained.

    Input shape: (batch, features)
    Output shape: (batch, output_dim)
    """

    def __init__(
        self,
        output_dim,
        kernel_initializer="gaussian",
        scale=None,
        trainable=False,
        name=None,
        **kwargs,
    ):
        super().__init__(trainable=trainable, name=name, **kwargs)
        self.output_dim = positive_int("output_dim", output_dim)
        self.kernel_initializer = kernel_initializer
        self.scale = scale

    def build(self, input_shape):
        width = input_shape[-1]
        name = self.kernel_initializer
        make = {"gaussian": initializers.RandomNormal(stddev=1.0), "laplacian": _cauchy}
        initializer = make.get(name) if isinstance(name, str) else None
        self.unscaled_kernel = self.add_weight(
            name="unscaled_kernel",
            shape=(width, self.output_dim),
            initializer=initializer or initializers.get(name),
            trainable=False,
        )
        self.bias = self.add_weight(
            name="bias",
            shape=(self.output_dim,),
            initializer=initializers.RandomUniform(0.0, 2 * math.pi),
            trainable=False,
        )
        scale = self.scale
        if scale is None:
            scale = math.sqrt(width / 2.0) if name == "gaussian" else 1.0
        self.kernel_scale = self.add_weight(
            name="kernel_scale",
            shape=(1,),
            initializer=initializers.Constant(scale),
            trainable=True,
            constraint="non_neg",
        )

    def call(self, inputs):
        x = inputs @ (self.unscaled_kernel / self.kernel_scale) + self.bias
        return math.sqrt(2.0 / self.output_dim) * torch.cos(x)


def _cauchy(shape, dtype=None):
    """Random numbers of Cauchy's distribution."""
    return torch.tan(math.pi * (keras_random.uniform(shape, dtype=dtype) - 0.5))


class _RandomSize(Layer):
    """Stretches images along one axis by a random factor while the model trains.

    Args:
        factor: how much at most, as a fraction: a number for both ways, or a lower and an upper
            bound.
    """

    axis: int

    def __init__(self, factor, interpolation="bilinear", seed=None, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor
        self.interpolation = one_of("interpolation", interpolation, ("bilinear", "nearest"))
        self.seed = seed
        self._generator = keras_random.SeedGenerator(seed)

    def call(self, inputs, training=True):
        if not training or inputs.is_meta:
            return inputs
        low, high = (
            self.factor if isinstance(self.factor, (list, tuple)) else (-self.factor, self.factor)
        )
        stretch = 1 + float(keras_random.uniform((), low, high, seed=self._generator))
        x = inputs if inputs.ndim == 4 else inputs.unsqueeze(0)
        size = list(x.shape[1:3])
        size[self.axis] = max(int(size[self.axis] * stretch), 1)
        x = F.interpolate(x.permute(0, 3, 1, 2), size=tuple(size), mode=self.interpolation)
        x = x.permute(0, 2, 3, 1)
        return x if inputs.ndim == 4 else x.squeeze(0)

    def compute_output_shape(self, input_shape):
        shape = list(input_shape)
        shape[self.axis - 3] = None
        return tuple(shape)


class RandomHeight(_RandomSize):
    """Makes images higher or lower at random while the model trains.

    Input shape: (..., rows, columns, channels)
    Output shape: that of the input, with other rows
    """

    axis = 0


class RandomWidth(_RandomSize):
    """Makes images wider or narrower at random while the model trains.

    Input shape: (..., rows, columns, channels)
    Output shape: that of the input, with other columns
    """

    axis = 1
