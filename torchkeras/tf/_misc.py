"""What is left at the top of `tf`: initializers by old names, versions, small namespaces."""

from types import SimpleNamespace
from typing import Any

import torch

from torchkeras import initializers, tree
from torchkeras.tf._convert import binary
from torchkeras.tf._convert import unary as _unary
from torchkeras.tf._tensor import facade
from torchkeras.tf.dtypes import as_dtype, float32

__all__ = [
    "AggregationMethod",
    "VariableAggregation",
    "VariableSynchronization",
    "autograph",
    "bitwise",
    "constant_initializer",
    "executing_eagerly",
    "inside_function",
    "nest",
    "no_regularizer",
    "ones_initializer",
    "random_normal_initializer",
    "random_uniform_initializer",
    "sysconfig",
    "test",
    "version",
    "zeros_initializer",
]


def _initializer(name: str, kind: type, **defaults: Any) -> type:
    """A Keras initializer that takes dtypes and shapes as TensorFlow does."""

    class Initializer(kind):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **{**defaults, **kwargs} if not args else kwargs)

        def __call__(self, shape, dtype=float32, **kwargs):
            return facade(super().__call__)(tuple(shape), as_dtype(dtype).name)

    Initializer.__name__ = Initializer.__qualname__ = name
    Initializer.__doc__ = f"`keras.initializers.{kind.__name__}` by TensorFlow's name."
    return Initializer


constant_initializer = _initializer("constant_initializer", initializers.Constant)
ones_initializer = _initializer("ones_initializer", initializers.Ones)
zeros_initializer = _initializer("zeros_initializer", initializers.Zeros)
random_normal_initializer = _initializer("random_normal_initializer", initializers.RandomNormal)
random_uniform_initializer = _initializer("random_uniform_initializer", initializers.RandomUniform)


class VariableAggregation:
    """How the values of a variable on several replicas become one."""

    NONE, SUM, MEAN, ONLY_FIRST_REPLICA = "none", "sum", "mean", "only_first_replica"


class VariableSynchronization:
    """When the values of a variable on several replicas become one."""

    NONE, AUTO, ON_READ, ON_WRITE = "none", "auto", "on_read", "on_write"


class AggregationMethod:
    """How gradients that meet are added up; torch adds them as they come."""

    ADD_N, DEFAULT, EXPERIMENTAL_TREE = 0, 0, 1


def executing_eagerly() -> bool:
    """True: operations run at once."""
    return True


def inside_function() -> bool:
    """False: there are no graphs."""
    return False


def no_regularizer(_: Any) -> None:
    """No penalty."""


def _same(function: Any = None, *args: Any, **kwargs: Any) -> Any:
    return (lambda given: given) if function is None else function


def _silent(*args: Any, **kwargs: Any) -> None:
    """Nothing is converted, so nothing is said about it."""


autograph = SimpleNamespace(
    experimental=SimpleNamespace(do_not_convert=_same, set_loop_options=_silent),
    set_verbosity=_silent,
    to_graph=_same,
    trace=_silent,
)

bitwise = SimpleNamespace(
    bitwise_and=binary("bitwise.bitwise_and", torch.bitwise_and),
    bitwise_or=binary("bitwise.bitwise_or", torch.bitwise_or),
    bitwise_xor=binary("bitwise.bitwise_xor", torch.bitwise_xor),
    invert=_unary("bitwise.invert", torch.bitwise_not),
    left_shift=binary("bitwise.left_shift", torch.bitwise_left_shift),
    right_shift=binary("bitwise.right_shift", torch.bitwise_right_shift),
)

nest = SimpleNamespace(
    assert_same_structure=tree.assert_same_structure,
    flatten=tree.flatten,
    is_nested=tree.is_nested,
    map_structure=tree.map_structure,
    pack_sequence_as=tree.pack_sequence_as,
)


def _gpu_name() -> str:
    return "/device:GPU:0" if torch.cuda.is_available() else ""


test = SimpleNamespace(
    gpu_device_name=_gpu_name,
    is_built_with_cuda=lambda: torch.version.cuda is not None,
    is_built_with_gpu_support=lambda: torch.version.cuda is not None,
    is_gpu_available=lambda *args, **kwargs: torch.cuda.is_available(),
)

sysconfig = SimpleNamespace(
    get_build_info=lambda: {
        "cuda_version": torch.version.cuda,
        "cudnn_version": torch.backends.cudnn.version(),
        "is_cuda_build": torch.version.cuda is not None,
    },
)

version = SimpleNamespace(
    COMPILER_VERSION="", GIT_VERSION="", GRAPH_DEF_VERSION=0, VERSION="2.21.0"
)
