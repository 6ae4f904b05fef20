"""What `compile` was given, ready for the loop: losses and metrics by output."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from torchkeras import losses as losses_module
from torchkeras import metrics as metrics_module
from torchkeras import tree
from torchkeras._training.torch_parts import (
    TorchLoss,
    TorchMetric,
    is_torch_loss,
    is_torch_metric,
)
from torchkeras.metrics import Mean, Metric

__all__ = ["CompileLoss", "CompileMetrics"]


def loss_function(loss) -> Callable | None:
    """A callable `(y_true, y_pred, sample_weight)` for what a user may name a loss."""
    if loss is None or isinstance(loss, losses_module.Loss):
        return loss
    if isinstance(loss, type) and issubclass(loss, nn.Module):
        loss = loss()
    if is_torch_loss(loss):
        return TorchLoss(loss)
    found = losses_module.get(loss)
    if isinstance(found, losses_module.Loss):
        return found
    if isinstance(found, type):
        return found()
    name = loss if isinstance(loss, str) else getattr(found, "__name__", "loss")
    return losses_module.LossFunctionWrapper(found, name=name)


_CONTAINERS = (dict, list, tuple)


def is_nested(y_pred) -> bool:
    """Whether outputs are structures within a structure."""
    if not isinstance(y_pred, _CONTAINERS):
        return False
    items = y_pred.values() if isinstance(y_pred, dict) else y_pred
    return any(isinstance(item, _CONTAINERS) for item in items)


def _fits(given, y_pred) -> bool:
    """Whether what is given has the structure of the outputs, as far as it goes."""
    if not isinstance(y_pred, _CONTAINERS) or not isinstance(given, _CONTAINERS):
        return True
    if isinstance(y_pred, dict):
        return (
            isinstance(given, dict)
            and set(given) <= set(y_pred)
            and all(_fits(item, y_pred[key]) for key, item in given.items())
        )
    return (
        not isinstance(given, dict) and len(given) == len(y_pred) and all(map(_fits, given, y_pred))
    )


def _spread(given, y_pred) -> list:
    """An entry for each output of a structure; what is given for a part of it holds for all of
    that part."""
    if isinstance(y_pred, dict):
        keys, parts = sorted(y_pred), isinstance(given, dict)
        return [
            entry
            for key in keys
            for entry in _spread(given.get(key) if parts else given, y_pred[key])
        ]
    if isinstance(y_pred, (list, tuple)):
        items = given if isinstance(given, (list, tuple)) else [given] * len(y_pred)
        return [entry for item, part in zip(items, y_pred) for entry in _spread(item, part)]
    return [given]


def by_output(kind: str, given, names: list[str], y_pred) -> list:
    """Spreads a value, list or dict over the outputs; None where nothing is said.

    Raises:
        ValueError: a list of another length, or a key that is no output.
    """
    if is_nested(y_pred) and _fits(given, y_pred):
        return _spread(given, y_pred)
    given, count = _flat(given), len(names)
    if isinstance(given, dict):
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(
                f"In the dict argument `{kind}`, key '{unknown[0]}' does not correspond to any "
                "model output. "
                f"Received: {kind}={given}. Outputs: {names}"
            )
        return [given.get(name) for name in names]
    if isinstance(given, (list, tuple)) and len(given) == count:
        return list(given)
    raise ValueError(
        f"`{kind}` should match the structure of the model's outputs: expected {count} entries. "
        f"Received: {kind}={given}"
    )


def names_of(y_pred, output_names: list[str] | None) -> list[str]:
    """A name for each output: the keys of a dict, else the model's names for them."""
    if is_nested(y_pred):
        paths = _paths(y_pred)
        if output_names and len(output_names) == len(paths):
            # An item of a list goes by the model's name for it.
            paths = [
                (*path[:-1], name) if isinstance(path[-1], int) else path
                for path, name in zip(paths, output_names)
            ]
        return ["/".join(map(str, path)) for path in paths]
    if isinstance(y_pred, dict):
        return sorted(y_pred)
    count = len(tree.flatten(y_pred))
    if output_names and len(output_names) == count:
        # One layer may give several outputs: its second is called `name_1`.
        return [
            name if name not in output_names[:i] else f"{name}_{output_names[:i].count(name)}"
            for i, name in enumerate(output_names)
        ]
    return [f"output_{index}" for index in range(count)] if count > 1 else ["output"]


