"""Recurrent layers, wrappers, attention and the rest of the core layers against real Keras."""

import warnings

import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests import test_layers as generic
from compat_tests.cases.layers_recurrent import CASES, HEADS
from torchkeras._serialize import serialize_keras_object

# Keras's variables and NumPy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy")
LIBRARIES = (torchkeras, keras)
# What real Keras computes in 32 bits, whatever the dtype.
NARROWED = ("Dense", "RNN", "LSTM", "GRU", "Bidirectional", "TimeDistributed", "Attention")
all_cases = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.mark.parametrize("training", [False, True])
@all_cases
def test_value(case, training):
    generic.test_value(case, training)


@all_cases
def test_gradients(case):
    generic.test_gradients(case)


@all_cases
def test_gradients_lie_in_memory_as_their_weights(case):
    generic.test_gradients_lie_in_memory_as_their_weights(case)


@all_cases
def test_weights(case):
    generic.test_weights(case)


@all_cases
def test_symbolic_shape(case):
    if case.layer is torchkeras.layers.EinsumDense:
        pytest.skip("Keras forgets sizes that are known")
    generic.test_symbolic_shape(case)


@all_cases
def test_stated_shape(case):
    generic.test_stated_shape(case)


@all_cases
def test_config(case):
    generic.test_config(case)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float64", "float16"])
@all_cases
def test_policy(case, policy, monkeypatch):
    if case.layer is torchkeras.layers.TimeDistributed:
        pytest.skip("Keras computes in the dtype of neither layer")
    monkeypatch.setattr(generic, "NARROWED", NARROWED)
    generic.test_policy(case, policy)


# Recurrent layers: every option, every mask, every place of the gradients.

BATCH, STEPS, FEATURES, UNITS = 3, 6, 4, 5
MASKS = {
    "none": None,
    "all": [[1, 1, 1, 1, 1, 1]] * 3,
    "post": [[1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 1], [1, 0, 0, 0, 0, 0]],
    "pre": [[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]],
    "holes": [[0, 1, 0, 1, 1, 0], [1, 0, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0]],
}
OPTIONS = [
    {},
    {"return_sequences": True},
    {"return_state": True},
    {"return_sequences": True, "return_state": True, "go_backwards": True},
    {"go_backwards": True},
    {"return_sequences": True, "zero_output_for_mask": True},
    {"zero_output_for_mask": True},
    {"use_bias": False, "return_state": True},
    {"activation": "relu", "return_state": True},
    {"unroll": True, "return_sequences": True},
    {"activation": "sigmoid", "return_sequences": True},
    {"recurrent_activation": "hard_sigmoid", "return_sequences": True, "return_state": True},
    {"use_cudnn": False, "return_sequences": True, "return_state": True},
    {"use_cudnn": False, "use_bias": False},
    {"reset_after": False, "return_sequences": True},
    {"reset_after": False, "use_bias": False, "return_state": True},
]
# Those options that there is no torch kernel for.
SCANNED = ("recurrent_activation", "use_cudnn", "reset_after")
KINDS = ("SimpleRNN", "LSTM", "GRU")


def takes(kind, options):
    names = getattr(torchkeras.layers, kind).__init__.__code__.co_varnames
    return all(name in names or name == "zero_output_for_mask" for name in options)


RUNS = [(kind, options) for kind in KINDS for options in OPTIONS if takes(kind, options)]


def listed(outputs):
    return [t for t in keras.tree.flatten(outputs)]


