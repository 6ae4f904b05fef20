"""Optimizers that hand the variables on to other optimizers."""

import re
from collections.abc import MutableMapping

import torch
from torch import Tensor

from torchkeras import _serialize
from torchkeras._serialize import Configurable
from torchkeras.optimizers._base import Optimizer, takes_gradient_as_value

__all__ = ["LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"]

# What `LossScaleOptimizer` takes from old files, only with these values.
_BASE_DEFAULTS = {
    "weight_decay": None,
    "clipnorm": None,
    "clipvalue": None,
    "global_clipnorm": None,
    "use_ema": False,
    "ema_momentum": 0.99,
    "ema_overwrite_frequency": None,
    "loss_scale_factor": None,
    "gradient_accumulation_steps": None,
}


class LossScaleOptimizer(Optimizer):
    """Scales the loss so that float16 gradients do not underflow.

    The scale doubles after `dynamic_growth_steps` steps with finite gradients, and halves after a
    step with others, which changes no variable.
    """

    def __init__(
        self,
        inner_optimizer,
        initial_scale=2.0**15,
        dynamic_growth_steps=2000,
        name=None,
        **kwargs,
    ):
        if not kwargs.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer no longer supports `dynamic=False`. Instead, simply set "
                "`loss_scale_factor` directly on the `inner_optimizer`. Received: dynamic=False"
            )
        for argument, default in _BASE_DEFAULTS.items():
            value = kwargs.pop(argument, default)
            if value != default:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Instead, set `{argument}` "
                    f"on the `inner_optimizer`. Received: {argument}={value}"
                )
        if kwargs:
            raise ValueError(
                f"LossScaleOptimizer does not support arguments: `{'`, `'.join(kwargs)}`."
            )
        super().__init__(0.0, name=name)
        self.inner_optimizer = inner_optimizer
        self.initial_scale = initial_scale
        self.dynamic_growth_steps = dynamic_growth_steps
        # Otherwise the gradients would be scaled twice.
        inner_optimizer.loss_scale_factor = None

    def build(self, var_list):
        """Makes the state of this and of the inner optimizer."""
        if self.built:
            return
        self._counter = self._host_scalar(0, "int32", "step_counter")
        self._scale = self._host_scalar(self.initial_scale, "float32", "dynamic_scale")
        self.step_counter = self._counter.variable
        self.dynamic_scale = self._scale.variable
        self.inner_optimizer.build(var_list)
        super().build(var_list)

    def apply(self, grads, trainable_variables=None):
        """Takes a step of the inner optimizer if all gradients are finite.

        The only `apply` that waits for the gradients to be computed.
        """
        if len(grads) == 0:
            return
        variables = list(self._variables_of(grads, trainable_variables))
        if not self.check_finite(grads):
            self._counter.set(0)
            self._scale.set(self._scale.get() * 0.5)
            return
        scale = self._scale.get()
        with torch.no_grad():
            grads = [
                grad if grad is None or takes_gradient_as_value(variable) else grad / scale
                for grad, variable in zip(grads, variables)
            ]
        self.inner_optimizer.apply(grads, variables)
        if self._counter.get() == self.dynamic_growth_steps - 1:
            self._counter.set(0)
            self._scale.set(scale * 2.0)
        else:
            self._counter.set(self._counter.get() + 1)

    def check_finite(self, grads) -> Tensor:
        """Whether no gradient contains infinity or NaN, as a tensor."""
        with torch.no_grad():
            present = [torch.as_tensor(grad) for grad in grads if grad is not None]
            present = [grad.coalesce().values() if grad.is_sparse else grad for grad in present]
            if not present:
                return torch.tensor(True)
            greatest = torch._foreach_norm(present, float("inf"))
            home = greatest[0].device
            return torch.stack([each.to(home).isfinite() for each in greatest]).all()

    def scale_loss(self, loss):
        """The loss times the current scale."""
        return loss * (self._scale.get() if self.built else self.initial_scale)

    @property
    def variables(self):
        """The state of this optimizer, then that of the inner one."""
        return self._variables + self.inner_optimizer.variables

    @property
    def learning_rate(self):
        """The learning rate of the inner optimizer."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        """Number of steps that the inner optimizer has taken."""
        return self.inner_optimizer.iterations

    def finalize_variable_values(self, var_list):
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "name": self.name,
            "inner_optimizer": _serialize.serialize_keras_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer of a configuration."""
        config = dict(config)
        inner = _serialize.deserialize_keras_object(
            config.pop("inner_optimizer"), custom_objects=custom_objects
        )
        return cls(inner, **config)


