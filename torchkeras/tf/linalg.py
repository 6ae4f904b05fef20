"""`tf.linalg`: products, norms and decompositions over torch.linalg."""

import torch

from torchkeras.tf._convert import as_shape, convert_to_tensor, matched, unary
from torchkeras.tf._missing import missing_from

__all__ = [
    "det",
    "diag",
    "diag_part",
    "einsum",
    "inv",
    "matmul",
    "matvec",
    "norm",
    "tensordot",
    "trace",
]


def matmul(a, b, transpose_a=False, transpose_b=False, name=None):
    """The product of matrices in the last two axes, the axes before them broadcast."""
    a, b = matched(a, b)
    return torch.matmul(
        torch.transpose(a, -1, -2) if transpose_a else a,
        torch.transpose(b, -1, -2) if transpose_b else b,
    )


def matvec(a, b, transpose_a=False, name=None):
    """The product of matrices with the vectors in the last axis of `b`."""
    a, b = matched(a, b)
    a = torch.transpose(a, -1, -2) if transpose_a else a
    return torch.squeeze(torch.matmul(a, torch.unsqueeze(b, -1)), -1)


def einsum(equation, *inputs, name=None):
    """Products and sums as an Einstein equation says: `"ij,jk->ik"` is a matrix product."""
    return torch.einsum(equation, *matched(*inputs))


def tensordot(a, b, axes, name=None):
    """Sum of products over the last `axes` of `a` and first of `b`, or over two lists of axes."""
    a, b = matched(a, b)
    if not isinstance(axes, int):
        axes = [list(as_shape(part)) for part in axes]
    return torch.tensordot(a, b, axes)


def norm(tensor, ord="euclidean", axis=None, keepdims=None, name=None):
    """The norm of vectors (`axis` a number, or the whole tensor) or matrices (two axes)."""
    x = convert_to_tensor(tensor)
    if ord == "euclidean":
        ord = "fro" if isinstance(axis, list | tuple) and len(axis) == 2 else 2
    if axis is None:
        flat = torch.linalg.vector_norm(x, ord)
        return flat.reshape([1] * x.ndim) if keepdims else flat
    if isinstance(axis, list | tuple) and len(axis) == 2:
        return torch.linalg.matrix_norm(x, ord, as_shape(axis), bool(keepdims))
    return torch.linalg.vector_norm(x, ord, as_shape(axis), bool(keepdims))


def trace(x, name=None):
    """The sum of the diagonal of each matrix."""
    return torch.diagonal(convert_to_tensor(x), dim1=-2, dim2=-1).sum(-1)


det = unary("det", torch.linalg.det)
diag = unary("diag", torch.diag_embed)
diag_part = unary("diag_part", lambda x: torch.diagonal(x, dim1=-2, dim2=-1))
inv = unary("inv", torch.linalg.inv)

__getattr__ = missing_from("tf.linalg")
