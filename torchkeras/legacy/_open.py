"""What makes scripts of Keras 1 and 2 run: old paths, old members, old arguments."""

import sys
import types

from torchkeras import metrics
from torchkeras.legacy import _door, _layer_members, _members, _paths, _updates, saving
from torchkeras.legacy._renames import SERIALIZED

__all__ = ["install"]


def install(package: types.ModuleType) -> None:
    """Opens the doors; called once, at the end of the package's import."""
    _members.install()
    _members.open_doors(_layer_members.DOORS)
    _members.open_doors(_updates.DOORS)
    _updates.install()
    _members.give_members(_layer_members.SOURCES)
    _paths.install(package)
    # Metrics that are functions; those that are classes go by their own names.
    metrics._names.update(_paths.METRIC_FUNCTIONS)
    _door.open_door(package)
    for room in SERIALIZED:
        module = sys.modules[f"{package.__name__}.{room}"]
        module.serialize = saving.with_legacy_format(module.serialize)
