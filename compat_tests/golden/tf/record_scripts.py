"""Writes `scripts.json`, what TensorFlow prints for the scripts of `scripts/tf_style`."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE.parents[1] / "scripts/tf_style").glob("*.py"))


# What TensorFlow cannot print here: it lacks TensorBoard, refuses its functions on Keras's symbolic
# tensors since Keras 3, or has two Keras side by side. These lines follow from the scripts.
BY_HAND = {
    "16_summary": ["1", "True"],
    "18_functional_tf_ops": [
        "(None, 2) [[3.999999761581421, 7.999999523162842], "
        "[3.999999761581421, 7.999999523162842]]",
        "[[3.999999761581421, 7.999999523162842], [3.999999761581421, 7.999999523162842]]",
        "(1, 4, 4, 3)",
    ],
    "22_imports": [
        "True True True",
        "3 b'abc' True",
        "[[1.0, 0.0], [0.0, 1.0]] [1] True",
        "(None, 1)",
        "True True Conv2D",
    ],
}


def main():
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment["KERAS_BACKEND"] = "tensorflow"
    path = HERE / "scripts.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for script in SCRIPTS:
        if script.stem in BY_HAND:
            found[script.stem] = BY_HAND[script.stem]
            continue
        if sys.argv[1:] and script.stem not in sys.argv[1:]:
            continue
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, str(script)],
                cwd=folder,
                env=environment,
                capture_output=True,
                text=True,
                timeout=300,
            )
        found[script.stem] = done.stdout.splitlines() if done.returncode == 0 else None
        if done.returncode:
            print("BROKEN", script.stem, done.stderr[-600:], flush=True)
    path.write_text(json.dumps(dict(sorted(found.items())), indent=1) + "\n")


if __name__ == "__main__":
    main()
