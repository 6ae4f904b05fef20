"""The numerical rules of Keras which torch does otherwise: each rule has a test named after it.

Expected values come from the formula written out in the test, from real Keras on torch with the
same weights, or, where a line says so, from tf_keras 2.21 on TensorFlow 2.21. Where it is cheap,
the test also shows that torch's own default would fail it.
"""

import json

import keras
import numpy as np
import pytest
import torch
from torch.nn import functional as F

import torchkeras
from torchkeras import initializers, layers, losses, metrics, ops, optimizers

GRADIENTS = ([0.5, -0.25], [0.1, 0.3], [-0.2, 0.7])
START = (1.0, -2.0)


def close(ours, expected, tolerance=1e-6):
    ours = ours.detach().numpy() if isinstance(ours, torch.Tensor) else np.asarray(ours)
    expected = expected.detach().numpy() if isinstance(expected, torch.Tensor) else expected
    expected = np.asarray(expected)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance)


def differs(value, other, by=1e-4):
    """That a test of the one value would not let the other pass."""
    assert np.abs(np.asarray(value) - np.asarray(other)).max() > by


def array(value):
    return value.detach().numpy()


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def steps(optimizer, rates=(0.1, 0.1, 0.1), library=torchkeras):
    """A variable after three steps with GRADIENTS, the learning rate of each being given."""
    variable = library.Variable(np.array(START, "float32"))
    for gradient, rate in zip(GRADIENTS, rates):
        optimizer.learning_rate = rate
        optimizer.apply([torch.tensor(gradient)], [variable])
    return array(variable if library is torchkeras else variable.value)


def torch_steps(make, rates=(0.1, 0.1, 0.1)):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = make([parameter])
    for gradient, rate in zip(GRADIENTS, rates):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
    return array(parameter)


def twins(name, shape, **config):
    """The layer of each library with the same weights, built for that shape."""
    ours, theirs = (getattr(library.layers, name)(**config) for library in (torchkeras, keras))
    ours.build(shape)
    theirs.build(shape)
    weights = [
        numbers(*w.shape, seed=i) if w.trainable else w.value.numpy()
        for i, w in enumerate(theirs.weights)
    ]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def filled(layer, shape, *weights):
    layer.build(shape)
    layer.set_weights([np.asarray(w, "float32") for w in weights])
    return layer


# ---------------------------------------------------------------- optimizers


def test_adam_epsilon_before_bias_correction():
    """Rule 1: w -= lr·√(1-β2ᵗ)/(1-β1ᵗ)·m/(√v+ε), and ε is 1e-7."""
    w, m, v = np.array(START), np.zeros(2), np.zeros(2)
    for t, g in enumerate(np.array(GRADIENTS), 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) * m / (np.sqrt(v) + 0.1)
    found = steps(optimizers.Adam(0.1, epsilon=0.1))
    close(found, w)
    differs(found, torch_steps(lambda p: torch.optim.Adam(p, eps=0.1)))
    assert optimizers.Adam().epsilon == 1e-7


def test_rmsprop_epsilon_within_the_root():
    """Rule 2: w -= lr·g/√(v+ε), with ρ 0.9, a rate of 1e-3 and an ε of 1e-7."""
    w, v = np.array(START), np.zeros(2)
    for g in np.array(GRADIENTS):
        v = 0.9 * v + 0.1 * g * g
        w = w - 0.1 * g / np.sqrt(v + 0.1)
    found = steps(optimizers.RMSprop(0.1, epsilon=0.1))
    close(found, w)
    differs(found, torch_steps(lambda p: torch.optim.RMSprop(p, alpha=0.9, eps=0.1)))
    default = optimizers.RMSprop()
    assert (default.rho, default.epsilon) == (0.9, 1e-7)
    close(default.learning_rate, np.float32(1e-3))


def test_rmsprop_learning_rate_within_the_momentum_buffer():
    """Rule 2: a step made at another rate keeps that rate as it fades."""
    rates = (0.1, 0.01, 0.5)
    w, v, buffer = np.array(START), np.zeros(2), np.zeros(2)
    for g, rate in zip(np.array(GRADIENTS), rates):
        v = 0.9 * v + 0.1 * g * g
        buffer = 0.9 * buffer + rate * g / np.sqrt(v + 1e-7)
        w = w - buffer
    found = steps(optimizers.RMSprop(0.1, momentum=0.9), rates)
    close(found, w)
    other = torch_steps(lambda p: torch.optim.RMSprop(p, alpha=0.9, eps=1e-7, momentum=0.9), rates)
    differs(found, other)


# From tf_keras.optimizers.legacy: GRADIENTS in turn, a learning rate of 0.1, an epsilon of 0.1.
BEFORE_2_11 = [
    ("RMSprop", {"epsilon": 0.1}, [0.84415102, -2.19655371]),
    ("RMSprop", {"epsilon": 0.1, "momentum": 0.9}, [0.61921728, -2.13434029]),
    ("Adagrad", {"epsilon": 0.1}, [0.94072437, -2.07289147]),
    ("Adam", {"epsilon": 0.1, "decay": 0.5}, [0.97637671, -1.99990547]),
    ("Adadelta", {"epsilon": 0.1}, [0.96267658, -2.06793308]),
    ("Adamax", {"epsilon": 0.1}, [0.85020792, -1.97384119]),
    ("Nadam", {"epsilon": 0.1}, [0.91681755, -2.06215143]),
    ("SGD", {"decay": 0.5}, [0.95333332, -2.02999997]),
]


@pytest.mark.parametrize("name,config,expected", BEFORE_2_11)
def test_legacy_optimizers_place_epsilon_as_keras_2(name, config, expected):
    """Rules 2, 3, 6 and 8: without momentum RMSprop's ε was outside the root, as Adagrad's; decay
    divides the rate by 1 + decay·iterations."""
    optimizer = getattr(optimizers.legacy, name)(learning_rate=0.1, **config)
    variable = torchkeras.Variable(np.array(START, "float32"))
    for gradient in GRADIENTS:
        optimizer.apply_gradients([(torch.tensor(gradient), variable)])
    close(variable, np.float32(expected), 2e-6)


def test_adagrad_starts_at_a_tenth():
    """Rule 3: the accumulator starts at 0.1, ε is within the root, the rate is 1e-3."""
    w, total = np.array(START), np.full(2, 0.1)
    for g in np.array(GRADIENTS):
        total = total + g * g
        w = w - 0.1 * g / np.sqrt(total + 1e-2)
    found = steps(optimizers.Adagrad(0.1, epsilon=1e-2))
    close(found, w)
    differs(found, torch_steps(lambda p: torch.optim.Adagrad(p, eps=1e-2)))
    given = {"eps": 1e-2, "initial_accumulator_value": 0.1}
    differs(found, torch_steps(lambda p: torch.optim.Adagrad(p, **given)))


@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd_learning_rate_within_the_momentum_buffer(nesterov):
    """Rule 4: v = μv - lr·g and w += v; with Nesterov w += μv - lr·g."""
    rates = (0.1, 0.01, 0.5)
    w, v = np.array(START), np.zeros(2)
    for g, rate in zip(np.array(GRADIENTS), rates):
        v = 0.9 * v - rate * g
        w = w + (0.9 * v - rate * g if nesterov else v)
    found = steps(optimizers.SGD(0.1, 0.9, nesterov), rates)
    close(found, w)
    arguments = {"momentum": 0.9, "nesterov": nesterov}
    differs(found, torch_steps(lambda p: torch.optim.SGD(p, **arguments), rates))
    same = torch_steps(lambda p: torch.optim.SGD(p, **arguments))
    close(steps(optimizers.SGD(0.1, 0.9, nesterov)), same)  # with one rate they agree


