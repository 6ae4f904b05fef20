"""`tf.GradientTape`: gradients of what is computed inside a `with` block, by torch's autograd."""

import contextlib
import functools
import gc
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import _get_sequence_nr
from torch.autograd.graph import _engine_run_backward
from torch.compiler import is_dynamo_compiling
from torch.nn import Parameter

from torchkeras import _scopes, tree
from torchkeras.tf._convert import as_tensor, matched
from torchkeras.tf._tensor import TENSORS, sealed

__all__ = [
    "GradientTape",
    "UnconnectedGradients",
    "custom_gradient",
    "grad_pass_through",
    "gradients",
    "no_gradient",
    "stop_gradient",
]


class UnconnectedGradients:
    """What stands for the gradient of a source that the target does not depend on."""

    NONE = "none"
    ZERO = "zero"


class _Tapes(threading.local):
    def __init__(self):
        self.open: list[GradientTape] = []


_tapes = _Tapes()


class GradientTape:
    """Records what is computed inside it, and then gives gradients.

    Trainable variables are watched by themselves, other tensors after `watch`. Tapes may be nested
    for gradients of higher order.

    Args:
        persistent: whether gradients can be asked for more than once.
        watch_accessed_variables: False for watching only what `watch` was called with.

    Example:

    >>> x = Variable(3.0)
    >>> with GradientTape() as tape:
    ...     y = x * x
    >>> float(tape.gradient(y, x))
    6.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True):
        self._persistent = bool(persistent)
        self._watches_variables = bool(watch_accessed_variables)
        self._watched: dict[int, Tensor] = {}
        self._borrowed: list[Tensor] = []
        self._recording: _scopes.recording | None = None
        self._is_used = False
        self._first_operation = self._last_operation = 0
        # Whether another tape has recorded the same operations, whose graph then must be kept.
        self._is_shared = False

    def __enter__(self) -> "GradientTape":
        if self._recording is not None:
            raise ValueError(
                "Tape is still recording, This can happen if you try to re-enter an "
                "already-active tape."
            )
        tapes = _tapes.open
        if tapes:
            self._is_shared = True
            for tape in tapes:
                tape._is_shared = True
        self._is_used = False
        self._first_operation = _get_sequence_nr()
        tapes.append(self)
        self._recording = _scopes.recording().__enter__()
        return self

    def __exit__(self, *error) -> None:
        if self._recording is None:
            return
        _tapes.open.remove(self)
        self._last_operation = _get_sequence_nr()
        self._recording.__exit__()
        self._recording = None
        for tensor in self._borrowed:
            if not any(id(tensor) in tape._watched for tape in _tapes.open):
                tensor.requires_grad_(False)

    def watch(self, tensor: Any) -> None:
        """Lets gradients with respect to a tensor, or to each of a structure of them, be asked for.

        Raises:
            ValueError: what is given is no tensor.
        """
        for x in tree.flatten(tensor):
            if not isinstance(x, Tensor):
                raise ValueError(f"Passed in object {x} of type {type(x).__name__}, not tf.Tensor")
            if not x.is_floating_point() and not x.is_complex():
                continue
            self._watched[id(x)] = x
            if not x.requires_grad:
                x.requires_grad_(True)
                self._borrowed.append(x)

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Inside, nothing is recorded, on this tape or on those around it.

        Raises:
            ValueError: the tape is not recording.
        """
        if self._recording is None:
            raise ValueError("Tape is not recording.")
        with torch.no_grad():
            yield

    def reset(self) -> None:
        """Forgets what was watched and lets gradients be asked for anew."""
        self._watched.clear()
        self._is_used = False

    def watched_variables(self) -> tuple:
        """The variables that `watch` was called with, and the trainable ones that were used."""
        found = {id(x): x for x in self._watched.values() if hasattr(x, "assign")}
        if self._watches_variables:
            last = _get_sequence_nr() if self._recording is not None else self._last_operation
            found |= {id(x): x for x in _variables_used(range(self._first_operation, last))}
        return tuple(found.values())

    def gradient(
        self,
        target: Any,
        sources: Any,
        output_gradients: Any = None,
        unconnected_gradients: str = UnconnectedGradients.NONE,
    ) -> Any:
        """The gradients of `target` (of the sum, where there are several) by each of the sources.

        Args:
            sources: a tensor or variable, or nested lists, tuples and dicts of them.
            output_gradients: a factor for each element of the target, by default 1.
            unconnected_gradients: "none" or "zero": what stands where the target does not depend
                on a source.

        Raises:
            RuntimeError: a tape that is not persistent is asked a second time.
        """
        self._begin_use()
        is_flat = type(sources) is list and TENSORS.issuperset(map(type, sources))
        flat = sources if is_flat else _flat(sources)
        if output_gradients is None and isinstance(target, Tensor):
            pairs = [(target, None)]
        else:
            targets = [t for t in tree.flatten(target) if isinstance(t, Tensor)]
            pairs = zip(targets, _factors(output_gradients, targets))
        found = self._gradients(pairs, flat)
        if unconnected_gradients != UnconnectedGradients.NONE:
            found = [_or_zero(g, x, unconnected_gradients) for g, x in zip(found, flat)]
        return found if is_flat else tree.pack_sequence_as(sources, found)

    def jacobian(
        self,
        target: Tensor,
        sources: Any,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Any:
        """The derivatives of each element of `target` by each of the sources.

        The shape of a result is the target's, then the source's.
        """
        self._begin_use()
        flat = _flat(sources)
        with torch.enable_grad():
            elements = target.reshape(-1).unbind()
        rows = self._rows(elements, flat, unconnected_gradients)
        found = [
            None if any(row is None for row in column) else _stacked(column, target.shape, x.shape)
            for column, x in zip(zip(*rows), flat)
        ]
        return tree.pack_sequence_as(sources, found)

    def batch_jacobian(
        self,
        target: Tensor,
        source: Tensor,
        unconnected_gradients: str = UnconnectedGradients.NONE,
        parallel_iterations: int | None = None,
        experimental_use_pfor: bool = True,
    ) -> Tensor | None:
        """The derivatives of `target[b, ...]` by `source[b, ...]`, for each example b.

        Raises:
            ValueError: target and source have not the same number of examples.
        """
        if not target.dim() or not source.dim() or len(target) != len(source):
            raise ValueError(
                "Need first dimension of target shape and source shape to be equal. "
                f"Received: target.shape={target.shape}, source.shape={source.shape}"
            )
        self._begin_use()
        with torch.enable_grad():
            columns = target.reshape(len(target), -1).sum(0).unbind()
        rows = self._rows(columns, [source], unconnected_gradients)
        if any(row[0] is None for row in rows):
            return None
        parts = torch.stack([row[0] for row in rows], 1)
        return sealed(parts.reshape(*target.shape, *source.shape[1:]))

    def _rows(self, targets: Any, sources: list, unconnected_gradients: str) -> list:
        rows = []
        for number, one in enumerate(targets, 1):
            found = self._gradients([(one, None)], sources, keep=number < len(targets))
            rows.append([_or_zero(g, x, unconnected_gradients) for g, x in zip(found, sources)])
        return rows

    def _begin_use(self) -> None:
        if self._is_used and not self._persistent:
            raise RuntimeError(
                "A non-persistent GradientTape can only be used to compute one set of gradients "
                "(or jacobians)"
            )
        self._is_used = True
        if self._recording is not None and not self._persistent:
            self.__exit__()

    def _gradients(self, pairs: Iterable, sources: list, keep: bool = False) -> list:
        """A gradient, or None, for each source; `pairs` are targets and factors, None for 1."""
        pairs = [(t, torch.ones_like(t) if f is None else f) for t, f in pairs if t.requires_grad]
        borrowed = [x for x in self._borrowed if not x.requires_grad] if self._borrowed else ()
        for x in borrowed:
            x.requires_grad_(True)
        wanted = [x for x in sources if x.requires_grad and self._is_watched(x)]
        try:
            found = self._computed(pairs, wanted, keep) if pairs and wanted else []
        finally:
            for x in borrowed:
                x.requires_grad_(False)
        if len(found) == len(sources):
            return found
        by_source = {id(x): g for x, g in zip(wanted, found)}
        return [by_source.get(id(x)) for x in sources]

    def _computed(self, pairs: list, sources: list, keep: bool) -> list:
        targets, factors = zip(*pairs)
        is_recorded = bool(_tapes.open) and torch.is_grad_enabled()
        keep = keep or is_recorded or self._persistent or self._is_shared
        if is_dynamo_compiling():
            found = torch.autograd.grad(targets, sources, factors, keep, is_recorded, True)
        else:
            # What `torch.autograd.grad` comes to; its checks take as long as a small model.
            found = _engine_run_backward(
                targets,
                factors,
                keep,
                is_recorded,
                tuple(sources),
                allow_unreachable=True,
                accumulate_grad=False,
            )
        return [sealed(g) for g in found]

    def _is_watched(self, x: Tensor) -> bool:
        # Of the class: asking an instance calls a method of torch's in Python.
        if self._watches_variables and issubclass(type(x), Parameter):
            return True
        return not x.is_leaf or id(x) in self._watched


def _variables_used(operations: range) -> list[Tensor]:
    """The trainable variables that recorded operations, by their numbers, have taken, in the order
    of their first use.

    Nothing is noted while a tape records: the graphs of the tensors that live tell it.
    """
    tensors = [x for x in gc.get_objects() if issubclass(type(x), Tensor) and x.grad_fn is not None]
    nodes, seen, first_use = [x.grad_fn for x in tensors], set(), {}
    while nodes:
        node = nodes.pop()
        number = node._sequence_nr()
        if node in seen or number < operations.start:
            continue
        seen.add(node)
        for following, _ in node.next_functions:
            variable = getattr(following, "variable", None)
            if hasattr(variable, "assign") and number in operations:
                first_use[variable] = min(number, first_use.get(variable, number))
            elif following is not None:
                nodes.append(following)
    return sorted(first_use, key=first_use.get)


def _flat(sources: Any) -> list:
    flat = tree.flatten(sources)
    for x in flat:
        if not isinstance(x, Tensor):
            raise TypeError(f"Sources must be tensors or variables. Received: {x!r}")
    return flat


def _factors(output_gradients: Any, targets: list) -> list:
    if output_gradients is None:
        return [None] * len(targets)
    given = [as_tensor(g) for g in tree.flatten(output_gradients)]
    return [None if g is None else g.to(t.dtype).expand(t.shape) for g, t in zip(given, targets)]


def _or_zero(gradient: Tensor | None, source: Tensor, unconnected_gradients: str) -> Tensor | None:
    if unconnected_gradients not in ("none", "zero"):
        raise ValueError(
            "Unknown value for unconnected_gradients. "
            f"Received: unconnected_gradients={unconnected_gradients!r}"
        )
    if gradient is None and unconnected_gradients == UnconnectedGradients.ZERO:
        return sealed(torch.zeros_like(source.detach()))
    return gradient


def _stacked(rows: tuple, *shapes: Any) -> Tensor:
    return sealed(torch.stack(rows).reshape(tuple(size for shape in shapes for size in shape)))


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    gate_gradients: bool = False,
    aggregation_method: Any = None,
    stop_gradients: Any = None,
    unconnected_gradients: str = UnconnectedGradients.NONE,
) -> None:
    """Graphs of TensorFlow 1 had this.

    Raises:
        RuntimeError: always, as in TensorFlow 2.
    """
    raise RuntimeError(
        "tf.gradients is not supported when eager execution is enabled. Use tf.GradientTape "
        "instead."
    )


def stop_gradient(input, name=None):
    """The same values; no gradient flows back through them."""
    return sealed(torch.detach(as_tensor(input)))


def no_gradient(op_type: str) -> None:
    """Operations without a gradient need no registration here."""


class _CustomGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, function, kwargs, *inputs):
        result, ctx.gradient = function(*(sealed(x.detach()) for x in inputs), **kwargs)
        return tuple(result) if isinstance(result, list) else result

    @staticmethod
    def backward(ctx, *upstream):
        found = ctx.gradient(*(sealed(g) for g in upstream))
        found = found if isinstance(found, tuple | list) else (found,)
        return (None, None, *found)


def custom_gradient(f: Callable) -> Callable:
    """Decorator: `f(*args)` returns `(result, grad)`, and `grad(*upstream)` the gradients of the
    arguments."""

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return sealed(_CustomGradient.apply(f, kwargs, *matched(*args)))

    return wrapper


def grad_pass_through(f: Callable) -> Callable:
    """Decorator: gradients go through `f` as if it were the identity."""

    @functools.wraps(f)
    def wrapper(x, *args, **kwargs):
        x = as_tensor(x)
        return sealed(x + (f(x.detach(), *args, **kwargs) - x).detach())

    return wrapper
