"""Array functions of `keras.backend`, as thin names over `ops`."""

import builtins
import operator

import numpy as np
import torch

from torchkeras import _dtypes, config, ops
from torchkeras._op import Computation, op
from torchkeras._symbolic import KerasTensor, shape_of
from torchkeras.backend._settings import normalize_data_format

__all__ = [
    "abs",
    "all",
    "any",
    "arange",
    "argmax",
    "argmin",
    "asymmetric_spatial_2d_padding",
    "asymmetric_temporal_padding",
    "batch_dot",
    "batch_flatten",
    "cast",
    "cast_to_floatx",
    "clip",
    "concatenate",
    "cos",
    "count_params",
    "cumprod",
    "cumsum",
    "dot",
    "dtype",
    "equal",
    "exp",
    "expand_dims",
    "flatten",
    "foldl",
    "foldr",
    "gather",
    "get_variable_shape",
    "greater",
    "greater_equal",
    "identity",
    "int_shape",
    "is_sparse",
    "is_tensor",
    "less",
    "less_equal",
    "lesser",
    "lesser_equal",
    "log",
    "logsumexp",
    "map_fn",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "ndim",
    "not_equal",
    "one_hot",
    "permute_dimensions",
    "pow",
    "prod",
    "repeat",
    "repeat_elements",
    "reshape",
    "resize_images",
    "resize_volumes",
    "reverse",
    "round",
    "shape",
    "sign",
    "sin",
    "size",
    "slice",
    "spatial_2d_padding",
    "spatial_3d_padding",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "std",
    "sum",
    "temporal_padding",
    "tile",
    "to_dense",
    "transpose",
    "var",
]


def _is_sizes(x) -> bool:
    """Whether `x` is made of plain integers: what `shape` gives is reckoned with as it is."""
    if isinstance(x, (list, tuple)):
        return builtins.all(_is_sizes(item) for item in x)
    return isinstance(x, (int, np.integer, UnknownSize)) and not isinstance(x, bool)


# ---------------------------------------------------------------- element by element


def abs(x):
    """Absolute values."""
    return ops.abs(x)


def exp(x):
    """e to the power of x."""
    return ops.exp(x)


def log(x):
    """Natural logarithm."""
    return ops.log(x)


def round(x):
    """The nearest integers, as floats; halves to the even one."""
    return ops.round(x)


def sign(x):
    """-1, 0 or 1."""
    return ops.sign(x)


def sin(x):
    """Sine."""
    return ops.sin(x)


def cos(x):
    """Cosine."""
    return ops.cos(x)


def square(x):
    """x times x."""
    return ops.square(x)


def sqrt(x):
    """Square root; of negative values 0."""
    return ops.sqrt(ops.clip(x, 0.0, np.inf))


def pow(x, a):
    """x to the power of a."""
    return ops.power(x, a)


def clip(x, min_value, max_value):
    """Values between two bounds; None stands for no bound."""
    if isinstance(min_value, (int, float)) and isinstance(max_value, (int, float)):
        max_value = builtins.max(min_value, max_value)
    lower = -np.inf if min_value is None else min_value
    return ops.clip(x, lower, np.inf if max_value is None else max_value)


def maximum(x, y):
    """The larger of two values."""
    return ops.maximum(x, y)


def minimum(x, y):
    """The smaller of two values."""
    return ops.minimum(x, y)


def equal(x, y):
    """Whether values are equal."""
    return ops.equal(x, y)


def not_equal(x, y):
    """Whether values differ."""
    return ops.not_equal(x, y)


def greater(x, y):
    """Whether x > y."""
    return ops.greater(x, y)


def greater_equal(x, y):
    """Whether x >= y."""
    return ops.greater_equal(x, y)


def less(x, y):
    """Whether x < y."""
    return ops.less(x, y)


def less_equal(x, y):
    """Whether x <= y."""
    return ops.less_equal(x, y)


lesser, lesser_equal = less, less_equal


def identity(x, name=None):
    """A tensor of the same values."""
    return ops.copy(x)


