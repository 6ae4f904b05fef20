"""Data sources: the batches that real Keras hands to `train_step`, and what Keras refuses."""

import gc
import os
import random
import subprocess
import sys
import textwrap
import threading
import time
import traceback
import tracemalloc
import warnings
from collections import OrderedDict, namedtuple

import keras
import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset
from torch.utils.data import Dataset as TorchDataset

from torchkeras import config
from torchkeras._data import (
    PyDataset,
    Sequence,
    make_source,
    pack_x_y_sample_weight,
    train_validation_split,
    unpack_x_y_sample_weight,
)
from torchkeras._data.dataset import in_background

X = np.arange(20.0).reshape(10, 2)
Y = np.arange(10)
W = np.linspace(0.0, 1.0, 10)
RAN_OUT = "ran out of data"


class Spy(keras.Model):
    """A model of real Keras that gives every batch away."""

    def __init__(self, keep):
        super().__init__()
        self.keep = keep
        self.built = True

    def train_step(self, data):
        self.keep(data)
        return {"loss": torch.zeros(())}

    def call(self, x):
        return x


def batches_of_keras(x, y=None, sample_weight=None, *, steps=None, shuffle=False, **kwargs):
    """Batches of each epoch, and the messages of Keras's warnings."""
    epochs = []
    new_epoch = keras.callbacks.LambdaCallback(on_epoch_begin=lambda *_: epochs.append([]))
    spy = Spy(lambda batch: epochs[-1].append(batch))
    spy.compile()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spy.fit(
            x,
            y,
            sample_weight=sample_weight,
            steps_per_epoch=steps,
            shuffle=shuffle,
            verbose=0,
            callbacks=[new_epoch],
            **kwargs,
        )
    return epochs, [str(one.message) for one in caught if one.category is UserWarning]


def batches_of_ours(*args, epochs=1, **kwargs):
    result = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        source = make_source(*args, **kwargs)
        for _ in range(epochs):
            source.on_epoch_begin()
            result.append(list(source.batches()))
            source.on_epoch_end()
    return result, [str(one.message) for one in caught]


def tuples(structure):
    """torch's DataLoader, through which Keras passes generators, makes lists of tuples."""
    if isinstance(structure, (list, tuple)):
        return tuple(tuples(part) for part in structure)
    if isinstance(structure, dict):
        return {key: tuples(part) for key, part in structure.items()}
    return structure


def assert_same(ours, expected):
    assert type(ours) is type(expected)
    if isinstance(expected, torch.Tensor):
        assert ours.dtype == expected.dtype
        assert ours.shape == expected.shape
        assert torch.equal(ours, expected)
    elif isinstance(expected, dict):
        assert list(ours) == list(expected)
        for key in expected:
            assert_same(ours[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert len(ours) == len(expected)
        for one, other in zip(ours, expected):
            assert_same(one, other)
    else:
        assert ours == expected


def assert_as_keras(*args, make=None, loose=False, **kwargs):
    """The same batches, epochs and warnings; `make` makes data that can be used only once."""
    if make is not None:
        ours, our_warnings = batches_of_ours(make(), *args, **kwargs)
        expected, their_warnings = batches_of_keras(make(), *args, **kwargs)
    else:
        ours, our_warnings = batches_of_ours(*args, **kwargs)
        expected, their_warnings = batches_of_keras(*args, **kwargs)
    if loose:
        ours, expected = [[[tuples(b) for b in e] for e in run] for run in (ours, expected)]
    assert_same(ours, expected)
    assert sum(RAN_OUT in text for text in our_warnings) == len(their_warnings)
    assert len(our_warnings) == len(their_warnings)


FRAME = pd.DataFrame({"a": np.arange(10), "b": np.arange(10.0)})
Pair = namedtuple("Pair", "left right")

ARRAYS = {
    "x and y": ((X, Y), {}),
    "x": ((X,), {}),
    "weights without y": ((X, None, W), {}),
    "all three": ((X, Y, W), {}),
    "list of inputs": (([X, X + 1],), {}),
    "tuple of inputs": (((X, X + 1), Y), {}),
    "named tuple": ((Pair(X, X + 1), Y), {}),
    "dict of inputs": (({"z": X, "a": X + 1}, Y), {}),
    "ordered dict": ((OrderedDict(z=X, a=X + 1), Y), {}),
    "nested": (({"z": [X, (X + 1, X + 2)]}, {"p": Y, "q": [X, Y]}), {}),
    "no target for one output": ((X, [Y, None]), {}),
    "weights of one output": ((X, [Y, Y], [W, None]), {}),
    "weights for all outputs": ((X, {"a": Y, "b": Y}, W), {}),
    "weights in a column": ((X, {"a": Y, "b": Y}, W[:, None]), {}),
    "weights of steps": ((X, X, X), {}),
    "class weights": ((X, Y), {"class_weight": {0: 2.0, 3: 0.5}}),
    "class weights of columns": ((X, Y[:, None]), {"class_weight": {0: 2.0, 3: 0.5}}),
    "class weights of floats": ((X, Y + 0.2), {"class_weight": {0: 2.0, 3: 0.5}}),
    "class weights one-hot": ((X, np.eye(10)), {"class_weight": {0: 2.0, 3: 0.5}}),
    "class weights negative": ((X, Y - 5), {"class_weight": {-5: 2.0, 4: 0.5}}),
    "class weights by float": ((X, Y), {"class_weight": {0.0: 2, np.int64(3): 0.5}}),
    "class weights by name": ((X, Y), {"class_weight": {"a": 2.0}}),
    "class weights of torch": ((X, torch.tensor(Y)), {"class_weight": {0: 2.0, 3: 0.5}}),
    "frame and series": ((FRAME, FRAME["a"], FRAME["b"]), {}),
    "class weights of a series": ((FRAME, FRAME["a"]), {"class_weight": {0: 2.0, 3: 0.5}}),
    "frame of integers": ((FRAME[["a"]],), {}),
    "csr": ((scipy.sparse.csr_matrix(X), Y), {}),
    "coo": ((scipy.sparse.coo_array(X), Y), {}),
    "torch": ((torch.tensor(X), torch.tensor(Y)), {}),
    "torch uint16": ((torch.tensor(X).to(torch.uint16),), {}),
    "mixed": (([torch.tensor(X), scipy.sparse.csr_matrix(X), FRAME], X), {}),
    "not contiguous": ((X[:, ::-1], Y[::-1]), {}),
    "fortran": ((np.asfortranarray(X), Y), {}),
    "index": ((X, pd.Index(Y)), {}),
    "one batch": ((X, Y), {"batch_size": 100}),
    "default batch size": ((np.zeros((70, 1)),), {"batch_size": None}),
    "batch size zero": ((np.zeros((70, 1)),), {"batch_size": 0}),
    "steps": ((X, Y), {"steps": 2, "epochs": 5}),
    "more steps than data": ((X, Y), {"steps": 5, "epochs": 2}),
    "steps of all data": ((X, Y), {"steps": 3, "epochs": 2}),
    "steps give the batch size": ((X, Y), {"steps": 4, "epochs": 2, "batch_size": None}),
}


@pytest.mark.tiny
@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name):
    args, kwargs = ARRAYS[name]
    assert_as_keras(*args, **{"batch_size": 4, **kwargs})


@pytest.mark.tiny
@pytest.mark.parametrize(
    "dtype",
    "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 bool complex64".split(),
)
def test_dtypes_of_arrays(dtype):
    assert_as_keras(X.astype(dtype), batch_size=4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.int16])
