"""Layers that change the values of images: brightness, contrast, colours, sharpness."""

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config, random
from torchkeras._errors import received
from torchkeras.layers._image_base import (
    BaseImagePreprocessingLayer,
    interval,
    number,
    on_host,
    ordered_range,
    rescaled,
)
from torchkeras.ops import image as image_ops

__all__ = [
    "AutoContrast",
    "ContrastLimitedAdaptiveHistogramEqualization",
    "Equalization",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
]


# ------------------------------------------------------------------ brightness and contrast
class RandomBrightness(BaseImagePreprocessingLayer):
    """Adds a number of its own to each image, in training.

    Args:
        factor: fraction of the value range: a number from 0 to 1 for both directions, or the two
            ends of a range from -1 to 1.
        value_range: lowest and highest value of images, which results are clipped to.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input

    >>> RandomBrightness((1.0, 1.0))(torch.zeros(2, 2, 1)).flatten()
    tensor([255., 255., 255., 255.])
    """

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor=factor, **kwargs)
        self.value_range = ordered_range(value_range)
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (1, 1, 1) if len(size.shape) == 3 else (size.batch, 1, 1, 1)
        low, high = self.value_range
        return {"rgb_delta": random.uniform(shape, *self.factor, seed=seed) * (high - low)}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._cast(images)
        return (images + self._cast(transformation["rgb_delta"])).clamp(*self.value_range)


