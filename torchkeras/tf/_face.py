"""How a script of TensorFlow's sees what Keras gives it: as tensors, text and datasets of `tf`.

torchkeras computes with torch's tensors. In a process whose script imports TensorFlow, what a layer
or a loss gives to the script itself has the face of `tf`; between the layers of a model, in `fit`
and in other libraries nothing is different.
"""

import functools
import inspect
from collections.abc import Callable
from types import FrameType
from typing import Any

from torch import Tensor, nn

from torchkeras import _scopes, layers
from torchkeras.tf._missing import PACKAGE
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._tensor import EagerTensor, belongs_to_library, is_library
from torchkeras.tf.data._dataset import Dataset, shown

__all__ = ["put_on"]


def put_on() -> None:
    """From now on code that is no library's is shown tensors of `tf`."""
    _scopes.face.call = _call
    _scopes.face.shown = _shown_to
    _scopes.face.dataset = Dataset
    _scopes.face.arguments = _arguments


# What these make of a tensor they make of each element, so ragged tensors go through as well.
_OF_EACH = (
    layers.Discretization,
    layers.Embedding,
    layers.Hashing,
    layers.IntegerLookup,
    layers.Rescaling,
    layers.StringLookup,
)


_DOORS = f"{PACKAGE}.legacy."


def _shown_to(asker: FrameType, result: Any) -> Any:
    return result if is_library(asker) else shown(result)


def _call(asker: FrameType, layer: nn.Module, args: tuple, kwargs: dict) -> Any:
    """A layer's call. A `call` that the script has written is the script's code too."""
    is_of_script = _has_call_of_script(type(layer))
    if is_of_script:
        args, kwargs = shown(args), shown(kwargs)
    if args and isinstance(args[0], RaggedTensor) and isinstance(layer, _OF_EACH):
        outputs = args[0].with_flat_values(_call(asker, layer, (args[0].flat_values,), kwargs))
    else:
        outputs = nn.Module.__call__(layer, *args, **kwargs)
    while _is_preface(asker):
        asker = asker.f_back
    if not is_library(asker):
        return shown(outputs)
    return _plain(outputs) if is_of_script else outputs


def _is_preface(frame: FrameType) -> bool:
    """Whether a frame is on the way from a call to `Layer.__call__`: a layer's own `__call__`, or
    what translates the arguments of older versions."""
    if frame.f_code.co_name == "__call__":
        return is_library(frame)
    return frame.f_globals.get("__name__", "").startswith(_DOORS)


def _arguments(function: Callable, values: tuple) -> tuple:
    return shown(values) if _is_of_script(getattr(function, "__func__", function)) else values


@functools.cache
def _has_call_of_script(kind: type) -> bool:
    return _is_of_script(kind.call)


def _is_of_script(function: Callable) -> bool:
    function = inspect.unwrap(function)
    if not inspect.isfunction(function):
        return False
    return not belongs_to_library(function.__globals__, function.__code__)


def _plain(outputs: Any) -> Any:
    """Outputs of the script's `call`, made for torchkeras, as torch's tensors again."""
    if type(outputs) is EagerTensor:
        outputs.__class__ = Tensor
    elif type(outputs) in (list, tuple):
        return type(outputs)([_plain(part) for part in outputs])
    elif type(outputs) is dict:
        return {key: _plain(part) for key, part in outputs.items()}
    return outputs