def test_nadam_momentum_schedule():
    """Rule 5: μₜ = β1·(1 - ½·0.96ᵗ), and the rate by default is 1e-3."""
    w, m, v, product = np.array(START), np.zeros(2), np.zeros(2), 1.0
    for t, g in enumerate(np.array(GRADIENTS), 1):
        now, following = (0.9 * (1 - 0.5 * 0.96**i) for i in (t, t + 1))
        product *= now
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        ahead = following * m / (1 - product * following) + (1 - now) * g / (1 - product)
        w = w - 0.1 * ahead / (np.sqrt(v / (1 - 0.999**t)) + 1e-7)
    found = steps(optimizers.Nadam(0.1))
    close(found, w)
    differs(found, torch_steps(lambda p: torch.optim.NAdam(p, eps=1e-7)))
    close(optimizers.Nadam().learning_rate, np.float32(1e-3))


def test_adamax_epsilon_at_the_division():
    """Rule 6: w -= lr/(1-β1ᵗ)·m/(u+ε); torch takes ε into the maximum."""
    w, m, u = np.array(START), np.zeros(2), np.zeros(2)
    for t, g in enumerate(np.array(GRADIENTS), 1):
        m, u = 0.9 * m + 0.1 * g, np.maximum(0.5 * u, np.abs(g))
        w = w - 0.1 / (1 - 0.9**t) * m / (u + 0.1)
    found = steps(optimizers.Adamax(0.1, beta_2=0.5, epsilon=0.1))
    close(found, w)
    differs(found, torch_steps(lambda p: torch.optim.Adamax(p, betas=(0.9, 0.5), eps=0.1)))


def test_adadelta_defaults():
    """Rule 6: a rate of 1e-3, ρ 0.95 and ε 1e-7; torch has 1, 0.9 and 1e-6."""
    w, squares, moves = np.array(START), np.zeros(2), np.zeros(2)
    for g in np.array(GRADIENTS):
        squares = 0.95 * squares + 0.05 * g * g
        move = -np.sqrt(moves + 1e-7) / np.sqrt(squares + 1e-7) * g
        moves = 0.95 * moves + 0.05 * move * move
        w = w + 1e3 * move
    found = steps(optimizers.Adadelta(), (1e3,) * 3)
    close(found, w, 1e-5)
    differs(found, torch_steps(torch.optim.Adadelta, (1e3,) * 3))
    close(optimizers.Adadelta().learning_rate, np.float32(1e-3))


DECAYING = (
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "Nadam",
    "RMSprop",
    "SGD",
)


@pytest.mark.parametrize("name", DECAYING)
@pytest.mark.filterwarnings("ignore:__array__ implementation")  # real Keras alone meets it
def test_weight_decay_is_decoupled(name):
    """Rule 7: w -= w·wd·lr before the step, for every optimizer, the step not knowing of it."""
    decayed, plain = [], []
    for weight_decay, found in ((0.5, decayed), (0.0 if name == "AdamW" else None, plain)):
        for library in (torchkeras, keras):
            optimizer = getattr(library.optimizers, name)(0.1, weight_decay=weight_decay)
            found.append(steps(optimizer, library=library))
    close(decayed[0], decayed[1], 2e-6)
    close(plain[0], plain[1], 2e-6)
    differs(decayed[0], plain[0])
    if name in ("Lion", "SGD"):  # whose moves do not depend on the weights
        w, before = np.array(START), np.array(START)
        for i in range(len(GRADIENTS)):
            after = steps(getattr(optimizers, name)(0.1), (0.1,) * (i + 1))
            w, before = w * (1 - 0.05) + (after - before), after
        close(decayed[0], w, 2e-6)


def test_weight_decay_of_muon_is_that_of_matrices():
    """Rule 7: vectors go by Adam, which has a decay of its own, `adam_weight_decay`."""
    found = {}
    for name in ("weight_decay", "adam_weight_decay"):
        for library in (torchkeras, keras):
            matrix = library.Variable(numbers(3, 4), name="matrix")
            vector = library.Variable(numbers(3), name="vector")
            optimizer = library.optimizers.Muon(0.1, **{name: 0.5})
            optimizer.apply(
                [torch.tensor(numbers(3, 4, seed=1)), torch.tensor(numbers(3, seed=2))],
                [matrix, vector],
            )
            found[name, library] = [array(v.value) for v in (matrix, vector)]
        for mine, other in zip(found[name, torchkeras], found[name, keras], strict=True):
            close(mine, other, 1e-5)
    by_matrix, by_vector = found["weight_decay", torchkeras], found["adam_weight_decay", torchkeras]
    differs(by_matrix[0], by_vector[0])
    differs(by_matrix[1], by_vector[1])


def test_weight_decay_is_not_l2():
    """Rule 7: torch's SGD and Adam add wd·w to the gradient; AdamW's default is 0.004 (0.01)."""
    for name, more in (("SGD", {"momentum": 0.9}), ("Adam", {})):
        found = steps(getattr(optimizers, name)(0.1, weight_decay=0.5, **more))
        coupled = getattr(torch.optim, name)
        differs(found, torch_steps(lambda p, c=coupled, m=more: c(p, weight_decay=0.5, **m)))
    assert optimizers.AdamW().weight_decay == 0.004
    close(steps(optimizers.AdamW(0.1)), steps(optimizers.AdamW(0.1, weight_decay=0.004)))
    adamw = torch_steps(lambda p: torch.optim.AdamW(p, eps=1e-7, weight_decay=0.004))
    close(steps(optimizers.AdamW(0.1)), adamw, 1e-5)


BOTH = 25.09**0.5  # the norm of the two gradients together
CLIPPED = {
    "clipnorm": [[0.6, 0.8], [0.3]],
    "global_clipnorm": [[3 / BOTH, 4 / BOTH], [0.3 / BOTH]],
    "clipvalue": [[1.0, 1.0], [0.3]],
}


@pytest.mark.parametrize("name", CLIPPED)
def test_clipping_by_variable_and_by_all(name):
    """Rule 8: clipnorm takes a variable, global_clipnorm all of them, clipvalue each value."""
    gradients = [torch.tensor([3.0, 4.0]), torch.tensor([0.3])]
    variables = [torchkeras.Variable(np.zeros(g.shape, "float32")) for g in gradients]
    optimizers.SGD(1.0, **{name: 1.0}).apply(gradients, variables)
    for variable, value in zip(variables, CLIPPED[name]):
        close(variable, -np.float32(value))


@pytest.mark.filterwarnings("ignore:The argument `lr`")
def test_legacy_decay():
    """Rule 8: Keras 1's decay makes the rate lr/(1+decay·iterations)."""
    w = np.array(START)
    for t, g in enumerate(np.array(GRADIENTS)):
        w = w - 0.1 / (1 + 0.5 * t) * g
    variable = torchkeras.Variable(np.array(START, "float32"))
    optimizer = optimizers.SGD(lr=0.1, decay=0.5)
    for gradient in GRADIENTS:
        optimizer.apply([torch.tensor(gradient)], [variable])
    close(variable, w)


class Counted(optimizers.schedules.LearningRateSchedule):
    """The rate of step n is n + 1."""

    def __call__(self, step):
        return 1.0 + ops.cast(step, "float32")

    def get_config(self):
        return {}


def test_schedules_see_iterations_before_they_are_counted():
    """Rule 9: the first step is made with schedule(0)."""
    variable = torchkeras.Variable(np.zeros(1, "float32"))
    optimizer = optimizers.SGD(Counted())
    moved = []
    for _ in range(3):
        before = float(variable.numpy()[0])
        optimizer.apply([torch.ones(1)], [variable])
        moved.append(before - float(variable.numpy()[0]))
    assert moved == [1.0, 2.0, 3.0]
    assert int(optimizer.iterations) == 3


