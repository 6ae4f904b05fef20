"""Whole models against real Keras: from the same weights, the same history."""

import keras
import numpy as np
import pytest

import torchkeras

# Met by real Keras alone.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")

RNG = np.random.default_rng(11)
ROWS, EPOCHS, BATCH = 88, 3, 16  # the last batch is a short one
TOLERANCE = {"rtol": 0, "atol": 1e-4}


def numbers(*shape):
    return RNG.normal(size=(ROWS, *shape)).astype("float32")


def labels(classes, *shape):
    return RNG.integers(0, classes, (ROWS, *shape))


TABLE, TABLE_LABELS = numbers(12), labels(5)
IMAGES, IMAGE_LABELS = numbers(12, 12, 3), np.eye(4, dtype="float32")[labels(4)]
TEXT, SENTIMENT = RNG.integers(1, 40, (ROWS, 14)), labels(2, 1)
# Sentences of 1 to 14 words; 0 is the padding.
PADDED = np.where(np.arange(14) < RNG.integers(1, 15, (ROWS, 1)), TEXT, 0)
AGES, TAGS = numbers(1), labels(2, 6).astype("float32")
WEIGHTS = RNG.uniform(0.2, 2.0, ROWS).astype("float32")


def mlp(k):
    model = k.Sequential(
        [
            k.Input((12,)),
            k.layers.Dense(32, activation="relu", kernel_regularizer="l2"),
            k.layers.Dense(16, activation="gelu"),
            k.layers.Dense(5, activation="softmax"),
        ]
    )
    model.compile(
        k.optimizers.Adam(0.01),
        "sparse_categorical_crossentropy",
        metrics=["accuracy", k.metrics.SparseTopKCategoricalAccuracy(2, name="top2")],
        weighted_metrics=["accuracy"],
    )
    return model, (TABLE, TABLE_LABELS), {"sample_weight": WEIGHTS, "validation_split": 0.2}


def convnet(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((12, 12, 3)),
            layers.Rescaling(0.5),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(12, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(momentum=0.9),
            layers.GlobalAveragePooling2D(),
            layers.Dense(4, activation="softmax"),
        ]
    )
    schedule = k.optimizers.schedules.ExponentialDecay(0.05, 4, 0.8)
    model.compile(
        k.optimizers.SGD(schedule, momentum=0.9, nesterov=True),
        k.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy", "auc"],
    )
    return model, (IMAGES, IMAGE_LABELS), {"validation_data": (IMAGES[:30], IMAGE_LABELS[:30])}


