"""`tf.experimental.numpy`: the functions of `keras.ops.numpy`, which are NumPy's, on tensors."""

import functools
import math

from torchkeras.ops import numpy as _numpy
from torchkeras.tf._missing import missing_from
from torchkeras.tf._tensor import facade
from torchkeras.tf.dtypes import float32, float64, int32, int64

__all__ = ["asarray", "e", "float32", "float64", "int32", "int64", "newaxis", "pi"]

e, pi, newaxis = math.e, math.pi, None

_not_here = missing_from("tf.experimental.numpy")


@functools.cache
def _function(name: str):
    return facade(getattr(_numpy, name), f"tf.experimental.numpy.{name}")


def __getattr__(name):
    return _not_here(name) if name.startswith("_") or not hasattr(_numpy, name) else _function(name)


asarray = _function("array")
