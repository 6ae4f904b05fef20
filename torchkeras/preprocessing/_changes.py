"""Random and other changes of single images."""

from typing import Any

import numpy as np
import torch

from torchkeras._errors import import_optional, received
from torchkeras.preprocessing._affine import AffineSampler
from torchkeras.utils._image import array_to_img, img_to_array

__all__ = [
    "affine_maps",
    "apply_affine_transform",
    "apply_brightness_shift",
    "apply_channel_shift",
    "in_dtype",
    "random_brightness",
    "random_channel_shift",
    "random_rotation",
    "random_shear",
    "random_shift",
    "random_zoom",
    "sample_with_scipy",
]


def random_rotation(
    x,
    rg,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image turned by up to `rg` degrees in either direction; see `apply_affine_transform`."""
    theta = np.random.uniform(-rg, rg)
    axes = row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    return _transformed(x, axes, theta=theta)


def random_shift(
    x,
    wrg,
    hrg,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image moved by up to the share `wrg` of its width and the share `hrg` of its height.

    As documented, and unlike the code of Keras 2.5 and later, which moves it along the other axis.
    """
    height, width = x.shape[row_axis], x.shape[col_axis]
    ty = np.random.uniform(-hrg, hrg) * height
    tx = np.random.uniform(-wrg, wrg) * width
    axes = row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    return _transformed(x, axes, tx=tx, ty=ty)


def random_shear(
    x,
    intensity,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image sheared by up to `intensity` degrees; see `apply_affine_transform`."""
    shear = np.random.uniform(-intensity, intensity)
    axes = row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    return _transformed(x, axes, shear=shear)


def random_zoom(
    x,
    zoom_range,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    interpolation_order=1,
):
    """An image whose axes are each zoomed by a factor from `zoom_range`; above 1 it gets smaller.

    See `apply_affine_transform`.
    """
    _check_pair("zoom_range", zoom_range)
    zx, zy = 1, 1
    if tuple(zoom_range) != (1, 1):
        zx, zy = np.random.uniform(*zoom_range, 2)
    axes = row_axis, col_axis, channel_axis, fill_mode, cval, interpolation_order
    return _transformed(x, axes, zx=zx, zy=zy)


def _check_pair(name: str, value: Any) -> None:
    if len(value) != 2:
        raise ValueError(
            f"`{name}` should be a tuple or list of two floats. {received(**{name: value})}"
        )


def _transformed(x: np.ndarray, axes: tuple, **how: float) -> np.ndarray:
    row, column, channel, fill_mode, cval, order = axes
    return apply_affine_transform(
        x,
        **how,
        row_axis=row,
        col_axis=column,
        channel_axis=channel,
        fill_mode=fill_mode,
        cval=cval,
        order=order,
    )


def apply_affine_transform(
    x,
    theta=0,
    tx=0,
    ty=0,
    shear=0,
    zx=1,
    zy=1,
    row_axis=1,
    col_axis=2,
    channel_axis=0,
    fill_mode="nearest",
    cval=0.0,
    order=1,
):
    """An image turned, moved, sheared and zoomed about its centre.

    The centre is that of the image also where it is no square, as documented; the code of Keras 2
    swaps height and width there.

    Args:
        x: array with three axes, channels first or last.
        theta: degrees by which it turns counter-clockwise.
        tx: pixels by which the view moves to the right, so that the image moves to the left.
        ty: pixels by which the view moves down.
        shear: degrees.
        zx: how many columns of the image come into one.
        zy: how many rows of the image come into one.
        fill_mode: what is beyond the edges: "constant" for `cval`, "nearest", "reflect", "wrap".
        order: of the interpolation, 0 for nearest, 1 for bilinear; from 2 to 5 it needs scipy.
    """
    _check_axes(x, row_axis, col_axis, channel_axis)
    if (theta, tx, ty, shear, zx, zy) == (0, 0, 0, 0, 1, 1):
        return x
    height, width = x.shape[row_axis], x.shape[col_axis]
    matrix = affine_maps(theta, tx, ty, shear, zx, zy, height, width)[0]
    if row_axis > col_axis:
        matrix = matrix[::-1, [1, 0, 2]]
    channels = np.moveaxis(x, channel_axis, 0)
    if order > 1:
        sampled = sample_with_scipy(channels, matrix, fill_mode, cval, order)
    else:
        images = torch.from_numpy(channels.astype(np.float64)).unsqueeze(0)
        maps = torch.from_numpy(np.ascontiguousarray(matrix)).unsqueeze(0)
        sampler = AffineSampler(maps, images.shape[2:], fill_mode, cval, order)
        sampled = sampler(images)[0].numpy()
        sampled = in_dtype(sampled, x.dtype)
    return np.moveaxis(sampled, 0, channel_axis)


def _check_axes(x: np.ndarray, row_axis: int, col_axis: int, channel_axis: int) -> None:
    axes = {"row_axis": row_axis, "col_axis": col_axis, "channel_axis": channel_axis}
    if len(set(axes.values())) != 3:
        raise ValueError(
            "'row_axis', 'col_axis', and 'channel_axis' must be distinct. " + received(**axes)
        )
    if set(axes.values()) != {0, 1, 2}:
        raise ValueError(f"Invalid axis' indices: {received(**axes)}")
    if x.ndim != 3:
        raise ValueError(f"Input arrays must be multi-channel 2D images. {received(shape=x.shape)}")
    if channel_axis == 1:
        raise ValueError(
            f"Channels are allowed and the first and last dimensions. {received(**axes)}"
        )


def affine_maps(
    theta: Any, tx: Any, ty: Any, shear: Any, zx: Any, zy: Any, height: int, width: int
) -> np.ndarray:
    """The maps (batch, 2, 3) from (row, column, 1) of a pixel to the place it is taken from.

    Args:
        theta: degrees, one number or (batch,), like the arguments after it.
        height: of the images.
        width: of the images.
    """
    given = (np.asarray(part, np.float64) for part in (theta, tx, ty, shear, zx, zy))
    theta, tx, ty, shear, zx, zy = np.broadcast_arrays(*map(np.atleast_1d, given))
    angle, tilt = np.deg2rad(theta), np.deg2rad(shear)
    zero, one = np.zeros_like(angle), np.ones_like(angle)
    centre = width / 2 - 0.5, height / 2 - 0.5
    steps = [
        (one, zero, one * centre[0], zero, one, one * centre[1]),
        (np.cos(angle), -np.sin(angle), zero, np.sin(angle), np.cos(angle), zero),
        (one, zero, tx, zero, one, ty),
        (one, -np.sin(tilt), zero, zero, np.cos(tilt), zero),
        (zx, zero, zero, zero, zy, zero),
        (one, zero, -one * centre[0], zero, one, -one * centre[1]),
    ]
    total = np.eye(3)
    for step in steps:
        matrices = np.stack([*step, zero, zero, one], axis=-1).reshape(-1, 3, 3)
        total = total @ matrices
    # So far x is before y; in an array the row, y, is before the column.
    return total[:, [1, 0]][:, :, [1, 0, 2]]


def sample_with_scipy(
    channels: np.ndarray, matrix: np.ndarray, fill_mode: str, cval: float, order: int
) -> np.ndarray:
    """An image (channels, height, width) through a map, by a spline of the given order."""
    ndimage = import_optional("scipy.ndimage", f"apply_affine_transform with order={order}")
    return np.stack(
        [
            ndimage.affine_transform(
                channel, matrix[:, :2], matrix[:, 2], order=order, mode=fill_mode, cval=cval
            )
            for channel in channels
        ]
    )


def in_dtype(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values in a dtype, rounded to whole numbers and limited where it has only these."""
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        values = np.clip(np.trunc(values + np.copysign(0.5, values)), limits.min, limits.max)
    return values.astype(dtype)


def apply_channel_shift(x, intensity, channel_axis=0):
    """An image with `intensity` added to all channels, within the range that its values had."""
    return np.clip(x + intensity, np.min(x), np.max(x))


def random_channel_shift(x, intensity_range, channel_axis=0):
    """An image with one number between plus and minus `intensity_range` added to all channels."""
    intensity = np.random.uniform(-intensity_range, intensity_range)
    return apply_channel_shift(x, intensity, channel_axis=channel_axis)


def apply_brightness_shift(x, brightness, scale=True):
    """An image with its brightness multiplied, computed in whole numbers from 0 to 255.

    Args:
        x: (height, width, channels) in the default data format.
        brightness: 0 for black, 1 for no change.
        scale: stretch the values so that they go from 0 to 255.
    """
    enhance = import_optional("PIL.ImageEnhance", "apply_brightness_shift")
    low, high = np.min(x), np.max(x)
    is_outside = low < 0 or high > 255
    image = array_to_img(x, scale=is_outside or scale)
    x = img_to_array(enhance.Brightness(image).enhance(brightness))
    return x / 255 * (high - low) + low if is_outside and not scale else x


def random_brightness(x, brightness_range, scale=True):
    """An image with its brightness multiplied by a number from `brightness_range`."""
    _check_pair("brightness_range", brightness_range)
    return apply_brightness_shift(x, np.random.uniform(*brightness_range), scale)
