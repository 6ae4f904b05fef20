"""Rows for the callbacks: constructor arguments, driven over the same logs as real Keras's."""

import math
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One callback and the arguments it is made with; "{folder}" stands for a temporary folder."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    logs: str = "val"  # key of LOGS
    needs: str = ""  # a package that the test of this row wants
    oracle: bool = True  # whether real Keras (on torch) can run it

    def __str__(self):
        given = (f"{k}={getattr(v, '__name__', v)}" for k, v in self.arguments.items())
        return f"{self.name}({', '.join(given)})"

    def kwargs(self, folder) -> dict[str, Any]:
        return {
            name: value.format_map(_Folder(folder)) if isinstance(value, str) else value
            for name, value in self.arguments.items()
        }


class _Folder(dict):
    def __init__(self, folder):
        super().__init__(folder=str(folder))

    def __missing__(self, name):
        return _Field(name)


class _Field:
    """A field of a file name pattern, put back as it was."""

    def __init__(self, name):
        self.name = name

    def __format__(self, spec):
        return "{" + self.name + (f":{spec}" if spec else "") + "}"


def _epochs(val_loss, accuracy=None):
    accuracy = accuracy or [0.5 + 0.05 * i for i in range(len(val_loss))]
    return [
        {"loss": v + 0.25, "accuracy": a, "val_loss": v, "val_accuracy": a - 0.125}
        for v, a in zip(val_loss, accuracy)
    ]


LOGS = {
    "val": _epochs([1.0, 0.9, 0.8, 0.9, 0.8, 0.7, 0.75, 0.7, 0.7, 0.7, 0.6, 0.8]),
    "ties": _epochs([0.8, 0.7, 0.6, 0.5, 0.4, 0.3], [0.5, 0.6, 0.7, 0.7, 0.8, 0.7]),
    "worse": _epochs([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], [0.9, 0.8, 0.8, 0.7, 0.6, 0.5]),
    "nan": _epochs([0.5, math.nan, 0.4, math.nan, math.nan, math.nan]),
    "huge": _epochs([1e300, 1e30, 1e29, 1e29]),
    "train": [{"loss": 1 / (i + 1), "accuracy": 0.1 * i} for i in range(6)],
    "zero": [{"loss": 0.0, "val_loss": 0.0} for _ in range(4)],
    "empty": [{} for _ in range(3)],
}


def _stop(logs="val", **arguments):
    return Case("EarlyStopping", {"verbose": 1, **arguments}, logs)


def _plateau(logs="val", **arguments):
    return Case("ReduceLROnPlateau", {"verbose": 1, "patience": 2, **arguments}, logs)


def _save(name, logs="val", **arguments):
    path = "{folder}/" + name
    return Case("ModelCheckpoint", {"filepath": path, "verbose": 1, **arguments}, logs)


CASES = [
    Case("Callback"),
    Case("History"),
    Case("History", {}, "empty"),
    Case("ProgbarLogger"),
    Case("LambdaCallback"),
    _stop(),
    _stop(patience=1),
    _stop(patience=2, restore_best_weights=True),
    _stop(patience=3, min_delta=0.1),
    _stop("ties", min_delta=0.1),
    _stop("ties", min_delta=-0.1, patience=1),
    _stop("ties", monitor="val_accuracy", patience=1, restore_best_weights=True),
    _stop("ties", monitor="accuracy", min_delta=0.1),
    _stop("ties", monitor="accuracy", mode="min", patience=1),
    _stop("worse", patience=3, restore_best_weights=True),
    _stop("worse", patience=2, start_from_epoch=3, restore_best_weights=True),
    _stop("worse", patience=2, baseline=0.05, restore_best_weights=True),
    _stop("val", patience=3, baseline=0.65),
    _stop("val", patience=2, baseline=0.95, start_from_epoch=2),
    _stop("nan", patience=2, restore_best_weights=True),
    _stop("huge", patience=1, restore_best_weights=True),
    _stop("train", patience=2),
    _stop("train", monitor="loss", mode="max", restore_best_weights=True),
    _stop("zero", patience=2),
    _stop("empty"),
    _plateau(),
    _plateau(factor=0.5, cooldown=2),
    _plateau(factor=0.2, min_lr=0.003, patience=1),
    _plateau(min_delta=0.1, factor=0.5, patience=1),
    _plateau("worse", factor=0.5, patience=0, min_lr=1e-3),
    _plateau("ties", monitor="val_accuracy", patience=1),
    _plateau("ties", monitor="val_accuracy", mode="max", min_delta=0.1, patience=1),
    _plateau("nan", patience=1, cooldown=1),
    _plateau("train", patience=1),
    _plateau("zero", patience=1),
    _save("last.keras"),
    _save("best.keras", save_best_only=True),
    _save("{epoch:02d}-{val_loss:.2f}.keras"),
    _save("{epoch:02d}-{val_loss:.2f}-{val_accuracy:.3f}.h5", save_best_only=True),
    _save("w.{epoch}.weights.h5", save_weights_only=True),
    _save("batch-{epoch}-{batch}.keras", save_freq=2),
    _save("batch-{epoch}-{batch}.keras", save_freq=4),
    _save("best.keras", monitor="val_accuracy", save_best_only=True),
    _save("best.keras", monitor="accuracy", mode="min", save_best_only=True),
    _save("best.keras", initial_value_threshold=0.75, save_best_only=True),
    _save("best.keras", "nan", save_best_only=True),
    _save("best.keras", "train", save_best_only=True),
    _save("deep/er/{epoch}.keras", "train"),
    Case("LearningRateScheduler", {"schedule": lambda epoch: 0.1 / (epoch + 1), "verbose": 1}),
    Case("LearningRateScheduler", {"schedule": lambda epoch, lr: lr * 0.9, "verbose": 1}),
    Case("LearningRateScheduler", {"schedule": lambda epoch, rate=0.5: rate / 2}),
    Case("CSVLogger", {"filename": "{folder}/log.csv"}),
    Case("CSVLogger", {"filename": "{folder}/log.csv", "separator": ";"}, "train"),
    Case("CSVLogger", {"filename": "{folder}/log.csv", "append": True}, "nan"),
    Case("CSVLogger", {"filename": "{folder}/log.csv"}, "empty"),
    Case("TerminateOnNaN"),
    Case("TerminateOnNaN", {}, "nan"),
    Case("BackupAndRestore", {"backup_dir": "{folder}/backup"}),
    Case("BackupAndRestore", {"backup_dir": "{folder}/backup", "save_freq": 2}),
    Case("BackupAndRestore", {"backup_dir": "{folder}/backup", "double_checkpoint": True}),
    Case("RemoteMonitor", {"root": "http://127.0.0.1:1"}, oracle=False),
    Case("TensorBoard", {"log_dir": "{folder}/logs"}, needs="tensorboard", oracle=False),
    Case("SwapEMAWeights", oracle=False),
    Case("SwapEMAWeights", {"swap_on_epoch": True}, oracle=False),
    Case(
        "OrbaxCheckpoint",
        {"directory": "{folder}/orbax", "save_weights_only": True},
        needs="orbax",
        oracle=False,
    ),
    Case("BaseLogger", oracle=False),
    Case(
        "SidecarEvaluatorModelExport",
        {
            "export_filepath": "{folder}/best.keras",
            "checkpoint_filepath": "{folder}/ckpt-{{epoch}}.keras",
        },
        oracle=False,
    ),
]
