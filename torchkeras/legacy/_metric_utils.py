"""Parts of losses and metrics that Keras 2.3 had in `utils.losses_utils` and `metrics_utils`."""

import enum

import torch

from torchkeras.legacy._functions import Reduction, to_list
from torchkeras.metrics import Metric
from torchkeras.metrics._confusion import LEAST
from torchkeras.ops._core import as_tensor

__all__ = [
    "AUCCurve",
    "AUCSummationMethod",
    "ConfusionMatrix",
    "MetricReduction",
    "Reduce",
    "SensitivitySpecificityBase",
    "assert_thresholds_range",
    "broadcast_weights",
    "compute_weighted_loss",
    "filter_top_k",
    "parse_init_thresholds",
    "reduce_weighted_loss",
    "result_wrapper",
    "squeeze_or_expand_dimensions",
    "update_confusion_matrix_variables",
    "update_state_wrapper",
    "weighted_assign_add",
]


# ---------------------------------------------------------------- losses


def squeeze_or_expand_dimensions(y_pred, y_true=None, sample_weight=None):
    """Tensors whose last axis is taken off, or one put on, where their ranks differ by one.

    Returns:
        `y_pred` and `y_true`, and with a `sample_weight` that too.
    """
    y_pred = as_tensor(y_pred)
    if y_true is not None:
        y_true = as_tensor(y_true)
        more = y_pred.ndim - y_true.ndim
        if more == 1 and y_pred.shape[-1] == 1:
            y_pred = y_pred.squeeze(-1)
        elif more == -1 and y_true.shape[-1] == 1:
            y_true = y_true.squeeze(-1)
    if sample_weight is None:
        return y_pred, y_true
    sample_weight = as_tensor(sample_weight)
    more = y_pred.ndim - sample_weight.ndim
    if sample_weight.ndim and more == -1:
        if y_pred.ndim:
            sample_weight = sample_weight.squeeze(-1)
        else:
            y_pred = y_pred.unsqueeze(-1)
    elif sample_weight.ndim and more == 1:
        sample_weight = sample_weight.unsqueeze(-1)
    return y_pred, y_true, sample_weight


def broadcast_weights(values, sample_weight):
    """Weights in the shape of the values, whose sizes they have or 1.

    Raises:
        ValueError: other ranks or sizes.
    """
    values, sample_weight = as_tensor(values), as_tensor(sample_weight)
    sizes = zip(sample_weight.shape, values.shape, strict=False)
    fits = all(size in (1, wanted) for size, wanted in sizes)
    if sample_weight.ndim and (sample_weight.ndim != values.ndim or not fits):
        raise ValueError(
            "Weights can not be broadcast to values. Received: values of shape "
            f"{tuple(values.shape)}, sample_weight of shape {tuple(sample_weight.shape)}"
        )
    return sample_weight.broadcast_to(values.shape)


def reduce_weighted_loss(weighted_losses, reduction=Reduction.SUM_OVER_BATCH_SIZE):
    """The losses themselves, their sum or their mean."""
    if reduction == Reduction.NONE:
        return weighted_losses
    losses = as_tensor(weighted_losses)
    return losses.sum() if reduction == Reduction.SUM else losses.mean()


def compute_weighted_loss(
    losses, sample_weight=None, reduction=Reduction.SUM_OVER_BATCH_SIZE, name=None
):
    """Losses times weights, reduced.

    Args:
        name: changes nothing; operations have no names here.
    """
    Reduction.validate(reduction)
    losses = as_tensor(losses)
    if sample_weight is None:
        return reduce_weighted_loss(losses, reduction)
    weight = as_tensor(sample_weight).to(losses.device, losses.dtype)
    losses, _, weight = squeeze_or_expand_dimensions(losses, None, weight)
    return reduce_weighted_loss(losses * broadcast_weights(losses, weight), reduction)


# ---------------------------------------------------------------- metrics


class MetricReduction:
    """Names of the ways in which a metric makes one number of many."""

    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"
    WEIGHTED_MEAN = "weighted_mean"


