"""Recurrent layers: cells, and layers that run a cell over time.

A layer runs torch's fused kernel where its cell has one that is exact for the arguments, with any
mask; else one scan, whose input projection is done for all steps at once. `layer.recurrence` says
which: "fused" or "scan".
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import _symbolic, tree
from torchkeras._errors import received
from torchkeras._serialize import CustomObjectScope
from torchkeras._variable import Variable
from torchkeras.layers._base import Layer
from torchkeras.layers._recurrent_cells import (
    DropoutCell,
    GRUCell,
    LSTMCell,
    RecurrentCell,
    SimpleRNNCell,
)
from torchkeras.layers._spec import InputSpec

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNNCells",
]


class _Valid:
    """Where the valid steps of a mask are: to bring them to the front of each row, and back.

    Args:
        mask: (batch, steps), True where a step is valid, in the order in which the steps are run.
    """

    def __init__(self, mask):
        self.mask, self._seen = mask, None
        # How many steps have to be run.
        self.steps = mask.shape[1]
        self.are_in_front = self.is_everywhere = False
        # To ask is worth it where nobody has to wait for the answer; NumPy gives it soonest. A
        # trace has to hold for other masks too.
        if mask.is_cpu and not torch.compiler.is_compiling() and not torch.jit.is_tracing():
            self._look(mask.numpy())
        else:
            self.count = mask.sum(1, keepdim=True)

    def _look(self, known):
        """What the values of the mask tell."""
        batch, steps = known.shape
        # A row ends at its first step that is not valid, or at a further one.
        ended = np.zeros((batch, steps + 1), bool)
        ended[:, :-1] = known
        count = ended.argmin(1)
        listed = count.tolist()
        self.are_in_front = sum(listed) == np.count_nonzero(known)
        if not self.are_in_front:
            count = known.sum(1)
            listed = count.tolist()
        self.count = torch.from_numpy(count.reshape(-1, 1))
        self.is_everywhere = min(listed, default=0) > 0
        # Sixteen numbers of steps at most: the kernels are made for each number anew.
        part = max(1, -(-steps // 16))
        self.steps = min(steps, part * max(1, -(-max(listed, default=0) // part)))

    @property
    def seen(self):
        """How many valid steps there are up to each step, itself included: (batch, steps)."""
        if self._seen is None:
            self._seen = self.mask.cumsum(1)
        return self._seen

    def rows(self):
        """Numbers of the rows: (batch, 1)."""
        return torch.arange(self.mask.shape[0], device=self.mask.device).unsqueeze(1)

    def to_front(self, x, backwards):
        """The steps of `x` (batch, steps, features) that have to be run, valid ones first: (steps,
        batch, features)."""
        batch, steps = self.mask.shape
        if self.are_in_front:
            x = x.flip(1) if backwards else x
            return (x if self.steps == steps else x[:, : self.steps]).transpose(0, 1)
        place = torch.where(self.mask, self.seen - 1, self.count + (~self.mask).cumsum(1) - 1)
        each = torch.arange(steps, device=x.device).expand(batch, steps)
        # Step of the mask that comes at each place, valid ones first.
        order = torch.empty_like(place).scatter_(1, place, each)[:, : self.steps]
        order = steps - 1 - order if backwards else order
        # As a lookup in a table: its backward pass is the fastest that torch has.
        return F.embedding((order + self.rows() * steps).T, x.reshape(batch * steps, -1))

    def back(self, outputs, zero):
        """Outputs (steps, batch, features) at the places of their steps: (batch, steps, features).

        At a step that is not valid stands the output before it, or zero.
        """
        steps, batch, size = outputs.shape
        index = (self.seen - 1).clamp(min=0) * batch + self.rows()
        placed = F.embedding(index, outputs.reshape(steps * batch, size))
        return torch.where((self.mask if zero else self.seen > 0).unsqueeze(-1), placed, 0.0)

    def last(self, outputs, otherwise):
        """The output of the last valid step (batch, features); `otherwise` for rows without one."""
        place = self.count - 1 if self.is_everywhere else (self.count - 1).clamp(min=0)
        found = outputs.gather(0, place.expand(1, -1, outputs.shape[2])).squeeze(0)
        return found if self.is_everywhere else torch.where(self.count > 0, found, otherwise)

    def padding(self):
        """True where a place holds no valid step: (steps, batch)."""
        places = torch.arange(self.steps, device=self.mask.device)
        return places.unsqueeze(1) >= self.count.T


class StackedRNNCells(Layer):
    """Several cells as one: the output of each is the input of the next.

    Args:
        cells: list of cells.

    Input shape: (batch, features), and the list of the cells' states
    Output shape: that of the last cell's output, and the list of the cells' next states
    """

    def __init__(self, cells, **kwargs):
        super().__init__(**kwargs)
        for cell in cells:
            if not hasattr(cell, "call"):
                raise ValueError(
                    f"All cells must have a `call` method. Received cell without a `call` method: "
                    f"{cell}"
                )
            if not hasattr(cell, "state_size"):
                raise ValueError(
                    "All cells must have a `state_size` attribute. "
                    f"Received cell without a `state_size`: {cell}"
                )
        self.cells = list(cells)

    @property
    def state_size(self):
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self):
        return _output_size(self.cells[-1])

    def get_initial_state(self, batch_size=None):
        """The states of each cell to begin with."""
        return [_initial_state(cell, batch_size, self) for cell in self.cells]

    def build(self, input_shape):
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    @classmethod
    def from_config(cls, config, custom_objects=None):
        with CustomObjectScope(custom_objects or {}):
            return super().from_config(config)

    def call(self, inputs, states, training=False, **kwargs):
        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            listed = isinstance(state, (list, tuple))
            inputs, new = _call_cell(
                cell, inputs, list(state) if listed else [state], training, **kwargs
            )
            new_states.append(new if listed or len(new) > 1 else new[0])
        return inputs, new_states


def _output_size(cell):
    size = getattr(cell, "output_size", None)
    if size is not None:
        return size
    return cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size


def _initial_state(cell, batch_size, layer):
    """The states of a cell to begin with: its own choice, else zeros."""
    make = getattr(cell, "get_initial_state", None)
    if make is not None:
        return make(batch_size=batch_size)
    dtype, device = layer._torch_compute_dtype, layer._device()
    sizes = cell.state_size

    def zeros(size):
        return torch.zeros((batch_size, size), dtype=dtype, device=device)

    return [zeros(size) for size in sizes] if isinstance(sizes, (list, tuple)) else zeros(sizes)


def _call_cell(cell, inputs, states, training, **kwargs):
    """Output and list of next states of any cell."""
    if isinstance(cell, Layer) and cell._call_signature.takes_training:
        kwargs["training"] = training
    output, states = (cell if callable(cell) else cell.call)(inputs, states, **kwargs)
    return output, (list(states) if isinstance(states, (list, tuple)) else [states])


def _where(mask, new, old):
    """`new` in the rows of the mask, `old` in the others."""
    return torch.where(mask.reshape(mask.shape + (1,) * (new.dim() - 1)), new, old)


def scan(step, inputs, states, mask=None, zero_output=False, keep_all=True):
    """Runs `step(input, states) -> (output, states)` over a list of inputs.

    A step that the mask (batch, steps) leaves out changes no state; its output is the one before
    it, or zero.

    Returns:
        the outputs, only the last one unless `keep_all`, and the last states.
    """
    outputs, output = [], None
    masks = [None] * len(inputs) if mask is None else mask.unbind(1)
    for x, valid in zip(inputs, masks, strict=True):
        new, new_states = step(x, states)
        if valid is not None:
            before = torch.zeros_like(new) if output is None or zero_output else output
            new = _where(valid, new, before)
            kept = map(
                _where,
                [valid] * len(tree.flatten(states)),
                tree.flatten(new_states),
                tree.flatten(states),
            )
            new_states = tree.pack_sequence_as(states, list(kept))
        output, states = new, new_states
        if keep_all:
            outputs.append(output)
    return (outputs if keep_all else [output]), states


class RNN(Layer):
    """Runs a cell over the steps of sequences.

    Args:
        cell: a cell, or a list of cells that are stacked. A cell has `state_size` and a method
            `call(inputs, states) -> (output, states)`; it may have `output_size` and
            `get_initial_state(batch_size)`.
        return_sequences: whether the outputs of all steps are returned, not of the last alone.
        return_state: whether the last states are returned too.
        go_backwards: whether the steps are run from last to first; outputs then come in that order.
        stateful: whether the last states are the first of the next batch; the batch size is then
            fixed.
        unroll: changes nothing here; the steps run as fast as they can in any case.
        zero_output_for_mask: whether outputs of masked steps are zero, not those of the step
            before.

    Input shape: (batch, steps, features)
    Output shape: (batch, units), or with `return_sequences` (batch, steps, units); with
        `return_state` a tuple of it
        and of the states, each (batch, size)

    >>> RNN([LSTMCell(3), GRUCell(2)])(torch.ones(2, 5, 4)).shape
    torch.Size([2, 2])
    """

    _keeps_masks = True
    _config_if_given = ("activity_regularizer",)
    use_cudnn = "auto"
    # What a cell is given at each step besides: the constants of Keras 2.
    _passed = {}

    def __init__(
        self,
        cell,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        zero_output_for_mask=False,
        **kwargs,
    ):
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not hasattr(cell, "call"):
            raise ValueError(f"Argument `cell` should have a `call` method. {received(cell=cell)}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                "The RNN cell should have a `state_size` attribute (single integer or list of "
                f"integers, one integer per RNN state). {received(cell=cell)}"
            )
        if cell.state_size is None or not isinstance(cell.state_size, (list, tuple, int)):
            raise ValueError(
                "state_size must be an integer, or a list/tuple of integers (one for each state "
                f"tensor). {received(state_size=cell.state_size)}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.input_spec = None
        # States between batches are no weights: they are neither saved nor trained.
        self.__dict__["states"] = None
        self._expected_batch_size = None
        self.single_state = isinstance(cell.state_size, int)
        self.__dict__["state_size"] = (
            [cell.state_size] if self.single_state else list(cell.state_size)
        )

    # ---- shapes and masks ------------------------------------------------------------------------

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        batch_size, steps = sequences_shape[:2]
        size = _output_size(self.cell)
        if not isinstance(size, int):
            raise ValueError(f"output_size must be an integer. {received(output_size=size)}")
        output = (batch_size, steps, size) if self.return_sequences else (batch_size, size)
        if not self.return_state:
            return output
        states = [
            (batch_size, size) if isinstance(size, int) else [(batch_size, s) for s in size]
            for size in self.state_size
        ]
        return output, *states

    def compute_output_spec(self, *args, **kwargs):
        outputs = super().compute_output_spec(*args, **kwargs)
        mask = getattr(args[0] if args else kwargs["sequences"], "_keras_mask", None)
        if mask is not None and self.return_sequences:
            tree.flatten(outputs)[0]._keras_mask = mask
        return outputs

    def compute_mask(self, _, mask):
        mask = tree.flatten(mask)[0] if self.return_sequences else None
        return [mask] + [None] * len(self.state_size) if self.return_state else mask

    # ---- state -----------------------------------------------------------------------------------

    def build(self, sequences_shape, initial_state_shape=None):
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build((sequences_shape[0], *sequences_shape[2:]))
        if self.stateful and self.states is None:
            if sequences_shape[0] is None:
                raise ValueError(
                    "When using `stateful=True` in a RNN, the batch size must be static. Found "
                    "dynamic "
                    f"batch size: sequence.shape={sequences_shape}"
                )
            self._create_state_variables(sequences_shape[0])

    def _create_state_variables(self, batch_size):
        self.__dict__["states"] = tree.map_structure(
            lambda value: Variable(
                value, trainable=False, dtype=self.variable_dtype, name="rnn_state"
            ),
            self.get_initial_state(batch_size),
        )
        self._expected_batch_size = batch_size

    def get_initial_state(self, batch_size):
        """The list of states to begin with."""
        state = _initial_state(self.cell, batch_size, self)
        return list(state) if tree.is_nested(state) else [state]

    def reset_state(self, states=None):
        """Sets the states of a stateful layer to zero, or to the given arrays.

        Raises:
            ValueError: `states` are given before the layer knows its batch size, or are not as
                many as it has.
        """
        if self.states is None:
            if states is not None:
                raise ValueError("States can be set once a stateful layer has been built.")
            return
        variables = tree.flatten(self.states)
        values = [0.0] * len(variables) if states is None else tree.flatten(states)
        if len(values) != len(variables):
            raise ValueError(
                f"Layer {self.name} expects {len(variables)} state(s), but it received "
                f"{len(values)} "
                f"state value(s). {received(states=states)}"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(torch.zeros_like(variable) if states is None else value)

    def reset_states(self, states=None):
        """The same as `reset_state`."""
        self.reset_state(states)

    # ---- running ---------------------------------------------------------------------------------

    def __call__(self, sequences, *args, **kwargs):
        # `layer([x, state, ...])` of Keras 1 and 2.
        if (
            isinstance(sequences, (list, tuple))
            and not args
            and kwargs.get("initial_state") is None
        ):
            sequences, *states = sequences
            if states:
                kwargs["initial_state"] = states
        return super().__call__(sequences, *args, **kwargs)

    __call__.adds_nothing = True

    def call(self, sequences, initial_state=None, mask=None, training=False):
        if _symbolic.running_on_meta():
            return self._on_meta(sequences)
        states = self._first_states(sequences, initial_state)
        mask = mask if mask is None or type(mask) is Tensor else tree.flatten(mask)[0]
        last, outputs, states = self.inner_loop(sequences, states, mask, training)
        output = outputs if self.return_sequences else last
        # A cell may compute in a dtype of its own.
        dtype = self._torch_compute_dtype
        if output.dtype is not dtype:
            output = output.to(dtype)
        if self.return_state or self.stateful:
            states = tree.map_structure(lambda s: s.to(dtype), states)
        if self.stateful:
            for variable, state in zip(
                tree.flatten(self.states), tree.flatten(states), strict=True
            ):
                variable.assign(state.detach())
        return (output, *states) if self.return_state else output

    def _on_meta(self, sequences):
        """Outputs of the right shapes: how many steps there are is not known yet."""
        shapes = self.compute_output_shape(tuple(sequences.shape))
        return tree.map_shape_structure(
            lambda shape: torch.empty(shape, dtype=self._torch_compute_dtype, device="meta"), shapes
        )

    @classmethod
    def from_config(cls, config, custom_objects=None):
        with CustomObjectScope(custom_objects or {}):
            return super().from_config(config)

    def _first_states(self, sequences, initial_state):
        if self.stateful and sequences.shape[0] != self._expected_batch_size:
            raise ValueError(
                "If an RNN is stateful, the batch size of the input sequences must be the same as "
                "the "
                "batch size of the initial state. \n"
                f"- Expected batch size: {self._expected_batch_size}\n"
                f"- Received batch size: {sequences.shape[0]}"
            )
        if initial_state is None and self.stateful:
            # Copies: the states change while the graph of this call is still needed.
            initial_state = tree.map_structure(lambda v: v.value.detach().clone(), self.states)
        elif initial_state is None:
            cell, batch_size = self.cell, sequences.shape[0]
            if self._begins_at_zero(cell):
                return [cell._zero_state(batch_size, sequences.device)] * cell.states_count
            initial_state = self.get_initial_state(batch_size)
        states = list(initial_state) if tree.is_nested(initial_state) else [initial_state]
        dtype = getattr(self.cell, "_torch_compute_dtype", self._torch_compute_dtype)
        device = sequences.device
        if all([type(s) is Tensor and s.dtype is dtype and s.device == device for s in states]):
            return states
        return tree.map_structure(lambda s: torch.as_tensor(s).to(device, dtype), states)

    def _begins_at_zero(self, cell):
        """Whether no user's `get_initial_state` makes the states to begin with."""
        own = RecurrentCell.get_initial_state
        return (
            getattr(self.get_initial_state, "__func__", None) is RNN.get_initial_state
            and getattr(getattr(cell, "get_initial_state", None), "__func__", None) is own
        )

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """Runs the cell over all steps; for subclasses to replace.

        Returns:
            the last output, all outputs (the last alone where no more is asked for) and the last
            states.
        """
        if mask is not None:
            if mask.dim() > 2 or mask.dtype is not torch.bool:
                mask = mask.reshape(mask.shape[:2]).to(torch.bool)
            if self.go_backwards:
                mask = mask.flip(1)
        output, states = self._over_time(sequences, initial_state, mask, training)
        if self.return_sequences:
            return output[:, -1], output, states
        return output, output.unsqueeze(1), states

    def _over_time(self, sequences, states, mask, training):
        """The output asked for, and the last states; the mask is in the order of the run."""
        chain = self._chain()
        if chain is None:
            outputs, states = self._scan_any(sequences, states, mask, training)
            return (torch.stack(outputs, 1) if self.return_sequences else outputs[-1]), states
        if self.use_cudnn is True:
            self._check_cudnn(training)
        fused = [self._is_fused(cell, training) for cell in chain]
        valid = _Valid(mask) if mask is not None and True in fused else None
        stacked = chain[0] is not self.cell
        x, backwards, last_states = sequences, self.go_backwards, []
        for cell, own, is_fused in zip(chain, states if stacked else [states], fused, strict=True):
            inner = cell is not chain[-1]
            own = own if isinstance(own, (list, tuple)) else [own]
            if x.dtype is not cell._torch_compute_dtype:
                x = x.to(cell._torch_compute_dtype)
            run = self._fused if is_fused else self._scanned
            x, own = run(
                cell, x, list(own), mask, valid, backwards, training, inner or self.return_sequences
            )
            last_states.append(own)
            # The next cell gets its inputs in the order of the run.
            backwards = False
        return x, (last_states if stacked else last_states[0])

    def _chain(self):
        """The cells to run one after the other over all steps; None where step by step."""
        cell = self.cell
        cells = list(cell.cells) if type(cell) is StackedRNNCells else [cell]
        return cells if all([isinstance(c, RecurrentCell) and c._is_own() for c in cells]) else None

    def _calls_no_layer(self):
        return self._chain() is not None

    def _is_fused(self, cell, training):
        return self.use_cudnn is not False and cell._fusable(training) and not _untraceable(cell)

    @property
    def recurrence(self):
        """What runs the steps in the present phase (`train()` or `eval()`): "fused", torch's own
        kernel over all of them; or "scan", one step after the other, if only for one of the cells.
        """
        chain = self._chain()
        fused = chain is not None and all(self._is_fused(cell, self.training) for cell in chain)
        return "fused" if fused else "scan"

    def _check_cudnn(self, training):
        if not self.cell._fusable(training):
            raise ValueError(
                "use_cudnn=True was specified, but cuDNN is not supported for this layer "
                "configuration "
                "with this backend. Pass use_cudnn='auto' to fallback to a non-cuDNN "
                "implementation."
            )

    def _fused(self, cell, x, states, mask, valid, backwards, training, keep_all):
        weights = cell._weights()
        if training and cell.dropout:
            x = x * cell.get_dropout_mask(x[:, 0]).unsqueeze(1)
            cell.reset_dropout_mask()
        if valid is None:
            outputs, states = cell._run_kernel(
                x.flip(1) if backwards else x, states, weights, True, None
            )
            return (outputs if keep_all else outputs[:, -1]), states
        are_states_asked = self.return_state or self.stateful
        padding = valid.padding() if are_states_asked else None
        x = valid.to_front(x, backwards)
        outputs, last = cell._run_kernel(x, states, weights, False, padding)
        if are_states_asked:
            last[0] = valid.last(outputs, states[0])
        if keep_all:
            return valid.back(outputs, self.zero_output_for_mask), last
        output = valid.last(outputs, 0.0)
        if self.zero_output_for_mask:
            output = _where(mask[:, -1], output, 0.0)
        return output, last

    def _scanned(self, cell, x, states, mask, valid, backwards, training, keep_all):
        weights = cell._weights()
        masks = cell._masks(x[:, 0], states[0]) if training else (None, None)
        projected = cell._project(x, masks[0], weights).unbind(1)

        def step(z, states):
            return cell._step(z, states, masks[1], weights)

        outputs, states = scan(
            step,
            projected[::-1] if backwards else projected,
            states,
            mask,
            self.zero_output_for_mask,
            keep_all,
        )
        reset_dropout(cell)
        return (torch.stack(outputs, 1) if keep_all else outputs[-1]), states

    def _scan_any(self, sequences, states, mask, training):
        """Calls the cell step by step."""

        def step(x, states):
            return _call_cell(self.cell, x, states, training, **self._passed)

        steps = sequences.unbind(1)
        steps = steps[::-1] if self.go_backwards else steps
        try:
            return scan(step, steps, states, mask, self.zero_output_for_mask, self.return_sequences)
        finally:
            reset_dropout(self.cell)


