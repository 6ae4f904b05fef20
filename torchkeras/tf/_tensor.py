"""The tensor that functions of `tf` return, and what they all have around them.

It is a `torch.Tensor` and goes into torch and Keras as it is. What it has of TensorFlow's: it
refuses item assignment, `.numpy()` works where gradients are recorded and on a GPU, its shape has
`as_list()`, its operators keep TensorFlow's dtypes, and it prints as TensorFlow's does.
"""

import functools
import sys
import warnings
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.compiler import is_dynamo_compiling
from torch.nn import Parameter

from torchkeras import _scopes, _variable
from torchkeras._op import TorchFunction
from torchkeras._symbolic import KerasTensor, any_symbolic
from torchkeras.tf.dtypes import DType, as_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = ["EagerTensor", "TFFunction", "TensorShape", "facade", "sealed"]


class TensorShape(tuple):
    """Sizes of axes, None for one that is not known; `TensorShape(None)` has an unknown rank.

    It is a tuple, so it also goes where torch wants sizes.
    """

    rank: int | None

    def __new__(cls, dims: Any = None) -> "TensorShape":
        if dims is None:
            shape = tuple.__new__(cls)
            shape.rank = None
            return shape
        sizes = dims.tolist() if isinstance(dims, Tensor) else dims
        sizes = (sizes,) if isinstance(sizes, int) else sizes
        shape = tuple.__new__(cls, (None if d is None or d == -1 else int(d) for d in sizes))
        shape.rank = len(shape)
        return shape

    @property
    def ndims(self) -> int | None:
        """The number of axes, None if unknown."""
        return self.rank

    @property
    def dims(self) -> list | None:
        """The sizes as a list, None if the rank is unknown."""
        return None if self.rank is None else list(self)

    def as_list(self) -> list[int | None]:
        """The sizes as a list.

        Raises:
            ValueError: the rank is unknown.
        """
        if self.rank is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self)

    def num_elements(self) -> int | None:
        """The product of the sizes, None if one is unknown."""
        return int(np.prod(self, dtype=np.int64)) if self.is_fully_defined() else None

    numel = num_elements

    def is_fully_defined(self) -> bool:
        """Whether the rank and all sizes are known."""
        return self.rank is not None and None not in self

    def is_compatible_with(self, other: Any) -> bool:
        """Whether there is a shape that both can stand for."""
        other = TensorShape(other)
        if None in (self.rank, other.rank):
            return True
        sizes = zip(self, other)
        return self.rank == other.rank and all(a == b for a, b in sizes if None not in (a, b))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raises `ValueError` where `is_compatible_with` is False."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def assert_has_rank(self, rank: int) -> None:
        """Raises `ValueError` where the shape has another number of axes."""
        if self.rank not in (None, rank):
            raise ValueError(f"Shape {self} must have rank {rank}")

    def assert_same_rank(self, other: Any) -> None:
        """Raises `ValueError` where the other shape has another number of axes."""
        other = TensorShape(other)
        if None not in (self.rank, other.rank) and self.rank != other.rank:
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def assert_is_fully_defined(self) -> None:
        """Raises `ValueError` where a size is not known."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def with_rank(self, rank: int) -> "TensorShape":
        """The shape, of so many axes.

        Raises:
            ValueError: it has another number.
        """
        return self.merge_with(TensorShape([None] * rank))

    def with_rank_at_least(self, rank: int) -> "TensorShape":
        """The shape; raises `ValueError` where it has fewer axes."""
        if self.rank is not None and self.rank < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> "TensorShape":
        """The shape; raises `ValueError` where it has more axes."""
        if self.rank is not None and self.rank > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def merge_with(self, other: Any) -> "TensorShape":
        """The sizes that are known of one or the other.

        Raises:
            ValueError: a size differs.
        """
        other = TensorShape(other)
        if None in (self.rank, other.rank):
            return self if other.rank is None else other
        self.assert_is_compatible_with(other)
        return TensorShape([a if b is None else b for a, b in zip(self, other)])

    def most_specific_compatible_shape(self, other: Any) -> "TensorShape":
        """The sizes that both agree on."""
        other = TensorShape(other)
        if None in (self.rank, other.rank) or self.rank != other.rank:
            return TensorShape(None)
        return TensorShape([a if a == b else None for a, b in zip(self, other)])

    def concatenate(self, other: Any) -> "TensorShape":
        """The sizes of both."""
        return TensorShape(tuple(self) + tuple(TensorShape(other)))

    def __add__(self, other) -> "TensorShape":
        return TensorShape(tuple(self) + tuple(other))

    def __radd__(self, other) -> "TensorShape":
        return TensorShape(tuple(other) + tuple(self))

    def __getitem__(self, key):
        found = tuple.__getitem__(self, key)
        return TensorShape(found) if isinstance(key, slice) else found

    def __eq__(self, other) -> bool:
        if isinstance(other, TensorShape) and None in (self.rank, other.rank):
            return self.rank is other.rank
        return tuple(self) == tuple(other) if isinstance(other, tuple | list) else False

    def __ne__(self, other) -> bool:
        return not self == other

    __hash__ = tuple.__hash__

    def __bool__(self) -> bool:
        return self.rank is not None

    def __str__(self) -> str:
        return "<unknown>" if self.rank is None else str(tuple(self))

    def __repr__(self) -> str:
        return f"TensorShape({None if self.rank is None else list(self)})"

    def __reduce__(self):
        return TensorShape, (self.dims,)


def known_shape(sizes) -> TensorShape:
    """The shape of a tensor that exists; quicker than `TensorShape(sizes)`."""
    shape = tuple.__new__(TensorShape, sizes)
    shape.rank = len(shape)
    return shape


def to_numpy(tensor: Tensor) -> Any:
    """A copy of the values on the host: an array, or NumPy's number for a tensor without axes."""
    data = tensor.detach()
    if data.dtype is torch.bfloat16:
        data = data.float()
    array = Tensor.numpy(data.resolve_conj().resolve_neg().to("cpu", copy=True))
    return array if array.ndim else array[()]


