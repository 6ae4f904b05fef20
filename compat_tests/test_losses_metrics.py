"""Losses and metrics against real Keras, over the rows of `cases/`."""

import inspect
import json
import pickle

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from compat_tests.calls import python_calls
from compat_tests.cases import losses as loss_cases
from compat_tests.cases import metrics as metric_cases
from torchkeras import activations, losses, metrics
from torchkeras.legacy._paths import NAMES as OLD_NAMES

LOSS_ROWS = pytest.mark.parametrize("case", loss_cases.CASES, ids=str)
METRIC_ROWS = pytest.mark.parametrize("case", metric_cases.CASES, ids=str)
REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none", None)


def as_float32(x):
    return x.astype("float32") if x.dtype == np.float64 else x


def loss_data(case):
    y_true, y_pred = loss_cases.DATA[case.data](np.random.default_rng(7))
    return as_float32(y_true), as_float32(y_pred)


def value_and_gradient(function, y_true, y_pred, *rest):
    """The value, and the gradient of its mean square with respect to the predictions."""
    y_pred = torch.tensor(y_pred, requires_grad=True)
    value = function(torch.tensor(y_true), y_pred, *rest)
    if not value.requires_grad:
        return value, None
    value.square().mean().backward()
    return value, y_pred.grad


def assert_same(ours, theirs, rtol=2e-6, atol=2e-6):
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=atol, equal_nan=True)


def assert_same_pair(ours, theirs, rtol=2e-6, atol=2e-6):
    assert_same(ours[0].detach(), theirs[0].detach(), rtol, atol)
    if theirs[1] is not None:
        assert_same(ours[1], theirs[1], 10 * rtol, atol)


def both_losses(case, **extra):
    arguments = {**case.arguments, **extra}
    return getattr(losses, case.name)(**arguments), getattr(keras.losses, case.name)(**arguments)


# ------------------------------------------------------------------ losses
@LOSS_ROWS
def test_loss(case):
    ours, theirs = both_losses(case)
    data = loss_data(case)
    assert_same_pair(value_and_gradient(ours, *data), value_and_gradient(theirs, *data))


@LOSS_ROWS
def test_loss_function(case):
    ours, theirs = getattr(losses, case.function), getattr(keras.losses, case.function)
    y_true, y_pred = loss_data(case)
    arguments = case.arguments_of_function
    if y_true.ndim != y_pred.ndim and "labels" not in case.data and y_pred.ndim == 2:
        pytest.skip("only the class brings these to one rank")
    if case.data in ("2d and 3d", "column and row", "rows", "binary row"):
        pytest.skip("only the class brings these to one rank")
    if case.function == "categorical_generalized_cross_entropy" and y_true.ndim == 2:
        pytest.skip("Keras broadcasts (N, 1) to (N, N) here")

    def call(function):
        return lambda a, b: function(a, b, **arguments)

    data = (y_true, y_pred)
    assert_same_pair(value_and_gradient(call(ours), *data), value_and_gradient(call(theirs), *data))


