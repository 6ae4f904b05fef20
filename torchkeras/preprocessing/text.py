"""Texts as lists of words and of word numbers."""

import hashlib
import json
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from torchkeras._errors import received

__all__ = ["Tokenizer", "hashing_trick", "one_hot", "text_to_word_sequence", "tokenizer_from_json"]

_MODES = ("binary", "count", "tfidf", "freq")


def text_to_word_sequence(
    input_text: str,
    filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
    lower: bool = True,
    split: str = " ",
) -> list[str]:
    """The words of a text.

    Args:
        filters: characters that count as spaces.
        split: what separates words.

    >>> text_to_word_sequence("The cat, the mat.")
    ['the', 'cat', 'the', 'mat']
    """
    text = input_text.lower() if lower else input_text
    text = text.translate(str.maketrans(dict.fromkeys(filters, split)))
    return [word for word in text.split(split) if word]


def one_hot(
    input_text: str,
    n: int,
    filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's `hash`, whose values differ from one process to the next."""
    return hashing_trick(input_text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Any = None,
    filters: str = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """The words of a text as numbers from 1 to `n - 1`, which different words may share.

    Args:
        hash_function: "md5", which gives the same numbers in every process, a function of a
            word, or None for Python's `hash`, whose values differ from process to process.
        analyzer: splits the text, in place of `filters`, `lower` and `split`.
    """
    if hash_function == "md5":
        hash_function = _md5
    hash_function = hash_function or hash
    words = analyzer(text) if analyzer else text_to_word_sequence(text, filters, lower, split)
    return [hash_function(word) % (n - 1) + 1 for word in words]


def _md5(word: str) -> int:
    return int(hashlib.md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


class Tokenizer:
    """Gives words numbers, by how often they occur in the texts it is fitted on.

    A text is a string, or a list of words. Number 0 belongs to no word.

    Args:
        num_words: only words with smaller numbers are used; None for all.
        filters: characters that count as spaces.
        lower: whether words are made lower case.
        split: what separates words.
        char_level: whether characters are the words.
        oov_token: stands for unknown words, with number 1; without it they are left out.
        analyzer: splits a text into words, in place of `filters`, `lower` and `split`.
        **kwargs: `document_count`.

    Attributes:
        word_counts: how often each word occurs, in the order in which they are met.
        word_docs: in how many texts each word occurs.
        word_index: the number of each word.
        index_word: the word of each number.
        index_docs: in how many texts the word of each number occurs.
        document_count: number of texts.

    >>> tokenizer = Tokenizer(oov_token="?")
    >>> tokenizer.fit_on_texts(["the cat", "the mat"])
    >>> tokenizer.word_index
    {'?': 1, 'the': 2, 'cat': 3, 'mat': 4}
    >>> tokenizer.texts_to_sequences(["the dog"])
    [[2, 1]]
    """

    def __init__(
        self,
        num_words=None,
        filters='!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n',
        lower=True,
        split=" ",
        char_level=False,
        oov_token=None,
        analyzer=None,
        **kwargs,
    ):
        self.document_count = kwargs.pop("document_count", 0)
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
        self.num_words = num_words
        self.filters = filters
        self.lower = lower
        self.split = split
        self.char_level = char_level
        self.oov_token = oov_token
        self.analyzer = analyzer
        self.word_counts = OrderedDict()
        self.word_docs = defaultdict(int)
        self.index_docs = defaultdict(int)
        self.word_index = {}
        self.index_word = {}

    def _words(self, text: str | list[str]) -> Iterable[str]:
        if isinstance(text, list):
            return [word.lower() for word in text] if self.lower else text
        if self.char_level:
            return text.lower() if self.lower else text
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def fit_on_texts(self, texts: Iterable[str | list[str]]) -> None:
        """Count the words of texts, in addition to earlier ones, and number them all anew."""
        for text in texts:
            self.document_count += 1
            words = list(self._words(text))
            for word in words:
                self.word_counts[word] = self.word_counts.get(word, 0) + 1
            for word in set(words):
                self.word_docs[word] = self.word_docs.get(word, 0) + 1
        order = sorted(self.word_counts, key=self.word_counts.__getitem__, reverse=True)
        first = [] if self.oov_token is None else [self.oov_token]
        self.word_index = {word: number for number, word in enumerate([*first, *order], 1)}
        self.index_word = {number: word for word, number in self.word_index.items()}
        for word, count in self.word_docs.items():
            self.index_docs[self.word_index[word]] = count

    def fit_on_sequences(self, sequences: list) -> None:
        """Count sequences of word numbers, which "tfidf" needs where there were no texts."""
        self.document_count += len(sequences)
        for sequence in sequences:
            for number in set(sequence):
                self.index_docs[number] = self.index_docs.get(number, 0) + 1

    def texts_to_sequences(self, texts: Iterable[str | list[str]]) -> list[list[int]]:
        """The words of each text as numbers."""
        return list(self.texts_to_sequences_generator(texts))

    def texts_to_sequences_generator(self, texts: Iterable[str | list[str]]) -> Iterator[list[int]]:
        """The words of each text as numbers, text by text."""
        unknown = None if self.oov_token is None else self.word_index.get(self.oov_token)
        limit = self.num_words or float("inf")
        for text in texts:
            numbers = map(self.word_index.get, self._words(text))
            numbers = (x if x is not None and x < limit else unknown for x in numbers)
            yield [number for number in numbers if number is not None]

    def sequences_to_texts(self, sequences: Iterable[Iterable[int]]) -> list[str]:
        """The words of each list of numbers, joined by spaces."""
        return list(self.sequences_to_texts_generator(sequences))

    def sequences_to_texts_generator(self, sequences: Iterable[Iterable[int]]) -> Iterator[str]:
        """The words of each list of numbers, joined by spaces, text by text."""
        unknown = self.oov_token if self.oov_token in self.word_index else None
        limit = self.num_words or float("inf")
        for sequence in sequences:
            words = (self.index_word.get(x) if x < limit else unknown for x in sequence)
            words = (unknown if word is None else word for word in words)
            yield " ".join(word for word in words if word is not None)

    def texts_to_matrix(self, texts: Iterable[str | list[str]], mode: str = "binary") -> np.ndarray:
        """One row for each text, one column for each word number; see `sequences_to_matrix`."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode)

    def sequences_to_matrix(self, sequences: list, mode: str = "binary") -> np.ndarray:
        """One row for each list of word numbers, one column for each number.

        Args:
            mode: "binary" for whether the word occurs, "count" for how often, "freq" for its
                share of the words, "tfidf" for a weight that is larger for rare words.
        """
        if not self.num_words and not self.word_index:
            raise ValueError(
                "Specify a dimension (`num_words` argument), or fit on some text data first. "
                + received(num_words=self.num_words)
            )
        if mode not in _MODES:
            raise ValueError(
                f"Unknown vectorization mode: {mode}. Expected one of {_MODES}. "
                + received(mode=mode)
            )
        if mode == "tfidf" and not self.document_count:
            raise ValueError(
                f"Fit the Tokenizer on some data before using tfidf mode. {received(mode=mode)}"
            )
        columns = self.num_words or len(self.word_index) + 1
        matrix = np.zeros((len(sequences), columns))
        for row, sequence in zip(matrix, sequences):
            for number, count in Counter(sequence).items():
                if number < columns:
                    row[number] = self._weight(mode, number, count, len(sequence))
        return matrix

    def _weight(self, mode: str, number: int, count: int, length: int) -> float:
        if mode == "tfidf":
            documents = self.document_count / (1 + self.index_docs.get(number, 0))
            return (1 + np.log(count)) * np.log(1 + documents)
        return {"binary": 1, "count": count, "freq": count / length}[mode]

    def get_config(self) -> dict[str, Any]:
        """The arguments and what was counted; dicts as JSON. The analyzer is not in it."""
        plain = "num_words filters lower split char_level oov_token document_count".split()
        counted = "word_counts word_docs index_docs index_word word_index".split()
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: json.dumps(getattr(self, name)) for name in counted},
        }

    def to_json(self, **kwargs: Any) -> str:
        """The tokenizer as JSON, for `tokenizer_from_json`; `kwargs` are for `json.dumps`."""
        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **kwargs)


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `Tokenizer.to_json` has written."""
    config = dict(json.loads(json_string)["config"])
    names = "word_counts word_docs word_index index_docs index_word".split()
    counted = {name: json.loads(config.pop(name)) for name in names}
    tokenizer = Tokenizer(**config)
    for name, values in counted.items():
        if name.startswith("index"):
            values = {int(number): value for number, value in values.items()}
        setattr(tokenizer, name, values)
    return tokenizer
