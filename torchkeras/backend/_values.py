"""Variables, placeholders, constants, random numbers, and how their values are read and set."""

import contextlib
import math

import numpy as np
import torch

from torchkeras import _symbolic, config, constraints, ops, random
from torchkeras._op import Computation
from torchkeras._symbolic import KerasTensor, any_symbolic
from torchkeras._variable import Variable
from torchkeras.backend._math import UnknownSize
from torchkeras.layers import Input

__all__ = [
    "Update",
    "batch_get_value",
    "batch_set_value",
    "constant",
    "eval",
    "eye",
    "get_value",
    "is_placeholder",
    "is_variable",
    "moving_average_update",
    "ones",
    "ones_like",
    "placeholder",
    "random_bernoulli",
    "random_binomial",
    "random_normal",
    "random_normal_variable",
    "random_uniform",
    "random_uniform_variable",
    "set_value",
    "truncated_normal",
    "update",
    "update_add",
    "update_sub",
    "variable",
    "zeros",
    "zeros_like",
]


# ---------------------------------------------------------------- making


def variable(value, dtype=None, name=None, constraint=None):
    """A variable with that value."""
    return _of_step(lambda: _new_variable(value, dtype, name, constraint))


def _new_variable(value, dtype, name, constraint):
    if hasattr(value, "tocoo"):
        value = value.toarray()
    if not isinstance(value, torch.Tensor):
        value = np.asarray(value)
    with _symbolic.for_real():
        made = Variable(value, dtype=dtype or config.floatx(), name=_plain(name))
    made.constraint = constraints.get(constraint)
    return made


def _plain(name):
    """A name without what stands for a place."""
    return None if name is None else str(name).replace("/", "_")


def constant(value, dtype=None, shape=None, name=None):
    """A tensor of constant values; one value fills `shape`."""
    tensor = ops.convert_to_tensor(value, dtype=dtype or config.floatx())
    if shape is None:
        return tensor
    return tensor.expand(tuple(shape)) if tensor.numel() == 1 else tensor.reshape(tuple(shape))


def placeholder(shape=None, ndim=None, dtype=None, sparse=False, name=None, ragged=False):
    """A symbolic tensor to be given to `function`.

    Raises:
        ValueError: neither `shape` nor `ndim`.
    """
    if shape is None and ndim is None:
        raise ValueError("Expected `shape` or `ndim`. Received: shape=None, ndim=None")
    shape = (None,) * ndim if shape is None else tuple(shape)
    return Input(batch_shape=shape, dtype=dtype or config.floatx(), sparse=sparse, name=name)


def is_placeholder(x):
    """Whether `x` is a symbolic tensor that nothing computes."""
    found = getattr(x, "_keras_history", None) if isinstance(x, KerasTensor) else None
    return found is not None and not found.operation._inbound_nodes[found.node_index].input_tensors


def is_variable(x):
    """Whether `x` is a variable."""
    return isinstance(x, Variable)


def zeros(shape, dtype=None, name=None):
    """A variable of zeros."""
    return variable(np.zeros(_sizes(shape)), dtype, name)


def ones(shape, dtype=None, name=None):
    """A variable of ones."""
    return variable(np.ones(_sizes(shape)), dtype, name)


def eye(size, dtype=None, name=None):
    """A variable with ones on the diagonal."""
    rows, columns = size if isinstance(size, (list, tuple)) else (size, size)
    return variable(np.eye(rows, columns), dtype, name)


def zeros_like(x, dtype=None, name=None):
    """Zeros in the shape of x."""
    return ops.zeros_like(x, dtype=dtype)


def ones_like(x, dtype=None, name=None):
    """Ones in the shape of x."""
    return ops.ones_like(x, dtype=dtype)


def random_uniform_variable(shape, low, high, dtype=None, name=None, seed=None):
    """A variable of uniform random numbers."""
    return variable(random_uniform(shape, low, high, dtype, seed), dtype, name)


def random_normal_variable(shape, mean, scale, dtype=None, name=None, seed=None):
    """A variable of normal random numbers."""
    return variable(random_normal(shape, mean, scale, dtype, seed), dtype, name)


# ---------------------------------------------------------------- random numbers


def _sizes(shape):
    if isinstance(shape, torch.Tensor):
        shape = shape.tolist()
    return (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)


