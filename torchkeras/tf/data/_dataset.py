"""`tf.data.Dataset`: torchkeras's dataset, whose elements are tensors of `tf`."""

import functools
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import config as _config
from torchkeras._data import pipeline
from torchkeras._data.elements import structured
from torchkeras.tf._files import matching_files
from torchkeras.tf._records import open_file, read_records
from torchkeras.tf._specs import TensorSpec, type_spec_from_value
from torchkeras.tf._strings import StringTensor
from torchkeras.tf._tensor import EagerTensor, TensorShape, sealed
from torchkeras.tf.data import _more as more
from torchkeras.tf.dtypes import DType
from torchkeras.tf.errors import InvalidArgumentError, OpError, OutOfRangeError

__all__ = [
    "Dataset",
    "FixedLengthRecordDataset",
    "Iterator",
    "NumpyIterator",
    "Optional",
    "Options",
    "TFRecordDataset",
    "TextLineDataset",
]


class Dataset(pipeline.Dataset):
    """A lazy pipeline of elements: tensors in tuples and dicts, text as tensors of strings.

    Every method of torchkeras's dataset is here; functions that are given to them are called with
    tensors of `tf` on the CPU. Iterating gives tensors on the default device.
    """

    def __init__(self, variant_tensor: pipeline.Dataset | None = None):
        self.__dict__.update(vars(variant_tensor))
        self._cardinality = int(self._cardinality)

    def __iter__(self) -> "_Elements":
        return _Elements(super().__iter__(), self)

    def as_numpy_iterator(self) -> "NumpyIterator":
        """The elements with NumPy arrays in place of tensors, and bytes for strings."""
        return NumpyIterator(super().__iter__(), self)

    def cardinality(self) -> EagerTensor:
        """The number of elements, -1 if there is no end and -2 if it is not known."""
        return sealed(torch.tensor(super().cardinality()))

    @property
    def element_spec(self) -> Any:
        """What the elements are like, as the first one is; the axis of batches is not known."""
        for element in super().__iter__():
            return _spec(shown(element), self._batch_size is not None)
        return TensorSpec(None)

    def options(self) -> "Options":
        """The options of `with_options`."""
        return self.__dict__.get("_options", Options())

    def with_options(self, options: "Options", name: str | None = None) -> "Dataset":
        """A dataset with other options; they are for TensorFlow's own runtime."""
        result = Dataset(self)
        result._options = options
        return result

    def ignore_errors(self, log_warning: bool = False, name: str | None = None) -> "Dataset":
        """Without the elements whose making is an error."""

        def items():
            elements = self._elements()
            while True:
                try:
                    yield next(elements)
                except StopIteration:
                    return
                except (OpError, ValueError, RuntimeError) as error:
                    if log_warning:
                        logging.getLogger("tensorflow").warning("%s", error)

        return Dataset(pipeline.Dataset(items))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} element_spec={self.element_spec}>"

    __str__ = __repr__

    def reduce(self, initial_state: Any, reduce_func: Callable, name: str | None = None) -> Any:
        """The state after `state = reduce_func(state, element)` for every element."""
        state = shown(structured(plain(initial_state)))
        for element in super().__iter__():
            state = reduce_func(state, shown(element))
        return state

    @staticmethod
    def list_files(
        file_pattern: Any, shuffle: bool | None = None, seed: int | None = None, name=None
    ) -> "Dataset":
        """The paths that match a pattern, or patterns, in a random order or sorted.

        Raises:
            InvalidArgumentError: no file matches.
        """
        return _list_files(file_pattern, shuffle, seed)


class Optional:
    """An element, or none."""

    def __init__(self, value: Any = None, has_value: bool = False):
        self._value, self._has_value = value, has_value

    @classmethod
    def from_value(cls, value: Any) -> "Optional":
        """One with an element."""
        return cls(value, True)

    @classmethod
    def empty(cls, element_spec: Any = None) -> "Optional":
        """One without."""
        return cls()

    def has_value(self, name: str | None = None) -> EagerTensor:
        """Whether there is an element."""
        return sealed(torch.tensor(self._has_value))

    def get_value(self, name: str | None = None) -> Any:
        """The element.

        Raises:
            InvalidArgumentError: there is none.
        """
        if not self._has_value:
            raise InvalidArgumentError("The given optional does not have a value.")
        return self._value


class Options:
    """Options of a pipeline; torchkeras's runs as it is written."""

    def __init__(self):
        self.experimental_deterministic = None
        self.deterministic = None
        self.experimental_distribute = _Namespace(auto_shard_policy=None)
        self.experimental_optimization = _Namespace()
        self.experimental_threading = self.threading = _Namespace()
        self.autotune = _Namespace(enabled=None)


