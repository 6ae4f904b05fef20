"""Functions of single elements: maths, comparisons, logic and bits.

Most are rows: the name, the function of torch, what becomes of ints and bools first, and the
    docstring.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from torchkeras import _dtypes
from torchkeras._op import op
from torchkeras.ops._core import (
    as_tensor,
    as_tensors,
    operands,
    promoted,
    tensor_operands,
    to_float,
)


def _named(function: Callable, name: str, doc: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return op(function)


def _floating(name: str, function: Callable, doc: str) -> Callable:
    """An op of one tensor whose result is floating."""

    def elementwise(x: Tensor) -> Tensor:
        if not isinstance(x, Tensor) or not x.dtype.is_floating_point:
            x = to_float(x)
        return function(x)

    return _named(elementwise, name, doc)


def _plain(
    name: str, function: Callable, doc: str, bools_as: torch.dtype | None = None
) -> Callable:
    """An op of one tensor that torch computes in its dtype, except for bools where `bools_as` is
    given."""

    def elementwise(x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            x = as_tensor(x)
        if bools_as is not None and x.dtype is torch.bool:
            x = x.to(bools_as)
        return function(x)

    return _named(elementwise, name, doc)


def _binary(name: str, function: Callable, doc: str) -> Callable:
    """An op of two tensors for which torch promotes as Keras does, and takes numbers on the
    right."""

    def elementwise(x1: Tensor, x2: Tensor) -> Tensor:
        if not (isinstance(x1, Tensor) and isinstance(x2, Tensor)):
            x1, x2 = operands(x1, x2)
        return function(x1, x2)

    return _named(elementwise, name, doc)


def _tensor_binary(name: str, function: Callable, doc: str) -> Callable:
    """As `_binary`, for functions of torch that take tensors only."""

    def elementwise(x1: Tensor, x2: Tensor) -> Tensor:
        if not (isinstance(x1, Tensor) and isinstance(x2, Tensor)):
            x1, x2 = tensor_operands(x1, x2)
        return function(x1, x2)

    return _named(elementwise, name, doc)


def _floating_binary(name: str, function: Callable, doc: str) -> Callable:
    """An op of two tensors whose result is floating, of the dtype they promote to."""

    def elementwise(x1: Tensor, x2: Tensor) -> Tensor:
        if not (
            isinstance(x1, Tensor)
            and isinstance(x2, Tensor)
            and x1.dtype is x2.dtype
            and x1.dtype.is_floating_point
        ):
            x1, x2 = (to_float(x) for x in promoted(x1, x2))
        return function(x1, x2)

    return _named(elementwise, name, doc)


def _bits(name: str, function: Callable, doc: str) -> Callable:
    """An op of two int or bool tensors."""

    def elementwise(x: Tensor, y: Tensor) -> Tensor:
        if not (isinstance(x, Tensor) and isinstance(y, Tensor)):
            x, y = operands(x, y)
        return function(x, y)

    return _named(elementwise, name, doc)


def _abs(x: Tensor) -> Tensor:
    return x if x.dtype is torch.bool else torch.abs(x)


# ------------------------------------------------------------------ one tensor, floating result
arccos = _floating("arccos", torch.arccos, "Inverse cosine.")
arccosh = _floating("arccosh", torch.arccosh, "Inverse hyperbolic cosine.")
arcsin = _floating("arcsin", torch.arcsin, "Inverse sine.")
arcsinh = _floating("arcsinh", torch.arcsinh, "Inverse hyperbolic sine.")
arctan = _floating("arctan", torch.arctan, "Inverse tangent.")
arctanh = _floating("arctanh", torch.arctanh, "Inverse hyperbolic tangent.")
angle = _floating("angle", torch.angle, "Angle of complex numbers: 0 or pi for real ones.")
ceil = _floating("ceil", torch.ceil, "Smallest whole number not below.")
cos = _floating("cos", torch.cos, "Cosine.")
cosh = _floating("cosh", torch.cosh, "Hyperbolic cosine.")
deg2rad = _floating("deg2rad", torch.deg2rad, "Degrees as radians.")
exp = _floating("exp", torch.exp, "e to the power of `x`.")
exp2 = _floating("exp2", torch.exp2, "2 to the power of `x`.")
expm1 = _floating("expm1", torch.expm1, "exp(x) - 1, exact near 0.")
fabs = _floating("fabs", torch.abs, "Absolute value as a floating number.")
floor = _floating("floor", torch.floor, "Largest whole number not above.")
i0 = _floating("i0", torch.i0, "Modified Bessel function of the first kind, order 0.")
log = _floating("log", torch.log, "Natural logarithm.")
log10 = _floating("log10", torch.log10, "Logarithm to base 10.")
log1p = _floating("log1p", torch.log1p, "log(1 + x), exact near 0.")
log2 = _floating("log2", torch.log2, "Logarithm to base 2.")
rad2deg = _floating("rad2deg", torch.rad2deg, "Radians as degrees.")
reciprocal = _floating("reciprocal", torch.reciprocal, "1 / x.")
sin = _floating("sin", torch.sin, "Sine.")
sinc = _floating("sinc", torch.sinc, "sin(pi x) / (pi x), 1 at 0.")
sinh = _floating("sinh", torch.sinh, "Hyperbolic sine.")
sqrt = _floating("sqrt", torch.sqrt, "Square root.")
tan = _floating("tan", torch.tan, "Tangent.")
tanh = _floating("tanh", torch.tanh, "Hyperbolic tangent.")

# ------------------------------------------------------------------ one tensor
absolute = _plain("absolute", _abs, "Absolute value.")
abs = absolute
bitwise_invert = _plain("bitwise_invert", torch.bitwise_not, "Every bit flipped.")
bitwise_not = _plain("bitwise_not", torch.bitwise_not, "Every bit flipped.")
isfinite = _plain("isfinite", torch.isfinite, "Whether an element is a number and not infinite.")
isinf = _plain("isinf", torch.isinf, "Whether an element is infinite.")
isnan = _plain("isnan", torch.isnan, "Whether an element is NaN.")
isneginf = _plain("isneginf", torch.isneginf, "Whether an element is minus infinity.")
isposinf = _plain("isposinf", torch.isposinf, "Whether an element is plus infinity.")
isreal = _plain("isreal", torch.isreal, "Whether the imaginary part is 0.")
logical_not = _plain("logical_not", torch.logical_not, "Whether an element is 0 or False.")
negative = _plain("negative", torch.negative, "-x.")
real = _plain("real", torch.real, "Real part.")
sign = _plain("sign", torch.sign, "-1, 0 or 1.")
signbit = _plain("signbit", torch.signbit, "Whether the sign bit is set.")
square = _plain("square", torch.square, "x * x.", bools_as=torch.int32)

# ------------------------------------------------------------------ two tensors
add = _binary("add", torch.add, "x1 + x2.")
divide = _binary("divide", torch.divide, "x1 / x2.")
true_divide = _binary("true_divide", torch.divide, "x1 / x2.")
equal = _binary("equal", torch.eq, "x1 == x2.")
floor_divide = _binary(
    "floor_divide", torch.floor_divide, "Largest whole number not above x1 / x2."
)
greater = _binary("greater", torch.gt, "x1 > x2.")
greater_equal = _binary("greater_equal", torch.ge, "x1 >= x2.")
less = _binary("less", torch.lt, "x1 < x2.")
less_equal = _binary("less_equal", torch.le, "x1 <= x2.")
multiply = _binary("multiply", torch.multiply, "x1 * x2.")
not_equal = _binary("not_equal", torch.ne, "x1 != x2.")
power = _binary("power", torch.pow, "x1 to the power of x2.")

gcd = _tensor_binary("gcd", torch.gcd, "Greatest common divisor.")
lcm = _tensor_binary("lcm", torch.lcm, "Least common multiple.")
logical_and = _tensor_binary("logical_and", torch.logical_and, "Whether both are true.")
logical_or = _tensor_binary("logical_or", torch.logical_or, "Whether one or both are true.")
logical_xor = _tensor_binary("logical_xor", torch.logical_xor, "Whether exactly one is true.")
fmax = _tensor_binary("fmax", torch.fmax, "The larger one; where one is NaN, the other.")
fmin = _tensor_binary("fmin", torch.fmin, "The smaller one; where one is NaN, the other.")
maximum = _tensor_binary("maximum", torch.maximum, "The larger one; NaN where one is.")
minimum = _tensor_binary("minimum", torch.minimum, "The smaller one; NaN where one is.")

arctan2 = _floating_binary("arctan2", torch.arctan2, "Angle of the point (x2, x1).")
hypot = _floating_binary("hypot", torch.hypot, "sqrt(x1**2 + x2**2).")
logaddexp = _floating_binary("logaddexp", torch.logaddexp, "log(exp(x1) + exp(x2)).")
logaddexp2 = _floating_binary("logaddexp2", torch.logaddexp2, "log2(2**x1 + 2**x2).")

bitwise_and = _bits("bitwise_and", torch.bitwise_and, "Bits set in both.")
bitwise_left_shift = _bits("bitwise_left_shift", torch.bitwise_left_shift, "x times 2**y.")
bitwise_or = _bits("bitwise_or", torch.bitwise_or, "Bits set in one or both.")
bitwise_right_shift = _bits(
    "bitwise_right_shift", torch.bitwise_right_shift, "x over 2**y, rounded down."
)
bitwise_xor = _bits("bitwise_xor", torch.bitwise_xor, "Bits set in exactly one.")
left_shift = _bits("left_shift", torch.bitwise_left_shift, "x times 2**y.")
right_shift = _bits("right_shift", torch.bitwise_right_shift, "x over 2**y, rounded down.")


# ------------------------------------------------------------------ with rules of their own
@op
def subtract(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 - x2."""
    if not (isinstance(x1, Tensor) and isinstance(x2, Tensor)):
        x1, x2 = operands(x1, x2)
    if x1.dtype is torch.bool or (isinstance(x2, Tensor) and x2.dtype is torch.bool):
        x1, x2 = promoted(x1, x2)
    return torch.subtract(x1, x2)


