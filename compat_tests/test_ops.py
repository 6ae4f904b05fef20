"""Every op against real Keras on torch: the rows of `cases/ops*.py` under generic checks.

A row runs with every dtype it names: values, dtypes, shapes, gradients, arrays and lists for
tensors, symbolic use, saved graphs. Where Keras on torch does not do what Keras documents, NumPy or
a loop is the oracle, in tests by hand; `test_ops_manipulation`, `test_ops_nn` and `test_ops_image`
hold those of their families.
"""

import functools
import inspect
import itertools
import json

import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.cases import ops_manipulation, ops_nn
from compat_tests.cases.ops import (
    BINARY_NAMES,
    CUBE,
    DOMAINS,
    ERRORS,
    IMAGES,
    UNARY,
    A,
    real,
    whole,
)
from compat_tests.cases.ops import ROWS as CORE_ROWS
from torchkeras import Input, Variable, config, ops, tree
from torchkeras._symbolic import KerasTensor
from torchkeras.models._functional import Functional

# Of what Keras calls; torch gives some of them once in a process.
pytestmark = [
    pytest.mark.filterwarnings(f"ignore:(?s).*{message}")
    for message in ("T.* deprecated", "torch.cross without", "ComplexHalf", "encountered in cast")
]
ROWS = CORE_ROWS + IMAGES + ops_manipulation.ROWS + ops_nn.ROWS
ALL = [(row, dtype) for row in ROWS for dtype in row.dtypes]
FLOATING = [row for row in ROWS if "float32" in row.dtypes]
# One step of the dtype, and for the products of several roundings some more.
HALF = {"float16": 2e-3, "bfloat16": 1.6e-2}
# Some ops of Keras on torch give 32 bits for 64, others do not; ours keep the width they are given.
NARROWED = {torch.int32: torch.int64, torch.float32: torch.float64}

# What Keras on torch gets wrong: it forgets `keepdims` without an axis, and reduces all axes or
# keeps ints where the axes are an empty tuple.
WHOLE = ("amax", "amin", "max", "min", "prod", "sum")
EMPTY = ("mean", "nanmax", "nanmean", "nanmedian", "nanmin", "prod", "std", "sum")


def differs(row):
    axis = row.kwargs.get("axis")
    if row.name in WHOLE and axis is None and row.kwargs.get("keepdims"):
        return True
    return row.name in EMPTY and axis == ()


def one_of_each(rows):
    """A row for every op and set of keywords."""
    found = {(row.name, len(row.args), tuple(row.kwargs)): row for row in reversed(rows)}
    return list(reversed(found.values()))


def named(library, name):
    return getattr(library, name, None) or getattr(library.image, name)


def cast(array, dtype):
    """A float32 array as a tensor of `dtype`: not negative for uint8; others stay."""
    tensor = torch.tensor(array)
    if tensor.dtype is not torch.float32:
        return tensor
    if dtype == "bool":
        return tensor > 0
    return (tensor.abs() if dtype == "uint8" else tensor).to(getattr(torch, dtype))


def converted(values, function):
    """The arguments with `function` of each array."""
    if isinstance(values, np.ndarray):
        return function(values)
    if isinstance(values, (list, tuple)):
        return type(values)(converted(v, function) for v in values)
    if isinstance(values, dict):
        return {key: converted(v, function) for key, v in values.items()}
    return values


def arrays_of(row):
    return [x for x in tree.flatten((row.args, row.kwargs)) if isinstance(x, np.ndarray)]


def call(library, row, function):
    args, kwargs = converted((row.args, row.kwargs), function)
    return named(library, row.name)(*args, **kwargs)


def flat(outputs):
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def close(one, other, rtol):
    """Equal up to `rtol` of the largest number, with NaN and infinities in the same places."""
    if one.is_complex():
        one, other = torch.view_as_real(one.resolve_conj()), torch.view_as_real(other)
    one, other = one.double(), other.double()
    finite = torch.isfinite(other)
    torch.testing.assert_close(one[~finite], other[~finite], equal_nan=True)
    scale = other[finite].abs().max().item() if finite.any() else 0.0
    torch.testing.assert_close(one[finite], other[finite], rtol=0, atol=rtol * max(scale, 1e-3))


