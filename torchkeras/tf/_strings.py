"""Tensors of text, which torch has not."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras.tf._tensor import Reference, TensorShape, sealed
from torchkeras.tf.dtypes import string

__all__ = ["StringTensor", "is_text", "text_of"]


def is_text(value: Any) -> bool:
    """Whether a value is a string, or a list or array of strings."""
    while isinstance(value, list | tuple) and value:
        value = value[0]
    if isinstance(value, np.ndarray):
        if value.dtype.kind == "O" and value.size:
            return isinstance(value.flat[0], str | bytes)
        return value.dtype.kind in "SU"
    return isinstance(value, str | bytes | StringTensor)


def text_of(value: Any) -> str:
    """A string; bytes that are no UTF-8 keep what they are as surrogates."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)


def bytes_of(value: Any) -> bytes:
    """The UTF-8 bytes of a string; bytes as they are."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogateescape")


class StringTensor:
    """An immutable array of strings, with the face of a tensor; `.numpy()` gives bytes.

    Args:
        value: a string or bytes, or a list or array of them.
    """

    dtype = string
    device = torch.device("cpu")
    __array_priority__ = 1000

    def __init__(self, value: Any):
        if isinstance(value, StringTensor):
            value = value.values
        elif isinstance(value, list | tuple):
            value = _plain(value)
        if isinstance(value, str | bytes):
            self.values = np.empty((), object)
            self.values[()] = value
        else:
            array = np.asarray(value)
            self.values = array if array.dtype == object else array.astype(object)

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return TensorShape(self.values.shape)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return self.values.ndim

    def get_shape(self) -> TensorShape:
        """The shape."""
        return self.shape

    def set_shape(self, shape: Any) -> None:
        """Checks the shape; it is known already."""
        self.shape.assert_is_compatible_with(shape)

    def numpy(self) -> Any:
        """The strings as bytes: one alone, or an array of objects."""
        if not self.ndim:
            return bytes_of(self.values[()])
        return _each(bytes_of, self.values)

    def ref(self) -> Reference:
        """Something hashable that stands for this tensor."""
        return Reference(self)

    def map(self, function: Callable[[str], Any]) -> "StringTensor":
        """A tensor of `function` of each string."""
        return StringTensor(_each(lambda text: function(text_of(text)), self.values))

    def numbers(self, function: Callable[[str], Any], dtype: torch.dtype) -> Tensor:
        """A tensor of numbers: `function` of each string."""
        flat = [function(text_of(text)) for text in self.values.flat]
        return torch.tensor(flat, dtype=dtype).reshape(self.values.shape)

    def tolist(self) -> Any:
        """The strings as nested lists of bytes."""
        found = self.numpy()
        return found if isinstance(found, bytes) else found.tolist()

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)

    def __getitem__(self, key) -> "StringTensor":
        keys = key if isinstance(key, tuple) else (key,)
        keys = tuple(k.cpu().numpy() if isinstance(k, Tensor) else k for k in keys)
        return StringTensor(self.values[keys])

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self):
        if not self.ndim:
            raise TypeError("Cannot iterate over a scalar tensor.")
        return (StringTensor(row) for row in self.values)

    def __add__(self, other) -> "StringTensor":
        return StringTensor(_joined(self, StringTensor(other)))

    def __radd__(self, other) -> "StringTensor":
        return StringTensor(other) + self

    def __eq__(self, other):
        return self._compared(operator.eq, other, False)

    def __ne__(self, other):
        return self._compared(operator.ne, other, True)

    def _compared(self, compare: Callable, other: Any, otherwise: bool):
        if not is_text(other):
            return otherwise
        pair = (_each(bytes_of, x.values) for x in (self, StringTensor(other)))
        return sealed(torch.as_tensor(np.asarray(compare(*pair), dtype=bool)))

    __hash__ = None

    def __bool__(self) -> bool:
        return bool(self.values) if self.values.size == 1 else bool(len(self.values))

    def __deepcopy__(self, memo) -> "StringTensor":
        return self

    def __str__(self) -> str:
        shown = self.numpy() if self.ndim else repr(self.numpy())
        line = "\n" if self.ndim > 1 else ""
        return f"tf.Tensor({line}{shown}, shape={self.shape}, dtype=string)"

    def __repr__(self) -> str:
        shown = repr(self.numpy())
        shown = f"\n{shown}" if "\n" in shown else shown
        return f"<tf.Tensor: shape={self.shape}, dtype=string, numpy={shown}>"

    def __format__(self, spec) -> str:
        return format(self.numpy(), spec)


def _plain(value: Any) -> Any:
    """Nested lists of strings as an array of objects."""

    def unwrapped(item):
        if isinstance(item, list | tuple):
            return [unwrapped(part) for part in item]
        return item.values.tolist() if isinstance(item, StringTensor) else item

    shape, first = [], unwrapped(value)
    nested = first
    while isinstance(nested, list):
        shape.append(len(nested))
        nested = nested[0] if nested else None
    array = np.empty(shape, object)
    _fill(array, first)
    return array


def _fill(array: np.ndarray, nested: list) -> None:
    if len(nested) != array.shape[0]:
        raise ValueError(f"Can't convert non-rectangular Python sequence to Tensor: {nested}")
    for index, item in enumerate(nested):
        if array.ndim == 1:
            array[index] = item
        else:
            _fill(array[index], item)


def _each(function: Callable, values: np.ndarray) -> np.ndarray:
    result = np.empty(values.shape, object)
    for index, value in np.ndenumerate(values):
        result[index] = function(value)
    return result


def _joined(one: StringTensor, other: StringTensor) -> np.ndarray:
    first, second = np.broadcast_arrays(one.values, other.values)
    result = np.empty(first.shape, object)
    for index in np.ndindex(first.shape):
        result[index] = text_of(first[index]) + text_of(second[index])
    return result


def structural(function: Callable) -> Callable:
    """A function that only moves elements, made to move strings as well: it moves their numbers."""

    def call(*args, **kwargs):
        values = (*args, *kwargs.values())
        if not any(_carries_text(value) for value in values):
            return function(*args, **kwargs)
        words: list = []
        args = [_numbered(value, words) for value in args]
        kwargs = {key: _numbered(value, words) for key, value in kwargs.items()}
        return _spelled(function(*args, **kwargs), np.asarray(words, object))

    call.__wrapped__ = function
    for name in ("__name__", "__qualname__", "__module__", "__doc__"):
        setattr(call, name, getattr(function, name))
    return call


_MODES = {"CONSTANT", "REFLECT", "SYMMETRIC", "ij", "xy", "left", "right"}


def _carries_text(value: Any) -> bool:
    if isinstance(value, str):
        return value not in _MODES
    return is_text(value)


def _numbered(value: Any, words: list) -> Any:
    """Text as numbers of the words, which are added to `words`."""
    if isinstance(value, list | tuple) and any(
        isinstance(item, StringTensor | list | tuple) for item in value
    ):
        return type(value)(_numbered(item, words) for item in value)
    if not _carries_text(value):
        return value
    texts = StringTensor(value).values
    numbers = torch.arange(len(words), len(words) + texts.size).reshape(texts.shape)
    words.extend(texts.flat)
    return numbers


def _spelled(result: Any, words: np.ndarray) -> Any:
    if isinstance(result, Tensor):
        return StringTensor(words[result.cpu().numpy()])
    return type(result)(_spelled(part, words) for part in result)
