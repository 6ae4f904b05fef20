"""What does `fit` cost beside a loop written by hand? And `predict`?

    python benchmarks/fit_overhead.py [--rounds 7] [--quick] [--save] [--check] [--callbacks]

Three models, batch size 32: linear regression, an image classifier (Flatten, Dense 128 relu,
Dropout 0.2, Dense 10 softmax on 28x28 pixels) and a functional net of four branches. Contestants,
in one process and in alternated rounds:

- hand: a PyTorch loop with the default `torch.optim.Adam`, `zero_grad(set_to_none=True)`, shuffled
  index batches, loss and accuracy summed on the device and read once per epoch; prediction under
  `inference_mode` in slices, concatenated and copied to the host once.
- torchkeras: `fit` and `predict` with `verbose=0`, from NumPy arrays.
- keras: the same code with real Keras on its torch backend.

With `--callbacks`, what callbacks cost instead: epochs of 500 steps of the linear regression, with
no callback at all, with those that `fit` adds (`History` and the progress bar, drawn on what says
that it is a terminal), and with ten callbacks whose hooks are all there and do nothing.

All compute on the CPU; set KERAS_TORCH_DEVICE=cuda for a GPU.
"""

import argparse
import contextlib
import io
import os
import sys
import time
from typing import NamedTuple

# Both are read when keras and torchkeras are imported.
os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")

import keras
import numpy as np
import torch
import torch.nn.functional as F
from _timing import alternate, machine, median, save, table
from torch import Tensor, nn

import torchkeras

DEVICE = os.environ["KERAS_TORCH_DEVICE"]
BATCH = 32
FEATURES, BRANCHES, CLASSES = 64, 4, 10


class Case(NamedTuple):
    """One model: its data, how to write it in torch and in Keras, and the bars it is held to."""

    name: str
    data: tuple[np.ndarray, np.ndarray]
    torch_model: nn.Module
    torch_loss: object
    to_prediction: object
    keras_model: object  # takes the Keras module, gives a model
    compile: dict
    fit_bar: float
    predict_bar: float


# ---------------------------------------------------------------- the models


class TorchBranches(nn.Module):
    """Four Linear(32) branches on one input, concatenated, then the classes."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Linear(FEATURES, 32) for _ in range(BRANCHES))
        self.head = nn.Linear(32 * BRANCHES, CLASSES)

    def forward(self, x):
        return self.head(torch.cat([torch.relu(branch(x)) for branch in self.branches], dim=1))


def keras_line(k):
    return k.Sequential([k.Input(shape=(1,)), k.layers.Dense(1)])


def keras_mlp(k):
    return k.Sequential(
        [
            k.Input(shape=(28, 28)),
            k.layers.Flatten(),
            k.layers.Dense(128, activation="relu"),
            k.layers.Dropout(0.2),
            k.layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def keras_branches(k):
    inputs = k.Input(shape=(FEATURES,))
    branches = [k.layers.Dense(32, activation="relu")(inputs) for _ in range(BRANCHES)]
    outputs = k.layers.Dense(CLASSES, activation="softmax")(k.layers.Concatenate()(branches))
    return k.Model(inputs, outputs)


def torch_mlp():
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, CLASSES)
    )


def softmax(logits: Tensor) -> Tensor:
    return torch.softmax(logits, dim=-1)


def make_cases(rows: int) -> list[Case]:
    rng = np.random.default_rng(0)

    def numbers(*shape):
        return rng.normal(size=(rows, *shape)).astype("float32")

    line = numbers(1)
    labels = rng.integers(0, CLASSES, rows)
    classify = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    return [
        Case(
            "linear regression",
            (line, 3 * line + 2),
            nn.Linear(1, 1),
            F.mse_loss,
            torch.clone,
            keras_line,
            {"loss": "mse"},
            fit_bar=1.0,
            predict_bar=2.5,
        ),
        Case(
            "MLP 784-128-10",
            (numbers(28, 28), labels),
            torch_mlp(),
            F.cross_entropy,
            softmax,
            keras_mlp,
            classify,
            fit_bar=1.0,
            predict_bar=1.3,
        ),
        Case(
            "4 branches",
            (numbers(FEATURES), labels),
            TorchBranches(),
            F.cross_entropy,
            softmax,
            keras_branches,
            classify,
            fit_bar=1.0,
            predict_bar=1.3,
        ),
    ]


# ---------------------------------------------------------------- the contestants


def hand_fit(case: Case, epochs: int):
    """A call that trains the torch model and returns each epoch's loss and accuracy."""
    model = case.torch_model.to(DEVICE)
    x, y = (torch.as_tensor(array, device=DEVICE) for array in case.data)
    rows, has_accuracy = len(x), "metrics" in case.compile
    optimizer = torch.optim.Adam(model.parameters())

    def fit():
        model.train()
        history = []
        for _ in range(epochs):
            order = torch.randperm(rows, device=DEVICE)
            total = torch.zeros((), device=DEVICE)
            right = torch.zeros((), device=DEVICE)
            for start in range(0, rows, BATCH):
                index = order[start : start + BATCH]
                inputs, targets = x[index], y[index]
                outputs = model(inputs)
                loss = case.torch_loss(outputs, targets)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(index)
                if has_accuracy:
                    right += (outputs.argmax(dim=-1) == targets).sum()
            history.append((total.item() / rows, right.item() / rows))
        return history

    return fit


