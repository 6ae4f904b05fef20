"""Files of Keras 1 and 2: `utils.io_utils`, `engine.saving` and what read downloads."""

import base64
import io
import marshal
import os
import pathlib
import sys
import tempfile
import types

import numpy as np

from torchkeras import saving
from torchkeras._errors import import_optional, received
from torchkeras._serialize import in_safe_mode
from torchkeras.saving import _legacy, _old_weights
from torchkeras.utils._files import has_hash

__all__ = [
    "H5Dict",
    "ask_to_proceed_with_overwrite",
    "func_dump",
    "func_load",
    "load_array",
    "load_attributes_from_hdf5_group",
    "load_from_binary_h5py",
    "load_weights_from_hdf5_group",
    "load_weights_from_hdf5_group_by_name",
    "pickle_model",
    "preprocess_weights_for_loading",
    "save_array",
    "save_attributes_to_hdf5_group",
    "save_to_binary_h5py",
    "save_weights_to_hdf5_group",
    "unpickle_model",
    "validate_file",
]


def validate_file(fpath, file_hash, algorithm="auto", chunk_size=65535):
    """Whether a file has that SHA-256 or MD5 hash.

    Args:
        algorithm: "sha256", "md5" or "auto", which goes by the length of the hash.
        chunk_size: changes nothing; how much is read at a time is no matter of the result.
    """
    return has_hash(fpath, file_hash, algorithm)


# ---------------------------------------------------------------- functions as text


def func_dump(func):
    """The code of a function as text, its defaults, and the values that it closes over."""
    code = base64.encodebytes(marshal.dumps(func.__code__)).decode("ascii")
    cells = func.__closure__
    return code, func.__defaults__, tuple(c.cell_contents for c in cells) if cells else None


def func_load(code, defaults=None, closure=None, globs=None):
    """The function that `func_dump` made text of, whose code runs when it is called.

    Args:
        code: the text, or all three of what `func_dump` gave.
        globs: names that the function sees; None: those of the caller's module.

    Raises:
        ValueError: while a model is loaded in safe mode.
    """
    if in_safe_mode():
        raise ValueError(
            "`func_load` makes a function of what a file holds, which is disallowed in safe mode. "
            "If you trust the source, pass `safe_mode=False` to the loading function."
        )
    if isinstance(code, (tuple, list)):
        code, defaults, closure = code
    if globs is None:
        globs = sys._getframe(1).f_globals
    return types.FunctionType(
        marshal.loads(base64.b64decode(code)),
        globs,
        argdefs=None if defaults is None else tuple(defaults),
        closure=None if closure is None else tuple(types.CellType(value) for value in closure),
    )


# ---------------------------------------------------------------- io_utils


def ask_to_proceed_with_overwrite(filepath):
    """Asks on the console whether a file may be overwritten."""
    answer = input(f"[WARNING] {filepath} already exists - overwrite? [y/n]").strip().lower()
    while answer not in ("y", "n"):
        answer = input('Enter "y" (overwrite) or "n" (cancel).').strip().lower()
    if answer == "y":
        print("[TIP] Next time specify overwrite=True!")
    return answer == "y"


def save_array(array, name):
    """Writes an array to an HDF5 file."""
    with import_optional("h5py", "`save_array`").File(name, "w") as file:
        file.create_dataset("x", data=np.asarray(array))


def load_array(name):
    """The array of a file that `save_array` wrote, also the one of Keras 1."""
    with import_optional("h5py", "`load_array`").File(name, "r") as file:
        return file["x"][()]


def save_to_binary_h5py(save_function, stream):
    """Writes what `save_function(file)` puts into an HDF5 file to a stream of bytes."""
    buffer = io.BytesIO()
    with import_optional("h5py", "`save_to_binary_h5py`").File(buffer, "w") as file:
        save_function(file)
    stream.write(buffer.getvalue())


def load_from_binary_h5py(load_function, stream):
    """What `load_function(file)` gives for the HDF5 file in a stream of bytes."""
    h5py = import_optional("h5py", "`load_from_binary_h5py`")
    with h5py.File(io.BytesIO(stream.read()), "r") as file:
        return load_function(file)


