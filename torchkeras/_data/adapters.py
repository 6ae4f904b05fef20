"""One source of batches for each kind of data that `fit`, `evaluate` and `predict` take."""

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from torchkeras import config, tree
from torchkeras._data.dataset import PyDataset, free_memory, iterate_in_parallel, to_device
from torchkeras._data.slicing import (
    ClassWeights,
    Rows,
    as_rows,
    as_tensor,
    is_array,
    map_arrays,
    pack_x_y_sample_weight,
)
from torchkeras._errors import positive_int, received, warn

__all__ = ["ArraySource", "IterableSource", "IteratorSource", "PyDatasetSource", "make_source"]

# Rows are gathered for many batches at once, then each batch is a slice. So many that the work
# per batch is small, so few that they stay in a processor's cache and memory does not grow.
_WINDOW_BYTES = 4 << 20
_WINDOW_BATCHES = 256


class Source:
    """Batches for one epoch after the other.

    Args:
        steps: batches in an epoch. The next epoch goes on where this one stopped, and starts from
            the beginning when the data has ended. None means all the data.
        length: batches in the data, or None when that is unknown or there is no end.

    Attributes:
        batch_size: rows of a batch, or None when unknown.
        size: rows of all the data, or None when unknown.
    """

    # Whether the end of a pass is worth a warning also when nobody asked for more steps.
    is_used_up_by_a_pass = False

    def __init__(self, steps: int | None, length: int | None, device: torch.device):
        self.steps = steps
        self.device = device
        self.batch_size: int | None = None
        self.size: int | None = None
        self._length = length
        self._counted: int | None = None
        self._pass: Iterator | None = None
        self._seen = 0

    @property
    def num_batches(self) -> int | None:
        """Batches of an epoch, or None when that is not known, or not yet."""
        return self.steps or self._length or self._counted

    def batches(self) -> Iterator[Any]:
        """The batches of the next epoch: `x`, `(x, y)` or `(x, y, sample_weight)`."""
        return self._take()

    def peek(self) -> Any:
        """A batch like the first one; what `batches` gives stays the same."""
        raise NotImplementedError

    def skip_epoch(self) -> None:
        """Gives the epochs after this one the order that they would have had after it."""

    def on_epoch_begin(self) -> None:
        """To be called before the first batch of every epoch."""

    def on_epoch_end(self) -> None:
        """To be called after the last batch of every epoch."""

    def _new_pass(self) -> Iterator[Any]:
        """All the data once."""
        raise NotImplementedError

    def _take(self) -> Iterator[Any]:
        """What belongs to one epoch: with `steps` the next part of the pass under way."""
        if self._pass is None or self.steps is None:
            self._pass = self._new_pass()
            self._seen = 0
        taken = 0
        for item in itertools.islice(self._pass, self.steps):
            taken += 1
            self._seen += 1
            yield item
        if self.steps is not None and taken == self.steps:
            if self._seen == self._length:
                self._pass = None
            return
        self._pass = None
        if self._length is None:
            self._counted = self._seen
        is_short = self._length is not None and self._seen < self._length
        if self.steps is not None or is_short or self.is_used_up_by_a_pass:
            warn(
                "Your input ran out of data; interrupting training. Make sure that it can give "
                "at least `steps_per_epoch * epochs` batches."
            )


def _own_generator() -> torch.Generator:
    """A generator seeded by torch's global one, and from then on independent of other draws."""
    return torch.Generator().manual_seed(int(torch.empty((), dtype=torch.int64).random_()))


