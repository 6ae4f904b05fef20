"""Images: resizing, warping, patches, colour spaces, filters.

All take one image or a batch, in both data formats; what is computed here is computed on a batch of
channels_last images and turned back.
"""

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config, random
from torchkeras._errors import int_tuple, one_of
from torchkeras._op import op
from torchkeras.ops._core import as_tensor, on_meta, promoted, saturate_cast, to_float
from torchkeras.ops.nn._convolution import same_padding

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]

ORDERS = {"nearest": 0, "bilinear": 1}
FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


# ------------------------------------------------------------------ shapes and dtypes
def _check_rank(images: Tensor, name: str = "images"):
    if images.ndim not in (3, 4):
        raise ValueError(
            f"Invalid {name} rank: expected rank 3 (single image) or rank 4 (batch of images). "
            f"Received input with shape: {name}.shape={tuple(images.shape)}"
        )


def _channels_axis(data_format: str | None) -> int:
    return -1 if config.standardize_data_format(data_format) == "channels_last" else -3


def _to_batch(images: Tensor, data_format: str | None) -> Tensor:
    """As (batch, height, width, channels)."""
    _check_rank(images)
    batch = images if images.ndim == 4 else images.unsqueeze(0)
    return batch.movedim(_channels_axis(data_format), -1)


def _like(batch: Tensor, images: Tensor, data_format: str | None) -> Tensor:
    """A result of `_to_batch`'s form in the rank and data format of `images`."""
    batch = batch.movedim(-1, _channels_axis(data_format))
    return batch if images.ndim == 4 else batch.squeeze(0)


def _rounded(x: Tensor, dtype: torch.dtype) -> Tensor:
    """`x` as `dtype`: rounded and kept in range where that is an int."""
    if dtype.is_floating_point or x.dtype is dtype:
        return x.to(dtype)
    return saturate_cast(torch.round(x), dtype)


def _wide(x: Tensor) -> Tensor:
    return x if x.dtype in (torch.float32, torch.float64) else x.to(torch.float32)


# ------------------------------------------------------------------ colour spaces
def _planes(images: Tensor, data_format: str | None) -> tuple[Tensor, ...]:
    """The three channels of floating images."""
    _check_rank(images)
    if not images.dtype.is_floating_point:
        raise ValueError(
            f"Invalid images dtype: expected float dtype. Received: images.dtype={images.dtype}"
        )
    axis = _channels_axis(data_format)
    if images.shape[axis] != 3:
        raise ValueError(
            "Input images must have 3 channels. "
            f"Received: images.shape={tuple(images.shape)}, data_format={data_format}"
        )
    return images.unbind(axis)


