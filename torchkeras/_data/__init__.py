"""Data sources: what users give to `fit`, `evaluate` and `predict`, as batches of torch tensors."""

from torchkeras._data.adapters import *
from torchkeras._data.dataset import *
from torchkeras._data.slicing import *
