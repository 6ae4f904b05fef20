"""Exported programs: they run in plain torch, and predict what the model does."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import export, layers
from torchkeras.layers import InputSpec

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

# Without this package, as where the program will run.
IN_PLAIN_TORCH = """
import sys
sys.modules["torchkeras"] = None
import torch
path, data = sys.argv[1:]
inputs, expected = torch.load(data)
torch.testing.assert_close(torch.export.load(path).module()(inputs), expected)
"""


def tensors(*shapes):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def dense():
    hidden = [layers.Dense(4, activation="relu"), layers.BatchNormalization(), layers.Dropout(0.5)]
    model = torchkeras.Sequential(
        [torchkeras.Input((8,)), *hidden, layers.Dense(2, activation="softmax")]
    )
    return model, tensors((5, 8))[0]


def convnet():
    hidden = [layers.Conv2D(4, 3, padding="same"), layers.MaxPooling2D(), layers.Flatten()]
    model = torchkeras.Sequential([torchkeras.Input((8, 8, 2)), *hidden, layers.Dense(2)])
    return model, tensors((3, 8, 8, 2))[0]


def two_inputs():
    a, b = torchkeras.Input((3,)), torchkeras.Input((5, 3))
    states = layers.LSTM(4)(b)
    model = torchkeras.Model([a, b], [layers.Dense(2)(layers.Concatenate()([a, states])), states])
    return model, tensors((7, 3), (7, 5, 3))


def by_name():
    a, b = torchkeras.Input((3,), name="a"), torchkeras.Input((4,), name="b")
    model = torchkeras.Model({"a": a, "b": b}, {"sum": layers.Dense(1)(a) + layers.Dense(1)(b)})
    return model, dict(zip("ab", tensors((6, 3), (6, 4))))


def tokens():
    model = torchkeras.Sequential([torchkeras.Input((None,), dtype="int32")])
    model.add(layers.Embedding(9, 4))
    model.add(layers.GlobalAveragePooling1D())
    return model, torch.tensor([[1, 2, 3], [8, 0, 0]], dtype=torch.int32)


class Subclass(torchkeras.Model):
    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(3)

    def call(self, x, training=False):
        return self.dense(x) + (1 if training else 0)


def subclass():
    model, (x,) = Subclass(), tensors((4, 5))
    model(x)
    return model, x


EVERY = pytest.mark.parametrize("make", [dense, convnet, two_inputs, by_name, tokens, subclass])


def plain(value):
    return torch.utils._pytree.tree_map(lambda t: t.detach(), value)


@EVERY
def test_program_predicts_equally(make, tmp_path, capsys):
    model, x = make()
    path = tmp_path / "model.pt2"
    assert model.export(path, format="torch") == str(path)
    assert str(path) in capsys.readouterr().out
    program = torch.export.load(path).module()
    torch.testing.assert_close(program(x), plain(model(x)))
    assert [p.name for p in tmp_path.iterdir()] == ["model.pt2"]


def test_runs_without_this_package(tmp_path):
    model, x = two_inputs()
    model.export(tmp_path / "model.pt2", format="torch", verbose=False)
    torch.save((x, plain(model(x))), tmp_path / "data.pt")
    arguments = [str(tmp_path / "model.pt2"), str(tmp_path / "data.pt")]
    subprocess.run([sys.executable, "-c", IN_PLAIN_TORCH, *arguments], check=True, cwd=tmp_path)


def test_a_trained_model_is_exported_for_inference_and_trains_on(tmp_path):
    model, x = dense()
    model.compile("adam", "mse")
    model.fit(x, torch.zeros(5, 2), verbose=0)
    model.train()
    model.export(tmp_path / "model.pt2", format="torch", verbose=False)
    assert all(module.training for module in model.modules())
    torch.testing.assert_close(
        torch.export.load(tmp_path / "model.pt2").module()(x), plain(model(x, training=False))
    )
    model.train_on_batch(x, torch.zeros(5, 2))


@pytest.mark.parametrize(
    "signature",
    [[InputSpec(shape=(None, 5))], InputSpec(shape=(None, 5), dtype="float32"), [torch.ones(3, 5)]],
)
def test_signature(signature, tmp_path):
    model, x = subclass()
    model.export(tmp_path / "m.pt2", "torch", verbose=False, input_signature=signature)
    program = torch.export.load(tmp_path / "m.pt2").module()
    torch.testing.assert_close(program(x[:3]), plain(model(x[:3])))


def test_sizes_may_be_said(tmp_path):
    model, x = dense()
    shapes = {0: torch.export.Dim("batch", min=2, max=6)}
    model.export(tmp_path / "m.pt2", "torch", verbose=False, dynamic_shapes=shapes)
    program = torch.export.load(tmp_path / "m.pt2").module()
    torch.testing.assert_close(program(x), plain(model(x)))
    with pytest.raises((AssertionError, RuntimeError), match="6"):
        program(torch.ones(7, 8))


def test_a_size_that_torch_fixes_is_told(tmp_path):
    class Loops(torchkeras.Model):
        def call(self, x):
            return sum(x[:, i] for i in range(x.shape[1]))

    model = Loops()
    model(torch.ones(2, 3))
    signature = [InputSpec(shape=(None, None))]
    with pytest.warns(UserWarning, match="axis 1 of input 0 to 64"):
        model.export(tmp_path / "m.pt2", "torch", verbose=False, input_signature=signature)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"format": "tf_saved_model"}, ValueError, "TensorFlow"),
        ({}, ValueError, "TensorFlow"),
        ({"format": "openvino"}, ValueError, "`openvino` package"),
        ({"format": "litert"}, ValueError, "`litert-torch` package"),
        ({"format": "other"}, ValueError, "Unrecognized format=other"),
        ({"format": "torch", "filepath": "m.bin"}, ValueError, "end with '.pt2'"),
        ({"format": "torch", "opset": 1}, ValueError, "Unsupported arguments"),
        ({"format": "torch", "input_signature": [None]}, ValueError, "InputSpec"),
        ({"format": "onnx", "filepath": "m.onnx"}, ImportError, "`onnx`"),
    ],
)
def test_refused(arguments, error, message, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    model, _ = dense()
    filepath = tmp_path / arguments.pop("filepath", "m.pt2")
    with pytest.raises(error, match=message):
        model.export(filepath, **arguments)
    assert not [*tmp_path.iterdir()]


def test_a_model_that_was_never_called(tmp_path):
    with pytest.raises(ValueError, match="never been called"):
        Subclass().export(tmp_path / "m.pt2", format="torch")


def test_what_torch_cannot_export(tmp_path):
    class Loops(torchkeras.Model):
        def call(self, x):
            return x if float(x.sum()) > 0 else -x

    model = Loops()
    model(torch.ones(2, 2))
    with pytest.raises(RuntimeError, match="Failed to export"):
        model.export(tmp_path / "m.pt2", format="torch")
    assert not [*tmp_path.iterdir()]


def test_onnx(tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    reference = pytest.importorskip("onnx.reference")
    model, x = convnet()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.export(tmp_path / "m.onnx", format="onnx", verbose=False)
    found = onnx.load(tmp_path / "m.onnx")
    onnx.checker.check_model(found)
    name = found.graph.input[0].name
    (predicted,) = reference.ReferenceEvaluator(found).run(None, {name: x.numpy()})
    np.testing.assert_allclose(predicted, plain(model(x)), rtol=1e-4, atol=1e-5)


# Archives


def test_archive(tmp_path, capsys):
    model, x = dense()
    archive = export.ExportArchive()
    archive.track(model)
    spec = [InputSpec(shape=(None, 8))]
    doubled = archive.add_endpoint("doubled", lambda x: 2 * model(x), spec)
    archive.track_and_add_endpoint("serve", model, spec)
    archive.add_variable_collection("weights", model.weights)
    archive.write_out(tmp_path / "folder")
    assert "serve" in capsys.readouterr().out
    expected = plain(model(x))
    torch.testing.assert_close(doubled(x), 2 * expected)
    for name, factor in (("doubled", 2), ("serve", 1)):
        program = torch.export.load(tmp_path / "folder" / f"{name}.pt2")
        torch.testing.assert_close(program.module()(x), factor * expected)
    weights = torch.load(tmp_path / "folder" / "weights.pt")
    assert [*weights] == [v.path for v in model.weights]
    assert all(torch.equal(weights[v.path], v.detach()) for v in model.weights)
    assert "torch.export.load" in (tmp_path / "folder" / "README.txt").read_text()


def test_archive_of_one_file(tmp_path):
    model, x = dense()
    archive = export.ExportArchive("torch")
    archive.add_endpoint("serve", model)
    archive.write_out(tmp_path / "m.pt2", verbose=False)
    torch.testing.assert_close(torch.export.load(tmp_path / "m.pt2").module()(x), plain(model(x)))
    archive.add_endpoint("again", model)
    with pytest.raises(ValueError, match="one endpoint"):
        archive.write_out(tmp_path / "m.pt2")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda archive: archive.write_out("folder"), "No endpoints"),
        (lambda archive: archive.track("model"), "Invalid resource type"),
        (lambda archive: archive.track(layers.Dense(2)), "not yet been built"),
        (lambda archive: archive.add_endpoint("f", torch.relu), "input_signature"),
        (lambda archive: archive.add_endpoint("../f", dense()[0]), "name"),
        (lambda archive: archive.add_variable_collection("v", [1]), "variables"),
        (lambda archive: export.ExportArchive("neptune"), "format"),
    ],
)
def test_archive_refuses(call, message):
    with pytest.raises(ValueError, match=message):
        call(export.ExportArchive())
