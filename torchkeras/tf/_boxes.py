"""Boxes of `tf.image`: choosing among those that overlap, drawing, random parts of images."""

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras.tf._convert import as_shape, as_tensor
from torchkeras.tf._tensor import facade, sealed
from torchkeras.tf.dtypes import torch_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "combined_non_max_suppression",
    "draw_bounding_boxes",
    "non_max_suppression",
    "non_max_suppression_overlaps",
    "non_max_suppression_padded",
    "non_max_suppression_with_scores",
    "sample_distorted_bounding_box",
    "stateless_sample_distorted_bounding_box",
]


@facade
def non_max_suppression(
    boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=-math.inf, name=None
):
    """The numbers of the best boxes, (y1, x1, y2, x2), none overlapping a better one too much."""
    boxes, scores = as_tensor(boxes).float(), as_tensor(scores)
    kept: list[int] = []
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        if len(kept) == int(max_output_size) or scores[index] <= score_threshold:
            break
        if not kept or float(_overlap(boxes[index], boxes[kept]).max()) <= iou_threshold:
            kept.append(index)
    return torch.tensor(kept, dtype=torch.int32, device=boxes.device)


def _overlap(box: Tensor, others: Tensor) -> Tensor:
    """Intersection over union."""
    low = torch.minimum(others[:, :2], others[:, 2:])
    high = torch.maximum(others[:, :2], others[:, 2:])
    start, stop = torch.minimum(box[:2], box[2:]), torch.maximum(box[:2], box[2:])
    sides = (torch.minimum(high, stop) - torch.maximum(low, start)).clamp(min=0)
    both = sides.prod(-1)
    return both / ((high - low).prod(-1) + (stop - start).prod() - both)


class CombinedNMSResult(tuple):
    """Boxes, scores, classes and how many of them are valid, for each image."""

    nmsed_boxes = property(lambda self: self[0])
    nmsed_scores = property(lambda self: self[1])
    nmsed_classes = property(lambda self: self[2])
    valid_detections = property(lambda self: self[3])


def combined_non_max_suppression(
    boxes,
    scores,
    max_output_size_per_class,
    max_total_size,
    iou_threshold=0.5,
    score_threshold=-math.inf,
    pad_per_class=False,
    clip_boxes=True,
    name=None,
):
    """`non_max_suppression` of each class of each image, the best of all classes kept."""
    boxes, scores = as_tensor(boxes).float(), as_tensor(scores)
    size = int(max_total_size)
    if pad_per_class:
        size = min(size, int(max_output_size_per_class) * scores.shape[-1])
    found = torch.zeros(len(boxes), size, 6)
    counts = []
    for image, (of_image, chances) in enumerate(zip(boxes, scores)):
        rows = []
        for number in range(chances.shape[-1]):
            places = of_image[:, number if of_image.shape[1] > 1 else 0]
            kept = non_max_suppression(
                places,
                chances[:, number],
                max_output_size_per_class,
                iou_threshold,
                score_threshold,
            )
            rows += [(float(chances[k, number]), places[k], number) for k in kept.tolist()]
        rows = sorted(rows, key=lambda row: -row[0])[:size]
        counts.append(len(rows))
        for place, (score, box, number) in enumerate(rows):
            found[image, place, :4] = torch.clamp(box, 0, 1) if clip_boxes else box
            found[image, place, 4], found[image, place, 5] = score, number
    parts = found[..., :4], found[..., 4], found[..., 5], torch.tensor(counts, dtype=torch.int32)
    return CombinedNMSResult(sealed(part) for part in parts)


def draw_bounding_boxes(images, boxes, colors, name=None):
    """Images with frames around boxes, (y1, x1, y2, x2) from 0 to 1."""
    x = as_tensor(images).float().cpu().numpy().copy()
    palette = np.asarray([[1.0] * x.shape[-1]] if colors is None else colors, np.float32)
    height, width = x.shape[1:3]
    for image, of_image in zip(x, np.asarray(as_tensor(boxes))):
        for number, (y1, x1, y2, x2) in enumerate(of_image):
            top, bottom = int(y1 * (height - 1)), int(y2 * (height - 1))
            left, right = int(x1 * (width - 1)), int(x2 * (width - 1))
            colour = palette[number % len(palette)][: x.shape[-1]]
            rows = slice(max(top, 0), min(bottom, height - 1) + 1)
            columns = slice(max(left, 0), min(right, width - 1) + 1)
            for row in (top, bottom):
                if 0 <= row < height:
                    image[row, columns] = colour
            for column in (left, right):
                if 0 <= column < width:
                    image[rows, column] = colour
    return sealed(torch.from_numpy(x).to(torch_dtype(as_tensor(images).dtype)))


def non_max_suppression_with_scores(
    boxes,
    scores,
    max_output_size,
    iou_threshold=0.5,
    score_threshold=-math.inf,
    soft_nms_sigma=0.0,
    name=None,
):
    """The numbers of the best boxes and their scores; with a sigma, scores of boxes that overlap
    better ones are made smaller, as of a bell curve, and none is left out for it."""
    boxes, scores = as_tensor(boxes).float(), as_tensor(scores).float().clone()
    sigma = float(soft_nms_sigma)
    threshold = 1.0 if sigma > 0 else float(iou_threshold)
    kept: list[int] = []
    found: list[float] = []
    left = scores > float(score_threshold)
    while bool(left.any()) and len(kept) < int(max_output_size):
        best = int(torch.argmax(torch.where(left, scores, -torch.inf)))
        kept.append(best)
        found.append(float(scores[best]))
        overlap = _overlap(boxes[best], boxes)
        if sigma > 0:
            scores = scores * torch.exp(-0.5 * torch.square(overlap) / sigma)
        left = left & (overlap <= threshold) & (scores > float(score_threshold))
        left[best] = False
    places = torch.tensor(kept, dtype=torch.int32, device=boxes.device)
    return sealed(places), sealed(torch.tensor(found, device=boxes.device))