def hand_predict(case: Case):
    """A call that returns the torch model's predictions as a NumPy array."""
    model = case.torch_model.to(DEVICE)
    x = torch.as_tensor(case.data[0], device=DEVICE)

    def predict():
        model.eval()
        with torch.inference_mode():
            parts = [
                case.to_prediction(model(x[start : start + BATCH]))
                for start in range(0, len(x), BATCH)
            ]
            return torch.cat(parts).cpu().numpy()

    return predict


def keras_calls(k, case: Case, epochs: int):
    """The fit and predict calls of torchkeras or real Keras."""
    model = case.keras_model(k)
    model.compile(optimizer="adam", **case.compile)
    x, y = case.data
    return (
        lambda: model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0),
        lambda: model.predict(x, batch_size=BATCH, verbose=0),
    )


# ---------------------------------------------------------------- callbacks


class Terminal(io.StringIO):
    """Takes what the progress bar draws."""

    def isatty(self):
        return True


def hook(self, *args, **kwargs):
    """Does nothing."""


HOOKS = [name for name in dir(torchkeras.callbacks.Callback) if name.startswith("on_")]
Empty = type("Empty", (torchkeras.callbacks.Callback,), dict.fromkeys(HOOKS, hook))
CALLBACK_STEPS = 500
CALLBACK_BARS = {"History and progress bar": 1.03, "ten with empty hooks": 1.05}


def callback_calls() -> dict:
    x, y = make_cases(CALLBACK_STEPS * BATCH)[0].data
    model = keras_line(torchkeras)
    model.compile(optimizer="adam", loss="mse")
    # A list of callbacks without `History` leaves the model the one of the `fit` before.
    model.fit(x[:BATCH], y[:BATCH], verbose=0)

    def fit(verbose, callbacks):
        with contextlib.redirect_stdout(Terminal()):
            model.fit(x, y, batch_size=BATCH, verbose=verbose, callbacks=callbacks())

    return {
        "none": lambda: fit(0, lambda: torchkeras.callbacks.CallbackList(model=model)),
        "History and progress bar": lambda: fit(1, lambda: None),
        "ten with empty hooks": lambda: fit(0, lambda: [Empty() for _ in range(10)]),
    }