def test_iterations_count_updates_and_schedules_batches():
    """Rule 9: two accumulated batches are one iteration; what the schedule is given still counts
    each batch, as in real Keras, so the first of these updates has the rate schedule(1)."""
    for library in (torchkeras, keras):
        variable = library.Variable(np.zeros(1, "float32"))

        class ByStep(library.optimizers.schedules.LearningRateSchedule):
            def __call__(self, step):
                return 1.0 + step

        optimizer = library.optimizers.SGD(ByStep(), gradient_accumulation_steps=2)
        seen = []
        for gradient in (1.0, 3.0, 1.0, 3.0):
            optimizer.apply([torch.tensor([gradient])], [variable])
            seen.append(variable.value.item())
        assert seen == [0.0, -4.0, -4.0, -12.0]
        assert int(optimizer.iterations) == 2


def test_schedules_step_by_batch():
    """Rule 9: three batches of one epoch have three rates."""
    model = torchkeras.Sequential([torchkeras.Input((1,)), layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((1, 1), "float32")])
    model.compile(optimizers.SGD(Counted()), lambda y_true, y_pred: y_pred)
    ones = np.ones((3, 1), "float32")
    model.fit(ones, ones, batch_size=1, epochs=1, verbose=0)
    close(model.get_weights()[0], [[-6.0]])


# ---------------------------------------------------------------- normalization


def test_batch_normalization_defaults():
    """Rule 10: a momentum of 0.99 (torch's 0.01) and an ε of 1e-3, which others have too."""
    layer = layers.BatchNormalization()
    assert (layer.momentum, layer.epsilon) == (0.99, 1e-3)
    x = torch.tensor([[0.0], [0.02]])  # a variance of 1e-4, far below ε
    expected = (x - 0.01) / (1e-4 + 1e-3) ** 0.5
    close(layer(x, training=True), expected, 1e-5)
    close(layer.moving_mean, [1e-4], 1e-7)
    module = torch.nn.BatchNorm1d(1)
    differs(array(layer(x, training=True)), array(module(x)))
    rows = x.reshape(1, 2)
    for cls in (layers.LayerNormalization, lambda: layers.GroupNormalization(1)):
        close(cls()(rows), expected.reshape(1, 2), 1e-5)
        differs(array(cls()(rows)), array(F.layer_norm(rows, (2,))))


@pytest.mark.parametrize("shape", [(8, 1), (2, 2, 2, 1)])
def test_batch_normalization_moving_variance_is_biased(shape):
    """Rule 11: the moving variance is that of the batch: 5.25 of 0..7, where torch's is 6.

    So is Keras 3's, on any backend, and Keras 2's for tables; for images Keras 2's fused kernel
    gave 6 (tf_keras 2.21), which nothing that is read from a file depends on.
    """
    x = torch.arange(8.0).reshape(shape)
    layer = layers.BatchNormalization(momentum=0.0)
    layer(x, training=True)
    close(layer.moving_mean, [3.5])
    close(layer.moving_variance, [5.25])
    module = torch.nn.BatchNorm1d(1, momentum=1.0)
    module(x.reshape(8, 1))
    assert module.running_var.item() == 6.0


def test_batch_normalization_that_is_frozen_infers():
    """Rule 12: `trainable = False` means inference, whatever `training` says."""
    layer = filled(layers.BatchNormalization(), (None, 1), [2.0], [1.0], [3.0], [4.0])
    layer.trainable = False
    x = torch.tensor([[5.0], [1.0]])
    close(layer(x, training=True), (x - 3) / (4 + 1e-3) ** 0.5 * 2 + 1)
    close(layer.moving_mean, [3.0])


def test_batch_normalization_moments_leave_out_masked_steps():
    """Rule 12: moments are those of the valid steps alone."""
    x = torch.tensor([[[1.0], [3.0], [100.0]], [[5.0], [100.0], [100.0]]])
    mask = torch.tensor([[True, True, False], [True, False, False]])
    layer = layers.BatchNormalization(momentum=0.0)
    found = layer(x, training=True, mask=mask)
    close(layer.moving_mean, [3.0], 1e-5)
    close(layer.moving_variance, [8 / 3], 1e-5)
    close(found, (x - 3) / (8 / 3 + 1e-3) ** 0.5, 1e-5)


def test_batch_normalization_variance_does_not_cancel():
    """Rule 12: the variance of 10000 and 10001 is 1/4; as E[x²]-E[x]² in 32 bits it is not."""
    x = torch.tensor([[10000.0], [10001.0]])
    layer = layers.BatchNormalization(momentum=0.0)
    layer(x, training=True)
    close(layer.moving_variance, [0.25], 1e-3)
    differs(((x * x).mean() - x.mean() ** 2).item(), 0.25, 1e-2)


# ---------------------------------------------------------------- convolution and pooling

# From tf_keras: a square image 0, 1, 2, ... and the kernel 1..9.
SAME = [
    (2, 4, [303, 225, 253, 163]),
    (2, 5, [100, 202, 160, 408, 636, 426, 304, 436, 268]),
    (3, 5, [366, 291, 415, 268]),
]


@pytest.mark.parametrize("stride,size,expected", SAME)
def test_same_pads_right_and_bottom(stride, size, expected):
    """Rule 13: what 'same' pads depends on size and stride, the odd one at the right and bottom."""
    kernel = np.arange(1, 10).reshape(3, 3, 1, 1)
    layer = layers.Conv2D(1, 3, strides=stride, padding="same", use_bias=False)
    x = torch.arange(float(size * size)).reshape(1, size, size, 1)
    found = filled(layer, x.shape, kernel)(x)
    close(found.flatten(), np.float32(expected))
    torch_kernel = torch.tensor(kernel.reshape(1, 1, 3, 3), dtype=torch.float32)
    symmetric = F.conv2d(x.permute(0, 3, 1, 2), torch_kernel, stride=stride, padding=1)
    if size % stride == 0:  # one row of padding: torch puts it on both sides
        differs(array(found.flatten()), array(symmetric.flatten()))
    if stride > 1:
        with pytest.raises(RuntimeError):
            F.conv2d(x.permute(0, 3, 1, 2), torch_kernel, stride=stride, padding="same")


@pytest.mark.parametrize("dilation", [1, 2])
def test_causal_pads_left(dilation):
    """Rule 14: (k-1)·d zeros before the first step, none after the last."""
    layer = layers.Conv1D(1, 3, padding="causal", dilation_rate=dilation, use_bias=False)
    x = torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0]).reshape(1, 6, 1)
    found = filled(layer, x.shape, np.reshape([100.0, 10.0, 1.0], (3, 1, 1)))(x)
    padded = [0.0] * (2 * dilation) + x.flatten().tolist()
    expected = [
        100 * padded[i] + 10 * padded[i + dilation] + padded[i + 2 * dilation] for i in range(6)
    ]
    close(found.flatten(), np.float32(expected))


def test_average_pooling_leaves_out_the_padding():
    """Rule 15: with 'same' the mean is of the values there are (also in tf_keras)."""
    x = torch.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    found = layers.AveragePooling2D(2, padding="same")(x)
    close(found.flatten(), [3.0, 4.5, 7.5, 9.0])
    with_zeros = F.avg_pool2d(F.pad(x.permute(0, 3, 1, 2), (0, 1, 0, 1)), 2)
    differs(array(found.flatten()), array(with_zeros.flatten()))


