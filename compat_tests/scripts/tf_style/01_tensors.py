"""Constants, operators, shapes and NumPy."""
import numpy as np
import tensorflow as tf

x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
print(x)
print(x.shape, x.shape.as_list(), x.dtype == tf.float32, x.ndim)
print(tf.reduce_sum(x * 2 + 1, axis=1).numpy())
try:
    x[0, 0] = 0.0
except TypeError:
    print("immutable")
print(np.mean(x), (x @ x).numpy().tolist())
print(tf.cast(tf.range(4), tf.float32) / 3)
print(f"{tf.reduce_mean(x):.3f}", int(tf.size(x)), tf.rank(x).numpy())
names = tf.constant(["one", "two"])
print(names, [name.numpy().decode() for name in names])