_SHAPE = Tensor.shape.__get__
DTYPE = Tensor.dtype.__get__
_INTEGERS = (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)
_WIDE_INTEGERS = (torch.int32, torch.int64)


def divided(x: Tensor, y: Any) -> Tensor:
    """`x / y`; 32 and 64 bit integers give float64, as in TensorFlow."""
    if isinstance(x, Tensor) and x.dtype in _WIDE_INTEGERS:
        x = x.double()
    elif isinstance(y, Tensor) and y.dtype in _WIDE_INTEGERS and not isinstance(x, Tensor):
        y = y.double()
    return torch.true_divide(x, y)


def floor_divided(x: Any, y: Any) -> Tensor:
    """`x // y`, which has no gradient."""
    x, y = (part.detach() if isinstance(part, Tensor) else part for part in (x, y))
    return torch.floor_divide(x, y)


_OPERANDS = (float, int, Tensor, complex, KerasTensor)


def _operand(self: Tensor, other: Any) -> Any:
    """What torch can compute with: numbers and tensors as they are, the rest in our dtype."""
    if isinstance(other, _OPERANDS):
        return other
    if hasattr(other, "is_composite"):
        return NotImplemented
    array = np.asarray(other)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"Cannot compute with {type(other).__name__}. Received: {other!r}")
    return torch.as_tensor(array, dtype=DTYPE(self), device=self.device)


