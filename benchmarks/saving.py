"""What does it take to save and load a large model? Beside real Keras, in time and memory.

    python benchmarks/saving.py [--megabytes 500] [--rounds 3] [--save] [--check]

A model of wide Dense layers, not compiled, in the formats `.keras`, `.weights.h5` and `.h5`. Time:
both libraries in one process, in alternated rounds, on the same disk. Extra memory: what a process
of its own grows by at its peak while one call of torchkeras runs, beyond what it held before, as a
multiple of the size of the weights; the new model that `load_model` returns is left out.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time

# Both are read when keras and torchkeras are imported.
os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")

import keras
import numpy as np
from _timing import alternate, machine, median, save, table

import torchkeras

LIBRARIES = {"torchkeras": torchkeras, "keras": keras}
WIDTH = 2048
BAR_TIME, BAR_MEMORY = 1.2, 1.3


def model_of(k, megabytes: int):
    """A model whose weights have that size."""
    count = max(1, round(megabytes * 1e6 / (4 * WIDTH * WIDTH)))
    dense = [k.layers.Dense(WIDTH, kernel_initializer="ones", use_bias=False) for _ in range(count)]
    return k.Sequential([k.Input((WIDTH,)), *dense])


def size_of(model) -> int:
    return sum(4 * int(np.prod(w.shape)) for w in model.weights)


def actions(k, model, folder: str) -> dict:
    """What is measured, by name; each saves before the next loads."""
    name = k.__name__
    suffixes = (".keras", ".weights.h5", ".h5")
    paths = {suffix: os.path.join(folder, name + suffix) for suffix in suffixes}
    return {
        "save .keras": lambda: model.save(paths[".keras"]),
        "load .keras": lambda: k.saving.load_model(paths[".keras"]),
        "save .weights.h5": lambda: model.save_weights(paths[".weights.h5"]),
        "load .weights.h5": lambda: model.load_weights(paths[".weights.h5"]),
        "save .h5": lambda: model.save(paths[".h5"]),
        "load .h5": lambda: k.saving.load_model(paths[".h5"]),
    }


# ---------------------------------------------------------------- memory


def resident() -> int:
    """Bytes of memory of this process that are its own and no page of a file."""
    with open("/proc/self/statm") as file:
        _, total, shared, *_ = map(int, file.read().split())
    return (total - shared) * os.sysconf("SC_PAGE_SIZE")


def peak_of(call) -> int:
    """By how much the process grows at its peak while it runs a call."""
    done = threading.Event()
    peak = [0]
    before = resident()

    def watch():
        while not done.is_set():
            peak[0] = max(peak[0], resident() - before)
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = call()
        peak[0] = max(peak[0], resident() - before)
    finally:
        done.set()
        watcher.join()
    del result
    return peak[0]


def memory_in_this_process(library: str, action: str, megabytes: int, folder: str) -> None:
    """Prints the growth of one call as a multiple of the weights."""
    k = LIBRARIES[library]
    model = model_of(k, megabytes)
    size = size_of(model)
    # Once on a small model: what is imported or set up by the first call is not its cost.
    trial = actions(k, model_of(k, 20), tempfile.mkdtemp(dir=folder))
    trial[action.replace("load", "save")]()
    trial[action]()
    growth = peak_of(actions(k, model, folder)[action])
    is_new = action in ("load .keras", "load .h5")
    print(growth / size - (1 if is_new else 0))


def memory(library: str, action: str, megabytes: int, folder: str) -> float:
    """The same in a new process."""
    arguments = ["--memory", library, action, "--megabytes", str(megabytes), "--folder", folder]
    output = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
    ).stdout
    return float(output.split()[-1])


# ---------------------------------------------------------------- the run


def measure(megabytes: int, rounds: int, folder: str) -> list[list]:
    """Rows of the table."""
    models = {name: model_of(k, megabytes) for name, k in LIBRARIES.items()}
    ready = {name: actions(k, models[name], folder) for name, k in LIBRARIES.items()}
    rows = []
    for action in next(iter(ready.values())):
        seconds = alternate({name: calls[action] for name, calls in ready.items()}, rounds)
        ours, theirs = median(seconds["torchkeras"]), median(seconds["keras"])
        extra = memory("torchkeras", action, megabytes, folder)
        met = ours <= BAR_TIME * theirs and extra <= BAR_MEMORY
        rows.append(
            [
                action,
                f"{ours:.2f}",
                f"{theirs:.2f}",
                f"{ours / theirs:.2f}",
                BAR_TIME,
                f"{extra:.2f}",
                BAR_MEMORY,
                "yes" if met else "no",
            ]
        )
        print(*rows[-1], flush=True)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--megabytes", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where the files are written")
    parser.add_argument("--save", action="store_true", help="write benchmarks/results")
    parser.add_argument("--check", action="store_true", help="fail where a bar is missed")
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        memory_in_this_process(*arguments.memory, arguments.megabytes, arguments.folder)
        return 0
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = measure(arguments.megabytes, arguments.rounds, folder)
    headings = ["action", "torchkeras s", "keras s", "ratio", "bar", "extra", "bar", "met"]
    text = (
        f"# saving\n\nSeconds for a model of {arguments.megabytes} MB, medians of "
        f"{arguments.rounds} alternated rounds; extra = growth of the process at its peak / size "
        "of the weights, without the model that is returned.\n\n"
        f"{table(headings, rows)}\n\n{machine('cpu', torchkeras, keras, np)}\n"
    )
    print(text)
    if arguments.save:
        print(save("saving", text))
    return int(arguments.check and any(row[-1] == "no" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
