"""`tf.train`: checkpoints of models, optimizers and variables, and `tf.train.Example`."""

import datetime
import os
import re
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from torchkeras._variable import Variable as _Variable
from torchkeras.tf._examples import (
    BytesList,
    Example,
    Feature,
    FeatureList,
    FeatureLists,
    Features,
    FloatList,
    Int64List,
    SequenceExample,
)
from torchkeras.tf._function import Module, attributes_of
from torchkeras.tf._missing import missing_from
from torchkeras.tf._variable import Variable
from torchkeras.tf.errors import NotFoundError

__all__ = [
    "BytesList",
    "Checkpoint",
    "CheckpointManager",
    "CheckpointOptions",
    "Example",
    "ExponentialMovingAverage",
    "Feature",
    "FeatureList",
    "FeatureLists",
    "Features",
    "FloatList",
    "Int64List",
    "SequenceExample",
    "latest_checkpoint",
    "list_variables",
    "load_checkpoint",
    "load_variable",
]

_ENDING = ".index"  # of the file, so that scripts that look for it find it
_STATE = "checkpoint"  # names the newest


class CheckpointOptions:
    """Options of TensorFlow's own writer."""

    def __init__(self, **options: Any):
        self.__dict__.update(options)


class Checkpoint:
    """Saves the variables of what it is given by name: models, layers, optimizers, modules,
    variables and other checkpoints.

    A file is `{prefix}-{number}.index`, written by torch and read without running code from it.
    """

    def __init__(self, root: Any = None, **kwargs: Any):
        self._tracked = dict(kwargs) if root is None else {"root": root, **kwargs}
        self.save_counter = Variable(0, trainable=False, dtype="int64")
        self.__dict__.update(kwargs)

    def save(self, file_prefix: str, options: Any = None) -> str:
        """Writes `{file_prefix}-{number}` and returns this path; the number goes up each time."""
        self.save_counter.assign_add(1)
        path = self.write(f"{os.fspath(file_prefix)}-{int(self.save_counter)}")
        _note(path)
        return path

    def write(self, file_prefix: str, options: Any = None) -> str:
        """Writes to this path, without a number."""
        path = os.fspath(file_prefix)
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        state = {key: variable.detach().cpu().clone() for key, variable in self._variables()}
        torch.save(state, path + _ENDING)
        return path

    def _variables(self) -> Iterator[tuple[str, _Variable]]:
        yield "save_counter", self.save_counter
        for key in self._tracked:
            yield from _named(key, self.__dict__.get(key, self._tracked[key]))

    def restore(self, save_path: str | None, options: Any = None) -> "Status":
        """Gives the variables the values that were saved, those that are made later as well; does
        nothing where the path is None.

        Raises:
            NotFoundError: there is no such checkpoint.
        """
        if save_path is None:
            return Status({}, self)
        status = Status(_read(os.fspath(save_path)), self)
        status.assign()
        return status

    read = restore


class Status:
    """What became of a `restore`; calls it again for variables that were made in between."""

    def __init__(self, state: dict, checkpoint: Checkpoint):
        self._state = state
        self._checkpoint = checkpoint

    def assign(self) -> tuple[set, set]:
        """Assigns what is there; returns the names of values and of variables without the other."""
        variables = dict(self._checkpoint._variables())
        for key in variables.keys() & self._state.keys():
            variables[key].assign(self._state[key])
        return self._state.keys() - variables.keys(), variables.keys() - self._state.keys()

    def assert_consumed(self) -> "Status":
        """Raises `AssertionError` unless all values and variables were matched."""
        left, missing = self.assign()
        if left or missing:
            raise AssertionError(
                f"Unresolved object in checkpoint: values left over {sorted(left)}, variables "
                f"without a value {sorted(missing)}"
            )
        return self

    def assert_existing_objects_matched(self) -> "Status":
        """Raises `AssertionError` unless all variables got a value."""
        _, missing = self.assign()
        if missing:
            raise AssertionError(f"No values for the variables {sorted(missing)}")
        return self

    def assert_nontrivial_match(self) -> "Status":
        """Raises `AssertionError` unless some variable besides the counter got a value."""
        variables = {key for key, _ in self._checkpoint._variables()} - {"save_counter"}
        if not variables & self._state.keys():
            raise AssertionError("Nothing except the root object matched a checkpointed value.")
        return self

    def expect_partial(self) -> "Status":
        """Says that values may be left over."""
        self.assign()
        return self

    def initialize_or_restore(self, session: Any = None) -> None:
        """The values are assigned already."""


