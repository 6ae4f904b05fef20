"""keras.applications against real Keras, over the rows of `cases/applications.py`."""

import gzip
import importlib.util
import inspect
import json
import pickle
import sys
import types
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import torch

import torchkeras
from compat_tests.cases.applications import ERRORS, KERAS_3, RECORDED, marked
from torchkeras import applications
from torchkeras.applications import _imagenet, imagenet_utils

# Of real Keras, with numpy 2.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GOLDEN = Path(__file__).parent / "golden" / "applications"
HELPERS = {"decode_predictions", "preprocess_input"}
MODULES = [
    name
    for name in """
    convnext densenet efficientnet efficientnet_v2 inception_resnet_v2 inception_v3 mobilenet
    mobilenet_v2 mobilenet_v3 nasnet resnet resnet_v2 vgg16 vgg19 xception
    """.split()
]


def golden_script():
    spec = importlib.util.spec_from_file_location("make_applications", GOLDEN / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


make = golden_script()


@pytest.fixture(scope="module")
def recorded():
    with gzip.open(GOLDEN / "structures.json.gz") as file:
        return json.load(file)


@pytest.fixture
def channels_first():
    for library in (keras, torchkeras):
        library.config.set_image_data_format("channels_first")
    yield
    for library in (keras, torchkeras):
        library.config.set_image_data_format("channels_last")


def made(library, name, **arguments):
    """A model of ours or of real Keras, whose layers are numbered from the start."""
    library.utils.clear_session()
    return getattr(library.applications, name)(**{"weights": None, **arguments})


def both(name, **arguments):
    return made(torchkeras, name, **arguments), made(keras, name, **arguments)


# ---- the models


@pytest.mark.tiny
def test_every_model_has_a_row():
    names = {case.name for case in KERAS_3 + RECORDED}
    public = {name for name in dir(applications) if inspect.isfunction(vars(applications)[name])}
    # What only Keras 2 had beside its models.
    assert names == public - {"keras_modules_injection"}
    theirs = {name for name in dir(keras.applications) if name[0].isupper()}
    assert theirs == {case.name for case in KERAS_3} | {"NASNetMobile"}


@pytest.mark.tiny
@pytest.mark.parametrize("name", sorted({case.name for case in KERAS_3 + RECORDED}))
def test_what_a_function_says_of_itself(name):
    function = getattr(applications, name)
    assert function.__name__ == function.__qualname__ == name
    assert getattr(sys.modules[function.__module__], name) is function
    assert pickle.loads(pickle.dumps(function)) is function
    signature = inspect.signature(function)
    if hasattr(keras.applications, name):
        assert signature == inspect.signature(getattr(keras.applications, name))
    documented = inspect.getdoc(function).partition("Args:")[2]
    assert all(f"    {argument}: " in documented for argument in signature.parameters)


@pytest.mark.tiny
def test_signatures_of_keras_2():
    defaults = {
        p.name: p.default for p in inspect.signature(applications.RegNetY320).parameters.values()
    }
    assert list(defaults.items())[:3] == [
        ("model_name", "regnety320"),
        ("include_top", True),
        ("include_preprocessing", True),
    ]
    names = "include_top weights classes input_shape input_tensor pooling classifier_activation"
    ours = list(inspect.signature(applications.ResNetRS420).parameters)
    assert ours == [*names.split(), "include_preprocessing"]


def plain(config):
    """A config without what differs between two runs of the same code."""
    if isinstance(config, dict):
        if config.get("class_name") == "DTypePolicy":
            return config["config"]["name"]
        left_out = {"build_config", "compile_config", "seed", "module", "registered_name"}
        # The arguments that Keras writes for calls, though nobody gave them: training, mask.
        left_out |= {"kwargs"}
        return {key: plain(value) for key, value in config.items() if key not in left_out}
    if isinstance(config, (list, tuple)):
        return [plain(item) for item in config]
    return config


def weight_places(model):
    """Paths and shapes; Keras numbers the weights of LayerScale, which have no name there."""
    places = [(weight.path, tuple(weight.shape)) for weight in model.weights]
    return [
        (path.rpartition("/")[0] if "layer_scale" in path else path, shape)
        for path, shape in places
    ]


def configs(model, with_calls):
    """Of the layers; without calls those of layers that hold no constants."""
    if with_calls:
        return model.get_config()["layers"]
    return [layer.get_config() for layer in model.layers if "normalization" not in layer.name]


def assert_same_structure(ours, theirs):
    assert ours.name == theirs.name
    layers = [(layer.name, type(layer).__name__) for layer in theirs.layers]
    assert [(layer.name, type(layer).__name__) for layer in ours.layers] == layers
    assert weight_places(ours) == weight_places(theirs)
    assert ours.count_params() == theirs.count_params()
    # Constants on meta have no values that could be written.
    constants = any(type(layer).__name__ == "Normalization" for layer in ours.layers)
    with_calls = not constants or all(w.value.device.type != "meta" for w in ours.weights)
    pairs = zip(configs(ours, with_calls), configs(theirs, with_calls), strict=True)
    for mine, real in pairs:
        assert plain(json.loads(json.dumps(mine))) == plain(json.loads(json.dumps(real)))


@pytest.mark.parametrize("case", marked(KERAS_3))
def test_structure_with_imagenet_weights(case, monkeypatch):
    """As the file of weights expects it, without loading it."""
    arguments = dict(case.arguments)
    if not arguments:
        arguments["weights"] = "imagenet"
        for library, place in ((torchkeras, _imagenet), (keras, keras.src.utils.file_utils)):
            monkeypatch.setattr(place, "get_file", lambda *args, **kwargs: "file")
            monkeypatch.setattr(library.Model, "load_weights", lambda self, path: None)
    if "MobileNetV3" in case.name:
        arguments["input_shape"] = (224, 224, 3)
    device = "cpu" if case.name in ("EfficientNetB0", "ConvNeXtTiny") else "meta"
    with torchkeras.device(device), keras.device(device):
        assert_same_structure(*both(case.name, **arguments))


def arrays(model):
    """Values of all weights, of a model of ours or of Keras."""
    return [weight.value.detach().numpy() for weight in model.weights]


def give_seeded(model):
    """Weights that keep the values of a deep network in bounds."""
    for layer in model._flatten_layers(include_self=False):
        if layer.weights and not layer._layers:
            shapes = [tuple(weight.shape) for weight in layer.weights]
            values = make.seeded(layer.name, shapes)
            layer.set_weights(values)


def assert_same_values(ours, theirs, x):
    give_seeded(theirs)
    ours.set_weights(arrays(theirs))
    expected = theirs(x).detach().numpy()
    actual = ours(x).detach().numpy()
    assert actual.shape == expected.shape
    assert np.ptp(expected) > 1e-3 * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def pixels(size, first=False):
    x = make.image(size)
    return torch.from_numpy(x.transpose(0, 3, 1, 2).copy() if first else x)


@pytest.mark.parametrize(
    "case",
    marked([case for case in KERAS_3 if case.size and (case.head or case.arguments)], "head"),
)
def test_values_with_top(case):
    """For heads of their own; all others are one function."""
    shape = (case.size, case.size, 3)
    activation = {"classifier_activation": None, "classes": 10}
    models = both(case.name, input_shape=shape, **activation, **case.arguments)
    assert_same_values(*models, pixels(case.size))


@pytest.mark.parametrize(
    "case, pooling",
    [
        pytest.param(*row.values, pooling, id=f"{row.id}-{pooling}", marks=row.marks)
        for i, row in enumerate(marked([case for case in KERAS_3 if case.size]))
        for pooling in [("avg", "max", None)[i % 3]]
    ],
)
def test_values_without_top(case, pooling):
    """Of any size of image, where one model takes several."""
    kwargs = {"include_top": False, "pooling": pooling, **case.arguments}
    ours, theirs = both(case.name, **kwargs)
    assert_same_structure(ours, theirs)
    assert_same_values(ours, theirs, pixels(case.size + 32))


@pytest.mark.parametrize("case", marked([c for c in KERAS_3 if c.first], "head"))
def test_values_with_channels_first(case, channels_first):
    shape = (3, case.size, case.size)
    ours, theirs = both(case.name, input_shape=shape, include_top=False, pooling="avg")
    assert_same_structure(ours, theirs)
    assert_same_values(ours, theirs, pixels(case.size, first=True))


@pytest.mark.parametrize("case", marked(RECORDED))
def test_structure_as_recorded(case, recorded):
    with torchkeras.device("meta"):
        model = made(torchkeras, case.name)
    expected = recorded[case.name]
    assert model.count_params() == expected["parameters"]
    actual = make.structure(model)["layers"]
    assert [layer[0] for layer in actual] == [layer[0] for layer in expected["layers"]]
    assert actual == expected["layers"]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(make.COMPUTED))
