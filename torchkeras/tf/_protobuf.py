"""The few messages of Protocol Buffers that TensorFlow's files consist of, read and written."""

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

__all__ = ["fields", "length_delimited", "read_varints", "varint", "varint_field"]

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIZES = {_FIXED64: 8, _FIXED32: 4}


def varint(number: int) -> bytes:
    """An integer in groups of seven bits, the lowest first; negative ones as 64-bit numbers."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def varint_field(field: int, number: int) -> bytes:
    """A field with an integer."""
    return varint(field << 3 | _VARINT) + varint(number)


def length_delimited(field: int, content: bytes) -> bytes:
    """A field with bytes: a string, a message or packed numbers."""
    return varint(field << 3 | _LENGTH) + varint(len(content)) + content


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        place += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, place
        shift += 7


def read_varints(data: bytes) -> list[int]:
    """Packed signed 64-bit integers."""
    numbers, place = [], 0
    while place < len(data):
        number, place = _read_varint(data, place)
        numbers.append(signed(number))
    return numbers


def signed(number: int) -> int:
    """A 64-bit number that may stand for a negative one."""
    return number - (1 << 64) if number >> 63 else number


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message: (number, integer or bytes).

    Raises:
        ValueError: the bytes are no message.
    """
    place = 0
    try:
        while place < len(data):
            key, place = _read_varint(data, place)
            kind = key & 7
            if kind == _VARINT:
                value, place = _read_varint(data, place)
            elif kind == _LENGTH:
                size, place = _read_varint(data, place)
                value, place = _part(data, place, size)
            elif kind in _SIZES:
                value, place = _part(data, place, _SIZES[kind])
            else:
                raise ValueError(f"Error parsing message: unknown wire type {kind}")
            yield key >> 3, value
    except IndexError:
        raise ValueError("Error parsing message: it ends too early") from None


def _part(data: bytes, place: int, size: int) -> tuple[bytes, int]:
    if place + size > len(data):
        raise ValueError("Error parsing message: it ends too early")
    return data[place : place + size], place + size


def packed_floats(values: Any) -> bytes:
    """Numbers as 32-bit floats, one after the other."""
    return np.asarray(values, "<f4").tobytes()


def read_floats(data: bytes) -> list[float]:
    """Packed 32-bit floats, or a single one."""
    return list(struct.unpack(f"<{len(data) // 4}f", data))