class Reduce(Metric):
    """The sum or mean of values, times their weights.

    Args:
        reduction: "sum", "sum_over_batch_size" (divided by the number of values) or
            "weighted_mean" (divided by the sum of weights).
    """

    def __init__(self, reduction, name, dtype=None):
        super().__init__(name=name, dtype=dtype)
        known = (
            MetricReduction.SUM,
            MetricReduction.SUM_OVER_BATCH_SIZE,
            MetricReduction.WEIGHTED_MEAN,
        )
        if reduction not in known:
            raise ValueError(f"reduction must be one of {known}. Received: reduction={reduction!r}")
        self.reduction = reduction
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")

    @torch.no_grad()
    def update_state(self, values, sample_weight=None):
        """Adds values."""
        values = as_tensor(values).to(self._torch_dtype)
        self._follow(values)
        weight = torch.ones_like(values)
        if sample_weight is not None:
            weight = as_tensor(sample_weight).to(values.device, values.dtype)
            values, _, weight = squeeze_or_expand_dimensions(values, None, weight)
            if weight.ndim < values.ndim and self.reduction != MetricReduction.SUM:
                values = values.flatten(weight.ndim).mean(-1) if weight.ndim else values.mean()
            weight = weight.broadcast_to(values.shape)
        self.total.add_((values * weight).sum())
        by_weight = self.reduction == MetricReduction.WEIGHTED_MEAN
        self.count.add_(weight.sum() if by_weight else values.numel())

    def result(self):
        """The sum or mean."""
        total = self.total.detach()
        if self.reduction == MetricReduction.SUM:
            return total.clone()
        return torch.where(self.count > 0, total / self.count, 0.0)


class ConfusionMatrix(enum.Enum):
    """Kinds of predictions."""

    TRUE_POSITIVES = "tp"
    FALSE_POSITIVES = "fp"
    TRUE_NEGATIVES = "tn"
    FALSE_NEGATIVES = "fn"


def _of_text(kind, key):
    """The member of an enumeration whose value is that text, in small or in capital letters."""
    for member in kind:
        if key in (member.value, member.value.lower(), member.value.capitalize()):
            return member
    raise ValueError(f"Invalid {kind.__name__} value. Received: key={key!r}")


class AUCCurve(enum.Enum):
    """Curves under which `AUC` measures the area."""

    ROC = "ROC"
    PR = "PR"

    @staticmethod
    def from_str(key):
        """The curve "ROC" or "PR"."""
        return _of_text(AUCCurve, key)


