"""What `keras.preprocessing` has from `keras.utils`."""

from torchkeras.utils._directory import image_dataset_from_directory, text_dataset_from_directory
from torchkeras.utils._timeseries import timeseries_dataset_from_array

__all__ = [
    "image_dataset_from_directory",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
