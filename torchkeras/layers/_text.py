"""`TextVectorization`: texts to the indices of their words.

Texts are bytes in UTF-8 inside, so that case, punctuation and white space are what they are in
files of Keras: only those of ASCII count.
"""

import string
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, config
from torchkeras._data.adapters import is_array
from torchkeras._errors import one_of, received
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras._symbolic import FILLS, KerasTensor
from torchkeras.layers import _strings
from torchkeras.layers._lookup import DROPPED, MODES, OLD_MODES, Ragged, StringLookup, on_cpu
from torchkeras.layers._preparation import OnStrings, batches, stands_for_data

__all__ = ["TextVectorization"]


def padded(values: Tensor, lengths: np.ndarray, width: int | None, fill: int) -> Tensor:
    """Rows of different lengths as a matrix, filled up at their ends.

    Args:
        values: what is in the rows, in one axis.
        width: length to cut and fill rows to; None: that of the longest.
    """
    lengths = torch.from_numpy(lengths)
    count = len(lengths)
    if width is None:
        width = int(lengths.max()) if count else 0
    rows = torch.repeat_interleave(torch.arange(count), lengths)
    starts = lengths.cumsum(0) - lengths
    columns = torch.arange(len(values)) - starts[rows]
    kept = columns < width
    matrix = values.new_full((count, width), fill)
    matrix[rows[kept], columns[kept]] = values[kept]
    return matrix


# Bytes of capital letters to those of small ones. Others than ASCII's stay: as in Keras.
_LOWER = bytes.maketrans(string.ascii_uppercase.encode(), string.ascii_lowercase.encode())
_STANDARDIZERS = {
    "lower_and_strip_punctuation": (_LOWER, string.punctuation.encode()),
    "lower": (_LOWER, b""),
    "strip_punctuation": (None, string.punctuation.encode()),
}


