"""Masks in symbolic calls and masks given by hand, as real Keras passes them on; recurrence."""

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras.layers import recurrent

TOKENS = np.array([[1, 2, 0, 0], [4, 5, 6, 0]])
MASK = [[True, True, False], [True, False, False]]


def mask_of(x):
    return getattr(x, "_keras_mask", None)


def with_stated_shape(k):
    """A layer that says its output's shape and passes masks on."""

    class Halved(k.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x):
            return x[..., ::2]

        def compute_output_shape(self, input_shape):
            return (*input_shape[:-1], (input_shape[-1] + 1) // 2)

    return Halved()


@pytest.mark.parametrize("library", [keras, torchkeras], ids=lambda k: k.__name__)
def test_symbolic_tensors_carry_masks(library):
    """Also past layers whose `compute_output_shape` is written by hand, as `Embedding`'s."""
    seen = []

    class MaskedSoftmax(library.layers.Layer):
        def __init__(self):
            super().__init__()
            self.supports_masking = True

        def call(self, x, mask=None):
            seen.append(mask is not None)
            powers = library.ops.exp(x) * library.ops.cast(mask[..., None], "float32")
            return powers / library.ops.sum(powers, axis=1, keepdims=True)

    inputs = library.Input((None,), dtype="int32")
    x = library.layers.Embedding(10, 8, mask_zero=True)(inputs)
    x = with_stated_shape(library)(x)
    x = library.layers.Dense(1)(x)
    assert mask_of(x).shape == (None, None)
    model = library.Model(inputs, MaskedSoftmax()(x))
    result = model(TOKENS).detach().numpy()[..., 0]
    assert all(seen)
    np.testing.assert_array_equal(result > 0, TOKENS != 0)
    np.testing.assert_allclose(result.sum(1), 1, rtol=1e-6)


MASKED_BY_HAND = [
    ("LSTM", {"units": 2, "return_sequences": True}),
    ("LSTM", {"units": 2}),
    ("BatchNormalization", {}),
    ("GlobalAveragePooling1D", {}),
]


@pytest.mark.parametrize("name,config", MASKED_BY_HAND, ids=str)
def test_a_mask_given_by_hand_goes_on(name, config):
    found = []
    for library in (torchkeras, keras):
        outputs = getattr(library.layers, name)(**config)(
            torch.ones(2, 3, 4), mask=torch.tensor(MASK)
        )
        found.append(mask_of(outputs))
    mine, other = found
    assert (mine is None) == (other is None)
    assert mine is None or torch.equal(mine, other)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [{}, {"use_cudnn": False}], ids=str)
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_recurrence_tells_what_runs(kind, options, masked, monkeypatch):
    """`layer.recurrence` is "scan" if and only if the steps are run one by one."""
    calls = []
    scan = recurrent.scan
    monkeypatch.setattr(recurrent, "scan", lambda *args: calls.append(1) or scan(*args))
    if kind == "SimpleRNN" and options:
        options = {"activation": "sigmoid"}
    layer = getattr(torchkeras.layers, kind)(2, **options)
    layer(torch.ones(2, 3, 4), mask=torch.tensor(MASK) if masked else None)
    assert layer.recurrence == ("scan" if calls else "fused") == ("scan" if options else "fused")


def test_reshape_to_another_dtype_says_so():
    layer = torchkeras.layers.Reshape((2, 3), dtype="float64")
    symbolic = layer(torchkeras.Input((6,)))
    assert symbolic.dtype == "float64" and layer(np.ones((1, 6))).dtype == torch.float64


def test_layers_that_know_no_phase_may_be_told_it():
    x = torchkeras.Input((6,))
    assert torchkeras.layers.Reshape((2, 3))(x, training=True).shape == (None, 2, 3)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_weights_of_half_precision_from_keras():
    theirs, ours = (library.layers.Dense(2, dtype="bfloat16") for library in (keras, torchkeras))
    for layer in (theirs, ours):
        layer.build((None, 3))
    ours.set_weights(theirs.get_weights())
    for own, weight in zip(ours.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(own.detach().float(), weight.value.detach().float())
