"""Symbolic tensors: `KerasTensor`, the nodes that record what was done to them, and shapes from
running code on meta.

`KerasTensor` is on purpose no `torch.Tensor`: through `__torch_function__` every torch function
that meets one records a node instead of computing. Its operators are empty slots (`operators`) that
`torchkeras.ops` fills.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._device import _device_constructors

from torchkeras import _dtypes, _naming, tree

__all__ = ["KerasTensor", "Node", "any_symbolic", "infer_spec", "is_keras_tensor"]

# What a dimension of None is run as: two sizes that many strides, pool sizes and reshapes divide,
# far enough apart to stay different after a division by 64.
FILLS = (720, 1440)

# What the operators of a symbolic tensor call: the ops of these names, which `op` puts here.
operators: dict[str, Callable | None] = dict.fromkeys(
    """absolute add floor_divide get_item greater greater_equal less less_equal logical_and
    logical_not logical_or logical_xor matmul mod multiply negative not_equal power reshape round
    squeeze subtract true_divide""".split()
)
# Makes the operation that stands for a raw torch function; filled by `_op`.
torch_function_operation: list[Callable] = []


def _unary(name):
    def method(self):
        return operators[name](self)

    return method


def _binary(name):
    def method(self, other):
        return operators[name](self, other)

    return method


def _reflected(name):
    def method(self, other):
        return operators[name](other, self)

    return method


class KerasTensor:
    """A tensor of which only shape and dtype are known.

    Args:
        shape: tuple of ints and None.
        dtype: name of the dtype.
        record_history: whether operations on it are recorded as nodes.
        name: name; made up where None.
    """

    def __init__(
        self,
        shape,
        dtype="float32",
        sparse=False,
        ragged=False,
        record_history=True,
        name=None,
        **kwargs,
    ):
        self._shape = standardize_shape(shape)
        self._dtype = _dtypes.standardize_dtype(dtype)
        self._sparse = bool(sparse)
        self._ragged = bool(ragged)
        if self._sparse and self._ragged:
            raise ValueError(
                "KerasTensor cannot have `sparse=True` and `ragged=True` at the same time."
            )
        self._ragged_rank = kwargs.pop("ragged_rank", None)
        self._row_splits_dtype = kwargs.pop("row_splits_dtype", None)
        if kwargs:
            raise TypeError(f"Unexpected keyword arguments: {', '.join(kwargs)}")
        self.name = name or _naming.auto_name("keras_tensor")
        self.record_history = record_history

    @property
    def shape(self):
        return self._shape

    @property
    def dtype(self):
        return self._dtype

    @property
    def ndim(self):
        return len(self._shape)

    @property
    def sparse(self):
        return self._sparse

    @property
    def ragged(self):
        return self._ragged

    @property
    def ragged_rank(self):
        return self._ragged_rank

    @property
    def row_splits_dtype(self):
        return self._row_splits_dtype

    def dim(self):
        """torch's name for `ndim`."""
        return len(self._shape)

    def size(self, dim=None):
        """torch's name for `shape`; unknown sizes are None."""
        return self._shape if dim is None else self._shape[dim]

    def reshape(self, newshape):
        return operators["reshape"](self, newshape)

    def squeeze(self, axis=None):
        return operators["squeeze"](self, axis)

    def __getitem__(self, key):
        return operators["get_item"](self, key)

    def __round__(self, ndigits=None):
        return operators["round"](self, ndigits or 0)

    __abs__ = _unary("absolute")
    __neg__ = _unary("negative")
    __invert__ = _unary("logical_not")
    __add__ = _binary("add")
    __radd__ = _reflected("add")
    __sub__ = _binary("subtract")
    __rsub__ = _reflected("subtract")
    __mul__ = _binary("multiply")
    __rmul__ = _reflected("multiply")
    __matmul__ = _binary("matmul")
    __rmatmul__ = _reflected("matmul")
    __truediv__ = _binary("true_divide")
    __rtruediv__ = _reflected("true_divide")
    __floordiv__ = _binary("floor_divide")
    __rfloordiv__ = _reflected("floor_divide")
    __mod__ = _binary("mod")
    __rmod__ = _reflected("mod")
    __pow__ = _binary("power")
    __rpow__ = _reflected("power")
    __and__ = _binary("logical_and")
    __rand__ = _reflected("logical_and")
    __or__ = _binary("logical_or")
    __ror__ = _reflected("logical_or")
    __xor__ = _binary("logical_xor")
    __rxor__ = _reflected("logical_xor")
    __lt__ = _binary("less")
    __le__ = _binary("less_equal")
    __gt__ = _binary("greater")
    __ge__ = _binary("greater_equal")
    __ne__ = _binary("not_equal")
    # `==` and hash stay those of objects, as in Keras: symbolic tensors are dictionary keys.

    def __getattr__(self, name):
        """Methods of `torch.Tensor` are recorded like torch functions: `x.mean(1)`, `x.permute(0,
        2, 1)`."""
        method = None if name.startswith("_") else getattr(torch.Tensor, name, None)
        if method is None or not callable(method):
            raise AttributeError(f"'KerasTensor' object has no attribute '{name}'")

        def bound(*args, **kwargs):
            return torch_function_operation[0](method)(self, *args, **kwargs)

        return bound

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return torch_function_operation[0](func)(*args, **(kwargs or {}))

    def __len__(self):
        if not self._shape or self._shape[0] is None:
            raise TypeError(f"A KerasTensor of shape {self._shape} has no known length.")
        return self._shape[0]

    def __array__(self):
        raise ValueError(_only_symbolic("converted to a NumPy array"))

    def __bool__(self):
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __float__(self):
        raise ValueError(_only_symbolic("converted to a float"))

    def __int__(self):
        raise ValueError(_only_symbolic("converted to an int"))

    def __iter__(self):
        raise NotImplementedError("Iterating over a symbolic KerasTensor is not supported.")

    def __repr__(self):
        return (
            f"<KerasTensor shape={self._shape}, dtype={self._dtype}, sparse={self._sparse}, "
            f"ragged={self._ragged}, name={self.name}>"
        )


