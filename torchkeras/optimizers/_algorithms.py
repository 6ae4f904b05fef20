"""The update rules: a class is its slots and one `update` on torch's fused or foreach kernels."""

import functools
import math
import re

import torch
from torch import Tensor

from torchkeras import _naming, _scopes, config
from torchkeras._errors import unit_interval
from torchkeras._variable import Variable
from torchkeras.optimizers._base import (
    HostScalar,
    Optimizer,
    single,
    takes_gradient_as_value,
    with_shared_arguments,
)

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Muon",
    "Nadam",
    "RMSprop",
    "ScheduleFreeAdamW",
]


class SGD(Optimizer):
    """Gradient descent, with momentum where it is not zero: `m = momentum * m - lr * g`, `w += m`.

    With `nesterov` the variable moves by `momentum * m - lr * g` instead.
    """

    @with_shared_arguments
    def __init__(self, learning_rate=0.01, momentum=0.0, nesterov=False, *shared, **kwargs):
        super().__init__(learning_rate, *shared, **kwargs)
        self.momentum = unit_interval("momentum", momentum)
        self.nesterov = nesterov

    def slots(self):
        return [("momentum",)] if self.momentum else []

    @property
    def momentums(self):
        """The momentum variables."""
        return self._slots.get("momentum", [])

    def update(self, params, grads, state, lr):
        if not self.momentum:
            torch._foreach_add_(params, grads, alpha=-lr)
        elif self.nesterov or not state.fused:
            torch._foreach_mul_(state.momentum, self.momentum)
            torch._foreach_add_(state.momentum, grads, alpha=-lr)
            if self.nesterov:
                torch._foreach_add_(params, grads, alpha=-lr)
                torch._foreach_add_(params, state.momentum, alpha=self.momentum)
            else:
                torch._foreach_add_(params, state.momentum)
        else:
            # The kernel's rule is m = momentum * m + (1 - dampening) * g, w -= lr * m. Keras has
            # the rate in m.
            torch._fused_sgd_(
                params,
                grads,
                state.momentum,
                weight_decay=0.0,
                momentum=self.momentum,
                lr=-1.0,
                dampening=1.0 + lr,
                nesterov=False,
                maximize=False,
                is_first_step=False,
            )


class _Algorithm(Optimizer):
    """An optimizer whose `build` names its argument as Keras does in all but `SGD`."""

    def build(self, var_list):
        """Makes the state for these model variables."""
        super().build(var_list)


class RMSprop(_Algorithm):
    """Divides the gradient by the root of its mean square, of its variance if `centered`."""

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.001,
        rho=0.9,
        momentum=0.0,
        epsilon=1e-7,
        centered=False,
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.rho = rho
        self.momentum = momentum
        self.epsilon = _epsilon(epsilon)
        self.centered = centered

    def slots(self):
        names = ["velocity"]
        if self.momentum > 0:
            names.append("momentum")
        if self.centered:
            names.append("average_gradient")
        return [(name,) for name in names]

    def update(self, params, grads, state, lr):
        torch._foreach_mul_(state.velocity, self.rho)
        torch._foreach_addcmul_(state.velocity, grads, grads, value=1 - self.rho)
        denominators = self.denominators(grads, state)
        if self.momentum > 0:
            torch._foreach_mul_(state.momentum, self.momentum)
            torch._foreach_addcdiv_(state.momentum, grads, denominators, value=lr)
            torch._foreach_sub_(params, state.momentum)
        else:
            torch._foreach_addcdiv_(params, grads, denominators, value=-lr)

    def denominators(self, grads, state) -> list[Tensor]:
        """What the gradients are divided by."""
        found = torch._foreach_add(state.velocity, self.epsilon)
        if self.centered:
            self.subtract_mean(found, grads, state)
        torch._foreach_sqrt_(found)
        return found

    def subtract_mean(self, squares, grads, state) -> None:
        """Makes mean squares of the gradients into their variances."""
        means = state.average_gradient
        torch._foreach_mul_(means, self.rho)
        torch._foreach_add_(means, grads, alpha=1 - self.rho)
        torch._foreach_addcmul_(squares, means, means, value=-1)


