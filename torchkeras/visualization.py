"""Pictures: boxes and masks drawn on images, and galleries of images.

Text in images needs Pillow, galleries need matplotlib.
"""

import math
from types import ModuleType

import numpy as np
import torch

from torchkeras import config
from torchkeras._errors import import_optional, received
from torchkeras.layers._bounding_boxes import convert_format
from torchkeras.layers._image_base import rescaled
from torchkeras.ops._core import as_tensor, convert_to_numpy

__all__ = [
    "draw_bounding_boxes",
    "draw_segmentation_masks",
    "plot_bounding_box_gallery",
    "plot_image_gallery",
    "plot_segmentation_mask_gallery",
]

# Height in pixels of letters at a font scale of 1.
FONT_SIZE = 30


def _batch(images, data_format: str | None) -> np.ndarray:
    """A batch of images as an array (batch, height, width, channels)."""
    images = convert_to_numpy(images)
    if images.ndim != 4:
        raise ValueError(
            f"`images` must be batched 4D tensor. Received: images.shape={images.shape}"
        )
    if config.standardize_data_format(data_format) == "channels_first":
        images = images.transpose(0, 2, 3, 1)
    return images


# ------------------------------------------------------------------ boxes
def draw_bounding_boxes(
    images,
    bounding_boxes,
    bounding_box_format,
    class_mapping=None,
    color=(128, 128, 128),
    line_thickness=2,
    text_thickness=1,
    font_scale=1.0,
    data_format=None,
) -> np.ndarray:
    """Images (batch, height, width, channels) of uint8 with frames drawn on them.

    Args:
        images: a batch, from 0 to 1 or to 255.
        bounding_boxes: dict of "boxes" (batch, n, 4), "labels" (batch, n), where -1 is for no box,
            and perhaps "confidences" (batch, n).
        bounding_box_format: see `keras.utils.bounding_boxes.convert_format`.
        class_mapping: names of labels, which are written above the boxes.
        color: of frames and names.
        line_thickness: of the frames, in pixels; below 0 for filled ones.
        text_thickness: of the names; None or 0 for that of the frames.
        font_scale: size of the names.
        data_format: of the images given.
    """
    pictures = _as_bytes(_batch(images, data_format))
    if not isinstance(bounding_boxes, dict):
        raise TypeError(
            f"`bounding_boxes` should be a dict. Received: bounding_boxes={bounding_boxes} of type "
            f"{type(bounding_boxes)}"
        )
    if "boxes" not in bounding_boxes or "labels" not in bounding_boxes:
        raise ValueError(
            "`bounding_boxes` should be a dict containing 'boxes' and 'labels' keys. "
            + received(bounding_boxes=bounding_boxes)
        )
    size = pictures.shape[1:3]
    boxes = convert_format(bounding_boxes["boxes"], bounding_box_format, "xyxy", *size)
    boxes = convert_to_numpy(boxes).astype("int32")
    labels = convert_to_numpy(bounding_boxes["labels"]).astype("int32")
    confidences = bounding_boxes.get("confidences")
    confidences = None if confidences is None else convert_to_numpy(confidences)
    color = np.array(color, "uint8")[: pictures.shape[-1]]
    for i, j in zip(*np.nonzero(labels != -1), strict=True):
        box, label = boxes[i, j].tolist(), int(labels[i, j])
        pictures[i][_frame(size, box, line_thickness)] = color
        if class_mapping and label in class_mapping:
            text = str(class_mapping[label])
            if confidences is not None:
                text = f"{text} | {confidences[i, j]:.2f}"
            thickness = text_thickness or line_thickness
            pictures[i][_text(size, box, text, font_scale, thickness)] = color
    return pictures


def _as_bytes(images: np.ndarray) -> np.ndarray:
    if images.dtype.kind == "f" and images.size:
        images = np.clip(images, 0, 1) * 255 if images.max() <= 1 else np.clip(images, 0, 255)
    return images.astype("uint8")


def _frame(size: tuple[int, int], box: list[int], thickness: int) -> np.ndarray:
    """(height, width): whether a pixel is on the frame, whose corners are rounded."""
    x1, x2 = sorted(box[::2])
    y1, y2 = sorted(box[1::2])
    y, x = np.ogrid[: size[0], : size[1]]
    # How far a pixel is outside of the box, or, negative, inside.
    beyond_x, beyond_y = np.maximum(x1 - x, x - x2), np.maximum(y1 - y, y - y2)
    reach = 0 if thickness <= 1 else (thickness + 1) // 2
    near = np.maximum(beyond_x, 0) ** 2 + np.maximum(beyond_y, 0) ** 2 <= reach**2
    return near & (np.maximum(beyond_x, beyond_y) >= -reach) if thickness >= 0 else near