def _only_symbolic(action: str) -> str:
    return (
        f"A KerasTensor is symbolic: it's a placeholder for a shape and a dtype and has no value, "
        f"so it cannot be {action}. "
        "A KerasTensor can be used as input to layers, operations of `ops` and torch functions; "
        "the values are there "
        "when the model made from it is called."
    )


def standardize_shape(shape) -> tuple[int | None, ...]:
    """A tuple of ints and None.

    Raises:
        ValueError: None, or an entry that is no size.
    """
    if shape is None:
        raise ValueError("Undefined shapes are not supported.")
    if isinstance(shape, int):
        shape = (shape,)
    if not hasattr(shape, "__iter__"):
        raise ValueError(f"Cannot convert '{shape}' to a shape.")
    shape = tuple(None if d is None else _dimension(d, shape) for d in shape)
    return shape


def _dimension(size, shape) -> int:
    if isinstance(size, (str, float)) or not hasattr(size, "__index__"):
        raise ValueError(
            f"Cannot convert '{tuple(shape)}' to a shape. Found invalid entry '{size}' of type "
            f"'{type(size)}'. "
        )
    if int(size) < 0:
        raise ValueError(
            f"Cannot convert '{tuple(shape)}' to a shape. Negative dimensions are not allowed."
        )
    return int(size)


def is_keras_tensor(x) -> bool:
    """Whether `x` is symbolic."""
    return isinstance(x, KerasTensor)


# Types whose values are not symbolic and hold nothing: most arguments end the search here.
PLAIN = frozenset((torch.Tensor, torch.dtype, int, float, bool, str, type(None)))
# Of those, the types of settings: no layer converts them.
CONSTANTS = PLAIN - {torch.Tensor}


def any_symbolic(*structures) -> bool:
    """Whether a `KerasTensor` is anywhere in nested tuples, lists and dicts."""
    for x in structures:
        if type(x) in PLAIN:
            continue
        if isinstance(x, KerasTensor):
            return True
        if isinstance(x, (tuple, list)):
            if any_symbolic(*x):
                return True
        elif isinstance(x, dict) and any_symbolic(*x.values()):
            return True
    return False


class _Live(threading.local):
    """Where symbolic tensors stand for values: `lookup` gives the value of one, None elsewhere."""

    lookup: Callable | None = None


live = _Live()


