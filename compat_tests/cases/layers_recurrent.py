"""Rows for recurrent layers, wrappers, attention and the rest of the core layers."""

from compat_tests.cases.layers import FIRST, STEPS, WEIGHTED, Case, Inner
from torchkeras import layers

SEQUENCES = {"return_sequences": True}
BACKWARDS = {"go_backwards": True}
MOVIE = (2, 3, 5, 6, 2)
RECURRENT_WEIGHTED = {
    "kernel_initializer": "he_normal",
    "recurrent_initializer": "glorot_uniform",
    "bias_initializer": "ones",
    "kernel_regularizer": "l2",
    "recurrent_regularizer": "l2",
    "bias_regularizer": "l2",
    "recurrent_constraint": "max_norm",
}

CORE = [
    Case(layers.Masking, {}, STEPS),
    Case(layers.Masking, {"mask_value": 0.5}, (4, 6)),
    Case(
        layers.EinsumDense, {"equation": "ab,bc->ac", "output_shape": 5, "bias_axes": "c"}, (3, 4)
    ),
    Case(
        layers.EinsumDense,
        {
            "equation": "abc,cd->abd",
            "output_shape": (None, 5),
            "bias_axes": "d",
            "activation": "relu",
        },
        STEPS,
    ),
    Case(layers.EinsumDense, {"equation": "...x,xy->...y", "output_shape": 5}, STEPS),
    Case(
        layers.EinsumDense,
        {"equation": "abc,cde->abde", "output_shape": (None, 2, 3), "bias_axes": "de"},
        STEPS,
    ),
    Case(
        layers.EinsumDense,
        {"equation": "abcd,cde->abe", "output_shape": (None, 5), "bias_axes": "e"},
        (2, 5, 3, 4),
    ),
    Case(
        layers.EinsumDense,
        {"equation": "abcd,cd->acb", "output_shape": (3, None), "bias_axes": "c"},
        (2, 5, 3, 4),
        unknown=False,
    ),
    Case(
        layers.EinsumDense,
        {"equation": "ab...,bc->ac...", "output_shape": 5, "bias_axes": "c"},
        (2, 4, 3, 5),
        unknown=False,
    ),
    Case(
        layers.EinsumDense,
        {
            "equation": "ab,bc->ac",
            "output_shape": 5,
            "bias_axes": "c",
            "kernel_initializer": "he_normal",
            "kernel_regularizer": "l2",
            "bias_regularizer": "l2",
            "activity_regularizer": "l2",
        },
        (3, 4),
    ),
]

RECURRENT = [
    *(
        Case(layer, {"units": 5, **config}, STEPS)
        for layer in (layers.SimpleRNN, layers.LSTM, layers.GRU)
        for config in (
            {},
            SEQUENCES,
            BACKWARDS,
            {**SEQUENCES, **BACKWARDS, "activation": "relu"},
            {"use_bias": False, **SEQUENCES},
            {"activation": "sigmoid", "unroll": True},
            RECURRENT_WEIGHTED,
        )
    ),
    Case(layers.LSTM, {"units": 5, "recurrent_activation": "hard_sigmoid", **SEQUENCES}, STEPS),
    Case(layers.LSTM, {"units": 5, "unit_forget_bias": False, "use_cudnn": False}, STEPS),
    Case(layers.GRU, {"units": 5, "reset_after": False, **SEQUENCES}, STEPS),
    Case(layers.GRU, {"units": 5, "reset_after": False, "use_bias": False}, STEPS),
    Case(layers.GRU, {"units": 5, "use_cudnn": False, **SEQUENCES}, STEPS),
    Case(layers.RNN, {"cell": Inner(layers.LSTMCell, {"units": 5}), **SEQUENCES}, STEPS),
    Case(layers.RNN, {"cell": Inner(layers.GRUCell, {"units": 5}), **BACKWARDS}, STEPS),
    Case(layers.RNN, {"cell": Inner(layers.SimpleRNNCell, {"units": 5})}, STEPS),
]

CONVOLUTIONAL = [
    Case(layers.ConvLSTM1D, {"filters": 3, "kernel_size": 3}, (2, 3, 6, 2), unknown=False),
    Case(layers.ConvLSTM2D, {"filters": 3, "kernel_size": 3, **SEQUENCES}, MOVIE, unknown=False),
    Case(
        layers.ConvLSTM2D,
        {"filters": 3, "kernel_size": (3, 2), "strides": 2, "padding": "same", **BACKWARDS},
        MOVIE,
        unknown=False,
    ),
    Case(
        layers.ConvLSTM2D,
        {"filters": 3, "kernel_size": 2, "dilation_rate": 2, "use_bias": False, **FIRST},
        (2, 3, 2, 5, 6),
        unknown=False,
    ),
    Case(
        layers.ConvLSTM2D,
        {
            "filters": 3,
            "kernel_size": 2,
            "recurrent_activation": "hard_sigmoid",
            **RECURRENT_WEIGHTED,
        },
        MOVIE,
        unknown=False,
    ),
    Case(layers.ConvLSTM3D, {"filters": 3, "kernel_size": 2}, (2, 3, 4, 5, 4, 2), unknown=False),
]

