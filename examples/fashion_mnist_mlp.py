"""Tell ten kinds of clothing apart: Fashion-MNIST, 70,000 images of 28x28 grey pixels.

Run: python -m torchkeras examples/fashion_mnist_mlp.py [--data fashion_mnist.npz] [--epochs 10]

Without --data the images come from keras.datasets, which downloads them once. With --data they
are read from a NumPy file that holds x_train, y_train, x_test and y_test, as keras.datasets
gives them.
"""

import argparse
import os
import sys

import keras
import numpy as np
from keras import layers

HOW_TO_GET_IT = """\
Fashion-MNIST could not be loaded: {reason}

Save the arrays x_train (60000, 28, 28), y_train (60000,), x_test (10000, 28, 28) and y_test
(10000,) with numpy.savez("fashion_mnist.npz", x_train=..., ...) and run this script again with
--data fashion_mnist.npz. The images are free to use; their home is
https://github.com/zalandoresearch/fashion-mnist (torchvision.datasets.FashionMNIST reads them)."""

CLASSES = ["T-shirt", "trousers", "pullover", "dress", "coat"]
CLASSES += ["sandal", "shirt", "sneaker", "bag", "ankle boot"]


def load_data(path):
    """(x_train, y_train), (x_test, y_test) from a NumPy file or from keras.datasets."""
    if path:
        with np.load(path) as data:
            return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
    try:
        return keras.datasets.fashion_mnist.load_data()
    except Exception as error:  # no such module in this version, no network, no such host
        sys.exit(HOW_TO_GET_IT.format(reason=error))


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="NumPy file with x_train, y_train, x_test, y_test")
parser.add_argument("--epochs", type=int, default=int(os.environ.get("EPOCHS", 10)))
arguments = parser.parse_args()

(x_train, y_train), (x_test, y_test) = load_data(arguments.data)
x_train, x_test = x_train / 255.0, x_test / 255.0

model = keras.Sequential(
    [
        keras.Input(shape=(28, 28)),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(10, activation="softmax"),
    ]
)
model.compile(
    optimizer=keras.optimizers.Adam(),
    loss=keras.losses.SparseCategoricalCrossentropy(),
    metrics=["accuracy"],
)
model.summary()

history = model.fit(x_train, y_train, epochs=arguments.epochs, validation_split=0.2)
print("Validation accuracy by epoch:", np.round(history.history["val_accuracy"], 4))

chances = model.predict(x_test[:5])
for row, label in zip(chances, y_test[:5]):
    print(f"{CLASSES[label]:>10} taken for {CLASSES[row.argmax()]} ({row.max():.0%})")

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test accuracy: {accuracy:.4f}")
