"""The cells of recurrent layers: one step, and where torch has a kernel for it a whole sequence."""

import warnings

import torch
import torch.nn.functional as F

from torchkeras import activations, constraints, initializers, random, regularizers
from torchkeras._errors import positive_int
from torchkeras._scopes import stateless_scope
from torchkeras._symbolic import running_on_meta
from torchkeras._variable import Variable
from torchkeras.activations import on_floats
from torchkeras.layers._base import Layer
from torchkeras.layers._recurrent_kernels import GRUOverTime

__all__ = []

# cuDNN wants all weights of a kernel in one piece. They are copied there at each call, which costs
# little beside the call; kept there, a weight could not be set or trained by itself.
warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous chunk")


def plain(activation):
    """What torch's kernels call an activation, and what a scan calls instead of it: the same
    without its extras."""
    return torch.sigmoid if activation is activations.sigmoid else on_floats(activation)


class DropoutCell(Layer):
    """Masks of a cell that are drawn once for a sequence: what is dropped is so at all steps.

    `dropout` is the rate for the inputs, `recurrent_dropout` that for the state. With a
    `dropout_mask_count` there is a
    mask for each of so many gates.
    """

    dropout_mask_count: int | None = None
    _dropout_mask = None
    _recurrent_dropout_mask = None

    def _take_dropout(self, dropout, recurrent_dropout, seed):
        self.dropout = min(1.0, max(0.0, dropout))
        self.recurrent_dropout = min(1.0, max(0.0, recurrent_dropout))
        self.seed = seed
        self.seed_generator = random.SeedGenerator(seed)

    def _draw(self, like, rate):
        if rate == 0:
            return None
        ones = torch.ones_like(like, requires_grad=False)
        if self.dropout_mask_count is None:
            return random.dropout(ones, rate, seed=self.seed_generator)
        return [
            random.dropout(ones, rate, seed=self.seed_generator)
            for _ in range(self.dropout_mask_count)
        ]

    def get_dropout_mask(self, step_input):
        """The mask for the inputs, kept until `reset_dropout_mask`; None without dropout."""
        if self._dropout_mask is None:
            self._dropout_mask = self._draw(step_input, self.dropout)
        return self._dropout_mask

    def get_recurrent_dropout_mask(self, step_input):
        """The mask for the state, kept until `reset_recurrent_dropout_mask`."""
        if self._recurrent_dropout_mask is None:
            self._recurrent_dropout_mask = self._draw(step_input, self.recurrent_dropout)
        return self._recurrent_dropout_mask

    def reset_dropout_mask(self):
        self._dropout_mask = None

    def reset_recurrent_dropout_mask(self):
        self._recurrent_dropout_mask = None


