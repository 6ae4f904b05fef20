"""Keras 1's and 2's estimators of scikit-learn, made from a function that builds a model."""

import copy

import numpy as np

from torchkeras.losses import get as get_loss
from torchkeras.models import Sequential
from torchkeras.utils import to_categorical
from torchkeras.wrappers._sklearn import Estimator, arguments_of

__all__ = ["BaseWrapper", "KerasClassifier", "KerasRegressor"]


class BaseWrapper(Estimator):
    """Base of the two estimators.

    Args:
        build_fn: a function that gives a compiled model; None for a subclass with `__call__`.
        sk_params: arguments of the function, and of the model's `fit`, `predict` and `score`.
    """

    def __init__(self, build_fn=None, **sk_params):
        self.build_fn = build_fn
        self.sk_params = sk_params
        self.check_params(sk_params)

    def _builder(self):
        return self.__call__ if self.build_fn is None else self.build_fn

    def __sklearn_is_fitted__(self):
        return hasattr(self, "model")

    def check_params(self, params):
        """Checks that somebody takes each argument.

        Raises:
            ValueError: one that nobody takes.
        """
        known = {"batch_size", "epochs", "nb_epoch", "verbose", "callbacks", "x", "y"}
        for function in (Sequential.fit, Sequential.predict, Sequential.evaluate, self._builder()):
            known |= arguments_of(function)
        for name in params:
            if name not in known:
                raise ValueError(f"{name} is not a legal parameter")

    def get_params(self, deep=True, **params):
        """The arguments of the constructor."""
        return {**copy.deepcopy(self.sk_params), "build_fn": self.build_fn}

    def set_params(self, **params):
        """Sets arguments of the constructor."""
        self.check_params({name: v for name, v in params.items() if name != "build_fn"})
        self.build_fn = params.pop("build_fn", self.build_fn)
        self.sk_params.update(params)
        return self

    def fit(self, x, y, **kwargs):
        """Builds a model and trains it on rows of features and their targets; returns what the
        model's `fit` returns."""
        self.model = self._builder()(**self.filter_sk_params(self._builder()))
        loss = self.model.loss if hasattr(self.model, "loss") else None
        config = self.model._compile_config or {}
        loss = config.get("loss", loss)
        name = getattr(get_loss(loss), "name", None) or getattr(get_loss(loss), "__name__", "")
        if name == "categorical_crossentropy" and np.ndim(y) != 2:
            y = to_categorical(y)
        names = arguments_of(Sequential.fit) | {"nb_epoch"}
        given = {key: v for key, v in self.sk_params.items() if key in names}
        return self.model.fit(x, y, **{**given, **kwargs})

    def filter_sk_params(self, fn, override=None):
        """The arguments of the constructor that a function takes."""
        taken = arguments_of(fn)
        found = {name: v for name, v in self.sk_params.items() if name in taken}
        return {**found, **(override or {})}

    def _options(self, method, kwargs):
        return {"verbose": 0, **self.filter_sk_params(method, kwargs)}


class KerasClassifier(BaseWrapper):
    """A classifier of scikit-learn from a function that gives a compiled model.

    Args:
        build_fn: the function; None for a subclass with `__call__`.
        sk_params: its arguments, and those of the model's `fit`, `predict` and `score`.
    """

    _kind = "classifier"

    def fit(self, x, y, sample_weight=None, **kwargs):
        """Trains; the targets are class numbers, names, or one-hot rows.

        Raises:
            ValueError: targets of another shape.
        """
        y = np.array(y)
        if y.ndim == 2 and y.shape[1] > 1:
            self.classes_ = np.arange(y.shape[1])
        elif y.ndim == 1 or (y.ndim == 2 and y.shape[1] == 1):
            self.classes_ = np.unique(y)
            y = np.searchsorted(self.classes_, y)
        else:
            raise ValueError(f"Invalid shape for y: {y.shape}")
        self.n_classes_ = len(self.classes_)
        if sample_weight is not None:
            kwargs["sample_weight"] = sample_weight
        return super().fit(x, y, **kwargs)

    def predict(self, x, **kwargs):
        """The class of each row."""
        self._check_fitted("model")
        outputs = self.model.predict(x, **self._options(Sequential.predict, kwargs))
        if outputs.shape[-1] > 1:
            return self.classes_[outputs.argmax(axis=-1)]
        return self.classes_[(outputs > 0.5).astype("int32")]

    def predict_proba(self, x, **kwargs):
        """The probability of each class, row by row."""
        self._check_fitted("model")
        outputs = self.model.predict(x, **self._options(Sequential.predict, kwargs))
        return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs

    def score(self, x, y, **kwargs):
        """The accuracy that the model was compiled to measure.

        Raises:
            ValueError: it measures none.
        """
        self._check_fitted("model")
        y = np.searchsorted(self.classes_, y)
        loss = (self.model._compile_config or {}).get("loss")
        if getattr(get_loss(loss), "__name__", "") == "categorical_crossentropy" and y.ndim != 2:
            y = to_categorical(y)
        options = self._options(Sequential.evaluate, kwargs)
        values = self.model.evaluate(x, y, return_dict=True, **options)
        for name, value in values.items():
            if name in ("accuracy", "acc"):
                return value
        raise ValueError(
            "The model is not configured to compute accuracy. You should pass "
            '`metrics=["accuracy"]` to the `model.compile()` method.'
        )


class KerasRegressor(BaseWrapper):
    """A regressor of scikit-learn from a function that gives a compiled model.

    Args:
        build_fn: the function; None for a subclass with `__call__`.
        sk_params: its arguments, and those of the model's `fit`, `predict` and `score`.
    """

    _kind = "regressor"

    def predict(self, x, **kwargs):
        """The prediction for each row."""
        self._check_fitted("model")
        outputs = self.model.predict(x, **self._options(Sequential.predict, kwargs))
        return np.squeeze(outputs, -1)

    def score(self, x, y, **kwargs):
        """The negative of the model's loss: more is better."""
        self._check_fitted("model")
        loss = self.model.evaluate(x, y, **self._options(Sequential.evaluate, kwargs))
        return -(loss[0] if isinstance(loss, list) else loss)
