"""Arrays of every kind as rows of torch tensors: recognised, converted, sliced, split, weighted."""

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, tree
from torchkeras._errors import received

__all__ = [
    "ClassWeights",
    "Rows",
    "as_rows",
    "as_tensor",
    "is_array",
    "map_arrays",
    "pack_x_y_sample_weight",
    "train_validation_split",
    "unpack_x_y_sample_weight",
]

_SCALARS = (bool, int, float, complex, str, bytes, np.generic)

# The numpy dtypes that torch computes with: bool, signed integers, uint8, floats, complex.
_USABLE = frozenset("?bhilqBefdFD")


def unpack_x_y_sample_weight(data: Any) -> tuple[Any, Any, Any]:
    """Split what a `train_step` receives into `(x, y, sample_weight)`, None for what is missing."""
    if not isinstance(data, (list, tuple)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            "Data is expected to be in format `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`. "
            f"Received: data={data}"
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Put `x`, `y` and `sample_weight` into the form that `train_step` receives.

    A single `x` stays bare; a list or tuple of inputs becomes `(x,)`. Without `y` there are no
    sample weights.
    """
    if y is None:
        return (x,) if isinstance(x, (list, tuple)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def _is_list_of_scalars(value: Any) -> bool:
    """Whether nested lists hold numbers or strings: one array, not several inputs."""
    while isinstance(value, (list, tuple)) and len(value):
        value = value[0]
    return isinstance(value, _SCALARS)


def _array_of_lists(value: list | tuple) -> np.ndarray:
    first = value
    while isinstance(first, (list, tuple)):
        first = first[0]
    try:
        # As objects, because numpy would pad all strings to the length of the longest.
        return np.array(value, dtype=object if isinstance(first, (str, bytes)) else None)
    except ValueError as error:
        raise ValueError(
            "Nested lists of numbers must have equal lengths to form one array. Pad them first, "
            f"for example with `keras.utils.pad_sequences`. Received: {str(value)[:200]}"
        ) from error


def map_arrays(function: Callable[[Any], Any], structure: Any) -> Any:
    """Call `function` on each array of a structure of tuples, lists and mappings.

    A list of numbers or strings, also a nested one, is given to `function` as one numpy array.
    None stays None, mappings of other types than dict become dicts.
    """
    if structure is None:
        return None
    if isinstance(structure, (list, tuple)):
        if _is_list_of_scalars(structure):
            return function(_array_of_lists(structure))
        items = [map_arrays(function, item) for item in structure]
        return type(structure)(*items) if hasattr(structure, "_fields") else type(structure)(items)
    if isinstance(structure, Mapping):
        items = ((key, map_arrays(function, item)) for key, item in structure.items())
        return OrderedDict(items) if isinstance(structure, OrderedDict) else dict(items)
    return function(structure)


def _is_scipy_sparse(value: Any) -> bool:
    return type(value).__module__.startswith("scipy.sparse") and hasattr(value, "tocsr")


def is_array(value: Any) -> bool:
    """Whether a value has rows that can be sliced: any dense or sparse array, tensor or frame."""
    if isinstance(value, (np.ndarray, Tensor)):
        return True
    if isinstance(value, np.generic):
        return False
    return hasattr(value, "__array__") or _is_scipy_sparse(value)


def _plain_array(value: Any) -> Any:
    """Foreign arrays as numpy arrays; tensors, numpy arrays and sparse matrices as they are.

    A pandas Series becomes a column, (N, 1).
    """
    if isinstance(value, (np.ndarray, Tensor)):
        return value
    if _is_scipy_sparse(value):
        return value.tocsr()
    if hasattr(value, "iloc"):
        array = value.to_numpy()
        return array[:, None] if array.ndim == 1 else array
    if hasattr(value, "row_splits"):  # tf.RaggedTensor
        value = value.to_tensor()
    return np.asarray(value)


def _is_text(array: np.ndarray) -> bool:
    if array.dtype.kind == "O":
        return array.size > 0 and isinstance(array.flat[0], (str, bytes))
    return array.dtype.kind in "SUT"


def _tensor_of_numpy(array: np.ndarray) -> Tensor:
    """The array's memory as a tensor, or a copy where torch cannot use it as it lies."""
    if array.dtype.kind == "V" and array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view(np.int16).copy()).view(torch.bfloat16)
    if array.dtype.char not in _USABLE or not array.dtype.isnative:
        array = _with_usable_dtype(array)
    flags = array.flags
    if not flags.writeable or not (flags.c_contiguous or min(array.strides) >= 0):
        array = array.copy()
    return torch.from_numpy(array)


