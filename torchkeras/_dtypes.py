"""Names of dtypes, their torch counterparts, and Keras's rules for mixing them."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch

from torchkeras import config

__all__ = [
    "ALLOWED_DTYPES",
    "is_float",
    "is_int",
    "result_type",
    "standardize_dtype",
    "torch_dtype",
]

_FLOAT8 = ("float8_e4m3fn", "float8_e5m2")

# The types that each type turns into when it meets a wider one. "int" and "float" are Python
# numbers, which take the type of what they meet.
_WIDER = {
    "bool": ("int",),
    "int": ("uint8", "int8", "complex64"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64", "complex64"),
    "float64": ("complex128",),
    "complex64": ("complex128",),
    "complex128": (),
}

ALLOWED_DTYPES = tuple(name for name in _WIDER if name not in ("int", "float")) + _FLOAT8
ALLOWED_DTYPES += ("string",)

_NARROWED = {
    "int64": "int32",
    "uint64": "uint32",
    "float64": "float32",
    "complex128": "complex64",
}

# torch computes next to nothing in uint16 and uint32: the next wider signed type holds them.
_TORCH = {name: getattr(torch, name) for name in ALLOWED_DTYPES if name != "string"}
_TORCH |= {"uint16": torch.int32, "uint32": torch.int64}

_NAMES = {name: name for name in ALLOWED_DTYPES}
_NAMES |= {getattr(torch, name): name for name in ALLOWED_DTYPES if name != "string"}
_NAMES |= {
    bool: "bool",
    int: "int32",
    float: "float32",
    complex: "complex64",
    str: "string",
    "int": "int32",
}


def standardize_dtype(dtype: Any) -> str:
    """The Keras name of a dtype given as name, torch, numpy or Python type; None is `floatx`."""
    if dtype is None:
        return config.floatx()
    name = _NAMES.get(dtype)
    return name if name is not None else _foreign_name(dtype)


@lru_cache(typed=True)
def _foreign_name(dtype: Any) -> str:
    if isinstance(dtype, type) and issubclass(dtype, np.generic):
        dtype = np.dtype(dtype)
    if isinstance(dtype, np.dtype) and dtype.kind in "SU":
        return "string"
    name = getattr(dtype, "name", None) or getattr(dtype, "__name__", None)
    if name is None:
        name = str(dtype).rpartition(".")[2] if "." in str(dtype) else dtype
    if name not in ALLOWED_DTYPES:
        raise ValueError(f"Invalid dtype: {name}")
    return name


def torch_dtype(dtype: Any) -> torch.dtype:
    """The torch dtype that holds values of a dtype; a torch dtype is returned as it is."""
    if type(dtype) is torch.dtype:
        return dtype
    name = standardize_dtype(dtype)
    if name == "string":
        raise ValueError(f"Unsupported dtype for PyTorch: {dtype}")
    return _TORCH[name]


def is_float(dtype: Any) -> bool:
    """Whether a dtype is a floating point type, float8 and bfloat16 included."""
    return "float" in standardize_dtype(dtype)


def is_int(dtype: Any) -> bool:
    """Whether a dtype is a signed or unsigned integer type; bool is not."""
    return "int" in standardize_dtype(dtype)


def result_type(*dtypes: Any) -> str:
    """The dtype of an operation on these dtypes; `int` and `float` stand for Python numbers.

    64-bit types come out as 32-bit ones, also when there is only one argument.
    """
    return _result_type(dtypes, config.floatx())


@lru_cache(maxsize=4096, typed=True)
def _result_type(dtypes: tuple, floatx: str) -> str:
    if not dtypes:
        return floatx
    for dtype in dtypes:
        if isinstance(dtype, str) and dtype in _FLOAT8:
            raise ValueError(
                "There is no implicit conversions from float8 dtypes to others. "
                f"Cast the values first. Received: {dtypes}"
            )
    weak = [dtype is int or dtype is float for dtype in dtypes]
    names = [floatx if dtype is None else standardize_dtype(dtype) for dtype in dtypes]
    if all(weak):
        joined = "float" if float in dtypes else "int"
    elif len(set(names)) == 1:
        joined = names[0]
    else:
        joined = _join(
            {
                dtype.__name__ if is_weak else name
                for dtype, name, is_weak in zip(dtypes, names, weak)
            }
        )
    if joined in ("int", "float"):
        joined += floatx[-2:]
    return _NARROWED.get(joined, joined)


def _upper_bounds(name: str) -> set[str]:
    bounds = {name}
    for wider in _WIDER[name]:
        bounds |= _upper_bounds(wider)
    return bounds


_BOUNDS = {name: _upper_bounds(name) for name in _WIDER}


def _join(names: set[str]) -> str:
    """The least type that all of `names` turn into."""
    unknown = names - _BOUNDS.keys()
    if unknown:
        raise ValueError(
            f"dtype={min(unknown)!r} is not a valid dtype for Keras type promotion. "
            f"Received: dtypes={sorted(names)}"
        )
    common = set.intersection(*(_BOUNDS[name] for name in names))
    return max(common, key=lambda name: len(_BOUNDS[name]))
