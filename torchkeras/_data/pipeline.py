"""`Dataset`: lazy pipelines of elements, with the methods of `tf.data.Dataset`."""

import functools
import itertools
import math
import os
import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from torchkeras import tree
from torchkeras._data.dataset import in_background
from torchkeras._data.elements import (
    as_numpy,
    called,
    check_shapes,
    dtype_name,
    first_row,
    hashable,
    pad,
    per_part,
    ragged,
    rows_of,
    stacked,
    stacked_parts,
    structured,
    take_row,
    take_rows,
    typed,
)
from torchkeras._data.passes import (
    AUTOTUNE,
    KEPT,
    count_elements,
    forever,
    interleaved,
    kept_in_file,
    kept_in_memory,
    mapped,
    new_seed,
    read_elements,
    shuffled,
    thread_count,
    windows_of,
    write_elements,
)
from torchkeras._errors import positive_int, received

__all__ = ["AUTOTUNE", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY", "Dataset"]

INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2

_PREFETCHED = 2

# The file in the folder of a saved dataset.
_SAVED = "elements"


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
        element = structured(tensors)
        return Dataset(lambda: iter([element]), 1)

    @staticmethod
    def from_tensor_slices(tensors: Any, name: str | None = None) -> "Dataset":
        """The rows of an array, or of each array of a tuple or dict of arrays."""
        arrays = structured(tensors)
        sizes = {rows_of(array) for array in tree.flatten(arrays)}
        if len(sizes) != 1:
            raise ValueError(
                "All arrays must have the same number of rows. "
                f"Received: arrays with {sorted(sizes)} rows"
            )
        return Dataset.from_rows(sizes.pop(), functools.partial(take_rows, arrays))

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
                element = structured(element) if types is None else typed(element, types)
                check_shapes(element, shapes)
                yield element

        return Dataset(items)

    @staticmethod
    def range(*args: int, output_type: Any = "int64", name: str | None = None) -> "Dataset":
        """Integers from `start` to `stop` in steps, given as to Python's `range`."""
        if not 1 <= len(args) <= 3 or (len(args) == 3 and not args[2]):
            raise ValueError(
                "Invalid `args`: expected 1 to 3 numbers, the step not 0. " + received(args=args)
            )
        return Dataset.from_tensor_slices(np.arange(*args, dtype=dtype_name(output_type)))

    @staticmethod
    def counter(
        start: int = 0, step: int = 1, dtype: Any = "int64", name: str | None = None
    ) -> "Dataset":
        """Numbers from `start` on, without end."""
        kind = getattr(torch, dtype_name(dtype))
        return Dataset(
            lambda: (torch.tensor(number, dtype=kind) for number in itertools.count(start, step)),
            INFINITE_CARDINALITY,
        )

    @staticmethod
    def random(
        seed: int | None = None,
        rerandomize_each_iteration: bool | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """Random integers below 2**32, without end.

        Args:
            seed: makes them the same in every run.
            rerandomize_each_iteration: other ones in each pass; by default only without a seed.
        """
        fixed = new_seed() if seed is None else seed
        is_fixed = seed is not None and not rerandomize_each_iteration
        order = random.Random(fixed)

        def items():
            draw = random.Random(fixed if is_fixed else order.getrandbits(64))
            while True:
                yield torch.tensor(draw.getrandbits(32))

        return Dataset(items, INFINITE_CARDINALITY)

    @staticmethod
    def choose_from_datasets(
        datasets: Iterable["Dataset"],
        choice_dataset: "Dataset",
        stop_on_empty_dataset: bool = True,
    ) -> "Dataset":
        """Elements of several datasets, in an order that a dataset of their numbers gives."""
        datasets = _some(datasets)

        def items():
            sources = [_elements_of(dataset) for dataset in datasets]
            for number in _elements_of(choice_dataset):
                try:
                    yield next(sources[int(number)])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return

        return Dataset(items)

    @staticmethod
    def sample_from_datasets(
        datasets: Iterable["Dataset"],
        weights: Any = None,
        seed: int | None = None,
        stop_on_empty_dataset: bool = False,
        rerandomize_each_iteration: bool | None = None,
    ) -> "Dataset":
        """Elements of several datasets, drawn at random.

        Args:
            weights: how often each is drawn; by default all alike.
            seed: makes the order the same in every run.
            stop_on_empty_dataset: end with the first that ends, not with the last.
            rerandomize_each_iteration: another order in each pass; by default only without a
                seed.
        """
        datasets = _some(datasets)
        shares = [1.0] * len(datasets) if weights is None else [float(share) for share in weights]
        if len(shares) != len(datasets):
            raise ValueError(
                f"`weights` should have the same length as `datasets`, {len(datasets)}. "
                + received(weights=weights)
            )
        fixed = new_seed() if seed is None else seed
        is_fixed = seed is not None and not rerandomize_each_iteration
        order = random.Random(fixed)

        def items():
            draw = random.Random(fixed if is_fixed else order.getrandbits(64))
            left = {n: _elements_of(part) for n, part in enumerate(datasets) if shares[n]}
            while left:
                chosen = draw.choices(list(left), [shares[number] for number in left])[0]
                try:
                    yield next(left[chosen])
                except StopIteration:
                    if stop_on_empty_dataset:
                        return
                    del left[chosen]

        is_endless = any(part.cardinality() == INFINITE_CARDINALITY for part in datasets)
        endless = INFINITE_CARDINALITY if is_endless else UNKNOWN_CARDINALITY
        return Dataset(items, UNKNOWN_CARDINALITY if stop_on_empty_dataset else endless)

    @staticmethod
    def zip(*args: Any, datasets: Any = None, name: str | None = None) -> "Dataset":
        """Tuples (or dicts, in the structure given) of elements; ends with the shortest."""
        structure = datasets if datasets is not None else args[0] if len(args) == 1 else args
        structure = tuple(structure) if isinstance(structure, list) else structure
        parts = tree.flatten(structure)
        if isinstance(structure, Dataset) or not all(hasattr(p, "cardinality") for p in parts):
            raise TypeError(f"`zip` needs a tuple or dict of datasets. {received(args=args)}")

        def items():
            for elements in zip(*map(_elements_of, parts)):
                yield tree.pack_sequence_as(structure, list(elements))

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
        return self._elements()

    def _elements(self) -> Iterator[Any]:
        """The elements, also where a subclass shows them in another way."""
        if self._fetch is None:
            return self._items()
        return (first_row(self._fetch([item])) for item in self._items())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self._cardinality} elements>"

    def as_numpy_iterator(self) -> Iterator[Any]:
        """The elements with numpy arrays in place of tensors."""
        return (tree.map_structure(as_numpy, element) for element in self)

    def get_single_element(self, name: str | None = None) -> Any:
        """The only element."""
        first = list(itertools.islice(self._elements(), 2))
        if len(first) != 1:
            raise ValueError(f"Dataset had {'more than one' if first else 'no'} element.")
        return first[0]

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The state after `state = reduce_func(state, element)` for every element."""
        return functools.reduce(reduce_func, self, structured(initial_state))

    def save(
        self,
        path: str,
        compression: str | None = None,
        shard_func: Callable | None = None,
        checkpoint_args: Any = None,
    ) -> None:
        """Writes the elements into a folder, from which `load` reads them.

        Args:
            compression: accepted, as what follows; the folder holds one file as it is.
        """
        os.makedirs(path, exist_ok=True)
        for _ in write_elements(self._elements(), f"{os.path.join(path, _SAVED)}{KEPT}"):
            pass

    @staticmethod
    def load(
        path: str,
        element_spec: Any = None,
        compression: str | None = None,
        reader_func: Callable | None = None,
    ) -> "Dataset":
        """The dataset that `save` has written.

        Args:
            element_spec: accepted, as what follows; the file knows what it holds.
        """
        file = f"{os.path.join(path, _SAVED)}{KEPT}"
        return Dataset(lambda: read_elements(file), count_elements(file))

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
        fixed = new_seed() if seed is None else seed
        order = random.Random(fixed)

        def items():
            here = order if reshuffle_each_iteration else random.Random(fixed)
            return shuffled(self._items(), size, random.Random(here.getrandbits(64)))

        return self._reordered(items, self._cardinality)

    def repeat(self, count: int | None = None, name: str | None = None) -> "Dataset":
        """The elements `count` times over; None or -1 for ever."""
        if count is None or count < 0:
            cardinality = INFINITE_CARDINALITY if self._cardinality else 0
            return self._reordered(lambda: forever(self._items), cardinality)
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
            lambda: itertools.chain(self._elements(), _elements_of(dataset)),
            sum(sizes) if min(sizes) >= 0 else total,
        )

    def cache(self, filename: str = "", name: str | None = None) -> "Dataset":
        """Elements that are kept after the first whole pass, and not made again.

        Args:
            filename: start of the name of a file that keeps them, also for later runs of the
                script; by default they are kept in memory.
        """
        items = functools.partial(kept_in_file, self._elements, os.fspath(filename))
        if not filename:
            items = functools.partial(kept_in_memory, self._elements, [])
        return self._named(Dataset(items, self._cardinality))

    def snapshot(
        self,
        path: str,
        compression: str | None = "AUTO",
        reader_func: Callable | None = None,
        shard_func: Callable | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """The elements, written into a folder in the first whole pass and read from it later.

        Args:
            compression: accepted, as what follows; the folder holds one file as it is.
        """

        def items():
            os.makedirs(path, exist_ok=True)
            return kept_in_file(self._elements, os.path.join(path, _SAVED))

        return self._named(Dataset(items, self._cardinality))

    def prefetch(self, buffer_size: int, name: str | None = None) -> "Dataset":
        """The elements, made by a thread that is `buffer_size` of them ahead."""
        if buffer_size < AUTOTUNE:
            raise ValueError(
                f"`buffer_size` must be 0 or greater, or -1. {received(buffer_size=buffer_size)}"
            )
        depth = _PREFETCHED if buffer_size == AUTOTUNE else buffer_size
        if not depth:
            return self
        result = Dataset(lambda: in_background(self._elements(), depth), self._cardinality)
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

        A list that it returns is taken for a tuple.

        Args:
            num_parallel_calls: threads that call it; `AUTOTUNE` for one per processor.
            deterministic: accepted; the order is always kept.
        """
        threads = thread_count(num_parallel_calls)

        def call(element):
            result = called(map_func, element)
            return structured(tuple(result) if type(result) is list else result)

        if threads == 1:
            return self._named(Dataset(lambda: map(call, self._elements()), self._cardinality))
        return self._named(
            Dataset(lambda: mapped(call, self._elements(), threads), self._cardinality)
        )

    def filter(self, predicate: Callable, name: str | None = None) -> "Dataset":
        """The elements for which `predicate`, called as by `map`, is true."""

        def items():
            return (element for element in self._elements() if bool(called(predicate, element)))

        return self._named(Dataset(items))

    def take_while(self, predicate: Callable, name: str | None = None) -> "Dataset":
        """The elements before the first for which `predicate`, called as by `map`, is false."""

        def items():
            return itertools.takewhile(
                lambda element: bool(called(predicate, element)), self._elements()
            )

        return self._named(Dataset(items))

    def unique(self, name: str | None = None) -> "Dataset":
        """The elements without those that came before."""

        def items():
            seen = set()
            for element in self._elements():
                key = hashable(element)
                if key not in seen:
                    seen.add(key)
                    yield element

        return Dataset(items)

    def scan(self, initial_state: Any, scan_func: Callable, name: str | None = None) -> "Dataset":
        """The outputs of `state, output = scan_func(state, element)` for every element."""

        def items():
            state = structured(initial_state)
            for element in self._elements():
                state, output = scan_func(state, element)
                yield structured(output)

        return Dataset(items, self._cardinality)

    def rejection_resample(
        self,
        class_func: Callable,
        target_dist: Any,
        initial_dist: Any = None,
        seed: int | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """Pairs of a class and an element, of which some are left out at random.

        Args:
            class_func: the class of an element, from 0 on.
            target_dist: the share of each class to come to.
            initial_dist: the share that each has; by default it is counted on the way.
        """
        target = torch.as_tensor(target_dist, dtype=torch.float64)

        def items():
            draw = random.Random(seed)
            counts = torch.ones_like(target)
            known = counts if initial_dist is None else torch.as_tensor(initial_dist).double()
            for element in self._elements():
                number = torch.as_tensor(called(class_func, element)).long()
                counts[number] += 1
                ratio = target / (known / known.sum())
                if draw.random() < float(ratio[number] / ratio.max()):
                    yield number, element

        return Dataset(items)

    def enumerate(self, start: int = 0, name: str | None = None) -> "Dataset":
        """Pairs of a number, from `start` on, and an element."""

        def items():
            for number, element in enumerate(self._elements(), start):
                yield torch.tensor(number), element

        return self._named(Dataset(items, self._cardinality))

    def flat_map(self, map_func: Callable, name: str | None = None) -> "Dataset":
        """The elements of the datasets that `map_func` makes of the elements."""

        def items():
            for element in self._elements():
                yield from _elements_of(called(map_func, element))

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
        cycle = thread_count(AUTOTUNE) if cycle_length in (None, AUTOTUNE) else cycle_length

        def items():
            sources = (_elements_of(called(map_func, element)) for element in self._elements())
            return interleaved(sources, cycle, block_length)

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
        make = functools.partial(stacked, stacked_parts) if self._fetch is None else self._fetch
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
            shapes = per_part(padded_shapes, count, is_shape=True)
            values = per_part(padding_values, count)
            parts = [pad(column, *how) for column, *how in zip(zip(*flat), shapes, values)]
            return tree.pack_sequence_as(elements[0], parts)

        plain = Dataset(self._elements, self._cardinality)
        return self._named(plain._batched(batch_size, drop_remainder, make))

    def ragged_batch(
        self, batch_size: int, drop_remainder: bool = False, name: str | None = None
    ) -> "Dataset":
        """Elements whose first axes may differ, stacked as torch's nested tensors."""
        make = functools.partial(stacked, ragged)
        plain = Dataset(self._elements, self._cardinality)
        return self._named(plain._batched(batch_size, drop_remainder, make))

    def _batched(self, batch_size: int, drop_remainder: bool, make: Callable) -> "Dataset":
        if isinstance(batch_size, float):
            raise TypeError(f"`batch_size` must be an integer. {received(batch_size=batch_size)}")
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
            for element in self._elements():
                rows = {rows_of(part) for part in tree.flatten(element)}
                for index in range(min(rows)):
                    yield take_row(element, index)

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
        size = positive_int("size", int(size))
        shift = size if shift is None else positive_int("shift", int(shift))
        stride = positive_int("stride", int(stride))

        def items():
            for elements in windows_of(self._elements(), size, shift, stride, drop_remainder):
                yield _window_of(elements)

        count = self._cardinality
        if count >= 0:
            left = max(count - (size - 1) * stride, 0) if drop_remainder else count
            count = math.ceil(left / shift)
        return Dataset(items, count)

    def group_by_window(
        self,
        key_func: Callable,
        reduce_func: Callable,
        window_size: int | None = None,
        window_size_func: Callable | None = None,
        name: str | None = None,
    ) -> "Dataset":
        """The elements of the datasets `reduce_func(key, window)`, for windows of the same key.

        Args:
            key_func: the key of an element, an integer.
            reduce_func: makes a dataset of a key and a dataset of elements that have it.
            window_size: at most as many elements are in a window.
            window_size_func: the same as a function of the key.

        Raises:
            ValueError: both sizes are given, or none.
        """
        if (window_size is None) == (window_size_func is None):
            raise ValueError(
                "Must pass either `window_size` or `window_size_func`. "
                + received(window_size=window_size, window_size_func=window_size_func)
            )

        def reduced(key, elements):
            window = Dataset(lambda: iter(elements), len(elements))
            return _elements_of(reduce_func(torch.tensor(key), window))

        def items():
            windows = {}
            for element in self._elements():
                key = int(called(key_func, element))
                window = windows.setdefault(key, [])
                window.append(element)
                size = window_size_func(torch.tensor(key)) if window_size is None else window_size
                if len(window) >= int(size):
                    yield from reduced(key, windows.pop(key))
            for key, window in sorted(windows.items()):
                yield from reduced(key, window)

        return Dataset(items)

    def bucket_by_sequence_length(
        self,
        element_length_func: Callable,
        bucket_boundaries: list[int],
        bucket_batch_sizes: list[int],
        padded_shapes: Any = None,
        padding_values: Any = None,
        pad_to_bucket_boundary: bool = False,
        no_padding: bool = False,
        drop_remainder: bool = False,
        name: str | None = None,
    ) -> "Dataset":
        """Padded batches of elements of similar lengths.

        Args:
            element_length_func: the length of an element, called as by `map`.
            bucket_boundaries: upper limits, not included, of the lengths in each bucket but the
                last.
            bucket_batch_sizes: of each bucket, one more than boundaries.
            padded_shapes: as for `padded_batch`, and so `padding_values`.
            pad_to_bucket_boundary: fill up to the limit of the bucket less one.
            no_padding: all elements of a bucket are of the same size already.

        Raises:
            ValueError: there are not as many batch sizes.
        """
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError(
                "Must provide exactly one more batch size than bucket boundaries. Received: "
                f"bucket_batch_sizes={bucket_batch_sizes}, bucket_boundaries={bucket_boundaries}"
            )

        def bucket(*element):
            length = int(element_length_func(*element))
            return sum(length >= limit for limit in bucket_boundaries)

        def batched(number, window):
            size = bucket_batch_sizes[int(number)]
            if no_padding:
                return window.batch(size, drop_remainder)
            shapes = padded_shapes
            if pad_to_bucket_boundary:
                if int(number) == len(bucket_boundaries):
                    raise ValueError(
                        "When pad_to_bucket_boundary=True, elements must have length < "
                        f"max(bucket_boundaries). {received(bucket_boundaries=bucket_boundaries)}"
                    )
                first = next(window._elements())
                shapes = _limited(padded_shapes, first, bucket_boundaries[int(number)] - 1)
            return window.padded_batch(size, shapes, padding_values, drop_remainder)

        return self.group_by_window(
            bucket, batched, window_size_func=lambda number: bucket_batch_sizes[int(number)]
        )


def _elements_of(dataset: Any) -> Iterator[Any]:
    return dataset._elements() if isinstance(dataset, Dataset) else iter(dataset)


def _some(datasets: Iterable[Dataset]) -> list[Dataset]:
    datasets = list(datasets)
    if not datasets:
        raise ValueError(f"`datasets` should not be empty. {received(datasets=datasets)}")
    return datasets


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


def _limited(shapes: Any, element: Any, limit: int) -> list[list[int | None]]:
    """The shapes of the parts of an element with a limit in place of None, or as their length."""
    parts = tree.flatten(element)
    if shapes is None:
        return [[limit, *[None] * (np.ndim(part) - 1)][: np.ndim(part)] for part in parts]
    given = per_part(shapes, len(parts), is_shape=True)
    return [[limit if size in (None, -1) else size for size in shape] for shape in given]
