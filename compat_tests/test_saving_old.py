"""Files of Keras 1 and Keras 2 before tf.keras, laid out by hand as those wrote them.

The numbers come from real Keras of today with the same weights.
"""

import json

import h5py
import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.test_saving import fill, next_losses, real

# Keras's variables and NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation")
RNG = np.random.default_rng(8)
X = RNG.normal(size=(5, 3)).astype("float32")
Y = RNG.normal(size=(5, 2)).astype("float32")
STEPS = RNG.normal(size=(4, 6, 3)).astype("float32")
IMAGES = RNG.normal(size=(2, 7, 6, 3)).astype("float32")
WORDS = RNG.integers(1, 9, (4, 6)).astype("int32")


def written(path, version, config, weights, training=None, optimizer=(), backend=None):
    """A file of a whole model; `weights` are the names and arrays of each layer by its name."""

    def put(group, arrays):
        group.attrs["weight_names"] = [name.encode() for name, _ in arrays]
        for name, array in arrays:
            group.create_dataset(name, data=array)

    with h5py.File(path, "w") as file:
        for place in (file, file.create_group("model_weights")):
            if version:
                place.attrs["keras_version"] = version.encode()
            if backend:
                place.attrs["backend"] = backend.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        layers = file["model_weights"]
        layers.attrs["layer_names"] = [name.encode() for name in weights]
        for name, arrays in weights.items():
            put(layers.create_group(name), arrays)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training).encode()
        if optimizer:
            put(file.create_group("optimizer_weights"), list(optimizer))
    return path


def load(path, **kwargs):
    return torchkeras.saving.load_model(path, **kwargs)


def assert_predicts(model, theirs, x):
    expected = real(theirs.predict, x, verbose=0)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5)


def named(prefix, arrays, names):
    return [(f"{prefix}_{name}", array) for name, array in zip(names, arrays, strict=True)]


# ---- Keras 1 ----

OF_KERAS_1 = {
    "init": "glorot_uniform",
    "trainable": True,
    "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.01},
    "b_regularizer": None,
    "activity_regularizer": None,
    "W_constraint": {"name": "MaxNorm", "m": 3, "axis": 0},
    "b_constraint": None,
    "bias": True,
}
INPUT_1 = {"batch_input_shape": [None, 3], "input_dtype": "float32"}


def dense_1(name, units, activation="linear", **more):
    inner = {**OF_KERAS_1, "name": name, "output_dim": units, "activation": activation, **more}
    if "input_dim" not in inner:
        inner["input_dim"] = None
    return {"class_name": "Dense", "config": inner}


def of_adam(model):
    """The moments of an optimizer of today, slot by slot."""
    slots = [v.value.detach().numpy() for v in model.optimizer.variables[2:]]
    return slots[::2] + slots[1::2]


@pytest.mark.parametrize("names", ["param_{}", "Variable_{}:0", "training/Adam/Variable_{}:0"])
def test_sequential_of_keras_1(names, tmp_path):
    layers = [
        keras.Input((3,)),
        keras.layers.Dense(4, "relu", kernel_regularizer=keras.regularizers.L2(0.01)),
    ]
    theirs = fill(
        keras.Sequential(
            [*layers, keras.layers.Dense(2, kernel_regularizer=keras.regularizers.L2(0.01))]
        )
    )
    theirs.compile(keras.optimizers.Adam(0.01, epsilon=1e-8), "mse", metrics=["mae"])
    next_losses(theirs, 2, X, Y)
    arrays = theirs.get_weights()
    config = [
        dense_1("dense_1", 4, "relu", **INPUT_1, input_dim=3),
        {"class_name": "Dropout", "config": {"p": 0.0, "name": "dropout_1", "trainable": True}},
        dense_1("dense_2", 2),
    ]
    adam = {"lr": 0.01, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8, "decay": 0.0}
    state = [np.float32(2.0), *of_adam(theirs)]
    path = written(
        tmp_path / "m.h5",
        "1.2.2",
        {"class_name": "Sequential", "config": config},
        {
            "dense_1": named("dense_1", arrays[:2], "Wb"),
            "dropout_1": [],
            "dense_2": named("dense_2", arrays[2:], "Wb"),
        },
        training={
            "optimizer_config": {"class_name": "Adam", "config": adam},
            "loss": "mse",
            "metrics": ["mae"],
            "sample_weight_mode": None,
            "loss_weights": None,
        },
        optimizer=[(names.format(i), value) for i, value in enumerate(state)],
    )
    model = load(path)
    assert [layer.name for layer in model.layers] == ["dense_1", "dropout_1", "dense_2"]
    assert model.layers[0].kernel_constraint.max_value == 3
    assert_predicts(model, theirs, X)
    # The constraint is not in force: the weights are small.
    np.testing.assert_allclose(next_losses(model, 3, X, Y), next_losses(theirs, 3, X, Y), rtol=1e-5)


