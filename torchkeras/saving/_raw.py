"""Plain numbers on their way between files and tensors, without a copy in between, and checksums.

The kernels of many layers are transposed in memory, see `add_weight`: those go through a small
buffer, block by block. Everything else is read into and written from the tensor's own memory.
"""

import contextlib
import hashlib
import math
import os
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchkeras import _scopes

__all__ = []

CHUNK = 1 << 20
# What is transposed at once, so that it stays in the caches; up to WHOLE it is torch's matter.
BLOCK = 1 << 22
WHOLE = 1 << 24
# More than so many bytes are worth a second thread.
MANY = 1 << 24
# What one call of the system can take.
MOST = 1 << 30

CAN_WRITE_AT = hasattr(os, "pwrite")


class Extent(NamedTuple):
    """A part of an open file.

    Attributes:
        is_checked: whether it was read already, and has the checksum that goes with it.
    """

    descriptor: int
    start: int
    size: int
    is_checked: bool = False

    def read(self, array: np.ndarray, offset: int) -> None:
        """Fills a contiguous array with the bytes from `offset` on.

        Raises:
            ValueError: the part ends before that.
        """
        view = _bytes_of(array)
        if offset < 0 or offset + len(view) > self.size:
            raise ValueError("The file is damaged or incomplete: numbers lie beyond its end.")
        place = self.start + offset
        while len(view):
            count = _read_at(self.descriptor, view[:MOST], place)
            if not count:
                raise ValueError("The file is damaged or incomplete: it ended while it was read.")
            view = view[count:]
            place += count

    def chunks(self) -> Iterator[np.ndarray]:
        """All bytes in order, in pieces that are overwritten by the next."""
        buffer = np.empty(min(CHUNK, self.size), np.uint8)
        for offset in range(0, self.size, CHUNK):
            piece = buffer[: self.size - offset]
            self.read(piece, offset)
            yield piece


def _bytes_of(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))


def _read_at(descriptor: int, view: memoryview, place: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(descriptor, [view], place)
    os.lseek(descriptor, place, os.SEEK_SET)
    data = os.read(descriptor, len(view))
    view[: len(data)] = data
    return len(data)


def _write_at(descriptor: int, array: np.ndarray, place: int) -> None:
    """Writes a contiguous array to a place in a file, and has the system begin to store it: what
    is left for the end would be waited for then."""
    view = _bytes_of(array)
    first, size = place, len(view)
    while len(view):
        count = os.pwrite(descriptor, view[:MOST], place)
        view = view[count:]
        place += count
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, first, size, os.POSIX_FADV_DONTNEED)


# How tensors lie in memory


def _memory(value: Tensor) -> np.ndarray | None:
    """The numbers of a tensor on the host as NumPy sees them in place; None where it cannot.

    Those of bfloat16 are seen as bits.
    """
    value = value.detach()
    if type(value) is not Tensor or not value.is_cpu or value.layout is not torch.strided:
        return None
    if value.is_conj() or value.is_neg():
        return None
    return (value.view(torch.int16) if value.dtype is torch.bfloat16 else value).numpy()


def _turned(memory: np.ndarray) -> np.ndarray | None:
    """Memory of a kernel with its last axis first, as a matrix, where it is contiguous so."""
    if memory.ndim < 2 or not memory.size:
        return None
    rows = np.moveaxis(memory, -1, 0)
    return rows.reshape(len(rows), -1) if rows.flags.c_contiguous else None


class _Buffers:
    """Memory for blocks that is used again and again."""

    def __init__(self) -> None:
        self._kept: dict[int, np.ndarray] = {}

    def matrix(self, number: int, rows: int, columns: int, dtype: np.dtype) -> np.ndarray:
        size = rows * columns * dtype.itemsize
        kept = self._kept.get(number)
        if kept is None or kept.nbytes < size:
            kept = self._kept[number] = np.empty(size, np.uint8)
        return kept[:size].view(dtype).reshape(rows, columns)


def _transpose(source: np.ndarray, target: np.ndarray) -> None:
    """Torch has blocks for it, where both are contiguous."""
    torch.from_numpy(target).copy_(torch.from_numpy(source).T)