# Names of dtypes that TensorFlow has besides.
OTHER_DTYPES = {"float": "float32", "double": "float64", "half": "float16", "int": "int32"}


def cast(x, dtype):
    """The values in another dtype."""
    if isinstance(x, UnknownSize):
        return Computation(lambda t: torch.full((), t.shape[x.axis], device=t.device))(x.source)
    if isinstance(x, (list, tuple, int, float, np.generic)):
        x = ops.convert_to_tensor(x)
    return ops.cast(x, OTHER_DTYPES.get(dtype, dtype))


def cast_to_floatx(x):
    """The values in the default float dtype; arrays stay arrays."""
    if isinstance(x, (torch.Tensor, KerasTensor)):
        return ops.cast(x, config.floatx())
    return np.asarray(x, dtype=config.floatx())


# ---------------------------------------------------------------- over axes


def _axes(axis):
    return tuple(int(a) for a in axis) if isinstance(axis, (list, np.ndarray)) else axis


def _numbers(x):
    """Values that can be averaged: those of bool become floats."""
    if isinstance(x, (torch.Tensor, KerasTensor)) and _dtypes.standardize_dtype(x.dtype) == "bool":
        return ops.cast(x, config.floatx())
    return x


def max(x, axis=None, keepdims=False):
    """The largest value over axes."""
    return ops.max(x, axis=_axes(axis), keepdims=keepdims)


def min(x, axis=None, keepdims=False):
    """The smallest value over axes."""
    return ops.min(x, axis=_axes(axis), keepdims=keepdims)


def sum(x, axis=None, keepdims=False):
    """The sum over axes."""
    if _is_sizes(x) and isinstance(x, (list, tuple)):
        return builtins.sum(x)
    return ops.sum(x, axis=_axes(axis), keepdims=keepdims)


def prod(x, axis=None, keepdims=False):
    """The product over axes; of sizes as `shape` gives them an int."""
    if _is_sizes(x) and isinstance(x, (list, tuple)):
        return int(np.prod(x))
    return ops.prod(x, axis=_axes(axis), keepdims=keepdims)


def mean(x, axis=None, keepdims=False):
    """The mean over axes."""
    return ops.mean(_numbers(x), axis=_axes(axis), keepdims=keepdims)


