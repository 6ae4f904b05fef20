"""MNIST: 28x28 grey images of handwritten digits."""

from torchkeras.datasets._files import fetch_npz

__all__ = ["load_data"]


def load_data(path="mnist.npz", cache_dir=None):
    """60,000 training and 10,000 test images, uint8 (N, 28, 28), with digits (N,).

    Args:
        path: name of the file in the folder `datasets` of the cache, or a file from the root on.
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`
    """
    data = fetch_npz(
        path,
        "mnist.npz",
        "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1",
        cache_dir,
    )
    return (data["x_train"], data["y_train"]), (data["x_test"], data["y_test"])