def _operator(function: Callable, is_reflected: bool = False) -> Callable:
    if is_reflected:

        def method(self, other):
            other = _operand(self, other)
            if other is NotImplemented:
                return other
            if not isinstance(other, (Tensor, KerasTensor)):  # noqa: UP038
                other = torch.as_tensor(other, dtype=DTYPE(self), device=self.device)
            return sealed(function(other, self))

    else:

        def method(self, other):
            kind = type(other)
            if kind not in TENSORS and kind is not float and kind is not int:
                other = _operand(self, other)
                if other is NotImplemented:
                    return other
            return sealed(function(self, other))

    return method


def _comparison(function: Callable, without: bool) -> Callable:
    """`==` and `!=`, which know every object."""

    def method(self, other):
        try:
            other = _operand(self, other)
        except (TypeError, ValueError):
            return without
        return other if other is NotImplemented else sealed(function(self, other))

    return method


def _logical(function: Callable) -> Callable:
    def method(self, other):
        other = _operand(self, other)
        return other if other is NotImplemented else sealed(function(self, other))

    return method


def picked(x: Tensor, key: Any) -> Tensor:
    """`x[key]`, in which steps may be negative and indices lists or tensors."""
    keys = key if isinstance(key, tuple) else (key,)
    if any(isinstance(k, slice) for k in keys):
        keys, x = _forward(keys, x)
    elif not isinstance(key, tuple):
        return Tensor.__getitem__(x, _index(key))
    return Tensor.__getitem__(x, tuple(_index(k) for k in keys))


def _index(key: Any) -> Any:
    if isinstance(key, Tensor) and not key.ndim and key.dtype is not torch.bool:
        return int(key)
    if isinstance(key, slice):
        bounds = (key.start, key.stop, key.step)
        if any(isinstance(bound, Tensor) for bound in bounds):
            return slice(*(int(bound) if isinstance(bound, Tensor) else bound for bound in bounds))
    return key


def _forward(keys: tuple, x: Tensor) -> tuple[tuple, Tensor]:
    """The index with slices of positive steps only, and the tensor with those axes flipped."""
    axis, turned, result = 0, [], []
    used = sum(k is not None and k is not Ellipsis for k in keys)
    for key in keys:
        if key is Ellipsis:
            axis += x.dim() - used
        elif key is not None:
            if isinstance(key, slice) and key.step is not None and int(key.step) < 0:
                turned.append(axis)
                size = _SHAPE(x)[axis]
                taken = range(*_index(key).indices(size))
                key = slice(0)
                if taken:
                    key = slice(size - 1 - taken[0], size - taken[-1], -taken.step)
            axis += 1
        result.append(key)
    return tuple(result), torch.flip(x, turned) if turned else x


def is_library(frame: FrameType) -> bool:
    """Whether code of torchkeras, torch or an installed package is running in a frame."""
    return belongs_to_library(frame.f_globals, frame.f_code)


def belongs_to_library(module: dict, code: CodeType) -> bool:
    """Whether code of a module, given by its names, is a library's; else it is the script's."""
    name = module.get("__name__", "")
    return (
        name.startswith(_LIBRARIES)
        or name in ("torch", "torchkeras")
        or "-packages" in code.co_filename
    )


_LIBRARIES = ("torch.", "torchkeras.")


