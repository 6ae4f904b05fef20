"""`tf.image`: resizing, cropping, colours and random changes of images."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras.ops import image as _image
from torchkeras.tf._boxes import (
    combined_non_max_suppression,
    draw_bounding_boxes,
    non_max_suppression,
    non_max_suppression_overlaps,
    non_max_suppression_padded,
    non_max_suppression_with_scores,
    sample_distorted_bounding_box,
    stateless_sample_distorted_bounding_box,
)
from torchkeras.tf._convert import as_shape, as_tensor, matched
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade, sealed
from torchkeras.tf.dtypes import as_dtype, torch_dtype
from torchkeras.tf.errors import InvalidArgumentError
from torchkeras.tf.io._images import (
    decode_bmp,
    decode_gif,
    decode_image,
    decode_jpeg,
    decode_png,
    encode_jpeg,
    encode_png,
    is_jpeg,
)
from torchkeras.tf.random import uniform

__all__ = [
    "ResizeMethod",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_jpeg_quality",
    "adjust_saturation",
    "central_crop",
    "combined_non_max_suppression",
    "convert_image_dtype",
    "crop_and_resize",
    "crop_to_bounding_box",
    "decode_and_crop_jpeg",
    "decode_bmp",
    "decode_gif",
    "decode_image",
    "decode_jpeg",
    "decode_png",
    "draw_bounding_boxes",
    "encode_jpeg",
    "encode_png",
    "extract_glimpse",
    "extract_jpeg_shape",
    "extract_patches",
    "flip_left_right",
    "flip_up_down",
    "grayscale_to_rgb",
    "hsv_to_rgb",
    "image_gradients",
    "is_jpeg",
    "non_max_suppression",
    "non_max_suppression_overlaps",
    "non_max_suppression_padded",
    "non_max_suppression_with_scores",
    "pad_to_bounding_box",
    "per_image_standardization",
    "psnr",
    "random_brightness",
    "random_contrast",
    "random_crop",
    "random_flip_left_right",
    "random_flip_up_down",
    "random_hue",
    "random_jpeg_quality",
    "random_saturation",
    "resize",
    "resize_with_crop_or_pad",
    "resize_with_pad",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "rot90",
    "sample_distorted_bounding_box",
    "sobel_edges",
    "ssim",
    "ssim_multiscale",
    "stateless_random_brightness",
    "stateless_random_contrast",
    "stateless_random_crop",
    "stateless_random_flip_left_right",
    "stateless_random_flip_up_down",
    "stateless_random_hue",
    "stateless_random_jpeg_quality",
    "stateless_random_saturation",
    "stateless_sample_distorted_bounding_box",
    "total_variation",
    "transpose",
]


class ResizeMethod:
    """The names of the methods of `resize`."""

    AREA = "area"
    BICUBIC = "bicubic"
    BILINEAR = "bilinear"
    GAUSSIAN = "gaussian"
    LANCZOS3 = "lanczos3"
    LANCZOS5 = "lanczos5"
    MITCHELLCUBIC = "mitchellcubic"
    NEAREST_NEIGHBOR = "nearest"


# ---- sizes


@facade
def resize(
    images, size, method="bilinear", preserve_aspect_ratio=False, antialias=False, name=None
):
    """Images of another height and width, float32 but for the method "nearest".

    Args:
        method: one of `tf.image.ResizeMethod`.
        preserve_aspect_ratio: keep it, so that one side may be smaller than asked for.
    """
    x, size = as_tensor(images), as_shape(size)
    if preserve_aspect_ratio:
        scale = min(size[0] / x.shape[-3], size[1] / x.shape[-2])
        size = tuple(round(length * scale) for length in x.shape[-3:-1])
    if method == ResizeMethod.NEAREST_NEIGHBOR:
        return _nearest(x, size)
    return _resized(x.to(torch.float32), size, method, antialias)


def _nearest(x: Tensor, size: tuple[int, int]) -> Tensor:
    for axis, length in zip((-3, -2), size):
        scale = x.shape[axis] / length
        places = torch.floor((torch.arange(length, device=x.device) + 0.5) * scale)
        places = places.clamp(max=x.shape[axis] - 1).long()
        x = torch.index_select(x, x.dim() + axis, places)
    return x


# Methods as weights: (half width of the filter, the filter).
def _gaussian(d: Tensor) -> Tensor:
    return torch.where(d < 1.5, torch.exp(-2 * torch.square(d)), 0)


def _mitchell(d: Tensor) -> Tensor:
    near = (7 * d**3 - 12 * d**2 + 16 / 3) / 6
    far = (-7 / 3 * d**3 + 12 * d**2 - 20 * d + 32 / 3) / 6
    return torch.where(d < 1, near, torch.where(d < 2, far, 0))


def _keys(d: Tensor) -> Tensor:
    near = 1.5 * d**3 - 2.5 * d**2 + 1
    far = -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
    return torch.where(d < 1, near, torch.where(d < 2, far, 0))


def _lanczos(radius: float):
    def weigh(d: Tensor) -> Tensor:
        return torch.where(d < radius, torch.sinc(d) * torch.sinc(d / radius), 0)

    return radius, weigh


_FILTERS = {
    "bilinear": (1.0, lambda d: torch.clamp(1 - d, min=0)),
    "bicubic": (2.0, _keys),
    "gaussian": (1.5, _gaussian),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "mitchellcubic": (2.0, _mitchell),
}


def _resized(x: Tensor, size: tuple[int, int], method: str, antialias: bool) -> Tensor:
    if method not in (*_FILTERS, "area"):
        raise ValueError(f"Resize method is not implemented: {method}. Received: method={method!r}")
    for axis, length in zip((-3, -2), size):
        if x.shape[axis] != length:
            weights = _weights(x.shape[axis], length, method, antialias, x)
            x = torch.movedim(torch.movedim(x, axis, -1) @ weights.T, -1, axis)
    return x


def _weights(old: int, new: int, method: str, antialias: bool, like: Tensor) -> Tensor:
    """How much of each old row is in each new one, (new, old)."""
    scale = old / new
    rows = torch.arange(old, dtype=torch.float64)
    if method == "area":
        starts = torch.arange(new, dtype=torch.float64)[:, None] * scale
        overlap = torch.minimum(rows + 1, starts + scale) - torch.maximum(rows, starts)
        return (overlap.clamp(min=0) / scale).to(like)
    radius, weigh = _FILTERS[method]
    stretch = max(scale, 1.0) if antialias else 1.0
    centers = (torch.arange(new, dtype=torch.float64) + 0.5) * scale
    if not antialias and method in ("bilinear", "bicubic"):
        return _interpolating(centers - 0.5, old, method).to(like)
    distances = torch.abs(rows + 0.5 - centers[:, None]) / stretch
    weights = weigh(distances)
    return (weights / weights.sum(1, keepdim=True)).to(like)


def _interpolating(places: Tensor, old: int, method: str) -> Tensor:
    """Weights of the neighbours of each place; those outside are left out or are the edge's."""
    first = torch.floor(places)
    if method == "bicubic":  # TensorFlow's filter is a table with 1024 steps
        places = first + torch.round((places - first) * 1024) / 1024
    offsets = (0, 1) if method == "bilinear" else (-1, 0, 1, 2)
    _, weigh = _FILTERS[method]
    weights = torch.zeros(len(places), old, dtype=torch.float64)
    for offset in offsets:
        neighbour = first + offset
        share = weigh(torch.abs(places - neighbour))
        if method == "bicubic":
            share = share * ((neighbour >= 0) & (neighbour < old))
        column = neighbour.clamp(0, old - 1).long()[:, None]
        weights.scatter_add_(1, column, share[:, None])
    return weights / weights.sum(1, keepdim=True)


