"""The base class of datasets written in Python, and batches made in parallel and ahead of use."""

import itertools
import multiprocessing
import os
import queue
import random
import sys
import threading
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import config
from torchkeras._data.slicing import map_arrays

__all__ = ["PyDataset", "Sequence"]

# Batches, or windows of batches, that wait on a CUDA device while one is in use.
_PREFETCHED = 2

_END = object()


class PyDataset:
    """A dataset of batches: `dataset[i]` is the whole batch `i`, `len(dataset)` their number.

    A batch is `(inputs,)`, `(inputs, targets)`, `(inputs, targets, sample_weights)` or a dict.
    A subclass may define the property `num_batches` instead of `__len__`; None means infinite.

    Args:
        workers: how many batches `fit` makes at the same time; at 1 they are made one by one in
            the thread that trains.
        use_multiprocessing: processes instead of threads. They are forked before CUDA is in use;
            afterwards they are started afresh, so that the dataset must be picklable and the
            script guarded by `if __name__ == "__main__":`. In a worker process every batch starts
            from its own random seed, and torchkeras computes on the CPU.
        max_queue_size: how many batches are made ahead of their use.

    Example:

    >>> class Squares(PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...
    ...     def __getitem__(self, index):
    ...         x = np.arange(4) + 4 * index
    ...         return x, x**2
    >>> [int(y[-1]) for x, y in Squares(workers=2)]
    [9, 49, 121]
    """

    # Here too for subclasses that do not call `super().__init__()`, as old ones do not.
    workers = 1
    use_multiprocessing = False
    max_queue_size = 10

    # Whether it starts again when an epoch, of a number of steps, goes beyond its end.
    _is_endless = False

    def __init__(
        self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10
    ):
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        """The batch at a position."""
        raise NotImplementedError(f"{type(self).__name__} must define `__getitem__`.")

    def __iter__(self) -> Iterator[Any]:
        """All batches in their order, made one by one."""
        count = self.num_batches
        for index in itertools.count() if count is None else range(count):
            yield self[index]

    def __len__(self) -> int:
        """The number of batches, for classes that define `num_batches` alone."""
        count = self.num_batches
        if count is None:
            raise TypeError(f"{type(self).__name__} has no end.")
        return count

    def __bool__(self) -> bool:
        return True

    @property
    def num_batches(self) -> int | None:
        """The number of batches, or None when there is no end."""
        if type(self).__len__ is not PyDataset.__len__:
            return len(self)
        raise NotImplementedError(
            "You need to implement the `num_batches` property, or `__len__`. "
            f"Received: {type(self).__name__}"
        )

    # A batch is made in two steps: what is drawn at random, which is done in the order of the
    # batches, and the rest, which workers do beside each other. What is drawn can be pickled.

    def _draw(self, index: int) -> Any:
        return index

    def _make(self, drawn: Any) -> Any:
        return self[drawn]

    def _expect(self, index: int | None) -> None:
        """Tells which batch is drawn next, if any."""

    def on_epoch_begin(self) -> None:
        """Called before the first batch of every epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of every epoch."""


Sequence = PyDataset


# The dataset of a worker process and the seed of its epoch.
_worker_state: tuple[PyDataset, int] | None = None


def _start_worker(dataset: PyDataset, seed: int) -> None:
    global _worker_state
    _worker_state = dataset, seed
    # After a fork OpenMP's other threads are gone, and waiting for them would never end.
    torch.set_num_threads(1)
    config.set_device_override("cpu")


def _batch_in_worker(index: int, drawn: Any) -> Any:
    dataset, seed = _worker_state
    # Each batch has its own numbers, whichever worker makes it.
    seed = (seed + index) % 2**32
    random.seed(seed)
    np.random.seed(seed)
    torch.random.default_generator.manual_seed(seed)
    return dataset._make(drawn)


def _start_method() -> str:
    """How processes start: as the script chose, but no fork of a process that uses CUDA."""
    chosen = multiprocessing.get_start_method(allow_none=True)
    if chosen in ("spawn", "forkserver"):
        return chosen
    if not sys.platform.startswith("linux"):
        return "spawn"
    return "forkserver" if torch.cuda.is_initialized() else "fork"


def _process_pool(dataset: PyDataset, workers: int, seed: int) -> Executor:
    context = multiprocessing.get_context(_start_method())
    if context.get_start_method() == "forkserver":
        # The server imports these once, and what it forks has them.
        context.set_forkserver_preload(["__main__", "torch", "torchkeras"])
    executor = ProcessPoolExecutor(workers, context, _start_worker, (dataset, seed))
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside other threads; the workers use none of theirs.
        warnings.filterwarnings("ignore", ".*fork.*", DeprecationWarning)
        executor.submit(os.getpid)  # starts the processes
    return executor


