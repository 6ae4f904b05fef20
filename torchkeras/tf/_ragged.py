"""`tf.RaggedTensor`: rows of different lengths, one after the other."""

import math
import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras.tf._arrays import concat, reshape
from torchkeras.tf._convert import as_tensor, int_axes
from torchkeras.tf._rows import (
    rows_dtype,
    splits_of_ids,
    splits_of_lengths,
    splits_of_splits,
    whole_numbers,
)
from torchkeras.tf._specs import RaggedTensorSpec
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import EagerTensor, TensorShape, functions, sealed
from torchkeras.tf.dtypes import as_dtype, string, torch_dtype
from torchkeras.tf.errors import InvalidArgumentError
from torchkeras.tf.sparse import SparseTensor

__all__ = ["RaggedTensor"]


_NUMBERS = int | float | complex | str | bytes


def _operator(function: Callable) -> Callable:
    return lambda self, other: self.computed(function, self, _operand(self, other))


def _reflected(function: Callable) -> Callable:
    return lambda self, other: self.computed(function, _operand(self, other), self)


def _operand(self: "RaggedTensor", other: Any) -> Any:
    """Lists and arrays as tensors of the dtype of the values."""
    is_known = isinstance(other, RaggedTensor | Tensor | StringTensor | _NUMBERS)
    return other if is_known else as_tensor(other, self.dtype)


