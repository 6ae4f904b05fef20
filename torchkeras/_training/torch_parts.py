"""What torch has of its own for `compile`: losses, optimizers, schedulers and metrics, in Keras's
terms."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchkeras import _naming
from torchkeras._errors import received
from torchkeras.losses._base import match_ranks, reduce_weighted_values
from torchkeras.metrics import Metric

__all__ = [
    "TorchLoss",
    "TorchMetric",
    "TorchOptimizer",
    "as_torch_optimizer",
    "is_torch_loss",
    "is_torch_metric",
]

# Losses whose integer targets are numbers of classes.
_OF_CLASSES = (
    nn.CrossEntropyLoss,
    nn.NLLLoss,
    nn.MultiMarginLoss,
    nn.MultiLabelMarginLoss,
)
_FUNCTIONS_OF_CLASSES = ("cross_entropy", "nll_loss", "multi_margin_loss", "multilabel_margin_loss")
_FUNCTIONAL = nn.functional.cross_entropy.__module__
_SCHEDULERS = torch.optim.lr_scheduler.LRScheduler
# These are stepped after every batch, the others after every epoch, as torch documents them.
_BY_BATCH = (torch.optim.lr_scheduler.OneCycleLR, torch.optim.lr_scheduler.CyclicLR)
_REDUCTIONS = {"mean": "sum_over_batch_size", "sum": "sum", "none": "sum_over_batch_size"}


# ---------------------------------------------------------------- losses


def is_torch_loss(loss) -> bool:
    """Whether a loss takes the predictions first: a module, or a function of
    `torch.nn.functional`."""
    return isinstance(loss, nn.Module) or getattr(loss, "__module__", None) == _FUNCTIONAL


class TorchLoss:
    """A loss of torch, called Keras's way round, with targets as it wants them.

    Its own `reduction` stands. Where there are sample weights or a mask, it gives a value per
    sample, which is weighted before that reduction.
    """

    def __init__(self, function: Callable):
        self.function = function
        self.is_module = isinstance(function, nn.Module)
        self.name = type(function).__name__ if self.is_module else function.__name__
        self.takes_classes = isinstance(function, _OF_CLASSES) or self.name in _FUNCTIONS_OF_CLASSES

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight=None) -> Tensor:
        mask = getattr(y_pred, "_keras_mask", None)
        y_true, y_pred = self._fitted(y_true, y_pred)
        if sample_weight is None and mask is None:
            loss = self.function(y_pred, y_true)
            return loss.mean() if loss.ndim else loss
        reduction, values = self._values(y_true, y_pred)
        return reduce_weighted_values(values, sample_weight, mask, _REDUCTIONS[reduction])

    def _fitted(self, y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
        """Targets in the dtype and rank, predictions with the axes in the order, that torch
        expects."""
        if not self.takes_classes:
            y_true, y_pred = match_ranks(y_true, y_pred)
            return (y_true if y_true.is_floating_point() else y_true.to(y_pred.dtype)), y_pred
        if y_true.is_floating_point() and y_true.shape == y_pred.shape:
            return y_true, y_pred
        if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
            y_true = y_true.squeeze(-1)
        if y_pred.ndim > 2 and y_true.shape == y_pred.shape[:-1]:
            # Classes come last in Keras, second in torch.
            y_pred = y_pred.movedim(-1, 1)
        return y_true.long(), y_pred

    def _values(self, y_true: Tensor, y_pred: Tensor) -> tuple[str, Tensor]:
        """The reduction, and the loss without it."""
        if not self.is_module:
            return "mean", self.function(y_pred, y_true, reduction="none")
        reduction = getattr(self.function, "reduction", None)
        if reduction not in _REDUCTIONS:
            raise ValueError(
                "Sample weights and masks need a loss whose `reduction` can be 'none'. "
                f"{received(loss=self.name)}"
            )
        self.function.reduction = "none"
        try:
            return reduction, self.function(y_pred, y_true)
        finally:
            self.function.reduction = reduction


# ---------------------------------------------------------------- metrics


def is_torch_metric(metric) -> bool:
    """Whether a metric has the methods of torchmetrics."""
    named = ("update", "compute", "reset")
    return not isinstance(metric, (Metric, type)) and all(
        callable(getattr(metric, name, None)) for name in named
    )


class TorchMetric(Metric):
    """A metric of torchmetrics (or with its methods) as one of Keras; its state stays its own."""

    def __init__(self, metric: Any):
        super().__init__(name=getattr(metric, "name", None) or _snake(metric))
        # Not tracked: the state is the metric's.
        self.metric = metric

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight=None) -> None:
        if sample_weight is not None:
            raise ValueError(
                "Metrics of torch take no sample weights; list them in `metrics`. "
                f"{received(weighted_metrics=self.name)}"
            )
        y_pred = y_pred.detach()
        if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1 != y_pred.shape[-1]:
            y_true = y_true.squeeze(-1)
        else:
            y_true, y_pred = match_ranks(y_true, y_pred)
        if isinstance(self.metric, nn.Module) or hasattr(self.metric, "to"):
            self.metric.to(y_pred.device)
        with torch.no_grad():
            self.metric.update(y_pred, y_true)

    def result(self):
        with torch.no_grad():
            return self.metric.compute()

    def reset_state(self):
        self.metric.reset()

    @property
    def variables(self):
        return []

    def get_config(self):
        raise ValueError(
            f"A metric of torch has no configuration that Keras knows. {received(metric=self.name)}"
        )


def _snake(metric) -> str:
    return _naming.to_snake_case(type(metric).__name__)


# ---------------------------------------------------------------- optimizers


class TorchOptimizer:
    """A `torch.optim.Optimizer` with the methods by which training, callbacks and files know an
    optimizer.

    All that it does not have itself is the torch optimizer's: `param_groups`, `state_dict`, `step`.

    Args:
        given: an optimizer, a class of one, or a function from parameters to one.
        scheduler: a `torch.optim.lr_scheduler`, or a function from an optimizer to one. It moves
            after every epoch, `OneCycleLR` and `CyclicLR` after every batch; `ReduceLROnPlateau`
            sees the validation loss, or the loss where there is none.
    """

    loss_scale_factor = None
    name = "torch"

    def __init__(self, given, scheduler=None):
        self._make = None if isinstance(given, torch.optim.Optimizer) else given
        self._make_scheduler = None if isinstance(scheduler, _SCHEDULERS) else scheduler
        self.scheduler = scheduler if self._make_scheduler is None else None
        self.optimizer = None
        self._steps = 0
        if self._make is None:
            self._take(given)

    def _take(self, optimizer: torch.optim.Optimizer) -> None:
        if isinstance(optimizer, torch.optim.LBFGS):
            raise ValueError(
                "An optimizer that calls a closure needs a `train_step` of its own. "
                f"{received(optimizer=type(optimizer).__name__)}"
            )
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise ValueError(
                f"Could not interpret optimizer identifier: {self._make}. It should give a "
                f"`torch.optim.Optimizer` for a list of parameters. {received(result=optimizer)}"
            )
        self.optimizer = optimizer
        self.name = type(optimizer).__name__
        if self._make_scheduler is not None:
            self.scheduler = self._make_scheduler(optimizer)

    def __getattr__(self, name):
        optimizer = self.__dict__.get("optimizer")
        if optimizer is None or name.startswith("__"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(optimizer, name)

    @property
    def built(self) -> bool:
        return self.optimizer is not None

    def build(self, variables) -> None:
        """Makes the optimizer of these parameters, where it was not given ready."""
        if self.optimizer is None:
            self._take(self._make(list(variables)))

    def apply(self, grads, trainable_variables=None) -> None:
        """Takes one step with these gradients."""
        if trainable_variables is None:
            trainable_variables = [p for group in self.param_groups for p in group["params"]]
        self.build(trainable_variables)
        for variable, grad in zip(trainable_variables, grads, strict=True):
            variable.grad = grad
        self.optimizer.step()
        self._steps += 1
        if isinstance(self.scheduler, _BY_BATCH):
            self.scheduler.step()

    def apply_gradients(self, grads_and_vars) -> None:
        """Takes one step from pairs of gradient and variable."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)

    def end_epoch(self, logs: dict) -> None:
        """Moves the scheduler on, if it goes by epochs."""
        if self.scheduler is None or isinstance(self.scheduler, _BY_BATCH):
            return
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(logs.get("val_loss", logs.get("loss")))
        else:
            self.scheduler.step()

    def scale_loss(self, loss):
        """The loss as it is."""
        return loss

    def finalize_variable_values(self, var_list) -> None:
        """Nothing: the weights are as they should be."""

    @property
    def iterations(self) -> Tensor:
        """Number of steps taken."""
        return torch.tensor(self._steps)

    @property
    def learning_rate(self) -> float:
        """The rate of the first group; setting it sets that of all groups."""
        if self.optimizer is None:
            raise AttributeError("The learning rate is known once the model is built.")
        return float(self.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, rate) -> None:
        for group in self.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(float(rate))
            else:
                group["lr"] = float(rate)

    lr = learning_rate

    # Files.

    @property
    def variables(self) -> list[Tensor]:
        """The tensors of the state, parameter by parameter."""
        return [value for _, _, value in self._tensors()]

    def _parameters(self) -> list[Tensor]:
        return [p for group in self.param_groups for p in group["params"]] if self.built else []

    def _tensors(self) -> list[tuple[int, str, Tensor]]:
        return [
            (place, key, value)
            for place, parameter in enumerate(self._parameters())
            for key, value in sorted(self.state.get(parameter, {}).items())
            if isinstance(value, Tensor)
        ]

    def save_own_variables(self, store) -> None:
        """Writes the state's tensors, and the numbers of groups and scheduler as JSON."""
        for place, key, value in self._tensors():
            store[f"{place}.{key}"] = value.detach().cpu().numpy()
        groups = [_plain(group) for group in self.param_groups]
        numbers = {"steps": self._steps, "groups": groups}
        if self.scheduler is not None:
            numbers["scheduler"] = _plain(self.scheduler.state_dict())
        store["numbers"] = np.frombuffer(json.dumps(numbers).encode(), dtype="uint8")

    def load_own_variables(self, store) -> None:
        """Reads the state that `save_own_variables` wrote."""
        numbers = json.loads(np.asarray(store["numbers"]).tobytes())
        self._steps = numbers["steps"]
        parameters = self._parameters()
        for key in store:
            place, _, name = key.partition(".")
            if not name:
                continue
            parameter = parameters[int(place)]
            value = torch.as_tensor(np.asarray(store[key]))
            if name != "step" or self.param_groups[0].get("capturable"):
                value = value.to(parameter.device)
            self.state[parameter][name] = value
        for group, values in zip(self.param_groups, numbers["groups"], strict=True):
            group.update(values)
        if self.scheduler is not None and "scheduler" in numbers:
            self.scheduler.load_state_dict(numbers["scheduler"])