def test_values_as_recorded(name):
    model = made(torchkeras, name, **make.COMPUTED[name])
    make.set_seeded(model)
    expected = np.load(GOLDEN / "outputs.npz")[name]
    actual = model.predict(make.image(64), verbose=0)
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


@pytest.fixture
def float64():
    torchkeras.config.set_floatx("float64")
    yield
    torchkeras.config.set_floatx("float32")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["RegNetX002", "RegNetY002", "ResNetRS50"])
def test_models_of_keras_2_without_top(name, channels_first, float64):
    """They compute the same in both formats, though Keras 2 could not make RegNet so."""
    kwargs = {"include_top": False, "pooling": "max"}
    first = made(torchkeras, name, **kwargs)
    torchkeras.config.set_image_data_format("channels_last")
    last = made(torchkeras, name, **kwargs)
    give_seeded(last)
    first.set_weights(last.get_weights())
    expected = last(pixels(64)).detach()
    assert expected.shape == (2, last.output_shape[-1])
    torch.testing.assert_close(first(pixels(64, first=True)).detach(), expected)


# ---- arguments


def error_of(function, **arguments):
    with pytest.raises(ValueError) as caught:
        function(**{"weights": None, **arguments})
    return str(caught.value)


@pytest.mark.tiny
@pytest.mark.parametrize("name, arguments, phrase", ERRORS, ids=lambda v: v if v is str else None)
def test_errors(name, arguments, phrase):
    assert phrase in error_of(getattr(keras.applications, name), **arguments)
    ours = error_of(getattr(applications, name), **arguments)
    assert phrase in ours
    assert "Received: " in ours