def alike(ours, theirs, rtol=1e-6, wide=False):
    """Equal structure, shapes, values and dtypes; `wide`: a dtype may have 64 bits for 32."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for one, other in zip(ours, theirs):
        if not isinstance(other, torch.Tensor):
            assert one == pytest.approx(other)
            continue
        assert one.dtype is other.dtype or (wide and one.dtype is NARROWED.get(other.dtype))
        assert one.shape == other.shape
        close(one, other, HALF.get(str(one.dtype).removeprefix("torch."), rtol))


def keras_result(row, convert):
    """What Keras gives, or the error that it raises."""
    try:
        return call(keras.ops, row, convert)
    except (RuntimeError, TypeError, ValueError) as error:
        return error


@pytest.mark.parametrize(("row", "dtype"), ALL, ids=str)
def test_equals_keras(row, dtype):
    convert = functools.partial(cast, dtype=dtype)
    theirs = keras_result(row, convert)
    if isinstance(theirs, Exception):
        # What Keras on torch does not take may work here, or fail likewise.
        try:
            assert all(isinstance(x, torch.Tensor) for x in flat(call(ops, row, convert)))
        except type(theirs):
            pass
        return
    ours = call(ops, row, convert)
    if not differs(row):
        wide = any(x.dtype in (np.int64, np.float64) for x in arrays_of(row))
        alike(ours, theirs, row.rtol, wide)


@pytest.mark.parametrize("dtype", ("float64", "int64"))
@pytest.mark.parametrize("row", [r for r in one_of_each(FLOATING) if not differs(r)], ids=str)
def test_wide_numbers_stay_wide(row, dtype):
    convert = functools.partial(cast, dtype=dtype)
    if any(np.isnan(x).any() for x in arrays_of(row)) and dtype == "int64":
        return
    if dtype == "int64" and "int32" not in row.dtypes:
        return
    theirs = keras_result(row, convert)
    if isinstance(theirs, Exception):
        return
    ours = call(ops, row, convert)
    for one, other in zip(flat(ours), flat(theirs), strict=True):
        if not isinstance(other, torch.Tensor):
            continue
        # Functions of ints with floating results give `floatx()`.
        wide = {other.dtype, NARROWED.get(other.dtype)}
        assert one.dtype in wide or (dtype == "int64" and one.dtype is torch.float32)
        assert one.shape == other.shape
        close(one, other, max(row.rtol, 2e-6))


@pytest.mark.parametrize("row", [row for row in CORE_ROWS if differs(row)], ids=str)
def test_as_numpy_where_keras_differs(row):
    expected = row.args[0]
    if not row.name.startswith("nanm"):
        expected = getattr(np, row.name)(expected, **row.kwargs)
    result = call(ops, row, torch.tensor)
    assert result.dtype is torch.float32
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-5, equal_nan=True)


@pytest.mark.parametrize("row", one_of_each(FLOATING), ids=str)
def test_arrays_and_lists_are_taken_like_tensors(row):
    expected = call(ops, row, torch.tensor)
    if not arrays_of(row):
        return
    alike(call(ops, row, lambda array: array), expected)
    # Ints of a list are int32.
    if all(array.dtype in (np.float32, np.int32, np.bool_) for array in arrays_of(row)):
        alike(call(ops, row, lambda array: array.tolist()), expected)


# ------------------------------------------------------------------ numbers, scalars, empty tensors
SCALARS = (2, 1.5, True)
# For these Keras computes in float32 where its own inference says that a number is weak.
STRONG = ("arctan2", "heaviside", "hypot", "logaddexp", "logaddexp2")
ONE_TENSOR = [(name, domain) for domain, names in UNARY.items() for name in names.split()]


@pytest.mark.parametrize("number", SCALARS)
@pytest.mark.parametrize("dtype", ("float32", "float16", "bfloat16", "int32", "uint8", "bool"))
@pytest.mark.parametrize("name", sorted(set(BINARY_NAMES) - {"nextafter"}))
def test_numbers_are_weak(name, dtype, number):
    tensor = cast(np.array([1.0, 2.2, 3.4, 4.1], "float32"), dtype)
    for args in ((tensor, number), (number, tensor)):
        try:
            theirs = getattr(keras.ops, name)(*args)
        except (RuntimeError, TypeError):
            continue
        if name in STRONG and tensor.is_floating_point():
            theirs = theirs.to(tensor.dtype)
        alike(getattr(ops, name)(*args), theirs, 2e-6)


@pytest.mark.parametrize("numbers", list(itertools.product(SCALARS, SCALARS)), ids=str)
@pytest.mark.parametrize("name", ("add", "multiply", "divide", "maximum", "less", "power"))
def test_two_numbers(name, numbers):
    try:
        theirs = getattr(keras.ops, name)(*numbers)
    except (RuntimeError, TypeError):
        return
    alike(getattr(ops, name)(*numbers), theirs)


@pytest.mark.parametrize(("name", "domain"), ONE_TENSOR + [(n, "any") for n in ops_nn.ACTIVATIONS])
def test_one_number_and_no_element(name, domain):
    like = torch.tensor(DOMAINS[domain]).flatten()
    numbers = [1, True, like[0].item(), like[0]]
    for given in [
        *numbers,
        torch.zeros(0, 4),
        torch.zeros(2, 0),
        torch.zeros(0, dtype=torch.int32),
    ]:
        try:
            theirs = getattr(keras.ops, name)(given)
        except (AttributeError, IndexError, RuntimeError, TypeError):
            continue
        if name.endswith("softmax") and not theirs.is_floating_point():
            continue
        alike(getattr(ops, name)(given), theirs, 2e-6)


PROMOTED = (
    *("float32", "float16", "bfloat16", "float64", "bool"),
    *("uint8", "int8", "int16", "int32", "int64"),
)


@pytest.mark.parametrize("pair", list(itertools.product(PROMOTED, repeat=2)), ids=str)
def test_promotion(pair):
    one, other = (cast(np.array([1.0, 2, 3], "float32"), dtype) for dtype in pair)
    wide = "float64" in pair or "int64" in pair
    for name in ("add", "multiply", "divide", "maximum", "minimum", "equal", "arctan2", "mod"):
        theirs = getattr(keras.ops, name)(one, other)
        alike(getattr(ops, name)(one, other), theirs, wide=wide)
    where = torch.tensor([True, False, True])
    alike(ops.where(where, one, other), keras.ops.where(where, one, other), wide=wide)


def test_numbers_follow_floatx():
    before = config.floatx()
    config.set_floatx("float16")
    try:
        x = torch.arange(3, dtype=torch.int32)
        for result in (ops.add(x, 1.5), ops.add(1.5, x), ops.sin(x), ops.mean(x)):
            assert result.dtype is torch.float16
    finally:
        config.set_floatx(before)


def test_wide_values_are_exact():
    tiny = torch.tensor([1.0, 1.0 + 1e-12], dtype=torch.float64)
    assert ops.mean(tiny).item() == tiny.mean().item()
    assert ops.matmul(tiny, tiny).item() == (tiny @ tiny).item()
    big = torch.tensor([2**40, 1])
    assert ops.cumsum(big).tolist() == [2**40, 2**40 + 1]
    assert ops.maximum(big, 3).tolist() == [2**40, 3]


# ------------------------------------------------------------------ gradients
def weighted_sum(outputs):
    total = 0
    for x in flat(outputs):
        if isinstance(x, torch.Tensor) and x.requires_grad and x.is_floating_point():
            weights = torch.linspace(0.5, 1.5, x.numel()).view(x.shape)
            total = total + (torch.nan_to_num(x, 0.0, 0.0, 0.0) * weights.to(x.dtype)).sum()
    return total


def gradients(library, row):
    leaves = []

    def leaf(array):
        tensor = torch.tensor(array)
        if tensor.is_floating_point():
            leaves.append(tensor.requires_grad_())
        return tensor

    total = weighted_sum(call(library, row, leaf))
    if not isinstance(total, torch.Tensor):
        return None
    return torch.autograd.grad(total, leaves, allow_unused=True)


DIFFERENTIABLE = [r for r in FLOATING if r.gradient and arrays_of(r) and not differs(r)]


@pytest.mark.parametrize("row", DIFFERENTIABLE, ids=str)
def test_gradients_equal_keras(row):
    try:
        theirs = gradients(keras.ops, row)
    except RuntimeError as error:
        assert any(word in str(error) for word in ("derivative", "differentiable", "grad"))
        return
    ours = gradients(ops, row)
    assert (ours is None) == (theirs is None)
    for one, other in zip(ours or (), theirs or ()):
        assert (one is None) == (other is None)
        if one is not None:
            close(one, other, max(row.rtol, 2e-6))


# ------------------------------------------------------------------ symbolic
def dtype_name(tensor):
    return str(tensor.dtype).removeprefix("torch.")


@pytest.mark.parametrize("batched", (False, True), ids=("known", "batched"))
@pytest.mark.parametrize("row", [r for r in ROWS if r.symbolic and arrays_of(r)], ids=str)
def test_symbolic_is_as_eager(row, batched):
    if batched and not row.batched:
        return
    arrays = arrays_of(row)
    dtype = row.dtypes[0]

    def stand_in(array):
        shape = array.shape
        if row.batch:
            unknown = any(array is x for x in arrays[: row.batch])
        else:
            unknown = shape == arrays[0].shape and len(shape) > 1
        if batched and unknown:
            shape = (None, *shape[1:])
        return Input(batch_shape=shape, dtype=dtype_name(cast(array, dtype)))

    eager = tree.flatten(call(ops, row, functools.partial(cast, dtype=dtype)))
    outputs = tree.flatten(call(ops, row, stand_in))
    assert batched or len(outputs) == len(eager)
    for out, real_one in zip(outputs, eager):
        assert isinstance(out, KerasTensor)
        assert out.dtype == ops.dtype(real_one)
        assert len(out.shape) == real_one.ndim
        if not row.sized:
            continue
        assert all(a in (None, b) for a, b in zip(out.shape, real_one.shape))
        if not batched:
            assert None not in out.shape


# ------------------------------------------------------------------ saved graphs
def graph(library, row):
    """A model that calls the op on inputs, and tensors for them."""
    inputs, tensors = [], []

    def stand_in(array):
        tensors.append(cast(array, row.dtypes[0]))
        shape, name = array.shape, f"input_{len(inputs)}"
        inputs.append(library.Input(batch_shape=shape, dtype=dtype_name(tensors[-1]), name=name))
        return inputs[-1]

    outputs = call(library.ops, row, stand_in)
    return library.Model(inputs, outputs), tensors


def through_json(model):
    return json.loads(json.dumps(model.get_config()))


def op_nodes(config):
    """Class, module and settings of each op."""
    for layer in config["layers"]:
        if layer["class_name"] != "InputLayer":
            settings = {k: v for k, v in layer["config"].items() if k not in ("name", "dtype")}
            if settings.get("data_format", "") is None:
                settings["data_format"] = "channels_last"
            yield layer["class_name"], layer["module"], settings


# `size` and `strides` are spelled out in Keras; a constant in a graph has the config of its value.
SPELLED_OUT = ("extract_patches", "extract_patches_3d")
# Keras cannot build or run these graphs again; or gets their values wrong, see `differs`.
ONLY_OURS = {
    "adaptive_average_pool": "no int as size",
    "adaptive_max_pool": "no int as size",
    "conv_transpose": "its class lacks `output_padding` when it is made from its config",
    "nonzero": "a graph of one row fails in a model",
}
GRAPHS = [r for r in one_of_each(ROWS) if r.symbolic and arrays_of(r) and not differs(r)]


@pytest.mark.parametrize("row", GRAPHS, ids=str)
def test_graphs_through_their_config(row):
    model, tensors = graph(torchkeras, row)
    again = Functional.from_config(through_json(model))
    alike(again(tensors), model(tensors))


def keras_graph(row):
    """Keras's model, or None where Keras cannot save and load it."""
    if row.name in ONLY_OURS:
        return None
    try:
        model, tensors = graph(keras, row)
        keras.Model.from_config(through_json(model))(tensors)
    except (IndexError, NotImplementedError, TypeError):
        return None
    return model


