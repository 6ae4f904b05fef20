"""`tf.debugging`: checks of tensors, which raise `tf.errors.InvalidArgumentError`."""

import operator
from collections.abc import Callable
from typing import Any

import torch

from torchkeras import config as _config
from torchkeras.tf._control import Assert
from torchkeras.tf._convert import as_tensor, is_tensor, matched
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import TensorShape
from torchkeras.tf.dtypes import as_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "Assert",
    "assert_all_finite",
    "assert_equal",
    "assert_greater",
    "assert_greater_equal",
    "assert_integer",
    "assert_less",
    "assert_less_equal",
    "assert_near",
    "assert_negative",
    "assert_non_negative",
    "assert_non_positive",
    "assert_none_equal",
    "assert_positive",
    "assert_proper_iterable",
    "assert_rank",
    "assert_rank_at_least",
    "assert_rank_in",
    "assert_same_float_dtype",
    "assert_scalar",
    "assert_shapes",
    "assert_type",
    "check_numerics",
    "disable_check_numerics",
    "disable_traceback_filtering",
    "enable_check_numerics",
    "enable_traceback_filtering",
    "get_log_device_placement",
    "is_numeric_tensor",
    "is_traceback_filtering_enabled",
    "set_log_device_placement",
]


def _fails(text: str, message: str | None) -> None:
    raise InvalidArgumentError(f"{message or ''} {text}".strip())