@pytest.mark.parametrize("backend", ["tensorflow", "theano"])
def test_convolutions_of_keras_1(backend, tmp_path):
    k = keras.layers
    theirs = fill(
        keras.Sequential(
            [
                keras.Input((3, 7, 6)),
                k.Permute((2, 3, 1)),
                k.Conv2D(4, (3, 2), padding="same", activation="relu"),
                k.BatchNormalization(),
                k.MaxPooling2D(),
                k.Permute((3, 1, 2)),
                k.Flatten(),
                k.Dense(2),
            ]
        )
    )
    kernel, bias, *norm, dense, dense_bias = theirs.get_weights()
    if backend == "theano":
        kernel = kernel[::-1, ::-1]
    common = {**OF_KERAS_1, "dim_ordering": "th", "border_mode": "same", "subsample": [1, 1]}
    config = [
        {
            "class_name": "Convolution2D",
            "config": {
                **common,
                "name": "convolution2d_1",
                "nb_filter": 4,
                "nb_row": 3,
                "nb_col": 2,
                "activation": "relu",
                "batch_input_shape": [None, 3, 7, 6],
                "input_dtype": "float32",
            },
        },
        {
            "class_name": "BatchNormalization",
            "config": {
                "name": "norm",
                "axis": 1,
                "mode": 0,
                "momentum": 0.99,
                "epsilon": 0.001,
                "beta_regularizer": None,
                "gamma_regularizer": None,
                "trainable": True,
            },
        },
        {
            "class_name": "MaxPooling2D",
            "config": {
                "name": "pool",
                "pool_size": [2, 2],
                "strides": [2, 2],
                "border_mode": "valid",
                "dim_ordering": "th",
                "trainable": True,
            },
        },
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        dense_1("dense_1", 2),
    ]
    path = written(
        tmp_path / "m.h5",
        "1.2.0",
        {"class_name": "Sequential", "config": config},
        {
            "convolution2d_1": named("conv", [kernel.transpose(3, 2, 0, 1), bias], "Wb"),
            "norm": named("norm", norm, ["gamma", "beta", "running_mean", "running_std"]),
            "pool": [],
            "flatten_1": [],
            "dense_1": named("dense", [dense, dense_bias], "Wb"),
        },
        backend=backend,
    )
    assert_predicts(load(path), theirs, IMAGES.transpose(0, 3, 1, 2).copy())


def gate_by_gate(arrays, gates):
    """Weights of a recurrent layer of Keras 1: W, U and b of one gate, then of the next."""
    split = [np.split(array, len(gates), axis=-1) for array in arrays]
    names = [kind + gate for gate in gates for kind in "WUb"]
    order = {"icfo": (0, 2, 1, 3), "zrh": (0, 1, 2)}[gates]
    return list(zip(names, [split[kind][gate] for gate in order for kind in range(3)]))


