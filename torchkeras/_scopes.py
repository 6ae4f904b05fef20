"""What the code around a call decides: training phase, device, stateless state,
rematerialisation."""

import contextlib
import threading
from collections.abc import Callable, Iterator

import torch
from torch.utils import checkpoint

from torchkeras import config

__all__ = ["RematScope", "StatelessScope", "SymbolicScope", "device", "remat"]


class CallContext(threading.local):
    """Per-thread state of the layer calls that are under way.

    `training` is what the enclosing call was told (None: nobody said), `depth` how many calls
    enclose this one, `losses` how many losses layers have been given so far, `loop`
    whether the loop of `fit` (True) or of `evaluate` and `predict` (False) that is under way trains
    (None: there is none).
    """

    training: bool | None = None
    depth: int = 0
    losses: int = 0
    loop: bool | None = None


call_context = CallContext()


class _Recordings(threading.local):
    depth: int = 0


recordings = _Recordings()


class recording:  # noqa: N801
    """Inside, operations are recorded for gradients, also where torch's grad mode was off."""

    __slots__ = ("_before",)

    def __enter__(self):
        self._before = torch.is_grad_enabled()
        torch._C._set_grad_enabled(True)
        recordings.depth += 1
        return self

    def __exit__(self, *error):
        recordings.depth -= 1
        torch._C._set_grad_enabled(self._before)


def is_recording() -> bool:
    """Whether a `recording` is under way, in training or in a gradient tape."""
    return recordings.depth > 0


class Face:
    """How a script sees what is computed for it: empty slots, which the face of another library
    fills. The frame of the code that asked comes first.

    `call(asker, layer, args, kwargs)` calls a layer, `shown(asker, result)` is a result as that
    code sees it, `dataset(dataset)` is a dataset that Keras has made as the script sees it,
    `arguments(function, values)` are the values that a function is called with.
    """

    call: Callable | None = None
    shown: Callable | None = None
    dataset: Callable | None = None
    arguments: Callable | None = None


face = Face()


def seen_by(function: Callable, *values) -> tuple:
    """Values as a function sees them, which the script may have written."""
    return values if face.arguments is None else face.arguments(function, values)


def for_script(function: Callable) -> Callable:
    """A function, which the script may have written, called with what it sees."""
    if face.arguments is None:
        return function
    return lambda *values: function(*seen_by(function, *values))


def offered(dataset):
    """A dataset as the script sees it."""
    return dataset if face.dataset is None else face.dataset(dataset)


class _Stacks(threading.local):
    def __init__(self):
        self.stateless = []
        self.symbolic = 0
        self.remat = []


_stacks = _Stacks()


class StatelessScope:
    """Reads variables from a mapping and collects assignments instead of carrying them out.

    `state_mapping` is a list of `(variable, value)` pairs. Inside the scope `variable.value` is the
    mapped value, a layer's call sees the mapped values of its weights, and `variable.assign` only
    changes the mapping.
    """

    def __init__(self, state_mapping=None, collect_losses=False, initialize_variables=True):
        self.collect_losses = collect_losses
        self.initialize_variables = initialize_variables
        self.losses = []
        self.state_mapping = {}
        self.original_scope = None
        for variable, value in state_mapping or ():
            if not hasattr(variable, "assign"):
                raise ValueError(
                    "Invalid key in `state_mapping`: all keys must be Variable instances. "
                    f"Received: key={variable}"
                )
            value = torch.as_tensor(value, device=variable.device).to(variable.dtype)
            if value.shape != variable.shape:
                raise ValueError(
                    "Invalid value in `state_mapping`: the shape of a value must be its variable's "
                    "shape. "
                    f"Received: variable {variable.path} of shape {tuple(variable.shape)} and a "
                    "value of shape "
                    f"{tuple(value.shape)}"
                )
            self.add_update((variable, value))

    def add_loss(self, loss):
        self.losses.append(loss)

    def add_update(self, update):
        variable, value = update
        # The variable is kept beside its value, so that its id stays taken.
        self.state_mapping[id(variable)] = (variable, value)

    def get_current_value(self, variable):
        """The value mapped to `variable`, or None."""
        found = self.state_mapping.get(id(variable))
        return None if found is None else found[1]

    def __enter__(self):
        self.original_scope = stateless_scope()
        _stacks.stateless.append(self)
        return self

    def __exit__(self, *args, **kwargs):
        _stacks.stateless.pop()


def stateless_scope() -> StatelessScope | None:
    """The innermost `StatelessScope`, if any."""
    return _stacks.stateless[-1] if _stacks.stateless else None


class SymbolicScope:
    """Marks code that only works out shapes and dtypes."""

    def __init__(self):
        self.original_scope = None

    def __enter__(self):
        self.original_scope = None
        _stacks.symbolic += 1
        return self

    def __exit__(self, *args, **kwargs):
        _stacks.symbolic -= 1


def in_symbolic_scope() -> bool:
    return _stacks.symbolic > 0


@contextlib.contextmanager
def device(device_name) -> Iterator[None]:
    """Places what is created inside on a device: `"cpu"`, `"gpu:0"`, `"cuda:1"`, `"/GPU:0"` or a
    `torch.device`."""
    before = config.set_device_override(_parse_device(device_name))
    try:
        yield
    finally:
        config.set_device_override(before)


def _parse_device(name) -> torch.device | None:
    if name is None or isinstance(name, torch.device):
        return name
    text = str(name).lower().rpartition("/")[2].replace("device:", "").replace("gpu", "cuda")
    try:
        return torch.device(text)
    except RuntimeError:
        raise ValueError(
            f"Invalid device name: expected for example 'cpu', 'gpu:0' or 'cuda:1'. Received: "
            f"{name!r}"
        ) from None


def remat(f: Callable) -> Callable:
    """Returns `f` with its activations recomputed in the backward pass instead of kept (gradient
    checkpointing)."""

    def wrapped(*args, **kwargs):
        return checkpoint.checkpoint(f, *args, use_reentrant=False, **kwargs)

    return wrapped


class RematScope:
    """Says which layers built inside recompute their activations: "full", "activations",
    "larger_than", "list_of_layers" or None for none."""

    MODES = ("full", "activations", "larger_than", "list_of_layers", None)

    def __init__(self, mode="full", output_size_threshold=1024, layer_names=None):
        if mode not in self.MODES:
            raise ValueError(f"Invalid mode '{mode}'. Supported modes are: {list(self.MODES)}")
        self.mode = mode
        self.output_size_threshold = output_size_threshold
        self.layer_names = layer_names or []

    def __enter__(self):
        _stacks.remat.append(self)
        return self

    def __exit__(self, *args, **kwargs):
        _stacks.remat.pop()


def remat_scope() -> RematScope | None:
    """The innermost `RematScope`, if any."""
    return _stacks.remat[-1] if _stacks.remat else None