class H5Dict:
    """A dict of arrays, texts, lists of texts and further dicts, in an HDF5 file or in a dict.

    A key that is not there yet gives a new dict under it, where it may be written.

    Args:
        path: path of a file, an open file or group of h5py, or a dict.
        mode: that of the file: "r", "w" or "a".
    """

    def __init__(self, path, mode="a"):
        self._is_file = False
        self.read_only = mode == "r"
        self.data = path
        if isinstance(path, (str, os.PathLike)):
            self.data = import_optional("h5py", "`H5Dict`").File(path, mode)
            self._is_file = True
        elif not isinstance(path, dict) and not H5Dict.is_supported_type(path):
            raise TypeError(
                "Required Group, str or dict. " + received(path=path, type=type(path).__name__)
            )

    @staticmethod
    def is_supported_type(path):
        """Whether there is an `H5Dict` of that."""
        if isinstance(path, (str, os.PathLike, dict)):
            return True
        h5py = sys.modules.get("h5py")
        return h5py is not None and isinstance(path, h5py.Group)

    def __setitem__(self, attr, val):
        if self.read_only:
            raise ValueError(f"Cannot set item in read-only mode. Received: key={attr!r}")
        if isinstance(self.data, dict):
            self.data[attr] = val
        elif isinstance(val, dict):
            self[attr].update(val)
        elif isinstance(val, (str, bytes)):
            self.data.attrs[attr] = val
        elif isinstance(val, (list, tuple)) and all(isinstance(x, (str, bytes)) for x in val):
            _legacy._write_names(self.data, attr, [_text(x) for x in val])
        else:
            if attr in self.data:
                del self.data[attr]
            self.data.create_dataset(attr, data=np.asarray(val))

    def __getitem__(self, attr):
        if attr is None:
            raise KeyError("The key must not be None. Received: key=None")
        if isinstance(self.data, dict):
            if attr not in self.data and self.read_only:
                raise ValueError(f"Cannot create group in read-only mode. Received: key={attr!r}")
            found = self.data.setdefault(attr, {})
            return H5Dict(found) if isinstance(found, dict) else found
        if attr in self.data.attrs or f"{attr}0" in self.data.attrs:
            found = self.data.attrs.get(attr)
            return found if isinstance(found, (str, bytes)) else _legacy._names(self.data, attr)
        if attr in self.data:
            found = self.data[attr]
            return found[()] if hasattr(found, "dtype") else self._part(found)
        if self.read_only:
            raise ValueError(f"Cannot create group in read-only mode. Received: key={attr!r}")
        return self._part(self.data.create_group(attr))

    def _part(self, group):
        return H5Dict(group, "r" if self.read_only else "a")

    def __len__(self):
        return len(self.data) + (0 if isinstance(self.data, dict) else len(self.data.attrs))

    def __iter__(self):
        if not isinstance(self.data, dict):
            yield from self.data.attrs
        yield from self.data

    def iter(self):
        """The keys."""
        return iter(self)

    def __contains__(self, key):
        return key in self.data or (not isinstance(self.data, dict) and key in self.data.attrs)

    def get(self, key, default=None):
        """The value of a key, or the default where there is none."""
        return self[key] if key in self else default

    def update(self, *args):
        """Sets the items of a dict, or of pairs of key and value."""
        for key, value in dict(*args).items():
            self[key] = value

    def close(self):
        """Closes the file, if it was opened here."""
        if self._is_file:
            self.data.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def _text(name) -> str:
    return name.decode() if isinstance(name, bytes) else name


# ---------------------------------------------------------------- engine.saving


def save_attributes_to_hdf5_group(group, name, data):
    """Writes a list of texts as an attribute; a long one goes on in `name0`, `name1`, ..."""
    long = [x for x in data if len(x) > _legacy.MAX_ATTRIBUTE]
    if long:
        raise RuntimeError(
            "The following attributes cannot be saved to HDF5 file because they are larger than "
            f"{_legacy.MAX_ATTRIBUTE} bytes: {long}"
        )
    _legacy._write_names(group, name, [_text(x) for x in data])


