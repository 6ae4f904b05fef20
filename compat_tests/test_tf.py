"""`torchkeras.tf` against NumPy: TensorFlow is not needed to say what its functions do."""

import copy
import inspect

import numpy as np
import pytest
import torch

import torchkeras
import torchkeras.tf as tf
from compat_tests.calls import python_calls

A = np.array([[1.0, -2.0, 3.0], [4.0, 5.0, -6.0]], "float32")
B = np.array([[2.0, 0.5, 1.0], [1.0, 2.0, 3.0]], "float32")
POSITIVE = np.abs(A)
SMALL = A / 10
INTEGERS = np.array([[7, -7], [3, 8]], "int32")

# (path, arguments, what NumPy says)
ROWS = [
    ("abs", (A,), np.abs(A)),
    ("exp", (A,), np.exp(A)),
    ("floor", ([1.5, -1.5],), [1.0, -2.0]),
    ("math.acosh", (POSITIVE,), np.arccosh(POSITIVE)),
    ("math.asin", (SMALL,), np.arcsin(SMALL)),
    ("math.ceil", ([1.5, -1.5],), [2.0, -1.0]),
    ("math.erf", ([0.0, 1.0],), [0.0, 0.8427008]),
    ("math.log", (POSITIVE,), np.log(POSITIVE)),
    ("math.log1p", (POSITIVE,), np.log1p(POSITIVE)),
    ("math.rsqrt", (POSITIVE,), 1 / np.sqrt(POSITIVE)),
    ("math.sigmoid", (A,), 1 / (1 + np.exp(-A))),
    ("round", ([0.5, 1.5, 2.5],), [0.0, 2.0, 2.0]),
    ("sign", (A,), np.sign(A)),
    ("sqrt", (POSITIVE,), np.sqrt(POSITIVE)),
    ("square", (INTEGERS,), INTEGERS**2),
    ("tanh", (A,), np.tanh(A)),
    ("add", (A, B), A + B),
    ("add", (A, 1), A + 1),
    ("divide", (A, B), A / B),
    ("equal", (A, A), np.equal(A, A)),
    ("greater", (A, B), A > B),
    ("math.divide_no_nan", ([1.0, 2.0], [0.0, 4.0]), [0.0, 0.5]),
    ("math.floordiv", (INTEGERS, 2), INTEGERS // 2),
    ("math.floormod", (INTEGERS, 3), INTEGERS % 3),
    ("math.mod", (INTEGERS, 3), INTEGERS % 3),
    ("math.squared_difference", (A, B), (A - B) ** 2),
    ("maximum", (A, 0.0), np.maximum(A, 0)),
    ("multiply", (A, B), A * B),
    ("pow", (A, 2), A**2),
    ("subtract", (1.0, A), 1 - A),
    ("reduce_sum", (A,), A.sum()),
    ("reduce_sum", (A, 0), A.sum(0)),
    ("reduce_sum", (A, [0, 1], True), A.sum(keepdims=True)),
    ("reduce_mean", (A, -1), A.mean(-1)),
    ("reduce_mean", ([1, 2],), 1),
    ("reduce_prod", (A, (0, 1)), A.prod()),
    ("reduce_prod", (A, 1, True), A.prod(1, keepdims=True)),
    ("reduce_max", (A, 1), A.max(1)),
    ("reduce_min", (A,), A.min()),
    ("reduce_any", ([[True, False], [False, False]], 1), [True, False]),
    ("reduce_all", ([[True, True], [False, True]], 1), [True, False]),
    ("reduce_logsumexp", (A, 1), np.log(np.exp(A).sum(1))),
    ("math.reduce_std", (A, 0), A.std(0)),
    ("math.reduce_variance", (A,), A.var()),
    ("math.reduce_euclidean_norm", (A, 1), np.sqrt((A**2).sum(1))),
    ("add_n", ([A, B, A],), 2 * A + B),
    ("argmax", (A, 1), A.argmax(1)),
    ("argmax", (A,), A.argmax(0)),
    ("argmin", (A, -1), A.argmin(-1)),
    ("cumsum", (A, 1), A.cumsum(1)),
    ("cumsum", (A, 1, True), A.cumsum(1) - A),
    ("cumsum", (A, 1, False, True), A[:, ::-1].cumsum(1)[:, ::-1]),
    ("math.confusion_matrix", ([0, 1, 1], [0, 1, 0]), [[1, 0], [1, 1]]),
    ("math.confusion_matrix", ([0, 1], [0, 1], 3, [2, 5]), [[2, 0, 0], [0, 5, 0], [0, 0, 0]]),
    ("math.l2_normalize", (A, 1), A / np.sqrt((A**2).sum(1, keepdims=True))),
    ("math.top_k", ([1.0, 3.0, 2.0], 2), ([3.0, 2.0], [1, 2])),
    ("boolean_mask", (A, A > 0), A[A > 0]),
    ("boolean_mask", (A, [True, False, True], 1), A[:, [0, 2]]),
    ("broadcast_to", ([1.0, 2.0], (3, 2)), np.broadcast_to([1.0, 2.0], (3, 2))),
    ("cast", ([1.9, -1.9], "int32"), [1, -1]),
    ("clip_by_value", (A, -1, 1), A.clip(-1, 1)),
    ("concat", ([A, B], 0), np.concatenate([A, B], 0)),
    ("constant", (3, "float32", (2, 2)), np.full((2, 2), 3.0)),
    ("constant", ([1, 2, 3, 4], None, (2, 2)), [[1, 2], [3, 4]]),
    ("expand_dims", (A, -1), A[..., None]),
    ("eye", (2, 3), np.eye(2, 3)),
    ("eye", (2, None, [4]), np.broadcast_to(np.eye(2), (4, 2, 2))),
    ("fill", ([2, 3], 7), np.full((2, 3), 7)),
    ("gather", (A, [1, 0]), A[[1, 0]]),
    ("gather", (A, [[0, 2], [1, 1]], None, 1), A[:, [[0, 2], [1, 1]]]),
    ("linspace", (0.0, 1.0, 5), np.linspace(0, 1, 5)),
    ("meshgrid", ([1, 2], [3, 4, 5]), np.meshgrid([1, 2], [3, 4, 5])),
    ("one_hot", ([0, 2, -1], 3), [[1, 0, 0], [0, 0, 1], [0, 0, 0]]),
    ("one_hot", ([0, 1], 2, 5.0, -1.0, 0), [[5, -1], [-1, 5]]),
    ("ones_like", (INTEGERS,), np.ones_like(INTEGERS)),
    ("pad", (A, [[1, 0], [0, 2]]), np.pad(A, [[1, 0], [0, 2]])),
    ("pad", (A, [[1, 0], [0, 2]], "REFLECT"), np.pad(A, [[1, 0], [0, 2]], "reflect")),
    ("range", (2, 8, 3), [2, 5]),
    ("range", (3.0,), [0.0, 1.0, 2.0]),
    ("rank", (A,), 2),
    ("repeat", (A, 2, 0), A.repeat(2, 0)),
    ("repeat", ([1, 2], [1, 3]), [1, 2, 2, 2]),
    ("reshape", (A, [3, -1]), A.reshape(3, -1)),
    ("reverse", (A, [1]), A[:, ::-1]),
    ("roll", (A, 1, 1), np.roll(A, 1, 1)),
    ("shape", (A,), [2, 3]),
    ("size", (A,), 6),
    ("sort", (A, -1, "DESCENDING"), -np.sort(-A)),
    ("split", (A, 3, 1), np.split(A, 3, 1)),
    ("split", (A, [1, -1], 1), [A[:, :1], A[:, 1:]]),
    ("squeeze", (A[None, :, :, None], [0]), A[..., None]),
    ("stack", ([A, B], 1), np.stack([A, B], 1)),
    ("tile", (A, [2, 1]), np.tile(A, [2, 1])),
    ("transpose", (A,), A.T),
    ("transpose", (A[None], [2, 0, 1]), A[None].transpose(2, 0, 1)),
    ("unstack", (A,), list(A)),
    ("where", (A > 0, A, 0.0), np.where(A > 0, A, 0)),
    ("where", (A > 0,), np.argwhere(A > 0)),
    ("einsum", ("ij,kj->ik", A, B), A @ B.T),
    ("linalg.det", (np.eye(3) * 2,), 8.0),
    ("linalg.diag", ([1.0, 2.0],), np.diag([1.0, 2.0])),
    ("linalg.diag_part", (A[:, :2],), [1.0, 5.0]),
    ("linalg.inv", (np.eye(2) * 4,), np.eye(2) / 4),
    ("linalg.matvec", (A, [1.0, 2.0, 3.0]), A @ [1.0, 2.0, 3.0]),
    ("linalg.trace", (A[:, :2],), 6.0),
    ("matmul", (A, B, False, True), A @ B.T),
    ("matmul", (A, B, True), A.T @ B),
    ("norm", (A,), np.linalg.norm(A)),
    ("norm", (A, 1, 0), np.abs(A).sum(0)),
    ("norm", (A, "euclidean", [0, 1]), np.linalg.norm(A)),
    ("tensordot", (A, B, [[1], [1]]), A @ B.T),
    ("nn.bias_add", (A, [1.0, 2.0, 3.0]), A + [1.0, 2.0, 3.0]),
    ("nn.bias_add", (A[..., None], [1.0, 2.0, 3.0], "NCW"), A[..., None] + [[1.0], [2.0], [3.0]]),
    ("nn.embedding_lookup", (A, [1, 0, 1]), A[[1, 0, 1]]),
    ("nn.embedding_lookup", ([[3.0, 4.0], [0.3, 0.4]], [0, 1], 1.0), [[0.6, 0.8], [0.3, 0.4]]),
    ("nn.l2_loss", (A,), (A**2).sum() / 2),
    ("nn.moments", (A, [0]), (A.mean(0), A.var(0))),
    (
        "nn.sigmoid_cross_entropy_with_logits",
        ([1.0, 0.0], [2.0, 2.0]),
        np.logaddexp(0, [-2.0, 2.0]),
    ),
    (
        "nn.softmax_cross_entropy_with_logits",
        ([[0.0, 1.0]], [[1.0, 3.0]]),
        [np.logaddexp(1, 3) - 3],
    ),
    (
        "nn.sparse_softmax_cross_entropy_with_logits",
        ([1], [[1.0, 3.0]]),
        [np.logaddexp(1, 3) - 3],
    ),
]


def lookup(path):
    value = tf
    for name in path.split("."):
        value = getattr(value, name)
    return value


def check(result, expected):
    if isinstance(expected, list | tuple) and isinstance(result, list | tuple):
        assert len(result) == len(expected)
        for one, other in zip(result, expected):
            check(one, other)
        return
    assert isinstance(result, torch.Tensor)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.numpy(), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize(
    "path, arguments, expected", ROWS, ids=[f"{i}-{row[0]}" for i, row in enumerate(ROWS)]
)
def test_function_gives_numpys_values(path, arguments, expected):
    check(lookup(path)(*arguments), expected)


@pytest.mark.parametrize(
    "value, dtype",
    [
        (1, "int32"),
        ([1, 2], "int32"),
        (1.5, "float32"),
        ([1, 2.5], "float32"),
        (True, "bool"),
        (np.float64(2), "float64"),
        (np.arange(3), "int64"),
        (np.ones(2, "uint8"), "uint8"),
    ],
)
def test_dtype_of_what_is_converted(value, dtype):
    for tensor in (tf.constant(value), tf.convert_to_tensor(value), tf.Variable(value)):
        assert tensor.dtype == getattr(tf, dtype)


def test_dtypes_stay_those_of_tensorflow():
    assert tf.reduce_sum([1, 2]).dtype == tf.int32
    assert tf.argmax([1, 2]).dtype == tf.int64
    assert tf.argmax([1, 2], output_type=tf.int32).dtype == tf.int32
    assert tf.shape(A).dtype == tf.int32
    assert tf.cast(A, tf.float64).dtype == torch.float64
    assert tf.zeros((2,), tf.int64).dtype == tf.dtypes.int64
    assert (tf.constant([1.0]) + 1).dtype == tf.float32
    assert tf.add(tf.constant([1], "int64"), 1).dtype == tf.int64
    assert tf.as_dtype("half") == tf.half == tf.float16


def test_a_tensor_is_not_converted_silently():
    with pytest.raises(ValueError, match="Tensor conversion requested dtype int32.*float32"):
        tf.convert_to_tensor(tf.constant(1.0), tf.int32)


def test_constant_is_a_copy():
    array = np.ones(3, "float32")
    tensor = tf.constant(array)
    array[:] = 5
    assert tensor.tolist() == [1, 1, 1]


def test_variable_takes_tensorflows_arguments():
    variable = tf.Variable(initial_value=[[1.0, 2.0]], trainable=False, name="w")
    assert isinstance(variable, torchkeras.Variable)
    assert (variable.name, variable.trainable, variable.requires_grad) == ("w", False, False)
    assert tf.Variable(lambda: tf.ones((2, 2)), dtype="float32").shape == (2, 2)
    weight = tf.Variable(2.0)
    assert weight.requires_grad
    with tf.GradientTape() as tape:
        square = weight * weight
    weight.assign_sub(0.1 * tape.gradient(square, weight))
    assert weight.numpy() == pytest.approx(1.6)
    assert copy.deepcopy(weight).numpy() == weight.numpy()
    with pytest.raises(ValueError, match="'initial_value' must not be None"):
        tf.Variable()


def test_changes_of_a_variable_are_not_recorded():
    v, w = tf.Variable([[1.0], [2.0]]), tf.Variable([[3.0], [4.0]])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(v * w)
        assert v.assign_add(w * 2.0) is v and v.is_leaf and torch.is_grad_enabled()
        with pytest.raises(ValueError, match="Shapes must be equal"):
            v.assign_sub(tf.constant([1.0]))
        assert torch.is_grad_enabled()
    assert v.numpy().tolist() == [[7.0], [10.0]]
    assert not v.assign_sub(v).numpy().any() and v.requires_grad
    assert tape.watched_variables() == (v, w) and y.numpy() == 11.0


def test_calls_of_a_step_with_a_tape():
    x, y = tf.ones((4, 2)), tf.ones((4, 1))
    w, b = tf.Variable(tf.zeros((2, 1))), tf.Variable(tf.zeros((1,)))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(y - (tf.matmul(x, w) + b)))
        grad_w, grad_b = tape.gradient(loss, [w, b])
        w.assign_sub(grad_w * 0.1)
        b.assign_sub(grad_b * 0.1)
        return loss

    step(x, y)
    assert python_calls(step, x, y) <= 54


