"""A layer with tf initializers, tf functions and get_config, under fit."""
import numpy as np
import tensorflow as tf
from tensorflow.keras import layers


class Linear(layers.Layer):
    def __init__(self, units=32, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        w_init = tf.random_normal_initializer(seed=0)
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer=w_init)
        self.b = self.add_weight(shape=(self.units,), initializer=tf.zeros_initializer())

    def call(self, inputs):
        return tf.matmul(inputs, self.w) + self.b

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def my_loss(y_true, y_pred):
    return tf.reduce_mean(tf.square(y_true - y_pred), axis=-1)


def my_metric(y_true, y_pred):
    return tf.reduce_max(tf.abs(y_true - y_pred))


tf.random.set_seed(0)
model = tf.keras.Sequential([Linear(8), layers.Activation(tf.nn.relu), Linear(1)])
x = np.random.default_rng(0).normal(size=(128, 3)).astype("float32")
y = x.sum(1, keepdims=True)
model.compile(optimizer=tf.keras.optimizers.Adam(0.02), loss=my_loss, metrics=[my_metric])
history = model.fit(x, y, epochs=10, verbose=0)
print(len(model.trainable_weights), history.history["loss"][-1] < 0.2 * history.history["loss"][0])
print(sorted(history.history), Linear.from_config(model.layers[0].get_config()).units)
print(float(abs(model.layers[0].b.numpy()).sum()) > 0)