def test_dtypes_of_tensors(dtype):
    assert_as_keras(torch.tensor(X).to(dtype), batch_size=4)


@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_floatx(shuffle):
    try:
        config.set_floatx("float64")
        (batch,) = make_source(X.astype("float32"), batch_size=10, shuffle=shuffle).batches()
    finally:
        config.set_floatx("float32")
    assert batch.dtype == torch.float64


REFUSED_ARRAYS = {
    "sizes": ((X, Y[:5]), {}, "Data cardinality is ambiguous"),
    "sizes in a dict": (({"a": X, "b": X[:4]}, Y[:5]), {}, "'x' sizes: 10, 4\n'y' sizes: 5"),
    "weights of two of three": (
        (X, [Y, Y], [W]),
        {},
        "one `sample_weight` array per output in `y`",
    ),
    "weights of steps": ((X, [Y, Y], X), {}, "one scalar score per sample"),
    "class weights of two outputs": (
        (X, [Y, Y]),
        {"class_weight": {0: 2.0}},
        "`class_weight` is only supported for Models with a single output",
    ),
    "no array": (("hello",), {}, "Unrecognized data type: x=hello"),
    "a number": ((3,), {}, "Unrecognized data type: x=3"),
    "negative batch size": ((X,), {"batch_size": -1}, "batch_size"),
    "batch size": ((X,), {"batch_size": 4.0}, "batch_size"),
    "objects": ((np.array([{}, {}]),), {}, "Invalid dtype: object"),
    "dates": ((np.zeros(3, "datetime64[s]"),), {}, "Invalid dtype: datetime64"),
}


@pytest.mark.tiny
@pytest.mark.parametrize("name", REFUSED_ARRAYS)
def test_refused_arrays(name):
    args, kwargs, message = REFUSED_ARRAYS[name]
    with pytest.raises(ValueError) as theirs:
        batches_of_keras(*args, **kwargs)
    with pytest.raises(ValueError) as ours:
        batches_of_ours(*args, **kwargs)
    assert message in str(theirs.value)
    assert message in str(ours.value)


# What Keras fails on by accident, or never ends on, is refused in words.
@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((X[:0], Y[:0]), {}, "There is no data"),
        ((None,), {}, "There is no data"),
        (([],), {}, "There is no data"),
        ((np.array(3.0),), {}, "at least one axis"),
        (([[1, 2], [3]],), {}, "Pad them first"),
        ((X, np.zeros((10, 3, 3))), {"class_weight": {0: 1.0}}, "at most two axes"),
        ((X, None), {"class_weight": {0: 1.0}}, "y=None"),
        ((X, Y), {"class_weight": [1.0, 2.0]}, "must be a dict"),
        ((X, Y), {"steps": -1}, "steps_per_epoch"),
    ],
)
def test_refused_in_words(args, kwargs, message):
    with pytest.raises(ValueError, match=message):
        make_source(*args, **kwargs)


