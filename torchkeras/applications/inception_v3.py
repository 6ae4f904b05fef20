"""InceptionV3: blocks of branches with kernels of several forms."""

from torchkeras import layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["InceptionV3", "decode_predictions", "preprocess_input"]

# A convolution is its filters, rows and columns, and HALVED where it halves height and width.
HALVED = {"strides": (2, 2), "padding": "valid"}


def conv2d_bn(x, filters, num_row, num_col, padding="same", strides=(1, 1), name=None):
    """Convolution, batch normalization and ReLU, called `name_conv`, `name_bn` and `name`."""
    x = layers.Conv2D(
        filters,
        (num_row, num_col),
        strides=strides,
        padding=padding,
        use_bias=False,
        name=name and f"{name}_conv",
    )(x)
    axis = channel_axis()
    x = layers.BatchNormalization(axis=axis, scale=False, name=name and f"{name}_bn")(x)
    return layers.Activation("relu", name=name)(x)


def branch(x, *convolutions, **last):
    """Convolutions one after the other; `last` is for the last one."""
    for convolution in convolutions[:-1]:
        x = conv2d_bn(x, *convolution)
    return conv2d_bn(x, *convolutions[-1], **last)


def pooled(x, filters):
    """Average pooling that keeps the size, and a pointwise convolution."""
    x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
    return conv2d_bn(x, filters, 1, 1)


def joined(branches, name=None):
    """The channels of all branches."""
    return layers.concatenate(branches, axis=channel_axis(), name=name)


def square_block(x, filters, name):
    """Kernels of 1, 5 and twice 3, and pooling."""
    return joined(
        [
            branch(x, (64, 1, 1)),
            branch(x, (48, 1, 1), (64, 5, 5)),
            branch(x, (64, 1, 1), (96, 3, 3), (96, 3, 3)),
            pooled(x, filters),
        ],
        name,
    )


def long_block(x, n, name):
    """Kernels of 1x7 and 7x1, and pooling."""
    return joined(
        [
            branch(x, (192, 1, 1)),
            branch(x, (n, 1, 1), (n, 1, 7), (192, 7, 1)),
            branch(x, (n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7)),
            pooled(x, 192),
        ],
        name,
    )


def wide_block(x, number):
    """Branches that fork at their ends, and pooling."""
    first = conv2d_bn(x, 320, 1, 1)
    second = conv2d_bn(x, 384, 1, 1)
    second = [conv2d_bn(second, 384, 1, 3), conv2d_bn(second, 384, 3, 1)]
    second = joined(second, f"mixed9_{number}")
    third = branch(x, (448, 1, 1), (384, 3, 3))
    third = joined([conv2d_bn(third, 384, 1, 3), conv2d_bn(third, 384, 3, 1)])
    return joined([first, second, third, pooled(x, 192)], f"mixed{9 + number}")


class Inception(ImageClassifier):
    """A stem, and eleven blocks of three kinds with two that halve the size between them."""

    paper = (
        "Rethinking the Inception Architecture for Computer Vision, "
        "https://arxiv.org/abs/1512.00567"
    )
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."
    size = 299
    smallest = 75
    folder = f"{STORAGE}inception_v3/"

    def features(self, x, options):
        x = conv2d_bn(x, 32, 3, 3, **HALVED)
        x = conv2d_bn(x, 32, 3, 3, padding="valid")
        x = conv2d_bn(x, 64, 3, 3)
        x = layers.MaxPooling2D(3, strides=2)(x)
        x = conv2d_bn(x, 80, 1, 1, padding="valid")
        x = conv2d_bn(x, 192, 3, 3, padding="valid")
        x = layers.MaxPooling2D(3, strides=2)(x)
        for number, filters in enumerate((32, 64, 64)):
            x = square_block(x, filters, f"mixed{number}")
        branches = [
            branch(x, (384, 3, 3), **HALVED),
            branch(x, (64, 1, 1), (96, 3, 3), (96, 3, 3), **HALVED),
            layers.MaxPooling2D(3, strides=2)(x),
        ]
        x = joined(branches, "mixed3")
        for number, filters in enumerate((128, 160, 160, 192), 4):
            x = long_block(x, filters, f"mixed{number}")
        branches = [
            branch(x, (192, 1, 1), (320, 3, 3), **HALVED),
            branch(x, (192, 1, 1), (192, 1, 7), (192, 7, 1), (192, 3, 3), **HALVED),
            layers.MaxPooling2D(3, strides=2)(x),
        ]
        x = joined(branches, "mixed8")
        return wide_block(wide_block(x, 0), 1)


InceptionV3 = Inception(
    "InceptionV3",
    ("9a0d58056eeedaa3f26cb7ebd46da564", "bcbd6486424b2319ff4ef7d526e38f63"),
    name="inception_v3",
).function(__name__)

preprocess_input = preprocessing("tf", __name__)
