"""`tf.linalg`: products, norms and decompositions over torch.linalg."""

import functools

import torch
from torch import Tensor

from torchkeras.tf._arrays import eye
from torchkeras.tf._convert import as_shape, as_tensor, matched, unary
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import TensorShape, facade, sealed
from torchkeras.tf.dtypes import as_dtype, torch_dtype
from torchkeras.tf.math import l2_normalize

__all__ = [
    "LinearOperator",
    "LinearOperatorDiag",
    "LinearOperatorFullMatrix",
    "LinearOperatorIdentity",
    "LinearOperatorLowerTriangular",
    "LinearOperatorScaledIdentity",
    "adjoint",
    "band_part",
    "banded_triangular_solve",
    "cholesky",
    "cholesky_solve",
    "cross",
    "det",
    "diag",
    "diag_part",
    "eig",
    "eigh",
    "eigh_tridiagonal",
    "eigvals",
    "eigvalsh",
    "einsum",
    "expm",
    "eye",
    "global_norm",
    "inv",
    "l2_normalize",
    "logdet",
    "logm",
    "lstsq",
    "lu",
    "lu_matrix_inverse",
    "lu_reconstruct",
    "lu_solve",
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
    "sqrtm",
    "svd",
    "tensor_diag",
    "tensor_diag_part",
    "tensordot",
    "trace",
    "triangular_solve",
    "tridiagonal_matmul",
    "tridiagonal_solve",
]


def _turned(x: Tensor, transpose: bool, adjoint: bool) -> Tensor:
    if adjoint:
        return torch.transpose(x, -1, -2).conj().resolve_conj()
    return torch.transpose(x, -1, -2) if transpose else x


@functools.partial(facade, on_tensors=torch.matmul, count=2)
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
    """The product of matrices in the last two axes, the axes before them broadcast.

    With `output_type` they are multiplied in that dtype: small integers as int32, say.
    """
    if not (isinstance(a, Tensor) and isinstance(b, Tensor)):
        a, b = matched(a, b)
    if output_type is not None:
        a, b = a.to(torch_dtype(output_type)), b.to(torch_dtype(output_type))
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


def _by_eigenvalues(x: Tensor, function) -> Tensor:
    values, vectors = torch.linalg.eig(x)
    return (vectors * function(values)[..., None, :]) @ torch.linalg.inv(vectors)


@facade
def sqrtm(input, name=None):
    """The matrices whose squares the input is."""
    x = as_tensor(input)
    root = _by_eigenvalues(x, torch.sqrt)
    return root if x.is_complex() else root.real.to(x.dtype)


@facade
def logm(input, name=None):
    """The logarithms of complex matrices."""
    return _by_eigenvalues(as_tensor(input), torch.log)


@facade
def lu(input, output_idx_type="int32", name=None):
    """Lower (with ones on the diagonal) and upper triangle in one matrix, and the order of the
    rows of the input that their product has."""
    factors, pivots = torch.linalg.lu_factor(as_tensor(input))
    places, _, _ = torch.lu_unpack(factors, pivots)
    return factors, torch.argmax(places, -2).to(torch_dtype(output_idx_type))


def _unpacked(lower_upper, perm) -> tuple[Tensor, Tensor, Tensor]:
    x, perm = as_tensor(lower_upper), as_tensor(perm).long()
    one = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return torch.tril(x, -1) + one, torch.triu(x), perm


@facade
def lu_reconstruct(lower_upper, perm, validate_args=False, name=None):
    """The matrix of which `lu` made this."""
    lower, upper, perm = _unpacked(lower_upper, perm)
    back = torch.argsort(perm, -1)[..., None].expand(lower.shape)
    return torch.gather(lower @ upper, -2, back)