@pytest.mark.parametrize("row", GRAPHS, ids=str)
def test_graphs_go_to_keras_and_back(row):
    theirs = keras_graph(row)
    if theirs is None:
        return
    ours, tensors = graph(torchkeras, row)
    if row.name not in SPELLED_OUT:
        assert list(op_nodes(through_json(ours))) == list(op_nodes(through_json(theirs)))
    wide = any(x.dtype in (torch.int64, torch.float64) for x in tensors)
    if wide and row.name == "affine_transform":
        return  # Keras's models cast float64: other pixels are the nearest
    expected = theirs(tensors)
    alike(Functional.from_config(through_json(theirs))(tensors), expected, row.rtol, wide)
    alike(keras.Model.from_config(through_json(ours))(tensors), expected, row.rtol)


def test_most_graphs_are_compared_with_keras():
    assert sum(keras_graph(row) is not None for row in GRAPHS) > 0.95 * len(GRAPHS)


def test_a_symbolic_tensor_may_stand_for_a_setting():
    x, low = Input((4,)), Input(batch_shape=(4,))
    model = torchkeras.Model([x, low], ops.clip(x, low, 2.0))
    again = Functional.from_config(through_json(model))
    tensors = [torch.tensor(A), torch.tensor([-1.0, 0.0, 1.0, 1.5])]
    alike(again(tensors), torch.clip(tensors[0], tensors[1], torch.tensor(2.0)))