class KerasHistory:
    """Where a symbolic tensor comes from: the output `tensor_index` of node `node_index` of
    `operation`."""

    __slots__ = ("operation", "node_index", "tensor_index")

    def __init__(self, operation, node_index: int, tensor_index: int):
        self.operation = operation
        self.node_index = node_index
        self.tensor_index = tensor_index

    def __iter__(self):
        return iter((self.operation, self.node_index, self.tensor_index))

    def __getitem__(self, place):
        return tuple(self)[place]

    @property
    def layer(self):
        """The operation by its name in Keras 2."""
        return self.operation


class Node:
    """One symbolic call of an operation: its arguments and its outputs.

    `operation._inbound_nodes` lists the calls of the operation; the tensors remember the node in
    `_keras_history`.
    """

    def __init__(self, operation, call_args=(), call_kwargs=None, outputs=None):
        self.operation = operation
        self.args = tuple(call_args)
        self.kwargs = dict(call_kwargs or {})
        self.input_tensors = [
            x for x in tree.flatten((self.args, self.kwargs)) if isinstance(x, KerasTensor)
        ]
        self.outputs = outputs
        self.output_tensors = [x for x in tree.flatten(outputs) if x is not None]
        self.is_input = not self.input_tensors
        index = len(operation._inbound_nodes)
        for position, tensor in enumerate(self.output_tensors):
            tensor._keras_history = KerasHistory(operation, index, position)
        for tensor in self.input_tensors:
            # Without a history it stands for a shape and a dtype alone; no model goes through it.
            if tensor.__dict__.get("_keras_history") is not None:
                history(tensor).operation._outbound_nodes.append(self)
        operation._inbound_nodes.append(self)

    @property
    def parent_nodes(self) -> list["Node"]:
        """The nodes that made the inputs, each once."""
        nodes = {}
        for tensor in self.input_tensors:
            node = node_of(tensor)
            nodes[id(node)] = node
        return list(nodes.values())

    def __repr__(self):
        return f"<Node operation={self.operation.name}, inputs={self.input_tensors}>"


def history(tensor: KerasTensor) -> KerasHistory:
    """Where `tensor` comes from.

    Raises:
        ValueError: it is not the output of a recorded call.
    """
    found = tensor.__dict__.get("_keras_history")
    if found is None:
        raise ValueError(
            "A KerasTensor without history was used as input: it must come from `Input()` or from "
            "another operation. "
            f"Received: {tensor}"
        )
    return found


def node_of(tensor: KerasTensor) -> Node:
    operation, index, _ = history(tensor)
    return operation._inbound_nodes[index]


class _OnMeta(TorchFunctionMode):
    """Runs torch functions on the meta device, whatever tensors they are given: shapes and dtypes,
    no work.

    Tensors that exist (weights, constants) take part as copies on meta, so nothing that runs inside
    changes them.
    """

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if _meta.paused:
            return func(*args, **kwargs)
        if func in _device_constructors():
            made = func(*args, **{**kwargs, "device": "meta"})
            if func in _MAKERS_OF_SIZES and _may_be_sizes(made):
                made._sizes = func(*args, **{**kwargs, "device": "cpu"})
            return made
        args = tuple([_to_meta(a) for a in args])
        if kwargs:
            kwargs = {key: _to_meta(a) for key, a in kwargs.items()}
            if kwargs.get("device") is not None:
                kwargs["device"] = torch.device("meta")
        if getattr(func, "__name__", "") != "__get__" and _reckons_with_sizes(args, kwargs):
            return _reckoned(func, args, kwargs)
        return _remembered(func, args, kwargs)


# A few integers that a function makes of Python's are sizes as a rule, with which code reckons and
# then reshapes or tiles: `ops.concatenate([[batch], [1, 1]])`. They keep their values on meta.
_MAKERS_OF_SIZES = {torch.tensor, torch.as_tensor, torch.asarray}
MOST_SIZES = 8


def _may_be_sizes(x: torch.Tensor) -> bool:
    kind = type(x)
    return (
        kind is torch.Tensor
        and x.ndim < 2
        and x.numel() <= MOST_SIZES
        and not (x.is_floating_point() or x.is_complex())
    )


