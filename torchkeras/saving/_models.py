"""Whole models and their weights, in and out of files."""

import datetime
import json
import os
import tempfile

from torchkeras import _version
from torchkeras._errors import warn
from torchkeras._serialize import (
    ObjectSharingScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras.saving import (
    _archive,
    _configs,
    _h5,
    _legacy,
    _optimizer_state,
    _raw,
    _safetensors,
    _tensorflow,
    _walk,
)

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

HDF5_SUFFIXES = (".h5", ".hdf5")
# Of files of weights that are no checkpoints of TensorFlow.
_ENDINGS = (*HDF5_SUFFIXES, ".keras", ".json", ".safetensors")

README = f"""This folder is one model, in the format of Keras 3, written by torchkeras \
{_version.__version__}.

    import torchkeras
    model = torchkeras.saving.load_model("the path of this folder")

It is no SavedModel of TensorFlow, though scripts that name a folder may expect one: there is no
saved_model.pb in it, and TensorFlow, TensorFlow Serving and TFLite cannot read it. It is what a
`.keras` file consists of, unpacked:

    config.json       the layers and how they are connected, the optimizer, the loss
    metadata.json     who wrote it, and when
    model.weights.h5  the weights and the state of the optimizer, in HDF5
    assets            vocabularies and the like, where there are any

Keras 3 reads it too, as `keras.saving.load_model("the path of this folder")`.
"""


def save_model(model, filepath, overwrite=True, zipped=None, **kwargs):
    """Writes a model to a file: its configuration, its weights and its optimizer's state.

    The suffix says the format: `.keras`, or `.h5` and `.hdf5` for the older one. A path without
    suffix becomes a folder with the content of a `.keras` file. What was there before stays until
    the new file is complete.

    Args:
        model: the model.
        filepath: where to.
        overwrite: whether to replace a file without asking.
        zipped: False for a folder instead of a `.keras` file.
        include_optimizer: whether an older file holds the optimizer's state.
        save_format: the format, for scripts that say it beside the path: "keras", "h5" or "tf".

    Raises:
        ValueError: another suffix, or an argument that is not known.
    """
    path = str(filepath)
    include_optimizer = kwargs.pop("include_optimizer", True)
    save_format = kwargs.pop("save_format", None)
    if kwargs:
        raise ValueError(
            "The following argument(s) are not supported with the native Keras format: "
            f"{list(kwargs)}"
        )
    _warn_unbuilt(model)
    suffix = os.path.splitext(path)[1]
    is_hdf5 = path.endswith(HDF5_SUFFIXES) or save_format in ("h5", "hdf5")
    as_folder = (save_format == "tf" or not suffix) if zipped is None else not zipped
    if as_folder and suffix == ".keras":
        raise ValueError(
            "When using `zipped=False`, the `filepath` argument should not end in `.keras`. "
            f"Received: filepath={path}"
        )
    if not (as_folder or is_hdf5 or suffix == ".keras"):
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the "
            "native Keras format (recommended) or a `.h5` extension. "
            f"Received: filepath={path}"
        )
    if not _archive.may_write(path, overwrite):
        return
    if is_hdf5 and zipped is not False:
        _legacy.save(model, path, include_optimizer)
        return
    if as_folder:
        with _archive.replacing_in_folder(path, last=_archive.CONFIG) as folder:
            _write_parts(model, folder)
        return
    with (
        tempfile.TemporaryDirectory() as assets,
        _archive.replacing(path) as part,
        _archive.ZipWriter(part) as archive,
    ):
        for name, text in _texts(model).items():
            archive.add_text(name, text)
        with archive.in_place(_archive.WEIGHTS) as file, _h5.Writer(file) as weights:
            _walk.save_state(model, weights, assets)
        archive.add_folder(_archive.ASSETS, assets)


def _has_weights_to_come(model) -> bool:
    """Whether the model is not built, nor one without a `call` whose parts all are: the train steps
    of a GAN call its two models alone."""
    if model.built:
        return False
    parts = list(model._flatten_layers(include_self=False))
    only_parts = getattr(model.call, "is_missing", False) and bool(parts)
    return not (only_parts and all(part.built for part in parts))


def _warn_unbuilt(model) -> None:
    if not model.built:
        warn(
            "You are saving a model that has not yet been built. It might not contain any weights "
            "yet. Consider building the model first by calling it on some data."
        )


def _texts(model) -> dict[str, str]:
    """What a `.keras` file says of a model, by name of the member."""
    metadata = {
        "keras_version": _version.KERAS_VERSION,
        "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        "torchkeras_version": _version.__version__,
    }
    with ObjectSharingScope():
        config = serialize_keras_object(model)
    return {_archive.METADATA: json.dumps(metadata), _archive.CONFIG: json.dumps(config)}


def _write_parts(model, folder: str) -> None:
    """The content of a `.keras` file as files."""
    texts = {**_texts(model), _archive.README: README}
    for name, text in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    assets = os.path.join(folder, _archive.ASSETS)
    os.makedirs(assets)
    with _raw.sealing(os.path.join(folder, _archive.WEIGHTS)) as path, _h5.Writer(path) as weights:
        _walk.save_state(model, weights, assets)
    _drop_empty_folders(assets)


