"""What whole scripts of old stumbled on, each as small as it gets."""

import subprocess
import sys

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import backend as K
from torchkeras import tf
from torchkeras.legacy.layers import Merge, merge


def test_branches_that_merge_twice_share_their_input():
    """A `Sequential` makes inputs of its own; the branch that both merges start with has one."""
    layers, Sequential = torchkeras.layers, torchkeras.Sequential
    story, question, other = (Sequential([layers.Embedding(9, 4, input_length=6)]) for _ in "abc")
    match = Sequential([Merge([story, question], mode="dot", dot_axes=[2, 2])])
    response = Sequential([Merge([match, Sequential([other, layers.Dense(6)])], mode="sum")])
    answer = Sequential([Merge([response, question], mode="concat", concat_axis=-1)])
    assert len(answer.inputs) == 3
    rng = np.random.default_rng(0)
    given = [rng.integers(0, 9, (2, 6)) for _ in range(3)]
    result = answer.predict(given, verbose=0)
    assert result.shape == (2, 6, 10)
    np.testing.assert_allclose(result[..., 6:], question.predict(given[1], verbose=0), rtol=1e-6)


def test_merging_function_may_give_its_tensor_in_a_list():
    a, b = torchkeras.Input((3,)), torchkeras.Input((3,))
    model = torchkeras.Model([a, b], merge([a, b], mode=lambda x: [x[0] - x[1]]))
    assert model.layers[-1].name.startswith("lambda")
    np.testing.assert_array_equal(
        model.predict([np.ones((2, 3)), np.full((2, 3), 3.0)], verbose=0), -2 * np.ones((2, 3))
    )


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_initializer_with_a_name():
    """Keras 1 called initializers as `f(shape, name=...)`."""
    layer = torchkeras.layers.SimpleRNN(
        output_dim=3,
        init=lambda shape, name: K.ones(shape, name=name),
        inner_init=lambda shape, name=None: K.zeros(shape),
    )
    layer.build((None, 2, 5))
    kernel, recurrent, _ = layer.get_weights()
    assert kernel.sum() == 15 and recurrent.sum() == 0


def test_boolean_targets_of_a_classifier():
    y_true = np.eye(3, dtype=bool)[[0, 1, 2, 0]]
    y_pred = np.eye(3, dtype="float32")[[0, 1, 1, 0]]
    for name in ("accuracy", "categorical_accuracy", "top_k_categorical_accuracy"):
        model = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Identity()])
        model.compile(loss="categorical_crossentropy", metrics=[name])
        expected = 1.0 if "top" in name else 0.75
        assert model.evaluate(y_pred, y_true, verbose=0)[1] == expected


def test_variable_first_needed_by_predict_is_trained_later():
    with torch.inference_mode():
        variable = torchkeras.Variable(torch.ones(2))
        made = K.random_normal((2,))
    assert made.is_inference() and not variable.is_inference()
    variable.assign_add([1.0, 2.0])
    torchkeras.utils.clear_session()
    x = torchkeras.Input((2,))
    noisy = torchkeras.layers.Lambda(lambda p: p + K.random_normal(K.shape(p)))(x)
    model = torchkeras.Model(x, torchkeras.layers.Dense(1)(noisy))
    model.compile("sgd", "mse")
    model.predict(np.ones((2, 2)), verbose=0)
    model.train_on_batch(np.ones((2, 2)), np.ones((2, 1)))


@pytest.mark.parametrize(
    ("reckon", "expected"),
    [
        (lambda s: s[1:3] * 32, [64, 96]),
        (lambda s: 2 * s[1:3], [4, 6]),
        (lambda s: s[1:3] + 1, [3, 4]),
        (lambda s: s[1:3] - 1, [1, 2]),
        (lambda s: 9 - s[1:3], [7, 6]),
        (lambda s: s[1:3] // 2, [1, 1]),
        (lambda s: s[1:3] / 2, [1.0, 1.5]),
        (lambda s: s[1:3] % 2, [0, 1]),
        (lambda s: s[2:0:-1] * torch.tensor([1, 10]), [3, 20]),
    ],
)
def test_reckoning_with_sizes(reckon, expected):
    """`K.shape(x)[1:3] * 32` repeats nothing: sizes were a tensor."""
    assert reckon(K.shape(torch.ones(5, 2, 3))).tolist() == expected
    symbolic = torchkeras.Input((2, None))
    model = torchkeras.Model(symbolic, reckon(K.shape(symbolic)))
    assert model(torch.ones(5, 2, 3)).tolist() == expected


def test_sizes_are_a_tuple_too():
    sizes = K.shape(torch.ones(5, 2, 3))
    assert sizes == (5, 2, 3) and sizes[:2] + (7,) == (5, 2, 7) and sizes[0] == 5
    assert K.reshape(torch.ones(6), (sizes[1], sizes[2])).shape == (2, 3)


def test_gpu_options_of_the_first_tensorflow():
    options = tf.ConfigProto(gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.5))
    options.gpu_options.allow_growth = True
    K.set_session(tf.Session(config=options))
    assert tf.compat.v1.Session is tf.Session and tf.compat.v1.keras is torchkeras
    with pytest.raises(NotImplementedError, match="Graphs and sessions"):
        tf.Session().run(None)
    with pytest.raises(AttributeError, match=r"tf\.compat\.v1\.nothing is not in torchkeras"):
        _ = tf.compat.v1.nothing


