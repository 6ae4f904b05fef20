"""`tf.TensorSpec` and its like: what a tensor is like."""

from typing import Any

from torch import Tensor

from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import TensorShape
from torchkeras.tf.dtypes import DType, as_dtype, float32, int64

__all__ = [
    "RaggedTensorSpec",
    "SparseTensorSpec",
    "TensorSpec",
    "TypeSpec",
    "type_spec_from_value",
]


class TypeSpec:
    """The base of these."""


class TensorSpec(TypeSpec):
    """Shape and dtype of a tensor; sizes may be None."""

    def __init__(self, shape: Any, dtype: Any = float32, name: str | None = None):
        self.shape = TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.name = name

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> "TensorSpec":
        """What a tensor is like."""
        return cls(tuple(tensor.shape), tensor.dtype, name)

    from_spec = from_tensor

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Whether a tensor, or all tensors of another spec, are like this."""
        is_same = self.dtype == spec_or_tensor.dtype
        return is_same and self.shape.is_compatible_with(spec_or_tensor.shape)

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and repr(self) == repr(other)

    def __hash__(self) -> int:
        return hash(repr(self))

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"


class RaggedTensorSpec(TypeSpec):
    """Shape and dtype of a ragged tensor."""

    def __init__(self, shape=None, dtype=float32, ragged_rank=None, row_splits_dtype=int64):
        self.shape = TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)
        self.ragged_rank = self.shape.rank - 1 if ragged_rank is None else ragged_rank
        self.row_splits_dtype: DType = as_dtype(row_splits_dtype)

    def __repr__(self) -> str:
        return (
            f"RaggedTensorSpec({self.shape!r}, {self.dtype!r}, {self.ragged_rank}, "
            f"{self.row_splits_dtype!r})"
        )


class SparseTensorSpec(TypeSpec):
    """Shape and dtype of a sparse tensor."""

    def __init__(self, shape=None, dtype=float32):
        self.shape = TensorShape(shape)
        self.dtype: DType = as_dtype(dtype)

    def __repr__(self) -> str:
        return f"SparseTensorSpec({self.shape!r}, {self.dtype!r})"


def type_spec_from_value(value: Any) -> TypeSpec:
    """What a tensor is like.

    Raises:
        TypeError: it is no tensor.
    """
    if isinstance(value, Tensor | StringTensor):
        return TensorSpec.from_tensor(value)
    if hasattr(value, "is_composite"):
        return value.spec()
    raise TypeError(f"Could not build a TypeSpec for {value!r} with type {type(value).__name__}.")
