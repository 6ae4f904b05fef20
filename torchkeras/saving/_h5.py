"""HDF5: reading that follows no links and believes no sizes, and the stores of Keras 3's
weights."""

import contextlib
import json
import math
import os
import struct
import types
import warnings
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, BinaryIO

import numpy as np
import torch

from torchkeras._errors import import_optional

__all__ = []

# A dataset may say that it is larger than what is stored for it, by this factor at most (deflate
# reaches 1032), unless it is small.
MAX_EXPANSION = 1100
SMALL = 1 << 24
MAX_RANK = 64

CHUNK = 1 << 18
# How a global heap begins: HDF5 File Format Specification 3.0, section III.E.
HEAP = b"GCOL\x01\0\0\0"
SIGNATURE = b"\x89HDF\r\n\x1a\n"


def h5py() -> types.ModuleType:
    """The package, asked for where it is needed."""
    return import_optional("h5py", "Reading and writing HDF5 files")


def is_hdf5(filepath: str) -> bool:
    """Whether a file begins as HDF5 files do."""
    if not os.path.isfile(filepath):
        return False
    with open(filepath, "rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


@contextlib.contextmanager
def opened(source: str | BinaryIO) -> Iterator[Any]:
    """An HDF5 file to read from.

    Raises:
        ValueError: it is damaged or is something else.
    """
    if isinstance(source, str) and not os.path.exists(source):
        raise FileNotFoundError(f"No such file. Received: filepath={source}")
    if isinstance(source, str):
        with open(source, "rb") as raw:
            _check_heaps(raw)
    else:
        _check_heaps(source)
    try:
        file = h5py().File(source, "r")
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"The file is no HDF5 file, or is damaged or incomplete: {error}. "
            f"Received: filepath={source}"
        ) from error
    with file:
        yield file


def _check_heaps(file: BinaryIO) -> None:
    """Refuses a heap of strings with an object of no size, which HDF5 would read for ever.

    Raises:
        ValueError: there is one.
    """
    places, start, tail = [], 0, b""
    while chunk := file.read(CHUNK):
        data = tail + chunk
        place = data.find(HEAP)
        while place >= 0:
            places.append(start - len(tail) + place)
            place = data.find(HEAP, place + 1)
        start += len(chunk)
        tail = data[1 - len(HEAP) :]
    for place in places:
        file.seek(place)
        size = struct.unpack("<8xQ", file.read(16).ljust(16, b"\0"))[0]
        _check_heap(file.read(max(0, min(size, start) - 16)))
    file.seek(0)


def _check_heap(heap: bytes) -> None:
    place = 0
    while place + 16 <= len(heap):
        index, size = struct.unpack_from("<H6xQ", heap, place)
        # The free space, number 0, counts its own head.
        needed = size if index == 0 else 16 + (size + 7 & ~7)
        if not 0 < needed <= len(heap) - place:
            raise ValueError("Invalid H5 file: a heap of strings is damaged.")
        place += needed


# Safe reading


def _checked_link(parent: Any, name: str) -> None:
    """Refuses what leads out of its place.

    Raises:
        KeyError: nothing has that name.
        ValueError: it is a soft or external link.
    """
    try:
        link = parent.get(name, getlink=True)
    except (RuntimeError, OSError) as error:
        raise ValueError(f"Invalid H5 file: {error}") from error
    if link is None:
        raise KeyError(name)
    if not isinstance(link, h5py().HardLink):
        raise ValueError(f"Not allowed: H5 file with {type(link).__name__}")


def has(parent: Any, path: str) -> bool:
    """Whether there is a group or dataset at a path."""
    try:
        _child(parent, path)
    except KeyError:
        return False
    return True


def _child(parent: Any, path: str) -> Any:
    parts = path.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"Invalid path in H5 file: {path!r}")
    for part in parts:
        if not isinstance(parent, h5py().Group):
            raise KeyError(path)
        _checked_link(parent, part)
        try:
            parent = parent[part]
        except (KeyError, OSError, RuntimeError) as error:
            raise ValueError(f"Invalid H5 file: '{path}' cannot be opened: {error}") from error
    return parent


def attribute(group: Any, name: str, default: Any = None) -> Any:
    """An attribute of a group, a dataset or the file."""
    try:
        return group.attrs.get(name, default)
    except (KeyError, OSError, RuntimeError, TypeError, UnicodeError) as error:
        raise ValueError(f"Invalid H5 file: '{name}' cannot be read: {error}") from error


def keys(group: Any) -> list[str]:
    """The names in a group."""
    try:
        return list(group.keys())
    except (OSError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"Invalid H5 file: a group cannot be read: {error}") from error


def is_group(parent: Any, name: str) -> bool:
    """Whether what has that name is a group, and no link to one."""
    return isinstance(_child(parent, name), h5py().Group)


