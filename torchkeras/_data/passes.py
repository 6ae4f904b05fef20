"""Passes through pipelines: elements shuffled, repeated, mapped by threads, kept for later."""

import io
import itertools
import math
import os
import random
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch

from torchkeras import tree
from torchkeras._errors import positive_int

__all__ = [
    "AUTOTUNE",
    "KEPT",
    "count_elements",
    "forever",
    "interleaved",
    "kept_in_file",
    "kept_in_memory",
    "mapped",
    "new_seed",
    "read_elements",
    "shuffled",
    "thread_count",
    "windows_of",
    "write_elements",
]

AUTOTUNE = -1

# What the names of files end in that keep elements.
KEPT = ".cache"

# What an array of texts is called in a file.
_TEXTS = "texts of torchkeras"


# ---- kept elements


def kept_in_memory(source: Callable[[], Iterator], kept: list[list]) -> Iterator:
    """The elements of a source, or those that a whole pass has left in `kept`."""
    if kept:
        yield from kept[0]
        return
    found = []
    for element in source():
        found.append(element)
        yield element
    kept.append(found)


def kept_in_file(source: Callable[[], Iterator], filename: str) -> Iterator:
    """The elements of a source, or those that a whole pass has left in a file."""
    path = f"{filename}{KEPT}"
    return read_elements(path) if os.path.exists(path) else write_elements(source(), path)


def write_elements(elements: Iterable, path: str) -> Iterator:
    """The elements, which are in a file once all of them have been taken."""
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            for element in elements:
                _write_element(file, element)
                yield element
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def _write_element(file: Any, element: Any) -> None:
    """Its length in eight bytes, then what torch reads without running code."""
    stream = io.BytesIO()
    torch.save(tree.map_structure(_texts_as_lists, element), stream)
    content = stream.getbuffer()
    file.write(len(content).to_bytes(8, "little"))
    file.write(content)


def count_elements(path: str) -> int:
    """How many elements are in a file."""
    count = 0
    with open(path, "rb") as file:
        while length := int.from_bytes(file.read(8), "little"):
            file.seek(length, os.SEEK_CUR)
            count += 1
    return count


def read_elements(path: str) -> Iterator:
    """The elements in a file."""
    with open(path, "rb") as file:
        while length := int.from_bytes(file.read(8), "little"):
            yield _lists_as_texts(torch.load(io.BytesIO(file.read(length)), weights_only=True))


def _texts_as_lists(part: Any) -> Any:
    if not isinstance(part, np.ndarray):
        return part
    return {_TEXTS: part.ravel().tolist(), "shape": list(part.shape)}


def _lists_as_texts(element: Any) -> Any:
    if isinstance(element, dict) and _TEXTS in element:
        return np.array(element[_TEXTS], dtype=object).reshape(element["shape"])
    if isinstance(element, dict):
        return {key: _lists_as_texts(part) for key, part in element.items()}
    return tuple(map(_lists_as_texts, element)) if isinstance(element, tuple) else element


# ---- passes


def new_seed() -> int:
    """A seed from torch's generator, which `set_random_seed` seeds."""
    return int(torch.empty((), dtype=torch.int64).random_())


def shuffled(items: Iterator, size: float, order: random.Random) -> Iterator:
    buffer = list(items if size == math.inf else itertools.islice(items, size))
    for item in items:
        place = order.randrange(len(buffer))
        item, buffer[place] = buffer[place], item
        yield item
    order.shuffle(buffer)
    yield from buffer


def forever(items: Callable[[], Iterator]) -> Iterator:
    while True:
        is_empty = True
        for item in items():
            is_empty = False
            yield item
        if is_empty:
            return


def thread_count(wanted: int | None) -> int:
    if wanted is None:
        return 1
    return os.cpu_count() or 1 if wanted == AUTOTUNE else positive_int("num_parallel_calls", wanted)


def mapped(function: Callable, elements: Iterable, threads: int) -> Iterator:
    """`function` of the elements, in their order, called by threads that work ahead."""
    executor = ThreadPoolExecutor(threads, "torchkeras_map")
    waiting: deque = deque()
    try:
        for element in elements:
            waiting.append(executor.submit(function, element))
            if len(waiting) > 2 * threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def interleaved(sources: Iterator[Iterator], cycle: int, block: int) -> Iterator:
    """Blocks of `cycle` sources in turn; when the turn of one that has ended comes round again,
    the next source takes its place."""
    turns: list[Iterator | None] = [None] * cycle
    place, has_more = 0, True
    while has_more or any(source is not None for source in turns):
        if turns[place] is None and has_more:
            turns[place] = next(sources, None)
            has_more = turns[place] is not None
        if turns[place] is not None:
            count = 0
            for element in itertools.islice(turns[place], block):
                count += 1
                yield element
            if count < block:
                turns[place] = None
        place = (place + 1) % cycle


def windows_of(
    elements: Iterator, size: int, shift: int, stride: int, drop_remainder: bool
) -> Iterator[list]:
    span = (size - 1) * stride + 1
    buffer = list(itertools.islice(elements, span))
    while buffer:
        window = buffer[::stride]
        if len(window) == size or not drop_remainder:
            yield window
        for _ in itertools.islice(elements, max(shift - len(buffer), 0)):
            pass  # between two windows
        buffer = buffer[shift:]
        buffer += itertools.islice(elements, span - len(buffer))
