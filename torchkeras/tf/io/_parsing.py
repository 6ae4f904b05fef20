"""Text and `tf.train.Example`s as tensors."""

import base64
import csv
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from torchkeras.tf._arrays import stack
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._examples import Example, Feature, SequenceExample
from torchkeras.tf._protobuf import fields, length_delimited, read_varints, signed, varint_field
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor, bytes_of, text_of
from torchkeras.tf._tensor import sealed
from torchkeras.tf.data._csv import converter
from torchkeras.tf.dtypes import DType, as_dtype, float32, string
from torchkeras.tf.errors import InvalidArgumentError
from torchkeras.tf.sparse import SparseTensor

__all__ = [
    "FixedLenFeature",
    "FixedLenSequenceFeature",
    "RaggedFeature",
    "SparseFeature",
    "VarLenFeature",
    "decode_base64",
    "decode_csv",
    "decode_raw",
    "encode_base64",
    "parse_example",
    "parse_sequence_example",
    "parse_single_example",
    "parse_single_sequence_example",
    "parse_tensor",
    "serialize_tensor",
]


class FixedLenFeature(NamedTuple):
    """A feature of the same shape in every example; `default_value` stands for a missing one."""

    shape: Any
    dtype: Any
    default_value: Any = None


class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of steps, each of one shape."""

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


class VarLenFeature(NamedTuple):
    """A feature of any length, which becomes a sparse tensor."""

    dtype: Any


class RaggedFeature(NamedTuple):
    """A feature of any length, which becomes a ragged tensor."""

    dtype: Any
    value_key: str | None = None
    partitions: tuple = ()
    row_splits_dtype: Any = "int32"
    validate: bool = False


class SparseFeature(NamedTuple):
    """Values and their places in two features, which become a sparse tensor."""

    index_key: Any
    value_key: str
    dtype: Any
    size: Any
    already_sorted: bool = False


def _flat(feature: Feature | None, name: str, dtype: DType) -> Any:
    """The values of a feature as a flat tensor, None where there are none."""
    kind = None if feature is None else feature.WhichOneof()
    if kind is None:
        return None
    expected = "bytes_list" if dtype == string else "int64_list"
    expected = "float_list" if dtype.is_floating else expected
    if kind != expected:
        raise InvalidArgumentError(
            f"Key: {name}.  Data types don't match. Expected type: {dtype.name}, but the example "
            f"has a {kind}"
        )
    values = getattr(feature, kind).value
    if dtype == string:
        return StringTensor(np.array([*values, None], object)[:-1])
    return sealed(torch.tensor(values, dtype=dtype.torch))


def _fixed(flat: Any, spec: FixedLenFeature, name: str) -> Any:
    shape = tuple(spec.shape)
    if flat is None:
        if spec.default_value is None:
            raise InvalidArgumentError(
                f"Feature: {name} (data type: {as_dtype(spec.dtype).name}) is required but could "
                "not be found."
            )
        default = as_tensor(spec.default_value, None if spec.dtype == string else spec.dtype)
        return _filled(default, shape)
    if len(flat) != math.prod(shape):
        raise InvalidArgumentError(
            f"Key: {name}.  Number of {as_dtype(spec.dtype).name} values != expected.  "
            f"Values size: {len(flat)} but output shape: {list(shape)}"
        )
    return _shaped(flat, shape)


def _filled(default: Any, shape: tuple) -> Any:
    if isinstance(default, StringTensor):
        return StringTensor(
            np.broadcast_to(default.values.reshape(-1), shape or (1,)).reshape(shape)
        )
    return sealed(default.reshape(-1).expand(shape or (1,)).reshape(shape).clone())


def _shaped(flat: Any, shape: tuple) -> Any:
    if isinstance(flat, StringTensor):
        return StringTensor(flat.values.reshape(shape))
    return sealed(flat.reshape(shape))


def _blank(dtype: DType) -> Any:
    if dtype == string:
        return StringTensor(np.empty(0, object))
    return sealed(torch.zeros(0, dtype=dtype.torch))


def _parsed(feature: Callable[[str], Any], name: str, spec: Any) -> Any:
    """A feature as its spec says, of one example."""
    dtype = as_dtype(spec.dtype)
    if isinstance(spec, SparseFeature):
        places = _flat(feature(spec.index_key), spec.index_key, as_dtype("int64"))
        values = _flat(feature(spec.value_key), spec.value_key, dtype)
        return SparseTensor(places[:, None], values, [spec.size])
    key = spec.value_key or name if isinstance(spec, RaggedFeature) else name
    flat = _flat(feature(key), name, dtype)
    if isinstance(spec, FixedLenFeature):
        return _fixed(flat, spec, name)
    flat = _blank(dtype) if flat is None else flat
    if isinstance(spec, FixedLenSequenceFeature):
        return _shaped(flat, (len(flat) // max(math.prod(spec.shape), 1), *spec.shape))
    if isinstance(spec, VarLenFeature):
        return SparseTensor(torch.arange(len(flat))[:, None], flat, [len(flat)])
    return flat


def parse_single_example(serialized, features, example_names=None, name=None) -> dict:
    """The features of a serialized `tf.train.Example`, as tensors by name.

    Args:
        features: for each name a `FixedLenFeature`, `VarLenFeature` or the like.
    """
    found = Example.FromString(bytes_of(StringTensor(serialized).values[()])).features.feature
    return {key: _parsed(found.get, key, features[key]) for key in sorted(features)}


def parse_example(serialized, features, example_names=None, name=None) -> dict:
    """The features of several serialized `tf.train.Example`s, as tensors by name."""
    rows = [parse_single_example(record, features) for record in StringTensor(serialized)]
    return {key: _batched([row[key] for row in rows], spec) for key, spec in features.items()}


def _batched(parts: list, spec: Any) -> Any:
    if isinstance(spec, RaggedFeature):
        return RaggedTensor.from_rows(parts, spec.dtype)
    if isinstance(parts[0], SparseTensor):
        return _sparse_batch(parts)
    if isinstance(spec, FixedLenSequenceFeature):
        fill = spec.default_value
        return RaggedTensor.from_rows(parts, spec.dtype).to_tensor(fill)
    return stack(parts)


def _sparse_batch(parts: list) -> SparseTensor:
    places = [
        torch.cat((torch.full((len(part.indices), 1), row), part.indices), 1)
        for row, part in enumerate(parts)
    ]
    longest = np.max([tuple(part.shape) for part in parts], 0).tolist()
    if isinstance(parts[0].values, StringTensor):
        values = StringTensor(np.concatenate([part.values.values for part in parts]))
    else:
        values = torch.cat([part.values for part in parts])
    return SparseTensor(torch.cat(places), values, [len(parts), *longest])


def parse_single_sequence_example(
    serialized, context_features=None, sequence_features=None, example_name=None, name=None
) -> tuple[dict, dict]:
    """The context and the steps of a serialized `tf.train.SequenceExample`."""
    record = SequenceExample.FromString(bytes_of(StringTensor(serialized).values[()]))
    context = {
        key: _parsed(record.context.feature.get, key, spec)
        for key, spec in (context_features or {}).items()
    }
    lists = record.feature_lists.feature_list
    steps = {
        key: _steps(lists.get(key), key, spec) for key, spec in (sequence_features or {}).items()
    }
    return context, steps


def _steps(feature_list: Any, name: str, spec: Any) -> Any:
    dtype = as_dtype(spec.dtype)
    rows = [] if feature_list is None else feature_list.feature
    parts = [_flat(row, name, dtype) for row in rows]
    parts = [_blank(dtype) if part is None else part for part in parts]
    if isinstance(spec, FixedLenSequenceFeature):
        shaped = [_shaped(part, tuple(spec.shape)) for part in parts]
        return stack(shaped) if shaped else _shaped(_blank(dtype), (0, *spec.shape))
    if isinstance(spec, VarLenFeature):
        one = [SparseTensor(torch.arange(len(p))[:, None], p, [len(p)]) for p in parts]
        return _sparse_batch(one)
    return RaggedTensor.from_rows(parts, dtype)


def parse_sequence_example(
    serialized, context_features=None, sequence_features=None, example_names=None, name=None
) -> tuple[dict, dict, dict]:
    """The contexts, the steps and their numbers, of several `tf.train.SequenceExample`s."""
    rows = [
        parse_single_sequence_example(record, context_features, sequence_features)
        for record in StringTensor(serialized)
    ]
    contexts = {
        key: _batched([row[0][key] for row in rows], spec)
        for key, spec in (context_features or {}).items()
    }
    steps, lengths = {}, {}
    for key, spec in (sequence_features or {}).items():
        parts = [row[1][key] for row in rows]
        lengths[key] = sealed(torch.tensor([part.shape[0] for part in parts]))
        is_sparse = isinstance(parts[0], SparseTensor)
        joined = _sparse_batch(parts) if is_sparse else RaggedTensor.from_rows(parts, spec.dtype)
        is_fixed = isinstance(spec, FixedLenSequenceFeature)
        steps[key] = joined.to_tensor() if is_fixed else joined
    return contexts, steps, lengths


def decode_csv(
    records,
    record_defaults,
    field_delim=",",
    use_quote_delim=True,
    na_value="",
    select_cols=None,
    name=None,
) -> list:
    """The columns of lines of text, a tensor for each."""
    text = StringTensor(records)
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    lines = [text_of(line) for line in text.values.flat]
    rows = list(csv.reader(lines, delimiter=field_delim, quoting=quoting))
    if select_cols is not None:
        rows = [[row[column] for column in select_cols] for row in rows]
    columns = []
    for number, default in enumerate(record_defaults):
        make = converter(default, na_value)
        for row in rows:
            if len(row) != len(record_defaults):
                raise InvalidArgumentError(
                    f"Expect {len(record_defaults)} fields but have {len(row)} in record"
                )
        parts = [make(row[number]) for row in rows]
        is_text = isinstance(parts[0], str)
        flat = StringTensor(parts) if is_text else sealed(torch.stack(parts))
        columns.append(_shaped(flat, text.values.shape))
    return columns


def decode_raw(input_bytes, out_type, little_endian=True, fixed_length=None, name=None):
    """The bytes of strings read as numbers, along a new last axis."""
    dtype = np.dtype(as_dtype(out_type).as_numpy_dtype).newbyteorder("<" if little_endian else ">")
    text = StringTensor(input_bytes)
    rows = []
    for item in text.values.flat:
        data = bytes_of(item)
        if fixed_length is not None:
            data = data[:fixed_length].ljust(fixed_length, b"\0")
        rows.append(np.frombuffer(data, dtype).astype(dtype.newbyteorder("=")))
    return sealed(torch.from_numpy(np.stack(rows).reshape(*text.values.shape, -1).copy()))


def encode_base64(input, pad=False, name=None) -> StringTensor:
    """Strings in base 64, the alphabet that is safe in addresses."""

    def encoded(text):
        found = base64.urlsafe_b64encode(bytes_of(text))
        return found if pad else found.rstrip(b"=")

    return StringTensor(input).map(encoded)


def decode_base64(input, name=None) -> StringTensor:
    """The strings that others, in base 64, stand for."""

    def decoded(text):
        return base64.urlsafe_b64decode(bytes_of(text) + b"=" * (-len(text) % 4))

    return StringTensor(input).map(decoded)


# The numbers of dtypes in files.
_DTYPES = (
    "float32 float64 int32 uint8 int16 int8 string complex64 int64 bool 10 11 12 bfloat16 14 15 16 "
    "uint16 complex128 float16 20 21 uint32 uint64"
).split()
_TYPED = {5: "<f4", 6: "<f8"}


def serialize_tensor(tensor, name=None) -> StringTensor:
    """A tensor as bytes, which `parse_tensor` reads."""
    x = as_tensor(tensor)
    axes = (length_delimited(2, varint_field(1, size)) for size in x.shape)
    head = varint_field(1, _DTYPES.index(as_dtype(x.dtype).name) + 1)
    head += length_delimited(2, b"".join(axes))
    if isinstance(x, StringTensor):
        body = b"".join(length_delimited(8, bytes_of(item)) for item in x.values.flat)
    else:
        data = x.detach().cpu().contiguous()
        body = length_delimited(4, data.reshape(-1).view(torch.uint8).numpy().tobytes())
    return StringTensor(head + body)


def parse_tensor(serialized, out_type, name=None) -> Any:
    """The tensor in bytes that `serialize_tensor` made.

    Raises:
        InvalidArgumentError: it has another dtype.
    """
    dtype, shape, parts = float32, (), {}
    for field, value in fields(bytes_of(StringTensor(serialized).values[()])):
        if field == 1:
            dtype = as_dtype(_DTYPES[value - 1])
        elif field == 2:
            axes = [dict(fields(axis)) for key, axis in fields(value) if key == 2]
            shape = tuple(signed(axis.get(1, 0)) for axis in axes)
        else:
            parts.setdefault(field, []).append(value)
    if dtype != out_type:
        raise InvalidArgumentError(
            f"Type mismatch between parsed tensor ({dtype.name}) and dtype "
            f"({as_dtype(out_type).name})"
        )
    if dtype == string:
        return StringTensor(np.array([*parts.get(8, []), None], object)[:-1].reshape(shape))
    flat = _numbers(dtype, parts)
    if len(flat) == 1:  # one value may stand for all
        flat = np.repeat(flat, math.prod(shape))
    return sealed(torch.from_numpy(flat.copy()).reshape(shape))


def _numbers(dtype: DType, parts: dict) -> np.ndarray:
    if 4 in parts:
        return np.frombuffer(parts[4][0], dtype.as_numpy_dtype)
    for field, kind in _TYPED.items():
        if field in parts:
            return np.frombuffer(b"".join(parts[field]), kind)
    packed = next(iter(parts.values()), [])
    numbers = [
        n for p in packed for n in (read_varints(p) if isinstance(p, bytes) else [signed(p)])
    ]
    if dtype.is_floating:
        return np.array(numbers, np.uint16).view(np.float16)
    return np.array(numbers, dtype.as_numpy_dtype)