@pytest.mark.tiny
@pytest.mark.parametrize("name", ["DenseNet121", "NASNetMobile", "ConvNeXtTiny"])
def test_models_of_one_format(name, channels_first):
    assert "does not support the `channels_first`" in error_of(getattr(applications, name))


@pytest.mark.tiny
def test_arguments_that_are_refused():
    assert "`pooling`" in error_of(applications.VGG16, include_top=False, pooling="mean")
    with pytest.raises(TypeError, match=r"VGG16\(\) got an unexpected keyword argument 'alpha'"):
        applications.VGG16(alpha=2)
    assert "imagenet-i192" in error_of(applications.ResNetRS101, weights="imagenet-i160000")
    with pytest.warns(
        UserWarning, match="usually expects 1 or 3 input channels.* 4 input"
    ) as caught:
        made(torchkeras, "MobileNet", include_top=False, input_shape=(32, 32, 4))
    assert caught[0].filename == __file__


@pytest.mark.tiny
@pytest.mark.parametrize("name", ["MobileNetV2", "MobileNetV3Small"])
def test_tensor_and_shape_must_agree(name):
    tensor = torchkeras.Input((64, 64, 3))
    arguments = {"input_tensor": tensor, "input_shape": (32, 32, 3)}
    assert "must equal" in error_of(getattr(applications, name), **arguments)
    assert "must equal" in error_of(
        getattr(keras.applications, name),
        **{**arguments, "input_tensor": keras.Input((64, 64, 3))},
    )


