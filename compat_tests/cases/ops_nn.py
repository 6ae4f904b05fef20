"""Rows for ops.nn, ops.linalg and the mathematical ops."""

import numpy as np

from compat_tests.cases.ops import FLOATS, INTS, Row

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
# Keras on torch compares uint8 with -1, which is 255 there.
NO_UINT8 = (*FLOATS, "int32", "bool")
ACTIVATIONS = """
    celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid
    log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign
    squareplus swish tanh_shrink""".split()
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

ROWS = [
    *[Row(name, (X,)) for name in ACTIVATIONS],
    *[Row(name, (X,), dtypes=NO_UINT8) for name in ("sparse_plus", "sparse_sigmoid")],
    *[Row(name, (X.astype("float64"),)) for name in ("gelu", "softmax", "sigmoid")],
    *[Row(name, (ints(9, 3, 6, low=-8),)) for name in ("relu", "relu6", "hard_tanh", "sigmoid")],
    Row("threshold", (X,), {"threshold": 0.5, "default_value": -1.0}),
    Row("gelu", (X,), {"approximate": False}),
    Row("softmax", (real(2, 3, 4),), {"axis": (0, 2)}),
    Row("softmax", (real(2, 3, 4),), {"axis": None}),
    Row("log_softmax", (real(2, 3, 4),), {"axis": 1}),
    Row("log_softmax", (real(2, 3, 4),), {"axis": None}),
    Row("glu", (real(4, 3),), {"axis": 0}),
    Row("squareplus", (X,), {"b": 2}),
    Row("one_hot", (ints(5, 2, 3, low=-1), 5)),
    Row("one_hot", (ints(5, 2, 3), 5), {"axis": 1, "dtype": "int32"}),
    Row("one_hot", (ints(5, 2, 3), 6), {"axis": 0, "dtype": "bool"}),
    Row("multi_hot", (ints(5, 2, 3), 5)),
    Row("multi_hot", (ints(5, 3), 5), {"dtype": "float16"}),
    Row("multi_hot", (ints(5, 2, 3),), {"num_tokens": 5}),
    Row("moments", (real(2, 3, 4),), {"axes": [0, 2]}),
    Row("moments", (real(2, 3, 4),), {"axes": [1], "keepdims": True}),
    Row("moments", (real(2, 3, 4, dtype="float16"),), {"axes": [1]}),
    Row("normalize", (X,)),
    Row("normalize", (X,), {"axis": 0, "order": 1}),
    Row("normalize", (X,), {"order": 3, "epsilon": 0.5}),
    Row("batch_normalization", (X, SCALE, positive(6), -1)),
    Row(
        "batch_normalization",
        (real(2, 6, 3), SCALE, positive(6), 1),
        {"offset": SHIFT, "scale": SCALE, "epsilon": 0.1},
    ),
    Row("layer_normalization", (X,)),
    Row("layer_normalization", (X, SCALE, SHIFT), {"epsilon": 0.1}),
    Row("layer_normalization", (X.astype("float16"), SCALE, SHIFT)),
    Row(
        "layer_normalization",
        (real(2, 3, 6), real(2, 6), real(2, 6)),
        {"axis": [0, 2]},
        batched=False,
    ),
    Row("layer_normalization", (real(2, 3, 6), real(3, 6)), {"axis": [-2, -1]}),
    Row("rms_normalization", (X, SCALE)),
    Row("rms_normalization", (real(2, 3, 6), SCALE), {"axis": [0, 2]}),
    Row("rms_normalization", (real(2, 3, 6), real(3, 6)), {"axis": (1, 2)}),
    Row("rms_normalization", (X.astype("float16"),), {"epsilon": 0.1}),
    Row("dot_product_attention", (HEADS, real(2, 7, 4, 3), real(2, 7, 4, 3)), batch=3),
    Row("dot_product_attention", (HEADS, KEYS, KEYS), {"scale": 0.3}, batch=3),
    Row("dot_product_attention", (HEADS, HEADS, HEADS), {"is_causal": True}),
    Row("dot_product_attention", (HEADS, KEYS, KEYS), {"mask": MASK}, batch=4),
    Row("dot_product_attention", (HEADS, KEYS, KEYS), {"mask": MASK, "is_causal": True}, batch=4),
    Row("dot_product_attention", (HEADS, KEYS, KEYS), {"bias": real(2, 4, 5, 7)}, batch=4),
    Row("categorical_crossentropy", (probabilities(3, 6), probabilities(3, 6))),
    Row("categorical_crossentropy", (probabilities(3, 6), X), {"from_logits": True, "axis": 0}),
    Row("sparse_categorical_crossentropy", (ints(6, 3), probabilities(3, 6)), batch=2),
    Row("sparse_categorical_crossentropy", (ints(6, 3, 1), X), {"from_logits": True}, batch=2),
    Row(
        "sparse_categorical_crossentropy",
        (ints(3, 2, 4), real(2, 3, 4)),
        {"from_logits": True, "axis": 1},
        batch=2,
    ),
    Row("binary_crossentropy", (probabilities(3, 6), probabilities(3, 6))),
    Row("binary_crossentropy", (probabilities(3, 6), X), {"from_logits": True}),
    Row("ctc_loss", (ints(5, 3, 4, low=1), LOGITS, ints(4, 3, low=2), np.array([8, 8, 7]))),
    Row("ctc_decode", (LOGITS, np.array([8, 5, 3])), batch=2),
    Row(
        "ctc_decode",
        (LOGITS, np.array([8, 5, 3])),
        {"merge_repeated": False, "mask_index": 2},
        batch=2,
    ),
    *[
        # Of ints many paths are equally likely. Keras's gradient is NaN: ours has none.
        Row(
            "ctc_decode",
            (LOGITS, np.array([8, 5, 1])),
            {"strategy": "beam_search", **more},
            batch=2,
            gradient=False,
            dtypes=FLOATS,
        )
        for more in (
            {},
            {"beam_width": 4, "top_paths": 3},
            {"beam_width": 10, "top_paths": 2, "mask_index": 4},
        )
    ],
    Row("psnr", (positive(2, 4, 4, 3), positive(2, 4, 4, 3), 1.0)),
    Row("unfold", (IMAGE, 3), {"padding": 1, "stride": 2}),
    Row("fold", (real(2, 18, 12), (6, 4), 3), {"padding": 1, "stride": (1, 2)}),
    *[
        Row(name, (IMAGE, 2), {"data_format": data_format})
        for name in ("space_to_depth",)
        for data_format in ("channels_last", "channels_first")
    ],
    Row("depth_to_space", (IMAGE, 2)),
    Row("depth_to_space", (IMAGE, 2), {"data_format": "channels_first"}),
    Row("polar", (positive(3, 2), real(3, 2)), dtypes=("float32", *INTS)),
    # ------------------------------------------------------------ linalg
    Row("cholesky", (spd(2),)),
    Row("cholesky", (spd(2),), {"upper": True}),
    Row("cholesky_inverse", (np.linalg.cholesky(spd()),), batched=False),
    *[Row(name, (SQUARE,)) for name in ("det", "inv", "lu_factor", "logdet")],
    Row("qr", (real(5, 3),)),
    Row("qr", (real(5, 3),), {"mode": "complete"}),
    Row("svd", (real(5, 3),)),
    Row("svd", (real(5, 3),), {"full_matrices": False}),
    Row("svd", (real(5, 3),), {"compute_uv": False}),
    Row("solve", (SQUARE, real(2, 4, 3)), batch=2),
    Row("solve", (SQUARE[0], real(4)), batched=False),
    Row("solve_triangular", (LOWER, real(2, 4, 3)), {"lower": True}, batch=2),
    Row("solve_triangular", (np.swapaxes(LOWER, 1, 2).copy(), real(2, 4)), batch=2),
    Row("lstsq", (real(6, 3), real(6, 2))),
    Row("lstsq", (real(6, 3), real(6, 2)), {"rcond": 0.3}),
    Row("pinv", (real(5, 3),)),
    Row("pinv", (real(5, 3),), {"rcond": 0.5}),
    Row("matrix_rank", (np.ones((2, 3, 3), "float32"),)),
    Row("matrix_rank", (real(4, 3),), {"tol": 2.0}),
    Row("norm", (real(3, 4),)),
    Row("norm", (real(3, 4),), {"ord": "nuc", "axis": (0, 1)}),
    Row("norm", (real(2, 3, 4),), {"ord": 1, "axis": 1, "keepdims": True}),
    Row("norm", (ints(9, 3, 4),)),
    # ------------------------------------------------------------ the rest
    *[
        # Where a segment of ints is empty, Keras gives what infinity happens to be cast to.
        Row(
            f"segment_{name}",
            (values, ids),
            {"num_segments": size},
            batch=2,
            sized=size is not None,
            dtypes=FLOATS,
        )
        for name in ("sum", "max", "min", "prod")
        for values, ids, size in (
            (real(6, 2), np.array([0, 0, 1, 3, 3, 3], "int32"), None),
            (real(6), np.array([2, 0, -1, 3, 9, 0], "int32"), 4),
            (ints(5, 6, low=1), np.array([0, 1, 1, 2, 2, 2], "int32"), 3),
        )
    ],
    Row("top_k", (X, 3)),
    Row("top_k", (ints(99, 9), 2)),
    Row("in_top_k", (ints(6, 3), X, 2)),
    Row("logsumexp", (X,)),
    Row("logsumexp", (X,), {"axis": 0, "keepdims": True}),
    Row("logsumexp", (real(2, 3, 4),), {"axis": (0, 2)}),
    Row("cdist", (real(5, 3), real(4, 3))),
    Row("cdist", (real(2, 5, 3), real(1, 4, 3))),
    *[Row(name, (positive(3, 4),)) for name in ("rsqrt", "erf", "erfc")],
    Row("erfinv", (positive(3, 4) - 0.5,)),
    Row("view_as_complex", (real(3, 2),)),
    Row("rearrange", (real(2, 3, 4), "b h c -> c (b h)")),
    Row("rearrange", (real(2, 6, 4), "b (h w) c -> b h w c"), {"h": 2}),
    Row("rearrange", (real(4, 6), "(a b) c -> a (c b)"), {"b": 2}),
    Row("view_as_real", (real(3, 2) + 1j * real(3, 2),)),
    Row("fft", (SPECTRUM,)),
    Row("fft2", (SPECTRUM,)),
    Row("ifft2", (SPECTRUM,)),
    Row("rfft", (WAVE,)),
    Row("rfft", (WAVE, 100)),
    Row("irfft", (SPECTRUM,)),
    Row("irfft", (SPECTRUM, 30)),
    Row("extract_sequences", (WAVE, 20, 7)),
    *[
        Row("stft", (WAVE, length, 10, 32), {"window": window, "center": center})
        for length, window, center in (
            (32, "hann", True),
            (20, "hamming", False),
            (20, None, True),
            (32, np.hanning(32).astype("float32"), False),
        )
    ],
    Row("stft", (real(2, 3, 160), 32, 10, 32)),
    *[
        Row("istft", (SPECTRUM, length, 8, 32), {"window": window, "center": center, **more})
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
