"""IMDB: reviews of films as lists of word numbers, good or bad."""

import json

import numpy as np

from torchkeras.datasets._files import FOLDER, fetch_npz
from torchkeras.datasets._texts import Texts, shuffle_rows
from torchkeras.utils._files import get_file

__all__ = ["get_word_index", "load_data"]


def load_data(
    path="imdb.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    cache_dir=None,
    **kwargs,
):
    """25,000 training and 25,000 test reviews with labels, 1 for a good one.

    The words have numbers by how often they occur, the most frequent one `index_from + 1`.

    Args:
        path: name of the file in the folder `datasets` of the cache, or a file from the root on.
        num_words: words with this number and higher ones count as unknown.
        skip_top: words with smaller numbers count as unknown.
        maxlen: reviews of this length and longer ones are left out.
        seed: of the order of the reviews.
        start_char: put before each review; None for nothing.
        oov_char: stands for unknown words; None leaves them out.
        index_from: added to each word's number.
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.
        **kwargs: `nb_words`, the old name of `num_words`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, where x are arrays of lists.
    """
    num_words = kwargs.pop("nb_words", num_words)
    if kwargs:
        raise TypeError(f"Unrecognized keyword arguments: {kwargs}")
    data = fetch_npz(
        path,
        "imdb.npz",
        "69664113be75683a8fe16e3ed0ab59fda8886cb3cd7ada244f7d9544e4676b9f",
        cache_dir,
    )
    random = np.random.RandomState(seed)
    parts = []
    for part in ("train", "test"):
        texts = Texts(*shuffle_rows(random, data[f"x_{part}"], data[f"y_{part}"]))
        texts.mark(start_char, index_from)
        texts.drop_long(maxlen)
        parts.append(texts)
    largest = max(int(texts.words.max()) for texts in parts)
    for texts in parts:
        texts.limit(num_words or largest, skip_top, oov_char)
    train, test = parts
    return (train.rows(), train.labels), (test.rows(), test.labels)


def get_word_index(path="imdb_word_index.json"):
    """A dict from words to their numbers, to which `load_data` adds `index_from`.

    Args:
        path: name of the file in the folder `datasets` of the cache.
    """
    path = get_file(
        fname=path,
        origin=f"{FOLDER}imdb_word_index.json",
        file_hash="bfafd718b763782e994055a2d397834f",
    )
    with open(path, encoding="utf-8") as file:
        return json.load(file)
