"""`Variable`: a `torch.nn.Parameter` with Keras's face."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchkeras import _dtypes, _naming, _scopes, config

__all__ = ["Variable"]

AGGREGATIONS = (None, "none", "mean", "sum", "only_first_replica")
SYNCHRONIZATIONS = (None, "none", "auto", "on_read", "on_write")


class Revision:
    """Counts the changes of what is trained and how: who keeps a list of weights sees here whether
    it still holds."""

    count = 0


revision = Revision()


class Variable(nn.Parameter):
    """A named tensor that a model keeps, trainable or not.

    It is the torch tensor itself: every torch function takes it, results are plain tensors, and
        `trainable` follows
    into `requires_grad` for floating dtypes.

    Args:
        initializer: a value, or a callable `(shape, dtype=...)` that makes one; then `shape` is
            needed.
        shape: shape of the value; None where `initializer` is one.
        dtype: name or torch dtype; None: that of the value, `floatx()` for a callable.
        autocast: whether a layer's mixed precision may cast a floating value on use.

    Raises:
        ValueError: a callable without `shape`, or an unknown aggregation or synchronization.
    """

    __torch_function__ = torch._C._disabled_torch_function_impl

    def __new__(cls, initializer=None, shape=None, dtype=None, trainable=True, *args, **kwargs):
        # Also one made in `predict` is trained later.
        with torch.inference_mode(False):
            data = _initial_value(initializer, shape, dtype)
        return Tensor._make_subclass(cls, data, bool(trainable) and _can_require_grad(data))

    def __init__(
        self,
        initializer,
        shape=None,
        dtype=None,
        trainable=True,
        autocast=True,
        aggregation="none",
        synchronization="auto",
        name=None,
        layout=None,
        **kwargs,
    ):
        if kwargs:
            raise TypeError(
                f"Variable() got unexpected keyword arguments. Received: {sorted(kwargs)}"
            )
        if name is not None and (not isinstance(name, str) or "/" in name):
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f"Invalid value for argument `aggregation`. Expected one of {AGGREGATIONS}. "
                f"Received: aggregation={aggregation}"
            )
        if synchronization not in SYNCHRONIZATIONS:
            raise ValueError(
                f"Invalid value for argument `synchronization`. Expected one of "
                f"{SYNCHRONIZATIONS}. "
                f"Received: synchronization={synchronization}"
            )
        self._name = name or _naming.auto_name("variable")
        parent = _naming.current_path()
        self._path = f"{parent}/{self._name}" if parent else self._name
        self._trainable = bool(trainable)
        self.autocast = bool(autocast)
        self.aggregation = aggregation or "none"
        self.synchronization = synchronization or "none"
        self._layout = layout
        self.regularizer = None
        self.constraint = None
        self.overwrite_with_gradient = False
        revision.count += 1

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value):
        self._name = value

    @property
    def path(self) -> str:
        """Slash-separated name, unique in a model: `"sequential/dense/kernel"`."""
        return self._path

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        self._trainable = bool(value)
        self.requires_grad_(self._trainable and _can_require_grad(self))
        revision.count += 1

    @property
    def value(self) -> Tensor:
        """The tensor: the variable itself, or what a `StatelessScope` maps it to."""
        scope = _scopes.stateless_scope()
        mapped = None if scope is None else scope.get_current_value(self)
        return self if mapped is None else mapped

    @property
    def constraint(self):
        """A callable that projects the value after each optimizer step, or None."""
        return self.__dict__.get("_constraint")

    @constraint.setter
    def constraint(self, value):
        self._constraint = _checked_callable("constraint", value)

    @property
    def regularizer(self):
        """A callable that gives a penalty to add to the loss, or None."""
        return self.__dict__.get("_regularizer")

    @regularizer.setter
    def regularizer(self, value):
        self._regularizer = _checked_callable("regularizer", value)
        revision.count += 1

    def assign(self, value) -> Tensor:
        """Sets the value in place; dtype and device stay.

        Raises:
            ValueError: `value` has another shape.
        """
        if isinstance(value, np.ndarray) and value.dtype.kind == "V":
            value = value.astype(np.float32)  # bfloat16 and float8, which torch does not take
        value = torch.as_tensor(value, dtype=self.dtype, device=self.device)
        if value.shape != self.shape:
            raise ValueError(
                "The shape of the target variable and the shape of the target value in "
                f"`variable.assign(value)` must match. Received: "
                f"variable.shape={tuple(self.shape)}, "
                f"value.shape={tuple(value.shape)}. Target variable: {self.path}"
            )
        scope = _scopes.stateless_scope()
        if scope is not None and not self.__dict__.get("_stands_in"):
            scope.add_update((self, value))
            return value
        with torch.no_grad():
            rows = self.movedim(-1, 0) if self.dim() > 1 and self.stride(-1) != 1 else None
            if rows is not None and rows.is_contiguous():
                # A transposition: torch does it in blocks only as one of matrices.
                rows.view(len(rows), -1).copy_(value.reshape(-1, len(rows)).T)
            else:
                self.copy_(value)
        return self

    def assign_add(self, value) -> Tensor:
        with torch.no_grad():
            return self.assign(self.value + self._operand(value))

    def assign_sub(self, value) -> Tensor:
        with torch.no_grad():
            return self.assign(self.value - self._operand(value))

    def _operand(self, value):
        """What torch adds: also arrays and lists."""
        is_plain = isinstance(value, (Tensor, int, float))
        return value if is_plain else torch.as_tensor(value, device=self.device)

    def with_data(self, data: Tensor) -> "Variable":
        """A variable with this one's name and marks, and other data."""
        return _rebuild(type(self), data.detach(), self.requires_grad, dict(self.__dict__))

    def numpy(self) -> np.ndarray:
        """A copy of the value as a NumPy array on the host; bfloat16 becomes float32."""
        data = self.value.detach()
        dtype = torch.float32 if data.dtype is torch.bfloat16 else data.dtype
        return data.to("cpu", dtype, copy=True).numpy()

    def __array__(self, dtype=None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype)

    def __getitem__(self, idx) -> Tensor:
        return Tensor.__getitem__(self.value, idx)

    def __pow__(self, other) -> Tensor:
        return torch.pow(self.value, other)

    def __round__(self, ndigits=None):
        return torch.round(self.value, decimals=ndigits or 0)

    # `v += x` gives a tensor, as `v + x` does: variables change by `assign` only.
    __iadd__ = Tensor.__add__
    __isub__ = Tensor.__sub__
    __imul__ = Tensor.__mul__
    __itruediv__ = Tensor.__truediv__

    def __repr__(self):
        return (
            f"<Variable path={self.path}, shape={tuple(self.shape)}, "
            f"dtype={_dtypes.standardize_dtype(self.dtype)}, value={self.detach()}>"
        )

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            data = self.detach().clone(memory_format=torch.preserve_format)
            memo[id(self)] = _rebuild(type(self), data, self.requires_grad, dict(self.__dict__))
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        # `detach` of a Variable is a plain tensor on the same storage, so strides and sharing
        # survive pickling.
        return _rebuild, (type(self), self.detach(), self.requires_grad, dict(self.__dict__))


