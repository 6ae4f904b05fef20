"""Rows for the optimizers and schedules: arguments, driven over the same gradients as Keras's."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One optimizer and the arguments it is made with.

    `oracle` is False where real Keras on torch does not do what it says; the test of that name then
    has a reference of its own.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    oracle: bool = True

    def __str__(self):
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.arguments.items())})"


@dataclass(frozen=True)
class Schedule:
    """One schedule and the arguments it is made with."""

    name: str
    arguments: dict[str, Any]

    def __str__(self):
        return f"{self.name}({', '.join(f'{k}={v}' for k, v in self.arguments.items())})"


# Arguments of the base; each is tried with every optimizer.
SHARED = [
    dict(learning_rate=0.1),
    dict(weight_decay=0.02),
    dict(clipnorm=0.7),
    dict(clipvalue=0.3),
    dict(global_clipnorm=0.9),
    dict(use_ema=True, ema_momentum=0.8),
    dict(use_ema=True, ema_overwrite_frequency=4),
    dict(loss_scale_factor=8.0),
    dict(gradient_accumulation_steps=3),
    dict(
        gradient_accumulation_steps=2,
        use_ema=True,
        ema_overwrite_frequency=3,
        weight_decay=0.01,
        global_clipnorm=1.0,
        loss_scale_factor=4.0,
    ),
]

# Arguments of the algorithms.
OWN = {
    "SGD": [
        dict(momentum=0.9),
        dict(momentum=0.9, nesterov=True),
        dict(nesterov=True),
        dict(momentum=0.9, weight_decay=0.01, gradient_accumulation_steps=2),
    ],
    "RMSprop": [
        dict(rho=0.7),
        dict(momentum=0.9),
        dict(centered=True),
        dict(momentum=0.5, centered=True, epsilon=1e-3),
    ],
    "Adam": [
        dict(amsgrad=True),
        dict(beta_1=0.5, beta_2=0.9, epsilon=1e-2),
        dict(amsgrad=True, weight_decay=0.1),
    ],
    "AdamW": [
        dict(amsgrad=True),
        dict(weight_decay=0.1, learning_rate=0.1),
        dict(weight_decay=0.0),
    ],
    "Adamax": [dict(beta_1=0.7, beta_2=0.8, epsilon=1e-2)],
    "Nadam": [dict(beta_1=0.7, beta_2=0.8, epsilon=1e-2)],
    "Adagrad": [dict(initial_accumulator_value=0.5, epsilon=1e-2)],
    "Adadelta": [dict(rho=0.5, epsilon=1e-2, learning_rate=1.0)],
    "Adafactor": [
        dict(beta_2_decay=-0.5, epsilon_2=0.1, clip_threshold=0.5),
        dict(relative_step=False, learning_rate=0.5),
    ],
    "Ftrl": [
        dict(
            learning_rate=0.1,
            learning_rate_power=-0.7,
            l1_regularization_strength=0.01,
            l2_regularization_strength=0.02,
            l2_shrinkage_regularization_strength=0.03,
            beta=0.1,
        ),
    ],
    "Lamb": [dict(beta_1=0.7, beta_2=0.8, epsilon=1e-2)],
    "Lion": [dict(beta_1=0.5, beta_2=0.7)],
    "Muon": [
        dict(nesterov=False, ns_steps=2, rms_rate=None),
        dict(adam_lr_ratio=0.1, momentum=0.5, weight_decay=None, adam_weight_decay=0.1),
        dict(exclude_layers=["odd"]),
    ],
    "ScheduleFreeAdamW": [dict(warmup_steps=10, weight_decay=0.01, beta_1=0.8)],
}

CASES = [
    Case(name, arguments, oracle=name != "ScheduleFreeAdamW")
    for name, own in OWN.items()
    for arguments in [{}, *SHARED, *own]
]

SCHEDULES = [
    Schedule("ExponentialDecay", dict(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5)),
    Schedule(
        "ExponentialDecay",
        dict(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5, staircase=True),
    ),
    Schedule("InverseTimeDecay", dict(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5)),
    Schedule(
        "InverseTimeDecay",
        dict(initial_learning_rate=0.1, decay_steps=7, decay_rate=0.5, staircase=True),
    ),
    Schedule("PiecewiseConstantDecay", dict(boundaries=[3, 10, 20], values=[0.3, 0.2, 0.1, 0.05])),
    Schedule("PolynomialDecay", dict(initial_learning_rate=0.1, decay_steps=12)),
    Schedule(
        "PolynomialDecay",
        dict(
            initial_learning_rate=0.1, decay_steps=12, end_learning_rate=0.01, power=2.0, cycle=True
        ),
    ),
    Schedule("CosineDecay", dict(initial_learning_rate=0.1, decay_steps=15)),
    Schedule("CosineDecay", dict(initial_learning_rate=0.1, decay_steps=15, alpha=0.1)),
    Schedule(
        "CosineDecay",
        dict(initial_learning_rate=0.01, decay_steps=15, warmup_target=0.2, warmup_steps=6),
    ),
    Schedule("CosineDecayRestarts", dict(initial_learning_rate=0.1, first_decay_steps=4)),
    Schedule(
        "CosineDecayRestarts",
        dict(initial_learning_rate=0.1, first_decay_steps=5, t_mul=1.0, m_mul=0.9, alpha=0.1),
    ),
    Schedule(
        "CosineDecayRestarts",
        dict(initial_learning_rate=0.1, first_decay_steps=5, t_mul=1.5, m_mul=0.8),
    ),
]
