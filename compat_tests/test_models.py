"""Models against real Keras: the same models made with both say the same of themselves."""

import copy
import io
import pickle
import warnings

import keras
import numpy as np
import pytest
import torch
from torch import nn

import torchkeras
from compat_tests.test_training import fill, same

RNG = np.random.default_rng(11)
X = RNG.normal(size=(12, 6)).astype("float32")
X2 = RNG.normal(size=(12, 3)).astype("float32")
IMAGES = RNG.normal(size=(4, 8, 8, 3)).astype("float32")


def oracle(function, *args):
    """What real Keras says, from fresh name counters and without its warnings."""
    keras.utils.clear_session()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args)


def ours(function, *args):
    """What torchkeras says, from fresh name counters."""
    torchkeras.utils.clear_session()
    return function(*args)


def values(x):
    """Numbers of a nest of tensors."""
    if isinstance(x, dict):
        return {key: values(item) for key, item in x.items()}
    if isinstance(x, (list, tuple)):
        return [values(item) for item in x]
    return x.detach().cpu().numpy() if hasattr(x, "detach") else x


# ---- models, made with either ----


def mlp(k):
    return k.Sequential(
        [
            k.Input((6,)),
            k.layers.Dense(5, activation="relu"),
            k.layers.Dropout(0.2),
            k.layers.Dense(3, activation="softmax"),
        ]
    )


def convnet(k):
    return k.Sequential(
        [
            k.Input((8, 8, 3)),
            k.layers.Conv2D(4, 3, activation="relu"),
            k.layers.BatchNormalization(),
            k.layers.MaxPooling2D(),
            k.layers.Flatten(),
            k.layers.Dense(2),
        ],
        name="images",
    )


def two_inputs(k):
    a, b = k.Input((6,), name="a"), k.Input((3,), name="b")
    both = k.layers.Concatenate()([k.layers.Dense(4, name="left")(a), b])
    return k.Model([a, b], k.layers.Dense(2, name="end")(both), name="two")


def two_outputs(k):
    x = k.Input((6,), name="x")
    h = k.layers.Dense(4)(x)
    return k.Model(x, [k.layers.Dense(1, name="u")(h), k.layers.Dense(2, name="v")(h)])


def by_name(k):
    a, b = k.Input((6,), name="a"), k.Input((3,), name="b")
    h = k.layers.Concatenate()([a, b])
    outputs = {"size": k.layers.Dense(1)(h), "kind": k.layers.Dense(3)(h)}
    return k.Model({"a": a, "b": b}, outputs)


def shared(k):
    a, b = k.Input((6,), name="a"), k.Input((6,), name="b")
    tower = k.layers.Dense(4, name="tower")
    return k.Model([a, b], k.layers.Subtract()([tower(a), tower(b)]))


def nested(k):
    inner = k.Sequential([k.Input((6,)), k.layers.Dense(4), k.layers.Dense(3)], name="inner")
    x = k.Input((6,), name="x")
    other = k.Model(x, k.layers.Dense(2, name="last")(inner(x)), name="other")
    y = k.Input((6,), name="y")
    return k.Model(y, k.layers.Dense(1)(other(y)), name="outer")


def sequential_in_sequential(k):
    return k.Sequential([k.Sequential([k.Input((6,)), k.layers.Dense(4)]), k.layers.Dense(2)])


def residual(k):
    x = k.Input((6,), name="x")
    h = k.layers.Dense(6, activation="relu")(x)
    h = k.layers.Add()([x, h])
    return k.Model(x, k.layers.LayerNormalization()(h))


def with_operators(k):
    x = k.Input((6,), name="x")
    h = k.layers.Dense(6)(x)
    return k.Model(x, k.ops.sum(k.ops.tanh(2 * h + x - 1.0) / 3.0, axis=-1, keepdims=True))


def frozen(k):
    model = mlp(k)
    model.layers[0].trainable = False
    return model


def intermediate(k):
    x = k.Input((6,), name="x")
    h = k.layers.Dense(4, name="first")(x)
    y = k.layers.Dense(2, name="second")(h)
    return k.Model(h, y)


MODELS = {
    "mlp": (mlp, X),
    "convnet": (convnet, IMAGES),
    "two_inputs": (two_inputs, [X, X2]),
    "two_outputs": (two_outputs, X),
    "by_name": (by_name, {"a": X, "b": X2}),
    "shared": (shared, [X, X[::-1].copy()]),
    "nested": (nested, X),
    "sequential_in_sequential": (sequential_in_sequential, X),
    "residual": (residual, X),
    "with_operators": (with_operators, X),
    "frozen": (frozen, X),
    "intermediate": (intermediate, X[:, :4]),
}
EVERY_MODEL = pytest.mark.parametrize(("make", "x"), MODELS.values(), ids=MODELS)