def _plain(values: dict) -> dict:
    """The entries that JSON holds."""
    kept = {}
    for key, value in values.items():
        if isinstance(value, Tensor) and value.ndim == 0:
            value = value.item()
        is_list = isinstance(value, (list, tuple))
        items = value if is_list else [value]
        if all(isinstance(item, (int, float, str, bool, type(None))) for item in items):
            kept[key] = value
    return kept


def as_torch_optimizer(given) -> TorchOptimizer | None:
    """The torch optimizer that `compile` was given in one of many ways; None if it is none.

    Ways: an optimizer, a class of one, a function of the parameters, a scheduler of a ready
    optimizer, a pair of optimizer and scheduler, each ready or to be made.
    """
    if isinstance(given, TorchOptimizer):
        return given
    if isinstance(given, _SCHEDULERS):
        return TorchOptimizer(given.optimizer, given)
    if isinstance(given, (tuple, list)) and len(given) == 2:
        optimizer = as_torch_optimizer(given[0])
        is_scheduler = isinstance(given[1], _SCHEDULERS) or callable(given[1])
        if optimizer is None or not is_scheduler:
            return None
        return TorchOptimizer(optimizer.optimizer or optimizer._make, given[1])
    if isinstance(given, torch.optim.Optimizer):
        return TorchOptimizer(given)
    is_class = isinstance(given, type)
    if is_class and issubclass(given, torch.optim.Optimizer):
        return TorchOptimizer(given)
    if callable(given) and not is_class:
        return TorchOptimizer(given)
    return None
