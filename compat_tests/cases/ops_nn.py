"""Rows for ops.nn, ops.linalg and the mathematical ops: a name, tensors (arrays) and settings."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """One op called with `inputs` by position, then `settings` by name."""

    name: str
    inputs: tuple
    settings: dict[str, Any] = field(default_factory=dict)

    def __str__(self):
        settings = ", ".join(f"{k}={v}" for k, v in self.settings.items() if np.ndim(v) < 2)
        return f"{self.name}({settings})-{np.asarray(self.inputs[0]).dtype}"


RNG = np.random.default_rng(7)


def real(*shape, dtype="float32"):
    return (RNG.normal(size=shape) * 2).astype(dtype)


def positive(*shape):
    return RNG.random(shape).astype("float32") + 0.05


def probabilities(*shape):
    values = positive(*shape)
    return values / values.sum(-1, keepdims=True)


def ints(high, *shape, low=0):
    return RNG.integers(low, high, shape).astype("int32")


def spd(*batch, n=4):
    a = RNG.normal(size=(*batch, n, n))
    return (a @ np.swapaxes(a, -1, -2) + n * np.eye(n)).astype("float32")


X = real(3, 6)
ACTIVATIONS = """
    celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid
    log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
    sparse_plus sparse_sigmoid squareplus swish tanh_shrink"""
IMAGE = real(2, 4, 6, 8)
HEADS = real(2, 5, 4, 3)
KEYS = real(2, 7, 2, 3)
MASK = RNG.random((2, 1, 5, 7)) > 0.4
WAVE = real(2, 160)
SPECTRUM = (real(2, 11, 17), real(2, 11, 17))
LOGITS = real(3, 8, 5)
SCALE, SHIFT = real(6), real(6)
SQUARE = real(2, 4, 4) + 3 * np.eye(4, dtype="float32")
LOWER = np.tril(SQUARE) + np.eye(4, dtype="float32")

CASES = [
    *[Case(name, (X,)) for name in ACTIVATIONS.split()],
    *[Case(name, (X.astype("float64"),)) for name in ("gelu", "softmax", "sigmoid")],
    *[Case(name, (ints(9, 3, 6, low=-8),)) for name in ("relu", "relu6", "hard_tanh", "sigmoid")],
    Case("threshold", (X,), {"threshold": 0.5, "default_value": -1.0}),
    Case("gelu", (X,), {"approximate": False}),
    Case("softmax", (real(2, 3, 4),), {"axis": (0, 2)}),
    Case("softmax", (real(2, 3, 4),), {"axis": None}),
    Case("log_softmax", (real(2, 3, 4),), {"axis": 1}),
    Case("log_softmax", (real(2, 3, 4),), {"axis": None}),
    Case("glu", (real(4, 3),), {"axis": 0}),
    Case("squareplus", (X,), {"b": 2}),
    Case("one_hot", (ints(5, 2, 3, low=-1), 5)),
    Case("one_hot", (ints(5, 2, 3), 5), {"axis": 1, "dtype": "int32"}),
    Case("one_hot", (ints(5, 2, 3), 6), {"axis": 0, "dtype": "bool"}),
    Case("multi_hot", (ints(5, 2, 3), 5)),
    Case("multi_hot", (ints(5, 3), 5), {"dtype": "float16"}),
    Case("multi_hot", (ints(5, 2, 3),), {"num_tokens": 5}),
    Case("moments", (real(2, 3, 4),), {"axes": [0, 2]}),
    Case("moments", (real(2, 3, 4),), {"axes": [1], "keepdims": True}),
    Case("moments", (real(2, 3, 4, dtype="float16"),), {"axes": [1]}),
    Case("normalize", (X,)),
    Case("normalize", (X,), {"axis": 0, "order": 1}),
    Case("normalize", (X,), {"order": 3, "epsilon": 0.5}),
    Case("normalize", (np.zeros((2, 3), "float32"),)),
    Case("batch_normalization", (X, SCALE, positive(6), -1)),
    Case(
        "batch_normalization",
        (real(2, 6, 3), SCALE, positive(6), 1),
        {"offset": SHIFT, "scale": SCALE, "epsilon": 0.1},
    ),
    Case("layer_normalization", (X,)),
    Case("layer_normalization", (X, SCALE, SHIFT), {"epsilon": 0.1}),
    Case("layer_normalization", (X.astype("float16"), SCALE, SHIFT)),
    Case("layer_normalization", (real(2, 3, 6), real(2, 6), real(2, 6)), {"axis": [0, 2]}),
    Case("layer_normalization", (real(2, 3, 6), real(3, 6)), {"axis": [-2, -1]}),
    Case("rms_normalization", (X, SCALE)),
    Case("rms_normalization", (real(2, 3, 6), SCALE), {"axis": [0, 2]}),
    Case("rms_normalization", (real(2, 3, 6), real(3, 6)), {"axis": (1, 2)}),
    Case("rms_normalization", (X.astype("float16"),), {"epsilon": 0.1}),
    Case("dot_product_attention", (HEADS, real(2, 7, 4, 3), real(2, 7, 4, 3))),
    Case("dot_product_attention", (HEADS, KEYS, KEYS), {"scale": 0.3}),
    Case("dot_product_attention", (HEADS, HEADS, HEADS), {"is_causal": True}),
    Case("dot_product_attention", (HEADS, KEYS, KEYS), {"mask": MASK}),
    Case("dot_product_attention", (HEADS, KEYS, KEYS), {"mask": MASK, "is_causal": True}),
    Case("dot_product_attention", (HEADS, KEYS, KEYS), {"bias": real(2, 4, 5, 7)}),
    Case("categorical_crossentropy", (probabilities(3, 6), probabilities(3, 6))),
    Case("categorical_crossentropy", (probabilities(3, 6), X), {"from_logits": True, "axis": 0}),
    Case("sparse_categorical_crossentropy", (ints(6, 3), probabilities(3, 6))),
    Case("sparse_categorical_crossentropy", (ints(6, 3, 1), X), {"from_logits": True}),
    Case(
        "sparse_categorical_crossentropy",
        (ints(3, 2, 4), real(2, 3, 4)),
        {"from_logits": True, "axis": 1},
    ),
    Case("binary_crossentropy", (probabilities(3, 6), probabilities(3, 6))),
    Case("binary_crossentropy", (probabilities(3, 6), X), {"from_logits": True}),
    Case("ctc_loss", (ints(5, 3, 4, low=1), LOGITS, ints(4, 3, low=2), np.array([8, 8, 7]))),
    Case("ctc_decode", (LOGITS, np.array([8, 5, 3]))),
    Case("ctc_decode", (LOGITS, np.array([8, 5, 3])), {"merge_repeated": False, "mask_index": 2}),
    *[
        Case("ctc_decode", (LOGITS, np.array([8, 5, 1])), {"strategy": "beam_search", **more})
        for more in (
            {},
            {"beam_width": 4, "top_paths": 3},
            {"beam_width": 10, "top_paths": 2, "mask_index": 4},
        )
    ],
    Case("psnr", (positive(2, 4, 4, 3), positive(2, 4, 4, 3), 1.0)),
    Case("unfold", (IMAGE, 3), {"padding": 1, "stride": 2}),
    Case("fold", (real(2, 18, 12), (6, 4), 3), {"padding": 1, "stride": (1, 2)}),
    *[
        Case(name, (IMAGE, 2), {"data_format": data_format})
        for name in ("space_to_depth",)
        for data_format in ("channels_last", "channels_first")
    ],
    Case("depth_to_space", (IMAGE, 2)),
    Case("depth_to_space", (IMAGE, 2), {"data_format": "channels_first"}),
    Case("polar", (positive(3, 2), real(3, 2))),
    # ------------------------------------------------------------ linalg
    Case("cholesky", (spd(2),)),
    Case("cholesky", (spd(2),), {"upper": True}),
    Case("cholesky_inverse", (np.linalg.cholesky(spd()),)),
    *[Case(name, (SQUARE,)) for name in ("det", "inv", "lu_factor", "logdet")],
    Case("eigh", (spd(2),)),
    Case("eig", (SQUARE,)),
    Case("qr", (real(5, 3),)),
    Case("qr", (real(5, 3),), {"mode": "complete"}),
    Case("svd", (real(5, 3),)),
    Case("svd", (real(5, 3),), {"full_matrices": False}),
    Case("svd", (real(5, 3),), {"compute_uv": False}),
    Case("solve", (SQUARE, real(2, 4, 3))),
    Case("solve", (SQUARE[0], real(4))),
    Case("solve_triangular", (LOWER, real(2, 4, 3)), {"lower": True}),
    Case("solve_triangular", (np.swapaxes(LOWER, 1, 2).copy(), real(2, 4))),
    Case("lstsq", (real(6, 3), real(6, 2))),
    Case("lstsq", (real(6, 3), real(6, 2)), {"rcond": 0.3}),
    Case("pinv", (real(5, 3),)),
    Case("pinv", (real(5, 3),), {"rcond": 0.5}),
    Case("matrix_rank", (np.ones((2, 3, 3), "float32"),)),
    Case("matrix_rank", (real(4, 3),), {"tol": 2.0}),
    Case("norm", (real(3, 4),)),
    Case("norm", (real(3, 4),), {"ord": "nuc", "axis": (0, 1)}),
    Case("norm", (real(2, 3, 4),), {"ord": 1, "axis": 1, "keepdims": True}),
    Case("norm", (ints(9, 3, 4),)),
    # ------------------------------------------------------------ the rest
    *[
        Case(f"segment_{name}", (values, ids), {"num_segments": size})
        for name in ("sum", "max", "min", "prod")
        for values, ids, size in (
            (real(6, 2), np.array([0, 0, 1, 3, 3, 3], "int32"), None),
            (real(6), np.array([2, 0, -1, 3, 9, 0], "int32"), 4),
            (ints(5, 6, low=1), np.array([0, 1, 1, 2, 2, 2], "int32"), 3),
        )
    ],
    Case("top_k", (X, 3)),
    Case("top_k", (ints(99, 9), 2)),
    Case("in_top_k", (ints(6, 3), X, 2)),
    Case("logsumexp", (X,)),
    Case("logsumexp", (X,), {"axis": 0, "keepdims": True}),
    Case("logsumexp", (real(2, 3, 4),), {"axis": (0, 2)}),
    Case("cdist", (real(5, 3), real(4, 3))),
    Case("cdist", (real(2, 5, 3), real(1, 4, 3))),
    *[Case(name, (positive(3, 4),)) for name in ("rsqrt", "erf", "erfc")],
    Case("erfinv", (positive(3, 4) - 0.5,)),
    Case("view_as_complex", (real(3, 2),)),
    Case("rearrange", (real(2, 3, 4), "b h c -> c (b h)")),
    Case("rearrange", (real(2, 6, 4), "b (h w) c -> b h w c"), {"h": 2}),
    Case("rearrange", (real(4, 6), "(a b) c -> a (c b)"), {"b": 2}),
    Case("view_as_real", (real(3, 2) + 1j * real(3, 2),)),
    Case("fft", (SPECTRUM,)),
    Case("fft2", (SPECTRUM,)),
    Case("ifft2", (SPECTRUM,)),
    Case("rfft", (WAVE,)),
    Case("rfft", (WAVE, 100)),
    Case("irfft", (SPECTRUM,)),
    Case("irfft", (SPECTRUM, 30)),
    Case("extract_sequences", (WAVE, 20, 7)),
    *[
        Case("stft", (WAVE, length, 10, 32), {"window": window, "center": center})
        for length, window, center in (
            (32, "hann", True),
            (20, "hamming", False),
            (20, None, True),
            (32, np.hanning(32).astype("float32"), False),
        )
    ],
    Case("stft", (real(2, 3, 160), 32, 10, 32)),
    *[
        Case("istft", (SPECTRUM, length, 8, 32), {"window": window, "center": center, **more})
        for length, window, center, more in (
            (32, "hann", True, {}),
            (32, "hann", True, {"length": 70}),
            (20, "hamming", True, {}),
            (32, None, True, {}),
            (20, "hamming", False, {"length": 60}),
            (20, "hamming", False, {}),
        )
    ],
]

# The op, its arguments, and words that the message of both libraries holds.
ERRORS = [
    ("cholesky", (real(3, 2),), "square matrix"),
    ("cholesky", (-spd(),), "Cholesky decomposition failed"),
    ("det", (real(3),), "rank >= 2"),
    ("solve", (SQUARE[0], real(3, 2)), "Incompatible shapes between"),
    ("qr", (real(3, 2), "full"), "`mode` argument value not supported"),
    ("categorical_crossentropy", (real(3, 2), real(3, 3)), "must have the same shape"),
    ("sparse_categorical_crossentropy", (ints(2, 4), real(3, 3)), "must have the same shape"),
    ("binary_crossentropy", (real(3, 2), real(3, 3)), "must have the same shape"),
    ("ctc_decode", (LOGITS, np.array([8, 5, 3]), "best"), "Invalid strategy best"),
    ("dot_product_attention", (X, X, X), "only supports 4D inputs"),
    ("normalize", (X, -1, 0), "must be an int >= 1"),
    ("multi_hot", (ints(5, 3),), "`num_classes` must be specified"),
    ("one_hot", (ints(5, 3), 5, -1, None, True), "Unsupported value `sparse=True`"),
    ("stft", (WAVE, 32, 8, 16), "must equal or larger than"),
    ("stft", (WAVE, 32, 8, 32, "box"), "it must be one of"),
    ("fft", ((WAVE, WAVE[:, :9]),), "tuple of two tensors"),
    ("psnr", (real(3, 2), real(3, 3), 1.0), "must match for PSNR"),
    ("cdist", (real(3), real(3)), "must have rank >= 2"),
    ("view_as_complex", (real(3, 3),), "must be size 2"),
]