def _drawn(draw, shape):
    """Random numbers in a shape; an unknown size of a symbolic tensor is that of its values."""
    sizes = _sizes(shape)
    unknown = [d for d in sizes if isinstance(d, UnknownSize)]
    if not unknown:
        return draw(tuple(int(d) for d in sizes))

    def compute(*sources):
        given = iter(sources)
        known = [next(given).shape[d.axis] if isinstance(d, UnknownSize) else int(d) for d in sizes]
        return draw(tuple(known))

    return Computation(compute)(*[d.source for d in unknown])


def random_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal random numbers."""
    return _drawn(lambda sizes: random.normal(sizes, mean, stddev, dtype, seed), shape)


def random_uniform(shape, minval=0.0, maxval=1.0, dtype=None, seed=None):
    """Uniform random numbers."""
    return _drawn(lambda sizes: random.uniform(sizes, minval, maxval, dtype, seed), shape)


def truncated_normal(shape, mean=0.0, stddev=1.0, dtype=None, seed=None):
    """Normal random numbers within two standard deviations."""
    return _drawn(lambda sizes: random.truncated_normal(sizes, mean, stddev, dtype, seed), shape)


def random_bernoulli(shape, p=0.0, dtype=None, seed=None):
    """Ones with probability `p`, else zeros."""
    dtype = dtype or config.floatx()
    return _drawn(
        lambda sizes: ops.cast(ops.less(random.uniform(sizes, seed=seed), p), dtype), shape
    )


random_binomial = random_bernoulli


# ---------------------------------------------------------------- reading and setting


class Update:
    """A change of a variable that `function` makes when it is called: `(variable, new value)`."""

    def __init__(self, target: Variable, value):
        self.target = target
        self.value = value

    def __iter__(self):
        return iter((self.target, self.value))


# The steps that are described at the moment, the innermost last.
_steps: list["StepByUpdates"] = []


class StepByUpdates:
    """How `get_updates` of a script's optimizer runs anew at every step, written for one run.

    While it runs, the variables that it makes are those of its first run, and `update` changes
    nothing yet.
    """

    def __init__(self):
        self.variables: list[Variable] = []
        self.is_under_way = False

    @contextlib.contextmanager
    def describing(self, loss, gradients: dict[int, torch.Tensor]):
        """While the step on a loss is described; `gradients` by the ids of the parameters."""
        self.loss, self.gradients, self.place = loss, gradients, 0
        self.is_under_way = True
        _steps.append(self)
        try:
            yield
        finally:
            _steps.pop()
            self.is_under_way = False
            self.loss = self.gradients = None

    def variable(self, make) -> Variable:
        """The next variable of the description."""
        if self.place == len(self.variables):
            self.variables.append(make())
        self.place += 1
        return self.variables[self.place - 1]


def _of_step(make) -> Variable:
    return _steps[-1].variable(make) if _steps else make()


def get_value(x):
    """The value of a variable or tensor as a NumPy array, of a number as it is.

    Raises:
        ValueError: a symbolic tensor, which needs `function`.
    """
    if isinstance(x, KerasTensor):
        raise ValueError(
            "A symbolic tensor has no value. Use `keras.backend.function(inputs, outputs)`. "
            f"Received: {x}"
        )
    if isinstance(x, torch.Tensor):
        array = x.detach().cpu().numpy()
        return array[()] if array.ndim == 0 else array
    return x


eval = get_value


def batch_get_value(tensors):
    """The values of variables as NumPy arrays."""
    return [get_value(x) for x in tensors]


def set_value(x, value):
    """Sets a variable from an array or number."""
    if isinstance(x, Variable):
        value = np.asarray(value) if not isinstance(value, torch.Tensor) else value
        x.assign(value.reshape(tuple(x.shape)) if math.prod(value.shape) == x.numel() else value)
    elif hasattr(x, "assign"):
        x.assign(value)
    else:
        raise ValueError(f"Only variables can be set. Received: {x!r} of type {type(x)}")


def batch_set_value(tuples):
    """Sets variables: `(variable, value)` pairs."""
    for x, value in tuples:
        set_value(x, value)


def update(x, new_x):
    """Sets a variable, at once where the value is known, else when `function` is called."""
    if any_symbolic(new_x) or _steps:
        return Update(x, new_x)
    if not _symbolic.running_on_meta():
        x.assign(new_x.detach() if isinstance(new_x, torch.Tensor) else new_x)
    return x


def update_add(x, increment):
    """Adds to a variable."""
    return update(x, x + increment)


def update_sub(x, decrement):
    """Subtracts from a variable."""
    return update(x, x - decrement)


def moving_average_update(x, value, momentum):
    """Moves a variable towards a value: `x * momentum + value * (1 - momentum)`."""
    return update(x, x * momentum + value * (1.0 - momentum))