def one_per_class(cases):
    return [case for i, case in enumerate(cases) if case.name not in {c.name for c in cases[:i]}]


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", one_per_class(loss_cases.CASES), ids=str)
def test_loss_with_reduction_and_weights(case, reduction):
    ours, theirs = both_losses(case, reduction=reduction)
    y_true, y_pred = loss_data(case)
    shape = tuple(
        getattr(keras.losses, case.name)()
        .call(torch.tensor(as_float32(y_true)), torch.tensor(y_pred))
        .shape
    )
    rng = np.random.default_rng(3)
    # Keras fails on a number where the loss has a mask of its own.
    weights = [None] if case.name == "Circle" else [None, 2.5]
    weights += [rng.random(shape[:n]).astype("float32") for n in range(1, len(shape) + 1)]
    weights += [rng.random((*shape, 1)).astype("float32")] if shape else []
    weights += [np.zeros(shape, "float32")]
    for weight in weights:
        ours_now = value_and_gradient(ours, y_true, y_pred, weight)
        assert_same_pair(ours_now, value_and_gradient(theirs, y_true, y_pred, weight))


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        case
        for case in loss_cases.CASES
        if case.data in ("real 3d", "labels 2d", "one-hot 3d", "labels ignored 2d", "binary 3d")
        and case.arguments.get("axis", -1) == -1
        and case.name not in ("Dice", "Tversky")
    ],
    ids=str,
)
def test_loss_with_mask(case, weighted, reduction):
    ours, theirs = both_losses(case, reduction=reduction)
    y_true, y_pred = loss_data(case)
    rng = np.random.default_rng(3)
    mask = torch.tensor(rng.random(y_pred.shape[:2]) < 0.6)
    weight = torch.tensor(rng.random(y_pred.shape[:2]).astype("float32")) if weighted else None

    def call(loss, mask):
        def with_mask(y_true, y_pred):
            y_pred._keras_mask = mask
            return loss(y_true, y_pred, None if weight is None else weight.clone())

        return with_mask

    for now in (mask, torch.zeros_like(mask)):
        assert_same_pair(
            value_and_gradient(call(ours, now), y_true, y_pred),
            value_and_gradient(call(theirs, now), y_true, y_pred),
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("case", one_per_class(loss_cases.CASES), ids=str)
def test_loss_in_other_dtypes(case, dtype):
    """Both in the dtype of the loss, and with predictions of that dtype for a float32 loss.

    Keras divides a float64 sum in float32; here float64 stays what it is.
    """
    y_true, y_pred = loss_data(case)
    tolerance = {"float16": 5e-3, "bfloat16": 5e-2, "float64": 1e-6}[dtype]
    ours, theirs = both_losses(case, dtype=dtype)
    try:
        expected = theirs(torch.tensor(y_true), torch.tensor(y_pred))
    except (RuntimeError, NotImplementedError):
        expected = None
    if expected is not None and expected.isfinite():
        got = ours(torch.tensor(y_true), torch.tensor(y_pred))
        assert got.dtype == getattr(torch, dtype)
        assert_same(got, expected.to(got.dtype), tolerance, tolerance)
    ours, theirs = both_losses(case)
    short = torch.tensor(y_pred).to(getattr(torch, dtype))
    assert_same(ours(torch.tensor(y_true), short), theirs(torch.tensor(y_true), short), 1e-5, 1e-5)


@pytest.mark.parametrize("case", one_per_class(loss_cases.CASES), ids=str)
def test_loss_of_numpy_and_lists(case):
    ours, _ = both_losses(case)
    y_true, y_pred = loss_data(case)
    expected = ours(torch.tensor(y_true), torch.tensor(y_pred))
    assert_same(ours(y_true, y_pred), expected)
    assert_same(ours(y_true.tolist(), y_pred.tolist()), expected)
    function = getattr(losses, case.function)
    arguments = case.arguments_of_function
    expected = function(torch.tensor(y_true), torch.tensor(y_pred), **arguments)
    assert_same(function(y_true, y_pred, **arguments), expected)
    assert_same(function(y_true.tolist(), y_pred.tolist(), **arguments), expected)


@LOSS_ROWS
def test_loss_config(case):
    ours, theirs = both_losses(case)
    config, expected = ours.get_config(), theirs.get_config()
    # Keras forgets these, so that a loss comes back with another meaning.
    forgotten = {
        key: value
        for key, value in case.arguments.items()
        if key not in expected and value != type(ours)._unlisted.get(key)
    }
    assert config == {**expected, **forgotten}
    there = keras.saving.deserialize_keras_object(losses.serialize(ours))
    assert there.get_config() == expected
    back = losses.deserialize(json.loads(json.dumps(keras.losses.serialize(theirs))))
    assert type(back) is type(ours)
    again = losses.deserialize(json.loads(json.dumps(losses.serialize(ours))))
    data = [torch.tensor(x) for x in loss_data(case)]
    assert_same(again(*data), ours(*data))
    assert_same(pickle.loads(pickle.dumps(ours))(*data), ours(*data))


def test_loss_configs_are_complete():
    both = {"delta": 2.0, "dtype": "float64", "reduction": "sum", "name": "x"}
    loss = losses.Huber(**both)
    assert loss.get_config() == both
    assert losses.Huber.from_config(loss.get_config()).dtype == "float64"
    assert keras.losses.Huber.from_config(loss.get_config())._fn_kwargs == {"delta": 2.0}
    wrapper = losses.LossFunctionWrapper(losses.huber, name="w", delta=3.0)
    again = losses.deserialize(losses.serialize(wrapper))
    assert again.fn is losses.huber and again._fn_kwargs == {"delta": 3.0}
    theirs = keras.losses.deserialize(losses.serialize(wrapper))
    assert theirs.get_config() == wrapper.get_config()
    assert losses.serialize(wrapper) == keras.losses.serialize(theirs)


@pytest.mark.parametrize("name", sorted({case.name for case in loss_cases.CASES}))
def test_loss_names_and_defaults(name):
    ours, theirs = getattr(losses, name)(), getattr(keras.losses, name)()
    assert ours.name == theirs.name
    assert losses.serialize(ours) == keras.losses.serialize(theirs)
    for attribute, value in vars(theirs).items():
        if not attribute.startswith("_") and attribute != "fn":
            assert getattr(ours, attribute) == value
    assert ours.fn.__name__ == theirs.fn.__name__


KERAS_NAMES = sorted(keras.src.losses.ALL_OBJECTS_DICT)


@pytest.mark.parametrize("name", [n for n in KERAS_NAMES if n not in ("Loss",)])
def test_losses_get(name):
    if name == "LossFunctionWrapper":
        return
    ours, theirs = losses.get(name), keras.losses.get(name)
    if inspect.isfunction(theirs):
        assert ours is getattr(losses, theirs.__name__)
        assert losses.deserialize(losses.serialize(ours)) is ours
        assert losses.serialize(ours) == keras.losses.serialize(theirs)
        assert losses.deserialize(name) is ours
        return
    assert type(ours).__name__ == type(theirs).__name__
    assert type(losses.get(type(ours))) is type(ours)
    assert losses.get(losses.serialize(ours)).get_config() == theirs.get_config()
    assert losses.get({"class_name": name, "config": {}}).get_config() == theirs.get_config()


def test_losses_get_others():
    assert losses.get(None) is None
    assert losses.get(len) is len
    with pytest.raises(ValueError, match="Did you mean 'mean_squared_error'"):
        losses.get("mean_square_error")
    with pytest.raises(ValueError, match="Could not interpret loss identifier: 3"):
        losses.get(3)
    assert losses.deserialize("my", custom_objects={"my": len}) is len
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
        losses.MeanSquaredError(reduction="avg")
    with pytest.raises(ValueError, match="q must be in the interval"):
        losses.CategoricalGeneralizedCrossEntropy(q=1)
    with pytest.raises(ValueError, match="must be of type `int`"):
        losses.categorical_crossentropy([[1.0, 0.0]], [[0.5, 0.5]], axis=True)
    with pytest.warns(SyntaxWarning, match="expected y_pred.shape to be"):
        losses.CategoricalCrossentropy()([[1.0]], [[0.5]])
    with pytest.raises(ValueError, match="must have the same shape"):
        losses.BinaryCrossentropy()(torch.zeros(3, 2), torch.zeros(3, 4))
    with pytest.raises(ValueError, match="y_pred.shape=\\(2, 3\\)"):
        losses.ctc(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(NotImplementedError):
        losses.Loss()(torch.zeros(1), torch.zeros(1))


class Weighted(losses.Loss):
    """A loss of a user, over a structure."""

    def __init__(self, factor=2.0):
        super().__init__()
        self.factor = factor

    def call(self, y_true, y_pred):
        return self.factor * sum((y_true[k] - y_pred[k]).abs().mean(-1) for k in y_true)


def test_custom_loss_over_a_structure():
    rng = np.random.default_rng(0)
    y_true = {k: rng.normal(size=(5, 2)) for k in "ab"}
    y_pred = {k: torch.tensor(rng.normal(size=(5, 2))) for k in "ab"}
    loss = Weighted(3.0)
    expected = 3.0 * sum(np.abs(y_true[k] - y_pred[k].numpy()).mean(-1) for k in "ab").mean()
    value = loss(y_true, y_pred)
    assert value.dtype == torch.float32
    assert value.item() == pytest.approx(expected, rel=1e-6)
    assert Weighted.from_config(loss.get_config()).factor == 3.0
    assert Weighted().name.startswith("weighted")

    class Theirs(keras.losses.Loss):
        call = Weighted.call
        factor = 3.0

    assert_same(value, Theirs()(y_true, y_pred))


def test_wrapper_over_a_structure():
    def distance(y_true, y_pred):
        return (y_true["a"] - y_pred["a"]).abs() + (y_true["b"] - y_pred["b"]).abs()

    y_true = {"a": torch.arange(3.0), "b": torch.ones(3)}
    y_pred = {"a": torch.ones(3, 1), "b": torch.zeros(3, 1)}
    ours = losses.LossFunctionWrapper(distance)(y_true, y_pred)
    theirs = keras.src.losses.LossFunctionWrapper(distance)(y_true, y_pred)
    assert_same(ours, theirs)


def test_a_subclass_that_overrides_call_is_called():
    class Doubled(losses.MeanSquaredError):
        def call(self, y_true, y_pred):
            return 2.0 * super().call(y_true, y_pred)

    y_true, y_pred = torch.rand(4, 3), torch.rand(4, 3)
    expected = 2.0 * losses.MeanSquaredError()(y_true, y_pred)
    assert_same(Doubled()(y_true, y_pred), expected)


def test_weights_per_sample_for_values_per_step():
    """Keras 3 broadcasts (N,) over the last axis of (N, T); here it is one weight per sample."""
    y_true, y_pred = torch.rand(4, 4, 3), torch.rand(4, 4, 3)
    weight = torch.arange(4.0)
    ours = losses.MeanSquaredError()(y_true, y_pred, weight)
    assert_same(ours, losses.MeanSquaredError()(y_true, y_pred, weight[:, None]))


@pytest.mark.parametrize("value", [5, -1, -100])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("from_logits", [False, True])
def test_label_out_of_range(value, weighted, from_logits):
    loss = losses.SparseCategoricalCrossentropy(from_logits=from_logits)
    labels = torch.tensor([0, value, 1])
    weight = torch.ones(3) if weighted else None
    with pytest.raises(ValueError, match=rf"label value of {value} .* range of \[0, 5\)"):
        loss(labels, torch.rand(3, 5), weight)


# ------------------------------------------------------------------ logits memory, speed, compile
def remembering(activation, logits):
    return getattr(activations, activation)(logits)


def count_calls(monkeypatch, name):
    calls = []
    kernel = getattr(F, name)

    def counted(*args, **kwargs):
        calls.append(name)
        return kernel(*args, **kwargs)

    monkeypatch.setattr(F, name, counted)
    return calls


SPARSE_LABELS = {
    "int64": lambda y: y,
    "int32": lambda y: y.int(),
    "uint8": lambda y: y.byte(),
    "float": lambda y: y.float(),
    "column": lambda y: y[..., None],
}


@pytest.mark.parametrize("kind", SPARSE_LABELS)
@pytest.mark.parametrize("shape", [(6,), (5, 3), (2, 3, 4)], ids=str)
def test_sparse_crossentropy_is_one_call_on_remembered_logits(kind, shape, monkeypatch):
    logits = torch.randn(*shape, 7, requires_grad=True)
    labels = torch.randint(0, 7, shape)
    calls = count_calls(monkeypatch, "cross_entropy")
    loss = losses.SparseCategoricalCrossentropy()
    value = loss(SPARSE_LABELS[kind](labels), remembering("softmax", logits))
    assert calls == ["cross_entropy"]
    expected = F.cross_entropy(logits.reshape(-1, 7), labels.reshape(-1))
    assert_same(value, expected)
    theirs = keras.losses.SparseCategoricalCrossentropy()(labels, logits.detach().softmax(-1))
    assert_same(value.detach(), theirs)


def test_other_crossentropies_on_remembered_logits(monkeypatch):
    logits = torch.randn(6, 4, requires_grad=True)
    one_hot = F.one_hot(torch.randint(0, 4, (6,)), 4)
    calls = count_calls(monkeypatch, "cross_entropy")
    calls_of_binary = count_calls(monkeypatch, "binary_cross_entropy_with_logits")
    softmax, sigmoid = remembering("softmax", logits), remembering("sigmoid", logits)
    value = losses.CategoricalCrossentropy(label_smoothing=0.1)(one_hot, softmax)
    theirs = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    assert_same(value.detach(), theirs(one_hot, softmax.detach()))
    value = losses.BinaryCrossentropy()(one_hot, sigmoid)
    assert_same(value.detach(), keras.losses.BinaryCrossentropy()(one_hot, sigmoid.detach()))
    assert calls == ["cross_entropy"]
    assert calls_of_binary == ["binary_cross_entropy_with_logits"]


@pytest.mark.parametrize("grad", [True, False])
def test_logits_of_the_other_activation_are_not_used(grad):
    logits = torch.randn(6, 4, requires_grad=grad)
    one_hot = F.one_hot(torch.randint(0, 4, (6,)), 4).float()
    softmax, sigmoid = remembering("softmax", logits), remembering("sigmoid", logits)
    for name, y_pred in (("BinaryCrossentropy", softmax), ("CategoricalCrossentropy", sigmoid)):
        ours = getattr(losses, name)()(one_hot, y_pred)
        assert_same(ours, getattr(keras.losses, name)()(one_hot, y_pred.clone()))


def test_saturated_probabilities_keep_their_gradient():
    logits = torch.tensor([[60.0, 0.0], [0.0, 60.0]], requires_grad=True)
    loss = losses.SparseCategoricalCrossentropy()
    for weight in (None, torch.ones(2)):
        value = loss(torch.tensor([1, 1]), remembering("softmax", logits), weight)
        assert value.item() == pytest.approx(30.0)
        (gradient,) = torch.autograd.grad(value, logits)
        torch.testing.assert_close(gradient, torch.tensor([[0.5, -0.5], [0.0, 0.0]]))
    binary = losses.BinaryCrossentropy()
    score = torch.tensor([[60.0]], requires_grad=True)
    for target in (torch.zeros(1, 1), torch.zeros(1)):
        value = binary(target, remembering("sigmoid", score))
        assert value.item() == pytest.approx(60.0)


def test_float16_predictions_use_their_logits():
    logits = torch.randn(6, 4).half()
    labels = torch.randint(0, 4, (6,))
    value = losses.SparseCategoricalCrossentropy()(labels, remembering("softmax", logits))
    assert_same(value, F.cross_entropy(logits.float(), labels))


COMPILED = {
    "SparseCategoricalCrossentropy": ("labels logits 2d", {"from_logits": True}),
    "CategoricalCrossentropy": ("one-hot logits", {"from_logits": True}),
    "BinaryCrossentropy": ("binary logits", {"from_logits": True}),
    "MeanSquaredError": ("row and column", {}),
    "MeanAbsoluteError": ("real", {}),
    "Huber": ("real", {}),
    "CosineSimilarity": ("real", {}),
}


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("weighted", [False, True])
def test_loss_compiles_in_one_graph(name, weighted):
    data, arguments = COMPILED[name]
    y_true, y_pred = map(torch.tensor, loss_data(loss_cases.Case(name, arguments, data)))
    loss = getattr(losses, name)(**arguments)
    weight = torch.rand(len(y_pred)) if weighted else None
    torch.compiler.reset()
    compiled = torch.compile(loss.__call__, fullgraph=True, backend="aot_eager")
    assert_same(compiled(y_true, y_pred, weight), loss(y_true, y_pred, weight))


def test_crossentropy_of_an_activation_compiles_in_one_graph():
    labels, x = torch.randint(0, 4, (6,)), torch.randn(6, 4)
    loss, metric = losses.SparseCategoricalCrossentropy(), metrics.SparseCategoricalAccuracy()
    mean = metrics.Mean()

    def step(labels, x):
        y_pred = activations.softmax(x)
        value = loss(labels, y_pred)
        metric.update_state(labels, y_pred)
        mean.update_state(value, 6)
        return value

    compiled = torch.compile(step, fullgraph=True, backend="aot_eager")
    assert_same(compiled(labels, x), F.cross_entropy(x, labels))
    accuracy = (x.argmax(-1) == labels).float().mean()
    assert_same(metric.result(), accuracy)
    assert_same(mean.result(), F.cross_entropy(x, labels))


def test_calls_of_a_loss_and_a_metric():
    x, labels = torch.randn(32, 10), torch.randint(0, 10, (32,))
    loss = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert python_calls(loss, labels, x) - python_calls(F.cross_entropy, x, labels) <= 5
    mean, value = metrics.Mean(), torch.tensor(1.0)
    assert python_calls(mean.update_state, value, 32) <= 3


# ------------------------------------------------------------------ metrics
def metric_data(case, dtype="float32"):
    arrays = metric_cases.DATA[case.data](np.random.default_rng(11))
    return [x.astype(dtype) if x.dtype == np.float64 else x for x in arrays]


def batches(case, kind=None):
    """The stream in ragged batches, with weights of that kind."""
    arrays = metric_data(case)
    rng = np.random.default_rng(5)
    for start, stop in ((0, 8), (8, 16), (16, 21), (21, 23)):
        batch = [x[start:stop] for x in arrays]
        if kind is not None:
            batch.append(metric_cases.WEIGHTS[kind](rng, batch[0]))
        yield batch


def both_metrics(case):
    ours = getattr(metrics, case.name)(**case.arguments)
    return ours, getattr(keras.metrics, case.name)(**case.arguments)


def tensors(batch):
    return [torch.tensor(x) if isinstance(x, np.ndarray) else x for x in batch]


def assert_same_metric(ours, theirs):
    assert_same(ours.result(), theirs.result().detach(), 1e-5, 1e-6)
    assert [v.name for v in ours.variables] == [v.name for v in theirs.variables]
    for mine, other in zip(ours.variables, theirs.variables):
        assert not mine.requires_grad
        assert_same(mine.detach(), other.value.detach(), 1e-5, 1e-5)


ORACLED = [case for case in metric_cases.CASES if case.oracle]
WEIGHTED = [(case, kind) for case in ORACLED for kind in (None, *case.weights)]


@pytest.mark.parametrize(
    "case, kind", WEIGHTED, ids=[f"{case}-{kind or 'unweighted'}" for case, kind in WEIGHTED]
)
def test_metric(case, kind):
    ours, theirs = both_metrics(case)
    for batch in batches(case, kind):
        ours.update_state(*tensors(batch))
        theirs.update_state(*tensors(batch))
        assert_same_metric(ours, theirs)
    ours.reset_state()
    theirs.reset_state()
    assert all(not v.any() for v in ours.variables)
    batch = next(iter(batches(case, kind)))
    assert_same(ours(*batch), theirs(*batch).detach(), 1e-5, 1e-6)


@METRIC_ROWS
def test_metric_of_lists_and_numpy(case):
    first, second, third = (getattr(metrics, case.name)(**case.arguments) for _ in range(3))
    for batch in batches(case):
        first.update_state(*tensors(batch))
        second.update_state(*batch)
        third.update_state(*(x.tolist() for x in batch))
    assert_same(second.result(), first.result())
    assert_same(third.result(), first.result())


@pytest.mark.parametrize("case", ORACLED, ids=str)
def test_metric_config(case):
    ours, theirs = both_metrics(case)
    config, expected = ours.get_config(), theirs.get_config()
    given = case.arguments.get("name") or expected["name"]
    config["name"] = expected["name"] = given
    if "label_weights" in config and config["label_weights"] is not None:
        assert torch.equal(config.pop("label_weights"), expected.pop("label_weights"))
    forgotten = {
        key: value
        for key, value in case.arguments.items()
        if key not in expected and key not in ("label_weights",)
    }
    assert config == {**expected, **forgotten}
    if "label_weights" in case.arguments:
        return
    there = keras.metrics.deserialize(metrics.serialize(ours))
    assert there.get_config() == {**expected, "name": ours.name}
    back = metrics.deserialize(json.loads(json.dumps(keras.metrics.serialize(theirs))))
    assert type(back) is type(ours)
    again = metrics.deserialize(json.loads(json.dumps(metrics.serialize(ours))))
    for batch in batches(case):
        ours.update_state(*batch)
        again.update_state(*batch)
    assert_same(again.result(), ours.result())


@pytest.mark.parametrize("case", one_per_class(ORACLED), ids=str)
def test_metric_defaults(case):
    required = {
        name
        for name, parameter in inspect.signature(getattr(metrics, case.name)).parameters.items()
        if parameter.default is parameter.empty
    }
    arguments = {name: case.arguments[name] for name in required}
    ours = getattr(metrics, case.name)(**arguments)
    theirs = getattr(keras.metrics, case.name)(**arguments)
    strip = "_0123456789"  # how many of a name there were before
    assert ours.name.rstrip(strip) == theirs.name.rstrip(strip)
    assert ours.dtype == theirs.dtype
    assert ours._direction == getattr(theirs, "_direction", None)
    hidden = ("name", "curve", "summation_method")
    for attribute, value in vars(theirs).items():
        if attribute[0] != "_" and attribute not in hidden and not hasattr(value, "assign"):
            assert getattr(ours, attribute) == value, attribute
    assert repr(ours) == f"<{case.name} name={ours.name}>"


@METRIC_ROWS
def test_stateless_metric(case):
    metric = getattr(metrics, case.name)(**case.arguments)
    stream = list(batches(case))
    metric.update_state(*stream[0])  # builds the ones that are built by data
    metric.reset_state()
    state = metric.stateless_reset_state()
    for batch in stream:
        state = metric.stateless_update_state(state, *batch)
    assert all(not v.any() for v in metric.variables)
    result = metric.stateless_result(state)
    for batch in stream:
        metric.update_state(*batch)
    assert_same(result, metric.result())
    with pytest.raises(ValueError, match="must be a list of tensors corresponding 1:1"):
        metric.stateless_result([*state, torch.zeros(())])


@METRIC_ROWS
def test_metric_keeps_no_graph(case):
    """Predictions that want a gradient leave no trace, and the state is never replaced."""
    metric = getattr(metrics, case.name)(**case.arguments)
    for batch in batches(case):
        batch = [t.requires_grad_() if t.is_floating_point() else t for t in tensors(batch)]
        metric.update_state(*batch)
    assert not metric.result().requires_grad
    kept = [v.data_ptr() for v in metric.variables]
    metric.reset_state()
    metric.update_state(*batch)
    assert [v.data_ptr() for v in metric.variables] == kept


@pytest.mark.parametrize("name", metric_cases.FUNCTIONS)
def test_metric_function(name):
    for data in metric_cases.FUNCTIONS[name]:
        batch = tensors(metric_data(metric_cases.Case(name, {}, data)))
        ours, theirs = getattr(metrics, name)(*batch), getattr(keras.metrics, name)(*batch)
        assert_same(ours, theirs, 1e-5, 1e-6)
        assert_same(getattr(metrics, name)(*(x.tolist() for x in batch)), theirs, 1e-5, 1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "name", ["SparseCategoricalAccuracy", "SparseCategoricalCrossentropy", "BinaryAccuracy"]
)
def test_metric_with_mask(name, weighted):
    data = "binary 3d" if name == "BinaryAccuracy" else "labels 2d"
    y_true, y_pred = tensors(metric_data(metric_cases.Case(name, {}, data)))
    rng = np.random.default_rng(1)
    mask = torch.tensor(rng.random(y_pred.shape[:2]) < 0.5)
    weight = torch.tensor(rng.random(y_pred.shape[:2]).astype("float32")) if weighted else None
    y_pred._keras_mask = mask
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    ours.update_state(y_true, y_pred, None if weight is None else weight.clone())
    theirs.update_state(y_true, y_pred, None if weight is None else weight.clone())
    assert_same_metric(ours, theirs)


def test_mean_of_numbers():
    ours, theirs = metrics.Mean(), keras.metrics.Mean()
    for value, weight in ((1.5, None), (torch.tensor(2.5), 3), (4, 2.0), (torch.tensor(2), 1)):
        ours.update_state(value, weight)
        theirs.update_state(value, weight)
    assert_same_metric(ours, theirs)
    assert_same(metrics.Mean().result(), torch.tensor(0.0))


def test_mean_of_half_precision():
    values = torch.full((4096,), 60.0).half()
    mean = metrics.Mean()
    mean.update_state(values)
    assert_same(mean.result(), torch.tensor(60.0))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["SparseCategoricalAccuracy", "BinaryAccuracy", "AUC", "Recall"])
def test_metric_of_half_precision(name, dtype):
    data = "labels" if name.startswith("Sparse") else "binary"
    y_true, y_pred = tensors(metric_data(metric_cases.Case(name, {}, data)))
    y_pred = y_pred.to(getattr(torch, dtype))
    ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
    assert_same(ours(y_true, y_pred), theirs(y_true, y_pred))


def test_auc_ignores_nan_and_stays_in_its_buckets():
    auc = metrics.AUC()
    auc.update_state([0, 1, 1], [float("nan"), 7.0, 0.5])
    assert auc.result().item() == 1.0


def test_mean_relative_error():
    metric = metrics.MeanRelativeError(normalizer=[1.0, 0.0, 2.0, 3.0])
    metric.update_state([1.0, 3.0, 2.0, 3.0], [2.0, 4.0, 6.0, 8.0])
    assert metric.result().item() == pytest.approx((1 + 0 + 2 + 5 / 3) / 4)
    again = metrics.MeanRelativeError.from_config(metric.get_config())
    assert again.normalizer.tolist() == [1.0, 0.0, 2.0, 3.0]


KERAS_METRIC_NAMES = sorted(keras.src.metrics.ALL_OBJECTS_DICT)
NEED_ARGUMENTS = {"IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU", "MeanMetricWrapper"}
NEED_ARGUMENTS |= {"PrecisionAtRecall", "RecallAtPrecision"}
NEED_ARGUMENTS |= {"SensitivityAtSpecificity", "SpecificityAtSensitivity"}


@pytest.mark.parametrize("name", KERAS_METRIC_NAMES)
def test_metrics_get(name):
    expected = keras.src.metrics.ALL_OBJECTS_DICT[name].__name__
    if expected in NEED_ARGUMENTS:
        with pytest.raises(TypeError):
            metrics.get(name)
        return
    ours = metrics.get(name)
    assert type(ours) is getattr(metrics, expected)
    if expected == "Metric":
        return
    assert type(metrics.get(type(ours))) is type(ours)
    assert type(metrics.get(metrics.serialize(ours))) is type(ours)
    assert type(metrics.get({"class_name": expected, "config": {}})) is type(ours)


def test_metrics_get_others():
    assert metrics.get(None) is None
    assert metrics.get(len) is len
    with pytest.raises(ValueError, match="Did you mean 'Accuracy'"):
        metrics.get("acuracy")
    with pytest.raises(ValueError, match="Could not interpret metric identifier: acc"):
        metrics.get("acc")
    wrapper = metrics.MeanMetricWrapper(losses.huber, name="h", delta=2.0)
    again = metrics.deserialize(metrics.serialize(wrapper))
    assert again._fn is losses.huber and again._fn_kwargs == {"delta": 2.0}
    theirs = keras.metrics.deserialize(metrics.serialize(wrapper))
    assert theirs.get_config() == wrapper.get_config()


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda m: m.AUC(curve="roc_"), "Invalid AUC curve value"),
        (lambda m: m.AUC(summation_method="x"), "Invalid AUC summation method value"),
        (lambda m: m.AUC(num_thresholds=1), "must be an integer > 1"),
        (lambda m: m.AUC(num_labels=2), "`num_labels` is needed only when"),
        (lambda m: m.Precision(thresholds=[0.5, 2]), "Threshold values must be in"),
        (lambda m: m.PrecisionAtRecall(recall=2), "must be in the range"),
        (lambda m: m.RecallAtPrecision(0.5, num_thresholds=0), "must be an integer > 0"),
        (lambda m: m.FBetaScore(average="x"), "Invalid `average` argument value"),
        (lambda m: m.FBetaScore(beta=1), "It should be a Python float"),
        (lambda m: m.F1Score(threshold=1.5), "It should verify 0 < threshold <= 1"),
        (lambda m: m.R2Score(class_aggregation="x"), "Invalid value for argument"),
        (lambda m: m.R2Score(num_regressors=-1), "Expected a value >= 0"),
        (lambda m: m.IoU(2, [3]), "is out of range"),
        (lambda m: m.AUC(multi_label=True)(np.ones(1), np.ones(1)), "must have rank 2"),
        (lambda m: m.F1Score()([1], [0.5]), "expects 2D inputs with shape"),
        (lambda m: m.R2Score()([1.0], [0.5]), "expects 2D inputs with shape"),
        (lambda m: m.Recall(class_id=0)([1], [0.5]), "y_pred must be a 2D array"),
    ],
)
def test_metric_errors_are_those_of_keras(make, message):
    for module in (keras.metrics, metrics):
        with pytest.raises(ValueError, match=message):
            make(module)


