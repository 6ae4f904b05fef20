"""What `tf.data.Dataset` has beside the methods of torchkeras's own dataset."""

import itertools
from typing import Any

import numpy as np
import torch

from torchkeras import tree
from torchkeras._data.pipeline import Dataset
from torchkeras.tf._ragged import RaggedTensor
from torchkeras.tf._strings import StringTensor

__all__ = ["METHODS"]


def ragged_batch(
    self,
    batch_size: int,
    drop_remainder: bool = False,
    row_splits_dtype: Any = "int64",
    name: str | None = None,
) -> Dataset:
    """Elements as the rows of ragged tensors; those without axes are stacked."""

    def joined(*parts):
        if isinstance(parts[0], str | bytes):
            return StringTensor(list(parts)).values
        if not parts[0].ndim:
            return torch.stack(parts)
        is_text = isinstance(parts[0], np.ndarray)
        rows = [StringTensor(part) if is_text else part for part in parts]
        return RaggedTensor.from_rows(rows, "string" if is_text else parts[0].dtype)

    def items():
        rest = Dataset.__iter__(self)
        while chunk := list(itertools.islice(rest, batch_size)):
            if len(chunk) == batch_size or not drop_remainder:
                yield tree.map_structure(joined, *chunk)

    return Dataset(items)


METHODS = {"ragged_batch": ragged_batch}
