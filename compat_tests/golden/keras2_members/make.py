"""Writes values.json beside this file: what members of Keras 2 give, by tf_keras 2.21.

Run with the Python that has TensorFlow and tf_keras; the tests need neither.
"""

import json
import os
import pathlib
import traceback

# `tf.keras`, which tf_keras uses in places, is to be Keras 2 as well.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np
import tensorflow as tf
import tf_keras as keras

GOLDEN = {}


def array(*shape):
    """The same numbers here and in the tests."""
    size = int(np.prod(shape))
    return (np.sin(np.arange(size) * 0.7) * 0.8).reshape(shape).astype("float32")


def keep(name, *values):
    GOLDEN[name] = [np.asarray(value).tolist() for value in values]


def convolutions():
    rows = {
        "Conv1DTranspose": ((2, 3), {"strides": 2}, (2, 7, 2), (3, 2, 4)),
        "Conv2DTranspose": ((2, 3), {"padding": "same"}, (1, 5, 5, 2), (3, 3, 2, 3)),
        "Conv3DTranspose": ((2, 2), {}, (1, 3, 3, 3, 2), (2, 2, 2, 2, 2)),
        "DepthwiseConv1D": ((3,), {"padding": "same"}, (2, 6, 2), (3, 2, 2)),
        "DepthwiseConv2D": ((2,), {"strides": (2, 2)}, (1, 6, 6, 2), (2, 2, 2, 2)),
        "SeparableConv1D": ((2, 3), {"dilation_rate": 2}, (2, 9, 2), (3, 2, 2)),
        "SeparableConv2D": ((2, 3), {}, (1, 5, 5, 2), (3, 3, 2, 2)),
    }
    for name, (args, kwargs, x, kernel) in rows.items():
        layer = getattr(keras.layers, name)(*args, **kwargs)
        layer.build(x)
        keep(f"convolution_op/{name}", layer.convolution_op(array(*x), array(*kernel)))


def normalization():
    layer = keras.layers.Normalization()
    layer.build((None, 3))
    layer.reset_state()
    for rows in (4, 7):
        layer.update_state(tf.constant(array(rows, 3)))
    layer.finalize_state()
    keep("Normalization", layer(array(2, 3)), layer.mean, layer.variance)


def spectral_normalization():
    layer = keras.layers.SpectralNormalization(keras.layers.Dense(3))
    layer.build((None, 4))
    layer.layer.kernel.assign(array(4, 3))
    layer.vector_u.assign(array(1, 3))
    keep("SpectralNormalization", *layer.normalize_weights())


def signatures():
    spec = tf.TensorSpec((None, 3), "string")
    numbers = tf.TensorSpec((None, 3), "int64")
    words = ["a", "b"]
    rows = {
        "StringLookup/int": (keras.layers.StringLookup(vocabulary=words), spec),
        "StringLookup/multi_hot": (
            keras.layers.StringLookup(vocabulary=words, output_mode="multi_hot"),
            spec,
        ),
        "IntegerLookup": (keras.layers.IntegerLookup(vocabulary=[1, 2]), numbers),
        "Hashing": (keras.layers.Hashing(4), spec),
        "Normalization": (keras.layers.Normalization(), tf.TensorSpec((None, 3), "float32")),
    }
    for name, (layer, given) in rows.items():
        made = layer.compute_output_signature(given)
        GOLDEN[f"compute_output_signature/{name}"] = [list(made.shape), made.dtype.name]


def adapted():
    rows = {
        "given": keras.layers.Normalization(mean=0.0, variance=1.0),
        "vocabulary": keras.layers.StringLookup(vocabulary=["a"]),
        "boundaries": keras.layers.Discretization([0.0]),
        "adapt": keras.layers.StringLookup(),
    }
    rows["adapt"].adapt(np.array(["a"]))
    GOLDEN["is_adapted"] = {name: layer.is_adapted for name, layer in rows.items()}


def words(tensor):
    return [token.decode() for token in np.asarray(tensor).ravel().tolist()]


def dynamic_lookup():
    layer = keras.layers.experimental.DynamicLookup(
        5, tf.constant(["apple", "banana", "cherry", "date", "elder"])
    )
    steps = [["fig", "apple"], ["apple", "grape", "fig"], ["kiwi", "lemon", "apple", "banana"]]
    found = [layer(tf.constant([step])).numpy().tolist() for step in steps]
    GOLDEN["DynamicLookup"] = {
        "found": found,
        "keys": words(layer.vocabulary_table_keys),
        "counts": layer.vocabulary_table_values.numpy().tolist(),
        "top": words(layer.get_top_vocabulary(3)),
        "vocabulary": words(layer.get_vocabulary()),
    }


def dynamic_embedding():
    layer = keras.layers.experimental.DynamicEmbedding(
        5,
        2,
        tf.constant(["apple", "banana", "cherry", "date", "elder"]),
        embedding_initializer="zeros",
    )
    inputs = tf.constant([["fig", "apple", "date"], ["apple", "grape", "fig"]])
    layer(inputs, learn_vocab=False)
    layer.embedding_layer.set_weights([array(6, 2)])
    before = layer(inputs)
    layer(inputs)
    layer.update_embeddings(tf.distribute.get_strategy())
    keep("DynamicEmbedding", before, layer(inputs, learn_vocab=False))
    GOLDEN["DynamicEmbedding/vocabulary"] = words(layer.get_vocabulary())
    keys, sums = layer.aggregate_lookup_table(
        tf.constant([["a", "b"], ["b", "c"]]), tf.constant([[1, 2], [3, 4]])
    )
    GOLDEN["DynamicEmbedding/aggregate"] = [words(keys), sums.numpy().tolist()]


