"""`tf.compat.v1`: what scripts of TensorFlow 2 still call of it; graphs and sessions are out."""

import logging as _logging
import sys as _sys
from types import SimpleNamespace
from typing import Any, NoReturn

from torchkeras.tf._missing import missing_from
from torchkeras.tf.random import set_seed

__all__ = [
    "ConfigProto",
    "GPUOptions",
    "InteractiveSession",
    "Session",
    "disable_eager_execution",
    "disable_v2_behavior",
    "enable_eager_execution",
    "enable_v2_behavior",
    "executing_eagerly",
    "global_variables_initializer",
    "logging",
    "placeholder",
    "set_random_seed",
]

_OUT = (
    "Graphs and sessions of TensorFlow 1 are not in torchkeras: tensors have their values at "
    "once. Use tf.GradientTape or keras models."
)


def _out(*args: Any, **kwargs: Any) -> NoReturn:
    raise NotImplementedError(_OUT)


disable_eager_execution = disable_v2_behavior = _out
placeholder = global_variables_initializer = _out


def enable_eager_execution(config: Any = None, device_policy: Any = None, execution_mode=None):
    """Operations run at once in any case."""


def enable_v2_behavior() -> None:
    """This is how it behaves."""


def executing_eagerly() -> bool:
    """True."""
    return True


class GPUOptions:
    """How a session takes GPU memory; torch takes what it needs."""

    def __init__(self, **options: Any):
        self.__dict__.update(options)


class ConfigProto:
    """The options of a session, which scripts set for the memory of GPUs."""

    def __init__(self, gpu_options: Any = None, **options: Any):
        self.gpu_options = GPUOptions() if gpu_options is None else gpu_options
        self.__dict__.update(options)


class Session:
    """Something for `set_session`, which only the memory of GPUs was set by; it runs no graph."""

    def __init__(self, target: str = "", graph: Any = None, config: Any = None):
        self.config = config

    run = _out

    def close(self) -> None:
        """Nothing is open."""

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *error) -> None:
        pass


InteractiveSession = Session

set_random_seed = set_seed

logging = SimpleNamespace(
    DEBUG=_logging.DEBUG,
    ERROR=_logging.ERROR,
    FATAL=_logging.FATAL,
    INFO=_logging.INFO,
    WARN=_logging.WARNING,
    set_verbosity=lambda v: _logging.getLogger("tensorflow").setLevel(v),
)

_not_here = missing_from("tf.compat.v1")


def __getattr__(name):
    tf = _sys.modules[__package__.rpartition(".")[0]]
    same = name in dir(tf) and not name.startswith("_")
    return getattr(tf, name) if same else _not_here(name)
