"""The training loop against real Keras: the same scripts run on both, from the same weights."""

import contextlib
import functools
import gc
import math
import os
import random
import resource
import traceback
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import torchkeras
from torchkeras._training import trainer
from torchkeras._training.capture import CapturedStep, can_capture
from torchkeras._training.compile import loss_function

RNG = np.random.default_rng(7)
X = RNG.normal(size=(70, 6)).astype("float32")
X2 = RNG.normal(size=(70, 3)).astype("float32")
LABELS = RNG.integers(0, 4, 70)
ONE_HOT = np.eye(4, dtype="float32")[LABELS]
TARGETS = RNG.normal(size=(70, 1)).astype("float32")
BINARY = RNG.integers(0, 2, (70, 1))
WEIGHTS = RNG.uniform(0.1, 2, 70).astype("float32")


def fill(model, seed=3):
    """The same weights in every model of the same shape."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [0.3 * rng.normal(size=w.shape).astype("float32") for w in model.get_weights()]
    )
    return model


def classifier(k, last="softmax", units=4):
    layers = [k.layers.Dense(8, activation="relu"), k.layers.Dense(units, activation=last)]
    return fill(k.Sequential([k.Input((6,)), *layers]))


def two_ends(k, as_dict=False):
    a, b = k.Input((6,), name="a"), k.Input((3,), name="b")
    h = k.layers.Dense(5, activation="tanh")(a)
    g = k.layers.Dense(5)(b)
    both = k.layers.Concatenate()([h, g])
    outputs = [
        k.layers.Dense(4, activation="softmax", name="kind")(both),
        k.layers.Dense(1, name="size")(g),
    ]
    return fill(k.Model([a, b], dict(zip(("kind", "size"), outputs)) if as_dict else outputs))


def fitted(model, *args, **kwargs):
    kwargs = {"verbose": 0, "shuffle": False, "batch_size": 16, "epochs": 2, **kwargs}
    history = model.fit(*args, **kwargs)
    return history.history, history.epoch, model.get_weights()


def sparse(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, X, LABELS)


def sparse_column_of_labels(k):
    model = classifier(k)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["acc"])
    return fitted(model, X, LABELS[:, None])


def categorical_with_smoothing(k):
    model = classifier(k)
    loss = k.losses.CategoricalCrossentropy(label_smoothing=0.1)
    model.compile(
        k.optimizers.RMSprop(0.01), loss, metrics=["accuracy", "categorical_crossentropy"]
    )
    return fitted(model, X, ONE_HOT)


def from_logits(k):
    model = classifier(k, last=None)
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=loss, metrics=["accuracy"])
    return fitted(model, X, LABELS)


def binary(k):
    model = classifier(k, "sigmoid", 1)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", "binary_accuracy"])
    return fitted(model, X, BINARY)


def binary_flat_labels(k):
    model = classifier(k, "sigmoid", 1)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return fitted(model, X, BINARY[:, 0])


def regression(k):
    model = classifier(k, None, 1)
    model.compile("adamw", "mse", metrics=["mae", "mse"])
    return fitted(model, X, TARGETS)


def own_functions(k):
    def loss(y_true, y_pred):
        return (y_true - y_pred) ** 2

    def biggest(y_true, y_pred):
        return abs(y_true - y_pred)

    model = classifier(k, None, 1)
    model.compile("sgd", loss, metrics=[biggest])
    return fitted(model, X, TARGETS)


def sample_weights(k):
    model = classifier(k)
    model.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=["accuracy"],
        weighted_metrics=["accuracy"],
    )
    return fitted(model, X, LABELS, sample_weight=WEIGHTS)


def class_weights(k):
    model = classifier(k)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, X, LABELS, class_weight={0: 1.0, 1: 2.0, 2: 0.5, 3: 3.0})


def split(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fitted(model, X, LABELS, validation_split=0.3)


def split_with_weights(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    return fitted(model, X, LABELS, validation_split=0.25, sample_weight=WEIGHTS)


def validation_data(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return fitted(
        model,
        X[:40],
        LABELS[:40],
        validation_data=(X[40:], LABELS[40:]),
        validation_batch_size=7,
        epochs=4,
        validation_freq=2,
    )


def validation_with_weights_and_steps(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    data = (X[40:], LABELS[40:], WEIGHTS[40:])
    return fitted(
        model, X[:40], LABELS[:40], validation_data=data, validation_steps=1, initial_epoch=1
    )


def steps(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy")
    return fitted(model, X, LABELS, steps_per_epoch=2, epochs=2)


def generator(k):
    def batches():
        while True:
            for i in range(0, 64, 16):
                yield X[i : i + 16], LABELS[i : i + 16]

    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy")
    return fitted(model, batches(), steps_per_epoch=3, batch_size=None)


def two_outputs_by_list(k):
    model = two_ends(k)
    model.compile(
        "sgd",
        ["sparse_categorical_crossentropy", "mse"],
        loss_weights=[1.0, 0.3],
        metrics=[["accuracy"], ["mae"]],
    )
    return fitted(model, [X, X2], [LABELS, TARGETS]), model.evaluate(
        [X, X2], [LABELS, TARGETS], verbose=0
    )


def two_outputs_by_dict(k):
    model = two_ends(k, as_dict=True)
    model.compile(
        "sgd",
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 1.0, "size": 2.0},
        metrics={"kind": ["accuracy"], "size": "mae"},
    )
    data = {"a": X, "b": X2}, {"kind": LABELS, "size": TARGETS}
    return fitted(model, *data), model.evaluate(*data, verbose=0, return_dict=True)


def loss_on_one_output(k):
    model = two_ends(k, as_dict=True)
    model.compile("sgd", {"kind": "sparse_categorical_crossentropy", "size": None})
    with pytest.warns(UserWarning, match="Gradients do not exist"):
        return fitted(model, [X, X2], {"kind": LABELS, "size": TARGETS})


def regularized(k):
    model = k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(
                8,
                activation="relu",
                kernel_regularizer="l2",
                activity_regularizer=k.regularizers.L1(0.01),
            ),
            k.layers.Dense(1, kernel_regularizer=k.regularizers.L1L2(0.01, 0.02)),
        ]
    )
    fill(model)
    model.compile("sgd", "mse")
    return fitted(model, X, TARGETS), model.evaluate(X, TARGETS, verbose=0)


def frozen_layer(k):
    model = classifier(k)
    model.layers[0].trainable = False
    model.compile("sgd", "sparse_categorical_crossentropy")
    return fitted(model, X, LABELS), len(model.trainable_weights), len(model.non_trainable_weights)


def batch_methods(k):
    model = classifier(k)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    first = model.train_on_batch(X[:8], LABELS[:8])
    second = model.train_on_batch(X[8:16], LABELS[8:16], return_dict=True)
    weighted = model.train_on_batch(
        X[:8], LABELS[:8], class_weight={0: 1.0, 1: 2.0, 2: 0.5, 3: 3.0}
    )
    third = model.test_on_batch(X[:5], LABELS[:5], sample_weight=WEIGHTS[:5])
    return first, second, weighted, third, model.predict_on_batch(X[:3])


def predictions(k):
    model = two_ends(k)
    return (
        model.predict([X, X2], verbose=0, batch_size=16),
        model.predict({"a": X[:1], "b": X2[:1]}, verbose=0),
        model.predict([X, X2], verbose=0, batch_size=16, steps=2),
    )


def evaluation(k):
    model = classifier(k)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return (
        model.evaluate(X, LABELS, verbose=0),
        model.evaluate(X, LABELS, verbose=0, batch_size=9, sample_weight=WEIGHTS, return_dict=True),
        model.evaluate(X, LABELS, verbose=0, steps=2, batch_size=10),
    )


def early_stopping(k):
    model = classifier(k)
    model.compile(k.optimizers.SGD(1.0), "sparse_categorical_crossentropy")
    stop = k.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True)
    return fitted(model, X, LABELS, validation_split=0.4, epochs=30, callbacks=[stop])


def scheduled(k):
    model = classifier(k)
    model.compile("sgd", "sparse_categorical_crossentropy")
    schedule = k.callbacks.LearningRateScheduler(lambda epoch, lr: lr * 0.5)
    return fitted(model, X, LABELS, callbacks=[schedule], epochs=3)


def pandas_frames(k):
    model = classifier(k, None, 1)
    model.compile("sgd", "mse")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    return fitted(model, frame, pd.Series(TARGETS[:, 0])), model.predict(frame, verbose=0)


def tensors(k):
    model = classifier(k, None, 1)
    model.compile("sgd", "mse")
    return fitted(model, torch.as_tensor(X), torch.as_tensor(TARGETS))


def subclassed_with_own_steps(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(1, kernel_initializer="ones")
            self.error = k.metrics.Mean(name="error")

        def call(self, x, training=None):
            return self.dense(x)

        @property
        def metrics(self):
            return [self.error]

        def train_step(self, data):
            x, y = data
            loss = ((self(x, training=True) - y) ** 2).mean()
            self.zero_grad()
            loss.backward()
            with torch.no_grad():
                self.optimizer.apply(
                    [v.value.grad for v in self.trainable_weights], self.trainable_weights
                )
            self.error.update_state(loss.detach())
            return {"error": self.error.result()}

        def test_step(self, data):
            x, y = data
            self.error.update_state(((self(x, training=False) - y) ** 2).mean())
            return {m.name: m.result() for m in self.metrics}

    model = Own()
    model.compile(k.optimizers.SGD(0.05))
    return fitted(model, X, TARGETS, validation_split=0.2), model.evaluate(X, TARGETS, verbose=0)


def own_compute_loss(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(1, kernel_initializer="ones")

        def call(self, x):
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return ((y_pred - y) ** 2).mean() + 0.1 * abs(y_pred).mean()

    model = Own()
    model.compile("sgd", metrics=["mae"])
    return fitted(model, X, TARGETS)


def added_loss(k):
    class Penalty(k.layers.Layer):
        def call(self, x):
            self.add_loss((x**2).mean())
            self.add_loss(0.1 * abs(x).sum())
            return x

    model = k.Sequential([k.Input((6,)), k.layers.Dense(4), Penalty(), k.layers.Dense(1)])
    fill(model)
    model.compile("sgd", "mse")
    return fitted(model, X, TARGETS), model.evaluate(X, TARGETS, verbose=0)


def order_of_hooks(k):
    seen = []

    class Plain(k.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            seen.append(("epoch_begin", epoch, dict(logs or {})))

        def on_epoch_end(self, epoch, logs=None):
            seen.append(("epoch_end", epoch, sorted(logs)))

        def on_train_batch_begin(self, batch, logs=None):
            seen.append(("train_begin", batch, dict(logs or {})))

        def on_train_batch_end(self, batch, logs=None):
            seen.append(("train_end", batch, {key: round(float(v), 4) for key, v in logs.items()}))

        def on_test_begin(self, logs=None):
            seen.append(("test_begin",))

        def on_test_batch_end(self, batch, logs=None):
            seen.append(("test_end", batch, {key: round(float(v), 4) for key, v in logs.items()}))

        def on_test_end(self, logs=None):
            seen.append(("test", sorted(logs)))

        def on_train_begin(self, logs=None):
            seen.append(("begin", self.params["epochs"], self.params["steps"]))

        def on_train_end(self, logs=None):
            seen.append(("end", sorted(logs)))

    model = classifier(k)
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    fitted(model, X, LABELS, callbacks=[Plain()], validation_split=0.5)
    return seen


SCENARIOS = [
    sparse,
    sparse_column_of_labels,
    categorical_with_smoothing,
    from_logits,
    binary,
    binary_flat_labels,
    regression,
    own_functions,
    sample_weights,
    class_weights,
    split,
    split_with_weights,
    validation_data,
    validation_with_weights_and_steps,
    steps,
    generator,
    two_outputs_by_list,
    two_outputs_by_dict,
    loss_on_one_output,
    regularized,
    frozen_layer,
    batch_methods,
    predictions,
    evaluation,
    early_stopping,
    scheduled,
    pandas_frames,
    tensors,
    subclassed_with_own_steps,
    own_compute_loss,
    added_loss,
    order_of_hooks,
]


def same(ours, theirs, path="result"):
    """Equal structure, keys in order, numbers within 1e-5."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), path
        for key in theirs:
            same(ours[key], theirs[key], f"{path}[{key!r}]")
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs), path
        for index, (a, b) in enumerate(zip(ours, theirs)):
            same(a, b, f"{path}[{index}]")
    elif isinstance(theirs, (str, bool, type(None))):
        assert ours == theirs, path
    else:
        ours, theirs = np.asarray(ours), np.asarray(theirs)
        assert ours.shape == theirs.shape, path
        if theirs.ndim:
            assert ours.dtype == theirs.dtype, path
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=2e-6, err_msg=path)


