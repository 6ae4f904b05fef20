"""Training that goes on from the last checkpoint."""
import os
import tempfile

import numpy as np
import tensorflow as tf

folder = tempfile.mkdtemp()
x = np.linspace(0, 1, 32, dtype="float32")[:, None]
y = 5.0 * x + 1.0


def make():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, kernel_initializer="zeros")])
    model.build((None, 1))
    optimizer = tf.keras.optimizers.Adam(0.1)
    optimizer.build(model.trainable_variables)
    ckpt = tf.train.Checkpoint(step=tf.Variable(1), optimizer=optimizer, net=model)
    return model, optimizer, ckpt, tf.train.CheckpointManager(ckpt, folder, max_to_keep=3)


def train(steps):
    model, optimizer, ckpt, manager = make()
    ckpt.restore(manager.latest_checkpoint)
    print("Restored" if manager.latest_checkpoint else "Initializing from scratch.", int(ckpt.step))
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.abs(model(x) - y))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        ckpt.step.assign_add(1)
        if int(ckpt.step) % 10 == 0:
            print("Saved", os.path.basename(manager.save()), f"loss {loss.numpy():1.3f}")
    return loss


train(30)
train(20)
print(sorted(os.path.basename(path) for path in make()[3].checkpoints))