def are_named(y_pred, output_names: list[str] | None) -> bool:
    """Whether outputs have names; else their losses go by those of the functions."""
    count = len(tree.flatten(y_pred))
    return isinstance(y_pred, dict) or is_nested(y_pred) or len(output_names or ()) == count


def _numbered(names: dict[str, str]) -> dict[str, str]:
    """The values, where one that came before gets a number."""
    seen = []
    for name in names.values():
        seen.append(f"{name}_{seen.count(name)}" if name in seen else name)
    return dict(zip(names, seen, strict=True))


def _paths(y_pred, path: tuple = ()) -> list[tuple]:
    """The keys and indices that lead to each output."""
    if isinstance(y_pred, dict):
        items = sorted(y_pred.items())
    elif isinstance(y_pred, (list, tuple)):
        items = enumerate(y_pred)
    else:
        return [path]
    return [leaf for key, item in items for leaf in _paths(item, (*path, key))]


def flat_targets(y, y_pred, names: list[str]) -> list:
    """Targets (or weights) in the order of the outputs; a dict is read by output name."""
    if isinstance(y, _CONTAINERS) and is_nested(y_pred) and _fits(y, y_pred):
        return _spread(y, y_pred)
    if isinstance(y, dict):
        return [y.get(name) for name in names] if set(y) & set(names) else tree.flatten(y)
    if isinstance(y, (list, tuple)):
        flat = []
        for item in y:
            flat.extend([None] if item is None else tree.flatten(item))
        return flat
    return [y]


class CompileLoss:
    """The total loss of a compiled model: each output's loss, weighted, summed.

    With several outputs each one's own loss is tracked too, as the metric `{output}_loss`.
    """

    def __init__(self, loss, loss_weights=None, output_names=None):
        if loss_weights is not None and not isinstance(
            loss_weights, (list, tuple, dict, int, float)
        ):
            raise ValueError(
                "`loss_weights` must be a float, a list or a dict of floats. "
                f"Received: loss_weights={loss_weights}"
            )
        self._given = loss
        self._given_weights = loss_weights
        self.output_names = output_names
        self.built = False
        self.metrics: list[Mean] = []
        # Unknown names are refused by `compile`, not by the first step.
        for item in _leaves(loss):
            loss_function(item)

    def build(self, y, y_pred) -> None:
        outputs = tree.flatten(y_pred)
        names = names_of(y_pred, self.output_names)
        given = self._given
        if len(outputs) == 1 and not isinstance(given, dict):
            given = [item for item in _leaves(given)] or [None]
        elif not isinstance(given, (list, tuple, dict)):
            given = [given] * len(outputs)
        self.functions = [loss_function(item) for item in by_output("loss", given, names, y_pred)]
        weights = self._given_weights
        if weights is None or isinstance(weights, (int, float)):
            weights = [weights] * len(outputs)
        self.weights = by_output("loss_weights", weights, names, y_pred)
        if any(w is not None and not isinstance(w, (int, float)) for w in self.weights):
            raise ValueError(
                f"Entries of `loss_weights` must be numbers. Received: {self._given_weights}"
            )
        self.names = names
        active = [name for name, function in zip(names, self.functions, strict=True) if function]
        self.trackers = {}
        if len(outputs) > 1 and len(active) > 1:
            said = {name: f"{name}_loss" for name in active}
            if not are_named(y_pred, self.output_names):
                used = zip(names, self.functions, strict=True)
                said = _numbered({name: f"{f.name}_loss" for name, f in used if f})
            self.trackers = {name: Mean(name=said[name]) for name in active}
        self.metrics = list(self.trackers.values())
        self.single = self.functions[0] if len(outputs) == 1 else None
        self.single_weight = self.weights[0] if len(outputs) == 1 else None
        self.built = True

    def __call__(self, y_true, y_pred, sample_weight=None) -> Tensor | None:
        if not self.built:
            with torch.inference_mode(False):
                self.build(y_true, y_pred)
        if self.single is not None and type(y_pred) is Tensor and type(y_true) is Tensor:
            loss = self.single(y_true, y_pred, sample_weight)
            return loss if self.single_weight is None else loss * self.single_weight
        return self._sum(y_true, y_pred, sample_weight)

    def _sum(self, y_true, y_pred, sample_weight) -> Tensor | None:
        outputs = tree.flatten(y_pred)
        targets = flat_targets(y_true, y_pred, self.names)
        active = [function is not None for function in self.functions]
        if len(targets) == sum(active) < len(outputs):
            given = iter(targets)
            targets = [next(given) if used else None for used in active]
        if len(targets) != len(outputs):
            raise ValueError(
                "y_true and y_pred have different structures.\n"
                f"y_true: {len(targets)} target(s)\ny_pred: {len(outputs)} output(s) {self.names}"
            )
        weights = flat_targets(sample_weight, y_pred, self.names)
        if len(weights) == 1:
            weights = weights * len(outputs)
        total = None
        rows = zip(self.names, self.functions, targets, outputs, weights, self.weights, strict=True)
        for name, function, target, output, sample_weights, weight in rows:
            if function is None or target is None:
                continue
            value = function(target, output, sample_weights)
            if name in self.trackers:
                self.trackers[name].update_state(value.detach(), sample_weight=output.shape[0])
            if weight is not None:
                value = value * weight
            total = value if total is None else total + value
        return total


