"""What `keras.applications` of Keras 2.3 had for the package that its models lived in."""

import functools

from torchkeras import backend, layers, models, utils

__all__ = ["keras_modules_injection"]


def keras_modules_injection(base_fun):
    """Decorator that gives a function the modules it computes with as `backend`, `layers`, `models`
    and `utils`."""

    @functools.wraps(base_fun)
    def wrapper(*args, **kwargs):
        modules = {"backend": backend, "layers": layers, "models": models, "utils": utils}
        return base_fun(*args, **{**kwargs, **modules})

    return wrapper
