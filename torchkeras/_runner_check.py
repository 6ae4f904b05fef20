"""Which names of Keras and TensorFlow in a program are not there, told without running it."""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from torchkeras.tf import _aliases, _missing

__all__ = ["missing_names"]

# What a name that is not followed further stands for.
_UNKNOWN = object()


def missing_names(source: str, file: str) -> Iterator[tuple[int, str]]:
    """`(line, explanation)` for every name that is not there, each name once.

    Raises:
        SyntaxError: the program is no Python of today.
    """
    finder = _Finder()
    finder.visit(ast.parse(source, file))
    told = set()
    for line, path in sorted(finder.missing):
        if path not in told:
            told.add(path)
            # Without the list of what there is instead.
            yield line, re.split(r" (?:keras|tf)[\w.]* has ", _missing.explain(path))[0]


class _Finder(ast.NodeVisitor):
    """Follows the names that stand for modules of Keras and TensorFlow."""

    def __init__(self):
        # Name in the program -> what it stands for, "keras.layers" or "tf.data.Dataset".
        self.names: dict[str, str] = {}
        self.missing: list[tuple[int, str]] = []

    def visit_Import(self, node):  # noqa: N802 - ast's name
        for alias in node.names:
            path = public(alias.name)
            if path is None:
                continue
            if self._look_up(path, node.lineno) is _UNKNOWN:
                continue
            if alias.asname:
                self.names[alias.asname] = path
            else:
                top = alias.name.split(".")[0]
                self.names[top] = public(top)

    def visit_ImportFrom(self, node):  # noqa: N802 - ast's name
        path = None if node.level or not node.module else public(node.module)
        if path is None or self._look_up(path, node.lineno) is _UNKNOWN:
            return
        for alias in node.names:
            if alias.name == "*":
                module = value_of(path)
                shown = getattr(module, "__all__", None) or dir(module)
                self.names.update({name: f"{path}.{name}" for name in shown})
            elif self._look_up(f"{path}.{alias.name}", node.lineno) is not _UNKNOWN:
                self.names[alias.asname or alias.name] = f"{path}.{alias.name}"

    def visit_Assign(self, node):  # noqa: N802 - ast's name
        self.generic_visit(node)
        path = self._path(node.value)
        for target in node.targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name):
                    self.names.pop(name.id, None)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) and path is not None:
            if isinstance(value_of(path), ModuleType):
                self.names[node.targets[0].id] = path

    def visit_Attribute(self, node):  # noqa: N802 - ast's name
        path = self._path(node)
        if path is None:
            self.generic_visit(node)
        else:
            self._look_up(path, node.lineno)

    def _path(self, node: ast.AST) -> str | None:
        """The dotted path that an expression `a.b.c` stands for, where `a` is followed."""
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.names:
            return None
        path = ".".join([self.names[node.id], *reversed(parts)])
        return path.removeprefix("tf.") if path.startswith("tf.keras") else path

    def _look_up(self, path: str, line: int) -> Any:
        """What stands at a path; notes the first part of it that is not there."""
        parts = path.split(".")
        for count in range(1, len(parts) + 1):
            place = ".".join(parts[:count])
            value = value_of(place)
            if value is _UNKNOWN:
                self.missing.append((line, place))
                return _UNKNOWN
            if not isinstance(value, ModuleType) and not inspect.isclass(value):
                return value
            if inspect.isclass(value) and _makes_attributes(value):
                return value
        return value


def _makes_attributes(cls: type) -> bool:
    """Whether names of a class cannot be known without running it."""
    return "__getattr__" in vars(type(cls)) or cls.__module__.split(".")[0] != _missing.PACKAGE


def public(name: str) -> str | None:
    """ "keras.layers" or "tf.data" for a module of a program, None for those of others."""
    top = name.split(".")[0]
    if name.startswith("tensorflow.python.keras"):
        return "keras" + name.removeprefix("tensorflow.python.keras")
    if name == "tensorflow.keras" or name.startswith("tensorflow.keras."):
        return name.removeprefix("tensorflow.")
    if top == "tensorflow":
        return "tf" + name.removeprefix("tensorflow").removeprefix(".python")
    if top in ("keras", "tf_keras"):
        return ("keras" + name.removeprefix(top)).replace("keras.api", "keras", 1)
    return None


def value_of(path: str) -> Any:
    """What stands at "keras.layers.Dense" or "tf.data"; `_UNKNOWN` for nothing."""
    top, *parts = path.split(".")
    value = importlib.import_module(_aliases.ALIASES["tensorflow" if top == "tf" else "keras"])
    for part in parts:
        try:
            found = getattr(value, part, _UNKNOWN)
        except Exception:  # a property that needs an instance
            return None
        if found is _UNKNOWN and isinstance(value, ModuleType):
            try:
                found = importlib.import_module(f"{value.__name__}.{part}")
            except ImportError:
                return _UNKNOWN
        if found is _UNKNOWN:
            return _UNKNOWN
        value = found
    return value
