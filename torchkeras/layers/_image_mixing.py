"""Layers that mix images with each other, with noise, or with changed copies of themselves."""

import torch
from torch import Tensor

from torchkeras import config, random
from torchkeras._errors import received
from torchkeras.layers._image_augmentation import (
    AutoContrast,
    Equalization,
    RandomBrightness,
    RandomColorDegeneration,
    RandomContrast,
    RandomPosterization,
    RandomSharpness,
    Solarization,
)
from torchkeras.layers._image_base import (
    BaseImagePreprocessingLayer,
    interval,
    number,
    on_host,
)
from torchkeras.layers._image_geometry import RandomRotation, RandomShear, RandomTranslation

__all__ = ["AugMix", "CutMix", "MixUp", "RandAugment", "RandomErasing"]


# ------------------------------------------------------------------ with each other
def _mixed(values: Tensor, others: Tensor, weight: Tensor) -> Tensor:
    """`values` in the share `weight` (batch,), the rest `others`."""
    weight = weight.view(-1, *(1,) * (values.ndim - 1))
    return weight * values + (1.0 - weight) * others


def _mixed_labels(labels: Tensor, transformation: dict) -> Tensor:
    if labels.ndim == 1 and not labels.is_floating_point():
        raise ValueError(
            "Labels to mix must be vectors, such as one-hot ones: the numbers of classes have no "
            f"mean. Received: labels.shape={tuple(labels.shape)}, labels.dtype={labels.dtype}"
        )
    others = labels[transformation["permutation_order"]]
    return _mixed(labels, others, transformation["mix_weight"])


