"""Layers that change the size or the geometry of images, and the boxes in them."""

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torchkeras import random
from torchkeras._errors import one_of, received
from torchkeras._symbolic import infer_spec
from torchkeras.layers._bounding_boxes import affine_transform as moved_with_image
from torchkeras.layers._bounding_boxes import clip_to_image_size, convert_format, crop
from torchkeras.layers._image_base import (
    BaseImagePreprocessingLayer,
    RandomWarp,
    interval,
    number,
    on_host,
)
from torchkeras.ops import image as image_ops

__all__ = [
    "CenterCrop",
    "MaxNumBoundingBoxes",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomFlip",
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
    "Resizing",
]


# ------------------------------------------------------------------ sizes
class Resizing(BaseImagePreprocessingLayer):
    """Images in another height and width, in training or not; ints stay ints.

    Args:
        height: of the results.
        width: of the results.
        interpolation: "bilinear", "nearest", "bicubic", "lanczos3" or "lanczos5".
        crop_to_aspect_ratio: cut off what does not fit the new ratio instead of distorting.
        pad_to_aspect_ratio: pad to the new ratio instead of distorting.
        fill_mode: "constant".
        fill_value: what to pad with.
        antialias: widen the filter where images shrink.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: with the new height and width

    >>> Resizing(2, 3)(torch.zeros(8, 8, 1)).shape
    torch.Size([2, 3, 1])
    """

    _USE_BASE_FACTOR = False

    def __init__(
        self,
        height,
        width,
        interpolation="bilinear",
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=False,
        fill_mode="constant",
        fill_value=0.0,
        antialias=False,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height = height
        self.width = width
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = crop_to_aspect_ratio
        self.pad_to_aspect_ratio = pad_to_aspect_ratio
        self.fill_mode = fill_mode
        self.fill_value = fill_value
        self.antialias = bool(antialias)

    def get_random_transformation(self, data, training=True, seed=None):
        """The height and width of the images."""
        size = self._size_of(data)
        return size.height, size.width

    def transform_images(self, images, transformation=None, training=True):
        return self._resized(images, self.interpolation)

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return self._resized(segmentation_masks, "nearest")

    def _resized(self, images, interpolation):
        return image_ops.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            antialias=self.antialias,
            crop_to_aspect_ratio=self.crop_to_aspect_ratio,
            pad_to_aspect_ratio=self.pad_to_aspect_ratio,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        before, after = transformation, (self.height, self.width)
        boxes = bounding_boxes["boxes"]
        # Rows of -1 or 0 stand for no box, and become 0.
        empty = ((boxes == -1).all(-1) | (boxes == 0).all(-1)).unsqueeze(-1)
        result = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", *before)
        scale_x, scale_y, left, top = self._placement(*before)
        boxes = result["boxes"]
        scale = boxes.new_tensor([scale_x, scale_y] * 2)
        result["boxes"] = boxes * scale + boxes.new_tensor([left, top] * 2)
        result = clip_to_image_size(result, *after)
        result["boxes"] = torch.where(empty, 0.0, result["boxes"])
        return convert_format(result, "xyxy", self.bounding_box_format, *after)

    def _placement(self, height, width) -> tuple[float, float, float, float]:
        """Scale in x and y, and where the left upper corner goes."""
        scale_x, scale_y = self.width / width, self.height / height
        if self.pad_to_aspect_ratio:
            scale_x = scale_y = min(scale_x, scale_y)
        elif self.crop_to_aspect_ratio:
            scale_x = scale_y = max(scale_x, scale_y)
        return (
            scale_x,
            scale_y,
            _half_of(self.width - width * scale_x),
            _half_of(self.height - height * scale_y),
        )


def _half_of(length: float) -> float:
    """The border before an image of which `length` is missing, or, if negative, too much."""
    return math.copysign(abs(length) // 2, length)


class CenterCrop(BaseImagePreprocessingLayer):
    """The middle of images, in training or not; images that are too small are enlarged first.

    Args:
        height: of the results.
        width: of the results.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: with the new height and width

    >>> CenterCrop(1, 2)(torch.arange(16).view(4, 4, 1)).flatten()
    tensor([5., 6.])
    """

    _USE_BASE_FACTOR = False

    def __init__(self, height, width, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.height = height
        self.width = width

    def get_random_transformation(self, data, training=True, seed=None):
        """The shape of the images."""
        return {"input_shape": self._size_of(data).shape}

    def transform_images(self, images, transformation=None, training=True):
        images = self._cast(images)
        height, width = images.shape[self.height_axis], images.shape[self.width_axis]
        if height < self.height or width < self.width:
            size = (self.height, self.width)
            return image_ops.resize(
                images, size, crop_to_aspect_ratio=True, data_format=self.data_format
            )
        images = images.narrow(self.height_axis, (height - self.height) // 2, self.height)
        return images.narrow(self.width_axis, (width - self.width) // 2, self.width)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training=training)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        shape = transformation["input_shape"]
        before, after = (shape[self.height_axis], shape[self.width_axis]), (self.height, self.width)
        height, width = after
        if before[0] < height or before[1] < width:
            height = max(min(before[0], int(float(before[1] * after[0]) / after[1])), 1)
            width = max(min(before[1], int(float(before[0] * after[1]) / after[0])), 1)
        corner = int((before[0] - height) / 2), int((before[1] - width) / 2)
        result = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", *before)
        boxes = crop(result["boxes"], *corner, height, width)
        scale = boxes.new_tensor([after[1] / width, after[0] / height] * 2)
        result = clip_to_image_size({**result, "boxes": boxes * scale}, *after)
        return convert_format(result, "xyxy", self.bounding_box_format, *after)


class Corner(tuple):
    """(top, left) of a part of images; knows the height and width of the whole, if given."""

    size: tuple[int, int] | None = None


class RandomCrop(BaseImagePreprocessingLayer):
    """A part of images, in training: at a random place, the same for a whole batch.

    Of images that are not larger it is the middle, resized. Outside of training images stay as
    they are.

    Args:
        height: of the results.
        width: of the results.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: in training with the new height and width

    >>> RandomCrop(2, 3)(torch.zeros(8, 8, 1)).shape
    torch.Size([2, 3, 1])
    """

    _USE_BASE_FACTOR = False

    def __init__(self, height, width, seed=None, data_format=None, name=None, **kwargs):
        super().__init__(name=name, data_format=data_format, **kwargs)
        self.height = height
        self.width = width
        self._set_seed(seed)
        self.seed = random.random_seed() if seed is None else seed

    def _draw(self, size, seed):
        height, width = size.height, size.width
        if height > self.height and width > self.width:
            with on_host():
                places = [
                    random.uniform((), 0, float(room + 1), seed=seed).to(torch.int32)
                    for room in (height - self.height, width - self.width)
                ]
        else:
            inner_height = max(min(height, int(float(width * self.height) / self.width)), 1)
            inner_width = max(min(width, int(float(height * self.width) / self.height)), 1)
            places = [int((height - inner_height) / 2), int((width - inner_width) / 2)]
        corner = Corner(places)
        corner.size = (height, width)
        return corner

    def transform_images(self, images, transformation, training=True):
        if not training:
            return images
        images = self._cast(images)
        for axis, place, length in zip(
            (self.height_axis, self.width_axis),
            map(number, transformation),
            (self.height, self.width),
            strict=True,
        ):
            images = images.narrow(axis, place, min(length, images.shape[axis] - place))
        size = (self.height, self.width)
        if (images.shape[self.height_axis], images.shape[self.width_axis]) == size:
            return images
        return image_ops.resize(images, size, data_format=self.data_format)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        after = (self.height, self.width)
        before = getattr(transformation, "size", None) or after
        top, left = map(number, transformation)
        height = min(self.height, max(before[0] - top, 1))
        width = min(self.width, max(before[1] - left, 1))
        result = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", *before)
        boxes = crop(result["boxes"], top, left, height, width)
        scale = boxes.new_tensor([self.width / width, self.height / height] * 2)
        result = clip_to_image_size({**result, "boxes": boxes * scale}, *after)
        return convert_format(result, "xyxy", self.bounding_box_format, *after)

    def compute_output_shape(self, input_shape, *args, **kwargs):
        shape = [*input_shape]
        shape[self.height_axis], shape[self.width_axis] = self.height, self.width
        return tuple(shape)

    def compute_output_spec(self, data, training=True):
        return infer_spec(functools.partial(nn.Module.__call__, self), (data,), {})


class MaxNumBoundingBoxes(BaseImagePreprocessingLayer):
    """Boxes cut or filled up to the same number for every image.

    Args:
        max_number: how many.
        fill_value: number that fills up boxes and labels.

    Input shape: a dict of data with "bounding_boxes"
    Output shape: "boxes" (batch, max_number, 4), "labels" (batch, max_number)
    """

    _USE_BASE_FACTOR = False

    def __init__(self, max_number, fill_value=-1, **kwargs):
        super().__init__(**kwargs)
        self.max_number = int(max_number)
        self.fill_value = int(fill_value)

    def transform_images(self, images, transformation=None, training=True):
        return images

    def transform_labels(self, labels, transformation=None, training=True):
        return labels

    def transform_segmentation_masks(self, segmentation_masks, transformation=None, training=True):
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        boxes, labels = (bounding_boxes[key][:, : self.max_number] for key in ("boxes", "labels"))
        missing = self.max_number - boxes.shape[1]
        boxes = F.pad(boxes, (0, 0, 0, missing), value=self.fill_value)
        beyond = (0, 0) * (labels.ndim - 2)
        labels = F.pad(labels, (*beyond, 0, missing), value=self.fill_value)
        return {**bounding_boxes, "boxes": boxes, "labels": labels}

    def get_config(self):
        config = super().get_config()
        if self.fill_value == -1:
            del config["fill_value"]
        return config


# ------------------------------------------------------------------ geometry
class RandomFlip(BaseImagePreprocessingLayer):
    """Flips half of the images, in training.

    Args:
        mode: "horizontal" (left for right), "vertical" or "horizontal_and_vertical", where an
            image is flipped both ways or not at all.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input

    >>> RandomFlip("horizontal")(torch.zeros(2, 4, 4, 3), training=False).shape
    torch.Size([2, 4, 4, 3])
    """

    _USE_BASE_FACTOR = False

    def __init__(self, mode="horizontal_and_vertical", seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.mode = one_of("mode", mode, ("horizontal", "vertical", "horizontal_and_vertical"))
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (1, 1, 1) if len(size.shape) == 3 else (size.batch, 1, 1, 1)
        return {"flips": random.uniform(shape, seed=seed) <= 0.5, "input_shape": size.shape}

    def transform_images(self, images, transformation, training=True):
        images = self._cast(images)
        if not training or transformation is None:
            return images
        ways = (("horizontal", self.width_axis), ("vertical", self.height_axis))
        axes = [axis for word, axis in ways if word in self.mode]
        return torch.where(transformation["flips"], images.flip(axes), images)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training=training)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        flips = transformation["flips"].squeeze(-1)
        result = convert_format(bounding_boxes, self.bounding_box_format, "rel_xyxy", *size)
        boxes = result["boxes"]
        for word, start in (("horizontal", 0), ("vertical", 1)):
            if word in self.mode:
                flipped = boxes.clone()
                flipped[..., start::2] = 1 - boxes[..., start::2].flip(-1)
                boxes = torch.where(flips, flipped, boxes)
        # Nothing is cut off on the far sides, where a box may stand out of its image.
        result = clip_to_image_size({**result, "boxes": boxes}, *size)
        return convert_format(result, "rel_xyxy", self.bounding_box_format, *size)


def _matrix(*numbers) -> Tensor:
    """(batch, 8) for `ops.image.affine_transform` from its first six columns: (batch,) or numbers.

    The columns are at least as precise as float32.
    """
    like = next(n for n in numbers if isinstance(n, Tensor))
    dtype = torch.promote_types(like.dtype, torch.float32)
    columns = [
        n.to(dtype) if isinstance(n, Tensor) else torch.full_like(like, n, dtype=dtype)
        for n in (*numbers, 0, 0)
    ]
    return torch.stack(columns, 1)


class AffineWarp(RandomWarp):
    """Base of the layers that move points by a matrix."""

    def _transform_images(self, images, transformation, interpolation):
        return image_ops.affine_transform(
            images,
            self._matrix_of(transformation, images),
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )

    def get_transformed_x_y(self, x, y, transform):
        """Where in its image the point (x, y) of a result comes from, each (batch, 1)."""
        a0, a1, a2, b0, b1, b2, c0, c1 = transform.split(1, -1)
        k = c0 * x + c1 * y + 1
        return (a0 * x + a1 * y + a2) / k, (b0 * x + b1 * y + b2) / k

    def get_shifted_bbox(self, bounding_boxes, w_shift_factor, h_shift_factor):
        """A dict of boxes in "xyxy" moved to the left and upwards, each image's by its own."""
        boxes = bounding_boxes["boxes"]
        shifts = [
            torch.as_tensor(s, dtype=boxes.dtype, device=boxes.device)
            for s in (w_shift_factor, h_shift_factor)
        ]
        shift = torch.cat(shifts * 2, -1)
        return {**bounding_boxes, "boxes": boxes - (shift[:, None] if boxes.ndim == 3 else shift)}

    def _image_size(self, transformation) -> tuple[int, int]:
        shape = transformation["input_shape"]
        return shape[self.height_axis], shape[self.width_axis]


class RandomRotation(AffineWarp):
    """Rotates each image around its middle by an angle of its own, in training.

    Args:
        factor: fraction of a full turn, counter-clockwise: a number for both directions, or the
            two ends of a range.
        fill_mode: what stands outside of images: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: integer.
        fill_value: for "constant".

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input

    >>> RandomRotation(0.1)(torch.zeros(2, 4, 4, 3)).shape
    torch.Size([2, 4, 4, 3])
    """

    _USE_BASE_FACTOR = True

    def __init__(
        self,
        factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(factor=factor, data_format=data_format, **kwargs)
        self._set_sampling(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def _draw(self, size, seed):
        low, high = self.factor
        angle = random.uniform((size.batch,), low * 360.0, high * 360.0, seed=seed)
        turn = angle * (math.pi / 180.0)
        cos, sin = torch.cos(turn), torch.sin(turn)
        x, y = 0.5 * (size.width - 1), 0.5 * (size.height - 1)
        matrix = _matrix(cos, -sin, x - x * cos + y * sin, sin, cos, y - x * sin - y * cos)
        return {
            "angle": angle,
            "rotation_matrix": matrix.squeeze(0) if len(size.shape) == 3 else matrix,
            "image_height": size.height,
            "image_width": size.width,
            "batch_size": size.batch,
        }

    def _matrix_of(self, transformation, images):
        return transformation["rotation_matrix"]

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        angle = transformation["angle"]
        none = torch.zeros_like(angle)
        size = transformation["image_height"], transformation["image_width"]

        def rotated(boxes):
            return moved_with_image(boxes, angle, none, none, none + 1, none, none, *size)

        return self._moved_boxes(bounding_boxes, rotated, size)


class RandomTranslation(AffineWarp):
    """Moves each image by distances of its own, in training.

    Args:
        height_factor: fraction of the height, downwards: a number for both directions, or the two
            ends of a range.
        width_factor: fraction of the width, to the right, likewise.
        fill_mode: what stands outside of images: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: integer.
        fill_value: for "constant".

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    def __init__(
        self,
        height_factor,
        width_factor,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.height_lower, self.height_upper = _both_ways("height_factor", height_factor)
        self.width_lower, self.width_upper = _both_ways("width_factor", width_factor)
        self._set_sampling(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (size.batch, 1)
        down = random.uniform(shape, self.height_lower, self.height_upper, seed=seed)
        right = random.uniform(shape, self.width_lower, self.width_upper, seed=seed)
        moves = torch.cat((right * size.width, down * size.height), 1)
        return {"translations": moves.to(torch.float32), "input_shape": size.shape}

    def _matrix_of(self, transformation, images):
        right, down = transformation["translations"].unbind(1)
        return _matrix(1, 0, -right, 0, 1, -down)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        shift = self.get_transformed_x_y(0, 0, self._matrix_of(transformation, None))

        def shifted(boxes):
            return self.get_shifted_bbox({"boxes": boxes}, *shift)["boxes"]

        return self._moved_boxes(bounding_boxes, shifted, self._image_size(transformation))


def _both_ways(name: str, factor) -> tuple:
    """Ends of a range of fractions from -1 to 1."""
    lower = -abs(factor) if isinstance(factor, (int, float)) else None
    return interval(name, factor, (-1.0, 1.0), strict=True, lower=lower)


class RandomZoom(AffineWarp):
    """Zooms each image by factors of its own, in training.

    Args:
        height_factor: fraction of the height that the result shows more (or, negative, less): a
            number for both, or the two ends of a range. Above 0 zooms out.
        width_factor: likewise; None: each image's draw for the height, which keeps the ratio.
        fill_mode: what stands outside of images: "reflect", "wrap", "constant" or "nearest".
        interpolation: "nearest" or "bilinear".
        seed: integer.
        fill_value: for "constant".

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input

    >>> RandomZoom((-0.5, 0.0))(torch.zeros(2, 4, 4, 3)).shape
    torch.Size([2, 4, 4, 3])
    """

    def __init__(
        self,
        height_factor,
        width_factor=None,
        fill_mode="reflect",
        interpolation="bilinear",
        seed=None,
        fill_value=0.0,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self.height_lower, self.height_upper = _zooms("height_factor", height_factor)
        if width_factor is not None:
            self.width_lower, self.width_upper = _zooms("width_factor", width_factor)
        self._set_sampling(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (size.batch, 1)
        height = random.uniform(shape, 1 + self.height_lower, 1 + self.height_upper, seed=seed)
        width = height
        if self.width_factor is not None:
            width = random.uniform(shape, 1 + self.width_lower, 1 + self.width_upper, seed=seed)
        return {"height_zoom": height, "width_zoom": width, "input_shape": size.shape}

    def _matrix_of(self, transformation, images):
        size = images.shape[self.height_axis], images.shape[self.width_axis]
        return self._zoom_matrix(transformation, *size)

    def _zoom_matrix(self, transformation, height: int, width: int) -> Tensor:
        x, y = (transformation[key][:, 0].float() for key in ("width_zoom", "height_zoom"))
        return _matrix(x, 0, (width - 1.0) / 2.0 * (1 - x), 0, y, (height - 1.0) / 2.0 * (1 - y))

    def get_clipped_bbox(self, bounding_boxes, h_end, h_start, w_end, w_start):
        """A dict of boxes in "xyxy" in a part of their image, each image's in its own."""
        boxes = bounding_boxes["boxes"]
        first, last = torch.cat((w_start, h_start) * 2, -1), torch.cat((w_end, h_end) * 2, -1)
        if boxes.ndim == 3:
            first, last = first[:, None], last[:, None]
        return {**bounding_boxes, "boxes": torch.minimum(boxes.maximum(first), last) - first}

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        height, width = self._image_size(transformation)
        matrix = self._zoom_matrix(transformation, height, width)
        left, top = self.get_transformed_x_y(0, 0, matrix)
        right, bottom = self.get_transformed_x_y(width, height, matrix)
        result = convert_format(bounding_boxes, self.bounding_box_format, "xyxy", height, width)
        result = self.get_clipped_bbox(result, bottom, top, right, left)
        shown = (bottom - top)[..., None], (right - left)[..., None]
        result = convert_format(result, "xyxy", "rel_xyxy", *shown)
        result = clip_to_image_size(result, bounding_box_format="rel_xyxy")
        return convert_format(result, "rel_xyxy", self.bounding_box_format, height, width)


def _zooms(name: str, factor) -> tuple:
    """Ends of a range of fractions, all above -1: at -1 nothing is shown."""
    numbers = factor if isinstance(factor, (tuple, list)) else (factor,)
    if -1 in numbers:
        raise ValueError(
            "The `height_factor` and `width_factor` arguments should be a number (or a list of "
            f"two numbers) in the range (-1.0, 1.0]. {received(**{name: factor})}"
        )
    return _both_ways(name, factor)


class RandomShear(AffineWarp):
    """Shears each image by amounts of its own, in training.

    Args:
        x_factor: how far a row moves to the side for each row down: a number from 0 to 1 for both
            directions, or the two ends of a range, for both directions too.
        y_factor: how far a column moves down for each column to the side, likewise.
        interpolation: "nearest" or "bilinear".
        fill_mode: what stands outside of images: "reflect", "wrap", "constant" or "nearest".
        fill_value: for "constant".
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        x_factor=0.0,
        y_factor=0.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        data_format=None,
        seed=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.x_factor = self._checked("x_factor", x_factor)
        self.y_factor = self._checked("y_factor", y_factor)
        self._set_sampling(interpolation, fill_value, fill_mode)
        self._set_seed(seed)

    def _checked(self, name, factor):
        if isinstance(factor, (tuple, list)) and len(factor) == 2 and factor[0] == -factor[1]:
            # What one number stands for.
            factor = factor[1]
        lower = -abs(factor) if isinstance(factor, (int, float)) else None
        return interval(name, factor, self._FACTOR_BOUNDS, strict=True, lower=lower)

    def _draw(self, size, seed):
        shape = (size.batch, 1)
        dtype = self.compute_dtype
        invert = torch.where(random.uniform(shape, seed=seed, dtype=dtype) > 0.5, -1, 1)
        shear_y = random.uniform(shape, *self.y_factor, seed=seed, dtype=dtype)
        shear_x = random.uniform(shape, *self.x_factor, seed=seed, dtype=dtype)
        factors = torch.cat((shear_x, shear_y), 1) * invert
        return {"shear_factor": factors, "input_shape": size.shape}

    def _matrix_of(self, transformation, images):
        shear_x, shear_y = transformation["shear_factor"].unbind(1)
        return _matrix(1, shear_x, 0, shear_y, 1, 0)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        shear_x, shear_y = transformation["shear_factor"].split(1, -1)

        def sheared(boxes):
            x1, y1, x2, y2 = boxes.unbind(-1)
            x1, x2 = (
                x1 - shear_x * torch.where(shear_x < 0, y1, y2),
                x2 - shear_x * torch.where(shear_x < 0, y2, y1),
            )
            y1, y2 = (
                y1 - shear_y * torch.where(shear_y > 0, x2, x1),
                y2 - shear_y * torch.where(shear_y > 0, x1, x2),
            )
            return torch.stack((x1, y1, x2, y2), -1)

        size = self._image_size(transformation)
        return self._moved_boxes(bounding_boxes, sheared, size, "rel_xyxy")

    def get_config(self):
        config = super().get_config()
        for name in ("x_factor", "y_factor"):
            lower, upper = config[name]
            # Both directions go by one number, as they are given.
            config[name] = upper if lower == -upper else (lower, upper)
        return config


class RandomPerspective(RandomWarp):
    """Looks at some of the images from aside, each from a direction of its own, in training.

    Args:
        factor: chance that an image is changed: a number for a chance between 0 and it, or the two
            ends of a range.
        scale: how far the corners move at most, from 0 to 1.
        interpolation: "nearest" or "bilinear".
        fill_value: what stands outside of images.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_value=0.0,
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        if not 0.0 <= scale <= 1.0:
            raise ValueError(
                "The `scale` argument should be a number in the range [0,1]. "
                + received(scale=scale)
            )
        self.scale = scale
        self._set_sampling(interpolation, fill_value)
        self._set_seed(seed)

    def _draw(self, size, seed):
        chosen = self._chosen(size.batch, seed)
        reach = 0.5 * self.scale
        moves = random.uniform(
            (size.batch, 4, 2), -reach, reach, seed=seed, dtype=self.compute_dtype
        )
        right, bottom = size.width - 1, size.height - 1
        corners = [[0, 0], [right, 0], [0, bottom], [right, bottom]]
        start = moves.new_tensor(corners).repeat(size.batch, 1, 1)
        return {
            "apply_perspective": chosen,
            "start_points": start,
            "end_points": start + start * moves,
            "input_shape": size.shape,
        }

    def _transform_images(self, images, transformation, interpolation):
        moved = image_ops.perspective_transform(
            images,
            transformation["start_points"],
            transformation["end_points"],
            interpolation=interpolation,
            fill_value=self.fill_value,
            data_format=self.data_format,
        )
        return torch.where(transformation["apply_perspective"][:, None, None, None], moved, images)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training or transformation is None:
            return bounding_boxes
        forward = _homography(transformation["end_points"], transformation["start_points"])

        def seen(boxes):
            corners = boxes[..., [0, 1, 2, 3, 0, 3, 2, 1]].unflatten(-1, (4, 2)).to(forward.dtype)
            points = F.pad(corners, (0, 1), value=1.0) @ forward[:, None].mT
            points = points[..., :2] / points[..., 2:]
            moved = torch.cat((points.amin(2), points.amax(2)), -1).to(boxes.dtype)
            return torch.where(transformation["apply_perspective"][:, None, None], moved, boxes)

        shape = transformation["input_shape"]
        size = shape[self.height_axis], shape[self.width_axis]
        return self._moved_boxes(bounding_boxes, seen, size)


def _homography(start: Tensor, end: Tensor) -> Tensor:
    """(B, 4, 2) twice -> (B, 3, 3): the projection that takes the points `end` to `start`."""
    dtype = torch.promote_types(start.dtype, torch.float32)
    start, end = start.to(dtype), end.to(dtype)
    ends = F.pad(end, (0, 1), value=1.0)
    none = torch.zeros_like(ends)
    # Two rows for each point: one for its x, one for its y.
    left = torch.stack((torch.cat((ends, none), -1), torch.cat((none, ends), -1)), 2)
    right = -start.unsqueeze(3) * end.unsqueeze(2)
    columns = torch.cat((left, right), -1).flatten(1, 2)
    numbers = torch.linalg.solve(columns, start.flatten(1))
    return F.pad(numbers, (0, 1), value=1.0).unflatten(-1, (3, 3))


class RandomElasticTransform(RandomWarp):
    """Distorts some of the images smoothly, each in its own way, in training.

    Args:
        factor: chance that an image is changed: a number for a chance between 0 and it, or the two
            ends of a range.
        scale: strength, from 0 to 1, the same for a whole batch: a number for a strength between 0
            and it, or the two ends of a range.
        interpolation: "nearest" or "bilinear".
        fill_mode: what stands outside of images: "reflect", "wrap", "constant", "nearest" or
            "mirror".
        fill_value: for "constant".
        value_range: lowest and highest value of images, which results are clipped to.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    _FACTOR_BOUNDS = (0, 1)

    def __init__(
        self,
        factor=1.0,
        scale=1.0,
        interpolation="bilinear",
        fill_mode="reflect",
        fill_value=0.0,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.scale = interval("scale", scale, self._FACTOR_BOUNDS)
        modes = ("constant", "nearest", "wrap", "mirror", "reflect")
        self._set_sampling(interpolation, fill_value, fill_mode, modes)
        self.value_range = value_range
        self._set_seed(seed)

    def _draw(self, size, seed):
        if self.scale[1] == 0 or self.factor[1] == 0:
            return None
        chosen = self._chosen(size.batch, seed)
        with on_host():
            strength = random.uniform((), *self.scale, seed=seed, dtype=self.compute_dtype)
            # A number: images and masks are distorted by the same noise.
            own = number(random.randint((), 0, 2**31 - 1, seed=seed))
        return {"apply_transform": chosen, "distortion_factor": strength, "seed": own}

    def get_elastic_transform_params(self, height, width, factor):
        """Strength and smoothness of the noise, in pixels."""
        return max(height, width) * 0.1 * factor, min(height, width) * 0.05 * factor

    def transform_images(self, images, transformation, training=True):
        images = super().transform_images(images, transformation, training)
        if not training or transformation is None:
            return images
        return images.clamp(*self.value_range)

    def _transform_images(self, images, transformation, interpolation):
        size = images.shape[self.height_axis], images.shape[self.width_axis]
        strength = number(transformation["distortion_factor"], unknown=1.0)
        alpha, sigma = self.get_elastic_transform_params(*size, strength)
        moved = image_ops.elastic_transform(
            images,
            alpha=alpha,
            sigma=sigma,
            interpolation=interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            seed=transformation["seed"],
            data_format=self.data_format,
        )
        return torch.where(transformation["apply_transform"][:, None, None, None], moved, images)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        raise NotImplementedError("Boxes cannot follow a distortion that bends straight lines.")
