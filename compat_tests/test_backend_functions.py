"""`keras.backend`: values against those of Keras 2 on TensorFlow, and what is done with symbolic
tensors."""

from pathlib import Path

import numpy as np
import pytest
import torch

import torchkeras as keras
from compat_tests.cases.backend import CASES, call
from torchkeras import backend as K  # noqa: N812 - as scripts call it
from torchkeras import layers

GOLDEN = np.load(Path(__file__).parent / "golden" / "backend" / "backend.npz")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def golden(number, name):
    found = []
    while f"{number}/{name}/{len(found)}" in GOLDEN:
        found.append(GOLDEN[f"{number}/{name}/{len(found)}"])
    return found


@pytest.mark.parametrize(
    "number", range(len(CASES)), ids=[f"{i}-{row[0]}" for i, row in enumerate(CASES)]
)
def test_function_gives_what_keras_2_gives(number):
    name, args, kwargs = CASES[number]
    expected = golden(number, name)
    found = call(K, name, args, kwargs)
    assert expected
    if name in ("shape", "int_shape"):
        found = [np.array(x) for x in found]
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.shape == theirs.shape
        assert (ours.dtype.kind == "b") == (theirs.dtype.kind == "b")
        np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5)


# Functions of one tensor, which a graph can hold.
ON_SYMBOLS = [
    number
    for number, (_, args, _) in enumerate(CASES)
    if isinstance(args[0], np.ndarray)
    and args[0].dtype == np.float32
    and not any(isinstance(a, str) for a in args)
    and CASES[number][0] not in ("shape", "int_shape", "ndim", "ctc_decode", "in_top_k")
]


@pytest.mark.parametrize("number", ON_SYMBOLS, ids=lambda i: f"{i}-{CASES[i][0]}")
def test_function_of_a_symbolic_tensor(number):
    name, args, kwargs = CASES[number]
    rest = [K.constant(a, dtype=str(a.dtype)) if isinstance(a, np.ndarray) else a for a in args[1:]]
    symbolic = K.placeholder(args[0].shape)
    outputs = getattr(K, name)(symbolic, *rest, **kwargs)
    outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
    values = K.function([symbolic], outputs)([args[0]])
    for value, theirs, output in zip(values, golden(number, name), outputs, strict=True):
        assert tuple(output.shape) == theirs.shape
        np.testing.assert_allclose(value, theirs, rtol=2e-5, atol=2e-5)


# ---------------------------------------------------------------- functions


def test_function_takes_what_is_computed_in_the_middle():
    model = keras.Sequential([layers.Dense(3, input_shape=(2,)), layers.Dense(1)])
    tail = K.function([model.layers[0].output], [model.output])
    x = np.array([[1.0, 2.0, 3.0]], dtype="float32")
    expected = x @ model.layers[1].get_weights()[0]
    np.testing.assert_allclose(tail([x])[0], expected, rtol=1e-6)


def test_function_structure_follows_the_outputs():
    x = K.placeholder((None, 2))
    value = np.ones((1, 2))
    assert isinstance(K.function([x], [x * 2])([value]), list)
    assert isinstance(K.function([x], x * 2)([value]), np.ndarray)
    assert K.function([x], K.sum(x))([value]) == 2.0
    with pytest.raises(ValueError, match="expects 1 inputs"):
        K.function([x], [x])([value, value])


def test_learning_phase_is_an_input():
    x = K.placeholder((None, 50))
    y = layers.Dropout(0.5)(x)
    dropped = K.function([x, K.learning_phase()], [y])
    ones = np.ones((4, 50))
    np.testing.assert_array_equal(dropped([ones, 0])[0], ones)
    assert set(np.unique(dropped([ones, 1])[0])) == {0.0, 2.0}
    assert K.learning_phase() == 0
    with K.learning_phase_scope(1):
        assert K.learning_phase() == 1
        assert K.in_train_phase(1.0, 2.0) == 1.0
    assert K.in_test_phase(1.0, 2.0) == 1.0
    chosen = K.function([x, K.learning_phase()], [K.in_train_phase(x * 2, x)])
    assert [float(chosen([ones, phase])[0][0, 0]) for phase in (0, 1)] == [1.0, 2.0]


def test_updates_are_made_at_every_call():
    counter = K.variable(0.0)
    x = K.placeholder((None,))
    f = K.function([x], [K.sum(x)], updates=[K.update_add(counter, K.sum(x)), (counter, counter)])
    g = K.function([x], [], updates=[(counter, K.sum(x))])
    assert f([np.ones(3)]) == [3.0]
    g([np.full(2, 5.0)])
    assert K.get_value(counter) == 10.0