def oracle(function, *args):
    """What real Keras says, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_same_as_keras(scenario):
    theirs = oracle(scenario, keras)
    same(scenario(torchkeras), theirs)


OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "momentum": ("SGD", {"learning_rate": 0.1, "momentum": 0.9}),
    "nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": ("Adam", {}),
    "adamw": ("AdamW", {}),
    "rmsprop": ("RMSprop", {}),
}


@pytest.mark.tiny
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_steps(name):
    kind, arguments = OPTIMIZERS[name]
    curves, weights = [], []
    for k in (keras, torchkeras):
        model = oracle(classifier, k)
        model.compile(getattr(k.optimizers, kind)(**arguments), "sparse_categorical_crossentropy")
        rows = [np.arange(step * 8, step * 8 + 8) % 70 for step in range(50)]
        curves.append([float(model.train_on_batch(X[r], LABELS[r])) for r in rows])
        weights.append(oracle(model.get_weights))
    np.testing.assert_allclose(curves[1], curves[0], rtol=1e-5)
    for ours, theirs in zip(weights[1], weights[0]):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


# ---- what only torch has ----


def test_torch_losses_optimizers_and_modules_in_compile():
    torch.manual_seed(0)
    model = torchkeras.Sequential([torchkeras.Input((6,)), nn.Linear(6, 4)])
    reference = nn.Linear(6, 4)
    reference.load_state_dict({key.rpartition(".")[2]: v for key, v in model.state_dict().items()})
    model.compile(
        torch.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss(), metrics=["accuracy"]
    )
    model.fit(X, LABELS, batch_size=70, epochs=3, verbose=0)
    optimizer = torch.optim.SGD(reference.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(
            reference(torch.as_tensor(X)), torch.as_tensor(LABELS)
        ).backward()
        optimizer.step()
    np.testing.assert_allclose(model.get_weights()[0], reference.weight.detach(), atol=1e-6)


def by_hand(make_optimizer, epochs=3, loss=nn.functional.cross_entropy, scheduler=None):
    """The classifier's weights after a loop written by hand, in batches of 16."""
    model = classifier(torchkeras, last=None)
    optimizer = make_optimizer(model.parameters())
    scheduler = scheduler and scheduler(optimizer)
    x, y = torch.as_tensor(X), torch.as_tensor(LABELS)
    by_batch = isinstance(scheduler, torch.optim.lr_scheduler.OneCycleLR)
    for _ in range(epochs):
        for start in range(0, len(x), 16):
            optimizer.zero_grad()
            loss(model(x[start : start + 16]), y[start : start + 16]).backward()
            optimizer.step()
            if by_batch:
                scheduler.step()
        if scheduler is not None and not by_batch:
            scheduler.step()
    return model.get_weights(), optimizer.param_groups[0]["lr"]


