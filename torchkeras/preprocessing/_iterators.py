"""Endless batches of images from arrays and files, each image changed at random."""

import os
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from torchkeras import config
from torchkeras._data.dataset import PyDataset
from torchkeras._errors import one_of, received, warn
from torchkeras.callbacks._progbar import print_message
from torchkeras.preprocessing._threads import Coming, decode_in_threads
from torchkeras.utils._image import PIL_INTERPOLATIONS, array_to_img, load_img

__all__ = ["DataFrameIterator", "DirectoryIterator", "Iterator", "NumpyArrayIterator"]


# As many decoded batches are kept: the one that is made, the next, and one asked for out of turn.
_BATCHES_AHEAD = 3

_NOT_PICKLED = ("lock", "index_generator", "_decoding")


class Iterator(PyDataset):
    """Base class of endless batches of images, which are also a `PyDataset` of one epoch.

    `next(iterator)` goes through the samples again and again; `iterator[i]` is batch `i` of the
    epoch. A subclass defines `_get_batches_of_transformed_samples(index_array)`.

    Args:
        n: number of samples.
        batch_size: samples of a batch; the last one of an epoch may have fewer.
        shuffle: another order in each epoch.
        seed: for numpy's global generator: it is set to `seed` plus the number of batches made
            before, ahead of every batch.

    Attributes:
        batch_index: the batch of the epoch that `next` gives next.
        total_batches_seen: batches made so far.
        index_array: the order of the samples in this epoch; None before the first.
    """

    white_list_formats = ("png", "jpg", "jpeg", "bmp", "ppm", "tif", "tiff")
    _is_endless = True

    def __init__(self, n, batch_size, shuffle, seed):
        super().__init__()
        self.n = n
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        self.batch_index = 0
        self.total_batches_seen = 0
        self.lock = threading.Lock()
        self.index_array = None
        self.index_generator = self._flow_index()

    def __len__(self):
        return -(-self.n // self.batch_size)

    def __getitem__(self, idx):
        with self.lock:
            plan = self._drawn(idx)
            self._look_ahead(self._chunk(idx + 1))
        return self._make(plan)

    def __iter__(self):
        return self

    def __next__(self):
        return self.next()

    def next(self):
        """The next batch."""
        with self.lock:
            samples = next(self.index_generator)
            self._look_ahead(samples)
            plan = self._planned(samples)
            if self.batch_index:
                self._look_ahead(self._chunk(self.batch_index))
        return self._make(plan)

    def reset(self):
        """Start a new epoch with the next batch."""
        self.batch_index = 0

    def on_epoch_end(self):
        """Draw the order of the next epoch."""
        self._set_index_array()

    def _set_index_array(self):
        self.index_array = np.random.permutation(self.n) if self.shuffle else np.arange(self.n)

    def _chunk(self, index: int) -> np.ndarray:
        return self.index_array[self.batch_size * index : self.batch_size * (index + 1)]

    def _start_batch(self) -> None:
        """Set the random numbers of the next batch."""
        if self.seed is not None:
            np.random.seed(self.seed + self.total_batches_seen)
        self.total_batches_seen += 1

    def _flow_index(self) -> Iterable[np.ndarray]:
        """The samples of the batches that `next` gives."""
        while True:
            self._start_batch()
            if self.batch_index == 0 or self.index_array is None:
                self._set_index_array()
            samples = self._chunk(self.batch_index)
            self.batch_index = (self.batch_index + 1) % max(len(self), 1)
            yield samples

    def _expect(self, index: int | None) -> None:
        if index is not None and self.index_array is not None:
            self._look_ahead(self._chunk(index))

    def _look_ahead(self, index_array: np.ndarray) -> None:
        """Begin to load the samples of a batch that will be asked for soon."""

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name not in _NOT_PICKLED}

    def __setstate__(self, state):
        vars(self).update(state)
        self.lock = threading.Lock()
        self.index_generator = self._flow_index()

    # A batch is drawn, in turn, and then made, which may happen beside others. What is drawn can
    # be pickled.

    def _draw(self, index: int) -> Any:
        # A subclass with a `__getitem__` of its own is asked for the whole batch.
        is_own = type(self).__getitem__ is Iterator.__getitem__
        return self._drawn(index) if is_own else index

    def _drawn(self, index: int) -> Any:
        if not 0 <= index < len(self):
            raise ValueError(
                f"Asked to retrieve element {index}, but the Sequence has length {len(self)}. "
                + received(idx=index)
            )
        self._start_batch()
        if self.index_array is None:
            self._set_index_array()
        return self._planned(self._chunk(index))

    def _planned(self, index_array: np.ndarray) -> Any:
        return index_array

    def _make(self, drawn: Any) -> Any:
        is_index = isinstance(drawn, int)
        return self[drawn] if is_index else self._get_batches_of_transformed_samples(drawn)

    def _get_batches_of_transformed_samples(self, index_array):
        """The batch of the samples with these numbers."""
        raise NotImplementedError(
            f"{type(self).__name__} must define `_get_batches_of_transformed_samples`."
        )