class ArraySource(Source):
    """Batches of arrays, which become tensors once and stay on the device when they fit.

    Args:
        shuffle: True for a new order of all rows in every pass, "batch" for a new order within
            each batch.
    """

    def __init__(
        self,
        x: Any,
        y: Any,
        sample_weight: Any,
        batch_size: int | None,
        steps: int | None,
        shuffle: bool | str,
        weigh: ClassWeights | None,
        device: torch.device,
    ):
        x, y, sample_weight = _all_as_rows(x, y, sample_weight)
        sample_weight = _weights_per_output(y, sample_weight)
        if weigh is not None:
            sample_weight = _rows_of_class_weights(y, sample_weight, weigh)
        data = pack_x_y_sample_weight(x, y, sample_weight)
        size = _common_size(x, y, sample_weight)
        batch_size = _rows_per_batch(batch_size, size, steps)
        super().__init__(steps, math.ceil(size / batch_size), device)
        self.size = size
        self.batch_size = batch_size
        self._rows: list[Rows] = []
        self._pack = _packer(data, self._rows)
        if type(data) is tuple and all(isinstance(part, Rows) for part in data):
            self._pack = tuple  # zip makes tuples already
        self._shuffle = shuffle
        self._generator = _own_generator() if shuffle else None
        batch_bytes = batch_size * sum(rows.row_bytes for rows in self._rows)
        fitting = min(_WINDOW_BYTES // max(batch_bytes, 1), _WINDOW_BATCHES)
        self._window = batch_size * max(fitting, 1)
        self._place()

    def _place(self) -> None:
        """Bring all arrays to the device if they take less than half of its free memory."""
        missing = {id(rows): rows for rows in self._rows if not rows.is_on(self.device)}.values()
        needed = sum(rows.row_bytes for rows in missing) * self.size
        if self.device.type != "cuda" or needed < free_memory(self.device) / 2:
            for rows in missing:
                rows.place(self.device)
        self._is_resident = all(rows.is_on(self.device) for rows in self._rows)

    def batches(self) -> Iterator[Any]:
        # A whole pass needs no counting.
        return self._new_pass() if self.steps is None else self._take()

    def skip_epoch(self) -> None:
        self._order()

    def peek(self) -> Any:
        stop = min(self.batch_size, self.size)
        window = [rows.take(0, stop) for rows in self._rows]
        return self._pack(tuple(next(to_device(iter([window]), self.device))))

    def _new_pass(self) -> Iterator[Any]:
        windows = self._windows(self._order())
        if not self._is_resident:
            windows = to_device(windows, self.device)
        for window in windows:
            columns = [_split(values, self.batch_size) for values in window]
            yield from map(self._pack, zip(*columns))

    def _windows(self, order: Tensor | None) -> Iterator[list]:
        for start in range(0, self.size, self._window):
            stop = min(start + self._window, self.size)
            index = None if order is None else order[start:stop]
            yield [rows.take(start, stop, index) for rows in self._rows]

    def _order(self) -> Tensor | None:
        if not self._shuffle:
            return None
        if self._shuffle == "batch":
            order = self._order_within_batches()
        else:
            order = torch.randperm(self.size, generator=self._generator)
        return order.to(self.device) if self._is_resident else order

    def _order_within_batches(self) -> Tensor:
        whole, rest = divmod(self.size, self.batch_size)
        draws = torch.rand(whole, self.batch_size, generator=self._generator)
        starts = torch.arange(whole)[:, None] * self.batch_size
        last = torch.randperm(rest, generator=self._generator) + whole * self.batch_size
        return torch.cat([(draws.argsort(1) + starts).flatten(), last])


def _all_as_rows(*parts: Any) -> list:
    """The parts with arrays as rows; one that is given twice, as `fit(x, x)` does, is kept once."""
    found: dict[int, tuple[Any, Rows]] = {}  # with the array, so that no other gets its id

    def convert(array):
        if id(array) not in found:
            found[id(array)] = array, as_rows(array)
        return found[id(array)][1]

    return [map_arrays(convert, part) for part in parts]


def _rows_per_batch(batch_size: int | None, size: int, steps: int | None) -> int:
    if batch_size:
        return positive_int("batch_size", batch_size)
    return math.ceil(size / steps) if steps else 32


def _weights_per_output(y: Any, sample_weight: Any) -> Any:
    """One array of weights for each target, the same one for all if there is only one."""
    if sample_weight is None or not tree.is_nested(y):
        return sample_weight
    if tree.is_nested(sample_weight):
        if type(y) is dict and type(sample_weight) is dict and set(sample_weight) < set(y):
            sample_weight = {name: sample_weight.get(name) for name in y}
        try:
            tree.assert_same_structure(y, sample_weight)
        except ValueError as error:
            raise ValueError(
                f"You should provide one `sample_weight` array per output in `y`. {error} "
                + received(y=_shapes(y), sample_weight=_shapes(sample_weight))
            ) from None
        return sample_weight
    shape = sample_weight.shape
    if len(shape) != 1 and shape[1:] != (1,):
        raise ValueError(
            "For a model with multiple outputs, a single `sample_weight` array should only have "
            "one scalar score per sample. For other weights give one array per output. "
            f"Received: sample_weight of shape {shape}"
        )
    return tree.map_structure(lambda _: sample_weight, y)


def _shapes(rows: Any) -> Any:
    return tree.map_structure(lambda part: part.shape, rows, none_is_leaf=False)


def _rows_of_class_weights(y: Any, sample_weight: Any, weigh: ClassWeights) -> Rows:
    _check_class_weight_targets(y)
    weights = weigh(y.take(0, y.shape[0]))
    if sample_weight is not None:
        weights = _times(weights, sample_weight.take(0, sample_weight.shape[0]))
    return Rows(weights)


def _check_class_weight_targets(y: Any) -> None:
    if tree.is_nested(y):
        raise ValueError(
            "`class_weight` is only supported for Models with a single output. "
            f"Received: y of type {type(y)}"
        )
    if y is None:
        raise ValueError("`class_weight` weights the classes of `y`. Received: y=None")


def _times(weights: Tensor, sample_weight: Tensor) -> Tensor:
    """Class weights times sample weights, which may have more axes."""
    return weights.reshape(-1, *[1] * (sample_weight.ndim - 1)) * sample_weight


def _common_size(x: Any, y: Any, sample_weight: Any) -> int:
    parts = {"x": x, "y": y, "sample_weight": None if y is None else sample_weight}
    sizes = {
        name: [rows.shape[0] for rows in tree.flatten(part) if rows is not None]
        for name, part in parts.items()
    }
    found = set().union(*sizes.values())
    if len(found) > 1:
        listed = "\n".join(
            f"'{name}' sizes: {', '.join(map(str, counts))}"
            for name, counts in sizes.items()
            if counts
        )
        raise ValueError(
            "Data cardinality is ambiguous. All arrays must have the same number of samples. "
            f"Received:\n{listed}"
        )
    if not found or found == {0}:
        raise ValueError(f"There is no data: all arrays are None or empty. Received: sizes={sizes}")
    return found.pop()


def _packer(structure: Any, rows: list[Rows]) -> Callable[[tuple], Any]:
    """A function that puts a batch's tensors, in the order found, into the form of `structure`.

    The arrays are added to `rows`.
    """
    if structure is None:
        return lambda tensors: None
    if isinstance(structure, Rows):
        rows.append(structure)
        return operator.itemgetter(len(rows) - 1)
    kind = type(structure)
    if isinstance(structure, dict):
        named = [(key, _packer(part, rows)) for key, part in structure.items()]
        return lambda tensors: kind((key, pick(tensors)) for key, pick in named)
    parts = [_packer(part, rows) for part in structure]
    if hasattr(structure, "_fields"):
        return lambda tensors: kind(*[pick(tensors) for pick in parts])
    return lambda tensors: kind([pick(tensors) for pick in parts])


def _split(values: Any, size: int) -> Iterable:
    """Pieces of `size` rows that share the memory of `values`."""
    if isinstance(values, Tensor):
        # Unlike the pieces of split(), to autograd these are tensors of their own, no views.
        return values.unsafe_split(size)
    return [values[start : start + size] for start in range(0, len(values), size)]


class _StreamSource(Source):
    """Batches that a user's code makes one by one."""

    def __init__(
        self,
        steps: int | None,
        length: int | None,
        weigh: ClassWeights | None,
        device: torch.device,
    ):
        super().__init__(steps, length, device)
        self._weigh = weigh

    def batches(self) -> Iterator[Any]:
        batches = map(self._converted, self._load(self._take()))
        # On the CPU a second thread would only take time from the first.
        return batches if self.device.type == "cpu" else to_device(batches, self.device)

    def peek(self) -> Any:
        return next(to_device(iter([self._converted(self._first_batch())]), self.device))

    def _first_batch(self) -> Any:
        """The first batch as the user's code makes it."""
        raise NotImplementedError

    def _load(self, items: Iterator) -> Iterator[Any]:
        """The batches for the items of a pass."""
        return items

    def _standardized(self, batch: Any) -> Any:
        return batch

    def _converted(self, batch: Any) -> Any:
        batch = self._standardized(batch)
        if type(batch) not in (tuple, list):
            return map_arrays(self._leaf, batch)
        parts = [map_arrays(self._leaf, part) for part in batch]
        if self._weigh is not None and len(parts) > 1:
            parts = self._weighted(*parts)
        return type(batch)(parts)

    def _leaf(self, value: Any) -> Any:
        value = as_tensor(value)
        if self.device.type == "cpu" and isinstance(value, Tensor):
            return value.to(self.device)
        return value

    def _weighted(self, x: Any, y: Any, sample_weight: Any = None) -> list:
        _check_class_weight_targets(y)
        weights = self._weigh(y)
        if sample_weight is not None:
            weights = _times(weights, sample_weight)
        return [x, y, weights]


class IteratorSource(_StreamSource):
    """Batches of a generator or another iterator, which cannot start again.

    The first two batches are kept: an epoch after the end consists of them.
    """

    is_used_up_by_a_pass = True

    def __init__(self, iterator: Iterator, *args: Any):
        super().__init__(*args)
        self._iterator = iterator
        self._first = list(itertools.islice(iterator, 2))
        if not self._first:
            raise ValueError(
                "The generator must yield at least one batch. Received an empty generator. "
                f"Received: x={iterator}"
            )
        if self._first[0] is None or isinstance(self._first[0], (str, bytes, int, float)):
            raise ValueError(
                "A batch is missing: the generator must return a tuple, either (input,) or "
                "(inputs, targets) or (inputs, targets, sample_weights). "
                f"Received: {self._first[0]!r}"
            )

    def _new_pass(self) -> Iterator[Any]:
        return itertools.chain(self._first, self._iterator)

    def _first_batch(self) -> Any:
        return self._first[0]

    def _standardized(self, batch: Any) -> Any:
        return tuple(batch) if type(batch) is list else batch


class IterableSource(_StreamSource):
    """Batches of a DataLoader or any other object whose every iteration gives all of them."""

    def __init__(self, iterable: Iterable, *args: Any):
        super().__init__(*args)
        self._iterable = iterable
        self.batch_size = getattr(iterable, "batch_size", None)
        self._peeked: tuple[Any, Iterator] | None = None

    def _new_pass(self) -> Iterator[Any]:
        if self._peeked is None:
            batches = iter(self._iterable)
        else:
            first, rest = self._peeked
            batches = itertools.chain([first], rest)
            self._peeked = None
        return itertools.islice(batches, self._length)

    def _first_batch(self) -> Any:
        if self._peeked is None:
            batches = iter(self._iterable)
            for first in batches:
                self._peeked = first, batches
                break
            else:
                raise ValueError(f"There is no data. Received: x={self._iterable}")
        return self._peeked[0]


class PyDatasetSource(_StreamSource):
    """Batches of a `PyDataset`, made by its workers; `shuffle` is the order of the batches."""

    def __init__(self, dataset: PyDataset, shuffle: bool, *args: Any):
        super().__init__(*args)
        if self._length == 0:
            raise ValueError(f"The PyDataset has length 0. Received: x={dataset}")
        self._dataset = dataset
        self._shuffle = shuffle
        self._generator = _own_generator() if shuffle or dataset.use_multiprocessing else None
        self._is_endless = dataset._is_endless and self.steps is not None
        if self._is_endless:
            self._length = None

    def on_epoch_begin(self) -> None:
        self._dataset.on_epoch_begin()

    def on_epoch_end(self) -> None:
        if not self._is_endless:
            self._dataset.on_epoch_end()

    def _new_pass(self) -> Iterator[int]:
        if self._is_endless:
            return self._passes()
        self._length = self._dataset.num_batches
        return itertools.count() if self._length is None else self._order(self._length)

    def _order(self, count: int) -> Iterator[int]:
        if self._shuffle:
            return iter(torch.randperm(count, generator=self._generator).tolist())
        return iter(range(count))

    def _passes(self) -> Iterator[int]:
        """One pass after the other, each of which ends with the dataset's `on_epoch_end`."""
        while True:
            yield from self._order(self._dataset.num_batches)
            self._dataset.on_epoch_end()

    def _first_batch(self) -> Any:
        return self._dataset[0]

    def _load(self, items: Iterator) -> Iterator[Any]:
        seed = 0
        if self._generator is not None:
            seed = int(torch.randint(2**32, (), generator=self._generator))
        return iterate_in_parallel(self._dataset, items, seed)

    def _standardized(self, batch: Any) -> Any:
        if isinstance(batch, Mapping):
            return batch
        if isinstance(batch, list):
            batch = tuple(batch)
        elif is_array(batch):
            batch = (batch,)
        if not isinstance(batch, tuple) or not 1 <= len(batch) <= 3:
            raise ValueError(
                "PyDataset.__getitem__() must return a tuple or a dict. A tuple must be (input,) "
                "or (inputs, targets) or (inputs, targets, sample_weights). "
                f"Received: {str(batch)[:100]} of type {type(batch)}"
            )
        return batch


def make_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: Mapping[int, float] | None = None,
    device: torch.device | str | None = None,
) -> Source:
    """A source of batches, with tensors on `device`, from any data that `fit` takes.

    Args:
        x: arrays of any kind, also nested; or an object that gives whole batches, `y` included: a
            generator, `PyDataset`, `DataLoader`, torch `Dataset` (of samples) or other iterable.
        batch_size: rows of a batch where `x` holds samples, by default 32.
        steps: batches in an epoch, where that is not all the data.
        class_weight: multiplies the sample weights by a weight for the sample's class.
        device: by default that of new tensors.
    """
    if isinstance(x, Source):
        return x
    steps = _limited(positive_int("steps_per_epoch", steps) if steps else None)
    device = config.default_device() if device is None else torch.device(device)
    if device.type == "cuda" and device.index is None:
        device = torch.device("cuda", torch.cuda.current_device())
    weigh = None if class_weight is None else ClassWeights(class_weight)
    if type(x) is TensorDataset and y is None and sample_weight is None:
        x, y, sample_weight = _parts_of_tensors(x.tensors)
    x, y, sample_weight = (map_arrays(lambda array: array, part) for part in (x, y, sample_weight))
    if all(is_array(leaf) for leaf in tree.flatten((x, y, sample_weight)) if leaf is not None):
        return ArraySource(x, y, sample_weight, batch_size, steps, shuffle, weigh, device)
    return _stream(x, y, sample_weight, batch_size, steps, shuffle, weigh, device)


