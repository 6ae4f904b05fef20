"""The loss functions: `fn(y_true, y_pred)` gives one value per sample.

`MEAN_FORMS` holds, for the commonest of them, a form that computes the mean over all samples in as
few torch calls as possible. It returns None where the arguments are not of the plain kind.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from torchkeras import config
from torchkeras._errors import warn
from torchkeras._op import computed_on_symbols
from torchkeras.losses._base import match_ranks
from torchkeras.ops._core import as_tensor

__all__ = [
    "BCE",
    "KLD",
    "MAE",
    "MAPE",
    "MSE",
    "MSLE",
    "bce",
    "binary_crossentropy",
    "binary_focal_crossentropy",
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "categorical_generalized_cross_entropy",
    "categorical_hinge",
    "circle",
    "cosine_similarity",
    "ctc",
    "dice",
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
    "poisson",
    "sparse_categorical_crossentropy",
    "squared_hinge",
    "tversky",
]

# No label is ignored unless `ignore_class` says so; torch's own default is -100.
NO_CLASS = -(2**31)


# ------------------------------------------------------------------ arguments
def predictions(y_pred, y_true=None) -> Tensor:
    """A floating tensor; what is not a tensor yet goes to the device of the targets."""
    if not isinstance(y_pred, Tensor):
        device = y_true.device if isinstance(y_true, Tensor) else None
        y_pred = as_tensor(y_pred, device=device)
    if y_pred.is_floating_point():
        return y_pred
    return y_pred.to(getattr(torch, config.floatx()))


def operands(y_true, y_pred) -> tuple[Tensor, Tensor]:
    """Both as tensors of the dtype and on the device of the predictions."""
    y_pred = predictions(y_pred, y_true)
    if not isinstance(y_true, Tensor):
        y_true = as_tensor(y_true, y_pred.dtype, y_pred.device)
    return y_true.to(y_pred), y_pred


def paired(y_true, y_pred) -> tuple[Tensor, Tensor]:
    """`operands`, of equal rank."""
    return match_ranks(*operands(y_true, y_pred))


def plain_targets(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    """Targets in the shape and dtype of the predictions if they only lack a last 1, else None."""
    if y_true.shape != y_pred.shape:
        if y_true.ndim != 1 or y_pred.ndim != 2 or y_pred.shape != (y_true.shape[0], 1):
            return None
        y_true = y_true.unsqueeze(-1)
    return y_true if y_true.dtype is y_pred.dtype else y_true.to(y_pred.dtype)


def remembered_logits(y_pred, activation: str, axis: int = -1) -> Tensor | None:
    """The logits that this activation, applied over the last axis, turned into `y_pred`."""
    logits = getattr(y_pred, "_keras_logits", None)
    if logits is None or getattr(y_pred, "_keras_activation", activation) != activation:
        return None
    return logits if _is_last(axis, logits.ndim) else None


def _is_last(axis: int, ndim: int) -> bool:
    return axis == -1 or axis == ndim - 1


def _probabilities(y_pred: Tensor, axis: int) -> Tensor:
    """Scaled to sum 1, then kept off 0 and 1."""
    y_pred = y_pred / y_pred.sum(axis, keepdim=True)
    return y_pred.clamp(config.epsilon(), 1.0 - config.epsilon())


# ------------------------------------------------------------------ regression
@computed_on_symbols
def mean_squared_error(y_true, y_pred):
    """Mean of `(y_true - y_pred) ** 2` over the last axis."""
    y_true, y_pred = paired(y_true, y_pred)
    return (y_true - y_pred).square().mean(-1)


mse = MSE = mean_squared_error


@computed_on_symbols
def mean_absolute_error(y_true, y_pred):
    """Mean of `|y_true - y_pred|` over the last axis."""
    y_true, y_pred = paired(y_true, y_pred)
    return (y_true - y_pred).abs().mean(-1)


mae = MAE = mean_absolute_error


@computed_on_symbols
def mean_absolute_percentage_error(y_true, y_pred):
    """100 times the mean of `|y_true - y_pred| / max(|y_true|, epsilon)` over the last axis."""
    y_true, y_pred = paired(y_true, y_pred)
    relative = (y_true - y_pred) / y_true.abs().clamp(min=config.epsilon())
    return 100.0 * relative.abs().mean(-1)


mape = MAPE = mean_absolute_percentage_error


@computed_on_symbols
def mean_squared_logarithmic_error(y_true, y_pred):
    """Mean of `(log(1 + y_true) - log(1 + y_pred)) ** 2` over the last axis, both at least 0."""
    y_true, y_pred = paired(y_true, y_pred)
    log_pred = (y_pred.clamp(min=config.epsilon()) + 1.0).log()
    log_true = (y_true.clamp(min=config.epsilon()) + 1.0).log()
    return (log_pred - log_true).square().mean(-1)


msle = MSLE = mean_squared_logarithmic_error


@computed_on_symbols
def cosine_similarity(y_true, y_pred, axis=-1):
    """Negative cosine of the angle between targets and predictions: -1 is the same direction."""
    return -cosine(y_true, y_pred, axis)


def cosine(y_true, y_pred, axis=-1) -> Tensor:
    """The cosine of the angle along `axis`, 0 for a vector of zeros."""
    y_true, y_pred = paired(y_true, y_pred)
    return (_unit(y_true, axis) * _unit(y_pred, axis)).sum(axis)


def _unit(x: Tensor, axis: int) -> Tensor:
    inverse = x.square().sum(axis, keepdim=True).rsqrt()
    return x * inverse.clamp(max=min(1.0 / config.epsilon(), torch.finfo(x.dtype).max))


@computed_on_symbols
def huber(y_true, y_pred, delta=1.0):
    """Half the squared error up to `delta`, linear beyond it; mean over the last axis."""
    y_true, y_pred = paired(y_true, y_pred)
    error = (y_pred - y_true).abs()
    linear = delta * error - 0.5 * delta * delta
    return torch.where(error <= delta, 0.5 * error.square(), linear).mean(-1)


@computed_on_symbols
def log_cosh(y_true, y_pred):
    """Mean of `log(cosh(y_pred - y_true))` over the last axis."""
    y_true, y_pred = paired(y_true, y_pred)
    error = y_pred - y_true
    return (error + F.softplus(-2.0 * error) - math.log(2.0)).mean(-1)


logcosh = log_cosh


@computed_on_symbols
def poisson(y_true, y_pred):
    """Mean of `y_pred - y_true * log(y_pred + epsilon)` over the last axis."""
    y_true, y_pred = operands(y_true, y_pred)
    return (y_pred - y_true * (y_pred + config.epsilon()).log()).mean(-1)


@computed_on_symbols
def kl_divergence(y_true, y_pred):
    """Sum of `y_true * log(y_true / y_pred)` over the last axis, both clipped to [epsilon, 1]."""
    y_true, y_pred = operands(y_true, y_pred)
    y_true = y_true.clamp(config.epsilon(), 1)
    y_pred = y_pred.clamp(config.epsilon(), 1)
    return (y_true * (y_true / y_pred).log()).sum(-1)


kld = KLD = kullback_leibler_divergence = kl_divergence


# ------------------------------------------------------------------ maximum margin
@computed_on_symbols
def hinge(y_true, y_pred):
    """Mean of `max(1 - y_true * y_pred, 0)` over the last axis; targets 0, 1 are read as -1, 1."""
    y_true, y_pred = operands(y_true, y_pred)
    return (1.0 - _signs(y_true) * y_pred).relu().mean(-1)


@computed_on_symbols
def squared_hinge(y_true, y_pred):
    """Mean of `max(1 - y_true * y_pred, 0) ** 2` over the last axis; targets as for `hinge`."""
    y_true, y_pred = operands(y_true, y_pred)
    return (1.0 - _signs(y_true) * y_pred).relu().square().mean(-1)


def _signs(y_true: Tensor) -> Tensor:
    is_binary = ((y_true == 0) | (y_true == 1)).all()
    return torch.where(is_binary, 2.0 * y_true - 1.0, y_true)


@computed_on_symbols
def categorical_hinge(y_true, y_pred):
    """`max(neg - pos + 1, 0)`: pos is the score of the true class, neg the best of the others."""
    y_true, y_pred = operands(y_true, y_pred)
    pos = (y_true * y_pred).sum(-1)
    neg = ((1.0 - y_true) * y_pred).amax(-1)
    return (neg - pos + 1.0).relu()


# ------------------------------------------------------------------ crossentropies
@computed_on_symbols
def categorical_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """`-sum(y_true * log(y_pred))` over the class axis; targets are one-hot or probabilities."""
    _check_class_axis(axis)
    y_true, y_pred = operands(y_true, y_pred)
    _check_classes(y_true, y_pred, "categorical_crossentropy")
    y_true = _smoothed_classes(y_true, label_smoothing)
    logits = y_pred if from_logits else remembered_logits(y_pred, "softmax", axis)
    if logits is None:
        log_probabilities = _probabilities(y_pred, axis).log()
    else:
        log_probabilities = F.log_softmax(logits, axis)
    return -(y_true * log_probabilities).sum(axis)


@computed_on_symbols
def categorical_focal_crossentropy(
    y_true, y_pred, alpha=0.25, gamma=2.0, from_logits=False, label_smoothing=0.0, axis=-1
):
    """Categorical crossentropy in which each class counts `alpha * (1 - p) ** gamma`."""
    _check_class_axis(axis)
    y_true, y_pred = operands(y_true, y_pred)
    _warn_of_one_class(y_pred, "categorical_focal_crossentropy")
    y_true = _smoothed_classes(y_true, label_smoothing)
    if from_logits:
        y_pred = y_pred.softmax(axis)
    p = _probabilities(y_pred, axis)
    return (alpha * (1.0 - p).pow(gamma) * -y_true * p.log()).sum(axis)


def _check_class_axis(axis):
    if isinstance(axis, bool):
        raise ValueError(
            f"`axis` must be of type `int`. Received: axis={axis} of type {type(axis)}"
        )


def _check_classes(y_true: Tensor, y_pred: Tensor, name: str):
    _check_same_shape(y_true, y_pred)
    if y_true.ndim < 1:
        raise ValueError(
            "Arguments `target` and `output` must be at least rank 1. "
            f"Received: target.shape={tuple(y_true.shape)}, output.shape={tuple(y_pred.shape)}"
        )
    _warn_of_one_class(y_pred, name)


def _check_same_shape(y_true: Tensor, y_pred: Tensor):
    if y_true.shape != y_pred.shape:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape. "
            f"Received: target.shape={tuple(y_true.shape)}, output.shape={tuple(y_pred.shape)}"
        )


def _warn_of_one_class(y_pred: Tensor, name: str):
    if y_pred.ndim and y_pred.shape[-1] == 1:
        warn(
            f"In loss {name}, expected y_pred.shape to be (batch_size, num_classes) with "
            f"num_classes > 1. Received: y_pred.shape={tuple(y_pred.shape)}. Consider using "
            "'binary_crossentropy' if you only have 2 classes.",
            SyntaxWarning,
        )


def _smoothed_classes(y_true: Tensor, label_smoothing: float) -> Tensor:
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + label_smoothing / y_true.shape[-1]


@computed_on_symbols
def sparse_categorical_crossentropy(y_true, y_pred, from_logits=False, ignore_class=None, axis=-1):
    """`-log(y_pred[class])` for integer targets.

    With `ignore_class`, samples of that class give 0 and are masked out of the loss's mean.

    Raises:
        ValueError: a label is outside the classes (on CPU; on CUDA the device asserts).
    """
    y_pred = predictions(y_pred, y_true)
    labels = _labels(y_true, y_pred, axis)
    logits = y_pred if from_logits else remembered_logits(y_pred, "softmax", axis)
    ignored = NO_CLASS if ignore_class is None else int(ignore_class)
    if logits is None:
        values = _nll(_probabilities(y_pred, axis).log(), labels, axis, ignored, F.nll_loss)
    else:
        values = _nll(logits, labels, axis, ignored, F.cross_entropy)
    if ignore_class is not None:
        values._keras_mask = labels != ignored
    return values


def _labels(y_true, y_pred: Tensor, axis: int) -> Tensor:
    """The targets as int64, without the class axis."""
    labels = _class_numbers(y_true, y_pred.device)
    if y_pred.ndim < 1:
        raise ValueError(
            "Argument `output` must be at least rank 1. "
            f"Received: output.shape={tuple(y_pred.shape)}"
        )
    if labels.ndim == y_pred.ndim and labels.shape[axis] == 1:
        labels = labels.squeeze(axis)
    expected = list(y_pred.shape)
    del expected[axis]
    if list(labels.shape) != expected:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension. "
            f"Received: target.shape={tuple(labels.shape)}, output.shape={tuple(y_pred.shape)}"
        )
    return labels


def _class_numbers(y_true, device: torch.device) -> Tensor:
    return as_tensor(y_true, device=device).to(device, torch.int64)


def _nll(scores: Tensor, labels: Tensor, axis: int, ignored: int, kernel) -> Tensor:
    """Values per sample from a torch kernel that wants classes on axis 1."""
    if scores.ndim == 1:
        return _nll(scores.unsqueeze(0), labels.unsqueeze(0), 1, ignored, kernel).squeeze(0)
    scores = scores.movedim(axis, 1)
    try:
        return kernel(scores, labels, ignore_index=ignored, reduction="none")
    except (IndexError, RuntimeError) as error:
        raise _label_error(labels, scores.shape[1], ignored, error) from None


def _label_error(labels: Tensor, classes: int, ignored: int, error: Exception) -> Exception:
    """What was wrong with the labels, or the error as it was."""
    wrong = labels[((labels < 0) | (labels >= classes)) & (labels != ignored)]
    if not wrong.numel():
        return error
    return ValueError(
        f"Received a label value of {wrong[0].item()} which is outside the valid range of "
        f"[0, {classes}). Use `ignore_class` for labels that should not count."
    )


@computed_on_symbols
def binary_crossentropy(y_true, y_pred, from_logits=False, label_smoothing=0.0, axis=-1):
    """Mean over `axis` of `-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)`."""
    y_true, y_pred = operands(y_true, y_pred)
    _check_same_shape(y_true, y_pred)
    logits = y_pred if from_logits else remembered_logits(y_pred, "sigmoid")
    y_true = _smoothed_binary(y_true, label_smoothing)
    if logits is None:
        values = _binary_nll(y_true, y_pred, "none")
    else:
        values = F.binary_cross_entropy_with_logits(logits, y_true, reduction="none")
    return values.mean(axis)


bce = BCE = binary_crossentropy


def _binary_nll(y_true: Tensor, y_pred: Tensor, reduction: str) -> Tensor:
    y_pred = y_pred.clamp(config.epsilon(), 1.0 - config.epsilon())
    return F.binary_cross_entropy(y_pred, y_true, reduction=reduction)


def _smoothed_binary(y_true: Tensor, label_smoothing: float) -> Tensor:
    if not label_smoothing:
        return y_true
    return y_true * (1.0 - label_smoothing) + 0.5 * label_smoothing


@computed_on_symbols
def binary_focal_crossentropy(
    y_true,
    y_pred,
    apply_class_balancing=False,
    alpha=0.25,
    gamma=2.0,
    from_logits=False,
    label_smoothing=0.0,
    axis=-1,
):
    """Binary crossentropy in which easy samples count less, by `(1 - p_true) ** gamma`.

    Args:
        apply_class_balancing: weigh class 1 by `alpha` and class 0 by `1 - alpha`.
    """
    y_true, y_pred = operands(y_true, y_pred)
    _check_same_shape(y_true, y_pred)
    y_true = _smoothed_binary(y_true, label_smoothing)
    if from_logits:
        y_pred = y_pred.sigmoid()
    p_true = y_true * y_pred + (1.0 - y_true) * (1.0 - y_pred)
    values = (1.0 - p_true).pow(gamma) * _binary_nll(y_true, y_pred, "none")
    if apply_class_balancing:
        values = values * (y_true * alpha + (1.0 - y_true) * (1.0 - alpha))
    return values.mean(axis)


@computed_on_symbols
def categorical_generalized_cross_entropy(y_true, y_pred, q):
    """`(1 - p_true ** q) / q` for integer targets: wrong labels matter less as q nears 1."""
    y_pred = predictions(y_pred, y_true)
    labels = _labels(y_true, y_pred, -1)
    try:
        p_true = y_pred.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    except RuntimeError as error:
        raise _label_error(labels, y_pred.shape[-1], NO_CLASS, error) from None
    return (1.0 - p_true.pow(q)) / q


# ------------------------------------------------------------------ segmentation
@computed_on_symbols
def dice(y_true, y_pred, axis=None):
    """1 - 2 * overlap / (sum of targets + sum of predictions), over `axis` or all axes."""
    y_true, y_pred = operands(y_true, y_pred)
    overlap = _sum(y_true * y_pred, axis)
    return 1.0 - 2.0 * overlap / (_sum(y_true, axis) + _sum(y_pred, axis) + config.epsilon())


@computed_on_symbols
def tversky(y_true, y_pred, alpha=0.5, beta=0.5, axis=None):
    """Dice with a weight for each kind of error.

    Args:
        alpha: weight of targets that the prediction misses.
        beta: weight of predictions without a target.
    """
    y_true, y_pred = operands(y_true, y_pred)
    overlap = _sum(y_true * y_pred, axis)
    missed = _sum((1.0 - y_pred) * y_true, axis)
    surplus = _sum(y_pred * (1.0 - y_true), axis)
    return 1.0 - overlap / (overlap + missed * alpha + surplus * beta + config.epsilon())


def _sum(x: Tensor, axis) -> Tensor:
    return x.sum() if axis is None else x.sum(axis)


# ------------------------------------------------------------------ embeddings, sequences
@computed_on_symbols
def circle(
    y_true,
    y_pred,
    ref_labels=None,
    ref_embeddings=None,
    remove_diagonal=True,
    gamma=80,
    margin=0.4,
):
    """Circle loss (https://arxiv.org/abs/2002.10857) of unit vectors with integer labels.

    Args:
        ref_labels, ref_embeddings: what the predictions are compared with; None is the batch.
        remove_diagonal: whether a sample is not compared with the reference at its own place.
        gamma: scale of the similarities.
        margin: slack of the margins.
    """
    y_pred = predictions(y_pred, y_true)
    labels = _class_numbers(y_true, y_pred.device)
    others = y_pred if ref_embeddings is None else as_tensor(ref_embeddings, device=y_pred.device)
    other_labels = labels
    if ref_labels is not None:
        other_labels = _class_numbers(ref_labels, y_pred.device)
    same = labels.reshape(-1, 1) == other_labels.reshape(1, -1)
    different = ~same
    if remove_diagonal:
        same = same & ~torch.eye(*same.shape, dtype=torch.bool, device=same.device)
    distance = (1.0 - y_pred @ others.T).relu()
    pull = gamma * (margin + distance).relu() * (distance - margin)
    push = gamma * (1.0 + margin - distance).relu() * (1.0 - margin - distance)
    nothing = -math.inf
    values = F.softplus(
        pull.masked_fill(~same, nothing).logsumexp(1)
        + push.masked_fill(~different, nothing).logsumexp(1)
    )
    values._keras_mask = values > 0
    return values


@computed_on_symbols
def ctc(y_true, y_pred):
    """Connectionist temporal classification: labels (B, L), 0 the blank; logits (B, T, classes)."""
    y_pred = predictions(y_pred, y_true)
    labels = _class_numbers(y_true, y_pred.device)
    if labels.ndim != 2:
        raise ValueError(
            "Targets `y_true` are expected to be a tensor of shape `(batch_size, max_length)` in "
            f"integer format. Received: y_true.shape={tuple(labels.shape)}"
        )
    if y_pred.ndim != 3:
        raise ValueError(
            "Logits `y_pred` are expected to be a tensor of shape "
            "`(batch_size, max_length, num_classes)`. "
            f"Received: y_pred.shape={tuple(y_pred.shape)}"
        )
    dtype = torch.promote_types(y_pred.dtype, torch.float32)
    log_probabilities = F.log_softmax(y_pred.to(dtype).transpose(0, 1), -1)
    batch, steps, _ = y_pred.shape
    input_lengths = torch.full((batch,), steps, dtype=torch.int64, device=y_pred.device)
    return F.ctc_loss(
        log_probabilities,
        labels,
        input_lengths,
        (labels != 0).sum(-1),
        reduction="none",
    )


# ------------------------------------------------------------------ means in one call
def _mean_mse(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    y_true = plain_targets(y_true, y_pred)
    return None if y_true is None else F.mse_loss(y_pred, y_true)


def _mean_mae(y_true: Tensor, y_pred: Tensor) -> Tensor | None:
    y_true = plain_targets(y_true, y_pred)
    return None if y_true is None else F.l1_loss(y_pred, y_true)


def _mean_huber(y_true: Tensor, y_pred: Tensor, delta=1.0) -> Tensor | None:
    y_true = plain_targets(y_true, y_pred)
    if y_true is None or not delta > 0:
        return None
    return F.huber_loss(y_pred, y_true, delta=delta)


def _mean_binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits=False, label_smoothing=0.0, axis=-1
) -> Tensor | None:
    y_true = plain_targets(y_true, y_pred)
    if y_true is None:
        return None
    y_true = _smoothed_binary(y_true, label_smoothing)
    logits = y_pred if from_logits else remembered_logits(y_pred, "sigmoid")
    if logits is None:
        return _binary_nll(y_true, y_pred, "mean")
    return F.binary_cross_entropy_with_logits(logits, y_true)


def _mean_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits=False, label_smoothing=0.0, axis=-1
) -> Tensor | None:
    if y_true.shape != y_pred.shape or y_pred.ndim < 2 or not _is_last(axis, y_pred.ndim):
        return None
    logits = y_pred if from_logits else remembered_logits(y_pred, "softmax")
    classes = y_pred.shape[-1]
    if logits is None or classes == 1:
        return None
    if y_true.dtype is not logits.dtype:
        y_true = y_true.to(logits.dtype)
    if logits.ndim > 2:
        logits, y_true = logits.reshape(-1, classes), y_true.reshape(-1, classes)
    return F.cross_entropy(logits, y_true, label_smoothing=label_smoothing)


def _mean_sparse_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits=False, ignore_class=None, axis=-1
) -> Tensor | None:
    ndim = y_pred.ndim
    if ignore_class is not None or ndim < 2 or not _is_last(axis, ndim):
        return None
    logits = y_pred if from_logits else remembered_logits(y_pred, "softmax")
    if logits is None:
        return None
    if y_true.ndim == ndim and y_true.shape[-1] == 1:
        y_true = y_true.squeeze(-1)
    if y_true.shape != logits.shape[:-1]:
        return None
    if y_true.dtype is not torch.int64:
        y_true = y_true.long()
    if ndim > 2:
        logits, y_true = logits.reshape(-1, logits.shape[-1]), y_true.reshape(-1)
    try:
        return F.cross_entropy(logits, y_true, ignore_index=NO_CLASS)
    except (IndexError, RuntimeError) as error:
        raise _label_error(y_true, logits.shape[-1], NO_CLASS, error) from None


MEAN_FORMS = {
    mean_squared_error: _mean_mse,
    mean_absolute_error: _mean_mae,
    huber: _mean_huber,
    binary_crossentropy: _mean_binary_crossentropy,
    categorical_crossentropy: _mean_categorical_crossentropy,
    sparse_categorical_crossentropy: _mean_sparse_categorical_crossentropy,
}
# Their targets are class numbers, which a cast to a short float would change.
OF_LABELS = frozenset(
    {
        categorical_generalized_cross_entropy,
        circle,
        ctc,
        sparse_categorical_crossentropy,
    }
)
