"""California housing: prices of houses by district, from the census of 1990."""

from torchkeras._errors import received
from torchkeras.datasets._files import check_split, fetch_npz, split_rows

__all__ = ["load_data"]

_SMALL = 600


def load_data(version="large", path="california_housing.npz", test_split=0.2, seed=113):
    """20,640 rows of 8 features with the median price in dollars.

    The features are median income, age of houses, rooms and bedrooms per household, population,
    people per household, latitude, longitude.

    Args:
        version: "large" for all rows, "small" for the first 600.
        path: name of the file in the folder `datasets` of the cache, or a file from the root on.
        test_split: share of the rows for testing.
        seed: of the order of the rows.

    Returns:
        `(x_train, y_train), (x_test, y_test)`
    """
    if version not in ("small", "large"):
        raise ValueError(
            f"Argument `version` must be one of 'small', 'large'. {received(version=version)}"
        )
    check_split(test_split)
    data = fetch_npz(
        path,
        "california_housing.npz",
        "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
    )
    rows = _SMALL if version == "small" else None
    return split_rows(data["x"][:rows], data["y"][:rows], test_split, seed)
