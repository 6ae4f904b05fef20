"""InceptionResNetV2: branches of convolutions, added to what went in."""

from torchkeras import layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["InceptionResNetV2", "decode_predictions", "preprocess_input"]

# A convolution is its filters and kernel; HALVED where it halves height and width.
HALVED = {"strides": 2, "padding": "valid"}

# Kind of block -> branches, factor, and how many of them.
RESIDUAL_BLOCKS = {
    "block35": ((((32, 1),), ((32, 1), (32, 3)), ((32, 1), (48, 3), (64, 3))), 0.17, 10),
    "block17": ((((192, 1),), ((128, 1), (160, (1, 7)), (192, (7, 1)))), 0.1, 20),
    "block8": ((((192, 1),), ((192, 1), (224, (1, 3)), (256, (3, 1)))), 0.2, 10),
}


class CustomScaleLayer(layers.Layer):
    """The first input plus the second times a factor."""

    _keras_module = "keras.src.applications.inception_resnet_v2"

    def __init__(self, scale, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs):
        return inputs[0] + inputs[1] * self.scale


def conv2d_bn(
    x, filters, kernel_size, strides=1, padding="same", activation="relu", use_bias=False, name=None
):
    """Convolution, batch normalization (in place of a bias) and activation."""
    conv = {"strides": strides, "padding": padding, "use_bias": use_bias, "name": name}
    x = layers.Conv2D(filters, kernel_size, **conv)(x)
    if not use_bias:
        axis = channel_axis()
        x = layers.BatchNormalization(axis=axis, scale=False, name=name and f"{name}_bn")(x)
    if activation is not None:
        x = layers.Activation(activation, name=name and f"{name}_ac")(x)
    return x


def branch(x, *convolutions, **last):
    """Convolutions one after the other; `last` is for the last one."""
    for convolution in convolutions[:-1]:
        x = conv2d_bn(x, *convolution)
    return conv2d_bn(x, *convolutions[-1], **last)


def residual_block(x, kind, number):
    """The input plus its branches; without activation where it is the last of all."""
    branches, scale, count = RESIDUAL_BLOCKS[kind]
    is_last = kind == "block8" and number == count
    name = f"{kind}_{number}"
    axis = channel_axis()
    mixed = [branch(x, *convolutions) for convolutions in branches]
    mixed = layers.Concatenate(axis=axis, name=f"{name}_mixed")(mixed)
    up = conv2d_bn(mixed, x.shape[axis], 1, activation=None, use_bias=True, name=f"{name}_conv")
    x = CustomScaleLayer(1.0 if is_last else scale)([x, up])
    return x if is_last else layers.Activation("relu", name=f"{name}_ac")(x)


class InceptionResidual(ImageClassifier):
    """A stem, forty residual blocks of three kinds, and a convolution."""

    paper = (
        "Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, "
        "https://arxiv.org/abs/1602.07261"
    )
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."
    size = 299
    smallest = 75
    folder = f"{STORAGE}inception_resnet_v2/"

    def features(self, x, options):
        x = self.stem(x)
        x = self.residual_blocks(x, "block35")
        branches = [
            branch(x, (384, 3), **HALVED),
            branch(x, (256, 1), (256, 3), (384, 3), **HALVED),
            layers.MaxPooling2D(3, strides=2)(x),
        ]
        x = layers.Concatenate(axis=channel_axis(), name="mixed_6a")(branches)
        x = self.residual_blocks(x, "block17")
        branches = [
            branch(x, (256, 1), (384, 3), **HALVED),
            branch(x, (256, 1), (288, 3), **HALVED),
            branch(x, (256, 1), (288, 3), (320, 3), **HALVED),
            layers.MaxPooling2D(3, strides=2)(x),
        ]
        x = layers.Concatenate(axis=channel_axis(), name="mixed_7a")(branches)
        x = self.residual_blocks(x, "block8")
        return conv2d_bn(x, 1536, 1, name="conv_7b")

    def stem(self, x):
        """The convolutions before the residual blocks."""
        x = conv2d_bn(x, 32, 3, **HALVED)
        x = conv2d_bn(x, 32, 3, padding="valid")
        x = conv2d_bn(x, 64, 3)
        x = layers.MaxPooling2D(3, strides=2)(x)
        x = conv2d_bn(x, 80, 1, padding="valid")
        x = conv2d_bn(x, 192, 3, padding="valid")
        x = layers.MaxPooling2D(3, strides=2)(x)
        branches = [
            branch(x, (96, 1)),
            branch(x, (48, 1), (64, 5)),
            branch(x, (64, 1), (96, 3), (96, 3)),
            conv2d_bn(layers.AveragePooling2D(3, strides=1, padding="same")(x), 64, 1),
        ]
        return layers.Concatenate(axis=channel_axis(), name="mixed_5b")(branches)

    def residual_blocks(self, x, kind):
        """All blocks of one kind."""
        for number in range(1, RESIDUAL_BLOCKS[kind][2] + 1):
            x = residual_block(x, kind, number)
        return x


InceptionResNetV2 = InceptionResidual(
    "InceptionResNetV2",
    ("e693bd0210a403b3192acc6073ad2e96", "d19885ff4a710c122648d3b5c3b684e4"),
    name="inception_resnet_v2",
).function(__name__)

preprocess_input = preprocessing("tf", __name__)
