"""Find slope and intercept of a noisy line: one Dense unit and plain gradient descent.

Run: python -m torchkeras examples/linear_regression.py
"""

import os

import keras
import numpy as np

EPOCHS = int(os.environ.get("EPOCHS", 100))
SLOPE, INTERCEPT = 3.0, 2.0

rng = np.random.default_rng(0)
x = rng.uniform(-1.0, 1.0, size=(256, 1)).astype("float32")
y = SLOPE * x + INTERCEPT + rng.normal(scale=0.1, size=x.shape).astype("float32")

model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(units=1)])
model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1), loss="mse")

stop_when_flat = keras.callbacks.EarlyStopping(monitor="loss", min_delta=1e-5, patience=3)
history = model.fit(x, y, epochs=EPOCHS, verbose=0, callbacks=[stop_when_flat])
print(f"{len(history.history['loss'])} epochs, last loss {history.history['loss'][-1]:.4f}")

kernel, bias = model.layers[0].get_weights()
print(f"true line   y = {SLOPE:.2f} x + {INTERCEPT:.2f}")
print(f"found line  y = {kernel[0, 0]:.2f} x + {bias[0]:.2f}")
print("prediction at x = 0.5:", model.predict(np.array([[0.5]]), verbose=0)[0, 0])