def _pair(name: str, compare: Callable, sign: str) -> Callable:
    def check(x, y, message=None, summarize=None, name=None):
        first, second = matched(x, y)
        found = compare(first, second)
        holds = found if isinstance(found, bool) else bool(found.all())
        if not holds:
            _fails(f"Condition x {sign} y did not hold. Received: x={x}, y={y}", message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raises `InvalidArgumentError` unless x {sign} y for all elements."
    return check


def _single(name: str, compare: Callable, sign: str) -> Callable:
    def check(x, message=None, summarize=None, name=None):
        if not bool(compare(as_tensor(x), 0).all()):
            _fails(f"Condition x {sign} 0 did not hold. Received: x={x}", message)

    check.__name__ = check.__qualname__ = name
    check.__doc__ = f"Raises `InvalidArgumentError` unless x {sign} 0 for all elements."
    return check


assert_equal = _pair("assert_equal", operator.eq, "==")
assert_none_equal = _pair("assert_none_equal", operator.ne, "!=")
assert_less = _pair("assert_less", operator.lt, "<")
assert_less_equal = _pair("assert_less_equal", operator.le, "<=")
assert_greater = _pair("assert_greater", operator.gt, ">")
assert_greater_equal = _pair("assert_greater_equal", operator.ge, ">=")
assert_positive = _single("assert_positive", operator.gt, ">")
assert_negative = _single("assert_negative", operator.lt, "<")
assert_non_negative = _single("assert_non_negative", operator.ge, ">=")
assert_non_positive = _single("assert_non_positive", operator.le, "<=")


def assert_near(x, y, rtol=None, atol=None, message=None, summarize=None, name=None) -> None:
    """Raises `InvalidArgumentError` unless `|x - y| <= atol + rtol * |y|` for all elements."""
    first, second = matched(x, y)
    least = 10 * torch.finfo(first.dtype).eps
    bound = (least if atol is None else atol) + (least if rtol is None else rtol) * second.abs()
    if not bool(((first - second).abs() <= bound).all()):
        _fails(f"x and y not equal to tolerance. Received: x={x}, y={y}", message)


def check_numerics(tensor, message, name=None):
    """The tensor; raises `InvalidArgumentError` where it has a NaN or an infinite number."""
    x = as_tensor(tensor)
    x = x.flat_values if hasattr(x, "flat_values") else x
    for is_bad, what in ((torch.isnan(x), "NaN"), (torch.isinf(x), "Inf")):
        if bool(is_bad.any()):
            raise InvalidArgumentError(f"{message} : Tensor had {what} values")
    return tensor


def assert_all_finite(x, message, name=None):
    """The tensor; raises `InvalidArgumentError` where it has a NaN or an infinite number."""
    return check_numerics(x, message)


def _check_rank(is_right: bool, x: Any, rank: Any, what: str, message: str | None) -> None:
    if not is_right:
        raise ValueError(
            f"{message or ''} Tensor {x} must have rank {what}{rank}. "
            f"Received: rank={len(as_tensor(x).shape)}".strip()
        )


def assert_rank(x, rank, message=None, name=None) -> None:
    """Raises `ValueError` unless the tensor has so many axes."""
    _check_rank(len(as_tensor(x).shape) == int(rank), x, rank, "", message)


def assert_rank_at_least(x, rank, message=None, name=None) -> None:
    """Raises `ValueError` unless the tensor has at least so many axes."""
    _check_rank(len(as_tensor(x).shape) >= int(rank), x, rank, "at least ", message)


def assert_scalar(tensor, name=None, message=None):
    """The tensor; raises `ValueError` unless it has no axes."""
    _check_rank(not len(as_tensor(tensor).shape), tensor, 0, "", message)
    return tensor


def assert_integer(x, message=None, name=None) -> None:
    """Raises `TypeError` unless the tensor is one of integers."""
    if not as_dtype(as_tensor(x).dtype).is_integer:
        raise TypeError(f'{message or ""} Expected "x" to be integer type. Received: x={x}')


def assert_type(tensor, tf_type, message=None, name=None) -> None:
    """Raises `TypeError` unless the tensor has the dtype."""
    if as_tensor(tensor).dtype != as_dtype(tf_type):
        raise TypeError(f"{message or ''} {tensor} must be of type {as_dtype(tf_type)!r}")


def assert_shapes(shapes, data=None, summarize=None, message=None, name=None) -> None:
    """Raises `ValueError` unless tensors have shapes of numbers and letters, the same letter
    standing for the same size."""
    pairs = shapes.items() if isinstance(shapes, dict) else shapes
    sizes: dict[str, int] = {}
    for x, wanted in pairs:
        found = TensorShape(tuple(as_tensor(x).shape))
        is_right = len(found) == len(wanted)
        for size, symbol in zip(found, wanted):
            expected = sizes.setdefault(symbol, size) if isinstance(symbol, str) else symbol
            is_right = is_right and expected in (None, size)
        if not is_right:
            raise ValueError(
                f"{message or ''} Tensor dimensions do not match. Expected {tuple(wanted)}. "
                f"Received: shape={found}"
            )


def is_numeric_tensor(tensor) -> bool:
    """Whether something is a tensor of numbers."""
    if not is_tensor(tensor) or isinstance(tensor, StringTensor):
        return False
    dtype = as_dtype(tensor.dtype)
    return dtype.is_floating or dtype.is_integer or dtype.is_complex


def enable_check_numerics(stack_height_limit=30, path_length_limit=50) -> None:
    """Makes gradients that are NaN an error, by torch's anomaly mode."""
    torch.autograd.set_detect_anomaly(True)


def disable_check_numerics() -> None:
    """Undoes `enable_check_numerics`."""
    torch.autograd.set_detect_anomaly(False)


def set_log_device_placement(enabled: bool) -> None:
    """Tensors say where they are in `.device`; nothing is logged."""


def assert_rank_in(x, ranks, message=None, name=None) -> None:
    """Raises `ValueError` unless the number of axes is one of `ranks`."""
    wanted = [int(rank) for rank in ranks]
    _check_rank(len(as_tensor(x).shape) in wanted, x, wanted, "in ", message)


def assert_proper_iterable(values) -> None:
    """Raises `TypeError` where something is a tensor or no iterable."""
    if is_tensor(values) or isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
        raise TypeError(f"Expected argument to be a proper iterable. Received: values={values!r}")


def assert_same_float_dtype(tensors=None, dtype=None):
    """The dtype of tensors, which must be floating and the same; raises `ValueError` if not."""
    kinds = {as_dtype(as_tensor(tensor).dtype) for tensor in tensors or ()}
    kinds |= set() if dtype is None else {as_dtype(dtype)}
    if len(kinds) > 1 or not all(kind.is_floating for kind in kinds):
        raise ValueError(f"Expected floating tensors of the same dtype. Received: {kinds}")
    return kinds.pop() if kinds else as_dtype("float32")


def enable_traceback_filtering() -> None:
    """Leaves the inside of the library out of errors that are shown."""
    _config.enable_traceback_filtering()


def disable_traceback_filtering() -> None:
    """Shows errors whole."""
    _config.disable_traceback_filtering()


def is_traceback_filtering_enabled() -> bool:
    """Whether the inside of the library is left out."""
    return _config.is_traceback_filtering_enabled()


def get_log_device_placement() -> bool:
    """False: nothing is logged."""
    return False


__getattr__ = missing_from("tf.debugging")
