"""The `Loss` base class, and how values per sample become one number."""

import sys

import torch
from torch import Tensor

from torchkeras import _naming, config, dtype_policies, tree
from torchkeras._op import Computation
from torchkeras._scopes import face, seen_by
from torchkeras._serialize import Configurable
from torchkeras._symbolic import any_symbolic
from torchkeras.ops._core import as_tensor

__all__ = ["Loss"]

REDUCTIONS = ("sum_over_batch_size", "sum", None, "none", "mean", "mean_with_sample_weight")
# Without weights these three are the same mean over all values.
MEANS = frozenset({"sum_over_batch_size", "mean", "mean_with_sample_weight"})


class Loss(Configurable):
    """Compares targets with predictions; subclasses implement `call(y_true, y_pred)`.

    `call` gets tensors of the loss's dtype, in the structure they were given in, and returns values
    per sample (or one number). Sample weights and the mask of the predictions are applied to those.

    Args:
        reduction: "sum_over_batch_size" or "mean" divide by the number of values,
            "mean_with_sample_weight" by the sum of the weights, "sum" adds up, "none" and None keep
            the values per sample.
        dtype: dtype or policy to compute in; None is `floatx`.
    """

    _mean_form = None

    def __init__(self, name=None, reduction="sum_over_batch_size", dtype=None):
        self.name = name or _naming.auto_name(type(self).__name__)
        self.reduction = checked_reduction(reduction)
        self._dtype_policy = dtype_policies.get(dtype or config.floatx())
        self._torch_dtype = getattr(torch, self.dtype)

    @property
    def dtype(self):
        return self._dtype_policy.compute_dtype

    def __call__(self, y_true, y_pred, sample_weight=None):
        if face.shown is not None and not torch.compiler.is_compiling():
            return face.shown(sys._getframe(1), self._compared(y_true, y_pred, sample_weight))
        return self._compared(y_true, y_pred, sample_weight)

    def _compared(self, y_true, y_pred, sample_weight):
        """The loss, the common case first."""
        if (
            self._mean_form is not None
            and sample_weight is None
            and type(y_pred) is Tensor
            and type(y_true) is Tensor
            and y_pred.dtype is self._torch_dtype
            and y_true.device == y_pred.device
            and self.reduction in MEANS
            and getattr(y_pred, "_keras_mask", None) is None
        ):
            loss = self._mean_form(y_true, y_pred, **self._fn_kwargs)
            if loss is not None:
                return loss
        return self._call_slow(y_true, y_pred, sample_weight)

    def _call_slow(self, y_true, y_pred, sample_weight):
        if any_symbolic(y_true, y_pred, sample_weight):
            return Computation(self)(y_true, y_pred, sample_weight)
        mask = getattr(y_pred, "_keras_mask", None)
        device = device_of(y_pred, y_true)
        y_pred = to_tensors(y_pred, self._torch_dtype, device)
        y_true = to_tensors(y_true, self._target_dtype(), device)
        values = self.call(*seen_by(self.call, y_true, y_pred))
        own_mask = getattr(values, "_keras_mask", None)
        if mask is not None and own_mask is not None:
            mask = mask & own_mask
        elif mask is None:
            mask = own_mask
        return reduce_weighted_values(
            values, sample_weight, mask, self.reduction, self._torch_dtype
        )

    def _target_dtype(self) -> torch.dtype | None:
        """The dtype that targets are cast to; None keeps their own."""
        return self._torch_dtype

    def call(self, y_true, y_pred):
        raise NotImplementedError(
            f"A Loss must implement `call(y_true, y_pred)`. Received: class={type(self).__name__}"
        )

    def get_config(self):
        """The arguments; `dtype` only where it is not `floatx`."""
        arguments = super().get_config()
        if arguments.get("dtype") == config.floatx():
            del arguments["dtype"]
        return arguments


def checked_reduction(reduction):
    if reduction not in REDUCTIONS:
        raise ValueError(
            "Invalid value for argument `reduction`. "
            f"Expected one of {REDUCTIONS}. Received: reduction={reduction}"
        )
    return reduction


# ------------------------------------------------------------------ what is given -> tensors
def device_of(*structures) -> torch.device | None:
    """The device of the first tensor in the structures, None without one."""
    for structure in structures:
        if isinstance(structure, Tensor):
            return structure.device
        for leaf in tree.flatten(structure):
            if isinstance(leaf, Tensor):
                return leaf.device
    return None


