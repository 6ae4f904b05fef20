"""The functions that Keras shares with NumPy."""

from torchkeras.ops.numpy._creation import *
from torchkeras.ops.numpy._elementwise import *
from torchkeras.ops.numpy._manipulation import *
from torchkeras.ops.numpy._products import *
from torchkeras.ops.numpy._reduction import *
