"""Functions that move, join, cut, pick and order the elements of tensors."""

import contextlib
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import _dtypes
from torchkeras._op import op
from torchkeras._symbolic import FILLS
from torchkeras.ops._core import as_tensor, as_tensors, canonical_axis, on_meta, promoted

__all__ = [
    "append",
    "argpartition",
    "argsort",
    "array_split",
    "broadcast_to",
    "concatenate",
    "copy",
    "diag",
    "diagflat",
    "diagonal",
    "diff",
    "digitize",
    "dsplit",
    "dstack",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "get_item",
    "hsplit",
    "hstack",
    "isin",
    "moveaxis",
    "ndim",
    "nonzero",
    "pad",
    "ravel",
    "repeat",
    "reshape",
    "roll",
    "rot90",
    "searchsorted",
    "size",
    "sort",
    "split",
    "squeeze",
    "stack",
    "swapaxes",
    "take",
    "take_along_axis",
    "tile",
    "transpose",
    "tril",
    "triu",
    "unique",
    "unravel_index",
    "vectorize",
    "view",
    "vsplit",
    "vstack",
]


@op
def get_item(x: Tensor, key: "Tensor | int | slice | tuple") -> Tensor:
    """`x[key]`."""
    # A tuple that went through JSON is a list.
    if isinstance(key, list) and any(not isinstance(part, int) for part in key):
        key = tuple(key)
    return as_tensor(x)[key]


@op
def copy(x: Tensor) -> Tensor:
    """The values in memory of their own."""
    return as_tensor(x).clone()


def ndim(x) -> int:
    """The number of axes."""
    return len(x.shape) if hasattr(x, "shape") else np.ndim(x)


@op
def size(x: Tensor) -> Tensor:
    """The number of elements, as a tensor."""
    x = as_tensor(x)
    return torch.tensor(x.numel(), dtype=torch.int64, device=x.device)


@op
def view(x: Tensor, dtype=None) -> Tensor:
    """The same bits read as another dtype, `floatx()` where None."""
    return as_tensor(x).view(_dtypes.torch_dtype(dtype))


# ------------------------------------------------------------------ shapes
@op
def reshape(x: Tensor, newshape) -> Tensor:
    """The same elements in another shape; one size may be -1 or None."""
    if isinstance(newshape, int):
        newshape = (newshape,)
    elif isinstance(newshape, (Tensor, np.ndarray)):
        newshape = newshape.tolist()
    elif None in newshape:
        newshape = [-1 if d is None else d for d in newshape]
    if newshape.count(-1) > 1:
        raise ValueError(
            "There must be at most one unknown dimension (-1) in the new shape. "
            f"Received: newshape={newshape}"
        )
    return torch.reshape(as_tensor(x), newshape)


@op
def ravel(x: Tensor) -> Tensor:
    """The elements as a vector."""
    return torch.ravel(as_tensor(x))


@op
def squeeze(x: Tensor, axis=None) -> Tensor:
    """Without the axes of size 1: all, or those named.

    Raises:
        ValueError: a named axis of another size.
    """
    x = as_tensor(x)
    if axis is None:
        return torch.squeeze(x)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    if any(x.shape[a] != 1 for a in axes):
        raise ValueError(
            "Cannot squeeze an axis whose size is not 1. "
            f"Received: axis={axis}, x.shape={tuple(x.shape)}"
        )
    return torch.squeeze(x, axes)


