"""Data sets in two parts."""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import Subset, TensorDataset, random_split

from torchkeras._data.pipeline import Dataset
from torchkeras._errors import received
from torchkeras._scopes import face, offered

__all__ = ["split_dataset"]


def split_dataset(
    dataset: Any,
    left_size: int | float | None = None,
    right_size: int | float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: str | None = None,
) -> tuple[Any, Any]:
    """Two parts of a dataset, such as for training and testing.

    Arrays and torch datasets give torch datasets. A `Dataset` is read into memory and gives two
    of its kind, in batches as it came. Without `shuffle` the parts are the first and the last
    samples.

    Args:
        dataset: an array, a list or tuple of arrays, a torch dataset, or a `Dataset`.
        left_size: number of samples, or their share as a float; None for what the other leaves.
        right_size: the same for the second part.
        preferred_backend: "tensorflow" for two `Dataset`s from arrays too.
    """
    if isinstance(dataset, Dataset):
        return _split_pipeline(dataset, left_size, right_size, shuffle, seed)
    if not isinstance(dataset, TorchDataset):
        dataset = _tensors(dataset)
    left, right = _sizes(left_size, right_size, len(dataset))
    if shuffle:
        generator = torch.Generator()
        if seed is None:
            generator.seed()
        else:
            generator.manual_seed(seed)
        rest = len(dataset) - left - right
        parts = random_split(dataset, [left, right, rest], generator=generator)[:2]
    else:
        total = len(dataset)
        parts = Subset(dataset, range(left)), Subset(dataset, range(total - right, total))
    if preferred_backend == "tensorflow" or face.dataset is not None:
        return tuple(offered(Dataset.from_rows(len(part), _fetcher(part))) for part in parts)
    return tuple(parts)


def _tensors(dataset: Any) -> TensorDataset:
    arrays = dataset if isinstance(dataset, (list, tuple)) else [dataset]
    wrong = [type(array) for array in arrays if not isinstance(array, (np.ndarray, Tensor))]
    if wrong or not arrays:
        raise TypeError(
            "The `dataset` argument must be a `torch.utils.data.Dataset` object, a `Dataset`, or "
            f"a list/tuple of arrays. Received: dataset={str(dataset)[:100]} of type "
            f"{type(dataset)}"
        )
    sizes = [len(array) for array in arrays]
    if len(set(sizes)) > 1:
        raise ValueError(
            f"Received a list of NumPy arrays with different lengths. Received: lengths={sizes}"
        )
    return TensorDataset(*map(torch.as_tensor, arrays))


def _fetcher(samples: TorchDataset) -> Any:
    def fetch(indices):
        columns = zip(*(samples[index] for index in indices))
        parts = tuple(torch.stack(column) for column in columns)
        return parts if len(parts) > 1 else parts[0]

    return fetch


def _split_pipeline(
    dataset: Dataset, left_size: Any, right_size: Any, shuffle: bool, seed: int | None
) -> tuple[Dataset, Dataset]:
    batch_size = dataset._batch_size
    samples = list(dataset if batch_size is None else dataset.unbatch())
    if shuffle:
        random.Random(random.randint(0, int(1e6)) if seed is None else seed).shuffle(samples)
    left, right = _sizes(left_size, right_size, len(samples))
    parts = []
    for kept in (samples[:left], samples[len(samples) - right :]):
        part = Dataset(lambda kept=kept: iter(kept), len(kept))
        parts.append(offered(part if batch_size is None else part.batch(batch_size)))
    return tuple(parts)


def _sizes(left: Any, right: Any, total: int) -> tuple[int, int]:
    """The numbers of samples for two sizes, of which one may be None."""
    if left is None and right is None:
        raise ValueError(
            "At least one of the `left_size` or `right_size` must be specified. "
            + received(left_size=left, right_size=right)
        )
    given = {"left_size": left, "right_size": right}
    counts = {name: _count(name, size, total) for name, size in given.items()}
    if isinstance(left, float) and isinstance(right, float) and left + right > 1:
        raise ValueError(
            "The sum of `left_size` and `right_size` is greater than 1. It must be less than or "
            f"equal to 1. {received(**given)}"
        )
    left_count, right_count = counts["left_size"], counts["right_size"]
    left_count = total - right_count if left_count is None else left_count
    right_count = total - left_count if right_count is None else right_count
    if left_count + right_count > total:
        raise ValueError(
            f"The sum of `left_size` and `right_size` should be smaller than the {total}. "
            + received(**given)
        )
    if not left_count or not right_count:
        raise ValueError(
            f"With `dataset` of length={total}, the resulting {'right' if left_count else 'left'} "
            f"side dataset split will be empty. {received(**given)}"
        )
    return left_count, right_count


def _count(name: str, size: Any, total: int) -> int | None:
    if size is None:
        return None
    if type(size) not in (int, float):
        raise TypeError(
            f"Invalid `{name}` Type. Expected: int or float or None. "
            f"Received: type({name})={type(size)}"
        )
    limit = total if isinstance(size, int) else 1
    if not 0 < size < limit:
        raise ValueError(
            f"`{name}` should be either a positive integer smaller than {total}, or a float "
            f"within the range `[0, 1]`. {received(**{name: size})}"
        )
    return size if isinstance(size, int) else round(size * total)
