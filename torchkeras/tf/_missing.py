"""What is said about names of Keras and TensorFlow that this version does not have."""

import difflib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

from torchkeras._version import __version__

__all__ = ["explain", "missing_from", "public_path"]

PACKAGE = __package__.partition(".")[0]

# Well-known parts of TensorFlow that are not here, with what does their work.
INSTEAD = {
    "tf.compat.v1": "Graphs and sessions of TensorFlow 1 are out; write it as eager code, "
    "with tf.GradientTape or with keras.",
    "tf.dtensor": "Use torch.distributed.tensor.",
    "tf.estimator": "Use keras models and fit().",
    "tf.feature_column": "Use keras's preprocessing layers, or keras.utils.FeatureSpace.",
    "tf.graph_util": "There are no graphs; torch.export writes a model's.",
    "tf.lite": "Use torch.export, or model.export() for ONNX.",
    "tf.mlir": "Use torch.compile.",
    "tf.profiler": "Use torch.profiler.",
    "tf.raw_ops": "Use the function of tf or of tf.math.",
    "tf.tpu": "TPUs are not used; run on a CPU or GPU.",
    "tf.xla": "Use torch.compile.",
    "tf.contrib": "It was TensorFlow 1's; keras has most of it.",
    "tf.placeholder": "Graphs of TensorFlow 1 are out; use keras.Input.",
}


def explain(path: str) -> str:
    """Says that there is no `path` ("tf.data", "keras.layers.Foo"), what is near, what there is."""
    owner, _, name = path.rpartition(".")
    names = _names(sys.modules.get(_module_name(owner)))
    text = f"{path} is not in torchkeras {__version__}."
    close = difflib.get_close_matches(name, names, n=3)
    instead = INSTEAD.get(path) or INSTEAD.get(owner)
    if instead:
        text += f" {instead}"
    elif close:
        text += f" Nearest: {', '.join(f'{owner}.{match}' for match in close)}."
    if names:
        text += f" {owner} has {_sample(owner, names)}."
    return text


def missing_from(owner: str) -> Callable[[str], NoReturn]:
    """A module's `__getattr__` that explains what the module does not have."""

    def __getattr__(name):
        module = sys.modules[_module_name(owner)]
        if name.startswith("__"):
            text = f"module {module.__name__!r} has no attribute {name!r}"
        else:
            text = explain(f"{owner}.{name}")
        raise AttributeError(text, name=name, obj=module)

    return __getattr__


def public_path(module_name: str) -> str:
    """What a script calls a module of ours: "keras.layers", "tf.math"."""
    if module_name == f"{PACKAGE}.tf" or module_name.startswith(f"{PACKAGE}.tf."):
        return module_name.removeprefix(f"{PACKAGE}.")
    return "keras" + module_name.removeprefix(PACKAGE)


def _module_name(path: str) -> str:
    """The module of ours behind "keras.layers" or "tf.math"."""
    return f"{PACKAGE}.{path}" if path.split(".")[0] == "tf" else path.replace("keras", PACKAGE, 1)


def _names(module: ModuleType | None) -> list[str]:
    """The names a module shows."""
    if module is None:
        return []
    return list(getattr(module, "__all__", [n for n in dir(module) if not n.startswith("_")]))


def _sample(owner: str, names: list[str]) -> str:
    """What a module has, in a few words: its modules by name, and how many names else."""
    modules = [name for name in names if f"{_module_name(owner)}.{name}" in sys.modules]
    rest = f"{len(names) - len(modules)} names; dir({owner}) lists them"
    return f"{', '.join(modules)} and {rest}" if modules else rest
