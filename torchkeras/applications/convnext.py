"""ConvNeXt: a convolutional network built as vision transformers are."""

from torchkeras import initializers, layers
from torchkeras.applications._imagenet import STORAGE, ImageClassifier
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing
from torchkeras.models import Sequential

__all__ = [
    "ConvNeXtBase",
    "ConvNeXtLarge",
    "ConvNeXtSmall",
    "ConvNeXtTiny",
    "ConvNeXtXLarge",
    "decode_predictions",
    "preprocess_input",
]


class LayerScale(layers.Layer):
    """The input times a weight for each channel.

    Args:
        init_values: what all weights begin with.
        projection_dim: number of channels.
    """

    _keras_module = "keras.src.applications.convnext"

    def __init__(self, init_values, projection_dim, **kwargs):
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape):
        initializer = initializers.Constant(self.init_values)
        self.gamma = self.add_weight((self.projection_dim,), initializer, name="gamma")

    def call(self, x):
        return x * self.gamma


def normalization(name=None):
    """Layer normalization as ConvNeXt has it."""
    return layers.LayerNormalization(epsilon=1e-6, name=name)


def block(x, channels, name):
    """A depthwise convolution and two dense layers, added to what comes in."""
    shortcut = x
    conv = {"padding": "same", "groups": channels, "name": f"{name}_depthwise_conv"}
    x = layers.Conv2D(channels, 7, **conv)(x)
    x = normalization(f"{name}_layernorm")(x)
    x = layers.Dense(4 * channels, name=f"{name}_pointwise_conv_1")(x)
    x = layers.Activation("gelu", name=f"{name}_gelu")(x)
    x = layers.Dense(channels, name=f"{name}_pointwise_conv_2")(x)
    x = LayerScale(1e-6, channels, name=f"{name}_layer_scale")(x)
    return shortcut + layers.Activation("linear", name=f"{name}_identity")(x)


class ConvNeXt(ImageClassifier):
    """Four stages of blocks, each after a convolution that makes the image smaller.

    Settings: `depths`, the blocks of each stage; `channels` of each stage.
    """

    paper = "A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545"
    pixels = (
        "For images with values from 0 to 255; without `include_preprocessing` for normalized ones."
    )
    arguments = (
        "include_top include_preprocessing weights input_tensor input_shape pooling classes "
        "classifier_activation name"
    )
    channels_first = False
    depths = (3, 3, 27, 3)
    folder = f"{STORAGE}convnext/"
    file = "{key}{part}.h5"

    def features(self, x, options):
        name = options.name
        if options.include_preprocessing and options.input_shape[-1] == 3:
            x = layers.Normalization(
                mean=[0.485 * 255, 0.456 * 255, 0.406 * 255],
                variance=[(0.229 * 255) ** 2, (0.224 * 255) ** 2, (0.225 * 255) ** 2],
                name=f"{name}_prestem_normalization",
            )(x)
        for stage, (depth, channels) in enumerate(zip(self.depths, self.channels)):
            x = smaller(stage, channels, name)(x)
            for i in range(depth):
                x = block(x, channels, f"{name}_stage_{stage}_block_{i}")
        return x

    def top(self, x, options):
        x = layers.GlobalAveragePooling2D(name=f"{options.name}_head_gap")(x)
        x = normalization(f"{options.name}_head_layernorm")(x)
        return self.dense(x, options, name=f"{options.name}_head_dense")

    def pooled(self, x, options):
        return normalization()(super().pooled(x, options))


def smaller(stage, channels, name):
    """The layers before a stage, which make an image 4 times smaller, later 2 times."""
    if stage == 0:
        conv = layers.Conv2D(channels, 4, strides=4, name=f"{name}_stem_conv")
        return Sequential([conv, normalization(f"{name}_stem_layernorm")], name=f"{name}_stem")
    number = stage - 1
    conv = layers.Conv2D(channels, 2, strides=2, name=f"{name}_downsampling_conv_{number}")
    norm = normalization(f"{name}_downsampling_layernorm_{number}")
    return Sequential([norm, conv], name=f"{name}_downsampling_block_{number}")


ConvNeXtTiny = ConvNeXt(
    "ConvNeXtTiny",
    (
        "8ae6e78ce2933352b1ef4008e6dd2f17bc40771563877d156bc6426c7cf503ff",
        "d547c096cabd03329d7be5562c5e14798aa39ed24b474157cef5e85ab9e49ef1",
    ),
    name="convnext_tiny",
    depths=(3, 3, 9, 3),
    channels=(96, 192, 384, 768),
).function(__name__)
ConvNeXtSmall = ConvNeXt(
    "ConvNeXtSmall",
    (
        "ce1277d8f1ee5a0ef0e171469089c18f5233860ceaf9b168049cb9263fd7483c",
        "6fc8009faa2f00c1c1dfce59feea9b0745eb260a7dd11bee65c8e20843da6eab",
    ),
    name="convnext_small",
    channels=(96, 192, 384, 768),
).function(__name__)
ConvNeXtBase = ConvNeXt(
    "ConvNeXtBase",
    (
        "52cbb006d3dadd03f6e095a8ca1aca47aecdd75acb4bc74bce1f5c695d0086e6",
        "40a20c5548a5e9202f69735ecc06c990e6b7c9d2de39f0361e27baeb24cb7c45",
    ),
    name="convnext_base",
    channels=(128, 256, 512, 1024),
).function(__name__)
ConvNeXtLarge = ConvNeXt(
    "ConvNeXtLarge",
    (
        "070c5ed9ed289581e477741d3b34beffa920db8cf590899d6d2c67fba2a198a6",
        "96f02b6f0753d4f543261bc9d09bed650f24dd6bc02ddde3066135b63d23a1cd",
    ),
    name="convnext_large",
    channels=(192, 384, 768, 1536),
).function(__name__)
ConvNeXtXLarge = ConvNeXt(
    "ConvNeXtXLarge",
    (
        "c1f5ccab661354fc3a79a10fa99af82f0fbf10ec65cb894a3ae0815f17a889ee",
        "de3f8a54174130e0cecdc71583354753d557fcf1f4487331558e2a16ba0cfe05",
    ),
    name="convnext_xlarge",
    channels=(256, 512, 1024, 2048),
).function(__name__)

preprocess_input = preprocessing(None, __name__)