@pytest.mark.parametrize("regressors", [22 * 3 + 2, 22 * 3 + 3])
def test_r2_score_with_too_many_regressors_warns(regressors):
    case = metric_cases.Case("R2Score", {"num_regressors": regressors}, "fitted")
    ours, theirs = both_metrics(case)
    for batch in batches(case):
        ours.update_state(*batch)
        theirs.update_state(*batch)
    with pytest.warns(UserWarning, match="Falling back to standard R2 score"):
        value = ours.result()
    with pytest.warns(UserWarning, match="Falling back to standard R2 score"):
        assert_same(value, theirs.result())


def test_float_weights_for_integer_iou_warn():
    with pytest.warns(UserWarning, match="passing weight as `float`"):
        metrics.MeanIoU(2).update_state([0, 1], [0, 1], np.array([0.5, 1.0]))


class Total(metrics.Metric):
    """A metric of a user, with a part of its own and a metric inside."""

    def __init__(self, name="total", start=1, **kwargs):
        super().__init__(name=name, **kwargs)
        self.start = start
        self.seen = self.add_weight(name="seen", initializer="zeros")
        self.mean = metrics.Mean()
        self.parts = [metrics.Sum()]

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen.assign_add(len(y_true))
        self.mean.update_state(y_pred)
        self.parts[0].update_state(y_pred)

    def result(self):
        return {"seen": self.seen.value, "mean": self.mean.result(), "sum": self.parts[0].result()}