def test_recurrent_layers_of_keras_1(tmp_path):
    k = keras.layers

    def hard(x):
        return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)

    theirs = fill(
        keras.Sequential(
            [
                keras.Input((6,), dtype="int32"),
                k.Embedding(9, 3),
                k.Conv1D(4, 2, activation="tanh"),
                k.LSTM(3, recurrent_activation=hard, return_sequences=True),
                k.GRU(3, recurrent_activation=hard, reset_after=False),
                k.Dense(2),
            ]
        )
    )
    embeddings, kernel, bias, *rest = theirs.get_weights()
    recurrent = {
        "inner_init": "orthogonal",
        "inner_activation": "hard_sigmoid",
        "activation": "tanh",
        "U_regularizer": None,
        "W_regularizer": None,
        "b_regularizer": None,
        "dropout_U": 0.0,
        "dropout_W": 0.0,
        "consume_less": "cpu",
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "init": "glorot_uniform",
        "input_dim": 4,
        "input_length": None,
        "output_dim": 3,
        "trainable": True,
    }
    config = [
        {
            "class_name": "Embedding",
            "config": {
                "name": "embedding_1",
                "input_dim": 9,
                "output_dim": 3,
                "init": "uniform",
                "input_length": 6,
                "mask_zero": False,
                "activity_regularizer": None,
                "W_regularizer": None,
                "W_constraint": None,
                "dropout": 0.0,
                "batch_input_shape": [None, 6],
                "input_dtype": "int32",
                "trainable": True,
            },
        },
        {
            "class_name": "Convolution1D",
            "config": {
                "name": "conv",
                "nb_filter": 4,
                "filter_length": 2,
                "border_mode": "valid",
                "subsample_length": 1,
                "activation": "tanh",
                **OF_KERAS_1,
            },
        },
        {
            "class_name": "LSTM",
            "config": {
                **recurrent,
                "name": "lstm_1",
                "return_sequences": True,
                "forget_bias_init": "one",
            },
        },
        {"class_name": "GRU", "config": {**recurrent, "name": "gru_1", "return_sequences": False}},
        dense_1("dense_1", 2),
    ]
    path = written(
        tmp_path / "m.h5",
        "1.1.2",
        {"class_name": "Sequential", "config": config},
        {
            "embedding_1": [("embedding_1_W", embeddings)],
            "conv": named("conv", [kernel[:, None], bias], "Wb"),
            "lstm_1": gate_by_gate(rest[:3], "icfo"),
            "gru_1": gate_by_gate(rest[3:6], "zrh"),
            "dense_1": named("dense_1", rest[6:], "Wb"),
        },
    )
    model = load(path)
    assert_predicts(model, theirs, WORDS)
    # What is written of it means the same when it comes back.
    model.save(tmp_path / "again.keras")
    assert_predicts(load(tmp_path / "again.keras"), theirs, WORDS)


@pytest.mark.parametrize("mode", ["concat", "sum", "mul", "ave", "max"])
def test_sequential_of_keras_1_that_begins_with_branches(mode, tmp_path):
    k = keras.layers
    a, b = keras.Input((3,)), keras.Input((3,))
    left, right = k.Dense(4, "tanh", name="l")(a), k.Dense(4, name="r")(k.Dense(2, name="q")(b))
    kinds = {"sum": k.Add, "mul": k.Multiply, "ave": k.Average, "max": k.Maximum}
    both = kinds.get(mode, k.Concatenate)()([left, right])
    theirs = fill(keras.Model([a, b], k.Dense(1, name="end")(both)))

    def branch(*layers):
        return {"class_name": "Sequential", "config": list(layers)}

    merge = {
        "name": "merge_1",
        "mode": mode,
        "mode_type": "raw",
        "concat_axis": -1,
        "dot_axes": -1,
        "arguments": {},
        "output_shape": None,
        "output_mask": None,
        "layers": [
            branch(dense_1("l", 4, "tanh", **INPUT_1)),
            branch(dense_1("q", 2, **INPUT_1), dense_1("r", 4)),
        ],
    }
    config = [{"class_name": "Merge", "config": merge}, dense_1("end", 1)]
    weights = {
        name: named(name, theirs.get_layer(name).get_weights(), "Wb")
        for name in ("l", "q", "r", "end")
    }
    path = written(
        tmp_path / "m.h5", "1.0.8", {"class_name": "Sequential", "config": config}, weights
    )
    assert_predicts(load(path), theirs, [X, X[::-1].copy()])


