"""Writes goldens.npz: batches of tf_keras's ImageDataGenerator for the cases below.

    python make_goldens.py        (needs tensorflow, tf_keras, scipy, Pillow)

Made with tf_keras 2.21. Two of its deviations from its own documentation are undone here, as the
class under test follows the documentation: `tx` and `ty` change places, because its code moves
`width_shift_range` along the height. All images are squares, for it swaps height and width in the
centre of others. Values are stored in float16, whose steps are an eighth at 255.
"""

from pathlib import Path

import numpy as np

GOLDENS = Path(__file__).with_name("goldens.npz")
SEED = 7

STATISTICS = {"zca_whitening": True, "zca_epsilon": 1e-2}
GEOMETRY = {
    "rotation_range": 40,
    "width_shift_range": 0.2,
    "height_shift_range": 0.2,
    "shear_range": 15,
    "zoom_range": 0.3,
    "horizontal_flip": True,
}

# Each option alone, and three combinations.
OPTIONS = {
    "nothing": {},
    "featurewise_center": {"featurewise_center": True},
    "samplewise_center": {"samplewise_center": True},
    "featurewise_std": {"featurewise_center": True, "featurewise_std_normalization": True},
    "samplewise_std": {"samplewise_center": True, "samplewise_std_normalization": True},
    "zca_whitening": {"featurewise_center": True, **STATISTICS},
    "rotation_range": {"rotation_range": 90},
    "width_shift_share": {"width_shift_range": 0.4},
    "width_shift_pixels": {"width_shift_range": 3.5},
    "width_shift_whole": {"width_shift_range": 4},
    "width_shift_list": {"width_shift_range": [-3, 0, 5]},
    "height_shift_share": {"height_shift_range": 0.4},
    "height_shift_whole": {"height_shift_range": 4},
    "height_shift_list": {"height_shift_range": [0.1, 0.25]},
    "brightness_range": {"brightness_range": (0.4, 1.7)},
    "brightness_dark": {"brightness_range": [-0.2, 0.2]},
    "shear_range": {"shear_range": 30},
    "zoom_range": {"zoom_range": 0.5},
    "zoom_pair": {"zoom_range": (0.6, 0.9)},
    "channel_shift_range": {"channel_shift_range": 60.0},
    "fill_constant": {**GEOMETRY, "fill_mode": "constant", "cval": 90.0},
    "fill_reflect": {**GEOMETRY, "fill_mode": "reflect"},
    "fill_wrap": {**GEOMETRY, "fill_mode": "wrap"},
    "fill_nearest": {**GEOMETRY, "fill_mode": "nearest"},
    "horizontal_flip": {"horizontal_flip": True},
    "vertical_flip": {"vertical_flip": True},
    "rescale": {"rescale": 1 / 255},
    "preprocessing_function": {"preprocessing_function": lambda x: 255 - x},
    "random_function": {
        "preprocessing_function": lambda x: x + np.random.uniform(0, 50),
        "rotation_range": 30,
    },
    "order_0": {"rotation_range": 50, "zoom_range": 0.2, "interpolation_order": 0},
    "order_3": {"rotation_range": 50, "interpolation_order": 3},
    "channels_first": {"data_format": "channels_first", "rotation_range": 30, "zoom_range": 0.2},
    "float64": {"dtype": "float64", "rotation_range": 30},
    "uint8": {"dtype": "uint8", "rotation_range": 30, "horizontal_flip": True},
    "classifier": {**GEOMETRY, "rescale": 1 / 255, "brightness_range": (0.5, 1.5)},
    "standardized": {
        **GEOMETRY,
        "fill_mode": "reflect",
        "featurewise_center": True,
        "featurewise_std_normalization": True,
        "vertical_flip": True,
    },
    "colourful": {
        "rotation_range": 180,
        "fill_mode": "wrap",
        "channel_shift_range": 40.0,
        "brightness_range": (0.7, 1.3),
        "samplewise_center": True,
        "samplewise_std_normalization": True,
        "preprocessing_function": lambda x: x * 0.5,
    },
}

# (size, channels, dtype of the images)
IMAGES = [(10, 3, "uint8"), (9, 1, "float32"), (9, 4, "uint8"), (10, 1, "uint8"), (9, 3, "float32")]
# All options see the first two kinds; these see all.
THOROUGH = ("rotation_range", "brightness_range", "classifier", "standardized", "colourful")


def cases():
    """(name, options, size, channels, dtype)"""
    for name, options in OPTIONS.items():
        for kind in IMAGES if name in THOROUGH else IMAGES[:2]:
            yield f"{name}-{kind[0]}x{kind[1]}-{kind[2]}", options, *kind


def images(options, size, channels, dtype):
    """Twelve images from 0 to 255, as the options have their channels."""
    x = np.random.RandomState(size).uniform(0, 255, (12, size, size, channels))
    x = x.round() if dtype == "uint8" else x
    x = x.transpose(0, 3, 1, 2) if options.get("data_format") == "channels_first" else x
    return x.astype(dtype)


def batches(generator, options, x):
    """The first two batches of four that a generator makes, one behind the other."""
    if options.get("featurewise_center"):
        generator.fit(x)
    flow = generator.flow(x, batch_size=4, seed=SEED)
    return np.concatenate([next(flow), next(flow)])


def main():
    from tf_keras.preprocessing.image import ImageDataGenerator

    class Documented(ImageDataGenerator):
        def get_random_transform(self, img_shape, seed=None):
            found = super().get_random_transform(img_shape, seed)
            found["tx"], found["ty"] = found["ty"], found["tx"]
            return found

    goldens = {}
    for name, options, *kind in cases():
        made = batches(Documented(**options), options, images(options, *kind))
        goldens[name] = made.astype("float16")
    np.savez_compressed(GOLDENS, **goldens)
    print(f"{len(goldens)} cases, {GOLDENS.stat().st_size} bytes")


if __name__ == "__main__":
    main()
