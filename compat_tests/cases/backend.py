"""Rows for `keras.backend`: name of a function, positional arguments, keyword arguments."""

import numpy as np

_rng = np.random.default_rng(0)


def _array(*shape):
    return np.round(_rng.normal(size=shape), 3).astype("float32")


A, B = _array(3, 4), _array(3, 4)
POSITIVE = np.abs(A) + 0.1
CUBE = _array(2, 3, 4)
IMAGES, VOLUMES, STEPS = _array(2, 5, 5, 3), _array(1, 4, 4, 4, 2), _array(2, 6, 3)
PROBABILITIES = np.exp(_array(4, 5))
PROBABILITIES /= PROBABILITIES.sum(-1, keepdims=True)
ONE_HOT = np.eye(5, dtype="float32")[[0, 2, 4, 1]]
BINARY = (A > 0).astype("float32")
SIGMOIDS = 1 / (1 + np.exp(-B))
PATHS = np.exp(_array(2, 6, 4))
PATHS /= PATHS.sum(-1, keepdims=True)
LENGTHS = np.array([[6], [5]], dtype="int32")

CASES = [
    *[(name, (A,), {}) for name in "abs exp sign sin cos square round transpose".split()],
    *[(name, (A,), {}) for name in "sigmoid tanh softmax softplus softsign flatten".split()],
    *[(name, (A,), {}) for name in "hard_sigmoid relu elu ones_like zeros_like shape".split()],
    ("log", (POSITIVE,), {}),
    ("sqrt", (POSITIVE,), {}),
    ("sqrt", (A,), {}),
    ("pow", (POSITIVE, 3), {}),
    ("clip", (A, -0.5, 0.5), {}),
    ("relu", (3 * A,), {"alpha": 0.1, "max_value": 2.0, "threshold": 0.5}),
    ("elu", (A,), {"alpha": 0.5}),
    ("softmax", (CUBE,), {"axis": 1}),
    *[
        (name, (A, B), {})
        for name in (
            "maximum minimum equal not_equal greater greater_equal less less_equal"
        ).split()
    ],
    *[
        (name, (CUBE,), kwargs)
        for name in "max min sum prod mean var std".split()
        for kwargs in ({}, {"axis": 1}, {"axis": [0, 2], "keepdims": True})
    ],
    ("any", (BINARY > 0,), {"axis": 0}),
    ("all", (BINARY > 0,), {"axis": -1, "keepdims": True}),
    ("mean", (BINARY > 0,), {}),
    ("argmax", (CUBE,), {"axis": 1}),
    ("argmin", (CUBE,), {}),
    ("cumsum", (CUBE,), {"axis": 1}),
    ("cumprod", (CUBE,), {}),
    ("dot", (A, B.T), {}),
    ("dot", (CUBE, B.T), {}),
    ("dot", (CUBE, _array(2, 4, 5)), {}),
    ("batch_dot", (A, B), {"axes": 1}),
    ("batch_dot", (A, B), {}),
    ("batch_dot", (CUBE, _array(2, 4, 5)), {"axes": (2, 1)}),
    ("batch_dot", (CUBE, _array(2, 4, 5)), {}),
    ("batch_dot", (CUBE, _array(2, 5, 4)), {"axes": 2}),
    ("batch_dot", (CUBE, _array(2, 4)), {"axes": (2, 1)}),
    ("batch_flatten", (CUBE,), {}),
    ("reshape", (A, (4, -1)), {}),
    ("permute_dimensions", (CUBE, (2, 0, 1)), {}),
    ("expand_dims", (A,), {}),
    ("expand_dims", (A,), {"axis": 0}),
    ("squeeze", (A[None], 0), {}),
    ("repeat", (A, 3), {}),
    ("repeat_elements", (CUBE, 2), {"axis": 1}),
    ("tile", (A, [2, 1]), {}),
    ("reverse", (CUBE, [0, 2]), {}),
    ("concatenate", ([A, B],), {}),
    ("stack", ([A, B],), {"axis": 1}),
    ("gather", (A, np.array([2, 0], dtype="int32")), {}),
    ("one_hot", (np.array([0, 2], dtype="int32"), 4), {}),
    ("arange", (2, 9, 3), {}),
    ("arange", (4,), {}),
    ("eye", (3,), {}),
    ("constant", (2.5,), {"shape": (2, 2)}),
    ("l2_normalize", (CUBE,), {"axis": 1}),
    ("in_top_k", (PROBABILITIES, np.array([0, 2, 4, 1], dtype="int32"), 2), {}),
    ("categorical_crossentropy", (ONE_HOT, PROBABILITIES), {}),
    ("categorical_crossentropy", (ONE_HOT, _array(4, 5)), {"from_logits": True}),
    ("sparse_categorical_crossentropy", (np.array([0.0, 2, 4, 1]), PROBABILITIES), {}),
    ("binary_crossentropy", (BINARY, SIGMOIDS), {}),
    ("binary_crossentropy", (BINARY, B), {"from_logits": True}),
    ("binary_focal_crossentropy", (BINARY, SIGMOIDS), {"apply_class_balancing": True}),
    ("categorical_focal_crossentropy", (ONE_HOT, PROBABILITIES), {}),
    ("temporal_padding", (STEPS,), {"padding": (2, 1)}),
    ("spatial_2d_padding", (IMAGES,), {"padding": ((1, 2), (0, 1))}),
    ("spatial_3d_padding", (VOLUMES,), {}),
    ("resize_images", (IMAGES, 2, 3, "channels_last"), {}),
    ("resize_images", (IMAGES, 2, 2, "channels_last"), {"interpolation": "bilinear"}),
    ("resize_volumes", (VOLUMES, 2, 1, 2, "channels_last"), {}),
    ("conv1d", (STEPS, _array(3, 3, 4)), {"strides": 2, "padding": "same"}),
    ("conv1d", (STEPS, _array(3, 3, 4)), {"padding": "causal", "dilation_rate": 2}),
    ("conv2d", (IMAGES, _array(3, 2, 3, 4)), {"strides": (2, 1), "padding": "same"}),
    ("conv2d", (IMAGES, _array(2, 2, 3, 4)), {"dilation_rate": (2, 2)}),
    (
        "conv2d_transpose",
        (IMAGES, _array(3, 3, 4, 3), (2, 10, 10, 4)),
        {"strides": (2, 2), "padding": "same"},
    ),
    (
        "conv2d_transpose",
        (IMAGES, _array(3, 3, 4, 3), (2, 9, 9, 4)),
        {"strides": (2, 2), "padding": "same"},
    ),
    (
        "conv2d_transpose",
        (IMAGES, _array(3, 3, 4, 3), (2, 7, 7, 4)),
        {},
    ),
    ("conv3d", (VOLUMES, _array(2, 2, 2, 2, 3)), {}),
    ("depthwise_conv2d", (IMAGES, _array(2, 2, 3, 2)), {"padding": "same"}),
    ("separable_conv2d", (IMAGES, _array(2, 2, 3, 2), _array(1, 1, 6, 4)), {}),
    ("pool2d", (IMAGES, (2, 2)), {"strides": (2, 2)}),
    ("pool2d", (IMAGES, (2, 2)), {"padding": "same", "pool_mode": "avg"}),
    ("pool3d", (VOLUMES, (2, 2, 2)), {}),
    ("local_conv1d", (STEPS, _array(2, 9, 4), (3,), (3,)), {}),
    ("local_conv2d", (IMAGES, _array(4, 27, 2), (3, 3), (2, 2), (2, 2)), {}),
    ("bias_add", (IMAGES, _array(3)), {}),
    ("bias_add", (IMAGES, _array(5, 5, 3)), {}),
    ("batch_normalization", (A, B[0], POSITIVE[0], B[1], B[2]), {}),
    ("batch_normalization", (IMAGES, A[0, :3], POSITIVE[0, :3], None, None), {"epsilon": 1e-2}),
    ("normalize_batch_in_training", (A, B[0], B[1], [0]), {}),
    ("moving_average_update", ("variable", A, 0.9), {}),
    ("switch", (BINARY > 0, A, B), {}),
    ("ctc_batch_cost", (np.array([[0.0, 1], [2, 2]]), PATHS, LENGTHS, LENGTHS * 0 + 2), {}),
    ("ctc_decode", (PATHS, LENGTHS[:, 0]), {}),
    ("ctc_decode", (PATHS, LENGTHS[:, 0]), {"greedy": False, "beam_width": 8, "top_paths": 2}),
    ("count_params", ("variable",), {}),
    ("int_shape", (CUBE,), {}),
    ("ndim", (CUBE,), {}),
    ("foldl", ("add", CUBE), {}),
    ("foldr", ("subtract", CUBE), {}),
    ("map_fn", ("square", CUBE), {}),
    ("rnn", ("step", STEPS, "states"), {}),
    ("rnn", ("step", STEPS, "states"), {"go_backwards": True}),
    (
        "rnn",
        ("step", STEPS, "states"),
        {"mask": np.array([[1, 1, 0, 1, 1, 0], [0, 1, 1, 1, 0, 0]], dtype=bool)},
    ),
]

