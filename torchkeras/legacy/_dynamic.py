"""Embeddings whose vocabulary changes while the model trains, as Keras 2 had them."""

import os
import random
import string

import numpy as np
import torch

from torchkeras import initializers, layers
from torchkeras._errors import positive_int, received
from torchkeras._symbolic import KerasTensor
from torchkeras.callbacks import Callback
from torchkeras.layers import _strings
from torchkeras.layers._preparation import OnStrings, stands_for_data
from torchkeras.legacy._functions import warmstart_embedding_matrix
from torchkeras.utils import TimedThread

__all__ = ["DynamicEmbedding", "DynamicLookup", "UpdateEmbeddingCallback"]

# How much longer than the vocabulary the table of counts is.
_TABLE_SHARE = 1.2
_LETTERS_OF_RANDOM_WORD = 10


def _as_tokens(values) -> np.ndarray:
    """Tokens in one axis: text, or integers."""
    array = _strings.as_array(values)
    array = array.detach().cpu().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    if _strings.is_text(array):
        return np.array([token.decode() for token in _strings.to_bytes(array)], dtype=object)
    return array.reshape(-1)


def _random_vocabulary(size, dtype) -> np.ndarray:
    if dtype == "string":
        letters = string.ascii_letters
        words = [random.choices(letters, k=_LETTERS_OF_RANDOM_WORD) for _ in range(size)]
        return np.array(["".join(word) for word in words], dtype=object)
    return np.random.randint(0, size, size=size, dtype=dtype)


def _top(keys, counts, k) -> np.ndarray:
    """The keys with the greatest counts, the first of those that are equal."""
    return keys[np.argsort(-np.asarray(counts), kind="stable")[:k]]


