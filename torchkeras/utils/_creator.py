"""Datasets that a function makes where they are needed."""

from collections.abc import Callable
from typing import Any

__all__ = ["DatasetCreator"]


class DatasetCreator:
    """A function that makes a dataset, for code that decides when and with what it is called.

    Args:
        dataset_fn: makes the dataset; its arguments are those of the call of this object.
        input_options: kept for who calls it.
    """

    def __init__(self, dataset_fn: Callable, input_options: Any = None):
        if not callable(dataset_fn):
            raise TypeError(
                "`dataset_fn` for `DatasetCreator` must be a `callable`. "
                f"Received: dataset_fn={dataset_fn!r}"
            )
        self.dataset_fn = dataset_fn
        self.input_options = input_options

    def __call__(self, *args, **kwargs):
        dataset = self.dataset_fn(*args, **kwargs)
        if not hasattr(dataset, "__iter__"):
            raise TypeError(
                "The `callable` provided to `DatasetCreator` must return a dataset. "
                f"Received: {dataset!r} of type {type(dataset)}"
            )
        return dataset