def test_tensors_as_further_arguments():
    x, axis = tf.constant(A), tf.constant([0, 1])
    assert tf.reduce_mean(x, axis).numpy() == pytest.approx(A.mean())
    assert tf.reduce_sum(x, tf.constant(1)).numpy().tolist() == A.sum(1).tolist()
    found = tf.matmul(x, x, tf.constant(True)).numpy()
    np.testing.assert_allclose(found, A.T @ A, rtol=1e-6)
    with pytest.raises(tf.errors.InvalidArgumentError, match="^matmul: "):
        tf.matmul(x, x)


def test_outside_a_tape_nothing_is_recorded():
    v = tf.Variable([1.0, 2.0])
    assert not (v * 2.0).requires_grad and not tf.reduce_sum(v).requires_grad
    with tf.GradientTape():
        assert (v * 2.0).requires_grad
    assert torch.is_grad_enabled()


def test_layers_and_training_record_without_a_tape():
    class Scale(tf.keras.layers.Layer):
        def build(self, input_shape):
            self.factor = tf.Variable(tf.ones((input_shape[-1],)))

        def call(self, inputs):
            return tf.multiply(inputs, self.factor)

    model = tf.keras.Sequential([Scale()])
    model.compile(tf.keras.optimizers.SGD(0.1), lambda y, p: tf.reduce_mean(tf.square(y - p)))
    x = np.ones((8, 2), "float32")
    model.fit(x, 3 * x, epochs=60, verbose=0)
    np.testing.assert_allclose(model.layers[0].factor.numpy(), [3.0, 3.0], atol=0.1)


