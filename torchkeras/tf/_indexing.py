"""The functions at the top of `tf` that pick and place elements: gather, scatter, sort, unique."""

import torch
from torch import Tensor

from torchkeras.tf._convert import as_shape, as_tensor, matched
from torchkeras.tf._strings import structural
from torchkeras.tf._tensor import facade, picked
from torchkeras.tf.dtypes import torch_dtype

__all__ = [
    "argsort",
    "boolean_mask",
    "dynamic_partition",
    "dynamic_stitch",
    "gather",
    "gather_nd",
    "reverse_sequence",
    "scatter_nd",
    "searchsorted",
    "slice",
    "sort",
    "strided_slice",
    "tensor_scatter_nd_add",
    "tensor_scatter_nd_max",
    "tensor_scatter_nd_min",
    "tensor_scatter_nd_sub",
    "tensor_scatter_nd_update",
    "unique",
    "unique_with_counts",
    "unravel_index",
    "where",
]

_slice = slice


@facade
@structural
def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None):
    """The slices of `params` along `axis` (default `batch_dims`) at `indices`.

    The first `batch_dims` axes of both go together.
    """
    x, indices = as_tensor(params), as_tensor(indices)
    if hasattr(x, "is_composite"):
        return x.gathered(indices)
    batch_dims = batch_dims % max(len(indices.shape), 1) if batch_dims < 0 else batch_dims
    axis = (batch_dims if axis is None else int(axis)) % len(x.shape)
    if not batch_dims:
        flat = torch.index_select(x, axis, indices.reshape(-1).long())
        return flat.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    pairs = zip(_rows(x, batch_dims), _rows(indices, batch_dims))
    parts = [gather.__wrapped__(row, index, axis=axis - batch_dims) for row, index in pairs]
    stacked = torch.stack(parts)
    return stacked.reshape(*x.shape[:batch_dims], *stacked.shape[1:])


def _rows(x: Tensor, axes: int) -> list[Tensor]:
    return list(x.reshape(-1, *x.shape[axes:]).unbind())


@facade
@structural
def gather_nd(params, indices, batch_dims=0, name=None):
    """The elements or slices of `params` at coordinates, which are the last axis of `indices`."""
    x, indices = as_tensor(params), as_tensor(indices).long()
    if not batch_dims:
        return (
            x[indices.unbind(-1)] if indices.shape[-1] else x.expand(*indices.shape[:-1], *x.shape)
        )
    pairs = zip(_rows(x, batch_dims), _rows(indices, batch_dims))
    stacked = torch.stack([row[index.unbind(-1)] for row, index in pairs])
    return stacked.reshape(*x.shape[:batch_dims], *stacked.shape[1:])


@facade
def scatter_nd(indices, updates, shape, name=None):
    """Zeros of `shape` with `updates` added at the coordinates `indices`."""
    updates = as_tensor(updates)
    blank = torch.zeros(as_shape(shape), dtype=updates.dtype, device=updates.device)
    return _scattered(blank, indices, updates, "sum")


@facade
def tensor_scatter_nd_update(tensor, indices, updates, name=None):
    """A copy of the tensor with `updates` at the coordinates `indices`."""
    return _scattered(as_tensor(tensor), indices, updates, None)


@facade
def tensor_scatter_nd_add(tensor, indices, updates, name=None):
    """A copy of the tensor with `updates` added at the coordinates `indices`."""
    return _scattered(as_tensor(tensor), indices, updates, "sum")


@facade
def tensor_scatter_nd_sub(tensor, indices, updates, name=None):
    """A copy of the tensor with `updates` subtracted at the coordinates `indices`."""
    return _scattered(as_tensor(tensor), indices, -as_tensor(updates), "sum")


@facade
def tensor_scatter_nd_max(tensor, indices, updates, name=None):
    """A copy of the tensor, with the larger of it and `updates` at the coordinates `indices`."""
    return _scattered(as_tensor(tensor), indices, updates, "amax")


@facade
def tensor_scatter_nd_min(tensor, indices, updates, name=None):
    """A copy of the tensor, with the smaller of it and `updates` at the coordinates `indices`."""
    return _scattered(as_tensor(tensor), indices, updates, "amin")


def _scattered(x: Tensor, indices, updates, how: str | None) -> Tensor:
    """`x` with `updates` put at coordinates, combined as `how` says where it is not None."""
    indices = as_tensor(indices).long().to(x.device)
    places = indices.unbind(-1)
    x, updates = matched(x, updates)
    if how in (None, "sum"):
        return torch.index_put(x, places, updates, accumulate=how == "sum")
    depth = len(places)
    sizes = torch.tensor([*x.shape[1:depth], 1], device=x.device).flip(0).cumprod(0).flip(0)
    rows = (indices * sizes).sum(-1).reshape(-1)
    flat = x.reshape(-1, *x.shape[depth:])
    updates = updates.reshape(len(rows), *x.shape[depth:])
    rows = rows.reshape(-1, *[1] * (flat.dim() - 1)).expand(updates.shape)
    return torch.scatter_reduce(flat, 0, rows, updates, how).reshape(x.shape)


