"""Functions that make tensors: constants, ranges, grids and windows."""

import math
from typing import Any

import torch
from torch import Tensor

from torchkeras import _dtypes, config
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, as_tensors, to_float

__all__ = [
    "arange",
    "array",
    "bartlett",
    "blackman",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "geomspace",
    "hamming",
    "hanning",
    "identity",
    "kaiser",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "vander",
    "zeros",
    "zeros_like",
]


def _made(dtype) -> dict[str, Any]:
    """The keywords of a constructor of torch."""
    return {"dtype": _dtypes.torch_dtype(dtype), "device": config.default_device()}


def _sizes(shape) -> tuple[int, ...]:
    if isinstance(shape, Tensor):
        shape = shape.tolist()
    return tuple(shape) if hasattr(shape, "__iter__") else (shape,)


# ------------------------------------------------------------------ constants
@op
def array(x: Tensor, dtype=None) -> Tensor:
    """`x` (number, list, array, tensor) as a tensor."""
    return as_tensor(x, dtype)


def empty(shape, dtype=None) -> Tensor:
    """A tensor whose elements are whatever was in memory."""
    return torch.empty(_sizes(shape), **_made(dtype))


def zeros(shape, dtype=None) -> Tensor:
    """A tensor of zeros."""
    return torch.zeros(_sizes(shape), **_made(dtype))


def ones(shape, dtype=None) -> Tensor:
    """A tensor of ones."""
    return torch.ones(_sizes(shape), **_made(dtype))


@op
def full(shape, fill_value: Tensor, dtype=None) -> Tensor:
    """A tensor filled with a number, or with copies of a tensor that broadcasts to `shape`."""
    dtype = _dtypes.torch_dtype(dtype)
    if isinstance(fill_value, (bool, int, float, complex)):
        return torch.full(_sizes(shape), fill_value, dtype=dtype, device=config.default_device())
    return as_tensor(fill_value, dtype).broadcast_to(_sizes(shape)).clone()


@op
def empty_like(x: Tensor, dtype=None) -> Tensor:
    """A tensor of the shape of `x` whose elements are whatever was in memory."""
    x = as_tensor(x)
    return torch.empty_like(x, dtype=_dtypes.torch_dtype(dtype or x.dtype))


@op
def zeros_like(x: Tensor, dtype=None) -> Tensor:
    """Zeros in the shape of `x`."""
    x = as_tensor(x)
    return torch.zeros_like(x, dtype=_dtypes.torch_dtype(dtype or x.dtype))


@op
def ones_like(x: Tensor, dtype=None) -> Tensor:
    """Ones in the shape of `x`."""
    x = as_tensor(x)
    return torch.ones_like(x, dtype=_dtypes.torch_dtype(dtype or x.dtype))


@op
def full_like(x: Tensor, fill_value: Tensor, dtype=None) -> Tensor:
    """A tensor of the shape of `x`, filled with a number or with a tensor that broadcasts to it."""
    x = as_tensor(x)
    fill_value = as_tensor(fill_value, dtype or x.dtype, x.device)
    return fill_value.broadcast_to(x.shape).clone()


def eye(N, M=None, k=0, dtype=None) -> Tensor:
    """Zeros of N rows and M columns (None: N) with ones on the diagonal, `k` above the main one."""
    made = _made(dtype)
    rows = torch.arange(int(N), device=made["device"])
    columns = torch.arange(int(N if M is None else M), device=made["device"])
    return (rows.unsqueeze(1) + (k or 0) == columns).to(made["dtype"])


def identity(n, dtype=None) -> Tensor:
    """The n by n identity matrix."""
    return eye(n, dtype=dtype)


def tri(N, M=None, k=0, dtype=None) -> Tensor:
    """Zeros with ones on the diagonal `k` above the main one and below it."""
    return torch.tril(ones((N, M or N), dtype), diagonal=k)


# ------------------------------------------------------------------ ranges
def _common_dtype(*values, dtype=None, at_least: tuple = ()) -> torch.dtype:
    """`dtype`, or what the values promote to."""
    if dtype is None:
        dtype = _dtypes.result_type(*[_kind(v) for v in values if v is not None], *at_least)
    return _dtypes.torch_dtype(dtype)


def _kind(value):
    if isinstance(value, torch.SymInt):
        return int
    if isinstance(value, (list, tuple)):
        return as_tensor(value).dtype
    return getattr(value, "dtype", type(value))


def arange(start, stop=None, step=None, dtype=None) -> Tensor:
    """The numbers from `start` up to, not including, `stop`; with one number, from 0 up to it."""
    dtype = _common_dtype(start, stop, step, dtype=dtype)
    if stop is None:
        start, stop = 0, start
    step = 1 if step is None else step
    return torch.arange(start, stop, step, dtype=dtype, device=config.default_device())


def _is_scalar(*values) -> bool:
    return not any(isinstance(v, (Tensor, list, tuple)) or hasattr(v, "__array__") for v in values)


