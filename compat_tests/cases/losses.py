"""Rows for the losses: arguments, targets and predictions, for every class and function."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One loss on one pair of targets and predictions.

    `function` is the loss function of the same meaning, called with `function_arguments` (None:
    those of the class).
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    data: str = "real"  # key of DATA
    function: str | None = None
    function_arguments: dict[str, Any] | None = None

    def __str__(self):
        arguments = ", ".join(f"{k}={v}" for k, v in self.arguments.items())
        return f"{self.name}({arguments})-{self.data}"

    @property
    def arguments_of_function(self) -> dict[str, Any]:
        given = self.function_arguments
        return self.arguments if given is None else given


def _probabilities(rng, *shape):
    values = rng.random(shape) + 0.05
    return values / values.sum(-1, keepdims=True)


def _unit(rng, *shape):
    values = rng.normal(size=shape)
    return values / np.linalg.norm(values, axis=-1, keepdims=True)


def _one_hot(rng, *shape):
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


def _saturated(rng, *shape):
    values = np.zeros(shape)
    values[..., 0] = 1.0
    values[0] = 1.0 / shape[-1]
    return values


def _ignored(labels):
    labels = np.array(labels)
    labels.reshape(-1)[::3] = 2
    return labels


# name -> (targets, predictions) from a generator; float arrays are cast by the test.
DATA: dict[str, Callable] = {
    "real": lambda r: (r.normal(size=(6, 4)), r.normal(size=(6, 4))),
    "real 3d": lambda r: (r.normal(size=(5, 3, 4)), r.normal(size=(5, 3, 4))),
    "column": lambda r: (r.normal(size=(6, 1)), r.normal(size=(6, 1))),
    "row and column": lambda r: (r.normal(size=6), r.normal(size=(6, 1))),
    "column and row": lambda r: (r.normal(size=(6, 1)), r.normal(size=6)),
    "rows": lambda r: (r.normal(size=6), r.normal(size=6)),
    "2d and 3d": lambda r: (r.normal(size=(5, 3)), r.normal(size=(5, 3, 1))),
    "positive": lambda r: (r.random((6, 4)) + 0.1, r.random((6, 4)) + 0.1),
    "zeros": lambda r: (np.zeros((3, 4)), r.normal(size=(3, 4))),
    "counts": lambda r: (r.integers(0, 9, (6, 4)), r.random((6, 4)) * 4),
    "signs": lambda r: (r.choice([-1.0, 1.0], (6, 4)), r.normal(size=(6, 4))),
    "binary": lambda r: (r.integers(0, 2, (6, 4)).astype(float), r.random((6, 4))),
    "binary int": lambda r: (r.integers(0, 2, (6, 4)), r.random((6, 4))),
    "binary bool": lambda r: (r.integers(0, 2, (6, 4)) == 1, r.random((6, 4))),
    "binary 3d": lambda r: (r.integers(0, 2, (5, 3, 4)).astype(float), r.random((5, 3, 4))),
    "binary row": lambda r: (r.integers(0, 2, 6), r.random((6, 1))),
    "binary logits": lambda r: (r.integers(0, 2, (6, 4)).astype(float), 3 * r.normal(size=(6, 4))),
    "binary saturated": lambda r: (
        r.integers(0, 2, (6, 4)).astype(float),
        r.choice([0.0, 1.0], (6, 4)),
    ),
    "one-hot": lambda r: (_one_hot(r, 6, 4), _probabilities(r, 6, 4)),
    "one-hot int": lambda r: (_one_hot(r, 6, 4).astype(int), _probabilities(r, 6, 4)),
    "one-hot unscaled": lambda r: (_one_hot(r, 6, 4), r.random((6, 4)) + 0.1),
    "one-hot 3d": lambda r: (_one_hot(r, 5, 3, 4), _probabilities(r, 5, 3, 4)),
    "one-hot logits": lambda r: (_one_hot(r, 6, 4), 3 * r.normal(size=(6, 4))),
    "one-hot logits 3d": lambda r: (_one_hot(r, 5, 3, 4), 3 * r.normal(size=(5, 3, 4))),
    "one-hot saturated": lambda r: (_one_hot(r, 6, 4), _saturated(r, 6, 4)),
    "one-hot axis 1": lambda r: (
        np.moveaxis(_one_hot(r, 5, 3, 4), -1, 1),
        np.moveaxis(_probabilities(r, 5, 3, 4), -1, 1),
    ),
    "labels": lambda r: (r.integers(0, 4, 6), _probabilities(r, 6, 4)),
    "labels column": lambda r: (r.integers(0, 4, (6, 1)), _probabilities(r, 6, 4)),
    "labels float": lambda r: (r.integers(0, 4, 6).astype(float), _probabilities(r, 6, 4)),
    "labels uint8": lambda r: (r.integers(0, 4, 6).astype("uint8"), _probabilities(r, 6, 4)),
    "labels unscaled": lambda r: (r.integers(0, 4, 6), r.random((6, 4)) + 0.1),
    "labels saturated": lambda r: (r.integers(0, 4, 6), _saturated(r, 6, 4)),
    "labels 2d": lambda r: (r.integers(0, 4, (5, 3)), _probabilities(r, 5, 3, 4)),
    "labels 3d": lambda r: (r.integers(0, 4, (5, 3, 1)), _probabilities(r, 5, 3, 4)),
    "labels logits": lambda r: (r.integers(0, 4, 6), 3 * r.normal(size=(6, 4))),
    "labels logits 2d": lambda r: (r.integers(0, 4, (5, 3)), 3 * r.normal(size=(5, 3, 4))),
    "labels logits column": lambda r: (r.integers(0, 4, (6, 1)), 3 * r.normal(size=(6, 4))),
    "labels axis 1": lambda r: (
        r.integers(0, 4, (5, 3)),
        np.moveaxis(_probabilities(r, 5, 3, 4), -1, 1),
    ),
    "labels ignored": lambda r: (_ignored(r.integers(0, 4, 6)), _probabilities(r, 6, 4)),
    "labels ignored 2d": lambda r: (
        _ignored(r.integers(0, 4, (5, 3))),
        _probabilities(r, 5, 3, 4),
    ),
    "labels all ignored": lambda r: (np.full(6, 2), _probabilities(r, 6, 4)),
    "labels minus one": lambda r: (
        np.where(r.random(6) < 0.4, -1, r.integers(0, 4, 6)),
        3 * r.normal(size=(6, 4)),
    ),
    "embeddings": lambda r: (np.array([0, 1, 0, 1, 2, 0]), _unit(r, 6, 4)),
    "embeddings column": lambda r: (np.array([[0], [1], [0], [1], [1], [0]]), _unit(r, 6, 4)),
    "masks": lambda r: (r.integers(0, 2, (3, 4, 4, 1)).astype(float), r.random((3, 4, 4, 1))),
    "sequences": lambda r: (
        np.array([[1, 2, 1], [3, 2, 0], [1, 0, 0]]),
        r.normal(size=(3, 7, 4)),
    ),
}


def _crossentropies():
    binary = ("binary", "binary int", "binary bool", "binary 3d", "binary row", "binary saturated")
    for data in binary:
        yield Case("BinaryCrossentropy", {}, data, "binary_crossentropy")
    yield Case("BinaryCrossentropy", {"from_logits": True}, "binary logits", "binary_crossentropy")
    smooth = {"label_smoothing": 0.2}
    for name, snake in (
        ("BinaryCrossentropy", "binary_crossentropy"),
        ("BinaryFocalCrossentropy", "binary_focal_crossentropy"),
    ):
        yield Case(name, smooth, "binary", snake)
        yield Case(name, {"axis": 1}, "binary 3d", snake)
        yield Case(name, {**smooth, "from_logits": True}, "binary logits", snake)
    focal = "binary_focal_crossentropy"
    yield Case("BinaryFocalCrossentropy", {}, "binary saturated", focal)
    yield Case(
        "BinaryFocalCrossentropy",
        {"apply_class_balancing": True, "alpha": 0.3, "gamma": 1.5},
        "binary",
        focal,
    )
    for name, snake in (
        ("CategoricalCrossentropy", "categorical_crossentropy"),
        ("CategoricalFocalCrossentropy", "categorical_focal_crossentropy"),
    ):
        for data in (
            "one-hot",
            "one-hot int",
            "one-hot unscaled",
            "one-hot 3d",
            "one-hot saturated",
        ):
            yield Case(name, {}, data, snake)
        yield Case(name, {"from_logits": True}, "one-hot logits", snake)
        yield Case(name, {"from_logits": True}, "one-hot logits 3d", snake)
        yield Case(name, smooth, "one-hot", snake)
        yield Case(name, {**smooth, "from_logits": True}, "one-hot logits", snake)
        yield Case(name, {"axis": 1}, "one-hot axis 1", snake)
        yield Case(name, {"axis": 1, "from_logits": True}, "one-hot axis 1", snake)
    yield Case(
        "CategoricalFocalCrossentropy",
        {"alpha": 0.5, "gamma": 1.0},
        "one-hot",
        "categorical_focal_crossentropy",
    )
    sparse = ("SparseCategoricalCrossentropy", "sparse_categorical_crossentropy")
    for data in ("", " column", " float", " uint8", " unscaled", " saturated", " 2d", " 3d"):
        yield Case(sparse[0], {}, "labels" + data, sparse[1])
    for data in ("", " 2d", " column"):
        yield Case(sparse[0], {"from_logits": True}, "labels logits" + data, sparse[1])
    for from_logits in (False, True):
        logits = {"from_logits": from_logits}
        yield Case(sparse[0], {**logits, "axis": 1}, "labels axis 1", sparse[1])
        for data in ("labels ignored", "labels ignored 2d", "labels all ignored", "labels 3d"):
            yield Case(sparse[0], {**logits, "ignore_class": 2}, data, sparse[1])
    yield Case(sparse[0], {"from_logits": True, "ignore_class": -1}, "labels minus one", sparse[1])
    generalized = "CategoricalGeneralizedCrossEntropy"
    snake = "categorical_generalized_cross_entropy"
    yield Case(generalized, {}, "labels", snake, {"q": 0.5})
    yield Case(generalized, {"q": 0.8}, "labels", snake)


def _regression():
    for name, snake in (
        ("MeanSquaredError", "mean_squared_error"),
        ("MeanAbsoluteError", "mean_absolute_error"),
        ("MeanAbsolutePercentageError", "mean_absolute_percentage_error"),
        ("MeanSquaredLogarithmicError", "mean_squared_logarithmic_error"),
        ("LogCosh", "log_cosh"),
        ("Huber", "huber"),
        ("CosineSimilarity", "cosine_similarity"),
    ):
        for data in ("real", "real 3d", "row and column", "column and row", "2d and 3d", "rows"):
            yield Case(name, {}, data, snake)
        yield Case(name, {}, "counts", snake)
    yield Case("MeanAbsolutePercentageError", {}, "zeros", "mean_absolute_percentage_error")
    yield Case("Huber", {"delta": 0.4}, "real", "huber")
    yield Case("CosineSimilarity", {"axis": 1}, "real 3d", "cosine_similarity")
    yield Case("CosineSimilarity", {}, "zeros", "cosine_similarity")
    for data in ("positive", "counts"):
        yield Case("Poisson", {}, data, "poisson")
    for data in ("positive", "one-hot", "one-hot 3d"):
        yield Case("KLDivergence", {}, data, "kl_divergence")


def _others():
    for name, snake in (("Hinge", "hinge"), ("SquaredHinge", "squared_hinge")):
        for data in ("signs", "binary logits", "binary int", "real"):
            yield Case(name, {}, data, snake)
    for data in ("one-hot", "one-hot 3d"):
        yield Case("CategoricalHinge", {}, data, "categorical_hinge")
    for name, snake in (("Dice", "dice"), ("Tversky", "tversky")):
        yield Case(name, {}, "masks", snake)
        yield Case(name, {"axis": (1, 2, 3)}, "masks", snake)
        yield Case(name, {"axis": -1}, "binary 3d", snake)
    yield Case("Tversky", {"alpha": 0.2, "beta": 0.7}, "masks", "tversky")
    yield Case("Circle", {}, "embeddings", "circle")
    yield Case("Circle", {"gamma": 20.0, "margin": 0.2}, "embeddings column", "circle")
    yield Case("Circle", {"remove_diagonal": False}, "embeddings", "circle")
    yield Case("CTC", {}, "sequences", "ctc")


CASES = [*_regression(), *_crossentropies(), *_others()]
# Public names that no row can have: the base class and the lookups.
WITHOUT_ROW = {"Loss", "LossFunctionWrapper", "get", "serialize", "deserialize"}
