"""`tf.data.experimental`: older names of `tf.data`, and tables in CSV files."""

from collections.abc import Callable
from typing import Any

from torchkeras._data.pipeline import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from torchkeras.tf._missing import missing_from
from torchkeras.tf._records import RecordWriter
from torchkeras.tf._tensor import EagerTensor
from torchkeras.tf.data._csv import CsvDataset, make_csv_dataset
from torchkeras.tf.data._dataset import Dataset

__all__ = [
    "AUTOTUNE",
    "AutoShardPolicy",
    "Counter",
    "CsvDataset",
    "INFINITE_CARDINALITY",
    "TFRecordWriter",
    "UNKNOWN_CARDINALITY",
    "assert_cardinality",
    "bucket_by_sequence_length",
    "cardinality",
    "choose_from_datasets",
    "enumerate_dataset",
    "get_single_element",
    "group_by_window",
    "load",
    "make_csv_dataset",
    "map_and_batch",
    "prefetch_to_device",
    "rejection_resample",
    "sample_from_datasets",
    "save",
    "shuffle_and_repeat",
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


__getattr__ = missing_from("tf.data.experimental")
