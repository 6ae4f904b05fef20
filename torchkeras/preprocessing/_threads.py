"""Threads that decode and transform images beside each other."""

import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch

__all__ = ["decode_in_thread", "run_all"]

_MOST_DECODERS = 16

# Once glibc has freed a block of this size, it keeps freed blocks that are smaller for the next
# image, which would otherwise have to be mapped anew by the system.
_LARGEST_KEPT_BLOCK = 16 << 20

# Pools by purpose and number of threads.
_pools: dict[tuple[str, int], ThreadPoolExecutor] = {}
_lock = threading.Lock()


def _forget_pools() -> None:
    """A forked process has none of the threads of its parent."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def decode_in_thread(function: Callable, *args: Any) -> Future:
    """The result to come of a function that reads a file."""
    threads = min(os.cpu_count() or 1, _MOST_DECODERS)
    key = "decode", threads
    with _lock:
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(threads, "torchkeras_decode")
    return _pools[key].submit(function, *args)


def run_all(function: Callable, parts: Iterable[Any]) -> None:
    """Call the function with every part, on as many threads as torch has for this one.

    Each computes by itself: operations on single images are too short to be divided.
    """
    parts, threads = list(parts), torch.get_num_threads()
    if threads == 1 or len(parts) < 2:
        for part in parts:
            function(part)
        return
    for _ in _transform_pool(threads).map(function, parts):
        pass


def _transform_pool(threads: int) -> ThreadPoolExecutor:
    key = "transform", threads
    with _lock:
        if key not in _pools:
            _pools[key] = _single_threads(threads)
    return _pools[key]


def _single_threads(threads: int) -> ThreadPoolExecutor:
    """A pool whose threads have all started, with one processor each for torch."""
    pool = ThreadPoolExecutor(threads, "torchkeras_transform")
    is_started = threading.Barrier(threads + 1)

    def start() -> None:
        torch.set_num_threads(1)
        is_started.wait()

    for _ in range(threads):
        pool.submit(start)
    is_started.wait()
    torch.empty(_LARGEST_KEPT_BLOCK, dtype=torch.uint8)
    # What was set last, in whichever thread, is where new threads start from.
    torch.set_num_threads(threads)
    return pool
