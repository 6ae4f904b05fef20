"""How the functions of `tf` turn what they are given into torch tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes
from torchkeras import config as _config
from torchkeras._symbolic import KerasTensor

__all__ = ["as_dtype", "as_shape", "convert_to_tensor", "is_tensor", "matched"]


def as_dtype(type_value: Any) -> torch.dtype:
    """The torch dtype of a name, a NumPy dtype or a torch dtype."""
    return _SHORT_NAMES.get(type_value) or _dtypes.torch_dtype(type_value)


def is_tensor(x: Any) -> bool:
    """True for torch tensors (variables too) and symbolic Keras tensors."""
    return isinstance(x, Tensor | KerasTensor)


def convert_to_tensor(
    value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None
) -> Tensor:
    """A tensor of `value` on the default device, as TensorFlow would type it.

    Python numbers become int32 and float32, NumPy arrays keep their dtype. A tensor comes back as
    it is; asking for another dtype than it has is an error, as in TensorFlow: use `tf.cast`.
    """
    wanted = None if dtype is None else as_dtype(dtype)
    if is_tensor(value):
        if wanted is not None and wanted != as_dtype(value.dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {_dtypes.standardize_dtype(wanted)} for Tensor "
                f"with dtype {_dtypes.standardize_dtype(value.dtype)}; use tf.cast. "
                f"Received: value={value}"
            )
        return value
    if isinstance(value, list | tuple) and any(is_tensor(item) for item in value):
        return torch.stack(matched(*value))
    if isinstance(value, np.ndarray | np.generic):
        # A copy: what the script does to its array later must not change the tensor.
        return torch.tensor(value, dtype=wanted, device=_config.default_device())
    tensor = torch.tensor(value, dtype=wanted, device=_config.default_device())
    if wanted is not None:
        return tensor
    hint = None if dtype_hint is None else as_dtype(dtype_hint)
    return tensor.to(hint or _PYTHON_NUMBERS.get(tensor.dtype, tensor.dtype))


_SHORT_NAMES = {"half": torch.float16, "double": torch.float64, float: torch.float32}

# What torch makes of Python's int, and of float under any default dtype.
_PYTHON_NUMBERS = {torch.int64: torch.int32, torch.float64: torch.float32}


def matched(*values: Any) -> list[Tensor]:
    """All values as tensors; those that are none take the dtype of the first that is one."""
    dtype = next((as_dtype(value.dtype) for value in values if is_tensor(value)), None)
    if dtype is None:
        first = convert_to_tensor(values[0])
        return [first] + [convert_to_tensor(v, first.dtype) for v in values[1:]]
    return [value if is_tensor(value) else convert_to_tensor(value, dtype) for value in values]


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape given as number, list, tuple or 1-D tensor, as a tuple of ints."""
    if is_tensor(shape):
        shape = shape.tolist()
    return (int(shape),) if isinstance(shape, int) else tuple(int(size) for size in shape)


def unary(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`tf.{name}(x, name=None)` over a torch function of one tensor."""

    def call(x, name=None):
        return function(convert_to_tensor(x))

    return _titled(call, name, "of each element of a tensor, array, list or number")


def binary(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`tf.{name}(x, y, name=None)` over a torch function of two broadcast tensors."""

    def call(x, y, name=None):
        return function(*matched(x, y))

    return _titled(call, name, "of two tensors, element by element with broadcasting")


def reduction(name: str, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """`tf.{name}(input_tensor, axis=None, keepdims=False)` over `function(x, dims, keepdim)`."""

    def call(input_tensor, axis=None, keepdims=False, name=None):
        x = convert_to_tensor(input_tensor)
        return function(x, _axes(axis, x), keepdims)

    return _titled(call, name, "over the given axes, all of them by default")


def _titled(call, name, what):
    call.__name__ = call.__qualname__ = name
    call.__module__ = __package__
    call.__doc__ = f"`{name}` {what}."
    return call


def _axes(axis, x) -> tuple[int, ...]:
    """An axis argument as a tuple of axes; None means every axis."""
    if axis is None:
        return tuple(range(len(x.shape)))
    return as_shape(axis)