def to_tensors(structure, dtype: torch.dtype | None, device: torch.device | None):
    """The structure with tensors for leaves; lists of plain numbers are one tensor."""
    if isinstance(structure, Tensor):
        return _cast(structure, dtype, device)
    is_list = isinstance(structure, (list, tuple))
    if is_list and not any(hasattr(leaf, "shape") for leaf in tree.flatten(structure)):
        return as_tensor(structure, dtype, device)
    if not tree.is_nested(structure):
        return as_tensor(structure, dtype, device)
    return tree.map_structure(lambda leaf: to_tensors(leaf, dtype, device), structure)


def _cast(x: Tensor, dtype: torch.dtype | None, device: torch.device | None) -> Tensor:
    dtype = dtype or x.dtype
    if x.dtype is dtype and (device is None or x.device == device):
        return x
    return with_logits(x, lambda tensor: tensor.to(device=device, dtype=dtype))


def with_logits(x: Tensor, change) -> Tensor:
    """`change(x)`, which remembers the same change of the logits that `x` remembers."""
    changed = change(x)
    logits = getattr(x, "_keras_logits", None)
    if logits is not None and changed is not x:
        changed._keras_logits = change(logits)
        if hasattr(x, "_keras_activation"):
            changed._keras_activation = x._keras_activation
    return changed


def match_ranks(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Equal ranks where they differ by one and the longer shape ends in 1.

    A shape (N,) gets that 1, otherwise the longer one loses it. (N,) against (N, 1) would broadcast
    to (N, N).
    """
    longer = y_true.ndim - y_pred.ndim
    if longer == 1 and y_true.shape[-1] == 1:
        if y_pred.ndim == 1:
            return y_true, with_logits(y_pred, _append_axis)
        return y_true.squeeze(-1), y_pred
    if longer == -1 and y_pred.shape[-1] == 1:
        if y_true.ndim == 1:
            return y_true.unsqueeze(-1), y_pred
        return y_true, with_logits(y_pred, _drop_axis)
    return y_true, y_pred


def _append_axis(x: Tensor) -> Tensor:
    return x.unsqueeze(-1)


def _drop_axis(x: Tensor) -> Tensor:
    return x.squeeze(-1)


# ------------------------------------------------------------------ weights, masks, reduction
def reduce_weighted_values(
    values,
    sample_weight=None,
    mask=None,
    reduction="sum_over_batch_size",
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Values per sample, times weights and mask, reduced to one number (or not)."""
    checked_reduction(reduction)
    values = as_tensor(values, dtype)
    if sample_weight is not None:
        sample_weight = as_tensor(sample_weight, values.dtype, values.device).to(values.device)
    sample_weight = apply_mask(sample_weight, mask, values.dtype, reduction)
    if sample_weight is not None:
        values, sample_weight = match_ranks(values, sample_weight)
        values = values * aligned_weight(sample_weight, values.shape)
    return _reduce(values, sample_weight, reduction)


def aligned_weight(weight: Tensor, shape: torch.Size) -> Tensor:
    """A weight per sample (N,) for values (N, T) as (N, 1): one per row, also where N equals T."""
    if 0 < weight.ndim < len(shape) and weight.shape == shape[: weight.ndim]:
        return weight.reshape(weight.shape + (1,) * (len(shape) - weight.ndim))
    return weight


def _reduce(values: Tensor, weight: Tensor | None, reduction) -> Tensor:
    if reduction in (None, "none") or values.ndim == 0 or values.shape == (0,):
        return values
    if reduction == "sum":
        return values.sum()
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(values.sum(), weight.sum())
    return values.mean() if values.numel() else values.sum()


def divide_no_nan(x: Tensor, y: Tensor) -> Tensor:
    """x / y, and 0 where y is 0; the gradient is finite there too."""
    is_zero = y == 0
    return torch.where(is_zero, 0.0, x / torch.where(is_zero, 1.0, y))


def apply_mask(
    sample_weight: Tensor | None, mask: Tensor | None, dtype: torch.dtype, reduction
) -> Tensor | None:
    """Weights that are 0 where the mask is, scaled so that a mean is one over the valid values."""
    if mask is None:
        return sample_weight
    weight = mask.to(dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        weight = weight * divide_no_nan(weight.new_tensor(float(mask.numel())), weight.sum())
    if sample_weight is None:
        return weight
    weight, sample_weight = match_ranks(weight, sample_weight.to(dtype))
    return aligned_weight(sample_weight, weight.shape) * weight
