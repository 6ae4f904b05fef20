"""Lookup tables from integers to vectors."""

import functools

import torch
import torch.nn.functional as F
from torch.nn import Module

from torchkeras import _dtypes, constraints, initializers, regularizers
from torchkeras._errors import positive_int, received, warn
from torchkeras._symbolic import infer_spec
from torchkeras.layers._base import Layer
from torchkeras.layers._lora import Lora

__all__ = ["Embedding", "ReversibleEmbedding"]


class Embedding(Lora, Layer):
    """A vector for each integer.

    Args:
        input_dim: number of vectors; inputs are in [0, input_dim).
        output_dim: size of a vector.
        mask_zero: whether an input of 0 means padding, which the layers behind are told to skip.
        weights: array of shape (input_dim, output_dim) to begin with.

    Input shape: any, of integers
    Output shape: (..., output_dim)

    >>> Embedding(10, 4)(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 4])
    """

    _config_if_given = ("lora_rank", "lora_alpha")
    _lora_target = "embeddings"

    def __init__(
        self,
        input_dim,
        output_dim,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        weights=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        if kwargs.pop("input_length", None) is not None:
            warn("Argument `input_length` is deprecated. Just remove it.")
        super().__init__(**kwargs)
        self.input_dim = positive_int("input_dim", input_dim)
        self.output_dim = positive_int("output_dim", output_dim)
        self.embeddings_initializer = initializers.get(embeddings_initializer)
        self.embeddings_regularizer = regularizers.get(embeddings_regularizer)
        self.embeddings_constraint = constraints.get(embeddings_constraint)
        self.mask_zero = mask_zero
        self.supports_masking = mask_zero
        self._makes_masks = bool(mask_zero)
        # Inputs are indices: a floating one is not to lose digits on its way.
        self.autocast = False
        self._take_lora(lora_rank, lora_alpha)
        self.quantization_config = quantization_config
        if weights is not None:
            self.build()
            self.set_weights(
                weights if isinstance(weights, list) and len(weights) == 1 else [weights]
            )

    def build(self, input_shape=None):
        if not self.built:
            self.embeddings = self.add_weight("embeddings", (self.input_dim, self.output_dim))
            self._enable_lora_if_asked()

    def call(self, inputs):
        if inputs.dtype not in (torch.int32, torch.int64):
            inputs = inputs.to(torch.int32)
        try:
            vectors = torch.embedding(self.embeddings, inputs)
        except IndexError:
            raise IndexError(self._range_error(inputs)) from None
        if self.lora_enabled:
            learned = F.embedding(inputs, self.lora_embeddings_a) @ self.lora_embeddings_b
            vectors = vectors + self.lora_alpha / self.lora_rank * learned
        return vectors.to(self._torch_compute_dtype)

    def _range_error(self, inputs):
        wrong = inputs[(inputs < 0) | (inputs >= self.input_dim)]
        return (
            f"Inputs of layer '{self.name}' are out of range, which is [0, {self.input_dim}). "
            f"{received(value=wrong[0].item())} (first of {wrong.numel()} such values)"
        )

    def compute_mask(self, inputs, mask=None):
        return inputs != 0 if self.mask_zero else None

    def compute_output_shape(self, input_shape):
        return (*input_shape, self.output_dim)

    def quantized_build(self, embeddings_shape, mode, config=None):
        super().quantized_build(embeddings_shape, mode)

    def get_config(self):
        config = super().get_config()
        # The table is state, not an argument to keep.
        config.pop("weights", None)
        return config


class ReversibleEmbedding(Embedding):
    """An `Embedding` that can also map vectors back to logits over its integers.

    Args:
        tie_weights: whether the way back uses the same table.
        reverse_dtype: dtype to compute the way back in; None: that of inputs and table together.
        logit_soft_cap: a bound that logits are squeezed below by tanh.

    Input shape: any, of integers; with `reverse=True` (..., output_dim)
    Output shape: (..., output_dim); with `reverse=True` (..., input_dim)
    """

    def __init__(
        self,
        input_dim,
        output_dim,
        tie_weights=True,
        embeddings_initializer="uniform",
        embeddings_regularizer=None,
        embeddings_constraint=None,
        mask_zero=False,
        reverse_dtype=None,
        logit_soft_cap=None,
        **kwargs,
    ):
        super().__init__(
            input_dim,
            output_dim,
            embeddings_initializer=embeddings_initializer,
            embeddings_regularizer=embeddings_regularizer,
            embeddings_constraint=embeddings_constraint,
            mask_zero=mask_zero,
            **kwargs,
        )
        self.tie_weights = tie_weights
        self.reverse_dtype = reverse_dtype
        self.logit_soft_cap = logit_soft_cap

    def build(self, input_shape=None):
        if self.built:
            return
        super().build(input_shape)
        if not self.tie_weights:
            self.reverse_embeddings = self.add_weight(
                name="reverse_embeddings",
                shape=(self.output_dim, self.input_dim),
                initializer=self.embeddings_initializer,
            )

    def call(self, inputs, reverse=False):
        if not reverse:
            return super().call(inputs)
        kernel = self.embeddings.T if self.tie_weights else self.reverse_embeddings
        dtype = torch.promote_types(inputs.dtype, kernel.dtype)
        if self.reverse_dtype is not None:
            dtype = _dtypes.torch_dtype(self.reverse_dtype)
        logits = torch.matmul(inputs.to(dtype), kernel.to(dtype))
        if self.logit_soft_cap is None:
            return logits
        return torch.tanh(logits / self.logit_soft_cap) * self.logit_soft_cap

    def compute_output_shape(self, input_shape, reverse=False):
        return (*input_shape[:-1], self.input_dim) if reverse else (*input_shape, self.output_dim)

    def compute_output_spec(self, inputs, reverse=False):
        return infer_spec(functools.partial(Module.__call__, self, reverse=reverse), (inputs,), {})

    def compute_mask(self, inputs, mask=None):
        # Vectors on their way back have no padding.
        if inputs.is_floating_point():
            return None
        return super().compute_mask(inputs, mask)