def test_graph_of_keras_1(tmp_path):
    k = keras.layers
    a, b = keras.Input((3,), name="a"), keras.Input((3,), name="b")
    tower = k.Dense(4, name="tower")
    x = k.Concatenate(axis=1)([tower(a), k.LeakyReLU(0.2)(tower(b))])
    theirs = fill(keras.Model([a, b], k.Dense(2, name="end")(x)))

    def source(name):
        inner = {"name": name, "batch_input_shape": [None, 3], "input_dtype": "float32"}
        inner["sparse"] = False
        return {"class_name": "InputLayer", "config": inner, "name": name, "inbound_nodes": []}

    def node(entry, *calls):
        return {**entry, "name": entry["config"]["name"], "inbound_nodes": [list(c) for c in calls]}

    merge = {"name": "merge_1", "mode": "concat", "concat_axis": 1, "dot_axes": -1}
    leaky = {"name": "leaky", "alpha": 0.2, "trainable": True}
    config = {
        "name": "model_1",
        "layers": [
            source("a"),
            source("b"),
            node(dense_1("tower", 4), [["a", 0, 0]], [["b", 0, 0]]),
            node({"class_name": "LeakyReLU", "config": leaky}, [["tower", 1, 0]]),
            node({"class_name": "Merge", "config": merge}, [["tower", 0, 0], ["leaky", 0, 0]]),
            node(dense_1("end", 2), [["merge_1", 0, 0]]),
        ],
        "input_layers": [["a", 0, 0], ["b", 0, 0]],
        "output_layers": [["end", 0, 0]],
    }
    weights = {
        name: named(name, theirs.get_layer(name).get_weights(), "Wb") for name in ("tower", "end")
    }
    path = written(tmp_path / "m.h5", "1.2.2", {"class_name": "Model", "config": config}, weights)
    assert_predicts(load(path), theirs, [X, X[::-1].copy()])


# ---- Keras 2 ----


def dense_2(name, units, **more):
    inner = {
        "name": name,
        "trainable": True,
        "units": units,
        "activation": "linear",
        "use_bias": True,
        "kernel_initializer": {
            "class_name": "VarianceScaling",
            "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
        },
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }
    return {"class_name": "Dense", "config": {**inner, **more}}


def on_cudnn(arrays, gates):
    """Weights of a recurrent layer as the layers on cuDNN had them."""
    kernel, recurrent, bias = arrays

    def by_gate(array, change):
        return np.concatenate([change(part) for part in np.split(array, gates, axis=1)], axis=1)

    kernel = by_gate(kernel, lambda k: k.T.reshape(k.shape))
    recurrent = by_gate(recurrent, lambda k: k.T)
    bias = np.concatenate([0.3 * bias, 0.7 * bias]) if bias.ndim == 1 else bias.ravel()
    return list(zip(("kernel:0", "recurrent_kernel:0", "bias:0"), (kernel, recurrent, bias)))


def test_layers_on_cudnn(tmp_path):
    k = keras.layers
    theirs = fill(
        keras.Sequential(
            [
                keras.Input((6, 3)),
                k.LSTM(4, return_sequences=True),
                k.GRU(2, reset_after=True, return_sequences=True),
                k.Bidirectional(k.LSTM(3)),
            ]
        )
    )

    def cudnn(name, kind, units, sequences=True, **more):
        inner = {
            "name": name,
            "trainable": True,
            "return_sequences": sequences,
            "return_state": False,
            "go_backwards": False,
            "stateful": False,
            "units": units,
            "kernel_regularizer": None,
        }
        inner |= {"unit_forget_bias": True} if kind == "CuDNNLSTM" else {}
        return {"class_name": kind, "config": {**inner, **more}}

    both = {
        "name": "both",
        "trainable": True,
        "layer": cudnn("inside", "CuDNNLSTM", 3, sequences=False),
        "merge_mode": "concat",
    }
    config = {
        "name": "sequential_1",
        "layers": [
            cudnn("lstm", "CuDNNLSTM", 4, batch_input_shape=[None, 6, 3], dtype="float32"),
            cudnn("gru", "CuDNNGRU", 2),
            {"class_name": "Bidirectional", "config": both},
        ],
    }
    w = theirs.get_weights()
    ways = [on_cudnn(w[6:9], 4), on_cudnn(w[9:12], 4)]
    path = written(
        tmp_path / "m.h5",
        "2.2.4",
        {"class_name": "Sequential", "config": config},
        {
            "lstm": on_cudnn(w[:3], 4),
            "gru": on_cudnn(w[3:6], 3),
            "both": [(f"both/{way}/{n}", a) for way, own in zip("fb", ways) for n, a in own],
        },
        backend="tensorflow",
    )
    assert_predicts(load(path), theirs, STEPS)


