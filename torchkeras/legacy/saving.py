"""Configurations in the format of Keras 2, where a name is looked up in a given namespace."""

import functools
import inspect

from torchkeras._serialize import CustomObjectScope, get_registered_name, get_registered_object
from torchkeras._serialize import serialize_keras_object as _serialized

__all__ = ["deserialize_keras_object", "serialize_keras_object"]


def serialize_keras_object(instance):
    """The configuration of an object as Keras 2 wrote it; a function goes by its name.

    Raises:
        ValueError: what has neither `get_config` nor a name.
    """
    if instance is None:
        return None
    if hasattr(instance, "get_config"):
        config = {
            key: value if isinstance(value, str) else _serialized(value)
            for key, value in instance.get_config().items()
        }
        return {"class_name": get_registered_name(type(instance)), "config": config}
    if hasattr(instance, "__name__"):
        return get_registered_name(instance)
    raise ValueError(f"Cannot serialize {instance} because it doesn't implement `get_config()`.")


def deserialize_keras_object(
    identifier, module_objects=None, custom_objects=None, printable_module_name="object"
):
    """The object of a configuration or name.

    Args:
        identifier: a configuration, a name, or None.
        module_objects: dict in which names are looked up after the registered ones.
        custom_objects: dict in which names are looked up besides.
        printable_module_name: what is looked up, for messages.

    Raises:
        ValueError: an unknown name, or what is no configuration.
    """
    if identifier is None or inspect.isfunction(identifier):
        return identifier
    if isinstance(identifier, str):
        found = _found(identifier, module_objects, custom_objects, printable_module_name)
        return found() if inspect.isclass(found) else found
    if not isinstance(identifier, dict):
        raise ValueError(f"Could not interpret serialized {printable_module_name}: {identifier}")
    if "class_name" not in identifier or "config" not in identifier:
        raise ValueError(
            f"Improper config format for {identifier}. Expecting python dict contains "
            "`class_name` and `config` as keys"
        )
    name, config = identifier["class_name"], identifier["config"]
    found = _found(name, module_objects, custom_objects, printable_module_name)
    with CustomObjectScope(custom_objects):
        if hasattr(found, "from_config"):
            return found.from_config(config)
        # A function that makes objects: one that was named by the caller, not by a module.
        if get_registered_object(name, custom_objects) is None:
            raise ValueError(f"Could not interpret serialized {printable_module_name}: {name}")
        return found(**config)


def with_legacy_format(serialize):
    """A function `serialize(obj, use_legacy_format=False)`, which gives the format of Keras 2
    where it is asked for."""

    @functools.wraps(serialize)
    def serialized(*args, use_legacy_format=False, **kwargs):
        if use_legacy_format:
            return serialize_keras_object(*args, **kwargs)
        return serialize(*args, **kwargs)

    return serialized


def _found(name, module_objects, custom_objects, what):
    found = get_registered_object(name, custom_objects, module_objects)
    if found is None:
        raise ValueError(
            f"Unknown {what}: '{name}'. Please ensure you are using a "
            "`keras.utils.custom_object_scope` and that this object is included in the scope."
        )
    return found
