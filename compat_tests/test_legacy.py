"""Names of Keras 1 and 2: arguments, paths, members, and what the old words meant."""

import importlib
import warnings

import numpy as np
import pytest
import torch

import torchkeras as keras
from torchkeras import backend as K  # noqa: N812 - as scripts call it
from torchkeras import layers, regularizers
from torchkeras.legacy import _door, _paths
from torchkeras.legacy._renames import ARGUMENTS, ORDERS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

# ---------------------------------------------------------------- arguments

L2 = regularizers.L2(0.01)
# Class, the call in old words, the call in today's.
OLD_CALLS = [
    (
        "Dense",
        ((), {"output_dim": 4, "init": "uniform"}),
        ((4,), {"kernel_initializer": "uniform"}),
    ),
    ("Dense", ((4, "he_normal", "relu"), {}), ((4, "relu"), {"kernel_initializer": "he_normal"})),
    (
        "Dense",
        ((4,), {"W_regularizer": L2, "b_regularizer": L2, "b_constraint": "nonneg", "bias": True}),
        ((4,), {"kernel_regularizer": L2, "bias_regularizer": L2, "bias_constraint": "non_neg"}),
    ),
    ("Convolution2D", ((4, 3, 2), {}), ((4, (3, 2)), {})),
    ("Convolution2D", ((4, 3), {"nb_col": 2}), ((4, (3, 2)), {})),
    ("Convolution2D", ((4, (3, 2)), {}), ((4, (3, 2)), {})),
    (
        "Conv2D",
        ((4, 3, 3), {"border_mode": "same", "subsample": (2, 2), "dim_ordering": "th"}),
        ((4, (3, 3)), {"padding": "same", "strides": (2, 2), "data_format": "channels_first"}),
    ),
    ("Conv2D", ((4, 3, 2), {}), ((4, 3), {"strides": 2})),  # as in Keras 3
    (
        "Convolution1D",
        ((), {"nb_filter": 4, "filter_length": 3, "subsample_length": 2, "border_mode": "same"}),
        ((4, 3), {"strides": 2, "padding": "same"}),
    ),
    (
        "Convolution3D",
        ((4, 3, 2, 2), {"activation": "relu"}),
        ((4, (3, 2, 2)), {"activation": "relu"}),
    ),
    (
        "Deconvolution2D",
        ((4, 3, 3, (None, 8, 8, 4)), {"border_mode": "same"}),
        ((4, (3, 3)), {"padding": "same"}),
    ),
    (
        "SeparableConvolution2D",
        ((4, 3, 3), {"init": "he_normal"}),
        ((4, (3, 3)), {"depthwise_initializer": "he_normal", "pointwise_initializer": "he_normal"}),
    ),
    ("AtrousConvolution2D", ((4, 3, 3), {"atrous_rate": (2, 2)}), ((4, 3), {"dilation_rate": 2})),
    ("MaxPooling1D", ((), {"pool_length": 3, "stride": 2}), ((3, 2), {})),
    ("MaxPooling2D", (((2, 2),), {"border_mode": "same"}), ((2,), {"padding": "same"})),
    ("AveragePooling2D", ((), {}), ((2,), {})),
    ("GlobalMaxPooling2D", (("th",), {}), None),
    ("UpSampling1D", ((), {"length": 3}), ((3,), {})),
    (
        "LSTM",
        ((), {"output_dim": 4, "inner_init": "he_normal", "dropout_W": 0.1, "dropout_U": 0.2}),
        (
            (4,),
            {
                "recurrent_initializer": "he_normal",
                "dropout": 0.1,
                "recurrent_dropout": 0.2,
                "recurrent_activation": "hard_sigmoid",
            },
        ),
    ),
    (
        "LSTM",
        ((4,), {"inner_activation": "tanh", "forget_bias_init": "zero", "consume_less": "cpu"}),
        (
            (4,),
            {"recurrent_activation": "tanh", "unit_forget_bias": False, "implementation": 1},
        ),
    ),
    (
        "GRU",
        ((4,), {"U_regularizer": L2}),
        (
            (4,),
            {
                "recurrent_regularizer": L2,
                "recurrent_activation": "hard_sigmoid",
                "reset_after": False,
            },
        ),
    ),
    (
        "ConvLSTM2D",
        ((), {"nb_filter": 2, "nb_row": 3, "nb_col": 3, "border_mode": "same"}),
        ((2, (3, 3)), {"padding": "same", "recurrent_activation": "hard_sigmoid"}),
    ),
    (
        "Embedding",
        ((9, 4), {"init": "normal", "W_constraint": "unitnorm"}),
        ((9, 4), {"embeddings_initializer": "normal", "embeddings_constraint": "unit_norm"}),
    ),
    (
        "BatchNormalization",
        ((), {"mode": 0, "gamma_init": "zero", "axis": 1}),
        ((), {"gamma_initializer": "zeros", "axis": 1}),
    ),
    ("Dropout", ((), {"p": 0.3}), ((0.3,), {})),
    ("SpatialDropout2D", ((), {"p": 0.3, "dim_ordering": "tf"}), ((0.3,), {})),
    ("GaussianNoise", ((), {"sigma": 0.3}), ((0.3,), {})),
    ("GaussianDropout", ((), {"p": 0.3}), ((0.3,), {})),
    ("PReLU", ((), {"init": "one"}), ((), {"alpha_initializer": "ones"})),
    ("ZeroPadding2D", (((1, 1), "th"), {}), None),
    ("Reshape", ((), {"dims": (2, 3)}), (((2, 3),), {})),
    ("LocallyConnected2D", ((2, 3, 3), {"border_mode": "valid"}), ((2, (3, 3)), {})),
    ("CuDNNLSTM", ((4,), {"return_sequences": True}), ((4,), {"return_sequences": True})),
]


