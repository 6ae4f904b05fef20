"""Nested structures of tuples, lists and dicts (`keras.tree`).

Containers are the exact types that `torch.utils._pytree` knows: tuple, list, dict, OrderedDict,
defaultdict, deque, named tuples, torch.Size, torch's return types, and registered classes.
A dict is walked in the order of its sorted keys, an OrderedDict in its own order. None is a leaf.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch.utils._pytree import SUPPORTED_NODES

from torchkeras._errors import warn

__all__ = [
    "MAP_TO_NONE",
    "assert_same_paths",
    "assert_same_structure",
    "flatten",
    "flatten_with_path",
    "is_nested",
    "lists_to_tuples",
    "map_shape_structure",
    "map_structure",
    "map_structure_up_to",
    "pack_sequence_as",
    "traverse",
]

_DICTS = frozenset({dict, OrderedDict, defaultdict})
_PLAIN = frozenset({tuple, list, deque, torch.Size}) | _DICTS


class MAP_TO_NONE:
    """What a function given to `traverse` returns to put None in place of a sub-tree."""


def is_nested(structure: Any) -> bool:
    """Whether a value is a container, even an empty one."""
    kind = type(structure)
    if kind in _PLAIN:
        return True
    if isinstance(structure, torch.Tensor):
        return False
    return kind in SUPPORTED_NODES or _is_named_tuple(kind)


def _is_named_tuple(kind: type) -> bool:
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def _keys(node: Any) -> Sequence:
    """The steps of paths into a container: dict keys, or positions."""
    kind = type(node)
    if kind is OrderedDict:
        return list(node)
    if kind in _DICTS:
        return sorted(node)
    return range(len(_children(node)))


def _children(node: Any) -> Sequence:
    """The values of a container, in the order of `_keys`."""
    kind = type(node)
    if kind is tuple or kind is list:
        return node
    if kind in _DICTS:
        return [node[key] for key in _keys(node)]
    if kind in _PLAIN or _is_named_tuple(kind):
        return list(node)
    return SUPPORTED_NODES[kind].flatten_fn(node)[0]


def _rebuild(node: Any, children: list, keys: Sequence | None = None) -> Any:
    """A container like `node` around other values, given in the order of `_keys` or of `keys`."""
    kind = type(node)
    if kind is tuple or kind is list:
        return kind(children)
    if kind is torch.Size:  # It holds nothing but integers.
        return tuple(children)
    if kind in _DICTS:
        items = zip(_keys(node) if keys is None else keys, children)
        return defaultdict(node.default_factory, items) if kind is defaultdict else kind(items)
    if kind is deque:
        return deque(children, maxlen=node.maxlen)
    if _is_named_tuple(kind):
        return kind(*children)
    handler = SUPPORTED_NODES[kind]
    return handler.unflatten_fn(children, handler.flatten_fn(node)[1])


def flatten(structure: Any) -> list:
    """The leaves of a structure as a list."""
    kind = type(structure)
    if kind is tuple or kind is list:
        for item in structure:
            if is_nested(item):
                break
        else:
            return list(structure)
    elif not is_nested(structure):
        return [structure]
    leaves = []
    _collect(structure, leaves)
    return leaves


def _collect(node: Any, leaves: list) -> None:
    for child in _children(node):
        if is_nested(child):
            _collect(child, leaves)
        else:
            leaves.append(child)


def flatten_with_path(structure: Any) -> list[tuple[tuple, Any]]:
    """The leaves as pairs `(path, leaf)`; a path is a tuple of keys and positions."""
    found = []

    def visit(node, path):
        if not is_nested(node):
            found.append((path, node))
            return
        for key, child in zip(_keys(node), _children(node)):
            visit(child, (*path, key))

    visit(structure, ())
    return found


def pack_sequence_as(structure: Any, flat_sequence: Iterable) -> Any:
    """Put a flat sequence of leaves into the form of `structure`, the inverse of `flatten`."""
    leaves = list(flat_sequence)
    expected = len(flatten(structure))
    if len(leaves) != expected:
        raise ValueError(
            f"`flat_sequence` has {len(leaves)} items, but `structure` holds {expected} leaves. "
            f"Received: structure={structure}"
        )
    remaining = iter(leaves)

    def fill(node):
        if not is_nested(node):
            return next(remaining)
        return _rebuild(node, [fill(child) for child in _children(node)])

    return fill(structure)


def _matching_children(node: Any, other: Any, keys: Sequence | None) -> Sequence:
    """The values of `other` that stand where those of `node` stand."""
    kind = type(node)
    both_dicts = kind in _DICTS and type(other) in _DICTS
    if not both_dicts and kind is not type(other):
        raise ValueError(
            "Structures don't have the same nested structure: node type mismatch, "
            f"expected {kind}, but got {type(other)}."
        )
    if both_dicts:
        if set(node) != set(other):
            raise ValueError(
                "Structures don't have the same nested structure: node keys mismatch, "
                f"expected {list(node)}, but got {list(other)}."
            )
        return [other[key] for key in keys]
    children = _children(other)
    if len(children) != len(_children(node)):
        raise ValueError(
            "Structures don't have the same nested structure: node arity mismatch, "
            f"expected {len(_children(node))}, but got {len(children)}."
        )
    return children


def _map(func: Callable, node: Any, others: tuple, is_leaf: Callable[[Any], bool]) -> Any:
    if is_leaf(node):
        return func(node, *others)
    keys = list(node) if type(node) in _DICTS else None
    children = _children(node) if keys is None else [node[key] for key in keys]
    if not others:
        return _rebuild(node, [_map(func, child, (), is_leaf) for child in children], keys)
    rows = zip(children, *(_matching_children(node, other, keys) for other in others))
    return _rebuild(node, [_map(func, child, rest, is_leaf) for child, *rest in rows], keys)


def _is_leaf(node: Any) -> bool:
    return not is_nested(node)


def map_structure(func: Callable, *structures: Any, none_is_leaf: bool = True) -> Any:
    """Call `func` on the leaves of the first structure and what stands there in the others.

    Args:
        none_is_leaf: if False, None is kept as it is; the others must have None there too.
    """
    if not structures:
        raise ValueError("Must provide at least one structure")
    if none_is_leaf:
        return _map(func, structures[0], structures[1:], _is_leaf)

    def keep_none(*leaves):
        if leaves[0] is not None:
            return func(*leaves)
        if any(leaf is not None for leaf in leaves):
            raise ValueError(
                "Structure mismatch: some arguments are None, others are not. "
                f"Received arguments: {leaves}."
            )
        return None

    return _map(keep_none, structures[0], structures[1:], _is_leaf)


def map_structure_up_to(shallow_structure: Any, func: Callable, *structures: Any) -> Any:
    """Like `map_structure`, but what lies below a leaf of `shallow_structure` stays whole."""
    if not structures:
        raise ValueError("Must provide at least one structure")
    return _map(lambda _, *parts: func(*parts), shallow_structure, structures, _is_leaf)


def assert_same_structure(a: Any, b: Any, check_types: bool | None = None) -> None:
    """Raise a ValueError unless both structures have the same containers and keys.

    The kinds of dict count as one. `check_types` has no effect.
    """
    if check_types is not None:
        warn(
            "The `check_types` argument is deprecated and no longer has any effect. "
            "For a looser check, use `keras.tree.assert_same_paths()`.",
            DeprecationWarning,
        )

    def check(_, other):
        if is_nested(other):
            raise ValueError("Structures don't have the same nested structure.")

    _map(check, a, (b,), _is_leaf)


def assert_same_paths(a: Any, b: Any) -> None:
    """Raise a ValueError unless both structures have leaves at the same paths."""
    a_paths = {path for path, _ in flatten_with_path(a)}
    b_paths = {path for path, _ in flatten_with_path(b)}
    if a_paths != b_paths:
        raise ValueError(
            "`a` and `b` don't have the same paths.\n"
            f"Only in `a`: {a_paths - b_paths}\nOnly in `b`: {b_paths - a_paths}"
        )


def traverse(func: Callable, structure: Any, top_down: bool = True) -> Any:
    """Visit a structure and all its parts, replacing those for which `func` returns a value.

    When `func` returns None the part stays; return `MAP_TO_NONE` to put None there.

    Args:
        top_down: visit a container before its parts, and not the parts of one that was replaced.
    """
    if top_down:
        result = func(structure)
        if result is not None:
            return None if result is MAP_TO_NONE else result
    if is_nested(structure):
        parts = [traverse(func, child, top_down) for child in _children(structure)]
        structure = _rebuild(structure, parts)
    if top_down:
        return structure
    result = func(structure)
    if result is None:
        return structure
    return None if result is MAP_TO_NONE else result


def lists_to_tuples(structure: Any) -> Any:
    """The structure with tuples in place of lists."""
    return traverse(lambda part: tuple(part) if isinstance(part, list) else None, structure, False)


def map_shape_structure(func: Callable, structure: Any) -> Any:
    """Call `func` on the shapes of a structure: tuples or lists of integers and None."""
    return _map(func, structure, (), lambda node: _is_shape(node) or not is_nested(node))


def _is_shape(node: Any) -> bool:
    return isinstance(node, (list, tuple)) and all(
        size is None or isinstance(size, int) for size in node
    )
