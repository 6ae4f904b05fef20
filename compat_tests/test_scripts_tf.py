"""Whole scripts in tf.keras style, run unedited, print what they print with TensorFlow."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE / "scripts/tf_style").glob("*.py"))
GOLDEN = json.loads((HERE / "golden/tf/scripts.json").read_text())
NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?|-?\d+\.(?!\d)")


def numbers_apart(lines):
    """The text without its decimal numbers, and these."""
    text = re.sub(r"\s+", " ", NUMBER.sub("#", "\n".join(lines)))
    return text, [float(found) for found in NUMBER.findall("\n".join(lines))]


# `python -m torchkeras SCRIPT`, with what no script of its time could seed seeded.
SEEDED = """
import random, sys, torch
random.seed(0)
torch.manual_seed(0)
from torchkeras._runner import main
main(sys.argv[1:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script_prints_what_it_prints_with_tensorflow(script, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"}
    environment.pop("KERAS_BACKEND", None)
    done = subprocess.run(
        [sys.executable, "-c", SEEDED, str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    text, numbers = numbers_apart(done.stdout.splitlines())
    expected_text, expected_numbers = numbers_apart(GOLDEN[script.stem])
    assert text == expected_text
    assert numbers == pytest.approx(expected_numbers, rel=1e-4, abs=1e-5)


def test_every_script_was_recorded():
    assert [script.stem for script in SCRIPTS] == sorted(GOLDEN)
    assert len(SCRIPTS) >= 25 and None not in GOLDEN.values()