def tensors(x):
    if isinstance(x, dict):
        return {key: torch.as_tensor(item) for key, item in x.items()}
    if isinstance(x, list):
        return [torch.as_tensor(item) for item in x]
    return torch.as_tensor(x)


def description(make, k):
    model = make(k)
    return {
        "name": model.name,
        "layers": [layer.name for layer in model.layers],
        "kinds": [type(layer).__name__ for layer in model.layers],
        "weights": [w.name for w in model.weights],
        "paths": [w.path for w in model.weights],
        "trainable": [w.path for w in model.trainable_weights],
        "others": [w.path for w in model.non_trainable_weights],
        "shapes": [tuple(w.shape) for w in model.weights],
        "parameters": model.count_params(),
        "input_shape": model.input_shape,
        "output_shape": model.output_shape,
        "inputs": [(x.shape, x.dtype) for x in model.inputs],
        "outputs": [(x.shape, x.dtype) for x in model.outputs],
    }


@EVERY_MODEL
def test_describes_itself_as_keras(make, x):
    same(ours(description, make, torchkeras), oracle(description, make, keras))


@EVERY_MODEL
def test_computes_what_keras_computes(make, x):
    model, theirs = ours(make, torchkeras), oracle(make, keras)
    fill(model), oracle(fill, theirs)
    same(values(model(tensors(x))), values(oracle(theirs, tensors(x))))
    same(model.predict(x, verbose=0), oracle(lambda: theirs.predict(x, verbose=0)))


def words_model(k):
    """Masks that layers make, merge in lists, pass on, take by a keyword and as a second tensor."""
    layers = k.layers
    words = k.Input((5,), dtype="int64")
    first = layers.Embedding(7, 4, mask_zero=True)(words)
    second = layers.Embedding(7, 4, mask_zero=True)(words)
    both = layers.Concatenate()([layers.Add()([first, second]), second])
    states = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(both)
    asked = layers.Attention()([states, layers.Dropout(0.5)(states)])
    # Of their own, since real Keras takes the masks off what it gives to attention.
    query, value = layers.Activation("tanh")(both), layers.Activation("tanh")(states)
    ends = [
        layers.GRU(3)(states),
        layers.GlobalAveragePooling1D()(states),
        layers.GlobalAveragePooling1D()(layers.MultiHeadAttention(2, 2)(both, value=states)),
        layers.GlobalAveragePooling1D()(
            layers.MultiHeadAttention(2, 2)(query, value, use_causal_mask=True)
        ),
        layers.GlobalAveragePooling1D()(asked),
    ]
    return k.Model(words, layers.Dense(2)(layers.Concatenate()(ends)))


@pytest.mark.parametrize("kind", ["behind", "in front", "holes", "nowhere"])
def test_masks_through_a_graph(kind):
    model, theirs = ours(words_model, torchkeras), oracle(words_model, keras)
    fill(model), oracle(fill, theirs)
    words = np.random.default_rng(2).integers(1, 7, (6, 5))
    shown = np.array([[1] * n + [0] * (5 - n) for n in (1, 2, 3, 4, 5, 5)])
    if kind != "nowhere":
        words = words * {"behind": shown, "in front": shown[:, ::-1]}.get(kind, [[1, 0, 1, 0, 1]])
    expected = oracle(lambda: theirs.predict(words, verbose=0))
    for _ in range(3):  # the first call finds out what the others may leave out
        np.testing.assert_allclose(model.predict(words, verbose=0), expected, atol=1e-6)
    np.testing.assert_allclose(values(model(torch.tensor(words))), expected, atol=1e-6)


def blocks_model(k):
    """Layers that call layers, with one tensor and with two, and settings of a call."""
    layers = k.layers

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.hidden = layers.Dense(4, activity_regularizer=k.regularizers.L2(0.1))
            self.norm = layers.BatchNormalization()
            self.attention = layers.MultiHeadAttention(2, 2)

        def call(self, x, context=None, training=None, scale=1.0):
            x = self.norm(self.hidden(x), training=training) * scale
            if training:
                x = x + 1.0
            return x + self.attention(x, x if context is None else context)

    x = k.Input((5, 4))
    first, second = Block(), Block()
    y = second(first(x), x, scale=2.0)
    y = layers.MultiHeadAttention(2, 2)(y, y, use_causal_mask=True)
    return k.Model(x, layers.Dense(2)(layers.Flatten()(second(y, first(y)))))