@pytest.mark.tiny
@pytest.mark.parametrize("wrap", [list, tuple])
def test_lists_of_numbers_are_arrays(wrap):
    ((x, y),) = make_source(wrap([1.0, 2.0, 3.0]), wrap([1, 2, 3])).batches()
    assert_same(x, torch.tensor([1.0, 2.0, 3.0]))
    assert_same(y, torch.tensor([1, 2, 3]))
    (batch,) = make_source([wrap([1.0, 2.0]), wrap([3.0, 4.0])]).batches()
    assert_same(batch, torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    (batch,) = make_source({"a": wrap([1, 2]), "b": [[True], [False]]}).batches()
    assert_same(batch, {"a": torch.tensor([1, 2]), "b": torch.tensor([[True], [False]])})


@pytest.mark.tiny
@pytest.mark.parametrize(
    "text",
    [
        np.array(["a", "b", "c"]),
        np.array(["a", "b", "c"], object),
        ["a", "b", "c"],
        pd.Series(["a", "b", "c"]),
        np.array([b"a", b"b", b"c"]),
    ],
    ids=["str", "object", "list", "series", "bytes"],
)
def test_text_stays_numpy(text):
    for shuffle in (False, True):
        source = make_source(text, [0, 1, 2], batch_size=2, shuffle=shuffle)
        batches = list(source.batches())
        assert all(isinstance(x, np.ndarray) for x, _ in batches)
        pairs = {(np.ravel(x)[0], int(y)) for xs, ys in batches for x, y in zip(xs, ys)}
        assert pairs == {(word, i) for i, word in enumerate(np.ravel(text))}


def test_more_kinds_of_arrays(tmp_path):
    memmap = np.memmap(tmp_path / "x", np.float64, "w+", shape=X.shape)
    memmap[:] = X
    memmap.flush()
    read_only = X.copy()
    read_only.flags.writeable = False
    objects = pd.DataFrame({"a": np.arange(10), "b": np.arange(10) > 4})
    nullable = pd.DataFrame({"a": pd.array(range(10), dtype="Int64")})
    assert_same(list(make_source(memmap).batches()), [torch.tensor(X, dtype=torch.float32)])
    mapped = np.memmap(tmp_path / "x", np.float64, "r", shape=X.shape)
    (batch,) = make_source(mapped, shuffle=True).batches()
    assert_same(batch.sort(0).values, torch.tensor(X, dtype=torch.float32))
    assert_same(list(make_source(read_only).batches()), [torch.tensor(X, dtype=torch.float32)])
    (batch,) = make_source(objects).batches()
    assert_same(batch, torch.tensor(objects.to_numpy().astype("float32")))
    (batch,) = make_source(nullable).batches()
    assert batch.flatten().tolist() == list(range(10))
    (batch,) = make_source(X.astype(">f4")).batches()
    assert_same(batch, torch.tensor(X, dtype=torch.float32))
    (batch,) = make_source(torch.tensor(X).to_sparse()).batches()
    assert_same(batch, torch.tensor(X, dtype=torch.float32))
    (batch,) = make_source(np.arange(3, dtype="uint64")).batches()
    assert_same(batch, torch.tensor([0, 1, 2]))


def test_tensors_are_detached_and_shared():
    x = torch.tensor(X, dtype=torch.float32, requires_grad=True)
    (batch,) = make_source(x * 2).batches()
    assert not batch.requires_grad
    array = X.astype("float32")
    first, *_ = make_source(array, batch_size=4).batches()
    assert first.data_ptr() == array.ctypes.data


def test_an_array_given_twice_is_kept_once():
    source = make_source(X, {"a": X, "b": Y}, W, batch_size=4, shuffle=True)
    assert len({id(rows) for rows in source._rows}) == 3
    for x, y, weights in source.batches():
        assert torch.equal(x, y["a"])
        assert x.data_ptr() != y["a"].data_ptr()
        assert torch.equal(weights["a"], weights["b"])


def test_batches_are_leaves_of_their_own():
    """A batch may ask for a gradient, or be changed in place by what needs one."""
    weight = torch.ones((), requires_grad=True)
    for shuffle in (False, True):
        for x in make_source(X.copy(), batch_size=4, shuffle=shuffle).batches():
            (x.requires_grad_() * 3).sum().backward()
            assert (x.grad == 3).all()
        for x in make_source(X.copy(), batch_size=4, shuffle=shuffle).batches():
            x.mul_(weight)
        x.sum().backward()


@pytest.mark.tiny
def test_shuffle_keeps_rows_together():
    x = [X, scipy.sparse.csr_matrix(X), {"t": torch.tensor(X)}, FRAME]
    source = make_source(x, Y, W, batch_size=4, shuffle=True)
    orders = []
    for _ in range(3):
        seen = []
        for (a, b, c, d), y, w in source.batches():
            assert len(a) in (4, 2)
            assert torch.equal(a, b) and torch.equal(a, c["t"])
            assert torch.equal(a[:, 0] / 2, y.float()) and torch.equal(d[:, 0], y.float())
            assert torch.allclose(w, y / 9)
            seen += y.tolist()
        assert sorted(seen) == list(range(10))
        orders.append(tuple(seen))
    assert len(set(orders)) == 3


def test_shuffle_within_batches():
    source = make_source(Y, batch_size=4, shuffle="batch")
    runs = [[sorted(batch.tolist()) for batch in source.batches()] for _ in range(3)]
    assert runs == [[[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]] * 3
    y = np.arange(1000)
    assert any(
        batch.tolist() != sorted(batch.tolist())
        for batch in make_source(y, batch_size=100, shuffle="batch").batches()
    )


@pytest.mark.tiny
@pytest.mark.parametrize("shuffle", [True, "batch"])
def test_order_depends_on_the_seed_alone(shuffle):
    def run(seed, disturb):
        torch.manual_seed(seed)
        source = make_source(np.arange(100), batch_size=7, shuffle=shuffle)
        result = []
        for _ in range(2):
            for batch in source.batches():
                result += batch.tolist()
                if disturb:
                    torch.rand(3)
        return result

    assert run(1, False) == run(1, True)
    assert run(1, False) != run(2, False)


def test_windows_do_not_show(monkeypatch):
    """However many batches are gathered at once, they are the same."""
    runs = []
    for size in (1, 100, 4 << 20):
        monkeypatch.setattr("torchkeras._data.adapters._WINDOW_BYTES", size)
        torch.manual_seed(0)
        source = make_source(X, Y, batch_size=3, shuffle=True)
        runs.append([list(source.batches()) for _ in range(2)])
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


def test_attributes():
    source = make_source(X, Y, batch_size=4)
    assert (source.num_batches, source.batch_size, source.size) == (3, 4, 10)
    source = make_source(X, Y, steps=5)
    assert (source.num_batches, source.batch_size, source.size) == (5, 2, 10)
    assert make_source(source) is source
    loader = DataLoader(TensorDataset(torch.tensor(X)), 4)
    source = make_source(loader)
    assert (source.num_batches, source.batch_size, source.size) == (3, 4, 10)
    source = make_source(batch for batch in [(X, Y), (X, Y)])
    assert (source.num_batches, source.batch_size, source.size) == (None, None, None)


@pytest.mark.tiny
@pytest.mark.parametrize(
    "make",
    [
        lambda: make_source(X, Y, batch_size=4),
        lambda: make_source([X, X], batch_size=4),
        lambda: make_source({"a": scipy.sparse.csr_matrix(X)}, Y, W, batch_size=40),
        lambda: make_source(generator(), steps=5),
        lambda: make_source(LOADERS["tensors"]()),
        lambda: make_source(DataLoader(Stream(), 2)),
        lambda: make_source(py_dataset(PyDataset, workers=2), class_weight={0: 2.0}),
    ],
)
def test_peek(make):
    expected = list(make().batches())
    source = make()
    for _ in range(2):
        assert_same(source.peek(), expected[0])
    assert_same(list(source.batches()), expected)


def test_peek_without_data():
    with pytest.raises(ValueError, match="There is no data"):
        make_source(DataLoader(Samples(lambda i: X[i], 0), 2)).peek()


def test_class_weights_multiply_sample_weights():
    """Real Keras 3 refuses the two together, Keras 2 multiplies them."""
    weights = {0: 2.0, 3: 0.5}
    expected = torch.tensor([weights.get(y, 1.0) for y in Y.tolist()]) * torch.tensor(W)
    for sample_weight in (W, W[:, None]):
        ((_, _, w),) = make_source(X, Y, sample_weight, class_weight=weights).batches()
        assert torch.allclose(w.flatten(), expected.float())
        stream = (batch for batch in [(X, Y, sample_weight)] * 2)
        _, _, w = next(make_source(stream, class_weight=weights, steps=1).batches())
        assert torch.allclose(w.flatten().float(), expected.float())


def test_max_steps_per_epoch():
    config.set_max_steps_per_epoch(2)
    try:
        with pytest.warns(UserWarning, match="Limiting steps_per_epoch to 2"):
            source = make_source(X, batch_size=2)
        assert source.num_batches == 2
    finally:
        config.set_max_steps_per_epoch(None)


# Generators


def generator(count=5, make=lambda i: (X[i : i + 1] + i, Y[i : i + 1])):
    for i in range(count):
        yield make(i)


GENERATED = {
    "pairs": lambda i: (X[:2], Y[:2]),
    "x": lambda i: (X[:2],),
    "dict": lambda i: ({"b": X[:2], "a": X[:2]}, Y[:2]),
    "nested": lambda i: ([X[:2], X[:2]], (Y[:2], Y[:2]), None),
    "tensors": lambda i: (torch.tensor(X[:2]), torch.tensor(Y[:2])),
    "narrow": lambda i: (X[:2].astype("float16"), Y[:2].astype("uint16")),
    "wide": lambda i: (X[:2].astype("uint32"), Y[:2] > 0),
    "pandas": lambda i: (FRAME, FRAME["a"]),
    "scalar": lambda i: (X[:2], 3.0),
    "integer scalars": lambda i: (3, 2**40),
    "four": lambda i: (X, X, X, X),
}


@pytest.mark.tiny
@pytest.mark.parametrize("name", GENERATED)
def test_parts_of_batches(name):
    assert_as_keras(make=lambda: generator(2, GENERATED[name]), loose=True)


@pytest.mark.tiny
@pytest.mark.parametrize(
    ("count", "kwargs"),
    [
        (5, {"epochs": 3}),
        (5, {"epochs": 3, "steps": 3}),
        (6, {"epochs": 3, "steps": 3}),
        (6, {"epochs": 2, "steps": 3}),
        (1, {"epochs": 2}),
        (3, {"batch_size": 7}),
    ],
)
def test_generators(count, kwargs):
    assert_as_keras(make=lambda: generator(count), loose=True, **kwargs)


def test_generators_are_not_read_beyond_the_steps():
    read = []
    source = make_source(generator(100, lambda i: read.append(i) or (X, Y)), steps=3)
    list(source.batches())
    list(source.batches())
    assert read == list(range(6))


@pytest.mark.parametrize(
    ("make", "args", "kwargs", "message"),
    [
        (lambda: generator(0), (), {}, "must yield at least one batch"),
        (lambda: generator(1, lambda i: None), (), {}, "the generator must return a tuple"),
        (generator, (Y,), {}, "When providing `x` as a generator, `y` should not be passed"),
        (generator, (None, Y), {}, "a generator, `sample_weights` should not be passed"),
    ],
)
def test_refused_generators(make, args, kwargs, message):
    with pytest.raises(ValueError) as theirs:
        batches_of_keras(make(), *args, **kwargs)
    with pytest.raises(ValueError) as ours:
        batches_of_ours(make(), *args, **kwargs)
    assert message in str(theirs.value)
    assert message in str(ours.value)


def test_generators_keras_refuses():
    """Lists, single arrays and dicts as batches, class weights, other iterators."""
    batch = next(make_source(iter([[X, Y]] * 2), steps=1).batches())
    assert type(batch) is tuple and len(batch) == 2
    assert torch.equal(next(make_source(iter([X] * 2), steps=1).batches()), torch.tensor(X))
    batch = next(make_source(iter([{"a": X}] * 2), steps=1).batches())
    assert_same(batch, {"a": torch.tensor(X)})
    source = make_source(generator(), class_weight={1: 3.0}, steps=3)
    assert [w.tolist() for _, _, w in source.batches()] == [[1.0], [3.0], [1.0]]
    batch = next(make_source(iter([(["a", "b"], [1, 2])] * 2), steps=1).batches())
    assert batch[0].tolist() == ["a", "b"] and batch[1].tolist() == [1, 2]
    sparse = scipy.sparse.csr_matrix(X)
    assert_same(next(make_source(iter([sparse] * 2), steps=1).batches()), torch.tensor(X))


def test_generator_that_raises():
    def failing():
        yield X, Y
        yield X, Y
        yield X, Y
        raise KeyError("boom")

    seen = []
    with pytest.raises(KeyError, match="boom"):
        for batch in make_source(failing()).batches():
            seen.append(batch)
    assert len(seen) == 3


# PyDataset


def py_dataset(base, make=lambda i: (X[i : i + 1] + i, Y[i : i + 1]), count=5, **kwargs):
    """The same dataset as a subclass of real Keras's class and of ours."""

    class Data(base):
        def __init__(self):
            super().__init__(**kwargs)
            self.calls = []

        def __len__(self):
            return count

        def __getitem__(self, index):
            if index >= count and count:
                raise AssertionError("beyond the end")
            return make(index)

        def on_epoch_begin(self):
            self.calls.append("begin")

        def on_epoch_end(self):
            self.calls.append("end")

    return Data()


def endless(base, **kwargs):
    class Data(base):
        num_batches = None

        def __getitem__(self, index):
            return X + index, Y

    return Data(**kwargs)


def assert_datasets_as_keras(make, **kwargs):
    ours, our_warnings = batches_of_ours(make(PyDataset), **kwargs)
    expected, their_warnings = batches_of_keras(make(keras.utils.PyDataset), **kwargs)
    assert_same(tuples(ours), tuples(expected))
    assert sum(RAN_OUT in text for text in our_warnings) == len(their_warnings)
    assert len(our_warnings) == len(their_warnings)


@pytest.mark.tiny
@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize(
    "kwargs",
    [
        {"epochs": 2},
        {"epochs": 4, "steps": 2},
        {"epochs": 2, "steps": 7},
        {"class_weight": {0: 2.0, 1: 3.0}},
        {"batch_size": 3},
    ],
)
def test_py_datasets(workers, kwargs):
    if workers == 3 and kwargs.get("steps") == 2:
        kwargs = {"epochs": 2, "steps": 2}  # Keras drops batches that were made ahead
    assert_datasets_as_keras(lambda base: py_dataset(base, workers=workers), **kwargs)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_endless_py_datasets(workers):
    assert_datasets_as_keras(lambda base: endless(base, workers=workers), epochs=2, steps=3)


PY_BATCHES = {
    "array": lambda i: X,
    "one": lambda i: (X,),
    "list": lambda i: [X, Y],
    "dict": lambda i: {"a": X},
    "three": lambda i: (X, Y, W),
    "no targets": lambda i: (X, None, None),
}


@pytest.mark.parametrize("name", PY_BATCHES)
def test_batches_of_py_datasets(name):
    assert_datasets_as_keras(lambda base: py_dataset(base, PY_BATCHES[name], 1))


@pytest.mark.parametrize(
    ("make", "args", "message"),
    [
        (
            lambda base: py_dataset(base, lambda i: (X, X, X, X)),
            (),
            "must return a tuple or a dict",
        ),
        (lambda base: py_dataset(base, lambda i: "x"), (), "must return a tuple or a dict"),
        (py_dataset, (Y,), "When providing `x` as a PyDataset, `y` should not be passed"),
        (py_dataset, (None, W), "a PyDataset, `sample_weights` should not be passed"),
    ],
)
def test_refused_py_datasets(make, args, message):
    with pytest.raises(ValueError) as theirs:
        batches_of_keras(make(keras.utils.PyDataset), *args)
    with pytest.raises(ValueError) as ours:
        batches_of_ours(make(PyDataset), *args)
    assert message in str(theirs.value)
    assert message in str(ours.value)


def test_py_dataset_itself():
    assert Sequence is PyDataset
    data = py_dataset(PyDataset, workers=3, max_queue_size=2)
    assert (data.workers, data.use_multiprocessing, data.max_queue_size) == (3, False, 2)
    assert data.num_batches == 5 and len(list(data)) == 5
    assert endless(PyDataset).num_batches is None

    class Bare(PyDataset):
        def __init__(self):
            pass

    assert (Bare().workers, Bare().use_multiprocessing, Bare().max_queue_size) == (1, False, 10)
    with pytest.raises(NotImplementedError, match="You need to implement the `num_batches`"):
        make_source(Bare())
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Bare()[0]
    with pytest.raises(ValueError, match="length 0"):
        make_source(py_dataset(PyDataset, count=0))


def test_epochs_of_py_datasets():
    data = py_dataset(PyDataset)
    batches_of_ours(data, epochs=2)
    assert data.calls == ["begin", "end"] * 2


@pytest.mark.parametrize(
    "kwargs", [{}, {"workers": 2}, {"workers": 2, "use_multiprocessing": True}]
)
def test_shuffled_py_datasets(kwargs):
    def run():
        torch.manual_seed(3)
        source = make_source(py_dataset(PyDataset, count=8, **kwargs), shuffle=True)
        return [[int(y) for _, y in source.batches()] for _ in range(3)]

    orders = run()
    assert all(sorted(order) == list(range(8)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert run() == orders


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_worker_processes(workers):
    def make(index):
        time.sleep(0.01 * (index % 2))
        noise = np.random.rand(), random.random(), torch.rand(()).item()
        return np.array([index, os.getpid(), torch.get_num_threads()]), np.array(noise)

    def run(workers):
        torch.manual_seed(0)
        data = py_dataset(PyDataset, make, 6, workers=workers, use_multiprocessing=True)
        source = make_source(data)
        return [list(source.batches()) for _ in range(2)]

    epochs = run(workers)
    for epoch in epochs:
        assert [int(x[0]) for x, _ in epoch] == list(range(6))
        assert os.getpid() not in {int(x[1]) for x, _ in epoch}
        assert {int(x[2]) for x, _ in epoch} == {1}
    noise = [[y.tolist() for _, y in epoch] for epoch in epochs]
    assert len({tuple(one) for epoch in noise for one in epoch}) == 12
    assert noise == [[y.tolist() for _, y in epoch] for epoch in run(2)]


def test_dataset_changed_between_epochs_reaches_the_workers():
    class Changing(PyDataset):
        offset = 0

        def __len__(self):
            return 3

        def __getitem__(self, index):
            return np.array([index + self.offset])

        def on_epoch_end(self):
            self.offset += 10

    data = Changing(workers=2, use_multiprocessing=True)
    epochs, _ = batches_of_ours(data, epochs=2)
    assert [[int(x) for (x,) in epoch] for epoch in epochs] == [[0, 1, 2], [10, 11, 12]]


@pytest.mark.parametrize("processes", [False, True])
def test_exception_in_a_worker(processes):
    def make(index):
        if index == 3:
            raise LookupError("no such file")
        return X, Y

    data = py_dataset(PyDataset, make, 8, workers=2, use_multiprocessing=processes)
    seen = []
    with pytest.raises(LookupError, match="no such file") as caught:
        for batch in make_source(data).batches():
            seen.append(batch)
    assert len(seen) == 3
    assert "in make" in "".join(traceback.format_exception(caught.value))


def test_worker_that_dies():
    def make(index):
        if index == 3:
            os._exit(1)
        return X, Y

    data = py_dataset(PyDataset, make, 8, workers=2, use_multiprocessing=True)
    with pytest.raises(RuntimeError, match="A worker process of Data died before batch"):
        list(make_source(data).batches())


@pytest.mark.parametrize("processes", [False, True])
@pytest.mark.parametrize("size", [1, 4])
def test_queue_size(size, processes, tmp_path):
    def make(index):
        (tmp_path / str(index)).touch()
        return X, Y

    data = py_dataset(
        PyDataset, make, 20, workers=2, use_multiprocessing=processes, max_queue_size=size
    )
    batches = make_source(data).batches()
    next(batches)
    time.sleep(0.3)
    assert len(list(tmp_path.iterdir())) <= size
    del batches


def test_threads_end_with_the_iterator():
    before = threading.active_count()
    source = make_source(endless(PyDataset, workers=4))
    for _ in source.batches():
        break
    gc.collect()
    assert threading.active_count() == before


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_started_worker_processes(method, tmp_path):
    """As on CUDA, where a fork is not possible."""
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent(f"""
        import multiprocessing
        import numpy as np
        from torchkeras._data import PyDataset, make_source

        class Data(PyDataset):
            def __len__(self):
                return 4

            def __getitem__(self, index):
                return np.array([index])

        if __name__ == "__main__":
            multiprocessing.set_start_method("{method}")
            source = make_source(Data(workers=2, use_multiprocessing=True))
            print([[int(x) for (x,) in source.batches()] for _ in range(2)])
        """)
    )
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    result = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": folder},
        timeout=300,
    )
    assert result.stdout.strip() == "[[0, 1, 2, 3], [0, 1, 2, 3]]", result.stderr


def test_no_fork_once_cuda_is_in_use(monkeypatch):
    from torchkeras._data.dataset import _start_method

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    assert _start_method() in ("forkserver", "spawn")


# DataLoader, torch datasets, other iterables


class Samples(TorchDataset):
    def __init__(self, make, count=5):
        self.make = make
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return self.make(index)


class Stream(IterableDataset):
    def __iter__(self):
        return iter([(X[i], Y[i]) for i in range(3)])


LOADERS = {
    "tensors": lambda: DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)), 4),
    "one tensor in a list": lambda: DataLoader(TensorDataset(torch.tensor(X)), 4),
    "one tensor": lambda: DataLoader(torch.tensor(X), 4),
    "dicts": lambda: DataLoader(Samples(lambda i: {"x": X[i], "y": Y[i]}), 2),
    "dicts and targets": lambda: DataLoader(Samples(lambda i: ({"x": X[i]}, Y[i])), 2),
    "named tuples": lambda: DataLoader(Samples(lambda i: Pair(X[i], Y[i])), 2),
    "dropped": lambda: DataLoader(Samples(lambda i: (X[i], Y[i])), 2, drop_last=True),
    "unbatched": lambda: DataLoader(Samples(lambda i: (X, Y)), None),
    "workers": lambda: DataLoader(Samples(lambda i: (X[i], Y[i])), 2, num_workers=1),
}