def test_custom_metric():
    metric = Total(start=2, dtype="float64")
    result = metric(torch.zeros(3), torch.ones(3))
    assert {k: v.item() for k, v in result.items()} == {"seen": 3.0, "mean": 1.0, "sum": 3.0}
    names = [v.path for v in metric.variables]
    assert names[0] == "total/seen" and len(names) == 4
    assert metric.get_config() == {"name": "total", "dtype": "float64", "start": 2}
    assert Total.from_config(metric.get_config()).start == 2
    metric.reset_state()
    assert metric.result()["mean"].item() == 0.0
    state = metric.stateless_update_state(metric.variables, torch.zeros(2), torch.ones(2))
    assert [v.item() for v in state] == [2.0, 2.0, 2.0, 2.0]
    assert metric.seen.item() == 0.0

    class Forgetful(metrics.Metric):
        def __init__(self):
            self.total = self.add_variable((), "zeros")

    with pytest.raises(RuntimeError, match="You forgot to call `super"):
        Forgetful()
    with pytest.raises(NotImplementedError):
        metrics.Metric()(1)


def test_state_made_in_inference_mode_can_be_updated_outside():
    metric = metrics.AUC(multi_label=True)
    y_true, y_pred = torch.tensor([[0.0, 1.0], [1.0, 0.0]]), torch.rand(2, 2)
    with torch.inference_mode():
        metric.update_state(y_true, y_pred)
    metric.update_state(y_true, y_pred)
    metric.reset_state()


