"""`FeatureSpace` against what real Keras on TensorFlow gave."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers, tree
from torchkeras._data.pipeline import Dataset
from torchkeras.utils import FeatureSpace

FOLDER = Path(__file__).parent / "golden" / "preprocessing"
RESULTS = json.loads((FOLDER / "results.json").read_text())
DATA = RESULTS["space_data"]
ROW = {name: values[1] for name, values in DATA.items()}
modes = pytest.mark.parametrize("mode", ["concat", "dict"])


def as_json(config):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(config), sort_keys=True))


def space_of(mode):
    kind = "one_hot" if mode == "concat" else "int"
    return FeatureSpace(
        {
            "plain": "float",
            "normal": "float_normalized",
            "scaled": FeatureSpace.float_rescaled(scale=0.1, offset=-1.0, name="float_rescaled"),
            "binned": FeatureSpace.float_discretized(
                num_bins=3, output_mode=kind, name="float_discretized"
            ),
            "number": FeatureSpace.integer_categorical(
                output_mode=kind, name="integer_categorical"
            ),
            "word": FeatureSpace.string_categorical(
                max_tokens=4, output_mode=kind, name="string_categorical"
            ),
            "hashed_number": FeatureSpace.integer_hashed(
                num_bins=4, output_mode=kind, name="integer_hashed"
            ),
            "hashed_word": FeatureSpace.string_hashed(
                num_bins=5, output_mode=kind, name="string_hashed"
            ),
        },
        crosses=[
            FeatureSpace.cross(("number", "word"), crossing_dim=6, output_mode=kind),
            FeatureSpace.cross(("word", "hashed_word"), crossing_dim=4, output_mode=kind),
        ],
        output_mode=mode,
    )


def adapted(mode):
    space = space_of(mode)
    space.adapt(DATA)
    return space


def same(result, expected):
    if isinstance(expected, dict):
        assert result.keys() == expected.keys()
        for name, values in expected.items():
            same(result[name], values)
        return
    np.testing.assert_allclose(result.numpy(), np.array(expected), rtol=1e-6, atol=1e-6)


@modes
def test_values(mode):
    space, recorded = adapted(mode), RESULTS[mode]
    same(space(DATA), recorded["batch"])
    same(space(ROW), recorded["one"])
    columns = {name: np.array(values)[:, None] for name, values in DATA.items()}
    same(space(columns), recorded["batch"])
    dtypes = tree.map_structure(lambda x: str(x.dtype).removeprefix("torch."), space(DATA))
    assert dtypes == recorded["dtypes"]


@modes
def test_sources_to_adapt_to(mode):
    rows = Dataset.from_tensor_slices(DATA)
    sources = [rows, rows.batch(2), {name: np.array(values) for name, values in DATA.items()}]
    for source in sources:
        space = space_of(mode)
        space.adapt(source)
        same(space(DATA), RESULTS[mode]["batch"])


@modes
def test_datasets(mode):
    space = adapted(mode)
    rows = Dataset.from_tensor_slices(DATA)
    singles = list(rows.map(space))
    batches = list(rows.batch(3).map(space))
    whole = space(DATA)
    assert len(singles) == 4
    joined = tree.map_structure(lambda *parts: torch.cat(parts), *batches)
    stacked = tree.map_structure(lambda *parts: torch.stack(parts), *singles)
    for found in (joined, stacked):
        tree.map_structure(torch.testing.assert_close, found, whole)
    labelled = Dataset.from_tensor_slices((DATA, [0.0, 1.0, 0.0, 1.0])).batch(2)
    x, y = next(iter(labelled.map(lambda x, y: (space(x), y))))
    assert y.tolist() == [0.0, 1.0]


@modes
def test_symbolic(mode):
    space = adapted(mode)
    encoded = space.get_encoded_features()
    described = tree.map_structure(lambda x: (tuple(x.shape), x.dtype), encoded)
    recorded = RESULTS[mode]["encoded"]
    if mode == "concat":
        assert described == (tuple(recorded[0]), recorded[1])
    else:
        assert described == {name: (tuple(s), d) for name, (s, d) in recorded.items()}
    inputs = space.get_inputs()
    assert {name: x.dtype for name, x in inputs.items()} == {
        name: feature.dtype for name, feature in space.features.items()
    }
    again = space({name: torchkeras.Input((1,), dtype=x.dtype) for name, x in inputs.items()})
    assert tree.map_structure(lambda x: tuple(x.shape), again) == tree.map_structure(
        lambda x: tuple(x.shape), encoded
    )


@modes
def test_config(mode):
    config = as_json(torchkeras.saving.serialize_keras_object(adapted(mode)))
    expected = RESULTS[mode]["config"]
    assert config == expected
    again = FeatureSpace.from_config(expected["config"])
    assert as_json(again.get_config()) == expected["config"]


@modes
def test_files(mode, tmp_path):
    theirs = torchkeras.models.load_model(FOLDER / f"feature_space_{mode}.keras")
    same(theirs(DATA), RESULTS[mode]["batch"])
    theirs.save(tmp_path / "space.keras")
    ours = torchkeras.models.load_model(tmp_path / "space.keras")
    assert isinstance(ours, FeatureSpace)
    same(ours(DATA), RESULTS[mode]["batch"])
    same(ours(ROW), RESULTS[mode]["one"])


def test_model(tmp_path):
    space = adapted("concat")
    outputs = layers.Dense(1)(space.get_encoded_features())
    model = torchkeras.Model(space.get_inputs(), outputs)
    model.compile("sgd", "mse")
    arrays = {name: np.array(values) for name, values in DATA.items()}
    model.fit(arrays, np.ones(4), verbose=0)
    expected = model.predict(arrays, verbose=0)
    encoded = np.array(RESULTS["concat"]["batch"])
    kernel, bias = (w.numpy() for w in model.layers[-1].weights)
    np.testing.assert_allclose(expected, encoded @ kernel + bias, rtol=1e-5, atol=1e-6)
    model.save(tmp_path / "model.keras")
    loaded = torchkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(arrays, verbose=0), expected, rtol=1e-6)
    # Trained on rows that were prepared before.
    trained = torchkeras.Sequential([torchkeras.Input((33,)), layers.Dense(1)])
    trained.compile("sgd", "mse")
    rows = Dataset.from_tensor_slices((DATA, [0.0, 1.0, 0.0, 1.0])).batch(2)
    trained.fit(rows.map(lambda x, y: (space(x), y)), verbose=0, shuffle=False)


def test_a_layer_of_your_own():
    texts = {"text": ["1st string", "2nd string", "3rd string"]}
    vectorizer = layers.TextVectorization(output_mode="tf_idf")
    feature = FeatureSpace.feature("string", vectorizer, output_mode="float")
    space = FeatureSpace({"text": feature}, output_mode="concat")
    space.adapt(texts)
    assert space(texts).shape == (3, vectorizer.vocabulary_size())
    torch.testing.assert_close(space(texts), vectorizer(texts["text"]))
    assert space.preprocessors["text"] is vectorizer


def test_without_adapting():
    space = FeatureSpace(
        {
            "plain": "float",
            "hashed": "string_hashed",
            "binned": FeatureSpace.float_discretized(num_bins=None, bin_boundaries=[0.5]),
            "given": FeatureSpace.feature(
                "float32", layers.Normalization(mean=1.0, variance=4.0), "float"
            ),
        },
        hashing_dim=3,
    )
    result = space({"plain": [2.0], "hashed": ["a"], "binned": [0.7], "given": [3.0]})
    assert result.shape == (1, 2 + 1 + 3 + 1)
    assert result[0, :3].tolist() == [0.0, 1.0, 1.0]
    assert space.crossers == {}


def test_crosses_by_names():
    space = FeatureSpace(
        {"a": "integer_categorical", "b": "string_categorical"},
        crosses=[("a", "b")],
        crossing_dim=8,
    )
    space.adapt({"a": [1, 2], "b": ["x", "y"]})
    assert list(space.crossers) == ["a_X_b"]
    assert space({"a": [1, 2], "b": ["x", "y"]}).shape == (2, 3 + 3 + 8)


ERRORS = [
    (dict(features={}), "cannot be None or empty"),
    (dict(features={"a": "nonsense"}), "Invalid feature type"),
    (dict(features={"a": "float"}, output_mode="list"), "output_mode"),
    (dict(features={"a": "float"}, crosses=[("a", "b")]), "unknown features"),
    (dict(features={"a": "float"}, crosses=[("a", "a")], crossing_dim=None), "crossing_dim"),
    (dict(features={"a": {"class_name": "Dense", "config": {}}}), "configuration of a Feature"),
]


@pytest.mark.parametrize("arguments,message", ERRORS)
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeatureSpace(**arguments)


def test_errors_of_calls():
    space = FeatureSpace({"a": "float_normalized"})
    with pytest.raises(ValueError, match=r"You need to call `.adapt\(dataset\)`"):
        space({"a": [1.0]})
    with pytest.raises(ValueError, match="can only be called on a tf.data.Dataset or a dict"):
        space.adapt([1.0])
    space.adapt({"a": [1.0, 3.0]})
    with pytest.raises(ValueError, match="can only be called with a dict"):
        space([1.0])
    with pytest.raises(ValueError, match="output_mode"):
        FeatureSpace.cross(("a", "b"), 3, output_mode="float")
    with pytest.raises(ValueError, match="output_mode"):
        FeatureSpace.feature("float32", layers.Rescaling(1.0), "count")
    integers = FeatureSpace({"a": FeatureSpace.integer_hashed(3, output_mode="int")})
    with pytest.raises(ValueError, match="Cannot concatenate features"):
        integers({"a": [1]})
    floats = FeatureSpace({"a": FeatureSpace.feature("float32", layers.Rescaling(1.0), "one_hot")})
    with pytest.raises(ValueError, match="should return an integer dtype"):
        floats({"a": [1.0]})
    own = FeatureSpace({"a": FeatureSpace.feature("int32", layers.Lambda(lambda x: x), "one_hot")})
    with pytest.raises(ValueError, match="isn't a standard feature"):
        own({"a": [1]})
