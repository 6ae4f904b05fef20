"""Conversion, shapes, slices, scatter and control flow; and the helpers with which every op meets
its arguments."""

import builtins
import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, _symbolic, config, tree
from torchkeras._op import op
from torchkeras._symbolic import KerasTensor

__all__ = [
    "associative_scan",
    "cast",
    "cond",
    "convert_to_numpy",
    "convert_to_tensor",
    "custom_gradient",
    "dtype",
    "fori_loop",
    "is_tensor",
    "map",
    "saturate_cast",
    "scan",
    "scatter",
    "scatter_update",
    "shape",
    "slice",
    "slice_update",
    "stop_gradient",
    "switch",
    "unstack",
    "vectorized_map",
    "while_loop",
]

INT32_RANGE = (-(2**31), 2**31 - 1)
# What lists become: Python numbers and NumPy's defaults are as wide as Keras's.
NARROWED = {"int64": torch.int32, "uint64": torch.int64, "complex128": torch.complex64}


# ------------------------------------------------------------------ what is given -> tensors
def as_tensor(x, dtype=None, device: torch.device | None = None) -> Tensor:
    """Anything as a tensor; tensors stay where they are, other values go to `device` or the default
    one."""
    if dtype is not None:
        dtype = _dtypes.torch_dtype(dtype)
    if isinstance(x, Tensor):
        return x if dtype is None or x.dtype is dtype else x.to(dtype)
    if isinstance(x, KerasTensor):
        raise TypeError(f"A symbolic KerasTensor cannot be converted to a tensor. Received: x={x}")
    if device is None:
        device = config.default_device()
    if isinstance(x, (bool, int, float, complex)):
        return torch.as_tensor(x, dtype=dtype or _dtype_of_number(x), device=device)
    if isinstance(x, (torch.SymInt, torch.SymFloat)):
        return torch.as_tensor(x, dtype=dtype, device=device)
    if isinstance(x, (list, tuple)):
        return _list_as_tensor(x, dtype, device)
    return _array_as_tensor(np.asarray(x), dtype, device)


def _dtype_of_number(x: complex) -> torch.dtype:
    if isinstance(x, bool):
        return torch.bool
    if isinstance(x, int):
        return torch.int32 if INT32_RANGE[0] <= x <= INT32_RANGE[1] else torch.int64
    return _dtypes.torch_dtype(None) if isinstance(x, float) else torch.complex64


def _list_as_tensor(x: Sequence, dtype: torch.dtype | None, device: torch.device) -> Tensor:
    leaves = tree.flatten(x)
    if any(isinstance(leaf, (Tensor, torch.SymInt, torch.SymFloat)) for leaf in leaves):
        rows = as_tensors(*x)
        common = functools.reduce(torch.promote_types, [row.dtype for row in rows])
        return torch.stack([row.to(dtype or common) for row in rows])
    array = np.asarray(x)
    if dtype is None and array.dtype.name == "float64":
        dtype = _dtypes.torch_dtype(None)
    elif dtype is None and not (array.dtype.name == "int64" and _too_wide(array)):
        dtype = NARROWED.get(array.dtype.name)
    if array.size == 0 and not any(isinstance(leaf, np.ndarray) for leaf in leaves):
        dtype = dtype or _dtypes.torch_dtype(None)
    return _array_as_tensor(array, dtype, device)


def _too_wide(array: np.ndarray) -> bool:
    return bool(array.size) and not (INT32_RANGE[0] <= array.min() <= array.max() <= INT32_RANGE[1])


def _array_as_tensor(array: np.ndarray, dtype: torch.dtype | None, device: torch.device) -> Tensor:
    name = array.dtype.name
    if name == "bfloat16" or name.startswith("float8"):
        dtype = dtype or getattr(torch, name)
        array = array.astype(np.float32)
    elif name in ("uint16", "uint32"):
        array = array.astype(np.int32 if name == "uint16" else np.int64)
    elif array.dtype.kind not in "biufc":
        kind = ValueError if array.dtype.kind in "SU" else TypeError
        raise kind(
            f"Only numbers can be converted to a tensor. Received: an array of dtype {array.dtype}"
        )
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    return torch.as_tensor(array, dtype=dtype, device=device)


def as_tensors(*values) -> list[Tensor]:
    """Each as a tensor, on the device of the first that is one."""
    for x in values:
        if not isinstance(x, Tensor):
            break
    else:
        return list(values)
    device = next((x.device for x in values if isinstance(x, Tensor)), None)
    return [x if isinstance(x, Tensor) else as_tensor(x, device=device) for x in values]


