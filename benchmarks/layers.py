"""How fast are layers beside the same written in torch, and in Keras on torch?

    python benchmarks/layers.py [--rounds 9] [--only lstm gru] [--tensorflow PYTHON] [--save]
        [--check]

Forward alone, and forward with backward, in training mode, median of alternated rounds. "hand" is
what one would write with `torch.nn`; for masked LSTMs it is the plain, unmasked `nn.LSTM`, as the
bar is against that. `--tensorflow` names an interpreter with Keras on TensorFlow, which takes its
turns in a process of its own, compiled by `tf.function`. `--check` ends with status 1 where a bar
is missed.
"""

import argparse
import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import _models
import numpy as np

REPEATS = 5


class Case(NamedTuple):
    """A layer or model; `bar` is the most that ours may take of hand's forward and backward."""

    keras: Callable[[Any], Any]
    hand: Callable[[Any], Any] | None
    data: Callable[[], np.ndarray]
    bar: float | None = None
    mask: Callable[[], np.ndarray] | None = None
    for_torch: Callable[[np.ndarray], np.ndarray] = np.asarray


def draw(*shape: int) -> Callable[[], np.ndarray]:
    return lambda: np.random.default_rng(0).normal(size=shape).astype("float32")


def words() -> np.ndarray:
    return np.random.default_rng(0).integers(1, _models.WORDS, (32, 40))


def padded(at_the_end: bool) -> Callable[[], np.ndarray]:
    def mask():
        lengths = np.random.default_rng(1).integers(20, 81, (32, 1))
        steps = np.arange(80) if at_the_end else np.arange(80)[::-1]
        return steps < lengths

    return mask


def recurrent(name: str, **options):
    def make(torch):
        module = getattr(torch.nn, name)(128, 64, batch_first=True, **options)
        return First(torch, module)

    return make


def First(torch, module):
    """A module that gives the outputs of a recurrent one without the states."""

    class Outputs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, x):
            return self.module(x)[0]

    return Outputs()


def encoder_hand(torch):
    layer = torch.nn.TransformerEncoderLayer(64, 4, 256, 0.0, batch_first=True)
    return torch.nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)


def encoder(k):
    def block(x):
        x = k.layers.LayerNormalization()(x + k.layers.MultiHeadAttention(4, 16)(x, x))
        hidden = k.layers.Dense(256, activation="relu")(x)
        return k.layers.LayerNormalization()(x + k.layers.Dense(64)(hidden))

    inputs = k.Input((40, 64))
    return k.Model(inputs, block(block(inputs)))


def lstm(k):
    return k.layers.LSTM(64, return_sequences=True)


sequences = draw(32, 80, 128)
images = draw(32, 32, 32, 32)
first = _models.channels_first
CASES = {
    "LSTM": Case(lstm, recurrent("LSTM"), sequences, 1.1),
    "LSTM, post-padded": Case(lstm, recurrent("LSTM"), sequences, 1.25, padded(True)),
    "LSTM, pre-padded": Case(lstm, recurrent("LSTM"), sequences, 1.25, padded(False)),
    "GRU": Case(
        lambda k: k.layers.GRU(64, return_sequences=True), recurrent("GRU"), sequences, 1.0
    ),
    "SimpleRNN": Case(
        lambda k: k.layers.SimpleRNN(64, return_sequences=True), recurrent("RNN"), sequences
    ),
    "Bidirectional LSTM": Case(
        lambda k: k.layers.Bidirectional(lstm(k)),
        recurrent("LSTM", bidirectional=True),
        sequences,
        1.15,
    ),
    "Dense": Case(
        lambda k: k.layers.Dense(256, activation="relu"),
        lambda torch: torch.nn.Sequential(torch.nn.Linear(256, 256), torch.nn.ReLU()),
        draw(64, 256),
    ),
    "Conv2D, hand in NCHW": Case(
        lambda k: k.layers.Conv2D(64, 3, padding="same"),
        lambda torch: torch.nn.Conv2d(32, 64, 3, padding=1),
        images,
        for_torch=first,
    ),
    "Conv2D, hand in channels_last": Case(
        lambda k: k.layers.Conv2D(64, 3, padding="same"),
        lambda torch: torch.nn.Conv2d(32, 64, 3, padding=1).to(memory_format=torch.channels_last),
        images,
        for_torch=lambda x: np.moveaxis(x, -1, 1),
    ),
    "BatchNormalization": Case(
        lambda k: k.layers.BatchNormalization(),
        lambda torch: torch.nn.BatchNorm2d(32),
        images,
        for_torch=first,
    ),
    "LayerNormalization": Case(
        lambda k: k.layers.LayerNormalization(),
        lambda torch: torch.nn.LayerNorm(256),
        draw(64, 40, 256),
    ),
    "MNIST convnet": Case(
        _models.convnet, _models.convnet_hand, draw(64, 28, 28, 1), 1.0, for_torch=first
    ),
    "3-block residual net": Case(
        _models.resnet, _models.resnet_hand, draw(32, 32, 32, 3), 1.0, for_torch=first
    ),
    "2-layer transformer encoder": Case(encoder, encoder_hand, draw(32, 40, 64), 1.1),
    "2-layer transformer, words": Case(_models.transformer, _models.transformer_hand, words),
}


# ---------------------------------------------------------------- contestants


class OfTorch:
    """A module of torch, be it written by hand or a Keras layer."""

    def __init__(self, torch, module, x, arguments):
        self.torch, self.module, self.arguments = torch, module, arguments
        self.x = torch.as_tensor(x)
        module(self.x, **arguments)

    def forward(self):
        with self.torch.no_grad():
            for _ in range(REPEATS):
                self.module(self.x, **self.arguments)

    def both(self):
        for _ in range(REPEATS):
            outputs = self.module(self.x, **self.arguments)
            outputs.sum().backward()
            self.module.zero_grad(set_to_none=True)