class EagerTensor(Tensor):
    """A tensor as TensorFlow shows it. torch's functions take it and give plain tensors."""

    __torch_function__ = torch._C._disabled_torch_function_impl
    __hash__ = Tensor.__hash__
    __array_priority__ = 1000

    @property
    def shape(self) -> TensorShape:
        return known_shape(_SHAPE(self))

    @property
    def dtype(self) -> DType:
        """The dtype. Libraries see torch's own, as torch's functions take no other; it is also
        `tensor.dtype.torch`."""
        dtype = DTYPE(self)
        return dtype if is_library(sys._getframe(1)) else as_dtype(dtype)

    def get_shape(self) -> TensorShape:
        """The shape."""
        return known_shape(_SHAPE(self))

    def set_shape(self, shape: Any) -> None:
        """Checks the shape; it is known already.

        Raises:
            ValueError: the tensor has another shape.
        """
        if not self.shape.is_compatible_with(shape):
            raise ValueError(
                f"Tensor's shape {self.shape} is not compatible with supplied shape {shape}"
            )

    def numpy(self) -> Any:
        """A copy of the values as a NumPy array, or number, on the host."""
        return to_numpy(self)

    def ref(self) -> "Reference":
        """Something hashable that stands for this tensor: `deref()` gives it back."""
        return Reference(self)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        array = np.asarray(to_numpy(self))
        return array if dtype is None else array.astype(dtype)

    def __array_function__(self, function, types, args, kwargs) -> Any:
        """NumPy's functions take tensors as arrays and give arrays, as with TensorFlow's."""
        return function(*_arrays(args), **{key: _arrays(value) for key, value in kwargs.items()})

    def __setitem__(self, key, value):
        raise TypeError("'EagerTensor' object does not support item assignment")

    def __delitem__(self, key):
        raise TypeError("'EagerTensor' object does not support item deletion")

    def __getitem__(self, key):
        return sealed(picked(self, key))

    def __iter__(self):
        if not self.dim():
            raise TypeError("Cannot iterate over a scalar tensor.")
        return iter([sealed(part) for part in torch.unbind(self)])

    def __reversed__(self):
        return reversed(list(self))

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype not in _INTEGERS:
            raise TypeError(
                f"only integer scalar tensors can be an index. Received: dtype={self.dtype}"
            )
        return int(self.item())

    def __bool__(self) -> bool:
        if self.numel() != 1:
            raise ValueError(
                "The truth value of an array with more than one element is ambiguous. "
                f"Received: a tensor of shape {self.shape}"
            )
        return bool(self.item())

    def __round__(self, digits=None):
        return sealed(torch.round(self, decimals=digits or 0))

    def __neg__(self):
        return sealed(torch.neg(self))

    def __abs__(self):
        return sealed(torch.abs(self))

    def __invert__(self):
        return sealed(torch.bitwise_not(self))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return sealed(self.detach().clone())

    def __format__(self, spec) -> str:
        return format(to_numpy(self), spec)

    def __str__(self) -> str:
        values = np.array2string(np.asarray(self)) if self.dim() else str(to_numpy(self))
        line = "\n" if self.dim() > 1 else ""
        return f"tf.Tensor({line}{values}, shape={self.shape}, dtype={_name(self)})"

    def __repr__(self) -> str:
        values = repr(np.asarray(self)) if self.dim() else str(to_numpy(self))
        line = "\n" if "\n" in values else ""
        return f"<tf.Tensor: shape={self.shape}, dtype={_name(self)}, numpy={line}{values}>"

    __eq__ = _comparison(torch.eq, False)
    __ne__ = _comparison(torch.ne, True)
    __lt__ = _operator(torch.lt)
    __le__ = _operator(torch.le)
    __gt__ = _operator(torch.gt)
    __ge__ = _operator(torch.ge)
    __add__ = _operator(torch.add)
    __radd__ = _operator(torch.add, is_reflected=True)
    __sub__ = _operator(torch.sub)
    __rsub__ = _operator(torch.sub, is_reflected=True)
    __mul__ = _operator(torch.mul)
    __rmul__ = _operator(torch.mul, is_reflected=True)
    __truediv__ = _operator(divided)
    __rtruediv__ = _operator(divided, is_reflected=True)
    __floordiv__ = _operator(floor_divided)
    __rfloordiv__ = _operator(floor_divided, is_reflected=True)
    __mod__ = _operator(torch.remainder)
    __rmod__ = _operator(torch.remainder, is_reflected=True)
    __pow__ = _operator(torch.pow)
    __rpow__ = _operator(torch.pow, is_reflected=True)
    __matmul__ = _operator(torch.matmul)
    __rmatmul__ = _operator(torch.matmul, is_reflected=True)
    __and__ = __rand__ = _logical(torch.bitwise_and)
    __or__ = __ror__ = _logical(torch.bitwise_or)
    __xor__ = __rxor__ = _logical(torch.bitwise_xor)
    __iadd__ = __add__
    __isub__ = __sub__
    __imul__ = __mul__
    __itruediv__ = __truediv__
    __ifloordiv__ = __floordiv__
    __ipow__ = __pow__


