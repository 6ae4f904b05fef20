"""Writes clahe.npz: what Keras on TensorFlow makes of images, tile by tile.

Run it with TensorFlow and Keras 3.15: KERAS_BACKEND=tensorflow python make.py
"""

from pathlib import Path

import keras
import numpy as np

CASES = {
    "usual": ((2, 16, 24, 3), {}),
    "odd": ((1, 15, 30, 1), {"tile_grid_size": (2, 4)}),
    "limit": ((1, 16, 16, 3), {"clip_limit": 40.5, "tile_grid_size": (2, 2)}),
    "units": ((1, 16, 16, 1), {"value_range": (0, 1), "tile_grid_size": (4, 2)}),
}


def main():
    generator = np.random.default_rng(0)
    found = {}
    for name, (shape, arguments) in CASES.items():
        high = arguments.get("value_range", (0, 255))[1]
        images = generator.uniform(0, high, shape).astype("float32")
        layer = keras.layers.ContrastLimitedAdaptiveHistogramEqualization(**arguments)
        found[f"{name}_images"] = images
        found[f"{name}_result"] = np.asarray(layer(images))
    np.savez_compressed(Path(__file__).with_name("clahe.npz"), **found)


if __name__ == "__main__":
    main()
