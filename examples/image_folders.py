"""Sort pictures of shapes that lie in folders, with image_dataset_from_directory.

The script draws the pictures itself. Preprocessing layers inside the model change them while it is
trained. Run: python -m torchkeras examples/image_folders.py [--plot history.png]
"""

import argparse
import os
import random
import tempfile
from pathlib import Path

import keras
from keras import layers
from PIL import Image, ImageDraw

EPOCHS = int(os.environ.get("EPOCHS", 10))
SIZE = 40
SHAPES = ("circle", "square", "triangle")


def draw(shape, generator):
    """A filled shape somewhere on a ground of another colour."""
    ground, colour = (tuple(generator.randint(0, 255) for _ in range(3)) for _ in range(2))
    picture = Image.new("RGB", (SIZE, SIZE), ground)
    pen = ImageDraw.Draw(picture)
    x, y, r = generator.randint(14, 26), generator.randint(14, 26), generator.randint(8, 12)
    if shape == "circle":
        pen.ellipse((x - r, y - r, x + r, y + r), fill=colour, outline="white")
    elif shape == "square":
        pen.rectangle((x - r, y - r, x + r, y + r), fill=colour, outline="white")
    else:
        corners = [(x - r, y + r), (x + r, y + r), (x, y - r)]
        pen.polygon(corners, fill=colour, outline="white")
    return picture


def plot(history, path):
    """The course of the training as a picture, drawn with matplotlib."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3))
    for axis, name in zip(axes, ("loss", "accuracy")):
        axis.plot(history.epoch, history.history[name], label="training")
        axis.plot(history.epoch, history.history[f"val_{name}"], label="validation")
        axis.set(xlabel="epoch", ylabel=name)
        axis.legend()
    figure.savefig(path)
    print("Plotted in", path)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--plot", metavar="FILE", help="draw loss and accuracy (needs matplotlib)")
arguments = parser.parse_args()

with tempfile.TemporaryDirectory() as folder:
    generator = random.Random(2)
    for shape in SHAPES:
        Path(folder, shape).mkdir()
        for number in range(120):
            draw(shape, generator).save(Path(folder, shape, f"{number}.png"))

    train, validation = keras.utils.image_dataset_from_directory(
        folder,
        label_mode="int",
        image_size=(SIZE, SIZE),
        batch_size=32,
        validation_split=0.25,
        subset="both",
        seed=3,
    )
    names = train.class_names
    print("Classes:", names)
    # The files are read once; after that they come from memory.
    train, validation = train.cache().prefetch(2), validation.cache()

    model = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(len(names), activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(train, validation_data=validation, epochs=EPOCHS)
    images, labels = next(iter(validation))
    predicted = model.predict(images[:5], verbose=0).argmax(axis=1)
    for label, guess in zip(labels[:5], predicted):
        print(f"{names[int(label)]:>8} taken for a {names[guess]}")

print(f"Validation accuracy: {history.history['val_accuracy'][-1]:.4f}")
if arguments.plot:
    plot(history, arguments.plot)
