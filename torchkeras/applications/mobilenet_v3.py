"""MobileNetV3: blocks found by search, with squeeze-and-excite and hard swish."""

from torchkeras import config, layers
from torchkeras._errors import one_of, received, warn
from torchkeras._symbolic import KerasTensor
from torchkeras.applications._imagenet import (
    STORAGE,
    ImageClassifier,
    channel_axis,
    multiple_of,
    spatial,
)
from torchkeras.applications.imagenet_utils import (
    correct_pad,
    decode_predictions,
    preprocessing,
)
from torchkeras.applications.mobilenet_v2 import check_same_shape, normalized

__all__ = ["MobileNetV3Large", "MobileNetV3Small", "decode_predictions", "preprocess_input"]

# Expansion, filters, kernel, strides, whether with squeeze-and-excite, whether with hard swish. A
# minimalistic model has kernels of 3 throughout and neither of the two.
SMALL = (
    (1, 16, 3, 2, True, False),
    (72 / 16, 24, 3, 2, False, False),
    (88 / 24, 24, 3, 1, False, False),
    (4, 40, 5, 2, True, True),
    *((6, 40, 5, 1, True, True),) * 2,
    *((3, 48, 5, 1, True, True),) * 2,
    (6, 96, 5, 2, True, True),
    *((6, 96, 5, 1, True, True),) * 2,
)
LARGE = (
    (1, 16, 3, 1, False, False),
    (4, 24, 3, 2, False, False),
    (3, 24, 3, 1, False, False),
    (3, 40, 5, 2, True, False),
    *((3, 40, 5, 1, True, False),) * 2,
    (6, 80, 3, 2, False, True),
    (2.5, 80, 3, 1, False, True),
    *((2.3, 80, 3, 1, False, True),) * 2,
    *((6, 112, 3, 1, True, True),) * 2,
    (6, 160, 5, 2, True, True),
    *((6, 160, 5, 1, True, True),) * 2,
)


class Searched(ImageClassifier):
    """A stem, the blocks of a table, and a head of convolutions.

    Settings: `kind`, "small" or "large"; `blocks`, the table; `last`, channels of the head.
    """

    paper = "Searching for MobileNetV3, https://arxiv.org/abs/1905.02244"
    pixels = (
        "For images with values from 0 to 255, or from -1 to 1 without `include_preprocessing`."
    )
    arguments = (
        "input_shape alpha minimalistic include_top weights input_tensor classes pooling "
        "dropout_rate classifier_activation include_preprocessing name"
    )
    names_pooling = True
    hashes = {}

    def settle(self, options):
        check_same_shape(options)
        options.input_shape = shape = _shape(options)
        rows, columns = spatial(shape)
        if rows and columns and min(rows, columns) < self.smallest:
            raise ValueError(f"Input size must be at least 32x32. {received(input_shape=shape)}")
        if options.pretrained:
            one_of("alpha", options.alpha, (1.0,) if options.minimalistic else (0.75, 1.0))
            if rows != columns or rows != 224:
                warn(
                    "`input_shape` is undefined or non-square, or `rows` is not 224. Weights for "
                    "input shape (224, 224) will be loaded as the default."
                )

    def features(self, x, options):
        if options.include_preprocessing:
            x = layers.Rescaling(scale=1.0 / 127.5, offset=-1.0)(x)
        x = layers.Conv2D(16, 3, strides=2, padding="same", use_bias=False, name="conv")(x)
        x = normalized(x, "conv_bn")
        x = activated(x, not options.minimalistic)
        for number, row in enumerate(self.blocks):
            x = block(x, options, number, *row)
        channels = multiple_of(8, 6 * x.shape[channel_axis()])
        x = layers.Conv2D(channels, 1, padding="same", use_bias=False, name="conv_1")(x)
        x = normalized(x, "conv_1_bn")
        return activated(x, not options.minimalistic)

    def top(self, x, options):
        last = multiple_of(8, self.last * options.alpha) if options.alpha > 1.0 else self.last
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Conv2D(last, 1, padding="same", name="conv_2")(x)
        x = activated(x, not options.minimalistic)
        if options.dropout_rate > 0:
            x = layers.Dropout(options.dropout_rate)(x)
        x = layers.Conv2D(options.classes, 1, padding="same", name="logits")(x)
        x = layers.Flatten()(x)
        return layers.Activation(options.classifier_activation, name="predictions")(x)

    def weight_file(self, options):
        kind = f"{self.kind}_minimalistic" if options.minimalistic else self.kind
        key = f"{kind}_224_{float(options.alpha)}_float"
        part = "" if options.include_top else "_no_top_v2"
        name = f"weights_mobilenet_v3_{key}{part}.h5"
        return name, HASHES[key][not options.include_top], f"{STORAGE}mobilenet_v3/{name}"


