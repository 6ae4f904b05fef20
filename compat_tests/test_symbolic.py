"""Symbolic tensors: operators, ops and raw torch functions on them, and the models made so."""

import copy

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import torchkeras
from compat_tests.test_models import oracle, ours, values
from compat_tests.test_training import same
from torchkeras._symbolic import on_meta

k = torchkeras
RNG = np.random.default_rng(5)
X = torch.as_tensor(RNG.normal(size=(6, 4, 3)).astype("float32"))
UNKNOWN = (None, 4, 3)

EXPRESSIONS = {
    "add": lambda x: x + 1,
    "reflected_subtract": lambda x: 1.0 - x,
    "multiply_itself": lambda x: x * x,
    "divide": lambda x: x / 2,
    "reflected_divide": lambda x: 1 / (x + 10.0),
    "floor_divide": lambda x: x // 0.3,
    "mod": lambda x: x % 2.0,
    "power": lambda x: x**2,
    "negative": lambda x: -x,
    "abs": lambda x: abs(x),
    "compare": lambda x: x > 0,
    "not_equal": lambda x: x != 0,
    "and": lambda x: (x > 0) & (x < 1),
    "invert": lambda x: ~(x > 0),
    "item": lambda x: x[:, 0],
    "slice": lambda x: x[:, 1:, ..., None],
    "last": lambda x: x[:, -1, ::2],
    "matmul": lambda x: x @ torch.ones(3, 5),
}


@pytest.mark.parametrize("expression", EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_operators_are_those_of_keras(expression):
    def scenario(k):
        x = k.Input(batch_shape=UNKNOWN)
        y = expression(x)
        return y.shape, y.dtype, values(k.Model(x, y)(X))

    same(ours(scenario, torchkeras), oracle(scenario, keras))


# Raw torch: expression -> expected shape for an unknown batch size.
RAW = {
    "relu": (torch.relu, UNKNOWN),
    "functional": (F.gelu, UNKNOWN),
    "softmax": (lambda x: F.softmax(x, dim=-1), UNKNOWN),
    "method": (lambda x: x.mean(1), (None, 3)),
    "keepdim": (lambda x: x.sum(dim=-1, keepdim=True), (None, 4, 1)),
    "permute": (lambda x: x.permute(0, 2, 1), (None, 3, 4)),
    "transpose": (lambda x: torch.transpose(x, 1, 2), (None, 3, 4)),
    "flatten": (lambda x: torch.flatten(x, 1), (None, 12)),
    "cat": (lambda x: torch.cat([x, 2 * x], dim=-1), (None, 4, 6)),
    "cat_rows": (lambda x: torch.cat([x, x], dim=0), UNKNOWN),
    "stack": (lambda x: torch.stack([x, x], dim=1), (None, 2, 4, 3)),
    "where": (lambda x: torch.where(x > 0, x, torch.zeros(())), UNKNOWN),
    "einsum": (lambda x: torch.einsum("bij,bkj->bik", x, x), (None, 4, 4)),
    "linear": (lambda x: F.linear(x, torch.ones(2, 3)), (None, 4, 2)),
    "unsqueeze": (lambda x: x.unsqueeze(1), (None, 1, 4, 3)),
    "chained": (lambda x: x.abs().sqrt().amax(-1), (None, 4)),
    "dtype": (lambda x: x.to(torch.float64), UNKNOWN),
    "pad": (lambda x: F.pad(x, (1, 2)), (None, 4, 6)),
}


@pytest.mark.parametrize(("expression", "shape"), RAW.values(), ids=RAW)
def test_raw_torch_functions(expression, shape):
    x = k.Input(batch_shape=UNKNOWN)
    y = expression(x)
    assert y.shape == shape
    model = k.Model(x, y)
    torch.testing.assert_close(model(X), expression(X))
    torch.testing.assert_close(copy.deepcopy(model)(X), expression(X))


def test_several_outputs_of_a_torch_function():
    x = k.Input(batch_shape=UNKNOWN)
    parts = torch.split(x, [1, 3], dim=1)
    assert [p.shape for p in parts] == [(None, 1, 3), (None, 3, 3)]
    found = torch.topk(x, 2)
    model = k.Model(x, [*parts, found[0]])
    for got, expected in zip(model(X), [X[:, :1], X[:, 1:], X.topk(2).values]):
        torch.testing.assert_close(got, expected)


def test_model_of_torch_functions_through_its_config():
    x = k.Input(batch_shape=UNKNOWN)
    model = k.Model(x, torch.tanh(x).mean(1))
    again = k.Model.from_config(model.get_config())
    torch.testing.assert_close(again(X), model(X))


@pytest.mark.parametrize(
    "drop", [F.dropout, lambda x: F.dropout(x, 0.5, False), lambda x: F.dropout(x, training=True)]
)
def test_dropout_of_torch_follows_the_phase(drop):
    x = k.Input((400,))
    model = k.Model(x, drop(x))
    ones = torch.ones(2, 400)
    assert (model(ones, training=True) == 0).any()
    assert (model(ones, training=False) == 1).all()
    assert (model.predict(ones, verbose=0) == 1).all()


def test_batch_norm_of_torch_follows_the_phase():
    mean, variance = torch.zeros(3), torch.ones(3)
    x = k.Input((3,))
    model = k.Model(x, F.batch_norm(x, mean, variance))
    assert not mean.any()
    rows = X[:, 0] + 5
    torch.testing.assert_close(model(rows, training=False), rows, rtol=1e-4, atol=1e-4)
    assert not mean.any()
    model(rows, training=True)
    assert mean.all()


def test_modules_of_torch_called_on_symbolic_tensors():
    body = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.LayerNorm(8))
    x = k.Input((3,))
    model = k.Model(x, body(x))
    assert model.output_shape == (None, 8)
    assert {id(p) for p in body.parameters()} == {id(p) for p in model.parameters()}
    torch.testing.assert_close(model(X[:, 0]), body(X[:, 0]))
    names = [name for name, _ in model.named_parameters()]
    assert all(name.rpartition(".")[2] in ("weight", "bias") for name in names)