def test_max_pooling_pads_with_nothing_larger():
    """Rule 15: the padding never wins, not even over negative values."""
    x = -torch.arange(1.0, 10.0).reshape(1, 3, 3, 1)
    found = layers.MaxPooling2D(2, padding="same")(x)
    close(found.flatten(), [-1.0, -3.0, -7.0, -9.0])


# From tf_keras: the input 1, 2, 3 and the kernel 1, 2, ... k.
TRANSPOSED = [
    ({"strides": 2, "kernel_size": 3, "padding": "same"}, [1, 2, 5, 4, 9, 6]),
    ({"strides": 2, "kernel_size": 3, "padding": "valid"}, [1, 2, 5, 4, 9, 6, 9]),
    ({"strides": 2, "kernel_size": 4, "padding": "same"}, [2, 5, 8, 9, 14, 9]),
    ({"strides": 3, "kernel_size": 2, "padding": "same"}, [1, 2, 0, 2, 4, 0, 3, 6, 0]),
    ({"strides": 3, "kernel_size": 2, "padding": "valid"}, [1, 2, 0, 2, 4, 0, 3, 6, 0]),
    ({"strides": 2, "kernel_size": 3, "padding": "same", "output_padding": 0}, [2, 5, 4, 9, 6]),
    ({"strides": 2, "kernel_size": 3, "padding": "same", "output_padding": 1}, [1, 2, 5, 4, 9, 6]),
]


@pytest.mark.parametrize("config,expected", TRANSPOSED)
@pytest.mark.filterwarnings("ignore:You might experience inconsistencies")
def test_transposed_convolution_is_cropped(config, expected):
    """Rule 16: the natural output, cropped at both ends; output_padding None is not 0."""
    layer = layers.Conv1DTranspose(1, use_bias=False, **config)
    x = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    size = config["kernel_size"]
    found = filled(layer, x.shape, np.arange(1, size + 1).reshape(size, 1, 1))(x)
    close(found.flatten(), np.float32(expected))


def test_transposed_kernel_has_outputs_before_inputs():
    """Rule 16: its layout is (h, w, out, in)."""
    layer = layers.Conv2DTranspose(5, (2, 3))
    layer.build((None, 4, 4, 7))
    assert tuple(layer.kernel.shape) == (2, 3, 5, 7)
    kernel = numbers(2, 3, 5, 7)
    layer.set_weights([kernel, np.zeros(5)])
    x = numbers(1, 1, 1, 7, seed=1)
    close(layer(torch.tensor(x))[0], np.einsum("hwoi,i->hwo", kernel, x[0, 0, 0]), 1e-5)


def test_depthwise_outputs_are_ordered_by_input():
    """Rule 17: the kernel is (k, in, multiplier), and an input's outputs lie side by side."""
    layer = layers.DepthwiseConv1D(2, depth_multiplier=2, use_bias=False)
    x = torch.arange(1.0, 7.0).reshape(1, 3, 2)
    found = filled(layer, x.shape, np.arange(1, 9).reshape(2, 2, 2))(x)
    # From tf_keras.
    close(found.flatten(), np.float32([16, 20, 34, 40, 28, 36, 54, 64]))


@pytest.mark.parametrize("given", [{"strides": 2}, {"dilation_rate": 2}])
def test_separable_convolution_strides_its_depthwise_part_alone(given):
    """Rule 17: strides and dilation belong to the depthwise part; the other is 1x1."""
    x = torch.tensor(numbers(2, 7, 7, 3))
    layer = layers.SeparableConv2D(4, 3, **given)
    layer.build(x.shape)
    depthwise, pointwise, bias = (numbers(*w.shape, seed=i) for i, w in enumerate(layer.weights))
    layer.set_weights([depthwise, pointwise, bias])
    first = filled(layers.DepthwiseConv2D(3, use_bias=False, **given), x.shape, depthwise)(x)
    close(layer(x), array(first) @ pointwise[0, 0] + bias, 1e-5)


@pytest.mark.parametrize("strides", [1, 2])
def test_depthwise_convolution_with_dilation_and_strides(strides):
    """Rule 17: both together are what the definition gives; other convolutions refuse them."""
    x, kernel = numbers(1, 9, 9, 2), numbers(2, 2, 2, 1, seed=1)
    with pytest.raises(ValueError, match="dilation_rate"):
        layers.Conv2D(1, 2, strides=2, dilation_rate=2)
    layer = layers.DepthwiseConv2D(2, strides=strides, dilation_rate=3, use_bias=False)
    found = filled(layer, x.shape, kernel)(torch.tensor(x))
    expected = sum(
        x[:, 3 * i : 3 * i + 6, 3 * j : 3 * j + 6] * kernel[i, j, :, 0]
        for i in range(2)
        for j in range(2)
    )
    close(found, expected[:, ::strides, ::strides], 1e-5)


def test_kernel_layouts():
    """Rule 18: kernels are (in, out) and (h, w, in, out), not torch's."""
    dense, conv = layers.Dense(5), layers.Conv2D(5, (2, 3))
    dense.build((None, 7))
    conv.build((None, 4, 4, 7))
    assert tuple(dense.kernel.shape) == (7, 5)
    assert tuple(conv.kernel.shape) == (2, 3, 7, 5)
    x = numbers(1, 2, 3, 7, seed=1)
    kernel = numbers(2, 3, 7, 5)
    conv.set_weights([kernel, np.zeros(5)])
    close(conv(torch.tensor(x))[0, 0, 0], np.einsum("hwio,hwi->o", kernel, x[0]), 1e-5)


def test_flatten_goes_by_row_column_channel():
    """Rule 18: also of channels_first images, which are brought to channels_last before."""
    x = torch.arange(12.0).reshape(1, 2, 2, 3)
    close(layers.Flatten()(x)[0], np.arange(12.0))
    first = layers.Flatten(data_format="channels_first")(x.permute(0, 3, 1, 2))
    close(first[0], np.arange(12.0))
    differs(np.arange(12.0), array(x.permute(0, 3, 1, 2).flatten()))