def adam(parameters):
    return torch.optim.Adam(parameters, lr=0.02, weight_decay=0.1)


def decay(optimizer):
    return torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)


def one_cycle(optimizer):
    return torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=15)


def with_optimizer(model):
    optimizer = adam(model.parameters())
    return optimizer, decay(optimizer)


TORCH_OPTIMIZERS = {
    "instance": (lambda model: adam(model.parameters()), adam, None),
    "class": (lambda model: torch.optim.SGD, torch.optim.SGD, None),
    "factory": (lambda model: adam, adam, None),
    "partial": (
        lambda model: functools.partial(torch.optim.RMSprop, lr=0.01),
        functools.partial(torch.optim.RMSprop, lr=0.01),
        None,
    ),
    "scheduler": (lambda model: with_optimizer(model)[1], adam, decay),
    "pair": (with_optimizer, adam, decay),
    "pair of factories": (lambda model: (adam, decay), adam, decay),
    "class and factory": (
        lambda model: (torch.optim.AdamW, one_cycle),
        torch.optim.AdamW,
        one_cycle,
    ),
}


@pytest.mark.parametrize("name", TORCH_OPTIMIZERS)
def test_optimizers_of_torch(name):
    given, make, scheduler = TORCH_OPTIMIZERS[name]
    expected, rate = by_hand(make, scheduler=scheduler)
    model = classifier(torchkeras, last=None)
    model.compile(given(model), nn.CrossEntropyLoss())
    for epochs in (2, 3):
        weights = fitted(model, X, LABELS, epochs=epochs, initial_epoch=2 * (epochs - 2))[-1]
    same(weights, expected)
    assert model.optimizer.learning_rate == pytest.approx(rate)
    assert model.optimizer.param_groups[0]["lr"] == pytest.approx(rate)
    assert int(model.optimizer.iterations) == 15


def test_a_scheduler_that_looks_at_the_loss():
    model = classifier(torchkeras, last=None)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    model.compile((optimizer, plateau), nn.CrossEntropyLoss())
    data = {"validation_data": (X, (LABELS + 1) % 4)}
    history = model.fit(X, LABELS, epochs=15, verbose=0, **data).history
    reference = torch.optim.SGD([torch.zeros(1)], lr=0.1)
    expected = torch.optim.lr_scheduler.ReduceLROnPlateau(reference, factor=0.5, patience=0)
    for loss in history["val_loss"]:
        expected.step(loss)
    assert reference.param_groups[0]["lr"] < 0.1
    assert model.optimizer.learning_rate == reference.param_groups[0]["lr"]


def test_rates_of_torch_optimizers_are_set_by_callbacks():
    model = classifier(torchkeras, last=None)
    model.compile(torch.optim.SGD, nn.CrossEntropyLoss())
    rates = torchkeras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))
    history = model.fit(X, LABELS, epochs=3, verbose=0, callbacks=[rates]).history
    assert history["learning_rate"] == pytest.approx([0.1, 0.05, 0.1 / 3])


@pytest.mark.parametrize("make", [adam, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)])
def test_the_state_of_a_torch_optimizer_is_saved(make, tmp_path):
    def compiled_model():
        model = classifier(torchkeras, last=None)
        model.compile((make, decay), nn.CrossEntropyLoss())
        return model

    whole = compiled_model()
    fitted(whole, X, LABELS, epochs=2)
    whole.save_weights(tmp_path / "half.weights.h5")
    expected = fitted(whole, X, LABELS, epochs=2)[-1]
    resumed = compiled_model()
    resumed.load_weights(tmp_path / "half.weights.h5")
    same(fitted(resumed, X, LABELS, epochs=2)[-1], expected)
    assert resumed.optimizer.learning_rate == whole.optimizer.learning_rate
    assert int(resumed.optimizer.iterations) == 20


