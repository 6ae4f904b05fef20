"""Sums, means, extremes, quantiles, counts and the running ones."""

import builtins
import math

import torch
from torch import Tensor

from torchkeras._op import op
from torchkeras.ops._core import (
    as_tensor,
    as_tensors,
    axes_of,
    canonical_axis,
    promoted,
    to_float,
)

__all__ = [
    "all",
    "amax",
    "amin",
    "any",
    "argmax",
    "argmin",
    "average",
    "bincount",
    "corrcoef",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "histogram",
    "max",
    "mean",
    "median",
    "min",
    "nanargmax",
    "nanargmin",
    "nancumprod",
    "nancumsum",
    "nanmax",
    "nanmean",
    "nanmedian",
    "nanmin",
    "nanpercentile",
    "nanprod",
    "nanquantile",
    "nanstd",
    "nansum",
    "nanvar",
    "percentile",
    "prod",
    "ptp",
    "quantile",
    "std",
    "sum",
    "trace",
    "trapezoid",
    "var",
]

# Sums of these are int32, so that small ints do not overflow.
SMALL = (torch.bool, torch.uint8, torch.int8, torch.int16)


def _summed(dtype: torch.dtype) -> torch.dtype:
    return torch.int32 if dtype in SMALL else dtype


# No axis at all is reduced: torch takes that for all of them.
NO_AXES = ((), [])


