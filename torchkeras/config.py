"""Process-wide settings: default dtypes, image layout, device choice, debug switches.

`floatx`, `epsilon` and `image_data_format` start from `~/.keras/keras.json` (or
`$KERAS_HOME/keras.json`) when it exists. The file is read, never written.
"""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from torchkeras._errors import warn

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]

_FLOATX = ("bfloat16", "float16", "float32", "float64")
_DATA_FORMATS = ("channels_first", "channels_last")

# Turns what the user gave (name, config, policy) into a policy object; filled by `dtype_policies`.
_policy_factory: Callable[[Any], Any] | None = None


class _Settings:
    """The values behind the functions of this module."""

    def __init__(self):
        self.floatx = "float32"
        self.epsilon = 1e-7
        self.image_data_format = "channels_last"
        self.max_epochs = None
        self.max_steps_per_epoch = None
        self.forget_session()

    def forget_session(self):
        """Set back what `clear_session` sets back."""
        self.dtype_policy = None
        self.flash_attention = None
        self.interactive_logging = True
        self.traceback_filtering = True
        self.unsafe_deserialization = False


class _DeviceScope(threading.local):
    device: torch.device | None = None


_settings = _Settings()
_device_scope = _DeviceScope()
_found_device: torch.device | None = None


def keras_home() -> Path:
    """The folder of `keras.json`, data sets and downloaded weights."""
    if "KERAS_HOME" in os.environ:
        return Path(os.environ["KERAS_HOME"]).expanduser()
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"


def _read_config_file(path: Path) -> None:
    checks = {
        "floatx": lambda value: value in _FLOATX,
        "epsilon": lambda value: isinstance(value, float),
        "image_data_format": lambda value: value in _DATA_FORMATS,
    }
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise TypeError("not a JSON object")
    except FileNotFoundError:
        return
    except (OSError, TypeError, ValueError) as error:
        warn(f"Ignoring the Keras config file {path}: {error}")
        return
    for name, is_valid in checks.items():
        if name not in found:
            continue
        if is_valid(found[name]):
            setattr(_settings, name, found[name])
        else:
            warn(
                f"Ignoring an invalid `{name}` in the Keras config file {path}. "
                f"Received: {name}={found[name]!r}"
            )


def _read_environment() -> None:
    for name in ("max_epochs", "max_steps_per_epoch"):
        text = os.environ.get(f"KERAS_{name.upper()}")
        if text is not None:
            setattr(_settings, name, int(text))


_read_config_file(keras_home() / "keras.json")
_read_environment()


def backend() -> str:
    """Name of the backend, always `"torch"`."""
    return "torch"


def set_backend(backend: str) -> None:
    """Accept `"torch"`, the only backend there is."""
    if backend != "torch":
        raise ValueError(f"The only backend is 'torch'. Received: backend={backend!r}")


def floatx() -> str:
    """Name of the default float dtype."""
    return _settings.floatx


def set_floatx(value: str) -> None:
    """Set the default float dtype: bfloat16, float16, float32 or float64."""
    if value not in _FLOATX:
        raise ValueError(f"Unknown `floatx` value: {value}. Expected one of {_FLOATX}")
    _settings.floatx = str(value)


def epsilon() -> float:
    """The small number that keeps divisions and logarithms finite."""
    return _settings.epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps divisions and logarithms finite."""
    _settings.epsilon = value


def image_data_format() -> str:
    """The default place of the channels axis, `"channels_last"` or `"channels_first"`."""
    return _settings.image_data_format


def standardize_data_format(data_format: str | None) -> str:
    """Check a layer's `data_format`; None stands for the default."""
    if data_format is None:
        return _settings.image_data_format
    name = str(data_format).lower()
    if name not in _DATA_FORMATS:
        raise ValueError(
            f"The `data_format` argument must be one of {_DATA_FORMATS}. "
            f"Received: data_format={data_format}"
        )
    return name


def set_image_data_format(data_format: str) -> None:
    """Set the default place of the channels axis."""
    _settings.image_data_format = standardize_data_format(str(data_format))


def dtype_policy() -> Any:
    """The dtype policy that new layers get; made from `floatx` when first asked for."""
    if _settings.dtype_policy is None:
        set_dtype_policy(_settings.floatx)
    return _settings.dtype_policy


def set_dtype_policy(policy: Any) -> None:
    """Set the dtype policy of new layers, given as a name, a config or a policy."""
    if _policy_factory is None:
        raise RuntimeError("dtype policies need `torchkeras.dtype_policies` to be imported.")
    _settings.dtype_policy = _policy_factory(policy)


def enable_flash_attention() -> None:
    """Let attention layers use fused attention kernels where they apply (the default)."""
    _settings.flash_attention = None


def disable_flash_attention() -> None:
    """Keep attention layers from using fused attention kernels."""
    _settings.flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """False when disabled, else None: the layer decides."""
    return _settings.flash_attention


def is_nnx_enabled() -> bool:
    """Always False: NNX belongs to the JAX backend."""
    return False


def enable_interactive_logging() -> None:
    """Write progress to standard output (the default)."""
    _settings.interactive_logging = True


def disable_interactive_logging() -> None:
    """Send progress to the `logging` module instead of standard output."""
    _settings.interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """Whether progress goes to standard output."""
    return _settings.interactive_logging


def enable_traceback_filtering() -> None:
    """Leave the library's own frames out of tracebacks (the default)."""
    _settings.traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Keep the library's own frames in tracebacks."""
    _settings.traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """Whether the library's own frames are left out of tracebacks."""
    return _settings.traceback_filtering


def enable_unsafe_deserialization() -> None:
    """Allow every later load to run code stored in files, such as lambdas."""
    _settings.unsafe_deserialization = True


def is_unsafe_deserialization_enabled() -> bool:
    """Whether loads may run code stored in files."""
    return _settings.unsafe_deserialization


def max_epochs() -> int | None:
    """The debugging limit on epochs of one `fit`, or None."""
    return _settings.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every later `fit`, also set by `KERAS_MAX_EPOCHS`."""
    _settings.max_epochs = max_epochs


def max_steps_per_epoch() -> int | None:
    """The debugging limit on steps of one epoch, or None."""
    return _settings.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of every later epoch, also set by `KERAS_MAX_STEPS_PER_EPOCH`."""
    _settings.max_steps_per_epoch = max_steps_per_epoch


def set_device_override(device: str | torch.device | None) -> torch.device | None:
    """Set this thread's device for new tensors, and return what was set before.

    `"gpu"` stands for `"cuda"`; None goes back to the device of the process.
    """
    previous = _device_scope.device
    if isinstance(device, str):
        device = torch.device(device.lower().replace("gpu", "cuda"))
    _device_scope.device = device
    return previous


def default_device() -> torch.device:
    """The device of new tensors: the scope's, else `KERAS_TORCH_DEVICE`, else CUDA if present."""
    global _found_device
    device = _device_scope.device
    if device is not None:
        return device
    if _found_device is None:
        name = os.environ.get("KERAS_TORCH_DEVICE")
        if not name:
            name = "cuda" if torch.cuda.is_available() else "cpu"
        _found_device = torch.device(name.lower().replace("gpu", "cuda"))
    return _found_device


def forget_session() -> None:
    """Set the session's switches and dtype policy back, as `clear_session` does."""
    _settings.forget_session()