class _Namespace:
    def __init__(self, **values: Any):
        self.__dict__.update(values)


class _Elements:
    """An iterator of what the user sees."""

    def __init__(self, elements: Iterator, dataset: Dataset):
        self._elements = elements
        self._dataset = dataset

    def __iter__(self) -> "_Elements":
        return self

    def __next__(self) -> Any:
        return shown(next(self._elements), _config.default_device())

    def get_next(self) -> Any:
        """The next element.

        Raises:
            OutOfRangeError: there is none.
        """
        for element in self:
            return element
        raise OutOfRangeError("End of sequence")

    next = get_next

    def get_next_as_optional(self) -> Optional:
        """The next element, or none at the end."""
        for element in self:
            return Optional.from_value(element)
        return Optional.empty()

    @property
    def element_spec(self) -> Any:
        """What the elements are like."""
        return self._dataset.element_spec


class NumpyIterator(_Elements):
    """An iterator of NumPy arrays."""

    def __next__(self) -> Any:
        return _mapped(lambda part: part.numpy(), shown(next(self._elements)))

    next = __next__


# ---- between the pipeline's elements and the user's


def _mapped(function: Callable, structure: Any) -> Any:
    """The structure with `function` of its tensors; other things stay."""
    if isinstance(structure, Tensor | StringTensor):
        return function(structure)
    if isinstance(structure, dict):
        return type(structure)((k, _mapped(function, part)) for k, part in structure.items())
    if isinstance(structure, tuple | list):
        parts = [_mapped(function, part) for part in structure]
        return type(structure)(*parts) if hasattr(structure, "_fields") else type(structure)(parts)
    return structure


def shown(element: Any, device: torch.device | None = None) -> Any:
    """An element of the pipeline as the user sees it."""
    if isinstance(element, Tensor):
        moved = element if device is None or device.type == "cpu" else element.to(device)
        return sealed(moved)
    if isinstance(element, str | bytes) or _is_text(element):
        return StringTensor(element)
    if isinstance(element, pipeline.Dataset):
        return Dataset(element)
    if isinstance(element, dict):
        return type(element)((key, shown(part, device)) for key, part in element.items())
    if isinstance(element, tuple | list):
        parts = [shown(part, device) for part in element]
        return type(element)(*parts) if hasattr(element, "_fields") else type(element)(parts)
    return element


def _is_text(element: Any) -> bool:
    return isinstance(element, np.ndarray) and element.dtype.kind in "OSU"


def plain(element: Any) -> Any:
    """What the user gave as the pipeline takes it."""
    if isinstance(element, StringTensor):
        return element.values if element.ndim else element.values[()]
    if isinstance(element, dict):
        return type(element)((key, plain(part)) for key, part in element.items())
    if isinstance(element, list) and any(isinstance(part, StringTensor) for part in element):
        return StringTensor(element).values
    if isinstance(element, tuple | list) and not isinstance(element, TensorShape):
        parts = [plain(part) for part in element]
        return type(element)(*parts) if hasattr(element, "_fields") else type(element)(parts)
    return element


def _spec(element: Any, is_batch: bool) -> Any:
    if isinstance(element, dict):
        return type(element)((key, _spec(part, is_batch)) for key, part in element.items())
    if isinstance(element, tuple):
        return tuple(_spec(part, is_batch) for part in element)
    if isinstance(element, Dataset):
        return f"DatasetSpec({element.element_spec})"
    spec = type_spec_from_value(element)
    if is_batch and isinstance(spec, TensorSpec) and spec.shape.rank:
        spec.shape = TensorShape((None, *spec.shape[1:]))
    return spec


def inside(function: Callable) -> Callable:
    """A function of the user's as the pipeline calls it: on the CPU, with the user's tensors."""

    @functools.wraps(function, updated=())
    def call(*elements):
        before = _config.set_device_override("cpu")
        try:
            result = function(*[shown(element) for element in elements])
            # As in TensorFlow: a list is most likely what an operation gave, not rows of a tensor.
            return plain(tuple(result) if isinstance(result, list) else result)
        finally:
            _config.set_device_override(before)

    return call


def _generating(generator: Callable) -> Callable:
    @functools.wraps(generator, updated=())
    def call(*args):
        for element in generator(*[shown(structured(plain(arg))) for arg in args]):
            yield plain(element)

    return call


# What these are given are elements; other methods take 0-D tensors for numbers.
_OF_ELEMENTS = ("from_tensor_slices", "from_tensors", "scan")