def _named(prefix: str, owner: Any) -> Iterator[tuple[str, _Variable]]:
    """(path, variable) of an object, paths that are the same in every run."""
    if isinstance(owner, _Variable):
        yield prefix, owner
    elif isinstance(owner, Checkpoint):
        for key, variable in owner._variables():
            yield f"{prefix}/{key}", variable
    elif isinstance(owner, Module):
        for key, part in attributes_of(owner):
            yield from _named(f"{prefix}/{key}", part)
    elif isinstance(owner, dict | list | tuple) and not isinstance(owner, nn.Module):
        for key, part in owner.items() if isinstance(owner, dict) else enumerate(owner):
            yield from _named(f"{prefix}/{key}", part)
    elif hasattr(owner, "variables"):
        yield from ((f"{prefix}/{index}", v) for index, v in enumerate(owner.variables))


def _read(path: str) -> dict:
    file = path if path.endswith(_ENDING) else path + _ENDING
    if not os.path.exists(file):
        raise NotFoundError(
            f"Unsuccessful TensorSliceReader constructor: Failed to find any "
            f"matching files for {path}"
        )
    return torch.load(file, weights_only=True, map_location="cpu")


def _note(path: str, kept: list[str] | None = None) -> None:
    """Writes which checkpoint of a folder is the newest."""
    folder, name = os.path.split(path)
    names = [os.path.basename(one) for one in kept or [path]]
    lines = [f'model_checkpoint_path: "{name}"']
    lines += [f'all_model_checkpoint_paths: "{one}"' for one in names]
    with open(os.path.join(folder, _STATE), "w") as file:
        file.write("\n".join(lines) + "\n")


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The path of the newest checkpoint in a folder, None where there is none.

    Weights that `ModelCheckpoint` wrote into the folder count as well.
    """
    folder = os.fspath(checkpoint_dir)
    state = os.path.join(folder, latest_filename or _STATE)
    if os.path.exists(state):
        with open(state) as file:
            found = re.search(r'model_checkpoint_path: "(.*)"', file.read())
        if found:
            return os.path.join(folder, found[1])
    if not os.path.isdir(folder):
        return None
    endings = (".weights.h5", ".keras", ".h5", ".ckpt")
    files = [entry.path for entry in os.scandir(folder) if entry.name.endswith(endings)]
    return max(files, key=os.path.getmtime, default=None)


class CheckpointManager:
    """Keeps the newest `max_to_keep` checkpoints in a folder."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        directory: str,
        max_to_keep: int | None,
        keep_checkpoint_every_n_hours: float | None = None,
        checkpoint_name: str = "ckpt",
        step_counter: Any = None,
        checkpoint_interval: int | None = None,
        init_fn: Any = None,
    ):
        self.checkpoint = checkpoint
        self.directory = os.fspath(directory)
        self._max_to_keep = max_to_keep
        self._every_hours = keep_checkpoint_every_n_hours
        self._prefix = os.path.join(self.directory, checkpoint_name)
        self._init_fn = init_fn
        self._step_counter = step_counter
        self._interval = checkpoint_interval
        self._last_step: int | None = None
        self._last_kept = datetime.datetime.now()
        self._kept = self._found()

    def _found(self) -> list[str]:
        state = os.path.join(self.directory, _STATE)
        if not os.path.exists(state):
            return []
        with open(state) as file:
            names = re.findall(r'all_model_checkpoint_paths: "(.*)"', file.read())
        paths = [os.path.join(self.directory, name) for name in names]
        return [path for path in paths if os.path.exists(path + _ENDING)]

    @property
    def checkpoints(self) -> list[str]:
        """The paths of what is kept, the newest last."""
        return list(self._kept)

    @property
    def latest_checkpoint(self) -> str | None:
        """The path of the newest, None where there is none."""
        return self._kept[-1] if self._kept else None

    def save(self, checkpoint_number=None, check_interval=True, options=None) -> str | None:
        """Writes a checkpoint and drops what is too old; its path, or None if it is too soon."""
        if check_interval and not self._is_due():
            return None
        if checkpoint_number is None:
            path = self.checkpoint.save(self._prefix)
        else:
            path = self.checkpoint.write(f"{self._prefix}-{int(checkpoint_number)}")
        self._kept = [one for one in self._kept if one != path] + [path]
        self._sweep()
        _note(path, self._kept)
        return path

    def _is_due(self) -> bool:
        if self._step_counter is None or self._interval is None:
            return True
        step = int(self._step_counter)
        if self._last_step is not None and step < self._last_step + self._interval:
            return False
        self._last_step = step
        return True

    def _sweep(self) -> None:
        while self._max_to_keep and len(self._kept) > self._max_to_keep:
            oldest = self._kept.pop(0)
            age = datetime.datetime.now() - self._last_kept
            if self._every_hours and age >= datetime.timedelta(hours=self._every_hours):
                self._last_kept = datetime.datetime.now()
            elif os.path.exists(oldest + _ENDING):
                os.remove(oldest + _ENDING)

    def restore_or_initialize(self) -> str | None:
        """Restores the newest and returns its path; else calls `init_fn` and returns None."""
        if self.latest_checkpoint is not None:
            self.checkpoint.restore(self.latest_checkpoint)
            return self.latest_checkpoint
        if self._init_fn is not None:
            self._init_fn()
        return None