def _untraceable(cell):
    """Whether `torch.compile` is at work on what it fails at: training torch's LSTM for the CPU."""
    return (
        torch.is_grad_enabled()
        and isinstance(cell, LSTMCell)
        and torch.compiler.is_compiling()
        and not torch.compiler.is_exporting()
        and cell.kernel.device.type == "cpu"
    )


def reset_dropout(cell):
    """Forgets the dropout masks of a sequence that has ended."""
    for c in cell.cells if isinstance(cell, StackedRNNCells) else [cell]:
        if isinstance(c, DropoutCell):
            c.reset_dropout_mask()
            c.reset_recurrent_dropout_mask()


def of_cell(name):
    """A property that is the cell's attribute."""
    return property(lambda self: getattr(self.cell, name), doc=f"`{name}` of the cell.")


class OfCell(RNN):
    """A recurrent layer of one kind of cell, whose arguments it takes.

    Args:
        units: size of the outputs and of each state.
        activation: activation of the outputs.
        recurrent_activation: activation of the gates.
        use_bias: whether a bias is added.
        unit_forget_bias: whether the forget gate's bias begins at 1.
        reset_after: whether a GRU's reset gate acts after the recurrent kernel, as in cuDNN.
        dropout: fraction of the inputs to drop in training, the same at all steps of a sequence.
        recurrent_dropout: fraction of the state to drop in training, the same at all steps.
        seed: integer that the dropout is drawn from; None: torch's own generator.
        return_sequences: whether the outputs of all steps are returned, not of the last alone.
        return_state: whether the last states are returned too.
        go_backwards: whether the steps are run from last to first; outputs then come in that order.
        stateful: whether the last states are the first of the next batch; the batch size is then
            fixed.
        unroll: changes nothing here; the steps run as fast as they can in any case.
        use_cudnn: False for a scan in any case, True to insist on a fused kernel, else "auto".

    Input shape: (batch, steps, features)
    Output shape: (batch, units), or with `return_sequences` (batch, steps, units); with
        `return_state` a tuple of it
        and of the states, each (batch, units)
    """

    _config_if_given = ()
    _not_in_config = ("cell", "use_cudnn")

    activation = of_cell("activation")
    use_bias = of_cell("use_bias")
    kernel_initializer = of_cell("kernel_initializer")
    recurrent_initializer = of_cell("recurrent_initializer")
    bias_initializer = of_cell("bias_initializer")
    kernel_regularizer = of_cell("kernel_regularizer")
    recurrent_regularizer = of_cell("recurrent_regularizer")
    bias_regularizer = of_cell("bias_regularizer")
    kernel_constraint = of_cell("kernel_constraint")
    recurrent_constraint = of_cell("recurrent_constraint")
    bias_constraint = of_cell("bias_constraint")
    dropout = of_cell("dropout")
    recurrent_dropout = of_cell("recurrent_dropout")
    seed = of_cell("seed")

    def get_config(self):
        config = super().get_config()
        return {key: value for key, value in config.items() if key not in self._not_in_config}

    def _take_cudnn(self, use_cudnn):
        if use_cudnn not in ("auto", True, False):
            raise ValueError(
                "Invalid valid received for argument `use_cudnn`. Expected one of {'auto', True, "
                "False}. " + received(use_cudnn=use_cudnn)
            )
        self.use_cudnn = use_cudnn