class _Plan(NamedTuple):
    """What is drawn at random for a batch."""

    index_array: np.ndarray
    parameters: list[dict[str, Any]]
    file_numbers: list[int]  # in the names of saved images
    images: Any = None  # where they had to be made at once


class _Loading(NamedTuple):
    """The images of a batch on their way."""

    images: list[Any]  # arrays, or those to come
    batch: np.ndarray | None = None  # of which they become the rows, if they are only standardized


class _ImageIterator(Iterator):
    """Batches of images of one shape that an `ImageDataGenerator` changes."""

    largest_file_number = 10**7

    # Whether the generator's preprocessing function draws from numpy's global generator too; then
    # its numbers and those of the changes are drawn image by image. None as long as unknown.
    _is_function_random: bool | None = None

    def _load(self, index: int) -> np.ndarray:
        """The image of a sample, in the data format."""
        raise NotImplementedError

    def _batch_of(self, images: Any, index_array: np.ndarray) -> Any:
        """A batch with the targets of samples."""
        raise NotImplementedError

    def _image_shape(self) -> tuple[int, ...]:
        raise NotImplementedError

    def _get_batches_of_transformed_samples(self, index_array):
        return self._finished(self._plan(index_array))

    def _is_planned(self) -> bool:
        """Whether no subclass makes its batches in its own way."""
        own = _ImageIterator._get_batches_of_transformed_samples
        return type(self)._get_batches_of_transformed_samples is own

    def _planned(self, index_array):
        return self._plan(index_array) if self._is_planned() else index_array

    def _plan(self, index_array: np.ndarray) -> _Plan:
        images = None
        before = np.random.get_state()
        parameters = [self._parameters() for _ in index_array]
        is_called = getattr(self.image_data_generator, "preprocessing_function", None) is not None
        if is_called and self._is_function_random is not False and len(index_array):
            drawn = np.random.get_state()
            images = self._images(index_array, parameters)
            self._is_function_random = not _is_same(drawn, np.random.get_state())
            if self._is_function_random:
                np.random.set_state(before)
                images = self._images_in_turn(index_array)
        numbers = [0] * len(index_array)
        if self.save_to_dir:
            numbers = [np.random.randint(self.largest_file_number) for _ in index_array]
        return _Plan(index_array, parameters, numbers, images)

    def _parameters(self) -> dict[str, Any]:
        generator = self.image_data_generator
        return generator.get_random_transform(self._image_shape()) if generator else {}

    def _images(self, index_array: np.ndarray, parameters: list[dict]) -> Any:
        waiting, batch = self._loading(index_array)

        def load(position):
            image = waiting[position]
            return image.result() if isinstance(image, Coming) else image

        if self.image_data_generator:
            shape = self._image_shape()
            return self.image_data_generator.make_batch(load, parameters, shape, batch)
        images = np.empty((len(index_array), *self._image_shape()), self.dtype)
        for position in range(len(images)):
            images[position] = load(position)
        return images

    def _images_in_turn(self, index_array: np.ndarray) -> Any:
        """Images of which each is drawn and made before the next one."""
        images = [
            self._images(index_array[position : position + 1], [self._parameters()])
            for position in range(len(index_array))
        ]
        is_tensor = isinstance(images[0], Tensor)
        return torch.cat(images) if is_tensor else np.concatenate(images)

    def _loading(self, index_array: np.ndarray) -> _Loading:
        return _Loading([self._load(index) for index in index_array])

    def _make(self, drawn):
        return self._finished(drawn) if isinstance(drawn, _Plan) else super()._make(drawn)

    def _finished(self, plan: _Plan) -> Any:
        images = plan.images
        if images is None:
            images = self._images(plan.index_array, plan.parameters)
        if self.save_to_dir:
            self._save(images, plan)
        return self._batch_of(images, plan.index_array)

    def _save(self, images: Any, plan: _Plan) -> None:
        for image, index, number in zip(images, plan.index_array, plan.file_numbers):
            name = f"{self.save_prefix}_{index}_{number}.{self.save_format}"
            picture = array_to_img(image, self.data_format, scale=True)
            picture.save(os.path.join(self.save_to_dir, name))