class Adam(_Algorithm):
    """Adam, with epsilon added to the root of the second moment before the bias correction.

    With `amsgrad` the greatest second moment so far is divided by.
    """

    fuses_weight_decay = True

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.001,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = _epsilon(epsilon)
        self.amsgrad = amsgrad

    def slots(self):
        moments = [("momentum", "velocity")]
        return [*moments, ("velocity_hat",)] if self.amsgrad else moments

    def update(self, params, grads, state, lr):
        greatest = state.velocity_hat if self.amsgrad else []
        moments = (state.momentum, state.velocity, greatest)
        _adam(params, grads, moments, state, lr, self.beta_1, self.beta_2, self.epsilon)


class AdamW(Adam):
    """Adam with a weight decay by default."""

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.001,
        weight_decay=0.004,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-7,
        amsgrad=False,
        *shared,
        **kwargs,
    ):
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *shared, **kwargs
        )


class Adamax(_Algorithm):
    """Adam with the decayed maximum of the absolute gradients in the place of the second moment."""

    @with_shared_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *shared, **kwargs
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = _epsilon(epsilon)

    def slots(self):
        return [("momentum", "norm")]

    def update(self, params, grads, state, lr):
        torch._foreach_lerp_(state.momentum, grads, 1 - self.beta_1)
        torch._foreach_mul_(state.norm, self.beta_2)
        torch._foreach_maximum_(state.norm, torch._foreach_abs(grads))
        denominators = torch._foreach_add(state.norm, self.epsilon)
        rate = lr / (1 - _power(self.beta_1, state.step, state.dtype))
        torch._foreach_addcdiv_(params, state.momentum, denominators, value=-rate)


class Nadam(_Algorithm):
    """Adam with Nesterov momentum.

    The momentum of step t is `beta_1 * (1 - 0.5 * 0.96 ** (t * schedule_decay))`; `schedule_decay`,
    an argument of Keras 1 and 2, is 1.
    """

    @with_shared_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *shared, **kwargs
    ):
        self.schedule_decay = kwargs.pop("schedule_decay", 1.0)
        super().__init__(learning_rate, *shared, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = _epsilon(epsilon)

    def slots(self):
        return [("momentum", "velocity")]

    def build(self, var_list):
        """Makes the state for these model variables."""
        if self.built:
            return
        super().build(var_list)
        double = any(variable.dtype is torch.float64 for variable in var_list)
        self._product = HostScalar(1.0, "float64" if double else "float32")
        self._track_variable(self._product.variable)

    def begin_step(self, step):
        self._product.set(self._product.get() * self._momentum_at(step))

    def update(self, params, grads, state, lr):
        this = self._momentum_at(state.step)
        following = self._momentum_at(state.step + 1)
        product = self._product.get()
        torch._foreach_lerp_(state.momentum, grads, 1 - self.beta_1)
        torch._foreach_mul_(state.velocity, self.beta_2)
        torch._foreach_addcmul_(state.velocity, grads, grads, value=1 - self.beta_2)
        correction = 1 - _power(self.beta_2, state.step, state.dtype)
        denominators = torch._foreach_div(state.velocity, correction)
        torch._foreach_sqrt_(denominators)
        torch._foreach_add_(denominators, self.epsilon)
        rate = lr * following / (1 - product * following)
        torch._foreach_addcdiv_(params, state.momentum, denominators, value=-rate)
        rate = lr * (1 - this) / (1 - product)
        torch._foreach_addcdiv_(params, grads, denominators, value=-rate)

    def get_config(self):
        """The arguments of the constructor."""
        config = super().get_config()
        if self.schedule_decay != 1:
            config["schedule_decay"] = self.schedule_decay
        return config

    def _momentum_at(self, step) -> float:
        return self.beta_1 * (1.0 - 0.5 * 0.96 ** (step * self.schedule_decay))


class Adagrad(_Algorithm):
    """Divides the gradient by the root of the sum of its squares so far."""

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.001,
        initial_accumulator_value=0.1,
        epsilon=1e-7,
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.initial_accumulator_value = initial_accumulator_value
        self.epsilon = _epsilon(epsilon)

    def slots(self):
        return [("accumulator",)]

    def initial_slot(self, name, variable):
        return torch.full_like(variable, self.initial_accumulator_value)

    def update(self, params, grads, state, lr):
        torch._foreach_addcmul_(state.accumulator, grads, grads)
        torch._foreach_addcdiv_(params, grads, self.denominators(state), value=-lr)

    def denominators(self, state) -> list[Tensor]:
        """What the gradients are divided by."""
        found = torch._foreach_add(state.accumulator, self.epsilon)
        torch._foreach_sqrt_(found)
        return found


class Adadelta(_Algorithm):
    """Multiplies the gradient by the ratio of the roots of mean squared updates and gradients."""

    @with_shared_arguments
    def __init__(self, learning_rate=0.001, rho=0.95, epsilon=1e-7, *shared, **kwargs):
        super().__init__(learning_rate, *shared, **kwargs)
        self.rho = rho
        self.epsilon = _epsilon(epsilon)

    def slots(self):
        return [("accumulated_grad", "accumulated_delta_var")]

    def update(self, params, grads, state, lr):
        squares, deltas = state.accumulated_grad, state.accumulated_delta_var
        torch._foreach_mul_(squares, self.rho)
        torch._foreach_addcmul_(squares, grads, grads, value=1 - self.rho)
        steps = torch._foreach_add(deltas, self.epsilon)
        torch._foreach_div_(steps, torch._foreach_add(squares, self.epsilon))
        torch._foreach_sqrt_(steps)
        torch._foreach_mul_(steps, grads)
        torch._foreach_mul_(deltas, self.rho)
        torch._foreach_addcmul_(deltas, steps, steps, value=1 - self.rho)
        torch._foreach_add_(params, steps, alpha=-lr)

    def update_step(self, grad, variable, learning_rate):
        """Changes one variable."""
        super().update_step(grad, variable, learning_rate)


class Lion(_Algorithm):
    """Moves by the sign of an interpolation between momentum and gradient."""

    @with_shared_arguments
    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.99, *shared, **kwargs):
        super().__init__(learning_rate, *shared, **kwargs)
        if beta_1 <= 0 or beta_1 > 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer "
                f"degenerates to SignSGD. Received: beta_1={beta_1}."
            )
        self.beta_1 = beta_1
        self.beta_2 = beta_2

    def slots(self):
        return [("momentum",)]

    def update(self, params, grads, state, lr):
        steps = torch._foreach_mul(state.momentum, self.beta_1)
        torch._foreach_add_(steps, grads, alpha=1 - self.beta_1)
        torch._foreach_sign_(steps)
        torch._foreach_add_(params, steps, alpha=-lr)
        torch._foreach_mul_(state.momentum, self.beta_2)
        torch._foreach_add_(state.momentum, grads, alpha=1 - self.beta_2)


