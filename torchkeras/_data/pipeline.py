"""`Dataset`: lazy pipelines of elements, with the methods of `tf.data.Dataset`."""

import functools
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
from torch import Tensor

from torchkeras import tree
from torchkeras._data.adapters import is_array
from torchkeras._data.dataset import in_background
from torchkeras._data.slicing import as_tensor
from torchkeras._errors import positive_int, received

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]

AUTOTUNE = -1
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2

_PREFETCHED = 2

# What an array of texts is called in a file.
_TEXTS = "texts of torchkeras"


class Dataset:
    """Elements that are made while they are used, again in every iteration.

    An element is a tensor on the CPU, a string, or a tuple or dict of elements. Arrays of strings
    are numpy arrays. Each method gives a new dataset and leaves this one as it is.

    Args:
        items: starts a pass: a function without arguments that returns an iterator.
        cardinality: number of elements, or `INFINITE_CARDINALITY` or `UNKNOWN_CARDINALITY`.
        fetch: makes the elements of a list of items, stacked; None where items are elements.
            As long as only the order of the items changes, a batch takes a single call of it.

    Example:

    >>> squares = Dataset.range(5).map(lambda x: x * x)
    >>> [batch.tolist() for batch in squares.batch(2)]
    [[0, 1], [4, 9], [16]]
    """

    class_names: list[str] | None = None
    file_paths: list[str] | None = None

    def __init__(
        self,
        items: Callable[[], Iterator],
        cardinality: int = UNKNOWN_CARDINALITY,
        fetch: Callable[[list], Any] | None = None,
    ):
        self._items = items
        self._cardinality = cardinality
        self._fetch = fetch
        self._batch_size: int | None = None

    # ---- sources

    @staticmethod
    def from_tensors(tensors: Any, name: str | None = None) -> "Dataset":
        """A dataset of one element."""
        element = _structured(tensors)
        return Dataset(lambda: iter([element]), 1)

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> "Dataset":
        """The rows of an array, or of each array of a tuple or dict of arrays."""
        arrays = _structured(tensors)
        sizes = {_rows(array) for array in tree.flatten(arrays)}
        if len(sizes) != 1:
            raise ValueError(
                "All arrays must have the same number of rows. "
                f"Received: arrays with {sorted(sizes)} rows"
            )
        return Dataset.from_rows(sizes.pop(), functools.partial(_take_rows, arrays))

    @staticmethod
    def from_rows(size: int, fetch: Callable[[list[int]], Any]) -> "Dataset":
        """`size` elements, which `fetch` makes many at a time, stacked, from their numbers."""
        return Dataset(lambda: iter(range(size)), size, fetch)

    @staticmethod
    def from_generator(
        generator: Callable[..., Iterable],
        output_types: Any = None,
        output_shapes: Any = None,
        args: tuple | None = None,
        output_signature: Any = None,
        name: str | None = None,
    ) -> "Dataset":
        """What `generator(*args)` yields, from a new call in every pass.

        Args:
            output_types: dtypes of the elements, in their structure.
            output_shapes: their shapes, with None for sizes that may differ.
            output_signature: both of them, as objects with `dtype` and `shape`.

        Raises:
            TypeError: an element of another structure or shape.
        """
        if not callable(generator):
            raise TypeError(
                f"`generator` must be a Python callable. {received(generator=generator)}"
            )
        types = output_types if output_signature is None else output_signature
        shapes = output_shapes if output_signature is None else output_signature

        def items():
            for element in generator(*(args or ())):
                element = _structured(element) if types is None else _typed(element, types)
                _check_shapes(element, shapes)
                yield element

        return Dataset(items)

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> "Dataset":
        """Integers from `start` to `stop` in steps, given as to Python's `range`."""
        return Dataset.from_tensor_slices(np.arange(*args, dtype=_dtype_name(output_type)))

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> "Dataset":
        """Tuples (or dicts, in the structure given) of elements; ends with the shortest."""
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        structure = tuple(structure) if isinstance(structure, list) else structure
        parts = tree.flatten(structure)

        def items():
            for elements in zip(*parts):
                yield tree.pack_sequence_as(structure, list(elements))

        if isinstance(structure, Dataset):
            raise TypeError(f"`zip` needs a tuple or dict of datasets. {received(args=args)}")
        return Dataset(items, _least([part.cardinality() for part in parts]))

    # ---- what there is

    def cardinality(self) -> int:
        """The number of elements, `INFINITE_CARDINALITY` (-1) or `UNKNOWN_CARDINALITY` (-2)."""
        return self._cardinality

    def __len__(self) -> int:
        if self._cardinality < 0:
            what = "infinite" if self._cardinality == INFINITE_CARDINALITY else "unknown"
            raise TypeError(f"The dataset length is {what}.")
        return self._cardinality

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        if self._fetch is None:
            return self._items()
        return (_first(self._fetch([item])) for item in self._items())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cardinality} elements>"

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with numpy arrays in place of tensors."""
        return (tree.map_structure(_as_numpy, element) for element in self)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element."""
        first = list(itertools.islice(self, 2))
        if len(first) != 1:
            raise ValueError(f"Dataset had {'more than one' if first else 'no'} element.")
        return first[0]

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The state after `state = reduce_func(state, element)` for every element."""
        return functools.reduce(reduce_func, self, _structured(initial_state))

    # ---- order and number

    def _reordered(self, items: Callable[[], Iterator], cardinality: int) -> "Dataset":
        """Items of this dataset in another order or number, whose elements are made as here."""
        result = Dataset(items, cardinality, self._fetch)
        result._batch_size = self._batch_size
        return self._named(result)

    def _named(self, result: "Dataset") -> "Dataset":
        result.class_names = self.class_names
        result.file_paths = self.file_paths
        return result

    def shuffle(
        self,
        buffer_size: int,
        seed: int | None = None,
        reshuffle_each_iteration: bool = True,
        name: str | None = None,
    ) -> "Dataset":
        """Elements drawn at random from a buffer that the next ones refill.

        Args:
            buffer_size: as many as there are elements for a uniform order.
            seed: makes the orders of the passes the same in every run.
            reshuffle_each_iteration: another order in each pass.
        """
        size = positive_int("buffer_size", buffer_size) if buffer_size != -1 else math.inf
        fixed = _new_seed() if seed is None else seed
        order = random.Random(fixed)

        def items():
            here = order if reshuffle_each_iteration else random.Random(fixed)
            return _shuffled(self._items(), size, random.Random(here.getrandbits(64)))

        return self._reordered(items, self._cardinality)

    def repeat(self, count: int | None = None, name: str | None = None) -> "Dataset":
        """The elements `count` times over; None or -1 for ever."""
        if count is None or count < 0:
            cardinality = INFINITE_CARDINALITY if self._cardinality else 0
            return self._reordered(lambda: _forever(self._items), cardinality)
        cardinality = self._cardinality if self._cardinality < 0 else self._cardinality * count
        return self._reordered(
            lambda: itertools.chain.from_iterable(self._items() for _ in range(count)),
            cardinality if count else 0,
        )

    def take(self, count: int, name: str | None = None) -> "Dataset":
        """The first `count` elements; -1 for all."""
        if count < 0:
            return self
        cardinality = count if self._cardinality == -1 else min(self._cardinality, count)
        return self._reordered(lambda: itertools.islice(self._items(), count), cardinality)

    def skip(self, count: int, name: str | None = None) -> "Dataset":
        """All but the first `count` elements; -1 for none."""
        if count < 0:
            return self.take(0)
        known = self._cardinality >= 0
        return self._reordered(
            lambda: itertools.islice(self._items(), count, None),
            max(self._cardinality - count, 0) if known else self._cardinality,
        )

    def shard(self, num_shards: int, index: int, name: str | None = None) -> "Dataset":
        """Every `num_shards`-th element, from number `index` on."""
        if not 0 <= index < positive_int("num_shards", num_shards):
            raise ValueError(
                "`index` must be below `num_shards`. "
                + received(index=index, num_shards=num_shards)
            )
        known = self._cardinality >= 0
        return self._reordered(
            lambda: itertools.islice(self._items(), index, None, num_shards),
            len(range(index, self._cardinality, num_shards)) if known else self._cardinality,
        )

    def concatenate(self, dataset: "Dataset", name: str | None = None) -> "Dataset":
        """These elements, then those of the other dataset."""
        sizes = self.cardinality(), dataset.cardinality()
        total = INFINITE_CARDINALITY if INFINITE_CARDINALITY in sizes else UNKNOWN_CARDINALITY
        return Dataset(
            lambda: itertools.chain(self, dataset), sum(sizes) if min(sizes) >= 0 else total
        )

    def cache(self, filename: str = "", name: str | None = None) -> "Dataset":
        """Elements that are kept after the first whole pass, and not made again.

        Args:
            filename: start of the name of a file that keeps them, also for later runs of the
                script; by default they are kept in memory.
        """
        items = functools.partial(_kept_in_file, self, os.fspath(filename))
        if not filename:
            items = functools.partial(_kept_in_memory, self, [])
        return self._named(Dataset(items, self._cardinality))

    def prefetch(self, buffer_size: int, name: str | None = None) -> "Dataset":
        """The elements, made by a thread that is `buffer_size` of them ahead."""
        depth = _PREFETCHED if buffer_size == AUTOTUNE else buffer_size
        if not depth:
            return self
        result = Dataset(lambda: in_background(iter(self), depth), self._cardinality)
        result._batch_size = self._batch_size
        return self._named(result)

    # ---- elements

    def map(
        self,
        map_func: Callable,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """`map_func` of each element, whose parts are its arguments when it is a tuple.

        Args:
            num_parallel_calls: threads that call it; `AUTOTUNE` for one per processor.
            deterministic: accepted; the order is always kept.
        """
        threads = _threads(num_parallel_calls)

        def call(element):
            return _structured(_called(map_func, element))

        if threads == 1:
            return self._named(Dataset(lambda: map(call, self), self._cardinality))
        return self._named(Dataset(lambda: _mapped(call, self, threads), self._cardinality))

    def filter(self, predicate: Callable, name: str | None = None) -> "Dataset":
        """The elements for which `predicate`, called as by `map`, is true."""

        def items():
            return (element for element in self if bool(_called(predicate, element)))

        return self._named(Dataset(items))

    def enumerate(self, start: int = 0, name: str | None = None) -> "Dataset":
        """Pairs of a number, from `start` on, and an element."""

        def items():
            for number, element in enumerate(self, start):
                yield torch.tensor(number), element

        return self._named(Dataset(items, self._cardinality))

    def flat_map(self, map_func: Callable, name: str | None = None) -> "Dataset":
        """The elements of the datasets that `map_func` makes of the elements."""

        def items():
            return itertools.chain.from_iterable(_called(map_func, element) for element in self)

        return Dataset(items)

    def interleave(
        self,
        map_func: Callable,
        cycle_length: int | None = None,
        block_length: int = 1,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """As `flat_map`, but taking turns among some of the datasets.

        Args:
            cycle_length: how many of them take turns; by default one per processor.
            block_length: how many elements each gives at its turn.
        """
        cycle = _threads(AUTOTUNE) if cycle_length in (None, AUTOTUNE) else cycle_length

        def items():
            sources = (iter(_called(map_func, element)) for element in self)
            return _interleaved(sources, cycle, block_length)

        return Dataset(items)

    def apply(self, transformation_func: Callable[["Dataset"], "Dataset"]) -> "Dataset":
        """`transformation_func` of this dataset."""
        return transformation_func(self)

    # ---- batches

    def batch(
        self,
        batch_size: int,
        drop_remainder: bool = False,
        num_parallel_calls: int | None = None,
        deterministic: bool | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """Elements stacked, `batch_size` at a time; `drop_remainder` leaves out a smaller end."""
        make = functools.partial(_stacked, _stack) if self._fetch is None else self._fetch
        return self._batched(batch_size, drop_remainder, make)

    def padded_batch(
        self,
        batch_size: int,
        padded_shapes: Any = None,
        padding_values: Any = None,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> "Dataset":
        """Elements stacked, filled up at their ends to the longest of the batch.

        Args:
            padded_shapes: shapes in the structure of an element, None for the longest's size.
            padding_values: one, or one for each part of an element; by default 0 and "".
        """

        def make(elements):
            flat = [tree.flatten(element) for element in elements]
            count = len(flat[0])
            shapes = _per_part(padded_shapes, count, is_shape=True)
            values = _per_part(padding_values, count)
            parts = [_pad(column, *how) for column, *how in zip(zip(*flat), shapes, values)]
            return tree.pack_sequence_as(elements[0], parts)

        plain = Dataset(lambda: iter(self), self._cardinality)
        return self._named(plain._batched(batch_size, drop_remainder, make))

    def _batched(self, batch_size: int, drop_remainder: bool, make: Callable) -> "Dataset":
        size = positive_int("batch_size", int(batch_size))

        def items():
            rest = self._items()
            while chunk := list(itertools.islice(rest, size)):
                if len(chunk) == size or not drop_remainder:
                    yield make(chunk)

        count = self._cardinality
        if count >= 0:
            count = count // size if drop_remainder else math.ceil(count / size)
        result = Dataset(items, count)
        result._batch_size = size
        return self._named(result)

    def unbatch(self, name: str | None = None) -> "Dataset":
        """The rows of each element, one by one."""

        def items():
            for element in self:
                rows = {_rows(part) for part in tree.flatten(element)}
                for index in range(min(rows)):
                    yield _take_row(element, index)

        return self._named(Dataset(items))

    def rebatch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> "Dataset":
        """The rows of all elements in batches of another size."""
        return self.unbatch().batch(batch_size, drop_remainder)

    def window(
        self,
        size: int,
        shift: int | None = None,
        stride: int = 1,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> "Dataset":
        """Datasets of `size` elements `stride` apart, each starting `shift` after the last.

        The windows of a dataset of tuples are tuples of datasets, as are those of dicts.
        """
        shift = size if shift is None else shift

        def items():
            for elements in _windows(iter(self), size, shift, stride, drop_remainder):
                yield _window_of(elements)

        return Dataset(items)


# ---- elements


def _structured(value: Any) -> Any:
    """An element: tensors in tuples and dicts. Lists become one array, as in tf.data."""
    if value is None or isinstance(value, (Tensor, Dataset)):
        return value
    if isinstance(value, dict):
        return type(value)((key, _structured(part)) for key, part in value.items())
    if isinstance(value, tuple):
        parts = [_structured(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return _of_list(value)
    if hasattr(value, "iloc"):
        return _of_frame(value)
    return as_tensor(value)


def _of_list(value: list) -> Any:
    if value and isinstance(value[0], (Tensor, np.ndarray)):
        return _stack([_structured(part) for part in value])
    is_text = bool(value) and isinstance(value[0], (str, bytes))
    array = np.array(value, dtype=object if is_text else None)
    if array.dtype == np.float64:
        array = array.astype(np.float32)  # as Python's numbers, not as an array of the user's
    elif array.dtype == np.int64 and array.size and abs(array).max() < 2**31:
        array = array.astype(np.int32)
    return as_tensor(array)


def _of_frame(value: Any) -> Any:
    """A pandas frame or series; text as an array of objects."""
    array = value.to_numpy()
    return as_tensor(array.astype(object) if array.dtype.kind in "OSU" else array)


def _typed(element: Any, types: Any) -> Any:
    """The element in the dtypes of a structure of dtypes, or of objects that have a dtype."""
    if isinstance(types, (tuple, list)):
        if not isinstance(element, (tuple, list)) or len(element) != len(types):
            raise TypeError(
                "`generator` yielded an element that did not match the expected structure. "
                f"Expected: {types}. {received(element=element)}"
            )
        return tuple(_typed(*pair) for pair in zip(element, types))
    if isinstance(types, dict):
        return {key: _typed(element[key], part) for key, part in types.items()}
    name = _dtype_name(types)
    if name == "string":
        return _structured(element)
    if isinstance(element, Tensor):
        return element.to(getattr(torch, name))
    return as_tensor(np.asarray(element, dtype=name))


def _check_shapes(element: Any, shapes: Any) -> None:
    """Raise unless the element has a structure of shapes, or of objects that have one."""
    if shapes is None:
        return
    if isinstance(element, (tuple, dict)):
        keys = element if isinstance(element, dict) else range(len(element))
        for key in keys:
            _check_shapes(element[key], shapes[key])
        return
    shape = getattr(shapes, "shape", shapes)
    if shape is None or getattr(shape, "rank", 0) is None:
        return  # of any number of axes
    found, wanted = np.shape(element), tuple(shape)
    sizes = zip(found, wanted)
    if len(found) != len(wanted) or any(size not in (None, -1, have) for have, size in sizes):
        raise TypeError(
            f"`generator` yielded an element of shape {tuple(found)} where an element of shape "
            f"{wanted} was expected. Received: {element!r}"
        )


def _dtype_name(dtype: Any) -> str:
    """ "float32" of that string, a numpy or torch dtype, or anything that has a name or dtype."""
    dtype = getattr(dtype, "dtype", dtype) if not isinstance(dtype, type) else dtype
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None and isinstance(dtype, type):
        name = np.dtype(dtype).name
    name = str(dtype).removeprefix("torch.") if name is None else name
    return "string" if name in ("str", "object", "string") or name.startswith("str") else name


def _rows(array: Any) -> int:
    if not is_array(array) or not array.ndim:
        raise ValueError(f"Scalars cannot be sliced into rows. Received: {array!r}")
    return array.shape[0]


def _take_rows(arrays: Any, indices: list[int]) -> Any:
    # A stretch of neighbours, which batches in order are, is a slice that shares their memory.
    first, count = indices[0], len(indices)
    if indices[-1] - first == count - 1 and indices == list(range(first, first + count)):
        return tree.map_structure(lambda array: array[first : first + count], arrays)
    index = torch.tensor(indices)

    def take(array):
        return array[index] if isinstance(array, Tensor) else array[indices]

    return tree.map_structure(take, arrays)


def _take_row(arrays: Any, index: int) -> Any:
    return tree.map_structure(lambda array: None if array is None else array[index], arrays)


def _as_numpy(part: Any) -> Any:
    return part.detach().cpu().numpy() if isinstance(part, Tensor) else part


def _first(batch: Any) -> Any:
    return _take_row(batch, 0)


def _called(function: Callable, element: Any) -> Any:
    return function(*element) if type(element) is tuple else function(element)


# ---- batches


def _stack(parts: Iterable[Any]) -> Any:
    parts = list(parts)
    if isinstance(parts[0], Tensor):
        try:
            return torch.stack(parts)
        except RuntimeError as error:
            raise ValueError(
                "Cannot batch tensors with different shapes. Received: shapes "
                f"{sorted({tuple(part.shape) for part in parts})}"
            ) from error
    if isinstance(parts[0], np.ndarray):
        return np.stack(parts)
    if isinstance(parts[0], (str, bytes)):
        return np.array(parts, dtype=object)
    return None if parts[0] is None else _structured(parts)


def _stacked(stack: Callable, elements: list) -> Any:
    return tree.map_structure(lambda *parts: stack(parts), *elements)


def _per_part(given: Any, count: int, is_shape: bool = False) -> list:
    """One value for each of `count` parts of an element, from a structure of them or a single."""
    if given is None or not isinstance(given, (tuple, list, dict)):
        return [given] * count
    if is_shape:
        is_single = all(size is None or isinstance(size, int) for size in given)
        if is_single and not isinstance(given, dict):
            return [given] * count
        return list(given.values()) if isinstance(given, dict) else list(given)
    return tree.flatten(given)


def _pad(parts: tuple, shape: Any, value: Any) -> Any:
    if not isinstance(parts[0], Tensor):
        return _stack(parts)
    longest = [max(sizes) for sizes in zip(*(part.shape for part in parts))]
    if shape is not None:
        wanted = [found if size in (None, -1) else size for size, found in zip(shape, longest)]
        if any(size < found for size, found in zip(wanted, longest)):
            raise ValueError(
                "Attempted to pad to a smaller size than the input element. "
                f"Received: padded_shapes={shape} for an element of shape {tuple(longest)}"
            )
        longest = wanted
    first = parts[0]
    padded = first.new_full((len(parts), *longest), 0 if value is None else value)
    for row, part in zip(padded, parts):
        row[tuple(map(slice, part.shape))] = part
    return padded


# ---- kept elements


def _kept_in_memory(source: Iterable, kept: list[list]) -> Iterator:
    """The elements of a source, or those that a whole pass has left in `kept`."""
    if kept:
        yield from kept[0]
        return
    found = []
    for element in source:
        found.append(element)
        yield element
    kept.append(found)


def _kept_in_file(source: Iterable, filename: str) -> Iterator:
    """The elements of a source, or those that a whole pass has left in a file."""
    path = f"{filename}.cache"
    if os.path.exists(path):
        yield from _read_elements(path)
        return
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "wb") as file:
            for element in source:
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


def _read_elements(path: str) -> Iterator:
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


def _new_seed() -> int:
    """A seed from torch's generator, which `set_random_seed` seeds."""
    return int(torch.empty((), dtype=torch.int64).random_())


