"""The array functions at the top of `tf`: making, shaping, joining and picking from tensors."""

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import _variable
from torchkeras import config as _config
from torchkeras.tf._convert import as_dtype, as_shape, convert_to_tensor, is_tensor, matched

__all__ = [
    "Variable",
    "boolean_mask",
    "broadcast_to",
    "clip_by_value",
    "concat",
    "constant",
    "expand_dims",
    "eye",
    "fill",
    "gather",
    "identity",
    "linspace",
    "meshgrid",
    "one_hot",
    "ones",
    "ones_like",
    "pad",
    "range",
    "rank",
    "repeat",
    "reshape",
    "reverse",
    "roll",
    "shape",
    "size",
    "sort",
    "split",
    "squeeze",
    "stack",
    "stop_gradient",
    "tile",
    "transpose",
    "unstack",
    "where",
    "zeros",
    "zeros_like",
]


class Variable(_variable.Variable):
    """A torchkeras `Variable` made with TensorFlow's arguments.

    `initial_value` is a value, or a callable without arguments that gives one; the dtype is the
    value's own, so `tf.Variable(1)` is int32.
    """

    def __new__(
        cls, initial_value=None, trainable=None, *args, dtype=None, shape=None, **kwargs
    ) -> "Variable":
        if initial_value is None:
            raise ValueError("The argument 'initial_value' must not be None. Received: None")
        if callable(initial_value) and not isinstance(initial_value, Tensor):
            initial_value = initial_value()
        value = convert_to_tensor(initial_value, dtype)
        return super().__new__(cls, value, shape, trainable=trainable is not False)

    def __init__(
        self,
        initial_value=None,
        trainable=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        variable_def=None,
        dtype=None,
        import_scope=None,
        constraint=None,
        synchronization="auto",
        aggregation="none",
        shape=None,
    ):
        super().__init__(
            None,
            trainable=trainable is not False,
            name=name,
            synchronization=synchronization,
            aggregation=aggregation,
        )
        self.constraint = constraint


def constant(value, dtype=None, shape=None, name=None):
    """A tensor of `value`; a single number fills `shape`."""
    if is_tensor(value):
        value = value.to(as_dtype(dtype or value.dtype))
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    shape = as_shape(shape)
    return tensor.expand(shape).clone() if tensor.numel() == 1 else tensor.reshape(shape)


def zeros(shape, dtype=torch.float32, name=None):
    """A tensor of zeros."""
    return torch.zeros(as_shape(shape), dtype=as_dtype(dtype), device=_config.default_device())


def ones(shape, dtype=torch.float32, name=None):
    """A tensor of ones."""
    return torch.ones(as_shape(shape), dtype=as_dtype(dtype), device=_config.default_device())


def zeros_like(input, dtype=None, name=None):
    """Zeros in the shape of `input`, and in its dtype unless another is given."""
    x = convert_to_tensor(input)
    return torch.zeros_like(x, dtype=as_dtype(dtype or x.dtype))


def ones_like(input, dtype=None, name=None):
    """Ones in the shape of `input`, and in its dtype unless another is given."""
    x = convert_to_tensor(input)
    return torch.ones_like(x, dtype=as_dtype(dtype or x.dtype))


def fill(dims, value, name=None):
    """A tensor of shape `dims` with `value` everywhere."""
    return constant(value, shape=dims)


def eye(num_rows, num_columns=None, batch_shape=None, dtype=torch.float32, name=None):
    """Identity matrices: ones on the diagonal, zeros elsewhere."""
    columns = num_rows if num_columns is None else num_columns
    matrix = torch.eye(num_rows, columns, dtype=as_dtype(dtype), device=_config.default_device())
    return matrix if batch_shape is None else matrix.repeat(*as_shape(batch_shape), 1, 1)