def plain(config):
    """A configuration without names and without what the two versions write differently."""
    return {key: value for key, value in config.items() if key not in ("name", "implementation")}


@pytest.mark.parametrize(
    "name, old, new", [row for row in OLD_CALLS if row[2]], ids=lambda value: str(value)[:60]
)
def test_old_arguments_make_the_layer_of_today(name, old, new):
    cls = getattr(layers, name)
    old, new = cls(*old[0], **old[1]), cls(*new[0], **new[1])
    assert plain(old.get_config()) == plain(new.get_config())


def test_old_data_format_by_place():
    layer = layers.ZeroPadding2D((1, 1), dim_ordering="th")
    assert layer.data_format == "channels_first"
    assert layers.GlobalMaxPooling2D(dim_ordering="default").data_format == "channels_last"


def test_deprecation_is_told_once():
    with pytest.warns(DeprecationWarning, match="`output_dim` of Dense is called `units`"):
        layers.Dense(output_dim=3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layers.Dense(output_dim=3)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: layers.Dense(3, output_dim=4), "both were given"),
        (lambda: layers.Conv2D(3, 3, dim_ordering="xx"), "Unknown value"),
        (lambda: layers.BatchNormalization(mode=1), "LayerNormalization"),
        (lambda: layers.Dense(3, no_such=4), "Unrecognized keyword"),
        (lambda: layers.merge([torch.ones(1, 1)]), "at least two"),
        (lambda: layers.Merge(mode="nope")([torch.ones(1, 1)] * 2), "Invalid merge mode"),
    ],
)
def test_wrong_old_calls_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_table_names_what_is_there():
    """Every path of the table exists, and every new name is an argument."""
    for path, text in ARGUMENTS.items():
        owner, name = _door._owner(keras, path)
        assert owner is not None or path.startswith("preprocessing.image"), path
        if owner is None:
            continue
        rule = _door.Rule(name, text, ORDERS.get(path))
        missing = rule.old - _door.known_names(getattr(owner, name))
        assert missing == set(), path


def test_initializer_of_keras_1_is_called_without_dtype():
    def half(shape, name=None):
        return K.variable(np.full(shape, 0.5), name=name)

    layer = layers.Dense(2, init=half, input_dim=3)
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.get_weights()[0], np.full((3, 2), 0.5))


# ---------------------------------------------------------------- paths

