"""keras.datasets: small files of the layout of the real ones, loaded here and by real Keras."""

import gzip
import http.server
import io
import json
import os
import pickle
import tarfile
import threading
import urllib.request
import zipfile
from importlib import import_module

import keras
import numpy as np
import pytest

import torchkeras
from torchkeras.datasets import _files
from torchkeras.utils import get_file

RANDOM = np.random.RandomState(0)
NAMES = (
    "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb mnist reuters".split()
)


def ragged(count):
    """An array of lists, as IMDB and Reuters have them."""
    rows = np.empty(count, dtype=object)
    for i in range(count):
        rows[i] = RANDOM.randint(1, 60, RANDOM.randint(3, 20)).tolist()
    return rows


def npz(**arrays):
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def idx(array, header):
    return gzip.compress(b"\0" * header + array.tobytes())


def cifar(keys, count):
    rows = RANDOM.randint(0, 256, (count, 3072), dtype=np.uint8)
    labels = {key: RANDOM.randint(0, 10, count).tolist() for key in keys}
    # As a Python 2 has written it: names are bytes.
    return pickle.dumps({b"data": rows, **{key.encode(): v for key, v in labels.items()}})


def pixels(count):
    return RANDOM.randint(0, 256, (count, 28, 28), dtype=np.uint8)


def digits(count):
    return RANDOM.randint(0, 10, count).astype(np.uint8)


FILES = {
    "mnist.npz": npz(x_train=pixels(9), y_train=digits(9), x_test=pixels(4), y_test=digits(4)),
    "boston_housing.npz": npz(x=RANDOM.rand(31, 13), y=RANDOM.rand(31)),
    "california_housing.npz": npz(x=RANDOM.rand(700, 8), y=RANDOM.rand(700)),
    "imdb.npz": npz(
        x_train=ragged(30), y_train=RANDOM.randint(0, 2, 30),
        x_test=ragged(20), y_test=RANDOM.randint(0, 2, 20),
    ),
    "reuters.npz": npz(x=ragged(40), y=RANDOM.randint(0, 46, 40)),
    "imdb_word_index.json": json.dumps({"the": 1, "und": 2}).encode(),
    "reuters_word_index.json": json.dumps({"mdbl": 10996}).encode(),
    "train-labels-idx1-ubyte.gz": idx(digits(7), 8),
    "train-images-idx3-ubyte.gz": idx(pixels(7), 16),
    "t10k-labels-idx1-ubyte.gz": idx(digits(3), 8),
    "t10k-images-idx3-ubyte.gz": idx(pixels(3), 16),
}  # fmt: skip
ARCHIVES = {
    "cifar-10-batches-py-target/cifar-10-batches-py": {
        # Keras expects 10,000 images in each, and lets one stand for all rows it fills.
        **{f"data_batch_{i}": cifar(["labels"], 10_000) for i in range(1, 6)},
        "test_batch": cifar(["labels"], 6),
    },
    "cifar-100-python-target/cifar-100-python": {
        "train": cifar(["fine_labels", "coarse_labels"], 8),
        "test": cifar(["fine_labels", "coarse_labels"], 5),
    },
}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """A folder with all files, as downloads leave them."""
    folder = tmp_path_factory.mktemp("cache")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    for path, files in ARCHIVES.items():
        (folder / path).mkdir(parents=True)
        for name, content in files.items():
            (folder / path / name).write_bytes(content)
    return folder


@pytest.fixture
def calls(cache, monkeypatch):
    """What is asked of get_file, by package; it finds all in the cache and checks no hash."""
    asked = {"torchkeras": [], "keras": []}

    def give(package):
        def get(fname=None, cache_dir=None, **arguments):
            asked[package].append({"fname": fname, **arguments})
            return str(cache / fname)

        return get

    for name in NAMES:
        monkeypatch.setattr(import_module(f"keras.src.datasets.{name}"), "get_file", give("keras"))
        module = import_module(f"torchkeras.datasets.{name}")
        if hasattr(module, "get_file"):
            monkeypatch.setattr(module, "get_file", give("torchkeras"))
    monkeypatch.setattr(_files, "get_file", give("torchkeras"))
    return asked


def same(ours, theirs):
    """Whether two nests of arrays are equal, their dtypes too."""
    if isinstance(theirs, tuple):
        return len(ours) == len(theirs) and all(map(same, ours, theirs))
    is_same_kind = ours.dtype == theirs.dtype and ours.shape == theirs.shape
    if ours.dtype == object:
        return is_same_kind and ours.tolist() == theirs.tolist()
    return is_same_kind and np.array_equal(ours, theirs)