class RaggedTensor:
    """Rows of different lengths: `values` of all rows, and where each row begins and ends.

    `values` may be ragged itself. Made by `tf.ragged.constant` and the `from_` methods.

    Args:
        values: of all rows, one after the other.
        row_splits: row i is `values[row_splits[i]:row_splits[i + 1]]`; int32 or int64.
        uniform_row_length: the length of all rows, where it is always the same.
    """

    is_composite = True
    __array_ufunc__ = None  # an array leaves its operators to this class

    def __init__(self, values: Any, row_splits: Any, uniform_row_length: int | None = None):
        self.values = values
        self.row_splits = sealed(whole_numbers("row_splits", row_splits).to(self.device))
        self.uniform_row_length = uniform_row_length

    # ---- made from

    @classmethod
    def from_row_splits(cls, values, row_splits, name=None, validate=True) -> "RaggedTensor":
        """Row i is `values[row_splits[i]:row_splits[i + 1]]`.

        Raises, as the other `from_` methods do:
            ValueError: no int32 or int64 numbers, or not one axis of them.
            InvalidArgumentError: rows that do not hold the values, each once and in order; not
                looked for where `validate` is False.
        """
        values = _values(values)
        splits = whole_numbers("row_splits", row_splits)
        return cls(values, splits_of_splits(splits, values, validate))

    @classmethod
    def from_row_lengths(cls, values, row_lengths, name=None, validate=True) -> "RaggedTensor":
        """Rows of the given lengths."""
        values, lengths = _values(values), whole_numbers("row_lengths", row_lengths)
        return cls(values, splits_of_lengths(lengths, values, validate))

    @classmethod
    def from_row_starts(cls, values, row_starts, name=None, validate=True) -> "RaggedTensor":
        """Rows that begin at the given places."""
        values, starts = _values(values), whole_numbers("row_starts", row_starts)
        splits = torch.cat((starts, starts.new_tensor([values.shape[0]])))
        return cls(values, splits_of_splits(splits, values, validate))

    @classmethod
    def from_row_limits(cls, values, row_limits, name=None, validate=True) -> "RaggedTensor":
        """Rows that end before the given places."""
        values, limits = _values(values), whole_numbers("row_limits", row_limits)
        splits = torch.cat((limits.new_zeros(1), limits))
        return cls(values, splits_of_splits(splits, values, validate))

    @classmethod
    def from_value_rowids(cls, values, value_rowids, nrows=None, name=None, validate=True):
        """Each value with the number of its row, in ascending order."""
        values, numbers = _values(values), whole_numbers("value_rowids", value_rowids)
        return cls(values, splits_of_ids(numbers, nrows, values, validate))

    @classmethod
    def from_uniform_row_length(
        cls, values, uniform_row_length, nrows=None, validate=True, name=None
    ) -> "RaggedTensor":
        """Rows of one length; `nrows` of them, which has to be said where that is 0.

        Raises:
            ValueError: a negative length, or other than all values in the rows.
        """
        values, length = _values(values), int(uniform_row_length)
        if length < 0:
            raise ValueError(f"uniform_row_length must be >= 0. Received: {length}")
        count = values.shape[0] // length if length else int(nrows or 0)
        if nrows not in (None, count) or (validate and count * length != values.shape[0]):
            raise ValueError(
                f"uniform_row_length={length} times nrows={count if nrows is None else nrows} "
                f"must equal nvals={values.shape[0]}"
            )
        return cls(values, torch.arange(count + 1) * length, length)

    @classmethod
    def _nested(cls, make: Callable, values: Any, parts: Any, **options: Any) -> "RaggedTensor":
        for part in reversed(list(parts)):
            values = make(values, part, **options)
        return values

    @classmethod
    def from_nested_row_splits(cls, flat_values, nested_row_splits, name=None, validate=True):
        """Rows within rows, by the row splits of each ragged axis, the outermost first."""
        return cls._nested(cls.from_row_splits, flat_values, nested_row_splits, validate=validate)

    @classmethod
    def from_nested_row_lengths(cls, flat_values, nested_row_lengths, name=None, validate=True):
        """Rows within rows, by the lengths of the rows of each ragged axis."""
        return cls._nested(cls.from_row_lengths, flat_values, nested_row_lengths, validate=validate)

    @classmethod
    def from_nested_value_rowids(
        cls, flat_values, nested_value_rowids, nested_nrows=None, name=None, validate=True
    ):
        """Rows within rows, by the numbers of the rows of each ragged axis."""
        counts = nested_nrows or [None] * len(nested_value_rowids)
        pairs = zip(nested_value_rowids, counts, strict=True)
        return cls._nested(
            lambda values, pair: cls.from_value_rowids(values, *pair, validate=validate),
            flat_values,
            pairs,
        )

    @classmethod
    def from_sparse(cls, st_input, name=None, row_splits_dtype="int64") -> "RaggedTensor":
        """The rows of a sparse matrix whose values stand at the beginning of their rows.

        Raises:
            TypeError: no sparse tensor.
            ValueError: not of two axes.
            InvalidArgumentError: a value stands after a place without one.
        """
        if not isinstance(st_input, SparseTensor):
            raise TypeError(f"Expected SparseTensor, got {type(st_input).__name__}")
        if st_input.shape.rank != 2:
            raise ValueError(f"rank(st_input) must be 2. Received: shape={st_input.shape}")
        numbers, places = st_input.indices.unbind(1)
        made = cls.from_value_rowids(st_input.values, numbers, int(st_input.dense_shape[0]))
        if not torch.equal(made.places()[1], places):
            raise InvalidArgumentError("SparseTensor is not right-ragged")
        return made.with_row_splits_dtype(row_splits_dtype)

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
        made = cls._of_tensor(as_tensor(tensor), lengths, padding, ragged_rank)
        return made.with_row_splits_dtype(row_splits_dtype)

    @classmethod
    def _of_tensor(cls, x, lengths=None, padding=None, ragged_rank=1) -> "RaggedTensor":
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
            outer = cls._of_tensor(x, lengths[0])
            if ragged_rank == 1:
                return outer
            return cls(cls._of_tensor(outer.values, lengths[1:]), outer.row_splits)
        if ragged_rank > 1:
            flat = reshape(x, (x.shape[0] * x.shape[1], *x.shape[2:]))
            values = cls._of_tensor(flat, lengths, padding, ragged_rank - 1)
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
    def device(self) -> torch.device:
        """Where the values are."""
        return self.flat_values.device

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
        return TensorShape((len(self), self.uniform_row_length, *self.values.shape[1:]))

    def get_shape(self) -> TensorShape:
        """The shape."""
        return self.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def spec(self) -> RaggedTensorSpec:
        """What this is like."""
        splits_dtype = as_dtype(self.row_splits.dtype)
        return RaggedTensorSpec(self.shape, self.dtype, self.ragged_rank, splits_dtype)

    def _counted(self, numbers: Any, dtype: Any = None) -> EagerTensor:
        """Numbers of rows or values, in the dtype of the row splits where none is asked for."""
        wanted = self.row_splits.dtype if dtype is None else torch_dtype(dtype)
        return sealed(torch.as_tensor(numbers, dtype=wanted, device=self.device))

    def nrows(self, out_type=None, name=None) -> EagerTensor:
        """The number of rows."""
        return self._counted(len(self), out_type)

    def row_lengths(self, axis=1, name=None) -> Any:
        """The lengths of the rows."""
        if axis > 1:
            return self.with_values(self.values.row_lengths(axis - 1))
        return sealed(self.row_splits[1:] - self.row_splits[:-1])

    def row_starts(self, name=None) -> EagerTensor:
        """Where each row begins."""
        return self.row_splits[:-1]

    def row_limits(self, name=None) -> EagerTensor:
        """Where each row ends."""
        return self.row_splits[1:]

    def value_rowids(self, name=None) -> EagerTensor:
        """For each value the number of its row."""
        numbers = torch.arange(len(self)).to(self.row_splits)
        return sealed(torch.repeat_interleave(numbers, self.row_lengths()))

    def nested_row_lengths(self, name=None) -> tuple:
        """The lengths of the rows of all axes, the outermost first."""
        inner = self.values.nested_row_lengths() if isinstance(self.values, RaggedTensor) else ()
        return (self.row_lengths(), *inner)

    def nested_value_rowids(self, name=None) -> tuple:
        """The numbers of the rows of all axes, the outermost first."""
        inner = self.values.nested_value_rowids() if isinstance(self.values, RaggedTensor) else ()
        return (self.value_rowids(), *inner)

    def places(self) -> list[Tensor]:
        """For each of the innermost rows' values its place along the first axis, and along each of
        the ragged ones."""
        rows = self.value_rowids()
        within = torch.arange(len(rows)).to(rows) - self.row_starts()[rows]
        if not isinstance(self.values, RaggedTensor):
            return [rows, within]
        outer, *inner = self.values.places()
        return [rows[outer], within[outer], *inner]

    def bounding_shape(self, axis=None, name=None, out_type=None) -> EagerTensor:
        """The sizes that hold all rows."""
        longest = int(self.row_lengths().max()) if len(self) else 0
        inner = self.values
        rest = inner.bounding_shape()[1:].tolist() if isinstance(inner, RaggedTensor) else []
        rest = rest or list(inner.shape[1:])
        sizes = self._counted([len(self), longest, *rest], out_type)
        return sizes if axis is None else sizes[axis]

    def dynamic_shape(self, out_type: Any) -> EagerTensor:
        """What `tf.shape` gives: the sizes that hold all rows."""
        return sealed(self.bounding_shape().to(torch_dtype(out_type)))

    def __len__(self) -> int:
        return len(self.row_splits) - 1

    def __iter__(self) -> Iterator:
        bounds = self.row_splits.tolist()
        return (self.values[begin:end] for begin, end in zip(bounds, bounds[1:]))

    def __getitem__(self, key) -> Any:
        key, rest = self._whole_key(key)
        if key is None:
            whole = self.expanded(0)
            return whole[(slice(None), *rest)] if rest else whole
        if isinstance(key, slice):
            rows = list(self)[key]
            if rest and rest[0] is None:
                whole = self[key].expanded(1)
                return whole[(slice(None), slice(None), *rest[1:])] if rest[1:] else whole
            if rest and not isinstance(rest[0], slice):
                if self.uniform_row_length is None:
                    raise ValueError("Cannot index into an inner ragged dimension.")
                columns = [row[rest if len(rest) > 1 else rest[0]] for row in rows]
                is_ragged = isinstance(self.values, RaggedTensor) and len(rest) == 1
                return self.like(columns) if is_ragged else sealed(torch.stack(columns))
            return self.like([row[rest] for row in rows] if rest else rows)
        bounds = self.row_splits[int(key) : int(key) + 2].tolist() if int(key) >= 0 else None
        row = list(self)[int(key)] if bounds is None else self.values[bounds[0] : bounds[1]]
        return row[rest if len(rest) > 1 else rest[0]] if rest else row

    def _whole_key(self, key: Any) -> tuple[Any, tuple]:
        """The index of the first axis, and those of the others, `...` written out."""
        keys = key if isinstance(key, tuple) else (key,)
        places = [place for place, part in enumerate(keys) if part is Ellipsis]
        if places:
            used = sum(part is not None and part is not Ellipsis for part in keys)
            left = (slice(None),) * (self.ndim - used)
            keys = (*keys[: places[0]], *left, *keys[places[0] + 1 :])
        return (keys[0], keys[1:]) if keys else (slice(None), ())

    def like(self, rows: list) -> "RaggedTensor":
        """A ragged tensor of other rows, with row splits of the same dtype."""
        made = RaggedTensor.from_rows(rows, rows[0].dtype if rows else self.dtype)
        return made.with_row_splits_dtype(self.row_splits.dtype)

    def gathered(self, indices: Any) -> "RaggedTensor":
        """The rows at the given places."""
        rows = list(self)
        return self.like([rows[int(i)] for i in indices])

    # ---- made into

    def with_values(self, new_values: Any) -> "RaggedTensor":
        """The same rows of other values."""
        return RaggedTensor(new_values, self.row_splits, self.uniform_row_length)

    def with_row_splits_dtype(self, dtype: Any) -> "RaggedTensor":
        """The same rows with int32 or int64 row splits."""
        splits, values = self.row_splits.to(rows_dtype(dtype)), self.values
        if isinstance(values, RaggedTensor):
            values = values.with_row_splits_dtype(dtype)
        return RaggedTensor(values, splits, self.uniform_row_length)

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
        flat = self.flat_values
        inner = torch.nonzero(torch.ones(tuple(flat.shape), device=self.device))
        outer = torch.stack(self.places(), 1)[inner[:, 0]]
        indices = torch.cat((outer.long(), inner[:, 1:]), 1)
        return SparseTensor(indices, reshape(flat, (-1,)), self.bounding_shape(out_type="int64"))

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
        axis %= self.ndim + 1
        if axis == 0:
            return RaggedTensor(self, self._counted([0, len(self)]))
        if axis == 1:
            return RaggedTensor(self, self._counted(range(len(self) + 1)), 1)
        values = self.values
        if isinstance(values, RaggedTensor):
            return self.with_values(values.expanded(axis - 1))
        return self.with_values(functions["tf.expand_dims"](values, axis - 1))

    def joined(self, others: list, axis: int) -> "RaggedTensor":
        """The rows of several, one after the other (axis 0) or side by side (axis 1)."""
        others = [o if isinstance(o, RaggedTensor) else RaggedTensor.from_tensor(o) for o in others]
        parts = [list(part) for part in (self, *others)]
        if axis == 0:
            return self.like([row for rows in parts for row in rows])
        return self.like([concat(list(pieces), axis - 1) for pieces in zip(*parts)])

    def reduced(self, function: Callable, axis: Any, keepdims: bool) -> Any:
        """What a reduction gives: of all values, of each row, or of each column. Of several axes
        the last comes first."""
        axes = sorted({place % self.ndim for place in int_axes(axis, self)}, reverse=True)
        if len(axes) == self.ndim:
            flat = self.flat_values
            whole = function(flat, tuple(range(flat.dim())), False)
            return whole.reshape([1] * self.ndim) if keepdims else whole
        found = self
        for place in axes:
            if isinstance(found, RaggedTensor):
                found = found._reduced_along(function, place, keepdims)
            else:
                found = function(found, (place,), keepdims)
        return found

    def _reduced_along(self, function: Callable, axis: int, keepdims: bool) -> Any:
        is_nested = isinstance(self.values, RaggedTensor)
        if axis == 0:
            found = self._reduced_rows(function)
            return functions["tf.expand_dims"](found, 0) if keepdims else found
        if axis > 1 and is_nested:
            values = self.values._reduced_along(function, axis - 1, keepdims)
            return self.with_values(sealed(values))
        if axis > 1:
            return self.with_values(sealed(function(self.values, (axis - 1,), keepdims)))
        if is_nested:
            found = self.like([row._reduced_rows(function) for row in self])
            return found.expanded(1) if keepdims else found
        if not len(self):
            return function(self.values.new_zeros((0, 1, *self.values.shape[1:])), (1,), keepdims)
        return torch.stack([function(row, (0,), keepdims) for row in self])

    def _reduced_rows(self, function: Callable) -> Any:
        """All rows as one: what the first elements give, the second ones, ..."""
        rows = list(self)
        count = int(self.row_lengths().max()) if rows else 0
        columns = [[row[c] for row in rows if len(row) > c] for c in range(count)]
        if not columns:
            return self.values[:0]
        if isinstance(self.values, RaggedTensor):
            inner = (RaggedTensor.from_rows(column, self.dtype) for column in columns)
            return self.like([part.reduced(function, 0, False) for part in inner])
        return torch.stack([function(torch.stack(column), (0,), False) for column in columns])

    # ---- operators

    @staticmethod
    def computed(function: Callable, *operands: Any) -> "RaggedTensor":
        """`function` of operands element by element; one of them is ragged, at least.

        The others are numbers, tensors that broadcast to the rows, and ragged tensors of the same
        rows.

        Raises:
            ValueError: int32 row splits beside int64 ones.
            InvalidArgumentError: other rows.
        """
        rows, flat = _aligned(operands)
        return rows.with_flat_values(sealed(function(*flat)))

    __add__, __radd__ = _operator(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _operator(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _operator(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _operator(operator.truediv), _reflected(operator.truediv)
    __floordiv__, __rfloordiv__ = _operator(operator.floordiv), _reflected(operator.floordiv)
    __mod__, __rmod__ = _operator(operator.mod), _reflected(operator.mod)
    __pow__, __rpow__ = _operator(operator.pow), _reflected(operator.pow)
    __and__, __rand__ = _operator(operator.and_), _reflected(operator.and_)
    __or__, __ror__ = _operator(operator.or_), _reflected(operator.or_)
    __xor__, __rxor__ = _operator(operator.xor), _reflected(operator.xor)
    __lt__, __le__ = _operator(operator.lt), _operator(operator.le)
    __gt__, __ge__ = _operator(operator.gt), _operator(operator.ge)

    def __eq__(self, other):
        return self._compared(operator.eq, other, otherwise=False)

    def __ne__(self, other):
        return self._compared(operator.ne, other, otherwise=True)

    def _compared(self, function: Callable, other: Any, otherwise: bool) -> Any:
        """What `==` and `!=` give; `otherwise` for what this cannot be compared with."""
        try:
            rows, flat = _aligned((self, _operand(self, other)))
        except (InvalidArgumentError, TypeError):
            return otherwise
        found = function(*flat)
        return found if isinstance(found, bool) else rows.with_flat_values(sealed(found))

    def __neg__(self):
        return self.with_flat_values(-self.flat_values)

    def __abs__(self):
        return self.with_flat_values(abs(self.flat_values))

    def __invert__(self):
        return self.with_flat_values(~self.flat_values)

    def __bool__(self):
        raise TypeError("RaggedTensor may not be used as a boolean.")

    __hash__ = None

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        raise TypeError(
            "A RaggedTensor is no array. `x.to_tensor()` fills its rows up; "
            "`tf.ragged.map_flat_values(f, x)` computes with its values."
        )

    def __repr__(self) -> str:
        return f"<tf.RaggedTensor {self.to_list()}>"


def _values(values: Any) -> Any:
    values = values if isinstance(values, RaggedTensor) else sealed(as_tensor(values))
    if not values.ndim:
        raise ValueError(f"The values of rows need an axis. Received: values={values}")
    return values


def _aligned(operands: tuple) -> tuple[RaggedTensor, list]:
    """A ragged tensor with the rows that operands broadcast to, and of each operand what belongs
    to the innermost values of these rows."""
    operands = [o if isinstance(o, RaggedTensor | _NUMBERS) else as_tensor(o) for o in operands]
    sized = [o for o in operands if hasattr(o, "shape")]
    rows = max((o for o in sized if isinstance(o, RaggedTensor)), key=lambda o: o.ndim)
    rank = max(o.ndim for o in sized)
    while rows.ndim < rank:
        rows = rows.expanded(0)
    count = max(o.shape[0] for o in sized if o.ndim == rank)
    if len(rows) == 1 < count:
        rows = rows.gathered([0] * count)
    return rows, [_flat(o, rows) if hasattr(o, "shape") else o for o in operands]


def _flat(x: Any, rows: RaggedTensor) -> Any:
    """The elements of `x` that belong to the innermost values of `rows`."""
    if isinstance(x, RaggedTensor):
        return _flat_of_ragged(x, rows)
    if not x.ndim:
        return x
    sizes = (*[1] * (rows.ndim - x.ndim), *x.shape)
    lengths = [rows.row_splits.new_tensor([len(rows)]), *rows.nested_row_lengths()]
    index = []
    for size, found, place in zip(sizes, lengths, rows.places()):
        if size != 1 and not bool((found == size).all()):
            raise InvalidArgumentError(
                f"A tensor of shape {tuple(x.shape)} does not broadcast to rows of the lengths "
                f"{found.tolist()}"
            )
        index.append((torch.zeros_like(place) if size == 1 else place).to(x.device))
    return reshape(x, sizes)[tuple(index)]


def _flat_of_ragged(x: RaggedTensor, rows: RaggedTensor) -> Any:
    while x.ndim < rows.ndim:
        x = x.expanded(0)
    if len(x) == 1 < len(rows):
        x = x.gathered([0] * len(rows))
    if x.row_splits.dtype is not rows.row_splits.dtype:
        raise ValueError(
            "Input RaggedTensors have mismatched row_splits dtypes; use "
            "RaggedTensor.with_row_splits_dtype() to convert them to compatible dtypes."
        )
    mine, wanted = ([s.tolist() for s in part.nested_row_splits] for part in (x, rows))
    if mine != wanted:
        raise InvalidArgumentError(
            f"Ragged tensors have to be of the same rows. Received: row splits {mine} and {wanted}"
        )
    return x.flat_values


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