def test_saved_model_of_tf_functions(tmp_path):
    x = torchkeras.Input((4,))
    y = tf.concat([tf.nn.relu(x), tf.square(x)], -1)
    model = torchkeras.Model(x, tf.reduce_mean(y, axis=-1, keepdims=True))
    model.save(tmp_path / "m.keras")
    again = torchkeras.models.load_model(tmp_path / "m.keras")
    given = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    np.testing.assert_array_equal(again.predict(given, verbose=0), model.predict(given, verbose=0))


LOCAL_IMPORT = """
import numpy as np
from keras import Sequential, layers

def loss(y_true, y_pred):
    import tensorflow as tf
    error = y_true - y_pred
    return tf.reduce_mean(tf.where(tf.abs(error) < 1, error * error, tf.abs(error)))

model = Sequential([layers.Input((3,)), layers.Dense(1)])
model.compile("sgd", loss)
before = model.get_weights()[0]
model.fit(np.ones((8, 3)), np.zeros(8), verbose=0)
assert np.any(before != model.get_weights()[0])
turned = model(np.ones((2, 3)))[::-1]
print("trained", turned.shape)
"""


def test_tensorflow_imported_in_a_loss(tmp_path):
    """The import, which ends the recording of operations, comes before training."""
    script = tmp_path / "script.py"
    script.write_text(LOCAL_IMPORT)
    done = subprocess.run(
        [sys.executable, "-m", "torchkeras", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "trained (2, 1)" in done.stdout.replace("TensorShape", "").replace("[2, 1]", "(2, 1)")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("mode, told", [("valid", 28), ("valid", 29), ("same", 27), ("same", 28)])
def test_transposed_convolution_that_is_told_its_output(mode, told):
    Deconvolution2D = torchkeras.layers.Deconvolution2D
    kernel = 2 if mode == "valid" else 3
    layer = Deconvolution2D(
        4, kernel, kernel, (None, told, told, 4), border_mode=mode, subsample=(2, 2)
    )
    given = torch.ones(1, 14, 14, 3)
    assert layer(given).shape == (1, told, told, 4)
    model = torchkeras.Sequential([torchkeras.Input((14, 14, 3)), layer])
    again = torchkeras.models.model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    assert torch.equal(again(given), model(given))
    wrong = Deconvolution2D(
        4, kernel, kernel, (None, 40, 40, 4), border_mode=mode, subsample=(2, 2)
    )
    with pytest.raises(ValueError, match="output_shape="):
        wrong.build((None, 14, 14, 3))


class Affine(tf.Module):
    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable([[2.0], [3.0]])

    def __call__(self, x):
        return x @ self.kernel


class Twice(torchkeras.layers.Layer):
    def __init__(self):
        super().__init__()
        self.dense = torchkeras.layers.Dense(2, activation="relu", kernel_regularizer="l2")

    def call(self, x):
        return self.dense(self.dense(x))


class Gadget:
    def __reduce__(self):
        return (open, ("stolen", "w"))


def test_modules_in_folders(tmp_path):
    tf.saved_model.save(Affine(), tmp_path / "a")
    assert tf.saved_model.load(tmp_path / "a")(torch.ones(1, 2)).tolist() == [[5.0]]
    model = torchkeras.Sequential([torchkeras.Input((2,)), Twice()])
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.ones((4, 2)), np.ones((4, 2)), verbose=0)
    tf.saved_model.save(model, tmp_path / "b")
    assert model.history.history["loss"]
    again = tf.saved_model.load(tmp_path / "b")
    assert torch.equal(again(torch.ones(1, 2)), model(torch.ones(1, 2)))


def test_a_module_file_that_calls_something_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = Affine()
    module.part = Gadget()
    tf.saved_model.save(module, "a")
    with pytest.raises(ValueError, match="enable_unsafe_deserialization"):
        tf.saved_model.load("a")
    assert not (tmp_path / "stolen").exists()


def test_checkpoints_as_tensorflow_named_them(tmp_path):
    """`save_weights("checkpoints/my_checkpoint")` makes the folder; loading gives a status."""
    model = torchkeras.Sequential([torchkeras.Input((2,)), torchkeras.layers.Dense(1)])
    for name in ("checkpoints/my_checkpoint", "training_1/cp.ckpt"):
        model.save_weights(str(tmp_path / name))
        before = model.get_weights()[0]
        model.set_weights([np.zeros((2, 1)), np.zeros(1)])
        status = model.load_weights(str(tmp_path / name))
        assert status.expect_partial() is status.assert_consumed() is status
        np.testing.assert_array_equal(model.get_weights()[0], before)
    model.save_weights(tmp_path / "w.weights.h5")
    assert model.load_weights(tmp_path / "w.weights.h5") is None


LOOKS_FOR_TENSORFLOW = """
import importlib.util
import torch
import keras

importlib.util.find_spec("tensorflow")
print(torch.is_grad_enabled(), type(keras.layers.ReLU()(torch.ones(2))).__name__)
"""


def test_looking_for_tensorflow_is_not_importing_it(tmp_path):
    """`torch._dynamo` looks whether there is TensorFlow, in the first step of an optimizer."""
    script = tmp_path / "script.py"
    script.write_text(LOOKS_FOR_TENSORFLOW)
    done = subprocess.run(
        [sys.executable, "-m", "torchkeras", script], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["True", "Tensor"], done.stderr


class Phases(torchkeras.Model):
    """Notes in which phase its parts are called by steps that do not say it."""

    def __init__(self):
        super().__init__()
        self.seen = {}
        self.part = Phase()
        self.own = Phase()

    def call(self, x):
        return self.part(x)

    def train_step(self, data):
        self.seen["unsaid"] = self.own.phase_of(data[0])
        self(data[0], training=True)
        self.seen["said to the model"] = self.part.phase
        logs = super().train_step(data)
        self.seen["usual step"] = self.part.phase
        return logs


class Phase(torchkeras.layers.Layer):
    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")

    def call(self, x, training=None):
        self.phase = bool(training)
        return x * self.scale

    def phase_of(self, x):
        self(x)
        return self.phase


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
def test_steps_say_to_the_layers_that_they_train():
    """Keras's layers infer where nobody says `training`, also inside `fit`: in a train step of the
    script's own, in losses and in callbacks."""
    model, helper, seen = Phases(), Phase(), {}

    def loss(y_true, y_pred):
        seen["loss"] = helper.phase_of(y_pred)
        return torch.mean((y_true - y_pred) ** 2)

    def at_end(epoch, logs):
        seen["callback"] = helper.phase_of(torch.ones(1, 1))

    model.compile("sgd", loss)
    x = np.ones((4, 1), "float32")
    told = torchkeras.callbacks.LambdaCallback(on_epoch_end=at_end)
    model.fit(x, x, verbose=0, callbacks=[told])
    assert model.seen == {"unsaid": False, "said to the model": True, "usual step": True}
    assert seen == {"loss": False, "callback": False}
    helper.train()
    assert helper.phase_of(torch.ones(1, 1)), "outside of loops torch's switch decides"


class Perceiver(torchkeras.Model):
    def build(self, input_shape):
        self.latent = self.add_weight(name="latent", shape=(1, 4, 8))
        self.head = torchkeras.layers.Dense(5)
        super().build(input_shape)

    def call(self, x):
        return self.head(self.latent + x[:, :1])


def test_model_whose_build_ends_with_that_of_its_base():
    model = Perceiver()
    model.compile("sgd", "mse")
    model.fit(np.ones((2, 4, 8)), np.ones((2, 4, 5)), verbose=0)
    assert [tuple(w.shape) for w in model.weights] == [(1, 4, 8), (8, 5), (5,)]


class CausalMask(torchkeras.layers.Layer):
    """As in miniature GPTs: the multiples of `tile` are reckoned as a tensor."""

    def call(self, x):
        ops = torchkeras.ops
        batch, length = ops.shape(x)[0], ops.shape(x)[1]
        mask = ops.reshape(ops.arange(length)[:, None] >= ops.arange(length), (1, length, length))
        ones = ops.convert_to_tensor([1, 1])
        return ops.tile(mask, ops.concatenate([ops.expand_dims(batch, -1), ones], 0))


def test_sizes_reckoned_as_tensors_while_shapes_are_found():
    symbolic = CausalMask()(torchkeras.Input((3, 2)))
    assert symbolic.shape == (None, 3, 3) and symbolic.dtype == "bool"
    assert CausalMask()(torch.ones(2, 3, 2)).sum() == 12


# ---------------------------------------------------------------- members that scripts reach for


def small_model():
    layers = torchkeras.layers
    return torchkeras.Sequential(
        [layers.Input((3,)), layers.Dense(4, name="a"), layers.Dense(2, name="b")]
    )


def test_callbacks_see_the_validation_data_and_older_parameters():
    class Watching(torchkeras.callbacks.Callback):
        def on_epoch_end(self, number, logs=None):
            self.seen = self.validation_data
            self.told = [self.params[k] for k in ("nb_epoch", "samples", "metrics")]

    x, y = np.arange(30.0).reshape(10, 3), np.ones((10, 2))
    model = small_model()
    model.compile("sgd", "mse", ["mae"])
    watching = Watching()
    assert watching.validation_data is None
    model.fit(x, y, validation_split=0.2, epochs=1, verbose=0, callbacks=[watching])
    np.testing.assert_array_equal(watching.seen[0], x[8:])
    assert [a.shape for a in watching.seen] == [(2, 3), (2, 2), (2,)]
    assert watching.told[:2] == [1, 10] and watching.told[2][-1] == "val_mae"
    model.fit(x, y, validation_data=(x[:3], y[:3]), verbose=0, callbacks=[watching])
    np.testing.assert_array_equal(watching.seen[0], x[:3])


def test_hooks_may_name_their_arguments_as_they_like():
    seen = []
    hook = torchkeras.callbacks.LambdaCallback(
        on_batch_end=lambda b, told: seen.append((b, "loss" in told))
    )
    model = small_model()
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 3)), np.ones((4, 2)), batch_size=2, verbose=0, callbacks=[hook])
    assert seen == [(0, True), (1, True)]


