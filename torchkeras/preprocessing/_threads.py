"""Threads that decode and transform images beside each other."""

import functools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch

__all__ = ["Coming", "decode_in_threads", "run_all"]

_MOST_DECODERS = 16

# Once glibc has freed a block of this size, it keeps freed blocks that are smaller for the next
# image, which would otherwise have to be mapped anew by the system.
_LARGEST_KEPT_BLOCK = 16 << 20

# As many images are decoded by one task of a thread, if there are enough for all threads. Who waits
# for them is woken up once a task, and the threads stand in each other's way less often.
_LARGEST_TASK = 16


def _threads() -> int:
    return min(os.cpu_count() or 1, _MOST_DECODERS)


@functools.cache
def _decoders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads(), "torchkeras_decode")


class Coming(NamedTuple):
    """The result to come of one of the calls of a task."""

    task: Future
    position: int

    def result(self) -> Any:
        """What the function has returned, or raised."""
        result = self.task.result()[self.position]
        if isinstance(result, Exception):
            raise result
        return result


def decode_in_threads(
    function: Callable[[Any], np.ndarray], items: Sequence[Any], out: np.ndarray | None = None
) -> list[Coming]:
    """The results to come of a function that reads a file, for each of the items.

    Args:
        out: an array whose rows the results become: each thread writes what it has at hand.
    """
    size = min(max(len(items) // _threads(), 1), _LARGEST_TASK)
    coming = []
    _keep_freed_blocks()
    for start in range(0, len(items), size):
        part = items[start : start + size]
        rows = [None] * len(part) if out is None else list(out[start : start + size])
        task = _decoders().submit(_called, function, part, rows)
        coming += [Coming(task, position) for position in range(len(part))]
    return coming


def _called(
    function: Callable[[Any], np.ndarray], items: Sequence[Any], rows: list[np.ndarray | None]
) -> list[Any]:
    results = []
    for item, row in zip(items, rows):
        try:
            result = function(item)
            if row is not None:
                row[...] = result
            results.append(result if row is None else row)
        except Exception as error:  # raised where the result of this item is asked for
            results.append(error)
    return results


def run_all(function: Callable[[Any], None], parts: Sequence[Any]) -> None:
    """Call the function with every part, on as many threads as torch has for this one.

    Each computes by itself: operations on a few images are too short to be divided.
    """
    threads = torch.get_num_threads()
    _keep_freed_blocks()
    if threads == 1 or len(parts) < 2:
        for part in parts:
            function(part)
        return
    for _ in _computers(threads).map(function, parts):
        pass


@functools.cache
def _computers(threads: int) -> ThreadPoolExecutor:
    """A pool whose threads have all started, with one processor each for torch."""
    pool = ThreadPoolExecutor(threads, "torchkeras_transform")
    is_started = threading.Barrier(threads + 1)

    def start() -> None:
        torch.set_num_threads(1)
        is_started.wait()

    for _ in range(threads):
        pool.submit(start)
    is_started.wait()
    # What was set last, in whichever thread, is where new threads start from.
    torch.set_num_threads(threads)
    return pool


def _forget_pools() -> None:
    """A forked process has none of the threads of its parent."""
    _decoders.cache_clear()
    _computers.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


@functools.cache
def _keep_freed_blocks() -> None:
    torch.empty(_LARGEST_KEPT_BLOCK, dtype=torch.uint8)
