"""Images: data formats, single images, what Keras on torch gets wrong, errors."""

import inspect
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import scipy.ndimage
import torch

from compat_tests.cases.ops import IMAGES, real
from compat_tests.test_ops import alike, call, named
from torchkeras import Input, ops, random


def first(x):
    """channels_last as channels_first."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


PICTURE = real(2, 10, 12, 3, low=0, high=1)


@pytest.mark.parametrize("row", IMAGES, ids=str)
def test_images_in_both_data_formats(row):
    kwargs = {**row.kwargs, "data_format": "channels_first"}
    if "data_format" not in inspect.signature(named(ops, row.name)).parameters:
        return
    args = [first(a) if np.ndim(a) > 3 else a for a in row.args]
    last, other = call(ops, row, torch.tensor), named(ops, row.name)(*args, **kwargs)
    if row.name == "ssim":
        alike(other, last, 1e-4)
    else:
        channels = 3 if row.name == "sobel_edges" else -1
        alike(other, last.movedim(channels, 1), 2e-6)


@pytest.mark.parametrize("row", IMAGES, ids=str)
def test_one_image_is_a_batch_of_one(row):
    if np.ndim(row.args[0]) < 4 or row.name in ("sobel_edges", "scale_and_translate"):
        return
    args = [a[:1] if np.ndim(a) > 3 else a for a in row.args]
    args = [a[:1] if np.shape(a) == (2, 8) else a for a in args]
    alone = [a[0] if np.ndim(a) > 3 else a for a in args]
    alike(named(ops, row.name)(*alone, **row.kwargs), named(ops, row.name)(*args, **row.kwargs)[0])


def test_bicubic_is_the_same_with_and_without_antialias_where_images_grow():
    x = torch.tensor(PICTURE)
    with_filter = ops.image.resize(x, (25, 24), "bicubic", antialias=True)
    alike(ops.image.resize(x, (25, 24), "bicubic"), with_filter, 2e-6)


@pytest.mark.parametrize("antialias", (False, True))
@pytest.mark.parametrize("method", ("bilinear", "bicubic", "lanczos3", "lanczos5"))
def test_resize_is_scale_and_translate(method, antialias):
    x = torch.tensor(PICTURE)
    for size in ((7, 5), (21, 9)):
        scale = [size[0] / 10, size[1] / 12]
        expected = keras.ops.image.scale_and_translate(
            x, (2, *size, 3), scale, [0.0, 0.0], (1, 2), method, antialias
        )
        alike(ops.image.resize(x, size, method, antialias), expected, 5e-6)


def test_gaussian_blur_by_height_and_width():
    x = np.zeros((1, 9, 9, 1), "float32")
    x[0, 4, 4, 0] = 1
    y = ops.image.gaussian_blur(x, (3, 7), (0.5, 2.0))[0, ..., 0]
    assert (y.sum(1) > 0).sum() == 3 and (y.sum(0) > 0).sum() == 7
    spread = torch.exp(-0.5 * (torch.arange(-3.0, 4) / 2.0) ** 2)
    alike(y.sum(0)[1:8], spread / spread.sum(), 2e-6)
    assert ops.image.gaussian_blur(PICTURE, (4, 4)).shape == PICTURE.shape


def test_affine_transform_leaves_its_arguments_alone():
    transform = torch.tensor([1.0, 0.2, 0.5, 0.1, 1.0, -1.0, 0.0, 0.0])
    before = transform.clone()
    result = ops.image.affine_transform(PICTURE, transform)
    assert torch.equal(transform, before)
    # One transform serves a whole batch.
    both_images = ops.image.affine_transform(PICTURE, torch.stack([transform, transform]))
    alike(result, both_images)


def test_affine_transform_may_be_projective():
    transform = torch.tensor([[1.0, 0.1, 0.5, 0.1, 1.0, -1.0, 0.02, 0.01]])
    y, x = np.mgrid[0:10, 0:12].astype("float32")
    k = 0.02 * x + 0.01 * y + 1
    points = [(0.1 * x + y - 1) / k, (x + 0.1 * y + 0.5) / k]
    expected = ops.image.map_coordinates(PICTURE[0, ..., 0], points, 1)
    alike(ops.image.affine_transform(PICTURE[:1], transform)[0, ..., 0], expected, 2e-6)


def test_elastic_transform():
    x = torch.tensor(PICTURE)
    transform = ops.image.elastic_transform
    alike(transform(x, alpha=0.0), x)
    moved = transform(x, 30.0, 2.0, seed=3)
    assert moved.shape == x.shape and not torch.equal(moved, x)
    assert torch.equal(moved, transform(x, 30.0, 2.0, seed=3))
    assert not torch.equal(moved, transform(x, 30.0, 2.0, seed=4))
    other = transform(x.movedim(-1, 1), 30.0, 2.0, seed=3, data_format="channels_first")
    alike(other.movedim(1, -1), moved)
    assert transform(x[0], seed=3).shape == x.shape[1:]
    assert transform((x * 255).to(torch.uint8), seed=3).dtype is torch.uint8
    assert transform(Input((10, 12, 3)), seed=3).shape == (None, 10, 12, 3)


def test_elastic_transform_moves_as_far_as_in_keras():
    ramp = np.broadcast_to(np.arange(64.0, dtype="float32")[:, None, None], (40, 64, 64, 1)).copy()
    distances = []
    for library in (ops, keras.ops):
        moved = library.image.elastic_transform(
            torch.tensor(ramp), 20.0, 3.0, fill_mode="nearest", data_format="channels_last"
        )
        distances.append((moved - torch.tensor(ramp))[:, 10:-10, 10:-10].std().item())
    assert distances[0] == pytest.approx(distances[1], rel=0.1)


def image_errors(o):
    image = torch.ones(4, 5, 3)
    yield lambda: o.resize(torch.ones(3, 3), (2, 2))
    yield lambda: o.resize(image, (2, 2, 2))
    yield lambda: o.resize(image, (0, 2))
    yield lambda: o.resize(image, (2, 2), "x")
    yield lambda: o.resize(image, (2, 2), fill_mode="wrap")
    yield lambda: o.resize(image, (2, 2), crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    yield lambda: o.affine_transform(image, torch.ones(1, 2, 8))
    yield lambda: o.affine_transform(image, torch.ones(8), "x")
    yield lambda: o.affine_transform(image, torch.ones(8), fill_mode="x")
    yield lambda: o.perspective_transform(image, torch.ones(3, 2), torch.ones(4, 2))
    yield lambda: o.perspective_transform(image, torch.ones(4, 2), torch.ones(2, 4, 2))
    yield lambda: o.map_coordinates(image, torch.ones(2, 3), 1)
    yield lambda: o.map_coordinates(image, torch.ones(3, 3), 1, "x")
    yield lambda: o.rgb_to_grayscale(torch.ones(2, 2, 2))
    yield lambda: o.rgb_to_hsv(torch.ones(2, 2, 3).int())
    yield lambda: o.hsv_to_rgb(torch.ones(2, 2))
    yield lambda: o.gaussian_blur(torch.ones(2, 2))
    yield lambda: o.extract_patches(image, (1, 2, 3, 4))
    yield lambda: o.pad_images(image, 1, 1)
    yield lambda: o.pad_images(image, -1, 1, 1, 1)
    yield lambda: o.pad_images(image, 1, 1, None, 1, 2)
    yield lambda: o.crop_images(image, 1, 1, 1)
    yield lambda: o.crop_images(image, None, 1, 1, 1, 10)
    yield lambda: o.scale_and_translate(image, (2, 2, 3), [1.0], [0.0], (0,), "x")
    yield lambda: o.ssim(torch.ones(2, 2), torch.ones(2, 2))


def test_image_errors():
    pairs = zip(image_errors(ops.image), image_errors(keras.ops.image), strict=True)
    for i, (ours, theirs) in enumerate(pairs):
        with pytest.raises(ValueError):
            theirs()
        with pytest.raises(ValueError):
            ours()
            pytest.fail(f"nothing raised by call {i}")


def test_other_image_errors():
    for o in (ops.image, keras.ops.image):
        with pytest.raises(TypeError, match="Expected an int or a tuple"):
            o.extract_patches(torch.ones(4, 4, 3), "x")
        with pytest.raises(NotImplementedError, match="order<=1"):
            o.map_coordinates(torch.ones(3), torch.ones(1, 2), 2)


def test_unknown_sizes_may_be_padded_and_cropped_to_known_ones():
    x = Input((None, None, 3))
    assert ops.image.pad_images(x, 1, 1, None, None, 20, 20).shape == (None, 20, 20, 3)
    assert ops.image.pad_images(x, 1, 1, 1, 1).shape == (None, None, None, 3)
    assert ops.image.crop_images(x, 1, 1, None, None, 20, 20).shape == (None, 20, 20, 3)
    assert ops.image.resize(x, (5, 6)).shape == (None, 5, 6, 3)


# ------------------------------------------------------------------ where Keras on torch is wrong
GOLDEN = np.load(Path(__file__).parent / "golden" / "ops" / "images.npz")
# TensorFlow takes the weights of its bicubic without antialias from a table of 1,024.
TABLE = {("bicubic", False): 5e-4}


@pytest.mark.parametrize("key", [key for key in GOLDEN.files if key != "image"])
def test_equals_keras_on_tensorflow(key):
    """Keras on torch has another bicubic kernel, no Lanczos, and affine transforms that forget the
    last two numbers."""
    name, scale, arguments = json.loads(key)
    image = torch.tensor(GOLDEN["image"] * np.float32(scale))
    result = getattr(ops.image, name)(image, **arguments)
    rtol = TABLE.get((arguments.get("interpolation"), arguments.get("antialias")), 2e-6)
    alike(result, torch.tensor(GOLDEN[key]), rtol)


# SciPy's names of Keras's modes: outside is the fill value, with none of it mixed in by distance.
SCIPY_MODES = {"constant": "grid-constant", "wrap": "grid-wrap"}


@pytest.mark.parametrize("order", (0, 1))
@pytest.mark.parametrize("fill", ("constant", "nearest", "wrap", "mirror", "reflect"))
def test_map_coordinates_is_that_of_scipy(fill, order):
    picture = PICTURE[0, ..., 0]
    points = real(2, 60, low=-25.0, high=25.0)
    expected = scipy.ndimage.map_coordinates(
        picture, points, order=order, mode=SCIPY_MODES.get(fill, fill), cval=7.0
    )
    result = ops.image.map_coordinates(picture, points, order, fill, 7.0)
    alike(result, torch.tensor(expected), 2e-6)


@pytest.mark.parametrize("interpolation", ("nearest", "bilinear"))
@pytest.mark.parametrize("fill", ("constant", "nearest", "wrap", "mirror", "reflect"))
def test_affine_transform_takes_its_points_from_map_coordinates(fill, interpolation):
    a0, a1, a2, b0, b1, b2 = numbers = [1.3, 0.21, -2.53, 0.17, 1.4, -3.37]
    y, x = np.mgrid[0:10, 0:12].astype("float32")
    points = [b0 * x + b1 * y + b2, a0 * x + a1 * y + a2]
    order = ("nearest", "bilinear").index(interpolation)
    expected = ops.image.map_coordinates(PICTURE[0, ..., 1], points, order, fill, 5.0)
    result = ops.image.affine_transform(PICTURE, [*numbers, 0, 0], interpolation, fill, 5.0)
    alike(result[0, ..., 1], expected, 5e-6)


def test_ints_are_rounded_and_stay_in_range():
    image = np.zeros((1, 4, 4, 1), "uint8")
    image[:, :, 2:] = 255
    for method in ("bicubic", "lanczos3", "lanczos5"):
        # The filters swing beyond both ends of the edge.
        wide = ops.image.resize(image.astype("float32"), (9, 9), method)
        assert wide.min() < -1 and wide.max() > 256
        result = ops.image.resize(image, (9, 9), method)
        assert torch.equal(result, wide.round().clip(0, 255).to(torch.uint8))


def test_colours_through_hsv_and_back():
    grey = np.full((2, 2, 3), 0.4, "float32")
    assert ops.image.rgb_to_hsv(grey).tolist() == [[[0.0, 0.0, pytest.approx(0.4)]] * 2] * 2
    alike(ops.image.hsv_to_rgb(ops.image.rgb_to_hsv(PICTURE)), torch.tensor(PICTURE), 2e-6)
    x = torch.tensor(grey, requires_grad=True)
    ops.image.rgb_to_hsv(x).sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
@pytest.mark.parametrize("fill_mode", ["reflect", "constant", "nearest", "wrap"])
def test_elastic_transform_with_the_noise_of_keras(fill_mode, interpolation, monkeypatch):
    # Keras on torch forgets its seed, so both are given the same noise.
    x = np.random.default_rng(0).random((2, 9, 8, 3)).astype("float32")
    noise = torch.tensor(np.random.default_rng(1).normal(size=(2, 9, 8, 2)).astype("float32"))
    arguments = {"alpha": 3.0, "sigma": 1.2, "fill_mode": fill_mode, "fill_value": 0.3}
    arguments["interpolation"] = interpolation
    drawn = iter(noise.unbind(-1))
    with monkeypatch.context() as patch:
        patch.setattr(torch, "normal", lambda *args, **kwargs: next(drawn))
        theirs = keras.ops.image.elastic_transform(x, **arguments)
    monkeypatch.setattr(random, "normal", lambda *args, **kwargs: noise)
    ours = ops.image.elastic_transform(x, **arguments)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert (ours - torch.tensor(x)).abs().max() > 0.1


FILL_MODES = ("constant", "nearest", "wrap", "mirror", "reflect")


def slowly(monkeypatch, function, *args):
    """The same, without torch's kernel for it."""
    with monkeypatch.context() as patch:
        patch.setattr("torchkeras.ops.image._suits_kernel", lambda *args: False)
        return function(*args)


