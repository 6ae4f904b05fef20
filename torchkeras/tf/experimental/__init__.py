"""`tf.experimental`: NumPy's functions on tensors."""

from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf.experimental import numpy

__getattr__ = _missing_from("tf.experimental")
