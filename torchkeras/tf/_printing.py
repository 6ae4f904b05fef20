"""How `tf.print` and `tf.strings.format` spell values: TensorFlow's digits, brackets and dots."""

import pprint
import re
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import tree
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor, text_of
from torchkeras.tf.sparse import SparseTensor

__all__ = ["printed", "spelled"]


def printed(inputs: tuple, summarize: int, sep: str) -> str:
    """The arguments of a `tf.print` as one text.

    Args:
        inputs: texts, tensors, nests of tensors, anything else.
        summarize: how many elements are shown at both ends of an axis; -1 for all.
        sep: what stands between two arguments.
    """
    if len(inputs) == 1 and isinstance(inputs[0], StringTensor) and not inputs[0].ndim:
        return text_of(inputs[0].values[()])
    return sep.join(x if isinstance(x, str) else _nest(x, summarize) for x in inputs)


def _nest(value: Any, summarize: int) -> str:
    """Python's own text of a nest, its tensors spelled."""
    texts: list[str] = []

    def hole(x):
        if not isinstance(x, Tensor | StringTensor | RaggedTensor | SparseTensor):
            return x
        texts.append(spelled(x, summarize))
        return _Hole(len(texts) - 1)

    text = pprint.pformat(tree.map_structure(hole, value))
    return re.sub("\0([0-9]+)\0", lambda found: texts[int(found[1])], text)


class _Hole:
    """Stands for a tensor in a nest that Python writes down."""

    def __init__(self, place: int):
        self.place = place

    def __repr__(self):
        return f"\0{self.place}\0"


def spelled(value: Any, summarize: int = 3) -> str:
    """A tensor of any kind as text."""
    if isinstance(value, RaggedTensor):
        return _ragged(value.to_list(), summarize)
    if isinstance(value, SparseTensor):
        indices, values = spelled(value.indices, summarize), spelled(value.values, summarize)
        shape = spelled(value.dense_shape, summarize)
        return f"'SparseTensor(indices={indices}, values={values}, shape={shape})'"
    if isinstance(value, StringTensor):
        return _array(value.values, _quoted, summarize)
    x = value.detach().cpu()
    is_wide = x.dtype is torch.float64
    x = x.float() if x.is_floating_point() and not is_wide else x
    digits = (15, 17, np.float64) if is_wide else (6, 9, np.float32)
    return _array(x.numpy(), lambda number: _number(number, *digits), summarize)


def _array(array: np.ndarray, element, summarize: int, depth: int = 1) -> str:
    if not array.ndim:
        return element(array[()])
    hidden = summarize >= 0 and len(array) > 2 * summarize
    rows = [*array[:summarize], ..., *array[len(array) - summarize :]] if hidden else [*array]
    parts = [
        "..." if row is ... else _array(np.asarray(row), element, summarize, depth + 1)
        for row in rows
    ]
    between = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * depth
    return f"[{between.join(parts)}]"


def _number(value: Any, short: int, long: int, kind: type) -> str:
    """A number in few digits, or in as many as tell it from all others."""
    if isinstance(value, np.bool_):
        return str(int(value))
    if not isinstance(value, np.floating):
        return str(value)
    text = f"{value:.{short}g}"
    return text if kind(text) == value or value != value else f"{value:.{long}g}"


_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "'": r"\'", "\\": r"\\"}


def _quoted(value: str | bytes) -> str:
    letters = [
        _ESCAPES.get(letter) or (f"\\{ord(letter):03o}" if letter < " " else letter)
        for letter in text_of(value)
    ]
    return f'"{"".join(letters)}"'


def _ragged(value: Any, summarize: int) -> str:
    if isinstance(value, list):
        rows = [_ragged(row, summarize) for row in value]
        if 0 <= 2 * summarize < len(rows):
            rows = [*rows[:summarize], "...", *rows[len(rows) - summarize :]]
        return f"[{', '.join(rows)}]"
    if isinstance(value, str | bytes):
        return f"'{text_of(value)}'"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:f}" if isinstance(value, float) else str(value)
