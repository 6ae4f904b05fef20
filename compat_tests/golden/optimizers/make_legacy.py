"""Writes legacy.npz: variables after steps of the optimizers of Keras 2, as tf_keras has them.

    python make_legacy.py        (with tf_keras and TensorFlow)

The variables and gradients are made by `start` and `gradient`, which the test uses too.
"""

from pathlib import Path

import numpy as np

__all__ = ["CASES", "STEPS", "gradient", "start"]

STEPS = 12
SHAPES = ((3, 4), (4,))
CASES = {
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "sgd decay": ("SGD", {"learning_rate": 0.1, "decay": 0.2}),
    "momentum decay": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "decay": 0.2}),
    "nesterov": ("SGD", {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True, "decay": 0.1}),
    "sgd clipnorm": ("SGD", {"learning_rate": 0.1, "clipnorm": 0.5}),
    "sgd clipvalue": ("SGD", {"learning_rate": 0.1, "clipvalue": 0.2}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.05, "epsilon": 0.01}),
    "rmsprop decay": ("RMSprop", {"learning_rate": 0.05, "decay": 0.3}),
    "rmsprop centered": ("RMSprop", {"learning_rate": 0.05, "centered": True, "epsilon": 0.01}),
    "rmsprop momentum": ("RMSprop", {"learning_rate": 0.05, "momentum": 0.8, "epsilon": 0.01}),
    "rmsprop both": (
        "RMSprop",
        {"learning_rate": 0.05, "momentum": 0.8, "centered": True, "epsilon": 0.01, "decay": 0.1},
    ),
    "adagrad": ("Adagrad", {"learning_rate": 0.1, "epsilon": 0.01}),
    "adagrad decay": (
        "Adagrad",
        {"learning_rate": 0.1, "initial_accumulator_value": 0.4, "decay": 0.3},
    ),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "rho": 0.9, "epsilon": 0.01}),
    # With the default `beta_2`, `1 - beta_2` in single precision is off by 1e-5 of itself.
    "adam": ("Adam", {"learning_rate": 0.05, "beta_2": 0.9}),
    "adam decay": ("Adam", {"learning_rate": 0.05, "decay": 0.3, "epsilon": 0.01}),
    "amsgrad": ("Adam", {"learning_rate": 0.05, "beta_2": 0.6, "amsgrad": True}),
    "adamax": ("Adamax", {"learning_rate": 0.05, "decay": 0.2, "epsilon": 0.01}),
    "nadam": ("Nadam", {"learning_rate": 0.05, "epsilon": 0.01}),
    "ftrl": (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "l1_regularization_strength": 0.01,
            "l2_regularization_strength": 0.02,
            "beta": 0.1,
        },
    ),
    "ftrl shrinkage": (
        "Ftrl",
        {
            "learning_rate": 0.1,
            "learning_rate_power": -0.7,
            "l2_shrinkage_regularization_strength": 0.03,
        },
    ),
}


def start() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in SHAPES]


def gradient(step: int) -> list[np.ndarray]:
    rng = np.random.default_rng(100 + step)
    return [rng.normal(size=shape).astype("float32") for shape in SHAPES]


def main() -> None:
    import tensorflow as tf
    import tf_keras

    results = {}
    for name, (kind, arguments) in CASES.items():
        optimizer = getattr(tf_keras.optimizers.legacy, kind)(**arguments)
        variables = [tf.Variable(value) for value in start()]
        for step in range(STEPS):
            optimizer.apply_gradients(zip(map(tf.constant, gradient(step)), variables))
        for i, variable in enumerate(variables):
            results[f"{name}/{i}"] = variable.numpy()
    np.savez_compressed(Path(__file__).with_name("legacy.npz"), **results)


if __name__ == "__main__":
    main()
