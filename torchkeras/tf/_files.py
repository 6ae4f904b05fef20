"""Files by TensorFlow's names: patterns, and `tf.io.gfile`."""

import glob as _glob
import os
import shutil
from collections.abc import Iterator
from typing import Any

from torchkeras.tf._strings import StringTensor
from torchkeras.tf.errors import AlreadyExistsError, NotFoundError

__all__ = [
    "GFile",
    "copy",
    "exists",
    "glob",
    "isdir",
    "join",
    "listdir",
    "makedirs",
    "mkdir",
    "remove",
    "rename",
    "rmtree",
    "stat",
    "walk",
]


def path_of(path: Any) -> str:
    """A path given as a string, bytes, a tensor or a path object."""
    if isinstance(path, StringTensor):
        path = path.values[()]
    return os.fsdecode(path)


def matching_files(patterns: list[str]) -> list[str]:
    """The paths of files that match any of the patterns, sorted."""
    found = {path for pattern in patterns for path in _glob.glob(pattern)}
    return sorted(path for path in found if os.path.isfile(path))


class GFile:
    """An open file; a context manager."""

    def __init__(self, name: Any, mode: str = "r"):
        self.name, self.mode = path_of(name), mode
        try:
            self._file = open(self.name, mode)
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.name}; No such file or directory") from error

    def __getattr__(self, name):
        return getattr(self._file, name)

    def __iter__(self) -> Iterator:
        return iter(self._file)

    def __enter__(self) -> "GFile":
        return self

    def __exit__(self, *error) -> None:
        self._file.close()


def exists(path) -> bool:
    """Whether there is something at a path."""
    return os.path.exists(path_of(path))


def isdir(path) -> bool:
    """Whether a path is that of a folder."""
    return os.path.isdir(path_of(path))


def glob(pattern) -> list[str]:
    """The paths that match a pattern, or any of a list of patterns."""
    patterns = pattern if isinstance(pattern, list | tuple) else [pattern]
    return sorted(path for one in patterns for path in _glob.glob(path_of(one)))


def listdir(path) -> list[str]:
    """The names in a folder."""
    try:
        return sorted(os.listdir(path_of(path)))
    except FileNotFoundError as error:
        raise NotFoundError(f"Could not find directory {path_of(path)}") from error


def makedirs(path) -> None:
    """Makes a folder and those above it, where they are not there yet."""
    os.makedirs(path_of(path), exist_ok=True)


def mkdir(path) -> None:
    """Makes a folder."""
    os.mkdir(path_of(path))


def remove(path) -> None:
    """Deletes a file.

    Raises:
        NotFoundError: it is not there.
    """
    try:
        os.remove(path_of(path))
    except FileNotFoundError as error:
        raise NotFoundError(f"{path_of(path)}; No such file or directory") from error


def rmtree(path) -> None:
    """Deletes a folder with all that is in it."""
    shutil.rmtree(path_of(path))


def rename(src, dst, overwrite=False) -> None:
    """Gives a file another name."""
    _check_free(dst, overwrite)
    os.replace(path_of(src), path_of(dst))


def copy(src, dst, overwrite=False) -> None:
    """Copies a file."""
    _check_free(dst, overwrite)
    shutil.copyfile(path_of(src), path_of(dst))


def _check_free(path, overwrite: bool) -> None:
    if not overwrite and exists(path):
        raise AlreadyExistsError(f"file already exists: {path_of(path)}")


def join(path, *paths) -> str:
    """Parts of a path as one."""
    return os.path.join(path_of(path), *map(path_of, paths))


def stat(path) -> os.stat_result:
    """Size and times of a file; `length` is `st_size`."""
    return os.stat(path_of(path))


def walk(top, topdown=True, onerror=None) -> Iterator[tuple]:
    """The folders below one: (path, names of folders, names of files)."""
    return os.walk(path_of(top), topdown, onerror)
