"""The array functions at the top of `tf`: making, shaping, joining and comparing tensors."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config as _config
from torchkeras._symbolic import KerasTensor, running_on_meta
from torchkeras.tf._convert import as_shape, as_tensor, matched
from torchkeras.tf._strings import StringTensor, structural
from torchkeras.tf._tensor import TensorShape, facade
from torchkeras.tf.dtypes import as_dtype, float32, string, torch_dtype

__all__ = [
    "batch_to_space",
    "bitcast",
    "broadcast_dynamic_shape",
    "broadcast_static_shape",
    "broadcast_to",
    "cast",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "concat",
    "constant",
    "convert_to_tensor",
    "ensure_shape",
    "expand_dims",
    "eye",
    "fill",
    "get_static_value",
    "global_norm",
    "guarantee_const",
    "histogram_fixed_width",
    "histogram_fixed_width_bins",
    "identity",
    "identity_n",
    "is_symbolic_tensor",
    "linspace",
    "make_ndarray",
    "make_tensor_proto",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "parallel_stack",
    "range",
    "rank",
    "repeat",
    "reshape",
    "reverse",
    "roll",
    "saturate_cast",
    "sequence_mask",
    "shape",
    "shape_n",
    "size",
    "space_to_batch",
    "space_to_batch_nd",
    "split",
    "squeeze",
    "stack",
    "tile",
    "transpose",
    "unstack",
    "zeros",
    "zeros_like",
]


@facade
def convert_to_tensor(value, dtype=None, dtype_hint=None, name=None):
    """A tensor of `value`; a variable's value now."""
    tensor = as_tensor(value, dtype, dtype_hint)
    return torch.clone(tensor) if isinstance(tensor, torch.nn.Parameter) else tensor


@facade
def constant(value, dtype=None, shape=None, name=None):
    """A tensor of `value`; a single number fills `shape`."""
    if isinstance(value, Tensor):
        value = value.detach().to(torch_dtype(dtype or value.dtype))
    tensor = as_tensor(value, dtype)
    if shape is None:
        return tensor
    if isinstance(tensor, StringTensor):
        return broadcast_to(tensor, shape) if tensor.values.size == 1 else reshape(tensor, shape)
    shape = as_shape(shape)
    return tensor.expand(shape).clone() if tensor.numel() == 1 else tensor.reshape(shape)


def _blank(dtype: Any, shape: Any) -> StringTensor:
    return broadcast_to(StringTensor(""), shape)


@facade
def zeros(shape, dtype=float32, name=None, layout=None):
    """A tensor of zeros, or of empty strings."""
    if dtype == string:
        return _blank(dtype, shape)
    return torch.zeros(as_shape(shape), dtype=torch_dtype(dtype), device=_config.default_device())


@facade
def ones(shape, dtype=float32, name=None, layout=None):
    """A tensor of ones."""
    return torch.ones(as_shape(shape), dtype=torch_dtype(dtype), device=_config.default_device())


@facade
def zeros_like(input, dtype=None, name=None, layout=None):
    """Zeros in the shape of `input`, and in its dtype unless another is given."""
    x = as_tensor(input)
    if isinstance(x, StringTensor):
        return zeros(x.shape, dtype or x.dtype)
    return torch.zeros_like(x, dtype=torch_dtype(dtype or x.dtype))


@facade
def ones_like(input, dtype=None, name=None, layout=None):
    """Ones in the shape of `input`, and in its dtype unless another is given."""
    x = as_tensor(input)
    return torch.ones_like(x, dtype=torch_dtype(dtype or x.dtype))


@facade
def fill(dims, value, name=None, layout=None):
    """A tensor of shape `dims` with `value` everywhere."""
    return constant(value, shape=dims)


@facade
def eye(num_rows, num_columns=None, batch_shape=None, dtype=float32, name=None):
    """Identity matrices: ones on the diagonal, zeros elsewhere."""
    columns = num_rows if num_columns is None else num_columns
    matrix = torch.eye(
        int(num_rows), int(columns), dtype=torch_dtype(dtype), device=_config.default_device()
    )
    return matrix if batch_shape is None else matrix.repeat(*as_shape(batch_shape), 1, 1)