def _shuffled(items: Iterator, size: float, order: random.Random) -> Iterator:
    buffer = list(items if size == math.inf else itertools.islice(items, size))
    for item in items:
        place = order.randrange(len(buffer))
        item, buffer[place] = buffer[place], item
        yield item
    order.shuffle(buffer)
    yield from buffer


def _forever(items: Callable[[], Iterator]) -> Iterator:
    while True:
        is_empty = True
        for item in items():
            is_empty = False
            yield item
        if is_empty:
            return


def _threads(wanted: int | None) -> int:
    if wanted is None:
        return 1
    return os.cpu_count() or 1 if wanted == AUTOTUNE else positive_int("num_parallel_calls", wanted)


def _mapped(function: Callable, elements: Iterable, threads: int) -> Iterator:
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


def _interleaved(sources: Iterator[Iterator], cycle: int, block: int) -> Iterator:
    """Blocks of the first `cycle` sources in turn; one that ends makes place for the next."""
    turns = list(itertools.islice(sources, cycle))
    place = 0
    while turns:
        taken = list(itertools.islice(turns[place], block))
        yield from taken
        if len(taken) == block:
            place += 1
        else:
            turns[place : place + 1] = itertools.islice(sources, 1)
            place += bool(taken) and place < len(turns)
        place %= max(len(turns), 1)


def _windows(
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


def _window_of(elements: list) -> Any:
    first = elements[0]
    if isinstance(first, dict):
        return {key: _window_of([element[key] for element in elements]) for key in first}
    if isinstance(first, tuple):
        return tuple(_window_of(list(parts)) for parts in zip(*elements))
    return Dataset(lambda: iter(elements), len(elements))


def _least(cardinalities: list[int]) -> int:
    """The cardinality of datasets side by side."""
    known = [count for count in cardinalities if count != INFINITE_CARDINALITY]
    if not known:
        return INFINITE_CARDINALITY
    return UNKNOWN_CARDINALITY if UNKNOWN_CARDINALITY in known else min(known)