def _drop_empty_folders(folder: str) -> None:
    for place, _, _ in os.walk(folder, topdown=False):
        if not os.listdir(place):
            os.rmdir(place)


def load_model(filepath, custom_objects=None, compile=True, safe_mode=True):
    """A model from a file that `save_model` or Keras wrote.

    Args:
        filepath: a `.keras` file, a folder with the content of one, or an `.h5` file.
        custom_objects: dict from names to classes and functions that the file refers to.
        compile: whether to compile the model as it was.
        safe_mode: whether to refuse files with code in them.

    Raises:
        ValueError: there is no such file, it is damaged, or it asks for what is not safe.
    """
    path = str(filepath)
    if os.path.isdir(path):
        if _tensorflow.is_saved_model(path):
            return _tensorflow.load_model(path, custom_objects, compile, safe_mode)
        return _load_folder(path, custom_objects, compile, safe_mode)
    if not os.path.isfile(path):
        raise _missing(path)
    if path.endswith(HDF5_SUFFIXES) or _h5.is_hdf5(path):
        return _legacy.load(path, custom_objects, compile, safe_mode)
    with _archive.ZipReader(path) as archive:
        model = _revived(archive.text(_archive.CONFIG), custom_objects, compile, safe_mode)
        with (
            archive.opened(_archive.WEIGHTS) as file,
            _h5.opened(file) as weights,
            archive.folder(_archive.ASSETS) as assets,
        ):
            _read_state(model, _h5.Reader(weights), assets)
    return model


def _missing(path: str) -> Exception:
    if path.endswith(HDF5_SUFFIXES):
        return FileNotFoundError(f"No such file. Received: filepath={path}")
    if path.endswith(".keras"):
        return ValueError(
            f"File not found: filepath={path}. Please ensure the file is an accessible `.keras` "
            "zip file."
        )
    return ValueError(
        f"File format not supported: filepath={path}. What can be loaded are `.keras` files, "
        "folders with the content of one, and legacy `.h5` files."
    )


def _load_folder(path: str, custom_objects, compile: bool, safe_mode: bool):
    config = os.path.join(path, _archive.CONFIG)
    if not os.path.isfile(config):
        raise ValueError(f"There is no {_archive.CONFIG} in the folder. Received: filepath={path}")
    with open(config, encoding="utf-8") as file:
        model = _revived(file.read(), custom_objects, compile, safe_mode)
    assets = _archive.checked_folder(os.path.join(path, _archive.ASSETS))
    with _h5.opened(os.path.join(path, _archive.WEIGHTS)) as weights:
        _read_state(model, _h5.Reader(weights), assets)
    return model


def _revived(text: str, custom_objects, compile: bool, safe_mode: bool):
    """A model with fresh weights from its configuration."""
    config = _configs.modern(_configs.read_json(text, "configuration of the model"))
    if not compile:
        config = {**config, "compile_config": None}
    with ObjectSharingScope(), _configs.building():
        model = deserialize_keras_object(config, custom_objects, safe_mode)
    if not _walk.is_saveable(model):
        raise ValueError(f"The configuration is not of a model but of {model!r}")
    return model


def _read_state(model, weights, assets: str | None) -> None:
    optimizer = _built_optimizer(model)
    _walk.load_state(model, weights, assets, skip=[] if optimizer is None else [optimizer])
    _read_optimizer(optimizer, weights)


def _built_optimizer(model):
    """The optimizer, its variables made; None where there is none of ours."""
    optimizer = getattr(model, "optimizer", None)
    if not hasattr(optimizer, "load_own_variables"):
        return None
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    return optimizer


def _read_optimizer(optimizer, weights) -> None:
    """The state of an optimizer, where the file has one; one that does not fit is left out."""
    entry = {} if optimizer is None else weights.entry("optimizer")
    if not entry:
        return
    if len(entry) != len(optimizer.variables) and {*entry} == {*map(str, range(len(entry)))}:
        arrays = [entry[str(index)] for index in range(len(entry))]
        pairs = _optimizer_state.matched(optimizer, arrays)
        if pairs is not None:
            for variable, array in pairs:
                variable.assign(array)
            return
    failure = _walk.load_state(_Holder(optimizer), weights, journal=True, partial=True)
    if failure is not None:
        warn(f"Skipping variable loading for optimizer '{optimizer.name}': {failure}")


