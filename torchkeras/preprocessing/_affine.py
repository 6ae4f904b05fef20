"""Images seen through affine maps, with the edges that scipy.ndimage knows."""

import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras._errors import one_of

__all__ = ["FILL_MODES", "AffineSampler"]

FILL_MODES = ("constant", "nearest", "reflect", "wrap")

# The modes whose places beyond the edges the sampling kernel folds back by itself.
_KERNEL_MODES = {"nearest": "border", "reflect": "reflection"}


class AffineSampler:
    """Images whose pixel (row, column) is that of given ones at `map @ (row, column, 1)`.

    The numbers equal those of `scipy.ndimage.affine_transform` with the mode of that name, up to
    the rounding of the images' dtype. On which side of an edge a place lies is found in float64.

    Args:
        maps: (batch, 2, 3), float64.
        size: height and width of the images.
        fill_mode: beyond the edge "constant" has `cval`, "nearest" the pixel at the edge,
            "reflect" the mirrored image, "wrap" the image again.
        order: 0 for the nearest pixel, 1 for bilinear interpolation.
    """

    def __init__(
        self,
        maps: Tensor,
        size: tuple[int, int],
        fill_mode: str = "nearest",
        cval: float = 0.0,
        order: int = 1,
    ):
        self.fill_mode = one_of("fill_mode", fill_mode, FILL_MODES)
        self.order = one_of("order", order, (0, 1))
        self.cval = cval
        self.size = size
        self.is_folded_by_kernel = order == 1 and fill_mode in _KERNEL_MODES
        # Places are sums of two parts, found here for all images: (batch, height, 1) for the rows
        # and (batch, 1, width) for the columns, along each axis.
        self.parts = []
        rows, columns = (torch.arange(n, device=maps.device, dtype=maps.dtype) for n in size)
        for axis, length in enumerate(size):
            by_row, by_column, offset = maps[:, axis, :, None].unbind(1)
            # In scipy's order, so that places between two pixels go to the same side.
            parts = (offset + by_row * rows).unsqueeze(2), (by_column * columns).unsqueeze(1)
            if self.is_folded_by_kernel:
                scale = 2 / length  # to -1 at the first edge and 1 at the last
                parts = parts[0] * scale + (1 / length - 1), parts[1] * scale
            self.parts.append(parts)

    def __call__(self, images: Tensor, start: int = 0) -> Tensor:
        """Images (some of the batch, channels, height, width), the first one number `start`."""
        part = slice(start, start + len(images))
        # Pixels are picked from all over: side by side in a channel they fit the cache.
        images = images.contiguous()
        # Each coordinate lies by itself in memory, x first; the kernel wants them side by side.
        grid = images.new_empty(len(images), 2, *self.size)
        beside = grid.permute(0, 2, 3, 1)
        if self.is_folded_by_kernel:
            for axis, (by_row, by_column) in enumerate(self.parts):
                pair = by_row[part].to(images), by_column[part].to(images)
                torch.add(*pair, out=grid[:, 1 - axis])
            return _bilinear(images, beside, _KERNEL_MODES[self.fill_mode])
        places = [torch.add(by_row[part], by_column[part]) for by_row, by_column in self.parts]
        if self.fill_mode == "constant":
            outside = [(place < 0) | (place > n - 1) for place, n in zip(places, self.size)]
        elif self.fill_mode in _FOLDS:
            fold = _FOLDS[self.fill_mode]
            places = [fold(place, n) for place, n in zip(places, self.size)]
        if self.order == 0:
            sampled = _pick(images, *(torch.floor(place + 0.5) for place in places))
        else:
            for axis, length in enumerate(self.size):
                coordinate = grid[:, 1 - axis].copy_(places[axis])
                coordinate.mul_(2 / length).add_(1 / length - 1)
            sampled = _bilinear(images, beside, "border")
        if self.fill_mode != "constant":
            return sampled
        return sampled.masked_fill_(outside[0].logical_or_(outside[1]).unsqueeze(1), self.cval)


def _bilinear(images: Tensor, grid: Tensor, padding_mode: str) -> Tensor:
    return F.grid_sample(images, grid, padding_mode=padding_mode, align_corners=False)


def _wrapped(place: Tensor, size: int) -> Tensor:
    """Places within the image; as in scipy the last pixel is the first one of the next copy."""
    if size == 1:
        return torch.zeros_like(place)
    inside = (place / (size - 1)).floor_().mul_(1 - size).add_(place)
    if inside.all():
        return inside
    # A place where two copies meet is the last pixel of the one nearer to the image.
    is_last = (inside == 0) & ((place < 0) | (place == size - 1))
    return inside.masked_fill_(is_last, size - 1)


def _mirrored(place: Tensor, size: int) -> Tensor:
    """Places less than a pixel away from the image; its edges lie between two equal pixels."""
    place = place.remainder(2 * size)
    return torch.where(place < size, place, 2 * size - 1 - place)


_FOLDS = {"wrap": _wrapped, "reflect": _mirrored}


def _pick(images: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """The pixels (batch, channels, height, width) at whole numbers (batch, height, width)."""
    batch, channels, height, width = images.shape
    index = row.long().clamp(0, height - 1) * width + column.long().clamp(0, width - 1)
    index = index.flatten(1).unsqueeze(1).expand(-1, channels, -1)
    return images.flatten(2).gather(2, index).view(batch, channels, *row.shape[1:])
