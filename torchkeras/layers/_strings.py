"""Arrays of strings: to bytes and back, and the two hashes that Keras puts them into bins with.

The hashes are those of TensorFlow's string functions, so bins agree with models trained there:
FarmHash's 64-bit fingerprint (https://github.com/google/farmhash) and SipHash-2-4 with a key
(https://www.131002.net/siphash/siphash.pdf). Both run on all strings of a call at once.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch import Tensor

__all__ = []

_WORD = np.dtype("<u8")
_HALF = np.dtype("<u4")

# Constants of FarmHash.
_K0 = np.uint64(0xC3A5C85C97CB3127)
_K1 = np.uint64(0xB492B66FBE98F273)
_K2 = np.uint64(0x9AE16A3B2F90404F)
_SEED = np.uint64(81)
# Constants of SipHash.
_SIP_START = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
# The constant that TensorFlow combines fingerprints with, and where feature crosses start.
_CAT = np.uint64(0xC6A4A7935BD1E995)
CROSS_KEY = 0xDECAFCAFFE


# Arrays


def is_text(array: np.ndarray) -> bool:
    """Whether an array holds strings; an empty array of objects does not."""
    if array.dtype.kind == "O":
        return array.size > 0 and isinstance(array.flat[0], (str, bytes))
    return array.dtype.kind in "SUT"


def as_array(value: Any) -> Any:
    """Strings and nested lists of strings or numbers as an array; all else as it is."""
    if isinstance(value, (str, bytes)):
        return np.array(value, dtype=object)
    if not isinstance(value, (list, tuple)):
        return value
    first = value
    while isinstance(first, (list, tuple)) and len(first):
        first = first[0]
    if isinstance(first, (str, bytes)):
        return _array_of_strings(value)
    if isinstance(first, (bool, int, float, np.generic)):
        return np.array(value)
    if isinstance(first, np.ndarray):
        return np.stack(value) if is_text(first) else value
    return value


def _array_of_strings(value: Sequence) -> np.ndarray:
    array = np.array(value, dtype=object)
    if array.size and not isinstance(array.flat[0], (str, bytes)):
        raise ValueError(
            "Lists of strings must have equal lengths to form one array. "
            f"Received: {str(value)[:200]}"
        )
    return array


def to_bytes(array: np.ndarray) -> list[bytes]:
    """The strings of an array in order, in UTF-8."""
    flat = array.ravel().tolist()
    if flat and type(flat[0]) is bytes and all(type(item) is bytes for item in flat):
        return flat
    return [item if isinstance(item, bytes) else str(item).encode() for item in flat]


def decimals(array: np.ndarray) -> list[bytes]:
    """Integers as they are written."""
    return [b"%d" % number for number in array.ravel().tolist()]


def as_strings(value: Any) -> tuple[list[bytes], tuple[int, ...]]:
    """The strings, and the shape, of an array or tensor of strings or numbers.

    Floating point numbers are written without their fraction.
    """
    if isinstance(value, Tensor):
        value = value.detach().cpu().numpy()
    array = np.asarray(value)
    if is_text(array) or array.dtype.kind == "O":
        return to_bytes(array), array.shape
    return decimals(array.astype(np.int64)), array.shape


# Hashing


def _packed(strings: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All bytes, with room to read beyond the end; where each string starts; their lengths."""
    lengths = np.fromiter(map(len, strings), np.int64, len(strings))
    starts = np.zeros(len(strings), np.int64)
    np.cumsum(lengths[:-1], out=starts[1:])
    data = np.frombuffer(b"".join(strings) + bytes(8), np.uint8)
    return data, starts, lengths


class _Bytes:
    """Reads a word of each of many strings."""

    def __init__(self, data: np.ndarray, starts: np.ndarray):
        self.words = np.lib.stride_tricks.sliding_window_view(data, 8)
        self.data = data
        self.starts = starts

    def word(self, offset: Any) -> np.ndarray:
        """The 8 bytes at an offset, or at one for each string, as an unsigned number."""
        rows = np.ascontiguousarray(self.words[self.starts + offset])
        return rows.view(_WORD)[:, 0].astype(np.uint64, copy=False)

    def half(self, offset: Any) -> np.ndarray:
        """The 4 bytes at an offset."""
        rows = np.ascontiguousarray(self.words[self.starts + offset][:, :4])
        return rows.view(_HALF)[:, 0].astype(np.uint64)

    def byte(self, offset: Any) -> np.ndarray:
        return self.data[self.starts + offset].astype(np.uint64)