def test_wrong_optimizers_of_torch():
    model = classifier(torchkeras)
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
        model.compile(3.5, "mse")
    with pytest.raises(ValueError, match="closure"):
        model.compile(torch.optim.LBFGS(model.parameters()), "mse")
    model.compile(lambda parameters: "adam", "mse")
    with pytest.raises(ValueError, match="Could not interpret optimizer identifier"):
        model.fit(X, ONE_HOT, verbose=0)


def test_float16_scales_the_loss_of_any_optimizer():
    policy = torchkeras.dtype_policies.DTypePolicy("mixed_float16")
    for optimizer in ("adam", torchkeras.optimizers.SGD(0.1), torch.optim.SGD):
        model = torchkeras.Sequential(
            [torchkeras.Input((6,)), torchkeras.layers.Dense(4, dtype=policy)]
        )
        model.dtype_policy = policy
        model.compile(optimizer, torchkeras.losses.SparseCategoricalCrossentropy(from_logits=True))
        scaled = model.optimizer
        assert isinstance(scaled, torchkeras.optimizers.LossScaleOptimizer)
        before = model.get_weights()
        x = X.copy()
        x[0] = 60000.0  # overflows: the step is left out, the scale halved
        model.train_on_batch(x * 60000, LABELS)
        same(model.get_weights(), before)
        assert float(scaled.dynamic_scale) == 2.0**14
        losses = model.fit(X, LABELS, epochs=4, verbose=0).history["loss"]
        assert losses[-1] < losses[0]
        assert model.weights[0].dtype is torch.float32


def torch_targets(*shape, kind="int64"):
    return RNG.integers(0, 4, shape).astype(kind)


# A loss of torch, outputs and targets as a Keras model and its user have them, and what it is.
TORCH_LOSSES = {
    "int32 classes": (nn.CrossEntropyLoss(), (8, 4), torch_targets(8, kind="int32"), None),
    "column of classes": (nn.CrossEntropyLoss(), (8, 4), torch_targets(8, 1), None),
    "float classes": (nn.CrossEntropyLoss(), (8, 4), torch_targets(8, kind="float32"), None),
    "probabilities": (
        nn.CrossEntropyLoss(),
        (8, 4),
        np.eye(4, dtype="float32")[:, :].repeat(2, 0),
        None,
    ),
    "steps": (nn.CrossEntropyLoss(), (8, 5, 4), torch_targets(8, 5), (0, 2, 1)),
    "function": (nn.functional.cross_entropy, (8, 4), torch_targets(8), None),
    "nll": (nn.NLLLoss(), (8, 4), torch_targets(8, kind="uint8"), None),
    "margin": (nn.MultiMarginLoss(), (8, 4), torch_targets(8, kind="int16"), None),
    "integers to compare": (nn.L1Loss(), (8, 3), torch_targets(8, 3), None),
    "binary": (nn.BCEWithLogitsLoss(), (8, 1), torch_targets(8) % 2, None),
    "sum": (nn.MSELoss(reduction="sum"), (8, 3), RNG.normal(size=(8, 3)).astype("float32"), None),
    "none": (nn.MSELoss(reduction="none"), (8, 3), RNG.normal(size=(8, 3)).astype("float32"), None),
    "class": (nn.SmoothL1Loss, (8, 3), RNG.normal(size=(8, 3)).astype("float32"), None),
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", TORCH_LOSSES)
def test_losses_of_torch(name, weighted):
    given, shape, targets, order = TORCH_LOSSES[name]
    loss = loss_function(given)
    outputs = torch.tensor(RNG.normal(size=shape).astype("float32"))
    weights = torch.linspace(0.1, 2, 8) if weighted else None
    value = loss(torch.as_tensor(targets), outputs, weights)
    plain = given() if isinstance(given, type) else given
    target = torch.as_tensor(targets)
    if target.ndim == 2 and target.shape[1] == 1:
        target = target[:, 0]
    if loss.takes_classes:
        target = target.long() if target.shape != outputs.shape else target
    else:
        target = target.float()
        target = target.reshape(outputs.shape)
    turned = outputs if order is None else outputs.permute(order)
    if not weighted:
        expected = plain(turned, target)
        torch.testing.assert_close(value, expected.mean())
        return
    reduction = getattr(plain, "reduction", "mean")
    if isinstance(plain, nn.Module):
        values = type(plain)(reduction="none")(turned, target)
    else:
        values = plain(turned, target, reduction="none")
    values = values * weights.reshape(-1, *[1] * (values.ndim - 1))
    torch.testing.assert_close(value, values.sum() if reduction == "sum" else values.mean())


def test_a_loss_of_torch_sees_masks_and_weights_by_step():
    outputs = torch.tensor(RNG.normal(size=(8, 5, 4)).astype("float32"))
    targets = torch.as_tensor(torch_targets(8, 5))
    mask = torch.arange(5) < torch.tensor([[5], [1], [2], [3], [4], [5], [1], [2]])
    values = nn.functional.cross_entropy(outputs.permute(0, 2, 1), targets, reduction="none")
    weights = torch.rand(8, 5)
    loss = loss_function(nn.CrossEntropyLoss())
    torch.testing.assert_close(loss(targets, outputs, weights), (values * weights).mean())
    outputs._keras_mask = mask
    torch.testing.assert_close(loss(targets, outputs), values[mask].mean())


def test_a_loss_of_torch_that_cannot_be_weighted():
    class Mine(nn.Module):
        def forward(self, y_pred, y_true):
            return (y_pred - y_true).abs().mean()

    model = classifier(torchkeras, None, 1)
    model.compile("sgd", Mine())
    assert model.evaluate(X, TARGETS, verbose=0) > 0
    with pytest.raises(ValueError, match="reduction"):
        model.fit(X, TARGETS, sample_weight=WEIGHTS, verbose=0)


class TorchAccuracy(nn.Module):
    """Has the methods of a metric of torchmetrics."""

    def __init__(self):
        super().__init__()
        self.register_buffer("right", torch.tensor(0))
        self.register_buffer("seen", torch.tensor(0))

    def update(self, preds, target):
        assert not preds.requires_grad
        self.right += (preds.argmax(-1) == target).sum()
        self.seen += len(target)

    def compute(self):
        return self.right / self.seen

    def reset(self):
        self.right.zero_()
        self.seen.zero_()


class Collection(TorchAccuracy):
    """The same with a dict of results, as `MetricCollection` has."""

    def compute(self):
        return {"right": self.right / 1, "share": self.right / self.seen}


def test_metrics_of_torch():
    model = classifier(torchkeras)
    kinds = [TorchAccuracy(), "accuracy", Collection(), nn.L1Loss]
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=kinds[:3])
    history = model.fit(X, LABELS[:, None], validation_split=0.3, epochs=2, verbose=0).history
    assert history["torch_accuracy"] == pytest.approx(history["accuracy"])
    assert history["val_torch_accuracy"] == pytest.approx(history["val_accuracy"])
    assert history["share"] == pytest.approx(history["accuracy"])
    assert history["val_right"][-1] == pytest.approx(history["val_accuracy"][-1] * 21)
    again = model.evaluate(X, LABELS, verbose=0, return_dict=True)
    assert again["torch_accuracy"] == pytest.approx(again["accuracy"])
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=[TorchAccuracy()])
    with pytest.raises(ValueError, match="weighted_metrics"):
        model.fit(X, LABELS, sample_weight=WEIGHTS, verbose=0)