class RandomContrast(BaseImagePreprocessingLayer):
    """Multiplies the distances to each channel's mean by a factor of its own for each image, in
    training.

    Args:
        factor: a number from 0 to 1, for factors from 1 to 1 + it; or two, for factors from 1 - the
            first to 1 + the second.
        value_range: lowest and highest value of images, which results are clipped to.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor, value_range=(0, 255), seed=None, **kwargs):
        super().__init__(factor=factor, **kwargs)
        self.value_range = value_range
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (1, 1, 1) if len(size.shape) == 3 else (size.batch, 1, 1, 1)
        low, high = 1.0 - self.factor[0], 1.0 + self.factor[1]
        factor = random.uniform(shape, low, high, seed=seed, dtype=self.compute_dtype)
        return {"contrast_factor": factor}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._cast(images)
        mean = images.mean((self.height_axis, self.width_axis), keepdim=True)
        images = (images - mean) * self._cast(transformation["contrast_factor"]) + mean
        return images.clamp(*self.value_range)


class AutoContrast(BaseImagePreprocessingLayer):
    """Stretches each channel of each image to the whole value range, in training or not.

    Args:
        value_range: lowest and highest value of images.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input

    >>> AutoContrast((0, 1))(torch.tensor([[[0.25], [0.5]]])).flatten()
    tensor([0., 1.])
    """

    _USE_BASE_FACTOR = False

    def __init__(self, value_range=(0, 255), **kwargs):
        super().__init__(**kwargs)
        self.value_range = ordered_range(value_range)

    def transform_images(self, images, transformation=None, training=True):
        dtype = self._torch_compute_dtype
        scaled = self._cast(rescaled(images, self.value_range, (0, 255), dtype))
        axes = (self.height_axis, self.width_axis)
        low, high = scaled.amin(axes, keepdim=True), scaled.amax(axes, keepdim=True)
        scale = 255.0 / (high - low)
        result = (scaled * scale - low * scale).clamp(0.0, 255.0)
        result = rescaled(result, (0, 255), self.value_range, dtype)
        # A channel of one value cannot be stretched.
        return torch.where(torch.isnan(result), self._cast(images), result)


class Equalization(BaseImagePreprocessingLayer):
    """Spreads the values of each channel evenly over the value range, in training.

    All images of a batch share the histogram of a channel.

    Args:
        value_range: lowest and highest value of images.
        bins: number of steps of the histogram.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False

    def __init__(self, value_range=(0, 255), bins=256, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.bins = bins
        self.value_range = ordered_range(value_range)

    def compute_output_spec(self, inputs, **kwargs):
        return super().compute_output_spec(inputs, **kwargs)

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        low, high = self.value_range
        planes = self._cast(images).movedim(self.channel_axis, 0)
        shape = planes.shape
        values = planes.flatten(1) * (255 / (high - low)) - low * (
            255 / (high - low)
        )  # (C, pixels)
        steps = values.float() * (self.bins - 1) / 255
        counts = torch.zeros(shape[0], self.bins, dtype=torch.int64, device=images.device)
        steps = steps.to(torch.int64).clamp(0, self.bins - 1)
        counts.scatter_add_(1, steps, torch.ones_like(steps))
        table = self._table(counts)
        places = (values / 255.0 * (self.bins - 1)).clamp(0, self.bins - 1).to(torch.int64)
        equal = table.gather(1, places)
        flat = (counts > 0).sum(1, keepdim=True) <= 1
        equal = torch.where(flat, values, equal)
        equal = equal * ((high - low) / 255) + low
        return self._cast(equal).reshape(shape).movedim(0, self.channel_axis)

    def _table(self, counts: Tensor) -> Tensor:
        """(C, bins): the new value, from 0 to 255, of each step."""
        sums = counts.cumsum(1)
        first = torch.where(sums > 0, sums, sums[:, -1:]).amin(1, keepdim=True)
        rest = sums[:, -1:] - first
        table = (sums - first) * 255 / torch.where(rest == 0, 1, rest)
        return torch.round(table).clamp(0, 255)


class ContrastLimitedAdaptiveHistogramEqualization(BaseImagePreprocessingLayer):
    """Spreads the values of each channel evenly, tile by tile, in training or not.

    Between the middles of tiles what their histograms say is interpolated.

    Args:
        value_range: lowest and highest value of images.
        clip_limit: how many times the mean a step of a histogram may hold, the rest is spread over
            all steps; 0 or less for no limit.
        tile_grid_size: number of tiles in height and width.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        value_range=(0, 255),
        clip_limit=4.0,
        tile_grid_size=(8, 8),
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.clip_limit = clip_limit
        self.tile_grid_size = tile_grid_size

    def transform_images(self, images, transformation=None, training=True):
        batch = images if images.ndim == 4 else images.unsqueeze(0)
        planes = batch.movedim(self.channel_axis, 1)  # (B, C, H, W)
        planes = rescaled(planes, self.value_range, (0, 255)).float()
        result = self._equalized(planes)
        result = rescaled(result, (0, 255), self.value_range).to(images.dtype)
        result = result.movedim(1, self.channel_axis)
        return result if images.ndim == 4 else result.squeeze(0)

    def _equalized(self, planes: Tensor) -> Tensor:
        height, width = planes.shape[2:]
        rows, columns = self.tile_grid_size
        tile_height, tile_width = -(-height // rows), -(-width // columns)
        padded = planes
        for axis, size in ((2, tile_height * rows), (3, tile_width * columns)):
            # The border mirrors what lies inside of it.
            index = torch.arange(size, device=planes.device) % (2 * planes.shape[axis])
            index = torch.minimum(index, 2 * planes.shape[axis] - 1 - index)
            padded = padded.index_select(axis, index)
        pixels = padded.clamp(0, 255).to(torch.int64)
        tables = self._tables(pixels, rows, columns).flatten(2)  # (B, C, tiles * 256)
        upper, lower, weight_y = _neighbours(height, tile_height, rows, planes)
        left, right, weight_x = _neighbours(width, tile_width, columns, planes)
        pixels = pixels[:, :, :height, :width]

        def looked_up(row, column):
            place = (row[:, None] * columns + column) * 256 + pixels
            return tables.gather(2, place.flatten(2)).view(pixels.shape)

        top = looked_up(upper, left) * (1 - weight_x) + looked_up(upper, right) * weight_x
        bottom = looked_up(lower, left) * (1 - weight_x) + looked_up(lower, right) * weight_x
        return top * (1 - weight_y[:, None]) + bottom * weight_y[:, None]

    def _tables(self, pixels: Tensor, rows: int, columns: int) -> Tensor:
        """(B, C, rows, columns, 256): the new value of each value in each tile."""
        tiles = pixels.unflatten(3, (columns, -1)).unflatten(2, (rows, -1))
        tiles = tiles.movedim(3, 4).flatten(4)  # (B, C, rows, columns, pixels)
        size = tiles.shape[-1]
        counts = torch.zeros(*tiles.shape[:-1], 256, device=pixels.device)
        counts.scatter_add_(-1, tiles, torch.ones(1, device=pixels.device).expand(tiles.shape))
        if self.clip_limit > 0:
            clipped = counts.clamp(0, self.clip_limit * size / 256.0)
            counts = clipped + (counts - clipped).sum(-1, keepdim=True) / 256.0
        sums = counts.cumsum(-1)
        first = sums.amin(-1, keepdim=True)
        rest = size - first
        return ((sums - first) * 255.0 / torch.where(rest == 0, 1, rest)).clamp(0, 255)


def _neighbours(length: int, tile: int, count: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """For every pixel along an axis: the tiles on both sides, and the weight of the second."""
    place = (torch.arange(length, device=like.device, dtype=like.dtype) - tile / 2.0) / tile
    before = torch.floor(place)
    tiles = [t.long().clamp(0, count - 1) for t in (before, before + 1)]
    return *tiles, place - before


class Solarization(BaseImagePreprocessingLayer):
    """Adds a number to each image, then inverts values from a threshold on, in training; both are
    drawn for each image.

    Args:
        addition_factor: fraction of 255 to add: a number for a range from 0 to it, or two numbers.
        threshold_factor: fraction of 255 for the threshold, likewise.
        value_range: lowest and highest value of images.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        addition_factor=0.0,
        threshold_factor=0.0,
        value_range=(0, 255),
        seed=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        bounds = (0, 1)
        self.addition_factor = interval("addition_factor", addition_factor, bounds, strict=True)
        self.threshold_factor = interval("threshold_factor", threshold_factor, bounds, strict=True)
        self.value_range = ordered_range(value_range)
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (1, 1, 1) if len(size.shape) == 3 else (size.batch, 1, 1, 1)
        return {
            key: random.uniform(shape, low, high * 255, seed=seed, dtype=self.compute_dtype)
            for key, (low, high) in (
                ("additions", self.addition_factor),
                ("thresholds", self.threshold_factor),
            )
        }

    def transform_images(self, images, transformation, training=True):
        images = self._cast(images)
        if not training or transformation is None:
            return images
        dtype = self._torch_compute_dtype
        images = rescaled(images, self.value_range, (0, 255), dtype)
        images = (images + transformation["additions"]).clamp(0, 255)
        images = torch.where(images < transformation["thresholds"], images, 255 - images)
        return rescaled(images, (0, 255), self.value_range, dtype)


class RandomPosterization(BaseImagePreprocessingLayer):
    """Keeps only some bits of each value, a number of its own for each image, in training.

    Args:
        factor: number of bits, from 1 to 8: a number for a draw from 1 up to, not including, it; or
            two, the second not included unless they are equal.
        value_range: lowest and highest value of images.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (1, 8)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.value_range = ordered_range(value_range)
        self._set_seed(seed)

    def _draw(self, size, seed):
        low, high = self.factor
        shape = (size.batch,)
        if low != high:
            bits = random.randint(shape, low, high, seed=seed, dtype="uint8")
        else:
            bits = torch.full(shape, low, dtype=torch.uint8, device=config.default_device())
        return {"shift_factor": 8 - bits}

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        dtype = self._torch_compute_dtype
        shift = transformation["shift_factor"].view(-1, 1, 1, 1)
        images = rescaled(images, self.value_range, (0, 255), dtype).to(torch.uint8)
        images = self._cast((images >> shift) << shift)
        return rescaled(images, (0, 255), self.value_range, dtype)


class RandomInvert(BaseImagePreprocessingLayer):
    """Turns some of the images into their negatives, in training.

    Args:
        factor: chance that an image is changed: a number for a chance between 0 and it, or the two
            ends of a range.
        value_range: lowest and highest value of images.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input

    >>> RandomInvert((1.0, 1.0))(torch.zeros(1, 2, 1)).flatten()
    tensor([255., 255.])
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor=1.0, value_range=(0, 255), seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.value_range = value_range
        self._set_seed(seed)

    def _draw(self, size, seed):
        return {"apply_inversion": self._chosen(size.batch, seed)}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._cast(images)
        chosen = transformation["apply_inversion"][:, None, None, None]
        return torch.where(chosen, self.value_range[1] - images, images)


# ------------------------------------------------------------------ colours
class RandomGrayscale(BaseImagePreprocessingLayer):
    """Makes some of the images grey, in training; they keep three channels.

    Args:
        factor: chance that an image is changed.
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input
    """

    def __init__(self, factor=0.5, data_format=None, seed=None, **kwargs):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self._set_seed(seed)

    def _set_factor(self, factor):
        if not 0 <= factor <= 1:
            raise ValueError(f"`factor` should be between 0 and 1. {received(factor=factor)}")
        self.factor = factor

    def get_random_transformation(self, images, training=True, seed=None):
        """(batch, 1, 1, 1): which images become grey."""
        return super().get_random_transformation(images, training, seed)

    def _draw(self, size, seed):
        return random.uniform((size.batch, 1, 1, 1), seed=seed) < self.factor

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        if transformation is None:
            transformation = self.get_random_transformation(images)
        grey = image_ops.rgb_to_grayscale(images, data_format=self.data_format)
        return torch.where(transformation, grey, images)

    def compute_output_spec(self, inputs, **kwargs):
        return super().compute_output_spec(inputs, **kwargs)

    def transform_bounding_boxes(self, bounding_boxes, **kwargs):
        return bounding_boxes

    def transform_labels(self, labels, transformations=None, **kwargs):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformations=None, **kwargs):
        return segmentation_masks

    def get_config(self):
        config = super().get_config()
        if self.seed is None:
            del config["seed"]
        return config


