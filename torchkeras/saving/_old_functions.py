"""Functions whose names mean something else today."""

import torch
from torch import Tensor

from torchkeras._serialize import register_keras_serializable

__all__ = []

_ACTIVATIONS = ("activation", "inner_activation", "recurrent_activation")


@register_keras_serializable("torchkeras", "hard_sigmoid_of_keras_2")
def hard_sigmoid(x: Tensor) -> Tensor:
    """`0.2 * x + 0.5` cut off to 0 and 1; since Keras 3 the slope of that name is 1/6."""
    return torch.clamp(0.2 * x + 0.5, 0.0, 1.0)


_HARD_SIGMOID = {
    "module": "builtins",
    "class_name": "function",
    "config": "torchkeras>hard_sigmoid_of_keras_2",
    "registered_name": "function",
}


def renamed(value):
    """A configuration of Keras 1 or 2 with the functions that it meant."""
    if isinstance(value, (list, tuple)):
        return type(value)(map(renamed, value))
    if not isinstance(value, dict):
        return value
    return {
        key: _HARD_SIGMOID if key in _ACTIVATIONS and item == "hard_sigmoid" else renamed(item)
        for key, item in value.items()
    }