OPTIMIZERS_2 = {
    "SGD": ({"lr": 0.1, "momentum": 0.9, "decay": 0.0, "nesterov": True}, 1, True),
    "Adam": ({"lr": 0.01, "epsilon": 1e-7, "decay": 0.0, "amsgrad": False}, 2, True),
    "Adadelta": ({"lr": 1.0, "rho": 0.95, "decay": 0.0, "epsilon": 1e-7}, 2, False),
    "Adamax": ({"lr": 0.01, "epsilon": 1e-7, "decay": 0.0}, 2, True),
}


@pytest.mark.parametrize("name", OPTIMIZERS_2)
def test_optimizers_of_keras_2(name, tmp_path):
    arguments, slots, has_counter = OPTIMIZERS_2[name]
    layers = [keras.Input((3,)), keras.layers.Dense(2, kernel_regularizer="l2", name="end")]
    theirs = fill(keras.Sequential(layers))
    modern = {{"lr": "learning_rate"}.get(k, k): v for k, v in arguments.items() if k != "decay"}
    theirs.compile(getattr(keras.optimizers, name)(**modern), "mse")
    next_losses(theirs, 2, X, Y)
    values = [v.value.detach().numpy() for v in theirs.optimizer.variables[2:]]
    state = [value for slot in range(slots) for value in values[slot::slots]]
    if name == "Adam":
        state += [np.zeros(1, "float32")] * 2  # in the place of the third moments
    if has_counter:
        state.insert(0, np.int64(2))
    config = {"name": "s", "layers": [dense_2("end", 2, batch_input_shape=[None, 3])]}
    path = written(
        tmp_path / "m.h5",
        "2.2.4",
        {"class_name": "Sequential", "config": config},
        {"end": named("end/end", theirs.get_weights(), ["kernel:0", "bias:0"])},
        training={
            "optimizer_config": {"class_name": name, "config": arguments},
            "loss": "mean_squared_error",
            "metrics": [],
            "loss_weights": None,
            "sample_weight_mode": None,
        },
        optimizer=[(f"training/{name}/Variable_{i}:0", v) for i, v in enumerate(state)],
        backend="tensorflow",
    )
    model = load(path)
    assert_predicts(model, theirs, X)
    np.testing.assert_allclose(next_losses(model, 3, X, Y), next_losses(theirs, 3, X, Y), rtol=1e-5)


def test_decay_of_old_optimizers(tmp_path):
    config = {"name": "s", "layers": [dense_2("end", 2, batch_input_shape=[None, 3])]}
    sgd = {"lr": 0.1, "momentum": 0.0, "decay": 0.5, "nesterov": False}
    weights = [np.ones((3, 2), "float32"), np.zeros(2, "float32")]
    path = written(
        tmp_path / "m.h5",
        "2.1.0",
        {"class_name": "Sequential", "config": config},
        {"end": named("end", weights, ["kernel:0", "bias:0"])},
        training={
            "optimizer_config": {"class_name": "SGD", "config": sgd},
            "loss": "mean_squared_error",
            "metrics": ["accuracy"],
        },
    )
    model = load(path)
    next_losses(model, 2, X, Y)
    w, b = (torch.tensor(value, requires_grad=True) for value in weights)
    for step in range(2):
        loss = ((torch.tensor(X) @ w + b - torch.tensor(Y)) ** 2).mean() + 0.01 * (w**2).sum()
        gradients = torch.autograd.grad(loss, [w, b])
        with torch.no_grad():
            for value, gradient in zip((w, b), gradients):
                value -= 0.1 / (1 + 0.5 * step) * gradient
    for mine, value in zip(model.get_weights(), (w, b)):
        np.testing.assert_allclose(mine, value.detach().numpy(), rtol=1e-5, atol=1e-6)


