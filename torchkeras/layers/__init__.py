"""Layers, all at once."""

from torchkeras._serialize import deserialize_keras_object as _deserialize
from torchkeras._serialize import serialize_keras_object as _serialize
from torchkeras.layers._attention import *
from torchkeras.layers._audio import *
from torchkeras.layers._base import *
from torchkeras.layers._categorical import *
from torchkeras.layers._image_augmentation import *
from torchkeras.layers._image_geometry import *
from torchkeras.layers._image_mixing import *
from torchkeras.layers._interop import *
from torchkeras.layers._lookup import *
from torchkeras.layers._numeric import *
from torchkeras.layers._reshaping import *
from torchkeras.layers._spec import *
from torchkeras.layers._text import *
from torchkeras.layers.advanced_activations import *
from torchkeras.layers.convolutional import *
from torchkeras.layers.convolutional_recurrent import *
from torchkeras.layers.core import *
from torchkeras.layers.embeddings import *
from torchkeras.layers.merge import *
from torchkeras.layers.noise import *
from torchkeras.layers.normalization import *
from torchkeras.layers.pooling import *
from torchkeras.layers.recurrent import *
from torchkeras.layers.wrappers import *


def serialize(layer):
    """The config of a layer."""
    return _serialize(layer)


def deserialize(config, custom_objects=None):
    """The layer that a config stands for.

    Raises:
        ValueError: `config` is of no layer.
    """
    layer = _deserialize(config, custom_objects=custom_objects)
    if not isinstance(layer, Layer):
        raise ValueError(
            "`keras.layers.deserialize` was passed a `config` object that is not a layer. "
            f"Received: config={config}"
        )
    return layer
