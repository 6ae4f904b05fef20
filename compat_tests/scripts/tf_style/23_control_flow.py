"""tf.function, loops, TensorArray, map_fn, debugging."""
import tensorflow as tf


@tf.function
def collatz(x):
    steps = tf.constant(0)
    while x > 1:
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        steps += 1
    return steps


@tf.function
def dynamic_rnn(inputs):
    state = tf.zeros((2,))
    outputs = tf.TensorArray(tf.float32, size=0, dynamic_size=True)
    for i in tf.range(tf.shape(inputs)[0]):
        state = tf.tanh(inputs[i] + state)
        outputs = outputs.write(i, state)
    return outputs.stack()


print(collatz(tf.constant(27)).numpy())
print(dynamic_rnn(tf.ones((3, 2))).shape)
i, total = tf.while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, t + i), [tf.constant(0), tf.constant(0)])
print(int(i), int(total))
print(tf.map_fn(lambda row: tf.reduce_max(row), tf.constant([[1, 5], [7, 2]])).numpy())
print(tf.cond(tf.reduce_sum([1, 2]) > 2, lambda: "big", lambda: "small"))
print(tf.scan(lambda a, b: a + b, tf.range(5)).numpy())
try:
    tf.debugging.assert_positive(tf.constant([-1.0]), message="must be positive")
except tf.errors.InvalidArgumentError as error:
    print("must be positive" in str(error))
concrete = collatz.get_concrete_function(tf.TensorSpec([], tf.int32))
print(int(concrete(tf.constant(8))))
