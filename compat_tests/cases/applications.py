"""Rows for the image classifiers: every model, and what is made of it in which test."""

from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        quick: the one of its family that the quick round makes.
        size: of the images with which values are compared; 0 where only the structure is.
        arguments: in every call, beside those of the test.
        first: whether the model is compared with channels first, too.
        head: whether its head is another one than most models have.
    """

    name: str
    quick: bool = False
    size: int = 0
    arguments: dict[str, Any] = field(default_factory=dict)
    first: bool = False
    head: bool = False

    def __str__(self):
        arguments = ", ".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.name}({arguments})" if arguments else self.name


# Models of Keras 3, for which real Keras is the oracle.
KERAS_3 = [
    Case("VGG16", quick=True, size=32, first=True, head=True),
    Case("VGG19"),
    Case("ResNet50", quick=True, size=32, first=True),
    Case("ResNet101"),
    Case("ResNet152"),
    Case("ResNet50V2", size=32),
    Case("ResNet101V2"),
    Case("ResNet152V2"),
    Case("MobileNet", quick=True, size=64, first=True, head=True),
    Case("MobileNet", size=32, arguments={"alpha": 0.25, "depth_multiplier": 2}),
    Case("MobileNetV2", quick=True, size=64, first=True),
    Case("MobileNetV2", size=35, arguments={"alpha": 0.35}),
    Case("MobileNetV2", size=32, arguments={"alpha": 1.3}),
    Case("MobileNetV3Small", quick=True, size=64, first=True, head=True),
    Case("MobileNetV3Small", size=45, arguments={"minimalistic": True, "alpha": 0.75}),
    Case("MobileNetV3Large", size=64),
    Case("MobileNetV3Large", size=32, arguments={"alpha": 1.25, "include_preprocessing": False}),
    Case("Xception", quick=True, size=71),
    Case("DenseNet121", size=32),
    Case("DenseNet169"),
    Case("DenseNet201"),
    Case("InceptionV3", size=75, first=True),
    Case("InceptionResNetV2", size=75),
    Case("NASNetLarge"),
    Case("EfficientNetB0", quick=True, size=45, first=True),
    *(Case(f"EfficientNetB{i}") for i in range(1, 8)),
    Case("EfficientNetV2B0", size=45, first=True),
    Case("EfficientNetV2B0", size=32, arguments={"include_preprocessing": False}),
    *(Case(f"EfficientNetV2{letter}") for letter in ("B1", "B2", "B3")),
    Case("EfficientNetV2S", size=32),
    Case("EfficientNetV2M"),
    Case("EfficientNetV2L"),
    Case("ConvNeXtTiny", quick=True, size=32, head=True),
    Case("ConvNeXtTiny", size=32, arguments={"include_preprocessing": False}),
    Case("ConvNeXtSmall"),
    Case("ConvNeXtBase"),
    Case("ConvNeXtLarge"),
    Case("ConvNeXtXLarge"),
]

# Models of Keras 2, and one that Keras 3 does not make on torch: files are the oracle.
RECORDED = [
    Case("NASNetMobile", quick=True),
    *(Case(f"ResNetRS{depth}", depth == 50) for depth in (50, 101, 152, 200, 270, 350, 420)),
    *(
        Case(f"RegNet{kind}{size}", size == "002")
        for kind in "XY"
        for size in "002 004 006 008 016 032 040 064 080 120 160 320".split()
    ),
]


def marked(cases, quick="quick"):
    """The rows as parameters of tests; those that are not quick (or what else) are slow."""
    return [
        pytest.param(case, id=str(case), marks=[] if getattr(case, quick) else pytest.mark.slow)
        for case in cases
    ]


# What is wrong with the arguments, and a part of the message that Keras gives.
ERRORS = [
    ("VGG16", {"weights": "no/such.h5"}, "`weights` argument should be either"),
    ("ResNet50", {"weights": "imagenet", "classes": 7}, "`classes` should be 1000"),
    ("ResNet50", {"input_shape": (31, 64, 3)}, "Input size must be at least 32x32"),
    ("Xception", {"input_shape": (70, 299, 3)}, "Input size must be at least 71x71"),
    ("InceptionV3", {"input_shape": (74, 75, 3)}, "Input size must be at least 75x75"),
    ("VGG16", {"input_shape": (None, None, 3)}, "you should specify a static `input_shape`"),
    ("VGG16", {"input_shape": (32, 32)}, "must be a tuple of three integers"),
    (
        "VGG16",
        {"weights": "imagenet", "input_shape": (32, 32, 3)},
        "`input_shape` should be",
    ),
    (
        "DenseNet121",
        {"weights": "imagenet", "include_top": False, "input_shape": (32, 32, 1)},
        "The input must have 3 channels",
    ),
    (
        "EfficientNetB0",
        {"weights": "imagenet", "classifier_activation": "relu"},
        "Only `None` and `softmax` activations are allowed",
    ),
    ("MobileNet", {"weights": "imagenet", "depth_multiplier": 2}, "depth multiplier must be 1"),
    ("MobileNet", {"weights": "imagenet", "alpha": 0.3}, "alpha"),
    ("MobileNetV2", {"weights": "imagenet", "alpha": 0.3}, "alpha"),
    ("MobileNetV3Small", {"weights": "imagenet", "alpha": 0.5}, "alpha"),
    ("MobileNetV3Large", {"input_shape": (16, 64, 3)}, "Input size must be at least 32x32"),
    (
        "NASNetLarge",
        {"weights": "imagenet", "include_top": False, "input_shape": (None, 331, 3)},
        "argument must be static",
    ),
]