@pytest.mark.gpu
def test_state_follows_the_values():
    labels, y_pred = torch.randint(0, 4, (6,)).cuda(), torch.rand(6, 4).cuda()
    for name in ("SparseCategoricalAccuracy", "Mean", "AUC", "MeanIoU"):
        metric = metrics.MeanIoU(4) if name == "MeanIoU" else getattr(metrics, name)()
        arguments = {
            "Mean": (y_pred,),
            "MeanIoU": (labels, labels),
            "AUC": (labels > 1, y_pred[:, 0]),
        }
        metric.update_state(*arguments.get(name, (labels, y_pred)))
        assert metric.result().device.type == "cuda"


# ------------------------------------------------------------------ completeness
def test_every_public_loss_and_metric_has_a_row():
    rows = {case.name for case in loss_cases.CASES} | {case.function for case in loss_cases.CASES}
    objects = {getattr(losses, name) for name in rows}
    for name in set(losses.__dict__) - loss_cases.WITHOUT_ROW - set(OLD_NAMES["losses"]):
        value = getattr(losses, name)
        if not name.startswith("_") and callable(value):
            assert value in objects, name
    objects |= {getattr(metrics, case.name) for case in metric_cases.CASES}
    objects |= {getattr(metrics, name) for name in metric_cases.FUNCTIONS}
    for name in set(metrics.__dict__) - metric_cases.WITHOUT_ROW - set(OLD_NAMES["metrics"]):
        value = getattr(metrics, name)
        if not name.startswith("_") and callable(value):
            assert value in objects, name