@op
def expand_dims(x: Tensor, axis) -> Tensor:
    """With an axis of size 1 put in at `axis`, or several; they count in the result."""
    x = as_tensor(x)
    if isinstance(axis, int):
        return torch.unsqueeze(x, canonical_axis(axis, x.ndim + 1))
    axes = tuple(axis)
    for a in sorted(canonical_axis(a, x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(a)
    return x


@op
def broadcast_to(x: Tensor, shape) -> Tensor:
    """Repeated, without a copy, along axes of size 1 and new leading ones."""
    return torch.broadcast_to(as_tensor(x), (shape,) if isinstance(shape, int) else tuple(shape))


@op
def transpose(x: Tensor, axes=None) -> Tensor:
    """With the axes in another order, reversed where None."""
    x = as_tensor(x)
    return torch.permute(x, tuple(range(x.ndim))[::-1] if axes is None else tuple(axes))


@op
def moveaxis(x: Tensor, source, destination) -> Tensor:
    """With the axes `source` at the places `destination`."""
    return torch.moveaxis(as_tensor(x), source, destination)


@op
def swapaxes(x: Tensor, axis1, axis2) -> Tensor:
    """With two axes exchanged."""
    return torch.swapaxes(as_tensor(x), axis1, axis2)


# ------------------------------------------------------------------ orders
@op
def flip(x: Tensor, axis=None) -> Tensor:
    """Backwards along axes, all where None."""
    x = as_tensor(x)
    axes = tuple(range(x.ndim)) if axis is None else axis
    return torch.flip(x, (axes,) if isinstance(axes, int) else tuple(axes))


@op
def fliplr(x: Tensor) -> Tensor:
    """Backwards along the second axis."""
    return torch.fliplr(as_tensor(x))


@op
def flipud(x: Tensor) -> Tensor:
    """Backwards along the first axis."""
    return torch.flipud(as_tensor(x))


@op
def roll(x: Tensor, shift, axis=None) -> Tensor:
    """Shifted along axes, the end coming in at the start; None: the elements in a row."""
    return torch.roll(as_tensor(x), shift, dims=axis)


@op
def rot90(array: Tensor, k=1, axes=(0, 1)) -> Tensor:
    """Turned `k` times by 90 degrees in the plane of two axes, from the first to the second.

    Raises:
        ValueError: fewer than two axes, or not two different ones named.
    """
    array = as_tensor(array)
    if array.ndim < 2:
        raise ValueError(
            f"Input array must have at least 2 dimensions. Received: array.ndim={array.ndim}"
        )
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ValueError(
            f"Invalid axes: {axes}. Axes must be a tuple of two different dimensions. "
            f"Received: axes={axes}"
        )
    if any(not -array.ndim <= a < array.ndim for a in axes):
        raise ValueError(
            f"Invalid axes {axes} for tensor with {array.ndim} dimensions. Received: axes={axes}"
        )
    return torch.rot90(array, k, tuple(axes))


# ------------------------------------------------------------------ joined
@op
def concatenate(xs: Sequence[Tensor], axis=0) -> Tensor:
    """One after the other along an axis; None: all elements in a row."""
    tensors = as_tensors(*xs)
    if axis is None:
        return torch.cat([x.reshape(-1) for x in tensors])
    return torch.cat(tensors, axis)


@op
def append(x1: Tensor, x2: Tensor, axis=None) -> Tensor:
    """`x2` after `x1` along an axis; None: the elements of both in a row."""
    return concatenate((x1, x2), axis)


@op
def stack(x: Sequence[Tensor], axis=0) -> Tensor:
    """One after the other along a new axis."""
    return torch.stack(promoted(*as_tensors(*x)), axis)


@op
def hstack(xs: Sequence[Tensor]) -> Tensor:
    """One after the other along the second axis, vectors along their only one."""
    return torch.hstack(as_tensors(*xs))


@op
def vstack(xs: Sequence[Tensor]) -> Tensor:
    """One below the other along the first axis, vectors as rows."""
    return torch.vstack(as_tensors(*xs))


@op
def dstack(xs: Sequence[Tensor]) -> Tensor:
    """One behind the other along the third axis."""
    return torch.dstack(as_tensors(*xs))


# ------------------------------------------------------------------ cut
def _parts(x: Tensor, where, axis: int) -> list[Tensor]:
    """Cut into `where` parts, or at the indices `where`."""
    if isinstance(where, (Tensor, np.ndarray)):
        where = where.tolist()
    return list(torch.tensor_split(x, where if isinstance(where, int) else tuple(where), axis))


@op
def split(x: Tensor, indices_or_sections, axis=0) -> list[Tensor]:
    """Cut along an axis into so many equal parts, or at indices.

    Raises:
        ValueError: the axis cannot be divided into so many equal parts.
    """
    x = as_tensor(x)
    length = x.shape[axis]
    if isinstance(indices_or_sections, int) and length % indices_or_sections:
        # A size that is not known yet may turn out to be divisible.
        if not (on_meta(x) and length in FILLS):
            raise ValueError(
                f"The size of axis {axis} is not divisible by {indices_or_sections}. Received: "
                f"indices_or_sections={indices_or_sections}, x.shape={tuple(x.shape)}"
            )
    return _parts(x, indices_or_sections, axis)


@op
def array_split(x: Tensor, indices_or_sections, axis=0) -> list[Tensor]:
    """Cut along an axis into so many parts, the first ones maybe longer by 1, or at indices."""
    return _parts(as_tensor(x), indices_or_sections, axis)


@op
def hsplit(x: Tensor, indices_or_sections) -> list[Tensor]:
    """`split` along the second axis, of a vector along its only one."""
    x = as_tensor(x)
    return split(x, indices_or_sections, 1 if x.ndim > 1 else 0)


@op
def vsplit(x: Tensor, indices_or_sections) -> list[Tensor]:
    """`split` along the first axis."""
    return split(x, indices_or_sections, 0)


@op
def dsplit(x: Tensor, indices_or_sections) -> list[Tensor]:
    """`split` along the third axis."""
    return split(x, indices_or_sections, 2)


# ------------------------------------------------------------------ repeated
@op
def tile(x: Tensor, repeats) -> Tensor:
    """The whole repeated along each axis."""
    if isinstance(repeats, (Tensor, np.ndarray)):
        repeats = repeats.tolist()
    return torch.tile(as_tensor(x), (repeats,) if isinstance(repeats, int) else tuple(repeats))


@op
def repeat(x: Tensor, repeats, axis=None) -> Tensor:
    """Each element repeated, so often or by one number per place; None: the elements in a row."""
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = canonical_axis(axis, x.ndim)
    if isinstance(repeats, Tensor):
        return torch.repeat_interleave(x, repeats.to(x.device), dim=axis)
    repeats = np.asarray(repeats)
    if repeats.size == 1:
        times = repeats.item()
        shape = list(x.shape)
        grown = x.unsqueeze(axis + 1).expand(*shape[: axis + 1], times, *shape[axis + 1 :])
        return grown.reshape(*shape[:axis], shape[axis] * times, *shape[axis + 1 :])
    places = np.repeat(np.arange(x.shape[axis]), repeats)
    return x.index_select(axis, torch.as_tensor(places, device=x.device))


# Where along an axis of n an element outside takes its value from; names of NumPy and torch.
PLACES: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "edge": lambda i, n: np.clip(i, 0, n - 1),
    "reflect": lambda i, n: _mirrored(i, 2 * n - 2, n - 1),
    "symmetric": lambda i, n: _mirrored(i, 2 * n, n - 0.5),
    "wrap": lambda i, n: i % n,
}
PLACES["replicate"] = PLACES["edge"]
PLACES["circular"] = PLACES["wrap"]


def _mirrored(i: np.ndarray, period: int, middle: float) -> np.ndarray:
    i = i % max(period, 1)
    return np.where(i > middle, 2 * middle - i, i).astype(np.int64)


@op
def pad(x: Tensor, pad_width, mode="constant", constant_values: Tensor = None) -> Tensor:
    """With elements put before and after along each axis.

    Args:
        pad_width: pairs (before, after), one per axis; one pair, or one number, is for all axes.
        mode: "constant", "edge", "reflect" (without the edge), "symmetric" (with it) or "wrap".
        constant_values: what "constant" puts there, 0 where None.

    Raises:
        ValueError: an unknown mode, or `constant_values` with another one than "constant".
    """
    if mode != "constant" and constant_values is not None:
        raise ValueError(
            "Argument `constant_values` can only be provided when `mode == 'constant'`. "
            f"Received: mode={mode}"
        )
    if mode != "constant" and mode not in PLACES:
        raise ValueError(f"`mode` must be 'constant' or of {list(PLACES)}. Received: mode={mode}")
    x = as_tensor(x)
    if isinstance(pad_width, Tensor):
        pad_width = pad_width.tolist()
    widths = np.broadcast_to(np.asarray(pad_width, dtype=np.int64), (x.ndim, 2)).tolist()
    if mode == "constant":
        flat = [width for pair in reversed(widths) for width in pair]
        value = 0 if constant_values is None else constant_values
        return F.pad(x, flat, value=value.item() if hasattr(value, "item") else value)
    for axis, (before, after) in enumerate(widths):
        if before or after:
            n = x.shape[axis]
            places = PLACES[mode](np.arange(-before, n + after), n)
            x = x.index_select(axis, torch.as_tensor(places, device=x.device))
    return x


# ------------------------------------------------------------------ picked
def _from_start(indices: Tensor, size: int) -> Tensor:
    """Indices of int64, those from the end as those from the start."""
    # Shifted so, negative ones are -1 and all others 0.
    return torch.sub(indices, indices >> 63, alpha=size)


@op
def take(x: Tensor, indices: Tensor, axis=None) -> Tensor:
    """The slices at `indices` along an axis; None: of the elements in a row."""
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    axis = canonical_axis(axis, x.ndim)
    indices = as_tensor(indices, torch.int64, x.device)
    if x.is_cpu and not torch.compiler.is_compiling():
        # Here torch checks indices before it reads, so that the rare negative ones can wait.
        with contextlib.suppress(IndexError, RuntimeError):
            return _taken(x, indices, axis)
    return _taken(x, _from_start(indices, x.shape[axis]), axis)


def _taken(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    """The slices at indices that are not negative."""
    if indices.ndim == 1:
        return torch.index_select(x, axis, indices)
    if axis == 0 and x.ndim == 2:
        return F.embedding(indices, x)
    taken = torch.index_select(x, axis, indices.reshape(-1))
    return taken.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


@op
def take_along_axis(x: Tensor, indices: Tensor, axis=None) -> Tensor:
    """For each place the element at its index along an axis; None: of the elements in a row."""
    x = as_tensor(x)
    length = x.numel() if axis is None else x.shape[axis]
    indices = as_tensor(indices, torch.int64, x.device)
    return torch.take_along_dim(x, _from_start(indices, length), dim=axis)


@op
def diag(x: Tensor, k=0) -> Tensor:
    """A matrix with the vector on its diagonal, or the diagonal of a matrix."""
    return torch.diag(as_tensor(x), k)


@op
def diagflat(x: Tensor, k=0) -> Tensor:
    """A matrix with the elements on its diagonal."""
    return torch.diagflat(as_tensor(x), k)


@op
def diagonal(x: Tensor, offset=0, axis1=0, axis2=1) -> Tensor:
    """The diagonals of the matrices in two axes, as the last axis."""
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(
            "`diagonal` requires an array of at least two dimensions. "
            f"Received: x.shape={tuple(x.shape)}"
        )
    return torch.diagonal(x, offset, axis1, axis2)


@op
def tril(x: Tensor, k=0) -> Tensor:
    """With zeros above the diagonal `k` above the main one."""
    return torch.tril(as_tensor(x), k)


@op
def triu(x: Tensor, k=0) -> Tensor:
    """With zeros below the diagonal `k` above the main one."""
    return torch.triu(as_tensor(x), k)


@op
def diff(a: Tensor, n=1, axis=-1) -> Tensor:
    """Differences of neighbours along an axis, `n` times over."""
    return torch.diff(as_tensor(a), n, axis)


# ------------------------------------------------------------------ ordered and found
def _orderable(x: Tensor) -> Tensor:
    return x.to(torch.uint8) if x.dtype is torch.bool else x


@op
def sort(x: Tensor, axis=-1) -> Tensor:
    """In ascending order along an axis; None: the elements in a row."""
    x = as_tensor(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.sort(_orderable(x), dim=axis).values.to(x.dtype)


@op
def argsort(x: Tensor, axis=-1) -> Tensor:
    """The indices that `sort` an axis; equal elements keep their order."""
    x = _orderable(as_tensor(x))
    if axis is None:
        x, axis = x.reshape(-1), 0
    return torch.argsort(x, dim=axis, stable=True).to(torch.int32)


@op
def argpartition(x: Tensor, kth, axis=-1) -> Tensor:
    """Indices that put the `kth` smallest in its place, smaller ones before and larger after it."""
    return argsort(x, axis)


@op(name="SearchSorted")
def searchsorted(sorted_sequence: Tensor, values: Tensor, side="left") -> Tensor:
    """Where in an ascending vector the values would go; "right": after those equal to them."""
    if ndim(sorted_sequence) != 1:
        raise ValueError(
            "`searchsorted` only supports 1-D sorted sequences. "
            "You can use `vectorized_map` to extend it to more axes. "
            f"Received: sorted_sequence.shape={sorted_sequence.shape}"
        )
    sequence, values = promoted(sorted_sequence, values)
    return torch.searchsorted(sequence.contiguous(), values, side=side, out_int32=True)


@op
def digitize(x: Tensor, bins: Tensor) -> Tensor:
    """The bin of each element: how many of the ascending edges `bins` are not above it."""
    x, bins = (_orderable(t) for t in promoted(x, bins))
    return torch.bucketize(x, bins, right=True, out_int32=True)


@op(name="IsIn")
def isin(x1: Tensor, x2: Tensor, assume_unique=False, invert=False) -> Tensor:
    """Whether an element of `x1` is anywhere in `x2`."""
    x1, x2 = (_orderable(x) for x in promoted(x1, x2))
    if on_meta(x1, x2):
        return torch.empty_like(x1, dtype=torch.bool)
    return torch.isin(x1, x2, assume_unique=assume_unique, invert=invert)


@op
def nonzero(x: Tensor) -> Tensor:
    """The indices of the elements that are not 0, a row per axis; room for all if symbolic."""
    x = as_tensor(x)
    if on_meta(x):
        return torch.empty((x.ndim, x.numel()), dtype=torch.int32, device=x.device)
    return torch.nonzero(x).T.to(torch.int32)


@op
def unravel_index(indices: Tensor, shape) -> tuple[Tensor, ...]:
    """Indices of elements in a row as one tensor of indices per axis of `shape`."""
    indices = as_tensor(indices)
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    parts = []
    for length in reversed(shape):
        parts.append(indices % length)
        indices = torch.floor_divide(indices, length)
    return tuple(reversed(parts))


@op
def unique(
    x: Tensor,
    sorted=True,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    size=None,
    fill_value=None,
) -> "Tensor | tuple[Tensor, ...]":
    """The elements, or slices along `axis`, that differ.

    Args:
        return_index: also the index of the first occurrence of each.
        return_inverse: also, for each element of `x`, which one it is.
        return_counts: also how often each occurs.
        size: so many are returned, the rest left out or `fill_value` (0 where None) put in.
    """
    x = as_tensor(x)
    dim = 0 if axis is None else canonical_axis(axis, x.ndim)
    if on_meta(x):
        values, inverse, counts = _unique_on_meta(x, axis, dim)
    else:
        values, inverse, counts = torch.unique(
            x, sorted=sorted, return_inverse=True, return_counts=True, dim=axis
        )
    outputs = [_sized(values, size, dim, 0 if fill_value is None else fill_value)]
    if return_index:
        places = torch.arange(inverse.numel(), device=x.device)
        first = torch.empty_like(counts).scatter_reduce(
            0, inverse.reshape(-1), places, "amin", include_self=False
        )
        outputs.append(_sized(first, size, 0, 1))
    if return_inverse:
        outputs.append(inverse)
    if return_counts:
        outputs.append(_sized(counts, size, 0, 0))
    return outputs[0] if len(outputs) == 1 else tuple(outputs)


def _unique_on_meta(x: Tensor, axis: int | None, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """The results where all elements differ."""
    values = x.reshape(-1) if axis is None else x
    counts = torch.empty(values.shape[dim], dtype=torch.int64, device=x.device)
    shape = x.shape if axis is None else counts.shape
    return values, torch.empty(shape, dtype=torch.int64, device=x.device), counts


def _sized(x: Tensor, size: int | None, dim: int, fill) -> Tensor:
    if size is None:
        return x
    x = x.narrow(dim, 0, min(size, x.shape[dim]))
    return F.pad(x, [0, 0] * (x.ndim - 1 - dim) + [0, size - x.shape[dim]], value=fill)


# ------------------------------------------------------------------ functions of slices
def vectorize(pyfunc, *, excluded=None, signature=None) -> Callable:
    """`pyfunc`, made for single numbers, as a function of tensors that broadcast.

    Args:
        excluded: places of arguments that are handed on as they are.
        signature: such as "(m,n),(n)->(m)": the last axes that `pyfunc` itself takes and gives.

    Raises:
        ValueError: `pyfunc` is not callable.
    """
    if not callable(pyfunc):
        raise ValueError(f"Expected argument `pyfunc` to be a callable. Received: pyfunc={pyfunc}")
    excluded = frozenset(excluded or ())

    def vectorized(*args):
        places = [i for i in range(len(args)) if i not in excluded]
        cores = _core_ranks(signature, len(places))
        tensors = as_tensors(*[args[i] for i in places])
        shapes = [x.shape[: x.ndim - core] for x, core in zip(tensors, cores, strict=True)]
        batch = torch.broadcast_shapes(*shapes)
        tensors = [
            x.expand(*batch, *x.shape[x.ndim - core :])
            for x, core in zip(tensors, cores, strict=True)
        ]

        def function(*given):
            arguments = dict(zip(places, given, strict=True))
            return pyfunc(*[arguments.get(i, args[i]) for i in range(len(args))])

        for _ in batch:
            function = torch.vmap(function)
        return function(*tensors)

    return vectorized


def _core_ranks(signature: str | None, count: int) -> list[int]:
    """How many axes of each argument belong to the function."""
    if signature is None:
        return [0] * count
    given = signature.replace(" ", "").split("->")[0]
    ranks = [len([d for d in part.split(",") if d]) for part in given[1:-1].split("),(")]
    if len(ranks) != count:
        raise ValueError(
            f"`signature` must name {count} arguments. Received: signature={signature!r}"
        )
    return ranks