def _submit_all(submit: Callable[[int], Any], indices: Iterable[int], ahead: int) -> Iterator:
    """The batches in the order of their indices, `ahead` of them in work or waiting."""
    waiting = deque()
    for index in indices:
        waiting.append((index, submit(index)))
        if len(waiting) >= ahead:
            yield waiting.popleft()
    while waiting:
        yield waiting.popleft()


def _one_by_one(dataset: PyDataset, indices: Iterable[int]) -> Iterator[Any]:
    """The batches made in this thread."""
    indices = iter(indices)
    index = next(indices, None)
    while index is not None:
        drawn = dataset._draw(index)
        index = next(indices, None)
        dataset._expect(index)
        yield dataset._make(drawn)


def iterate_in_parallel(dataset: PyDataset, indices: Iterable[int], seed: int) -> Iterator[Any]:
    """The batches at `indices`, in that order, made by the workers that the dataset asks for.

    Args:
        seed: from which worker processes take the random seed of each batch.
    """
    workers = dataset.workers
    if workers < 1 or (workers == 1 and not dataset.use_multiprocessing):
        yield from _one_by_one(dataset, indices)
        return
    if dataset.use_multiprocessing:
        executor = _process_pool(dataset, workers, seed)
    else:
        executor = ThreadPoolExecutor(workers)

    def submit(index):
        drawn = dataset._draw(index)
        if dataset.use_multiprocessing:
            return executor.submit(_batch_in_worker, index, drawn)
        return executor.submit(dataset._make, drawn)

    ahead = dataset.max_queue_size if dataset.max_queue_size > 0 else 2 * workers
    try:
        for index, future in _submit_all(submit, indices, ahead):
            try:
                batch = future.result()
            except BrokenProcessPool as error:
                raise RuntimeError(
                    f"A worker process of {type(dataset).__name__} died before batch {index} was "
                    "ready. It was killed, ran out of memory, or could not start: a dataset for "
                    "worker processes must be picklable, and a script that trains on CUDA with "
                    'them needs `if __name__ == "__main__":`.'
                ) from error
            yield batch
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated, what torch holds in reserve included."""
    free, _ = torch.cuda.mem_get_info(device)
    return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)


def to_device(items: Iterator, device: torch.device) -> Iterator[Any]:
    """The items with their tensors on the device; to CUDA they are copied ahead of their use."""
    if device.type == "cuda":
        return _from_cuda_stream(items, device)
    return (
        map_arrays(lambda part: part.to(device) if isinstance(part, Tensor) else part, item)
        for item in items
    )


def _upload(items: Iterator, device: torch.device) -> Iterator[tuple]:
    """Each item on its way to the device, its tensors, and the event of its arrival."""
    torch.cuda.set_device(device)  # each thread has its own
    computing = torch.cuda.current_stream(device)
    copying = torch.cuda.Stream(device)
    for item in items:
        tensors = []

        def move(part, tensors=tensors):
            if not isinstance(part, Tensor):
                return part
            if part.device.type == "cpu":
                part = part.pin_memory()
            else:
                copying.wait_stream(computing)
            tensors.append(part.to(device, non_blocking=True))
            return tensors[-1]

        with torch.cuda.stream(copying):
            moved = map_arrays(move, item)
        yield moved, tensors, copying.record_event()


def _from_cuda_stream(items: Iterator, device: torch.device) -> Iterator[Any]:
    for moved, tensors, event in in_background(_upload(items, device), _PREFETCHED):
        current = torch.cuda.current_stream(device)
        current.wait_event(event)
        for tensor in tensors:
            tensor.record_stream(current)
        yield moved


def _put_all(items: Iterator, ready: queue.Queue, is_closed: threading.Event) -> None:
    def put(item, error=None):
        while not is_closed.is_set():
            try:
                return ready.put((item, error), timeout=0.1)
            except queue.Full:
                continue

    try:
        for item in items:
            put(item)
            if is_closed.is_set():
                return
        put(_END)
    except BaseException as error:
        put(_END, error)


def in_background(items: Iterator, depth: int) -> Iterator[Any]:
    """The same items, made by a thread that is up to `depth` items ahead.

    Its exceptions are raised here. It ends when this iterator is closed or dropped.
    """
    ready: queue.Queue = queue.Queue(depth)
    is_closed = threading.Event()

    thread = threading.Thread(
        target=_put_all, args=(items, ready, is_closed), name="torchkeras_prefetch", daemon=True
    )
    thread.start()
    try:
        while True:
            item, error = ready.get()
            if error is not None:
                raise error
            if item is _END:
                return
            yield item
    finally:
        is_closed.set()
        thread.join()