# ------------------------------------------------------------------ sums and means
@op
def sum(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Sum over axes; of bools and small ints as int32."""
    if not isinstance(x, Tensor):
        x = as_tensor(x)
    if axis in NO_AXES:
        return x.to(_summed(x.dtype))
    if x.dtype.is_floating_point:
        return torch.sum(x, axis, keepdims)
    return torch.sum(x, axis, keepdims, dtype=_summed(x.dtype))


@op
def mean(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Mean over axes."""
    if not isinstance(x, Tensor) or not x.dtype.is_floating_point:
        x = to_float(x)
    return x if axis in NO_AXES else torch.mean(x, axis, keepdims)


@op
def prod(x: Tensor, axis=None, keepdims=False, dtype=None) -> Tensor:
    """Product over axes; of bools and small ints as int32."""
    x = as_tensor(x)
    x = x.to(_summed(x.dtype)) if dtype is None else as_tensor(x, dtype)
    if axis is None and not keepdims:
        return torch.prod(x, dtype=x.dtype)
    return _prod(x, axes_of(axis, x.ndim), keepdims)


def _prod(x: Tensor, axes, keepdims) -> Tensor:
    # torch multiplies along one axis at a time; half precision is kept wide in between.
    wide = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
    result = x
    for axis in sorted(axes, reverse=True):
        result = torch.prod(result, axis, keepdims, dtype=wide)
    return result.to(x.dtype)


@op
def var(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Variance over axes, divided by the count."""
    x = to_float(x)
    if axis in NO_AXES:
        return torch.zeros_like(x)
    return torch.var(x, axis, correction=0, keepdim=keepdims)


@op
def std(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Standard deviation over axes: the root of `var`."""
    x = to_float(x)
    if axis in NO_AXES:
        return torch.zeros_like(x)
    return torch.std(x, axis, correction=0, keepdim=keepdims)


@op
def average(x: Tensor, axis=None, weights: Tensor = None) -> Tensor:
    """Mean over axes, weighted; `weights` has the shape of `x`, or of the axes."""
    if weights is None:
        return mean(x, axis)
    x, weights = (to_float(v) for v in promoted(x, weights))
    axes = axes_of(axis, x.ndim)
    if not axes:
        return x
    if weights.shape != x.shape:
        if weights.shape != tuple(x.shape[a] for a in axes):
            raise ValueError(
                "The shape of `weights` must be that of `x` or of the axes. Received: "
                f"x.shape={tuple(x.shape)}, weights.shape={tuple(weights.shape)}, axis={axis}"
            )
        weights = weights.permute(sorted(range(len(axes)), key=lambda i: axes[i]))
        weights = weights.reshape([n if a in axes else 1 for a, n in enumerate(x.shape)])
    return torch.sum(x * weights, axes) / torch.sum(weights.expand_as(x), axes)


@op
def trace(x: Tensor, offset=0, axis1=0, axis2=1) -> Tensor:
    """Sum of a diagonal."""
    x = as_tensor(x)
    return torch.sum(torch.diagonal(x, offset, axis1, axis2), dim=-1, dtype=_summed(x.dtype))


@op
def trapezoid(y: Tensor, x=None, dx=1.0, axis=-1) -> Tensor:
    """Integral along an axis by the trapezoidal rule, at the points `x` or at steps of `dx`."""
    y = to_float(y)
    if x is not None:
        return torch.trapezoid(y, as_tensor(x, device=y.device), dim=axis)
    return torch.trapezoid(y, dim=axis) * dx


@op
def corrcoef(x: Tensor) -> Tensor:
    """Correlation coefficients of the rows."""
    x = to_float(x)
    rows = x if x.ndim > 1 else x.unsqueeze(0)
    rows = rows - rows.mean(1, keepdim=True)
    covariance = rows @ rows.T.conj()
    deviation = covariance.diagonal().real.sqrt()
    result = covariance / deviation.unsqueeze(1) / deviation
    if not result.is_complex():
        result = result.clip(-1, 1)
    return result if x.ndim > 1 else result.squeeze()


# ------------------------------------------------------------------ truth and counts
@op
def all(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Whether all elements along axes are true."""
    x = as_tensor(x).bool()
    return x if axis in NO_AXES else torch.all(x, axes_of(axis, x.ndim), keepdims)


@op
def any(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Whether an element along axes is true."""
    x = as_tensor(x).bool()
    return x if axis in NO_AXES else torch.any(x, axes_of(axis, x.ndim), keepdims)


@op
def count_nonzero(x: Tensor, axis=None) -> Tensor:
    """How many elements along axes are not 0."""
    x = as_tensor(x)
    if axis in NO_AXES:
        return torch.ne(x, 0).to(torch.int32)
    return torch.count_nonzero(x, axis).to(torch.int32)


@op
def bincount(x: Tensor, weights: Tensor = None, minlength=0, sparse=False) -> Tensor:
    """How often each int occurs, or the sum of its weights; of a matrix, by row."""
    if sparse:
        raise ValueError("Unsupported value `sparse=True` with torch backend")
    x = as_tensor(x)
    dtype = torch.int32
    if weights is not None:
        x, weights = as_tensors(x, weights)
        dtype = torch.promote_types(x.dtype, weights.dtype)
        weights = weights.to(dtype)
    if x.device.type == "meta":
        # The size follows from the values, of which only the number is known.
        size = builtins.max(minlength, x.shape[-1])
        return torch.empty((*x.shape[:-1], size), dtype=dtype, device="meta")
    flat = x.reshape(-1, x.shape[-1]).long()
    size = builtins.max(minlength, int(flat.max()) + 1 if flat.numel() else 0)
    source = torch.ones_like(flat, dtype=dtype) if weights is None else weights.reshape(flat.shape)
    counts = torch.zeros((flat.shape[0], size), dtype=dtype, device=x.device)
    return counts.scatter_add(1, flat, source).reshape(*x.shape[:-1], size)


@op
def histogram(x: Tensor, bins=10, range=None) -> tuple[Tensor, Tensor]:
    """Counts of the elements in `bins` bins of equal width, and the edges of the bins."""
    if not isinstance(bins, int):
        raise TypeError(f"Argument `bins` must be of type `int`. Received: bins={bins}")
    if bins < 0:
        raise ValueError(f"Argument `bins` should be a non-negative integer. Received: bins={bins}")
    if range and (not isinstance(range, tuple) or len(range) < 2):
        raise ValueError(
            f"Argument `range` must be a tuple of two elements. Received: range={range}"
        )
    if range and range[1] < range[0]:
        raise ValueError(
            f"The second element of `range` must be greater than the first. Received: range={range}"
        )
    x = to_float(x)
    if x.ndim > 1:
        raise ValueError(
            f"Input tensor must be 1-dimensional. Received: input.shape={tuple(x.shape)}"
        )
    edges = _edges(x, bins, range)
    # The last bin includes its right edge.
    index = torch.searchsorted(edges, x, right=True) - 1
    index = torch.where(x == edges[-1], len(edges) - 2, index)
    inside = (x >= edges[0]) & (x <= edges[-1])
    counts = torch.zeros(len(edges) - 1, dtype=x.dtype, device=x.device)
    index = torch.where(inside, index, 0)
    return counts.scatter_add(0, index, inside.to(x.dtype)), edges


def _edges(x: Tensor, bins: int, bounds) -> Tensor:
    if x.device.type == "meta":
        return x.new_empty(bins + 1)
    if not bounds:
        bounds = (x.min(), x.max()) if x.numel() else (0.0, 1.0)
    low, high = (float(bound) for bound in bounds)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return torch.linspace(low, high, bins + 1, dtype=x.dtype, device=x.device)


# ------------------------------------------------------------------ extremes
@op
def max(x: Tensor, axis=None, keepdims=False, initial=None) -> Tensor:
    """Largest element along axes, or `initial` where that is larger."""
    return _extreme("max", torch.amax, torch.maximum, x, axis, keepdims, initial)


@op
def min(x: Tensor, axis=None, keepdims=False, initial=None) -> Tensor:
    """Smallest element along axes, or `initial` where that is smaller."""
    return _extreme("min", torch.amin, torch.minimum, x, axis, keepdims, initial)


def _extreme(name, reduce, combine, x, axis, keepdims, initial) -> Tensor:
    if not isinstance(x, Tensor):
        x = as_tensor(x)
    if axis in NO_AXES:
        result = x
    elif x.numel():
        result = reduce(x, () if axis is None else axis, keepdims)
    else:
        axes = axes_of(axis, x.ndim)
        if initial is None and builtins.any(x.shape[a] == 0 for a in axes):
            raise ValueError(f"Cannot compute the {name} of an empty tensor.")
        shape = [1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes]
        return torch.full(shape, 0 if initial is None else initial, dtype=x.dtype, device=x.device)
    if initial is None:
        return result
    return combine(result, as_tensor(initial, result.dtype, result.device))


@op
def amax(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Largest element along axes."""
    return _extreme("max", torch.amax, None, x, axis, keepdims, None)


@op
def amin(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Smallest element along axes."""
    return _extreme("min", torch.amin, None, x, axis, keepdims, None)


@op
def ptp(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Largest minus smallest element along axes."""
    x = as_tensor(x)
    if axis in NO_AXES:
        return torch.zeros_like(x)
    return amax(x, axis, keepdims) - amin(x, axis, keepdims)


@op
def argmax(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Index of the first largest element; with `axis` None, in the flattened tensor."""
    return _arg_extreme(torch.argmax, x, axis, keepdims)


@op
def argmin(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Index of the first smallest element; with `axis` None, in the flattened tensor."""
    return _arg_extreme(torch.argmin, x, axis, keepdims)


def _arg_extreme(find, x, axis, keepdims) -> Tensor:
    x = as_tensor(x)
    if x.dtype is torch.bool:
        x = x.to(torch.uint8)
    return find(x, dim=axis, keepdim=keepdims).to(torch.int32)


# ------------------------------------------------------------------ without NaN
def _filled(x, value: float) -> Tensor:
    """`x` with `value` for NaN."""
    x = as_tensor(x)
    if not x.dtype.is_floating_point:
        return x
    return torch.where(torch.isnan(x), value, x)


def _only_nan(x: Tensor, axis, keepdims) -> Tensor:
    return torch.all(torch.isnan(x), axes_of(axis, x.ndim), keepdims)


@op
def nanmax(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Largest element along axes that is not NaN; NaN where all are."""
    return _nan_extreme(amax, -math.inf, x, axis, keepdims)


@op
def nanmin(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Smallest element along axes that is not NaN; NaN where all are."""
    return _nan_extreme(amin, math.inf, x, axis, keepdims)


def _nan_extreme(reduce, worst, x, axis, keepdims) -> Tensor:
    x = as_tensor(x)
    if not x.dtype.is_floating_point or axis in NO_AXES:
        return reduce(x, axis, keepdims)
    result = reduce(_filled(x, worst), axis, keepdims)
    return torch.where(_only_nan(x, axis, keepdims), math.nan, result)


@op
def nanargmax(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Index of the first largest element that is not NaN; -1 where all are."""
    return _nan_arg_extreme(torch.argmax, -math.inf, x, axis, keepdims)


@op
def nanargmin(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Index of the first smallest element that is not NaN; -1 where all are."""
    return _nan_arg_extreme(torch.argmin, math.inf, x, axis, keepdims)


def _nan_arg_extreme(find, worst, x, axis, keepdims) -> Tensor:
    x = as_tensor(x)
    index = _arg_extreme(find, _filled(x, worst), axis, keepdims)
    if not x.dtype.is_floating_point:
        return index
    return torch.where(_only_nan(x, axis, keepdims), -1, index)


@op
def nansum(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Sum over axes with NaN as 0."""
    return sum(_filled(x, 0.0), axis, keepdims)


@op
def nanprod(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Product over axes with NaN as 1."""
    return prod(_filled(x, 1.0), axis, keepdims)


@op
def nanmean(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Mean over axes of the elements that are not NaN."""
    x = to_float(x)
    return x if axis in NO_AXES else torch.nanmean(x, axis, keepdims)


@op
def nanvar(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Variance over axes of the elements that are not NaN."""
    x = to_float(x)
    valid = ~torch.isnan(x)
    if axis in NO_AXES:
        return torch.where(valid, 0.0, x)
    axes = axes_of(axis, x.ndim)
    distance = torch.where(valid, x - torch.nanmean(x, axes, True), 0.0)
    return distance.square().sum(axes, keepdims) / valid.sum(axes, keepdims)


@op
def nanstd(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Standard deviation over axes of the elements that are not NaN."""
    return torch.sqrt(nanvar(x, axis, keepdims))


@op
def nancumsum(x: Tensor, axis=None, dtype=None) -> Tensor:
    """Running sum with NaN as 0; with `axis` None, of the flattened tensor."""
    return cumsum(_filled(x, 0.0), axis, dtype)


@op
def nancumprod(x: Tensor, axis=None, dtype=None) -> Tensor:
    """Running product with NaN as 1; with `axis` None, of the flattened tensor."""
    return cumprod(_filled(x, 1.0), axis, dtype)


# ------------------------------------------------------------------ quantiles
METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


@op
def quantile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False) -> Tensor:
    """The values below which the fractions `q` of the elements along axes lie; `q`'s axes come
    first."""
    return _quantile(x, q, axis, method, keepdims, skip_nan=False)


@op
def percentile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False) -> Tensor:
    """`quantile` for `q` in percent."""
    return _quantile(x, as_tensor(q) / 100.0, axis, method, keepdims, skip_nan=False)


@op
def median(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """Middle value along axes, or the mean of the two."""
    return _quantile(x, 0.5, axis, "linear", keepdims, skip_nan=False)


@op
def nanquantile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False) -> Tensor:
    """`quantile` of the elements that are not NaN."""
    return _quantile(x, q, axis, method, keepdims, skip_nan=True)


@op
def nanpercentile(x: Tensor, q: Tensor, axis=None, method="linear", keepdims=False) -> Tensor:
    """`percentile` of the elements that are not NaN."""
    return _quantile(x, as_tensor(q) / 100.0, axis, method, keepdims, skip_nan=True)


@op
def nanmedian(x: Tensor, axis=None, keepdims=False) -> Tensor:
    """`median` of the elements that are not NaN."""
    return _quantile(x, 0.5, axis, "linear", keepdims, skip_nan=True)


def _quantile(x, q, axis, method, keepdims, skip_nan) -> Tensor:
    if method not in METHODS:
        raise ValueError(f"Invalid method. Expected one of {METHODS}. Received: method={method}")
    x = to_float(x)
    if axis in NO_AXES:
        axis, x = -1, x.unsqueeze(-1)
        keepdims = False
    axes = axes_of(axis, x.ndim)
    dtype = x.dtype
    wide = x if dtype is torch.float64 else x.to(torch.float32)
    q = as_tensor(q, wide.dtype, x.device)
    kept = [a for a in range(x.ndim) if a not in axes]
    rows = wide.permute(*kept, *axes).flatten(len(kept)) if axes else wide.unsqueeze(-1)
    result = _quantile_of_rows(rows, q.flatten(), method, skip_nan)
    shape = [1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a not in axes]
    return result.movedim(-1, 0).reshape([*q.shape, *shape]).to(dtype)


def _quantile_of_rows(rows: Tensor, q: Tensor, method: str, skip_nan: bool) -> Tensor:
    """(..., n) and (k,) -> (..., k)."""
    # NaN is sorted to the end.
    ordered = torch.sort(rows, dim=-1).values
    if skip_nan:
        last = (~torch.isnan(rows)).sum(-1, keepdim=True) - 1
        last = last.clamp(min=0)
    else:
        last = torch.full_like(rows[..., :1], rows.shape[-1] - 1, dtype=torch.int64)
    rank = q * last.to(rows.dtype)
    if method == "nearest":
        rank = torch.round(rank)
    below = torch.floor(rank) if method != "higher" else torch.ceil(rank)
    above = torch.ceil(rank) if method in ("linear", "midpoint") else below
    low = torch.gather(ordered, -1, below.long())
    high = torch.gather(ordered, -1, above.long())
    weight = 0.5 if method == "midpoint" else rank - below
    result = torch.lerp(low, high, weight) if method in ("linear", "midpoint") else low
    if skip_nan:
        return result
    return torch.where(torch.isnan(ordered[..., -1:]), math.nan, result)


# ------------------------------------------------------------------ running
@op
def cumsum(x: Tensor, axis=None, dtype=None) -> Tensor:
    """Running sum; with `axis` None, of the flattened tensor."""
    return _cumulative(torch.cumsum, x, axis, dtype)


@op
def cumprod(x: Tensor, axis=None, dtype=None) -> Tensor:
    """Running product; with `axis` None, of the flattened tensor."""
    return _cumulative(torch.cumprod, x, axis, dtype)


def _cumulative(run, x, axis, dtype) -> Tensor:
    x = as_tensor(x, dtype)
    if x.dtype is torch.bool:
        x = x.to(torch.int32)
    if axis is None:
        x, axis = x.flatten(), 0
    # A number runs along the one axis that it would have.
    return run(x, canonical_axis(axis, x.ndim or 1), dtype=x.dtype)