def _limited(steps: int | None) -> int | None:
    limit = config.max_steps_per_epoch()
    if not limit or (steps and steps <= limit):
        return steps
    warn(f"Limiting steps_per_epoch to {limit}")
    return limit


def _parts_of_tensors(tensors: tuple) -> tuple[Any, Any, Any]:
    return (*tensors, None, None)[:3] if len(tensors) <= 3 else (tensors, None, None)


def _stream(
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    steps: int | None,
    shuffle: bool | str,
    weigh: ClassWeights | None,
    device: torch.device,
) -> Source:
    kind = _kind_of_stream(x)
    for name, part in (("y", y), ("sample_weights", sample_weight)):
        if part is not None:
            raise ValueError(
                f"When providing `x` as a {kind}, `{name}` should not be passed: its batches "
                f"contain it. Received: an object of type {type(part)}"
            )
    if isinstance(x, TorchDataset):
        x, shuffle = _loader(x, batch_size, steps, shuffle), False
    length = _length(x)
    common = (steps, length, weigh, device)
    if isinstance(x, PyDataset) and length is not None:
        return PyDatasetSource(x, bool(shuffle), *common)
    # `fit` shuffles unless told otherwise, which says nothing to a `Dataset`.
    if shuffle and kind != "tf.data.Dataset":
        kind = "infinite PyDataset" if isinstance(x, PyDataset) else kind
        warn(
            f"`shuffle=True` was passed, but will be ignored since the data `x` was provided as a "
            f"{kind}. It is expected to be shuffled already."
        )
    if isinstance(x, PyDataset):
        return PyDatasetSource(x, False, *common)
    if isinstance(x, Iterator):
        return IteratorSource(x, *common)
    source = IterableSource(x, *common)
    if isinstance(x, DataLoader) and hasattr(x.dataset, "__len__"):
        source.size = len(x.dataset)
    return source


