"""Keras's functions of tensors; each runs at once, or becomes a node where a tensor is symbolic."""

from torchkeras.ops import image
from torchkeras.ops._core import *
from torchkeras.ops._math import *
from torchkeras.ops.linalg import *
from torchkeras.ops.nn._activation import *
from torchkeras.ops.nn._convolution import *
from torchkeras.ops.nn._other import *
from torchkeras.ops.numpy._creation import *
from torchkeras.ops.numpy._elementwise import *
from torchkeras.ops.numpy._manipulation import *
from torchkeras.ops.numpy._products import *
from torchkeras.ops.numpy._reduction import *
