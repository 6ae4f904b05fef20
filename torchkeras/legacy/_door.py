"""The door through which old arguments come in: `open_door` makes the classes and functions of the
table accept the names of Keras 1 and 2 and hands on those of today."""

import functools
import inspect
import sys
import types
from collections.abc import Callable
from typing import Any

from torchkeras import initializers
from torchkeras._errors import warn_once
from torchkeras.legacy._renames import (
    ALWAYS,
    ARGUMENTS,
    CAST,
    DEFAULTS,
    INITIALIZED,
    METHODS,
    ORDERS,
    VALUES,
)

__all__ = ["Rule", "accepting", "known_names", "open_door", "renaming"]

# Classes whose old names say that the sizes of a kernel stand one by one, in whatever call.
ONE_BY_ONE = {
    "legacy.layers.Convolution2D": "layers.Conv2D",
    "legacy.layers.Convolution3D": "layers.Conv3D",
    "legacy.layers.SeparableConvolution2D": "layers.SeparableConv2D",
    "legacy.layers.Deconvolution2D": "legacy.layers.Deconvolution2D",
    "legacy.layers.Deconvolution3D": "legacy.layers.Deconvolution3D",
    "legacy.layers.AtrousConvolution2D": "legacy.layers.AtrousConvolution2D",
}
KERNEL_SIZES = ({"nb_row", "nb_col"}, {"kernel_dim1", "kernel_dim2", "kernel_dim3"})


class Rule:
    """How the arguments of one class or function are renamed.

    Args:
        what: its name, for messages.
        renames: text of the table.
        order: old names in their old positions, or None.
        defaults: what stands for arguments that are not given, in a call with old names.
        one_by_one: whether kernel sizes that stand one by one mark a call as old.
        always: what stands for arguments that are not given, in any call.
    """

    def __init__(self, what, renames="", order=None, defaults=None, one_by_one=False, always=None):
        self.what = what
        self.single, self.joined = {}, {}
        for entry in renames.split():
            old, _, new = entry.partition("=")
            parts = old.split("+")
            if len(parts) > 1:
                self.joined[tuple(parts)] = new
            elif old != new:
                self.single[old] = new
        self.old = frozenset(self.single).union(*self.joined)
        self.order = order.split() if order else []
        self.defaults = defaults or {}
        self.one_by_one = one_by_one
        self.always = always or {}

    def modern(self, args: tuple, kwargs: dict, names: list[str]) -> tuple[tuple, dict]:
        """The arguments of a call in today's names; `names` are today's positional ones."""
        is_old = not self.old.isdisjoint(kwargs) or self._is_old_by_place(args)
        if is_old and self.order and self._differs(args, names):
            kwargs = {**dict(zip(self.order, args, strict=False)), **kwargs}
            args = ()
        if not is_old:
            return args, kwargs
        return self._renamed(args, kwargs, names)

    def _differs(self, args: tuple, names: list[str]) -> bool:
        """Whether a positional argument stands for another one than today."""
        for old, new in zip(self.order[: len(args)], names, strict=False):
            if self.single.get(old, old) != new:
                return True
        return len(args) > len(names)

    def _is_old_by_place(self, args: tuple) -> bool:
        if not self.order or len(args) < 2:
            return False
        sizes = args[1 : 1 + len(self._sizes())]
        if self.one_by_one and len(sizes) > 1 and all(isinstance(n, int) for n in sizes):
            return True
        place = self.order.index("init") if "init" in self.order else len(args)
        return place < len(args) and _is_initializer_name(args[place])

    def _sizes(self) -> list[str]:
        return [name for name in self.order if any(name in group for group in KERNEL_SIZES)]

    def _renamed(self, args: tuple, kwargs: dict, names: list[str]) -> tuple[tuple, dict]:
        given = set(names[: len(args)])
        result = {}
        for parts, new in self.joined.items():
            values = [kwargs[part] for part in parts if part in kwargs]
            if values:
                self._note(" and ".join(parts), new)
                lead = [args[1]] if new in given and len(values) < len(parts) else []
                if lead:
                    args, given = args[:1], given - {new}
                result[new] = tuple([*lead, *values])
        joined = {part for parts in self.joined for part in parts}
        for name, value in kwargs.items():
            if name in joined:
                continue
            if name not in self.single:
                result[name] = value
                continue
            new = self.single[name]
            if new == "":
                self._note_dropped(name, value)
            else:
                self._put(name, value, new.split(","), {*kwargs, *given}, result)
        for name, value in self.defaults.items():
            if name not in given:
                result.setdefault(name, value)
        return args, result

    def _put(self, name: str, value: Any, targets: list[str], given: set, result: dict) -> None:
        value = self._converted(name, value)
        self._note(name, "` and `".join(targets))
        for target in targets:
            if target in given:
                raise ValueError(
                    f"Argument `{name}` of {self.what} is called `{target}` now; both were given. "
                    f"Received: {name}={value!r}"
                )
            result[target] = value

    def _converted(self, name: str, value: Any) -> Any:
        if name in INITIALIZED:
            return with_dtype(value)
        if name == "input_length" and self.single[name] == "input_shape":
            return tuple(value) if isinstance(value, (list, tuple)) else (value,)
        if name == "scale" and self.single[name] == "maxval":
            return abs(value)
        table = VALUES.get(name)
        if table is None or not isinstance(value, (str, bool)):
            return value
        if value not in table:
            raise ValueError(
                f"Unknown value of argument `{name}` of {self.what}. Received: {name}={value!r}"
            )
        return table[value]

    def _note(self, old: str, new: str) -> None:
        if old != "input_length":
            warn_once(f"Argument `{old}` of {self.what} is called `{new}` now.")

    def _note_dropped(self, name: str, value: Any) -> None:
        if name == "mode" and value == 1:
            raise ValueError(
                "Normalizing each sample by itself is not what BatchNormalization does any more; "
                f"use LayerNormalization. Received: mode={value}"
            )
        if value not in (None, False, 0, "default"):
            warn_once(f"Argument `{name}` of {self.what} has no effect any more.")