def test_optimizer_minimizes_a_function_of_variables():
    v = tf.Variable(4.0)
    optimizer = tf.keras.optimizers.SGD(0.25)
    for _ in range(20):
        optimizer.minimize(lambda: (v - 1.0) ** 2, [v])
    assert v.numpy() == pytest.approx(1.0, abs=1e-4)


def test_arrays_beside_what_a_layer_gives_keep_gradients():
    layer = tf.keras.layers.Dense(1, kernel_initializer="ones")
    x = np.ones((2, 3), "float32")
    with tf.GradientTape(persistent=True) as tape:
        left, right = layer(x) - x[:, :1], x[:, :1] - layer(x)
    assert tape.gradient(left, layer.kernel).numpy().tolist() == [[2.0]] * 3
    assert tape.gradient(right, layer.kernel).numpy().tolist() == [[-2.0]] * 3


def test_numpy_works_on_what_is_recorded():
    layer = tf.keras.layers.Dense(1)
    with tf.GradientTape():
        out = layer(np.ones((2, 3), "float32"))
        mean = tf.reduce_mean(out)
    assert out.numpy().shape == (2, 1) and np.isfinite(np.mean([mean, mean]))
    assert f"{mean:.3f}" == f"{mean.numpy():.3f}" and np.mean(mean) == mean.numpy()