def promoted(*values) -> list[Tensor]:
    """Each as a tensor, all of the dtype they promote to; Python numbers are weak."""
    dtype = getattr(values[0], "dtype", None)
    for x in values:
        if not isinstance(x, Tensor) or x.dtype is not dtype:
            break
    else:
        return list(values)
    strong = [x if isinstance(x, Tensor) else as_tensor(x) for x in values if not _is_number(x)]
    if not strong:
        tensors = as_tensors(*values)
        common = functools.reduce(torch.promote_types, [x.dtype for x in tensors])
        return [x.to(common) for x in tensors]
    common = functools.reduce(torch.promote_types, [x.dtype for x in strong])
    for x in values:
        if _is_number(x):
            common = weak_dtype(x, common)
    return [as_tensor(x, common, strong[0].device) for x in values]


def _is_number(x) -> bool:
    return isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic)


def weak_dtype(number: complex, like: torch.dtype) -> torch.dtype:
    """The dtype of `number` combined with a tensor of dtype `like`."""
    if isinstance(number, bool):
        return like
    if isinstance(number, int):
        return torch.int32 if like is torch.bool else like
    if isinstance(number, float):
        return like if like.is_floating_point or like.is_complex else _dtypes.torch_dtype(None)
    return torch.promote_types(like, torch.complex64)


def operands(x1, x2) -> tuple[Tensor, Any]:
    """`x1` and `x2` as operands of a binary operator of torch, which then promotes as Keras does.

    A Python number on the right stays one where torch's rule for it is Keras's.
    """
    if not isinstance(x1, Tensor):
        if not isinstance(x2, Tensor):
            x1 = as_tensor(x1)
        elif _is_number(x1):
            # A 0-d tensor on the host goes with tensors of any device and is weak.
            return torch.as_tensor(x1, dtype=_scalar_dtype(x1, x2.dtype)), x2
        else:
            x1 = as_tensor(x1, device=x2.device)
    if isinstance(x2, Tensor):
        return x1, x2
    if not _is_number(x2):
        return x1, as_tensor(x2, device=x1.device)
    kind = type(x2)
    if (x1.dtype.is_floating_point and kind is not bool) or (
        kind is int and x1.dtype is not torch.bool
    ):
        return x1, x2
    return x1, torch.as_tensor(x2, dtype=_scalar_dtype(x2, x1.dtype))


def _scalar_dtype(number: complex, like: torch.dtype) -> torch.dtype:
    if isinstance(number, int) and not like.is_floating_point:
        return _dtype_of_number(number)
    return weak_dtype(number, like)


def tensor_operands(x1, x2) -> tuple[Tensor, Tensor]:
    """`operands` for the functions of torch that take no number."""
    x1, x2 = operands(x1, x2)
    if not isinstance(x2, Tensor):
        x2 = torch.as_tensor(x2, dtype=_scalar_dtype(x2, x1.dtype))
    return x1, x2


def to_float(x) -> Tensor:
    """`x` as a tensor of a floating or complex dtype: `floatx()` for ints and bools."""
    if not isinstance(x, Tensor):
        x = as_tensor(x)
    if x.dtype.is_floating_point or x.dtype.is_complex:
        return x
    return x.to(_dtypes.torch_dtype(None))


def axes_of(axis, ndim: int) -> tuple[int, ...]:
    """`axis` (None: all) as non-negative ints.

    Raises:
        numpy.exceptions.AxisError: an axis is out of bounds; a ValueError and an IndexError.
    """
    if axis is None:
        return tuple(range(ndim))
    axes = tuple(axis) if isinstance(axis, (list, tuple)) else (axis,)
    return tuple(canonical_axis(a, ndim) for a in axes)


def canonical_axis(axis: int, ndim: int) -> int:
    if not -ndim <= axis < ndim:
        raise np.exceptions.AxisError(axis, ndim)
    return axis % ndim


def on_meta(*tensors: Tensor) -> bool:
    """Whether only shapes are being worked out."""
    return _symbolic.running_on_meta() or any(x.device.type == "meta" for x in tensors)


