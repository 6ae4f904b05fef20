"""Attention: plain and additive, with many heads, with heads in groups."""

import functools
import math
import string

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from torchkeras import _scopes, config, constraints, initializers, random, regularizers
from torchkeras._errors import positive_int, received
from torchkeras._symbolic import KerasTensor, infer_spec
from torchkeras.layers._base import Layer, any_global_hooks
from torchkeras.layers.advanced_activations import Softmax
from torchkeras.layers.core import EinsumDense, shown
from torchkeras.layers.noise import Dropout

__all__ = ["AdditiveAttention", "Attention", "GroupQueryAttention", "MultiHeadAttention"]


class Attention(Layer):
    """Averages of values, weighted by how well their keys fit a query: "Luong" attention.

    Called on a list `[query, value]` or `[query, value, key]`; keys are the values where not
    given. Masks hide values,
    and set the outputs of masked queries to zero.

    Args:
        use_scale: whether the scores are multiplied by a learned number.
        score_mode: "dot" for the product of query and key, "concat" for the sum of the tanh of
            their sum.
        dropout: fraction of the weights to drop in training.
        seed: integer that the dropout is drawn from; None: torch's own generator.

    Call arguments:
        mask: list `[query_mask, value_mask]`.
        return_attention_scores: whether the weights (batch, query steps, value steps) are returned
            too.
        use_causal_mask: whether no step sees a later one.

    Input shape: [(batch, query steps, dim), (batch, value steps, dim)]
    Output shape: (batch, query steps, dim)
    """

    _keeps_masks = True

    def __init__(self, use_scale=False, score_mode="dot", dropout=0.0, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.use_scale = use_scale
        self.score_mode = score_mode
        self.dropout = dropout
        self.seed = seed
        if self.dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        if score_mode not in ("dot", "concat"):
            raise ValueError(
                "Invalid value for argument score_mode. Expected one of {'dot', 'concat'}. "
                + received(score_mode=score_mode)
            )

    def build(self, input_shape):
        self._check_list(input_shape)
        self.scale = self._scalar("scale") if self.use_scale else None
        concat = self.score_mode == "concat"
        self.concat_score_weight = self._scalar("concat_score_weight") if concat else None

    def _scalar(self, name):
        return self.add_weight(name=name, shape=(), initializer="ones")

    def call(
        self,
        inputs,
        mask=None,
        training=False,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        self._check_list(inputs, mask)
        query, value = inputs[:2]
        key = inputs[2] if len(inputs) > 2 else value
        query_mask, value_mask = mask[:2] if mask else (None, None)
        dropout = self.dropout if training else 0.0
        bias = self._bias(query, value, value_mask, use_causal_mask)
        scores = None
        if self._is_product() and not return_attention_scores and not dropout:
            scaled = query if self.scale is None else query * self.scale
            outputs = F.scaled_dot_product_attention(scaled, key, value, bias, scale=1.0)
        else:
            scores = self._calculate_scores(query, key)
            scores = torch.softmax(scores if bias is None else scores + bias, -1)
            if dropout:
                scores = random.dropout(scores, dropout, seed=self.seed_generator)
            outputs = scores @ value
        if query_mask is not None:
            outputs = torch.where(query_mask.unsqueeze(-1), outputs, 0.0)
        return (outputs, scores) if return_attention_scores else outputs

    def _is_product(self):
        return self.score_mode == "dot"

    def _calculate_scores(self, query, key):
        """How well each key fits each query: (batch, query steps, key steps)."""
        if self.score_mode == "dot":
            scores = query @ key.transpose(-2, -1)
            return scores if self.scale is None else scores * self.scale
        sums = query.unsqueeze(-2) + key.unsqueeze(-3)
        sums = sums if self.scale is None else sums * self.scale
        return self.concat_score_weight * torch.tanh(sums).sum(-1)

    def _bias(self, query, value, value_mask, causal):
        """What to add to the scores so that hidden values do not count, or None."""
        seen = None
        if value_mask is not None:
            seen = value_mask.to(torch.bool)
            seen = seen.unsqueeze(-2) if seen.dim() == 2 else seen
        if causal:
            earlier = causal_mask(query.shape[-2], value.shape[-2], query.device)
            seen = earlier if seen is None else seen & earlier
        if seen is None:
            return None
        lowest = -65504.0 if query.dtype is torch.float16 else -1e9
        return torch.where(seen, 0.0, lowest).to(query.dtype)

    def compute_mask(self, inputs, mask=None):
        self._check_list(inputs, mask)
        return mask[0] if mask else None

    def compute_output_shape(self, input_shape):
        return (*input_shape[0][:-1], input_shape[1][-1])

    def compute_output_spec(
        self,
        inputs,
        mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        call = functools.partial(
            nn.Module.__call__,
            self,
            mask=mask,
            return_attention_scores=return_attention_scores,
            training=bool(training),
            use_causal_mask=use_causal_mask,
        )
        return infer_spec(call, (inputs,), {})

    def _check_list(self, inputs, mask=None):
        name = type(self).__name__
        if not isinstance(inputs, list):
            raise ValueError(
                f"{name} layer must be called on a list of inputs, namely [query, value] or "
                f"[query, value, key]. " + received(inputs=inputs)
            )
        if len(inputs) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts inputs list of length 2 or 3, namely [query, value] or "
                f"[query, value, key]. Received length: {len(inputs)}."
            )
        if mask is not None and not isinstance(mask, list):
            raise ValueError(
                f"{name} layer mask must be a list, namely [query_mask, value_mask]. "
                f"{received(mask=mask)}"
            )
        if mask is not None and len(mask) not in (2, 3):
            raise ValueError(
                f"{name} layer accepts mask list of length 2 or 3. {received(mask=mask)}"
            )


class AdditiveAttention(Attention):
    """`Attention` whose scores are sums of the tanh of query plus key: "Bahdanau" attention.

    Args:
        use_scale: whether the sums have learned weights.
        dropout: fraction of the weights to drop in training.
        seed: integer that the dropout is drawn from; None: torch's own generator.

    Input shape: [(batch, query steps, dim), (batch, value steps, dim)]
    Output shape: (batch, query steps, dim)
    """

    def __init__(self, use_scale=True, dropout=0.0, **kwargs):
        super().__init__(use_scale=use_scale, dropout=dropout, **kwargs)

    def build(self, input_shape):
        self._check_list(input_shape)
        size = input_shape[0][-1]
        scale = {"name": "scale", "shape": (size,), "initializer": "glorot_uniform"}
        self.scale = self.add_weight(**scale) if self.use_scale else None

    def _is_product(self):
        return False

    def _calculate_scores(self, query, key):
        sums = torch.tanh(query.unsqueeze(-2) + key.unsqueeze(-3))
        return sums.sum(-1) if self.scale is None else sums @ self.scale

    def get_config(self):
        config = super().get_config()
        del config["score_mode"]
        return config


def causal_mask(queries, keys, device):
    """True where a key is no later than the query: (1, queries, keys)."""
    return torch.ones((1, queries, keys), dtype=torch.bool, device=device).tril()


class _Heads(Layer):
    """What attention with several heads shares: projections, masks, the product itself.

    Args:
        dropout: fraction of the weights to drop in training.
        use_bias: whether the projections have a bias.
        sliding_window: how far a query sees, itself counted; None: everything.
        flash_attention: True to insist on torch's flash kernel, False to do without it; None:
            torch chooses, unless
            `keras.config.disable_flash_attention()` was called.
        use_gate: whether a sigmoid of the query, projected too, is multiplied with what the heads
            found.
        seed: integer that the dropout is drawn from; None: torch's own generator.

    Call arguments:
        query: (batch, query steps, features).
        value, key: (batch, value steps, features); `key` is `value` where not given.
        query_mask, value_mask, key_mask: (batch, steps), True where a step is valid; by default
            those that come with
            the tensors.
        attention_mask: True where a query may see a value: (batch, query steps, value steps).
        return_attention_scores: whether the weights (batch, heads, query steps, value steps) are
            returned too.
        use_causal_mask: whether no step sees a later one.

    Output shape: (batch, query steps, features)
    """

    _config_if_given = ()
    _keeps_masks = True
    _scale: float

    def __init__(
        self,
        dropout,
        use_bias,
        sliding_window,
        flash_attention,
        kernel_initializer,
        bias_initializer,
        kernel_regularizer,
        bias_regularizer,
        activity_regularizer,
        kernel_constraint,
        bias_constraint,
        use_gate,
        seed,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.dropout = dropout
        self.use_bias = use_bias
        self.use_gate = use_gate
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        # It is for the outputs of the projections, not for those of this layer.
        self._activity_regularizer = regularizers.get(activity_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self.seed = seed
        if sliding_window is not None and (type(sliding_window) is not int or sliding_window <= 0):
            raise ValueError(
                "`sliding_window` must be `None` or a positive integer. "
                + received(sliding_window=sliding_window)
            )
        self.sliding_window = sliding_window
        self._flash_attention = flash_attention or config.is_flash_attention_enabled()
        if flash_attention is False:
            self._flash_attention = False
        if self._flash_attention and dropout > 0.0:
            raise ValueError(
                "Dropout is not supported when flash attention is enabled. "
                "Please set dropout to 0.0 to use flash attention."
            )

    # ---- parts -----------------------------------------------------------------------------------

    def _projection(self, equation, output_shape, bias_axes, name, activation=None):
        layer = EinsumDense(
            equation,
            output_shape=output_shape,
            activation=activation,
            bias_axes=bias_axes if self.use_bias else None,
            # Copies, since one initializer gives every weight the same numbers.
            kernel_initializer=_copied(self.kernel_initializer),
            bias_initializer=_copied(self.bias_initializer),
            kernel_regularizer=self.kernel_regularizer,
            bias_regularizer=self.bias_regularizer,
            kernel_constraint=self.kernel_constraint,
            bias_constraint=self.bias_constraint,
            activity_regularizer=self._activity_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )
        # Masks are this layer's business: what they hide is still projected.
        layer.supports_masking = True
        return layer

    def _build_softmax(self, axis):
        self._softmax = Softmax(axis=axis, dtype=self.dtype_policy)
        self._dropout_layer = Dropout(self.dropout, dtype=self.dtype_policy, seed=self.seed)

    @property
    def query_dense(self):
        return self._query_dense

    @property
    def key_dense(self):
        return self._key_dense

    @property
    def value_dense(self):
        return self._value_dense

    @property
    def output_dense(self):
        return self._output_dense

    # ---- masks -----------------------------------------------------------------------------------

    def compute_mask(self, query, previous_mask):
        return getattr(query, "_keras_mask", None)

    def _compute_attention_mask(
        self,
        query,
        value,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        use_causal_mask=False,
    ):
        """All masks as one, which broadcasts to (batch, query steps, value steps), or None."""
        masks = []
        if query_mask is not None:
            masks.append(query_mask.to(torch.bool).unsqueeze(-1))
        for mask in (value_mask, key_mask):
            if mask is not None:
                masks.append(mask.to(torch.bool).unsqueeze(-2))
        if use_causal_mask:
            masks.append(self._compute_causal_mask(query, value))
        if self.sliding_window is not None:
            masks.append(self._compute_sliding_window_mask(query, value))
        if attention_mask is not None:
            masks.append(attention_mask.to(torch.bool))
        return functools.reduce(torch.logical_and, masks) if masks else None

    def _compute_causal_mask(self, query, value=None):
        keys = (query if value is None else value).shape[1]
        return causal_mask(query.shape[1], keys, query.device)

    def _compute_sliding_window_mask(self, query, value=None):
        """True within the window on both sides: (1, queries, keys)."""
        keys = (query if value is None else value).shape[1]
        rows = torch.arange(query.shape[1], device=query.device).unsqueeze(1)
        columns = torch.arange(keys, device=query.device)
        return ((rows - columns).abs() < self.sliding_window).unsqueeze(0)

    # ---- the product -----------------------------------------------------------------------------

    def _fused(self, query, key, value, mask, causal, dropout=0.0):
        """torch's kernel, on tensors (batch, steps, heads, size)."""
        is_short = not dropout and self._flash_attention is None and _is_short(query, key)
        if is_short and causal:
            mask, causal = causal_mask(query.shape[1], key.shape[1], query.device), False
        bias = None
        if mask is not None:
            mask = mask.unsqueeze(1) if mask.dim() == 3 else mask
            # Finite, so that a query that may see nothing gets the mean of all.
            bias = torch.where(mask, 0.0, 0.7 * torch.finfo(query.dtype).min).to(query.dtype)
        if is_short:
            return _by_products(query, key, value, bias, self._scale)
        tensors = [x.transpose(1, 2) for x in (query, key, value)]
        options = {
            "dropout_p": dropout,
            "is_causal": causal,
            "scale": self._scale,
            "enable_gqa": query.shape[2] != key.shape[2],
        }
        if self._flash_attention is None:
            outputs = F.scaled_dot_product_attention(*tensors, bias, **options)
        else:
            with sdpa_kernel(WITH_FLASH if self._flash_attention else WITHOUT_FLASH):
                outputs = F.scaled_dot_product_attention(*tensors, bias, **options)
        return outputs.transpose(1, 2)

    def _masked_softmax(self, attention_scores, attention_mask=None, attended_axes=1):
        if attention_mask is not None:
            # (batch, 1 for the heads, ...)
            for _ in range(attention_scores.dim() - attention_mask.dim()):
                attention_mask = attention_mask.unsqueeze(-2 * attended_axes - 1)
        return self._softmax(attention_scores, mask=attention_mask)

    def _is_whole(self, x, training):
        """Whether `_at_once` would compute what `call` does, and faster."""
        return False

    def _check_flash(self, return_attention_scores):
        if self._flash_attention and return_attention_scores:
            raise ValueError(
                "Returning attention scores is not supported when flash attention is enabled. "
                "Please disable flash attention to access attention scores."
            )

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        nothing_given = query_mask is value_mask is key_mask is attention_mask is None
        nothing_hidden = nothing_given and self.sliding_window is None
        is_plain = nothing_hidden and not (use_causal_mask or return_attention_scores)
        if is_plain and query is key is value and self._is_whole(query, training):
            return self._at_once(query)
        # Where nothing else is hidden torch's kernel needs no mask, but a method of a subclass may.
        only_causal = use_causal_mask and nothing_hidden and self._has_own_product()
        if not only_causal:
            attention_mask = self._compute_attention_mask(
                query,
                value,
                query_mask=query_mask,
                value_mask=value_mask,
                key_mask=key_mask,
                attention_mask=attention_mask,
                use_causal_mask=use_causal_mask,
            )
        gate = self._gate_dense(query) if self.use_gate else None
        outputs, scores = self._attend(
            self._query_dense(query),
            self._key_dense(key),
            self._value_dense(value),
            attention_mask,
            training,
            return_attention_scores,
            only_causal,
        )
        outputs = self._output_dense(outputs if gate is None else outputs * gate)
        return (outputs, scores) if return_attention_scores else outputs

    def compute_output_spec(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        shapes = query.shape, value.shape, None if key is None else key.shape
        outputs = KerasTensor(self.compute_output_shape(*shapes), dtype=self.compute_dtype)
        mask = self.compute_mask(query, None)
        if mask is not None:
            outputs._keras_mask = mask
        if not return_attention_scores:
            return outputs
        return outputs, KerasTensor(self._scores_shape(*shapes[:2]), dtype=self.compute_dtype)

    def get_config(self):
        with shown(self, activity_regularizer=self._activity_regularizer, flash_attention=None):
            config = super().get_config()
        # Which kernel runs is a matter of the machine.
        del config["flash_attention"]
        return config


WITH_FLASH = [SDPBackend.FLASH_ATTENTION]
WITHOUT_FLASH = [SDPBackend.CUDNN_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def _is_short(query, key):
    """Whether torch's kernel for the CPU, made for long sequences, takes longer than plain products
    would: up to twice the time for some tens of steps."""
    if not query.is_cpu or torch.compiler.is_compiling():
        return False
    batch, queries, heads, _ = query.shape
    keys = key.shape[1]
    return (
        heads == key.shape[2]
        and max(queries, keys) <= (128 if torch.is_grad_enabled() else 64)
        # Below this, either takes as long as it takes to call it.
        and batch * heads * queries * keys >= 2**16
        and query.dtype in (torch.float32, torch.float64)
    )


def _by_products(query, key, value, bias, scale):
    """What the heads find, by a product of matrices for each, on tensors (batch, steps, heads,
    size)."""
    batch, queries, heads, _ = query.shape
    query, key, value = (x.transpose(1, 2).flatten(0, 1) for x in (query, key, value))
    unread = query.new_empty((1, 1, 1))
    scores = torch.baddbmm(unread, query, key.transpose(1, 2), beta=0, alpha=scale)
    if bias is not None:
        scores = (scores.unflatten(0, (batch, heads)) + bias).flatten(0, 1)
    outputs = torch.bmm(torch.softmax(scores, -1), value)
    return outputs.view(batch, heads, queries, -1).transpose(1, 2)


def _copied(initializer):
    if not hasattr(initializer, "get_config"):
        return initializer
    return type(initializer).from_config(initializer.get_config())


# What holds the projections of a `MultiHeadAttention`.
INTO_HEADS = ("_query_dense", "_key_dense", "_value_dense")
OUT_OF_HEADS = "_output_dense"


class MultiHeadAttention(_Heads):
    __doc__ = (
        """Attention with several heads, each with projections of its own.

    Args:
        num_heads: number of heads.
        key_dim: size of each head's queries and keys.
        value_dim: size of each head's values; None: `key_dim`.
        output_shape: shape of an output, without batch and steps; None: that of a query.
        attention_axes: axes that attention runs over; None: all but batch and features.
"""
        + _Heads.__doc__.partition("Args:\n")[2]
        + """
    >>> MultiHeadAttention(2, 4)(torch.ones(2, 5, 8), torch.ones(2, 3, 8)).shape
    torch.Size([2, 5, 8])
    """
    )

    def __init__(
        self,
        num_heads,
        key_dim,
        value_dim=None,
        dropout=0.0,
        use_bias=True,
        output_shape=None,
        attention_axes=None,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
            **kwargs,
        )
        self.num_heads = positive_int("num_heads", num_heads)
        self.key_dim = positive_int("key_dim", key_dim)
        self.value_dim = key_dim if value_dim is None else positive_int("value_dim", value_dim)
        self._scale = 1.0 / math.sqrt(key_dim)
        if isinstance(output_shape, int):
            output_shape = (output_shape,)
        if output_shape is not None and not isinstance(output_shape, (list, tuple)):
            raise ValueError(
                f"Invalid `output_shape`: {output_shape}. When specified, the `output_shape` "
                f"should be of type "
                "tuple, list, or int."
            )
        self._output_shape = tuple(output_shape) if output_shape else None
        if isinstance(attention_axes, int):
            attention_axes = (attention_axes,)
        elif attention_axes and not isinstance(attention_axes, (list, tuple)):
            raise ValueError(
                f"`attention_axes` must be an int, list, or tuple. "
                f"{received(attention_axes=attention_axes)}"
            )
        self.attention_axes = attention_axes

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        _check_steps(value_shape, key_shape)
        key_size, value_size = (self.num_heads, self.key_dim), (self.num_heads, self.value_dim)
        self._query_dense = self._to_heads(query_shape, key_size, "query")
        self._key_dense = self._to_heads(key_shape, key_size, "key")
        if self.use_gate:
            self._gate_dense = self._to_heads(query_shape, value_size, "gate", "sigmoid")
        self._value_dense = self._to_heads(value_shape, value_size, "value")
        self._build_attention(len(value_shape) + 1)
        output_shape = self._output_shape or (query_shape[-1],)
        free = len(query_shape) - 1
        equation, bias_axes = _projection_equation(free, 2, len(output_shape))
        sizes = (None,) * (free - 1) + output_shape
        self._output_dense = self._projection(equation, sizes, bias_axes, "attention_output")
        self._output_dense.build((*query_shape[:-1], *value_size))

    def _to_heads(self, shape, sizes, name, activation=None):
        equation, bias_axes = _projection_equation(len(shape) - 1, 1, 2)
        sizes = (None,) * (len(shape) - 2) + sizes
        layer = self._projection(equation, sizes, bias_axes, name, activation)
        layer.build(shape)
        return layer

    def _build_attention(self, rank):
        """Works out the products for projected tensors (batch, ..., heads, size) of that rank."""
        axes = self.attention_axes
        if axes is None:
            axes = range(1, rank - 2)
        self.attention_axes = tuple(axis if axis >= 0 else rank - 1 + axis for axis in axes)
        self._product, self._average = _attention_equations(rank, self.attention_axes)
        self._build_softmax(tuple(range(-len(self.attention_axes), 0)))

    def _has_own_product(self):
        return type(self)._compute_attention is MultiHeadAttention._compute_attention

    def _is_whole(self, x, training):
        return (
            x.is_cpu
            and x.dim() == 3
            and not torch.is_grad_enabled()
            and not torch.compiler.is_compiling()
            # The kernels are put together for each call, and the scores of all heads are kept.
            and x.shape[0] * x.shape[1] >= 256
            and x.shape[1] <= 128
            and self._has_kernel_of_torch(x.shape[2], x.dtype)
            and not (training and self.dropout)
            and not torch.is_autocast_enabled("cpu")
            and not any_global_hooks()
            and _scopes.stateless_scope() is None
        )

    def _has_kernel_of_torch(self, size, dtype):
        """Whether torch has a kernel for such sizes and options, and nobody looks at the parts."""
        return (
            self.num_heads * self.key_dim == self.num_heads * self.value_dim == size
            and self._output_shape in (None, (size,))
            and self.use_bias
            and not self.use_gate
            and self._flash_attention is None
            and self._has_own_product()
            and all([_is_bare(self._modules[name], dtype) for name in (*INTO_HEADS, OUT_OF_HEADS)])
        )

    def _at_once(self, x):
        """Attention of `x` to itself by a kernel of torch for all of it, without gradients."""
        into = [self._modules[name]._parameters for name in INTO_HEADS]
        out = self._modules[OUT_OF_HEADS]._parameters
        # Outputs before inputs: as these weights lie in memory.
        kernel = torch.cat([weights["kernel"].permute(1, 2, 0) for weights in into]).flatten(0, 1)
        bias = torch.cat([weights["bias"] for weights in into]).flatten()
        whole = torch._native_multi_head_attention(
            *(x, x, x, x.shape[-1], self.num_heads),
            *(kernel, bias, out["kernel"].permute(2, 0, 1).flatten(1), out["bias"]),
            need_weights=False,
        )
        return whole[0]

    def _attend(
        self, query, key, value, attention_mask, training, return_attention_scores, only_causal
    ):
        causal = {"use_causal_mask": True} if only_causal else {}
        return self._compute_attention(
            query, key, value, attention_mask, training, return_attention_scores, **causal
        )

    def _compute_attention(
        self,
        query,
        key,
        value,
        attention_mask=None,
        training=None,
        return_attention_scores=False,
        use_causal_mask=False,
    ):
        """What the heads find, and their weights if asked for; for subclasses to replace."""
        self._check_flash(return_attention_scores)
        dropout = self.dropout if training else 0.0
        drawn = dropout and self.seed is not None
        if (
            query.dim() == 4
            and len(self.attention_axes) == 1
            and not return_attention_scores
            and not drawn
        ):
            if use_causal_mask and attention_mask is not None:
                attention_mask = attention_mask & self._compute_causal_mask(query, value)
                use_causal_mask = False
            return self._fused(query, key, value, attention_mask, use_causal_mask, dropout), None
        if use_causal_mask:
            earlier = self._compute_causal_mask(query, value)
            attention_mask = earlier if attention_mask is None else attention_mask & earlier
        scores = torch.einsum(self._product, key, query * self._scale)
        scores = self._masked_softmax(scores, attention_mask, len(self.attention_axes))
        used = self._dropout_layer(scores, training=bool(training)) if dropout else scores
        return torch.einsum(self._average, used, value), scores

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        _check_steps(value_shape, value_shape if key_shape is None else key_shape)
        return (*query_shape[:-1], *(self._output_shape or query_shape[-1:]))

    def _scores_shape(self, query_shape, value_shape):
        places = range(1, len(query_shape) - 1)
        kept = [query_shape[axis] for axis in places if axis not in self.attention_axes]
        attended = [
            shape[axis] for shape in (query_shape, value_shape) for axis in self.attention_axes
        ]
        return (query_shape[0], *kept, self.num_heads, *attended)

    def get_config(self):
        # As an attribute `output_shape` would be taken for the shape of the outputs.
        with shown(self, output_shape=self._output_shape):
            return super().get_config()


def _is_bare(part, dtype):
    """Whether a projection's product and bias are all that it does."""
    return (
        type(part) is EinsumDense
        and part._may_be_hot
        and not part._mixed
        and not part.lora_enabled
        and part.activity_regularizer is None
        and part.kernel.dtype is dtype
    )


def _check_steps(value_shape, key_shape):
    if tuple(value_shape[1:-1]) != tuple(key_shape[1:-1]):
        raise ValueError(
            "All dimensions of `value` and `key`, except the last one, must be equal. "
            f"Received: value_shape={value_shape} and key_shape={key_shape}"
        )


def _projection_equation(free, summed, made):
    """The equation of a projection of the last axes, and the letters of what it makes."""
    letters = iter(string.ascii_lowercase)

    def take(count):
        return "".join(next(letters) for _ in range(count))

    free, summed, made = take(free), take(summed), take(made)
    return f"{free}{summed},{summed}{made}->{free}{made}", made


def _attention_equations(rank, axes):
    """The products that make scores of keys and queries, and averages of scores and values."""
    query = string.ascii_lowercase[:rank]
    others = iter(string.ascii_lowercase[rank:])
    key = "".join(next(others) if axis in axes else letter for axis, letter in enumerate(query))
    kept = "".join(letter for axis, letter in enumerate(query[:-1]) if axis not in axes)
    scores = kept + "".join(query[axis] for axis in axes) + "".join(key[axis] for axis in axes)
    return f"{key},{query}->{scores}", f"{scores},{key}->{query}"


class GroupedQueryAttention(_Heads):
    __doc__ = (
        """Attention with several heads, of which those of a group share keys and values.

    Args:
        head_dim: size of each head.
        num_query_heads: number of heads.
        num_key_value_heads: number of groups; it divides `num_query_heads`.
"""
        + _Heads.__doc__.partition("Args:\n")[2]
        + """
    >>> GroupQueryAttention(4, 4, 2)(torch.ones(2, 5, 8), torch.ones(2, 3, 8)).shape
    torch.Size([2, 5, 8])
    """
    )

    _keras_name = "GroupQueryAttention"

    def __init__(
        self,
        head_dim,
        num_query_heads,
        num_key_value_heads,
        dropout=0.0,
        use_bias=True,
        sliding_window=None,
        flash_attention=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        use_gate=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(
            dropout,
            use_bias,
            sliding_window,
            flash_attention,
            kernel_initializer,
            bias_initializer,
            kernel_regularizer,
            bias_regularizer,
            activity_regularizer,
            kernel_constraint,
            bias_constraint,
            use_gate,
            seed,
            **kwargs,
        )
        self.head_dim = head_dim
        self.num_query_heads = num_query_heads
        self.num_key_value_heads = num_key_value_heads
        if num_query_heads % num_key_value_heads:
            raise ValueError(
                "`num_query_heads` must be divisible by `num_key_value_heads`. "
                + received(num_query_heads=num_query_heads, num_key_value_heads=num_key_value_heads)
            )
        self.num_repeats = num_query_heads // num_key_value_heads
        self._scale = 1.0 / math.sqrt(head_dim)

    def build(self, query_shape, value_shape, key_shape=None):
        key_shape = value_shape if key_shape is None else key_shape
        self.feature_dim = query_shape[-1]
        heads = (None, self.num_query_heads, self.head_dim)
        groups = (None, self.num_key_value_heads, self.head_dim)
        self._query_dense = self._projection("bqm,muh->bquh", heads, "uh", "query")
        self._query_dense.build(query_shape)
        self._key_dense = self._projection("bkm,mvh->bkvh", groups, "vh", "key")
        self._key_dense.build(key_shape)
        if self.use_gate:
            self._gate_dense = self._projection("bqm,muh->bquh", heads, "uh", "gate", "sigmoid")
            self._gate_dense.build(query_shape)
        self._value_dense = self._projection("bkm,mvh->bkvh", groups, "vh", "value")
        self._value_dense.build(value_shape)
        self._build_softmax(-1)
        self._output_dense = self._projection(
            "bquh,uhm->bqm", (None, self.feature_dim), "m", "attention_output"
        )
        self._output_dense.build((None, *heads))

    def _has_own_product(self):
        return type(self)._compute_attention is GroupedQueryAttention._compute_attention

    def _attend(
        self, query, key, value, attention_mask, training, return_attention_scores, only_causal
    ):
        self._return_attention_scores = return_attention_scores
        causal = {"use_causal_mask": True} if only_causal else {}
        return self._compute_attention(
            query, key, value, attention_mask=attention_mask, training=training, **causal
        )

    def _compute_attention(
        self,
        query,
        key,
        value,
        attention_mask=None,
        training=None,
        use_causal_mask=False,
    ):
        """What the heads find, and their weights if asked for; for subclasses to replace."""
        self._check_flash(self._return_attention_scores)
        dropout = self.dropout if training else 0.0
        if not self._return_attention_scores and not (dropout and self.seed is not None):
            if use_causal_mask and attention_mask is not None:
                attention_mask = attention_mask & self._compute_causal_mask(query, value)
                use_causal_mask = False
            return self._fused(query, key, value, attention_mask, use_causal_mask, dropout), None
        if use_causal_mask:
            earlier = self._compute_causal_mask(query, value)
            attention_mask = earlier if attention_mask is None else attention_mask & earlier
        key = key.repeat_interleave(self.num_repeats, 2)
        value = value.repeat_interleave(self.num_repeats, 2)
        scores = torch.einsum("bquh,bkuh->buqk", query * self._scale, key)
        scores = self._masked_softmax(scores, attention_mask)
        used = self._dropout_layer(scores, training=bool(training)) if dropout else scores
        return torch.einsum("buqk,bkuh->bquh", used, value), scores

    def compute_output_shape(self, query_shape, value_shape, key_shape=None):
        if query_shape[-1] != value_shape[-1]:
            raise ValueError(
                "The last dimension of `query_shape` and `value_shape` must be equal, but are "
                f"{query_shape[-1]}, {value_shape[-1]}. "
                + received(query_shape=query_shape, value_shape=value_shape)
            )
        _check_steps(value_shape, value_shape if key_shape is None else key_shape)
        return query_shape

    def _scores_shape(self, query_shape, value_shape):
        return (query_shape[0], self.num_query_heads, query_shape[1], value_shape[1])


GroupQueryAttention = GroupedQueryAttention
