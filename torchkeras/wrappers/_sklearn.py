"""Keras models as estimators of scikit-learn."""

import copy
import inspect
from typing import Any

import numpy as np

from torchkeras._errors import import_optional
from torchkeras.models import Model, clone_model

__all__ = ["SKLearnClassifier", "SKLearnRegressor", "SKLearnTransformer"]


class Estimator:
    """What scikit-learn asks of an estimator, without inheriting from it: it is imported only when
    it asks."""

    _kind = ""

    def __sklearn_tags__(self):
        found = import_optional("sklearn.utils", "scikit-learn's estimators")
        kinds = {
            "classifier": {"classifier_tags": found.ClassifierTags()},
            "regressor": {"regressor_tags": found.RegressorTags()},
            "transformer": {"transformer_tags": found.TransformerTags()},
        }
        required = self._kind in ("classifier", "regressor")
        return found.Tags(
            estimator_type=self._kind if required else None,
            target_tags=found.TargetTags(required=required),
            input_tags=found.InputTags(),
            non_deterministic=True,
            **kinds.get(self._kind, {}),
        )

    @property
    def _estimator_type(self) -> str:
        return self._kind

    def _check_fitted(self, attribute: str):
        if getattr(self, attribute, None) is None:
            error = import_optional("sklearn.exceptions", "scikit-learn's estimators")
            raise error.NotFittedError(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with "
                "appropriate arguments before using this estimator."
            )


class SKLBase(Estimator):
    """A model, or a function that makes one, as an estimator.

    Args:
        model: a compiled model, of which each `fit` trains a copy; or a function `(X, y,
            **model_kwargs)` that gives a compiled model.
        warm_start: whether a second `fit` goes on with the model of the first.
        model_kwargs: keyword arguments of the function.
        fit_kwargs: keyword arguments of the model's `fit`.

    Attributes:
        model_: the fitted model.
        history_: the `History` of `fit`.
    """

    def __init__(self, model, warm_start=False, model_kwargs=None, fit_kwargs=None):
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def __sklearn_clone__(self):
        model = clone_model(self.model) if isinstance(self.model, Model) else self.model
        if isinstance(self.model, Model) and self.model.compiled:
            model.compile_from_config(self.model.get_compile_config())
        return type(self)(
            model,
            warm_start=self.warm_start,
            model_kwargs=copy.deepcopy(self.model_kwargs),
            fit_kwargs=copy.deepcopy(self.fit_kwargs),
        )

    def get_params(self, deep=True) -> dict[str, Any]:
        """The arguments of the constructor."""
        names = ("model", "warm_start", "model_kwargs", "fit_kwargs")
        return {name: getattr(self, name) for name in names}

    def set_params(self, **params):
        """Sets arguments of the constructor."""
        for name, value in params.items():
            setattr(self, name, value)
        return self

    @property
    def epoch_(self):
        """The epochs trained so far."""
        return len(self.history_.epoch) if hasattr(self, "history_") else 0

    def set_fit_request(self, **kwargs):
        """Says which arguments of `fit` a meta-estimator may pass on."""
        self._fit_request = kwargs
        return self

    def _get_model(self, x, y) -> Model:
        if not isinstance(self.model, Model):
            return self.model(X=x, y=y, **(self.model_kwargs or {}))
        made = clone_model(self.model)
        if not self.model.compiled:
            raise RuntimeError(
                "Given model needs to be compiled, and have a loss and an optimizer. Received: "
                f"model={self.model}"
            )
        made.compile_from_config(self.model.get_compile_config())
        return made

    def fit(self, X, y, **kwargs):  # noqa: N803 - scikit-learn's name
        """Trains on rows of features and their targets; returns the estimator."""
        x = np.asarray(X)
        is_first = not (self.warm_start and hasattr(self, "model_"))
        target = self._encoded(y, is_first)
        if is_first:
            self.model_ = self._get_model(x, target)
        self.history_ = self.model_.fit(x, target, **{**(self.fit_kwargs or {}), **kwargs})
        self.n_features_in_ = x.shape[1] if x.ndim > 1 else 1
        return self

    def predict(self, X):  # noqa: N803 - scikit-learn's name
        """The model's outputs, as targets."""
        self._check_fitted("model_")
        return self._decoded(self.model_.predict(np.asarray(X), verbose=0))

    def _encoded(self, y, is_first: bool):
        y = np.asarray(y)
        self._is_flat = y.ndim == 1
        return y.reshape(-1, 1) if self._is_flat else y

    def _decoded(self, outputs):
        return outputs.reshape(-1) if self._is_flat and outputs.shape[-1] == 1 else outputs


