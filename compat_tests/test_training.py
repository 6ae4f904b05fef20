"""The training loop against real Keras: the same scripts run on both, from the same weights."""

import gc
import math
import resource
import warnings

import keras
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import torchkeras

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
    "metrics no list": (lambda: compiled(metrics="accuracy"), ValueError, "Expected `metrics`"),
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
