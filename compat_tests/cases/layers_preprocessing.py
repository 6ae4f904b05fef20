"""Rows for the preprocessing layers, for both libraries: nothing of either is imported here.

Layers of strings run in real Keras with TensorFlow alone: `golden/preprocessing/make.py` records
what they give. The others are compared with real Keras on torch.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A layer, its arguments, what it is adapted to, and what it is called on."""

    layer: str
    config: dict[str, Any] = field(default_factory=dict)
    inputs: Any = None
    adapt: Any = None
    dtype: str = "string"  # of symbolic inputs
    list_of: bool = False  # inputs are several arrays

    def __str__(self):
        arguments = ",".join(f"{k}={v}" for k, v in self.config.items())
        kind = "" if self.dtype == "string" else f"-{self.dtype}"
        adapted = "" if self.adapt is None else ",adapted"
        shape = self.inputs if isinstance(self.inputs, tuple) else np.array(self.inputs).shape
        return f"{self.layer}({arguments}{adapted})-{shape}{kind}".replace(" ", "")


WORDS = [["a", "z", ""], ["b", "b", "c"]]
COLUMN = [["a"], ["c"], [""], ["q"]]
ABC = ["a", "b", "c"]
SAMPLE = [["d", "a", "[UNK]"], ["é", "a", ""], ["d", "z", "a"], ["ß", "Z", "\U0001f600"]]
TEXTS = [
    "Hello, world! hello",
    "foo bar foo baz",
    "the the it's",
    "ÀÉ CAFÉ \u00a0nbsp\ttab\x0bvt\x1cfs",
    "",
]
NEW_TEXTS = ["hello foo qux", " ", "The caf\u00c9 WORLD", "it's (the) end"]
DOCUMENTS = [["x y x"], ["y z"], ["x"]]
NUMBERS = [[1, 5, 9], [5, 5, 7]]
LONG = [["x" * length + str(length)] for length in (0, 1, 2, 3, 6, 7, 8, 14, 15, 16, 30, 31, 62)]
LONG += [["ab" * 31 + "c"], ["abc" * 43], ["q" * 64], ["é" * 64], ["wörter " * 40]]


def lookups():
    """Both lookups in every mode."""
    for mode in ("int", "one_hot", "multi_hot", "count", "tf_idf"):
        weights = {"idf_weights": [0.5, 1.0, 2.0]} if mode == "tf_idf" else {}
        for mask in (None, ""):
            config = {"vocabulary": ABC, "output_mode": mode, "mask_token": mask, **weights}
            for inputs in (WORDS, COLUMN, ["a", "z"], "b"):
                yield Case("StringLookup", config, inputs)
        config = {"vocabulary": [5, 7, 1], "output_mode": mode, "mask_token": 9, **weights}
        for inputs in (NUMBERS, [[5], [2]], [7, 9], 1):
            yield Case("IntegerLookup", config, inputs, dtype="int64")
        adapted = {"output_mode": mode, "max_tokens": 5}
        yield Case("StringLookup", adapted, SAMPLE, adapt=SAMPLE)
        yield Case("StringLookup", {"output_mode": mode, "mask_token": ""}, SAMPLE, adapt=SAMPLE)
        yield Case("IntegerLookup", {"output_mode": mode}, NUMBERS, NUMBERS, "int64")
        if mode not in ("int", "one_hot"):
            padded = {**adapted, "max_tokens": 12, "pad_to_max_tokens": True}
            yield Case("StringLookup", padded, SAMPLE, adapt=SAMPLE)
            yield Case("StringLookup", {**config, **padded, "vocabulary": ABC, "mask_token": "m"})


UNKNOWN = [["u1", "u2", "a", "u3"], ["u4", "ü5", "b", ""]]
IDS = [[1, 2, 3, 4], [-5, 60, 700, 10]]

