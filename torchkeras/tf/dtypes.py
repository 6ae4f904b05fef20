"""`tf.dtypes`: TensorFlow's dtypes, each of which stands for a torch dtype."""

from typing import Any

import numpy as np
import torch

from torchkeras import _dtypes
from torchkeras.tf._missing import missing_from

__all__ = [
    "DType",
    "as_dtype",
    "bfloat16",
    "bool",
    "complex",
    "complex128",
    "complex64",
    "double",
    "float16",
    "float32",
    "float64",
    "half",
    "int16",
    "int32",
    "int64",
    "int8",
    "string",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "variant",
]


class DType:
    """A type of elements: equal to its name, to torch's dtype and to NumPy's.

    >>> float32 == torch.float32 == "float32"
    True
    """

    __slots__ = ("name", "torch")

    def __init__(self, name: str):
        self.name = name
        self.torch = getattr(torch, name, None)

    def __eq__(self, other) -> bool:
        if other is None:
            return False
        try:
            return as_dtype(other).name == self.name
        except (TypeError, ValueError):
            return False

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __reduce__(self):
        return as_dtype, (self.name,)

    is_quantized = False

    @property
    def is_numeric(self) -> "bool":
        """Whether the elements are numbers."""
        return self.is_floating or self.is_integer or self.is_complex

    def is_compatible_with(self, other: Any) -> "bool":
        """Whether the other dtype is the same."""
        return self == other

    @property
    def base_dtype(self) -> "DType":
        """The dtype itself."""
        return self

    @property
    def real_dtype(self) -> "DType":
        """The dtype of the real part."""
        return {"complex64": float32, "complex128": float64}.get(self.name, self)

    @property
    def as_numpy_dtype(self) -> type:
        """NumPy's type of the elements; float32 for bfloat16, which NumPy has not."""
        if self.name in ("string", "variant"):
            return np.object_
        return np.dtype("float32" if self.name == "bfloat16" else self.name).type

    @property
    def is_floating(self) -> bool:
        """Whether the elements are real floating point numbers."""
        return "float" in self.name

    @property
    def is_complex(self) -> bool:
        """Whether the elements are complex numbers."""
        return self.name.startswith("complex")

    @property
    def is_integer(self) -> bool:
        """Whether the elements are integers; bool is none."""
        return "int" in self.name

    @property
    def is_unsigned(self) -> bool:
        """Whether the elements are integers from 0 up."""
        return self.name.startswith("uint")

    @property
    def is_bool(self) -> bool:
        """Whether the elements are truth values."""
        return self.name == "bool"

    @property
    def size(self) -> int:
        """Bytes of an element."""
        return self.torch.itemsize if self.torch is not None else 1

    @property
    def min(self):
        """The smallest number."""
        return self._limit("min")

    @property
    def max(self):
        """The largest number."""
        return self._limit("max")

    @property
    def limits(self) -> tuple:
        """The smallest and the largest intensity of an image of this dtype."""
        return (0, 1) if self.is_floating else (self.min, self.max)

    def _limit(self, which: str):
        if self.is_bool:
            return which == "max"
        if not self.is_floating and not self.is_integer:
            raise TypeError(f"Cannot find {which}imum value of {self}.")
        if self.is_floating:
            return self.as_numpy_dtype(getattr(torch.finfo(self.torch), which))
        return getattr(torch.iinfo(self.torch), which)


bfloat16 = DType("bfloat16")
float16 = half = DType("float16")
float32 = DType("float32")
float64 = double = DType("float64")
complex64 = complex = DType("complex64")
complex128 = DType("complex128")
int8 = DType("int8")
int16 = DType("int16")
int32 = DType("int32")
int64 = DType("int64")
uint8 = DType("uint8")
uint16 = DType("uint16")
uint32 = DType("uint32")
uint64 = DType("uint64")
bool = DType("bool")
string = DType("string")
variant = DType("variant")

_BY_NAME = {value.name: value for value in list(globals().values()) if isinstance(value, DType)}
_BY_NAME |= {"half": float16, "double": float64, "float": float32, "int": int32, "str": string}
_BY_TORCH = {value.torch: value for value in _BY_NAME.values() if value.torch is not None}


def as_dtype(type_value: Any) -> DType:
    """The dtype of a name, a NumPy, torch or Python type, or of another `DType`.

    Raises:
        TypeError: there is no such dtype.
    """
    if isinstance(type_value, DType):
        return type_value
    found = _BY_TORCH.get(type_value) if isinstance(type_value, torch.dtype) else None
    if found is None and isinstance(type_value, str):
        found = _BY_NAME.get(type_value)
    if found is None:
        found = _of_foreign(type_value)
    if found is None:
        raise TypeError(
            f"Cannot convert the argument `type_value` to a TensorFlow DType. "
            f"Received: type_value={type_value!r}"
        )
    return found


def _of_foreign(type_value: Any) -> DType | None:
    """The dtype of a NumPy or Python type."""
    if type_value in (object, np.object_, bytes, str):
        return string
    try:
        dtype = np.dtype(type_value)
    except TypeError:
        return None
    if dtype.kind in "OSU":
        return string
    if type_value is float:
        return float32
    return int32 if type_value is int else _BY_NAME.get(dtype.name)


def torch_dtype(dtype: Any) -> torch.dtype:
    """The torch dtype of anything that names a dtype."""
    if type(dtype) is torch.dtype:
        return dtype
    found = as_dtype(dtype) if dtype is not None else as_dtype(_dtypes.standardize_dtype(None))
    if found.torch is None:
        raise TypeError(f"Expected a dtype of numbers. Received: dtype={found!r}")
    return found.torch


__getattr__ = missing_from("tf.dtypes")
