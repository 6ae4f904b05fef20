"""Training and prediction of nine models: by hand in torch, here, and in the Keras of others.

    python benchmarks/train.py [--tensorflow PYTHON] [--rounds 7] [--starts 1] [--quick] [--save]
        [--check]

Contestants, each in a process of its own, which take turns in every round:

- hand: a PyTorch loop with the default `torch.optim.Adam`, `zero_grad(set_to_none=True)`, shuffled
  index batches, loss and accuracy summed on the device and read once per epoch; prediction under
  `inference_mode` in slices, concatenated and copied to the host once.
- torchkeras: `compile("adam")`, `fit` and `predict` with `verbose=0`, from NumPy arrays.
- torchkeras jit: the same with `jit_compile=True`.
- keras-torch: the same code with real Keras on its torch backend.
- keras-tf, tf_keras: the same code with Keras on TensorFlow and with tf_keras, in the interpreter
  that `--tensorflow` names.

Told are microseconds a step (medians of all rounds of all starts), the ratio to hand (the median of
the ratios of each round, in which all train and then all predict: what else the machine does then
slows both), the peak memory of the process and how much of it came with training, and the seconds
from the start of making the model to the end of the first training step. All compute on the CPU;
set KERAS_TORCH_DEVICE=cuda for a GPU, where the memory is what torch allocated on it.
"""

import argparse
import gc
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from _models import BATCH, CASES, Case

DEVICE = os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
MEGABYTE = 2**20
# A step by hand that is shorter than this says nothing about `predict`, which has to begin and end.
SHORTEST_PREDICTION = 100e-6
FIT_BAR, PREDICT_BAR, MEMORY_BAR = 1.0, 1.15, 1.05
# Of `predict` in a round.
PASSES = 3


# ---------------------------------------------------------------- a contestant's process


class Hand:
    """The loop written by hand."""

    def __init__(self, case: Case):
        self.torch = importlib.import_module("torch")
        self.version = f"torch {self.torch.__version__}"
        self.case = case

    def make(self, data) -> None:
        torch = self.torch
        x, y = data
        self.x = torch.as_tensor(self.case.for_torch(x), device=DEVICE)
        self.y = torch.as_tensor(y, device=DEVICE)
        self.model = self.case.hand(torch).to(DEVICE)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.is_classifier = "metrics" in self.case.compile
        functional = torch.nn.functional
        self.loss = functional.cross_entropy if self.is_classifier else functional.mse_loss

    def fit(self, rows: int, epochs: int = 1) -> None:
        torch, model, optimizer = self.torch, self.model, self.optimizer
        model.train()
        for _ in range(epochs):
            order = torch.randperm(rows, device=DEVICE)
            total = torch.zeros((), device=DEVICE)
            right = torch.zeros((), device=DEVICE)
            for start in range(0, rows, BATCH):
                index = order[start : start + BATCH]
                inputs, targets = self.x[index], self.y[index]
                outputs = model(inputs)
                loss = self.loss(outputs, targets)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(index)
                if self.is_classifier:
                    right += (outputs.argmax(dim=-1) == targets).sum()
            total.item(), right.item()

    def predict(self, rows: int) -> None:
        torch, model = self.torch, self.model
        model.eval()
        with torch.inference_mode():
            parts = [
                torch.softmax(outputs, -1) if self.is_classifier else outputs
                for outputs in (model(self.x[i : i + BATCH]) for i in range(0, rows, BATCH))
            ]
            torch.cat(parts).cpu().numpy()


class Keras:
    """`fit` and `predict` of a package with Keras's names."""

    def __init__(self, case: Case, package: str, jit: bool | None):
        self.keras = importlib.import_module(package)
        self.version = f"{package} {self.keras.__version__}"
        if "tensorflow" in sys.modules:
            self.version += f" on TensorFlow {sys.modules['tensorflow'].__version__}"
        self.case = case
        self.jit = {} if jit is None else {"jit_compile": jit}

    def make(self, data) -> None:
        self.x, self.y = data
        self.model = self.case.keras(self.keras)
        self.model.compile("adam", **self.case.compile, **self.jit)

    def fit(self, rows: int, epochs: int = 1) -> None:
        x, y = self.x[:rows], self.y[:rows]
        self.model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0)

    def predict(self, rows: int) -> None:
        self.model.predict(self.x[:rows], batch_size=BATCH, verbose=0)


class Kind(NamedTuple):
    """How a contestant comes to be: in which interpreter, with which package and settings."""

    package: str | None
    jit: bool | None = None
    backend: str = "torch"
    on_tensorflow: bool = False


KINDS = {
    "hand": Kind(None),
    "torchkeras": Kind("torchkeras"),
    "torchkeras jit": Kind("torchkeras", jit=True),
    "keras-torch": Kind("keras"),
    "keras-tf": Kind("keras", backend="tensorflow", on_tensorflow=True),
    "tf_keras": Kind("tf_keras", on_tensorflow=True),
}