class Lamb(_Algorithm):
    """Adam with each variable's step scaled to the norm of the variable."""

    @with_shared_arguments
    def __init__(
        self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, *shared, **kwargs
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = _epsilon(epsilon)

    def slots(self):
        return [("momentum", "velocity")]

    def update(self, params, grads, state, lr):
        torch._foreach_lerp_(state.momentum, grads, 1 - self.beta_1)
        torch._foreach_mul_(state.velocity, self.beta_2)
        torch._foreach_addcmul_(state.velocity, grads, grads, value=1 - self.beta_2)
        correction_1 = 1 - _power(self.beta_1, state.step, state.dtype)
        correction_2 = 1 - _power(self.beta_2, state.step, state.dtype)
        denominators = torch._foreach_div(state.velocity, correction_2)
        torch._foreach_sqrt_(denominators)
        torch._foreach_add_(denominators, self.epsilon)
        steps = torch._foreach_div(state.momentum, correction_1)
        torch._foreach_div_(steps, denominators)
        sizes = torch.stack(torch._foreach_norm(params))
        lengths = torch.stack(torch._foreach_norm(steps))
        ratios = torch.where((sizes > 0) & (lengths > 0), sizes / lengths, 1.0)
        torch._foreach_mul_(steps, list((ratios * -lr).unbind()))
        torch._foreach_add_(params, steps)


class Ftrl(_Algorithm):
    """Follow the regularized leader: variables as a function of the sum of all gradients so far."""

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.001,
        learning_rate_power=-0.5,
        initial_accumulator_value=0.1,
        l1_regularization_strength=0.0,
        l2_regularization_strength=0.0,
        l2_shrinkage_regularization_strength=0.0,
        beta=0.0,
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        if learning_rate_power > 0.0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}"
            )
        self.learning_rate_power = learning_rate_power
        self.initial_accumulator_value = _not_negative(
            "initial_accumulator_value", initial_accumulator_value
        )
        self.l1_regularization_strength = _not_negative(
            "l1_regularization_strength", l1_regularization_strength
        )
        self.l2_regularization_strength = _not_negative(
            "l2_regularization_strength", l2_regularization_strength
        )
        self.l2_shrinkage_regularization_strength = _not_negative(
            "l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength
        )
        self.beta = beta

    def slots(self):
        return [("accumulator", "linear")]

    def initial_slot(self, name, variable):
        value = self.initial_accumulator_value if name == "accumulator" else 0.0
        return torch.full_like(variable, value)

    def update(self, params, grads, state, lr):
        if not lr:
            return  # the rule divides by the rate
        l1 = self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2.0 * lr)
        before = torch._foreach_pow(state.accumulator, -self.learning_rate_power)
        torch._foreach_addcmul_(state.accumulator, grads, grads)
        after = torch._foreach_pow(state.accumulator, -self.learning_rate_power)
        torch._foreach_add_(state.linear, grads)
        shrinkage = 2 * self.l2_shrinkage_regularization_strength
        torch._foreach_add_(state.linear, params, alpha=shrinkage)
        torch._foreach_addcmul_(
            state.linear, torch._foreach_sub(after, before), params, value=-1.0 / lr
        )
        clipped = torch._foreach_clamp_min(state.linear, -l1)
        torch._foreach_clamp_max_(clipped, l1)
        torch._foreach_sub_(clipped, state.linear)
        torch._foreach_div_(after, lr)
        torch._foreach_add_(after, 2 * l2)
        torch._foreach_copy_(params, torch._foreach_div(clipped, after))


