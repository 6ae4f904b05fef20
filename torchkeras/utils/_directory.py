"""Datasets of the files in a folder: images, texts, sounds."""

import math
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from torchkeras import config
from torchkeras._data.pipeline import AUTOTUNE, Dataset
from torchkeras._errors import int_tuple, one_of, received
from torchkeras._scopes import offered
from torchkeras.callbacks._progbar import print_message
from torchkeras.utils._image import INTERPOLATIONS, crop_to_ratio, pad_to_ratio, pil_image, resize

__all__ = [
    "audio_dataset_from_directory",
    "image_dataset_from_directory",
    "text_dataset_from_directory",
]


class _Kind(NamedTuple):
    """What files are read, and what they are called in messages."""

    noun: str
    formats: tuple[str, ...]
    load: Callable[[str], Any]
    batch: Callable[[Dataset, int], Dataset] = Dataset.batch


class _Choice(NamedTuple):
    """The arguments that all three functions have."""

    directory: Any
    labels: Any
    label_mode: str | None
    class_names: list[str] | None
    batch_size: int | None
    shuffle: bool
    seed: int | None
    validation_split: float | None
    subset: str | None
    follow_links: bool
    verbose: bool


def image_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    color_mode: str = "rgb",
    batch_size: int | None = 32,
    image_size: int | tuple[int, int] = (256, 256),
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    interpolation: str = "bilinear",
    follow_links: bool = False,
    crop_to_aspect_ratio: bool = False,
    pad_to_aspect_ratio: bool = False,
    data_format: str | None = None,
    format: str = "tf",
    verbose: bool = True,
) -> Dataset | list[Dataset]:
    """A dataset of batches of images from 0 to 255, float32 (batch, height, width, channels).

    With labels its elements are `(images, labels)`. The files end in .bmp, .gif (of which the
    first picture counts), .jpeg, .jpg or .png; threads read and resize them ahead of their use.

    Args:
        directory: with a folder for each class, unless `labels` says otherwise.
        labels: "inferred" for the folders, None for no labels, or a list of integers for the
            files in the alphanumeric order of their paths.
        label_mode: "int" for int32 (batch,), "categorical" for one-hot float32, "binary" for
            0 and 1 as float32 (batch, 1), or None for no labels.
        class_names: the folders to use, in the order of their labels; by default all, sorted.
        color_mode: "rgb", "rgba" or "grayscale".
        batch_size: None for images one by one.
        image_size: (height, width).
        shuffle: another order in each pass; False for the alphanumeric one.
        seed: of the order; needed to shuffle with `validation_split`.
        validation_split: share of the files for validation.
        subset: "training", "validation", or "both" for a list of both datasets.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic".
        follow_links: also visit folders that are links.
        crop_to_aspect_ratio: cut off what does not fit the ratio of `image_size`.
        pad_to_aspect_ratio: fill up with zeros to the ratio of `image_size`.
        format: accepted; the result is the same for "tf" and "grain".
    """
    modes = {"rgb": "RGB", "rgba": "RGBA", "grayscale": "L"}
    if color_mode not in modes:
        raise ValueError(
            '`color_mode` must be one of {"rgb", "rgba", "grayscale"}. '
            + received(color_mode=color_mode)
        )
    size = int_tuple("image_size", image_size, 2)
    interpolation = interpolation.lower()
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"Argument `interpolation` should be one of {INTERPOLATIONS}. "
            + received(interpolation=interpolation)
        )
    if crop_to_aspect_ratio and pad_to_aspect_ratio:
        raise ValueError(
            "Only one of `pad_to_aspect_ratio`, `crop_to_aspect_ratio` can be set to `True`. "
            "Received: both"
        )
    one_of("format", format, ("tf", "grain"))
    is_first = config.standardize_data_format(data_format) == "channels_first"
    pil = pil_image("image_dataset_from_directory")

    def load(path):
        image = _read_image(pil, path, modes[color_mode])
        if pad_to_aspect_ratio:
            image = pad_to_ratio(image, size, interpolation)
        else:
            image = crop_to_ratio(image, size) if crop_to_aspect_ratio else image
            image = resize(image, size, interpolation)
        return image if is_first else image.permute(1, 2, 0)

    kind = _Kind("images", (".bmp", ".gif", ".jpeg", ".jpg", ".png"), load)
    choice = _Choice(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, verbose,
    )  # fmt: skip
    return _from_directory(kind, choice)