def lstm_text(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((14,), dtype="int32"),
            layers.Embedding(40, 8, mask_zero=True),
            layers.LSTM(10, return_sequences=True),
            layers.Bidirectional(layers.LSTM(6)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        k.optimizers.RMSprop(0.005),
        "binary_crossentropy",
        metrics=["accuracy", k.metrics.Precision(), k.metrics.Recall(), k.metrics.AUC(name="auc")],
    )
    return model, (PADDED, SENTIMENT), {"validation_split": 0.25, "class_weight": {0: 1.0, 1: 2.5}}


def multi_output(k):
    layers = k.layers
    words = k.Input((14,), dtype="int32", name="words")
    facts = k.Input((12,), name="facts")
    text = layers.GlobalAveragePooling1D()(layers.Embedding(40, 8)(words))
    shared = layers.Dense(16, activation="relu")
    both = layers.Concatenate()([text, shared(facts), shared(-facts)])
    age = layers.Dense(1, name="age")(layers.Dense(8, activation="elu")(both))
    kind = layers.Dense(5, activation="softmax", name="kind")(both)
    tags = layers.Dense(6, activation="sigmoid", name="tags")(layers.Add()([both, 0.5 * both]))
    model = k.Model([words, facts], [age, kind, tags])
    model.compile(
        k.optimizers.AdamW(0.01, weight_decay=0.01, clipnorm=1.0),
        {
            "age": k.losses.Huber(),
            "kind": "sparse_categorical_crossentropy",
            "tags": "binary_crossentropy",
        },
        loss_weights={"age": 0.3, "kind": 1.0, "tags": 2.0},
        metrics={"age": ["mae", "mse"], "kind": "accuracy", "tags": ["accuracy", "auc"]},
    )
    targets = {"age": AGES, "kind": TABLE_LABELS, "tags": TAGS}
    inputs = {"words": TEXT, "facts": TABLE}
    return model, (inputs, targets), {"validation_split": 0.2}


def autoencoder(k):
    class Code(k.layers.Layer):
        """The code as it comes, which is to be small and to vary."""

        def call(self, x):
            self.add_loss(0.05 * k.ops.mean(k.ops.square(x)))
            self.add_loss(0.01 * k.ops.mean(k.ops.exp(-k.ops.var(x, axis=0))))
            return x

    inputs = k.Input((12,))
    x = k.layers.Dense(8, activation="tanh", activity_regularizer="l1")(inputs)
    x = Code()(k.layers.Dense(3)(x))
    x = k.layers.Dense(8, activation="tanh", kernel_constraint="max_norm")(x)
    model = k.Model(inputs, k.layers.Dense(12)(x))
    model.compile(k.optimizers.Nadam(0.01), "mse", metrics=["mae", "cosine_similarity"])
    return model, (TABLE, TABLE), {"validation_split": 0.2}


def transformer(k):
    layers, length, width = k.layers, 14, 16

    class Positions(layers.Layer):
        """Adds a trained vector to each place."""

        def build(self, input_shape):
            self.table = self.add_weight(shape=input_shape[1:], initializer="zeros", name="table")

        def call(self, x):
            return x + self.table

    def block(x):
        attended = layers.MultiHeadAttention(4, width // 4)(x, x, use_causal_mask=True)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        hidden = layers.Dense(2 * width, activation="gelu")(x)
        return layers.LayerNormalization()(layers.Add()([x, layers.Dense(width)(hidden)]))

    words = k.Input((length,), dtype="int32")
    x = Positions()(layers.Embedding(40, width)(words))
    x = block(block(x))
    model = k.Model(words, layers.Dense(40)(x))
    loss = k.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(
        k.optimizers.Adam(0.003, global_clipnorm=1.0), loss, metrics=["sparse_categorical_accuracy"]
    )
    return model, (TEXT, np.roll(TEXT, -1, axis=1)), {"validation_split": 0.2}


MODELS = [mlp, convnet, lstm_text, multi_output, autoencoder, transformer]


def pair(make):
    """What `make` gives for real Keras and for torchkeras, the two models with the same weights."""
    keras.utils.set_random_seed(1)
    theirs, ours = make(keras), make(torchkeras)
    ours[0].set_weights(theirs[0].get_weights())
    return theirs, ours


def assert_same_weights(ours, theirs, atol):
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=atol)


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_the_same_history_as_keras(make):
    results = []
    for model, data, options in pair(make):
        history = model.fit(
            *data, batch_size=BATCH, epochs=EPOCHS, shuffle=False, verbose=0, **options
        ).history
        evaluated = model.evaluate(*data, batch_size=BATCH, verbose=0, return_dict=True)
        predicted = model.predict(data[0], batch_size=BATCH, verbose=0)
        results.append((model, history, evaluated, predicted))
    (theirs, expected, *others), (ours, history, *own) = results
    assert list(history) == list(expected)
    for name, values in expected.items():
        assert len(values) == EPOCHS
        np.testing.assert_allclose(history[name], values, err_msg=name, **TOLERANCE)
    assert list(own[0]) == list(others[0])
    for name, value in others[0].items():
        np.testing.assert_allclose(own[0][name], value, err_msg=name, **TOLERANCE)
    outputs = [x if isinstance(x, list) else [x] for x in (own[1], others[1])]
    for a, b in zip(*outputs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=2e-4)
    # It did train: the weights are not those it started from, and the loss went down.
    assert history["loss"][-1] < history["loss"][0] - 1e-3
    assert_same_weights(ours, theirs, 1e-3)


def masked_bidirectional(k):
    layers = k.layers
    model = k.Sequential(
        [
            k.Input((14,), dtype="int32"),
            layers.Embedding(40, 8, mask_zero=True),
            layers.Bidirectional(layers.LSTM(12)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(k.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("empty_rows", [False, True], ids=["words", "some_without_words"])
def test_twenty_steps_of_a_masked_bidirectional_lstm(empty_rows):
    theirs = masked_bidirectional(keras)
    ours = masked_bidirectional(torchkeras)
    ours.set_weights(theirs.get_weights())
    text = PADDED.copy()
    if empty_rows:
        text[::7] = 0
        text[1::7, 3:5] = 0  # a gap in the middle
    curves = []
    for model in (theirs, ours):
        losses = []
        for step in range(20):
            rows = np.arange(step * 8, step * 8 + 8) % ROWS
            losses.append(model.train_on_batch(text[rows], SENTIMENT[rows])[0])
        curves.append(losses)
    np.testing.assert_allclose(curves[1], curves[0], **TOLERANCE)
    assert len(set(curves[0])) == 20


def test_the_same_history_from_a_saved_start(tmp_path):
    """A file of real Keras, half trained, goes on here as it does there: optimizer and all."""
    theirs, data, _ = convnet(keras)
    options = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
    theirs.fit(*data, epochs=1, **options)
    theirs.save(tmp_path / "half.keras")
    ours = torchkeras.saving.load_model(tmp_path / "half.keras")
    expected = theirs.fit(*data, epochs=2, **options).history
    history = ours.fit(*data, epochs=2, **options).history
    assert list(history) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, err_msg=name, **TOLERANCE)
