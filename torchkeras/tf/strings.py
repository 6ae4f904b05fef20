"""`tf.strings`: functions of text, element by element."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch

from torchkeras.layers._strings import fingerprints
from torchkeras.tf._convert import as_tensor, int_axes
from torchkeras.tf._missing import missing_from
from torchkeras.tf._printing import spelled
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor, bytes_of, text_of
from torchkeras.tf._tensor import sealed
from torchkeras.tf.dtypes import DType, as_dtype, float32, int32, int64, string, torch_dtype
from torchkeras.tf.errors import InvalidArgumentError

__all__ = [
    "as_string",
    "bytes_split",
    "format",
    "join",
    "length",
    "lower",
    "ngrams",
    "reduce_join",
    "regex_full_match",
    "regex_replace",
    "split",
    "strip",
    "substr",
    "to_hash_bucket",
    "to_hash_bucket_fast",
    "to_number",
    "unicode_decode",
    "unicode_decode_with_offsets",
    "unicode_encode",
    "unicode_script",
    "unicode_split",
    "unicode_split_with_offsets",
    "unicode_transcode",
    "unsorted_segment_join",
    "upper",
]


def _text(value: Any) -> Any:
    """Text as a tensor; ragged text as it is."""
    return value if isinstance(value, RaggedTensor) else StringTensor(value)


def _mapped(function: Callable[[str], str], value: Any) -> Any:
    """A tensor of `function` of each string, ragged where `value` is."""
    text = _text(value)
    if isinstance(text, RaggedTensor):
        return text.with_values(_mapped(function, text.values))
    return text.map(function)


def _is_unicode(encoding: str) -> bool:
    return encoding.upper().replace("-", "") == "UTF8"


def lower(input, encoding="", name=None):
    """Text in small letters; without `encoding="utf-8"` only A to Z are changed."""
    if _is_unicode(encoding):
        return _mapped(str.lower, input)
    return _mapped(lambda text: text.translate(_TO_LOWER), input)


def upper(input, encoding="", name=None):
    """Text in capital letters; without `encoding="utf-8"` only a to z are changed."""
    if _is_unicode(encoding):
        return _mapped(str.upper, input)
    return _mapped(lambda text: text.translate(_TO_UPPER), input)


_TO_LOWER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_TO_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}


def strip(input, name=None):
    """Text without white space at its ends."""
    return _mapped(str.strip, input)


# What RE2, TensorFlow's expressions, writes in another way than Python does.
_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7F",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1F\x7F",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


def _expression(pattern: Any) -> re.Pattern:
    text = text_of(pattern.values[()] if isinstance(pattern, StringTensor) else pattern)
    for name, members in _CLASSES.items():
        text = text.replace(f"[:{name}:]", members)
    text = text.replace(r"\pL", r"[^\W\d_]").replace(r"\p{L}", r"[^\W\d_]")
    return re.compile(text, re.ASCII if text.isascii() and "[^\\W" not in text else 0)


def regex_replace(input, pattern, rewrite, replace_global=True, name=None):
    r"""Text with what matches `pattern` replaced by `rewrite`, in which \1 is the first group."""
    expression = _expression(pattern)
    rewrite = text_of(rewrite.values[()] if isinstance(rewrite, StringTensor) else rewrite)
    template = re.sub(r"\\(\d)", r"\\g<\1>", rewrite.replace("\\\\", "\\\\\\\\"))
    template = re.sub(r"\\(?![g\\])", r"\\\\", template)
    count = 0 if replace_global else 1
    return _mapped(lambda text: expression.sub(template, text, count=count), input)


def regex_full_match(input, pattern, name=None):
    """Whether the whole of each string matches a pattern."""
    expression = _expression(pattern)
    return sealed(
        StringTensor(input).numbers(lambda text: bool(expression.fullmatch(text)), torch.bool)
    )


def split(input, sep=None, maxsplit=-1, name=None):
    """The parts of each string: a tensor for one string, a ragged one for several.

    Without `sep` they are what white space separates.
    """
    separator = None if sep in (None, "", b"") else text_of(sep)
    return _parts(input, lambda text: text.split(separator, maxsplit))


def bytes_split(input, name=None):
    """The bytes of each string."""
    return _parts(input, lambda text: [bytes([byte]) for byte in bytes_of(text)])


def _parts(value: Any, function: Callable[[str], list], dtype: DType = string) -> Any:
    """What `function` gives of each string: a tensor of one string, a ragged one of several."""
    text = _text(value)
    if isinstance(text, RaggedTensor):
        return text.with_values(_parts(text.values, function, dtype))
    if text.ndim:
        return RaggedTensor.from_rows([_parts(row, function, dtype) for row in text], dtype)
    found = function(text_of(text.values[()]))
    if dtype == string:
        return StringTensor(np.array([*found, None], object)[:-1])
    return sealed(torch.tensor(found, dtype=torch_dtype(dtype)))


def unicode_split(
    input, input_encoding="UTF-8", errors="replace", replacement_char=65533, name=None
):
    """The characters of each string, in its encoding.

    Raises:
        InvalidArgumentError: an unknown encoding, or text that is none with `errors="strict"`.
    """
    coding = _Coding(input_encoding, errors, replacement_char)
    return _parts(input, lambda text: [coding.encoded(c) for c, _ in coding.letters(text)])


def unicode_decode(
    input,
    input_encoding="UTF-8",
    errors="replace",
    replacement_char=65533,
    replace_control_characters=False,
    name=None,
):
    """The code points of the characters of each string.

    Raises:
        InvalidArgumentError: an unknown encoding, or text that is none with `errors="strict"`.
    """
    coding = _Coding(input_encoding, errors, replacement_char, replace_control_characters)
    return _parts(input, lambda text: [ord(c) for c, _ in coding.letters(text)], int32)


def unicode_encode(
    input, output_encoding="UTF-8", errors="replace", replacement_char=65533, name=None
):
    """The strings of code points, which are along the last axis.

    Raises:
        InvalidArgumentError: an unknown encoding, or a number that is no character with
            `errors="strict"`.
    """
    rows = list(input) if isinstance(input, RaggedTensor) else as_tensor(input)
    if isinstance(rows, list) or rows.dim() > 1:
        words = [
            unicode_encode(row, output_encoding, errors, replacement_char).values.tolist()
            for row in rows
        ]
        return StringTensor(words)
    coding = _Coding(output_encoding, errors, replacement_char)
    return StringTensor(coding.encoded("".join(map(coding.letter, rows.tolist()))))


class _Coding(NamedTuple):
    """How text is read from bytes and written: what is no text is replaced, left out or an
    error."""

    encoding: str
    errors: str = "replace"
    replacement_char: int = 65533
    replace_control_characters: bool = False

    @property
    def sign(self) -> str:
        """What stands in the place of no text."""
        if self.errors not in ("strict", "replace", "ignore"):
            raise InvalidArgumentError(
                "`errors` must be one of 'strict', 'replace', 'ignore'. "
                f"Received: errors={self.errors!r}"
            )
        return "" if self.errors == "ignore" else chr(self.replacement_char)

    def letters(self, word: str | bytes) -> list[tuple[str, int]]:
        """The characters of a string, each with the byte at which it begins."""
        data, start, found, sign = bytes_of(word), 0, [], self.sign
        while start < len(data):
            text, length = self._before_error(data[start:])
            for letter in text:
                is_control = self.replace_control_characters and letter < " "
                found.append((sign if is_control else letter, start))
                start += len(letter.encode(self.encoding))
            if length:
                found.append((sign, start))
                start += length
        return [(letter, place) for letter, place in found if letter]

    def _before_error(self, data: bytes) -> tuple[str, int]:
        """The text up to the first bytes that are none, and their number."""
        try:
            return data.decode(self.encoding), 0
        except UnicodeDecodeError as error:
            if self.errors == "strict":
                raise InvalidArgumentError(
                    f"Invalid formatting on input string: {error}"
                ) from error
            return data[: error.start].decode(self.encoding), error.end - error.start
        except LookupError as error:
            raise InvalidArgumentError(
                f"Could not create converter for input encoding: {self.encoding}"
            ) from error

    def letter(self, point: int) -> str:
        """The character of a code point."""
        if 0 <= point < 0xD800 or 0xDFFF < point < 0x110000:
            return chr(point)
        if self.errors == "strict":
            raise InvalidArgumentError(
                f"Code point is out of range for Unicode, or is a surrogate. Received: {point}"
            )
        return self.sign

    def encoded(self, text: str) -> str | bytes:
        """Text in the encoding."""
        if self.encoding not in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
            raise InvalidArgumentError(
                "Text is written as 'UTF-8', 'UTF-16-BE' or 'UTF-32-BE'. "
                f"Received: {self.encoding!r}"
            )
        return text if self.encoding == "UTF-8" else text.encode(self.encoding)


def unicode_script(input, name=None):
    """The number of the script of code points: 25 for Latin letters, 8 Cyrillic, 14 Greek,
    17 Han, 0 for what all scripts share.

    Raises:
        ValueError: a code point is of another script.
    """
    points = as_tensor(input)
    return sealed(
        torch.tensor([_script(int(p)) for p in points.reshape(-1)]).int().reshape(points.shape)
    )


_SCRIPTS = [
    (0x41, 0x5A, 25),
    (0x61, 0x7A, 25),
    (0xC0, 0x24F, 25),
    (0x370, 0x3FF, 14),
    (0x400, 0x52F, 8),
    (0x4E00, 0x9FFF, 17),
    (0x3041, 0x3096, 20),
    (0x30A1, 0x30FA, 22),
]


def _script(point: int) -> int:
    for first, last, number in _SCRIPTS:
        if first <= point <= last and point not in (0xD7, 0xF7):
            return number
    if point < 0x370 or 0x2000 <= point < 0x2070 or 0x3000 <= point < 0x3005:
        return 0
    raise ValueError(f"The script of this code point is not known. Received: {point:#x}")


def join(inputs, separator="", name=None):
    """The strings of several tensors joined, element by element."""
    tensors = [_text(value) for value in inputs]
    if any(isinstance(tensor, RaggedTensor) for tensor in tensors):
        flat = [t.values if isinstance(t, RaggedTensor) else t for t in tensors]
        first = next(t for t in tensors if isinstance(t, RaggedTensor))
        return first.with_values(join(flat, separator))
    total = tensors[0]
    for tensor in tensors[1:]:
        total = total + text_of(separator) + tensor
    return total


def reduce_join(inputs, axis=None, keepdims=False, separator="", name=None):
    """The strings along the given axes joined, along all by default."""
    if isinstance(inputs, RaggedTensor):
        return StringTensor([reduce_join(row, None, False, separator).values[()] for row in inputs])
    text = StringTensor(inputs)
    axes = sorted(a % text.ndim for a in int_axes(axis, text))
    values = text.values
    for axis in reversed(axes):
        moved = np.moveaxis(values, axis, -1)
        joined = np.empty(moved.shape[:-1], object)
        for index in np.ndindex(joined.shape):
            joined[index] = text_of(separator).join(map(text_of, moved[index]))
        values = np.expand_dims(joined, axis) if keepdims else joined
    return StringTensor(values)


def length(input, unit="BYTE", name=None):
    """The number of bytes, or of characters (`unit="UTF8_CHAR"`), of each string."""
    count = len if unit == "UTF8_CHAR" else (lambda text: len(bytes_of(text)))
    if isinstance(input, RaggedTensor):
        return input.with_values(length(input.values, unit))
    return sealed(StringTensor(input).numbers(count, torch.int32))


def substr(input, pos, len, unit="BYTE", name=None):
    """`len` bytes or characters of each string, from `pos` on."""
    start, size = int(pos), int(len)

    def part(text):
        whole = text if unit == "UTF8_CHAR" else bytes_of(text)
        begin = start if start >= 0 else max(whole.__len__() + start, 0)
        return whole[begin : begin + size]

    return _mapped(part, input)


def to_number(input, out_type=float32, name=None):
    """The numbers that strings spell.

    Raises:
        InvalidArgumentError: a string is no number.
    """
    dtype = as_dtype(out_type)

    def number(text):
        try:
            return float(text) if dtype.is_floating else int(text)
        except ValueError:
            raise InvalidArgumentError(
                f"StringToNumberOp could not correctly convert string: {text}"
            ) from None

    if isinstance(input, RaggedTensor):
        return input.with_values(to_number(input.values, dtype))
    return sealed(StringTensor(input).numbers(number, dtype.torch))


def as_string(input, precision=-1, scientific=False, shortest=False, width=-1, fill="", name=None):
    """Numbers as text."""
    x = as_tensor(input)
    if isinstance(x, StringTensor):
        return x
    if isinstance(x, RaggedTensor):
        flat = as_string(x.flat_values, precision, scientific, shortest, width, fill)
        return x.with_flat_values(flat)
    kind = ("e" if scientific else "g" if shortest else "f") if x.is_floating_point() else "d"
    digits = f".{precision}" if precision >= 0 and kind != "d" else ""
    size = f"{fill}{width}" if width > -1 else ""

    def spelled(number):
        return str(number).lower() if x.dtype is torch.bool else f"{number:{size}{digits}{kind}}"

    values = np.empty(tuple(x.shape), object)
    for index, number in np.ndenumerate(np.asarray(x.tolist(), object)):
        values[index] = spelled(number)
    return StringTensor(values)


def format(template, inputs, placeholder="{}", summarize=3, name=None):
    """The template with each placeholder replaced by the values of a tensor.

    Args:
        summarize: how many elements are shown at both ends of an axis; -1 for all.

    Raises:
        ValueError: not as many placeholders as tensors.
    """
    inputs = inputs if isinstance(inputs, list | tuple) else [inputs]
    parts = template.split(placeholder)
    if len(parts) - 1 != len(inputs):
        raise ValueError(
            f"The template expects {len(parts) - 1} tensors, but there are {len(inputs)} inputs. "
            f"Received: template={template!r}"
        )
    shown = [spelled(as_tensor(value), summarize) for value in inputs]
    return StringTensor("".join(a + b for a, b in zip(parts, [*shown, ""])))


def ngrams(
    data,
    ngram_width,
    separator=" ",
    pad_values=None,
    padding_width=None,
    preserve_short_sequences=False,
    name=None,
):
    """Neighbours along the last axis, `ngram_width` of them, joined."""
    widths = [ngram_width] if isinstance(ngram_width, int) else list(ngram_width)

    def row_of(words):
        found = [
            separator.join(words[i : i + width])
            for width in widths
            for i in range(len(words) - width + 1)
        ]
        return [separator.join(words)] if not found and preserve_short_sequences else found

    def padded(row, width):
        words = [text_of(word) for word in row]
        if pad_values is None:
            return words
        left, right = (pad_values,) * 2 if isinstance(pad_values, str) else pad_values
        count = width - 1 if padding_width is None else min(padding_width, width - 1)
        return [left] * count + words + [right] * count

    text = _text(data)
    if isinstance(text, StringTensor) and text.ndim == 1:
        return StringTensor(np.array(row_of(padded(text.values, max(widths))), object))
    rows = [StringTensor(np.array(row_of(padded(row.values, max(widths))), object)) for row in text]
    return RaggedTensor.from_rows(rows, string)


def to_hash_bucket_fast(input, num_buckets, name=None):
    """A number below `num_buckets` for each string: FarmHash's fingerprint, as in TensorFlow."""
    return _buckets(input, num_buckets)


