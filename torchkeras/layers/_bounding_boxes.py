"""Bounding boxes: their formats, and what happens to them when an image is moved, cut or padded."""

import math

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from torchkeras import _dtypes, config
from torchkeras._errors import received
from torchkeras.ops._core import as_tensor

__all__ = [
    "affine_transform",
    "clip_to_image_size",
    "compute_ciou",
    "compute_iou",
    "convert_format",
    "crop",
    "decode_deltas_to_boxes",
    "encode_box_to_deltas",
    "pad",
]

# "rel_": from 0 to 1 instead of in pixels; "center_": the first two numbers are the middle.
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
DELTA_FORMATS = ("center_xywh", "center_yxhw")


# ------------------------------------------------------------------ formats
def convert_format(boxes, source, target, height=None, width=None, dtype="float32"):
    """Boxes (..., 4) in another format.

    Args:
        boxes: the boxes, or a dict with them under "boxes", of which a copy is returned.
        source: "xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx",
            "rel_xywh" or "rel_center_xywh".
        target: one of these.
        height: of the images, needed where one of the formats is relative; a number, or a tensor
            that broadcasts against boxes of size 1.
        width: of the images, likewise.
        dtype: of the result.
    """
    if isinstance(boxes, dict):
        converted = convert_format(boxes["boxes"], source, target, height, width, dtype)
        return {**boxes, "boxes": converted}
    boxes = as_tensor(boxes)
    if boxes.shape[-1] != 4:
        raise ValueError(
            "`boxes` must be a tensor with the last dimension of 4. "
            f"Received: boxes.shape={tuple(boxes.shape)}"
        )
    source, target = source.lower(), target.lower()
    if source not in FORMATS or target not in FORMATS:
        raise ValueError(
            f"Invalid source or target format. Supported formats: {FORMATS}. "
            + received(source=source, target=target)
        )
    relative = source.startswith("rel_"), target.startswith("rel_")
    if any(relative) and (height is None or width is None):
        raise ValueError(
            "convert_format() must receive `height` and `width` transforming between relative and "
            "absolute formats. "
            + received(source=source, target=target, height=height, width=width)
        )
    boxes = boxes.to(_dtypes.torch_dtype(dtype))
    if source == target:
        return boxes
    boxes = _to_corners(boxes, source.removeprefix("rel_"))
    # Between two relative formats sizes do not matter.
    if relative == (True, False):
        boxes = boxes * _sizes(height, width, boxes)
    boxes = _from_corners(boxes, target.removeprefix("rel_"))
    if relative == (False, True):
        sizes = _sizes(height, width, boxes)
        boxes = boxes / (sizes[..., [1, 0, 3, 2]] if _is_yx(target) else sizes)
    return boxes


def _is_yx(name: str) -> bool:
    return name.removeprefix("rel_").removeprefix("center_").startswith("y")


def _swapped(boxes: Tensor) -> Tensor:
    """x for y and y for x."""
    return boxes[..., [1, 0, 3, 2]]


def _to_corners(boxes: Tensor, name: str) -> Tensor:
    boxes = _swapped(boxes) if _is_yx(name) else boxes
    if name in ("xyxy", "yxyx"):
        return boxes
    first, size = boxes[..., :2], boxes[..., 2:]
    if name.startswith("center_"):
        return torch.cat((first - size / 2, first + size / 2), -1)
    return torch.cat((first, first + size), -1)


def _from_corners(boxes: Tensor, name: str) -> Tensor:
    if name not in ("xyxy", "yxyx"):
        first, size = boxes[..., :2], boxes[..., 2:] - boxes[..., :2]
        first = first + size / 2 if name.startswith("center_") else first
        boxes = torch.cat((first, size), -1)
    return _swapped(boxes) if _is_yx(name) else boxes


def _sizes(height, width, like: Tensor) -> Tensor:
    """(..., 4): width, height, width, height, of size 1 for plain numbers."""
    height, width = (_number(size, like) for size in (height, width))
    return torch.cat((width, height, width, height), -1)


