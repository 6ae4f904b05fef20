"""Changes of batches of images, each by its own parameters."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras.preprocessing._affine import AffineSampler
from torchkeras.preprocessing._changes import affine_maps, sample_with_scipy

__all__ = ["Changes"]

# What moves pixels, and the values of these parameters that move none.
_AT_REST = {"theta": 0, "tx": 0, "ty": 0, "shear": 0, "zx": 1, "zy": 1}


class Changes:
    """What happens to the images of a batch, each with parameters of its own.

    Args:
        parameters: for each image, as `ImageDataGenerator.get_random_transform` gives them.
        size: height and width of the images.
        fill_mode: see `AffineSampler`, as for `cval` and `order`; above 1 it needs scipy.
        dtype: of the images as they were; pixels between others are rounded to whole numbers
            where it has only these.
        device: of the images.
    """

    def __init__(
        self,
        parameters: list[dict[str, Any]],
        size: tuple[int, int],
        fill_mode: str,
        cval: float,
        order: int,
        dtype: np.dtype,
        device: torch.device | None,
    ):
        self.how = fill_mode, cval, order
        self.dtype = dtype

        def column(name: str, rest: float = 0) -> np.ndarray:
            values = [one.get(name, rest) for one in parameters]
            return np.array([rest if value is None else value for value in values], np.float64)

        self.flips = {-2: column("flip_vertical") != 0, -1: column("flip_horizontal") != 0}
        moves = {name: column(name, rest) for name, rest in _AT_REST.items()}
        self.maps = None
        if any((values != _AT_REST[name]).any() for name, values in moves.items()):
            self.maps = affine_maps(**moves, height=size[0], width=size[1])
            for axis, is_flipped in self.flips.items():
                _flip_maps(self.maps, axis, is_flipped, size[axis])
            if order < 2:
                maps = torch.from_numpy(self.maps).to(device or "cpu")
                self.sampler = AffineSampler(maps, size, fill_mode, cval, order)
        shift, brightness = column("channel_shift_intensity"), column("brightness", 1)
        self.shift = shift if shift.any() else None
        is_bright = any(one.get("brightness") is not None for one in parameters)
        self.brightness = brightness if is_bright else None

    @property
    def is_none(self) -> bool:
        """Whether all images stay as they are."""
        is_flipped = any(flipped.any() for flipped in self.flips.values())
        return not is_flipped and self.maps is self.shift is self.brightness is None

    def apply(self, images: Tensor, start: int = 0) -> Tensor:
        """Images (batch, channels, height, width), floating point, changed; `start` is the first.

        Nothing is changed in place; where there is nothing to do, the images are returned.
        """
        part = slice(start, start + len(images))
        if self.maps is not None:
            images = self._moved(images, start)
        else:
            for axis, is_flipped in self.flips.items():
                if is_flipped[part].any():
                    mask = _per_image(is_flipped[part], images)
                    images = torch.where(mask, images.flip(axis), images)
        if self.shift is not None:
            low, high = _range(images)
            images = (images + _per_image(self.shift[part], images)).clamp_(low, high)
        return images if self.brightness is None else _brightened(images, self.brightness[part])

    def _moved(self, images: Tensor, start: int) -> Tensor:
        fill_mode, cval, order = self.how
        if order < 2:
            images = self.sampler(images, start)
        else:
            pairs = zip(images.cpu().numpy(), self.maps[start : start + len(images)])
            moved = [sample_with_scipy(image, one, fill_mode, cval, order) for image, one in pairs]
            images = torch.from_numpy(np.stack(moved)).to(images)
        if self.dtype.kind not in "iu":
            return images
        limits = np.iinfo(self.dtype)
        return images.add_(images.sign().mul_(0.5)).trunc_().clamp_(limits.min, limits.max)


def _per_image(values: np.ndarray, like: Tensor) -> Tensor:
    """Values (batch,) as (batch, 1, 1, 1); floats in the images' dtype."""
    dtype = None if values.dtype == bool else like.dtype
    return torch.as_tensor(values, dtype=dtype, device=like.device)[:, None, None, None]


def _range(images: Tensor) -> tuple[Tensor, Tensor]:
    """The smallest and the largest value of each image, (batch, 1, 1, 1)."""
    return images.amin((1, 2, 3), keepdim=True), images.amax((1, 2, 3), keepdim=True)


def _flip_maps(maps: np.ndarray, axis: int, is_flipped: np.ndarray, size: int) -> None:
    """Let the maps (batch, 2, 3) of some images count an axis from its other end."""
    column = 2 + axis  # the one that rows or columns are multiplied with
    maps[is_flipped, :, 2] += maps[is_flipped, :, column] * (size - 1)
    maps[is_flipped, :, column] *= -1


def _brightened(images: Tensor, factors: np.ndarray) -> Tensor:
    """Values in whole numbers from 0 to 255, multiplied and cut off there, but for transparency.

    Images with values beyond these are stretched to them, and back. The numbers equal those of
    Pillow, which computes in float32.
    """
    low, high = _range(images)
    is_beyond = (low < 0) | (high > 255)
    span = high - low
    if is_beyond.any():
        stretched = (images - low) / torch.where(span == 0, 1, span) * 255
        images = torch.where(is_beyond, stretched, images)
    whole = images.float().trunc_()
    bright = (whole * _per_image(factors, whole)).clamp_(0, 255).trunc_()
    if images.shape[1] == 4:
        bright[:, 3] = whole[:, 3]
    bright = bright.to(images.dtype)
    if is_beyond.any():
        bright = torch.where(is_beyond, bright / 255 * span + low, bright)
    return bright
