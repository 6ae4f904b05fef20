"""`tf.sparse`: tensors of which only some elements are kept."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras._errors import received
from torchkeras.tf._convert import as_shape, as_tensor, int_axes
from torchkeras.tf._missing import missing_from
from torchkeras.tf._specs import SparseTensorSpec
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import EagerTensor, TensorShape, facade, sealed
from torchkeras.tf.dtypes import as_dtype, torch_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "SparseTensor",
    "add",
    "bincount",
    "concat",
    "expand_dims",
    "eye",
    "fill_empty_rows",
    "from_dense",
    "map_values",
    "mask",
    "maximum",
    "minimum",
    "reduce_max",
    "reduce_sum",
    "reorder",
    "reset_shape",
    "reshape",
    "retain",
    "segment_mean",
    "segment_sqrt_n",
    "segment_sum",
    "slice",
    "softmax",
    "sparse_dense_matmul",
    "split",
    "to_dense",
    "to_indicator",
    "transpose",
]


@facade
def edit_distance(hypothesis, truth, normalize=True, name=None):
    """The least number of insertions, deletions and substitutions that make the rows of the last
    axis of one sparse tensor those of another, by default over the length of the truth."""
    ours, theirs = _sequences(hypothesis), _sequences(truth)
    shape = [max(sizes) for sizes in zip(hypothesis.shape[:-1], truth.shape[:-1])]
    found = torch.zeros(shape)
    for place in np.ndindex(*shape):
        one, other = ours.get(place, []), theirs.get(place, [])
        distance = float(_edits(one, other))
        if normalize:
            distance = distance / len(other) if other else (torch.inf if one else 0.0)
        found[place] = distance
    return found


def _sequences(tensor: "SparseTensor") -> dict[tuple, list]:
    """The values of each row of the last axis."""
    rows: dict[tuple, list] = {}
    for place, value in zip(tensor.indices.tolist(), tensor.values.tolist()):
        rows.setdefault(tuple(place[:-1]), []).append(value)
    return rows


def _edits(one: list, other: list) -> int:
    row = list(range(len(other) + 1))
    for number, item in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, wanted in enumerate(other, 1):
            changed = before + (item != wanted)
            before = row[place]
            row[place] = min(changed, row[place] + 1, row[place - 1] + 1)
    return row[-1]


class SparseTensor:
    """`values` at the coordinates `indices`, (n, axes), of a tensor that is 0 elsewhere."""

    is_composite = True

    def __init__(self, indices, values, dense_shape):
        self.indices = sealed(as_tensor(indices).long().reshape(-1, len(as_shape(dense_shape))))
        self.values = sealed(as_tensor(values))
        self.dense_shape = sealed(as_tensor(dense_shape).long())

    from_value = classmethod(lambda cls, value: value)

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return TensorShape(self.dense_shape)

    def get_shape(self) -> TensorShape:
        """The shape."""
        return self.shape

    @property
    def dtype(self) -> Any:
        """The dtype of the values."""
        return as_dtype(self.values.dtype)

    def spec(self) -> SparseTensorSpec:
        """What this is like."""
        return SparseTensorSpec(self.shape, self.dtype)

    def with_values(self, new_values: Any) -> "SparseTensor":
        """Other values at the same places."""
        return SparseTensor(self.indices, new_values, self.dense_shape)

    def dynamic_shape(self, out_type: Any) -> EagerTensor:
        """What `tf.shape` gives."""
        return sealed(self.dense_shape.to(as_dtype(out_type).torch))

    def reduced(self, function: Any, axis: Any, keepdims: bool) -> Tensor:
        """What a reduction of the whole tensor gives."""
        dense = to_dense(self)
        return function(dense, int_axes(axis, dense), keepdims)

    def __mul__(self, other) -> "SparseTensor":
        if isinstance(other, Tensor) and other.dim():
            other = sealed(other.expand(tuple(self.shape))[self.indices.unbind(-1)])
        return self.with_values(self.values * other)

    __rmul__ = __mul__

    def __truediv__(self, other) -> "SparseTensor":
        return self.with_values(self.values / other)

    def __repr__(self) -> str:
        return (
            f"SparseTensor(indices={self.indices}, values={self.values}, "
            f"dense_shape={self.dense_shape})"
        )


def to_dense(sp_input, default_value=None, validate_indices=True, name=None) -> Any:
    """A tensor with the values, and `default_value` (0 or "") elsewhere."""
    shape, values = tuple(sp_input.shape), sp_input.values
    if isinstance(values, StringTensor):
        whole = np.full(shape, "" if default_value is None else default_value, object)
        whole[tuple(sp_input.indices.T.cpu().numpy())] = values.values
        return StringTensor(whole)
    fill = 0 if default_value is None else default_value
    whole = torch.full(shape, fill, dtype=values.dtype, device=values.device)
    return sealed(torch.index_put(whole, sp_input.indices.unbind(-1), values))


def from_dense(tensor, name=None) -> SparseTensor:
    """The elements of a tensor that are not 0 or ""."""
    x = as_tensor(tensor)
    if isinstance(x, StringTensor):
        places = np.argwhere(np.vectorize(bool, otypes=[bool])(x.values))
        return SparseTensor(places, StringTensor(x.values[tuple(places.T)]), x.shape)
    places = torch.nonzero(x)
    return SparseTensor(places, x[places.unbind(-1)], tuple(x.shape))


def reorder(sp_input, name=None) -> SparseTensor:
    """The same tensor, its elements in the order of their places."""
    order = np.lexsort(sp_input.indices.cpu().numpy().T[::-1]).tolist()
    return SparseTensor(sp_input.indices[order], sp_input.values[order], sp_input.dense_shape)


def reshape(sp_input, shape, name=None) -> SparseTensor:
    """The same elements in another shape."""
    dense = torch.zeros(tuple(sp_input.shape), device="meta").reshape(as_shape(shape))
    flat = np.ravel_multi_index(tuple(sp_input.indices.T.cpu().numpy()), tuple(sp_input.shape))
    places = np.stack(np.unravel_index(flat, tuple(dense.shape)), -1)
    return SparseTensor(places, sp_input.values, tuple(dense.shape))


def reset_shape(sp_input, new_shape=None) -> SparseTensor:
    """The same elements in a larger shape, or in the smallest."""
    smallest = (sp_input.indices.max(0).values + 1).tolist()
    shape = smallest if new_shape is None else new_shape
    return SparseTensor(sp_input.indices, sp_input.values, shape)


def retain(sp_input, to_retain) -> SparseTensor:
    """The elements for which `to_retain` is true."""
    kept = as_tensor(to_retain).bool()
    return SparseTensor(sp_input.indices[kept], sp_input.values[kept], sp_input.dense_shape)


def transpose(sp_input, perm=None, name=None) -> SparseTensor:
    """Axes in the order `perm`, by default reversed."""
    perm = list(reversed(range(len(sp_input.shape)))) if perm is None else list(as_shape(perm))
    turned = SparseTensor(sp_input.indices[:, perm], sp_input.values, sp_input.dense_shape[perm])
    return reorder(turned)


def slice(sp_input, start, size, name=None) -> SparseTensor:
    """The part that begins at `start` and has `size`."""
    start, size = as_tensor(start).long(), as_tensor(size).long()
    size = torch.minimum(size, sp_input.dense_shape - start)
    moved = sp_input.indices - start
    kept = ((moved >= 0) & (moved < size)).all(-1)
    return SparseTensor(moved[kept], sp_input.values[kept], size)


def expand_dims(sp_input, axis=None, name=None) -> SparseTensor:
    """One more axis, of size 1."""
    axes = len(sp_input.shape)
    axis = (-1 if axis is None else axis) % (axes + 1)
    places = np.insert(sp_input.indices.cpu().numpy(), axis, 0, 1)
    shape = [*sp_input.shape[:axis], 1, *sp_input.shape[axis:]]
    return SparseTensor(places, sp_input.values, shape)


def concat(axis, sp_inputs, expand_nonconcat_dims=False, name=None) -> SparseTensor:
    """Sparse tensors joined along an axis; in the others the largest size counts where it may.

    Raises:
        InvalidArgumentError: other sizes differ, without `expand_nonconcat_dims`.
    """
    places, offset, axis = [], 0, axis % len(sp_inputs[0].shape)
    for part in sp_inputs:
        moved = part.indices.clone()
        moved[:, axis] += offset
        places.append(moved)
        offset += part.shape[axis]
    shapes = [list(part.shape) for part in sp_inputs]
    shape = [max(sizes) for sizes in zip(*shapes)]
    if not expand_nonconcat_dims and any(
        size != shape[at] for sizes in shapes for at, size in enumerate(sizes) if at != axis
    ):
        raise InvalidArgumentError(
            f"All shapes must be equal, but along the axis {axis}. {received(shapes=shapes)}"
        )
    shape[axis] = offset
    values = torch.cat([part.values for part in sp_inputs])
    return reorder(SparseTensor(torch.cat(places), values, shape))


def add(a, b, threshold=0) -> Any:
    """The sum of two tensors; sparse where both are, and then without sums of two elements that are
    smaller than `threshold`."""
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        total = to_dense(a) + to_dense(b)
        if threshold:
            ones = [SparseTensor(x.indices, torch.ones_like(x.values), x.shape) for x in (a, b)]
            is_sum = to_dense(ones[0]) * to_dense(ones[1]) != 0
            total = torch.where(is_sum & (abs(total) < threshold), 0, total)
        return from_dense(total)
    dense = [to_dense(x) if isinstance(x, SparseTensor) else sealed(as_tensor(x)) for x in (a, b)]
    return dense[0] + dense[1]


def maximum(sp_a, sp_b, name=None) -> SparseTensor:
    """The larger of the elements of two sparse tensors."""
    return from_dense(torch.maximum(to_dense(sp_a), to_dense(sp_b)))


def mask(a, mask_indices, name=None) -> SparseTensor:
    """The elements of the rows that are not named."""
    dropped = as_tensor(mask_indices).reshape(-1)
    return retain(a, ~torch.isin(a.indices[:, 0], dropped))


def reduce_sum(sp_input, axis=None, keepdims=None, output_is_sparse=False, name=None) -> Any:
    """The sum over the given axes, all of them by default."""
    dense = to_dense(sp_input)
    total = sealed(torch.sum(dense, int_axes(axis, dense), bool(keepdims), dtype=dense.dtype))
    return from_dense(total) if output_is_sparse else total


def sparse_dense_matmul(sp_a, b, adjoint_a=False, adjoint_b=False, name=None) -> EagerTensor:
    """The product of a sparse and a dense matrix."""
    first, second = (
        to_dense(x) if isinstance(x, SparseTensor) else as_tensor(x) for x in (sp_a, b)
    )
    return sealed(torch.matmul(first.T if adjoint_a else first, second.T if adjoint_b else second))


def to_indicator(sp_input, vocab_size, name=None) -> EagerTensor:
    """True at the places that the values of the last axis name."""
    shape = (*sp_input.shape[:-1], int(vocab_size))
    rows = (*sp_input.indices[:, :-1].unbind(-1), sp_input.values.long())
    whole = torch.zeros(shape, dtype=torch.bool)
    return sealed(torch.index_put(whole, rows, torch.tensor(True)))


def eye(num_rows, num_columns=None, dtype="float32", name=None) -> SparseTensor:
    """Ones on the diagonal."""
    columns = int(num_rows if num_columns is None else num_columns)
    places = torch.arange(min(int(num_rows), columns))
    ones = torch.ones(len(places), dtype=torch_dtype(dtype))
    return SparseTensor(torch.stack((places, places), -1), ones, (int(num_rows), columns))


def minimum(sp_a, sp_b, name=None) -> SparseTensor:
    """The smaller of the elements of two sparse tensors."""
    return from_dense(torch.minimum(to_dense(sp_a), to_dense(sp_b)))


def reduce_max(sp_input, axis=None, keepdims=None, output_is_sparse=False, name=None) -> Any:
    """The largest of the elements that are kept, over the given axes, all of them by default."""
    values = sp_input.values
    limits = torch.finfo if values.is_floating_point() else torch.iinfo
    dense = to_dense(sp_input, limits(values.dtype).min)
    found = torch.amax(dense, int_axes(axis, dense), bool(keepdims))
    found = sealed(torch.where(found == limits(values.dtype).min, 0, found))
    return from_dense(found) if output_is_sparse else found


def softmax(sp_logits, name=None) -> SparseTensor:
    """`tf.nn.softmax` of the elements that are kept in each row."""
    shares = torch.softmax(to_dense(sp_logits, -torch.inf), -1)
    return sp_logits.with_values(sealed(shares[sp_logits.indices.unbind(-1)]))


def split(sp_input, num_split, axis, name=None) -> list[SparseTensor]:
    """Parts along an axis, the first ones longer where it does not come out even."""
    size, count, axis = sp_input.shape[axis], int(num_split), int(axis)
    shorter, more = divmod(size, count)
    parts, start = [], 0
    for number in range(count):
        length = shorter + (number < more)
        begin, extent = [0] * len(sp_input.shape), list(sp_input.shape)
        begin[axis], extent[axis] = start, length
        parts.append(slice(sp_input, begin, extent))
        start += length
    return parts


def map_values(op, *args, **kwargs) -> SparseTensor:
    """`op` of the values; their places stay as they are."""
    given = [*args, *kwargs.values()]
    first = next(value for value in given if isinstance(value, SparseTensor))

    def values_of(value):
        return value.values if isinstance(value, SparseTensor) else value

    found = op(*map(values_of, args), **{key: values_of(x) for key, x in kwargs.items()})
    return first.with_values(found)


def fill_empty_rows(sp_input, default_value, name=None) -> tuple[SparseTensor, EagerTensor]:
    """With `default_value` at the start of rows that have nothing, and which rows these are."""
    rows = sp_input.shape[0]
    is_empty = torch.ones(rows, dtype=torch.bool)
    is_empty[sp_input.indices[:, 0]] = False
    places = torch.zeros(int(is_empty.sum()), len(sp_input.shape), dtype=torch.int64)
    places[:, 0] = torch.nonzero(is_empty)[:, 0]
    values = sp_input.values
    if isinstance(values, StringTensor):
        added = np.full(len(places), default_value, object)
        values = StringTensor(np.concatenate([values.values, added]))
    else:
        values = torch.cat((values, values.new_full((len(places),), default_value)))
    whole = SparseTensor(torch.cat((sp_input.indices, places)), values, sp_input.dense_shape)
    return reorder(whole), sealed(is_empty)


def _segments(how: str):
    """`tf.sparse.segment_*`: rows that are picked, then combined by the number of their segment."""

    def call(data, indices, segment_ids, num_segments=None, name=None, sparse_gradient=False):
        rows = as_tensor(data)[as_tensor(indices).long()]
        numbers = as_tensor(segment_ids).long()
        count = int(numbers.max()) + 1 if num_segments is None else int(num_segments)
        total = rows.new_zeros((count, *rows.shape[1:])).index_add(0, numbers, rows)
        sizes = torch.bincount(numbers, minlength=count).clamp(min=1).to(rows.dtype)
        sizes = sizes.reshape(-1, *[1] * (rows.dim() - 1))
        return total / {"sum": 1, "mean": sizes, "sqrt_n": torch.sqrt(sizes)}[how]

    call.__name__ = call.__qualname__ = f"segment_{how}"
    call.__doc__ = f"The {how} of rows of the same segment, picked by `indices`."
    return facade(call, f"tf.sparse.segment_{how}")


segment_sum, segment_mean, segment_sqrt_n = map(_segments, ("sum", "mean", "sqrt_n"))


def bincount(
    values, weights=None, axis=0, minlength=None, maxlength=None, binary_output=False, name=None
) -> SparseTensor:
    """How often each number comes, or the sum of its weights; of each row where `axis` is -1."""
    numbers = as_tensor(values)
    rows = numbers.reshape(1, -1) if axis == 0 or numbers.dim() == 1 else numbers
    shares = None if weights is None else as_tensor(weights).reshape(rows.shape)
    counts: dict[tuple, float] = {}
    for (row, column), number in np.ndenumerate(rows.cpu().numpy()):
        if maxlength is not None and number >= maxlength:
            continue
        key = (row, int(number))
        amount = 1 if shares is None else float(shares[row, column])
        counts[key] = 1 if binary_output else counts.get(key, 0) + amount
    width = max([number + 1 for _, number in counts], default=0)
    width = max(width, minlength or 0)
    found = sorted(counts)
    dtype = numbers.dtype if shares is None or binary_output else shares.dtype
    amounts = torch.tensor([counts[key] for key in found], dtype=dtype)
    if numbers.dim() == 1 or axis == 0:
        return SparseTensor([[number] for _, number in found], amounts, (width,))
    return SparseTensor([list(key) for key in found], amounts, (len(rows), width))


__getattr__ = missing_from("tf.sparse")
