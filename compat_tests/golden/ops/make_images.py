"""Makes `images.npz`: what Keras's image ops give on TensorFlow.

    KERAS_BACKEND=tensorflow python compat_tests/golden/ops/make_images.py

Written with Keras 3.15.1 and TensorFlow 2.21. An entry is named by the op and its arguments as
JSON; the tests read both from the name, and find the input image under "image".
"""

import json
from pathlib import Path

import keras
import numpy as np

RNG = np.random.default_rng(3)
IMAGE = (RNG.random((2, 6, 5, 3)) * 250).astype("float32")
AFFINE = [[1.1, 0.2, -1.53, -0.1, 0.9, 1.27, 0, 0], [0.8, 0.1, 1, 0.3, 1.2, 0.03, 0.01, 0.02]]
START = [[0.2, 0.1], [4, 1], [0, 5], [3.5, 4]]
END = [[1.0, 0.0], [3, 1], [0, 5], [4, 5]]
# TensorFlow knows no "mirror", and its "wrap" leaves out a pixel.
FILLS = ("constant", "nearest", "reflect")
INTERPOLATIONS = ("nearest", "bilinear")


def resizes():
    for method in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"):
        for antialias in (False, True):
            for size in ((4, 3), (9, 8), (4, 8)):
                yield "resize", 1, {"size": size, "interpolation": method, "antialias": antialias}
    for ratio in ("crop_to_aspect_ratio", "pad_to_aspect_ratio"):
        for size in ((4, 8), (7, 2)):
            yield "resize", 1, {"size": size, ratio: True}
    for method in ("linear", "cubic", "lanczos3", "lanczos5"):
        for antialias in (False, True):
            yield (
                "scale_and_translate",
                1,
                {
                    "output_shape": (2, 7, 4, 3),
                    "scale": (0.6, 1.3),
                    "translation": (0.7, -1.2),
                    "spatial_dims": (1, 2),
                    "method": method,
                    "antialias": antialias,
                },
            )


def others():
    for fill in FILLS:
        for method in INTERPOLATIONS:
            options = {"interpolation": method, "fill_mode": fill, "fill_value": 7}
            yield "affine_transform", 1, {"transform": AFFINE, **options}
    for method in INTERPOLATIONS:
        points = {"start_points": START, "end_points": END}
        yield "perspective_transform", 1, {**points, "interpolation": method, "fill_value": 7}
    for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb"):
        yield name, 1 / 250, {}
    yield "extract_patches", 1, {"size": (3, 2), "strides": (2, 1), "padding": "same"}
    yield (
        "pad_images",
        1,
        {"top_padding": 1, "left_padding": 2, "target_height": 9, "target_width": 8},
    )
    yield (
        "crop_images",
        1,
        {"top_cropping": 1, "left_cropping": 2, "target_height": 3, "target_width": 2},
    )


def main():
    assert keras.backend.backend() == "tensorflow"
    results = {"image": IMAGE}
    # The op, the scale of the image, arguments.
    for name, scale, arguments in [*resizes(), *others()]:
        image = IMAGE * np.float32(scale)
        arguments = json.loads(json.dumps(arguments))
        key = json.dumps([name, scale, arguments])
        for part in ("size", "output_shape", "spatial_dims"):
            if isinstance(arguments.get(part), list):
                arguments[part] = tuple(arguments[part])
        for part in ("transform", "start_points", "end_points", "scale", "translation"):
            if part in arguments:
                arguments[part] = np.array(arguments[part], "float32")
        result = keras.ops.convert_to_numpy(getattr(keras.ops.image, name)(image, **arguments))
        results[key] = result
    np.savez_compressed(Path(__file__).parent / "images.npz", **results)


if __name__ == "__main__":
    main()
