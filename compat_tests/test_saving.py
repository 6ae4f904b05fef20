"""Files, ours and those of real Keras in this process: bit for bit, there and back."""

import os
import warnings
import zipfile

import h5py
import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.cases import layers as common
from compat_tests.cases import layers_recurrent
from compat_tests.cases.optimizers import OWN
from compat_tests.test_layers import drawn, made, tensors
from compat_tests.test_models import MODELS, X
from torchkeras import tree

Y = np.random.default_rng(4).normal(size=(12, 2)).astype("float32")
# Real Keras's bookkeeping and its advice to use another format.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array__ implementation"),
]
ROWS = [*common.CASES, *layers_recurrent.CASES]
every_row = pytest.mark.parametrize("case", ROWS, ids=str)
every_model = pytest.mark.parametrize(("make", "x"), MODELS.values(), ids=MODELS)
FORMATS = {".keras": "m.keras", ".h5": "m.h5", "folder": "m"}
every_format = pytest.mark.parametrize("name", FORMATS.values(), ids=FORMATS)


def real(function, *args, **kwargs):
    """What real Keras says, without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function(*args, **kwargs)


def fill(model, seed=3):
    """The same weights in every model of the same shape, positive ones for the variances."""
    generator = np.random.default_rng(seed)
    model.set_weights(
        [generator.uniform(0.1, 0.6, w.shape).astype(w.dtype) for w in model.get_weights()]
    )
    return model


def saved(model, path):
    real(model.save, path, **({} if "." in os.path.basename(path) else {"zipped": False}))
    return path


def load(path, **kwargs):
    return torchkeras.saving.load_model(path, **kwargs)


def load_in_keras(path, **kwargs):
    return real(keras.saving.load_model, path, **kwargs)


def outputs(model, x):
    return [t.detach() for t in tree.flatten(model(x, training=False))]


def assert_equal_weights(one, other):
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def assert_same_outputs(one, other, exactly=True):
    for a, b in zip(one, other, strict=True):
        if exactly:
            assert torch.equal(a, b)
        else:
            torch.testing.assert_close(a, b, rtol=2e-5, atol=2e-5)


# ---- every layer ----


def model_of(case, library):
    """A model of that one layer, no weight of it trivial; and what to call it on."""
    arrays = drawn(case)
    several = isinstance(arrays, list)
    inputs = [
        library.Input(batch_shape=a.shape, dtype=str(a.dtype))
        for a in (arrays if several else [arrays])
    ]
    inputs = inputs if several else inputs[0]
    model = library.Model(inputs, made(case, library, name="row")(inputs, **case.call))
    generator = np.random.default_rng(1)
    weights = [generator.uniform(0.5, 1.5, w.shape) for w in model.get_weights()]
    model.set_weights([w.astype(v.dtype) for w, v in zip(weights, model.get_weights())])
    return model, tensors(arrays)


def computes_as_before(case):
    """`use_cudnn` says how to compute, and no configuration of Keras's knows it."""
    return case.config.get("use_cudnn", "auto") == "auto"


@every_row
def test_layer_comes_back_bit_for_bit(case, tmp_path):
    model, x = model_of(case, torchkeras)
    expected = outputs(model, x)
    for name in FORMATS.values():
        back = load(saved(model, str(tmp_path / name)))
        assert_equal_weights(back, model)
        assert_same_outputs(outputs(back, x), expected, computes_as_before(case))
    weights = str(tmp_path / "m.weights.h5")
    model.save_weights(weights)
    back = torchkeras.models.model_from_json(model.to_json())
    assert back.to_json() == model.to_json()
    back.load_weights(weights)
    assert_equal_weights(back, model)
    assert_same_outputs(outputs(back, x), expected, computes_as_before(case))


@every_row
def test_layer_goes_to_keras_and_comes_back(case, tmp_path):
    model, x = model_of(case, torchkeras)
    expected = outputs(model, x)
    theirs = load_in_keras(saved(model, str(tmp_path / "m.keras")))
    assert_equal_weights(theirs, model)
    assert_same_outputs(real(outputs, theirs, x), expected, exactly=False)
    back = load(saved(theirs, str(tmp_path / "theirs.keras")))
    assert_equal_weights(back, model)
    assert_same_outputs(outputs(back, x), expected, computes_as_before(case))


