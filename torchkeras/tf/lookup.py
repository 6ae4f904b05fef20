"""`tf.lookup`: tables of keys and values."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras.layers._strings import fingerprints
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._files import path_of
from torchkeras.tf._missing import missing_from
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor, bytes_of
from torchkeras.tf._tensor import EagerTensor, sealed
from torchkeras.tf.dtypes import as_dtype, string

__all__ = [
    "KeyValueTensorInitializer",
    "StaticHashTable",
    "StaticVocabularyTable",
    "TextFileIndex",
    "TextFileInitializer",
    "experimental",
]


class TextFileIndex:
    """Which part of a line is meant: the whole, or its number."""

    WHOLE_LINE = -2
    LINE_NUMBER = -1


class KeyValueTensorInitializer:
    """Keys and values of a table."""

    def __init__(self, keys, values, key_dtype=None, value_dtype=None, name=None):
        self.keys = _converted(keys, key_dtype)
        self.values = _converted(values, value_dtype)


def _converted(values: Any, dtype: Any) -> Any:
    tensor = as_tensor(values)
    if isinstance(tensor, StringTensor) or dtype is None:
        return tensor
    return tensor.to(as_dtype(dtype).torch)


class TextFileInitializer(KeyValueTensorInitializer):
    """Keys and values in the lines of a file: columns, the whole line or its number."""

    def __init__(
        self,
        filename,
        key_dtype,
        key_index,
        value_dtype,
        value_index,
        vocab_size=None,
        delimiter="\t",
        name=None,
        value_index_offset=0,
    ):
        with open(path_of(filename), encoding="utf-8") as file:
            lines = file.read().splitlines()[:vocab_size]

        def column(index, dtype, offset=0):
            if index == TextFileIndex.LINE_NUMBER:
                return [number + offset for number, _ in enumerate(lines)]
            cells = lines if index == TextFileIndex.WHOLE_LINE else None
            cells = [line.split(delimiter)[index] for line in lines] if cells is None else cells
            return cells if as_dtype(dtype) == string else [float(cell) for cell in cells]

        super().__init__(
            column(key_index, key_dtype),
            column(value_index, value_dtype, value_index_offset),
            key_dtype,
            value_dtype,
        )


def _keys(tensor: Any) -> list:
    """Keys that a dict can hold."""
    if isinstance(tensor, StringTensor):
        return [bytes_of(item) for item in tensor.values.flat]
    return tensor.reshape(-1).tolist()


class StaticHashTable:
    """A table that does not change: `lookup` gives `default_value` for what it has not."""

    def __init__(self, initializer, default_value, name=None, experimental_is_anonymous=False):
        values = initializer.values
        self._is_text = isinstance(values, StringTensor)
        self._dtype = values.dtype
        flat = values.values.tolist() if self._is_text else values.tolist()
        self._table = dict(zip(_keys(initializer.keys), flat))
        self._default = default_value

    def size(self, name=None) -> EagerTensor:
        """The number of keys."""
        return sealed(torch.tensor(len(self._table)))

    def lookup(self, keys, name=None) -> Any:
        """The values of keys."""
        if isinstance(keys, RaggedTensor):
            return keys.with_values(self.lookup(keys.values))
        keys = as_tensor(keys)
        found = [self._table.get(key, self._default) for key in _keys(keys)]
        if self._is_text:
            return StringTensor(np.array([*found, None], object)[:-1].reshape(tuple(keys.shape)))
        return sealed(torch.tensor(found, dtype=self._dtype).reshape(tuple(keys.shape)))

    __getitem__ = lookup


class StaticVocabularyTable:
    """As `StaticHashTable`, with `num_oov_buckets` more numbers for strings that it has not."""

    def __init__(
        self,
        initializer,
        num_oov_buckets,
        lookup_key_dtype=None,
        name=None,
        experimental_is_anonymous=False,
    ):
        self._known = StaticHashTable(initializer, -1)
        self._buckets = int(num_oov_buckets)

    def size(self, name=None) -> EagerTensor:
        """The number of keys and buckets."""
        return sealed(self._known.size() + self._buckets)

    def lookup(self, keys, name=None) -> Tensor:
        """The numbers of keys."""
        if isinstance(keys, RaggedTensor):
            return keys.with_values(self.lookup(keys.values))
        keys = as_tensor(keys)
        found = self._known.lookup(keys)
        texts = [key if isinstance(key, bytes) else str(key).encode() for key in _keys(keys)]
        buckets = fingerprints(texts) % np.uint64(self._buckets)
        other = torch.from_numpy(buckets.astype(np.int64)).reshape(found.shape)
        return sealed(torch.where(found < 0, other + len(self._known._table), found).long())

    __getitem__ = lookup


class _MutableTable:
    """A table that `insert` and `remove` change.

    Args:
        default_value: what `lookup` gives for a key that is not there; a number, text or tensor.
    """

    def __init__(self, key_dtype, value_dtype, default_value, name=None, *args, **kwargs):
        self.key_dtype, self.value_dtype = as_dtype(key_dtype), as_dtype(value_dtype)
        self._default = _plain(as_tensor(default_value))
        self._table: dict = {}

    def insert(self, keys, values, name=None) -> None:
        """Puts values at keys."""
        keys, values = as_tensor(keys), as_tensor(values)
        flat = _keys(keys)
        self._table.update(zip(flat, _plain(values) if len(keys.shape) else [_plain(values)]))

    def remove(self, keys, name=None) -> None:
        """Takes keys out; those that are not there do not matter."""
        for key in _keys(as_tensor(keys)):
            self._table.pop(key, None)

    erase = remove

    def lookup(self, keys, dynamic_default_values=None, name=None) -> Any:
        """The values of keys."""
        keys = as_tensor(keys)
        default = self._default
        if dynamic_default_values is not None:
            default = _plain(as_tensor(dynamic_default_values))
        found = [self._table.get(key, default) for key in _keys(keys)]
        if self.value_dtype == string:
            return StringTensor(np.array([*found, None], object)[:-1].reshape(tuple(keys.shape)))
        tensor = torch.tensor(found, dtype=self.value_dtype.torch)
        return sealed(tensor.reshape(*tuple(keys.shape), *tensor.shape[1:]))

    __getitem__ = lookup

    def export(self, name=None) -> tuple:
        """All keys and all values."""
        keys, values = list(self._table), list(self._table.values())
        return _tensor_of(keys, self.key_dtype), _tensor_of(values, self.value_dtype)

    def size(self, name=None) -> EagerTensor:
        """The number of keys."""
        return sealed(torch.tensor(len(self._table)))


def _plain(tensor: Any) -> Any:
    return tensor.values.tolist() if isinstance(tensor, StringTensor) else tensor.tolist()


def _tensor_of(items: list, dtype: Any) -> Any:
    if dtype == string:
        return StringTensor(np.array([*items, None], object)[:-1])
    return sealed(torch.tensor(items, dtype=dtype.torch))


class _MutableHashTable(_MutableTable):
    """`tf.lookup.experimental.MutableHashTable`."""


class _DenseHashTable(_MutableTable):
    """`tf.lookup.experimental.DenseHashTable`, in which two keys stand for no key."""

    def __init__(
        self, key_dtype, value_dtype, default_value, empty_key, deleted_key, *args, **kwargs
    ):
        super().__init__(key_dtype, value_dtype, default_value)


experimental = SimpleNamespace(DenseHashTable=_DenseHashTable, MutableHashTable=_MutableHashTable)


__getattr__ = missing_from("tf.lookup")
