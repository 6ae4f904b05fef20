"""What does an op cost beside the call of torch that it stands for?

    python benchmarks/ops_overhead.py [--rounds 300] [--quick] [--save] [--check]

Twenty ops on 256x256 tensors of float32, eagerly and without gradients. Contestants, which take
turns in one process:

- torch: the bare function of torch that somebody would write by hand.
- torchkeras: the op of `torchkeras.ops`.
- keras: the op of real Keras on its torch backend.

The median of the ratios torchkeras / torch is held to 1.25, each of them to 1.6. Views take torch
about a microsecond, which is what checking arguments takes; they are listed without a bar.

All compute on the CPU; set KERAS_TORCH_DEVICE=cuda for a GPU, where what is measured is the time
until a call returns.
"""

import argparse
import gc
import os
import sys
import time

# Both are read when keras and torchkeras are imported.
os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")

import keras
import numpy as np
import torch
import torch.nn.functional as F
from _timing import machine, median, save, table

import torchkeras

DEVICE = os.environ["KERAS_TORCH_DEVICE"]
SIZE = 256
MEDIAN_BAR, EACH_BAR = 1.25, 1.6

X, Y = (torch.randn(SIZE, SIZE, device=DEVICE) for _ in range(2))
MASK = X > 0
IDS = torch.randint(0, SIZE, (32, 32), device=DEVICE)
# The 256x256 numbers as 16 images of 16x16 points and 16 channels; a kernel in both layouts.
IMAGES = X.view(16, 16, 16, 16)
FIRST = IMAGES.permute(0, 3, 1, 2)
KERNEL = torch.randn(3, 3, 16, 16, device=DEVICE)
TORCH_KERNEL = KERNEL.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)

# Name: (torch by hand, the op of a library).
OPS = {
    "add": (lambda: torch.add(X, Y), lambda o: o.add(X, Y)),
    "subtract a number": (lambda: torch.sub(X, 1.5), lambda o: o.subtract(X, 1.5)),
    "multiply": (lambda: torch.mul(X, Y), lambda o: o.multiply(X, Y)),
    "maximum": (lambda: torch.maximum(X, Y), lambda o: o.maximum(X, Y)),
    "equal": (lambda: torch.eq(X, Y), lambda o: o.equal(X, Y)),
    "where": (lambda: torch.where(MASK, X, Y), lambda o: o.where(MASK, X, Y)),
    "exp": (lambda: torch.exp(X), lambda o: o.exp(X)),
    "square": (lambda: torch.square(X), lambda o: o.square(X)),
    "clip": (lambda: torch.clamp(X, -1.0, 1.0), lambda o: o.clip(X, -1.0, 1.0)),
    "cast": (lambda: X.to(torch.float16), lambda o: o.cast(X, "float16")),
    "relu": (lambda: torch.relu(X), lambda o: o.relu(X)),
    "softmax": (lambda: torch.softmax(X, -1), lambda o: o.softmax(X, axis=-1)),
    "sum": (lambda: torch.sum(X, -1), lambda o: o.sum(X, axis=-1)),
    "mean": (lambda: torch.mean(X, -1), lambda o: o.mean(X, axis=-1)),
    "argmax": (lambda: torch.argmax(X, -1), lambda o: o.argmax(X, axis=-1)),
    "matmul": (lambda: torch.matmul(X, Y), lambda o: o.matmul(X, Y)),
    "einsum": (
        lambda: torch.einsum("ij,kj->ik", X, Y),
        lambda o: o.einsum("ij,kj->ik", X, Y),
    ),
    "concatenate": (lambda: torch.cat([X, Y], -1), lambda o: o.concatenate([X, Y], axis=-1)),
    "take 32x32 rows": (lambda: F.embedding(IDS, X), lambda o: o.take(X, IDS, axis=0)),
    "conv 3x3": (
        lambda: F.conv2d(FIRST, TORCH_KERNEL, padding=1),
        lambda o: o.conv(IMAGES, KERNEL, padding="same"),
    ),
}
VIEWS = {
    "reshape": (lambda: torch.reshape(X, (512, 128)), lambda o: o.reshape(X, (512, 128))),
    "transpose": (lambda: torch.permute(X, (1, 0)), lambda o: o.transpose(X, (1, 0))),
    "expand_dims": (lambda: torch.unsqueeze(X, 0), lambda o: o.expand_dims(X, 0)),
}


