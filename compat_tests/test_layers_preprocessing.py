"""The preprocessing layers against real Keras: recorded results, live ones, files, models."""

import copy
import json
import pickle
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import torchkeras
from compat_tests.cases.layers_preprocessing import GOLDEN, LOOKUPS, NUMERIC, TEXTS
from torchkeras import layers
from torchkeras._data.pipeline import Dataset
from torchkeras._data.slicing import as_tensor
from torchkeras.layers import _strings

FOLDER = Path(__file__).parent / "golden" / "preprocessing"
RECORDED = json.loads((FOLDER / "layers.json").read_text())
golden_cases = pytest.mark.parametrize("case", GOLDEN, ids=str)
numeric_cases = pytest.mark.parametrize("case", NUMERIC, ids=str)


def as_json(config):
    return json.loads(json.dumps(keras.saving.serialize_keras_object(config), sort_keys=True))


def made(case):
    layer = getattr(layers, case.layer)(**case.config, name="it")
    if case.adapt is not None:
        layer.adapt(case.adapt)
    return layer


def given(case):
    return torch.tensor(case.inputs) if case.dtype != "string" and not case.list_of else case.inputs


def symbolic(case, layer):
    first = case.inputs[0] if case.list_of else case.inputs
    shape = (None, *np.array(first).shape[1:])
    count = len(case.inputs) if case.list_of else 1
    tensors = [torchkeras.Input(batch_shape=shape, dtype=case.dtype) for _ in range(count)]
    return layer(tensors if case.list_of else tensors[0])


def same_values(result, recorded):
    if not isinstance(result, torch.Tensor):
        assert result.dtype == object
        assert result.tolist() == recorded["values"]
        return
    assert str(result.dtype) == f"torch.{recorded['dtype']}"
    expected = torch.tensor(recorded["values"], dtype=result.dtype)
    torch.testing.assert_close(result, expected.reshape(result.shape), rtol=1e-6, atol=0)
    assert expected.numel() == result.numel()


# ---------------------------------------------------------------- recorded results


@golden_cases
def test_golden_value(case):
    same_values(made(case)(given(case)), RECORDED[str(case)])


@golden_cases
def test_golden_vocabulary_and_config(case):
    layer, recorded = made(case), RECORDED[str(case)]
    if "vocabulary" in recorded:
        assert layer.get_vocabulary() == recorded["vocabulary"]
        assert layer.get_vocabulary(include_special_tokens=False) == recorded["tokens"]
        assert layer.vocabulary_size() == len(recorded["vocabulary"])
    assert as_json(layer.get_config()) == recorded["config"]
    again = as_json(type(layer).from_config(copy.deepcopy(recorded["config"])).get_config())
    if case.layer == "TextVectorization" and case.adapt is not None:
        # It tells the size of what it has, and the vocabulary is not in the configuration.
        again["vocabulary_size"] = recorded["config"]["vocabulary_size"]
    assert again == recorded["config"]


@golden_cases
def test_golden_symbolic(case):
    recorded = RECORDED[str(case)]["symbolic"]
    layer = made(case)
    eager = layer(given(case))
    if np.ndim(case.inputs) == 0:
        return
    result = symbolic(case, layer)
    # What is called is what was promised; unknown sizes fit all.
    assert len(result.shape) == eager.ndim
    pairs = list(zip(result.shape, eager.shape, strict=True))
    assert all(promised in (None, size) for promised, size in pairs)
    # Real Keras promises shapes that its layer does not give where a text has an axis of 1, and
    # for one-hot hashes; and integers where indices become strings.
    is_wrong_there = (
        (case.layer == "TextVectorization" and np.ndim(case.inputs) == 2)
        or (case.layer == "TextVectorization" and case.config.get("split", "") is None)
        or (case.layer == "Hashing" and case.config.get("output_mode") == "one_hot")
    )
    if recorded is not None and not is_wrong_there:
        assert list(result.shape) == recorded[0]
    if recorded is not None and not (case.layer == "StringLookup" and case.config.get("invert")):
        assert result.dtype == recorded[1]


KERAS2 = json.loads((FOLDER / "keras2.json").read_text())


@pytest.mark.parametrize("number", range(len(KERAS2)))
def test_configs_of_keras_2(number):
    recorded = KERAS2[number]
    entry = {key: recorded[key] for key in ("class_name", "config")}
    layer = torchkeras.saving.deserialize_keras_object(entry)
    if recorded["data"] is not None:
        layer.adapt(np.array(recorded["data"]))
    if "vocabulary" in recorded:
        assert layer.get_vocabulary() == recorded["vocabulary"]
    result = layer(recorded["inputs"])
    np.testing.assert_allclose(result.numpy(), recorded["values"], rtol=1e-6)


@pytest.mark.parametrize("kind", ["farmhash", "siphash"])
def test_hashes(kind):
    recorded = json.loads((FOLDER / "hashes.json").read_text())
    strings = [text.encode() for text in recorded["strings"]]
    hashes = {
        "farmhash": _strings.fingerprints(strings),
        "siphash": _strings.sip_hashes(strings, [11, 2**62]),
    }
    assert (hashes[kind] % np.uint64(2**63 - 1)).tolist() == recorded[kind]
    assert {len(s) for s in strings} >= {*range(200), 500, 1000}


def test_siphash_of_the_paper():
    # Appendix A of https://www.131002.net/siphash/siphash.pdf
    key = [int.from_bytes(bytes(range(i, i + 8)), "little") for i in (0, 8)]
    assert _strings.sip_hashes([bytes(range(15))], key).tolist() == [0xA129CA6149BE45E5]


# ---------------------------------------------------------------- live results


def drawn(case, shape):
    generator = np.random.default_rng(0)
    if case.dtype == "int32":
        return generator.integers(0, 7, shape).astype("int32")
    return generator.normal(1.0, 2.0, shape).astype(case.dtype)


