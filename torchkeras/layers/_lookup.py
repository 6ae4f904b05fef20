"""Layers that look things up in a vocabulary: strings and integers.

Strings are Python's or numpy's; inside they are bytes in UTF-8, so that their order and hashes are
what they are in files of Keras.
"""

import collections
import itertools
import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, config
from torchkeras._data.adapters import is_array
from torchkeras._errors import one_of, received
from torchkeras._serialize import in_safe_mode, serialize_keras_object
from torchkeras._symbolic import KerasTensor
from torchkeras.layers import _strings
from torchkeras.layers._preparation import (
    OnStrings,
    batches,
    encode,
    encoded_shape,
    key_of,
    no_sparse,
    stands_for_data,
)

__all__ = ["IntegerLookup", "StringLookup"]

MODES = ("int", "one_hot", "multi_hot", "count", "tf_idf")
OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}
# The index of what is to be dropped, which no vector has a place for.
DROPPED = np.iinfo(np.int64).max
_UNKNOWN = -1
_VOCABULARY = "vocabulary.txt"
# Beside it where a token has line breaks in it or the last is empty, which that cannot hold.
_ESCAPED = "vocabulary.escaped.txt"


class Ragged:
    """Rows of tokens, of different lengths: all tokens, and the lengths."""

    def __init__(self, values: list, lengths: np.ndarray):
        self.values = values
        self.lengths = lengths

    @classmethod
    def of_rows(cls, rows: Iterable[Sequence]) -> "Ragged":
        rows = list(rows)
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return cls(list(itertools.chain.from_iterable(rows)), lengths)

    def rows(self) -> Iterable[list]:
        """The rows, each as a list."""
        start = 0
        for length in self.lengths.tolist():
            yield self.values[start : start + length]
            start += length


