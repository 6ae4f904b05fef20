"""Settings of a session: dtypes, image format, learning phase, names."""

import contextlib
from collections.abc import Iterator

from torchkeras import _naming, config, random
from torchkeras._dtypes import is_float as is_float_dtype
from torchkeras._dtypes import is_int as is_int_dtype
from torchkeras._dtypes import result_type, standardize_dtype
from torchkeras._naming import get_uid, name_scope
from torchkeras._scopes import call_context
from torchkeras._symbolic import is_keras_tensor
from torchkeras.config import (
    backend,
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "clear_session",
    "control_dependencies",
    "epsilon",
    "floatx",
    "get_session",
    "get_uid",
    "image_data_format",
    "image_dim_ordering",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "learning_phase",
    "learning_phase_scope",
    "legacy_weight_ordering",
    "manual_variable_initialization",
    "name_scope",
    "normalize_data_format",
    "reset_uids",
    "result_type",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_image_dim_ordering",
    "set_learning_phase",
    "set_legacy_weight_ordering",
    "set_session",
    "standardize_dtype",
]

# What Keras 1 called the two orders of an image's axes.
DIM_ORDERINGS = {"tf": "channels_last", "th": "channels_first"}


def clear_session(free_memory=True):
    """Starts names (`dense`, `dense_1`, ...), the global seed and other session state anew."""
    _naming.reset_uids()
    config.forget_session()
    random.clear()
    call_context.training = None


def reset_uids():
    """Starts the numbers in names anew."""
    _naming.reset_uids()


# ---------------------------------------------------------------- images


def normalize_data_format(value):
    """The name of a data format, the default where None; Keras 1's "tf" and "th" are known.

    Raises:
        ValueError: an unknown format.
    """
    value = config.image_data_format() if value in (None, "default") else str(value).lower()
    value = DIM_ORDERINGS.get(value, value)
    if value not in ("channels_first", "channels_last"):
        raise ValueError(
            "The `data_format` argument must be one of 'channels_first', 'channels_last'. "
            f"Received: {value}"
        )
    return value


def image_dim_ordering():
    """`image_data_format` as Keras 1 named it: "tf" or "th"."""
    return "th" if config.image_data_format() == "channels_first" else "tf"


def set_image_dim_ordering(dim_ordering):
    """Sets the default data format by Keras 1's name, "tf" or "th".

    Raises:
        ValueError: an unknown name.
    """
    if dim_ordering not in DIM_ORDERINGS:
        raise ValueError(f"Unknown dim_ordering. Received: dim_ordering={dim_ordering!r}")
    config.set_image_data_format(DIM_ORDERINGS[dim_ordering])


# ---------------------------------------------------------------- the phase


def learning_phase():
    """1 while a model trains, else 0; among the inputs of `function` it stands for the phase."""
    context = call_context
    return int(bool(context.loop if context.training is None else context.training))


def set_learning_phase(value):
    """Fixes the phase of calls outside of `fit`, `evaluate` and `predict`.

    Raises:
        ValueError: neither 0 nor 1.
    """
    if value not in (0, 1):
        raise ValueError(f"Expected learning phase to be 0 or 1. Received: value={value}")
    call_context.training = bool(value)


@contextlib.contextmanager
def learning_phase_scope(value) -> Iterator[None]:
    """Inside, the phase is `value`: 1 to train, 0 not to."""
    before = call_context.training
    set_learning_phase(value)
    try:
        yield
    finally:
        call_context.training = before


# ---------------------------------------------------------------- sessions of TensorFlow 1


class Session:
    """Stands for the session of TensorFlow 1, of which torch needs none: all runs at once."""

    graph = None

    def run(self, fetches=None, feed_dict=None):
        """The value of what is concrete already; what an initializer returns is None.

        Raises:
            ValueError: symbolic tensors, which need `keras.backend.function`.
        """
        if is_keras_tensor(fetches):
            raise ValueError(
                "There are no sessions here. Use `keras.backend.function(inputs, outputs)` to "
                f"compute symbolic tensors. Received: fetches={fetches}"
            )
        return fetches.detach().cpu().numpy() if hasattr(fetches, "detach") else fetches

    def close(self):
        """There is nothing to close."""

    @contextlib.contextmanager
    def as_default(self) -> Iterator["Session"]:
        """This session."""
        yield self


_session = Session()


def get_session():
    """The session; it runs nothing, because all runs at once."""
    return _session


def set_session(session):
    """Takes a session; devices and memory are torch's, so it has no effect."""


@contextlib.contextmanager
def control_dependencies(control_inputs) -> Iterator[None]:
    """Inside, things run in the order in which they stand, as they do everywhere."""
    yield


def manual_variable_initialization(value):
    """Variables have their values from the start, whatever `value` says."""


def legacy_weight_ordering():
    """Whether the order of weights is that of Keras before 1.0: never."""
    return False


def set_legacy_weight_ordering(value):
    """Only the newer order is there.

    Raises:
        ValueError: the older one is asked for.
    """
    if value:
        raise ValueError(f"The weight order of Keras 0 is not supported. Received: value={value}")
