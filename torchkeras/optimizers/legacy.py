"""The optimizers of Keras 2 before 2.11: names by default, epsilon and momentum as they were."""

import inspect

import torch

from torchkeras import _scopes, initializers
from torchkeras.optimizers import _algorithms, _base

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "Adamax",
    "Ftrl",
    "Nadam",
    "Optimizer",
    "RMSprop",
]


# What slots were called, by what they are called today.
_SLOT_NAMES = {
    "m": "momentum",
    "v": "velocity",
    "vhat": "velocity_hat",
    "rms": "velocity",
    "mg": "average_gradient",
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
}


class _Slotted:
    """What optimizers had for slots: a state tensor of a variable, by its name."""

    def get_slot_names(self):
        """The names of the slots."""
        return [*self._slots, *self.__dict__.get("_added_slots", ())]

    def get_slot(self, var, slot_name):
        """The slot of a variable.

        Raises:
            KeyError: there is none.
        """
        added = self.__dict__.get("_added_slots", {}).get(slot_name, {})
        if id(var) in added:
            return added[id(var)]
        name = slot_name if slot_name in self._slots else _SLOT_NAMES.get(slot_name, slot_name)
        if name == "velocity" and "norm" in self._slots:
            name = "norm"
        if name not in self._slots or id(var) not in self._positions:
            raise KeyError(f"The optimizer has no slot of that name. Received: {slot_name=}")
        return self._slots[name][self._positions[id(var)]]

    def add_slot(self, var, slot_name, initializer="zeros", shape=None):
        """Makes a slot of a variable, unless it is there, and returns it.

        Args:
            initializer: an initializer, its name, or a value.
            shape: its shape; None: that of the variable.
        """
        slots = self.__dict__.setdefault("_added_slots", {}).setdefault(slot_name, {})
        if id(var) not in slots:
            if isinstance(initializer, str) or callable(initializer):
                shape = tuple(var.shape if shape is None else shape)
                dtype = str(var.dtype).removeprefix("torch.")
                initializer = initializers.get(initializer)(shape, dtype=dtype)
            value = torch.as_tensor(initializer).to(var.device, var.dtype)
            slots[id(var)] = self._add_like(var, slot_name, value)
        return slots[id(var)]

    def add_weight(
        self,
        name,
        shape,
        dtype=None,
        initializer="zeros",
        trainable=None,
        synchronization="auto",
        aggregation="none",
    ):
        """Makes a state variable.

        Args:
            trainable, synchronization: change nothing; it is trained by nobody, and there is one
                of it in each process.
        """
        return self.add_variable(shape, initializer, dtype, aggregation=aggregation, name=name)

    def apply_gradients(self, grads_and_vars, name=None, experimental_aggregate_gradients=True):
        """Takes one step from pairs of gradient and variable, and returns `iterations`.

        Args:
            name, experimental_aggregate_gradients: change nothing; operations have no names, and
                the gradients of several processes are joined before.
        """
        return super().apply_gradients(grads_and_vars)

    def minimize(self, loss, var_list, grad_loss=None, name=None, tape=None):
        """Takes one step down a loss, or a callable that returns it.

        Args:
            var_list: the variables, or a function that gives them.
            grad_loss: the gradient of the loss itself; None: ones.
            name: changes nothing; operations have no names.
            tape: the `GradientTape` that watched the loss.
        """
        with _scopes.recording():
            value = loss() if callable(loss) else loss
        variables = list(var_list() if callable(var_list) else var_list)
        if tape is not None:
            grads = tape.gradient(value, variables, output_gradients=grad_loss)
        else:
            grad_loss = torch.ones_like(value) if grad_loss is None else torch.as_tensor(grad_loss)
            grads = torch.autograd.grad(value, variables, grad_loss, allow_unused=True)
        return self.apply_gradients(list(zip(grads, variables, strict=True)))


