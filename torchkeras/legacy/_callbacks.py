"""Callbacks that Keras 2 had besides those of today."""

import os
import re

from torchkeras.callbacks import ModelCheckpoint

__all__ = ["SidecarEvaluatorModelExport"]


class SidecarEvaluatorModelExport(ModelCheckpoint):
    """Saves the model that a `SidecarEvaluator` finds to be the best, after an evaluation.

    Args:
        export_filepath: where it is saved; `{epoch}` is the epoch of the checkpoint.
        checkpoint_filepath: where the training writes its checkpoints, with `{epoch}` in it.
        **kwargs: of `ModelCheckpoint`; `save_freq="eval"` says what is so in any case.
    """

    def __init__(self, export_filepath, checkpoint_filepath, **kwargs):
        if kwargs.get("save_freq") == "eval":
            del kwargs["save_freq"]
        super().__init__(export_filepath, save_best_only=True, **kwargs)
        self._checkpoint_filepath = os.fspath(checkpoint_filepath)
        self.export_index = 0

    def on_test_begin(self, logs=None):
        self.export_index = self._epoch_of_newest()

    def _epoch_of_newest(self) -> int:
        """The epoch, from 0, in the name of the newest checkpoint; 0 where there is none."""
        folder, pattern = os.path.split(os.path.abspath(self._checkpoint_filepath))
        parts = re.split(r"(\{[^}]*\})", pattern)
        regex = "".join(_as_regex(part) for part in parts)
        if not os.path.isdir(folder):
            return 0
        found = [(name, re.match(regex, name)) for name in os.listdir(folder)]
        found = [(name, match) for name, match in found if match and match.groupdict()]
        if not found:
            return 0
        _, newest = max(found, key=lambda pair: os.path.getmtime(os.path.join(folder, pair[0])))
        return int(newest["epoch"]) - 1

    def on_test_end(self, logs=None):
        self._save_model(self.export_index, None, logs)


def _as_regex(part: str) -> str:
    if part.startswith("{epoch"):
        return r"(?P<epoch>\d+)"
    return ".*" if part.startswith("{") else re.escape(part)