@facade
@structural
def boolean_mask(tensor, mask, axis=None, name="boolean_mask"):
    """The elements of `tensor` where `mask` is true; `mask` covers the axes from `axis` on."""
    x, mask = as_tensor(tensor), as_tensor(mask).bool()
    return x[(_slice(None),) * (axis or 0) + (mask,)]


@facade
@structural
def where(condition, x=None, y=None, name=None):
    """`x` where the condition holds, `y` elsewhere; without them the indices of the true places."""
    condition = as_tensor(condition).bool()
    if x is None and y is None:
        return torch.nonzero(condition)
    return torch.where(condition, *matched(x, y))


@facade
@structural
def slice(input_, begin, size, name=None):
    """The part of a tensor that begins at `begin` and has `size`; -1 for all that is left."""
    x = as_tensor(input_)
    key = tuple(
        _slice(start, None if length == -1 else start + length)
        for start, length in zip(as_shape(begin), as_shape(size))
    )
    return x[key]


@facade
@structural
def strided_slice(input_, begin, end, strides=None, name=None):
    """`input_[begin[0]:end[0]:strides[0], begin[1]:...]`."""
    strides = [1] * len(as_shape(begin)) if strides is None else as_shape(strides)
    bounds = zip(as_shape(begin), as_shape(end), strides)
    return picked(as_tensor(input_), tuple(_slice(*bound) for bound in bounds))


def _is_descending(direction: str) -> bool:
    if direction.upper() not in ("ASCENDING", "DESCENDING"):
        raise ValueError(
            f"Argument `direction` should be one of 'ASCENDING' or 'DESCENDING'. "
            f"Received: direction={direction!r}"
        )
    return direction.upper() == "DESCENDING"


@facade
def sort(values, axis=-1, direction="ASCENDING", name=None):
    """The values in order along `axis`."""
    return torch.sort(as_tensor(values), axis, descending=_is_descending(direction)).values


@facade
def argsort(values, axis=-1, direction="ASCENDING", stable=False, name=None):
    """The int32 indices that bring the values in order along `axis`; of equals the first first."""
    order = torch.sort(
        as_tensor(values), dim=axis, descending=_is_descending(direction), stable=True
    )
    return order.indices.int()


@facade
def searchsorted(sorted_sequence, values, side="left", out_type="int32", name=None):
    """Where in a sorted sequence (last axis) values would have to be put."""
    sequence, values = matched(sorted_sequence, values)
    found = torch.searchsorted(sequence.contiguous(), values.contiguous(), right=side == "right")
    return found.to(torch_dtype(out_type))


def _first_seen(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The distinct values in the order in which they come, each element's number, the counts."""
    values, inverse, counts = torch.unique(x, return_inverse=True, return_counts=True)
    first = torch.full_like(counts, len(x)).scatter_reduce(
        0, inverse, torch.arange(len(x), device=x.device), "amin"
    )
    order = torch.argsort(first)
    return values[order], torch.argsort(order)[inverse], counts[order]


@facade
def unique(x, out_idx="int32", name=None):
    """The distinct values of a 1-D tensor as they come, and for each element its value's number."""
    values, numbers, _ = _first_seen(as_tensor(x))
    return values, numbers.to(torch_dtype(out_idx))


@facade
def unique_with_counts(x, out_idx="int32", name=None):
    """As `unique`, and how often each value comes."""
    values, numbers, counts = _first_seen(as_tensor(x))
    return values, numbers.to(torch_dtype(out_idx)), counts.to(torch_dtype(out_idx))


@facade
def unravel_index(indices, dims, name=None):
    """The coordinates, along the first axis, of flat indices in an array of shape `dims`."""
    indices = as_tensor(indices)
    parts = torch.unravel_index(indices.long(), as_shape(dims))
    return torch.stack(parts).to(indices.dtype)


@facade
def reverse_sequence(input, seq_lengths, seq_axis=None, batch_axis=None, name=None):
    """The first `seq_lengths[b]` elements along `seq_axis` backwards, b along `batch_axis`."""
    x, lengths = as_tensor(input), as_tensor(seq_lengths).long()
    moved = torch.movedim(x, (batch_axis or 0, seq_axis), (0, 1))
    steps = torch.arange(moved.shape[1], device=x.device)
    places = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    rows = torch.arange(len(moved), device=x.device)[:, None]
    return torch.movedim(moved[rows, places], (0, 1), (batch_axis or 0, seq_axis))


@facade
def dynamic_partition(data, partitions, num_partitions, name=None):
    """The elements of `data` in as many lists as there are partitions."""
    x, partitions = as_tensor(data), as_tensor(partitions)
    return [x[partitions == number] for number in range(num_partitions)]


@facade
def dynamic_stitch(indices, data, name=None):
    """One tensor of the elements of several, where `indices` says; of two the later stays."""
    indices = [as_tensor(index).long().reshape(-1) for index in indices]
    parts = [as_tensor(part) for part in data]
    rest = parts[0].shape[len(as_tensor(indices[0]).shape) :] if parts[0].dim() > 1 else ()
    whole = parts[0].new_zeros(int(torch.cat(indices).max()) + 1, *rest)
    for index, part in zip(indices, parts):
        whole = torch.index_put(whole, (index,), part.reshape(len(index), *rest))
    return whole
