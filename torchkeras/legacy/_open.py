"""What makes scripts of Keras 1 and 2 run: old paths, old members, old arguments."""

import types

from torchkeras.legacy import _door, _members, _paths

__all__ = ["install"]


def install(package: types.ModuleType) -> None:
    """Opens the doors; called once, at the end of the package's import."""
    _members.install()
    _paths.install(package)
    _door.open_door(package)
