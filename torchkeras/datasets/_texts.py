"""Texts as lists of word numbers: what the IMDB and Reuters data have in common."""

from itertools import chain, pairwise
from typing import Any

import numpy as np

from torchkeras._errors import received

__all__ = ["Texts", "shuffle_rows"]


def shuffle_rows(random: Any, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both arrays in one new order, drawn from a numpy `RandomState`."""
    order = np.arange(len(x))
    random.shuffle(order)
    return x[order], y[order]


class Texts:
    """Lists of word numbers, kept one behind the other, and their labels.

    Args:
        rows: array of lists.
        labels: one for each list.
    """

    def __init__(self, rows: np.ndarray, labels: np.ndarray):
        self.words = np.fromiter(chain.from_iterable(rows), dtype=np.int64)
        self.lengths = np.fromiter(map(len, rows), dtype=np.int64)
        self.labels = labels

    def mark(self, start_char: int | None, index_from: int | None) -> None:
        """Move the numbers up by `index_from`, and put `start_char` before each text."""
        words = self.words + (index_from or 0)
        if start_char is not None:
            starts = np.cumsum(self.lengths) - self.lengths
            words = np.insert(words, starts, start_char)
            self.lengths = self.lengths + 1
        self.words = words

    def drop_long(self, maxlen: int | None) -> None:
        """Keep the texts shorter than `maxlen`."""
        if not maxlen:
            return
        is_kept = self.lengths < maxlen
        if not is_kept.any():
            raise ValueError(
                f"After filtering for sequences shorter than maxlen={maxlen}, no sequence was "
                f"kept. Increase maxlen. {received(maxlen=maxlen)}"
            )
        self.words = self.words[np.repeat(is_kept, self.lengths)]
        self.lengths, self.labels = self.lengths[is_kept], self.labels[is_kept]

    def limit(self, num_words: int, skip_top: int, oov_char: int | None) -> None:
        """Replace all but the words from `skip_top` to `num_words`, or leave them out."""
        is_kept = (skip_top <= self.words) & (self.words < num_words)
        if oov_char is not None:
            self.words = np.where(is_kept, self.words, oov_char)
            return
        kept_before = np.concatenate([[0], np.cumsum(is_kept)])
        ends = np.cumsum(self.lengths)
        self.lengths = kept_before[ends] - kept_before[ends - self.lengths]
        self.words = self.words[is_kept]

    def rows(self) -> np.ndarray:
        """An array (N,) of lists, also when all lists are of one length."""
        words = self.words.tolist()
        array = np.empty(len(self.lengths), dtype=object)
        for index, (start, stop) in enumerate(pairwise([0, *np.cumsum(self.lengths).tolist()])):
            array[index] = words[start:stop]
        return array
