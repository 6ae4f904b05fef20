"""The version of torchkeras, read by the build and by `torchkeras.__version__`."""

__version__ = "0.1.0"
# The version of Keras whose API and files are followed.
KERAS_VERSION = "3.15.1"
