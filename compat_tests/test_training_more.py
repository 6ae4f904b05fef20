"""What training takes and reports beyond the common cases: the same scripts on real Keras."""

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch.utils.data import DataLoader

import torchkeras
from compat_tests.test_training import (
    BINARY,
    LABELS,
    ONE_HOT,
    TARGETS,
    WEIGHTS,
    X2,
    X,
    classifier,
    fill,
    fitted,
    oracle,
    same,
    two_ends,
)

CLASS_WEIGHT = {0: 1.0, 1: 2.0, 2: 0.5, 3: 3.0}


def compiled(k, optimizer="sgd", loss="sparse_categorical_crossentropy", **kwargs):
    model = classifier(k)
    model.compile(optimizer, loss, **kwargs)
    return model


# ---------------------------------------------------------------- weights of classes and samples


def class_weights_of_columns(k):
    model = compiled(k, weighted_metrics=["accuracy"])
    return fitted(model, X, LABELS[:, None], class_weight=CLASS_WEIGHT)


def class_weights_of_one_hot_rows(k):
    model = compiled(k, loss="categorical_crossentropy", weighted_metrics=["accuracy"])
    return fitted(model, X, ONE_HOT, class_weight=CLASS_WEIGHT)


def class_weights_of_two_classes(k):
    model = classifier(k, "sigmoid", 1)
    model.compile("sgd", "binary_crossentropy", weighted_metrics=["accuracy"])
    return fitted(model, X, BINARY, class_weight={0: 1.0, 1: 5.0})


def class_weights_of_some_classes(k):
    return fitted(compiled(k), X, LABELS, class_weight={2: 3.0})


def class_weights_with_validation(k):
    model = compiled(k, metrics=["accuracy"])
    return fitted(model, X, LABELS, class_weight=CLASS_WEIGHT, validation_split=0.3)


def weights_for_each_output(k):
    model = two_ends(k)
    model.compile(
        "sgd",
        ["sparse_categorical_crossentropy", "mse"],
        metrics=[["accuracy"], ["mae"]],
        weighted_metrics=[["accuracy"], ["mae", "mse"]],
    )
    return fitted(
        model, [X, X2], [LABELS, TARGETS], sample_weight=[WEIGHTS, WEIGHTS[::-1].copy()]
    ), model.evaluate(
        [X, X2], [LABELS, TARGETS], sample_weight=[WEIGHTS, WEIGHTS], verbose=0, return_dict=True
    )


def weights_by_output_name(k):
    model = two_ends(k, as_dict=True)
    model.compile("sgd", {"kind": "sparse_categorical_crossentropy", "size": "mae"})
    return fitted(
        model,
        {"a": X, "b": X2},
        {"kind": LABELS, "size": TARGETS},
        sample_weight={"kind": WEIGHTS, "size": WEIGHTS * 2},
    )


def weights_by_step(k):
    model = fill(
        k.Sequential([k.Input((5, 3)), k.layers.Dense(4), k.layers.Dense(2, activation="softmax")])
    )
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 5, 3)).astype("float32"), rng.integers(0, 2, (20, 5))
    return fitted(model, x, y, sample_weight=rng.random((20, 5)).astype("float32"), batch_size=8)


def zero_weights(k):
    model = compiled(k, weighted_metrics=["accuracy"])
    return fitted(model, X, LABELS, sample_weight=np.zeros(70, "float32"))


# ---------------------------------------------------------------- outputs, metrics, their names


def one_loss_for_all_outputs(k):
    inputs = k.Input((6,))
    outputs = [k.layers.Dense(1, name=name)(inputs) for name in ("one", "other")]
    model = fill(k.Model(inputs, outputs))
    model.compile("sgd", "mse", metrics=["mae", "mse"])
    return fitted(model, X, [TARGETS, -TARGETS], validation_split=0.2)


def metrics_on_one_output(k):
    model = two_ends(k, as_dict=True)
    model.compile(
        "sgd",
        {"kind": "sparse_categorical_crossentropy", "size": "mse"},
        metrics={"size": ["mae", k.metrics.RootMeanSquaredError(name="root")]},
        weighted_metrics={"kind": "accuracy"},
    )
    return fitted(model, [X, X2], {"kind": LABELS, "size": TARGETS}, validation_split=0.2)