@pytest.mark.slow
@every_row
def test_layer_goes_to_keras_and_comes_back_in_the_older_format(case, tmp_path):
    if case.layer is torchkeras.layers.AlphaDropout:
        pytest.skip("Keras cannot write it: it holds a module")
    model, x = model_of(case, torchkeras)
    expected = outputs(model, x)
    theirs = load_in_keras(saved(model, str(tmp_path / "m.h5")))
    assert_equal_weights(theirs, model)
    assert_same_outputs(real(outputs, theirs, x), expected, exactly=False)
    back = load(saved(theirs, str(tmp_path / "theirs.h5")))
    assert_equal_weights(back, model)
    assert_same_outputs(outputs(back, x), expected, computes_as_before(case))


# ---- every kind of model ----


def as_tensors(x):
    return tree.map_structure(torch.as_tensor, x)


@every_format
@every_model
def test_model_comes_back(make, x, name, tmp_path):
    model = fill(make(torchkeras))
    back = load(saved(model, str(tmp_path / name)))
    assert type(back) is type(model)
    assert_equal_weights(back, model)
    assert back.to_json() == model.to_json()
    x = as_tensors(x)
    assert_same_outputs(outputs(back, x), outputs(model, x))
    assert [w.trainable for w in back.weights] == [w.trainable for w in model.weights]


@every_format
@every_model
def test_model_goes_to_keras(make, x, name, tmp_path):
    if name == "m.h5" and make.__name__ == "with_operators":
        # Keras's own file of it is no different: it takes ops for layers of that name.
        pytest.skip("Keras does not read operators from this format")
    model = fill(make(torchkeras))
    theirs = load_in_keras(saved(model, str(tmp_path / name)))
    assert_equal_weights(theirs, model)
    x = as_tensors(x)
    assert_same_outputs(real(outputs, theirs, x), outputs(model, x), exactly=False)


@every_format
@every_model
def test_model_comes_from_keras(make, x, name, tmp_path):
    theirs = fill(make(keras))
    model = load(saved(theirs, str(tmp_path / name)))
    assert_equal_weights(model, theirs)
    x = as_tensors(x)
    assert_same_outputs(outputs(model, x), real(outputs, theirs, x), exactly=False)


@every_model
def test_weights_go_both_ways(make, x, tmp_path):
    model, theirs = fill(make(torchkeras), seed=1), fill(make(keras), seed=2)
    for name in ("m.weights.h5", "m.h5"):
        path = str(tmp_path / name)
        model.save_weights(path)
        other = make(keras)
        real(other.load_weights, path)
        assert_equal_weights(other, model)
        other = make(torchkeras)
        other.load_weights(path)
        assert_equal_weights(other, model)
    path = str(tmp_path / "theirs.weights.h5")
    theirs.save_weights(path)
    model.load_weights(path)
    assert_equal_weights(model, theirs)
    model = fill(make(torchkeras), seed=1)
    model.load_weights(saved(theirs, str(tmp_path / "whole.keras")))
    assert_equal_weights(model, theirs)


def written(path):
    """The paths of all arrays in a file of weights, and the names of what they are of."""
    places, names = [], {}

    def visit(name, item):
        places.append(name)
        if "name" in item.attrs:
            names[name] = item.attrs["name"]

    with h5py.File(path) as file:
        file.visititems(visit)
    return sorted(places), names


@every_model
def test_files_are_laid_out_as_keras_does(make, x, tmp_path):
    torchkeras.utils.clear_session()
    keras.utils.clear_session()
    model, theirs = make(torchkeras), make(keras)
    for m in (model, theirs):
        real(m.compile, "adam", "mse")
    model.save_weights(str(tmp_path / "a.weights.h5"))
    theirs.save_weights(str(tmp_path / "b.weights.h5"))
    assert written(tmp_path / "a.weights.h5") == written(tmp_path / "b.weights.h5")
    archives = []
    for m, name in ((model, "a.keras"), (theirs, "b.keras")):
        m.save(str(tmp_path / name))
        with zipfile.ZipFile(tmp_path / name) as archive:
            archives.append(archive.namelist())
    assert archives[0] == archives[1]


