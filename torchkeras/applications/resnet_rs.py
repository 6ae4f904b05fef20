"""ResNet-RS: ResNet with squeeze-and-excite, another stem and better training."""

from torchkeras import layers
from torchkeras._naming import get_uid
from torchkeras.applications._imagenet import STORAGE, ImageClassifier, channel_axis
from torchkeras.applications.efficientnet import convolved, weighed
from torchkeras.applications.imagenet_utils import decode_predictions, preprocessing

__all__ = [
    *(f"ResNetRS{depth}" for depth in (50, 101, 152, 200, 270, 350, 420)),
    "decode_predictions",
    "preprocess_input",
]


def conv(x, filters, kernel, strides, name):
    """A convolution; with strides after zeros on all sides."""
    if strides > 1:
        before = (kernel - 1) // 2
        after = kernel - 1 - before
        x = layers.ZeroPadding2D(((before, after), (before, after)))(x)
    padding = "same" if strides == 1 else "valid"
    return convolved(x, filters, name, kernel=kernel, strides=strides, padding=padding)


def normalized(x, name):
    """Batch normalization without memory, as the weights were trained with it."""
    axis = channel_axis()
    return layers.BatchNormalization(axis=axis, momentum=0.0, epsilon=1e-5, name=name)(x)


def activated(x, name):
    """ReLU."""
    return layers.Activation("relu", name=name)(x)


def block(x, filters, strides, project, rate, name):
    """Three convolutions and squeeze-and-excite, added to what comes in."""
    shortcut = x
    if project:
        if strides == 2:
            pool = f"{name}_projection_pooling"
            shortcut = layers.AveragePooling2D(2, strides=2, padding="same", name=pool)(x)
        shortcut = conv(shortcut, 4 * filters, 1, 1, f"{name}_projection_conv")
        shortcut = normalized(shortcut, f"{name}_projection_batch_norm")
    x = conv(x, filters, 1, 1, f"{name}_conv_1")
    x = activated(normalized(x, f"{name}batch_norm_1"), f"{name}_act_1")
    x = conv(x, filters, 3, strides, f"{name}_conv_2")
    x = activated(normalized(x, f"{name}_batch_norm_2"), f"{name}_act_2")
    x = conv(x, 4 * filters, 1, 1, f"{name}_conv_3")
    x = normalized(x, f"{name}_batch_norm_3")
    x = weighed(x, filters, f"{name}_se_", activation="relu")
    if rate:
        x = layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=f"{name}_drop")(x)
    return activated(layers.Add()([x, shortcut]), f"{name}_output_act")


class ResNetRS(ImageClassifier):
    """A stem of four convolutions, four groups of blocks, and a dense layer.

    Settings: `depths`, the blocks of each group; `sizes` of the images that there are weights for;
    `drop_blocks`, the share of images for which the last blocks are left out; `dropout`, the rate
    before the head.
    """

    paper = (
        "Revisiting ResNets: Improved Training and Scaling Strategies, "
        "https://arxiv.org/abs/2103.07579"
    )
    pixels = (
        "For images with values from 0 to 255; without `include_preprocessing` for normalized ones."
    )
    arguments = (
        "include_top weights classes input_shape input_tensor pooling classifier_activation "
        "include_preprocessing"
    )
    names_pooling = True
    folder = f"{STORAGE}resnet_rs/"

    def __init__(self, title, hashes, **settings):
        super().__init__(title, hashes, **settings)
        self.variants = ("imagenet", *(f"imagenet-i{size}" for size in self.sizes))

    def settle(self, options):
        super().settle(options)
        options.name = self.name

    def features(self, x, options):
        if options.include_preprocessing:
            x = layers.Rescaling(scale=1.0 / 255)(x)
            x = self.normalized_by_imagenet(x)
        x = self.stem(x)
        for group, depth in enumerate(self.depths):
            rate = self.drop_blocks * (group + 2) / 5
            for i in range(depth):
                strides = 2 if group > 0 and i == 0 else 1
                name = f"BlockGroup{group + 2}__block_{i}_"
                x = block(x, 64 * 2**group, strides, i == 0, rate, name)
        return x

    def normalized_by_imagenet(self, x):
        """The pixels, normalized if there are three channels."""
        axis = channel_axis()
        if x.shape[axis] != 3:
            return x
        mean, variance = [0.485, 0.456, 0.406], [0.229**2, 0.224**2, 0.225**2]
        return layers.Normalization(mean=mean, variance=variance, axis=axis)(x)

    def stem(self, x):
        """Four convolutions, two of which halve the size."""
        name = f"stem_{get_uid('stem_')}_stem"
        for i, (filters, strides) in enumerate(((32, 2), (32, 1), (64, 1), (64, 2)), 1):
            x = conv(x, filters, 3, strides, f"{name}_conv_{i}")
            x = activated(normalized(x, f"{name}_batch_norm_{i}"), f"{name}_act_{i}")
        return x

    def top(self, x, options):
        x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
        x = layers.Dropout(self.dropout, name="top_dropout")(x)
        return self.dense(x, options)

    def weight_file(self, options):
        size = max(self.sizes)
        if "-i" in options.weights:
            size = int(options.weights.rpartition("-i")[2])
        part = "" if options.include_top else "_notop"
        name = f"{self.name}-i{size}{part}.h5"
        return name, self.hashes[size][not options.include_top], f"{self.folder}{name}"


