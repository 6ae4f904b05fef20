"""ResNetV2: residual blocks that normalize and activate before each convolution."""

from torchkeras import layers
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing
from torchkeras.applications.resnet import ResNet, activated

__all__ = ["ResNet50V2", "ResNet101V2", "ResNet152V2", "decode_predictions", "preprocess_input"]


class ResNetV2(ResNet):
    """As ResNet, with normalization before convolutions and once at the end."""

    paper = "Identity Mappings in Deep Residual Networks, https://arxiv.org/abs/1603.05027"
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."

    def features(self, x, options):
        return activated(super().features(x, options), "post")

    def after_stem(self, x):
        return x

    def stack(self, x, filters, depth, name):
        """The first block has a convolution for a shortcut, the last strides except in stack 5."""
        for i in range(1, depth + 1):
            stride = 2 if i == depth and name != "conv5" else 1
            x = self.block(x, filters, stride, i == 1, name=f"{name}_block{i}")
        return x

    def block(self, x, filters, stride, project, name):
        shortcut = x
        x = activated(x, f"{name}_preact")
        if project:
            shortcut = layers.Conv2D(4 * filters, 1, strides=stride, name=f"{name}_0_conv")(x)
        elif stride > 1:
            shortcut = layers.MaxPooling2D(1, strides=stride)(shortcut)
        x = layers.Conv2D(filters, 1, strides=1, use_bias=False, name=f"{name}_1_conv")(x)
        x = activated(x, f"{name}_1")
        x = layers.ZeroPadding2D(((1, 1), (1, 1)), name=f"{name}_2_pad")(x)
        x = layers.Conv2D(filters, 3, strides=stride, use_bias=False, name=f"{name}_2_conv")(x)
        x = activated(x, f"{name}_2")
        x = layers.Conv2D(4 * filters, 1, name=f"{name}_3_conv")(x)
        return layers.Add(name=f"{name}_out")([shortcut, x])


ResNet50V2 = ResNetV2(
    "ResNet50V2",
    ("3ef43a0b657b3be2300d5770ece849e0", "fac2f116257151a9d068a22e544a4917"),
    name="resnet50v2",
    depths=(3, 4, 6, 3),
).function(__name__)
ResNet101V2 = ResNetV2(
    "ResNet101V2",
    ("6343647c601c52e1368623803854d971", "c0ed64b8031c3730f411d2eb4eea35b5"),
    name="resnet101v2",
    depths=(3, 4, 23, 3),
).function(__name__)
ResNet152V2 = ResNetV2(
    "ResNet152V2",
    ("a49b44d1979771252814e80f8ec446f9", "ed17cf2e0169df9d443503ef94b23b33"),
    name="resnet152v2",
    depths=(3, 8, 36, 3),
).function(__name__)

preprocess_input = preprocessing("tf", __name__)