def test_layers_in_layers_through_a_graph():
    model, theirs = ours(blocks_model, torchkeras), oracle(blocks_model, keras)
    fill(model), oracle(fill, theirs)
    draws = np.random.default_rng(4)
    x, y = draws.normal(size=(6, 5, 4)).astype("float32"), draws.normal(size=(6, 2))
    for _ in range(3):  # the first call finds out what the others may leave out
        same(model.predict(x, verbose=0), oracle(lambda: theirs.predict(x, verbose=0)))
    for each in (model, theirs):
        (ours if each is model else oracle)(each.compile, "sgd", "mse")
    history = model.fit(x, y, epochs=3, shuffle=False, verbose=0).history
    expected = oracle(lambda: theirs.fit(x, y, epochs=3, shuffle=False, verbose=0).history)
    assert history.keys() == expected.keys()
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-4)
    same(model.predict(x, verbose=0), oracle(lambda: theirs.predict(x, verbose=0)))


def several_inputs(k, kind):
    """Words and numbers of any length, given as `kind` says."""
    layers = k.layers
    words, numbers = k.Input((None,), dtype="int64"), k.Input((None, 3))
    x = layers.Concatenate()([layers.Embedding(9, 2, mask_zero=True)(words), numbers])
    x = layers.Add()([layers.LSTM(4)(x), layers.GlobalMaxPooling1D()(layers.Dense(4)(numbers))])
    inputs = {"list": [words, numbers], "tuple": (words, numbers)}.get(kind)
    return k.Model(inputs or {"z": words, "a": numbers}, layers.Dense(2)(x))


@pytest.mark.parametrize("kind", ["list", "tuple", "dict"])
def test_several_inputs_of_any_length(kind):
    model, theirs = ours(several_inputs, torchkeras, kind), oracle(several_inputs, keras, kind)
    fill(model), oracle(fill, theirs)
    draws = np.random.default_rng(6)
    for length in (5, 5, 3, 1, 5):
        x = [draws.integers(0, 9, (6, length)), draws.normal(size=(6, length, 3))]
        x[1] = x[1].astype("float32")
        x = {"list": x, "tuple": tuple(x)}.get(kind) or {"z": x[0], "a": x[1]}
        expected = oracle(lambda x: theirs.predict(x, verbose=0), x)
        np.testing.assert_allclose(model.predict(x, verbose=0), expected, atol=1e-6)
        given = torchkeras.tree.map_structure(torch.as_tensor, x)
        np.testing.assert_allclose(values(model(given)), expected, atol=1e-6)
    wrong = [x[:, :, :2] if x.ndim == 3 else x for x in torchkeras.tree.flatten(x)]
    wrong = dict(zip(sorted(x), wrong)) if kind == "dict" else type(x)(wrong)
    for each in (model, theirs):
        with pytest.raises(ValueError):
            each.predict(wrong, verbose=0)


def overriding_graph(k):
    class Doubled(k.Model):
        def call(self, inputs, training=None, mask=None):
            return 2 * super().call(inputs)

    x = k.Input((6,))
    return Doubled(x, k.layers.Dense(3)(x))


def overriding_sequential(k):
    class Doubled(k.Sequential):
        def call(self, inputs, training=None, mask=None):
            return 2 * super().call(inputs)

    return Doubled([k.Input((6,)), k.layers.Dense(4), k.layers.Dense(3)])


def overriding_layer(k):
    class Doubled(k.layers.Dense):
        def __call__(self, *args, **kwargs):
            return 2 * super().__call__(*args, **kwargs)

    return k.Sequential([k.Input((6,)), Doubled(4), k.layers.Dense(3)])


@pytest.mark.parametrize("make", [overriding_graph, overriding_sequential, overriding_layer])
def test_a_call_of_its_own_beside_a_graph(make):
    model, theirs = ours(make, torchkeras), oracle(make, keras)
    fill(model), oracle(fill, theirs)
    y = np.ones((12, 3), "float32")
    ours(model.compile, "sgd", "mse"), oracle(theirs.compile, "sgd", "mse")
    options = {"batch_size": 5, "shuffle": False, "verbose": 0}
    for _ in range(2):
        expected = oracle(lambda: theirs.predict(X, batch_size=5, verbose=0))
        same(model.predict(X, batch_size=5, verbose=0), expected)
        same(values(model(tensors(X))), values(oracle(theirs, tensors(X))))
        told = oracle(lambda: theirs.fit(X, y, **options).history)
        np.testing.assert_allclose(model.fit(X, y, **options).history["loss"], told["loss"], 1e-5)


def mixed_model(k):
    """The head in float32, as Keras's guide to mixed precision has it, of every sort of call."""
    layers = k.layers
    x = k.Input((5, 4))
    half = layers.Dense(4, dtype="mixed_bfloat16")(x)
    whole = {"dtype": "float32"}
    ends = [
        layers.Dense(4, activation="softmax", **whole)(half),
        layers.Add(**whole)([half, x]),
        layers.MultiHeadAttention(2, 2, **whole)(half, half),
        layers.MultiHeadAttention(2, 2, **whole)(x, half, use_causal_mask=True),
        layers.LayerNormalization(**whole)(half),
    ]
    return k.Model(x, [*ends, layers.Average(**whole)(ends)])