def _kind_of_stream(x: Any) -> str:
    if isinstance(x, PyDataset):
        return "PyDataset"
    if isinstance(x, DataLoader):
        return "torch DataLoader"
    if isinstance(x, TorchDataset):
        return "torch Dataset"
    if isinstance(x, Iterator):
        return "generator"
    is_container = isinstance(x, (str, bytes, list, tuple, set, Mapping))
    if is_container or not (hasattr(x, "__iter__") or hasattr(x, "__getitem__")):
        raise ValueError(f"Unrecognized data type: x={str(x)[:200]} (of type {type(x)})")
    return "tf.data.Dataset" if hasattr(x, "cardinality") else type(x).__name__


def _loader(
    dataset: TorchDataset, batch_size: int | None, steps: int | None, shuffle: bool | str
) -> DataLoader:
    """Batches of a dataset of samples."""
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch_size or 32)
    batch_size = _rows_per_batch(batch_size, len(dataset), steps)
    generator = _own_generator() if shuffle else None
    return DataLoader(dataset, batch_size, shuffle=bool(shuffle), generator=generator)


def _length(x: Any) -> int | None:
    """How many batches there are, or None when that is unknown."""
    if isinstance(x, PyDataset):
        return x.num_batches
    if hasattr(x, "cardinality"):
        count = int(x.cardinality())
        return count if count >= 0 else None
    try:
        return len(x)
    except TypeError:
        return None
