"""Files written whole or not at all, and archives read with suspicion."""

import contextlib
import io
import os
import secrets
import shutil
import stat
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from torchkeras.saving import _raw

__all__ = []

CONFIG = "config.json"
METADATA = "metadata.json"
WEIGHTS = "model.weights.h5"
ASSETS = "assets"
README = "README.txt"

# Small enough for the caches of a processor.
CHUNK = 1 << 16
# A member of an archive may say that it is larger than what is stored for it, by this factor at
# most (deflate reaches 1032 on data that no model consists of), unless it is small.
MAX_EXPANSION = 100
SMALL = 1 << 26

MALFORMED = (zipfile.BadZipFile, zlib.error, EOFError, struct.error, NotImplementedError)


# Writing


def may_write(filepath: str, overwrite: bool) -> bool:
    """Whether a file can be written: it is not there, may be replaced, or the user says so."""
    if overwrite or not os.path.exists(filepath):
        return True
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "y":
        sys.stdout.write("[TIP] Next time specify overwrite=True!\n")
    return answer == "y"


def _aside(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name}.{secrets.token_hex(4)}.part")


@contextlib.contextmanager
def replacing(filepath: str) -> Iterator[str]:
    """A path beside `filepath` to write to; it takes its place in one step when all went well."""
    target = os.path.realpath(filepath)
    part = _aside(target)
    _release(target)
    try:
        yield part
        if os.path.exists(target):
            shutil.copymode(target, part)
        os.replace(part, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise


def _release(target: str) -> None:
    """Lets the system's cache of a file that will be replaced make room for the new one's."""
    if hasattr(os, "posix_fadvise") and os.path.isfile(target):
        with contextlib.suppress(OSError), open(target, "rb", buffering=0) as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextlib.contextmanager
def replacing_in_folder(folder: str, last: str) -> Iterator[str]:
    """A new folder to write to; what is in it moves into `folder` when all went well.

    Args:
        last: name of the entry that is moved after all others.
    """
    target = os.path.realpath(folder)
    part = _aside(target)
    os.makedirs(part)
    try:
        yield part
        os.makedirs(target, exist_ok=True)
        for name in sorted(os.listdir(part), key=lambda name: name == last):
            place = os.path.join(target, name)
            if os.path.isdir(place) and not os.path.islink(place):
                shutil.rmtree(place)
            os.replace(os.path.join(part, name), place)
    finally:
        shutil.rmtree(part, ignore_errors=True)


class _ArchiveFile(io.FileIO):
    """A file that an archive is written to; what is there already is passed over."""

    passes_over = False

    def write(self, data) -> int:
        view = memoryview(data).cast("B")
        if self.passes_over:
            self.seek(len(view), os.SEEK_CUR)
            return len(view)
        rest = view
        while len(rest):
            rest = rest[super().write(rest) :]
        return len(view)


class ZipWriter:
    """A new archive whose members are stored as they are, without compression."""

    def __init__(self, path: str):
        self._file = _ArchiveFile(path, "w+")
        self._zip = zipfile.ZipFile(self._file, "w")

    def __enter__(self) -> "ZipWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._zip.close()
        finally:
            self._file.close()

    def add_text(self, name: str, text: str) -> None:
        """Add a member with this text."""
        self._zip.writestr(name, text)

    def add_file(self, name: str, path: str) -> None:
        """Add a copy of a file."""
        with open(path, "rb") as source, self._zip.open(name, "w", force_zip64=True) as member:
            shutil.copyfileobj(source, member, CHUNK)

    @contextlib.contextmanager
    def in_place(self, name: str) -> Iterator["_Window"]:
        """Add a member that is written where it will be, in whatever order, as a file."""
        with self._zip.open(name, "w", force_zip64=True) as member:
            window = _Window(self._file, self._file.tell(), 0)
            yield window
            extent = extent_of(window)
            os.ftruncate(extent.descriptor, extent.start + extent.size)
            self._file.seek(extent.start)
            self._file.passes_over = True
            try:
                for piece in extent.chunks():
                    member.write(piece)
            finally:
                self._file.passes_over = False

    def add_folder(self, name: str, path: str) -> None:
        """Add the files of a folder and of those below it."""
        for folder, _, files in sorted(os.walk(path)):
            inside = os.path.relpath(folder, path)
            parents = [] if inside == os.curdir else inside.split(os.sep)
            for file in sorted(files):
                self.add_file("/".join([name, *parents, file]), os.path.join(folder, file))


# Reading


def place_inside(folder: str, path: str) -> str:
    """The path below `folder` that a relative path of an archive means.

    Raises:
        ValueError: it leads out of the folder.
    """
    parts = path.replace("\\", "/").split("/")
    if parts[0] == "" or ".." in parts or ":" in path or "\0" in path:
        raise ValueError(f"Invalid asset path: '{path}' escapes the asset directory.")
    return os.path.join(folder, *(part for part in parts if part not in ("", ".")))


class ZipReader:
    """An archive that need not be what it says.

    Raises:
        ValueError: it is damaged, or a member would be much larger than what is stored.
    """

    def __init__(self, path: str):
        self.path = path
        self._file = open(path, "rb", buffering=0)
        try:
            with self._reading():
                self._zip = zipfile.ZipFile(self._file)
        except BaseException:
            self._file.close()
            raise
        self.names = set(self._zip.namelist())
        declared = sum(info.file_size for info in self._zip.infolist())
        stored = os.fstat(self._file.fileno()).st_size
        if declared > SMALL and declared > MAX_EXPANSION * stored:
            self.__exit__()
            raise ValueError(
                f"Not allowed: ZIP members declare {declared} bytes but the file has {stored}; "
                f"refusing to load a potential decompression bomb. Received: filepath={path}"
            )

    def __enter__(self) -> "ZipReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()
        self._file.close()

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except MALFORMED as error:
            raise ValueError(
                f"The file is damaged or incomplete: {error}. Received: filepath={self.path}"
            ) from error

    def _member(self, name: str) -> zipfile.ZipInfo:
        if name not in self.names:
            raise ValueError(f"There is no {name} in the file. Received: filepath={self.path}")
        info = self._zip.getinfo(name)
        if info.file_size > SMALL and info.file_size > MAX_EXPANSION * info.compress_size:
            raise ValueError(
                f"Not allowed: ZIP member '{name}' declares {info.file_size} bytes but only "
                f"{info.compress_size} are stored; refusing to load a potential decompression "
                f"bomb. Received: filepath={self.path}"
            )
        if info.flag_bits & 1:
            raise ValueError(f"Not allowed: encrypted ZIP member '{name}'.")
        return info

    def text(self, name: str) -> str:
        """A member as text."""
        with self._reading(), self._zip.open(self._member(name)) as member:
            try:
                return member.read().decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"The member {name} is no text: {error}. Received: filepath={self.path}"
                ) from error

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """A member as a seekable file whose checksum is right; a stored one is not copied."""
        info = self._member(name)
        with contextlib.ExitStack() as stack:
            with self._reading():
                if info.compress_type == zipfile.ZIP_STORED:
                    file = self._window(info)
                else:
                    file = stack.enter_context(tempfile.TemporaryFile())
                    with self._zip.open(info) as member:
                        shutil.copyfileobj(member, file, CHUNK)
                    file.seek(0)
            yield file

    def _window(self, info: zipfile.ZipInfo) -> "_Window":
        self._file.seek(info.header_offset)
        header = self._file.read(zipfile.sizeFileHeader)
        fields = struct.unpack(zipfile.structFileHeader, header)
        if fields[0] != zipfile.stringFileHeader:
            raise zipfile.BadZipFile(f"no header of {info.filename}")
        start = info.header_offset + len(header) + fields[-2] + fields[-1]
        if start + info.file_size > os.fstat(self._file.fileno()).st_size:
            raise zipfile.BadZipFile(f"{info.filename} is cut off")
        window = _Window(self._file, start, info.file_size)
        checksum = 0
        for piece in extent_of(window).chunks():
            checksum = zlib.crc32(piece, checksum)
        if checksum != info.CRC:
            raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
        window.is_checked = True
        return window

    @contextlib.contextmanager
    def folder(self, name: str) -> Iterator[str | None]:
        """A temporary copy of a folder of the archive; None where there is none."""
        members = [n for n in sorted(self.names) if n.startswith(f"{name}/") and n[-1] != "/"]
        if not members:
            yield None
            return
        with tempfile.TemporaryDirectory() as target:
            for member in members:
                path = place_inside(target, member[len(name) + 1 :])
                os.makedirs(os.path.dirname(path), exist_ok=True)
                info = self._member(member)
                with self._reading(), self._zip.open(info) as source, open(path, "wb") as copy:
                    shutil.copyfileobj(source, copy, CHUNK)
            yield target


