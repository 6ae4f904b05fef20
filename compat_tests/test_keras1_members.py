"""Helpers and members of Keras 1 that have no counterpart today: what they compute."""

import io
import pickle

import h5py
import numpy as np
import pytest
import torch
from torchkeras.engine import saving as engine_saving
from torchkeras.engine import training as engine_training

import torchkeras as keras
from torchkeras import backend as K  # noqa: N812 - as scripts call it
from torchkeras import layers
from torchkeras.utils import (
    conv_utils,
    data_utils,
    generic_utils,
    io_utils,
    losses_utils,
    metrics_utils,
    np_utils,
    test_utils,
    vis_utils,
)

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def numpy(value):
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def array(*shape):
    return np.sin(np.arange(np.prod(shape)) * 0.7).reshape(shape).astype("float32")


# ---------------------------------------------------------------- recurrent layers, step by step

STEPWISE = {
    "SimpleRNN": (lambda **k: layers.SimpleRNN(3, return_sequences=True, **k), (2, 4, 5)),
    "LSTM": (lambda **k: layers.LSTM(3, return_sequences=True, **k), (2, 4, 5)),
    "GRU": (lambda **k: layers.GRU(3, return_sequences=True, **k), (2, 4, 5)),
    "GRU of Keras 1": (lambda **k: layers.GRU(3, reset_after=False, **k), (2, 4, 5)),
    "ConvLSTM2D": (lambda **k: layers.ConvLSTM2D(2, (2, 2), **k), (2, 3, 5, 5, 2)),
    "RNN": (lambda **k: layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), (2, 4, 5)),
}


