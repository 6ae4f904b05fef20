"""`tf.data`: pipelines of elements, by torchkeras's own dataset."""

from torchkeras._data.pipeline import AUTOTUNE, INFINITE_CARDINALITY, UNKNOWN_CARDINALITY
from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf.data import experimental
from torchkeras.tf.data._dataset import *
from torchkeras.tf.data.experimental import ThreadingOptions

__getattr__ = _missing_from("tf.data")
