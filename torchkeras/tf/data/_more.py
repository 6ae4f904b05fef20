"""Methods of `tf.data.Dataset` beside those of torchkeras's own dataset."""

import itertools
import os
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch

from torchkeras import tree
from torchkeras._data.pipeline import INFINITE_CARDINALITY, Dataset
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor

__all__ = ["METHODS"]


def _called(function: Callable, element: Any) -> Any:
    return function(*element) if type(element) is tuple else function(element)


def take_while(self, predicate: Callable, name: str | None = None) -> Dataset:
    """The elements before the first for which `predicate` is false."""
    return Dataset(
        lambda: itertools.takewhile(
            lambda element: bool(_called(predicate, element)), Dataset.__iter__(self)
        )
    )


def scan(self, initial_state: Any, scan_func: Callable, name: str | None = None) -> Dataset:
    """What `state, output = scan_func(state, element)` gives as outputs."""

    def items():
        state = initial_state
        for element in Dataset.__iter__(self):
            state, output = scan_func(state, element)
            yield output

    return Dataset(items)


def _key(element: Any) -> Any:
    parts = tree.flatten(element)
    return tuple(
        part if isinstance(part, str | bytes) else part.numpy().tobytes() for part in parts
    )


def unique(self, name: str | None = None) -> Dataset:
    """The elements without those that came before."""

    def items():
        seen = set()
        for element in Dataset.__iter__(self):
            key = _key(element)
            if key not in seen:
                seen.add(key)
                yield element

    return Dataset(items)


def group_by_window(
    self,
    key_func: Callable,
    reduce_func: Callable,
    window_size: int | None = None,
    window_size_func: Callable | None = None,
    name: str | None = None,
) -> Dataset:
    """The elements of `reduce_func(key, window)`, for windows of elements of the same key."""

    def size_of(key):
        return int(window_size if window_size_func is None else window_size_func(key))

    def reduced(key, elements):
        yield from Dataset.__iter__(reduce_func(key, _window(list(elements))))

    def items():
        windows: dict[int, list] = defaultdict(list)
        keys = {}
        for element in Dataset.__iter__(self):
            key = torch.as_tensor(_called(key_func, element)).long()
            keys[int(key)] = key
            windows[int(key)].append(element)
            if len(windows[int(key)]) >= size_of(key):
                yield from reduced(key, windows.pop(int(key)))
        for number, elements in windows.items():
            yield from reduced(keys[number], elements)

    return Dataset(items)


