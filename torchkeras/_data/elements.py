"""Elements of pipelines: tensors, texts, tuples and dicts of them, and batches."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import tree
from torchkeras._data.adapters import is_array
from torchkeras._data.slicing import as_tensor
from torchkeras._errors import received

__all__ = [
    "as_numpy",
    "called",
    "check_shapes",
    "dtype_name",
    "first_row",
    "hashable",
    "pad",
    "per_part",
    "ragged",
    "rows_of",
    "stacked",
    "stacked_parts",
    "structured",
    "take_row",
    "take_rows",
    "typed",
]


def structured(value: Any) -> Any:
    """An element: tensors in tuples and dicts. Lists become one array, as in tf.data."""
    if value is None or isinstance(value, Tensor):
        return value
    if isinstance(value, dict):
        return type(value)((key, structured(part)) for key, part in value.items())
    if isinstance(value, tuple):
        parts = [structured(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return _of_list(value)
    if hasattr(value, "iloc"):
        return _of_frame(value)
    is_no_text = isinstance(value, np.ndarray) and value.dtype == object and not value.size
    return value if is_no_text else as_tensor(value)


def _of_list(value: list) -> Any:
    if value and isinstance(value[0], (Tensor, np.ndarray)):
        return stacked_parts([structured(part) for part in value])
    is_text = bool(value) and isinstance(value[0], (str, bytes))
    array = np.array(value, dtype=object if is_text else None)
    if array.dtype.kind in "SU":  # lists of lists of texts
        array = np.array(value, dtype=object)
    if array.dtype == np.float64:
        array = array.astype(np.float32)  # as Python's numbers, not as an array of the user's
    elif array.dtype == np.int64 and array.size and abs(array).max() < 2**31:
        array = array.astype(np.int32)
    return as_tensor(array)


def _of_frame(value: Any) -> Any:
    """A pandas frame or series; text as an array of objects."""
    array = value.to_numpy()
    return as_tensor(array.astype(object) if array.dtype.kind in "OSU" else array)


def typed(element: Any, types: Any) -> Any:
    """The element in the dtypes of a structure of dtypes, or of objects that have a dtype."""
    if isinstance(types, (tuple, list)):
        if not isinstance(element, (tuple, list)) or len(element) != len(types):
            raise TypeError(
                "`generator` yielded an element that did not match the expected structure. "
                f"Expected: {types}. {received(element=element)}"
            )
        return tuple(typed(*pair) for pair in zip(element, types))
    if isinstance(types, dict):
        return {key: typed(element[key], part) for key, part in types.items()}
    name = dtype_name(types)
    if name == "string":
        is_empty = isinstance(element, list) and not element
        return np.array([], dtype=object) if is_empty else structured(element)
    if isinstance(element, Tensor):
        return element.to(getattr(torch, name))
    return as_tensor(np.asarray(element, dtype=name))


def check_shapes(element: Any, shapes: Any) -> None:
    """Raise unless the element has a structure of shapes, or of objects that have one."""
    if shapes is None:
        return
    if isinstance(element, (tuple, dict)):
        keys = element if isinstance(element, dict) else range(len(element))
        for key in keys:
            check_shapes(element[key], shapes[key])
        return
    shape = getattr(shapes, "shape", shapes)
    if shape is None or getattr(shape, "rank", 0) is None:
        return  # of any number of axes
    found, wanted = np.shape(element), tuple(shape)
    sizes = zip(found, wanted)
    if len(found) != len(wanted) or any(size not in (None, -1, have) for have, size in sizes):
        raise TypeError(
            f"`generator` yielded an element of shape {tuple(found)} where an element of shape "
            f"{wanted} was expected. Received: {element!r}"
        )


def dtype_name(dtype: Any) -> str:
    """ "float32" of that string, a numpy or torch dtype, or anything that has a name or dtype."""
    dtype = getattr(dtype, "dtype", dtype) if not isinstance(dtype, type) else dtype
    name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None and isinstance(dtype, type):
        name = np.dtype(dtype).name
    name = str(dtype).removeprefix("torch.") if name is None else name
    return "string" if name in ("str", "object", "string") or name.startswith("str") else name


def rows_of(array: Any) -> int:
    if not is_array(array) or not array.ndim:
        raise ValueError(f"Scalars cannot be sliced into rows. Received: {array!r}")
    return array.shape[0]


def take_rows(arrays: Any, indices: list[int]) -> Any:
    # A stretch of neighbours, which batches in order are, is a slice that shares their memory.
    first, count = indices[0], len(indices)
    if indices[-1] - first == count - 1 and indices == list(range(first, first + count)):
        return tree.map_structure(lambda array: array[first : first + count], arrays)
    index = torch.tensor(indices)

    def take(array):
        return array[index] if isinstance(array, Tensor) else array[indices]

    return tree.map_structure(take, arrays)


def take_row(arrays: Any, index: int) -> Any:
    return tree.map_structure(lambda array: None if array is None else array[index], arrays)


def as_numpy(part: Any) -> Any:
    return part.detach().cpu().numpy() if isinstance(part, Tensor) else part


def first_row(batch: Any) -> Any:
    return take_row(batch, 0)


def hashable(element: Any) -> tuple:
    """What is equal for equal elements."""
    return tuple(
        (tuple(part.shape), part.cpu().numpy().tobytes())
        if isinstance(part, Tensor)
        else tuple(part.ravel().tolist())
        if isinstance(part, np.ndarray)
        else part
        for part in tree.flatten(element)
    )


def called(function: Callable, element: Any) -> Any:
    return function(*element) if type(element) is tuple else function(element)


# ---- batches


def stacked_parts(parts: Iterable[Any]) -> Any:
    parts = list(parts)
    if isinstance(parts[0], Tensor):
        try:
            return torch.stack(parts)
        except RuntimeError as error:
            raise ValueError(
                "Cannot batch tensors with different shapes. Received: shapes "
                f"{sorted({tuple(part.shape) for part in parts})}"
            ) from error
    if isinstance(parts[0], np.ndarray):
        return np.stack(parts)
    if isinstance(parts[0], (str, bytes)):
        return np.array(parts, dtype=object)
    return None if parts[0] is None else structured(parts)


def ragged(parts: Iterable[Any]) -> Any:
    """Tensors whose first axes differ as a nested tensor; else `stacked_parts`."""
    parts = list(parts)
    if isinstance(parts[0], Tensor) and parts[0].ndim:
        return torch.nested.nested_tensor(parts, layout=torch.jagged)
    return stacked_parts(parts)


def stacked(stack: Callable, elements: list) -> Any:
    return tree.map_structure(lambda *parts: stack(parts), *elements)


def per_part(given: Any, count: int, is_shape: bool = False) -> list:
    """One value for each of `count` parts of an element, from a structure of them or a single."""
    if not isinstance(given, (tuple, list, dict)) or (is_shape and _is_shape(given)):
        return [given] * count
    return _shapes(given) if is_shape else tree.flatten(given)


def _is_shape(given: Any) -> bool:
    is_sequence = isinstance(given, (tuple, list))
    return is_sequence and all(size is None or isinstance(size, int) for size in given)


def _shapes(given: Any) -> list:
    """The shapes in a structure of them, in the order of `tree.flatten`."""
    if _is_shape(given) or not isinstance(given, (tuple, list, dict)):
        return [given]
    parts = [given[key] for key in sorted(given)] if isinstance(given, dict) else given
    return [shape for part in parts for shape in _shapes(part)]


def pad(parts: tuple, shape: Any, value: Any) -> Any:
    if not is_array(parts[0]):
        return stacked_parts(parts)
    longest = [max(sizes) for sizes in zip(*(part.shape for part in parts))]
    if shape is not None:
        wanted = [found if size in (None, -1) else size for size, found in zip(shape, longest)]
        if any(size < found for size, found in zip(wanted, longest)):
            raise ValueError(
                "Attempted to pad to a smaller size than the input element. "
                f"Received: padded_shapes={shape} for an element of shape {tuple(longest)}"
            )
        longest = wanted
    padded = _filled(parts, (len(parts), *longest), value)
    for row, part in enumerate(parts):
        padded[(row, *map(slice, part.shape))] = part
    return padded


def _filled(parts: tuple, shape: tuple[int, ...], value: Any) -> Any:
    """A tensor, or an array of texts, as the parts are, of one value; None for 0 or ""."""
    if isinstance(parts[0], Tensor):
        return parts[0].new_full(shape, 0 if value is None else value)
    if value is None:
        value = b"" if any(isinstance(text, bytes) for part in parts for text in part.flat) else ""
    filled = np.empty(shape, dtype=object)
    filled[...] = value
    return filled
