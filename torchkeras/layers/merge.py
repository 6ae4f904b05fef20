"""Layers that make one tensor of several, and functions for the same."""

import functools

import torch
import torch.nn.functional as F

from torchkeras import config
from torchkeras._errors import received
from torchkeras.layers._base import Layer

__all__ = [
    "Add",
    "Average",
    "Concatenate",
    "Dot",
    "Maximum",
    "Minimum",
    "Multiply",
    "Subtract",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]


class _Merge(Layer):
    """Base of the layers that merge a list of inputs, element by element unless they say otherwise.

    Inputs of lower rank get axes of size 1 behind the batch axis; sizes of 1 broadcast. Shapes are
    found by rule: on meta tensors an unknown size beside a fixed one would not fit.

    Input shape: a list of shapes
    Output shape: the shape they broadcast to
    """

    _keeps_masks = True

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        if not _is_list_of_shapes(input_shape):
            raise ValueError(
                "A merge layer should be called on a list of at least 1 input. "
                f"{received(input_shape=input_shape)} (not a list of shapes)"
            )
        sizes = {shape[0] for shape in input_shape if shape} - {None}
        if len(sizes) > 1:
            raise ValueError(
                "Cannot merge tensors with different batch sizes. "
                f"Received tensors with shapes {input_shape}"
            )
        self._broadcast(input_shape)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "A merge layer should be called on a list of inputs. "
                f"Received: inputs={inputs} (not a list of tensors)"
            )
        return self._merge(_of_same_rank(inputs))

    def _merge(self, inputs):
        """The one tensor; layers of Keras 2 define `_merge_function`."""
        return self._merge_function(inputs)

    def compute_output_shape(self, input_shape):
        sizes = {shape[0] for shape in input_shape} - {None}
        return (sizes.pop() if len(sizes) == 1 else None, *self._broadcast(input_shape))

    def _broadcast(self, shapes):
        return functools.reduce(_broadcast_shapes, [tuple(shape[1:]) for shape in shapes])

    def compute_mask(self, inputs, mask=None):
        """What any mask keeps, where all inputs have one."""
        _check_masks(inputs, mask)
        if mask is None or any(m is None for m in mask):
            return None
        return functools.reduce(torch.logical_or, mask)


class Add(_Merge):
    """Sum of the inputs.

    >>> Add()([torch.ones(1, 2), torch.ones(1, 2)])
    tensor([[2., 2.]])
    """

    def _merge(self, inputs):
        return functools.reduce(torch.add, inputs)


class Subtract(_Merge):
    """First input less the second."""

    def build(self, input_shape):
        super().build(input_shape)
        if len(input_shape) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                + received(input_shape=input_shape)
            )

    def _merge(self, inputs):
        if len(inputs) != 2:
            raise ValueError(
                "A `Subtract` layer should be called on exactly 2 inputs. "
                + received(inputs=inputs)
            )
        return inputs[0] - inputs[1]


class Average(_Merge):
    """Mean of the inputs."""

    def _merge(self, inputs):
        return functools.reduce(torch.add, inputs) / len(inputs)


class Multiply(_Merge):
    """Product of the inputs; what a mask leaves out counts as 1."""

    def _merge(self, inputs):
        masks = [_expanded_mask(x) for x in inputs]
        factors = [x if mask is None else x.masked_fill(~mask, 1) for x, mask in zip(inputs, masks)]
        outputs = functools.reduce(torch.multiply, factors)
        if any(mask is None for mask in masks):
            return outputs
        mask = functools.reduce(torch.logical_or, masks)
        outputs = outputs.masked_fill(~mask, 0)
        outputs._keras_mask = mask.any(-1)
        return outputs


class _Extremum(_Merge):
    """Largest or smallest of the inputs; what a mask leaves out does not count."""

    def _merge(self, inputs):
        outputs, seen = inputs[0], _expanded_mask(inputs[0])
        for x in inputs[1:]:
            mask = _expanded_mask(x)
            if mask is not None:
                x = torch.where(mask, x, outputs)
            if seen is not None:
                outputs = torch.where(seen, outputs, x)
            seen = None if mask is None or seen is None else seen | mask
            outputs = self._extremum(outputs, x)
        if seen is not None:
            outputs._keras_mask = seen.any(-1)
        return outputs