def _window(elements: list) -> Dataset:
    return Dataset(lambda: iter(elements), len(elements))


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
) -> Dataset:
    """Padded batches of elements of similar lengths.

    Args:
        bucket_boundaries: upper limits, not included, of the lengths in each bucket but the last.
        bucket_batch_sizes: one more than boundaries.

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
        return torch.tensor(sum(length >= bound for bound in bucket_boundaries))

    def batched(number, window):
        size = bucket_batch_sizes[int(number)]
        if no_padding:
            return window.batch(size, drop_remainder)
        shapes = padded_shapes
        if pad_to_bucket_boundary and int(number) < len(bucket_boundaries):
            limit = bucket_boundaries[int(number)] - 1
            first = next(iter(window))
            shapes = tree.map_structure(
                lambda part: tuple(limit if i == 0 else None for i in range(part.dim())), first
            )
        return window.padded_batch(size, shapes, padding_values, drop_remainder)

    return group_by_window(
        self, bucket, batched, window_size_func=lambda number: bucket_batch_sizes[int(number)]
    )


def ragged_batch(
    self,
    batch_size: int,
    drop_remainder: bool = False,
    row_splits_dtype: Any = "int64",
    name: str | None = None,
) -> Dataset:
    """Elements as the rows of ragged tensors; those without axes are stacked."""

    def joined(*parts):
        if isinstance(parts[0], str | bytes):
            return StringTensor(list(parts)).values
        if not parts[0].ndim:
            return torch.stack(parts)
        is_text = isinstance(parts[0], np.ndarray)
        rows = [StringTensor(part) if is_text else part for part in parts]
        return RaggedTensor.from_rows(rows, "string" if is_text else parts[0].dtype)

    def items():
        rest = Dataset.__iter__(self)
        while chunk := list(itertools.islice(rest, batch_size)):
            if len(chunk) == batch_size or not drop_remainder:
                yield tree.map_structure(joined, *chunk)

    return Dataset(items)


def rejection_resample(
    self, class_func: Callable, target_dist: Any, initial_dist: Any = None, seed=None, name=None
) -> Dataset:
    """Pairs of a class and an element, elements dropped so that classes come as `target_dist`."""
    target = torch.as_tensor(target_dist).double()

    def items():
        draw = random.Random(seed)
        counts = torch.ones_like(target)
        for element in Dataset.__iter__(self):
            number = torch.as_tensor(_called(class_func, element)).long()
            counts[number] += 1
            known = counts if initial_dist is None else torch.as_tensor(initial_dist).double()
            ratio = target / (known / known.sum())
            if draw.random() < float(ratio[number] / ratio.max()):
                yield number, element

    return Dataset(items)


def snapshot(
    self, path: str, compression="AUTO", reader_func=None, shard_func=None, name=None
) -> Dataset:
    """The elements, written to a folder in the first pass and read from it later."""

    def items():
        if not os.path.exists(os.path.join(path, _FILE)):
            save(self, path)
        yield from Dataset.__iter__(_load(path))

    return Dataset(items, Dataset.cardinality(self))


_FILE = "elements.pt"


def save(self, path: str, compression=None, shard_func=None, checkpoint_args=None) -> None:
    """Writes the elements to a folder."""
    os.makedirs(path, exist_ok=True)
    elements = [tree.map_structure(_storable, element) for element in Dataset.__iter__(self)]
    torch.save(elements, os.path.join(path, _FILE))


def _storable(part: Any) -> Any:
    """A part of an element that is read back without running code; arrays of text as lists."""
    if isinstance(part, torch.Tensor):
        return part.detach().as_subclass(torch.Tensor).clone()
    return {_WORDS: part.tolist()} if isinstance(part, np.ndarray) else part


_WORDS = "strings of an array"


def _restored(element: Any) -> Any:
    if isinstance(element, dict):
        if _WORDS in element:
            return StringTensor(element[_WORDS]).values
        return {key: _restored(part) for key, part in element.items()}
    return tuple(map(_restored, element)) if isinstance(element, tuple) else element


def _load(path: str, element_spec=None, compression=None, reader_func=None) -> Dataset:
    """The dataset that `save` wrote."""
    stored = torch.load(os.path.join(path, _FILE), weights_only=True)
    elements = [_restored(element) for element in stored]
    return Dataset(lambda: iter(elements), len(elements))


def _counter(start: int = 0, step: int = 1, dtype: Any = "int64", name=None) -> Dataset:
    """Numbers from `start` on, without end."""
    name = getattr(dtype, "name", dtype)
    kind = getattr(torch, str(name).removeprefix("torch."))
    return Dataset(
        lambda: (torch.tensor(n, dtype=kind) for n in itertools.count(start, step)),
        INFINITE_CARDINALITY,
    )


def _random(seed=None, rerandomize_each_iteration=None, name=None) -> Dataset:
    """Random integers below 2**32, without end."""

    def items():
        draw = random.Random(seed)
        while True:
            yield torch.tensor(draw.getrandbits(32))

    return Dataset(items, INFINITE_CARDINALITY)


def _choose(datasets: Iterable, choice_dataset: Dataset, stop_on_empty_dataset=True) -> Dataset:
    """Elements of several datasets, in an order that a dataset of numbers gives."""
    datasets = list(datasets)

    def items():
        sources = [Dataset.__iter__(dataset) for dataset in datasets]
        for number in Dataset.__iter__(choice_dataset):
            try:
                yield next(sources[int(number)])
            except StopIteration:
                if stop_on_empty_dataset:
                    return

    return Dataset(items)


def _sample(
    datasets: Iterable,
    weights: Any = None,
    seed=None,
    stop_on_empty_dataset=False,
    rerandomize_each_iteration=None,
) -> Dataset:
    """Elements of several datasets, drawn at random."""
    datasets = list(datasets)
    shares = [1.0] * len(datasets) if weights is None else [float(weight) for weight in weights]

    def items() -> Iterator:
        draw = random.Random(seed)
        left = {n: Dataset.__iter__(dataset) for n, dataset in enumerate(datasets)}
        while left:
            chosen = draw.choices(list(left), [shares[n] for n in left])[0]
            try:
                yield next(left[chosen])
            except StopIteration:
                if stop_on_empty_dataset:
                    return
                del left[chosen]

    return Dataset(items)


METHODS = {
    "bucket_by_sequence_length": bucket_by_sequence_length,
    "choose_from_datasets": staticmethod(_choose),
    "counter": staticmethod(_counter),
    "group_by_window": group_by_window,
    "load": staticmethod(_load),
    "ragged_batch": ragged_batch,
    "random": staticmethod(_random),
    "rejection_resample": rejection_resample,
    "sample_from_datasets": staticmethod(_sample),
    "save": save,
    "scan": scan,
    "snapshot": snapshot,
    "take_while": take_while,
    "unique": unique,
}
