"""Nine small models, each written in torch and in Keras, with data and losses.

Nothing of torch or Keras is imported here until it is asked for: a contestant's process must not
hold what another one needs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["BATCH", "CASES", "Case"]

BATCH = 32
CLASSES = 10
WORDS = 2000
STEPS_IN_TIME, SIGNALS = 30, 16
CLASSIFY = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


class Case(NamedTuple):
    """One model.

    `data(rows)` gives inputs as Keras takes them, and targets; `for_torch` turns the inputs into
    what the torch model takes, which it does before the clock starts. `hand(torch)` makes that
    model, which gives logits.
    """

    name: str
    data: Callable[[int], tuple[np.ndarray, np.ndarray]]
    hand: Callable[[Any], Any]
    keras: Callable[[Any], Any]
    compile: dict = CLASSIFY
    for_torch: Callable[[np.ndarray], np.ndarray] = np.asarray
    steps: int = 200


def normal(*shape: int) -> Callable[[int], tuple[np.ndarray, np.ndarray]]:
    def make(rows):
        rng = np.random.default_rng(0)
        return rng.normal(size=(rows, *shape)).astype("float32"), rng.integers(0, CLASSES, rows)

    return make


# ---------------------------------------------------------------- dense


def line_data(rows: int):
    x = np.random.default_rng(0).normal(size=(rows, 1)).astype("float32")
    return x, 3 * x + 2


def line_hand(torch):
    return torch.nn.Linear(1, 1)


def line(k):
    return k.Sequential([k.Input(shape=(1,)), k.layers.Dense(1)])


def mlp_hand(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, CLASSES)
    )


def mlp(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input(shape=(28, 28)),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def branches_hand(torch):
    class Branches(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.branches = torch.nn.ModuleList(torch.nn.Linear(64, 32) for _ in range(4))
            self.head = torch.nn.Linear(128, CLASSES)

        def forward(self, x):
            return self.head(torch.cat([torch.relu(branch(x)) for branch in self.branches], dim=1))

    return Branches()


def branches(k):
    inputs = k.Input(shape=(64,))
    found = [k.layers.Dense(32, activation="relu")(inputs) for _ in range(4)]
    outputs = k.layers.Dense(CLASSES, activation="softmax")(k.layers.Concatenate()(found))
    return k.Model(inputs, outputs)


# ---------------------------------------------------------------- images


def channels_first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def convnet_hand(torch):
    nn = torch.nn
    return nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(1600, CLASSES),
    )


def convnet(k):
    layers = k.layers
    return k.Sequential(
        [
            k.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


RESNET = ((16, 1), (32, 2), (64, 2))


def resnet_hand(torch):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, width, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(width, out, 3, stride, padding=1, bias=False)
            self.norm1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
            self.norm2 = nn.BatchNorm2d(out)
            self.short = None
            if width != out:
                self.short = nn.Conv2d(width, out, 1, stride, bias=False)

        def forward(self, x):
            y = torch.relu(self.norm1(self.conv1(x)))
            y = self.norm2(self.conv2(y))
            return torch.relu(y + (x if self.short is None else self.short(x)))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Sequential(
                nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
            )
            widths = [16, *(width for width, _ in RESNET)]
            self.blocks = nn.Sequential(
                *(Block(a, b, stride) for a, (b, stride) in zip(widths, RESNET))
            )
            self.head = nn.Linear(64, CLASSES)

        def forward(self, x):
            return self.head(self.blocks(self.stem(x)).mean((2, 3)))

    return ResNet()


def resnet(k):
    layers = k.layers

    def convolved(x, width, size, stride=1):
        return layers.Conv2D(width, size, stride, padding="same", use_bias=False)(x)

    def normal_relu(x):
        return layers.Activation("relu")(layers.BatchNormalization()(x))

    inputs = k.Input(shape=(32, 32, 3))
    x = normal_relu(convolved(inputs, 16, 3))
    for width, stride in RESNET:
        y = normal_relu(convolved(x, width, 3, stride))
        y = layers.BatchNormalization()(convolved(y, width, 3))
        short = x if x.shape[-1] == width else convolved(x, width, 1, stride)
        x = layers.Activation("relu")(layers.Add()([y, short]))
    x = layers.GlobalAveragePooling2D()(x)
    return k.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))


# ---------------------------------------------------------------- sequences


def sentences(rows: int):
    """Word numbers, padded with 0 at the end to 40 words."""
    rng = np.random.default_rng(0)
    words = rng.integers(1, WORDS, (rows, 40))
    lengths = rng.integers(10, 41, (rows, 1))
    return np.where(np.arange(40) < lengths, words, 0), rng.integers(0, CLASSES, rows)


def recurrent_hand(kind: str):
    def make(torch):
        class Recurrent(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.recurrent = getattr(torch.nn, kind)(SIGNALS, 64, batch_first=True)
                self.head = torch.nn.Linear(64, CLASSES)

            def forward(self, x):
                return self.head(self.recurrent(x)[0][:, -1])

        return Recurrent()

    return make


def recurrent(kind: str):
    def make(k):
        return k.Sequential(
            [
                k.Input(shape=(STEPS_IN_TIME, SIGNALS)),
                getattr(k.layers, kind)(64),
                k.layers.Dense(CLASSES, activation="softmax"),
            ]
        )

    return make


def masked_lstm_hand(torch):
    class Masked(torch.nn.Module):
        """The state after the last word. Without packing, which is slower on the CPU."""

        def __init__(self):
            super().__init__()
            self.embedding = torch.nn.Embedding(WORDS, 32)
            self.lstm = torch.nn.LSTM(32, 64, batch_first=True)
            self.head = torch.nn.Linear(64, CLASSES)

        def forward(self, words):
            outputs = self.lstm(self.embedding(words))[0]
            last = (words != 0).sum(1) - 1
            rows = torch.arange(len(words), device=words.device)
            return self.head(outputs[rows, last])

    return Masked()


def masked_lstm(k):
    return k.Sequential(
        [
            k.Input(shape=(40,), dtype="int64"),
            k.layers.Embedding(WORDS, 32, mask_zero=True),
            k.layers.LSTM(64),
            k.layers.Dense(CLASSES, activation="softmax"),
        ]
    )


WIDTH, HEADS = 64, 4


def transformer_hand(torch):
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
            self.norm1 = nn.LayerNorm(WIDTH)
            self.hidden = nn.Linear(WIDTH, 4 * WIDTH)
            self.out = nn.Linear(4 * WIDTH, WIDTH)
            self.norm2 = nn.LayerNorm(WIDTH)

        def forward(self, x):
            x = self.norm1(x + self.attention(x, x, x, need_weights=False)[0])
            hidden = nn.functional.gelu(self.hidden(x))
            return self.norm2(x + self.out(hidden))

    class Transformer(nn.Module):
        def __init__(self):
            super().__init__()
            self.words = nn.Embedding(WORDS, WIDTH)
            self.places = nn.Parameter(torch.randn(40, WIDTH) / 20)
            self.blocks = nn.Sequential(Block(), Block())
            self.head = nn.Linear(WIDTH, CLASSES)

        def forward(self, words):
            return self.head(self.blocks(self.words(words) + self.places).mean(1))

    return Transformer()


def transformer(k):
    layers = k.layers

    class Places(layers.Layer):
        def build(self, input_shape):
            self.places = self.add_weight(shape=(40, WIDTH), name="places")

        def call(self, x):
            return x + self.places

    def block(x):
        attended = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        hidden = layers.Dense(4 * WIDTH, activation="gelu")(x)
        return layers.LayerNormalization()(layers.Add()([x, layers.Dense(WIDTH)(hidden)]))

    words = k.Input(shape=(40,), dtype="int64")
    x = block(block(Places()(layers.Embedding(WORDS, WIDTH)(words))))
    x = layers.GlobalAveragePooling1D()(x)
    return k.Model(words, layers.Dense(CLASSES, activation="softmax")(x))


CASES = [
    Case("linear regression", line_data, line_hand, line, {"loss": "mse"}),
    Case("MLP 784-128-10", normal(28, 28), mlp_hand, mlp),
    Case("4 branches", normal(64), branches_hand, branches),
    Case(
        "MNIST convnet",
        normal(28, 28, 1),
        convnet_hand,
        convnet,
        for_torch=channels_first,
        steps=30,
    ),
    Case("ResNet, BN", normal(32, 32, 3), resnet_hand, resnet, for_torch=channels_first, steps=30),
    Case("LSTM", normal(STEPS_IN_TIME, SIGNALS), recurrent_hand("LSTM"), recurrent("LSTM")),
    Case("masked LSTM", sentences, masked_lstm_hand, masked_lstm, steps=100),
    Case("GRU", normal(STEPS_IN_TIME, SIGNALS), recurrent_hand("GRU"), recurrent("GRU")),
    Case("transformer, 2 layers", sentences, transformer_hand, transformer, steps=50),
]
