"""Boston housing: prices of houses in the suburbs of Boston in the 1970s."""

from torchkeras.datasets._files import check_split, fetch_npz, split_rows

__all__ = ["load_data"]


def load_data(path="boston_housing.npz", test_split=0.2, seed=113, cache_dir=None):
    """506 rows of 13 features, float64, with prices in 1,000 dollars.

    One feature treats the share of Black residents as a cause of prices. Use other data, such as
    `california_housing`, unless that is what you study.

    Args:
        path: name of the file in the folder `datasets` of the cache, or a file from the root on.
        test_split: share of the rows for testing.
        seed: of the order of the rows.
        cache_dir: in place of `$KERAS_HOME`, else `~/.keras`.

    Returns:
        `(x_train, y_train), (x_test, y_test)`
    """
    check_split(test_split)
    data = fetch_npz(
        path,
        "boston_housing.npz",
        "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
        cache_dir,
    )
    return split_rows(data["x"], data["y"], test_split, seed)
