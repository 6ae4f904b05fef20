"""Writes `scripts.json`, what TensorFlow prints for the scripts of `scripts/tf_style`."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = sorted((HERE.parents[1] / "scripts/tf_style").glob("*.py"))

# TensorFlow's own functions on Keras's symbolic tensors: Keras 3 refuses them, Keras 2 has them.
WITH_KERAS_2 = {"18_functional_tf_ops"}

# Runs a script as `python SCRIPT` does, with packages of a second environment after the first's.
RUN = """
import runpy, sys
sys.path.extend(sys.argv[2:])
runpy.run_path(sys.argv[1], None, "__main__")
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scripts", nargs="*", help="names without .py; all by default")
    parser.add_argument(
        "--packages", action="append", default=[], help="a folder that has TensorBoard"
    )
    options = parser.parse_args()
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    environment["KERAS_BACKEND"] = "tensorflow"
    path = HERE / "scripts.json"
    found = json.loads(path.read_text()) if path.exists() else {}
    for script in SCRIPTS:
        if options.scripts and script.stem not in options.scripts:
            continue
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run(
                [sys.executable, "-c", RUN, str(script), *options.packages],
                cwd=folder,
                env=environment | {"TF_USE_LEGACY_KERAS": str(int(script.stem in WITH_KERAS_2))},
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
