"""Rows for the core ops, the functions of elements, reductions, convolutions and images.

Arrays of float32 are cast to the dtype that a test runs a row with; all others stay as they are.
`ops_manipulation` and `ops_nn` hold the rows of the other ops.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

FLOATS = ("float32", "float16", "bfloat16")
INTS = ("int32", "uint8", "bool")
DTYPES = FLOATS + INTS
SINGLE = ("float32",)

RNG = np.random.default_rng(11)


@dataclass(frozen=True)
class Row:
    """One call of an op.

    Args:
        rtol: for float32, relative to the largest element.
        why: the reason of another `rtol` than 1e-6.
        batched: whether the first axis of the arrays may be unknown.
        batch: so many arrays have that axis; 0 for those of the shape of the first.
        symbolic: whether the arrays may be symbolic at all.
        sized: whether the sizes of the result follow from those of the arrays alone.
        gradient: whether Keras's gradient is right.
        dtypes: what float32 arrays are cast to.
    """

    name: str
    args: tuple
    kwargs: dict[str, Any] = field(default_factory=dict)
    rtol: float = 1e-6
    why: str = ""
    batched: bool = True
    batch: int = 0
    symbolic: bool = True
    sized: bool = True
    gradient: bool = True
    dtypes: tuple[str, ...] = DTYPES

    def __str__(self):
        kwargs = [f"{k}={v}" for k, v in self.kwargs.items() if np.ndim(v) < 2]
        sizes = ["x".join(map(str, a.shape)) for a in self.args if isinstance(a, np.ndarray)]
        return f"{self.name}-{'-'.join([*sizes, *kwargs])}".replace(" ", "")


def real(*shape, low=-3.0, high=3.0):
    """Numbers that stay apart from halves and whole ones, where many functions jump."""
    x = RNG.uniform(low, high, shape)
    near = np.abs(x * 2 - np.round(x * 2)) < 0.1
    return np.where(near, x + 0.13, x).astype("float32")


def whole(*shape, low=0, high=9):
    return RNG.integers(low, high, shape).astype("float32")


def with_nan(*shape):
    x = real(*shape)
    x[RNG.random(shape) < 0.3] = np.nan
    return x


A = real(3, 4)
B = real(3, 4)
ROW = real(4)
CUBE = real(2, 3, 4)
UNIT = real(3, 4, low=-0.9, high=0.7)
POSITIVE = real(3, 4, low=0.2)
ABOVE_ONE = real(3, 4, low=1.2)
SPECIAL = np.array([[0.0, -0.0, np.inf], [-np.inf, np.nan, 1.5]], "float32")
TIES = np.array([[1, 5, 5, 0], [2, 2, -1, 2], [7, 0, 7, 7]], "float32")
HALVES = np.array([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5], "float32")
NANS = with_nan(3, 4)
NANS[1] = np.nan
COUNTS = whole(3, 4, low=1)

# ------------------------------------------------------------------ functions of elements
UNARY = {
    "any": """abs absolute angle arcsinh arctan ceil conj conjugate cos cosh deg2rad exp exp2
        expm1 fabs floor i0 isfinite isinf isnan isneginf isposinf isreal logical_not nan_to_num
        negative rad2deg real sign signbit sin sinc sinh square tan tanh trunc""",
    "unit": "arccos arcsin arctanh",
    "positive": "cbrt log log10 log1p log2 reciprocal sqrt",
    "above one": "arccosh",
}
DOMAINS = {"any": A, "unit": UNIT, "positive": POSITIVE, "above one": ABOVE_ONE}
# Their intermediate steps round differently in half precision from torch's own kernels.
ELEMENTWISE = [
    Row(name, (DOMAINS[domain],)) for domain, names in UNARY.items() for name in names.split()
]
ELEMENTWISE += [
    Row(name, (SPECIAL,), dtypes=FLOATS)
    for name in """
        abs arctan ceil cos exp floor isfinite isinf isnan isneginf isposinf logical_not log
        nan_to_num negative sign signbit sinc sqrt square tanh trunc""".split()
]
ELEMENTWISE += [
    Row("bitwise_invert", (np.array([0, 1, 5, -7], "int32"),), batched=False),
    Row("bitwise_not", (np.array([True, False]),), batched=False),
    Row("clip", (A, -1.0, 1.0)),
    Row("clip", (A, -1, 2), dtypes=(*FLOATS, "int32")),
    Row("clip", (A, ROW - 1, ROW + 1), dtypes=FLOATS),
    Row("imag", (np.array([1 + 2j, 3 - 1j], "complex64"),), batched=False),
    Row("nan_to_num", (SPECIAL,), {"nan": 1.0, "posinf": 2.0, "neginf": -2.0}, dtypes=FLOATS),
    Row("real", (np.array([1 + 2j, 3 - 1j], "complex64"),), batched=False),
    Row("angle", (np.array([1 + 2j, 3 - 1j], "complex64"),), batched=False),
    Row("conj", (np.array([1 + 2j, 3 - 1j], "complex64"),), batched=False),
    Row("round", (HALVES,), batched=False),
    Row("round", (A,), {"decimals": 1}, dtypes=("float32", "int32")),
    Row("round", (A * 100,), {"decimals": -1}, dtypes=("float32",)),
]

BINARY = """
    add divide equal fmax fmin greater greater_equal less less_equal logical_and logical_or
    logical_xor maximum minimum multiply not_equal subtract true_divide"""
FLOATING_BINARY = " arctan2 divide_no_nan heaviside hypot logaddexp logaddexp2 nextafter"
QUOTIENTS = "floor_divide fmod mod"
BITWISE = "bitwise_and bitwise_or bitwise_xor"
SHIFTS = "bitwise_left_shift bitwise_right_shift left_shift right_shift"
BINARY_NAMES = (BINARY + FLOATING_BINARY + " " + QUOTIENTS + " power").split()
PAIRS = [
    *[Row(name, (A, B)) for name in (BINARY + FLOATING_BINARY).split()],
    *[Row(name, (A, ROW)) for name in (BINARY + FLOATING_BINARY).split()],
    *[Row(name, (A * 3, COUNTS)) for name in QUOTIENTS.split()],
    Row("power", (POSITIVE, B), dtypes=FLOATS),
    Row("power", (COUNTS, whole(3, 4, high=3)), dtypes=("float32", "int32", "uint8")),
    *[Row(name, (COUNTS, whole(3, 4, high=3)), dtypes=INTS) for name in BITWISE.split()],
    *[Row(name, (COUNTS, whole(3, 4, high=3)), dtypes=INTS[:2]) for name in SHIFTS.split()],
    *[Row(name, (COUNTS, whole(4, low=1)), dtypes=INTS[:2]) for name in ("gcd", "lcm")],
    Row("divide_no_nan", (A, np.array([0, 1, 0, 2], "float32"))),
    Row("fmax", (NANS, SPECIAL[1:, 1:2]), dtypes=FLOATS),
    Row("maximum", (NANS, A), dtypes=FLOATS),
    Row("heaviside", (TIES - 2, ROW)),
    Row("isclose", (A, A + 1e-6)),
    Row("isclose", (NANS, NANS), {"equal_nan": True}, dtypes=FLOATS),
    Row("isclose", (A, B), {"rtol": 0.5, "atol": 0.5}),
    Row("allclose", (A, A)),
    Row("allclose", (A, B), {"rtol": 0.5, "atol": 0.5}),
    Row("ldexp", (A, np.array([1, -2, 3, 0], "int32"))),
    Row("select", ([A > 1, B > 0], [A, B]), {"default": 7}, batched=False),
    Row("where", (A > 0, A, B)),
    Row("where", (A > 0, A, ROW)),
    Row("where", (A > 0, A, 1.5), dtypes=FLOATS),
    Row("where", (A > 0, 2, A)),
]

# ------------------------------------------------------------------ reductions
AXES = ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"axis": (0, 2)}, {"axis": ()})
REDUCING = "all amax amin any max mean median min prod ptp std sum var"
NAN_REDUCING = "nanmax nanmean nanmedian nanmin nanprod nanstd nansum nanvar"
NAN_CUBE = with_nan(2, 3, 4)
SUMS_WHY = "sums of numbers of both signs lose digits to another order of adding"
REDUCTIONS = [
    *[Row(name, (CUBE,), axes) for name in REDUCING.split() for axes in AXES],
    *[
        Row(name, (NAN_CUBE,), axes, dtypes=(*FLOATS, "int32"))
        for name in NAN_REDUCING.split()
        for axes in AXES
    ],
    *[Row(name, (CUBE,), {"keepdims": True}) for name in ("amax", "mean", "prod", "sum", "var")],
    *[
        Row(name, (TIES,), axes)
        for name in ("argmax", "argmin")
        for axes in ({}, {"axis": 0}, {"axis": 1, "keepdims": True})
    ],
    *[
        Row(name, (NANS,), axes, dtypes=(*FLOATS, "int32"))
        for name in ("nanargmax", "nanargmin")
        for axes in ({}, {"axis": 0}, {"axis": 1, "keepdims": True})
    ],
    *[
        Row(name, (CUBE,), axes)
        for name in ("cumsum", "cumprod")
        for axes in ({}, {"axis": 1}, {"axis": -1}, {"axis": 0, "dtype": "float32"})
    ],
    *[
        Row(name, (NAN_CUBE,), axes, dtypes=FLOATS)
        for name in ("nancumsum", "nancumprod")
        for axes in ({}, {"axis": 1})
    ],
    Row("max", (CUBE,), {"axis": 1, "initial": 1.0}, dtypes=FLOATS),
    Row("min", (CUBE,), {"axis": 1, "initial": -1.0}, dtypes=FLOATS),
    Row("prod", (CUBE,), {"axis": 1, "dtype": "float32"}),
    Row("average", (CUBE,)),
    Row("average", (CUBE,), {"axis": 1}),
    Row("average", (A, None, None)),
    Row("average", (A,), {"axis": 1, "weights": np.array([1, 2, 3, 4], "float32")}),
    Row("average", (A,), {"axis": -1, "weights": COUNTS}),
    Row("count_nonzero", (TIES,)),
    Row("count_nonzero", (TIES,), {"axis": 1}),
    Row("count_nonzero", (TIES,), {"axis": ()}),
    Row("trace", (A,)),
    Row("trace", (CUBE,), {"offset": 1, "axis1": 1, "axis2": 2}),
    Row("trapezoid", (A,)),
    Row("trapezoid", (A,), {"dx": 0.5, "axis": 0}),
    Row("trapezoid", (A, np.array([0, 1, 3, 4], "float32")), dtypes=FLOATS),
    Row("corrcoef", (A,), batched=False, dtypes=FLOATS[:1]),
    *[
        Row(name, (CUBE, q), {"axis": axis, "method": method})
        for name, q in (("quantile", 0.3), ("percentile", 30.0))
        for axis in (None, 1, (0, 2))
        for method in ("linear", "lower", "higher", "midpoint", "nearest")
    ],
    *[
        Row(name, (NAN_CUBE, q), {"axis": axis, "keepdims": True}, dtypes=FLOATS)
        for name, q in (("nanquantile", 0.3), ("nanpercentile", 30.0))
        for axis in (None, 1, (0, 2))
    ],
    Row("quantile", (CUBE, np.array([0.1, 0.5, 0.9], "float32")), {"axis": -1}, dtypes=FLOATS[:1]),
    Row("percentile", (NANS, 40), {"axis": 1}, dtypes=FLOATS[:1]),
    Row("median", (whole(3, 5),), {"axis": 1}),
]

# ------------------------------------------------------------------ core
SEQUENCE = real(5, 3)
INDICES = np.array([[1], [3], [1]], "int32")
PLACES = np.array([[0, 1], [2, 3], [0, 1]], "int32")
CORE = [
    *[Row("cast", (CUBE, dtype)) for dtype in DTYPES],
    Row("convert_to_tensor", (A,)),
    *[Row("convert_to_tensor", (A,), {"dtype": dtype}) for dtype in ("float16", "int32", "bool")],
    *[
        Row("saturate_cast", (A * 200, dtype), dtypes=FLOATS)
        for dtype in (*FLOATS, "int8", "uint8", "int32")
    ],
    *[
        Row("saturate_cast", (A * 200, dtype), dtypes=INTS)
        for dtype in ("int8", "uint8", "int32", "int64")
    ],
    Row("saturate_cast", (SPECIAL, "float16"), dtypes=FLOATS),
    Row("saturate_cast", (SPECIAL, "float32"), dtypes=FLOATS),
    Row("stop_gradient", (A,)),
    Row("unstack", (CUBE,), {"axis": 1}),
    Row("unstack", (CUBE,), {"axis": -1, "num": 4}),
    Row("slice", (CUBE, (0, 1, 1), (2, 2, 3)), batched=False),
    Row("slice", (CUBE, np.array([1, 0, 2]), np.array([1, 3, 2])), symbolic=False),
    Row("slice_update", (CUBE, (0, 1, 1), real(2, 2, 3)), batched=False),
    Row("slice_update", (SEQUENCE, np.array([2, 1]), real(2, 2)), batched=False),
    Row("scatter", (INDICES, real(3, 2), (5, 2)), batched=False),
    Row("scatter", (PLACES, real(3), (3, 4)), batched=False),
    *[
        Row("scatter_update", (SEQUENCE, INDICES, real(3, 3)), {"reduction": how}, batched=False)
        for how in ("add", "max", "min", "mul")
    ],
    Row("scatter_update", (A, PLACES[:2], real(2)), batched=False),
    *[
        Row("scatter_update", (A, PLACES, real(3)), {"reduction": how}, batched=False)
        for how in ("add", "max", "min", "mul")
    ],
]

# ------------------------------------------------------------------ convolutions and pooling
IMAGE = real(2, 7, 8, 3)
STRIDES = (1, 2, 3, (1, 2))
CONV_WHY = "sums of products of both signs lose digits to another order of adding"


def conv_rows():
    for padding in ("valid", "same"):
        for strides in STRIDES:
            for window in ((3, 3), (2, 3), (1, 2)):
                options = {"strides": strides, "padding": padding}
                yield "conv", (IMAGE, real(*window, 3, 4)), options
                yield "conv_transpose", (IMAGE, real(*window, 4, 3)), options
        for rate in (2, (1, 2)):
            options = {"dilation_rate": rate, "padding": padding}
            yield "conv", (IMAGE, real(3, 2, 3, 4)), options
            yield "conv_transpose", (IMAGE, real(3, 2, 4, 3)), options
            yield "depthwise_conv", (IMAGE, real(3, 3, 3, 2)), options
        for strides in (1, 2):
            options = {"strides": strides, "padding": padding}
            yield "depthwise_conv", (IMAGE, real(3, 2, 3, 2)), options
            yield "separable_conv", (IMAGE, real(3, 3, 3, 2), real(1, 1, 6, 4)), options
            yield "conv", (real(2, 9, 3), real(3, 3, 4)), options
            yield "conv", (real(2, 9, 4), real(2, 2, 4)), options
            yield "conv", (real(1, 5, 6, 4, 2), real(3, 2, 3, 2, 3)), options
            yield "conv_transpose", (real(2, 6, 3), real(3, 4, 3)), options
            yield "conv_transpose", (real(1, 3, 4, 3, 2), real(3, 2, 3, 4, 2)), options
        for extra in (0, 1):
            options = {"strides": 2, "padding": padding, "output_padding": extra}
            for window in ((3, 3), (2, 2), (4, 3)):
                yield "conv_transpose", (IMAGE, real(*window, 4, 3)), options


def pool_rows():
    for name, paddings in (("max_pool", ("valid", "same")), ("average_pool", ("valid",))):
        for padding in paddings:
            for strides in (None, *STRIDES):
                for window in ((3, 3), (2, 2), (3, 2), 1):
                    yield name, (IMAGE, window), {"strides": strides, "padding": padding}
            for strides in (None, 1, 2):
                options = {"strides": strides, "padding": padding}
                yield name, (real(2, 9, 3), 2), options
                yield name, (real(2, 9, 3), 3), options
                yield name, (real(1, 5, 6, 4, 2), 2), options
    for name in ("adaptive_max_pool", "adaptive_average_pool"):
        for size in (3, (2, 5)):
            yield name, (IMAGE, size), {}
        yield name, (real(2, 9, 3), 4), {}
        yield name, (real(1, 5, 6, 4, 2), 2), {}


CONVOLUTIONS = [Row(name, args, options, 5e-6, CONV_WHY) for name, args, options in conv_rows()]
POOLING = [Row(name, args, options) for name, args, options in pool_rows()]

# ------------------------------------------------------------------ images
PICTURE = real(2, 12, 9, 3, low=0.05, high=0.95)
BRIGHT = real(2, 12, 9, 3, low=0, high=250)
AFFINE = np.array([[1.1, 0.2, -1.5, -0.1, 0.9, 2.3, 0, 0], [0.8, 0, 1, 0.3, 1.2, 0, 0, 0]])
START = np.array([[0.0, 0.0], [8, 1], [0, 10], [7, 9]])
END = np.array([[1.0, 0.0], [7, 1], [0, 11], [8, 10]])
POINTS = RNG.random((2, 4, 3)) * 12 - 3
FILLS = ("constant", "nearest", "wrap", "mirror", "reflect")
PICTURE_DTYPES = (*FLOATS, "uint8", "int32")  # Keras casts bool to float and back


def resize_rows():
    for size in ((5, 7), (20, 20), (24, 4)):
        for shape in ({}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}):
            for method in ("nearest", "bilinear", "bicubic"):
                options = {"interpolation": method, "antialias": method == "bicubic", **shape}
                yield Row("resize", (BRIGHT, size), options, dtypes=PICTURE_DTYPES)
    yield Row("resize", (BRIGHT, (5, 5)), {"antialias": True}, dtypes=PICTURE_DTYPES)
    scale, shift = (0.5, 1.7), (0.3, -1.0)
    for method in ("linear", "cubic", "lanczos3", "lanczos5"):
        for antialias in (True, False):
            args = (BRIGHT, (2, 7, 11, 3), scale, shift, (1, 2), method, antialias)
            yield Row("scale_and_translate", args, batched=False, dtypes=PICTURE_DTYPES)


def warp_rows():
    for method in ("nearest", "bilinear"):
        for fill in FILLS:
            options = {"interpolation": method, "fill_mode": fill, "fill_value": 2}
            yield Row("affine_transform", (PICTURE, AFFINE), options, batched=False)
        options = {"interpolation": method, "fill_value": 1}
        why = "the points come from a linear system that is solved in float32"
        yield Row("perspective_transform", (PICTURE, START, END), options, 2e-4, why, dtypes=SINGLE)
    for order in (0, 1):
        for fill in FILLS:
            yield Row(
                "map_coordinates",
                (BRIGHT[0, ..., 0], POINTS, order, fill, 7),
                batched=False,
                dtypes=PICTURE_DTYPES,
            )


def filter_and_patch_rows():
    for name in ("rgb_to_grayscale", "rgb_to_hsv", "hsv_to_rgb", "sobel_edges"):
        yield Row(name, (PICTURE,))
    yield Row("rgb_to_grayscale", (BRIGHT,))
    yield Row("rgb_to_grayscale", (BRIGHT[..., :1],))
    for size in (3, (2, 3)):
        for strides, rate in ((None, 1), (1, 1), ((1, 2), 1), (1, 2)):
            for padding in ("valid", "same"):
                options = {"strides": strides, "dilation_rate": rate, "padding": padding}
                yield Row("extract_patches", (PICTURE, size), options)
    for padding in ("valid", "same"):
        options = {"strides": (1, 2, 2), "padding": padding}
        yield Row("extract_patches_3d", (real(2, 6, 7, 5, 2), (2, 3, 2)), options)
    for kernel, sigma in (((3, 3), (1.0, 1.0)), ((5, 5), (2.0, 2.0))):
        options = {"data_format": "channels_last"}
        yield Row("gaussian_blur", (PICTURE, kernel, sigma), options)
    why = "variances are differences of nearly equal means"
    yield Row("ssim", (PICTURE, PICTURE**2), {"filter_size": 5}, 1e-4, why)
    yield Row("pad_images", (PICTURE, 1, 2, 3, 4))
    yield Row("pad_images", (PICTURE, 1, 2, None, None, 20, 20))
    yield Row("crop_images", (PICTURE, 1, 2, 3, 4))
    yield Row("crop_images", (PICTURE, None, 2, 1, None, 5, 5))


IMAGES = [*resize_rows(), *warp_rows(), *filter_and_patch_rows()]
ROWS = ELEMENTWISE + PAIRS + REDUCTIONS + CORE + CONVOLUTIONS + POOLING

# ------------------------------------------------------------------ errors
TWO, THREE, LINE, BLOCK = np.ones((2, 3)), np.ones((3, 2)), np.ones(4), np.ones((2, 3, 4))
TRUE = TWO > 0

# Calls for which both libraries raise the same kind of error.
ERRORS = [
    ("add", (TWO, THREE)),
    ("maximum", (TWO, THREE)),
    ("power", (TWO, THREE)),
    ("where", (TRUE, TWO, THREE)),
    ("concatenate", ((TWO, THREE),)),
    ("concatenate", ((TWO, TWO),), {"axis": 2}),
    ("stack", ((TWO, THREE),)),
    ("stack", ((TWO, TWO),), {"axis": 4}),
    ("hstack", ((TWO, LINE),)),
    ("vstack", ((TWO, LINE),)),
    ("append", (TWO, THREE), {"axis": 0}),
    ("reshape", (TWO, (4, 2))),
    ("reshape", (TWO, (-1, -1))),
    ("squeeze", (TWO,), {"axis": 5}),
    ("expand_dims", (TWO, 5)),
    ("transpose", (TWO, (0, 0))),
    ("transpose", (TWO, (0, 1, 2))),
    ("broadcast_to", (TWO, (4, 3))),
    ("moveaxis", (TWO, 0, 3)),
    ("swapaxes", (TWO, 0, 3)),
    ("matmul", (TWO, TWO)),
    ("dot", (TWO, TWO)),
    ("inner", (TWO, THREE)),
    ("vdot", (TWO, LINE)),
    ("tensordot", (TWO, TWO), {"axes": 1}),
    ("einsum", ("ij,jk->ik", TWO, TWO)),
    ("einsum", ("ij,jk", TWO)),
    ("cross", (TWO, LINE)),
    ("kron", (TWO, "a")),
    ("take", (TWO, 5), {"axis": 0}),
    ("take", (TWO, 0), {"axis": 3}),
    ("sum", (TWO,), {"axis": 2}),
    ("mean", (TWO,), {"axis": 2}),
    ("max", (TWO,), {"axis": 2}),
    ("prod", (TWO,), {"axis": 2}),
    ("any", (TWO,), {"axis": 2}),
    ("argmax", (TWO,), {"axis": 2}),
    ("var", (TWO,), {"axis": 2}),
    ("median", (TWO,), {"axis": 2}),
    ("quantile", (TWO, 1.5)),
    ("cumsum", (TWO,), {"axis": 2}),
    ("count_nonzero", (TWO,), {"axis": 2}),
    ("sort", (TWO,), {"axis": 2}),
    ("argsort", (TWO,), {"axis": 2}),
    ("flip", (TWO,), {"axis": 2}),
    ("roll", (TWO, 1), {"axis": 2}),
    ("repeat", (TWO, 2), {"axis": 2}),
    ("tile", (TWO, -1)),
    ("split", (TWO, 2), {"axis": 1}),
    ("split", (TWO, 2), {"axis": 3}),
    ("array_split", (TWO, 2), {"axis": 3}),
    ("unstack", (TWO,), {"axis": 2}),
    ("diagonal", (LINE,)),
    ("trace", (LINE,)),
    ("tril", (LINE,)),
    ("diff", (TWO,), {"axis": 2}),
    ("rot90", (LINE,)),
    ("diag", (BLOCK,)),
    ("linspace", (0, 1), {"num": -1}),
    ("arange", (0, 5, -1)),
    ("arange", (0, 5, 0)),
    ("eye", (-1,)),
    ("vander", (TWO,)),
    ("pad", (TWO, ((1, 1),) * 3)),
    ("searchsorted", (TWO, LINE)),
    ("digitize", (LINE, TWO)),
    ("unravel_index", ("a", (2,))),
    ("scatter", (np.array([[9]]), np.ones(1), (3,))),
    ("scatter_update", (TWO, np.array([[9, 9]]), np.ones(1))),
    ("scatter_update", (LINE, np.array([[1]]), np.ones(1)), {"reduction": "x"}),
    ("cast", (TWO, "x")),
    ("convert_to_tensor", ("a",)),
    ("convert_to_tensor", ([1],), {"sparse": True}),
    ("convert_to_tensor", ([1],), {"dtype": "x"}),
    ("convert_to_tensor", ([[1], [1, 2]],)),
    ("zeros", ((2, -1),)),
    ("ones", ((2,),), {"dtype": "x"}),
    ("array", (["a"],)),
    ("clip", (TWO, LINE, LINE)),
    ("ldexp", (TWO, TWO)),
    ("bitwise_and", (TWO, TWO)),
    ("left_shift", (TWO, TWO)),
    ("gcd", (TWO, TWO)),
    ("view", (np.ones(3, "float32"),), {"dtype": "float64"}),
    ("get_item", (TWO, 5)),
    ("get_item", (TWO, (0, 0, 0))),
    ("isin", (TWO, "a")),
    ("average", (TWO,), {"axis": 3}),
    ("histogram", (LINE,), {"range": (3, 1)}),
    ("bincount", (np.array([-1]),)),
    ("nanmax", (TWO,), {"axis": 3}),
    ("trapezoid", (TWO,), {"axis": 3}),
    ("corrcoef", (BLOCK,)),
    ("top_k", (TWO, 9)),
    ("in_top_k", (np.array([0, 1]), TWO, 9)),
    ("logsumexp", (TWO,), {"axis": 3}),
    ("softmax", (TWO,), {"axis": 3}),
    ("glu", (TWO,)),
    ("one_hot", (np.array([5]), 3)),
    ("segment_sum", (LINE, np.array([0, 1]))),
    ("moments", (TWO,), {"axes": [3]}),
    ("layer_normalization", (TWO, LINE)),
    ("depth_to_space", (TWO, 2)),
    ("space_to_depth", (BLOCK[None], 3)),
    ("erf", ("a",)),
    ("lstsq", (TWO, LINE)),
    ("solve", (TWO, LINE)),
    ("norm", (TWO,), {"ord": "x"}),
    ("norm", (BLOCK,), {"ord": "fro"}),
    ("svd", (LINE,)),
    ("eigh", (TWO,)),
    ("inv", (TWO,)),
    ("lu_factor", (LINE,)),
]