@pytest.mark.parametrize(
    ("given", "metrics", "weights"),
    [
        ((["mae"],), ["mae"], None),
        ((["mae"], [2.0]), ["mae"], [2.0]),
        (([2.0],), None, [2.0]),
        (([2.0], ["mae"]), ["mae"], [2.0]),
    ],
)
def test_metrics_third_in_compile_as_in_keras_2(given, metrics, weights):
    x, y = np.ones((4, 3)), np.ones((4, 2))
    expected, found = small_model(), small_model()
    found.set_weights(expected.get_weights())
    expected.compile("sgd", "mse", metrics=metrics, loss_weights=weights)
    found.compile("sgd", "mse", *given)
    assert found.evaluate(x, y, verbose=0) == expected.evaluate(x, y, verbose=0)


def test_model_that_is_made_to_end_earlier():
    model = small_model()
    first = torchkeras.Model(model.input, model.get_layer("a").output)
    x = np.ones((2, 3))
    expected = first.predict(x, verbose=0)
    model.outputs = [model.layers[-2].output]
    assert [layer.name for layer in model.layers] == ["a"]
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    model.add(torchkeras.layers.Dense(5))
    assert model.output_shape == (None, 5)
    whole = small_model()
    graph = torchkeras.Model(whole.input, whole.output)
    graph.outputs = [graph.get_layer("a").output]
    assert graph.predict(x, verbose=0).shape == (2, 4)