def range(start, limit=None, delta=1, dtype=None, name="range"):
    """Numbers from `start` (0 where one number is given) up to `limit`, which is left out."""
    if limit is None:
        start, limit = 0, start
    bounds = [v.item() if isinstance(v, Tensor) else v for v in (start, limit, delta)]
    if dtype is None:
        dtype = torch.float32 if any(isinstance(v, float) for v in bounds) else torch.int32
    return torch.arange(*bounds, dtype=as_dtype(dtype), device=_config.default_device())


def linspace(start, stop, num, name=None, axis=0):
    """`num` evenly spaced numbers from `start` to `stop`, both included, along a new axis."""
    start, stop = matched(start, stop)
    if not start.is_floating_point():
        start, stop = start.double(), stop.double()
    steps = torch.linspace(0, 1, num, dtype=start.dtype, device=start.device)
    steps = steps.reshape(-1, *[1] * start.ndim)
    return torch.movedim(start + (stop - start) * steps, 0, axis)


def shape(input, out_type=torch.int32, name=None):
    """The shape of a tensor as a 1-D tensor."""
    sizes = tuple(convert_to_tensor(input).shape)
    return torch.tensor(sizes, dtype=as_dtype(out_type), device=_config.default_device())


def size(input, out_type=torch.int32, name=None):
    """The number of elements as a 0-D tensor."""
    return shape(input, torch.int64).prod().to(as_dtype(out_type))


def rank(input, name=None):
    """The number of axes as a 0-D int32 tensor."""
    return constant(len(convert_to_tensor(input).shape))


def reshape(tensor, shape, name=None):
    """The same elements in another shape; one size may be -1."""
    return torch.reshape(convert_to_tensor(tensor), as_shape(shape))


def transpose(a, perm=None, conjugate=False, name="transpose"):
    """Axes in the order `perm`, by default reversed."""
    x = convert_to_tensor(a)
    if perm is None:
        perm = tuple(reversed(tuple(i for i, _ in enumerate(x.shape))))
    x = torch.permute(x, as_shape(perm))
    return torch.conj(x).resolve_conj() if conjugate else x


def expand_dims(input, axis, name=None):
    """One more axis, of size 1, at `axis`."""
    return torch.unsqueeze(convert_to_tensor(input), axis)


def squeeze(input, axis=None, name=None):
    """Without the given axes of size 1, or without all of them.

    Raises:
        ValueError: a given axis has another size than 1.
    """
    x = convert_to_tensor(input)
    if axis is None:
        return torch.squeeze(x)
    axes = as_shape(axis)
    if any(x.shape[i] != 1 for i in axes):
        raise ValueError(
            f"Can not squeeze axis {axis}, expected a dimension of 1. "
            f"Received: shape={tuple(x.shape)}"
        )
    return torch.squeeze(x, axes)


def concat(values, axis, name="concat"):
    """Tensors joined along an axis they have."""
    return torch.cat(matched(*values), axis)


def stack(values, axis=0, name="stack"):
    """Tensors of one shape joined along a new axis."""
    return torch.stack(matched(*values), axis)


def unstack(value, num=None, axis=0, name="unstack"):
    """The list of the tensors along `axis`."""
    parts = torch.unbind(convert_to_tensor(value), axis)
    if num is not None and num != len(parts):
        raise ValueError(f"Expected {len(parts)} parts along axis {axis}. Received: num={num}")
    return list(parts)


def split(value, num_or_size_splits, axis=0, num=None, name="split"):
    """A list of equal parts, or of parts of the given sizes, one of which may be -1.

    Raises:
        ValueError: the axis cannot be cut into that many equal parts.
    """
    x = convert_to_tensor(value)
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


def tile(input, multiples, name=None):
    """`input` repeated `multiples[i]` times along axis `i`."""
    return torch.tile(convert_to_tensor(input), as_shape(multiples))


def repeat(input, repeats, axis=None, name=None):
    """Each element repeated; without `axis` the result is flat."""
    if not isinstance(repeats, int):
        repeats = convert_to_tensor(repeats)
    return torch.repeat_interleave(convert_to_tensor(input), repeats, axis)


