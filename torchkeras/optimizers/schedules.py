"""Learning rate schedules: functions of the number of optimizer steps taken so far."""

import math
from bisect import bisect_left

import torch

from torchkeras import _dtypes, _serialize
from torchkeras._serialize import Configurable

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


class LearningRateSchedule(Configurable):
    """Base of schedules; a subclass defines `__call__(step)`, which returns the rate."""

    def __call__(self, step):
        raise NotImplementedError(
            f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`."
        )


class Formula(LearningRateSchedule):
    """A schedule worked out in host numbers by `at`, so that a step needs no tensor."""

    def at(self, step: float) -> float:
        raise NotImplementedError

    def __call__(self, step):
        steps = torch.as_tensor(step)
        rates = [self.at(number) for number in steps.flatten().tolist()]
        rates = torch.tensor(rates, dtype=_dtypes.torch_dtype(None), device=steps.device)
        return rates.reshape(steps.shape)


class ExponentialDecay(Formula):
    """`initial_learning_rate * decay_rate ** (step / decay_steps)`; `staircase` floors it."""

    _keras_module = "keras.optimizers.schedules"

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="ExponentialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def at(self, step: float) -> float:
        power = step / self.decay_steps
        if self.staircase:
            power = math.floor(power)
        return self.initial_learning_rate * self.decay_rate**power


class PiecewiseConstantDecay(Formula):
    """`values[i]` up to and including step `boundaries[i]`, and the last value after that."""

    _keras_module = "keras.optimizers.schedules"

    def __init__(self, boundaries, values, name="PiecewiseConstant"):
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                "The length of boundaries should be 1 less than the length of values. "
                f"Received: boundaries={boundaries} of length {len(boundaries)}, "
                f"and values={values} of length {len(values)}."
            )
        self.boundaries = boundaries
        self.values = values
        self.name = name

    def at(self, step: float) -> float:
        return self.values[bisect_left(self.boundaries, step)]


class PolynomialDecay(Formula):
    """From `initial_learning_rate` to `end_learning_rate` in `decay_steps` along a polynomial.

    With `cycle` the rate starts again from a longer decay each time that `decay_steps` is passed.
    """

    _keras_module = "keras.optimizers.schedules"

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        end_learning_rate=0.0001,
        power=1.0,
        cycle=False,
        name="PolynomialDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.end_learning_rate = end_learning_rate
        self.power = power
        self.cycle = cycle
        self.name = name

    def at(self, step: float) -> float:
        if self.cycle:
            total = self.decay_steps * max(1, math.ceil(step / self.decay_steps))
        else:
            total = self.decay_steps
            step = min(step, total)
        rise = self.initial_learning_rate - self.end_learning_rate
        return rise * (1 - step / total) ** self.power + self.end_learning_rate


class InverseTimeDecay(Formula):
    """`initial_learning_rate / (1 + decay_rate * periods)`, a period being `decay_steps` steps.

    `staircase` counts only whole periods.
    """

    _keras_module = "keras.optimizers.schedules"

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        decay_rate,
        staircase=False,
        name="InverseTimeDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.decay_rate = decay_rate
        self.staircase = staircase
        self.name = name

    def at(self, step: float) -> float:
        periods = step / self.decay_steps
        if self.staircase:
            periods = math.floor(periods)
        return self.initial_learning_rate / (1 + self.decay_rate * periods)


class CosineDecay(Formula):
    """Half a cosine wave down to `alpha` times the rate, after an optional linear warmup.

    With `warmup_target` the rate first rises from `initial_learning_rate` to that target in
    `warmup_steps`, and the decay then starts from the target.
    """

    _keras_module = "keras.optimizers.schedules"

    def __init__(
        self,
        initial_learning_rate,
        decay_steps,
        alpha=0.0,
        name="CosineDecay",
        warmup_target=None,
        warmup_steps=0,
    ):
        self.initial_learning_rate = initial_learning_rate
        self.decay_steps = _positive("decay_steps", decay_steps)
        self.alpha = alpha
        self.name = name
        self.warmup_target = warmup_target
        self.warmup_steps = warmup_steps

    def at(self, step: float) -> float:
        top = self.initial_learning_rate
        if self.warmup_target is not None:
            if step < self.warmup_steps:
                return top + (self.warmup_target - top) * step / self.warmup_steps
            step -= self.warmup_steps
            top = self.warmup_target
        done = min(step, self.decay_steps) / self.decay_steps
        return top * _cosine(done, self.alpha)


class CosineDecayRestarts(Formula):
    """Cosine decay that starts again, each period `t_mul` times longer and `m_mul` times lower."""

    _keras_module = "keras.optimizers.schedules"

    def __init__(
        self,
        initial_learning_rate,
        first_decay_steps,
        t_mul=2.0,
        m_mul=1.0,
        alpha=0.0,
        name="SGDRDecay",
    ):
        self.initial_learning_rate = initial_learning_rate
        self.first_decay_steps = _positive("first_decay_steps", first_decay_steps)
        self.t_mul = t_mul
        self.m_mul = m_mul
        self.alpha = alpha
        self.name = name

    def at(self, step: float) -> float:
        done = step / self.first_decay_steps
        if self.t_mul == 1.0:
            restarts = math.floor(done)
            done -= restarts
        else:
            # Counted instead of taken from logarithms, which are off by one at some restarts.
            restarts = 0
            length = 1.0
            while done >= length and length * self.first_decay_steps >= 1:
                done -= length
                length *= self.t_mul
                restarts += 1
            done = min(done / length, 1.0)
        height = self.m_mul**restarts
        return self.initial_learning_rate * _cosine(done, self.alpha, height)


def _cosine(done: float, alpha: float, height: float = 1.0) -> float:
    wave = 0.5 * height * (1.0 + math.cos(math.pi * done))
    return (1 - alpha) * wave + alpha


def _positive(name: str, value):
    if value <= 0:
        raise ValueError(f"Argument `{name}` must be > 0. Received: {name}={value}")
    return value


def serialize(learning_rate_schedule):
    """The configuration of a schedule as a dictionary."""
    return _serialize.serialize_keras_object(learning_rate_schedule)


def deserialize(config, custom_objects=None):
    """The schedule that a configuration describes."""
    return _serialize.deserialize_keras_object(config, custom_objects=custom_objects)
