"""What `keras.utils` has from other rooms of the house."""

from torchkeras._data.dataset import PyDataset, Sequence
from torchkeras._data.slicing import pack_x_y_sample_weight, unpack_x_y_sample_weight
from torchkeras._dtypes import standardize_dtype
from torchkeras._serialize import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from torchkeras._symbolic import is_keras_tensor
from torchkeras.backend import clear_session
from torchkeras.callbacks._progbar import Progbar
from torchkeras.config import (
    disable_interactive_logging,
    enable_interactive_logging,
    is_interactive_logging_enabled,
)
from torchkeras.random import set_global_seed as set_random_seed

__all__ = [
    "CustomObjectScope",
    "Progbar",
    "PyDataset",
    "Sequence",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "disable_interactive_logging",
    "enable_interactive_logging",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "is_interactive_logging_enabled",
    "is_keras_tensor",
    "pack_x_y_sample_weight",
    "register_keras_serializable",
    "serialize_keras_object",
    "set_random_seed",
    "standardize_dtype",
    "unpack_x_y_sample_weight",
]
