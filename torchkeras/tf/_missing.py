"""What is said about names of Keras and TensorFlow that this version does not have."""

import difflib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import NoReturn

from torchkeras._version import __version__

__all__ = ["explain", "missing_from", "public_path"]

PACKAGE = __package__.partition(".")[0]

# Well-known names of TensorFlow that are not here, with what does their work.
INSTEAD = {
    "GradientTape": "Use torch.autograd, or compile() and fit().",
    "data": "fit() takes NumPy arrays, torch tensors and a torch.utils.data.DataLoader.",
    "distribute": "Use torch.distributed.",
    "function": "Functions run as they are; torch.compile compiles them.",
    "saved_model": "Use torch.export.",
    "string": "Keep text in Python lists or NumPy arrays.",
    "strings": "Keep text in Python lists or NumPy arrays.",
}


def explain(path: str) -> str:
    """Says that there is no `path` ("tf.data", "keras.layers.Foo"), what is near, what there is."""
    owner, _, name = path.rpartition(".")
    names = _names(sys.modules.get(_module_name(owner)))
    text = f"{path} is not in torchkeras {__version__}."
    close = difflib.get_close_matches(name, names, n=3)
    if owner == "tf" and name in INSTEAD:
        text += f" {INSTEAD[name]}"
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
