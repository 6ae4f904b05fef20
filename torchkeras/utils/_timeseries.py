"""Windows of a series of measurements."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras._data.pipeline import Dataset
from torchkeras._data.slicing import as_tensor
from torchkeras._errors import one_of, received
from torchkeras._scopes import offered

__all__ = ["timeseries_dataset_from_array"]


def timeseries_dataset_from_array(
    data: Any,
    targets: Any,
    sequence_length: int,
    sequence_stride: int = 1,
    sampling_rate: int = 1,
    batch_size: int | None = 128,
    shuffle: bool = False,
    seed: int | None = None,
    start_index: int | None = None,
    end_index: int | None = None,
    format: str = "tf",
) -> Dataset:
    """A dataset of windows (batch, sequence_length, ...) of a series, or of `(window, target)`.

    Args:
        data: (time, ...).
        targets: `targets[i]` belongs to the window that starts at `data[i]`; None for none.
        sequence_length: time steps of a window.
        sequence_stride: steps from the start of a window to that of the next.
        sampling_rate: steps from one row of a window to the next.
        batch_size: None for windows one by one.
        shuffle: another order of the windows in each pass.
        start_index: the first step that is used.
        end_index: the step before which the use ends.
        format: accepted; the result is the same for "tf" and "grain".

    >>> windows = timeseries_dataset_from_array(range(7), None, 3, sampling_rate=2)
    >>> windows.get_single_element().tolist()
    [[0, 2, 4], [1, 3, 5], [2, 4, 6]]
    """
    data = _as_series(data)
    one_of("format", format, ("tf", "grain"))
    _check_range(len(data), start_index, end_index)
    for name, value in (("sampling_rate", sampling_rate), ("sequence_stride", sequence_stride)):
        _check_step(name, value, len(data))
    part = slice(start_index or 0, end_index)
    data = data[part]
    count = len(data) - (sequence_length - 1) * sampling_rate
    if targets is not None:
        targets = _as_series(targets)[part]
        count = min(count, len(targets))
    starts = torch.arange(0, max(count, 0), sequence_stride)
    steps = torch.arange(sequence_length) * sampling_rate

    def fetch(indices: list[int]) -> Any:
        first = starts[indices]
        windows = data[first[:, None] + steps]
        return windows if targets is None else (windows, targets[first])

    dataset = Dataset.from_rows(len(starts), fetch)
    if shuffle:
        dataset = dataset.shuffle(max(len(starts), 1), seed=seed)
    return offered(dataset if batch_size is None else dataset.batch(batch_size))


def _as_series(values: Any) -> Tensor:
    return values.detach() if isinstance(values, Tensor) else as_tensor(np.asarray(values))


def _check_range(length: int, start: int | None, end: int | None) -> None:
    if start and not 0 <= start < length:
        limit = "lower than the length of the data" if start > 0 else "0 or greater"
        raise ValueError(
            f"`start_index` must be {limit}. {received(start_index=start)}, for data of length "
            f"{length}"
        )
    if not end:
        return
    if end <= (start or 0):
        limit = "`start_index`" if start else "0"
        raise ValueError(
            f"`end_index` must be higher than {limit}. "
            + received(start_index=start, end_index=end)
        )
    if end >= length:
        raise ValueError(
            f"`end_index` must be lower than the length of the data. {received(end_index=end)}, "
            f"for data of length {length}"
        )


def _check_step(name: str, value: int, length: int) -> None:
    if not 0 < value < length:
        limit = "higher than 0" if value <= 0 else "lower than the length of the data"
        raise ValueError(
            f"`{name}` must be {limit}. {received(**{name: value})}, for data of length {length}"
        )
