"""EfficientNet: one network, made wider and deeper together."""

import math

from torchkeras import layers
from torchkeras.applications._imagenet import ImageClassifier, channel_axis, multiple_of
from torchkeras.applications.imagenet_utils import (
    correct_pad,
    decode_predictions,
    preprocessing,
)

__all__ = [
    *(f"EfficientNetB{i}" for i in range(8)),
    "decode_predictions",
    "preprocess_input",
]

# Blocks, kernel, strides of the first, expansion, and filters that come in and go out.
STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


def scaled_normal():
    """The initializer of convolutions."""
    config = {"scale": 2.0, "mode": "fan_out", "distribution": "truncated_normal"}
    return {"class_name": "VarianceScaling", "config": config}


def scaled_uniform():
    """The initializer of the head."""
    config = {"scale": 1.0 / 3.0, "mode": "fan_out", "distribution": "uniform"}
    return {"class_name": "VarianceScaling", "config": config}


def convolved(x, filters, name, kernel=1, strides=1, padding="same"):
    """A convolution without bias."""
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=scaled_normal(),
        name=name,
    )(x)


def activated(x, norm_name, name, **normalization):
    """Batch normalization and swish."""
    x = layers.BatchNormalization(axis=channel_axis(), name=norm_name, **normalization)(x)
    return layers.Activation("swish", name=name)(x)


def weighed(x, narrow, name, activation="swish"):
    """Squeeze-and-excite: each channel times a weight that is computed from all of them."""
    axis = channel_axis()
    channels = x.shape[axis]
    weights = layers.GlobalAveragePooling2D(name=f"{name}se_squeeze")(x)
    shape = (1, 1, channels) if axis == 3 else (channels, 1, 1)
    weights = layers.Reshape(shape, name=f"{name}se_reshape")(weights)
    for part, filters, function in (
        ("reduce", narrow, activation),
        ("expand", channels, "sigmoid"),
    ):
        weights = layers.Conv2D(
            filters,
            1,
            padding="same",
            activation=function,
            kernel_initializer=scaled_normal(),
            name=f"{name}se_{part}",
        )(weights)
    return layers.multiply([x, weights], name=f"{name}se_excite")


def with_shortcut(x, shortcut, rate, name):
    """The sum of both, where `x` is left out for a share of the images."""
    if rate > 0:
        drop = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}drop")
        x = drop(x)
    return layers.add([x, shortcut], name=f"{name}add")


def block(x, kernel, strides, expansion, narrow, filters, rate, name):
    """Widen, convolve depthwise, weigh the channels, narrow."""
    shortcut = x
    axis = channel_axis()
    if expansion != 1:
        x = convolved(x, narrow * expansion, f"{name}expand_conv")
        x = activated(x, f"{name}expand_bn", f"{name}expand_activation")
    if strides == 2:
        x = layers.ZeroPadding2D(correct_pad(x, kernel), name=f"{name}dwconv_pad")(x)
    x = layers.DepthwiseConv2D(
        kernel,
        strides=strides,
        padding="valid" if strides == 2 else "same",
        use_bias=False,
        depthwise_initializer=scaled_normal(),
        name=f"{name}dwconv",
    )(x)
    x = activated(x, f"{name}bn", f"{name}activation")
    x = weighed(x, max(1, int(narrow * 0.25)), name)
    x = convolved(x, filters, f"{name}project_conv")
    x = layers.BatchNormalization(axis=axis, name=f"{name}project_bn")(x)
    if strides == 1 and narrow == filters:
        return with_shortcut(x, shortcut, rate, name)
    return x


