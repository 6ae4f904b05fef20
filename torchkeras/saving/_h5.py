"""HDF5: reading that follows no links and believes no sizes, and the stores of Keras 3's
weights."""

import contextlib
import json
import math
import os
import struct
import types
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import torch

from torchkeras._errors import import_optional, warn
from torchkeras.saving import _archive, _raw

__all__ = []

# A dataset may say that it is larger than what is stored for it, by this factor at most (deflate
# reaches 1032), unless it is small.
MAX_EXPANSION = 1100
SMALL = 1 << 24
MAX_RANK = 64
# Numbers that are in a file as they are in memory, in torch's as in NumPy's.
_PLAIN = [
    np.dtype(f"{kind}{size}")
    for kind, size in zip("fffiiiiu?cc", (2, 4, 8, 1, 2, 4, 8, 1, "", 8, 16))
]
# Smaller arrays are left to HDF5 to write.
LARGE = 1 << 20

# How a global heap begins: HDF5 File Format Specification 3.0, section III.E.
HEAP = b"GCOL\x01\0\0\0"
# Wherever that is, four of its bytes are a whole word of the file.
_WORDS_OF_HEAP = [int.from_bytes(HEAP[i : i + 4], "little") for i in range(4)]
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


class _Source:
    """Where an open file is read from, past HDF5.

    Attributes:
        extent: its place.
        has_checked_heaps: whether its heaps of strings were looked at.
    """

    def __init__(self, extent: _raw.Extent):
        self.extent = extent
        self.has_checked_heaps = False


# By the number that HDF5 has for each open file.
_sources: dict[int, _Source] = {}


def _number(group: Any) -> int:
    return int(h5py().h5o.get_info(group.id).fileno)


@contextlib.contextmanager
def opened(source: str | BinaryIO) -> Iterator[Any]:
    """An HDF5 file to read from; one with a checksum at its end is compared with it.

    Args:
        source: a path, or an open file (or member of an archive).

    Raises:
        ValueError: it is damaged or is something else.
    """
    if isinstance(source, str) and not os.path.exists(source):
        raise FileNotFoundError(f"No such file. Received: filepath={source}")
    with contextlib.ExitStack() as stack:
        if isinstance(source, str):
            raw = stack.enter_context(open(source, "rb", buffering=0))
        else:
            raw = source
        extent = _archive.extent_of(raw)
        file = stack.enter_context(_opened(source, raw))
        try:
            if _raw.check_seal(extent):
                extent = extent._replace(is_checked=True)
        except ValueError as error:
            raise ValueError(f"{error} Received: filepath={source}") from error
        number = _number(file)
        _sources[number] = _Source(extent)
        stack.callback(_sources.pop, number)
        yield file


def _opened(source: str | BinaryIO, raw: BinaryIO) -> Any:
    try:
        file = h5py().File(source, "r")
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"The file is no HDF5 file, or is damaged or incomplete: {error}. "
            f"Received: filepath={source}"
        ) from error
    if isinstance(source, str) and hasattr(os, "preadv"):
        its_own = os.fstat(file.id.get_vfd_handle())
        if not os.path.samestat(its_own, os.fstat(raw.fileno())):
            file.close()
            raise ValueError(f"The file was replaced while it was opened: filepath={source}")
    return file


def _check_heaps(group: Any) -> None:
    """Refuses a file that has a heap of strings with an object of no size, which HDF5 would read
    for ever; to be asked before it reads a string of any length.

    Raises:
        ValueError: there is one.
    """
    source = _sources[_number(group)]
    if source.has_checked_heaps:
        return
    for place in _heaps(source.extent):
        head = np.empty(16, np.uint8)
        source.extent.read(head, place)
        size = int(head.view("<u8")[1])
        rest = np.empty(max(0, min(size, source.extent.size - place) - 16), np.uint8)
        source.extent.read(rest, place + 16)
        _check_heap(rest.tobytes())
    source.has_checked_heaps = True


