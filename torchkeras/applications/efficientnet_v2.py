"""EfficientNetV2: plain convolutions in the first blocks, depthwise ones in the others."""

import math

from torchkeras import initializers, layers
from torchkeras.applications._imagenet import (
    STORAGE,
    ImageClassifier,
    channel_axis,
    multiple_of,
)
from torchkeras.applications.efficientnet import (
    activated,
    convolved,
    scaled_normal,
    scaled_uniform,
    weighed,
    with_shortcut,
)
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = [
    *(f"EfficientNetV2{letter}" for letter in ("B0", "B1", "B2", "B3", "L", "M", "S")),
    "decode_predictions",
    "preprocess_input",
]

# Blocks, strides of the first, expansion, filters that come in and go out. The first FUSED stages
# have plain convolutions, the others depthwise ones with squeeze-and-excite.
FUSED = 3
BASE = (
    (1, 1, 1, 32, 16),
    (2, 2, 4, 16, 32),
    (2, 2, 4, 32, 48),
    (3, 2, 4, 48, 96),
    (5, 1, 6, 96, 112),
    (8, 2, 6, 112, 192),
)
SMALL = (
    (2, 1, 1, 24, 24),
    (4, 2, 4, 24, 48),
    (4, 2, 4, 48, 64),
    (6, 2, 4, 64, 128),
    (9, 1, 6, 128, 160),
    (15, 2, 6, 160, 256),
)
MEDIUM = (
    (3, 1, 1, 24, 24),
    (5, 2, 4, 24, 48),
    (5, 2, 4, 48, 80),
    (7, 2, 4, 80, 160),
    (14, 1, 6, 160, 176),
    (18, 2, 6, 176, 304),
    (5, 1, 6, 304, 512),
)
LARGE = (
    (4, 1, 1, 32, 32),
    (7, 2, 4, 32, 64),
    (7, 2, 4, 64, 96),
    (10, 2, 4, 96, 192),
    (19, 1, 6, 192, 224),
    (25, 2, 6, 224, 384),
    (7, 1, 6, 384, 640),
)

MOMENTUM = {"momentum": 0.9}


def depthwise_block(x, strides, expansion, narrow, filters, rate, name):
    """Widen, convolve depthwise, weigh the channels, narrow."""
    shortcut = x
    x = convolved(x, narrow * expansion, f"{name}expand_conv")
    x = activated(x, f"{name}expand_bn", f"{name}expand_activation", **MOMENTUM)
    x = layers.DepthwiseConv2D(
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=scaled_normal(),
        name=f"{name}dwconv2",
    )(x)
    x = activated(x, f"{name}bn", f"{name}activation", **MOMENTUM)
    x = weighed(x, max(1, int(narrow * 0.25)), name)
    x = convolved(x, filters, f"{name}project_conv")
    x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}project_bn", **MOMENTUM)(x)
    if strides == 1 and narrow == filters:
        return with_shortcut(x, shortcut, rate, name)
    return x


def fused_block(x, strides, expansion, narrow, filters, rate, name):
    """Widen with a 3x3 convolution and narrow; without expansion one 3x3 convolution."""
    shortcut = x
    if expansion != 1:
        wide = narrow * expansion
        x = convolved(x, wide, f"{name}expand_conv", kernel=3, strides=strides)
        x = activated(x, f"{name}expand_bn", f"{name}expand_activation", **MOMENTUM)
        x = convolved(x, filters, f"{name}project_conv")
        x = layers.BatchNormalization(axis=channel_axis(), name=f"{name}project_bn", **MOMENTUM)(x)
    else:
        x = convolved(x, filters, f"{name}project_conv", kernel=3, strides=strides)
        x = activated(x, f"{name}project_bn", f"{name}project_activation", **MOMENTUM)
    if strides == 1 and narrow == filters:
        return with_shortcut(x, shortcut, rate, name)
    return x