# Module of old, a name in it, what it is now.
OLD_PATHS = [
    ("layers.core", "Dense", layers.Dense),
    ("layers.core", "Dropout", layers.Dropout),
    ("layers.core", "Merge", layers.Merge),
    ("layers.convolutional", "MaxPooling2D", layers.MaxPooling2D),
    ("layers.convolutional", "Convolution2D", layers.Convolution2D),
    ("layers.convolutional", "UpSampling2D", layers.UpSampling2D),
    ("layers.normalization", "BatchNormalization", layers.BatchNormalization),
    ("layers.recurrent", "LSTM", layers.LSTM),
    ("layers.embeddings", "Embedding", layers.Embedding),
    ("layers.advanced_activations", "LeakyReLU", layers.LeakyReLU),
    ("layers.merge", "concatenate", layers.concatenate),
    ("layers.local", "LocallyConnected1D", layers.LocallyConnected1D),
    ("layers.cudnn_recurrent", "CuDNNGRU", layers.CuDNNGRU),
    ("layers.wrappers", "TimeDistributed", layers.TimeDistributed),
    ("layers.experimental.preprocessing", "Rescaling", layers.Rescaling),
    ("legacy.layers", "Highway", layers.Highway),
    ("engine", "Layer", layers.Layer),
    ("engine", "Input", layers.Input),
    ("engine.topology", "InputSpec", layers.InputSpec),
    ("engine.topology", "Container", keras.Model),
    ("engine.base_layer", "Layer", layers.Layer),
    ("engine.training", "Model", keras.Model),
    ("engine.sequential", "Sequential", keras.Sequential),
    ("engine.saving", "load_model", keras.models.load_model),
    ("models", "Input", layers.Input),
    ("models", "Merge", layers.Merge),
    ("objectives", "mse", keras.losses.mse),
    ("objectives", "binary_crossentropy", keras.losses.binary_crossentropy),
    ("optimizers", "adam", keras.optimizers.Adam),
    ("optimizers.optimizer_v2", "SGD", keras.optimizers.SGD),
    ("constraints", "maxnorm", keras.constraints.MaxNorm),
    ("regularizers", "WeightRegularizer", regularizers.L1L2),
    ("callbacks.callbacks", "EarlyStopping", keras.callbacks.EarlyStopping),
    ("backend.tensorflow_backend", "mean", K.mean),
    ("utils.np_utils", "to_categorical", keras.utils.to_categorical),
    ("utils.generic_utils", "Progbar", keras.utils.Progbar),
    ("utils.generic_utils", "get_custom_objects", keras.utils.get_custom_objects),
    ("utils.data_utils", "Sequence", keras.utils.Sequence),
    ("utils.data_utils", "get_file", keras.utils.get_file),
    ("utils.vis_utils", "plot_model", keras.utils.plot_model),
    ("utils.visualize_util", "plot_model", keras.utils.plot_model),
    ("utils.layer_utils", "get_source_inputs", keras.utils.get_source_inputs),
    ("wrappers.scikit_learn", "KerasClassifier", keras.wrappers.scikit_learn.KerasClassifier),
]


@pytest.mark.parametrize(
    "path, name, value", OLD_PATHS, ids=lambda value: getattr(value, "__name__", str(value))
)
def test_old_path(path, name, value):
    module = importlib.import_module(f"torchkeras.{path}")
    assert getattr(module, name) is value
    assert not hasattr(module, "no_such_name")


@pytest.mark.parametrize("path", sorted(_paths.MODULES))
def test_old_module_shows_what_it_has(path):
    module = importlib.import_module(f"torchkeras.{path}")
    names = module.__all__
    assert names == sorted(set(names))
    assert all(hasattr(module, name) for name in names)


def test_star_import_of_an_old_module():
    names = {}
    source = "from torchkeras.layers.core import *\nfrom torchkeras.layers.convolutional import *"
    exec(source, names)  # a star is allowed at the top of a module only
    assert names["Flatten"] is layers.Flatten
    assert names["Convolution2D"] is layers.Convolution2D


# ---------------------------------------------------------------- layers