def _heaps(extent: _raw.Extent) -> Iterator[int]:
    """Where a heap may begin."""
    start = 0
    for piece in extent.chunks():
        words = piece[: len(piece) // 4 * 4].view("<u4")
        if any((words == word).any() for word in _WORDS_OF_HEAP):
            first = max(0, start - len(HEAP))
            around = np.empty(min(extent.size, start + len(piece) + len(HEAP)) - first, np.uint8)
            extent.read(around, first)
            data = around.tobytes()
            place = data.find(HEAP)
            while place >= 0:
                if first + place + 16 <= extent.size:
                    yield first + place
                place = data.find(HEAP, place + 1)
        start += len(piece)


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
        if name not in group.attrs:
            return default
        if group.attrs.get_id(name).dtype.hasobject:
            _check_heaps(group)
        return group.attrs[name]
    except (KeyError, OSError, RuntimeError, TypeError, UnicodeError) as error:
        raise ValueError(f"Invalid H5 file: '{name}' cannot be read: {error}") from error


def attributes(group: Any) -> dict[str, Any]:
    """All attributes of a group."""
    try:
        names = list(group.attrs)
    except (OSError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"Invalid H5 file: attributes cannot be read: {error}") from error
    return {name: attribute(group, name) for name in names}


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


def _dataset_at(parent: Any, path: str) -> Any:
    """The dataset at a path, checked; see `array_at`."""
    dataset = _child(parent, path)
    if not isinstance(dataset, h5py().Dataset):
        raise ValueError(f"Invalid H5 file, expected Dataset, received {type(dataset)}")
    check_dataset(dataset)
    return dataset


def _is_bfloat16(dataset: Any) -> bool:
    return dataset.dtype == "V2" and str(attribute(dataset, "dtype", "")) == "bfloat16"


def array_at(parent: Any, path: str) -> np.ndarray:
    """The values of the dataset at a path; those in bfloat16 come as float32.

    Raises:
        KeyError: there is none.
        ValueError: it is a link, is stored elsewhere, holds no numbers or text, or is a bomb.
    """
    dataset = _dataset_at(parent, path)
    try:
        if dataset.dtype.hasobject:
            _check_heaps(dataset)
        if _is_bfloat16(dataset):
            bits = torch.from_numpy(np.array(dataset).view(np.int16).copy())
            return bits.view(torch.bfloat16).float().numpy()
        return np.array(dataset)
    except (OSError, RuntimeError, TypeError) as error:
        raise ValueError(f"The H5 dataset '{path}' cannot be read: {error}") from error


def stored_at(parent: Any, path: str) -> _raw.Stored | np.ndarray:
    """The same, to be read later where its numbers lie one after the other in the file."""
    dataset = _dataset_at(parent, path)
    shape, dtype, is_bfloat16 = dataset.shape, dataset.dtype, _is_bfloat16(dataset)
    if is_bfloat16:
        dtype = np.dtype(np.int16)
    place = None
    if math.prod(shape) and dtype in _PLAIN and dataset.chunks is None:
        place = dataset.id.get_offset()
    if place is None or dataset.file.userblock_size:
        return array_at(parent, path)
    stored = _raw.Stored(_sources[_number(dataset)].extent, place, shape, dtype, is_bfloat16)
    if place + stored.nbytes > stored.extent.size:
        raise ValueError(f"The H5 dataset '{path}' cannot be read: it lies beyond the file's end.")
    return stored


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


# Writing


class Target(NamedTuple):
    """Where a new file is written to, past HDF5."""

    descriptor: int
    start: int

    @classmethod
    def of(cls, file: Any) -> "Target | None":
        """That of a file at a path; None where the system cannot write to a place."""
        return cls(file.id.get_vfd_handle(), 0) if _raw.CAN_WRITE_AT else None


def put(group: Any, name: str, value: Any, target: Target | None) -> None:
    """Writes a weight or an array as a dataset."""
    writable = _raw.Writable.of(value)
    if writable.array.nbytes < LARGE or target is None:
        dataset = group.create_dataset(name, data=writable.in_order())
    else:
        dataset = _put_large(group, name, writable, target)
    if writable.is_bfloat16:
        dataset.attrs["dtype"] = "bfloat16"


def _put_large(group: Any, name: str, writable: _raw.Writable, target: Target) -> Any:
    """HDF5 gives the place, what is there is written past it."""
    package = h5py()
    *parents, leaf = name.split("/")
    group = group.require_group("/".join(parents)) if parents else group
    properties = package.h5p.create(package.h5p.DATASET_CREATE)
    properties.set_alloc_time(package.h5d.ALLOC_TIME_EARLY)
    properties.set_fill_time(package.h5d.FILL_TIME_NEVER)
    properties.set_obj_track_times(False)
    space = package.h5s.create_simple(writable.array.shape)
    kind = package.h5t.py_create(writable.dtype, logical=True)
    made = package.h5d.create(group.id, leaf.encode(), kind, space, properties)
    writable.write(target.descriptor, target.start + made.get_offset())
    return package.Dataset(made)


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

    def stored(self, key: str) -> _raw.Stored | np.ndarray:
        """The same as an item, to be read later where that can be."""
        for group in self._groups:
            if has(group, key):
                return stored_at(group, key)
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
        if not isinstance(value, torch.Tensor):
            value = np.asarray(value)
        self._store.reserve(key, value.nbytes, self._path)
        # Past a change of shard the group is another.
        self._group = None
        put(self._in_file(), key, value, self._store.target)

    def __getitem__(self, key: str) -> np.ndarray:
        return array_at(self._in_file(), key)

    def __delitem__(self, key: str) -> None:
        del self._in_file()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._in_file())

    def __len__(self) -> int:
        return len(self._in_file())


class Writer:
    """A new `.weights.h5` file.

    Args:
        to: a path, or an open file that can be written to and says where it lies.
    """

    def __init__(self, to: str | BinaryIO):
        self._open(to)

    def _open(self, to: str | BinaryIO) -> None:
        self.file = h5py().File(to, "w")
        if isinstance(to, str):
            self.target = Target.of(self.file)
        else:
            self.target = Target(*_archive.extent_of(to)[:2]) if _raw.CAN_WRITE_AT else None

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
        self._open(os.path.join(self._folder, self._shard))

    def _close_shard(self) -> None:
        super().close()
        _raw.seal(os.path.join(self._folder, self._shard))

    def close(self) -> None:
        self._close_shard()
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
            self._close_shard()
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
    warn(
        f"{doing} sharded weights requires `*.json` as the extension. The original path: "
        f"{filepath} will be renamed to {path}."
    )
    return path