def place_of(group: Any) -> int:
    """Where a group is in its file: two names of one group have the same place."""
    return int(h5py().h5o.get_info(group.id).addr)


def group_at(parent: Any, path: str) -> Any:
    """The group at a path.

    Raises:
        KeyError: there is none.
        ValueError: a link on the way, or something else in its place.
    """
    found = _child(parent, path)
    if not isinstance(found, h5py().Group):
        raise ValueError(f"Invalid H5 file, expected Group but received {type(found)}")
    return found


def array_at(parent: Any, path: str) -> np.ndarray:
    """The values of the dataset at a path; those in bfloat16 come as float32.

    Raises:
        KeyError: there is none.
        ValueError: it is a link, is stored elsewhere, holds no numbers or text, or is a bomb.
    """
    dataset = _child(parent, path)
    if not isinstance(dataset, h5py().Dataset):
        raise ValueError(f"Invalid H5 file, expected Dataset, received {type(dataset)}")
    check_dataset(dataset)
    try:
        if str(attribute(dataset, "dtype", "")) == "bfloat16":
            bits = torch.from_numpy(np.array(dataset).view(np.int16).copy())
            return bits.view(torch.bfloat16).float().numpy()
        return np.array(dataset)
    except (OSError, RuntimeError, TypeError) as error:
        raise ValueError(f"The H5 dataset '{path}' cannot be read: {error}") from error


def check_dataset(dataset: Any) -> None:
    """Refuses a dataset that is damaged, reads other files or would fill the memory."""
    try:
        _check_dataset(dataset)
    except (OSError, RuntimeError, TypeError) as error:
        raise ValueError(f"Invalid H5 file: a dataset cannot be read: {error}") from error


def _check_dataset(dataset: Any) -> None:
    if dataset.external:
        raise ValueError(f"Not allowed: H5 file with external Dataset: {dataset.external}")
    if dataset.is_virtual:
        raise ValueError("Not allowed: H5 file with virtual Dataset")
    shape = dataset.shape
    if shape is None or len(shape) > MAX_RANK:
        raise ValueError(f"Not allowed: H5 dataset '{dataset.name}' of shape {shape}")
    if dataset.dtype.kind not in "biufcSV" and not h5py().check_string_dtype(dataset.dtype):
        raise ValueError(f"Not allowed: H5 dataset '{dataset.name}' of dtype {dataset.dtype}")
    if dataset.dtype.kind in "fiu":
        usual = h5py().h5t.py_create(dataset.dtype)
        if not dataset.id.get_type().equal(usual):
            raise ValueError(f"Invalid H5 file: '{dataset.name}' has numbers of an unknown kind.")
    declared = math.prod(shape) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    expansion = 1 if dataset.chunks is None else MAX_EXPANSION
    if declared > SMALL and declared > expansion * stored:
        raise ValueError(
            f"Not allowed: H5 dataset '{dataset.name}' declares {declared} bytes but only {stored} "
            "are stored on disk; refusing to load a potential decompression/shape bomb."
        )


def as_array(value: Any) -> np.ndarray:
    """What to store for a weight or an array."""
    if isinstance(value, torch.Tensor):
        value = _in_order(value.detach().cpu())
        if value.dtype is torch.bfloat16:
            return value.view(torch.int16).numpy().view("V2")
        return value.numpy()
    return np.asarray(value)


def _in_order(value: torch.Tensor) -> torch.Tensor:
    """A tensor in the order of the file; torch transposes matrices fastest."""
    if value.dim() > 1 and value.numel() and value.stride(-1) != 1:
        rows = value.movedim(-1, 0)
        if rows.is_contiguous():
            return rows.view(len(rows), -1).T.contiguous().view(value.shape)
    return value.contiguous()


# The stores


class _Entry(Mapping):
    """The arrays of one object, from the groups that hold them."""

    def __init__(self, groups: list[Any]):
        self._groups = groups

    def __getitem__(self, key: str) -> np.ndarray:
        for group in self._groups:
            if has(group, key):
                return array_at(group, key)
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        for group in self._groups:
            yield from keys(group)

    def __len__(self) -> int:
        return sum(len(keys(group)) for group in self._groups)


class Reader:
    """The arrays of a `.weights.h5` file by path of their object."""

    def __init__(self, file: Any):
        self._file = file

    def entry(self, path: str) -> Mapping[str, np.ndarray]:
        """The arrays of the object at a path, by name; none where the file does not know it."""
        places = [f"{path}/vars" if path else "vars"]
        if has(self._file, "_layer_checkpoint_dependencies"):
            # So tf.keras 2.12 called them.
            places.append(places[0].replace("layers", "_layer_checkpoint_dependencies"))
        for place in places:
            if has(self._file, place):
                return _Entry([group_at(self._file, place)])
        return _Entry([])


