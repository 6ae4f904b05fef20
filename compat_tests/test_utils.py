"""keras.utils, keras.preprocessing and the pipeline class, beside real Keras where it has them."""

import functools
import hashlib
import http.server
import io
import json
import pickle
import random
import struct
import sys
import tarfile
import threading
import warnings
import wave
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
import torch
from keras._tf_keras.keras.preprocessing import image as keras_image
from keras._tf_keras.keras.preprocessing import sequence as keras_sequence
from keras._tf_keras.keras.preprocessing import text as keras_text
from keras.src.utils.dataset_utils import index_directory as keras_index
from PIL import Image

import torchkeras
from torchkeras import layers, utils
from torchkeras._data.pipeline import AUTOTUNE, Dataset
from torchkeras.preprocessing import image, sequence, text
from torchkeras.utils._directory import index_directory
from torchkeras.utils._files import extract_archive

# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("labels", "num_classes"),
    [
        ([0, 2, 1], None),
        ([0, 2, 1], 5),
        ([[0], [3]], None),
        ([[0, 1], [2, 0]], 4),
        (np.array([1.0, 0.0]), None),
        (np.array(2), 3),
        ([-1, 0], 3),
        (np.zeros((0,), int), 3),
    ],
)
def test_to_categorical(labels, num_classes):
    ours = utils.to_categorical(labels, num_classes)
    theirs = keras.utils.to_categorical(labels, num_classes)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


def test_to_categorical_of_tensors():
    labels = torch.tensor([[1], [3]])
    ours = utils.to_categorical(labels, 4)
    # Keras gives integers on torch, and floats on its other backends.
    torch.testing.assert_close(ours, keras.utils.to_categorical(labels, 4).float())
    assert utils.to_categorical(labels).shape == (2, 4)
    np.testing.assert_array_equal(
        utils.to_categorical([torch.tensor(0), torch.tensor(1)]), np.eye(2)
    )


def test_to_categorical_beyond_the_classes():
    with pytest.raises(IndexError, match="3 is out of bounds.*Received: num_classes=3"):
        utils.to_categorical([0, 3], 3)


@pytest.mark.parametrize("order", [1, 2, 3, np.inf])
@pytest.mark.parametrize("axis", [-1, 1])
def test_normalize(order, axis):
    x = np.random.randn(3, 4)
    x[1] = 0
    expected = keras.utils.normalize(x, axis, order)
    np.testing.assert_allclose(utils.normalize(x, axis, order), expected)
    if order == np.inf:  # Keras's tensors know no such norm
        assert utils.normalize(torch.from_numpy(x), axis, order)[0].abs().max() == 1
        return
    x = torch.from_numpy(x)
    expected = keras.utils.normalize(x, axis, order)
    torch.testing.assert_close(utils.normalize(x, axis, order), expected)


def test_normalize_along_the_first_axis():
    # Keras divides by the norms of the columns as if they were those of the rows.
    x = np.array([[3.0, 0.0], [4.0, 2.0]])
    np.testing.assert_allclose(utils.normalize(x, axis=0), [[0.6, 0.0], [0.8, 1.0]])


@pytest.mark.tiny
def test_names_from_other_rooms():
    assert utils.Sequence is utils.PyDataset
    assert utils.pack_x_y_sample_weight(1, 2) == (1, 2)
    assert utils.unpack_x_y_sample_weight((1, 2)) == (1, 2, None)
    assert utils.standardize_dtype("int") == keras.utils.standardize_dtype("int")
    assert not utils.is_keras_tensor(np.ones(2)) and utils.is_keras_tensor(torchkeras.Input((2,)))
    assert utils.get_custom_objects() is torchkeras._serialize.get_custom_objects()
    utils.set_random_seed(3)
    first = torch.rand(2), np.random.rand()
    utils.set_random_seed(3)
    assert torch.equal(torch.rand(2), first[0]) and np.random.rand() == first[1]
    layers.Dense(1)
    utils.clear_session()
    assert layers.Dense(1).name == "dense"


@pytest.mark.tiny
def test_config():
    ours, theirs = utils.Config(b=1, a=[2]), keras.utils.Config(b=1, a=[2])
    for config in (ours, theirs):
        config.c = 3
        config["d"] = 4
        del config["b"]
        config.update(e=5)
        assert config.pop("e") == 5 and config.get("none", 7) == 7 and config.c == 3
    for call in (list, len, repr, lambda c: c.to_json(), lambda c: c.as_dict(), lambda c: c["d"]):
        assert call(ours) == call(theirs)
    for view in ("keys", "values", "items"):
        assert list(getattr(ours, view)()) == list(getattr(theirs, view)())
    assert "c" in ours and "b" not in ours
    assert pickle.loads(pickle.dumps(ours)).as_dict() == ours.as_dict()
    ours.freeze()
    assert ours.frozen
    for change in (lambda: setattr(ours, "c", 1), lambda: ours.pop("c"), lambda: ours.update(c=1)):
        with pytest.raises(ValueError, match="Cannot mutate attribute"):
            change()
    ours.unfreeze()
    ours.c = 0
    with pytest.raises(AttributeError, match="Unknown attribute: 'cc'. Did you mean 'c'"):
        _ = ours.cc


RAGGED = [[1], [2, 3], [], [4, 5, 6, 7]]


@pytest.mark.parametrize(
    ("sequences", "options"),
    [
        (RAGGED, {}),
        (RAGGED, {"maxlen": 2}),
        (RAGGED, {"maxlen": 6, "padding": "post"}),
        (RAGGED, {"maxlen": 3, "truncating": "post", "value": -1.5, "dtype": "float32"}),
        ([[[1, 2]], [[3, 4], [5, 6]]], {"padding": "post"}),
        ([["a"], ["bb", "c"]], {"dtype": object, "value": "pad"}),
        ([["a"], ["bb", "c"]], {"dtype": "U4", "value": "pad"}),
        ([np.arange(3), np.arange(5)], {"maxlen": 4}),
        (np.array([[1, 2], [3, 4]]), {"maxlen": 3}),
    ],
)
def test_pad_sequences(sequences, options):
    ours = utils.pad_sequences(sequences, **options)
    theirs = keras.utils.pad_sequences(sequences, **options)
    assert ours.dtype == theirs.dtype
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((5,), "`sequences` must be iterable"),
        (([1, 2],), "must be a list of iterables"),
        (([[1], [[2]]],), "different from expected"),
        (([[1]], 2, "int32", "middle"), "not understood"),
        (([[1]], 2, "int32", "pre", "middle"), "not understood"),
        (([["a"]], 2, "int32", "pre", "pre", "x"), "not compatible with `value`"),
    ],
)
def test_pad_sequences_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        utils.pad_sequences(*arguments)


# ---------------------------------------------------------------- downloads


def read(path):
    return Path(path).read_text()


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.requests.append(self.path)
        if self.path == "/cut.bin":  # promises more than it sends
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"x" * 10)
        else:
            super().do_GET()


