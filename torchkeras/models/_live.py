"""Symbolic tensors that stand for values while a model trains.

Losses and metrics of Keras 1 and 2 refer to tensors inside the model: `add_loss(tensor)`, or a
function `(y_true, y_pred)` that also uses `z_mean`. What they refer to is found once, computed in
the same pass as the outputs, and stands for its value while the losses and metrics are computed.
"""

import contextlib
import functools
import inspect
import sys
import types
from collections.abc import Iterator
from typing import Any

import torch

from torchkeras import _symbolic, tree
from torchkeras._symbolic import KerasTensor, node_of
from torchkeras._training.trainer import Trainer
from torchkeras.metrics import Mean
from torchkeras.models._function import Function

__all__ = ["Extras", "live_value", "sources_of"]

ROOM = __name__.partition(".")[0]
# Collections longer than this are data, in which no symbolic tensor is looked for.
LONGEST = 1000


def sources_of(tensors) -> list[KerasTensor]:
    """The symbolic tensors that nothing computes and that the given ones depend on."""
    found, seen = {}, set()
    waiting = [x for x in tensors if isinstance(x, KerasTensor)]
    while waiting:
        node = node_of(waiting.pop())
        if id(node) in seen:
            continue
        seen.add(id(node))
        if node.is_input:
            found.update({id(x): x for x in node.output_tensors})
        waiting.extend(node.input_tensors)
    return list(found.values())


def live_value(x):
    """What `x` stands for in the call that is under way; `x` itself where it stands for nothing."""
    lookup = _symbolic.live.lookup
    return lookup(x) if lookup is not None and isinstance(x, KerasTensor) else x


class Extras:
    """What a graph computes besides its outputs: added losses, metrics, tensors to be known."""

    def __init__(self, model):
        self.model = model
        self.losses: list[KerasTensor] = []
        self.metrics: list[tuple[KerasTensor, Mean]] = []
        self.taps: dict[int, KerasTensor] = {}
        self.values: dict[int, torch.Tensor] = {}
        self._made_for = None

    def add_taps(self, tensors) -> None:
        """From now on the values of these tensors are known after each pass."""
        self.taps.update({id(x): x for x in tensors})
        self._made_for = None

    def add_loss(self, tensor: KerasTensor) -> None:
        """Adds the mean of a tensor to what training minimises."""
        self.losses.append(tensor)
        self._made_for = None

    def add_metric(self, tensor: KerasTensor, metric: Mean) -> None:
        """Adds the mean of a tensor to the logs."""
        self.metrics.append((tensor, metric))
        self._made_for = None

    def _function(self) -> Function:
        graph = self.model._function
        if self._made_for is not graph:
            measured = [x for x, _ in self.metrics]
            outputs = [*graph.outputs, *self.losses, *measured, *self.taps.values()]
            self._whole = Function(list(graph.inputs), outputs, name=self.model.name)
            self._made_for = graph
        return self._whole

    def run(self, inputs: list) -> list:
        """The flat outputs of the graph; losses, metrics and values are noted."""
        if self.taps and torch.is_grad_enabled():
            # So that there are gradients with respect to what is computed from them.
            inputs = [
                x.detach().requires_grad_() if x.is_floating_point() and not x.is_meta else x
                for x in inputs
            ]
        results = iter(self._function().run(inputs))
        outputs = [next(results) for _ in self.model._function.outputs]
        for _ in self.losses:
            loss = next(results)
            self.model.add_loss(loss.mean() if loss.ndim else loss)
        for _, metric in self.metrics:
            value = next(results)
            if not value.is_meta:
                metric.update_state(value.detach())
        self.values = dict(zip(self.taps, results, strict=True))
        return outputs

    def value_of(self, tensor: KerasTensor, inputs: list) -> torch.Tensor:
        """The value of a tensor in the last pass; of one that was not known about, a value computed
        now, from the same inputs."""
        if id(tensor) not in self.values:
            graph = Function(list(self.model._function.inputs), [tensor])
            self.values[id(tensor)] = graph.run(inputs)[0]
            self.add_taps([tensor])
        return self.values[id(tensor)]