def nested_outputs(k):
    """Losses, weights and metrics as structures, and targets in the structure of the outputs."""

    def trained(outputs_of, targets, loss, **kwargs):
        inputs = {"left": k.Input((6,), name="left"), "right": (k.Input((3,), name="right"),)}
        a = k.layers.Dense(1, name="first")(inputs["left"])
        b, c = (k.layers.Dense(1, name=name)(inputs["right"][0]) for name in ("second", "third"))
        model = fill(k.Model(inputs, outputs_of(a, b, c)))
        model.compile("sgd", loss, **kwargs)
        x = {"left": X, "right": (X2,)}
        return fitted(model, x, targets), model.predict(x, verbose=0)

    y, two = TARGETS, (-TARGETS, 2 * TARGETS)
    dicts = (lambda a, b, c: {"e": c, "d": {"b": b}, "a": a}), {"a": y, "d": {"b": -y}, "e": 2 * y}
    lists = (lambda a, b, c: [a, (b, c)]), [y, two]
    both = (lambda a, b, c: {"z": a, "deep": [b, c]}), {"z": y, "deep": list(two)}
    weights = {"a": 1.0, "d": {"b": 0.5}, "e": 3.0}
    return [
        trained(*dicts, "mse"),
        trained(*dicts, {"a": "mse", "d": {"b": "mae"}}),
        trained(*dicts, {"a": "mse", "d": {"b": "mae"}, "e": "mse"}, loss_weights=weights),
        trained(*lists, "mse"),
        trained(*lists, ["mse", ("mae", "mse")], loss_weights=[1.0, (0.5, 0.1)]),
        trained(*lists, "mse", metrics=[["mae"], [["mse"], ["mae"]]]),
        trained(*both, {"z": "mse", "deep": ["mae", "mse"]}),
        trained(*both, {"z": "mse"}),
    ]


def metrics_of_all_kinds(k):
    model = compiled(
        k,
        loss="categorical_crossentropy",
        metrics=[
            "accuracy",
            k.metrics.Precision(name="p"),
            k.metrics.Recall(class_id=1, name="r"),
            k.metrics.AUC(name="area"),
            k.metrics.TopKCategoricalAccuracy(2),
            k.metrics.F1Score(average="macro", name="f1"),
            "kl_divergence",
        ],
    )
    return fitted(model, X, ONE_HOT, validation_split=0.2)


def own_metric(k):
    class Counted(k.metrics.Metric):
        def __init__(self, name="counted", **kwargs):
            super().__init__(name=name, **kwargs)
            self.rows = self.add_weight(name="rows", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            values = k.ops.cast(k.ops.equal(k.ops.argmax(y_pred, -1), y_true), "float32")
            if sample_weight is not None:
                values = values * k.ops.cast(sample_weight, "float32")
            self.rows.assign_add(k.ops.sum(values))

        def result(self):
            return self.rows + 0

    model = compiled(k, metrics=[Counted()], weighted_metrics=[Counted(name="weighted")])
    return fitted(model, X, LABELS, validation_split=0.2, sample_weight=WEIGHTS)


def added_metrics(k):
    class Own(k.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.size = k.metrics.Mean(name="size")

        def call(self, x):
            self.size.update_state(k.ops.mean(k.ops.abs(x)))
            return x

    model = fill(k.Sequential([k.Input((6,)), k.layers.Dense(4), Own(), k.layers.Dense(1)]))
    model.compile("sgd", "mse")
    return fitted(model, X, TARGETS), [m.name for m in model.metrics]


def loss_objects_by_name(k):
    found = []
    for loss in ("MeanSquaredError", "mse", "mean_squared_error", "Huber", "log_cosh"):
        model = classifier(k, None, 1)
        model.compile("sgd", loss)
        found.append(fitted(model, X, TARGETS, epochs=1))
    return found


def loss_weights_of_one_output(k):
    model = classifier(k, None, 1)
    model.compile("sgd", "mse", loss_weights=[0.25], metrics=["mse"])
    return fitted(model, X, TARGETS)


# ---------------------------------------------------------------- epochs, steps, validation


def validation_on_given_epochs(k):
    return fitted(compiled(k), X, LABELS, epochs=6, validation_split=0.2, validation_freq=[1, 4, 6])


def going_on(k):
    model = compiled(k, "adam", metrics=["accuracy"])
    return (
        fitted(model, X, LABELS, epochs=2),
        fitted(model, X, LABELS, initial_epoch=2, epochs=5),
        fitted(model, X, LABELS, initial_epoch=5, epochs=3),
    )


def steps_and_epochs_of_a_generator_that_goes_on(k):
    def batches():
        while True:
            for i in range(0, 64, 16):
                yield X[i : i + 16], LABELS[i : i + 16]

    model = compiled(k, metrics=["accuracy"])
    return fitted(
        model,
        batches(),
        steps_per_epoch=3,
        epochs=3,
        batch_size=None,
        validation_data=(X[:20], LABELS[:20]),
        validation_steps=2,
    )


def one_batch(k):
    model = compiled(k, metrics=["accuracy"])
    return fitted(model, X[:5], LABELS[:5]), fitted(model, X[:1], LABELS[:1])


def stop_in_the_middle(k):
    class Stop(k.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 2:
                self.model.stop_training = True

    model = compiled(k)
    return fitted(model, X, LABELS, epochs=4, callbacks=[Stop()])


# ---------------------------------------------------------------- optimizers in fit


def averaged(k):
    model = compiled(k, k.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.8))
    return fitted(model, X, LABELS, validation_split=0.3)


def averaged_and_overwritten(k):
    optimizer = k.optimizers.Adam(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3)
    return fitted(compiled(k, optimizer), X, LABELS)


def accumulated(k):
    optimizer = k.optimizers.Adam(0.05, gradient_accumulation_steps=3)
    model = compiled(k, optimizer)
    return fitted(model, X, LABELS), int(model.optimizer.iterations)


def decayed_except_for_biases(k):
    optimizer = k.optimizers.SGD(0.1, weight_decay=0.2)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    return fitted(compiled(k, optimizer), X, LABELS)


def clipped(k):
    return [
        fitted(compiled(k, k.optimizers.SGD(1.0, **{name: 0.05})), X, LABELS)
        for name in ("clipnorm", "global_clipnorm", "clipvalue")
    ]


def scaled(k):
    inner = k.optimizers.SGD(0.1)
    optimizer = k.optimizers.LossScaleOptimizer(inner, initial_scale=8.0, dynamic_growth_steps=4)
    model = compiled(k, optimizer)
    return fitted(model, X, LABELS), float(k.ops.convert_to_numpy(optimizer.dynamic_scale))


def scaled_by_a_factor(k):
    return fitted(compiled(k, k.optimizers.Adam(0.05, loss_scale_factor=64.0)), X, LABELS)


def constrained(k):
    model = k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(5, kernel_constraint=k.constraints.MaxNorm(0.5)),
            k.layers.Dense(1, kernel_constraint="non_neg", bias_constraint="unit_norm"),
        ]
    )
    fill(model).compile(k.optimizers.SGD(0.1), "mse")
    return fitted(model, X, TARGETS)


