"""Objects to and from the configurations that Keras 2 wrote: no modules, names of functions."""

import inspect
from collections.abc import Mapping
from typing import Any

from torchkeras._errors import nearest, received
from torchkeras._serialize import (
    CustomObjectScope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
)

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def serialize_keras_object(instance: Any) -> Any:
    """`{"class_name": ..., "config": ...}` of an object, or the name of a function."""
    instance = inspect.unwrap(instance) if callable(instance) else instance
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        config = {key: _config_value(value) for key, value in instance.get_config().items()}
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(
        f"Cannot serialize {instance} because it doesn't implement `get_config()`. "
        + received(instance=instance)
    )


def _config_value(value: Any) -> Any:
    if isinstance(value, str):
        return value
    try:
        serialized = serialize_keras_object(value)
    except ValueError:
        return value
    if isinstance(serialized, dict):
        serialized["__passive_serialization__"] = True
    return serialized


def deserialize_keras_object(
    identifier: Any,
    module_objects: Mapping[str, Any] | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    printable_module_name: str = "object",
) -> Any:
    """The object of such a configuration, or that of a name.

    Args:
        module_objects: classes and functions by name, beside the custom ones.
        custom_objects: more of them, which come first.
        printable_module_name: what kind of object it is, for messages.
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    spaces = dict(custom_objects or {}), dict(module_objects or {})
    if isinstance(identifier, str):
        found = _find(identifier, *spaces, printable_module_name)
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict):
        raise ValueError(
            f"Could not interpret serialized {printable_module_name}: {identifier}. "
            + received(identifier=identifier)
        )
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format for {identifier}. Expecting python dict contains "
            f"`class_name` and `config` as keys. {received(identifier=identifier)}"
        )
    cls = _find(identifier["class_name"], *spaces, printable_module_name)
    config = identifier["config"]
    if isinstance(config, dict):
        config = {key: _revived(key, value, *spaces) for key, value in config.items()}
    if not hasattr(cls, "from_config"):
        with CustomObjectScope(spaces[0]):
            return cls(**config)
    if "custom_objects" in inspect.signature(cls.from_config).parameters:
        return cls.from_config(config, custom_objects={**get_custom_objects(), **spaces[0]})
    with CustomObjectScope(spaces[0]):
        return cls.from_config(config)


def _find(name: str, custom: dict, known: dict, kind: str) -> Any:
    found = get_registered_object(name, custom, known)
    if found is None:
        raise ValueError(
            f"Unknown {kind}: '{name}'. Please ensure you are using a "
            "`keras.utils.custom_object_scope` and that this object is included in the scope."
            f"{nearest(name, [*custom, *known])} {received(name=name)}"
        )
    return found


def _revived(key: str, value: Any, custom: dict, known: dict) -> Any:
    """A value of a configuration with the objects and functions that it names."""
    if key == "name":
        return value
    if isinstance(value, dict) and "__passive_serialization__" in value:
        return deserialize_keras_object(value, known, custom, "config_item")
    if isinstance(value, str):
        found = get_registered_object(value, custom, known)
        return found if inspect.isfunction(found) else value
    return value