@facade
def resize_with_pad(image, target_height, target_width, method="bilinear", antialias=False):
    """The whole image as large as fits, in the middle of zeros."""
    x = as_tensor(image)
    height, width = int(target_height), int(target_width)
    ratio = max(x.shape[-2] / width, x.shape[-3] / height)
    sizes = x.shape[-3] / ratio, x.shape[-2] / ratio
    small = resize(x, [math.floor(size) for size in sizes], method, antialias=antialias)
    top = max(math.floor((height - sizes[0]) / 2), 0)
    left = max(math.floor((width - sizes[1]) / 2), 0)
    return pad_to_bounding_box(small, top, left, height, width)


@facade
def resize_with_crop_or_pad(image, target_height, target_width):
    """The middle of the image, or the image in the middle of zeros."""
    x = as_tensor(image)
    for axis, target in zip((-3, -2), (int(target_height), int(target_width))):
        size = x.shape[axis]
        if size > target:
            x = x.narrow(axis, (size - target) // 2, target)
        else:
            before = (target - size) // 2
            widths = (0, 0) * (-axis - 1) + (before, target - size - before)
            x = F.pad(x, widths)
    return x


@facade
def pad_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The image in an area of zeros, with its corner at the given place."""
    x = as_tensor(image)
    sizes = int(offset_height), int(offset_width), int(target_height), int(target_width)
    bottom = sizes[2] - sizes[0] - x.shape[-3]
    right = sizes[3] - sizes[1] - x.shape[-2]
    if min(*sizes[:2], bottom, right) < 0:
        raise ValueError(
            "The image must fit into the target, and offsets must be >= 0. Received: "
            f"image.shape={tuple(x.shape)}, offset={sizes[:2]}, target={sizes[2:]}"
        )
    return F.pad(x, (0, 0, sizes[1], right, sizes[0], bottom))


@facade
def crop_to_bounding_box(image, offset_height, offset_width, target_height, target_width):
    """The part of the image with its corner at the given place."""
    x = as_tensor(image)
    top, left, height, width = map(int, (offset_height, offset_width, target_height, target_width))
    if min(top, left) < 0 or top + height > x.shape[-3] or left + width > x.shape[-2]:
        raise ValueError(
            "The box must be inside the image. Received: "
            f"image.shape={tuple(x.shape)}, offset={(top, left)}, target={(height, width)}"
        )
    return x[..., top : top + height, left : left + width, :]


@facade
def central_crop(image, central_fraction):
    """The middle of the image, so large a share of each side."""
    fraction = float(central_fraction)
    if not 0 < fraction <= 1:
        raise ValueError(f"central_fraction must be within (0, 1]. Received: {fraction}")
    x = as_tensor(image)
    starts = [int((size - size * fraction) / 2) for size in x.shape[-3:-1]]
    top, left = starts
    return x[..., top : x.shape[-3] - top, left : x.shape[-2] - left, :]


@facade
def crop_and_resize(
    image, boxes, box_indices, crop_size, method="bilinear", extrapolation_value=0.0, name=None
):
    """Boxes of images, (y1, x1, y2, x2) from 0 to 1, each resized to `crop_size`."""
    x, boxes = as_tensor(image).to(torch.float32), as_tensor(boxes)
    height, width = as_shape(crop_size)
    parts = []
    for box, index in zip(boxes.tolist(), as_tensor(box_indices).tolist()):
        rows = _places(box[0], box[2], x.shape[1], height)
        columns = _places(box[1], box[3], x.shape[2], width)
        parts.append(_sampled(x[index], rows, columns, method, float(extrapolation_value)))
    return torch.stack(parts)


def _places(start: float, stop: float, size: int, count: int) -> Tensor:
    if count == 1:
        return torch.tensor([0.5 * (start + stop) * (size - 1)])
    return start * (size - 1) + torch.arange(count) * ((stop - start) * (size - 1) / (count - 1))


def _sampled(x: Tensor, rows: Tensor, columns: Tensor, method: str, outside: float) -> Tensor:
    rows, columns = rows.to(x.device), columns.to(x.device)
    is_inside = ((rows >= 0) & (rows <= len(x) - 1))[:, None] & (
        (columns >= 0) & (columns <= x.shape[1] - 1)
    )
    if method == "nearest":
        picked = x[torch.round(rows).clamp(0, len(x) - 1).long()]
        picked = picked[:, torch.round(columns).clamp(0, x.shape[1] - 1).long()]
    else:
        picked = _between(_between(x, rows, 0), columns, 1)
    return torch.where(is_inside[..., None], picked, outside)


def _between(x: Tensor, places: Tensor, axis: int) -> Tensor:
    """Values between neighbours along an axis."""
    last = x.shape[axis] - 1
    low = torch.floor(places).clamp(0, last)
    share = (places - low).reshape([-1 if i == axis else 1 for i in range(x.dim())])
    before = torch.index_select(x, axis, low.long())
    after = torch.index_select(x, axis, (low + 1).clamp(max=last).long())
    return before + (after - before) * share


@facade
def extract_patches(images, sizes, strides, rates, padding, name=None):
    """Patches of images, each flat along the last axis."""
    x = as_tensor(images)
    return _image.extract_patches(
        x,
        as_shape(sizes)[1:3],
        as_shape(strides)[1:3],
        as_shape(rates)[1:3],
        padding.lower(),
        "channels_last",
    )


@facade
def extract_glimpse(
    input, size, offsets, centered=True, normalized=True, noise="uniform", name=None
):
    """Windows of images.

    Args:
        input: (batch, height, width, channels).
        size: height and width of a window.
        offsets: (batch, 2), where each window begins; with `centered` counted from the middle of
            the image, and if `normalized` too its own middle, from -1 to 1.
        centered: whether the offset (0, 0) is the middle of the image, not its corner.
        normalized: whether offsets are shares of the image, not pixels.
        noise: what is seen outside of the image: "uniform" numbers of the image's range,
            "gaussian" ones of its mean and deviation within that range, or "zero".

    Raises:
        InvalidArgumentError: an unknown `noise`.
    """
    if noise not in _OUTSIDE:
        raise InvalidArgumentError(
            f"`noise` must be one of {sorted(_OUTSIDE)}. Received: noise={noise!r}"
        )
    x, sizes = as_tensor(input), as_shape(size)
    parts = []
    for image, offset in zip(x, as_tensor(offsets).tolist()):
        window = image
        inside = torch.ones((), dtype=torch.bool, device=x.device)
        for axis, (begin, length) in enumerate(zip(offset, sizes)):
            whole = image.shape[axis]
            if normalized:
                begin *= whole
            if centered:
                begin = (begin + whole - length) / 2 if normalized else begin + whole / 2
            places = int(begin) + torch.arange(length, device=x.device)
            window = window.index_select(axis, places.clamp(0, whole - 1))
            inside = inside.unsqueeze(-1) & (places >= 0) & (places < whole)
        parts.append(torch.where(inside.unsqueeze(-1), window, _OUTSIDE[noise](image, window)))
    return torch.stack(parts)


def _gaussian_outside(image, window):
    drawn = torch.randn_like(window) * image.std(correction=0) + image.mean()
    return drawn.clamp(image.min(), image.max())


# What a window shows outside of an image.
_OUTSIDE = {
    "zero": lambda image, window: torch.zeros_like(window),
    "uniform": lambda image, window: (
        torch.rand_like(window) * (image.max() - image.min()) + image.min()
    ),
    "gaussian": _gaussian_outside,
}


# ---- turning


@facade
def flip_left_right(image):
    """The image in a mirror beside it."""
    return torch.flip(as_tensor(image), (-2,))


@facade
def flip_up_down(image):
    """The image in a mirror below it."""
    return torch.flip(as_tensor(image), (-3,))


@facade
def transpose(image, name=None):
    """Rows as columns."""
    return torch.transpose(as_tensor(image), -3, -2)


@facade
def rot90(image, k=1, name=None):
    """Turned by 90 degrees `k` times, against the clock."""
    return torch.rot90(as_tensor(image), int(k), (-3, -2))


# ---- colours


@facade
def convert_image_dtype(image, dtype, saturate=False, name=None):
    """An image in another dtype, scaled: floats go from 0 to 1, integers over their range."""
    x, wanted = as_tensor(image), as_dtype(dtype)
    given = as_dtype(x.dtype)
    if given == wanted:
        return x
    if given.is_floating:
        if wanted.is_floating:
            return x.to(wanted.torch)
        scaled = x * (wanted.max + 0.5)
        scaled = torch.clamp(scaled, wanted.min, wanted.max) if saturate else scaled
        return scaled.to(torch.int64).to(wanted.torch)
    if wanted.is_floating:
        return x.to(wanted.torch) * (1.0 / given.max)
    if given.max > wanted.max:
        return torch.div(x, (given.max + 1) // (wanted.max + 1), rounding_mode="floor").to(
            wanted.torch
        )
    return x.to(wanted.torch) * ((wanted.max + 1) // (given.max + 1))


def _as_floats(function, image: Any) -> Tensor:
    """`function` of the image in floats from 0 to 1, in the dtype of the image."""
    x = as_tensor(image)
    if x.is_floating_point():
        return function(x)
    found = function(convert_image_dtype(x, torch.float32))
    return convert_image_dtype(found, x.dtype, saturate=True)


@facade
def adjust_brightness(image, delta):
    """Adds `delta`, in floats from 0 to 1."""
    return _as_floats(lambda x: x + delta, image)


@facade
def adjust_contrast(images, contrast_factor):
    """Moves each channel away from its mean, or towards it."""

    def adjusted(x):
        mean = torch.mean(x, (-3, -2), keepdim=True)
        return (x - mean) * contrast_factor + mean

    return _as_floats(adjusted, images)


@facade
def adjust_gamma(image, gamma=1, gain=1):
    """`gain * x**gamma`, in floats from 0 to 1."""
    if float(gamma) < 0:
        raise ValueError(f"Gamma should be a non-negative real number. Received: gamma={gamma}")
    return _as_floats(lambda x: gain * x**gamma, image)


@facade
def adjust_hue(image, delta, name=None):
    """Turns the hue by `delta` of a whole turn."""

    def adjusted(x):
        h, s, v = _image.rgb_to_hsv(x, "channels_last").unbind(-1)
        return _image.hsv_to_rgb(torch.stack(((h + delta) % 1.0, s, v), -1), "channels_last")

    return _as_floats(adjusted, image)


@facade
def adjust_saturation(image, saturation_factor, name=None):
    """Multiplies the saturation."""

    def adjusted(x):
        h, s, v = _image.rgb_to_hsv(x, "channels_last").unbind(-1)
        s = torch.clamp(s * saturation_factor, 0, 1)
        return _image.hsv_to_rgb(torch.stack((h, s, v), -1), "channels_last")

    return _as_floats(adjusted, image)


def adjust_jpeg_quality(image, jpeg_quality, name=None):
    """What is left of the image when it has been a JPEG file."""
    x = as_tensor(image)
    pixels = convert_image_dtype(x, torch.uint8, saturate=True)
    decoded = decode_jpeg(encode_jpeg(pixels, quality=int(jpeg_quality)), channels=x.shape[-1])
    return convert_image_dtype(decoded, x.dtype, saturate=True)


_GRAY = (0.2989, 0.587, 0.114)


@facade
def rgb_to_grayscale(images, name=None):
    """The lightness of colours, in a single channel."""

    def gray(x):
        return torch.tensordot(x, torch.tensor(_GRAY, dtype=x.dtype, device=x.device), 1)[..., None]

    return _as_floats(gray, images)


@facade
def grayscale_to_rgb(images, name=None):
    """A single channel as three."""
    x = as_tensor(images)
    return torch.cat((x, x, x), -1)


@facade
def rgb_to_hsv(images, name=None):
    """Red, green and blue, from 0 to 1, as hue, saturation and value."""
    return _image.rgb_to_hsv(as_tensor(images), "channels_last")


@facade
def hsv_to_rgb(images, name=None):
    """Hue, saturation and value as red, green and blue, from 0 to 1."""
    return _image.hsv_to_rgb(as_tensor(images), "channels_last")


_YIQ = (
    (0.299, 0.587, 0.114),
    (0.59590059, -0.27455667, -0.32134392),
    (0.2115, -0.52273617, 0.31119955),
)
_YUV = (
    (0.299, 0.587, 0.114),
    (-0.14714119, -0.28886916, 0.43601035),
    (0.61497538, -0.51496512, -0.10001026),
)


def _colour_space(name: str, matrix: tuple, is_inverse: bool):
    table = torch.tensor(matrix, dtype=torch.float64)
    table = torch.linalg.inv(table) if is_inverse else table

    def call(images):
        x = as_tensor(images)
        return x @ table.T.to(x)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = "Colours in another space."
    return facade(call, f"tf.image.{name}")


rgb_to_yiq = _colour_space("rgb_to_yiq", _YIQ, False)
yiq_to_rgb = _colour_space("yiq_to_rgb", _YIQ, True)
rgb_to_yuv = _colour_space("rgb_to_yuv", _YUV, False)
yuv_to_rgb = _colour_space("yuv_to_rgb", _YUV, True)
__all__ += ["rgb_to_yiq", "rgb_to_yuv", "yiq_to_rgb", "yuv_to_rgb"]


@facade
def per_image_standardization(image):
    """Each image with mean 0 and variance 1."""
    x = as_tensor(image).to(torch.float32)
    axes = (-3, -2, -1)
    count = math.prod(x.shape[-3:])
    variance, mean = torch.var_mean(x, axes, correction=0, keepdim=True)
    return (x - mean) / torch.clamp(torch.sqrt(variance), min=1 / math.sqrt(count))


# ---- at random


def _between_bounds(low: float, high: float, seed: Any) -> float:
    return float(uniform((), low, high, seed=seed))


def _randomly(name: str, function, draw):
    """`tf.image.random_{name}` and its stateless form, which takes a pair of numbers as seed."""

    def call(image, *args, seed=None, **kwargs):
        return function(as_tensor(image), draw(*args, seed=seed, **kwargs))

    def stateless(image, *args, seed, **kwargs):
        first, second = as_shape(seed)
        generator = torch.Generator().manual_seed((first * 1_000_003 + second) % 2**63)
        return call(image, *args, seed=generator, **kwargs)

    for made, title in ((call, f"random_{name}"), (stateless, f"stateless_random_{name}")):
        made.__name__ = made.__qualname__ = title
        made.__doc__ = f"`{name}` of an image at random."
    return facade(call, f"tf.image.random_{name}"), facade(
        stateless, f"tf.image.stateless_random_{name}"
    )


def _flipped(axis: int):
    def flip(x, share):
        if x.dim() == 3:
            return torch.flip(x, (axis,)) if share[0] < 0.5 else x
        return torch.stack([torch.flip(i, (axis,)) if s < 0.5 else i for i, s in zip(x, share)])

    return flip


def _flips(axis: int, title: str):
    def call(image, seed=None):
        x = as_tensor(image)
        count = len(x) if x.dim() == 4 else 1
        return _flipped(axis)(x, uniform((count,), seed=seed).tolist())

    def stateless(image, seed):
        first, second = as_shape(seed)
        generator = torch.Generator().manual_seed((first * 1_000_003 + second) % 2**63)
        return call(image, generator)

    for made, name in ((call, title), (stateless, f"stateless_{title}")):
        made.__name__ = made.__qualname__ = name
        made.__doc__ = "Each image flipped with a chance of a half."
    return facade(call, f"tf.image.{title}"), facade(stateless, f"tf.image.stateless_{title}")


random_flip_left_right, stateless_random_flip_left_right = _flips(-2, "random_flip_left_right")
random_flip_up_down, stateless_random_flip_up_down = _flips(-3, "random_flip_up_down")


def _largest(max_delta, seed=None):
    if max_delta < 0:
        raise ValueError(f"max_delta must be non-negative. Received: max_delta={max_delta}")
    return _between_bounds(-max_delta, max_delta, seed)


def _factor(lower, upper, seed=None):
    if upper <= lower:
        raise ValueError(f"upper must be > lower. Received: lower={lower}, upper={upper}")
    return _between_bounds(lower, upper, seed)


random_brightness, stateless_random_brightness = _randomly(
    "brightness", adjust_brightness, _largest
)
random_contrast, stateless_random_contrast = _randomly("contrast", adjust_contrast, _factor)
random_hue, stateless_random_hue = _randomly("hue", adjust_hue, _largest)
random_saturation, stateless_random_saturation = _randomly("saturation", adjust_saturation, _factor)


def random_jpeg_quality(image, min_jpeg_quality, max_jpeg_quality, seed=None):
    """`adjust_jpeg_quality` with a random quality."""
    quality = uniform((), min_jpeg_quality, max_jpeg_quality, "int32", seed)
    return adjust_jpeg_quality(image, quality)


@facade
def random_crop(value, size, seed=None, name=None):
    """A part of the given size, at a random place."""
    x = as_tensor(value)
    for axis, (whole, part) in enumerate(zip(x.shape, as_shape(size))):
        if part > whole:
            raise ValueError(f"Need value.shape >= size. Received: {tuple(x.shape)}, {size}")
        start = int(uniform((), 0, whole - part + 1, "int32", seed))
        x = x.narrow(axis, start, part)
    return x


def stateless_random_crop(value, size, seed, name=None):
    """As `random_crop`, the same part each time for the same seed."""
    first, second = as_shape(seed)
    generator = torch.Generator().manual_seed((first * 1_000_003 + second) % 2**63)
    return random_crop(value, size, generator)


# ---- comparing


@facade
def psnr(a, b, max_val, name=None):
    """The peak signal-to-noise ratio of pairs of images, in decibels."""
    x, y = (convert_image_dtype(image, torch.float32) for image in matched(a, b))
    scale = (
        max_val if as_tensor(a).is_floating_point() else max_val / as_dtype(as_tensor(a).dtype).max
    )
    error = torch.mean(torch.square(x - y), (-3, -2, -1))
    return 20 * math.log10(scale) - 10 * torch.log10(error)


@facade
def ssim(
    img1,
    img2,
    max_val,
    filter_size=11,
    filter_sigma=1.5,
    k1=0.01,
    k2=0.03,
    return_index_map=False,
):
    """The structural similarity of pairs of images."""
    given = as_tensor(img1)
    if not given.is_floating_point():
        max_val = max_val / as_dtype(given.dtype).max
    x, y = (convert_image_dtype(image, torch.float32) for image in matched(img1, img2))
    luminance, contrast = _similarities(x, y, max_val, filter_size, filter_sigma, k1, k2)
    index = luminance * contrast
    if return_index_map:
        return index.mean(-3)
    return index.mean((-2, -1)).mean(-1)


def _similarities(
    x: Tensor, y: Tensor, max_val: float, size: int, sigma: float, k1: float, k2: float
) -> tuple[Tensor, Tensor]:
    """How alike the brightness and the structure around each pixel are, (..., channels, H, W)."""
    steps = torch.arange(size, dtype=x.dtype, device=x.device) - (size - 1) / 2
    window = torch.softmax(-0.5 * torch.square(steps) / sigma**2, 0)

    def blurred(image):
        planes = torch.movedim(image, -1, -3)
        flat = planes.reshape(-1, 1, *planes.shape[-2:])
        flat = F.conv2d(F.conv2d(flat, window[None, None, :, None]), window[None, None, None])
        return flat.reshape(*planes.shape[:-2], *flat.shape[-2:])

    small, large = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    mean_x, mean_y = blurred(x), blurred(y)
    luminance = (2 * mean_x * mean_y + small) / (mean_x**2 + mean_y**2 + small)
    cross = 2 * (blurred(x * y) - mean_x * mean_y) + large
    both = blurred(x**2 + y**2) - mean_x**2 - mean_y**2 + large
    return luminance, cross / both


@facade
def total_variation(images, name=None):
    """The sum of the differences of neighbouring pixels."""
    x = as_tensor(images)
    down = torch.abs(x[..., 1:, :, :] - x[..., :-1, :, :])
    across = torch.abs(x[..., :, 1:, :] - x[..., :, :-1, :])
    return down.sum((-3, -2, -1)) + across.sum((-3, -2, -1))


@facade
def image_gradients(image):
    """Differences of neighbouring pixels, down and across; 0 at the last row and column."""
    x = as_tensor(image)
    down = F.pad(x[:, 1:] - x[:, :-1], (0, 0, 0, 0, 0, 1))
    across = F.pad(x[:, :, 1:] - x[:, :, :-1], (0, 0, 0, 1))
    return down, across


@facade
def sobel_edges(image):
    """Sobel's derivatives down and across, along a new last axis."""
    x = as_tensor(image)
    kernel = torch.tensor([[-1.0, -2, -1], [0, 0, 0], [1, 2, 1]], dtype=x.dtype, device=x.device)
    planes = torch.movedim(x, -1, 1)
    flat = F.pad(planes.reshape(-1, 1, *planes.shape[-2:]), (1, 1, 1, 1), mode="reflect")
    edges = F.conv2d(flat, torch.stack((kernel, kernel.T))[:, None])
    return edges.reshape(*planes.shape[:2], 2, *planes.shape[-2:]).permute(0, 3, 4, 1, 2)


# ---- boxes


def decode_and_crop_jpeg(contents, crop_window, channels=0, **kwargs):
    """A window (top, left, height, width) of a JPEG file."""
    return crop_to_bounding_box(decode_jpeg(contents, channels), *as_shape(crop_window))


# The shares that the scales of `ssim_multiscale` have, from "Multiscale structural similarity for
# image quality assessment" (Wang, Simoncelli and Bovik, 2003).
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


@facade
def ssim_multiscale(
    img1,
    img2,
    max_val,
    power_factors=_SCALES,
    filter_size=11,
    filter_sigma=1.5,
    k1=0.01,
    k2=0.03,
):
    """The structural similarity of pairs of images, at several scales."""
    given = as_tensor(img1)
    if not given.is_floating_point():
        max_val = max_val / as_dtype(given.dtype).max
    x, y = (convert_image_dtype(image, torch.float32) for image in matched(img1, img2))
    product, last = 1.0, len(power_factors) - 1
    for number, power in enumerate(power_factors):
        if number:
            x, y = _halved(x), _halved(y)
        luminance, contrast = _similarities(x, y, max_val, filter_size, filter_sigma, k1, k2)
        index = luminance * contrast if number == last else contrast
        product = product * torch.relu(index.mean((-2, -1))) ** power
    return product.mean(-1)


def _halved(images: Tensor) -> Tensor:
    """Every two by two pixels as their mean; an odd edge counts twice."""
    planes = torch.movedim(images, -1, -3)
    flat = planes.reshape(-1, *planes.shape[-3:])
    flat = F.pad(flat, (0, flat.shape[-1] % 2, 0, flat.shape[-2] % 2), mode="reflect")
    flat = F.avg_pool2d(flat, 2)
    return torch.movedim(flat.reshape(*planes.shape[:-2], *flat.shape[-2:]), -3, -1)


def extract_jpeg_shape(contents, output_type="int32", name=None):
    """Height, width and channels of a JPEG file."""
    shape = as_tensor(tuple(decode_jpeg(contents).shape))
    return sealed(shape.to(torch_dtype(output_type)))


def stateless_random_jpeg_quality(image, min_jpeg_quality, max_jpeg_quality, seed):
    """As `random_jpeg_quality`, the same each time for the same seed."""
    first, second = as_shape(seed)
    generator = torch.Generator().manual_seed((first * 1_000_003 + second) % 2**63)
    quality = torch.randint(int(min_jpeg_quality), int(max_jpeg_quality), (), generator=generator)
    return adjust_jpeg_quality(image, int(quality))


__getattr__ = missing_from("tf.image")
