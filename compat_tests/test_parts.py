"""Random numbers, activations, initializers, regularizers, constraints and dtype policies.

The rows are compared with real Keras on torch, in the same process.
"""

import copy
import json
import sys

import keras
import numpy as np
import pytest
import torch

from torchkeras import (
    _scopes,
    activations,
    config,
    constraints,
    dtype_policies,
    initializers,
    mixed_precision,
    random,
    regularizers,
)
from torchkeras._op import Operation
from torchkeras._symbolic import KerasTensor, Node, on_meta

FLOATS = ("float16", "bfloat16", "float32", "float64")
TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 1e-6, "float64": 1e-12}
HALVES = {"float16", "bfloat16"}


def close(ours, theirs, dtype=None, times=1):
    ours, theirs = torch.as_tensor(ours).detach(), torch.as_tensor(theirs).detach()
    assert ours.dtype == theirs.dtype
    assert ours.shape == theirs.shape
    tolerance = TOLERANCE.get(dtype, 1e-6) * times
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=tolerance, equal_nan=True)


def same(ours, theirs):
    assert ours.dtype == theirs.dtype
    assert torch.equal(ours, theirs)


def symbolic(shape, dtype="float32"):
    """A symbolic tensor with a history, as `Input` gives."""
    tensor = KerasTensor(shape, dtype)
    Node(Operation(name=tensor.name), outputs=tensor)
    return tensor


def both_raise(ours, theirs, kind, phrase):
    with pytest.raises(kind, match=phrase):
        theirs()
    with pytest.raises(kind, match=phrase):
        ours()


# Activations

VALUES = [-30.0, -6.0, -3.0, -2.5, -1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 1.0, 1.5, 3.0, 5.5, 6.0, 30.0]

ACTIVATIONS = [
    ("celu", {}),
    ("celu", {"alpha": 0.5}),
    ("elu", {}),
    ("elu", {"alpha": 0.3}),
    ("exponential", {}),
    ("gelu", {}),
    ("gelu", {"approximate": True}),
    ("glu", {}),
    ("glu", {"axis": 0}),
    ("hard_shrink", {}),
    ("hard_shrink", {"threshold": 1.2}),
    ("hard_sigmoid", {}),
    ("hard_silu", {}),
    ("hard_swish", {}),
    ("hard_tanh", {}),
    ("leaky_relu", {}),
    ("leaky_relu", {"negative_slope": 0.01}),
    ("linear", {}),
    ("log_sigmoid", {}),
    ("log_softmax", {}),
    ("log_softmax", {"axis": 0}),
    ("log_softmax", {"axis": None}),
    ("log_softmax", {"axis": (0, 1)}),
    ("mish", {}),
    ("relu", {}),
    ("relu", {"max_value": 6}),
    ("relu", {"max_value": 2.0}),
    ("relu", {"threshold": 0.7}),
    ("relu", {"threshold": -0.7}),
    ("relu", {"negative_slope": 0.2}),
    ("relu", {"negative_slope": 0.2, "max_value": 2.0, "threshold": 0.5}),
    ("relu", {"negative_slope": 0.2, "max_value": 6}),
    ("relu", {"max_value": 5.0, "threshold": 1.0}),
    ("relu6", {}),
    ("selu", {}),
    ("sigmoid", {}),
    ("silu", {}),
    ("soft_shrink", {}),
    ("soft_shrink", {"threshold": 1.2}),
    ("softmax", {}),
    ("softmax", {"axis": 0}),
    ("softmax", {"axis": 1}),
    ("softmax", {"axis": None}),
    ("softmax", {"axis": (0, 1)}),
    ("softmax", {"axis": (1, 0)}),
    ("softplus", {}),
    ("softsign", {}),
    ("sparse_plus", {}),
    ("sparse_sigmoid", {}),
    ("squareplus", {}),
    ("squareplus", {"b": 2.5}),
    ("swish", {}),
    ("tanh", {}),
    ("tanh_shrink", {}),
    ("threshold", {"threshold": 0.5, "default_value": -2.0}),
]
FUNCTIONS = sorted(set(activations.__all__) - {"get", "serialize", "deserialize"})
CUTTING = {"linear", "relu", "relu6", "hard_tanh", "threshold"}


def test_all_activations_have_a_row():
    assert {name for name, _ in ACTIVATIONS} | {"sparsemax"} == set(FUNCTIONS)


@pytest.mark.tiny
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name, kwargs", ACTIVATIONS)
def test_activation(name, kwargs, dtype):
    values = torch.tensor(VALUES, dtype=getattr(torch, dtype)).reshape(4, 4)
    if name == "squareplus" and kwargs and dtype in HALVES:
        kwargs = {"b": 2}  # Keras gives the dtype of `b`
    x, x_keras = values.clone().requires_grad_(), values.clone().requires_grad_()
    y, y_keras = (
        getattr(activations, name)(x, **kwargs),
        getattr(keras.activations, name)(x_keras, **kwargs),
    )
    close(y, y_keras, dtype)
    weights = torch.linspace(0.5, 1.5, y.numel(), dtype=y.dtype).reshape(y.shape)
    (y * weights).sum().backward()
    (y_keras * weights).sum().backward()
    close(x.grad, x_keras.grad, dtype, times=2)


def sparsemax_by_search(x):
    """The projection on the simplex, by bisection of the threshold."""
    low, high = x.min(-1, keepdim=True).values - 1, x.max(-1, keepdim=True).values
    for _ in range(100):
        middle = (low + high) / 2
        too_much = torch.relu(x - middle).sum(-1, keepdim=True) > 1
        low, high = torch.where(too_much, middle, low), torch.where(too_much, high, middle)
    return torch.relu(x - low)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_sparsemax_projects_on_the_simplex(axis):
    """Keras 3.15 gets it wrong where more than one value is left: keras-team/keras#23425."""
    x = torch.randn(3, 5, 7, dtype=torch.float64) * 0.5
    expected = sparsemax_by_search(x.movedim(axis, -1)).movedim(-1, axis)
    torch.testing.assert_close(activations.sparsemax(x, axis), expected)
    one_left = torch.linspace(1, 12, 12).reshape(3, 4)
    close(activations.sparsemax(one_left), keras.activations.sparsemax(one_left))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activation_of_integers(name):
    function = getattr(activations, name)
    kwargs = {"threshold": 1, "default_value": 0} if name == "threshold" else {}
    integers = torch.tensor([[-2, 0, 1, 7]], dtype=torch.int32)
    y = function(integers, **kwargs)
    assert y.dtype is (torch.int32 if name in CUTTING else torch.float32)
    torch.testing.assert_close(y.float(), function(integers.float(), **kwargs))


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"linear"}))
@pytest.mark.parametrize("make", [np.array, list, np.float32], ids=["double", "list", "float32"])
def test_activation_of_what_is_no_tensor(name, make):
    args = (0.5, 2.0) if name == "threshold" else ()
    values = [[-1.5, 0.0, 0.25, 3.0]]
    y = getattr(activations, name)(make(values), *args)
    assert y.dtype is (torch.float64 if make is np.array else torch.float32)
    expected = getattr(activations, name)(torch.tensor(values), *args)
    torch.testing.assert_close(y.float(), expected)


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"linear"}))
def test_activation_of_symbolic_and_meta_tensors(name):
    args = (0.5, 2.0) if name == "threshold" else ()
    function = getattr(activations, name)
    x = symbolic((None, 6))
    y = function(x, *args)
    width = 3 if name == "glu" else 6
    assert isinstance(y, KerasTensor)
    assert (y.shape, y.dtype) == ((None, width), "float32")
    assert function(torch.empty(2, 6, device="meta"), *args).shape == (2, width)