def _number(value, like: Tensor) -> Tensor:
    """(..., 1) in the dtype and on the device of `like`."""
    value = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    return value if value.ndim else value.unsqueeze(0)


# ------------------------------------------------------------------ moving, cutting, padding
def clip_to_image_size(bounding_boxes, height=None, width=None, bounding_box_format="xyxy"):
    """A dict of boxes with what is outside of the image cut off.

    The label of a box of which nothing is left becomes -1.

    Args:
        bounding_boxes: dict with "boxes" (..., n, 4) and perhaps "labels" (..., n).
        height: of the image, needed for "xyxy".
        width: of the image, needed for "xyxy".
        bounding_box_format: "xyxy" or "rel_xyxy".
    """
    _check_format(bounding_box_format, ("xyxy", "rel_xyxy"))
    boxes = as_tensor(bounding_boxes["boxes"])
    if bounding_box_format == "rel_xyxy":
        height = width = 1.0
    elif height is None or width is None:
        raise ValueError(
            "`height` and `width` must be set if `format='xyxy'`. "
            + received(height=height, width=width)
        )
    boxes = _clipped(boxes, height, width)
    result = {**bounding_boxes, "boxes": boxes}
    labels = bounding_boxes.get("labels")
    if labels is not None:
        area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
        result["labels"] = torch.where(area > 0, as_tensor(labels, device=boxes.device), -1)
    return result


def _check_format(name: str, known: tuple[str, ...]):
    if name not in known:
        raise NotImplementedError(
            f"Boxes of this format cannot be used here, only {known}: see `convert_format`. "
            + received(bounding_box_format=name)
        )


def _clipped(boxes: Tensor, height, width) -> Tensor:
    limits = _sizes(height, width, boxes)
    return torch.minimum(torch.clamp(boxes, min=0), limits)


def affine_transform(
    boxes,
    angle,
    translate_x,
    translate_y,
    scale,
    shear_x,
    shear_y,
    height,
    width,
    center_x=None,
    center_y=None,
    bounding_box_format="xyxy",
):
    """The smallest boxes around boxes (batch, n, 4) that moved with their images.

    Args:
        boxes: in "xyxy".
        angle: counter-clockwise, in degrees; like all up to `shear_y` one for each image.
        translate_x: to the right, as a fraction of the width.
        translate_y: downwards, as a fraction of the height.
        scale: above 1 for larger.
        shear_x: in degrees.
        shear_y: in degrees.
        height: of the images.
        width: of the images.
        center_x: of the rotation, as a fraction of the width; None: the middle.
        center_y: likewise.
        bounding_box_format: "xyxy".
    """
    _check_format(bounding_box_format, ("xyxy",))
    boxes = as_tensor(boxes)
    given = (angle, translate_x, translate_y, scale, shear_x, shear_y)
    numbers = [as_tensor(value, device=boxes.device) for value in given]
    middle = (
        (0.5 if center_x is None else center_x) * (width - 1),
        (0.5 if center_y is None else center_y) * (height - 1),
    )
    matrix = _forward_matrix(*numbers, middle, (width - 1, height - 1))  # (B, 2, 3)
    boxes = boxes.to(matrix.dtype)
    corners = boxes[..., [0, 1, 2, 1, 2, 3, 0, 3]].unflatten(-1, (4, 2))
    corners = corners @ matrix[:, None, :, :2].mT + matrix[:, None, None, :, 2]
    return torch.cat((corners.amin(2), corners.amax(2)), -1)