def test_a_loss_of_torch_as_a_metric():
    model = classifier(torchkeras, None, 1)
    model.compile("sgd", "mse", metrics=[nn.L1Loss(), "mae"])
    values = model.evaluate(X, TARGETS[:, 0], batch_size=70, verbose=0, return_dict=True)
    assert values["L1Loss"] == pytest.approx(values["mae"], rel=1e-5)


def test_datasets_and_loaders_of_torch():
    class Rows(torch.utils.data.Dataset):
        def __len__(self):
            return len(X)

        def __getitem__(self, i):
            return X[i], LABELS[i]

    results = []
    for data in (
        torch.utils.data.DataLoader(Rows(), batch_size=16),
        torch.utils.data.TensorDataset(torch.as_tensor(X), torch.as_tensor(LABELS)),
        Rows(),
        (X, LABELS),
    ):
        model = classifier(torchkeras)
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        is_loader = isinstance(data, torch.utils.data.DataLoader)
        arguments = data if isinstance(data, tuple) else (data,)
        results.append(fitted(model, *arguments, batch_size=None if is_loader else 16))
    for result in results[:-1]:
        same(result, results[-1])


def test_model_trains_in_a_plain_torch_loop():
    model = classifier(torchkeras)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(model(torch.as_tensor(X)).log(), torch.as_tensor(LABELS))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]


def test_both_halves_of_a_gan_train():
    """What was trainable at `compile` stays so for a model that is frozen as a whole afterwards."""
    k = torchkeras
    generator = k.Sequential([k.Input((3,)), k.layers.Dense(6)])
    judge = k.Sequential([k.Input((6,)), k.layers.Dense(1, activation="sigmoid")])
    judge.compile("sgd", "binary_crossentropy")
    judge.trainable = False
    both = k.Sequential([generator, judge])
    both.compile("sgd", "binary_crossentropy")
    start = judge.get_weights()[0]
    both.train_on_batch(X2, BINARY)
    assert np.array_equal(judge.get_weights()[0], start)
    judge.train_on_batch(X, BINARY)
    moved = judge.get_weights()[0]
    assert not np.array_equal(moved, start)
    assert not judge.weights[0].requires_grad
    both.train_on_batch(X2, BINARY)
    assert np.array_equal(judge.get_weights()[0], moved)


def test_two_models_compiled_with_one_optimizer():
    k = torchkeras
    optimizer = k.optimizers.Adam(0.01, 0.5)
    models = [k.Sequential([k.Input((6,)), k.layers.Dense(1)]) for _ in range(2)]
    for model in models:
        model.compile(optimizer, "mse")
    for _ in range(2):
        for model in models:
            before = model.get_weights()[0]
            model.train_on_batch(X, BINARY)
            assert not np.array_equal(model.get_weights()[0], before)
    first, second = (model.optimizer for model in models)
    assert first is optimizer and second is not first
    assert second.get_config() == first.get_config()
    assert int(first.iterations) == int(second.iterations) == 2


def test_halves_of_a_gan_that_hold_each_other_train():
    """As in a Wasserstein GAN: each half is frozen while the other's model is compiled."""
    k = torchkeras
    generator = k.Sequential([k.Input((3,)), k.layers.Dense(6)])
    critic = k.Sequential([k.Input((6,)), k.layers.Dense(1)])
    generator.trainable = False
    noise = k.Input((3,))
    of_critic = k.Model(noise, critic(generator(noise)))
    of_critic.compile("sgd", "mse")
    critic.trainable = False
    generator.trainable = True
    of_generator = k.Model(noise, critic(generator(noise)))
    of_generator.compile("sgd", "mse")
    for model, trained, kept in (
        (of_critic, critic, generator),
        (of_generator, generator, critic),
        (of_critic, critic, generator),
    ):
        before = trained.get_weights()[0], kept.get_weights()[0]
        model.train_on_batch(X2, BINARY)
        assert not np.array_equal(trained.get_weights()[0], before[0])
        assert np.array_equal(kept.get_weights()[0], before[1])
    assert not critic.weights[0].requires_grad


# torch 2.11 itself calls what it has deprecated.
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_jit_compile_gives_the_same_numbers():
    histories = []
    for jit in (False, True):
        model = classifier(torchkeras)
        model.compile(
            "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=jit
        )
        histories.append(fitted(model, X[:64], LABELS[:64]))
    same(histories[1], histories[0])


def test_jit_compile_takes_arguments_of_torch_compile(monkeypatch):
    calls = []
    monkeypatch.setattr(
        nn.Module, "compile", lambda self, *args, **kwargs: calls.append((args, kwargs))
    )
    for jit in (True, {"mode": "max-autotune"}, {"options": {"epilogue_fusion": True}}):
        model = compiled(jit_compile=jit)
        assert model.jit_compile is True
        assert model.get_compile_config()["jit_compile"] == jit
    assert calls == [
        ((), {}),
        ((), {"mode": "max-autotune"}),
        ((), {"options": {"epilogue_fusion": True}}),
    ]
    assert compiled(jit_compile="auto").jit_compile is False
    with pytest.warns(UserWarning, match="`run_eagerly` is True"):
        assert compiled(jit_compile=True, run_eagerly=True).jit_compile is False
    assert len(calls) == 3


# ---- steps played back from CUDA graphs ----

CUDA = torch.device("cuda")


