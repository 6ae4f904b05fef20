"""NASNet: normal and reduction cells found by search, each fed by the two cells before it."""

from torchkeras import layers
from torchkeras._errors import received
from torchkeras._naming import name_scope
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.imagenet_utils import (
    correct_pad,
    decode_predictions,
    preprocessing,
)

__all__ = ["NASNetLarge", "NASNetMobile", "decode_predictions", "preprocess_input"]


class NASNet(ImageClassifier):
    """A stem, three groups of normal cells with reduction cells between them, a dense layer.

    Settings: `filters` of the cells of the first group; `cells` of each group; `stem`, filters of
    the first convolution; `skips`, whether a normal cell after a reduction is fed by what fed the
    reduction.
    """

    paper = (
        "Learning Transferable Architectures for Scalable Image Recognition, "
        "https://arxiv.org/abs/1707.07012"
    )
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."
    arguments = (
        "input_shape include_top weights input_tensor pooling classes classifier_activation name"
    )
    channels_first = False
    parts = ("", "_no_top")
    file = "{key}{part}.h5"

    def settle(self, options):
        shape = options.input_shape
        if options.pretrained and shape is not None and None in shape:
            raise ValueError(
                "When specifying the input shape of a NASNet and loading `ImageNet` weights, the "
                f"input_shape argument must be static. {received(input_shape=shape)}"
            )
        if not options.include_top and shape is None:
            # The cells compare sizes, which must be known for it.
            options.input_shape = (self.size, self.size, 3)
        super().settle(options)

    def features(self, x, options):
        filters, cells = self.filters, self.cells
        x = convolved(x, self.stem, "stem_conv1", "stem_bn1", kernel=3, strides=2, padding="valid")
        x, before = reduction_cell(x, None, filters // 4, "stem_1")
        x, before = reduction_cell(x, before, filters // 2, "stem_2")
        for group in range(3):
            if group > 0:
                reduced = f"reduce_{group * cells}"
                x, fed = reduction_cell(x, before, filters * 2**group, reduced)
                before = before if self.skips else fed
            for i in range(cells):
                number = group * cells + i + (group > 0)
                x, before = normal_cell(x, before, filters * 2**group, str(number))
        return layers.Activation("relu")(x)

    def top(self, x, options):
        return self.dense(layers.GlobalAveragePooling2D()(x), options)

    def weight_file(self, options):
        name, file_hash, _ = super().weight_file(options)
        part = "" if options.include_top else "-no-top"
        served = f"NASNet-{self.name.removeprefix('nasnet_')}{part}.h5"
        return name, file_hash, f"{STORAGE}nasnet/{served}"


def normalized(x, name):
    """Batch normalization as NASNet has it."""
    axis = channel_axis(last=-1)
    return layers.BatchNormalization(axis=axis, momentum=0.9997, epsilon=1e-3, name=name)(x)


def pointwise(x, filters, name, kernel=1, strides=1, padding="same"):
    """A convolution, by default of each pixel by itself."""
    return layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )(x)


def convolved(x, filters, name, norm_name, **kwargs):
    """A convolution with normalization."""
    return normalized(pointwise(x, filters, name, **kwargs), norm_name)


def separable(x, filters, kernel, name, strides=1):
    """Twice ReLU, separable convolution and normalization; the first one may halve the size."""
    with name_scope(f"separable_conv_block_{name}"):
        x = layers.Activation("relu")(x)
        if strides == 2:
            x = layers.ZeroPadding2D(correct_pad(x, kernel), name=f"separable_conv_1_pad_{name}")(x)
        for i in (1, 2):
            if i == 2:
                x = layers.Activation("relu")(x)
            halves = i == 1 and strides == 2
            x = layers.SeparableConv2D(
                filters,
                kernel,
                strides=2 if halves else 1,
                padding="valid" if halves else "same",
                use_bias=False,
                name=f"separable_conv_{i}_{name}",
            )(x)
            x = normalized(x, f"separable_conv_{i}_bn_{name}")
    return x


def pool(kind, x, name, halves=False):
    """Pooling of 3x3 pixels, "avg" or "max"."""
    pooling = {"avg": layers.AveragePooling2D, "max": layers.MaxPooling2D}[kind]
    return pooling(3, strides=2 if halves else 1, padding="valid" if halves else "same", name=name)(
        x
    )


def adjusted(before, x, filters, name):
    """The output of the cell before the last, with the size and the channels of `x`."""
    with name_scope("adjust_block"):
        if before is None:
            return x
        if before.shape[-2] != x.shape[-2]:
            with name_scope(f"adjust_reduction_block_{name}"):
                return halved(before, filters, name)
        if before.shape[channel_axis()] != filters:
            with name_scope(f"adjust_projection_block_{name}"):
                before = layers.Activation("relu")(before)
                projection = f"adjust_conv_projection_{name}"
                return convolved(before, filters, projection, f"adjust_bn_{name}")
    return before


def halved(x, filters, name):
    """Half the size: from every second pixel, and from those between them."""
    x = layers.Activation("relu", name=f"adjust_relu_1_{name}")(x)
    shifted = layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
    shifted = layers.Cropping2D(((1, 0), (1, 0)))(shifted)
    parts = []
    for i, part in enumerate((x, shifted), 1):
        part = layers.AveragePooling2D(1, strides=2, name=f"adjust_avg_pool_{i}_{name}")(part)
        parts.append(pointwise(part, filters // 2, f"adjust_conv_{i}_{name}"))
    x = layers.concatenate(parts, axis=channel_axis(last=-1))
    return normalized(x, f"adjust_bn_{name}")


def normal_cell(x, before, filters, name):
    """A cell that keeps the size; returns its output, and its input for the cell after the next."""
    with name_scope(f"normal_A_block_{name}"):
        p = adjusted(before, x, filters, name)
        h = layers.Activation("relu")(x)
        h = convolved(h, filters, f"normal_conv_1_{name}", f"normal_bn_1_{name}")
        with name_scope("block_1"):
            left = separable(h, filters, 5, f"normal_left1_{name}")
            right = separable(p, filters, 3, f"normal_right1_{name}")
            x1 = layers.add([left, right], name=f"normal_add_1_{name}")
        with name_scope("block_2"):
            left = separable(p, filters, 5, f"normal_left2_{name}")
            right = separable(p, filters, 3, f"normal_right2_{name}")
            x2 = layers.add([left, right], name=f"normal_add_2_{name}")
        left = pool("avg", h, f"normal_left3_{name}")
        x3 = layers.add([left, p], name=f"normal_add_3_{name}")
        left = pool("avg", p, f"normal_left4_{name}")
        right = pool("avg", p, f"normal_right4_{name}")
        x4 = layers.add([left, right], name=f"normal_add_4_{name}")
        with name_scope("block_5"):
            left = separable(h, filters, 3, f"normal_left5_{name}")
            x5 = layers.add([left, h], name=f"normal_add_5_{name}")
        parts = [p, x1, x2, x3, x4, x5]
        axis = channel_axis(last=-1)
        return layers.concatenate(parts, axis=axis, name=f"normal_concat_{name}"), x


def reduction_cell(x, before, filters, name):
    """A cell that halves the size; returns its output, and its input for the cell after the
    next."""
    with name_scope(f"reduction_A_block_{name}"):
        p = adjusted(before, x, filters, name)
        h = layers.Activation("relu")(x)
        h = convolved(h, filters, f"reduction_conv_1_{name}", f"reduction_bn_1_{name}")
        padded = layers.ZeroPadding2D(correct_pad(h, 3), name=f"reduction_pad_1_{name}")(h)
        with name_scope("block_1"):
            left = separable(h, filters, 5, f"reduction_left1_{name}", strides=2)
            right = separable(p, filters, 7, f"reduction_right1_{name}", strides=2)
            x1 = layers.add([left, right], name=f"reduction_add_1_{name}")
        with name_scope("block_2"):
            left = pool("max", padded, f"reduction_left2_{name}", halves=True)
            right = separable(p, filters, 7, f"reduction_right2_{name}", strides=2)
            x2 = layers.add([left, right], name=f"reduction_add_2_{name}")
        with name_scope("block_3"):
            left = pool("avg", padded, f"reduction_left3_{name}", halves=True)
            right = separable(p, filters, 5, f"reduction_right3_{name}", strides=2)
            x3 = layers.add([left, right], name=f"reduction_add3_{name}")
        x4 = layers.add([x2, pool("avg", x1, f"reduction_left4_{name}")])
        with name_scope("block_5"):
            left = separable(x1, filters, 3, f"reduction_left4_{name}")
            right = pool("max", padded, f"reduction_right5_{name}", halves=True)
            x5 = layers.add([left, right], name=f"reduction_add4_{name}")
        axis = channel_axis(last=-1)
        return layers.concatenate([x2, x3, x4, x5], axis=axis, name=f"reduction_concat_{name}"), x


NASNetMobile = NASNet(
    "NASNetMobile",
    ("020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    name="nasnet_mobile",
    size=224,
    filters=44,
    cells=4,
    stem=32,
    skips=False,
).function(__name__)
NASNetLarge = NASNet(
    "NASNetLarge",
    ("11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
    name="nasnet_large",
    size=331,
    filters=168,
    cells=6,
    stem=96,
    skips=True,
).function(__name__)

preprocess_input = preprocessing("tf", __name__)
