"""Intersection over union of classes, from a confusion matrix."""

import torch
from torch import Tensor

from torchkeras import config
from torchkeras._errors import warn
from torchkeras.metrics._base import Metric
from torchkeras.ops._core import as_tensor

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(Metric):
    """Intersection / union of the samples of a class and those predicted to be, mean over classes.

    Classes that neither occur nor are predicted do not count.

    Args:
        target_class_ids: the classes to take the mean of.
        ignore_class: a target whose samples do not count.
        sparse_y_true, sparse_y_pred: whether these are class numbers instead of scores on `axis`.
    """

    _direction = "up"

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(name=name, dtype=dtype or "int")
        if max(target_class_ids) >= num_classes:
            raise ValueError(
                f"Target class id {max(target_class_ids)} is out of range, which is "
                f"[0, {num_classes}). Received: target_class_ids={target_class_ids}"
            )
        self.num_classes = num_classes
        self.target_class_ids = list(target_class_ids)
        self.ignore_class = ignore_class
        self.sparse_y_true = sparse_y_true
        self.sparse_y_pred = sparse_y_pred
        self.axis = axis
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", dtype=self.dtype, name="total_confusion_matrix"
        )

    @torch.no_grad()
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = as_tensor(y_pred)
        y_true = as_tensor(y_true, device=y_pred.device).to(y_pred.device)
        self._follow(y_pred)
        y_true = self._classes(y_true, self.sparse_y_true)
        y_pred = self._classes(y_pred, self.sparse_y_pred)
        counted = (y_true >= 0) & (y_true < self.num_classes)
        counted &= (y_pred >= 0) & (y_pred < self.num_classes)
        if self.ignore_class is not None:
            counted &= y_true != self.ignore_class
        weight = self._weight(sample_weight, y_true)
        # Samples that do not count go to cell 0 with weight 0.
        cells = torch.where(counted, y_true * self.num_classes + y_pred, 0)
        weight = torch.where(counted, weight, 0)
        self.total_cm.view(-1).index_add_(0, cells, weight)

    def _classes(self, values: Tensor, is_sparse: bool) -> Tensor:
        if not is_sparse:
            values = values.argmax(self.axis)
        return values.reshape(-1).long()

    def _weight(self, sample_weight, y_true: Tensor) -> Tensor:
        if sample_weight is None:
            return torch.ones_like(y_true, dtype=self._torch_dtype)
        is_float = "float" in str(getattr(sample_weight, "dtype", ""))
        if is_float and not self._torch_dtype.is_floating_point:
            warn(
                "You are passing weight as `float`, but dtype is `int`. This may result in an "
                "incorrect weight due to type casting. Consider using integer weights."
            )
        weight = as_tensor(sample_weight, self._torch_dtype, y_true.device).to(y_true.device)
        if weight.ndim > 1:
            weight = weight.reshape(-1)
        return weight.broadcast_to(y_true.shape)

    @torch.no_grad()
    def result(self):
        intersection = self.total_cm.diagonal()
        union = self.total_cm.sum(0) + self.total_cm.sum(1) - intersection
        classes = torch.tensor(self.target_class_ids, device=union.device)
        intersection = intersection[classes].to(torch.float32)
        union = union[classes].to(torch.float32)
        occurs = union > 1e-9
        iou = torch.where(occurs, intersection / (union + config.epsilon()), 0.0)
        return iou.sum() / (occurs.sum() + config.epsilon())


class MeanIoU(IoU):
    """Mean over all classes of intersection / union; arguments as for `IoU`."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_true=True,
        sparse_y_pred=True,
        axis=-1,
    ):
        super().__init__(
            num_classes,
            range(num_classes),
            name,
            dtype,
            ignore_class,
            sparse_y_true,
            sparse_y_pred,
            axis,
        )


class BinaryIoU(IoU):
    """`IoU` of the classes 0 and 1, a prediction of `threshold` and more being class 1."""

    def __init__(self, target_class_ids=(0, 1), threshold=0.5, name=None, dtype=None):
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = as_tensor(y_pred)
        super().update_state(y_true, y_pred >= self.threshold, sample_weight)


class OneHotIoU(IoU):
    """`IoU` of one-hot targets; predictions are scores unless `sparse_y_pred`."""

    def __init__(
        self,
        num_classes,
        target_class_ids,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(
            num_classes,
            target_class_ids,
            name,
            dtype,
            ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` of one-hot targets; predictions are scores unless `sparse_y_pred`."""

    def __init__(
        self,
        num_classes,
        name=None,
        dtype=None,
        ignore_class=None,
        sparse_y_pred=False,
        axis=-1,
    ):
        super().__init__(
            num_classes,
            name,
            dtype,
            ignore_class,
            sparse_y_true=False,
            sparse_y_pred=sparse_y_pred,
            axis=axis,
        )