class EfficientNet(ImageClassifier):
    """A stem, seven stages of inverted residual blocks, and a convolution.

    Settings: factors `width` and `depth`; `dropout`, the rate before the head.
    """

    paper = (
        "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks, "
        "https://arxiv.org/abs/1905.11946"
    )
    pixels = "For images with values from 0 to 255, which the model scales itself."
    names_pooling = True
    folder = "https://storage.googleapis.com/keras-applications/"
    file = "{key}{part}.h5"

    def features(self, x, options):
        x = self.scaled(x, options)
        x = layers.ZeroPadding2D(correct_pad(x, 3), name="stem_conv_pad")(x)
        x = convolved(x, self.wide(32), "stem_conv", kernel=3, strides=2, padding="valid")
        x = activated(x, "stem_bn", "stem_activation")
        total = sum(math.ceil(self.depth * row[0]) for row in STAGES)
        done = 0
        for stage, (count, kernel, strides, expansion, narrow, filters) in enumerate(STAGES, 1):
            narrow, filters = self.wide(narrow), self.wide(filters)
            for i in range(math.ceil(self.depth * count)):
                name = f"block{stage}{chr(ord('a') + i)}_"
                rate = 0.2 * done / total
                x = block(x, kernel, strides, expansion, narrow, filters, rate, name)
                strides, narrow = 1, filters
                done += 1
        x = convolved(x, self.wide(1280), "top_conv")
        return activated(x, "top_bn", "top_activation")

    def wide(self, filters):
        """Filters for the width of the model."""
        return multiple_of(8, filters * self.width)

    def scaled(self, x, options):
        """The pixels, scaled and normalized; ImageNet's weights were made with one step more."""
        x = layers.Rescaling(1.0 / 255.0)(x)
        x = layers.Normalization(axis=channel_axis())(x)
        if options.pretrained:
            x = layers.Rescaling([1.0 / math.sqrt(d) for d in (0.229, 0.224, 0.225)])(x)
        return x

    def top(self, x, options):
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(self.dropout, name="top_dropout")(x)
        return self.dense(x, options, kernel_initializer=scaled_uniform())


def efficient_net(number, width, depth, size, dropout, *hashes):
    """The function of that number."""
    settings = {"width": width, "depth": depth, "size": size, "dropout": dropout}
    title = f"EfficientNetB{number}"
    return EfficientNet(title, hashes, name=title.lower(), **settings).function(__name__)


EfficientNetB0 = efficient_net(
    *(0, 1.0, 1.0, 224, 0.2),
    "902e53a9f72be733fc0bcb005b3ebbac",
    "50bc09e76180e00e4465e1a485ddc09d",
)
EfficientNetB1 = efficient_net(
    *(1, 1.0, 1.1, 240, 0.2),
    "1d254153d4ab51201f1646940f018540",
    "74c4e6b3e1f6a1eea24c589628592432",
)
EfficientNetB2 = efficient_net(
    *(2, 1.1, 1.2, 260, 0.3),
    "b15cce36ff4dcbd00b6dd88e7857a6ad",
    "111f8e2ac8aa800a7a99e3239f7bfb39",
)
EfficientNetB3 = efficient_net(
    *(3, 1.2, 1.4, 300, 0.3),
    "ffd1fdc53d0ce67064dc6a9c7960ede0",
    "af6d107764bb5b1abb91932881670226",
)
EfficientNetB4 = efficient_net(
    *(4, 1.4, 1.8, 380, 0.4),
    "18c95ad55216b8f92d7e70b3a046e2fc",
    "ebc24e6d6c33eaebbd558eafbeedf1ba",
)
EfficientNetB5 = efficient_net(
    *(5, 1.6, 2.2, 456, 0.4),
    "ace28f2a6363774853a83a0b21b9421a",
    "38879255a25d3c92d5e44e04ae6cec6f",
)
EfficientNetB6 = efficient_net(
    *(6, 1.8, 2.6, 528, 0.5),
    "165f6e37dce68623721b423839de8be5",
    "9ecce42647a20130c1f39a5d4cb75743",
)
EfficientNetB7 = efficient_net(
    *(7, 2.0, 3.1, 600, 0.5),
    "8c03f828fec3ef71311cd463b6759d99",
    "cbcfe4450ddf6f3ad90b1b398090fe4a",
)

preprocess_input = preprocessing(None, __name__)
