"""How the functions of `tf` turn what they are given into torch tensors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes
from torchkeras import config as _config
from torchkeras._symbolic import KerasTensor
from torchkeras.tf._strings import StringTensor, is_text
from torchkeras.tf._tensor import EagerTensor, TensorShape, facade
from torchkeras.tf.dtypes import string, torch_dtype

__all__ = [
    "as_shape",
    "as_tensor",
    "binary",
    "int_axes",
    "is_tensor",
    "matched",
    "reduction",
    "unary",
]


def is_tensor(x: Any) -> bool:
    """True for torch tensors (variables too), symbolic Keras tensors, and those of text, ragged
    and sparse ones."""
    return isinstance(x, Tensor | KerasTensor | StringTensor) or hasattr(x, "is_composite")


def as_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None) -> Any:
    """A tensor of `value` on the default device, as TensorFlow would type it.

    Python numbers become int32 and float32, NumPy arrays keep their dtype, text becomes a
    `StringTensor`. A tensor comes back as it is; asking for another dtype than it has is an error,
    as in TensorFlow: use `tf.cast`.
    """
    if type(value) is EagerTensor and dtype is None:
        return value
    if isinstance(value, StringTensor) or hasattr(value, "is_composite"):
        return value
    if dtype == string or is_text(value):
        return StringTensor(value)
    wanted = None if dtype is None else torch_dtype(dtype)
    if isinstance(value, Tensor | KerasTensor):
        return _of_dtype(value, wanted)
    if isinstance(value, list | tuple) and _holds_tensors(value):
        return torch.stack(matched(*value))
    return _of_numbers(value, wanted, dtype_hint)


def _of_dtype(value: Any, wanted: torch.dtype | None) -> Any:
    if wanted is None or wanted == torch_dtype(value.dtype):
        return value
    name, given = (_dtypes.standardize_dtype(dtype) for dtype in (wanted, value.dtype))
    raise ValueError(
        f"Tensor conversion requested dtype {name} for Tensor with dtype {given}; use tf.cast. "
        f"Received: value={value}"
    )


def _of_numbers(value: Any, wanted: torch.dtype | None, dtype_hint: Any) -> Tensor:
    device = _config.default_device()
    if isinstance(value, TensorShape):
        return torch.tensor(tuple(value), dtype=wanted or torch.int32, device=device)
    if isinstance(value, int | float | complex) and not isinstance(value, np.generic):
        array = value
    else:
        array = np.asarray(value)
        if min(array.strides, default=0) < 0:
            array = array.copy()  # torch takes no strides backwards
    if wanted is None and not _has_numpy(value):
        hint = None if dtype_hint is None else torch_dtype(dtype_hint)
        wanted = hint or _python_dtype(np.asarray(array))
    # A copy: what the script does to its array later must not change the tensor.
    return torch.tensor(array, dtype=wanted, device=device)


def _has_numpy(value: Any) -> bool:
    """Whether the dtype was the user's choice, not NumPy's for Python numbers."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    return not isinstance(value, int | float | complex | list | tuple) or isinstance(
        value, np.generic
    )


def _python_dtype(array: np.ndarray) -> torch.dtype | None:
    """The dtype of a tensor made of Python numbers; None for torch's own choice."""
    if array.dtype == np.int64:
        fits = not array.size or int(np.abs(array).max()) < 2**31
        return torch.int32 if fits else torch.int64
    return torch.float32 if array.dtype == np.float64 else None


def _holds_tensors(value: Any) -> bool:
    """Whether a tensor is anywhere in nested lists."""
    return any(
        isinstance(item, Tensor | KerasTensor)
        or (isinstance(item, list | tuple) and _holds_tensors(item))
        for item in value
    )


def matched(*values: Any) -> list[Any]:
    """All values as tensors; those that are none take the dtype of the first that is one."""
    dtype = None
    for value in values:
        if isinstance(value, Tensor | KerasTensor):
            dtype = torch_dtype(value.dtype)
            break
    if dtype is None:
        first = as_tensor(values[0])
        if isinstance(first, StringTensor):
            return [first, *(as_tensor(value) for value in values[1:])]
        if not _has_numpy(values[0]) and any(_has_numpy(v) for v in values[1:]):
            first = as_tensor(values[0], next(as_tensor(v).dtype for v in values if _has_numpy(v)))
        return [first] + [_cast_number(value, first.dtype) for value in values[1:]]
    return [
        value if isinstance(value, Tensor | KerasTensor) else _cast_number(value, dtype)
        for value in values
    ]


def _cast_number(value: Any, dtype: torch.dtype) -> Any:
    if isinstance(value, list | tuple) and _holds_tensors(value):
        return as_tensor(value)
    return as_tensor(value, dtype)


def as_shape(shape: Any) -> tuple[int, ...]:
    """A shape given as number, list, tuple (of tensors too) or 1-D tensor, as a tuple of ints."""
    if isinstance(shape, Tensor):
        shape = shape.tolist()
    if isinstance(shape, int):
        return (int(shape),)
    if hasattr(shape, "ndim") and not shape.ndim:
        return (int(shape),)
    return tuple([int(size) for size in shape])


def int_axes(axis: Any, x: Any) -> tuple[int, ...]:
    """An axis argument as a tuple of axes; None means every axis."""
    if axis is None:
        return tuple(range(x.dim() if isinstance(x, Tensor) else len(x.shape)))
    return as_shape(axis)


# Paths of the functions of `unary` and `binary`, with the number of tensors that they take, and of
# those of `reduction`.
elementwise: dict[str, int] = {}
reductions: list[str] = []


def unary(path: str, function: Callable[..., Tensor]) -> Callable[..., Any]:
    """`tf.{path}(x, name=None)` over a torch function of one tensor."""

    def call(x, name=None):
        return function(x if isinstance(x, Tensor) else as_tensor(x))

    elementwise[f"tf.{path}"] = 1
    return _titled(call, path, "of each element of a tensor, array, list or number", function)


def binary(path: str, function: Callable[..., Tensor]) -> Callable[..., Any]:
    """`tf.{path}(x, y, name=None)` over a torch function of two broadcast tensors."""

    def call(x, y, name=None):
        return function(*matched(x, y))

    elementwise[f"tf.{path}"] = 2
    what = "of two tensors, element by element with broadcasting"
    return _titled(call, path, what, function, count=2)


def reduction(
    path: str, function: Callable[..., Tensor], of_all: Callable[[Tensor], Tensor] | None = None
) -> Callable[..., Any]:
    """`tf.{path}(input_tensor, axis=None, keepdims=False)` over `function(x, dims, keepdim)`.

    Args:
        of_all: does the same over all axes, sooner than `function` with a list of them.
    """

    def call(input_tensor, axis=None, keepdims=False, name=None):
        x = input_tensor if isinstance(input_tensor, Tensor) else as_tensor(input_tensor)
        if not isinstance(x, Tensor) and hasattr(x, "is_composite"):
            return x.reduced(function, axis, keepdims)
        if axis is None and not keepdims and of_all is not None:
            return of_all(x)
        return function(x, int_axes(axis, x), bool(keepdims))

    reductions.append(f"tf.{path}")
    return _titled(call, path, "over the given axes, all of them by default", of_all)


def _titled(
    call: Callable, path: str, what: str, on_tensors: Callable | None, count: int = 1
) -> Callable:
    name = path.rpartition(".")[2]
    call.__name__ = call.__qualname__ = name
    call.__module__ = f"{__package__}.{path.rpartition('.')[0]}".rstrip(".")
    call.__doc__ = f"`{name}` {what}."
    return facade(call, f"tf.{path}", on_tensors, count)
