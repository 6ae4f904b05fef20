"""Images to what the models expect, and predictions to the names of ImageNet's classes."""

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras import config, ops
from torchkeras._errors import one_of, received, warn
from torchkeras._symbolic import KerasTensor
from torchkeras.utils import get_file

__all__ = ["decode_predictions", "preprocess_input"]

_CLASS_INDEX = "https://storage.googleapis.com/download.tensorflow.org/data/"

# Mode -> what pixels from 0 to 255 become.
_MODES = {
    "caffe": "Channels in the order blue, green, red, less the means of ImageNet, not scaled.",
    "tf": "Values from -1 to 1.",
    "torch": "Values from 0 to 1, less the means of ImageNet, divided by its deviations.",
}
_BGR_MEANS = (103.939, 116.779, 123.68)
_RGB_MEANS = (0.485, 0.456, 0.406)
_RGB_DEVIATIONS = (0.229, 0.224, 0.225)


# ---- images


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Images with values from 0 to 255 as models were trained on them.

    Args:
        x: array or tensor (B, H, W, 3) or (H, W, 3), or with the channels first; also a symbolic
            one. An array of floats is changed in place; integers become `floatx`.
        data_format: "channels_last" or "channels_first"; None for the setting.
        mode: "caffe" turns the channels round to blue, green, red and takes ImageNet's means away;
            "tf" scales to -1 to 1; "torch" scales to 0 to 1 and normalizes each channel.
    """
    if mode not in _MODES:
        raise ValueError(
            f"Expected mode to be one of `caffe`, `tf` or `torch`. {received(mode=mode)}"
        )
    data_format = data_format or config.image_data_format()
    one_of("data_format", data_format, ("channels_first", "channels_last"))
    axis = -1 if data_format == "channels_last" else max(0, 1 - (len(x.shape) == 3))
    if isinstance(x, np.ndarray):
        return _preprocess_array(x, axis, mode)
    return _preprocess_tensor(x, axis, mode)


def _preprocess_array(x: np.ndarray, axis: int, mode: str) -> np.ndarray:
    if not np.issubdtype(x.dtype, np.floating):
        x = x.astype(config.floatx())
    if mode == "tf":
        x /= 127.5
        x -= 1.0
    elif mode == "torch":
        x /= 255.0
        x -= _along(axis, x.ndim, _RGB_MEANS, x.dtype)
        x /= _along(axis, x.ndim, _RGB_DEVIATIONS, x.dtype)
    else:
        x = np.flip(x, axis)
        x -= _along(axis, x.ndim, _BGR_MEANS, x.dtype)
    return x


def _along(axis: int, rank: int, values: tuple, dtype: np.dtype) -> np.ndarray:
    shape = [1] * rank
    shape[axis] = 3
    return np.array(values, dtype).reshape(shape)


def _preprocess_tensor(x: Any, axis: int, mode: str) -> Any:
    if not isinstance(x, (torch.Tensor, KerasTensor)):
        x = ops.convert_to_tensor(x)
    if "float" not in ops.dtype(x):
        x = ops.cast(x, config.floatx())
    dtype = ops.dtype(x)
    device = x.device if isinstance(x, torch.Tensor) else None

    def channels(values: tuple) -> torch.Tensor:
        values = _along(axis, len(x.shape), values, np.float32)
        return ops.cast(ops.convert_to_tensor(values), dtype).to(device)

    if mode == "tf":
        return x / 127.5 - 1.0
    if mode == "torch":
        return (x / 255.0 - channels(_RGB_MEANS)) / channels(_RGB_DEVIATIONS)
    return ops.flip(x, axis=axis) - channels(_BGR_MEANS)


def preprocessing(mode: str | None, module: str) -> Callable:
    """The `preprocess_input` of a module; one that changes nothing for mode None."""
    if mode is None:

        def function(x, data_format=None):
            return x

        does = "The images as they are, since the model itself has layers that scale them."
    else:

        def function(x, data_format=None):
            return preprocess_input(x, data_format, mode)

        does = f"Images with values from 0 to 255 as the models expect them. {_MODES[mode]}"
    function.__name__ = function.__qualname__ = "preprocess_input"
    function.__module__ = module
    function.__doc__ = (
        f"{does}\n\nArgs:\n    x: array or tensor (B, H, W, 3) or (H, W, 3), or with the channels "
        'first.\n    data_format: "channels_last" or "channels_first"; None for the setting.\n'
    )
    return function


# ---- predictions


@functools.cache
def _class_index() -> dict[str, list[str]]:
    """Number of a class as text -> its number in WordNet and its name."""
    path = get_file(
        "imagenet_class_index.json",
        f"{_CLASS_INDEX}imagenet_class_index.json",
        cache_subdir="models",
        file_hash="c2c37ea517e94d9795004a39431a14cb",
    )
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def decode_predictions(preds: Any, top: int = 5) -> list[list[tuple]]:
    """The likeliest of ImageNet's classes for each row of predictions.

    Args:
        preds: array or tensor (B, 1000).
        top: how many classes.

    Returns:
        For each row a list of `(number in WordNet, name, score)`, the likeliest first.
    """
    if len(preds.shape) != 2 or preds.shape[1] != 1000:
        raise ValueError(
            "`decode_predictions` expects a batch of predictions (i.e. a 2D array of shape "
            f"(samples, 1000)). Received array with shape: {tuple(preds.shape)}"
        )
    index = _class_index()
    results = []
    for row in ops.convert_to_numpy(preds):
        likeliest = row.argsort()[::-1][:top]
        results.append([(*index[str(number)], row[number]) for number in likeliest])
    return results


# ---- what models of one's own use, too


def obtain_input_shape(
    input_shape: Any,
    default_size: int,
    min_size: int,
    data_format: str,
    require_flatten: bool,
    weights: str | None = None,
) -> tuple:
    """The shape of a model's image (without the batch axis), checked.

    Args:
        input_shape: what the user gave, or None.
        default_size: pixels of height and width by default.
        min_size: fewest pixels.
        require_flatten: whether height and width must be known.
        weights: with "imagenet" there must be 3 channels, and with a head the default size.
    """
    first = data_format == "channels_first"
    shape = None if input_shape is None else tuple(input_shape)
    if shape and len(shape) != 3:
        raise ValueError(
            f"`input_shape` must be a tuple of three integers. {received(input_shape=input_shape)}"
        )
    pretrained = weights == "imagenet"
    channels = shape[0 if first else -1] if shape else 3
    if channels != 3 and pretrained and not require_flatten:
        raise ValueError(f"The input must have 3 channels. {received(input_shape=input_shape)}")
    if channels not in (1, 3) and not pretrained:
        warn(
            "This model usually expects 1 or 3 input channels. However, it was passed an "
            f"input_shape with {channels} input channels."
        )
    default = _with_channels(3, default_size, first)
    if pretrained and require_flatten:
        if shape not in (None, default):
            raise ValueError(
                "When setting `include_top=True` and loading `imagenet` weights, `input_shape` "
                f"should be {default}. {received(input_shape=input_shape)}"
            )
        return default
    if not shape:
        return default if require_flatten else _with_channels(3, None, first)
    if any(n is not None and n < min_size for n in (shape[1:] if first else shape[:2])):
        raise ValueError(
            f"Input size must be at least {min_size}x{min_size}. "
            + received(input_shape=input_shape)
        )
    if require_flatten and None in shape:
        raise ValueError(
            "If `include_top` is True, you should specify a static `input_shape`. "
            + received(input_shape=input_shape)
        )
    return shape


_obtain_input_shape = obtain_input_shape  # what Keras 1 and 2 called it


def _with_channels(channels: int, size: int | None, first: bool) -> tuple:
    return (channels, size, size) if first else (size, size, channels)


def correct_pad(inputs: Any, kernel_size: int) -> tuple:
    """The zeros that a padding layer adds before a "valid" convolution with strides of 2."""
    axis = 1 if config.image_data_format() == "channels_last" else 2
    half = kernel_size // 2
    sizes = inputs.shape[axis : axis + 2]
    return tuple((half - (1 if n is None else 1 - n % 2), half) for n in sizes)