def weights_of(layer, shape):
    layer.build(shape)
    rng = np.random.default_rng(0)
    layer.set_weights([rng.normal(size=w.shape) for w in layer.get_weights()])
    return [w.astype("float64") for w in layer.get_weights()]


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


X = np.random.default_rng(1).normal(size=(5, 3))


def by_hand_maxout(w):
    return (np.einsum("bi,fio->bfo", X, w[0]) + w[1]).max(1)


def by_hand_highway(w):
    kernel, carry, bias, carry_bias = w
    gate = sigmoid(X @ carry + carry_bias)
    return gate * np.tanh(X @ kernel + bias) + (1 - gate) * X


def by_hand_srelu(w):
    t_left, a_left, t_right, a_right = w
    upper = t_left + np.abs(t_right)
    left, right = t_left + a_left * (X - t_left), upper + a_right * (X - upper)
    return np.where(t_left > X, left, np.where(upper < X, right, X))


@pytest.mark.parametrize(
    "layer, by_hand",
    [
        (layers.MaxoutDense(4, nb_feature=3), by_hand_maxout),
        (layers.Highway(activation="tanh"), by_hand_highway),
        (layers.SReLU(), by_hand_srelu),
        (layers.ParametricSoftplus(), lambda w: w[0] * np.log1p(np.exp(w[1] * X))),
        (layers.ThresholdedReLU(0.5), lambda w: X * (X > 0.5)),
    ],
)
def test_layer_of_old_computes(layer, by_hand):
    weights = weights_of(layer, (None, 3))
    out = layer(torch.tensor(X, dtype=torch.float32)).detach().numpy()
    np.testing.assert_allclose(out, by_hand(weights), rtol=1e-5, atol=1e-5)
    again = type(layer).from_config(layer.get_config())
    assert plain(again.get_config()) == plain(layer.get_config())


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_locally_connected_layers_compute(data_format):
    first = data_format == "channels_first"
    rng = np.random.default_rng(2)
    x = rng.normal(size=(2, 5, 6, 3)).astype("float32")
    layer = layers.LocallyConnected2D(4, (2, 3), strides=(2, 1), data_format=data_format)
    given = x.transpose(0, 3, 1, 2) if first else x
    kernel, bias = weights_of(layer, given.shape)
    out = layer(torch.tensor(given)).detach().numpy()
    out = out.transpose(0, 2, 3, 1) if first else out
    place = 0
    for row in range(2):
        for column in range(4):
            patch = x[:, row * 2 : row * 2 + 2, column : column + 3]
            patch = patch.transpose(0, 3, 1, 2) if first else patch
            expected = patch.reshape(2, -1) @ kernel[place] + bias[row, column]
            np.testing.assert_allclose(out[:, row, column], expected, rtol=1e-4, atol=1e-5)
            place += 1


def test_merge_is_a_module_and_a_function():
    a, b = layers.Input((3,)), layers.Input((3,))
    out = layers.merge([a, b], mode="concat", concat_axis=1)
    assert out.shape == (None, 6)
    assert layers.merge.Add is layers.Add


# ---------------------------------------------------------------- members


def small_model(**kwargs):
    model = keras.Sequential([layers.Dense(4, input_dim=3, activation="relu"), layers.Dense(2)])
    model.compile("sgd", "mse", **kwargs)
    return model


def test_attributes_of_nodes():
    shared = layers.Dense(4)
    a, b = layers.Input((3,)), layers.Input((3,))
    first, second = shared(a), shared(b)
    assert shared.input_shape == (None, 3)
    assert shared.output_shape == (None, 4)
    assert shared.get_output_at(1) is second
    assert shared.get_input_at(0) is a
    assert shared.get_output_shape_at(0) == (None, 4)
    assert len(shared.inbound_nodes) == 2
    assert not shared.outbound_nodes
    assert shared.output is first
    other = layers.Dense(4)
    assert not hasattr(other, "output_shape")
    with pytest.raises(AttributeError, match="never been called"):
        other.get_output_at(0)


