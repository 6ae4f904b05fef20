"""`tf.profiler`: torch's profiler under TensorFlow's names."""

from torchkeras.tf._missing import missing_from as _missing_from
from torchkeras.tf.profiler import experimental

__getattr__ = _missing_from("tf.profiler")