class _NewEntry(MutableMapping):
    """The arrays of one object on their way to a store."""

    def __init__(self, store: "Writer", path: str):
        self._store = store
        self._path = path
        self._group = None

    def _in_file(self) -> Any:
        if self._group is None or not self._group:
            self._group = self._store.group(self._path)
        return self._group

    def __setitem__(self, key: str, value: Any) -> None:
        array = as_array(value)
        self._store.reserve(key, array.nbytes, self._path)
        # Past a change of shard the group is another.
        self._group = None
        if array.dtype.kind == "V":
            self._in_file().create_dataset(key, data=array).attrs["dtype"] = "bfloat16"
        else:
            self._in_file()[key] = array

    def __getitem__(self, key: str) -> np.ndarray:
        return array_at(self._in_file(), key)

    def __delitem__(self, key: str) -> None:
        del self._in_file()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._in_file())

    def __len__(self) -> int:
        return len(self._in_file())


class Writer:
    """A new `.weights.h5` file."""

    def __init__(self, path: str):
        self.file = h5py().File(path, "w")

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish the file."""
        self.file.close()

    def group(self, path: str) -> Any:
        """The group of the arrays of the object at a path."""
        return self.file.require_group(f"{path}/vars" if path else "vars")

    def entry(self, path: str, name: str | None = None) -> MutableMapping[str, Any]:
        """A mapping that takes the arrays of the object at a path; its name is noted."""
        entry = _NewEntry(self, path)
        if name is not None:
            self.group(path).attrs["name"] = name
        return entry

    def reserve(self, key: str, size: int, path: str) -> None:
        """Called before an array is written."""


# Weights in several files


class ShardedWriter(Writer):
    """New files of limited size, and a map that says where what is.

    Args:
        folder: where to write them.
        name: file name of the map, ending in ".json".
        limit: bytes of arrays in a file.
    """

    def __init__(self, folder: str, name: str, limit: float):
        self._folder = folder
        self._name = name
        self._limit = limit
        self._base = name.removesuffix(".json").replace(".weights", "")
        self._count = 0
        self._size = 0
        self._total = 0
        self._map: dict[str, str | list[str]] = {}
        self._open_next()

    def _open_next(self) -> None:
        self._shard = f"{self._base}_{self._count:05}.weights.h5"
        self._count += 1
        self._size = 0
        self.file = h5py().File(os.path.join(self._folder, self._shard), "w")

    def close(self) -> None:
        super().close()
        content = {"metadata": {"total_size": self._total}, "weight_map": self._map}
        with open(os.path.join(self._folder, self._name), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=4)

    def reserve(self, key: str, size: int, path: str) -> None:
        if size > self._limit:
            raise ValueError(
                f"The size of {key} is {size} bytes which exceeds the maximum shard size "
                f"{int(self._limit)} bytes. You can increase the `max_shard_size` parameter to "
                "accommodate the size."
            )
        if self._size + size > self._limit:
            super().close()
            self._open_next()
        self._size += size
        self._total += size
        place = f"/{path}/vars" if path else "/vars"
        known = self._map.setdefault(place, self._shard)
        shards = known if isinstance(known, list) else [known]
        if self._shard not in shards:
            self._map[place] = [*shards, self._shard]


class ShardedReader:
    """The arrays of a `.weights.json` map and the files beside it."""

    def __init__(self, path: str):
        self._folder = os.path.dirname(path)
        self._files = contextlib.ExitStack()
        self._open: dict[str, Any] = {}
        with open(path, encoding="utf-8") as file:
            try:
                self._map = dict(json.load(file)["weight_map"])
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(
                    f"The file is no map of sharded weights: {error}. Received: filepath={path}"
                ) from error

    def __enter__(self) -> "ShardedReader":
        return self

    def __exit__(self, *exception: object) -> None:
        self._files.close()

    def _file(self, name: Any) -> Any:
        if not isinstance(name, str) or os.path.basename(name) != name or name in ("", ".", ".."):
            raise ValueError(f"Not allowed: a shard outside the folder of its map: {name!r}")
        if name not in self._open:
            path = os.path.join(self._folder, name)
            self._open[name] = self._files.enter_context(opened(path))
        return self._open[name]

    def entry(self, path: str) -> Mapping[str, np.ndarray]:
        """The arrays of the object at a path, by name; none where the map does not know it."""
        place = f"{path}/vars" if path else "vars"
        names = self._map.get(f"/{place}", [])
        files = [self._file(name) for name in (names if isinstance(names, list) else [names])]
        return _Entry([group_at(file, place) for file in files if has(file, place)])


def map_path(filepath: str, doing: str) -> str:
    """The path of the map of sharded weights; one with another suffix is told so."""
    if filepath.endswith(".json"):
        return filepath
    path = os.path.splitext(filepath)[0] + ".json"
    warnings.warn(
        f"{doing} sharded weights requires `*.json` as the extension. The original path: "
        f"{filepath} will be renamed to {path}.",
        stacklevel=4,
    )
    return path