def _forward_matrix(
    angle: Tensor,
    translate_x: Tensor,
    translate_y: Tensor,
    scale: Tensor,
    shear_x: Tensor,
    shear_y: Tensor,
    middle: tuple[float, float],
    extent: tuple[float, float],
) -> Tensor:
    """(B, 2, 3): where points go when the image is transformed."""
    turn, lean_x, lean_y = (torch.deg2rad(-degrees) for degrees in (angle, shear_x, shear_y))
    a = torch.cos(turn - lean_y) / torch.cos(lean_y)
    b = a * torch.tan(lean_x) + torch.sin(turn)
    c = -torch.sin(turn - lean_y) / torch.cos(lean_y)
    d = torch.cos(turn) - c * torch.tan(lean_x)
    linear = torch.stack((d, -b, -c, a), -1).unflatten(-1, (2, 2)) * scale.view(-1, 1, 1)
    moved = torch.stack(
        [m - t * e for m, t, e in zip(middle, (translate_x, translate_y), extent, strict=True)], -1
    )
    offset = moved.new_tensor(middle) - (linear @ moved.unsqueeze(-1)).squeeze(-1)
    return torch.cat((linear, offset.unsqueeze(-1)), -1)


def crop(boxes, top, left, height, width, bounding_box_format="xyxy"):
    """Boxes (..., 4) in a part of their image, `height` by `width` from (`top`, `left`) on."""
    _check_format(bounding_box_format, ("xyxy",))
    boxes = as_tensor(boxes)
    return _clipped(boxes - _sizes(top, left, boxes), height, width)


def pad(boxes, top, left, height=None, width=None, bounding_box_format="xyxy"):
    """Boxes (..., 4) in their image with borders `top` and `left` of it.

    `height` and `width`, those of the padded image, do not change the boxes.
    """
    _check_format(bounding_box_format, ("xyxy",))
    boxes = as_tensor(boxes)
    return boxes + _sizes(top, left, boxes)


# ------------------------------------------------------------------ as deltas of anchors
def encode_box_to_deltas(
    anchors,
    boxes,
    anchor_format,
    box_format,
    encoding_format="center_yxhw",
    variance=None,
    image_shape=None,
):
    """What has to be added to anchors to get boxes: moves by sizes, and logarithms of factors.

    Args:
        anchors: (n, 4).
        boxes: (..., n, 4).
        anchor_format: see `convert_format`.
        box_format: likewise.
        encoding_format: order of the deltas, "center_xywh" or "center_yxhw".
        variance: four numbers that the deltas are divided by.
        image_shape: (height, width, channels), needed for relative formats.
    """
    variance = _checked_deltas(variance, "encoding_format", encoding_format)
    height, width = _size_of(image_shape)
    anchors = convert_format(anchors, anchor_format, encoding_format, height, width)
    boxes = convert_format(boxes, box_format, encoding_format, height, width)
    anchor_sizes = anchors[..., 2:].clamp(min=config.epsilon())
    box_sizes = boxes[..., 2:].clamp(min=config.epsilon())
    moves = (boxes[..., :2] - anchors[..., :2]) / anchor_sizes
    deltas = torch.cat((moves, torch.log(box_sizes / anchor_sizes)), -1)
    return deltas if variance is None else deltas / variance.to(deltas.device)


def decode_deltas_to_boxes(
    anchors,
    boxes_delta,
    anchor_format,
    box_format,
    encoded_format="center_yxhw",
    variance=None,
    image_shape=None,
):
    """Boxes from anchors and what `encode_box_to_deltas` made of them.

    Args:
        anchors: (n, 4), or a dict of them, level by level.
        boxes_delta: (..., n, 4), or a dict with the same keys.
        anchor_format: see `convert_format`.
        box_format: likewise, of the result.
        encoded_format: order of the deltas, "center_xywh" or "center_yxhw".
        variance: four numbers that the deltas are multiplied by.
        image_shape: (height, width, channels), needed for relative formats.
    """
    variance = _checked_deltas(variance, "encoded_format", encoded_format)
    if isinstance(anchors, dict) and isinstance(boxes_delta, dict):
        more = (anchor_format, box_format, encoded_format, variance, image_shape)
        return {
            level: decode_deltas_to_boxes(anchor, boxes_delta[level], *more)
            for level, anchor in anchors.items()
        }
    height, width = _size_of(image_shape)
    anchors = convert_format(anchors, anchor_format, encoded_format, height, width)
    deltas = as_tensor(boxes_delta, device=anchors.device)
    deltas = deltas if variance is None else deltas * variance.to(deltas.device)
    places = deltas[..., :2] * anchors[..., 2:] + anchors[..., :2]
    boxes = torch.cat((places, torch.exp(deltas[..., 2:]) * anchors[..., 2:]), -1)
    return convert_format(boxes, encoded_format, box_format, height, width)


