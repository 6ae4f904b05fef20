"""`tf.linalg`: products, norms and decompositions over torch.linalg."""

import torch
from torch import Tensor

from torchkeras.tf._arrays import eye
from torchkeras.tf._convert import as_shape, as_tensor, matched, unary
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade
from torchkeras.tf.math import l2_normalize

__all__ = [
    "adjoint",
    "band_part",
    "cholesky",
    "cholesky_solve",
    "cross",
    "det",
    "diag",
    "diag_part",
    "eig",
    "eigh",
    "eigvals",
    "eigvalsh",
    "einsum",
    "expm",
    "eye",
    "global_norm",
    "inv",
    "l2_normalize",
    "logdet",
    "lstsq",
    "matmul",
    "matrix_rank",
    "matrix_transpose",
    "matvec",
    "norm",
    "normalize",
    "pinv",
    "qr",
    "set_diag",
    "slogdet",
    "solve",
    "svd",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "triangular_solve",
]


def _turned(x: Tensor, transpose: bool, adjoint: bool) -> Tensor:
    if adjoint:
        return torch.transpose(x, -1, -2).conj().resolve_conj()
    return torch.transpose(x, -1, -2) if transpose else x


@facade
def matmul(
    a,
    b,
    transpose_a=False,
    transpose_b=False,
    adjoint_a=False,
    adjoint_b=False,
    a_is_sparse=False,
    b_is_sparse=False,
    output_type=None,
    name=None,
):
    """The product of matrices in the last two axes, the axes before them broadcast."""
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        a, b = matched(a, b)
    if transpose_a or adjoint_a:
        a = _turned(a, transpose_a, adjoint_a)
    if transpose_b or adjoint_b:
        b = _turned(b, transpose_b, adjoint_b)
    return torch.matmul(a, b)


@facade
def matvec(a, b, transpose_a=False, adjoint_a=False, name=None):
    """The product of matrices with the vectors in the last axis of `b`."""
    a, b = matched(a, b)
    a = _turned(a, transpose_a, adjoint_a)
    return torch.squeeze(torch.matmul(a, torch.unsqueeze(b, -1)), -1)


@facade
def einsum(equation, *inputs, optimize="greedy", name=None):
    """Products and sums as an Einstein equation says: `"ij,jk->ik"` is a matrix product."""
    return torch.einsum(equation, *matched(*inputs))


@facade
def tensordot(a, b, axes, name=None):
    """Sum of products over the last `axes` of `a` and first of `b`, or over two lists of axes."""
    a, b = matched(a, b)
    if not isinstance(axes, int):
        axes = [list(as_shape(part)) for part in axes]
    return torch.tensordot(a, b, axes)


@facade
def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None):
    """The norm of vectors (`axis` a number, or the whole tensor) or matrices (two axes)."""
    x = as_tensor(tensor)
    if ord == "euclidean":
        ord = "fro" if isinstance(axis, list | tuple) and len(axis) == 2 else 2
    if axis is None:
        flat = torch.linalg.vector_norm(x, ord)
        return flat.reshape([1] * x.ndim) if keepdims else flat
    if isinstance(axis, list | tuple) and len(axis) == 2:
        return torch.linalg.matrix_norm(x, ord, as_shape(axis), bool(keepdims))
    return torch.linalg.vector_norm(x, ord, as_shape(axis), bool(keepdims))


@facade
def normalize(tensor, ord="euclidean", axis=None, name=None):
    """The tensor over its norm, and the norm."""
    x = as_tensor(tensor)
    length = norm(x, ord, axis, keepdims=True)
    return x / length, length


@facade
def trace(x, name=None):
    """The sum of the diagonal of each matrix."""
    return torch.diagonal(as_tensor(x), dim1=-2, dim2=-1).sum(-1)


@facade
def band_part(input, num_lower, num_upper, name=None):
    """The matrices with zeros below `num_lower` and above `num_upper` diagonals; -1 for all."""
    x = as_tensor(input)
    lower, upper = int(num_lower), int(num_upper)
    x = torch.tril(x, upper) if upper >= 0 else x
    return torch.triu(x, -lower) if lower >= 0 else x


@facade
def set_diag(input, diagonal, name=None):
    """The matrices with another diagonal."""
    x, diagonal = matched(input, diagonal)
    return torch.diagonal_scatter(x, diagonal, dim1=-2, dim2=-1)


@facade
def cross(a, b, name=None):
    """The vector product along the last axis, of size 3."""
    return torch.linalg.cross(*matched(a, b))


