"""Objects to JSON-like configs and back, in Keras's format.

A config comes from a file that may not be trusted. Names in it are looked up among registered
objects and in the modules of this package that are already imported, never by importing, and only
a `Configurable` class or a function that computes with tensors may be what is found.
"""

import base64
import builtins
import functools
import inspect
import marshal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from torchkeras import _dtypes
from torchkeras import config as settings
from torchkeras._errors import nearest, warn
from torchkeras._naming import to_snake_case

__all__ = [
    "Configurable",
    "CustomObjectScope",
    "ObjectSharingScope",
    "SafeModeScope",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "in_safe_mode",
    "lookup",
    "register_keras_serializable",
    "serialize_keras_object",
]

_PACKAGE = __name__.partition(".")[0]
_PLAIN = (str, int, float, bool, type(None))

# Where the classes of a config may come from; a module that no longer exists is searched for here.
_CLASS_ROOMS = (
    "layers",
    "models",
    "optimizers",
    "optimizers.schedules",
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
    "dtype_policies",
    "quantizers",
    "random",
    "distillation",
    "utils",
    "applications",
)
# Where the functions of a config may come from; those of "ops" only when it says so.
_FUNCTION_ROOMS = (
    "activations",
    "losses",
    "metrics",
    "initializers",
    "regularizers",
    "constraints",
)
_ROOMS = frozenset({*_CLASS_ROOMS, *_FUNCTION_ROOMS, "ops", "tf"})
_NOT_FOR_FILES = frozenset({"get", "serialize", "deserialize"})

# Code of lambdas that this process wrote itself -> the lambda: to read them again runs no code from
# a file.
_own_lambdas: dict[str, types.FunctionType] = {}
_settings = {"trusts_own_lambdas": False}


def trusts_own_lambdas(value: bool | None = None) -> bool:
    """Whether lambdas that this process wrote are read again, also in safe mode; sets it, too."""
    if value is not None:
        _settings["trusts_own_lambdas"] = value
    return _settings["trusts_own_lambdas"]


# Stands for an argument of a user's class that is neither number, string nor a nest of them.
_NOT_PLAIN = object()

_custom_objects: dict[str, Any] = {}
_custom_names: dict[Any, str] = {}


class _Scopes(threading.local):
    def __init__(self):
        self.custom_objects = {}
        self.safe_mode = None
        self.shared_configs = None
        self.shared_objects = None


_scopes = _Scopes()


# Registered objects


