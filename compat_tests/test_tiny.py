"""The whole way in under a minute: build, fit, evaluate, save, load, predict, go on in torch."""

import numpy as np
import pytest
import torch

import torchkeras as keras
from torchkeras import layers

pytestmark = pytest.mark.tiny

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(96, 8, 8, 1)).astype("float32")
# A class that can be seen: which half of the image is brighter.
CLASSES = (IMAGES[:, :4].sum((1, 2, 3)) > IMAGES[:, 4:].sum((1, 2, 3))).astype("int64")


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu", padding="same"),
            layers.BatchNormalization(momentum=0.8),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.1),
            layers.Dense(2, activation="softmax"),
        ]
    )


def functional():
    inputs = keras.Input((8, 8, 1))
    top = layers.Flatten()(inputs[:, :4])
    bottom = layers.Flatten()(inputs[:, 4:])
    shared = layers.Dense(16, activation="tanh")
    joined = layers.Concatenate()([shared(top), torch.relu(shared(bottom))])
    return keras.Model(inputs, layers.Dense(2, activation="softmax")(joined))


class Subclassed(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.flatten = layers.Flatten()
        self.hidden = [layers.Dense(16, activation="relu"), torch.nn.Linear(16, 16)]
        self.last = layers.Dense(2, activation="softmax")

    def call(self, x, training=None):
        x = self.flatten(x)
        for layer in self.hidden:
            x = layer(x)
        return self.last(x)


@pytest.mark.parametrize("build", [sequential, functional, Subclassed])
def test_trains(build):
    keras.utils.set_random_seed(1)
    model = build()
    model.compile(
        keras.optimizers.Adam(0.01), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    history = model.fit(IMAGES, CLASSES, epochs=25, verbose=0, validation_split=0.25).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert list(history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    loss, accuracy = model.evaluate(IMAGES, CLASSES, verbose=0)
    assert accuracy > 0.7
    predictions = model.predict(IMAGES, verbose=0)
    assert predictions.shape == (96, 2)
    assert np.mean(predictions.argmax(1) == CLASSES) == pytest.approx(accuracy)


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
@pytest.mark.parametrize("build", [sequential, functional])
def test_saved_model_goes_on(build, name, tmp_path):
    keras.utils.set_random_seed(1)
    model = build()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(IMAGES, CLASSES, epochs=2, verbose=0)
    model.save(tmp_path / name)
    loaded = keras.models.load_model(tmp_path / name)
    np.testing.assert_array_equal(
        loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0)
    )
    histories = []
    for each in (model, loaded):
        keras.utils.set_random_seed(2)
        histories.append(each.fit(IMAGES, CLASSES, verbose=0, shuffle=False).history["loss"])
    assert histories[0] == histories[1]


def test_goes_on_in_torch():
    keras.utils.clear_session()
    model = sequential()
    names = list(model.state_dict())
    assert names[:2] == ["conv2d.kernel", "conv2d.bias"]
    assert "batch_normalization.moving_mean" in dict(model.named_buffers())
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    model.train()
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        outputs = model(torch.as_tensor(IMAGES))
        loss = torch.nn.functional.nll_loss(outputs.log(), torch.as_tensor(CLASSES))
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