def test_get_updates_trains():
    model = keras.Sequential([layers.Dense(1, input_shape=(2,), kernel_initializer="zeros")])
    target = K.placeholder((None, 1))
    loss = K.mean(K.square(model.output - target))
    optimizer = keras.optimizers.SGD(0.5)
    train = K.function(
        [model.input, target], [loss], updates=optimizer.get_updates(loss, model.trainable_weights)
    )
    x, y = np.array([[1.0, 0.0]]), np.array([[1.0]])
    values = [train([x, y])[0] for _ in range(2)]
    # Kernel and bias each gain 0.5 * 2 * 1, so that the second prediction is 2.
    np.testing.assert_allclose(values, [1.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(model.get_weights()[0].ravel(), [0.0, 0.0], atol=1e-6)


# ---------------------------------------------------------------- gradients


def test_gradients_of_symbolic_tensors():
    x = K.placeholder((None, 3))
    w = K.variable(np.array([[1.0], [2.0], [3.0]]))
    middle = K.square(x)
    loss = K.sum(K.dot(middle, w))
    found = K.function([x], K.gradients(loss, [x, w, middle]))([np.array([[1.0, 1.0, 2.0]])])
    np.testing.assert_allclose(found[0], [[2.0, 4.0, 12.0]])
    np.testing.assert_allclose(found[1].ravel(), [1.0, 1.0, 4.0])
    np.testing.assert_allclose(found[2], [[1.0, 2.0, 3.0]])


def test_gradients_of_gradients():
    x = K.placeholder((1,))
    first = K.gradients(K.sum(K.pow(x, 3)), x)[0]
    second = K.gradients(K.sum(first), x)[0]
    values = K.function([x], [first, second])([np.array([2.0])])
    np.testing.assert_allclose([values[0][0], values[1][0]], [12.0, 12.0])


def test_gradients_of_values():
    v = K.variable([1.0, 2.0])
    unused = K.variable([1.0])
    found = K.gradients(K.sum(v * v), [v, unused])
    np.testing.assert_allclose(found[0].detach(), [2.0, 4.0])
    assert found[1] is None
    frozen = K.gradients(K.sum(K.stop_gradient(v) * v), v)[0]
    np.testing.assert_allclose(frozen, [1.0, 2.0])


# ---------------------------------------------------------------- values


def test_variables_are_set_and_read():
    v = K.variable(np.arange(3), name="mine")
    assert K.is_variable(v)
    assert v.name == "mine"
    assert K.dtype(v) == "float32"
    K.batch_set_value([(v, np.ones(3))])
    assert K.batch_get_value([v])[0].tolist() == [1.0] * 3
    K.update_sub(v, K.ones((3,)))
    assert K.eval(v).tolist() == [0.0] * 3
    with pytest.raises(ValueError, match="symbolic tensor has no value"):
        K.get_value(K.placeholder((2,)))
    with pytest.raises(ValueError, match="Only variables can be set"):
        K.set_value(3.0, 1.0)


def test_sizes_are_reckoned_with():
    x = torch.zeros(4, 5)
    shape = K.shape(x)
    assert K.concatenate([shape[:1], (7,)]) == (4, 7)
    assert K.prod(shape) == 20
    assert tuple(K.reshape(x, K.stack([shape[1], shape[0]])).shape) == (5, 4)
    symbolic = K.placeholder((None, 3))
    noise = K.random_normal((K.shape(symbolic)[0], 3), seed=1)
    assert noise.shape == (None, 3)
    value = K.function([symbolic], [noise])([np.zeros((6, 3))])[0]
    assert value.shape == (6, 3)
    assert value.std() > 0


@pytest.mark.parametrize(
    "draw, low, high",
    [
        (lambda shape: K.random_uniform(shape, 2.0, 3.0, seed=3), 2.0, 3.0),
        (lambda shape: K.truncated_normal(shape, stddev=0.5, seed=3), -1.0, 1.0),
        (lambda shape: K.random_binomial(shape, p=0.5, seed=3), 0.0, 1.0),
        (lambda shape: K.random_uniform_variable(shape, -1.0, 1.0, seed=3), -1.0, 1.0),
        (lambda shape: K.random_normal(shape, mean=100.0, stddev=1.0, seed=3), 90.0, 110.0),
    ],
)
def test_random_numbers(draw, low, high):
    values = K.eval(draw((500,)))
    again = K.eval(draw((500,)))
    assert values.min() >= low
    assert values.max() <= high
    assert values.std() > 0
    np.testing.assert_array_equal(values, again)


def test_image_orders_of_keras_1():
    before = K.image_data_format()
    try:
        K.set_image_dim_ordering("th")
        assert K.image_data_format() == "channels_first"
        assert K.image_dim_ordering() == "th"
    finally:
        K.set_image_data_format(before)
    with pytest.raises(ValueError, match="dim_ordering"):
        K.set_image_dim_ordering("xx")


def test_print_tensor_prints(capsys):
    x = K.placeholder((2,))
    y = K.print_tensor(x, message="here")
    K.function([x], [y])([np.array([1.0, 2.0])])
    assert capsys.readouterr().out.startswith("here [1. 2.]")
