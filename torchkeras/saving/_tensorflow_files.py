"""The files of TensorFlow, read without it: protocol buffers, checksums and tensor bundles.

A tensor bundle is what `tf.train.Checkpoint` writes: `PREFIX.index`, a sorted string table from
names to places, and `PREFIX.data-00000-of-00001`, the tensors one after the other.
"""

import functools
import math
import os
import struct
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

__all__ = []

# TensorFlow's numbers of the dtypes.
DTYPES = {
    1: torch.float32,
    2: torch.float64,
    3: torch.int32,
    4: torch.uint8,
    5: torch.int16,
    6: torch.int8,
    8: torch.complex64,
    9: torch.int64,
    10: torch.bool,
    14: torch.bfloat16,
    17: torch.uint16,
    18: torch.complex128,
    19: torch.float16,
    22: torch.uint32,
    23: torch.uint64,
}
STRING = 7
TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER_SIZE = 48
TRAILER_SIZE = 5

# Protocol buffers: https://protobuf.dev/programming-guides/encoding


def varint(data: memoryview, start: int) -> tuple[int, int]:
    """The number that begins at `start`, and where the next one does."""
    value = shift = 0
    while shift < 70:
        if start >= len(data):
            raise ValueError("The file is damaged: it ends in the middle of a number.")
        byte = data[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
    raise ValueError("The file is damaged: a number of more than 64 bits.")


def message(data: bytes | memoryview) -> dict[int, list]:
    """The fields of a message by number: integers, and views of whatever has a length.

    Raises:
        ValueError: the data is no message.
    """
    if isinstance(data, int):
        raise ValueError("The file is damaged: a number stands where a message should.")
    data = memoryview(data)
    fields: dict[int, list] = {}
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        kind = key & 7
        if kind == 0:
            value, place = varint(data, place)
        else:
            if kind == 2:
                size, place = varint(data, place)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise ValueError(f"The file is damaged: a field of the unknown kind {kind}.")
            value = data[place : place + size]
            if len(value) < size:
                raise ValueError("The file is damaged: it ends in the middle of a field.")
            place += size
        fields.setdefault(key >> 3, []).append(value)
    return fields


def text(fields: dict[int, list], number: int) -> str:
    """A field of text, "" where there is none."""
    values = fields.get(number)
    try:
        return bytes(values[-1]).decode() if values else ""
    except (TypeError, UnicodeDecodeError):
        raise ValueError("The file is damaged: a name that is no text.") from None


def integer(fields: dict[int, list], number: int, default: int = 0) -> int:
    """A field that is a number, 0 where there is none."""
    value = fields.get(number, [default])[-1]
    if isinstance(value, int):
        return value
    if len(value) == 4:
        return struct.unpack("<I", value)[0]
    raise ValueError("The file is damaged: a number of an unknown size.")


# Checksums: CRC-32C (RFC 3720, appendix B.4), which is linear in the data, so that many pieces go
# side by side.

_POLYNOMIAL = 0x82F63B78


@functools.cache
def _byte_table() -> np.ndarray:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> 1) ^ _POLYNOMIAL, table >> 1).astype(np.uint32)
    return table


def _zeros_behind(count: int) -> list[int]:
    """What `count` bytes of zero make of each of the 32 bits of a checksum."""
    table = _byte_table()
    step = [int(table[(1 << bit) & 255]) ^ ((1 << bit) >> 8) for bit in range(32)]
    result = [1 << bit for bit in range(32)]
    while count:
        if count & 1:
            result = [_applied(step, row) for row in result]
        step = [_applied(step, row) for row in step]
        count >>= 1
    return result


def _applied(matrix: list[int], value: int) -> int:
    result = 0
    while value:
        low = value & -value
        result ^= matrix[low.bit_length() - 1]
        value ^= low
    return result