def _text(size: tuple[int, int], box: list[int], text: str, scale: float, thickness: int):
    """(height, width): whether a pixel is on letters above the box, or inside where that is not
    in the image."""
    drawing = import_optional("PIL.ImageDraw", "Writing the names of boxes")
    fonts = import_optional("PIL.ImageFont", "Writing the names of boxes")
    pictures = import_optional("PIL.Image", "Writing the names of boxes")
    x, y = box[:2]
    height = int(scale * 12)
    if y - 8 - 2 * height > 0:
        place = x, y - 8
    else:
        place = x + 3, y + 2 * height + thickness + 3
    canvas = pictures.new("L", (size[1], size[0]))
    font = fonts.load_default(max(scale * FONT_SIZE, 1))
    stroke = max(thickness - 1, 0) // 2
    drawing.Draw(canvas).text(place, text, 255, font, anchor="ls", stroke_width=stroke)
    return np.asarray(canvas) > 127


# ------------------------------------------------------------------ masks
def draw_segmentation_masks(
    images,
    segmentation_masks,
    num_classes=None,
    color_mapping=None,
    alpha=0.8,
    blend=True,
    ignore_index=-1,
    data_format=None,
) -> np.ndarray:
    """Images (batch, height, width, 3) coloured by class: of uint8, or float32 without `blend`.

    Args:
        images: a batch, from 0 to 255.
        segmentation_masks: (batch, height, width, 1), classes as integers.
        num_classes: how many classes, from 0 on, are coloured; None: all.
        color_mapping: colours of classes; None for a palette.
        alpha: share of the colour.
        blend: whether to mix colours with the images, instead of replacing these.
        ignore_index: class at which images stay as they are.
        data_format: of images and masks given.
    """
    pictures = _batch(images, data_format).astype("float32")
    masks = as_tensor(segmentation_masks)
    if masks.is_floating_point() or masks.is_complex() or masks.dtype is torch.bool:
        raise TypeError(
            "`segmentation_masks` must be in integer dtype. "
            f"Received: segmentation_masks.dtype={masks.dtype}"
        )
    masks = _batch(masks, data_format)
    if num_classes is None:
        num_classes = int(masks.max()) + 1
    colors = color_mapping if color_mapping is not None else _palette(num_classes)
    painted = pictures.copy()
    for i in range(num_classes):
        painted[masks[..., 0] == i] = np.array(colors[i], "float32")
    if not blend:
        return painted
    mixed = pictures * (1 - alpha) + painted * alpha
    return np.where(masks != ignore_index, mixed, pictures).astype("uint8")


def _palette(num_classes: int) -> list[list[int]]:
    steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
    return [[i * step % 255 for step in steps] for i in range(num_classes)]


# ------------------------------------------------------------------ galleries
def _to_bytes_range(images: np.ndarray, value_range) -> np.ndarray:
    return rescaled(torch.tensor(images), value_range, (0, 255)).numpy()


def _pyplot(function: str) -> ModuleType:
    return import_optional("matplotlib.pyplot", f"The `{function}` function")


def plot_image_gallery(
    images,
    y_true=None,
    y_pred=None,
    label_map=None,
    rows=None,
    cols=None,
    value_range=(0, 255),
    scale=2,
    path=None,
    show=None,
    transparent=True,
    dpi=60,
    legend_handles=None,
    data_format=None,
) -> None:
    """Shows images in rows and columns, or saves them as one picture.

    Args:
        images: a batch.
        y_true: labels of the images, for titles.
        y_pred: predicted labels, for titles.
        label_map: names of labels; needed where there are labels.
        rows: number of rows; None for about as many as columns.
        cols: number of columns; None for as many as are needed.
        value_range: lowest and highest value of the images.
        scale: size of an image in inches.
        path: file to save to.
        show: whether to show the gallery; None: if there is no `path`.
        transparent: whether the file has no background.
        dpi: pixels by inch in the file.
        legend_handles: what matplotlib's `legend` is given.
        data_format: of the images.
    """
    pyplot = _pyplot("plot_image_gallery")
    if path is not None and show:
        raise ValueError(
            "plot_image_gallery() expects either `path` to be set, or `show` to be true. "
            + received(path=path, show=show)
        )
    if (y_true is not None or y_pred is not None) and label_map is None:
        raise ValueError(
            "If `y_true` or `y_pred` are provided, a `label_map` must also be provided. "
            + received(label_map=label_map)
        )
    pictures = _batch(images, data_format)
    rows = rows or math.ceil(math.sqrt(len(pictures)))
    cols = cols or math.ceil(len(pictures) / rows)
    pictures = _to_bytes_range(pictures[: rows * cols], value_range).astype("uint8")
    figure, axes = pyplot.subplots(
        rows,
        cols,
        figsize=(cols * scale, rows * scale),
        frameon=False,
        squeeze=False,
        gridspec_kw={"wspace": 0, "hspace": 0},
    )
    if legend_handles is not None:
        figure.legend(handles=legend_handles, loc="lower center")
    labels = [
        (word, convert_to_numpy(y))
        for word, y in (("Label", y_true), ("Pred", y_pred))
        if y is not None
    ]
    for index, axis in enumerate(axes.flat):
        axis.axis("off")
        if index < len(pictures):
            axis.imshow(pictures[index], cmap="gray", vmin=0, vmax=255)
            parts = [f"{word}: {label_map.get(y[index], 'Unknown')}" for word, y in labels]
            axis.set_title("  ".join(parts), fontsize=8)
    if path is not None:
        pyplot.savefig(path, pad_inches=0, bbox_inches="tight", transparent=transparent, dpi=dpi)
    elif show or show is None:
        pyplot.show()
    else:
        return
    pyplot.close(figure)