def _rotated(x: np.ndarray, right: int) -> np.ndarray:
    return (x >> np.uint64(right)) | (x << np.uint64(64 - right))


def _mixed(x: np.ndarray) -> np.ndarray:
    return x ^ (x >> np.uint64(47))


def _of_pair(u: np.ndarray, v: np.ndarray, factor: np.ndarray) -> np.ndarray:
    a = _mixed((u ^ v) * factor)
    return _mixed((v ^ a) * factor) * factor


def _up_to_3(read: _Bytes, length: np.ndarray) -> np.ndarray:
    size = length.astype(np.uint64)
    y = read.byte(0) + (read.byte(length >> 1) << np.uint64(8))
    z = size + (read.byte(length - 1) << np.uint64(2))
    return _mixed(y * _K2 ^ z * _K0) * _K2


def _up_to_7(read: _Bytes, length: np.ndarray) -> np.ndarray:
    size = length.astype(np.uint64)
    factor = _K2 + size * np.uint64(2)
    return _of_pair(size + (read.half(0) << np.uint64(3)), read.half(length - 4), factor)


def _up_to_16(read: _Bytes, length: np.ndarray) -> np.ndarray:
    factor = _K2 + length.astype(np.uint64) * np.uint64(2)
    a = read.word(0) + _K2
    b = read.word(length - 8)
    c = _rotated(b, 37) * factor + a
    d = (_rotated(a, 25) + b) * factor
    return _of_pair(c, d, factor)


def _halves(read: _Bytes, length: np.ndarray, first: np.uint64):
    """What strings of 17 to 64 bytes have in common: two sums, the first product, the factor."""
    factor = _K2 + length.astype(np.uint64) * np.uint64(2)
    a = read.word(0) * first
    b = read.word(8)
    c = read.word(length - 8) * factor
    d = read.word(length - 16) * _K2
    y = _rotated(a + b, 43) + _rotated(c, 30) + d
    return y, a + _rotated(b + _K2, 18) + c, a, factor


def _up_to_32(read: _Bytes, length: np.ndarray) -> np.ndarray:
    y, z, _, factor = _halves(read, length, _K1)
    return _of_pair(y, z, factor)


def _up_to_64(read: _Bytes, length: np.ndarray) -> np.ndarray:
    y, z, a, factor = _halves(read, length, _K2)
    z = _of_pair(y, z, factor)
    e = read.word(16) * factor
    f = read.word(24)
    g = (y + read.word(length - 32)) * factor
    h = (z + read.word(length - 24)) * factor
    u = _rotated(e + f, 43) + _rotated(g, 30) + h
    return _of_pair(u, e + _rotated(f + a, 18) + g, factor)


def _weak(read: _Bytes, offset: Any, a: np.ndarray, b: np.ndarray):
    """Two numbers from the 32 bytes at an offset and two seeds."""
    w, x, y, z = (read.word(offset + step) for step in (0, 8, 16, 24))
    a = a + w
    b = _rotated(b + a + z, 21)
    total = a + x + y
    return total + z, b + _rotated(total, 44) + a


def _round(read, offset, x, y, z, v, w, factor, weight):
    """Takes in the 64 bytes at an offset."""
    x = _rotated(x + y + v[0] + read.word(offset + 8), 37) * factor
    y = _rotated(y + v[1] + read.word(offset + 48), 42) * factor
    x = x ^ (w[1] * weight)
    y = y + v[0] * weight + read.word(offset + 40)
    z = _rotated(z + w[0], 33) * factor
    v = _weak(read, offset, v[1] * factor, x + w[0])
    w = _weak(read, offset + 32, z + w[1], y + read.word(offset + 16))
    return z, y, x, v, w


