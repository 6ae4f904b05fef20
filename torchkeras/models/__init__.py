"""Models: `Model`, `Sequential`, and what is done with whole models."""

from torchkeras.models import _functional, _live
from torchkeras.models._cloning import *
from torchkeras.models._model import *
from torchkeras.models._sequential import *
