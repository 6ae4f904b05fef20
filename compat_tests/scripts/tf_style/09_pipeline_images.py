"""Files to images to batches."""
import os
import tempfile

import numpy as np
import tensorflow as tf

folder = tempfile.mkdtemp()
for number in range(6):
    name = "cat" if number % 2 else "dog"
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    pixels = np.full((10, 12, 3), number * 40, "uint8")
    tf.io.write_file(os.path.join(folder, name, f"{number}.png"), tf.io.encode_png(pixels))

AUTOTUNE = tf.data.AUTOTUNE
class_names = np.array(["cat", "dog"])
list_ds = tf.data.Dataset.list_files(os.path.join(folder, "*/*.png"), shuffle=False)


def get_label(file_path):
    parts = tf.strings.split(file_path, os.path.sep)
    return tf.argmax(parts[-2] == class_names)


def decode_img(img):
    img = tf.io.decode_png(img, channels=3)
    img = tf.image.convert_image_dtype(img, tf.float32)
    return tf.image.resize(img, [8, 8])


def process_path(file_path):
    return decode_img(tf.io.read_file(file_path)), get_label(file_path)


ds = list_ds.map(process_path, num_parallel_calls=AUTOTUNE).cache().batch(4).prefetch(AUTOTUNE)
print(len(ds), ds.element_spec)
for images, labels in ds:
    print(images.shape, labels.numpy().tolist(), round(float(tf.reduce_mean(images)), 4))
augmented = ds.map(lambda x, y: (tf.image.flip_left_right(x), y)).unbatch()
print(sum(1 for _ in augmented))
