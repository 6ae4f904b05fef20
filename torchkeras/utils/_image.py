"""Images as Pillow images, as arrays and in files, and their sizes."""

import functools
import io
import math
import os
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import config
from torchkeras._errors import received, warn

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_GREY_MODES = ("L", "I;16", "I")
PIL_INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def pil_image(purpose: str) -> ModuleType:
    """Pillow's module `Image`, which takes long to import."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            f"Could not import PIL.Image. The use of `{purpose}` requires PIL. Install it via "
            "`pip install pillow`."
        ) from error
    return Image


# ---- arrays


def array_to_img(
    x: Any, data_format: str | None = None, scale: bool = True, dtype: str | None = None
) -> Any:
    """A Pillow image from an array (height, width, channels) with 1, 3 or 4 channels.

    Args:
        scale: stretch the values so that they go from 0 to 255.
        dtype: in which this is computed; None for `floatx`.
    """
    pil = pil_image("array_to_img")
    is_first = config.standardize_data_format(data_format) == "channels_first"
    x = x.detach().cpu().numpy() if isinstance(x, Tensor) else x
    x = np.asarray(x, dtype=dtype or config.floatx())
    if x.ndim != 3:
        raise ValueError(
            "Expected image array to have rank 3 (single image). Got array with shape: "
            f"{x.shape}. {received(shape=x.shape)}"
        )
    x = x.transpose(1, 2, 0) if is_first else x
    if scale:
        x = x - x.min()
        largest = x.max()
        x = x / (largest if largest else 1) * 255
    if x.shape[2] in (3, 4):
        return pil.fromarray(np.ascontiguousarray(x.astype("uint8")))
    if x.shape[2] != 1:
        raise ValueError(f"Unsupported channel number: {x.shape[2]}. {received(shape=x.shape)}")
    grey = x[:, :, 0]
    return pil.fromarray(np.ascontiguousarray(grey.astype("int32" if x.max() > 255 else "uint8")))


def img_to_array(img: Any, data_format: str | None = None, dtype: str | None = None) -> np.ndarray:
    """An array (height, width, channels) from a Pillow image; `dtype` None stands for `floatx`."""
    is_first = config.standardize_data_format(data_format) == "channels_first"
    x = np.asarray(img, dtype=dtype or config.floatx())
    if x.ndim == 2:
        x = x[:, :, None]
    elif x.ndim != 3:
        raise ValueError(f"Unsupported image shape: {x.shape}. {received(shape=x.shape)}")
    return x.transpose(2, 0, 1) if is_first else x


# ---- files


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **kwargs: Any,
) -> None:
    """Write an array (height, width, channels) into an image file.

    Args:
        path: of a file, or an open file, which needs `file_format`.
        file_format: by default the ending of the path.
        scale: stretch the values so that they go from 0 to 255.
        **kwargs: for Pillow's `Image.save`, such as `quality`.
    """
    if file_format is None and isinstance(path, (str, os.PathLike)):
        file_format = Path(path).suffix[1:].lower()
    if file_format and file_format.lower() == "jpg":
        file_format = "jpeg"
    image = array_to_img(x, data_format=data_format, scale=scale)
    if image.mode == "RGBA" and file_format == "jpeg":
        warn("The JPEG format does not support RGBA images, converting to RGB.")
        image = image.convert("RGB")
    image.save(path, format=file_format, **kwargs)


def load_img(
    path: Any,
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A Pillow image from a file.

    Args:
        path: of the file, or its bytes as `io.BytesIO`.
        color_mode: "grayscale", which keeps grey images of 16 and 32 bits, "rgb" or "rgba".
        target_size: (height, width) to resize to.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: cut off what does not fit the ratio of `target_size`, at equal parts on
            both sides, instead of stretching the image.
    """
    pil = pil_image("load_img")
    if color_mode not in _MODES:
        raise ValueError(
            f'color_mode must be "grayscale", "rgb", or "rgba". {received(color_mode=color_mode)}'
        )
    image = pil.open(_stream(path))
    if not (color_mode == "grayscale" and image.mode in _GREY_MODES):
        mode = _MODES[color_mode]
        image = image if image.mode == mode else image.convert(mode)
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    if interpolation not in PIL_INTERPOLATIONS:
        raise ValueError(
            f"Invalid interpolation method {interpolation} specified. Supported methods are "
            f"{', '.join(PIL_INTERPOLATIONS)}. {received(interpolation=interpolation)}"
        )
    height, width = target_size
    box = _largest_box(image.size, width, height) if keep_aspect_ratio else None
    return image.resize((width, height), pil.Resampling[interpolation.upper()], box=box)


def _stream(path: Any) -> io.BytesIO:
    if isinstance(path, io.BytesIO):
        return path
    if not isinstance(path, (str, bytes, os.PathLike)):
        raise TypeError(f"path should be path-like or io.BytesIO, not {type(path)}")
    return io.BytesIO(_content(path))