class SKLearnClassifier(SKLBase):
    __doc__ = SKLBase.__doc__.replace("an estimator.", "a classifier.") + (
        "        classes_: the classes, in the order of the model's outputs.\n    "
    )
    _kind = "classifier"

    def _encoded(self, y, is_first: bool):
        y = np.asarray(y)
        y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
        if y.ndim != 1:
            raise ValueError(f"Expected one class for each row. Received: y of shape {y.shape}")
        if is_first:
            self.classes_ = np.unique(y)
        unknown = np.setdiff1d(y, self.classes_)
        if unknown.size:
            raise ValueError(f"Found unknown classes. Received: y with {unknown.tolist()}")
        return (y[:, None] == self.classes_[None, :]).astype("float32")

    def _decoded(self, outputs):
        return self.classes_[outputs.argmax(axis=-1)]

    def decision_function(self, X):  # noqa: N803 - scikit-learn's name
        """The model's outputs; of two classes those of the second."""
        self._check_fitted("model_")
        outputs = self.model_.predict(np.asarray(X), verbose=0)
        return outputs[:, 1] if outputs.shape[-1] == 2 else outputs

    def score(self, X, y, sample_weight=None):  # noqa: N803 - scikit-learn's name
        """Share of right classes."""
        hits = self.predict(X) == np.asarray(y).reshape(-1)
        return float(np.average(hits, weights=sample_weight))

    def set_score_request(self, *, sample_weight=None):
        """Says whether a meta-estimator may pass sample weights to `score`."""
        self._score_request = {"sample_weight": sample_weight}
        return self


class SKLearnRegressor(SKLBase):
    __doc__ = SKLBase.__doc__.replace("an estimator.", "a regressor.")
    _kind = "regressor"

    def score(self, X, y, sample_weight=None):  # noqa: N803 - scikit-learn's name
        """The coefficient of determination."""
        y = np.asarray(y, dtype="float64")
        predicted = np.asarray(self.predict(X)).reshape(y.shape)
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        weights = weights.reshape(-1, *(1,) * (y.ndim - 1))
        residual = (weights * (y - predicted) ** 2).sum(0)
        spread = (weights * (y - np.average(y, axis=0, weights=weights.reshape(-1))) ** 2).sum(0)
        return float(np.mean(1 - residual / spread))

    def set_score_request(self, *, sample_weight=None):
        """Says whether a meta-estimator may pass sample weights to `score`."""
        self._score_request = {"sample_weight": sample_weight}
        return self


class SKLearnTransformer(SKLBase):
    __doc__ = SKLBase.__doc__.replace("an estimator.", "a transformer.")
    _kind = "transformer"

    def transform(self, X):  # noqa: N803 - scikit-learn's name
        """The model's outputs."""
        return self.predict(X)

    def fit_transform(self, X, y=None, **kwargs):  # noqa: N803 - scikit-learn's name
        """`fit`, then `transform` of the same rows."""
        return self.fit(X, y, **kwargs).transform(X)


def arguments_of(function) -> set[str]:
    """Names of the arguments that a function, or its `__call__`, takes."""
    return set(inspect.signature(function).parameters)
