"""Records what real Keras on TensorFlow gives for the layers of strings.

Run from the root of the repository with a Python that has both:
`PYTHONPATH=. KERAS_BACKEND=tensorflow python compat_tests/golden/preprocessing/make.py`.
"""

import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf

from compat_tests.cases.layers_preprocessing import GOLDEN, LONG, TEXTS

HERE = Path(__file__).parent


def as_input(case):
    if case.list_of:
        return [tf.constant(x) for x in case.inputs]
    dtype = None if case.dtype == "string" else case.dtype
    return tf.constant(case.inputs, dtype=dtype)


def plain(value):
    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor()
    array = value.numpy()
    if value.dtype == tf.string:
        return np.vectorize(bytes.decode, otypes=[object])(array).tolist()
    return array.tolist()


def symbolic(case, layer):
    shape = tf.constant(case.inputs[0] if case.list_of else case.inputs).shape
    # Real Keras crosses three inputs, but not symbolic ones.
    if not shape.rank or (case.list_of and len(case.inputs) > 2):
        return None
    tensors = [
        keras.KerasTensor((None, *shape[1:]), dtype=case.dtype)
        for _ in range(len(case.inputs) if case.list_of else 1)
    ]
    result = layer(tensors if case.list_of else tensors[0])
    return [list(result.shape), result.dtype]


def record(case):
    layer = getattr(keras.layers, case.layer)(**case.config, name="it")
    if case.adapt is not None:
        layer.adapt(case.adapt)
    result = layer(as_input(case))
    recorded = {
        "values": plain(result),
        "dtype": result.dtype.name,
        "config": json.loads(json.dumps(keras.saving.serialize_keras_object(layer.get_config()))),
        "symbolic": symbolic(case, layer),
    }
    if hasattr(layer, "get_vocabulary"):
        convert = int if case.layer == "IntegerLookup" else str
        recorded["vocabulary"] = [convert(token) for token in layer.get_vocabulary()]
        recorded["tokens"] = [convert(token) for token in layer.get_vocabulary(False)]
    return recorded


def hashes():
    """Hashes of strings of every length that the algorithms tell apart."""
    generator = np.random.default_rng(0)
    strings = [bytes(generator.integers(97, 123, n, np.uint8)) for n in [*range(200), 500, 1000]]
    strings += [line[0].encode() for line in LONG]
    most = 2**63 - 1
    return {
        "strings": [s.decode() for s in strings],
        "farmhash": tf.strings.to_hash_bucket_fast(strings, most).numpy().tolist(),
        "siphash": tf.strings.to_hash_bucket_strong(strings, most, [11, 2**62]).numpy().tolist(),
    }


def text_model():
    """A model with a layer of each kind in it, adapted."""
    layers = keras.layers
    text = keras.Input((1,), dtype="string", name="text")
    category = keras.Input((1,), dtype="string", name="category")
    number = keras.Input((1,), dtype="int64", name="number")
    value = keras.Input((2,), name="value")
    words = layers.TextVectorization(output_sequence_length=4, name="words")
    bag = layers.TextVectorization(output_mode="tf_idf", ngrams=2, name="bag")
    lookup = layers.StringLookup(output_mode="one_hot", name="lookup")
    integers = layers.IntegerLookup(name="integers")
    scaled = layers.Normalization(name="scaled")
    binned = layers.Discretization(num_bins=3, output_mode="one_hot", name="binned")
    words.adapt(TEXTS[:3])
    bag.adapt(TEXTS[:3])
    lookup.adapt([["red"], ["blue"], ["red"], ["grün"]])
    integers.adapt([[5], [5], [7]])
    scaled.adapt(np.array([[1.0, 2.0], [3.0, 6.0], [4.0, 4.0]], "float32"))
    binned.adapt(np.linspace(0, 1, 50, dtype="float32"))
    embedded = layers.Embedding(40, 3)(words(text))
    given = layers.StringLookup(vocabulary=["red", "blue"], name="given")(category)
    cast = layers.CategoryEncoding
    parts = [
        layers.GlobalAveragePooling1D()(embedded),
        layers.Flatten()(bag(text)),
        lookup(category),
        cast(4, output_mode="one_hot")(integers(number)),
        cast(3, output_mode="one_hot")(given),
        layers.Hashing(5, output_mode="one_hot", salt=3)(category),
        layers.HashedCrossing(6, output_mode="one_hot")([category, number]),
        scaled(value),
    ]
    outputs = layers.Dense(2)(layers.Concatenate()([layers.Flatten()(part) for part in parts]))
    second = layers.Dense(1)(layers.Flatten()(binned(value)))
    inputs = {"text": text, "category": category, "number": number, "value": value}
    return keras.Model(inputs, [outputs, second])