def _checked_deltas(variance, name: str, value: str) -> Tensor | None:
    if variance is not None:
        variance = as_tensor(variance, "float32")
        if variance.shape[-1] != 4:
            raise ValueError(f"`variance` must be length 4. {received(variance=variance)}")
    if value not in DELTA_FORMATS:
        raise ValueError(
            f"`{name}` should be one of 'center_xywh' or 'center_yxhw'. {received(**{name: value})}"
        )
    return variance


def _size_of(image_shape) -> tuple:
    return (None, None) if image_shape is None else tuple(image_shape)[:2]


# ------------------------------------------------------------------ overlap
def compute_iou(
    boxes1, boxes2, bounding_box_format, use_masking=False, mask_val=-1, image_shape=None
):
    """Intersection over union of each of `boxes1` with each of `boxes2`: (..., m, n).

    Args:
        boxes1: (m, 4) or (batch, m, 4).
        boxes2: (n, 4) or (batch, n, 4).
        bounding_box_format: see `convert_format`.
        use_masking: whether boxes of negative numbers are no boxes.
        mask_val: what stands in the result for those.
        image_shape: (height, width, channels), needed for relative formats.
    """
    ranks = [as_tensor(boxes).ndim for boxes in (boxes1, boxes2)]
    for name, rank in zip(("boxes1", "boxes2"), ranks, strict=True):
        if rank not in (2, 3):
            raise ValueError(
                f"compute_iou() expects {name} to be batched, or to be unbatched: of rank 3 or 2. "
                f"Received: len(boxes1.shape)={ranks[0]}, len(boxes2.shape)={ranks[1]}"
            )
    _check_image_shape(bounding_box_format, image_shape)
    size = _size_of(image_shape)
    boxes1 = convert_format(boxes1, bounding_box_format, "xyxy", *size)
    boxes2 = convert_format(boxes2, bounding_box_format, "xyxy", *size)
    one, two = boxes1.unsqueeze(-2), boxes2.unsqueeze(-3)
    common = _area(_intersection(one, two).clamp(min=0))
    union = _area(one[..., 2:] - one[..., :2]) + _area(two[..., 2:] - two[..., :2]) - common
    result = common / (union + config.epsilon())
    if not use_masking:
        return result
    no_box = (one.amax(-1) < 0) | (two.amax(-1) < 0)
    return torch.where(no_box, torch.full_like(result, mask_val), result)


def compute_ciou(boxes1, boxes2, bounding_box_format, image_shape=None):
    """Complete intersection over union of boxes (..., 4), pair by pair.

    Beside the overlap it counts how far apart the middles are and how the shapes differ
    (https://arxiv.org/abs/1911.08287).

    Args:
        boxes1: (..., 4).
        boxes2: (..., 4).
        bounding_box_format: see `convert_format`.
        image_shape: (height, width, channels), needed for relative formats.
    """
    _check_image_shape(bounding_box_format, image_shape)
    size = _size_of(image_shape)
    one = convert_format(boxes1, bounding_box_format, "xyxy", *size)
    two = convert_format(boxes2, bounding_box_format, "xyxy", *size)
    tiny = config.epsilon()
    # Widths as they are, heights never zero.
    sizes1, sizes2 = (x[..., 2:] - x[..., :2] + x.new_tensor([0, tiny]) for x in (one, two))
    common = _area(_intersection(one, two).clamp(min=0))
    union = _area(sizes1) + _area(sizes2) - common + tiny
    overlap = common / (union + tiny)
    around = torch.maximum(one[..., 2:], two[..., 2:]) - torch.minimum(one[..., :2], two[..., :2])
    diagonal = around.square().sum(-1) + tiny
    apart = (one[..., :2] + one[..., 2:] - two[..., :2] - two[..., 2:]) / 2
    angle1, angle2 = (torch.atan(s[..., 0] / s[..., 1]) for s in (sizes1, sizes2))
    shape = 4 / math.pi**2 * (angle2 - angle1).square()
    weight = shape / (shape - overlap + (1 + tiny))
    return overlap - (apart.square().sum(-1) / diagonal + shape * weight)


