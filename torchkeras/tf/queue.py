"""`tf.queue`: queues of tensors."""

import random
from collections import deque
from typing import Any

import torch

from torchkeras.tf._arrays import stack
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import TensorShape, sealed
from torchkeras.tf.dtypes import as_dtype, string, torch_dtype
from torchkeras.tf.errors import (
    CancelledError,
    InvalidArgumentError,
    OutOfRangeError,
    ResourceExhaustedError,
)

__all__ = ["FIFOQueue", "PaddingFIFOQueue", "QueueBase", "RandomShuffleQueue"]


class QueueBase:
    """Elements of one tensor, or of one for each of `dtypes`, that wait to be taken."""

    def __init__(self, capacity, dtypes, shapes=None, names=None, shared_name=None, name=None):
        dtypes = dtypes if isinstance(dtypes, list | tuple) else [dtypes]
        self.dtypes = [as_dtype(dtype) for dtype in dtypes]
        self.names = names
        self._shapes = _shapes(shapes, self.dtypes)
        self._capacity = int(capacity)
        self._items: deque = deque()
        self._is_closed = False

    def _components(self, values: Any) -> list:
        """The tensors that are given, one for each of `dtypes`.

        Raises:
            ValueError: a dictionary, but the queue has no names, or others.
            InvalidArgumentError: too few tensors.
        """
        if (self.names is not None) != isinstance(values, dict):
            raise ValueError(
                "A queue with names takes dictionaries, and no other queue does. "
                f"Received: {values} for names={self.names}"
            )
        if isinstance(values, dict):
            if values.keys() != set(self.names):
                raise ValueError(
                    f"Keys in dictionary to enqueue do not match names of Queue. Received: "
                    f"{sorted(values)}, expected {sorted(self.names)}"
                )
            values = [values[name] for name in self.names]
        values = values if isinstance(values, list | tuple) else [values]
        if len(values) < len(self.dtypes):
            raise InvalidArgumentError(
                f"Expected {len(self.dtypes)} tensors. Received: {len(values)}"
            )
        return [self._part(value, dtype) for value, dtype in zip(values, self.dtypes)]

    @staticmethod
    def _part(value: Any, dtype: Any) -> Any:
        tensor = as_tensor(value)
        if isinstance(tensor, StringTensor) != (dtype == string):
            raise TypeError(f"Cannot convert {value!r} to a tensor of dtype {dtype.name}.")
        return tensor if dtype == string else sealed(tensor.to(torch_dtype(dtype)))

    def _add(self, parts: list) -> None:
        if self._is_closed:
            raise CancelledError("Queue is closed.")
        for part, shape in zip(parts, self._shapes):
            if shape is not None:
                part.shape.assert_is_compatible_with(shape)
        if len(self._items) >= self._capacity:
            raise ResourceExhaustedError(f"Queue is full. Received: capacity={self._capacity}")
        self._items.append(parts)

    def _shown(self, parts: list) -> Any:
        if self.names is not None:
            return dict(zip(self.names, parts))
        return parts[0] if len(parts) == 1 else parts

    def enqueue(self, vals, name=None) -> None:
        """Adds an element: a tensor, or a list of one for each dtype, or a dictionary by names.

        Raises:
            CancelledError: the queue is closed.
            ResourceExhaustedError: it is full; one thread would wait for itself.
            ValueError: tensors of other shapes than the queue has, or without its names.
        """
        self._add(self._components(vals))

    def enqueue_many(self, vals, name=None) -> None:
        """Adds the slices along the first axis of what `enqueue` takes.

        Raises:
            ValueError: a tensor without axes.
        """
        columns = self._components(vals)
        if not all(len(column.shape) for column in columns):
            raise ValueError(f"Shape () must have rank at least 1. Received: {vals}")
        for row in zip(*columns):
            self._add(list(row))

    def _available(self) -> int:
        """How many elements may be taken now."""
        return len(self._items)

    def _taken(self) -> list:
        return self._items.popleft()

    def _check(self, count: int) -> None:
        if self._available() < count:
            raise OutOfRangeError(
                f"Queue has insufficient elements (requested {count}, current size "
                f"{len(self._items)}, of which {max(self._available(), 0)} may be taken)"
            )

    def dequeue(self, name=None) -> Any:
        """Takes an element.

        Raises:
            OutOfRangeError: there is none; one thread would wait for itself.
        """
        self._check(1)
        return self._shown(self._taken())

    def dequeue_many(self, n, name=None) -> Any:
        """Takes `n` elements as one.

        Raises:
            OutOfRangeError: there are fewer.
        """
        self._check(int(n))
        return self._joined([self._taken() for _ in range(int(n))])

    def dequeue_up_to(self, n, name=None) -> Any:
        """Takes `n` elements as one, or those that are there."""
        return self.dequeue_many(min(int(n), max(self._available(), 1)))

    def _joined(self, rows: list) -> Any:
        return self._shown([stack(list(column)) for column in zip(*rows)])

    def size(self, name=None) -> Any:
        """The number of elements."""
        return sealed(torch.tensor(len(self._items), dtype=torch.int32))

    def is_closed(self, name=None) -> Any:
        """Whether nothing can be added any more."""
        return sealed(torch.tensor(self._is_closed))

    def close(self, cancel_pending_enqueues=False, name=None) -> None:
        """Lets nothing be added any more."""
        self._is_closed = True


def _shapes(shapes: Any, dtypes: list) -> list[TensorShape | None]:
    """The shapes that tensors of each dtype must have; None where they may have any."""
    if shapes is None:
        return [None] * len(dtypes)
    if isinstance(shapes, TensorShape) or all(s is None or isinstance(s, int) for s in shapes):
        shapes = [shapes]
    if len(shapes) != len(dtypes):
        raise ValueError(
            f"Queue shapes must have the same length as dtypes. Received: shapes={shapes}, "
            f"dtypes={dtypes}"
        )
    return [TensorShape(shape) for shape in shapes]


class FIFOQueue(QueueBase):
    """Gives the element that came first."""


class PaddingFIFOQueue(QueueBase):
    """As `FIFOQueue`; elements that are taken together are filled with zeros to one shape."""

    def _joined(self, rows: list) -> Any:
        return self._shown([_filled(list(column)) for column in zip(*rows)])


def _filled(parts: list) -> Any:
    sizes = [max(size) for size in zip(*(tuple(part.shape) for part in parts))]
    whole = parts[0].new_zeros((len(parts), *sizes))
    for row, part in zip(whole, parts):
        row[tuple(slice(size) for size in part.shape)] = part
    return sealed(whole)


class RandomShuffleQueue(QueueBase):
    """Gives any of the elements; `min_after_dequeue` of them stay until the queue is closed.

    Raises:
        InvalidArgumentError: `min_after_dequeue` is negative, or not less than `capacity`.
    """

    def __init__(
        self,
        capacity,
        min_after_dequeue,
        dtypes,
        shapes=None,
        names=None,
        seed=None,
        shared_name=None,
        name=None,
    ):
        super().__init__(capacity, dtypes, shapes, names)
        if not 0 <= min_after_dequeue < capacity:
            raise InvalidArgumentError(
                f"min_after_dequeue {min_after_dequeue} must be >= 0 and < capacity {capacity}"
            )
        self._kept = int(min_after_dequeue)
        self._random = random.Random(seed)

    def _available(self) -> int:
        return len(self._items) - (0 if self._is_closed else self._kept)

    def _taken(self) -> list:
        if self._items:
            self._items.rotate(self._random.randrange(len(self._items)))
        return super()._taken()


__getattr__ = missing_from("tf.queue")