LOOKUPS = [case for case in lookups() if case.inputs is not None] + [
    Case("StringLookup", {"vocabulary": ["", "[UNK]", "a"], "mask_token": ""}, WORDS),
    Case("StringLookup", {"vocabulary": ["[UNK]", "a"]}, WORDS),
    Case("StringLookup", {"vocabulary": ABC, "num_oov_indices": 3}, UNKNOWN),
    Case("StringLookup", {"vocabulary": ABC, "num_oov_indices": 3, "mask_token": ""}, UNKNOWN),
    Case("StringLookup", {"vocabulary": ABC, "num_oov_indices": 5, "salt": 42}, UNKNOWN),
    Case("StringLookup", {"vocabulary": ABC, "num_oov_indices": 5, "salt": [1, 2]}, UNKNOWN),
    Case("StringLookup", {"vocabulary": ABC, "num_oov_indices": 0}, [["a", "c"]]),
    Case("StringLookup", {"num_oov_indices": 2}, SAMPLE, adapt=SAMPLE),
    Case("StringLookup", {"oov_token": "d"}, SAMPLE, adapt=SAMPLE),
    Case(
        "StringLookup", {"vocabulary": ABC, "invert": True}, [[0, 1, 3], [4, -1, 2]], None, "int64"
    ),
    Case(
        "StringLookup",
        {"vocabulary": ABC, "invert": True, "mask_token": "", "num_oov_indices": 2},
        [[0, 1, 2], [3, 5, 9]],
        None,
        "int64",
    ),
    Case("StringLookup", {"invert": True}, [[0, 1, 2]], SAMPLE, "int64"),
    Case("IntegerLookup", {"vocabulary": [3, 5]}, IDS, None, "int64"),
    Case("IntegerLookup", {"vocabulary": [3, 5], "num_oov_indices": 3}, IDS, None, "int64"),
    Case(
        "IntegerLookup",
        {"vocabulary": [3, 5], "num_oov_indices": 3, "oov_method": "farmhash", "mask_token": 0},
        IDS,
        None,
        "int64",
    ),
    Case(
        "IntegerLookup",
        {"vocabulary": [3, 5], "num_oov_indices": 7, "oov_method": "farmhash", "salt": [3, 9]},
        IDS,
        None,
        "int64",
    ),
    Case("IntegerLookup", {"vocabulary": [3, 5], "invert": True}, [[0, 1, 2, 9]], None, "int64"),
    Case(
        "IntegerLookup",
        {"vocabulary": [3, 5], "invert": True, "mask_token": 0, "oov_token": -7},
        [[0, 1, 2, 3, 4]],
        None,
        "int64",
    ),
    Case("IntegerLookup", {"max_tokens": 3}, NUMBERS, NUMBERS, "int64"),
]

TEXT_CONFIGS = [
    {},
    {"output_sequence_length": 2},
    {"output_sequence_length": 9},
    {"standardize": None},
    {"standardize": "lower"},
    {"standardize": "strip_punctuation"},
    {"split": None},
    {"split": "character"},
    {"split": "character", "standardize": None, "ngrams": 2},
    {"ngrams": 2},
    {"ngrams": (3, 1)},
    {"max_tokens": 4},
    {"output_mode": "multi_hot"},
    {"output_mode": "count"},
    {"output_mode": "tf_idf"},
    {"output_mode": "tf_idf", "ngrams": 2, "max_tokens": 9},
    {"output_mode": "multi_hot", "max_tokens": 30, "pad_to_max_tokens": True},
    {"output_mode": "tf_idf", "max_tokens": 30, "pad_to_max_tokens": True},
    {"output_mode": "count", "max_tokens": 5},
    {"vocabulary": ["hello", "foo"]},
    {"vocabulary": ["", "[UNK]", "hello", "foo"]},
    {"vocabulary": ["hello", "foo"], "output_mode": "tf_idf", "idf_weights": [0.25, 3.0]},
]
TEXT = [
    Case("TextVectorization", config, inputs, None if "vocabulary" in config else TEXTS)
    for config in TEXT_CONFIGS
    for inputs in (NEW_TEXTS, [[text] for text in NEW_TEXTS], NEW_TEXTS[0])
]

HASHED = [["A"], ["B"], ["C"], ["D"], ["é"], [""]]
HASHING = [
    Case("Hashing", {"num_bins": 3}, HASHED),
    Case("Hashing", {"num_bins": 3, "mask_value": "B"}, HASHED),
    Case("Hashing", {"num_bins": 1, "mask_value": "B"}, HASHED),
    Case("Hashing", {"num_bins": 3, "salt": [133, 137]}, HASHED),
    Case("Hashing", {"num_bins": 7, "salt": 133}, HASHED),
    Case("Hashing", {"num_bins": 100, "mask_value": 7}, IDS + [[7, 7, 8, 9]], None, "int64"),
    Case("Hashing", {"num_bins": 100}, [[1.7, -2.5, 0.0, 1e6]], None, "float32"),
    Case("Hashing", {"num_bins": 1000000}, LONG),
    Case("Hashing", {"num_bins": 1000000, "salt": [2**40 + 1, 77]}, LONG),
    *(
        Case("Hashing", {"num_bins": 4, "output_mode": mode}, inputs)
        for mode in ("one_hot", "multi_hot", "count")
        for inputs in (HASHED, WORDS, ["A", "B"])
    ),
    *(
        Case("HashedCrossing", {"num_bins": bins, "output_mode": mode}, inputs, None, dtype, True)
        for bins, mode in ((5, "int"), (10**9, "int"), (5, "one_hot"))
        for dtype, inputs in (
            ("string", [["A", "B", "A"], ["x", "", "ü"]]),
            ("string", [[["A"], ["B"]], [["x"], ["y"]], [["z"], ["z"]]]),
            ("int64", [[1, 2, -3], [4, 5, 2**40]]),
        )
    ),
]

