# ruff: noqa: E501
"""Training loops and pipelines whose numbers torchkeras must share with TensorFlow.

`record_flows.py` runs them with TensorFlow and writes `flows.json`; `test_tf_flows.py` runs them
with `torchkeras.tf`. Each gives nested lists of numbers or strings.
"""

import numpy as np

N = 200


def points():
    """Two clouds of points, and their labels."""
    rng = np.random.default_rng(7)
    cov = [[1, 0.5], [0.5, 1]]
    negative = rng.multivariate_normal([0, 3], cov, N)
    positive = rng.multivariate_normal([3, 0], cov, N)
    x = np.vstack((negative, positive)).astype("float32")
    return x, np.vstack((np.zeros((N, 1), "float32"), np.ones((N, 1), "float32")))


def linear_classifier(tf):
    """The loss at each of 40 steps of a linear classifier, by tape and `assign_sub`."""
    inputs, targets = points()
    w = tf.Variable(initial_value=np.array([[0.3], [0.8]], "float32"))
    b = tf.Variable(initial_value=tf.zeros(shape=(1,)))
    losses = []
    for _ in range(40):
        with tf.GradientTape() as tape:
            predictions = tf.matmul(inputs, w) + b
            loss = tf.reduce_mean(tf.square(targets - predictions))
        grad_w, grad_b = tape.gradient(loss, [w, b])
        w.assign_sub(grad_w * 0.1)
        b.assign_sub(grad_b * 0.1)
        losses.append(float(loss))
    return losses


def keras_loop(tf):
    """The losses of a small network trained by tape and Keras optimizer."""
    inputs, targets = points()
    keras = tf.keras
    model = keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(1)])
    model.build((None, 2))
    for weight in model.trainable_variables:
        size = int(np.prod(weight.shape))
        weight.assign(np.sin(np.arange(size, dtype="float32")).reshape(tuple(weight.shape)))
    optimizer = keras.optimizers.Adam(learning_rate=0.05)
    loss_fn = keras.losses.BinaryCrossentropy(from_logits=True)
    data = tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(100)

    @tf.function
    def train_step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    return [float(train_step(x, y)) for _ in range(5) for x, y in data]


def higher_orders(tf):
    """Second and third derivatives, and a penalty on gradients."""
    x = tf.Variable(2.0)
    with tf.GradientTape() as outer:
        with tf.GradientTape() as middle:
            with tf.GradientTape() as inner:
                y = x**4 + tf.sin(x)
            first = inner.gradient(y, x)
        second = middle.gradient(first, x)
    third = outer.gradient(second, x)
    w = tf.Variable([1.0, -2.0])
    z = tf.constant([[0.5, 1.5]])
    with tf.GradientTape() as tape:
        with tf.GradientTape() as penalty:
            penalty.watch(z)
            out = tf.reduce_sum(tf.tanh(z * w) ** 2)
        slope = penalty.gradient(out, z)
        loss = tf.reduce_sum(slope**2)
    return [float(first), float(second), float(third), tape.gradient(loss, w).numpy().tolist()]


def tape_rules(tf):
    """What is watched and what is not, unconnected gradients, structures, factors."""
    x, y = tf.Variable(3.0), tf.Variable(4.0)
    fixed = tf.Variable(5.0, trainable=False)
    before = x * 2.0
    with tf.GradientTape(persistent=True) as tape:
        z = x * x + before + fixed
        with tape.stop_recording():
            hidden = x * 10.0
        unused = y * 2.0
        total = z + hidden
    rows = [tape.gradient(z, x), tape.gradient(z, y), tape.gradient(z, fixed)]
    rows += [tape.gradient(total, x), tape.gradient(hidden, x), tape.gradient([z, unused], [x, y])]
    rows += [tape.gradient(z, y, unconnected_gradients=tf.UnconnectedGradients.ZERO)]
    rows += [tape.gradient(z, {"a": x, "b": (y,)})["a"], tape.gradient(z, x, output_gradients=2.0)]
    rows += [tape.gradient(before, x), tape.gradient(x, x)]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(y)
        product = x * y
    rows += [tape.gradient(product, [x, y])]
    constant = tf.constant([1.0, 2.0])
    with tf.GradientTape() as tape:
        tape.watch(constant)
        middle = constant * constant
        end = tf.reduce_sum(middle * 3.0)
    rows += [tape.gradient(end, [constant, middle])]
    with tf.GradientTape() as tape:
        end = constant * 2.0
    rows += [tape.gradient(end, constant)]
    return [listed(row) for row in rows]