# ------------------------------------------------------------------ conversion
@op
def convert_to_tensor(x: Tensor, dtype=None, sparse=None, ragged=None) -> Tensor:
    """`x` (number, list, array, tensor) as a tensor; tensors keep their device."""
    if sparse:
        raise ValueError("`sparse=True` is not supported with torch backend")
    if ragged:
        raise ValueError("`ragged=True` is not supported with torch backend")
    return as_tensor(x, dtype)


def convert_to_numpy(x) -> np.ndarray:
    """`x` as a NumPy array on the host; bfloat16 becomes float32."""
    if isinstance(x, (list, tuple)):
        return np.array([convert_to_numpy(item) for item in x])
    if not isinstance(x, Tensor):
        return np.array(x)
    x = x.detach().cpu().resolve_conj().resolve_neg()
    return (x.float() if x.dtype is torch.bfloat16 else x).numpy()


def is_tensor(x) -> bool:
    """Whether `x` is a torch tensor (a `Variable` is one)."""
    return isinstance(x, Tensor)


def shape(x) -> tuple[int | None, ...]:
    """The shape as a plain tuple."""
    return tuple(x.shape) if hasattr(x, "shape") else tuple(np.shape(x))


def dtype(x) -> str:
    """The name of the dtype."""
    return _dtypes.standardize_dtype(x.dtype)


@op
def cast(x: Tensor, dtype) -> Tensor:
    """`x` with another dtype."""
    return as_tensor(x, dtype)


@op
def saturate_cast(x: Tensor, dtype) -> Tensor:
    """`x` with another dtype, values outside of its range set to the nearest inside."""
    x = as_tensor(x)
    wanted, dtype = dtype, _dtypes.torch_dtype(dtype)
    if x.dtype is torch.bool:
        return x.to(dtype)
    low, high = _bounds(wanted)
    own_low, own_high = _bounds(x.dtype)
    low, high = builtins.max(low, own_low), builtins.min(high, own_high)
    if x.dtype.is_floating_point:
        # A bound that the dtype of `x` cannot hold moves inwards.
        low, high = -float(_held(-low, x.dtype)), float(_held(high, x.dtype))
    return torch.clamp(x, low, high).to(dtype)


def _bounds(dtype: Any) -> tuple[int, int]:
    """The least and the largest value, also of dtypes that a wider one of torch holds."""
    if not isinstance(dtype, torch.dtype):
        dtype = getattr(torch, _dtypes.standardize_dtype(dtype))
    if dtype is torch.bool:
        return 0, 1
    info = torch.finfo(dtype) if dtype.is_floating_point else torch.iinfo(dtype)
    return int(info.min), int(info.max)


def _held(bound: int, dtype: torch.dtype) -> int:
    """The largest number not above `bound` >= 0 that a floating dtype holds."""
    digits = 1 - round(math.log2(torch.finfo(dtype).eps))
    shift = builtins.max(0, bound.bit_length() - digits)
    return bound >> shift << shift


@op
def stop_gradient(variable: Tensor) -> Tensor:
    """The values, as a constant of differentiation."""
    return as_tensor(variable).detach()


# ------------------------------------------------------------------ parts of tensors
@op
def unstack(x: Tensor, num=None, axis=0) -> list[Tensor]:
    """The slices of `x` along `axis`, without it."""
    x = as_tensor(x)
    axis = canonical_axis(axis, x.ndim)
    if num is not None and num != x.shape[axis]:
        raise ValueError(
            f"`num` must be the size of the axis, {x.shape[axis]}. Received: num={num}, axis={axis}"
        )
    return list(torch.unbind(x, axis))


@op
def slice(inputs: Tensor, start_indices: Tensor, shape) -> Tensor:
    """The block of `inputs` of size `shape` that starts at `start_indices`."""
    inputs = as_tensor(inputs)
    sizes = _ints(shape)
    if isinstance(start_indices, Tensor) and not on_meta(start_indices):
        for axis, size in enumerate(sizes):
            inputs = torch.narrow(inputs, axis, start_indices[axis].long(), size)
        return inputs
    if isinstance(start_indices, Tensor):
        return inputs[tuple(builtins.slice(0, size) for size in sizes)]
    starts = _ints(start_indices)
    return inputs[tuple(builtins.slice(a, a + n) for a, n in zip(starts, sizes, strict=True))]


def _ints(values) -> list[int]:
    values = values.tolist() if isinstance(values, (Tensor, np.ndarray)) else values
    return [v if isinstance(v, (int, torch.SymInt)) else int(v) for v in values]