# ---------------------------------------------------------------- recurrent layers


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_lstm_gates_and_one_bias():
    """Rule 19: gates i, f, c, o side by side, one bias, whose forget part starts at 1."""
    layer = layers.LSTM(2)
    layer.build((None, 3, 4))
    assert [tuple(w.shape) for w in layer.weights] == [(4, 8), (2, 8), (8,)]
    close(layer.weights[2], [0, 0, 1, 1, 0, 0, 0, 0])
    kernel, recurrent, bias = numbers(4, 8), numbers(2, 8, seed=1), numbers(8, seed=2)
    layer.set_weights([kernel, recurrent, bias])
    x = numbers(1, 3, 4, seed=3)
    h = c = np.zeros((1, 2))
    for step in range(3):
        i, f, g, o = np.split(x[:, step] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
    close(layer(torch.tensor(x)), h, 1e-5)


@pytest.mark.parametrize("reset_after", [True, False])
def test_gru_gates_and_reset(reset_after):
    """Rule 20: gates z, r, h; reset_after multiplies after the product and has two biases."""
    layer = layers.GRU(2, reset_after=reset_after)
    layer.build((None, 3, 4))
    shape = (2, 6) if reset_after else (6,)
    assert [tuple(w.shape) for w in layer.weights] == [(4, 6), (2, 6), shape]
    kernel, recurrent, bias = numbers(4, 6), numbers(2, 6, seed=1), numbers(*shape, seed=2)
    layer.set_weights([kernel, recurrent, bias])
    of_input, of_state = bias if reset_after else (bias, np.zeros(6))
    x, h = numbers(1, 3, 4, seed=3), np.zeros((1, 2))
    for step in range(3):
        xz, xr, xh = np.split(x[:, step] @ kernel + of_input, 3, axis=1)
        hz, hr, hh = np.split(h @ recurrent + of_state, 3, axis=1)
        z, r = sigmoid(xz + hz), sigmoid(xr + hr)
        from_state = r * hh if reset_after else (r * h) @ recurrent[:, 4:]
        h = z * h + (1 - z) * np.tanh(xh + from_state)
    close(layer(torch.tensor(x)), h, 1e-5)


# From tf_keras: the weights 0.1, 0.2, ... of one unit, the sequence 1, 2, 3.
RECORDED = [
    ("LSTM", {}, 0.64063954),
    ("GRU", {}, 0.61586320),
    ("GRU", {"reset_after": False}, 0.61055642),
    ("SimpleRNN", {}, 0.40609571),
]


@pytest.mark.parametrize("name,config,expected", RECORDED)
def test_recurrent_layers_give_what_tensorflow_gave(name, config, expected):
    """Rules 19 and 20."""
    layer = getattr(layers, name)(1, **config)
    layer.build((1, 3, 1))
    layer.set_weights(
        [0.1 + 0.1 * np.arange(w.numel()).reshape(tuple(w.shape)) for w in layer.weights]
    )
    close(layer(torch.tensor([[[1.0], [2.0], [3.0]]])), np.float32([[expected]]), 1e-5)


def test_recurrent_activation_is_sigmoid():
    """Rule 21: today's default."""
    for name in ("LSTM", "GRU"):
        assert getattr(layers, name)(1).recurrent_activation is torchkeras.activations.sigmoid


def test_hard_sigmoid_of_keras_2_and_of_keras_3():
    """Rule 21: it was clip(0.2x+0.5, 0, 1) and is relu6(x+3)/6; old files get the old one."""
    x = torch.arange(-4.0, 5.0)
    close(torchkeras.activations.hard_sigmoid(x), F.hardsigmoid(x))
    # From tf_keras.
    old = [0.0, 0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 1.0]
    differs(array(F.hardsigmoid(x)), old, 1e-2)
    close(torchkeras.backend.hard_sigmoid(x), np.float32(old))
    config = {"name": "a", "activation": "hard_sigmoid", "batch_input_shape": [None, 9]}
    layer = {"class_name": "Activation", "config": config}
    file = {"class_name": "Sequential", "config": [layer], "keras_version": "2.2.4"}
    model = torchkeras.models.model_from_json(json.dumps(file))
    close(model(x[None])[0], np.float32(old))


def test_recurrent_dropout_mask_is_shared_over_time():
    """Rule 22: one mask for all steps of a call, another for the next call."""
    layer = layers.SimpleRNN(
        4,
        activation="linear",
        use_bias=False,
        recurrent_dropout=0.5,
        return_sequences=True,
        seed=1,
    )
    x = torch.zeros(8, 4, 4)
    x[:, 0] = 1.0
    filled(layer, x.shape, np.eye(4), np.eye(4))
    found = [layer(x, training=True) for _ in range(2)]
    for output in found:
        kept = (output[:, 1:] != 0).float()
        close(kept, kept[:, :1].expand(-1, 3, -1))  # what is dropped is dropped at every step
        assert 0 < kept.mean() < 1
        close(output[:, 3], kept[:, 0] * 8.0)
    assert not torch.equal(*found)


@pytest.mark.parametrize("name", ["SimpleRNN", "LSTM", "GRU"])
def test_masked_steps_carry_the_state(name):
    """Rule 23: a masked step changes nothing and repeats the output before it."""
    layer = getattr(layers, name)(3, return_sequences=True, return_state=True)
    x = torch.tensor(numbers(1, 5, 2))
    mask = torch.tensor([[True, False, True, True, False]])
    sequence, *states = layer(x, mask=mask)
    short, *expected = layer(x[:, [0, 2, 3]])
    close(sequence[:, [0, 2, 3]], short)
    close(sequence[:, 1], sequence[:, 0])
    close(sequence[:, 4], sequence[:, 3])
    for state, other in zip(states, expected, strict=True):
        close(state, other)
    zeros = getattr(layers, name)(3, return_sequences=True, zero_output_for_mask=True)
    zeros.build(x.shape)
    zeros.set_weights(layer.get_weights())
    close(zeros(x, mask=mask)[:, [1, 4]], np.zeros((1, 2, 3)))


def test_go_backwards_leaves_its_outputs_reversed():
    """Rule 24: the first output is that of the last step."""
    backwards = layers.LSTM(3, return_sequences=True, go_backwards=True)
    forwards = layers.LSTM(3, return_sequences=True)
    x = torch.tensor(numbers(2, 5, 2))
    backwards.build(x.shape)
    forwards.build(x.shape)
    forwards.set_weights(backwards.get_weights())
    close(backwards(x), forwards(x.flip(1)))
    differs(array(backwards(x)), array(forwards(x.flip(1)).flip(1)))


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "mul", "ave", None])
def test_bidirectional_reverses_and_merges(merge_mode):
    """Rule 24: the backward half's outputs are put in the order of the steps again."""
    x = torch.tensor(numbers(2, 5, 2))
    layer = layers.Bidirectional(layers.LSTM(3, return_sequences=True), merge_mode=merge_mode)
    found = layer(x)
    one, other = layer.forward_layer(x), layer.backward_layer(x).flip(1)
    expected = {
        "concat": lambda: torch.cat([one, other], -1),
        "sum": lambda: one + other,
        "mul": lambda: one * other,
        "ave": lambda: (one + other) / 2,
    }
    if merge_mode is None:
        close(found[0], one)
        close(found[1], other)
    else:
        close(found, expected[merge_mode]())


def test_time_distributed_slices_the_mask():
    """Rule 25: each step's layer sees the mask of its step, over what is below."""
    x = torch.tensor(numbers(2, 3, 4, 5))
    mask = torch.tensor(np.random.default_rng(1).random((2, 3, 4)) < 0.6)
    inner = layers.LSTM(3)
    found = layers.TimeDistributed(inner)(x, mask=mask)
    for step in range(3):
        close(found[:, step], inner(x[:, step], mask=mask[:, step]), 1e-5)


def test_stateful_layers_go_on_until_they_are_reset():
    """Rule 26: two halves of a sequence are as the whole; after reset_states it begins again."""
    x = torch.tensor(numbers(2, 6, 3))
    layer = layers.LSTM(4, stateful=True)
    first = layer(x[:, :3])
    second = layer(x[:, 3:])
    plain = layers.LSTM(4)
    plain.build(x.shape)
    plain.set_weights(layer.get_weights()[:3])
    close(second, plain(x))
    for reset in (layer.reset_states, layer.reset_state):
        reset()
        close(layer(x[:, :3]), first)


# ---------------------------------------------------------------- losses and metrics


def test_crossentropy_of_probabilities_is_clipped():
    """Rule 27: rows are divided by their sum, then clipped to [1e-7, 1-1e-7]: at most 16.118."""
    y = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    p = torch.tensor([[0.2, 0.2, 0.2], [1.0, 0.0, 0.0]], requires_grad=True)
    found = losses.categorical_crossentropy(y, p)
    close(found, np.float32([1.0986123, 16.1180957]))  # also in tf_keras
    found.sum().backward()
    assert p.grad[1].abs().max() == 0  # no gradient where it was clipped
    one = torch.tensor([[1.0]])
    close(losses.binary_crossentropy(one, 1 - one), np.float32([16.1180957]))
    assert F.binary_cross_entropy(1 - one, one).item() == 100


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_crossentropy_recovers_logits(activation):
    """Rule 27: of an activation's output it takes what went into it, so gradients survive."""
    score = torch.tensor([[0.0, 60.0, 0.0]], requires_grad=True)
    y = torch.tensor([[1.0, 0.0, 0.0]])
    if activation == "softmax":
        loss = losses.CategoricalCrossentropy()(y, layers.Activation("softmax")(score))
        expected, gradient = 60.0, [[-1.0, 1.0, 0.0]]  # from tf_keras
    else:
        loss = losses.BinaryCrossentropy()(y, layers.Activation("sigmoid")(score))
        expected, gradient = (60.0 + 2 * np.log(2.0)) / 3, [[-0.5 / 3, 1 / 3, 0.5 / 3]]
    loss.backward()
    close(loss, np.float32(expected))
    close(score.grad, np.float32(gradient))