class CustomObjectScope:
    """Make custom classes and functions known by name inside this context.

    Args:
        custom_objects: dict of names to objects; scopes inside one another add up.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None):
        self.custom_objects = custom_objects or {}

    def __enter__(self) -> "CustomObjectScope":
        self._outer = _scopes.custom_objects
        _scopes.custom_objects = {**self._outer, **self.custom_objects}
        return self

    def __exit__(self, *args: object, **kwargs: object) -> None:
        _scopes.custom_objects = self._outer


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """The dict of all registered objects itself, not a copy."""
    return _custom_objects


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable:
    """Decorator that makes a class or function known to files as `package>name`."""

    def register(obj):
        if inspect.isclass(obj) and not hasattr(obj, "get_config"):
            raise ValueError(
                f"Cannot register a class that does not have a get_config() method. Received: {obj}"
            )
        registered_name = f"{package}>{name if name is not None else obj.__name__}"
        _custom_objects[registered_name] = obj
        _custom_names[obj] = registered_name
        return obj

    return register


def get_registered_name(obj: Any) -> str:
    """The name an object was registered under, else its Python name."""
    return _custom_names[obj] if obj in _custom_names else obj.__name__


def get_registered_object(
    name: str, custom_objects: Mapping | None = None, module_objects: Mapping | None = None
) -> Any:
    """The object of that name in the scopes, the registry or the given dicts, else None."""
    for place in (_scopes.custom_objects, _custom_objects, custom_objects, module_objects):
        if place and name in place:
            return place[name]
    return None


# Scopes


class SafeModeScope:
    """Decide for all loading inside this context whether stored code may run."""

    def __init__(self, safe_mode: bool = True):
        self.safe_mode = safe_mode

    def __enter__(self) -> None:
        self._outer = _scopes.safe_mode
        _scopes.safe_mode = self.safe_mode

    def __exit__(self, *exception: object) -> None:
        _scopes.safe_mode = self._outer


def in_safe_mode() -> bool | None:
    """True or False while something is loaded, else None; False after the global switch."""
    if _scopes.safe_mode is None and settings.is_unsafe_deserialization_enabled():
        return False
    return _scopes.safe_mode


class ObjectSharingScope:
    """Keep objects that several configs refer to one object, by `shared_object_id`."""

    def __enter__(self) -> None:
        self._outer = _scopes.shared_configs, _scopes.shared_objects
        _scopes.shared_configs, _scopes.shared_objects = {}, {}

    def __exit__(self, *exception: object) -> None:
        _scopes.shared_configs, _scopes.shared_objects = self._outer


# Configurable


def _names_in(room: str) -> Mapping[str, Any]:
    """The namespace of a module of ours, empty where it is not imported."""
    module = sys.modules.get(f"{_PACKAGE}.{room}")
    return {} if module is None else vars(module)


def _is_ours(obj: Any) -> bool:
    module = getattr(obj, "__module__", None)
    return isinstance(module, str) and module.partition(".")[0] == _PACKAGE


class Configurable:
    """Base of everything that can be rebuilt from a config.

    The config is the arguments of `__init__`, each found in the attribute of its name. Arguments
    taken through `**kwargs` are those of the next class in the method resolution order. A class
    may set `_keras_module` where its public module does not follow from its file.

    A class from outside the package that has no `get_config` need not store its arguments: plain
    values are remembered as they were given. Of those it hands on, only the given ones are in its
    config, since it may set the others itself.
    """

    def __new__(cls, *args, **kwargs):
        self = super().__new__(cls)
        if not _is_ours(cls):
            plain = [value if _is_plain(value) else _NOT_PLAIN for value in args]
            named = {k: v if _is_plain(v) else _NOT_PLAIN for k, v in kwargs.items()}
            self.__dict__["_init_arguments"] = (plain, named)
        return self

    def get_config(self) -> dict[str, Any]:
        """The arguments that rebuild this object, as plain values and configs."""
        mro = type(self).__mro__
        owner = next(cls for cls in mro if "get_config" in cls.__dict__)
        if not _is_ours(owner):
            names, given = _argument_names(_first_of_ours(mro, owner)), {}
        elif _is_ours(type(self)):
            names, given = _argument_names(type(self)), {}
        else:
            given = _given_arguments(self)
            names = [n for n in _argument_names(type(self)) if n in given or n == "name"]
            given = {k: given[k] for k in given if k not in names}
            _check_plain(self, given)
        return {name: _config_value(getattr(self, name)) for name in names} | given

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Configurable":
        """A new object from the config of another."""
        raw = () if _is_ours(cls) else _foreign_names(cls)
        return cls(
            **{name: value if name in raw else _revived(value) for name, value in config.items()}
        )


def _is_plain(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    return isinstance(value, _PLAIN)


def _first_of_ours(mro: tuple[type, ...], after: type) -> type:
    return next(cls for cls in mro[mro.index(after) :] if _is_ours(cls))


@functools.lru_cache(maxsize=1024)
def _signature(cls: type) -> tuple[tuple[str, ...], bool]:
    """Names of the arguments of this class's own `__init__`, and whether it takes more."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())[1:]
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = tuple(p.name for p in parameters if p.kind in by_name)
    return names, any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)


def _constructors(cls: type) -> Iterator[tuple[type, tuple[str, ...]]]:
    """The classes whose `__init__` a call of this class can reach, with their arguments."""
    for base in cls.__mro__:
        if base is object or "__init__" not in base.__dict__:
            continue
        names, takes_more = _signature(base)
        yield base, names
        if not takes_more:
            return


