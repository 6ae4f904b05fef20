"""`tf.queue`: queues of tensors."""

import random
from collections import deque
from typing import Any

import torch

from torchkeras.tf._arrays import stack
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import sealed
from torchkeras.tf.dtypes import as_dtype, torch_dtype
from torchkeras.tf.errors import CancelledError, OutOfRangeError, ResourceExhaustedError

__all__ = ["FIFOQueue", "PaddingFIFOQueue", "QueueBase", "RandomShuffleQueue"]


class QueueBase:
    """Elements of one tensor, or of one for each of `dtypes`, that wait to be taken."""

    def __init__(self, capacity, dtypes, shapes=None, names=None, shared_name=None, name=None):
        dtypes = dtypes if isinstance(dtypes, list | tuple) else [dtypes]
        self.dtypes = [as_dtype(dtype) for dtype in dtypes]
        self.names = names
        self._capacity = int(capacity)
        self._items: deque = deque()
        self._is_closed = False

    def _element(self, value: Any) -> list:
        if isinstance(value, dict):
            value = [value[name] for name in self.names]
        parts = value if isinstance(value, list | tuple) and len(self.dtypes) > 1 else [value]
        return [self._part(part, dtype) for part, dtype in zip(parts, self.dtypes)]

    @staticmethod
    def _part(value: Any, dtype: Any) -> Any:
        tensor = as_tensor(value)
        return tensor if isinstance(tensor, StringTensor) else sealed(tensor.to(torch_dtype(dtype)))

    def _shown(self, parts: list) -> Any:
        if self.names is not None:
            return dict(zip(self.names, parts))
        return parts[0] if len(parts) == 1 else parts

    def enqueue(self, vals, name=None) -> None:
        """Adds an element.

        Raises:
            CancelledError: the queue is closed.
            ResourceExhaustedError: it is full; one thread would wait for itself.
        """
        if self._is_closed:
            raise CancelledError("Queue is closed.")
        if len(self._items) >= self._capacity:
            raise ResourceExhaustedError(f"Queue is full. Received: capacity={self._capacity}")
        self._items.append(self._element(vals))

    def enqueue_many(self, vals, name=None) -> None:
        """Adds the slices along the first axis."""
        several = len(self.dtypes) > 1 and isinstance(vals, list | tuple)
        columns = [sealed(as_tensor(part)) for part in (vals if several else [vals])]
        for row in zip(*columns):
            self.enqueue(list(row) if several else row[0])

    def _taken(self) -> list:
        if not self._items:
            raise OutOfRangeError("Queue is empty.")
        return self._items.popleft()

    def dequeue(self, name=None) -> Any:
        """Takes an element.

        Raises:
            OutOfRangeError: there is none; one thread would wait for itself.
        """
        return self._shown(self._taken())

    def dequeue_many(self, n, name=None) -> Any:
        """Takes `n` elements as one."""
        if len(self._items) < int(n):
            raise OutOfRangeError(f"Queue has {len(self._items)} elements. Received: n={n}")
        return self._joined([self._taken() for _ in range(int(n))])

    def dequeue_up_to(self, n, name=None) -> Any:
        """Takes `n` elements as one, or those that are there."""
        return self.dequeue_many(min(int(n), len(self._items)))

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
    """Gives any of the elements."""

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
        self._random = random.Random(seed)

    def _taken(self) -> list:
        if self._items:
            self._items.rotate(self._random.randrange(len(self._items)))
        return super()._taken()


__getattr__ = missing_from("tf.queue")