def test_softmax_over_one_axis_in_a_tuple():
    x = torch.randn(2, 3, 4)
    close(activations.softmax(x, axis=(-1,)), activations.softmax(x))
    close(activations.log_softmax(x, axis=(1,)), activations.log_softmax(x, axis=1))


NODES = [
    (activations.gelu, "keras.src.ops.nn", "Gelu", {"approximate": False}),
    (activations.softmax, "keras.src.ops.nn", "Softmax", {"axis": -1}),
    (activations.exponential, "keras.src.ops.numpy", "Exp", {}),
    (
        activations.relu,
        "keras.src.activations.activations",
        "ReLU",
        {"negative_slope": 0.0, "max_value": None, "threshold": 0.0},
    ),
]


@pytest.mark.parametrize("function, module, class_name, values", NODES)
def test_activation_as_node_is_named_as_in_keras(function, module, class_name, values):
    y = function(symbolic((None, 4)))
    operation = y._keras_history.operation
    assert type(operation).__name__ == class_name
    assert type(operation)._keras_module == module
    assert operation.get_config() == {"name": operation.name, **values}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activation_compiles_whole(name):
    args = (0.5, 2.0) if name == "threshold" else ()
    function = getattr(activations, name)
    x = torch.randn(3, 4)
    torch._dynamo.reset()
    compiled = torch.compile(lambda x: function(x, *args), fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), function(x, *args))


@pytest.mark.parametrize("name", ["relu", "sigmoid", "tanh", "softmax", "gelu", "silu"])
def test_hot_activation_is_few_frames(name):
    function, x, calls = getattr(activations, name), torch.randn(3, 4), []
    sys.setprofile(lambda frame, event, arg: calls.append(frame) if event == "call" else None)
    try:
        function(x)
    finally:
        sys.setprofile(None)
    # One more where an argument had another name in Keras 2: `relu(x, alpha=0.1)`.
    assert len(calls) <= 2 + hasattr(function, "accepts")


def test_crossentropies_find_the_logits():
    x = torch.randn(3, 4, requires_grad=True)
    assert activations.softmax(x)._keras_logits is x
    assert activations.softmax(x, axis=1)._keras_logits is x
    assert activations.sigmoid(x)._keras_logits is x
    assert not hasattr(activations.softmax(x, axis=0), "_keras_logits")
    assert not hasattr(activations.softmax(x, axis=(0, 1)), "_keras_logits")


def test_logits_survive_in_a_compiled_step():
    def loss(x):
        y = activations.softmax(x)
        return torch.log_softmax(y._keras_logits, -1).mean()

    torch._dynamo.reset()
    x = torch.randn(3, 4)
    compiled = torch.compile(loss, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), loss(x))


def test_softmax_of_one_value_warns():
    with pytest.warns(UserWarning, match="This axis has size 1"):
        activations.softmax(torch.ones(3, 1))


def test_linear_returns_its_input():
    x = object()
    assert activations.linear(x) is x


def test_activation_aliases():
    assert activations.swish is activations.silu
    assert activations.hard_swish is activations.hard_silu


@keras.saving.register_keras_serializable("test_parts")
def custom_activation(x):
    return x


@pytest.mark.parametrize("name", FUNCTIONS)
def test_activation_by_name(name):
    function = activations.get(name)
    assert function is getattr(activations, name)
    written = keras.activations.serialize(keras.activations.get(name))
    assert activations.serialize(function) == written
    assert activations.deserialize(written) is function
    full = {"module": "builtins", "class_name": "function", "config": written}
    assert activations.get({**full, "registered_name": "function"}) is function


def test_activation_get():
    assert activations.get(None) is activations.linear
    assert activations.get(torch.sin) is torch.sin
    assert activations.get(activations.relu) is activations.relu
    for bad in ("not_there", 3, "get", "torch", "_op_in"):
        both_raise(
            lambda bad=bad: activations.get(bad),
            lambda bad=bad: keras.activations.get(bad),
            ValueError,
            "Could not interpret activation function identifier",
        )
    with pytest.raises(ValueError, match="Did you mean 'sigmoid'"):
        activations.get("sigmod")


def test_activation_serialize():
    ours, theirs = activations.serialize, keras.activations.serialize
    assert ours(sparsemax_by_search) == theirs(sparsemax_by_search)
    both_raise(lambda: ours("relu"), lambda: theirs("relu"), ValueError, "cannot be serialized")


# Random numbers

SEEDS = [0, 1, 1337, -5, 2**31 - 1, 2**33 + 7]

