"""`tf.ragged`: making ragged tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras.tf._convert import as_shape, as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._rows import rows_dtype, splits_of_ids, whole_numbers
from torchkeras.tf._tensor import sealed
from torchkeras.tf.dtypes import as_dtype

__all__ = [
    "boolean_mask",
    "constant",
    "map_flat_values",
    "range",
    "row_splits_to_segment_ids",
    "segment_ids_to_row_splits",
    "stack",
    "stack_dynamic_partitions",
]

_range = range


def constant(
    pylist, dtype=None, ragged_rank=None, inner_shape=None, name=None, row_splits_dtype="int64"
) -> RaggedTensor:
    """A ragged tensor of nested lists.

    Args:
        pylist: nested lists of numbers or strings, all at the same depth.
        dtype: of the values.
        ragged_rank: the number of axes, after the first, with rows of different lengths; None: all
            that `inner_shape` does not hold.
        inner_shape: the shape of the values in the innermost rows; None: as it is found.

    Raises:
        ValueError: lists that are not nested so.
        TypeError: values that do not have the `inner_shape`.
    """
    inner = None if inner_shape is None else tuple(as_shape(inner_shape))
    depth = _depth(pylist)
    if inner is not None and ragged_rank is None:
        ragged_rank = max(0, (depth or 0) - 1 - len(inner))
    if ragged_rank is None:
        return _with_splits(RaggedTensor.from_lists(pylist, dtype), row_splits_dtype)
    if depth is not None and depth <= ragged_rank:
        raise ValueError(
            f"pylist has scalar values depth {depth}, but ragged_rank={ragged_rank} requires "
            f"scalar value depth greater than {ragged_rank}"
        )
    if inner is not None and ragged_rank and depth not in (None, ragged_rank + 1 + len(inner)):
        raise ValueError(
            f"Invalid pylist={pylist}: incompatible with ragged_rank={ragged_rank} and "
            f"dim(inner_shape)={len(inner)}"
        )
    made = RaggedTensor.from_lists(pylist, dtype, ragged_rank, inner)
    return _with_splits(made, row_splits_dtype)


def _with_splits(made: Any, dtype: Any) -> Any:
    return made.with_row_splits_dtype(dtype) if isinstance(made, RaggedTensor) else made


def _depth(lists: Any) -> int | None:
    """How deep the values are in nested lists; None where there are none.

    Raises:
        ValueError: not all as deep as each other.
    """
    if not isinstance(lists, list | tuple | np.ndarray):
        return 0
    depths = {_depth(item) for item in lists} - {None}
    if len(depths) > 1:
        raise ValueError("all scalar values must have the same nesting depth")
    return 1 + depths.pop() if depths else None


def stack(values: list, axis: int = 0, name: str | None = None) -> RaggedTensor:
    """Tensors of different lengths as the rows of a ragged one."""
    if axis:
        raise ValueError(f"Ragged tensors are stacked along axis 0. Received: axis={axis}")
    rows = [row if isinstance(row, RaggedTensor) else as_tensor(row) for row in values]
    return RaggedTensor.from_rows(rows, rows[0].dtype)


def range(starts, limits=None, deltas=1, dtype=None, name=None, row_splits_dtype="int64"):
    """Rows of numbers, each from a start up to a limit."""
    if limits is None:
        starts, limits = torch.zeros_like(as_tensor(starts)), starts
    bounds = torch.broadcast_tensors(*map(as_tensor, (starts, limits, deltas)))
    rows = [torch.arange(*row).to(bounds[0].dtype) for row in zip(*(b.tolist() for b in bounds))]
    made = RaggedTensor.from_rows(rows, bounds[0].dtype if dtype is None else as_dtype(dtype))
    return made.with_row_splits_dtype(row_splits_dtype)


def boolean_mask(data, mask, name=None) -> RaggedTensor:
    """The elements of each row for which the mask is true."""
    x, mask = as_tensor(data), as_tensor(mask)
    if mask.ndim == 1:
        places = torch.nonzero(mask.bool()).reshape(-1)
        return x.gathered(places) if isinstance(x, RaggedTensor) else sealed(x[mask.bool()])
    rows = [boolean_mask(row, keep) for row, keep in zip(x, mask, strict=True)]
    return RaggedTensor.from_rows(rows, x.dtype)


def map_flat_values(op: Callable, *args: Any, **kwargs: Any) -> Any:
    """`op` of the innermost values; the rows stay as they are."""
    first = next(a for a in (*args, *kwargs.values()) if isinstance(a, RaggedTensor))

    def flat(value):
        return value.flat_values if isinstance(value, RaggedTensor) else value

    result = op(*map(flat, args), **{key: flat(value) for key, value in kwargs.items()})
    return first.with_flat_values(result)


def row_splits_to_segment_ids(splits, name=None, out_type=None):
    """For each value the number of its row."""
    splits = whole_numbers("splits", splits)
    values = torch.arange(int(splits[-1]), device=splits.device)
    numbers = RaggedTensor.from_row_splits(values, splits).value_rowids()
    return sealed(numbers if out_type is None else numbers.to(rows_dtype(out_type)))


def segment_ids_to_row_splits(segment_ids, num_segments=None, out_type=None, name=None):
    """Where each row begins and ends, of the number of the row of each value."""
    numbers = whole_numbers("segment_ids", segment_ids)
    splits = splits_of_ids(numbers, num_segments, numbers, validate=True)
    return sealed(splits if out_type is None else splits.to(rows_dtype(out_type)))


def stack_dynamic_partitions(data, partitions, num_partitions, name=None) -> RaggedTensor:
    """The elements of each partition as a row."""
    x, numbers = as_tensor(data), as_tensor(partitions)
    rows = [x[numbers == number] for number in _range(int(num_partitions))]
    return RaggedTensor.from_rows(rows, x.dtype)


__getattr__ = missing_from("tf.ragged")
