"""The losses: a class names a function and its extra parameters."""

from types import FunctionType

from torchkeras import tree
from torchkeras._scopes import seen_by
from torchkeras._serialize import serialize_keras_object
from torchkeras.losses import _functions as functions
from torchkeras.losses._base import Loss, match_ranks

__all__ = [
    "BinaryCrossentropy",
    "BinaryFocalCrossentropy",
    "CTC",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
    "CategoricalGeneralizedCrossEntropy",
    "CategoricalHinge",
    "Circle",
    "CosineSimilarity",
    "Dice",
    "Hinge",
    "Huber",
    "KLDivergence",
    "LogCosh",
    "LossFunctionWrapper",
    "MeanAbsoluteError",
    "MeanAbsolutePercentageError",
    "MeanSquaredError",
    "MeanSquaredLogarithmicError",
    "Poisson",
    "SparseCategoricalCrossentropy",
    "SquaredHinge",
    "Tversky",
]


class LossFunctionWrapper(Loss):
    """The loss of a function `fn(y_true, y_pred, **kwargs)` that gives values per sample.

    Targets and predictions whose ranks differ by a last axis of 1 get the same rank first.
    """

    _keras_module = "keras.src.losses.losses"
    # Parameters of `fn` that Keras leaves out of the config; here they are in it where they are not
    # the default, so that nothing is lost.
    _unlisted = {}

    def __init__(self, fn, reduction="sum_over_batch_size", name=None, dtype=None, **kwargs):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.fn = fn
        self._fn_kwargs = kwargs
        vars(self).update(kwargs)
        is_plain = isinstance(fn, FunctionType) and type(self).call is LossFunctionWrapper.call
        self._mean_form = functions.MEAN_FORMS.get(fn) if is_plain else None

    def call(self, y_true, y_pred):
        if tree.is_nested(y_true) or tree.is_nested(y_pred):
            pairs = tree.map_structure(match_ranks, y_true, y_pred)
            y_true = tree.map_structure_up_to(y_true, lambda pair: pair[0], pairs)
            y_pred = tree.map_structure_up_to(y_pred, lambda pair: pair[1], pairs)
        else:
            y_true, y_pred = match_ranks(y_true, y_pred)
        return self.fn(*seen_by(self.fn, y_true, y_pred), **self._fn_kwargs)

    def _target_dtype(self):
        is_labels = isinstance(self.fn, FunctionType) and self.fn in functions.OF_LABELS
        return None if is_labels else self._torch_dtype

    def get_config(self):
        config = super().get_config()
        if type(self) is LossFunctionWrapper:
            config |= serialize_keras_object(self._fn_kwargs)
        return {
            key: value
            for key, value in config.items()
            if key not in self._unlisted or value != self._unlisted[key]
        }

    def __repr__(self):
        return f"<LossFunctionWrapper({self.fn}, kwargs={self._fn_kwargs})>"