@facade
def range(start, limit=None, delta=1, dtype=None, name="range"):
    """Numbers from `start` (0 where one number is given) up to `limit`, which is left out."""
    if limit is None:
        start, limit = 0, start
    if dtype is None:
        given = [as_dtype(v.dtype) for v in (start, limit, delta) if hasattr(v, "dtype")]
        given += [float32] if any(isinstance(v, float) for v in (start, limit, delta)) else []
        dtype = max(given, key=lambda d: (d.is_floating, d.size), default="int32")
    bounds = [v.item() if hasattr(v, "item") else v for v in (start, limit, delta)]
    return torch.arange(*bounds, dtype=torch_dtype(dtype), device=_config.default_device())


@facade
def linspace(start, stop, num, name=None, axis=0):
    """`num` evenly spaced numbers from `start` to `stop`, both included, along a new axis."""
    start, stop = matched(start, stop)
    if not start.is_floating_point():
        start, stop = start.double(), stop.double()
    steps = torch.linspace(0, 1, int(num), dtype=start.dtype, device=start.device)
    steps = steps.reshape(-1, *[1] * start.ndim)
    return torch.movedim(start + (stop - start) * steps, 0, axis)


@facade
def cast(x, dtype, name=None):
    """`x` in another dtype; from floats to integers it rounds towards zero."""
    x = as_tensor(x)
    if hasattr(x, "is_composite"):
        return x.with_values(cast(x.values, dtype))
    return x.to(torch_dtype(dtype))


@facade
def saturate_cast(value, dtype, name=None):
    """`value` in another dtype, what is too large or small as its largest or smallest number."""
    x, dtype = as_tensor(value), as_dtype(dtype)
    return torch.clamp(x, dtype.min, dtype.max).to(dtype.torch)


@facade
def bitcast(input, type, name=None):
    """The same bytes read as another dtype."""
    return as_tensor(input).view(torch_dtype(type))


@facade
def shape(input, out_type="int32", name=None):
    """The shape of a tensor as a 1-D tensor."""
    x = as_tensor(input)
    if hasattr(x, "is_composite"):
        return x.dynamic_shape(out_type)
    if running_on_meta():  # sizes are known where shapes are worked out, and values are not
        return np.array(tuple(x.shape), as_dtype(out_type).as_numpy_dtype)
    return torch.tensor(
        tuple(x.shape), dtype=torch_dtype(out_type), device=_config.default_device()
    )


@facade
def shape_n(input, out_type="int32", name=None):
    """The shapes of several tensors."""
    return [shape(x, out_type) for x in input]


@facade
def size(input, out_type="int32", name=None):
    """The number of elements as a 0-D tensor."""
    return shape(input, "int64").prod().to(torch_dtype(out_type))


@facade
def rank(input, name=None):
    """The number of axes as a 0-D int32 tensor."""
    return constant(len(as_tensor(input).shape))


def broadcast_static_shape(shape_x, shape_y) -> TensorShape:
    """The shape that tensors of two shapes have when broadcast."""
    return TensorShape(tuple(torch.broadcast_shapes(as_shape(shape_x), as_shape(shape_y))))


@facade
def broadcast_dynamic_shape(shape_x, shape_y):
    """As `broadcast_static_shape`, as a tensor."""
    return as_tensor(broadcast_static_shape(shape_x, shape_y))


def get_static_value(tensor, partial=False):
    """The value of a tensor as NumPy has it; None for a symbolic one."""
    return as_tensor(tensor).numpy() if hasattr(as_tensor(tensor), "numpy") else None


def is_symbolic_tensor(tensor) -> bool:
    """Whether a tensor has no value yet."""
    return isinstance(tensor, KerasTensor)


@facade
@structural
def reshape(tensor, shape, name=None):
    """The same elements in another shape; one size may be -1."""
    return torch.reshape(as_tensor(tensor), as_shape(shape))


@facade
def ensure_shape(x, shape, name=None):
    """The tensor itself.

    Raises:
        ValueError: it has another shape.
    """
    x = as_tensor(x)
    if not TensorShape(tuple(x.shape)).is_compatible_with(shape):
        raise ValueError(
            f"Shape of tensor x {list(x.shape)} is not compatible with expected shape {shape}."
        )
    return x