@op
def mod(x1: Tensor, x2: Tensor) -> Tensor:
    """Remainder of x1 / x2 with the sign of x2."""
    return torch.remainder(*_no_bools(x1, x2))


@op
def fmod(x1: Tensor, x2: Tensor) -> Tensor:
    """Remainder of x1 / x2 with the sign of x1."""
    return torch.fmod(*_no_bools(x1, x2))


def _no_bools(x1, x2):
    x1, x2 = operands(x1, x2)
    if x1.dtype is torch.bool and (not isinstance(x2, Tensor) or x2.dtype is torch.bool):
        x1 = x1.to(torch.int32)
    return x1, x2


@op
def divide_no_nan(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 / x2, and 0 where x2 is 0; the gradient there is 0 too."""
    x1, x2 = (to_float(x) for x in promoted(x1, x2))
    zero = x2 == 0
    return torch.where(zero, 0, x1 / torch.where(zero, 1, x2))


@op
def heaviside(x1: Tensor, x2: Tensor) -> Tensor:
    """0 where x1 is negative, x2 where it is 0, else 1; floating, except of two bools."""
    x1, x2 = promoted(x1, x2)
    if x1.dtype is not torch.bool:
        x1, x2 = to_float(x1), to_float(x2)
    return torch.heaviside(x1, x2)


@op
def ldexp(x1: Tensor, x2: Tensor) -> Tensor:
    """x1 times 2**x2, for ints x2."""
    x1, x2 = as_tensors(x1, x2)
    if x2.dtype.is_floating_point or x2.dtype is torch.bool:
        raise TypeError(
            f"ldexp exponent must be an integer type. Received: x2 "
            f"dtype={_dtypes.standardize_dtype(x2.dtype)}"
        )
    x1 = to_float(x1)
    # 2**x2 alone may overflow where the product does not.
    wide = torch.promote_types(x1.dtype, torch.float32)
    return torch.ldexp(x1.to(wide), x2).to(x1.dtype)


@op
def nextafter(x1: Tensor, x2: Tensor) -> Tensor:
    """The number after x1 towards x2, of the dtype they promote to."""
    x1, x2 = (to_float(x) for x in promoted(x1, x2))
    return torch.nextafter(x1, x2)


@op
def cbrt(x: Tensor) -> Tensor:
    """Cube root, also of negative numbers."""
    x = to_float(x)
    return torch.sign(x) * torch.abs(x) ** (1.0 / 3.0)


@op
def clip(x: Tensor, x_min, x_max) -> Tensor:
    """`x` with elements below `x_min` or above `x_max` set to them."""
    if not isinstance(x, Tensor):
        x = as_tensor(x)
    if x.dtype is torch.bool:
        x = x.to(torch.int32)
    if not (isinstance(x_min, (int, float)) and isinstance(x_max, (int, float))):
        x_min, x_max = (
            bound if bound is None else as_tensor(bound, device=x.device)
            for bound in (x_min, x_max)
        )
    return torch.clamp(x, x_min, x_max)


@op
def conjugate(x: Tensor) -> Tensor:
    """Complex conjugate."""
    return torch.conj(as_tensor(x)).resolve_conj()


conj = conjugate


@op
def imag(x: Tensor) -> Tensor:
    """Imaginary part: 0 for real numbers."""
    x = as_tensor(x)
    return torch.imag(x) if x.dtype.is_complex else torch.zeros_like(x)


@op
def isclose(
    x1: Tensor, x2: Tensor, rtol: Tensor = 1e-05, atol: Tensor = 1e-08, equal_nan=False
) -> Tensor:
    """Whether |x1 - x2| <= atol + rtol * |x2|."""
    x1, x2 = promoted(x1, x2)
    if not x1.dtype.is_floating_point:
        return torch.eq(x1, x2)
    return torch.isclose(x1, x2, rtol=rtol, atol=atol, equal_nan=equal_nan)


@op(name="AllClose")
def allclose(x1: Tensor, x2: Tensor, rtol=1e-05, atol=1e-08, equal_nan=False) -> Tensor:
    """Whether `isclose` holds everywhere."""
    return torch.all(isclose(x1, x2, rtol, atol, equal_nan))


@op
def nan_to_num(x: Tensor, nan=0.0, posinf=None, neginf=None) -> Tensor:
    """`x` with NaN and infinities replaced; None: by the largest or lowest number of the dtype."""
    return torch.nan_to_num(as_tensor(x), nan=nan, posinf=posinf, neginf=neginf)


@op
def round(x: Tensor, decimals=0) -> Tensor:
    """Nearest number with so many decimals, halves to the even one; ints stay ints."""
    x = as_tensor(x)
    if x.dtype.is_floating_point:
        return torch.round(x, decimals=decimals)
    if decimals >= 0:
        return x.clone()
    return torch.round(x.to(torch.float64), decimals=decimals).to(x.dtype)


@op
def trunc(x: Tensor) -> Tensor:
    """`x` without its decimals."""
    x = as_tensor(x)
    return torch.trunc(x) if x.dtype.is_floating_point else x


@op
def select(condlist: Tensor, choicelist: Tensor, default: Tensor = 0) -> Tensor:
    """Where the first true condition is, its choice; where none is, `default`."""
    *choices, result = as_tensors(*choicelist, default)
    for condition, choice in zip(reversed(condlist), reversed(choices), strict=True):
        result = torch.where(as_tensor(condition).bool(), choice, result)
    return result


@op
def where(condition: Tensor, x1: Tensor = None, x2: Tensor = None) -> Tensor:
    """`x1` where the condition is true, else `x2`; without them, the indices of the true elements,
    a row per axis."""
    condition = as_tensor(condition, torch.bool)
    if x1 is None or x2 is None:
        return torch.stack(torch.where(condition), dim=0)
    if not (isinstance(x1, Tensor) and isinstance(x2, Tensor)):
        x1, x2 = tensor_operands(x1, x2)
    return torch.where(condition, x1, x2)


__all__ = sorted(name for name, value in globals().items() if hasattr(value, "operation_class"))
