"""Callbacks against real Keras's, over the same logs; what survives a kill; what costs nothing."""

import csv
import http.server
import inspect
import io
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import time
import types
import warnings

import keras
import numpy as np
import pytest
import torch
from keras.src.trainers.compile_utils import MetricsList

import torchkeras
from compat_tests.calls import python_calls
from compat_tests.cases.callbacks import CASES, LOGS
from torchkeras import callbacks
from torchkeras.callbacks import _progbar
from torchkeras.callbacks._base import EVENTS
from torchkeras.callbacks._progbar import Progbar

NAMES = [name for name, found in vars(callbacks).items() if inspect.isclass(found)]
BATCHES = 3


# A model with just the methods that callbacks know, and the loop that calls them.


class Optimizer:
    built = True
    use_ema = True

    def __init__(self):
        self.learning_rate = 0.1
        self.iterations = 0
        self._trainable_variables = [torch.zeros(2)]
        self._averages = [torch.ones(2)]


class Metric:
    def __init__(self, name, direction):
        self.name = name
        self._direction = direction


class Model:
    """Its weights are the numbers of epoch and batch; what it saves is their text."""

    built = True
    stop_training = False
    name = "model"
    trainable_variables = ()
    layers = ()

    def __init__(self, metrics=()):
        self.metrics = metrics
        self.optimizer = Optimizer()
        self.weights = [np.zeros(2)]
        self.saved = []

    def get_weights(self):
        return [weight.copy() for weight in self.weights]

    def set_weights(self, weights):
        self.weights = [np.asarray(weight).copy() for weight in weights]

    def save(self, filepath, overwrite=True):
        self._write("save", filepath)

    def save_weights(self, filepath, overwrite=True):
        self._write("save_weights", filepath)

    def _write(self, method, filepath):
        name = os.path.basename(filepath)
        self.saved.append((method, re.sub(r"latest-\d", "latest", name), str(self.weights)))
        pathlib.Path(filepath).write_text(json.dumps([w.tolist() for w in self.weights]))

    def load_weights(self, filepath):
        self.set_weights(json.loads(pathlib.Path(filepath).read_text()))

    def get_state_tree(self, value_format=None):
        names = "trainable_variables", "non_trainable_variables", "optimizer_variables"
        return {name: {"w": np.arange(3.0), "n": np.array(1.0)} for name in names}


def their_model():
    metrics = [keras.metrics.Accuracy(name="accuracy"), keras.metrics.MeanSquaredError(name="mse")]
    return Model([MetricsList(metrics, name="compile_metrics")])


def our_model():
    metrics = types.SimpleNamespace(metrics=[Metric("accuracy", "up"), Metric("mse", "down")])
    return Model([Metric("loss", None), metrics])


def run(container, callback, model, epoch_logs, **params):
    """What `fit` does with callbacks, by hand."""
    params = {"verbose": 0, "epochs": len(epoch_logs), "steps": BATCHES, **params}
    listed = container([callback], add_history=True, model=model, **params)
    rates = []
    listed.on_train_begin()
    for epoch in range(getattr(model, "_initial_epoch", 0), len(epoch_logs)):
        logs = epoch_logs[epoch]
        listed.on_epoch_begin(epoch)
        rates.append(model.optimizer.learning_rate)
        for batch in range(BATCHES):
            listed.on_train_batch_begin(batch)
            model.weights = [np.array([epoch, batch], float)]
            batch_logs = {k: v for k, v in logs.items() if not k.startswith("val_")}
            listed.on_train_batch_end(batch, batch_logs)
            model.optimizer.iterations += 1
            if model.stop_training:
                break
        listed.on_test_begin()
        listed.on_test_batch_begin(0)
        listed.on_test_batch_end(0, {"loss": 1.0})
        listed.on_test_end({"loss": 1.0})
        listed.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    listed.on_train_end(logs)
    return {
        "weights": str(model.weights),
        "stopped": model.stop_training,
        "rates": rates,
        "history": str(model.history.history),
        "epochs": model.history.epoch,
        "saved": model.saved,
        "params": model.history.params,
    }


def public_state(callback):
    """A callback's attributes, where they are values."""
    kinds = (bool, int, float, str, list, type(None))
    state = {k: v for k, v in vars(callback).items() if k[0] != "_" and k != "params"}
    return {k: str(v) for k, v in state.items() if isinstance(v, kinds)}


def files_in(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.tiny
@pytest.mark.parametrize("case", [case for case in CASES if case.oracle], ids=str)
def test_same_as_keras(case, tmp_path, capsys):
    found = {}
    for side, package, model in (
        ("theirs", keras.callbacks, their_model()),
        ("ours", callbacks, our_model()),
    ):
        folder = tmp_path / side
        folder.mkdir()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            callback = getattr(package, case.name)(**case.kwargs(folder))
            result = run(package.CallbackList, callback, model, LOGS[case.logs])
        text = capsys.readouterr().out.replace(str(folder), "FOLDER")
        messages = [str(warning.message) for warning in caught]
        state = {k: v.replace(str(folder), "FOLDER") for k, v in public_state(callback).items()}
        found[side] = result, text, messages, files_in(folder), state
    theirs, ours = found["theirs"], found["ours"]
    assert ours[:4] == theirs[:4]
    assert {k: ours[4].get(k) for k in theirs[4]} == theirs[4]


@pytest.mark.tiny
def test_every_callback_has_a_row():
    assert {case.name for case in CASES} == set(NAMES) - {"CallbackList"}


@pytest.mark.tiny
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_event_is_honoured(case, tmp_path):
    """Every hook has the base's signature and takes its arguments by position and by name."""
    if case.needs:
        pytest.importorskip(case.needs)
    callback = getattr(callbacks, case.name)(**case.kwargs(tmp_path))
    for event in EVENTS:
        base = inspect.signature(getattr(callbacks.Callback, event))
        assert inspect.signature(getattr(type(callback), event)) == base
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run(callbacks.CallbackList, callback, our_model(), LOGS[case.logs])


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "name, arguments",
    [
        ("EarlyStopping", {"patience": 3, "min_delta": 0.1, "restore_best_weights": True}),
        ("EarlyStopping", {"patience": 2, "baseline": 0.5, "mode": "max"}),
        ("ReduceLROnPlateau", {"patience": 2, "min_delta": 0.1, "factor": 0.5, "cooldown": 1}),
    ],
)
def test_random_logs(name, arguments, seed):
    values = np.random.default_rng(seed).random(30).round(1)
    logs = [{"loss": 1.0, "val_loss": float(value)} for value in values]
    ours, theirs = (
        run(package.CallbackList, getattr(package, name)(**arguments), model, logs)
        for package, model in ((callbacks, our_model()), (keras.callbacks, their_model()))
    )
    assert ours == theirs


# The list.


