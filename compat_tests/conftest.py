"""Settings of the test run: real Keras on torch is the oracle, everything computes on the CPU.

They are made before anything imports Keras or torchkeras. A GPU is used by the tests marked `gpu`
alone, which ask for it themselves; set KERAS_TORCH_DEVICE=cuda to run all tests on one.
"""

import os
import shutil
import tempfile

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
# A home of its own: what the user's keras.json says must not change the tests.
HOME = os.environ["KERAS_HOME"] = tempfile.mkdtemp(prefix="keras-home-")

import random

import numpy as np
import pytest
import torch

from torchkeras import _errors

# Tests run in several processes (see `addopts` in pyproject.toml), which share the processors.
PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
torch.set_num_threads(max(1, (os.cpu_count() or 1) // PROCESSES))


@pytest.fixture(autouse=True)
def fresh():
    """Every test starts from the same random state and hears every warning, in whatever order
    tests run."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    _errors._said.clear()


def pytest_unconfigure():
    shutil.rmtree(HOME, ignore_errors=True)


def pytest_collection_modifyitems(items):
    """Skips the tests marked `gpu` where there is none."""
    if torch.cuda.is_available():
        return
    skip = pytest.mark.skip(reason="needs a CUDA device")
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(skip)
