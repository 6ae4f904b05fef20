"""What `tf.data.Dataset` has beside the methods of torchkeras's own dataset."""

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
        made = RaggedTensor.from_rows(rows, "string" if is_text else parts[0].dtype)
        return made.with_row_splits_dtype(row_splits_dtype)

    plain = Dataset(self._elements, self._cardinality)
    return plain._batched(
        batch_size, drop_remainder, lambda chunk: tree.map_structure(joined, *chunk)
    )


METHODS = {"ragged_batch": ragged_batch}
