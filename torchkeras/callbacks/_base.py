"""What every callback is, the list that calls them, and the callbacks that every `fit` has."""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from torchkeras import tree
from torchkeras.callbacks._progbar import Progbar, print_message

__all__ = ["Callback", "CallbackList", "History", "LambdaCallback", "ProgbarLogger"]

EVENTS = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_predict_begin",
    "on_predict_end",
    "on_predict_batch_begin",
    "on_predict_batch_end",
    "on_batch_begin",
    "on_batch_end",
)
"""Every hook of a callback; the last two are older names of the hooks of a training batch."""

_EVENT_SET = frozenset(EVENTS)
_BATCH_EVENTS = {
    f"{phase}_{moment}": f"on_{phase}_batch_{moment}"
    for phase in ("train", "test", "predict")
    for moment in ("begin", "end")
}
_OLDER_NAMES = {"on_train_batch_begin": "on_batch_begin", "on_train_batch_end": "on_batch_end"}

# Between two readings of the logs; a reading makes the device wait.
_SECONDS_BETWEEN_READINGS = 0.2


class Callback:
    """Base of objects whose hooks `fit`, `evaluate` and `predict` call as they go.

    `logs` maps the names of losses and metrics to floats; what a hook adds to it at the end of an
    epoch is seen by the callbacks after it and by `History`. A hook that is not overridden costs
    nothing.

    Attributes:
        params: dict with the keys `verbose`, `epochs` and `steps`.
        model: the model that is trained, evaluated or asked.
    """

    params = None
    _model = None

    def set_params(self, params):
        """Take the parameters of the run."""
        self.params = params

    def set_model(self, model):
        """Take the model of the run."""
        self._model = model

    @property
    def model(self):
        """The model; within `DistributedDataParallel`, the model that it wraps."""
        if isinstance(self._model, torch.nn.parallel.DistributedDataParallel):
            return self._model.module
        return self._model

    @model.setter
    def model(self, model):
        self._model = model

    def on_train_begin(self, logs=None):
        """Called at the start of `fit`."""

    def on_train_end(self, logs=None):
        """Called at the end of `fit`, with the logs of its last epoch."""

    def on_epoch_begin(self, epoch, logs=None):
        """Called before each epoch of `fit`; `epoch` counts from 0."""

    def on_epoch_end(self, epoch, logs=None):
        """Called after each epoch of `fit` and its validation, whose logs begin with `val_`."""

    def on_train_batch_begin(self, batch, logs=None):
        """Called before each training batch; `batch` counts from 0 in every epoch."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch, logs=None):
        """Called after each training batch, with the averages of the epoch so far."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs=None):
        """Called at the start of `evaluate`, and of the validation inside `fit`."""

    def on_test_end(self, logs=None):
        """Called at the end of `evaluate`, and of the validation inside `fit`."""

    def on_test_batch_begin(self, batch, logs=None):
        """Called before each batch of `evaluate`, and of the validation inside `fit`."""

    def on_test_batch_end(self, batch, logs=None):
        """Called after each batch of `evaluate`, and of the validation inside `fit`."""

    def on_predict_begin(self, logs=None):
        """Called at the start of `predict`."""

    def on_predict_end(self, logs=None):
        """Called at the end of `predict`."""

    def on_predict_batch_begin(self, batch, logs=None):
        """Called before each batch of `predict`."""

    def on_predict_batch_end(self, batch, logs=None):
        """Called after each batch of `predict`; `logs["outputs"]` is what the model returned."""

    def on_batch_begin(self, batch, logs=None):
        """Older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch, logs=None):
        """Older name of `on_train_batch_end`."""


for _event in EVENTS:
    getattr(Callback, _event)._is_default = True


def _listens(owner: Any) -> dict[str, str]:
    """The events that a callback, or a class of them, listens to; with the names of its hooks."""
    own = {
        event
        for event in EVENTS
        if not getattr(getattr(owner, event, Callback.on_batch_end), "_is_default", False)
    }
    named = ((event, event if event in own else _OLDER_NAMES.get(event)) for event in EVENTS)
    return {event: name for event, name in named if name in own}


def plain_logs(logs: dict | None) -> dict[str, Any]:
    """A new dict in the order of names, nested dicts flattened, numbers as Python floats."""
    result = {}
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, dict):
            result.update(plain_logs(value))
        else:
            result[name] = _as_float(value)
    return result


def _as_float(value: Any) -> Any:
    if isinstance(value, (torch.Tensor, np.ndarray)):
        if math.prod(value.shape) != 1:
            return value
        value = value.item()
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


# Names that the same value has had in the logs.
SAME_VALUES = (
    ("acc", "accuracy"),
    ("lr", "learning_rate"),
    ("mse", "mean_squared_error"),
    ("mae", "mean_absolute_error"),
    ("mape", "mean_absolute_percentage_error"),
    ("msle", "mean_squared_logarithmic_error"),
    ("cosine_proximity", "cosine_similarity"),
    ("kullback_leibler_divergence", "kl_divergence"),
)


def other_name(name: str) -> str | None:
    """`val_acc` for `val_accuracy` and the reverse: what scripts of another time call a metric."""
    for pair in SAME_VALUES:
        for one, other in (pair, pair[::-1]):
            if name == one or str(name).endswith(f"_{one}"):
                return name.removesuffix(one) + other
    return None


class LogDict(dict):
    """A dict of logs that also answers to the names its values had in Keras 1 and 2."""

    __slots__ = ()

    def __missing__(self, name):
        other = other_name(name)
        if other is not None and dict.__contains__(self, other):
            return dict.__getitem__(self, other)
        raise KeyError(name)

    def __contains__(self, name):
        return dict.__contains__(self, name) or dict.__contains__(self, other_name(name))

    def get(self, name, default=None):
        """The value under a name, or its other name, else the default."""
        if dict.__contains__(self, name):
            return dict.__getitem__(self, name)
        return dict.get(self, other_name(name), default)


class History(Callback):
    """Keeps the logs of every epoch; `fit` adds one and returns it.

    Attributes:
        history: dict of lists, one value per epoch.
        epoch: list of the numbers of the epochs.
    """

    def __init__(self):
        super().__init__()
        self.history = LogDict()
        self.epoch = []

    def on_train_begin(self, logs=None):
        self.epoch = []

    def on_epoch_end(self, epoch, logs=None):
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            dict.setdefault(self.history, name, []).append(value)
        self.model.history = self


class ProgbarLogger(Callback):
    """Prints the progress of `fit`, `evaluate` and `predict`; they add one unless `verbose=0`."""

    def __init__(self):
        super().__init__()
        self.seen = 0
        self.progbar = None
        self.target = None
        self.verbose = 1
        self.epochs = 1
        self._in_fit = False
        self._next_reading = 0.0

    def set_params(self, params):
        super().set_params(params)
        self.verbose = 1 if params["verbose"] == "auto" else params["verbose"]
        self.epochs = params["epochs"]
        self.target = params["steps"]

    def on_train_begin(self, logs=None):
        self._in_fit = True

    def on_train_end(self, logs=None):
        self._in_fit = False

    def on_epoch_begin(self, epoch, logs=None):
        self._start()
        if self.verbose and self.epochs > 1:
            print_message(f"Epoch {epoch + 1}/{self.epochs}")

    def on_train_batch_end(self, batch, logs=None):
        self.seen = batch + 1
        if time.perf_counter() >= self._next_reading:
            self._show(logs)

    def on_epoch_end(self, epoch, logs=None):
        self._finish(logs)

    def on_test_begin(self, logs=None):
        if not self._in_fit:  # inside `fit`, validation is silent
            self._start()

    def on_test_batch_end(self, batch, logs=None):
        if not self._in_fit:
            self.on_train_batch_end(batch, logs)

    def on_test_end(self, logs=None):
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs=None):
        self._start()

    def on_predict_batch_end(self, batch, logs=None):
        self.on_train_batch_end(batch)

    def on_predict_end(self, logs=None):
        self._finish(logs)

    def _start(self):
        self.seen = 0
        self.progbar = None
        self._open()

    def _open(self):
        """Make a bar if there is none, as when a user's own loop never began an epoch."""
        if self.progbar is None:
            self.progbar = Progbar(
                self.target,
                verbose=self.verbose,
                interval=0,  # this class keeps the time
                stateless_metrics=(),
            )
            self._next_reading = 0.0 if self.verbose == 1 else float("inf")

    def _show(self, logs):
        self._open()
        if self.progbar.redraws:
            self.progbar.update(self.seen, (logs or {}).items(), finalize=False)
            self._next_reading = time.perf_counter() + _SECONDS_BETWEEN_READINGS
        else:  # nothing to draw: only the end of the first step is of interest
            self.progbar.update(self.seen, finalize=False)
            self._next_reading = float("inf")

    def _finish(self, logs):
        self._open()
        if self.target is None:
            self.target = self.progbar.target = self.seen
        self.progbar.update(self.target, (logs or {}).items(), finalize=True)