@pytest.mark.tiny
@pytest.mark.parametrize("name", LOADERS)
def test_data_loaders(name):
    assert_as_keras(LOADERS[name](), epochs=2)


def test_data_loaders_with_steps():
    assert_as_keras(LOADERS["tensors"](), epochs=4, steps=2)
    assert_as_keras(LOADERS["tensors"](), epochs=2, steps=5)


def test_data_loader_without_length():
    """Real Keras warns at the end of every epoch, though the data starts again."""
    loader = DataLoader(Stream(), 2)
    expected, _ = batches_of_keras(loader, epochs=2)
    ours, ours_warnings = batches_of_ours(loader, epochs=2)
    assert_same(ours, expected)
    assert not ours_warnings
    source = make_source(loader)
    assert source.num_batches is None
    list(source.batches())
    assert source.num_batches == 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((Y,), "as a torch DataLoader, `y` should not be passed"),
        ((None, W), "as a torch DataLoader, `sample_weights` should not be passed"),
    ],
)
def test_refused_with_data_loaders(args, message):
    with pytest.raises(ValueError) as theirs:
        batches_of_keras(LOADERS["tensors"](), *args)
    with pytest.raises(ValueError) as ours:
        make_source(LOADERS["tensors"](), *args)
    assert message in str(theirs.value)
    assert message in str(ours.value)


