"""Write your own layer: weights in build(), the computation in call(), an option in the config.

Run: python -m torchkeras examples/custom_layer.py
"""

import os

import keras
import numpy as np
from keras import layers, ops

EPOCHS = int(os.environ.get("EPOCHS", 20))


class RadialBasis(layers.Layer):
    """Closeness of the input to learned points: exp(-width * distance**2) for each of them."""

    def __init__(self, units, width=1.0, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.width = width

    def build(self, input_shape):
        self.centers = self.add_weight(
            name="centers",
            shape=(self.units, input_shape[-1]),
            initializer="random_normal",
            trainable=True,
        )

    def call(self, inputs):
        offsets = ops.expand_dims(inputs, axis=1) - self.centers  # (batch, units, features)
        return ops.exp(-self.width * ops.sum(ops.square(offsets), axis=-1))

    def get_config(self):
        return {**super().get_config(), "units": self.units, "width": self.width}


# Two classes that no line separates: a disc and the ring around it.
rng = np.random.default_rng(0)
angle = rng.uniform(0, 2 * np.pi, size=600)
label = np.arange(600) % 2
radius = label + rng.normal(scale=0.15, size=600) + 0.5
points = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype("float32")

model = keras.Sequential(
    [keras.Input(shape=(2,)), RadialBasis(16, width=0.5), layers.Dense(1, activation="sigmoid")]
)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=0.05),
    loss="binary_crossentropy",
    metrics=["accuracy"],
)
model.fit(points[:500], label[:500], epochs=EPOCHS, verbose=2)

layer = model.layers[0]
print("Weights:", [(weight.name, tuple(weight.shape)) for weight in layer.weights])
print("A copy from the config has", RadialBasis.from_config(layer.get_config()).units, "units")
loss, accuracy = model.evaluate(points[500:], label[500:], verbose=0)
print(f"Test accuracy: {accuracy:.3f}")
