"""MobileNet: depthwise convolutions, each followed by a pointwise one."""

from torchkeras import layers
from torchkeras._errors import one_of, received, warn
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis, spatial
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = ["MobileNet", "decode_predictions", "preprocess_input"]

# Filters and strides of the blocks.
BLOCKS = (
    *((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)),
    *((512, 1),) * 5,
    *((1024, 2), (1024, 1)),
)


class SizedClassifier(ImageClassifier):
    """Models that were trained for several sizes of images and widths of layers.

    Settings: `sizes` of images and factors `alphas` that there are weights for.
    """

    sizes = ()
    alphas = ()

    def shape_for_sizes(self, options, given):
        """The input's shape; one of `sizes` if the shape that is given is square and of them."""
        rows, columns = spatial(given) if given else (None, None)
        return self.shape_of(options, rows if rows == columns and rows in self.sizes else self.size)

    def settle_size(self, options):
        """Checks the width for which there are weights, and says for which size they are."""
        rows, columns = spatial(options.input_shape)
        if options.pretrained:
            one_of("alpha", options.alpha, self.alphas)
            if rows != columns or rows not in self.sizes:
                rows = 224
                warn(
                    f"`input_shape` is undefined or non-square, or `rows` is not in "
                    f"{list(self.sizes)}. Weights for input shape (224, 224) will be loaded as the "
                    "default."
                )
        options.rows = rows


class MobileNetV1(SizedClassifier):
    """One convolution, thirteen blocks, and a convolution for the classes."""

    paper = (
        "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications, "
        "https://arxiv.org/abs/1704.04861"
    )
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."
    arguments = (
        "input_shape alpha depth_multiplier dropout include_top weights input_tensor pooling "
        "classes classifier_activation name"
    )
    sizes = (128, 160, 192, 224)
    alphas = (0.25, 0.5, 0.75, 1.0)

    def settle(self, options):
        options.input_shape = self.shape_for_sizes(options, options.input_shape)
        if options.pretrained and options.depth_multiplier != 1:
            raise ValueError(
                "If imagenet weights are being loaded, depth multiplier must be 1. "
                + received(depth_multiplier=options.depth_multiplier)
            )
        self.settle_size(options)
        options.name = options.name or f"mobilenet_{options.alpha:0.2f}_{options.rows}"

    def features(self, x, options):
        filters = int(32 * options.alpha)
        conv = layers.Conv2D(
            filters, 3, padding="same", use_bias=False, strides=(2, 2), name="conv1"
        )
        x = activated(conv(x), "conv1")
        for number, (filters, strides) in enumerate(BLOCKS, 1):
            x = block(x, int(filters * options.alpha), strides, options.depth_multiplier, number)
        return x

    def top(self, x, options):
        x = layers.GlobalAveragePooling2D(keepdims=True)(x)
        x = layers.Dropout(options.dropout, name="dropout")(x)
        x = layers.Conv2D(options.classes, 1, padding="same", name="conv_preds")(x)
        x = layers.Reshape((options.classes,), name="reshape_2")(x)
        return layers.Activation(options.classifier_activation, name="predictions")(x)

    def weight_file(self, options):
        width = {1.0: "1_0", 0.75: "7_5", 0.5: "5_0", 0.25: "2_5"}[options.alpha]
        part = "" if options.include_top else "_no_top"
        name = f"mobilenet_{width}_{options.rows}_tf{part}.h5"
        return name, None, f"{STORAGE}mobilenet/{name}"


def activated(x, name):
    """Batch normalization and ReLU up to 6."""
    x = layers.BatchNormalization(axis=channel_axis(last=-1), name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x)


def block(x, filters, strides, depth_multiplier, number):
    """A depthwise and a pointwise convolution."""
    if strides > 1:
        x = layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"conv_pad_{number}")(x)
    x = layers.DepthwiseConv2D(
        3,
        padding="same" if strides == 1 else "valid",
        depth_multiplier=depth_multiplier,
        strides=strides,
        use_bias=False,
        name=f"conv_dw_{number}",
    )(x)
    x = activated(x, f"conv_dw_{number}")
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"conv_pw_{number}")(x)
    return activated(x, f"conv_pw_{number}")


MobileNet = MobileNetV1("MobileNet").function(__name__)

preprocess_input = preprocessing("tf", __name__)