class Overrides(torchkeras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


CAPTURES = {
    "jit": (True, {"jit_compile": True}),
    "several steps": (True, {"steps_per_execution": 4}),
    "not asked for": (False, {}),
    "eagerly": (False, {"steps_per_execution": 4, "run_eagerly": True}),
    "own graphs": (False, {"jit_compile": {"mode": "reduce-overhead"}}),
    "own graphs by option": (False, {"jit_compile": {"options": {"triton.cudagraphs": True}}}),
    "another mode": (True, {"jit_compile": {"mode": "max-autotune-no-cudagraphs"}}),
    "torch optimizer": (True, {"steps_per_execution": 2, "optimizer": torch.optim.SGD}),
}


@pytest.mark.parametrize("name", CAPTURES)
def test_when_steps_are_captured(name, monkeypatch):
    monkeypatch.setattr(nn.Module, "compile", lambda self, **kwargs: None)
    expected, arguments = CAPTURES[name]
    model = compiled(**arguments)
    assert can_capture(model, CUDA, True) is expected
    assert can_capture(model, CUDA, False) is False
    assert can_capture(model, torch.device("cpu"), True) is False


def test_steps_of_users_are_not_captured(monkeypatch):
    asked = []
    monkeypatch.setattr(
        trainer, "can_capture", lambda model, device, own_step: asked.append(own_step)
    )
    model = classifier(torchkeras)
    model.compile("sgd", "mse")
    model.make_train_function()
    own = Overrides([torchkeras.Input((6,)), torchkeras.layers.Dense(4)])
    own.compile("sgd", "mse")
    own.make_train_function()
    model.compute_metrics = lambda *args, **kwargs: {}
    model.make_train_function(force=True)
    assert asked == [True, False, False]


class Replayed:
    """Stands for a CUDA graph: computes again, into the same tensors."""

    def __init__(self, function, step):
        self.function = function
        self.step = step
        self.plays = 0

    def replay(self):
        gradients = next(iter(self.step.graphs.values()), None)
        kept = None if gradients is None else list(gradients.gradients)
        self.function()
        self.plays += 1
        if kept is None:
            return
        for before, now in zip(kept, gradients.gradients):
            before.copy_(now)
        gradients.gradients[:] = kept


class Recorder:
    """Records nothing; counts."""

    def __init__(self):
        self.warm_ups, self.graphs, self.step = 0, [], None

    @contextlib.contextmanager
    def warming_up(self):
        self.warm_ups += 1
        yield

    def record(self, function):
        metrics = [v.clone() for v in self.step.model.metrics_variables]
        function()  # a graph computes nothing when it is recorded
        for variable, value in zip(self.step.model.metrics_variables, metrics):
            variable.assign(value)
        self.graphs.append(Replayed(function, self.step))
        return self.graphs[-1]


def captured(model):
    recorder = Recorder()
    model.train_function = recorder.step = CapturedStep(model, recorder)
    return recorder


@pytest.mark.parametrize(
    "optimizer",
    ["adam", torchkeras.optimizers.SGD(0.1, momentum=0.9), torch.optim.Adam, "scaled"],
    ids=["adam", "momentum", "torch", "scaled"],
)
def test_captured_steps_give_the_same_numbers(optimizer):
    results = []
    for capture in (False, True):
        model = classifier(torchkeras)
        given = optimizer
        if optimizer == "scaled":
            inner = torchkeras.optimizers.SGD(0.1)
            given = torchkeras.optimizers.LossScaleOptimizer(inner, dynamic_growth_steps=4)
        elif isinstance(optimizer, torchkeras.optimizers.Optimizer):
            given = type(optimizer).from_config(optimizer.get_config())
        model.compile(given, "sparse_categorical_crossentropy", metrics=["accuracy"])
        recorder = captured(model) if capture else None
        results.append(fitted(model, X, LABELS, sample_weight=WEIGHTS, epochs=3))
    same(results[1], results[0])
    # 4 whole batches and a short one in each of 3 epochs; the short ones are warm-ups.
    assert recorder.warm_ups == 3 + 3
    assert [graph.plays for graph in recorder.graphs] == [12 - 3]


def test_graphs_are_dropped_when_weights_change():
    model = classifier(torchkeras)
    model.compile("sgd", "sparse_categorical_crossentropy")
    recorder = captured(model)
    for _ in range(6):
        model.train_on_batch(X[:8], LABELS[:8])
    assert len(recorder.graphs) == 1
    model.layers[0].trainable = False
    frozen = model.layers[0].get_weights()
    for _ in range(6):
        model.train_on_batch(X[:8], LABELS[:8])
    assert len(recorder.graphs) == 2
    same(model.layers[0].get_weights(), frozen)
    for weight in model.weights:
        weight.data = weight.data.clone()  # as when a model is moved
    model.train_on_batch(X[:8], LABELS[:8])
    assert not model.train_function.graphs


@pytest.mark.parametrize("draws", [False, True])
def test_models_that_draw_on_the_host_are_not_captured(draws):
    layers = [torchkeras.layers.Dropout(0.5, seed=3 if draws else None)]
    if not draws:
        layers = [torchkeras.layers.Dense(5)]
    model = torchkeras.Sequential([torchkeras.Input((6,)), *layers, torchkeras.layers.Dense(4)])
    model.compile("sgd", torchkeras.losses.SparseCategoricalCrossentropy(from_logits=True))
    recorder = captured(model)
    for _ in range(6):
        model.train_on_batch(X[:8], LABELS[:8])
    assert len(recorder.graphs) == (0 if draws else 1)


def test_a_step_that_cannot_be_captured_goes_on_without():
    class Refuses(Recorder):
        def record(self, function):
            raise RuntimeError("operation not permitted when stream is capturing")

    model = classifier(torchkeras)
    model.compile("sgd", "sparse_categorical_crossentropy")
    recorder = Refuses()
    model.train_function = recorder.step = CapturedStep(model, recorder)
    with pytest.warns(UserWarning, match="cannot be recorded as a CUDA graph.*not permitted"):
        captured_result = fitted(model, X[:64], LABELS[:64])
    model = classifier(torchkeras)
    model.compile("sgd", "sparse_categorical_crossentropy")
    same(captured_result, fitted(model, X[:64], LABELS[:64]))


@pytest.mark.gpu
@pytest.mark.parametrize("arguments", [{"steps_per_execution": 4}, {"jit_compile": True}])
@pytest.mark.parametrize("optimizer", ["adam", torch.optim.SGD])
def test_cuda_graphs_give_the_same_numbers(arguments, optimizer):
    results = []
    for more in ({}, arguments):
        with torchkeras.device("cuda"):
            model = classifier(torchkeras)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"], **more)
        results.append(fitted(model, X, LABELS, epochs=4))
        if more:
            assert len(model.train_function.graphs) == 1
            assert not model.train_function.gave_up
    for name, values in results[0][0].items():
        np.testing.assert_allclose(results[1][0][name], values, rtol=1e-4, atol=1e-5)


@pytest.mark.gpu
def test_cuda_graphs_draw_new_dropout_masks():
    with torchkeras.device("cuda"):
        model = torchkeras.Sequential(
            [torchkeras.Input((6,)), torchkeras.layers.Dropout(0.5), torchkeras.layers.Dense(1)]
        )
    model.compile(torchkeras.optimizers.SGD(0.0), "mse", steps_per_execution=2)
    losses = [model.train_on_batch(X, TARGETS) for _ in range(12)]
    assert model.train_function.graphs
    assert len(set(losses)) == 12


def test_several_steps_an_execution():
    calls = []
    count = torchkeras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: calls.append(batch)
    )
    model = classifier(torchkeras)
    model.compile("sgd", "sparse_categorical_crossentropy", steps_per_execution=2)
    several = fitted(model, X, LABELS, callbacks=[count], epochs=1)
    model = classifier(torchkeras)
    model.compile("sgd", "sparse_categorical_crossentropy")
    same(several, fitted(model, X, LABELS, epochs=1))
    assert calls == [1, 3, 4]