def twins(case, **more):
    pair = [getattr(library.layers, case.layer)(**case.config, **more) for library in (layers_of)]
    for layer in pair:
        if case.adapt is not None:
            layer.adapt(drawn(case, case.adapt))
        elif case.layer == "Normalization":
            layer.build(case.inputs)
    return pair


layers_of = (torchkeras, keras)


@numeric_cases
def test_value(case):
    array = drawn(case, case.inputs)
    ours, theirs = twins(case)
    result, expected = (layer(torch.tensor(array)).detach() for layer in (ours, theirs))
    assert result.dtype == expected.dtype
    if case.config.get("mode") == "log":
        # The logarithm of what is nearly nothing says little.
        result, expected = result.exp(), expected.exp()
    scale = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(result, expected, rtol=1e-5, atol=1e-6 * scale)
    if case.layer != "STFTSpectrogram" and array.ndim:
        from_list = ours(array.tolist())
        torch.testing.assert_close(from_list, expected, rtol=1e-5, atol=1e-5 * scale)
    assert [(w.name, tuple(w.shape), w.trainable) for w in ours.weights] == [
        (w.name, tuple(w.shape), w.trainable) for w in theirs.weights
    ]


@numeric_cases
def test_config(case):
    ours, theirs = twins(case, name="it")
    assert as_json(ours.get_config()) == as_json(theirs.get_config())
    again = type(ours).from_config(theirs.get_config())
    assert as_json(again.get_config()) == as_json(ours.get_config())
    other = type(theirs).from_config(ours.get_config())
    assert as_json(other.get_config()) == as_json(theirs.get_config())


@numeric_cases
def test_symbolic(case):
    ours, theirs = twins(case)
    shape = case.inputs
    variants = [shape, (None, *shape[1:])] if shape else [shape]
    for variant in variants:
        if "axis" in case.config and variant != shape and 0 in np.ravel(case.config["axis"] or []):
            continue
        mine = ours(torchkeras.Input(batch_shape=variant, dtype=case.dtype))
        other = theirs(keras.KerasTensor(variant, dtype=case.dtype))
        assert mine.dtype == other.dtype
        # Real Keras promises one axis for the vector of a number, and gives two.
        if shape or case.config.get("output_mode") != "one_hot":
            assert tuple(mine.shape) == tuple(other.shape)
    result = ours(torch.tensor(drawn(case, shape)))
    assert tuple(ours.compute_output_shape(shape)) == tuple(result.shape)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float16", "float64"])
@pytest.mark.parametrize(
    "name", ["Normalization", "Rescaling", "CategoryEncoding", "Discretization"]
)
def test_policy(name, policy):
    config = {
        "Normalization": {"mean": [1.0, 2.0], "variance": [3.0, 0.5]},
        "Rescaling": {"scale": 1 / 3, "offset": 0.1},
        "CategoryEncoding": {"num_tokens": 4},
        "Discretization": {"bin_boundaries": [0.5, 1.5], "output_mode": "count"},
    }[name]
    x = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    result = getattr(layers, name)(**config, dtype=policy)(x)
    expected = getattr(keras.layers, name)(**config, dtype=policy)(x)
    assert result.dtype == expected.dtype
    tolerance = {"float16": 1e-3, "float64": 1e-7}.get(policy, 8e-3)
    torch.testing.assert_close(result, expected, rtol=tolerance, atol=tolerance)


def test_count_weights():
    x = torch.tensor([[0, 1, 1], [2, 2, 2]])
    weights = np.array([[0.5, 1.0, 2.0], [1.0, 0.0, 0.25]])
    results = [
        library.layers.CategoryEncoding(3, output_mode="count")(x, count_weights=weights)
        for library in layers_of
    ]
    assert results[0].dtype == results[1].dtype
    assert results[0].tolist() == results[1].tolist() == [[0.5, 3, 0], [0, 0, 1.25]]


def test_scale_of_channels_first_images():
    keras.config.set_image_data_format("channels_first")
    torchkeras.config.set_image_data_format("channels_first")
    try:
        x = torch.rand(2, 3, 4, 4)
        results = [k.layers.Rescaling([1.0, 2.0, 3.0])(x) for k in layers_of]
    finally:
        keras.config.set_image_data_format("channels_last")
        torchkeras.config.set_image_data_format("channels_last")
    assert torch.equal(*results)


ROWS = np.random.default_rng(0).normal(3.0, 2.0, (20000, 3)).astype("float32")
SOURCES = {
    "array": lambda x: x,
    "float64": lambda x: x.astype("float64"),
    "tensor": torch.tensor,
    "list of lists": lambda x: x[:500].tolist(),
    "list of batches": lambda x: [x[:7], x[7:19000], x[19000:]],
    "generator": lambda x: (x[i : i + 3000] for i in range(0, len(x), 3000)),
    "generator of pairs": lambda x: ((x[i : i + 3000], None) for i in range(0, len(x), 3000)),
    "batched dataset": lambda x: Dataset.from_tensor_slices(x).batch(6000),
    "dataset of rows": lambda x: Dataset.from_tensor_slices(x[:1000]),
    "DataLoader": lambda x: DataLoader(TensorDataset(torch.tensor(x), torch.tensor(x)), 4096),
    "PyDataset": lambda x: Batches(x),
}


class Batches(torchkeras.utils.PyDataset):
    def __init__(self, x):
        super().__init__()
        self.x = x

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return self.x[index * 5000 : (index + 1) * 5000], None