def _is_initializer_name(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    found = getattr(initializers, value, None) or getattr(initializers, value.title(), None)
    return found is not None and value not in ("get", "serialize", "deserialize")


def with_dtype(initializer: Any) -> Any:
    """An initializer that may be called with a dtype, from one of Keras 1: `f(shape, name)`."""
    if not isinstance(initializer, types.FunctionType | functools.partial):
        return initializer
    parameters = inspect.signature(initializer, follow_wrapped=False).parameters
    if "dtype" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return initializer

    more = {"name": None} if "name" in parameters else {}

    @functools.wraps(initializer)
    def made(shape, dtype=None):
        return initializer(shape, **more)

    return made


def accepting(function: Callable, rule: Rule) -> Callable:
    """The function, which may also be called with the old arguments of `rule`."""
    parameters = list(inspect.signature(function).parameters.values())
    is_method = bool(parameters) and parameters[0].name in ("self", "cls")
    by_place = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    names = [p.name for p in parameters if p.kind in by_place][is_method:]
    looks_at_places, always = bool(rule.order), tuple(rule.always.items())

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if (looks_at_places and len(args) > 1) or (kwargs and not rule.old.isdisjoint(kwargs)):
            head = args[:1] if is_method else ()
            args, kwargs = rule.modern(args[len(head) :], kwargs, names)
            args = head + args
        for name, value in always:
            if names.index(name) >= len(args) - is_method:
                kwargs.setdefault(name, value)
        return function(*args, **kwargs)

    # That of the function is found through `__wrapped__`; the wrapper itself takes more.
    vars(wrapper).pop("__signature__", None)
    wrapper.accepts = rule.old
    return wrapper


def _casting(function: Callable) -> Callable:
    """The function, which also takes the dtype of its result: the last argument of old."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        dtype = kwargs.pop("dtype", None)
        if len(args) > 2:
            *args, dtype = args
        result = function(*args, **kwargs)
        return result if dtype is None else result.astype(str(dtype))

    return wrapper


def renaming(function: Callable, renames: str) -> Callable:
    """The method, which takes old names of its arguments too; as little as a wrapper can cost."""
    pairs = tuple(tuple(entry.split("=")) for entry in renames.split())

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for old, new in pairs if kwargs else ():
            if old in kwargs:
                kwargs[new] = kwargs.pop(old)
        return function(*args, **kwargs)

    wrapper.accepts = frozenset(old for old, _ in pairs)
    return wrapper


def known_names(function: Any) -> frozenset[str]:
    """The old argument names that a class or function accepts."""
    function = function.__init__ if inspect.isclass(function) else function
    return getattr(function, "accepts", frozenset())


def _initializers_door(get: Callable) -> Callable:
    """`initializers.get`, for functions `f(shape, name=None)` too."""

    @functools.wraps(get)
    def with_plain_functions(identifier):
        return get(with_dtype(identifier))

    return with_plain_functions


def open_door(package: types.ModuleType) -> None:
    """Makes what the table names accept old arguments; called once, when the package is there."""
    initializers.get = _initializers_door(initializers.get)
    for path, renames in METHODS.items():
        owner, name = _owner(package, path)
        setattr(owner, name, renaming(vars(owner)[name], renames))
    replaced = {}
    for path in {**ARGUMENTS, **ONE_BY_ONE}:
        rule = _rule(path)
        owner, name = _owner(package, path)
        if owner is None:
            continue
        target = getattr(owner, name)
        if inspect.isclass(target):
            target.__init__ = accepting(target.__init__, rule)
            continue
        made = accepting(target, rule)
        if path in CAST:
            made = _casting(made)
        setattr(owner, name, made)
        if inspect.ismodule(owner):
            replaced[target] = made
    _replace_elsewhere(package, replaced)


def _rule(path: str) -> Rule:
    source = ONE_BY_ONE.get(path, path)
    return Rule(
        path.rpartition(".")[2] if path.count(".") < 2 else ".".join(path.split(".")[-2:]),
        ARGUMENTS[source],
        ORDERS.get(source),
        DEFAULTS.get(source),
        one_by_one=path in ONE_BY_ONE,
        always=ALWAYS.get(source),
    )


def _owner(package: types.ModuleType, path: str) -> tuple[Any, str]:
    """The module or class that has the last name of a path; None where it has no such name."""
    *parts, name = path.split(".")
    owner = package
    for part in parts:
        owner = getattr(owner, part, None)
    return (owner, name) if hasattr(owner, name) else (None, name)


def _replace_elsewhere(package: types.ModuleType, replaced: dict[Callable, Callable]) -> None:
    """Functions have several places: `utils.to_categorical` is `utils._numeric`'s."""
    for name, room in list(sys.modules.items()):
        if name == package.__name__ or name.startswith(f"{package.__name__}."):
            for key, value in list(vars(room).items()):
                if type(value) is types.FunctionType and value in replaced:
                    setattr(room, key, replaced[value])
