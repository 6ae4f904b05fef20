"""Fashion-MNIST: 28x28 grey images of clothes."""

import gzip
import os

import numpy as np

from torchkeras.datasets._files import FOLDER
from torchkeras.utils._files import get_file

__all__ = ["load_data"]


def _bytes_of(name: str, header: int, cache_dir: str | None) -> np.ndarray:
    """The bytes of an IDX file behind its header."""
    path = get_file(
        name,
        origin=FOLDER + name,
        cache_subdir=os.path.join("datasets", "fashion-mnist"),
        cache_dir=cache_dir,
    )
    with gzip.open(path, "rb") as file:
        return np.frombuffer(file.read(), np.uint8, offset=header)


def load_data(cache_dir=None):
    """60,000 training and 10,000 test images, uint8 (N, 28, 28), with labels (N,).

    The labels stand for: 0 T-shirt/top, 1 trouser, 2 pullover, 3 dress, 4 coat, 5 sandal,
    6 shirt, 7 sneaker, 8 bag, 9 ankle boot.

    Args:
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`
    """
    parts = []
    for part in ("train", "t10k"):
        y = _bytes_of(f"{part}-labels-idx1-ubyte.gz", 8, cache_dir)
        x = _bytes_of(f"{part}-images-idx3-ubyte.gz", 16, cache_dir).reshape(len(y), 28, 28)
        parts.append((x, y))
    train, test = parts
    return train, test