MODEL_INPUTS = {
    "text": [["hello world"], ["foo it's"], ["nothing known"]],
    "category": [["red"], ["grün"], ["green"]],
    "number": [[5], [7], [8]],
    "value": [[1.0, 0.1], [0.5, 6.0], [0.2, 0.9]],
}
SPACE_DATA = {
    "plain": [0.5, 1.5, 2.5, 3.5],
    "normal": [1.0, 2.0, 3.0, 6.0],
    "scaled": [10.0, 20.0, 30.0, 40.0],
    "binned": [0.1, 0.4, 0.6, 0.9],
    "number": [3, 5, 5, 7],
    "word": ["red", "blue", "red", "grün"],
    "hashed_number": [1, 2, 3, 4],
    "hashed_word": ["a", "b", "c", "d"],
}


def feature_space(output_mode):
    space = keras.utils.FeatureSpace
    kind = "one_hot" if output_mode == "concat" else "int"
    return space(
        {
            "plain": "float",
            "normal": "float_normalized",
            "scaled": space.float_rescaled(scale=0.1, offset=-1.0, name="float_rescaled"),
            "binned": space.float_discretized(
                num_bins=3, output_mode=kind, name="float_discretized"
            ),
            "number": space.integer_categorical(output_mode=kind, name="integer_categorical"),
            "word": space.string_categorical(
                max_tokens=4, output_mode=kind, name="string_categorical"
            ),
            "hashed_number": space.integer_hashed(
                num_bins=4, output_mode=kind, name="integer_hashed"
            ),
            "hashed_word": space.string_hashed(num_bins=5, output_mode=kind, name="string_hashed"),
        },
        crosses=[
            space.cross(("number", "word"), crossing_dim=6, output_mode=kind),
            space.cross(("word", "hashed_word"), crossing_dim=4, output_mode=kind),
        ],
        output_mode=output_mode,
        name="space",
    )


def as_tensors(data):
    return {
        key: tf.constant(v, "int64" if isinstance(np.ravel(v)[0], np.integer) else None)
        for key, v in data.items()
    }


def main():
    (HERE / "hashes.json").write_text(json.dumps(hashes(), ensure_ascii=False))
    recorded = {str(case): record(case) for case in GOLDEN}
    assert len(recorded) == len(GOLDEN)
    (HERE / "layers.json").write_text(json.dumps(recorded, ensure_ascii=False, sort_keys=True))
    keras.utils.set_random_seed(0)
    model = text_model()
    model.save(HERE / "model.keras")
    results = {"model": [x.numpy().tolist() for x in model(as_tensors(MODEL_INPUTS))]}
    for mode in ("concat", "dict"):
        space = feature_space(mode)
        space.adapt(tf.data.Dataset.from_tensor_slices(as_tensors(SPACE_DATA)))
        batch = space(as_tensors(SPACE_DATA))
        one = space({key: v[1] for key, v in as_tensors(SPACE_DATA).items()})
        space.save(HERE / f"feature_space_{mode}.keras")
        encoded = space.get_encoded_features()
        results[mode] = {
            "batch": keras.tree.map_structure(plain, batch),
            "one": keras.tree.map_structure(plain, one),
            "dtypes": keras.tree.map_structure(lambda x: x.dtype.name, batch),
            "encoded": keras.tree.map_structure(lambda x: [list(x.shape), x.dtype], encoded),
            "config": json.loads(json.dumps(keras.saving.serialize_keras_object(space))),
        }
    results["model_inputs"], results["space_data"] = MODEL_INPUTS, SPACE_DATA
    (HERE / "results.json").write_text(json.dumps(results, ensure_ascii=False, sort_keys=True))


if __name__ == "__main__":
    main()
