"""Datasets of tables in text files."""

import csv
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from torchkeras._data import pipeline
from torchkeras.tf._files import matching_files
from torchkeras.tf._records import open_file
from torchkeras.tf.data._dataset import Dataset, paths_of
from torchkeras.tf.dtypes import DType, as_dtype, float32, float64, int32, int64, string
from torchkeras.tf.errors import InvalidArgumentError

__all__ = ["CsvDataset", "make_csv_dataset"]

_INT32 = range(-(2**31), 2**31)


def _rows(path: str, compression: str | None, delimiter: str, quotes: bool) -> Iterator[list[str]]:
    with open_file(path, "rb", compression) as file:
        lines = (line.decode("utf-8", "surrogateescape") for line in file)
        quoting = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
        yield from csv.reader(lines, delimiter=delimiter, quoting=quoting)


def converter(default: Any, na_value: str = "") -> Callable[[str], Any]:
    """What makes a field's value: of the dtype `default` is or has, `default` where it is empty.

    A dtype alone, or an empty list, makes the field required.
    """
    dtype, fallback = _dtype_and_fallback(default)

    def convert(field: str):
        if field in ("", na_value):
            if fallback is None:
                raise InvalidArgumentError(f"Field is required but missing in record: {field!r}")
            field = fallback
        if dtype == string:
            return str(field)
        try:
            return torch.tensor(int(field) if dtype.is_integer else float(field), dtype=dtype.torch)
        except ValueError as error:
            raise InvalidArgumentError(f"Field is not a valid {dtype.name}: {field}") from error

    return convert


def _dtype_and_fallback(default: Any) -> tuple[DType, Any]:
    if isinstance(default, DType | torch.dtype | type):
        return as_dtype(default), None
    dtype = getattr(default, "dtype", None)
    value = np.asarray(default).reshape(-1)
    first = value[0] if len(value) else None
    if dtype is not None:
        return as_dtype(dtype), first
    if isinstance(first, str | bytes | np.str_):
        return string, str(first)
    return (int32 if value.dtype.kind == "i" else float32), first


class CsvDataset(Dataset):
    """The rows of CSV files: tuples of numbers and strings.

    Args:
        record_defaults: for each column its dtype, or a value for where it is empty.
    """

    def __init__(
        self,
        filenames,
        record_defaults,
        compression_type=None,
        buffer_size=None,
        header=False,
        field_delim=",",
        use_quote_delim=True,
        na_value="",
        select_cols=None,
        exclude_cols=None,
    ):
        converters = [converter(default, na_value) for default in record_defaults]

        def chosen(row):
            if select_cols is not None:
                return [row[column] for column in select_cols]
            dropped = exclude_cols or ()
            return [field for column, field in enumerate(row) if column not in dropped]

        def items():
            for path in paths_of(filenames):
                rows = _rows(path, compression_type, field_delim, use_quote_delim)
                for row in itertools.islice(rows, int(header), None):
                    fields = chosen(row)
                    if len(fields) != len(converters):
                        raise InvalidArgumentError(
                            f"Expect {len(converters)} fields but have {len(fields)} in record"
                        )
                    yield tuple(make(field) for make, field in zip(converters, fields))

        super().__init__(pipeline.Dataset(items))


def make_csv_dataset(
    file_pattern,
    batch_size,
    column_names=None,
    column_defaults=None,
    label_name=None,
    select_columns=None,
    field_delim=",",
    use_quote_delim=True,
    na_value="",
    header=True,
    num_epochs=None,
    shuffle=True,
    shuffle_buffer_size=10000,
    shuffle_seed=None,
    prefetch_buffer_size=None,
    num_parallel_reads=None,
    sloppy=False,
    num_rows_for_inference=100,
    compression_type=None,
    ignore_errors=False,
    encoding="utf-8",
) -> Dataset:
    """Batches of the columns of CSV files: dicts by column name, or pairs of such and the label.

    Args:
        column_defaults: dtypes or values for empty fields, by column; found from the first
            `num_rows_for_inference` rows where None.
        num_epochs: passes over the files; None for ever.

    Raises:
        ValueError: no file matches, or `label_name` is no column.
    """
    paths = matching_files(paths_of(file_pattern))
    if not paths:
        raise ValueError(f"No files match `file_pattern` {file_pattern}.")
    if column_names is None:
        column_names = next(_rows(paths[0], compression_type, field_delim, use_quote_delim))
    if label_name is not None and label_name not in column_names:
        raise ValueError(
            f"`label_name` provided must be one of the columns. Received: label_name={label_name!r}"
        )
    names = [n if isinstance(n, str) else column_names[n] for n in select_columns or column_names]
    places = [column_names.index(name) for name in names]
    if column_defaults is None:
        first = CsvDataset(
            paths[:1],
            [[""]] * len(names),
            compression_type,
            None,
            header,
            field_delim,
            use_quote_delim,
            na_value,
            places,
        )
        rows = itertools.islice(pipeline.Dataset.__iter__(first), num_rows_for_inference)
        column_defaults = [_guessed(column, na_value) for column in zip(*rows)]
    elif len(column_defaults) != len(names):
        column_defaults = [column_defaults[place] for place in places]
    rows = CsvDataset(
        paths,
        column_defaults,
        compression_type,
        None,
        header,
        field_delim,
        use_quote_delim,
        na_value,
        places,
    )
    if shuffle:
        rows = rows.shuffle(shuffle_buffer_size, shuffle_seed)
    batches = rows.repeat(num_epochs).batch(batch_size, drop_remainder=num_epochs is None)

    def named(*columns):
        table = dict(zip(names, columns))
        return table if label_name is None else (table, table.pop(label_name))

    return batches.map(named).prefetch(1 if prefetch_buffer_size is None else prefetch_buffer_size)


def _guessed(column: tuple[str, ...], na_value: str) -> list:
    """The default of a column, in the narrowest dtype that holds all its fields."""
    known = [field for field in column if field not in ("", na_value)]
    for dtype, fits in _KINDS:
        if all(fits(field) for field in known):
            return np.zeros(1, dtype.as_numpy_dtype)
    return [""]


def _is_int(field: str, within: Any = None) -> bool:
    try:
        return within is None or int(field) in within
    except ValueError:
        return False


def _is_float(field: str, is_narrow: bool) -> bool:
    try:
        return not is_narrow or abs(float(field)) <= float32.max
    except ValueError:
        return False


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


_KINDS = [
    (int32, lambda field: _is_int(field, _INT32)),
    (int64, lambda field: _is_int(field, range(-(2**63), 2**63))),
    (float32, lambda field: _is_number(field) and _is_float(field, True)),
    (float64, _is_number),
]