def _read_image(pil: Any, path: str, mode: str) -> Tensor:
    """The image as float32 (channels, height, width)."""
    try:
        with pil.open(path) as image:
            if image.mode.startswith("I;16"):  # as 8 bits, which Pillow would cut off instead
                image = pil.fromarray((np.asarray(image) >> 8).astype(np.uint8))
            elif image.mode == "P" and "transparency" in image.info:
                image = image.convert("RGBA")
            pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    except (OSError, ValueError, SyntaxError, pil.DecompressionBombError) as error:
        raise ValueError(f"Could not read an image file: {error}. {received(path=path)}") from error
    pixels = torch.from_numpy(pixels.astype(np.float32))
    return pixels.unsqueeze(0) if pixels.ndim == 2 else pixels.permute(2, 0, 1)


def text_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    batch_size: int | None = 32,
    max_length: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    format: str = "tf",
    verbose: bool = True,
) -> Dataset | list[Dataset]:
    """A dataset of batches of texts, numpy arrays (batch,) of strings, from UTF-8 files in .txt.

    With labels its elements are `(texts, labels)`.

    Args:
        directory: with a folder for each class, unless `labels` says otherwise.
        labels: "inferred" for the folders, None for no labels, or a list of integers for the
            files in the alphanumeric order of their paths.
        label_mode: "int" for int32 (batch,), "categorical" for one-hot float32, "binary" for
            0 and 1 as float32 (batch, 1), or None for no labels.
        class_names: the folders to use, in the order of their labels; by default all, sorted.
        batch_size: None for texts one by one.
        max_length: characters to keep of a text.
        shuffle: another order in each pass; False for the alphanumeric one.
        seed: of the order; needed to shuffle with `validation_split`.
        validation_split: share of the files for validation.
        subset: "training", "validation", or "both" for a list of both datasets.
        follow_links: also visit folders that are links.
        format: accepted; the result is the same for "tf" and "grain".
    """
    one_of("format", format, ("tf", "grain"))

    def load(path):
        with open(path, "rb") as file:
            return file.read().decode("utf-8", errors="replace")[:max_length]

    choice = _Choice(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, verbose,
    )  # fmt: skip
    return _from_directory(_Kind("text files", (".txt",), load), choice)


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: list[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Dataset | tuple[Dataset, Dataset]:
    """A dataset of batches of sounds from -1 to 1, float32 (batch, time, channels), from .wav.

    With labels its elements are `(sounds, labels)`.

    Args:
        directory: with a folder for each class, unless `labels` says otherwise.
        labels: "inferred" for the folders, None for no labels, or a list of integers for the
            files in the alphanumeric order of their paths.
        label_mode: "int" for int32 (batch,), "categorical" for one-hot float32, "binary" for
            0 and 1 as float32 (batch, 1), or None for no labels.
        class_names: the folders to use, in the order of their labels; by default all, sorted.
        batch_size: None for sounds one by one.
        sampling_rate: samples per second to convert to; None to leave each file's.
        output_sequence_length: time steps to cut or to fill up to with zeros; None for those of
            the longest sound of a batch.
        ragged: batches are torch nested tensors of sounds of unequal lengths.
        shuffle: another order in each pass; False for the alphanumeric one.
        seed: of the order; needed to shuffle with `validation_split`.
        validation_split: share of the files for validation.
        subset: "training", "validation", or "both" for both datasets.
        follow_links: also visit folders that are links.
    """
    if ragged and output_sequence_length is not None:
        raise ValueError(
            "Cannot set both `ragged` and `output_sequence_length`. "
            + received(output_sequence_length=output_sequence_length)
        )
    if sampling_rate is not None and not isinstance(sampling_rate, int):
        raise ValueError(
            f"`sampling_rate` should have an integer value. {received(sampling_rate=sampling_rate)}"
        )
    if sampling_rate is not None and sampling_rate <= 0:
        raise ValueError(
            f"`sampling_rate` should be higher than 0. {received(sampling_rate=sampling_rate)}"
        )

    def load(path):
        sound, rate = _read_wav(path)
        if sampling_rate not in (None, rate):
            sound = _resample(sound, rate, sampling_rate)
        if output_sequence_length is not None:
            missing = output_sequence_length - len(sound)
            sound = F.pad(sound, (0, 0, 0, max(missing, 0)))[:output_sequence_length]
        return sound

    batch = Dataset.ragged_batch if ragged else Dataset.padded_batch
    choice = _Choice(
        directory, labels, label_mode, class_names, batch_size, shuffle, seed, validation_split,
        subset, follow_links, verbose,
    )  # fmt: skip
    found = _from_directory(_Kind("audio files", (".wav",), load, batch), choice)
    return tuple(found) if isinstance(found, list) else found


def _read_wav(path: str) -> tuple[Tensor, int]:
    """The sound as float32 (time, channels), and its samples per second."""
    import wave

    try:
        with wave.open(path, "rb") as file:
            width, channels, rate = file.getsampwidth(), file.getnchannels(), file.getframerate()
            content = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"Could not read an audio file: {error}. Only uncompressed .wav files can be read. "
            + received(path=path)
        ) from error
    if width == 1:
        samples = np.frombuffer(content, np.uint8).astype(np.int16) - 128
    elif width == 3:
        # The upper three bytes of 32 bits.
        bytes_ = np.frombuffer(content, np.uint8).reshape(-1, 3)
        samples = np.pad(bytes_, ((0, 0), (1, 0))).view("<i4")[:, 0] >> 8
    else:
        samples = np.frombuffer(content, f"<i{width}")
    sound = samples.astype(np.float32) / 2.0 ** (8 * width - 1)
    return torch.from_numpy(sound.astype(np.float32).reshape(-1, channels)), rate


