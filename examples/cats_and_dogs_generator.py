"""Tell cats from dogs in folders of pictures, with the changes of ImageDataGenerator.

The script draws the pictures itself: round heads with pointed ears (cats) or hanging ones (dogs),
in all colours. Run: python -m torchkeras examples/cats_and_dogs_generator.py
"""

import os
import random
import tempfile
from pathlib import Path

from keras import Sequential
from keras.layers import Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.preprocessing.image import ImageDataGenerator, img_to_array, load_img
from PIL import Image, ImageDraw

EPOCHS = int(os.environ.get("EPOCHS", 8))
PICTURES = 160  # of each kind
SIZE = 48


def draw(kind, generator):
    """A picture of a cat's or a dog's head."""
    colours = [tuple(generator.randint(0, 255) for _ in range(3)) for _ in range(2)]
    picture = Image.new("RGB", (SIZE, SIZE), colours[0])
    pen = ImageDraw.Draw(picture)
    x, y, r = generator.randint(18, 30), generator.randint(22, 30), generator.randint(9, 13)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=colours[1], outline="black")
    for side in (-1, 1):
        ear = x + side * r * 0.7
        if kind == "cats":
            pen.polygon(
                [(ear - 5, y - r * 0.6), (ear + 5, y - r * 0.6), (ear + side * 2, y - r * 1.7)],
                fill=colours[1],
                outline="black",
            )
        else:
            ear += side * r * 0.5
            pen.ellipse((ear - 4, y - r, ear + 4, y + r * 0.9), fill=colours[1], outline="black")
        pen.ellipse((x + side * 4 - 1, y - 3, x + side * 4 + 1, y - 1), fill="black")
    return picture


def draw_all(folder):
    """Folders train and validation, each with a folder for cats and one for dogs."""
    generator = random.Random(1)
    for kind in ("cats", "dogs"):
        for number in range(PICTURES):
            part = "validation" if number < PICTURES // 4 else "train"
            path = Path(folder, part, kind, f"{number}.jpg")
            path.parent.mkdir(parents=True, exist_ok=True)
            draw(kind, generator).save(path)


with tempfile.TemporaryDirectory() as folder:
    draw_all(folder)

    # Training pictures are changed at random each time, pictures for validation never.
    train_datagen = ImageDataGenerator(
        rescale=1.0 / 255,
        rotation_range=15,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=5,
        zoom_range=0.1,
        horizontal_flip=True,
        fill_mode="nearest",
    )
    test_datagen = ImageDataGenerator(rescale=1.0 / 255)
    train_generator = train_datagen.flow_from_directory(
        os.path.join(folder, "train"),
        target_size=(SIZE, SIZE),
        batch_size=20,
        class_mode="binary",
    )
    validation_generator = test_datagen.flow_from_directory(
        os.path.join(folder, "validation"),
        target_size=(SIZE, SIZE),
        batch_size=20,
        class_mode="binary",
        shuffle=False,
    )
    print("Classes:", train_generator.class_indices)

    model = Sequential(
        [
            Conv2D(16, 3, activation="relu", input_shape=(SIZE, SIZE, 3)),
            MaxPooling2D(),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
            Dropout(0.3),
            Dense(64, activation="relu"),
            Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer="adam", loss="binary_crossentropy", metrics=["accuracy"])
    history = model.fit(
        train_generator,
        steps_per_epoch=train_generator.samples // train_generator.batch_size,
        epochs=EPOCHS,
        validation_data=validation_generator,
    )

    # One picture by hand, as one does for a picture of one's own.
    path = validation_generator.filepaths[-1]
    picture = img_to_array(load_img(path, target_size=(SIZE, SIZE)))[None] / 255
    chance = float(model.predict(picture, verbose=0)[0, 0])
    print(f"{validation_generator.filenames[-1]} is a dog with a chance of {chance:.0%}")
    print(f"Validation accuracy: {history.history['val_accuracy'][-1]:.4f}")
