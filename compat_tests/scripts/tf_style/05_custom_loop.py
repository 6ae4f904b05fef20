"""A custom training loop with tf.function, metrics and a validation pass."""
import numpy as np
import tensorflow as tf
from tensorflow import keras

tf.random.set_seed(0)
rng = np.random.default_rng(0)
x = rng.normal(size=(400, 8)).astype("float32")
y = (x[:, :4].sum(1) > 0).astype("int32")
train = tf.data.Dataset.from_tensor_slices((x[:320], y[:320])).shuffle(320).batch(32)
val = tf.data.Dataset.from_tensor_slices((x[320:], y[320:])).batch(32)

inputs = keras.Input(shape=(8,), name="features")
outputs = keras.layers.Dense(2)(keras.layers.Dense(16, activation="relu")(inputs))
model = keras.Model(inputs=inputs, outputs=outputs)
optimizer = keras.optimizers.Adam(learning_rate=1e-2)
loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
train_acc = keras.metrics.SparseCategoricalAccuracy()
val_acc = keras.metrics.SparseCategoricalAccuracy()


@tf.function
def train_step(x, y):
    with tf.GradientTape() as tape:
        logits = model(x, training=True)
        loss_value = loss_fn(y, logits)
    grads = tape.gradient(loss_value, model.trainable_weights)
    optimizer.apply_gradients(zip(grads, model.trainable_weights))
    train_acc.update_state(y, logits)
    return loss_value


@tf.function
def test_step(x, y):
    val_acc.update_state(y, model(x, training=False))


losses = []
for epoch in range(5):
    for step, (x_batch, y_batch) in enumerate(train):
        loss_value = train_step(x_batch, y_batch)
    losses.append(float(loss_value))
    accuracy = train_acc.result()
    train_acc.reset_state()
for x_batch, y_batch in val:
    test_step(x_batch, y_batch)
print(losses[-1] < losses[0], float(accuracy) > 0.9, val_acc.result().numpy() > 0.85)
print(int(optimizer.iterations))