def work(name: str, number: int, steps: int, threads: int, clock: Callable[[], float]) -> None:
    """Does what the lines of standard input say, and answers each with a line of JSON."""
    kind, case = KINDS[name], CASES[number]
    # Warnings of the packages must not come between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    contestant = Hand(case) if kind.package is None else Keras(case, kind.package, kind.jit)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(threads)
    data = case.data(steps * BATCH)
    before = peak_memory(torch)
    started = clock()
    contestant.make(data)
    contestant.fit(BATCH)
    synchronize(torch)
    first = clock() - started
    answer = {"first": first, "version": contestant.version}
    while True:
        print(json.dumps(answer), file=answers, flush=True)
        line = sys.stdin.readline()
        if not line:
            return
        what, *arguments = json.loads(line)
        if what == "memory":
            peak = peak_memory(torch)
            answer = {"peak": peak, "grown": peak - before}
        else:
            gc.collect()
            started = clock()
            getattr(contestant, what)(steps * BATCH, *arguments)
            synchronize(torch)
            answer = {"seconds": clock() - started}


def synchronize(torch) -> None:
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def peak_memory(torch) -> float:
    """Bytes: of this process, or on the GPU where torch computes there."""
    if torch is not None and DEVICE.startswith("cuda"):
        return torch.cuda.max_memory_allocated()
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


# ---------------------------------------------------------------- the race


class Contestant:
    """A process that waits to be told what to do."""

    def __init__(self, name: str, number: int, steps: int, arguments):
        threads, tensorflow = arguments.threads, arguments.tensorflow
        kind = KINDS[name]
        environment = os.environ | {
            "KERAS_BACKEND": kind.backend,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1"),
            "TF_NUM_INTRAOP_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
            "PYTHONWARNINGS": "ignore",
        }
        if not kind.on_tensorflow:
            # The checkout beside this file, installed or not.
            known = [str(Path(__file__).resolve().parent.parent), os.environ.get("PYTHONPATH")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, known))
        command = [
            tensorflow if kind.on_tensorflow else sys.executable,
            str(Path(__file__).resolve()),
            *("--worker", name, "--case", str(number)),
            *("--steps", str(steps), "--threads", str(threads)),
            *(["--cpu-time"] if arguments.cpu_time else []),
        ]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env=environment,
        )
        self.name = name

    def begun(self) -> dict:
        """What it says after the first step; waits for it."""
        return self._answer()

    def tell(self, *request) -> dict:
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            self.errors.seek(0)
            raise RuntimeError(f"The process of {self.name} ended.\n{self.errors.read()[-2000:]}")
        return json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()


class Result(NamedTuple):
    """What one contestant showed with one model."""

    fit: float
    predict: float
    fit_ratio: float
    predict_ratio: float
    peak: float
    grown: float
    first: float
    version: str


def race(number: int, names: list[str], rounds: int, epochs: int, arguments) -> dict[str, Result]:
    """Lets the contestants train and predict in turns, every round beginning with the next one."""
    steps = 10 if arguments.quick else round(arguments.share * CASES[number].steps)
    shown = {name: defaultdict(list) for name in names}
    for _ in range(arguments.starts):
        contestants = [Contestant(name, number, steps, arguments) for name in names]
        answers = {contestant.name: contestant.begun() for contestant in contestants}
        for i in range(-1, rounds):
            first = i % len(names)
            for request, count in ((("fit", epochs), epochs), *[(("predict",), 1)] * PASSES):
                for contestant in contestants[first:] + contestants[:first]:
                    elapsed = contestant.tell(*request)["seconds"]
                    if i >= 0:
                        shown[contestant.name][request[0]].append(elapsed / (steps * count))
        for contestant in contestants:
            memory = contestant.tell("memory")
            for key, value in (*memory.items(), *answers[contestant.name].items()):
                shown[contestant.name][key].append(value)
            contestant.close()
    results = {}
    for name, found in shown.items():
        ratios = {
            f"{what}_ratio": median([a / b for a, b in zip(found[what], shown["hand"][what])])
            for what in ("fit", "predict")
        }
        results[name] = Result(**{key: median(values) for key, values in found.items()}, **ratios)
    return results


