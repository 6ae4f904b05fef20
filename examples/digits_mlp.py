"""Read handwritten digits with two Dense layers.

The data are the 1,797 images of 8x8 grey pixels that come with scikit-learn: no download.
Run: python -m torchkeras examples/digits_mlp.py
"""

import os

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

EPOCHS = int(os.environ.get("EPOCHS", 20))

# 64 grey values from 0 to 16 per image, and the digit it shows.
images, digits = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(
    images.astype("float32") / 16.0, digits, test_size=0.2, stratify=digits, random_state=1
)

model = keras.Sequential(
    [
        keras.Input(shape=(64,)),
        layers.Dense(256, activation="relu"),
        layers.Dropout(0.2),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ]
)
model.summary()

model.compile(
    optimizer="adam",
    loss="sparse_categorical_crossentropy",
    metrics=["accuracy"],
)
model.fit(x_train, y_train, batch_size=32, epochs=EPOCHS, validation_split=0.1)

predicted = model.predict(x_test[:10], verbose=0).argmax(axis=1)
print("digits   ", *y_test[:10])
print("predicted", *predicted)

loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
print(f"Test loss: {loss:.4f}")
print(f"Test accuracy: {accuracy:.4f}")
