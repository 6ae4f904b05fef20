"""Variables: assign, slices, counters."""
import tensorflow as tf

v = tf.Variable(initial_value=tf.zeros(shape=(3, 1)))
v.assign(tf.ones((3, 1)))
v[0, 0].assign(3.0)
v.assign_add(tf.ones((3, 1)))
print(v.numpy().ravel().tolist())
step = tf.Variable(0, dtype=tf.int64, trainable=False)
for _ in range(5):
    step.assign_add(1)
print(int(step), step.trainable, v.shape)
print(tf.reduce_sum(v).numpy(), (v * 2.0)[1].numpy().tolist())
print(tf.Variable([1, 2, 3]).numpy())