def measure_callbacks(rounds: int) -> tuple[str, bool]:
    """The report, and whether all bars are met."""
    # Not the clock's time: the differences are below what other work on the machine makes.
    times = alternate(callback_calls(), rounds, clock=time.thread_time)
    per_step = {name: median(seconds) / CALLBACK_STEPS * 1e6 for name, seconds in times.items()}
    rows, met = [], True
    for name, microseconds in per_step.items():
        ratio, bar = microseconds / per_step["none"], CALLBACK_BARS.get(name)
        met = met and (bar is None or ratio <= bar)
        verdict = "" if bar is None else "yes" if ratio <= bar else "NO"
        rows.append((name, f"{microseconds:.1f}", f"{ratio:.3f}", bar or "", verdict))
    text = "\n\n".join(
        [
            f"Microseconds a step (batch {BATCH}), time of the training thread, medians of "
            f"{rounds} alternated rounds of an epoch of {CALLBACK_STEPS} steps.",
            table(("callbacks", "us", "ratio", "bar", "met"), rows),
            machine(DEVICE, torchkeras),
        ]
    )
    return text, met


# ---------------------------------------------------------------- the report


def measure(case: Case, rounds: int, epochs: int) -> list[tuple]:
    """One row for fit and one for predict: microseconds a step, ratios, the bar and whether met."""
    steps = -(-len(case.data[0]) // BATCH)
    calls = {"torchkeras": keras_calls(torchkeras, case, epochs)}
    calls["keras"] = keras_calls(keras, case, epochs)
    contests = {
        "fit": {"hand": hand_fit(case, epochs)} | {k: fit for k, (fit, _) in calls.items()},
        "predict": {"hand": hand_predict(case)} | {k: predict for k, (_, predict) in calls.items()},
    }
    rows = []
    for what, contestants in contests.items():
        count = steps * (epochs if what == "fit" else 1)
        times = alternate(contestants, rounds)
        hand, ours, theirs = (median(times[name]) / count * 1e6 for name in contestants)
        bar = case.fit_bar if what == "fit" else case.predict_bar
        rows.append((what, case.name, hand, ours, theirs, ours / hand, bar, ours / hand <= bar))
    return rows


HEADINGS = (
    "",
    "model",
    "hand us",
    "torchkeras us",
    "keras us",
    "ratio",
    "bar",
    "met",
    "keras/ours",
)


def report(rows: list[tuple], rounds: int, steps: int, epochs: int) -> str:
    lines = [
        (
            what,
            name,
            f"{hand:.0f}",
            f"{ours:.0f}",
            f"{theirs:.0f}",
            f"{ratio:.2f}",
            f"{bar:.1f}",
            "yes" if met else "NO",
            f"{theirs / ours:.1f}",
        )
        for what, name, hand, ours, theirs, ratio, bar, met in rows
    ]
    return "\n\n".join(
        [
            f"Microseconds a step (batch {BATCH}), medians of {rounds} alternated rounds of "
            f"{epochs} epochs (predict: 1 pass) of {steps} steps; ratio = torchkeras / hand.",
            table(HEADINGS, lines),
            machine(DEVICE, torchkeras, keras, np),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="rounds that count (at least 5)")
    parser.add_argument("--quick", action="store_true", help="few steps: does it run at all?")
    parser.add_argument("--save", action="store_true", help="write a file in benchmarks/results")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    parser.add_argument("--callbacks", action="store_true", help="measure callbacks instead")
    parser.add_argument("--threads", type=int, help="torch's threads (default: torch's choice)")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    if arguments.callbacks:
        text, met = measure_callbacks(2 if arguments.quick else max(arguments.rounds, 60))
        print(text)
        if arguments.save:
            path = save(f"callbacks-{DEVICE}", f"# callbacks\n\n{text}\n")
            print(f"\nSaved as {path}")
        return int(arguments.check and not met)
    steps, epochs, rounds = (20, 1, 2) if arguments.quick else (200, 3, max(arguments.rounds, 5))
    rows = [row for case in make_cases(steps * BATCH) for row in measure(case, rounds, epochs)]
    rows.sort(key=lambda row: row[0])
    text = report(rows, rounds, steps, epochs)
    print(text)
    if arguments.save:
        path = save(f"fit_overhead-{DEVICE}", f"# fit_overhead\n\n{text}\n")
        print(f"\nSaved as {path}")
    return int(arguments.check and not all(row[-1] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