PAIRED = ("MeanSquaredError", "MeanAbsoluteError", "Huber", "BinaryCrossentropy", "LogCosh")


@pytest.mark.parametrize("name", PAIRED)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_row_against_a_column_does_not_broadcast(name):
    """Rule 28: (N,) and (N, 1) are the same N values, whichever side has the one."""
    y, p = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.1, 0.7, 0.4])
    loss = getattr(losses, name)()
    expected = loss(y[:, None], p[:, None])
    close(loss(y, p[:, None]), expected)
    close(loss(y[:, None], p), expected)
    theirs = getattr(keras.losses, name)()(y, p[:, None])
    close(loss(y, p[:, None]), theirs)
    differs(F.mse_loss(y, p[:, None]).item(), F.mse_loss(y, p).item())


def test_a_row_against_a_column_in_metrics():
    """Rule 28."""
    y, p = torch.tensor([0.0, 1.0, 1.0]), torch.tensor([0.1, 0.7, 0.4])
    for name in ("MeanSquaredError", "BinaryAccuracy", "AUC", "MeanAbsolutePercentageError"):
        values = [getattr(metrics, name)() for _ in range(2)]
        close(values[0](y, p[:, None]), values[1](y[:, None], p[:, None]))


def test_sum_over_batch_size_divides_by_all_elements():
    """Rule 29: not by the sum of the weights, which is what mean_with_sample_weight does."""
    y, p = torch.zeros(3, 2), torch.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    weight = torch.tensor([1.0, 0.0, 4.0])
    close(losses.MeanSquaredError()(y, p, weight), np.float32(37 / 3))
    by_weight = losses.MeanSquaredError(reduction="mean_with_sample_weight")
    close(by_weight(y, p, weight), np.float32(37 / 5))
    close(losses.MeanSquaredError(reduction="sum")(y, p, weight), np.float32(37))
    rows = p.reshape(3, 2, 1)
    close(losses.MeanSquaredError()(y[..., None], rows, weight), np.float32(74 / 6))


def test_masks_rescale_the_loss():
    """Rule 29: the mean is over the valid elements."""
    y, p = torch.zeros(1, 3, 1), torch.tensor([[[1.0], [2.0], [30.0]]])
    p._keras_mask = torch.tensor([[True, True, False]])
    close(losses.MeanSquaredError()(y, p), np.float32(2.5))


def test_label_smoothing():
    """Rule 29: y·(1-s) + s/2 for two classes, + s/n for n."""
    y, p = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.8, 0.3]])
    smoothed = np.array([0.9, 0.1])
    expected = -smoothed * np.log([0.8, 0.3]) - (1 - smoothed) * np.log([0.2, 0.7])
    loss = losses.BinaryCrossentropy(label_smoothing=0.2)
    close(loss(y, p), np.float32(expected.mean()))
    three = torch.tensor([[0.0, 1.0, 0.0]])
    q = torch.tensor([[0.2, 0.5, 0.3]])
    expected = -(np.array([0.1, 0.8, 0.1]) * np.log([0.2, 0.5, 0.3])).sum()
    close(losses.CategoricalCrossentropy(label_smoothing=0.3)(three, q), np.float32(expected))


ACCURACIES = [
    ((6, 1), (6, 1), "BinaryAccuracy"),
    ((6,), (6, 1), "BinaryAccuracy"),
    ((6,), (6, 3), "SparseCategoricalAccuracy"),
    ((6, 1), (6, 3), "SparseCategoricalAccuracy"),
    ((6, 3), (6, 3), "CategoricalAccuracy"),
    ((6, 4), (6, 4, 3), "SparseCategoricalAccuracy"),
    ((6, 4, 3), (6, 4, 3), "CategoricalAccuracy"),
]


@pytest.mark.parametrize("y_shape,p_shape,name", ACCURACIES)
@pytest.mark.parametrize("spelling", ["accuracy", "acc"])
def test_which_accuracy_is_meant(y_shape, p_shape, name, spelling):
    """Rule 30: by the shapes; and 'acc' is logged as 'acc'."""
    generator = np.random.default_rng(0)
    p = generator.random(p_shape).astype("float32")
    if name == "CategoricalAccuracy":
        y = np.eye(p_shape[-1], dtype="float32")[generator.integers(0, p_shape[-1], p_shape[:-1])]
    else:
        y = generator.integers(0, max(2, p_shape[-1]), y_shape)
    model = torchkeras.Sequential([torchkeras.Input(p_shape[1:]), layers.Identity()])
    model.compile("sgd", lambda y_true, y_pred: y_pred, metrics=[spelling])
    logs = model.evaluate(p, y, verbose=0, return_dict=True)
    expected = getattr(metrics, name)()(torch.tensor(y), torch.tensor(p))
    close(logs[spelling], array(expected))


def test_binary_threshold_is_strict():
    """Rule 30: a half is not yet a yes."""
    y, p = torch.tensor([[1.0], [0.0]]), torch.tensor([[0.5], [0.5]])
    close(metrics.BinaryAccuracy()(y, p), np.float32(0.5))
    close(metrics.BinaryAccuracy()(y[:1], p[:1]), np.float32(0))


def scaling_model(factor=1.0, **compiled):
    """One weight, by which the input is multiplied."""
    model = torchkeras.Sequential(
        [torchkeras.Input((1,)), layers.Dense(1, use_bias=False, name="scale")]
    )
    model.set_weights([np.full((1, 1), factor, "float32")])
    model.compile(**compiled)
    return model


def test_epoch_loss_is_weighted_by_the_rows_of_each_batch():
    """Rule 31: a short last batch counts for its rows: (1+1+4)/3, not ((1+1)/2+4)/2."""
    model = scaling_model(optimizer=optimizers.SGD(0.0), loss="mse")
    x, y = np.float32([[1], [1], [2]]), np.zeros((3, 1), "float32")
    history = model.fit(x, y, batch_size=2, shuffle=False, verbose=0).history
    close(history["loss"], [2.0])
    close(model.evaluate(x, y, batch_size=2, verbose=0), 2.0)


def test_reported_loss_includes_regularization():
    """Rule 31: and mse as a metric does not."""
    model = torchkeras.Sequential(
        [torchkeras.Input((1,)), layers.Dense(1, use_bias=False, kernel_regularizer="l2")]
    )
    model.set_weights([np.full((1, 1), 3.0, "float32")])
    model.compile("sgd", "mse", metrics=["mse"])
    ones = np.ones((2, 1), "float32")
    logs = model.evaluate(ones, ones, verbose=0, return_dict=True)
    close(logs["mse"], 4.0)
    close(logs["loss"], 4.0 + 0.01 * 9)