class RandomColorDegeneration(BaseImagePreprocessingLayer):
    """Mixes each image with a grey one, in a ratio of its own, in training.

    Args:
        factor: share of the grey image, where below 0 colours become stronger: a number for both,
            or the two ends of a range.
        value_range: lowest and highest value of images, which results are clipped to.
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range = ordered_range(value_range)
        self._set_seed(seed)

    def _draw(self, size, seed):
        return {"factor": random.uniform((size.batch, 1, 1, 1), *self.factor, seed=seed)}

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        images = self._cast(images)
        grey = image_ops.rgb_to_grayscale(images, data_format=self.data_format)
        images = images + self._cast(transformation["factor"]) * (grey - images)
        return images.clamp(*self.value_range)


class RandomHue(BaseImagePreprocessingLayer):
    """Turns the hues of each image by an angle of its own, in training.

    Args:
        factor: fraction of half a turn, in either direction: a number from 0 to 1 for a range from
            0 to it, or the two ends of a range.
        value_range: lowest and highest value of images.
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range = value_range
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (size.batch,)
        invert = torch.where(random.uniform(shape, seed=seed) > 0.5, -1.0, 1.0)
        return {"factor": invert * random.uniform(shape, *self.factor, seed=seed) * 0.5}

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        images = rescaled(self._cast(images), self.value_range, (0, 1))
        hue, saturation, value = self._hsv(images)
        hue = hue + transformation["factor"].to(hue.dtype)[:, None, None]
        hue = torch.where(hue > 1.0, hue - 1.0, hue)
        hue = torch.where(hue < 0.0, hue + 1.0, hue)
        images = self._rgb(hue, saturation, value).clamp(0, 1)
        return self._cast(rescaled(images, (0, 1), self.value_range))

    def _hsv(self, images: Tensor) -> tuple[Tensor, ...]:
        hsv = image_ops.rgb_to_hsv(images, data_format=self.data_format)
        return hsv.unbind(self.channel_axis)

    def _rgb(self, *planes: Tensor) -> Tensor:
        hsv = torch.stack(planes, self.channel_axis)
        return image_ops.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomSaturation(BaseImagePreprocessingLayer):
    """Multiplies the saturation of each image by a factor of its own, in training.

    Args:
        factor: 0 for grey, 0.5 for no change, up to 1, for fully saturated: a number for a range
            from 0 to it, where half of the images become grey, or the two ends of a range.
        value_range: lowest and highest value of images; saturations are clipped to it.
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input
    """

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self.value_range = ordered_range(value_range)
        self._set_seed(seed)

    def _draw(self, size, seed):
        factor = random.uniform((size.batch,), *self.factor, seed=seed)
        return {"factor": factor / (1 - factor + config.epsilon())}

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        hsv = image_ops.rgb_to_hsv(self._cast(images), data_format=self.data_format)
        hue, saturation, value = hsv.unbind(self.channel_axis)
        saturation = saturation * self._cast(transformation["factor"])[:, None, None]
        planes = (hue, saturation.clamp(*self.value_range), value)
        hsv = torch.stack(planes, self.channel_axis)
        return image_ops.hsv_to_rgb(hsv, data_format=self.data_format)


