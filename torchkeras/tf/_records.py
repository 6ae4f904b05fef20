"""TFRecord files: records with their length and the CRC-32C sums of both."""

import gzip
import struct
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from torchkeras.saving._tensorflow_files import crc32c, masked
from torchkeras.tf.errors import DataLossError, NotFoundError

__all__ = ["RecordWriter", "masked_sum", "read_records"]


def masked_sum(data: bytes) -> int:
    """The CRC-32C sum of bytes as the files hold it."""
    return masked(crc32c(data))


_READERS = {"": open, "GZIP": gzip.open}


def open_file(path: str, mode: str, compression: str | None) -> BinaryIO:
    """An open file of the compression "", "GZIP" or "ZLIB" (read as a whole)."""
    kind = (compression or "").upper()
    if kind not in _READERS:
        raise ValueError(f"Unknown compression type. Received: compression_type={compression!r}")
    try:
        return _READERS[kind](path, mode)
    except FileNotFoundError as error:
        raise NotFoundError(f"{path}; No such file or directory") from error


def read_records(path: str, compression: str | None = None) -> Iterator[bytes]:
    """The records of a file.

    Raises:
        DataLossError: the file is cut off, or a sum does not fit.
    """
    if (compression or "").upper() == "ZLIB":
        with open(path, "rb") as file:
            yield from _split(path, zlib.decompress(file.read()))
        return
    with open_file(path, "rb", compression) as file:
        while head := file.read(12):
            length = _length(path, head)
            yield _content(path, file.read(length + 4), length)


def _split(path: str, data: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(data):
        length = _length(path, data[place : place + 12])
        yield _content(path, data[place + 12 : place + length + 16], length)
        place += length + 16


def _length(path: str, head: bytes) -> int:
    if len(head) < 12 or masked_sum(head[:8]) != struct.unpack("<I", head[8:])[0]:
        raise DataLossError(f"corrupted record in {path}: its length is wrong or cut off")
    return struct.unpack("<Q", head[:8])[0]


def _content(path: str, body: bytes, length: int) -> bytes:
    content = body[:length]
    is_whole = len(body) == length + 4
    if not is_whole or masked_sum(content) != struct.unpack("<I", body[length:])[0]:
        raise DataLossError(f"corrupted record in {path}: its content is wrong or cut off")
    return content


class RecordWriter:
    """Writes records; a context manager."""

    def __init__(self, path: str, compression: str | None = None):
        self._is_zlib = (compression or "").upper() == "ZLIB"
        self._file: Any = open_file(path, "wb", None if self._is_zlib else compression)
        self._packer = zlib.compressobj() if self._is_zlib else None

    def write(self, record: bytes) -> None:
        """Adds a record."""
        length = struct.pack("<Q", len(record))
        sums = (struct.pack("<I", masked_sum(part)) for part in (length, record))
        first, second = sums
        self._put(length + first + record + second)

    def _put(self, data: bytes) -> None:
        self._file.write(data if self._packer is None else self._packer.compress(data))

    def flush(self) -> None:
        """Hands what was written to the system."""
        self._file.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._packer is not None and not self._file.closed:
            self._file.write(self._packer.flush())
        self._file.close()

    def __enter__(self) -> "RecordWriter":
        return self

    def __exit__(self, *error) -> None:
        self.close()