def test_a_tape_gives_gradients_once():
    v = tf.Variable(2.0)
    with tf.GradientTape() as tape:
        y = v * v
    tape.gradient(y, v)
    with pytest.raises(RuntimeError, match="only be used to compute one set"):
        tape.gradient(y, v)


def test_a_tape_knows_the_variables_that_were_used():
    a, b, unused = tf.Variable(1.0), tf.Variable(2.0), tf.Variable(3.0)
    fixed = tf.Variable(4.0, trainable=False)
    layer = tf.keras.layers.Dense(1)
    with tf.GradientTape() as before:
        earlier = unused * 2.0
    with tf.GradientTape() as tape:
        y = b * fixed + tf.reduce_sum(layer(np.ones((1, 2), "float32"))) * a
    assert before.watched_variables() == (unused,) and earlier.requires_grad
    assert {id(v) for v in tape.watched_variables()} == {id(v) for v in (b, a, *layer.weights)}
    assert [float(g) for g in tape.gradient(y, [b, fixed])[:1]] == [4.0]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(a)
        y = a * b
    assert tape.watched_variables() == (a,)


def test_two_tapes_over_one_graph():
    v, w = tf.Variable(2.0), tf.Variable(3.0)
    with tf.GradientTape() as first, tf.GradientTape() as second:
        y = v * w
    assert (first.gradient(y, v).numpy(), second.gradient(y, w).numpy()) == (3.0, 2.0)


