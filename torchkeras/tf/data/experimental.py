"""`tf.data.experimental`: older names of `tf.data`, and tables in CSV files."""

from collections.abc import Callable
from typing import Any

from torchkeras._data.pipeline import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._records import RecordWriter
from torchkeras.tf._tensor import EagerTensor
from torchkeras.tf.data._csv import CsvDataset, make_csv_dataset
from torchkeras.tf.data._dataset import Dataset, Optional
from torchkeras.tf.errors import OutOfRangeError

__all__ = [
    "AUTOTUNE",
    "AutoShardPolicy",
    "AutotuneAlgorithm",
    "AutotuneOptions",
    "Counter",
    "CsvDataset",
    "DistributeOptions",
    "ExternalStatePolicy",
    "INFINITE_CARDINALITY",
    "OptimizationOptions",
    "Optional",
    "RandomDataset",
    "Reducer",
    "TFRecordWriter",
    "ThreadingOptions",
    "UNKNOWN_CARDINALITY",
    "assert_cardinality",
    "at",
    "bucket_by_sequence_length",
    "cardinality",
    "choose_from_datasets",
    "copy_to_device",
    "dense_to_ragged_batch",
    "enable_debug_mode",
    "enumerate_dataset",
    "from_list",
    "get_next_as_optional",
    "get_single_element",
    "get_structure",
    "group_by_reducer",
    "group_by_window",
    "ignore_errors",
    "load",
    "make_csv_dataset",
    "map_and_batch",
    "parallel_interleave",
    "prefetch_to_device",
    "rejection_resample",
    "sample_from_datasets",
    "save",
    "scan",
    "shuffle_and_repeat",
    "snapshot",
    "take_while",
    "unbatch",
    "unique",
]


class AutoShardPolicy:
    """How several workers share a dataset; torchkeras has one."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


def cardinality(dataset: Dataset) -> EagerTensor:
    """The number of elements, -1 if there is no end and -2 if it is not known."""
    return dataset.cardinality()


def assert_cardinality(expected_cardinality: int) -> Callable:
    """For `apply`: a dataset that says to have so many elements."""

    def apply(dataset):
        result = Dataset(dataset)
        result._cardinality = int(expected_cardinality)
        return result

    return apply


def Counter(start: int = 0, step: int = 1, dtype: Any = "int64") -> Dataset:  # noqa: N802
    """Numbers from `start` on, without end."""
    return Dataset.counter(start, step, dtype)


def get_single_element(dataset: Dataset) -> Any:
    """The only element of a dataset."""
    return dataset.get_single_element()


def _applied(name: str) -> Callable:
    """A function that gives, for `apply`, what the method of the name does."""

    def function(*args, **kwargs):
        return lambda dataset: getattr(dataset, name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"For `apply`: what `Dataset.{name}` does."
    return function


unbatch = _applied("unbatch")
enumerate_dataset = _applied("enumerate")
take_while = _applied("take_while")
rejection_resample = _applied("rejection_resample")
unique = _applied("unique")
group_by_window = _applied("group_by_window")
bucket_by_sequence_length = _applied("bucket_by_sequence_length")


def shuffle_and_repeat(buffer_size: int, count: int | None = None, seed: int | None = None):
    """For `apply`: `shuffle`, then `repeat`."""
    return lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)


def map_and_batch(
    map_func, batch_size, num_parallel_batches=None, drop_remainder=False, num_parallel_calls=None
):
    """For `apply`: `map`, then `batch`."""

    def apply(dataset):
        return dataset.map(map_func, num_parallel_calls).batch(batch_size, drop_remainder)

    return apply


def prefetch_to_device(device: Any, buffer_size: int | None = None):
    """For `apply`: `prefetch`; elements are on the default device when they are used."""
    return lambda dataset: dataset.prefetch(AUTOTUNE if buffer_size is None else buffer_size)


def sample_from_datasets(datasets, weights=None, seed=None, stop_on_empty_dataset=False):
    """Elements of several datasets, drawn at random."""
    return Dataset.sample_from_datasets(datasets, weights, seed, stop_on_empty_dataset)


def choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset=False):
    """Elements of several datasets, in an order that a dataset of numbers gives."""
    return Dataset.choose_from_datasets(datasets, choice_dataset, stop_on_empty_dataset)


def save(dataset, path, compression=None, shard_func=None, checkpoint_args=None) -> None:
    """Writes the elements to a folder."""
    dataset.save(path)


def load(path, element_spec=None, compression=None, reader_func=None) -> Dataset:
    """The dataset that `save` wrote."""
    return Dataset.load(path)


class TFRecordWriter:
    """Writes a dataset of strings as a TFRecord file."""

    def __init__(self, filename: str, compression_type: str | None = None):
        self._place = filename, compression_type

    def write(self, dataset: Dataset) -> None:
        """Writes all elements."""
        with RecordWriter(*self._place) as writer:
            for record in dataset.as_numpy_iterator():
                writer.write(record)


class _Namespace:
    """Options for TensorFlow's own runtime, which are kept and change nothing."""

    def __init__(self, **options: Any):
        self.__dict__.update(options)