class MixUp(BaseImagePreprocessingLayer):
    """Mixes each image with another of its batch, and their labels and masks alike, in training.

    What is mixed keeps the boxes of both. See https://arxiv.org/abs/1710.09412.

    Args:
        alpha: from 0 to 1: the higher, the more even shares.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input; of boxes twice as many
    """

    _USE_BASE_FACTOR = False

    def __init__(self, alpha=0.2, data_format=None, seed=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self.alpha = alpha
        self._set_seed(seed)

    def _draw(self, size, seed):
        order = torch.arange(size.batch, device=config.default_device())
        return {
            "permutation_order": random.shuffle(order, seed=seed),
            "mix_weight": random.beta((size.batch,), self.alpha, self.alpha, seed=seed),
        }

    def transform_images(self, images, transformation=None, training=True):
        if not training:
            return images
        images = self._cast(images)
        others = images[transformation["permutation_order"]]
        return _mixed(images, others, self._cast(transformation["mix_weight"]))

    def transform_labels(self, labels, transformation, training=True):
        return _mixed_labels(labels, transformation) if training else labels

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if not training:
            return bounding_boxes
        order = transformation["permutation_order"]
        both = {
            key: torch.cat((bounding_boxes[key], bounding_boxes[key][order]), 1)
            for key in ("boxes", "labels")
        }
        return {**bounding_boxes, **both}

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training:
            return segmentation_masks
        others = segmentation_masks[transformation["permutation_order"]]
        return _mixed(segmentation_masks, others, transformation["mix_weight"])


class RectangleLayer(BaseImagePreprocessingLayer):
    """Base of the layers that replace a rectangle of each image."""

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def _sides(self, batch: int, length: int, share: Tensor, seed) -> tuple[Tensor, Tensor]:
        """Where a side that takes `share` of an image's `length` starts and ends: (batch,) each."""
        side = self._cast(share * length)
        start = random.uniform((batch,), seed=seed, dtype=self.compute_dtype) * (length - side)
        return start, start + side

    def _rectangles(self, size, horizontal, vertical) -> Tensor:
        """Which pixels of images lie in their rectangle, in the shape of a batch of images."""
        shape = [1, 1, 1, 1]
        inside = []
        for (start, end), length, axis in (
            (vertical, size.height, self.height_axis),
            (horizontal, size.width, self.width_axis),
        ):
            place = torch.arange(length, device=start.device, dtype=start.dtype)
            place = place.view([length if i == axis % 4 else one for i, one in enumerate(shape)])
            start, end = (bound.view(-1, 1, 1, 1) for bound in (start, end))
            inside.append((place >= start) & (place < end))
        return (inside[0] & inside[1]).expand(-1, *size.shape[-3:])


class CutMix(RectangleLayer):
    """Replaces a rectangle of each image by that of another of its batch, and mixes their labels by
    area, in training.

    A single image stays as it is. See https://arxiv.org/abs/1905.04899.

    Args:
        factor: from 0 to 1: the higher, the more even shares; a number for a draw between 0 and
            it, or the two ends of a range.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    def __init__(self, factor=1.0, seed=None, data_format=None, **kwargs):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self._set_seed(seed)

    def _draw(self, size, seed):
        if len(size.shape) == 3:
            return None
        dtype, batch = self.compute_dtype, size.batch
        alpha = random.uniform((), *self.factor, seed=seed, dtype=dtype) + 1e-6
        share = torch.sqrt(1.0 - random.beta((batch,), alpha, alpha, seed=seed, dtype=dtype))
        horizontal = self._sides(batch, size.width, share, seed)
        vertical = self._sides(batch, size.height, share, seed)
        area = (horizontal[1] - horizontal[0]) * (vertical[1] - vertical[0])
        order = torch.arange(batch, device=share.device, dtype=torch.int32)
        return {
            "permutation_order": random.shuffle(order, seed=seed),
            "batch_masks": self._rectangles(size, horizontal, vertical),
            "mix_weight": 1.0 - area / (size.width * size.height),
        }

    def transform_images(self, images, transformation=None, training=True):
        images = self._cast(images)
        if not training or transformation is None:
            return images
        # Masks have fewer channels than images, and take part with one.
        inside = transformation["batch_masks"].narrow(self.channel_axis, 0, 1)
        return torch.where(inside, images[transformation["permutation_order"]], images)

    def transform_labels(self, labels, transformation, training=True):
        if not training or transformation is None:
            return labels
        return _mixed_labels(labels, transformation)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        return self.transform_images(segmentation_masks, transformation, training)

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        raise NotImplementedError("What a box shows may be replaced: CutMix does not take boxes.")


class RandomErasing(RectangleLayer):
    """Erases a rectangle of some of the images, in training. See https://arxiv.org/abs/1708.04896.

    Args:
        factor: chance that an image is changed: a number for a chance between 0 and it, or the two
            ends of a range.
        scale: share of the area that is erased: a number for a share between 0 and it, or the two
            ends of a range.
        fill_value: what stands there: a number, or three for the channels; None for noise.
        value_range: lowest and highest value of images.
        seed: integer.

    Input shape: (height, width, channels) or (batch, height, width, channels)
    Output shape: that of the input
    """

    def __init__(
        self,
        factor=1.0,
        scale=(0.02, 0.33),
        fill_value=None,
        value_range=(0, 255),
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self.scale = interval("scale", scale, self._FACTOR_BOUNDS)
        several = isinstance(fill_value, (tuple, list)) and len(fill_value) == 3
        if not (fill_value is None or several or isinstance(fill_value, (int, float))):
            raise ValueError(
                "The `fill_value` argument should be a number (or a list of three numbers). "
                + received(fill_value=fill_value)
            )
        self.fill_value = fill_value
        self.value_range = value_range
        self._set_seed(seed)

    def _draw(self, size, seed):
        shape = (size.batch, 2)
        shares = random.uniform(shape, *self.scale, seed=seed, dtype=self.compute_dtype).sqrt()
        horizontal = self._sides(size.batch, size.width, shares[:, 0], seed)
        vertical = self._sides(size.batch, size.height, shares[:, 1], seed)
        return {
            "batch_masks": self._rectangles(size, horizontal, vertical),
            "apply_erasing": self._chosen(size.batch, seed),
            "fill_value": self._filling(size, shares, seed).clamp(*self.value_range),
        }

    def _filling(self, size, like: Tensor, seed) -> Tensor:
        if self.fill_value is None:
            noise = random.normal(size.shape, seed=seed, dtype=self.compute_dtype)
            return noise * self.value_range[1]
        if isinstance(self.fill_value, (int, float)):
            return like.new_full(size.shape, self.fill_value)
        shape = [1] * len(size.shape)
        shape[self.channel_axis] = 3
        return like.new_tensor(self.fill_value).view(shape).expand(size.shape)

    def transform_images(self, images, transformation=None, training=True):
        images = self._cast(images)
        if not training:
            return images
        chosen = transformation["apply_erasing"][:, None, None, None]
        return torch.where(
            transformation["batch_masks"] & chosen, transformation["fill_value"], images
        )


# ------------------------------------------------------------------ with themselves
# The steps that policies are made of, by the attribute that each is; in the order of RandAugment.
STEPS = {
    "random_shear": RandomShear,
    "random_translation": RandomTranslation,
    "random_rotation": RandomRotation,
    "random_brightness": RandomBrightness,
    "random_color_degeneration": RandomColorDegeneration,
    "random_contrast": RandomContrast,
    "random_sharpness": RandomSharpness,
    "random_posterization": RandomPosterization,
    "solarization": Solarization,
    "auto_contrast": AutoContrast,
    "equalization": Equalization,
}
WARPS = ("random_shear", "random_translation", "random_rotation")
# In the order of AugMix; those at the end only where all are wanted.
MIXED_STEPS = (
    *WARPS,
    "random_posterization",
    "solarization",
    "auto_contrast",
    "equalization",
)
FURTHER_STEPS = (
    "random_brightness",
    "random_color_degeneration",
    "random_contrast",
    "random_sharpness",
)


class PolicyLayer(BaseImagePreprocessingLayer):
    """Base of the layers that apply others, chosen at random for a whole batch.

    Each of the others draws for each image.
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS = (0, 1)

    def _make_step(self, name: str):
        """The layer of that name, as an attribute."""
        arguments = {"data_format": self.data_format, "dtype": self.dtype_policy}
        arguments["bounding_box_format"] = self.bounding_box_format
        if name not in ("auto_contrast", "equalization"):
            arguments["seed"] = self.seed
        if name in WARPS:
            arguments["interpolation"] = self.interpolation
        else:
            arguments["value_range"] = self.value_range
        factors = {
            "random_shear": ("x_factor", "y_factor"),
            "random_translation": ("height_factor", "width_factor"),
            "solarization": ("addition_factor", "threshold_factor"),
            "auto_contrast": (),
            "equalization": (),
        }
        arguments |= dict.fromkeys(factors.get(name, ("factor",)), self.factor)
        if name == "random_posterization":
            arguments["factor"] = max(1, int(8 * self.factor[1]))
        setattr(self, name, STEPS[name](**arguments))


class RandAugment(PolicyLayer):
    """A few changes in a row, chosen at random among eleven, in training. See
    https://arxiv.org/abs/1909.13719.

    Which ones is drawn for a whole batch, how strong they are for each image.

    Args:
        value_range: lowest and highest value of images.
        num_ops: number of changes.
        factor: strength, from 0 to 1: a number for a range from 0 to it, or the two ends of a
            range.
        interpolation: "nearest" or "bilinear".
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input

    >>> RandAugment(value_range=(0, 1))(torch.rand(2, 8, 8, 3)).shape
    torch.Size([2, 8, 8, 3])
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_ops=2,
        factor=0.5,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.num_ops = num_ops
        self._set_factor(factor)
        self.interpolation = interpolation
        self._set_seed(seed)
        for name in STEPS:
            self._make_step(name)

    def _draw(self, size, seed):
        with on_host():
            chosen = random.randint((self.num_ops,), 0, len(STEPS), seed=seed)
        transforms = {name: getattr(self, name)._draw(size, seed) for name in STEPS}
        return {"transforms": transforms, "layer_idxes": chosen}

    def _chosen_steps(self, transformation):
        """The layers in their order, each with what it drew."""
        names = list(transformation["transforms"])
        for index in transformation["layer_idxes"]:
            name = names[number(index)]
            yield getattr(self, name), transformation["transforms"][name]

    def transform_images(self, images, transformation, training=True):
        images = self._cast(images)
        if training:
            for layer, drawn in self._chosen_steps(transformation):
                images = layer.transform_images(images, drawn)
        return images

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if training:
            for layer, drawn in self._chosen_steps(transformation):
                segmentation_masks = layer.transform_segmentation_masks(segmentation_masks, drawn)
        return segmentation_masks

    def transform_bounding_boxes(self, bounding_boxes, transformation, training=True):
        if training:
            for layer, drawn in self._chosen_steps(transformation):
                bounding_boxes = layer.transform_bounding_boxes(bounding_boxes, drawn)
        return bounding_boxes


class AugMix(PolicyLayer):
    """Mixes images with the mean of several chains of changes of them, in training. See
    https://arxiv.org/abs/1912.02781.

    Which changes a chain has is drawn for a whole batch, how strong they are for each image.

    Args:
        value_range: lowest and highest value of images, which results are clipped to.
        num_chains: number of chains.
        chain_depth: most changes in a chain.
        factor: strength, from 0 to 1: a number for a range from 0 to it, or the two ends of a
            range.
        alpha: parameter of the distributions that shares are drawn from.
        all_ops: whether brightness, colour, contrast and sharpness may be changed too.
        interpolation: "nearest" or "bilinear".
        seed: integer.

    Input shape: (height, width, 3) or (batch, height, width, 3)
    Output shape: that of the input
    """

    def __init__(
        self,
        value_range=(0, 255),
        num_chains=3,
        chain_depth=3,
        factor=0.3,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        seed=None,
        data_format=None,
        **kwargs,
    ):
        super().__init__(data_format=data_format, **kwargs)
        self.value_range = value_range
        self.num_chains = num_chains
        self.chain_depth = chain_depth
        self._set_factor(factor)
        self.alpha = alpha
        self.all_ops = all_ops
        self.interpolation = interpolation
        self._set_seed(seed)
        self._names = (*MIXED_STEPS, *FURTHER_STEPS) if all_ops else MIXED_STEPS
        for name in self._names:
            self._make_step(name)

    def _draw(self, size, seed):
        shares = random.gamma((self.num_chains,), self.alpha, seed=seed)
        own = random.beta((), self.alpha, self.alpha, seed=seed)
        with on_host():
            # One more than there are layers: no change.
            shape = (self.num_chains, self.chain_depth)
            chosen = random.randint(shape, 0, len(self._names) + 1, seed=seed)
        return {
            "chain_mixing_weights": shares / shares.sum(),
            "weight_sample": own,
            "chain_transforms": [self._chain(size, row, seed) for row in chosen],
        }

    def _chain(self, size, indices, seed) -> list[dict]:
        names = (*self._names, None)
        chosen = [names[number(index)] for index in indices]
        return [
            {"layer_name": name, "transformation": getattr(self, name)._draw(size, seed)}
            for name in chosen
            if name is not None
        ]

    def transform_images(self, images, transformation, training=True):
        images = self._cast(images)
        if not training:
            return images
        mixed = self._mean_of_chains(images, transformation, "transform_images")
        return mixed.clamp(*self.value_range)

    def transform_segmentation_masks(self, segmentation_masks, transformation, training=True):
        if not training:
            return segmentation_masks
        name = "transform_segmentation_masks"
        return self._mean_of_chains(segmentation_masks, transformation, name)

    def _mean_of_chains(self, values: Tensor, transformation: dict, method: str) -> Tensor:
        """`values` mixed with what the chains make of them by the method of that name."""
        shares = self._cast(transformation["chain_mixing_weights"])
        own = self._cast(transformation["weight_sample"])
        changed = 0
        for share, chain in zip(shares, transformation["chain_transforms"], strict=True):
            result = values
            for step in chain:
                layer = getattr(self, step["layer_name"])
                result = getattr(layer, method)(result, step["transformation"])
            changed = changed + result * share
        return own * values + (1 - own) * changed
