"""TensorFlow's checkpoints and SavedModels, read without it; see golden/tensorflow/make.py."""

import pathlib
import random
import shutil

import numpy as np
import pytest
import torch

import torchkeras as keras
from torchkeras import layers
from torchkeras.saving import _tensorflow_files as files

GOLDEN = pathlib.Path(__file__).parent / "golden" / "tensorflow"
EXPECTED = np.load(GOLDEN / "expected.npz")


class Blocks(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.blocks = [layers.Dense(3, activation="relu"), layers.Dense(2)]
        self.heads = {"one": layers.Dense(1)}

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.heads["one"](inputs)


NAMES = ["mlp", "old_adam", "convnet", "nested", "blocks"]


def assert_goes_on(model, name):
    """Outputs, and losses of the next steps, are those that TensorFlow had."""
    x, y = EXPECTED[f"{name}_x"], EXPECTED[f"{name}_y"]
    outputs = EXPECTED[f"{name}_outputs"]
    np.testing.assert_allclose(model.predict(x, verbose=0), outputs, rtol=1e-5, atol=1e-6)
    losses = [np.ravel(model.train_on_batch(x, y))[0] for _ in range(3)]
    np.testing.assert_allclose(losses, EXPECTED[f"{name}_losses"], rtol=1e-5)


def loaded(name):
    custom = {"Blocks": Blocks} if name == "blocks" else None
    return keras.models.load_model(GOLDEN / f"{name}_saved_model", custom_objects=custom)


@pytest.mark.parametrize("name", NAMES)
def test_saved_model(name):
    assert_goes_on(loaded(name), name)


def test_saved_model_before_2_5():
    model = keras.models.load_model(GOLDEN / "before_2_5_saved_model")
    assert_goes_on(model, "mlp")


@pytest.mark.parametrize("name", NAMES)
def test_checkpoint(name):
    model = loaded(name)
    config = model.get_compile_config()
    fresh = Blocks() if name == "blocks" else keras.models.clone_model(model)
    fresh.build(model.input_shape if name != "blocks" else (None, 4))
    fresh.compile_from_config(config)
    fresh.load_weights(GOLDEN / f"{name}.ckpt")
    assert_goes_on(fresh, name)


def test_weights_of_a_saved_model():
    model = loaded("mlp")
    fresh = keras.models.clone_model(model)
    for path in ("mlp_saved_model", "mlp_saved_model/variables/variables"):
        fresh.set_weights([np.zeros(w.shape) for w in fresh.weights])
        fresh.load_weights(GOLDEN / path)
        for mine, other in zip(fresh.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_unknown_class():
    with pytest.raises(ValueError, match=r"'Blocks'.*custom_objects.*load_weights"):
        keras.models.load_model(GOLDEN / "blocks_saved_model")


def test_without_configuration(tmp_path):
    shutil.copytree(GOLDEN / "mlp_saved_model", tmp_path / "m")
    (tmp_path / "m" / "keras_metadata.pb").unlink()
    with pytest.raises(ValueError, match=r"TensorFlow program.*load_weights"):
        keras.models.load_model(tmp_path / "m")


def test_what_does_not_fit():
    model = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.Dense(2)])
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"2 of 4 weights do not fit .*has shape \(5, 2\)"):
        model.load_weights(GOLDEN / "mlp.ckpt")
    for mine, other in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, other)
    with pytest.warns(UserWarning, match="Skipping loading"):
        model.load_weights(GOLDEN / "mlp.ckpt", skip_mismatch=True)
    assert not np.array_equal(model.get_weights()[0], before[0])
    np.testing.assert_array_equal(model.get_weights()[2], before[2])
    deeper = keras.Sequential([keras.Input((6,)), *(layers.Dense(n) for n in (5, 1, 1))])
    with pytest.raises(ValueError, match="is not in the checkpoint"):
        deeper.load_weights(GOLDEN / "mlp.ckpt")


@pytest.mark.parametrize("part", ["index", "data-00000-of-00001"])
def test_damaged(tmp_path, part):
    """Cut off or changed anywhere: an error that says so, and the model as it was."""
    for path in GOLDEN.glob("mlp.ckpt.*"):
        shutil.copy(path, tmp_path)
    target = tmp_path / f"mlp.ckpt.{part}"
    whole = target.read_bytes()
    generator = random.Random(9)
    damaged = [whole[: generator.randrange(len(whole))] for _ in range(25)]
    for _ in range(75):
        changed = bytearray(whole)
        changed[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        damaged.append(bytes(changed))
    model = loaded("mlp")
    x = EXPECTED["mlp_x"]
    model.set_weights([np.full(w.shape, 0.5) for w in model.weights])
    right, refused = EXPECTED["mlp_outputs"], 0
    for data in damaged:
        target.write_bytes(data)
        try:
            model.load_weights(tmp_path / "mlp.ckpt")
        except (ValueError, OSError) as error:
            assert str(error)
            refused += 1
            assert all((w == 0.5).all() for w in model.get_weights())
        else:
            np.testing.assert_allclose(model.predict(x, verbose=0), right, rtol=1e-5)
            model.set_weights([np.full(w.shape, 0.5) for w in model.weights])
    assert refused > 50
    target.unlink()
    with pytest.raises(OSError):
        model.load_weights(tmp_path / "mlp.ckpt")


def test_checksum():
    assert files.crc32c(b"") == 0
    # The vectors of RFC 3720, appendix B.4.
    assert files.crc32c(bytes(32)) == 0x8A9136AA
    assert files.crc32c(bytes(range(32))) == 0x46DD794E
    assert files.crc32c(b"123456789") == 0xE3069283
    data = np.random.default_rng(0).bytes(100_003)
    table = files._byte_table().tolist()
    slow = 0xFFFFFFFF
    for byte in data:
        slow = table[(slow ^ byte) & 255] ^ (slow >> 8)
    assert files.crc32c(data) == slow ^ 0xFFFFFFFF


def test_dtypes_of_a_bundle():
    bundle = files.Bundle(str(GOLDEN / "mlp.ckpt"))
    step = bundle.tensor("optimizer/_iterations/.ATTRIBUTES/VARIABLE_VALUE")
    assert step.dtype is torch.int64 and step.item() == 4
    with pytest.raises(ValueError, match="no tensor of strings"):
        bundle.strings("optimizer/_iterations/.ATTRIBUTES/VARIABLE_VALUE")
