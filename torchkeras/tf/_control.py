"""Control flow of `tf`: conditions, loops, mapped functions, arrays of tensors, printing."""

import contextlib
import functools
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras import tree
from torchkeras.tf._arrays import concat, stack
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._printing import printed
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import sealed
from torchkeras.tf.dtypes import torch_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "Assert",
    "TensorArray",
    "case",
    "cond",
    "control_dependencies",
    "device",
    "foldl",
    "foldr",
    "get_logger",
    "group",
    "init_scope",
    "map_fn",
    "name_scope",
    "no_op",
    "numpy_function",
    "print",
    "py_function",
    "scan",
    "switch_case",
    "timestamp",
    "tuple",
    "vectorized_map",
    "while_loop",
]

_tuple = tuple


def _truth(value: Any) -> bool:
    return bool(value)


def cond(pred, true_fn=None, false_fn=None, name=None):
    """`true_fn()` where the condition holds, else `false_fn()`."""
    return true_fn() if _truth(pred) else false_fn()


def case(pred_fn_pairs, default=None, exclusive=False, strict=False, name="case"):
    """What the function of the first condition that holds gives, else that of `default`.

    Raises:
        InvalidArgumentError: several hold with `exclusive`, or none and there is no default.
    """
    pairs = pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs
    found = [function for pred, function in pairs if _truth(pred)]
    if exclusive and len(found) > 1:
        raise InvalidArgumentError("More than one condition evaluated as True.")
    if found:
        return found[0]()
    if default is None:
        raise InvalidArgumentError("None of the conditions evaluated as True.")
    return default()


def switch_case(branch_index, branch_fns, default=None, name="switch_case"):
    """What the function of a number gives; without `default` that of the last, for others."""
    is_listed = not isinstance(branch_fns, dict)
    if is_listed and branch_fns and not callable(branch_fns[0]):
        branch_fns, is_listed = dict(branch_fns), False
    branches = dict(enumerate(branch_fns)) if is_listed else branch_fns
    last = branches[max(branches)]
    return branches.get(int(branch_index), default or last)()


def while_loop(
    cond,
    body,
    loop_vars,
    shape_invariants=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    maximum_iterations=None,
    name=None,
):
    """The variables after `body(*variables)` as often as `cond(*variables)` holds."""
    count = 0
    values = [_converted(value) for value in loop_vars]
    while (maximum_iterations is None or count < int(maximum_iterations)) and _truth(cond(*values)):
        result = body(*values)
        values = list(result) if isinstance(result, list | _tuple) else [result]
        count += 1
    return values if isinstance(loop_vars, list) else type(loop_vars)(values)


def _converted(value: Any) -> Any:
    if isinstance(value, list | _tuple | dict | TensorArray) or value is None:
        return value
    return sealed(as_tensor(value))


def _slices(elems: Any) -> list:
    """The structure of each place along the first axis."""
    flat = [sealed(as_tensor(x)) for x in tree.flatten(elems)]
    return [tree.pack_sequence_as(elems, list(parts)) for parts in zip(*flat)]


def _stacked(results: list) -> Any:
    return tree.map_structure(lambda *parts: stack(list(parts)), *results)


def map_fn(
    fn,
    elems,
    dtype=None,
    parallel_iterations=None,
    back_prop=True,
    swap_memory=False,
    infer_shape=True,
    name=None,
    fn_output_signature=None,
):
    """`fn` of each slice along the first axis, stacked."""
    results = [fn(part) for part in _slices(elems)]
    signature = dtype if fn_output_signature is None else fn_output_signature
    if hasattr(signature, "ragged_rank"):
        return RaggedTensor.from_rows(results, signature.dtype)
    results = [tree.map_structure(lambda x: sealed(as_tensor(x)), result) for result in results]
    return _stacked(results)


def vectorized_map(fn, elems, fallback_to_while_loop=True, warn=True):
    """`fn` of each slice along the first axis, stacked."""
    return map_fn(fn, elems)


def scan(
    fn,
    elems,
    initializer=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    infer_shape=True,
    reverse=False,
    name=None,
):
    """All that `state = fn(state, slice)` gives, stacked; it starts from the first slice."""
    parts = _slices(elems)
    parts = parts[::-1] if reverse else parts
    given = initializer is not None
    state = tree.map_structure(lambda x: sealed(as_tensor(x)), initializer) if given else parts[0]
    states = [] if given else [state]
    for part in parts if given else parts[1:]:
        state = fn(state, part)
        states.append(state)
    return _stacked(states[::-1] if reverse else states)


