"""MusicTaggerCRNN: what kind of music a piece is."""

from types import SimpleNamespace

from torchkeras import config, layers
from torchkeras._errors import one_of, received
from torchkeras.applications._imagenet import channel_axis, image_input
from torchkeras.applications.audio_conv_utils import decode_predictions, preprocess_input
from torchkeras.models._functional import Functional
from torchkeras.utils import get_file, get_source_inputs

__all__ = ["MusicTaggerCRNN", "decode_predictions", "preprocess_input"]

FOLDER = "https://github.com/fchollet/deep-learning-models/releases/download/v0.3/"

# Filters and the size of the pooling after them.
BLOCKS = ((64, 2), (128, 3), (128, 4), (128, 4))


def MusicTaggerCRNN(  # noqa: N802 - Keras's name
    weights="msd", input_tensor=None, include_top=True, classes=50
):
    """Convolutions over a mel spectrogram and two recurrent layers over time.

    Paper: Convolutional Recurrent Neural Networks for Music Classification,
    https://arxiv.org/abs/1609.04243

    Args:
        weights: None for random ones, "msd" for those trained on the Million Song Dataset.
        input_tensor: a symbolic spectrogram to compute from, in place of a new input.
        include_top: with the layer that gives the tags; else the output is 32 features.
        classes: number of tags; 50 with the trained weights.
    """
    one_of("weights", weights, (None, "msd"))
    if weights == "msd" and include_top and classes != 50:
        raise ValueError(
            "If using `weights` as msd with `include_top` as true, `classes` should be 50. "
            + received(classes=classes)
        )
    last = config.image_data_format() == "channels_last"
    shape = (96, 1366, 1) if last else (1, 96, 1366)
    image = image_input(SimpleNamespace(input_tensor=input_tensor, input_shape=shape))
    x = layers.ZeroPadding2D((0, 37))(image)
    x = layers.BatchNormalization(axis=2 if last else 3, name="bn_0_freq")(x)
    for number, (filters, size) in enumerate(BLOCKS, 1):
        x = layers.Conv2D(filters, 3, padding="same", name=f"conv{number}")(x)
        x = layers.BatchNormalization(axis=channel_axis(), name=f"bn{number}")(x)
        x = layers.ELU()(x)
        x = layers.MaxPooling2D(size, strides=size, name=f"pool{number}")(x)
    if not last:
        x = layers.Permute((3, 1, 2))(x)
    x = layers.Reshape((15, 128))(x)
    # As Keras 1 computed it.
    gru = {"recurrent_activation": "hard_sigmoid", "reset_after": False}
    x = layers.GRU(32, return_sequences=True, name="gru1", **gru)(x)
    x = layers.GRU(32, name="gru2", **gru)(x)
    if include_top:
        x = layers.Dense(classes, activation="sigmoid", name="output")(x)
    given = input_tensor is not None
    model = Functional(get_source_inputs(image) if given else image, x, name="music_tagger_crnn")
    if weights is not None:
        ordering = "tf" if last else "th"
        name = f"music_tagger_crnn_weights_tf_kernels_{ordering}_dim_ordering.h5"
        path = get_file(name, f"{FOLDER}{name}", cache_subdir="models")
        model.load_weights(path, by_name=True)
    return model
