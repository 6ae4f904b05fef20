"""Callbacks that watch one value of the logs."""

import os
import re
import shutil
from collections.abc import Callable
from typing import Any

import numpy as np

from torchkeras._errors import received, warn
from torchkeras.callbacks._base import Callback, other_name
from torchkeras.callbacks._progbar import print_message

__all__ = ["EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau", "TerminateOnNaN"]


def find_log(logs: dict, name: str) -> Any:
    """The value logged under a name or its other name, else None."""
    value = logs.get(name)
    return logs.get(other_name(name)) if value is None else value


class MonitorCallback(Callback):
    """Base of callbacks that ask whether the monitored value became better.

    Args:
        monitor: name of the value in the logs; `acc` and `accuracy` stand for each other.
        mode: `"min"`, `"max"`, or `"auto"`: losses go down, metrics as they declare.
        baseline: the value to beat first, None: the first one is an improvement.
        min_delta: least change that counts.
    """

    def __init__(self, monitor="val_loss", mode="auto", baseline=None, min_delta=0):
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warn(f"{type(self).__name__} mode '{mode}' is unknown, fallback to auto mode.")
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op = None

    def _set_monitor_op(self):
        """Choose the comparison; only once metrics are built do they tell their direction."""
        if self.monitor_op is not None:
            return
        self.monitor_op = {"min": np.less, "max": np.greater}.get(self.mode) or self._auto_op()
        if self.monitor_op is np.less:
            self.min_delta *= -1

    def _auto_op(self) -> Callable:
        name = self.monitor.removeprefix("val_")
        directions = _directions(getattr(self.model, "metrics", None) or ())
        names = (name, other_name(name) or name)
        # an output's metric bears the output's name before its own: "left_accuracy"
        own = [m for m in directions if any(n == m or n.endswith(f"_{m}") for n in names)]
        if own:
            return np.greater if directions[max(own, key=len)] == "up" else np.less
        if name == "loss" or name.endswith("_loss"):
            return np.less
        raise ValueError(
            f"{type(self).__name__} callback received monitor={self.monitor}, but Keras isn't able "
            "to automatically determine whether that metric should be maximized or minimized. Pass "
            "`mode='max'` or `mode='min'`. " + received(monitor=self.monitor, mode=self.mode)
        )

    def _is_improvement(self, monitor_value, reference_value) -> bool:
        if reference_value is None:
            return True
        self._set_monitor_op()
        with np.errstate(over="ignore"):  # logs are float32: 0.8 - 0.1 is not above 0.7
            value = np.float32(monitor_value - self.min_delta)
            return bool(self.monitor_op(value, np.float32(reference_value)))


def _directions(metrics: Any) -> dict[str, str]:
    """The metrics that declare a direction, `"up"` or `"down"`, by name."""
    result = {}
    for metric in metrics:
        parts = getattr(metric, "metrics", None) or ()
        result |= _directions(part for part in parts if part is not metric)
        direction = getattr(metric, "_direction", None)
        if direction is not None:
            result[metric.name] = direction
    return result