# ---- training goes on ----


def regressor(k, optimizer=None):
    layers = [k.Input((6,)), k.layers.Dense(5, activation="tanh"), k.layers.Dense(2)]
    model = fill(k.Sequential(layers))
    losses = {"loss": k.losses.MeanSquaredError(), "metrics": [k.metrics.MeanAbsoluteError()]}
    model.compile(k.optimizers.Adam(0.01) if optimizer is None else optimizer(k), **losses)
    return model


def next_losses(model, steps=3, x=X, y=Y):
    return [float(np.ravel(real(model.train_on_batch, x, y))[0]) for _ in range(steps)]


def optimizer_of(name, arguments):
    return lambda k: getattr(k.optimizers, name)(**{"learning_rate": 0.02, **arguments})


OPTIMIZERS = {
    f"{name}-{index}": optimizer_of(name, arguments)
    for name, rows in OWN.items()
    for index, arguments in enumerate([{}, *rows[:1]])
} | {
    "scheduled": lambda k: k.optimizers.Adam(
        k.optimizers.schedules.ExponentialDecay(0.05, 2, 0.5), clipnorm=1.0
    ),
    "averaged": lambda k: k.optimizers.SGD(0.05, use_ema=True, ema_overwrite_frequency=4),
    "accumulated": lambda k: k.optimizers.Adam(0.05, gradient_accumulation_steps=3),
    "scaled": lambda k: k.optimizers.LossScaleOptimizer(k.optimizers.Adam(0.05)),
}
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)


@every_optimizer
def test_training_goes_on_in_every_direction(optimizer, tmp_path):
    model = regressor(torchkeras, optimizer)
    next_losses(model, 2)
    path = saved(model, str(tmp_path / "m.keras"))
    in_h5 = saved(model, str(tmp_path / "m.h5"))
    expected = next_losses(model)
    assert next_losses(load(path)) == expected
    assert next_losses(load(in_h5)) == expected
    name = type(model.optimizer).__name__
    if name == "ScheduleFreeAdamW":
        return  # Another rule than Keras's on torch, see `test_optimizers`.
    theirs = load_in_keras(path)
    # Keras gives two variables of Adafactor one name, which this format does not allow.
    suffixes = [".keras"] if name == "Adafactor" else [".keras", ".h5"]
    theirs_saved = [saved(theirs, str(tmp_path / f"theirs{suffix}")) for suffix in suffixes]
    np.testing.assert_allclose(next_losses(theirs), expected, rtol=1e-5)
    for path in theirs_saved:
        np.testing.assert_allclose(next_losses(load(path)), expected, rtol=1e-6)


def test_older_format_and_training_on_in_keras(tmp_path):
    """Keras builds the optimizer of an `.h5` file for no variables at all, its own file's too; once
    compiled anew, the model trains."""
    model = regressor(torchkeras)
    next_losses(model, 2)
    for k in (torchkeras, keras):
        model = regressor(k)
        theirs = load_in_keras(saved(model, str(tmp_path / f"{k.__name__}.h5")))
        with pytest.raises(ValueError, match="Unknown variable"):
            next_losses(theirs)
        theirs.compile(keras.optimizers.Adam(0.01), "mse")
        np.testing.assert_allclose(next_losses(theirs), next_losses(model), rtol=1e-5)


def test_weights_bring_the_optimizer_along(tmp_path):
    model = regressor(torchkeras)
    next_losses(model, 2)
    path = str(tmp_path / "m.weights.h5")
    model.save_weights(path)
    expected = next_losses(model)
    other, theirs = regressor(torchkeras), regressor(keras)
    # Only so Keras has what to load it to.
    theirs.optimizer.build(theirs.trainable_variables)
    other.load_weights(path)
    real(theirs.load_weights, path)
    assert next_losses(other) == expected
    np.testing.assert_allclose(next_losses(theirs), expected, rtol=1e-5)


def test_without_the_optimizer(tmp_path):
    model = regressor(torchkeras)
    next_losses(model, 2)
    path = str(tmp_path / "m.h5")
    model.save(path, include_optimizer=False)
    assert not load(path).compiled
    path = saved(model, str(tmp_path / "m.keras"))
    back = load(path, compile=False)
    assert not back.compiled
    assert_equal_weights(back, model)


