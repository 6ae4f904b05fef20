"""`tf.compat`: text as bytes and back; TensorFlow 1's graphs are out."""

from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf._strings import bytes_of as _bytes_of
from torchkeras.tf._strings import text_of as _text_of
from torchkeras.tf.compat import v1


def as_bytes(bytes_or_text, encoding="utf-8"):
    """Text as bytes."""
    return _bytes_of(bytes_or_text)


def as_text(bytes_or_text, encoding="utf-8"):
    """Bytes as text."""
    return _text_of(bytes_or_text)


def dimension_value(dimension):
    """The size of an axis, which is a number already."""
    return dimension


as_str = as_str_any = as_text

__getattr__ = _missing_from("tf.compat")
