"""The weights of a model in the format of Hugging Face, which other tools of torch read."""

import types
from typing import Any

import torch

from torchkeras import _version
from torchkeras._errors import import_optional

__all__ = []


def _package() -> types.ModuleType:
    return import_optional("safetensors.torch", "Reading and writing `.safetensors` files")


def save(model: Any, filepath: str) -> None:
    """Writes the state dict of a model: weights by the names that torch has for them."""
    tensors = {}
    places: dict[tuple, str] = {}
    shared = {}
    for key, value in model.state_dict().items():
        value = value.detach()
        place = (value.data_ptr(), value.shape, value.dtype)
        if value.numel() and place in places:
            shared[key] = places[place]
            continue
        places[place] = key
        tensors[key] = torch.Tensor.contiguous(value).as_subclass(torch.Tensor)
    metadata = {"format": "pt", "torchkeras_version": _version.__version__, **shared}
    _package().save_file(tensors, filepath, metadata=metadata)


def load(model: Any, filepath: str, skip_mismatch: bool) -> list[str]:
    """Reads weights by the names that torch has for them; all or, where one does not fit, none.

    Returns what was skipped, as messages.

    Raises:
        ValueError: a damaged file, or weights that do not agree with the model's.
    """
    package = _package()
    try:
        found = package.load_file(filepath)
    except Exception as error:  # The package has exceptions of its own.
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"The file is no safetensors file, or is damaged: {error}. "
            f"Received: filepath={filepath}"
        ) from error
    own = model.state_dict(keep_vars=True)
    same = {id(v): key for key, v in own.items() if key in found}
    problems = [f"weight {key} is not in the file" for key, v in own.items() if id(v) not in same]
    problems += [f"weight {key} is not in the model" for key in found if key not in own]
    for key, value in list(found.items()):
        if key in own and own[key].shape != value.shape:
            problems.append(
                f"weight {key} expects shape {tuple(own[key].shape)}. Received saved weight with "
                f"shape {tuple(value.shape)}"
            )
            del found[key]
    if problems and not skip_mismatch:
        raise ValueError(
            f"The weights of the file are not those of the model: {'; '.join(problems)}. "
            f"Received: filepath={filepath}"
        )
    with torch.no_grad():
        for key, value in found.items():
            if key in own:
                own[key].copy_(value)
    return problems