@pytest.fixture
def web(tmp_path):
    """A folder, the address where it is served, and the paths that were asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}", server.requests
        server.shutdown()
        thread.join()


@pytest.mark.tiny
def test_get_file(web, tmp_path, capsys):
    folder, address, requests = web
    (folder / "data.txt").write_text("hello")
    get = functools.partial(
        utils.get_file, origin=f"{address}/data.txt?version=1", cache_dir=tmp_path / "cache"
    )
    path = get()
    assert path == str(tmp_path / "cache" / "datasets" / "data.txt")
    assert read(path) == "hello"
    output = capsys.readouterr().out
    assert f"Downloading data from {address}" in output and "5/5" in output
    assert get() == path and len(requests) == 1
    assert get(fname="other", cache_subdir="a/b").endswith("cache/a/b/other")
    assert len(requests) == 2
    get(force_download=True)
    assert len(requests) == 3


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_get_file_checks_hashes(web, tmp_path, algorithm, capsys):
    folder, address, requests = web
    (folder / "data.txt").write_text("hello")
    right = hashlib.new(algorithm, b"hello").hexdigest()
    get = functools.partial(
        utils.get_file, "data.txt", origin=f"{address}/data.txt", cache_dir=tmp_path
    )
    path = get(file_hash=right)
    assert get(file_hash=right.upper()) == path and len(requests) == 1
    if algorithm == "md5":
        assert get(md5_hash=right) == path
    Path(path).write_text("changed")
    get(file_hash=right)
    assert "seems to be incomplete or outdated" in capsys.readouterr().out
    assert read(path) == "hello"
    with pytest.raises(ValueError, match="Incomplete or corrupted file detected"):
        get(file_hash="0" * len(right))
    # What was there is left, and nothing else is.
    assert [p.name for p in (tmp_path / "datasets").iterdir()] == ["data.txt"]


def test_get_file_failures(web, tmp_path):
    _, address, _ = web
    get = functools.partial(utils.get_file, cache_dir=tmp_path)
    with pytest.raises(Exception, match="URL fetch failure on .*404"):
        get(origin=f"{address}/missing.txt")
    with pytest.raises(Exception, match="ended after 10 of 1000 bytes"):
        get(origin=f"{address}/cut.bin")
    with pytest.raises(Exception, match="URL fetch failure on .* put the file at .*/x.npz"):
        get(origin="http://127.0.0.1:9/x.npz")
    assert list((tmp_path / "datasets").iterdir()) == []
    with pytest.raises(ValueError, match='specify the "origin"'):
        get("x")
    for name in ("a/b", "..\\x"):
        with pytest.raises(ValueError, match="Paths are no longer accepted"):
            get(name, origin=address)
    for origin in (address, f"{address}/..", f"{address}/a/"):
        with pytest.raises(ValueError, match="Can't parse the file name"):
            get(origin=origin)


def test_get_file_uses_keras_home(web, tmp_path, monkeypatch):
    folder, address, _ = web
    (folder / "data.txt").write_text("hello")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    path = utils.get_file(origin=f"{address}/data.txt")
    assert path == str(tmp_path / "home" / "datasets" / "data.txt")


def make_archive(path, members):
    """An archive of (name, content) by the ending of its name."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in members:
                archive.writestr(name, content)
        return
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                archive.addfile(content)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("name", ["pets.tar.gz", "pets.tar", "pets.zip"])
@pytest.mark.parametrize(
    ("fname", "folder_name"), [(None, None), ("animals", "animals"), ("x.y", "x_extracted")]
)
def test_get_file_extracts(web, tmp_path, name, fname, folder_name):
    folder, address, requests = web
    make_archive(folder / name, [("cats/1.txt", b"one"), ("dogs/2.txt", b"two")])
    get = functools.partial(
        utils.get_file, fname, origin=f"{address}/{name}", extract=True, cache_dir=tmp_path
    )
    path = get()
    (tmp_path / "theirs").mkdir()
    expected = keras.utils.get_file(
        fname, origin=f"{address}/{name}", extract=True, cache_dir=tmp_path / "theirs"
    )
    assert path.replace(str(tmp_path), "") == expected.replace(str(tmp_path / "theirs"), "")
    assert path.endswith(folder_name or name)
    assert read(f"{path}/cats/1.txt") == "one"
    assert read(f"{path}/dogs/2.txt") == "two"
    # The archive is not unpacked again, unless what it was unpacked to is gone.
    Path(f"{path}/cats/1.txt").write_text("mine")
    assert get() == path and read(f"{path}/cats/1.txt") == "mine"
    get(force_download=True)
    assert read(f"{path}/cats/1.txt") == "one"


def link(name, target, kind):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return (name, info)


@pytest.mark.parametrize(
    "members",
    [
        [("../evil.txt", b"x")],
        [("/evil.txt", b"x")],
        [("a/../../evil.txt", b"x")],
        [link("up", "..", tarfile.SYMTYPE), ("up/evil.txt", b"x")],
        [link("l", "../evil.txt", tarfile.SYMTYPE)],
        [link("a/l", "../../evil.txt", tarfile.SYMTYPE)],
        [link("h", "../good.txt", tarfile.LNKTYPE)],
        [link("d", "/", tarfile.SYMTYPE)],
    ],
)
def test_archives_stay_in_their_folder(tmp_path, members):
    (tmp_path / "good.txt").write_text("good")
    make_archive(tmp_path / "a.tar", [("fine.txt", b"fine"), *members])
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        assert extract_archive(tmp_path / "a.tar", tmp_path / "inner" / "out")
    found = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if not p.is_dir()}
    outside = {name for name in found if not name.startswith("inner/out/")}
    assert outside == {"a.tar", "a.tar.extracted", "good.txt"}
    assert "inner/out/fine.txt" in found
    assert not any(p.is_symlink() for p in tmp_path.rglob("*"))
    assert (tmp_path / "good.txt").read_text() == "good"


def test_zip_archives_stay_in_their_folder(tmp_path):
    make_archive(tmp_path / "a.zip", [("../evil.txt", b"x"), ("fine.txt", b"fine")])
    with pytest.warns(UserWarning, match="Skipping invalid path"):
        extract_archive(tmp_path / "a.zip", tmp_path / "inner" / "out")
    found = sorted(p.name for p in tmp_path.rglob("*.txt"))
    assert found == ["fine.txt"]


