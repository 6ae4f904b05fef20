"""Whole scripts in tf.keras style, run unedited, print what they print with TensorFlow."""

import json
import re
from pathlib import Path

import pytest

from compat_tests.processes import run_script

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE / "scripts/tf_style").glob("*.py"))
GOLDEN = json.loads((HERE / "golden/tf/scripts.json").read_text())
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+\.(?!\d)")


def numbers_apart(lines):
    """The text without its decimal numbers, and these."""
    text = re.sub(r"\s+", " ", NUMBER.sub("#", "\n".join(lines)))
    return text, [float(found) for found in NUMBER.findall("\n".join(lines))]


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_prints_what_it_prints_with_tensorflow(script, tmp_path):
    text, numbers = numbers_apart(run_script(script, tmp_path).splitlines())
    expected_text, expected_numbers = numbers_apart(GOLDEN[script.stem])
    assert text == expected_text
    assert numbers == pytest.approx(expected_numbers, rel=1e-4, abs=1e-5)


def test_every_script_was_recorded():
    assert [script.stem for script in SCRIPTS] == sorted(GOLDEN)
    assert len(SCRIPTS) >= 25 and None not in GOLDEN.values()
