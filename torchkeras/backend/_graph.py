"""Functions from symbolic tensors to values, and gradients between symbolic tensors."""

import numpy as np
import torch

from torchkeras import _dtypes, config, ops, tree
from torchkeras._op import Operation, op
from torchkeras._scopes import call_context
from torchkeras._symbolic import KerasTensor
from torchkeras.backend._values import Update
from torchkeras.models._function import Function as Graph
from torchkeras.models._live import live_value, sources_of

__all__ = [
    "Function",
    "eager",
    "function",
    "gradients",
    "print_tensor",
    "stop_gradient",
    "symbolic",
]


# ---------------------------------------------------------------- functions


class Function:
    """What `function` makes: called with a list of arrays it gives a list of arrays.

    Args:
        inputs: symbolic tensors, and `learning_phase()` where the phase is to be given.
        outputs: a tensor or a list of them, symbolic or concrete.
        updates: changes that are made at every call: what `update` returns for symbolic values,
            what `Optimizer.get_updates` returns, or pairs of a variable and its new value.
    """

    def __init__(self, inputs, outputs, updates=None, name=None):
        self.name = name or "function"
        self.inputs = inputs
        self.outputs = outputs
        self._slots = tree.flatten(inputs)
        self._updates = changes_in(updates)
        self._flat = tree.flatten(outputs)
        wanted = [x for x in self._flat if isinstance(x, KerasTensor)]
        for change in self._updates:
            wanted += [x for x in _needs(change) if isinstance(x, KerasTensor)]
        given = [x for x in self._slots if isinstance(x, KerasTensor)]
        self._wanted = list({id(x): x for x in wanted}.values())
        self._graph = Graph(given, self._wanted) if self._wanted else None

    def __call__(self, inputs=()):
        """The outputs for arrays, as NumPy arrays.

        Raises:
            ValueError: another number of arrays than inputs.
        """
        values = list(inputs) if isinstance(inputs, (list, tuple)) else tree.flatten(inputs)
        if len(values) != len(self._slots):
            raise ValueError(
                f"Function `{self.name}` expects {len(self._slots)} inputs. Received: "
                f"{len(values)} inputs"
            )
        tensors, phase = [], call_context.training
        for slot, value in zip(self._slots, values, strict=True):
            if isinstance(slot, KerasTensor):
                tensors.append(_as_tensor(value, slot))
            else:
                phase = bool(value)
        before = call_context.training
        call_context.training = phase
        try:
            found = self._compute(tensors)
        finally:
            call_context.training = before
        results = [_as_array(found.get(id(x), x)) for x in self._flat]
        return tree.pack_sequence_as(self.outputs, results)

    def _compute(self, tensors) -> dict[int, torch.Tensor]:
        """The values of what is wanted, by the ids of the symbolic tensors; makes the updates."""
        needs_gradients = any(not isinstance(u, Update) for u in self._updates)
        with torch.set_grad_enabled(needs_gradients):
            outputs = [] if self._graph is None else self._graph.run(tensors)
            found = {id(x): value for x, value in zip(self._wanted, outputs, strict=True)}
            changes = [(u, [found.get(id(x), x) for x in _needs(u)]) for u in self._updates]
            for change, values in changes:
                change.apply(*values) if hasattr(change, "apply") else change.target.assign(*values)
        return found


def changes_in(updates) -> list:
    """The changes in what `get_updates` gives, or what `updates` of `function` are."""
    return [_as_update(u) for u in _unnested(updates)]


def _unnested(updates) -> list:
    """Updates in one list; a pair of a variable and a value is one."""
    flat = []
    for item in updates or ():
        pair = isinstance(item, (list, tuple)) and len(item) == 2
        if pair and hasattr(item[0], "assign") and not isinstance(item[1], Update):
            flat.append(tuple(item))
        elif isinstance(item, (list, tuple)):
            flat.extend(_unnested(item))
        elif item is not None:
            flat.append(item)
    return flat


def _as_update(change):
    if isinstance(change, tuple):
        return Update(*change)
    if isinstance(change, torch.Tensor):
        return Update(change, change)  # was made at once
    return change


def _needs(change) -> list:
    """The tensors whose values a change needs."""
    return [change.value] if isinstance(change, Update) else list(change.needs)