def history(model, x, y, **kwargs):
    return model.fit(x, y, epochs=3, shuffle=False, verbose=0, **kwargs).history["loss"]


def premade():
    x, y = array(12, 4), array(12, 1) * 2
    linear = keras.experimental.LinearModel()
    linear.compile("sgd", "mse")
    keep("LinearModel", history(linear, x, y, batch_size=4), linear.predict(x, verbose=0))
    pair = keras.experimental.LinearModel(units=1, kernel_initializer="ones", activation="tanh")
    keep("LinearModel/dict", pair({"b": x, "a": array(12, 2)}))
    keep("LinearModel/list", keras.experimental.LinearModel(kernel_initializer="ones")([x, x]))

    wide = keras.experimental.LinearModel()
    deep = keras.Sequential([keras.layers.Dense(3, "relu"), keras.layers.Dense(1)])
    deep.build((None, 4))
    deep.set_weights([array(4, 3), array(3), array(3, 1), array(1)])
    model = keras.experimental.WideDeepModel(wide, deep)
    model.compile([keras.optimizers.SGD(0.1), keras.optimizers.Adam(0.01)], "mse")
    losses = history(model, [x, x], y, batch_size=4)
    keep("WideDeepModel", losses, model.predict([x, x], verbose=0))

    for splits in (None, 2):
        inner = keras.Sequential([keras.layers.Dense(3, "tanh"), keras.layers.Dense(1)])
        inner.build((None, 4))
        inner.set_weights([array(4, 3), array(3), array(3, 1), array(1)])
        model = keras.models.experimental.SharpnessAwareMinimization(inner, 0.1, splits)
        model.compile("sgd", "mse")
        losses = history(model, x, y, batch_size=4)
        keep(f"SharpnessAwareMinimization/{splits}", losses, model.predict(x, verbose=0))


def loss_scale():
    variable = tf.Variable(array(3))
    optimizer = keras.mixed_precision.LossScaleOptimizer(
        keras.optimizers.SGD(0.1), initial_scale=8.0, dynamic_growth_steps=2
    )
    scales = []
    for _ in range(3):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(variable**2)
            scaled = optimizer.get_scaled_loss(loss)
        gradients = tape.gradient(scaled, [variable])
        gradients = optimizer.get_unscaled_gradients(gradients)
        gradients, _ = tf.clip_by_global_norm(gradients, 1.0)
        optimizer.apply_gradients(zip(gradients, [variable]))
        scales.append([optimizer.loss_scale.numpy(), optimizer.dynamic_counter.numpy()])
    keep("LossScaleOptimizer", variable, scales)


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


def slots():
    for name, (kwargs, names) in SLOTS.items():
        optimizer = getattr(keras.optimizers.legacy, name)(0.1, **kwargs)
        variable = tf.Variable(array(3))
        for _ in range(2):
            optimizer.apply_gradients([(tf.constant(array(3) + 0.5), variable)])
        keep(f"get_slot/{name}", variable, *(optimizer.get_slot(variable, n) for n in names))


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
        dtype = var.dtype.base_dtype
        speed = self.get_slot(var, "speed")
        speed.assign(speed * self._get_hyper("momentum", dtype) + grad)
        var.assign_sub(speed * self._decayed_lr(dtype))


def own_optimizer():
    variable = tf.Variable(array(3))
    optimizer = Heavy()
    for _ in range(3):
        optimizer.minimize(
            lambda: variable**2, lambda: [variable], grad_loss=tf.constant([1.0, 2.0, 3.0])
        )
    keep("legacy.Optimizer", variable, optimizer.get_slot(variable, "speed"))


class Weighted(keras.layers.Layer):
    """A cell that is given a constant."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = self.state_size = units

    def build(self, input_shape):
        size = input_shape[0] if isinstance(input_shape[0], tuple) else input_shape
        self.kernel = self.add_weight("kernel", (size[-1], self.units), initializer="ones")

    def call(self, inputs, states, constants):
        output = tf.matmul(inputs, self.kernel) + states[0] * constants[0]
        return output, [output]


def constants():
    layer = keras.layers.RNN(Weighted(3), return_sequences=True)
    outputs = layer(array(2, 4, 3), constants=tf.constant(array(2, 3)))
    keep("RNN/constants", outputs)
    both = keras.layers.Bidirectional(keras.layers.RNN(Weighted(3), return_sequences=True))
    keep("Bidirectional/constants", both(array(2, 4, 3), constants=tf.constant(array(2, 3))))


def masked_groups():
    layer = keras.layers.GroupNormalization(2, axis=-1)
    mask = tf.constant([[True, True, False, True], [True, False, False, False]])[..., None]
    keep("GroupNormalization/mask", layer(tf.constant(array(2, 4, 6)), mask=mask))


PARTS = (
    convolutions,
    normalization,
    spectral_normalization,
    signatures,
    adapted,
    dynamic_lookup,
    dynamic_embedding,
    premade,
    loss_scale,
    slots,
    own_optimizer,
    constants,
    masked_groups,
)


def main():
    keras.utils.set_random_seed(1)
    tf.config.run_functions_eagerly(True)
    for part in PARTS:
        try:
            part()
        except Exception:
            print(part.__name__)
            traceback.print_exc(limit=-2)
    path = pathlib.Path(__file__).parent / "values.json"
    path.write_text(json.dumps(GOLDEN, indent=0))
    print(len(GOLDEN), "entries")


if __name__ == "__main__":
    main()
