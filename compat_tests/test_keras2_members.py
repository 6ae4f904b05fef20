"""Members that layers, metrics, optimizers and callbacks had in Keras 2, by values of tf_keras."""

import json
import os
import pathlib
import signal

import numpy as np
import pytest
import torch

import torchkeras as keras
from torchkeras import layers

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
GOLDEN = json.loads(
    (pathlib.Path(__file__).parent / "golden" / "keras2_members" / "values.json").read_text()
)


def array(*shape):
    """The numbers that the goldens were made with."""
    size = int(np.prod(shape))
    return (np.sin(np.arange(size) * 0.7) * 0.8).reshape(shape).astype("float32")


def numpy(value):
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def assert_golden(name, *values, rtol=1e-5, atol=1e-6):
    assert len(values) == len(GOLDEN[name])
    for value, wanted in zip(values, GOLDEN[name], strict=True):
        np.testing.assert_allclose(numpy(value), np.array(wanted), rtol=rtol, atol=atol)


# ---------------------------------------------------------------- layers

CONVOLUTIONS = {
    "Conv1DTranspose": ((2, 3), {"strides": 2}, (2, 7, 2), (3, 2, 4)),
    "Conv2DTranspose": ((2, 3), {"padding": "same"}, (1, 5, 5, 2), (3, 3, 2, 3)),
    "Conv3DTranspose": ((2, 2), {}, (1, 3, 3, 3, 2), (2, 2, 2, 2, 2)),
    "DepthwiseConv1D": ((3,), {"padding": "same"}, (2, 6, 2), (3, 2, 2)),
    "DepthwiseConv2D": ((2,), {"strides": (2, 2)}, (1, 6, 6, 2), (2, 2, 2, 2)),
    "SeparableConv1D": ((2, 3), {"dilation_rate": 2}, (2, 9, 2), (3, 2, 2)),
    "SeparableConv2D": ((2, 3), {}, (1, 5, 5, 2), (3, 3, 2, 2)),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolution_op(name):
    args, kwargs, x, kernel = CONVOLUTIONS[name]
    layer = getattr(layers, name)(*args, **kwargs)
    layer.build(x)
    assert_golden(f"convolution_op/{name}", layer.convolution_op(array(*x), array(*kernel)))


def test_normalization_batch_by_batch():
    layer = layers.Normalization()
    layer.build((None, 3))
    layer.reset_state()
    for rows in (4, 7):
        layer.update_state(array(rows, 3))
    layer.finalize_state()
    assert_golden("Normalization", layer(array(2, 3)), layer.mean, layer.variance)
    whole = layers.Normalization()
    whole.adapt(np.concatenate([array(4, 3), array(7, 3)]))
    np.testing.assert_allclose(numpy(layer.mean), numpy(whole.mean), rtol=1e-6)
    layer.reset_state()
    assert not numpy(layer.mean).any() and (numpy(layer.variance) == 1).all()
    layer.make_adapt_function()(iter([array(4, 3)]))
    np.testing.assert_allclose(numpy(layer.mean)[0], array(4, 3).mean(0), atol=1e-6)
    with pytest.raises(ValueError, match="static `mean` and `variance`"):
        layers.Normalization(mean=0.0, variance=1.0).update_state(array(4, 3))


def test_spectral_normalization_at_once():
    layer = layers.SpectralNormalization(layers.Dense(3))
    layer.build((None, 4))
    layer.layer.kernel.assign(array(4, 3))
    layer.vector_u.assign(array(1, 3))
    assert_golden("SpectralNormalization", *layer.normalize_weights())


class Spec:
    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = dtype


SIGNATURES = {
    "StringLookup/int": (lambda: layers.StringLookup(vocabulary=["a", "b"]), "string"),
    "StringLookup/multi_hot": (
        lambda: layers.StringLookup(vocabulary=["a", "b"], output_mode="multi_hot"),
        "string",
    ),
    "IntegerLookup": (lambda: layers.IntegerLookup(vocabulary=[1, 2]), "int64"),
    "Hashing": (lambda: layers.Hashing(4), "string"),
    "Normalization": (lambda: layers.Normalization(), "float32"),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_compute_output_signature(name):
    make, dtype = SIGNATURES[name]
    made = make().compute_output_signature(input_spec=Spec((None, 3), dtype))
    shape, dtype = GOLDEN[f"compute_output_signature/{name}"]
    assert (list(made.shape), made.dtype) == (shape, dtype)


def test_compute_output_signature_of_several():
    made = layers.HashedCrossing(4).compute_output_signature(
        input_specs=[Spec((None, 1), "int64"), Spec((None, 1), "int64")]
    )
    assert (made.shape, made.dtype) == ((None, 1), "int64")
    assert layers.HashedCrossing(4).compute_output_shape(input_shapes=[(3, 1), (3, 1)]) == (3, 1)
    # The dtype of what the layer gives: Keras 2 said int64, and gave float32.
    made = layers.CategoryEncoding(5).compute_output_signature(Spec((None, 3), "int64"))
    assert (made.shape, made.dtype) == ((None, 5), "float32")
    made = layers.Discretization([0.0, 1.0]).compute_output_signature(Spec((None, 3), "float32"))
    assert made.shape == (None, 3)


def test_is_adapted():
    made = {
        "given": layers.Normalization(mean=0.0, variance=1.0),
        "vocabulary": layers.StringLookup(vocabulary=["a"]),
        "boundaries": layers.Discretization([0.0]),
        "adapt": layers.StringLookup(),
    }
    made["adapt"].adapt(np.array(["a"]))
    assert {name: layer.is_adapted for name, layer in made.items()} == GOLDEN["is_adapted"]
    assert made["adapt"].vocab_size() == 2


def test_preprocessing_layer_of_ones_own():
    class Largest(layers.experimental.preprocessing.PreprocessingLayer):
        def build(self, input_shape):
            self.largest = self.add_weight("largest", (input_shape[-1],), trainable=False)

        def reset_state(self):
            if self.built:
                self.largest.assign(torch.zeros_like(self.largest))

        def update_state(self, data):
            self.largest.assign(torch.maximum(self.largest, data.amax(0)))

        def call(self, inputs):
            return inputs / self.largest

    layer = Largest()
    assert not layer.is_adapted
    data = np.arange(100.0, dtype="float32").reshape(50, 2) + 1
    layer.adapt(data, batch_size=8)
    assert layer.is_adapted
    np.testing.assert_allclose(numpy(layer(data[-1:])), [[1.0, 1.0]])
    layer.adapt(data, batch_size=8, steps=1)
    np.testing.assert_allclose(numpy(layer.largest), data[7])
    layer.make_adapt_function()(iter([data]))
    np.testing.assert_allclose(numpy(layer.largest), data[-1])
    assert numpy(keras.Sequential([layers.Input((2,)), layer]).predict(data, verbose=0)).max() == 1


# ---------------------------------------------------------------- recurrent layers


@keras.saving.register_keras_serializable()
class Weighted(layers.Layer):
    """A cell that is given a constant."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        shape = (input_shape[-1], self.units)
        self.kernel = self.add_weight("kernel", shape, initializer="ones")

    def get_config(self):
        return {**super().get_config(), "units": self.units}

    def call(self, inputs, states, constants):
        output = inputs @ self.kernel + states[0] * constants[0]
        return output, [output]


@pytest.mark.parametrize("kind", ["RNN", "Bidirectional"])
def test_constants_of_recurrent_layers(kind):
    layer = layers.RNN(Weighted(3), return_sequences=True)
    if kind == "Bidirectional":
        layer = layers.Bidirectional(layer)
    outputs = layer(torch.tensor(array(2, 4, 3)), constants=torch.tensor(array(2, 3)))
    assert_golden(f"{kind}/constants", outputs)
    with pytest.raises(ValueError, match="takes no constants"):
        layers.LSTM(2).call(torch.ones(1, 2, 3), constants=torch.ones(1, 2))


def test_old_names_of_inputs():
    x = torch.tensor(array(2, 4, 3))
    lstm, both = layers.LSTM(3, return_sequences=True), layers.Bidirectional(layers.LSTM(3))
    for layer in (lstm, both, layers.SimpleRNN(3), layers.GRU(3)):
        expected = numpy(layer(x))
        np.testing.assert_array_equal(numpy(layer.call(inputs=x)), expected)
        np.testing.assert_array_equal(numpy(layer(inputs=x)), expected)
        shape = layer.compute_output_shape(input_shape=(2, 4, 3))
        assert shape == tuple(expected.shape)
    mask = torch.ones(2, 4, dtype=torch.bool)
    assert lstm.compute_mask(inputs=x, mask=mask) is mask
    assert both.compute_mask(inputs=x, mask=mask) is None
    cell = layers.SimpleRNNCell(3)
    output, _ = cell(x[:, 0], cell.get_initial_state(inputs=x[:, 0]))
    again, _ = cell.call(inputs=x[:, 0], states=cell.get_initial_state(x[:, 0]))
    np.testing.assert_array_equal(numpy(output), numpy(again))
    images = torch.rand(2, 8, 8, 3)
    flipped = layers.RandomFlip(seed=1).call(inputs=images, training=False)
    np.testing.assert_array_equal(numpy(flipped), numpy(images))
    assert layers.CenterCrop(4, 4).call(inputs=images).shape == (2, 4, 4, 3)
    dense = layers.EinsumDense("ab,bc->ac", output_shape=5)
    assert dense.compute_output_shape(_=(2, 3)) == (2, 5)


@pytest.mark.parametrize("make", [layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell])
def test_initial_states_of_inputs(make):
    cell = make(3)
    inputs = torch.zeros(4, 2)
    expected = cell.get_initial_state(4)
    for states in (
        cell.get_initial_state(inputs),
        cell.get_initial_state(inputs=inputs, batch_size=9),
        cell.get_initial_state(None, 4, "float64"),
        cell.get_initial_state(batch_size=4, dtype=torch.float64),
    ):
        for state, other in zip(states, expected, strict=True):
            assert state.shape == other.shape == (4, 3)
    assert cell.get_initial_state(None, 4, "float64")[0].dtype is torch.float64
    layer = layers.RNN([make(3), make(2)])
    nested = layer.get_initial_state(torch.zeros(4, 5, 2))
    assert [
        len(keras.tree.flatten(nested)),
        nested[0][0].shape[0] if make is not layers.SimpleRNNCell else 4,
    ] == [2 * len(expected), 4]


@pytest.mark.parametrize("make", [layers.LSTM, layers.GRU, layers.SimpleRNN])
def test_dropout_masks(make):
    layer = make(3, dropout=0.5, recurrent_dropout=0.5, seed=1)
    x, state = torch.ones(2, 6), torch.ones(2, 3)
    count = layer.cell.gates
    masks = layer.get_dropout_mask_for_cell(x, training=True, count=count)
    masks = masks if count > 1 else [masks]
    assert len(masks) == count
    assert set(torch.stack(masks).unique().tolist()) <= {0.0, 2.0}
    again = layer.cell.get_dropout_mask_for_cell(x, True, count)
    torch.testing.assert_close(again if count > 1 else [again], masks)
    assert layer.get_recurrent_dropout_mask_for_cell(state, True).shape == (2, 3)
    layer.reset_dropout_mask()
    layer.reset_recurrent_dropout_mask()
    assert layer.cell._dropout_mask is None and layer.cell._recurrent_dropout_mask is None
    assert (layer.get_dropout_mask_for_cell(x, training=False) == 1).all()
    assert make(3).get_dropout_mask_for_cell(x, True) is None
    assert layer.implementation == layer.cell.implementation == 1
    assert make(3, implementation=2).implementation == 2


def test_states_of_both_directions():
    layer = layers.Bidirectional(layers.LSTM(2, stateful=True))
    layer(torch.ones(3, 4, 5))
    states = [np.full((3, 2), number, "float32") for number in range(4)]
    layer.reset_states(states)
    for state, wanted in zip(layer.states, states, strict=True):
        np.testing.assert_array_equal(numpy(state), wanted)
    layer.reset_states()
    assert not any(numpy(state).any() for state in layer.states)
    with pytest.raises(ValueError, match="Unrecognized value for `states`"):
        layer.reset_states(3)
    with pytest.raises(AttributeError, match="must be stateful"):
        layers.Bidirectional(layers.LSTM(2)).reset_states(states)


def test_group_normalization_with_weights():
    layer = layers.GroupNormalization(2, axis=-1)
    mask = torch.tensor([[1, 1, 0, 1], [1, 0, 0, 0]]).bool().unsqueeze(-1)
    x = torch.tensor(array(2, 4, 6))
    assert_golden("GroupNormalization/mask", layer(x, mask=mask), rtol=1e-4, atol=1e-5)
    full = layer.call(x, mask=torch.ones_like(mask))
    np.testing.assert_allclose(numpy(full), numpy(layer(x)), atol=1e-5)


# ---------------------------------------------------------------- embeddings that change

FRUIT = ["apple", "banana", "cherry", "date", "elder"]


def test_dynamic_lookup():
    golden = GOLDEN["DynamicLookup"]
    layer = layers.experimental.DynamicLookup(5, FRUIT)
    steps = [["fig", "apple"], ["apple", "grape", "fig"], ["kiwi", "lemon", "apple", "banana"]]
    assert [numpy(layer([step])).tolist() for step in steps] == golden["found"]
    assert layer.vocabulary_table_keys.tolist() == golden["keys"]
    assert layer.vocabulary_table_values.tolist() == golden["counts"]
    assert layer.get_top_vocabulary(3).tolist() == golden["top"]
    assert layer.get_vocabulary().tolist() == golden["vocabulary"]
    numbers = layers.experimental.DynamicLookup(3, [7, 8, 9])
    assert numpy(numbers(torch.tensor([[9, 1], [7, 7]]))).tolist() == [[2, 3], [0, 0]]
    assert len(set(layers.experimental.DynamicLookup(4, "string").get_vocabulary())) == 4
    with pytest.raises(ValueError, match="only supports `LFU`"):
        layers.experimental.DynamicLookup(5, FRUIT, eviction_policy="LRU")


def test_dynamic_embedding(tmp_path):
    layer = layers.experimental.DynamicEmbedding(5, 2, FRUIT, embedding_initializer="zeros")
    layer.build((None, None))
    layer.embedding_layer.set_weights([array(6, 2)])
    inputs = [["fig", "apple", "date"], ["apple", "grape", "fig"]]
    before = layer(inputs)
    layer(inputs)
    layer.update_embeddings(None)
    assert_golden("DynamicEmbedding", before, layer(inputs, learn_vocab=False))
    assert layer.get_vocabulary().tolist() == GOLDEN["DynamicEmbedding/vocabulary"]
    keys, sums = layer.aggregate_lookup_table([["a", "b"], ["b", "c"]], [[1, 2], [3, 4]])
    assert [keys.tolist(), sums.tolist()] == GOLDEN["DynamicEmbedding/aggregate"]
    assert layer.get_top_vocabulary(keys, sums, 2).tolist() == ["b", "c"]
    again = type(layer).from_config(layer.get_config())
    again.build((None, None))
    layer.save_assets(tmp_path)
    again.load_assets(tmp_path)
    assert again.get_vocabulary().tolist() == layer.get_vocabulary().tolist()


def test_update_embedding_callback():
    x = np.array([["a", "j", "c"], ["a", "h", "i"], ["i", "h", "j"]])
    embedding = layers.experimental.DynamicEmbedding(3, 2, ["a", "b", "c"])
    model = keras.Sequential([embedding, layers.Flatten(), layers.Dense(3, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    callback = keras.callbacks.experimental.UpdateEmbeddingCallback(embedding, interval=0.001)
    with callback:
        callback.on_interval()
        model.fit(x, np.array([0, 1, 2]), epochs=3, verbose=0, callbacks=[callback])
    assert not callback.is_alive()
    assert set(embedding.get_vocabulary()) <= {"a", "j", "h", "i", "c"}
    assert "b" not in embedding.get_vocabulary()


# ---------------------------------------------------------------- models


def losses(model, x, y):
    return model.fit(x, y, epochs=3, shuffle=False, verbose=0, batch_size=4).history["loss"]


def test_linear_model(tmp_path):
    x, y = array(12, 4), array(12, 1) * 2
    model = keras.experimental.LinearModel()
    model.compile("sgd", "mse")
    assert_golden("LinearModel", losses(model, x, y), model.predict(x, verbose=0))
    pair = keras.experimental.LinearModel(units=1, kernel_initializer="ones", activation="tanh")
    inputs = {"b": torch.tensor(x), "a": torch.tensor(array(12, 2))}
    assert_golden("LinearModel/dict", pair(inputs))
    with pytest.raises(ValueError, match="does not match the structure"):
        pair({"b": inputs["b"]})
    several = keras.experimental.LinearModel(kernel_initializer="ones")
    assert_golden("LinearModel/list", several([torch.tensor(x), torch.tensor(x)]))
    model.save(tmp_path / "linear.keras")
    loaded = keras.models.load_model(tmp_path / "linear.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def deep_model(activation):
    model = keras.Sequential([layers.Dense(3, activation), layers.Dense(1)])
    model.build((None, 4))
    model.set_weights([array(4, 3), array(3), array(3, 1), array(1)])
    return model


def test_wide_and_deep_model(tmp_path):
    x, y = array(12, 4), array(12, 1) * 2
    model = keras.experimental.WideDeepModel(keras.experimental.LinearModel(), deep_model("relu"))
    model.compile([keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.01)], "mse")
    found = losses(model, [x, x], y)
    assert_golden("WideDeepModel", found, model.predict([x, x], verbose=0), rtol=1e-4)
    model.save(tmp_path / "wide.keras")
    loaded = keras.models.load_model(tmp_path / "wide.keras")
    np.testing.assert_array_equal(
        loaded.predict([x, x], verbose=0), model.predict([x, x], verbose=0)
    )
    assert len(loaded.optimizer.optimizers) == 2
    with pytest.raises(ValueError, match="one optimizer or two"):
        model.compile(["sgd"] * 3, "mse")


@pytest.mark.parametrize("splits", [None, 2])
def test_sharpness_aware_minimization(splits):
    x, y = array(12, 4), array(12, 1) * 2
    cls = keras.models.experimental.SharpnessAwareMinimization
    model = cls(deep_model("tanh"), 0.1, splits)
    model.compile("sgd", "mse")
    found = losses(model, x, y)
    name = f"SharpnessAwareMinimization/{splits}"
    assert_golden(name, found, model.predict(x, verbose=0), rtol=1e-4)
    again = cls.from_config(model.get_config())
    assert (again.rho, again.num_batch_splits) == (0.1, splits)
    if splits:
        with pytest.raises(ValueError, match="divisible"):
            model.fit(x, y, batch_size=3, verbose=0)


# ---------------------------------------------------------------- optimizers


def test_loss_scale_in_a_loop():
    variable = keras.Variable(array(3))
    optimizer = keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=8.0, dynamic_growth_steps=2
    )
    assert float(optimizer.loss_scale) == 8.0 and optimizer.dynamic
    scales = []
    for _ in range(3):
        scaled = optimizer.get_scaled_loss((variable.value**2).sum())
        gradients = torch.autograd.grad(scaled, [variable])
        (gradient,) = optimizer.get_unscaled_gradients(gradients)
        gradient = gradient * min(1.0, 1.0 / float(gradient.norm()))
        optimizer.apply_gradients([(gradient, variable)])
        scales.append([float(optimizer.loss_scale), int(optimizer.dynamic_counter)])
    assert_golden("LossScaleOptimizer", variable, scales)
    assert float(optimizer.get_scaled_loss(lambda: torch.tensor(2.0))()) == 2 * scales[-1][0]


SLOTS = {
    "SGD": ({"momentum": 0.9}, ["momentum"]),
    "Adam": ({"amsgrad": True}, ["m", "v", "vhat"]),
    "Adamax": ({}, ["m", "v"]),
    "Nadam": ({}, ["m", "v"]),
    "RMSprop": ({"momentum": 0.9, "centered": True}, ["rms", "mg"]),
    "Adagrad": ({}, ["accumulator"]),
    "Adadelta": ({}, ["accum_grad", "accum_var"]),
    "Ftrl": ({}, ["accumulator", "linear"]),
}


@pytest.mark.parametrize("name", SLOTS)
def test_slots_by_their_old_names(name):
    kwargs, names = SLOTS[name]
    optimizer = getattr(keras.optimizers.legacy, name)(0.1, **kwargs)
    variable = keras.Variable(array(3))
    for _ in range(2):
        pair = [(torch.tensor(array(3) + 0.5), variable)]
        optimizer.apply_gradients(pair, name="step", experimental_aggregate_gradients=False)
    slots = [optimizer.get_slot(variable, slot) for slot in names]
    wanted = GOLDEN[f"get_slot/{name}"]
    np.testing.assert_allclose(numpy(variable), wanted[0], rtol=1e-5)
    for slot, value, kind in zip(slots, wanted[1:], names, strict=True):
        # The momentum of SGD points downhill today.
        np.testing.assert_allclose(numpy(slot), value, rtol=1e-5, atol=1e-7, err_msg=kind)
    assert optimizer.get_slot_names()
    with pytest.raises(KeyError, match="no slot of that name"):
        optimizer.get_slot(variable, "unknown")


class Heavy(keras.optimizers.legacy.Optimizer):
    """Momentum, as optimizers of one's own were written for Keras 2."""

    def __init__(self, learning_rate=0.1, momentum=0.9, name="Heavy", **kwargs):
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("momentum", momentum)

    def _create_slots(self, var_list):
        for var in var_list:
            self.add_slot(var, "speed")

    def _resource_apply_dense(self, grad, var, apply_state=None):
        speed = self.get_slot(var, "speed")
        speed.assign(speed * self._get_hyper("momentum", var.dtype) + grad)
        var.assign_sub(speed * self._decayed_lr(var.dtype))


def test_an_optimizer_of_ones_own_for_keras_2():
    variable, optimizer = keras.Variable(array(3)), Heavy()
    for _ in range(3):
        optimizer.minimize(
            lambda: variable.value**2, lambda: [variable], grad_loss=torch.tensor([1.0, 2.0, 3.0])
        )
    assert_golden("legacy.Optimizer", variable, optimizer.get_slot(variable, "speed"))
    assert optimizer.get_slot_names() == ["speed"]
    weight = optimizer.add_weight("total", (2,), initializer="ones")
    assert any(weight is each for each in optimizer.variables)
    model = keras.Sequential([layers.Input((2,)), layers.Dense(1)])
    model.compile(Heavy(0.01), "mse")
    history = model.fit(np.ones((8, 2)), np.ones(8), epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]


def test_old_arguments_of_optimizers():
    variable = keras.Variable(array(3))
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(var_list=[variable])
    optimizer.apply_gradients(
        [(torch.ones(3), variable)], name="step", skip_gradients_aggregation=True
    )
    np.testing.assert_allclose(numpy(variable), array(3) - 0.1, rtol=1e-6)
    slot = optimizer.add_variable_from_reference(model_variable=variable, variable_name="m")
    assert slot.shape == (3,) and not numpy(slot).any()
    slot = optimizer.add_variable_from_reference(variable, "n", initial_value=np.full(3, 2.0))
    assert numpy(slot).tolist() == [2, 2, 2]
    assert optimizer.add_variable_from_reference(variable, "o", shape=(2, 2)).shape == (2, 2)


# ---------------------------------------------------------------- metrics, callbacks, others


def test_metrics_are_like_layers():
    metric = keras.metrics.Mean(name="m")
    metric.update_state([1.0, 3.0])
    store = {}
    metric.save_own_variables(store)
    other = keras.metrics.Mean()
    other.build_from_config(metric.get_build_config())
    other.load_own_variables(store)
    assert float(other.result()) == 2.0
    with pytest.raises(ValueError, match="expected 2 variables"):
        other.load_own_variables({})
    metric.add_loss(torch.tensor(3.0))
    metric.add_loss(lambda: torch.tensor(4.0))
    assert [float(loss) for loss in metric.losses] == [3.0, 4.0]
    for value in (1.0, 2.0):
        metric.add_metric(value, name="extra")
    assert [(m.name, float(m.result())) for m in metric.metrics] == [("extra", 1.5)]
    assert metric.dtype_policy.name == "float32"
    with pytest.raises(AttributeError, match="never been called"):
        metric.input  # noqa: B018 - reading it is the test

    class Own(keras.metrics.Metric):
        def __init__(self, name="own", **kwargs):
            super().__init__(name=name, **kwargs)

    assert Own(trainable=False, input_shape=(3,)).trainable is False
    assert Own(name="other").name == "other"


def test_scores_are_built_for_shapes():
    for metric in (keras.metrics.FBetaScore(), keras.metrics.R2Score()):
        metric.build((4, 3), (4, 3))
        count = len(metric.variables)
        metric.update_state(np.eye(4, 3, dtype="float32"), np.eye(4, 3, dtype="float32"))
        assert len(metric.variables) == count > 1
        np.testing.assert_allclose(numpy(metric.result()), 1.0, rtol=1e-6)


def test_metric_in_python():
    class Seen(keras.metrics.experimental.PyMetric):
        def __init__(self, name="seen", **kwargs):
            super().__init__(name, **kwargs)
            self.values = []

        def update_state(self, y_true, y_pred, sample_weight=None):
            self.values.append(np.abs(y_true.numpy() - y_pred.numpy()).max())

        def result(self):
            return float(max(self.values))

        def reset_state(self):
            self.values = []

    model = keras.Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse", metrics=[Seen()])
    x = np.arange(4.0, dtype="float32").reshape(4, 1)
    assert model.evaluate(x, x + [[0], [2], [0], [0]], verbose=0, return_dict=True)["seen"] == 2.0
    assert model.evaluate(x, x, verbose=0, return_dict=True)["seen"] == 0.0


def test_make_logs():
    model = keras.Sequential([layers.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    model.evaluate(np.ones((2, 1)), np.ones((2, 1)), verbose=0)
    made = keras.callbacks.CallbackList([keras.callbacks.Callback()])
    names = model.metrics_names
    logs = made.make_logs(model, {}, [1.0, 2.0], "test", prefix="val_")
    assert logs == {f"val_{name}": value for name, value in zip(names, [1.0, 2.0], strict=True)}
    assert made.make_logs(model, {}, [3.0], "predict") == {"outputs": [3.0]}
    assert keras.callbacks.CallbackList([]).make_logs(model, {}, [1.0], "train") == {}


def test_export_of_the_best_model(tmp_path):
    model = keras.Sequential([layers.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", "mse")
    (tmp_path / "ckpt-0007.weights.h5").write_text("")
    callback = keras.callbacks.SidecarEvaluatorModelExport(
        str(tmp_path / "best" / "model-{epoch:04d}.weights.h5"),
        str(tmp_path / "ckpt-{epoch:04d}.weights.h5"),
        save_freq="eval",
        save_weights_only=True,
        monitor="loss",
        mode="min",
    )
    x = np.ones((4, 1), "float32")
    model.evaluate(x, x, verbose=0, callbacks=[callback])
    assert os.listdir(tmp_path / "best") == ["model-0007.weights.h5"]
    model.evaluate(x, x + 1, verbose=0, callbacks=[callback])
    os.replace(tmp_path / "ckpt-0007.weights.h5", tmp_path / "ckpt-0008.weights.h5")
    model.evaluate(x, x + 1, verbose=0, callbacks=[callback])
    assert os.listdir(tmp_path / "best") == ["model-0007.weights.h5"]
    assert keras.experimental.SidecarEvaluator is keras.utils.SidecarEvaluator


class Preempted(Exception):
    pass


def test_backup_before_preemption(tmp_path):
    def taken_away(number, frame):
        raise Preempted

    class Signal(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 1:
                os.kill(os.getpid(), signal.SIGTERM)

    def fit(*callbacks):
        keras.utils.set_random_seed(1)
        model = keras.Sequential([layers.Input((1,)), layers.Dense(1)])
        model.compile("adam", "mse")
        backup = keras.callbacks.BackupAndRestore(tmp_path / "b", save_before_preemption=True)
        model.fit(
            array(16, 1), array(16, 1), batch_size=4, verbose=0, callbacks=[*callbacks, backup]
        )
        return model.get_weights()

    before = signal.signal(signal.SIGTERM, taken_away)
    try:
        whole = fit()
        with pytest.raises(Preempted):
            fit(Signal())
        assert signal.getsignal(signal.SIGTERM) is taken_away
        assert (tmp_path / "b").exists()
        for value, wanted in zip(fit(), whole, strict=True):
            np.testing.assert_allclose(value, wanted, rtol=1e-6)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_formats_and_policies():
    layer = layers.Dense(3, name="d")
    made = layers.serialize(layer, use_legacy_format=True)
    assert set(made) == {"class_name", "config"} and made["config"]["units"] == 3
    assert "registered_name" in layers.serialize(layer)
    assert layers.deserialize(made, use_legacy_format=True).units == 3
    made = keras.losses.serialize(keras.losses.MeanSquaredError(), use_legacy_format=True)
    assert set(made) == {"class_name", "config"}
    policy = keras.mixed_precision.Policy("mixed_float16")
    again = type(policy).from_config(policy.get_config(), custom_objects={})
    assert again.compute_dtype == "float16"
    keras.callbacks.ModelCheckpoint("x.keras", options=None)


def test_masks_by_their_old_names():
    x = torch.ones(2, 3)
    layer = layers.Dropout(0.5)
    mask = torch.ones(2, dtype=torch.bool)
    assert layer.compute_mask(x) is None
    assert layer.compute_mask(x, mask=mask) is mask
    assert layers.Embedding(3, 2, mask_zero=True).compute_mask(x=torch.tensor([0, 1])).tolist() == [
        False,
        True,
    ]
    stretched = layers.RandomHeight(0.5, seed=1).call(torch.rand(1, 20, 4, 3), training=True)
    assert stretched.shape[2:] == (4, 3)