HASHES = {
    "large_224_0.75_float": (
        "765b44a33ad4005b3ac83185abf1d0eb",
        "40af19a13ebea4e2ee0c676887f69a2e",
    ),
    "large_224_1.0_float": (
        "59e551e166be033d707958cf9e29a6a7",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    "large_minimalistic_224_1.0_float": (
        "675e7b876c45c57e9e63e6d90a36599c",
        "ec5221f64a2f6d1ef965a614bdae7973",
    ),
    "small_224_0.75_float": (
        "cb65d4e5be93758266aa0a7f2c6708b7",
        "ebdb5cc8e0b497cd13a7c275d475c819",
    ),
    "small_224_1.0_float": (
        "8768d4c2e7dee89b9d02b2d03d65d862",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    "small_minimalistic_224_1.0_float": (
        "99cd97fb2fcdad2bf028eb838de69e37",
        "cde8136e733e811080d9fcd8a252f7e4",
    ),
}


def _shape(options):
    """The shape that is given, else that of the tensor, else one of any size."""
    first = config.image_data_format() == "channels_first"
    if options.input_shape is not None:
        return tuple(options.input_shape)
    if isinstance(options.input_tensor, KerasTensor):
        rows, columns = spatial(options.input_tensor.shape[1:])
    else:
        rows = columns = None
    return (3, rows, columns) if first else (rows, columns, 3)


def activated(x, hard_swish):
    """Hard swish, or ReLU."""
    return layers.Activation("hard_swish")(x) if hard_swish else layers.ReLU()(x)


def block(x, options, number, expansion, filters, kernel, strides, squeeze, hard_swish):
    """Widen (but not in the first block), convolve, weigh the channels, narrow."""
    if options.minimalistic:
        kernel, squeeze, hard_swish = 3, False, False
    filters = multiple_of(8, filters * options.alpha)
    shortcut = x
    channels = x.shape[channel_axis()]
    wide = multiple_of(8, channels * expansion)
    name = f"expanded_conv_{number}_" if number else "expanded_conv_"
    if number:
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = normalized(x, f"{name}expand_bn")
        x = activated(x, hard_swish)
    if strides == 2:
        x = layers.ZeroPadding2D(correct_pad(x, kernel), name=f"{name}depthwise_pad")(x)
    padding = "same" if strides == 1 else "valid"
    x = layers.DepthwiseConv2D(
        kernel, strides=strides, padding=padding, use_bias=False, name=f"{name}depthwise"
    )(x)
    x = normalized(x, f"{name}depthwise_bn")
    x = activated(x, hard_swish)
    if squeeze:
        x = weighed(x, wide, f"{name}squeeze_excite")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = normalized(x, f"{name}project_bn")
    if strides == 1 and channels == filters:
        x = layers.Add(name=f"{name}add")([shortcut, x])
    return x


def weighed(x, channels, name):
    """Squeeze-and-excite: each channel times a weight that is computed from all of them."""
    weights = layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_avg_pool")(x)
    narrow = multiple_of(8, channels * 0.25)
    weights = layers.Conv2D(narrow, 1, padding="same", name=f"{name}_conv")(weights)
    weights = layers.ReLU(name=f"{name}_relu")(weights)
    weights = layers.Conv2D(channels, 1, padding="same", name=f"{name}_conv_1")(weights)
    weights = layers.ReLU(6.0)(weights + 3.0) * (1.0 / 6.0)
    return layers.Multiply(name=f"{name}_mul")([x, weights])


MobileNetV3Small = Searched(
    "MobileNetV3Small", name="MobileNetV3Small", kind="small", blocks=SMALL, last=1024
).function(__name__)
MobileNetV3Large = Searched(
    "MobileNetV3Large", name="MobileNetV3Large", kind="large", blocks=LARGE, last=1280
).function(__name__)

preprocess_input = preprocessing(None, __name__)