def _with_usable_dtype(array: np.ndarray) -> np.ndarray:
    dtype = array.dtype
    if dtype.kind == "O":
        return _numbers_of_objects(array)
    if dtype.kind == "u":
        return array.astype(np.int32 if dtype.itemsize == 2 else np.int64)
    if dtype.kind in "iufc":
        narrow = np.complex128 if dtype.kind == "c" else np.float64
        native = dtype.newbyteorder("=")
        return array.astype(native if native.char in _USABLE else narrow)
    raise ValueError(f"Invalid dtype: {dtype.name}. Arrays must hold numbers, booleans or strings.")


def _numbers_of_objects(array: np.ndarray) -> np.ndarray:
    try:
        return array.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "Invalid dtype: object. An array of Python objects must hold only numbers, or only "
            f"strings. Received: {str(array)[:200]}"
        ) from error


def _in_floatx(tensor: Tensor) -> Tensor:
    return tensor.to(_dtypes.torch_dtype(None)) if tensor.is_floating_point() else tensor


def as_tensor(value: Any) -> Any:
    """One part of a batch that a user's code made, as a tensor of the same dtype where it lies.

    Python floats become `floatx`, Python integers int32. Arrays of strings, strings and objects
    that are no arrays stay as they are.
    """
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.ndarray):
        return value if _is_text(value) else _tensor_of_numpy(value)
    if isinstance(value, (bool, int, float, complex)):
        return _tensor_of_number(value)
    if _is_scipy_sparse(value):
        return as_tensor(value.toarray())
    if isinstance(value, (str, bytes)) or not hasattr(value, "__array__"):
        return value
    return as_tensor(np.asarray(value.to_tensor() if hasattr(value, "row_splits") else value))


def _tensor_of_number(value: bool | int | float | complex) -> Tensor:
    if isinstance(value, float):
        return torch.tensor(value, dtype=_dtypes.torch_dtype(None))
    if isinstance(value, int) and not isinstance(value, bool):
        return torch.tensor(value, dtype=torch.int32 if -(2**31) <= value < 2**31 else torch.int64)
    return torch.tensor(value)


class Rows:
    """An array whose rows can be taken as a tensor: in one piece in memory, as a tensor."""

    is_text = False

    def __init__(self, tensor: Tensor):
        self.tensor = tensor
        self.shape = tuple(tensor.shape)
        self.row_bytes = tensor.element_size() * math.prod(self.shape[1:])

    def place(self, device: torch.device) -> None:
        """Move the whole array to a device."""
        self.tensor = self.tensor.to(device)

    def is_on(self, device: torch.device) -> bool:
        """Whether the rows come out on a device."""
        return self.tensor.device == device

    def take(self, start: int, stop: int, index: Tensor | None = None) -> Any:
        """The rows from `start` to `stop`, or those at `index`; without `index` not a copy."""
        if index is None:
            return self.tensor[start:stop]
        return self.tensor.index_select(0, index.to(self.tensor.device))


class _LazyRows(Rows):
    """Rows that are read, made dense and converted only when taken: files, sparse, strings."""

    def __init__(self, array: Any):
        self.array = array
        self.shape = tuple(array.shape)
        self.is_text = isinstance(array, np.ndarray) and _is_text(array)
        self.row_bytes = array.dtype.itemsize * math.prod(self.shape[1:])

    def place(self, device: torch.device) -> None:
        pass

    def is_on(self, device: torch.device) -> bool:
        return self.is_text or device.type == "cpu"

    def take(self, start: int, stop: int, index: Tensor | None = None) -> Any:
        rows = self.array[slice(start, stop) if index is None else index.cpu().numpy()]
        if self.is_text:
            return rows
        dense = np.array(rows) if isinstance(rows, np.ndarray) else rows.toarray()
        return _in_floatx(_tensor_of_numpy(dense))


