"""Metrics from counts of true and false positives and negatives at one or more thresholds."""

from enum import Enum

import numpy as np
import torch
from torch import Tensor

from torchkeras import config
from torchkeras.losses._base import aligned_weight, divide_no_nan, match_ranks
from torchkeras.metrics._base import Metric
from torchkeras.metrics._simple import check_two_axes
from torchkeras.ops._core import as_tensor

__all__ = [
    "AUC",
    "F1Score",
    "FBetaScore",
    "FalseNegatives",
    "FalsePositives",
    "Precision",
    "PrecisionAtRecall",
    "Recall",
    "RecallAtPrecision",
    "SensitivityAtSpecificity",
    "SpecificityAtSensitivity",
    "TrueNegatives",
    "TruePositives",
]

# Below every score: what is not among the `top_k` is set to it, what is in them passes it.
LEAST = -1e10
COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")


# ------------------------------------------------------------------ counting
class _Counter(Metric):
    """Counts, per threshold, of the kinds that a subclass names in `_kinds`.

    Args:
        top_k: positives are the `top_k` best of a sample's scores, not those above a threshold.
        class_id: look at this class only, on the last axis.
    """

    _kinds = COUNTS
    top_k = None
    class_id = None

    def _add_counts(self, thresholds, labels=None):
        """Makes the variables; `labels` is their second axis for an AUC per label."""
        self.thresholds = thresholds
        self._evenly = _are_even(thresholds)
        shape = (len(thresholds),) if labels is None else (len(thresholds), labels)
        for kind in self._kinds:
            setattr(self, kind, self.add_variable(shape, "zeros", name=kind))

    @torch.no_grad()
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred, weight = self._aligned(y_true, y_pred, sample_weight)
        self._count(y_true.reshape(1, -1), y_pred.reshape(1, -1), weight.reshape(1, -1))

    def _aligned(self, y_true, y_pred, sample_weight) -> tuple[Tensor, Tensor, Tensor]:
        """Tensors of one dtype and shape."""
        state = self._variables[0]
        y_pred = as_tensor(y_pred)
        self._follow(y_pred)
        y_pred = y_pred.detach().to(state.dtype)
        y_true = as_tensor(y_true, state.dtype, y_pred.device).to(y_pred.device)
        y_pred, y_true = match_ranks(y_pred, y_true)
        weight = y_pred.new_ones(())
        if sample_weight is not None:
            weight = as_tensor(sample_weight, state.dtype, y_pred.device).to(y_pred.device)
            weight = weight.squeeze(-1) if weight.ndim > y_pred.ndim else weight
            weight = aligned_weight(weight, y_pred.shape)
        if self.top_k is not None:
            best = y_pred.topk(self.top_k).indices
            y_pred = torch.full_like(y_pred, LEAST).scatter(-1, best, y_pred.gather(-1, best))
        if self.class_id is not None:
            if y_pred.ndim == 1:
                raise ValueError(
                    "When class_id is provided, y_pred must be a 2D array with shape "
                    f"(num_samples, num_classes), found shape: {tuple(y_pred.shape)}"
                )
            y_true = y_true[..., self.class_id, None]
            y_pred = y_pred[..., self.class_id, None]
        return y_true, y_pred, weight.broadcast_to(y_pred.shape)

    def _count(self, y_true: Tensor, y_pred: Tensor, weight: Tensor):
        """Adds the counts of tensors (labels, samples)."""
        is_true = y_true != 0
        positives = torch.where(is_true, weight, 0.0)
        negatives = torch.where(is_true, 0.0, weight)
        count = self._count_even if self._evenly else self._count_any
        self._add("true_positives", "false_negatives", positives, count, y_pred)
        self._add("false_positives", "true_negatives", negatives, count, y_pred)

    def _add(self, kind: str, rest_kind: str, weight: Tensor, count, y_pred: Tensor):
        """Adds what was found of one truth, and the rest that was not."""
        if kind not in self._kinds and rest_kind not in self._kinds:
            return
        found = count(y_pred, weight)  # (thresholds, labels)
        if kind in self._kinds:
            state = getattr(self, kind)
            state.add_(found.reshape(state.shape))
        if rest_kind in self._kinds:
            state = getattr(self, rest_kind)
            state.add_((weight.sum(1) - found).reshape(state.shape))

    def _count_any(self, y_pred: Tensor, weight: Tensor) -> Tensor:
        """Sums of weights above each threshold, by comparing with each."""
        thresholds = torch.tensor(self.thresholds, dtype=y_pred.dtype, device=y_pred.device)
        above = y_pred > thresholds.reshape(-1, 1, 1)
        return torch.where(above, weight, 0.0).sum(2)

    def _count_even(self, y_pred: Tensor, weight: Tensor) -> Tensor:
        """The same for evenly spaced thresholds, by sorting scores into buckets once."""
        labels, _ = y_pred.shape
        last = len(self.thresholds) - 1
        # Bucket i holds what is above threshold i and not above the next; bucket 0 of the shifted
        # ones is above none. NaN is above none as well.
        bucket = (y_pred.clamp(0.0, 1.0) * last).ceil().nan_to_num(0.0)
        if self.thresholds[0] < 0.0:
            bucket = bucket.clamp(min=1.0)
        sums = weight.new_zeros(labels, last + 2)
        sums.scatter_add_(1, bucket.long(), weight)
        return sums[:, 1:].flip(1).cumsum(1).flip(1).T

    def _ratio(self, kind: str, other: str) -> Tensor:
        """Of those two kinds, the part that is the first; 0 without any."""
        count = getattr(self, kind).detach()
        return divide_no_nan(count, count + getattr(self, other).detach())