@pytest.mark.parametrize("make", [generator, LOADERS["tensors"]], ids=["generator", "loader"])
def test_shuffle_that_is_ignored(make):
    for batches in (batches_of_keras, batches_of_ours):
        _, texts = batches(make(), shuffle=True, steps=1)
        assert ["`shuffle=True` was passed, but will be ignored" in text for text in texts] == [
            True
        ]


def test_class_weights_of_data_loaders():
    """Real Keras refuses them."""
    source = make_source(LOADERS["tensors"](), class_weight={1: 3.0})
    weights = torch.cat([w for _, _, w in source.batches()])
    assert weights.tolist() == [1.0, 3.0] + [1.0] * 8


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    "data",
    [
        TensorDataset(torch.tensor(X), torch.tensor(Y)),
        Samples(lambda i: (X[i], Y[i]), 10),
    ],
    ids=["tensors", "samples"],
)
def test_torch_datasets(data, shuffle):
    """Real Keras refuses them."""
    torch.manual_seed(0)
    source = make_source(data, batch_size=4, shuffle=shuffle)
    orders = []
    for _ in range(2):
        xs, ys = zip(*source.batches())
        assert [len(y) for y in ys] == [4, 4, 2]
        assert torch.equal(torch.cat(xs)[:, 0] / 2, torch.cat(ys).float())
        orders.append(torch.cat(ys).tolist())
    assert (orders[0] == list(range(10))) is not shuffle
    assert (orders[0] == orders[1]) is not shuffle
    assert (source.num_batches, source.batch_size, source.size) == (3, 4, 10)
    assert make_source(data, steps=5).batch_size == 2


