"""Records configurations and results of Keras 2's preprocessing layers.

Run from the root of the repository with a Python that has tf_keras:
`PYTHONPATH=. python compat_tests/golden/preprocessing/make_keras2.py`.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from tf_keras import layers

TEXTS = ["a b", "b c"]
# Class, arguments, what it is adapted to, what it is called on.
ROWS = [
    ("TextVectorization", {"output_sequence_length": 4}, TEXTS, ["b a z"]),
    (
        "TextVectorization",
        {"output_mode": "tf_idf", "vocabulary": ["a", "b"], "idf_weights": [1.0, 2.0]},
        None,
        ["b a z"],
    ),
    ("StringLookup", {"vocabulary": ["a", "b"], "mask_token": ""}, None, [["a", "z", ""]]),
    ("StringLookup", {"vocabulary": ["a", "b"], "output_mode": "one_hot"}, None, [["b"], ["z"]]),
    ("IntegerLookup", {"vocabulary": [5, 7]}, None, [[7, 8]]),
    ("Hashing", {"num_bins": 3, "salt": 4}, None, [["a", "b", "c"]]),
    ("HashedCrossing", {"num_bins": 30}, None, [["a", "b"], ["c", "d"]]),
    ("Normalization", {"mean": [1.0, 2.0], "variance": [3.0, 4.0]}, None, [[1.0, 4.0]]),
    ("Discretization", {"num_bins": 3}, [1.0, 2.0, 3.0, 4.0, 5.0], [[0.5, 2.5, 9.0]]),
    ("Discretization", {"bin_boundaries": [1.0, 2.0]}, None, [[0.5, 1.5, 9.0]]),
    ("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, None, [1, 3]),
    ("Rescaling", {"scale": 2.0, "offset": 1.0}, None, [[1.0, 2.0]]),
]


def main():
    recorded = []
    for name, arguments, data, inputs in ROWS:
        layer = getattr(layers, name)(**arguments, name="it")
        if data is not None:
            layer.adapt(np.array(data))
        given = (
            [tf.constant(x) for x in inputs] if name == "HashedCrossing" else tf.constant(inputs)
        )
        text = json.dumps(layer.get_config(), default=lambda x: np.asarray(x).tolist())
        entry = {"class_name": name, "config": json.loads(text), "data": data}
        if hasattr(layer, "get_vocabulary"):
            entry["vocabulary"] = layer.get_vocabulary()
        recorded.append({**entry, "inputs": inputs, "values": layer(given).numpy().tolist()})
    text = json.dumps(recorded, default=lambda x: np.asarray(x).tolist())
    (Path(__file__).parent / "keras2.json").write_text(text)


if __name__ == "__main__":
    main()