GOLDEN = LOOKUPS + TEXT + HASHING

# Compared with real Keras on torch. Inputs are shapes: values are drawn, integers below 7.

IMAGE = (2, 4, 5, 3)
STATISTICS = {"mean": [1.0, 2.0, 3.0], "variance": [4.0, 0.25, 0.0]}
PADDED = {"padding": "same", "frame_step": 9}
FIRST = {"data_format": "channels_first"}

NUMERIC = [
    *(
        Case("Normalization", {"axis": axis, "invert": invert}, shape, shape, "float32")
        for invert in (False, True)
        for axis, shape in (
            (-1, (6, 3)),
            (None, (6, 3)),
            (None, (6,)),
            (-1, (6, 4, 3)),
            (1, IMAGE),
            ((1, -1), IMAGE),
            ((0, 1), (6, 3)),
        )
    ),
    Case("Normalization", STATISTICS, (6, 3), None, "float32"),
    Case("Normalization", {**STATISTICS, "invert": True}, (2, 5, 3), None, "float32"),
    Case("Normalization", {"mean": 2.0, "variance": 9.0, "axis": None}, (6, 3), None, "float32"),
    Case("Normalization", {"mean": 2.0, "variance": 9.0}, (6, 3), None, "int32"),
    Case("Normalization", {**STATISTICS, "axis": (1, 3)}, IMAGE, None, "float32"),
    *(
        Case(
            "Discretization",
            {"bin_boundaries": [-1.0, 0.5, 3.0], "output_mode": mode},
            shape,
            None,
            "float32",
        )
        for mode in ("int", "one_hot", "multi_hot", "count")
        for shape in ((2, 3), (4, 1), (5,))
    ),
    *(
        Case("CategoryEncoding", {"num_tokens": 9, "output_mode": mode}, shape, None, "int32")
        for mode in ("one_hot", "multi_hot", "count")
        for shape in ((2, 3), (4, 1), (5,), ())
    ),
    Case("Rescaling", {"scale": 0.5, "offset": -1.0}, IMAGE, None, "float32"),
    Case("Rescaling", {"scale": 2}, (3, 4), None, "int32"),
    Case(
        "Rescaling", {"scale": [1.0, 2.0, 3.0], "offset": [0.0, 1.0, 2.0]}, IMAGE, None, "float32"
    ),
    *(
        Case("STFTSpectrogram", {"mode": mode, "frame_length": 32}, (2, 200, 3), None, "float32")
        for mode in ("log", "magnitude", "psd", "real", "imag", "stft")
    ),
    *(
        Case("STFTSpectrogram", {"frame_length": 20, **config}, shape, None, "float32")
        for config, shape in (
            (PADDED, (2, 100, 2)),
            ({**PADDED, "expand_dims": True}, (2, 101, 2)),
            ({**FIRST, **PADDED}, (2, 3, 100)),
            ({**FIRST, "expand_dims": True, "fft_length": 64}, (2, 3, 100)),
            ({"window": None, "scaling": None}, (1, 50, 1)),
            ({"window": "hamming", "scaling": "spectrum", "periodic": True}, (1, 50, 1)),
        )
    ),
    *(
        Case("MelSpectrogram", config, shape, None, "float32")
        for config, shape in (
            ({}, (2, 3000)),
            ({}, (2500,)),
            ({"power_to_db": False, "mag_exp": 1.0}, (2, 3000)),
            ({"fft_length": 256, "sequence_length": 200, "sequence_stride": 100}, (2, 900)),
            ({"num_mel_bins": 20, "ref_power": 2.0, "window": "hamming"}, (2, 3000)),
            ({"min_freq": 300.0, "max_freq": 3000, "sampling_rate": 8000}, (1, 3000)),
        )
    ),
]
