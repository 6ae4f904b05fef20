"""`tf.Variable`: a torchkeras variable with TensorFlow's arguments, operators and slices."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _scopes, _variable
from torchkeras.tf._convert import as_shape, as_tensor
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import (
    DTYPE,
    TENSORS,
    EagerTensor,
    Reference,
    TensorShape,
    picked,
    sealed,
)
from torchkeras.tf.dtypes import DType, as_dtype

__all__ = ["IndexedSlices", "Variable"]


class Variable(_variable.Variable):
    """A torchkeras `Variable` made with TensorFlow's arguments.

    `initial_value` is a value, or a callable without arguments that gives one; the dtype is the
    value's own, so `tf.Variable(1)` is int32. What its operators give are tensors of `tf`, which
    are recorded for gradients in a `tf.GradientTape`, in a layer and in training only.
    """

    is_of_tf = True

    def __new__(
        cls, initial_value=None, trainable=None, *args, dtype=None, shape=None, **kwargs
    ) -> "Variable":
        if initial_value is None:
            raise ValueError("The argument 'initial_value' must not be None. Received: None")
        if callable(initial_value) and not isinstance(initial_value, Tensor):
            initial_value = initial_value()
        value = as_tensor(initial_value, dtype)
        if isinstance(value, StringTensor):
            raise TypeError(
                "A variable holds numbers; keep text in tensors or Python lists. "
                f"Received: initial_value={initial_value!r}"
            )
        if shape is not None:
            TensorShape(shape).assert_is_compatible_with(value.shape)
        return super().__new__(cls, value.detach(), trainable=trainable is not False)

    def __init__(
        self,
        initial_value=None,
        trainable=None,
        validate_shape=True,
        caching_device=None,
        name=None,
        variable_def=None,
        dtype=None,
        import_scope=None,
        constraint=None,
        synchronization="auto",
        aggregation="none",
        shape=None,
    ):
        super().__init__(
            None,
            trainable=trainable is not False,
            name=name,
            synchronization=_lower(synchronization),
            aggregation=_lower(aggregation),
        )
        self.constraint = constraint

    @property
    def shape(self) -> TensorShape:
        """The shape."""
        return TensorShape(tuple(self.size()))

    dtype = EagerTensor.dtype

    def get_shape(self) -> TensorShape:
        """The shape."""
        return self.shape

    def assign(self, value, use_locking=False, name=None, read_value=True) -> "Variable":
        """Sets the value in place; dtype and device stay.

        Raises:
            ValueError: `value` has another shape.
        """
        return super().assign(_plain(value))

    def assign_add(self, delta, use_locking=False, name=None, read_value=True) -> "Variable":
        """Adds `delta` in place."""
        return self._changed(delta, 1)

    def assign_sub(self, delta, use_locking=False, name=None, read_value=True) -> "Variable":
        """Subtracts `delta` in place."""
        return self._changed(delta, -1)

    def _changed(self, delta: Any, sign: int) -> "Variable":
        if _scopes.stateless_scope() is not None:
            return super().assign(self.value + sign * torch.as_tensor(_plain(delta)))
        if type(delta) is not EagerTensor or DTYPE(delta) is not DTYPE(self):
            delta = torch.as_tensor(_plain(delta), dtype=self.dtype, device=self.device)
        if delta.size() != self.size() and delta.dim():
            raise ValueError(
                f"Shapes must be equal. Received: variable.shape={self.shape}, "
                f"delta.shape={tuple(delta.size())}"
            )
        # As in `torch.no_grad()`, which takes longer than the addition.
        before = torch.is_grad_enabled()
        torch._C._set_grad_enabled(False)
        try:
            self.add_(delta, alpha=sign)
        finally:
            torch._C._set_grad_enabled(before)
        return self

    def scatter_nd_update(self, indices, updates, name=None) -> "Variable":
        """Sets the slices at `indices`, (n, number of leading axes), to `updates`."""
        self.detach()[_places(indices)] = _updates(self, updates)
        return self

    def scatter_nd_add(self, indices, updates, name=None) -> "Variable":
        """Adds `updates` to the slices at `indices`; those that come twice count twice."""
        self.detach().index_put_(_places(indices), _updates(self, updates), accumulate=True)
        return self

    def scatter_nd_sub(self, indices, updates, name=None) -> "Variable":
        """Subtracts `updates` from the slices at `indices`."""
        return self.scatter_nd_add(indices, -as_tensor(updates))

    def scatter_update(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Sets the rows that `tf.IndexedSlices` names."""
        return self.scatter_nd_update(sparse_delta.indices[:, None], sparse_delta.values)

    def scatter_add(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Adds to the rows that `tf.IndexedSlices` names."""
        return self.scatter_nd_add(sparse_delta.indices[:, None], sparse_delta.values)

    def scatter_sub(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Subtracts from the rows that `tf.IndexedSlices` names."""
        return self.scatter_nd_sub(sparse_delta.indices[:, None], sparse_delta.values)

    def scatter_mul(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Multiplies the rows that `tf.IndexedSlices` names."""
        return self._combined(sparse_delta, "prod")

    def scatter_div(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Divides the rows that `tf.IndexedSlices` names."""
        inverse = IndexedSlices(1 / sparse_delta.values, sparse_delta.indices)
        return self._combined(inverse, "prod")

    def scatter_max(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Raises the rows that `tf.IndexedSlices` names to its values where these are larger."""
        return self._combined(sparse_delta, "amax")

    def scatter_min(self, sparse_delta, use_locking=False, name=None) -> "Variable":
        """Lowers the rows that `tf.IndexedSlices` names to its values where these are smaller."""
        return self._combined(sparse_delta, "amin")

    def _combined(self, delta: "IndexedSlices", how: str) -> "Variable":
        rows = delta.indices.long().reshape(-1, *[1] * (self.dim() - 1))
        values = _updates(self, delta.values)
        self.detach().scatter_reduce_(0, rows.expand(values.shape), values, how)
        return self

    def gather_nd(self, indices, name=None) -> EagerTensor:
        """The elements or slices at coordinates, which are the last axis of `indices`."""
        return sealed(self.value[_places(indices)].clone())

    def sparse_read(self, indices, name=None) -> EagerTensor:
        """The rows at `indices`."""
        return sealed(self.value[as_tensor(indices).long()].clone())

    def set_shape(self, shape) -> None:
        """Checks the shape; it is known already.

        Raises:
            ValueError: the variable has another shape.
        """
        self.shape.assert_is_compatible_with(shape)

    def is_initialized(self, name=None) -> EagerTensor:
        """True."""
        return sealed(torch.tensor(True))

    def read_value(self) -> EagerTensor:
        """The value now, in memory of its own."""
        return sealed(torch.clone(self.value))

    def ref(self) -> Reference:
        """Something hashable that stands for this variable."""
        return Reference(self)

    def numpy(self) -> Any:
        """A copy of the value as a NumPy array, or number, on the host."""
        array = super().numpy()
        return array if array.ndim else array[()]

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        array = np.asarray(super().numpy())
        return array if dtype is None else array.astype(dtype)

    def __getitem__(self, idx) -> "VariableSlice":
        # A copy: what is assigned later must not change what was read before.
        part = sealed(torch.clone(picked(self.value, idx)))
        part.__class__ = VariableSlice
        part._place = self, idx
        return part

    def __iter__(self):
        return iter([self[i] for i in range(len(self))])

    def __repr__(self) -> str:
        name = str(self.dtype).removeprefix("torch.")
        shown = repr(np.asarray(self)) if self.dim() else str(self.numpy())
        line = "\n" if "\n" in shown else ""
        return f"<tf.Variable {self.name!r} shape={self.shape} dtype={name}, numpy={line}{shown}>"

    __str__ = __repr__

    def __format__(self, spec) -> str:
        return format(self.numpy(), spec) if spec else str(self)

    __hash__ = _variable.Variable.__hash__
    __array_function__ = EagerTensor.__array_function__
    __array_priority__ = 1000
    __float__ = EagerTensor.__float__
    __int__ = EagerTensor.__int__
    __neg__ = EagerTensor.__neg__
    __abs__ = EagerTensor.__abs__
    __eq__ = EagerTensor.__eq__
    __ne__ = EagerTensor.__ne__
    __lt__ = EagerTensor.__lt__
    __le__ = EagerTensor.__le__
    __gt__ = EagerTensor.__gt__
    __ge__ = EagerTensor.__ge__
    __add__ = __iadd__ = EagerTensor.__add__
    __radd__ = EagerTensor.__radd__
    __sub__ = __isub__ = EagerTensor.__sub__
    __rsub__ = EagerTensor.__rsub__
    __mul__ = __imul__ = EagerTensor.__mul__
    __rmul__ = EagerTensor.__rmul__
    __truediv__ = __itruediv__ = EagerTensor.__truediv__
    __rtruediv__ = EagerTensor.__rtruediv__
    __floordiv__ = EagerTensor.__floordiv__
    __mod__ = EagerTensor.__mod__
    __pow__ = __ipow__ = EagerTensor.__pow__
    __rpow__ = EagerTensor.__rpow__
    __matmul__ = EagerTensor.__matmul__
    __rmatmul__ = EagerTensor.__rmatmul__


TENSORS.add(Variable)


class VariableSlice(EagerTensor):
    """A part of a variable: a tensor, and a place that can be assigned to."""

    def assign(self, value, name=None) -> Variable:
        """Sets this part of the variable."""
        variable, key = self._place
        variable.detach()[key] = torch.as_tensor(_plain(value)).to(variable.device, variable.dtype)
        return variable

    def assign_add(self, delta, name=None) -> Variable:
        """Adds to this part of the variable."""
        return self.assign(self.detach() + torch.as_tensor(_plain(delta)))

    def assign_sub(self, delta, name=None) -> Variable:
        """Subtracts from this part of the variable."""
        return self.assign(self.detach() - torch.as_tensor(_plain(delta)))


class IndexedSlices:
    """Rows of a tensor and where they belong: `values[i]` is row `indices[i]`."""

    def __init__(self, values, indices, dense_shape=None):
        self.values = sealed(as_tensor(values))
        self.indices = sealed(as_tensor(indices))
        self.dense_shape = dense_shape

    @property
    def dtype(self) -> DType:
        """The dtype of the values."""
        return as_dtype(self.values.dtype)

    def dense(self) -> Tensor:
        """The whole tensor, rows that come twice added up.

        Raises:
            ValueError: no `dense_shape` was given.
        """
        if self.dense_shape is None:
            raise ValueError("IndexedSlices without `dense_shape` cannot become a tensor.")
        whole = self.values.new_zeros(as_shape(self.dense_shape))
        return sealed(whole.index_add_(0, self.indices.long(), self.values))


def _plain(value: Any) -> Any:
    """A value that torch takes: lists and arrays of other libraries as arrays."""
    if isinstance(value, Tensor | int | float):
        return value
    return as_tensor(value)


def _places(indices: Any) -> tuple[Tensor, ...]:
    return as_tensor(indices).long().unbind(-1)


def _updates(variable: Variable, updates: Any) -> Tensor:
    return as_tensor(updates).to(variable.device, variable.dtype)


def _lower(value: Any) -> Any:
    """`tf.VariableAggregation.SUM` and its like as Keras writes them."""
    return value.lower() if isinstance(value, str) else value