# ------------------------------------------------------------------ errors
@pytest.mark.parametrize("call", ERRORS, ids=lambda call: call[0])
def test_errors_are_of_the_same_kind(call):
    name, args, *kwargs = converted(list(call), torch.tensor)
    options = dict(*kwargs)
    with pytest.raises(Exception) as theirs:
        getattr(keras.ops, name)(*args, **options)
    with pytest.raises(type(theirs.value)):
        getattr(ops, name)(*args, **options)


# ------------------------------------------------------------------ every op has a row
# Tested by functions of their own: their arguments are functions, or their results random, or
# Keras's wrong.
BY_HAND = """
    argpartition associative_scan average_pool bincount cond convert_to_numpy custom_gradient
    dtype eig eigh elastic_transform empty empty_like fori_loop histogram is_tensor jvp map ndim
    scan shape sparsemax switch vectorize vectorized_map while_loop""".split()


def test_every_op_has_a_row():
    names = set()
    for room in (keras.ops, keras.ops.image, keras.ops.linalg, keras.ops.nn, keras.ops.numpy):
        names |= {name for name, _ in inspect.getmembers(room, inspect.isfunction)}
    assert sorted(names - {row.name for row in ROWS} - set(BY_HAND)) == []
    rooms = (ops, ops.image, ops.linalg, ops.nn, ops.numpy)
    assert [name for name in names if not any(hasattr(room, name) for room in rooms)] == []