NAMES = [
    ("mse", ["mae", "mse"]),
    ("mean_squared_error", ["mean_absolute_error"]),
    ("huber", []),
]


@pytest.mark.parametrize(("loss", "metrics"), NAMES, ids=lambda value: str(value))
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_losses_and_metrics_by_name(loss, metrics, suffix, tmp_path):
    for k in (torchkeras, keras):
        model = regressor(k)
        model.compile(k.optimizers.SGD(0.1), loss, metrics=metrics)
        back = load(saved(model, str(tmp_path / f"{k.__name__}{suffix}")))
        expected = real(model.evaluate, X, Y, verbose=0)
        np.testing.assert_allclose(back.evaluate(X, Y, verbose=0), expected, rtol=1e-5)
        expected = real(model.evaluate, X, Y, verbose=0, return_dict=True)
        assert list(back.evaluate(X, Y, verbose=0, return_dict=True)) == list(expected)


def test_torch_optimizer_is_not_written_down(tmp_path):
    model = regressor(torchkeras)
    model.compile(torch.optim.SGD(model.parameters(), 0.1), "mse")
    path = str(tmp_path / "m.keras")
    with pytest.warns(UserWarning, match="must be compiled again"):
        model.save(path)
    back = load(path)
    assert not back.compiled
    assert_equal_weights(back, model)


# ---- arguments and other formats ----


def test_paths_and_suffixes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = fill(MODELS["mlp"][0](torchkeras))
    with pytest.raises(ValueError, match="Invalid filepath extension"):
        model.save("m.bin")
    with pytest.raises(ValueError, match="should not end in `.keras`"):
        model.save("m.keras", zipped=False)
    with pytest.raises(ValueError, match="not supported"):
        model.save("m.keras", signatures=None)
    with pytest.raises(ValueError, match="must end in `.weights.h5`"):
        model.save_weights("m.bin")
    for given, arguments in [
        ("saved_model/", {}),
        ("plain", {}),
        ("folder", {"save_format": "tf"}),
        ("m", {"save_format": "h5"}),
        ("m.hdf5", {}),
    ]:
        model.save(given, **arguments)
        assert_equal_weights(load(given), model)
    for given in ("plain_weights", "cp.ckpt", "cp-0001.ckpt", "w.h5", "w.hdf5"):
        model.save_weights(given)
        other = fill(MODELS["mlp"][0](torchkeras), seed=8)
        other.load_weights(given)
        assert_equal_weights(other, model)


def test_unbuilt_model(tmp_path):
    model = torchkeras.Sequential([torchkeras.layers.Dense(2)])
    with pytest.raises(ValueError, match="not yet been built"):
        model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match="not yet been built"):
        model.load_weights(tmp_path / "m.weights.h5")
    with pytest.warns(UserWarning, match="not yet been built"):
        model.save(tmp_path / "m.keras")
    assert not load(tmp_path / "m.keras").built


def test_shards_both_ways(tmp_path):
    for k, other in ((torchkeras, keras), (keras, torchkeras)):
        path = str(tmp_path / f"{k.__name__}.weights.json")
        model = fill(MODELS["convnet"][0](k))
        model.save_weights(path, max_shard_size=6e-7)
        assert len(list(tmp_path.glob(f"{k.__name__}_*.weights.h5"))) > 1
        back = MODELS["convnet"][0](other)
        real(back.load_weights, path)
        assert_equal_weights(back, model)


def test_skip_mismatch(tmp_path):
    path = str(tmp_path / "m.weights.h5")
    fill(MODELS["mlp"][0](keras)).save_weights(path)
    layers = [torchkeras.layers.Dense(5), torchkeras.layers.Dropout(0.2)]
    model = torchkeras.Sequential([torchkeras.Input((6,)), *layers, torchkeras.layers.Dense(4)])
    before = model.get_weights()
    with pytest.raises(ValueError, match="1 objects could not be loaded"):
        model.load_weights(path)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="could not be loaded"):
        model.load_weights(path, skip_mismatch=True)
    after = model.get_weights()
    assert not np.array_equal(after[0], before[0])
    np.testing.assert_array_equal(after[2], before[2])


