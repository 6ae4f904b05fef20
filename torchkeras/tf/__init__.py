"""`tf`: the part of TensorFlow's names that Keras scripts use, over torch.

A tensor is a `torch.Tensor`, a dtype a `torch.dtype`; `tf.keras` is torchkeras. A name that is not
here raises an `AttributeError` that says what is near it.
"""

import sys as _sys

import torch as _torch

from torchkeras.tf import config, dtypes, linalg, math, nn, random
from torchkeras.tf._arrays import *
from torchkeras.tf._convert import convert_to_tensor, is_tensor
from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf.dtypes import *
from torchkeras.tf.linalg import einsum, matmul, norm, tensordot

# The TensorFlow release whose names and defaults are followed.
__version__ = "2.21.0"

Tensor = _torch.Tensor
newaxis = None

# What TensorFlow shows of tf.math at the top.
_MATH = """
    abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh cos cosh cumsum divide equal
    exp floor greater greater_equal less less_equal logical_and logical_not logical_or maximum
    minimum multiply negative not_equal pow reduce_all reduce_any reduce_logsumexp reduce_max
    reduce_mean reduce_min reduce_prod reduce_sum round sigmoid sign sin sinh sqrt square subtract
    tan tanh truediv
""".split()
globals().update({_name: getattr(math, _name) for _name in _MATH})

# What TensorFlow shows of keras at the top; looked up when asked for, as keras may load later.
_KERAS = ("initializers", "keras", "losses", "metrics", "optimizers")


_not_here = _missing_from("tf")


def __getattr__(name):
    if name not in _KERAS:
        return _not_here(name)
    keras = _sys.modules[__package__.partition(".")[0]]
    return keras if name == "keras" else getattr(keras, name)


def __dir__():
    return sorted({*globals(), *_KERAS})
