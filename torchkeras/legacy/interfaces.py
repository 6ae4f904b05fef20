"""`keras.legacy.interfaces`: what Keras 2 put around its functions so that they took the arguments
of Keras 1, for those who put it around their own."""

import functools
from collections.abc import Callable

from torchkeras.legacy._door import Rule, accepting
from torchkeras.legacy._renames import ARGUMENTS, ORDERS

__all__ = ["generate_legacy_interface"]

# Name in Keras 2 -> whose arguments of Keras 1 it understood; None: all is understood anyway.
_SUPPORTS = {
    "dense": "layers.Dense",
    "dropout": "layers.Dropout",
    "embedding": "layers.Embedding",
    "pooling1d": "layers.MaxPooling1D",
    "prelu": "layers.PReLU",
    "gaussiannoise": "layers.GaussianNoise",
    "recurrent": "layers.LSTM",
    "gaussiandropout": "layers.GaussianDropout",
    "pooling2d": "layers.MaxPooling2D",
    "pooling3d": "layers.MaxPooling3D",
    "global_pooling": "layers.GlobalAveragePooling2D",
    "upsampling1d": "layers.UpSampling1D",
    "upsampling2d": "layers.UpSampling2D",
    "upsampling3d": "layers.UpSampling3D",
    "conv1d": "layers.Conv1D",
    "conv2d": "layers.Conv2D",
    "conv3d": "layers.Conv3D",
    "deconv2d": "layers.Conv2DTranspose",
    "separable_conv2d": "layers.SeparableConv2D",
    "convlstm2d": "layers.ConvLSTM2D",
    "batchnorm": "layers.BatchNormalization",
    "zeropadding2d": "layers.ZeroPadding2D",
    "zeropadding3d": "layers.ZeroPadding3D",
    "cropping2d": "layers.Cropping2D",
    "cropping3d": "layers.Cropping3D",
    "input": None,
    "lambda": None,
    "spatialdropout1d": None,
    "spatialdropoutNd": None,
    "generator_methods": None,
    "get_updates": None,
    "model_constructor": None,
    "add_weight": None,
}


def _support(path: str | None) -> Callable:
    def around(func):
        if path not in ARGUMENTS:
            return func
        return accepting(func, Rule(func.__qualname__, ARGUMENTS[path], ORDERS.get(path)))

    return around


globals().update({f"legacy_{kind}_support": _support(path) for kind, path in _SUPPORTS.items()})


def generate_legacy_interface(
    allowed_positional_args=None,
    conversions=None,
    preprocessor=None,
    value_conversions=None,
    object_type="class",
):
    """What makes a decorator that renames keyword arguments.

    Args:
        allowed_positional_args, object_type: change nothing; any argument may stand by place.
        conversions: pairs of an old name and a new one.
        preprocessor: called with the arguments first; gives them back, and the pairs of names that
            it took care of.
        value_conversions: new name -> old value -> new one.
    """

    def around(func):
        @functools.wraps(func)
        def wrapper(*args, **kwargs):
            if preprocessor is not None:
                args, kwargs, _ = preprocessor(args, kwargs)
            for old, new in conversions or ():
                if old in kwargs:
                    if new in kwargs:
                        raise TypeError(
                            f"Argument `{old}` is called `{new}` now; both were given. "
                            f"Received: {old}={kwargs[old]!r}"
                        )
                    kwargs[new] = kwargs.pop(old)
            for name, values in (value_conversions or {}).items():
                if name in kwargs:
                    kwargs[name] = values.get(kwargs[name], kwargs[name])
            return func(*args, **kwargs)

        return wrapper

    return around