def median(values: list):
    return sorted(values)[len(values) // 2]


# ---------------------------------------------------------------- the report


def missed_bars(name: str, results: dict[str, Result]) -> list[str]:
    """What of the bars this model did not meet, in words."""
    ours, hand = results["torchkeras"], results["hand"]
    held = [("fit", ours.fit_ratio, FIT_BAR), ("peak", ours.peak / hand.peak, MEMORY_BAR)]
    if hand.predict > SHORTEST_PREDICTION:
        held.append(("predict", ours.predict_ratio, PREDICT_BAR))
    missed = []
    for what, ratio, bar in held:
        if ratio > bar:
            missed.append(f"{name}: {what} {ratio:.2f} times hand, not {bar}")
    for other in ("keras-tf", "tf_keras"):
        if other in results and results[other].fit <= ours.fit:
            missed.append(f"{name}: fit behind {other} ({ours.fit / results[other].fit:.2f})")
    return missed


def tables(found: dict[str, dict[str, Result]], names: list[str], table) -> list[str]:
    texts = []
    for what, title in (("fit", "Training"), ("predict", "Prediction")):
        rows = [
            [
                name,
                *(f"{getattr(results[each], what) * 1e6:.0f}" for each in names),
                *(f"{getattr(results[each], f'{what}_ratio'):.2f}" for each in names[1:]),
            ]
            for name, results in found.items()
        ]
        heads = [
            "model",
            *(f"{each} us" for each in names),
            *(f"{each} /hand" for each in names[1:]),
        ]
        texts.append(f"## {title}: microseconds a step, ratio to hand\n\n{table(heads, rows)}")
    rows = [
        [name, *(f"{r.peak / MEGABYTE:.0f} ({r.grown / MEGABYTE:+.0f})" for r in results.values())]
        for name, results in found.items()
    ]
    texts.append(f"## Peak memory, MB (growth since imports)\n\n{table(['model', *names], rows)}")
    rows = [
        [name, *(f"{r.first:.2f}" for r in results.values())] for name, results in found.items()
    ]
    texts.append(f"## Seconds to the end of the first step\n\n{table(['model', *names], rows)}")
    return texts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tensorflow", metavar="PYTHON", help="interpreter with TensorFlow")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of a start that count")
    parser.add_argument(
        "--starts",
        type=int,
        default=1,
        help="times that the processes are begun anew: where a process's memory comes to lie can "
        "move its times by a tenth",
    )
    parser.add_argument("--epochs", type=int, default=2, help="epochs of a `fit`")
    parser.add_argument("--share", type=float, default=1.0, help="of the steps of an epoch")
    parser.add_argument("--only", nargs="*", metavar="MODEL", help="parts of the models' names")
    parser.add_argument("--skip", nargs="*", default=[], choices=list(KINDS), help="contestants")
    parser.add_argument("--quick", action="store_true", help="few steps: does it run at all?")
    parser.add_argument("--save", action="store_true", help="write a file in benchmarks/results")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="threads of each")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count the time of the processors, for a machine that has other work",
    )
    parser.add_argument("--worker", choices=list(KINDS), help=argparse.SUPPRESS)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        clock = time.process_time if arguments.cpu_time else time.perf_counter
        work(arguments.worker, arguments.case, arguments.steps, arguments.threads, clock)
        return 0
    return report(arguments)


def report(arguments) -> int:
    # With torch in it, which a contestant need not have.
    timing = importlib.import_module("_timing")
    names = [
        name
        for name, kind in KINDS.items()
        if name not in arguments.skip and (arguments.tensorflow or not kind.on_tensorflow)
    ]
    rounds, epochs = (1, 1) if arguments.quick else (arguments.rounds, arguments.epochs)
    counts = sorted({round(arguments.share * case.steps) for case in CASES})
    steps = "10" if arguments.quick else " or ".join(map(str, counts))
    clock = "time of the processors" if arguments.cpu_time else "time on the clock"
    method = (
        f"Batch {BATCH}; {clock}; medians of {arguments.starts} start(s) of {rounds} alternated "
        f"rounds of {epochs} epochs (predict: {PASSES} passes) of {steps} steps; "
        f"{arguments.threads} thread(s) each."
    )
    found, missed, versions = {}, [], set()
    for number, case in enumerate(CASES):
        if arguments.only and not any(part in case.name for part in arguments.only):
            continue
        found[case.name] = race(number, names, rounds, epochs, arguments)
        versions |= {r.version for r in found[case.name].values()}
        missed += missed_bars(case.name, found[case.name])
        fits = "  ".join(f"{each} {r.fit * 1e6:.0f}" for each, r in found[case.name].items())
        print(f"{case.name}: {fits}", flush=True)
        bars = "\n".join(f"- {each}" for each in missed) or "None."
        tools = f"{timing.machine(DEVICE)} {', '.join(sorted(versions))}."
        parts = [method, *tables(found, names, timing.table), f"## Bars missed\n\n{bars}", tools]
        text = "\n\n".join(parts)
        if arguments.save:
            # After every model: a run that is cut off leaves what it has found.
            path = timing.save(f"train-{DEVICE}", f"# train\n\n{text}\n")
    print(f"\n{text}" + (f"\n\nSaved as {path}" if arguments.save else ""))
    return int(arguments.check and bool(missed))


if __name__ == "__main__":
    sys.exit(main())
