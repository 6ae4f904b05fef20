"""Metrics that are the mean of a function, and a few that are sums of one."""

import torch
from torch import Tensor

from torchkeras import config
from torchkeras._errors import warn
from torchkeras._op import computed_on_symbols
from torchkeras.losses import _functions as functions
from torchkeras.losses._base import divide_no_nan, match_ranks
from torchkeras.losses._functions import (
    KLD,
    MAE,
    MAPE,
    MSE,
    MSLE,
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    kld,
    kullback_leibler_divergence,
    log_cosh,
    logcosh,
    mae,
    mape,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    paired,
    poisson,
    predictions,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from torchkeras.metrics._base import Mean, MeanMetricWrapper, Metric
from torchkeras.ops._core import as_tensor

__all__ = [
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "Accuracy",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "CategoricalAccuracy",
    "CategoricalCrossentropy",
    "CategoricalHinge",
    "ConcordanceCorrelation",
    "CosineSimilarity",
    "Hinge",
    "KLDivergence",
    "LogCoshError",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanRelativeError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "PearsonCorrelation",
    "Poisson",
    "R2Score",
    "RootMeanSquaredError",
    "SparseCategoricalAccuracy",
    "SparseCategoricalCrossentropy",
    "SparseTopKCategoricalAccuracy",
    "SquaredHinge",
    "TopKCategoricalAccuracy",
    "binary_accuracy",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_accuracy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_hinge",
    "concordance_correlation",
    "hinge",
    "huber",
    "kl_divergence",
    "kld",
    "kullback_leibler_divergence",
    "log_cosh",
    "logcosh",
    "mae",
    "mape",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "pearson_correlation",
    "poisson",
    "sparse_categorical_accuracy",
    "sparse_categorical_crossentropy",
    "sparse_top_k_categorical_accuracy",
    "squared_hinge",
    "top_k_categorical_accuracy",
]


# ------------------------------------------------------------------ accuracy
class _Accuracy(MeanMetricWrapper):
    """Mean of matches; a subclass names the function that finds them."""

    _direction = "up"
    _matches = None

    def _values(self, y_true, y_pred):
        return self._matches(y_true, y_pred, **self._fn_kwargs)


def _number(matches: Tensor) -> Tensor:
    return matches.to(getattr(torch, config.floatx()))


def _targets(y_true, y_pred: Tensor) -> Tensor:
    return as_tensor(y_true, device=y_pred.device).to(y_pred.device)


def _equal(y_true, y_pred) -> Tensor:
    y_pred = as_tensor(y_pred)
    y_true, y_pred = match_ranks(_targets(y_true, y_pred), y_pred)
    return y_true == y_pred


def accuracy(y_true, y_pred):
    """1 where predictions equal targets, else 0."""
    return _number(_equal(y_true, y_pred))


class Accuracy(_Accuracy):
    """How often predictions equal targets."""

    _matches = staticmethod(_equal)

    def __init__(self, name="accuracy", dtype=None):
        super().__init__(accuracy, name, dtype)


def _binary_matches(y_true, y_pred, threshold=0.5) -> Tensor:
    y_pred = as_tensor(y_pred)
    y_true, y_pred = match_ranks(_targets(y_true, y_pred), y_pred)
    return (y_pred > threshold) == y_true


@computed_on_symbols
def binary_accuracy(y_true, y_pred, threshold=0.5):
    """1 where `y_pred > threshold` equals the target, else 0."""
    return _number(_binary_matches(y_true, y_pred, threshold))


class BinaryAccuracy(_Accuracy):
    """How often `y_pred > threshold` equals the target 0 or 1."""

    _matches = staticmethod(_binary_matches)

    def __init__(self, name="binary_accuracy", dtype=None, threshold=0.5):
        super().__init__(binary_accuracy, name, dtype, threshold=threshold)
        self.threshold = threshold


def _classes(y_true, y_pred: Tensor) -> Tensor:
    """The classes of one-hot targets."""
    targets = _targets(y_true, y_pred)
    return (targets.byte() if targets.dtype is torch.bool else targets).argmax(-1)


def _categorical_matches(y_true, y_pred) -> Tensor:
    y_pred = as_tensor(y_pred)
    classes = _classes(y_true, y_pred)
    shape = classes.shape
    if classes.ndim == y_pred.ndim:
        return (classes.squeeze(-1) == y_pred.argmax(-1)).reshape(shape)
    return classes == y_pred.argmax(-1)


@computed_on_symbols
def categorical_accuracy(y_true, y_pred):
    """1 where targets and predictions are largest in the same class, else 0."""
    return _number(_categorical_matches(y_true, y_pred))


class CategoricalAccuracy(_Accuracy):
    """How often predictions are largest in the class of the one-hot target."""

    _matches = staticmethod(_categorical_matches)

    def __init__(self, name="categorical_accuracy", dtype=None):
        super().__init__(categorical_accuracy, name, dtype)


def _sparse_categorical_matches(y_true, y_pred) -> Tensor:
    y_pred = as_tensor(y_pred)
    classes = _targets(y_true, y_pred)
    if classes.ndim == y_pred.ndim and classes.shape[-1] == 1:
        classes = classes.squeeze(-1)
    matches = classes == y_pred.argmax(-1)
    return matches.squeeze(-1) if matches.ndim > 1 and matches.shape[-1] == 1 else matches


@computed_on_symbols
def sparse_categorical_accuracy(y_true, y_pred):
    """1 where predictions are largest in the class that the integer target names, else 0."""
    return _number(_sparse_categorical_matches(y_true, y_pred))


class SparseCategoricalAccuracy(_Accuracy):
    """How often predictions are largest in the class that the integer target names."""

    _matches = staticmethod(_sparse_categorical_matches)

    def __init__(self, name="sparse_categorical_accuracy", dtype=None):
        super().__init__(sparse_categorical_accuracy, name, dtype)


def _in_top_k(classes: Tensor, y_pred: Tensor, k: int) -> Tensor:
    """Whether the score of the class is no less than the k-th best."""
    least = y_pred.topk(min(k, y_pred.shape[-1])).values[..., -1]
    return y_pred.gather(-1, classes.long().unsqueeze(-1)).squeeze(-1) >= least


def _top_k_matches(y_true, y_pred, k=5) -> Tensor:
    y_pred = as_tensor(y_pred)
    return _in_top_k(_classes(y_true, y_pred), y_pred, k)


@computed_on_symbols
def top_k_categorical_accuracy(y_true, y_pred, k=5):
    """1 where the class of the one-hot target is among the `k` best predictions, else 0."""
    return _number(_top_k_matches(y_true, y_pred, k))


class TopKCategoricalAccuracy(_Accuracy):
    """How often the class of the one-hot target is among the `k` best predictions."""

    _matches = staticmethod(_top_k_matches)

    def __init__(self, k=5, name="top_k_categorical_accuracy", dtype=None):
        super().__init__(top_k_categorical_accuracy, name, dtype, k=k)
        self.k = k


def _sparse_top_k_matches(y_true, y_pred, k=5, from_sorted_ids=False) -> Tensor:
    y_pred = as_tensor(y_pred)
    classes = _targets(y_true, y_pred)
    rows = y_pred.reshape(-1, y_pred.shape[-1]) if y_pred.ndim > 2 else y_pred
    if from_sorted_ids:
        matches = (classes.reshape(-1, 1) == rows[:, :k]).any(-1)
    else:
        matches = _in_top_k(classes.reshape(-1), rows, k)
    return matches.reshape(classes.shape)


@computed_on_symbols
def sparse_top_k_categorical_accuracy(y_true, y_pred, k=5, from_sorted_ids=False):
    """1 where the class that the integer target names is among the `k` best predictions, else 0.

    Args:
        from_sorted_ids: whether predictions are class numbers, best first, instead of scores.
    """
    return _number(_sparse_top_k_matches(y_true, y_pred, k, from_sorted_ids))


class SparseTopKCategoricalAccuracy(_Accuracy):
    """How often the class that the integer target names is among the `k` best predictions.

    Args:
        from_sorted_ids: whether predictions are class numbers, best first, instead of scores.
    """

    _matches = staticmethod(_sparse_top_k_matches)
    _unlisted = {"from_sorted_ids": False}

    def __init__(
        self, k=5, name="sparse_top_k_categorical_accuracy", dtype=None, from_sorted_ids=False
    ):
        super().__init__(
            sparse_top_k_categorical_accuracy, name, dtype, k=k, from_sorted_ids=from_sorted_ids
        )
        self.k = k
        self.from_sorted_ids = from_sorted_ids


# ------------------------------------------------------------------ regression
class MeanSquaredError(MeanMetricWrapper):
    """Mean of squared errors."""

    def __init__(self, name="mean_squared_error", dtype=None):
        super().__init__(mean_squared_error, name, dtype)


class MeanAbsoluteError(MeanMetricWrapper):
    """Mean of absolute errors."""

    def __init__(self, name="mean_absolute_error", dtype=None):
        super().__init__(mean_absolute_error, name, dtype)


class MeanAbsolutePercentageError(MeanMetricWrapper):
    """Mean of absolute errors in percent of the targets."""

    def __init__(self, name="mean_absolute_percentage_error", dtype=None):
        super().__init__(mean_absolute_percentage_error, name, dtype)


class MeanSquaredLogarithmicError(MeanMetricWrapper):
    """Mean of squared differences of `log(1 + x)`."""

    def __init__(self, name="mean_squared_logarithmic_error", dtype=None):
        super().__init__(mean_squared_logarithmic_error, name, dtype)


class LogCoshError(MeanMetricWrapper):
    """Mean logarithm of the hyperbolic cosine of the error."""

    def __init__(self, name="logcosh", dtype=None):
        super().__init__(log_cosh, name, dtype)


class CosineSimilarity(MeanMetricWrapper):
    """Mean cosine between targets and predictions along `axis`: 1 is the same direction."""

    _direction = "up"
    _unlisted = {"axis": -1}

    def __init__(self, name="cosine_similarity", dtype=None, axis=-1):
        super().__init__(functions.cosine, name, dtype, axis=axis)
        self._direction = "up"
        self.axis = axis


class RootMeanSquaredError(Mean):
    """Square root of the mean of squared errors."""

    _direction = "down"

    def __init__(self, name="root_mean_squared_error", dtype=None):
        super().__init__(name, dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        with torch.no_grad():
            y_true, y_pred = paired(y_true, predictions(y_pred, y_true).to(self._torch_dtype))
            super().update_state((y_pred - y_true).square(), sample_weight)

    def result(self):
        return super().result().sqrt()


class MeanRelativeError(Mean):
    """Mean of `|y_true - y_pred| / normalizer`, 0 where the normalizer is."""

    _direction = "down"

    def __init__(self, normalizer, name=None, dtype=None):
        super().__init__(name or "mean_relative_error", dtype)
        self.normalizer = as_tensor(normalizer, self._torch_dtype)

    def update_state(self, y_true, y_pred, sample_weight=None):
        with torch.no_grad():
            y_true, y_pred = paired(y_true, predictions(y_pred, y_true).to(self._torch_dtype))
            normalizer, y_pred = match_ranks(self.normalizer.to(y_pred.device), y_pred)
            errors = divide_no_nan((y_true - y_pred).abs(), normalizer)
            super().update_state(errors, sample_weight)

    def get_config(self):
        return {"name": self.name, "dtype": self.dtype, "normalizer": self.normalizer.tolist()}


@computed_on_symbols
def pearson_correlation(y_true, y_pred, axis=-1):
    """Pearson's linear correlation along `axis`: 1 or -1 where a straight line fits."""
    y_true, y_pred = paired(y_true, y_pred)
    y_true, y_pred = _centred(y_true, axis), _centred(y_pred, axis)
    y_true = y_true / y_true.std(axis, correction=0, keepdim=True)
    y_pred = y_pred / y_pred.std(axis, correction=0, keepdim=True)
    return (y_true * y_pred).mean(axis)


def _centred(x: Tensor, axis: int) -> Tensor:
    return x - x.mean(axis, keepdim=True)


class PearsonCorrelation(MeanMetricWrapper):
    """Mean over samples of Pearson's correlation along `axis`."""

    _direction = "up"

    def __init__(self, name="pearson_correlation", dtype=None, axis=-1):
        super().__init__(pearson_correlation, name, dtype, axis=axis)
        self.axis = axis


@computed_on_symbols
def concordance_correlation(y_true, y_pred, axis=-1):
    """Lin's concordance along `axis`: 1 only where predictions equal targets."""
    y_true, y_pred = paired(y_true, y_pred)
    mean_true, mean_pred = y_true.mean(axis, keepdim=True), y_pred.mean(axis, keepdim=True)
    # The mean of the product is the same whichever mean is taken from the targets.
    covariance = (y_true - mean_pred) * (y_pred - mean_pred)
    scale = (
        y_true.var(axis, correction=0, keepdim=True)
        + y_pred.var(axis, correction=0, keepdim=True)
        + (mean_true - mean_pred).square()
    )
    return (2.0 * covariance / (scale + config.epsilon())).mean(axis)


class ConcordanceCorrelation(MeanMetricWrapper):
    """Mean over samples of Lin's concordance along `axis`."""

    _direction = "up"

    def __init__(self, name="concordance_correlation", dtype=None, axis=-1):
        super().__init__(concordance_correlation, name, dtype, axis=axis)
        self.axis = axis


class R2Score(Metric):
    """Coefficient of determination of 2D targets: 1 minus the unexplained part of their variance.

    Args:
        class_aggregation: "uniform_average", "variance_weighted_average" or None (one each).
        num_regressors: number of predictors for the adjusted score; 0 for the plain one.
    """

    _direction = "up"
    _AGGREGATIONS = (None, "uniform_average", "variance_weighted_average")

    def __init__(
        self, class_aggregation="uniform_average", num_regressors=0, name="r2_score", dtype=None
    ):
        super().__init__(name=name, dtype=dtype)
        if class_aggregation not in self._AGGREGATIONS:
            raise ValueError(
                "Invalid value for argument `class_aggregation`. Expected one of "
                f"{self._AGGREGATIONS}. Received: class_aggregation={class_aggregation}"
            )
        if num_regressors < 0:
            raise ValueError(
                "Invalid value for argument `num_regressors`. Expected a value >= 0. "
                f"Received: num_regressors={num_regressors}"
            )
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_variable((), "zeros", name="num_samples")
        self._built = False

    def _build(self, y_true_shape, y_pred_shape):
        check_two_axes(self, y_true_shape, y_pred_shape)
        outputs = (y_pred_shape[-1],)
        self.squared_sum = self.add_variable(outputs, "zeros", name="squared_sum")
        self.sum = self.add_variable(outputs, "zeros", name="sum")
        self.total_mse = self.add_variable(outputs, "zeros", name="residual")
        self.count = self.add_variable(outputs, "zeros", name="count")
        self._built = True

    @torch.no_grad()
    def update_state(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = paired(y_true, predictions(y_pred, y_true).to(self._torch_dtype))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        self._follow(y_pred)
        weight = y_true.new_ones(()) if sample_weight is None else sample_weight
        weight = as_tensor(weight, y_true.dtype, y_true.device).to(y_true.device)
        weight = weight.unsqueeze(1) if weight.ndim == 1 else weight
        weight = weight.broadcast_to(y_true.shape)
        weighted = y_true * weight
        self.sum.add_(weighted.sum(0))
        self.squared_sum.add_((y_true * weighted).sum(0))
        self.total_mse.add_(((y_true - y_pred).square() * weight).sum(0))
        self.count.add_(weight.sum(0))
        self.num_samples.add_(y_true.numel())

    @torch.no_grad()
    def result(self):
        total = self.squared_sum - self.sum * (self.sum / self.count)
        score = 1.0 - self.total_mse / total
        score = torch.where(score.isinf(), 0.0, score)
        if self.class_aggregation == "uniform_average":
            score = score.mean()
        elif self.class_aggregation == "variance_weighted_average":
            score = (total * score).sum() / total.sum()
        return self._adjusted(score) if self.num_regressors else score

    def _adjusted(self, score: Tensor) -> Tensor:
        spare = self.num_samples.item() - 1 - self.num_regressors
        if spare > 0:
            return 1.0 - (1.0 - score) * (spare + self.num_regressors) / spare
        reason = "More independent predictors than datapoints in adjusted R2 score."
        if spare == 0:
            reason = "Division by zero in Adjusted R2 score."
        warn(f"{reason} Falling back to standard R2 score.")
        return score


def check_two_axes(metric: Metric, y_true_shape, y_pred_shape):
    if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
        raise ValueError(
            f"{type(metric).__name__} expects 2D inputs with shape (batch_size, output_dim). "
            f"Received input shapes: y_pred.shape={tuple(y_pred_shape)} and "
            f"y_true.shape={tuple(y_true_shape)}."
        )


# ------------------------------------------------------------------ probabilities, margins
class KLDivergence(MeanMetricWrapper):
    """Mean Kullback-Leibler divergence of two distributions over the last axis."""

    def __init__(self, name="kl_divergence", dtype=None):
        super().__init__(kl_divergence, name, dtype)


class Poisson(MeanMetricWrapper):
    """Mean of `y_pred - y_true * log(y_pred)`."""

    def __init__(self, name="poisson", dtype=None):
        super().__init__(poisson, name, dtype)


class BinaryCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of targets 0 and 1; arguments as for the loss."""

    def __init__(
        self, name="binary_crossentropy", dtype=None, from_logits=False, label_smoothing=0
    ):
        super().__init__(
            binary_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing


class CategoricalCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of one-hot targets; arguments as for the loss."""

    def __init__(
        self,
        name="categorical_crossentropy",
        dtype=None,
        from_logits=False,
        label_smoothing=0,
        axis=-1,
    ):
        super().__init__(
            categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )
        self.from_logits = from_logits
        self.label_smoothing = label_smoothing
        self.axis = axis


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Mean crossentropy of integer targets; arguments as for the loss."""

    def __init__(
        self,
        name="sparse_categorical_crossentropy",
        dtype=None,
        from_logits=False,
        ignore_class=None,
        axis=-1,
    ):
        super().__init__(
            sparse_categorical_crossentropy,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )
        self.from_logits = from_logits
        self.ignore_class = ignore_class
        self.axis = axis


class Hinge(MeanMetricWrapper):
    """Mean of `max(1 - y_true * y_pred, 0)`."""

    def __init__(self, name="hinge", dtype=None):
        super().__init__(hinge, name, dtype)


class SquaredHinge(MeanMetricWrapper):
    """Mean of `max(1 - y_true * y_pred, 0) ** 2`."""

    def __init__(self, name="squared_hinge", dtype=None):
        super().__init__(squared_hinge, name, dtype)


class CategoricalHinge(MeanMetricWrapper):
    """Mean of `max(neg - pos + 1, 0)` of the scores of the true class and the best other one."""

    def __init__(self, name="categorical_hinge", dtype=None):
        super().__init__(categorical_hinge, name, dtype)