def var(x, axis=None, keepdims=False):
    """The variance over axes."""
    return ops.var(_numbers(x), axis=_axes(axis), keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """The standard deviation over axes."""
    return ops.std(_numbers(x), axis=_axes(axis), keepdims=keepdims)


def logsumexp(x, axis=None, keepdims=False):
    """The logarithm of the sum of exponentials over axes."""
    return ops.logsumexp(x, axis=_axes(axis), keepdims=keepdims)


def any(x, axis=None, keepdims=False):
    """Whether a value over axes is true."""
    return ops.any(x, axis=_axes(axis), keepdims=keepdims)


def all(x, axis=None, keepdims=False):
    """Whether all values over axes are true."""
    return ops.all(x, axis=_axes(axis), keepdims=keepdims)


def argmax(x, axis=-1):
    """The place of the largest value along an axis."""
    return ops.cast(ops.argmax(x, axis=axis), "int64")


def argmin(x, axis=-1):
    """The place of the smallest value along an axis."""
    return ops.cast(ops.argmin(x, axis=axis), "int64")


def cumsum(x, axis=0):
    """The running sum along an axis."""
    return ops.cumsum(x, axis=axis)


def cumprod(x, axis=0):
    """The running product along an axis."""
    return ops.cumprod(x, axis=axis)


# ---------------------------------------------------------------- shapes


class UnknownSize:
    """The size of an axis of a symbolic tensor that is known when there are values."""

    def __init__(self, source: KerasTensor, axis: int):
        self.source = source
        self.axis = axis


def _reckoning(operation):
    """A method of `Sizes`: an operation on them as on a tensor, symbolic where one is unknown."""

    def method(sizes, other):
        unknown = [d for d in sizes if isinstance(d, UnknownSize)]

        def compute(*sources):
            given = iter(sources)
            known = [next(given).shape[d.axis] if isinstance(d, UnknownSize) else d for d in sizes]
            return operation(ops.convert_to_tensor(known, dtype="int32"), other)

        return Computation(compute)(*[d.source for d in unknown]) if unknown else compute()

    return method


class Sizes(tuple):
    """The sizes of a tensor: a tuple with which one reckons as with a tensor of integers; only
    another tuple is put after it."""

    __mul__ = __rmul__ = _reckoning(operator.mul)
    __sub__ = _reckoning(operator.sub)
    __rsub__ = _reckoning(lambda sizes, other: other - sizes)
    __truediv__ = _reckoning(operator.truediv)
    __floordiv__ = _reckoning(operator.floordiv)
    __mod__ = _reckoning(operator.mod)
    _plus = __radd__ = _reckoning(operator.add)

    def __add__(self, other):
        return Sizes((*self, *other)) if isinstance(other, (list, tuple)) else self._plus(other)

    def __getitem__(self, index):
        found = tuple.__getitem__(self, index)
        return Sizes(found) if isinstance(found, tuple) else found


def shape(x):
    """The sizes of a tensor."""
    sizes = ops.shape(x)
    if isinstance(x, KerasTensor):
        sizes = (UnknownSize(x, i) if d is None else d for i, d in enumerate(sizes))
    return Sizes(sizes)


def int_shape(x):
    """The sizes as a tuple, with None for an unknown batch size; None for what has no shape."""
    if isinstance(x, KerasTensor):
        return x.shape
    if isinstance(x, (int, float)):
        return ()
    try:
        return shape_of(x)
    except (AttributeError, TypeError, ValueError):
        return None


def get_variable_shape(x):
    """The sizes of a variable as a tuple."""
    return int_shape(x)


def ndim(x):
    """The number of axes."""
    return ops.ndim(x) if isinstance(x, (list, tuple)) else len(x.shape)


def size(x, name=None):
    """The number of values."""
    return ops.size(x)


def dtype(x):
    """The name of a tensor's dtype."""
    return _dtypes.standardize_dtype(x.dtype)


def count_params(x):
    """The number of values in a variable."""
    return int(np.prod(int_shape(x)))


def is_tensor(x):
    """Whether `x` is a tensor, symbolic ones and variables counted."""
    return isinstance(x, (torch.Tensor, KerasTensor))


def is_sparse(tensor):
    """Whether a tensor is sparse."""
    if isinstance(tensor, KerasTensor):
        return tensor.sparse
    return isinstance(tensor, torch.Tensor) and tensor.layout is not torch.strided


def to_dense(tensor):
    """The tensor with all its zeros."""
    return tensor.to_dense() if isinstance(tensor, torch.Tensor) and is_sparse(tensor) else tensor


def reshape(x, shape):
    """The same values in another shape; one size may be -1."""
    if isinstance(shape, torch.Tensor):
        shape = shape.tolist()
    open_sizes = (type(None), UnknownSize)
    return ops.reshape(x, tuple(-1 if isinstance(d, open_sizes) else int(d) for d in shape))


def permute_dimensions(x, pattern):
    """The axes in another order."""
    return ops.transpose(x, axes=tuple(pattern))


def transpose(x):
    """The axes in reverse order."""
    return ops.transpose(x)


def expand_dims(x, axis=-1):
    """A new axis of size 1."""
    return ops.expand_dims(x, axis)


def squeeze(x, axis):
    """The tensor without an axis of size 1."""
    return ops.squeeze(x, axis=axis)


def flatten(x):
    """All values along one axis."""
    return ops.reshape(x, (-1,))


@op
def batch_flatten(x: torch.Tensor):
    """All values of each row along one axis."""
    return x.reshape(x.shape[0], -1)


def concatenate(tensors, axis=-1):
    """Tensors one after the other along an axis; sizes as `shape` gives them stay sizes."""
    if _is_sizes(list(tensors)):
        return tuple(d for part in tensors for d in part)
    return ops.concatenate(tensors, axis=axis)


def stack(x, axis=0):
    """Tensors along a new axis; sizes as `shape` gives them stay sizes."""
    return tuple(x) if _is_sizes(list(x)) else ops.stack(x, axis=axis)


def repeat(x, n):
    """Each row `n` times along a new second axis.

    Raises:
        ValueError: the tensor is no matrix.
    """
    if ndim(x) != 2:
        raise ValueError(f"Expected a tensor of 2 axes. Received: x of {ndim(x)} axes")
    return ops.repeat(ops.expand_dims(x, 1), n, axis=1)


def repeat_elements(x, rep, axis):
    """Each element along an axis `rep` times."""
    return ops.repeat(x, rep, axis=axis)


def tile(x, n):
    """The tensor `n` times along each axis."""
    if isinstance(n, (int, np.integer)):
        n = [n]
    return ops.tile(x, (1,) * (ndim(x) - len(n)) + tuple(int(count) for count in n))


def reverse(x, axes):
    """The values along axes in reverse order."""
    return ops.flip(x, axis=_axes(axes))


def slice(x, start, size):
    """A block of the tensor: `size` values from `start` along each axis, -1 for all that follow."""
    ends = [None if n == -1 else int(s) + int(n) for s, n in zip(start, size, strict=True)]
    key = tuple(builtins.slice(int(s), end) for s, end in zip(start, ends, strict=True))
    return x[key]


def gather(reference, indices):
    """The rows of a tensor at indices."""
    indices = ops.convert_to_tensor(indices) if isinstance(indices, (list, tuple)) else indices
    return ops.take(reference, ops.cast(indices, "int64"), axis=0)


def one_hot(indices, num_classes):
    """Vectors with a 1 at the place of each index."""
    return ops.one_hot(ops.cast(indices, "int64"), num_classes)


def arange(start, stop=None, step=1, dtype="int32"):
    """Numbers from `start` (or 0) up to, without, `stop`."""
    return ops.arange(start, stop, step, dtype=dtype)


# ---------------------------------------------------------------- products


def dot(x, y):
    """The product over the last axis of x and the last but one of y."""
    if ndim(x) > 0 and ndim(y) == 2:
        return ops.matmul(x, y)
    return ops.dot(x, y)


def batch_dot(x, y, axes=None):
    """The product of each row of x with that of y, over an axis of each.

    Args:
        axes: an axis, or one of x and one of y; None: the last of x and the last but one of y (of a
            matrix the last).

    Returns:
        A tensor of at least two axes.
    """
    x_rank, y_rank = ndim(x), ndim(y)
    if axes is None:
        axes = (x_rank - 1, 1 if y_rank == 2 else y_rank - 2)
    if isinstance(axes, (int, np.integer)):
        axes = (axes, axes)
    x_axis, y_axis = (a % rank for a, rank in zip(axes, (x_rank, y_rank), strict=True))
    if 0 in (x_axis, y_axis):
        raise ValueError(f"Cannot take a product over the batch axis. Received: axes={axes}")
    letters = iter("bcdefghijklmnopqrstuvwxyz")
    summed = next(letters)
    left = ["a" if i == 0 else summed if i == x_axis else next(letters) for i in range(x_rank)]
    right = ["a" if i == 0 else summed if i == y_axis else next(letters) for i in range(y_rank)]
    kept = "".join(c for c in left + right[1:] if c != summed)
    product = ops.einsum(f"{''.join(left)},{''.join(right)}->{kept}", x, y)
    return ops.expand_dims(product, 1) if ndim(product) == 1 else product


# ---------------------------------------------------------------- functions over elements


def map_fn(fn, elems, name=None, dtype=None):
    """`fn` of each element along the first axis, stacked."""
    return _over_elements(lambda *rows: _stacked([fn(row) for row in _rows(rows)], dtype), elems)


def foldl(fn, elems, initializer=None, name=None):
    """`fn(accumulated, element)` from the first element to the last."""
    return _over_elements(lambda *rows: _folded(fn, _rows(rows), initializer), elems)


def foldr(fn, elems, initializer=None, name=None):
    """`fn(accumulated, element)` from the last element to the first."""
    return _over_elements(lambda *rows: _folded(fn, _rows(rows)[::-1], initializer), elems)


def _over_elements(compute, elems):
    tensors = list(elems) if isinstance(elems, (list, tuple)) else [elems]
    if builtins.any(isinstance(x, KerasTensor) for x in tensors):
        return Computation(compute)(*tensors)
    return compute(*[ops.convert_to_tensor(x) for x in tensors])


def _rows(tensors):
    """The elements along the first axis; of several tensors as tuples."""
    rows = [list(x) for x in tensors]
    return rows[0] if len(rows) == 1 else list(zip(*rows, strict=True))


def _stacked(results, dtype):
    if isinstance(results[0], (list, tuple)):
        return type(results[0])(torch.stack(list(part)) for part in zip(*results, strict=True))
    stacked = torch.stack([torch.as_tensor(x) for x in results])
    return stacked if dtype is None else ops.cast(stacked, dtype)


def _folded(fn, rows, initializer):
    rows = list(rows)
    result = rows.pop(0) if initializer is None else initializer
    for row in rows:
        result = fn(result, row)
    return result


# ---------------------------------------------------------------- padding and resizing


def _padded(x, padding, data_format):
    """Zeros around the axes between batch and channels."""
    spatial = [tuple(pair) if isinstance(pair, (list, tuple)) else (pair, pair) for pair in padding]
    if normalize_data_format(data_format) == "channels_first":
        widths = [(0, 0), (0, 0), *spatial]
    else:
        widths = [(0, 0), *spatial, (0, 0)]
    return ops.pad(x, widths)


def temporal_padding(x, padding=(1, 1)):
    """Zeros before and after the steps of a sequence."""
    return _padded(x, [padding], "channels_last")


def spatial_2d_padding(x, padding=((1, 1), (1, 1)), data_format=None):
    """Zeros around images: a pair, or one number, for rows and for columns."""
    return _padded(x, padding, data_format)


def spatial_3d_padding(x, padding=((1, 1), (1, 1), (1, 1)), data_format=None):
    """Zeros around volumes: a pair, or one number, for each axis."""
    return _padded(x, padding, data_format)


def asymmetric_temporal_padding(x, left_pad=1, right_pad=1):
    """Zeros before and after the steps of a sequence."""
    return _padded(x, [(left_pad, right_pad)], "channels_last")


def asymmetric_spatial_2d_padding(
    x, top_pad=1, bottom_pad=1, left_pad=1, right_pad=1, data_format=None
):
    """Zeros around images."""
    return _padded(x, [(top_pad, bottom_pad), (left_pad, right_pad)], data_format)


def resize_images(x, height_factor, width_factor, data_format, interpolation="nearest"):
    """Images enlarged by whole factors.

    Raises:
        ValueError: `interpolation` is neither "nearest" nor "bilinear".
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            "interpolation should be one of 'nearest' or 'bilinear'. Received: "
            f"interpolation={interpolation!r}"
        )
    first = normalize_data_format(data_format) == "channels_first"
    if interpolation == "nearest":
        return _enlarged(x, (height_factor, width_factor), first)
    channels_first = x if first else ops.transpose(x, (0, 3, 1, 2))
    large = torch.nn.functional.interpolate(
        channels_first, scale_factor=(height_factor, width_factor), mode="bilinear"
    )
    return large if first else ops.transpose(large, (0, 2, 3, 1))


def resize_volumes(x, depth_factor, height_factor, width_factor, data_format):
    """Volumes enlarged by whole factors."""
    first = normalize_data_format(data_format) == "channels_first"
    return _enlarged(x, (depth_factor, height_factor, width_factor), first)


def _enlarged(x, factors, channels_first):
    for axis, factor in enumerate(factors, 2 if channels_first else 1):
        x = ops.repeat(x, int(factor), axis=axis)
    return x
