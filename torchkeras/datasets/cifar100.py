"""CIFAR-100: small colour images of a hundred classes in twenty groups."""

import os

from torchkeras._errors import received
from torchkeras.datasets._files import load_cifar
from torchkeras.utils._files import get_file

__all__ = ["load_data"]


def load_data(label_mode="fine", cache_dir=None):
    """50,000 training and 10,000 test images, uint8 (N, 32, 32, 3), with labels (N, 1).

    With `image_data_format() == "channels_first"` the images are (N, 3, 32, 32).

    Args:
        label_mode: "fine" for the hundred classes, "coarse" for the twenty groups of them.
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(
            f'`label_mode` must be one of `"fine"`, `"coarse"`. {received(label_mode=label_mode)}'
        )
    path = get_file(
        fname="cifar-100-python-target",
        origin="https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        extract=True,
        file_hash="85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
        cache_dir=cache_dir,
    )
    return load_cifar(
        os.path.join(path, "cifar-100-python"),
        train=["train"],
        test=["test"],
        label_key=f"{label_mode}_labels",
    )