@facade
def solve(matrix, rhs, adjoint=False, name=None):
    """X with `matrix @ X = rhs`."""
    matrix, rhs = matched(matrix, rhs)
    return torch.linalg.solve(_turned(matrix, False, adjoint), rhs)


@facade
def triangular_solve(matrix, rhs, lower=True, adjoint=False, name=None):
    """X with `matrix @ X = rhs`, the matrix being a triangle."""
    matrix, rhs = matched(matrix, rhs)
    upper = lower if adjoint else not lower
    return torch.linalg.solve_triangular(_turned(matrix, False, adjoint), rhs, upper=upper)


@facade
def lstsq(matrix, rhs, l2_regularizer=0.0, fast=True, name=None):
    """X for which `matrix @ X - rhs` has the smallest squares, and X itself small ones."""
    matrix, rhs = matched(matrix, rhs)
    turned = torch.transpose(matrix, -1, -2)
    if matrix.shape[-2] < matrix.shape[-1]:
        square = matrix @ turned
        return turned @ torch.linalg.solve(square + _ridge(square, l2_regularizer), rhs)
    square = turned @ matrix
    return torch.linalg.solve(square + _ridge(square, l2_regularizer), turned @ rhs)


def _ridge(square: Tensor, strength: float) -> Tensor:
    return strength * torch.eye(square.shape[-1], dtype=square.dtype, device=square.device)


@facade
def qr(input, full_matrices=False, name=None):
    """Matrices with orthonormal columns and upper triangles whose products the input is."""
    return tuple(torch.linalg.qr(as_tensor(input), "complete" if full_matrices else "reduced"))


@facade
def svd(tensor, full_matrices=False, compute_uv=True, name=None):
    """The singular values, and the matrices u and v, with `tensor = u @ diag(s) @ v^T`."""
    x = as_tensor(tensor)
    if not compute_uv:
        return torch.linalg.svdvals(x)
    u, s, vh = torch.linalg.svd(x, full_matrices)
    return s, u, _turned(vh, False, True)


@facade
def eigh(tensor, name=None):
    """The eigenvalues, in ascending order, and eigenvectors of symmetric matrices."""
    return tuple(torch.linalg.eigh(as_tensor(tensor)))


@facade
def cholesky_solve(chol, rhs, name=None):
    """The solution of `A x = rhs` by the lower triangle that `cholesky(A)` gave."""
    chol, rhs = matched(chol, rhs)
    return torch.cholesky_solve(rhs, chol)


@facade
def eig(tensor, name=None):
    """Eigenvalues and eigenvectors, complex."""
    return tuple(torch.linalg.eig(as_tensor(tensor)))


@facade
def eigvals(tensor, name=None):
    """Eigenvalues, complex."""
    return torch.linalg.eigvals(as_tensor(tensor))


@facade
def matrix_rank(a, tol=None, validate_args=False, name=None):
    """The number of singular values above `tol`."""
    return torch.linalg.matrix_rank(as_tensor(a), atol=tol, rtol=tol and 0.0).int()


@facade
def tensor_diag(diagonal, name=None):
    """A matrix with a vector on its diagonal."""
    return torch.diag_embed(as_tensor(diagonal))


@facade
def tensor_diag_part(input, name=None):
    """The diagonal of a matrix."""
    return torch.diagonal(as_tensor(input)).clone()


@facade
def slogdet(input, name=None):
    """Sign and logarithm of the determinants."""
    return tuple(torch.linalg.slogdet(as_tensor(input)))


@facade
def global_norm(t_list, name=None):
    """The Euclidean norm of all elements of all tensors; None among them counts nothing."""
    tensors = [as_tensor(t) for t in t_list if t is not None]
    return torch.sqrt(sum(torch.sum(torch.square(t)) for t in tensors))


adjoint = unary("linalg.adjoint", lambda x: _turned(x, False, True))
cholesky = unary("linalg.cholesky", torch.linalg.cholesky)
det = unary("linalg.det", torch.linalg.det)
diag = unary("linalg.diag", torch.diag_embed)
diag_part = unary("linalg.diag_part", lambda x: torch.diagonal(x, dim1=-2, dim2=-1))
eigvalsh = unary("linalg.eigvalsh", torch.linalg.eigvalsh)
expm = unary("linalg.expm", torch.linalg.matrix_exp)
inv = unary("linalg.inv", torch.linalg.inv)
logdet = unary("linalg.logdet", torch.logdet)
matrix_transpose = unary("linalg.matrix_transpose", lambda x: torch.transpose(x, -1, -2))
pinv = unary("linalg.pinv", torch.linalg.pinv)

__getattr__ = missing_from("tf.linalg")
