"""Names of objects (`dense`, `dense_1`) and scopes that prefix the paths of variables."""

import re
import threading
from collections import defaultdict
from typing import Any, Self

__all__ = [
    "auto_name",
    "current_path",
    "get_uid",
    "name_scope",
    "reset_uids",
    "to_snake_case",
    "uniquify",
]


class _State(threading.local):
    def __init__(self):
        self.uids = defaultdict(int)
        self.scopes = []


_state = _State()
_NOT_A_WORD = re.compile(r"\W+")
_WORD_START = re.compile("(.)([A-Z][a-z]+)")
_CASE_CHANGE = re.compile("([a-z])([A-Z])")


def to_snake_case(name: str) -> str:
    """Class name to object name: `MaxPooling2D` becomes `max_pooling2d`."""
    name = _NOT_A_WORD.sub("", name)
    name = _WORD_START.sub(r"\1_\2", name)
    return _CASE_CHANGE.sub(r"\1_\2", name).lower()


def uniquify(name: str) -> str:
    """The name itself when first asked for, then `name_1`, `name_2`, ..."""
    uids = _state.uids
    unique = f"{name}_{uids[name]}" if name in uids else name
    uids[name] += 1
    return unique


def auto_name(prefix: str) -> str:
    """A unique name made from a class name."""
    return uniquify(to_snake_case(prefix))


def get_uid(prefix: str = "") -> int:
    """Count how often this prefix was asked for, from 1."""
    _state.uids[prefix] += 1
    return _state.uids[prefix]


def reset_uids() -> None:
    """Start all counters again."""
    _state.uids = defaultdict(int)


class name_scope:
    """Put `name/` before the paths of the variables made in this context.

    Args:
        caller: the object that opens the scope, if any.
        deduplicate: do not open the scope when the innermost one has the same caller and name.
        override_parent: a path that replaces those of the scopes around this one.
    """

    def __init__(
        self,
        name: str,
        caller: Any = None,
        deduplicate: bool = True,
        override_parent: str | None = None,
    ):
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                "Argument `name` must be a string and cannot contain character `/`. "
                f"Received: name={name}"
            )
        if override_parent is None and deduplicate:
            override_parent = getattr(caller, "_parent_path", None)
        self.name = name
        self.caller = caller
        self.deduplicate = deduplicate
        self.override_parent = override_parent
        self._opened = False

    def __enter__(self) -> Self:
        scopes = _state.scopes
        if self.deduplicate and self.caller is not None and scopes:
            innermost = scopes[-1]
            if innermost.caller is self.caller and innermost.name == self.name:
                return self
        scopes.append(self)
        self._opened = True
        return self

    def __exit__(self, *args: object, **kwargs: object) -> None:
        if self._opened and _state.scopes:
            _state.scopes.pop()


def current_path() -> str:
    """The path of the open scopes, such as `model/dense`."""
    parts = []
    for scope in _state.scopes:
        if scope.override_parent is not None:
            parts = [part for part in scope.override_parent.split("/") if part]
        parts.append(scope.name)
    return "/".join(parts)
