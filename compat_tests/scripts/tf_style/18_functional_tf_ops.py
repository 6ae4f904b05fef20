"""tf functions on symbolic tensors."""
import numpy as np
import tensorflow as tf

inputs = tf.keras.Input(shape=(4, 3))
x = tf.reduce_mean(inputs, axis=1)
x = tf.concat([x, tf.nn.softmax(x)], axis=-1)
x = tf.keras.layers.Dense(2, kernel_initializer="ones")(x)
outputs = tf.where(x > 0, x, tf.zeros_like(x)) * tf.constant([1.0, 2.0])
model = tf.keras.Model(inputs, outputs)
data = np.ones((2, 4, 3), "float32")
print(model.output_shape, model(data).numpy().tolist())
print(model.predict(data, verbose=0).tolist())
lam = tf.keras.layers.Lambda(lambda t: tf.image.resize(t, (4, 4)))
print(lam(tf.zeros((1, 2, 2, 3))).shape)