class IndexLookup(OnStrings):
    """A table from tokens to numbers, made of a vocabulary or of data shown to `adapt`.

    Indices are, in this order: 0 for the mask token, if there is one and the output is integers;
    those of unknown tokens; those of the vocabulary.
    """

    def __init__(
        self,
        max_tokens,
        num_oov_indices,
        mask_token,
        oov_token,
        vocabulary_dtype,
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        name=None,
        salt=None,
        **kwargs,
    ):
        frozen = kwargs.pop("vocabulary_size", None)
        has_vocabulary = kwargs.pop("has_input_vocabulary", vocabulary is not None)
        # There is one dtype for strings and one for integers.
        kwargs.pop("dtype", None)
        super().__init__(name=name, **kwargs)
        self.max_tokens = max_tokens
        self.num_oov_indices = num_oov_indices
        self.mask_token = mask_token
        self.oov_token = oov_token
        self.vocabulary_dtype = vocabulary_dtype
        self.invert = invert
        self.output_mode = OLD_MODES.get(output_mode, output_mode)
        self.sparse = no_sparse(sparse)
        self.pad_to_max_tokens = pad_to_max_tokens
        self.oov_method = oov_method
        self.salt = self._checked_salt(salt)
        self._frozen_vocab_size = frozen
        self._has_input_vocabulary = has_vocabulary
        # A file is not what a configuration should refer to: its tokens are saved as an asset.
        is_file = isinstance(vocabulary, (str, os.PathLike))
        self.input_vocabulary = None if is_file else _plain(vocabulary)
        self.input_idf_weights = _plain(idf_weights)
        self._check_arguments(idf_weights)
        self._tokens = None
        self.register_buffer("idf_weights", None, persistent=False)
        self.token_counts = collections.Counter()
        self.token_document_counts = collections.Counter()
        self.num_documents = 0
        if vocabulary is not None:
            self.set_vocabulary(vocabulary, idf_weights)

    def _check_arguments(self, idf_weights) -> None:
        if self.max_tokens is not None and self.max_tokens <= 1:
            raise ValueError(
                "If set, `max_tokens` must be greater than 1. "
                + received(max_tokens=self.max_tokens)
            )
        if self.pad_to_max_tokens and self.max_tokens is None:
            raise ValueError(
                "If pad_to_max_tokens is True, must set `max_tokens`. " + received(max_tokens=None)
            )
        if self.num_oov_indices < 0:
            raise ValueError(
                "`num_oov_indices` must be greater than or equal to 0. "
                + received(num_oov_indices=self.num_oov_indices)
            )
        one_of("oov_method", self.oov_method, ("floormod", "farmhash"))
        one_of("output_mode", self.output_mode, MODES)
        if self.invert and self.output_mode != "int":
            raise ValueError(
                "`output_mode` must be `'int'` when `invert` is true. "
                + received(output_mode=self.output_mode)
            )
        if self.output_mode != "tf_idf":
            if idf_weights is not None:
                raise ValueError(
                    "`idf_weights` should only be set if `output_mode` is `'tf_idf'`. "
                    + received(idf_weights=idf_weights, output_mode=self.output_mode)
                )
        elif self._has_input_vocabulary and idf_weights is None:
            raise ValueError(
                "When specifying the `vocabulary` argument, in TF-IDF output mode, the "
                "`idf_weights` argument must also be provided. " + received(idf_weights=None)
            )

    def _checked_salt(self, salt):
        if salt is not None and self.vocabulary_dtype != "string":
            if self.oov_method != "farmhash":
                raise ValueError(
                    "`salt` can only be used when `oov_method='farmhash'`. "
                    + received(oov_method=self.oov_method)
                )
        return key_of(salt, "IndexLookup")

    # ---- what there is ---------------------------------------------------------------------------

    @property
    def compute_dtype(self):
        return self.vocabulary_dtype

    @property
    def variable_dtype(self):
        return self.vocabulary_dtype

    @property
    def input_dtype(self):
        return "int64" if self.invert else self.vocabulary_dtype

    @property
    def idf_weights_const(self):
        """The weight of each index, in mode "tf_idf"."""
        return self.idf_weights

    def _oov_start(self) -> int:
        return int(self.mask_token is not None and self.output_mode == "int")

    def _token_start(self) -> int:
        return self._oov_start() + self.num_oov_indices

    def get_vocabulary(self, include_special_tokens=True):
        """The tokens in the order of their indices.

        Args:
            include_special_tokens: False to leave out the mask token and the unknown ones.
        """
        tokens = [self._shown(token) for token in self._tokens or ()]
        return self._special_tokens() + tokens if include_special_tokens else tokens

    def _special_tokens(self) -> list:
        masks = [self.mask_token] * self._oov_start()
        return masks + [self.oov_token] * self.num_oov_indices

    def vocabulary_size(self):
        """Number of tokens, with those for masks and unknown ones."""
        return self._token_start() + len(self._tokens or ())

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "invert": self.invert,
            "max_tokens": self.max_tokens,
            "num_oov_indices": self.num_oov_indices,
            "oov_token": self.oov_token,
            "mask_token": self.mask_token,
            "output_mode": self.output_mode,
            "sparse": self.sparse,
            "pad_to_max_tokens": self.pad_to_max_tokens,
            "vocabulary_dtype": self.vocabulary_dtype,
            "idf_weights": self.input_idf_weights,
            "vocabulary": self.input_vocabulary,
            "vocabulary_size": self._frozen_vocab_size,
            "oov_method": self.oov_method,
            "salt": self.salt,
        }

    def get_build_config(self):
        return {}

    def build_from_config(self, config):
        self.build(None)

    # ---- vocabulary ------------------------------------------------------------------------------

    def set_vocabulary(self, vocabulary, idf_weights=None):
        """Sets the vocabulary, in place of the one there is.

        Args:
            vocabulary: list, array or tensor of tokens, or the path of a file with one in each
                line. The mask token and those for unknown ones may come first, in the order of
                their indices.
            idf_weights: a weight for each token, if and only if the output mode is "tf_idf".

        Raises:
            ValueError: repeated or misplaced tokens, too many, or none; weights that do not fit;
                a file while a model is loaded in safe mode.
        """
        if self.output_mode == "tf_idf":
            if idf_weights is None:
                raise ValueError(
                    "`idf_weights` must be set if output_mode is 'tf_idf'. "
                    + received(idf_weights=None)
                )
        elif idf_weights is not None:
            raise ValueError(
                "`idf_weights` should only be set if output_mode is `'tf_idf'`. "
                + received(output_mode=self.output_mode, idf_weights=idf_weights)
            )
        if isinstance(vocabulary, (str, os.PathLike)):
            self._set_tokens(_unique(self._tokens_of_file(os.fspath(vocabulary))))
            return
        given = self._as_tokens(vocabulary)
        if not given:
            raise ValueError("Cannot set an empty vocabulary. " + received(vocabulary=vocabulary))
        start = self._token_start()
        special = [self._hidden(token) for token in self._special_tokens()]
        has_special = given[:start] == special
        tokens = given[start:] if has_special else given
        self._check_tokens(tokens, given, special)
        self._set_tokens(tokens)
        if self.output_mode == "tf_idf":
            self._set_weights(_plain(idf_weights), len(given), has_special)

    def _check_tokens(self, tokens: list, given: list, special: list) -> None:
        _unique(tokens)
        reserved = {"mask": self.mask_token, "OOV": self.oov_token if self.invert else None}
        for kind, token in reserved.items():
            if token is not None and self._hidden(token) in tokens:
                last = len(given) - 1 - given[::-1].index(self._hidden(token))
                raise ValueError(
                    f"Found reserved {kind} token at unexpected location in `vocabulary`. Note "
                    "that passed `vocabulary` does not need to include the OOV and mask tokens. "
                    "Either remove all mask and OOV tokens, or include them only at the start of "
                    f"the vocabulary in precisely this order: {self._special_tokens()}. Received: "
                    f"{kind.lower()}_token={token!r} at vocabulary index {last}"
                )
        size = self._token_start() + len(tokens)
        if self.max_tokens is not None and size > self.max_tokens:
            raise ValueError(
                "Attempted to set a vocabulary larger than the maximum vocab size. Received "
                f"vocabulary size is {size}; `max_tokens` is {self.max_tokens}."
            )

    def _set_tokens(self, tokens: list) -> None:
        before = self._tokens
        self._tokens = tokens
        try:
            self._record_vocabulary_size()
        except RuntimeError:
            self._tokens = before
            raise
        self._make_table(tokens)

    def _record_vocabulary_size(self) -> None:
        size = self.vocabulary_size()
        frozen = self._frozen_vocab_size
        fixed = self.output_mode != "int" and not self.pad_to_max_tokens
        if fixed and frozen is not None and size != frozen:
            raise RuntimeError(
                f"When using `output_mode={self.output_mode}` and `pad_to_max_tokens=False`, the "
                "vocabulary size cannot be changed after the layer is called. Old vocab size is "
                f"{frozen}, new vocab size is {size}"
            )
        self._frozen_vocab_size = size

    def _set_weights(self, weights: Sequence, count: int, has_special: bool) -> None:
        weights = np.asarray(weights)
        if len(weights) != count:
            raise ValueError(
                "`idf_weights` must be the same length as vocabulary. "
                f"len(idf_weights) is {len(weights)}; len(vocabulary) is {count}"
            )
        if weights.ndim != 1:
            raise ValueError(
                "TF-IDF data must be a 1-index array. "
                f"Received: idf_weights of shape {weights.shape}"
            )
        front = 0 if has_special else self._token_start()
        self._keep_weights(np.pad(weights, (front, 0), constant_values=weights.mean()))

    def _keep_weights(self, weights: np.ndarray) -> None:
        """Keeps the weights of all indices, with zeros for those of no token."""
        if self.pad_to_max_tokens:
            weights = np.pad(weights, (0, self.max_tokens - len(weights)))
        self.idf_weights = torch.as_tensor(
            weights, dtype=_dtypes.torch_dtype(config.floatx()), device=self._place.device
        )

    def _tokens_of_file(self, path: str) -> list:
        if in_safe_mode():
            raise ValueError(
                "Requested the loading of a vocabulary file outside of the model archive. This "
                "carries a potential risk of loading arbitrary and sensitive files and thus it is "
                "disallowed by default. If you trust the source of the artifact, you can override "
                "this error by passing `safe_mode=False` to the loading function, or calling "
                f"`keras.config.enable_unsafe_deserialization()`. Vocabulary file: '{path}'"
            )
        if not os.path.exists(path):
            raise ValueError(f"Vocabulary file {path} does not exist.")
        if self.output_mode == "tf_idf":
            raise ValueError(
                "output_mode `'tf_idf'` does not support loading a vocabulary from file. "
                + received(vocabulary=path)
            )
        return self._as_tokens(_lines(path))

    # ---- adapting --------------------------------------------------------------------------------

    def adapt(self, data, steps=None, batch_size=None):
        """Makes the vocabulary of the tokens in data, the most frequent first, then the greater.

        Args:
            data: array or list of tokens, whose rows are documents; or a `Dataset`, generator or
                other iterable of batches.
            steps: how many batches to take at most.
            batch_size: rows of an array to take at a time; None: all.

        Raises:
            ValueError: the vocabulary was given to the constructor.
        """
        self.reset_state()
        if isinstance(data, (list, tuple)) or is_array(data):
            data = _strings.as_array(data)
            data = data if np.ndim(data) != 1 else np.asarray(on_cpu(data)).reshape(-1, 1)
        for batch in batches(data, steps, batch_size):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Counts the tokens of a batch of documents; one without a batch axis is one document."""
        if self._has_input_vocabulary:
            raise ValueError(
                f"Cannot adapt layer '{self.name}' after setting a static vocabulary via "
                "`vocabulary` argument or `set_vocabulary()` method."
            )
        if not isinstance(data, Ragged):
            data = np.asarray(on_cpu(_strings.as_array(data)))
            count = data.shape[0] if data.ndim > 1 else 1
            tokens = self._as_tokens(data.ravel())
            data = Ragged(tokens, np.full(count, len(tokens) // max(count, 1)))
        self.token_counts.update(data.values)
        if self.output_mode == "tf_idf":
            for row in data.rows():
                self.token_document_counts.update(set(row))
            self.num_documents += len(data.lengths)

    def finalize_state(self):
        """Makes the vocabulary of what was counted."""
        if self._has_input_vocabulary or not self.token_counts:
            self._record_vocabulary_size()
            return
        for token in (self.mask_token, self.oov_token):
            if token is not None:
                self.token_counts.pop(self._hidden(token), None)
        ranked = sorted(self.token_counts.items(), key=lambda item: item[::-1], reverse=True)
        tokens = [token for token, _ in ranked]
        if self.max_tokens:
            tokens = tokens[: max(self.max_tokens - self._token_start(), 0)]
        self._set_tokens(tokens)
        if self.output_mode == "tf_idf":
            seen = np.array([self.token_document_counts[token] for token in tokens], "float64")
            weights = np.log(1 + self.num_documents / (1 + seen)).astype(config.floatx())
            start = self._token_start()
            self._keep_weights(np.pad(weights, (start, 0), constant_values=weights.mean()))
        self.reset_state()

    def reset_state(self):
        """Forgets what was counted; the vocabulary stays."""
        if not self._has_input_vocabulary:
            self.token_counts.clear()
            self.token_document_counts.clear()
            self.num_documents = 0

    # ---- calling ---------------------------------------------------------------------------------

    def call(self, inputs):
        if stands_for_data(inputs):
            return self._shape_only(inputs)
        self._check_ready()
        indices = self._looked_up(inputs)
        return indices if self.output_mode == "int" else self._encoded(indices)

    def _shape_only(self, inputs: Tensor) -> Tensor:
        shape = self.compute_output_shape(tuple(inputs.shape))
        dtype = self._output_dtype()
        dtype = torch.uint8 if dtype == "string" else _dtypes.torch_dtype(dtype)
        return torch.empty(shape, dtype=dtype, device="meta")

    def _check_ready(self) -> None:
        if self._tokens is not None:
            return
        reason = "" if self.output_mode == "int" else "and `pad_to_max_tokens=False`, "
        raise RuntimeError(
            f"When using `output_mode={self.output_mode}` {reason}you must set the layer's "
            "vocabulary before calling it. Either pass a `vocabulary` argument to the layer, or "
            "call `adapt` with some sample data."
        )

    def _depth(self) -> int | None:
        return self.max_tokens if self.pad_to_max_tokens else self._frozen_vocab_size

    def _encoded(self, indices: Tensor) -> Tensor:
        if self.output_mode != "tf_idf":
            return encode(indices, self.output_mode, self._depth(), torch.int64)
        weights = self.idf_weights.to(indices.device)
        return encode(indices, "count", self._depth(), weights.dtype) * weights

    def _known(self, indices: Tensor, inputs: Any) -> Tensor:
        """Indices with those of unknown tokens in their places."""
        if self.num_oov_indices == 1:
            return indices
        unknown = indices == _UNKNOWN
        if not unknown.any():
            return indices
        if self.num_oov_indices == 0:
            found = np.asarray(on_cpu(inputs), dtype=object)[unknown.cpu().numpy()][:10]
            found = [self._shown(token) for token in found]
            raise ValueError(
                "When `num_oov_indices=0` all inputs should be in vocabulary, found OOV values "
                f"{found}, consider setting `num_oov_indices=1`."
            )
        bins = self._oov_bins(inputs, unknown).to(indices.device) + self._oov_start()
        return indices.masked_scatter(unknown, bins)

    def _hashed_bins(self, tokens: list[bytes]) -> Tensor:
        bins = _strings.hash_bins(tokens, self.num_oov_indices, self.salt)
        return torch.from_numpy(bins)

    def _oov_default(self) -> int:
        return self._oov_start() if self.num_oov_indices == 1 else _UNKNOWN

    def _mask_index(self) -> int:
        return 0 if self.output_mode == "int" else DROPPED

    def _output_dtype(self) -> str:
        if self.output_mode != "int":
            return config.floatx()
        return self.vocabulary_dtype if self.invert else "int64"

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self._depth())

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self._output_dtype())

    # ---- files -----------------------------------------------------------------------------------

    def save_own_variables(self, store):
        if self.output_mode == "tf_idf" and self.idf_weights is not None:
            store["idf_weights"] = self.idf_weights

    def load_own_variables(self, store):
        if self.output_mode == "tf_idf" and "idf_weights" in store.keys():
            self.idf_weights = torch.as_tensor(
                np.asarray(store["idf_weights"]), device=self._place.device
            )

    def save_assets(self, dir_path):
        """Writes the vocabulary to a folder, unless it is in the configuration."""
        if self.input_vocabulary is not None:
            return
        lines = [str(token) for token in self.get_vocabulary()]
        _write(os.path.join(dir_path, _VOCABULARY), "\n".join(lines))
        if lines[-1:] == [""] or any("\n" in line for line in lines):
            escaped = [line.encode("unicode_escape").decode() + "\n" for line in lines]
            _write(os.path.join(dir_path, _ESCAPED), "".join(escaped))

    def load_assets(self, dir_path):
        """Reads the vocabulary from a folder that `save_assets` wrote to."""
        if self.input_vocabulary is not None:
            return
        escaped = os.path.join(dir_path, _ESCAPED)
        if os.path.exists(escaped):
            lines = [line.encode().decode("unicode_escape") for line in _lines(escaped)]
        else:
            lines = _lines(os.path.join(dir_path, _VOCABULARY))
            while lines and lines[-1] == "":
                lines.pop()
        tokens = self._as_tokens(lines)
        # A layer that was not adapted yet stays so.
        if len(tokens) > self._token_start() or (tokens and not self._token_start()):
            if self.output_mode == "tf_idf":
                self.set_vocabulary(tokens, idf_weights=self._weights_of(len(tokens)))
            else:
                self.set_vocabulary(tokens)

    def _weights_of(self, count: int) -> np.ndarray | None:
        """The weights that were loaded before the vocabulary, without padding."""
        weights = self.idf_weights
        return None if weights is None else weights.cpu().numpy()[:count]

    # ---- by kind of token ------------------------------------------------------------------------

    def _as_tokens(self, values: Any) -> list:
        """Tokens as they are kept."""
        raise NotImplementedError

    def _hidden(self, token):
        """A token as it is kept."""
        raise NotImplementedError

    def _shown(self, token):
        """A token as users see it."""
        raise NotImplementedError

    def _make_table(self, tokens: list) -> None:
        raise NotImplementedError

    def _looked_up(self, inputs):
        """The indices of the inputs, or with `invert` the tokens."""
        raise NotImplementedError

    def _oov_bins(self, inputs, unknown: Tensor) -> Tensor:
        """The bins of inputs that are not in the vocabulary, where there are several."""
        raise NotImplementedError


class StringLookup(IndexLookup):
    """The index of each string in a vocabulary.

    Args:
        max_tokens: greatest size of the vocabulary, with the tokens for masks and unknown ones;
            None: no limit.
        num_oov_indices: number of indices for unknown strings, which are hashed to one of them;
            with 0 they are an error.
        mask_token: string whose index is 0, or which is dropped where outputs are vectors.
        oov_token: what unknown indices become, with `invert`.
        vocabulary: list or array of strings, or the path of a file with one in each line.
        idf_weights: a weight for each token, in mode "tf_idf".
        invert: from indices to strings.
        output_mode: "int" for indices; "one_hot" for a vector of each string; "multi_hot", "count"
            and "tf_idf" for one of each row, of ones, of numbers, or of numbers times the weights.
        pad_to_max_tokens: whether vectors have `max_tokens` places, whatever the vocabulary.
        sparse: must be False.
        encoding: encoding of strings that are given as bytes.
        salt: an integer or two: key of the hash of unknown strings.

    Input shape: any, of strings
    Output shape: that of the input; vectors have the size of the vocabulary

    >>> layer = StringLookup(vocabulary=["a", "b", "c"])
    >>> layer([["a", "c"], ["z", "b"]])
    tensor([[1, 3],
            [0, 2]])
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token="[UNK]",
        vocabulary=None,
        idf_weights=None,
        invert=False,
        output_mode="int",
        pad_to_max_tokens=False,
        sparse=False,
        encoding="utf-8",
        name=None,
        salt=None,
        **kwargs,
    ):
        self.__dict__["encoding"] = encoding
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            pad_to_max_tokens=pad_to_max_tokens,
            sparse=sparse,
            name=name,
            salt=salt,
            vocabulary_dtype="string",
            **kwargs,
        )

    def get_config(self):
        config = super().get_config()
        del config["vocabulary_dtype"]
        return {**config, "encoding": self.encoding}

    def _as_tokens(self, values):
        return _strings.to_bytes(np.asarray(values, dtype=object))

    def _hidden(self, token):
        return token.encode() if isinstance(token, str) else token

    def _shown(self, token):
        return token.decode(self.encoding)

    def _make_table(self, tokens: list[bytes]) -> None:
        start = self._token_start()
        if self.invert:
            self._strings = np.array([*self.get_vocabulary(), self.oov_token], dtype=object)
            return
        table = dict(zip(tokens, range(start, start + len(tokens))))
        if self.mask_token is not None:
            table[self._hidden(self.mask_token)] = self._mask_index()
        self._table = table

    def indices(self, tokens: list[bytes]) -> Tensor:
        """The indices of strings, in one axis."""
        self._check_ready()
        found = map(self._table.get, tokens, itertools.repeat(self._oov_default()))
        indices = torch.from_numpy(np.fromiter(found, np.int64, len(tokens)))
        return self._known(indices, tokens)

    def _looked_up(self, inputs):
        if self.invert:
            indices = np.asarray(on_cpu(inputs)).astype(np.int64)
            inside = (indices >= 0) & (indices < len(self._strings) - 1)
            return self._strings[np.where(inside, indices, len(self._strings) - 1)]
        if isinstance(inputs, Tensor) or inputs.dtype.kind not in "OSUT":
            raise ValueError(
                f"Layer {type(self).__name__} looks up strings. Received: inputs of dtype "
                f"{inputs.dtype}"
            )
        return self.indices(_strings.to_bytes(inputs)).reshape(inputs.shape).to(self._place.device)

    def _oov_bins(self, inputs, unknown):
        places = unknown.nonzero()[:, 0].tolist()
        return self._hashed_bins([inputs[place] for place in places])


