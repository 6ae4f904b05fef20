"""Class numbers as one-hot rows, and arrays of unit norm."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import _dtypes, config

__all__ = ["normalize", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """One-hot rows of class numbers: shape (...,) or (..., 1) becomes (..., num_classes).

    A tensor gives a tensor in `floatx` on its device, anything else a float64 array. Without
    `num_classes` there are as many as the largest number needs.

    >>> to_categorical([0, 2, 1])
    array([[1., 0., 0.],
           [0., 0., 1.],
           [0., 1., 0.]])
    """
    if isinstance(x, Tensor):
        return _one_hot(x, num_classes)
    labels = np.asarray(_plain(x)).astype("int64")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    if not num_classes:
        num_classes = int(labels.max()) + 1 if labels.size else 0
    _check_labels(labels, num_classes)
    rows = np.zeros((labels.size, num_classes))
    rows[np.arange(labels.size), labels] = 1
    return rows.reshape(*shape, num_classes)


def _plain(x: Any) -> Any:
    """Lists of tensors as lists of arrays."""
    if isinstance(x, (list, tuple)):
        return [_plain(item) for item in x]
    return x.detach().cpu().numpy() if isinstance(x, Tensor) else x


def _check_labels(labels: np.ndarray, num_classes: int) -> None:
    wrong = labels[(labels >= num_classes) | (labels < -num_classes)]
    if wrong.size:
        raise IndexError(
            f"Class numbers must be below `num_classes`; {int(wrong[0])} is out of bounds. "
            f"Received: num_classes={num_classes}"
        )


def _one_hot(x: Tensor, num_classes: int | None) -> Tensor:
    if x.ndim > 1 and x.shape[-1] == 1:
        x = x.squeeze(-1)
    x = x.long()
    if not num_classes:
        num_classes = int(x.max()) + 1 if x.numel() else 0
    classes = torch.arange(num_classes, device=x.device)
    return (x.unsqueeze(-1) == classes).to(_dtypes.torch_dtype(None))


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """`x` divided by its norm of the given order along an axis; rows of zeros stay zeros.

    A tensor gives a tensor, anything else a numpy array.
    """
    if isinstance(x, Tensor):
        x = x if x.is_floating_point() else x.to(_dtypes.torch_dtype(None))
        return F.normalize(x, p=order, dim=axis, eps=config.epsilon())
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