def _resample(sound: Tensor, old: int, new: int) -> Tensor:
    """The sound (time, channels) at another rate, by a sinc under a Hann window.

    New sample i stands at i * old / new: `new` filters, each taken every `old` samples, serve
    all of them once both rates are divided by what they have in common.
    """
    common = math.gcd(old, new)
    old, new = old // common, new // common
    band = 0.99 * min(1.0, new / old)  # of the old one
    reach = math.ceil(6 / band)
    taps = torch.arange(-reach, reach + old, dtype=torch.float64)
    distance = taps - torch.arange(new, dtype=torch.float64)[:, None] * old / new
    window = torch.cos(distance * math.pi / (2 * reach)).square() * (distance.abs() < reach)
    filters = (torch.sinc(distance * band) * window * band).float()
    length = math.ceil(len(sound) * new / old)
    padded = F.pad(sound.T.unsqueeze(1), (reach, reach + old))
    phases = F.conv1d(padded, filters.unsqueeze(1), stride=old)  # (channels, new, time)
    return phases.transpose(1, 2).reshape(sound.shape[1], -1)[:, :length].T.contiguous()


# ---- folders


def _from_directory(kind: _Kind, choice: _Choice) -> Dataset | list[Dataset]:
    choice = _checked(kind, choice)
    seed = np.random.randint(10**6) if choice.seed is None else choice.seed
    paths, labels, class_names = index_directory(
        choice.directory,
        choice.labels,
        kind.formats,
        choice.class_names,
        choice.shuffle,
        seed,
        choice.follow_links,
        choice.verbose,
    )
    if choice.label_mode == "binary" and len(class_names) != 2:
        raise ValueError(
            'When passing `label_mode="binary"`, there must be exactly 2 class_names. '
            + received(class_names=class_names)
        )
    targets = _targets(labels, choice.label_mode, len(class_names or ()))
    cut = len(paths) - int((choice.validation_split or 0) * len(paths))
    parts = {"training": slice(0, cut), "validation": slice(cut, None), None: slice(None)}
    names = ("training", "validation") if choice.subset == "both" else (choice.subset,)
    datasets = []
    for name in names:
        chosen = paths[parts[name]]
        if name is not None:
            print_message(f"Using {len(chosen)} files for {name}.")
        if not chosen:
            raise ValueError(
                f"No {f'{name} ' if name else ''}{kind.noun} found in directory "
                f"{choice.directory}. Allowed formats: {kind.formats}"
            )
        shuffle = choice.shuffle and (name != "validation" or len(names) == 1)
        dataset = _dataset(
            kind,
            chosen,
            None if targets is None else targets[parts[name]],
            seed if shuffle else None,
            choice.batch_size,
        )
        dataset.class_names = class_names
        dataset.file_paths = chosen
        datasets.append(offered(dataset))
    return datasets if len(names) > 1 else datasets[0]


def _dataset(
    kind: _Kind,
    paths: list[str],
    targets: Tensor | None,
    shuffle_seed: int | None,
    batch_size: int | None,
) -> Dataset:
    numbers = Dataset(lambda: iter(range(len(paths))), len(paths))
    if shuffle_seed is not None:
        numbers = numbers.shuffle(len(paths), seed=shuffle_seed)

    def load(index):
        content = kind.load(paths[index])
        return content if targets is None else (content, targets[index])

    dataset = numbers.map(load, num_parallel_calls=AUTOTUNE)
    if batch_size is not None:
        dataset = kind.batch(dataset, batch_size)
    return dataset.prefetch(AUTOTUNE)


