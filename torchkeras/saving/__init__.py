"""Files: models, weights, and what of a configuration is known by which name."""

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
from torchkeras.saving._editor import *
from torchkeras.saving._models import *
