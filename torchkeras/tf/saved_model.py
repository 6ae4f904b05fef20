"""`tf.saved_model`: saving and loading models and modules of this package."""

import json
import os
import sys
from typing import Any

import torch

from torchkeras import config
from torchkeras._serialize import Configurable
from torchkeras.models import Model
from torchkeras.saving import load_model
from torchkeras.tf._function import Module
from torchkeras.tf._missing import PACKAGE, missing_from
from torchkeras.tf._tensor import sealed

__all__ = ["Asset", "LoadOptions", "SaveOptions", "contains_saved_model", "load", "save"]

# What a folder has in it that `model.save` wrote, and that of a module.
_MODEL, _MODULE = "config.json", "module.pt"
_SIGNATURES = "signatures.json"
# What a module may consist of, beside tensors, numbers, texts and nests of them.
_KINDS = (Module, torch.nn.Module, torch.Tensor, Configurable)
_SERVING = DEFAULT_SERVING_SIGNATURE_DEF_KEY = "serving_default"
SERVING = "serve"
GPU, TPU, TRAINING = "gpu", "tpu", "train"
ASSETS_DIRECTORY, ASSETS_KEY, VARIABLES_DIRECTORY = "assets", "saved_model_assets", "variables"
VARIABLES_FILENAME, SAVED_MODEL_FILENAME_PB = "variables", "saved_model.pb"
PREDICT_INPUTS, PREDICT_OUTPUTS = "inputs", "outputs"
PREDICT_METHOD_NAME = "tensorflow/serving/predict"


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

    A Keras model is stored as by `model.save(folder)`. A module, and a model with layers of the
    script's own, are stored by pickle: their classes must be there when they are loaded.

    Args:
        signatures: a function of the object's, or a dict of them by name: what
            `load(...).signatures` gives back.
    """
    folder = os.fspath(export_dir)
    os.makedirs(folder, exist_ok=True)
    if isinstance(obj, Model) and not _has_classes_of_script(obj):
        obj.save(folder)
    else:
        history = vars(obj).pop("history", None)  # no part of what computes
        try:
            torch.save(obj, os.path.join(folder, _MODULE))
        finally:
            if history is not None:
                vars(obj)["history"] = history
    if signatures is not None:
        given = signatures if isinstance(signatures, dict) else {_SERVING: signatures}
        names = {key: function.__name__ for key, function in given.items()}
        with open(os.path.join(folder, _SIGNATURES), "w", encoding="utf-8") as file:
            json.dump(names, file)


def load(export_dir: str, tags: Any = None, options: Any = None) -> Any:
    """What `save` wrote: a model, or a module with its variables and functions.

    Its `signatures` are functions of named tensors that give a dict of tensors. Of what a module
    consists, only classes of modules, layers and the like that are imported already are made;
    `keras.config.enable_unsafe_deserialization()` allows all that a pickle can name, which may run
    any code.

    Raises:
        OSError: there is nothing, or it is TensorFlow's own format.
        ValueError: something else is named in a module's file.
    """
    folder = os.fspath(export_dir)
    if os.path.exists(os.path.join(folder, _MODEL)):
        return _with_signatures(load_model(folder), folder)
    if os.path.exists(os.path.join(folder, _MODULE)):
        return _with_signatures(_module_in(os.path.join(folder, _MODULE)), folder)
    if os.path.exists(os.path.join(folder, "saved_model.pb")):
        raise OSError(
            "This SavedModel was written by TensorFlow and holds a TensorFlow graph, which torch "
            f"cannot run. Received: export_dir={export_dir!r}"
        )
    raise OSError(f"SavedModel file does not exist at: {folder}")


# Where functions and small classes of ours are that models hold.
_PARTS = {
    f"{PACKAGE}.{name}"
    for name in (
        "_training.compile _variable activations callbacks._base layers._spec losses._classes "
        "losses._functions metrics._base models._function optimizers._base tf._function tf._specs "
        "tf._tensor tf._variable"
    ).split()
}


def _module_in(path: str) -> Any:
    if config.is_unsafe_deserialization_enabled():
        return torch.load(path, weights_only=False)
    named = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    with torch.serialization.safe_globals([_harmless(name, path) for name in named]):
        return torch.load(path, weights_only=True)


def _harmless(name: str, path: str) -> Any:
    """A class or function that a file names, if to make or call it can do no harm."""
    module, _, last = name.rpartition(".")
    found = getattr(sys.modules.get(module), last, None)
    is_part = module in _PARTS and getattr(found, "__module__", None) == module
    if is_part or (isinstance(found, type) and issubclass(found, _KINDS)):
        return found
    raise ValueError(
        f"The module in {path} has a part that is no module, layer or the like of an imported "
        "class. If you trust who wrote it, call keras.config.enable_unsafe_deserialization(). "
        f"Received: {name}"
    )


def _has_classes_of_script(model: Model) -> bool:
    """Whether a config would not be enough to make the model again."""
    return any(not type(m).__module__.startswith(f"{PACKAGE}.") for m in model.modules())


def _with_signatures(obj: Any, folder: str) -> Any:
    names = {_SERVING: "__call__"} if isinstance(obj, Model) else {}
    path = os.path.join(folder, _SIGNATURES)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            names = json.load(file)
    # Past `__setattr__`: it is no part of a model.
    obj.__dict__["signatures"] = {key: Signature(obj, name) for key, name in names.items()}
    return obj


class Signature:
    """A function of what was saved, with its results by name."""

    def __init__(self, owner: Any, name: str):
        self._function = getattr(owner, name)

    def __call__(self, *args, **kwargs) -> dict[str, Any]:
        try:
            found = self._function(*args, **kwargs)
        except TypeError:
            # The names are those of a model's inputs, not of its call's parameters.
            given = [*args, *kwargs.values()]
            found = self._function(given[0] if len(given) == 1 else given)
        if isinstance(found, dict):
            return sealed(found)
        found = found if isinstance(found, list | tuple) else [found]
        return {f"output_{i}": sealed(part) for i, part in enumerate(found)}


def contains_saved_model(export_dir: str) -> bool:
    """Whether there is something in the folder that `save` wrote."""
    folder = os.fspath(export_dir)
    return any(os.path.exists(os.path.join(folder, name)) for name in (_MODEL, _MODULE))


__getattr__ = missing_from("tf.saved_model")