@facade
def lu_solve(lower_upper, perm, rhs, validate_args=False, name=None):
    """X with `matrix @ X = rhs`, of what `lu` made of the matrix."""
    lower, upper, perm = _unpacked(lower_upper, perm)
    rhs = as_tensor(rhs)
    turned = torch.gather(rhs, -2, perm[..., None].expand(rhs.shape))
    half = torch.linalg.solve_triangular(lower, turned, upper=False, unitriangular=True)
    return torch.linalg.solve_triangular(upper, half, upper=True)


@facade
def lu_matrix_inverse(lower_upper, perm, validate_args=False, name=None):
    """The inverse of the matrix of which `lu` made this."""
    x = as_tensor(lower_upper)
    one = torch.eye(x.shape[-1], dtype=x.dtype, device=x.device).expand(x.shape)
    return lu_solve(x, perm, one)


def _tridiagonal(diagonals, diagonals_format: str) -> Tensor:
    """The matrix of three diagonals: upper, main, lower."""
    if diagonals_format == "matrix":
        return as_tensor(diagonals)
    if diagonals_format == "compact":
        upper, main, lower = torch.unbind(as_tensor(diagonals), -2)
        upper, lower = upper[..., :-1], lower[..., 1:]
    else:
        upper, main, lower = (as_tensor(part) for part in diagonals)
        upper, lower = upper[..., : main.shape[-1] - 1], lower[..., -(main.shape[-1] - 1) :]
    matrix = torch.diag_embed(main)
    return matrix + torch.diag_embed(upper, 1) + torch.diag_embed(lower, -1)


@facade
def tridiagonal_matmul(diagonals, rhs, diagonals_format="compact", name=None):
    """The product of a matrix of three diagonals, (..., 3, n), and `rhs`."""
    return _tridiagonal(diagonals, diagonals_format) @ as_tensor(rhs)


@facade
def tridiagonal_solve(
    diagonals,
    rhs,
    diagonals_format="compact",
    transpose_rhs=False,
    conjugate_rhs=False,
    name=None,
    partial_pivoting=True,
    perturb_singular=False,
):
    """X with `matrix @ X = rhs`, the matrix having three diagonals, (..., 3, n)."""
    matrix, rhs = _tridiagonal(diagonals, diagonals_format), as_tensor(rhs)
    is_vector = rhs.dim() == matrix.dim() - 1
    rhs = torch.conj(rhs).resolve_conj() if conjugate_rhs else rhs
    rhs = rhs[..., None] if is_vector else rhs
    rhs = torch.transpose(rhs, -1, -2) if transpose_rhs and not is_vector else rhs
    found = torch.linalg.solve(matrix, rhs)
    return found[..., 0] if is_vector else found


@facade
def eigh_tridiagonal(
    alpha, beta, eigvals_only=True, select="a", select_range=None, tol=None, name=None
):
    """Eigenvalues of the symmetric matrix with diagonals `alpha` and `beta`; eigenvectors too
    unless `eigvals_only`.

    Raises:
        ValueError: only some of them are asked for.
    """
    if select != "a":
        raise ValueError(f"All eigenvalues are computed. Received: select={select}")
    alpha, beta = as_tensor(alpha), as_tensor(beta)
    matrix = torch.diag_embed(alpha) + torch.diag_embed(beta, 1) + torch.diag_embed(beta, -1)
    return torch.linalg.eigvalsh(matrix) if eigvals_only else tuple(torch.linalg.eigh(matrix))


@facade
def banded_triangular_solve(bands, rhs, lower=True, adjoint=False, name=None):
    """X with `matrix @ X = rhs`, the matrix having the given diagonals, the main one first where
    it is a lower triangle and last else."""
    bands, rhs = matched(bands, rhs)
    count, size = bands.shape[-2:]
    matrix = 0
    for place, band in enumerate(torch.unbind(bands, -2)):
        if lower:
            matrix = matrix + torch.diag_embed(band[..., place:], -place)
        else:
            above = count - 1 - place
            matrix = matrix + torch.diag_embed(band[..., : size - above], above)
    return triangular_solve(matrix, rhs, lower, adjoint)


