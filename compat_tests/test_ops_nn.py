"""ops.nn, ops.linalg and mathematical ops against real Keras: values, dtypes, shapes, errors."""

import inspect

import keras
import numpy as np
import pytest
import torch

from compat_tests.cases.ops_nn import CASES, ERRORS
from torchkeras import Input, activations, ops, tree

TOLERANCE = {"float16": 3e-3, "float64": 1e-9, "complex128": 1e-9}
# Their vectors are unique up to sign and order: what they make together is compared.
PRODUCTS = {
    "eig": lambda w, v: v @ torch.diag_embed(w) @ torch.linalg.inv(v),
    "eigh": lambda w, v: v @ torch.diag_embed(w) @ v.mT,
}


def tensors(values):
    """NumPy arrays as tensors; all else as it is."""
    return tree.map_structure(lambda v: torch.tensor(v) if isinstance(v, np.ndarray) else v, values)


def result(library, case):
    found = getattr(library, case.name)(*tensors(case.inputs), **tensors(case.settings))
    if case.name in PRODUCTS:
        return [found[0], PRODUCTS[case.name](*found)]
    return list(found) if isinstance(found, (list, tuple)) else [found]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_values(case):
    ours, theirs = result(ops, case), result(keras.ops, case)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype is other.dtype
        assert one.shape == other.shape
        tolerance = TOLERANCE.get(str(one.dtype).removeprefix("torch."), 2e-5)
        np.testing.assert_allclose(
            one.resolve_conj().numpy(), other.resolve_conj().numpy(), rtol=tolerance, atol=tolerance
        )


def symbolic(values):
    def one(v):
        if not isinstance(v, np.ndarray):
            return v
        return Input(batch_shape=v.shape, dtype=str(v.dtype))

    return tree.map_structure(one, values)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_symbolic_shapes_and_dtypes(case):
    eager = result(ops, case)
    found = getattr(ops, case.name)(*symbolic(case.inputs), **tensors(case.settings))
    found = list(found) if isinstance(found, (list, tuple)) else [found]
    if case.name.startswith("segment") and case.settings["num_segments"] is None:
        assert found[0].shape[1:] == tuple(eager[0].shape[1:])
        return
    if case.name in PRODUCTS:
        assert [x.dtype for x in found] == [ops.dtype(x) for x in eager]
        return
    assert [tuple(x.shape) for x in found] == [tuple(x.shape) for x in eager]
    assert [x.dtype for x in found] == [ops.dtype(x) for x in eager]


@pytest.mark.parametrize(("name", "arguments", "words"), ERRORS, ids=lambda v: str(v)[:20])
def test_errors(name, arguments, words):
    with pytest.raises(Exception) as theirs:
        getattr(keras.ops, name)(*tensors(arguments))
    with pytest.raises(type(theirs.value)) as ours:
        getattr(ops, name)(*tensors(arguments))
    assert words in str(theirs.value)
    assert words in str(ours.value)


def test_every_name_is_there():
    for room in ("nn", "linalg"):
        for name, function in inspect.getmembers(getattr(keras.ops, room), inspect.isfunction):
            ours = getattr(getattr(ops, room), name)
            assert ours is getattr(ops, name)
            assert list(inspect.signature(ours).parameters) == list(
                inspect.signature(function).parameters
            )


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_sparsemax_is_that_of_the_activations(axis):
    # Keras's is not on the simplex where several elements are left.
    x = torch.randn(4, 5)
    torch.testing.assert_close(ops.sparsemax(x, axis), activations.sparsemax(x, axis))
    torch.testing.assert_close(ops.sparsemax(x, axis).sum(axis), torch.ones(9 - x.shape[axis]))


def test_jvp():
    x, v = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -1.0])
    value, derivative = ops.jvp(lambda x: x**2, (x,), (v,))
    torch.testing.assert_close(value, x**2)
    torch.testing.assert_close(derivative, 2 * x * v)


def test_flash_attention_is_refused_where_there_is_none():
    x = torch.zeros(1, 2, 1, 4)
    with pytest.raises(RuntimeError, match="Flash attention is not supported"):
        ops.dot_product_attention(x, x, x, flash_attention=True)