DRAWS = [
    ("uniform", ((4, 5),), {}),
    ("uniform", ((4, 5),), {"minval": -2.0, "maxval": 3.0}),
    ("uniform", ((),), {}),
    ("uniform", ((7,),), {"dtype": "float64"}),
    ("uniform", ((7,),), {"dtype": "bfloat16", "minval": 1.0, "maxval": 4.0}),
    ("uniform", ((2, 3),), {"minval": torch.zeros(3), "maxval": torch.ones(3)}),
    ("normal", ((4, 5),), {}),
    ("normal", ((4, 5),), {"mean": 1.0, "stddev": 2.0}),
    ("normal", ((64, 65),), {"dtype": "float16"}),
    ("truncated_normal", ((40, 50),), {}),
    ("truncated_normal", ((),), {"mean": 3.0}),
    ("truncated_normal", ((40,),), {"mean": 1.0, "stddev": 2.0, "dtype": "float64"}),
    ("randint", ((4, 5), -3, 100), {}),
    ("randint", ((4,), 0, 10), {"dtype": "uint8"}),
    ("randint", ((4,), 0, 10), {"dtype": None}),
    ("categorical", ([[1.0, 2.0, 3.0], [1.0, 2.0, 9.0]], 6), {}),
    ("categorical", (torch.zeros(2, 30), 4), {"dtype": "int64"}),
    ("dropout", (torch.ones(8, 9), 0.3), {}),
    *(
        ("dropout", (torch.ones(80, 90, dtype=getattr(torch, dtype)), 0.3), {})
        for dtype in ("float16", "bfloat16", "float64")
    ),
    ("dropout", (torch.ones(8, 9), 0.3), {"noise_shape": (None, 1)}),
    ("dropout", (torch.ones(8, 9), 0.0), {}),
    ("dropout", (torch.ones(8, 9), 1.0), {}),
    ("shuffle", (torch.arange(24).reshape(4, 3, 2),), {}),
    ("shuffle", (torch.arange(24).reshape(4, 3, 2),), {"axis": 1}),
    ("shuffle", ([1, 2, 3, 4, 5],), {}),
    ("gamma", ((4,), 1.5), {}),
    ("gamma", ((3, 2), [0.5, 2.0]), {"dtype": "float16"}),
    ("gamma", ((2,), torch.tensor([0.5, 2.0], dtype=torch.float64)), {"dtype": "float64"}),
    ("beta", ((4,), 2.0, [1.0, 2.0, 3.0, 4.0]), {}),
    ("binomial", ((4,), 10, 0.3), {}),
    ("binomial", ((2, 2), [10.0, 20.0], [0.1, 0.9]), {"dtype": "int32"}),
]


def test_all_draws_have_a_row():
    assert {name for name, _, _ in DRAWS} | {"SeedGenerator"} == set(random.__all__)


@pytest.mark.tiny
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_draw_with_an_integer(name, args, kwargs, seed):
    expected = getattr(keras.random, name)(*args, seed=seed, **kwargs)
    same(getattr(random, name)(*args, seed=seed, **kwargs), expected)


@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_draws_with_a_generator(name, args, kwargs):
    ours, theirs = random.SeedGenerator(12), keras.random.SeedGenerator(12)
    for _ in range(3):
        expected = getattr(keras.random, name)(*args, seed=theirs, **kwargs)
        same(getattr(random, name)(*args, seed=ours, **kwargs), expected)
    assert ours.state.tolist() == theirs.state.value.tolist()


@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_draws_from_the_global_seed(name, args, kwargs):
    keras.utils.set_random_seed(77)
    theirs = [getattr(keras.random, name)(*args, **kwargs) for _ in range(3)]
    random.set_global_seed(77)
    for expected in theirs:
        same(getattr(random, name)(*args, **kwargs), expected)


@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_shape_inference_draws_nothing(name, args, kwargs):
    generator = random.SeedGenerator(3)
    expected = getattr(random, name)(*args, seed=random.SeedGenerator(3), **kwargs)
    with on_meta():
        y = getattr(random, name)(*args, seed=generator, **kwargs)
        generator.next()
    assert y.device.type == "meta" or y is args[0]
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    assert generator.state.tolist() == [3, 0]


@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_draw_compiles_whole(name, args, kwargs):
    function, generator = getattr(random, name), random.SeedGenerator(3)
    torch._dynamo.reset()
    compiled = torch.compile(
        lambda: function(*args, seed=generator, **kwargs), fullgraph=True, backend="eager"
    )
    y, eager = compiled(), function(*args, seed=3, **kwargs)
    assert (y.shape, y.dtype) == (eager.shape, eager.dtype)


def test_shuffle_along_an_axis_from_the_end():
    """Keras on torch fails or takes another axis: https://github.com/keras-team/keras/issues/23119"""
    x = torch.arange(24).reshape(4, 3, 2)
    for axis in (-1, -2, -3):
        same(random.shuffle(x, axis, seed=3), random.shuffle(x, axis + 3, seed=3))


def test_draws_of_symbolic_tensors():
    x = symbolic((None, 6))
    generator = random.SeedGenerator(3)
    for y, shape, dtype in [
        (random.dropout(x, 0.5, seed=generator), (None, 6), "float32"),
        (random.dropout(x, 0.5, noise_shape=(None, 1), seed=generator), (None, 6), "float32"),
        (random.shuffle(x), (None, 6), "float32"),
        (random.categorical(x, 5), (None, 5), "int32"),
        (random.gamma((2, 6), symbolic((6,))), (2, 6), "float32"),
    ]:
        assert (y.shape, y.dtype) == (shape, dtype)
    assert generator.state.tolist() == [3, 0]


@pytest.mark.parametrize("seed", [1, 0, -5, 2**31 - 1, 123456789])
def test_seed_generator_moves_as_in_keras(seed):
    ours, theirs = random.SeedGenerator(seed), keras.random.SeedGenerator(seed)
    for ordered in (True, True, False, False, True, False):
        assert ours.next(ordered).tolist() == theirs.next(ordered).tolist()
        assert ours.state.tolist() == theirs.state.value.tolist()


def test_seed_generator_state():
    generator = random.SeedGenerator(7, name="seeds")
    assert generator.state.dtype is torch.int64
    assert generator.state.device.type == "cpu"
    assert not generator.state.trainable
    assert generator.state.path == "seeds/seed_generator_state"
    assert random.SeedGenerator(None).get_config()["seed"] is None
    drawn = generator.next()
    generator.next()
    assert drawn.tolist() == [7, 0]
    twin = copy.deepcopy(generator)
    same(random.normal((3,), seed=twin), random.normal((3,), seed=generator))


def test_seed_generator_in_a_stateless_scope():
    generator = random.SeedGenerator(7)
    state = torch.tensor([9, 4])
    with _scopes.StatelessScope([(generator.state, state)]) as scope:
        assert generator.next().tolist() == [9, 4]
        assert scope.get_current_value(generator.state).tolist() == [9, 5]
    assert generator.state.tolist() == [7, 0]


def test_seed_generator_config():
    ours, theirs = random.SeedGenerator(5, name="s"), keras.random.SeedGenerator(5, name="s")
    written = keras.saving.serialize_keras_object(theirs)
    assert initializers.serialize(ours) == written
    back = initializers.deserialize(written)
    assert type(back) is random.SeedGenerator
    assert back.get_config() == theirs.get_config()