def test_metrics_are_of_the_whole_epoch_and_of_one_train_on_batch():
    """Rule 31: precision over two batches is not the mean of both; train_on_batch starts anew."""
    model = scaling_model(
        optimizer=optimizers.SGD(0.0), loss="mse", metrics=[metrics.Precision(name="p")]
    )
    x, y = np.float32([[1], [1], [1], [0], [1], [0]]), np.float32([[1], [1], [1], [0], [0], [0]])
    history = model.fit(x, y, batch_size=3, shuffle=False, verbose=0).history
    close(history["p"], [0.75])
    assert [model.train_on_batch(x[i : i + 3], y[i : i + 3])[1] for i in (0, 3)] == [1.0, 0.0]


def test_losses_of_outputs_are_reported_unweighted():
    """Rule 31: loss_weights act on the sum alone."""
    inputs = torchkeras.Input((1,))
    outputs = [layers.Identity(name=name)(inputs) for name in ("a", "b")]
    model = torchkeras.Model(inputs, outputs)
    model.compile("sgd", ["mse", "mse"], loss_weights=[10.0, 0.5])
    x = np.ones((2, 1), "float32")
    logs = model.evaluate(x, [x * 2, x * 4], verbose=0, return_dict=True)
    close([logs["a_loss"], logs["b_loss"], logs["loss"]], [1.0, 9.0, 14.5])


def test_auc_has_200_thresholds():
    """Rule 32: what lies between two of them is a tie."""
    metric = metrics.AUC()
    assert metric.num_thresholds == 200
    y, p = torch.tensor([1.0, 0.0]), torch.tensor([0.5011, 0.5012])  # wrong, by a hair
    close(metric(y, p), np.float32(0.5), 1e-6)
    theirs = keras.metrics.AUC()(y, p)
    close(metrics.AUC()(y, p), theirs)


SMALL_PRINT = [
    ("mean_absolute_percentage_error", [0.0], [1e-7], 100.0),  # |y| is at least 1e-7
    ("mean_squared_logarithmic_error", [-5.0], [np.e - 1], 1.0),  # both at least 1e-7
    ("kl_divergence", [0.0, 1.0], [1.0, 0.5], np.log(2.0)),  # clipped, so no 0·log 0
    ("poisson", [1.0], [0.0], -np.log(1e-7)),  # ε within the logarithm
    ("cosine_similarity", [1.0, 0.0], [3.0, 0.0], -1.0),  # as a loss: less is more alike
    ("huber", [0.0], [3.0], 2.5),  # δ is 1
    ("log_cosh", [0.0], [1.0], np.log(np.cosh(1.0))),
]


@pytest.mark.parametrize("name,y,p,expected", SMALL_PRINT)
def test_small_print_of_losses(name, y, p, expected):
    """Rule 32."""
    found = getattr(losses, name)(torch.tensor([y]), torch.tensor([p]))
    close(found, np.float32([expected]), 2e-6)


# ---------------------------------------------------------------- initial values, activations


def test_dense_and_convolution_begin_with_glorot_and_zeros():
    """Rule 33: within ±√(6/(in+out)), the bias 0; torch's bound is √(1/in), the bias not 0."""
    for layer, shape, fans in (
        (layers.Dense(300), (None, 100), 400),
        (layers.Conv2D(60, 3), (None, 9, 9, 20), 9 * 80),
    ):
        layer.build(shape)
        kernel, bias = layer.get_weights()
        bound = (6 / fans) ** 0.5
        assert np.abs(kernel).max() <= bound
        assert np.abs(kernel).max() > 0.99 * bound
        assert abs(kernel.std() - bound / 3**0.5) < 0.02 * bound
        assert not bias.any()


FANS = [
    ((100, 300), 100, 300),
    ((3, 3, 20, 60), 180, 540),
    ((3, 3, 60, 2), 540, 18),  # depthwise, and likewise the transposed (h, w, out, in)
    ((50,), 50, 50),
]


@pytest.mark.parametrize("shape,fan_in,fan_out", FANS)
def test_fans(shape, fan_in, fan_out):
    """Rule 34: the receptive field times the last but one axis, and times the last."""
    for mode, fan in (
        ("fan_in", fan_in),
        ("fan_out", fan_out),
        ("fan_avg", (fan_in + fan_out) / 2),
    ):
        draw = initializers.VarianceScaling(1.0, mode, "uniform", seed=1)(shape)
        bound = (3 / fan) ** 0.5
        assert draw.abs().max() <= bound
        assert draw.abs().max() > 0.9 * bound


def test_fans_of_heads():
    """Rule 34: what attention and EinsumDense start from is spread as in real Keras."""
    for make, shapes in (
        (lambda k: k.layers.MultiHeadAttention(8, 32), ((2, 4, 64), (2, 4, 64))),
        (lambda k: k.layers.EinsumDense("abc,cde->abde", (None, 8, 32)), ((2, 4, 64),)),
    ):
        ours, theirs = make(torchkeras), make(keras)
        ours.build(*shapes)
        theirs.build(*shapes)
        for mine, other in zip(ours.weights, theirs.weights, strict=True):
            spread, expected = array(mine).std(), array(other.value).std()
            assert abs(spread - expected) <= 0.05 * expected


def test_truncated_normal_of_variance_scaling_keeps_its_variance():
    """Rule 35: the draw is divided by 0.8796, since cutting off at 2σ takes variance away."""
    draw = initializers.HeNormal(seed=1)((200, 500))
    assert abs(draw.std() / (2 / 200) ** 0.5 - 1) < 0.01
    assert draw.abs().max() <= 2 * (2 / 200) ** 0.5 / 0.87962566
    plain = initializers.TruncatedNormal(stddev=1.0, seed=1)((200, 500))
    assert abs(plain.std() - 0.8796) < 0.01
    assert plain.abs().max() <= 2


def test_embedding_begins_small_and_recurrent_kernels_orthogonal():
    """Rule 36: within ±0.05 (torch: N(0, 1)); and QᵀQ = 1."""
    layer = layers.Embedding(100, 50)
    layer.build()
    table = layer.get_weights()[0]
    assert 0.0499 < np.abs(table).max() <= 0.05
    rnn = layers.SimpleRNN(8)
    rnn.build((None, 2, 3))
    recurrent = rnn.get_weights()[1]
    close(recurrent.T @ recurrent, np.eye(8), 1e-5)


def test_slopes_of_leaky_relu():
    """Rule 37: 0.3 as a layer, 0.2 as a function, where torch has 0.01."""
    x = torch.tensor([-10.0])
    close(layers.LeakyReLU()(x), [-3.0])
    close(torchkeras.activations.leaky_relu(x), [-2.0])
    close(ops.leaky_relu(x), [-2.0])
    close(F.leaky_relu(x), [-0.1])


def test_gelu_is_exact_as_an_activation():
    """Rule 37: while ops.gelu is the one by tanh, unless told otherwise."""
    x = torch.tensor([-1.0, 0.5, 2.0])
    close(torchkeras.activations.gelu(x), F.gelu(x))
    close(layers.Activation("gelu")(x), F.gelu(x))
    close(ops.gelu(x), F.gelu(x, approximate="tanh"))
    close(ops.gelu(x, approximate=False), F.gelu(x))
    differs(F.gelu(x), F.gelu(x, approximate="tanh"))


def test_elu_and_softmax():
    """Rule 37: ELU's alpha is 1; softmax goes over the last axis, one given, several, or all."""
    x = torch.tensor(numbers(2, 3, 4))
    close(layers.ELU()(x), F.elu(x))
    powers = np.exp(array(x))
    close(torchkeras.activations.softmax(x), powers / powers.sum(-1, keepdims=True))
    close(layers.Softmax(1)(x), powers / powers.sum(1, keepdims=True))
    close(layers.Softmax((1, 2))(x), powers / powers.sum((1, 2), keepdims=True))
    close(ops.softmax(x, axis=None), powers / powers.sum())


