"""Pictures: frames and colours as real Keras draws them, and galleries as files."""

import importlib.util
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

from torchkeras import visualization

os.environ.setdefault("MPLBACKEND", "Agg")
FOLDER = Path(__file__).parent / "golden" / "images"
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 24, 30, 3)).astype("uint8")
BOXES = np.array(
    [
        [[3, 4, 20, 15], [10.7, 2.2, 40, 21.9], [5, 5, 5, 9], [1, 1, 2, 2]],
        [[25, 20, 8, 6], [0, 0, 29, 23], [-6, 10, 12, 50], [4, 4, 9, 9]],
    ],
    "float32",
)
LABELS = np.array([[0, 1, 2, -1], [1, 0, 3, -1]], "int32")
DATA = {"boxes": BOXES, "labels": LABELS}
has_matplotlib = importlib.util.find_spec("matplotlib") is not None
needs_matplotlib = pytest.mark.skipif(not has_matplotlib, reason="matplotlib is not there")


# ---------------------------------------------------------------- boxes


@pytest.mark.parametrize("thickness", [1, 2, 3, 4, 5, 8, -1])
def test_frames_are_those_of_keras(thickness):
    golden = np.load(FOLDER / "boxes.npz")[f"thickness_{thickness}"]
    given = IMAGES.copy()
    drawn = visualization.draw_bounding_boxes(
        given, DATA, "xyxy", color=(10, 200, 90), line_thickness=thickness
    )
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn, golden)
    assert np.array_equal(given, IMAGES)


def test_frames_in_other_forms():
    expected = visualization.draw_bounding_boxes(IMAGES, DATA, "xyxy")
    assert not np.array_equal(expected, IMAGES)
    relative = {"boxes": BOXES / [30, 24, 30, 24], "labels": torch.tensor(LABELS)}
    # A little more than the integer, which it may fall short of.
    relative["boxes"] = torch.tensor(relative["boxes"] + 1e-5)
    units = torch.tensor(IMAGES / 255, dtype=torch.float64)
    for images, boxes, name, data_format in (
        (IMAGES.astype("float32") + 0.01, DATA, "xyxy", "channels_last"),
        (units, relative, "rel_xyxy", None),
        (IMAGES.transpose(0, 3, 1, 2), DATA, "xyxy", "channels_first"),
    ):
        drawn = visualization.draw_bounding_boxes(images, boxes, name, data_format=data_format)
        if images is units:
            assert np.abs(drawn.astype(int) - expected).max() <= 1
        else:
            assert np.array_equal(drawn, expected)


def test_grey_images_and_none():
    grey = visualization.draw_bounding_boxes(IMAGES[..., :1], DATA, "xyxy")
    assert grey.shape == (2, 24, 30, 1)
    none = {"boxes": BOXES, "labels": np.full((2, 4), -1)}
    assert np.array_equal(visualization.draw_bounding_boxes(IMAGES, none, "xyxy"), IMAGES)


def test_names_are_written_above_the_boxes():
    pytest.importorskip("PIL")
    images = np.zeros((1, 80, 160, 3), "uint8")
    boxes = {
        "boxes": np.array([[[20, 50, 100, 70]]], "float32"),
        "labels": np.array([[2]]),
        "confidences": np.array([[0.75]]),
    }
    frame = visualization.draw_bounding_boxes(images, boxes, "xyxy", color=(255, 0, 0))
    named = visualization.draw_bounding_boxes(
        images, boxes, "xyxy", class_mapping={2: "cat"}, color=(255, 0, 0)
    )
    letters = (named != frame).any(-1)[0]
    rows, columns = np.nonzero(letters)
    assert letters.sum() > 100
    assert rows.min() > 10 and rows.max() < 50 and 15 < columns.min() < 40
    assert np.array_equal(np.unique(named[0][letters], axis=0), [[255, 0, 0]])
    boxes["boxes"][0, 0, 1] = 5
    inside = visualization.draw_bounding_boxes(
        images, boxes, "xyxy", class_mapping={2: "cat"}, text_thickness=3, font_scale=0.8
    )
    assert (inside[0, 10:40] > 0).any(-1).sum() > 100
    other = visualization.draw_bounding_boxes(images, boxes, "xyxy", class_mapping={1: "cat"})
    assert np.array_equal(other, visualization.draw_bounding_boxes(images, boxes, "xyxy"))


@pytest.mark.parametrize(
    "images,boxes,error",
    [
        (IMAGES[0], DATA, ValueError),
        (IMAGES, [1, 2], TypeError),
        (IMAGES, {"boxes": BOXES}, ValueError),
        (IMAGES, {"labels": LABELS}, ValueError),
    ],
    ids=range(4),
)
def test_wrong_boxes(images, boxes, error):
    with pytest.raises(error, match="Received"):
        visualization.draw_bounding_boxes(images, boxes, "xyxy")


# ---------------------------------------------------------------- masks


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize(
    "config",
    [
        {"num_classes": 5},
        {"num_classes": 60},
        {"num_classes": 5, "alpha": 0.3},
        {"num_classes": 5, "ignore_index": 2},
        {"num_classes": 5, "blend": False},
        {"color_mapping": {i: (10 * i, 5, 200 - i) for i in range(5)}, "num_classes": 5},
        {"num_classes": 5, "data_format": "channels_first"},
    ],
    ids=str,
)
def test_colours_are_those_of_keras(config):
    masks = np.random.default_rng(1).integers(-1, 5, (2, 24, 30, 1)).astype("int32")
    images = IMAGES
    if "data_format" in config:
        images, masks = images.transpose(0, 3, 1, 2), masks.transpose(0, 3, 1, 2)
    ours = visualization.draw_segmentation_masks(images, masks, **config)
    theirs = np.asarray(keras.visualization.draw_segmentation_masks(images, masks, **config))
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    assert np.array_equal(ours, theirs)


