"""Makes the archives of this folder: model files written by real Keras on TensorFlow.

    KERAS_BACKEND=tensorflow python make.py keras       # Keras 3 -> keras3.zip
    python make.py tf_keras                             # Keras 2 -> tf_keras2.zip
    python make.py keras                                # Keras 2.15 -> keras2_15.zip

Each model is trained for two steps, saved in every format, and then trained on; beside the files
stands what it predicted and which losses followed. `test_saving_goldens.py` reads them.
"""

import importlib
import io
import json
import os
import sys
import tempfile
import zipfile

import numpy as np

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

STEPS_BEFORE, STEPS_AFTER = 2, 3
RNG = np.random.default_rng(5)
X = RNG.normal(size=(6, 4)).astype("float32")
X2 = RNG.normal(size=(6, 3)).astype("float32")
LABELS = RNG.integers(0, 3, (6, 1))
NUMBERS = RNG.normal(size=(6, 2)).astype("float32")
IMAGES = RNG.normal(size=(4, 6, 6, 2)).astype("float32")
# No word twice: what Keras on TensorFlow makes of the gradients of one is another matter.
WORDS = np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 0], [8, 9, 10, 11, 12], [13, 0, 0, 0, 0]], "int32")
SERIES = RNG.normal(size=(4, 5, 3)).astype("float32")
STRINGS = np.array([["a cat"], ["the dog"], ["a cat and a dog"], ["nothing"]], dtype=object)