def load_attributes_from_hdf5_group(group, name):
    """The list of texts that `save_attributes_to_hdf5_group` wrote."""
    return _legacy._names(group, name)


def save_weights_to_hdf5_group(group, layers):
    """Writes the weights of a list of layers to a group."""
    _legacy._write_names(group, "layer_names", [layer.name for layer in layers])
    _legacy._mark(group)
    for layer in sorted(layers, key=lambda layer: layer.name):
        _legacy._write(group.require_group(layer.name), _legacy._weights(layer), None)


def load_weights_from_hdf5_group(f, layers, reshape=False):
    """Reads the weights of a list of layers, in their order, from a group.

    Args:
        reshape: whether weights with as many values as wanted get the shape that is.

    Raises:
        ValueError: layers or weights that do not agree.
    """
    saved = [(name, arrays) for name, arrays in _saved(f) if arrays]
    layers = [layer for layer in layers if _legacy._weights(layer)]
    if len(saved) != len(layers):
        raise ValueError(
            f"You are trying to load a weight file containing {len(saved)} layers into a model "
            f"with {len(layers)} layers."
        )
    pairs = [(layer, arrays) for layer, (_, arrays) in zip(layers, saved, strict=True)]
    _assign(f, pairs, False, reshape)


def load_weights_from_hdf5_group_by_name(f, layers, skip_mismatch=False, reshape=False):
    """Reads the weights of those layers whose names are in a group.

    Args:
        skip_mismatch: whether weights that do not fit are left out, with a warning.
        reshape: whether weights with as many values as wanted get the shape that is.

    Raises:
        ValueError: weights that do not agree.
    """
    named = {layer.name: layer for layer in layers}
    pairs = [(named[name], arrays) for name, arrays in _saved(f) if name in named]
    _assign(f, pairs, skip_mismatch, reshape)


def _saved(group) -> list[tuple[str, list]]:
    """The names of the saved layers, and their weights."""
    return [
        (name, [group[name][weight][()] for weight in _legacy._names(group[name], "weight_names")])
        for name in _legacy._names(group, "layer_names")
    ]


def _assign(group, pairs, skip_mismatch, reshape) -> None:
    """Sets the weights of layers, all or, where one does not fit, none."""
    made = _old_weights.origin(group, group.file)
    values = []
    for layer, arrays in pairs:
        arrays = _old_weights.converted(layer, arrays, made)
        arrays = _reshaped(layer, arrays) if reshape else arrays
        place = f"layer {layer.name}"
        weights = _legacy._weights(layer)
        values += _legacy._values(place, weights, arrays, skip_mismatch, skip_mismatch)
    for variable, array in values:
        variable.assign(array)


def _reshaped(layer, arrays) -> list:
    variables = _legacy._weights(layer)
    if len(variables) != len(arrays):
        return arrays
    return [
        np.reshape(array, tuple(variable.shape)) if np.size(array) == variable.numel() else array
        for variable, array in zip(variables, arrays, strict=True)
    ]


def preprocess_weights_for_loading(
    layer, weights, original_keras_version=None, original_backend=None, reshape=False
):
    """Weights of a layer as an older version of Keras wrote them, in their order and shapes of
    today.

    Args:
        original_keras_version: that version; None: Keras 1.
        original_backend: "theano" where the kernels of convolutions are the other way round.
        reshape: whether weights with as many values as wanted get the shape that is.
    """
    version = "1" if original_keras_version is None else str(original_keras_version)
    made = _old_weights.Origin(version.startswith("1"), original_backend == "theano")
    weights = _old_weights.converted(layer, [np.asarray(weight) for weight in weights], made)
    return _reshaped(layer, weights) if reshape else weights


def pickle_model(model):
    """A model with its weights and its optimizer's state, as a dict that can be pickled."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        saving.save_model(model, path)
        return {"keras": np.frombuffer(path.read_bytes(), np.uint8)}


def unpickle_model(state):
    """The model that `pickle_model` made a dict of."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        path.write_bytes(np.asarray(state["keras"]).tobytes())
        return saving.load_model(path)