def test_ndim_and_shape():
    for x in (torch.tensor(CUBE), CUBE, Input((3, 4))):
        assert ops.ndim(x) == 3
        assert ops.shape(x)[1:] == (3, 4)
        assert ops.dtype(x) == "float32"
    assert ops.is_tensor(torch.ones(1)) and not ops.is_tensor(CUBE)
    assert ops.is_tensor(Variable([1.0]))


# ------------------------------------------------------------------ conversion
def test_convert_to_tensor():
    for given in (
        1,
        1.5,
        True,
        [1, 2],
        [1.5, 2],
        [[True], [False]],
        [],
        ([1.0], [2]),
        np.arange(3.0),
    ):
        alike(ops.convert_to_tensor(given), keras.ops.convert_to_tensor(given))
    for dtype in ("uint8", "int8", "int64", "float16", "bool", "uint32"):
        given = np.array([0, 1, 2], dtype)
        alike(ops.convert_to_tensor(given), keras.ops.convert_to_tensor(given))
    # A dtype is heeded whatever is given: https://github.com/keras-team/keras/issues/21452
    for given in (torch.ones(2), np.ones(2), Variable([1.0, 1]), [torch.ones(2)], [1, 1.0], 1):
        assert ops.convert_to_tensor(given, dtype="int32").dtype is torch.int32
    mixed = ops.convert_to_tensor([torch.tensor(1.0), 2])
    assert mixed.dtype is torch.float32 and mixed.tolist() == [1.0, 2.0]
    assert ops.convert_to_tensor(2**40).dtype is torch.int64
    with pytest.raises(ValueError, match="`sparse=True` is not supported"):
        ops.convert_to_tensor([1], sparse=True)
    for library in (ops, keras.ops):
        with pytest.raises(ValueError):
            library.convert_to_tensor(["a"])


def test_unsigned_integers_of_16_bits_are_computed_in_32():
    picture = np.array([[1, 60000], [3, 4]], "uint16")
    for call in (lambda o: o.sum(picture), lambda o: o.cumsum(picture), lambda o: picture[0]):
        alike(ops.convert_to_tensor(call(ops)), keras.ops.convert_to_tensor(call(keras.ops)))
    for dtype in ("uint16", "uint32"):
        given = torch.tensor([-4, 2**33, 3])
        alike(ops.saturate_cast(given, dtype), keras.ops.saturate_cast(given, dtype))