def to_hash_bucket(input, num_buckets, name=None):
    """A number below `num_buckets` for each string."""
    return _buckets(input, num_buckets)


def _buckets(value: Any, count: int) -> Any:
    if isinstance(value, RaggedTensor):
        return value.with_values(_buckets(value.values, count))
    text = StringTensor(value)
    found = fingerprints([bytes_of(word) for word in text.values.flat]) % np.uint64(count)
    return sealed(torch.from_numpy(found.astype(np.int64).reshape(text.values.shape)))


def unicode_split_with_offsets(
    input, input_encoding="UTF-8", errors="replace", replacement_char=65533, name=None
):
    """The characters of each string, and the byte at which each begins."""
    coding = _Coding(input_encoding, errors, replacement_char)
    return unicode_split(input, *coding[:3]), _offsets(input, coding)


def unicode_decode_with_offsets(
    input,
    input_encoding="UTF-8",
    errors="replace",
    replacement_char=65533,
    replace_control_characters=False,
    name=None,
):
    """The numbers of the characters of each string, and the byte at which each begins."""
    coding = _Coding(input_encoding, errors, replacement_char, replace_control_characters)
    return unicode_decode(input, *coding), _offsets(input, coding)


def _offsets(value: Any, coding: _Coding) -> Any:
    return _parts(value, lambda text: [place for _, place in coding.letters(text)], int64)


def unicode_transcode(
    input,
    input_encoding,
    output_encoding,
    errors="replace",
    replacement_char=65533,
    replace_control_characters=False,
    name=None,
):
    """Text in another encoding; what is no text is replaced, left out or an error.

    Raises:
        InvalidArgumentError: an unknown encoding, or text that is none with `errors="strict"`.
    """
    text, written = StringTensor(input), _Coding(output_encoding)
    coding = _Coding(input_encoding, errors, replacement_char, replace_control_characters)
    words = [
        written.encoded("".join(letter for letter, _ in coding.letters(word)))
        for word in text.values.flat
    ]
    return StringTensor(np.array([*words, None], object)[:-1].reshape(text.values.shape))


def unsorted_segment_join(inputs, segment_ids, num_segments, separator="", name=None):
    """The strings of the same segment as one."""
    words = [text_of(word) for word in StringTensor(inputs).values.flat]
    numbers = as_tensor(segment_ids).reshape(-1).tolist()
    rows: list[list[str]] = [[] for _ in range(int(num_segments))]
    for word, number in zip(words, numbers):
        if number >= 0:
            rows[number].append(word)
    return StringTensor(np.array([*map(separator.join, rows), None], object)[:-1])


__getattr__ = missing_from("tf.strings")
