"""Writes boxes.npz: the frames that real Keras draws on images.

Run it with Keras 3.15 and OpenCV: python make_boxes.py
"""

from pathlib import Path

import keras
import numpy as np

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 24, 30, 3)).astype("uint8")
BOXES = np.array(
    [
        [[3, 4, 20, 15], [10.7, 2.2, 40, 21.9], [5, 5, 5, 9], [1, 1, 2, 2]],
        [[25, 20, 8, 6], [0, 0, 29, 23], [-6, 10, 12, 50], [4, 4, 9, 9]],
    ],
    "float32",
)
LABELS = np.array([[0, 1, 2, -1], [1, 0, 3, -1]], "int32")
THICKNESS = (1, 2, 3, 4, 5, 8, -1)


def main():
    found = {}
    for thickness in THICKNESS:
        drawn = keras.visualization.draw_bounding_boxes(
            IMAGES.copy(),
            {"boxes": BOXES.copy(), "labels": LABELS},
            "xyxy",
            color=(10, 200, 90),
            line_thickness=thickness,
        )
        found[f"thickness_{thickness}"] = drawn
    np.savez_compressed(Path(__file__).with_name("boxes.npz"), **found)


if __name__ == "__main__":
    main()