class DistributeOptions(_Namespace):
    """How several workers share a dataset."""

    auto_shard_policy = AutoShardPolicy.AUTO
    num_devices = None


class OptimizationOptions(_Namespace):
    """How TensorFlow rewrites a pipeline."""


class ThreadingOptions(_Namespace):
    """How many threads TensorFlow takes."""

    max_intra_op_parallelism = private_threadpool_size = None


class AutotuneOptions(_Namespace):
    """What TensorFlow tunes by itself."""

    enabled = autotune_algorithm = cpu_budget = ram_budget = None


class AutotuneAlgorithm:
    """The ways of tuning."""

    DEFAULT, HILL_CLIMB, GRADIENT_DESCENT, MAX_PARALLELISM, STAGE_BASED = 0, 1, 2, 3, 4


class ExternalStatePolicy:
    """What is done about state outside of a pipeline."""

    WARN, IGNORE, FAIL = 0, 1, 2


class Reducer:
    """What `group_by_reducer` does with the elements of a group.

    Args:
        init_func: gives the first state, of a key.
        reduce_func: gives the next state, of a state and an element.
        finalize_func: gives what the group becomes, of the last state.
    """

    def __init__(self, init_func: Callable, reduce_func: Callable, finalize_func: Callable):
        self.init_func, self.reduce_func = init_func, reduce_func
        self.finalize_func = finalize_func


def group_by_reducer(key_func: Callable, reducer: Reducer) -> Callable:
    """For `apply`: each group of elements with the same key as one, in the order of the keys."""

    def apply(dataset):
        def results():
            states: dict[int, Any] = {}
            for element in dataset:
                parts = element if isinstance(element, tuple) else (element,)
                key = int(key_func(*parts))
                if key not in states:
                    states[key] = reducer.init_func(as_tensor(key).long())
                states[key] = reducer.reduce_func(states[key], *parts)
            for _, state in sorted(states.items()):
                yield reducer.finalize_func(state)

        return Dataset.from_generator(results)

    return apply


def dense_to_ragged_batch(batch_size, drop_remainder=False, row_splits_dtype="int64") -> Callable:
    """For `apply`: what `Dataset.ragged_batch` does."""
    return lambda dataset: dataset.ragged_batch(batch_size, drop_remainder, row_splits_dtype)


def parallel_interleave(
    map_func,
    cycle_length,
    block_length=1,
    sloppy=False,
    buffer_output_elements=None,
    prefetch_input_elements=None,
) -> Callable:
    """For `apply`: what `Dataset.interleave` does."""
    return lambda dataset: dataset.interleave(map_func, cycle_length, block_length)


def from_list(elements: list, name: str | None = None) -> Dataset:
    """The elements of a list, which may be structures."""
    return Dataset.from_generator(lambda: iter(elements)).apply(assert_cardinality(len(elements)))


def at(dataset: Dataset, index: int) -> Any:
    """The element at a place, counted from 0.

    Raises:
        OutOfRangeError: there is none.
    """
    for element in dataset.skip(int(index)).take(1):
        return element
    raise OutOfRangeError(f"Index is out of range. Received: index={index}")


def get_structure(dataset_or_iterator: Any) -> Any:
    """What the elements are like."""
    return dataset_or_iterator.element_spec


def enable_debug_mode() -> None:
    """Pipelines run in Python in any case."""


def copy_to_device(target_device: Any, source_device: Any = "/cpu:0") -> Callable:
    """For `apply`: the dataset; elements are on the default device when they are used."""
    return lambda dataset: dataset


def snapshot(path: str, compression="AUTO", reader_func=None, shard_func=None) -> Callable:
    """For `apply`: the elements from a folder, where a first pass puts them."""
    return lambda dataset: dataset.snapshot(path)


def ignore_errors(log_warning: bool = False) -> Callable:
    """For `apply`: without the elements that are errors."""
    return lambda dataset: dataset.ignore_errors(log_warning)


def scan(initial_state: Any, scan_func: Callable) -> Callable:
    """For `apply`: what `Dataset.scan` does."""
    return lambda dataset: dataset.scan(initial_state, scan_func)


def RandomDataset(seed: int | None = None) -> Dataset:  # noqa: N802
    """Random numbers without end."""
    return Dataset.random(seed)


def get_next_as_optional(iterator: Any) -> Optional:
    """The next element, or none at the end."""
    return iterator.get_next_as_optional()


__getattr__ = missing_from("tf.data.experimental")
