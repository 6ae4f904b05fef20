"""VGG16: sixteen layers with weights."""

from torchkeras import layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["VGG16", "decode_predictions", "preprocess_input"]


class VGG(ImageClassifier):
    """Five blocks of 3x3 convolutions with pooling between them, and three dense layers.

    Settings: `depths`, the convolutions of each block.
    """

    paper = (
        "Very Deep Convolutional Networks for Large-Scale Image Recognition, "
        "https://arxiv.org/abs/1409.1556"
    )
    pixels = "For images that `preprocess_input` has made: blue, green, red, of mean zero."

    def features(self, x, options):
        for block, depth in enumerate(self.depths, 1):
            filters = min(64 * 2 ** (block - 1), 512)
            for i in range(1, depth + 1):
                name = f"block{block}_conv{i}"
                conv = layers.Conv2D(filters, 3, activation="relu", padding="same", name=name)
                x = conv(x)
            x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
        return x

    def top(self, x, options):
        x = layers.Flatten(name="flatten")(x)
        x = layers.Dense(4096, activation="relu", name="fc1")(x)
        x = layers.Dense(4096, activation="relu", name="fc2")(x)
        return self.dense(x, options)


VGG16 = VGG(
    "VGG16",
    ("64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    name="vgg16",
    folder=f"{STORAGE}vgg16/",
    depths=(2, 2, 3, 3, 3),
).function(__name__)

preprocess_input = preprocessing("caffe", __name__)