def spy(base, record):
    """A callback that notes every call with its logs."""

    def hook(name):
        def on_event(self, *args, logs=None):
            record.append((name, *args, dict(logs or {})))

        def on_event_of_epoch(self, epoch, logs=None):
            record.append((name, epoch, dict(logs or {})))
            if name == "on_epoch_end":
                logs["added"] = 7.0

        def on_event_of_run(self, logs=None):
            record.append((name, dict(logs or {})))

        if "batch" in name:
            return on_event
        return on_event_of_epoch if "epoch" in name else on_event_of_run

    return type("Spy", (base,), {name: hook(name) for name in EVENTS})()


@pytest.mark.tiny
def test_calls_and_logs_as_keras():
    logs = [
        {"loss": torch.tensor(1.0), "b": np.float32(2), "a": np.array([3.0]), "n": {"z": 1, "y": 2}}
    ]
    ours, theirs = [], []
    for package, record in ((callbacks, ours), (keras.callbacks, theirs)):
        listed = package.CallbackList(
            [spy(package.Callback, record), spy(package.Callback, record)],
            add_history=True,
            model=Model(),
            epochs=1,
        )
        for event in EVENTS:
            if "batch" in event:
                getattr(listed, event)(0, logs[0])
            elif "epoch" in event:
                getattr(listed, event)(0, logs[0])
            else:
                getattr(listed, event)(logs[0])
        record.append(list(listed.callbacks[-1].history.items()))
        record.append([type(callback).__name__ for callback in listed.callbacks])
    assert ours == theirs
    kinds = {type(value) for entry in ours[:-2] for value in entry[-1].values()}
    assert kinds == {float}


class Untouchable(dict):
    """Logs that must not be read."""

    def _fail(self, *args, **kwargs):
        raise AssertionError("the logs were read")

    __getitem__ = __iter__ = __len__ = __contains__ = get = items = keys = values = _fail


@pytest.mark.tiny
def test_hooks_nobody_overrides_are_not_called():
    class Epochs(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            pass

    listed = callbacks.CallbackList([Epochs(), callbacks.LambdaCallback()], add_history=True)
    assert set(listed.batch_hooks) == {
        f"{phase}_{moment}" for phase in ("train", "test", "predict") for moment in ("begin", "end")
    }
    assert not any(listed.batch_hooks.values())
    for event in EVENTS:
        if "_batch_" in event:
            getattr(listed, event)(0, Untouchable())

    seen = []
    listed.append(callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(1)))
    listed.append(callbacks.LambdaCallback(on_batch_end=lambda batch, logs: seen.append(2)))
    listed.on_train_batch_end(0, Untouchable())
    assert seen == [1, 2]
    assert len(listed.batch_hooks["train_end"]) == 2
    assert len(list(listed)) == 5


@pytest.mark.tiny
def test_older_hooks_of_user_classes():
    seen = []

    class Older(callbacks.Callback):
        def __init__(self):  # scripts of Keras 2 did not call the base's
            self.mine = 1

        def set_model(self, model):
            self.model = model

        def on_batch_begin(self, batch, logs=None):
            seen.append(("begin", batch))

        def on_batch_end(self, batch, logs={}):  # noqa: B006 (so scripts write it)
            seen.append(("end", batch, logs["loss"], self.params["steps"], self.model.name))

    class Newer(Older):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append("newer")
            super().on_train_batch_begin(batch, logs)

    listed = callbacks.CallbackList([Older(), Newer()], model=Model(), steps=4, epochs=1, verbose=0)
    listed.on_train_batch_begin(3)
    listed.on_train_batch_end(3, {"loss": 2.0})
    end = ("end", 3, 2.0, 4, "model")
    assert seen == [("begin", 3), "newer", ("begin", 3), end, end]


@pytest.mark.tiny
def test_hooks_set_during_training_are_found():
    class Late(callbacks.Callback):
        calls = 0

        def on_train_begin(self, logs=None):
            self.on_train_batch_end = self.count

        def count(self, batch, logs=None):
            self.calls += 1

    late = Late()
    listed = callbacks.CallbackList(late)
    listed.on_train_begin()
    listed.on_train_batch_end(0)
    assert late.calls == 1


@pytest.mark.tiny
@pytest.mark.parametrize("wrong", [callbacks.EarlyStopping, print, "History"])
def test_what_is_no_callback(wrong):
    with pytest.raises(TypeError, match="instance of `keras.callbacks.Callback`. Received: callb"):
        callbacks.CallbackList([wrong])


@pytest.mark.tiny
def test_callbacks_of_real_keras_are_called():
    record = []
    listed = callbacks.CallbackList([spy(keras.callbacks.Callback, record)], model=Model())
    listed.on_train_begin()
    listed.on_train_batch_end(0, {"loss": 1.0})
    assert [entry[0] for entry in record] == ["on_train_begin", "on_train_batch_end"]


@pytest.mark.tiny
def test_callbacks_may_be_nested():
    one, two, three = callbacks.Callback(), callbacks.Callback(), callbacks.Callback()
    assert callbacks.CallbackList([[one], (two, [three])]).callbacks == [one, two, three]
    assert callbacks.CallbackList(one).callbacks == [one]


@pytest.mark.tiny
def test_history_and_progbar_are_added_once():
    model = Model()
    history, bar = callbacks.History(), callbacks.ProgbarLogger()
    listed = callbacks.CallbackList([bar, history], add_history=True, add_progbar=True, model=model)
    assert listed.callbacks == [bar, history]
    assert model.history is history
    listed = callbacks.CallbackList(None, add_history=True, add_progbar=True)
    assert [type(one).__name__ for one in listed] == ["History", "ProgbarLogger"]


@pytest.mark.tiny
def test_model_within_ddp():
    model = torch.nn.Linear(1, 1)
    wrapper = object.__new__(torch.nn.parallel.DistributedDataParallel)
    torch.nn.Module.__init__(wrapper)
    wrapper.module = model
    callback = callbacks.Callback()
    callback.set_model(wrapper)
    assert callback.model is model


# The progress bar.


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


class Terminal(io.StringIO):
    """Standard output with a screen: knows colours, carriage return and backspace."""

    def __init__(self, is_terminal=True):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal

    def lines(self):
        lines, column = [[]], 0
        for char in re.sub(r"\x1b\[\d+m", "", self.getvalue()):
            if char == "\n":
                lines.append([])
                column = 0
            elif char == "\r":
                column = 0
            elif char == "\b":
                column = max(column - 1, 0)
            else:
                lines[-1][column : column + 1] = char
                column += 1
        return ["".join(line).rstrip() for line in lines]


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(time, "time", clock)
    monkeypatch.setattr(time, "perf_counter", clock)
    monkeypatch.setenv("COLUMNS", "300")
    return clock


BAR_VALUES = [
    [("loss", 0.5), ("acc", 0.25)],
    [("loss", -0.25), ("acc", 0.0005), ("late", np.float32(3))],
    [("loss", 1234.5678), ("acc", np.array([0.25, 0.75]))],
    [],
    [("loss", 0), ("acc", 1)],
]