@op(name="RGBToGrayscale")
def rgb_to_grayscale(images: Tensor, data_format=None) -> Tensor:
    """Brightness of RGB images, with one channel; grey images stay as they are."""
    images = as_tensor(images)
    _check_rank(images)
    axis = _channels_axis(data_format)
    if images.shape[axis] not in (1, 3):
        raise ValueError(
            "Invalid channel size: expected 3 (RGB) or 1 (Grayscale). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )
    if images.shape[axis] == 1:
        return images.clone()
    red, green, blue = images.unbind(axis)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(images.dtype).unsqueeze(axis)


@op(name="RGBToHSV")
def rgb_to_hsv(images: Tensor, data_format=None) -> Tensor:
    """Hue, saturation and value, each from 0 to 1, of RGB images from 0 to 1."""
    images = as_tensor(images)
    red, green, blue = _planes(images, data_format)
    tiny = torch.finfo(images.dtype).eps
    red, green, blue = (torch.where(c.abs() < tiny, 0.0, c) for c in (red, green, blue))
    value = torch.maximum(torch.maximum(red, green), blue)
    spread = value - torch.minimum(torch.minimum(red, green), blue)
    # Divisions by 0 would make gradients NaN.
    saturation = torch.where(value > 0, spread / torch.where(value > 0, value, 1.0), 0.0)
    norm = 1.0 / (6.0 * torch.where(spread > 0, spread, 1.0))
    hue = torch.where(
        value == green,
        norm * (blue - red) + 2.0 / 6.0,
        norm * (red - green) + 4.0 / 6.0,
    )
    hue = torch.where(value == red, norm * (green - blue), hue)
    hue = torch.where(spread > 0, hue, 0.0) + (hue < 0.0).to(hue.dtype)
    return torch.stack((hue, saturation, value), _channels_axis(data_format))


@op(name="HSVToRGB")
def hsv_to_rgb(images: Tensor, data_format=None) -> Tensor:
    """RGB images from 0 to 1 from hue, saturation and value."""
    hue, saturation, value = _planes(as_tensor(images), data_format)
    turn = torch.remainder(hue, 1.0) * 6.0
    shares = (
        torch.clip(torch.abs(turn - 3.0) - 1.0, 0.0, 1.0),
        torch.clip(2.0 - torch.abs(turn - 2.0), 0.0, 1.0),
        torch.clip(2.0 - torch.abs(turn - 4.0), 0.0, 1.0),
    )
    planes = [value * (1.0 - saturation + saturation * share) for share in shares]
    return torch.stack(planes, _channels_axis(data_format))


# ------------------------------------------------------------------ resizing
RESIZE_METHODS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


@op
def resize(
    images: Tensor,
    size,
    interpolation="bilinear",
    antialias=False,
    crop_to_aspect_ratio=False,
    pad_to_aspect_ratio=False,
    fill_mode="constant",
    fill_value=0.0,
    data_format=None,
) -> Tensor:
    """Images of another height and width; ints are rounded and stay in range.

    Methods are "nearest", "bilinear", "bicubic", "lanczos3" and "lanczos5", all with half-pixel
    centres; `antialias` widens the filter where an image shrinks.
    """
    images = as_tensor(images)
    _check_resize(images, size, interpolation, fill_mode)
    if pad_to_aspect_ratio and crop_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio` & `crop_to_aspect_ratio` can be `True`."
        )
    size = tuple(size)
    x = _wide(_to_batch(images, data_format).movedim(-1, 1))
    if crop_to_aspect_ratio:
        x = _crop_to_ratio(x, size)
    if pad_to_aspect_ratio:
        x = _pad_to_ratio(x, size, fill_value)
    x = _resized(x, size, interpolation, antialias)
    return _like(_rounded(x, images.dtype).movedim(1, -1), images, data_format)


def _check_resize(images: Tensor, size, interpolation: str, fill_mode: str):
    if not isinstance(size, (tuple, list)) or len(size) != 2:
        raise ValueError(f"Expected `size` to be a tuple of 2 integers. Received: size={size}")
    if size[0] <= 0 or size[1] <= 0:
        raise ValueError(f"`size` must have positive height and width. Received: size={size}")
    _check_rank(images)
    one_of("interpolation", interpolation, RESIZE_METHODS)
    if fill_mode != "constant":
        raise ValueError(
            "Invalid value for argument `fill_mode`. Only `'constant'` is supported. "
            f"Received: fill_mode={fill_mode}"
        )


def _resized(x: Tensor, size: tuple[int, int], method: str, antialias: bool) -> Tensor:
    """(B, C, H, W) -> (B, C, *size)."""
    if method == "nearest":
        return F.interpolate(x, size, mode="nearest-exact")
    if method == "bilinear" or (method == "bicubic" and antialias):
        return F.interpolate(x, size, mode=method, align_corners=False, antialias=antialias)
    # torch's bicubic without antialias has another kernel (a = -0.75) than Keras's (a = -0.5).
    for axis, target in zip((2, 3), size, strict=True):
        source = x.shape[axis]
        scale = x.new_full((), target / source)
        weights = _weights(source, target, scale, x.new_zeros(()), KERNELS[method], antialias)
        x = torch.tensordot(x, weights, dims=((axis,), (0,))).movedim(-1, axis)
    return x


def _crop_to_ratio(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The largest centred part of (B, C, H, W) in the ratio of `size`."""
    height, width = x.shape[-2:]
    crop_height = max(min(height, int(float(width * size[0]) / size[1])), 1)
    crop_width = max(min(width, int(float(height * size[1]) / size[0])), 1)
    top = int(float(height - crop_height) / 2)
    left = int(float(width - crop_width) / 2)
    return x[:, :, top : top + crop_height, left : left + crop_width]


def _pad_to_ratio(x: Tensor, size: tuple[int, int], fill_value: float) -> Tensor:
    """(B, C, H, W) evenly padded to the ratio of `size`."""
    height, width = x.shape[-2:]
    top = int(float(max(height, int(float(width * size[0]) / size[1])) - height) / 2)
    left = int(float(max(width, int(float(height * size[1]) / size[0])) - width) / 2)
    return F.pad(x, (left, left, top, top), value=fill_value)


def _triangle(x: Tensor) -> Tensor:
    return torch.clamp(1 - x, min=0)


def _cubic(x: Tensor) -> Tensor:
    near = ((1.5 * x - 2.5) * x) * x + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return torch.where(x >= 2.0, 0.0, torch.where(x >= 1.0, far, near))


def _lanczos(radius: float, x: Tensor) -> Tensor:
    waves = radius * torch.sin(math.pi * x) * torch.sin(math.pi * x / radius)
    out = torch.where(x > 1e-3, waves / torch.where(x != 0, math.pi**2 * x**2, 1), 1)
    return torch.where(x > radius, 0.0, out)


# Weight of a sample at a distance >= 0.
KERNELS = {
    "linear": _triangle,
    "bilinear": _triangle,
    "trilinear": _triangle,
    "cubic": _cubic,
    "bicubic": _cubic,
    "tricubic": _cubic,
    "lanczos3": functools.partial(_lanczos, 3.0),
    "lanczos5": functools.partial(_lanczos, 5.0),
}


def _weights(
    source: int, target: int, scale: Tensor, translation: Tensor, kernel: Callable, antialias: bool
) -> Tensor:
    """(source, target): what each input sample adds to each output sample."""
    inverse = 1.0 / scale
    width = torch.clamp(inverse, min=1.0) if antialias else 1.0
    options = {"dtype": scale.dtype, "device": scale.device}
    centres = (torch.arange(target, **options) + 0.5) * inverse - translation * inverse - 0.5
    distance = torch.abs(centres - torch.arange(source, **options).unsqueeze(1)) / width
    weights = kernel(distance)
    total = weights.sum(0, keepdim=True)
    usable = total.abs() > 1000.0 * torch.finfo(torch.float32).eps
    weights = torch.where(usable, weights / torch.where(total != 0, total, 1), 0)
    return torch.where((centres >= -0.5) & (centres <= source - 0.5), weights, 0)


@op(inputs=("output_shape",))
def scale_and_translate(
    images: Tensor,
    output_shape,
    scale: Tensor,
    translation: Tensor,
    spatial_dims,
    method,
    antialias=True,
) -> Tensor:
    """`images` scaled, then moved, along `spatial_dims`; what comes from outside is 0.

    `scale` and `translation` have an element for each of `spatial_dims`; `output_shape` is that of
    the whole result.
    """
    kernel = KERNELS[one_of("method", method, KERNELS)]
    images = as_tensor(images)
    scale, translation = (to_float(v) for v in promoted(scale, translation))
    exact = images.dtype.is_floating_point
    result = images if exact else images.to(torch.float32)
    for i, axis in enumerate(spatial_dims):
        axis = axis % images.ndim
        size = images.shape[axis], output_shape[axis]
        weights = _weights(*size, scale[i], translation[i], kernel, antialias).to(result.dtype)
        result = torch.tensordot(result, weights, dims=((axis,), (0,))).movedim(-1, axis)
    if exact:
        return result
    low, high = images.min(), images.max()
    return torch.clip(torch.round(result), low, high).to(images.dtype)


# ------------------------------------------------------------------ warping
@op
def map_coordinates(
    inputs: Tensor, coordinates: Tensor, order, fill_mode="constant", fill_value=0
) -> Tensor:
    """`inputs` at `coordinates`, one tensor of them for each axis; order 0 takes the nearest
    element, 1 interpolates linearly."""
    inputs = as_tensor(inputs)
    coordinates = [as_tensor(c, device=inputs.device) for c in coordinates]
    if len(coordinates) != inputs.ndim:
        raise ValueError(
            "First dim of `coordinates` must be the same as the rank of `inputs`. Received inputs "
            f"with shape: {tuple(inputs.shape)} and coordinate leading dim of {len(coordinates)}"
        )
    if coordinates[0].ndim < 1:
        raise ValueError(
            "Invalid coordinates rank: expected at least rank 2. "
            f"Received input with shape: {(len(coordinates), *coordinates[0].shape)}"
        )
    if order not in (0, 1):
        raise NotImplementedError(
            f"map_coordinates currently requires order<=1. Received: order={order}"
        )
    one_of("fill_mode", fill_mode, FILL_MODES)
    return _interpolated(
        lambda indices: inputs[indices], coordinates, inputs.shape, order, fill_mode, fill_value
    ).to(inputs.dtype)


def _interpolated(
    pick: Callable,
    coordinates: Sequence[Tensor],
    sizes: Sequence[int],
    order: int,
    fill_mode: str,
    fill_value: float,
) -> Tensor:
    """The values at `coordinates`, where `pick` gives those at indices; of ints, rounded."""
    taps = [_taps(c, order) for c in coordinates]
    result = None
    for corner in itertools.product(*taps):
        indices = tuple(
            _inside(index, size, fill_mode) for (index, _), size in zip(corner, sizes, strict=True)
        )
        value = pick(indices)
        exact = value.dtype.is_floating_point
        if fill_mode == "constant":
            pairs = zip(corner, sizes, strict=True)
            valid = functools.reduce(
                operator.and_, [(index >= 0) & (index < size) for (index, _), size in pairs]
            )
            fill = fill_value if exact or isinstance(fill_value, Tensor) else int(fill_value)
            value = torch.where(valid, value, fill)
        if order:
            value = functools.reduce(operator.mul, [weight for _, weight in corner]) * value
        result = value if result is None else result + value
    return torch.round(result) if order and not exact else result


def _taps(coordinate: Tensor, order: int) -> list[tuple[Tensor, Tensor | None]]:
    """Indices next to a coordinate, with their weights."""
    if order == 0:
        nearest = torch.round(coordinate) if coordinate.dtype.is_floating_point else coordinate
        return [(nearest.long(), None)]
    lower = torch.floor(coordinate)
    weight = coordinate - lower
    return [(lower.long(), 1 - weight), (lower.long() + 1, weight)]


def _inside(index: Tensor, size: int, fill_mode: str) -> Tensor:
    """`index` led back into the axis."""
    if fill_mode == "wrap":
        return index % size
    if fill_mode == "mirror":
        return _mirrored(index, size)
    if fill_mode == "reflect":
        return torch.div(_mirrored(2 * index + 1, 2 * size + 1) - 1, 2, rounding_mode="floor")
    return torch.clip(index, 0, size - 1)


def _mirrored(index: Tensor, size: int) -> Tensor:
    last = max(size - 1, 1)
    return torch.abs((index + last) % (2 * last) - last) if size > 1 else index * 0


def _warped(
    images: Tensor, y: Tensor, x: Tensor, interpolation: str, fill_mode: str, fill_value
) -> Tensor:
    """(B, H, W, C) at the points (y, x), each (B, h, w), as (B, h, w, C)."""
    if _suits_kernel(images, y, x, interpolation, fill_value):
        return _sampled(images, y, x, fill_mode, fill_value)
    batch = torch.arange(images.shape[0], device=images.device).view(-1, 1, 1, 1)
    channels = torch.arange(images.shape[3], device=images.device)
    return _interpolated(
        lambda indices: images[(batch, *indices, channels)],
        (y.unsqueeze(-1), x.unsqueeze(-1)),
        images.shape[1:3],
        ORDERS[interpolation],
        fill_mode,
        fill_value,
    ).to(images.dtype)


def _suits_kernel(images: Tensor, y: Tensor, x: Tensor, interpolation: str, fill_value) -> bool:
    """Whether torch's own sampling gives the same; slopes by the points may differ at edges."""
    return (
        interpolation == "bilinear"
        and images.dtype in (torch.float32, torch.float64)
        and images.dtype == y.dtype == x.dtype
        and images.numel() > 0
        and not isinstance(fill_value, Tensor)
        and not (torch.is_grad_enabled() and (y.requires_grad or x.requires_grad))
        and not torch.compiler.is_compiling()
    )


# Rows and columns that the points of a fill mode may need before and behind the image.
_MARGINS = {"constant": (1, 1), "wrap": (0, 1)}


def _sampled(images: Tensor, y: Tensor, x: Tensor, fill_mode: str, fill_value: float) -> Tensor:
    """The bilinear `_warped`, by torch's kernel.

    It counts places from -1 to 1 over the whole picture. On one whose sides are powers of two,
    whole numbers of pixels stay exact in that.
    """
    batch, *size, channels = images.shape
    before, behind = _MARGINS.get(fill_mode, (0, 0))
    sides = [1 << (length + before + behind - 1).bit_length() for length in size]
    filling = fill_value if fill_mode == "constant" else 0
    canvas = images.new_full((batch, channels, *sides), filling)
    height, width = size
    inner = slice(before, before + height), slice(before, before + width)
    canvas[:, :, inner[0], inner[1]] = images.permute(0, 3, 1, 2)
    if fill_mode == "wrap":
        canvas[:, :, height, :width] = canvas[:, :, 0, :width]
        canvas[:, :, : height + 1, width] = canvas[:, :, : height + 1, 0]
    places = [
        (2 * (_led_back(place, length, fill_mode) + before) + 1) / side - 1
        for place, length, side in zip((y, x), size, sides, strict=True)
    ]
    grid = torch.stack((places[1], places[0]), -1).expand(batch, -1, -1, -1)
    sampled = F.grid_sample(canvas, grid, align_corners=False)
    return sampled.permute(0, 2, 3, 1).contiguous()


def _led_back(place: Tensor, size: int, fill_mode: str) -> Tensor:
    """Places between pixels led back to where the image, or its margin, is."""
    if fill_mode == "constant":
        return place.clamp(-1, size)
    if fill_mode == "wrap":
        return place.remainder(size)
    if fill_mode == "mirror":
        last = size - 1
        place = (place.remainder(2 * last) - last).abs() if size > 1 else place * 0
        place = last - place
    elif fill_mode == "reflect":
        place = size - ((place + 0.5).remainder(2 * size) - size).abs() - 0.5
    return place.clamp(0, size - 1)


def _grid(images: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """The rows and columns of a (B, H, W, C) batch, broadcastable to (B, H, W)."""
    rows, columns = (torch.arange(n, dtype=dtype, device=images.device) for n in images.shape[1:3])
    return rows.view(1, -1, 1), columns.view(1, 1, -1)


@op
def affine_transform(
    images: Tensor,
    transform: Tensor,
    interpolation="bilinear",
    fill_mode="constant",
    fill_value=0,
    data_format=None,
) -> Tensor:
    """Images whose point (x, y) is taken from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k).

    `transform` is (a0, a1, a2, b0, b1, b2, c0, c1), or one for each image; k = c0 x + c1 y + 1.
    """
    one_of("interpolation", interpolation, ORDERS)
    one_of("fill_mode", fill_mode, FILL_MODES)
    images = as_tensor(images)
    _check_rank(images)
    transform = to_float(as_tensor(transform, device=images.device))
    if transform.ndim not in (1, 2):
        raise ValueError(
            "Invalid transform rank: expected rank 1 (single transform) or rank 2 (batch of "
            f"transforms). Received input with shape: transform.shape={tuple(transform.shape)}"
        )
    return _projected(images, transform, interpolation, fill_mode, fill_value, data_format)


def _projected(images, transform, interpolation, fill_mode, fill_value, data_format) -> Tensor:
    batch = _to_batch(images, data_format)
    rows, columns = _grid(batch, transform.dtype)
    transform = transform if transform.ndim == 2 else transform.unsqueeze(0)
    a0, a1, a2, b0, b1, b2, c0, c1 = transform.view(-1, 8, 1, 1).unbind(1)
    k = c0 * columns + c1 * rows + 1
    x = (a0 * columns + a1 * rows + a2) / k
    y = (b0 * columns + b1 * rows + b2) / k
    result = _warped(batch, y, x, interpolation, fill_mode, fill_value)
    return _like(result, images, data_format)


@op
def perspective_transform(
    images: Tensor,
    start_points: Tensor,
    end_points: Tensor,
    interpolation="bilinear",
    fill_value=0,
    data_format=None,
) -> Tensor:
    """Images warped so that four points (x, y), `start_points`, come to lie at `end_points`."""
    one_of("interpolation", interpolation, ORDERS)
    images = as_tensor(images)
    _check_rank(images)
    dtype = images.dtype if images.dtype.is_floating_point else torch.float32
    start, end = (as_tensor(p, dtype, images.device) for p in (start_points, end_points))
    for name, points in (("start_points", start), ("end_points", end)):
        if points.ndim not in (2, 3) or points.shape[-2:] != (4, 2):
            raise ValueError(
                f"Invalid {name} shape: expected (4,2) for a single image or (N,4,2) for a batch. "
                f"Received shape: {tuple(points.shape)}"
            )
    if start.shape != end.shape:
        raise ValueError(
            "start_points and end_points must have the same shape. Received "
            f"start_points.shape={tuple(start.shape)}, end_points.shape={tuple(end.shape)}"
        )
    transform = _homography(start.view(-1, 4, 2), end.view(-1, 4, 2))
    return _projected(images, transform, interpolation, "constant", fill_value, data_format)


def _homography(start: Tensor, end: Tensor) -> Tensor:
    """(N, 4, 2) twice -> (N, 8): the transform that takes `end` to `start`."""
    start_wide, end_wide = _wide(start), _wide(end)
    ends = F.pad(end_wide, (0, 1), value=1.0)
    none = torch.zeros_like(ends)
    # Two rows for each point: one for its x, one for its y.
    left = torch.stack((torch.cat((ends, none), -1), torch.cat((none, ends), -1)), 2)
    right = -start_wide.unsqueeze(3) * end_wide.unsqueeze(2)
    matrix = torch.cat((left, right), -1).flatten(1, 2)
    return torch.linalg.solve(matrix, start_wide.flatten(1)).to(start.dtype)


@op
def elastic_transform(
    images: Tensor,
    alpha=20.0,
    sigma=5.0,
    interpolation="bilinear",
    fill_mode="reflect",
    fill_value=0.0,
    seed=None,
    data_format=None,
) -> Tensor:
    """Images with every point moved by noise of strength `alpha` and smoothness `sigma`."""
    one_of("interpolation", interpolation, ORDERS)
    one_of("fill_mode", fill_mode, FILL_MODES)
    images = as_tensor(images)
    batch = _to_batch(images, data_format)
    dtype = images.dtype if images.dtype.is_floating_point else torch.float32
    alpha, sigma = float(alpha), float(sigma)
    width = int(6 * sigma) | 1
    # The two displacements are two channels.
    noise = random.normal((*batch.shape[:3], 2), dtype=dtype, seed=seed).to(images.device) * sigma
    noise = _blurred(noise.movedim(-1, 1), (width, width), (sigma, sigma))
    rows, columns = _grid(batch, dtype)
    x = columns + alpha * noise[:, 0]
    y = rows + alpha * noise[:, 1]
    result = _warped(batch, y, x, interpolation, fill_mode, fill_value)
    return _like(result, images, data_format)


# ------------------------------------------------------------------ filters
def _gaussian(size: int, sigma: float, like: Tensor) -> Tensor:
    x = torch.arange(size, dtype=like.dtype, device=like.device) - (size - 1) / 2
    weights = torch.exp(-0.5 * (x / sigma) ** 2)
    return weights / weights.sum()


def _filtered(x: Tensor, kernel: Tensor, before: Sequence[int], after: Sequence[int]) -> Tensor:
    """(B, C, H, W) with every channel convolved with the (h, w) kernel after padding with 0."""
    if before != after:
        x = F.pad(x, (before[1], after[1], before[0], after[0]))
        before = (0, 0)
    kernel = kernel.expand(x.shape[1], 1, *kernel.shape)
    return F.conv2d(x, kernel, padding=tuple(before), groups=x.shape[1])


def _blurred(x: Tensor, kernel_size: Sequence[int], sigma: Sequence[float]) -> Tensor:
    kernel = torch.outer(
        _gaussian(kernel_size[0], sigma[0], x), _gaussian(kernel_size[1], sigma[1], x)
    )
    return _filtered(x, kernel, *same_padding(x.shape[2:], kernel_size, 1))


@op
def gaussian_blur(images: Tensor, kernel_size=(3, 3), sigma=(1.0, 1.0), data_format=None) -> Tensor:
    """Images blurred; `kernel_size` and `sigma` are given for height and width."""
    images = as_tensor(images)
    batch = _to_batch(images, data_format).movedim(-1, 1)
    batch = batch if batch.dtype.is_floating_point else batch.to(torch.float32)
    kernel_size = int_tuple("kernel_size", kernel_size, 2)
    result = _blurred(batch, kernel_size, (float(sigma[0]), float(sigma[1])))
    return _like(_rounded(result, images.dtype).movedim(1, -1), images, data_format)


@op
def sobel_edges(images: Tensor, data_format=None) -> Tensor:
    """Slopes of a batch of images in y and x, on a last axis of size 2."""
    images = as_tensor(images)
    if images.ndim != 4:
        raise ValueError(
            "Invalid images rank: expected rank 4 (batch of images). "
            f"Received: images.shape={tuple(images.shape)}"
        )
    batch = _to_batch(images, data_format).movedim(-1, 1)
    batch = batch if batch.dtype.is_floating_point else batch.to(torch.float32)
    across = batch.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    edges = [_filtered(batch, kernel, (1, 1), (1, 1)) for kernel in (across.T, across)]
    edges = torch.stack(edges, -1).to(images.dtype)
    return edges if _channels_axis(data_format) == -3 else edges.movedim(1, -2)


@op(name="SSIM")
def ssim(
    image1: Tensor,
    image2: Tensor,
    max_val=1.0,
    filter_size=11,
    filter_sigma=1.5,
    k1=0.01,
    k2=0.03,
    data_format=None,
) -> Tensor:
    """Structural similarity of two images, or of two batches image by image: 1 for equal ones."""
    image1 = as_tensor(image1)
    image2 = as_tensor(image2, device=image1.device)
    _check_rank(image1, "image1")
    _check_rank(image2, "image2")
    dtype = image1.dtype
    one = to_float(_to_batch(image1, data_format).movedim(-1, 1))
    two = _to_batch(image2, data_format).movedim(-1, 1).to(one.dtype)
    window = _gaussian(filter_size, filter_sigma, one)
    window = torch.outer(window, window)

    def mean(x):
        return _filtered(x, window, (0, 0), (0, 0))

    mean1, mean2 = mean(one), mean(two)
    square1, square2, product = mean1 * mean1, mean2 * mean2, mean1 * mean2
    variance1 = mean(one * one) - square1
    variance2 = mean(two * two) - square2
    covariance = mean(one * two) - product
    c1, c2 = (k1 * max_val) ** 2, (k2 * max_val) ** 2
    likeness = (2.0 * product + c1) * (2.0 * covariance + c2)
    likeness = likeness / ((square1 + square2 + c1) * (variance1 + variance2 + c2))
    result = likeness.mean((2, 3)).mean(-1).to(dtype)
    return result if image1.ndim == 4 else result.squeeze(0)


# ------------------------------------------------------------------ parts
@op
def extract_patches(
    images: Tensor, size, strides=None, dilation_rate=1, padding="valid", data_format=None
) -> Tensor:
    """The windows of images, or of volumes for a `size` of three, flattened into the channels."""
    if not isinstance(size, (int, tuple, list)):
        raise TypeError(
            "Invalid `size` argument. Expected an int or a tuple. "
            f"Received: size={size} of type {type(size).__name__}"
        )
    if not isinstance(size, int) and len(size) not in (2, 3):
        raise ValueError(
            "Invalid `size` argument. Expected a tuple of length 2 or 3. "
            f"Received: size={size} with length {len(size)}"
        )
    rank = 2 if isinstance(size, int) else len(size)
    return _patches(images, rank, size, strides, dilation_rate, padding, data_format)


def extract_patches_3d(
    volumes: Tensor, size, strides=None, dilation_rate=1, padding="valid", data_format=None
) -> Tensor:
    """The windows of volumes, flattened into the channels."""
    if not isinstance(size, int) and len(size) != 3:
        raise TypeError(
            "Invalid `size` argument. Expected an int or a tuple of length 3. "
            f"Received: size={size}"
        )
    size = int_tuple("size", size, 3)
    return extract_patches(volumes, size, strides, dilation_rate, padding, data_format)


def _patches(images, rank, size, strides, dilation_rate, padding, data_format) -> Tensor:
    images = as_tensor(images)
    if images.ndim not in (rank + 1, rank + 2):
        raise ValueError(
            f"Invalid images rank: expected rank {rank + 1} or {rank + 2} (batch). "
            f"Received input with shape: images.shape={tuple(images.shape)}"
        )
    size = int_tuple("size", size, rank)
    strides = int_tuple("strides", strides or size, rank)
    dilation_rate = int_tuple("dilation_rate", dilation_rate, rank)
    last = config.standardize_data_format(data_format) == "channels_last"
    x = images if images.ndim == rank + 2 else images.unsqueeze(0)
    x = x.movedim(-1, 1) if last else x
    if one_of("padding", padding.lower(), ("valid", "same")) == "same":
        before, after = same_padding(x.shape[2:], size, strides, dilation_rate)
        pairs = zip(reversed(before), reversed(after), strict=True)
        x = F.pad(x, [n for pair in pairs for n in pair])
    # Windows come as axes at the end: (B, C, *spatial, *size).
    for axis, (n, step, rate) in enumerate(zip(size, strides, dilation_rate, strict=True)):
        x = x.unfold(axis + 2, (n - 1) * rate + 1, step)[..., ::rate]
    x = x.movedim(1, -1).flatten(rank + 1)  # (B, *spatial, *size and C)
    x = x if last else x.movedim(-1, 1)
    return x if images.ndim == rank + 2 else x.squeeze(0)


@op
def pad_images(
    images: Tensor,
    top_padding=None,
    left_padding=None,
    bottom_padding=None,
    right_padding=None,
    target_height=None,
    target_width=None,
    data_format=None,
) -> Tensor:
    """Images with 0 around them; of top, bottom and target height two are given, so for width."""
    vertical = {"top_padding": top_padding, "bottom_padding": bottom_padding}
    horizontal = {"left_padding": left_padding, "right_padding": right_padding}
    images, batch, height, width = _checked_borders(
        images, vertical, target_height, horizontal, target_width, data_format
    )
    top, bottom = _borders(vertical, height, target_height, 1, on_meta(images))
    left, right = _borders(horizontal, width, target_width, 1, on_meta(images))
    return _like(F.pad(batch, (0, 0, left, right, top, bottom)), images, data_format)


@op
def crop_images(
    images: Tensor,
    top_cropping=None,
    left_cropping=None,
    bottom_cropping=None,
    right_cropping=None,
    target_height=None,
    target_width=None,
    data_format=None,
) -> Tensor:
    """Images without borders; of top, bottom and target height two are given, so for width."""
    vertical = {"top_cropping": top_cropping, "bottom_cropping": bottom_cropping}
    horizontal = {"left_cropping": left_cropping, "right_cropping": right_cropping}
    images, batch, height, width = _checked_borders(
        images, vertical, target_height, horizontal, target_width, data_format
    )
    top, bottom = _borders(vertical, height, target_height, -1, on_meta(images))
    left, right = _borders(horizontal, width, target_width, -1, on_meta(images))
    batch = batch[:, top : height - bottom, left : width - right]
    return _like(batch, images, data_format)


def _checked_borders(images, vertical, target_height, horizontal, target_width, data_format):
    images = as_tensor(images)
    batch = _to_batch(images, data_format)
    for borders, name, target in (
        (vertical, "target_height", target_height),
        (horizontal, "target_width", target_width),
    ):
        given = {**borders, name: target}
        values = ", ".join(f"{key}={value}" for key, value in given.items())
        if list(given.values()).count(None) != 1:
            raise ValueError(f"Must specify exactly two of {', '.join(given)}. Received: {values}")
        for key, value in given.items():
            if value is not None and value < 0:
                raise ValueError(f"{key} must be >= 0. Received: {key}={value}")
    return images, batch, batch.shape[1], batch.shape[2]


def _borders(borders: dict, size: int, target: int | None, sign: int, free: bool) -> list[int]:
    """Both borders: where one is None it follows from the target size, `size` + `sign` * borders.

    `free` is for sizes that are not known yet: a negative border is then no mistake.
    """
    first, second = borders.values()
    if target is not None:
        total = sign * (target - size)
        first = total - second if first is None else first
        second = total - first
    elif sign < 0 and size - first - second < 0 and not free:
        raise ValueError(
            "The target size must be >= 0. "
            f"Received: target={size - first - second}, {borders}, size={size}"
        )
    for name, value in zip(borders, (first, second), strict=True):
        if value < 0 and not free:
            raise ValueError(f"{name} must be >= 0. Received: {name}={value}")
    return [first, second]