def test_torch_iterable_dataset():
    ((x, y),) = make_source(Stream()).batches()
    assert x.shape == (3, 2) and y.tolist() == [0, 1, 2]


def test_other_iterables():
    class Batches:
        def __init__(self, count):
            self.count = count

        def cardinality(self):
            return self.count

        def __iter__(self):
            return iter([(X, Y), (X, Y)])

    for count in (2, -1, -2):
        epochs, texts = batches_of_ours(Batches(count), epochs=2)
        assert [len(epoch) for epoch in epochs] == [2, 2] and not texts
        assert_same(epochs[0][0], (torch.tensor(X), torch.tensor(Y)))
    assert make_source(Batches(2)).num_batches == 2
    assert make_source(Batches(-1)).num_batches is None
    with pytest.raises(ValueError, match="as a tf.data.Dataset, `y` should not be passed"):
        make_source(Batches(2), Y)
    epochs, texts = batches_of_ours(Batches(3))
    assert len(epochs[0]) == 2 and RAN_OUT in texts[0]

    class Old:
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return X + index, Y

    epochs, _ = batches_of_ours(Old())
    assert [float(x[0, 0]) for x, _ in epochs[0]] == [0.0, 1.0]


# Splitting, packing


@pytest.mark.tiny
@pytest.mark.parametrize("share", [0.25, 0.5, 0.2])
def test_split(share):
    split = train_validation_split((X, Y, None), share)
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split as theirs

    for ours, expected in zip(split, theirs((X.astype("float32"), Y, None), share)):
        assert np.array_equal(ours[0], expected[0])
        assert np.array_equal(ours[1], expected[1])
        assert ours[2] is expected[2] is None