def _arrays(structure: Any) -> Any:
    """The structure with arrays in place of tensors."""
    if isinstance(structure, Tensor):
        return np.asarray(structure)
    if type(structure) in (list, tuple):
        return type(structure)([_arrays(part) for part in structure])
    return structure


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


class Reference:
    """Stands for a tensor or variable where something hashable is needed."""

    def __init__(self, target: Tensor):
        self._target = target

    def deref(self) -> Tensor:
        """The tensor or variable."""
        return self._target

    def __eq__(self, other) -> bool:
        return isinstance(other, Reference) and self._target is other._target

    def __hash__(self) -> int:
        return id(self._target)


def sealed(result: Any) -> Any:
    """What torch gave, with the face of `tf`: the tensor itself, or those in a list or tuple."""
    if type(result) is not Tensor:
        return _sealed_parts(result)
    if is_dynamo_compiling():
        return result
    if result.requires_grad and not _scopes.recordings.depth and _starts_here(result):
        result = result.detach()
    base = result._base
    if base is not None and issubclass(type(base), Parameter):
        result = torch.clone(result)  # not a view of what may be assigned to
    # The object stays the same, with its place in the graph; a copy or view would cost more.
    result.__class__ = EagerTensor
    return result


def _sealed_parts(result: Any) -> Any:
    kind = type(result)
    if kind is list or kind is tuple:
        return kind(sealed(part) for part in result)
    if isinstance(result, tuple) and hasattr(result, "_fields"):
        return kind(*(sealed(part) for part in result))
    if kind is dict:
        return {key: sealed(part) for key, part in result.items()}
    return result


def _starts_here(result: Tensor) -> bool:
    """Whether what `result` comes from is variables of `tf` alone, and no layer is at work.

    Such a result is not recorded outside of a tape. A graph of torch's or Keras's is carried on.
    """
    context = _scopes.call_context
    if context.depth or context.training or result.grad_fn is None:
        return False
    nodes, seen = [result.grad_fn], set()
    while nodes:
        node = nodes.pop()
        leaf = getattr(node, "variable", None)
        if leaf is not None and not getattr(leaf, "is_of_tf", False):
            return False
        for following, _ in node.next_functions:
            if following is not None and following not in seen:
                seen.add(following)
                nodes.append(following)
    return True


class TFFunction(TorchFunction):
    """A function of `tf` as an operation: what `tf.reduce_sum(x)` becomes where `x` is symbolic."""

    def __init__(self, function, name=None):
        if isinstance(function, str):
            function = functions[function]
        super().__init__(function, name)

    def get_config(self):
        return {"name": self.name, "function": self.function.path}


# "tf.math.top_k" -> the function: how a saved graph finds it.
functions: dict[str, Callable] = {}
# What functions, by path, do with arguments of a type that is no tensor of torch's.
rules: dict[type, dict[str, Callable]] = {}


# Types of tensors that exist, to which the file of variables adds its own.
TENSORS = {EagerTensor, Tensor, _variable.Variable}

# Types of arguments that are not symbolic, and no nest of such.
_CONCRETE = {int, float, str, bool, np.ndarray, type(None)}