def _argument_names(cls: type) -> list[str]:
    """Arguments of the classes of ours that can be passed, those of base classes first."""
    names = {}
    for base, own in reversed(list(_constructors(cls))):
        if _is_ours(base):
            names |= dict.fromkeys(own)
    return list(names)


def _foreign_names(cls: type) -> set[str]:
    return {name for base, own in _constructors(cls) if not _is_ours(base) for name in own}


def _given_arguments(obj: Configurable) -> dict[str, Any]:
    """The arguments an object was made with, by name."""
    args, kwargs = obj.__dict__["_init_arguments"]
    signature = inspect.signature(type(obj).__init__)
    given = signature.bind(obj, *args, **kwargs).arguments
    given.pop(next(iter(signature.parameters)))
    for name, parameter in signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            given |= given.pop(name, {})
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL and name in given:
            given[name] = _NOT_PLAIN
    return given


def _check_plain(obj: Configurable, arguments: dict[str, Any]) -> None:
    names = [name for name, value in arguments.items() if value is _NOT_PLAIN]
    if names:
        raise NotImplementedError(
            f"Object {type(obj).__name__} was created by passing non-serializable argument values "
            f"in `__init__()`: {', '.join(names)}. Therefore the object must override "
            "`get_config()` in order to be serializable. Please implement `get_config()`."
        )


def _config_value(value: Any) -> Any:
    """What stands in a config for the value of an argument; an activation goes by its name."""
    if isinstance(value, types.FunctionType):
        if _names_in("activations").get(value.__name__) is value:
            return value.__name__
    return serialize_keras_object(value)


def _revived(value: Any) -> Any:
    """The value of an argument: configs in it become objects, all else stays."""
    if isinstance(value, dict) and "class_name" in value and "config" in value:
        return deserialize_keras_object(value)
    if isinstance(value, list):
        return [_revived(item) for item in value]
    return value


# Serialization


def serialize_keras_object(obj: Any) -> Any:
    """The config of an object: plain values as they are, all else a dict with `class_name`."""
    if isinstance(obj, _PLAIN):
        return obj
    if isinstance(obj, (list, tuple)):
        items = [serialize_keras_object(item) for item in obj]
        return tuple(items) if isinstance(obj, tuple) else items
    if isinstance(obj, _SharedConfig):
        return obj
    if isinstance(obj, dict):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    for kind, to_config in _FORMS.items():
        if isinstance(obj, kind):
            return to_config(obj)
    if isinstance(obj, types.FunctionType) and obj.__name__ == "<lambda>":
        return _tagged("__lambda__", value=_lambda_code(obj))
    if type(obj).__name__ == "KerasTensor" and _is_ours(type(obj)):
        return _keras_tensor_config(obj)
    return _object_config(obj)


