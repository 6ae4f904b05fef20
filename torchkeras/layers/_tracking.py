"""Lists, tuples and dicts of layers and weights as attributes: collections that are modules, so
that torch sees them."""

from collections.abc import Callable

from torch import nn

from torchkeras._variable import revision

__all__ = []


class Container(nn.Module):
    """Holds modules and parameters by name."""

    def refill(self, items) -> None:
        """Holds from now on what is a module or a parameter among the items."""
        items = list(items)
        self._modules.clear()
        self._parameters.clear()
        for key, item in items:
            key = str(key).replace(".", "_")
            if isinstance(item, nn.Parameter):
                self._parameters[key] = item
            elif isinstance(item, nn.Module):
                item.train(self.training)
                self._modules[key] = item
        revision.count += 1


def _mutating(kind: type, name: str) -> Callable:
    method = getattr(kind, name)

    def mutate(self, *args, **kwargs):
        result = method(self, *args, **kwargs)
        # Unpickling fills a collection before it has its attributes.
        if "_plain" in self.__dict__:
            self._show()
        return result

    mutate.__name__ = name
    return mutate


class _Collection(Container):
    """A collection that is a module; it reads from a plain copy, because `torch.compile` follows no
    C methods."""

    _kind: type

    def _show(self) -> None:
        """Shows torch what the collection holds now."""
        self.__dict__["_plain"] = self._kind(self._stored())
        self.refill(pairs(self._plain))

    def _stored(self):
        return self._kind.__iter__(self)

    def __getitem__(self, key):
        return self._plain[key]

    def __iter__(self):
        return iter(self._plain)

    def __len__(self):
        return len(self._plain)

    __hash__ = object.__hash__


class TrackedList(_Collection, list):
    """A list whose modules and parameters belong to the layer that it is an attribute of."""

    def __init__(self, items=()):
        Container.__init__(self)
        self.training = False
        list.__init__(self, [tracked(item) for item in items])
        self._show()

    _kind = list
    append = _mutating(list, "append")
    extend = _mutating(list, "extend")
    insert = _mutating(list, "insert")
    pop = _mutating(list, "pop")
    remove = _mutating(list, "remove")
    clear = _mutating(list, "clear")
    reverse = _mutating(list, "reverse")
    sort = _mutating(list, "sort")
    __setitem__ = _mutating(list, "__setitem__")
    __delitem__ = _mutating(list, "__delitem__")
    __iadd__ = _mutating(list, "__iadd__")
    __repr__ = list.__repr__


class TrackedDict(_Collection, dict):
    """A dict whose modules and parameters belong to the layer that it is an attribute of."""

    def __init__(self, items=()):
        Container.__init__(self)
        self.training = False
        dict.__init__(self, {key: tracked(item) for key, item in dict(items).items()})
        self._show()

    _kind = dict

    def _stored(self):
        return dict.items(self)

    def keys(self):
        return self._plain.keys()

    def values(self):
        return self._plain.values()

    def items(self):
        return self._plain.items()

    def get(self, key, default=None):
        return self._plain.get(key, default)

    update = _mutating(dict, "update")
    pop = _mutating(dict, "pop")
    popitem = _mutating(dict, "popitem")
    clear = _mutating(dict, "clear")
    setdefault = _mutating(dict, "setdefault")
    __setitem__ = _mutating(dict, "__setitem__")
    __delitem__ = _mutating(dict, "__delitem__")
    __ior__ = _mutating(dict, "__ior__")
    __repr__ = dict.__repr__


class TrackedTuple(_Collection, tuple):
    """A tuple whose modules and parameters belong to the layer that it is an attribute of."""

    def __new__(cls, items=()):
        return tuple.__new__(cls, [tracked(item) for item in items])

    def __init__(self, items=()):
        Container.__init__(self)
        self.training = False
        self._show()

    _kind = tuple
    __repr__ = tuple.__repr__


def pairs(structure):
    """The items of a list, tuple or dict with their keys."""
    return structure.items() if isinstance(structure, dict) else enumerate(structure)


def holds_modules(structure) -> bool:
    """Whether a module or parameter is anywhere in a nest."""
    for _, item in pairs(structure):
        if isinstance(item, (nn.Module, nn.Parameter)):
            return True
        if isinstance(item, (list, tuple, set, dict)) and holds_modules(item):
            return True
    return False


def tracked(structure):
    """A collection that is a module, for a list, dict or tuple of modules; for a list or dict also
    if it is empty."""
    kind = type(structure)
    if kind is list and (not structure or holds_modules(structure)):
        return TrackedList(structure)
    if kind is dict and (not structure or holds_modules(structure)):
        return TrackedDict(structure)
    if kind is tuple and holds_modules(structure):
        return TrackedTuple(structure)
    return structure