# ---- weights alone ----


def small(k, hidden=4, names=("first", "second")):
    layers = [k.layers.Dense(hidden, name=names[0]), k.layers.Dense(2, name=names[1])]
    return k.Sequential([k.Input((3,)), *layers])


def test_by_name(tmp_path):
    source = fill(small(keras, names=("other", "second")))
    path = str(tmp_path / "w.h5")
    written_weights(path, source)
    model = fill(small(torchkeras), seed=9)
    before = model.get_weights()
    model.load_weights(path, by_name=True)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[2], source.get_weights()[2])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], source.get_weights()[0])


def written_weights(path, model):
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        file.attrs["keras_version"] = b"2.2.4"
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{layer.name}/{i}:0" for i in range(len(layer.weights))]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, value in zip(names, layer.get_weights()):
                group[name] = value


@pytest.mark.parametrize("by_name", [False, True])
def test_mismatch(by_name, tmp_path):
    path = str(tmp_path / "w.h5")
    written_weights(path, fill(small(keras, hidden=5)))
    model = fill(small(torchkeras), seed=9)
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"Shape mismatch in layer #0 \(named first\)"):
        model.load_weights(path, by_name=by_name)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="Skipping loading") as caught:
        model.load_weights(path, by_name=by_name, skip_mismatch=True)
    assert len(caught) == 3
    after = model.get_weights()
    for i in range(3):
        np.testing.assert_array_equal(after[i], before[i])
    assert not np.array_equal(after[3], before[3])


def test_another_number_of_layers(tmp_path):
    path = str(tmp_path / "w.h5")
    written_weights(path, fill(small(keras)))
    model = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Dense(4)])
    with pytest.raises(ValueError, match="Layer count mismatch"):
        model.load_weights(path)


def test_by_name_in_other_formats(tmp_path):
    model = small(torchkeras)
    for name in ("m.weights.h5", "m.keras"):
        path = str(tmp_path / name)
        model.save_weights(path) if "weights" in name else model.save(path)
        with pytest.raises(ValueError, match="by_name"):
            model.load_weights(path, by_name=True)


def test_function_of_the_user_by_its_bare_name(tmp_path):
    config = {"name": "s", "layers": [dense_2("end", 2, batch_input_shape=[None, 3])]}
    config["layers"][0]["config"]["activation"] = "half"
    weights = [np.ones((3, 2), "float32"), np.zeros(2, "float32")]
    path = written(
        tmp_path / "m.h5",
        "2.2.0",
        {"class_name": "Sequential", "config": config},
        {"end": named("end", weights, ["kernel:0", "bias:0"])},
    )
    with pytest.raises(ValueError, match="half"):
        load(path)
    model = load(path, custom_objects={"half": lambda x: x / 2})
    np.testing.assert_allclose(
        model.predict(X, verbose=0), X @ weights[0] / 2, rtol=1e-5, atol=1e-6
    )


def test_unknown_arguments_are_named(tmp_path):
    layer = dense_2("end", 2, batch_input_shape=[None, 3], shortcut="diagonal", groups=1)
    config = {"name": "s", "layers": [layer]}
    weights = [np.ones((3, 2), "float32"), np.zeros(2, "float32")]
    path = written(
        tmp_path / "m.h5",
        "2.9.0",
        {"class_name": "Sequential", "config": config},
        {"end": named("end", weights, ["kernel:0", "bias:0"])},
    )
    with pytest.warns(UserWarning, match="shortcut.*diagonal"):
        load(path)