RANDOM_ERRORS = [
    (lambda r: r.SeedGenerator(1.5), "must be an integer"),
    (lambda r: r.SeedGenerator("a"), "must be an integer"),
    (lambda r: r.SeedGenerator(1, dtype="int8"), "Unrecognized keyword arguments"),
    (lambda r: r.uniform((2,), seed="a"), "integer or an instance of `SeedGenerator`"),
    (lambda r: r.uniform((2,), dtype="int32"), "requires a floating point `dtype`"),
    (lambda r: r.randint((2,), 0, 3, dtype="float32"), "requires an integer `dtype`"),
    (lambda r: r.randint((2,), 0, 3, dtype="bool"), "requires an integer `dtype`"),
    (lambda r: r.categorical(torch.zeros(2), 3), "should be a 2-D tensor"),
]


@pytest.mark.parametrize("call, phrase", RANDOM_ERRORS)
def test_random_errors(call, phrase):
    both_raise(lambda: call(random), lambda: call(keras.random), ValueError, phrase)


def test_global_seed_must_be_an_integer():
    with pytest.raises(ValueError, match="Expected `seed` argument to be an integer"):
        random.set_global_seed(1.5)


def test_clear_forgets_the_global_generator():
    random.set_global_seed(3)
    first = random.uniform((4,))
    random.clear()
    assert not torch.equal(first, random.uniform((4,)))
    random.set_global_seed(3)
    same(random.uniform((4,)), first)


MANY = (200, 500)
DISTRIBUTIONS = [
    (random.normal(MANY, 1.0, 2.0, seed=1), 1.0, 2.0),
    (random.truncated_normal(MANY, 1.0, 2.0, seed=1), 1.0, 2.0 * 0.8796),
    (random.uniform(MANY, -1.0, 3.0, seed=1), 1.0, 4 / 12**0.5),
    (random.randint(MANY, 0, 10, seed=1).double(), 4.5, 8.25**0.5),
    (random.gamma(MANY, 4.0, seed=1), 4.0, 2.0),
    (random.beta(MANY, 2.0, 2.0, seed=1), 0.5, 0.05**0.5),
    (random.binomial(MANY, 20.0, 0.3, seed=1), 6.0, 4.2**0.5),
    (random.dropout(torch.ones(MANY), 0.2, seed=1), 1.0, 0.5),
    (random.dropout(torch.ones(MANY), 0.2), 1.0, 0.5),
]


@pytest.mark.parametrize("numbers, mean, stddev", DISTRIBUTIONS)
def test_distribution(numbers, mean, stddev):
    assert numbers.mean().item() == pytest.approx(mean, abs=0.02 * max(1.0, stddev))
    assert numbers.std().item() == pytest.approx(stddev, rel=0.02)


def test_ranges():
    numbers = random.truncated_normal((300, 300), seed=4)
    assert (numbers.abs() > 2).sum() <= 2  # a chance of 4e-6 each, as in Keras
    integers = random.randint((5000,), -2, 3, seed=4)
    assert (integers.min(), integers.max()) == (-2, 2)
    numbers = random.uniform((5000,), 2.0, 3.0, seed=4)
    assert 2.0 <= numbers.min() < 2.01
    assert 2.99 < numbers.max() < 3.0


def test_dropout_gradient_and_dtype():
    x = torch.randn(5, 6, requires_grad=True)
    y = random.dropout(x, 0.4, seed=8)
    y.sum().backward()
    torch.testing.assert_close(y.detach(), x.detach() * x.grad)
    assert random.dropout(torch.ones(4, dtype=torch.int32), 0.5, seed=8).dtype is torch.float32
    assert random.dropout(torch.full((4,), torch.nan), 0.999999, seed=8).eq(0).all()


DROPPED = {
    "rows": torch.randn(33, 7),
    "channels_last": torch.randn(2, 3, 5, 4).contiguous(memory_format=torch.channels_last),
    "transposed": torch.randn(6, 5).T,
    "expanded": torch.randn(6, 1).expand(6, 5),
    "every second": torch.randn(6, 10)[:, ::2],
    "empty": torch.randn(0, 3),
    "scalar": torch.randn(()),
    "double": torch.randn(9, 5, dtype=torch.float64),
    "half": torch.randn(9, 5).half(),
    "bfloat16": torch.randn(9, 5).bfloat16(),
}


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 2 / 3, 1.0])
@pytest.mark.parametrize("name", DROPPED)
def test_dropout_is_torchs(name, rate):
    """The draws, the numbers, the gradient, and where the generator then stands."""
    found = []
    for drop in (random.quick_dropout, lambda x, rate: torch.nn.functional.dropout(x, rate, True)):
        torch.manual_seed(5)
        x = DROPPED[name].detach().requires_grad_()
        y = drop(x, rate)
        y.sum().backward()
        found.append((y.detach(), x.grad, torch.rand(3)))
    for ours, torchs in zip(*found, strict=True):
        assert ours.dtype is torchs.dtype and ours.stride() == torchs.stride()
        assert torch.equal(ours, torchs)


def test_shuffle_along_a_negative_axis():
    x = torch.arange(12).reshape(3, 4)
    same(random.shuffle(x, axis=-1, seed=2), random.shuffle(x, axis=1, seed=2))


# Initializers