def _argument(value: Any, name: str) -> Any:
    """An argument of one of the pipeline's methods."""
    if isinstance(value, pipeline.Dataset | DType | type):
        return value
    if (
        name not in _OF_ELEMENTS
        and isinstance(value, Tensor)
        and not value.dim()
        and not value.is_floating_point()
    ):
        return int(value)
    return inside(value) if callable(value) and not hasattr(value, "dtype") else plain(value)


def _arguments(args: tuple, kwargs: dict, name: str) -> tuple[list, dict]:
    return [_argument(a, name) for a in args], {k: _argument(a, name) for k, a in kwargs.items()}


def _result(value: Any) -> Any:
    if isinstance(value, pipeline.Dataset):
        return value if isinstance(value, Dataset) else Dataset(value)
    if isinstance(value, tuple) and any(isinstance(part, pipeline.Dataset) for part in value):
        return tuple(_result(part) for part in value)
    return shown(value)


def _method(name: str) -> Callable:
    function = _METHODS[name]

    @functools.wraps(function)
    def call(self, *args, **kwargs):
        args, kwargs = _arguments(args, kwargs, name)
        return _result(function(self, *args, **kwargs))

    return call


def _source(name: str) -> Callable:
    function = _METHODS[name].__func__

    @functools.wraps(function)
    def call(*args, **kwargs):
        if name == "from_generator":
            args = (_generating(args[0]), *args[1:]) if args else args
            if "generator" in kwargs:
                kwargs["generator"] = _generating(kwargs["generator"])
        else:
            args, kwargs = _arguments(args, kwargs, name)
        return _result(function(*args, **kwargs))

    return staticmethod(call)


_METHODS = {**vars(pipeline.Dataset), **more.METHODS}
_NOT_WRAPPED = {*vars(Dataset), "apply"}
for _name, _value in _METHODS.items():
    if _name.startswith("_") or _name in _NOT_WRAPPED:
        continue
    if isinstance(_value, staticmethod):
        setattr(Dataset, _name, _source(_name))
    elif callable(_value):
        setattr(Dataset, _name, _method(_name))


# ---- files


def paths_of(filenames: Any) -> list[str]:
    """File names given as a string, a list, a tensor or a dataset of them."""
    if isinstance(filenames, pipeline.Dataset):
        return [os.fspath(name) for name in pipeline.Dataset.__iter__(filenames)]
    if isinstance(filenames, str | os.PathLike | bytes):
        return [os.fsdecode(filenames)]
    if isinstance(filenames, StringTensor):
        return [os.fsdecode(name) for name in filenames.values.flat]
    return [name for entry in filenames for name in paths_of(entry)]


def _list_files(file_pattern: Any, shuffle: bool | None, seed: int | None) -> Dataset:
    from_patterns = pipeline.Dataset.from_tensor_slices(_matching(paths_of(file_pattern)))
    if shuffle or shuffle is None:
        return Dataset(from_patterns.shuffle(len(from_patterns), seed))
    return Dataset(from_patterns)


def _of_files(filenames: Any, read: Callable[[str], Iterable]) -> pipeline.Dataset:
    def items():
        for path in paths_of(filenames):
            yield from read(path)

    return pipeline.Dataset(items)


class TextLineDataset(Dataset):
    """The lines of text files, without their ends."""

    def __init__(
        self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None, name=None
    ):
        def lines(path):
            with open_file(path, "rb", compression_type) as file:
                for line in file:
                    yield line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")

        super().__init__(_of_files(filenames, lines))


class TFRecordDataset(Dataset):
    """The records of TFRecord files, each a string of bytes."""

    def __init__(
        self, filenames, compression_type=None, buffer_size=None, num_parallel_reads=None, name=None
    ):
        super().__init__(_of_files(filenames, lambda path: read_records(path, compression_type)))


class FixedLengthRecordDataset(Dataset):
    """Pieces of `record_bytes` bytes of files, between a header and a footer."""

    def __init__(
        self,
        filenames,
        record_bytes,
        header_bytes=None,
        footer_bytes=None,
        buffer_size=None,
        compression_type=None,
        num_parallel_reads=None,
        name=None,
    ):
        def pieces(path):
            with open_file(path, "rb", compression_type) as file:
                data = file.read()
            end = len(data) - (footer_bytes or 0)
            for place in range(header_bytes or 0, end - record_bytes + 1, record_bytes):
                yield data[place : place + record_bytes]

        super().__init__(_of_files(filenames, pieces))


def _matching(patterns: list[str]) -> list[str]:
    found = matching_files(patterns)
    if not found:
        raise InvalidArgumentError(f"No files matched pattern: {', '.join(patterns)}")
    return found


Iterator = _Elements
