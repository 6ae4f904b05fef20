"""CIFAR-10: small colour images of ten classes."""

import os

from torchkeras.datasets._files import load_cifar
from torchkeras.utils._files import get_file

__all__ = ["load_data"]


def load_data(cache_dir=None):
    """50,000 training and 10,000 test images, uint8 (N, 32, 32, 3), with labels (N, 1).

    With `image_data_format() == "channels_first"` the images are (N, 3, 32, 32). The labels stand
    for: 0 airplane, 1 automobile, 2 bird, 3 cat, 4 deer, 5 dog, 6 frog, 7 horse, 8 ship, 9 truck.

    Args:
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`
    """
    path = get_file(
        fname="cifar-10-batches-py-target",
        origin="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        extract=True,
        file_hash="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
        cache_dir=cache_dir,
    )
    (x_train, y_train), (x_test, y_test) = load_cifar(
        os.path.join(path, "cifar-10-batches-py"),
        train=[f"data_batch_{i}" for i in range(1, 6)],
        test=["test_batch"],
        label_key="labels",
    )
    return (x_train, y_train.astype("uint8")), (x_test, y_test.astype("uint8"))