WINDOW = np.hanning(6).astype("float32")
SEEDED = [
    ("RandomNormal", {}, (5, 4)),
    ("RandomNormal", {"mean": 1.0, "stddev": 0.2}, (5, 4)),
    ("RandomUniform", {}, (5, 4)),
    ("RandomUniform", {"minval": 1.0, "maxval": 4.0}, (5,)),
    ("TruncatedNormal", {}, (5, 4)),
    ("TruncatedNormal", {"mean": 1.0, "stddev": 0.2}, (5, 4)),
    ("GlorotUniform", {}, (5, 4)),
    ("GlorotUniform", {}, ()),
    ("GlorotUniform", {}, (7,)),
    ("GlorotUniform", {}, (3, 3, 8, 16)),
    ("GlorotUniform", {"input_axes": (0,), "output_axes": (1, 2)}, (8, 2, 4)),
    ("GlorotNormal", {}, (3, 3, 8, 16)),
    ("HeNormal", {}, (3, 3, 8, 16)),
    ("HeNormal", {"input_axes": [0, 1], "output_axes": [2]}, (2, 4, 8)),
    ("HeUniform", {}, (5, 4)),
    ("LecunNormal", {}, (5, 4)),
    ("LecunUniform", {}, (3, 5, 4)),
    ("VarianceScaling", {}, (5, 4)),
    ("VarianceScaling", {"mode": "fan_out"}, (5, 4)),
    ("VarianceScaling", {"mode": "fan_avg", "scale": 3.0}, (2, 5, 4)),
    ("VarianceScaling", {"distribution": "uniform"}, (5, 4)),
    ("VarianceScaling", {"distribution": "Normal"}, (5, 4)),
    ("VarianceScaling", {"distribution": "untruncated_normal"}, (5, 4)),
    ("Orthogonal", {}, (5, 4)),
    ("Orthogonal", {"gain": 2.0}, (4, 5)),
    ("Orthogonal", {}, (3, 2, 5, 4)),
]
UNSEEDED = [
    ("Zeros", {}, (5, 4)),
    ("Zeros", {}, 3),
    ("Ones", {}, (5, 4)),
    ("Ones", {}, ()),
    ("Constant", {}, (5, 4)),
    ("Constant", {"value": 2.5}, (5, 4)),
    ("Constant", {"value": [1.0, 2.0, 3.0, 4.0]}, (5, 4)),
    ("Constant", {"value": np.arange(4.0)}, (5, 4)),
    ("Identity", {}, (5, 4)),
    ("Identity", {}, (4, 4)),
    ("STFT", {}, (6, 1, 5)),
    ("STFT", {"side": "imag", "periodic": True}, (6, 1, 5)),
    ("STFT", {"window": "hamming", "scaling": "spectrum"}, (6, 1, 5)),
    ("STFT", {"window": WINDOW, "scaling": None}, (6, 1, 5)),
    ("STFT", {"window": None}, (6, 1, 5)),
]
INITIALIZERS = [(name, {**kwargs, "seed": 42}, shape) for name, kwargs, shape in SEEDED] + UNSEEDED


def pair(name, kwargs):
    return getattr(initializers, name)(**kwargs), getattr(keras.initializers, name)(**kwargs)


def test_all_initializers_have_a_row():
    classes = {getattr(initializers, name) for name in initializers.__all__ if name[0].isupper()}
    rows = {getattr(initializers, name) for name, _, _ in INITIALIZERS}
    assert rows | {initializers.Initializer} == classes


@pytest.mark.tiny
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name, kwargs, shape", INITIALIZERS)
def test_initializer(name, kwargs, shape, dtype):
    if name in ("Orthogonal", "STFT") and dtype in HALVES:
        pytest.skip("Keras computes it in the half type")
    ours, theirs = pair(name, kwargs)
    expected = theirs(shape, dtype=dtype)
    values = ours(shape, dtype=dtype)
    assert type(values) is torch.Tensor
    same(values, expected)
    same(ours(shape, dtype=getattr(torch, dtype), layout=None), expected)  # again, by torch dtype


@pytest.mark.parametrize("name, kwargs, shape", INITIALIZERS)
def test_initializer_default_dtype_and_meta(name, kwargs, shape):
    ours, _ = pair(name, kwargs)
    values = ours(shape)
    assert values.dtype is torch.float32
    with _scopes.device("meta"):
        meta = ours(shape)
    assert (meta.device.type, meta.shape) == ("meta", values.shape)


def written(config):
    """As it reads in a file."""
    return json.loads(json.dumps(config))


@pytest.mark.parametrize("name, kwargs, shape", INITIALIZERS)
def test_initializer_config(name, kwargs, shape):
    ours, theirs = pair(name, kwargs)
    config_ours, config_theirs = initializers.serialize(ours), keras.initializers.serialize(theirs)
    assert written(config_ours) == written(config_theirs)
    from_theirs = initializers.deserialize(written(config_theirs))
    assert type(from_theirs) is type(ours)
    same(from_theirs(shape), theirs(shape))
    if kwargs.get("window") is not WINDOW:  # Keras does not read it back
        same(keras.initializers.deserialize(written(config_ours))(shape), ours(shape))
    same(initializers.get(written(config_theirs))(shape), theirs(shape))
    same(ours.clone()(shape), ours(shape))


@pytest.mark.parametrize("name", ["Orthogonal", "STFT"])
@pytest.mark.parametrize("dtype", sorted(HALVES))
def test_initializer_of_halves(name, dtype):
    ours = getattr(initializers, name)(**({"seed": 1} if name == "Orthogonal" else {}))
    shape = (6, 1, 5)
    torch.testing.assert_close(
        ours(shape, dtype).float(), ours(shape), atol=2e-2, rtol=2e-2, check_dtype=False
    )


@pytest.mark.parametrize("name, kwargs, shape", SEEDED)
def test_initializer_seeds(name, kwargs, shape):
    cls = getattr(initializers, name)
    unseeded = cls(**kwargs)
    assert unseeded.get_config()["seed"] is None
    same(unseeded(shape), unseeded(shape))
    assert not torch.equal(unseeded(shape), cls(**kwargs)(shape))
    generator = random.SeedGenerator(42)
    theirs = getattr(keras.initializers, name)(**kwargs, seed=keras.random.SeedGenerator(42))
    ours = cls(**kwargs, seed=generator)
    for _ in range(2):
        same(ours(shape), theirs(shape))
    config_ours = initializers.serialize(cls(**kwargs, seed=random.SeedGenerator(4, name="s")))
    back = initializers.deserialize(written(config_ours))
    assert back.seed.get_config() == {"seed": 4, "name": "s"}
    same(back(shape), cls(**kwargs, seed=4)(shape))


def test_initializers_after_set_random_seed():
    keras.utils.set_random_seed(5)
    theirs = [keras.initializers.GlorotUniform()((3, 4)) for _ in range(3)]
    random.set_global_seed(5)
    for expected in theirs:
        same(initializers.GlorotUniform()((3, 4)), expected)


@pytest.mark.parametrize(
    "name", sorted(set(initializers.__all__) - {"get", "serialize", "deserialize"})
)
def test_initializer_by_name(name):
    found = initializers.get(name)
    assert type(found).__name__ == getattr(keras.initializers, name).__name__
    assert type(initializers.get(getattr(initializers, name))) is type(found)


@pytest.mark.parametrize("name", ["normal", "uniform", "one", "zero"])
def test_initializer_by_old_name(name):
    assert type(initializers.get(name)).__name__ == type(keras.initializers.get(name)).__name__


def test_initializer_get():
    assert initializers.get(None) is None
    made = initializers.Zeros()
    assert initializers.get(made) is made
    for values in (np.arange(3.0), torch.arange(3.0)):
        same(
            initializers.get(values)((3,), dtype="float32"),
            keras.initializers.get(values)((3,), dtype="float32"),
        )
        both_raise(
            lambda values=values: initializers.get(values)((2,)),
            lambda values=values: keras.initializers.get(values)((2,)),
            ValueError,
            r"Expected `shape` to be",
        )
    values = torch.arange(3.0)
    initializers.get(values)((3,)).add_(1)
    assert values.tolist() == [0, 1, 2]


