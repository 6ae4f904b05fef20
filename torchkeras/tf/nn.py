"""`tf.nn`: activations (Keras's own), losses from logits and small network functions."""

import torch
import torch.nn.functional as F

from torchkeras import activations
from torchkeras.tf._arrays import gather
from torchkeras.tf._convert import as_shape, convert_to_tensor, matched
from torchkeras.tf._missing import missing_from
from torchkeras.tf.math import l2_normalize, top_k

__all__ = [
    "bias_add",
    "dropout",
    "elu",
    "embedding_lookup",
    "gelu",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_softmax",
    "moments",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "top_k",
]

# Keras's functions themselves, so that `Dense(10, activation=tf.nn.relu)` has a config.
elu = activations.elu
gelu = activations.gelu
leaky_relu = activations.leaky_relu
log_softmax = activations.log_softmax
relu = activations.relu
relu6 = activations.relu6
selu = activations.selu
sigmoid = activations.sigmoid
silu = swish = activations.silu
softmax = activations.softmax
softplus = activations.softplus
softsign = activations.softsign
tanh = activations.tanh


def bias_add(value, bias, data_format=None, name=None):
    """`value + bias` along the last axis, or the second one for a data format like "NCHW"."""
    value, bias = matched(value, bias)
    if data_format is not None and data_format.startswith("NC"):
        bias = bias.reshape(-1, *[1] * (len(value.shape) - 2))
    return value + bias


def dropout(x, rate, noise_shape=None, seed=None, name=None):
    """Zeros a share `rate` of the elements and scales the others by 1 / (1 - rate), always."""
    if noise_shape is not None or seed is not None:
        raise NotImplementedError(
            "tf.nn.dropout takes no noise_shape or seed in this version; keras.layers.Dropout "
            f"does. Received: noise_shape={noise_shape}, seed={seed}"
        )
    return F.dropout(convert_to_tensor(x), rate, training=True)


def embedding_lookup(params, ids, max_norm=None, name=None):
    """The rows of `params` at `ids`, scaled down to norm `max_norm` where one is given."""
    rows = gather(params, ids)
    if max_norm is None:
        return rows
    norms = torch.linalg.vector_norm(rows, dim=-1, keepdim=True)
    return rows * (max_norm / torch.clamp(norms, min=max_norm))


def l2_loss(t, name=None):
    """Half the sum of the squares."""
    return torch.sum(torch.square(convert_to_tensor(t))) / 2


def moments(x, axes, shift=None, keepdims=False, name=None):
    """Mean and variance over the given axes."""
    variance, mean = torch.var_mean(
        convert_to_tensor(x), as_shape(axes), correction=0, keepdim=keepdims
    )
    return mean, variance


def sigmoid_cross_entropy_with_logits(labels=None, logits=None, name=None):
    """The binary crossentropy of each element."""
    labels, logits = matched(labels, logits)
    return F.binary_cross_entropy_with_logits(logits, labels, reduction="none")


def softmax_cross_entropy_with_logits(labels, logits, axis=-1, name=None):
    """The crossentropy of label probabilities and logits, summed over `axis`."""
    labels, logits = matched(labels, logits)
    return -torch.sum(labels * torch.log_softmax(logits, axis), axis)


def sparse_softmax_cross_entropy_with_logits(labels, logits, name=None):
    """The crossentropy of integer labels and logits with one more axis, the classes."""
    labels, logits = convert_to_tensor(labels).long(), convert_to_tensor(logits)
    chances = torch.log_softmax(logits, -1)
    return -torch.gather(chances, -1, labels[..., None])[..., 0]


__getattr__ = missing_from("tf.nn")