class OptimizerMap(Configurable, MutableMapping):
    """Optimizers by the path of a variable.

    A key is a whole path, or a regular expression for one. What no key matches gets
    `default_optimizer`.
    """

    def __init__(self, default_optimizer, optimizer_map=None):
        if not isinstance(default_optimizer, Optimizer):
            raise TypeError(
                "default_optimizer must be a Keras Optimizer instance. Received: "
                f"{default_optimizer}"
            )
        if optimizer_map is not None and not isinstance(optimizer_map, dict):
            raise TypeError(f"optimizer_map must be a dictionary. Received: {optimizer_map}")
        self._default_optimizer = default_optimizer
        self._optimizer_map = optimizer_map or {}

    @property
    def default_optimizer(self):
        """The optimizer of paths that no key matches."""
        return self._default_optimizer

    def __getitem__(self, key):
        if key in self._optimizer_map:
            return self._optimizer_map[key]
        matching = [pattern for pattern in self._optimizer_map if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"Multiple optimizers assigned to variable {key}. Received: keys={matching}"
            )
        return self._optimizer_map[matching[0]] if matching else self._default_optimizer

    def __setitem__(self, key, optimizer):
        if key in self._optimizer_map:
            raise ValueError(
                f"'{key}' already exists in the OptimizerMap with value "
                f"{self._optimizer_map[key]}. Please make sure to not use duplicated keys."
            )
        if not isinstance(key, str):
            raise ValueError(f"key must be a string. Received: {key}")
        if not isinstance(optimizer, Optimizer):
            raise ValueError(f"optimizer must be a Keras Optimizer instance. Received: {optimizer}")
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(f"optimizer cannot be {type(optimizer).__name__}.")
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key):
        del self._optimizer_map[key]

    def __len__(self):
        return len(self._optimizer_map)

    def __iter__(self):
        return iter(self._optimizer_map)

    def __call__(self, variable):
        return self[variable.path]

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "default_optimizer": _serialize.serialize_keras_object(self._default_optimizer),
            "optimizer_map": _serialize.serialize_keras_object(self._optimizer_map),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The map of a configuration."""
        return cls(
            **{
                name: _serialize.deserialize_keras_object(value, custom_objects=custom_objects)
                for name, value in config.items()
            }
        )


class MultiOptimizer(Optimizer):
    """Gives each variable to an optimizer of its own.

    Args:
        optimizer_map: an `OptimizerMap`, or a callable that returns the optimizer of a variable.
        loss_scale_factor: takes the place of the optimizers' own.
    """

    def __init__(self, optimizer_map, loss_scale_factor=None, name=None):
        self._inner_optimizers = []
        super().__init__(0.0, loss_scale_factor=loss_scale_factor, name=name)
        self._optimizer_map = optimizer_map
        if isinstance(optimizer_map, OptimizerMap):
            for optimizer in (*optimizer_map.values(), optimizer_map.default_optimizer):
                self._place_of(optimizer)

    def build(self, var_list):
        """Builds each optimizer with its variables."""
        if self.built:
            return
        self._places = {}
        for variable in var_list:
            optimizer = self._optimizer_map(variable)
            if not isinstance(optimizer, Optimizer):
                raise ValueError(
                    f"Optimizer for variable {variable} is not an Optimizer instance. Received: "
                    f"{optimizer}"
                )
            if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
                raise ValueError(
                    f"{type(optimizer).__name__} cannot be used inside an MultiOptimizer."
                )
            self._places[id(variable)] = self._place_of(optimizer)
        for optimizer, variables in self._sorted(var_list):
            optimizer.build(variables)
        super().build(var_list)

    def apply(self, grads, trainable_variables=None):
        """Takes one step of each optimizer."""
        if len(grads) == 0:
            return
        variables = list(self._variables_of(grads, trainable_variables))
        if len(grads) != len(self._trainable_variables):
            raise ValueError(
                "Gradients must match trainable variables one-to-one. "
                f"Received {len(grads)} gradients and {len(self._trainable_variables)} variables."
            )
        by_variable = {id(variable): grad for grad, variable in zip(grads, variables)}
        for optimizer, own in self._sorted(variables):
            optimizer.apply([by_variable[id(variable)] for variable in own], own)
        self._steps.set(self._steps.get() + 1)

    def finalize_variable_values(self, var_list):
        for optimizer, variables in self._sorted(var_list):
            optimizer.finalize_variable_values(variables)

    @property
    def optimizers(self):
        """The optimizers, in the order in which their state is saved."""
        return self._inner_optimizers

    @property
    def variables(self):
        """The state of this optimizer, then that of the others."""
        return sum((each.variables for each in self._inner_optimizers), self._variables)

    @property
    def iterations(self):
        """Number of steps taken."""
        return self._steps.variable

    @property
    def learning_rate(self):
        """Not available: each optimizer has its own."""
        raise AttributeError(
            "Learning rate cannot be accessed on a MultiOptimizer. "
            "Access the learning rate on the individual sub-optimizers instead."
        )

    @learning_rate.setter
    def learning_rate(self, value):
        raise AttributeError(
            "Learning rate cannot be set on a MultiOptimizer. "
            f"Set the learning rate on the individual sub-optimizers instead. Received: {value}"
        )

    @property
    def loss_scale_factor(self):
        """What the loss is multiplied with; shared by all optimizers."""
        return self._loss_scale_factor

    @loss_scale_factor.setter
    def loss_scale_factor(self, value):
        self._loss_scale_factor = value
        for optimizer in self._inner_optimizers:
            optimizer.loss_scale_factor = value

    def get_config(self):
        """The arguments of the constructor."""
        return {
            "optimizer_map": _serialize.serialize_keras_object(self._optimizer_map),
            "loss_scale_factor": self.loss_scale_factor,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer of a configuration."""
        optimizer_map = _serialize.deserialize_keras_object(
            config["optimizer_map"], custom_objects=custom_objects
        )
        return cls(**{**config, "optimizer_map": optimizer_map})

    def __setstate__(self, state):
        super().__setstate__(state)
        if self.built:
            self._places = {
                id(variable): place
                for place, optimizer in enumerate(self._inner_optimizers)
                for variable in optimizer._trainable_variables
            }

    def _place_of(self, optimizer) -> int:
        """The place of an optimizer among `optimizers`, which it joins if it is new."""
        for place, known in enumerate(self._inner_optimizers):
            if known is optimizer:
                return place
        optimizer.loss_scale_factor = self.loss_scale_factor
        self._inner_optimizers.append(optimizer)
        return len(self._inner_optimizers) - 1

    def _sorted(self, variables) -> list[tuple[Optimizer, list]]:
        """Each optimizer that has some of the variables, with those."""
        own = [[] for _ in self._inner_optimizers]
        for variable in variables:
            own[self._places[id(variable)]].append(variable)
        return [pair for pair in zip(self._inner_optimizers, own) if pair[1]]