def test_identity_keeps_its_gain():
    made = initializers.Identity(gain=3.0)
    same(made((2, 3)), keras.initializers.Identity(gain=3.0)((2, 3)))
    same(made.clone()((2, 3)), made((2, 3)))


def test_variances():
    shape = (3, 3, 64, 128)
    for name, variance in [
        ("glorot_uniform", 2 / (9 * 64 + 9 * 128)),
        ("glorot_normal", 2 / (9 * 64 + 9 * 128)),
        ("he_uniform", 2 / (9 * 64)),
        ("he_normal", 2 / (9 * 64)),
        ("lecun_uniform", 1 / (9 * 64)),
        ("lecun_normal", 1 / (9 * 64)),
    ]:
        values = getattr(initializers, name)(seed=1)(shape)
        assert values.var().item() == pytest.approx(variance, rel=0.02)
        assert abs(values.mean().item()) < 0.01 * variance**0.5
    matrix = initializers.Orthogonal(seed=1)((40, 30))
    torch.testing.assert_close(matrix.T @ matrix, torch.eye(30), atol=1e-5, rtol=0)


class OwnInitializer(initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return torch.full(shape, 7.0)


def test_initializer_of_a_user():
    made = initializers.get(OwnInitializer)
    assert made((2,)).tolist() == [7.0, 7.0]
    assert made.get_config() == {}
    assert type(made.clone()) is OwnInitializer
    both_raise(
        lambda: initializers.Initializer()((2,)),
        lambda: keras.initializers.Initializer()((2,)),
        NotImplementedError,
        "must implement the `__call__",
    )


INITIALIZER_ERRORS = [
    (lambda i: i.get("not_there"), "Could not interpret initializer identifier"),
    (lambda i: i.get(3), "Could not interpret initializer identifier"),
    (lambda i: i.VarianceScaling(scale=0), "`scale` must be positive float"),
    (lambda i: i.VarianceScaling(mode="a"), "Invalid `mode` argument"),
    (lambda i: i.VarianceScaling(distribution="a"), "Invalid `distribution` argument"),
    (lambda i: i.RandomNormal(seed="a"), "`seed` argument should be an instance"),
    (lambda i: i.Orthogonal()((3,)), "at least two-dimensional"),
    (lambda i: i.Identity()((3,)), "can only be used for 2D matrices"),
    (lambda i: i.STFT(side="a"), "side should be 'real' or 'imag'"),
    (lambda i: i.STFT(scaling="a"), "Scaling is invalid"),
    (lambda i: i.STFT(window="a"), "window"),
    (lambda i: i.STFT(window=WINDOW)((5, 1, 5)), "The shape of `window` must be equal"),
]


@pytest.mark.parametrize("call, phrase", INITIALIZER_ERRORS)
def test_initializer_errors(call, phrase):
    both_raise(lambda: call(initializers), lambda: call(keras.initializers), ValueError, phrase)


@pytest.mark.gpu
@pytest.mark.parametrize("name, kwargs, shape", INITIALIZERS)
def test_initializer_on_gpu(name, kwargs, shape):
    ours, _ = pair(name, kwargs)
    on_cpu = ours(shape)
    with _scopes.device("cuda"):
        on_gpu = ours(shape)
    assert on_gpu.device.type == "cuda"
    torch.testing.assert_close(on_gpu.cpu(), on_cpu, atol=1e-6, rtol=1e-6)


@pytest.mark.gpu
@pytest.mark.parametrize("name, args, kwargs", DRAWS)
def test_draw_on_gpu(name, args, kwargs):
    args = [a.cuda() if isinstance(a, torch.Tensor) else a for a in args]
    kwargs = {k: v.cuda() if isinstance(v, torch.Tensor) else v for k, v in kwargs.items()}
    with _scopes.device("cuda"):
        generator = random.SeedGenerator(5)
        assert generator.state.device.type == "cpu"
        first = getattr(random, name)(*args, seed=generator, **kwargs)
        again = getattr(random, name)(*args, seed=5, **kwargs)
    assert first.device.type == "cuda"
    same(first, again)


# Regularizers and constraints

MATRIX = torch.tensor([[-2.0, 0.5, 0.0], [1.0, -0.25, 3.0], [0.75, 4.0, -1.0], [0.0, 0.1, -0.2]])

REGULARIZERS = [
    ("L1", {}),
    ("L1", {"l1": 0.3}),
    ("L2", {}),
    ("L2", {"l2": 0.3}),
    ("L1L2", {}),
    ("L1L2", {"l1": 0.3}),
    ("L1L2", {"l2": 0.3}),
    ("L1L2", {"l1": 0.2, "l2": 0.3}),
    ("L1L2", {"l1": None, "l2": 1}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 0.5, "mode": "columns"}),
]
CONSTRAINTS = [
    ("Constraint", {}),
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": 1}),
    ("MaxNorm", {"max_value": 1.5, "axis": [0, 1]}),
    ("MinMaxNorm", {}),
    ("MinMaxNorm", {"min_value": 0.3, "max_value": 2.0, "rate": 0.4, "axis": 1}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": 1}),
]
PENALTIES = [(regularizers, keras.regularizers, *row) for row in REGULARIZERS]
PENALTIES += [(constraints, keras.constraints, *row) for row in CONSTRAINTS]
NAMES = [
    (ours, theirs, name)
    for ours, theirs in ((regularizers, keras.regularizers), (constraints, keras.constraints))
    for name in sorted(set(ours.__all__) - {"get", "serialize", "deserialize"})
]


def test_all_regularizers_and_constraints_have_a_row():
    for module, rows, base in (
        (regularizers, REGULARIZERS, {regularizers.Regularizer}),
        (constraints, CONSTRAINTS, set()),
    ):
        classes = {getattr(module, name) for name in module.__all__ if name[0].isupper()}
        assert {getattr(module, name) for name, _ in rows} | base == classes


@pytest.mark.tiny
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("ours, theirs, name, kwargs", PENALTIES)
def test_penalty(ours, theirs, name, kwargs, dtype):
    values = MATRIX.to(getattr(torch, dtype))
    x, x_keras = values.clone().requires_grad_(), values.clone().requires_grad_()
    y = getattr(ours, name)(**kwargs)(x)
    y_keras = getattr(theirs, name)(**kwargs)(x_keras)
    # What Keras keeps in float32, or turns into it, is compared in float32.
    y_keras = y_keras.to(y.dtype)
    close(y, y_keras, "float32" if dtype == "float64" else dtype)
    if y_keras.requires_grad and name != "NonNeg":  # the gradient at zero is torch's choice
        y.sum().backward()
        y_keras.sum().backward()
        close(x.grad, x_keras.grad, "float32" if dtype == "float64" else dtype, times=2)


@pytest.mark.parametrize("ours, theirs, name, kwargs", PENALTIES)
def test_penalty_of_an_array(ours, theirs, name, kwargs):
    expected = getattr(theirs, name)(**kwargs)(MATRIX)
    close(getattr(ours, name)(**kwargs)(MATRIX.numpy()), expected)


@pytest.mark.parametrize("ours, theirs, name, kwargs", PENALTIES)
def test_penalty_config(ours, theirs, name, kwargs):
    made, made_keras = getattr(ours, name)(**kwargs), getattr(theirs, name)(**kwargs)
    config_ours, config_theirs = ours.serialize(made), theirs.serialize(made_keras)
    values, values_theirs = config_ours.pop("config"), config_theirs.pop("config")
    assert config_ours == config_theirs
    assert values.keys() == values_theirs.keys()
    for key, value in values.items():  # Keras rounds some of them to float32
        assert value == (pytest.approx(values_theirs[key]) if isinstance(value, float) else value)
    back = ours.get({**config_theirs, "config": values_theirs})
    assert type(back) is type(made)
    close(back(MATRIX), made_keras(MATRIX))
    close(theirs.get({**config_ours, "config": values})(MATRIX), made(MATRIX))


@pytest.mark.parametrize("ours, theirs, name", NAMES)
def test_penalty_by_name(ours, theirs, name):
    expected = type(getattr(theirs, name)()).__name__
    assert type(ours.get(name)).__name__ == expected
    assert type(ours.get(getattr(ours, name))).__name__ == expected


PENALTY_ERRORS = [
    (regularizers, keras.regularizers, lambda r: r.get("not_there"), "interpret regularizer"),
    (regularizers, keras.regularizers, lambda r: r.get(3), "interpret regularizer"),
    (regularizers, keras.regularizers, lambda r: r.L1(-1), "expected a non-negative float"),
    (regularizers, keras.regularizers, lambda r: r.L2("a"), "expected a non-negative float"),
    (regularizers, keras.regularizers, lambda r: r.L2(float("inf")), "a non-negative float"),
    (
        regularizers,
        keras.regularizers,
        lambda r: r.OrthogonalRegularizer(mode="x"),
        "Invalid value for argument `mode`",
    ),
    (
        regularizers,
        keras.regularizers,
        lambda r: r.OrthogonalRegularizer()(torch.ones(3)),
        "must have rank 2",
    ),
    (constraints, keras.constraints, lambda c: c.get("not_there"), "interpret constraint"),
    (constraints, keras.constraints, lambda c: c.get(3), "interpret constraint"),
]


@pytest.mark.parametrize("ours, theirs, call, phrase", PENALTY_ERRORS)
def test_penalty_errors(ours, theirs, call, phrase):
    both_raise(lambda: call(ours), lambda: call(theirs), ValueError, phrase)


def test_penalties_get():
    assert regularizers.get(None) is None
    assert constraints.get(None) is None
    assert regularizers.get(abs) is abs
    assert regularizers.Regularizer()(MATRIX) == 0.0
    assert regularizers.get("l1_l2").get_config() == {"l1": 0.0, "l2": 0.0}


def test_constraints_of_integers():
    values = torch.tensor([[1, -2], [3, 4]], dtype=torch.int32)
    same(constraints.NonNeg()(values), keras.constraints.NonNeg()(values))
    close(constraints.UnitNorm()(values), keras.constraints.UnitNorm()(values))


def test_orthogonal_regularizer_of_one_row_and_of_zeros():
    assert regularizers.OrthogonalRegularizer()(torch.ones(1, 3)) == 0
    assert regularizers.OrthogonalRegularizer()(torch.zeros(2, 3)) == 0


# Dtype policies

POLICIES = [
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "mixed_float16",
    "mixed_bfloat16",
    "int32",
    "bool",
    "string",
    torch.float16,
    np.float32,
    np.dtype("int16"),
    "int8_from_float32",
    "int8_from_mixed_bfloat16",
    "int4_from_float32",
    "int4/64_from_float32",
    "int4/-1_from_float32",
    "gptq/4/128_from_float32",
    "gptq/2/-1_from_mixed_bfloat16",
    "awq/4/32_from_float32",
    "float8_from_mixed_bfloat16",
]
POLICY_FACTS = ("name", "compute_dtype", "variable_dtype", "quantization_mode")
MODE_FACTS = ("mode", "weight_bits", "group_size", "block_size", "amax_history_length")


@pytest.fixture
def policy_float32():
    """Leaves the policies of both libraries as they were."""
    yield
    config.set_dtype_policy("float32")
    keras.config.set_dtype_policy("float32")


@pytest.mark.tiny
@pytest.mark.parametrize("identifier", POLICIES)
def test_policy(identifier):
    ours, theirs = dtype_policies.get(identifier), keras.dtype_policies.get(identifier)
    assert type(ours).__name__ == type(theirs).__name__
    for fact in POLICY_FACTS:
        assert getattr(ours, fact) == getattr(theirs, fact)
    for fact in MODE_FACTS:
        if hasattr(theirs, fact):
            assert getattr(ours, fact) == getattr(theirs, fact)
    assert repr(ours) == repr(theirs)
    config_theirs = keras.dtype_policies.serialize(theirs)
    assert dtype_policies.serialize(ours) == config_theirs
    back = dtype_policies.get(written(config_theirs))
    assert back == ours
    assert hash(back) == hash(ours)
    assert keras.dtype_policies.deserialize(dtype_policies.serialize(ours)) == theirs
    assert ours == dtype_policies.get(ours.name)
    assert ours != dtype_policies.get("float32" if ours.name != "float32" else "float16")
    assert ours != ours.name


def test_mixed_precision_names():
    assert set(mixed_precision.__all__) == {
        name for name in dir(keras.mixed_precision) if not name.startswith("_")
    }
    assert mixed_precision.Policy is mixed_precision.DTypePolicy is dtype_policies.DTypePolicy
    assert mixed_precision.global_policy is mixed_precision.dtype_policy is config.dtype_policy
    assert mixed_precision.set_global_policy is mixed_precision.set_dtype_policy
    assert mixed_precision.set_dtype_policy is config.set_dtype_policy


def test_float_policy_is_another_name():
    assert dtype_policies.FloatDTypePolicy("float16") == dtype_policies.DTypePolicy("float16")
    made = dtype_policies.FloatDTypePolicy("float16")
    theirs = keras.dtype_policies.FloatDTypePolicy("float16")
    assert repr(made) == repr(theirs)
    assert dtype_policies.serialize(made) == keras.dtype_policies.serialize(theirs)


def test_global_policy(policy_float32):
    assert dtype_policies.get(None) is config.dtype_policy()
    assert config.dtype_policy().name == "float32"
    config.set_dtype_policy("mixed_bfloat16")
    assert dtype_policies.DTypePolicy().name == "mixed_bfloat16"
    assert dtype_policies.QuantizedDTypePolicy("int8").name == "int8_from_mixed_bfloat16"
    assert dtype_policies.GPTQDTypePolicy("gptq/4/128").name == "gptq/4/128_from_mixed_bfloat16"
    assert dtype_policies.DTypePolicyMap().compute_dtype == "bfloat16"
    policy = dtype_policies.DTypePolicy("float16")
    config.set_dtype_policy(policy)
    assert config.dtype_policy() is policy
    config.set_dtype_policy("int8_from_float32")
    assert config.dtype_policy().quantization_mode == "int8"


POLICY_ERRORS = [
    (ValueError, lambda d: d.DTypePolicy("flot32"), "Cannot convert 'flot32'"),
    (TypeError, lambda d: d.DTypePolicy(3), "'name' must be a string"),
    (ValueError, lambda d: d.get(3.5), "Cannot interpret `dtype` argument"),
    (ValueError, lambda d: d.get("int8"), "valid pair"),
    (ValueError, lambda d: d.get("int8_from_x"), "Cannot convert 'x'"),
    (ValueError, lambda d: d.QuantizedDTypePolicy("int9", "float32"), "Invalid quantization mode"),
    (ValueError, lambda d: d.QuantizedDTypePolicy("int8", "float16"), "doesn't work well"),
    (ValueError, lambda d: d.GPTQDTypePolicy("gptq/5/128", "float32"), "Invalid weight_bits"),
    (ValueError, lambda d: d.GPTQDTypePolicy("gptq/4/0", "float32"), "Invalid group_size"),
    (ValueError, lambda d: d.GPTQDTypePolicy("gptq/4", "float32"), "Expected format"),
    (ValueError, lambda d: d.GPTQDTypePolicy("gptq/a/1", "float32"), "must be (an )?integer"),
    (ValueError, lambda d: d.AWQDTypePolicy("awq/8/128", "float32"), "Invalid weight_bits"),
    (ValueError, lambda d: d.Int4DTypePolicy("int4/0", "float32"), "Invalid block_size"),
    (ValueError, lambda d: d.Int4DTypePolicy("int8/4", "float32"), "Expected format"),
    (
        TypeError,
        lambda d: d.QuantizedFloat8DTypePolicy("float8", "float32", 1.5),
        "`amax_history_length` must be an integer",
    ),
    (ValueError, lambda d: d.DTypePolicyMap(d.DTypePolicyMap()), "cannot be a `DTypePolicyMap`"),
    (TypeError, lambda d: d.DTypePolicyMap(policy_map=3), "`policy_map` must be a dict"),
    (
        ValueError,
        lambda d: d.DTypePolicyMap(policy_map={"a": "float16"}).__setitem__("a", "float32"),
        "already exist",
    ),
    (ValueError, lambda d: d.DTypePolicyMap().__setitem__("a", 3.5), "Cannot interpret"),
    (
        ValueError,
        lambda d: d.DTypePolicyMap(policy_map={"a.*": 1, ".*b": 2})["ab"],
        "matches multiple",
    ),
]


@pytest.mark.parametrize("kind, call, phrase", POLICY_ERRORS)
def test_policy_errors(kind, call, phrase):
    both_raise(lambda: call(dtype_policies), lambda: call(keras.dtype_policies), kind, phrase)


def test_set_policy_refuses_what_is_none(policy_float32):
    both_raise(
        lambda: config.set_dtype_policy(3),
        lambda: keras.config.set_dtype_policy(3),
        ValueError,
        "Invalid `policy` argument",
    )


def policy_map(module, default):
    made = module.DTypePolicyMap(default)
    made["encoder/dense"] = "mixed_bfloat16"
    made["decoder/.*"] = "int8_from_float32"
    return made


@pytest.mark.parametrize("default", [None, "float16"])
def test_policy_map(default):
    ours, theirs = policy_map(dtype_policies, default), policy_map(keras.dtype_policies, default)
    for fact in POLICY_FACTS:
        assert getattr(ours, fact) == getattr(theirs, fact)
    for path in ("encoder/dense", "decoder/dense", "decoder/x/y", "other", "encoder"):
        assert ours[path].name == theirs[path].name
    assert list(ours) == list(theirs)
    assert len(ours) == 2
    assert "encoder/dense" in ours
    assert "decoder/dense" not in ours
    assert ours == policy_map(dtype_policies, default)
    assert ours != dtype_policies.get("float32")
    assert repr(ours).endswith(repr(theirs).partition("default_policy")[2])
    config_ours = dtype_policies.serialize(ours)
    config_theirs = keras.dtype_policies.serialize(theirs)
    assert config_ours == config_theirs
    back = dtype_policies.deserialize(written(config_theirs))
    assert back["decoder/x"].quantization_mode == "int8"
    assert keras.dtype_policies.deserialize(config_ours).name == ours.name
    del ours["encoder/dense"]
    assert len(ours) == 1


CAST = [
    (torch.ones(2, dtype=torch.float64), True),
    (torch.ones(2, dtype=torch.float64), False),
    (torch.ones(2, dtype=torch.int32), True),
    (torch.ones(2), True),
    (np.ones(2), True),
    (np.ones(2, "int32"), True),
    ("text", True),
]


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("x, autocast", CAST)
def test_convert_input(x, autocast, dtype):
    ours = dtype_policies.DTypePolicy(dtype).convert_input(x, autocast, dtype)
    theirs = keras.DTypePolicy(dtype).convert_input(x, autocast, dtype)
    if isinstance(theirs, torch.Tensor):
        same(ours, theirs)
    else:
        assert ours is theirs


def test_convert_symbolic_input():
    x = symbolic((None, 3))
    policy = dtype_policies.DTypePolicy("mixed_float16")
    assert policy.convert_input(x, True, "float16").dtype == "float16"
    assert policy.convert_input(x, True, "float32") is x