def resnet_rs(number, depths, hashes, drop_blocks, dropout):
    """The function of that depth; `hashes` by the size of the images."""
    return ResNetRS(
        f"ResNetRS{number}",
        hashes,
        name=f"resnet-rs-{number}",
        depths=depths,
        sizes=tuple(hashes),
        drop_blocks=drop_blocks,
        dropout=dropout,
    ).function(__name__)


ResNetRS50 = resnet_rs(
    50,
    (3, 4, 6, 3),
    {160: ("69d9d925319f00a8bdd4af23c04e4102", "90daa68cd26c95aa6c5d25451e095529")},
    drop_blocks=0.0,
    dropout=0.25,
)
ResNetRS101 = resnet_rs(
    101,
    (3, 4, 23, 3),
    {
        160: ("544b3434d00efc199d66e9058c7f3379", "82d5b90c5ce9d710da639d6216d0f979"),
        192: ("eb285be29ab42cf4835ff20a5e3b5d23", "f9a0f6b85faa9c3db2b6e233c4eebb5b"),
    },
    drop_blocks=0.0,
    dropout=0.25,
)
ResNetRS152 = resnet_rs(
    152,
    (3, 8, 36, 3),
    {
        192: ("8d72a301ed8a6f11a47c4ced4396e338", "5fbf7ac2155cb4d5a6180ee9e3aa8704"),
        224: ("31a46a92ab21b84193d0d71dd8c3d03b", "dc8b2cba2005552eafa3167f00dc2133"),
        256: ("ba6271b99bdeb4e7a9b15c05964ef4ad", "fa79794252dbe47c89130f65349d654a"),
    },
    drop_blocks=0.0,
    dropout=0.25,
)
ResNetRS200 = resnet_rs(
    200,
    (3, 24, 36, 3),
    {256: ("a76930b741884e09ce90fa7450747d5f", "bbdb3994718dfc0d1cd45d7eff3f3d9c")},
    drop_blocks=0.1,
    dropout=0.25,
)
ResNetRS270 = resnet_rs(
    270,
    (4, 29, 53, 4),
    {256: ("20d575825ba26176b03cb51012a367a8", "2c42ecb22e35f3e23d2f70babce0a2aa")},
    drop_blocks=0.1,
    dropout=0.25,
)
ResNetRS350 = resnet_rs(
    350,
    (4, 36, 72, 4),
    {
        256: ("f4a039dc3c421321b7fc240494574a68", "6e44b55025bbdff8f51692a023143d66"),
        320: ("7ccb858cc738305e8ceb3c0140bee393", "ab0c1f9079d2f85a9facbd2c88aa6079"),
    },
    drop_blocks=0.1,
    dropout=0.4,
)
ResNetRS420 = resnet_rs(
    420,
    (4, 44, 87, 4),
    {320: ("ae0eb9bed39e64fc8d7e0db4018dc7e8", "fe6217c32be8305b1889657172b98884")},
    drop_blocks=0.1,
    dropout=0.4,
)

preprocess_input = preprocessing(None, __name__)