def seconds_of(call, times: int) -> float:
    start = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - start


def measure(ops: dict, rounds: int) -> list[tuple]:
    """Name and microseconds a call of torch, torchkeras and keras: the best of many short rounds in
    which they take turns, since whatever else the machine does only adds to a time."""
    rows = []
    for name, (by_hand, op) in ops.items():
        # All three through one more function, so that getting there costs the same.
        contestants = [
            lambda by_hand=by_hand: by_hand(),
            lambda op=op: op(torchkeras.ops),
            lambda op=op: op(keras.ops),
        ]
        # Short enough to be left alone by whatever else runs.
        calls = max(1, min(20, int(3e-4 / min(seconds_of(by_hand, 1) for _ in range(10)))))
        best = [float("inf")] * len(contestants)
        for _ in range(rounds):
            for i, contestant in enumerate(contestants):
                best[i] = min(best[i], seconds_of(contestant, calls))
        rows.append((name, *(seconds / calls * 1e6 for seconds in best)))
    return rows


def line(name: str, hand: float, ours: float, theirs: float, bar: bool) -> tuple:
    met = ("yes" if ours / hand <= EACH_BAR else "NO") if bar else ""
    numbers = (f"{hand:.1f}", f"{ours:.1f}", f"{theirs:.1f}")
    return name, *numbers, f"{ours / hand:.2f}", f"{theirs / hand:.2f}", met


HEADINGS = ("op", "torch us", "torchkeras us", "keras us", "ratio", "keras / torch", "met")


def report(rows: list[tuple], views: list[tuple], rounds: int) -> tuple[str, bool]:
    """The text, and whether both bars are met."""
    ratios = [ours / hand for _, hand, ours, _ in rows]
    met = median(ratios) <= MEDIAN_BAR and max(ratios) <= EACH_BAR
    lines = [line(*row, bar=True) for row in rows] + [line(*row, bar=False) for row in views]
    text = "\n\n".join(
        [
            f"Microseconds a call on {SIZE}x{SIZE} float32, the best of {rounds} alternated "
            "rounds; ratio = torchkeras / torch.",
            table(HEADINGS, lines),
            f"Median ratio {median(ratios):.2f} (bar {MEDIAN_BAR}), largest {max(ratios):.2f} "
            f"(bar {EACH_BAR}), of the {len(rows)} ops with a bar. Median of keras / torch: "
            f"{median([theirs / hand for _, hand, _, theirs in rows]):.2f}.",
            machine(DEVICE, torchkeras, keras, np),
        ]
    )
    return text, met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=300, help="rounds that count (at least 5)")
    parser.add_argument("--quick", action="store_true", help="few calls: does it run at all?")
    parser.add_argument("--save", action="store_true", help="write a file in benchmarks/results")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    parser.add_argument("--threads", type=int, help="torch's threads (default: torch's choice)")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    rounds = 3 if arguments.quick else max(arguments.rounds, 5)
    gc.disable()
    with torch.no_grad():
        rows, views = (measure(ops, rounds) for ops in (OPS, VIEWS))
    gc.enable()
    text, met = report(rows, views, rounds)
    print(text)
    if arguments.save:
        path = save(f"ops_overhead-{DEVICE}", f"# ops_overhead\n\n{text}\n")
        print(f"\nSaved as {path}")
    return int(arguments.check and not met)


if __name__ == "__main__":
    sys.exit(main())