class Optimizer(_Slotted, _base.Optimizer):
    """Base of user-written optimizers.

    A subclass defines `_resource_apply_dense(grad, var)`, and `_create_slots(var_list)` where it
    has slots; or what a subclass of today's `Optimizer` defines.
    """

    def __init__(self, name=None, *shared, learning_rate=0.01, **kwargs):
        self.__dict__["_hyper"] = {}
        super().__init__(learning_rate, *shared, name=name, **kwargs)

    def build(self, variables):
        """Makes the state for these model variables."""
        if self.built:
            return
        super().build(variables)
        self._create_slots(list(variables))

    def _create_slots(self, var_list):
        """Makes the slots, by `add_slot`."""

    def _set_hyper(self, name, value):
        if name == "learning_rate":
            self.learning_rate = value() if callable(value) else value
        self._hyper[name] = value

    def _get_hyper(self, name, dtype=None):
        value = self.learning_rate if name == "learning_rate" else self._hyper[name]
        value = torch.as_tensor(value() if callable(value) else value)
        return value if dtype is None else value.to(dtype)

    def _decayed_lr(self, var_dtype):
        """The learning rate of this step."""
        return torch.tensor(self._current_rate()).to(var_dtype)

    def update_step(self, gradient, variable, learning_rate):
        """Changes one variable."""
        if not hasattr(self, "_resource_apply_dense"):
            super().update_step(gradient, variable, learning_rate)
            return
        takes_state = "apply_state" in inspect.signature(self._resource_apply_dense).parameters
        given = {"apply_state": {}} if takes_state else {}
        self._resource_apply_dense(gradient, variable, **given)


class SGD(_Slotted, _algorithms.SGD):
    """Gradient descent with momentum."""

    def __init__(
        self, learning_rate=0.01, momentum=0.0, nesterov=False, name="SGD", *shared, **kwargs
    ):
        super().__init__(learning_rate, momentum, nesterov, *shared, name=name, **kwargs)


class Adam(_Slotted, _algorithms.Adam):
    """Adam."""

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        name="Adam",
        *shared,
        **kwargs,
    ):
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, *shared, name=name, **kwargs
        )


class Adamax(_Slotted, _algorithms.Adamax):
    """Adam with the maximum norm."""

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        name="Adamax",
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, *shared, name=name, **kwargs)


class Adadelta(_Slotted, _algorithms.Adadelta):
    """Adadelta."""

    def __init__(
        self, learning_rate=0.001, rho=0.95, epsilon=1e-7, name="Adadelta", *shared, **kwargs
    ):
        super().__init__(learning_rate, rho, epsilon, *shared, name=name, **kwargs)


class Ftrl(_Slotted, _algorithms.Ftrl):
    """Follow the regularized leader."""

    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        name="Ftrl",
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        *shared,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            learning_rate_power,
            initial_accumulator_value,
            l1_regularization_strength,
            l2_regularization_strength,
            l2_shrinkage_regularization_strength,
            beta,
            *shared,
            name=name,
            **kwargs,
        )


class _OldRule(_Slotted):
    """An optimizer whose rule has changed since: its config says so, as that of Keras 2 does."""

    def get_config(self):
        return {**super().get_config(), "is_legacy_optimizer": True}


class RMSprop(_OldRule, _algorithms.RMSprop):
    """RMSprop with epsilon added to the root where there is no momentum."""

    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        name="RMSprop",
        *shared,
        **kwargs,
    ):
        super().__init__(
            learning_rate, rho, momentum, epsilon, centered, *shared, name=name, **kwargs
        )

    def denominators(self, grads, state):
        if self.momentum > 0:
            return super().denominators(grads, state)
        found = state.velocity
        if self.centered:
            found = [velocity.clone() for velocity in found]
            self.subtract_mean(found, grads, state)
        return torch._foreach_add(torch._foreach_sqrt(found), self.epsilon)


class Adagrad(_OldRule, _algorithms.Adagrad):
    """Adagrad with epsilon added to the root."""

    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        name="Adagrad",
        *shared,
        **kwargs,
    ):
        super().__init__(
            learning_rate, initial_accumulator_value, epsilon, *shared, name=name, **kwargs
        )

    def denominators(self, state):
        return torch._foreach_add(torch._foreach_sqrt(state.accumulator), self.epsilon)


class Nadam(_OldRule, _algorithms.Nadam):
    """Nadam whose momentum grows 250 times more slowly: `schedule_decay` is 0.004."""

    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        name="Nadam",
        *shared,
        **kwargs,
    ):
        kwargs.setdefault("schedule_decay", 0.004)
        super().__init__(learning_rate, beta_1, beta_2, epsilon, *shared, name=name, **kwargs)


_base.old_rules.update(RMSprop=RMSprop, Adagrad=Adagrad, Nadam=Nadam)
