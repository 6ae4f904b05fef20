"""Callbacks: what happens during `fit`, `evaluate` and `predict` besides the computing."""

from torchkeras.callbacks._base import *
from torchkeras.callbacks._logging import *
from torchkeras.callbacks._monitor import *
from torchkeras.callbacks._state import *