def test_split_of_all_kinds():
    x = {"n": X, "t": torch.tensor(X), "s": scipy.sparse.coo_matrix(X), "f": FRAME}
    train, validation = train_validation_split((x, FRAME["a"], None), 0.25)
    for part, rows in ((train, slice(0, 7)), (validation, slice(7, 10))):
        ((inputs, y),) = make_source(*part).batches()
        expected = torch.tensor(X, dtype=torch.float32)[rows]
        assert_same([inputs["n"], inputs["t"], inputs["s"]], [expected] * 3)
        assert torch.equal(inputs["f"], torch.tensor(FRAME.to_numpy(np.float32))[rows])
        assert_same(y, torch.tensor(Y)[rows, None])


def test_split_of_lists():
    (x, y), (val_x, val_y) = train_validation_split(([1.0, 2.0, 3.0, 4.0], [1, 2, 3, 4]), 0.25)
    assert x.tolist() == [1.0, 2.0, 3.0] and val_y.tolist() == [4]
    assert train_validation_split((None, None), 0.5) == ((None, None), (None, None))


@pytest.mark.parametrize(
    ("arrays", "share", "message"),
    [
        ((X[:1], Y[:1]), 0.5, "Training data contains 1 samples"),
        ((X, Y), 1.0, "validation_split=1.0"),
        ((iter([]), None), 0.5, "only supported for tensors or NumPy arrays"),
    ],
)
def test_refused_split(arrays, share, message):
    from keras.src.trainers.data_adapters.array_slicing import train_validation_split as theirs

    for split in (theirs, train_validation_split):
        with pytest.raises(ValueError, match=message):
            split(arrays, share)


