"""Training loops by `tf.GradientTape` against plain torch loops: the overhead of `torchkeras.tf`.

Two loops: a linear classifier by hand (`tf.matmul`, `assign_sub`) and a Keras MLP with Adam. Each
is timed in `torchkeras.tf` and written in plain torch; `--tensorflow PYTHON` times them in real
TensorFlow with `tf.function` as well, by a Python that has it.

    python benchmarks/tf_style_loop.py [--quick] [--save] [--tensorflow PYTHON]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

STEPS = 200


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2)).astype("float32")
    y = (x.sum(1, keepdims=True) > 0).astype("float32")
    images = rng.normal(size=(128, 784)).astype("float32")
    labels = rng.integers(0, 10, 128).astype("int64")
    return x, y, images, labels


def tape_linear(tf, decorate):
    """A round of the linear classifier with the names of TensorFlow."""
    x, y, *_ = data()
    inputs, targets = tf.constant(x), tf.constant(y)
    w = tf.Variable(initial_value=tf.zeros((2, 1)))
    b = tf.Variable(initial_value=tf.zeros((1,)))

    @decorate
    def step(inputs, targets):
        with tf.GradientTape() as tape:
            predictions = tf.matmul(inputs, w) + b
            loss = tf.reduce_mean(tf.square(targets - predictions))
        grad_w, grad_b = tape.gradient(loss, [w, b])
        w.assign_sub(grad_w * 0.1)
        b.assign_sub(grad_b * 0.1)
        return loss

    return lambda: [step(inputs, targets) for _ in range(STEPS)]


def tape_mlp(tf, decorate):
    """A round of the MLP with the names of TensorFlow."""
    *_, images, labels = data()
    x, y = tf.constant(images), tf.constant(labels)
    keras = tf.keras
    model = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(256, activation="relu"),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-3)
    optimizer.build(model.trainable_variables)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    @decorate
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables))
        return loss

    return lambda: [step(x, y) for _ in range(STEPS)]


def torch_linear(torch):
    """A round of the linear classifier in plain torch."""
    inputs, targets = (torch.from_numpy(array) for array in data()[:2])
    w = torch.zeros(2, 1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)

    def step():
        predictions = torch.matmul(inputs, w) + b
        loss = torch.mean(torch.square(targets - predictions))
        grad_w, grad_b = torch.autograd.grad(loss, [w, b])
        with torch.no_grad():
            w.sub_(grad_w * 0.1)
            b.sub_(grad_b * 0.1)
        return loss

    return lambda: [step() for _ in range(STEPS)]


def torch_mlp(torch):
    """A round of the MLP in plain torch, with torch's default Adam."""
    x, y = (torch.from_numpy(array) for array in data()[2:])
    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    optimizer = torch.optim.Adam(model.parameters())
    loss_fn = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return lambda: [step() for _ in range(STEPS)]


def seconds(contestants, rounds):
    """Median seconds of a round of each; they take turns."""
    times = {name: [] for name in contestants}
    for number in range(-1, rounds):
        for name, run in contestants.items():
            start = time.process_time()
            float(run()[-1])
            if number >= 0:
                times[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def of_tensorflow(rounds):
    """Times the loops in real TensorFlow and prints them as JSON."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    loops = {"linear": tape_linear(tf, tf.function), "mlp": tape_mlp(tf, tf.function)}
    print(json.dumps(seconds(loops, rounds)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--save", action="store_true", help="write a dated file to results/")
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python with TensorFlow")
    parser.add_argument("--in-tensorflow", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.in_tensorflow:
        of_tensorflow(options.in_tensorflow)
        return
    rounds = 2 if options.quick else 9
    os.environ.setdefault("KERAS_TORCH_DEVICE", "cpu")
    import torch
    from _timing import machine, save, table

    from torchkeras import tf

    torch.set_num_threads(1)
    torch.manual_seed(0)
    ours = seconds(
        {
            "torch linear": torch_linear(torch),
            "tf linear": tape_linear(tf, tf.function),
            "torch mlp": torch_mlp(torch),
            "tf mlp": tape_mlp(tf, tf.function),
        },
        rounds,
    )
    theirs = {}
    if options.tensorflow:
        environment = {
            **os.environ,
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "CUDA_VISIBLE_DEVICES": "",
            "KERAS_BACKEND": "tensorflow",
        }
        environment.pop("PYTHONPATH", None)
        command = [options.tensorflow, __file__, "--in-tensorflow", str(rounds)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        theirs = json.loads(done.stdout.splitlines()[-1])
    rows = []
    for name in ("linear", "mlp"):
        plain, tape = (ours[f"{kind} {name}"] / STEPS * 1e6 for kind in ("torch", "tf"))
        row = [name, f"{plain:.0f}", f"{tape:.0f}", f"{tape / plain:.2f}"]
        if theirs:
            other = theirs[name] / STEPS * 1e6
            row += [f"{other:.0f}", f"{tape / other:.2f}"]
        rows.append(row)
    header = ["loop", "torch, us", "tape, us", "of torch"]
    header += ["TensorFlow, us", "of TensorFlow"] if theirs else []
    text = table(header, rows)
    print(text)
    if options.save:
        save("tf_style_loop-cpu", f"{machine('cpu')}\n\n{text}\n")


if __name__ == "__main__":
    sys.exit(main())
