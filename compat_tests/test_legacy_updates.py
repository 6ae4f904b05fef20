"""Optimizers of scripts that say by `get_updates` what a step is, as in Keras 1 and 2."""

import numpy as np
import pytest

import torchkeras
from torchkeras import backend as K
from torchkeras import layers, optimizers
from torchkeras.legacy import interfaces
from torchkeras.optimizers import Optimizer

X = np.random.default_rng(0).random((40, 3)).astype("float32")
Y = X @ np.array([[1.0], [2.0], [3.0]], "float32")


class OwnSGD(Optimizer):
    """Momentum as Keras 1 wrote it: `(variable, new value)`, a learning rate of its own."""

    def __init__(self, lr=0.01, momentum=0.9, decay=0.0, **kwargs):
        super().__init__(**kwargs)
        self.iterations = K.variable(0.0)
        self.lr = K.variable(lr)
        self.momentum = K.variable(momentum)
        self.decay = K.variable(decay)

    def get_updates(self, params, constraints, loss):
        grads = self.get_gradients(loss, params)
        lr = self.lr * (1.0 / (1.0 + self.decay * self.iterations))
        self.updates = [(self.iterations, self.iterations + 1.0)]
        for p, g in zip(params, grads, strict=True):
            m = K.zeros(K.int_shape(p))
            v = self.momentum * m - lr * g
            self.updates.append((m, v))
            new = p + v
            self.updates.append((p, constraints[p](new) if p in constraints else new))
        return self.updates

    def get_config(self):
        return {**super().get_config(), "lr": float(K.get_value(self.lr))}


class OwnAdam(Optimizer):
    """Adam as Keras 2 wrote it, with `K.update` and gradients from `K.gradients`."""

    def __init__(self, lr=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, **kwargs):
        super().__init__(**kwargs)
        self.iterations = K.variable(0, dtype="int64", name="iterations")
        self.lr = K.variable(lr, name="lr")
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon

    @interfaces.legacy_get_updates_support
    def get_updates(self, loss, params):
        grads = K.gradients(loss, params)
        self.updates = [K.update_add(self.iterations, 1)]
        t = K.cast(self.iterations, K.floatx()) + 1
        lr_t = self.lr * K.sqrt(1.0 - K.pow(self.beta_2, t)) / (1.0 - K.pow(self.beta_1, t))
        ms = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        vs = [K.zeros(K.int_shape(p), dtype=K.dtype(p)) for p in params]
        self.weights = [self.iterations, *ms, *vs]
        for p, g, m, v in zip(params, grads, ms, vs, strict=True):
            m_t = self.beta_1 * m + (1.0 - self.beta_1) * g
            v_t = self.beta_2 * v + (1.0 - self.beta_2) * K.square(g)
            self.updates += [K.update(m, m_t), K.update(v, v_t)]
            self.updates.append(K.update(p, p - lr_t * m_t / (K.sqrt(v_t) + self.epsilon)))
        return self.updates


class DecayedSGD(optimizers.SGD):
    """Adds to the step of the class that it is made from."""

    def get_updates(self, loss, params):
        updates = super().get_updates(loss, params)
        return [*updates, *[K.update(p, p * 0.5) for p in params]]


class HalvedSGD(optimizers.SGD):
    """Has gradients of its own."""

    def get_gradients(self, loss, params):
        return [g / 2 for g in super().get_gradients(loss, params)]


def trained(optimizer, epochs=3, constraint=None):
    model = torchkeras.Sequential(
        [
            layers.Input((3,)),
            layers.Dense(4, activation="tanh", kernel_initializer="ones"),
            layers.Dense(1, kernel_initializer="ones", kernel_constraint=constraint),
        ]
    )
    model.compile(optimizer, "mse")
    history = model.fit(X, Y, epochs=epochs, batch_size=10, shuffle=False, verbose=0)
    return history.history["loss"], model


CASES = {
    "keras1": (lambda: OwnSGD(0.05), lambda: optimizers.SGD(0.05, momentum=0.9)),
    "keras2": (lambda: OwnAdam(0.05, epsilon=0.0), lambda: optimizers.Adam(0.05, epsilon=0.0)),
    "clipped": (
        lambda: OwnSGD(0.05, momentum=0.0, clipnorm=0.1),
        lambda: optimizers.SGD(0.05, clipnorm=0.1),
    ),
    "own gradients": (lambda: HalvedSGD(0.1), lambda: optimizers.SGD(0.05)),
}


@pytest.mark.parametrize("case", CASES)
def test_steps_are_those_of_the_class_of_today(case):
    own, expected = (make() for make in CASES[case])
    losses, model = trained(own, constraint="non_neg")
    expected_losses, reference = trained(expected, constraint="non_neg")
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    for a, b in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_variables_are_made_once_and_count_as_state():
    _, model = trained(OwnAdam(0.01), epochs=2)
    optimizer = model.optimizer
    assert K.get_value(optimizer.iterations) == 8
    assert [tuple(v.shape) for v in optimizer.weights[1:5]] == [(3, 4), (4,), (4, 1), (1,)]
    assert len(optimizer.weights) == 9
    assert all(any(v is known for known in optimizer.variables) for v in optimizer.weights)


def test_learning_rate_can_be_set_while_it_trains():
    _, model = trained(OwnSGD(0.05), epochs=1)
    before = model.get_weights()
    K.set_value(model.optimizer.lr, 0.0)
    K.set_value(model.optimizer.momentum, 0.0)
    model.train_on_batch(X, Y)
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert model.optimizer.get_config() == {"lr": 0.0}


def test_step_of_the_class_below_and_what_comes_after_it():
    losses, model = trained(DecayedSGD(0.0), epochs=1)
    np.testing.assert_allclose(model.get_weights()[0], np.full((3, 4), 0.5**4), rtol=1e-6)
    assert model.optimizer.iterations == 4


def test_updates_on_a_symbolic_loss():
    model = torchkeras.Sequential([layers.Input((3,)), layers.Dense(1, kernel_initializer="ones")])
    target = K.placeholder((None, 1))
    loss = K.mean(K.square(model.output - target))
    optimizer = OwnSGD(0.1, momentum=0.0)
    updates = optimizer.get_updates(model.trainable_weights, [], loss)
    step = K.function([model.input, target], [loss], updates=updates)
    residual = X.sum(1, keepdims=True) - Y
    np.testing.assert_allclose(step([X, Y])[0], np.mean(residual**2), rtol=1e-5)
    expected = 1 - 0.1 * 2 * X.T @ residual / len(X)
    np.testing.assert_allclose(model.get_weights()[0], expected, rtol=1e-5)


def test_arguments_of_keras_1_for_own_classes():
    class Twice(layers.Dense):
        @interfaces.legacy_dense_support
        def __init__(self, units, **kwargs):
            super().__init__(2 * units, **kwargs)

    with pytest.warns(DeprecationWarning, match="output_dim"):
        assert Twice(output_dim=3).units == 6
    renamed = interfaces.generate_legacy_interface(
        conversions=[("p", "rate")], value_conversions={"rate": {"half": 0.5}}
    )(lambda rate: rate)
    assert renamed(p="half") == 0.5
    with pytest.raises(TypeError, match="both were given. Received: p=1"):
        renamed(p=1, rate=2)
