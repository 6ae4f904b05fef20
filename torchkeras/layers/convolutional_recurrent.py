"""Convolutional recurrent layers: an LSTM whose products are convolutions."""

import torch

from torchkeras import activations, config
from torchkeras._errors import int_tuple, one_of, positive_int, received
from torchkeras.layers._recurrent_cells import RecurrentCell, forget_bias, lstm_update
from torchkeras.layers._spec import InputSpec
from torchkeras.layers.recurrent import OfCell, cell_options, of_cell
from torchkeras.ops.nn._convolution import KERNEL_LAYOUT, KERNEL_TO_TORCH, conv_nd

__all__ = ["ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"]


class ConvLSTMCell(RecurrentCell):
    """One step of `ConvLSTM1D` to `ConvLSTM3D`."""

    gates = 4
    states_count = 2
    dropout_mask_count = 4

    def __init__(
        self,
        rank,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            positive_int("filters", filters),
            activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **kwargs,
        )
        if not 1 <= rank <= 3:
            raise ValueError(
                f"Rank {rank} convolutions are not currently implemented. {received(rank=rank)}"
            )
        self.rank = rank
        self.filters = filters
        self.kernel_size = int_tuple("kernel_size", kernel_size, rank)
        self.strides = int_tuple("strides", strides, rank)
        self.padding = one_of("padding", str(padding).lower(), ("valid", "same"))
        self.data_format = config.standardize_data_format(data_format)
        self.dilation_rate = int_tuple("dilation_rate", dilation_rate, rank)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "Specifying `strides > 1` is not compatible with `dilation_rate > 1`. "
                + received(strides=self.strides, dilation_rate=self.dilation_rate)
            )
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        # The states have more than a size.
        self.state_size = -1
        self._channels = 1 if self.data_format == "channels_first" else -1

    def build(self, input_shape):
        channels = input_shape[self._channels]
        spatial = input_shape[2:] if self._channels == 1 else input_shape[1:-1]
        if None in spatial:
            raise ValueError(
                "ConvLSTM layers only support static input shapes for the spatial dimension. "
                f"Received invalid input shape: input_shape={input_shape}"
            )
        if channels is None:
            raise ValueError(
                "The channel dimension of the inputs (last axis) should be defined. Found None. "
                f"Full input shape received: input_shape={input_shape}"
            )
        self._state_shape = self.compute_output_shape(input_shape)[0][1:]
        size = self.gates * self.filters
        orders = KERNEL_TO_TORCH if self._channels == 1 else KERNEL_LAYOUT
        self.kernel = self.add_weight(
            "kernel", (*self.kernel_size, channels, size), memory_order=orders[self.rank]
        )
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(*self.kernel_size, self.filters, size),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            memory_order=orders[self.rank],
        )
        self.bias = self._make_bias(size) if self.use_bias else None

    def _first_bias(self):
        return (
            forget_bias(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer
        )

    def compute_output_shape(self, inputs_shape, states_shape=None):
        """Shapes of the output, and of the two states."""
        spatial = inputs_shape[2:] if self._channels == 1 else inputs_shape[1:-1]
        sizes = tuple(
            None if size is None else self._steps_over(size, *window)
            for size, *window in zip(spatial, self.kernel_size, self.strides, self.dilation_rate)
        )
        first = self._channels == 1
        shape = (self.filters, *sizes) if first else (*sizes, self.filters)
        shape = (inputs_shape[0], *shape)
        return shape, [shape, shape]

    def _steps_over(self, size, width, stride, rate):
        reach = 0 if self.padding == "same" else (width - 1) * rate
        return (size - reach - 1) // stride + 1

    def get_initial_state(self, batch_size=None):
        """The states to begin with: zeros."""
        shape = (batch_size, *self._state_shape)
        return [
            torch.zeros(shape, dtype=self._torch_compute_dtype, device=self._device())
            for _ in range(2)
        ]

    def _project(self, x, masks, weights):
        """The convolution of the inputs, for one step or for all at once."""
        kernel, _, bias = weights
        window = self.strides, self.padding, self.data_format, self.dilation_rate
        stepwise = x.dim() == self.rank + 3
        if masks is None:
            images = x.flatten(0, 1) if stepwise else x
            made = conv_nd(images, kernel, bias, *window)
        else:
            biases = [None] * 4 if bias is None else bias.chunk(4)
            made = []
            for mask, part, own in zip(masks, kernel.chunk(4, -1), biases, strict=True):
                images = x * (mask.unsqueeze(1) if stepwise else mask)
                made.append(
                    conv_nd(images.flatten(0, 1) if stepwise else images, part, own, *window)
                )
            made = torch.cat(made, self._channels)
        return made.unflatten(0, x.shape[:2]) if stepwise else made

    def _recur(self, projected, state, masks, recurrent_kernel):
        if masks is None:
            return projected + self._same(state, recurrent_kernel)
        parts = recurrent_kernel.chunk(4, -1)
        mapped = [self._same(state * mask, part) for mask, part in zip(masks, parts, strict=True)]
        return projected + torch.cat(mapped, self._channels)

    def _same(self, state, kernel):
        return conv_nd(state, kernel, None, 1, "same", self.data_format)

    def _step(self, projected, states, masks, weights):
        state, carry = states
        z = self._recur(projected, state, masks, weights[1])
        gates = z.chunk(4, self._channels)
        return lstm_update(gates, carry, self.activation, self.recurrent_activation)

    def _fusable(self, training):
        return False

    def get_config(self):
        config = super().get_config()
        # It is `filters` here; the rank is that of the layer's class.
        for name in ("units", "rank"):
            del config[name]
        return config


class _ConvLSTM(OfCell):
    """An LSTM whose products are convolutions; its states are images.

    Args:
        filters: number of channels of the outputs.
        kernel_size: size of the window, one integer or one for each spatial axis.
        strides: step of the window over the inputs.
        padding: "valid" or "same"; over the states the window is padded in any case.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.
        dilation_rate: distance of the places under a window; not together with strides.
        dropout: fraction of the inputs to drop in training, the same at all steps of a sequence.
        recurrent_dropout: fraction of the state to drop in training, the same at all steps.
        return_sequences: whether the outputs of all steps are returned, not of the last alone.
        return_state: whether the last states are returned too.
        go_backwards: whether the steps are run from last to first.
        stateful: whether the last states are the first of the next batch.

    Input shape: (batch, steps, *spatial, channels)
    Output shape: (batch, *new spatial, filters), or with `return_sequences` (batch, steps, *new
        spatial, filters)
    """

    rank: int
    filters = of_cell("filters")
    kernel_size = of_cell("kernel_size")
    strides = of_cell("strides")
    padding = of_cell("padding")
    data_format = of_cell("data_format")
    dilation_rate = of_cell("dilation_rate")
    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding="valid",
        data_format=None,
        dilation_rate=1,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        unit_forget_bias=True,
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        seed=None,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        **kwargs,
    ):
        cell = ConvLSTMCell(
            self.rank,
            filters,
            kernel_size,
            strides,
            padding,
            data_format,
            dilation_rate,
            activation,
            recurrent_activation,
            use_bias,
            kernel_initializer,
            recurrent_initializer,
            bias_initializer,
            unit_forget_bias,
            kernel_regularizer,
            recurrent_regularizer,
            bias_regularizer,
            kernel_constraint,
            recurrent_constraint,
            bias_constraint,
            dropout,
            recurrent_dropout,
            seed,
            **cell_options(kwargs, "conv_lstm_cell"),
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=self.rank + 3)

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch_size, steps, *step_shape = sequences_shape
        shape = self.cell.compute_output_shape((batch_size, *step_shape))[0]
        output = (batch_size, steps, *shape[1:]) if self.return_sequences else shape
        return (output, shape, shape) if self.return_state else output

    _keeps_masks = True

    def compute_mask(self, _, mask):
        mask = super().compute_mask(_, mask)
        return [*mask, None] if self.return_state else mask


class ConvLSTM1D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 1


class ConvLSTM2D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 2


class ConvLSTM3D(_ConvLSTM):
    __doc__ = _ConvLSTM.__doc__
    rank = 3