def _is_same(state: tuple, other: tuple) -> bool:
    """Whether two states of numpy's generator are equal."""
    return state[2:] == other[2:] and np.array_equal(state[1], other[1])


def _check_subset(subset: str | None) -> None:
    if subset not in ("training", "validation", None):
        raise ValueError(
            'Invalid subset name; expected "training" or "validation". ' + received(subset=subset)
        )


class NumpyArrayIterator(_ImageIterator):
    """Endless batches of an array of images, each changed at random.

    A batch is `x`, `(x, y)` or `(x, y, sample_weight)`.

    Args:
        x: images (n, height, width, channels), or a pair of them and an array, or a list of
            arrays, which are passed on as they are: then the inputs are a list.
        y: targets (n, ...), or None for none.
        image_data_generator: an `ImageDataGenerator`; None to leave the images as they are.
        batch_size: samples of a batch.
        shuffle: another order in each epoch.
        sample_weight: weights (n,).
        seed: see `Iterator`.
        data_format: by default `image_data_format`.
        save_to_dir: folder into which the images are also written.
        save_prefix: of the names of these files.
        save_format: ending of these files.
        subset: "training" or "validation" for a part of the images, of which those for
            validation come first; their share is the generator's `validation_split`.
        ignore_class_split: allow parts with different sets of targets.
        dtype: of the images; by default `floatx`.
    """

    largest_file_number = 10**4

    def __init__(
        self,
        x,
        y,
        image_data_generator,
        batch_size=32,
        shuffle=False,
        sample_weight=None,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        ignore_class_split=False,
        dtype=None,
    ):
        self.dtype = dtype or config.floatx()
        self.data_format = config.standardize_data_format(data_format)
        x, misc = (x[0], x[1]) if isinstance(x, (tuple, list)) else (x, [])
        misc = [_array(part) for part in (misc if isinstance(misc, list) else [misc])]
        images = _array(x)
        named = {"y": y, "sample_weight": sample_weight}
        named = {name: None if part is None else _array(part) for name, part in named.items()}
        for name, part in [*named.items(), *(("x[?]", part) for part in misc)]:
            if part is not None and len(part) != len(images):
                raise ValueError(
                    f"All of the arrays should have the same length: `x` (images tensor) and "
                    f"`{name}`. Received: x.shape={images.shape}, {name}.shape={part.shape}"
                )
        _check_subset(subset)
        if subset is not None:
            cut = int(len(images) * image_data_generator._validation_split)
            if named["y"] is not None and not ignore_class_split:
                _check_classes_of_parts(named["y"], cut)
            part = slice(cut) if subset == "validation" else slice(cut, None)
            images, misc = images[part], [array[part] for array in misc]
            named = {k: None if array is None else array[part] for k, array in named.items()}
        self.x = np.asarray(images, dtype=self.dtype)
        if self.x.ndim != 4:
            raise ValueError(
                "Input data in `NumpyArrayIterator` should have rank 4. You passed an array with "
                f"shape {self.x.shape}. {received(shape=self.x.shape)}"
            )
        axis = 3 if self.data_format == "channels_last" else 1
        if self.x.shape[axis] not in (1, 3, 4):
            warn(
                f'NumpyArrayIterator is set to use the data format convention "{self.data_format}" '
                f"(channels on axis {axis}), i.e. expected either 1, 3, or 4 channels on axis "
                f"{axis}. Received: an array of shape {self.x.shape}"
            )
        self.x_misc = misc
        self.y = named["y"]
        self.sample_weight = named["sample_weight"]
        self.image_data_generator = image_data_generator
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        super().__init__(len(self.x), batch_size, shuffle, seed)

    def _image_shape(self):
        return self.x.shape[1:]

    def _load(self, index):
        return self.x[index]

    def _batch_of(self, images, index_array):
        inputs = [images, *(part[index_array] for part in self.x_misc)] if self.x_misc else images
        if self.y is None:
            return inputs
        batch = inputs, self.y[index_array]
        if self.sample_weight is None:
            return batch
        return *batch, self.sample_weight[index_array]


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)