def test_two_unknown_dimensions():
    x = k.Input((None, 3))
    h = k.layers.Dense(5)(x)
    assert h.shape == (None, None, 5)
    assert torch.flatten(h, 1, 2).shape == (None, None)
    assert h.mean(1).shape == (None, 5)
    assert torch.cat([x, x], 1).shape == (None, None, 3)


def test_layer_called_with_keywords():
    class Scale(k.layers.Layer):
        def call(self, x, other=None, factor=1.0):
            return x * factor + (0 if other is None else other)

    x, y = k.Input((3,)), k.Input((3,))
    model = k.Model([x, y], Scale()(x, other=y, factor=3.0))
    a, b = X[:, 0], X[:, 1]
    torch.testing.assert_close(model([a, b]), 3 * a + b)
    again = k.Model.from_config(model.get_config(), custom_objects={"Scale": Scale})
    torch.testing.assert_close(again([a, b]), 3 * a + b)


NO_VALUES = {
    "bool": (bool, TypeError),
    "float": (float, ValueError),
    "int": (int, ValueError),
    "array": (np.asarray, ValueError),
    "iter": (list, NotImplementedError),
    "len": (len, TypeError),
}


@pytest.mark.parametrize(("read", "error"), NO_VALUES.values(), ids=NO_VALUES)
def test_symbolic_tensors_have_no_values(read, error):
    with pytest.raises(error):
        read(k.Input((3,)))


def tensor_made(k):
    x = k.KerasTensor((None, 3), dtype="int32", name="mine")
    return x.shape, x.dtype, x.ndim, x.name, repr(x), k.utils.is_keras_tensor(x)


def test_tensor_is_that_of_keras():
    same(ours(tensor_made, torchkeras), oracle(tensor_made, keras))


@pytest.mark.parametrize("shape", [None, (-1, 2), ("a",), (2.5,)], ids=str)
def test_wrong_shapes(shape):
    with pytest.raises(ValueError) as theirs:
        keras.KerasTensor(shape)
    with pytest.raises(ValueError) as mine:
        torchkeras.KerasTensor(shape)
    assert str(mine.value)[:30] == str(theirs.value)[:30]


def test_calls_on_meta_are_remembered_by_shape_dtype_and_settings():
    x = torch.empty(4, 3, device="meta")
    with on_meta():
        for _ in range(2):
            assert torch.relu(x).shape == (4, 3)
            assert torch.relu(x) is not torch.relu(x)
            assert torch.relu(x.half()).dtype is torch.float16
            assert torch.sum(x, 0).shape == (3,)
            assert torch.sum(x, 1).shape == (4,)
            assert torch.add(x.int(), 1).dtype is torch.int32
            assert torch.add(x.int(), 1.0).dtype is torch.float32
            assert torch.add(x.int(), True).dtype is torch.int32
            assert torch.permute(x, (1, 0)).stride() == (1, 3)
            # Nothing new is made here: the argument itself must come back.
            assert x.to(torch.float32) is x
            assert x.add_(1) is x
            with torch.enable_grad():
                leaf = torch.empty(2, device="meta", requires_grad=True)
                assert torch.relu(leaf).grad_fn is not None
            mapped = torch.vmap(lambda row: torch.relu(row).clone().add_(row))(x)
            assert mapped.shape == (4, 3)


def test_a_layer_may_take_gradients_in_its_call():
    class Slope(k.layers.Layer):
        def call(self, x):
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                return torch.autograd.grad(torch.tanh(leaf).sum(), leaf)[0]

    for _ in range(2):
        inputs = k.Input((3,))
        model = k.Model(inputs, Slope()(inputs))
        assert model.output_shape == (None, 3)
    rows = X[:, 0]
    torch.testing.assert_close(model(rows), 1 - torch.tanh(rows) ** 2)
