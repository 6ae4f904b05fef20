"""Looking into files of weights, and changing them."""

import json
import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from torchkeras.saving import _archive, _h5, _raw, _walk

__all__ = ["KerasFileEditor"]

MAX_DEPTH = 64


class KerasFileEditor:
    """Shows what is in a file of weights, renames, adds or removes parts, and writes a new file.

    A layer or weight goes by its name where there is only one of that name, else by its path:
    `"layers/dense_2"`.

    Args:
        filepath: a `.keras` or `.weights.h5` file.

    Raises:
        ValueError: another suffix, or a file that is damaged or not safe.
    """

    def __init__(self, filepath):
        self.filepath = os.fspath(filepath)
        self.metadata = None
        self.config = None
        self.model = None
        # Where lines go; a `rich` console has the same method.
        self.console = _Console()
        self._places: set[int] = set()
        self.object_metadata: dict[str, dict[str, Any]] = {}
        if self.filepath.endswith(".keras"):
            with _archive.ZipReader(self.filepath) as archive:
                self.config = json.loads(archive.text(_archive.CONFIG))
                self.metadata = json.loads(archive.text(_archive.METADATA))
                with archive.opened(_archive.WEIGHTS) as file, _h5.opened(file) as weights:
                    self.weights_dict = self._read(weights, "", 0)
        elif self.filepath.endswith(".weights.h5"):
            with _h5.opened(self.filepath) as weights:
                self.weights_dict = self._read(weights, "", 0)
        else:
            raise ValueError(
                "Invalid filename: expected a `.keras` `.weights.h5` extension. "
                f"Received: filepath={self.filepath}"
            )
        self.console.print(f"Keras model file '{self.filepath}'")
        if self.metadata is not None:
            version, date = (self.metadata.get(key) for key in ("keras_version", "date_saved"))
            self.console.print(f"Saved with Keras {version} - date: {date}")

    def _read(self, group: Any, path: str, depth: int) -> dict[str, Any]:
        """The arrays of a group by name, nested as the objects are; `vars` is no level."""
        if depth > MAX_DEPTH:
            raise ValueError(f"Not allowed: H5 file with groups nested deeper than {MAX_DEPTH}")
        place = _h5.place_of(group)
        if place in self._places:
            raise ValueError(
                f"Not allowed: H5 file with one group in several places: {path or '/'}"
            )
        self._places.add(place)
        found = {}
        for key in _h5.keys(group):
            if not _h5.is_group(group, key):
                found[key] = _h5.array_at(group, key)
                continue
            below = _h5.group_at(group, key)
            if key == "vars":
                if below.attrs:
                    self.object_metadata[path] = _h5.attributes(below)
                found.update(self._read(below, path, depth + 1))
            else:
                content = self._read(below, f"{path}/{key}", depth + 1)
                if content:
                    found[key] = content
        return found

    # Looking

    def summary(self):
        """Prints what is in the file as a tree."""
        self.console.print("Weights structure")
        for line in self._lines(self.weights_dict, "", "  "):
            self.console.print(line)

    def _lines(self, content: dict[str, Any], path: str, indent: str) -> Iterator[str]:
        for number, (key, value) in enumerate(content.items(), 1):
            last = number == len(content)
            branch = indent + ("└─ " if last else "├─ ")
            if isinstance(value, dict):
                name = self.object_metadata.get(f"{path}/{key}", {}).get("name")
                yield f"{branch}{key}" + (f" ('{name}')" if name is not None else "")
                below = indent + ("    " if last else "│   ")
                yield from self._lines(value, f"{path}/{key}", below)
            else:
                yield f"{branch}{key}: shape={np.shape(value)}, dtype={np.asarray(value).dtype}"

    def compare(self, reference_model):
        """Prints where the file and a model differ.

        Returns a dict: `status` is "success" or "error", `error_count` and `match_count` count
        differences and weights that agree.
        """
        self.console.print("Running comparison")
        ours, theirs = _shapes(self.weights_dict), _shapes(_contents(reference_model))
        errors = 0
        for path in sorted({*ours, *theirs}):
            if path not in ours:
                message = f"...Weight {path} present in reference model, missing from saved file"
            elif path not in theirs:
                message = f"...Weight {path} present in saved file, missing from reference model"
            elif ours[path] != theirs[path]:
                message = (
                    f"...Weight shape mismatch for {path}\n"
                    f"    In reference model: shape={theirs[path]}\n"
                    f"    In saved file: shape={ours[path]}"
                )
            else:
                continue
            errors += 1
            self.console.print(message)
        matches = sum(ours[path] == theirs[path] for path in {*ours} & {*theirs})
        if errors:
            self.console.print(
                f"Found {errors} errors: saved file is not compatible with the reference model"
            )
        else:
            self.console.print(
                "Comparison successful: saved file is compatible with the reference model\n"
                f"    Found {matches} matching weights"
            )
        return {
            "status": "error" if errors else "success",
            "error_count": errors,
            "match_count": matches,
        }

    # Changing

    def rename_object(self, object_name, new_name):
        """Gives a layer another name, a name without slashes."""
        if "/" in new_name:
            raise ValueError(
                "Argument `target_name` should be a leaf name, not a full path name. "
                f"Received: target_name='{new_name}'"
            )

        def rename(parent, name):
            parent[new_name] = parent.pop(name)

        self._edit(object_name, rename)

    def delete_object(self, object_name):
        """Removes a layer."""
        self._edit(object_name, lambda parent, name: parent.pop(name))

    def add_object(self, object_path, weights):
        """Adds a layer at a path, with its weights: `{"0": kernel, "1": bias}`."""
        _check_weights(weights)
        *parents, name = object_path.split("/")
        place = self.weights_dict
        for part in parents:
            if not isinstance(place.get(part), dict):
                raise ValueError(f"Path '{'/'.join(parents)}' not found in model.")
            place = place[part]
        place[name] = dict(weights)

    def delete_weight(self, object_name, weight_name):
        """Removes a weight of a layer."""

        def delete(parent, name):
            if weight_name not in parent[name]:
                raise ValueError(
                    f"Weight {weight_name} not found in object {object_name}. Weights found: "
                    f"{list(parent[name])}"
                )
            del parent[name][weight_name]

        self._edit(object_name, delete)

    def add_weights(self, object_name, weights):
        """Adds weights to a layer, or replaces them: `{"0": kernel}`."""
        _check_weights(weights)
        self._edit(object_name, lambda parent, name: parent[name].update(weights))

    def _edit(self, name: str, change: Callable[[dict, str], Any]) -> None:
        if "/" in name:
            *parents, leaf = name.split("/")
            place = self.weights_dict
            for part in parents:
                place = place.get(part) if isinstance(place, dict) else None
            if not isinstance(place, dict) or leaf not in place:
                raise ValueError(f"Path '{name}' not found in model.")
            change(place, leaf)
            return
        places = list(_places(self.weights_dict, name))
        if len(places) > 1:
            raise ValueError(
                f"Name '{name}' occurs more than once in the model; try passing a complete path"
            )
        if not places:
            raise ValueError(
                f"Source name '{name}' does not appear in the model. Use `editor.summary()` to "
                "list all objects."
            )
        change(places[0], name)

    def save(self, filepath):
        """Writes a new `.weights.h5` file."""
        filepath = os.fspath(filepath)
        if not filepath.endswith(".weights.h5"):
            raise ValueError(
                "Invalid `filepath` argument: expected a `.weights.h5` extension. "
                f"Received: filepath={filepath}"
            )
        with _archive.replacing(filepath) as part, _raw.sealing(part):
            with _h5.Writer(part) as weights:
                self._write(self.weights_dict, weights, "")

    def resave_weights(self, filepath):
        """The same as `save`."""
        self.save(filepath)

    def _write(self, content: dict[str, Any], weights: _h5.Writer, path: str) -> None:
        arrays = {key: value for key, value in content.items() if not isinstance(value, dict)}
        if arrays:
            name = self.object_metadata.get(f"/{path}" if path else "", {}).get("name")
            weights.entry(path, name).update(arrays)
        for key, value in content.items():
            if isinstance(value, dict):
                self._write(value, weights, f"{path}/{key}" if path else key)


