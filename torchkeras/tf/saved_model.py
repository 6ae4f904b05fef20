"""`tf.saved_model`: saving and loading models and modules of this package."""

import os
from typing import Any

import torch

from torchkeras.models import Model
from torchkeras.saving import load_model
from torchkeras.tf._missing import missing_from

__all__ = ["Asset", "LoadOptions", "SaveOptions", "contains_saved_model", "load", "save"]

_MODEL, _MODULE = "model.keras", "module.pt"


class SaveOptions:
    """Options of TensorFlow's own writer."""

    def __init__(self, **options: Any):
        self.__dict__.update(options)


class LoadOptions(SaveOptions):
    """Options of TensorFlow's own reader."""


class Asset:
    """A file that belongs to a model."""

    def __init__(self, path: str):
        self.asset_path = path


def save(obj: Any, export_dir: str, signatures: Any = None, options: Any = None) -> None:
    """Writes a model, or a `tf.Module`, to a folder.

    A Keras model is stored as a `.keras` file; a module by pickle, so that its class must be
    there when it is loaded.
    """
    folder = os.fspath(export_dir)
    os.makedirs(folder, exist_ok=True)
    if isinstance(obj, Model):
        obj.save(os.path.join(folder, _MODEL))
    else:
        torch.save(obj, os.path.join(folder, _MODULE))


def load(export_dir: str, tags: Any = None, options: Any = None) -> Any:
    """What `save` wrote: a model, or a module with its variables and functions.

    Load modules only from folders that you trust: they are stored by pickle, which runs code.

    Raises:
        OSError: there is nothing, or it is TensorFlow's own format.
    """
    folder = os.fspath(export_dir)
    if os.path.exists(os.path.join(folder, _MODEL)):
        return load_model(os.path.join(folder, _MODEL))
    if os.path.exists(os.path.join(folder, _MODULE)):
        return torch.load(os.path.join(folder, _MODULE), weights_only=False)
    if os.path.exists(os.path.join(folder, "saved_model.pb")):
        raise OSError(
            "This SavedModel was written by TensorFlow and holds a TensorFlow graph, which torch "
            f"cannot run. Received: export_dir={export_dir!r}"
        )
    raise OSError(f"SavedModel file does not exist at: {folder}")


def contains_saved_model(export_dir: str) -> bool:
    """Whether there is something in the folder that `save` wrote."""
    folder = os.fspath(export_dir)
    return any(os.path.exists(os.path.join(folder, name)) for name in (_MODEL, _MODULE))


__getattr__ = missing_from("tf.saved_model")