def broadcast_to(input, shape, name=None):
    """`input` repeated along new axes and axes of size 1, without a copy."""
    return torch.broadcast_to(convert_to_tensor(input), as_shape(shape))


def reverse(tensor, axis, name=None):
    """The elements in the opposite order along the given axes."""
    return torch.flip(convert_to_tensor(tensor), as_shape(axis))


def roll(input, shift, axis, name=None):
    """The elements moved along the given axes; what leaves comes in at the other end."""
    return torch.roll(convert_to_tensor(input), as_shape(shift), as_shape(axis))


def sort(values, axis=-1, direction="ASCENDING", name=None):
    """The values in order along `axis`."""
    descending = direction.upper() == "DESCENDING"
    return torch.sort(convert_to_tensor(values), axis, descending=descending).values


_PAD_MODES = {"CONSTANT": "constant", "REFLECT": "reflect"}


def pad(tensor, paddings, mode="CONSTANT", constant_values=0, name=None):
    """`tensor` with `paddings[i] = (before, after)` elements added along axis `i`."""
    x = convert_to_tensor(tensor)
    if mode.upper() not in _PAD_MODES:
        raise ValueError(f"`mode` must be one of {list(_PAD_MODES)}. Received: mode={mode}")
    widths = [int(width) for pair in reversed(list(paddings)) for width in pair]
    if mode.upper() == "CONSTANT":
        return F.pad(x, widths, value=constant_values)
    # torch reflects the last axes of a tensor that has two more in front.
    return F.pad(x[None, None], widths, mode="reflect")[0, 0]


def gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None):
    """The slices of `params` along `axis` (default 0) at `indices`."""
    if batch_dims:
        raise NotImplementedError(
            "tf.gather takes no batch_dims in this version; torch.gather or "
            f"torch.take_along_dim does this. Received: batch_dims={batch_dims}"
        )
    x, axis = convert_to_tensor(params), axis or 0
    indices = convert_to_tensor(indices)
    picked = torch.index_select(x, axis, indices.reshape(-1).long())
    axis = axis % x.ndim
    return picked.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def boolean_mask(tensor, mask, axis=None, name="boolean_mask"):
    """The elements of `tensor` where `mask` is true; `mask` covers the axes from `axis` on."""
    x, mask = convert_to_tensor(tensor), convert_to_tensor(mask).bool()
    return x[(slice(None),) * (axis or 0) + (mask,)]


def where(condition, x=None, y=None, name=None):
    """`x` where the condition holds, `y` elsewhere; without them the indices of the true places."""
    condition = convert_to_tensor(condition).bool()
    if x is None and y is None:
        return torch.nonzero(condition)
    return torch.where(condition, *matched(x, y))


def one_hot(indices, depth, on_value=1, off_value=0, axis=-1, dtype=torch.float32, name=None):
    """`on_value` at the index along a new axis, `off_value` elsewhere and for bad indices."""
    indices = convert_to_tensor(indices)
    places = torch.arange(depth, device=indices.device)
    hot = torch.where(indices[..., None] == places, on_value, off_value).to(as_dtype(dtype))
    return hot if axis == -1 else torch.movedim(hot, -1, axis)


def meshgrid(*args, indexing="xy", name=None):
    """Coordinate tensors of the grid that 1-D tensors span."""
    return list(torch.meshgrid(*matched(*args), indexing=indexing))


def identity(input, name=None):
    """A tensor with the same values in memory of its own."""
    return torch.clone(convert_to_tensor(input))


def stop_gradient(input, name=None):
    """The same values; no gradient flows back through them."""
    return torch.detach(convert_to_tensor(input))


def clip_by_value(t, clip_value_min, clip_value_max, name=None):
    """Every element brought into the given bounds."""
    t, low, high = matched(t, clip_value_min, clip_value_max)
    return torch.minimum(torch.maximum(t, low), high)
