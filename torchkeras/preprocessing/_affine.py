"""Images seen through affine maps, with the edges that scipy.ndimage knows."""

from collections.abc import Callable

import torch
from torch import Tensor

from torchkeras._errors import one_of

__all__ = ["FILL_MODES", "affine_sample"]

FILL_MODES = ("constant", "nearest", "reflect", "wrap")


def affine_sample(
    images: Tensor, maps: Tensor, fill_mode: str = "nearest", cval: float = 0.0, order: int = 1
) -> Tensor:
    """Images whose pixel (row, column) is that of the given ones at `map @ (row, column, 1)`.

    The numbers equal those of `scipy.ndimage.affine_transform` with the mode of that name, up to
    the rounding of `images`' dtype, in which all is computed.

    Args:
        images: (batch, channels, height, width), floating point.
        maps: (batch, 2, 3), or (2, 3) for all images.
        fill_mode: beyond the edge "constant" has `cval`, "nearest" the pixel at the edge,
            "reflect" the mirrored image, "wrap" the image again.
        order: 0 for the nearest pixel, 1 for bilinear interpolation.
    """
    one_of("fill_mode", fill_mode, FILL_MODES)
    one_of("order", order, (0, 1))
    batch, channels, height, width = images.shape
    maps = maps.to(images).expand(batch, 2, 3)
    rows = torch.arange(height, device=images.device, dtype=images.dtype)[:, None]
    columns = torch.arange(width, device=images.device, dtype=images.dtype)
    places = []
    for axis in (0, 1):
        by_row, by_column, offset = maps[:, axis, :, None, None].unbind(1)
        # In scipy's order, so that places between two pixels go to the same side.
        places.append(offset + by_row * rows + by_column * columns)  # (batch, height, width)
    if fill_mode in _FOLDS:
        fold = _FOLDS[fill_mode]
        places = [fold(place, size) for place, size in zip(places, (height, width))]
    if order == 0:
        row, column = (torch.floor(place + 0.5) for place in places)
        sampled = _pick(images, row, column)
    else:
        sampled = _bilinear(images, *places)
    if fill_mode != "constant":
        return sampled
    inside = [(place >= 0) & (place <= size - 1) for place, size in zip(places, (height, width))]
    return torch.where((inside[0] & inside[1]).unsqueeze(1), sampled, cval)


def _bilinear(images: Tensor, row: Tensor, column: Tensor) -> Tensor:
    top, left = row.floor(), column.floor()
    down, right = (row - top).unsqueeze(1), (column - left).unsqueeze(1)
    lines = []
    for line in (top, top + 1):
        first = _pick(images, line, left)
        second = _pick(images, line, left + 1)
        lines.append(first * (1 - right) + second * right)
    return lines[0] * (1 - down) + lines[1] * down


def _wrapped(place: Tensor, size: int) -> Tensor:
    """Places within the image; as in scipy the last pixel is the first one of the next copy."""
    period = max(size - 1, 1)
    is_inside = (place >= 0) & (place <= size - 1)
    return torch.where(is_inside, place, place.remainder(period))


def _mirrored(place: Tensor, size: int) -> Tensor:
    """Places less than a pixel away from the image; its edges lie between two equal pixels."""
    place = place.remainder(2 * size)
    return torch.where(place < size, place, 2 * size - 1 - place)


_FOLDS: dict[str, Callable[[Tensor, int], Tensor]] = {"wrap": _wrapped, "reflect": _mirrored}


def _pick(images: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """The pixels (batch, channels, height, width) at whole numbers (batch, height, width)."""
    batch, channels, height, width = images.shape
    index = row.long().clamp(0, height - 1) * width + column.long().clamp(0, width - 1)
    index = index.flatten(1).unsqueeze(1).expand(-1, channels, -1)
    return images.flatten(2).gather(2, index).view(batch, channels, *row.shape[1:])
