"""What `keras.backend` has in Keras 3."""

from torchkeras import _naming, random
from torchkeras._dtypes import is_float as is_float_dtype
from torchkeras._dtypes import is_int as is_int_dtype
from torchkeras._dtypes import result_type, standardize_dtype
from torchkeras._naming import get_uid
from torchkeras._symbolic import is_keras_tensor
from torchkeras.config import (
    backend,
    epsilon,
    floatx,
    forget_session,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]


def clear_session(free_memory=True):
    """Starts names (`dense`, `dense_1`, ...), the global seed and other session state anew."""
    _naming.reset_uids()
    forget_session()
    random.clear()