class EfficientNetV2(ImageClassifier):
    """A stem, six or seven stages of blocks, and a convolution.

    Settings: `stages`, a table; factors `width` and `depth`.
    """

    paper = "EfficientNetV2: Smaller Models and Faster Training, https://arxiv.org/abs/2104.00298"
    pixels = (
        "For images with values from 0 to 255, or from -1 to 1 without `include_preprocessing`."
    )
    arguments = (
        "include_top weights input_tensor input_shape pooling classes classifier_activation "
        "include_preprocessing name"
    )
    names_pooling = True
    folder = f"{STORAGE}efficientnet_v2/"
    file = "{key}{part}.h5"
    width = depth = 1.0

    def features(self, x, options):
        if options.include_preprocessing:
            x = self.scaled(x, options)
        x = convolved(x, self.wide(self.stages[0][3]), "stem_conv", kernel=3, strides=2)
        x = activated(x, "stem_bn", "stem_activation", **MOMENTUM)
        total = sum(row[0] for row in self.stages)
        done = 0
        for stage, (count, strides, expansion, narrow, filters) in enumerate(self.stages, 1):
            block = fused_block if stage <= FUSED else depthwise_block
            narrow, filters = self.wide(narrow), self.wide(filters)
            for i in range(math.ceil(self.depth * count)):
                name = f"block{stage}{chr(ord('a') + i)}_"
                x = block(x, strides, expansion, narrow, filters, 0.2 * done / total, name)
                strides, narrow = 1, filters
                done += 1
        x = convolved(x, self.wide(1280), "top_conv")
        return activated(x, "top_bn", "top_activation", **MOMENTUM)

    def wide(self, filters):
        """Filters for the width of the model."""
        return multiple_of(8, filters * self.width, keep=0)

    def scaled(self, x, options):
        """The pixels as the model was trained on them."""
        axis = channel_axis()
        if self.stages is not BASE or options.input_shape[axis - 1] != 3:
            return layers.Rescaling(scale=1.0 / 128.0, offset=-1)(x)
        x = layers.Rescaling(scale=1.0 / 255)(x)
        return layers.Normalization(
            mean=[0.485, 0.456, 0.406], variance=[0.229**2, 0.224**2, 0.225**2], axis=axis
        )(x)

    def top(self, x, options):
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(0.2, name="top_dropout")(x)
        return self.dense(
            x,
            options,
            kernel_initializer=scaled_uniform(),
            bias_initializer=initializers.Constant(0.0),
        )


def efficient_net(letter, size, *hashes, **settings):
    """The function of that letter."""
    name = f"efficientnetv2-{letter.lower()}"
    title = f"EfficientNetV2{letter}"
    return EfficientNetV2(title, hashes, name=name, size=size, **settings).function(__name__)


EfficientNetV2B0 = efficient_net(
    *("B0", 224, "21ecbf6da12460d5c40bb2f29ceb2188", "893217f2bb855e2983157299931e43ff"),
    stages=BASE,
)
EfficientNetV2B1 = efficient_net(
    *("B1", 240, "069f0534ff22adf035c89e2d9547a9dc", "0e80663031ca32d657f9caa404b6ec37"),
    stages=BASE,
    depth=1.1,
)
EfficientNetV2B2 = efficient_net(
    *("B2", 260, "424e49f28180edbde1e94797771950a7", "1dfe2e7a5d45b6632553a8961ea609eb"),
    stages=BASE,
    width=1.1,
    depth=1.2,
)
EfficientNetV2B3 = efficient_net(
    *("B3", 300, "1f1fc43bd98a6e4fd8fdfd551e02c7a0", "f6abf7b5849ac99a89b50dd3fd532856"),
    stages=BASE,
    width=1.2,
    depth=1.4,
)
EfficientNetV2S = efficient_net(
    *("S", 384, "e1d88a8495beba45748fedd0cecbe016", "af0682fb74e8c54910f2d4393339c070"),
    stages=SMALL,
)
EfficientNetV2M = efficient_net(
    *("M", 480, "a3bf6aa3276309f4fc6a34aa114c95cd", "1b8dc055df72dde80d614482840fe342"),
    stages=MEDIUM,
)
EfficientNetV2L = efficient_net(
    *("L", 480, "27e6d408b53c7ebc868fefa357689935", "b0b66b5c863aef5b46e8608fe1711615"),
    stages=LARGE,
)

preprocess_input = preprocessing(None, __name__)
