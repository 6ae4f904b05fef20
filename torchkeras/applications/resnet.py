"""ResNet: blocks of three convolutions and a shortcut around them."""

from torchkeras import layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["ResNet50", "ResNet101", "ResNet152", "decode_predictions", "preprocess_input"]


def normalized(x, name):
    """Batch normalization with ResNet's epsilon."""
    return layers.BatchNormalization(axis=channel_axis(), epsilon=1.001e-5, name=name)(x)


def activated(x, prefix):
    """Batch normalization and ReLU."""
    x = normalized(x, f"{prefix}_bn")
    return layers.Activation("relu", name=f"{prefix}_relu")(x)


class ResNet(ImageClassifier):
    """A stem, four stacks of residual blocks, and a dense layer.

    Settings: `depths`, the blocks of each stack.
    """

    paper = "Deep Residual Learning for Image Recognition, https://arxiv.org/abs/1512.03385"
    pixels = "For images that `preprocess_input` has made: blue, green, red, of mean zero."
    folder = f"{STORAGE}resnet/"
    names_pooling = True

    def features(self, x, options):
        x = layers.ZeroPadding2D(((3, 3), (3, 3)), name="conv1_pad")(x)
        x = layers.Conv2D(64, 7, strides=2, name="conv1_conv")(x)
        x = self.after_stem(x)
        x = layers.ZeroPadding2D(((1, 1), (1, 1)), name="pool1_pad")(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)
        for stack, depth in enumerate(self.depths):
            x = self.stack(x, 64 * 2**stack, depth, name=f"conv{stack + 2}")
        return x

    def after_stem(self, x):
        """What follows the first convolution."""
        return activated(x, "conv1")

    def stack(self, x, filters, depth, name):
        """The first block has a convolution for a shortcut, and strides except in stack 2."""
        for i in range(1, depth + 1):
            stride = 2 if i == 1 and name != "conv2" else 1
            x = self.block(x, filters, stride, i == 1, name=f"{name}_block{i}")
        return x

    def block(self, x, filters, stride, project, name):
        """Convolutions, each with normalization after it."""
        shortcut = x
        if project:
            shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
            shortcut = normalized(shortcut, f"{name}_0_bn")
        x = layers.Conv2D(filters, 1, strides=stride, name=f"{name}_1_conv")(x)
        x = activated(x, f"{name}_1")
        x = layers.Conv2D(filters, 3, padding="same", name=f"{name}_2_conv")(x)
        x = activated(x, f"{name}_2")
        x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
        x = normalized(x, f"{name}_3_bn")
        x = layers.Add(name=f"{name}_add")([shortcut, x])
        return layers.Activation("relu", name=f"{name}_out")(x)


ResNet50 = ResNet(
    "ResNet50",
    ("2cb95161c43110f7111970584f804107", "4d473c1dd8becc155b73f8504c6f6626"),
    name="resnet50",
    depths=(3, 4, 6, 3),
).function(__name__)
ResNet101 = ResNet(
    "ResNet101",
    ("f1aeb4b969a6efcfb50fad2f0c20cfc5", "88cf7a10940856eca736dc7b7e228a21"),
    name="resnet101",
    depths=(3, 4, 23, 3),
).function(__name__)
ResNet152 = ResNet(
    "ResNet152",
    ("100835be76be38e30d865e96f2aaae62", "ee4c566cf9a93f14d82f913c2dc6dd0c"),
    name="resnet152",
    depths=(3, 8, 36, 3),
).function(__name__)

preprocess_input = preprocessing("caffe", __name__)
