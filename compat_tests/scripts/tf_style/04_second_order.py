"""Gradients of gradients, persistent tapes and watched constants."""
import tensorflow as tf

time = tf.Variable(0.0)
with tf.GradientTape() as outer_tape:
    with tf.GradientTape() as inner_tape:
        position = 4.9 * time**2
    speed = inner_tape.gradient(position, time)
acceleration = outer_tape.gradient(speed, time)
print(acceleration.numpy())

x = tf.constant(3.0)
with tf.GradientTape(persistent=True) as tape:
    tape.watch(x)
    y = x * x
    z = y * y
print(tape.gradient(z, x).numpy(), tape.gradient(y, x).numpy(), tape.gradient(z, y).numpy())
del tape
with tf.GradientTape() as tape:
    tape.watch(x)
    vector = tf.stack([x, x**2, x**3])
print(tape.jacobian(vector, x).numpy().tolist())
with tf.GradientTape() as tape:
    result = tf.constant(2.0) * 3.0
print(tape.gradient(result, x))
