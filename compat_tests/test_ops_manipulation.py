"""ops.numpy's manipulation, products and creation against real Keras on torch."""

import functools

import keras
import numpy as np
import pytest
import torch

from compat_tests.cases.ops_manipulation import CREATED, OPS, SIZED_BY_VALUES, M, T, V
from torchkeras import _symbolic, ops, tree
from torchkeras._op import Operation
from torchkeras._symbolic import KerasTensor, Node

DTYPES = ("float32", "int32", "bool", "float16", "int64")
# Keras narrows 64-bit results of products; ours keep the width they were given.
NARROWED = {torch.int32: torch.int64, torch.float32: torch.float64}
# Ops with rows that an unknown first size does not fit: another array or a shape has a fixed one.
FIXED_SIZE = ("broadcast_to", "einsum", "matmul", "reshape", "slogdet", "take_along_axis")
HALF = {"atol": 2e-3, "rtol": 2e-3}


def rows(table):
    return pytest.mark.parametrize(
        ("name", "args", "kwargs"),
        table,
        ids=[f"{name}-{i}" for i, (name, _, _) in enumerate(table)],
    )


def is_array(x):
    return isinstance(x, np.ndarray)


def converted(args, function):
    """The arguments with `function` of each array; slices and the like stay."""
    if is_array(args):
        return function(args)
    if isinstance(args, (list, tuple)):
        return type(args)(converted(a, function) for a in args)
    return args


def cast_as(array, dtype):
    return array.astype(dtype) if array.dtype == np.float32 else array


def alike(ours, theirs, check_values=True, wide=False):
    """Equal structure, shapes, dtypes and values."""
    if not isinstance(theirs, torch.Tensor):
        if not isinstance(theirs, (list, tuple)):
            assert ours == pytest.approx(theirs)
            return
        assert type(ours) is type(theirs) and len(ours) == len(theirs)
        for one, other in zip(ours, theirs):
            alike(one, other, check_values, wide)
        return
    if wide and NARROWED.get(theirs.dtype) is ours.dtype:
        theirs = theirs.to(ours.dtype)
    assert ours.dtype == theirs.dtype
    assert tuple(ours.shape) == tuple(theirs.shape)
    if check_values:
        tolerance = HALF if theirs.dtype in (torch.float16, torch.bfloat16) else {}
        torch.testing.assert_close(ours, theirs, equal_nan=True, **tolerance)


def symbolic(array, batch=False):
    shape = (None, *array.shape[1:]) if batch and array.ndim else array.shape
    tensor = KerasTensor(shape, array.dtype.name)
    Node(Operation(name=tensor.name), outputs=tensor)
    return tensor


def keras_result(name, args, kwargs):
    """What Keras gives, or a skip where it does not take the dtype."""
    try:
        return getattr(keras.ops, name)(*converted(args, torch.as_tensor), **kwargs)
    except (RuntimeError, NotImplementedError) as error:
        pytest.skip(f"Keras: {str(error)[:80]}")


@pytest.mark.filterwarnings("ignore:The use of `x.T`:UserWarning")
@pytest.mark.parametrize("dtype", DTYPES)
@rows(OPS + SIZED_BY_VALUES)
def test_equals_keras(name, args, kwargs, dtype):
    args = converted(args, functools.partial(cast_as, dtype=dtype))
    theirs = keras_result(name, args, kwargs)
    wide = any(is_array(x) and x.dtype == np.int64 for x in tree.flatten(args))
    ours = getattr(ops, name)(*converted(args, torch.as_tensor), **kwargs)
    alike(ours, theirs, wide=wide)
    # Arrays are taken like tensors.
    theirs = getattr(keras.ops, name)(*args, **kwargs)
    alike(getattr(ops, name)(*args, **kwargs), theirs, wide=wide)


@rows(OPS)
def test_symbolic_is_as_eager(name, args, kwargs):
    op = getattr(ops, name)
    eager = tree.flatten(op(*converted(args, torch.as_tensor), **kwargs))
    for batch in (False, True):
        found = []

        def stand_in(array, batch=batch, found=found):
            # Of the batch are the first array and those of its shape.
            found.append(array)
            return symbolic(array, batch and array.ndim > 1 and array.shape == found[0].shape)

        try:
            outputs = tree.flatten(op(*converted(args, stand_in), **kwargs))
        except (ValueError, RuntimeError, AssertionError):
            if batch:
                assert name in FIXED_SIZE
                continue
            raise
        if not found:
            return
        assert len(outputs) == len(eager) or batch
        for out, real in zip(outputs, eager):
            assert isinstance(out, KerasTensor)
            assert out.dtype == str(real.dtype).removeprefix("torch.")
            assert len(out.shape) == real.ndim
            assert batch or out.shape == tuple(real.shape)


@rows(CREATED)
def test_created_equals_keras(name, args, kwargs):
    alike(getattr(ops, name)(*args, **kwargs), getattr(keras.ops, name)(*args, **kwargs))


def test_empty():
    alike(ops.empty((2, 3)), keras.ops.empty((2, 3)), check_values=False)
    alike(ops.empty_like(M, "int32"), keras.ops.empty_like(M, "int32"), check_values=False)


def test_every_name_of_keras_is_there():
    names = [n for n in dir(keras.ops.numpy) if not n.startswith("_")]
    assert [n for n in names if not (hasattr(ops, n) and hasattr(ops.numpy, n))] == []


def test_every_operator_of_symbolic_tensors_is_filled():
    assert [name for name, function in _symbolic.operators.items() if function is None] == []


def test_operators_of_symbolic_tensors():
    x = symbolic(T, batch=True)
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
        assert ops.repeat(symbolic(M), repeats, axis).shape == expected.shape
    parts = ops.array_split(T, (1, 3), 2)
    assert [p.shape[2] for p in parts] == [1, 2, 1]


@rows(SIZED_BY_VALUES)
def test_sized_by_values_on_meta(name, args, kwargs):
    eager = tree.flatten(getattr(ops, name)(*args, **kwargs))
    outputs = tree.flatten(getattr(ops, name)(*converted(args, symbolic), **kwargs))
    assert [len(x.shape) for x in outputs] == [x.ndim for x in eager]
    assert [x.dtype for x in outputs] == [str(x.dtype).removeprefix("torch.") for x in eager]


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
