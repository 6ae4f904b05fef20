"""ImageDataGenerator and its iterators: beside arrays of Keras 2, and as the documentation says."""

import functools
import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pandas
import pytest
import torch
from PIL import Image

import torchkeras
from torchkeras import layers
from torchkeras.preprocessing import image
from torchkeras.preprocessing.image import ImageDataGenerator, Iterator

FOLDER = Path(__file__).parent / "golden" / "image_generator"


def golden_module():
    spec = importlib.util.spec_from_file_location("make_goldens", FOLDER / "make_goldens.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOLDEN = golden_module()
CASES = {name: case for name, *case in GOLDEN.cases()}


@functools.cache
def goldens():
    with np.load(FOLDER / "goldens.npz") as file:
        return dict(file)


# ---------------------------------------------------------------- beside Keras 2


@pytest.mark.parametrize("name", CASES)
def test_batches_of_keras_2(name):
    options, *kind = CASES[name]
    x = GOLDEN.images(options, *kind)
    ours = GOLDEN.batches(ImageDataGenerator(**options), options, x)
    expected = goldens()[name].astype("float64")
    assert ours.shape == expected.shape
    assert ours.dtype == options.get("dtype", "float32")
    # One grey level, of values whose range is that of the images; float16 takes an eighth of it.
    grey_level = max(np.ptp(expected) / 255, 1e-3)
    difference = np.abs(ours - expected)
    assert difference.max() <= grey_level
    assert np.median(difference) <= grey_level / 8


def test_a_seed_gives_the_parameters_of_keras_2():
    # Drawn by tf_keras 2.21 with `get_random_transform((10, 20, 3), seed=3)`; its tx is our ty.
    generator = ImageDataGenerator(
        rotation_range=40,
        width_shift_range=0.2,
        height_shift_range=3,
        shear_range=15,
        zoom_range=0.3,
        channel_shift_range=20,
        brightness_range=(0.5, 1.5),
        horizontal_flip=True,
        vertical_flip=True,
    )
    found = generator.get_random_transform((10, 20, 3), seed=3)
    expected = {
        "theta": 4.063832205966037,
        "tx": -1.6727620886964456,
        "ty": 1.0,
        "shear": 0.32482815592988956,
        "zx": 1.235768172608593,
        "zy": 1.237775853360063,
        "flip_horizontal": True,
        "flip_vertical": True,
        "channel_shift_intensity": -17.941311867966803,
        "brightness": 0.9408098436506365,
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-12, err_msg=name)


# ---------------------------------------------------------------- as documented


def spot(shape, row, column):
    x = np.zeros((*shape, 1), "float32")
    x[row, column] = 255
    return x


def place_of(x):
    return tuple(int(i) for i in np.argwhere(x[..., 0] == x.max())[0])


@pytest.mark.parametrize("shape", [(9, 21), (21, 9), (8, 20)])
def test_shifts_move_along_their_own_axis(shape):
    middle = shape[0] // 2, shape[1] // 2
    for name, axis in (("height_shift_range", 0), ("width_shift_range", 1)):
        generator = ImageDataGenerator(**{name: [3]}, fill_mode="constant")
        for seed in range(4):
            moved = generator.random_transform(spot(shape, *middle), seed)
            change = np.subtract(place_of(moved), middle)
            assert abs(change[axis]) == 3 and change[1 - axis] == 0
        # A share is one of that axis's own length.
        half = ImageDataGenerator(**{name: 0.5})
        parameters = [half.get_random_transform((*shape, 1), seed) for seed in range(50)]
        largest = max(abs(one["ty" if axis == 0 else "tx"]) for one in parameters)
        assert 0.45 * shape[axis] < largest <= 0.5 * shape[axis]


@pytest.mark.parametrize("shape", [(9, 21), (21, 9), (8, 20), (10, 10)])
def test_rotation_and_zoom_are_about_the_centre(shape):
    generator = ImageDataGenerator(fill_mode="constant", cval=-1.0)
    x = np.arange(float(np.prod(shape)), dtype="float32").reshape(*shape, 1)
    turned = ImageDataGenerator().apply_transform(x, {"theta": 180})
    np.testing.assert_allclose(turned, x[::-1, ::-1], atol=1e-3)
    for how in ({"zx": 1.5, "zy": 1.5}, {"theta": 90}, {"shear": 20}):
        changed = generator.apply_transform(x, how)
        rows, columns = np.nonzero(changed[..., 0] >= 0)
        # What is left of the image lies in the middle.
        assert abs(rows.min() + rows.max() - (shape[0] - 1)) <= 1
        assert abs(columns.min() + columns.max() - (shape[1] - 1)) <= 1


def test_rotation_is_counter_clockwise_and_shear_in_degrees():
    generator = ImageDataGenerator(fill_mode="constant")
    assert place_of(generator.apply_transform(spot((21, 21), 10, 15), {"theta": 90})) == (5, 10)
    flat = generator.apply_transform(spot((21, 21), 10, 10), {"shear": 0.2})
    assert place_of(flat) == (10, 10)


def test_zoom_above_one_makes_smaller():
    x = np.full((12, 12, 1), 7, "float32")
    for factor, filled in ((2.0, 36), (0.5, 144)):
        generator = ImageDataGenerator(zoom_range=(factor, factor), fill_mode="constant")
        assert (generator.random_transform(x) > 3).sum() == filled


@pytest.mark.parametrize("data_format", ["channels_first", "channels_last"])
def test_brightness_in_both_data_formats(data_format):
    x = np.full((3, 6, 5) if data_format == "channels_first" else (6, 5, 3), 100, "float32")
    generator = ImageDataGenerator(brightness_range=(0.5, 0.5), data_format=data_format)
    np.testing.assert_array_equal(generator.random_transform(x), 50)
    np.testing.assert_array_equal(generator.apply_transform(x, {"brightness": 0}), 0)
    np.testing.assert_array_equal(generator.apply_transform(x, {"brightness": 1}), 100)


def test_standardize_a_batch_and_in_place():
    x = np.random.rand(3, 4, 4, 2).astype("float32") * [[[[1]]], [[[2]]], [[[3]]]]
    x = x.astype("float32")
    generator = ImageDataGenerator(samplewise_center=True, samplewise_std_normalization=True)
    one = generator.standardize(x[1].copy())
    same = generator.standardize(x)
    assert np.shares_memory(same, x)
    np.testing.assert_allclose(same.mean((1, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(same.std((1, 2, 3)), 1, atol=1e-4)
    np.testing.assert_allclose(same[1], one, atol=1e-6)
    whole = ImageDataGenerator(rescale=0.5).standardize(np.full((2, 2, 1), 4, "uint8"))
    np.testing.assert_array_equal(whole, 2)


def test_statistics():
    x = np.random.rand(30, 5, 4, 3) * 9 + 5
    generator = ImageDataGenerator(
        featurewise_center=True, featurewise_std_normalization=True, rescale=0.5
    )
    generator.fit(x)
    np.testing.assert_allclose(generator.mean.ravel(), x.mean((0, 1, 2)) / 2, rtol=1e-5)
    np.testing.assert_allclose(generator.std.ravel(), x.std((0, 1, 2)) / 2, rtol=1e-5)
    done = next(generator.flow(x, batch_size=30, shuffle=False))
    np.testing.assert_allclose(done.mean((0, 1, 2)), 0, atol=1e-5)
    # Statistics that the user knows.
    generator.mean = np.array([1.0, 2.0, 3.0], "float32")
    generator.std = 1.0
    np.testing.assert_allclose(next(generator.flow(x, shuffle=False)), x / 2 - [1, 2, 3], rtol=1e-4)
    with pytest.warns(UserWarning, match="hasn't been fit"):
        ImageDataGenerator(featurewise_center=True).standardize(np.ones((2, 2, 1)))


@pytest.mark.parametrize("count", [200, 30])
def test_whitening_removes_correlation(count):
    x = np.random.randn(count, 6, 6, 1).cumsum(1).cumsum(2)
    with pytest.warns(UserWarning, match="zca_whitening.*featurewise_center"):
        generator = ImageDataGenerator(zca_whitening=True, dtype="float64")
    generator.fit(x)
    rows = next(generator.flow(x, batch_size=count, shuffle=False)).reshape(count, -1)
    spread = np.linalg.eigvalsh(rows.T @ rows / count)
    # One in each direction that the data has.
    np.testing.assert_allclose(spread[-min(count, 36) :], 1, atol=1e-3)


def test_fit_on_changed_images():
    x = np.random.rand(5, 6, 6, 1).astype("float32")
    options = {"featurewise_center": True, "horizontal_flip": True, "brightness_range": (0, 0)}
    generator = ImageDataGenerator(**options)
    generator.fit(x, augment=True, rounds=3, seed=1)
    assert generator.mean.item() == 0


# ---------------------------------------------------------------- iterators of arrays


def test_flow():
    x, y = np.arange(10.0).reshape(10, 1, 1, 1), np.arange(10)
    flow = ImageDataGenerator().flow(x, y, batch_size=4, shuffle=False, sample_weight=y * 2.0)
    assert (len(flow), flow.n, flow.batch_size, flow.batch_index) == (3, 10, 4, 0)
    assert flow.total_batches_seen == 0 and iter(flow) is flow
    sizes = []
    for _ in range(7):
        images, labels, weights = next(flow)
        np.testing.assert_array_equal(images.ravel(), labels)
        np.testing.assert_array_equal(weights, labels * 2)
        sizes.append(len(labels))
    assert sizes == [4, 4, 2, 4, 4, 2, 4]
    assert flow.batch_index == 1 and flow.total_batches_seen == 7
    flow.reset()
    assert flow.next()[1].tolist() == [0, 1, 2, 3]
    assert flow[2][1].tolist() == [8, 9]
    with pytest.raises(ValueError, match="Asked to retrieve element 3, but the Sequence"):
        flow[3]


def test_flow_shuffles_each_epoch():
    y = np.arange(50)
    flow = ImageDataGenerator().flow(y.reshape(-1, 1, 1, 1), y, batch_size=20, seed=4)
    epochs = [np.concatenate([next(flow)[1] for _ in range(3)]) for _ in range(2)]
    assert all(sorted(epoch) == y.tolist() for epoch in epochs)
    assert epochs[0].tolist() != epochs[1].tolist() != y.tolist()
    np.random.seed(4)
    np.testing.assert_array_equal(epochs[0], np.random.permutation(50))


def test_kinds_of_flows():
    x, y = np.random.rand(6, 4, 4, 3).astype("float32"), np.arange(6)
    generator = ImageDataGenerator()
    assert isinstance(next(generator.flow(x)), np.ndarray)
    more = [np.arange(6), np.arange(12).reshape(6, 2)]
    inputs, labels = next(generator.flow((x, more), y, batch_size=6, shuffle=False))
    assert len(inputs) == 3
    for part, expected in zip([*inputs, labels], [x, *more, y]):
        np.testing.assert_array_equal(part, expected)
    inputs = next(generator.flow((x, more[0]), batch_size=2, shuffle=False))
    assert len(inputs) == 2 and inputs[1].tolist() == [0, 1]
    as_tensor = next(generator.flow(torch.from_numpy(x), shuffle=False))
    np.testing.assert_array_equal(as_tensor, x)
    assert next(ImageDataGenerator(dtype="float64").flow(x)).dtype == np.float64
    on_device = next(ImageDataGenerator(device="cpu", rotation_range=3).flow(x))
    assert isinstance(on_device, torch.Tensor) and on_device.shape == (6, 4, 4, 3)
    bare = next(image.NumpyArrayIterator(x, None, None))
    np.testing.assert_array_equal(bare, x)


def test_parts_of_arrays():
    x, y = np.arange(10.0).reshape(10, 1, 1, 1), np.arange(10) % 2
    generator = ImageDataGenerator(validation_split=0.4)
    parts = {
        subset: next(generator.flow(x, y, shuffle=False, subset=subset))[0].ravel().tolist()
        for subset in ("validation", "training")
    }
    assert parts == {"validation": [0, 1, 2, 3], "training": [4, 5, 6, 7, 8, 9]}
    with pytest.raises(ValueError, match="different number of classes"):
        generator.flow(x, y > 0.5 * np.arange(10), subset="training")
    kept = generator.flow(x, np.arange(10), subset="training", ignore_class_split=True)
    assert kept.n == 6


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda g: g.flow(np.ones((2, 3, 3))), ValueError, "should have rank 4"),
        (lambda g: g.flow(np.ones((2, 3, 3, 1)), [1]), ValueError, "should have the same length"),
        (lambda g: g.flow(np.ones((2, 3, 3, 1)), subset="x"), ValueError, "Invalid subset name"),
        (lambda g: g.flow_from_directory(".", color_mode="x"), ValueError, "Invalid color mode"),
        (lambda g: g.flow_from_directory(".", class_mode="raw"), ValueError, "Invalid class_mode"),
        (lambda g: g.flow_from_directory(".", interpolation="x"), ValueError, "interpolation"),
        (lambda g: g.fit(np.ones((2, 3, 3))), ValueError, "should have rank 4"),
        (lambda g: ImageDataGenerator(zoom_range=[1, 2, 3]), ValueError, "`zoom_range` should be"),
        (lambda g: ImageDataGenerator(brightness_range=1), ValueError, "`brightness_range` should"),
        (lambda g: ImageDataGenerator(validation_split=1.5), ValueError, "strictly between 0 and"),
        (lambda g: ImageDataGenerator(data_format="x"), ValueError, "`data_format` should be"),
        (lambda g: ImageDataGenerator(fill_mode="x"), ValueError, "fill_mode"),
        (lambda g: Iterator(4, 2, False, None)[0], NotImplementedError, "must define"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call(ImageDataGenerator())


def test_channels_that_are_none():
    with pytest.warns(UserWarning, match="expected either 1, 3, or 4 channels"):
        ImageDataGenerator().flow(np.ones((2, 3, 3, 2)))
    with pytest.warns(UserWarning, match="expected either 1, 3 or 4 channels"):
        ImageDataGenerator(featurewise_center=True).fit(np.ones((2, 3, 3, 2)))


def test_save_to_dir(tmp_path):
    x = np.random.rand(3, 4, 4, 3)
    flow = ImageDataGenerator().flow(
        x, batch_size=3, shuffle=False, save_to_dir=tmp_path, save_prefix="a", save_format="jpeg"
    )
    next(flow)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert all(
        name.startswith(f"a_{i}_") and name.endswith(".jpeg") for i, name in enumerate(names)
    )


# ---------------------------------------------------------------- the order of random numbers


def batches_in_fit(flow, workers, processes=False):
    """What `fit` is given in two epochs."""
    seen = []

    class Keep(torchkeras.Model):
        def call(self, x):
            return x

        def train_step(self, data):
            seen.append(data[0].clone())
            return {"loss": 0.0}

    model = Keep()
    model.compile("sgd", "mse")
    flow.workers, flow.use_multiprocessing = workers, processes
    np.random.seed(11)
    torch.manual_seed(5)
    model.fit(flow, epochs=2, verbose=0)
    return torch.cat([batch.flatten(1) for batch in seen])


CHANGES = {"rotation_range": 60, "width_shift_range": 0.3, "brightness_range": (0.5, 1.5)}


@pytest.mark.parametrize("seed", [None, 3])
def test_any_number_of_workers_gives_the_same_batches(seed):
    x = np.random.rand(23, 8, 8, 3).astype("float32") * 255

    def made(workers, processes=False):
        flow = ImageDataGenerator(**CHANGES).flow(x, np.zeros(23), batch_size=4, seed=seed)
        return batches_in_fit(flow, workers, processes)

    alone = made(1)
    assert len(alone) == 46 and not torch.equal(alone[:23], alone[23:])
    for workers in (2, 5):
        assert torch.equal(made(workers), alone)
    assert torch.equal(made(2, processes=True), alone)


def test_a_random_function_gives_the_same_batches_too():
    x = np.random.rand(12, 6, 6, 1).astype("float32")

    def erase(picture):
        picture[np.random.randint(6)] = 0
        return picture

    def made(workers):
        options = {"preprocessing_function": erase, "horizontal_flip": True}
        flow = ImageDataGenerator(**options).flow(x, np.zeros(12), batch_size=4)
        return batches_in_fit(flow, workers)

    alone = made(1)
    assert (alone == 0).any(1).all()
    assert torch.equal(made(3), alone)


def test_threads_do_not_change_the_images():
    x = np.random.rand(9, 300, 300, 3).astype("float32")
    generator = ImageDataGenerator(**CHANGES, fill_mode="wrap")
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(next(generator.flow(x, seed=1)))
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    np.testing.assert_array_equal(*found)


def test_memory_of_batches_is_used_again_but_never_shared():
    x = np.random.rand(4, 300, 300, 3).astype("float32")
    flow = ImageDataGenerator(rotation_range=20).flow(x, batch_size=4, seed=1)
    places, first = set(), next(flow)
    kept, copy = first[1:, ::2], first.copy()  # a view, of what nobody else holds
    tensor = torch.from_numpy(next(flow))
    also = tensor.clone()
    del first
    for _ in range(6):
        batch = next(flow)
        places.add(batch.__array_interface__["data"][0])
        assert not np.shares_memory(batch, kept) and not np.shares_memory(batch, tensor.numpy())
        del batch
    assert len(places) == 1
    np.testing.assert_array_equal(kept, copy[1:, ::2])
    assert torch.equal(tensor, also)
    del kept
    again = next(flow), next(flow)
    assert len({batch.__array_interface__["data"][0] for batch in again} | places) == 2


@pytest.mark.parametrize("options", [{"rescale": 0.5}, {"rotation_range": 9, "rescale": 0.5}])
def test_large_images_in_predict(options):
    x = np.random.rand(6, 260, 260, 3).astype("float32")
    x.flags.writeable = False
    model = torchkeras.Sequential([layers.GlobalAveragePooling2D()])
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        flow = ImageDataGenerator(**options).flow(x, batch_size=6, seed=1, shuffle=False)
        found = model.predict(flow, steps=1, verbose=0)
    finally:
        torch.set_num_threads(before)
    flow = ImageDataGenerator(**options).flow(x, batch_size=6, seed=1, shuffle=False)
    np.testing.assert_allclose(found, flow[0].mean((1, 2)), rtol=1e-4)
    if "rotation_range" not in options:
        np.testing.assert_allclose(found, x.mean((1, 2)) / 2, rtol=1e-4)


def test_overridden_methods_are_used():
    class Own(ImageDataGenerator):
        def get_random_transform(self, img_shape, seed=None):
            return {"tx": 1}

        def apply_transform(self, x, transform_parameters):
            return x + transform_parameters["tx"]

        def standardize(self, x):
            return x * 2

    assert next(Own().flow(np.ones((2, 3, 3, 1)))).tolist() == np.full((2, 3, 3, 1), 4).tolist()

    class Pairs(image.NumpyArrayIterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array.tolist()

    own = Pairs(np.ones((5, 2, 2, 1)), None, ImageDataGenerator(), batch_size=2)
    assert (own[1], next(own), len(own)) == ([2, 3], [0, 1], 3)


def test_subclasses_add_to_batches():
    class Noted(image.NumpyArrayIterator):
        def _get_batches_of_transformed_samples(self, index_array):
            x, _ = super()._get_batches_of_transformed_samples(index_array)
            return x + 100, np.zeros(len(x))

    class Items(image.NumpyArrayIterator):
        def __getitem__(self, idx):
            x, y = super().__getitem__(idx)
            return x + 100, y

    x = np.arange(6.0).reshape(6, 1, 1, 1)
    for kind in (Noted, Items):
        for workers in (1, 2):
            flow = kind(x, np.zeros(6), ImageDataGenerator(), batch_size=4)
            assert flow[0][0].ravel().tolist() == [100, 101, 102, 103]
            seen = batches_in_fit(flow, workers).ravel().tolist()
            assert sorted(seen) == sorted([100.0 + i for i in range(6)] * 2)


def test_iterators_are_pickled():
    x = np.random.rand(6, 5, 5, 1)
    flow = ImageDataGenerator(rotation_range=20).flow(x, np.arange(6), batch_size=2, seed=2)
    next(flow)
    twin = pickle.loads(pickle.dumps(flow))
    for _ in range(4):
        for ours, theirs in zip(next(flow), next(twin)):
            np.testing.assert_array_equal(ours, theirs)


# ---------------------------------------------------------------- folders and frames


def save(path, mode="RGB", size=(12, 10), value=None, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(len(str(path.name)))
    shape = (size[1], size[0], *([] if mode in ("L", "P") else [len(mode)]))
    pixels = rng.integers(0, 256, shape, dtype=np.uint8)
    if value is not None:
        pixels[...] = value
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def pictures(tmp_path):
    """Classes a (5 files), b (3), one without files, and what is no picture."""
    for index in range(5):
        save(tmp_path / "a" / f"{index}.png", value=10 * index)
    save(tmp_path / "b" / "deep" / "er" / "x.jpg", value=200)
    save(tmp_path / "b" / "deep" / "y.PNG", value=201)
    save(tmp_path / "b" / "grüße 猫.bmp", value=202)
    (tmp_path / "empty").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("none")
    (tmp_path / "a" / "moving.gif").write_text("none")
    (tmp_path / "file.png").write_text("in no class")
    return tmp_path


def test_flow_from_directory(pictures, capsys):
    flow = ImageDataGenerator(rescale=1 / 255).flow_from_directory(
        pictures, target_size=(6, 7), batch_size=3, shuffle=False
    )
    assert "Found 8 images belonging to 3 classes." in capsys.readouterr().out
    assert flow.class_indices == {"a": 0, "b": 1, "empty": 2}
    assert flow.classes.tolist() == [0] * 5 + [1] * 3 and flow.classes.dtype == np.int32
    assert (flow.samples, flow.n, flow.num_classes, len(flow)) == (8, 8, 3, 3)
    assert flow.image_shape == (6, 7, 3) and flow.labels is flow.classes
    assert flow.filenames[-3:] == ["b/grüße 猫.bmp", "b/deep/y.PNG", "b/deep/er/x.jpg"]
    assert all(Path(path).is_file() for path in flow.filepaths)
    x, y = zip(*(next(flow) for _ in range(3)))
    x, y = np.concatenate(x), np.concatenate(y)
    assert x.shape == (8, 6, 7, 3) and x.dtype == y.dtype == np.float32
    np.testing.assert_array_equal(y.argmax(1), flow.classes)
    np.testing.assert_allclose(x[:, 0, 0, 0] * 255, [0, 10, 20, 30, 40, 202, 201, 200], atol=2)


@pytest.mark.parametrize("class_mode", ["categorical", "binary", "sparse", "input", None])
@pytest.mark.parametrize("color_mode", ["rgb", "rgba", "grayscale"])
def test_modes_of_folders(pictures, class_mode, color_mode):
    generator = ImageDataGenerator(horizontal_flip=True, data_format="channels_first")
    batch = next(
        generator.flow_from_directory(
            pictures, (4, 5), color_mode, classes=["b", "a"], class_mode=class_mode, seed=1
        )
    )
    images = batch if class_mode is None else batch[0]
    assert images.shape == (8, {"rgb": 3, "rgba": 4, "grayscale": 1}[color_mode], 4, 5)
    is_a = images[:, 0, 0, 0] < 100
    if class_mode == "input":
        np.testing.assert_array_equal(batch[1], images)
        assert not np.shares_memory(batch[1], images)
    elif class_mode == "categorical":
        np.testing.assert_array_equal(batch[1], np.stack([~is_a, is_a], 1))
    elif class_mode is not None:
        assert batch[1].dtype == np.float32
        np.testing.assert_array_equal(batch[1], is_a)


def test_parts_of_folders(pictures):
    generator = ImageDataGenerator(validation_split=0.4)
    parts = {
        subset: generator.flow_from_directory(pictures, subset=subset).filenames
        for subset in ("validation", "training")
    }
    assert parts["validation"] == ["a/0.png", "a/1.png", "b/grüße 猫.bmp"]
    assert parts["training"] == [
        "a/2.png", "a/3.png", "a/4.png", "b/deep/y.PNG", "b/deep/er/x.jpg",
    ]  # fmt: skip


def test_links(pictures, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    save(other / "linked.png")
    (pictures / "a" / "more").symlink_to(other)
    generator = ImageDataGenerator()
    assert generator.flow_from_directory(pictures).samples == 8
    found = generator.flow_from_directory(pictures, follow_links=True).filenames
    assert "a/more/linked.png" in found and len(found) == 9


def test_nothing_found(tmp_path):
    (tmp_path / "a").mkdir()
    flow = ImageDataGenerator().flow_from_directory(tmp_path, (4, 4))
    assert (len(flow), flow.samples, flow.class_indices) == (0, 0, {"a": 0})
    assert next(flow)[0].shape == (0, 4, 4, 3)
    with pytest.raises(FileNotFoundError):
        ImageDataGenerator().flow_from_directory(tmp_path / "missing")


def test_kinds_of_files(tmp_path):
    folder = tmp_path / "one"
    folder.mkdir()
    Image.fromarray(np.full((6, 6), 40000, "uint16")).save(folder / "16-bit.png")
    palette = Image.fromarray(np.full((6, 6, 3), (10, 200, 30), "uint8")).quantize(4)
    palette.save(folder / "palette.png")
    save(folder / "grey.jpg", "L", value=77)
    exif = Image.Exif()
    exif[274] = 6  # to be turned by a viewer
    save(folder / "turned.jpg", size=(8, 4), exif=exif)
    flow = ImageDataGenerator().flow_from_directory(
        tmp_path, (6, 6), class_mode=None, shuffle=False
    )
    found = dict(zip(flow.filenames, next(flow)))
    for name, picture in found.items():  # as `load_img` reads them
        expected = np.asarray(image.load_img(tmp_path / name, target_size=(6, 6)))
        np.testing.assert_array_equal(picture, expected)
    np.testing.assert_allclose(found["one/palette.png"][0, 0], (10, 200, 30), atol=2)
    np.testing.assert_allclose(found["one/grey.jpg"][0, 0], 77, atol=2)
    grey = ImageDataGenerator().flow_from_directory(
        tmp_path, (6, 6), "grayscale", class_mode=None, shuffle=False
    )
    assert next(grey)[0].max() == 40000


@pytest.mark.parametrize("content", [b"", b"no picture", "cut"])
def test_broken_files_are_named(tmp_path, content):
    path = save(tmp_path / "a" / "broken.jpg", size=(60, 60))
    path.write_bytes(path.read_bytes()[:700] if content == "cut" else content)
    flow = ImageDataGenerator().flow_from_directory(tmp_path, (4, 4))
    with pytest.raises(OSError, match="Could not read an image file: .*broken.jpg"):
        next(flow)


def test_huge_images_are_refused(tmp_path, monkeypatch):
    save(tmp_path / "a" / "huge.png", size=(50, 50))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    flow = ImageDataGenerator().flow_from_directory(tmp_path, (4, 4))
    with pytest.raises(OSError, match="exceeds limit.*huge.png"):
        next(flow)


@pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning")  # of theirs
@pytest.mark.parametrize("subset", ["training", "validation"])
def test_parts_as_in_keras_2(subset):
    from keras._tf_keras.keras.preprocessing.image import ImageDataGenerator as Theirs

    x, y = np.random.rand(10, 8, 8, 3).astype("float32"), np.arange(10) % 2
    batches = []
    for generator_class in (ImageDataGenerator, Theirs):
        generator = generator_class(validation_split=0.4, horizontal_flip=True, zoom_range=0.2)
        batches.append(next(generator.flow(x, y, batch_size=5, seed=3, subset=subset)))
    (x, y), (their_x, their_y) = batches
    np.testing.assert_allclose(x, their_x, atol=1 / 255)
    np.testing.assert_array_equal(y, their_y)


def test_huge_images_are_refused_in_datasets(tmp_path, monkeypatch):
    save(tmp_path / "a" / "huge.png", size=(50, 50))
    dataset = torchkeras.utils.image_dataset_from_directory(tmp_path, verbose=False)
    assert next(iter(dataset))[0].shape == (1, 256, 256, 3)  # a class of one image
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="exceeds limit.*huge.png"):
        next(iter(dataset))


def test_images_are_changed_after_they_were_read_ahead(pictures):
    options = {"target_size": (6, 6), "class_mode": None, "batch_size": 3, "shuffle": False}
    plain = ImageDataGenerator().flow_from_directory(pictures, **options)
    generator = ImageDataGenerator(rescale=0.5)
    flow = generator.flow_from_directory(pictures, **options)
    np.testing.assert_array_equal(next(flow), next(plain) / 2)
    generator.brightness_range = (0, 0)
    assert next(plain).max() > 0 and next(flow).max() == 0
    generator.brightness_range = None
    np.testing.assert_array_equal(next(flow), next(plain) / 2)


def test_ratio_and_interpolation(tmp_path):
    path = save(tmp_path / "a" / "x.png", size=(20, 10))
    for keep in (False, True):
        flow = ImageDataGenerator().flow_from_directory(
            tmp_path, (6, 6), class_mode=None, interpolation="bilinear", keep_aspect_ratio=keep
        )
        expected = image.load_img(path, "rgb", (6, 6), "bilinear", keep)
        np.testing.assert_array_equal(next(flow)[0], np.asarray(expected))


def test_files_are_read_ahead_in_any_order(pictures, monkeypatch):
    reads = []
    load = image.DirectoryIterator._load
    monkeypatch.setattr(
        image.DirectoryIterator,
        "_load",
        lambda self, index: reads.append(index) or load(self, index),
    )
    flow = ImageDataGenerator().flow_from_directory(
        pictures, (4, 4), class_mode="sparse", batch_size=2, shuffle=False
    )
    first = batches_in_fit(flow, 1)
    assert len(first) == 16
    # Two epochs in shuffled orders: nothing is read twice, beside one guess after each epoch.
    assert 16 <= len(reads) <= 20, reads
    np.testing.assert_array_equal(next(flow)[1], [0, 0])


def test_flow_from_dataframe(pictures):
    frame = pandas.DataFrame(
        {
            "filename": ["a/0.png", "a/1.png", "b/deep/y.PNG", "gone.png", "a/notes.txt"],
            "class": ["x", "z", "x", "x", "y"],
            "size": [1.0, 2.0, 3.0, 4.0, 5.0],
            "tags": [["m", "n"], "n", ["m"], "m", "n"],
        }
    )
    generator = ImageDataGenerator(validation_split=0.4)
    common = {"target_size": (4, 4), "shuffle": False}
    with pytest.warns(UserWarning, match="Found 2 invalid image filename"):
        flow = generator.flow_from_dataframe(frame, pictures, weight_col="size", **common)
    assert flow.class_indices == {"x": 0, "z": 1} and flow.classes == [0, 1, 0]
    assert flow.filenames == ["a/0.png", "a/1.png", "b/deep/y.PNG"] and flow.samples == 3
    x, y, weights = next(flow)
    np.testing.assert_array_equal(y, [[1, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(weights, [1, 2, 3])
    np.testing.assert_allclose(x[:, 0, 0, 0], [0, 10, 201], atol=2)

    frame = frame[:3]

    def targets(**options):
        flow = generator.flow_from_dataframe(frame, str(pictures), **common, **options)
        batch = next(flow)
        return batch[1] if isinstance(batch, tuple) else None

    np.testing.assert_array_equal(targets(class_mode="binary"), [0, 1, 0])
    np.testing.assert_array_equal(targets(class_mode="sparse", classes=["z", "x"]), [1, 0, 1])
    np.testing.assert_array_equal(targets(class_mode="sparse", classes=["x"]), [0, 0])
    np.testing.assert_array_equal(targets(class_mode="raw", y_col="size"), [1, 2, 3])
    np.testing.assert_array_equal(targets(class_mode="raw", y_col=["size", "size"])[2], [3, 3])
    np.testing.assert_array_equal(targets(y_col="tags"), [[1, 1], [0, 1], [1, 0]])
    first, second = targets(class_mode="multi_output", y_col=["size", "class"])
    np.testing.assert_array_equal(first, [1, 2, 3])
    assert second.tolist() == ["x", "z", "x"]
    assert targets(class_mode=None) is None and targets(class_mode="input").shape == (3, 4, 4, 3)
    np.testing.assert_array_equal(targets(class_mode="sparse", subset="validation"), [0])
    np.testing.assert_array_equal(targets(class_mode="sparse", subset="training"), [1, 0])
    absolute = frame.assign(filename=[str(pictures / name) for name in frame["filename"]])
    assert generator.flow_from_dataframe(absolute, **common).samples == 3
    with pytest.warns(DeprecationWarning, match="has_ext is deprecated"):
        generator.flow_from_dataframe(frame, pictures, has_ext=True)
    with pytest.warns(DeprecationWarning, match='"other" is deprecated'):
        assert targets(class_mode="other", y_col="size").tolist() == [1, 2, 3]
    with pytest.warns(UserWarning, match="Found 3 invalid image filename"):
        nothing = generator.flow_from_dataframe(frame, pictures / "a", **common)
    assert (len(nothing), nothing.samples, nothing.class_indices) == (0, 0, {})
    unseen = pandas.DataFrame({"filename": ["gone.png"], "class": ["x"]})
    assert generator.flow_from_dataframe(unseen, validate_filenames=False).samples == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"class_mode": "multi_output"}, TypeError, "y_col must be a list"),
        ({"x_col": "size"}, TypeError, "must be strings"),
        ({"class_mode": "sparse", "y_col": "size"}, TypeError, "must be strings|values must be"),
        ({"y_col": "size"}, TypeError, "type string, list or tuple"),
        ({"class_mode": "binary", "classes": ["x"]}, ValueError, "there must be 2 classes"),
        ({"weight_col": "class"}, TypeError, "must be numeric"),
        ({"class_mode": "nothing"}, ValueError, "Invalid class_mode"),
        ({"sorted": True}, TypeError, "Unrecognized keyword arguments"),
    ],
)
def test_errors_of_frames(options, error, message):
    frame = pandas.DataFrame({"filename": ["a", "b"], "class": ["x", "y"], "size": [1, 2]})
    with pytest.raises(error, match=message):
        ImageDataGenerator().flow_from_dataframe(frame, validate_filenames=False, **options)


@pytest.mark.tiny
def test_training(pictures):
    model = torchkeras.Sequential(
        [layers.Input((6, 6, 3)), layers.Flatten(), layers.Dense(1, activation="sigmoid")]
    )
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    generator = ImageDataGenerator(rescale=1 / 255, rotation_range=20, validation_split=0.4)
    common = {"target_size": (6, 6), "class_mode": "binary", "batch_size": 2}
    train = generator.flow_from_directory(pictures, subset="training", **common)
    test = generator.flow_from_directory(pictures, subset="validation", shuffle=False, **common)
    history = model.fit(train, validation_data=test, epochs=2, verbose=0)
    assert len(history.history["val_accuracy"]) == 2
    assert model.predict(test, verbose=0).shape == (3, 1)
    assert len(model.evaluate(test, verbose=0)) == 2
    # Epochs of another length than the data go on with the next pass, as in Keras 1 and 2.
    train = generator.flow_from_directory(pictures, subset="training", **common)
    model.fit(train, steps_per_epoch=2, epochs=5, verbose=0)
    assert train.total_batches_seen in (10, 11)

    def endless():  # as with images and masks in two iterators of one seed
        while True:
            yield next(train)

    model.fit(endless(), steps_per_epoch=3, shuffle=False, verbose=0)


def test_pairs_of_one_seed():
    x = np.random.rand(6, 8, 8, 1).astype("float32") * 255
    options = {"rotation_range": 90, "zoom_range": 0.3, "horizontal_flip": True}
    pair = [ImageDataGenerator(**options).flow(part, seed=9) for part in (x, x / 255)]
    for _ in range(3):
        images, masks = (next(flow) for flow in pair)
        np.testing.assert_allclose(images / 255, masks, atol=1e-5)


@pytest.mark.gpu
def test_on_cuda():
    x = np.random.rand(6, 30, 40, 3).astype("float32") * 255
    for fill_mode in ("nearest", "reflect", "wrap", "constant"):
        options = {**CHANGES, "zoom_range": 0.4, "fill_mode": fill_mode}
        here, there = (
            next(ImageDataGenerator(**options, device=device).flow(x, seed=1))
            for device in ("cpu", "cuda")
        )
        assert there.device.type == "cuda"
        assert (here - there.cpu()).abs().max() < 1