class AUCSummationMethod(enum.Enum):
    """How `AUC` sums up the area: by trapezoids, or by rectangles above or below the curve."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"

    @staticmethod
    def from_str(key):
        """The method "interpolation", "majoring" or "minoring"."""
        return _of_text(AUCSummationMethod, key)


def assert_thresholds_range(thresholds):
    """Checks that thresholds are from 0 to 1.

    Raises:
        ValueError: others, or None.
    """
    invalid = [t for t in thresholds if t is None or t < 0 or t > 1]
    if invalid:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {invalid}")


def parse_init_thresholds(thresholds, default_threshold=0.5):
    """A list of thresholds of a list, a number or None."""
    if thresholds is not None:
        assert_thresholds_range(to_list(thresholds, allow_tuple=True))
    return to_list(default_threshold if thresholds is None else thresholds, allow_tuple=True)


def filter_top_k(x, k):
    """The `k` greatest values of each row, all others being very small."""
    x = as_tensor(x)
    best = x.topk(k).indices
    return torch.full_like(x, LEAST).scatter(-1, best, x.gather(-1, best))


def weighted_assign_add(label, pred, weights, var):
    """Adds to a variable, for each threshold, the weights of what both rows (thresholds, values)
    say."""
    both = as_tensor(label).bool() & as_tensor(pred).bool()
    weights = 1.0 if weights is None else as_tensor(weights).to(var.dtype)
    with torch.no_grad():
        return var.add_((both.to(var.dtype) * weights).sum(1))


_TRUTHS = {
    ConfusionMatrix.TRUE_POSITIVES: (True, True),
    ConfusionMatrix.FALSE_POSITIVES: (False, True),
    ConfusionMatrix.TRUE_NEGATIVES: (False, False),
    ConfusionMatrix.FALSE_NEGATIVES: (True, False),
}


def update_confusion_matrix_variables(
    variables_to_update,
    y_true,
    y_pred,
    thresholds=0.5,
    top_k=None,
    class_id=None,
    sample_weight=None,
):
    """Adds predictions to counts.

    Args:
        variables_to_update: the counts by their `ConfusionMatrix`, each (thresholds,).
        thresholds: a number or a list; predictions above are positive.
        top_k: positives are the best of each row.
        class_id: look at this class only, on the last axis.

    Raises:
        ValueError: no known count, or predictions that are not from 0 to 1.
    """
    if variables_to_update is None:
        return
    if not any(kind in _TRUTHS for kind in variables_to_update):
        raise ValueError(
            "Please provide at least one valid confusion matrix variable to update. Received: "
            f"variables_to_update={variables_to_update}"
        )
    dtype = next(iter(variables_to_update.values())).dtype
    y_pred = as_tensor(y_pred).detach().to(dtype)
    if bool((y_pred < 0).any()) or bool((y_pred > 1).any()):
        raise ValueError("predictions must be in [0, 1]. Received: y_pred with other values")
    y_true = as_tensor(y_true).to(y_pred.device, dtype)
    y_pred, y_true, *weight = squeeze_or_expand_dimensions(y_pred, y_true, sample_weight)
    if top_k is not None:
        y_pred = filter_top_k(y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = y_true[..., class_id], y_pred[..., class_id]
    weight = weight[0].to(y_pred.device, dtype) if weight else None
    if weight is not None:
        if class_id is not None and weight.ndim > y_pred.ndim:
            weight = weight.squeeze(-1)
        weight = weight.broadcast_to(y_pred.shape).reshape(1, -1)
    thresholds = y_pred.new_tensor(to_list(thresholds, allow_tuple=True)).unsqueeze(1)
    is_true = y_true.reshape(1, -1).bool()
    is_above = y_pred.reshape(1, -1) > thresholds
    for kind, variable in variables_to_update.items():
        truth, found = _TRUTHS[kind]
        weighted_assign_add(is_true == truth, is_above == found, weight, variable)


def update_state_wrapper(update_state_fn):
    """A method of a metric that calls `update_state_fn`, outside of any gradient."""

    def decorated(metric_obj, *args, **kwargs):
        with torch.no_grad():
            return update_state_fn(*args, **kwargs)

    return decorated


def result_wrapper(result_fn):
    """A method of a metric that calls `result_fn`, and keeps what it gives as `_call_result`."""

    def decorated(metric_obj, *args, **kwargs):
        metric_obj._call_result = result_fn(*args, **kwargs)
        return metric_obj._call_result

    return decorated


class SensitivitySpecificityBase(Metric):
    """Base of metrics that look for the threshold at which one of sensitivity and specificity has
    a value.

    Args:
        value: that value, from 0 to 1.
        num_thresholds: thresholds among which it is looked for.
    """

    def __init__(self, value, num_thresholds=200, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError(
                f"`num_thresholds` must be > 0. Received: num_thresholds={num_thresholds}"
            )
        self.value = value
        self.num_thresholds = num_thresholds
        self.thresholds = [0.5]
        if num_thresholds > 1:
            inner = [(i + 1) / (num_thresholds - 1) for i in range(num_thresholds - 2)]
            self.thresholds = [0.0, *inner, 1.0]
        for kind in ConfusionMatrix:
            name = kind.name.lower()
            setattr(self, name, self.add_variable((len(self.thresholds),), "zeros", name=name))

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Counts predictions."""
        self._follow(as_tensor(y_pred))
        update_confusion_matrix_variables(
            {kind: getattr(self, kind.name.lower()) for kind in ConfusionMatrix},
            y_true,
            y_pred,
            thresholds=self.thresholds,
            sample_weight=sample_weight,
        )