# ---------------------------------------------------------------- losses and metrics that refer


class LiveScope:
    """Calls losses and metrics so that symbolic tensors of the model stand for their values."""

    def __init__(self, model):
        self.model = model

    def run(self, x, function, *args):
        """`function(*args)` after a pass on the inputs `x`."""
        with self._values(x):
            return function(*args)

    @contextlib.contextmanager
    def _values(self, x) -> Iterator[None]:
        extras = extras_of(self.model)
        inputs = [value for value in tree.flatten(x) if value is not None]
        before = _symbolic.live.lookup
        _symbolic.live.lookup = lambda tensor: extras.value_of(tensor, inputs)
        try:
            yield
        finally:
            _symbolic.live.lookup = before


def extras_of(model) -> Extras:
    """The extras of a model, made where it has none."""
    if model._extras is None:
        model.__dict__["_extras"] = Extras(model)
        model.__dict__["_graph_inputs"] = ()
    return model._extras


def watch(model, *given) -> LiveScope | None:
    """A scope for the losses and metrics that a model was compiled with; None where none of them
    refers to symbolic tensors."""
    if getattr(model, "_function", None) is None:
        return None
    known = {id(x) for x in model._function.inputs}
    found = {id(x): x for x in _symbols(given, set())}
    inside = [x for x in found.values() if {id(s) for s in sources_of([x])} <= known]
    if not inside:
        return None
    extras_of(model).add_taps(inside)
    return LiveScope(model)


Trainer._watch = staticmethod(watch)


def _symbols(thing: Any, seen: set) -> Iterator[KerasTensor]:
    """The symbolic tensors that a function refers to: in closures, globals, bound arguments and
    attributes, also through other functions of the user's."""
    if isinstance(thing, KerasTensor):
        if "_keras_history" in thing.__dict__:
            yield thing
        return
    if id(thing) in seen or isinstance(thing, (str, bytes, int, float, torch.Tensor, type(None))):
        return
    seen.add(id(thing))
    for part in _parts(thing):
        yield from _symbols(part, seen)


def _parts(thing: Any) -> list:
    if isinstance(thing, (list, tuple, set)):
        return list(thing) if len(thing) <= LONGEST else []
    if isinstance(thing, dict):
        return list(thing.values()) if len(thing) <= LONGEST else []
    if isinstance(thing, functools.partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, types.MethodType):
        tensors = [x for x in vars(thing.__self__).values() if isinstance(x, KerasTensor)]
        return [thing.__func__, tensors] if _is_users(thing.__func__) else []
    if isinstance(thing, types.FunctionType):
        return _referred(thing) if _is_users(thing) else []
    function = getattr(thing, "fn", None)
    if function is not None:  # a loss or metric made from a function
        return [function, getattr(thing, "_fn_kwargs", {})]
    call = getattr(type(thing), "call", None)
    if callable(thing):
        call = type(thing).__call__
    if isinstance(call, types.FunctionType) and _is_users(call) and hasattr(thing, "__dict__"):
        return [call, [x for x in vars(thing).values() if isinstance(x, KerasTensor)]]
    return []


def _referred(function: types.FunctionType) -> list:
    names = set(_names_in(function.__code__))
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    found = [x for x in found if not inspect.ismodule(x) and not inspect.isclass(x)]
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # an empty cell
            found.append(cell.cell_contents)
    return [*found, function.__defaults__, function.__kwdefaults__]


def _names_in(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names_in(constant)


def _is_users(function) -> bool:
    """Whether a function stands in a script, not in this package or another library."""
    module = str(getattr(function, "__module__", "")).partition(".")[0]
    file = function.__code__.co_filename
    return module != ROOM and "site-packages" not in file and not file.startswith(sys.base_prefix)
