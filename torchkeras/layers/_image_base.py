"""What all image layers share: parameters are drawn once, then applied to images, labels, boxes and
masks."""

import contextlib
from typing import Any, NamedTuple

import torch
from torch import Tensor

from torchkeras import _scopes, _symbolic, config, random, tree
from torchkeras._errors import received
from torchkeras.layers._base import Layer
from torchkeras.layers._bounding_boxes import clip_to_image_size, convert_format, densified
from torchkeras.ops._core import as_tensor

__all__ = []

FILL_MODES = ("reflect", "wrap", "constant", "nearest")
INTERPOLATIONS = ("nearest", "bilinear")
# The parts of a dict of data, and what one of them alone is called.
PARTS = {
    "images": "image",
    "bounding_boxes": "bounding_box",
    "labels": "label",
    "segmentation_masks": "segmentation_mask",
}


class Size(NamedTuple):
    """What a draw has to know of the images."""

    shape: tuple[int, ...]
    batch: int
    height: int
    width: int


class BaseImagePreprocessingLayer(Layer):
    """Base of the layers that prepare or augment images.

    A call takes an image (height, width, channels), a batch of images, or a dict with these under
    "images" and what belongs to them: "labels", "segmentation_masks" and "bounding_boxes", a dict
    of "boxes" (..., n, 4) and "labels" (..., n). The values of the dict that it returns are
    changed alike; what else is in the dict stays.

    Subclasses draw in `_draw`, or in the whole of `get_random_transformation`; what that returns
    is given to each `transform_*` method. Labels, boxes and masks stay as they are unless a
    subclass says otherwise. Outside of training nothing is drawn or changed.

    Args:
        factor: strength, of the layers that have one: a number for the range around 0, or from the
            least possible number to it, or the two ends of a range.
        bounding_box_format: format of the boxes, see `keras.utils.bounding_boxes.convert_format`.
        data_format: "channels_last" or "channels_first"; None: `image_data_format()`.
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS = (-1, 1)
    _config_if_given = (*Layer._config_if_given, "factor", "bounding_box_format")

    def __init__(self, factor=None, bounding_box_format=None, data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = config.standardize_data_format(data_format)
        last = self.data_format == "channels_last"
        self.height_axis, self.width_axis, self.channel_axis = (
            (-3, -2, -1) if last else (-2, -1, -3)
        )
        self.factor = None
        if self._USE_BASE_FACTOR:
            self._set_factor(factor or 0.0)
        elif factor is not None:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. "
                + received(factor=factor)
            )
        self.built = True

    def _set_factor(self, factor):
        self.factor = interval("factor", factor, self._FACTOR_BOUNDS)

    def _set_seed(self, seed):
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    def _get_seed_generator(self, backend=None):
        return self.generator

    def __call__(self, inputs, **kwargs):
        return super().__call__(inputs, **kwargs)

    def convert_weight(self, weight):
        """The weight itself: there is one kind of tensor only."""
        return weight

    # ---- drawing -----------------------------------------------------------------------------

    def get_random_transformation(self, data, training=True, seed=None):
        """What is drawn for these data, for all `transform_*` methods; None outside of training."""
        if not training:
            return None
        seed = getattr(self, "generator", None) if seed is None else seed
        return self._draw(self._size_of(data), seed)

    def _draw(self, size: Size, seed) -> Any:
        return None

    def _size_of(self, data) -> Size:
        shape = tuple((data["images"] if isinstance(data, dict) else data).shape)
        _check_rank(shape)
        batch = shape[0] if len(shape) == 4 else 1
        return Size(shape, batch, shape[self.height_axis], shape[self.width_axis])

    # ---- applying ----------------------------------------------------------------------------

    def call(self, data, training=True):
        given = {**data} if isinstance(data, dict) else {"images": data}
        images = as_tensor(given["images"])
        _check_rank(images.shape)
        for key in PARTS.keys() & given.keys():
            boxes = key == "bounding_boxes"
            part = self._checked_boxes(given[key]) if boxes else as_tensor(given[key])
            given[key] = tree.map_structure(_mover_to(images.device), part)
        with _creating_on(images.device):
            drawn = self.get_random_transformation(
                given if isinstance(data, dict) else images, training=training
            )
            for key, single in PARTS.items():
                if key in given:
                    name = key if images.ndim == 4 else f"single_{single}"
                    transform = getattr(self, f"transform_{name}")
                    given[key] = transform(given[key], transformation=drawn, training=training)
        return given if isinstance(data, dict) else given["images"]

    def _checked_boxes(self, bounding_boxes) -> dict:
        if not self.bounding_box_format:
            raise ValueError(
                "You passed an input with a 'bounding_boxes' key, but you didn't specify a "
                "bounding box format. Pass a `bounding_box_format` argument to your "
                f"{type(self).__name__} layer, e.g. `bounding_box_format='xyxy'`. "
                + received(bounding_box_format=self.bounding_box_format)
            )
        return densified(bounding_boxes)

    def transform_images(self, images, transformation, training=True):
        """A batch of images, transformed and in the compute dtype."""
        images = self._cast(images)
        if training and transformation is not None:
            images = self._transform_images(images, transformation, self.interpolation)
        return images

    def _transform_images(self, images, transformation, interpolation):
        raise NotImplementedError(f"{type(self).__name__} does not say how images are transformed.")

    def transform_labels(self, labels, transformation, training=True):
        """Labels of a batch of images."""
        return labels

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        """A dict of "boxes" (batch, n, 4) and "labels" (batch, n)."""
        return bounding_boxes

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        """Masks of a batch of images."""
        return segmentation_masks

    def transform_single_image(self, image, transformation, training=True):
        """One image: a batch of one."""
        images = self.transform_images(
            image.unsqueeze(0), transformation=transformation, training=training
        )
        return images.squeeze(0)

    def transform_single_label(self, label, transformation, training=True):
        """The label of one image."""
        labels = self.transform_labels(
            label.unsqueeze(0), transformation=transformation, training=training
        )
        return labels.squeeze(0)

    def transform_single_bounding_box(self, bounding_box, transformation, training=True):
        """The boxes of one image: "boxes" (n, 4) and "labels" (n,)."""
        own = ("boxes", "labels")
        batch = {k: v.unsqueeze(0) if k in own else v for k, v in bounding_box.items()}
        boxes = self.transform_bounding_boxes(
            batch, transformation=transformation, training=training
        )
        return {k: v.squeeze(0) if k in own else v for k, v in boxes.items()}

    def transform_single_segmentation_mask(self, segmentation_mask, transformation, training=True):
        """The mask of one image."""
        masks = self.transform_segmentation_masks(
            segmentation_mask.unsqueeze(0), transformation=transformation, training=training
        )
        return masks.squeeze(0)

    # ---- help for subclasses -----------------------------------------------------------------

    def _chosen(self, batch: int, seed) -> Tensor:
        """(batch,): which images are changed, each with a chance drawn from `factor`."""
        chance = random.uniform((batch,), *self.factor, seed=seed)
        return random.uniform((batch,), seed=seed) < chance

    def _cast(self, x: Tensor) -> Tensor:
        return x.to(self._torch_compute_dtype)

    def _moved_boxes(self, bounding_boxes: dict, move, size, via="xyxy") -> dict:
        """Boxes in the format `via` changed by `move`, clipped to images of (height, width)."""
        moved = convert_format(bounding_boxes, self.bounding_box_format, via, *size)
        moved["boxes"] = move(moved["boxes"])
        moved = clip_to_image_size(moved, *size, via)
        return convert_format(moved, via, self.bounding_box_format, *size)


class RandomWarp(BaseImagePreprocessingLayer):
    """Base of the layers that move the points of images; masks move along without interpolation."""

    _USE_BASE_FACTOR = False

    def _set_sampling(self, interpolation, fill_value, fill_mode="constant", modes=FILL_MODES):
        for name, value, known in (
            ("fill_mode", fill_mode, modes),
            ("interpolation", interpolation, INTERPOLATIONS),
        ):
            if value not in known:
                raise NotImplementedError(
                    f"Unknown `{name}` {value}. Expected of one {known}. "
                    + received(**{name: value})
                )
        self.interpolation = interpolation
        self.fill_mode = fill_mode
        self.fill_value = fill_value

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training or transformation is None:
            return segmentation_masks
        return self._transform_images(segmentation_masks, transformation, "nearest")


def _check_rank(shape):
    if len(shape) not in (3, 4):
        raise ValueError(
            "Expected image tensor to have rank 3 (single image) or 4 (batch of images). "
            f"Received: data.shape={tuple(shape)}"
        )


def _mover_to(device: torch.device):
    return lambda x: x.to(device) if isinstance(x, Tensor) else x


def _creating_on(device: torch.device):
    """Inside, what is drawn lies on `device`."""
    if device == config.default_device():
        return contextlib.nullcontext()
    return _scopes.device(device)


def on_host():
    """Inside, what is drawn lies where Python can read it without waiting."""
    if _symbolic.running_on_meta():
        return contextlib.nullcontext()
    return _creating_on(torch.device("cpu"))


def number(x, unknown=0):
    """A tensor of one element as a Python number; `unknown` where only shapes are known."""
    if isinstance(x, Tensor):
        return unknown if x.device.type == "meta" else x.item()
    return x


def interval(name: str, factor, bounds, strict: bool = False, lower=None) -> tuple:
    """The range that an argument stands for: two numbers, or one for the range around 0.

    Where one number is given, the range starts at `lower`, or at its negative within the bounds.
    `strict` is for two numbers that must both be within them, otherwise the range has to meet them.
    """
    low, high = bounds
    pair = isinstance(factor, (tuple, list)) and len(factor) == 2
    single = isinstance(factor, (int, float))
    wrong = not (pair or single)
    if pair and not strict:
        wrong = factor[0] > high or factor[1] < low
    elif not wrong:
        wrong = any(not low <= number <= high for number in (factor if pair else (factor,)))
    if wrong:
        raise ValueError(
            f"The `{name}` argument should be a number (or a list of two numbers) in the range "
            f"[{low}, {high}]. {received(**{name: factor})}"
        )
    if pair:
        return tuple(sorted(factor))
    return (max(-abs(factor), low) if lower is None else lower), abs(factor)


def ordered_range(value_range) -> list:
    """The two ends of the values of images, the lower one first."""
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(
            "The `value_range` argument should be a list of two numbers. "
            + received(value_range=value_range)
        )
    return sorted(value_range)


def rescaled(images: Tensor, source, target, dtype=torch.float32) -> Tensor:
    """Values from one range brought to another; where these are the same, as they are."""
    if tuple(source) == tuple(target):
        return images
    images = (images.to(dtype) - source[0]) / (source[1] - source[0])
    return images * (target[1] - target[0]) + target[0]
