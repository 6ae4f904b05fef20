"""A linear classifier trained by hand."""
import numpy as np
import tensorflow as tf

num_samples_per_class = 200
rng = np.random.default_rng(0)
cov = [[1, 0.5], [0.5, 1]]
negative_samples = rng.multivariate_normal(mean=[0, 3], cov=cov, size=num_samples_per_class)
positive_samples = rng.multivariate_normal(mean=[3, 0], cov=cov, size=num_samples_per_class)
inputs = np.vstack((negative_samples, positive_samples)).astype(np.float32)
targets = np.vstack((np.zeros((num_samples_per_class, 1), dtype="float32"),
                     np.ones((num_samples_per_class, 1), dtype="float32")))

W = tf.Variable(initial_value=tf.fill((2, 1), 0.5))
b = tf.Variable(initial_value=tf.zeros(shape=(1,)))


def model(inputs):
    return tf.matmul(inputs, W) + b


def square_loss(targets, predictions):
    per_sample_losses = tf.square(targets - predictions)
    return tf.reduce_mean(per_sample_losses)


def training_step(inputs, targets):
    with tf.GradientTape() as tape:
        predictions = model(inputs)
        loss = square_loss(targets, predictions)
    grad_loss_wrt_W, grad_loss_wrt_b = tape.gradient(loss, [W, b])
    W.assign_sub(grad_loss_wrt_W * 0.1)
    b.assign_sub(grad_loss_wrt_b * 0.1)
    return loss


for step in range(40):
    loss = training_step(inputs, targets)
    if step % 10 == 9:
        print(f"Loss at step {step}: {loss:.4f}")
predictions = model(inputs)
x = np.linspace(-1, 4, 5)
y = -W[0] / W[1] * x + (0.5 - b) / W[1]
print(np.round(np.array(y), 3).tolist())
print("accuracy", float(np.mean((predictions[:, 0] > 0.5) == (targets[:, 0] > 0.5))) > 0.9)