def test_objects_to_skip(tmp_path):
    path = str(tmp_path / "m.weights.h5")
    model = fill(MODELS["mlp"][0](torchkeras))
    model.save_weights(path)
    other = fill(MODELS["mlp"][0](torchkeras), seed=8)
    before = other.get_weights()
    other.load_weights(path, objects_to_skip=[other.layers[0]])
    np.testing.assert_array_equal(other.get_weights()[0], before[0])
    np.testing.assert_array_equal(other.get_weights()[2], model.get_weights()[2])


class Kept(torchkeras.layers.Layer):
    """Has a state of its own, a file among it."""

    def build(self, input_shape):
        self.scale = self.add_weight("scale", (input_shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale

    def save_own_variables(self, store):
        store["doubled"] = self.scale.numpy() * 2
        store["note"] = np.arange(3)

    def load_own_variables(self, store):
        assert list(store["note"]) == [0, 1, 2]
        self.scale.assign(store["doubled"] / 2)

    def save_assets(self, inner_path):
        with open(os.path.join(inner_path, "words.txt"), "w") as file:
            file.write("a b c")

    def load_assets(self, inner_path):
        with open(os.path.join(inner_path, "words.txt")) as file:
            self.words = file.read()


@pytest.mark.parametrize("name", ["m.keras", "m"])
def test_own_variables_and_assets(name, tmp_path):
    model = torchkeras.Sequential([torchkeras.Input((3,)), Kept(), torchkeras.layers.Dense(2)])
    fill(model)
    back = load(saved(model, str(tmp_path / name)), custom_objects={"Kept": Kept})
    assert back.layers[0].words == "a b c"
    assert_equal_weights(back, model)


def test_state_tree():
    model = regressor(torchkeras)
    next_losses(model, 2)
    state = model.get_state_tree(value_format="numpy_array")
    other = regressor(torchkeras)
    next_losses(other, 1)
    assert {*state} == {
        "trainable_variables",
        "non_trainable_variables",
        "optimizer_variables",
        "metrics_variables",
    }
    names = (model.optimizer.name, other.optimizer.name)
    text = {names[0]: state["optimizer_variables"].pop(names[0])}
    state["optimizer_variables"][names[1]] = text[names[0]]
    trainable = state["trainable_variables"]
    assert [*trainable] == [model.name]
    trainable[other.name] = dict(zip(other_layers(other), trainable.pop(model.name).values()))
    del state["optimizer_variables"], state["metrics_variables"]
    other.set_state_tree(state)
    assert_equal_weights(other, model)
    with pytest.raises(ValueError, match="Unknown variable name"):
        other.set_state_tree({"weights": {}})


def other_layers(model):
    return [layer.name for layer in model.layers if layer.weights]


def test_torch_files(tmp_path):
    model = fill(MODELS["convnet"][0](torchkeras))
    torch.save(model.state_dict(), tmp_path / "m.pt")
    other = MODELS["convnet"][0](torchkeras)
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    names = dict(zip(state, other.state_dict()))
    other.load_state_dict({names[key]: value for key, value in state.items()})
    assert_equal_weights(other, model)


def named_layers(k):
    layers = [k.layers.Dense(4, name="a"), k.layers.BatchNormalization(name="b")]
    return k.Sequential([k.Input((3,)), *layers, k.layers.Dense(2, name="c")])


def test_safetensors(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    path = str(tmp_path / "m.safetensors")
    model, other = fill(named_layers(torchkeras)), fill(named_layers(torchkeras), seed=8)
    model.save_weights(path)
    found = safetensors.load_file(path)
    assert {*found} == {*model.state_dict()}
    assert torch.equal(found["a.kernel"], model.layers[0].kernel)
    other.load_weights(path)
    assert_equal_weights(other, model)
    del found["c.bias"]
    found["a.kernel"] = torch.zeros(2, 2)
    safetensors.save_file(found, path)
    before = other.get_weights()
    with pytest.raises(ValueError, match=r"c\.bias is not in the file.*a\.kernel expects shape"):
        other.load_weights(path)
    for a, b in zip(other.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    with pytest.warns(UserWarning, match="Skipping"):
        other.load_weights(path, skip_mismatch=True)


def test_yaml():
    pytest.importorskip("yaml")
    model = fill(MODELS["shared"][0](torchkeras))
    back = torchkeras.models.model_from_yaml(model.to_yaml())
    assert back.to_json() == model.to_json()
    text = """
class_name: Sequential
config:
- class_name: Dense
  config:
    batch_input_shape: !!python/tuple [null, 3]
    name: dense_1
    output_dim: 4
    init: glorot_uniform
    activation: relu
keras_version: 1.2.2
"""
    model = torchkeras.models.model_from_yaml(text)
    assert model.input_shape == (None, 3) and model.layers[0].units == 4


def test_architecture_as_text():
    for make, _ in MODELS.values():
        model, theirs = make(torchkeras), make(keras)
        back = torchkeras.models.model_from_json(theirs.to_json())
        assert [w.shape for w in back.weights] == [w.shape for w in model.weights]
        assert real(keras.models.model_from_json, model.to_json()).count_params() == (
            model.count_params()
        )
    config = {"class_name": "Sequential", "config": model.get_config()}
    with pytest.raises(TypeError, match="not a list"):
        torchkeras.models.model_from_config([config])
    with pytest.raises(ValueError, match="no valid JSON"):
        torchkeras.models.model_from_json("{")


# ---- the editor ----


def edited(k, path):
    """What the editor of either library says and does."""
    lines = []
    editor = real(k.saving.KerasFileEditor, path)
    editor.rename_object("layers/dense", "other")
    editor.add_object("layers/extra", {"0": np.zeros(2, "float32")})
    editor.add_weights("layers/extra", {"1": np.ones(3, "float32")})
    editor.delete_weight("layers/extra", "0")
    lines.append(shapes(editor.weights_dict))
    editor.delete_object("layers/extra")
    lines.append(shapes(editor.weights_dict))
    new = path.replace(".keras", f".{k.__name__}.weights.h5")
    editor.save(new)
    return lines, written(new)[0]


def shapes(content):
    return {
        key: shapes(value) if isinstance(value, dict) else np.shape(value)
        for key, value in content.items()
    }


def test_editor_does_what_that_of_keras_does(tmp_path, capsys):
    keras.utils.clear_session()
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    path = str(tmp_path / "m.keras")
    model.save(path)
    assert edited(torchkeras, path) == edited(keras, path)


def test_editor_compares(tmp_path, capsys):
    path = str(tmp_path / "m.weights.h5")
    model = fill(named_layers(torchkeras))
    model.save_weights(path)
    editor = torchkeras.saving.KerasFileEditor(path)
    assert editor.compare(named_layers(torchkeras))["status"] == "success"
    wider = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Dense(5)])
    result = editor.compare(wider)
    assert result["status"] == "error" and result["error_count"] > 0
    editor.summary()
    assert "dense" in capsys.readouterr().out
    for call, message in [
        (lambda: editor.rename_object("none", "x"), "does not appear"),
        (lambda: editor.delete_object("layers/none"), "not found"),
        (lambda: editor.delete_weight("layers/dense", "9"), "not found"),
        (lambda: editor.add_object("layers/dense/0/x", {}), "not found|Path|name"),
        (lambda: editor.add_weights("layers/dense", [1]), "should be a dict"),
        (lambda: editor.save("m.keras"), "weights.h5"),
        (lambda: torchkeras.saving.KerasFileEditor("m.bin"), "Invalid filename"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


def test_a_folder_says_what_it_is(tmp_path):
    """`model.save("saved_model/")` of older scripts makes no SavedModel, and says so."""
    model = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Dense(2)])
    folder = tmp_path / "saved_model"
    model.save(f"{folder}/")
    assert sorted(p.name for p in folder.iterdir()) == [
        "README.txt",
        "config.json",
        "metadata.json",
        "model.weights.h5",
    ]
    text = (folder / "README.txt").read_text()
    assert "load_model" in text and "no SavedModel of TensorFlow" in text
    x = np.ones((2, 3), "float32")
    for k in (torchkeras, keras):
        loaded = k.saving.load_model(str(folder))
        np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0), 1e-5)
