"""Reading of data files that come from the network, so that no file can run code."""

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from torchkeras import config
from torchkeras._errors import received
from torchkeras.utils._files import get_file

__all__ = ["FOLDER", "check_split", "fetch_npz", "load_cifar", "load_npz", "split_rows"]

FOLDER = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"

# A member larger than this that was also compressed to less than a hundredth is not unpacked.
_HARMLESS_BYTES = 4 << 30
_LARGEST_GROWTH = 100

# All that a pickled array needs. Looked up here instead of imported by the name in the file:
# numpy has moved it, and warns where the old name is used.
_RECONSTRUCT = np.empty(0).__reduce__()[0]
_ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickles containers, numbers, strings and numpy arrays, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"Refusing to deserialize `{module}.{name}` while loading a Keras dataset. The "
                "file may be corrupted or malicious."
            )
        return _ALLOWED[module, name]


def load_npz(path: str) -> dict[str, np.ndarray]:
    """All arrays of an .npz file, also those that hold Python lists."""
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if not info.filename.endswith(".npy"):
                continue
            grows = info.file_size > _LARGEST_GROWTH * info.compress_size
            if grows and info.file_size > _HARMLESS_BYTES:
                raise ValueError(
                    f"'{info.filename}' grows to {info.file_size} bytes when unpacked, which "
                    f"looks like an attack. {received(path=path)}"
                )
            arrays[info.filename.removesuffix(".npy")] = _read_npy(archive.read(info))
    return arrays


def _read_npy(content: bytes) -> np.ndarray:
    stream = io.BytesIO(content)
    read_header = {
        1: np.lib.format.read_array_header_1_0,
        2: np.lib.format.read_array_header_2_0,
    }
    major, _ = np.lib.format.read_magic(stream)
    # Version 3 has the header of version 2 in another encoding; only field names need it.
    shape, _, dtype = read_header[min(major, 2)](stream)
    if not dtype.hasobject:
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)
    return _ArrayUnpickler(stream).load().reshape(shape)


def fetch_npz(
    path: str, name: str, file_hash: str, cache_dir: str | None = None
) -> dict[str, np.ndarray]:
    """The arrays of a file that TensorFlow's storage has as `name`, kept as `path`.

    As in Keras 2, `path` may also be that of a file which is there, from the root on.
    """
    if os.path.isabs(path) and os.path.isfile(path):
        return load_npz(path)
    origin = f"{FOLDER}{name}"
    return load_npz(get_file(fname=path, origin=origin, file_hash=file_hash, cache_dir=cache_dir))


def check_split(test_split: float) -> None:
    """Raise unless a share of the rows for testing leaves some for training."""
    if not 0 <= test_split < 1:
        raise ValueError(
            f"Invalid `test_split` argument: {test_split}. It must be between 0 and 1 (exclusive "
            f"of 1). {received(test_split=test_split)}"
        )


def split_rows(x: np.ndarray, y: np.ndarray, test_split: float, seed: int) -> tuple:
    """Shuffled rows as `(x_train, y_train), (x_test, y_test)`."""
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    cut = int(len(x) * (1 - test_split))
    train, test = order[:cut], order[cut:]
    return (x[train], y[train]), (x[test], y[test])


def load_cifar(
    folder: str, train: list[str], test: list[str], label_key: str
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Images in the default data format and labels (N, 1) from the Python version of CIFAR.

    Args:
        train: files of the training images in `folder`.
        test: files of the test images in `folder`.
        label_key: what the labels are called in the files.
    """
    return _load_batches(folder, train, label_key), _load_batches(folder, test, label_key)


def _load_batches(folder: str, names: list[str], label_key: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = [], []
    for name in names:
        with open(Path(folder, name), "rb") as file:
            batch = _ArrayUnpickler(file, encoding="bytes").load()
        images.append(np.asarray(batch[b"data"]).reshape(-1, 3, 32, 32))
        labels += batch[label_key.encode()]
    x = np.concatenate(images)
    if config.image_data_format() == "channels_last":
        x = x.transpose(0, 2, 3, 1)
    return x, np.reshape(labels, (-1, 1))
