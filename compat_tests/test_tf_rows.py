"""Every row of `golden/tf/rows.py`: value, dtype, shape and gradients equal TensorFlow's."""

import json
from pathlib import Path

import numpy as np
import pytest

import torchkeras.tf as tf
from compat_tests.golden.tf import rows

GOLDEN = json.loads((Path(__file__).parent / "golden/tf/rows.json").read_text())

# What float32 sums, products and filters may differ in when they are ordered otherwise.
CLOSE = {"rtol": 2e-5, "atol": 2e-6}

# Where a result is made of numbers that nearly cancel, of a Fourier transform or of a quotient of
# small differences.
LOOSE = {
    "tf.image.ssim": 1e-3,
    "tf.image.adjust_hue": 1e-4,
    "tf.image.rgb_to_hsv": 1e-4,
    "tf.image.sobel_edges": 1e-5,
    "tf.signal.": 2e-5,
    "tf.linalg.pinv": 1e-4,
    "tf.linalg.lstsq": 1e-4,
    "tf.linalg.expm": 1e-4,
    "tf.math.ndtri": 1e-5,
}


def tolerance(expression):
    for start, atol in LOOSE.items():
        if start in expression:
            return {"rtol": 1e-4, "atol": atol}
    return CLOSE


def numbers(value):
    """Nested lists with "nan", "inf" and "-inf" as floats; None for what holds text."""
    if isinstance(value, list):
        found = [numbers(part) for part in value]
        return None if any(part is None for part in found) else found
    if isinstance(value, str):
        return float(value) if value in ("nan", "inf", "-inf") else None
    return value


def check(result, expected, how):
    """Compares what `rows.described` made of both."""
    assert result.keys() == expected.keys()
    for key, value in expected.items():
        if key == "parts":
            assert len(result[key]) == len(value)
            for one, other in zip(result[key], value):
                check(one, other, how)
        elif key == "items":
            assert result[key].keys() == value.keys()
            for name in value:
                check(result[key][name], value[name], how)
        elif key == "gradients":
            assert result[key].keys() == value.keys()
            for name in value:
                np.testing.assert_allclose(numbers(result[key][name]), numbers(value[name]), **how)
        else:
            same(result[key], value, how)


def same(result, expected, how):
    found = numbers(expected)
    if found is None or isinstance(expected, bool):
        assert result == expected
    else:
        np.testing.assert_allclose(leaves(numbers(result)), leaves(found), **how)


def leaves(value):
    """The numbers of nested lists, ragged or not, and before those of each list its length."""
    if not isinstance(value, list):
        return [value]
    return [len(value), *(leaf for part in value for leaf in leaves(part))]


@pytest.mark.parametrize("expression", rows.ROWS)
def test_row(expression):
    check(rows.evaluate(tf, expression), GOLDEN["rows"][expression], tolerance(expression))


@pytest.mark.parametrize("expression", rows.FAILING)
def test_error(expression):
    """The exception can be caught as TensorFlow's is."""
    expected = GOLDEN["failures"][expression][0]
    found = rows.failure(tf, expression)
    assert found and (expected in found or KINDS.get(expected) in found)


# What stands for the errors of TensorFlow's kernels where Python's own class says the same.
KINDS = {
    "InvalidArgumentError": "ValueError",
    "AttributeError": "TypeError",
    "OutOfRangeError": "InvalidArgumentError",
}


def test_every_row_was_recorded():
    assert set(rows.ROWS) == set(GOLDEN["rows"])
    assert set(rows.FAILING) == set(GOLDEN["failures"])