def _leaves(nest) -> list:
    if isinstance(nest, dict):
        return [leaf for item in nest.values() for leaf in _leaves(item)]
    if isinstance(nest, (list, tuple)):
        return [leaf for item in nest for leaf in _leaves(item)]
    return [] if nest is None else [nest]


def _flat(given):
    """Lists within lists as one; dicts and None stay."""
    if isinstance(given, (list, tuple)):
        flat = []
        for item in given:
            flat.extend(_flat(item) if isinstance(item, (list, tuple)) else [item])
        return flat
    return given


class CompileMetrics(Metric):
    """The metrics of a compiled model, by output; its result is a dict from name to value."""

    def __init__(self, metrics, weighted_metrics, name="compile_metrics", output_names=None):
        super().__init__(name=name)
        for kind, given in (("metrics", metrics), ("weighted_metrics", weighted_metrics)):
            if given is not None and not isinstance(given, (list, tuple, dict)):
                raise ValueError(
                    f"Expected `{kind}` argument to be a list, tuple, or dict. "
                    f"Received instead: {kind}={given} of type {type(given)}"
                )
            for item in _leaves(given):
                if not (is_accuracy(item) or is_torch_metric(item) or is_torch_loss(item)):
                    metrics_module.get(item)
        self._given = metrics
        self._given_weighted = weighted_metrics
        self.output_names = output_names
        self.built = False
        # Rows of (output index, name in the logs, metric, weighted).
        self.rows: list[tuple[int, str, Metric, bool]] = []

    @property
    def metrics(self) -> list[Metric]:
        return [metric for _, _, metric, _ in self.rows]

    @property
    def variables(self):
        return [v for metric in self.metrics for v in metric.variables]

    def build(self, y_true, y_pred) -> None:
        outputs = tree.flatten(y_pred)
        names = names_of(y_pred, self.output_names)
        if is_nested(y_pred) and self.output_names and len(self.output_names) == len(outputs):
            names = self.output_names
        targets = flat_targets(y_true, y_pred, names)
        targets += [None] * (len(outputs) - len(targets))
        named = are_named(y_pred, self.output_names)
        for kind, given, weighted in (
            ("metrics", self._given, False),
            ("weighted_metrics", self._given_weighted, True),
        ):
            for index, items in enumerate(_metrics_by_output(kind, given, names, y_pred)):
                for item in items:
                    metric = as_metric(item, targets[index], outputs[index])
                    prefix = f"{names[index]}_" if named and len(outputs) > 1 else ""
                    self.rows.append(
                        (index, self._free_name(prefix, metric.name, weighted), metric, weighted)
                    )
        if len(outputs) > 1:
            self.rows.sort(key=lambda row: row[1])
        self.names = names
        self.built = True

    def update_state(self, y_true, y_pred, sample_weight=None):
        if not self.built:
            with torch.inference_mode(False):
                self.build(y_true, y_pred)
        if type(y_true) is Tensor and type(y_pred) is Tensor:
            for _, _, metric, weighted in self.rows:
                if weighted and sample_weight is not None:
                    metric.update_state(y_true, y_pred, sample_weight=sample_weight)
                else:
                    metric.update_state(y_true, y_pred)
            return
        outputs = tree.flatten(y_pred)
        targets = flat_targets(y_true, y_pred, self.names)
        targets += [None] * (len(outputs) - len(targets))
        weights = flat_targets(sample_weight, y_pred, self.names)
        weights = weights * len(outputs) if len(weights) == 1 else weights
        for index, _, metric, weighted in self.rows:
            if targets[index] is None:
                continue
            if weighted and weights[index] is not None:
                metric.update_state(targets[index], outputs[index], sample_weight=weights[index])
            else:
                metric.update_state(targets[index], outputs[index])

    def reset_state(self):
        for metric in self.metrics:
            metric.reset_state()

    def _free_name(self, prefix: str, name: str, weighted: bool) -> str:
        """What the logs call a metric: a weighted one whose name is taken is `weighted_...`, others
        get a number."""
        taken = {row[1] for row in self.rows}
        if weighted and prefix + name in taken:
            prefix += "weighted_"
        candidate, number = prefix + name, 1
        while candidate in taken:
            candidate, number = f"{prefix}{name}_{number}", number + 1
        return candidate

    def result(self) -> dict[str, Any]:
        results = {}
        for _, name, metric, _ in self.rows:
            value = metric.result()
            if isinstance(value, dict):
                prefix = name.removesuffix(metric.name)
                results.update({f"{prefix}{key}": v for key, v in value.items()})
            else:
                results[name] = value
        return results

    def get_config(self):
        raise NotImplementedError(
            "The metrics of a compiled model have no configuration of their own."
        )