class LinearOperator:
    """A matrix that is multiplied and solved by.

    Args:
        matrix: (..., rows, columns).
    """

    def __init__(self, matrix, *args, **kwargs):
        self._matrix = self._made(as_tensor(matrix), *args)

    @staticmethod
    def _made(matrix: Tensor, *args) -> Tensor:
        return matrix

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return TensorShape(tuple(self._matrix.shape))

    @property
    def dtype(self):
        """The dtype."""
        return as_dtype(self._matrix.dtype)

    @property
    def H(self) -> "LinearOperator":  # noqa: N802
        """The adjoint."""
        return self.adjoint()

    def to_dense(self, name=None) -> Tensor:
        """The matrix as a tensor."""
        return sealed(self._matrix.clone())

    def matmul(self, x, adjoint=False, adjoint_arg=False, name=None) -> Tensor:
        """The product with a matrix."""
        return matmul(self._matrix, x, adjoint_a=adjoint, adjoint_b=adjoint_arg)

    __matmul__ = matmul

    def matvec(self, x, adjoint=False, name=None) -> Tensor:
        """The product with a vector."""
        return matvec(self._matrix, x, adjoint_a=adjoint)

    def solve(self, rhs, adjoint=False, adjoint_arg=False, name=None) -> Tensor:
        """X with `matrix @ X = rhs`."""
        return solve(self._matrix, _turned(as_tensor(rhs), False, adjoint_arg), adjoint)

    def solvevec(self, rhs, adjoint=False, name=None) -> Tensor:
        """The vector x with `matrix @ x = rhs`."""
        return solve(self._matrix, as_tensor(rhs)[..., None], adjoint)[..., 0]

    def adjoint(self, name=None) -> "LinearOperator":
        """The adjoint."""
        return LinearOperator(_turned(self._matrix, False, True))

    def inverse(self, name=None) -> "LinearOperator":
        """The inverse."""
        return LinearOperator(torch.linalg.inv(self._matrix))

    def determinant(self, name=None) -> Tensor:
        """The determinant."""
        return det(self._matrix)

    def log_abs_determinant(self, name=None) -> Tensor:
        """The logarithm of the size of the determinant."""
        return slogdet(self._matrix)[1]

    def trace(self, name=None) -> Tensor:
        """The sum of the diagonal."""
        return trace(self._matrix)

    def diag_part(self, name=None) -> Tensor:
        """The diagonal."""
        return diag_part(self._matrix)

    def cholesky(self, name=None) -> "LinearOperator":
        """The lower triangle whose product with its adjoint this is."""
        return LinearOperator(torch.linalg.cholesky(self._matrix))

    def eigvals(self, name=None) -> Tensor:
        """The eigenvalues, of a symmetric matrix."""
        return eigvalsh(self._matrix)

    def add_to_tensor(self, x, name=None) -> Tensor:
        """The sum with a tensor."""
        return sealed(self._matrix + as_tensor(x))


class LinearOperatorFullMatrix(LinearOperator):
    """Any matrix."""


class LinearOperatorLowerTriangular(LinearOperator):
    """The lower triangle of a matrix."""

    _made = staticmethod(torch.tril)


class LinearOperatorDiag(LinearOperator):
    """A matrix with a diagonal only."""

    _made = staticmethod(torch.diag_embed)


class LinearOperatorIdentity(LinearOperator):
    """Ones on the diagonal, so many rows."""

    def __init__(self, num_rows, batch_shape=None, dtype="float32", **kwargs):
        super().__init__(eye(num_rows, batch_shape=batch_shape, dtype=dtype))


class LinearOperatorScaledIdentity(LinearOperator):
    """A number on the diagonal, so many rows."""

    def __init__(self, num_rows, multiplier, **kwargs):
        factor = as_tensor(multiplier)
        super().__init__(eye(num_rows, dtype=factor.dtype) * factor[..., None, None])


__getattr__ = missing_from("tf.linalg")
