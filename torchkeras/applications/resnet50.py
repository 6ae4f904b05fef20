"""ResNet50, where Keras 1 had it, and the blocks that scripts of its time make models of."""

from torchkeras import layers
from torchkeras.applications._imagenet import channel_axis
from torchkeras.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]


def identity_block(input_tensor, kernel_size, filters, stage, block):
    """Three convolutions, added to what comes in.

    Args:
        input_tensor: with as many channels as the last of `filters`.
        kernel_size: of the convolution in the middle.
        filters: of the three convolutions.
        stage: number, in the names of the layers.
        block: letter, in the names of the layers.
    """
    return _added(input_tensor, input_tensor, kernel_size, filters, f"{stage}{block}_branch", 1)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2)):
    """As `identity_block`, with a convolution of what comes in; both have strides."""
    place = f"{stage}{block}_branch"
    shortcut = _convolved(input_tensor, filters[-1], 1, f"{place}1", strides=strides)
    return _added(input_tensor, shortcut, kernel_size, filters, place, strides)


def _convolved(x, filters, kernel, place, **kwargs):
    x = layers.Conv2D(filters, kernel, name=f"res{place}", **kwargs)(x)
    return layers.BatchNormalization(axis=channel_axis(), name=f"bn{place}")(x)


def _added(x, shortcut, kernel_size, filters, place, strides):
    first, second, third = filters
    x = layers.Activation("relu")(_convolved(x, first, 1, f"{place}2a", strides=strides))
    x = layers.Activation("relu")(_convolved(x, second, kernel_size, f"{place}2b", padding="same"))
    x = layers.add([_convolved(x, third, 1, f"{place}2c"), shortcut])
    return layers.Activation("relu")(x)
