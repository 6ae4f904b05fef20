"""Files of real Keras on TensorFlow and of Keras 2, see `golden/saving/make.py`."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

import torchkeras
from torchkeras import layers

GOLDEN = Path(__file__).parent / "golden" / "saving"
ARCHIVES = {
    "keras3": "keras3.zip",
    "tf_keras2": "tf_keras2.zip",
    "keras2_15": "keras2_15.zip",
}
# Layers that live in files of their own; without them there is nothing to load.
TEXT = {"text": "TextVectorization", "lookup": "StringLookup"}

NADAM = "optimizer_nadam"


class Scale(layers.Layer):
    """The custom layer of the files."""

    def __init__(self, factor=1.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight("scale", (input_shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale * self.factor


def members():
    for writer, name in ARCHIVES.items():
        with zipfile.ZipFile(GOLDEN / name) as archive:
            names = sorted(archive.namelist())
        for member in names:
            if member.endswith((".h5", ".keras")):
                yield pytest.param(writer, member, id=f"{writer}-{member}")


every_file = pytest.mark.parametrize(("writer", "member"), list(members()))


class Golden:
    """A file, and what was recorded beside it."""

    def __init__(self, writer, member, folder):
        # tf.keras did not write the state of its older optimizers in the newer format, nor all of
        # Nadam's in any: it would not go on itself as it does without the file in between.
        old = "_old_" in member and member.endswith(".keras")
        self.is_without_optimizer_state = old or (member[:15] == NADAM and writer != "keras3")
        self.stem = member.split(".")[0].removesuffix("_weights_only")
        with zipfile.ZipFile(GOLDEN / ARCHIVES[writer]) as archive:
            self.path = archive.extract(member, folder)
            self.json = archive.read(f"{self.stem}.json").decode()
            with np.load(io.BytesIO(archive.read(f"{self.stem}.npz"))) as recorded:
                self.recorded = dict(recorded)

    def _numbered(self, name):
        arrays = []
        while f"{name}{len(arrays)}" in self.recorded:
            arrays.append(self.recorded[f"{name}{len(arrays)}"])
        return arrays[0] if len(arrays) == 1 else arrays

    @property
    def x(self):
        return self._numbered("x")

    def assert_predicts(self, model):
        predicted = model.predict(self.x, verbose=0)
        expected = self._numbered("prediction")
        listed = [predicted] if isinstance(predicted, np.ndarray) else list(predicted)
        expected = [expected] if isinstance(expected, np.ndarray) else expected
        for a, b in zip(listed, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)

    def assert_trains_on(self, model):
        y = self._numbered("y")
        expected = self.recorded["losses"]
        if self.is_without_optimizer_state:
            expected = expected[:1]
        losses = [float(np.ravel(model.train_on_batch(self.x, y))[0]) for _ in expected]
        np.testing.assert_allclose(losses, expected, rtol=1e-5, atol=1e-6)


def from_json(golden):
    return torchkeras.models.model_from_json(golden.json, custom_objects={"Scale": Scale})


@every_file
def test_file(writer, member, tmp_path):
    golden = Golden(writer, member, tmp_path)
    needed = TEXT.get(golden.stem)
    if needed is not None and not hasattr(layers, needed):
        pytest.skip(f"there is no {needed}")
    if "weights" in member:
        model = from_json(golden)
        model.load_weights(golden.path)
        golden.assert_predicts(model)
        return
    model = torchkeras.saving.load_model(golden.path, custom_objects={"Scale": Scale})
    golden.assert_predicts(model)
    if "losses" in golden.recorded:
        assert model.compiled
        golden.assert_trains_on(model)