class Maximum(_Extremum):
    """Largest of the inputs, element by element."""

    _extremum = staticmethod(torch.maximum)


class Minimum(_Extremum):
    """Smallest of the inputs, element by element."""

    _extremum = staticmethod(torch.minimum)


class Concatenate(_Merge):
    """The inputs one after the other along an axis.

    Args:
        axis: the axis.

    Input shape: a list of shapes that differ in the axis only
    Output shape: their shape, with the sum of the sizes in the axis

    >>> Concatenate()([torch.ones(1, 2), torch.ones(1, 3)]).shape
    torch.Size([1, 5])
    """

    def __init__(self, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def build(self, input_shape):
        if not _is_list_of_shapes(input_shape):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of at least 1 input. "
                + received(input_shape=input_shape)
            )
        self.compute_output_shape(input_shape)

    def _merge(self, inputs):
        return torch.cat(inputs, self.axis)

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of inputs. "
                + received(inputs=inputs)
            )
        return torch.cat(list(inputs), self.axis)

    def compute_output_shape(self, input_shape):
        if not _is_list_of_shapes(input_shape):
            raise ValueError(
                "A `Concatenate` layer should be called on a list of inputs. "
                + received(input_shape=input_shape)
            )
        shapes = [list(shape) for shape in input_shape]
        joined = [shape.pop(self.axis) if self._has_axis(shape) else None for shape in shapes]
        known = [set(sizes) - {None} for sizes in zip(*shapes)]
        if len({len(shape) for shape in shapes}) > 1 or any(len(sizes) > 1 for sizes in known):
            raise ValueError(
                "A `Concatenate` layer requires inputs with matching shapes except for the "
                f"concatenation axis. {received(input_shape=input_shape)}"
            )
        result = [sizes.pop() if sizes else None for sizes in known]
        axis = self.axis % (len(result) + 1)
        result.insert(axis, None if None in joined else sum(joined))
        return tuple(result)

    def _has_axis(self, shape):
        return -len(shape) <= self.axis < len(shape)

    _keeps_masks = True

    def compute_mask(self, inputs, mask=None):
        """The masks one after the other, an input without one being kept whole."""
        _check_masks(inputs, mask)
        if mask is None or all(m is None for m in mask):
            return None
        whole = [
            torch.ones_like(x, dtype=torch.bool)
            if m is None
            else m.bool()
            if m.ndim >= x.ndim
            else m.bool().unsqueeze(-1).expand(x.shape)
            for x, m in zip(inputs, mask)
        ]
        return torch.cat(whole, self.axis).any(-1)