def test_attributes_of_users_have_precedence():
    class Mine(layers.Layer):
        def __init__(self):
            super().__init__()
            self.output_shape = "mine"
            self.updates = [1]

    assert Mine().output_shape == "mine"
    assert Mine().updates == [1]


def test_trainable_weights_can_be_listed():
    class Old(layers.Layer):
        def build(self, input_shape):
            self.W = K.variable(np.ones((3, 2)))
            self.c = K.variable(np.zeros(2))
            self.trainable_weights = [self.W]
            self.non_trainable_weights = [self.c]

        def call(self, x, mask=None):
            return K.dot(x, self.W) + self.c

        def get_output_shape_for(self, input_shape):
            return (input_shape[0], 2)

    layer = Old()
    out = layer(torch.ones(1, 3))
    assert out.detach().numpy().tolist() == [[3.0, 3.0]]
    assert [tuple(w.shape) for w in layer.trainable_weights] == [(3, 2)]
    assert [tuple(w.shape) for w in layer.non_trainable_weights] == [(2,)]


def test_predict_classes_and_proba():
    model = small_model()
    x = np.random.default_rng(0).normal(size=(6, 3))
    outputs = model.predict(x, verbose=0)
    np.testing.assert_array_equal(model.predict_classes(x, verbose=0), outputs.argmax(-1))
    np.testing.assert_array_equal(model.predict_proba(x, verbose=0), outputs)
    one = keras.Sequential([layers.Dense(1, input_dim=3, activation="sigmoid")])
    classes = one.predict_classes(x, verbose=0)
    np.testing.assert_array_equal(classes, (one.predict(x, verbose=0) > 0.5).astype("int32"))


def test_fit_generator_counts_samples():
    rows = []

    def generate():
        while True:
            rows.append(1)
            yield np.ones((8, 3)), np.ones((8, 2))

    model = small_model()
    history = model.fit_generator(
        generate(), samples_per_epoch=24, nb_epoch=2, verbose=0, nb_worker=1
    )
    assert len(history.epoch) == 2
    assert len(rows) == 6


def test_fit_generator_takes_keras_1_by_place():
    model = small_model()
    data = ((np.ones((5, 3)), np.ones((5, 2))) for _ in range(100))
    history = model.fit_generator(data, 20, 2, verbose=0, max_q_size=2)
    assert len(history.epoch) == 2
    left = sum(1 for _ in data)
    assert 100 - left == 8


def test_fit_tells_a_dataset_of_its_workers():
    class Batches(keras.utils.Sequence):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return np.ones((4, 3)), np.ones((4, 2))

    data = Batches()
    small_model().fit(data, epochs=1, verbose=0, workers=2, max_queue_size=3)
    assert (data.workers, data.max_queue_size, data.use_multiprocessing) == (2, 3, False)


def test_compile_takes_target_tensors():
    target = torch.zeros(4, 2)
    model = small_model(target_tensors=target, sample_weight_mode=None)
    x = np.ones((4, 3))
    expected = float((model.predict(x, verbose=0) ** 2).mean())
    assert model.evaluate(x, verbose=0) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ValueError, match="sample_weight_mode"):
        small_model(sample_weight_mode="nonsense")


def test_history_answers_to_old_names():
    model = small_model(metrics=["accuracy", "mae", "mean_squared_error"])
    x, y = np.ones((10, 3)), np.ones((10, 2))
    seen = []
    tell = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    log = model.fit(x, y, verbose=0, validation_split=0.2, callbacks=[tell]).history
    for old, new in [
        ("acc", "accuracy"),
        ("val_acc", "val_accuracy"),
        ("val_mean_absolute_error", "val_mae"),
        ("mse", "mean_squared_error"),
    ]:
        assert log[old] == log[new]
        assert old in log
        assert log.get(old) == log[new]
        assert seen[0][old] == seen[0][new]
    assert "acc" not in list(log)
    assert log.get("nothing") is None
    with pytest.raises(KeyError):
        log["nothing"]