class TextVectorization(OnStrings):
    """Texts to integers, or to vectors of the words in them.

    A text is standardized, split into tokens, joined to n-grams, and these are looked up in a
    vocabulary. Index 0 fills rows up, 1 stands for unknown tokens; in vectors place 0 does.

    Args:
        max_tokens: greatest size of the vocabulary; None: no limit.
        standardize: "lower_and_strip_punctuation", "lower", "strip_punctuation", None, or a
            function from an array of strings to one.
        split: "whitespace", "character", None, or a function from an array of strings to lists of
            tokens.
        ngrams: n-grams up to that length, or of the lengths in a tuple.
        output_mode: "int", or "multi_hot", "count", "tf_idf" for a vector of each text, "one_hot"
            for one of each token.
        output_sequence_length: length that rows are cut and filled up to, in mode "int".
        pad_to_max_tokens: whether vectors have `max_tokens` places, whatever the vocabulary.
        vocabulary: list or array of tokens, or the path of a file with one in each line.
        idf_weights: a weight for each token, in mode "tf_idf".
        sparse: must be False.
        ragged: must be False.
        encoding: encoding of texts that are given as bytes.

    Input shape: (batch,) or (batch, 1), of strings
    Output shape: (batch, length); modes of vectors: (batch, vocabulary)

    >>> layer = TextVectorization(output_sequence_length=4)
    >>> layer.adapt(["the cat sat", "the dog"])
    >>> layer(["The dog!", "a cat"])
    tensor([[2, 4, 0, 0],
            [1, 5, 0, 0]])
    """

    def __init__(
        self,
        max_tokens=None,
        standardize="lower_and_strip_punctuation",
        split="whitespace",
        ngrams=None,
        output_mode="int",
        output_sequence_length=None,
        pad_to_max_tokens=False,
        vocabulary=None,
        idf_weights=None,
        sparse=False,
        ragged=False,
        encoding="utf-8",
        name=None,
        **kwargs,
    ):
        output_mode = OLD_MODES.get(output_mode, output_mode)
        if ragged:
            raise ValueError(
                "`ragged=True` can only be used with the TensorFlow backend: outputs are filled up "
                "to one length here. " + received(ragged=ragged)
            )
        _check_text_arguments(standardize, split, ngrams, output_mode, output_sequence_length)
        has_vocabulary = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        size = kwargs.pop("vocabulary_size", None)
        if str(getattr(kwargs.get("dtype"), "name", kwargs.get("dtype"))) == "string":
            del kwargs["dtype"]
        super().__init__(name=name, **kwargs)
        self._standardize = standardize
        self._split = split
        self._ngrams_arg = ngrams
        self._output_mode = output_mode
        self._output_sequence_length = output_sequence_length
        self._ragged = ragged
        self._encoding = encoding
        self._has_input_vocabulary = has_vocabulary
        self._lookup_layer = StringLookup(
            max_tokens=max_tokens,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            pad_to_max_tokens=pad_to_max_tokens,
            mask_token="",
            output_mode=output_mode,
            sparse=sparse,
            has_input_vocabulary=has_vocabulary,
            encoding=encoding,
            vocabulary_size=size,
        )

    @property
    def compute_dtype(self):
        return "string"

    @property
    def variable_dtype(self):
        return "string"

    def build(self, input_shape=None):
        pass

    # ---- vocabulary ------------------------------------------------------------------------------

    def adapt(self, data, batch_size=None, steps=None):
        """Makes the vocabulary of the tokens in texts, the most frequent first.

        Args:
            data: array or list of texts; or a `Dataset`, generator or other iterable of batches of
                them.
            batch_size: how many texts of an array to take at a time; None: all.
            steps: how many batches to take at most.
        """
        self.reset_state()
        if isinstance(data, (str, list, tuple)) or is_array(data):
            data = np.atleast_1d(_text_array(data))
        for batch in batches(data, steps, batch_size):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the tokens of a batch of texts."""
        rows, _ = self._tokenized(_text_array(data))
        self._lookup_layer.update_state(rows)

    def finalize_state(self):
        """Makes the vocabulary of what was counted."""
        self._lookup_layer.finalize_state()

    def reset_state(self):
        """Forgets what was counted; the vocabulary stays."""
        self._lookup_layer.reset_state()

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in the order of their indices.

        Args:
            include_special_tokens: False to leave out those for filling up and for unknown ones.
        """
        return self._lookup_layer.get_vocabulary(include_special_tokens)

    def vocabulary_size(self):
        """Number of tokens, with those for filling up and for unknown ones."""
        return self._lookup_layer.vocabulary_size()

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Sets the vocabulary; see `StringLookup.set_vocabulary`."""
        self._lookup_layer.set_vocabulary(vocabulary, idf_weights=idf_weights)

    # ---- calling ---------------------------------------------------------------------------------

    def _tokenized(self, texts: np.ndarray) -> tuple[Ragged, tuple]:
        """The tokens of texts in rows, and the shape without the axis of tokens."""
        shape = texts.shape
        if callable(self._standardize):
            texts = np.asarray(self._standardize(_unicode(texts, self._encoding)))
            shape = texts.shape
        pieces = _strings.to_bytes(texts)
        if isinstance(self._standardize, str):
            table, deleted = _STANDARDIZERS[self._standardize]
            pieces = [piece.translate(table, deleted) for piece in pieces]
        if self._split is None:
            # The last axis, if there is one, is that of tokens already.
            width = shape[-1] if shape else 1
            lengths = np.full(len(pieces) // max(width, 1), width)
            return self._with_ngrams(Ragged(pieces, lengths)), shape[:-1]
        if len(shape) > 1:
            if shape[-1] != 1:
                raise ValueError(
                    "When using `TextVectorization` to tokenize strings, the input rank must be 1 "
                    f"or the last shape dimension must be 1. Received: inputs.shape={shape} with "
                    f"rank={len(shape)}"
                )
            shape = shape[:-1]
        return self._with_ngrams(self._split_up(pieces, shape)), shape

    def _split_up(self, pieces: list[bytes], shape: tuple) -> Ragged:
        if self._split == "whitespace":
            return Ragged.of_rows(piece.split() for piece in pieces)
        if self._split == "character":
            texts = (piece.decode(errors="replace") for piece in pieces)
            return Ragged.of_rows([character.encode() for character in text] for text in texts)
        texts = np.array([piece.decode() for piece in pieces], dtype=str).reshape(shape)
        rows = self._split(texts)
        if not shape:
            rows = [rows]
        return Ragged.of_rows(
            _strings.to_bytes(np.asarray(row, dtype=object).ravel()) for row in rows
        )

    def _with_ngrams(self, tokens: Ragged) -> Ragged:
        if self._ngrams_arg is None:
            return tokens
        widths = self._ngrams_arg
        widths = range(1, widths + 1) if isinstance(widths, int) else widths
        return Ragged.of_rows(
            [
                b" ".join(row[start : start + width])
                for width in widths
                for start in range(len(row) - width + 1)
            ]
            for row in tokens.rows()
        )

    def call(self, inputs):
        if stands_for_data(inputs):
            return self._shape_only(inputs)
        if isinstance(inputs, Tensor):
            raise ValueError(
                f"Layer {type(self).__name__} takes strings. Received: inputs of dtype "
                f"{inputs.dtype}"
            )
        lookup = self._lookup_layer
        tokens, shape = self._tokenized(np.asarray(inputs))
        indices = lookup.indices(tokens.values)
        fill = 0 if self._output_mode == "int" else DROPPED
        rows = padded(indices, tokens.lengths, self._output_sequence_length, fill)
        rows = rows.to(self._place.device).reshape((*shape, *rows.shape[1:]))
        if np.ndim(inputs) == 0 and self._split is None and self._ngrams_arg is None:
            rows = rows.squeeze(-1)
        return rows if self._output_mode == "int" else lookup._encoded(rows)

    def _shape_only(self, inputs: Tensor) -> Tensor:
        # The length of rows is unknown: it is one of the sizes that stand for that.
        unknown = next((size for size in inputs.shape if size in FILLS), FILLS[0])
        shape = self.compute_output_shape(tuple(inputs.shape))
        shape = [unknown if size is None else size for size in shape]
        dtype = _dtypes.torch_dtype(self._output_dtype())
        return torch.empty(shape, dtype=dtype, device="meta")

    def _output_dtype(self) -> str:
        return "int64" if self._output_mode == "int" else config.floatx()

    def compute_output_shape(self, input_shape):
        shape = tuple(input_shape)
        if self._split is not None:
            shape = (*(shape[:-1] if len(shape) > 1 else shape), None)
        elif self._ngrams_arg is not None:
            shape = (*shape[:-1], None)
        if self._output_mode == "int":
            length = self._output_sequence_length
            return shape if length is None else (*shape[:-1], length)
        return self._lookup_layer.compute_output_shape(shape)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self._output_dtype())

    # ---- files -----------------------------------------------------------------------------------

    def get_config(self):
        lookup = self._lookup_layer
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "max_tokens": lookup.max_tokens,
            "standardize": self._standardize,
            "split": self._split,
            "ngrams": self._ngrams_arg,
            "output_mode": self._output_mode,
            "output_sequence_length": self._output_sequence_length,
            "pad_to_max_tokens": lookup.pad_to_max_tokens,
            "sparse": lookup.sparse,
            "ragged": self._ragged,
            "vocabulary": lookup.input_vocabulary,
            "idf_weights": lookup.input_idf_weights,
            "encoding": self._encoding,
            "vocabulary_size": self.vocabulary_size(),
        }

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        for key in ("standardize", "split"):
            if isinstance(config.get(key), dict):
                config[key] = deserialize_keras_object(config[key])
        if isinstance(config.get("ngrams"), list):
            config["ngrams"] = tuple(config["ngrams"])
        return cls(**config)

    def save_own_variables(self, store):
        self._lookup_layer.save_own_variables(store)

    def load_own_variables(self, store):
        self._lookup_layer.load_own_variables(store)

    def save_assets(self, dir_path):
        """Writes the vocabulary to a folder, unless it is in the configuration."""
        self._lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        """Reads the vocabulary from a folder that `save_assets` wrote to."""
        self._lookup_layer.load_assets(dir_path)


def _check_text_arguments(standardize, split, ngrams, output_mode, length) -> None:
    if standardize is not None and not callable(standardize):
        one_of("standardize", standardize, _STANDARDIZERS)
    if split is not None and not callable(split):
        one_of("split", split, ("whitespace", "character"))
    one_of("output_mode", output_mode, MODES)
    sizes = ngrams if isinstance(ngrams, tuple) else (1 if ngrams is None else ngrams,)
    if not all(isinstance(size, int) for size in sizes):
        raise ValueError(
            "`ngrams` must be None, an integer, or a tuple of integers. " + received(ngrams=ngrams)
        )
    if output_mode == "int" and not (length is None or isinstance(length, int)):
        raise ValueError(
            "`output_sequence_length` must be either None or an integer when `output_mode` is "
            "'int'. " + received(output_sequence_length=length)
        )
    if output_mode != "int" and length is not None:
        raise ValueError(
            "`output_sequence_length` must not be set if `output_mode` is not 'int'. "
            + received(output_sequence_length=length)
        )


def _text_array(data: Any) -> np.ndarray:
    return np.asarray(on_cpu(_strings.as_array(data)))


def _unicode(texts: np.ndarray, encoding: str) -> np.ndarray:
    """Strings as an array of numpy's own, which functions of numpy take."""
    flat = [t.decode(encoding) if isinstance(t, bytes) else str(t) for t in texts.ravel().tolist()]
    return np.array(flat, dtype=str).reshape(texts.shape)
