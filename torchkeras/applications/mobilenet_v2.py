"""MobileNetV2: blocks that widen, convolve depthwise and narrow again."""

from torchkeras import layers
from torchkeras._errors import received
from torchkeras._symbolic import KerasTensor
from torchkeras.applications._imagenet import STORAGE, channel_axis, multiple_of
from torchkeras.applications.imagenet_utils import (
    correct_pad,
    decode_predictions,
    preprocessing,
)
from torchkeras.applications.mobilenet import SizedClassifier

__all__ = ["MobileNetV2", "decode_predictions", "preprocess_input"]

# Filters, strides of the first block, and how many blocks.
STAGES = (
    (16, 1, 1),
    (24, 2, 2),
    (32, 2, 3),
    (64, 2, 4),
    (96, 1, 3),
    (160, 2, 3),
    (320, 1, 1),
)


class InvertedResiduals(SizedClassifier):
    """One convolution, seventeen blocks, another convolution, and a dense layer."""

    paper = (
        "MobileNetV2: Inverted Residuals and Linear Bottlenecks, https://arxiv.org/abs/1801.04381"
    )
    pixels = "For images that `preprocess_input` has made, with values from -1 to 1."
    arguments = (
        "input_shape alpha include_top weights input_tensor pooling classes "
        "classifier_activation name"
    )
    sizes = (96, 128, 160, 192, 224)
    alphas = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)

    def settle(self, options):
        check_same_shape(options)
        given = options.input_shape
        if given is None and options.input_tensor is not None:
            given = options.input_tensor.shape[1:]
        options.input_shape = self.shape_for_sizes(options, given)
        self.settle_size(options)
        options.name = options.name or f"mobilenetv2_{options.alpha:0.2f}_{options.rows}"

    def features(self, x, options):
        alpha = options.alpha
        first = multiple_of(8, 32 * alpha)
        x = layers.Conv2D(first, 3, strides=2, padding="same", use_bias=False, name="Conv1")(x)
        x = normalized(x, "bn_Conv1")
        x = layers.ReLU(6.0, name="Conv1_relu")(x)
        number = 0
        for filters, strides, depth in STAGES:
            for i in range(depth):
                narrow = multiple_of(8, int(filters * alpha))
                x = block(x, narrow, strides if i == 0 else 1, number)
                number += 1
        last = multiple_of(8, 1280 * alpha) if alpha > 1.0 else 1280
        x = layers.Conv2D(last, 1, use_bias=False, name="Conv_1")(x)
        x = normalized(x, "Conv_1_bn")
        return layers.ReLU(6.0, name="out_relu")(x)

    def top(self, x, options):
        return self.dense(layers.GlobalAveragePooling2D()(x), options)

    def weight_file(self, options):
        part = "" if options.include_top else "_no_top"
        name = (
            "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_"
            f"{float(options.alpha)}_{options.rows}{part}.h5"
        )
        return name, None, f"{STORAGE}mobilenet_v2/{name}"


def check_same_shape(options):
    """Raise unless the tensor and the shape that are both given agree."""
    tensor, shape = options.input_tensor, options.input_shape
    if tensor is None or shape is None:
        return
    if not isinstance(tensor, KerasTensor):
        raise ValueError(f"input_tensor is not a Keras tensor. {received(input_tensor=tensor)}")
    if tensor.shape[2] != shape[1]:
        raise ValueError(
            "input_tensor.shape must equal input_shape. "
            + received(**{"input_tensor.shape": tensor.shape}, input_shape=shape)
        )


def normalized(x, name):
    """Batch normalization as MobileNets after the first have it."""
    axis = channel_axis(last=-1)
    return layers.BatchNormalization(axis=axis, epsilon=1e-3, momentum=0.999, name=name)(x)


def block(x, filters, strides, number):
    """Widen to six times the channels (but not in the first block), convolve, narrow."""
    shortcut = x
    channels = x.shape[channel_axis()]
    name = f"block_{number}_" if number else "expanded_conv_"
    if number:
        wide = 6 * channels
        x = layers.Conv2D(wide, 1, padding="same", use_bias=False, name=f"{name}expand")(x)
        x = normalized(x, f"{name}expand_BN")
        x = layers.ReLU(6.0, name=f"{name}expand_relu")(x)
    if strides == 2:
        x = layers.ZeroPadding2D(correct_pad(x, 3), name=f"{name}pad")(x)
    padding = "same" if strides == 1 else "valid"
    x = layers.DepthwiseConv2D(
        3, strides=strides, use_bias=False, padding=padding, name=f"{name}depthwise"
    )(x)
    x = normalized(x, f"{name}depthwise_BN")
    x = layers.ReLU(6.0, name=f"{name}depthwise_relu")(x)
    x = layers.Conv2D(filters, 1, padding="same", use_bias=False, name=f"{name}project")(x)
    x = normalized(x, f"{name}project_BN")
    if channels == filters and strides == 1:
        return layers.Add(name=f"{name}add")([shortcut, x])
    return x


MobileNetV2 = InvertedResiduals("MobileNetV2").function(__name__)

preprocess_input = preprocessing("tf", __name__)