class OfTensorFlow:
    """A Keras layer in a compiled function."""

    def __init__(self, tf, layer, x, arguments):
        x = tf.constant(x)
        layer(x, **arguments)

        @tf.function
        def forward():
            return layer(x, **arguments)

        @tf.function
        def both():
            with tf.GradientTape() as tape:
                outputs = tf.reduce_sum(layer(x, **arguments))
            return tape.gradient(outputs, layer.trainable_variables)

        self.functions = forward, both
        self.forward()
        self.both()

    def forward(self):
        for _ in range(REPEATS):
            self.functions[0]()

    def both(self):
        for _ in range(REPEATS):
            self.functions[1]()


def contestant(kind: str, case: Case):
    x = case.data()
    arguments = {"training": True}
    if case.mask is not None:
        arguments["mask"] = case.mask()
    if kind == "tensorflow":
        tf, keras = importlib.import_module("tensorflow"), importlib.import_module("keras")
        return OfTensorFlow(tf, case.keras(keras), x, arguments)
    torch = importlib.import_module("torch")
    if kind == "hand":
        return OfTorch(torch, case.hand(torch), case.for_torch(x), {})
    if case.mask is not None:
        arguments["mask"] = torch.as_tensor(arguments["mask"])
    return OfTorch(torch, case.keras(importlib.import_module(kind)), x, arguments)


class Elsewhere:
    """A contestant in another interpreter."""

    def __init__(self, python: str, name: str, threads: int):
        self.process = subprocess.Popen(
            [python, __file__, "--worker", name, "--threads", str(threads)],
            env={**os.environ, "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{python} cannot run {name!r} with Keras on TensorFlow")

    def forward(self):
        return self._turn("forward")

    def both(self):
        return self._turn("both")

    def _turn(self, what):
        print(what, file=self.process.stdin, flush=True)
        return float(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def work(name: str, threads: int) -> None:
    """Takes turns as the parent process asks."""
    tf = importlib.import_module("tensorflow")
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    one = contestant("tensorflow", CASES[name])
    print("ready", flush=True)
    for line in sys.stdin:
        print(timed(getattr(one, line.strip())), flush=True)


def timed(call: Callable[[], object]) -> float:
    """Seconds of one of the repeats within a call."""
    start = time.perf_counter()
    elsewhere = call()
    return elsewhere if elsewhere is not None else (time.perf_counter() - start) / REPEATS


# ---------------------------------------------------------------- rounds


def rows_of(name: str, case: Case, arguments) -> list[dict]:
    found = {kind: contestant(kind, case) for kind in ("hand", "torchkeras", "keras")}
    if arguments.tensorflow:
        found["tensorflow"] = Elsewhere(arguments.tensorflow, name, arguments.threads)
    rows = []
    for what in ("forward", "both"):
        seconds: dict[str, list[float]] = {kind: [] for kind in found}
        for round_ in range(-1, arguments.rounds):
            kinds = list(found)
            for kind in kinds[round_ % len(kinds) :] + kinds[: round_ % len(kinds)]:
                taken = timed(getattr(found[kind], what))
                if round_ >= 0:
                    seconds[kind].append(taken)
        rows.append({"name": name, "what": what, "bar": case.bar if what == "both" else None})
        rows[-1].update({kind: float(np.median(taken)) for kind, taken in seconds.items()})
    if arguments.tensorflow:
        found["tensorflow"].close()
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--only", nargs="*", help="parts of the names of cases")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="interpreter with TensorFlow")
    parser.add_argument("--save", action="store_true", help="write into benchmarks/results")
    parser.add_argument("--check", action="store_true", help="status 1 where a bar is missed")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(arguments.worker, arguments.threads)
        return 0
    os.environ["KERAS_BACKEND"] = "torch"
    os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
    torch, timing = importlib.import_module("torch"), importlib.import_module("_timing")
    torch.set_num_threads(arguments.threads)
    rows = []
    for name, case in CASES.items():
        if arguments.only is None or any(part.lower() in name.lower() for part in arguments.only):
            rows += rows_of(name, case, arguments)
    kinds = ["hand", "torchkeras", "keras", *(["tensorflow"] if arguments.tensorflow else [])]
    cells = [
        [
            f"{row['name']}, {'forward' if row['what'] == 'forward' else 'and backward'}",
            f"{row['hand'] * 1e3:.2f} ms",
            *(f"{row[kind] / row['hand']:.2f}" for kind in kinds[1:]),
            "" if row["bar"] is None else f"{row['bar']:.2f}",
        ]
        for row in rows
    ]
    table = timing.table(["", *kinds, "bar"], cells)
    keras, ours = importlib.import_module("keras"), importlib.import_module("torchkeras")
    text = (
        f"# Layers beside hand-written torch\n\n{timing.machine('cpu', ours, keras)}\n\n{table}\n\n"
        f"Hand in milliseconds, the others as ratios to it; medians of {arguments.rounds} "
        f"alternated rounds of {REPEATS}.\n"
    )
    print(text)
    if arguments.save:
        print(timing.save("layers-cpu", text))
    missed = [
        row["name"] for row in rows if row["bar"] and row["torchkeras"] / row["hand"] > row["bar"]
    ]
    if missed:
        print("Bars missed:", ", ".join(missed))
    return int(bool(missed) and arguments.check)


if __name__ == "__main__":
    sys.exit(main())
