"""What is left at the top of `tf`: initializers by old names, versions, small namespaces."""

import contextlib
import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import torch

from torchkeras import initializers, tree
from torchkeras.tf._convert import binary
from torchkeras.tf._convert import unary as _unary
from torchkeras.tf._function import Function
from torchkeras.tf._tensor import facade
from torchkeras.tf.dtypes import as_dtype, float32

__all__ = [
    "AggregationMethod",
    "CriticalSection",
    "DeviceSpec",
    "Graph",
    "Operation",
    "VariableAggregation",
    "VariableSynchronization",
    "autograph",
    "bitwise",
    "constant_initializer",
    "executing_eagerly",
    "get_current_name_scope",
    "hessians",
    "inside_function",
    "load_library",
    "load_op_library",
    "nest",
    "no_regularizer",
    "ones_initializer",
    "random_normal_initializer",
    "random_uniform_initializer",
    "sysconfig",
    "types",
    "variable_creator_scope",
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
    experimental=SimpleNamespace(
        Feature=SimpleNamespace(
            ALL="ALL",
            ASSERT_STATEMENTS="ASSERT_STATEMENTS",
            AUTO_CONTROL_DEPS="AUTO_CONTROL_DEPS",
            BUILTIN_FUNCTIONS="BUILTIN_FUNCTIONS",
            EQUALITY_OPERATORS="EQUALITY_OPERATORS",
            LISTS="LISTS",
            NAME_SCOPES="NAME_SCOPES",
        ),
        do_not_convert=_same,
        set_loop_options=_silent,
    ),
    set_verbosity=_silent,
    to_code=lambda entity, *args, **kwargs: inspect.getsource(
        getattr(entity, "python_function", entity)
    ),
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


sysconfig = SimpleNamespace(
    get_compile_flags=list,
    get_link_flags=list,
    get_build_info=lambda: {
        "cuda_version": torch.version.cuda,
        "cudnn_version": torch.backends.cudnn.version(),
        "is_cuda_build": torch.version.cuda is not None,
    },
)

version = SimpleNamespace(
    COMPILER_VERSION="", GIT_VERSION="", GRAPH_DEF_VERSION=0, VERSION="2.21.0"
)


class CriticalSection:
    """A function at a time; here there is one thread."""

    def __init__(self, name=None, shared_name=None, critical_section_def=None, import_scope=None):
        self.name = name or "critical_section"

    def execute(self, fn, exclusive_resource_access=True, name=None) -> Any:
        """What `fn()` gives."""
        return fn()


class DeviceSpec:
    """The parts of a device's name: "/job:localhost/replica:0/task:0/device:GPU:0"."""

    def __init__(self, job=None, replica=None, task=None, device_type=None, device_index=None):
        self.job, self.replica, self.task = job, replica, task
        self.device_type, self.device_index = device_type, device_index

    @classmethod
    def from_string(cls, spec: str) -> "DeviceSpec":
        """Of a device's name."""
        parts: dict[str, Any] = {}
        for part in filter(None, spec.split("/")):
            key, *rest = part.split(":")
            if key == "device" or key.upper() in ("CPU", "GPU"):
                kind, *index = rest if key == "device" else [key, *rest]
                parts["device_type"] = kind.upper()
                parts["device_index"] = int(index[0]) if index and index[0] != "*" else None
            else:
                parts[key] = rest[0] if key == "job" else int(rest[0])
        return cls(**parts)

    def to_string(self) -> str:
        """The device's name."""
        parts = [("job", self.job), ("replica", self.replica), ("task", self.task)]
        text = "".join(f"/{key}:{value}" for key, value in parts if value is not None)
        if self.device_type is None:
            return text
        index = "*" if self.device_index is None else self.device_index
        return f"{text}/device:{self.device_type}:{index}"

    def replace(self, **parts: Any) -> "DeviceSpec":
        """With some parts changed."""
        return DeviceSpec(**{**vars(self), **parts})

    def __eq__(self, other) -> bool:
        return isinstance(other, DeviceSpec) and self.to_string() == other.to_string()

    def __hash__(self) -> int:
        return hash(self.to_string())


class Operation:
    """A node of TensorFlow's graphs, for `isinstance`: there are none here."""


class Graph:
    """A graph of TensorFlow 1.

    Raises:
        NotImplementedError: one is made; tensors have their values at once.
    """

    def __init__(self):
        raise NotImplementedError(
            "Graphs and sessions of TensorFlow 1 are not in torchkeras: tensors have their values "
            "at once. Use tf.function or keras models."
        )


def get_current_name_scope() -> str:
    """The name of the `tf.name_scope` that this is in: operations have no names."""
    return ""


@contextlib.contextmanager
def variable_creator_scope(variable_creator):
    """Variables are made by `tf.Variable`, whatever is asked for here.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError("Variables are made by tf.Variable alone; call your creator itself.")
    yield


def hessians(ys, xs, *args: Any, **kwargs: Any) -> NoReturn:
    """As in eager TensorFlow, an error.

    Raises:
        RuntimeError: always; second derivatives are those of two `tf.GradientTape`s.
    """
    raise RuntimeError(
        "tf.hessians is not supported when eager execution is enabled. Use tf.GradientTape instead."
    )


def _library(library_filename: str) -> NoReturn:
    """Raises `NotImplementedError`: libraries of TensorFlow's operations cannot be run."""
    raise NotImplementedError(
        "Operations that are compiled for TensorFlow cannot be run. "
        f"Received: library_filename={library_filename!r}"
    )


load_library = load_op_library = _library

# For annotations and `isinstance`.
types = SimpleNamespace(
    experimental=SimpleNamespace(
        Callable=Callable,
        ConcreteFunction=Function,
        GenericFunction=Function,
        PolymorphicFunction=Function,
        TensorLike=torch.Tensor | np.ndarray | int | float | complex | str | bytes | list | tuple,
    )
)