@pytest.mark.parametrize("name", STEPWISE)
def test_steps_give_what_the_layer_gives(name):
    make, shape = STEPWISE[name]
    layer, x = make(), torch.tensor(array(*shape))
    expected = numpy(layer(x))
    states, inputs = layer.get_initial_states(x), layer.preprocess_input(x)
    constants = layer.get_constants(inputs)
    outputs = []
    for step in inputs.unbind(1):
        output, states = layer.step(step, [*states, *constants])
        outputs.append(numpy(output))
    found = np.stack(outputs, 1) if getattr(layer, "return_sequences", False) else outputs[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_constants_are_the_dropout_masks(name):
    make, shape = STEPWISE[name]
    layer, x = make(dropout=0.5, recurrent_dropout=0.5, seed=1), torch.tensor(array(*shape))
    layer.build(shape)
    constants = layer.get_constants(x, training=True)
    found = [torch.stack(c if isinstance(c, list) else [c]) for c in constants]
    assert [set(c.unique().tolist()) for c in found] == [{0.0, 2.0}] * 2
    states, outputs = layer.get_initial_states(x), []
    for step in x.unbind(1):
        output, states = layer.step(step, [*states, *constants])
        outputs.append(numpy(output))
    # The layer runs with the masks that the cell holds.
    expected = numpy(layer(x, training=True))
    np.testing.assert_allclose(np.stack(outputs, 1), expected, rtol=1e-5, atol=1e-6)


def test_convolutions_of_the_convolutional_lstm():
    layer = layers.ConvLSTM2D(2, (2, 2), strides=(2, 2))
    x, kernel = torch.tensor(array(1, 5, 5, 2)), torch.tensor(array(2, 2, 2, 3))
    plain = keras.ops.conv(x, kernel, strides=2)
    np.testing.assert_allclose(numpy(layer.conv_step(x, kernel)), numpy(plain), rtol=1e-5)
    shifted = layer.conv_step(x, kernel, b=torch.ones(3), border_mode="same")
    same = keras.ops.conv(x, kernel, strides=2, padding="same") + 1
    np.testing.assert_allclose(numpy(shifted), numpy(same), rtol=1e-5)
    hidden = numpy(layer.conv_step_hidden(x, kernel, border_mode="same"))
    np.testing.assert_allclose(hidden, numpy(keras.ops.conv(x, kernel, padding="same")), rtol=1e-5)
    cell = layers.ConvLSTM2DCell(2, (2, 2))
    assert cell.recurrent_activation is keras.activations.hard_sigmoid
    np.testing.assert_allclose(numpy(cell.recurrent_conv(x, kernel)), hidden, rtol=1e-5)
    one = keras.ops.conv(x, kernel)
    np.testing.assert_allclose(numpy(cell.input_conv(x, kernel)), numpy(one), rtol=1e-5)
    output = layers.RNN(layers.SimpleRNNCell(2)).get_losses_for()
    assert output == [] and layers.TimeDistributed(layers.Dense(1)).get_updates_for() == []


# ---------------------------------------------------------------- graphs


def test_layers_are_connected_by_their_nodes():
    dense = layers.Dense(3)
    dense.create_input_layer((None, 4), input_dtype="float32", name="first")
    assert dense.input_shape == (None, 4) and dense.output_shape == (None, 3)
    after = layers.Dense(2)
    after.add_inbound_node(dense, node_indices=[0], tensor_indices=[0])
    model = keras.Model(dense.input, after.output)
    assert model.predict(np.ones((2, 4)), verbose=0).shape == (2, 2)
    after.assert_input_compatibility(input=torch.ones(1, 3))
    with pytest.raises(ValueError, match="incompatible"):
        after.assert_input_compatibility(torch.ones(1, 4))


def test_merge_of_given_nodes():
    shared, first, second = layers.Dense(2), keras.Input((3,)), keras.Input((3,))
    shared(first)
    shared(second)
    merged = layers.Merge([shared, shared], "concat", node_indices=[0, 1], tensor_indices=[0, 0])
    assert merged.output_shape == (None, 4)
    made = layers.core.merge([shared, shared], "sum", node_indices=[1, 1])
    values = keras.Model(second, made).predict(np.ones((1, 3)), verbose=0)
    kernel, bias = shared.get_weights()
    np.testing.assert_allclose(values, 2 * (kernel.sum(0, keepdims=True) + bias), rtol=1e-5)


def test_layers_of_a_cache():
    source = keras.Sequential([layers.Input((2,)), layers.Dense(3, name="shared")])
    cache = {}
    configs = source.get_config()
    first = keras.Sequential.from_config(configs, layer_cache=cache)
    second = keras.Sequential.from_config(configs, layer_cache=cache)
    assert first.get_layer("shared") is second.get_layer("shared") is cache["shared"]
    assert keras.Sequential.from_config(configs).get_layer("shared") is not cache["shared"]


# ---------------------------------------------------------------- files


def model_of_two():
    first, second = layers.Dense(3, "relu", name="first"), layers.Dense(1, name="second")
    model = keras.Sequential([layers.Input((4,)), first, second])
    for weight in model.weights:
        weight.assign(array(*weight.shape))
    return model


def test_weights_of_layers_in_groups(tmp_path):
    source, model = model_of_two(), keras.models.clone_model(model_of_two())
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        source.save_weights_to_hdf5_group(file.create_group("model"))
        engine_saving.save_weights_to_hdf5_group(file.create_group("layers"), source.layers)
        names = engine_saving.load_attributes_from_hdf5_group(file["layers"], "layer_names")
        assert names == [layer.name for layer in source.layers]
        long = [f"{i:05d}".encode() * 100 for i in range(300)]
        engine_saving.save_attributes_to_hdf5_group(file, "long", long)
        found = engine_saving.load_attributes_from_hdf5_group(file, "long")
        assert found == [name.decode() for name in long] and "long0" in file.attrs
        with pytest.raises(RuntimeError, match="larger than 64512 bytes"):
            engine_saving.save_attributes_to_hdf5_group(file, "one", [b"x" * 70000])
        ways = {
            "model": lambda f: model.load_weights_from_hdf5_group(f["model"]),
            "by name": lambda f: model.load_weights_from_hdf5_group_by_name(f["model"]),
            "layers": lambda f: engine_saving.load_weights_from_hdf5_group(
                f["layers"], model.layers
            ),
            "layers by name": lambda f: engine_saving.load_weights_from_hdf5_group_by_name(
                f["layers"], model.layers
            ),
            "reshaped": lambda f: engine_saving.load_weights_from_hdf5_group(
                f["layers"], model.layers, reshape=True
            ),
            "reshaped by name": lambda f: engine_saving.load_weights_from_hdf5_group_by_name(
                f["layers"], model.layers, reshape=True
            ),
        }
        for name, load in ways.items():
            model.set_weights([np.zeros(w.shape) for w in model.weights])
            load(file)
            for weight, wanted in zip(model.weights, source.weights, strict=True):
                np.testing.assert_array_equal(numpy(weight), numpy(wanted), err_msg=name)
        odd = keras.Sequential([layers.Input((3,)), layers.Dense(4), layers.Dense(1)])
        with pytest.raises(ValueError):
            engine_saving.load_weights_from_hdf5_group(file["layers"], odd.layers)


def test_weights_of_older_versions():
    layer = layers.Conv2D(2, 3)
    layer.build((None, 5, 5, 1))
    kernel, bias = array(3, 3, 1, 2), array(2)
    same = engine_saving.preprocess_weights_for_loading(layer, [kernel, bias], "2.3.1")
    np.testing.assert_array_equal(same[0], kernel)
    turned = engine_saving.preprocess_weights_for_loading(layer, [kernel, bias], "2.3.1", "theano")
    np.testing.assert_array_equal(turned[0], kernel[::-1, ::-1])
    flat = [kernel.reshape(9, 2), bias]
    shaped = engine_saving.preprocess_weights_for_loading(layer, flat, "2.3.1", reshape=True)
    np.testing.assert_array_equal(shaped[0], kernel)


def test_pickled_models():
    model = model_of_two()
    model.compile("adam", "mse")
    model.fit(np.ones((4, 4)), np.ones((4, 1)), verbose=0)
    state = pickle.loads(pickle.dumps(engine_saving.pickle_model(model)))
    again = engine_saving.unpickle_model(state)
    x = array(2, 4)
    np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
    assert int(again.optimizer.iterations) == 1


@pytest.mark.parametrize("kind", ["file", "dict", "group"])
def test_h5dict(tmp_path, kind):
    path = tmp_path / "d.h5"
    store = {}
    target = {"file": path, "dict": store}.get(kind) or store
    if kind == "group":
        target = h5py.File(path, "w")
    with io_utils.H5Dict(target) as made:
        made["weights"] = array(2, 3)
        made["text"] = "some text"
        made["names"] = [b"a", b"b"]
        made["inner"]["deep"] = array(2)
        made.update({"more": array(3)})
        assert "weights" in made and "nothing" not in made and len(made) == 5
        assert set(made) == set(made.iter()) == {"weights", "text", "names", "inner", "more"}
    if kind == "group":
        target.close()
    source = store if kind == "dict" else path
    with keras.utils.io_utils.h5dict(source, mode="r") as read:
        np.testing.assert_array_equal(read["weights"], array(2, 3))
        np.testing.assert_array_equal(read["inner"]["deep"], array(2))
        assert read["text"] == "some text" and len(read["names"]) == 2
        assert read.get("nothing", 7) == 7
        with pytest.raises(ValueError, match="read-only"):
            read["weights"] = array(1)
        with pytest.raises(ValueError, match="read-only"):
            read["nothing"]
    with pytest.raises(TypeError, match="Required Group, str or dict"):
        io_utils.H5Dict(3)


def test_arrays_and_streams(tmp_path, monkeypatch, capsys):
    io_utils.save_array(array(2, 3), str(tmp_path / "a.h5"))
    np.testing.assert_array_equal(io_utils.load_array(str(tmp_path / "a.h5")), array(2, 3))
    stream = io.BytesIO()
    io_utils.save_to_binary_h5py(lambda f: f.create_dataset("x", data=array(3)), stream)
    stream.seek(0)
    found = io_utils.load_from_binary_h5py(lambda f: f["x"][()], stream)
    np.testing.assert_array_equal(found, array(3))
    answers = iter(["what", "y", "N"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    assert io_utils.ask_to_proceed_with_overwrite("a.h5") is True
    assert "overwrite=True" in capsys.readouterr().out
    assert io_utils.ask_to_proceed_with_overwrite("a.h5") is False


def test_hashes_of_files(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    md5 = "900150983cd24fb0d6963f7d28e17f72"
    sha = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert data_utils.validate_file(path, md5) and data_utils.validate_file(path, sha)
    assert data_utils.validate_file(path, md5_hash=md5, algorithm="md5")
    assert not data_utils.validate_file(path, "0" * 32, chunk_size=4)


def test_functions_as_text():
    factor = 3

    def scaled(x, by=2):
        return x * by * factor + len([])

    text = generic_utils.func_dump(scaled)
    assert generic_utils.func_load(text)(5) == 30
    assert generic_utils.func_load(text[0], defaults=(1,), closure=(1,))(5) == 5
    assert generic_utils.getargspec(scaled).args == ["x", "by"]
    with keras.saving.CustomObjectScope({}):
        from torchkeras._serialize import SafeModeScope

        with SafeModeScope(True), pytest.raises(ValueError, match="disallowed in safe mode"):
            generic_utils.func_load(text)


# ---------------------------------------------------------------- data


def test_enqueuers():
    reader = data_utils.GeneratorEnqueuer(iter(range(5)), False, random_seed=1)
    reader.start(workers=1, max_queue_size=2)
    assert list(reader.get()) == list(range(5))
    reader.stop()
    reader = engine_training.GeneratorEnqueuer(iter(range(3)), pickle_safe=False)
    reader.start(nb_worker=1, max_q_size=10, wait_time=0.01)
    assert list(reader.get()) == [0, 1, 2] and not reader.is_running()

    class Numbers(keras.utils.Sequence):
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return index

    ordered = keras.utils.OrderedEnqueuer(Numbers())
    ordered.start(max_queue_size=20)
    ordered.join_end_of_epoch()
    items = ordered.get()
    assert [next(items) for _ in range(6)] == [0, 1, 2, 0, 1, 2]
    ordered.stop()
    assert isinstance(ordered, keras.utils.SequenceEnqueuer)
    data_utils.init_pool({4: [7, 8, 9]})
    assert data_utils.get_index(4, 1) == 8
    data_utils.init_pool_generator({5: iter("ab")}, random_seed=3)
    assert [data_utils.next_sample(5), data_utils.next_sample(5)] == ["a", "b"]


def test_standardized_data():
    standardize = engine_training.standardize_input_data
    x = array(4, 3)
    assert standardize(x, ["a"], [(None, 3)])[0] is not None
    assert standardize(np.arange(4.0), ["a"])[0].shape == (4, 1)
    found = standardize({"b": x, "a": x + 1}, ["a", "b"], [(None, 3)] * 2)
    np.testing.assert_array_equal(found[0], x + 1)
    for data, names, shapes, message in (
        ({"a": x}, ["a", "b"], None, 'No data provided for "b"'),
        ([x, x], ["a"], None, "not the size the model expected"),
        (x, ["a", "b"], None, "one for each of"),
        (x, ["a"], [(None, 3, 1)], "to have 3 dimensions"),
        (x, ["a"], [(None, 4)], r"to have shape \(None, 4\)"),
    ):
        with pytest.raises(ValueError, match=message):
            standardize(data, names, shapes, exception_prefix="model input")
    with pytest.raises(ValueError, match="to have shape"):
        standardize(x, ["a"], [(5, 3)])
    assert len(standardize(x, ["a"], [(5, 3)], check_batch_axis=False)) == 1


def test_standardized_weights():
    weights = engine_training.standardize_sample_weights
    assert weights(None, ["a", "b"]) == [None, None]
    assert weights({"a": 1}, ["a", "b"]) == [1, None]
    assert weights([1], ["a"]) == [1] and weights([1, 2], ["a", "b"]) == [1, 2]
    assert engine_training.standardize_class_weights({0: 1.0}, ["a"]) == [{0: 1.0}]
    with pytest.raises(ValueError, match="was a list of 1 elements"):
        weights([1], ["a", "b"])
    with pytest.raises(TypeError, match="either a list or a dict"):
        weights("x", ["a", "b"])
    standardize, y = engine_training.standardize_weights, np.eye(3)[[0, 2, 2]]
    assert standardize(y).tolist() == [1, 1, 1]
    assert standardize(y, class_weight={0: 1.0, 2: 5.0}).tolist() == [1, 5, 5]
    assert standardize(np.array([[1], [0]]), class_weight={0: 1, 1: 2}).tolist() == [2, 1]
    assert standardize(np.ones((2, 3, 1)), sample_weight_mode="temporal").shape == (2, 3)
    given = np.ones(3)
    assert standardize(y, given) is given
    for kwargs, message in (
        ({"sample_weight_mode": "x"}, "None or .temporal."),
        ({"sample_weight_mode": "temporal"}, "at least 3D"),
        ({"class_weight": {0: 1.0}}, "must contain all classes"),
        ({"sample_weight": np.ones(2)}, "Expected weights of shape"),
    ):
        with pytest.raises(ValueError, match=message):
            standardize(y, **kwargs)


def test_checks_of_training():
    engine_training.check_array_lengths([array(3, 2)], [array(3)], [None])
    with pytest.raises(ValueError, match="same number of samples"):
        engine_training.check_array_lengths([array(3, 2)], [array(4)], [])
    with pytest.raises(ValueError, match="All input arrays"):
        engine_training.check_array_lengths([array(3), array(4)], [array(4)], [])
    check = engine_training.check_loss_and_target_compatibility
    cross = keras.losses.categorical_crossentropy
    check([np.ones((2, 3))], [cross], [(None, 3)])
    with pytest.raises(ValueError, match="sparse_categorical_crossentropy"):
        check([np.ones((2, 1))], [cross], [(None, 3)])
    with pytest.raises(ValueError, match="to have the same shape"):
        check([np.ones((2, 2))], [cross], [(None, 3)])
    collect = engine_training.collect_metrics
    assert collect(None, ["a", "b"]) == [[], []]
    assert collect(["acc"], ["a", "b"]) == [["acc"], ["acc"]]
    assert collect({"b": "mse"}, ["a", "b"]) == [[], ["mse"]]
    with pytest.raises(TypeError, match="list or dictionary"):
        collect("acc", ["a"])
    assert engine_training.slice_X([array(4)], 1, 3)[0].shape == (2,)


# ---------------------------------------------------------------- losses and metrics


def test_weights_of_losses():
    squeeze = losses_utils.squeeze_or_expand_dimensions
    y_pred, y_true = squeeze(np.ones((2, 1)), np.ones(2))
    assert (y_pred.shape, y_true.shape) == ((2,), (2,))
    y_pred, y_true, weight = squeeze(np.ones((2, 3)), np.ones((2, 3, 1)), np.ones(2))
    assert (y_true.shape, weight.shape) == ((2, 3), (2, 1))
    values = array(2, 3)
    weight = losses_utils.broadcast_weights(values, [[1.0], [2.0]])
    np.testing.assert_array_equal(numpy(weight), [[1] * 3, [2] * 3])
    with pytest.raises(ValueError, match="can not be broadcast"):
        losses_utils.broadcast_weights(values, np.ones((2, 2)))
    compute = losses_utils.compute_weighted_loss
    whole = [[1.0], [2.0]] * values
    np.testing.assert_allclose(numpy(compute(values, [1.0, 2.0])), whole.mean(), rtol=1e-6)
    np.testing.assert_allclose(numpy(compute(values, 3.0, "sum")), 3 * values.sum(), rtol=1e-5)
    np.testing.assert_allclose(numpy(compute(values, [1.0, 2.0], "none")), whole, rtol=1e-6)
    assert float(losses_utils.reduce_weighted_loss(values, "sum")) == pytest.approx(values.sum())
    with pytest.raises(ValueError, match="Invalid Reduction Key"):
        compute(values, reduction="all")


def test_counts_of_predictions():
    kinds = metrics_utils.ConfusionMatrix
    y_true, y_pred = np.array([0, 1, 1, 0, 1]), np.array([0.2, 0.4, 0.8, 0.9, 0.3])
    weights = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    for sample_weight in (None, weights):
        counts = {kind: keras.Variable(np.zeros(2, "float32")) for kind in kinds}
        metrics_utils.update_confusion_matrix_variables(
            counts, y_true, y_pred, thresholds=[0.5, 0.1], sample_weight=sample_weight
        )
        w = np.ones(5) if sample_weight is None else weights
        for kind, count in counts.items():
            truth = "TRUE_P" in kind.name or "FALSE_N" in kind.name
            above = "POSITIVES" in kind.name
            wanted = [
                w[(y_true == truth) & ((y_pred > threshold) == above)].sum()
                for threshold in (0.5, 0.1)
            ]
            assert numpy(count).tolist() == wanted, kind
    count = {kinds.TRUE_POSITIVES: keras.Variable(np.zeros(1, "float32"))}
    y_pred = np.array([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4]])
    metrics_utils.update_confusion_matrix_variables(count, np.eye(3)[[1, 0]], y_pred, 0.0, top_k=1)
    assert numpy(count[kinds.TRUE_POSITIVES]).tolist() == [1.0]
    metrics_utils.update_confusion_matrix_variables(
        count, np.eye(3)[[1, 0]], y_pred, class_id=1, sample_weight=[2.0, 3.0]
    )
    assert numpy(count[kinds.TRUE_POSITIVES]).tolist() == [3.0]
    with pytest.raises(ValueError, match="at least one valid"):
        metrics_utils.update_confusion_matrix_variables({}, y_true, y_pred)
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        metrics_utils.update_confusion_matrix_variables(count, [1.0], [1.5])


def test_parts_of_metrics():
    assert metrics_utils.parse_init_thresholds(None) == [0.5]
    assert metrics_utils.parse_init_thresholds((0.1, 0.2)) == [0.1, 0.2]
    with pytest.raises(ValueError, match="Threshold values must be"):
        metrics_utils.assert_thresholds_range([0.5, None])
    best = numpy(metrics_utils.filter_top_k(np.array([[1.0, 3.0, 2.0]]), 2))
    assert best[0, 1:].tolist() == [3.0, 2.0] and best[0, 0] < -1e9
    assert metrics_utils.AUCCurve.from_str("pr") is metrics_utils.AUCCurve.PR
    method = metrics_utils.AUCSummationMethod
    assert method.from_str("Majoring") is method.MAJORING
    with pytest.raises(ValueError, match="Invalid AUCCurve"):
        metrics_utils.AUCCurve.from_str("x")
    metric = keras.metrics.Mean()
    update = metrics_utils.update_state_wrapper(metric.update_state)
    update(metric, torch.tensor([2.0, 4.0]))
    assert float(metrics_utils.result_wrapper(metric.result)(metric)) == 3.0
    assert float(metric._call_result) == 3.0


@pytest.mark.parametrize(
    "reduction, wanted",
    [("sum", 14.0), ("sum_over_batch_size", 14 / 3), ("weighted_mean", 14 / 6)],
)
def test_reduce(reduction, wanted):
    metric = keras.metrics.Reduce(reduction, "r")
    metric.update_state([1.0, 2.0], sample_weight=[1.0, 2.0])
    metric.update_state([3.0], sample_weight=[3.0])
    assert float(metric.result()) == pytest.approx(wanted)
    metric.reset_states()
    assert float(metric.result()) == 0
    with pytest.raises(ValueError, match="reduction must be one of"):
        keras.metrics.Reduce("max", "r")


def test_sensitivity_and_specificity():
    class AtSpecificity(keras.metrics.SensitivitySpecificityBase):
        def result(self):
            specificity = self.true_negatives / (self.true_negatives + self.false_positives)
            place = (specificity - self.value).abs().argmin()
            return (self.true_positives / (self.true_positives + self.false_negatives))[place]

    metric, today = AtSpecificity(0.6, 100), keras.metrics.SensitivityAtSpecificity(0.6, 100)
    y_true, y_pred = np.array([0, 0, 0, 1, 1]), np.array([0.0, 0.3, 0.8, 0.3, 0.8])
    metric.update_state(y_true, y_pred)
    today.update_state(y_true, y_pred)
    for name in ("true_positives", "false_negatives", "true_negatives", "false_positives"):
        np.testing.assert_array_equal(
            numpy(getattr(metric, name)), numpy(getattr(today, name)), err_msg=name
        )
    assert float(metric.result()) == 0.5


def test_regularizers_of_keras_1():
    w = array(5, 3)
    cost = keras.regularizers.EigenvalueRegularizer(0.1)(torch.tensor(w))
    assert float(cost) == pytest.approx(0.1 * np.linalg.svd(w)[1][0], rel=1e-3)
    with pytest.raises(ValueError, match="rank 2"):
        keras.regularizers.EigenvalueRegularizer(0.1)(torch.ones(2, 2, 2))
    regularizer = keras.regularizers.L2(0.1)
    with pytest.warns(DeprecationWarning, match="no effect any more"):
        regularizer.set_param(None)
        regularizer.set_layer(None)
    config = keras.regularizers.EigenvalueRegularizer(0.5).get_config()
    assert config == {"k": 0.5}


# ---------------------------------------------------------------- initializations and kernels


@pytest.mark.parametrize("ordering", ["th", "tf"])
def test_initializations_by_fans(ordering):
    from torchkeras import initializations

    shape = (40, 20, 3, 3) if ordering == "th" else (3, 3, 20, 40)
    fans = initializations.get_fans(shape, ordering)
    assert fans == (180, 360)
    limits = {
        "glorot_uniform": np.sqrt(6 / 540),
        "he_uniform": np.sqrt(6 / 180),
        "lecun_uniform": np.sqrt(3 / 180),
    }
    for name, limit in limits.items():
        value = numpy(getattr(initializations, name)(shape, name="w", dim_ordering=ordering))
        assert limit * 0.98 < np.abs(value).max() <= limit
    for name, deviation in (("glorot_normal", np.sqrt(2 / 540)), ("he_normal", np.sqrt(2 / 180))):
        value = numpy(initializations.get(name)(shape, dim_ordering=ordering))
        assert value.std() == pytest.approx(deviation, rel=0.05)
    assert initializations.get_fans((5, 7)) == (5, 7)
    assert numpy(initializations.identity((3, 3), scale=2)).tolist() == (2 * np.eye(3)).tolist()
    assert np.abs(numpy(initializations.uniform((50, 50), 0.2))).max() <= 0.2
    square = numpy(initializations.orthogonal((6, 6), scale=1.0))
    np.testing.assert_allclose(square @ square.T, np.eye(6), atol=1e-5)
    with pytest.raises(ValueError, match="Invalid dim_ordering"):
        initializations.get_fans((2, 2, 2, 2), "x")


def test_kernels_turned_around():
    kernel = array(3, 2, 4, 5)
    np.testing.assert_array_equal(np_utils.convert_kernel(kernel), kernel[::-1, ::-1])
    np.testing.assert_array_equal(
        np_utils.convert_kernel(kernel, dim_ordering="th"), kernel[:, :, ::-1, ::-1]
    )
    assert np_utils.conv_output_length(7, 3, border_mode="valid", stride=2) == 3
    assert np_utils.conv_input_length(3, 3, border_mode="valid", stride=2) == 7
    assert np_utils.accuracy(p=[1, 0, 1, 1], y=[1, 1, 1, 1]) == 0.75
    assert conv_utils.conv_output_length(7, 3, padding="same", stride=2) == 4


# ---------------------------------------------------------------- pictures and images


def test_parts_of_drawings():
    model = keras.Sequential([layers.Dense(1)])
    assert vis_utils.is_model(model) and not vis_utils.is_model(layers.Dense(1))
    assert vis_utils.is_wrapped_model(layers.TimeDistributed(model))
    assert not vis_utils.is_wrapped_model(layers.TimeDistributed(layers.Dense(1)))
    added = []

    class Dot:
        def get_edge(self, src, dst):
            return [1] if (src, dst) == ("a", "b") else []

        def add_edge(self, edge):
            added.append(edge)

    vis_utils.add_edge(Dot(), "a", "b")
    assert added == []


def test_images_by_affine_maps(tmp_path):
    image = keras.preprocessing.image
    x = array(1, 4, 6)
    np.testing.assert_array_equal(image.apply_transform(x, np.eye(3)), x)
    shift = np.array([[1, 0, 1], [0, 1, 2], [0, 0, 1]])
    moved = image.apply_transform(x, shift, fill_mode="constant", cval=9.0)
    np.testing.assert_array_equal(moved[:, :3, :4], x[:, 1:, 2:])
    assert (moved[:, 3:] == 9).all() and (moved[:, :, 4:] == 9).all()
    last = image.apply_transform(np.moveaxis(x, 0, -1), shift, channel_axis=2)
    assert last.shape == (4, 6, 1)
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1.0]])
    centred = image.transform_matrix_offset_center(turn, 4, 6)
    middle = np.array([2.5, 3.5, 1])
    np.testing.assert_allclose(centred @ middle, middle)
    np.testing.assert_array_equal(image.flip_axis(x, 2), x[:, :, ::-1])
    for name in ("b.png", "a.jpg", "c.txt"):
        (tmp_path / name).write_text("")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "d.png").write_text("")
    found = image.list_pictures(str(tmp_path))
    assert [path[len(str(tmp_path)) + 1 :] for path in found] == ["a.jpg", "b.png", "in/d.png"]
    batches = image.ImageDataGenerator().flow(X=np.ones((3, 4, 4, 1)), batch_size=2)
    assert next(batches).shape == (2, 4, 4, 1)


