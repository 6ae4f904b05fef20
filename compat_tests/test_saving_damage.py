"""Damaged files, full disks, interrupted writes: a clear error, and nothing lost."""

import contextlib
import io
import os
import resource
import tracemalloc
import warnings
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers, models
from torchkeras.saving import _archive

CUTS, FLIPS = 50, 200
X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")
Y = np.random.default_rng(1).normal(size=(8, 3)).astype("float32")
NAMES = ["m.keras", "m.h5", "m.weights.h5", "w.h5", "m.weights.json"]
every_file = pytest.mark.parametrize("name", NAMES)


def made(seed=0):
    torchkeras.utils.set_random_seed(seed)
    hidden = [layers.Dense(5, activation="relu"), layers.BatchNormalization(), layers.Dense(3)]
    model = torchkeras.Sequential([torchkeras.Input((6,)), *hidden])
    model.compile("adam", "mse")
    model.train_on_batch(X, Y)
    return model


def save(model, path):
    if path.name.startswith("m.") and path.suffix != ".json" and "weights" not in path.name:
        model.save(path)
    elif path.suffix == ".json":
        model.save_weights(path, max_shard_size=1e-6)
    else:
        model.save_weights(path)


def values(model):
    """What a file holds of a model: its weights and the state of its optimizer."""
    return [v.numpy() for v in (*model.weights, *model.optimizer.variables)]


def same(one, other):
    return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True))


