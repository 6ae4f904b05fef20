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