def _as_tensor(value, like: KerasTensor) -> torch.Tensor:
    if not isinstance(value, torch.Tensor):
        # What is turned round has steps that torch does not know.
        value = torch.as_tensor(np.asarray(value, order="C"))
    return value.to(config.default_device(), _dtypes.torch_dtype(like.dtype))


def _as_array(value):
    if isinstance(value, torch.Tensor):
        array = value.detach().cpu().numpy()
        return array[()] if array.ndim == 0 else array
    return value


def function(inputs, outputs, updates=None, name=None, **kwargs):
    """A function from arrays for symbolic tensors to the values of others.

    Raises:
        ValueError: keyword arguments, which were for the session of TensorFlow 1.
    """
    if kwargs:
        raise ValueError(f"Session keyword arguments are not supported. Received: {sorted(kwargs)}")
    return Function(inputs, outputs, updates=updates, name=name)


# ---------------------------------------------------------------- gradients


class Gradients(Operation):
    """The gradients of a loss with respect to tensors, as an operation of a graph."""

    def __init__(self, loss, variables, name=None):
        super().__init__(name)
        self.variables = variables
        inner = [x for x in variables if isinstance(x, KerasTensor)]
        self.sources = sources_of([loss])
        stops = [x for x in inner if all(x is not s for s in self.sources)]
        self.graph = Graph(self.sources, [loss, *stops])
        self.stops = stops

    def call(self, *values):
        with torch.enable_grad():
            values = [_tracked(x) for x in values]
            loss, *inner = self.graph.run(values)
            places = dict(zip(map(id, [*self.sources, *self.stops]), [*values, *inner]))
            targets = [places.get(id(x), x) for x in self.variables]
            found = _gradients(loss, targets)
        return [torch.zeros_like(x) if g is None else g for g, x in zip(found, targets)]

    def compute_output_spec(self, *values):
        return [
            KerasTensor(tuple(x.shape), dtype=_dtypes.standardize_dtype(x.dtype))
            for x in self.variables
        ]


def _tracked(x):
    """A tensor from which gradients can be taken; one on the way to others stays itself."""
    if x.requires_grad or not x.is_floating_point():
        return x
    return x.detach().requires_grad_()


def _gradients(loss, targets) -> list:
    if loss.is_meta:
        return [torch.empty_like(x) for x in targets]
    reached = [x for x in targets if x.requires_grad]
    found = {}
    if reached and loss.requires_grad:
        with torch.enable_grad():  # an optimizer asks where nothing is recorded
            total = loss.sum()
            gradients_of = torch.autograd.grad(total, reached, allow_unused=True, create_graph=True)
        found = dict(zip(map(id, reached), gradients_of, strict=True))
    return [found.get(id(x)) for x in targets]


def gradients(loss, variables):
    """The gradients of a loss with respect to tensors: symbolic for a symbolic loss.

    Args:
        variables: a tensor or a list: variables, placeholders, or symbolic tensors on the way to
            the loss.

    Returns:
        A list; of a concrete loss None for what it does not depend on.
    """
    targets = list(variables) if isinstance(variables, (list, tuple)) else [variables]
    if isinstance(loss, (list, tuple)):
        loss = sum(ops.sum(part) for part in loss)
    if not isinstance(loss, KerasTensor):
        return _gradients(loss, [live_value(x) for x in targets])
    made = Gradients(loss, targets)
    return list(made(*made.sources))


@op
def _detached(x: torch.Tensor):
    return x.detach()


def stop_gradient(variables):
    """The same values, through which no gradient flows."""
    if isinstance(variables, (list, tuple)):
        return [stop_gradient(x) for x in variables]
    return _detached(variables)


# ---------------------------------------------------------------- other


class Printer(Operation):
    """Prints what it is given whenever it runs, and hands it on."""

    def __init__(self, message, summarize, name=None):
        super().__init__(name)
        self.message = message
        self.summarize = summarize

    def call(self, x):
        if not x.is_meta:
            shown = np.array2string(_as_array(x), threshold=0, edgeitems=self.summarize or 3)
            print(self.message, shown)
        return x


def print_tensor(x, message="", summarize=3):
    """Prints a tensor whenever it is computed, and returns it."""
    return Printer(message, summarize)(x)


def symbolic(func):
    """The function itself: graphs are recorded where symbolic tensors are met."""
    return func


def eager(func):
    """The function itself: what is concrete is computed at once."""
    return func