@op
def slice_update(inputs: Tensor, start_indices: Tensor, updates: Tensor) -> Tensor:
    """`inputs` with the block that starts at `start_indices` replaced by `updates`."""
    inputs, updates = as_tensors(inputs, updates)
    outputs = inputs.clone()
    if not isinstance(start_indices, Tensor):
        starts = _ints(start_indices)
        block = [builtins.slice(a, a + n) for a, n in zip(starts, updates.shape, strict=True)]
        outputs[tuple(block)] = updates.to(inputs.dtype)
        return outputs
    index = [
        (torch.arange(size, device=inputs.device) + start_indices[axis]).view(
            [-1 if a == axis else 1 for a in range(updates.ndim)]
        )
        for axis, size in enumerate(updates.shape)
    ]
    return outputs.index_put_(tuple(index), updates.to(inputs.dtype))


@op
def scatter(indices: Tensor, values: Tensor, shape) -> Tensor:
    """Zeros of `shape` with `values` added at `indices`, whose last axis indexes the leading axes
    of the result."""
    indices, values = as_tensors(indices, values)
    shape = _ints(shape)
    depth = indices.shape[-1]
    index = tuple(indices.reshape(-1, depth).long().unbind(1))
    zeros = torch.zeros(shape, dtype=values.dtype, device=values.device)
    return zeros.index_put_(index, values.reshape([-1, *shape[depth:]]), accumulate=True)


SCATTER_REDUCTIONS = {"max": "amax", "min": "amin", "mul": "prod"}


@op
def scatter_update(inputs: Tensor, indices: Tensor, updates: Tensor, reduction=None) -> Tensor:
    """`inputs` with `updates` put at `indices`: replacing, or combined by "add", "max", "min" or
    "mul"."""
    inputs, indices, updates = as_tensors(inputs, indices, updates)
    index = tuple(indices.long().unbind(1))
    updates = updates.to(inputs.dtype)
    if reduction is None or reduction == "add":
        return inputs.clone().index_put_(index, updates, accumulate=reduction == "add")
    if reduction not in SCATTER_REDUCTIONS:
        raise ValueError(f"Unsupported reduction: {reduction}")
    leading = inputs.shape[: len(index)]
    flat = torch.zeros_like(index[0])
    for size, part in zip(leading, index, strict=True):
        flat = flat * size + torch.where(part < 0, part + size, part)
    rows = inputs.reshape(leading.numel(), -1)
    source = updates.expand(len(flat), *inputs.shape[len(index) :]).reshape(len(flat), -1)
    flat = flat.unsqueeze(1).expand_as(source)
    return rows.scatter_reduce(0, flat, source, SCATTER_REDUCTIONS[reduction]).view(inputs.shape)


# ------------------------------------------------------------------ control flow
@op
def cond(pred: Tensor, true_fn, false_fn):
    """`true_fn()` where `pred`, else `false_fn()`; with a symbolic `pred` both must give the same
    shapes and dtypes."""
    if isinstance(pred, Tensor) and on_meta(pred):
        return _same_spec(true_fn(), false_fn())
    return true_fn() if pred else false_fn()


def _same_spec(first, second):
    def spec(x):
        return (tuple(x.shape), x.dtype) if isinstance(x, (Tensor, KerasTensor)) else None

    one, other = tree.flatten(first), tree.flatten(second)
    if [spec(x) for x in one] != [spec(x) for x in other]:
        raise ValueError(
            "`true_fn` and `false_fn` should return outputs of the same kind (struct, dtype and "
            "shape). "
            f"Got {first} and {second} instead."
        )
    return first


@op
def switch(index: Tensor, branches, *operands: Tensor):
    """`branches[index](*operands)`; an index outside is taken as the nearest one inside."""
    if isinstance(index, Tensor) and on_meta(index):
        return branches[0](*operands)
    return branches[builtins.min(builtins.max(int(index), 0), len(branches) - 1)](*operands)


@op
def while_loop(cond, body, loop_vars: Tensor, maximum_iterations=None):
    """Repeats `loop_vars = body(*loop_vars)` while `cond(*loop_vars)`."""
    several = isinstance(loop_vars, (list, tuple))
    values = tuple(loop_vars) if several else (loop_vars,)
    values = tree.map_structure(as_tensor, values)
    if on_meta(*[x for x in tree.flatten(values) if isinstance(x, Tensor)]):
        return values if several else values[0]
    done = 0
    while (maximum_iterations is None or done < maximum_iterations) and cond(*values):
        values = body(*values)
        values = tuple(values) if isinstance(values, (list, tuple)) else (values,)
        done += 1
    return values if several else values[0]