def _blocks(turned: np.ndarray) -> Iterator[slice]:
    """Columns of the matrix, which are rows in the file, in blocks."""
    step = max(1, BLOCK // (len(turned) * turned.itemsize))
    for first in range(0, turned.shape[1], step):
        yield slice(first, min(first + step, turned.shape[1]))


# In parallel


def _workers(size: int) -> int:
    """Threads for so many bytes: none besides this one for few, or where torch has but one."""
    return min(4, torch.get_num_threads()) if size > MANY and hasattr(os, "preadv") else 1


def _for_all(work: Callable[[Any, _Buffers], None], items: Iterable[Any], workers: int) -> None:
    """Does the work for all items; the first that fails says how."""
    ahead = iter(items)
    lock = threading.Lock()
    end = object()

    def run() -> None:
        buffers = _Buffers()
        while True:
            with lock:
                item = next(ahead, end)
            if item is end:
                return
            work(item, buffers)

    if workers == 1:
        run()
        return
    with ThreadPoolExecutor(workers) as pool:
        for future in [pool.submit(run) for _ in range(workers)]:
            future.result()


# Reading


class Stored(NamedTuple):
    """An array in a file: what it is now, its numbers when they are asked for.

    Attributes:
        extent: the file.
        offset: where the numbers lie in it, one after the other.
        dtype: as NumPy sees them, int16 for those of bfloat16.
    """

    extent: Extent
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype
    is_bfloat16: bool = False

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """The count of the numbers."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        value = self.tensor()
        return (value.float() if self.is_bfloat16 else value).numpy().astype(dtype, copy=False)

    def tensor(self) -> Tensor:
        """The numbers."""
        array = np.empty(self.shape, self.dtype)
        self.extent.read(array, self.offset)
        value = torch.from_numpy(array)
        return value.view(torch.bfloat16) if self.is_bfloat16 else value


def fill(pairs: list[tuple[Tensor, Stored]]) -> None:
    """Reads variables from where they are stored, all of the right shape."""
    size = sum(stored.nbytes for _, stored in pairs)
    _for_all(_fill_one, pairs, _workers(size))


def _fill_one(pair: tuple[Any, Stored], buffers: _Buffers) -> None:
    variable, stored = pair
    memory = None if _scopes.stateless_scope() is not None else _memory(variable)
    same = memory is not None and memory.dtype == stored.dtype
    same = same and (variable.dtype is torch.bfloat16) == stored.is_bfloat16
    turned = _turned(memory) if same else None
    if same and memory.flags.c_contiguous:
        stored.extent.read(memory, stored.offset)
    elif turned is not None:
        _fill_turned(turned, stored, buffers)
    else:
        variable.assign(stored.tensor())
        return
    torch.autograd.graph.increment_version(variable)


def _fill_turned(turned: np.ndarray, stored: Stored, buffers: _Buffers) -> None:
    count, dtype = len(turned), stored.dtype
    if stored.nbytes <= WHOLE:
        block = buffers.matrix(0, turned.shape[1], count, dtype)
        stored.extent.read(block, stored.offset)
        _transpose(block, turned)
        return
    for columns in _blocks(turned):
        width = columns.stop - columns.start
        block = buffers.matrix(0, width, count, dtype)
        stored.extent.read(block, stored.offset + columns.start * count * dtype.itemsize)
        part = buffers.matrix(1, count, width, dtype)
        _transpose(block, part)
        turned[:, columns] = part


def read_through(stored: Iterable[Stored]) -> None:
    """Reads arrays once, and forgets them, where nobody has done so.

    Raises:
        ValueError, OSError: one of them cannot be read.
    """
    for each in stored:
        if not each.extent.is_checked:
            place = each.extent.start + each.offset
            for _ in Extent(each.extent.descriptor, place, each.nbytes).chunks():
                pass


# Writing


class Writable(NamedTuple):
    """A value as it is to be written.

    Attributes:
        array: it in memory, perhaps not contiguous; bits for bfloat16.
    """

    array: np.ndarray
    is_bfloat16: bool

    @classmethod
    def of(cls, value: Any) -> "Writable":
        if not isinstance(value, Tensor):
            return cls(np.asarray(value), False)
        value = value.detach().cpu().resolve_conj().resolve_neg()
        is_bfloat16 = value.dtype is torch.bfloat16
        return cls((value.view(torch.int16) if is_bfloat16 else value).numpy(), is_bfloat16)

    @property
    def dtype(self) -> np.dtype:
        """Of the file: two bytes of no kind for a bfloat16."""
        return np.dtype("V2") if self.is_bfloat16 else self.array.dtype

    def in_order(self) -> np.ndarray:
        """The array of the file: contiguous, copied where it was not."""
        turned = None if self.array.flags.c_contiguous else _turned(self.array)
        if turned is None:
            array = np.ascontiguousarray(self.array).reshape(self.array.shape)
        else:
            array = np.empty((turned.shape[1], len(turned)), self.array.dtype)
            _transpose(turned, array)
            array = array.reshape(self.array.shape)
        return array.view("V2") if self.is_bfloat16 else array

    def write(self, descriptor: int, place: int) -> None:
        """Writes the numbers to a place in a file, one after the other."""
        workers = _workers(self.array.nbytes + MANY // 2)
        turned = None if self.array.flags.c_contiguous else _turned(self.array)
        if turned is None:
            array = np.ascontiguousarray(self.array).reshape(-1)
            pieces = range(0, array.nbytes, BLOCK)
            step = BLOCK // array.itemsize

            def write_piece(first: int, buffers: _Buffers) -> None:
                number = first // array.itemsize
                _write_at(descriptor, array[number : number + step], place + first)

            _for_all(write_piece, pieces, workers)
            return
        count, dtype = len(turned), self.array.dtype

        def write_block(columns: slice, buffers: _Buffers) -> None:
            width = columns.stop - columns.start
            part = buffers.matrix(0, count, width, dtype)
            part[...] = turned[:, columns]
            block = buffers.matrix(1, width, count, dtype)
            _transpose(part, block)
            _write_at(descriptor, block, place + columns.start * count * dtype.itemsize)

        _for_all(write_block, _blocks(turned), workers)


# Checksums

PAGE = 4096
# At the end of a file: its size, the checksum, and what says that they are there. HDF5 does not
# look there, and cuts it off when a file is changed.
_SEAL = struct.Struct("<Q32s24s")
_MARK = b"torchkeras page sums 1\r\n"


def _checksum(extent: Extent) -> bytes:
    """Of each page the sum of its 64-bit words, of these SHA-256: any changed byte changes a sum,
    and it takes no longer than to read."""
    digest = hashlib.sha256()
    for piece in extent.chunks():
        if rest := len(piece) % PAGE:
            piece = np.concatenate([piece, np.zeros(PAGE - rest, np.uint8)])
        digest.update(piece.view("<u8").reshape(-1, PAGE // 8).sum(axis=1, dtype="<u8").tobytes())
    return digest.digest()


def seal(path: str) -> None:
    """Adds the checksum of a file to its end."""
    with open(path, "rb+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        checksum = _checksum(Extent(file.fileno(), 0, size))
        file.seek(size)
        file.write(_SEAL.pack(size, checksum, _MARK))


def check_seal(extent: Extent) -> bool:
    """Whether a file has a checksum at its end.

    Raises:
        ValueError: it has another one than its content.
    """
    size = extent.size - _SEAL.size
    if size < 0:
        return False
    tail = np.empty(_SEAL.size, np.uint8)
    extent.read(tail, size)
    said, checksum, mark = _SEAL.unpack(tail.tobytes())
    if mark != _MARK:
        return False
    if said != size or _checksum(extent._replace(size=size)) != checksum:
        raise ValueError("The file is damaged: its checksum is not that of its content.")
    return True


@contextlib.contextmanager
def sealing(path: str) -> Iterator[str]:
    """A path to write a file to, which gets a checksum at its end."""
    yield path
    seal(path)
