"""The optimizers of Keras 2 before 2.11: names by default, epsilon and momentum as they were."""

import torch

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


class Optimizer(_base.Optimizer):
    """Base of user-written optimizers."""

    def __init__(self, name=None, *shared, learning_rate=0.01, **kwargs):
        super().__init__(learning_rate, *shared, name=name, **kwargs)


class SGD(_algorithms.SGD):
    """Gradient descent with momentum."""

    def __init__(
        self, learning_rate=0.01, momentum=0.0, nesterov=False, name="SGD", *shared, **kwargs
    ):
        super().__init__(learning_rate, momentum, nesterov, *shared, name=name, **kwargs)


class Adam(_algorithms.Adam):
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


class Adamax(_algorithms.Adamax):
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


class Adadelta(_algorithms.Adadelta):
    """Adadelta."""

    def __init__(
        self, learning_rate=0.001, rho=0.95, epsilon=1e-7, name="Adadelta", *shared, **kwargs
    ):
        super().__init__(learning_rate, rho, epsilon, *shared, name=name, **kwargs)


class Ftrl(_algorithms.Ftrl):
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


class _OldRule:
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