def test_a_batch_of_cifar(tmp_path):
    from torchkeras.datasets import cifar

    pixels = np.arange(2 * 3072, dtype="uint8").reshape(2, 3072)
    with open(tmp_path / "data_batch_1", "wb") as file:
        pickle.dump({b"data": pixels, b"fine": [3, 5]}, file)
    x, y = cifar.load_batch(str(tmp_path / "data_batch_1"), label_key="fine")
    np.testing.assert_array_equal(x, pixels.reshape(2, 3, 32, 32))
    assert list(y) == [3, 5]


# ---------------------------------------------------------------- tests of layers


def test_layer_test():
    data = array(2, 3)
    outputs = test_utils.layer_test(
        layers.ReLU, input_data=data, expected_output=np.maximum(data, 0)
    )
    assert outputs.shape == (2, 3)
    test_utils.layer_test(layers.Dense, {"units": 4}, input_shape=(3, 2))
    test_utils.layer_test(
        layers.LSTM, {"units": 4}, input_shape=(2, None, 3), fixed_batch_size=True
    )
    with pytest.raises(AssertionError):
        test_utils.layer_test(layers.ReLU, input_data=data, expected_output=data)
    (x, y), (x_test, _) = test_utils.get_test_data(
        nb_train=6, nb_test=2, input_shape=(3,), nb_class=3
    )
    assert x.shape == (6, 3) and len(y) == 6 and len(x_test) == 2
    assert K.ndim(x) == 2