class _Window(io.RawIOBase):
    """A part of a file as a file, which can be written to where the other can."""

    def __init__(self, file: BinaryIO, start: int, size: int):
        super().__init__()
        self._source = file
        self.start = start
        self.size = size
        self.is_checked = False
        self._position = 0

    def fileno(self) -> int:
        return self._source.fileno()

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return self._source.writable()

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.size}[whence]
        self._position = max(origin + offset, 0)
        return self._position

    def readinto(self, buffer) -> int:
        count = min(len(buffer), max(self.size - self._position, 0))
        if not count:
            return 0
        self._source.seek(self.start + self._position)
        count = self._source.readinto(memoryview(buffer)[:count])
        self._position += count
        return count

    def write(self, data) -> int:
        self._source.seek(self.start + self._position)
        count = self._source.write(data)
        self._position += count
        self.size = max(self.size, self._position)
        return count

    def truncate(self, size: int | None = None) -> int:
        self.size = self._position if size is None else size
        return self.size


def extent_of(file: BinaryIO) -> _raw.Extent:
    """Where an open file, or a member of an archive, lies."""
    if isinstance(file, _Window):
        return _raw.Extent(file.fileno(), file.start, file.size, file.is_checked)
    return _raw.Extent(file.fileno(), 0, os.fstat(file.fileno()).st_size)


def checked_folder(folder: str) -> str | None:
    """The path of a folder of assets; None where it is not there.

    Raises:
        ValueError: a link in it, which could lead anywhere.
    """
    if not os.path.isdir(folder):
        return None
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = os.path.join(place, name)
            if not stat.S_ISREG(mode := os.lstat(path).st_mode) and not stat.S_ISDIR(mode):
                raise ValueError(f"Invalid asset path: '{path}' escapes the asset directory.")
    return folder