CASES = [
    *((name, {}) for name in NAMES),
    ("boston_housing", {"test_split": 0.5, "seed": 3}),
    ("california_housing", {"version": "small", "test_split": 0}),
    ("cifar100", {"label_mode": "coarse"}),
    *(
        (name, options)
        for name in ("imdb", "reuters")
        for options in (
            {"num_words": 20},
            {"num_words": 20, "oov_char": None},
            {"skip_top": 10, "seed": 1},
            {"maxlen": 12},
            {"start_char": None},
            {"start_char": None, "index_from": 0},
            {"index_from": 7, "num_words": 30, "skip_top": 9, "maxlen": 15},
        )
    ),
    ("reuters", {"test_split": 0.4}),
]


@pytest.mark.tiny
@pytest.mark.parametrize(("name", "options"), CASES)
def test_load_data(calls, name, options):
    ours = getattr(torchkeras.datasets, name).load_data(**options)
    theirs = getattr(keras.datasets, name).load_data(**options)
    assert same(ours, theirs)
    # The same addresses, names in the cache and hashes, in whatever order.
    assert sorted(map(str, calls["torchkeras"])) == sorted(map(str, calls["keras"]))


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_channels_first(calls, name, monkeypatch):
    monkeypatch.setattr("torchkeras.config._settings.image_data_format", "channels_first")
    (x, _), _ = getattr(torchkeras.datasets, name).load_data()
    assert x.shape[1:] == (3, 32, 32)


@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_word_index(calls, name):
    ours = getattr(torchkeras.datasets, name).get_word_index()
    assert ours == getattr(keras.datasets, name).get_word_index()
    assert calls["torchkeras"] == calls["keras"]


def test_label_names():
    names = torchkeras.datasets.reuters.get_label_names()
    assert names == keras.datasets.reuters.get_label_names() and len(names) == 46


def test_equal_lengths_stay_lists(calls, cache):
    # Keras makes a matrix of them where all happen to be equally long.
    x = np.empty(4, dtype=object)
    x[:] = [[1, 2], [3, 4], [5, 6], [7, 8]]
    (cache / "same.npz").write_bytes(npz(x=x, y=np.arange(4)))
    (x_train, _), _ = torchkeras.datasets.reuters.load_data("same.npz")
    assert x_train.shape == (3,) and type(x_train[0]) is list


@pytest.mark.parametrize(
    ("name", "options", "error"),
    [
        ("boston_housing", {"test_split": 1.0}, "Invalid `test_split`"),
        ("california_housing", {"test_split": -0.1}, "Invalid `test_split`"),
        ("california_housing", {"version": "huge"}, "Argument `version` must be one of"),
        ("cifar100", {"label_mode": "x"}, "`label_mode` must be one of"),
        ("imdb", {"maxlen": 2}, "no sequence was kept"),
    ],
)
def test_load_data_errors(calls, name, options, error):
    for package in (torchkeras, keras):
        with pytest.raises(ValueError, match=error):
            getattr(package.datasets, name).load_data(**options)


@pytest.mark.filterwarnings("ignore:.*nb_words:DeprecationWarning")
def test_old_argument(calls):
    (x, _), _ = torchkeras.datasets.imdb.load_data(nb_words=10)
    assert max(map(max, x)) < 10
    with pytest.raises(TypeError, match="Unrecognized keyword"):
        torchkeras.datasets.imdb.load_data(words=10)


# ---------------------------------------------------------------- files that mean harm


class Exploit:
    def __reduce__(self):
        return os.system, ("true",)


def test_npz_runs_no_code(tmp_path):
    payload = np.empty(1, dtype=object)
    payload[0] = Exploit()
    np.savez(tmp_path / "evil.npz", x=payload, y=np.arange(3))
    with pytest.raises(pickle.UnpicklingError, match="Refusing to deserialize .*system"):
        _files.load_npz(tmp_path / "evil.npz")


def test_cifar_runs_no_code(tmp_path):
    (tmp_path / "batch").write_bytes(pickle.dumps({b"data": Exploit(), b"labels": []}))
    with pytest.raises(pickle.UnpicklingError, match="Refusing"):
        _files.load_cifar(tmp_path, ["batch"], ["batch"], "labels")


def test_npz_arrays(tmp_path):
    arrays = {
        "numbers": RANDOM.rand(3, 4),
        "fortran": np.asfortranarray(RANDOM.rand(3, 4)),
        "text": np.array(["a", "bcd"]),
        "records": np.array([(1, 2.0)], dtype=[("日", "i4"), ("b", "f8")]),
        "objects": ragged(3),
        "empty": np.zeros((0, 2)),
    }
    np.savez(tmp_path / "all.npz", **{k: v for k, v in arrays.items() if k != "records"})
    found = _files.load_npz(tmp_path / "all.npz")
    for name in found:
        assert same(found[name], arrays[name]), name
    with pytest.warns(UserWarning, match="format 3.0"):
        np.savez(tmp_path / "records.npz", records=arrays["records"])
    assert _files.load_npz(tmp_path / "records.npz")["records"]["b"] == 2.0


