"""Whole models and their weights, in and out of files."""

import datetime
import json
import os
import tempfile
import warnings

from torchkeras import _version
from torchkeras._serialize import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras.saving import _archive, _configs, _h5, _legacy, _walk

__all__ = ["load_model", "load_weights", "save_model", "save_weights"]

HDF5_SUFFIXES = (".h5", ".hdf5")


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
    if path.endswith(HDF5_SUFFIXES) or save_format in ("h5", "hdf5"):
        if zipped is not None:
            raise ValueError(f"`zipped` is for the `.keras` format only. Received: filepath={path}")
        if _archive.may_write(path, overwrite):
            _legacy.save(model, path, include_optimizer)
        return
    suffix = os.path.splitext(path)[1]
    if suffix not in (".keras", ""):
        raise ValueError(
            "Invalid filepath extension for saving. Please add either a `.keras` extension for the "
            "native Keras format (recommended) or a `.h5` extension. "
            f"Received: filepath={path}"
        )
    if not _archive.may_write(path, overwrite):
        return
    as_folder = not suffix if zipped is None else not zipped
    if as_folder:
        with _archive.replacing_in_folder(path, last=_archive.CONFIG) as folder:
            _write_parts(model, folder)
        return
    with tempfile.TemporaryDirectory() as folder, _archive.replacing(path) as part:
        _write_parts(model, folder)
        with _archive.ZipWriter(part) as archive:
            for name in (_archive.METADATA, _archive.CONFIG, _archive.WEIGHTS):
                archive.add_file(name, os.path.join(folder, name))
            assets = os.path.join(folder, _archive.ASSETS)
            if os.path.isdir(assets):
                archive.add_folder(_archive.ASSETS, assets)


def _write_parts(model, folder: str) -> None:
    """The files that a `.keras` file consists of."""
    texts = {
        _archive.CONFIG: serialize_keras_object(model),
        _archive.METADATA: {
            "keras_version": _version.KERAS_VERSION,
            "date_saved": datetime.datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
            "torchkeras_version": _version.__version__,
        },
    }
    for name, content in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            json.dump(content, file)
    assets = os.path.join(folder, _archive.ASSETS)
    os.makedirs(assets)
    with _h5.Writer(os.path.join(folder, _archive.WEIGHTS)) as weights:
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
        if os.path.exists(os.path.join(path, "saved_model.pb")):
            raise ValueError(
                "TensorFlow SavedModels hold a TensorFlow program, which cannot run here. Save the "
                f"model as `.keras` or `.h5` with TensorFlow instead. Received: filepath={path}"
            )
        return _load_folder(path, custom_objects, compile, safe_mode)
    if not os.path.isfile(path):
        raise ValueError(
            f"File not found: filepath={path}. Please ensure the file is an accessible `.keras` "
            "zip file."
        )
    if _h5.is_hdf5(path):
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
    config = _configs.read_json(text, "configuration of the model")
    if not compile:
        config.pop("compile_config", None)
    if _configs.is_old(config):
        config = _configs.converted(config)
    with CustomObjectScope(custom_objects or {}):
        return deserialize_keras_object(config, safe_mode=safe_mode)


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
    if optimizer is None or not weights.entry("optimizer"):
        return
    failure = _walk.load_state(_Holder(optimizer), weights, journal=True, partial=True)
    if failure is not None:
        warnings.warn(
            f"Skipping variable loading for optimizer '{optimizer.name}': {failure}", stacklevel=4
        )


class _Holder:
    """What has an optimizer as a model has it."""

    def __init__(self, optimizer):
        self.optimizer = optimizer


def save_weights(model, filepath, overwrite=True, max_shard_size=None, **kwargs):
    """Writes the weights of a model (and its optimizer's state) to a `.weights.h5` file.

    Args:
        model: the model.
        filepath: where to; `.h5` and `.hdf5` alone make a file in the older format.
        overwrite: whether to replace a file without asking.
        max_shard_size: gigabytes in one file; more are written to several, with a map in JSON.

    Raises:
        ValueError: another suffix.
    """
    path = str(filepath)
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if max_shard_size is not None:
        path = _h5.map_path(path, "Saving")
        if not _archive.may_write(path, overwrite):
            return
        folder, name = os.path.split(os.path.realpath(path))
        with _archive.replacing_in_folder(folder, last=name) as part:
            with _h5.ShardedWriter(part, name, max_shard_size * 1024**3) as weights:
                _walk.save_state(model, weights)
        return
    if not path.endswith((*HDF5_SUFFIXES, ".keras")):
        path += ".weights.h5"
    if not _archive.may_write(path, overwrite):
        return
    with _archive.replacing(path) as part:
        if path.endswith(".weights.h5") or not path.endswith(HDF5_SUFFIXES):
            with _h5.Writer(part) as weights:
                _walk.save_state(model, weights)
        else:
            _legacy.save_weights(model, part)


def load_weights(model, filepath, skip_mismatch=False, **kwargs):
    """Reads the weights of a model from a file that `save_weights`, `save_model` or Keras wrote.

    Args:
        model: the model, built.
        filepath: a `.weights.h5`, `.keras`, `.h5` or sharded `.json` file.
        skip_mismatch: whether to leave weights of other shapes as they are.
        by_name: whether to find the layers of an older file by their names.
        objects_to_skip: layers to leave as they are.

    Raises:
        ValueError: there is no such file, or it does not fit the model.
    """
    path = str(filepath)
    by_name = kwargs.pop("by_name", False)
    skip = list(kwargs.pop("objects_to_skip", None) or ())
    if kwargs:
        raise ValueError(f"Invalid keyword arguments: {kwargs}")
    if not os.path.exists(path):
        path = next((path + s for s in (".weights.h5", ".h5") if os.path.exists(path + s)), path)
    if path.endswith(".json"):
        with _h5.ShardedReader(path) as weights:
            _load_state(model, weights, skip, skip_mismatch)
    elif path.endswith(".keras") and not _h5.is_hdf5(path):
        with (
            _archive.ZipReader(path) as archive,
            archive.opened(_archive.WEIGHTS) as file,
            _h5.opened(file) as weights,
        ):
            _load_state(model, _h5.Reader(weights), skip, skip_mismatch)
    else:
        with _h5.opened(path) as file:
            if _legacy.is_legacy(file):
                _legacy.load_weights(model, file, by_name, skip_mismatch)
            elif by_name:
                raise ValueError(f"Invalid keyword arguments: {{'by_name': {by_name}}}")
            else:
                _load_state(model, _h5.Reader(file), skip, skip_mismatch)


def _load_state(model, weights, skip: list, skip_mismatch: bool) -> None:
    if not model.built:
        raise ValueError(
            f"You are loading weights into model '{model.name}' which has not yet been built. Call "
            "`model.build(input_shape)` or the model itself on some data first."
        )
    optimizer = getattr(model, "optimizer", None)
    left_out = [*skip, optimizer] if optimizer is not None else skip
    failure = _walk.load_state(
        model, weights, skip=left_out, journal=not skip_mismatch, partial=skip_mismatch
    )
    if failure is not None:
        warnings.warn(failure, stacklevel=4)
    _read_optimizer(_built_optimizer(model), weights)