@pytest.mark.tiny
def test_names_and_sizes_of_mobilenets():
    for arguments in (
        {"include_top": False},
        {"input_shape": (128, 128, 3), "alpha": 0.5},
        {"input_shape": (130, 128, 3), "include_top": False},
    ):
        for name in ("MobileNet", "MobileNetV2"):
            with torchkeras.device("meta"), keras.device("meta"):
                ours, theirs = both(name, **arguments)
            assert (ours.name, ours.input_shape) == (theirs.name, theirs.input_shape)


@pytest.mark.parametrize("name", ["MobileNetV2", "ConvNeXtTiny"])
def test_input_tensor(name):
    """The model goes from the input of a graph, through what was computed before."""
    outputs = []
    for library in (torchkeras, keras):
        library.utils.clear_session()
        inputs = library.Input((32, 32, 1))
        x = library.layers.Conv2D(3, 1, name="colours")(inputs)
        make_model = getattr(library.applications, name)
        model = make_model(input_tensor=x, weights=None, include_top=False, pooling="avg")
        assert model.layers[1].name == "colours"
        outputs.append(model)
    assert_same_structure(*outputs)
    assert_same_values(*outputs, pixels(32)[..., :1])


# ---- weights


class Fake:
    """Stands for layers, tensors and models: all that is done with it gives itself."""

    shape = (None, 8, 8, 8)

    def __call__(self, *args, **kwargs):
        return self

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    __add__ = __mul__ = __rmul__ = __call__


def asked_for(monkeypatch, library, name, **arguments):
    """The arguments of `get_file` when a model is made whose layers are fakes."""
    asked = []

    def get_file(fname, origin, cache_subdir, file_hash=None):
        asked.append((fname, origin, cache_subdir, file_hash))
        return "file"

    if library is keras:
        path = "keras.src.applications"
        monkeypatch.setattr(keras.src.utils.file_utils, "get_file", get_file)
    else:
        path = "torchkeras.applications"
        monkeypatch.setattr(_imagenet, "get_file", get_file)
    replaced = "layers Functional Sequential CustomScaleLayer LayerScale StochasticDepth".split()
    for module in [m for key, m in sys.modules.items() if key.startswith(f"{path}.")]:
        for key in replaced:
            if hasattr(module, key):
                monkeypatch.setattr(module, key, Fake())
    getattr(library.applications, name)(**arguments)
    return asked


def imagenet_arguments():
    names = sorted({case.name for case in KERAS_3})
    for name in names:
        for include_top in (True, False):
            shape = {} if include_top else {"input_shape": (224, 224, 3)}
            yield name, {"include_top": include_top, **shape}
    for alpha, size in ((0.5, 128), (0.75, 160), (1.0, 192)):
        for name in ("MobileNet", "MobileNetV2"):
            shape = (size, size, 3)
            yield name, {"alpha": alpha, "include_top": False, "input_shape": shape}
    for name in ("MobileNetV3Small", "MobileNetV3Large"):
        shape = {"input_shape": (224, 224, 3)}
        yield name, {"alpha": 0.75, **shape}
        yield name, {"minimalistic": True, "include_top": False, **shape}


@pytest.mark.tiny
@pytest.mark.parametrize("name, arguments", list(imagenet_arguments()))
@pytest.mark.filterwarnings("ignore:`input_shape` is undefined")
def test_files_of_weights(name, arguments, monkeypatch):
    """Name, address, place and hash."""
    ours = asked_for(monkeypatch, torchkeras, name, **arguments)
    assert len(ours) == 1
    assert ours == asked_for(monkeypatch, keras, name, **arguments)


@pytest.mark.tiny
@pytest.mark.parametrize("case", RECORDED, ids=str)
def test_files_of_weights_as_recorded(case, recorded, monkeypatch):
    function = getattr(applications, case.name)
    variants = ["imagenet"]
    if case.name.startswith("ResNetRS"):
        sizes = {
            name.split("-")[3][1:4] for name in recorded["files"] if f"-{case.name[8:]}-" in name
        }
        variants += [f"imagenet-i{size}" for size in sorted(sizes)]
        assert len(variants) > 1
    for weights in variants:
        for include_top in (True, False):
            arguments = {"include_top": include_top, "weights": weights}
            ((name, origin, place, file_hash),) = asked_for(
                monkeypatch, torchkeras, function.__name__, **arguments
            )
            assert recorded["files"][name] == [origin, file_hash]
            assert place == "models"
            assert name.removesuffix(".h5").endswith(("notop", "no_top")) != include_top


