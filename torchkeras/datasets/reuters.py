"""Reuters: newswires as lists of word numbers, each on one of 46 topics."""

import json

import numpy as np

from torchkeras.datasets._files import FOLDER, fetch_npz
from torchkeras.datasets._texts import Texts, shuffle_rows
from torchkeras.utils._files import get_file

__all__ = ["get_label_names", "get_word_index", "load_data"]


def load_data(
    path="reuters.npz",
    num_words=None,
    skip_top=0,
    maxlen=None,
    test_split=0.2,
    seed=113,
    start_char=1,
    oov_char=2,
    index_from=3,
    cache_dir=None,
):
    """11,228 newswires with the numbers of their topics.

    The words have numbers by how often they occur, the most frequent one `index_from + 1`.

    Args:
        path: name of the file in the folder `datasets` of the cache, or a file from the root on.
        num_words: words with this number and higher ones count as unknown.
        skip_top: words with smaller numbers count as unknown.
        maxlen: newswires of this length and longer ones are left out.
        test_split: share of the newswires for testing.
        seed: of the order of the newswires.
        start_char: put before each newswire; None for nothing.
        oov_char: stands for unknown words; None leaves them out.
        index_from: added to each word's number.
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`, where x are arrays of lists.
    """
    data = fetch_npz(
        path,
        "reuters.npz",
        "d6586e694ee56d7a4e65172e12b3e987c03096cb01eab99753921ef915959916",
        cache_dir,
    )
    texts = Texts(*shuffle_rows(np.random.RandomState(seed), data["x"], data["y"]))
    texts.mark(start_char, index_from)
    texts.drop_long(maxlen)
    texts.limit(num_words or int(texts.words.max()), skip_top, oov_char)
    x, y = texts.rows(), texts.labels
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])


def get_word_index(path="reuters_word_index.json"):
    """A dict from words to their numbers, to which `load_data` adds `index_from`.

    Args:
        path: name of the file in the folder `datasets` of the cache.
    """
    path = get_file(
        path,
        origin=f"{FOLDER}reuters_word_index.json",
        file_hash="4d44cc38712099c9e383dc6e5f11a921",
    )
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def get_label_names():
    """The names of the topics, in the order of their numbers."""
    return tuple(
        "cocoa grain veg-oil earn acq wheat copper housing money-supply coffee sugar trade "
        "reserves ship cotton carcass crude nat-gas cpi money-fx interest gnp meal-feed alum "
        "oilseed gold tin strategic-metal livestock retail ipi iron-steel rubber heat jobs lei bop "
        "zinc orange pet-chem dlr gas silver wpi hog lead".split()
    )