class Dot(_Merge):
    """Sum of products of two inputs along an axis of each, sample by sample.

    Args:
        axes: the axis, or a pair of axes.
        normalize: whether the inputs are scaled to length 1 first, for cosine similarity.

    Input shape: two shapes
    Output shape: (batch, axes left of the first, axes left of the second)

    >>> Dot(axes=(1, 2))([torch.ones(2, 3, 5), torch.ones(2, 10, 3)]).shape
    torch.Size([2, 5, 10])
    """

    def __init__(self, axes, normalize=False, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(axes, (int, list, tuple)):
            raise TypeError(
                "Invalid type for argument `axes`: it should be a list or an int. "
                + received(axes=axes)
            )
        if not isinstance(axes, int):
            if len(axes) != 2:
                raise ValueError(
                    "Invalid format for argument `axes`: it should contain two elements. "
                    + received(axes=axes)
                )
            if not all(isinstance(axis, int) for axis in axes):
                raise ValueError(
                    "Invalid format for argument `axes`: list elements should be integers. "
                    + received(axes=axes)
                )
        self.axes = axes
        self.normalize = normalize

    def build(self, input_shape):
        first, second = self._two(input_shape)
        axes = self._positive_axes(first, second)
        if first[axes[0]] != second[axes[1]]:
            raise ValueError(
                f"Incompatible input shapes: axis values {first[axes[0]]} (at axis {axes[0]}) != "
                f"{second[axes[1]]} (at axis {axes[1]}). Full input shapes: {first}, {second}"
            )

    def _two(self, input_shape):
        if not _is_list_of_shapes(input_shape) or len(input_shape) != 2:
            raise ValueError(
                "A `Dot` layer should be called on a list of 2 inputs. "
                + received(input_shape=input_shape)
            )
        return input_shape

    def _positive_axes(self, first, second):
        axes = [self.axes] * 2 if isinstance(self.axes, int) else self.axes
        return [axis % len(shape) for axis, shape in zip(axes, (first, second))]

    def call(self, inputs):
        if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
            raise ValueError(
                f"A `Dot` layer should be called on exactly 2 inputs. Received: inputs={inputs}"
            )
        x, y = inputs
        axes = self._positive_axes(x.shape, y.shape)
        if 0 in axes:
            raise ValueError(
                "Cannot perform batch_dot over axis 0, that of the batch. "
                + received(axes=self.axes)
            )
        if self.normalize:
            x = F.normalize(x, dim=axes[0], eps=config.epsilon())
            y = F.normalize(y, dim=axes[1], eps=config.epsilon())
        x, y = x.movedim(axes[0], -1), y.movedim(axes[1], 1)
        left = (*x.shape[1:-1], *y.shape[2:])
        x = x.unsqueeze(1) if x.ndim == 2 else x.flatten(1, -2)
        y = y.unsqueeze(2) if y.ndim == 2 else y.flatten(2)
        return torch.bmm(x, y).reshape(x.shape[0], *(left or (1,)))

    def compute_output_shape(self, input_shape):
        first, second = (list(shape) for shape in self._two(input_shape))
        axes = self._positive_axes(first, second)
        del first[axes[0]], second[axes[1]]
        shape = (*first, *second[1:])
        return shape if len(shape) > 1 else (*shape, 1)

    _keeps_masks = True

    def compute_mask(self, inputs, mask=None):
        return None


def add(inputs, **kwargs):
    """Sum of the inputs, as `Add`."""
    return Add(**kwargs)(inputs)


def subtract(inputs, **kwargs):
    """First input less the second, as `Subtract`."""
    return Subtract(**kwargs)(inputs)


def average(inputs, **kwargs):
    """Mean of the inputs, as `Average`."""
    return Average(**kwargs)(inputs)


def multiply(inputs, **kwargs):
    """Product of the inputs, as `Multiply`."""
    return Multiply(**kwargs)(inputs)


def maximum(inputs, **kwargs):
    """Largest of the inputs, as `Maximum`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs, **kwargs):
    """Smallest of the inputs, as `Minimum`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs, axis=-1, **kwargs):
    """The inputs one after the other, as `Concatenate`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs, axes=-1, **kwargs):
    """Sum of products along axes, as `Dot`."""
    return Dot(axes=axes, **kwargs)(inputs)


def _is_list_of_shapes(shapes):
    return isinstance(shapes, (list, tuple)) and isinstance(next(iter(shapes), None), (list, tuple))


def _broadcast_shapes(first, second):
    if len(first) < len(second):
        first, second = second, first
    front = len(first) - len(second)
    result = list(first[:front])
    for a, b in zip(first[front:], second):
        if a is None or b is None:
            result.append(None)
        elif 1 in (a, b) or a == b:
            result.append(max(a, b) if 0 not in (a, b) else 0)
        else:
            raise ValueError(
                f"Inputs have incompatible shapes. Received shapes {first} and {second}"
            )
    return tuple(result)


def _of_same_rank(inputs):
    ranks = {x.ndim for x in inputs}
    if len(ranks) == 1:
        return inputs
    return [_with_rank(x, max(ranks)) for x in inputs]


def _with_rank(x, rank):
    return x.reshape(x.shape[0], *(1,) * (rank - x.ndim), *x.shape[1:])


def _expanded_mask(x):
    """The mask of a tensor, one element for each of its own; None where it has none."""
    mask = getattr(x, "_keras_mask", None)
    return None if mask is None else mask.bool().unsqueeze(-1).expand(x.shape)


def _check_masks(inputs, mask):
    if mask is None:
        return
    if not isinstance(mask, (list, tuple)):
        raise ValueError(f"`mask` should be a list. Received: mask={mask}")
    if not isinstance(inputs, (list, tuple)):
        raise ValueError(f"`inputs` should be a list. Received: inputs={inputs}")
    if len(mask) != len(inputs):
        raise ValueError(
            "The lists `inputs` and `mask` should have the same length. "
            f"Received: {len(inputs)} inputs and {len(mask)} masks"
        )