def _check_classes_of_parts(y: np.ndarray, cut: int) -> None:
    if not np.array_equal(np.unique(y[:cut]), np.unique(y[cut:])):
        raise ValueError(
            "Training and validation subsets have different number of classes after the split. If "
            "your numpy arrays are sorted by the label, you might want to shuffle them. "
            f"Received: {cut} samples for validation"
        )


# ---- files


class _FileIterator(_ImageIterator):
    """Batches of image files; threads decode those of the next batch ahead.

    A subclass sets `class_mode`, `classes` (class numbers), `class_indices` and `filenames`.
    """

    _sample_weight = None
    _class_modes: tuple[str | None, ...] = ()

    def set_processing_attrs(
        self,
        image_data_generator,
        target_size,
        color_mode,
        data_format,
        save_to_dir,
        save_prefix,
        save_format,
        subset,
        interpolation,
        keep_aspect_ratio,
    ):
        """Check and keep what files are read and written with; see the class."""
        channels = {"grayscale": 1, "rgb": 3, "rgba": 4}
        if color_mode not in channels:
            raise ValueError(
                'Invalid color mode; expected "rgb", "rgba", or "grayscale". '
                + received(color_mode=color_mode)
            )
        _check_subset(subset)
        self.image_data_generator = image_data_generator
        self.target_size = tuple(target_size)
        self.color_mode = color_mode
        self.data_format = config.standardize_data_format(data_format)
        is_first = self.data_format == "channels_first"
        depth = (channels[color_mode],)
        self.image_shape = depth + self.target_size if is_first else self.target_size + depth
        self.save_to_dir = save_to_dir
        self.save_prefix = save_prefix
        self.save_format = save_format
        self.subset = subset
        self.interpolation = one_of("interpolation", interpolation, PIL_INTERPOLATIONS)
        self.keep_aspect_ratio = keep_aspect_ratio
        share = image_data_generator._validation_split if subset else 0
        self.split = {"validation": (0, share), "training": (share, 1), None: None}[subset]
        self._decoding: dict[tuple[int, bytes], _Loading] = {}  # by process and samples

    def _keep_class_mode(self, class_mode: str | None) -> None:
        if class_mode not in self._class_modes:
            raise ValueError(
                f"Invalid class_mode: {class_mode}; expected one of: {self._class_modes}. "
                + received(class_mode=class_mode)
            )
        self.class_mode = class_mode

    def __setstate__(self, state):
        super().__setstate__(state)
        self._decoding = {}

    @property
    def filepaths(self):
        """The paths of the files."""
        return self._filepaths

    @property
    def labels(self):
        """The targets of all samples: class numbers, or the columns of the dataframe."""
        return self.classes

    @property
    def sample_weight(self):
        """The weights of all samples, or None."""
        return self._sample_weight

    def _image_shape(self):
        return self.image_shape

    def _load(self, index):
        path = self.filepaths[index]
        try:
            image = load_img(
                path, self.color_mode, self.target_size, self.interpolation, self.keep_aspect_ratio
            )
            pixels = np.asarray(image)
        except Exception as error:  # Pillow has many, each with its own class
            raise OSError(
                f"Could not read an image file: {error}. {received(path=path)}"
            ) from error
        pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
        return pixels.transpose(2, 0, 1) if self.data_format == "channels_first" else pixels

    def _started(self, index_array: np.ndarray) -> _Loading:
        generator, batch = self.image_data_generator, None
        if generator and len(index_array):
            batch = generator.new_batch(len(index_array), self.image_shape)
        return _Loading(decode_in_threads(self._load, index_array.tolist(), batch), batch)

    def _loading(self, index_array):
        return self._decoding.pop(_key(index_array), None) or self._started(index_array)

    def _look_ahead(self, index_array):
        if not self._is_planned():
            return
        # Those that were not asked for after all are forgotten, the oldest first.
        self._decoding[_key(index_array)] = self._loading(index_array)
        for key in list(self._decoding)[:-_BATCHES_AHEAD]:
            self._decoding.pop(key, None)

    def _batch_of(self, images, index_array):
        targets = self._targets_of(images, index_array)
        if targets is None:
            return images
        if self.sample_weight is None:
            return images, targets
        return images, targets, self.sample_weight[index_array]

    def _targets_of(self, images: Any, index_array: np.ndarray) -> Any:
        if self.class_mode == "input":
            return images.clone() if isinstance(images, Tensor) else images.copy()
        if self.class_mode in ("binary", "sparse"):
            return np.array([self.classes[index] for index in index_array], dtype=self.dtype)
        if self.class_mode == "categorical":
            rows = np.zeros((len(index_array), len(self.class_indices)), dtype=self.dtype)
            for row, index in zip(rows, index_array):
                row[self.classes[index]] = 1
            return rows
        if self.class_mode == "multi_output":
            return [column[index_array] for column in self.labels]
        return self.labels[index_array] if self.class_mode == "raw" else None