@pytest.mark.parametrize("source", SOURCES)
def test_adapting_normalization(source):
    layer = layers.Normalization()
    layer.adapt(SOURCES[source](ROWS))
    rows = ROWS[: {"list of lists": 500, "dataset of rows": 1000}.get(source, None)]
    np.testing.assert_allclose(layer.adapt_mean.numpy(), rows.mean(0, "float64"), rtol=1e-6)
    np.testing.assert_allclose(layer.adapt_variance.numpy(), rows.var(0, "float64"), rtol=1e-6)
    result = layer(ROWS)
    expected = (ROWS - rows.mean(0, "float64")) / rows.std(0, "float64")
    np.testing.assert_allclose(result.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_adapting_normalization_for_some_batches():
    layer = layers.Normalization()
    layer.adapt(ROWS, batch_size=100, steps=2)
    np.testing.assert_allclose(layer.adapt_mean.numpy(), ROWS[:200].mean(0), rtol=1e-5)


@pytest.mark.parametrize("epsilon", [0.01, 0.2])
@pytest.mark.parametrize("count", [1, 3, 17])
def test_adapting_discretization(count, epsilon):
    parts = np.array_split(np.random.default_rng(1).gamma(2.0, 3.0, 2000).astype("float32"), count)
    ours, theirs = [k.layers.Discretization(num_bins=7, epsilon=epsilon) for k in layers_of]
    ours.adapt(iter(parts))
    for part in parts:
        theirs.update_state(part)
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)
    assert as_json(ours.get_config()) == as_json({**theirs.get_config(), "name": ours.name})
    again = type(ours).from_config(theirs.get_config())
    assert again.bin_boundaries == theirs.bin_boundaries
    ours.adapt(iter(parts), steps=1)
    theirs.reset_state()
    theirs.update_state(parts[0])
    theirs.finalize_state()
    np.testing.assert_allclose(ours.bin_boundaries, theirs.bin_boundaries, rtol=1e-6)


# ---------------------------------------------------------------- adapting to strings


STRING_SOURCES = {
    "list": list,
    "array of objects": lambda t: np.array(t, dtype=object),
    "array of strings": np.array,
    "bytes": lambda t: np.array([text.encode() for text in t]),
    "column": lambda t: np.array(t, dtype=object)[:, None],
    "generator": lambda t: (t[i : i + 2] for i in range(0, len(t), 2)),
    "generator of strings": iter,
    "dataset": Dataset.from_tensor_slices,
    "batched dataset": lambda t: Dataset.from_tensor_slices(t).batch(2),
    "mapped dataset": lambda t: Dataset.from_tensor_slices((t, range(len(t)))).map(lambda x, y: x),
    "dataset of pairs": lambda t: Dataset.from_tensor_slices((t, list(range(len(t))))).batch(2),
}


@pytest.mark.parametrize("mode", ["int", "tf_idf"])
@pytest.mark.parametrize("source", STRING_SOURCES)
def test_adapting_to_texts(source, mode):
    if source == "mapped dataset":
        texts = Dataset.from_tensor_slices((np.array(TEXTS, dtype=object), np.arange(len(TEXTS))))
        texts = texts.map(lambda text, number: text)
    else:
        texts = STRING_SOURCES[source](TEXTS)
    layer, expected = (layers.TextVectorization(output_mode=mode) for _ in range(2))
    layer.adapt(texts)
    expected.adapt(TEXTS)
    assert layer.get_vocabulary() == expected.get_vocabulary()
    assert torch.equal(layer(TEXTS), expected(TEXTS))


def test_adapting_again_forgets():
    layer = layers.StringLookup()
    layer.adapt(["a", "b"])
    layer.adapt(["c"])
    assert layer.get_vocabulary() == ["[UNK]", "c"]
    layer.adapt([["a"], ["b"]], batch_size=1, steps=1)
    assert layer.get_vocabulary() == ["[UNK]", "a"]


def test_adapting_in_parts():
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.adapt(TEXTS, batch_size=2)
    expected = layers.TextVectorization(output_mode="tf_idf")
    expected.adapt(TEXTS)
    assert torch.equal(layer(TEXTS), expected(TEXTS))


def test_integers_of_datasets():
    layer = layers.IntegerLookup()
    layer.adapt(Dataset.from_tensor_slices(np.array([5, 5, 7, 1])).batch(2))
    assert layer.get_vocabulary() == [-1, 5, 7, 1]
    assert layer(torch.tensor([7, 8])).tolist() == [2, 0]


def double(texts):
    return np.char.add(texts, np.char.add(" ", texts))


@torchkeras.saving.register_keras_serializable("tests")
def at_commas(texts):
    return [text.split(",") for text in texts]


def test_functions_for_texts():
    layer = layers.TextVectorization(standardize=double, vocabulary=["a", "b"])
    assert layer(["a b", "z"]).tolist() == [[2, 3, 2, 3], [1, 1, 0, 0]]
    assert layer([b"a", b"b"]).tolist() == [[2, 2], [3, 3]]
    layer = layers.TextVectorization(standardize="lower", split=at_commas, vocabulary=["a", "b c"])
    assert layer(["A,b c", "x"]).tolist() == [[2, 3], [1, 0]]
    again = layers.TextVectorization.from_config(
        torchkeras.saving.serialize_keras_object(layer)["config"]
    )
    assert again(["A,b c"]).tolist() == [[2, 3]]
    layer = layers.TextVectorization(split=lambda texts: np.array([["x", "y"]] * len(texts)))
    layer.adapt(["", "", ""])
    assert layer.get_vocabulary() == ["", "[UNK]", "y", "x"]


def test_encoding():
    layer = layers.StringLookup(encoding="latin-1")
    layer.adapt(np.array([["é".encode("latin-1")], [b"a"]]))
    assert layer.get_vocabulary() == ["[UNK]", "é", "a"]
    assert layer(np.array([["é".encode("latin-1")]])).tolist() == [[1]]


# ---------------------------------------------------------------- vocabularies


