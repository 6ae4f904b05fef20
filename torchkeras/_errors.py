"""Checks and messages shared by all modules; that of an error ends in `Received: name=value`."""

import difflib
import importlib
import operator
import sys
import warnings
from collections.abc import Iterable
from types import FrameType, ModuleType, TracebackType
from typing import Any

__all__ = [
    "import_optional",
    "int_tuple",
    "nearest",
    "one_of",
    "positive_int",
    "received",
    "unit_interval",
    "warn",
    "warn_once",
    "without_frames_of",
]

# Packages whose lines are never the one that a warning is about.
_NOT_THE_CALLER = (__name__.partition(".")[0], "torch", "importlib", "functools", "contextlib")
# What `warn_once` has said.
_said: set[str] = set()


def received(**values: Any) -> str:
    """The end of a message: `Received: units=-1, mode='x'`."""
    return "Received: " + ", ".join(f"{name}={value!r}" for name, value in values.items())


def nearest(name: Any, candidates: Iterable[str]) -> str:
    """A hint such as " Did you mean 'adam'?", or an empty string when nothing is close."""
    by_lower_case = {str(candidate).lower(): str(candidate) for candidate in candidates}
    close = difflib.get_close_matches(str(name).lower(), list(by_lower_case), n=1)
    return f" Did you mean '{by_lower_case[close[0]]}'?" if close else ""


def _as_int(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return operator.index(value)
    except TypeError:
        return None


def positive_int(name: str, value: Any) -> int:
    """Check that `value` is an integer above zero and return it as an int."""
    number = _as_int(value)
    if number is None or number <= 0:
        raise ValueError(
            f"Received an invalid value for `{name}`, expected a positive integer. "
            + received(**{name: value})
        )
    return number


def int_tuple(name: str, value: Any, length: int, allow_zero: bool = False) -> tuple[int, ...]:
    """Turn an integer, or a sequence of `length` integers, into a tuple of `length` integers."""
    items = value if _as_int(value) is None else [value] * length
    try:
        numbers = tuple(map(_as_int, items))
    except TypeError:
        numbers = ()
    least = 0 if allow_zero else 1
    if len(numbers) != length or any(number is None or number < least for number in numbers):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {length} integers. "
            f"Each must be at least {least}. " + received(**{name: value})
        )
    return numbers


def one_of(name: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Check that `value` is among `allowed` and return it."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(
            f"Invalid value for argument `{name}`. Expected one of {allowed}. "
            + received(**{name: value})
            + nearest(value, (item for item in allowed if isinstance(item, str)))
        )
    return value


def unit_interval(name: str, value: float) -> float:
    """Check that `value` is a number from 0 to 1 and return it."""
    if not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(
            f"Invalid value received for argument `{name}`. "
            "Expected a float value between 0 and 1. " + received(**{name: value})
        )
    return value


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """A warning that points to the line, outside of the package, that led to it."""
    frame = sys._getframe(1)
    while frame.f_back and _module_of(frame).partition(".")[0] in _NOT_THE_CALLER:
        frame = frame.f_back
    seen = frame.f_globals.setdefault("__warningregistry__", {})
    file, line = frame.f_code.co_filename, frame.f_lineno
    warnings.warn_explicit(message, category, file, line, _module_of(frame), seen)


def _module_of(frame: FrameType) -> str:
    return frame.f_globals.get("__name__") or ""


def warn_once(message: str) -> None:
    """A `DeprecationWarning`, the first time that there is this one to give."""
    if message not in _said:
        _said.add(message)
        warn(message, DeprecationWarning)


def import_optional(module: str, purpose: str) -> ModuleType:
    """Import a package that is not required, or name it and what it is needed for."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(
            f"{purpose} requires the `{package}` package. Install it via `pip install {package}`."
        ) from error


def without_frames_of(error: BaseException, folder: str) -> BaseException:
    """Drop the frames of files under `folder` from the error's traceback."""
    frames = []
    entry = error.__traceback__
    while entry is not None:
        if not entry.tb_frame.f_code.co_filename.startswith(folder):
            frames.append(entry)
        entry = entry.tb_next
    trimmed = None
    for entry in reversed(frames):
        trimmed = TracebackType(trimmed, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return error.with_traceback(trimmed)
