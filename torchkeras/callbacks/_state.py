"""Callbacks that set the learning rate, back the training up, and swap averaged weights in."""

import base64
import contextlib
import importlib
import inspect
import json
import os
import random as python_random
import shutil
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from torchkeras import random as keras_random
from torchkeras import tree
from torchkeras._errors import received, warn
from torchkeras._serialize import ObjectSharingScope, serialize_keras_object
from torchkeras.callbacks._base import Callback
from torchkeras.callbacks._monitor import (
    BatchCounter,
    MonitorCallback,
    check_save_freq,
    find_log,
    log_learning_rates,
    optimizers_of,
    write_whole,
)
from torchkeras.callbacks._progbar import print_message

_METADATA = "training_metadata.json"
_METADATA_BEFORE = "training_metadata.json.bkp"
# A backup is written to a file that neither of the last two uses.
_SLOTS = ("latest.weights.h5", "latest-1.weights.h5", "latest-2.weights.h5")

__all__ = ["BackupAndRestore", "LearningRateScheduler", "OrbaxCheckpoint", "SwapEMAWeights"]


class LearningRateScheduler(Callback):
    """Sets the learning rate at the start of every epoch, and logs it at the end.

    Args:
        schedule: function of the epoch (from 0) and, if it takes a second argument, of the current
            rate.
    """

    def __init__(self, schedule, verbose=0):
        super().__init__()
        self.schedule = schedule
        self.verbose = verbose

    def on_epoch_begin(self, epoch, logs=None):
        for name, optimizer in optimizers_of(self.model):
            if not hasattr(optimizer, "learning_rate"):
                raise ValueError(
                    'Optimizer must have a "learning_rate" attribute. '
                    + received(optimizer=optimizer)
                )
            rate = self._rate(epoch, optimizer)
            optimizer.learning_rate = rate
            if self.verbose > 0:
                name = f" {name}" if name else ""
                print_message(
                    f"\nEpoch {epoch + 1}: LearningRateScheduler setting{name} learning rate to "
                    f"{rate}."
                )

    def _rate(self, epoch, optimizer):
        if _takes_two(self.schedule):
            rate = self.schedule(epoch, float(optimizer.learning_rate))
        else:
            rate = self.schedule(epoch)
        if isinstance(rate, torch.Tensor) and rate.is_floating_point():
            rate = rate.item()
        if not isinstance(rate, (float, np.floating)):
            raise ValueError(
                "The output of the `schedule` function should be a float. " + received(output=rate)
            )
        return rate

    def on_epoch_end(self, epoch, logs=None):
        log_learning_rates(self.model, logs)


def _takes_two(function: Callable) -> bool:
    try:
        inspect.signature(function).bind(0, 0.0)
    except TypeError:
        return False
    except ValueError:  # a builtin without a signature
        return True
    return True