def test_metrics_have_what_layers_have():
    metric = keras.metrics.Mean()
    metric.update_state([1.0, 3.0])
    other = keras.metrics.Mean()
    other.update_state([8.0])
    metric.merge_state([other])
    assert float(metric.result()) == 4.0
    assert len(metric.get_weights()) == 2
    metric.reset_states()
    assert float(metric.result()) == 0.0


def test_add_weight_of_a_metric_takes_its_name_first():
    class Count(keras.metrics.Metric):
        def __init__(self, name="count", **kwargs):
            super().__init__(name=name, **kwargs)
            self.total = self.add_weight("total", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.total.assign_add(float(len(y_true)))

        def result(self):
            return self.total

    model = small_model(metrics=[Count()])
    log = model.fit(np.ones((10, 3)), np.ones((10, 2)), verbose=0).history
    assert log["count"] == [10.0]


# ---------------------------------------------------------------- symbolic tensors in training


def test_loss_refers_to_a_tensor_of_the_model():
    x = layers.Input((3,))
    middle = layers.Dense(2)(x)
    model = keras.Model(x, layers.Dense(1)(middle))

    def penalty(y_true, y_pred):
        return K.mean(K.square(y_true - y_pred)) + 0.5 * K.mean(K.square(middle))

    model.compile("sgd", penalty)
    data, target = np.random.default_rng(0).normal(size=(8, 3)), np.ones((8, 1))
    inner = keras.Model(x, middle).predict(data, verbose=0)
    error = np.square(target - model.predict(data, verbose=0)).mean()
    expected = error + 0.5 * np.square(inner).mean()
    assert model.evaluate(data, target, verbose=0) == pytest.approx(expected, rel=1e-5)
    first = model.fit(data, target, epochs=20, verbose=0).history["loss"]
    assert first[-1] < first[0]


def test_add_loss_takes_tensors_of_the_model():
    x = layers.Input((3,))
    out = layers.Dense(2)(x)
    model = keras.Model(x, out)
    model.add_loss(K.mean(K.square(out - 1.0)))
    model.add_metric(K.sum(out, axis=-1), name="size", aggregation="mean")
    model.compile("sgd")
    data = np.random.default_rng(0).normal(size=(8, 3))
    outputs = model.predict(data, verbose=0)
    found = model.evaluate(data, verbose=0, return_dict=True)
    assert found["loss"] == pytest.approx(np.square(outputs - 1).mean(), rel=1e-5)
    assert found["size"] == pytest.approx(outputs.sum(-1).mean(), rel=1e-4)


def test_losses_of_symbolic_tensors():
    x = layers.Input((3,))
    y = keras.losses.mean_squared_error(x, x * 2)
    z = keras.losses.MeanSquaredError()(x, x * 2)
    value = np.array([[1.0, 2.0, 3.0]])
    found = K.function([x], [y, z])([value])
    np.testing.assert_allclose(found[0], [14 / 3], rtol=1e-6)
    np.testing.assert_allclose(found[1], 14 / 3, rtol=1e-6)


def test_sequential_keeps_what_its_layers_gave():
    model = keras.Sequential()
    model.add(layers.Dense(4, input_dim=3))
    early = model.layers[0].output
    model.add(layers.Dense(2))
    model.add(layers.Dense(1))
    assert model.layers[0].output is early
    assert len(model.layers[0]._inbound_nodes) == 1
    gradient = K.gradients(K.sum(model.output), early)[0]
    value = K.function([model.input], [gradient])([np.ones((1, 3))])[0]
    kernel = model.layers[1].get_weights()[0] @ model.layers[2].get_weights()[0]
    np.testing.assert_allclose(value[0], kernel.ravel(), rtol=1e-5)
    model.pop()
    assert model.output_shape == (None, 2)


# ---------------------------------------------------------------- other


def test_initializations_give_variables():
    module = importlib.import_module("torchkeras.initializations")
    for name in "uniform normal glorot_uniform he_normal lecun_uniform zero one orthogonal".split():
        made = module.get(name)((4, 4), name="w")
        assert K.is_variable(made), name
    assert K.eval(module.identity((2, 2))).tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize(
    "name, value",
    [
        ("precision", 2 / 3),
        ("recall", 1.0),
        ("fmeasure", 0.8),
        ("matthews_correlation", 0.5773503),
    ],
)
def test_metrics_of_keras_1(name, value):
    y_true, y_pred = torch.tensor([1.0, 1, 0, 0]), torch.tensor([0.9, 0.6, 0.8, 0.1])
    assert float(getattr(keras.metrics, name)(y_true, y_pred)) == pytest.approx(value, rel=1e-4)


def test_functions_of_np_utils():
    module = importlib.import_module("torchkeras.utils.np_utils")
    probabilities = np.array([[0.1, 0.9], [0.8, 0.2]])
    assert module.probas_to_classes(probabilities).tolist() == [1, 0]
    assert module.to_categorical([0, 2], nb_classes=3).tolist() == [[1, 0, 0], [0, 0, 1]]
    kernel = np.arange(8).reshape(2, 2, 2, 1)
    np.testing.assert_array_equal(module.convert_kernel(kernel)[0, 0], kernel[1, 1])


def test_hdf5_matrix_reads_rows(tmp_path):
    h5py = pytest.importorskip("h5py")
    data = np.arange(20).reshape(10, 2)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = data
    module = importlib.import_module("torchkeras.utils.io_utils")
    matrix = module.HDF5Matrix(tmp_path / "x.h5", "x", start=2, end=8)
    assert matrix.shape == (6, 2)
    np.testing.assert_array_equal(matrix[1:3], data[3:5])
    np.testing.assert_array_equal(matrix[[4, 0, 0]], data[[6, 2, 2]])
    np.testing.assert_array_equal(np.asarray(matrix), data[2:8])


def test_enqueuers_give_items_in_order():
    module = importlib.import_module("torchkeras.utils.data_utils")
    reader = module.GeneratorEnqueuer(iter(range(5)))
    reader.start(max_queue_size=2)
    assert list(reader.get()) == [0, 1, 2, 3, 4]
    reader.stop()


# ---------------------------------------------------------------- scikit-learn


def classifier():
    model = keras.Sequential([layers.Dense(3, input_dim=4, activation="softmax")])
    model.compile(keras.optimizers.Adam(0.1), "categorical_crossentropy", metrics=["accuracy"])
    return model


def separable_classes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(90, 4))
    return x, np.array(["a", "b", "c"])[x[:, :3].argmax(1)]


