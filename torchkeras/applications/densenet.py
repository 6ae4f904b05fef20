"""DenseNet: each layer sees what all layers before it in its block gave."""

from torchkeras import layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing
from torchkeras.applications.resnet import activated, normalized

__all__ = [
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "decode_predictions",
    "preprocess_input",
]


class DenseNet(ImageClassifier):
    """A stem and four blocks with transitions between them.

    Settings: `depths`, the layers of each block.
    """

    paper = "Densely Connected Convolutional Networks, https://arxiv.org/abs/1608.06993"
    pixels = "For images that `preprocess_input` has made, normalized by ImageNet's deviations."
    folder = f"{STORAGE}densenet/"
    channels_first = False
    names_pooling = True

    def features(self, x, options):
        x = layers.ZeroPadding2D(((3, 3), (3, 3)))(x)
        x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
        x = activated(x, "conv1")
        x = layers.ZeroPadding2D(((1, 1), (1, 1)))(x)
        x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
        for block, depth in enumerate(self.depths, 2):
            for i in range(1, depth + 1):
                x = grown(x, f"conv{block}_block{i}")
            if block < 5:
                x = transition(x, f"pool{block}")
        x = normalized(x, "bn")
        return layers.Activation("relu", name="relu")(x)


def grown(x, name):
    """32 channels more, from a narrow and a 3x3 convolution."""
    more = activated(x, f"{name}_0")
    more = layers.Conv2D(128, 1, use_bias=False, name=f"{name}_1_conv")(more)
    more = activated(more, f"{name}_1")
    more = layers.Conv2D(32, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(more)
    return layers.Concatenate(axis=channel_axis(), name=f"{name}_concat")([x, more])


def transition(x, name):
    """Half the channels, half the height and width."""
    x = activated(x, name)
    half = x.shape[channel_axis()] // 2
    x = layers.Conv2D(half, 1, use_bias=False, name=f"{name}_conv")(x)
    return layers.AveragePooling2D(2, strides=2, name=f"{name}_pool")(x)


DenseNet121 = DenseNet(
    "DenseNet121",
    ("9d60b8095a5708f2dcce2bca79d332c7", "30ee3e1110167f948a6b9946edeeb738"),
    name="densenet121",
    depths=(6, 12, 24, 16),
).function(__name__)
DenseNet169 = DenseNet(
    "DenseNet169",
    ("d699b8f76981ab1b30698df4c175e90b", "b8c4d4c20dd625c148057b9ff1c1176b"),
    name="densenet169",
    depths=(6, 12, 32, 32),
).function(__name__)
DenseNet201 = DenseNet(
    "DenseNet201",
    ("1ceb130c1ea1b78c3bf6114dbdfd8807", "c13680b51ded0fb44dff2d8f86ac8bb1"),
    name="densenet201",
    depths=(6, 12, 48, 32),
).function(__name__)

preprocess_input = preprocessing("torch", __name__)
