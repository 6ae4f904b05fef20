"""What the layers that prepare data have in common: how they are called, adapted, and encode."""

import functools
import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchkeras import config
from torchkeras._data.adapters import is_array
from torchkeras._data.dataset import PyDataset
from torchkeras._errors import received
from torchkeras._symbolic import infer_spec, running_on_meta
from torchkeras.layers import _strings
from torchkeras.layers._base import Layer

__all__ = []


class DataLayer(Layer):
    """Base of the layers that prepare data: called on one input, which may be a nested list."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # Results that are made of strings are put where this is, so that they follow the module.
        place = torch.empty(0, device=config.default_device())
        self.register_buffer("_place", place, persistent=False)

    def __call__(self, inputs, **kwargs):
        return super().__call__(_strings.as_array(inputs), **kwargs)

    def compute_output_shape(self, input_shape):
        """Shape of the outputs for inputs of the given shape."""
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, *args, **kwargs):
        return infer_spec(functools.partial(nn.Module.__call__, self), args, kwargs)

    def convert_weight(self, weight):
        """The weight itself: there is one backend."""
        return weight

    def _device(self):
        return torch.device("meta") if running_on_meta() else self._place.device

    def device_for(self, inputs) -> torch.device:
        """Where a result goes: where the input is, or with strings where the module is."""
        return inputs.device if isinstance(inputs, Tensor) else self._place.device


class OnStrings(DataLayer):
    """Base of the layers whose input is no numbers: its dtype is not that of weights."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.autocast = False
        self.supports_jit = False

    @property
    def input_dtype(self):
        """Name of the dtype of the inputs."""
        return self.compute_dtype

    def _apply(self, fn, recurse=True):
        # Past `Layer`'s, which makes the weights' dtype the layer's policy.
        super(Layer, self)._apply(fn, recurse)
        return self


def no_sparse(sparse: Any) -> bool:
    """Checks that no sparse output is asked for.

    Raises:
        ValueError: it is.
    """
    if sparse:
        raise ValueError(
            "`sparse=True` can only be used with the TensorFlow backend: outputs are dense here. "
            + received(sparse=sparse)
        )
    return False


def encode(
    indices: Tensor, mode: str, depth: int, dtype: torch.dtype, weights: Tensor | None = None
) -> Tensor:
    """Indices as they are ("int"), or as vectors of `depth`; indices out of range count nowhere.

    Args:
        mode: "int", "one_hot" for a vector of each index, "multi_hot" and "count" for one of each
            row.
        weights: what each index counts, in mode "count".
    """
    if mode == "int":
        return indices.to(dtype)
    if indices.ndim == 0:
        indices = indices.unsqueeze(0)
    indices = indices.long()
    if mode == "one_hot":
        if indices.ndim > 1 and indices.shape[-1] == 1:
            indices = indices.squeeze(-1)
        places = torch.arange(depth, device=indices.device)
        return (indices.unsqueeze(-1) == places).to(dtype)
    if indices.ndim > 1:
        indices = indices.movedim(1, -1)
    valid = (indices >= 0) & (indices < depth)
    if weights is not None:
        weights = weights.movedim(1, -1) if weights.ndim > 1 else weights
        dtype = weights.dtype
        valid = valid * weights
    counts = torch.zeros((*indices.shape[:-1], depth), dtype=dtype, device=indices.device)
    counts.scatter_add_(-1, indices.clamp(0, depth - 1), valid.to(dtype))
    return (counts > 0).to(dtype) if mode == "multi_hot" else counts


def encoded_shape(shape: tuple, mode: str, depth: int | None) -> tuple:
    """Shape of what `encode` gives."""
    shape = tuple(shape)
    if mode == "int":
        return shape
    if mode == "one_hot":
        shape = shape or (1,)
        return (*(shape[:-1] if len(shape) > 1 and shape[-1] == 1 else shape), depth)
    return (*shape[:1], *shape[2:], depth) if len(shape) > 1 else (depth,)


def batches(data: Any, steps: int | None = None, size: int | None = None) -> Iterator[Any]:
    """What `adapt` is given, batch by batch; of `(x, y)` only the `x`.

    Args:
        data: an array, or an iterable of batches.
        steps: how many batches to take at most.
        size: rows of a batch, where data is an array; None: it is one batch.
    """
    if is_array(data) and size and np.ndim(data):
        source = _slices(data, size)
    elif is_array(data) or isinstance(data, (str, bytes)):
        source = (data,)
    elif isinstance(data, PyDataset):
        source = (data[index] for index in range(data.num_batches))
    else:
        source = data
    for batch in itertools.islice(source, steps):
        if isinstance(batch, tuple) or (isinstance(batch, list) and any(map(is_array, batch))):
            batch = batch[0]
        yield batch


def _slices(array: Any, size: int) -> Iterator[Any]:
    for start in range(0, len(array), size):
        yield array[start : start + size]


def stands_for_data(inputs) -> bool:
    """Whether inputs are symbolic: a run that only computes shapes has no strings to read."""
    return isinstance(inputs, Tensor) and inputs.device.type == "meta"


def key_of(salt: Any, layer: str) -> list[int] | None:
    """The two numbers of a key, from two or one for both."""
    if salt is None:
        return None
    if isinstance(salt, (tuple, list)) and len(salt) == 2:
        return list(salt)
    if isinstance(salt, int):
        return [salt, salt]
    raise ValueError(
        f"The `salt` argument for `{layer}` can only be a tuple of size 2 integers, or a single "
        "integer. " + received(salt=salt)
    )