def _are_even(thresholds) -> bool:
    if len(thresholds) < 3:
        return False
    even = np.arange(len(thresholds), dtype=np.float32) / (len(thresholds) - 1)
    return bool(np.allclose(thresholds, even, atol=config.epsilon()))


def _checked_thresholds(thresholds, default: float) -> list:
    if thresholds is None:
        return [default]
    thresholds = list(thresholds) if isinstance(thresholds, (list, tuple)) else [thresholds]
    invalid = [t for t in thresholds if t is None or t < 0 or t > 1]
    if invalid:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {invalid}")
    return thresholds


def _checked_share(name: str, value: float) -> float:
    if value < 0 or value > 1:
        raise ValueError(f"Argument `{name}` must be in the range [0, 1]. Received: {name}={value}")
    return value


class _Thresholded(_Counter):
    """A counter whose `thresholds` argument is None, a number or a list."""

    def _init_thresholds(self, thresholds, default=0.5):
        self.init_thresholds = thresholds
        self._add_counts(_checked_thresholds(thresholds, default))

    def _one_or_all(self, values: Tensor) -> Tensor:
        return values[0] if len(self.thresholds) == 1 else values

    def get_config(self):
        return {**super().get_config(), "thresholds": self.init_thresholds}


class _ConditionCount(_Thresholded):
    """How many samples are of one kind, their weights counted.

    Args:
        thresholds: a number or a list; what is above is positive. None is 0.5.
    """

    def __init__(self, thresholds=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.init_thresholds = thresholds
        self.thresholds = _checked_thresholds(thresholds, 0.5)
        self._evenly = _are_even(self.thresholds)
        self.accumulator = self.add_variable((len(self.thresholds),), "zeros", name="accumulator")
        setattr(self, self._kinds[0], self.accumulator)

    def result(self):
        return self._one_or_all(self.accumulator.detach()).clone()


class TruePositives(_ConditionCount):
    """How many are true and predicted to be."""

    _kinds = ("true_positives",)


class FalsePositives(_ConditionCount):
    """How many are predicted to be true and are not."""

    _kinds = ("false_positives",)


class TrueNegatives(_ConditionCount):
    """How many are neither true nor predicted to be."""

    _kinds = ("true_negatives",)


class FalseNegatives(_ConditionCount):
    """How many are true and not predicted to be."""

    _kinds = ("false_negatives",)


class Precision(_Thresholded):
    """Which part of the predicted positives is true.

    Args:
        thresholds: a number or a list; what is above is positive. None is 0.5.
        top_k: positives are the `top_k` best of a sample's scores instead.
        class_id: look at this class only, on the last axis.
    """

    _direction = "up"
    _kinds = ("true_positives", "false_positives")

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.top_k = top_k
        self.class_id = class_id
        self._init_thresholds(thresholds, 0.5 if top_k is None else LEAST)

    def result(self):
        return self._one_or_all(self._ratio("true_positives", "false_positives"))


class Recall(_Thresholded):
    """Which part of the true ones is predicted; arguments as for `Precision`."""

    _direction = "up"
    _kinds = ("true_positives", "false_negatives")

    def __init__(self, thresholds=None, top_k=None, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.top_k = top_k
        self.class_id = class_id
        self._init_thresholds(thresholds, 0.5 if top_k is None else LEAST)

    def result(self):
        return self._one_or_all(self._ratio("true_positives", "false_negatives"))


# ------------------------------------------------------------------ one rate where another is kept
class _BestUnderConstraint(_Counter):
    """The best of one rate over the thresholds at which another is at least `value`.

    Args:
        num_thresholds: how many thresholds, evenly spaced from 0 to 1, to look at.
        class_id: look at this class only, on the last axis.
    """

    _direction = "up"
    # The kinds whose ratio is the rate that is sought, and that which is kept.
    _sought = _kept = None

    def __init__(self, value, num_thresholds=200, class_id=None, name=None, dtype=None):
        super().__init__(name=name, dtype=dtype)
        if num_thresholds <= 0:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 0. "
                f"Received: num_thresholds={num_thresholds}"
            )
        self.value = value
        self.num_thresholds = num_thresholds
        self.class_id = class_id
        self._add_counts(_spaced(num_thresholds) if num_thresholds > 1 else [0.5])
        self._evenly = num_thresholds > 1

    def result(self):
        feasible = self._ratio(*self._kept) >= self.value
        return torch.where(feasible, self._ratio(*self._sought), 0.0).max()


def _spaced(count: int) -> list[float]:
    return [0.0, *((i + 1) / (count - 1) for i in range(count - 2)), 1.0]


_RECALL = ("true_positives", "false_negatives")
_PRECISION = ("true_positives", "false_positives")
_SPECIFICITY = ("true_negatives", "false_positives")


class SensitivityAtSpecificity(_BestUnderConstraint):
    """The best sensitivity at which the specificity is at least `specificity`."""

    _sought, _kept = _RECALL, _SPECIFICITY

    def __init__(self, specificity, num_thresholds=200, class_id=None, name=None, dtype=None):
        self.specificity = _checked_share("specificity", specificity)
        super().__init__(specificity, num_thresholds, class_id, name, dtype)


class SpecificityAtSensitivity(_BestUnderConstraint):
    """The best specificity at which the sensitivity is at least `sensitivity`."""

    _sought, _kept = _SPECIFICITY, _RECALL

    def __init__(self, sensitivity, num_thresholds=200, class_id=None, name=None, dtype=None):
        self.sensitivity = _checked_share("sensitivity", sensitivity)
        super().__init__(sensitivity, num_thresholds, class_id, name, dtype)


class PrecisionAtRecall(_BestUnderConstraint):
    """The best precision at which the recall is at least `recall`."""

    _sought, _kept = _PRECISION, _RECALL

    def __init__(self, recall, num_thresholds=200, class_id=None, name=None, dtype=None):
        self.recall = _checked_share("recall", recall)
        super().__init__(recall, num_thresholds, class_id, name, dtype)


class RecallAtPrecision(_BestUnderConstraint):
    """The best recall at which the precision is at least `precision`."""

    _sought, _kept = _RECALL, _PRECISION

    def __init__(self, precision, num_thresholds=200, class_id=None, name=None, dtype=None):
        self.precision = _checked_share("precision", precision)
        super().__init__(precision, num_thresholds, class_id, name, dtype)


# ------------------------------------------------------------------ area under a curve
class AUCCurve(Enum):
    """The curve whose area `AUC` computes."""

    ROC = "ROC"
    PR = "PR"
    PRGAIN = "PRGAIN"


class AUCSummationMethod(Enum):
    """How `AUC` fills the area between two thresholds."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"


def _member(kind: type[Enum], what: str, value):
    if isinstance(value, kind):
        return value
    found = {spelling: m for m in kind for spelling in (m.value, m.value.lower(), m.value.title())}
    if value not in found:
        raise ValueError(
            f'Invalid AUC {what} value: "{value}". Expected values are '
            f"{[member.value for member in kind]}"
        )
    return found[value]


class AUC(_Counter):
    """Area under a curve over thresholds on predictions from 0 to 1.

    Args:
        num_thresholds: how many thresholds, evenly spaced, to sum over.
        curve: "ROC", "PR" (precision over recall) or "PRGAIN".
        summation_method: "interpolation", "majoring" or "minoring" (the higher or lower end).
        thresholds: the thresholds between 0 and 1 to use instead of evenly spaced ones.
        multi_label: whether to take the mean of an area per label, of predictions (N, labels).
        num_labels: number of labels; None takes it from the first batch.
        label_weights: weight of each label.
        from_logits: whether predictions are scores that a sigmoid makes probabilities.
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds=200,
        curve="ROC",
        summation_method="interpolation",
        name=None,
        dtype=None,
        thresholds=None,
        multi_label=False,
        num_labels=None,
        label_weights=None,
        from_logits=False,
    ):
        self.curve = _member(AUCCurve, "curve", curve)
        self.summation_method = _member(AUCSummationMethod, "summation method", summation_method)
        if thresholds is None and num_thresholds <= 1:
            raise ValueError(
                "Argument `num_thresholds` must be an integer > 1. "
                f"Received: num_thresholds={num_thresholds}"
            )
        if num_labels and not multi_label:
            raise ValueError(
                "`num_labels` is needed only when `multi_label` is True. "
                f"Received: num_labels={num_labels}"
            )
        super().__init__(name=name, dtype=dtype)
        self._given_thresholds = None if thresholds is None else sorted(thresholds)
        inner = _spaced(num_thresholds)[1:-1] if thresholds is None else self._given_thresholds
        self.num_thresholds = len(inner) + 2
        self.thresholds = [0.0 - config.epsilon(), *inner, 1.0 + config.epsilon()]
        self._is_even = thresholds is None or _are_even([0.0, *inner, 1.0])
        self.multi_label = multi_label
        self.num_labels = num_labels
        self.label_weights = None
        if label_weights is not None:
            self.label_weights = as_tensor(label_weights, self._torch_dtype)
        self.from_logits = from_logits
        self._built = False
        if not multi_label:
            self._build(None)
        elif num_labels:
            self._build((None, num_labels))

    def _build(self, shape):
        if self.multi_label and len(shape) != 2:
            raise ValueError(
                "`y_pred` must have rank 2 when `multi_label=True`. "
                f"Found rank {len(shape)}. Full shape received for `y_pred`: {tuple(shape)}"
            )
        self._add_counts(self.thresholds, shape[1] if self.multi_label else None)
        self._evenly = self._is_even
        self._built = True

    @torch.no_grad()
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = as_tensor(y_pred)
        if not self._built:
            self._build(y_pred.shape)
        if self.from_logits:
            y_pred = y_pred.sigmoid()
        y_true, y_pred, weight = self._aligned(y_true, y_pred, sample_weight)
        if self.multi_label:
            self._count(y_true.T, y_pred.T, weight.T)
            return
        if self.label_weights is not None:
            weight = weight * self.label_weights.to(weight.device)
        self._count(y_true.reshape(1, -1), y_pred.reshape(1, -1), weight.reshape(1, -1))

    @torch.no_grad()
    def result(self):
        interpolated = self.summation_method is AUCSummationMethod.INTERPOLATION
        if self.curve is AUCCurve.PR and interpolated:
            return self.interpolate_pr_auc()
        x, y = self._points()
        if interpolated:
            heights = (y[:-1] + y[1:]) / 2.0
        elif self.summation_method is AUCSummationMethod.MINORING:
            heights = torch.minimum(y[:-1], y[1:])
        else:
            heights = torch.maximum(y[:-1], y[1:])
        return self._mean_of_labels((x[:-1] - x[1:]) * heights)

    def _points(self) -> tuple[Tensor, Tensor]:
        """The curve, from the lowest threshold to the highest."""
        recall = self._ratio("true_positives", "false_negatives")
        if self.curve is AUCCurve.ROC:
            return self._ratio("false_positives", "true_negatives"), recall
        if self.curve is AUCCurve.PR:
            return recall, self._ratio("true_positives", "false_positives")
        positives = self.true_positives + self.false_negatives
        odds = divide_no_nan(positives, self.true_negatives + self.false_positives)
        found = self.true_positives != 0
        recall_gain = 1.0 - odds * divide_no_nan(self.false_negatives, self.true_positives)
        precision_gain = 1.0 - odds * divide_no_nan(self.false_positives, self.true_positives)
        return (
            torch.where(found, recall_gain, 0.0).clamp(min=0.0),
            torch.where(found, precision_gain, 1.0),
        )

    @torch.no_grad()
    def interpolate_pr_auc(self):
        """The area under precision over recall, with counts interpolated between thresholds.

        Precision is not linear in recall (https://www.biostat.wisc.edu/~page/rocpr.pdf, 2.3).
        """
        positives = self.true_positives + self.false_positives
        steps = self.true_positives[:-1] - self.true_positives[1:]
        slope = divide_no_nan(steps, (positives[:-1] - positives[1:]).clamp(min=0.0))
        intercept = self.true_positives[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        ratio = divide_no_nan(positives[:-1], positives[1:].clamp(min=0.0))
        ratio = torch.where(both, ratio, 1.0)
        relevant = (self.true_positives[1:] + self.false_negatives[1:]).clamp(min=0.0)
        return self._mean_of_labels(
            divide_no_nan(slope * (steps + intercept * ratio.log()), relevant)
        )

    def _mean_of_labels(self, parts: Tensor) -> Tensor:
        areas = parts.sum(0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return areas.mean()
        weights = self.label_weights.to(areas.device)
        return divide_no_nan((areas * weights).sum(), weights.sum())

    def get_config(self):
        given = self._given_thresholds
        return {
            "name": self.name,
            "dtype": self.dtype,
            "num_thresholds": self.num_thresholds,
            "curve": self.curve.value,
            "summation_method": self.summation_method.value,
            "multi_label": self.multi_label,
            "num_labels": self.num_labels,
            "label_weights": self.label_weights,
            "from_logits": self.from_logits,
            **({} if given is None else {"thresholds": given}),
        }


# ------------------------------------------------------------------ F scores
class FBetaScore(Metric):
    """Weighted harmonic mean of precision and recall, for targets and scores (samples, classes).

    Args:
        average: None for a score per class, "micro" to count all classes together, "macro" for the
            mean over classes, "weighted" for the mean by how often they occur.
        beta: how much recall counts in terms of precision.
        threshold: what is above is positive; None takes the best class of each sample.
    """

    _direction = "up"
    _AVERAGES = (None, "micro", "macro", "weighted")

    def __init__(self, average=None, beta=1.0, threshold=None, name="fbeta_score", dtype=None):
        super().__init__(name=name, dtype=dtype)
        if average not in self._AVERAGES:
            raise ValueError(
                f"Invalid `average` argument value. Expected one of: {self._AVERAGES}. "
                f"Received: average={average}"
            )
        _check_float("beta", beta)
        if beta <= 0.0:
            raise ValueError(
                f"Invalid `beta` argument value. It should be > 0. Received: beta={beta}"
            )
        if threshold is not None:
            _check_float("threshold", threshold)
            if threshold > 1.0 or threshold <= 0.0:
                raise ValueError(
                    "Invalid `threshold` argument value. It should verify 0 < threshold <= 1. "
                    f"Received: threshold={threshold}"
                )
        self.average = average
        self.beta = beta
        self.threshold = threshold
        self.axis = None if average == "micro" else 0
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        check_two_axes(self, y_true_shape, y_pred_shape)
        shape = () if self.average == "micro" else (y_pred_shape[-1],)
        for kind in ("true_positives", "false_positives", "false_negatives"):
            setattr(self, kind, self.add_variable(shape, "zeros", self.dtype, name=kind))
        self.intermediate_weights = self.add_variable(
            shape, "zeros", self.dtype, name="intermediate_weights"
        )
        self._built = True

    @torch.no_grad()
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_pred = as_tensor(y_pred).to(self._torch_dtype)
        y_true = as_tensor(y_true, self._torch_dtype, y_pred.device).to(y_pred.device)
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        self._follow(y_pred)
        if self.threshold is None:
            is_best = y_pred >= y_pred.amax(-1, keepdim=True)
            positive = (is_best & (y_pred.abs() > 1e-9)).to(y_true.dtype)
        else:
            positive = (y_pred > self.threshold).to(y_true.dtype)
        weight = 1.0
        if sample_weight is not None:
            weight = as_tensor(sample_weight, self._torch_dtype, y_pred.device)
            weight = weight.to(y_pred.device).unsqueeze(1)
        self._add(self.true_positives, positive * y_true * weight)
        self._add(self.false_positives, positive * (1.0 - y_true) * weight)
        self._add(self.false_negatives, (1.0 - positive) * y_true * weight)
        self._add(self.intermediate_weights, y_true * weight)

    def _add(self, state, values: Tensor):
        state.add_(values.sum() if self.axis is None else values.sum(self.axis))

    @torch.no_grad()
    def result(self):
        epsilon, beta2 = config.epsilon(), self.beta**2
        precision = self.true_positives / (self.true_positives + self.false_positives + epsilon)
        recall = self.true_positives / (self.true_positives + self.false_negatives + epsilon)
        score = (1 + beta2) * precision * recall / (beta2 * precision + recall + epsilon)
        if self.average == "weighted":
            weights = self.intermediate_weights / (self.intermediate_weights.sum() + epsilon)
            return (score * weights).sum()
        return score if self.average is None else score.mean()


def _check_float(name: str, value):
    if not isinstance(value, float):
        raise ValueError(
            f"Invalid `{name}` argument value. It should be a Python float. "
            f"Received: {name}={value} of type '{type(value)}'"
        )


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall; arguments as for `FBetaScore`."""

    def __init__(self, average=None, threshold=None, name="f1_score", dtype=None):
        super().__init__(average, 1.0, threshold, name, dtype)
