"""What layers, models, losses and metrics give to a script is a tensor of TensorFlow's."""

import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers


def filled(model, shape):
    model.build(shape)
    for weight in model.weights:
        size = int(np.prod(weight.shape))
        weight.assign(np.sin(np.arange(size, dtype="float32")).reshape(tuple(weight.shape)))
    return model


model = filled(keras.Sequential([layers.Dense(4, activation="relu"), layers.Dense(3)]), (None, 2))
x = tf.constant([[1.0, -2.0], [0.5, 3.0]])
out = model(x)

print(out.shape.as_list(), out.shape.ndims, out.shape.rank, out.shape[1:], out.get_shape())
print(out.dtype == "float32", out.dtype == tf.float32, out.dtype == np.float32, out.dtype.name)
print(out.dtype, repr(out.dtype), len(out), out[0, 0].dtype.is_floating)
print(tf.is_tensor(out), isinstance(out, tf.Tensor))
print(np.squeeze(out[:1]).shape, np.argmax(out, axis=1), np.argmax(model(x), axis=-1).shape)
print(np.mean(out).dtype, np.array(out).shape, out.numpy().shape, out[:, ::-1].numpy()[0])
print(model.layers[0](x).shape.as_list(), layers.Flatten()(tf.zeros((2, 3, 4))).shape)
print(out)
try:
    out[0] = 1.0
except TypeError as error:
    print("TypeError", "item assignment" in str(error))

loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
with tf.GradientTape() as tape:
    logits = model(x, training=True)
    loss = loss_fn(tf.constant([0, 2]), logits)
    print(f"{loss:.4f} {float(loss):.4f} {loss.numpy():.4f}", loss.dtype, loss.shape)
    print(tf.reduce_mean(loss).numpy().dtype, "{:.3f}".format(loss), "%.3f" % loss)
gradients = tape.gradient(loss, model.trainable_variables)
print([g.shape.as_list() for g in gradients], gradients[0].dtype)
loss += 1.0
print(loss.numpy() > 1, bool(loss > 0), loss / 2 < loss)


class Pairs(layers.Layer):
    """Uses what TensorFlow's tensors have inside `call`, and what inner layers give there."""

    def __init__(self, units):
        super().__init__()
        self.inner = layers.Dense(units, kernel_initializer="ones")

    def call(self, inputs):
        batch, width = inputs.shape.as_list()
        hidden = self.inner(inputs)
        assert hidden.get_shape().as_list()[1] == 3
        assert inputs.dtype.name == hidden.dtype.name == "float32"
        return hidden[:, ::-1] * tf.cast(width, hidden.dtype)


pairs = Pairs(3)
print(pairs(x).numpy().tolist(), pairs(x).shape.as_list())
stacked = keras.Sequential([layers.Flatten(), Pairs(3), layers.Dense(1, kernel_initializer="ones")])
print(stacked(x).numpy().tolist())
stacked.compile("sgd", "mse")
history = stacked.fit(x.numpy(), np.ones((2, 1), "float32"), epochs=1, verbose=0)
print(stacked.predict(x.numpy(), verbose=0).shape, list(history.history))

metric = keras.metrics.MeanSquaredError()
metric.update_state([[1.0]], [[3.0]])
print(metric.result().numpy(), float(metric.result()), f"{metric.result():.2f}")
mean = keras.metrics.Mean()
mean(2.0)
mean(4.0)
print("%.2f" % mean.result(), mean.result().numpy() == 3.0)

lookup = layers.StringLookup(vocabulary=["a", "b"])
ids = lookup(tf.constant([["a", "z"]]))
print(ids.numpy().tolist(), ids.shape.as_list())
back = layers.StringLookup(vocabulary=["a", "b"], invert=True)(ids)
print(back.numpy().tolist(), back.dtype == tf.string)
lstm = layers.LSTM(2, return_sequences=True, return_state=True)
whole, state_h, state_c = lstm(tf.zeros((2, 5, 3)))
print(whole.shape.as_list(), state_h.shape.as_list(), state_c.get_shape())
windows = keras.utils.timeseries_dataset_from_array(np.arange(10.0), None, 3, batch_size=4)
for batch in windows.take(1):
    print(batch.numpy().tolist(), batch.shape.as_list())
for text, label in tf.data.Dataset.from_tensor_slices((["one", "two"], [1, 2])):
    print(text.numpy().decode(), label.numpy(), int(label), list(range(label)))


def custom_loss(y_true, y_pred):
    assert y_pred.get_shape().as_list()[-1] == y_true.shape.as_list()[-1] == 1
    return tf.reduce_mean(tf.square(y_true - y_pred)) + tf.cast(y_pred.shape[-1], y_pred.dtype)


class OwnStep(keras.Model):
    """A step of training of the script's own."""

    def train_step(self, data):
        inputs, targets = data
        assert inputs.shape.as_list()[1:] == [2] and targets.dtype.name == "float32"
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=targets, y_pred=self(inputs, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables))
        return {"loss": loss, "norm": tf.linalg.global_norm(gradients)}


inputs = keras.Input((2,))
own = OwnStep(inputs, layers.Dense(1, kernel_initializer="ones")(Pairs(3)(inputs)))
own.compile(keras.optimizers.SGD(0.01), custom_loss)
history = own.fit(x.numpy(), np.ones((2, 1), "float32"), epochs=2, verbose=0).history
print(sorted(history), [f"{loss:.3f}" for loss in history["loss"]], history["norm"][0] > 0)
print(own.evaluate(x.numpy(), np.ones((2, 1), "float32"), verbose=0, return_dict=True).keys())