def test_what_a_tape_watched_is_a_constant_again():
    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert not x.requires_grad
    assert tape.gradient(y, x).numpy() == 6.0
    assert not x.requires_grad
    with tf.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None


@pytest.mark.parametrize("compression", ["", "GZIP", "ZLIB"])
def test_records_come_back_and_damage_is_seen(tmp_path, compression):
    path = str(tmp_path / "x.tfrecord")
    records = [b"a", b"", b"long" * 5000]
    with tf.io.TFRecordWriter(path, tf.io.TFRecordOptions(compression)) as writer:
        for record in records:
            writer.write(record)
    found = tf.data.TFRecordDataset(path, compression).as_numpy_iterator()
    assert list(found) == records
    if not compression:
        damaged = bytearray((tmp_path / "x.tfrecord").read_bytes())
        damaged[13] ^= 1
        (tmp_path / "x.tfrecord").write_bytes(damaged)
        with pytest.raises(tf.errors.DataLossError, match="corrupted record"):
            list(tf.data.TFRecordDataset(path))


def test_saved_elements_come_back(tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices(([1, 2, 3], ["a", "b", "c"])).batch(2)
    dataset.save(str(tmp_path / "saved"))
    found = list(tf.data.Dataset.load(str(tmp_path / "saved")).as_numpy_iterator())
    assert [(x.tolist(), y.tolist()) for x, y in found] == [([1, 2], [b"a", b"b"]), ([3], [b"c"])]


def test_random_follows_the_seed():
    def draw(**kwargs):
        return tf.random.normal((4,), **kwargs).tolist()

    tf.random.set_seed(1)
    first = draw(), draw(), draw(seed=5), draw(seed=5)
    tf.random.set_seed(1)
    again = draw(), draw(), draw(seed=5), draw(seed=5)
    tf.random.set_seed(2)
    assert first == again
    assert first != (draw(), draw(), draw(seed=5), draw(seed=5))
    assert len({tuple(numbers) for numbers in first}) == 4


def test_seed_reaches_keras_layers():
    kernels = []
    for _ in range(2):
        tf.random.set_seed(3)
        layer = tf.keras.layers.Dense(4)
        layer.build((None, 3))
        kernels.append(layer.kernel.numpy().tolist())
    assert kernels[0] == kernels[1]


def test_random_ranges_and_moments():
    uniform = tf.random.uniform((10000,), -1.0, 3.0)
    assert -1 <= uniform.min() and uniform.max() < 3 and abs(uniform.mean() - 1) < 0.05
    integers = tf.random.uniform((1000,), 2, 5, dtype=tf.int32)
    assert sorted(set(integers.tolist())) == [2, 3, 4]
    normal = tf.random.normal((10000,), 5.0, 2.0)
    assert abs(normal.mean() - 5) < 0.1 and abs(normal.std() - 2) < 0.1
    cut = tf.random.truncated_normal((10000,), stddev=3.0)
    assert cut.abs().max() <= 6
    assert sorted(tf.random.shuffle(tf.range(50)).tolist()) == list(range(50))
    drawn = tf.random.categorical([[0.0, 0.0, -1e9]], 1000)
    assert drawn.shape == (1, 1000) and set(drawn[0].tolist()) == {0, 1}
    with pytest.raises(ValueError, match="maxval"):
        tf.random.uniform((2,), dtype=tf.int32)


def test_activations_are_those_of_keras():
    assert tf.keras.layers.Dense(3, activation=tf.nn.relu).get_config()["activation"] == "relu"


def test_dropout_keeps_the_mean():
    x = tf.nn.dropout(tf.ones((10000,)), rate=0.25)
    assert {round(value, 4) for value in x.tolist()} == {0.0, 1.3333}
    assert abs(x.mean() - 1) < 0.05


def test_symbolic_tensors_go_through():
    inputs = torchkeras.Input(shape=(4,))
    x = tf.reduce_sum(tf.square(inputs), axis=1, keepdims=True)
    x = tf.concat([x, tf.expand_dims(tf.exp(inputs)[:, 0], -1)], axis=-1)
    model = torchkeras.Model(inputs, tf.nn.relu(x) + 1.0)
    assert model.output_shape == (None, 2)
    out = model(torch.tensor([[1.0, 2.0, 3.0, 4.0]]))
    np.testing.assert_allclose(out.detach(), [[31.0, 1 + np.e]], rtol=1e-6)


def test_devices():
    assert [device.device_type for device in tf.config.list_physical_devices("CPU")] == ["CPU"]
    gpus = tf.config.list_physical_devices("GPU")
    assert len(gpus) == torch.cuda.device_count()
    assert tf.config.experimental.list_physical_devices() == tf.config.list_physical_devices()
    tf.config.set_visible_devices([], "GPU")
    assert tf.zeros(1).device.type == "cpu"
    torchkeras.config.set_device_override(None)
    with pytest.raises(ValueError, match="enable=False"):
        tf.config.experimental.set_memory_growth("/physical_device:GPU:0", False)


def test_version_is_one_scripts_can_compare():
    assert [int(part) for part in tf.__version__.split(".")] >= [2, 16, 0]
    assert tf.newaxis is None and tf.Tensor is torch.Tensor
    assert tf.keras is torchkeras and tf.optimizers is torchkeras.optimizers


@pytest.mark.parametrize(
    "path, near",
    [
        ("tf.reduce_men", "tf.reduce_mean"),
        ("tf.math.squar", "tf.math.square"),
        ("tf.nn.rellu", "tf.nn.relu"),
        ("tf.random.norma", "tf.random.normal"),
        ("tf.estimator", "fit()"),
        ("tf.placeholder", "keras.Input"),
        ("tf.raw_ops", "tf has audio"),
    ],
)
def test_missing_name_says_what_there_is(path, near):
    owner, _, name = path.removeprefix("tf.").rpartition(".")
    module = getattr(tf, owner) if owner else tf
    with pytest.raises(AttributeError) as caught:
        getattr(module, name)
    assert str(caught.value).startswith(f"{path} is not in torchkeras")
    assert near in str(caught.value)
    assert caught.value.name == name and caught.value.obj is module


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: tf.squeeze(A, 0), ValueError, "Can not squeeze.*shape="),
        (lambda: tf.split(A, 2, axis=1), ValueError, "evenly divisible by 2"),
        (lambda: tf.pad(A, [[0, 0], [0, 0]], "SPIN"), ValueError, "mode=SPIN"),
        (lambda: tf.unstack(A, num=3), ValueError, "num=3"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", ["config", "dtypes", "linalg", "math", "nn", "random"])
def test_every_listed_name_exists_and_is_explained(name):
    module = getattr(tf, name)
    for entry in module.__all__:
        value = getattr(module, entry)
        assert not inspect.isfunction(value) or value.__doc__