def mlp(k):
    model = k.Sequential(
        [
            k.layers.InputLayer((4,), name="in"),
            k.layers.Dense(5, activation="relu", kernel_regularizer="l2"),
            k.layers.Dropout(0.0),
            k.layers.Dense(3, activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model, X, LABELS


def regression(k, optimizer):
    model = k.Sequential(
        [
            k.layers.InputLayer((4,)),
            k.layers.Dense(3, activation="tanh", kernel_constraint=k.constraints.MaxNorm(2)),
            k.layers.Dense(2, kernel_initializer="he_normal"),
        ]
    )
    # Spelt out: Keras 3 does not read its own "mse" back from an `.h5` file.
    model.compile(optimizer, k.losses.MeanSquaredError(), metrics=[k.metrics.MeanAbsoluteError()])
    return model, X, NUMBERS


def convnet(k):
    layers = [
        k.layers.InputLayer((6, 6, 2)),
        k.layers.Conv2D(3, 3, padding="same", activation="relu", dilation_rate=1),
        k.layers.BatchNormalization(momentum=0.8),
        k.layers.DepthwiseConv2D(3, strides=2, padding="same"),
        k.layers.SeparableConv2D(4, 2, activation="elu"),
        k.layers.Conv2DTranspose(2, 3, strides=2),
        k.layers.ReLU(max_value=6.0),
        k.layers.MaxPooling2D(),
        k.layers.Flatten(),
        k.layers.Dense(2),
    ]
    model = k.Sequential(layers, name="images")
    model.compile(
        k.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
        k.losses.MeanSquaredError(),
    )
    return model, IMAGES, NUMBERS[:4]


def recurrent(k):
    x = k.Input((5,), dtype="int32", name="words")
    h = k.layers.Embedding(14, 4, mask_zero=True)(x)
    h = k.layers.LSTM(4, return_sequences=True)(h)
    h = k.layers.GRU(3)(h)
    model = k.Model(x, k.layers.Dense(2, name="end")(h), name="recurrent")
    model.compile(k.optimizers.RMSprop(0.01), k.losses.MeanSquaredError())
    return model, WORDS, NUMBERS[:4]


def bidirectional(k):
    layers = [
        k.layers.InputLayer((5, 3)),
        k.layers.Bidirectional(k.layers.LSTM(3, return_sequences=True)),
        k.layers.TimeDistributed(k.layers.Dense(4, activation="relu")),
        k.layers.Bidirectional(k.layers.GRU(2, reset_after=False), merge_mode="sum"),
        k.layers.Dense(2),
    ]
    model = k.Sequential(layers)
    model.compile(k.optimizers.Adam(0.01), k.losses.MeanSquaredError())
    return model, SERIES, NUMBERS[:4]


def cells(k):
    layers = [
        k.layers.InputLayer((5, 3)),
        k.layers.RNN([k.layers.LSTMCell(3), k.layers.GRUCell(2)], return_sequences=True),
        k.layers.SimpleRNN(3, go_backwards=True),
        k.layers.Dense(2),
    ]
    model = k.Sequential(layers)
    model.compile(k.optimizers.Adam(0.01, amsgrad=True), k.losses.MeanSquaredError())
    return model, SERIES, NUMBERS[:4]


def shared(k):
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    tower = k.layers.Dense(3, activation="relu", name="tower")
    left, right = tower(a), tower(b)
    both = k.layers.Concatenate(axis=-1)([left, right, k.layers.Subtract()([left, right])])
    ends = [k.layers.Dense(1, name="u")(both), k.layers.Dense(2, name="v")(both)]
    model = k.Model([a, b], ends)
    model.compile(
        k.optimizers.Adagrad(0.1),
        {"u": k.losses.MeanSquaredError(), "v": k.losses.Huber()},
        loss_weights={"u": 1.0, "v": 0.5},
        metrics={"u": [k.metrics.MeanAbsoluteError(name="off")]},
    )
    return model, [X, X[::-1].copy()], [NUMBERS[:, :1], NUMBERS]


def nested(k):
    inner = k.Sequential(
        [k.layers.InputLayer((4,)), k.layers.Dense(3), k.layers.BatchNormalization()], name="inner"
    )
    x = k.Input((4,), name="x")
    frozen = k.layers.Dense(3, name="frozen")
    frozen.trainable = False
    middle = k.Model(x, k.layers.Dense(2, name="last")(frozen(inner(x))), name="middle")
    y = k.Input((4,), name="y")
    model = k.Model(y, k.layers.Dense(2, name="outer_end")(middle(y)), name="outer")
    model.compile(k.optimizers.Adamax(0.01), k.losses.MeanSquaredError())
    return model, X, NUMBERS


def custom(k):
    class Scale(k.layers.Layer):
        def __init__(self, factor=1.0, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def build(self, input_shape):
            self.scale = self.add_weight(
                name="scale", shape=(input_shape[-1],), initializer="ones", trainable=True
            )

        def call(self, x):
            return x * self.scale * self.factor

        def get_config(self):
            return {**super().get_config(), "factor": self.factor}

    x = k.Input((4,), name="x")
    model = k.Model(x, k.layers.Dense(2)(Scale(0.5, name="own")(x)))
    model.compile(k.optimizers.Adadelta(1.0), k.losses.MeanSquaredError())
    return model, X, NUMBERS


def scheduled(k):
    schedule = k.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5)
    return regression(k, k.optimizers.Adam(schedule))


def attention(k):
    x = k.Input((5, 3), name="x")
    h = k.layers.MultiHeadAttention(2, 3, name="heads")(x, x)
    h = k.layers.LayerNormalization()(k.layers.Add()([x, h]))
    h = k.layers.GlobalAveragePooling1D()(h)
    model = k.Model(x, k.layers.Dense(2)(h))
    model.compile(k.optimizers.Adam(0.01), k.losses.MeanSquaredError())
    return model, SERIES, NUMBERS[:4]


def numeric(k):
    normalization = k.layers.Normalization(name="normal")
    normalization.adapt(X)
    x = k.Input((4,), name="x")
    model = k.Model(x, k.layers.Dense(2)(k.layers.Rescaling(0.5, 0.1)(normalization(x))))
    model.compile("sgd", k.losses.MeanSquaredError())
    return model, X, NUMBERS


def text(k):
    x = k.Input((1,), dtype="string", name="x")
    vectors = k.layers.TextVectorization(output_sequence_length=4, name="words")
    vectors.adapt(STRINGS[:, 0].tolist())
    h = k.layers.Embedding(12, 3)(vectors(x))
    return k.Model(x, k.layers.Dense(2)(k.layers.Flatten()(h))), STRINGS, None


def lookup(k):
    x = k.Input((1,), dtype="string", name="x")
    words = k.layers.StringLookup(vocabulary=["a cat", "the dog"], output_mode="one_hot")
    return k.Model(x, k.layers.Dense(2)(words(x))), STRINGS, None


MODELS = {
    f.__name__: f
    for f in (
        mlp,
        convnet,
        recurrent,
        bidirectional,
        cells,
        shared,
        nested,
        custom,
        scheduled,
        attention,
        numeric,
        text,
        lookup,
    )
}


def optimizers(k):
    """One of each, by name; those of Keras before 2.11 too, where they are there."""
    o = k.optimizers
    found = {
        "sgd": o.SGD(0.1),
        "ftrl": o.Ftrl(0.1),
        "adafactor": o.Adafactor(0.1),
        "adamw": o.AdamW(0.01, weight_decay=0.02),
        "lion": o.Lion(0.01),
        "nadam": o.Nadam(0.01),
        "rmsprop_centered": o.RMSprop(0.01, momentum=0.5, centered=True),
    }
    if hasattr(o, "Lamb"):
        found["lamb"] = o.Lamb(0.01)
        found["muon"] = o.Muon(0.01)
        found["loss_scale"] = o.LossScaleOptimizer(o.Adam(0.01))
    if k.__name__ == "tf_keras":
        old = o.legacy
        found |= {
            "old_sgd": old.SGD(0.1, momentum=0.9, decay=0.1),
            "old_adam": old.Adam(0.01),
            "old_amsgrad": old.Adam(0.01, amsgrad=True),
            "old_adamax": old.Adamax(0.01),
            "old_adagrad": old.Adagrad(0.1),
            "old_adadelta": old.Adadelta(1.0),
            "old_rmsprop": old.RMSprop(0.01, momentum=0.5, centered=True),
            "old_rmsprop_plain": old.RMSprop(0.01),
            "old_nadam": old.Nadam(0.01),
            "old_ftrl": old.Ftrl(0.1),
        }
    return found


def with_ops(k):
    """What tf.keras made of functions of TensorFlow in a graph."""
    import tensorflow as tf

    x = k.Input((4,), name="x")
    h = tf.nn.relu(x) * 2.0 + 1.0
    h = tf.concat([h, x[:, 1:3]], axis=-1)
    h = tf.subtract(h, tf.reduce_mean(h, axis=-1, keepdims=True))
    h = k.layers.Dense(3)(h)
    h = tf.reshape(tf.expand_dims(h, 1), (-1, 3)) / 2.0
    model = k.Model(x, k.layers.Dense(2)(1.0 - tf.math.exp(-h)))
    model.compile("sgd", k.losses.MeanSquaredError())
    return model, X, NUMBERS


def flat(value):
    return list(value) if isinstance(value, (list, tuple)) else [value]


def write(archive, name, model, x, y, formats):
    if y is not None:
        for _ in range(STEPS_BEFORE):
            model.train_on_batch(x, y)
    archive.writestr(f"{name}.json", model.to_json())
    with tempfile.TemporaryDirectory() as folder:
        for suffix in formats:
            path = os.path.join(folder, name + suffix)
            try:
                model.save_weights(path) if "weights" in suffix else model.save(path)
            except (NotImplementedError, ValueError) as error:  # the format cannot hold the model
                print(f"{name}{suffix}: {error}")
                continue
            archive.write(path, f"{name}{suffix}")
    recorded = {}
    inputs = {}
    for i, array in enumerate(flat(x)):
        if array.dtype == object:
            array = array.astype("U")
        inputs[f"x{i}"] = array
    # A dataset of strings has to be a tensor of TensorFlow's.
    given = x if flat(x)[0].dtype != object else importlib.import_module("tensorflow").constant(x)
    for i, array in enumerate(flat(model.predict(given, verbose=0))):
        recorded[f"prediction{i}"] = np.asarray(array)
    if y is not None:
        inputs |= {f"y{i}": np.asarray(array) for i, array in enumerate(flat(y))}
        losses = [float(np.ravel(model.train_on_batch(x, y))[0]) for _ in range(STEPS_AFTER)]
        recorded["losses"] = np.array(losses)
    buffer = io.BytesIO()
    np.savez(buffer, **inputs, **recorded)
    archive.writestr(f"{name}.npz", buffer.getvalue())


def main(package):
    k = importlib.import_module(package)
    major, minor, *_ = k.__version__.split(".")
    old = major == "2"
    name = {"tf_keras": "tf_keras2.zip"}.get(
        package, f"keras2_{minor}.zip" if old else "keras3.zip"
    )
    # Keras 3 forgets the optimizer when it writes an `.h5` file: that one comes last.
    formats = [".weights.h5", ".keras", *(["_weights_only.h5"] if old else []), ".h5"]
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("about.json", json.dumps({"package": package, "version": k.__version__}))
        jobs = dict(MODELS)
        if old:
            jobs["with_ops"] = with_ops
        for name, make in jobs.items():
            k.backend.clear_session()
            k.utils.set_random_seed(1)
            model, x, y = make(k)
            # An `.h5` file does not hold a vocabulary that was adapted to data.
            only = {"text": [".keras"], "lookup": [".keras", ".h5"]}
            write(archive, name, model, x, y, only.get(name, formats))
        for name, optimizer in optimizers(k).items():
            k.backend.clear_session()
            k.utils.set_random_seed(1)
            model, x, y = regression(k, optimizer)
            write(archive, f"optimizer_{name}", model, x, y, [".keras", ".h5"])


if __name__ == "__main__":
    main(sys.argv[1])