@op
def fori_loop(lower: Tensor, upper: Tensor, body_fun, init_val: Tensor):
    """`init_val` after `val = body_fun(i, val)` for each i from `lower` up to, not including,
    `upper`."""
    if any(isinstance(x, Tensor) and on_meta(x) for x in (lower, upper)):
        return init_val
    for i in range(int(lower), int(upper)):
        init_val = body_fun(i, init_val)
    return init_val


@op
def map(f, xs: Tensor):
    """`f` of each slice along the first axis of `xs`, stacked."""
    return scan(lambda _, x: ((), f(x)), (), xs)[1]


@op
def scan(f, init: Tensor, xs: Tensor = None, length=None, reverse=False, unroll=1):
    """Carries `init` through `carry, y = f(carry, x)` along the first axis of `xs`; returns it and
    the stacked ys."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"`unroll` must be an positive integer or boolean. Received: unroll={unroll}"
        )
    if xs is None and length is None:
        raise ValueError("Got no `xs` to scan over and `length` not provided.")
    xs = None if xs is None else tree.map_structure(as_tensor, xs)
    steps = int(length) if length is not None else tree.flatten(xs)[0].shape[0]
    carry = tree.map_structure(as_tensor, init)
    nothing = tree.map_structure(torch.zeros_like, carry)
    ys = []
    for i in reversed(range(steps)) if reverse else range(steps):
        x = None if xs is None else tree.map_structure(lambda leaf, i=i: leaf[i], xs)
        carry, y = f(carry, x)
        ys.append(nothing if y is None else y)
    if reverse:
        ys.reverse()
    return carry, tree.map_structure(lambda *leaves: torch.stack(leaves), *ys)


@op
def associative_scan(f, elems: Tensor, reverse=False, axis=0):
    """All prefixes of `elems` along `axis` combined by the associative `f`, in logarithmically many
    calls."""
    if not callable(f):
        raise TypeError(f"`f` should be a callable. Received: f={f}")
    flat = [as_tensor(x) for x in tree.flatten(elems)]
    if any(x.shape[axis] != flat[0].shape[axis] for x in flat):
        raise ValueError(
            "Array inputs to associative_scan must have the same first dimension. "
            f"(saw: {[x.shape for x in flat]})"
        )

    def combine(earlier, later):
        result = f(tree.pack_sequence_as(elems, earlier), tree.pack_sequence_as(elems, later))
        return tree.flatten(result)

    def turned(tensors):
        return [torch.flip(x, (axis,)) for x in tensors] if reverse else tensors

    # Each round combines every prefix with the one that ends where it begins; `f` sees the earlier
    # part first.
    flat = turned(flat)
    size, reach = flat[0].shape[axis], 1
    while reach < size:
        earlier = [x.narrow(axis, 0, size - reach) for x in flat]
        later = [x.narrow(axis, reach, size - reach) for x in flat]
        both = zip(flat, combine(earlier, later), strict=True)
        flat = [torch.cat([x.narrow(axis, 0, reach), y], dim=axis) for x, y in both]
        reach *= 2
    return tree.pack_sequence_as(elems, turned(flat))


@op
def vectorized_map(function, elements: Tensor):
    """`function` of every slice along the first axis, computed at once."""
    return torch.vmap(function)(tree.map_structure(as_tensor, elements))


class _CustomGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx, f, kwargs, *args):
        ctx.save_for_backward(*args)
        result = f(*args, **kwargs)
        if not (isinstance(result, tuple) and len(result) == 2 and callable(result[1])):
            raise ValueError(
                "A function with a custom gradient must return `(output, grad_fn)`. "
                f"Received: {result}"
            )
        output, ctx.grad_fn = result
        return output

    @staticmethod
    def backward(ctx, *upstream):
        grads = ctx.grad_fn(
            *ctx.saved_tensors, upstream=upstream[0] if len(upstream) == 1 else upstream
        )
        return (None, None, *(grads if isinstance(grads, tuple) else (grads,)))


def custom_gradient(f: Callable) -> Callable:
    """Decorator: `f(*args)` returns `(output, grad_fn)`, and `grad_fn(*args, upstream=...)` gives
    the gradients."""

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return _CustomGradient.apply(f, kwargs, *[as_tensor(x) for x in args])

    return wrapper
