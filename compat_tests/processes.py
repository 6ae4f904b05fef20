"""Scripts in processes of their own, which start with torch and torchkeras imported."""

import multiprocessing
import os
import random
import sys
import tempfile
import warnings
from pathlib import Path

import torch

from torchkeras import _runner

__all__ = ["run_script"]

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([__name__])


def run_script(script: Path, folder: Path) -> str:
    """What `python -m torchkeras SCRIPT` prints in a folder, with what no script of its time could
    seed seeded. Raises AssertionError where the script ends with an error, whose text it has."""
    with tempfile.TemporaryDirectory() as place:
        outputs = Path(place, "stdout"), Path(place, "stderr")
        process = _context.Process(target=_main, args=(script, folder, *outputs))
        process.start()
        process.join(300)
        process.kill()
        process.join()
        printed, errors = (output.read_text() for output in outputs)
    assert process.exitcode == 0, errors
    return printed


def _main(script: Path, folder: Path, *outputs: Path) -> None:
    os.environ.update(KERAS_TORCH_DEVICE="cpu", MPLBACKEND="Agg", PYTHONPATH=os.getcwd())
    os.environ.pop("KERAS_BACKEND", None)
    os.chdir(folder)
    for number, output in enumerate(outputs, start=1):
        os.dup2(os.open(output, os.O_WRONLY | os.O_CREAT), number)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    random.seed(0)
    torch.manual_seed(0)
    _runner.main([str(script)])