def _targets(labels: Any, label_mode: str | None, num_classes: int) -> Tensor | None:
    if labels is None:
        return None
    numbers = torch.as_tensor(np.asarray(labels, dtype=np.int32))
    if label_mode == "binary":
        return numbers.float().unsqueeze(1)
    if label_mode == "categorical":
        return (numbers.unsqueeze(1) == torch.arange(num_classes)).float()
    return numbers


def _checked(kind: _Kind, choice: _Choice) -> _Choice:
    """The choice with labels and label_mode None where one of them is."""
    labels, class_names = choice.labels, choice.class_names
    is_list = isinstance(labels, (list, tuple))
    if not is_list and labels not in ("inferred", None):
        raise ValueError(
            "`labels` argument should be a list/tuple of integer labels, of the same size as the "
            f"number of {kind.noun} in the target directory. To infer the labels from the "
            'subdirectories pass `labels="inferred"`, for no labels `labels=None`. '
            + received(labels=labels)
        )
    if is_list and class_names:
        raise ValueError(
            'You can only pass `class_names` if `labels="inferred"`. '
            + received(labels=labels, class_names=class_names)
        )
    if choice.label_mode not in ("int", "categorical", "binary", None):
        raise ValueError(
            '`label_mode` argument must be one of "int", "categorical", "binary", or None. '
            + received(label_mode=choice.label_mode)
        )
    _check_split(choice)
    if labels is None or choice.label_mode is None:
        return choice._replace(labels=None, label_mode=None)
    return choice


def _check_split(choice: _Choice) -> None:
    share, subset = choice.validation_split, choice.subset
    if share and not 0 < share < 1:
        raise ValueError(
            f"`validation_split` must be between 0 and 1. {received(validation_split=share)}"
        )
    if bool(share) != bool(subset):
        raise ValueError(
            "If `subset` is set, `validation_split` must be set, and inversely. "
            + received(subset=subset, validation_split=share)
        )
    if subset not in ("training", "validation", "both", None):
        raise ValueError(
            '`subset` must be either "training", "validation" or "both". ' + received(subset=subset)
        )
    if share and choice.shuffle and choice.seed is None:
        raise ValueError(
            "If using `validation_split` and shuffling the data, you must provide a `seed` "
            "argument, to make sure that there is no overlap between the training and validation "
            f"subset. {received(seed=None)}"
        )


def index_directory(
    directory: Any,
    labels: Any,
    formats: tuple[str, ...],
    class_names: list[str] | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> tuple[list[str], Any, list[str] | None]:
    """Paths of the files, their labels, and the names of the classes."""
    directory = os.fspath(directory)
    inferred = isinstance(labels, str)
    folders = _class_folders(directory, class_names) if inferred else [""]
    if not inferred and class_names is not None:
        raise ValueError(
            "When `labels=None` (no labels), argument `class_names` cannot be specified. "
            + received(class_names=class_names)
        )
    paths, numbers = [], []
    for number, folder in enumerate(folders):
        found = _files(os.path.join(directory, folder), follow_links, formats)
        paths += found
        numbers += [number] * len(found)
    if inferred:
        labels = numbers
    elif labels is not None:
        if len(labels) != len(paths):
            raise ValueError(
                "Expected the lengths of `labels` to match the number of files in the target "
                f"directory. len(labels) is {len(labels)} while we found {len(paths)} files in "
                f"directory {directory}. {received(labels=len(labels))}"
            )
        labels = list(labels)
        folders = [str(label) for label in sorted(set(labels))]
    if verbose:
        classes = "" if labels is None else f" belonging to {len(folders)} classes"
        print_message(f"Found {len(paths)} files{classes}.")
    if shuffle:
        seed = np.random.randint(10**6) if seed is None else seed
        for column in (paths, labels):
            if column is not None:
                np.random.RandomState(seed).shuffle(column)
    return paths, labels, None if labels is None else folders


def _class_folders(directory: str, class_names: list[str] | None) -> list[str]:
    folders = [
        name
        for name in sorted(os.listdir(directory))
        if os.path.isdir(os.path.join(directory, name)) and not name.startswith(".")
    ]
    if class_names is None:
        return folders
    if not set(class_names) <= set(folders):
        raise ValueError(
            "The `class_names` passed did not match the names of the subdirectories of the target "
            f"directory. Expected: {folders} (or a subset of it). "
            + received(class_names=class_names)
        )
    return list(class_names)


def _files(folder: str, follow_links: bool, formats: tuple[str, ...]) -> list[str]:
    return [
        os.path.join(root, name)
        for root, _, names in sorted(os.walk(folder, followlinks=follow_links))
        for name in sorted(names)
        if name.lower().endswith(formats)
    ]
