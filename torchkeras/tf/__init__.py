"""`tf`: the part of TensorFlow's names that Keras scripts use, over torch.

A tensor is a `torch.Tensor`, `tf.keras` is torchkeras. Inside a `tf.GradientTape`, in a layer's
call and in training, operations are recorded for gradients; what is computed from `tf.Variable`s
elsewhere is not. A name that is not here raises an `AttributeError` that says what is near it.
"""

import sys as _sys

import torch as _torch

from torchkeras.tf import (
    _ragged_rules,
    audio,
    compat,
    config,
    data,
    debugging,
    distribute,
    dtypes,
    errors,
    experimental,
    image,
    io,
    linalg,
    lookup,
    math,
    nn,
    profiler,
    quantization,
    queue,
    ragged,
    random,
    saved_model,
    sets,
    signal,
    sparse,
    strings,
    summary,
    test,
    train,
)
from torchkeras.tf._arrays import *
from torchkeras.tf._batches import (
    make_batched_features_dataset as _make_batched_features_dataset,
)
from torchkeras.tf._control import *
from torchkeras.tf._convert import is_tensor
from torchkeras.tf._function import *
from torchkeras.tf._indexing import *
from torchkeras.tf._misc import *
from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._specs import *
from torchkeras.tf._tape import *
from torchkeras.tf._tensor import TensorShape
from torchkeras.tf._variable import *
from torchkeras.tf.debugging import assert_equal, assert_greater, assert_less, assert_rank
from torchkeras.tf.dtypes import *
from torchkeras.tf.linalg import eig, eigvals, einsum, matmul, norm, sqrtm, tensordot
from torchkeras.tf.sparse import SparseTensor, edit_distance
from torchkeras.tf.strings import as_string

# The TensorFlow release whose names and defaults are followed.
__version__ = version.VERSION

Tensor = _torch.Tensor
newaxis = None
data.experimental.make_batched_features_dataset = _make_batched_features_dataset
matrix_square_root = sqrtm
realdiv = math.divide
nn.space_to_batch = space_to_batch
dtypes.cast, dtypes.saturate_cast = cast, saturate_cast
math.softmax, math.log_softmax, math.softsign = nn.softmax, nn.log_softmax, nn.softsign

# What TensorFlow shows of tf.math at the top.
_MATH = """
    abs acos acosh add add_n argmax argmin asin asinh atan atan2 atanh complex cos cosh cumsum
    divide equal exp floor greater greater_equal less less_equal logical_and logical_not logical_or
    maximum minimum multiply negative not_equal pow reduce_all reduce_any reduce_logsumexp
    reduce_max reduce_mean reduce_min reduce_prod reduce_sum round scalar_mul sigmoid sign sin sinh
    sqrt square subtract tan tanh truediv truncatediv truncatemod
""".split()
globals().update({_name: getattr(math, _name) for _name in _MATH})

# What TensorFlow shows of keras at the top; looked up when asked for, as keras may load later.
_KERAS = ("initializers", "keras", "losses", "metrics", "optimizers")


# What scripts of TensorFlow 1's time set up before they use keras.
_FIRST = (
    "ConfigProto",
    "GPUOptions",
    "InteractiveSession",
    "Session",
    "enable_eager_execution",
    "logging",
    "set_random_seed",
)

_not_here = _missing_from("tf")


def __getattr__(name):
    if name in _FIRST:
        return getattr(compat.v1, name)
    if name not in _KERAS:
        return _not_here(name)
    keras = _sys.modules[__package__.partition(".")[0]]
    return keras if name == "keras" else getattr(keras, name)


def __dir__():
    return sorted({*globals(), *_KERAS})
