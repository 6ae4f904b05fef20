"""`tf.train.Example` and what it consists of: dictionaries of lists as Protocol Buffers."""

from collections.abc import Callable
from typing import Any

from torchkeras.tf._protobuf import (
    fields,
    length_delimited,
    packed_floats,
    read_floats,
    read_varints,
    signed,
    varint,
)

__all__ = [
    "BytesList",
    "Example",
    "Feature",
    "FeatureList",
    "FeatureLists",
    "Features",
    "FloatList",
    "Int64List",
    "SequenceExample",
]


class Message:
    """Something that can be written as bytes and read back."""

    def SerializeToString(self, deterministic: bool = True) -> bytes:  # noqa: N802
        """The message as bytes."""
        return self._bytes()

    def ParseFromString(self, serialized: bytes) -> int:  # noqa: N802
        """Takes over what is in the bytes; returns how many there are."""
        self.__init__()
        self._read(bytes(serialized))
        return len(serialized)

    @classmethod
    def FromString(cls, s: bytes):  # noqa: N802
        """The message in the bytes."""
        message = cls()
        message.ParseFromString(s)
        return message

    def __eq__(self, other) -> bool:
        return type(self) is type(other) and self._bytes() == other._bytes()

    __hash__ = None

    def __repr__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines())

    __str__ = __repr__


class _List(Message):
    """Values of one kind."""

    def __init__(self, value: Any = ()):
        self.value = [self._checked(item) for item in value]

    def __len__(self) -> int:
        return len(self.value)

    def _lines(self) -> list[str]:
        return [f"value: {self._shown(item)}" for item in self.value]

    _shown = staticmethod(repr)


class BytesList(_List):
    """Strings of bytes."""

    def _checked(self, item: Any) -> bytes:
        if hasattr(item, "numpy"):
            item = item.numpy()
        if isinstance(item, str):
            item = item.encode()
        if not isinstance(item, bytes):
            raise TypeError(f"{item!r} has type {type(item).__name__}, but expected one of: bytes")
        return item

    @staticmethod
    def _shown(item: bytes) -> str:
        text = item.decode("latin-1").translate(_ESCAPES)
        return '"' + "".join(c if " " <= c <= "~" else f"\\{ord(c):03o}" for c in text) + '"'

    def _bytes(self) -> bytes:
        return b"".join(length_delimited(1, item) for item in self.value)

    def _read(self, data: bytes) -> None:
        self.value += [value for field, value in fields(data) if field == 1]


_ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\", ord("\n"): "\\n", ord("\r"): "\\r", 9: "\\t"}


class FloatList(_List):
    """Numbers as 32-bit floats."""

    def _checked(self, item: Any) -> float:
        return float(item)

    def _bytes(self) -> bytes:
        return length_delimited(1, packed_floats(self.value)) if self.value else b""

    def _read(self, data: bytes) -> None:
        for field, value in fields(data):
            if field == 1:
                self.value += read_floats(value)


class Int64List(_List):
    """Integers of 64 bits."""

    def _checked(self, item: Any) -> int:
        if isinstance(item, float):
            raise TypeError(f"{item!r} has type float, but expected one of: int")
        return int(item)

    def _bytes(self) -> bytes:
        if not self.value:
            return b""
        return length_delimited(1, b"".join(varint(item) for item in self.value))

    def _read(self, data: bytes) -> None:
        for field, value in fields(data):
            if field == 1:
                self.value += [signed(value)] if isinstance(value, int) else read_varints(value)