@contextlib.contextmanager
def h5py_of(path):
    """The weights of a file as another program sees them."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open("model.weights.h5") as member:
            path = io.BytesIO(member.read())
    with h5py.File(path) as file:
        yield file


class Trial:
    """Loads a damaged file in both ways."""

    def __init__(self, name, folder):
        self.path = folder / name
        model = made()
        save(model, self.path)
        if name.endswith(".json"):
            # The map stays; what is damaged is the first of the files it names.
            self.damaged = folder / "m_00000.weights.h5"
        else:
            self.damaged = self.path
        self.content = self.damaged.read_bytes()
        self.good = values(model)
        self.whole = [*self.good]
        self.model = made(seed=1)
        self.variables = [*self.model.weights, *self.model.optimizer.variables]
        self.old = values(self.model)
        self.is_whole = name in ("m.keras", "m.h5")
        # Files of weights in the older format hold no optimizer, and whole ones give it to
        # `load_model` only.
        if name in ("m.h5", "w.h5"):
            self.good[len(model.weights) :] = self.old[len(model.weights) :]
        self.count = 0

    def run(self, content):
        """The numbers that were loaded, or None; the model is as it was then."""
        self.damaged.write_bytes(content)
        with warnings.catch_warnings():
            # State of an optimizer that cannot be read is left out with a warning.
            warnings.simplefilter("ignore", UserWarning)
            try:
                self.model.load_weights(self.path)
                found = values(self.model)
            except (ValueError, FileNotFoundError) as error:
                assert str(error)
                assert same(values(self.model), self.old), "half loaded"
                found = None
            self.count += 1
            if self.is_whole and self.count % 5 == 0:
                with contextlib.suppress(ValueError, TypeError):
                    assert same(values(models.load_model(self.path)), self.whole)
        for variable, value in zip(self.variables, self.old, strict=True):
            variable.assign(value)
        return found


@every_file
def test_truncated(name, tmp_path):
    trial = Trial(name, tmp_path)
    size = len(trial.content)
    for cut in np.random.default_rng(2).integers(0, size, CUTS):
        found = trial.run(trial.content[:cut])
        assert found is None or same(found, trial.good), cut
    assert same(trial.run(trial.content), trial.good)


@every_file
def test_flipped_bytes(name, tmp_path):
    trial = Trial(name, tmp_path)
    generator = np.random.default_rng(3)
    for place in generator.integers(0, len(trial.content), FLIPS):
        content = bytearray(trial.content)
        content[place] ^= int(generator.integers(1, 256))
        found = trial.run(bytes(content))
        assert found is None or same(found, trial.good), place


@pytest.mark.parametrize("name", NAMES)
def test_flipped_numbers_are_found(name, tmp_path):
    """In each array of the file, whatever bit it is."""
    trial = Trial(name, tmp_path)
    arrays = [np.ascontiguousarray(value).tobytes() for value in trial.good]
    places = [place for a in arrays if len(a) > 8 and (place := trial.content.find(a)) > 0]
    assert len(places) >= 4
    for number, place in enumerate(places):
        content = bytearray(trial.content)
        content[place + number % 8] ^= 1 << number % 8
        assert trial.run(bytes(content)) is None


@pytest.mark.parametrize("kind", ["Keras", "edited"])
def test_files_without_our_checksum(kind, tmp_path):
    """Those of Keras have none; who changes one of ours leaves none behind."""
    model, path = made(), tmp_path / "m.weights.h5"
    model.save_weights(path)
    if kind == "edited":
        with h5py.File(path, "r+") as file:
            file["layers/dense/vars/1"][...] = 7
        model.layers[0].set_weights([model.get_weights()[0], np.full(5, 7.0)])
    else:
        with h5py.File(path) as ours, h5py.File(tmp_path / "k.weights.h5", "w") as theirs:
            for key in ours:
                ours.copy(key, theirs)
        path = tmp_path / "k.weights.h5"
    other = made(seed=1)
    other.load_weights(path)
    assert same(values(other), values(model))


def test_checksum_of_sharded_and_unpacked_files(tmp_path):
    """A flip in any of the files."""
    model = made()
    model.save(tmp_path / "folder", zipped=False)
    model.save_weights(tmp_path / "m.weights.json", max_shard_size=3e-7)
    files = sorted(tmp_path.rglob("*.h5"))
    assert len(files) > 2
    for file in files:
        content = file.read_bytes()
        file.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])
        with pytest.raises(ValueError, match="checksum"):
            if file.parent.name == "folder":
                models.load_model(file.parent)
            else:
                model.load_weights(tmp_path / "m.weights.json")
        file.write_bytes(content)


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5"])
@pytest.mark.parametrize("threads", [1, 2])
def test_large_weights(name, threads, tmp_path, request):
    """Written and read past HDF5, block by block: transposed kernels, one as it is, bfloat16."""
    before = torch.get_num_threads()
    request.addfinalizer(lambda: torch.set_num_threads(before))
    torch.set_num_threads(threads)

    def large(dtype):
        hidden = [layers.Dense(2300, dtype=dtype), layers.Dense(2600, dtype=dtype)]
        table = layers.Embedding(600, 1000, dtype=dtype)
        return torchkeras.Sequential([torchkeras.Input((3,)), table, *hidden])

    for dtype in ("float32", "bfloat16"):
        torchkeras.utils.set_random_seed(0)
        model, other = large(dtype), large(dtype)
        save(model, tmp_path / name)
        assert not all(v.is_contiguous() for v in model.weights)
        other.load_weights(tmp_path / name)
        for ours, read in zip(model.weights, other.weights, strict=True):
            assert torch.equal(ours, read) and ours.stride() == read.stride()
    matrices = []
    with h5py_of(tmp_path / name) as file:
        file.visititems(
            lambda _, item: (
                matrices.append(item[()]) if getattr(item, "shape", ()) == (2300, 2600) else None
            )
        )
        assert len(matrices) == 1
        bits = model.layers[-1].kernel.detach().contiguous().view(torch.int16).numpy()
        assert np.array_equal(matrices[0].view(np.int16), bits)


def test_little_memory_for_a_damaged_file(tmp_path):
    model = torchkeras.Sequential([torchkeras.Input((1000,)), layers.Dense(1000)])
    for name in ("m.keras", "m.h5", "m.weights.h5"):
        path = tmp_path / name
        save(model, path)
        content = path.read_bytes()
        for share in (0.1, 0.5, 0.9, 0.999):
            path.write_bytes(content[: int(share * len(content))])
            tracemalloc.start()
            with pytest.raises(ValueError):
                model.load_weights(path)
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert peak < 2 * len(content)


# ---- writing ----


class Interrupts(layers.Layer):
    """Ends the program in the middle of a file."""

    error = KeyboardInterrupt

    def build(self, input_shape):
        self.scale = self.add_weight("scale", (input_shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.scale

    def save_own_variables(self, store):
        if self.error is not None:
            raise self.error
        super().save_own_variables(store)


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, OSError("No space left")])
@pytest.mark.parametrize("name", ["m.keras", "m.weights.h5", "folder", "m.weights.json"])
def test_interrupted(name, error, tmp_path):
    path = tmp_path / name
    own = Interrupts()
    model = torchkeras.Sequential([torchkeras.Input((6,)), layers.Dense(4), own, layers.Dense(2)])
    own.error = None
    write = {
        "m.weights.h5": lambda: model.save_weights(path),
        "m.weights.json": lambda: model.save_weights(path, max_shard_size=1e-7),
        "folder": lambda: model.save(path, zipped=False),
    }.get(name, lambda: model.save(path))
    write()
    before = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    own.error = error
    model.layers[0].set_weights([np.ones((6, 4)), np.ones(4)])
    with pytest.raises(error if isinstance(error, type) else type(error)):
        write()
    after = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert after == before
    own.error = None
    write()
    assert not [p for p in tmp_path.rglob("*") if p.name.endswith(".part")]


@contextlib.contextmanager
def full_disk(size):
    """No file can become larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [1000, 30_000, 200_000])