# What stands in the rows for arguments that are made by the backend itself.
SPECIAL = {
    "variable": lambda backend: backend.variable(A * 0 + 1),
    "states": lambda backend: [backend.zeros_like(backend.constant(STEPS[:, 0]))],
    "step": lambda backend: lambda x, states: (x + 0.5 * states[0], [x + 0.5 * states[0]]),
    "add": lambda backend: lambda total, x: total + x,
    "subtract": lambda backend: lambda total, x: total - x,
    "square": lambda backend: lambda x: x * x,
}


def call(backend, name, args, kwargs):
    """The flat results of a row as NumPy arrays."""

    def given(value):
        if isinstance(value, str) and value in SPECIAL:
            return SPECIAL[value](backend)
        if isinstance(value, np.ndarray):
            return backend.constant(value, dtype=str(value.dtype))
        if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
            return [given(item) for item in value]
        return value

    result = getattr(backend, name)(
        *[given(value) for value in args], **{key: given(value) for key, value in kwargs.items()}
    )
    return [np.asarray(leaf) for leaf in _leaves(result)]


def _leaves(result):
    if isinstance(result, (list, tuple)) and not all(isinstance(x, int) for x in result):
        return [leaf for item in result for leaf in _leaves(item)]
    if hasattr(result, "detach"):
        result = result.detach()
    return [result]
