"""Sequences of unequal lengths as one array."""

from typing import Any

import numpy as np

from torchkeras._errors import received

__all__ = ["pad_sequences"]


def pad_sequences(
    sequences: Any,
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences filled up or cut to one length, as an array (sequences, length, ...).

    Args:
        maxlen: the length; None for that of the longest sequence.
        dtype: of the array; for strings `object`, or a type such as "U10" that holds them.
        padding: whether `value` is put before ("pre") or behind ("post") a short sequence.
        truncating: whether a long one loses its beginning ("pre") or its end ("post").

    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    _check(sequences, dtype, padding, truncating, value)
    lengths = [_length(sequence) for sequence in sequences]
    if maxlen is None:
        maxlen = max(lengths, default=0)
    first = next((s for s, length in zip(sequences, lengths) if length), ())
    shape = np.asarray(first).shape[1:]
    padded = np.full((len(lengths), maxlen, *shape), value, dtype=dtype)
    for row, sequence, length in zip(padded, sequences, lengths):
        kept = min(length, maxlen)
        if not kept:
            continue
        piece = sequence[length - kept :] if truncating == "pre" else sequence[:kept]
        piece = np.asarray(piece, dtype=dtype)
        if piece.shape[1:] != shape:
            raise ValueError(
                f"Shape of sample {piece.shape[1:]} of a sequence is different from expected "
                f"shape {shape}, that of the first one. Received: {str(sequence)[:100]}"
            )
        if padding == "post":
            row[:kept] = piece
        else:
            row[maxlen - kept :] = piece
    return padded


def _check(sequences: Any, dtype: Any, padding: str, truncating: str, value: Any) -> None:
    if not hasattr(sequences, "__len__"):
        raise ValueError(f"`sequences` must be iterable. Received: {str(sequences)[:100]}")
    for kind, place in (("Truncating", truncating), ("Padding", padding)):
        if place not in ("pre", "post"):
            raise ValueError(
                f'{kind} type "{place}" not understood. Use "pre" or "post". '
                + received(**{kind.lower(): place})
            )
    holds_text = dtype is object or np.dtype(dtype).kind in "SUO"
    if isinstance(value, str) and not holds_text:
        raise ValueError(
            f"`dtype` {dtype} is not compatible with `value`'s type: {type(value)}. You should "
            f"set `dtype=object` for variable length strings. {received(value=value)}"
        )


def _length(sequence: Any) -> int:
    try:
        return len(sequence)
    except TypeError:
        raise ValueError(
            f"`sequences` must be a list of iterables. Found non-iterable: {sequence}"
        ) from None