def integers_model(k):
    x = k.Input((5,), dtype="int32")
    y = k.layers.Dense(3)(x)
    return k.Model(x, k.layers.Concatenate()([y, k.layers.Embedding(9, 3)(x)[:, 0]]))


@pytest.mark.parametrize("make, size", [(mixed_model, (5, 4)), (integers_model, (5,))])
def test_dtypes_that_change_on_the_way(make, size):
    model, theirs = ours(make, torchkeras), oracle(make, keras)
    fill(model), oracle(fill, theirs)
    x = np.random.default_rng(5).integers(0, 9, (6, *size)).astype("int32")
    x = x if make is integers_model else (x / 9).astype("float32")
    expected = torchkeras.tree.flatten(oracle(lambda: theirs.predict(x, batch_size=2, verbose=0)))
    for _ in range(2):  # of three batches each, the first of which settles the layers
        found = torchkeras.tree.flatten(model.predict(x, batch_size=2, verbose=0))
        for a, b in zip(found, expected, strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, atol=2**-6)  # bfloat16 has 8 bits
    y = [np.zeros_like(each) for each in expected]
    y = y if len(y) > 1 else y[0]
    ours(model.compile, "sgd", "mse"), oracle(theirs.compile, "sgd", "mse")
    history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
    told = oracle(lambda: theirs.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0))
    np.testing.assert_allclose(history["loss"], told.history["loss"], rtol=1e-2)
    # In the float64 that the whole model is then in, from inputs in what they were before.
    model.double()
    for _ in range(2):
        for each in torchkeras.tree.flatten(model.predict(x, batch_size=2, verbose=0)):
            assert each.dtype == "float64"


@pytest.mark.parametrize("of_model", [False, True])
def test_activity_regularizer_of_a_settled_layer(of_model):
    x, y = np.arange(6, dtype="float32").reshape(2, 3), np.zeros((2, 2), "float32")
    found = []
    for library in (torchkeras, keras):
        layers = [library.layers.Dense(2, kernel_initializer="ones") for _ in range(2)]
        model = library.Sequential([library.Input((3,)), *layers])
        model.compile("sgd", "mse")
        losses = [model.evaluate(x, y, verbose=0) for _ in range(3)]
        for regularizer in (library.regularizers.L2(0.5), None):
            (model if of_model else layers[0]).activity_regularizer = regularizer
            losses += [model.evaluate(x, y, verbose=0) for _ in range(2)]
        found.append(losses)
    assert found[0][3] > found[0][2] == found[0][5]
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_hooks_and_errors_of_settled_layers():
    model = ours(blocks_model, torchkeras)
    x = np.ones((2, 5, 4), "float32")
    for _ in range(2):
        model.predict(x, verbose=0)
    block = model.layers[1]
    seen = []
    handle = block.register_forward_hook(lambda module, inputs, output: seen.append(module))
    model.predict(x, verbose=0)
    assert seen == [block, block]  # it is called twice in the graph
    handle.remove()
    block.attention.call = lambda *args, **kwargs: 1 / 0
    with pytest.raises(ZeroDivisionError) as caught:
        model.predict(x, verbose=0)
    assert "MultiHeadAttention.call() of layer" in caught.value.__notes__[0]


@EVERY_MODEL
def test_config_is_that_of_keras_and_goes_both_ways(make, x):
    model, theirs = ours(make, torchkeras), oracle(make, keras)
    assert plain(model.get_config()) == plain(theirs.get_config())
    fill(model), oracle(fill, theirs)
    expected = values(model(tensors(x)))
    config = theirs.get_config()
    revived = ours(type(model).from_config, config)
    again = oracle(type(theirs).from_config, config)
    same([w.path for w in revived.weights], [w.path for w in again.weights])
    revived.set_weights(model.get_weights())
    same(values(revived(tensors(x))), expected)
    back = oracle(type(theirs).from_config, model.get_config())
    oracle(back.set_weights, model.get_weights())
    same(values(back(tensors(x))), expected)


def plain(config):
    """A configuration with tuples as lists, without what says only that nothing was said."""
    if isinstance(config, dict):
        idle = {key for key, item in config.items() if key == "mask" and item is None}
        idle |= {"build_config", "compile_config"}
        return {key: plain(item) for key, item in config.items() if key not in idle}
    if isinstance(config, (list, tuple)):
        return [plain(item) for item in config]
    return config


# ---- summary ----


def summary(model, **kwargs):
    lines = []
    model.summary(print_fn=lines.append, **kwargs)
    return "\n".join(lines)


def unbuilt(k):
    return k.Sequential([k.layers.Dense(5), k.layers.Dense(2)])


def empty(k):
    return k.Sequential()


def trained(k):
    model = mlp(k)
    model.compile("adam", "mse")
    model.train_on_batch(X, np.zeros((12, 3), "float32"))
    return model