# ------------------------------------------------------------------ regression
class MeanSquaredError(LossFunctionWrapper):
    """Mean of squared errors."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_squared_error", dtype=None):
        super().__init__(functions.mean_squared_error, reduction, name, dtype)


class MeanAbsoluteError(LossFunctionWrapper):
    """Mean of absolute errors."""

    def __init__(self, reduction="sum_over_batch_size", name="mean_absolute_error", dtype=None):
        super().__init__(functions.mean_absolute_error, reduction, name, dtype)


class MeanAbsolutePercentageError(LossFunctionWrapper):
    """Mean of absolute errors in percent of the targets."""

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="mean_absolute_percentage_error",
        dtype=None,
    ):
        super().__init__(functions.mean_absolute_percentage_error, reduction, name, dtype)


class MeanSquaredLogarithmicError(LossFunctionWrapper):
    """Mean of squared differences of `log(1 + x)`."""

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="mean_squared_logarithmic_error",
        dtype=None,
    ):
        super().__init__(functions.mean_squared_logarithmic_error, reduction, name, dtype)


class CosineSimilarity(LossFunctionWrapper):
    """Negative cosine between targets and predictions along `axis`."""

    _unlisted = {"axis": -1}

    def __init__(
        self, axis=-1, reduction="sum_over_batch_size", name="cosine_similarity", dtype=None
    ):
        super().__init__(functions.cosine_similarity, reduction, name, dtype, axis=axis)


class Huber(LossFunctionWrapper):
    """Half the squared error up to `delta`, linear beyond it."""

    _unlisted = {"delta": 1.0}

    def __init__(self, delta=1.0, reduction="sum_over_batch_size", name="huber_loss", dtype=None):
        super().__init__(functions.huber, reduction, name, dtype, delta=delta)


class LogCosh(LossFunctionWrapper):
    """Mean logarithm of the hyperbolic cosine of the error."""

    def __init__(self, reduction="sum_over_batch_size", name="log_cosh", dtype=None):
        super().__init__(functions.log_cosh, reduction, name, dtype)


class Poisson(LossFunctionWrapper):
    """`y_pred - y_true * log(y_pred)`, for counts."""

    def __init__(self, reduction="sum_over_batch_size", name="poisson", dtype=None):
        super().__init__(functions.poisson, reduction, name, dtype)


class KLDivergence(LossFunctionWrapper):
    """Kullback-Leibler divergence of two distributions over the last axis."""

    def __init__(self, reduction="sum_over_batch_size", name="kl_divergence", dtype=None):
        super().__init__(functions.kl_divergence, reduction, name, dtype)


# ------------------------------------------------------------------ maximum margin
class Hinge(LossFunctionWrapper):
    """`max(1 - y_true * y_pred, 0)`; targets are -1 and 1, or 0 and 1."""

    def __init__(self, reduction="sum_over_batch_size", name="hinge", dtype=None):
        super().__init__(functions.hinge, reduction, name, dtype)


class SquaredHinge(LossFunctionWrapper):
    """`max(1 - y_true * y_pred, 0) ** 2`; targets are -1 and 1, or 0 and 1."""

    def __init__(self, reduction="sum_over_batch_size", name="squared_hinge", dtype=None):
        super().__init__(functions.squared_hinge, reduction, name, dtype)


class CategoricalHinge(LossFunctionWrapper):
    """`max(neg - pos + 1, 0)` of the scores of the true class and the best other one."""

    def __init__(self, reduction="sum_over_batch_size", name="categorical_hinge", dtype=None):
        super().__init__(functions.categorical_hinge, reduction, name, dtype)


# ------------------------------------------------------------------ crossentropies
class BinaryCrossentropy(LossFunctionWrapper):
    """Crossentropy of targets 0 and 1, each prediction on its own.

    Args:
        from_logits: whether predictions are unbounded scores instead of probabilities.
        label_smoothing: how far targets move towards 0.5, from 0 to 1.
        axis: the axis that the mean per sample is taken over.
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.binary_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class BinaryFocalCrossentropy(LossFunctionWrapper):
    """Binary crossentropy in which easy samples count less (https://arxiv.org/abs/1708.02002).

    Args:
        apply_class_balancing: weigh class 1 by `alpha` and class 0 by `1 - alpha`.
        gamma: how much less easy samples count; 0 is plain crossentropy.
    """

    def __init__(
        self,
        apply_class_balancing=False,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="binary_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.binary_focal_crossentropy,
            reduction,
            name,
            dtype,
            apply_class_balancing=apply_class_balancing,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of one-hot targets (or probabilities) over the classes on `axis`.

    Args:
        from_logits: whether predictions are unbounded scores instead of probabilities.
        label_smoothing: the part of each target that is spread over all classes.
    """

    def __init__(
        self,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class CategoricalFocalCrossentropy(LossFunctionWrapper):
    """Categorical crossentropy in which easy samples count less.

    Args:
        alpha: weight of all classes, or a list with one for each.
        gamma: how much less easy samples count; 0 is plain crossentropy times `alpha`.
    """

    def __init__(
        self,
        alpha=0.25,
        gamma=2.0,
        from_logits=False,
        label_smoothing=0.0,
        axis=-1,
        reduction="sum_over_batch_size",
        name="categorical_focal_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.categorical_focal_crossentropy,
            reduction,
            name,
            dtype,
            alpha=alpha,
            gamma=gamma,
            from_logits=from_logits,
            label_smoothing=label_smoothing,
            axis=axis,
        )


class SparseCategoricalCrossentropy(LossFunctionWrapper):
    """Crossentropy of integer targets over the classes on `axis`.

    Args:
        from_logits: whether predictions are unbounded scores instead of probabilities.
        ignore_class: a label whose samples do not count.
    """

    _unlisted = {"axis": -1}

    def __init__(
        self,
        from_logits=False,
        ignore_class=None,
        reduction="sum_over_batch_size",
        axis=-1,
        name="sparse_categorical_crossentropy",
        dtype=None,
    ):
        super().__init__(
            functions.sparse_categorical_crossentropy,
            reduction,
            name,
            dtype,
            from_logits=from_logits,
            ignore_class=ignore_class,
            axis=axis,
        )


class CategoricalGeneralizedCrossEntropy(LossFunctionWrapper):
    """Robust crossentropy of integer targets (https://arxiv.org/abs/1805.07836).

    Args:
        q: between 0 (crossentropy) and 1 (absolute error), both excluded.
    """

    def __init__(
        self,
        q=0.5,
        reduction="sum_over_batch_size",
        name="categorical_generalized_cross_entropy",
        dtype=None,
    ):
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1). Received: q={q}")
        super().__init__(
            functions.categorical_generalized_cross_entropy, reduction, name, dtype, q=q
        )


# ------------------------------------------------------------------ segmentation
class Dice(LossFunctionWrapper):
    """1 - 2 * overlap / (targets + predictions), summed over `axis` or all axes."""

    def __init__(self, reduction="sum_over_batch_size", name="dice", axis=None, dtype=None):
        super().__init__(functions.dice, reduction, name, dtype, axis=axis)


class Tversky(LossFunctionWrapper):
    """Dice with weights `alpha` for missed targets and `beta` for predictions without a target."""

    def __init__(
        self,
        alpha=0.5,
        beta=0.5,
        reduction="sum_over_batch_size",
        name="tversky",
        axis=None,
        dtype=None,
    ):
        super().__init__(
            functions.tversky, reduction, name, dtype, alpha=alpha, beta=beta, axis=axis
        )


# ------------------------------------------------------------------ embeddings, sequences
class Circle(LossFunctionWrapper):
    """Circle loss of unit vectors with integer labels (https://arxiv.org/abs/2002.10857).

    Args:
        gamma: scale of the similarities.
        margin: slack of the margins.
        remove_diagonal: whether a sample is not compared with itself.
    """

    def __init__(
        self,
        gamma=80.0,
        margin=0.4,
        remove_diagonal=True,
        reduction="sum_over_batch_size",
        name="circle",
        dtype=None,
    ):
        super().__init__(
            functions.circle,
            reduction,
            name,
            dtype,
            gamma=gamma,
            margin=margin,
            remove_diagonal=remove_diagonal,
        )


class CTC(LossFunctionWrapper):
    """Connectionist temporal classification of logits (B, T, classes); class 0 is the blank."""

    def __init__(self, reduction="sum_over_batch_size", name="ctc", dtype=None):
        super().__init__(functions.ctc, reduction, name, dtype)
