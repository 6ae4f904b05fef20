"""Writes `backend.npz` beside this file: what `tf_keras.backend` gives for the rows of
`cases/backend.py`. Needs TensorFlow and tf_keras."""

import sys
from pathlib import Path

import numpy as np
from tf_keras import backend

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from cases.backend import CASES, call  # noqa: E402 - after the path is set

results = {}
for number, (name, args, kwargs) in enumerate(CASES):
    for position, value in enumerate(call(backend, name, args, kwargs)):
        results[f"{number}/{name}/{position}"] = value
np.savez_compressed(HERE / "backend.npz", **results)