@facade
@structural
def transpose(a, perm=None, conjugate=False, name="transpose"):
    """Axes in the order `perm`, by default reversed."""
    x = as_tensor(a)
    if perm is None:
        perm = tuple(reversed(tuple(i for i, _ in enumerate(x.shape))))
    x = torch.permute(x, as_shape(perm))
    return torch.conj(x).resolve_conj() if conjugate else x


@facade
@structural
def expand_dims(input, axis, name=None):
    """One more axis, of size 1, at `axis`."""
    x = as_tensor(input)
    return x.expanded(int(axis)) if hasattr(x, "is_composite") else torch.unsqueeze(x, int(axis))


@facade
@structural
def squeeze(input, axis=None, name=None):
    """Without the given axes of size 1, or without all of them.

    Raises:
        ValueError: a given axis has another size than 1.
    """
    x = as_tensor(input)
    if axis is None:
        return torch.squeeze(x)
    axes = as_shape(axis)
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(
            f"Can not squeeze axis {axis}, expected a dimension of 1. "
            f"Received: shape={tuple(x.shape)}"
        )
    return torch.squeeze(x, axes)


@facade
@structural
def concat(values, axis, name="concat"):
    """Tensors joined along an axis they have."""
    if isinstance(values, Tensor):
        values = torch.unbind(values)
    values = [as_tensor(value) for value in values] if _any_composite(values) else values
    if _any_composite(values):
        return values[0].joined(values[1:], int(axis))
    if running_on_meta() and not _hold_tensors(values):
        return np.concatenate(values, int(axis))
    return torch.cat(matched(*values), int(axis))


def _hold_tensors(values: Any) -> bool:
    return any(isinstance(value, Tensor) for value in values)


def _any_composite(values: Any) -> bool:
    return any(hasattr(value, "is_composite") for value in values)


@facade
@structural
def stack(values, axis=0, name="stack"):
    """Tensors of one shape joined along a new axis."""
    if isinstance(values, Tensor):
        values = torch.unbind(values)
    if _any_composite(values):
        axis = int(axis) + (values[0].ndim + 1 if axis < 0 else 0)
        return concat([expand_dims(value, axis) for value in values], axis)
    if running_on_meta() and not _hold_tensors(values):
        return np.stack(values, axis)
    return torch.stack(matched(*values), axis)


@facade
@structural
def unstack(value, num=None, axis=0, name="unstack"):
    """The list of the tensors along `axis`."""
    parts = torch.unbind(as_tensor(value), axis)
    if num is not None and num != len(parts):
        raise ValueError(f"Expected {len(parts)} parts along axis {axis}. Received: num={num}")
    return list(parts)