class _Console:
    """Prints lines."""

    def print(self, line: str) -> None:
        print(line)


def _check_weights(weights: Any) -> None:
    if not isinstance(weights, dict):
        raise ValueError(
            "Argument `weights` should be a dict where keys are weight names (usually '0', '1', "
            "etc.) and values are NumPy arrays. "
            f"Received: type(weights)={type(weights)}"
        )


def _places(content: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    """The dicts in which something has that name."""
    if name in content:
        yield content
    for value in content.values():
        if isinstance(value, dict):
            yield from _places(value, name)


def _shapes(content: dict[str, Any], path: str = "") -> dict[str, tuple[int, ...]]:
    shapes = {}
    for key, value in content.items():
        if isinstance(value, dict):
            shapes.update(_shapes(value, f"{path}/{key}"))
        else:
            shapes[f"{path}/{key}"] = tuple(np.shape(value))
    return shapes


class _Contents:
    """Takes the arrays of objects, nested as the objects are."""

    def __init__(self) -> None:
        self.root: dict[str, Any] = {}

    def entry(self, path: str, name: str | None = None) -> dict[str, Any]:
        place = self.root
        for part in path.split("/") if path else ():
            place = place.setdefault(part, {})
        return place


def _contents(model: Any) -> dict[str, Any]:
    contents = _Contents()
    _walk.save_state(model, contents)
    return contents.root