def _metrics_by_output(kind: str, given, names: list[str], y_pred) -> list[list]:
    """A list of metrics for each output."""
    count = len(names)
    if given is None:
        return [[] for _ in range(count)]
    if is_nested(y_pred) and _fits(given, y_pred):
        given = _spread(given, y_pred)
    elif isinstance(given, dict):
        given = by_output(kind, given, names, y_pred)
    elif count == 1:
        given = [_flat(given)]
    elif len(given) == count:
        given = list(given)
    elif any(isinstance(item, (list, tuple)) for item in given):
        by_output(kind, given, names, y_pred)
    else:
        # One flat list for several outputs: each of them is measured by all.
        given = [list(given)] * count
    return [_leaves(items) for items in given]


def is_accuracy(item) -> bool:
    """Whether a metric's name leaves open which one it is until outputs are seen."""
    return isinstance(item, str) and item.lower() in ("accuracy", "acc", "crossentropy", "ce")


def as_metric(item, y_true, y_pred) -> Metric:
    """The metric object for what a user may name a metric; "accuracy" becomes the one that fits the
    tensors."""
    if isinstance(item, Metric):
        return item
    if is_accuracy(item):
        prefix = _kind_of_target(y_true, y_pred)
        kind = "Accuracy" if item.lower() in ("accuracy", "acc") else "Crossentropy"
        metric = getattr(metrics_module, prefix + kind)()
        metric.name = item
        return metric
    if is_torch_metric(item):
        return TorchMetric(item)
    if is_torch_loss(item):
        loss = TorchLoss(item)
        return metrics_module.MeanMetricWrapper(loss, name=loss.name)
    found = metrics_module.get(item)
    if isinstance(found, type):
        found = found()
    if isinstance(found, Metric):
        if isinstance(item, str):
            found.name = item
        return found
    name = item if isinstance(item, str) else getattr(found, "__name__", type(found).__name__)
    return metrics_module.MeanMetricWrapper(found, name=name)


def _kind_of_target(y_true, y_pred) -> str:
    """Binary for one output unit, Sparse... for targets that are class numbers, else
    Categorical."""
    if y_pred.ndim == 0 or y_pred.shape[-1] == 1 or y_true is None:
        return "Binary"
    if y_true.ndim < y_pred.ndim or (y_true.shape[-1] == 1 and y_pred.shape[-1] != 1):
        return "SparseCategorical"
    return "Categorical"
