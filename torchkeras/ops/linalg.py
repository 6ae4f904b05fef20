"""Decompositions, solvers and norms of matrices in the last two axes; `jvp`."""

import warnings

import torch
from torch import Tensor

from torchkeras._errors import received
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, as_tensors, to_float

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]


def _matrix(x, square: bool = False) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(
            f"Expected input to have rank >= 2. Received input with shape {tuple(x.shape)}."
        )
    if square and x.shape[-1] != x.shape[-2]:
        raise ValueError(
            f"Expected a square matrix. Received non-square input with shape {tuple(x.shape)}"
        )
    return x


def _system(a, b) -> tuple[Tensor, Tensor]:
    a, b = as_tensors(a, b)
    _matrix(a, square=True)
    if b.ndim < 1:
        raise ValueError(f"Expected input to have rank >= 1. Received scalar input {b}.")
    axis = -2 if a.ndim == b.ndim else -1
    if a.ndim - b.ndim in (0, 1) and a.shape[-2] != b.shape[axis]:
        raise ValueError(
            "Incompatible shapes between `a` and `b`. Expected their rows to be equal in number. "
            f"Received: a.shape={tuple(a.shape)}, b.shape={tuple(b.shape)}"
        )
    return a, b


@op
def cholesky(x: Tensor, upper=False) -> Tensor:
    """The triangular L with `x = L @ L.T`, or its transpose."""
    x = _matrix(x, square=True)
    try:
        return torch.linalg.cholesky(x, upper=upper)
    except RuntimeError as error:
        raise ValueError(f"Cholesky decomposition failed: {error}") from error


@op
def cholesky_inverse(x: Tensor, upper=False) -> Tensor:
    """The inverse of the matrix whose Cholesky factor is `x`."""
    x = _matrix(x, square=True)
    try:
        return torch.cholesky_inverse(x, upper=upper)
    except RuntimeError as error:
        raise ValueError(f"Cholesky inverse failed: {error}") from error


@op
def det(x: Tensor) -> Tensor:
    """Determinant."""
    return torch.linalg.det(_matrix(x, square=True))


@op
def inv(x: Tensor) -> Tensor:
    """Inverse."""
    return torch.linalg.inv(_matrix(x, square=True))


@op
def eig(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a square matrix, complex."""
    return tuple(torch.linalg.eig(_matrix(x, square=True)))


@op
def eigh(x: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and eigenvectors of a symmetric or Hermitian matrix."""
    return tuple(torch.linalg.eigh(_matrix(x, square=True)))


@op
def lu_factor(x: Tensor) -> tuple[Tensor, Tensor]:
    """L and U in one matrix, and the pivots counted from 0."""
    factors, pivots = torch.linalg.lu_factor(_matrix(x))
    return factors, pivots - 1


@op
def qr(x: Tensor, mode="reduced") -> tuple[Tensor, Tensor]:
    """The orthogonal Q and the triangular R with `x = Q @ R`."""
    if mode not in ("reduced", "complete"):
        raise ValueError(
            "`mode` argument value not supported. Expected one of {'reduced', 'complete'}. "
            + received(mode=mode)
        )
    return tuple(torch.linalg.qr(_matrix(x), mode=mode))


@op(name="SVD")
def svd(x: Tensor, full_matrices=True, compute_uv=True):
    """Left singular vectors, singular values and right singular vectors; or the values alone."""
    x = _matrix(x)
    if not compute_uv:
        return torch.linalg.svdvals(x)
    return tuple(torch.linalg.svd(x, full_matrices=full_matrices))


@op
def solve(a: Tensor, b: Tensor) -> Tensor:
    """The x with `a @ x = b`."""
    return torch.linalg.solve(*_system(a, b))


@op
def solve_triangular(a: Tensor, b: Tensor, lower=False) -> Tensor:
    """The x with `a @ x = b` for a triangular `a`."""
    a, b = _system(a, b)
    if b.ndim == a.ndim - 1:
        return torch.linalg.solve_triangular(a, b.unsqueeze(-1), upper=not lower).squeeze(-1)
    return torch.linalg.solve_triangular(a, b, upper=not lower)


@op
def lstsq(a: Tensor, b: Tensor, rcond=None) -> Tensor:
    """The x with `a @ x` next to `b`, without singular values below `rcond` times the largest."""
    a, b = as_tensors(a, b)
    if a.device.type == "meta":
        return torch.empty(
            (*a.shape[:-2], a.shape[-1], *b.shape[a.ndim - 1 :]), dtype=a.dtype, device="meta"
        )
    if rcond is None:
        return torch.linalg.lstsq(a, b).solution
    if a.is_cuda:
        # The driver for CUDA knows no cutoff.
        return torch.linalg.pinv(a, rtol=rcond) @ b
    return torch.linalg.lstsq(a, b, rcond=rcond, driver="gelsd").solution


@op
def pinv(x: Tensor, rcond=None) -> Tensor:
    """Pseudoinverse; singular values below `rcond` times the largest count as 0."""
    return torch.linalg.pinv(_matrix(x), rtol=rcond)


@op
def matrix_rank(x: Tensor, tol=None) -> Tensor:
    """The number of singular values above `tol`."""
    return torch.linalg.matrix_rank(_matrix(x), atol=tol).to(torch.int32)


@op
def norm(x: Tensor, ord=None, axis=None, keepdims=False) -> Tensor:
    """Norm of vectors (one axis) or matrices (two); without `ord` and `axis`, of all elements."""
    return torch.linalg.norm(to_float(x), ord=ord, dim=axis, keepdim=keepdims)


@op(name="JVP")
def jvp(fun, primals: Tensor, tangents: Tensor, has_aux=False):
    """`fun(*primals)` and its derivative in the direction `tangents`."""
    primals, tangents = (tuple(as_tensors(*values)) for values in (primals, tangents))
    with warnings.catch_warnings():
        # torch's first call uses what it deprecates itself.
        warnings.simplefilter("ignore", FutureWarning)
        return torch.func.jvp(fun, primals, tangents, has_aux=has_aux)