def test_dropout_is_inverted_and_shares_its_noise():
    """Rule 38: what stays is divided by the share that stays; noise_shape shares the draw."""
    x = torch.ones(64, 5, 8)
    layer = layers.Dropout(0.2, noise_shape=(None, 1, 8), seed=3)
    y = layer(x, training=True)
    close(torch.unique(y), [0.0, 1.25])
    close(y, y[:, :1].expand(-1, 5, -1))
    again = layers.Dropout(0.2, noise_shape=(None, 1, 8), seed=3)(x, training=True)
    close(y, again)
    maps = layers.SpatialDropout1D(0.5)(x, training=True)
    close(maps, maps[:, :1].expand(-1, 5, -1))


def test_the_training_argument_beats_eval():
    """Rule 38: `training=True` drops in a model in eval(), `training=False` none in train()."""
    model = torchkeras.Sequential([torchkeras.Input((100,)), layers.Dropout(0.5)])
    x = torch.ones(4, 100)
    model.eval()
    assert (model(x, training=True) == 0).any()
    assert not (model(x) == 0).any()
    model.train()
    assert (model(x) == 0).any()
    assert not (model(x, training=False) == 0).any()


# ---------------------------------------------------------------- images


def test_upsampling():
    """Rule 39: nearest repeats; bilinear goes by the centres of pixels."""
    x = torch.tensor([[1.0, 2.0], [3.0, 5.0]]).reshape(1, 2, 2, 1)
    nearest = layers.UpSampling2D(2)(x)
    close(nearest[0, ..., 0], np.kron([[1, 2], [3, 5]], np.ones((2, 2))))
    # From tf_keras.
    expected = [1, 1.25, 1.75, 2, 1.5, 1.8125, 2.4375, 2.75]
    expected += [2.5, 2.9375, 3.8125, 4.25, 3, 3.5, 4.5, 5]
    found = layers.UpSampling2D(2, interpolation="bilinear")(x).flatten()
    close(found, np.float32(expected))
    corners = F.interpolate(
        x.permute(0, 3, 1, 2), scale_factor=2, mode="bilinear", align_corners=True
    )
    differs(array(found), array(corners.flatten()))


# From tf_keras: 1, 2, 4, 8 to twice its size.
BICUBIC = [0.9117648, 1.1459854, 1.6412214, 2.3828125, 3.3359375, 5.0229006, 7.2846718, 8.3529415]


def test_bicubic_is_that_of_keys():
    """Rule 39: a = -0.5, where torch takes -0.75."""
    x = torch.tensor([1.0, 2.0, 4.0, 8.0]).reshape(1, 1, 4, 1)
    for layer in (
        layers.UpSampling2D((1, 2), interpolation="bicubic"),
        layers.Resizing(1, 8, interpolation="bicubic"),
    ):
        close(layer(x).flatten(), np.float32(BICUBIC), 1e-5)
    images = torch.tensor(numbers(2, 3, 4, 5))
    larger = layers.UpSampling2D((2, 3), interpolation="bicubic")(images)
    close(larger, ops.image.resize(images, (6, 12), "bicubic"), 1e-5)
    first = layers.UpSampling2D((2, 3), "channels_first", "bicubic")(images.permute(0, 3, 1, 2))
    close(first.permute(0, 2, 3, 1), larger)
    other = F.interpolate(x.permute(0, 3, 1, 2), (1, 8), mode="bicubic", align_corners=False)
    differs(BICUBIC, array(other.flatten()))


def test_resizing_does_not_smooth():
    """Rule 39: unless antialias is asked for, pixels between are passed over."""
    x = (torch.arange(6.0) ** 2).reshape(1, 1, 6, 1)
    close(layers.Resizing(1, 2)(x).flatten(), [1.0, 16.0])  # also in tf_keras
    differs(array(layers.Resizing(1, 2, antialias=True)(x).flatten()), [1.0, 16.0])


def test_resizing_that_keeps_the_proportions():
    """Rule 39: crop_to_aspect_ratio takes the middle, pad_to_aspect_ratio adds at both sides."""
    x = torch.arange(8.0).reshape(1, 2, 4, 1)
    cropped = layers.Resizing(2, 2, crop_to_aspect_ratio=True)(x)
    close(cropped.flatten(), [1.0, 2.0, 5.0, 6.0])  # also in tf_keras
    padded = layers.Resizing(4, 4, pad_to_aspect_ratio=True, fill_value=-1.0)(x)
    assert torch.equal(padded[0, 1:3, :, 0], x[0, ..., 0])
    assert (padded[0, [0, 3]] == -1).all()


# ---------------------------------------------------------------- numbers


def test_argmax_of_ties_and_of_nan():
    """Rule 40: the first of equals; NaN counts as the largest, as in NumPy."""
    x = np.float32([[1, 3, 3, 2], [0.0, -0.0, 0.0, -1.0], [1, np.nan, 5, np.nan]])
    close(ops.argmax(torch.tensor(x), axis=-1), np.argmax(x, -1).astype("int32"))
    close(ops.argmin(torch.tensor(x[:2]), axis=-1), np.argmin(x[:2], -1).astype("int32"))


def test_median_of_an_even_number():
    """Rule 40: the mean of the two in the middle, where torch takes the lower."""
    x = torch.tensor([1.0, 2.0, 4.0, 8.0])
    assert ops.median(x).item() == 3.0
    assert x.median().item() == 2.0


def test_division_and_remainder_go_down():
    """Rule 40: towards minus infinity, the remainder with the divisor's sign."""
    a, b = torch.tensor([-7, 7, -7, 7]), torch.tensor([2, -2, -2, 2])
    assert ops.floor_divide(a, b).tolist() == [-4, -4, 3, 3]
    assert ops.mod(a, b).tolist() == [1, -1, -1, 1]


def test_default_dtypes():
    """Rule 40: Python integers are int32, what integer and float give is float32."""
    assert ops.arange(3).dtype is torch.int32
    assert ops.convert_to_tensor(1).dtype is torch.int32
    assert ops.argmax(torch.ones(3)).dtype is torch.int32
    whole = torch.ones(2, dtype=torch.int64)
    assert ops.add(whole, torch.ones(2, dtype=torch.float16)).dtype is torch.float16
    assert ops.divide(whole, whole).dtype is torch.float32
    assert ops.mean(torch.ones(2, dtype=torch.int32)).dtype is torch.float32
    assert ops.sqrt(whole).dtype is torch.float32


# ---------------------------------------------------------------- the order of rows


def seen_rows(epochs=2, **fit):
    """The rows that each epoch trained on, in order."""
    rows = []

    class Noting(torchkeras.Sequential):
        def train_step(self, data):
            rows.append(data[0].flatten().tolist())
            return super().train_step(data)

    model = Noting([torchkeras.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.arange(10, dtype="float32")[:, None]
    model.fit(x, x, batch_size=4, epochs=epochs, verbose=0, **fit)
    per_epoch = len(rows) // epochs
    return [sum(rows[i : i + per_epoch], []) for i in range(0, len(rows), per_epoch)]


def test_fit_shuffles_anew_each_epoch():
    """Rule 41: by default, all rows once, in an order that the seed fixes."""
    torchkeras.utils.set_random_seed(7)
    first, second = seen_rows()
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second
    assert first != list(range(10))
    torchkeras.utils.set_random_seed(7)
    assert seen_rows() == [first, second]
    torchkeras.utils.set_random_seed(8)
    assert seen_rows() != [first, second]
    assert seen_rows(shuffle=False) == [list(range(10))] * 2


def test_validation_split_takes_the_last_rows():
    """Rule 41: before anything is shuffled."""
    for epoch in seen_rows(validation_split=0.3):
        assert sorted(epoch) == list(range(7))