class Adafactor(_Algorithm):
    """Adam without momentum, its second moments kept as row and column means of the last two axes.

    The step is relative to the size of the variable, and its root mean square at most
    `clip_threshold`. The rate is at most `1 / sqrt(step)`, whatever `relative_step` says.
    """

    elementwise = False

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.001,
        beta_2_decay=-0.8,
        epsilon_1=1e-30,
        epsilon_2=1e-3,
        clip_threshold=1.0,
        relative_step=True,
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.beta_2_decay = beta_2_decay
        self.epsilon_1 = epsilon_1
        self.epsilon_2 = epsilon_2
        self.clip_threshold = clip_threshold
        self.relative_step = relative_step

    def build(self, var_list):
        """Makes the state for these model variables."""
        if self.built:
            return
        super().build(var_list)
        slots = {"rows": [], "columns": [], "velocity": []}
        for variable in var_list:
            for name, slot in slots.items():
                slot.append(self._factor(name, variable))
        self._slots.update(slots)

    def _factor(self, name, variable):
        if name == "velocity":
            return self._add_slot(name, variable)
        if variable.ndim < 2:
            # A placeholder, as files of Keras have it.
            with _scopes.device("cpu"):
                factor = Variable(0, name=variable.name, trainable=False)
            self._track_variable(factor)
            return factor
        if takes_gradient_as_value(variable):
            return None
        kept = -1 if name == "rows" else -2
        value = torch.zeros_like(variable.detach().select(kept, 0))
        with _naming.name_scope(self.name, caller=self), _scopes.device(value.device):
            factor = Variable(value, name=variable.name, trainable=False)
        self._track_variable(factor)
        return factor

    def update(self, params, grads, state, lr):
        rate = min(lr, 1 / math.sqrt(state.step))
        weight = state.step**self.beta_2_decay
        for param, grad, rows, columns, velocity in zip(
            params, grads, state.rows, state.columns, state.velocity
        ):
            squares = grad.square().add_(self.epsilon_1)
            if param.ndim < 2:
                velocity.lerp_(squares, weight)
            else:
                rows.lerp_(squares.mean(-1), weight)
                columns.lerp_(squares.mean(-2), weight)
                shares = rows / rows.mean(-1, keepdim=True)
                torch.mul(shares.unsqueeze(-1), columns.unsqueeze(-2), out=velocity)
            step = grad / velocity.sqrt()
            step /= (_rms(step) / self.clip_threshold).clamp(min=1.0)
            param -= step * (_rms(param).clamp(min=self.epsilon_2) * rate)


