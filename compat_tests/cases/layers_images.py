"""Rows for the image layers: what each is made with, and where real Keras can be compared."""

from dataclasses import dataclass, field
from typing import Any

from torchkeras import layers


@dataclass(frozen=True)
class ImageCase:
    """An image layer and its arguments.

    `seeded`: takes a seed. `boxes`: takes boxes. `keras` says what real Keras on torch computes as
    it says it does: "all", "channels_last", or "nothing".
    """

    layer: type
    config: dict[str, Any] = field(default_factory=dict)
    seeded: bool = True
    boxes: bool = True
    keras: str = "all"

    def __str__(self):
        arguments = ",".join(f"{k}={v}" for k, v in self.config.items())
        return f"{self.layer.__name__}({arguments})".replace(" ", "")

    @property
    def name(self):
        return self.layer.__name__


FIXED = {"seeded": False}
CONSTANT = {"fill_mode": "constant", "fill_value": 7.0}

SIZES = [
    ImageCase(layers.Resizing, {"height": 5, "width": 9}, **FIXED),
    ImageCase(layers.Resizing, {"height": 12, "width": 4, "interpolation": "nearest"}, **FIXED),
    ImageCase(
        layers.Resizing,
        {"height": 6, "width": 3, "interpolation": "bicubic", "antialias": True},
        **FIXED,
    ),
    ImageCase(layers.Resizing, {"height": 6, "width": 5, "crop_to_aspect_ratio": True}, **FIXED),
    ImageCase(
        layers.Resizing,
        {"height": 9, "width": 5, "pad_to_aspect_ratio": True, "fill_value": 3.0},
        **FIXED,
    ),
    ImageCase(layers.CenterCrop, {"height": 4, "width": 5}, **FIXED),
    ImageCase(layers.CenterCrop, {"height": 9, "width": 5}, **FIXED),
    ImageCase(layers.CenterCrop, {"height": 12, "width": 14}, **FIXED),
    ImageCase(layers.RandomCrop, {"height": 4, "width": 5}),
    ImageCase(layers.RandomCrop, {"height": 9, "width": 6}),
    ImageCase(layers.RandomCrop, {"height": 7, "width": 10}),
]

GEOMETRY = [
    ImageCase(layers.RandomFlip),
    ImageCase(layers.RandomFlip, {"mode": "horizontal"}),
    ImageCase(layers.RandomFlip, {"mode": "vertical"}),
    ImageCase(layers.RandomRotation, {"factor": 0.2}),
    ImageCase(layers.RandomRotation, {"factor": (-0.5, 0.1), **CONSTANT}),
    ImageCase(layers.RandomRotation, {"factor": 0.3, "fill_mode": "wrap"}),
    ImageCase(layers.RandomZoom, {"height_factor": 0.3}),
    ImageCase(
        layers.RandomZoom,
        {"height_factor": (-0.5, 0.6), "width_factor": (0.1, 0.4), "fill_mode": "nearest"},
    ),
    ImageCase(layers.RandomTranslation, {"height_factor": 0.3, "width_factor": (-0.2, 0.4)}),
    ImageCase(
        layers.RandomTranslation,
        {"height_factor": 0.5, "width_factor": 0.5, "interpolation": "nearest", **CONSTANT},
    ),
    ImageCase(layers.RandomShear, {"x_factor": 0.4}),
    ImageCase(layers.RandomShear, {"x_factor": (0.1, 0.4), "y_factor": 0.3, **CONSTANT}),
    ImageCase(layers.RandomPerspective),
    ImageCase(layers.RandomPerspective, {"factor": (0.4, 0.6), "scale": 0.5, "fill_value": 9.0}),
    # It draws from torch's own generator there.
    ImageCase(layers.RandomElasticTransform, boxes=False, keras="nothing"),
    ImageCase(
        layers.RandomElasticTransform,
        {"factor": (1.0, 1.0), "scale": (0.6, 0.9), **CONSTANT},
        boxes=False,
        keras="nothing",
    ),
]

COLOURS = [
    ImageCase(layers.RandomContrast, {"factor": 0.4}),
    ImageCase(layers.RandomContrast, {"factor": (0.6, 0.3)}),
    ImageCase(layers.RandomBrightness, {"factor": 0.3}),
    ImageCase(layers.RandomBrightness, {"factor": (-0.6, 0.1)}),
    ImageCase(layers.RandomHue, {"factor": 0.3}),
    ImageCase(layers.RandomHue, {"factor": (0.5, 0.9)}),
    ImageCase(layers.RandomSaturation, {"factor": 0.3}),
    ImageCase(layers.RandomSaturation, {"factor": (0.4, 0.7)}),
    ImageCase(layers.RandomSharpness, {"factor": 0.4}),
    ImageCase(layers.RandomSharpness, {"factor": (0.6, 1.0)}),
    ImageCase(layers.RandomPosterization, {"factor": 5}),
    ImageCase(layers.RandomPosterization, {"factor": (2, 2)}),
    ImageCase(layers.RandomGrayscale),
    ImageCase(layers.RandomColorDegeneration, {"factor": 0.4}),
    ImageCase(layers.RandomColorDegeneration, {"factor": (0.5, 0.8)}),
    ImageCase(
        layers.RandomColorJitter,
        {
            "brightness_factor": 0.2,
            "contrast_factor": (0.1, 0.4),
            "saturation_factor": (0.3, 0.6),
            "hue_factor": 0.3,
        },
        keras="channels_last",
    ),
    ImageCase(layers.RandomInvert),
    ImageCase(layers.RandomErasing),
    ImageCase(layers.RandomErasing, {"factor": (0.5, 0.5), "scale": (0.3, 0.6), "fill_value": 3}),
    ImageCase(layers.RandomGaussianBlur),
    ImageCase(layers.RandomGaussianBlur, {"kernel_size": 5, "sigma": (0.2, 0.9)}),
    ImageCase(layers.Solarization, {"addition_factor": 0.2, "threshold_factor": 0.7}),
    ImageCase(layers.Solarization, {"threshold_factor": (0.3, 0.5)}),
    ImageCase(layers.AutoContrast, keras="channels_last", **FIXED),
    ImageCase(layers.Equalization, **FIXED),
    ImageCase(layers.Equalization, {"bins": 16}, **FIXED),
    # Its limit is cut to an integer there.
    ImageCase(layers.ContrastLimitedAdaptiveHistogramEqualization, {"clip_limit": 0.0}, **FIXED),
    ImageCase(layers.ContrastLimitedAdaptiveHistogramEqualization, keras="nothing", **FIXED),
]

MIXTURES = [
    ImageCase(layers.MixUp),
    ImageCase(layers.CutMix, boxes=False),
    ImageCase(layers.CutMix, {"factor": (0.4, 0.8)}, boxes=False),
    # Its brightness changes the images for all other steps there.
    ImageCase(layers.RandAugment, keras="nothing"),
    ImageCase(layers.RandAugment, {"num_ops": 4, "factor": (0.2, 0.7)}, keras="nothing"),
    # It chooses by Python's generator there.
    ImageCase(layers.AugMix, keras="nothing"),
    ImageCase(layers.AugMix, {"all_ops": False, "num_chains": 2}, keras="nothing"),
    ImageCase(layers.MaxNumBoundingBoxes, {"max_number": 2}, **FIXED),
    ImageCase(layers.MaxNumBoundingBoxes, {"max_number": 5, "fill_value": -2}, **FIXED),
]

CASES = [*SIZES, *GEOMETRY, *COLOURS, *MIXTURES]