@pytest.mark.tiny
@pytest.mark.parametrize("data", [X, (X,), (X, Y), (X, Y, W), [X, Y], {"a": X}])
def test_unpack(data):
    assert all(
        ours is theirs
        for ours, theirs in zip(
            unpack_x_y_sample_weight(data), keras.utils.unpack_x_y_sample_weight(data)
        )
    )


def test_unpack_refuses():
    for unpack in (unpack_x_y_sample_weight, keras.utils.unpack_x_y_sample_weight):
        with pytest.raises(ValueError, match="Data is expected to be in format `x`"):
            unpack((1, 2, 3, 4))


@pytest.mark.parametrize("args", [(X,), ([X],), ((X, X),), (X, Y), (X, Y, W), (X, None, W)])
def test_pack(args):
    ours = pack_x_y_sample_weight(*args)
    theirs = keras.utils.pack_x_y_sample_weight(*args)
    assert type(ours) is type(theirs)
    assert str(ours) == str(theirs)


# Resources


def test_memory_does_not_grow():
    x = np.zeros((20_000, 8), "float32")
    y = np.zeros(20_000, "int64")
    source = make_source(x, y, batch_size=32, shuffle=True)
    data = py_dataset(PyDataset, count=50, workers=2)

    def once():
        for _ in source.batches():
            pass
        for _ in make_source(data).batches():
            pass
        next(make_source(X, Y).batches())

    once()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        once()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5):
            once()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 50_000


def test_gathered_rows_are_bounded():
    """Shuffling copies a window of the rows, never all of them."""
    x = torch.zeros(60_000, 256)
    storages = set()
    for index, batch in enumerate(make_source(x, batch_size=100, shuffle=True).batches()):
        storages.add(batch.untyped_storage().nbytes())
        if index == 200:
            break
    assert max(storages) <= 4 << 20


@pytest.mark.parametrize("depth", [1, 3])
def test_background_thread(depth):
    made = []

    def items():
        for i in range(10):
            made.append((i, threading.current_thread().name))
            yield i

    results = in_background(items(), depth)
    assert next(results) == 0
    time.sleep(0.2)
    assert len(made) <= depth + 2
    assert list(results) == list(range(1, 10))
    assert {name for _, name in made} == {"torchkeras_prefetch"}


def test_background_thread_raises_and_ends():
    before = threading.active_count()
    results = in_background((1 // (2 - i) for i in range(5)), 1)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
    results = in_background(iter(range(100)), 1)
    next(results)
    results.close()
    assert threading.active_count() == before


@pytest.mark.gpu
@pytest.mark.parametrize("fits", [True, False])
@pytest.mark.parametrize("shuffle", [False, True])
def test_cuda(monkeypatch, fits, shuffle):
    if not fits:
        monkeypatch.setattr("torchkeras._data.adapters.free_memory", lambda device: 0)
    x = [np.random.rand(5000, 3), scipy.sparse.random(5000, 4, 0.1, "csr"), np.arange(5000)]
    for data in (x[::2], x):
        runs = []
        for device in ("cpu", "cuda"):
            torch.manual_seed(0)
            source = make_source(data, x[2], batch_size=7, shuffle=shuffle, device=device)
            runs.append(list(source.batches()) + list(source.batches()))
        assert runs[1][0][1].is_cuda
        for batch, expected in zip(runs[1], runs[0]):
            parts = [part.cpu() for part in batch[0]]
            assert_same((parts, batch[1].cpu()), expected)


@pytest.mark.gpu
def test_streams_to_cuda():
    batches = list(make_source(generator(20), steps=20, device="cuda").batches())
    assert [int(y) for _, y in batches] == list(range(20))
    assert all(x.is_cuda and y.is_cuda for x, y in batches)
    data = py_dataset(PyDataset, workers=2)
    assert [int(y) for _, y in make_source(data, device="cuda").batches()] == list(range(5))