class BackupAndRestore(Callback):
    """Backs the training up, and goes on from there when `fit` is started again after a crash.

    The backup holds weights, optimizer, epoch and the states of the random generators, so the
    resumed training ends with the weights of an uninterrupted one. It becomes valid in one step,
    when `training_metadata.json` is renamed into place; killed at any moment, the last whole backup
    counts.

    Args:
        backup_dir: a folder that nothing else writes to.
        save_freq: `"epoch"`, a number of batches, or False.
        double_checkpoint: whether to keep the backup before the last, for when the last cannot be
            read.
        delete_checkpoint: whether the folder is removed once training is complete.
        save_before_preemption: whether a machine that is taken away (the signal SIGTERM) backs up
            after the batch that is under way, before the program ends.
    """

    def __init__(
        self,
        backup_dir,
        save_freq="epoch",
        double_checkpoint=False,
        delete_checkpoint=True,
        save_before_preemption=False,
    ):
        super().__init__()
        if not backup_dir:
            raise ValueError(
                "Empty `backup_dir` argument passed. " + received(backup_dir=backup_dir)
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq = check_save_freq(save_freq)
        self.double_checkpoint = double_checkpoint
        self.delete_checkpoint = delete_checkpoint
        self.save_before_preemption = save_before_preemption
        self._handler = None
        self._is_preempted = False
        self._counter = BatchCounter(save_freq)
        self._current_epoch = 0
        self._random_at_epoch_begin = None
        self._random_after_skip = None

    def _path(self, name: str) -> str:
        return os.path.join(self.backup_dir, name)

    def on_train_begin(self, logs=None):
        if not self.model.built:
            raise ValueError(
                "To use the BackupAndRestore callback, your model must be built before you call "
                "`fit()`. You can build it beforehand by calling it on a batch of data. "
                + received(model=self.model.name)
            )
        if self.save_before_preemption:
            self._handler = signal.signal(signal.SIGTERM, self._note_preemption)
        try:
            self._restore(_METADATA)
        except (OSError, ValueError):
            if not os.path.exists(self._path(_METADATA_BEFORE)):
                raise
            self._restore(_METADATA_BEFORE)

    def _restore(self, metadata_name):
        metadata = _read_json(self._path(metadata_name))
        if not metadata:  # weights beside it are of a backup that was never completed
            return
        optimizer = self.model.optimizer
        if optimizer is not None and not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self.model.load_weights(self._path(metadata.get("weights", _SLOTS[0])))
        self.model._initial_epoch = self._current_epoch = metadata["epoch"]
        if metadata.get("batch") and "random_at_epoch_begin" in metadata:
            self.model._initial_batch = metadata["batch"]
            _set_random_state(metadata["random_at_epoch_begin"])
            self._random_after_skip = metadata["random"]
        elif "random" in metadata:
            _set_random_state(metadata["random"])

    def _note_preemption(self, number, frame):
        if self._is_preempted:  # asked again: no batch is under way that would end
            self._end_preempted()
        self._is_preempted = True

    def _end_preempted(self):
        """Lets the signal do what it did before this callback waited for it."""
        if self._handler is not None:
            signal.signal(signal.SIGTERM, self._handler)
            self._handler = None
        if self._is_preempted:
            self._is_preempted = False
            signal.raise_signal(signal.SIGTERM)

    def on_epoch_begin(self, epoch, logs=None):
        self._current_epoch = epoch
        if self.save_freq != "epoch" or self.save_before_preemption:
            self._random_at_epoch_begin = _random_state()

    def on_train_batch_begin(self, batch, logs=None):
        self._end_skip()

    def on_train_batch_end(self, batch, logs=None):
        due = self.save_freq != "epoch" and self._counter.is_due(batch)
        if due or self._is_preempted:
            if batch + 1 == (self.params or {}).get("steps"):
                self._save(self._current_epoch + 1, 0)
            else:
                self._save(self._current_epoch, batch + 1)
        if self._is_preempted:
            self._end_preempted()

    def on_epoch_end(self, epoch, logs=None):
        self._end_skip()
        self._current_epoch = epoch + 1
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def _end_skip(self):
        """Put the random states back that belong to the first batch that is not skipped."""
        if self._random_after_skip is not None:
            _set_random_state(self._random_after_skip)
            self._random_after_skip = None

    def _save(self, epoch, batch):
        os.makedirs(self.backup_dir, exist_ok=True)
        last = _read_json(self._path(_METADATA))
        used = [last.get("weights")]
        if self.double_checkpoint:
            used.append(_read_json(self._path(_METADATA_BEFORE)).get("weights"))
        slot = next(name for name in _SLOTS if name not in used)
        self.model.save_weights(self._path(slot), overwrite=True)
        metadata = {"epoch": epoch, "batch": batch, "weights": slot, "random": _random_state()}
        if batch:
            metadata["random_at_epoch_begin"] = self._random_at_epoch_begin
        if self.double_checkpoint and last:
            self._write_metadata(_METADATA_BEFORE, last)
        self._write_metadata(_METADATA, metadata)
        keep = {slot, last.get("weights")} if self.double_checkpoint else {slot}
        for name in set(_SLOTS) - keep:
            with contextlib.suppress(FileNotFoundError):
                os.remove(self._path(name))

    def _write_metadata(self, name, metadata):
        def write(path):
            with open(path, "w") as file:
                json.dump(metadata, file)

        write_whole(self._path(name), write)

    def on_train_end(self, logs=None):
        if self.save_before_preemption:
            self._end_preempted()
        if self.delete_checkpoint and os.path.exists(self.backup_dir):
            shutil.rmtree(self.backup_dir)


def _read_json(path: str) -> dict[str, Any]:
    """The content of a JSON file, empty where there is none."""
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def _random_state() -> dict[str, Any]:
    """The states of Python's, NumPy's, torch's and Keras's random generators, as JSON."""
    version, numbers, following = python_random.getstate()
    kind, keys, *rest = np.random.get_state()
    states = [torch.get_rng_state()]
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states += torch.cuda.get_rng_state_all()
    generator = keras_random._global.generator
    return {
        "python": [version, numbers, following],
        "numpy": [kind, keys.tolist(), *rest],
        "torch": [base64.b64encode(state.numpy().tobytes()).decode() for state in states],
        "keras": None if generator is None else generator.state.tolist(),
    }


def _set_random_state(state: dict[str, Any]) -> None:
    version, numbers, following = state["python"]
    python_random.setstate((version, tuple(numbers), following))
    np.random.set_state(tuple(state["numpy"]))
    cpu, *gpus = (
        torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.uint8)
        for text in state["torch"]
    )
    torch.set_rng_state(cpu)
    if torch.cuda.is_available():
        for device, gpu in enumerate(gpus[: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(gpu, device)
    if state["keras"] is not None:
        keras_random.global_seed_generator().state.assign(torch.tensor(state["keras"]))


class OrbaxCheckpoint(MonitorCallback):
    """Saves the model's state as Orbax checkpoints, which Keras's `load_model` reads.

    It needs the package `orbax-checkpoint`, and with it JAX; `ModelCheckpoint` needs neither.

    Args:
        directory: folder of the checkpoints, one below it for each step.
        save_best_only: whether to save only when the monitored value improves.
        save_freq: `"epoch"`, or a number of batches.
        initial_value_threshold: the value that the first checkpoint must beat.
        max_to_keep: number of newest checkpoints that are kept, None: all.
        save_on_background: whether training goes on while files are written.
        save_weights_only: whether to leave out the optimizer and the model's config.
    """

    def __init__(
        self,
        directory,
        monitor="val_loss",
        verbose=0,
        save_best_only=False,
        mode="auto",
        save_freq="epoch",
        initial_value_threshold=None,
        max_to_keep=1,
        save_on_background=True,
        save_weights_only=False,
    ):
        super().__init__(monitor, mode, initial_value_threshold)
        self.directory = os.fspath(directory)
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_freq = check_save_freq(save_freq)
        self.max_to_keep = max_to_keep
        self.save_on_background = save_on_background
        self.save_weights_only = save_weights_only
        self.checkpointer = self._new_checkpointer()
        self._counter = BatchCounter(save_freq)
        self._batches_seen = 0
        self._saving = []

    def _new_checkpointer(self):
        training = _orbax().training
        keep = self.max_to_keep
        return training.Checkpointer(
            directory=os.path.abspath(self.directory),
            preservation_policy=keep and training.preservation_policies.LatestN(keep),
            save_decision_policy=training.save_decision_policies.FixedIntervalPolicy(1),
        )

    def set_model(self, model):
        super().set_model(model)
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            self._batches_seen = int(optimizer.iterations)

    def on_train_begin(self, logs=None):
        if self.checkpointer is None:
            self.checkpointer = self._new_checkpointer()

    def on_train_batch_end(self, batch, logs=None):
        if self.save_freq != "epoch":
            self._batches_seen += self._counter.added_by(batch)
            if self._counter.is_due(batch):
                self._save_if_better(self._batches_seen, f"batch {batch}", logs)

    def on_epoch_end(self, epoch, logs=None):
        if self.save_freq == "epoch":
            self._save_if_better(epoch, f"epoch {epoch}", logs)

    def on_train_end(self, logs=None):
        self.wait_until_finished()
        self.checkpointer.close()
        self.checkpointer = None

    def _save_if_better(self, step, moment, logs):
        if self.save_best_only:
            current = find_log(logs or {}, self.monitor)
            if current is None:
                warn(
                    f"Can save best model only with {self.monitor} available, skipping save at "
                    f"{moment}."
                )
                return
            self._set_monitor_op()
            if not self._is_improvement(current, self.best):
                return
            self.best = current
        self._save(step)

    def _save(self, step):
        content = self._content()
        if self.save_on_background:
            self._saving.append(self.checkpointer.save_checkpointables_async(step, content))
        else:
            self.checkpointer.save_checkpointables(step, content)

    def _content(self) -> dict[str, Any]:
        state = self.model.get_state_tree(value_format="numpy_array")
        if self.save_weights_only:
            state = {key: state[key] for key in ("trainable_variables", "non_trainable_variables")}
        content = {"pytree": tree.map_structure(_plain_scalar, state)}
        if not self.save_weights_only:
            with ObjectSharingScope():
                config = serialize_keras_object(self.model)
            content["model_config"] = {"config": json.dumps(config)}
        return content

    def wait_until_finished(self):
        """Wait until every checkpoint is written."""
        for future in self._saving:
            future.result()
        self._saving.clear()

    def is_multihost_enabled(self):
        """Always False: several hosts that save together need JAX."""
        return False

    def is_primary_host(self):
        """Always True: there is one host."""
        return True


def _orbax() -> Any:
    try:
        return importlib.import_module("orbax.checkpoint").v1
    except ImportError as error:
        raise ImportError(
            "OrbaxCheckpoint requires the 'orbax-checkpoint' package. Install it via "
            "`pip install orbax-checkpoint`."
        ) from error


def _plain_scalar(value: Any) -> Any:
    """Orbax takes no arrays without axes."""
    is_scalar = isinstance(value, (np.ndarray, np.generic)) and value.ndim == 0
    return value.item() if is_scalar else value


class SwapEMAWeights(Callback):
    """Swaps the optimizer's averaged weights into the model for evaluation and prediction.

    The optimizer needs `use_ema=True`.

    Args:
        swap_on_epoch: whether they stay from the end of an epoch to the start of the next, so that
            callbacks after this one, such as `ModelCheckpoint`, save them.
    """

    def __init__(self, swap_on_epoch=False):
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def on_epoch_begin(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap_out()

    def on_epoch_end(self, epoch, logs=None):
        if self.swap_on_epoch:
            self._swap_in()
            if epoch == self.params["epochs"] - 1 or self.model.stop_training:
                self._keep_averages()

    def on_test_begin(self, logs=None):
        self._swap_in()

    def on_test_end(self, logs=None):
        self._swap_out()

    def on_predict_begin(self, logs=None):
        self._swap_in()

    def on_predict_end(self, logs=None):
        self._swap_out()

    def _swap_in(self):
        if not self._swapped:
            self._swap()
            self._swapped = True

    def _swap_out(self):
        if self._swapped:
            self._swap()
            self._swapped = False

    @torch.no_grad()
    def _swap(self):
        for variable, average in self._pairs():
            before = variable.detach().clone()
            variable.copy_(average)
            average.copy_(before)

    @torch.no_grad()
    def _keep_averages(self):
        """At its end `fit` gives the model the averages, so they must be in their place."""
        for variable, average in self._pairs():
            average.copy_(variable)

    def _pairs(self):
        optimizer = getattr(self.model.optimizer, "inner_optimizer", self.model.optimizer)
        several = getattr(optimizer, "optimizers", [optimizer])
        averaging = [one for one in several if getattr(one, "use_ema", False)]
        if not averaging:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer, or on at "
                "least one inner optimizer. " + received(use_ema=False)
            )
        for one in averaging:
            for variable, average in zip(one._trainable_variables, one._averages):
                if average is not None:
                    yield variable, average
