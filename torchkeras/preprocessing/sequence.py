"""Sequences: padding, windows of a series, pairs of neighbouring words."""

import json
import random
from typing import Any

import numpy as np

from torchkeras._data.dataset import PyDataset
from torchkeras.utils._sequence import pad_sequences

__all__ = ["TimeseriesGenerator", "make_sampling_table", "pad_sequences", "skipgrams"]


class TimeseriesGenerator(PyDataset):
    """Batches of windows of a series, each with the target at the step behind it.

    Args:
        data: array or list (time, ...).
        targets: array or list (time, ...), as long as `data`.
        length: steps from the start of a window to its target.
        sampling_rate: steps from one row of a window to the next.
        stride: steps from one window to the next.
        start_index: the first step that is used.
        end_index: the last step that is used.
        shuffle: windows at random places, drawn anew for each batch.
        reverse: rows of a window from the latest to the earliest.
        batch_size: windows in a batch.
        **kwargs: `workers`, `use_multiprocessing` and `max_queue_size` of `PyDataset`.

    >>> series = TimeseriesGenerator(range(6), range(6), length=2, batch_size=3)
    >>> windows, targets = series[0]
    >>> windows.tolist(), targets.tolist()
    ([[0, 1], [1, 2], [2, 3]], [2, 3, 4])
    """

    def __init__(
        self,
        data,
        targets,
        length,
        sampling_rate=1,
        stride=1,
        start_index=0,
        end_index=None,
        shuffle=False,
        reverse=False,
        batch_size=128,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if len(data) != len(targets):
            raise ValueError(
                f"Data and targets have to be of same length. Data length is {len(data)} while "
                f"target length is {len(targets)}"
            )
        self.data = data
        self.targets = targets
        self.length = length
        self.sampling_rate = sampling_rate
        self.stride = stride
        self.start_index = start_index + length
        self.end_index = len(data) - 1 if end_index is None else end_index
        self.shuffle = shuffle
        self.reverse = reverse
        self.batch_size = batch_size
        if self.start_index > self.end_index:
            raise ValueError(
                f"`start_index+length={self.start_index} > end_index={self.end_index}` is "
                "disallowed, as no part of the sequence would be left to be used as current step."
            )

    def __len__(self):
        """The number of batches."""
        steps = self.batch_size * self.stride
        return (self.end_index - self.start_index + steps) // steps

    def __getitem__(self, index):
        if self.shuffle:
            rows = np.random.randint(self.start_index, self.end_index + 1, size=self.batch_size)
        else:
            first = self.start_index + self.batch_size * self.stride * index
            last = min(first + self.batch_size * self.stride, self.end_index + 1)
            rows = np.arange(first, last, self.stride)
        step = self.sampling_rate
        windows = np.array([self.data[row - self.length : row : step] for row in rows])
        targets = np.array([self.targets[row] for row in rows])
        return windows[:, ::-1, ...] if self.reverse else windows, targets

    def get_config(self):
        """The arguments by name, data and targets as JSON; `start_index` includes `length`."""
        names = (
            "length sampling_rate stride start_index end_index shuffle reverse batch_size"
        ).split()
        return {
            "data": _as_json("Data", self.data),
            "targets": _as_json("Targets", self.targets),
            **{name: getattr(self, name) for name in names},
        }

    def to_json(self, **kwargs):
        """The configuration as JSON; `kwargs` are for `json.dumps`."""
        config = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(config, **kwargs)


def _as_json(what: str, values: Any) -> str:
    plain = values.tolist() if isinstance(values, np.ndarray) else values
    try:
        return json.dumps(plain)
    except TypeError as error:
        raise TypeError(f"{what} not JSON Serializable: {plain}") from error


def make_sampling_table(size: int, sampling_factor: float = 1e-5) -> np.ndarray:
    """The probability to keep a word, by its rank in how often it occurs.

    Frequent words are left out more often, as in word2vec; frequencies follow Zipf's law.

    Args:
        size: number of words.
        sampling_factor: share of a text from which on a word counts as frequent.
    """
    gamma = 0.577
    rank = np.arange(size)
    rank[:1] = 1
    inverse_frequency = rank * (np.log(rank) + gamma) + 0.5 - 1 / (12 * rank)
    return np.minimum(1.0, np.sqrt(sampling_factor * inverse_frequency))


def skipgrams(
    sequence: Any,
    vocabulary_size: int,
    window_size: int = 4,
    negative_samples: float = 1.0,
    shuffle: bool = True,
    categorical: bool = False,
    sampling_table: Any = None,
    seed: int | None = None,
) -> tuple[list, list]:
    """Pairs of a word and one near it, labelled 1, or any other one, labelled 0.

    Args:
        sequence: word numbers; 0 stands for no word and is left out.
        vocabulary_size: one more than the largest word number.
        window_size: how far the words of a pair may be apart.
        negative_samples: pairs with a random word for each pair of neighbours.
        shuffle: in a random order.
        categorical: labels [0, 1] and [1, 0] in place of 1 and 0.
        sampling_table: probability to use each word, as from `make_sampling_table`.
        seed: of the order; the pairs themselves are drawn from Python's `random`.

    Returns:
        `(couples, labels)`
    """
    near, far = ([0, 1], [1, 0]) if categorical else (1, 0)
    couples = []
    for place, word in enumerate(sequence):
        if not word or (sampling_table is not None and sampling_table[word] < random.random()):
            continue
        first = max(0, place - window_size)
        around = enumerate(sequence[first : place + window_size + 1], first)
        couples += [[word, other] for at, other in around if at != place and other]
    labels = [near] * len(couples)
    if negative_samples > 0:
        count = int(len(labels) * negative_samples)
        words = [word for word, _ in couples]
        random.shuffle(words)
        couples += [
            [words[i % len(words)], random.randint(1, vocabulary_size - 1)] for i in range(count)
        ]
        labels += [far] * count
    if shuffle:
        seed = random.randint(0, 10**7) if seed is None else seed
        for column in (couples, labels):
            random.seed(seed)
            random.shuffle(column)
    return couples, labels
