"""`keras.backend`: what Keras 3 has of it, and the functions that Keras 1 and 2 were written in."""

from torchkeras.backend._graph import *
from torchkeras.backend._math import *
from torchkeras.backend._neural import *
from torchkeras.backend._settings import *
from torchkeras.backend._values import *