class RecurrentCell(DropoutCell):
    """One step of a recurrent layer.

    Args:
        units: size of the outputs and of each state.
        activation: activation of the outputs.
        recurrent_activation: activation of the gates.
        use_bias: whether a bias is added.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        reset_after: whether a GRU's reset gate acts after the recurrent kernel, as in cuDNN.
        dropout: fraction of the inputs to drop in training.
        recurrent_dropout: fraction of the state to drop in training.
        seed: integer that the dropout is drawn from; None: torch's own generator.

    Input shape: (batch, features), and the list of states, each (batch, units)
    Output shape: (batch, units), and the list of the next states
    """

    # How many maps of the inputs stand side by side in the kernels.
    gates = 1

    def __init__(
        self,
        units,
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
    ):
        implementation = kwargs.pop("implementation", 2)
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.recurrent_initializer = initializers.get(recurrent_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.recurrent_regularizer = regularizers.get(recurrent_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.recurrent_constraint = constraints.get(recurrent_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._take_dropout(dropout, recurrent_dropout, seed)
        self.implementation = 1 if self.recurrent_dropout else implementation
        if self.gates > 1 and self.implementation == 1:
            self.dropout_mask_count = self.gates
        self.state_size = self.output_size = self.units

    def build(self, input_shape):
        size = self.gates * self.units
        # torch's (gates, inputs) in memory: `kernel.T` is what its kernels take, without a copy.
        self.kernel = self.add_weight("kernel", (input_shape[-1], size), memory_order=(1, 0))
        self.recurrent_kernel = self.add_weight(
            name="recurrent_kernel",
            shape=(self.units, size),
            initializer=self.recurrent_initializer,
            regularizer=self.recurrent_regularizer,
            constraint=self.recurrent_constraint,
            memory_order=(1, 0),
        )
        self.bias = self._make_bias(size) if self.use_bias else None

    def _make_bias(self, size):
        return self.add_weight(
            name="bias",
            shape=self._bias_shape(size),
            initializer=self._first_bias(),
            regularizer=self.bias_regularizer,
            constraint=self.bias_constraint,
        )

    def _bias_shape(self, size):
        return (size,)

    def _first_bias(self):
        return self.bias_initializer

    def get_initial_state(self, batch_size=None):
        """The states to begin with: zeros."""
        known = self.built and not running_on_meta()
        device = self.kernel.device if known else self._device()
        return [self._zero_state(batch_size, device) for _ in range(self.states_count)]

    def _zero_state(self, batch_size, device):
        shape = (batch_size, self.units)
        return torch.zeros(shape, dtype=self._torch_compute_dtype, device=device)

    states_count = 1

    def _weights(self):
        """Kernel, recurrent kernel and bias as they are used: as scopes say, in compute dtype."""
        weights = self.kernel, self.recurrent_kernel, self.bias
        if not self._mixed and stateless_scope() is None:
            return weights
        return [self._as_used(w) for w in weights]

    def _as_used(self, weight):
        if isinstance(weight, Variable):
            weight = weight.value
            if self._mixed:
                return weight.to(self._torch_compute_dtype)
        return weight

    def _masks(self, step_input, state):
        """The dropout masks of this sequence, those of the inputs first."""
        return self.get_dropout_mask(step_input), self.get_recurrent_dropout_mask(state)

    def _project(self, x, masks, weights):
        """What the inputs contribute to the gates, for one step or for all."""
        kernel, _, bias = weights
        bias = self._input_bias(bias)
        if not isinstance(masks, list):
            if masks is not None:
                x = x * _over_steps(masks, x)
            return F.linear(x, kernel.T, bias)
        parts = [
            (x * _over_steps(mask, x)) @ part
            for mask, part in zip(masks, kernel.chunk(self.gates, 1), strict=True)
        ]
        projected = torch.cat(parts, -1)
        return projected if bias is None else projected + bias

    def _input_bias(self, bias):
        return bias

    def _recur(self, projected, state, masks, recurrent_kernel):
        """`projected` and what the state contributes to the gates."""
        if not isinstance(masks, list):
            if masks is not None:
                state = state * masks
            return torch.addmm(projected, state, recurrent_kernel)
        parts = recurrent_kernel.chunk(len(masks), 1)
        mapped = [(state * mask) @ part for mask, part in zip(masks, parts, strict=True)]
        return projected + torch.cat(mapped, -1)

    def call(self, inputs, states, training=False):
        nested = isinstance(states, (list, tuple))
        states = list(states) if nested else [states]
        weights = self._weights()
        masks = self._masks(inputs, states[0]) if training else (None, None)
        projected = self._project(inputs, masks[0], weights)
        output, states = self._step(projected, states, masks[1], weights)
        return output, (states if nested else states[0])

    def _step(self, projected, states, masks, weights):
        raise NotImplementedError

    def _fusable(self, training):
        """Whether torch has a kernel that computes exactly what `call` does."""
        if training and self.dropout and self.dropout_mask_count is not None:
            return False
        return not (training and self.recurrent_dropout)

    def _is_own(self):
        """Whether `call` is no user's, so that its parts may be run apart."""
        return type(self).call.__module__ == __name__

    def _run_kernel(self, x, states, weights, batch_first, padding):
        """torch's kernel on a whole sequence: outputs and last states.

        `padding` (steps, batch) marks the steps at the end of each row in which states that are no
        outputs have to stay.
        """
        raise NotImplementedError


def _over_steps(mask, x):
    return mask if mask.dim() == x.dim() else mask.unsqueeze(1)


class SimpleRNNCell(RecurrentCell):
    """One step of `SimpleRNN`: `activation(x @ kernel + state @ recurrent_kernel + bias)`."""

    def __init__(
        self,
        units,
        activation="tanh",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
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
            units,
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

    def call(self, sequence, states, training=False):
        return super().call(sequence, states, training)

    def _step(self, projected, states, masks, weights):
        output = plain(self.activation)(self._recur(projected, states[0], masks, weights[1]))
        return output, [output]

    def _fusable(self, training):
        known = plain(self.activation) in (torch.tanh, torch.relu)
        return known and super()._fusable(training)

    def _run_kernel(self, x, states, weights, batch_first, padding):
        kernel = torch.rnn_tanh if plain(self.activation) is torch.tanh else torch.rnn_relu
        parameters = _torch_parameters(weights)
        return _run_torch(kernel, x, states[0].unsqueeze(0), parameters, batch_first)


class LSTMCell(RecurrentCell):
    """One step of `LSTM`; its kernels hold input gate, forget gate, cell and output gate."""

    gates = 4
    states_count = 2

    def __init__(
        self,
        units,
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
            units,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.unit_forget_bias = unit_forget_bias
        self.state_size = [self.units, self.units]

    def _first_bias(self):
        return (
            forget_bias(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer
        )

    def _step(self, projected, states, masks, weights):
        state, carry = states
        z = self._recur(projected, state, masks, weights[1])
        return lstm_update(z.chunk(4, 1), carry, self.activation, self.recurrent_activation)

    def _fusable(self, training):
        gated = plain(self.recurrent_activation) is torch.sigmoid
        return gated and plain(self.activation) is torch.tanh and super()._fusable(training)

    def _run_kernel(self, x, states, weights, batch_first, padding):
        parameters = _torch_parameters(weights)
        if padding is not None:
            # An input that shuts the input gate and opens the forget gate makes the carry stay as
            # it is.
            x = torch.cat([x, padding.unsqueeze(-1).to(x.dtype)], -1)
            gates = x.new_tensor([-1e4, 1e4, 0.0, 0.0]).repeat_interleave(self.units)
            parameters[0] = torch.cat([parameters[0], gates.unsqueeze(1)], 1)
        state = [s.unsqueeze(0) for s in states]
        return _run_torch(torch.lstm, x, state, parameters, batch_first)


def forget_bias(initializer):
    """A bias that begins as `initializer` says, but at 1 for the second of four gates."""

    def initialize(shape, dtype=None):
        size = shape[0] // 4
        first, rest = initializer((size,), dtype=dtype), initializer((2 * size,), dtype=dtype)
        return torch.cat([first, torch.ones_like(first), rest])

    return initialize


def lstm_update(gates, carry, activation, recurrent_activation):
    """Output and next states, from the four gates before their activations."""
    activation, gate = plain(activation), plain(recurrent_activation)
    carry = gate(gates[1]) * carry + gate(gates[0]) * activation(gates[2])
    output = gate(gates[3]) * activation(carry)
    return output, [output, carry]


class GRUCell(RecurrentCell):
    """One step of `GRU`; its kernels hold update gate, reset gate and candidate."""

    gates = 3

    def __init__(
        self,
        units,
        activation="tanh",
        recurrent_activation="sigmoid",
        use_bias=True,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        kernel_regularizer=None,
        recurrent_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        reset_after=True,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            units,
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
        self.recurrent_activation = activations.get(recurrent_activation)
        self.reset_after = reset_after

    def _bias_shape(self, size):
        return (2, size) if self.reset_after else (size,)

    def _input_bias(self, bias):
        return bias if bias is None or not self.reset_after else bias[0]

    def _step(self, projected, states, masks, weights):
        state = states[0]
        _, kernel, bias = weights
        activation, gate = plain(self.activation), plain(self.recurrent_activation)
        masked = [state * m for m in masks] if isinstance(masks, list) else [state] * 3
        if not self.reset_after:
            gated, candidate = projected.split([2 * self.units, self.units], 1)
            update, reset = self._gates(gated, masked, kernel[:, : 2 * self.units]).chunk(2, 1)
            update, reset = gate(update), gate(reset)
            candidate = torch.addmm(candidate, reset * masked[2], kernel[:, 2 * self.units :])
        else:
            inner = None if bias is None else bias[1].expand(state.shape[0], -1)
            inner = self._gates(inner, masked, kernel)
            update, reset, candidate = projected.chunk(3, 1)
            own_update, own_reset, own = inner.chunk(3, 1)
            update, reset = gate(update + own_update), gate(reset + own_reset)
            candidate = torch.addcmul(candidate, reset, own)
        candidate = activation(candidate)
        output = torch.lerp(candidate, state, update)
        return output, [output]

    def _gates(self, base, masked, kernel):
        """`base` and the state mapped by the kernel, each gate's state masked by its own mask."""
        if masked[0] is masked[1]:
            mapped = masked[0] @ kernel
        else:
            parts = kernel.split(self.units, 1)
            mapped = torch.cat([m @ part for m, part in zip(masked, parts)], -1)
        return mapped if base is None else base + mapped

    def _fusable(self, training):
        gated = plain(self.recurrent_activation) is torch.sigmoid
        known = gated and plain(self.activation) is torch.tanh and self.reset_after
        return known and super()._fusable(training)

    def _run_kernel(self, x, states, weights, batch_first, padding):
        kernel, recurrent_kernel, bias = weights
        if x.device.type == "cpu" and torch.is_grad_enabled() and not torch.compiler.is_compiling():
            return self._run_by_hand(x, states, weights, batch_first)
        parameters = [_reset_first(kernel.T), _reset_first(recurrent_kernel.T)]
        if bias is not None:
            parameters += [_reset_first(bias[0]), _reset_first(bias[1])]
        return _run_torch(torch.gru, x, states[0].unsqueeze(0), parameters, batch_first)

    def _run_by_hand(self, x, states, weights, batch_first):
        """On the CPU torch goes step by step too, which takes twice the time with gradients."""
        _, kernel, bias = weights
        if batch_first:
            x = x.transpose(0, 1).contiguous()
        projected = self._project(x, None, weights)
        outputs = GRUOverTime.apply(projected, states[0], kernel, None if bias is None else bias[1])
        return (outputs.transpose(0, 1) if batch_first else outputs), [outputs[-1]]


def _reset_first(weight):
    """Rows in torch's order of gates: reset, update, candidate."""
    update, reset, candidate = weight.chunk(3, 0)
    return torch.cat([reset, update, candidate], 0)


def _torch_parameters(weights):
    kernel, recurrent_kernel, bias = weights
    parameters = [kernel.T, recurrent_kernel.T]
    if bias is not None:
        # torch has two biases, Keras one.
        parameters += [bias, torch.zeros_like(bias, requires_grad=False)]
    return parameters


def _run_torch(kernel, x, states, parameters, batch_first):
    """One layer of a kernel of torch: outputs, and last states without their layer axis."""
    outputs, *last = kernel(
        x,
        states,
        parameters,
        len(parameters) == 4,
        1,
        0.0,
        torch.is_grad_enabled(),
        False,
        batch_first,
    )
    return outputs, [state.squeeze(0) for state in last]