class Muon(_Algorithm):
    """Orthogonalized momentum for matrices, AdamW for all other variables.

    AdamW also takes embeddings, where `exclude_embeddings`, and the variables whose path matches
    one of the regular expressions `exclude_layers`; its rate is `adam_lr_ratio` times the learning
    rate. The output layer is best excluded.

    Args:
        muon_a, muon_b, muon_c: coefficients of the Newton-Schulz polynomial, iterated `ns_steps`
            times.
        rms_rate: root mean square that a matrix's step is scaled to, in units of Adam's; None: not
            scaled.
    """

    elementwise = False

    def __init__(
        self,
        learning_rate=0.001,
        adam_beta_1=0.9,
        adam_beta_2=0.999,
        adam_weight_decay=0.004,
        epsilon=1e-7,
        weight_decay=0.004,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        exclude_layers=None,
        exclude_embeddings=True,
        muon_a=3.4445,
        muon_b=-4.7750,
        muon_c=2.0315,
        adam_lr_ratio=1,
        momentum=0.95,
        ns_steps=5,
        nesterov=True,
        rms_rate=0.2,
        **kwargs,
    ):
        super().__init__(
            learning_rate,
            weight_decay,
            clipnorm,
            clipvalue,
            global_clipnorm,
            use_ema,
            ema_momentum,
            ema_overwrite_frequency,
            loss_scale_factor,
            gradient_accumulation_steps,
            name,
            **kwargs,
        )
        self.adam_beta_1 = adam_beta_1
        self.adam_beta_2 = adam_beta_2
        self.adam_weight_decay = adam_weight_decay
        self.epsilon = _epsilon(epsilon)
        self.exclude_layers = exclude_layers or []
        self.exclude_embeddings = exclude_embeddings
        self.muon_a = muon_a
        self.muon_b = muon_b
        self.muon_c = muon_c
        self.adam_lr_ratio = adam_lr_ratio
        self.momentum = momentum
        self.ns_steps = ns_steps
        self.nesterov = nesterov
        self.rms_rate = rms_rate

    def slots(self):
        return [("momentum", "velocity")]

    @property
    def momentums(self):
        """The momentum variables."""
        return self._slots.get("momentum", [])

    @property
    def adam_velocities(self):
        """The second moments; None for a variable that AdamW does not take."""
        return self._slots.get("velocity", [])

    def decay_argument(self, variable):
        return "adam_weight_decay" if self._takes_adam(variable) else "weight_decay"

    def update(self, params, grads, state, lr):
        adam = [], [], [], []
        for row in zip(params, grads, state.momentum, state.velocity):
            if row[-1] is None:
                self._orthogonal_step(*row[:-1], lr)
            else:
                for column, tensor in zip(adam, row):
                    column.append(tensor)
        if adam[0]:
            params, grads, momenta, velocities = adam
            _adam(
                params,
                grads,
                (momenta, velocities, []),
                state,
                lr * self.adam_lr_ratio,
                self.adam_beta_1,
                self.adam_beta_2,
                self.epsilon,
            )

    def lr_adjust(self, x):
        """A step scaled so that its root mean square is about `rms_rate`."""
        return x if self.rms_rate is None else x * math.sqrt(max(x.shape[:2])) * self.rms_rate

    def transpose_last_axis(self, X):
        """`X` with its last two axes exchanged."""
        return X.transpose(-2, -1)

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """A matrix with about the singular vectors of `x` and singular values near 1."""
        if x.ndim < 2:
            raise ValueError(
                "Expected gradient or momentum to have at least 2 dimensions. "
                f"Received: shape={tuple(x.shape)}"
            )
        tall = x.shape[-2] > x.shape[-1]
        if tall:
            x = x.mT
        x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
        for _ in range(steps):
            square = x @ x.mT
            x = self.muon_a * x + (self.muon_b * square + self.muon_c * square @ square) @ x
        return x.mT if tall else x

    def _orthogonal_step(self, param, grad, momentum, lr):
        momentum.add_(grad + momentum * (self.momentum - 1))
        direction = grad + self.momentum * momentum if self.nesterov else momentum
        step = self.zeropower_via_newtonschulz5(direction, self.ns_steps)
        param.sub_(self.lr_adjust(lr * step))

    def _takes_adam(self, variable) -> bool:
        path = getattr(variable, "path", None) or ""
        return (
            variable.ndim != 2
            or (self.exclude_embeddings and "embedding" in path.lower())
            or any(re.search(pattern, path) for pattern in self.exclude_layers)
        )

    def _add_slot(self, name, variable):
        if name == "velocity" and not self._takes_adam(variable):
            return None
        return super()._add_slot(name, variable)


