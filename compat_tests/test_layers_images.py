"""Image layers against real Keras: with the same seed, and with what Keras drew; boxes, masks and
labels along with the images."""

import itertools
import json
import warnings
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.cases.layers_images import CASES, GEOMETRY, MIXTURES, SIZES, ImageCase
from torchkeras import layers

GOLDEN = Path(__file__).parent / "golden" / "images"
FORMATS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_yxyx",
    "rel_xywh",
    "rel_center_xywh",
)
SHAPES = [(4, 7, 10, 3), (9, 6, 3)]
FORMATS_OF_DATA = ("channels_last", "channels_first")
# Values go up to 255.
CLOSE = {"rtol": 1e-5, "atol": 2.5e-3}
HALF = {"float16": 1.0, "mixed_bfloat16": 8.0}

all_cases = pytest.mark.parametrize("case", CASES, ids=str)
compared = pytest.mark.parametrize("case", [c for c in CASES if c.keras != "nothing"], ids=str)
# The first row of each layer.
FIRST = list({c.name: c for c in reversed(CASES)}.values())
first_rows = pytest.mark.parametrize("case", FIRST, ids=str)
random_cases = pytest.mark.parametrize("case", [c for c in CASES if c.seeded], ids=str)
boxed = pytest.mark.parametrize("case", [c for c in CASES if c.boxes], ids=str)
both_data_formats = pytest.mark.parametrize("data_format", FORMATS_OF_DATA)


def made(case, library, **more):
    seed = {"seed": 11} if case.seeded else {}
    return getattr(library.layers, case.name)(**{**seed, **case.config, **more})


def images_of(shape, data_format="channels_last", dtype="float32", seed=0):
    array = np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)
    return np.moveaxis(array, -1, -3) if data_format == "channels_first" else array


def data_of(batch=4, height=7, width=10, boxes="xyxy", data_format="channels_last"):
    """A dict of images and all that belongs to them; boxes within the images."""
    generator = np.random.default_rng(1)
    corners = generator.uniform(0, 0.5, (batch, 3, 2)) * (width, height)
    sizes = generator.uniform(0.2, 0.5, (batch, 3, 2)) * (width, height)
    corners = np.concatenate([corners, corners + sizes], -1).astype("float32")
    masks = generator.integers(0, 5, (batch, height, width, 1)).astype("int32")
    if data_format == "channels_first":
        masks = np.moveaxis(masks, -1, -3)
    data = {
        "images": images_of((batch, height, width, 3), data_format),
        "labels": np.eye(6, dtype="float32")[generator.integers(0, 6, batch)],
        "segmentation_masks": masks,
    }
    if boxes:
        converted = torchkeras.utils.bounding_boxes.convert_format(
            corners, "xyxy", boxes, height, width
        )
        labels = generator.integers(0, 9, (batch, 3)).astype("int32")
        data["bounding_boxes"] = {"boxes": converted.numpy(), "labels": labels}
    return data


def tensors(structure):
    return keras.tree.map_structure(torch.tensor, structure)


def same(ours, theirs, **tolerance):
    ours, theirs = torch.as_tensor(ours), torch.as_tensor(theirs)
    torch.testing.assert_close(ours, theirs, **(tolerance or CLOSE))


def copied(drawn):
    """Real Keras changes some of what it drew when it uses it."""
    return keras.tree.map_structure(
        lambda x: x.clone() if isinstance(x, torch.Tensor) else x, drawn
    )


