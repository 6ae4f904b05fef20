"""Ops of neural networks: activations, convolutions, normalizations, attention, crossentropies."""

from torchkeras.ops.nn._activation import *
from torchkeras.ops.nn._convolution import *
from torchkeras.ops.nn._other import *
