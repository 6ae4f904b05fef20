"""`ImageDataGenerator`: random changes and standardization of images, a batch at a time."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, config
from torchkeras._errors import one_of, received, warn
from torchkeras.preprocessing._affine import FILL_MODES
from torchkeras.preprocessing._iterators import (
    DataFrameIterator,
    DirectoryIterator,
    NumpyArrayIterator,
)
from torchkeras.preprocessing._memory import Memory
from torchkeras.preprocessing._threads import run_all
from torchkeras.preprocessing._transform import Changes

__all__ = ["ImageDataGenerator"]

# So many pixels are changed at a time that the steps of it find them in a processor's cache, but
# threads do not wait for each other between short ones.
_PIXELS_AT_ONCE = 1 << 18

# What changes images, beside zoom.
_RANGES = (
    "rotation_range",
    "width_shift_range",
    "height_shift_range",
    "shear_range",
    "channel_shift_range",
    "horizontal_flip",
    "vertical_flip",
    "brightness_range",
)

# The switches of what `standardize` does beside rescaling.
_STANDARDIZATION = (
    "samplewise_center",
    "samplewise_std_normalization",
    "featurewise_center",
    "featurewise_std_normalization",
    "zca_whitening",
)


class ImageDataGenerator:
    """Batches of images with random changes, standardized.

    Random numbers come from numpy's global generator, in the order in which Keras 2 draws them,
    so that a seed gives the same parameters. A batch is changed as a whole, in tiles on all
    processors, or on a GPU. Where Keras 2.5 and later do not what their documentation says, this
    class does:

    - `width_shift_range` moves along the width, `height_shift_range` along the height; Keras's
      code moves along the other axis.
    - Rotation, shear and zoom are about the centre of the image; the code of Keras takes height
      for width there, which shows on images that are no squares.
    - Brightness respects `data_format`, as all else; the code of Keras takes the global one.
    - `standardize` of a batch takes the mean and deviation of each sample; the code of Keras
      those of the whole batch.

    Args:
        featurewise_center: subtract the mean of each channel over the data that `fit` has seen.
        samplewise_center: subtract each image's mean.
        featurewise_std_normalization: divide by the standard deviation of each channel over the
            data that `fit` has seen.
        samplewise_std_normalization: divide by each image's standard deviation.
        zca_whitening: multiply with the whitening matrix of the data that `fit` has seen.
        zca_epsilon: is added to the singular values.
        rotation_range: turn by up to as many degrees in either direction.
        width_shift_range: move sideways by up to this share of the width if it is below 1, else
            by up to as many pixels; an integer moves by whole pixels below it, a list by one of
            its numbers, in either direction.
        height_shift_range: the same up and down.
        brightness_range: multiply by a number between the two, after the values are cut off to
            whole numbers from 0 to 255.
        shear_range: shear by up to as many degrees.
        zoom_range: zoom each axis by a number between the two, or between 1 less and 1 more than
            the one; above 1 it gets smaller.
        channel_shift_range: add one number up to this, positive or negative, to all values.
        fill_mode: what is beyond the edges: "constant" for `cval`, "nearest", "reflect", "wrap".
        cval: the value beyond the edges.
        horizontal_flip: mirror left and right, every second time.
        vertical_flip: mirror up and down, every second time.
        rescale: multiply by this, before all other standardization; None or 0 for no change.
        preprocessing_function: is called with every changed image, an array with three axes,
            before it is standardized, and returns one of the same shape.
        data_format: "channels_last" or "channels_first".
        validation_split: share of the data that is the subset "validation", from 0 to 1.
        interpolation_order: 0 for the nearest pixel, 1 for bilinear; 2 to 5 need scipy.
        dtype: of the batches; `floatx` by default.
        device: where batches are computed, as torch tensors; None for numpy arrays.

    Example:

    >>> images = np.arange(32.0).reshape(2, 4, 4, 1)
    >>> generator = ImageDataGenerator(horizontal_flip=True, rescale=1 / 32)
    >>> x, y = next(generator.flow(images, [0, 1], batch_size=2, seed=1))
    >>> x.shape, x.max() < 1
    ((2, 4, 4, 1), True)
    """

    def __init__(
        self,
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        zca_epsilon=1e-6,
        rotation_range=0,
        width_shift_range=0.0,
        height_shift_range=0.0,
        brightness_range=None,
        shear_range=0.0,
        zoom_range=0.0,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=False,
        vertical_flip=False,
        rescale=None,
        preprocessing_function=None,
        data_format=None,
        validation_split=0.0,
        interpolation_order=1,
        dtype=None,
        *,
        device=None,
    ):
        self.featurewise_center = featurewise_center
        self.samplewise_center = samplewise_center
        self.featurewise_std_normalization = featurewise_std_normalization
        self.samplewise_std_normalization = samplewise_std_normalization
        self.zca_whitening = zca_whitening
        self.zca_epsilon = zca_epsilon
        self.rotation_range = rotation_range
        self.width_shift_range = width_shift_range
        self.height_shift_range = height_shift_range
        self.shear_range = shear_range
        self.zoom_range = _zoom_range(zoom_range)
        self.channel_shift_range = channel_shift_range
        self.fill_mode = one_of("fill_mode", fill_mode, FILL_MODES)
        self.cval = cval
        self.horizontal_flip = horizontal_flip
        self.vertical_flip = vertical_flip
        self.rescale = rescale
        self.preprocessing_function = preprocessing_function
        self.dtype = config.floatx() if dtype is None else _dtypes.standardize_dtype(dtype)
        self.interpolation_order = one_of("interpolation_order", interpolation_order, range(6))
        self.device = None if device is None else torch.device(device)
        if data_format not in ("channels_last", "channels_first", None):
            raise ValueError(
                '`data_format` should be `"channels_last"` (channel after row and column) or '
                '`"channels_first"` (channel before row and column). '
                + received(data_format=data_format)
            )
        self.data_format = config.standardize_data_format(data_format)
        is_first = self.data_format == "channels_first"
        self.channel_axis, self.row_axis, self.col_axis = (1, 2, 3) if is_first else (3, 1, 2)
        if validation_split and not 0 < validation_split < 1:
            raise ValueError(
                "`validation_split` must be strictly between 0 and 1. "
                + received(validation_split=validation_split)
            )
        self._validation_split = validation_split
        is_pair = isinstance(brightness_range, (tuple, list)) and len(brightness_range) == 2
        if brightness_range is not None and not is_pair:
            raise ValueError(
                "`brightness_range` should be tuple or list of two floats. "
                + received(brightness_range=brightness_range)
            )
        self.brightness_range = brightness_range
        self.mean = None
        self.std = None
        self.zca_whitening_matrix = None
        self._memory = Memory()
        self._settle_standardization()

    def _settle_standardization(self) -> None:
        """Switch on and off what other kinds of standardization imply, with a warning."""
        for switch, implied, value in (
            ("zca_whitening", "featurewise_center", True),
            ("zca_whitening", "featurewise_std_normalization", False),
            ("featurewise_std_normalization", "featurewise_center", True),
            ("samplewise_std_normalization", "samplewise_center", True),
        ):
            if getattr(self, switch) and bool(getattr(self, implied)) is not value:
                setattr(self, implied, value)
                warn(
                    f"This ImageDataGenerator specifies `{switch}`, which overrides setting of "
                    f"`{implied}`."
                )

    # ---- where images come from

    def flow(
        self,
        x,
        y=None,
        batch_size=32,
        shuffle=True,
        sample_weight=None,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        ignore_class_split=False,
        subset=None,
    ):
        """Endless batches of an array of images; see `NumpyArrayIterator`."""
        return NumpyArrayIterator(
            x,
            y,
            self,
            batch_size=batch_size,
            shuffle=shuffle,
            sample_weight=sample_weight,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            ignore_class_split=ignore_class_split,
            subset=subset,
            dtype=self.dtype,
        )

    def flow_from_directory(
        self,
        directory,
        target_size=(256, 256),
        color_mode="rgb",
        classes=None,
        class_mode="categorical",
        batch_size=32,
        shuffle=True,
        seed=None,
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        follow_links=False,
        subset=None,
        interpolation="nearest",
        keep_aspect_ratio=False,
    ):
        """Endless batches of the image files in a folder's folders; see `DirectoryIterator`."""
        return DirectoryIterator(
            directory,
            self,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            follow_links=follow_links,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
        )

    def flow_from_dataframe(
        self,
        dataframe,
        directory=None,
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
        save_to_dir=None,
        save_prefix="",
        save_format="png",
        subset=None,
        interpolation="nearest",
        validate_filenames=True,
        **kwargs,
    ):
        """Endless batches of the image files that a pandas frame names; see `DataFrameIterator`.

        Args:
            **kwargs: `keep_aspect_ratio`; `has_ext`, `sort` and `drop_duplicates` of Keras 2.2
                are accepted with a warning.
        """
        old = kwargs.keys() & {"has_ext", "sort", "drop_duplicates"}
        for name in sorted(old):
            warn(
                f"{name} is deprecated: filenames have to match those on disk, in the order of "
                "the dataframe.",
                DeprecationWarning,
            )
            del kwargs[name]
        keep_aspect_ratio = kwargs.pop("keep_aspect_ratio", False)
        if kwargs:
            raise TypeError(f"Unrecognized keyword arguments: {received(**kwargs)}")
        if class_mode == "other":
            warn(
                '`class_mode` "other" is deprecated, please use `class_mode` "raw".',
                DeprecationWarning,
            )
            class_mode = "raw"
        return DataFrameIterator(
            dataframe,
            directory,
            self,
            x_col=x_col,
            y_col=y_col,
            weight_col=weight_col,
            target_size=target_size,
            color_mode=color_mode,
            classes=classes,
            class_mode=class_mode,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=seed,
            data_format=self.data_format,
            save_to_dir=save_to_dir,
            save_prefix=save_prefix,
            save_format=save_format,
            subset=subset,
            interpolation=interpolation,
            keep_aspect_ratio=keep_aspect_ratio,
            dtype=self.dtype,
            validate_filenames=validate_filenames,
        )

    # ---- one image

    def get_random_transform(self, img_shape, seed=None):
        """Random parameters for an image of that shape, as `apply_transform` takes them.

        Args:
            seed: for numpy's global generator.
        """
        if seed is not None:
            np.random.seed(seed)
        height, width = img_shape[self.row_axis - 1], img_shape[self.col_axis - 1]
        theta = _either_way(self.rotation_range)
        ty = _shift(self.height_shift_range, height)
        tx = _shift(self.width_shift_range, width)
        shear = _either_way(self.shear_range)
        zx, zy = 1, 1
        if tuple(self.zoom_range) != (1, 1):
            zx, zy = np.random.uniform(*self.zoom_range, 2)
        flip_horizontal = (np.random.random() < 0.5) * self.horizontal_flip
        flip_vertical = (np.random.random() < 0.5) * self.vertical_flip
        channel_shift = _either_way(self.channel_shift_range) if self.channel_shift_range else None
        brightness = None
        if self.brightness_range is not None:
            brightness = np.random.uniform(*self.brightness_range)
        return {
            "theta": theta,
            "tx": tx,
            "ty": ty,
            "shear": shear,
            "zx": zx,
            "zy": zy,
            "flip_horizontal": flip_horizontal,
            "flip_vertical": flip_vertical,
            "channel_shift_intensity": channel_shift,
            "brightness": brightness,
        }

    def apply_transform(self, x, transform_parameters):
        """An image (three axes) changed as the parameters say.

        Args:
            transform_parameters: dict with any of `theta` (degrees), `tx` and `ty` (pixels),
                `shear` (degrees), `zx`, `zy`, `flip_horizontal`, `flip_vertical`,
                `channel_shift_intensity` and `brightness`.
        """
        x = np.asarray(x)
        colours = ("channel_shift_intensity", "brightness")
        is_coloured = any(transform_parameters.get(name) is not None for name in colours)
        dtype = np.dtype("float32") if is_coloured and x.dtype.kind != "f" else x.dtype
        images = torch.from_numpy(x[None].astype(_computing_dtype(x.dtype)))
        changes = self._changes([transform_parameters], x.shape, x.dtype)
        return self._changed(images, changes)[0].numpy().astype(dtype)

    def random_transform(self, x, seed=None):
        """An image (three axes) with a random change."""
        return self.apply_transform(x, self.get_random_transform(x.shape, seed))

    def standardize(self, x):
        """An image, or a batch of them, standardized; arrays of floats are changed in place."""
        if self.preprocessing_function:
            x = self.preprocessing_function(x)
        x = np.asarray(x)
        x = x if x.dtype.kind == "f" else x.astype(config.floatx())
        images = torch.from_numpy(x)
        batch = images if images.ndim == 4 else images.unsqueeze(0)
        return self._standardized(batch).view(images.shape).numpy()

    # ---- batches, in the data format

    @torch.inference_mode(False)  # which threads do not inherit, for `predict` is in it
    def make_batch(
        self,
        load: Callable[[int], np.ndarray],
        parameters: list[dict],
        shape: tuple[int, ...],
        batch: np.ndarray | None = None,
    ) -> Any:
        """Images of a shape, changed and standardized: an array, or a tensor on the device.

        Args:
            load: gives the image at an index; it is called from several threads.
            parameters: for each image.
            batch: given by `new_batch`, whose rows are the images as soon as `load` has given them.
        """
        if self._is_changed_one_by_one():
            return self._make_one_by_one(load, parameters, shape)
        changes = self._changes(parameters, shape, np.dtype(self.dtype), self.device)
        is_given = batch is not None and changes.is_none
        batch = batch if is_given else self._room(len(parameters), shape)
        whole = batch if isinstance(batch, Tensor) else torch.from_numpy(batch)
        computing = getattr(torch, _computing_dtype(np.dtype(self.dtype)))
        # What else is to be done goes with the changes, unless a function comes between.
        is_at_once = not changes.is_none and self.preprocessing_function is None

        def change(out: Tensor, start: int) -> None:
            images = self._new_images(out, computing)
            _fill(images, load, start)
            changed = self._changed(images, changes, start)
            out.copy_(self._standardized(changed) if is_at_once else changed)

        if is_given:
            for index in range(len(batch)):
                load(index)
        elif changes.is_none:
            _fill(whole, load, 0)
        else:
            self._in_tiles(whole, change)
        if self.preprocessing_function is not None:
            for index in range(len(batch)):
                self._preprocess(batch, index)
        if not is_at_once and self._is_standardizing():
            self._in_tiles(whole, self._standardize_tile)
        return batch

    def new_batch(self, count: int, shape: tuple[int, ...]) -> np.ndarray | None:
        """Room for images of a shape if they are only standardized, on the CPU; else None."""
        is_own = type(self).get_random_transform is ImageDataGenerator.get_random_transform
        ranges = [getattr(self, name) for name in _RANGES]
        is_still = is_own and tuple(self.zoom_range) == (1, 1) and not any(map(np.any, ranges))
        if not is_still or self.device is not None or self._is_changed_one_by_one():
            return None
        return self._room(count, shape)

    def _room(self, count: int, shape: tuple[int, ...]) -> Any:
        if self.device is None:
            return self._memory.empty((count, *shape), self.dtype)
        dtype = _dtypes.torch_dtype(self.dtype)
        return torch.empty(count, *shape, dtype=dtype, device=self.device)

    def _is_standardizing(self) -> bool:
        return bool(self.rescale) or any(getattr(self, name) for name in _STANDARDIZATION)

    def _is_changed_one_by_one(self) -> bool:
        """Whether a subclass has its own way to change single images."""
        names = ("apply_transform", "standardize")
        return any(getattr(type(self), n) is not getattr(ImageDataGenerator, n) for n in names)

    def _make_one_by_one(self, load: Callable, parameters: list[dict], shape: tuple) -> Any:
        batch = np.empty((len(parameters), *shape), self.dtype)
        for index, one in enumerate(parameters):
            changed = self.apply_transform(load(index).astype(self.dtype), one)
            batch[index] = self.standardize(changed)
        return batch if self.device is None else torch.from_numpy(batch).to(self.device)

    def _in_tiles(self, whole: Tensor, function: Callable[[Tensor, int], None]) -> None:
        """Call the function with a few images after the other, or on a GPU with all at once."""
        if not len(whole):
            return
        pixels = whole.shape[self.row_axis] * whole.shape[self.col_axis]
        share = -(-len(whole) // torch.get_num_threads())
        size = max(min(_PIXELS_AT_ONCE // max(pixels, 1), share), 1)
        if whole.device.type != "cpu":
            size = len(whole)
        run_all(
            lambda start: function(whole[start : start + size], start), range(0, len(whole), size)
        )

    def _new_images(self, like: Tensor, dtype: torch.dtype) -> Tensor:
        """Room for as many images in the data format; in memory each channel lies by itself."""
        if self.channel_axis == 1:
            return torch.empty(like.shape, dtype=dtype, device=like.device)
        batch, height, width, channels = like.shape
        planes = torch.empty(batch, channels, height, width, dtype=dtype, device=like.device)
        return planes.permute(0, 2, 3, 1)

    def _preprocess(self, batch: Any, index: int) -> None:
        image = batch[index]
        if isinstance(image, Tensor):
            done = self.preprocessing_function(image.cpu().numpy())
            image.copy_(torch.as_tensor(np.asarray(done)))
        else:
            image[...] = self.preprocessing_function(image)

    def _standardize_tile(self, images: Tensor, start: int) -> None:
        done = self._standardized(images)
        if done is not images:
            images.copy_(done)

    def _changes(
        self,
        parameters: list[dict],
        shape: tuple,
        dtype: np.dtype,
        device: torch.device | None = None,
    ) -> Changes:
        size = shape[self.row_axis - 1], shape[self.col_axis - 1]
        how = self.fill_mode, self.cval, self.interpolation_order, dtype
        return Changes(parameters, size, *how, device)

    def _changed(self, images: Tensor, changes: Changes, start: int = 0) -> Tensor:
        """Images in the data format changed; `start` is the number of the first one."""
        if self.channel_axis == 1:
            return changes.apply(images, start)
        return changes.apply(images.permute(0, 3, 1, 2), start).permute(0, 2, 3, 1)

    def _standardized(self, images: Tensor) -> Tensor:
        """Images changed in place, but for the preprocessing function; whitened ones are new."""

        def statistic(name: str, switch: str) -> Tensor | None:
            value = getattr(self, name)
            if value is None:
                warn(
                    f"This ImageDataGenerator specifies `{switch}`, but it hasn't been fit on any "
                    "training data. Fit it first by calling `.fit(numpy_data)`."
                )
                return None
            return torch.as_tensor(np.asarray(value), dtype=images.dtype, device=images.device)

        if self.rescale:
            images *= self.rescale
        if self.samplewise_center:
            images -= images.mean((1, 2, 3), keepdim=True)
        if self.samplewise_std_normalization:
            images /= images.std((1, 2, 3), correction=0, keepdim=True) + 1e-6
        if self.featurewise_center:
            mean = statistic("mean", "featurewise_center")
            images = images if mean is None else images.sub_(mean)
        if self.featurewise_std_normalization:
            std = statistic("std", "featurewise_std_normalization")
            images = images if std is None else images.div_(std + 1e-6)
        if self.zca_whitening:
            matrix = statistic("zca_whitening_matrix", "zca_whitening")
            if matrix is not None:
                images = (images.flatten(1) @ matrix).view(images.shape)
        return images

    # ---- statistics

    def fit(self, x, augment=False, rounds=1, seed=None):
        """Find the statistics of the data that featurewise standardization and whitening need.

        Args:
            x: images, (batch, height, width, channels) or in the data format given.
            augment: change the images at random first.
            rounds: how many random changes of each image.
            seed: for numpy's global generator.
        """
        x = np.array(x, dtype=self.dtype)
        if x.ndim != 4:
            raise ValueError(
                f"Input to `.fit()` should have rank 4. Got array with shape: {x.shape}. "
                + received(shape=x.shape)
            )
        if x.shape[self.channel_axis] not in (1, 3, 4):
            warn(
                "Expected input to be images (as Numpy array) following the data format "
                f'convention "{self.data_format}" (channels on axis {self.channel_axis}), i.e. '
                f"expected either 1, 3 or 4 channels. Received: shape={x.shape}"
            )
        if seed is not None:
            np.random.seed(seed)
        if self.rescale:
            x *= self.rescale
        if augment:
            parameters = [self.get_random_transform(x.shape[1:]) for _ in range(rounds * len(x))]
            x = self._augmented(x, parameters)
        over = (0, self.row_axis, self.col_axis)
        if self.featurewise_center:
            self.mean = np.mean(x, axis=over, keepdims=True)[0]
            x -= self.mean
        if self.featurewise_std_normalization:
            self.std = np.std(x, axis=over, keepdims=True)[0]
            x /= self.std + 1e-6
        if self.zca_whitening:
            self.zca_whitening_matrix = _whitening(x.reshape(len(x), -1), self.zca_epsilon)

    def _augmented(self, x: np.ndarray, parameters: list[dict]) -> np.ndarray:
        """The images of `x`, in turn, changed by all the parameters."""
        changed = np.empty((len(parameters), *x.shape[1:]), x.dtype)
        changes = self._changes(parameters, x.shape[1:], x.dtype)

        def change(out: Tensor, start: int) -> None:
            images = self._new_images(out, getattr(torch, _computing_dtype(x.dtype)))
            _fill(images, lambda index: x[index % len(x)], start)
            out.copy_(self._changed(images, changes, start))

        self._in_tiles(torch.from_numpy(changed), change)
        return changed


def _fill(out: Tensor, load: Callable[[int], np.ndarray], start: int) -> None:
    """Let `out` be the images from number `start` on."""
    if out.device.type != "cpu":
        images = np.stack([load(start + index) for index in range(len(out))])
        out.copy_(torch.from_numpy(images).to(out.device))
        return
    for index, row in enumerate(out.numpy(), start):
        row[...] = load(index)


def _computing_dtype(dtype: np.dtype) -> str:
    """The dtype in which images are changed: float32, or float64 where they are."""
    return "float64" if dtype == np.float64 else "float32"


def _zoom_range(zoom_range: Any) -> list[float]:
    if isinstance(zoom_range, (float, int)):
        return [1 - zoom_range, 1 + zoom_range]
    numbers = list(zoom_range)
    if len(numbers) != 2 or not all(isinstance(number, (float, int)) for number in numbers):
        raise ValueError(
            "`zoom_range` should be a float or a tuple or list of two floats. "
            + received(zoom_range=zoom_range)
        )
    return numbers


def _either_way(limit: float) -> float:
    return np.random.uniform(-limit, limit) if limit else 0


def _shift(limit: Any, size: int) -> float:
    """Pixels to move: from a list or the integers below one, else a share of the size."""
    if isinstance(limit, (float, int)):  # one of numpy's integers is taken for a list
        if not limit:
            return 0
        if isinstance(limit, float):
            shift = np.random.uniform(-limit, limit)
            return shift * size if limit < 1 else shift
    shift = np.random.choice(limit) * np.random.choice([-1, 1])
    return shift * size if np.max(limit) < 1 else shift


def _whitening(rows: np.ndarray, epsilon: float) -> np.ndarray:
    """The ZCA matrix (features, features) of centred rows (n, features)."""
    count, features = rows.shape
    if count < features:
        vectors, values, _ = np.linalg.svd(rows.T, full_matrices=False)
    else:
        # The same from a matrix that does not grow with the number of rows.
        squares, vectors = np.linalg.eigh(rows.T.astype(np.float64) @ rows)
        values = np.sqrt(np.maximum(squares, 0))
    scale = np.sqrt(count) / (values + epsilon)
    return ((vectors * scale) @ vectors.T).astype(rows.dtype)
