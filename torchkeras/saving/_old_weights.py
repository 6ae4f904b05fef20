"""Arrays of weights as Keras 1, Theano and the cuDNN layers kept them, as they are kept today."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from torchkeras.saving import _h5, _raw

__all__ = []

Array = np.ndarray | _raw.Stored
Arrays = list[Array]

# The place of the input, forget, candidate and output gate among the weights of an LSTM of
# Keras 1, which came gate by gate: W, U, b of the input gate, then of the candidate, ...
_LSTM_GATES = (0, 6, 3, 9)
_GRU_GATES = (0, 3, 6)


class Origin(NamedTuple):
    """Who wrote a file.

    Attributes:
        is_keras_1: before Keras 2.
        is_theano: with kernels of convolutions turned around.
    """

    is_keras_1: bool = False
    is_theano: bool = False


def origin(*groups: Any) -> Origin:
    """Who wrote a file, from the attributes of its groups; of the first that says it."""
    version = said(groups, "keras_version")
    backend = said(groups, "backend")
    # Keras 1 said its version since 1.1.2; before, weights of a layer were called `dense_1_W`.
    return Origin(version.startswith("1.") or version == "", backend == "theano")


def said(groups: tuple, name: str) -> str:
    """A text among the attributes of groups, of the first that has it; else an empty one."""
    for group in groups:
        value = _h5.attribute(group, name, "")
        if isinstance(value, bytes):
            value = value.decode(errors="replace")
        if isinstance(value, str) and value:
            return value
    return ""


def converted(layer: Any, arrays: Arrays, made: Origin) -> Arrays:
    """The arrays of a layer, or of a model, in their order and shapes of today.

    Args:
        layer: a layer, or a model with layers.
        arrays: what the file holds for it.
        made: who wrote the file.
    """
    inside = _layers_of(layer)
    if inside:
        return _one_by_one(inside, arrays, made)
    kind = type(layer).__name__
    if kind == "Bidirectional":
        half = len(arrays) // 2
        ways = (layer.forward_layer, arrays[:half]), (layer.backward_layer, arrays[half:])
        return [array for way, own in ways for array in converted(way, own, made)]
    if kind == "TimeDistributed":
        return converted(layer.layer, arrays, made)
    if made.is_keras_1 and kind in _OF_KERAS_1:
        arrays = _OF_KERAS_1[kind](layer, _read(arrays))
    if made.is_theano and "Conv" in kind:
        arrays = [_turned(array) if array.ndim > 2 else array for array in _read(arrays)]
    if kind in ("LSTM", "GRU"):
        arrays = _without_cudnn(layer, arrays)
    return arrays


def _read(arrays: Arrays) -> list[np.ndarray]:
    return [np.asarray(array) for array in arrays]


def _layers_of(layer: Any) -> list[Any]:
    return list(layer.layers) if hasattr(layer, "compile_from_config") else []


def _one_by_one(layers: list[Any], arrays: Arrays, made: Origin) -> Arrays:
    """The arrays of a model inside a model: all trainable ones first, then the others.

    Keras 1 kept them layer by layer; where nothing changes within a layer, they stay as they are.
    """
    if made.is_keras_1:
        own = [(layer, len(_variables(layer))) for layer in layers]
        if sum(count for _, count in own) != len(arrays):
            return arrays
        trainable, others = [], []
        for layer, count in own:
            kept = converted(layer, arrays[:count], made)
            arrays = arrays[count:]
            first = len(layer.trainable_weights)
            trainable += kept[:first]
            others += kept[first:]
        return trainable + others
    counts = [len(layer.trainable_weights) for layer in layers]
    rests = [len(layer.non_trainable_weights) for layer in layers]
    if sum(counts) + sum(rests) != len(arrays):
        return arrays
    first, second = arrays[: sum(counts)], arrays[sum(counts) :]
    trainable, others = [], []
    for layer, count, rest in zip(layers, counts, rests):
        kept = converted(layer, first[:count] + second[:rest], made)
        first, second = first[count:], second[rest:]
        trainable += kept[:count]
        others += kept[count:]
    return trainable + others


def _variables(layer: Any) -> list[Any]:
    return layer.trainable_weights + layer.non_trainable_weights


# Keras 1


def _lstm(layer: Any, arrays: Arrays) -> Arrays:
    return _joined(arrays, _LSTM_GATES) if len(arrays) == 12 else arrays


def _gru(layer: Any, arrays: Arrays) -> Arrays:
    return _joined(arrays, _GRU_GATES) if len(arrays) == 9 else arrays


def _joined(arrays: Arrays, gates: tuple[int, ...]) -> Arrays:
    """Kernels, recurrent kernels and biases of the gates side by side."""
    return [np.concatenate([arrays[g + kind] for g in gates], axis=-1) for kind in range(3)]


def _conv1d(layer: Any, arrays: Arrays) -> Arrays:
    """Kernels were those of a two-dimensional convolution."""
    kernel = arrays[0]
    if kernel.ndim != 4:
        return arrays
    if kernel.shape[:2] == (layer.kernel_size[0], 1):
        return [kernel[:, 0], *arrays[1:]]
    return [kernel.transpose(2, 3, 1, 0)[:, 0], *arrays[1:]]  # (out, in, length, 1)


def _convolution(layer: Any, arrays: Arrays) -> Arrays:
    """With channels first the kernel began with the channels too: (out, in, ...)."""
    kernel = arrays[0]
    kernel = kernel.transpose(*range(2, kernel.ndim), 1, 0)
    if layer.data_format != "channels_first" or kernel.shape != tuple(layer.kernel.shape):
        return arrays
    return [kernel, *arrays[1:]]


def _transposed(layer: Any, arrays: Arrays) -> Arrays:
    """The two kinds of channels, in the order of a convolution, were the other way around."""
    kernel = arrays[0]
    if layer.data_format == "channels_first":
        kernel = kernel.transpose(2, 3, 0, 1)  # (in, out, rows, columns)
    if kernel.shape != tuple(layer.kernel.shape):
        kernel = kernel.swapaxes(-1, -2)
    return [kernel, *arrays[1:]]


_OF_KERAS_1: dict[str, Callable[[Any, Arrays], Arrays]] = {
    "Conv1D": _conv1d,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed,
    "Conv3D": _convolution,
    "GRU": _gru,
    "LSTM": _lstm,
}


def _turned(kernel: np.ndarray) -> np.ndarray:
    """Theano convolves where the others correlate."""
    return np.ascontiguousarray(np.flip(kernel, axis=tuple(range(kernel.ndim - 2))))


# Layers on cuDNN


def _without_cudnn(layer: Any, arrays: Arrays) -> Arrays:
    """cuDNN's layers had two biases and, of every gate, the transposed kernel."""
    gates = 4 if type(layer).__name__ == "LSTM" else 3
    if len(arrays) != 3 or arrays[2].ndim != 1 or arrays[2].size != 2 * gates * layer.units:
        return arrays
    kernel, recurrent, bias = _read(arrays)
    bias = bias.reshape(2, -1)
    return [
        _by_gate(kernel, gates, lambda k: k.reshape(k.shape[::-1]).T),
        _by_gate(recurrent, gates, lambda k: k.T),
        bias.sum(axis=0) if gates == 4 else bias,
    ]


def _by_gate(kernel: np.ndarray, gates: int, change: Callable[[np.ndarray], np.ndarray]):
    parts = np.split(kernel, gates, axis=1)
    return np.concatenate([change(np.ascontiguousarray(part)) for part in parts], axis=1)
