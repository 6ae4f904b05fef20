"""Preparation of sequences, texts and images, as Keras 1 and 2 had it."""

from torchkeras.preprocessing import image, sequence, text
from torchkeras.preprocessing._names import *
