"""`tf.RaggedTensor`: rows of different lengths, one after the other."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras.tf._arrays import concat, reshape
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._specs import RaggedTensorSpec
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import EagerTensor, TensorShape, sealed
from torchkeras.tf.dtypes import as_dtype, string, torch_dtype

__all__ = ["RaggedTensor"]


class RaggedTensor:
    """Rows of different lengths: `values` of all rows, and where each row begins and ends.

    `values` may be ragged itself. Made by `tf.ragged.constant` and the `from_` methods.
    """

    is_composite = True

    def __init__(self, values: Any, row_splits: Any):
        self.values = values
        self.row_splits = sealed(as_tensor(row_splits).long())

    # ---- made from

    @classmethod
    def from_row_splits(cls, values, row_splits, name=None, validate=True) -> "RaggedTensor":
        """Row i is `values[row_splits[i]:row_splits[i + 1]]`."""
        return cls(_values(values), row_splits)

    @classmethod
    def from_row_lengths(cls, values, row_lengths, name=None, validate=True) -> "RaggedTensor":
        """Rows of the given lengths."""
        lengths = as_tensor(row_lengths).long()
        return cls(_values(values), torch.cat((lengths.new_zeros(1), lengths.cumsum(0))))

    @classmethod
    def from_row_starts(cls, values, row_starts, name=None, validate=True) -> "RaggedTensor":
        """Rows that begin at the given places."""
        values, starts = _values(values), as_tensor(row_starts).long()
        return cls(values, torch.cat((starts, starts.new_tensor([len(values)]))))

    @classmethod
    def from_value_rowids(cls, values, value_rowids, nrows=None, name=None, validate=True):
        """Each value with the number of its row, in ascending order."""
        numbers = as_tensor(value_rowids).long()
        count = int(nrows) if nrows is not None else int(numbers[-1]) + 1 if len(numbers) else 0
        return cls.from_row_lengths(values, torch.bincount(numbers, minlength=count))

    @classmethod
    def from_tensor(
        cls,
        tensor,
        lengths=None,
        padding=None,
        ragged_rank=1,
        name=None,
        row_splits_dtype="int64",
    ):
        """The rows of a tensor: their first `lengths` elements, or those before the padding.

        Args:
            lengths: of the rows of the innermost ragged axis; or for each ragged axis, the outer
                first, a list.
            padding: an element; what is equal to it at the end of rows is left out.
            ragged_rank: the number of ragged axes.

        Raises:
            ValueError: `lengths` and `padding`, or not of the shapes that the tensor asks for.
        """
        x = as_tensor(tensor)
        nested = isinstance(lengths, list | tuple) and len(lengths) and np.ndim(lengths[0])
        ragged_rank = len(lengths) if nested else ragged_rank
        if lengths is not None and padding is not None:
            raise ValueError("Specify argument `lengths` or `padding`, but not both.")
        if not 0 < ragged_rank < len(x.shape):
            raise ValueError(
                "Argument `ragged_rank` must be greater than 0 and less than the number of axes. "
                f"Received: ragged_rank={ragged_rank} for a tensor of shape {tuple(x.shape)}"
            )
        if nested:
            outer = cls.from_tensor(x, lengths[0])
            if ragged_rank == 1:
                return outer
            return cls(cls.from_tensor(outer.values, lengths[1:]), outer.row_splits)
        if ragged_rank > 1:
            flat = reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))
            values = cls.from_tensor(flat, lengths, padding, ragged_rank - 1)
            return cls.from_row_lengths(values, torch.full((x.shape[0],), x.shape[1]))
        if padding is not None:
            lengths = _lengths_before(x, padding)
        lengths = (
            torch.full((len(x),), x.shape[1]) if lengths is None else as_tensor(lengths).long()
        )
        if lengths.shape != x.shape[:1]:
            raise ValueError(
                f"Shapes {tuple(lengths.shape)} of `lengths` and {tuple(x.shape)} of the tensor "
                "are incompatible"
            )
        lengths = lengths.cpu().clamp(0, x.shape[1])
        kept = torch.arange(x.shape[1]) < lengths.unsqueeze(1)
        if isinstance(x, StringTensor):
            return cls.from_row_lengths(StringTensor(x.values[kept.numpy()]), lengths)
        return cls.from_row_lengths(sealed(x[kept.to(x.device)]), lengths)

    @classmethod
    def from_rows(cls, rows: list, dtype: Any) -> "RaggedTensor":
        """Of tensors, all ragged or none."""
        if any(isinstance(row, RaggedTensor) for row in rows):
            inner = [item for row in rows for item in row]
            return cls.from_row_lengths(cls.from_rows(inner, dtype), [len(row) for row in rows])
        lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
        if not rows or as_dtype(dtype) == string:
            words = [word for row in rows for word in row.values]
            flat = StringTensor(np.array(words, object)) if as_dtype(dtype) == string else None
            blank = torch.zeros(0, dtype=torch_dtype(dtype)) if flat is None else flat
            return cls.from_row_lengths(blank, lengths)
        return cls.from_row_lengths(sealed(torch.cat(list(rows)).to(torch_dtype(dtype))), lengths)

    @classmethod
    def from_lists(cls, lists: list, dtype: Any = None, rank: int | None = None, inner=None) -> Any:
        """Of nested lists; a plain tensor where they are not nested, or not ragged: `rank` axes
        are, and what is left has the shape `inner`, if that is given."""
        if rank is None and not any(isinstance(x, list | tuple | np.ndarray) for x in lists):
            return _leaf(lists, dtype)
        if rank == 0:
            return _leaf(lists, dtype, inner)
        flat = [item for row in lists for item in row]
        rank = None if rank is None else rank - 1
        if rank == 0 and inner is not None:
            inner = (len(flat), *inner)
        lengths = torch.tensor([len(row) for row in lists], dtype=torch.int64)
        return cls.from_row_lengths(cls.from_lists(flat, dtype, rank, inner), lengths)

    # ---- what there is

    @property
    def flat_values(self) -> Any:
        """The values of the innermost rows."""
        is_nested = isinstance(self.values, RaggedTensor)
        return self.values.flat_values if is_nested else self.values

    @property
    def nested_row_splits(self) -> tuple:
        """The row splits of all axes, the outermost first."""
        inner = self.values.nested_row_splits if isinstance(self.values, RaggedTensor) else ()
        return (self.row_splits, *inner)

    @property
    def ragged_rank(self) -> int:
        """The number of axes with rows of different lengths."""
        return len(self.nested_row_splits)

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return as_dtype(self.flat_values.dtype)

    @property
    def shape(self) -> TensorShape:
        """The shape; None for an axis with rows of different lengths."""
        return TensorShape((len(self), None, *self.values.shape[1:]))

    def get_shape(self) -> TensorShape:
        """The shape."""
        return self.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def spec(self) -> RaggedTensorSpec:
        """What this is like."""
        return RaggedTensorSpec(self.shape, self.dtype, self.ragged_rank)

    def nrows(self, out_type="int64", name=None) -> EagerTensor:
        """The number of rows."""
        return sealed(torch.tensor(len(self), dtype=torch_dtype(out_type)))

    def row_lengths(self, axis=1, name=None) -> Any:
        """The lengths of the rows."""
        if axis > 1:
            return self.with_values(self.values.row_lengths(axis - 1))
        return sealed(self.row_splits[1:] - self.row_splits[:-1])

    def row_starts(self, name=None) -> EagerTensor:
        """Where each row begins."""
        return self.row_splits[:-1]

    def value_rowids(self, name=None) -> EagerTensor:
        """For each value the number of its row."""
        numbers = torch.arange(len(self), device=self.row_splits.device)
        return sealed(torch.repeat_interleave(numbers, self.row_lengths()))

    def bounding_shape(self, axis=None, name=None, out_type=None) -> EagerTensor:
        """The sizes that hold all rows."""
        longest = int(self.row_lengths().max()) if len(self) else 0
        inner = self.values
        rest = inner.bounding_shape()[1:].tolist() if isinstance(inner, RaggedTensor) else []
        rest = rest or list(inner.shape[1:])
        sizes = torch.tensor([len(self), longest, *rest])
        return sealed(sizes if axis is None else sizes[axis])

    def dynamic_shape(self, out_type: Any) -> EagerTensor:
        """What `tf.shape` gives: the sizes that hold all rows."""
        return sealed(self.bounding_shape().to(torch_dtype(out_type)))

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __iter__(self) -> Iterator:
        bounds = self.row_splits.tolist()
        return (self.values[begin:end] for begin, end in zip(bounds, bounds[1:]))

    def __getitem__(self, key) -> Any:
        key, rest = (key[0], key[1:]) if isinstance(key, tuple) else (key, ())
        if isinstance(key, slice):
            rows = list(self)[key]
            rows = [row[rest if len(rest) > 1 else rest[0]] for row in rows] if rest else rows
            if rows and not rows[0].shape:
                return sealed(torch.stack(rows))
            return RaggedTensor.from_rows(rows, self.dtype)
        bounds = self.row_splits[int(key) : int(key) + 2].tolist() if int(key) >= 0 else None
        row = list(self)[int(key)] if bounds is None else self.values[bounds[0] : bounds[1]]
        return row[rest if len(rest) > 1 else rest[0]] if rest else row

    def gathered(self, indices: Any) -> "RaggedTensor":
        """The rows at the given places."""
        rows = list(self)
        return RaggedTensor.from_rows([rows[int(i)] for i in indices], self.dtype)

    # ---- made into

    def with_values(self, new_values: Any) -> "RaggedTensor":
        """The same rows of other values."""
        return RaggedTensor(new_values, self.row_splits)

    def with_flat_values(self, new_values: Any) -> "RaggedTensor":
        """The same rows with other innermost values."""
        if isinstance(self.values, RaggedTensor):
            new_values = self.values.with_flat_values(new_values)
        return self.with_values(new_values)

    def to_list(self) -> list:
        """Nested lists; strings as bytes."""
        rows = iter(self)
        return [r.to_list() if isinstance(r, RaggedTensor) else r.tolist() for r in rows]

    def numpy(self) -> np.ndarray:
        """An array of arrays, one for each row; one array where all rows are of a length."""
        rows = [row.numpy() for row in self]
        if len({row.shape for row in rows}) == 1 and not any(r.dtype == object for r in rows):
            return np.stack(rows)
        array = np.empty(len(rows), object)
        for index, row in enumerate(rows):
            array[index] = row
        return array

    def to_tensor(self, default_value=None, name=None, shape=None) -> Any:
        """A tensor in which short rows are filled up, with 0 or "" by default.

        Args:
            shape: sizes to fill up or cut to; None for those of the longest row.
        """
        rows = [
            row.to_tensor(default_value) if isinstance(row, RaggedTensor) else row for row in self
        ]
        sizes = self.bounding_shape().tolist()
        wanted = [None] * len(sizes) if shape is None else list(shape)
        sizes = [size if want in (None, -1) else int(want) for size, want in zip(sizes, wanted)]
        if as_dtype(self.dtype) == string:
            whole = np.full(sizes, "" if default_value is None else default_value, object)
            for place, row in zip(whole, rows):
                part = row.values[tuple(slice(size) for size in place.shape)]
                place[tuple(map(slice, part.shape))] = part
            return StringTensor(whole)
        fill = 0 if default_value is None else default_value
        flat = self.flat_values
        whole = torch.full(sizes, fill, dtype=flat.dtype, device=flat.device)
        for index, row in enumerate(rows[: len(whole)]):
            part = row[tuple(slice(size) for size in whole.shape[1:])]
            whole[(index, *map(slice, part.shape))] = part
        return sealed(whole)

    def to_sparse(self, name=None) -> Any:
        """A `tf.SparseTensor` of the values."""
        raise TypeError("A ragged tensor has no sparse form here; use `to_tensor()`.")

    def merge_dims(self, outer_axis: int, inner_axis: int) -> Any:
        """The rows of two neighbouring axes as one axis."""
        if outer_axis == 0 and inner_axis == 1:
            return self.values
        if outer_axis == 1 and inner_axis == 2:
            inner = self.values
            return RaggedTensor(inner.values, inner.row_splits[self.row_splits])
        return self.with_values(self.values.merge_dims(outer_axis - 1, inner_axis - 1))

    def expanded(self, axis: int) -> "RaggedTensor":
        """One more axis, of size 1."""
        if axis == 0:
            return RaggedTensor.from_row_lengths(self, [len(self)])
        if axis == 1:
            return RaggedTensor.from_row_lengths(self, [1] * len(self))
        values = self.values
        if isinstance(values, RaggedTensor):
            return self.with_values(values.expanded(axis - 1))
        return self.with_values(sealed(values[:, None]))

    def joined(self, others: list, axis: int) -> "RaggedTensor":
        """The rows of several, one after the other (axis 0) or side by side (axis 1)."""
        others = [o if isinstance(o, RaggedTensor) else RaggedTensor.from_tensor(o) for o in others]
        parts = [list(part) for part in (self, *others)]
        if axis == 0:
            return RaggedTensor.from_rows([row for rows in parts for row in rows], self.dtype)
        rows = [concat(list(pieces), axis - 1) for pieces in zip(*parts)]
        return RaggedTensor.from_rows(rows, self.dtype)

    def reduced(self, function: Callable, axis: Any, keepdims: bool) -> Any:
        """What a reduction gives: of all values, of each row, or of each column."""
        if axis is None:
            flat = self.flat_values
            return function(flat, tuple(range(flat.dim())), keepdims)
        if axis in (1, -1) and not isinstance(self.values, RaggedTensor):
            return torch.stack([function(row, (0,), keepdims) for row in self])
        if axis == 0:
            columns = range(int(self.row_lengths().max()))
            rows = list(self)
            picked = (torch.stack([row[c] for row in rows if len(row) > c]) for c in columns)
            return torch.stack([function(column, (0,), False) for column in picked])
        inner = axis - 1 if axis > 0 else axis
        return self.with_values(sealed(self.values.reduced(function, inner, keepdims)))

    # ---- operators

    def _computed(self, other: Any, function: Callable) -> "RaggedTensor":
        if isinstance(other, RaggedTensor):
            return self.with_flat_values(function(self.flat_values, other.flat_values))
        if isinstance(other, Tensor) and other.dim():
            other = sealed(other.reshape(-1)[self.value_rowids()])
        return self.with_flat_values(function(self.flat_values, other))

    def __add__(self, other):
        return self._computed(other, lambda x, y: x + y)

    def __radd__(self, other):
        return self._computed(other, lambda x, y: y + x)

    def __sub__(self, other):
        return self._computed(other, lambda x, y: x - y)

    def __rsub__(self, other):
        return self._computed(other, lambda x, y: y - x)

    def __mul__(self, other):
        return self._computed(other, lambda x, y: x * y)

    __rmul__ = __mul__

    def __truediv__(self, other):
        return self._computed(other, lambda x, y: x / y)

    def __floordiv__(self, other):
        return self._computed(other, lambda x, y: x // y)

    def __mod__(self, other):
        return self._computed(other, lambda x, y: x % y)

    def __pow__(self, other):
        return self._computed(other, lambda x, y: x**y)

    def __eq__(self, other):
        return self._computed(other, lambda x, y: x == y)

    def __ne__(self, other):
        return self._computed(other, lambda x, y: x != y)

    def __lt__(self, other):
        return self._computed(other, lambda x, y: x < y)

    def __le__(self, other):
        return self._computed(other, lambda x, y: x <= y)

    def __gt__(self, other):
        return self._computed(other, lambda x, y: x > y)

    def __ge__(self, other):
        return self._computed(other, lambda x, y: x >= y)

    def __neg__(self):
        return self.with_flat_values(-self.flat_values)

    __hash__ = None

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def _values(values: Any) -> Any:
    return values if isinstance(values, RaggedTensor) else sealed(as_tensor(values))


def _lengths_before(x: Any, padding: Any) -> Tensor:
    """How long the rows are without the padding at their ends."""
    blank = as_tensor(padding)
    if tuple(blank.shape) != tuple(x.shape[2:]):
        raise ValueError(
            f"Shapes {tuple(blank.shape)} of `padding` and {tuple(x.shape[2:])} of an element are "
            "incompatible"
        )
    if isinstance(x, StringTensor):
        differs = torch.from_numpy((x.numpy() != blank.numpy()).astype(bool))
    else:
        differs = (x != blank.to(x.dtype)).cpu()
    seen = differs.flatten(2).any(-1) if differs.dim() > 2 else differs
    return (seen * torch.arange(1, seen.shape[1] + 1)).amax(1) if seen.shape[1] else seen.sum(1)


def _leaf(values: list, dtype: Any, shape: tuple | None = None) -> Any:
    if shape is not None:
        found = _leaf(values, dtype)
        if math.prod(found.shape) != math.prod(shape):
            raise TypeError(
                f"Values of shape {tuple(found.shape)} have not the `inner_shape` that was asked "
                f"for, {tuple(shape)}."
            )
        return reshape(found, shape)
    if not len(values) and dtype is None:
        return sealed(torch.zeros(0, device=_config.default_device()))
    if dtype is not None and as_dtype(dtype) == string and not len(values):
        return StringTensor(np.empty(0, object))
    return sealed(as_tensor(list(values), dtype))