def foldl(
    fn,
    elems,
    initializer=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    name=None,
):
    """The last of `state = fn(state, slice)`, from the first slice to the last."""
    return _folded(fn, _slices(elems), initializer)


def foldr(
    fn,
    elems,
    initializer=None,
    parallel_iterations=10,
    back_prop=True,
    swap_memory=False,
    name=None,
):
    """The last of `state = fn(state, slice)`, from the last slice to the first."""
    return _folded(fn, _slices(elems)[::-1], initializer)


def _folded(fn: Callable, parts: list, initializer: Any) -> Any:
    if initializer is None:
        return functools.reduce(fn, parts)
    return functools.reduce(fn, parts, _converted(initializer))


@contextlib.contextmanager
def control_dependencies(control_inputs) -> Iterator[None]:
    """Operations run in the order in which they are written."""
    yield


@contextlib.contextmanager
def init_scope() -> Iterator[None]:
    """Operations run at once here as everywhere."""
    yield


class name_scope:  # noqa: N801
    """A name for what is made inside; torchkeras names what layers make."""

    def __init__(self, name: str):
        self.name = name

    def __enter__(self) -> str:
        return f"{self.name}/"

    def __exit__(self, *error) -> None:
        pass


class device:  # noqa: N801
    """Inside, new tensors and weights are on a device: "/GPU:0", "/device:CPU:0", "cpu".

    A GPU that is not there is the CPU, as with TensorFlow's soft placement.
    """

    def __init__(self, device_name: Any):
        self._device = _torch_device(device_name)

    def __enter__(self) -> None:
        self._before = _config.set_device_override(self._device)

    def __exit__(self, *error) -> None:
        _config.set_device_override(self._before)


def _torch_device(name: Any) -> torch.device | None:
    if name is None or isinstance(name, torch.device):
        return name
    parts = str(getattr(name, "name", name)).lower().replace("/", ":").split(":")
    kind = "cuda" if "gpu" in parts or "cuda" in parts else "cpu" if "cpu" in parts else None
    if kind is None:
        raise ValueError(f"Malformed device specification. Received: device_name={name!r}")
    index = int(parts[-1]) if parts[-1].isdigit() else 0
    is_there = kind == "cuda" and index < torch.cuda.device_count()
    return torch.device("cuda", index) if is_there else torch.device("cpu")


def group(*inputs, **kwargs) -> None:
    """Operations have run when they are written."""


def no_op(name=None) -> None:
    """Nothing."""


def tuple(tensors, control_inputs=None, name=None):  # noqa: A001
    """The tensors."""
    return list(tensors)


def timestamp(name=None) -> Tensor:
    """Seconds since 1970, float64."""
    return sealed(torch.tensor(time.time(), dtype=torch.float64))


def py_function(func=None, inp=None, Tout=None, name=None):  # noqa: N803
    """`func(*inp)` in Python, with tensors; its results have the dtypes `Tout`.

    Without `func` a decorator, whose functions are called with what would be `inp`.
    """
    if func is None:
        return lambda given: functools.wraps(given)(lambda *args: py_function(given, args, Tout))
    return _typed(func(*[_converted(x) for x in inp]), Tout)


def numpy_function(func=None, inp=None, Tout=None, stateful=True, name=None):  # noqa: N803
    """`func(*inp)` in Python, with NumPy arrays; its results have the dtypes `Tout`.

    Without `func` a decorator, whose functions are called with what would be `inp`.
    """
    if func is None:
        return lambda given: functools.wraps(given)(lambda *args: numpy_function(given, args, Tout))
    return _typed(func(*[_converted(x).numpy() for x in inp]), Tout)


def _typed(result: Any, dtypes: Any) -> Any:
    if isinstance(dtypes, list | _tuple):
        if len(dtypes) == 1 and not isinstance(result, list | _tuple):
            result = [result]
        return [_typed(part, dtype) for part, dtype in zip(result, dtypes)]
    dtype = getattr(dtypes, "dtype", dtypes)
    if dtype is None:
        return result
    tensor = as_tensor(result)
    if isinstance(tensor, StringTensor):
        return tensor
    return sealed(tensor.to(torch_dtype(dtype)))


