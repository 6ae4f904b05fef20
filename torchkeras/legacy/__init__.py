"""What Keras keeps for the sake of older code."""

from torchkeras.legacy import layers, saving