@pytest.mark.parametrize("target", [5, 1000, None, 0, 12])
@pytest.mark.parametrize("verbose", [0, 1, 2])
@pytest.mark.parametrize("step", [0.0001, 0.03, 2.0, 500.0])
@pytest.mark.parametrize(
    "metrics", [{}, {"stateful_metrics": ["acc"]}, {"stateless_metrics": ["loss"]}]
)
def test_progbar_shows_what_keras_shows(target, verbose, step, metrics, clock, monkeypatch):
    screens = {}
    for make in (keras.utils.Progbar, Progbar):
        terminal = screens[make] = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        clock.now = 1000.0
        bar = make(target, verbose=verbose, unit_name="sample", **metrics)
        shown = []
        for i, values in enumerate(BAR_VALUES):
            clock.now += step
            bar.update(i + 1, values)
            shown.append(terminal.lines())
        clock.now += step
        bar.add(1, [("loss", 2.0)])
        bar.update(9, [("loss", 1.5)], finalize=True)
        screens[make] = [*shown, terminal.lines()]
    assert screens[Progbar] == screens[keras.utils.Progbar]


@pytest.mark.parametrize("verbose", [1, 2, "auto"])
@pytest.mark.parametrize("steps, epochs", [(7, 3), (None, 2), (12, 1)])
@pytest.mark.parametrize("phase", ["fit", "evaluate", "predict"])
def test_progbar_logger_shows_what_keras_shows(verbose, steps, epochs, phase, clock, monkeypatch):
    screens = []
    for package in (keras.callbacks, callbacks):
        terminal = Terminal()
        monkeypatch.setattr(sys, "stdout", terminal)
        clock.now = 1000.0
        listed = package.CallbackList(
            None, add_progbar=True, model=Model(), verbose=verbose, epochs=epochs, steps=steps
        )
        if package is keras.callbacks:  # it leaves the bar to a thread
            listed._async_train = listed._async_test = listed._async_predict = False
        screens.append(shown := [])

        def batches(kind, logs, listed=listed, terminal=terminal, shown=shown):
            for batch in range(steps or 4):
                clock.now += 0.3
                getattr(listed, f"on_{kind}_batch_end")(batch, logs)
                shown.append(terminal.lines())

        logs = {"loss": 1.5, "accuracy": 0.25}
        if phase == "fit":
            listed.on_train_begin()
            for epoch in range(epochs):
                listed.on_epoch_begin(epoch)
                batches("train", logs)
                listed.on_test_begin()
                batches("test", {"loss": 9.0})
                listed.on_test_end({"loss": 9.0})
                listed.on_epoch_end(epoch, {**logs, "val_loss": 0.75})
            listed.on_train_end()
        elif phase == "evaluate":
            listed.on_test_begin()
            batches("test", logs)
            listed.on_test_end(logs)
        else:
            listed.on_predict_begin()
            batches("predict", {"outputs": np.zeros((2, 2))})
            listed.on_predict_end()
        shown.append(terminal.lines())
    theirs, ours = screens
    assert ours == theirs
    assert any("━" in line or " - " in line for line in ours[-1])


@pytest.mark.tiny
def test_one_clean_line_per_epoch_without_a_terminal(monkeypatch):
    output = Terminal(is_terminal=False)
    monkeypatch.setattr(sys, "stdout", output)
    listed = callbacks.CallbackList(None, add_progbar=True, verbose=1, epochs=2, steps=50)
    listed.on_train_begin()
    for epoch in range(2):
        listed.on_epoch_begin(epoch)
        for batch in range(50):
            listed.on_train_batch_end(batch, Untouchable())
        listed.on_epoch_end(epoch, {"loss": 0.5, "note": "text"})
    text = re.sub(r"\d+(s|ms|us)\b", "T", output.getvalue())
    line = "50/50 " + "━" * 20 + " T T/step - loss: 0.5000 - note: text\n"
    assert text == f"Epoch 1/2\n{line}Epoch 2/2\n{line}"


@pytest.mark.tiny
@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_output_that_cannot_write_the_bar(encoding, monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding=encoding))
    Progbar(2).update(2, [("loss", 1.0)])
    _progbar.print_message("naïve ∂")
    text = buffer.getvalue().decode(encoding)
    assert ("━" * 20 if encoding == "utf-8" else "=" * 20) in text
    assert {"ascii": "na?ve ?", "cp1252": "naïve ?", "utf-8": "naïve ∂"}[encoding] in text


