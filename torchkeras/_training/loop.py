"""One epoch of anything: batches through a step, callbacks told, results read only when somebody
looks."""

import contextlib
import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from torchkeras import tree
from torchkeras._scopes import call_context
from torchkeras.callbacks._base import LogDict, plain_logs

__all__ = ["Logs", "OutputCollector", "phase", "run_epoch"]


def _reading(name: str):
    method = getattr(LogDict, name)

    def read_first(self, *args, **kwargs):
        self.read()
        return method(self, *args, **kwargs)

    read_first.__name__ = name
    return read_first


class Logs(LogDict):
    """The results of a step, by name: floats that leave the device when the first of them is asked
    for."""

    __slots__ = ("_results",)

    def __init__(self, results: Callable[[], dict] | dict):
        super().__init__()
        self._results = results

    def read(self) -> dict:
        """Fetches the values, once."""
        results, self._results = self._results, None
        if results is not None:
            dict.update(self, plain_logs(results() if callable(results) else results))
        return self

    def __reduce__(self):
        return dict, (dict(self),)


for _name in (
    "__getitem__ __setitem__ __delitem__ __contains__ __iter__ __len__ __repr__ __eq__ __or__ "
    "__ror__ __ior__ "
    "keys items values get copy update pop popitem setdefault clear"
).split():
    setattr(Logs, _name, _reading(_name))


@contextlib.contextmanager
def phase(model, training: bool) -> Iterator[None]:
    """Inside, torch's modules train or do not; Keras's layers do as the steps tell them."""
    context = call_context
    before_flag, before = model.training, (context.training, context.loop)
    if before_flag is not training:
        model.train(training)
    context.training, context.loop = None, training
    try:
        yield
    finally:
        context.training, context.loop = before
        if before_flag is not training:
            model.train(before_flag)


@functools.cache
def keep_freed_memory() -> None:
    """Lets the blocks that a step frees on the CPU serve the next one.

    The C library of Linux gives large blocks back to the system and gets them anew page by page,
    which takes longer than to compute with them, until it has seen a block freed that was larger
    (M_MMAP_THRESHOLD in mallopt(3)). It sees one of 16 MiB here, whose pages nobody touches.
    """
    torch.empty((16 << 20) - (64 << 10), dtype=torch.uint8, device="cpu")


def run_epoch(
    step: Callable,
    batches: Iterable,
    hooks: tuple,
    stopped: Callable[[], bool],
    per_execution: int = 1,
    first: int = 0,
):
    """Runs `step` on each batch and returns what it gave for the last one, or None where there was
    no batch.

    Args:
        hooks: `(begin, end)`, functions `(batch number, logs)` of the callbacks, or None where
            nobody listens.
        stopped: whether a callback has asked to stop.
        per_execution: batches between two calls of the hooks.
        first: number of the batch to begin with; those before it are passed over.
    """
    keep_freed_memory()
    begin, end = hooks
    results = None
    logs = None
    last = per_execution - 1
    number = -1
    for number, data in enumerate(
        itertools.islice(batches, first, None) if first else batches, first
    ):
        position = number % per_execution
        if position == 0:
            if logs is not None and sys.getrefcount(logs) > (3 if logs is results else 2):
                # A callback kept them: they have to show this step's values, not those of a later
                # one.
                logs.read()
            if begin is not None:
                begin(number)
        results = step(data)
        if end is not None and position == last:
            logs = results if type(results) is Logs else Logs(results)
            end(number, logs)
            if stopped():
                return results
    if number >= 0 and end is not None and number % per_execution != last:
        end(number, Logs(results))
    return results


class OutputCollector:
    """Puts the outputs of `predict`'s batches together on the host, as NumPy arrays.

    Outputs on an accelerator are copied at once, into arrays made for all rows where their number
    is known, so that nothing is held on the device.
    """

    def __init__(self, rows: int | None):
        self.rows = rows
        self.structure = None
        self.parts: list[list[Tensor]] | None = None
        self.room: list[Tensor | None] = []
        self.filled = 0

    def add(self, outputs) -> None:
        if type(outputs) is Tensor:
            flat = (outputs,)
        else:
            self.structure = outputs
            flat = [_as_output(x) for x in tree.flatten(outputs)]
        if self.parts is None:
            self.parts = [[] for _ in flat]
            self.room = [self._room(x) for x in flat]
        for part, room, x in zip(self.parts, self.room, flat):
            if room is None:
                part.append(x.detach() if isinstance(x, Tensor) and x.requires_grad else x)
            else:
                room[self.filled : self.filled + x.shape[0]] = x
        if self.room[0] is not None:
            self.filled += flat[0].shape[0]

    def _room(self, x: Tensor | np.ndarray) -> Tensor | None:
        """Where the rows of an output on an accelerator go, if their number is known."""
        if isinstance(x, np.ndarray) or x.device.type == "cpu" or self.rows is None or x.ndim == 0:
            return None
        return torch.empty((self.rows, *x.shape[1:]), dtype=x.dtype, pin_memory=x.is_cuda)

    def result(self):
        """Arrays in the structure of one batch's outputs.

        Raises:
            ValueError: there was no batch.
        """
        if self.parts is None:
            raise ValueError(
                "Unexpected result of `predict_function` (Empty batch_outputs). The data was empty."
            )
        arrays = [
            _joined(part) if room is None else to_numpy(room[: self.filled])
            for part, room in zip(self.parts, self.room)
        ]
        return (
            arrays[0] if self.structure is None else tree.pack_sequence_as(self.structure, arrays)
        )


def _as_output(x) -> Tensor | np.ndarray:
    """A tensor; arrays of strings stay arrays."""
    if isinstance(x, Tensor):
        return x
    array = np.asarray(x)
    return array if array.dtype.kind in "OSUT" else torch.as_tensor(array)


def _joined(part: list) -> np.ndarray:
    """An output of all batches as one array."""
    if isinstance(part[0], np.ndarray):
        return np.concatenate([np.atleast_1d(x) for x in part])
    return to_numpy(torch.cat([torch.atleast_1d(x.cpu()) for x in part]))


def to_numpy(x):
    """A NumPy array on the host; bfloat16 becomes float32."""
    if not isinstance(x, Tensor):
        return x
    x = x.detach().cpu()
    return (x.float() if x.dtype is torch.bfloat16 else x).numpy()