class Feature(Message):
    """One of the three kinds of lists."""

    kinds: dict[str, Callable] = {
        "bytes_list": BytesList,
        "float_list": FloatList,
        "int64_list": Int64List,
    }

    def __init__(self, bytes_list=None, float_list=None, int64_list=None):
        given = {"bytes_list": bytes_list, "float_list": float_list, "int64_list": int64_list}
        self._kind = next((kind for kind, value in given.items() if value is not None), None)
        for kind, value in given.items():
            setattr(self, kind, self.kinds[kind]() if value is None else value)

    def WhichOneof(self, oneof_group: str = "kind") -> str | None:  # noqa: N802
        """The name of the list that is set."""
        filled = (kind for kind in self.kinds if len(getattr(self, kind)))
        return self._kind or next(filled, None)

    def HasField(self, field_name: str) -> bool:  # noqa: N802
        """Whether this list is the one that is set."""
        return self.WhichOneof() == field_name

    def _lines(self) -> list[str]:
        kind = self.WhichOneof()
        return [] if kind is None else _nested(kind, getattr(self, kind)._lines())

    def _bytes(self) -> bytes:
        kind = self.WhichOneof()
        if kind is None:
            return b""
        return length_delimited(list(self.kinds).index(kind) + 1, getattr(self, kind)._bytes())

    def _read(self, data: bytes) -> None:
        for field, value in fields(data):
            if 1 <= field <= 3:
                self._kind = list(self.kinds)[field - 1]
                getattr(self, self._kind)._read(value)


class FeatureList(Message):
    """The features of the steps of a sequence."""

    def __init__(self, feature: Any = ()):
        self.feature = list(feature)

    def _lines(self) -> list[str]:
        return [line for item in self.feature for line in _nested("feature", item._lines())]

    def _bytes(self) -> bytes:
        return b"".join(length_delimited(1, item._bytes()) for item in self.feature)

    def _read(self, data: bytes) -> None:
        self.feature += [Feature.FromString(value) for field, value in fields(data) if field == 1]


class _Map(Message):
    """Messages of one kind by name."""

    name: str
    kind: type

    def _entries(self) -> dict:
        return getattr(self, self.name)

    def _lines(self) -> list[str]:
        lines = []
        for key, value in sorted(self._entries().items()):
            inner = [f'key: "{key}"', *_nested("value", value._lines())]
            lines += _nested(self.name, inner)
        return lines

    def _bytes(self) -> bytes:
        entries = (
            length_delimited(1, key.encode()) + length_delimited(2, value._bytes())
            for key, value in sorted(self._entries().items())
        )
        return b"".join(length_delimited(1, entry) for entry in entries)

    def _read(self, data: bytes) -> None:
        for field, entry in fields(data):
            if field == 1:
                parts = dict(fields(entry))
                value = self.kind.FromString(parts.get(2, b""))
                self._entries()[parts.get(1, b"").decode()] = value


class Features(_Map):
    """Features by name."""

    name, kind = "feature", Feature

    def __init__(self, feature: dict | None = None):
        self.feature = _Defaults(Feature, feature or {})


class FeatureLists(_Map):
    """Lists of features by name."""

    name, kind = "feature_list", FeatureList

    def __init__(self, feature_list: dict | None = None):
        self.feature_list = _Defaults(FeatureList, feature_list or {})


class _Defaults(dict):
    """A dict that makes what is asked for."""

    def __init__(self, kind: type, items: dict):
        super().__init__(items)
        self.kind = kind

    def __missing__(self, key):
        self[key] = self.kind()
        return self[key]


class Example(Message):
    """A row of data: features by name."""

    def __init__(self, features: Features | None = None):
        self.features = Features() if features is None else features

    def _lines(self) -> list[str]:
        return _nested("features", self.features._lines())

    def _bytes(self) -> bytes:
        return length_delimited(1, self.features._bytes())

    def _read(self, data: bytes) -> None:
        for field, value in fields(data):
            if field == 1:
                self.features._read(value)


class SequenceExample(Message):
    """A sequence: features of the whole (`context`), and of its steps (`feature_lists`)."""

    def __init__(self, context: Features | None = None, feature_lists: FeatureLists | None = None):
        self.context = Features() if context is None else context
        self.feature_lists = FeatureLists() if feature_lists is None else feature_lists

    def _lines(self) -> list[str]:
        lists = _nested("feature_lists", self.feature_lists._lines())
        return _nested("context", self.context._lines()) + lists

    def _bytes(self) -> bytes:
        lists = length_delimited(2, self.feature_lists._bytes())
        return length_delimited(1, self.context._bytes()) + lists

    def _read(self, data: bytes) -> None:
        for field, value in fields(data):
            if field in (1, 2):
                (self.context if field == 1 else self.feature_lists)._read(value)


def _nested(name: str, lines: list[str]) -> list[str]:
    return [f"{name} {{", *(f"  {line}" for line in lines), "}"]