@pytest.mark.tiny
def test_output_that_is_not_there(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    Progbar(2).update(2, [("loss", 1.0)])


@pytest.mark.tiny
def test_silenced_output(capsys, caplog):
    from torchkeras import config

    config.disable_interactive_logging()
    try:
        with caplog.at_level("INFO", logger="torchkeras"):
            Progbar(2).update(2, [("loss", 1.0)])
    finally:
        config.enable_interactive_logging()
    assert capsys.readouterr().out == ""
    assert "loss: 1.0000" in caplog.text


@pytest.mark.tiny
def test_a_narrow_terminal_gets_one_row(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    bar = Progbar(10, interval=0, stateful_metrics=["a_metric_with_a_long_name"])
    for step in range(1, 10):
        bar.update(step, [("a_metric_with_a_long_name", 1.0)])
        assert len(terminal.lines()[-1]) <= 39
    bar.update(10)
    assert terminal.lines()[-2].endswith("a_metric_with_a_long_name: 1.0000")


@pytest.mark.tiny
def test_tensors_in_the_bar_keep_no_graph(capsys):
    bar = Progbar(3)
    weight = torch.ones(1, requires_grad=True)
    for step in range(3):
        bar.update(step + 1, [("loss", weight * 2)])
    assert "loss: 2.0000" in capsys.readouterr().out
    assert not any(torch.is_tensor(t) and t.requires_grad for t, _ in bar._totals.values())


@pytest.mark.tiny
def test_wrong_arguments_of_the_bar():
    with pytest.raises(ValueError, match="Only one of `stateful_metrics` or `stateless_metrics`"):
        Progbar(1, stateful_metrics=["a"], stateless_metrics=["b"])


def test_progress_costs_one_call_per_batch(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Terminal())
    listed = callbacks.CallbackList(
        None, add_history=True, add_progbar=True, verbose=1, epochs=1, steps=10**6
    )
    listed.on_train_begin()
    listed.on_epoch_begin(0)
    listed.on_train_batch_end(0, {"loss": 1.0})
    (hook,) = listed.batch_hooks["train_end"]
    logs = Untouchable()
    listed.callbacks[-1]._next_reading = math.inf
    assert python_calls(hook, 1, logs) == 1


# Monitoring.


@pytest.mark.tiny
@pytest.mark.parametrize("kind", ["EarlyStopping", "ReduceLROnPlateau", "ModelCheckpoint"])
def test_direction_that_nobody_knows(kind, tmp_path):
    arguments = {"monitor": "val_f1"}
    if kind == "ModelCheckpoint":
        arguments |= {"filepath": str(tmp_path / "m.keras"), "save_best_only": True}
    logs = [{"loss": 1.0, "val_f1": float(i)} for i in range(3)]
    for package, model in ((keras.callbacks, their_model()), (callbacks, our_model())):
        with pytest.raises(ValueError, match="isn't able to automatically determine"):
            run(package.CallbackList, getattr(package, kind)(**arguments), model, logs)


@pytest.mark.tiny
@pytest.mark.parametrize("kind", ["EarlyStopping", "ReduceLROnPlateau"])
def test_unknown_mode(kind):
    for package in (keras.callbacks, callbacks):
        with pytest.warns(UserWarning, match=f"{kind} mode 'best' is unknown, fallback to auto"):
            assert getattr(package, kind)(mode="best").mode == "auto"


@pytest.mark.tiny
@pytest.mark.parametrize(
    "monitor, logged, direction",
    [
        ("val_acc", "val_accuracy", np.greater),
        ("val_accuracy", "val_acc", np.greater),
        ("acc", "accuracy", np.greater),
        ("val_left_acc", "val_left_accuracy", np.greater),
        ("val_left_loss", "val_left_loss", np.less),
        ("val_right_mse", "val_right_mse", np.less),
    ],
)
def test_names_of_another_time(monitor, logged, direction, tmp_path):
    logs = [{"loss": 1.0, logged: value} for value in (0.25, 0.5, 0.25)]
    stop = callbacks.EarlyStopping(monitor, patience=5)
    run(callbacks.CallbackList, stop, our_model(), logs)
    assert stop.monitor_op is direction
    assert stop.best == (0.5 if direction is np.greater else 0.25)
    path = str(tmp_path / ("{epoch}-{" + monitor + ":.2f}.h5"))
    save = callbacks.ModelCheckpoint(path, monitor, save_best_only=True)
    run(callbacks.CallbackList, save, our_model(), logs)
    expected = ["1-0.25.h5", "2-0.50.h5"] if direction is np.greater else ["1-0.25.h5"]
    assert sorted(files_in(tmp_path)) == expected


@pytest.mark.tiny
def test_reducing_accepts_the_older_epsilon():
    assert callbacks.ReduceLROnPlateau(epsilon=0.5).min_delta == 0.5
    with pytest.raises(ValueError, match="does not support a factor >= 1.0.*Received: factor=1.5"):
        callbacks.ReduceLROnPlateau(factor=1.5)


class MultiOptimizer:
    built = True

    def __init__(self):
        self.optimizers = [Optimizer(), Optimizer()]
        for name, one in zip(("left", "right"), self.optimizers):
            one.name = name


@pytest.mark.tiny
@pytest.mark.parametrize(
    "name, arguments",
    [
        ("LearningRateScheduler", {"schedule": lambda epoch, lr: lr / 2, "verbose": 1}),
        ("ReduceLROnPlateau", {"patience": 1, "verbose": 1}),
    ],
)
def test_several_optimizers(name, arguments, capsys):
    found = []
    for package, model in ((keras.callbacks, their_model()), (callbacks, our_model())):
        model.optimizer = MultiOptimizer()
        model.optimizer.learning_rate = None
        model.optimizer.iterations = 0
        result = run(
            package.CallbackList, getattr(package, name)(**arguments), model, LOGS["worse"]
        )
        found.append((result, capsys.readouterr().out))
    assert found[0] == found[1]


@pytest.mark.tiny
def test_schedule_that_gives_no_float():
    for package in (keras.callbacks, callbacks):
        callback = package.LearningRateScheduler(lambda epoch: "0.1")
        callback.set_model(Model())
        with pytest.raises(ValueError, match="output of the `schedule` function should be a float"):
            callback.on_epoch_begin(0)
        callback.set_model(types.SimpleNamespace(optimizer=object()))
        with pytest.raises(ValueError, match='Optimizer must have a "learning_rate" attribute'):
            callback.on_epoch_begin(0)


@pytest.mark.tiny
def test_error_inside_a_schedule_is_its_own():
    def schedule(epoch, rate):
        return rate + "x"

    callback = callbacks.LearningRateScheduler(schedule)
    callback.set_model(Model())
    with pytest.raises(TypeError, match="unsupported operand"):
        callback.on_epoch_begin(0)


@pytest.mark.tiny
def test_terminate_on_nan_may_raise():
    for package in (keras.callbacks, callbacks):
        listed = package.CallbackList(package.TerminateOnNaN(raise_error=True), model=Model())
        with pytest.raises(RuntimeError, match="NaN or Inf loss encountered at batch 4"):
            listed.on_train_begin()
            listed.on_train_batch_end(4, {"loss": math.inf})
            listed.on_train_end()


# Saving.


@pytest.mark.tiny
@pytest.mark.parametrize(
    "pattern, expected",
    [
        ("best.hdf5", "best.hdf5"),
        ("weights.{epoch:02d}-{val_loss:.2f}.hdf5", "weights.02-0.50.hdf5"),
        ("{epoch:02d}-{val_acc:.1f}", "02-0.5"),
        ("cp.ckpt", "cp.ckpt"),
        ("model", "model"),
        (".hidden.keras", ".hidden.keras"),
    ],
)
@pytest.mark.parametrize("weights_only", [False, True])
def test_any_file_name(pattern, expected, weights_only, tmp_path):
    model = our_model()
    callback = callbacks.ModelCheckpoint(tmp_path / pattern, save_weights_only=weights_only)
    logs = [{"loss": 1.0, "val_loss": 0.5, "val_accuracy": 0.5}] * 2
    run(callbacks.CallbackList, callback, model, logs)
    assert expected in files_in(tmp_path)
    assert all(
        name == expected.replace("02", "01") or name == expected for name in files_in(tmp_path)
    )
    assert model.saved[-1][:2] == ("save_weights" if weights_only else "save", expected)


@pytest.mark.tiny
def test_file_name_with_an_unknown_field(tmp_path):
    for package in (keras.callbacks, callbacks):
        callback = package.ModelCheckpoint(str(tmp_path / "{epoch}-{val_f1}.keras"))
        with pytest.raises(KeyError, match="Failed to format this callback filepath"):
            run(package.CallbackList, callback, our_model(), LOGS["train"])


@pytest.mark.tiny
def test_file_name_of_a_folder(tmp_path):
    (tmp_path / "m.keras").mkdir()
    callback = callbacks.ModelCheckpoint(tmp_path / "m.keras")
    with pytest.raises(OSError, match="Please specify a non-directory filepath"):
        run(callbacks.CallbackList, callback, our_model(), LOGS["train"])


@pytest.mark.tiny
def test_best_of_batches_before_the_first_epoch_ends(tmp_path):
    callback = callbacks.ModelCheckpoint(
        tmp_path / "m.keras", monitor="loss", save_best_only=True, save_freq=1
    )
    model = our_model()
    run(callbacks.CallbackList, callback, model, LOGS["train"])
    assert len(model.saved) == len(LOGS["train"])


@pytest.mark.tiny
def test_period_and_restart_of_older_scripts(tmp_path):
    path = tmp_path / "{epoch}.weights.h5"
    model = our_model()
    callback = callbacks.ModelCheckpoint(path, period=2, save_weights_only=True)
    run(callbacks.CallbackList, callback, model, LOGS["train"])
    assert sorted(files_in(tmp_path)) == ["2.weights.h5", "4.weights.h5", "6.weights.h5"]
    again = our_model()
    callback = callbacks.ModelCheckpoint(path, load_weights_on_restart=True)
    callback.set_model(again)
    callback.on_train_begin()
    np.testing.assert_array_equal(again.weights, model.weights)


@pytest.mark.tiny
def test_a_model_that_writes_several_files(tmp_path):
    class Sharded(Model):
        def save_weights(self, filepath, overwrite=True):
            for suffix in (".index", ".data"):
                pathlib.Path(filepath + suffix).write_text(str(self.weights))
            (pathlib.Path(filepath).parent / "assets").mkdir()

    callback = callbacks.ModelCheckpoint(tmp_path / "cp", save_weights_only=True)
    run(callbacks.CallbackList, callback, Sharded(), LOGS["train"])
    assert sorted(os.listdir(tmp_path)) == ["assets", "cp.data", "cp.index"]


@pytest.mark.tiny
def test_a_failing_save_keeps_the_old_file(tmp_path):
    class Failing(Model):
        def save(self, filepath, overwrite=True):
            pathlib.Path(filepath).write_text("part")
            if self.weights[0][0] == 1:
                raise RuntimeError("disk full")

    callback = callbacks.ModelCheckpoint(tmp_path / "m.keras", save_freq=3)
    with pytest.raises(RuntimeError, match="disk full"):
        run(callbacks.CallbackList, callback, Failing(), LOGS["train"])
    assert os.listdir(tmp_path) == ["m.keras"]


@pytest.mark.tiny
@pytest.mark.parametrize("wrong", ["batch", 1.5, None])
def test_wrong_save_freq(wrong, tmp_path):
    for kind in ("ModelCheckpoint", "BackupAndRestore"):
        for package in (keras.callbacks, callbacks):
            with pytest.raises(ValueError, match="save_freq"):
                getattr(package, kind)(str(tmp_path / "m.keras"), save_freq=wrong)
    with pytest.raises(ValueError, match="Empty `backup_dir` argument passed"):
        callbacks.BackupAndRestore("")


# A training that draws random numbers, to be interrupted.


class RandomWalk(Model):
    """Each step adds a random number; batches come in a random order drawn per epoch."""

    _initial_epoch = 0
    _initial_batch = 0

    def fit(self, listed, epochs, steps, stop_at=None):
        listed.on_train_begin()
        for epoch in range(self._initial_epoch, epochs):
            listed.on_epoch_begin(epoch)
            order = np.random.permutation(steps)
            for batch in range(self._initial_batch, steps):
                if (epoch, batch) == stop_at:
                    return
                listed.on_train_batch_begin(batch)
                noise = np.random.rand() + random.random() + torch.rand(()).item()
                noise += keras_uniform()
                self.weights = [self.weights[0] * 0.5 + noise * order[batch]]
                listed.on_train_batch_end(batch, {"loss": 1.0})
            self._initial_batch = 0
            listed.on_epoch_end(epoch, {"loss": 1.0})
        listed.on_train_end()


def keras_uniform():
    from torchkeras import random as keras_random

    return keras_random.uniform(()).item()


def seed_all():
    from torchkeras import random as keras_random

    keras_random.set_global_seed(3)


@pytest.mark.parametrize("save_freq", ["epoch", 1, 2, 3, 7])
@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("stop_at", [(0, 3), (2, 0), (2, 1), (3, 4)])
def test_resumed_training_ends_like_an_uninterrupted_one(
    save_freq, double, known, stop_at, tmp_path
):
    def fit(folder, **kwargs):
        model = RandomWalk()
        backup = callbacks.BackupAndRestore(folder, save_freq, double_checkpoint=double)
        listed = callbacks.CallbackList([backup], model=model, steps=5 if known else None)
        model.fit(listed, 5, 5, **kwargs)
        return model.weights[0]

    seed_all()
    expected = fit(tmp_path / "whole")
    seed_all()
    fit(tmp_path / "parts", stop_at=stop_at)
    resumed = (tmp_path / "parts" / "training_metadata.json").exists()
    if resumed:  # a new process would start elsewhere
        random.seed(9)
        np.random.seed(9)
        torch.manual_seed(9)
    else:
        seed_all()
    np.testing.assert_array_equal(fit(tmp_path / "parts"), expected)
    assert not (tmp_path / "parts").exists()
    assert resumed or stop_at == (0, 3)


@pytest.mark.tiny
def test_second_backup_is_used_when_the_last_is_broken(tmp_path):
    model = RandomWalk()
    backup = callbacks.BackupAndRestore(tmp_path, double_checkpoint=True, delete_checkpoint=False)
    model.fit(callbacks.CallbackList([backup], model=model), 4, 2)
    last = json.loads((tmp_path / "training_metadata.json").read_text())
    (tmp_path / last["weights"]).write_text("{broken")
    again = RandomWalk()
    callback = callbacks.BackupAndRestore(tmp_path)
    callback.set_model(again)
    callback.on_train_begin()
    assert again._initial_epoch == 3
    assert len([name for name in os.listdir(tmp_path) if name.endswith(".h5")]) == 2


@pytest.mark.tiny
def test_backup_of_real_keras_is_read(tmp_path):
    model = our_model()
    theirs = keras.callbacks.BackupAndRestore(str(tmp_path), delete_checkpoint=False)
    run(keras.callbacks.CallbackList, theirs, model, LOGS["train"])
    again = our_model()
    ours = callbacks.BackupAndRestore(tmp_path)
    ours.set_model(again)
    ours.on_train_begin()
    np.testing.assert_array_equal(again.weights, model.weights)
    assert again._initial_epoch == len(LOGS["train"])


@pytest.mark.tiny
def test_backup_needs_a_built_model(tmp_path):
    for package in (keras.callbacks, callbacks):
        model = Model()
        model.built = False
        callback = package.BackupAndRestore(str(tmp_path))
        callback.set_model(model)
        with pytest.raises(ValueError, match="model must be built before you call `fit"):
            callback.on_train_begin()


KILLED = """
import json, os, pathlib, random, signal, sys, time
from torchkeras import callbacks

folder, rounds = pathlib.Path(sys.argv[1]), int(sys.argv[2])

class Model:
    built, optimizer, trainable_variables, name = True, None, (), "model"
    stop_training, metrics, number = False, (), 0
    def save(self, path, overwrite=True):
        with open(path, "w") as file:
            for _ in range(200):
                file.write(f"{self.number:09d}\\n" * 100)
                file.flush()
    save_weights = save
    def load_weights(self, path):
        text = pathlib.Path(path).read_text()
        lines = text.split()
        assert len(lines) == 20000 and len(set(lines)) == 1, "not whole"
        self.number = int(lines[0])

def child():
    model = Model()
    listed = callbacks.CallbackList([
        callbacks.ModelCheckpoint(folder / "m.keras"),
        callbacks.BackupAndRestore(folder / "backup"),
    ], model=model)
    listed.on_train_begin()
    for epoch in range(getattr(model, "_initial_epoch", 0), 10**9):
        model.number = epoch + 1
        listed.on_epoch_begin(epoch)
        listed.on_epoch_end(epoch, {})

reached, patience = [], 1.0
while len(reached) < rounds or reached[-1] == 0:
    pid = os.fork()
    if not pid:
        try:
            child()
        finally:
            os._exit(1)  # reached by an error only
    time.sleep(patience * random.uniform(0.02, 0.1))
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), "the child failed by itself"
    saved, backed_up = Model(), Model()
    if (folder / "m.keras").exists():
        saved.load_weights(folder / "m.keras")
    backup = callbacks.BackupAndRestore(folder / "backup")
    backup.set_model(backed_up)
    backup.on_train_begin()
    epoch = getattr(backed_up, "_initial_epoch", 0)
    assert backed_up.number == epoch, "weights of another epoch"
    assert saved.number - epoch in (0, 1), (saved.number, epoch)
    # On a slow machine a child gets more time, so that every run comes somewhere.
    patience *= 1.0 if reached and epoch > reached[-1] else 1.2
    reached.append(epoch)
assert reached == sorted(reached), reached
print(reached)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_writing(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED)
    (tmp_path / "files").mkdir()
    done = subprocess.run(
        [sys.executable, script, tmp_path / "files", "20"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr


KILLED_FIT = """
import os, pathlib, random, signal, sys, time
import numpy as np
import torch
import torchkeras as keras

folder, kills = pathlib.Path(sys.argv[1]), int(sys.argv[2])
torch.set_num_threads(1)
X = np.random.default_rng(0).normal(size=(96, 5)).astype("float32")
Y = X[:, :1] ** 2

def made():
    keras.utils.set_random_seed(4)
    model = keras.Sequential([
        keras.Input((5,)),
        keras.layers.Dense(8, activation="tanh"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(1),
    ])
    model.compile(keras.optimizers.Adam(0.02), "mse")
    return model

class Slow(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        time.sleep(0.002)

def train(folder, save_freq):
    model = made()
    model.fit(X, Y, batch_size=8, epochs=8, verbose=0, callbacks=[
        keras.callbacks.ModelCheckpoint(folder / "m.keras", save_freq=5),
        keras.callbacks.BackupAndRestore(folder / "backup", save_freq, delete_checkpoint=False),
        Slow(),
    ])
    np.savez(folder / "end.npz", *model.get_weights())

def started(*args):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        train(*args)
        status = 0
    finally:
        os._exit(status)

def whole(path):
    with np.load(path) as file:
        return [file[name] for name in file]

for save_freq in ("epoch", 3):
    quiet, loud = folder / f"quiet-{save_freq}", folder / f"loud-{save_freq}"
    quiet.mkdir()
    loud.mkdir()
    assert os.waitpid(started(quiet, save_freq), 0)[1] == 0
    patience, killed, before = 1.0, 0, -1
    while killed < kills:
        pid = started(loud, save_freq)
        time.sleep(patience * random.uniform(0.01, 0.09))
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSIGNALED(status):
            assert status == 0, "the child failed by itself"
            break
        killed += 1
        if (loud / "m.keras").exists():
            keras.saving.load_model(loud / "m.keras")
        model = made()
        backup = keras.callbacks.BackupAndRestore(loud / "backup", save_freq)
        backup.set_model(model)
        backup.on_train_begin()
        at = (getattr(model, "_initial_epoch", 0), getattr(model, "_initial_batch", 0))
        at = 12 * at[0] + at[1]
        assert at >= before
        patience *= 1.0 if at > before else 1.2
        before = at
    print(killed, before)
    assert os.waitpid(started(loud, save_freq), 0)[1] == 0
    for one, other in zip(whole(loud / "end.npz"), whole(quiet / "end.npz"), strict=True):
        np.testing.assert_array_equal(one, other)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_fit_ends_like_an_uninterrupted_one(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(KILLED_FIT)
    done = subprocess.run(
        [sys.executable, script, tmp_path, "10"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr


# Writing logs.


@pytest.mark.tiny
def test_csv_logger_over_two_fits(tmp_path):
    for side, package in (("ours", callbacks), ("theirs", keras.callbacks)):
        for append in (True, True, False):
            logger = package.CSVLogger(str(tmp_path / f"{side}.csv"), append=append)
            for _ in range(2):
                listed = package.CallbackList(logger, model=Model())
                listed.on_train_begin()
                listed.on_epoch_end(0, {"loss": 1.0, "b": np.array([1, 2]), "note": "a,b"})
                listed.on_epoch_end(1, {"loss": 2.0})
                listed.on_train_end()
    ours, theirs = ((tmp_path / f"{side}.csv").read_text() for side in ("ours", "theirs"))
    assert ours == theirs
    rows = list(csv.DictReader(ours.splitlines()))
    assert rows[1]["b"] == "NA"


@pytest.fixture
def server():
    """A web server that keeps what is posted."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, dict(self.headers), body))
            self.send_response(404 if self.path == "/missing" else 200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()
        thread.join()


def test_remote_monitor(server):
    root, received = server
    logs = {"loss": np.float32(0.5), "a": np.array(2)}
    callbacks.RemoteMonitor(root).on_epoch_end(3, logs)
    callbacks.RemoteMonitor(
        root, path="/missing", headers={"X-Mine": "1"}, send_as_json=True
    ).on_epoch_end(3, logs)
    (path, headers, body), (path2, headers2, body2) = received
    assert path == "/publish/epoch/end/"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body.startswith("data=%7B%22epoch%22")
    assert (path2, headers2["X-Mine"]) == ("/missing", "1")
    assert headers2["Content-Type"] == "application/json"
    assert json.loads(body2) == {"epoch": 3, "loss": 0.5, "a": 2}


@pytest.mark.tiny
def test_remote_monitor_without_a_server():
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127"):
        callbacks.RemoteMonitor("http://127.0.0.1:1").on_epoch_end(0, {"loss": 1.0})


@pytest.mark.tiny
def test_base_logger_averages_batches():
    logger = callbacks.BaseLogger(stateful_metrics=["seen"])
    listed = callbacks.CallbackList(logger, metrics=["loss", "seen", "absent"])
    listed.on_epoch_begin(0)
    for batch, (size, loss) in enumerate([(2, 1.0), (1, 4.0)]):
        listed.on_train_batch_end(batch, {"size": size, "loss": loss, "seen": batch})
    logs = {}
    logger.on_epoch_end(0, logs)
    assert logs == {"loss": 2.0, "seen": 1}


# TensorBoard.


class Layer:
    def __init__(self, name, **weights):
        self.name = name
        self.weights = []
        for key, weight in weights.items():
            weight.path = f"{name}/{key}"
            self.weights.append(weight)
            setattr(self, key, weight)


class Sequential(Model):
    def __init__(self):
        super().__init__()
        self.layers = [
            Layer("embedding", embeddings=torch.randn(5, 3)),
            Layer("dense", kernel=torch.randn(4, 3), bias=torch.zeros(3)),
            Layer("conv", kernel=torch.rand(3, 3, 1, 4), scalar=torch.tensor(1.0)),
            Layer("conv1d", kernel=torch.rand(3, 2, 4)),
            Layer("odd", empty=torch.zeros(0), nan=torch.tensor([math.nan, 1.0])),
        ]

    def to_json(self):
        return json.dumps({"class_name": "Sequential", "config": {"name": "s", "layers": []}})


def events(folder):
    """Everything in a folder of event files, by TensorBoard's own reader."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing import event_accumulator

    reader = event_accumulator.EventAccumulator(
        str(folder), size_guidance={"tensors": 0, "histograms": 0}
    )
    reader.Reload()
    return reader


def scalars(folder):
    reader = events(folder)
    return {
        tag: [(event.step, round(event.value, 4)) for event in reader.Scalars(tag)]
        for tag in reader.Tags()["scalars"]
    }


def run_tensorboard(folder, logs="train", **arguments):
    pytest.importorskip("tensorboard")
    callback = callbacks.TensorBoard(folder, **arguments)
    model = Sequential()
    run(callbacks.CallbackList, callback, model, LOGS[logs])
    return callback, model


@pytest.mark.tiny
def test_tensorboard_scalars(tmp_path):
    run_tensorboard(tmp_path, "ties")
    logs = LOGS["ties"]
    assert scalars(tmp_path / "train") == {
        "epoch_loss": [(i, round(one["loss"], 4)) for i, one in enumerate(logs)],
        "epoch_accuracy": [(i, round(one["accuracy"], 4)) for i, one in enumerate(logs)],
        "epoch_learning_rate": [(i, 0.1) for i in range(len(logs))],
    }
    assert scalars(tmp_path / "validation") == {
        "evaluation_loss_vs_iterations": [(3 * i + 3, 1.0) for i in range(len(logs))],
        "epoch_loss": [(i, round(one["val_loss"], 4)) for i, one in enumerate(logs)],
        "epoch_accuracy": [(i, round(one["val_accuracy"], 4)) for i, one in enumerate(logs)],
    }


@pytest.mark.tiny
@pytest.mark.parametrize("update_freq, steps", [("batch", range(1, 19)), (4, range(4, 19, 4))])
def test_tensorboard_batches(update_freq, steps, tmp_path):
    run_tensorboard(tmp_path, update_freq=update_freq, write_steps_per_second=True)
    found = scalars(tmp_path / "train")
    assert [step for step, _ in found["batch_loss"]] == list(steps)
    assert [step for step, _ in found["batch_steps_per_second"]] == list(steps)
    assert [step for step, _ in found["epoch_steps_per_second"]] == list(range(6))


@pytest.mark.tiny
def test_tensorboard_histograms_images_and_graph(tmp_path):
    _, model = run_tensorboard(tmp_path, histogram_freq=2, write_images=True)
    reader = events(tmp_path / "train")
    weights = [weight for layer in model.layers for weight in layer.weights]
    with_values = {f"{weight.path}/histogram" for weight in weights if weight.numel()}
    assert set(reader.Tags()["histograms"]) == with_values
    kernel = reader.Histograms("dense/kernel/histogram")
    assert [event.step for event in kernel] == [0, 2, 4]
    assert kernel[0].histogram_value.num == 12
    images = {tag.removesuffix("/image") for tag in reader.Tags()["images"]}
    assert images == {
        "embedding/embeddings",
        "dense/kernel",
        "dense/bias",
        "conv/kernel",
        "odd/nan",
        "conv1d/kernel",
    }
    (graph,) = reader.Tensors("keras")
    assert json.loads(graph.tensor_proto.string_val[0])["class_name"] == "Sequential"
    assert reader.SummaryMetadata("keras").plugin_data.plugin_name == "graph_keras_model"


@pytest.mark.tiny
def test_tensorboard_embeddings(tmp_path):
    (tmp_path / "labels.tsv").write_text("a\nb\nc\nd\ne\n")
    run_tensorboard(tmp_path, embeddings_freq=3, embeddings_metadata={"embedding": "labels.tsv"})
    config = (tmp_path / "train" / "projector_config.pbtxt").read_text()
    assert config.count("tensor_name") == 2 and "metadata.tsv" in config
    tables = list((tmp_path / "train").rglob("tensors.tsv"))
    assert len(tables) == 2
    assert np.loadtxt(tables[0], delimiter="\t").shape == (5, 3)
    with pytest.raises(ValueError, match="Unrecognized `Embedding` layer names passed to"):
        run_tensorboard(tmp_path, embeddings_freq=1, embeddings_metadata={"dense": "labels.tsv"})


@pytest.mark.parametrize("batches", [2, (2, 4), "2,4", "3"])
def test_tensorboard_profile(batches, tmp_path):
    run_tensorboard(tmp_path, profile_batch=batches)
    (trace,) = (tmp_path / "train" / "plugins" / "profile").rglob("*.pt.trace.json")
    assert "traceEvents" in json.loads(trace.read_text())


@pytest.mark.tiny
@pytest.mark.parametrize("wrong", [-1, (3, 1), (1, 2, 3), "a", 1.5])
def test_tensorboard_wrong_profile(wrong):
    with pytest.raises(ValueError, match="profile_batch must be a non-negative integer or 2-tuple"):
        callbacks.TensorBoard(profile_batch=wrong)


@pytest.mark.tiny
def test_tensorboard_with_evaluate_and_predict_alone(tmp_path):
    pytest.importorskip("tensorboard")
    callback = callbacks.TensorBoard(tmp_path)
    listed = callbacks.CallbackList(callback, model=Model(), verbose=0, epochs=1, steps=1)
    listed.on_predict_begin()
    listed.on_predict_batch_end(0, {"outputs": np.zeros(3)})
    listed.on_predict_end()
    assert not files_in(tmp_path)
    listed.on_test_begin()
    listed.on_test_end({"loss": 2.0})
    assert scalars(tmp_path / "validation") == {"evaluation_loss_vs_iterations": [(0, 2.0)]}


@pytest.mark.tiny
def test_tensorboard_names_the_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ImportError, match="TensorBoard requires the `tensorboard` package"):
        run(callbacks.CallbackList, callbacks.TensorBoard(tmp_path), Model(), LOGS["train"])


# Averaged weights.


@pytest.mark.tiny
@pytest.mark.parametrize("wrap", ["plain", "loss scale", "several"])
def test_swap_ema_weights(wrap):
    model = Model()
    inner = model.optimizer
    weight, average = inner._trainable_variables[0], inner._averages[0]
    if wrap == "loss scale":
        model.optimizer = types.SimpleNamespace(inner_optimizer=inner)
    elif wrap == "several":
        model.optimizer = types.SimpleNamespace(
            optimizers=[inner, types.SimpleNamespace(use_ema=False)]
        )
    listed = callbacks.CallbackList(callbacks.SwapEMAWeights(), model=model, epochs=2)

    def state():
        return weight[0].item(), average[0].item()

    for phase in ("test", "predict"):
        getattr(listed, f"on_{phase}_begin")()
        assert state() == (1, 0)
        getattr(listed, f"on_{phase}_end")()
        assert state() == (0, 1)
    listed = callbacks.CallbackList(callbacks.SwapEMAWeights(True), model=model, epochs=3)
    for epoch in range(2):
        listed.on_epoch_begin(epoch)
        assert state() == (0, 1)
        listed.on_epoch_end(epoch)
        assert state() == (1, 0)
    listed.on_epoch_begin(2)
    model.stop_training = True
    listed.on_epoch_end(2)
    assert state() == (1, 1)


@pytest.mark.tiny
def test_swap_needs_averages():
    model = Model()
    model.optimizer.use_ema = False
    callback = callbacks.SwapEMAWeights()
    callback.set_model(model)
    with pytest.raises(
        ValueError, match="must be used when `use_ema=True` is set on the optimizer"
    ):
        callback.on_test_begin()


# Orbax.


@pytest.mark.tiny
def test_orbax_names_the_missing_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "orbax.checkpoint", None)
    with pytest.raises(ImportError, match="requires the 'orbax-checkpoint' package"):
        callbacks.OrbaxCheckpoint(tmp_path)


def test_orbax_checkpoints(tmp_path):
    ocp = pytest.importorskip("orbax.checkpoint").v1
    callback = callbacks.OrbaxCheckpoint(
        tmp_path, save_best_only=True, save_weights_only=True, max_to_keep=2
    )
    run(callbacks.CallbackList, callback, our_model(), LOGS["val"])
    assert sorted(os.listdir(tmp_path)) == ["10", "5"]
    tree = ocp.load_checkpointables(str(tmp_path / "10"))["pytree"]
    assert set(tree) == {"trainable_variables", "non_trainable_variables"}
    np.testing.assert_array_equal(tree["trainable_variables"]["w"], np.arange(3.0))
    assert not callback.is_multihost_enabled() and callback.is_primary_host()


# With a real model.

X = np.random.default_rng(0).random((96, 4), dtype=np.float32)
Y = X.sum(axis=1, keepdims=True)


def real_model(package, optimizer):
    model = package.Sequential(
        [package.Input((4,)), package.layers.Dense(8, activation="relu"), package.layers.Dense(1)]
    )
    model.compile(optimizer, "mse", metrics=["mae"])
    model.set_weights([np.full(weight.shape, 0.1, np.float32) for weight in model.weights])
    return model


@pytest.mark.tiny
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # real Keras's
def test_fit_calls_hooks_with_logs_as_keras():
    records = []
    for package in (keras, torchkeras):
        records.append(record := [])
        watcher = spy(package.callbacks.Callback, record)
        model = real_model(package, "adam")
        common = {"batch_size": 32, "verbose": 0, "callbacks": [watcher]}
        model.fit(X, Y, epochs=2, shuffle=False, validation_split=0.25, **common)
        model.evaluate(X, Y, **common)
        record.append(watcher.params)
        model.predict(X, **common)
        record.append({**watcher.params, "epochs": None})
    for theirs, ours in zip(*records, strict=True):
        assert ours[:-1] == theirs[:-1] if isinstance(ours, tuple) else ours == theirs
        if isinstance(ours, tuple) and "outputs" not in ours[-1]:
            assert list(ours[-1]) == list(theirs[-1])
            assert ours[-1] == pytest.approx(theirs[-1], rel=1e-4)


@pytest.mark.tiny
def test_best_weights_are_kept_while_training_goes_on():
    model = real_model(torchkeras, torchkeras.optimizers.SGD(0.01))

    def rate(epoch):
        return 0.01 if epoch < 3 else 50.0

    stop = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
    schedule = callbacks.LearningRateScheduler(rate)
    history = model.fit(X, Y, epochs=9, verbose=0, callbacks=[schedule, stop]).history
    assert stop.best_epoch == 2 and len(history["loss"]) == 4
    assert model.evaluate(X, Y, verbose=0)[0] < history["loss"][0]


@pytest.mark.tiny
def test_direction_from_the_metric():
    model = real_model(torchkeras, "adam")
    stop = callbacks.EarlyStopping("val_mae")
    model.fit(X, Y, validation_split=0.25, verbose=0, callbacks=[stop])
    assert stop.monitor_op is np.less


@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_interrupted_fit_ends_like_an_uninterrupted_one(save_freq, tmp_path):
    def fit(interrupt_at=None):
        seed_all()
        model = real_model(torchkeras, "adam")
        seen = []

        def interrupt(batch, logs):
            seen.append(batch)
            if len(seen) == interrupt_at:
                raise KeyboardInterrupt

        backup = callbacks.BackupAndRestore(tmp_path / "backup", save_freq)
        stopper = callbacks.LambdaCallback(on_train_batch_end=interrupt)
        try:
            model.fit(X, Y, batch_size=32, epochs=5, verbose=0, callbacks=[backup, stopper])
        except KeyboardInterrupt:
            return None
        return len(seen), model.get_weights()

    steps, expected = fit()
    assert steps == 15
    assert fit(interrupt_at=8) is None
    steps, found = fit()
    assert steps == (9 if save_freq == "epoch" else 7)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.tiny
@pytest.mark.parametrize("name", ["{epoch:02d}-{loss:.2f}.keras", "m.h5", "w.weights.h5"])
def test_checkpoints_of_a_real_model_load(name, tmp_path):
    weights_only = name.startswith("w.")
    model = real_model(torchkeras, "adam")
    save = callbacks.ModelCheckpoint(tmp_path / name, save_weights_only=weights_only)
    model.fit(X, Y, verbose=0, callbacks=[save])
    (path,) = tmp_path.iterdir()
    if weights_only:
        again = real_model(torchkeras, "adam")
        again.load_weights(path)
    else:
        again = torchkeras.saving.load_model(path)
    for one, other in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
