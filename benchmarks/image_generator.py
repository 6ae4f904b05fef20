"""How fast is `ImageDataGenerator` beside Keras 2's, and does reading files keep `fit` busy?

    python benchmarks/image_generator.py [--tf-keras PYTHON] [--rounds 5] [--quick] [--save]
        [--check] [--no-fit]

The other side is tf_keras, run by another interpreter (`--tf-keras`), or else the same code as real
Keras 3 keeps it, in this process; both need scipy. Contestants take turns. The last column has the
processor time of an image there and here, which other work on the machine does not change as much.

- flow: 64 images of 224x224x3 with rotation, shifts, shear, zoom and flip, by fill mode.
- flow_from_directory: 1,000 JPEG files of 320x240 pixels, to 224x224, without and with these.
- fit: a small convnet on 600 files of 180x180 pixels by `image_dataset_from_directory`, beside the
  same images as arrays in memory.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

CHANGES = {
    "rotation_range": 20,
    "width_shift_range": 0.1,
    "height_shift_range": 0.1,
    "shear_range": 10,
    "zoom_range": 0.2,
    "horizontal_flip": True,
}
MODES = ("nearest", "reflect", "wrap", "constant")
# Case, the options of the generator, how many times as fast as the other side it has to be.
FLOWS = {
    f"flow {mode}": (CHANGES | {"fill_mode": mode}, 8 if mode == "nearest" else 5) for mode in MODES
}
FOLDERS = {"folder, no change": ({}, 1.5), "folder, changes": (CHANGES, 5)}
FIT_BAR = 0.9


def make_files(folder: str, count: int, size: tuple[int, int]) -> None:
    """JPEG files of blurred noise in two folders."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for index in range(count):
        place = Path(folder, ("cats", "dogs")[index % 2])
        place.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8))
        large = small.resize((size[1], size[0]), Image.Resampling.BICUBIC)
        large.save(place / f"{index:04}.jpg", quality=90)


def rounds_of(generator_class, folder: str, is_quick: bool):
    """A function of a case's name that makes all its images once, and returns how many and its
    processor time."""
    images = np.random.default_rng(0).integers(0, 256, (64, 224, 224, 3)).astype("float32")
    flows = {}

    def prepare(name):
        generator = generator_class(**{**FLOWS, **FOLDERS}[name][0])
        if name in FLOWS:
            return generator.flow(images, np.zeros(64), batch_size=64, seed=1)
        return generator.flow_from_directory(folder, (224, 224), class_mode="binary", seed=1)

    def run(name):
        if name not in flows:
            flows[name] = prepare(name)
        flow = flows[name]
        batches = len(flow) if name in FOLDERS else 1 if is_quick else 4
        before = time.process_time()
        count = sum(len(next(flow)[1]) for _ in range(batches))
        return count, time.process_time() - before

    return run


# ---------------------------------------------------------------- the other side


class Process:
    """tf_keras in another interpreter, which answers the name of a case when it has made it."""

    def __init__(self, python: str, folder: str, is_quick: bool):
        command = [python, __file__, "--serve", folder, *(["--quick"] if is_quick else [])]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        )
        self.version = self._answer()

    def _answer(self) -> str:
        for line in self.process.stdout:
            if line.startswith("done "):
                return line.removeprefix("done ").strip()
        raise RuntimeError("The other interpreter has ended: does it have tf_keras and scipy?")

    def run(self, name: str) -> tuple[int, float]:
        self.process.stdin.write(f"{name}\n")
        self.process.stdin.flush()
        count, seconds = self._answer().split()
        return int(count), float(seconds)


def serve(folder: str, is_quick: bool) -> None:
    """What the other interpreter runs."""
    import tf_keras

    run = rounds_of(tf_keras.preprocessing.image.ImageDataGenerator, folder, is_quick)
    print("done tf_keras", tf_keras.__version__, flush=True)
    for line in sys.stdin:
        print("done", *run(line.strip()), flush=True)


def in_process(folder: str, is_quick: bool):
    """Real Keras 3's own copy of the generator."""
    import keras
    from keras._tf_keras.keras.preprocessing.image import ImageDataGenerator

    return rounds_of(ImageDataGenerator, folder, is_quick), f"keras {keras.__version__}"


# ---------------------------------------------------------------- the figures


