"""`tf.sparse`: tensors of which only some elements are kept."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras.tf._convert import as_shape, as_tensor, int_axes
from torchkeras.tf._missing import missing_from
from torchkeras.tf._specs import SparseTensorSpec
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import EagerTensor, TensorShape, facade, sealed
from torchkeras.tf.dtypes import as_dtype

__all__ = [
    "SparseTensor",
    "add",
    "concat",
    "expand_dims",
    "from_dense",
    "mask",
    "maximum",
    "reduce_sum",
    "reorder",
    "reset_shape",
    "reshape",
    "retain",
    "slice",
    "sparse_dense_matmul",
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
    """Sparse tensors joined along an axis."""
    places, offset = [], 0
    for part in sp_inputs:
        moved = part.indices.clone()
        moved[:, axis] += offset
        places.append(moved)
        offset += part.shape[axis]
    shape = list(sp_inputs[0].shape)
    shape[axis] = offset
    values = torch.cat([part.values for part in sp_inputs])
    return reorder(SparseTensor(torch.cat(places), values, shape))


def add(a, b, threshold=0) -> Any:
    """The sum of two tensors; sparse where both are."""
    if isinstance(a, SparseTensor) and isinstance(b, SparseTensor):
        return from_dense(to_dense(a) + to_dense(b))
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


__getattr__ = missing_from("tf.sparse")