class Reader:
    """What is in a checkpoint."""

    def __init__(self, state: dict):
        self._state = state

    def get_variable_to_shape_map(self) -> dict:
        """Shapes by name."""
        return {key: list(value.shape) for key, value in self._state.items()}

    def has_tensor(self, key: str) -> bool:
        """Whether there is a value of this name."""
        return key in self._state

    def get_tensor(self, key: str) -> Any:
        """A value as an array."""
        return self._state[key].numpy()


def load_checkpoint(ckpt_dir_or_file: str) -> Reader:
    """What is in a checkpoint, or in the newest of a folder."""
    path = os.fspath(ckpt_dir_or_file)
    return Reader(_read(latest_checkpoint(path) if os.path.isdir(path) else path))


def list_variables(ckpt_dir_or_file: str) -> list[tuple]:
    """(name, shape) of what is in a checkpoint."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


def load_variable(ckpt_dir_or_file: str, name: str) -> Any:
    """A value of a checkpoint as an array."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name)


class ExponentialMovingAverage:
    """Averages of variables in which older values count less and less."""

    def __init__(self, decay: float, num_updates=None, zero_debias=False, name="EMA"):
        self._decay = decay
        self._num_updates = num_updates
        self._averages: dict[int, Variable] = {}

    def apply(self, var_list: list) -> None:
        """Moves the averages towards the variables."""
        decay = self._decay
        if self._num_updates is not None:
            count = float(self._num_updates)
            decay = min(decay, (1 + count) / (10 + count))
        for variable in var_list:
            average = self._averages.get(id(variable))
            if average is None:
                self._averages[id(variable)] = Variable(variable.detach().clone(), trainable=False)
            else:
                average.assign_sub((1 - decay) * (average.detach() - variable.detach()))

    def average(self, var: Any) -> Variable | None:
        """The average of a variable, None before the first `apply`."""
        return self._averages.get(id(var))


__getattr__ = missing_from("tf.train")