def _tagged(class_name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": config}


def _slice_config(obj: slice) -> dict[str, Any]:
    parts = _tagged("__slice__", start=obj.start, stop=obj.stop, step=obj.step)
    return serialize_keras_object(parts)


def _tensor_config(obj: torch.Tensor) -> dict[str, Any]:
    dtype = _dtypes.standardize_dtype(obj.dtype)
    return _tagged("__tensor__", value=obj.detach().cpu().tolist(), dtype=dtype)


def _array_config(obj: np.ndarray) -> Any:
    if obj.ndim == 0:
        return obj.item()
    dtype = _dtypes.standardize_dtype(obj.dtype)
    return _tagged("__numpy__", value=obj.tolist(), dtype=dtype)


def _keras_tensor_config(obj: Any) -> dict[str, Any]:
    history = getattr(obj, "_keras_history", None)
    if history:
        history = [history[0].name, *history[1:]]
    return _tagged("__keras_tensor__", shape=obj.shape, dtype=obj.dtype, keras_history=history)


_FORMS = {
    bytes: lambda obj: _tagged("__bytes__", value=obj.decode("utf-8")),
    slice: _slice_config,
    types.EllipsisType: lambda obj: _tagged("__ellipsis__"),
    torch.Tensor: _tensor_config,
    np.ndarray: _array_config,
    np.generic: lambda obj: obj.item(),
    torch.dtype: _dtypes.standardize_dtype,
    np.dtype: _dtypes.standardize_dtype,
}


def _object_config(obj: Any) -> dict[str, Any]:
    cls = type(obj)
    is_function = isinstance(obj, types.FunctionType)
    if hasattr(obj, "get_config") and not is_function:
        inner = obj.get_config()
        if not isinstance(inner, dict):
            raise TypeError(
                f"The `get_config()` method of {obj} should return a dict. It returned: {inner}"
            )
        inner = serialize_keras_object(inner)
    elif hasattr(obj, "__name__"):
        inner = get_registered_name(obj)
    else:
        raise TypeError(
            f"Cannot serialize object {obj} of type {cls}. "
            "To be serializable, a class must implement the `get_config()` method."
        )
    module = _public_module(cls)
    public = _is_ours(cls) and not module.startswith("keras.src")
    config = {
        "module": module,
        "class_name": cls.__dict__.get("_keras_name", cls.__name__),
        "config": inner,
        "registered_name": None if public else get_registered_name(cls),
    }
    for key in ("build_config", "compile_config"):
        part = getattr(obj, f"get_{key}", lambda: None)()
        if part is not None:
            config[key] = serialize_keras_object(part)
    return config if _scopes.shared_configs is None else _shared_config(obj, config)


def _public_module(cls: type) -> str | None:
    if "_keras_module" in cls.__dict__:
        return cls.__dict__["_keras_module"]
    if _is_ours(cls):
        return "keras." + cls.__module__.split(".")[1]
    return None if cls.__module__ == "__main__" else cls.__module__


class _SharedConfig(dict):
    """A config in an `ObjectSharingScope`: it is not copied, since it may get an id later."""


def _shared_config(obj: Any, config: dict[str, Any]) -> _SharedConfig:
    config = _SharedConfig(config)
    # The object is held as well, so that no other can have its id.
    _, first = _scopes.shared_configs.setdefault(id(obj), (obj, config))
    if first is not config:
        config["shared_object_id"] = first["shared_object_id"] = id(obj)
    return config


def _lambda_code(function: types.FunctionType) -> tuple:
    try:
        source = inspect.getsource(function)
    except OSError:
        source = repr(function)
    warn(
        "The object being serialized includes a `lambda`. Loading it will need `safe_mode=False`, "
        f"since it runs code from the file. Use a named function instead of: {source}"
    )
    code = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    _own_lambdas[code] = function
    closure = function.__closure__
    cells = tuple(cell.cell_contents for cell in closure) if closure else None
    return code, function.__defaults__, cells


# Deserialization


def deserialize_keras_object(
    config: Any,
    custom_objects: Mapping[str, Any] | None = None,
    safe_mode: bool = True,
    **kwargs: Any,
) -> Any:
    """The object that a config describes.

    Args:
        custom_objects: names of classes and functions that are not registered.
        safe_mode: refuse lambdas and whatever else would run code stored in the config. An
            enclosing load, or `keras.config.enable_unsafe_deserialization()`, decides instead.
        **kwargs: `module_objects`, a dict in which a name, or a config without module, is found.
    """
    module_objects = kwargs.pop("module_objects", None)
    enclosing = in_safe_mode()
    with (
        CustomObjectScope(custom_objects),
        SafeModeScope(safe_mode if enclosing is None else enclosing),
    ):
        if module_objects is not None:
            return _deserialize_among(config, module_objects)
        return _deserialize(config)


def _known_custom(name: Any) -> Any:
    return get_registered_object(name) if isinstance(name, str) else None


def _deserialize(config: Any) -> Any:
    if isinstance(config, str):
        custom = _known_custom(config)
        return config if custom is None else custom
    if isinstance(config, _PLAIN):
        return config
    if isinstance(config, (list, tuple)):
        return [_deserialize(item) for item in config]
    if not isinstance(config, dict):
        raise TypeError(f"Could not parse config: {config}")
    if config.get("class_name") in ("__tuple__", "TensorShape") and "items" in config:
        return tuple(_deserialize(config["items"]))
    if "class_name" not in config or "config" not in config:
        return {key: _deserialize(value) for key, value in config.items()}
    if config["class_name"] in _SPECIAL:
        return _SPECIAL[config["class_name"]](config["config"] or {})
    if config["class_name"] == "function":
        return _deserialize_function(config)
    return _deserialize_instance(config)


def _deserialize_among(config: Any, module_objects: Mapping[str, Any]) -> Any:
    """Like `_deserialize`, for one of the modules that have `get`; an unknown name stays."""
    if isinstance(config, (list, tuple)):
        return [_deserialize_among(item, module_objects) for item in config]
    if isinstance(config, str):
        return _deserialize_name(config, module_objects)
    if not isinstance(config, dict):
        return config
    if "class_name" not in config:
        raise ValueError(f"Unknown `config` as a `dict`, config={config}")
    config = {"config": {}, **config}
    name, inner = config["class_name"], config["config"]
    is_function = name == "function"
    names = (name, config.get("registered_name"), inner)
    known = any(_known_custom(key) is not None for key in names)
    module = config.get("module", "keras")
    if not known and (is_function or module and _room(module) is not None):
        found = _find_in(module_objects, inner if is_function else name)
        if inspect.isclass(found):
            return _instantiate(found, {**config, "config": inner or {}})
        if found is not None:
            return found
    if not known and "module" not in config:
        return name
    return _deserialize(config)


def _deserialize_name(name: str, module_objects: Mapping[str, Any]) -> Any:
    """The custom or built-in object of that name, else the name."""
    found = _known_custom(name)
    if found is not None:
        return found
    found = _find_in(module_objects, name)
    if inspect.isclass(found):
        return found.from_config({})
    return name if found is None else found


def _deserialize_function(config: dict[str, Any]) -> Any:
    name = config["config"]
    if not isinstance(name, str):
        raise TypeError(
            "Expected 'config' to be a non-null str for a function classname, "
            f"instead got {type(name)}. Full config: {config}"
        )
    custom = _known_custom(name)
    if custom is not None:
        return custom
    module = config.get("module") or ""
    found = None
    if module == "builtins":
        rooms = _FUNCTION_ROOMS
    else:
        room = _room(module)
        rooms = (room,) if room in _FUNCTION_ROOMS or room == "ops" else ()
    for room in rooms:
        found = found or _find_in(_names_in(room), name)
    if isinstance(found, types.FunctionType):
        _check_registered_name(config, name, found)
        return found
    if module == "builtins" and ">" not in name:
        # Keras up to 3.6 wrote a registered function by its bare name.
        for place in (_scopes.custom_objects, _custom_objects):
            for key, obj in place.items():
                if key.endswith(f">{name}"):
                    return obj
    raise _not_located("function", name, config)


def _deserialize_instance(config: dict[str, Any]) -> Any:
    class_name = config["class_name"]
    inner = {} if config["config"] is None else config["config"]
    if not isinstance(inner, dict):
        raise TypeError(
            f"Expected 'config' to be a dict for {class_name}, instead got {type(inner)}. "
            f"Full config: {config}"
        )
    shared = _scopes.shared_objects
    shared_id = config.get("shared_object_id")
    if shared is not None and shared_id in shared:
        return shared[shared_id]
    found = _known_custom(config.get("registered_name", class_name))
    if found is None and config.get("registered_name"):
        found = _scopes.custom_objects.get(class_name)
    if found is None:
        found = _find_class(config)
    if isinstance(found, types.FunctionType):
        return found
    obj = _instantiate(found, {**config, "config": inner})
    if shared is not None and shared_id is not None:
        shared[shared_id] = obj
    return obj


def _instantiate(cls: type, config: dict[str, Any]) -> Any:
    if not hasattr(cls, "from_config"):
        raise TypeError(
            f"Unable to reconstruct an instance of '{config['class_name']}' because the class is "
            f"missing a `from_config()` method. Full object config: {config}"
        )
    try:
        obj = cls.from_config(config["config"])
    except TypeError as error:
        raise TypeError(
            f"{cls} could not be deserialized properly. Please ensure that objects returned by "
            "`get_config()` are explicitly deserialized in `from_config()`.\n\n"
            f"config={config}.\n\nException encountered: {error}"
        ) from error
    build_config = config.get("build_config")
    if build_config and not obj.built:
        obj.build_from_config(build_config)
        obj.built = True
    compile_config = config.get("compile_config")
    if compile_config:
        obj.compile_from_config(compile_config)
        obj.compiled = True
    return obj


# Names to objects


def _allowed(obj: Any) -> bool:
    """Whether a config may name this object of ours."""
    if not _is_ours(obj):
        return False
    if inspect.isclass(obj):
        return issubclass(obj, Configurable)
    return isinstance(obj, types.FunctionType) and obj.__name__ not in _NOT_FOR_FILES


def _find_in(namespace: Mapping[str, Any], name: Any, ignore_case: bool = False) -> Any:
    """The class or function of that name; a class also goes by its name in snake case."""
    if not isinstance(name, str) or name.startswith("_"):
        return None
    if _allowed(namespace.get(name)):
        return namespace[name]
    for key, obj in namespace.items():
        if inspect.isclass(obj) and _allowed(obj):
            if to_snake_case(key) == name or (ignore_case and key.lower() == name.lower()):
                return obj
    return None


def _room(module: str) -> str | None:
    """The part of the package that a module path of Keras 1, 2 or 3 belongs to.

    "" is for all of them; None is for a module that is not Keras's.
    """
    parts = module.removeprefix("tensorflow.").removeprefix("python.").split(".")
    if parts[0] not in ("keras", "tf_keras", _PACKAGE):
        return None
    if parts[1:3] == ["optimizers", "schedules"]:
        return "optimizers.schedules"
    return next((part for part in parts[1:] if part in _ROOMS), "")


def _find_class(config: dict[str, Any]) -> type:
    name, module = config["class_name"], config.get("module")
    if module is None:
        # Files of Keras 1 and 2 do not say the module. One that is null is of a custom class.
        room = "" if "module" not in config and not config.get("registered_name") else None
    else:
        room = _room(module)
    if room is None or not isinstance(name, str) or name.startswith("_"):
        raise _not_located("class", name, config)
    operations = _names_in("_op").get("operations", {}) if room in ("ops", "activations") else {}
    found = operations[name].operation_class() if name in operations else None
    for space in () if found else _spaces(room, anywhere=".src." in (module or "")):
        found = space.get(name)
        if _is_ours(found):
            break
    if not _is_ours(found):
        raise _not_located("class", name, config)
    if not inspect.isclass(found) or not _allowed(found):
        raise ValueError(
            f"Could not deserialize '{module}.{name}' because it is not a class that a model can "
            f"be made of. Full object config: {config}"
        )
    _check_registered_name(config, name, found)
    return found


def _spaces(room: str, anywhere: bool) -> Iterator[Mapping[str, Any]]:
    """The namespaces to look a class up in, the likeliest first.

    Args:
        anywhere: go on in the other rooms, for paths of files inside Keras.
    """
    if room:
        yield _names_in(room)
        yield from _files_of(room)
    if not room or anywhere:
        yield vars(sys.modules[_PACKAGE])
        yield from map(_names_in, _CLASS_ROOMS)
        yield from _files_of("models")
        yield _names_in("_op")


def _files_of(room: str) -> Iterator[Mapping[str, Any]]:
    inside = f"{_PACKAGE}.{room}."
    return (vars(module) for name, module in list(sys.modules.items()) if name.startswith(inside))


def _check_registered_name(config: dict[str, Any], name: str, found: Any) -> None:
    registered_name = config.get("registered_name")
    if registered_name and registered_name not in (name, config["class_name"]):
        raise ValueError(
            f"`registered_name={registered_name!r}` was provided in the config, but '{name}' "
            f"resolved to the built-in {found}. Full object config: {config}"
        )


def _not_located(kind: str, name: Any, config: dict[str, Any]) -> TypeError:
    return TypeError(
        f"Could not locate {kind} '{name}'. Make sure custom classes and functions are decorated "
        "with `@keras.saving.register_keras_serializable()` and imported before loading. "
        f"Full object config: {config}"
    )


# Special values


def _load_lambda(config: dict[str, Any]) -> types.FunctionType:
    own = _own_lambdas.get(config["value"][0]) if trusts_own_lambdas() else None
    if own is not None and own.__closure__ is None:
        return own
    if in_safe_mode() is not False:
        raise ValueError(
            "Requested the deserialization of a Python lambda. It would run code stored in the "
            "file, so it is disallowed by default. If you trust the source, pass "
            "`safe_mode=False` to the loading function, or call "
            "`keras.config.enable_unsafe_deserialization()`."
        )
    code, defaults, closure = config["value"]
    names = {"np": np, "torch": torch, "keras": sys.modules[_PACKAGE], **_scopes.custom_objects}
    return types.FunctionType(
        marshal.loads(base64.b64decode(code)),
        {"__builtins__": builtins, **names},
        argdefs=None if defaults is None else tuple(defaults),
        closure=None if closure is None else tuple(types.CellType(cell) for cell in closure),
    )


def _load_keras_tensor(config: dict[str, Any]) -> Any:
    cls = sys.modules[f"{_PACKAGE}._symbolic"].KerasTensor
    tensor = cls(config["shape"], dtype=config["dtype"])
    tensor._pre_serialization_keras_history = config["keras_history"]
    return tensor


def _load_tensor(config: dict[str, Any]) -> torch.Tensor:
    dtype = _dtypes.torch_dtype(config["dtype"])
    return torch.tensor(config["value"], dtype=dtype, device=settings.default_device())


def _load_numpy(config: dict[str, Any]) -> np.ndarray:
    dtype = config["dtype"]
    return np.array(config["value"], dtype=str if dtype == "string" else dtype)


_SPECIAL = {
    "__keras_tensor__": _load_keras_tensor,
    "__tensor__": _load_tensor,
    "__numpy__": _load_numpy,
    "__bytes__": lambda config: config["value"].encode("utf-8"),
    "__ellipsis__": lambda config: Ellipsis,
    "__slice__": lambda config: slice(
        *(_deserialize(config[k]) for k in ("start", "stop", "step"))
    ),
    "__lambda__": _load_lambda,
}


# Lookup


def lookup(
    identifier: Any,
    namespace: Mapping[str, Any],
    kind: str,
    *,
    instantiate: bool = True,
    ignore_case: bool = False,
) -> Any:
    """What a module's `get` gives for a name, a config, a class or a callable; None is None.

    Args:
        namespace: `globals()` of the module, or a dict of names.
        kind: what is looked up, for messages.
        instantiate: call a class without arguments.
        ignore_case: whether names of classes may be written in any case.
    """
    if identifier is None:
        return None
    obj = identifier
    if isinstance(identifier, str):
        obj = _known_custom(identifier)
        if obj is None:
            obj = _find_in(namespace, identifier, ignore_case)
        if obj is None:
            known = (name for name, value in namespace.items() if _allowed(value))
            raise ValueError(
                f"Unknown {kind}: '{identifier}'.{nearest(identifier, known)} "
                f"Could not interpret {kind} identifier: {identifier}"
            )
    elif isinstance(identifier, dict):
        obj = deserialize_keras_object(identifier, module_objects=namespace)
    if not callable(obj) and not isinstance(obj, Configurable):
        raise ValueError(f"Could not interpret {kind} identifier: {identifier}")
    return obj() if instantiate and inspect.isclass(obj) else obj