def _spaced(start, stop, num: int, endpoint: bool, dtype: torch.dtype, axis: int) -> Tensor:
    """`linspace` between tensors."""
    start, stop = as_tensors(start, stop)
    wide = dtype if dtype.is_floating_point or dtype.is_complex else torch.float64
    start, stop = torch.broadcast_tensors(start.to(wide), stop.to(wide))
    gaps = num - 1 if endpoint else num
    steps = torch.arange(num, dtype=wide, device=start.device) / max(gaps, 1)
    steps = steps.view([-1] + [1] * start.ndim)
    return (start + steps * (stop - start)).movedim(0, axis)


@op
def linspace(
    start: Tensor, stop: Tensor, num=50, endpoint=True, retstep=False, dtype=None, axis=0
) -> Tensor:
    """`num` evenly spaced numbers from `start` to `stop`; `retstep`: also the gap between two."""
    dtype = _common_dtype(start, stop, dtype=dtype, at_least=(float,))
    if not _is_scalar(start, stop):
        start, stop = as_tensors(start, stop)
    gaps = num - 1 if endpoint else num
    step = (stop - start) / gaps if gaps > 0 else torch.tensor(math.nan)
    if isinstance(start, Tensor):
        values = _spaced(start, stop, num, endpoint, dtype, axis).to(dtype)
    else:
        if not endpoint and num > 1:
            stop = stop - step
        values = torch.linspace(start, stop, num, dtype=dtype, device=config.default_device())
    return (values, step) if retstep else values


@op
def logspace(
    start: Tensor, stop: Tensor, num=50, endpoint=True, base=10, dtype=None, axis=0
) -> Tensor:
    """`base` to the power of evenly spaced numbers from `start` to `stop`."""
    dtype = _common_dtype(start, stop, dtype=dtype, at_least=(float,))
    if not _is_scalar(start, stop, base):
        exponents = _spaced(start, stop, num, endpoint, dtype, axis)
        return torch.pow(base, exponents).to(dtype)
    if not endpoint:
        stop = stop - (stop - start) / num
    wide = torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
    device = config.default_device()
    return torch.logspace(start, stop, num, base=base, dtype=wide, device=device).to(dtype)


@op
def geomspace(start: Tensor, stop: Tensor, num=50, endpoint=True, dtype=None, axis=0) -> Tensor:
    """`num` numbers from `start` to `stop`, each the same multiple of the one before."""
    dtype = _common_dtype(start, stop, dtype=dtype, at_least=(float,))
    start, stop = (to_float(x) for x in as_tensors(start, stop))
    first, last = (torch.log10(torch.abs(x)) for x in (start, stop))
    wide = dtype if dtype.is_floating_point else torch.float64
    exponents = _spaced(first, last, num, endpoint, wide, axis)
    sign = torch.sign(torch.broadcast_tensors(start, stop)[0])
    return (torch.pow(10.0, exponents) * sign.unsqueeze(0).movedim(0, axis)).to(dtype)


# ------------------------------------------------------------------ from vectors
@op
def meshgrid(*x: Tensor, indexing="xy") -> list[Tensor]:
    """The coordinates of a grid from those of its axes; with "xy" the first two axes are swapped.

    Raises:
        ValueError: `indexing` is neither "xy" nor "ij".
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(
            "Valid values for `indexing` are 'xy' and 'ij', "
            f"but received {indexing}. Received: indexing={indexing!r}"
        )
    vectors = [v.reshape(-1) for v in as_tensors(*x)]
    order = list(range(len(vectors)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    shape = [len(vectors[a]) for a in order]
    views = [v.view([-1 if o == a else 1 for o in order]) for a, v in enumerate(vectors)]
    return tuple(v.expand(shape) for v in views)


@op
def vander(x: Tensor, N=None, increasing=False) -> Tensor:
    """The powers of the elements of a vector, a row per element."""
    x = as_tensor(x)
    if x.ndim != 1:
        raise ValueError(f"Input tensor must have dimension 1. Received: x.shape={tuple(x.shape)}")
    return torch.vander(x, N=N, increasing=increasing).to(x.dtype)


# ------------------------------------------------------------------ windows
def _window(make, x, **settings) -> Tensor:
    return make(int(x), device=config.default_device(), dtype=torch.float32, **settings)


def bartlett(x) -> Tensor:
    """The triangular window of `x` points."""
    return _window(torch.signal.windows.bartlett, x)


def blackman(x) -> Tensor:
    """The Blackman window of `x` points."""
    return _window(torch.signal.windows.blackman, x)


def hamming(x) -> Tensor:
    """The Hamming window of `x` points."""
    return _window(torch.signal.windows.hamming, x)


def hanning(x) -> Tensor:
    """The Hann window of `x` points."""
    return _window(torch.signal.windows.hann, x)


def kaiser(x, beta) -> Tensor:
    """The Kaiser window of `x` points and shape `beta`."""
    return _window(torch.signal.windows.kaiser, x, beta=float(beta))