@pytest.mark.parametrize("size", [(40, 61), (1, 1), (2, 33), (64, 32)])
@pytest.mark.parametrize("fill", FILL_MODES)
def test_warping_by_torchs_kernel(fill, size, monkeypatch):
    images = torch.rand(2, *size, 3, requires_grad=True)
    transforms = torch.tensor(
        [[1.1, 0.3, -70.3, -0.2, 0.8, 90.7, 0.001, 0.002], [0.2, 0, 0.25, 0, 0.3, -0.75, 0, 0]]
    )

    def warped():
        result = ops.image.affine_transform(images, transforms, "bilinear", fill, 0.3)
        return result.detach(), torch.autograd.grad(result.square().sum(), images)[0]

    for found, expected in zip(warped(), slowly(monkeypatch, warped), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("fill", FILL_MODES)
def test_whole_pixels_stay_as_they_are(fill, monkeypatch):
    images = torch.rand(1, 37, 50, 3) * 1000
    shift = [1, 0, 7, 0, 1, -11, 0, 0]

    def shifted():
        return ops.image.affine_transform(images, shift, "bilinear", fill, 5.0)

    assert torch.equal(shifted(), slowly(monkeypatch, shifted))
    assert torch.equal(ops.image.affine_transform(images, [1, 0, 0, 0, 1, 0, 0, 0]), images)


def test_slopes_by_the_transform(monkeypatch):
    images = torch.rand(1, 9, 9, 1)
    transform = torch.tensor([1, 0.1, 0.3, 0, 1, 0, 0, 0], requires_grad=True)

    def slopes():
        result = ops.image.affine_transform(images, transform, "bilinear", "nearest")
        return torch.autograd.grad(result.square().sum(), transform)[0]

    assert slopes().abs().sum() > 0
    assert torch.equal(slopes(), slowly(monkeypatch, slopes))