def scheduled_within(k):
    found = []
    schedules = k.optimizers.schedules
    for schedule in (
        schedules.CosineDecay(0.1, 6, warmup_target=0.5, warmup_steps=2),
        schedules.PiecewiseConstantDecay([2, 5], [0.5, 0.1, 0.01]),
        schedules.PolynomialDecay(0.1, 4, cycle=True),
    ):
        model = compiled(k, k.optimizers.SGD(schedule))
        found.append(fitted(model, X, LABELS))
        found.append(float(k.ops.convert_to_numpy(model.optimizer.learning_rate)))
    return found


def rate_set_between_fits(k):
    model = compiled(k, k.optimizers.Adam(0.1))
    first = fitted(model, X, LABELS)
    model.optimizer.learning_rate = 0.001
    second = fitted(model, X, LABELS)
    model.optimizer.learning_rate.assign(0.05)
    return first, second, fitted(model, X, LABELS)


def compiled_again(k):
    model = compiled(k, k.optimizers.Adam(0.1))
    first = fitted(model, X, LABELS)
    model.layers[0].trainable = False
    model.compile(k.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return first, fitted(model, X, LABELS)


def plateau(k):
    model = compiled(k, k.optimizers.SGD(2.0), metrics=["accuracy"])
    reduce = k.callbacks.ReduceLROnPlateau(
        monitor="val_accuracy", factor=0.3, patience=1, cooldown=1, min_delta=0.01, min_lr=0.05
    )
    return fitted(model, X, LABELS, validation_split=0.3, epochs=8, callbacks=[reduce])


def stopping(k):
    found = []
    for options in (
        {"monitor": "val_loss", "patience": 1, "start_from_epoch": 2},
        {"monitor": "accuracy", "mode": "max", "baseline": 0.9, "patience": 2},
        {"monitor": "loss", "min_delta": 0.05},
    ):
        model = compiled(k, k.optimizers.SGD(1.0), metrics=["accuracy"])
        stop = k.callbacks.EarlyStopping(restore_best_weights=True, **options)
        found.append(fitted(model, X, LABELS, validation_split=0.3, epochs=9, callbacks=[stop]))
        found.append(stop.stopped_epoch)
    return found


# ---------------------------------------------------------------- data


def sparse_matrices(k):
    model = classifier(k, None, 1)
    model.compile("sgd", "mse")
    x = scipy.sparse.csr_matrix(np.where(np.abs(X) > 1, X, 0))
    return (
        fitted(model, x, TARGETS),
        model.predict(x, verbose=0),
        model.evaluate(x, TARGETS, verbose=0),
    )


def frames_by_column(k):
    inputs = {name: k.Input((1,), name=name) for name in ("age", "income")}
    both = k.layers.Concatenate()(list(inputs.values()))
    model = fill(k.Model(inputs, k.layers.Dense(1)(both)))
    model.compile("sgd", "mse")
    frame = pd.DataFrame({"age": X[:, 0], "income": X[:, 1]})
    return fitted(model, dict(frame), TARGETS), fitted(model, frame.to_dict("series"), TARGETS)


def integers_and_doubles(k):
    model = classifier(k, None, 1)
    model.compile("sgd", "mse", metrics=["mae"])
    return (
        fitted(model, X.astype("float64"), TARGETS.astype("float64")),
        fitted(model, (X * 3).astype("int64"), (TARGETS * 3).astype("int32")),
        fitted(model, X > 0, TARGETS > 0),
    )


def py_dataset(k):
    class Rows(k.utils.PyDataset):
        def __len__(self):
            return 5

        def __getitem__(self, index):
            part = slice(16 * index, 16 * (index + 1))
            return X[part], LABELS[part], WEIGHTS[part]

    model = compiled(k, weighted_metrics=["accuracy"])
    return fitted(model, Rows(), batch_size=None), model.evaluate(Rows(), verbose=0)


def unlabelled(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(6, kernel_initializer="ones")

        def call(self, x):
            y = self.dense(x)
            self.add_loss(k.ops.mean(k.ops.square(y - x)))
            return y

    model = Own()
    model.compile(k.optimizers.SGD(0.001))
    return fitted(model, X), fitted(model, DataLoader(torch.tensor(X), 16), batch_size=None)


def numbers_of_a_fit(k):
    """What callbacks find in `params`, and `History` in itself."""
    seen = []

    class Spy(k.callbacks.Callback):
        def on_train_begin(self, logs=None):
            seen.append(dict(self.params))

        def on_test_begin(self, logs=None):
            seen.append(dict(self.params))

        def on_predict_begin(self, logs=None):
            seen.append(dict(self.params))

    model = compiled(k)
    history = model.fit(
        X, LABELS, batch_size=16, epochs=3, verbose=0, callbacks=[Spy()], validation_split=0.2
    )
    model.evaluate(X, LABELS, verbose=0, callbacks=[Spy()])
    model.predict(X, verbose=0, callbacks=[Spy()])
    return seen, history.params, history.epoch


SCENARIOS = [
    value
    for name, value in list(globals().items())
    if callable(value) and getattr(value, "__module__", "") == __name__ and name != "compiled"
]


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_same_as_keras(scenario):
    theirs = oracle(scenario, keras)
    same(scenario(torchkeras), theirs)


class TwoHeads:
    """The body of a subclassed model with two outputs, which have no names."""

    def __init__(self, library):
        library.Model.__init__(self)
        self.first, self.second = library.layers.Dense(2), library.layers.Dense(1)

    def call(self, x):
        return self.first(x), self.second(x)


@pytest.mark.parametrize(
    "loss, metrics",
    [
        (["mse", "mae"], None),
        (["mse", "mae"], ["mae", "mse"]),
        (["mae", "mse"], [["mae"], ["mse", "mae"]]),
        ([keras.losses.MeanSquaredError, "mse"], [["mae"], []]),
    ],
)
def test_logs_of_outputs_without_names(loss, metrics):
    def keys(library):
        def own(given):
            return given if isinstance(given, str) else getattr(library.losses, given.__name__)()

        model = type("Model", (TwoHeads, library.Model), {})(library)
        model.compile("sgd", [own(given) for given in loss], metrics=metrics)
        x, y = np.ones((4, 3), "float32"), [np.ones((4, 2)), np.ones((4, 1))]
        return list(model.fit(x, y, verbose=0).history)

    assert keys(torchkeras) == keys(keras)


def test_two_losses_of_one_name_are_both_in_the_logs():
    model = type("Model", (TwoHeads, torchkeras.Model), {})(torchkeras)
    model.compile("sgd", ["mse", "mse"])
    logs = model.fit(np.ones((4, 3)), [np.ones((4, 2)), np.ones((4, 1))], verbose=0).history
    assert list(logs) == ["loss", "mse_loss", "mse_loss_1"]