def generators(other, folder: str, rounds: int, is_quick: bool) -> list[tuple]:
    """For each case images per second of both, their ratio, the bar and whether it is met."""
    from _timing import alternate, median

    from torchkeras.preprocessing.image import ImageDataGenerator

    runs = {"ours": rounds_of(ImageDataGenerator, folder, is_quick), "other": other}
    rows = []
    for name, (_, bar) in {**FLOWS, **FOLDERS}.items():
        count = runs["ours"](name)[0]
        spent = {"ours": [], "other": []}

        def contest(side, name=name, spent=spent):
            spent[side].append(runs[side](name)[1])

        times = alternate({side: functools.partial(contest, side) for side in runs}, rounds)
        mine, theirs = (count / median(times[side]) for side in runs)
        work = median(spent["other"]) / median(spent["ours"])
        rows.append((name, mine, theirs, mine / theirs, bar, mine / theirs >= bar, work))
        print(f"{name}: {mine / theirs:.2f} times, work {work:.2f}", flush=True)
    return rows


def fits(folder: str, rounds: int) -> tuple:
    """The same for an epoch of training from files, beside one from memory."""
    from _timing import alternate, median

    import torchkeras
    from torchkeras import layers

    dataset = torchkeras.utils.image_dataset_from_directory(
        folder, image_size=(180, 180), label_mode="binary", verbose=False
    )
    parts = [(x.numpy(), y.numpy()) for x, y in dataset]
    x, y = (np.concatenate(part) for part in zip(*parts))
    model = torchkeras.Sequential(
        [
            torchkeras.Input((180, 180, 3)),
            layers.Rescaling(1 / 255),
            *[
                layer
                for filters in (32, 64, 128)
                for layer in (layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D())
            ],
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile("adam", "binary_crossentropy")
    contestants = {
        "files": lambda: model.fit(dataset, shuffle=False, verbose=0),
        "memory": lambda: model.fit(x, y, batch_size=32, verbose=0),
    }
    times = alternate(contestants, rounds)
    files, memory = (len(x) / median(times[name]) for name in contestants)
    ratio = files / memory
    return "fit from files", files, memory, ratio, FIT_BAR, ratio >= FIT_BAR, float("nan")


def report(rows: list[tuple], versions: str, rounds: int) -> str:
    from _timing import machine, table

    import torchkeras

    lines = [
        (
            name,
            f"{ours:.0f}",
            f"{other:.0f}",
            f"{ratio:.2f}",
            f"{bar:.1f}",
            "yes" if met else "NO",
            f"{work:.2f}",
        )
        for name, ours, other, ratio, bar, met, work in rows
    ]
    return "\n\n".join(
        [
            f"Images per second, medians of {rounds} alternated rounds; the other side is "
            f"{versions}, for `fit` arrays in memory. Work: processor time an image takes there, "
            "divided by that here.",
            table(("", "torchkeras", "other", "ratio", "bar", "met", "work"), lines),
            machine(os.environ["KERAS_TORCH_DEVICE"], torchkeras, np)
            + f" Load while it ran: {os.getloadavg()[0]:.1f}.",
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tf-keras", metavar="PYTHON", help="an interpreter that has tf_keras")
    parser.add_argument("--rounds", type=int, default=5, help="rounds that count")
    parser.add_argument("--quick", action="store_true", help="few images: does it run at all?")
    parser.add_argument("--save", action="store_true", help="write a file in benchmarks/results")
    parser.add_argument("--check", action="store_true", help="exit 1 if a bar is missed")
    parser.add_argument("--no-fit", action="store_true", help="leave out the last part")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", DeprecationWarning)
    if arguments.serve:
        serve(arguments.serve, arguments.quick)
        return 0
    rounds = 2 if arguments.quick else arguments.rounds
    with tempfile.TemporaryDirectory() as folder:
        large, small = os.path.join(folder, "large"), os.path.join(folder, "small")
        make_files(large, 100 if arguments.quick else 1000, (240, 320))
        make_files(small, 64 if arguments.quick else 600, (180, 180))
        if arguments.tf_keras:
            process = Process(arguments.tf_keras, large, arguments.quick)
            other, versions = process.run, process.version
        else:
            other, versions = in_process(large, arguments.quick)
        rows = generators(other, large, rounds, arguments.quick)
        if not arguments.no_fit:
            rows.append(fits(small, rounds))
    text = report(rows, versions, rounds)
    print(text)
    if arguments.save:
        from _timing import save

        path = save("image_generator", f"# image_generator\n\n{text}\n")
        print(f"\nSaved as {path}")
    return int(arguments.check and not all(row[5] for row in rows))


if __name__ == "__main__":
    sys.exit(main())