def jacobians(tf):
    """Jacobians of vectors and of batches."""
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    v = tf.Variable([1.0, -1.0, 2.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**2 * tf.reduce_sum(x, axis=1, keepdims=True)
        u = tf.stack([v[0] * v[1], v[1] ** 2])
    rows = [tape.jacobian(y, x), tape.batch_jacobian(y, x), tape.jacobian(u, v)]
    rows += [tape.jacobian(u, {"v": v})["v"], tape.jacobian(u, x)]
    return [listed(row) for row in rows]


def variables(tf):
    """Assignments, slices and scatters."""
    v = tf.Variable(tf.ones((3, 2)))
    rows = [v.assign(tf.zeros((3, 2))), v.assign_add([[1.0, 2.0]] * 3), v.assign_sub(v * 0.5)]
    v[0, 0].assign(3.0)
    rows += [v]
    v[1:, 1].assign([7.0, 8.0])
    rows += [v, v[:, 1], v[::-1], v + 1, 2.0 * v, -v]
    v.scatter_nd_update([[0, 1], [2, 0]], [5.0, 6.0])
    rows += [v]
    v.scatter_nd_add([[1]], [[1.0, 1.0]])
    rows += [v, v.scatter_update(tf.IndexedSlices([[9.0, 9.0]], [2]))]
    counter = tf.Variable(1)
    counter.assign_add(4)
    rows += [counter, tf.Variable(lambda: tf.ones((2,))), tf.Variable([1, 2], dtype=tf.float32)]
    return [listed(row.numpy() if hasattr(row, "numpy") else row) for row in rows]


def modules(tf):
    """The variables of a `tf.Module`, in order."""

    class Dense(tf.Module):
        def __init__(self, size, name=None):
            super().__init__(name=name)
            self.w = tf.Variable(tf.fill((2, size), float(size)), name="w")
            self.b = tf.Variable(tf.zeros((size,)), name="b")

        @tf.function
        def __call__(self, x):
            return tf.nn.relu(x @ self.w + self.b)

    class Net(tf.Module):
        def __init__(self):
            super().__init__()
            self.layers = [Dense(3), Dense(1, name="last")]
            self.scale = tf.Variable(2.0, trainable=False)
            self.table = {"k": tf.Variable(4.0)}

    net = Net()
    return [
        [list(v.shape) for v in net.variables],
        [list(v.shape) for v in net.trainable_variables],
        [m.name for m in net.submodules],
        net.name,
        net.layers[0](tf.ones((1, 2))).numpy().tolist(),
    ]


def listed(value):
    """Nested lists of a result."""
    if isinstance(value, dict):
        return {key: listed(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [listed(part) for part in value]
    if hasattr(value, "numpy"):
        value = value.numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return [listed(v) for v in value] if isinstance(value, list) else _text(value)


def _text(value):
    return value.decode() if isinstance(value, bytes) else value


PIPELINES = """
D.range(5)
D.range(2, 9, 3)
D.from_tensors([1, 2, 3])
D.from_tensor_slices([[1, 2], [3, 4]])
D.from_tensor_slices(([1, 2], ["a", "b"]))
D.from_tensor_slices({"x": [1.0, 2.0], "y": [3, 4]})
D.range(4).map(lambda x: x * 2)
D.range(4).map(lambda x: (x, x + 1), num_parallel_calls=tf.data.AUTOTUNE)
D.range(10).filter(lambda x: x % 3 == 0)
D.range(7).batch(3)
D.range(7).batch(3, drop_remainder=True)
D.range(3).repeat(2)
D.range(9).skip(2).take(3)
D.range(9).shard(3, 1)
D.range(3).concatenate(D.range(7, 9))
D.zip((D.range(3), D.range(5, 9)))
D.zip(D.range(3), D.range(5, 9))
D.range(3).enumerate(start=5)
D.range(3).flat_map(lambda x: D.from_tensors(x).repeat(x))
D.range(1, 5).interleave(lambda x: D.from_tensors(x).repeat(4), cycle_length=2, block_length=2)
D.range(5).interleave(lambda x: D.from_tensors(x).repeat(3), cycle_length=3, block_length=1)
D.range(1, 4).interleave(lambda x: D.range(x), cycle_length=2, block_length=3)
D.range(5).interleave(lambda x: D.from_tensors(x).repeat(2), cycle_length=2, num_parallel_calls=2)
D.range(7).window(3, shift=1, drop_remainder=True).flat_map(lambda w: w.batch(3))
D.range(7).window(2, shift=3, stride=2).flat_map(lambda w: w.batch(2))
D.range(6).window(4).flat_map(lambda w: w.batch(4))
D.range(6).batch(4).unbatch()
D.range(7).batch(2).rebatch(3)
D.range(1, 4).map(lambda x: tf.fill([x], x)).padded_batch(2)
D.range(1, 4).map(lambda x: tf.fill([x], x)).padded_batch(2, padded_shapes=[5], padding_values=tf.constant(-1, tf.int64))
D.range(1, 4).map(lambda x: (x, tf.fill([x], 1.5))).padded_batch(3, padded_shapes=([], [None]))
D.range(4).cache().prefetch(2)
D.range(20).shuffle(1)
D.range(5).map(lambda x: {"a": x, "b": tf.cast(x, tf.float32) / 2})
D.from_generator(lambda: iter([1, 2, 3]), output_types=tf.int32)
D.from_generator(lambda: ((k, [k] * 2) for k in range(2)), output_signature=(tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.float32)))
D.range(4).apply(lambda d: d.map(lambda x: x + 10))
D.from_tensor_slices(["a b", "c"]).map(tf.strings.upper)
D.from_tensor_slices(["a b", "c"]).map(lambda s: tf.strings.split(s)).unbatch()
D.from_tensor_slices(["1,2", "3,4"]).map(lambda s: tf.io.decode_csv(s, [[0], [0]]))
D.range(3).map(lambda x: tf.py_function(lambda v: v * 3, [x], tf.int64))
D.range(10).take_while(lambda x: x < 4)
D.range(5).scan(tf.constant(0, tf.int64), lambda state, x: (state + x, state))
D.from_tensor_slices([1, 1, 2, 3, 3]).unique()
D.choose_from_datasets([D.range(3), D.range(10, 13)], D.from_tensor_slices(np.array([0, 1, 1, 0], "int64")))
D.range(6).group_by_window(key_func=lambda x: x % 2, reduce_func=lambda k, d: d.batch(3), window_size=3)
D.range(1, 6).map(lambda x: tf.fill([x], x)).bucket_by_sequence_length(lambda x: tf.shape(x)[0], bucket_boundaries=[3], bucket_batch_sizes=[2, 2])
D.range(6).ragged_batch(2)
D.counter(start=2).take(3)
D.random(seed=1).take(2).map(lambda x: x * 0)
D.sample_from_datasets([D.range(3)], [1.0])
D.range(3).snapshot("unused") if False else D.range(1)
D.from_tensors((np.ones((2, 2)), 3)).map(lambda x, y: x * tf.cast(y, tf.float64))
D.from_tensor_slices(np.arange(6, dtype="float32").reshape(3, 2)).map(lambda r: tf.reduce_sum(r))
"""

FACTS = """
len(D.range(7).batch(3))
int(D.range(7).batch(3).cardinality())
int(tf.data.experimental.cardinality(D.range(3).repeat()))
int(D.range(7).filter(lambda x: x > 3).cardinality())
D.range(5).reduce(np.int64(0), lambda a, b: a + b)
D.range(5).reduce((tf.constant(0, tf.int64), tf.constant(0, tf.int64)), lambda s, x: (s[0] + x, s[1] + 1))
D.from_tensors(4).get_single_element()
repr(D.range(3).element_spec)
repr(D.range(3).batch(2).element_spec)
repr(D.from_tensor_slices((np.ones((4, 2), "float32"), ["a"] * 4)).batch(2).element_spec)
str(next(iter(D.range(3))))
next(iter(D.range(3).batch(2))).shape.as_list()
sorted(D.range(20).shuffle(5, seed=3).as_numpy_iterator())
"""

LINES = [line for line in PIPELINES.splitlines() if line]
FACT_LINES = [line for line in FACTS.splitlines() if line]
FLOWS = [
    linear_classifier,
    keras_loop,
    higher_orders,
    tape_rules,
    jacobians,
    variables,
    modules,
]


def pipeline(tf, line):
    """The elements of a pipeline, as nested lists."""
    dataset = eval(line, {"tf": tf, "D": tf.data.Dataset, "np": np})
    return [listed_element(element) for element in dataset]


def listed_element(element):
    """An element with its dtypes."""
    if isinstance(element, dict):
        return {key: listed_element(part) for key, part in element.items()}
    if isinstance(element, list | tuple):
        return [listed_element(part) for part in element]
    if hasattr(element, "to_list"):
        return listed(element.to_list())
    dtype = str(getattr(element.dtype, "name", element.dtype)).removeprefix("torch.")
    return [dtype, listed(element)]


def fact(tf, line):
    """What an expression over pipelines gives."""
    return listed(eval(line, {"tf": tf, "D": tf.data.Dataset, "np": np}))
