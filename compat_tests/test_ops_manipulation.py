"""ops.numpy's manipulation, products and creation: what only one of them does, and errors."""

import keras
import numpy as np
import pytest
import torch

from compat_tests.cases.ops_manipulation import M, T, V
from compat_tests.test_ops import alike
from torchkeras import Input, _symbolic, ops


def test_empty():
    for x, dtype in ((ops.empty((2, 3)), torch.float32), (ops.empty_like(M, "int32"), torch.int32)):
        assert (x.shape, x.dtype) == ((2, 3), dtype)


def test_every_name_of_keras_is_there():
    names = [n for n in dir(keras.ops.numpy) if not n.startswith("_")]
    assert [n for n in names if not (hasattr(ops, n) and hasattr(ops.numpy, n))] == []


def test_every_operator_of_symbolic_tensors_is_filled():
    assert [name for name, function in _symbolic.operators.items() if function is None] == []


def test_operators_of_symbolic_tensors():
    x = Input(T.shape[1:])
    assert x[:, 1].shape == (None, 4)
    assert x.reshape((-1, 12)).shape == (None, 12)
    assert (x @ np.ones((4, 5), "float32")).shape == (None, 3, 5)
    assert (x != 1).dtype == "bool"
    assert (x[:, :1] + x).shape == (None, 3, 4)


# Beyond the oracle, or where it leaves the result open.
def test_argpartition():
    order = ops.argpartition(V, 2)
    values = V[order.numpy()]
    assert order.dtype == torch.int32
    assert values[:2].max() <= values[2] <= values[3:].min()


def test_pad_as_numpy():
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        result = ops.pad(M, ((2, 1), (1, 2)) if mode != "reflect" else ((1, 1), (2, 2)), mode)
        expected = np.pad(M, ((2, 1), (1, 2)) if mode != "reflect" else ((1, 1), (2, 2)), mode)
        np.testing.assert_array_equal(result.numpy(), expected)
    np.testing.assert_array_equal(ops.pad(M, 1).numpy(), np.pad(M, 1))


def test_what_differs_by_place():
    for repeats, axis in (([1, 2], 0), ([1, 2, 0], -1)):
        expected = np.repeat(M, repeats, axis)
        np.testing.assert_array_equal(ops.repeat(M, repeats, axis).numpy(), expected)
        counted = ops.repeat(M, torch.as_tensor(repeats), axis)
        np.testing.assert_array_equal(counted.numpy(), expected)
        assert ops.repeat(Input(batch_shape=M.shape), repeats, axis).shape == expected.shape
    parts = ops.array_split(T, (1, 3), 2)
    assert [p.shape[2] for p in parts] == [1, 2, 1]


def test_axes_keras_on_torch_lacks():
    start, stop = np.array([0.0, 1.0]), np.array([2.0, 5.0])
    for name in ("linspace", "logspace"):
        expected = getattr(np, name)(start, stop, 5, axis=1)
        np.testing.assert_allclose(getattr(ops, name)(start, stop, 5, axis=1), expected, rtol=1e-6)
    expected = np.cross(T[:, :, :3], T[:, :, :3] + 1, 1, 2, 0)
    result = ops.cross(T[:, :, :3], T[:, :, :3] + 1, 1, 2, 0)
    np.testing.assert_array_equal(result.numpy(), expected)


def test_negative_indices_of_flattened_elements():
    assert ops.take(M, -1).item() == M.reshape(-1)[-1]
    assert ops.take_along_axis(M, np.array([-1])).item() == M.reshape(-1)[-1]


def test_vectorize():
    def more(a, b):
        return a + 2 * b

    ours, theirs = ops.vectorize(more), keras.ops.vectorize(more)
    alike(ours(torch.as_tensor(M), 2), theirs(torch.as_tensor(M), 2))
    signature = "(m,n),(n)->(m)"
    batch = torch.as_tensor(T), torch.as_tensor(T[:, 0])
    alike(
        ops.vectorize(torch.mv, signature=signature)(*batch),
        keras.ops.vectorize(torch.mv, signature=signature)(*batch),
    )
    with pytest.raises(ValueError, match="Expected argument `pyfunc` to be a callable"):
        ops.vectorize(3)


@pytest.mark.parametrize(
    ("call", "kind", "phrase"),
    [
        (lambda o: o.split(V, 4), ValueError, "divisible by 4"),
        (lambda o: o.pad(V, ((1, 1),), "reflect", 3), ValueError, "can only be provided when"),
        (lambda o: o.rot90(V), ValueError, "must have at least 2 dimensions"),
        (lambda o: o.rot90(M, axes=(1, 1)), ValueError, "Invalid axes"),
        (lambda o: o.searchsorted(M, V), ValueError, "only supports 1-D sorted sequences"),
    ],
)
def test_errors(call, kind, phrase):
    for module in (keras.ops, ops):
        with pytest.raises(kind, match=phrase):
            call(module)
