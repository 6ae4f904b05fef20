"""Xception: depthwise separable convolutions with shortcuts."""

from torchkeras import layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["Xception", "decode_predictions", "preprocess_input"]


class Separable(ImageClassifier):
    """Entry, eight blocks in the middle, and exit."""

    paper = (
        "Xception: Deep Learning with Depthwise Separable Convolutions, "
        "https://arxiv.org/abs/1610.02357"
    )
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."
    size = 299
    smallest = 71
    folder = f"{STORAGE}xception/"

    def features(self, x, options):
        x = layers.Conv2D(32, 3, strides=2, use_bias=False, name="block1_conv1")(x)
        x = activated(normalized(x, "block1_conv1"), "block1_conv1")
        x = layers.Conv2D(64, 3, use_bias=False, name="block1_conv2")(x)
        x = activated(normalized(x, "block1_conv2"), "block1_conv2")
        x = narrowing(x, (128, 128), 2)
        x = narrowing(x, (256, 256), 3)
        x = narrowing(x, (728, 728), 4)
        for number in range(5, 13):
            shortcut = x
            for i in (1, 2, 3):
                name = f"block{number}_sepconv{i}"
                x = separable(activated(x, name), 728, name)
            x = layers.add([x, shortcut])
        x = narrowing(x, (728, 1024), 13)
        x = activated(separable(x, 1536, "block14_sepconv1"), "block14_sepconv1")
        return activated(separable(x, 2048, "block14_sepconv2"), "block14_sepconv2")


def normalized(x, name):
    """Batch normalization."""
    return layers.BatchNormalization(axis=channel_axis(last=-1), name=name and f"{name}_bn")(x)


def activated(x, name):
    """ReLU."""
    return layers.Activation("relu", name=f"{name}_act")(x)


def separable(x, filters, name):
    """A separable convolution with normalization."""
    x = layers.SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x)
    return normalized(x, name)


def narrowing(x, filters, number):
    """Two separable convolutions and pooling, with a convolution for a shortcut."""
    shortcut = layers.Conv2D(filters[1], 1, strides=2, padding="same", use_bias=False)(x)
    shortcut = normalized(shortcut, None)
    name = f"block{number}"
    if number > 2:  # block 1 ends with an activation
        x = activated(x, f"{name}_sepconv1")
    x = separable(x, filters[0], f"{name}_sepconv1")
    x = separable(activated(x, f"{name}_sepconv2"), filters[1], f"{name}_sepconv2")
    x = layers.MaxPooling2D(3, strides=2, padding="same", name=f"{name}_pool")(x)
    return layers.add([x, shortcut])


Xception = Separable(
    "Xception",
    ("0a58e3b7378bc2990ea3b43d5981f1f6", "b0042744bf5b25fce3cb969f33bebb97"),
    name="xception",
).function(__name__)

preprocess_input = preprocessing("tf", __name__)