def crc32c(data: bytes | memoryview) -> int:
    """The checksum of `data`."""
    octets = np.frombuffer(data, dtype=np.uint8)
    result, done = 0xFFFFFFFF, 0
    if len(octets) >= 1024:
        lanes = min(len(octets) // 64, 1 << 14)
        width = len(octets) // lanes
        done = lanes * width
        step = _zeros_behind(width)
        for value in _sums(octets[:done].reshape(lanes, width)):
            result = _applied(step, result) ^ value
    table = _byte_table().tolist()
    for octet in octets[done:].tolist():
        result = table[(result ^ octet) & 255] ^ (result >> 8)
    return result ^ 0xFFFFFFFF


def _sums(rows: np.ndarray) -> list[int]:
    """What each row makes of a checksum of 0."""
    table = _byte_table()
    sums = np.zeros(len(rows), dtype=np.uint32)
    for column in np.ascontiguousarray(rows.T):
        sums = table[(sums ^ column) & 255] ^ (sums >> 8)
    return sums.tolist()


def masked(checksum: int) -> int:
    """A checksum as TensorFlow writes it down."""
    return (((checksum >> 15) | (checksum << 17)) + 0xA282EAD8) & 0xFFFFFFFF


# Sorted string tables: the table format of LevelDB


def table_items(data: memoryview) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table, in order.

    Raises:
        ValueError: the data is no table, or is damaged.
    """
    footer = data[-FOOTER_SIZE:]
    if len(footer) < FOOTER_SIZE or struct.unpack("<Q", footer[-8:])[0] != TABLE_MAGIC:
        raise ValueError("The index is no table of TensorFlow, or it was cut off.")
    place = 0
    for _ in range(2):  # past the place of the meta index
        _, place = varint(footer, place)
    for _, handle in _block_items(_block(data, footer[place:])):
        yield from _block_items(_block(data, memoryview(handle)))


def _block(data: memoryview, handle: memoryview) -> memoryview:
    """The block at a place in the file, its checksum compared."""
    offset, place = varint(handle, 0)
    size, _ = varint(handle, place)
    block = data[offset : offset + size + TRAILER_SIZE]
    if len(block) < size + TRAILER_SIZE:
        raise ValueError("The index is damaged: a block goes beyond its end.")
    if masked(crc32c(block[: size + 1])) != struct.unpack("<I", block[size + 1 :])[0]:
        raise ValueError("The index is damaged: a checksum differs.")
    if block[size]:
        raise ValueError("The index is compressed, which TensorFlow's checkpoints are not.")
    return block[:size]


def _block_items(block: memoryview) -> Iterator[tuple[bytes, bytes]]:
    if len(block) < 4:
        raise ValueError("The index is damaged: a block without an end.")
    end = len(block) - 4 * (1 + struct.unpack("<I", block[-4:])[0])
    place, key = 0, b""
    while place < end:
        shared, place = varint(block, place)
        added, place = varint(block, place)
        size, place = varint(block, place)
        key = key[:shared] + bytes(block[place : place + added])
        place += added
        yield key, bytes(block[place : place + size])
        place += size


class Bundle:
    """A checkpoint: tensors by name.

    Args:
        prefix: the path without `.index`.

    Raises:
        ValueError: the files are damaged.
        FileNotFoundError: there is no such checkpoint.
    """

    def __init__(self, prefix: str):
        self.prefix = prefix
        with open(f"{prefix}.index", "rb") as file:
            items = dict(table_items(memoryview(file.read())))
        header = message(items.pop(b"", b""))
        self.shards = integer(header, 1)
        if integer(header, 2):
            raise ValueError(f"The checkpoint is in big-endian order. Received: {prefix}")
        self._entries = {key.decode(errors="replace"): value for key, value in items.items()}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def names(self) -> list[str]:
        return list(self._entries)

    def _entry(self, name: str) -> tuple[dict[int, list], tuple[int, ...]]:
        if name not in self._entries:
            raise ValueError(f"The checkpoint is damaged: there is no '{name}' in {self.prefix}.")
        entry = message(self._entries[name])
        if 7 in entry:
            raise ValueError(
                f"'{name}' is partitioned over several tensors, which is not supported. "
                f"Received: checkpoint={self.prefix}"
            )
        sizes = [integer(message(d), 1) for d in message(entry.get(2, [b""])[-1]).get(2, [])]
        return entry, tuple(sizes)

    def _bytes(self, name: str, entry: dict[int, list]) -> bytes:
        path = f"{self.prefix}.data-{integer(entry, 3):05d}-of-{self.shards:05d}"
        offset, size = integer(entry, 4), integer(entry, 5)
        if not os.path.exists(path):
            raise FileNotFoundError(f"A part of the checkpoint is missing: {path}")
        if offset + size > os.path.getsize(path):
            raise ValueError(f"The checkpoint was cut off: '{name}' ends beyond {path}.")
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    def tensor(self, name: str) -> Tensor:
        """A tensor of numbers.

        Raises:
            ValueError: the tensor is damaged, or of a dtype that torch does not have.
        """
        entry, shape = self._entry(name)
        dtype = DTYPES.get(integer(entry, 1))
        if dtype is None:
            raise ValueError(f"'{name}' has a dtype that torch does not know: {integer(entry, 1)}.")
        if math.prod(shape) * dtype.itemsize != integer(entry, 5):
            raise ValueError(f"The checkpoint is damaged: '{name}' has not the size of {shape}.")
        data = self._bytes(name, entry)
        if masked(crc32c(data)) != integer(entry, 6):
            raise ValueError(f"The checkpoint is damaged: the checksum of '{name}' differs.")
        if not data:
            return torch.empty(shape, dtype=dtype)
        return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape)

    def strings(self, name: str) -> list[bytes]:
        """The elements of a tensor of strings, in order."""
        entry, shape = self._entry(name)
        count = math.prod(shape)
        data = memoryview(self._bytes(name, entry))
        if integer(entry, 1) != STRING or count > len(data):
            raise ValueError(f"The checkpoint is damaged: '{name}' is no tensor of strings.")
        sizes, place = [], 0
        for _ in range(count):
            size, place = varint(data, place)
            sizes.append(size)
        place += 4  # the checksum of the sizes
        found = []
        for size in sizes:
            found.append(bytes(data[place : place + size]))
            place += size
        if place != len(data):
            raise ValueError(f"The checkpoint is damaged: '{name}' has not its size.")
        return found