class EarlyStopping(MonitorCallback):
    """Stops training when the monitored value has stopped improving.

    Args:
        patience: epochs without improvement that are endured.
        baseline: training also stops unless this value is beaten.
        restore_best_weights: whether the model gets the weights of the best epoch at the end.
        start_from_epoch: number of epochs at the start that are not looked at.
    """

    def __init__(
        self,
        monitor="val_loss",
        min_delta=0,
        patience=0,
        verbose=0,
        mode="auto",
        baseline=None,
        restore_best_weights=False,
        start_from_epoch=0,
    ):
        super().__init__(monitor, mode, min_delta=min_delta)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._forget()

    def _forget(self):
        self.wait = 0
        self.stopped_epoch = 0
        self.best = None
        self.best_weights = None
        self.best_epoch = 0

    def on_train_begin(self, logs=None):
        self._forget()

    def on_epoch_end(self, epoch, logs=None):
        self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        if self.restore_best_weights and self.best_weights is None:
            self._remember_weights(epoch)
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self._remember_weights(epoch)
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def _remember_weights(self, epoch):
        self.best_epoch = epoch
        if self.restore_best_weights:
            self.best_weights = self.model.get_weights()

    def on_train_end(self, logs=None):
        if self.stopped_epoch > 0 and self.verbose > 0:
            print_message(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.best_weights is not None:
            if self.verbose > 0:
                print_message(
                    "Restoring model weights from the end of the best epoch: "
                    f"{self.best_epoch + 1}."
                )
            self.model.set_weights(self.best_weights)

    def get_monitor_value(self, logs):
        """The monitored value, or None with a warning."""
        value = find_log(logs or {}, self.monitor)
        if value is None:
            warn(
                f"Early stopping conditioned on metric `{self.monitor}` which is not available. "
                f"Available metrics are: {','.join(logs or ())}"
            )
        return value


def optimizers_of(model: Any) -> list[tuple[str, Any]]:
    """The model's optimizers: one without a name, or those within a `MultiOptimizer`."""
    several = getattr(model.optimizer, "optimizers", None)
    return [("", model.optimizer)] if several is None else [(one.name, one) for one in several]


def log_learning_rates(model: Any, logs: dict | None) -> None:
    """Put the learning rate of every optimizer into the logs of an epoch."""
    if logs is not None:
        for name, optimizer in optimizers_of(model):
            key = f"learning_rate_{name}" if name else "learning_rate"
            logs[key] = float(optimizer.learning_rate)


class ReduceLROnPlateau(MonitorCallback):
    """Multiplies the learning rate by `factor` when the monitored value has stopped improving.

    Args:
        patience: epochs without improvement that are endured.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the learning rate goes no lower.
        kwargs: `epsilon`, an older name of `min_delta`.
    """

    def __init__(
        self,
        monitor="val_loss",
        factor=0.1,
        patience=10,
        verbose=0,
        mode="auto",
        min_delta=1e-4,
        cooldown=0,
        min_lr=0.0,
        **kwargs,
    ):
        super().__init__(monitor, mode, min_delta=kwargs.get("epsilon", min_delta))
        if factor >= 1.0:
            raise ValueError(
                "ReduceLROnPlateau does not support a factor >= 1.0. " + received(factor=factor)
            )
        self.factor = factor
        self.min_lr = min_lr
        self.patience = patience
        self.verbose = verbose
        self.cooldown = cooldown
        self.cooldown_counter = 0
        self.wait = 0

    def on_train_begin(self, logs=None):
        self.best = None
        self.cooldown_counter = 0
        self.wait = 0

    def on_epoch_end(self, epoch, logs=None):
        self._set_monitor_op()
        logs = {} if logs is None else logs
        log_learning_rates(self.model, logs)
        current = find_log(logs, self.monitor)
        if current is None:
            warn(
                f"Learning rate reduction is conditioned on metric `{self.monitor}` which is not "
                f"available. Available metrics are: {','.join(logs)}."
            )
            return
        if self.in_cooldown():
            self.cooldown_counter -= 1
            self.wait = 0
        if self._is_improvement(current, self.best):
            self.best = current
            self.wait = 0
        elif not self.in_cooldown():
            self.wait += 1
            if self.wait >= self.patience and self._reduce(epoch):
                self.cooldown_counter = self.cooldown
                self.wait = 0

    def _reduce(self, epoch) -> bool:
        reduced = False
        for name, optimizer in optimizers_of(self.model):
            old = float(optimizer.learning_rate)
            if old <= np.float32(self.min_lr):
                continue
            new = max(old * self.factor, self.min_lr)
            optimizer.learning_rate = new
            reduced = True
            if self.verbose > 0:
                name = f" {name}" if name else ""
                print_message(
                    f"\nEpoch {epoch + 1}: ReduceLROnPlateau reducing{name} learning rate to {new}."
                )
        return reduced

    def in_cooldown(self):
        """Whether the last reduction is at most `cooldown` epochs ago."""
        return self.cooldown_counter > 0


class BatchCounter:
    """Says when `save_freq` more batches were seen; one step may take several batches."""

    def __init__(self, save_freq: str | int):
        self.save_freq = save_freq
        self._last = -1
        self._since = 0

    def added_by(self, batch: int) -> int:
        """How many batches `batch` adds; their numbers start anew in every epoch."""
        return batch - self._last if batch > self._last else batch + 1

    def is_due(self, batch: int) -> bool:
        """Count the batches up to `batch`."""
        self._since += self.added_by(batch)
        self._last = batch
        if not self.save_freq or self._since < self.save_freq:
            return False
        self._since = 0
        return True


def check_save_freq(save_freq: Any) -> Any:
    """Check that `save_freq` is `"epoch"` or an integer and return it."""
    if save_freq != "epoch" and not isinstance(save_freq, int):
        raise ValueError(
            "Unrecognized save_freq. Expected 'epoch' or an integer value. "
            + received(save_freq=save_freq)
        )
    return save_freq


def write_whole(filepath: str, write: Callable[[str], Any]) -> None:
    """Let `write` make a file aside and then put it in its place in one step.

    A program killed at any moment leaves the old file or the new one, never a part. The file is
    made under its own name in a folder beside, because its suffix tells the format; whatever else
    appears there is moved along.
    """
    folder, name = os.path.split(os.path.abspath(filepath))
    if os.path.isdir(filepath):
        raise OSError(
            "Please specify a non-directory filepath for ModelCheckpoint. Filepath used is an "
            f"existing directory: {filepath}"
        )
    aside = os.path.join(folder, f".{name}.part{os.environ.get('RANK', '')}")
    shutil.rmtree(aside, ignore_errors=True)  # what a killed program left
    os.makedirs(aside)
    try:
        write(os.path.join(aside, name))
        for made in sorted(os.listdir(aside)):
            target = os.path.join(folder, made)
            if os.path.isdir(target):
                shutil.rmtree(target)
            os.replace(os.path.join(aside, made), target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


class _FileNameValues(dict):
    """Logs for a file name pattern, where `val_acc` also finds `val_accuracy`."""

    def __missing__(self, name):
        other = other_name(name)
        if other in self:
            return self[other]
        raise KeyError(name)


class ModelCheckpoint(MonitorCallback):
    """Saves the model or its weights during training.

    A file is written aside and renamed, so a program killed at any moment leaves the last whole
    one.

    Args:
        filepath: file name, which may hold fields: `"{epoch:02d}-{val_loss:.2f}.keras"`. Any suffix
            will do.
        verbose: 1 tells of every decision.
        save_best_only: whether to keep only models that improve the monitored value.
        save_weights_only: whether to call `save_weights` instead of `save`.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: the value that the first saved model must beat.
        period: save every so many epochs.
        load_weights_on_restart: whether `fit` starts from the newest file that fits `filepath`.
    """

    def __init__(
        self,
        filepath,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        save_weights_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        *,
        period=1,
        load_weights_on_restart=False,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.verbose = verbose
        self.filepath = os.fspath(filepath)
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = check_save_freq(save_freq)
        self.period = period
        self.load_weights_on_restart = load_weights_on_restart
        self._counter = BatchCounter(save_freq)
        self._current_epoch = 0
        self._epochs_since_saving = 0

    def on_train_begin(self, logs=None):
        newest = self._newest_file() if self.load_weights_on_restart else None
        if newest is not None:
            self.model.load_weights(newest)

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch" and self._counter.is_due(batch):
            self._save_model(self._current_epoch, batch, logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._epochs_since_saving += 1
            if self._epochs_since_saving >= self.period:
                self._epochs_since_saving = 0
                self._save_model(epoch, None, logs)

    def _save_model(self, epoch, batch, logs):
        logs = logs or {}
        filepath = self._file_path(epoch, batch, logs)
        if not self._should_save(epoch, logs, filepath):
            return
        os.makedirs(os.path.dirname(filepath) or ".", exist_ok=True)
        save = self.model.save_weights if self.save_weights_only else self.model.save
        write_whole(filepath, lambda path: save(path, overwrite=True))
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: finished saving model to {filepath}")

    def _file_path(self, epoch, batch, logs):
        values = _FileNameValues(logs.items(), epoch=epoch + 1)
        if batch is not None:
            values.setdefault("batch", batch + 1)
        try:
            return self.filepath.format_map(values)
        except KeyError as error:
            raise KeyError(
                f'Failed to format this callback filepath: "{self.filepath}". Reason: {error}'
            ) from None

    def _should_save(self, epoch, logs, filepath) -> bool:
        if not self.save_best_only:
            self._tell(epoch, f"saving model to {filepath}")
            return True
        current = find_log(logs, self.monitor)
        if current is None:
            warn(f"Can save best model only with {self.monitor} available.")
            return True
        if np.ndim(current) > 0:
            warn(
                "Can save best model only when `monitor` is a scalar value. Falling back to "
                "`save_best_only=False`. " + received(current=current)
            )
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        self._set_monitor_op()
        if not self._is_improvement(current, self.best):
            self._tell(epoch, f"{self.monitor} did not improve from {best}")
            return False
        self._tell(
            epoch,
            f"{self.monitor} improved from {best} to {current:.5f}, saving model to {filepath}",
        )
        self.best = current
        return True

    def _tell(self, epoch, text):
        if self.verbose > 0:
            print_message(f"\nEpoch {epoch + 1}: {text}")

    def _newest_file(self) -> str | None:
        folder, pattern = os.path.split(os.path.abspath(self.filepath))
        parts = re.split(r"\{[^}]*\}", pattern)
        regex = re.compile(".*".join(re.escape(part) for part in parts))
        if not os.path.isdir(folder):
            return None
        found = [os.path.join(folder, name) for name in os.listdir(folder) if regex.fullmatch(name)]
        return max(found, key=lambda path: (os.path.getmtime(path), path), default=None)


class TerminateOnNaN(Callback):
    """Stops training when a batch's loss is not a finite number.

    Reading the loss makes the device wait after every batch.

    Args:
        raise_error: whether to raise RuntimeError instead of ending quietly.
    """

    def __init__(self, raise_error: bool = False):
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}. Terminating training immediately. "
                + received(loss=loss)
            )
        print_message(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