class RandomColorJitter(BaseImagePreprocessingLayer):
    """`RandomBrightness`, `RandomContrast`, `RandomSaturation` and `RandomHue` in a row, in
    training; each that has a factor.

    Args:
        value_range: lowest and highest value of images.
        brightness_factor: see `RandomBrightness`; None for none.
        contrast_factor: see `RandomContrast`; None for none.
        saturation_factor: see `RandomSaturation`; None for none.
        hue_factor: see `RandomHue`; None for none.
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        value_range=(0, 255),
        brightness_factor=None,
        contrast_factor=None,
        saturation_factor=None,
        hue_factor=None,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.brightness_factor = brightness_factor
        self.contrast_factor = contrast_factor
        self.saturation_factor = saturation_factor
        self.hue_factor = hue_factor
        self._set_seed(seed)

        def made(kind, factor):
            if factor is None:
                return None
            more = {"seed": seed, "data_format": self.data_format, "dtype": self.dtype_policy}
            return kind(factor, value_range=value_range, **more)

        self.random_brightness = made(RandomBrightness, brightness_factor)
        self.random_contrast = made(RandomContrast, contrast_factor)
        self.random_saturation = made(RandomSaturation, saturation_factor)
        self.random_hue = made(RandomHue, hue_factor)

    def _steps(self):
        for name in ("random_brightness", "random_contrast", "random_saturation", "random_hue"):
            layer = getattr(self, name)
            if layer is not None:
                yield name, layer

    def _draw(self, size, seed):
        return {name: layer._draw(size, seed) for name, layer in self._steps()}

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        if transformation is None:
            transformation = self.get_random_transformation(images)
        images = self._cast(images)
        for name, layer in self._steps():
            images = layer.transform_images(images, transformation[name])
        return images


# ------------------------------------------------------------------ sharpness
class RandomSharpness(BaseImagePreprocessingLayer):
    """Sharpens or blurs each image to a degree of its own, in training.

    Args:
        factor: 0 for blurred, 0.5 for no change, 1 for sharpened: a number for a range from 0 to
            it, or the two ends of a range.
        value_range: lowest and highest value of images, which results are clipped to.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(self, factor, value_range=(0, 255), data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.value_range = ordered_range(value_range)
        self._set_seed(seed)

    def _draw(self, size, seed):
        return {"factor": random.uniform((size.batch,), *self.factor, seed=seed)}

    def transform_images(self, images, transformation=None, training=True):
        images = self._cast(images)
        if not training:
            return images
        sharpness = self._cast(transformation["factor"] * 2).view(-1, 1, 1, 1)
        planes = images.movedim(self.channel_axis, 1)
        kernel = planes.new_full((planes.shape[1], 1, 3, 3), 1.0 / 13.0)
        kernel[:, :, 1, 1] = 5.0 / 13.0
        smooth = F.conv2d(planes, kernel, padding=1, groups=planes.shape[1])
        smooth = smooth.movedim(1, self.channel_axis)
        images = images + (1.0 - sharpness) * (smooth - images)
        return images.clamp(*self.value_range)


class RandomGaussianBlur(BaseImagePreprocessingLayer):
    """Blurs some of the images, in training.

    Args:
        factor: chance that an image is changed: a number for a chance between 0 and it, or the two
            ends of a range.
        kernel_size: odd height and width of the filter, or one number for both.
        sigma: deviation, from 0 to 1, the same for a whole batch: a number for one between 0 and
            it, or the two ends of a range.
        value_range: lowest and highest value of images, which results are clipped to.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor=1.0,
        kernel_size=3,
        sigma=1.0,
        value_range=(0, 255),
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.kernel_size = _odd_pair(kernel_size)
        self.sigma = interval("sigma", sigma, self._FACTOR_BOUNDS)
        self.value_range = value_range
        self._set_seed(seed)

    def _draw(self, size, seed):
        chosen = self._chosen(size.batch, seed)
        with on_host():
            sigma = random.uniform((2,), *self.sigma, seed=seed, dtype=self.compute_dtype)
        return {"should_apply_blur": chosen, "blur_factor": sigma + 1e-6}

    def transform_images(self, images, transformation=None, training=True):
        images = self._cast(images)
        if not training or transformation is None:
            return images
        across, down = (number(s, unknown=1.0) for s in transformation["blur_factor"])
        blurred = image_ops.gaussian_blur(
            images, self.kernel_size, (down, across), data_format=self.data_format
        )
        chosen = transformation["should_apply_blur"][:, None, None, None]
        return torch.where(chosen, blurred, images).clamp(*self.value_range)


def _odd_pair(kernel_size) -> tuple:
    pair = (
        tuple(kernel_size) if isinstance(kernel_size, (tuple, list)) else (kernel_size, kernel_size)
    )
    if len(pair) != 2 or not all(isinstance(n, (int, float)) and n % 2 for n in pair):
        raise ValueError(
            "The `kernel_size` argument should be a number (or a list of two numbers), and each "
            f"must be an odd number. {received(kernel_size=kernel_size)}"
        )
    return pair
