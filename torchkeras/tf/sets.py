"""`tf.sets`: operations on the sets in the last axis of tensors."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import sealed
from torchkeras.tf.dtypes import torch_dtype
from torchkeras.tf.sparse import SparseTensor

__all__ = ["difference", "intersection", "size", "union"]


def _rows(value: Any) -> tuple[tuple[int, ...], dict[tuple, list]]:
    """The shape of the leading axes, and the elements of each set, in ascending order."""
    if isinstance(value, SparseTensor):
        shape = tuple(value.shape)[:-1]
        places, items = value.indices.tolist(), _items(value.values)
    else:
        tensor = as_tensor(value)
        shape = tuple(tensor.shape)[:-1]
        places, items = list(np.ndindex(*tensor.shape)), _items(tensor)
    found: dict[tuple, set] = {place: set() for place in np.ndindex(*shape)}
    for place, item in zip(places, items):
        found[tuple(place[:-1])].add(item)
    return shape, {place: sorted(row) for place, row in found.items()}


def _items(tensor: Any) -> list:
    values = tensor.values if isinstance(tensor, StringTensor) else tensor
    return values.reshape(-1).tolist()


def _combined(a: Any, b: Any, function) -> SparseTensor:
    shape, ours = _rows(a)
    _, theirs = _rows(b)
    rows = {place: sorted(function(set(ours[place]), set(theirs[place]))) for place in ours}
    places = [(*place, column) for place, row in rows.items() for column, _ in enumerate(row)]
    values = [item for row in rows.values() for item in row]
    width = max((len(row) for row in rows.values()), default=0)
    like = getattr(a, "values", a) if isinstance(a, SparseTensor) else as_tensor(a)
    if isinstance(like, StringTensor):
        found = StringTensor(np.array([*values, None], object)[:-1])
    else:
        found = torch.tensor(values, dtype=torch_dtype(as_tensor(like).dtype))
    indices = torch.tensor(places, dtype=torch.int64).reshape(-1, len(shape) + 1)
    return SparseTensor(indices, found, (*shape, width))


def union(a, b, validate_indices=True) -> SparseTensor:
    """What is in the sets of `a` or of `b`."""
    return _combined(a, b, set.union)


def intersection(a, b, validate_indices=True) -> SparseTensor:
    """What is in the sets of `a` and of `b`."""
    return _combined(a, b, set.intersection)


def difference(a, b, aminusb=True, validate_indices=True) -> SparseTensor:
    """What is in the sets of `a` and not of `b`; the other way round unless `aminusb`."""
    return _combined(a, b, set.difference) if aminusb else _combined(b, a, set.difference)


def size(a, validate_indices=True) -> Tensor:
    """How many elements the sets have."""
    shape, rows = _rows(a)
    counts = torch.tensor([len(row) for row in rows.values()], dtype=torch.int32)
    return sealed(counts.reshape(shape))


__getattr__ = missing_from("tf.sets")