@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.weights.h5", "w.h5"])
def test_full_disk(name, limit, tmp_path):
    path = tmp_path / name
    small = made()
    save(small, path)
    before = path.read_bytes()
    large = torchkeras.Sequential([torchkeras.Input((300,)), layers.Dense(300)])
    with full_disk(limit), pytest.raises((OSError, RuntimeError)):
        save(large, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]
    save(large, path)
    large.load_weights(path)


def test_no_right_to_write(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    tmp_path.chmod(0o500)
    with pytest.raises(OSError):
        made().save(tmp_path / "m.keras")


def test_mode_and_links_stay(tmp_path):
    model = made()
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "m.keras", tmp_path / "m.keras"
    model.save(target)
    target.chmod(0o640)
    link.symlink_to(target)
    model.save(link)
    assert link.is_symlink()
    assert target.stat().st_mode & 0o777 == 0o640
    assert models.load_model(link).built


def test_not_overwritten_without_asking(tmp_path, monkeypatch):
    path = tmp_path / "m.keras"
    path.write_text("old")
    asked = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or "n")
    made().save(path, overwrite=False)
    made().save_weights(tmp_path / "m.weights.h5", overwrite=False)
    assert len(asked) == 1
    assert path.read_text() == "old"
    answers = iter(["perhaps", "y"])
    monkeypatch.setattr("builtins.input", lambda prompt: next(answers))
    made().save(path, overwrite=False)
    assert models.load_model(path).built


def test_new_files_have_the_usual_mode(tmp_path):
    (tmp_path / "plain").write_text("")
    usual = (tmp_path / "plain").stat().st_mode
    for name in ("m.keras", "m.h5", "m.weights.h5"):
        save(made(), tmp_path / name)
        assert (tmp_path / name).stat().st_mode == usual


def test_a_folder_that_is_not_a_model(tmp_path):
    with pytest.raises(ValueError, match="config.json"):
        models.load_model(tmp_path)
    with pytest.raises(ValueError, match="File not found"):
        models.load_model(tmp_path / "none.keras")
    with pytest.raises(FileNotFoundError):
        models.load_model(tmp_path / "none.h5")
    with pytest.raises(FileNotFoundError):
        made().load_weights(tmp_path / "none.weights.h5")
    assert _archive.checked_folder(str(tmp_path / "none")) is None