def plot_bounding_box_gallery(
    images,
    bounding_box_format,
    y_true=None,
    y_pred=None,
    value_range=(0, 255),
    true_color=(0, 188, 212),
    pred_color=(255, 235, 59),
    line_thickness=2,
    font_scale=1.0,
    text_thickness=None,
    class_mapping=None,
    ground_truth_mapping=None,
    prediction_mapping=None,
    legend=False,
    legend_handles=None,
    rows=None,
    cols=None,
    data_format=None,
    **kwargs,
) -> None:
    """Shows images with their boxes, or saves them as one picture.

    Args:
        images: a batch.
        bounding_box_format: see `keras.utils.bounding_boxes.convert_format`.
        y_true: dict of boxes, see `draw_bounding_boxes`.
        y_pred: dict of predicted boxes.
        value_range: lowest and highest value of the images.
        true_color: of the boxes in `y_true`.
        pred_color: of the boxes in `y_pred`.
        line_thickness: of the frames.
        font_scale: size of the names.
        text_thickness: of the names; None for that of the frames.
        class_mapping: names of labels.
        ground_truth_mapping: those of `y_true`; None for `class_mapping`.
        prediction_mapping: those of `y_pred`; None for `class_mapping`.
        legend: whether to say which colour is which.
        legend_handles: what matplotlib's `legend` is given instead.
        rows: number of rows.
        cols: number of columns.
        data_format: of the images.
        **kwargs: further arguments of `plot_image_gallery`.
    """
    function = "plot_bounding_box_gallery"
    _pyplot(function)
    pictures = _to_bytes_range(_batch(images, data_format), value_range)
    for boxes, color, mapping in (
        (y_true, true_color, ground_truth_mapping or class_mapping),
        (y_pred, pred_color, prediction_mapping or class_mapping),
    ):
        if boxes is not None:
            pictures = draw_bounding_boxes(
                pictures,
                boxes,
                bounding_box_format,
                class_mapping=mapping,
                color=color,
                line_thickness=line_thickness,
                text_thickness=text_thickness,
                font_scale=font_scale,
                data_format="channels_last",
            )
    if legend:
        if legend_handles:
            raise ValueError(
                f"Only pass `legend` OR `legend_handles` to `keras.visualization.{function}()`. "
                + received(legend=legend, legend_handles=legend_handles)
            )
        patches = import_optional("matplotlib.patches", f"The `{function}` function")
        legend_handles = [
            patches.Patch(color=np.array(color) / 255.0, label=label)
            for color, label in ((true_color, "Ground Truth"), (pred_color, "Prediction"))
        ]
    plot_image_gallery(
        pictures,
        legend_handles=legend_handles,
        rows=rows,
        cols=cols,
        data_format="channels_last",
        **kwargs,
    )


def plot_segmentation_mask_gallery(
    images,
    num_classes,
    value_range=(0, 255),
    y_true=None,
    y_pred=None,
    color_mapping=None,
    blend=True,
    alpha=0.8,
    ignore_index=-1,
    data_format=None,
    **kwargs,
) -> None:
    """Shows each image in a row, beside it with its masks, or saves all as one picture.

    Args:
        images: a batch.
        num_classes: how many classes are coloured.
        value_range: lowest and highest value of the images.
        y_true: masks, see `draw_segmentation_masks`.
        y_pred: predicted masks.
        color_mapping: colours of classes.
        blend: whether to mix colours with the images.
        alpha: share of the colour.
        ignore_index: class at which images stay as they are.
        data_format: of images and masks.
        **kwargs: further arguments of `plot_image_gallery`.
    """
    _pyplot("plot_segmentation_mask_gallery")
    pictures = _to_bytes_range(_batch(images, data_format), value_range)
    columns = [pictures]
    for masks in (y_true, y_pred):
        if masks is not None:
            columns.append(
                draw_segmentation_masks(
                    pictures,
                    _batch(masks, data_format).astype("int32"),
                    num_classes=num_classes,
                    color_mapping=color_mapping,
                    alpha=alpha,
                    blend=blend,
                    ignore_index=ignore_index,
                    data_format="channels_last",
                )
            )
    gallery = np.stack(columns, 1).reshape(-1, *pictures.shape[1:])
    plot_image_gallery(
        gallery,
        rows=len(pictures),
        cols=len(columns),
        data_format="channels_last",
        **kwargs,
    )
