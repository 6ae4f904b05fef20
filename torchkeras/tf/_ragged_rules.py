"""What the functions of `tf` do with ragged tensors."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from torchkeras.tf import _misc, math, nn  # noqa: F401 - their functions are looked up by path
from torchkeras.tf._arrays import concat, reshape
from torchkeras.tf._convert import as_tensor, elementwise, int_axes, reductions
from torchkeras.tf._indexing import gather
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._tensor import functions, rules
from torchkeras.tf.dtypes import torch_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = []


class _Rules(dict):
    """By path what a function does with ragged tensors; None where it knows them itself."""

    def __missing__(self, path: str) -> Callable:
        return functools.partial(_refuse, path)


def _refuse(path: str, *args: Any, **kwargs: Any) -> None:
    raise ValueError(
        f"`{path}` takes no ragged tensors. `x.to_tensor()` fills the rows of one up; "
        f"`tf.ragged.map_flat_values({path}, x)` computes with its values."
    )


_RULES = rules[RaggedTensor] = _Rules()

_OWN = "cast concat convert_to_tensor expand_dims math.bincount rank shape stack".split()
_RULES.update(dict.fromkeys([*reductions, *(f"tf.{name}" for name in _OWN)]))

# Functions of each element, by the number of tensors that they take first.
_OF_EACH = {
    1: """bitcast bitwise.invert identity nn.dropout nn.elu nn.gelu nn.leaky_relu nn.relu
        nn.relu6 nn.selu nn.silu nn.softsign one_hot ones_like saturate_cast zeros_like""",
    2: """bitwise.bitwise_and bitwise.bitwise_or bitwise.bitwise_xor bitwise.left_shift
        bitwise.right_shift nn.sigmoid_cross_entropy_with_logits""",
    3: "clip_by_value",
}
# Functions whose name says of each element, and that look at all of them.
_OF_ALL = ("tf.math.is_non_decreasing", "tf.math.is_strictly_increasing")


def _each(path: str, count: int) -> Callable:
    """The function of ragged tensors, and what broadcasts to them, element by element."""
    names = list(inspect.signature(functions[path]).parameters)[:count]

    def rule(*args, **kwargs):
        given = dict(zip(names, args)) | kwargs
        operands = [given.pop(name) for name in names if name in given]
        return RaggedTensor.computed(
            lambda *flat: functions[path](*flat, *args[count:], **_without(kwargs, names)),
            *operands,
        )

    return rule


def _without(kwargs: dict, names: list) -> dict:
    return {name: value for name, value in kwargs.items() if name not in names}


for _path, _count in elementwise.items():
    if _path not in _OF_ALL:
        _RULES[_path] = _each(_path, _count)
for _count, _names in _OF_EACH.items():
    for _name in _names.split():
        _RULES[f"tf.{_name}"] = _each(f"tf.{_name}", _count)


def _rule(path: str) -> Callable:
    def note(function: Callable) -> Callable:
        _RULES[path] = function
        return function

    return note


@_rule("tf.size")
def _size(input, out_type="int32", name=None):
    flat = input.flat_values
    return torch.tensor(flat.numel() if isinstance(flat, Tensor) else flat.values.size).to(
        torch_dtype(out_type)
    )


@_rule("tf.where")
def _where(condition, x=None, y=None, name=None):
    if x is not None or y is not None:
        return RaggedTensor.computed(functions["tf.where"], condition, x, y)
    inner = torch.nonzero(condition.flat_values)
    return torch.cat((torch.stack(condition.places(), 1)[inner[:, 0]], inner[:, 1:]), 1).long()


@_rule("tf.squeeze")
def _squeeze(input, axis=None, name=None):
    axes = [axis] if isinstance(axis, int) else list(axis or ())
    for place in sorted((place % input.ndim for place in axes), reverse=True):
        input = _without_axis(input, place)
    return input


def _without_axis(x: Any, axis: int) -> Any:
    if not isinstance(x, RaggedTensor):
        return functions["tf.squeeze"](x, axis)
    if axis > 1:
        return x.with_values(_without_axis(x.values, axis - 1))
    sizes = [len(x)] if axis == 0 else x.row_lengths().tolist()
    if any(size != 1 for size in sizes):
        raise InvalidArgumentError(
            f"Can not squeeze axis {axis}, expected a dimension of 1. Received: sizes {sizes}"
        )
    return x[0] if axis == 0 else x.values


@_rule("tf.tile")
def _tile(input, multiples, name=None):
    for axis, count in enumerate(as_tensor(multiples).tolist()):
        if count == 0:
            input = _cut(input, axis)
        elif count > 1:
            input = concat([input] * count, axis)
    return input


def _cut(x: RaggedTensor, axis: int) -> Any:
    """Nothing along an axis."""
    return x[(*[slice(None)] * axis, slice(0, 0))]


@_rule("tf.reverse")
def _reverse(tensor, axis, name=None):
    for place in as_tensor(axis).reshape(-1).tolist():
        tensor = _turned(tensor, place % tensor.ndim)
    return tensor


def _turned(x: Any, axis: int) -> Any:
    if not isinstance(x, RaggedTensor):
        return functions["tf.reverse"](x, [axis])
    if axis == 0:
        return x.gathered(range(len(x) - 1, -1, -1))
    if axis > 1:
        return x.with_values(_turned(x.values, axis - 1))
    return x.like([_turned(row, 0) for row in x])


@_rule("tf.split")
def _split(value, num_or_size_splits, axis=0, num=None, name=None):
    sizes = num_or_size_splits
    if int(axis):
        raise ValueError(f"Ragged tensors are split along axis 0. Received: axis={axis}")
    if isinstance(sizes, int):
        sizes = [len(part) for part in torch.arange(len(value)).tensor_split(sizes)]
        if len(set(sizes)) > 1:
            raise InvalidArgumentError(
                f"{len(value)} rows do not make {num_or_size_splits} equal parts."
            )
    ends = torch.cumsum(torch.tensor(as_tensor(sizes).tolist()), 0).tolist()
    return [value[end - size : end] for size, end in zip(as_tensor(sizes).tolist(), ends)]


@_rule("tf.gather")
def _gather(params, indices, validate_indices=None, axis=None, batch_dims=0, name=None):
    axis = batch_dims if axis is None else axis % len(params.shape)
    if batch_dims:
        rows = [
            gather(row, index, axis=axis - 1, batch_dims=batch_dims - 1)
            for row, index in zip(params, indices, strict=True)
        ]
        return _joined(rows, like=indices)
    indices = as_tensor(indices)
    if axis:
        return _joined([gather(row, indices, axis=axis - 1) for row in params], like=indices)
    if isinstance(indices, RaggedTensor):
        return indices.with_flat_values(gather(params, indices.flat_values))
    if not indices.dim():
        return params[int(indices)]
    if indices.dim() == 1:
        return params.gathered(indices)
    return _joined([gather(params, part) for part in indices], like=params)


def _joined(rows: list, like: Any) -> Any:
    """Rows as a ragged tensor where `like` is one, or they are; else as a tensor."""
    if isinstance(like, RaggedTensor) or any(isinstance(row, RaggedTensor) for row in rows):
        return RaggedTensor.from_rows(rows, rows[0].dtype)
    return functions["tf.stack"](rows)


@_rule("tf.gather_nd")
def _gather_nd(params, indices, batch_dims=0, name=None):
    places = as_tensor(indices)
    if batch_dims:
        raise ValueError(
            f"`batch_dims` of `tf.gather_nd` must be 0 for ragged tensors. Received: {batch_dims}"
        )
    if places.dim() == 1:
        return params[tuple(places.tolist())]
    rows = [_gather_nd(params, place) for place in places]
    return _joined(rows, like=params if places.shape[-1] <= params.ragged_rank else places)


@_rule("tf.nn.embedding_lookup")
def _embedding_lookup(params, ids, max_norm=None, name=None):
    found = functions["tf.nn.embedding_lookup"](params, ids.flat_values, max_norm)
    return ids.with_flat_values(found)


@_rule("tf.reshape")
def _reshape(tensor, shape, name=None):
    sizes = as_tensor(shape).tolist()
    if sizes != [-1]:
        raise ValueError(
            "A ragged tensor is reshaped to [-1] only; `to_tensor()` gives what has a shape. "
            f"Received: shape={sizes}"
        )
    return reshape(tensor.flat_values, sizes)


def _of_innermost(path: str, function: Callable) -> Callable:
    """A function of each of the innermost rows."""

    def computed(x):
        if isinstance(x.values, RaggedTensor):
            return x.with_values(computed(x.values))
        return x.like([function(row, -1) for row in x])

    def rule(logits, axis=-1, name=None):
        if axis not in (None, -1, logits.ndim - 1):
            raise ValueError(f"`{path}` of ragged tensors is along the last axis. Got axis={axis}")
        is_even = logits.ragged_rank < logits.ndim - 1
        if is_even:
            return logits.with_flat_values(function(logits.flat_values, -1))
        return computed(logits)

    return rule


_RULES["tf.nn.softmax"] = _of_innermost("tf.nn.softmax", torch.softmax)
_RULES["tf.nn.log_softmax"] = _of_innermost("tf.nn.log_softmax", torch.log_softmax)


def _running(path: str, blank: int) -> Callable:
    """A running sum or product, in which missing elements change nothing."""

    def rule(x, axis=0, exclusive=False, reverse=False, name=None):
        whole = functions[path](x.to_tensor(blank), axis, exclusive, reverse)
        return x.with_flat_values(whole[tuple(x.places())])

    return rule


_RULES["tf.math.cumsum"] = _running("tf.math.cumsum", 0)
_RULES["tf.math.cumprod"] = _running("tf.math.cumprod", 1)


def _floating(x: RaggedTensor) -> RaggedTensor:
    return x if x.dtype.is_floating else functions["tf.cast"](x, "float64")


@_rule("tf.math.reduce_mean")
def _mean(input_tensor, axis=None, keepdims=False, name=None):
    x, total = _floating(input_tensor), functions["tf.math.reduce_sum"]
    return total(x, axis, keepdims) / total(functions["tf.ones_like"](x), axis, keepdims)


def _spread(path: str) -> Callable:
    """Variance or standard deviation; along several axes, of the mean square and the mean."""

    def rule(input_tensor, axis=None, keepdims=False, name=None):
        x = _floating(input_tensor)
        if len(int_axes(axis, x)) in (1, x.ndim):
            return functions[path].__wrapped__(x, axis, keepdims)
        variance = _mean(x * x, axis, keepdims) - _mean(x, axis, keepdims) ** 2
        variance = functions["tf.math.maximum"](variance, 0.0)
        return variance if path.endswith("variance") else variance**0.5

    return rule


_RULES["tf.math.reduce_variance"] = _spread("tf.math.reduce_variance")
_RULES["tf.math.reduce_std"] = _spread("tf.math.reduce_std")