def test_vocabulary_of_a_file(tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a\nb\nc\n")
    for vocabulary in (str(path), path):
        layer = layers.StringLookup(vocabulary=vocabulary)
        assert layer.get_vocabulary() == ["[UNK]", "a", "b", "c"]
        assert layer.get_config()["vocabulary"] is None
    path.write_bytes(b"5\r\n7\r\n")
    assert layers.IntegerLookup(vocabulary=str(path)).get_vocabulary() == [-1, 5, 7]
    text = layers.TextVectorization(vocabulary=str(path))
    assert text.get_vocabulary() == ["", "[UNK]", "5", "7"]


def test_vocabulary_file_of_a_configuration_is_refused(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("password")
    for name in ("StringLookup", "TextVectorization", "IntegerLookup"):
        config = torchkeras.saving.serialize_keras_object(getattr(layers, name)())
        config["config"]["vocabulary"] = str(path)
        text = json.dumps(config)
        with pytest.raises(ValueError, match="vocabulary file outside of the model archive"):
            torchkeras.saving.deserialize_keras_object(json.loads(text), safe_mode=True)
    config = torchkeras.saving.serialize_keras_object(layers.StringLookup())
    config["config"]["vocabulary"] = str(path)
    layer = torchkeras.saving.deserialize_keras_object(config, safe_mode=False)
    assert layer.get_vocabulary() == ["[UNK]", "password"]


def test_vocabulary_file_in_a_saved_model_is_refused(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text("password")
    model = torchkeras.Sequential(
        [torchkeras.Input((1,), dtype="string"), layers.StringLookup(vocabulary=["password"])]
    )
    model.save(tmp_path / "model.keras")
    with zipfile.ZipFile(tmp_path / "model.keras") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    changed = parts["config.json"].replace(b'["password"]', json.dumps(str(path)).encode())
    assert changed != parts["config.json"]
    with zipfile.ZipFile(tmp_path / "changed.keras", "w") as archive:
        for name, content in {**parts, "config.json": changed}.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="vocabulary file outside of the model archive"):
        torchkeras.models.load_model(tmp_path / "changed.keras")
    loaded = torchkeras.models.load_model(tmp_path / "changed.keras", safe_mode=False)
    assert loaded.layers[0].get_vocabulary() == ["[UNK]", "password"]


@pytest.mark.parametrize("kind", [list, tuple, np.array, lambda x: np.array(x, dtype=object)])
def test_kinds_of_vocabularies(kind):
    layer = layers.StringLookup(vocabulary=kind(["a", "b"]))
    assert layer.get_vocabulary() == ["[UNK]", "a", "b"]
    assert list(layer.get_config()["vocabulary"]) == ["a", "b"]
    integers = layers.IntegerLookup(vocabulary=torch.tensor([4, 2]))
    assert integers.get_vocabulary() == [-1, 4, 2]
    assert integers.get_config()["vocabulary"] == [4, 2]


def test_set_vocabulary():
    layer = layers.TextVectorization(output_mode="tf_idf")
    layer.set_vocabulary(["a", "b"], idf_weights=np.array([1.0, 3.0]))
    assert layer(["a b b z"]).tolist() == [[2.0, 1.0, 6.0]]
    layer = layers.StringLookup(mask_token="")
    layer.set_vocabulary(["", "[UNK]", "x"])
    assert layer(["x", "", "y"]).tolist() == [2, 0, 1]
    layer.set_vocabulary(["y"])
    assert layer(["x", "", "y"]).tolist() == [1, 0, 2]


def test_size_of_a_vocabulary_is_fixed_where_vectors_have_it():
    layer = layers.StringLookup(vocabulary=["a"], output_mode="multi_hot")
    with pytest.raises(RuntimeError, match="vocabulary size cannot be changed"):
        layer.set_vocabulary(["a", "b"])
    assert layer.get_vocabulary() == ["[UNK]", "a"]
    layer.set_vocabulary(["b"])
    assert layer(["b"]).tolist() == [0, 1]


# ---------------------------------------------------------------- errors


LOOKUP_ERRORS = [
    (dict(max_tokens=1), ValueError, "`max_tokens`"),
    (dict(pad_to_max_tokens=True), ValueError, "must set `max_tokens`"),
    (dict(num_oov_indices=-1), ValueError, "`num_oov_indices`"),
    (dict(output_mode="nonsense"), ValueError, "output_mode"),
    (dict(invert=True, output_mode="count"), ValueError, "`output_mode` must be `'int'`"),
    (dict(sparse=True, output_mode="count"), ValueError, "sparse=True"),
    (dict(idf_weights=[1.0]), ValueError, "`idf_weights` should only be set"),
    (dict(vocabulary=[1], output_mode="tf_idf"), ValueError, "must also be provided"),
    (dict(vocabulary=[]), ValueError, "empty vocabulary"),
    (dict(vocabulary=[1, 1]), ValueError, "repeated"),
    (dict(vocabulary=[1, 2, 3], max_tokens=3), ValueError, "larger than the maximum"),
    (dict(vocabulary=[1, 9, 2], mask_token=9), ValueError, "reserved mask token"),
    (dict(vocabulary=[1, 8], oov_token=8, invert=True), ValueError, "reserved OOV token"),
    (dict(vocabulary="/no/such/file"), ValueError, "does not exist"),
    (dict(nonsense=3), ValueError, "nonsense"),
    (
        dict(vocabulary=[1, 2], output_mode="tf_idf", idf_weights=[1.0]),
        ValueError,
        "same length as vocabulary",
    ),
]


def as_text(config):
    """The same for strings: integers, which stand for tokens, as texts."""
    tokens = ("vocabulary", "mask_token", "oov_token")

    def convert(value):
        return [str(v) for v in value] if isinstance(value, list) else str(value)

    return {key: convert(value) if key in tokens else value for key, value in config.items()}


@pytest.mark.parametrize("config,error,message", LOOKUP_ERRORS)
def test_errors_of_lookups(config, error, message):
    for name, arguments in (("IntegerLookup", config), ("StringLookup", as_text(config))):
        with pytest.raises(error, match=message):
            getattr(layers, name)(**arguments)


ERRORS = [
    ("IntegerLookup", dict(vocabulary_dtype="int32"), "vocabulary_dtype"),
    ("IntegerLookup", dict(salt=3), "oov_method='farmhash'"),
    ("IntegerLookup", dict(oov_method="md5"), "oov_method"),
    ("StringLookup", dict(salt="x"), "`salt`"),
    ("TextVectorization", dict(standardize="upper"), "standardize"),
    ("TextVectorization", dict(split="letters"), "split"),
    ("TextVectorization", dict(output_mode="float"), "output_mode"),
    ("TextVectorization", dict(ngrams="2"), "`ngrams`"),
    ("TextVectorization", dict(ngrams=(1, "2")), "`ngrams`"),
    ("TextVectorization", dict(output_sequence_length="4"), "`output_sequence_length`"),
    ("TextVectorization", dict(output_mode="count", output_sequence_length=4), "must not be set"),
    ("TextVectorization", dict(ragged=True), "ragged=True"),
    ("TextVectorization", dict(sparse=True, output_mode="count"), "sparse=True"),
    ("Hashing", dict(num_bins=None), "`num_bins`"),
    ("Hashing", dict(num_bins=0), "`num_bins`"),
    ("Hashing", dict(num_bins=3, salt="x"), "`salt`"),
    ("Hashing", dict(num_bins=3, output_mode="x"), "output_mode"),
    ("Hashing", dict(num_bins=3, dtype="float32"), "integer type"),
    ("HashedCrossing", dict(num_bins=3, output_mode="multi_hot"), "output_mode"),
]


@pytest.mark.parametrize("name,config,message", ERRORS)
def test_errors_of_layers_of_strings(name, config, message):
    with pytest.raises(ValueError, match=message):
        getattr(layers, name)(**config)


SHARED_ERRORS = [
    ("Normalization", dict(mean=1.0), "both `mean` and `variance`"),
    ("Normalization", dict(mean=[1.0], variance=[1.0, 2.0]), "same shape"),
    ("Normalization", dict(axis=None, mean=[1.0], variance=[1.0]), "rank of `mean`"),
    ("Discretization", dict(), "either `num_bins` or `bin_boundaries`"),
    ("Discretization", dict(num_bins=2, bin_boundaries=[1.0]), "should not be set"),
    ("Discretization", dict(num_bins=-1), "greater than or equal to 0"),
    ("Discretization", dict(num_bins=2, output_mode="x"), "output_mode"),
    ("Discretization", dict(num_bins=2, sparse=True), "sparse=True"),
    ("CategoryEncoding", dict(), "num_tokens must be set"),
    ("CategoryEncoding", dict(num_tokens=0), "`num_tokens` must be >= 1"),
    ("CategoryEncoding", dict(num_tokens=2, output_mode="int"), "Unknown arg for output_mode"),
    ("STFTSpectrogram", dict(mode="x"), "Output mode is invalid"),
    ("STFTSpectrogram", dict(frame_step=0), "`frame_step`"),
    ("STFTSpectrogram", dict(frame_length=10, frame_step=11), "`frame_step`"),
    ("STFTSpectrogram", dict(fft_length=128), "`fft_length`"),
    ("STFTSpectrogram", dict(scaling="x"), "Scaling is invalid"),
    ("STFTSpectrogram", dict(padding="causal"), "Padding is invalid"),
    ("STFTSpectrogram", dict(window="nonsense"), "window"),
    ("MelSpectrogram", dict(fft_length=100, sequence_length=200), "`fft_length`"),
]


@pytest.mark.parametrize("name,config,message", SHARED_ERRORS)
def test_errors_are_those_of_keras(name, config, message):
    with pytest.raises(Exception, match=message) as theirs:
        getattr(keras.layers, name)(**config)
    with pytest.raises(theirs.type, match=message):
        getattr(layers, name)(**config)


CALLS = [
    ("Normalization", dict(axis=3), torch.ones(2, 2), "in the range"),
    ("Discretization", dict(num_bins=2), torch.ones(2, 2), "call `adapt"),
    ("CategoryEncoding", dict(num_tokens=2), torch.tensor([[5]]), "smaller than num_classes"),
    ("STFTSpectrogram", dict(dtype="bfloat16"), torch.ones(1, 300, 1), "Invalid input type"),
    ("STFTSpectrogram", {}, torch.ones(1, 300), "ndim"),
    ("StringLookup", {}, ["a"], "set the layer's vocabulary"),
    ("StringLookup", dict(output_mode="count"), ["a"], "set the layer's vocabulary"),
    (
        "StringLookup",
        dict(vocabulary=["a"], num_oov_indices=0),
        ["a", "b"],
        r"found OOV values \['b'\]",
    ),
    ("StringLookup", dict(vocabulary=["a"]), torch.ones(1), "looks up strings"),
    ("IntegerLookup", dict(vocabulary=[3], num_oov_indices=0), [[3, 4]], r"OOV values \[4\]"),
    ("TextVectorization", dict(vocabulary=["a"]), torch.ones(1), "takes strings"),
    ("TextVectorization", dict(vocabulary=["a"]), [["a", "b"]], "input rank must be 1"),
    ("HashedCrossing", dict(num_bins=3), ["a"], "at least two inputs"),
    ("HashedCrossing", dict(num_bins=3), np.array(["a", "b"]), "list or tuple"),
    ("HashedCrossing", dict(num_bins=3), [["a"], ["a", "b"]], "equal shape"),
    ("HashedCrossing", dict(num_bins=3), [[["a", "b"]], [["a", "b"]]], "should have shape"),
    ("HashedCrossing", dict(num_bins=3), [[0.5], [1.5]], "integer or string"),
]


@pytest.mark.parametrize("name,config,inputs,message", CALLS)
def test_errors_of_calls(name, config, inputs, message):
    with pytest.raises((ValueError, RuntimeError, TypeError), match=message):
        getattr(layers, name)(**config)(inputs)


def test_errors_of_adapting():
    with pytest.raises(ValueError, match="static vocabulary"):
        layers.StringLookup(vocabulary=["a"]).adapt(["a"])
    with pytest.raises(ValueError, match="use `num_bins` instead"):
        layers.Discretization([1.0]).adapt([1.0])
    layer = layers.Normalization()
    with pytest.raises(ValueError, match="empty iterable"):
        layer.adapt([])
    with pytest.raises(TypeError, match="Unsupported data type"):
        layer.adapt(3)
    with pytest.raises(TypeError, match="yields arrays"):
        layer.adapt(iter(["a"]))
    layer.adapt(np.ones((3, 2)))
    with pytest.raises(ValueError, match="incompatible shape"):
        layer.adapt(np.ones((3, 4)))
    with pytest.raises(ValueError, match="`idf_weights` must be set"):
        layers.StringLookup(output_mode="tf_idf").set_vocabulary(["a"])
    with pytest.raises(ValueError, match="`count_weights` is not used"):
        layers.CategoryEncoding(3)(torch.tensor([[1]]), count_weights=[[1.0]])
    with pytest.warns(UserWarning, match="power of two"):
        layers.STFTSpectrogram(fft_length=300)


# ---------------------------------------------------------------- files


def results():
    return json.loads((FOLDER / "results.json").read_text())


def test_model_of_keras(tmp_path):
    recorded = results()
    model = torchkeras.models.load_model(FOLDER / "model.keras")
    inputs = {key: np.array(v) for key, v in recorded["model_inputs"].items()}
    inputs["value"] = inputs["value"].astype("float32")
    model.save(tmp_path / "model.keras")
    for loaded in (model, torchkeras.models.load_model(tmp_path / "model.keras")):
        predicted = loaded.predict(inputs, verbose=0)
        for mine, other in zip(predicted, recorded["model"], strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
    names = [
        zipfile.ZipFile(p).namelist() for p in (FOLDER / "model.keras", tmp_path / "model.keras")
    ]
    assert sorted(names[0]) == sorted(names[1])


@pytest.mark.parametrize(
    "case", [c for c in LOOKUPS if c.adapt is not None and c.dtype == "string"], ids=str
)
def test_assets(case, tmp_path):
    layer = made(case)
    layer.save_assets(tmp_path)
    escaped = ["vocabulary.escaped.txt"] if layer.get_vocabulary()[-1] == "" else []
    assert sorted(path.name for path in tmp_path.iterdir()) == [*escaped, "vocabulary.txt"]
    store = {}
    layer.save_own_variables(store)
    again = type(layer).from_config(layer.get_config())
    again.load_own_variables(store)
    again.load_assets(tmp_path)
    assert again.get_vocabulary() == layer.get_vocabulary()
    assert torch.equal(again(case.inputs), layer(case.inputs))


def test_tokens_with_line_breaks(tmp_path):
    layer = layers.TextVectorization(standardize=None, split="character")
    layer.adapt(["a\nb\r\x85\u2028\\n"])
    model = torchkeras.Sequential([torchkeras.Input((1,), dtype="string"), layer])
    model.save(tmp_path / "model.keras")
    loaded = torchkeras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].get_vocabulary() == layer.get_vocabulary()


def test_a_layer_that_was_not_adapted_stays_so(tmp_path):
    model = torchkeras.Sequential([torchkeras.Input((1,), dtype="string"), layers.StringLookup()])
    model.save(tmp_path / "model.keras")
    loaded = torchkeras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(RuntimeError, match="call `adapt`"):
        loaded.predict(np.array(["a"]), verbose=0)


# ---------------------------------------------------------------- models of strings


REVIEWS = np.array(["good film", "bad film", "great fun", "awful bore"] * 4)
STARS = np.array([1.0, 0.0, 1.0, 0.0] * 4, "float32")


def vectorizer(**config):
    layer = layers.TextVectorization(**config)
    layer.adapt(REVIEWS)
    return layer


def classifier(*first):
    return torchkeras.Sequential(
        [
            *first,
            vectorizer(output_sequence_length=4),
            layers.Embedding(20, 4),
            layers.GlobalAveragePooling1D(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )


@pytest.mark.parametrize("shape", ["rows", "column", "objects"])
@pytest.mark.parametrize("has_input", [True, False])
def test_texts_into_fit(has_input, shape, tmp_path):
    first = [torchkeras.Input((1,), dtype="string")] if has_input else []
    model = classifier(*first)
    x = {"rows": REVIEWS, "column": REVIEWS[:, None], "objects": REVIEWS.astype(object)}[shape]
    model.compile("adam", "binary_crossentropy")
    history = model.fit(x, STARS, epochs=3, batch_size=5, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    predicted = model.predict(x, verbose=0)
    assert predicted.shape == (16, 1)
    np.testing.assert_allclose(model(x).detach().numpy(), predicted, rtol=1e-5)
    model.evaluate(x, STARS, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = torchkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), predicted, rtol=1e-6)


def test_texts_in_lists():
    model = classifier(torchkeras.Input((1,), dtype="string"))
    expected = model(REVIEWS[:2, None])
    assert torch.equal(model(["good film", "bad film"]), expected)
    assert torch.equal(model([["good film"], ["bad film"]]), expected)


def mixed_model():
    text = torchkeras.Input((1,), dtype="string", name="text")
    color = torchkeras.Input((1,), dtype="string", name="color")
    number = torchkeras.Input((2,), name="number")
    parts = [
        vectorizer(output_mode="tf_idf")(text),
        layers.StringLookup(vocabulary=["red", "blue"], output_mode="one_hot")(color),
        layers.Hashing(4, output_mode="one_hot")(color),
        layers.HashedCrossing(5, output_mode="one_hot")([text, color]),
        number,
    ]
    inputs = {"text": text, "color": color, "number": number}
    return torchkeras.Model(inputs, layers.Concatenate()(parts))


MIXED = {
    "text": REVIEWS[:4],
    "color": np.array(["red", "green", "blue", "red"]),
    "number": np.ones((4, 2), "float32"),
}


def test_functional_model_of_strings():
    model = mixed_model()
    assert model.output_shape == (None, 8 + 3 + 4 + 5 + 2)
    assert model.predict(MIXED, verbose=0).shape == (4, 22)
    lists = {key: value.tolist() for key, value in MIXED.items()}
    lists["number"] = MIXED["number"]
    np.testing.assert_array_equal(model(lists).numpy(), model.predict(MIXED, verbose=0))


def test_model_of_strings_in_a_model():
    inner = mixed_model()
    inputs = {
        "text": torchkeras.Input((1,), dtype="string", name="text"),
        "color": torchkeras.Input((1,), dtype="string", name="color"),
        "number": torchkeras.Input((2,), name="number"),
    }
    encoded = inner(inputs)
    assert (encoded.shape, encoded.dtype) == ((None, 22), "float32")
    outer = torchkeras.Model(inputs, layers.Dense(1)(encoded))
    assert outer.predict(MIXED, verbose=0).shape == (4, 1)
    text = torchkeras.Input((1,), dtype="string")
    words = torchkeras.Model(text, vectorizer()(text))
    other = torchkeras.Input((1,), dtype="string")
    assert (words(other).shape, words(other).dtype) == ((None, None), "int64")


def test_strings_out_of_predict():
    lookup = layers.StringLookup(vocabulary=["no", "yes"], invert=True)
    model = torchkeras.Sequential([torchkeras.Input((2,), dtype="int64"), lookup])
    assert model.output.dtype == "string"
    predicted = model.predict(np.array([[1, 2], [0, 1], [2, 2]]), batch_size=2, verbose=0)
    assert predicted.tolist() == [["no", "yes"], ["[UNK]", "no"], ["yes", "yes"]]


def test_layers_of_strings_in_datasets():
    layer = vectorizer(output_sequence_length=3)
    lookup = layers.StringLookup(vocabulary=["good film"])
    rows = Dataset.from_tensor_slices((REVIEWS, STARS))
    batches = list(rows.batch(6).map(lambda x, y: (layer(x), y)))
    assert [tuple(x.shape) for x, _ in batches] == [(6, 3), (6, 3), (4, 3)]
    singles = list(Dataset.from_tensor_slices(REVIEWS).map(layer))
    assert torch.equal(torch.stack(singles), torch.cat([x for x, _ in batches]))
    assert [int(x) for x in Dataset.from_tensor_slices(REVIEWS).map(lookup).take(3)] == [1, 0, 0]
    model = torchkeras.Sequential([layers.Embedding(20, 4), layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(rows.batch(6).map(lambda x, y: (layer(x), y)), verbose=0, shuffle=False)
    whole = classifier(torchkeras.Input((1,), dtype="string"))
    whole.compile("sgd", "mse")
    whole.fit(rows.batch(6), verbose=0, shuffle=False)
    assert whole.predict(Dataset.from_tensor_slices(REVIEWS).batch(6), verbose=0).shape == (16, 1)


def test_copies():
    model = classifier(torchkeras.Input((1,), dtype="string"))
    expected = model.predict(REVIEWS, verbose=0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict(REVIEWS, verbose=0), expected)
    layer = vectorizer()
    layer.half().to("cpu")
    assert layer(REVIEWS[:1]).dtype == torch.int64


@pytest.mark.gpu
def test_results_follow_the_module_to_the_gpu():
    for device in ("cuda", "cpu"):
        layer = vectorizer(output_mode="tf_idf").to(device)
        assert layer(REVIEWS).device.type == device
        lookup = layers.IntegerLookup(vocabulary=[1, 2]).to(device)
        assert lookup(torch.tensor([1, 5], device=device)).device.type == device
        scaled = layers.Normalization(mean=1.0, variance=2.0)
        scaled.build((None, 2))
        assert scaled.to(device)(torch.ones(1, 2, device=device)).device.type == device


def test_integers_are_looked_up_by_torch_alone():
    layer = layers.IntegerLookup(vocabulary=[5, 7], num_oov_indices=1, output_mode="multi_hot")
    x = torch.tensor([[5, 9], [7, 7]])
    expected = layer(x)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    assert torch.equal(compiled(x), expected)


# ---------------------------------------------------------------- pipelines


class Noted(layers.Layer):
    """Notes the phase and the mask that it is called with."""

    supports_masking = True

    def call(self, x, training=None, mask=None):
        self.__dict__["noted"] = (training, mask)
        return x


def test_pipeline():
    noted = Noted()
    pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Masking(), noted])
    x = torch.tensor([[[1.0], [0.0]]])
    assert pipeline(x).tolist() == [[[2.0], [0.0]]]
    assert (noted.noted[0], noted.noted[1].tolist()) == (True, [[True, False]])
    pipeline(x, training=False)
    assert noted.noted[0] is False
    assert pipeline(torchkeras.Input((2, 1))).shape == (None, 2, 1)
    assert len(pipeline.layers) == 3


def test_pipeline_config():
    def make(library):
        parts = [library.layers.Rescaling(2.0, name="a"), library.layers.Rescaling(0.5, name="b")]
        return library.layers.Pipeline(parts, name="it")

    ours, theirs = make(torchkeras), make(keras)
    assert as_json(ours.get_config()) == as_json(theirs.get_config())
    again = layers.Pipeline.from_config(theirs.get_config())
    assert again([3.0]).tolist() == [3.0]
    with pytest.raises(ValueError, match="must contain a `layers` key"):
        layers.Pipeline.from_config({"name": "it"})


def test_pipeline_in_a_file(tmp_path):
    scaled = layers.Normalization()
    scaled.adapt(ROWS)
    model = torchkeras.Sequential(
        [torchkeras.Input((3,)), layers.Pipeline([scaled, layers.Rescaling(2.0)])]
    )
    model.save(tmp_path / "model.keras")
    for library in layers_of:
        loaded = library.models.load_model(tmp_path / "model.keras")
        result = torch.as_tensor(loaded(torch.tensor(ROWS[:4])))
        torch.testing.assert_close(result, model(torch.tensor(ROWS[:4])))


# ---------------------------------------------------------------- modules of torch


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(3, 2)

    def forward(self, x):
        return self.inner(x)


MODULES = [
    lambda: nn.Linear(3, 2, bias=False),
    lambda: nn.Linear(3, 2).double(),
    lambda: nn.Sequential(nn.Linear(3, 4), nn.GELU(approximate="tanh"), nn.Dropout(0.1)),
    lambda: nn.Sequential(nn.BatchNorm1d(3, eps=0.1), nn.Sequential(nn.LayerNorm(3, bias=False))),
    lambda: nn.Bilinear(2, 2, 2),
    lambda: nn.Conv2d(2, 3, (2, 1), padding="same", dilation=2),
]


@pytest.mark.parametrize("make", MODULES)
def test_modules_of_torch_in_configurations(make):
    module = make()
    for parameter in list(module.parameters())[:1]:
        parameter.requires_grad_(False)
    layer = layers.TorchModuleWrapper(module, name="it")
    config = json.loads(json.dumps(torchkeras.saving.serialize_keras_object(layer)))
    again = torchkeras.saving.deserialize_keras_object(config)
    assert repr(again.module) == repr(module)
    state = again.module.state_dict()
    assert {k: (v.shape, v.dtype) for k, v in state.items()} == {
        k: (v.shape, v.dtype) for k, v in module.state_dict().items()
    }
    assert [p.requires_grad for p in again.module.parameters()] == [
        p.requires_grad for p in module.parameters()
    ]


def test_modules_of_torch_in_files(tmp_path):
    module = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU())
    model = torchkeras.Sequential([torchkeras.Input((3,)), module, layers.Dense(1)])
    model.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    before = module[0].weight.detach().clone()
    model.fit(x, x[:, :1], verbose=0)
    assert not torch.equal(module[0].weight, before)
    model.save(tmp_path / "model.keras")
    loaded = torchkeras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_own_modules_are_pickled(tmp_path):
    model = torchkeras.Sequential([torchkeras.Input((3,)), Own()])
    expected = model(torch.ones(1, 3))
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="torch.load"):
        torchkeras.models.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="torch.load"):
        layers.TorchModuleWrapper.from_config(model.layers[0].get_config())
    loaded = torchkeras.models.load_model(tmp_path / "model.keras", safe_mode=False)
    assert torch.equal(loaded(torch.ones(1, 3)), expected)


def test_module_config_of_keras():
    config = keras.layers.TorchModuleWrapper(nn.Linear(3, 2), name="it").get_config()
    with pytest.raises(ValueError, match="torch.load"):
        layers.TorchModuleWrapper.from_config(config)
    layer = layers.TorchModuleWrapper.from_config(config, safe_mode=False)
    assert repr(layer.module) == repr(nn.Linear(3, 2))
    with pytest.raises(ValueError, match="no module of that name"):
        layers.TorchModuleWrapper.from_config(
            {"module": {"module": "torch.nn", "class_name": "init", "config": {}}}
        )


def test_module_arguments():
    with pytest.raises(ValueError, match="must be a torch.nn.Module"):
        layers.TorchModuleWrapper(3)
    with pytest.raises(ValueError, match="uninitialized LazyModule"):
        layers.TorchModuleWrapper(nn.LazyLinear(3))
    layer = layers.TorchModuleWrapper(nn.Linear(3, 2), output_shape=(None, 2))
    assert layer(torchkeras.Input((3,))).shape == (None, 2)
    assert layer.compute_output_shape((5, 3)) == (None, 2)
    layer = layers.TorchModuleWrapper(nn.Linear(3, 2))
    assert layer.compute_output_shape((5, 3)) == (5, 2)
    assert [tuple(p.shape) for p in layer.parameters()] == [(2, 3), (2,)]


@pytest.mark.parametrize(
    "name,arguments,needs",
    [("JaxLayer", (print,), "jax"), ("TFSMLayer", ("folder",), "tensorflow")],
)
def test_layers_of_other_frameworks(name, arguments, needs):
    with pytest.raises(Exception, match="only") as theirs:
        getattr(keras.layers, name)(*arguments)
    with pytest.raises(theirs.type, match=f"`{needs}` package"):
        getattr(layers, name)(*arguments)


def test_layers_of_other_frameworks_in_files():
    with pytest.raises(ValueError, match="FlaxLayer is only supported with the JAX"):
        layers.FlaxLayer(None)
    with pytest.raises(ValueError, match="disallowed by default"):
        layers.TFSMLayer.from_config({"filepath": "folder"})
    with pytest.raises(NotImplementedError, match="TensorFlow"):
        layers.TFSMLayer.from_config({"filepath": "folder"}, safe_mode=False)


def test_text_is_no_tensor():
    assert as_tensor(REVIEWS) is REVIEWS