def _check_image_shape(name: str, image_shape):
    if "rel" in name and image_shape is None:
        raise ValueError(
            "When using relative bounding box formats (e.g. `rel_yxyx`) the `image_shape` argument "
            "must be provided. " + received(bounding_box_format=name, image_shape=image_shape)
        )


def _intersection(one: Tensor, two: Tensor) -> Tensor:
    """(..., 2): width and height of what both cover, negative where that is nothing."""
    return torch.minimum(one[..., 2:], two[..., 2:]) - torch.maximum(one[..., :2], two[..., :2])


def _area(sizes: Tensor) -> Tensor:
    return sizes[..., 0] * sizes[..., 1]


# ------------------------------------------------------------------ as layers take them
def densified(bounding_boxes) -> dict:
    """A checked dict with "boxes" (..., n, 4) and "labels" as tensors.

    Lists of lists of different lengths are filled up with boxes of 0 and labels of -1.
    """
    if not isinstance(bounding_boxes, dict) or not {"boxes", "labels"} <= bounding_boxes.keys():
        raise ValueError(
            "Expected `bounding_boxes` argument to be a dict with keys 'boxes' and 'labels'. "
            + received(bounding_boxes=bounding_boxes)
        )
    boxes, labels = bounding_boxes["boxes"], bounding_boxes["labels"]
    if isinstance(boxes, list):
        boxes, labels = _from_lists(boxes, labels)
    boxes, labels = as_tensor(boxes, "float32"), as_tensor(labels)
    if boxes.ndim not in (2, 3):
        raise ValueError(
            "Expected `bounding_boxes['boxes']` to have rank 2 or 3, with shape (num_boxes, 4) or "
            "(batch_size, num_boxes, 4). "
            f"Received: bounding_boxes['boxes'].shape={tuple(boxes.shape)}"
        )
    if labels.ndim not in (boxes.ndim - 1, boxes.ndim):
        raise ValueError(
            f"Found bounding_boxes['boxes'].shape={tuple(boxes.shape)} and expected "
            f"bounding_boxes['labels'] to have rank {boxes.ndim - 1} or {boxes.ndim}. "
            f"Received: bounding_boxes['labels'].shape={tuple(labels.shape)}"
        )
    return {**bounding_boxes, "boxes": boxes, "labels": labels}


def _from_lists(boxes: list, labels) -> tuple:
    if not isinstance(labels, list):
        raise ValueError(
            "If `bounding_boxes['boxes']` is a list, then `bounding_boxes['labels']` must also be "
            f"a list. Received: bounding_boxes['labels']={labels}"
        )
    if len(boxes) != len(labels):
        raise ValueError(
            "If `bounding_boxes['boxes']` and `bounding_boxes['labels']` are both lists, they must "
            f"have the same length. Received: len(bounding_boxes['boxes'])={len(boxes)} and "
            f"len(bounding_boxes['labels'])={len(labels)}"
        )
    boxes = [as_tensor(item, "float32") for item in boxes]
    if all(item.ndim == 1 and len(item) for item in boxes):
        return (torch.stack(boxes) if boxes else torch.zeros(0, 4)), labels
    labels = [as_tensor(item, "int32") for item in labels]
    boxes = pad_sequence([item.view(-1, 4) for item in boxes], batch_first=True)
    return boxes, pad_sequence(labels, batch_first=True, padding_value=-1)
