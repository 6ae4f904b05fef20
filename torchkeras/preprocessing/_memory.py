"""Memory of batches that is used again when nobody holds them any more."""

from typing import Any

import numpy as np

__all__ = ["Memory"]

# Smaller arrays come from memory that the process has at hand anyway.
_SMALLEST = 1 << 20

# As many blocks are kept that nobody uses.
_MOST_FREE = 2


class Memory:
    """Gives arrays whose memory was that of earlier ones, as soon as those are gone.

    The system clears fresh memory page by page when it is first written, which takes longer than
    to write it. An array here has its memory for itself as long as it, a view of it or a tensor
    that shares it exists.
    """

    def __init__(self):
        self._free: list[np.ndarray] = []

    def empty(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
        """An array with whatever is in its memory."""
        dtype = np.dtype(dtype)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        if size < _SMALLEST:
            return np.empty(shape, dtype)
        return np.asarray(_Lease(self._block(size), shape, dtype, self._free))

    def _block(self, size: int) -> np.ndarray:
        try:
            block = self._free.pop()
        except IndexError:
            return np.empty(size, np.uint8)
        return block if len(block) == size else np.empty(size, np.uint8)

    def __reduce__(self):
        return Memory, ()


class _Lease:
    """What an array keeps alive, and with it all views; gives the memory back at its end."""

    def __init__(self, block: np.ndarray, shape: tuple[int, ...], dtype: np.dtype, free: list):
        self.block = block
        self.free = free
        self.__array_interface__ = {
            "version": 3,
            "shape": tuple(shape),
            "typestr": dtype.str,
            "data": block.__array_interface__["data"],
        }

    def __del__(self):
        if len(self.free) < _MOST_FREE:
            self.free.append(self.block)