def _rebuild(cls, data: Tensor, requires_grad: bool, state: dict[str, Any]) -> Variable:
    variable = Tensor._make_subclass(cls, data, requires_grad)
    variable.__dict__.update(state)
    return variable


def _can_require_grad(data: Tensor) -> bool:
    return data.is_floating_point() or data.is_complex()


def _checked_callable(kind: str, value):
    if value is not None and not callable(value):
        raise ValueError(
            f"Invalid value for attribute `{kind}`: expected a callable. Received: {value!r}"
        )
    return value


def _initial_value(initializer, shape: Sequence[int] | int | None, dtype) -> Tensor:
    """The first value, in memory of its own."""
    if callable(initializer) and not isinstance(initializer, Tensor):
        if shape is None:
            raise ValueError(
                "When creating a Variable from an initializer, the `shape` argument should be "
                "specified. "
                f"Received: initializer={initializer} and shape={shape}"
            )
        shape = (shape,) if isinstance(shape, int) else tuple(shape)
        value = initializer(shape, dtype=_dtypes.standardize_dtype(dtype))
        return _as_tensor(value, _dtypes.torch_dtype(dtype)).detach()
    value = _as_tensor(initializer, None if dtype is None else _dtypes.torch_dtype(dtype)).detach()
    if shape is not None and tuple(value.shape) != tuple(shape):
        value = value.expand(tuple(shape)) if value.ndim == 0 else value.reshape(tuple(shape))
    return value.clone(memory_format=torch.preserve_format)


def _as_tensor(value, dtype: torch.dtype | None) -> Tensor:
    if isinstance(value, Tensor):
        return value.to(device=_home(value), dtype=dtype or value.dtype)
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype == np.float64):
        dtype = dtype or _dtypes.torch_dtype(None)
    elif isinstance(value, int) and not isinstance(value, bool):
        dtype = dtype or torch.int32
    return torch.as_tensor(value, dtype=dtype, device=config.default_device())


def _home(value: Tensor) -> torch.device:
    return value.device if value.device.type != "cpu" else config.default_device()


def stand_in(variable: Variable, value) -> Variable:
    """A variable with the name of another and a copy of `value`, for a call that must not change
    the other."""
    value = torch.as_tensor(value, dtype=variable.dtype, device=variable.device)
    copied = value.detach().clone(memory_format=torch.preserve_format)
    return _rebuild(type(variable), copied, False, {**variable.__dict__, "_stands_in": True})


def adopted(tensor: Tensor, name: str) -> Variable:
    """`tensor`, made a `Variable` in place: the same object, so that the torch module it belongs to
    keeps it."""
    if isinstance(tensor, Variable):
        return tensor
    trainable = tensor.requires_grad
    tensor.__class__ = Variable
    tensor._name = name
    tensor._path = name
    tensor._trainable = trainable
    tensor.autocast = True
    tensor.aggregation = tensor.synchronization = "none"
    tensor._layout = None
    tensor.overwrite_with_gradient = False
    return tensor