SUMMARIES = {**{name: make for name, (make, _) in MODELS.items()}}
SUMMARIES.update({"unbuilt": unbuilt, "empty": empty, "trained": trained})


@pytest.mark.parametrize("make", SUMMARIES.values(), ids=SUMMARIES)
@pytest.mark.parametrize(
    "options", [{}, {"expand_nested": True, "show_trainable": True}, {"line_length": 70}], ids=str
)
def test_summary_is_that_of_keras(make, options):
    assert summary(ours(make, torchkeras), **options) == oracle(
        lambda: summary(make(keras), **options)
    )


# ---- scenarios ----


def add_and_pop(k):
    model = k.Sequential(name="stack")
    model.add(k.Input((6,)))
    model.add(k.layers.Dense(5))
    model.add(k.layers.Dense(4))
    first = [model.output_shape, [layer.name for layer in model.layers], model.built]
    model.pop()
    model.add(k.layers.Dense(2, name="new"))
    return first, model.output_shape, [w.path for w in model.weights], model.get_layer("new").units


def deferred(k):
    model = k.Sequential([k.layers.Dense(5), k.layers.Dense(2)])
    before = model.built, len(model.weights)
    model(X)
    return before, model.built, [w.path for w in model.weights], model.output_shape


def built_by_hand(k):
    model = k.Sequential([k.layers.Dense(5), k.layers.Dense(2)])
    model.build((None, 6))
    return model.built, [w.path for w in model.weights], model.input_shape, model.output_shape


