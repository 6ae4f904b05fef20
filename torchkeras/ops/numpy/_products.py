"""Products of tensors along axes."""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras._op import op
from torchkeras.ops._core import as_tensor, as_tensors, promoted, to_float

__all__ = [
    "correlate",
    "cross",
    "dot",
    "einsum",
    "inner",
    "kron",
    "matmul",
    "outer",
    "slogdet",
    "tensordot",
    "vdot",
]


def _product(function: Callable, *tensors: Tensor) -> Tensor:
    """`function` of tensors of one dtype, also where torch has no kernel for it."""
    dtype = tensors[0].dtype
    if dtype is torch.bool:
        wide = torch.float32
    elif not (dtype.is_floating_point or dtype.is_complex) and tensors[0].is_cuda:
        wide = torch.float64
    else:
        return function(*tensors)
    return function(*[x.to(wide) for x in tensors]).to(dtype)


@op
def matmul(x1: Tensor, x2: Tensor) -> Tensor:
    """Matrix product of the last two axes, the axes before them broadcast; int8 gives int32."""
    if not (
        isinstance(x1, Tensor)
        and isinstance(x2, Tensor)
        and x1.dtype is x2.dtype
        and x1.dtype.is_floating_point
    ):
        x1, x2 = promoted(x1, x2)
        if x1.dtype is torch.int8:
            x1, x2 = x1.int(), x2.int()
        return _product(torch.matmul, x1, x2)
    return torch.matmul(x1, x2)


@op
def dot(x1: Tensor, x2: Tensor) -> Tensor:
    """Sums of products over the last axis of `x1` and the last but one of `x2`."""
    x1, x2 = promoted(x1, x2)
    if x1.ndim == 0 or x2.ndim == 0:
        return torch.multiply(x1, x2)
    if x1.ndim < 3 and x2.ndim < 3:
        return _product(torch.matmul, x1, x2)
    axes = ((x1.ndim - 1,), (max(x2.ndim - 2, 0),))
    return _product(functools.partial(torch.tensordot, dims=axes), x1, x2)


@op
def vdot(x1: Tensor, x2: Tensor) -> Tensor:
    """Sum of the products of all elements, of `x1` conjugated."""
    x1, x2 = (x.reshape(-1) for x in promoted(x1, x2))
    return _product(torch.vdot if x1.dtype.is_complex else torch.dot, x1, x2)


@op
def inner(x1: Tensor, x2: Tensor) -> Tensor:
    """Sums of products over the last axes of both."""
    return _product(torch.inner, *promoted(x1, x2))


@op
def outer(x1: Tensor, x2: Tensor) -> Tensor:
    """The product of every element of `x1` with every one of `x2`."""
    x1, x2 = as_tensors(x1, x2)
    return torch.outer(x1.reshape(-1), x2.reshape(-1))


@op
def kron(x1: Tensor, x2: Tensor) -> Tensor:
    """Kronecker product: `x2` times each element of `x1`, as blocks."""
    return torch.kron(*as_tensors(x1, x2))


@op
def tensordot(x1: Tensor, x2: Tensor, axes=2) -> Tensor:
    """Sums of products over pairs of axes; an int: the last ones of `x1` with the first of `x2`."""
    if isinstance(axes, (list, tuple)):
        axes = tuple([a] if isinstance(a, int) else list(a) for a in axes)
    return _product(functools.partial(torch.tensordot, dims=axes), *promoted(x1, x2))


@op
def cross(x1: Tensor, x2: Tensor, axisa=-1, axisb=-1, axisc=-1, axis=None) -> Tensor:
    """Cross product of vectors along `axisa` and `axisb`, put along `axisc`; `axis` sets all.

    The third component of vectors of two is 0; of two such vectors that of the product is given.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    x1, x2 = promoted(x1, x2)
    x1, x2 = x1.movedim(axisa, -1), x2.movedim(axisb, -1)
    flat = x1.shape[-1] == x2.shape[-1] == 2
    x1, x2 = (F.pad(x, (0, 1)) if x.shape[-1] == 2 else x for x in (x1, x2))
    x1, x2 = torch.broadcast_tensors(x1, x2)
    product = _product(functools.partial(torch.linalg.cross, dim=-1), x1, x2)
    return product[..., 2] if flat else product.movedim(-1, axisc)


@op
def einsum(subscripts, *operands: Tensor, **kwargs) -> Tensor:
    """Sums of products named by `subscripts` ("ij,jk->ik"); int8 gives int32, bool int64."""
    tensors = promoted(*operands)
    given = tensors[0].dtype
    wide = {torch.int8: torch.int32, torch.bool: torch.int64}.get(given)
    if wide is not None:
        tensors = [x.to(wide) for x in tensors]
    result = _product(functools.partial(torch.einsum, subscripts), *tensors)
    return result.to(torch.int32) if given is torch.int8 else result


@op
def correlate(x1: Tensor, x2: Tensor, mode="valid") -> Tensor:
    """Sums of products of a vector with shifted copies of another.

    Args:
        mode: "valid" for the shifts where one lies within the other, "same" for as many as `x1` has
            elements, "full" for all.
    """
    x1, x2 = (to_float(x) for x in promoted(x1, x2))
    n1, n2 = len(x1), len(x2)
    result = F.conv1d(x1.view(1, 1, -1), x2.view(1, 1, -1), padding=n2 - 1).view(-1)
    sizes = {"valid": abs(n1 - n2) + 1, "same": n1, "full": len(result)}
    if mode not in sizes:
        raise ValueError(
            f"`mode` must be one of {', '.join(map(repr, sizes))}. Received: mode={mode!r}"
        )
    start = (len(result) - sizes[mode]) // 2
    result = result[start : start + sizes[mode]]
    return result.squeeze()


@op
def slogdet(x: Tensor) -> tuple[Tensor, Tensor]:
    """Sign of the determinant of a matrix, and the logarithm of its absolute value."""
    return tuple(torch.linalg.slogdet(to_float(as_tensor(x))))