def test_targets_by_name_for_a_list_of_outputs():
    results = []
    for targets in ([LABELS, TARGETS], {"size": TARGETS, "kind": LABELS}):
        model = two_ends(torchkeras)
        model.compile(
            "sgd",
            {"kind": "sparse_categorical_crossentropy", "size": "mse"},
            metrics={"size": ["mae"]},
        )
        results.append(fitted(model, {"a": X, "b": X2}, targets))
    same(results[1], results[0])


def test_logs_are_read_late_and_stay_what_they_were():
    kept = []

    class Keep(torchkeras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            kept.append(logs)

    model = classifier(torchkeras)
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, LABELS, batch_size=16, verbose=0, callbacks=[Keep()], shuffle=False)
    again = classifier(torchkeras)
    again.compile("sgd", "sparse_categorical_crossentropy")
    read = []
    again.fit(
        X,
        LABELS,
        batch_size=16,
        verbose=0,
        shuffle=False,
        callbacks=[
            torchkeras.callbacks.LambdaCallback(
                on_train_batch_end=lambda batch, logs: read.append(logs["loss"])
            )
        ],
    )
    assert [logs["loss"] for logs in kept] == read
    assert len(set(read)) == len(read)


def test_training_phase_reaches_both_worlds():
    seen = []

    class Own(torchkeras.layers.Layer):
        def call(self, x, training=None):
            seen.append((training, self.raw.training))
            return self.raw(x)

        def __init__(self):
            super().__init__()
            self.raw = nn.Dropout(0.5)

    layer = Own()
    model = torchkeras.Sequential([torchkeras.Input((6,)), layer, torchkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    seen.clear()
    model.fit(X, TARGETS, verbose=0, batch_size=70)
    model.predict(X[:3], verbose=0)
    model(torch.as_tensor(X))
    model(torch.as_tensor(X), training=True)
    model.train()
    model(torch.as_tensor(X))
    assert seen == [(True, True), (False, False), (False, False), (True, True), (True, True)]


# ---- errors ----


def compiled(**kwargs):
    model = classifier(torchkeras)
    model.compile(**{"optimizer": "sgd", "loss": "sparse_categorical_crossentropy", **kwargs})
    return model


ERRORS = {
    "unequal lengths": (lambda: compiled().fit(X, LABELS[:-1]), ValueError, "cardinality"),
    "last dimension": (
        lambda: compiled().fit(X[:, :5], LABELS, verbose=0),
        ValueError,
        r'(?s)layer "sequential.*expected.*6.*found.*5|expected axis -1 .* 6.*5',
    ),
    "rank": (
        lambda: compiled().fit(X[:, :, None, None], LABELS, verbose=0),
        ValueError,
        "(?i)shape|ndim",
    ),
    "fit before compile": (lambda: classifier(torchkeras).fit(X, LABELS), ValueError, "compile"),
    "evaluate before compile": (
        lambda: classifier(torchkeras).evaluate(X, LABELS),
        ValueError,
        "compile",
    ),
    "optimizer": (lambda: compiled(optimizer="addam"), ValueError, "(?i)addam.*adam"),
    "loss": (
        lambda: compiled(loss="sparse_categorical_crossentropi"),
        ValueError,
        "(?s)sparse_categorical_crossentropi.*sparse_categorical_crossentropy",
    ),
    "metric": (lambda: compiled(metrics=["acuracy"]), ValueError, "(?is)acuracy.*accuracy"),
    "metrics no list": (lambda: compiled(metrics=3), ValueError, "Expected `metrics`"),
    "label out of range": (
        lambda: compiled().fit(X, LABELS + 2, verbose=0),
        ValueError,
        r"label value of [45] .*valid range of \[0, 4\)",
    ),
    "empty": (
        lambda: compiled().fit(X[:0], LABELS[:0], verbose=0),
        ValueError,
        "(?i)empty|no batch|no data",
    ),
    "both weights": (
        lambda: compiled().train_on_batch(X, LABELS, WEIGHTS, {0: 1.0}),
        ValueError,
        "class_weight",
    ),
    "no loss": (lambda: compiled(loss=None).fit(X, LABELS, verbose=0), ValueError, "No loss"),
    "unknown output": (
        lambda: compiled(loss={"nowhere": "mse"}).fit(X, LABELS, verbose=0),
        ValueError,
        "nowhere",
    ),
    "validation split": (
        lambda: compiled().fit(X, LABELS, validation_split=1.5),
        ValueError,
        "validation_split",
    ),
    "jit": (lambda: compiled(jit_compile="yes"), ValueError, "jit_compile"),
    "evaluate argument": (
        lambda: compiled().evaluate(X, LABELS, batchsize=3),
        (ValueError, TypeError),
        "batchsize",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(case):
    call, kind, message = ERRORS[case]
    with pytest.raises(kind, match=message):
        call()


def test_nan_goes_on_and_is_shown():
    model = compiled()
    x = X.copy()
    x[0, 0] = np.nan
    history = model.fit(x, LABELS, verbose=0, epochs=2)
    assert all(math.isnan(value) for value in history.history["loss"])


@pytest.mark.parametrize(
    "error", [KeyError("mine"), KeyboardInterrupt()], ids=["exception", "interrupt"]
)
def test_fit_can_go_on_after_an_error_in_a_callback(error):
    def fail(batch, logs):
        if batch == 2:
            raise error

    model = compiled(metrics=["accuracy"])
    before = model.get_weights()
    with pytest.raises(type(error)):
        model.fit(
            X,
            LABELS,
            batch_size=8,
            verbose=0,
            callbacks=[torchkeras.callbacks.LambdaCallback(on_train_batch_end=fail)],
        )
    after = model.get_weights()
    assert any(not np.array_equal(a, b) for a, b in zip(before, after))
    assert not model.training
    assert torchkeras._scopes.call_context.training is None
    assert torchkeras._scopes.call_context.depth == 0
    history = model.fit(X, LABELS, batch_size=8, verbose=0, epochs=2)
    assert len(history.history["loss"]) == 2


# ---- memory ----


@pytest.mark.slow
@pytest.mark.parametrize("method", ["train_on_batch", "predict_on_batch"])
def test_memory_stays_flat_without_the_collector(method):
    model = compiled()
    call = (
        (lambda: model.train_on_batch(X[:8], LABELS[:8]))
        if method == "train_on_batch"
        else (lambda: model.predict_on_batch(X[:8]))
    )
    for _ in range(500):
        call()
    gc.collect()
    gc.disable()
    try:
        objects = len(gc.get_objects())
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(10_000):
            call()
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
        objects = len(gc.get_objects()) - objects
    finally:
        gc.enable()
    assert objects < 200
    assert grown < 4096  # KiB


# ---- sources that fail, and runs that repeat ----


def broken(after, error):
    for i in range(after):
        yield X[8 * i : 8 * i + 8], LABELS[8 * i : 8 * i + 8]
    if error is not None:
        raise error


def test_a_generator_that_raises_leaves_the_model_as_trained():
    model = compiled()
    with pytest.raises(OSError, match="the disk is gone"):
        model.fit(broken(3, OSError("the disk is gone")), shuffle=False, verbose=0)
    assert int(model.optimizer.iterations) == 3
    trained = model.get_weights()
    again = compiled()
    with pytest.warns(UserWarning, match="ran out of data"):
        again.fit(broken(3, None), steps_per_epoch=9, shuffle=False, verbose=0)
    same(again.get_weights(), trained)
    assert not model.training
    assert math.isfinite(model.evaluate(X, LABELS, verbose=0))


def data_that_ends_early(k):
    model = classifier(k)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = model.fit(broken(3, None), steps_per_epoch=5, epochs=3, verbose=0).history
        value = model.evaluate(broken(2, None), steps=5, verbose=0)
        rows = model.predict(broken(2, None), steps=5, verbose=0).shape
    told = [str(w.message) for w in caught if "ran out of data" in str(w.message)]
    return history, value, rows, len(told), model.get_weights()


def test_data_that_ends_early_is_told_of_as_by_keras():
    theirs = oracle(data_that_ends_early, keras)
    assert theirs[3] > 0
    same(data_that_ends_early(torchkeras), theirs)


class Batches(torchkeras.utils.PyDataset):
    def __len__(self):
        return 9

    def __getitem__(self, i):
        return X[8 * i : 8 * i + 8], LABELS[8 * i : 8 * i + 8]


class Draws(torchkeras.callbacks.Callback):
    """Draws numbers that are none of the training's business."""

    def on_epoch_begin(self, epoch, logs=None):
        np.random.rand(3)
        random.random()


def repeated(data, callbacks=(), **options):
    torchkeras.utils.set_random_seed(5)
    model = torchkeras.Sequential(
        [
            torchkeras.Input((6,)),
            torchkeras.layers.Dense(8, activation="relu"),
            torchkeras.layers.Dropout(0.3),
            torchkeras.layers.Dense(4, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(*data, epochs=3, verbose=0, callbacks=list(callbacks), **options).history
    return history["loss"], model.get_weights()


def assert_equal_bit_for_bit(one, other):
    assert one[0] == other[0]
    for a, b in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_same_seed_gives_the_same_run():
    first = repeated((X, LABELS), batch_size=8)
    assert_equal_bit_for_bit(repeated((X, LABELS), batch_size=8), first)
    assert_equal_bit_for_bit(repeated((X, LABELS), [Draws()], batch_size=8), first)
    torchkeras.utils.set_random_seed(6)
    assert repeated((X, LABELS), batch_size=8)[0] == first[0]


def test_the_same_run_with_any_number_of_workers():
    first = repeated((Batches(workers=1),))
    for workers in (0, 2, 4):
        assert_equal_bit_for_bit(repeated((Batches(workers=workers),)), first)
    fork = hasattr(os, "fork")
    if fork:
        processes = Batches(workers=2, use_multiprocessing=True)
        assert_equal_bit_for_bit(repeated((processes,)), first)


# ---- tracebacks ----


def frames_of(call):
    try:
        call()
    except ValueError as error:
        return [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    raise AssertionError("no error")


class Fails(torchkeras.layers.Layer):
    def call(self, x):
        if not isinstance(x, torch.Tensor) or x.device.type != "meta":
            raise ValueError("not today")
        return x


@pytest.mark.parametrize("method", ["fit", "train_on_batch", "predict", "evaluate"])
def test_tracebacks_show_what_the_user_wrote(method):
    model = torchkeras.Sequential([torchkeras.Input((6,)), Fails(), torchkeras.layers.Dense(1)])
    model.compile("sgd", "mse")
    data = (X,) if method == "predict" else (X, TARGETS)
    room = os.path.dirname(torchkeras.__file__) + os.sep
    assert torchkeras.config.is_traceback_filtering_enabled()
    short = frames_of(lambda: getattr(model, method)(*data))
    torchkeras.config.disable_traceback_filtering()
    try:
        whole = frames_of(lambda: getattr(model, method)(*data))
    finally:
        torchkeras.config.enable_traceback_filtering()
    assert short[0] == short[-1] == whole[0] == whole[-1] == __file__
    ours = [name for name in short if name.startswith(room)]
    # What is left are the doors that the call went in by.
    assert len(ours) <= 3 < 8 < sum(name.startswith(room) for name in whole)