def deferred_by_fit(k):
    model = k.Sequential([k.layers.Dense(5), k.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    return [w.path for w in model.weights], model.input_shape


def input_arguments(k):
    found = []
    for arguments in ({"input_shape": (6,)}, {"input_dim": 6}):
        model = k.Sequential([k.layers.Dense(2, **arguments), k.layers.Dense(1)])
        found.append((model.built, model.input_shape, model.output_shape, model.count_params()))
    return found


def layers_by_name_and_place(k):
    model = two_inputs(k)
    return model.get_layer("left").name, model.get_layer(index=2).name, len(model.layers)


def weights_in_and_out(k):
    model = fill(convnet(k))
    dense = model.layers[-1]
    dense.set_weights([np.ones((36, 2), "float32"), np.zeros(2, "float32")])
    return model.get_weights(), dense.get_weights(), [len(v.get_weights()) for v in model.layers]


def freezing(k):
    model = nested(k)
    counts = []

    def count():
        counts.append((len(model.trainable_weights), len(model.non_trainable_weights)))
        counts.append([layer.trainable for layer in model.layers[1:]])

    count()
    inner = model.get_layer("other").get_layer("inner")
    inner.trainable = False
    count()
    inner.layers[0].trainable = True
    count()
    model.trainable = False
    count()
    model.trainable = True
    count()
    return counts, inner.trainable, [layer.trainable for layer in inner.layers]


def freezing_normalization(k):
    model = convnet(k)
    norm = model.layers[1]
    norm.trainable = False
    model(IMAGES, training=True)
    return (
        len(model.trainable_weights),
        [w.name for w in norm.non_trainable_weights],
        norm.weights[2].numpy(),
    )


def untrainable_from_the_start(k):
    layer = k.layers.Dense(3, trainable=False)
    model = k.Sequential([k.Input((6,)), layer])
    return len(model.trainable_weights), len(model.non_trainable_weights), model.trainable


def metrics_by_attribute(k):
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.dense = k.layers.Dense(1)
            self.seen = k.metrics.Mean(name="seen")
            self.others = [k.metrics.Mean(name="in_list")]

        def call(self, x):
            return self.dense(x)

    model = Own()
    return sorted(m.name for m in model.metrics), [w.name for w in model.weights]


def subclassed(k):
    class Block(k.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units

        def build(self, input_shape):
            self.scale = self.add_weight(
                shape=(input_shape[-1], self.units), initializer="ones", name="scale"
            )
            self.count = self.add_weight(
                shape=(), initializer="zeros", trainable=False, name="count"
            )

        def call(self, x):
            return k.ops.matmul(x, self.scale)

    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.block = Block(4)
            self.stack = [k.layers.Dense(3), k.layers.Dense(2)]
            self.heads = {"u": k.layers.Dense(1, name="u"), "v": k.layers.Dense(1, name="v")}

        def call(self, x, training=False):
            x = self.block(x)
            for layer in self.stack:
                x = layer(x)
            return {name: head(x) for name, head in self.heads.items()}

    model = Own()
    model(X)
    fill(model)
    names = [w.path for w in model.weights], [layer.name for layer in model.layers]
    return names, values(model(torch.as_tensor(X))), model.count_params(), model.name


def extra_inputs(k):
    class Mix(k.layers.Layer):
        def build(self, x_shape, gate_shape):
            self.kernel = self.add_weight(
                shape=(x_shape[-1], gate_shape[-1]), initializer="ones", name="kernel"
            )

        def call(self, x, gate, scale=1.0):
            return [k.ops.matmul(x, self.kernel) * gate, gate * scale]

    a, b = k.Input((6,)), k.Input((3,))
    outputs = Mix()(a, gate=b, scale=2.0)
    model = k.Model([a, b], outputs)
    return values(model([torch.as_tensor(X), torch.as_tensor(X2)])), model.output_shape


def subclassed_functional(k):
    class Own(k.Model):
        def __init__(self, units=3, **kwargs):
            x = k.Input((6,))
            super().__init__(x, k.layers.Dense(units)(x), **kwargs)

    model = Own(name="own")
    return model.output_shape, [w.path for w in model.weights], len(model.layers)


def in_the_middle(k):
    model = nested(k)
    fill(model)
    other = model.get_layer("other")
    features = k.Model(other.inputs, other.get_layer("last").input)
    same_weights = features.weights[0] is model.weights[0]
    return values(features(torch.as_tensor(X))), same_weights, features.output_shape


def own_input_tensors(k):
    x = k.Input((6,), name="x")
    first = k.layers.Dense(4, name="first")
    second = k.layers.Dense(2, name="second")
    k.Model(x, second(first(x)))
    return first.output.shape, second.input.shape, first.input.name


def batch_size_in_input(k):
    x = k.Input((6,), batch_size=4, dtype="int32")
    model = k.Model(x, k.layers.Dense(2)(k.ops.cast(x, "float32")))
    return model.input_shape, model.output_shape, model.inputs[0].dtype


def json_text(k):
    model = mlp(k)
    return k.models.model_from_json(model.to_json()).count_params()


def stateless(k):
    model = fill(convnet(k))
    trainable = [torch.as_tensor(w.numpy()) * 2 for w in model.trainable_variables]
    others = [torch.as_tensor(w.numpy()) for w in model.non_trainable_variables]
    before = model.get_weights()
    outputs, state = model.stateless_call(trainable, others, torch.as_tensor(IMAGES), training=True)
    unchanged = all(np.array_equal(a, b) for a, b in zip(before, model.get_weights()))
    return values(outputs), values([getattr(v, "value", v) for v in state]), unchanged


def state_tree(k):
    model = fill(mlp(k))
    model.compile("sgd", "mse")
    state = model.get_state_tree(value_format="numpy_array")
    changed = copy.deepcopy(state)
    changed["trainable_variables"]["sequential"]["dense"]["bias"] += 1
    model.set_state_tree(changed)
    return state["trainable_variables"], model.get_weights(), sorted(state)


SCENARIOS = [
    add_and_pop,
    deferred,
    built_by_hand,
    deferred_by_fit,
    input_arguments,
    layers_by_name_and_place,
    weights_in_and_out,
    freezing,
    freezing_normalization,
    untrainable_from_the_start,
    metrics_by_attribute,
    subclassed,
    extra_inputs,
    subclassed_functional,
    in_the_middle,
    own_input_tensors,
    batch_size_in_input,
    json_text,
    stateless,
    state_tree,
]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_same_as_keras(scenario):
    theirs = oracle(scenario, keras)
    same(ours(scenario, torchkeras), theirs)


# ---- what only torch has ----

k = torchkeras


def make_subclassed():
    class Own(k.Model):
        def __init__(self):
            super().__init__()
            self.first = k.layers.Dense(5, activation="relu")
            self.last = k.layers.Dense(2)

        def call(self, x):
            return self.last(self.first(x))

    model = Own()
    model(X)
    return model


TORCH_MODELS = {
    "mlp": (lambda: mlp(k), X),
    "convnet": (lambda: convnet(k), IMAGES),
    "functional": (lambda: residual(k), X),
    "subclassed": (make_subclassed, X),
}
EVERY_TORCH_MODEL = pytest.mark.parametrize(("make", "x"), TORCH_MODELS.values(), ids=TORCH_MODELS)


@EVERY_TORCH_MODEL
def test_torch_sees_every_weight_once_by_a_readable_name(make, x):
    model = ours(make)
    names = [name for name, _ in model.named_parameters()]
    assert len(set(names)) == len(names)
    assert all(name.split(".")[-1] in ("kernel", "bias", "gamma", "beta") for name in names)
    assert {id(p) for p in model.parameters()} == {id(w) for w in model.trainable_weights}
    assert {id(b) for b in model.buffers()} == {id(w) for w in model.non_trainable_weights}
    state = model.state_dict()
    assert sorted(v.data_ptr() for v in state.values()) == sorted(
        w.data_ptr() for w in model.weights
    )
    other = ours(make)
    other.load_state_dict(state)
    same(other.get_weights(), model.get_weights())


def test_names_in_torch():
    model = ours(convnet, k)
    assert list(model.state_dict())[:6] == [
        "conv2d.kernel",
        "conv2d.bias",
        "batch_normalization.gamma",
        "batch_normalization.beta",
        "batch_normalization.moving_mean",
        "batch_normalization.moving_variance",
    ]
    assert [name for name, _ in model.named_buffers()] == [
        "batch_normalization.moving_mean",
        "batch_normalization.moving_variance",
    ]


@EVERY_TORCH_MODEL
def test_functional_call(make, x):
    model, x = ours(make), torch.as_tensor(x)
    state = {name: 2 * v.detach() for name, v in model.state_dict().items()}
    got = torch.func.functional_call(model, state, (x,))
    other = ours(make)
    other.load_state_dict(state)
    torch.testing.assert_close(got, other(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
@EVERY_TORCH_MODEL
def test_compiles_as_one_graph(make, x):
    model, x = ours(make), torch.as_tensor(x)
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x), model(x))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("dynamic", [False, True])
@EVERY_TORCH_MODEL
def test_exports(make, x, dynamic):
    model, x = ours(make), torch.as_tensor(x)
    shapes = ({0: torch.export.Dim("batch", min=2)},) if dynamic else None
    program = torch.export.export(model, (x,), dynamic_shapes=shapes)
    rows = x[:3] if dynamic else x
    torch.testing.assert_close(program.module()(rows), model(rows))


def reread(model):
    return pickle.loads(pickle.dumps(model))


def through_torch(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("copied", [copy.deepcopy, reread, through_torch])
@EVERY_MODEL
def test_copies_are_equal_and_apart(make, x, copied):
    model = fill(ours(make, k))
    other = copied(model)
    same(values(other(tensors(x))), values(model(tensors(x))))
    same([w.path for w in other.weights], [w.path for w in model.weights])
    assert plain(other.get_config()) == plain(model.get_config())
    other.weights[0].assign(0 * other.weights[0])
    assert np.abs(model.get_weights()[0]).max() > 0


@pytest.mark.parametrize("kind", ["layers", "ops", "torch"])
def test_copy_of_a_deep_model(kind):
    steps = {"ops": k.ops.tanh, "torch": torch.sin}
    x = h = k.Input((4,))
    for _ in range(200):
        h = k.layers.Dense(4)(h) if kind == "layers" else steps[kind](h) + 1
    model = k.Model(x, h)
    for copied in (copy.deepcopy, reread):
        other = copied(model)
        assert len(other.operations) == len(model.operations) >= 201
        same(other(torch.ones(2, 4)).detach(), model(torch.ones(2, 4)).detach())


def test_compiled_model_is_copied_with_its_optimizer():
    model = ours(trained, k)
    for copied in (copy.deepcopy, reread):
        other = copied(model)
        y = np.zeros((12, 3), "float32")
        for m in (model, other):
            m.layers[1].rate = 0
        start = model.get_weights()
        result = model.train_on_batch(X, y)
        model.set_weights(start)
        same(other.train_on_batch(X, y), result)


def test_to_another_dtype():
    model = ours(mlp, k).to(torch.float64)
    assert {w.dtype for w in model.weights} == {torch.float64}
    assert model(torch.as_tensor(X, dtype=torch.float64)).dtype is torch.float64


@pytest.mark.parametrize("place", ["sequential", "functional", "called", "attribute"])
def test_modules_of_torch_anywhere(place):
    def make():
        linear = nn.Linear(6, 4)
        if place == "sequential":
            return linear, k.Sequential([k.Input((6,)), linear, nn.ReLU(), k.layers.Dense(1)])
        if place == "functional":
            x = k.Input((6,))
            h = k.layers.TorchModuleWrapper(linear)(x)
            return linear, k.Model(x, k.layers.Dense(1)(h))
        if place == "called":
            x = k.Input((6,))
            return linear, k.Model(x, k.layers.Dense(1)(linear(x)))

        class Own(k.Model):
            def __init__(self):
                super().__init__()
                self.linear = linear
                self.dense = k.layers.Dense(1)

            def call(self, x):
                return self.dense(self.linear(x))

        model = Own()
        model(X)
        return linear, model

    linear, model = make()
    assert len(list(model.parameters())) == 4
    assert any(p is linear.weight for p in model.parameters())
    before = linear.weight.detach().clone()
    model.compile("sgd", "mse")
    model.fit(X, X[:, :1], verbose=0)
    assert not torch.equal(before, linear.weight)


def test_gradients_reach_the_tensors_of_a_stateless_call():
    model = ours(mlp, k)
    given = [v.detach().clone().requires_grad_() for v in model.trainable_variables]
    others = [v.detach().clone() for v in model.non_trainable_variables]
    outputs, _ = model.stateless_call(given, others, torch.as_tensor(X))
    (outputs**2).sum().backward()
    assert all(v.grad is not None for v in given)
    assert all(v.grad is None for v in model.trainable_variables)


def test_a_stateless_call_of_what_was_called_before_has_the_given_values():
    x = torch.ones(2, 3)
    for make in (lambda: k.layers.Dense(2), lambda: k.Sequential([k.layers.Dense(2)])):
        layer = make()
        for _ in range(3):
            layer(x)
        outputs, _ = layer.stateless_call([torch.zeros(3, 2), torch.ones(2)], [], x)
        assert torch.equal(outputs, torch.ones(2, 2))


def test_batch_input_shape_of_older_keras():
    model = k.Sequential([k.layers.Dense(2, batch_input_shape=(4, 6))])
    assert model.input_shape == (4, 6)


# ---- errors ----


def wrong_last_axis(k):
    mlp(k)(torch.ones(2, 7))


def wrong_last_axis_of_a_layer(k):
    layer = k.layers.Dense(2, name="mine")
    layer.build((None, 6))
    layer(torch.ones(2, 7))


def wrong_rank(k):
    convnet(k)(torch.ones(2, 8, 8))


def wrong_rank_of_a_layer(k):
    k.layers.Conv2D(2, 3, name="mine")(torch.ones(2, 8, 8))


def same_names(k):
    k.Sequential([k.layers.Dense(1, name="a"), k.layers.Dense(1, name="a")])


def same_names_in_graph(k):
    x = k.Input((6,))
    k.Model(x, k.layers.Dense(1, name="a")(k.layers.Dense(1, name="a")(x)))


def not_connected(k):
    x, y = k.Input((6,)), k.Input((6,))
    k.Model(x, k.layers.Dense(1)(y))


def unknown_argument(k):
    k.layers.Dense(1, colour="red")


def too_few_weights(k):
    mlp(k).set_weights([np.zeros((6, 5))])


def weights_of_wrong_shape(k):
    layer = mlp(k).layers[0]
    layer.set_weights([np.zeros((6, 4)), np.zeros(5)])


def no_such_layer(k):
    mlp(k).get_layer("nothing")


def no_such_index(k):
    mlp(k).get_layer(index=9)


def neither_name_nor_index(k):
    mlp(k).get_layer()


def counted_before_built(k):
    k.layers.Dense(1, name="mine").count_params()


def no_layer_at_all(k):
    k.Sequential([3])


def weights_missing(k):
    mlp(k).stateless_call([], [], torch.ones(2, 6))


ERRORS = {
    wrong_last_axis: ["6", "7"],
    wrong_last_axis_of_a_layer: ["mine", "expected axis -1", "value 6", "(2, 7)"],
    wrong_rank: ["(2, 8, 8)", "(None, 8, 8, 3)"],
    wrong_rank_of_a_layer: ["mine", "ndim=3", "(2, 8, 8)"],
    same_names: ["should have unique names"],
    same_names_in_graph: ['The name "a" is used 2 times', "should be unique"],
    not_connected: ["`inputs` not connected to `outputs`"],
    unknown_argument: ["Unrecognized keyword arguments passed to Dense", "colour"],
    too_few_weights: ["set_weights(weights)", "expecting 4 weights"],
    weights_of_wrong_shape: ["weight shape (6, 5) is not compatible with", "(6, 4)"],
    no_such_layer: ["No such layer: nothing. Existing layers are"],
    no_such_index: ["Was asked to retrieve layer at index 9"],
    neither_name_nor_index: ["Provide either a layer name or layer index"],
    counted_before_built: ["You tried to call `count_params` on layer 'mine'"],
    no_layer_at_all: [],
    weights_missing: ["trainable_variables"],
}


@pytest.mark.parametrize("mistake", ERRORS, ids=lambda mistake: mistake.__name__)
def test_error_is_that_of_keras(mistake):
    with pytest.raises(Exception) as theirs:
        oracle(mistake, keras)
    with pytest.raises(type(theirs.value)) as mine:
        ours(mistake, torchkeras)
    text = " ".join([str(mine.value), *getattr(mine.value, "__notes__", ())])
    for phrase in ERRORS[mistake]:
        assert phrase in text


# Where Keras on torch raises an AttributeError that torch turns into another, or words it so.


@pytest.mark.parametrize("end", ["input", "output"])
def test_ends_of_a_layer_that_was_never_called(end):
    message = f"mine has never been called and thus has no defined {end}"
    with pytest.raises(ValueError, match=message):
        getattr(k.layers.Dense(1, name="mine"), end)


def test_forgotten_super():
    class Own(k.layers.Layer):
        def __init__(self):
            self.dense = k.layers.Dense(1)

    with pytest.raises(RuntimeError, match="'Own', you forgot to call `super"):
        Own()