def facade(
    function: Callable,
    path: str | None = None,
    on_tensors: Callable | None = None,
    count: int = 1,
) -> Callable:
    """The function of `tf` made of one on torch: results are sealed, symbolic calls recorded.

    Args:
        path: "tf.math.square"; made of the function's module and name where None.
        on_tensors: does the same for `count` tensors and no other argument, sooner.
    """
    if path is None:
        module = function.__module__.removeprefix("torchkeras.").split("._")[0]
        path = f"{module}.{function.__name__}"
    call = _for_all(function, path)
    if on_tensors is not None:
        call = _for_tensors(on_tensors, count, function.__name__, call)
    call = functools.wraps(function)(call)
    call.path = path
    functions[path] = call
    return call


def _for_all(function: Callable, path: str) -> Callable:
    """The call with any arguments."""

    def call(*args, **kwargs):
        for argument in (*args, *kwargs.values()):
            kind = type(argument)
            if kind in TENSORS or kind in _CONCRETE:
                continue
            if any_symbolic(argument):
                return TFFunction(functions[path])(*args, **kwargs)
            rule = rules[kind][path] if kind in rules else None
            if rule is not None:
                return sealed(rule(*args, **kwargs))
        try:
            return sealed(function(*args, **kwargs))
        except RuntimeError as error:
            if type(error) is not RuntimeError:
                raise
            raise InvalidArgumentError(f"{function.__name__}: {error}") from error

    return call


def _for_tensors(on_tensors: Callable, count: int, name: str, otherwise: Callable) -> Callable:
    """The call that looks for tensors alone first."""

    def call(*args, **kwargs):
        if kwargs or len(args) != count:
            return otherwise(*args, **kwargs)
        for argument in args:
            if type(argument) not in TENSORS:
                return otherwise(*args)
        try:
            return sealed(on_tensors(*args))
        except RuntimeError as error:
            if type(error) is not RuntimeError:
                raise
            raise InvalidArgumentError(f"{name}: {error}") from error

    return call


# What a layer, a loss or torch itself gives is a plain tensor. A script of TensorFlow's asks it
# for `.numpy()` as well: with `tf` in use, torch's own switch for that, `force=True`, is on.
_torch_numpy = Tensor.numpy


def _numpy(self, *, force: bool = True) -> np.ndarray:
    return _torch_numpy(self, force=force)


functools.update_wrapper(_numpy, _torch_numpy)
Tensor.numpy = _numpy

_UFUNCS = {
    np.add: torch.add,
    np.subtract: torch.sub,
    np.multiply: torch.mul,
    np.true_divide: divided,
    np.floor_divide: floor_divided,
    np.remainder: torch.remainder,
    np.power: torch.pow,
    np.matmul: torch.matmul,
    np.equal: torch.eq,
    np.not_equal: torch.ne,
    np.less: torch.lt,
    np.less_equal: torch.le,
    np.greater: torch.gt,
    np.greater_equal: torch.ge,
}


def _array_ufunc(self, ufunc, method, *inputs, **kwargs):
    """NumPy's function of tensors and arrays; of an operator, torch's, so that gradients pass."""
    function = _UFUNCS.get(ufunc)
    if function is not None and method == "__call__" and not kwargs:
        one, other = (x if isinstance(x, Tensor) else _as_operand(self, x) for x in inputs)
        return sealed(function(one, other))
    arrays = [np.asarray(x) if isinstance(x, Tensor) else x for x in inputs]
    result = getattr(ufunc, method)(*arrays, **kwargs)
    # As before for torch's own tensors, which get a tensor back.
    plain = not any(isinstance(x, EagerTensor) for x in inputs) and isinstance(result, np.ndarray)
    return torch.from_numpy(result) if plain and "out" not in kwargs else result


def _as_operand(tensor: Tensor, array: Any) -> Tensor:
    dtype = tensor.dtype if tensor.is_floating_point() else None
    return torch.as_tensor(np.asarray(array), dtype=dtype, device=tensor.device)


# `model(x) - array`: torch leaves this to NumPy, which would lose the gradients.
Tensor.__array_ufunc__ = _array_ufunc
warnings.filterwarnings("ignore", "Converting a tensor with requires_grad=True to a scalar")