def test_archive_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr("torchkeras.utils._files._HARMLESS_BYTES", 1 << 20)
    for name in ("bomb.zip", "bomb.tgz"):
        path = tmp_path / name
        if name == "bomb.zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("zeros", b"\0" * (8 << 20))
        else:
            make_archive(path, [("zeros", b"\0" * (8 << 20))])
        with pytest.raises(ValueError, match="looks like an attack"):
            extract_archive(path, tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_what_is_no_archive(web, tmp_path):
    folder, address, _ = web
    (folder / "data.txt").write_text("hello")
    with pytest.warns(UserWarning, match="Could not extract archive"):
        utils.get_file(origin=f"{address}/data.txt", extract=True, cache_dir=tmp_path)
    with pytest.raises(NotImplementedError):
        extract_archive(folder / "data.txt", tmp_path, "rar")
    assert not extract_archive(folder / "data.txt", tmp_path, None)


# ---------------------------------------------------------------- images


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Files of every kind of image."""
    folder = tmp_path_factory.mktemp("pictures")
    numbers = np.random.RandomState(0)
    colour = Image.fromarray(numbers.randint(0, 256, (20, 31, 3), dtype=np.uint8))
    colour.save(folder / "rgb.png")
    colour.save(folder / "rgb.jpg")
    colour.save(folder / "rgb.bmp")
    colour.convert("P").save(folder / "palette.gif")
    colour.convert("P").save(folder / "palette.png", transparency=b"\0\1")
    colour.convert("L").save(folder / "grey.jpg")
    alpha = numbers.randint(0, 256, (17, 12, 4), dtype=np.uint8)
    Image.fromarray(alpha).save(folder / "rgba.png")
    Image.fromarray(numbers.randint(0, 65536, (9, 8)).astype(np.uint16)).save(folder / "deep.png")
    return folder


IMAGES = ["rgb.png", "rgb.jpg", "rgb.bmp", "palette.gif", "grey.jpg", "rgba.png", "deep.png"]


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("color_mode", ["grayscale", "rgb", "rgba"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"target_size": (10, 14)},
        {"target_size": (10, 14), "interpolation": "lanczos"},
        {"target_size": (15, 6), "interpolation": "bicubic", "keep_aspect_ratio": True},
    ],
)
def test_load_img(pictures, name, color_mode, options):
    path = pictures / name
    ours = utils.load_img(path, color_mode, **options)
    theirs = keras.utils.load_img(path, color_mode, **options)
    assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    for data_format in ("channels_first", "channels_last"):
        array = utils.img_to_array(ours, data_format)
        expected = keras.utils.img_to_array(theirs, data_format)
        assert array.dtype == expected.dtype
        np.testing.assert_array_equal(array, expected)


def test_load_img_sources_and_errors(pictures):
    path = str(pictures / "rgb.png")
    content = io.BytesIO(Path(path).read_bytes())
    expected = np.asarray(utils.load_img(path))
    for source in (path.encode(), pictures / "rgb.png", content):
        np.testing.assert_array_equal(np.asarray(utils.load_img(source)), expected)
    with pytest.raises(TypeError, match="path should be path-like"):
        utils.load_img(3)
    with pytest.raises(ValueError, match="color_mode must be"):
        utils.load_img(path, "cmyk")
    with pytest.raises(ValueError, match="Invalid interpolation method x"):
        utils.load_img(path, target_size=(2, 2), interpolation="x")


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
@pytest.mark.parametrize("scale", [True, False])
def test_array_to_img(channels, data_format, scale):
    shape = (channels, 5, 7) if data_format == "channels_first" else (5, 7, channels)
    for x in (np.random.rand(*shape) * 200, np.full(shape, 3), np.zeros(shape)):
        ours = utils.array_to_img(x, data_format, scale)
        theirs = keras_array_to_img(x, data_format, scale)
        assert (ours.mode, ours.size) == (theirs.mode, theirs.size)
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert np.asarray(utils.array_to_img(torch.ones(2, 2, 3))).max() == 0


def keras_array_to_img(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Pillow, for its argument mode
        return keras.utils.array_to_img(*arguments)


def test_array_to_img_of_many_bits():
    x = np.array([[[0.0], [70000.0]]])
    ours, theirs = utils.array_to_img(x, scale=False), keras_array_to_img(x, None, False)
    assert ours.mode == theirs.mode == "I"
    np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    with pytest.raises(ValueError, match="rank 3"):
        utils.array_to_img(np.ones((2, 2)))
    with pytest.raises(ValueError, match="Unsupported channel number: 2"):
        utils.array_to_img(np.ones((2, 2, 2)))
    with pytest.raises(ValueError, match="Unsupported image shape"):
        utils.img_to_array(np.ones((1, 2, 2, 2)))


def test_save_img(tmp_path):
    x = np.random.randint(0, 256, (6, 4, 3)).astype("float32")
    utils.save_img(tmp_path / "x.png", x, scale=False)
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "x.png")), x)
    utils.save_img(str(tmp_path / "x.jpg"), x, quality=50)
    with pytest.warns(UserWarning, match="does not support RGBA"):
        utils.save_img(tmp_path / "y.jpg", np.random.rand(4, 4, 4))
    stream = io.BytesIO()
    utils.save_img(stream, x, file_format="jpg")
    assert utils.load_img(stream).size == (4, 6)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("shape", [(20, 31, 3), (2, 13, 9, 1), (7, 40, 4)])
@pytest.mark.parametrize("size", [(10, 14), (30, 8), (5, 5)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64"])
def test_smart_resize(shape, size, interpolation, dtype):
    x = (np.random.rand(*shape) * 255).astype(dtype)
    ours = image.smart_resize(x, size, interpolation)
    theirs = keras.preprocessing.image.smart_resize(x, size, interpolation)
    assert isinstance(ours, np.ndarray) and ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    first = np.moveaxis(x, -1, -3)
    ours = image.smart_resize(torch.from_numpy(first), size, interpolation, "channels_first")
    np.testing.assert_allclose(np.moveaxis(ours.numpy(), -3, -1), theirs, atol=1e-4)


def test_resize_kernels():
    # Pillow stretches its kernel when images get smaller, so that only larger ones compare.
    x = np.random.rand(7, 6, 1).astype("float32")
    ours = image.smart_resize(x, (21, 18), "lanczos3")
    theirs = Image.fromarray(x[:, :, 0]).resize((18, 21), Image.Resampling.LANCZOS)
    np.testing.assert_allclose(ours[:, :, 0], np.asarray(theirs), atol=1e-4)
    area = image.smart_resize(np.arange(12.0).reshape(3, 4, 1), (2, 2), "area")
    # Each new row covers one and a half of the old ones, after one column on each side is cut.
    assert area.shape == (2, 2, 1)
    for interpolation in ("lanczos5", "gaussian", "mitchellcubic", "area"):
        flat = image.smart_resize(np.full((5, 5, 2), 3.0), (8, 3), interpolation)
        np.testing.assert_allclose(flat, 3.0, rtol=1e-6)
    with pytest.raises(ValueError, match="`interpolation` should be one of"):
        image.smart_resize(x, (2, 2), "cubic")
    with pytest.raises(ValueError, match="incorrect rank"):
        image.smart_resize(np.ones((2, 2)), (2, 2))
    with pytest.raises(TypeError, match="unexpected keyword arguments"):
        image.smart_resize(x, (2, 2), mode="x")


AFFINE = [
    {"theta": 30},
    {"tx": 2.5},
    {"ty": -1.25},
    {"shear": 20},
    {"zx": 0.7, "zy": 1.3},
    {"theta": -75, "tx": 3, "ty": 1, "shear": 10, "zx": 1.2, "zy": 0.8},
]


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.parametrize("how", AFFINE)
@pytest.mark.parametrize("fill_mode", ["nearest", "constant", "reflect", "wrap"])
@pytest.mark.parametrize("size", [16, 21])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_affine_transform_of_squares(how, fill_mode, size, order):
    for dtype in ("float32", "uint8"):
        x = (np.random.rand(3, size, size) * 255).astype(dtype)
        for axes in ((1, 2, 0), (0, 1, 2), (1, 0, 2)):
            row, column, channel = axes
            y = np.moveaxis(x, 0, channel)
            common = dict(row_axis=row, col_axis=column, channel_axis=channel, order=order)
            common.update(fill_mode=fill_mode, cval=7.0, **how)
            ours = image.apply_affine_transform(y, **common)
            theirs = keras_image.apply_affine_transform(y, **common)
            assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
            difference = np.abs(ours.astype(float) - theirs)
            # A place between two pixels, or at the edge, goes to either side by rounding.
            assert np.mean(difference > (1e-3 if dtype == "float32" else 1)) < 0.01


@pytest.mark.parametrize("shape", [(9, 21, 1), (20, 7, 3)])
def test_affine_transform_turns_about_the_centre(shape):
    x = np.random.rand(*shape).astype("float32")
    axes = dict(row_axis=0, col_axis=1, channel_axis=2)
    turned = image.apply_affine_transform(x, theta=180, **axes)
    np.testing.assert_allclose(turned, x[::-1, ::-1], atol=1e-5)
    shrunk = image.apply_affine_transform(x, zx=3, zy=3, fill_mode="constant", **axes)
    mass = shrunk.sum(-1) > 0
    rows, columns = np.nonzero(mass)
    assert abs(rows.mean() - (shape[0] - 1) / 2) <= 0.5
    assert abs(columns.mean() - (shape[1] - 1) / 2) <= 0.5


def test_affine_transform_moves_as_documented():
    x = np.zeros((9, 21, 1), "float32")
    x[4, 10] = 1
    axes = dict(row_axis=0, col_axis=1, channel_axis=2, fill_mode="constant")

    def place(y):
        return tuple(int(i) for i in np.argwhere(y[..., 0])[0])

    assert place(image.apply_affine_transform(x, tx=3, **axes)) == (4, 7)
    assert place(image.apply_affine_transform(x, ty=3, **axes)) == (1, 10)
    for _ in range(10):
        assert place(image.random_shift(x, 0.3, 0, interpolation_order=0, **axes))[0] == 4
        assert place(image.random_shift(x, 0, 0.3, interpolation_order=0, **axes))[1] == 10
    assert image.apply_affine_transform(x, **axes) is x


@pytest.mark.parametrize(
    "axes", [dict(row_axis=0), dict(row_axis=3), dict(row_axis=0, channel_axis=1)]
)
def test_affine_transform_axes(axes):
    with pytest.raises(ValueError):
        image.apply_affine_transform(np.ones((3, 3, 3)), theta=1, **axes)


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:'mode' parameter:DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("random_rotation", (40,)),
        ("random_shear", (25,)),
        ("random_zoom", ((0.6, 1.5),)),
        ("random_zoom", ((1, 1),)),
        ("random_channel_shift", (30.0,)),
        ("random_brightness", ((0.4, 1.6),)),
        ("apply_channel_shift", (12.5,)),
        ("apply_brightness_shift", (0.5,)),
        ("apply_brightness_shift", (1.7, False)),
    ],
)
def test_random_changes_of_images(name, arguments):
    for x in (np.random.rand(12, 12, 3) * 255, np.random.randn(12, 12, 3) * 200):
        x = x.astype("float32")
        is_affine = name in ("random_rotation", "random_shear", "random_zoom")
        axes = dict(row_axis=0, col_axis=1, channel_axis=2) if is_affine else {}
        results = []
        for module in (image, keras_image):
            np.random.seed(5)
            results.append(getattr(module, name)(x, *arguments, **axes))
        np.testing.assert_allclose(*results, atol=1e-3)


# ---------------------------------------------------------------- text and sequences

TEXTS = ["The cat sat on the mat.", "The dog, the cat & the fox!", ["Already", "split", "the"], ""]


def test_text_to_word_sequence():
    for options in ({}, {"lower": False}, {"split": ","}, {"filters": "t"}):
        ours = text.text_to_word_sequence(TEXTS[1], **options)
        assert ours == keras_text.text_to_word_sequence(TEXTS[1], **options)
    assert text.one_hot("a b a", 10) == keras_text.one_hot("a b a", 10)
    for options in ({}, {"hash_function": "md5"}, {"hash_function": len}, {"analyzer": list}):
        ours = text.hashing_trick("some words here", 50, **options)
        assert ours == keras_text.hashing_trick("some words here", 50, **options)
    # By Keras 2's documentation: the MD5 hash modulo n - 1, plus one.
    assert text.hashing_trick("word", 100, "md5") == [
        int(hashlib.md5(b"word").hexdigest(), 16) % 99 + 1
    ]


TOKENIZERS = [
    {},
    {"num_words": 4},
    {"oov_token": "<oov>"},
    {"num_words": 4, "oov_token": "<oov>"},
    {"char_level": True},
    {"char_level": True, "lower": False},
    {"lower": False, "split": "a"},
    {"analyzer": lambda words: words.split("t")},
    {"num_words": 3, "filters": ""},
    {"document_count": 7},
]


@pytest.mark.parametrize("options", TOKENIZERS)
def test_tokenizer(options):
    ours, theirs = text.Tokenizer(**options), keras_text.Tokenizer(**options)
    for tokenizer in (ours, theirs):
        tokenizer.fit_on_texts(TEXTS[:2])
        tokenizer.fit_on_texts(TEXTS[2:])
    names = "word_counts word_docs word_index index_word index_docs document_count".split()
    for name in names:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert list(ours.word_counts) == list(theirs.word_counts)
    more = [*TEXTS, "unknown cat words", ["The", "cat"]]
    assert ours.texts_to_sequences(more) == theirs.texts_to_sequences(more)
    numbers = [[1, 2, 3], [4, 99, 0], []]
    assert ours.sequences_to_texts(numbers) == theirs.sequences_to_texts(numbers)
    for mode in ("binary", "count", "freq", "tfidf"):
        np.testing.assert_allclose(
            ours.texts_to_matrix(more, mode), theirs.texts_to_matrix(more, mode)
        )
    assert (
        json.loads(ours.to_json())["config"].keys() == json.loads(theirs.to_json())["config"].keys()
    )
    for maker, source in ((text, theirs), (keras_text, ours)):
        again = maker.tokenizer_from_json(source.to_json())
        assert again.word_index == ours.word_index and again.num_words == ours.num_words
        assert again.index_docs == dict(ours.index_docs)
    revived = text.tokenizer_from_json(ours.to_json(indent=1))
    revived.fit_on_texts(["more of the words"])
    assert revived.document_count == ours.document_count + 1


@pytest.mark.tiny
def test_tokenizer_by_hand():
    tokenizer = text.Tokenizer(num_words=3, oov_token="?")
    tokenizer.fit_on_texts(["b a b", "c b a"])
    # Most frequent first, then by when they were met; the unknown one before all.
    assert tokenizer.word_index == {"?": 1, "b": 2, "a": 3, "c": 4}
    assert tokenizer.texts_to_sequences(["a b c d"]) == [[1, 2, 1, 1]]
    assert tokenizer.sequences_to_matrix([[1, 2, 2]], "count").tolist() == [[0.0, 1.0, 2.0]]
    tokenizer = text.Tokenizer(num_words=4)
    tokenizer.fit_on_sequences([[1, 2], [2, 3]])
    assert tokenizer.index_docs == {1: 1, 2: 2, 3: 1}


def test_tokenizer_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        assert text.Tokenizer(nb_words=3).num_words == 3
    with pytest.raises(TypeError, match="Unrecognized keyword"):
        text.Tokenizer(x=1)
    with pytest.raises(ValueError, match="Specify a dimension"):
        text.Tokenizer().sequences_to_matrix([[1]])
    with pytest.raises(ValueError, match="Fit the Tokenizer"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], "tfidf")
    with pytest.raises(ValueError, match="Unknown vectorization mode"):
        text.Tokenizer(num_words=3).sequences_to_matrix([[1]], "x")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sampling_rate": 2, "stride": 3},
        {"start_index": 5, "end_index": 30, "reverse": True},
        {"shuffle": True},
        {"batch_size": 4, "stride": 2},
    ],
)
def test_timeseries_generator(options):
    data, targets = np.random.rand(50, 2), np.arange(50)
    options = {"batch_size": 8, **options}
    ours = sequence.TimeseriesGenerator(data, targets, 10, **options)
    theirs = keras_sequence.TimeseriesGenerator(data, targets, 10, **options)
    assert len(ours) == len(theirs) and isinstance(ours, utils.Sequence)
    for index in range(len(ours)):
        batches = []
        for generator in (ours, theirs):
            np.random.seed(index)
            batches.append(generator[index])
        for a, b in zip(*batches):
            np.testing.assert_array_equal(a, b)


def test_timeseries_generator_config():
    ours = sequence.TimeseriesGenerator([1, 2, 3], np.array([4, 5, 6]), 1, batch_size=2)
    config = json.loads(ours.to_json())
    assert config["class_name"] == "TimeseriesGenerator"
    assert config["config"] == {
        "data": "[1, 2, 3]",
        "targets": "[4, 5, 6]",
        "length": 1,
        "sampling_rate": 1,
        "stride": 1,
        "start_index": 1,
        "end_index": 2,
        "shuffle": False,
        "reverse": False,
        "batch_size": 2,
    }
    with pytest.raises(ValueError, match="have to be of same length"):
        sequence.TimeseriesGenerator([1], [1, 2], 1)
    with pytest.raises(ValueError, match="is disallowed"):
        sequence.TimeseriesGenerator([1, 2], [1, 2], 5)


def test_make_sampling_table():
    for arguments in ((10,), (500, 1e-3)):
        ours = sequence.make_sampling_table(*arguments)
        np.testing.assert_allclose(ours, keras_sequence.make_sampling_table(*arguments))


@pytest.mark.filterwarnings("ignore:non-integer arguments to randrange:DeprecationWarning")
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"seed": 3},
        {"shuffle": False, "negative_samples": 0},
        {"negative_samples": 2.5, "window_size": 2, "categorical": True},
        {"sampling_table": [0.5] * 20},
    ],
)
def test_skipgrams(options):
    results = []
    for module in (sequence, keras_sequence):
        random.seed(4)
        results.append(module.skipgrams([3, 0, 5, 7, 9, 3, 11], 20, **options))
    assert tuple(results[0]) == tuple(results[1])


def test_skipgrams_by_hand():
    couples, labels = sequence.skipgrams(
        [1, 2, 0, 3], 4, window_size=1, negative_samples=0, shuffle=False
    )
    assert couples == [[1, 2], [2, 1]] and labels == [1, 1]


# ---------------------------------------------------------------- pipelines


def listed(dataset):
    def plain(element):
        if isinstance(element, (tuple, list)):
            return tuple(plain(part) for part in element)
        if isinstance(element, dict):
            return {key: plain(part) for key, part in element.items()}
        return element.tolist() if hasattr(element, "tolist") else element

    return [plain(element) for element in dataset]


TEN = Dataset.range(10)

PIPELINES = {
    "batch": (TEN.batch(4), [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]),
    "drop": (TEN.batch(4, drop_remainder=True), [[0, 1, 2, 3], [4, 5, 6, 7]]),
    "range": (Dataset.range(1, 8, 3), [1, 4, 7]),
    "map": (TEN.map(lambda x: x * x).take(3), [0, 1, 4]),
    "map in parallel": (TEN.map(lambda x: x * x, AUTOTUNE), [x * x for x in range(10)]),
    "map to a tuple": (TEN.take(2).map(lambda x: (x, [x, x])), [(0, [0, 0]), (1, [1, 1])]),
    "filter": (TEN.filter(lambda x: x % 3 == 0), [0, 3, 6, 9]),
    "take": (TEN.take(2), [0, 1]),
    "take all": (TEN.take(-1), list(range(10))),
    "skip": (TEN.skip(8), [8, 9]),
    "repeat": (TEN.take(2).repeat(2), [0, 1, 0, 1]),
    "repeat for ever": (TEN.take(2).repeat().take(5), [0, 1, 0, 1, 0]),
    "shard": (TEN.shard(4, 1), [1, 5, 9]),
    "concatenate": (TEN.take(1).concatenate(TEN.skip(9)), [0, 9]),
    "zip": (Dataset.zip(TEN, TEN.skip(8)), [(0, 8), (1, 9)]),
    "zip of a dict": (Dataset.zip({"a": TEN, "b": TEN}).take(1), [{"a": 0, "b": 0}]),
    "enumerate": (TEN.skip(8).enumerate(5), [(5, 8), (6, 9)]),
    "unbatch": (TEN.batch(3).unbatch(), list(range(10))),
    "rebatch": (TEN.batch(3).rebatch(5), [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
    "cache": (TEN.cache(), list(range(10))),
    "prefetch": (TEN.batch(5).prefetch(AUTOTUNE), [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]),
    "flat_map": (TEN.take(3).flat_map(lambda x: Dataset.range(int(x))), [0, 0, 1]),
    "window": (
        TEN.window(3, shift=2, drop_remainder=True).flat_map(lambda w: w.batch(3)),
        [[0, 1, 2], [2, 3, 4], [4, 5, 6], [6, 7, 8]],
    ),
    "window with gaps": (
        TEN.window(2, shift=5, stride=2).flat_map(lambda w: w.batch(2)),
        [[0, 2], [5, 7]],
    ),
    # The example in TensorFlow's documentation of interleave.
    "interleave": (
        Dataset.range(1, 6).interleave(
            lambda x: Dataset.from_tensors(x).repeat(6), cycle_length=2, block_length=4
        ),
        [1] * 4 + [2] * 4 + [1] * 2 + [2] * 2 + [3] * 4 + [4] * 4 + [3] * 2 + [4] * 2 + [5] * 6,
    ),
    "strings": (Dataset.from_tensor_slices(["a", "bb"]).batch(2), [["a", "bb"]]),
    "dict": (
        Dataset.from_tensor_slices({"a": [1, 2], "b": np.ones((2, 1))}),
        [{"a": 1, "b": [1.0]}, {"a": 2, "b": [1.0]}],
    ),
    "generator": (Dataset.from_generator(lambda: iter([(1, 2.0)])), [(1, 2.0)]),
    "generator of types": (
        Dataset.from_generator(range, args=(3,), output_types="float32"),
        [0.0, 1.0, 2.0],
    ),
    "padded": (
        TEN.take(3).map(lambda x: (torch.arange(int(x)), x)).padded_batch(3),
        [([[0, 0], [0, 0], [0, 1]], [0, 1, 2])],
    ),
    "padded to a shape": (
        TEN.take(2).map(lambda x: torch.arange(int(x))).padded_batch(2, [3], 7),
        [[[7, 7, 7], [0, 7, 7]]],
    ),
    "apply": (TEN.apply(lambda ds: ds.take(1)), [0]),
}


@pytest.mark.tiny
@pytest.mark.parametrize("name", PIPELINES)
def test_pipeline(name):
    dataset, expected = PIPELINES[name]
    for _ in range(2):  # every iteration is a new pass
        found = listed(dataset)
        assert found == [tuple(e) if isinstance(e, tuple) else e for e in expected]
    if dataset.cardinality() >= 0:
        assert dataset.cardinality() == len(dataset) == len(expected)


def test_pipeline_cardinality():
    assert TEN.repeat().cardinality() == -1 and TEN.filter(bool).cardinality() == -2
    assert TEN.repeat().batch(2).cardinality() == -1
    assert Dataset.zip(TEN, TEN.repeat()).cardinality() == 10
    assert TEN.concatenate(TEN.repeat()).cardinality() == -1
    with pytest.raises(TypeError, match="length is infinite"):
        len(TEN.repeat())
    with pytest.raises(TypeError, match="length is unknown"):
        len(TEN.filter(bool))
    assert TEN.filter(bool)  # truth does not ask for the length


def test_pipeline_shuffle():
    for buffer in (3, 10, 100):
        dataset = TEN.shuffle(buffer, seed=1)
        first, second = listed(dataset), listed(dataset)
        assert sorted(first) == sorted(second) == list(range(10)) and first != second
        assert listed(TEN.shuffle(buffer, seed=1)) == first
        assert listed(TEN.map(lambda x: x).shuffle(buffer, seed=1)) == first
        assert sum(listed(TEN.shuffle(buffer, seed=1).batch(4)), []) == first
    assert listed(TEN.shuffle(1)) == list(range(10))
    # An element comes at most as much too early as the buffer is long.
    for _ in range(20):
        assert all(x <= place + 2 for place, x in enumerate(listed(TEN.shuffle(3))))
    fixed = TEN.shuffle(10, reshuffle_each_iteration=False)
    assert listed(fixed) == listed(fixed)
    utils.set_random_seed(1)
    first = listed(TEN.shuffle(10))
    utils.set_random_seed(1)
    assert listed(TEN.shuffle(10)) == first


def test_pipeline_cache_runs_once():
    calls = []
    dataset = TEN.map(lambda x: calls.append(int(x)) or x).cache()
    assert listed(dataset.take(2)) == [0, 1]
    calls.clear()
    assert listed(dataset) == listed(dataset) == list(range(10))
    assert calls == list(range(10))


def test_pipeline_cache_in_a_file(tmp_path):
    calls = []

    def kinds(x):
        calls.append(int(x))
        return {"number": x, "parts": (x * 0.5, np.array(["a", str(int(x))], dtype=object))}

    def elements(dataset):
        return [(int(e["number"]), float(e["parts"][0]), e["parts"][1].tolist()) for e in dataset]

    dataset = TEN.map(kinds).cache(tmp_path / "kept")
    next(iter(dataset))
    assert [path for path in tmp_path.iterdir() if path.suffix == ".cache"] == []
    calls.clear()
    first = elements(dataset)
    assert first == elements(dataset) == [(x, x * 0.5, ["a", str(x)]) for x in range(10)]
    assert calls == list(range(10))
    again = TEN.map(kinds).cache(str(tmp_path / "kept"))
    assert elements(again) == first and calls == list(range(10))
    assert [path.name for path in tmp_path.iterdir()] == ["kept.cache"]


def test_pipeline_generator_signatures():
    class Spec:
        def __init__(self, shape, dtype):
            self.shape, self.dtype = shape, dtype

    def pairs():
        yield [1, 2], "a"
        yield [3, 4, 5], "b"

    signature = (Spec((None,), "float32"), Spec((), "string"))
    made = list(Dataset.from_generator(pairs, output_signature=signature))
    assert made[0][0].dtype == torch.float32 and made[1][0].tolist() == [3, 4, 5]
    assert [text for _, text in made] == ["a", "b"]
    made = Dataset.from_generator(pairs, ("int32", "string"), ([None], []))
    assert [part.tolist() for part, _ in made] == [[1, 2], [3, 4, 5]]
    for wrong in ({"output_shapes": ([2], [])}, {"output_shapes": ([None, 1], [])}):
        with pytest.raises(TypeError, match="element of shape"):
            list(Dataset.from_generator(pairs, ("int32", "string"), **wrong))
    with pytest.raises(TypeError, match="did not match the expected structure"):
        list(Dataset.from_generator(pairs, ("int32", "string", "int32")))


def test_pipeline_is_lazy_and_stops():
    calls = []
    dataset = TEN.map(lambda x: calls.append(int(x)) or x)
    assert calls == []
    for _ in dataset.prefetch(1):
        break
    assert len(calls) <= 4
    names = {thread.name for thread in threading.enumerate()}
    assert not any(name.startswith(("torchkeras_prefetch", "torchkeras_map")) for name in names)


def test_pipeline_errors_come_through():
    def fail(x):
        if x == 3:
            raise KeyError("three")
        return x

    for dataset in (TEN.map(fail), TEN.map(fail, 2), TEN.map(fail, 2).prefetch(2)):
        with pytest.raises(KeyError, match="three"):
            list(dataset)
    with pytest.raises(ValueError, match="different shapes"):
        list(TEN.map(lambda x: torch.zeros(int(x))).batch(2))
    with pytest.raises(ValueError, match="same number of rows"):
        Dataset.from_tensor_slices((np.ones(2), np.ones(3)))
    with pytest.raises(ValueError, match="batch_size"):
        TEN.batch(0)
    with pytest.raises(ValueError, match="smaller size than the input"):
        list(Dataset.from_tensors(np.ones(3)).padded_batch(1, [2]))
    with pytest.raises(TypeError, match="needs a tuple"):
        Dataset.zip(TEN)


def test_pipeline_dtypes():
    x, y = next(iter(Dataset.from_tensor_slices((np.ones((2, 3)), [1, 2]))))
    assert (x.dtype, y.dtype) == (torch.float64, torch.int32)
    assert next(iter(TEN.map(lambda x: 1.5))).dtype == torch.float32
    assert next(TEN.batch(2).as_numpy_iterator()).tolist() == [0, 1]
    assert int(TEN.reduce(0, lambda total, x: total + x)) == 45
    assert int(TEN.take(1).get_single_element()) == 0
    with pytest.raises(ValueError, match="more than one"):
        TEN.get_single_element()


@pytest.mark.tiny
def test_fit_on_a_pipeline():
    x = np.random.rand(64, 4).astype("float32")
    y = x.sum(1, keepdims=True)
    dataset = Dataset.from_tensor_slices((x, y)).batch(16)
    losses = []
    for data in ((x, y), (dataset, None)):
        utils.set_random_seed(0)
        model = torchkeras.Sequential([layers.Dense(1)])
        model.compile("sgd", "mse")
        history = model.fit(*data, batch_size=None if data[1] is None else 16, shuffle=False,
                            epochs=2, verbose=0)  # fmt: skip
        losses.append(history.history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-6)
    model.fit(dataset.repeat(), steps_per_epoch=3, epochs=2, shuffle=False, verbose=0)
    assert model.predict(dataset.map(lambda x, y: x), verbose=0).shape == (64, 1)


# ---------------------------------------------------------------- series


@pytest.mark.tiny
def test_timeseries_dataset_by_hand():
    # The example of Keras's documentation.
    data = np.arange(99)
    dataset = utils.timeseries_dataset_from_array(
        data, None, sequence_length=10, sampling_rate=2, sequence_stride=3
    )
    windows = dataset.get_single_element()
    assert windows[0].tolist() == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert windows[1].tolist() == [3, 5, 7, 9, 11, 13, 15, 17, 19, 21]
    assert windows[-1].tolist() == [78, 80, 82, 84, 86, 88, 90, 92, 94, 96]


def test_timeseries_dataset_with_targets():
    data = np.arange(20.0).reshape(10, 2)
    arguments = dict(sequence_length=3, batch_size=4)
    dataset = torchkeras.preprocessing.timeseries_dataset_from_array(
        data[:-3], np.arange(3, 10), **arguments
    )
    (x, y), (x1, y1) = dataset
    assert x.shape == (4, 3, 2) and y.tolist() == [3, 4, 5, 6]
    np.testing.assert_array_equal(x[1], data[1:4])
    assert x1.shape == (1, 3, 2) and y1.tolist() == [7]
    shuffled = utils.timeseries_dataset_from_array(
        data[:-3], np.arange(3, 10), shuffle=True, seed=2, **arguments
    )
    for windows, targets in shuffled:
        for window, target in zip(windows, targets):
            np.testing.assert_array_equal(window, data[int(target) - 3 : int(target)])
    single = utils.timeseries_dataset_from_array(data, None, 3, batch_size=None)
    assert len(single) == 8 and next(iter(single)).shape == (3, 2)
    part = utils.timeseries_dataset_from_array(
        np.arange(10), np.arange(10), 2, start_index=3, end_index=7
    )
    x, y = part.get_single_element()
    assert x.tolist() == [[3, 4], [4, 5], [5, 6]] and y.tolist() == [3, 4, 5]


@pytest.mark.parametrize(
    "options",
    [
        {"start_index": -1},
        {"start_index": 10},
        {"end_index": 10},
        {"end_index": -1},
        {"start_index": 5, "end_index": 4},
        {"sampling_rate": 0},
        {"sampling_rate": 10},
        {"sequence_stride": 0},
        {"sequence_stride": 10},
        {"format": "x"},
    ],
)
def test_timeseries_dataset_errors(options):
    messages = []
    for module in (torchkeras, keras):
        with pytest.raises(ValueError) as error:
            module.utils.timeseries_dataset_from_array(np.arange(10), None, 2, **options)
        messages.append(str(error.value).split(".")[0])
    if "format" not in options:
        assert messages[0] == messages[1]


def test_split_dataset():
    x, y = np.arange(10.0), np.arange(10)
    left, right = utils.split_dataset((x, y), left_size=0.7)
    assert [len(left), len(right)] == [7, 3]
    assert [int(b) for _, b in left] == list(range(7))  # without shuffle, in order
    left, right = utils.split_dataset((x, y), right_size=4, shuffle=True, seed=3)
    expected = keras.utils.split_dataset((x, y), right_size=4, shuffle=True, seed=3)
    for ours, theirs in zip((left, right), expected):
        assert [int(b) for _, b in ours] == [int(b) for _, b in theirs]
    left, right = utils.split_dataset(x, 0.5, 0.2)
    assert [len(left), len(right)] == [5, 2] and float(right[0][0]) == 8
    left, right = utils.split_dataset(Dataset.from_tensor_slices((x, y)).batch(4), left_size=6)
    assert [part.cardinality() for part in (left, right)] == [2, 1]
    assert listed(right)[0][1] == [6, 7, 8, 9]
    left, _ = utils.split_dataset((x, y), 5, preferred_backend="tensorflow")
    assert listed(left.batch(5))[0][1] == list(range(5))
    loader = torch.utils.data.TensorDataset(torch.arange(10))
    assert len(utils.split_dataset(loader, 4)[1]) == 6


@pytest.mark.parametrize(
    ("sizes", "error"),
    [
        ((None, None), ValueError),
        ((0, None), ValueError),
        ((1.5, None), ValueError),
        ((None, 10), ValueError),
        ((-2, None), ValueError),
        ((0.7, 0.6), ValueError),
        ((6, 5), ValueError),
        (("x", None), TypeError),
        ((0.01, None), ValueError),
    ],
)
def test_split_dataset_errors(sizes, error):
    for module in (torchkeras, keras):
        with pytest.raises(error):
            module.utils.split_dataset(np.arange(10), *sizes)
    with pytest.raises(TypeError):
        utils.split_dataset("text", 1)


# ---------------------------------------------------------------- folders


@pytest.fixture(scope="module")
def animals(tmp_path_factory):
    """Folders of images and texts: three classes, one of them empty, one with a folder inside."""
    folder = tmp_path_factory.mktemp("animals")
    numbers = np.random.RandomState(0)
    for name, count in (("cats", 5), ("dögs", 4), ("empty", 0)):
        (folder / name / "more").mkdir(parents=True)
        for i in range(count):
            inner = folder / name / ("more" if i == 0 else ".")
            pixels = numbers.randint(0, 256, (8 + i, 10, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(inner / f"{i}.{'png' if i % 2 else 'BMP'}")
            (inner / f"{i}.txt").write_text(f"{name} {i} ünd", encoding="utf-8")
    (folder / "cats" / "notes.md").write_text("x")
    (folder / ".hidden").mkdir()
    return folder


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    ("labels", "class_names"),
    [("inferred", None), ("inferred", ["dögs", "cats"]), (None, None), ([2, 1] * 4 + [7], None)],
)
def test_index_directory(animals, shuffle, labels, class_names):
    arguments = dict(formats=(".png", ".bmp"), class_names=class_names, shuffle=shuffle, seed=5)
    given = None if labels is None else labels if labels == "inferred" else list(labels)
    ours = index_directory(animals, labels, **arguments)
    theirs = keras_index(str(animals), given, **arguments)
    assert ours[0] == theirs[0] and ours[2] == theirs[2]
    assert (ours[1] is None) == (theirs[1] is None)
    if theirs[1] is not None:
        assert list(ours[1]) == list(theirs[1])


def keras_picture(path, size, **options):
    with Image.open(path) as file:
        x = np.asarray(file.convert("RGB"), "float32")
    return keras.ops.image.resize(x, size, **options).numpy()


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("crop", [False, True])
def test_image_dataset(animals, interpolation, crop, capsys):
    dataset = utils.image_dataset_from_directory(
        animals, image_size=(6, 9), batch_size=4, shuffle=False, interpolation=interpolation,
        crop_to_aspect_ratio=crop,
    )  # fmt: skip
    assert "Found 9 files belonging to 3 classes." in capsys.readouterr().out
    assert dataset.class_names == ["cats", "dögs", "empty"] and len(dataset.file_paths) == 9
    assert len(dataset) == 3
    batches = list(dataset)
    x, y = (torch.cat(parts) for parts in zip(*batches))
    assert x.shape == (9, 6, 9, 3) and x.dtype == torch.float32
    assert y.dtype == torch.int32 and y.tolist() == [0] * 5 + [1] * 4
    for path, picture in zip(dataset.file_paths, x):
        expected = keras_picture(
            path, (6, 9), interpolation=interpolation, crop_to_aspect_ratio=crop
        )
        np.testing.assert_allclose(picture, expected, atol=1e-3)


def test_image_dataset_labels_and_subsets(animals):
    make = functools.partial(
        utils.image_dataset_from_directory, animals, image_size=4, verbose=False
    )
    y = next(iter(make(label_mode="categorical", batch_size=9, shuffle=False)))[1]
    assert y.dtype == torch.float32 and y[5].tolist() == [0, 1, 0]
    y = next(iter(make(label_mode="binary", class_names=["cats", "dögs"])))[1]
    assert y.shape == (9, 1) and y.sum() == 4
    for nothing_ in (make(labels=None), make(label_mode=None)):
        assert next(iter(nothing_)).shape == (9, 4, 4, 3) and nothing_.class_names is None
    own = make(labels=[5, 3, 5, 3, 5, 3, 5, 3, 5], shuffle=False)
    assert own.class_names == ["3", "5"] and next(iter(own))[1][0] == 5
    both = make(validation_split=0.3, subset="both", seed=1)
    assert isinstance(both, list)
    train, val = (make(validation_split=0.3, subset=s, seed=1) for s in ("training", "validation"))
    assert both[0].file_paths == train.file_paths and both[1].file_paths == val.file_paths
    assert len(train.file_paths) == 7 and not {*train.file_paths} & {*val.file_paths}
    single = make(batch_size=None, color_mode="grayscale", data_format="channels_first")
    assert next(iter(single))[0].shape == (1, 4, 4)
    assert next(iter(make(color_mode="rgba")))[0].shape == (9, 4, 4, 4)
    # Each label stays with its image in every order.
    plain = {float(x.sum()): int(y) for x, y in make(batch_size=None, shuffle=False)}
    orders = set()
    shuffled = make(seed=3)
    for _ in range(4):
        x, y = next(iter(shuffled))
        assert all(plain[float(a.sum())] == int(b) for a, b in zip(x, y))
        orders.add(tuple(y.tolist()))
    assert len(orders) > 1


def test_image_dataset_trains(animals):
    dataset = utils.image_dataset_from_directory(
        animals, image_size=(8, 8), batch_size=3, seed=0, verbose=False
    )
    model = torchkeras.Sequential(
        [layers.Flatten(), layers.Dense(3, activation="softmax")]
    )  # fmt: skip
    model.compile("adam", "sparse_categorical_crossentropy")
    history = model.fit(dataset, epochs=2, shuffle=False, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_image_dataset_pads(animals):
    dataset = utils.image_dataset_from_directory(
        animals, image_size=(20, 10), batch_size=None, shuffle=False, pad_to_aspect_ratio=True,
        verbose=False,
    )  # fmt: skip
    x, _ = next(iter(dataset))  # 9 rows of 10, with zeros above and below
    rows = x.flatten(1).amax(1)
    assert (rows[:5] == 0).all() and (rows[5:14] > 0).all() and (rows[14:] == 0).all()


def test_kinds_of_images(pictures, tmp_path):
    for name in [*IMAGES, "palette.png"]:
        (tmp_path / name).symlink_to(pictures / name)
    dataset = utils.image_dataset_from_directory(
        tmp_path, labels=None, image_size=(20, 31), shuffle=False, batch_size=None, verbose=False
    )
    found = dict(zip((path.rpartition("/")[2] for path in dataset.file_paths), dataset))
    np.testing.assert_array_equal(found["rgb.png"], found["rgb.bmp"])
    assert found["grey.jpg"].shape == (20, 31, 3)
    with Image.open(pictures / "deep.png") as deep:
        deep = np.asarray(deep)
    assert abs(float(found["deep.png"].mean()) - (deep >> 8).mean()) < 3  # 8 bits of 16


@pytest.mark.parametrize("content", [b"no image", b"\x89PNG\r\n\x1a\n\0\0"])
def test_broken_image_is_named(tmp_path, content):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "broken.png").write_bytes(content)
    dataset = utils.image_dataset_from_directory(tmp_path, verbose=False)
    with pytest.raises(ValueError, match="Could not read an image file.*broken.png"):
        list(dataset)


def test_cut_off_image_is_named(pictures, tmp_path):
    (tmp_path / "a").mkdir()
    content = (pictures / "rgb.png").read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="Could not read an image file.*cut.png"):
        list(utils.image_dataset_from_directory(tmp_path, verbose=False))


def test_links_between_folders(animals, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "link").symlink_to(animals / "cats")
    found = utils.image_dataset_from_directory(tmp_path, follow_links=True, verbose=False)
    assert len(found.file_paths) == 5
    with pytest.raises(ValueError, match="No images found in directory"):
        utils.image_dataset_from_directory(tmp_path, verbose=False)


@pytest.mark.parametrize(
    "options",
    [
        {"labels": "own"},
        {"labels": [1, 2]},
        {"labels": [1] * 9, "class_names": ["a"]},
        {"labels": None, "class_names": ["a"]},
        {"class_names": ["wolves"]},
        {"label_mode": "ints"},
        {"label_mode": "binary"},
        {"color_mode": "cmyk"},
        {"image_size": (1, 2, 3)},
        {"interpolation": "x"},
        {"format": "x"},
        {"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True},
        {"validation_split": 2.0, "subset": "training"},
        {"validation_split": 0.2},
        {"subset": "training"},
        {"validation_split": 0.2, "subset": "test", "seed": 1},
        {"validation_split": 0.2, "subset": "training"},
        {"validation_split": 0.01, "subset": "validation", "seed": 1},
    ],
)
def test_image_dataset_errors(animals, options):
    with pytest.raises(ValueError, match=r"Received|Allowed formats"):
        utils.image_dataset_from_directory(animals, verbose=False, **options)


def test_text_dataset(animals):
    make = functools.partial(utils.text_dataset_from_directory, animals, verbose=False)
    texts, labels = make(shuffle=False, batch_size=6).take(1).get_single_element()
    assert texts.shape == (6,) and texts[5] == "dögs 1 ünd" and labels[5] == 1
    short = make(max_length=4, labels=None, shuffle=False)
    assert next(iter(short)).tolist() == ["cats"] * 5 + ["dögs"] * 4
    train, val = torchkeras.preprocessing.text_dataset_from_directory(
        animals, validation_split=0.5, subset="both", seed=2, batch_size=None, verbose=False
    )
    assert len(train) == 5 and len(val) == 4 and isinstance(next(iter(val))[0], str)
    with pytest.raises(ValueError, match="Received"):
        make(format="x")


def write_wav(path, samples, width=2, rate=8000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(samples.shape[1])
        file.setsampwidth(width)
        file.setframerate(rate)
        scaled = (samples * (2 ** (8 * width - 1) - 1)).round().astype(np.int64)
        if width == 1:
            file.writeframes((scaled + 128).astype(np.uint8).tobytes())
        else:
            flat = scaled.ravel().tolist()
            file.writeframes(b"".join(struct.pack("<q", v)[:width] for v in flat))


@pytest.fixture
def sounds(tmp_path):
    for name, length in (("high/a", 40), ("high/b", 60), ("low/c", 50)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        wave_ = np.sin(np.arange(length) / 5)[:, None] * 0.5
        write_wav(tmp_path / f"{name}.wav", np.repeat(wave_, 2, 1))
    return tmp_path


def test_audio_dataset(sounds):
    make = functools.partial(
        utils.audio_dataset_from_directory, sounds, shuffle=False, verbose=False
    )
    x, y = make().get_single_element()
    assert x.shape == (3, 60, 2) and x.dtype == torch.float32 and y.tolist() == [0, 0, 1]
    np.testing.assert_allclose(x[0, :40, 0], np.sin(np.arange(40) / 5) * 0.5, atol=1e-4)
    assert (x[0, 40:] == 0).all()
    x, _ = make(output_sequence_length=45).get_single_element()
    assert x.shape == (3, 45, 2) and (x[0, 40:] == 0).all()
    x, _ = make(ragged=True).get_single_element()
    assert [len(sound) for sound in x.unbind()] == [40, 60, 50]
    assert next(iter(make(labels=None, batch_size=None))).shape == (40, 2)
    both = make(validation_split=0.4, subset="both")
    assert isinstance(both, tuple) and [len(part.file_paths) for part in both] == [2, 1]


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_widths_of_sounds(tmp_path, width):
    samples = np.linspace(-1, 1, 50)[:, None]
    write_wav(tmp_path / "a.wav", samples, width)
    x = utils.audio_dataset_from_directory(tmp_path, labels=None, verbose=False)
    found = x.get_single_element()[0]
    np.testing.assert_allclose(found, samples, atol=2.0 ** (2 - 8 * width) + 1e-6)


@pytest.mark.parametrize("rate", [16000, 4000, 12000, 11025])
def test_resampled_sounds(tmp_path, rate):
    seconds = np.arange(1600) / 8000
    write_wav(tmp_path / "a.wav", np.sin(2 * np.pi * 440 * seconds)[:, None] * 0.9)
    dataset = utils.audio_dataset_from_directory(
        tmp_path, labels=None, sampling_rate=rate, verbose=False
    )
    x = dataset.get_single_element()[0, :, 0].numpy()
    assert len(x) == int(np.ceil(1600 * rate / 8000))
    expected = np.sin(2 * np.pi * 440 * np.arange(len(x)) / rate) * 0.9
    inner = slice(len(x) // 10, -len(x) // 10)
    np.testing.assert_allclose(x[inner], expected[inner], atol=0.02)


def test_audio_dataset_errors(sounds):
    (sounds / "low" / "x.wav").write_bytes(b"no sound")
    with pytest.raises(ValueError, match="Could not read an audio file.*x.wav"):
        list(utils.audio_dataset_from_directory(sounds, verbose=False))
    for options in ({"sampling_rate": 1.5}, {"sampling_rate": 0}):
        with pytest.raises(ValueError, match="`sampling_rate` should"):
            utils.audio_dataset_from_directory(sounds, **options)
    with pytest.raises(ValueError, match="Cannot set both"):
        utils.audio_dataset_from_directory(sounds, ragged=True, output_sequence_length=3)


# ---------------------------------------------------------------- models


def branched_model(module):
    keras_layers = module.layers
    image_input = module.Input((8, 8, 1), name="image")
    other = module.Input((4,), name="other")
    x = keras_layers.Flatten()(image_input)
    left = keras_layers.Dense(4, activation="relu")(x)
    tower = module.Sequential(
        [module.Input((4,)), keras_layers.Dense(3), keras_layers.Dense(4)], name="tower"
    )
    joined = keras_layers.Add()([tower(left), other, left])
    model = module.Model([image_input, other], [keras_layers.Dense(1)(joined), joined])
    return model, joined


def test_get_source_inputs():
    for module in (torchkeras, keras):
        _, joined = branched_model(module)
        assert [x.name for x in module.utils.get_source_inputs(joined)] == ["image", "other"]
    assert utils.get_source_inputs(3) == 3


OPTIONS = [
    {},
    {"show_shapes": True, "show_layer_names": True, "rankdir": "LR"},
    {"show_dtype": True, "show_trainable": True, "show_layer_activations": True},
    {"expand_nested": True, "show_shapes": True, "rankdir": "BT"},
]


@pytest.mark.parametrize("options", OPTIONS)
def test_plot_model(tmp_path, options):
    model, _ = branched_model(torchkeras)
    model.layers[2].trainable = False
    assert utils.plot_model(model, tmp_path / "model.png", **options) is None
    with Image.open(tmp_path / "model.png") as picture:
        assert picture.format == "PNG" and min(picture.size) > 100
    utils.plot_model(model, str(tmp_path / "model.svg"), **options)
    root = ElementTree.parse(tmp_path / "model.svg").getroot()
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    lines = [element for element in root.iter() if element.tag.endswith("polyline")]
    inside = options.get("expand_nested", False)
    assert len(lines) == 7 + inside
    assert sum("Dense" in text for text in texts) == (4 if inside else 2)
    assert any("Sequential" in text for text in texts) != inside and ("tower" in texts) == inside
    if options.get("show_layer_names"):
        assert any(text.endswith(" (Add)") for text in texts)
        assert "Output shape: (None, 64)" in texts
    if options.get("show_dtype"):
        assert {"Trainable", "Non-trainable", "Activation: relu"} < {*texts}
        assert "Output dtype: float32" in texts


def test_plot_of_other_models(tmp_path):
    class Own(torchkeras.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    model = Own()
    with pytest.raises(ValueError, match="has not yet been built"):
        utils.plot_model(model, tmp_path / "x.png")
    model(np.ones((1, 3), "float32"))
    utils.plot_model(model, tmp_path / "own")
    with Image.open(tmp_path / "own") as picture:
        assert picture.format == "PNG"
    # A hundred layers fit into memory.
    deep = torchkeras.Sequential([torchkeras.Input((2,)), *(layers.Dense(2) for _ in range(100))])
    utils.plot_model(deep, tmp_path / "deep.jpg", show_shapes=True)
    shared = layers.Dense(2)
    x = torchkeras.Input((2,))
    utils.plot_model(torchkeras.Model(x, shared(shared(x))), tmp_path / "shared.svg")
    with pytest.raises(ValueError, match="there is no format 'xyz'"):
        utils.plot_model(deep, tmp_path / "deep.xyz")
    with pytest.raises(ValueError, match="`rankdir` must be one of"):
        utils.plot_model(deep, tmp_path / "deep.png", rankdir="XX")
    with pytest.raises(ValueError, match="no longer supported"):
        utils.plot_model(deep, tmp_path / "deep.png", layer_range=("a", "b"))


def test_model_to_dot():
    model, _ = branched_model(torchkeras)
    pydot = pytest.importorskip("pydot", reason="pydot is not installed")
    dot = utils.model_to_dot(model, show_shapes=True)
    assert isinstance(dot, pydot.Dot) and len(dot.get_edges()) == 7
    assert isinstance(utils.model_to_dot(model, subgraph=True), pydot.Cluster)


def test_model_to_dot_without_pydot(monkeypatch):
    model, _ = branched_model(torchkeras)
    monkeypatch.setitem(sys.modules, "pydot", None)
    with pytest.raises(ImportError, match="You must install pydot"):
        utils.model_to_dot(model)


# ---------------------------------------------------------------- configurations of Keras 2


def test_legacy_configurations():
    for value in (None, torchkeras.activations.relu, layers.Dense(2, name="d")):
        config = utils.legacy.serialize_keras_object(value)
        if value is None or callable(value) and hasattr(value, "__name__"):
            assert config in (None, "relu")
    assert config["class_name"] == "Dense" and config["config"]["units"] == 2
    layer = utils.legacy.deserialize_keras_object(config, vars(layers))
    assert isinstance(layer, layers.Dense) and layer.name == "d"
    relu = utils.legacy.deserialize_keras_object("relu", vars(torchkeras.activations))
    assert relu is torchkeras.activations.relu
    custom = {"Own": type("Own", (layers.Dense,), {})}
    made = utils.legacy.deserialize_keras_object(
        {"class_name": "Own", "config": {"units": 3}}, custom_objects=custom
    )
    assert type(made) is custom["Own"]
    with pytest.raises(ValueError, match="Unknown layer: 'Dens'. .*Did you mean 'Dense'"):
        utils.legacy.deserialize_keras_object("Dens", vars(layers), None, "layer")
    with pytest.raises(ValueError, match="Improper config format"):
        utils.legacy.deserialize_keras_object({"config": {}})
    with pytest.raises(ValueError, match="Cannot serialize"):
        utils.legacy.serialize_keras_object(3)


# ---------------------------------------------------------------- beside a training


def test_dataset_creator():
    creator = utils.DatasetCreator(lambda size, start=0: TEN.skip(start).take(size), "options")
    assert listed(creator(2, start=3)) == [3, 4] and creator.input_options == "options"
    with pytest.raises(TypeError, match="must be a `callable`"):
        utils.DatasetCreator(3)
    with pytest.raises(TypeError, match="must return a dataset"):
        utils.DatasetCreator(lambda: 3)()


def test_timed_thread():
    ticks = threading.Semaphore(0)

    class Clock(utils.TimedThread):
        def on_interval(self):
            ticks.release()

    clock = Clock(0.001, daemon=True, name="clock")
    assert not clock.is_alive()
    with clock:
        assert clock.is_alive() and clock.thread.name == "clock" and clock.thread.daemon
        assert ticks.acquire(timeout=30) and ticks.acquire(timeout=30)
    assert not clock.is_alive()
    clock.stop()
    with pytest.raises(NotImplementedError, match="a subclass"):
        utils.TimedThread(1).on_interval()


def test_steps_per_execution_tuner(monkeypatch):
    """The speed grows with the number up to 8, and falls beyond it."""

    class Number:
        value = 1

        def assign(self, value):
            self.value = value

        def __int__(self):
            return self.value

    class Optimizer:
        iterations = 0

    now = [0.0]
    monkeypatch.setattr("torchkeras.utils._watchers.time.monotonic", lambda: now[0])
    number = Number()
    tuner = utils.StepsPerExecutionTuner(Optimizer, number, interval=3600, change_spe_interval=2)
    tuner.start()
    seen = []
    for _ in range(20):
        now[0] += 1.0
        Optimizer.iterations += 100 * (number.value if number.value <= 8 else 4)
        tuner.on_interval()
        seen.append(tuner.steps_per_execution)
    tuner.stop()
    assert not tuner.is_alive()
    assert seen[:8] == [1, 2, 2, 4, 4, 8, 8, 16] and set(seen[8:]) <= {4, 8, 16}


def test_sidecar_evaluator(tmp_path, capsys):
    def make():
        model = torchkeras.Sequential([layers.Input((2,)), layers.Dense(1)])
        model.compile("sgd", "mse", metrics=["mae"])
        return model

    x, y = np.ones((4, 2)), np.ones((4, 1))
    trained, model = make(), make()
    trained.fit(x, y, verbose=0)
    trained.save_weights(tmp_path / "1.weights.h5")
    utils.SidecarEvaluator(model, Dataset.from_tensors((x, y)), tmp_path, max_evaluations=1).start()
    for ours, theirs in zip(model.get_weights(), trained.get_weights()):
        np.testing.assert_array_equal(ours, theirs)
    loss = trained.evaluate(x, y, verbose=0)[0]
    assert f"loss: {loss:.4f}" in capsys.readouterr().out


def test_source_inputs_of_a_call():
    first, second = layers.Input((2,)), layers.Input((2,))
    dense = layers.Dense(3)
    outputs = dense(first), dense(second)
    assert utils.get_source_inputs(outputs[1])[0] is second
    assert utils.get_source_inputs(outputs[1], dense, 0)[0] is first