def _tensors_in(args: tuple, kwargs: dict[str, Any]) -> Iterator[torch.Tensor]:
    for x in (*args, *kwargs.values()):
        if isinstance(x, torch.Tensor):
            yield x
        elif type(x) in (list, tuple):
            yield from _tensors_in(tuple(x), {})


def _reckons_with_sizes(args: tuple, kwargs: dict[str, Any]) -> bool:
    found = False
    for x in _tensors_in(args, kwargs):
        if "_sizes" not in x.__dict__:
            return False
        found = True
    return found


def _reckoned(func: Callable, args: tuple, kwargs: dict[str, Any]):
    """What `func` makes of sizes, with its values."""

    def on_host(x):
        if isinstance(x, torch.Tensor):
            return x._sizes
        if isinstance(x, torch.device):
            return torch.device("cpu")
        return type(x)(map(on_host, x)) if type(x) in (list, tuple) else x

    host = {key: on_host(x) for key, x in kwargs.items()}
    result = func(*map(on_host, args), **host)
    if not isinstance(result, torch.Tensor):
        return result
    made = result.to("meta")
    if _may_be_sizes(made) and result.device.type == "cpu":
        made._sizes = result
    return made


def _to_meta(x):
    if isinstance(x, torch.Tensor):
        if x.device.type == "meta":
            return x
        with torch._C.DisableTorchFunction():
            made = x.detach().to("meta")
        if x.device.type == "cpu" and type(x) is torch.Tensor and _may_be_sizes(x):
            made._sizes = x
        return made
    if type(x) in (list, tuple):
        return type(x)([_to_meta(item) for item in x])
    return x


# What calls of torch functions on meta gave: (shape, strides, dtype) by function and arguments.
_known_results: dict[tuple, tuple] = {}
KNOWN_RESULTS_LIMIT = 4096


def _remembered(func: Callable, args: tuple, kwargs: dict[str, Any]):
    """`func(*args, **kwargs)` on meta, where many functions take half a millisecond: one that makes
    a new tensor is run once for each combination of shapes and dtypes."""
    key = _key_of_call(func, args, kwargs)
    known = None if key is None else _known_results.get(key)
    if known is not None:
        shape, strides, dtype = known
        return torch.empty_strided(shape, strides, dtype=dtype, device="meta")
    try:
        result = func(*args, **kwargs)
    except RuntimeError:
        _meta.clash = _known_batch_sizes((args, kwargs))
        raise
    if key is not None and type(result) is torch.Tensor and not any(a is result for a in args):
        if len(_known_results) >= KNOWN_RESULTS_LIMIT:
            _known_results.clear()
        _known_results[key] = tuple(result.shape), result.stride(), result.dtype
    return result


def _known_batch_sizes(arguments) -> tuple[int, ...]:
    shapes = [x.shape for x in tree.flatten(arguments) if isinstance(x, torch.Tensor) and x.dim()]
    return tuple({shape[0]: None for shape in shapes if shape[0] not in (1, *FILLS)})


def _key_of_call(func: Callable, args: tuple, kwargs: dict[str, Any]) -> tuple | None:
    """What the metadata of the result depends on; None for calls that must run each time."""
    name = getattr(func, "__name__", "_")
    # Functions in place and attributes; gradients, which need their graph; arguments of `vmap`.
    if name.endswith("_") or "out" in kwargs or torch.is_grad_enabled():
        return None
    try:
        key = (func, _key_of(args), _key_of(tuple(kwargs.items())), torch.get_default_dtype())
        hash(key)
    except TypeError:
        return None
    return key


def _key_of(x):
    """A hashable value that tells arguments apart.

    Raises:
        TypeError: a tensor that is more than its shape, strides and dtype.
    """
    kind = type(x)
    if kind is tuple or kind is list:
        return kind, *map(_key_of, x)
    if isinstance(x, torch.Tensor):
        if kind is not torch.Tensor or torch._C._functorch.is_functorch_wrapped_tensor(x):
            raise TypeError
        return tuple(x.shape), x.stride(), x.dtype
    return kind, x


class _MetaState(threading.local):
    active = False
    paused = False
    # First sizes of the tensors of the function that failed, without those that stand for None.
    clash: tuple[int, ...] = ()


_meta = _MetaState()


