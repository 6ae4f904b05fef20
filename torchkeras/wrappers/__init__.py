"""Keras models as estimators of scikit-learn."""

from torchkeras.wrappers import scikit_learn
from torchkeras.wrappers._sklearn import *