@facade
def non_max_suppression_overlaps(
    overlaps,
    scores,
    max_output_size,
    overlap_threshold=0.5,
    score_threshold=-math.inf,
    name=None,
):
    """As `non_max_suppression`, of how much each box overlaps each, (boxes, boxes)."""
    overlaps, scores = as_tensor(overlaps), as_tensor(scores)
    kept: list[int] = []
    for index in torch.argsort(scores, descending=True, stable=True).tolist():
        if len(kept) == int(max_output_size) or scores[index] <= score_threshold:
            break
        if not kept or float(overlaps[index, kept].max()) <= overlap_threshold:
            kept.append(index)
    return torch.tensor(kept, dtype=torch.int32, device=scores.device)


def non_max_suppression_padded(
    boxes,
    scores,
    max_output_size,
    iou_threshold=0.5,
    score_threshold=-math.inf,
    pad_to_max_output_size=False,
    name=None,
    sorted_input=False,
    canonicalized_coordinates=False,
    tile_size=512,
):
    """The numbers of the best boxes, zeros up to `max_output_size`, and how many are valid."""
    found = non_max_suppression(boxes, scores, max_output_size, iou_threshold, score_threshold)
    missing = int(max_output_size) - len(found) if pad_to_max_output_size else 0
    count = torch.tensor(len(found), dtype=torch.int32)
    return sealed(F.pad(found, (0, missing))), sealed(count)


class _DistortedBox(NamedTuple):
    """Where a part of an image begins, its size, and the part as a box."""

    begin: Tensor
    size: Tensor
    bboxes: Tensor


def sample_distorted_bounding_box(
    image_size,
    bounding_boxes,
    seed=0,
    min_object_covered=0.1,
    aspect_ratio_range=(0.75, 1.33),
    area_range=(0.05, 1.0),
    max_attempts=100,
    use_image_if_no_bounding_boxes=False,
    name=None,
) -> _DistortedBox:
    """A random part of an image that covers enough of a box; the whole image where none is found.

    Raises:
        InvalidArgumentError: there are no boxes, and the image is not to stand for one.
    """
    height, width = as_shape(image_size)[:2]
    boxes = as_tensor(bounding_boxes).float().reshape(-1, 4)
    if not len(boxes):
        if not use_image_if_no_bounding_boxes:
            raise InvalidArgumentError(
                "No bounding boxes provided as input. One must enable "
                "use_image_if_no_bounding_boxes if you wish to not provide any bounding boxes."
            )
        boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    generator = seed if isinstance(seed, torch.Generator) else _python_generator(seed)
    pixels = boxes * boxes.new_tensor([height, width, height, width])
    for _ in range(int(max_attempts)):
        draws = torch.rand(4, generator=generator).tolist()
        low, high = aspect_ratio_range
        ratio = low + draws[0] * (high - low)
        area = (area_range[0] + draws[1] * (area_range[1] - area_range[0])) * height * width
        rows, columns = round(math.sqrt(area / ratio)), round(math.sqrt(area * ratio))
        if not (0 < rows <= height and 0 < columns <= width):
            continue
        top, left = int(draws[2] * (height - rows + 1)), int(draws[3] * (width - columns + 1))
        part = pixels.new_tensor([top, left, top + rows, left + columns])
        if float(_covered(part, pixels).max()) >= min_object_covered:
            return _part_of_image(top, left, rows, columns, height, width)
    return _part_of_image(0, 0, height, width, height, width)


def stateless_sample_distorted_bounding_box(image_size, bounding_boxes, seed, *args, **kwargs):
    """As `sample_distorted_bounding_box`, the same part each time for the same seed."""
    first, second = as_shape(seed)
    generator = torch.Generator().manual_seed((first * 1_000_003 + second) % 2**63)
    return sample_distorted_bounding_box(image_size, bounding_boxes, generator, *args, **kwargs)


def _python_generator(seed: int) -> torch.Generator:
    """A stream of numbers: torch's own order of seeds unless one is given."""
    return torch.Generator().manual_seed(int(seed) or int(torch.randint(2**31, ())))


def _covered(part: Tensor, boxes: Tensor) -> Tensor:
    """Which share of each box lies in a part."""
    sides = torch.minimum(boxes[:, 2:], part[2:]) - torch.maximum(boxes[:, :2], part[:2])
    return sides.clamp(min=0).prod(-1) / (boxes[:, 2:] - boxes[:, :2]).prod(-1)


def _part_of_image(top, left, rows, columns, height, width) -> _DistortedBox:
    box = [top / height, left / width, (top + rows) / height, (left + columns) / width]
    return _DistortedBox(
        sealed(torch.tensor([top, left, 0], dtype=torch.int32)),
        sealed(torch.tensor([rows, columns, -1], dtype=torch.int32)),
        sealed(torch.tensor([[box]])),
    )