class IntegerLookup(IndexLookup):
    """The index of each integer in a vocabulary.

    Args:
        max_tokens: greatest size of the vocabulary, with the tokens for masks and unknown ones;
            None: no limit.
        num_oov_indices: number of indices for unknown integers; with 0 they are an error.
        mask_token: integer whose index is 0, or which is dropped where outputs are vectors.
        oov_token: what unknown indices become, with `invert`.
        vocabulary: list or array of integers, or the path of a file with one in each line.
        vocabulary_dtype: must be "int64".
        idf_weights: a weight for each token, in mode "tf_idf".
        invert: from indices to integers.
        output_mode: as in `StringLookup`.
        sparse: must be False.
        pad_to_max_tokens: whether vectors have `max_tokens` places, whatever the vocabulary.
        oov_method: how unknown integers share several indices: "floormod", or "farmhash" for a
            hash.
        salt: an integer or two: key of the hash.

    Input shape: any, of integers
    Output shape: that of the input; vectors have the size of the vocabulary

    >>> layer = IntegerLookup(vocabulary=[12, 36, 1138])
    >>> layer([[12, 1138], [42, 36]])
    tensor([[1, 3],
            [0, 2]])
    """

    def __init__(
        self,
        max_tokens=None,
        num_oov_indices=1,
        mask_token=None,
        oov_token=-1,
        vocabulary=None,
        vocabulary_dtype="int64",
        idf_weights=None,
        invert=False,
        output_mode="int",
        sparse=False,
        pad_to_max_tokens=False,
        oov_method="floormod",
        salt=None,
        name=None,
        **kwargs,
    ):
        if vocabulary_dtype != "int64":
            raise ValueError(
                "Only `vocabulary_dtype='int64'` is supported at this time. "
                + received(vocabulary_dtype=vocabulary_dtype)
            )
        super().__init__(
            max_tokens=max_tokens,
            num_oov_indices=num_oov_indices,
            mask_token=mask_token,
            oov_token=oov_token,
            vocabulary=vocabulary,
            vocabulary_dtype=vocabulary_dtype,
            idf_weights=idf_weights,
            invert=invert,
            output_mode=output_mode,
            sparse=sparse,
            pad_to_max_tokens=pad_to_max_tokens,
            oov_method=oov_method,
            salt=salt,
            name=name,
            **kwargs,
        )

    def get_config(self):
        config = super().get_config()
        for key in ("oov_token", "mask_token"):
            config[key] = None if config[key] is None else int(config[key])
        if config["vocabulary"] is not None:
            config["vocabulary"] = [int(token) for token in config["vocabulary"]]
        return config

    def _as_tokens(self, values):
        return [int(value) for value in values]

    def _hidden(self, token):
        return None if token is None else int(token)

    def _shown(self, token):
        return token

    def _make_table(self, tokens: list[int]) -> None:
        """Keeps tokens in order, and the index of each."""
        start = self._token_start()
        found = torch.tensor(tokens, dtype=torch.int64)
        if self.invert:
            special = [0 if token is None else token for token in self._special_tokens()]
            keys, values = torch.cat([torch.tensor(special, dtype=torch.int64), found]), None
        else:
            table = dict(zip(tokens, range(start, start + len(tokens))))
            if self.mask_token is not None:
                table[self._hidden(self.mask_token)] = self._mask_index()
            keys = torch.tensor(sorted(table), dtype=torch.int64)
            values = torch.tensor([table[key] for key in sorted(table)], dtype=torch.int64)
            self.register_buffer("_indices", values.to(self._place.device), persistent=False)
        self.register_buffer("_keys", keys.to(self._place.device), persistent=False)

    def _looked_up(self, inputs):
        inputs = torch.as_tensor(inputs).long()
        keys = self._keys.to(inputs.device)
        if not len(keys):
            return self._known(torch.full_like(inputs, self._oov_default()), inputs)
        if self.invert:
            inside = (inputs >= 0) & (inputs < len(keys))
            tokens = keys[inputs.clamp(0, len(keys) - 1)]
            return torch.where(inside, tokens, self.oov_token)
        places = torch.searchsorted(keys, inputs).clamp_max(len(keys) - 1)
        found = self._indices.to(inputs.device)[places]
        indices = torch.where(keys[places] == inputs, found, self._oov_default())
        return self._known(indices, inputs)

    def _oov_bins(self, inputs, unknown):
        unknowns = inputs[unknown]
        if self.oov_method == "floormod":
            return unknowns.remainder(self.num_oov_indices)
        return self._hashed_bins(_strings.decimals(unknowns.cpu().numpy()))


# Helpers


def on_cpu(value: Any) -> Any:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else value


def _plain(values: Any) -> Any:
    """Arrays and tensors as lists, which a configuration can hold."""
    values = on_cpu(values)
    return values.tolist() if isinstance(values, np.ndarray) else values


def _unique(tokens: list) -> list:
    """Checks that no token is there twice."""
    if len(set(tokens)) != len(tokens):
        counts = collections.Counter(tokens)
        repeated = [token for token, count in counts.items() if count > 1]
        repeated = [t.decode(errors="replace") if isinstance(t, bytes) else t for t in repeated]
        raise ValueError(
            "The passed vocabulary has at least one repeated term. Please uniquify your dataset. "
            f"The repeated terms are: {repeated}"
        )
    return tokens


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)


def _lines(path: str) -> list[str]:
    """The lines of a file, whatever system wrote it; other breaks than those of lines stay."""
    with open(path, encoding="utf-8", newline="") as file:
        text = file.read()
    lines = text.removesuffix("\n").split("\n") if text else []
    if lines and all(line.endswith("\r") for line in lines[:-1]) and len(lines) > 1:
        lines = [line.removesuffix("\r") for line in lines]
    return lines