class ScheduleFreeAdamW(_Algorithm):
    """AdamW on a sequence whose running mean takes the place of a learning rate schedule.

    The rate rises linearly in the first `warmup_steps`. The slot `momentum` is that sequence, which
    starts at the variable.
    """

    @with_shared_arguments
    def __init__(
        self,
        learning_rate=0.0025,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-8,
        warmup_steps=0,
        *shared,
        **kwargs,
    ):
        super().__init__(learning_rate, *shared, **kwargs)
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = _epsilon(epsilon)
        self.warmup_steps = warmup_steps

    def slots(self):
        return [("momentum", "velocity")]

    def initial_slot(self, name, variable):
        return variable.clone() if name == "momentum" else torch.zeros_like(variable)

    def update(self, params, grads, state, lr):
        if self.warmup_steps > 0:
            lr *= min(state.step / self.warmup_steps, 1.0)
        sequence, velocity = state.momentum, state.velocity
        torch._foreach_mul_(velocity, self.beta_2)
        torch._foreach_addcmul_(velocity, grads, grads, value=1 - self.beta_2)
        correction = 1 - _power(self.beta_2, state.step, state.dtype)
        denominators = torch._foreach_div(velocity, correction)
        torch._foreach_sqrt_(denominators)
        torch._foreach_add_(denominators, self.epsilon)
        # y = (1 - beta_1) * z + beta_1 * x, where z is the sequence and x its mean with the weight
        # 1 / step.
        means = torch._foreach_sub(params, torch._foreach_mul(sequence, 1 - self.beta_1))
        torch._foreach_div_(means, self.beta_1)
        torch._foreach_addcdiv_(sequence, grads, denominators, value=-lr)
        torch._foreach_lerp_(means, sequence, 1.0 / state.step)
        torch._foreach_copy_(params, torch._foreach_lerp(sequence, means, self.beta_1))


def _adam(params, grads, moments, state, lr, beta_1, beta_2, epsilon) -> None:
    """Adam's step; `moments` are the first, the second and, for amsgrad, the greatest second."""
    first, second, greatest = moments
    rate = lr * math.sqrt(1 - _power(beta_2, state.step, state.dtype))
    rate /= 1 - _power(beta_1, state.step, state.dtype)
    if state.fused:
        # After endless steps the kernel's own bias corrections are 1, which leaves Keras's rule:
        # rate * first / (sqrt(second) + epsilon).
        kernel = torch._fused_adamw_ if state.weight_decay else torch._fused_adam_
        kernel(
            params,
            grads,
            first,
            second,
            greatest,
            [_endless(state.device)] * len(params),
            lr=rate,
            beta1=beta_1,
            beta2=beta_2,
            weight_decay=state.weight_decay * lr / rate if rate else 0.0,
            eps=epsilon,
            amsgrad=bool(greatest),
            maximize=False,
        )
        return
    torch._foreach_lerp_(first, grads, 1 - beta_1)
    torch._foreach_mul_(second, beta_2)
    torch._foreach_addcmul_(second, grads, grads, value=1 - beta_2)
    if greatest:
        torch._foreach_maximum_(greatest, second)
        second = greatest
    denominators = torch._foreach_sqrt(second)
    torch._foreach_add_(denominators, epsilon)
    torch._foreach_addcdiv_(params, first, denominators, value=-rate)


@functools.cache
def _endless(device: torch.device) -> Tensor:
    return torch.tensor(float("inf"), device=device)


def _power(base: float, exponent: int, dtype: torch.dtype) -> float:
    """`base ** exponent`, in single precision for float32 as Keras has it.

    Near 1 that changes `1 - base ** exponent` by up to 1e-5 of its value.
    """
    if dtype is torch.float32:
        return single(single(base) ** exponent)
    return base**exponent


def _rms(tensor: Tensor) -> Tensor:
    return tensor.square().mean().sqrt()


def _epsilon(epsilon: float | None) -> float:
    """Keras 1 and 2 wrote None for the epsilon of the configuration."""
    return config.epsilon() if epsilon is None else epsilon


def _not_negative(name: str, value):
    if value < 0.0:
        raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={value}")
    return value