@contextlib.contextmanager
def on_meta() -> Iterator[None]:
    """Inside, torch computes shapes and dtypes only."""
    before = _meta.active, _meta.paused
    _meta.active, _meta.paused = True, False
    try:
        if before[0]:
            yield
        else:
            with _OnMeta(), torch.no_grad():
                yield
    finally:
        _meta.active, _meta.paused = before


@contextlib.contextmanager
def for_real() -> Iterator[None]:
    """Inside, torch computes as usual, also within `on_meta`: weights are made for real there."""
    before = _meta.paused
    _meta.paused = True
    try:
        yield
    finally:
        _meta.paused = before


def running_on_meta() -> bool:
    return _meta.active and not _meta.paused


def infer_spec(function: Callable, args: tuple, kwargs: dict[str, Any]):
    """What `function` returns for symbolic arguments, found by running it on meta tensors.

    A dimension that follows an unknown one is unknown: it is seen by running twice, with two sizes
        for None. A mask that
    an input carries is given along, and one that an output carries is on the result.
    """
    leaves = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
    unknown = any(None in x.shape for x in leaves)
    _meta.clash = ()
    try:
        runs = _runs_on_meta(function, args, kwargs, FILLS if unknown else FILLS[:1])
    except RuntimeError:
        runs = _runs_with_known_batch(function, args, kwargs, leaves)
        if runs is None:
            raise
    return tree.map_structure(lambda *outputs: _merged(outputs, masks=True), *runs)


def _runs_on_meta(function, args, kwargs, fills, batch: int | None = None) -> list:
    return [_run_on_meta(function, args, kwargs, fill, batch) for fill in fills]


def _runs_with_known_batch(function, args, kwargs, leaves: list[KerasTensor]) -> list | None:
    """The runs where an unknown batch size has to be one that it met in the function that failed:
    `Input((3,)) + ones((4, 3))`; None where it is something else that is wrong."""
    if not any(x.shape[:1] == (None,) for x in leaves):
        return None
    for batch in _meta.clash:
        try:
            return _runs_on_meta(function, args, kwargs, FILLS, batch)
        except RuntimeError:
            continue
    return None


def _run_on_meta(function, args, kwargs, fill, batch=None):
    def filled(x):
        shape = x.shape
        if batch is not None and shape[:1] == (None,):
            shape = (batch, *shape[1:])
        return meta_tensor(shape, x.dtype, fill)

    def concrete(x):
        if not isinstance(x, KerasTensor):
            return x
        tensor = filled(x)
        mask = x.__dict__.get("_keras_mask")
        if mask is not None:
            tensor._keras_mask = filled(mask)
        return tensor

    args, kwargs = tree.map_structure(concrete, (tuple(args), dict(kwargs)))
    with on_meta():
        return function(*args, **kwargs)


def shape_of(x) -> tuple[int | None, ...]:
    """The shape of a tensor; in a run on meta with an unknown batch size, with None for that."""
    shape = tuple(x.shape)
    return (None, *shape[1:]) if running_on_meta() and shape[:1] == FILLS[:1] else shape


def meta_tensor(shape, dtype: str, fill: int) -> torch.Tensor:
    shape = [fill if d is None else d for d in shape]
    if dtype == "string":
        dtype = "uint8"
    return torch.empty(shape, dtype=_dtypes.torch_dtype(dtype), device="meta")


def _merged(outputs: tuple, masks: bool):
    """The `KerasTensor` (or the plain value) that the outputs of all runs have in common."""
    first = outputs[0]
    if isinstance(first, np.ndarray):
        first = torch.as_tensor(first)
        outputs = tuple(torch.as_tensor(x) for x in outputs)
    if not isinstance(first, torch.Tensor):
        if any(x is not first and x != first for x in outputs):
            raise ValueError(
                "The result of a symbolic call depends on a size that is not known yet. "
                f"Received: {first!r} or {outputs[-1]!r}, by that size."
            )
        return first
    shapes = [tuple(x.shape) for x in outputs]
    shape = tuple(sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*shapes, strict=True))
    merged = KerasTensor(shape, _dtypes.standardize_dtype(first.dtype))
    found = [getattr(x, "_keras_mask", None) for x in outputs] if masks else [None]
    if all(mask is not None for mask in found):
        merged._keras_mask = _merged(tuple(found), masks=False)
    return merged
