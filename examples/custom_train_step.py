"""Write your own train_step(): fit() keeps its callbacks, progress bar and data handling.

This step trains on inputs that are blended two by two, and the labels with them ("mixup"), which
makes a network less sure of itself between the classes. It is plain PyTorch: autograd fills the
gradients, the Keras optimizer applies them.
Run: python -m torchkeras examples/custom_train_step.py
"""

import os

import keras
import numpy as np
import torch
from keras import layers

EPOCHS = int(os.environ.get("EPOCHS", 20))


class MixupModel(keras.Model):
    """A classifier that trains on blends of two samples each."""

    def train_step(self, data):
        x, y = data
        share = torch.rand(len(x), 1, device=x.device)
        other = torch.randperm(len(x), device=x.device)
        x = share * x + (1 - share) * x[other]
        y = share * y + (1 - share) * y[other]

        self.zero_grad()
        y_pred = self(x, training=True)
        loss = self.compute_loss(x=x, y=y, y_pred=y_pred)
        loss.backward()
        gradients = [weight.value.grad for weight in self.trainable_weights]
        with torch.no_grad():
            self.optimizer.apply(gradients, self.trainable_weights)

        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


# Three clouds of points, with one-hot labels.
rng = np.random.default_rng(0)
classes = rng.integers(0, 3, size=900)
centers = np.array([[0.0, 2.0], [2.0, -1.0], [-2.0, -1.0]])
points = (centers[classes] + rng.normal(scale=0.7, size=(900, 2))).astype("float32")
labels = np.eye(3, dtype="float32")[classes]

inputs = keras.Input(shape=(2,))
hidden = layers.Dense(32, activation="relu")(inputs)
outputs = layers.Dense(3, activation="softmax")(hidden)
model = MixupModel(inputs, outputs)

model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.01),
    loss="categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(points[:700], labels[:700], epochs=EPOCHS, batch_size=50, verbose=2)

loss, accuracy = model.evaluate(points[700:], labels[700:], verbose=0)
print(f"Test accuracy: {accuracy:.3f}")