def pair(make, shape=(BATCH, STEPS, FEATURES)):
    """The layer of each library, with the same weights."""
    ours, theirs = (make(library.layers) for library in LIBRARIES)
    generator = np.random.default_rng(1)
    ours.build(shape)
    theirs.build(shape)
    weights = [generator.normal(size=w.shape) * 0.5 for w in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


def sequences(gradients=True, shape=(BATCH, STEPS, FEATURES)):
    x = np.random.default_rng(2).normal(size=shape).astype("float32")
    return torch.tensor(x, requires_grad=gradients)


def assert_same_runs(ours, theirs, inputs, states=0, **call):
    """Outputs, and gradients of a weighted sum of them, for inputs, states and weights."""
    found = []
    for layer in (ours, theirs):
        tensors = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
        given = dict(call)
        generator = np.random.default_rng(3)
        first = [
            torch.tensor(
                generator.normal(size=(BATCH, UNITS)).astype("float32"), requires_grad=True
            )
            for _ in range(states)
        ]
        if first:
            given["initial_state"] = first
        outputs = [t for t in listed(layer(*tensors, **given)) if t is not None]
        draw = torch.Generator().manual_seed(0)
        sum((t * torch.rand(t.shape, generator=draw)).sum() for t in outputs).backward()
        weights = [w if layer is ours else w.value for w in layer.trainable_weights]
        gradients = [t.grad for t in (*tensors, *first, *weights)]
        found.append((outputs, gradients))
    for mine, other in zip(*found, strict=True):
        for a, b in zip(mine, other, strict=True):
            a, b = (torch.zeros(()) if t is None else t for t in (a, b))
            assert a.dtype == b.dtype
            torch.testing.assert_close(
                a, b, rtol=1e-5, atol=1e-5 * max(1.0, float(b.detach().abs().max()))
            )


@pytest.mark.parametrize("states", [False, True])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind,options", RUNS, ids=str)
def test_recurrent_sweep(kind, options, mask, states):
    ours, theirs = pair(lambda layers: getattr(layers, kind)(UNITS, **options))
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    count = {"LSTM": 2}.get(kind, 1) if states else 0
    assert_same_runs(ours, theirs, [sequences()], count, mask=mask)
    activation = options.get("activation", "tanh")
    exact = activation == "tanh" or (kind == "SimpleRNN" and activation == "relu")
    expected = "fused" if exact and not any(name in options for name in SCANNED) else "scan"
    assert ours.recurrence == expected


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("kind", KINDS)
def test_kernel_and_scan_agree_in_float64(kind, mask):
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    x = torch.randn(BATCH, STEPS, FEATURES, dtype=torch.float64)
    options = {"dtype": "float64", "return_sequences": True, "return_state": True}
    fused = getattr(torchkeras.layers, kind)(UNITS, **options)
    scan = getattr(torchkeras.layers, kind)(UNITS, **options)
    scan.use_cudnn = False
    fused.build(x.shape)
    scan.build(x.shape)
    scan.set_weights(fused.get_weights())
    assert (fused.recurrence, scan.recurrence) == ("fused", "scan")
    for a, b in zip(fused(x, mask=mask), scan(x, mask=mask), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


CELLS = {
    "list": lambda layers: [layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(5)],
    "one in a list": lambda layers: [layers.GRUCell(5)],
    "scanned between": lambda layers: [layers.GRUCell(4, reset_after=False), layers.LSTMCell(5)],
    "all scanned": lambda layers: layers.LSTMCell(5, activation="relu"),
}


@pytest.mark.parametrize("options", OPTIONS[:7], ids=str)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("cells", CELLS)
def test_stacked_cells(cells, mask, options):
    ours, theirs = pair(lambda layers: layers.RNN(CELLS[cells](layers), **options))
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    assert_same_runs(ours, theirs, [sequences()], mask=mask)
    x = torch.zeros(BATCH, STEPS, FEATURES)
    mine, other = ours(x), theirs(x)
    assert keras.tree.map_structure(lambda t: t.shape, mine) == keras.tree.map_structure(
        lambda t: t.shape, other
    )


def minimal_cell(library):
    """A cell that a user would write, on the given library."""

    class Cell(library.layers.Layer):
        def __init__(self, units, **kwargs):
            super().__init__(**kwargs)
            self.units = units
            self.state_size = units

        def build(self, input_shape):
            self.kernel = self.add_weight(
                shape=(input_shape[-1], self.units), initializer="uniform", name="kernel"
            )
            self.recurrent_kernel = self.add_weight(
                shape=(self.units, self.units), initializer="uniform", name="recurrent_kernel"
            )
            self.built = True

        def call(self, inputs, states):
            output = inputs @ self.kernel + states[0] @ self.recurrent_kernel
            return output, [output]

    return Cell


@pytest.mark.parametrize("options", OPTIONS[:7], ids=str)
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("stacked", [False, True])
def test_cell_of_a_user(mask, options, stacked):
    def make(layers):
        cell = minimal_cell(torchkeras if layers is torchkeras.layers else keras)
        return layers.RNN([cell(4), layers.GRUCell(5)] if stacked else cell(5), **options)

    ours, theirs = pair(make)
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    assert_same_runs(ours, theirs, [sequences()], mask=mask)
    assert ours.recurrence == "scan"


@pytest.mark.parametrize("name", ["SimpleRNNCell", "LSTMCell", "GRUCell"])
def test_cell_alone(name):
    ours, theirs = pair(lambda layers: getattr(layers, name)(UNITS), (BATCH, FEATURES))
    x = torch.randn(BATCH, FEATURES)
    states = [torch.randn(BATCH, UNITS) for _ in range(2 if name == "LSTMCell" else 1)]
    for a, b in zip(listed(ours(x, states)), listed(theirs(x, states)), strict=True):
        torch.testing.assert_close(a, b)
    if name != "LSTMCell":
        output, state = ours(x, states[0])
        assert torch.equal(output, state)
    assert generic.as_json(ours.get_config()) == {
        **generic.as_json(theirs.get_config()),
        "name": ours.name,
    }


DROPPED = [{"dropout": 0.5}, {"recurrent_dropout": 0.3}, {"dropout": 0.4, "recurrent_dropout": 0.3}]


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("options", [*DROPPED, {"dropout": 0.5, "use_cudnn": False}], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_dropout_draws_what_keras_draws(kind, options, mask):
    if not takes(kind, options):
        pytest.skip("no such option")
    ours, theirs = pair(
        lambda layers: getattr(layers, kind)(UNITS, seed=7, return_sequences=True, **options)
    )
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    assert_same_runs(ours, theirs, [sequences()], mask=mask, training=True)
    # Another call draws anew, and inference does not draw.
    x = sequences(gradients=False)
    assert not torch.equal(ours(x, training=True), ours(x, training=True))
    assert torch.equal(ours(x), ours(x))


@pytest.mark.parametrize("options", DROPPED, ids=str)
def test_dropout_of_convolutional_cells(options):
    shape = (2, 3, 5, 6, 2)
    ours, theirs = pair(
        lambda layers: layers.ConvLSTM2D(3, 2, seed=7, return_sequences=True, **options), shape
    )
    assert_same_runs(ours, theirs, [sequences(shape=shape)], training=True)


@pytest.mark.parametrize("kind", KINDS)
def test_kernel_follows_the_phase(kind):
    layer = getattr(torchkeras.layers, kind)(UNITS, recurrent_dropout=0.5)
    layer.build((BATCH, STEPS, FEATURES))
    assert layer.recurrence == "fused"
    layer.train()
    assert layer.recurrence == "scan"


@pytest.mark.parametrize("use_bias", [False, True])
def test_gru_with_and_without_gradients(use_bias):
    """On the CPU they take different ways."""
    layer = torchkeras.layers.GRU(
        UNITS, use_bias=use_bias, return_sequences=True, return_state=True
    )
    x = sequences(False)
    with_gradients = layer(x)
    with torch.no_grad():
        for a, b in zip(layer(x), with_gradients, strict=True):
            torch.testing.assert_close(a, b)


COMPILED = [
    *((kind, {"return_sequences": True}) for kind in KINDS),
    ("GRU", {"use_cudnn": False}),
    ("LSTM", {"use_cudnn": False}),
    ("SimpleRNN", {"activation": "sigmoid"}),
]


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("kind,options", COMPILED, ids=str)
def test_recurrent_compiles_whole(kind, options, mask):
    torch._dynamo.reset()
    layer = getattr(torchkeras.layers, kind)(UNITS, **options)
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    x = sequences(False)
    expected = layer(x, mask=mask)
    expected.sum().backward()
    gradients = [w.grad.clone() for w in layer.weights]
    layer.zero_grad()
    compiled = torch.compile(lambda x: layer(x, mask=mask), fullgraph=True, backend="aot_eager")
    result = compiled(x)
    result.sum().backward()
    torch.testing.assert_close(result, expected)
    for weight, gradient in zip(layer.weights, gradients, strict=True):
        torch.testing.assert_close(weight.grad, gradient, rtol=1e-4, atol=1e-5)


def test_others_compile_whole():
    torch._dynamo.reset()
    layers = torchkeras.layers
    x = sequences(False)
    for layer, call in (
        (layers.Bidirectional(layers.LSTM(UNITS)), lambda layer: layer(x)),
        (layers.TimeDistributed(layers.Dense(3)), lambda layer: layer(x)),
        (layers.RNN([layers.LSTMCell(3), layers.GRUCell(2)]), lambda layer: layer(x)),
        (layers.MultiHeadAttention(2, 3), lambda layer: layer(x, x, use_causal_mask=True)),
        (layers.GroupQueryAttention(4, 4, 2), lambda layer: layer(x, x)),
        (layers.Attention(), lambda layer: layer([x, x])),
        (layers.EinsumDense("abc,cd->abd", (None, 3)), lambda layer: layer(x)),
        (layers.ConvLSTM1D(3, 2), lambda layer: layer(x.unsqueeze(-1))),
        (layers.Masking(), lambda layer: layer(x)),
    ):
        expected = call(layer)
        torch._dynamo.reset()
        compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(compiled(layer), expected)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_recurrent_exports_with_any_batch(kind):
    model = torchkeras.Sequential(
        [torchkeras.Input((STEPS, FEATURES)), getattr(torchkeras.layers, kind)(UNITS)]
    )
    x = sequences(False)
    program = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    twice = torch.cat([x, x])
    torch.testing.assert_close(program.module()(twice), model(twice))


@pytest.mark.parametrize("kind", KINDS)
def test_weights_go_to_the_kernels_without_a_copy(kind):
    layer = getattr(torchkeras.layers, kind)(UNITS)
    layer.build((BATCH, STEPS, FEATURES))
    assert layer.cell.kernel.T.is_contiguous() and layer.cell.recurrent_kernel.T.is_contiguous()


def test_use_cudnn_insists():
    layer = torchkeras.layers.LSTM(UNITS, activation="relu", use_cudnn=True)
    with pytest.raises(ValueError, match="use_cudnn=True was specified"):
        layer(sequences(False))
    with pytest.raises(ValueError, match="use_cudnn"):
        torchkeras.layers.GRU(UNITS, use_cudnn="yes")


# States.


@pytest.mark.parametrize("mask", ["none", "holes"])
@pytest.mark.parametrize("kind", KINDS)
def test_stateful(kind, mask):
    ours, theirs = pair(
        lambda layers: getattr(layers, kind)(UNITS, stateful=True, return_sequences=True)
    )
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    x = sequences(False)
    with torch.no_grad():
        for _ in range(3):
            torch.testing.assert_close(ours(x, mask=mask), theirs(x, mask=mask))
        ours.reset_state()
        theirs.reset_state()
        torch.testing.assert_close(ours(x, mask=mask), theirs(x, mask=mask))
    for a, b in zip(listed(ours.states), listed(theirs.states), strict=True):
        assert a.path.split("/")[1:] == b.path.split("/")[1:]
        torch.testing.assert_close(a.detach(), b.value.detach())
    assert len(ours.variables) == len(theirs.variables)
    ours.reset_states([torch.ones(BATCH, UNITS)] * len(listed(ours.states)))
    assert all((state == 1).all() for state in listed(ours.states))
    with pytest.raises(ValueError, match="If an RNN is stateful"):
        ours(x[:2])


def test_stateful_trains_and_needs_a_batch_size():
    layers = torchkeras.layers
    layer = layers.LSTM(UNITS, stateful=True, batch_input_shape=(BATCH, None, FEATURES))
    x = sequences()
    (layer(x) + layer(x)).sum().backward()
    assert all(w.grad is not None for w in layer.trainable_weights)
    model = torchkeras.Sequential([layer, layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x.detach().numpy(), np.ones((BATCH, 1)), batch_size=BATCH, verbose=0, shuffle=False)
    model.reset_states() if hasattr(model, "reset_states") else layer.reset_states()
    with pytest.raises(ValueError, match="the batch size must be static"):
        layers.GRU(2, stateful=True)(torchkeras.Input((None, 3)))


@pytest.mark.parametrize("kind", KINDS)
def test_initial_state_in_graphs(kind):
    found = []
    count = 2 if kind == "LSTM" else 1
    for library in LIBRARIES:
        x = library.Input((None, FEATURES))
        states = [library.Input((UNITS,)) for _ in range(count)]
        outputs = getattr(library.layers, kind)(UNITS, return_state=True)(x, initial_state=states)
        found.append(library.Model([x, *states], list(outputs)))
    ours, theirs = found
    ours.set_weights(theirs.get_weights())
    arrays = [sequences(False), *(torch.randn(BATCH, UNITS) for _ in range(count))]
    for a, b in zip(ours(arrays), theirs(arrays), strict=True):
        torch.testing.assert_close(a, b)


def test_states_as_inputs_in_a_list():
    layers = torchkeras.layers
    x, state = sequences(False), torch.randn(BATCH, UNITS)
    layer = layers.GRU(UNITS)
    assert torch.equal(layer([x, state]), layer(x, initial_state=state))
    both = layers.Bidirectional(layers.LSTM(UNITS))
    states = [torch.randn(BATCH, UNITS) for _ in range(4)]
    assert torch.equal(both([x, *states]), both(x, initial_state=states))
    inputs = [torchkeras.Input((STEPS, FEATURES)), torchkeras.Input((UNITS,))]
    model = torchkeras.Model(inputs, layer(inputs))
    assert torch.equal(model([x, state]), layer([x, state]))


# Both directions.


@pytest.mark.parametrize("merge_mode", ["concat", "sum", "ave", "mul", None])
@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize(
    "options", [{}, *OPTIONS[1:3], {"return_sequences": True, "return_state": True}], ids=str
)
@pytest.mark.parametrize("kind", KINDS)
def test_bidirectional_sweep(kind, options, mask, merge_mode):
    ours, theirs = pair(
        lambda layers: layers.Bidirectional(
            getattr(layers, kind)(UNITS, **options), merge_mode=merge_mode
        )
    )
    mask = None if MASKS[mask] is None else torch.tensor(MASKS[mask], dtype=torch.bool)
    assert_same_runs(ours, theirs, [sequences()], mask=mask)
    count = 4 if kind == "LSTM" else 2
    assert_same_runs(ours, theirs, [sequences()], count, mask=mask)


def test_bidirectional_of_two_layers():
    ours, theirs = pair(
        lambda layers: layers.Bidirectional(
            layers.LSTM(UNITS, return_sequences=True),
            backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True),
        )
    )
    assert_same_runs(ours, theirs, [sequences()])
    layers = torchkeras.layers
    with pytest.raises(ValueError, match="go_backwards"):
        layers.Bidirectional(layers.LSTM(2), backward_layer=layers.LSTM(2))
    with pytest.raises(ValueError, match="return_sequences"):
        layers.Bidirectional(
            layers.LSTM(2), backward_layer=layers.LSTM(2, go_backwards=True, return_sequences=True)
        )
    with pytest.raises(ValueError, match="merge mode"):
        layers.Bidirectional(layers.LSTM(2), merge_mode="max")


def test_bidirectional_weights_and_state():
    layers = torchkeras.layers
    source = layers.Bidirectional(layers.LSTM(UNITS))
    source.build((BATCH, STEPS, FEATURES))
    copy = layers.Bidirectional(layers.LSTM(UNITS), weights=source.get_weights())
    x = sequences(False)
    assert torch.equal(copy(x), source(x))
    stateful = layers.Bidirectional(layers.GRU(UNITS, stateful=True))
    first, second = stateful(x), stateful(x)
    stateful.reset_states()
    assert not torch.equal(first, second) and torch.equal(stateful(x), first)
    assert len(stateful.states) == 2


@pytest.mark.parametrize("merge_mode", ["concat", None])
@pytest.mark.parametrize("sequence", [False, True])
def test_bidirectional_masks(sequence, merge_mode):
    layers = torchkeras.layers
    x = layers.Masking()(sequences(False))
    layer = layers.Bidirectional(layers.GRU(2, return_sequences=sequence), merge_mode=merge_mode)
    for output in listed(layer(x)):
        assert (getattr(output, "_keras_mask", None) is not None) == sequence
    symbolic = layers.Masking()(torchkeras.Input((STEPS, FEATURES)))
    for output in listed(layer(symbolic)):
        assert (getattr(output, "_keras_mask", None) is not None) == sequence


def test_text_classifier_learns_as_in_keras():
    """Embedding(mask_zero), Bidirectional(LSTM): the losses of 20 steps from equal weights."""
    generator = np.random.default_rng(0)
    x = generator.integers(1, 50, (64, 12))
    for row, length in zip(x, generator.integers(1, 13, 64), strict=True):
        row[length:] = 0
    y = (x.sum(1) % 2).astype("float32")
    models = []
    for library in LIBRARIES:
        layers = library.layers
        model = library.Sequential(
            [
                library.Input((None,), dtype="int32"),
                layers.Embedding(50, 8, mask_zero=True),
                layers.Bidirectional(layers.LSTM(6, return_sequences=True)),
                layers.Bidirectional(layers.LSTM(6)),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
        model.compile(library.optimizers.Adam(0.01), "binary_crossentropy")
        models.append(model)
    models[0].set_weights(models[1].get_weights())
    curves = [
        [float(model.train_on_batch(x[i % 4 * 16 :][:16], y[i % 4 * 16 :][:16])) for i in range(20)]
        for model in models
    ]
    np.testing.assert_allclose(*curves, rtol=0, atol=1e-4)


# Over the steps.


@pytest.mark.parametrize("training", [False, True])
def test_time_distributed_batch_normalization(training):
    ours, theirs = pair(lambda layers: layers.TimeDistributed(layers.BatchNormalization()))
    theirs.set_weights([np.abs(w) + 0.5 for w in theirs.get_weights()])
    ours.set_weights(theirs.get_weights())
    assert_same_runs(ours, theirs, [sequences()], training=training)
    for a, b in zip(ours.weights, theirs.weights, strict=True):
        torch.testing.assert_close(a.detach(), b.value.detach())


def test_time_distributed_passes_masks_on():
    shape = (2, 3, 4, 5)
    ours, theirs = pair(
        lambda layers: layers.TimeDistributed(layers.LSTM(4, return_sequences=True)), shape
    )
    mask = torch.rand(shape[:3], generator=torch.Generator().manual_seed(0)) > 0.4
    assert_same_runs(ours, theirs, [sequences(shape=shape)], mask=mask)
    with pytest.raises(ValueError, match="incompatible with the input shape"):
        ours(sequences(False, shape), mask=mask[:, :2])
    with pytest.raises(ValueError, match="at least 2D"):
        ours(sequences(False, shape), mask=mask[:, 0, 0])
    inner = torchkeras.Sequential([torchkeras.layers.Dense(3), torchkeras.layers.Dense(2)])
    assert torchkeras.layers.TimeDistributed(inner)(torchkeras.Input((None, 4))).shape == (
        None,
        None,
        2,
    )


@pytest.mark.parametrize("name", ["TimeDistributed", "Bidirectional", "Wrapper"])
def test_wrappers_want_layers(name):
    with pytest.raises(ValueError, match="ayer"):
        getattr(torchkeras.layers, name)(torch.nn.Linear(2, 2))


# Attention.

heads = pytest.mark.parametrize("cls,config,shapes,call", HEADS, ids=str)


def heads_pair(cls, config, shapes):
    ours, theirs = (
        getattr(library.layers, cls.__name__.replace("Grouped", "Group"))(**config)
        for library in LIBRARIES
    )
    ours.build(*shapes)
    theirs.build(*shapes)
    generator = np.random.default_rng(1)
    weights = [generator.normal(size=w.shape) * 0.5 for w in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    return ours, theirs


@heads
def test_heads(cls, config, shapes, call):
    ours, theirs = heads_pair(cls, config, shapes)
    inputs = [sequences(shape=shape) for shape in shapes]
    assert_same_runs(ours, theirs, inputs, **call)
    assert [w.path.split("/")[1:] for w in ours.weights] == [
        w.path.split("/")[1:] for w in theirs.weights
    ]
    assert len(ours.variables) == len(theirs.variables)
    assert generic.as_json(ours.get_config()) == {
        **generic.as_json(theirs.get_config()),
        "name": ours.name,
    }
    type(ours).from_config(theirs.get_config())
    type(theirs).from_config(ours.get_config())
    wrapped = serialize_keras_object(ours)
    assert keras.saving.deserialize_keras_object(wrapped).get_config() == theirs.get_config() | {
        "name": ours.name
    }


@heads
def test_heads_with_masks(cls, config, shapes, call):
    if len(shapes[0]) != 3:
        pytest.skip("masks are for sequences")
    ours, theirs = heads_pair(cls, config, shapes)
    draw = torch.Generator().manual_seed(0)
    query_mask = torch.rand(shapes[0][:2], generator=draw) > 0.3
    value_mask = torch.rand(shapes[1][:2], generator=draw) > 0.3
    attention_mask = torch.rand((2, shapes[0][1], shapes[1][1]), generator=draw) > 0.3
    inputs = [sequences(shape=shape) for shape in shapes]
    for masks in ({"value_mask": value_mask}, {"attention_mask": attention_mask}):
        assert_same_runs(ours, theirs, inputs, **masks, **call)
    found = []
    for layer in (ours, theirs):
        query, value = inputs[0].detach().clone(), inputs[1].detach().clone()
        query._keras_mask, value._keras_mask = query_mask, value_mask
        with warnings.catch_warnings():
            if layer is theirs:
                # Its projections complain of masks.
                warnings.simplefilter("ignore")
            output = layer(query, value, *[x.detach() for x in inputs[2:]], **call)
        found.append(listed(output)[0])
    if not call.get("training"):
        torch.testing.assert_close(*found)
    assert all(torch.equal(output._keras_mask, query_mask) for output in found)


@heads
def test_heads_in_graphs(cls, config, shapes, call):
    ours, theirs = heads_pair(cls, config, shapes)
    for unknown in (False, True):
        found = []
        for library, layer in zip(LIBRARIES, (ours, theirs), strict=True):
            inputs = [
                library.Input((*((None,) * (len(s) - 2) if unknown else s[1:-1]), s[-1]))
                for s in shapes
            ]
            found.append(listed(layer(*inputs, **call)))
        assert tuple(found[0][0].shape) == tuple(found[1][0].shape)
    if call.get("return_attention_scores"):
        inputs = [torchkeras.Input(batch_shape=shape) for shape in shapes]
        real = [torch.zeros(shape) for shape in shapes]
        assert ours(*inputs, **call)[1].shape == tuple(ours(*real, **call)[1].shape)


def test_heads_errors_and_flash():
    layers = torchkeras.layers
    for wrong in (
        {"num_heads": 0},
        {"key_dim": 0},
        {"value_dim": -1},
        {"sliding_window": 0},
        {"attention_axes": "x"},
    ):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            layers.MultiHeadAttention(**{"num_heads": 2, "key_dim": 2, **wrong})
    with pytest.raises(ValueError, match="divisible"):
        layers.GroupQueryAttention(2, 3, 2)
    with pytest.raises(ValueError, match="Dropout is not supported"):
        layers.MultiHeadAttention(2, 2, dropout=0.5, flash_attention=True)
    x = torch.randn(2, 5, 8)
    flash, plain = (layers.MultiHeadAttention(2, 4, flash_attention=f) for f in (True, False))
    flash.build(x.shape, x.shape)
    plain.build(x.shape, x.shape)
    plain.set_weights(flash.get_weights())
    torch.testing.assert_close(flash(x, x), plain(x, x))
    with pytest.raises(ValueError, match="Returning attention scores"):
        flash(x, x, return_attention_scores=True)
    with pytest.raises(ValueError, match="must be equal"):
        layers.MultiHeadAttention(2, 4)(x, x, x[:, :3])


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("config", [{}, {"use_scale": True}, {"score_mode": "concat"}], ids=str)
def test_attention_masks(config, causal):
    names = ["Attention"] if "score_mode" in config else ["Attention", "AdditiveAttention"]
    x = [torch.randn(2, 5, 4), torch.randn(2, 3, 4)]
    mask = [torch.rand(2, 5) > 0.3, torch.tensor([[True, False, True], [False, False, True]])]
    for name in names:
        ours, theirs = (getattr(library.layers, name)(**config) for library in LIBRARIES)
        for scores in (False, True):
            call = {"mask": mask, "use_causal_mask": causal, "return_attention_scores": scores}
            mine, other = ours(x, **call), theirs(x, **call)
            for w, v in zip(ours.weights, theirs.weights, strict=True):
                v.assign(w.detach())
            mine, other = ours(x, **call), theirs(x, **call)
            for a, b in zip(listed(mine), listed(other), strict=True):
                torch.testing.assert_close(a, b)
        with pytest.raises(ValueError, match="must be called on a list"):
            ours(x[0])


def test_subclass_with_another_product_sees_the_causal_mask():
    seen = []

    class Own(torchkeras.layers.MultiHeadAttention):
        def _compute_attention(self, query, key, value, attention_mask=None, *args):
            seen.append(attention_mask)
            return super()._compute_attention(query, key, value, attention_mask, *args)

    x = torch.randn(2, 5, 8)
    Own(2, 4)(x, x, use_causal_mask=True)
    assert torch.equal(seen[-1][0], torch.ones(5, 5, dtype=torch.bool).tril())


HEADS_BY_PRODUCTS = [
    # The configuration, the steps of queries and values, the call, and what runs: for all of it
    # at once, or for each head.
    ({}, (40, 40), {}, "_at_once"),
    ({}, (100, 100), {}, "_at_once"),
    ({"value_dim": 4}, (40, 40), {}, "_by_products"),
    ({"use_bias": False}, (40, 40), {}, "_by_products"),
    ({"use_gate": True}, (40, 40), {}, "_by_products"),
    ({"output_shape": 5}, (40, 40), {}, "_by_products"),
    ({"sliding_window": 3}, (40, 40), {}, "_by_products"),
    ({}, (40, 40), {"use_causal_mask": True}, "_by_products"),
    ({}, (40, 40), {"attention_mask": torch.arange(1600).reshape(1, 40, 40) % 3 > 0}, None),
    ({}, (30, 50), {}, "_by_products"),
    ({}, (2, 3), {}, ""),
]


@pytest.mark.parametrize(("config", "steps", "call", "expected"), HEADS_BY_PRODUCTS, ids=str)
def test_heads_over_tens_of_steps(config, steps, call, expected, monkeypatch):
    """What runs instead of torch's kernel for long sequences, with and without gradients."""
    module = torchkeras.layers._attention
    ran = []

    def note(owner, name):
        function = getattr(owner, name)

        def noting(*args):
            ran.append(name)
            return function(*args)

        monkeypatch.setattr(owner, name, noting)

    note(module, "_by_products")
    note(torchkeras.layers.MultiHeadAttention, "_at_once")
    ours, theirs = (library.layers.MultiHeadAttention(4, 8, **config) for library in LIBRARIES)
    query = torch.randn(16, steps[0], 32)
    value = query if steps[0] == steps[1] else torch.randn(16, steps[1], 32)
    ours(query[:1], value[:1]), theirs(query[:1], value[:1])
    theirs.set_weights(ours.get_weights())
    ran.clear()
    expected = "_by_products" if expected is None else expected
    for graded in (False, True):
        given = query.clone().requires_grad_(graded)
        arguments = given, given if value is query else value
        with torch.set_grad_enabled(graded):
            mine, other = ours(*arguments, **call), theirs(*arguments, **call)
        torch.testing.assert_close(mine, other, atol=2e-6, rtol=1e-5)
        if expected:
            assert ran.pop() == ("_by_products" if graded else expected)
        assert not ran
    weights = ours.trainable_weights, [v.value for v in theirs.trainable_weights]
    seed = torch.randn_like(mine)
    for a, b in zip(
        torch.autograd.grad(mine, [given, *weights[0]], seed),
        torch.autograd.grad(other, [given, *weights[1]], seed),
        strict=True,
    ):
        torch.testing.assert_close(a, b, atol=2e-5 * max(1.0, b.abs().max().item()), rtol=1e-4)


def test_whole_attention_is_left_where_parts_are_watched():
    layer = torchkeras.layers.MultiHeadAttention(4, 8)
    x = torch.randn(16, 40, 32)
    layer.build(x.shape, x.shape)
    with torch.no_grad():
        assert layer._is_whole(x, False)
        strided = x.transpose(0, 1).contiguous().transpose(0, 1)
        assert torch.equal(layer(strided, strided), layer(x, x))
        assert not layer._is_whole(x.double(), False)
        assert not layer._is_whole(x[:1], False)
        with torch.autocast("cpu"):
            assert not layer._is_whole(x, False)
        seen = []
        layer.key_dense.register_forward_hook(lambda *args: seen.append(args))
        layer(x, x)
    assert len(seen) == 1


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
@pytest.mark.parametrize("lengths", [(5, 1, 3), (5, 0, 3), (0, 0, 0)], ids=str)
def test_valid_steps_in_front(kind, lengths):
    """The last output and the states by the kernel, as by a scan; also of rows without a step."""
    x = torch.randn(3, 5, 4)
    mask = torch.arange(5) < torch.tensor(lengths).unsqueeze(1)
    for config in ({}, {"return_state": True}, {"return_sequences": True}):
        layer = getattr(torchkeras.layers, kind)(6, **config)
        layer(x)
        state = [torch.randn(3, 6) for _ in layer.state_size]
        results = []
        for kernel in ("auto", False):
            layer.use_cudnn = kernel
            results.append(listed(layer(x, mask=mask, initial_state=state)))
        for a, b in zip(*results, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("longest,run", [(0, 3), (1, 3), (7, 9), (31, 33), (33, 33)])
@pytest.mark.parametrize("side", ["post", "pre"])
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_steps_that_no_row_needs_are_not_run(kind, side, longest, run, monkeypatch):
    """Rows of 33 steps run as far as the longest needs, in sixteenths of them."""
    lengths = torch.tensor([longest, longest // 2, 0]).unsqueeze(1)
    mask = torch.arange(33) < lengths
    mask = mask if side == "post" else mask.flip(1)
    seen = []
    for options in OPTIONS[:7]:
        ours, theirs = pair(lambda layers, o=options: getattr(layers, kind)(UNITS, **o))
        kernel = ours.cell._run_kernel
        monkeypatch.setattr(
            ours.cell,
            "_run_kernel",
            lambda x, *rest, kernel=kernel: seen.append(len(x)) or kernel(x, *rest),
        )
        assert_same_runs(ours, theirs, [sequences(shape=(BATCH, 33, FEATURES))], mask=mask)
    assert set(seen) == {run}


@pytest.mark.filterwarnings("ignore:.*torch.jit.trace")
@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_traced_with_a_mask(kind):
    """What was traced with short rows runs long ones too, with holes in them."""
    layer = getattr(torchkeras.layers, kind)(UNITS)
    masks = [torch.arange(33) < n for n in (2, 31)]
    masks.append(torch.arange(33) % 3 == 1)
    x = torch.randn(1, 33, FEATURES)
    layer(x)
    layer.requires_grad_(False)
    with torch.no_grad():
        traced = torch.jit.trace(
            lambda x, mask: layer(x, mask=mask), (x, masks[0].unsqueeze(0)), check_trace=False
        )
        for mask in masks:
            given = x, mask.unsqueeze(0)
            torch.testing.assert_close(traced(*given), layer(x, mask=given[1]))


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_mask_of_no_rows(kind):
    layer = getattr(torchkeras.layers, kind)(UNITS)
    mask = torch.ones(0, STEPS, dtype=torch.bool)
    assert layer(torch.zeros(0, STEPS, FEATURES), mask=mask).shape == (0, UNITS)


# Core.


def double(x):
    return 2 * x


def test_lambda():
    layers = torchkeras.layers
    x = torch.randn(2, 3)
    torch.testing.assert_close(layers.Lambda(double)(x), 2 * x)
    layer = layers.Lambda(
        lambda x, power, training=None: x**power if training else x, arguments={"power": 2}
    )
    assert torch.equal(layer(x, training=True), x**2) and torch.equal(layer(x), x)
    assert layers.Lambda(lambda x: x.sum(-1))(torchkeras.Input((3, 4))).shape == (None, 3)
    assert layers.Lambda(lambda x: x, output_shape=(7,))(torchkeras.Input((3, 4))).shape == (
        None,
        7,
    )
    assert layers.Lambda(lambda x: x, output_shape=lambda s: (s[0], 1))(
        torchkeras.Input((3,))
    ).shape == (None, 1)
    masked = layers.Lambda(lambda x: x, mask=lambda x, mask: x[..., 0] > 0)(x)
    assert torch.equal(masked._keras_mask, x[..., 0] > 0)
    with pytest.raises(NotImplementedError, match="infer the shape"):
        layers.Lambda(lambda x: x.item())(torchkeras.Input((3,)))


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_lambda_configs_go_both_ways():
    x = torch.randn(2, 3)
    mine = torchkeras.layers.Lambda(lambda x: x * 3, name="it", output_shape=(3,))
    other = keras.layers.Lambda(lambda x: x * 3, name="it", output_shape=(3,))
    config = mine.get_config()
    assert set(config) == set(other.get_config())
    for cls, given in (
        (torchkeras.layers.Lambda, other.get_config()),
        (keras.layers.Lambda, config),
    ):
        with pytest.raises(ValueError, match="lambda"):
            cls.from_config(given)
        torch.testing.assert_close(cls.from_config(given, safe_mode=False)(x), 3 * x)
    for library in LIBRARIES:
        layer = library.layers.Lambda(double)
        again = library.layers.Lambda.from_config(
            layer.get_config(), custom_objects={"double": double}
        )
        torch.testing.assert_close(again(x), 2 * x)


def test_masking_of_integers():
    x = torch.tensor([[[1, 2], [0, 0]]])
    masked = torchkeras.layers.Masking()(x)
    assert masked.dtype == x.dtype and masked._keras_mask.tolist() == [[True, False]]


@pytest.mark.parametrize("equation", ["ab,bc", "ab,cd->ad", "ab,bc->ad", "ab...,bc->...ac"])
def test_einsum_dense_wrong_equation(equation):
    with pytest.raises(ValueError):
        torchkeras.layers.EinsumDense(equation, 3)(torch.ones(2, 4))


@pytest.mark.parametrize("bias_axes", [None, "d", "bd", "b"])
@pytest.mark.parametrize("equation", ["abc,cd->abd", "abc,dc->abd", "acb,cd->abd", "abc,bcd->abd"])
def test_einsum_dense_equations(equation, bias_axes):
    shape = (2, 3, 5) if equation.startswith("abc") else (2, 5, 3)
    ours, theirs = pair(
        lambda layers: layers.EinsumDense(equation, (3, 4), bias_axes=bias_axes), shape
    )
    assert_same_runs(ours, theirs, [sequences(shape=shape)])


def test_einsum_dense_begins_as_in_keras():
    found = []
    for library in LIBRARIES:
        initializer = library.initializers.HeNormal(seed=3)
        layer = library.layers.EinsumDense(
            "abc,cde->abde", (None, 4, 6), kernel_initializer=initializer
        )
        layer.build((2, 3, 5))
        found.append(layer.get_weights()[0])
    np.testing.assert_allclose(*found, rtol=1e-6)


LORA = [
    ("Dense", {"units": 4}),
    ("Conv1D", {"filters": 4, "kernel_size": 2}),
    ("Embedding", {"input_dim": 9, "output_dim": 4}),
    ("EinsumDense", {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"}),
]


@pytest.mark.parametrize("name,config", LORA)
def test_lora(name, config, tmp_path):
    ours, theirs = pair(lambda layers: getattr(layers, name)(**config))
    target = "embeddings" if name == "Embedding" else "kernel"
    x = torch.arange(6).reshape(2, 3) if name == "Embedding" else sequences(False)
    with pytest.raises(ValueError, match="isn't yet built"):
        type(ours)(**config).enable_lora(2)
    for layer in (ours, theirs):
        layer.enable_lora(2, lora_alpha=3)
    weights = [np.random.default_rng(1).normal(size=w.shape) for w in theirs.weights]
    ours.set_weights(weights)
    theirs.set_weights(weights)
    assert [(w.name, w.trainable) for w in ours.weights] == [
        (w.name, w.trainable) for w in theirs.weights
    ]
    assert_same_runs(ours, theirs, [x])
    assert getattr(ours, target).grad is None
    stored = [{}, {}]
    for layer, store in zip((ours, theirs), stored, strict=True):
        layer.save_own_variables(store)
    for a, b in zip(stored[0].values(), stored[1].values(), strict=True):
        torch.testing.assert_close(a.detach(), getattr(b, "value", b).detach())
    before = ours(x)
    ours.load_own_variables({key: v.detach().numpy() for key, v in stored[0].items()})
    torch.testing.assert_close(ours(x), before)
    assert ours.get_config()["lora_rank"] == 2
    with pytest.raises(ValueError, match="already enabled"):
        ours.enable_lora(2)
    with pytest.raises(ValueError, match="constraints"):
        constrained = type(ours)(**{f"{target}_constraint": "max_norm"}, **config)
        constrained.build((BATCH, STEPS, FEATURES))
        constrained.enable_lora(2)
    given = type(ours)(lora_rank=2, **config)
    assert given(x).requires_grad and given.lora_enabled
