"""What makes scripts of Keras 1 and 2 run: old paths, old members, old arguments."""

import sys
import types

from torchkeras.legacy import _door, _layer_members, _members, _paths, saving
from torchkeras.legacy._renames import SERIALIZED

__all__ = ["install"]


def install(package: types.ModuleType) -> None:
    """Opens the doors; called once, at the end of the package's import."""
    _members.install()
    _members.open_doors(_layer_members.DOORS)
    _members.give_members(_layer_members.SOURCES)
    _paths.install(package)
    _door.open_door(package)
    for room in SERIALIZED:
        module = sys.modules[f"{package.__name__}.{room}"]
        module.serialize = saving.with_legacy_format(module.serialize)