def cell_options(kwargs, name):
    """What a layer hands on to its cell from its further arguments."""
    options = {
        "dtype": kwargs.get("dtype"),
        "trainable": kwargs.get("trainable", True),
        "name": name,
    }
    if "implementation" in kwargs:
        options["implementation"] = kwargs.pop("implementation")
    return options


class SimpleRNN(OfCell):
    __doc__ = "Fully connected recurrent layer." + OfCell.__doc__.partition(".")[2]

    _not_in_config = ("cell", "use_cudnn", "seed")
    units = of_cell("units")

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
        activity_regularizer=None,
        kernel_constraint=None,
        recurrent_constraint=None,
        bias_constraint=None,
        dropout=0.0,
        recurrent_dropout=0.0,
        return_sequences=False,
        return_state=False,
        go_backwards=False,
        stateful=False,
        unroll=False,
        seed=None,
        **kwargs,
    ):
        cell = SimpleRNNCell(
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
            **cell_options(kwargs, "simple_rnn_cell"),
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)


class LSTM(OfCell):
    __doc__ = "Long short-term memory." + OfCell.__doc__.partition(".")[2]

    units = of_cell("units")
    recurrent_activation = of_cell("recurrent_activation")
    unit_forget_bias = of_cell("unit_forget_bias")

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
        unroll=False,
        use_cudnn="auto",
        **kwargs,
    ):
        cell = LSTMCell(
            units,
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
            **cell_options(kwargs, "lstm_cell"),
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)
        self._take_cudnn(use_cudnn)


class GRU(OfCell):
    __doc__ = "Gated recurrent unit." + OfCell.__doc__.partition(".")[2]

    units = of_cell("units")
    recurrent_activation = of_cell("recurrent_activation")
    reset_after = of_cell("reset_after")

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
        unroll=False,
        reset_after=True,
        use_cudnn="auto",
        **kwargs,
    ):
        cell = GRUCell(
            units,
            activation,
            recurrent_activation,
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
            reset_after,
            seed,
            **cell_options(kwargs, "gru_cell"),
        )
        super().__init__(
            cell,
            return_sequences,
            return_state,
            go_backwards,
            stateful,
            unroll,
            activity_regularizer=activity_regularizer,
            **kwargs,
        )
        self.input_spec = InputSpec(ndim=3)
        self._take_cudnn(use_cudnn)
