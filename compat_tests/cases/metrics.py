"""Rows for the metrics: arguments and a stream of targets and predictions, for every class."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One metric over one stream of samples, which a test cuts into batches."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    data: str = "real"  # key of DATA
    weights: tuple[str, ...] = ("rows",)  # keys of WEIGHTS that the metric takes
    oracle: bool = True  # whether Keras 3 has it

    def __str__(self):
        arguments = ", ".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.name}({arguments})-{self.data}"


def _probabilities(rng, *shape):
    values = rng.random(shape) + 0.05
    return values / values.sum(-1, keepdims=True)


def _one_hot(rng, *shape):
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def _labels(rng, *shape, classes=4):
    return rng.integers(0, classes, shape)


N = 23
DATA: dict[str, Callable] = {
    "values": lambda r: (r.normal(size=N),),
    "values 2d": lambda r: (r.normal(size=(N, 3)),),
    "real": lambda r: (r.normal(size=(N, 4)), r.normal(size=(N, 4))),
    "real 3d": lambda r: (r.normal(size=(N, 3, 4)), r.normal(size=(N, 3, 4))),
    "row and column": lambda r: (r.normal(size=N), r.normal(size=(N, 1))),
    "fitted": lambda r: (y := r.normal(size=(N, 3)), y + 0.3 * r.normal(size=(N, 3))),
    "positive": lambda r: (r.random((N, 4)) + 0.1, r.random((N, 4)) + 0.1),
    "equal ids": lambda r: (_labels(r, N, 2), _labels(r, N, 2)),
    "equal row": lambda r: (_labels(r, N), _labels(r, N, 1)),
    "binary": lambda r: (_labels(r, N, 3, classes=2), r.random((N, 3))),
    "binary float": lambda r: (_labels(r, N, 3, classes=2).astype(float), r.random((N, 3))),
    "binary row": lambda r: (_labels(r, N, classes=2), r.random(N)),
    "binary row and column": lambda r: (_labels(r, N, classes=2), r.random((N, 1))),
    "binary column": lambda r: (_labels(r, N, 1, classes=2), r.random((N, 1))),
    "binary 3d": lambda r: (_labels(r, N, 2, 3, classes=2), r.random((N, 2, 3))),
    "binary ends": lambda r: (_labels(r, N, classes=2), r.choice([0.0, 0.25, 0.5, 1.0], N)),
    "binary logits": lambda r: (_labels(r, N, 3, classes=2), 2 * r.normal(size=(N, 3))),
    "one class": lambda r: (np.ones(N, int), r.random(N)),
    "signs": lambda r: (r.choice([-1.0, 1.0], (N, 4)), r.normal(size=(N, 4))),
    "one-hot": lambda r: (_one_hot(r, N, 4), _probabilities(r, N, 4)),
    "one-hot 3d": lambda r: (_one_hot(r, N, 3, 4), _probabilities(r, N, 3, 4)),
    "one-hot logits": lambda r: (_one_hot(r, N, 4), 2 * r.normal(size=(N, 4))),
    "one-hot 9": lambda r: (_one_hot(r, N, 9), _probabilities(r, N, 9)),
    "one-hot 9 3d": lambda r: (_one_hot(r, N, 2, 9), _probabilities(r, N, 2, 9)),
    "labels": lambda r: (_labels(r, N), _probabilities(r, N, 4)),
    "labels float": lambda r: (_labels(r, N).astype(float), _probabilities(r, N, 4)),
    "labels column": lambda r: (_labels(r, N, 1), _probabilities(r, N, 4)),
    "labels 2d": lambda r: (_labels(r, N, 3), _probabilities(r, N, 3, 4)),
    "labels 3d": lambda r: (_labels(r, N, 3, 1), _probabilities(r, N, 3, 4)),
    "labels logits": lambda r: (_labels(r, N), 2 * r.normal(size=(N, 4))),
    "labels 9": lambda r: (_labels(r, N, classes=9), _probabilities(r, N, 9)),
    "labels 9 2d": lambda r: (_labels(r, N, 2, classes=9), _probabilities(r, N, 2, 9)),
    "labels sorted": lambda r: (
        _labels(r, N, classes=9),
        np.argsort(-r.random((N, 9)), -1).astype(float),
    ),
    "ids": lambda r: (_labels(r, N), _labels(r, N)),
    "ids 2d": lambda r: (_labels(r, N, 5), _labels(r, N, 5)),
    "ids outside": lambda r: (_labels(r, N, classes=7) - 1, _labels(r, N, classes=6) - 1),
}
# Weights for a batch of targets and predictions.
WEIGHTS: dict[str, Callable] = {
    "rows": lambda r, y: r.random(len(y)).astype("float32"),
    "column": lambda r, y: r.random((len(y), 1)).astype("float32"),
    "elements": lambda r, y: r.random(y.shape).astype("float32"),
    "rows of 2d": lambda r, y: r.random(y.shape[:2]).astype("float32"),
    "one": lambda r, y: 2.5,
    "zeros": lambda r, y: np.zeros(len(y), "float32"),
    "integers": lambda r, y: r.integers(0, 3, len(y)),
    "integer elements": lambda r, y: r.integers(0, 3, y.shape),
}

PLAIN = ("rows", "column", "one", "zeros")


def _means():
    yield Case("Sum", {}, "values", ("rows", "column", "one"))
    yield Case("Mean", {}, "values", PLAIN)
    for name in ("Sum", "Mean"):
        yield Case(name, {}, "values 2d", ("rows", "column", "elements", "one"))
    yield Case("Accuracy", {}, "equal ids", ("rows", "column", "elements"))
    yield Case("Accuracy", {}, "equal row")
    for data in ("binary", "binary float", "binary row and column", "binary 3d"):
        yield Case("BinaryAccuracy", {}, data, ("rows", "column"))
    yield Case("BinaryAccuracy", {"threshold": 0.3}, "binary")
    for data in ("one-hot", "one-hot 3d"):
        yield Case("CategoricalAccuracy", {}, data)
    for data in ("labels", "labels float", "labels column", "labels 2d", "labels 3d"):
        yield Case("SparseCategoricalAccuracy", {}, data)
    yield Case("SparseCategoricalAccuracy", {}, "labels 2d", ("elements",))
    yield Case("TopKCategoricalAccuracy", {}, "one-hot 9")
    yield Case("TopKCategoricalAccuracy", {"k": 2}, "one-hot 9 3d")
    sparse = "SparseTopKCategoricalAccuracy"
    yield Case(sparse, {}, "labels 9")
    yield Case(sparse, {"k": 3}, "labels 9 2d", ("rows", "elements"))
    yield Case(sparse, {"k": 3, "from_sorted_ids": True}, "labels sorted")


def _regression():
    for name in (
        "MeanSquaredError",
        "MeanAbsoluteError",
        "MeanAbsolutePercentageError",
        "MeanSquaredLogarithmicError",
        "RootMeanSquaredError",
        "CosineSimilarity",
        "LogCoshError",
    ):
        yield Case(name, {}, "real", ("rows", "column", "zeros"))
        yield Case(name, {}, "real 3d", ("rows", "rows of 2d"))
        yield Case(name, {}, "row and column")
    yield Case("CosineSimilarity", {"axis": 1}, "real 3d")
    yield Case("MeanRelativeError", {"normalizer": [1.0, 0.0, 2.0, -3.0]}, "real", oracle=False)
    for name in ("PearsonCorrelation", "ConcordanceCorrelation"):
        yield Case(name, {}, "real")
        yield Case(name, {"axis": 1}, "real 3d")
    for aggregation in (None, "uniform_average", "variance_weighted_average"):
        yield Case("R2Score", {"class_aggregation": aggregation}, "fitted", ("rows", "column"))
    yield Case("R2Score", {"num_regressors": 3}, "fitted")


def _functions():
    yield Case("KLDivergence", {}, "positive")
    yield Case("Poisson", {}, "positive")
    for name in ("Hinge", "SquaredHinge"):
        yield Case(name, {}, "signs")
        yield Case(name, {}, "binary logits")
    yield Case("CategoricalHinge", {}, "one-hot")
    smooth = {"label_smoothing": 0.2, "from_logits": True}
    yield Case("BinaryCrossentropy", {}, "binary", ("rows", "column"))
    yield Case("BinaryCrossentropy", smooth, "binary logits")
    yield Case("CategoricalCrossentropy", {}, "one-hot 3d", ("rows", "rows of 2d"))
    yield Case("CategoricalCrossentropy", smooth, "one-hot logits")
    sparse = "SparseCategoricalCrossentropy"
    for data in ("labels", "labels column", "labels 2d"):
        yield Case(sparse, {}, data)
    yield Case(sparse, {"from_logits": True, "ignore_class": 1}, "labels logits")


def _counts():
    thresholds = ({}, {"thresholds": 0.3}, {"thresholds": [0.2, 0.7]})
    even = {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]}
    data = ("binary", "binary row", "binary row and column", "binary 3d")
    for name in ("TruePositives", "FalsePositives", "TrueNegatives", "FalseNegatives"):
        for arguments in (*thresholds, even):
            yield Case(name, arguments, "binary", ("rows", "column", "elements"))
        yield Case(name, even, "binary ends")
        yield Case(name, {}, "binary row and column")
    for name in ("Precision", "Recall"):
        for arguments in (*thresholds, even):
            yield Case(name, arguments, "binary", ("rows", "elements", "zeros"))
        for kind in data[1:]:
            yield Case(name, {}, kind, ("rows of 2d",) if kind == "binary 3d" else ("rows",))
        yield Case(name, {"class_id": 1}, "binary")
        yield Case(name, {"top_k": 2}, "one-hot 9")
        yield Case(name, {"top_k": 2, "class_id": 3}, "one-hot 9")
        yield Case(name, {"top_k": 2, "thresholds": 0.1}, "one-hot 9")
    for name, argument in (
        ("SensitivityAtSpecificity", "specificity"),
        ("SpecificityAtSensitivity", "sensitivity"),
        ("PrecisionAtRecall", "recall"),
        ("RecallAtPrecision", "precision"),
    ):
        for value in (0.3, 0.6, 0.99):
            yield Case(name, {argument: value}, "binary", ("rows", "zeros"))
        yield Case(name, {argument: 0.4, "num_thresholds": 1}, "binary row")
        yield Case(name, {argument: 0.4, "num_thresholds": 2}, "binary row")
        yield Case(name, {argument: 0.5, "num_thresholds": 7, "class_id": 2}, "binary")
    for average in (None, "micro", "macro", "weighted"):
        yield Case("FBetaScore", {"average": average, "beta": 2.0}, "one-hot")
        yield Case("F1Score", {"average": average, "threshold": 0.3}, "one-hot")
    yield Case("F1Score", {"average": "macro"}, "one-hot")


def _areas():
    for curve in ("ROC", "PR", "PRGAIN"):
        for method in ("interpolation", "majoring", "minoring"):
            options = {"curve": curve, "summation_method": method}
            yield Case("AUC", options, "binary row", ("rows", "zeros"))
            yield Case("AUC", {**options, "thresholds": [0.2, 0.4, 0.9]}, "binary")
            labels = {"multi_label": True, "label_weights": [1.0, 2.0, 0.5]}
            yield Case("AUC", {**options, **labels}, "binary", ("rows", "elements"))
    for data in ("binary", "binary column", "binary ends", "one class"):
        yield Case("AUC", {}, data)
    yield Case("AUC", {}, "binary 3d", ("rows of 2d",))
    yield Case("AUC", {"num_thresholds": 5}, "binary")
    yield Case("AUC", {"num_thresholds": 2}, "binary")
    yield Case("AUC", {"num_thresholds": 3}, "binary ends")
    yield Case("AUC", {"from_logits": True}, "binary logits")
    yield Case("AUC", {"thresholds": [0.25, 0.5, 0.75]}, "binary ends")
    yield Case("AUC", {"label_weights": [1.0, 2.0, 0.5]}, "binary", ("rows", "elements"))
    yield Case("AUC", {"multi_label": True, "num_labels": 3}, "binary")
    yield Case("AUC", {"multi_label": True, "thresholds": [0.1, 0.6]}, "binary", ("rows",))


def _intersections():
    whole = ("integers", "integer elements")
    for data in ("ids", "ids 2d"):
        weights = whole[:1] if data == "ids" else whole[1:]
        yield Case("MeanIoU", {"num_classes": 4}, data, weights)
        yield Case("IoU", {"num_classes": 4, "target_class_ids": [0, 2]}, data, weights)
    yield Case("MeanIoU", {"num_classes": 4}, "ids outside", whole[:1])
    yield Case("MeanIoU", {"num_classes": 4, "dtype": "float32"}, "ids", ("rows",))
    yield Case("MeanIoU", {"num_classes": 4, "ignore_class": 1}, "ids", whole[:1])
    yield Case("MeanIoU", {"num_classes": 4, "sparse_y_pred": False}, "labels 2d", whole[1:])
    yield Case("BinaryIoU", {}, "binary", whole[1:])
    yield Case("BinaryIoU", {"target_class_ids": [1], "threshold": 0.3}, "binary row", whole[:1])
    yield Case("OneHotIoU", {"num_classes": 4, "target_class_ids": [1, 3]}, "one-hot", whole[:1])
    yield Case("OneHotMeanIoU", {"num_classes": 4}, "one-hot", whole[:1])
    yield Case("OneHotMeanIoU", {"num_classes": 4}, "one-hot 3d", ())


CASES = [
    *_means(),
    *_regression(),
    *_functions(),
    *_counts(),
    *_areas(),
    *_intersections(),
]

# Functions that only `keras.metrics` has, with the data they are compared on.
FUNCTIONS = {
    "binary_accuracy": ("binary", "binary row and column", "binary 3d"),
    "categorical_accuracy": ("one-hot", "one-hot 3d"),
    "sparse_categorical_accuracy": ("labels", "labels column", "labels 2d", "labels 3d"),
    "top_k_categorical_accuracy": ("one-hot 9", "one-hot 9 3d"),
    "sparse_top_k_categorical_accuracy": ("labels 9", "labels 9 2d"),
    "pearson_correlation": ("real", "real 3d", "row and column"),
    "concordance_correlation": ("real", "real 3d"),
}
# Public names that no row can have: base classes and lookups.
WITHOUT_ROW = {"Metric", "MeanMetricWrapper", "get", "serialize", "deserialize"}