def test_old_names_of_weights_nodes_and_symbols():
    layers = torchkeras.layers
    dense = layers.Dense(4)
    out = dense(torchkeras.Input((3,), name="given"))
    assert dense.W is dense.kernel and dense.b is dense.bias and dense.output_dim == 4
    dense.W.set_value(np.ones((3, 4)))
    assert dense.get_weights()[0].sum() == 12 and dense.b.get_value().shape == (4,)
    assert out._keras_shape == (None, 4) and out._keras_history[0] is dense
    node = dense.inbound_nodes[0]
    assert node.inbound_layers[0].name == "given" and node.outbound_layer is dense
    source = node.inbound_layers[0]
    assert source.input is source.output and source.get_input_shape_at(0) == (None, 3)
    image = layers.Conv2D(5, (3, 2), padding="same", strides=2)
    assert (image.nb_filter, image.nb_row, image.nb_col) == (5, 3, 2)
    assert (image.border_mode, image.subsample) == ("same", (2, 2))

    class Own(layers.Dense):
        def build(self, input_shape):
            super().build(input_shape)
            self.W = self.add_weight(name="W", shape=(2, 2), initializer="zeros")

    own = Own(3)
    own.build((None, 4))
    assert own.W.shape == (2, 2) and own.kernel.shape == (4, 3)