def test_npz_bomb(tmp_path, monkeypatch):
    monkeypatch.setattr(_files, "_HARMLESS_BYTES", 1 << 16)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(1 << 20))
    with pytest.raises(ValueError, match="looks like an attack"):
        _files.load_npz(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "bomb.npz") as archive:
        assert archive.namelist() == ["x.npy"]


# ---------------------------------------------------------------- the way of a real download


def archive_of(path):
    """What a server has of one of ARCHIVES."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for name, content in ARCHIVES[path].items():
            info = tarfile.TarInfo(f"{path.rpartition('/')[2]}/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


class Server(http.server.BaseHTTPRequestHandler):
    """Serves FILES and the archives by the last part of their addresses."""

    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.rpartition("/")[2]
        if name.endswith(".tar.gz"):
            kind = name.removesuffix("-python.tar.gz")
            content = archive_of(next(path for path in ARCHIVES if path.startswith(f"{kind}-")))
        else:
            content = FILES[name]
        self.server.requests.append(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def served(monkeypatch):
    """The names of files that were asked for of a server here, in place of the real ones."""
    real = urllib.request.urlopen
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.requests = []
        here = f"http://127.0.0.1:{server.server_port}/"
        monkeypatch.setattr(
            urllib.request,
            "urlopen",
            lambda address, **options: real(here + address.rpartition("/")[2], **options),
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.requests
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", NAMES)
def test_downloads(served, tmp_path, monkeypatch, name, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("torchkeras.utils._files.has_hash", lambda *arguments: True)
    load = getattr(torchkeras.datasets, name).load_data
    first = load()
    asked = len(served)
    assert asked == (4 if name == "fashion_mnist" else 1)
    assert same(load(), first) and len(served) == asked  # from the cache
    if name != "california_housing":
        other = tmp_path / "other"
        assert same(load(cache_dir=other), first) and len(served) == 2 * asked
        assert (other / "datasets").is_dir()


def test_file_of_the_users_own(tmp_path):
    path = tmp_path / "mine.npz"
    with pytest.raises(ValueError, match="Paths are no longer accepted"):
        torchkeras.datasets.mnist.load_data(str(path))
    path.write_bytes(FILES["mnist.npz"])
    (x_train, _), _ = torchkeras.datasets.mnist.load_data(str(path))
    with np.load(path) as arrays:
        np.testing.assert_array_equal(x_train, arrays["x_train"])


def test_downloads_of_another_hash(served, tmp_path, monkeypatch, capsys):
    # The files served here are not the real ones, which the hash finds out.
    with pytest.raises(ValueError, match="corrupted file detected"):
        torchkeras.datasets.mnist.load_data(cache_dir=tmp_path)
    assert list((tmp_path / "datasets").iterdir()) == []


def test_from_the_cache_of_downloads(tmp_path, monkeypatch):
    """load_data over the real get_file: files in $KERAS_HOME are found, without a network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    folder = tmp_path / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    for name in FILES:
        if name.endswith(".gz"):
            (folder / name).write_bytes(FILES[name])
    (x_train, y_train), (x_test, _) = torchkeras.datasets.fashion_mnist.load_data()
    assert x_train.shape == (7, 28, 28) and y_train.shape == (7,) and len(x_test) == 3
    # A file of another hash is not taken for the real one.
    (tmp_path / "datasets" / "mnist.npz").write_bytes(FILES["mnist.npz"])
    monkeypatch.setattr("torchkeras.utils._files._copy_from", refuse)
    with pytest.raises(ConnectionError, match="no network"):
        torchkeras.datasets.mnist.load_data()


def refuse(*arguments):
    raise ConnectionError("no network in this test")


def test_archive_in_the_cache_is_unpacked_once(tmp_path):
    """CIFAR's way: an archive under the name of its folder, with `_archive` behind it."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    with tarfile.open(folder / "cifar-target_archive", "w:gz") as archive:
        info = tarfile.TarInfo("cifar/test")
        info.size = 3
        archive.addfile(info, io.BytesIO(b"abc"))
    for _ in range(2):
        path = get_file(
            "cifar-target", "http://127.0.0.1:9/x.tgz", extract=True, cache_dir=tmp_path
        )
        with open(os.path.join(path, "cifar", "test"), "rb") as file:
            assert file.read() == b"abc"