@facade
@structural
def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    """A list of equal parts, or of parts of the given sizes, one of which may be -1.

    Raises:
        ValueError: the axis cannot be cut into that many equal parts.
    """
    x = as_tensor(value)
    length = x.shape[axis]
    if isinstance(num_or_size_splits, int):
        if length % num_or_size_splits:
            raise ValueError(
                f"Dimension size, {length}, must be evenly divisible by {num_or_size_splits}. "
                f"Received: num_or_size_splits={num_or_size_splits}"
            )
        return list(torch.split(x, length // num_or_size_splits, axis))
    sizes = list(as_shape(num_or_size_splits))
    if -1 in sizes:
        sizes[sizes.index(-1)] = length - sum(sizes) - 1
    return list(torch.split(x, sizes, axis))


@facade
@structural
def tile(input, multiples, name=None):
    """`input` repeated `multiples[i]` times along axis `i`."""
    return torch.tile(as_tensor(input), as_shape(multiples))


@facade
@structural
def repeat(input, repeats, axis=None, name=None):
    """Each element repeated; without `axis` the result is flat."""
    x = as_tensor(input)
    if not isinstance(repeats, int):
        repeats = as_tensor(repeats).to(x.device)
        repeats = int(repeats) if not repeats.ndim else repeats.reshape(-1)
    return torch.repeat_interleave(x, repeats, axis)


@facade
@structural
def broadcast_to(input, shape, name=None):
    """`input` repeated along new axes and axes of size 1, without a copy."""
    return torch.broadcast_to(as_tensor(input), as_shape(shape))


@facade
@structural
def reverse(tensor, axis, name=None):
    """The elements in the opposite order along the given axes."""
    return torch.flip(as_tensor(tensor), as_shape(axis))


@facade
@structural
def roll(input, shift, axis, name=None):
    """The elements moved along the given axes; what leaves comes in at the other end."""
    return torch.roll(as_tensor(input), as_shape(shift), as_shape(axis))


@facade
@structural
def identity(input, name=None):
    """A tensor with the same values in memory of its own."""
    return torch.clone(as_tensor(input))


_PAD_MODES = ("CONSTANT", "REFLECT", "SYMMETRIC")


@facade
def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
    """`tensor` with `paddings[i] = (before, after)` elements added along axis `i`."""
    x = as_tensor(tensor)
    if mode.upper() not in _PAD_MODES:
        raise ValueError(f"`mode` must be one of {list(_PAD_MODES)}. Received: mode={mode}")
    pairs = [tuple(int(width) for width in pair) for pair in paddings]
    if mode.upper() == "CONSTANT":
        widths = [width for pair in reversed(pairs) for width in pair]
        return F.pad(x, widths, value=float(constant_values) if constant_values else 0)
    edge = 1 if mode.upper() == "REFLECT" else 0
    for axis, (before, after) in enumerate(pairs):
        if before or after:
            x = _mirrored(x, axis, before, after, edge)
    return x


def _mirrored(x: Tensor, axis: int, before: int, after: int, edge: int) -> Tensor:
    length = x.shape[axis]
    if max(before, after) > length - edge:
        raise ValueError(
            f"paddings must be at most {length - edge} for axis {axis} of size {length}. "
            f"Received: paddings={(before, after)}"
        )
    head = torch.flip(torch.narrow(x, axis, edge, before), (axis,))
    tail = torch.flip(torch.narrow(x, axis, length - edge - after, after), (axis,))
    return torch.cat((head, x, tail), axis)


@facade
def one_hot(indices, depth, on_value=None, off_value=None, axis=-1, dtype=None, name=None):
    """`on_value` at the index along a new axis, `off_value` elsewhere and for bad indices."""
    indices = as_tensor(indices)
    if dtype is None:
        given = [value for value in (on_value, off_value) if value is not None]
        dtype = as_tensor(given[0]).dtype if given else float32
    on_value = 1 if on_value is None else on_value
    off_value = 0 if off_value is None else off_value
    places = torch.arange(int(depth), device=indices.device)
    hot = torch.where(indices[..., None] == places, on_value, off_value).to(torch_dtype(dtype))
    return hot if axis == -1 else torch.movedim(hot, -1, axis)


@facade
@structural
def meshgrid(*args, indexing="xy", name=None):
    """Coordinate tensors of the grid that 1-D tensors span."""
    return list(torch.meshgrid(*[as_tensor(x) for x in args], indexing=indexing))


@facade
def sequence_mask(lengths, maxlen=None, dtype="bool", name=None):
    """Along a new last axis, true in the first `lengths` places of `maxlen`."""
    lengths = as_tensor(lengths)
    longest = int(lengths.max()) if maxlen is None else int(maxlen)
    places = torch.arange(longest, device=lengths.device)
    return (places < lengths[..., None]).to(torch_dtype(dtype))


@facade
def histogram_fixed_width(values, value_range, nbins=100, dtype="int32", name=None):
    """Counts of values in `nbins` equal bins; what lies outside counts in the first or last."""
    values = as_tensor(values)
    low, high = (float(bound) for bound in value_range)
    places = torch.floor((values - low) / (high - low) * nbins).clamp(0, nbins - 1).long()
    return torch.bincount(places.reshape(-1), minlength=nbins).to(torch_dtype(dtype))


@facade
def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    """Every element brought into the given bounds."""
    x, low, high = matched(t, clip_value_min, clip_value_max)
    return torch.minimum(torch.maximum(x, low), high)


@facade
def clip_by_norm(t, clip_norm, axes=None, name=None):
    """The tensor scaled down to the Euclidean norm `clip_norm` where its norm is larger."""
    x = as_tensor(t)
    dims = tuple(i for i, _ in enumerate(x.shape)) if axes is None else as_shape(axes)
    squares = torch.sum(torch.square(x), dims, keepdim=True)
    is_positive = squares > 0
    norm = torch.sqrt(torch.where(is_positive, squares, torch.ones_like(squares)))
    norm = torch.where(is_positive, norm, squares)
    return x * clip_norm / torch.clamp(norm, min=float(clip_norm))


@facade
def global_norm(t_list, name=None):
    """The Euclidean norm of all elements of all tensors; None among them counts nothing."""
    tensors = [as_tensor(t) for t in t_list if t is not None]
    return torch.sqrt(sum(torch.sum(torch.square(t)) for t in tensors))


@facade
def clip_by_global_norm(t_list, clip_norm, use_norm=None, name=None):
    """The tensors, scaled down together to a global norm of at most `clip_norm`, and their norm."""
    norm = global_norm(t_list) if use_norm is None else as_tensor(use_norm)
    scale = clip_norm / torch.clamp(norm, min=float(clip_norm))
    return [None if t is None else as_tensor(t) * scale for t in t_list], norm


@facade
def histogram_fixed_width_bins(values, value_range, nbins=100, dtype="int32", name=None):
    """The number of the bin, of `nbins` equal ones, of each value."""
    values = as_tensor(values)
    low, high = (float(bound) for bound in value_range)
    places = torch.floor((values - low) / (high - low) * nbins).clamp(0, nbins - 1)
    return places.to(torch_dtype(dtype))


@facade
@structural
def identity_n(input, name=None):
    """A list of tensors with the same values."""
    return [torch.clone(as_tensor(x)) for x in input]


@facade
def space_to_batch(input, block_shape, paddings, name=None):
    """Blocks of the axes after the first as more rows of the first axis."""
    x, blocks = as_tensor(input), as_shape(block_shape)
    widths = [int(width) for pair in reversed(list(paddings)) for width in pair]
    rest = x.dim() - 1 - len(blocks)
    x = F.pad(x, [0] * (2 * rest) + widths)
    batch, tail = x.shape[0], x.shape[1 + len(blocks) :]
    sizes = [part for size, block in zip(x.shape[1:], blocks) for part in (size // block, block)]
    x = x.reshape(batch, *sizes, *tail)
    count = len(blocks)
    inner = [2 * axis + 2 for axis, _ in enumerate(blocks)]
    outer = [2 * axis + 1 for axis, _ in enumerate(blocks)]
    x = x.permute(*inner, 0, *outer, *[axis for axis, _ in enumerate(x.shape) if axis > 2 * count])
    return x.reshape(-1, *x.shape[count + 1 :])


space_to_batch_nd = space_to_batch


@facade
def batch_to_space(input, block_shape, crops, name=None):
    """What `space_to_batch` did, undone; `crops[i] = (before, after)` are cut off."""
    x, blocks = as_tensor(input), as_shape(block_shape)
    count = len(blocks)
    sizes, tail = x.shape[1 : count + 1], x.shape[count + 1 :]
    x = x.reshape(*blocks, -1, *sizes, *tail)
    order = [count]
    for axis, _ in enumerate(blocks):
        order += [count + 1 + axis, axis]
    x = x.permute(*order, *[axis for axis, _ in enumerate(x.shape) if axis > 2 * count])
    x = x.reshape(x.shape[0], *[size * block for size, block in zip(sizes, blocks)], *tail)
    for axis, (before, after) in enumerate(crops, 1):
        x = x.narrow(axis, int(before), x.shape[axis] - int(before) - int(after))
    return x


def make_tensor_proto(values, dtype=None, shape=None, verify_shape=False, allow_broadcast=False):
    """A tensor of `values`: there are no other messages than tensors."""
    return constant(values, dtype, shape)


def make_ndarray(tensor) -> np.ndarray:
    """The array of what `make_tensor_proto` gave."""
    return as_tensor(tensor).numpy()


guarantee_const = identity
parallel_stack = stack