def test_recurrent_layer_that_defines_its_step():
    from torchkeras.layers import SimpleRNN
    from torchkeras.legacy.layers import Recurrent

    class Minimal(Recurrent):
        def __init__(self, output_dim, **kwargs):
            self.output_dim = output_dim
            super().__init__(**kwargs)

        def build(self, input_shape):
            size = input_shape[2]
            self.states = [None]
            self.W_x = K.variable(np.full((size, self.output_dim), 0.3), name="W_x")
            self.U_x = K.variable(np.full((self.output_dim, self.output_dim), 0.2), name="U_x")
            self.trainable_weights = [self.W_x, self.U_x]

        def preprocess_input(self, x):
            return K.dot(x, self.W_x)

        def step(self, x, states):
            h = K.tanh(x + K.dot(states[0], self.U_x))
            return h, [h]

    x = np.random.default_rng(0).random((2, 4, 3)).astype("float32")
    reference = SimpleRNN(5, use_bias=False, return_sequences=True)
    reference(x)
    reference.set_weights([np.full((3, 5), 0.3), np.full((5, 5), 0.2)])
    expected = reference(x).detach().numpy()
    inputs = torchkeras.Input((4, 3))
    every = torchkeras.Model(inputs, Minimal(5, return_sequences=True)(inputs))
    last = torchkeras.Model(inputs, Minimal(5)(inputs))
    np.testing.assert_allclose(every.predict(x, verbose=0), expected, rtol=1e-5)
    np.testing.assert_allclose(last.predict(x, verbose=0), expected[:, -1], rtol=1e-5)
    stateful = Minimal(5, stateful=True)
    halves = [stateful(torch.as_tensor(x[:, part])) for part in (slice(2), slice(2, 4))]
    np.testing.assert_allclose(halves[1].detach(), expected[:, -1], rtol=1e-5)
    stateful.reset_states()
    np.testing.assert_allclose(stateful(torch.as_tensor(x)).detach(), expected[:, -1], rtol=1e-5)


def test_gradients_in_a_layer_while_nothing_is_trained():
    """What each value of a pooled image counts for, found by a `Lambda`: one at each maximum."""
    layers = torchkeras.layers

    def where_from(pair):
        before, after = pair
        return K.gradients(K.sum(after), before)[0]

    inputs = torchkeras.Input((4, 4, 1))
    x = layers.Conv2D(1, 1, kernel_initializer="ones")(inputs)
    pooled = layers.MaxPooling2D()(x)
    shape = (4, 4, 1)
    where = layers.Lambda(where_from, output_shape=shape)([x, pooled])
    model = torchkeras.Model(inputs, where)
    image = np.random.default_rng(0).permutation(16).reshape(1, 4, 4, 1).astype("float32")
    blocks = image.reshape(2, 2, 2, 2)
    expected = (blocks == blocks.max((1, 3), keepdims=True)).reshape(1, 4, 4, 1)
    np.testing.assert_array_equal(model.predict(image, verbose=0), expected)
    model.compile("sgd", "mse")
    assert model.evaluate(image, expected.astype("float32"), verbose=0) == 0.0


def test_output_shape_told_by_what_call_has_set():
    class Late(torchkeras.layers.Layer):
        def call(self, x):
            self.result = K.sum(x, axis=1, keepdims=True)
            return self.result

        def compute_output_shape(self, input_shape):
            return K.int_shape(self.result)

    inputs = torchkeras.Input((3,))
    model = torchkeras.Model(inputs, Late()(inputs))
    assert model.predict(np.ones((2, 3)), verbose=0).tolist() == [[3.0], [3.0]]