def _content(path: Any) -> bytes:
    """What is in a file, read by few calls: at each of them another thread may have to wait."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        status = os.fstat(file)
        content = os.read(file, status.st_size) if stat.S_ISREG(status.st_mode) else b""
    finally:
        os.close(file)
    if content and len(content) == status.st_size:
        return content
    with open(path, "rb") as whole:  # of no known size, or larger than what one call reads
        return whole.read()


def _largest_box(size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The largest part in the middle with that ratio, as (left, upper, right, lower)."""
    full_width, full_height = size
    cut_height = min(full_height, full_width * height // width)
    cut_width = min(full_width, full_height * width // height)
    left, upper = (full_width - cut_width) // 2, (full_height - cut_height) // 2
    return left, upper, left + cut_width, upper + cut_height


# ---- sizes


def smart_resize(
    x: Any,
    size: tuple[int, int],
    interpolation: str = "bilinear",
    data_format: str = "channels_last",
    **kwargs: Any,
) -> Any:
    """Images of another size and undistorted: what does not fit the ratio is cut off.

    Args:
        x: (height, width, channels) or (batch, height, width, channels); an array gives an array,
            a tensor a tensor.
        size: (height, width).
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic".
        **kwargs: `backend_module`, accepted and ignored.
    """
    kwargs.pop("backend_module", None)
    if kwargs:
        raise TypeError(f"smart_resize() got unexpected keyword arguments: {list(kwargs)}")
    if len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers, but got: {size}.")
    images = x if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x))
    if images.ndim not in (3, 4):
        raise ValueError(
            "Expected an image array with shape `(height, width, channels)`, or `(batch_size, "
            f"height, width, channels)`, but got input with incorrect rank, of shape "
            f"{tuple(images.shape)}."
        )
    is_first = data_format == "channels_first"
    images = images if is_first else images.movedim(-1, -3)
    images = resize(crop_to_ratio(images, size), size, interpolation)
    images = images if is_first else images.movedim(-3, -1)
    return images.numpy() if isinstance(x, np.ndarray) else images


def crop_to_ratio(images: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest part in the middle of images (..., height, width) with the ratio of `size`."""
    height, width = images.shape[-2:]
    cut_height = max(min(height, int(width * size[0] / size[1])), 1)
    cut_width = max(min(width, int(height * size[1] / size[0])), 1)
    top, left = (height - cut_height) // 2, (width - cut_width) // 2
    return images[..., top : top + cut_height, left : left + cut_width]


def pad_to_ratio(image: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """An image (channels, height, width) as large as it fits into `size`, zeros around it."""
    height, width = image.shape[-2:]
    ratio = max(height / size[0], width / size[1])
    inner = max(math.floor(height / ratio), 1), max(math.floor(width / ratio), 1)
    image = resize(image, inner, interpolation)
    rest_height, rest_width = size[0] - inner[0], size[1] - inner[1]
    top, left = rest_height // 2, rest_width // 2
    return F.pad(image, (left, rest_width - left, top, rest_height - top))


def resize(images: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Images (..., channels, height, width) in another size, in their dtype."""
    plain = {"bilinear": False, "bicubic": False, "nearest": None}
    values = images if images.dtype in (torch.float32, torch.float64) else images.float()
    if interpolation in plain:
        batch = values if values.ndim == 4 else values.unsqueeze(0)
        mode = "nearest-exact" if interpolation == "nearest" else interpolation
        resized = F.interpolate(batch, tuple(size), mode=mode, align_corners=plain[interpolation])
        resized = resized.view(*values.shape[:-2], *size)
    else:
        rows = _weights(values.shape[-2], size[0], interpolation).to(values)
        columns = _weights(values.shape[-1], size[1], interpolation).to(values)
        resized = rows @ values @ columns.T
    if images.is_floating_point():
        return resized.to(images.dtype)
    if images.dtype == torch.uint8:
        resized = resized.clamp(0, 255)
    return resized.round().to(images.dtype)


def _lanczos(x: Tensor, radius: int) -> Tensor:
    return torch.sinc(x) * torch.sinc(x / radius)


def _mitchell(x: Tensor) -> Tensor:
    x = x.abs()
    near = 7 / 6 * x**3 - 2 * x**2 + 8 / 9
    far = -7 / 18 * x**3 + 2 * x**2 - 10 / 3 * x + 16 / 9
    return torch.where(x < 1, near, far)


# Kernels by name, with the distance beyond which they are zero.
_KERNELS = {
    "lanczos3": (3, lambda x: _lanczos(x, 3)),
    "lanczos5": (5, lambda x: _lanczos(x, 5)),
    "gaussian": (1.5, lambda x: torch.exp(-2 * x**2)),
    "mitchellcubic": (2, _mitchell),
}
INTERPOLATIONS = ("bilinear", "nearest", "bicubic", "area", *_KERNELS)


@functools.lru_cache(64)
def _weights(old: int, new: int, interpolation: str) -> Tensor:
    """The share of every old row or column in every new one, (new, old)."""
    scale = old / new
    edges = torch.arange(old, dtype=torch.float64)
    starts = torch.arange(new, dtype=torch.float64)[:, None] * scale
    if interpolation == "area":
        overlap = torch.minimum(starts + scale, edges + 1) - torch.maximum(starts, edges)
        weights = overlap.clamp(min=0)
    elif interpolation in _KERNELS:
        radius, kernel = _KERNELS[interpolation]
        distance = edges + 0.5 - (starts + scale / 2)
        weights = kernel(distance) * (distance.abs() <= radius)
    else:
        raise ValueError(
            f"Argument `interpolation` should be one of {INTERPOLATIONS}. "
            + received(interpolation=interpolation)
        )
    return weights / weights.sum(1, keepdim=True)
