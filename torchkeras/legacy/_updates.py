"""`get_updates` of optimizers: that of today's, and that which a script's own optimizer defines.

In Keras 1 and 2 an optimizer was a method `get_updates(loss, params)` which described one step as
changes of variables: `[K.update(m, m_t), K.update(p, p - lr * m_t)]`. It ran once, to make a graph.
Here it runs at every step. The variables that it makes are those that it made the first time, and
the changes are made when all new values are known.
"""

import inspect

import numpy as np
import torch

from torchkeras import backend
from torchkeras._symbolic import KerasTensor
from torchkeras._variable import Variable
from torchkeras.backend._graph import changes_in
from torchkeras.backend._values import StepByUpdates
from torchkeras.models._live import live_value
from torchkeras.optimizers import Optimizer

__all__ = ["OptimizerOfKeras2", "install"]


class UpdateOfOptimizer:
    """One step of an optimizer on a symbolic loss, to be made by `keras.backend.function`."""

    def __init__(self, optimizer, loss, params):
        self.optimizer = optimizer
        self.params = params
        self.needs = [loss]

    def apply(self, loss):
        """Makes the step."""
        loss = loss.sum() if loss.ndim else loss
        gradients = torch.autograd.grad(loss, self.params, allow_unused=True)
        self.optimizer.apply(list(gradients), self.params)


class OptimizerOfKeras2:
    """Members of an optimizer."""

    def get_updates(self, loss=None, params=None, *older, constraints=None):
        """One step on a loss: for `keras.backend.function` where the loss is symbolic, at once
        where it is not. Keras 1 wrote `get_updates(params, constraints, loss)`."""
        if older:
            loss, params, constraints = older[0], loss, params
        elif isinstance(loss, (list, tuple)) and params is not None:
            loss, params = params, loss
        for v, constraint in (constraints or {}).items():
            v.constraint = constraint
        params = [v for v in params if isinstance(v, Variable)]
        if _under_way(self) is not None:
            return _step_of_today(self, loss, params)
        step = UpdateOfOptimizer(self, loss, params)
        if isinstance(loss, KerasTensor):
            return [step]
        step.apply(live_value(loss))
        return []

    def get_gradients(self, loss, params):
        """The gradients of a loss."""
        step = _under_way(self)
        if step is not None and loss is step.loss:
            return [step.gradients[id(v)] for v in params]
        return backend.gradients(loss, params)

    def get_weights(self):
        """Copies of the variables, as NumPy arrays."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights):
        """Sets the variables."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(np.asarray(value))

    def aggregate_gradients(self, grads_and_vars):
        """The gradients themselves: one process trains."""
        return grads_and_vars


# ---------------------------------------------------------------- optimizers of scripts


class Settable:
    """An attribute of an optimizer that its class works out, until an instance sets its own."""

    def __init__(self, name):
        self.name = name
        self.own = f"_own_{name}"

    def __get__(self, instance, owner=None):
        if instance is None:
            return self
        if self.own in instance.__dict__:
            return instance.__dict__[self.own]
        return getattr(Optimizer, self.name).__get__(instance)

    def __set__(self, instance, value):
        instance.__dict__[self.own] = value


def _under_way(optimizer) -> StepByUpdates | None:
    """The step that the optimizer's own `get_updates` is describing just now."""
    step = optimizer.__dict__.get("_step_by_updates")
    return step if step is not None and step.is_under_way else None


def _describes_steps(cls) -> bool:
    return "_take_step" in vars(cls) and cls._take_step is _take_own_step


def _take_own_step(self, grads, plan):
    """Takes the place of `_take_step` in a class that says by `get_updates` what a step is."""
    step = self.__dict__.setdefault("_step_by_updates", StepByUpdates())
    params = plan.variables
    with torch.enable_grad():
        # A loss with these gradients, for those who ask `K.gradients`.
        loss = sum((v * grad).sum() for v, grad in zip(params, grads, strict=True))
    calls = self._steps.get()
    with step.describing(loss, {id(v): g for v, g in zip(params, grads, strict=True)}):
        changes = changes_in(_own_updates(self, loss, params))
    for change in changes:
        change.target.assign(change.value)
    for variable in step.variables:
        self._track_variable(variable)
    self._steps.set(calls)  # the caller counts


def _own_updates(optimizer, loss, params):
    """What the script's `get_updates` gives; its arguments stood in several orders."""
    function = type(optimizer).get_updates
    known = {
        "loss": loss,
        "params": params,
        "constraints": {v: v.constraint for v in params if v.constraint is not None},
    }
    names = inspect.signature(function).parameters
    if not {"loss", "params"} <= set(names):
        return function(optimizer, loss, params)
    return function(optimizer, **{name: known[name] for name in known if name in names})


def _step_of_today(optimizer, loss, params) -> list:
    """A step as the class does it that a script's optimizer is made from."""
    plan = optimizer._plan_for(params)
    Optimizer._take_step(optimizer, plan.fit(optimizer.get_gradients(loss, params)), plan)
    return []


def _take_step_on_own_gradients(self, grads, plan):
    """Takes the place of `_take_step` in a class that has its own `get_gradients`."""
    with torch.enable_grad():
        loss = sum((v * grad).sum() for v, grad in zip(plan.variables, grads, strict=True))
    Optimizer._take_step(self, plan.fit(self.get_gradients(loss, plan.variables)), plan)


def _updates_door(get_updates):
    """The script's method while a step is under way; else what today's optimizers do."""

    def at_the_right_time(self, *args, **kwargs):
        if _under_way(self) is not None:
            return get_updates(self, *args, **kwargs)
        return OptimizerOfKeras2.get_updates(self, *args, **kwargs)

    at_the_right_time.__wrapped__ = get_updates
    return at_the_right_time


def _new_class(cls, **kwargs):
    """Prepares a script's class of optimizers."""
    super(Optimizer, cls).__init_subclass__(**kwargs)
    if "get_updates" in vars(cls):
        cls.get_updates = _updates_door(cls.get_updates)
        cls._take_step = _take_own_step
        for name in ("iterations", "weights"):
            if name not in vars(cls):
                setattr(cls, name, Settable(name))
    elif "get_gradients" in vars(cls) and cls._take_step is Optimizer._take_step:
        cls._take_step = _take_step_on_own_gradients


def _init_door(init):
    def with_own_rate(self, *args, **kwargs):
        """A class that describes its steps may keep its learning rate to itself."""
        if type(self)._take_step is _take_own_step:
            if not args:
                kwargs.setdefault("learning_rate", kwargs.pop("lr", 0.01))
            init(self, *args, **kwargs)
            self.updates = []
        else:
            init(self, *args, **kwargs)

    return with_own_rate


def _config_door(get_config):
    def of_old(self):
        """What Keras 2 put into a configuration, where a script's class adds the rest."""
        if type(self).__mro__[1] is Optimizer and type(self)._take_step is _take_own_step:
            limits = {"clipnorm": self.clipnorm, "clipvalue": self.clipvalue}
            return {name: limit for name, limit in limits.items() if limit is not None}
        return get_config(self)

    return of_old


DOORS = ((Optimizer, "__init__", _init_door), (Optimizer, "get_config", _config_door))


def install() -> None:
    """Prepares the base class for what scripts derive from it."""
    Optimizer.__init_subclass__ = classmethod(_new_class)