def test_small_things_of_old():
    from torchkeras.preprocessing.text import Tokenizer, base_filter

    assert "'" not in base_filter() and "\n" in base_filter() and "!" in base_filter()
    with pytest.warns(DeprecationWarning, match="nb_words"):
        assert Tokenizer(nb_words=7).nb_words == 7
    assert torchkeras.utils.to_categorical([0, 1], 2, dtype="int32").dtype == "int32"
    assert torchkeras.utils.to_categorical([0, 1], 2, "bool").dtype == bool
    turned = K.function([x := K.placeholder((None, 2))], [x * 1.0])([np.ones((3, 2))[:, ::-1]])
    assert turned[0].shape == (3, 2)
    assert K.function([s := K.placeholder(shape=())], [s + 1.0])([np.float32(2)])[0] == 3.0
    model = small_model()
    model.compile("sgd", "binary_crossentropy", metrics=["fmeasure", "matthews_correlation"])
    for name in ("train", "test", "predict"):
        getattr(model, f"_make_{name}_function")()
    assert len(model.evaluate(np.ones((4, 3)), np.ones((4, 2)), verbose=0)) == 3
    layer = torchkeras.layers.Layer()
    weight = layer.add_weight(
        name="w", shape=(2, 2), initializer=lambda shape, name=None: K.ones(shape)
    )
    assert K.get_value(weight).sum() == 4


def test_weights_of_samples_for_some_of_the_outputs():
    inputs = torchkeras.Input((3,))
    outputs = [torchkeras.layers.Dense(1, name=name)(inputs) for name in "ab"]
    model = torchkeras.Model(inputs, outputs)
    model.compile("sgd", {"a": "mse", "b": "mse"})
    x, y = np.ones((4, 3)), {"a": np.ones((4, 1)), "b": np.ones((4, 1))}
    some = model.evaluate(x, y, sample_weight={"a": np.full(4, 2.0)}, verbose=0)
    both = model.evaluate(x, y, sample_weight={"a": np.full(4, 2.0), "b": np.ones(4)}, verbose=0)
    np.testing.assert_allclose(some, both)


@pytest.mark.parametrize("kind", [list, tuple])
def test_model_with_a_list_of_one_output_gives_its_tensor(kind):
    x = torchkeras.Input((3,))
    y = torchkeras.layers.Dense(2)(x)
    model = torchkeras.Model(inputs=[x], outputs=kind([y]))
    given = np.ones((4, 3), "float32")
    assert model(given).shape == (4, 2)
    assert model.predict(given, verbose=0).shape == (4, 2)
    whole = torchkeras.Model(x, torchkeras.layers.Dense(1)(model(x)))
    whole.compile("sgd", loss=["mse"], metrics=["mae"])
    assert sorted(whole.fit(given, [np.ones((4, 1))], verbose=0).history) == ["loss", "mae"]


def test_weights_of_a_model_without_a_call(tmp_path):
    """Diffusion models and GANs are checkpointed so, while their train steps call their parts."""

    class Diffusion(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.network = torchkeras.Sequential([torchkeras.Input((2,)), Phase()])

    model = Diffusion()
    model.save_weights(tmp_path / "d.weights.h5")
    model.network.set_weights([np.float32(5)])
    model.load_weights(tmp_path / "d.weights.h5")
    assert model.get_weights() == [1.0]
    model.later = torchkeras.layers.Dense(1)
    with pytest.raises(ValueError, match="not yet been built"):
        model.save_weights(tmp_path / "d.weights.h5")


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_shortcut_of_a_small_residual_net_trains(channels):
    """A kernel of 1 with a stride of 2: torch alone writes past its memory (in a subprocess, so
    that a crash is one failure)."""
    program = (
        "import torch\n"
        "from torchkeras.ops.nn._convolution import conv_nd\n"
        f"x = torch.rand(20, 32, 32, {channels}, requires_grad=True)\n"
        f"kernel = torch.rand(8, 1, 1, {channels}).permute(1, 2, 3, 0).requires_grad_()\n"
        "for _ in range(10):\n"
        "    y = conv_nd(x, kernel, strides=2)\n"
        "    y.sum().backward()\n"
        "torch.testing.assert_close(y, x[:, ::2, ::2] @ kernel[0, 0])\n"
        "grad = kernel.sum(-1)[0, 0].expand(20, 16, 16, -1) * 10\n"
        "torch.testing.assert_close(x.grad[:, ::2, ::2], grad)\n"
        "assert not x.grad[:, 1::2].any()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