def as_rows(value: Any) -> Rows:
    """The rows of any array; floating point numbers come out as `floatx`, others keep their type.

    A tensor is detached. Memory-mapped files and sparse matrices are read while rows are taken.
    """
    array = _plain_array(value)
    if len(array.shape) == 0:
        raise ValueError(f"Arrays must have at least one axis, the samples. Received: {value}")
    if isinstance(array, Tensor):
        dense = array.detach() if array.layout is torch.strided else array.detach().to_dense()
        return Rows(_in_floatx(dense))
    if not isinstance(array, np.ndarray) or isinstance(array, np.memmap) or _is_text(array):
        return _LazyRows(array)
    return Rows(_in_floatx(_tensor_of_numpy(array)).contiguous())


class ClassWeights:
    """The weight of each sample's class, 1 for classes that are not in `class_weight`."""

    def __init__(self, class_weight: Mapping[int, float]):
        if not isinstance(class_weight, Mapping):
            raise ValueError(
                "`class_weight` must be a dict from class numbers to weights. "
                + received(class_weight=class_weight)
            )
        pairs = sorted(
            (int(label), float(weight))
            for label, weight in class_weight.items()
            if not isinstance(label, str) and int(label) == label
        )
        self._labels = torch.tensor([label for label, _ in pairs], dtype=torch.int64)
        # One more, for all other classes.
        self._weights = torch.tensor([*(weight for _, weight in pairs), 1.0]).to(
            _dtypes.torch_dtype(None)
        )

    def __call__(self, y: Tensor) -> Tensor:
        """Weights of shape (N,).

        Args:
            y: class numbers (N,) or (N, 1), or one-hot (N, classes).
        """
        if not isinstance(y, Tensor) or not 1 <= y.ndim <= 2:
            raise ValueError(
                "`class_weight` needs targets that are class numbers or one-hot rows, with at "
                f"most two axes. Received: y={y}"
            )
        if y.ndim == 2:
            y = y.argmax(-1) if y.shape[-1] != 1 else y.squeeze(-1)
        if y.is_floating_point():
            y = y.round()
        y = y.to(torch.int64)
        others = len(self._labels)
        if not others:
            return self._weights.to(y.device).expand(y.shape)
        labels = self._labels.to(y.device)
        place = torch.searchsorted(labels, y).clamp_(max=others - 1)
        return self._weights.to(y.device)[torch.where(labels[place] == y, place, others)]


def _part(value: Any, start: int, stop: int) -> Any:
    if hasattr(value, "iloc"):
        return value.iloc[start:stop]
    return _plain_array(value)[start:stop]


def _same(array: Any) -> Any:
    return array


def train_validation_split(arrays: Any, validation_split: float) -> tuple[Any, Any]:
    """Split a structure of arrays, as `(x, y, sample_weight)`, in two: the last rows validate.

    Args:
        validation_split: the share of rows for validation, between 0 and 1.
    """
    if type(arrays) is tuple:
        arrays = tuple(map_arrays(_same, part) for part in arrays)
    else:
        arrays = map_arrays(_same, arrays)
    leaves = [leaf for leaf in tree.flatten(arrays) if leaf is not None]
    foreign = [type(leaf) for leaf in leaves if not is_array(leaf)]
    if foreign:
        raise ValueError(
            "Argument `validation_split` is only supported for tensors or NumPy arrays. "
            f"Received: {foreign}"
        )
    if not leaves:
        return arrays, arrays
    total = int(leaves[0].shape[0])
    cut = math.floor(total * (1.0 - validation_split))
    if not 0 < cut < total:
        raise ValueError(
            f"Training data contains {total} samples, which is not sufficient to split it into "
            "two sets. Give more data or another share. "
            f"Received: validation_split={validation_split}"
        )
    return (
        map_arrays(lambda array: _part(array, 0, cut), arrays),
        map_arrays(lambda array: _part(array, cut, total), arrays),
    )