SMALLEST = {"alpha": 1 / 32, "classes": 5, "input_shape": (32, 32, 3)}


def test_weights_that_keras_2_wrote():
    model = made(torchkeras, "MobileNet", weights=str(GOLDEN / "mobilenet.h5"), **SMALLEST)
    expected = np.load(GOLDEN / "outputs.npz")["mobilenet.h5"]
    actual = model.predict(make.image(32) / 127.5 - 1, verbose=0)
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


def test_weights_that_keras_2_wrote_by_name():
    """The file of a model with another head; layers that it does not have keep their weights."""
    model = made(torchkeras, "MobileNet", **SMALLEST)
    other = torchkeras.Model(
        model.inputs, torchkeras.layers.Dense(3, name="mine")(model.get_layer("dropout").output)
    )
    mine = other.get_layer("mine").get_weights()
    other.load_weights(GOLDEN / "mobilenet.h5", by_name=True)
    with h5py.File(GOLDEN / "mobilenet.h5") as file:
        kernel = file["conv_pw_13/conv_pw_13/kernel:0"][...]
    np.testing.assert_array_equal(other.get_layer("conv_pw_13").get_weights()[0], kernel)
    for before, after in zip(mine, other.get_layer("mine").get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("writer, reader", [(keras, torchkeras), (torchkeras, keras)])
def test_weights_files_both_ways(writer, reader, tmp_path):
    path = tmp_path / "mobile.weights.h5"
    model = made(writer, "MobileNet", **SMALLEST)
    give_seeded(model)
    model.save_weights(path)
    other = made(reader, "MobileNet", weights=str(path), **SMALLEST)
    for mine, theirs in zip(arrays(model), arrays(other), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    if reader is torchkeras:  # a Path will do
        made(reader, "MobileNet", weights=path, **SMALLEST)


@pytest.mark.parametrize("name", ["EfficientNetB0", "ConvNeXtTiny"])
def test_whole_old_files_of_keras(name, tmp_path):
    """Layers whose weights are not all of them trained, and models inside of models."""
    theirs = made(keras, name, include_top=False)
    give_seeded(theirs)
    theirs.save(tmp_path / "whole.h5")
    ours = made(torchkeras, name, include_top=False, weights=str(tmp_path / "whole.h5"))
    for mine, real in zip(arrays(ours), arrays(theirs), strict=True):
        np.testing.assert_array_equal(mine, real)


LAYERS = [
    ("convnext", "LayerScale", {"init_values": 0.5, "projection_dim": 3}),
    ("inception_resnet_v2", "CustomScaleLayer", {"scale": 0.25}),
]


@pytest.mark.parametrize("module, name, arguments", LAYERS, ids=lambda v: v if v is str else None)
def test_layers_of_applications_in_files(module, name, arguments):
    ours = getattr(getattr(applications, module), name)(**arguments, name="mine")
    real_module = importlib.import_module(f"keras.src.applications.{module}")
    theirs = getattr(real_module, name)(**arguments, name="mine")
    config = torchkeras.saving.serialize_keras_object(ours)
    expected = keras.saving.serialize_keras_object(theirs)
    assert {**config, "config": None} == {**expected, "config": None}
    assert plain(config["config"]) == plain(expected["config"])
    back = torchkeras.saving.deserialize_keras_object(expected)
    assert type(back) is type(ours)
    assert type(keras.saving.deserialize_keras_object(config)) is type(theirs)
    x = torch.ones(2, 3)
    x = [x, x] if name == "CustomScaleLayer" else x
    torch.testing.assert_close(ours(x), theirs(x))


# ---- training


def test_training():
    arguments = {"alpha": 0.25, "dropout": 0.0, "classes": 3, "input_shape": (64, 64, 3)}
    ours, theirs = both("MobileNet", **arguments)
    ours.set_weights(arrays(theirs))
    x = np.random.default_rng(0).uniform(-1, 1, (16, 64, 64, 3)).astype("float32")
    y = np.arange(16) % 3
    for library, model in ((torchkeras, ours), (keras, theirs)):
        model.compile(library.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
    losses = [float(model.train_on_batch(x[:8], y[:8])) for model in (ours, theirs)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    before = arrays(ours)
    before = [array.copy() for array in before]
    history = ours.fit(x, y, batch_size=8, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    for weight, array in zip(ours.weights, before, strict=True):
        assert not np.array_equal(weight.value.detach().numpy(), array), weight.path


def test_transfer_learning(tmp_path):
    """As in the guides: preprocessing in the graph, a base that is not trained, a new head."""
    inputs = torchkeras.Input((32, 32, 3))
    x = applications.mobilenet_v2.preprocess_input(inputs)
    arguments = {"alpha": 0.35, "weights": None, "input_shape": (32, 32, 3)}
    base = applications.MobileNetV2(include_top=False, pooling="avg", **arguments)
    base.trainable = False
    outputs = torchkeras.layers.Dense(2, activation="softmax")(base(x, training=False))
    model = torchkeras.Model(inputs, outputs)
    model.compile("adam", "sparse_categorical_crossentropy")
    frozen = base.get_weights()
    model.fit(make.image(32), np.array([0, 1]), epochs=2, batch_size=1, verbose=0)
    for before, after in zip(frozen, base.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert [weight.path.split("/")[0] for weight in model.trainable_weights] == ["dense"] * 2
    model.save(tmp_path / "model.keras")
    expected = model.predict(make.image(32), verbose=0)
    for library in (torchkeras, keras):
        loaded = library.saving.load_model(tmp_path / "model.keras")
        actual = loaded.predict(make.image(32), verbose=0)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)


# ---- images and predictions

IMAGES = {
    "bytes": lambda: np.random.default_rng(1).integers(0, 256, (2, 4, 5, 3)).astype("uint8"),
    "floats": lambda: np.random.default_rng(1).uniform(0, 255, (2, 4, 5, 3)).astype("float32"),
    "doubles": lambda: np.random.default_rng(1).uniform(0, 255, (2, 4, 5, 3)),
    "halves": lambda: np.random.default_rng(1).uniform(0, 255, (2, 4, 5, 3)).astype("float16"),
    "one image": lambda: np.random.default_rng(1).uniform(0, 255, (4, 5, 3)).astype("float32"),
}


@pytest.mark.tiny
@pytest.mark.parametrize("kind", IMAGES)
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first", None])
@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_preprocess_input(mode, data_format, kind):
    x = IMAGES[kind]()
    if data_format == "channels_first":
        x = np.moveaxis(x, -1, -3).copy()
    arguments = {"data_format": data_format, "mode": mode}
    expected = keras.applications.imagenet_utils.preprocess_input(x.copy(), **arguments)
    given = x.copy()
    actual = imagenet_utils.preprocess_input(given, **arguments)
    assert actual.dtype == expected.dtype
    tolerance = {"rtol": 1e-2, "atol": 0.2} if kind == "halves" else {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(actual, expected, **tolerance)
    # Floats are changed in place, as in Keras.
    assert np.shares_memory(given, actual) == (kind != "bytes")
    tensor = torch.from_numpy(x.copy())
    actual = imagenet_utils.preprocess_input(tensor, **arguments)
    np.testing.assert_allclose(actual.numpy(), expected, **tolerance)
    np.testing.assert_array_equal(tensor.numpy(), x)


@pytest.mark.tiny
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("mode", ["caffe", "tf", "torch"])
def test_preprocess_input_in_a_graph(mode, data_format):
    shape = (4, 5, 3) if data_format == "channels_last" else (3, 4, 5)
    inputs = torchkeras.Input(shape)
    outputs = imagenet_utils.preprocess_input(inputs, data_format, mode)
    model = torchkeras.Model(inputs, outputs)
    x = np.random.default_rng(1).uniform(0, 255, (2, *shape)).astype("float32")
    expected = keras.applications.imagenet_utils.preprocess_input(x.copy(), data_format, mode)
    np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5, atol=1e-4)
    copy = keras.Model.from_config(model.get_config())
    np.testing.assert_allclose(copy(x).numpy(), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.tiny
@pytest.mark.parametrize("name", [*MODULES, "resnet50"])
def test_preprocess_input_of_each_module(name):
    ours, theirs = (getattr(library.applications, name) for library in (torchkeras, keras))
    x = IMAGES["floats"]()
    expected = theirs.preprocess_input(x.copy())
    np.testing.assert_allclose(ours.preprocess_input(x.copy()), expected, rtol=1e-5, atol=1e-4)
    assert str(inspect.signature(ours.preprocess_input)) == "(x, data_format=None)"
    first = np.moveaxis(x, -1, 1).copy()
    expected = theirs.preprocess_input(first.copy(), data_format="channels_first")
    actual = ours.preprocess_input(first.copy(), data_format="channels_first")
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.tiny
@pytest.mark.parametrize("arguments", [{"mode": "pytorch"}, {"data_format": "last"}])
def test_preprocess_input_refuses(arguments):
    for library in (keras, torchkeras):
        with pytest.raises(ValueError, match="Received: "):
            library.applications.imagenet_utils.preprocess_input(
                np.zeros((1, 2, 2, 3)), **arguments
            )


@pytest.mark.tiny
def test_decode_predictions(monkeypatch):
    index = {str(i): [f"n{i:08}", f"thing {i}"] for i in range(1000)}
    monkeypatch.setattr(imagenet_utils, "_class_index", lambda: index)
    real = importlib.import_module("keras.src.applications.imagenet_utils")
    monkeypatch.setattr(real, "CLASS_INDEX", index)
    scores = np.random.default_rng(1).random((3, 1000)).astype("float32")
    for top in (5, 1, 1000):
        expected = keras.applications.vgg16.decode_predictions(scores, top=top)
        assert applications.vgg16.decode_predictions(scores, top=top) == expected
        assert applications.resnet_rs.decode_predictions(torch.tensor(scores), top) == expected
    for library in (keras, torchkeras):
        with pytest.raises(ValueError, match=r"a 2D array of shape \(samples, 1000\)"):
            library.applications.vgg16.decode_predictions(scores[:, :10])


@pytest.mark.tiny
def test_names_of_classes_come_from_a_file(monkeypatch, tmp_path):
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"0": ["n1", "tench"]}))
    asked = {}

    def get_file(name, origin, **kwargs):
        asked.update(name=name, origin=origin, **kwargs)
        return str(path)

    monkeypatch.setattr(imagenet_utils, "get_file", get_file)
    imagenet_utils._class_index.cache_clear()
    assert imagenet_utils._class_index() == {"0": ["n1", "tench"]}
    imagenet_utils._class_index.cache_clear()
    real = importlib.import_module("keras.src.applications.imagenet_utils")
    assert asked == {
        "name": "imagenet_class_index.json",
        "origin": real.CLASS_INDEX_PATH,
        "cache_subdir": "models",
        "file_hash": "c2c37ea517e94d9795004a39431a14cb",
    }


# ---- what older versions had


@pytest.mark.tiny
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_arguments_of_keras_1_and_2():
    with torchkeras.device("meta"):
        model = applications.ConvNeXtTiny(model_name="mine", weights=None)
        assert model.name == "mine"
        applications.MobileNet(weights=None, layers=torchkeras.layers, alpha=0.25)
    image = np.ones((1, 3, 2, 2), "float32")
    ours = imagenet_utils.preprocess_input(image, dim_ordering="th")
    np.testing.assert_allclose(ours[0, :, 0, 0], [-102.939, -115.779, -122.68], rtol=1e-5)
    x = applications.inception_v3.conv2d_bn(
        torchkeras.Input((8, 8, 3)), 4, 1, 7, border_mode="valid", subsample=(2, 1), name="old"
    )
    assert x.shape == (None, 4, 2, 4)
    assert x._keras_history.operation.name == "old"


@pytest.mark.tiny
def test_modules_of_keras_1_and_2():
    from torchkeras.applications.mobilenetv2 import MobileNetV2

    from torchkeras.applications.imagenet_utils import _obtain_input_shape
    from torchkeras.applications.mobilenet import DepthwiseConv2D, relu6

    assert MobileNetV2 is applications.MobileNetV2
    assert DepthwiseConv2D is torchkeras.layers.DepthwiseConv2D
    assert relu6(torch.tensor([7.0])) == 6
    shape = _obtain_input_shape(
        None, default_size=64, min_size=32, data_format="channels_last", require_flatten=True
    )
    assert shape == (64, 64, 3)
    given = applications.keras_modules_injection(lambda x, **modules: (x, modules))(3)
    names = ("backend", "layers", "models", "utils")
    assert given == (3, {name: getattr(torchkeras, name) for name in names})


@pytest.mark.tiny
def test_blocks_of_the_first_resnet50():
    inputs = torchkeras.Input((8, 8, 16))
    x = applications.resnet50.conv_block(inputs, 3, [4, 4, 16], stage=2, block="a")
    x = applications.resnet50.identity_block(x, 3, [4, 4, 16], stage=2, block="b")
    model = torchkeras.Model(inputs, x)
    assert model.output_shape == (None, 4, 4, 16)
    names = {layer.name for layer in model.layers if layer.weights}
    parts = [f"{kind}2{p}" for kind in ("res", "bn") for p in ("a_branch1", "a_branch2a")]
    parts += [f"{kind}2b_branch2{p}" for kind in ("res", "bn") for p in "abc"]
    assert {*parts} <= names
    assert len(names) == 14
    assert model.get_layer("res2a_branch2a").strides == (2, 2)


@pytest.mark.parametrize("first", [False, True])
def test_music_tagger(first, request):
    if first:
        request.getfixturevalue("channels_first")
    from torchkeras.applications.music_tagger_crnn import MusicTaggerCRNN

    model = MusicTaggerCRNN(weights=None)
    assert model.count_params() == 400562
    shape = (1, 1, 96, 1366) if first else (1, 96, 1366, 1)
    scores = model(torch.zeros(shape)).detach()
    assert scores.shape == (1, 50)
    tags = applications.music_tagger_crnn.decode_predictions(scores.numpy(), top_n=3)
    assert len(tags) == 1 and len(tags[0]) == 3
    assert tags[0][0][1] == scores.max()
    with pytest.raises(ValueError, match="`classes` should be 50"):
        MusicTaggerCRNN(classes=3)


@pytest.mark.tiny
@pytest.mark.parametrize("samples", [5, 10**6])
def test_sound_files(samples, monkeypatch):
    """With a stand-in for librosa, which is not needed elsewhere."""
    asked = {}

    def melspectrogram(y, **kwargs):
        asked.update(kwargs, length=len(y))
        return np.full((96, 1366), 2.0)

    librosa = types.SimpleNamespace(
        load=lambda path, sr: (np.ones(samples), sr),
        feature=types.SimpleNamespace(melspectrogram=melspectrogram),
        power_to_db=lambda x, ref: 10 * np.log10(x / ref),
    )
    monkeypatch.setitem(sys.modules, "librosa", librosa)
    preprocess_input = applications.audio_conv_utils.preprocess_input
    x = preprocess_input("song.mp3")
    assert asked == {"sr": 12000, "hop_length": 256, "n_fft": 512, "n_mels": 96, "length": 349440}
    assert x.shape == (96, 1366, 1)
    np.testing.assert_allclose(x, 10 * np.log10(4))
    assert preprocess_input("song.mp3", "channels_first").shape == (1, 96, 1366)
    monkeypatch.setitem(sys.modules, "librosa", None)
    with pytest.raises(ImportError, match="librosa"):
        preprocess_input("song.mp3")


@pytest.mark.tiny
def test_tensorflow_has_them_too():
    from torchkeras import tf

    assert tf.keras.applications.VGG16 is applications.VGG16
    assert tf.keras.applications.regnet.RegNetX002 is applications.RegNetX002
