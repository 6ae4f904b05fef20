"""`tf.io`: files, images, TFRecord files and what is in them, without TensorFlow."""

from torchkeras.tf._files import matching_files as _matching
from torchkeras.tf._files import path_of as _path_of
from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf._records import RecordWriter as _RecordWriter
from torchkeras.tf._strings import StringTensor as _StringTensor
from torchkeras.tf._strings import bytes_of as _bytes_of
from torchkeras.tf.data._dataset import paths_of as _paths_of
from torchkeras.tf.errors import NotFoundError as _NotFoundError
from torchkeras.tf.io import gfile
from torchkeras.tf.io._images import *
from torchkeras.tf.io._parsing import *


def read_file(filename, name=None):
    """The bytes of a file as a string tensor.

    Raises:
        NotFoundError: it is not there.
    """
    path = _path_of(filename)
    try:
        with open(path, "rb") as file:
            return _StringTensor(file.read())
    except FileNotFoundError as error:
        raise _NotFoundError(f"{path}; No such file or directory") from error


def write_file(filename, contents, name=None) -> None:
    """Writes a string to a file, and makes the folder that it is in."""
    path = _path_of(filename)
    folder = path.rpartition("/")[0]
    if folder:
        gfile.makedirs(folder)
    with open(path, "wb") as file:
        file.write(_bytes_of(_StringTensor(contents).values[()]))


def matching_files(pattern, name=None):
    """The paths of the files that match a pattern, or patterns."""
    return _StringTensor(_matching(_paths_of(pattern)))


class TFRecordOptions:
    """How a TFRecord file is written: `compression_type` is "", "GZIP" or "ZLIB"."""

    def __init__(self, compression_type=None):
        self.compression_type = compression_type


class TFRecordWriter(_RecordWriter):
    """Writes a TFRecord file; a context manager."""

    def __init__(self, path, options=None):
        super().__init__(_path_of(path), getattr(options, "compression_type", options))

    def write(self, record) -> None:
        """Adds a record."""
        super().write(_bytes_of(_StringTensor(record).values[()]))


__getattr__ = _missing_from("tf.io")