def test_classes_beyond_the_number_are_not_coloured():
    masks = np.random.default_rng(1).integers(0, 5, (2, 24, 30, 1))
    every = visualization.draw_segmentation_masks(IMAGES, masks)
    assert np.array_equal(
        every, visualization.draw_segmentation_masks(IMAGES, masks, num_classes=5)
    )
    some = visualization.draw_segmentation_masks(IMAGES, masks, num_classes=3)
    coloured = masks[..., 0] < 3
    assert np.array_equal(some[coloured], every[coloured])
    assert np.abs(some[~coloured].astype(int) - IMAGES[~coloured]).max() <= 1


def test_wrong_masks():
    for masks in (np.zeros((2, 24, 30, 1), "float32"), np.zeros((2, 24, 30, 1), bool)):
        with pytest.raises(TypeError, match="integer dtype"):
            visualization.draw_segmentation_masks(IMAGES, masks)
    with pytest.raises(ValueError, match="4D"):
        visualization.draw_segmentation_masks(IMAGES[0], np.zeros((24, 30, 1), "int32"))


# ---------------------------------------------------------------- galleries


def pixels(path):
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))


@needs_matplotlib
@pytest.mark.parametrize("count", [1, 2, 3, 5, 9])
def test_gallery_shows_every_image(count, tmp_path):
    colors = np.array([[25 * i + 20, 200 - 20 * i, 7 * i] for i in range(count)], "uint8")
    images = np.broadcast_to(colors[:, None, None], (count, 8, 8, 3))
    path = tmp_path / "gallery.png"
    visualization.plot_image_gallery(images / 255.0, value_range=(0, 1), path=path)
    seen = pixels(path).reshape(-1, 3).astype(int)
    for color in colors.astype(int):
        assert (np.abs(seen - color).max(1) <= 1).sum() > 500


@needs_matplotlib
def test_gallery_forms(tmp_path):
    one, two, three = (tmp_path / f"{name}.png" for name in "abc")
    visualization.plot_image_gallery(IMAGES, path=one)
    visualization.plot_image_gallery(
        torch.tensor(IMAGES.transpose(0, 3, 1, 2)), path=two, data_format="channels_first"
    )
    assert np.array_equal(pixels(one), pixels(two))
    visualization.plot_image_gallery(
        IMAGES, y_true=[0, 1], y_pred=np.array([1, 7]), label_map={0: "a", 1: "b"}, path=three
    )
    assert pixels(three).shape[0] > pixels(one).shape[0]
    visualization.plot_image_gallery(IMAGES, show=False)
    pytest.importorskip("matplotlib.pyplot").close("all")


@needs_matplotlib
@pytest.mark.parametrize("value_range", [(0, 255), (0, 1)])
def test_gallery_of_boxes(value_range, tmp_path):
    path = tmp_path / "gallery.png"
    visualization.plot_bounding_box_gallery(
        IMAGES * 0.0 + 0.4 * value_range[1],
        "xyxy",
        y_true=DATA,
        y_pred={"boxes": BOXES[:, ::-1] + 3, "labels": LABELS[:, ::-1]},
        value_range=value_range,
        true_color=(0, 250, 0),
        pred_color=(250, 0, 0),
        legend=True,
        path=path,
    )
    seen = pixels(path).reshape(-1, 3).astype(int)
    for color in ((0, 250, 0), (250, 0, 0), (102, 102, 102)):
        assert (np.abs(seen - color).max(1) <= 1).sum() > 50, color


@needs_matplotlib
def test_gallery_of_masks(tmp_path):
    path = tmp_path / "gallery.png"
    masks = np.zeros((2, 24, 30, 1), "int64")
    masks[:, 12:] = 1
    visualization.plot_segmentation_mask_gallery(
        np.ones((2, 24, 30, 3), "float32"),
        num_classes=2,
        value_range=(0, 1),
        y_true=masks,
        y_pred=1 - masks,
        color_mapping={0: (200, 0, 0), 1: (0, 0, 200)},
        alpha=1.0,
        path=path,
    )
    picture = pixels(path)
    # Three columns to two rows.
    assert picture.shape[1] > 1.2 * picture.shape[0]
    seen = picture.reshape(-1, 3).astype(int)
    red, blue = ((np.abs(seen - c).max(1) <= 1).sum() for c in ((200, 0, 0), (0, 0, 200)))
    assert red > 500 and 0.8 < red / blue < 1.25


@needs_matplotlib
def test_wrong_gallery(tmp_path):
    for function, config in (
        ("plot_image_gallery", {"path": tmp_path / "a.png", "show": True}),
        ("plot_image_gallery", {"y_true": [0, 1]}),
        (
            "plot_bounding_box_gallery",
            {"bounding_box_format": "xyxy", "legend": True, "legend_handles": [1]},
        ),
    ):
        with pytest.raises(ValueError, match="Received"):
            getattr(visualization, function)(IMAGES, **config)
    with pytest.raises(ValueError, match="4D"):
        visualization.plot_image_gallery(IMAGES[0])


@pytest.mark.skipif(has_matplotlib, reason="matplotlib is there")
@pytest.mark.parametrize(
    "function,args",
    [
        ("plot_image_gallery", ()),
        ("plot_bounding_box_gallery", ("xyxy",)),
        ("plot_segmentation_mask_gallery", (2,)),
    ],
)
def test_galleries_name_what_they_need(function, args):
    with pytest.raises(ImportError, match=f"`{function}` function requires the `matplotlib`"):
        getattr(visualization, function)(IMAGES, *args)