class LambdaCallback(Callback):
    """A callback made of functions, each given under the name of its hook.

    Functions for an epoch or a batch take its number and `logs`, the others `logs` alone.
    """

    def __init__(
        self,
        on_epoch_begin=None,
        on_epoch_end=None,
        on_train_begin=None,
        on_train_end=None,
        on_train_batch_begin=None,
        on_train_batch_end=None,
        **kwargs,
    ):
        super().__init__()
        hooks = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **kwargs,
        }
        self.__dict__.update((name, hook) for name, hook in hooks.items() if hook is not None)


class CallbackList(Callback):
    """Calls many callbacks as one, and only those that listen to an event.

    `batch_hooks["train_begin"]`, `["train_end"]`, `["test_begin"]`, ... are the hooks that a batch
    has; where one is empty a loop need not report the batch. They are found anew at the start of
    `fit`, of each epoch, of `evaluate` and of `predict`.

    Args:
        callbacks: a callback, or a nest of lists and tuples of callbacks.
        add_history: whether to add a `History` if there is none.
        add_progbar: whether to add a `ProgbarLogger` if there is none.
        params: what `set_params` hands to every callback.
    """

    def __init__(self, callbacks=None, add_history=False, add_progbar=False, model=None, **params):
        super().__init__()
        self.callbacks = tree.flatten(callbacks) if callbacks else []
        self._history = self._first(History)
        if self._history is None and add_history:
            self._history = History()
            self.callbacks.append(self._history)
        if add_progbar and self._first(ProgbarLogger) is None:
            self.callbacks.append(ProgbarLogger())
        self._hooks: dict[str, tuple[Callable, ...]] = {}
        self._listening_classes: dict[type, dict[str, str]] = {}
        self.batch_hooks: dict[str, tuple[Callable, ...]] = {}
        self._find_hooks()
        self.set_model(model)
        self.set_params(params)

    def __iter__(self) -> Iterator[Callback]:
        return iter(self.callbacks)

    def append(self, callback: Callback) -> None:
        """Add a callback at the end."""
        self.callbacks.append(callback)
        self._find_hooks()

    def set_params(self, params):
        self.params = params
        if params:
            for callback in self.callbacks:
                callback.set_params(params)

    def set_model(self, model):
        if model is None:
            return
        super().set_model(model)
        if self._history is not None:
            model.history = self._history
        for callback in self.callbacks:
            callback.set_model(model)

    def _first(self, kind: type) -> Callback | None:
        return next((one for one in self.callbacks if isinstance(one, kind)), None)

    def _find_hooks(self) -> None:
        found = {event: [] for event in EVENTS}
        for callback in self.callbacks:
            for event, name in self._listens(callback).items():
                found[event].append(getattr(callback, name))
        for event, hooks in found.items():
            self._hooks[event] = tuple(hooks)
        for key, event in _BATCH_EVENTS.items():
            self.batch_hooks[key] = self._hooks[event]

    def _listens(self, callback: Any) -> dict[str, str]:
        kind = type(callback)
        if kind in self._listening_classes and _EVENT_SET.isdisjoint(vars(callback)):
            return self._listening_classes[kind]
        if isinstance(callback, type) or not hasattr(callback, "set_model"):
            raise TypeError(
                "Expected an instance of `keras.callbacks.Callback`. "
                f"Received: callback={callback!r}"
            )
        if isinstance(callback, Callback):
            self._listening_classes[kind] = _listens(kind)
        return _listens(callback)

    def _call(self, event: str, logs: dict | None) -> None:
        hooks = self._hooks[event]
        if hooks:
            logs = plain_logs(logs)
            for hook in hooks:
                hook(logs)

    def _call_epoch(self, event: str, epoch: int, logs: dict | None) -> None:
        hooks = self._hooks[event]
        if hooks:
            logs = LogDict(plain_logs(logs))
            for hook in hooks:
                hook(epoch, logs)

    @staticmethod
    def _call_batch(hooks: tuple[Callable, ...], batch: int, logs: dict | None) -> None:
        if logs is None:
            logs = {}
        elif type(logs) is dict:  # a subclass fetches its floats when it is read
            logs = plain_logs(logs)
        for hook in hooks:
            hook(batch, logs=logs)

    def on_train_begin(self, logs=None):
        self._find_hooks()
        self._call("on_train_begin", logs)
        self._find_hooks()

    def on_train_end(self, logs=None):
        self._call("on_train_end", logs)

    def on_epoch_begin(self, epoch, logs=None):
        self._find_hooks()
        self._call_epoch("on_epoch_begin", epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._call_epoch("on_epoch_end", epoch, logs)

    def on_train_batch_begin(self, batch, logs=None):
        if hooks := self.batch_hooks["train_begin"]:
            self._call_batch(hooks, batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        if hooks := self.batch_hooks["train_end"]:
            self._call_batch(hooks, batch, logs)

    def on_test_begin(self, logs=None):
        self._find_hooks()
        self._call("on_test_begin", logs)

    def on_test_end(self, logs=None):
        self._call("on_test_end", logs)

    def on_test_batch_begin(self, batch, logs=None):
        if hooks := self.batch_hooks["test_begin"]:
            self._call_batch(hooks, batch, logs)

    def on_test_batch_end(self, batch, logs=None):
        if hooks := self.batch_hooks["test_end"]:
            self._call_batch(hooks, batch, logs)

    def on_predict_begin(self, logs=None):
        self._find_hooks()
        self._call("on_predict_begin", logs)

    def on_predict_end(self, logs=None):
        self._call("on_predict_end", logs)

    def on_predict_batch_begin(self, batch, logs=None):
        if hooks := self.batch_hooks["predict_begin"]:
            self._call_batch(hooks, batch, logs)

    def on_predict_batch_end(self, batch, logs=None):
        if hooks := self.batch_hooks["predict_end"]:
            self._call_batch(hooks, batch, logs)

    def on_batch_begin(self, batch, logs=None):
        self._call_batch(self._hooks["on_batch_begin"], batch, logs)

    def on_batch_end(self, batch, logs=None):
        self._call_batch(self._hooks["on_batch_end"], batch, logs)