WRAPPERS = [
    Case(layers.TimeDistributed, {"layer": Inner(layers.Dense, {"units": 5})}, STEPS),
    Case(
        layers.TimeDistributed,
        {"layer": Inner(layers.Conv2D, {"filters": 3, "kernel_size": 2})},
        MOVIE,
        unknown=False,
    ),
    Case(layers.TimeDistributed, {"layer": Inner(layers.BatchNormalization, {})}, STEPS),
    *(
        Case(layers.Bidirectional, {"layer": Inner(layer, {"units": 5, **config}), **own}, STEPS)
        for layer in (layers.SimpleRNN, layers.LSTM, layers.GRU)
        for config, own in (
            ({}, {}),
            (SEQUENCES, {"merge_mode": "sum"}),
            (SEQUENCES, {"merge_mode": "concat"}),
            ({"activation": "relu"}, {"merge_mode": "mul"}),
            ({}, {"merge_mode": "ave"}),
        )
    ),
]

PAIR = [(2, 5, 4), (2, 3, 4)]
TRIPLE = [(2, 5, 4), (2, 3, 6), (2, 3, 4)]
ATTENTION = [
    Case(layers.Attention, {}, PAIR, unknown=False),
    Case(layers.Attention, {"use_scale": True}, TRIPLE, unknown=False),
    Case(layers.Attention, {"score_mode": "concat"}, PAIR, unknown=False),
    Case(layers.Attention, {"score_mode": "concat", "use_scale": True}, PAIR, unknown=False),
    Case(
        layers.Attention,
        {"dropout": 0.5, "seed": 3},
        PAIR,
        call={"use_causal_mask": True},
        unknown=False,
    ),
    Case(layers.AdditiveAttention, {}, PAIR, unknown=False),
    Case(layers.AdditiveAttention, {"use_scale": False}, TRIPLE, unknown=False),
]

CASES = [*CORE, *RECURRENT, *CONVOLUTIONAL, *WRAPPERS, *ATTENTION]

# Attention with several heads is called on several arguments: class, arguments, shapes of query,
# value and key, call.
HEADS = [
    (layers.MultiHeadAttention, {"num_heads": 2, "key_dim": 3}, [(2, 5, 4), (2, 3, 4)], {}),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "value_dim": 5, "output_shape": 7, **WEIGHTED},
        [(2, 5, 4), (2, 3, 6), (2, 3, 2)],
        {},
    ),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "use_bias": False},
        [(2, 5, 4), (2, 5, 4)],
        {"use_causal_mask": True},
    ),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3},
        [(2, 5, 4), (2, 3, 4)],
        {"return_attention_scores": True},
    ),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "use_gate": True, "sliding_window": 2},
        [(2, 5, 4), (2, 5, 4)],
        {"use_causal_mask": True},
    ),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "attention_axes": (2, 3)},
        [(2, 3, 4, 5, 6), (2, 3, 4, 5, 6)],
        {},
    ),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "attention_axes": 2, "output_shape": (2, 3)},
        [(2, 3, 4, 6), (2, 3, 5, 6)],
        {},
    ),
    (
        layers.MultiHeadAttention,
        {"num_heads": 2, "key_dim": 3, "dropout": 0.5, "seed": 3},
        [(2, 5, 4), (2, 5, 4)],
        {"training": True, "use_causal_mask": True},
    ),
    (
        layers.GroupQueryAttention,
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2},
        [(2, 5, 4), (2, 3, 4)],
        {},
    ),
    (
        layers.GroupQueryAttention,
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 1, "use_gate": True},
        [(2, 5, 4), (2, 5, 4), (2, 5, 4)],
        {"use_causal_mask": True},
    ),
    (
        layers.GroupQueryAttention,
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 4, "sliding_window": 2},
        [(2, 5, 4), (2, 5, 4)],
        {"return_attention_scores": True},
    ),
    (
        layers.GroupQueryAttention,
        {"head_dim": 3, "num_query_heads": 4, "num_key_value_heads": 2, "dropout": 0.5, "seed": 3},
        [(2, 5, 4), (2, 5, 4)],
        {"training": True},
    ),
]
