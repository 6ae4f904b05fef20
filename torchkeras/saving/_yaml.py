"""Architectures in YAML, as Keras before 2.6 had them; read without running anything."""

import json
import types
from typing import Any

from torchkeras._errors import import_optional

__all__ = []

MAX_VALUES = 1_000_000
_TUPLE = "tag:yaml.org,2002:python/tuple"
_TEXT = "tag:yaml.org,2002:python/unicode"


def _package() -> types.ModuleType:
    try:
        return import_optional("yaml", "YAML")
    except ImportError as error:
        raise ImportError(
            "Architectures in YAML require the `pyyaml` package. Install it via "
            "`pip install pyyaml`, or use `to_json` and `model_from_json`."
        ) from error


def written(config: Any, **kwargs: Any) -> str:
    """A configuration of numbers, strings, lists and dicts as YAML; without PyYAML as JSON, which
    is YAML too."""
    try:
        yaml = _package()
    except ImportError:
        if kwargs:
            raise
        return json.dumps(config, indent=2)
    return yaml.safe_dump(config, **{"sort_keys": False, **kwargs})


def read(text: str | bytes) -> Any:
    """What a YAML text says; tuples, which Keras wrote with a tag of Python's, may stand in it.

    Raises:
        ValueError: it is no YAML, has other tags of Python's, or is much larger than it looks.
    """
    try:
        return json.loads(text)
    except ValueError:
        yaml = _package()

    class Loader(yaml.SafeLoader):
        """The safe loader, and tuples."""

    Loader.add_constructor(
        _TUPLE, lambda loader, node: tuple(loader.construct_sequence(node, True))
    )
    Loader.add_constructor(_TEXT, yaml.SafeLoader.construct_yaml_str)
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return None
            if _size(node, {}) > MAX_VALUES:
                raise ValueError(
                    "Not allowed: YAML whose aliases unfold to more than a million values."
                )
            return loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise ValueError(
            f"The configuration of the model is no YAML that may be read: {error}. Tags that make "
            "objects of Python are not allowed, since they can run code."
        ) from error
    except RecursionError as error:
        raise ValueError("The YAML of the model is nested too deeply.") from error


def _size(node: Any, known: dict[int, float]) -> float:
    """Number of values that a node stands for, with what its aliases repeat."""
    if id(node) not in known:
        known[id(node)] = float("inf")  # of a node inside itself
        children = node.value if isinstance(node.value, list) else []
        parts = [part for child in children for part in _parts(child)]
        known[id(node)] = 1 + sum(_size(part, known) for part in parts)
    return known[id(node)]


def _parts(child: Any) -> tuple:
    return child if isinstance(child, tuple) else (child,)
