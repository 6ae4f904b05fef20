"""Import aliases: in a process that installs them, `keras` and `tensorflow` mean torchkeras.

A script that imports TensorFlow expects that nothing is recorded for gradients outside of a tape,
so torch's grad mode is switched off when it does; tapes and training switch it on.

The names stand for the same module objects, `sys.modules["keras.layers"] is torchkeras.layers`;
nothing is loaded twice, and an installed Keras or TensorFlow is neither needed nor touched.
"""

import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

import torch

from torchkeras.tf import _face
from torchkeras.tf._missing import PACKAGE, explain, public_path

__all__ = ["ALIASES", "install"]

# Module name in a script -> module of ours; what lies below follows its nearest entry.
ALIASES = {
    "keras": PACKAGE,
    "keras.api": PACKAGE,
    "tensorflow": f"{PACKAGE}.tf",
    "tensorflow.keras": PACKAGE,
    "tensorflow.python": f"{PACKAGE}.tf",
    "tensorflow.python.client": f"{PACKAGE}.tf.config",
    "tensorflow.python.framework": f"{PACKAGE}.tf",
    "tensorflow.python.framework.ops": f"{PACKAGE}.tf",
    "tensorflow.python.keras": PACKAGE,
    "tensorflow.python.ops": f"{PACKAGE}.tf",
    "tensorflow.python.platform": f"{PACKAGE}.tf",
    "tf_keras": PACKAGE,
}

# TensorBoard looks for this module: where it exists, it works without TensorFlow's files.
NO_TENSORFLOW = "tensorboard.compat.notf"


def install() -> None:
    """Puts the aliases before all other finders; once is enough."""
    if not any(isinstance(finder, _AliasFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AliasFinder())


class _AliasFinder(MetaPathFinder):
    """Finds aliases, and explains which modules of Keras and TensorFlow there are not."""

    def find_spec(self, fullname, path=None, target=None) -> ModuleSpec | None:
        real = _real_name(fullname)
        if real is not None:
            loader = _TensorFlowLoader if fullname == "tensorflow" else _AliasLoader
            return ModuleSpec(fullname, loader(importlib.import_module(real)))
        if fullname == NO_TENSORFLOW:
            return ModuleSpec(fullname, _AliasLoader(ModuleType(fullname)))
        if fullname.startswith(f"{PACKAGE}."):
            return _own_spec(fullname, path)
        return None


class _AliasLoader(Loader):
    """Hands out a module that is loaded already."""

    def __init__(self, module: ModuleType):
        self.module = module
        self.spec = module.__spec__

    def create_module(self, spec) -> ModuleType:
        return self.module

    def exec_module(self, module) -> None:
        # The import system has just set the alias's spec; the module keeps its own.
        module.__spec__ = self.spec


class _TensorFlowLoader(_AliasLoader):
    """Hands out `tf`, and lets the script see what TensorFlow would show it from now on.

    Looking for a module is not importing it: `torch._dynamo` asks whether there is TensorFlow.
    """

    def exec_module(self, module) -> None:
        torch.set_grad_enabled(False)
        _face.put_on()
        super().exec_module(module)


def _real_name(name: str) -> str | None:
    """The name of our module for an alias, None for any other name."""
    head, tail = name, ""
    while head:
        if head in ALIASES:
            return ALIASES[head] + tail
        head, _, last = head.rpartition(".")
        tail = f".{last}{tail}"
    return None


def _own_spec(fullname: str, path) -> ModuleSpec:
    """The spec of a module of ours, or of a module that stands in ours as an attribute.

    Raises:
        ModuleNotFoundError: there is none; also for `from keras.layers import Missing`, which
            tries such a module after the attribute, so that the text reaches the user.
    """
    spec = PathFinder.find_spec(fullname, path)
    if spec is not None:
        return spec
    owner, _, name = fullname.rpartition(".")
    module = vars(sys.modules[owner]).get(name)
    if isinstance(module, ModuleType):
        return ModuleSpec(fullname, _AliasLoader(module))
    public = f"{public_path(owner)}.{name}"
    raise ModuleNotFoundError(explain(public), name=public)