def test_cross_of_vectors_of_two():
    pairs, triples = real(3, 2), real(3, 3)
    for other in (pairs[::-1].copy(), triples):
        wide = other if other is triples else np.pad(other, ((0, 0), (0, 1)))
        expected = torch.tensor(np.cross(np.pad(pairs, ((0, 0), (0, 1))), wide))
        alike(ops.cross(pairs, other), expected if other is triples else expected[:, 2], 2e-6)


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (5, 1), (3, 2)])
def test_windows_in_space_larger_than_the_image(window, stride):
    """Keras on torch raises, or has other elements in its windows."""
    x = real(2, 8, 3, 9, 3)
    sizes = [-(-n // stride) for n in x.shape[1:4]]
    pads = [max(0, (m - 1) * stride + window - n) // 2 for m, n in zip(sizes, x.shape[1:4])]
    expected = np.zeros((2, *sizes, 3), "float32")
    for place in np.ndindex(*sizes):
        starts = [i * stride - pad for i, pad in zip(place, pads)]
        inside = tuple(slice(max(0, start), start + window) for start in starts)
        expected[:, *place] = x[:, *inside].mean((1, 2, 3))
    alike(ops.average_pool(x, window, stride, "same"), torch.tensor(expected), 2e-6)


def test_an_unknown_batch_beside_a_known_one():
    for made in (lambda o, x: o.add(x, np.ones((4, 3))), lambda o, x: x + torch.ones(4, 3)):
        assert made(ops, Input((3,))).shape == (4, 3)
    with pytest.raises(RuntimeError, match="broadcast"):
        ops.add(Input((3,)), np.ones((4, 5)))
    assert torchkeras.layers.Dense(2)(KerasTensor((None, 4))).shape == (None, 2)


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_running_sums_of_a_number(axis):
    alike(ops.cumsum(2.0, axis), keras.ops.cumsum(2.0, axis))
    alike(ops.cumprod(2.0, axis), keras.ops.cumprod(2.0, axis))


def test_histogram_of_nothing():
    counts, edges = ops.histogram(np.zeros(0, "float32"), 4)
    expected = np.histogram(np.zeros(0, "float32"), 4)
    np.testing.assert_array_equal(counts, expected[0])
    np.testing.assert_allclose(edges, expected[1])


def test_convert_to_numpy():
    x = torch.tensor(A, requires_grad=True)
    np.testing.assert_array_equal(ops.convert_to_numpy(x), A)
    np.testing.assert_array_equal(ops.convert_to_numpy([x, x]), np.stack([A, A]))
    np.testing.assert_array_equal(ops.convert_to_numpy(Variable(A)), A)
    assert ops.convert_to_numpy(x.bfloat16()).dtype == np.float32
    assert ops.convert_to_numpy(3).shape == ()


def test_saturate_cast_beyond_what_floats_hold():
    x = torch.tensor([1e20, -1e20, 300.7, -1.0])
    assert ops.saturate_cast(x, "int32").tolist() == [2147483520, -2147483648, 300, -1]
    assert ops.saturate_cast(x, "uint8").tolist() == [255, 0, 255, 0]
    assert ops.saturate_cast(x, "int64").tolist()[:2] == [2**63 - 2**39, -(2**63)]
    big = torch.tensor([2**31 - 1, -5])
    assert ops.saturate_cast(big, "float32").tolist() == [2147483648.0, -5.0]
    assert ops.saturate_cast(big, "float16").tolist() == [65504.0, -5.0]
    assert ops.saturate_cast(torch.tensor([1e9]).bfloat16(), "float16").item() == 65280.0


# ------------------------------------------------------------------ control flow
def both(test):
    """Runs a test with Keras's ops and with ours; what it returns must be alike."""

    def run():
        for ours, theirs in zip(flat(test(ops)), flat(test(keras.ops)), strict=True):
            alike(tree.flatten(ours), tree.flatten(theirs))

    run.__name__ = test.__name__
    return run


@both
def test_cond_and_switch(o):
    x = torch.tensor(A)
    branches = [lambda x, y: x + y, lambda x, y: x * y]
    return [
        o.cond(True, lambda: x + 1, lambda: x - 1),
        o.cond(torch.tensor(False), lambda: x + 1, lambda: x - 1),
        *[o.switch(i, branches, x, x) for i in (0, 1, 5, -3, torch.tensor(1))],
    ]


@both
def test_loops(o):
    x = torch.tensor(A)
    return [
        o.while_loop(lambda i, v: i < 4, lambda i, v: (i + 1, v * 2), (0, x)),
        o.while_loop(lambda i: i < 4, lambda i: i + 1, 0),
        o.while_loop(lambda i: i < 4, lambda i: i + 1, 0, maximum_iterations=2),
        o.fori_loop(1, 5, lambda i, v: v + i, x),
        o.map(lambda row: row.sum() * 2, x),
    ]


@both
def test_scan(o):
    x = torch.tensor(A)
    zero = torch.zeros(4)

    def add(carry, row):
        return carry + row, carry * row

    return [
        *[o.scan(add, zero, x, reverse=reverse) for reverse in (False, True)],
        o.scan(lambda c, _: (c * 2, c), torch.tensor(1.0), length=4),
        o.scan(lambda c, r: (c + r, None), zero, x)[0],
        o.scan(lambda c, r: ({"a": c["a"] + r["b"]}, c["a"]), {"a": zero}, {"b": x}),
    ]


@pytest.mark.parametrize("reverse", (False, True))
@pytest.mark.parametrize("size", (1, 2, 5, 8))
def test_associative_scan(size, reverse):
    x = torch.tensor(real(size, 3))
    matrices = torch.tensor(real(size, 2, 2, low=-1, high=1))
    for f, elems in ((torch.add, x), (lambda a, b: b @ a, matrices)):
        ours = ops.associative_scan(f, elems, reverse=reverse)
        alike(ours, keras.ops.associative_scan(f, elems, reverse=reverse), 2e-6)
    pair = ops.associative_scan(lambda a, b: (a[0] + b[0], a[1] * b[1]), (x, x), axis=0)
    alike(pair, (x.cumsum(0), x.cumprod(0)), 2e-6)
    alike(ops.associative_scan(torch.add, x, axis=-1), x.cumsum(-1), 2e-6)


def test_control_flow_errors():
    with pytest.raises(TypeError, match="should be a callable"):
        ops.scan(1, 0, torch.ones(2))
    with pytest.raises(ValueError, match="unroll"):
        ops.scan(lambda c, x: (c, x), 0, torch.ones(2), unroll=0)
    with pytest.raises(ValueError, match="`length` not provided"):
        ops.scan(lambda c, x: (c, x), 0)
    with pytest.raises(ValueError, match="same first dimension"):
        ops.associative_scan(lambda a, b: a, (torch.ones(2), torch.ones(3)))
    with pytest.raises(ValueError, match="same kind"):
        ops.cond(Input(batch_shape=(), dtype="bool"), lambda: ops.ones(2), lambda: ops.ones(3))
    with pytest.raises(ValueError, match="Unsupported reduction"):
        ops.scatter_update(A, [[0, 0]], [1.0], reduction="mean")


def test_control_flow_on_symbolic_tensors():
    x = Input((4,))
    assert ops.cond(ops.all(x > 0), lambda: ops.ones((2,)), lambda: ops.zeros((2,))).shape == (2,)
    outputs = ops.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v), (ops.sum(x), x))
    assert [tuple(v.shape) for v in outputs] == [(), (None, 4)]
    y = Input(batch_shape=(5, 4))
    assert ops.map(lambda row: ops.sum(row), y).shape == (5,)
    assert ops.vectorized_map(lambda row: ops.sum(row), x).shape == (None,)
    carry, ys = ops.scan(lambda c, row: (c + row, ops.sum(row)), ops.zeros((4,)), y)
    assert (carry.shape, ys.shape) == ((4,), (5,))
    assert ops.associative_scan(lambda a, b: a + b, y).shape == (5, 4)
    assert ops.fori_loop(0, 3, lambda i, v: v * 2, x).shape == (None, 4)


def test_vectorized_map():
    x = torch.tensor(CUBE)
    alike(ops.vectorized_map(lambda m: m.sum(0), x), x.sum(1))
    pair = ops.vectorized_map(lambda ab: ab[0] * ab[1], (x, x))
    alike(pair, x * x)


def test_custom_gradient():
    def log1pexp(x):
        e = ops.exp(x)

        def grad(*args, upstream=None):
            if upstream is None:
                (upstream,) = args
            return ops.multiply(upstream, 1.0 - 1.0 / ops.add(1, e))

        return ops.log(1 + e), grad

    x = torch.tensor([100.0, -3.0, 0.5], requires_grad=True)
    results = []
    for library in (ops, keras.ops):
        y = library.custom_gradient(log1pexp)(x)
        results.append([y.detach(), torch.autograd.grad(y.sum(), x)[0]])
    alike(*results)
    assert results[0][1][0] == 1.0


# ------------------------------------------------------------------ reductions
@pytest.mark.parametrize("shape", ((7,), (3, 5)))
def test_bincount(shape):
    x = torch.tensor(whole(*shape, high=5)).int()
    weights = torch.tensor(real(*shape))
    for options in ({}, {"minlength": 8}, {"weights": weights}, {"weights": weights.int()}):
        if x.ndim == 2:
            options = {"minlength": 6, **options}
        alike(ops.bincount(x, **options), keras.ops.bincount(x, **options))


def test_histogram():
    x = torch.tensor(whole(40))
    for options in ({}, {"bins": 4}, {"bins": 5, "range": (2.0, 6.0)}):
        alike(ops.histogram(x, **options), keras.ops.histogram(x, **options))
        counts, edges = np.histogram(x.numpy(), **options)
        np.testing.assert_array_equal(ops.histogram(x, **options)[0].numpy(), counts)
        np.testing.assert_allclose(ops.histogram(x, **options)[1].numpy(), edges, rtol=1e-6)
    assert [v.shape for v in ops.histogram(Input(batch_shape=(None,)), 6)] == [(6,), (7,)]
    for arguments, error in (
        ((x, 2.5), TypeError),
        ((x, -1), ValueError),
        ((x.view(2, 20),), ValueError),
    ):
        for library in (ops, keras.ops):
            with pytest.raises(error):
                library.histogram(*arguments)


def test_count_nonzero_keeps_the_order_of_axes():
    expected = np.count_nonzero(CUBE > 0, axis=0)
    np.testing.assert_array_equal(ops.count_nonzero(torch.tensor(CUBE) > 0, axis=0), expected)


def test_average_as_numpy():
    weights = whole(2, 3, 4, low=1)
    for axis in (None, 1, (0, 2)):
        expected = np.average(CUBE, axis=axis, weights=weights)
        np.testing.assert_allclose(ops.average(CUBE, axis, weights), expected, rtol=1e-5)
    row = whole(3, low=1)
    expected = np.average(CUBE, axis=1, weights=row)
    np.testing.assert_allclose(ops.average(CUBE, 1, row), expected, rtol=1e-5)
    with pytest.raises(ValueError, match="shape of `weights`"):
        ops.average(CUBE, 1, whole(4))


def test_median_of_even_length():
    assert ops.median(torch.tensor([4.0, 1.0, 3.0, 2.0])).item() == 2.5
    assert ops.nanmedian(torch.tensor([4.0, 1.0, np.nan, 3.0, 2.0])).item() == 2.5


def test_quantiles_of_more_elements_than_torch_takes():
    x = torch.arange(2**24 + 3, dtype=torch.float64)
    assert ops.quantile(x, 0.25).item() == (2**24 + 2) / 4


def test_empty_tensors():
    none = torch.zeros(0, 3)
    for name in ("max", "min", "amax", "amin"):
        with pytest.raises(ValueError, match="of an empty tensor"):
            getattr(ops, name)(none, axis=0)
        assert getattr(ops, name)(none, axis=1).shape == (0,)
    assert ops.max(none, initial=2.0).item() == 2.0
    assert ops.max(none, axis=0, keepdims=True, initial=2.0).tolist() == [[2.0] * 3]
    for name in ("sum", "mean", "prod", "all", "any", "cumsum"):
        alike(getattr(ops, name)(none, axis=0), getattr(keras.ops, name)(none, axis=0))


def test_no_nan_gradients():
    # https://github.com/keras-team/keras/issues/23064
    x = torch.tensor([1.0, 0.0, 3.0], requires_grad=True)
    y = torch.tensor([2.0, 0.0, 0.0], requires_grad=True)
    grads = torch.autograd.grad(ops.divide_no_nan(x, y).sum(), (x, y))
    assert [g.tolist() for g in grads] == [[0.5, 0, 0], [-0.25, 0, 0]]


def test_normalize_of_zeros():
    """Keras's gradient is NaN there, and in float16 the values are:
    https://github.com/keras-team/keras/issues/23093"""
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        x = torch.zeros(2, 3, dtype=dtype, requires_grad=True)
        y = ops.normalize(x)
        (gradient,) = torch.autograd.grad(y.sum(), x)
        assert y.dtype is dtype and not y.any()
        assert not gradient.isnan().any()


def test_nextafter():
    for dtype in ("float32", "float64"):
        x, y = np.array([1.0, 1.0, 0.0], dtype), np.array([2.0, 0.0, 1.0], dtype)
        np.testing.assert_array_equal(ops.nextafter(x, y).numpy(), np.nextafter(x, y))


def test_clip_takes_bounds_below_the_dtype():
    x = torch.tensor([0, 1, 200], dtype=torch.uint8)
    assert ops.clip(x, -1, 100).tolist() == [0, 1, 100]