class _Holder:
    """What has an optimizer as a model has it."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Writes the weights of a model (and its optimizer's state) to a `.weights.h5` file.

    Args:
        model: the model.
        filepath: where to; `.h5` and `.hdf5` alone make a file in the older format, `.safetensors`
            one with the weights of `state_dict()`. A path without suffix, or with the `.ckpt` of
            TensorFlow's tutorials, gets `.weights.h5` added, and is read back without it.
        overwrite: whether to replace a file without asking.
        max_shard_size: gigabytes in one file; more are written to several, with a map in JSON.

    Raises:
        ValueError: another suffix.
    """
    path = str(filepath)
    skip = kwargs.pop("objects_to_skip", None) or ()
    save_format = kwargs.pop("save_format", None)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if _has_weights_to_come(model):
        raise ValueError(
            "You are saving a model that has not yet been built. Try building the model first by "
            "calling it on some data or by using `build()`."
        )
    if max_shard_size is not None:
        _save_shards(model, path, overwrite, max_shard_size, skip)
        return
    is_old = path.endswith(HDF5_SUFFIXES) or save_format in ("h5", "hdf5")
    is_old = is_old and not path.endswith(".weights.h5")
    is_torch = path.endswith(".safetensors")
    if not is_old and not is_torch and not path.endswith(".weights.h5"):
        if os.path.splitext(path)[1] not in ("", ".ckpt", ".tf"):
            raise ValueError(f"The filename must end in `.weights.h5`. Received: filepath={path}")
        path += ".weights.h5"
        # As TensorFlow did for such names.
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if not _archive.may_write(path, overwrite):
        return
    with _archive.replacing(path) as part:
        if is_torch:
            _safetensors.save(model, part)
        elif is_old:
            _legacy.save_weights(model, part)
        else:
            with _raw.sealing(part), _h5.Writer(part) as weights:
                _walk.save_state(model, weights, skip=skip)


def _save_shards(model, path: str, overwrite: bool, max_shard_size: float, skip) -> None:
    if not path.endswith(("weights.h5", "weights.json")):
        raise ValueError(
            "The filename must end in `.weights.json` when `max_shard_size` is specified. "
            f"Received: filepath={path}"
        )
    path = _h5.map_path(path, "Saving")
    if not _archive.may_write(path, overwrite):
        return
    folder, name = os.path.split(os.path.realpath(path))
    with _archive.replacing_in_folder(folder, last=name) as part:
        with _h5.ShardedWriter(part, name, max_shard_size * 1024**3) as weights:
            _walk.save_state(model, weights, skip=skip)


def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Reads the weights of a model from a file that `save_weights`, `save_model` or Keras wrote.

    Args:
        model: the model, built.
        filepath: a `.weights.h5`, `.keras`, `.h5`, `.safetensors` or sharded `.json` file, or the
            prefix of a checkpoint of TensorFlow.
        skip_mismatch: whether to leave weights of other shapes as they are.
        by_name: whether to find the layers of an older file by their names.
        objects_to_skip: layers to leave as they are.

    Returns:
        None; for a path as TensorFlow's checkpoints have it, what tf.keras gave: an object with
        `expect_partial()` and `assert_consumed()`, which hold, as all weights were found.

    Raises:
        ValueError: there is no such file, or it does not fit the model.
    """
    path = str(filepath)
    status = None if path.endswith(_ENDINGS) else _tensorflow.Complete()
    by_name = kwargs.pop("by_name", None)
    skip = list(kwargs.pop("objects_to_skip", None) or ())
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if _has_weights_to_come(model):
        raise ValueError(
            "You are loading weights into a model that has not yet been built. Try building the "
            "model first by calling it on some data or by using `build()`."
        )
    if _tensorflow.is_checkpoint(path):
        _check_not_by_name(by_name, path)
        _tensorflow.load_weights(model, path, skip_mismatch)
        return status
    if not os.path.exists(path):
        path = next((path + s for s in (".weights.h5", ".h5") if os.path.exists(path + s)), path)
    if path.endswith(".json"):
        _check_not_by_name(by_name, path)
        with _h5.ShardedReader(path) as weights:
            _load_state(model, weights, skip, skip_mismatch)
    elif path.endswith(".safetensors"):
        _check_not_by_name(by_name, path)
        for problem in _safetensors.load(model, path, skip_mismatch):
            warn(f"Skipping loading of weights: {problem}")
    elif path.endswith(".keras") and not _h5.is_hdf5(path):
        _check_not_by_name(by_name, path)
        with (
            _archive.ZipReader(path) as archive,
            archive.opened(_archive.WEIGHTS) as file,
            _h5.opened(file) as weights,
        ):
            _load_state(model, _h5.Reader(weights), skip, skip_mismatch)
    else:
        with _h5.opened(path) as file:
            if _legacy.is_legacy(file):
                _legacy.load_weights(model, file, bool(by_name), skip_mismatch)
            else:
                _check_not_by_name(by_name, path)
                _load_state(model, _h5.Reader(file), skip, skip_mismatch)
    return status


def _check_not_by_name(by_name: bool | None, path: str) -> None:
    if by_name:
        raise ValueError(
            f"`by_name` only supports loading legacy '.h5' or '.hdf5' files. Received: {path}"
        )


def _load_state(model, weights, skip: list, skip_mismatch: bool) -> None:
    optimizer = getattr(model, "optimizer", None)
    left_out = [*skip, optimizer] if optimizer is not None else skip

    def then() -> None:
        if not any(obj is optimizer for obj in skip):
            _read_optimizer(_built_optimizer(model), weights)

    failure = _walk.load_state(
        model, weights, skip=left_out, journal=True, partial=skip_mismatch, then=then
    )
    if failure is not None:
        warn(failure)