def Assert(condition, data, summarize=None, name=None) -> None:  # noqa: N802
    """Nothing if the condition holds.

    Raises:
        InvalidArgumentError: it does not; `data` is in the message.
    """
    if not _truth(condition):
        shown = " ".join(str(item) for item in data)
        raise InvalidArgumentError(f"assertion failed: {shown}")


def print(*inputs, output_stream=None, summarize=3, sep=" ", end="\n", name=None, **kwargs) -> None:
    """Prints tensors and nests of tensors, to the standard error unless a stream is given.

    Args:
        output_stream: a file, or "sys.stdout" or "sys.stderr".
        summarize: how many elements are shown at both ends of an axis; -1 for all.
        sep: what stands between two inputs.
        end: what stands behind the last.
    """
    stream = sys.stderr if output_stream in (None, "sys.stderr") else output_stream
    stream = sys.stdout if stream == "sys.stdout" else stream
    stream.write(printed(inputs, 3 if summarize is None else summarize, sep) + end)


def get_logger():
    """The logger of TensorFlow's name."""
    return logging.getLogger("tensorflow")


class TensorArray:
    """A list of tensors that is written place by place and stacked at the end."""

    def __init__(
        self,
        dtype=None,
        size=None,
        dynamic_size=None,
        clear_after_read=None,
        tensor_array_name=None,
        handle=None,
        flow=None,
        infer_shape=True,
        element_shape=None,
        colocate_with_first_write_call=True,
        name=None,
    ):
        self.dtype = dtype
        self.element_shape = element_shape
        self.dynamic_size = bool(dynamic_size)
        self._items: list = [None] * (0 if size is None else int(size))

    def write(self, index, value, name=None) -> "TensorArray":
        """The array with a value at a place.

        Raises:
            InvalidArgumentError: there is no such place, and `dynamic_size` is False.
        """
        index = int(index)
        if index >= len(self._items):
            if not self.dynamic_size:
                raise InvalidArgumentError(
                    f"Tried to write to index {index} but array is not resizeable and size is: "
                    f"{len(self._items)}"
                )
            self._items += [None] * (index + 1 - len(self._items))
        self._items[index] = sealed(as_tensor(value))
        return self

    def read(self, index, name=None) -> Any:
        """The value at a place."""
        return self._item(int(index))

    def _item(self, index: int) -> Any:
        if self._items[index] is None:
            known = [item for item in self._items if item is not None]
            if not known:
                raise InvalidArgumentError(f"Could not read index {index}: nothing is there")
            return sealed(torch.zeros_like(known[0]))
        return self._items[index]

    def stack(self, name=None) -> Any:
        """The values as one tensor."""
        if not self._items:
            return sealed(
                torch.zeros((0, *(self.element_shape or ())), dtype=torch_dtype(self.dtype))
            )
        return stack([self._item(index) for index, _ in enumerate(self._items)])

    def gather(self, indices, name=None) -> Any:
        """The values at several places as one tensor."""
        return stack([self._item(int(index)) for index in indices])

    def concat(self, name=None) -> Any:
        """The values one after the other."""
        return concat([self._item(index) for index, _ in enumerate(self._items)], 0)

    def unstack(self, value, name=None) -> "TensorArray":
        """The array of the slices of a tensor."""
        self._items = list(sealed(as_tensor(value)))
        return self

    def scatter(self, indices, value, name=None) -> "TensorArray":
        """The array with the slices of a tensor at several places."""
        for index, part in zip(indices, sealed(as_tensor(value))):
            self.write(index, part)
        return self

    def split(self, value, lengths, name=None) -> "TensorArray":
        """The array of pieces of a tensor, of the given lengths."""
        sizes = [int(length) for length in lengths]
        self._items = [sealed(part) for part in torch.split(as_tensor(value), sizes)]
        return self

    def size(self, name=None) -> Tensor:
        """The number of places."""
        return sealed(torch.tensor(len(self._items), dtype=torch.int32))

    def close(self, name=None) -> None:
        """Forgets the values."""
        self._items.clear()

    def identity(self) -> "TensorArray":
        """The array."""
        return self

    def __len__(self) -> int:
        return len(self._items)