def _beyond_64(read: _Bytes, length: np.ndarray) -> np.ndarray:
    """Strings that all have the same number of whole blocks before their end."""
    blocks = int(length[0] - 1) // 64
    zeros = np.zeros(len(length), np.uint64)
    one = np.uint64(1)
    y = zeros + _SEED * _K1 + np.uint64(113)
    z = _mixed(y * _K2 + np.uint64(113)) * _K2
    x = (zeros + _SEED) * _K2 + read.word(0)
    v = w = (zeros, zeros)
    for block in range(blocks):
        x, y, z, v, w = _round(read, 64 * block, x, y, z, v, w, _K1, one)
    factor = _K1 + ((z & np.uint64(0xFF)) << one)
    first = w[0] + ((length - 1) & 63).astype(np.uint64)
    v = (v[0] + first, v[1])
    w = (first + v[0], w[1])
    x, y, z, v, w = _round(read, length - 64, x, y, z, v, w, factor, np.uint64(9))
    left = _of_pair(v[0], w[0], factor) + _mixed(y) * _K0 + z
    return _of_pair(left, _of_pair(v[1], w[1], factor) + x, factor)


# How strings up to a length are hashed.
_BY_LENGTH: tuple[tuple[int, Callable], ...] = (
    (3, _up_to_3),
    (7, _up_to_7),
    (16, _up_to_16),
    (32, _up_to_32),
    (64, _up_to_64),
)


def fingerprints(strings: Sequence[bytes]) -> np.ndarray:
    """FarmHash's `Fingerprint64` of each string, as uint64."""
    data, starts, lengths = _packed(strings)
    found = np.full(len(strings), _K2, np.uint64)
    with np.errstate(over="ignore"):
        least = 1
        for most, function in _BY_LENGTH:
            _fill(found, data, starts, lengths, (lengths >= least) & (lengths <= most), function)
            least = most + 1
        for blocks in np.unique((lengths[lengths > 64] - 1) // 64):
            chosen = (lengths > 64) & ((lengths - 1) // 64 == blocks)
            _fill(found, data, starts, lengths, chosen, _beyond_64)
    return found


def _fill(found, data, starts, lengths, chosen, function) -> None:
    places = chosen.nonzero()[0]
    if len(places):
        found[places] = function(_Bytes(data, starts[places]), lengths[places])


def sip_hashes(strings: Sequence[bytes], key: Sequence[int]) -> np.ndarray:
    """SipHash-2-4 of each string with a key of two numbers, as uint64."""
    data, starts, lengths = _packed(strings)
    found = np.zeros(len(strings), np.uint64)
    with np.errstate(over="ignore"):
        for words in np.unique(lengths // 8):
            places = (lengths // 8 == words).nonzero()[0]
            read = _Bytes(data, starts[places])
            found[places] = _sip(read, lengths[places], int(words), key)
    return found


def _sip(read: _Bytes, length: np.ndarray, words: int, key: Sequence[int]) -> np.ndarray:
    """Strings that all have the same number of whole words."""
    state = [
        np.full(len(length), start ^ (key[i % 2] & 0xFFFFFFFFFFFFFFFF), np.uint64)
        for i, start in enumerate(_SIP_START)
    ]
    rest = (length & 7).astype(np.uint64)
    kept = (np.uint64(1) << (rest * np.uint64(8))) - np.uint64(1)
    last = (read.word(8 * words) & kept) | (length.astype(np.uint64) << np.uint64(56))
    for word in range(words + 1):
        message = read.word(8 * word) if word < words else last
        state[3] = state[3] ^ message
        state = _sip_round(*_sip_round(*state))
        state[0] = state[0] ^ message
    state[2] = state[2] ^ np.uint64(0xFF)
    for _ in range(4):
        state = _sip_round(*state)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def _sip_round(a, b, c, d) -> list[np.ndarray]:
    a, c = a + b, c + d
    b, d = _rotated(b, 64 - 13) ^ a, _rotated(d, 64 - 16) ^ c
    a = _rotated(a, 32)
    c, a = c + b, a + d
    b, d = _rotated(b, 64 - 17) ^ c, _rotated(d, 64 - 21) ^ a
    return [a, b, _rotated(c, 32), d]


def hash_bins(strings: Sequence[bytes], num_bins: int, salt: Sequence[int] | None) -> np.ndarray:
    """The bin of each string, as int64: by its fingerprint, or with salt by its SipHash."""
    hashes = fingerprints(strings) if salt is None else sip_hashes(strings, salt)
    return (hashes % np.uint64(num_bins)).astype(np.int64)


def crossed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One number for each pair of numbers (uint64)."""
    with np.errstate(over="ignore"):
        result = first ^ _CAT
        result = (result ^ _mixed(second * _CAT) * _CAT) * _CAT
        return _mixed(_mixed(result) * _CAT)