class DynamicLookup(OnStrings):
    """The place of each token in a vocabulary, and a count of what comes in.

    A token that is not in the vocabulary has the place `vocabulary_size`. The counts change what
    `get_top_vocabulary` gives; the vocabulary itself stays until somebody sets it, as
    `DynamicEmbedding.update_embeddings` does.

    Args:
        vocabulary_size: number of tokens.
        initial_vocabulary: list or array of tokens; or "string", "int32" or "int64" for random
            ones.
        eviction_policy: "LFU": the tokens that came least often are forgotten first.

    Call arguments:
        inputs: tokens.
        learn_vocab: whether they are counted.

    Input shape: any
    Output shape: that of the input

    >>> DynamicLookup(3, ["apple", "banana", "cherry"])([["banana", "melon"]])
    tensor([[1, 3]])
    """

    _keras_module = "keras.layers"

    def __init__(self, vocabulary_size, initial_vocabulary, eviction_policy="LFU", **kwargs):
        super().__init__(**kwargs)
        self.vocabulary_size = positive_int("vocabulary_size", vocabulary_size)
        if eviction_policy != "LFU":
            raise ValueError(
                f"{eviction_policy} eviction policy is currently unsupported by DynamicLookup "
                "layer. It currently only supports `LFU`. "
                + received(eviction_policy=eviction_policy)
            )
        self.eviction_policy = eviction_policy
        self.vocabulary = self._first_vocabulary(initial_vocabulary)
        self.initial_vocabulary = self.vocabulary.tolist()
        self._table_size = int(vocabulary_size * _TABLE_SHARE)
        self._counts = {token: 0 for token in self.vocabulary.tolist()[: self._table_size]}

    def _first_vocabulary(self, given) -> np.ndarray:
        name = given if isinstance(given, str) else getattr(given, "name", None)
        if name in ("string", "int32", "int64"):
            return _random_vocabulary(self.vocabulary_size, name)
        if given is None or isinstance(given, str):
            raise ValueError(
                "Either specify the initial vocabulary or provide a valid dtype. The dtype "
                "argument must be one of the following: tf.string, tf.int32, tf.int64. "
                + received(initial_vocabulary=given)
            )
        return _as_tokens(given)

    @property
    def input_dtype(self):
        return "string" if self.vocabulary.dtype == object else "int64"

    @property
    def vocabulary_table_keys(self):
        """The tokens that are counted."""
        return np.array(list(self._counts), dtype=self.vocabulary.dtype)

    @property
    def vocabulary_table_values(self):
        """How often each of them came."""
        return np.fromiter(self._counts.values(), np.int32, len(self._counts))

    def call(self, inputs, learn_vocab=True):
        if stands_for_data(inputs):
            return torch.empty(tuple(inputs.shape), dtype=torch.int64, device="meta")
        tokens = _as_tokens(inputs)
        if learn_vocab:
            self.update_internal_vocabulary(dict.fromkeys(tokens.tolist()))
        places = {}
        for place, token in enumerate(self.vocabulary.tolist()):
            places.setdefault(token, place)
        found = [places.get(token, self.vocabulary_size) for token in tokens.tolist()]
        shape = tuple(inputs.shape) if hasattr(inputs, "shape") else np.shape(inputs)
        found = torch.tensor(found, dtype=torch.int64).reshape(shape)
        return found.to(self.device_for(inputs))

    def update_internal_vocabulary(self, unique):
        """Counts tokens, each once; new ones take the place of those that came least often."""
        unique = list(unique)
        new = sorted(token for token in unique if token not in self._counts)
        too_many = len(self._counts) + len(new) - self._table_size
        # As many as there are: the last of the new ones have no place in that case.
        for token in _last(self._counts, max(too_many, 0)):
            del self._counts[token]
        for token in unique:
            if token in self._counts:
                self._counts[token] += 1
        for token in new[: self._table_size - len(self._counts)]:
            self._counts[token] = 1
        return unique

    def get_top_vocabulary(self, k):
        """The `k` tokens that came most often."""
        return _top(self.vocabulary_table_keys, self.vocabulary_table_values, k)

    def get_vocabulary(self):
        """The vocabulary."""
        return self.vocabulary

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)

    def compute_output_spec(self, inputs, learn_vocab=True):
        return KerasTensor(inputs.shape, dtype="int64")

    def save_assets(self, dir_path):
        """Writes the vocabulary to a folder."""
        with open(os.path.join(dir_path, "vocabulary.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(str(token) for token in self.vocabulary.tolist()))

    def load_assets(self, dir_path):
        """Reads the vocabulary from a folder that `save_assets` wrote to."""
        with open(os.path.join(dir_path, "vocabulary.txt"), encoding="utf-8") as file:
            tokens = file.read().split("\n")
        self.vocabulary = np.array(tokens, dtype=object).astype(self.vocabulary.dtype)


def _last(counts: dict, n: int) -> list:
    """The `n` keys with the smallest counts, the first of those that are equal."""
    return sorted(counts, key=counts.get)[:n]


class DynamicEmbedding(OnStrings):
    """A vector for each token of a vocabulary that changes with the tokens that come in.

    With `UpdateEmbeddingCallback`, or by `update_embeddings`, the vocabulary becomes that of the
    most frequent tokens. Those that were in it keep their vectors.

    Args:
        input_dim: number of tokens.
        output_dim: size of a vector.
        initial_vocabulary, eviction_policy: see `DynamicLookup`.
        input_length: changes nothing; lengths come from the inputs.
        embedding_initializer: for the vectors of new tokens.
        num_oov_indices: vectors for tokens that are not in the vocabulary; the first is used.

    Input shape: any
    Output shape: (*input shape, output_dim)
    """

    _keras_module = "keras.layers"

    def __init__(
        self,
        input_dim,
        output_dim,
        initial_vocabulary,
        eviction_policy="LFU",
        input_length=None,
        embedding_initializer="uniform",
        num_oov_indices=1,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.input_dim = positive_int("input_dim", input_dim)
        self.output_dim = positive_int("output_dim", output_dim)
        self.eviction_policy = eviction_policy
        self.input_length = input_length
        self.embedding_initializer = initializers.get(embedding_initializer)
        self.num_oov_indices = num_oov_indices
        self.embedding_layer = layers.Embedding(
            input_dim + num_oov_indices,
            output_dim,
            embeddings_initializer=embedding_initializer,
            dtype=self.dtype_policy,
        )
        self.dynamic_lookup_layer = DynamicLookup(input_dim, initial_vocabulary, eviction_policy)
        self.initial_vocabulary = self.dynamic_lookup_layer.initial_vocabulary

    @property
    def input_dtype(self):
        return self.dynamic_lookup_layer.input_dtype

    def build(self, input_shape=None):
        self.embedding_layer.build(input_shape)

    def call(self, inputs, learn_vocab=True):
        return self.embedding_layer(self.dynamic_lookup_layer(inputs, learn_vocab=learn_vocab))

    def compute_output_spec(self, inputs, learn_vocab=True):
        return KerasTensor((*inputs.shape, self.output_dim), dtype=self.compute_dtype)

    def get_vocabulary(self):
        """The vocabulary."""
        return self.dynamic_lookup_layer.get_vocabulary()

    def update_embeddings(self, strategy=None):
        """Makes the most frequent tokens the vocabulary.

        Args:
            strategy: changes nothing; counts are those of this process.
        """
        lookup, embedding = self.dynamic_lookup_layer, self.embedding_layer
        before = list(lookup.vocabulary)
        new = lookup.get_top_vocabulary(lookup.vocabulary_size)
        unknown = [None] * (self.input_dim + self.num_oov_indices - len(new))
        matrix = warmstart_embedding_matrix(
            before, [*new, *unknown], embedding.embeddings.numpy(), self.embedding_initializer
        )
        lookup.vocabulary = new
        embedding.embeddings.assign(matrix)

    def aggregate_lookup_table(self, keys_list, values_list):
        """Keys of several tables, each once, and the sums of their counts."""
        sums = {}
        keys = np.concatenate([_as_tokens(keys) for keys in keys_list])
        counts = np.asarray(values_list).reshape(-1)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            sums[key] = sums.get(key, 0) + count
        return np.array(list(sums), dtype=keys.dtype), np.array(list(sums.values()))

    def get_top_vocabulary(self, keys, values, k):
        """The `k` keys with the greatest values."""
        return _top(_as_tokens(keys), values, k)

    def save_assets(self, dir_path):
        """Writes the vocabulary to a folder."""
        self.dynamic_lookup_layer.save_assets(dir_path)

    def load_assets(self, dir_path):
        """Reads the vocabulary from a folder that `save_assets` wrote to."""
        self.dynamic_lookup_layer.load_assets(dir_path)


class UpdateEmbeddingCallback(TimedThread, Callback):
    """Updates a `DynamicEmbedding` at intervals while the model trains.

    It is used in a `with` block, in which `fit` is called. The update is made after the batch that
    is under way when the time has come; the optimizer's state of the vectors starts anew with it.

    Args:
        dynamic_embedding_layer: the layer.
        interval: seconds from one update to the next.
    """

    def __init__(self, dynamic_embedding_layer, interval):
        TimedThread.__init__(self, interval, daemon=True)
        Callback.__init__(self)
        self._dynamic_embedding_layer = dynamic_embedding_layer
        self._is_due = False

    def on_interval(self):
        """Says that an update is due: weights must not change in the middle of a step."""
        self._is_due = True

    def on_train_batch_end(self, batch, logs=None):
        if not self._is_due:
            return
        self._is_due = False
        self._dynamic_embedding_layer.update_embeddings()
        self._forget_slots()

    def _forget_slots(self):
        optimizer = self.model.optimizer
        weight = self._dynamic_embedding_layer.embedding_layer.embeddings
        position = getattr(optimizer, "_positions", {}).get(id(weight))
        if position is None:
            return
        for slots in optimizer._slots.values():
            if slots[position] is not None:
                slots[position].assign(torch.zeros_like(slots[position]))