def _key(index_array: np.ndarray) -> tuple[int, bytes]:
    # What a parent process has begun to decode does not come to an end in a forked one.
    return os.getpid(), index_array.tobytes()


class DirectoryIterator(_FileIterator):
    """Endless batches of the image files in the folders of a folder, each changed at random.

    Files end in .png, .jpg, .jpeg, .bmp, .ppm, .tif or .tiff, in a folder for each class and the
    folders in it.

    Args:
        directory: the folder.
        image_data_generator: an `ImageDataGenerator`; None to leave the images as they are.
        target_size: (height, width) to resize to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: the folders, in the order of their numbers; by default all, sorted.
        class_mode: targets as "categorical" for one-hot rows, "binary" or "sparse" for class
            numbers, "input" for the images themselves; None for no targets.
        batch_size: samples of a batch.
        shuffle: another order in each epoch.
        seed: see `Iterator`.
        data_format: by default `image_data_format`.
        save_to_dir: folder into which the images are also written.
        save_prefix: of the names of these files.
        save_format: ending of these files.
        follow_links: also visit folders that are links.
        subset: "training" or "validation" for a part of each class, of which the files for
            validation come first; their share is the generator's `validation_split`.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: cut off what does not fit the ratio of `target_size`.
        dtype: of the batches; by default `floatx`.

    Attributes:
        class_indices: the number of each class.
        classes: the class numbers of the samples.
        filenames: the paths of the samples below `directory`.
        filepaths: the paths of the samples.
        samples: how many there are.
        num_classes: how many classes there are.
    """

    _class_modes = ("categorical", "binary", "sparse", "input", None)
    allowed_class_modes = set(_class_modes)

    def __init__(
        self,
        directory,
        image_data_generator,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype=None,
    ):
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        self._keep_class_mode(class_mode)
        self.dtype = dtype or config.floatx()
        self.directory = os.fspath(directory)
        if not classes:
            with os.scandir(self.directory) as found:
                classes = sorted(entry.name for entry in found if entry.is_dir())
        self.num_classes = len(classes)
        self.class_indices = {name: number for number, name in enumerate(classes)}
        self.filenames, numbers = [], []
        for number, name in enumerate(classes):
            found = _image_files(self.directory, name, self.white_list_formats, follow_links)
            if self.split:
                found = found[slice(*(int(share * len(found)) for share in self.split))]
            self.filenames += found
            numbers += [number] * len(found)
        self.classes = np.array(numbers, dtype="int32")
        self.samples = len(self.filenames)
        print_message(f"Found {self.samples} images belonging to {self.num_classes} classes.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)


def _image_files(
    directory: str, name: str, formats: tuple[str, ...], follow_links: bool
) -> list[str]:
    """The paths of the images in a folder of the directory, below the directory."""
    found = []
    for root, _, files in sorted(os.walk(os.path.join(directory, name), followlinks=follow_links)):
        for file in sorted(files):
            if file.lower().endswith(".tiff"):
                warn(
                    'Using ".tiff" files with multiple bands will cause distortion. Please verify '
                    "your output."
                )
            if file.lower().endswith(formats):
                found.append(os.path.relpath(os.path.join(root, file), directory))
    return found


class DataFrameIterator(_FileIterator):
    """Endless batches of the image files that a pandas frame names, each changed at random.

    Args:
        dataframe: a row for each image.
        directory: from which the paths start; None for paths that need none.
        image_data_generator: an `ImageDataGenerator`; None to leave the images as they are.
        x_col: the column of paths.
        y_col: the column of targets, or a list of columns.
        weight_col: the column of sample weights, or None.
        target_size: (height, width) to resize to.
        color_mode: "rgb", "rgba" or "grayscale".
        classes: the class names, in the order of their numbers; by default all, sorted. Other
            rows are left out.
        class_mode: targets as "categorical" for rows of ones and zeros from names or lists of
            names, "binary" or "sparse" for class numbers from names, "raw" for the values
            themselves, "multi_output" for a list of several columns, "input" for the images
            themselves; None for no targets.
        batch_size: samples of a batch.
        shuffle: another order in each epoch.
        seed: see `Iterator`.
        data_format: "channels_last" or "channels_first".
        save_to_dir: folder into which the images are also written.
        save_prefix: of the names of these files.
        save_format: ending of these files.
        subset: "training" or "validation" for a part of the rows, of which those for validation
            come first; their share is the generator's `validation_split`.
        interpolation: "nearest", "bilinear", "bicubic", "hamming", "box" or "lanczos".
        keep_aspect_ratio: cut off what does not fit the ratio of `target_size`.
        dtype: of the batches.
        validate_filenames: leave out rows whose file does not exist or is no image, with a
            warning.

    Attributes:
        class_indices: the number of each class, where targets are classes.
        classes: the class numbers of the samples, or lists of them.
        filenames: the paths of the samples as in the dataframe.
        filepaths: the paths of the samples.
        samples: how many there are.
    """

    _class_modes = ("binary", "categorical", "input", "multi_output", "raw", "sparse", None)
    allowed_class_modes = set(_class_modes)

    def __init__(
        self,
        dataframe,
        directory=None,
        image_data_generator=None,
        x_col="filename",
        y_col="class",
        weight_col=None,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        data_format="channels_last",
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
        dtype="float32",
        validate_filenames=True,
    ):
        self.set_processing_attrs(
            image_data_generator,
            target_size,
            color_mode,
            data_format,
            save_to_dir,
            save_prefix,
            save_format,
            subset,
            interpolation,
            keep_aspect_ratio,
        )
        self._keep_class_mode(class_mode)
        self.dtype = dtype or config.floatx()
        self.directory = os.fspath(directory or "")
        _check_columns(dataframe, x_col, y_col, weight_col, classes, class_mode)
        rows = dataframe
        if validate_filenames:
            rows = self._with_files(rows, x_col)
        has_classes = class_mode in ("binary", "categorical", "sparse")
        if has_classes:
            classes = list(dict.fromkeys(classes or _class_names(rows[y_col])))
            self.class_indices = {name: number for number, name in enumerate(classes)}
            is_asked_for = [bool(self._numbers(label)) for label in rows[y_col]]
            rows = rows[np.array(is_asked_for, dtype=bool)]
        if self.split:
            rows = rows.iloc[slice(*(int(share * len(rows)) for share in self.split))]
        if has_classes:
            self.classes = [
                self._numbers(label) if _is_list(label) else self.class_indices[label]
                for label in rows[y_col]
            ]
        elif class_mode == "multi_output":
            self._columns = [np.array(rows[column].tolist()) for column in y_col]
        elif class_mode == "raw":
            self._columns = rows[y_col].to_numpy()
        self.filenames = rows[x_col].tolist()
        self.samples = len(self.filenames)
        self._sample_weight = rows[weight_col].to_numpy() if weight_col else None
        what = "validated" if validate_filenames else "non-validated"
        classes_found = f" belonging to {len(classes)} classes" if has_classes else ""
        print_message(f"Found {self.samples} {what} image filenames{classes_found}.")
        self._filepaths = [os.path.join(self.directory, name) for name in self.filenames]
        super().__init__(self.samples, batch_size, shuffle, seed)

    @property
    def labels(self):
        """The targets of all samples: class numbers, or the columns of the dataframe."""
        return self._columns if self.class_mode in ("multi_output", "raw") else self.classes

    def _numbers(self, label: Any) -> list[int]:
        """The numbers of the classes of a row, without those that are not asked for."""
        names = label if _is_list(label) else [label]
        return [self.class_indices[name] for name in names if name in self.class_indices]

    def _with_files(self, rows: Any, x_col: str) -> Any:
        """The rows whose file exists and has the ending of an image."""
        is_valid = [
            name.lower().endswith(self.white_list_formats)
            and os.path.isfile(os.path.join(self.directory, name))
            for name in rows[x_col]
        ]
        missing = len(rows) - sum(is_valid)
        if missing:
            warn(
                f'Found {missing} invalid image filename(s) in x_col="{x_col}". These filename(s) '
                "will be ignored."
            )
        return rows[np.array(is_valid, dtype=bool)]


def _is_list(label: Any) -> bool:
    return isinstance(label, (list, tuple))


def _class_names(labels: Iterable[Any]) -> list[str]:
    names = set()
    for label in labels:
        names.update(label if _is_list(label) else [label])
    return sorted(names)


def _check_columns(
    rows: Any, x_col: str, y_col: Any, weight_col: str | None, classes: Any, class_mode: str | None
) -> None:
    def is_all(column, types):
        return all(isinstance(value, types) for value in rows[column])

    if class_mode == "multi_output" and not isinstance(y_col, list):
        raise TypeError(
            f'If class_mode="multi_output", y_col must be a list. {received(y_col=y_col)}'
        )
    if not is_all(x_col, str):
        raise TypeError(f"All values in column x_col={x_col} must be strings.")
    if class_mode in ("binary", "sparse") and not is_all(y_col, str):
        raise TypeError(f'If class_mode="{class_mode}", y_col="{y_col}" values must be strings.')
    if class_mode == "categorical" and not is_all(y_col, (str, list, tuple)):
        raise TypeError(
            f'If class_mode="categorical", y_col="{y_col}" column values must be type string, '
            "list or tuple."
        )
    if class_mode == "binary":
        count = len(set(classes) if classes else set(rows[y_col]))
        if count != 2:
            raise ValueError(
                f'If class_mode="binary" there must be 2 classes. Received: {count} classes'
            )
    if classes and class_mode in ("input", "multi_output", "raw", None):
        warn(f'`classes` will be ignored given the class_mode="{class_mode}"')
    if weight_col and rows[weight_col].dtype.kind not in "iuf":
        raise TypeError(f"Column weight_col={weight_col} must be numeric.")
