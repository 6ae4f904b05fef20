"""`tf.math`: element-wise functions, comparisons and reductions, as tables over torch."""

import torch
from torch import Tensor

from torchkeras.tf._convert import (
    as_dtype,
    as_shape,
    binary,
    convert_to_tensor,
    matched,
    reduction,
    unary,
)
from torchkeras.tf._missing import missing_from

_UNARY = {
    "abs": torch.abs,
    "acos": torch.acos,
    "acosh": torch.acosh,
    "asin": torch.asin,
    "asinh": torch.asinh,
    "atan": torch.atan,
    "atanh": torch.atanh,
    "ceil": torch.ceil,
    "cos": torch.cos,
    "cosh": torch.cosh,
    "digamma": torch.digamma,
    "erf": torch.erf,
    "erfc": torch.erfc,
    "erfinv": torch.erfinv,
    "exp": torch.exp,
    "expm1": torch.expm1,
    "floor": torch.floor,
    "is_finite": torch.isfinite,
    "is_inf": torch.isinf,
    "is_nan": torch.isnan,
    "lgamma": torch.lgamma,
    "log": torch.log,
    "log1p": torch.log1p,
    "log_sigmoid": torch.nn.functional.logsigmoid,
    "logical_not": torch.logical_not,
    "negative": torch.neg,
    "reciprocal": torch.reciprocal,
    "round": torch.round,
    "rsqrt": torch.rsqrt,
    "sigmoid": torch.sigmoid,
    "sign": torch.sign,
    "sin": torch.sin,
    "sinh": torch.sinh,
    "softplus": torch.nn.functional.softplus,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "tan": torch.tan,
    "tanh": torch.tanh,
}


def _divide_no_nan(x: Tensor, y: Tensor) -> Tensor:
    zero = y == 0
    return torch.where(zero, torch.zeros_like(x / y), x / torch.where(zero, torch.ones_like(y), y))


def _squared_difference(x: Tensor, y: Tensor) -> Tensor:
    return torch.square(x - y)


_BINARY = {
    "add": torch.add,
    "atan2": torch.atan2,
    "divide": torch.true_divide,
    "divide_no_nan": _divide_no_nan,
    "equal": torch.eq,
    "floordiv": torch.floor_divide,
    "floormod": torch.remainder,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
    "logical_xor": torch.logical_xor,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "mod": torch.remainder,
    "multiply": torch.mul,
    "not_equal": torch.ne,
    "pow": torch.pow,
    "squared_difference": _squared_difference,
    "subtract": torch.sub,
    "truediv": torch.true_divide,
}


# torch sums int32 into int64, TensorFlow does not; torch's prod and mean know less than its sum.
def _sum(x: Tensor, dims, keepdim) -> Tensor:
    return torch.sum(x, dims, keepdim, dtype=as_dtype(x.dtype))


def _mean(x: Tensor, dims, keepdim) -> Tensor:
    dtype = as_dtype(x.dtype)
    if dtype.is_floating_point or dtype.is_complex:
        return torch.mean(x, dims, keepdim)
    total = torch.sum(x, dims, keepdim, dtype=dtype)
    count = torch.ones_like(x).sum(dims, keepdim, dtype=dtype)
    return torch.div(total, count, rounding_mode="trunc")


def _prod(x: Tensor, dims, keepdim) -> Tensor:
    for dim in dims:
        x = torch.prod(x, dim, keepdim=True, dtype=as_dtype(x.dtype))
    return x if keepdim or not dims else torch.squeeze(x, dims)


def _euclidean_norm(x: Tensor, dims, keepdim) -> Tensor:
    return torch.sqrt(torch.sum(torch.square(x), dims, keepdim))


def _std(x: Tensor, dims, keepdim) -> Tensor:
    return torch.std(x, dims, correction=0, keepdim=keepdim)


def _variance(x: Tensor, dims, keepdim) -> Tensor:
    return torch.var(x, dims, correction=0, keepdim=keepdim)


_REDUCTIONS = {
    "reduce_all": torch.all,
    "reduce_any": torch.any,
    "reduce_euclidean_norm": _euclidean_norm,
    "reduce_logsumexp": torch.logsumexp,
    "reduce_max": torch.amax,
    "reduce_mean": _mean,
    "reduce_min": torch.amin,
    "reduce_prod": _prod,
    "reduce_std": _std,
    "reduce_sum": _sum,
    "reduce_variance": _variance,
}

globals().update({name: unary(name, function) for name, function in _UNARY.items()})
globals().update({name: binary(name, function) for name, function in _BINARY.items()})
globals().update({name: reduction(name, function) for name, function in _REDUCTIONS.items()})


def add_n(inputs, name=None):
    """The sum of a list of tensors of one shape."""
    return sum(matched(*inputs))


def argmax(input, axis=None, output_type=torch.int64, name=None):
    """The index of the largest value along `axis` (default 0), the first of equals."""
    x = convert_to_tensor(input)
    return torch.argmax(x, 0 if axis is None else axis).to(as_dtype(output_type))


def argmin(input, axis=None, output_type=torch.int64, name=None):
    """The index of the smallest value along `axis` (default 0), the first of equals."""
    x = convert_to_tensor(input)
    return torch.argmin(x, 0 if axis is None else axis).to(as_dtype(output_type))


def confusion_matrix(
    labels, predictions, num_classes=None, weights=None, dtype=torch.int32, name=None
):
    """Counts of pairs; rows are the true labels, columns the predictions."""
    labels = convert_to_tensor(labels).reshape(-1).long()
    predictions = convert_to_tensor(predictions).reshape(-1).long()
    if num_classes is None:
        num_classes = int(max(labels.max(), predictions.max())) + 1
    if weights is None:
        weights = torch.ones_like(labels)
    weights = convert_to_tensor(weights).reshape(-1).to(as_dtype(dtype))
    cells = labels.new_zeros(num_classes * num_classes, dtype=weights.dtype)
    cells.index_add_(0, labels * num_classes + predictions, weights)
    return cells.reshape(num_classes, num_classes)


def cumsum(x, axis=0, exclusive=False, reverse=False, name=None):
    """Running sum along `axis`; `exclusive` leaves the element itself out."""
    x = convert_to_tensor(x)
    if reverse:
        x = torch.flip(x, (axis,))
    total = torch.cumsum(x, axis, dtype=as_dtype(x.dtype))
    if exclusive:
        total = total - x
    return torch.flip(total, (axis,)) if reverse else total


def l2_normalize(x, axis=None, epsilon=1e-12, name=None):
    """`x` over its Euclidean norm along `axis`, the squared norm being at least `epsilon`."""
    x = convert_to_tensor(x)
    dims = tuple(range(len(x.shape))) if axis is None else as_shape(axis)
    return x * torch.rsqrt(torch.sum(torch.square(x), dims, keepdim=True).clamp(min=epsilon))


def top_k(input, k=1, sorted=True, name=None):
    """The `k` largest values of the last axis and their int32 indices, as a named pair."""
    values, indices = torch.topk(convert_to_tensor(input), k, sorted=sorted)
    return torch.return_types.topk((values, indices.int()))


__all__ = sorted(
    [*_UNARY, *_BINARY, *_REDUCTIONS]
    + ["add_n", "argmax", "argmin", "confusion_matrix", "cumsum", "l2_normalize", "top_k"]
)

__getattr__ = missing_from("tf.math")
