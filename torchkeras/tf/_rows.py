"""Where the rows of a ragged tensor begin and end: made of what is given, and checked."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras.tf._convert import as_tensor
from torchkeras.tf.dtypes import as_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = ["rows_dtype", "splits_of_ids", "splits_of_lengths", "splits_of_splits", "whole_numbers"]

_DTYPES = (torch.int32, torch.int64)


def rows_dtype(dtype: Any) -> torch.dtype:
    """The dtype of row splits.

    Raises:
        ValueError: neither int32 nor int64.
    """
    found = as_dtype(dtype).torch
    if found not in _DTYPES:
        raise ValueError(f"row_splits must have dtype int32 or int64. Received: dtype={dtype}")
    return found


def whole_numbers(name: str, value: Any) -> Tensor:
    """A list, array or tensor of int32 or int64 numbers; those of a list become int64.

    Raises:
        ValueError: other numbers, or not one axis of them.
    """
    x = as_tensor(value)
    if not isinstance(value, Tensor | np.ndarray) and (x.dtype == torch.int32 or not len(x)):
        x = x.long()
    if x.dtype not in _DTYPES:
        raise ValueError(f"{name} must have dtype int32 or int64. Received: {name}={value}")
    if x.dim() != 1:
        raise ValueError(f"Shape {tuple(x.shape)} of {name} must have rank 1.")
    return x


def _check(holds: Any, message: str, numbers: Tensor) -> None:
    if not bool(holds):
        raise InvalidArgumentError(
            f"Arguments do not form a valid RaggedTensor: {message}. Received: {numbers.tolist()}"
        )


def splits_of_splits(splits: Tensor, values: Any, validate: bool) -> Tensor:
    """The splits themselves, which have to lead from 0 to the number of values.

    Raises:
        ValueError: there are none.
        InvalidArgumentError: they do not, and `validate` is set.
    """
    if not len(splits):
        raise ValueError("row_splits tensor may not be empty.")
    if validate:
        _check(splits[0] == 0, "the first row has to begin at 0", splits)
        _check((splits.diff() >= 0).all(), "a row may not end before it begins", splits)
        count = values.shape[0]
        _check(splits[-1] == count, f"the rows have to hold all {count} values", splits)
    return splits


def splits_of_lengths(lengths: Tensor, values: Any = None, validate: bool = False) -> Tensor:
    """The splits of rows of the given lengths.

    Raises:
        InvalidArgumentError: a length is negative, or the rows do not hold all values, and
            `validate` is set.
    """
    splits = torch.cat((lengths.new_zeros(1), lengths.cumsum(0, dtype=lengths.dtype)))
    return splits_of_splits(splits, values, True) if validate else splits


def splits_of_ids(numbers: Tensor, nrows: Any, values: Any, validate: bool) -> Tensor:
    """The splits of rows, of the number of the row of each value.

    Raises:
        ValueError: not as many numbers as values, or `nrows` is too small for them.
        InvalidArgumentError: the numbers are negative or descend, and `validate` is set.
    """
    if len(numbers) != values.shape[0]:
        raise ValueError(f"Shapes ({values.shape[0]},) and ({len(numbers)},) are incompatible")
    if validate and len(numbers):
        _check(numbers[0] >= 0, "`value_rowids` may not be negative", numbers)
        _check((numbers.diff() >= 0).all(), "`value_rowids` may not descend", numbers)
    least = int(numbers[-1]) + 1 if len(numbers) else 0
    count = least if nrows is None else int(nrows)
    if count < 0:
        raise ValueError(f"Expected nrows >= 0; got {count}")
    if count < least:
        raise ValueError(
            f"Expected nrows >= value_rowids[-1] + 1; got nrows={count}, "
            f"value_rowids[-1]={least - 1}"
        )
    lengths = torch.bincount(numbers, minlength=count).to(numbers.dtype)
    return splits_of_lengths(lengths)