def test_estimators_of_keras_3():
    sklearn = pytest.importorskip("sklearn.base")
    x, y = separable_classes()
    estimator = keras.wrappers.SKLearnClassifier(
        classifier(), fit_kwargs={"epochs": 20, "verbose": 0}
    )
    assert sklearn.is_classifier(estimator)
    copy = sklearn.clone(estimator).fit(x, y)
    assert copy.score(x, y) > 0.8
    assert list(copy.classes_) == ["a", "b", "c"]
    assert copy.decision_function(x).shape == (90, 3)

    def regression(X, y, width):  # noqa: N803 - scikit-learn's name
        model = keras.Sequential([layers.Dense(width, input_dim=X.shape[1]), layers.Dense(1)])
        model.compile(keras.optimizers.Adam(0.05), "mse")
        return model

    fitted = keras.wrappers.SKLearnRegressor(
        regression, model_kwargs={"width": 3}, fit_kwargs={"epochs": 20, "verbose": 0}
    ).fit(x, x.sum(1))
    assert fitted.predict(x).shape == (90,)
    assert fitted.score(x, x.sum(1)) > 0.5


def test_estimators_of_keras_2():
    pytest.importorskip("sklearn")
    x, y = separable_classes()
    module = importlib.import_module("torchkeras.wrappers.scikit_learn")
    estimator = module.KerasClassifier(classifier, epochs=15, verbose=0)
    estimator.fit(x, y)
    assert estimator.score(x, y) > 0.8
    assert set(estimator.predict(x)) <= {"a", "b", "c"}
    assert estimator.predict_proba(x).shape == (90, 3)
    assert estimator.get_params()["epochs"] == 15
    with pytest.raises(ValueError, match="not a legal parameter"):
        module.KerasClassifier(classifier, no_such=3)