def quietly(function, *args, **kwargs):
    """Real Keras warns of what it does itself."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


# ---------------------------------------------------------------- the same seed, the same images


@both_data_formats
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@compared
def test_same_seed_gives_the_images_of_keras(case, shape, data_format):
    if case.keras == "channels_last" and data_format == "channels_first":
        pytest.skip("real Keras takes the wrong axes")
    images = images_of(shape, data_format)
    ours, theirs = (made(case, lib, data_format=data_format) for lib in (torchkeras, keras))
    for _ in range(2):
        same(ours(images.copy(), training=True), quietly(theirs, images.copy(), training=True))
    same(ours(images.copy(), training=False), theirs(images.copy(), training=False))


# Integers become the compute dtype in these, where real Keras keeps uint8 (and lets it overflow),
# takes float32 for it, or fails.
FLOATING = ("RandomBrightness", "RandomContrast", "RandomSaturation")


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@first_rows
def test_dtype(case, dtype):
    if case.keras == "nothing":
        pytest.skip("other draws")
    for policy, training in itertools.product(("float32", *HALF), (True, False)):
        check_dtype(case, images_of(SHAPES[0], dtype=dtype), policy, training)


def check_dtype(case, images, policy, training):
    ours = made(case, torchkeras, dtype=policy)
    result = ours(images.copy(), training=training)
    if training and case.name in FLOATING and images.dtype == np.uint8:
        floats = images.astype("float32")
        same(result, made(case, torchkeras, dtype=policy)(floats, training=True))
        return
    if case.name == "CutMix" and policy != "float32" and training:
        # Real Keras cannot draw in half precision.
        assert result.dtype is ours._torch_compute_dtype
        return
    expected = quietly(made(case, keras, dtype=policy), images.copy(), training=training)
    if case.name == "RandomCrop" and not training:
        expected = expected.to(result.dtype)
    assert result.dtype == expected.dtype
    if policy == "float32":
        same(result, expected)
    elif case.name != "RandomPerspective":
        # What one step of a half precision number in place or value makes of noise.
        difference = (result.double() - expected.double()).abs()
        assert difference.mean() < HALF[policy] / 8
        assert difference.quantile(0.97) <= HALF[policy]


@first_rows
def test_half_precision_is_near_full_precision(case):
    images = images_of((3, 12, 14, 3)) / 2 + 60
    full = made(case, torchkeras)
    half = made(case, torchkeras, dtype="float16")
    drawn = full.get_random_transformation(images)
    if drawn is None or not isinstance(drawn, dict) or "distortion_factor" in drawn:
        return
    expected = full.transform_images(torch.tensor(images), drawn)
    result = half.transform_images(torch.tensor(images).half(), drawn)
    difference = (result.double() - expected.double()).abs()
    assert difference.median() <= 1.0


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@all_cases
def test_nothing_happens_outside_of_training(case, shape):
    if case.name in ("Resizing", "CenterCrop", "AutoContrast") or "Equalization" in case.name:
        pytest.skip("not a matter of training")
    images = images_of(shape)
    layer = made(case, torchkeras)
    state = layer.get_weights()
    assert torch.equal(layer(images, training=False), torch.tensor(images))
    for before, after in zip(state, layer.get_weights(), strict=True):
        assert np.array_equal(before, after)
    data = data_of(boxes="xywh" if case.boxes else None)
    result = made(case, torchkeras, bounding_box_format="xywh")(data, training=False)
    if case.name == "MaxNumBoundingBoxes":
        del data["bounding_boxes"], result["bounding_boxes"]
    for mine, given in zip(keras.tree.flatten(result), keras.tree.flatten(data), strict=True):
        assert np.array_equal(mine.numpy(), given)


# ---------------------------------------------------------------- what Keras drew

# Parts that real Keras gets wrong: see `test_boxes_of_all_formats_are_the_same` and
# `test_boxes_and_masks_go_where_the_pixels_go`, which look at them.
WRONG_THERE = {
    "RandomCrop": ("bounding_boxes",),  # x moves by the distance of y
    "RandomRotation": ("segmentation_masks",),  # images leave another matrix behind for masks
    "RandomPerspective": ("segmentation_masks",),  # corners become integers with the masks
    "MixUp": ("bounding_boxes", "segmentation_masks"),  # labels and masks along the wrong axis
    "CutMix": ("segmentation_masks",),  # as many channels as the images have
    "RandomGrayscale": ("images", "labels", "segmentation_masks", "bounding_boxes"),  # no dicts
}


@both_data_formats
@pytest.mark.parametrize("single", [False, True])
@compared
def test_given_what_keras_drew_all_parts_are_those_of_keras(case, single, data_format):
    if case.keras == "channels_last" and data_format == "channels_first":
        pytest.skip("real Keras takes the wrong axes")
    boxes = "xyxy" if case.boxes else None
    data = data_of(boxes=boxes, data_format=data_format)
    if single:
        data = keras.tree.map_structure(lambda x: x[1], data)
    ours, theirs = (
        made(case, lib, data_format=data_format, bounding_box_format="xyxy")
        for lib in (torchkeras, keras)
    )
    wrong = WRONG_THERE.get(case.name, ())
    drawn = theirs.get_random_transformation(
        torch.tensor(data["images"]) if case.name == "RandomGrayscale" else tensors(data)
    )
    for key in data:
        if key in wrong and case.name != "RandomRotation":
            continue
        if key != "images" and "LimitedAdaptive" in case.name:
            continue
        if not single:
            name = f"transform_{key}"
        else:
            name = f"transform_single_{key[:-1] if key != 'bounding_boxes' else 'bounding_box'}"
        result = getattr(ours, name)(tensors(data[key]), copied(drawn))
        expected = quietly(getattr(theirs, name), tensors(data[key]), copied(drawn))
        for mine, other in zip(
            keras.tree.flatten(result), keras.tree.flatten(expected), strict=True
        ):
            # Keras has mixed weights of float32 in whatever dtype.
            same(mine.float(), other.float(), rtol=1e-5, atol=2.5e-3 if key == "images" else 1e-4)


@both_data_formats
@compared
def test_a_dict_gives_the_dict_of_keras(case, data_format):
    if case.keras == "channels_last" and data_format == "channels_first":
        pytest.skip("real Keras takes the wrong axes")
    wrong = WRONG_THERE.get(case.name, ())
    if "images" in wrong or "LimitedAdaptive" in case.name:
        pytest.skip("real Keras has no such thing")
    data = data_of(boxes="xyxy" if case.boxes else None, data_format=data_format)
    ours, theirs = (
        made(case, lib, data_format=data_format, bounding_box_format="xyxy")
        for lib in (torchkeras, keras)
    )
    given = keras.tree.map_structure(np.copy, data)
    result = ours(given)
    for mine, other in zip(keras.tree.flatten(given), keras.tree.flatten(data), strict=True):
        assert np.array_equal(mine, other)
    for key in wrong:
        del result[key], data[key]
    expected = quietly(theirs, keras.tree.map_structure(np.copy, data))
    keras.tree.assert_same_structure(result, expected)
    for mine, other in zip(keras.tree.flatten(result), keras.tree.flatten(expected), strict=True):
        same(mine.double(), other.double())


def test_clahe_is_that_of_keras_on_tensorflow():
    golden = np.load(GOLDEN / "clahe.npz")
    for name, arguments in (
        ("usual", {}),
        ("odd", {"tile_grid_size": (2, 4)}),
        ("limit", {"clip_limit": 40.5, "tile_grid_size": (2, 2)}),
        ("units", {"value_range": (0, 1), "tile_grid_size": (4, 2)}),
    ):
        layer = layers.ContrastLimitedAdaptiveHistogramEqualization(**arguments)
        same(layer(golden[f"{name}_images"]), golden[f"{name}_result"], rtol=1e-5, atol=1e-4)


def test_rand_augment_applies_what_it_drew_in_order():
    images = images_of((3, 9, 8, 3))
    ours = layers.RandAugment(num_ops=6, seed=5)
    theirs = keras.layers.RandAugment(num_ops=6, seed=5)
    drawn = theirs.get_random_transformation(images)
    own = ours.get_random_transformation(images)
    keras.tree.assert_same_structure(own, drawn)
    for mine, other in zip(keras.tree.flatten(own), keras.tree.flatten(drawn), strict=True):
        assert (mine is None and other is None) or torch.equal(
            torch.as_tensor(mine), torch.as_tensor(other)
        )
    expected = torch.tensor(images)
    names = list(drawn["transforms"])
    for index in drawn["layer_idxes"]:
        step = names[int(index)]
        layer = getattr(theirs, step)
        own_draw = copied(drawn["transforms"][step])
        expected = quietly(layer.transform_images, expected.clone(), own_draw)
    same(layers.RandAugment(num_ops=6, seed=5)(images, training=True), expected)
    same(ours.transform_images(torch.tensor(images), drawn), expected)


@pytest.mark.parametrize("all_ops", [True, False])
def test_aug_mix_is_that_of_keras_for_the_same_draws(all_ops):
    images = torch.tensor(images_of((3, 9, 8, 3)))
    arguments = {"all_ops": all_ops, "num_chains": 4, "chain_depth": 4, "factor": (0.2, 0.6)}
    ours, theirs = (lib.layers.AugMix(seed=3, **arguments) for lib in (torchkeras, keras))
    drawn = ours.get_random_transformation(images)
    steps = {step["layer_name"] for chain in drawn["chain_transforms"] for step in chain}
    assert len(steps) > 4 and steps <= set(theirs._augment_layers)
    expected = quietly(theirs.transform_images, images.clone(), copied(drawn))
    same(ours.transform_images(images, drawn), expected)
    masks = torch.randint(0, 5, (3, 9, 8, 1)).float()
    expected = quietly(theirs.transform_segmentation_masks, masks, copied(drawn))
    same(ours.transform_segmentation_masks(masks, drawn), expected)


def test_elastic_transform_is_the_op_with_what_was_drawn():
    images = torch.tensor(images_of((12, 20, 16, 3)))
    layer = layers.RandomElasticTransform(factor=(0.5, 0.5), scale=(0.7, 0.9), seed=2)
    drawn = layer.get_random_transformation(images)
    chosen = drawn["apply_transform"]
    assert 0 < chosen.sum() < 12
    strength = float(drawn["distortion_factor"])
    moved = torchkeras.ops.image.elastic_transform(
        images, alpha=20 * 0.1 * strength, sigma=16 * 0.05 * strength, seed=drawn["seed"]
    )
    result = layer.transform_images(images, drawn)
    assert torch.equal(result[~chosen], images[~chosen])
    same(result[chosen], moved[chosen].clamp(0, 255))
    assert (result[chosen] - images[chosen]).abs().mean() > 1
    # Masks follow the images.
    masks = (images[..., :1] > 127).int()
    moved = layer.transform_segmentation_masks(masks, drawn)
    assert moved.dtype == torch.int32
    agreement = (moved[chosen] == (result[chosen][..., :1] > 127).int()).float().mean()
    assert agreement > 0.85


# ---------------------------------------------------------------- boxes


MOVED = [c for c in (*SIZES, *GEOMETRY, *MIXTURES) if c.boxes and c.name != "AugMix"]


@pytest.mark.parametrize("case", MOVED, ids=str)
def test_boxes_of_all_formats_are_the_same(case):
    convert = torchkeras.utils.bounding_boxes.convert_format
    found = []
    for name in FORMATS:
        data = tensors(data_of(boxes=name))
        layer = made(case, torchkeras, bounding_box_format=name)
        result = layer(data, training=True)
        size = result["images"].shape[1:3]
        found.append(
            (
                convert(result["bounding_boxes"]["boxes"], name, "xyxy", *size),
                result["bounding_boxes"]["labels"],
            )
        )
    if case.name == "MaxNumBoundingBoxes":
        # It fills up in each format alike.
        found = [(boxes[:, :2], labels[:, :2]) for boxes, labels in found]
    for boxes, labels in found[1:]:
        same(boxes, found[0][0], rtol=1e-4, atol=1e-4)
        assert torch.equal(labels, found[0][1])


def framed(result, tolerance):
    """Asserts that the box of each image is around its bright pixels; returns how many have any."""
    count = 0
    height, width = result["images"].shape[1:3]
    for image, box, mask in zip(
        result["images"],
        result["bounding_boxes"]["boxes"],
        result["segmentation_masks"],
        strict=True,
    ):
        bright = image[..., 0] > 127
        agreement = (bright == (mask[..., 0] > 0.5)).float().mean()
        assert agreement > 0.9
        if not bright.any():
            continue
        count += 1
        rows, columns = bright.any(1).nonzero(), bright.any(0).nonzero()
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        for side, place in zip(box[0].tolist(), seen, strict=True):
            assert abs(side - int(place)) <= tolerance + 1e-4
    return count


# How far sides may be from the pixels: those that turn get the frame of a turned frame.
FOLLOWED = [
    (ImageCase(layers.RandomFlip), 0),
    (ImageCase(layers.RandomFlip, {"mode": "vertical"}), 0),
    (ImageCase(layers.RandomCrop, {"height": 30, "width": 22}), 0),
    (ImageCase(layers.RandomCrop, {"height": 60, "width": 50}), 2),
    (ImageCase(layers.CenterCrop, {"height": 31, "width": 20}, seeded=False), 1),
    (ImageCase(layers.CenterCrop, {"height": 60, "width": 30}, seeded=False), 2),
    (ImageCase(layers.Resizing, {"height": 80, "width": 31}, seeded=False), 1),
    (
        ImageCase(
            layers.Resizing,
            {"height": 80, "width": 31, "pad_to_aspect_ratio": True},
            seeded=False,
        ),
        1.5,
    ),
    (
        ImageCase(
            layers.Resizing,
            {"height": 24, "width": 41, "crop_to_aspect_ratio": True},
            seeded=False,
        ),
        1.5,
    ),
    (
        ImageCase(
            layers.RandomTranslation,
            {"height_factor": 0.2, "width_factor": 0.3, "fill_mode": "constant"},
        ),
        1,
    ),
    (
        ImageCase(
            layers.RandomZoom,
            {"height_factor": 0.3, "width_factor": (-0.3, -0.1), "fill_mode": "constant"},
        ),
        2,
    ),
    (ImageCase(layers.RandomRotation, {"factor": 0.03, "fill_mode": "constant"}), 3),
    (ImageCase(layers.RandomRotation, {"factor": (0.25, 0.25), "fill_mode": "constant"}), 1.5),
    (ImageCase(layers.RandomPerspective, {"factor": (0.5, 1.0), "scale": 0.2}), 4),
]


@both_data_formats
@pytest.mark.parametrize("case,tolerance", FOLLOWED, ids=str)
def test_boxes_and_masks_go_where_the_pixels_go(case, tolerance, data_format):
    generator = np.random.default_rng(4)
    images = np.zeros((8, 40, 36, 3), "float32")
    boxes = np.zeros((8, 1, 4), "float32")
    for image, box in zip(images, boxes, strict=True):
        left, top = generator.integers(6, 16, 2)
        right, bottom = left + generator.integers(8, 16), top + generator.integers(8, 16)
        image[top:bottom, left:right] = 255
        box[0] = left, top, right, bottom
    masks = (images[..., :1] > 0).astype("int32")
    first = data_format == "channels_first"
    data = {
        "images": np.moveaxis(images, -1, 1) if first else images,
        "bounding_boxes": {"boxes": boxes, "labels": np.ones((8, 1), "int32")},
        "segmentation_masks": np.moveaxis(masks, -1, 1) if first else masks,
    }
    layer = made(case, torchkeras, bounding_box_format="xyxy", data_format=data_format)
    result = layer(data, training=True)
    if first:
        for key in ("images", "segmentation_masks"):
            result[key] = result[key].movedim(1, -1)
    assert framed(result, tolerance) >= 6


def test_mix_up_keeps_the_boxes_of_both():
    data = data_of()
    layer = layers.MixUp(alpha=0.8, bounding_box_format="xyxy", seed=2)
    drawn = layer.get_random_transformation(tensors(data))
    order, weight = drawn["permutation_order"], drawn["mix_weight"]
    assert sorted(order.tolist()) == [0, 1, 2, 3]
    boxes = layer.transform_bounding_boxes(tensors(data["bounding_boxes"]), drawn)
    given = tensors(data["bounding_boxes"])
    for key in ("boxes", "labels"):
        assert torch.equal(boxes[key][:, :3], given[key])
        assert torch.equal(boxes[key][:, 3:], given[key][order])
    masks = torch.tensor(data["segmentation_masks"])
    shares = weight.view(-1, 1, 1, 1)
    same(
        layer.transform_segmentation_masks(masks, drawn),
        shares * masks + (1 - shares) * masks[order],
    )


def test_cut_mix_masks_and_labels_follow_the_images():
    data = data_of(boxes=None, height=40, width=36)
    layer = layers.CutMix(seed=4)
    drawn = layer.get_random_transformation(tensors(data))
    order, inside = drawn["permutation_order"], drawn["batch_masks"][..., :1]
    assert 0 < inside.float().mean() < 1
    masks = torch.tensor(data["segmentation_masks"])
    result = layer.transform_segmentation_masks(masks, drawn)
    assert torch.equal(result, torch.where(inside, masks[order], masks).float())
    areas = inside.float().mean((1, 2, 3))
    assert (1 - drawn["mix_weight"] - areas).abs().max() < 0.06
    single = layers.CutMix()(data["images"][0])
    assert torch.equal(single, torch.tensor(data["images"][0]))


def test_lists_of_boxes_of_different_lengths_are_filled_up():
    data = {
        "images": images_of((2, 8, 8, 3)),
        "bounding_boxes": {
            "boxes": [[[1.0, 2.0, 3.0, 4.0]], [[0.0, 1.0, 5.0, 6.0], [2.0, 2.0, 4.0, 5.0]]],
            "labels": [[3], [1, 2]],
        },
    }
    layer = layers.RandomBrightness(0.1, bounding_box_format="xyxy")
    result = layer(data)["bounding_boxes"]
    assert result["labels"].tolist() == [[3, -1], [1, 2]]
    assert result["boxes"][0].tolist() == [[1, 2, 3, 4], [0, 0, 0, 0]]
    one = {
        "images": data["images"][0],
        "bounding_boxes": {"boxes": [[1.0, 2.0, 3.0, 4.0]], "labels": [3]},
    }
    result = layer(one)["bounding_boxes"]
    assert result["boxes"].tolist() == [[1, 2, 3, 4]] and result["labels"].tolist() == [3]


def test_what_else_is_in_a_dict_stays():
    data = {"images": images_of((2, 8, 8, 3)), "id": np.array([4, 5]), "name": "it"}
    result = layers.RandomFlip(bounding_box_format="xyxy")(data)
    assert result["name"] == "it" and result["id"].tolist() == [4, 5]


# ---------------------------------------------------------------- drawing


@random_cases
def test_reproducible_by_seed(case):
    images = images_of((4, 20, 22, 3))
    one, two, other = made(case, torchkeras), made(case, torchkeras), None
    first, second = one(images, training=True), one(images, training=True)
    assert torch.equal(first, two(images, training=True))
    assert torch.equal(second, two(images, training=True))
    other = made(case, torchkeras, seed=12)
    results = [second, other(images, training=True), other(images, training=True)]
    if case.config not in ({"factor": (2, 2)}, {"height": 9, "width": 6}):
        assert any(not torch.equal(first, result) for result in results)
    again = made(case, torchkeras)
    seeded = [again.get_random_transformation(images, seed=6) for _ in range(2)]
    for mine, more in zip(*map(keras.tree.flatten, seeded), strict=True):
        same_draw = torch.equal(mine, more) if isinstance(mine, torch.Tensor) else mine == more
        assert same_draw or case.name in ("RandAugment", "AugMix", "RandomColorJitter")


EACH = ("RandomFlip", "RandomRotation", "RandomZoom", "RandomTranslation", "RandomShear")
EACH += ("RandomBrightness", "RandomContrast", "RandomHue", "RandomErasing", "Solarization")


@pytest.mark.parametrize("case", [c for c in CASES if c.name in EACH], ids=str)
def test_each_image_has_a_draw_of_its_own(case):
    images = np.repeat(images_of((1, 9, 8, 3)), 16, axis=0)
    results = made(case, torchkeras)(images, training=True).flatten(1)
    different = len({tuple(row.tolist()) for row in results})
    assert different == 2 if case.name == "RandomFlip" else different >= 8


def drawn_by(layer, key, batch=4000, size=8):
    drawn = layer.get_random_transformation(torch.empty(batch, size, size, 3))
    return drawn[key].double().flatten()


# (layer, key of the draw, least, most, mean)
RANGES = [
    (layers.RandomRotation(0.1, seed=1), "angle", -36, 36, 0),
    (layers.RandomRotation((0.1, 0.3), seed=1), "angle", 36, 108, 72),
    (layers.RandomZoom(0.2, seed=1), "height_zoom", 0.8, 1.2, 1),
    (layers.RandomZoom(0.2, (-0.1, 0.5), seed=1), "width_zoom", 0.9, 1.5, 1.2),
    (layers.RandomTranslation(0.5, 0.5, seed=1), "translations", -4, 4, 0),
    (layers.RandomShear(0.4, 0.4, seed=1), "shear_factor", -0.4, 0.4, 0),
    (layers.RandomShear((0.2, 0.4), (0.2, 0.4), seed=1), "shear_factor", -0.4, 0.4, 0),
    (layers.RandomContrast(0.4, seed=1), "contrast_factor", 1, 1.4, 1.2),
    (layers.RandomContrast((0.6, 0.2), seed=1), "contrast_factor", 0.8, 1.6, 1.2),
    (layers.RandomBrightness(0.2, seed=1), "rgb_delta", -51, 51, 0),
    (layers.RandomBrightness(0.2, (0, 1), seed=1), "rgb_delta", -0.2, 0.2, 0),
    (layers.RandomHue(0.4, seed=1), "factor", -0.2, 0.2, 0),
    (layers.RandomSharpness(0.4, seed=1), "factor", 0, 0.4, 0.2),
    (layers.RandomColorDegeneration(0.4, seed=1), "factor", -0.4, 0.4, 0),
    (layers.RandomPosterization(6, seed=1), "shift_factor", 3, 7, 5),
    (layers.Solarization(0.5, 0.2, seed=1), "additions", 0, 127.5, 63.75),
    (layers.Solarization(0.5, 0.2, seed=1), "thresholds", 0, 51, 25.5),
    (layers.RandomFlip(seed=1), "flips", 0, 1, 0.5),
    (layers.RandomInvert((0.3, 0.3), seed=1), "apply_inversion", 0, 1, 0.3),
    (layers.RandomInvert(0.6, seed=1), "apply_inversion", 0, 1, 0.3),
    (layers.RandomPerspective((0.8, 0.8), seed=1), "apply_perspective", 0, 1, 0.8),
    (layers.RandomElasticTransform((0.1, 0.3), seed=1), "apply_transform", 0, 1, 0.2),
    (layers.RandomGaussianBlur(1.0, seed=1), "should_apply_blur", 0, 1, 0.5),
    (layers.RandomErasing((0.7, 0.9), seed=1), "apply_erasing", 0, 1, 0.8),
    (layers.RandomErasing(scale=(0.25, 0.25), seed=1), "batch_masks", 0, 1, 0.25),
    (layers.MixUp(0.3, seed=1), "mix_weight", 0, 1, 0.5),
    (layers.CutMix(seed=1), "mix_weight", 0, 1, 0.5),
]


@pytest.mark.parametrize(
    "layer,key,low,high,mean", RANGES, ids=lambda v: v.name if hasattr(v, "built") else str(v)
)
def test_range_of_draws(layer, key, low, high, mean):
    layer.generator.state.assign([1, 0])
    found = drawn_by(layer, key)
    width = high - low
    assert found.min() >= low - 1e-4 * width and found.max() <= high + 1e-4 * width
    # Both ends are reached, on both sides, and the mean is that of an even spread.
    assert found.min() <= low + 0.02 * width and found.max() >= high - 0.02 * width
    assert abs(found.mean() - mean) < 0.03 * width


def test_shear_keeps_away_from_no_shear():
    found = drawn_by(layers.RandomShear((0.2, 0.4), (0.2, 0.4), seed=1), "shear_factor").abs()
    assert found.min() >= 0.2


def test_random_crop_reaches_every_place():
    layer = layers.RandomCrop(6, 5, seed=3)
    images = np.zeros((1, 8, 8, 1))
    found = {tuple(map(int, layer.get_random_transformation(images))) for _ in range(300)}
    assert found == set(itertools.product(range(3), range(4)))


# ---------------------------------------------------------------- configurations and files


def as_json(config):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(config), sort_keys=True))


@all_cases
def test_config(case):
    more = {"name": "it", "bounding_box_format": "xywh", "data_format": "channels_first"}
    ours, theirs = made(case, torchkeras, **more), made(case, keras, **more)
    config, expected = ours.get_config(), theirs.get_config()
    again = type(ours).from_config(expected)
    if case.name == "RandomShear":
        # Both directions are given by one number: real Keras does not take back its own pair.
        for name in ("x_factor", "y_factor"):
            lower, upper = expected[name]
            expected[name] = upper if lower == -upper else (lower, upper)
    if case.name == "RandomGrayscale":
        expected["seed"] = 11
        again = type(ours).from_config(expected)
    if case.config.get("fill_value") == -2:
        expected["fill_value"] = -2
        again = type(ours).from_config(expected)
    assert as_json(config) == as_json(expected)
    assert as_json(again.get_config()) == as_json(config)
    other = type(theirs).from_config(config)
    kept = {k: v for k, v in expected.items() if k in other.get_config()}
    if case.name != "RandomShear":
        assert as_json(other.get_config()) == as_json(kept)


@random_cases
def test_weights(case):
    ours, theirs = made(case, torchkeras), made(case, keras)
    assert [w.name for w in ours.variables] == [w.name for w in theirs.variables]
    assert [w.path.split("/")[-1] for w in ours.variables] == [
        w.path.split("/")[-1] for w in theirs.variables
    ]
    assert ours.trainable_weights == []


SAVED = ["RandomFlip", "RandomRotation", "RandomErasing", "RandAugment", "Resizing"]


@pytest.mark.parametrize("source,target", [(torchkeras, keras), (keras, torchkeras)])
@pytest.mark.parametrize("name", SAVED)
def test_saved_models_draw_as_new_ones(name, source, target, tmp_path):
    case = next(c for c in CASES if c.name == name)
    images = images_of((2, 12, 10, 3))
    model = source.Sequential([source.Input((12, 10, 3)), made(case, source)])
    quietly(model, images.copy(), training=True)
    path = str(tmp_path / "model.keras")
    model.save(path)
    loaded = target.models.load_model(path)
    if case.seeded:
        drawn = [
            layer.get_random_transformation(torch.tensor(images))
            for layer in (loaded.layers[0], made(case, torchkeras))
        ]
        for mine, other in zip(*map(keras.tree.flatten, drawn), strict=True):
            if mine is not None:
                same(mine, other)


# ---------------------------------------------------------------- in models and data sets


def test_in_front_of_a_convnet():
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 255, (64, 12, 12, 3)).astype("float32")
    x[::2] *= 0.3
    y = (np.arange(64) % 2 == 0).astype("int32")
    torchkeras.utils.set_random_seed(0)
    model = torchkeras.Sequential(
        [
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.02),
            layers.RandomZoom(0.1),
            layers.RandomBrightness(0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(8, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.compile(
        torchkeras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    losses = model.fit(x, y, epochs=8, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < 0.8 * losses[0]
    one, two = model.predict(x, verbose=0), model.predict(x, verbose=0)
    assert np.array_equal(one, two)
    assert not np.allclose(model(x, training=True).detach(), one)
    assert model.evaluate(x, y, verbose=0)[1] > 0.7


@pytest.mark.parametrize("parallel", [None, 2])
def test_inside_a_data_set(parallel):
    torchkeras_data = pytest.importorskip("torchkeras._data.pipeline")
    x = images_of((6, 8, 8, 3))
    flip, resize = layers.RandomFlip(seed=1), layers.Resizing(4, 4)
    data = torchkeras_data.Dataset.from_tensor_slices((x, np.arange(6)))
    more = {} if parallel is None else {"num_parallel_calls": parallel}
    data = data.batch(3).map(lambda a, b: (resize(flip(a, training=True)), b), **more)
    batches = list(data)
    assert [tuple(np.asarray(a).shape) for a, _ in batches] == [(3, 4, 4, 3)] * 2
    twin = keras.layers.RandomFlip(seed=1)
    if parallel is None:
        for start, (result, _) in zip((0, 3), batches, strict=True):
            moved = keras.layers.Resizing(4, 4)(twin(x[start : start + 3], training=True))
            same(np.asarray(result), moved)


@both_data_formats
@all_cases
def test_symbolic_shape(case, data_format):
    channels_last = data_format == "channels_last"
    layer = made(case, torchkeras, data_format=data_format)
    for sizes in ((8, 9), (None, None), (8, None))[: 3 if channels_last else 2]:
        shape = (None, *sizes, 3) if channels_last else (None, 3, *sizes)
        result = layer(torchkeras.Input(batch_shape=shape))
        height, width = case.config.get("height"), case.config.get("width")
        expected = sizes if height is None else (height, width)
        expected = (None, *expected, 3) if channels_last else (None, 3, *expected)
        assert tuple(result.shape) == expected and result.dtype == "float32"
    fixed = (2, 8, 9, 3) if channels_last else (2, 3, 8, 9)
    stated = layer.compute_output_shape(fixed)
    assert tuple(stated) == tuple(layer(torch.zeros(fixed), training=True).shape)


@boxed
def test_symbolic_dict(case):
    inputs = {
        "images": torchkeras.Input((8, 9, 3)),
        "labels": torchkeras.Input((5,)),
        "bounding_boxes": {"boxes": torchkeras.Input((3, 4)), "labels": torchkeras.Input((3,))},
    }
    result = made(case, torchkeras, bounding_box_format="xywh")(inputs)
    boxes = {"MixUp": 6, "MaxNumBoundingBoxes": case.config.get("max_number")}.get(case.name, 3)
    assert tuple(result["bounding_boxes"]["boxes"].shape) == (None, boxes, 4)
    assert tuple(result["bounding_boxes"]["labels"].shape) == (None, boxes)
    assert tuple(result["labels"].shape) == (None, 5)


def test_subclasses_change_one_part():
    class Marked(layers.RandomFlip):
        def get_random_transformation(self, data, training=True, seed=None):
            drawn = super().get_random_transformation(data, training, seed)
            drawn["flips"][:] = True
            return drawn

        def transform_labels(self, labels, transformation, training=True):
            return labels + transformation["flips"].view(-1, 1).float()

    data = data_of(boxes=None)
    result = Marked("horizontal")(data)
    assert torch.equal(result["images"], torch.tensor(data["images"]).flip(2))
    assert torch.equal(result["labels"], torch.tensor(data["labels"]) + 1)


def test_drawing_does_not_touch_the_global_generator():
    state = torch.get_rng_state()
    for case in CASES:
        if case.seeded:
            made(case, torchkeras)(images_of((2, 8, 8, 3)), training=True)
    assert torch.equal(torch.get_rng_state(), state)


COMPILED = [
    layers.RandomRotation(0.1),
    layers.RandomContrast(0.1),
    layers.Resizing(4, 4),
]


@pytest.mark.slow
@pytest.mark.parametrize("layer", COMPILED, ids=lambda layer: layer.name)
def test_compiles_whole(layer):
    torch._dynamo.reset()
    images = torch.tensor(images_of((2, 8, 8, 3)))
    layer(images)
    for training in (True, False):
        result = torch.compile(layer, backend="eager", fullgraph=True)(images, training=training)
        expected = layer(images, training=training)
        assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
        if not training:
            assert torch.equal(result, expected)


# ---------------------------------------------------------------- errors

WRONG_ARGUMENTS = [
    ("RandomRotation", {"factor": 2}),
    ("RandomRotation", {"factor": (0.1, 0.2, 0.3)}),
    ("RandomRotation", {"factor": "x"}),
    ("RandomRotation", {"factor": 0.1, "fill_mode": "none"}),
    ("RandomRotation", {"factor": 0.1, "interpolation": "bicubic"}),
    ("RandomZoom", {"height_factor": -1.0}),
    ("RandomZoom", {"height_factor": (0.1, 2)}),
    ("RandomTranslation", {"height_factor": 1.5, "width_factor": 0}),
    ("RandomTranslation", {"height_factor": 0.5, "width_factor": (1, 2, 3)}),
    ("RandomShear", {"x_factor": 1.5}),
    ("RandomShear", {"x_factor": -0.5}),
    ("RandomPerspective", {"scale": 2.0}),
    ("RandomPerspective", {"factor": -0.1}),
    ("RandomElasticTransform", {"scale": 3.0}),
    ("RandomElasticTransform", {"fill_mode": "none"}),
    ("RandomContrast", {"factor": 1.1}),
    ("RandomBrightness", {"factor": 1.1}),
    ("RandomBrightness", {"factor": 0.1, "value_range": 3}),
    ("RandomBrightness", {"factor": 0.1, "value_range": (1, 2, 3)}),
    ("RandomPosterization", {"factor": 9}),
    ("RandomGrayscale", {"factor": 1.5}),
    ("RandomGaussianBlur", {"kernel_size": 4}),
    ("RandomGaussianBlur", {"kernel_size": (3, 3, 3)}),
    ("RandomErasing", {"scale": (2.0, 3.0)}),
    ("Solarization", {"addition_factor": 1.5}),
    ("Solarization", {"threshold_factor": (-0.1, 0.5)}),
    ("CutMix", {"factor": 2.0}),
    ("Resizing", {"height": 3, "width": 4, "factor": 0.5}),
    ("RandomFlip", {"data_format": "channels_middle"}),
]


@pytest.mark.parametrize("name,config", WRONG_ARGUMENTS, ids=str)
def test_wrong_argument(name, config):
    with pytest.raises(Exception) as theirs:
        getattr(keras.layers, name)(**config)
    with pytest.raises(theirs.type, match="Received"):
        getattr(layers, name)(**config)


@pytest.mark.parametrize("shape", [(8,), (8, 8), (2, 3, 8, 8, 3)], ids=str)
@all_cases
def test_wrong_rank(case, shape):
    with pytest.raises(ValueError, match="rank 3 .* or 4"):
        made(case, torchkeras)(np.zeros(shape, "float32"), training=True)


def test_boxes_need_a_format():
    with pytest.raises(ValueError, match="didn't specify a bounding box format"):
        layers.RandomFlip()(data_of())


@pytest.mark.parametrize(
    "boxes",
    [
        [1, 2],
        {"boxes": np.zeros((2, 3, 4))},
        {"boxes": np.zeros((2, 3, 4)), "labels": np.zeros((2,))},
        {"boxes": np.zeros((4,)), "labels": np.zeros((4,))},
        {"boxes": [[[1.0, 2, 3, 4]]], "labels": np.zeros((1, 1))},
        {"boxes": [[[1.0, 2, 3, 4]]], "labels": [[1], [2]]},
    ],
    ids=str,
)
def test_wrong_boxes(boxes):
    data = {"images": np.zeros((2, 8, 8, 3), "float32"), "bounding_boxes": boxes}
    with pytest.raises(ValueError, match="Received"):
        layers.RandomFlip(bounding_box_format="xyxy")(data)


def test_what_cannot_be_mixed_or_moved():
    data = {"images": images_of((2, 8, 8, 3)), "labels": np.array([1, 2])}
    for name in ("MixUp", "CutMix"):
        with pytest.raises(ValueError, match="one-hot"):
            getattr(layers, name)()(data)
    for case in CASES:
        if not case.boxes:
            with pytest.raises(NotImplementedError):
                made(case, torchkeras, bounding_box_format="xyxy")(data_of(), training=True)


@pytest.mark.parametrize("name", ["RandomHue", "RandomSaturation", "RandomGrayscale"])
def test_colours_need_three_channels(name):
    with pytest.raises(ValueError, match="channel"):
        getattr(layers, name)(0.5)(np.zeros((2, 8, 8, 2), "float32"), training=True)


def test_every_image_layer_has_a_row():
    known = {c.name for c in CASES}
    base = layers.RandomFlip.__mro__[1]
    every = {n for n in dir(layers) if isinstance(getattr(layers, n), type)}
    assert {n for n in every if issubclass(getattr(layers, n), base)} == known


# ---------------------------------------------------------------- the functions of boxes

box_functions = torchkeras.utils.bounding_boxes
keras_box_functions = keras.utils.bounding_boxes


def some_boxes(*shape, high=40):
    return np.random.default_rng(sum(shape)).uniform(0, high, (*shape, 4)).astype("float32")


@pytest.mark.parametrize("target", FORMATS)
@pytest.mark.parametrize("source", FORMATS)
def test_convert_format(source, target):
    boxes = some_boxes(2, 5)
    for size in ((30, 50), (np.full((2, 1, 1), 30.0), np.array([[[50.0]], [[20.0]]]))):
        theirs = keras_box_functions.convert_format(boxes, source, target, *size)
        same(box_functions.convert_format(boxes, source, target, *size), theirs)
    given = {"boxes": boxes, "labels": np.zeros((2, 5))}
    result = box_functions.convert_format(given, source, target, 30, 50)
    assert given["boxes"] is boxes and result["labels"] is given["labels"]


def box_calls():
    """(name, arguments) on which both libraries are called."""
    boxes = some_boxes(2, 5)
    one_each = [np.random.default_rng(i).uniform(-1, 1, 2).astype("float32") for i in range(6)]
    one_each[0] *= 180
    yield "affine_transform", (boxes, *one_each, 30, 50), {}
    yield "affine_transform", (boxes, *one_each, 30, 50), {"center_x": 0.2, "center_y": 0.7}
    yield "crop", (torch.tensor(boxes), 3, 5, 10, 20), {}
    yield "pad", (torch.tensor(boxes), 3, 5), {}
    given = {"boxes": torch.tensor(boxes) - 15, "labels": torch.arange(10).view(2, 5)}
    for name in ("xyxy", "rel_xyxy"):
        yield "clip_to_image_size", (given, 20, 25, name), {}
    for name in FORMATS:
        shape = {"image_shape": (30, 50, 3)}
        yield "compute_iou", (boxes, some_boxes(2, 4), name), shape
        yield "compute_iou", (boxes[0], some_boxes(4), name), shape
        yield "compute_iou", (boxes - 20, some_boxes(2, 4) - 20, name, True, -1), shape
        if "rel" not in name:
            yield "compute_ciou", (boxes, some_boxes(2, 5) + 1, name), {}
        for order in ("center_xywh", "center_yxhw"):
            more = (name, "xywh", order, [0.1, 0.1, 0.2, 0.2])
            yield "encode_box_to_deltas", (boxes[0], boxes, *more), shape
            yield "decode_deltas_to_boxes", (boxes[0], torch.tensor(boxes) / 20 - 1, *more), shape


@pytest.mark.parametrize("name,args,kwargs", list(box_calls()))
def test_box_function(name, args, kwargs):
    theirs = getattr(keras_box_functions, name)(*copied(args), **kwargs)
    ours = getattr(box_functions, name)(*args, **kwargs)
    for mine, other in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        same(mine, other, rtol=1e-4, atol=1e-4)


def test_box_functions_of_levels():
    anchors, deltas = {"a": some_boxes(3), "b": some_boxes(2)}, {"a": some_boxes(3, high=1)}
    deltas["b"] = some_boxes(2, high=1)
    ours = box_functions.decode_deltas_to_boxes(anchors, tensors(deltas), "xyxy", "xyxy")
    theirs = keras_box_functions.decode_deltas_to_boxes(anchors, tensors(deltas), "xyxy", "xyxy")
    for key in theirs:
        same(ours[key], theirs[key])
    # What real Keras asks for and then refuses.
    relative = box_functions.compute_ciou(
        some_boxes(3) / 40, some_boxes(3) / 50, "rel_xyxy", (40, 40, 3)
    )
    absolute = box_functions.compute_ciou(some_boxes(3), some_boxes(3) * 0.8, "xyxy")
    same(relative, absolute, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "name,args",
    [
        ("convert_format", (np.zeros((2, 3)), "xyxy", "xywh")),
        ("convert_format", (np.zeros((2, 4)), "xyxy", "yyxx")),
        ("convert_format", (np.zeros((2, 4)), "rel_xyxy", "xywh")),
        ("clip_to_image_size", ({"boxes": torch.zeros(2, 4)}, None, None, "xyxy")),
        ("clip_to_image_size", ({"boxes": torch.zeros(2, 4)}, 1, 1, "xywh")),
        ("crop", (torch.zeros(2, 4), 1, 1, 1, 1, "xywh")),
        ("pad", (torch.zeros(2, 4), 1, 1, 1, 1, "xywh")),
        ("compute_iou", (np.zeros((4,)), np.zeros((2, 4)), "xyxy")),
        ("compute_iou", (np.zeros((2, 4)), np.zeros((2, 4)), "rel_xyxy")),
        ("compute_ciou", (np.zeros((2, 4)), np.zeros((2, 4)), "rel_xyxy")),
        ("encode_box_to_deltas", (np.zeros((2, 4)), np.zeros((2, 4)), "xyxy", "xyxy", "xyxy")),
        (
            "encode_box_to_deltas",
            (np.zeros((2, 4)), np.zeros((2, 4)), "xyxy", "xyxy", "center_xywh", [1, 2]),
        ),
        ("decode_deltas_to_boxes", (np.zeros((2, 4)), np.zeros((2, 4)), "xyxy", "xyxy", "xyxy")),
    ],
)
def test_wrong_argument_of_a_box_function(name, args):
    with pytest.raises(Exception) as theirs:
        getattr(keras_box_functions, name)(*args)
    with pytest.raises(theirs.type, match="Received"):
        getattr(box_functions, name)(*args)
