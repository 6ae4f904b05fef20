"""The state of a model as a tree: which objects have some, and under which paths files keep it.

The paths are Keras's: an object below another goes by the attribute that holds it, one in a list,
tuple or dict by its class.
"""

import functools
import inspect
import os
import types
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from torchkeras._naming import to_snake_case
from torchkeras._op import Operation
from torchkeras.layers import Layer, TorchModuleWrapper
from torchkeras.layers._lora import Lora
from torchkeras.layers._state import Stateful, saved_variables
from torchkeras.layers._tracking import Container
from torchkeras.losses import Loss
from torchkeras.metrics import Metric
from torchkeras.optimizers import Optimizer
from torchkeras.saving import _raw
from torchkeras.saving._archive import place_inside

__all__ = []

_KINDS = (Layer, Operation, Metric, Optimizer, Loss)
_CONTAINERS = (list, dict, tuple)
# What a class attribute is that holds nothing with state.
_INERT = (
    types.FunctionType,
    types.BuiltinFunctionType,
    types.MethodDescriptorType,
    classmethod,
    staticmethod,
    functools.cached_property,
    str,
    int,
    float,
    bool,
    type(None),
    type,
    frozenset,
)
# Where our models keep once more what `layers` and `optimizer` give.
_OF_MODELS = frozenset(
    {
        "_compile_config",
        "_compile_loss",
        "_compile_metrics",
        "_function",
        "_layers_of_graph",
        "_loss_tracker",
        "_stack",
    }
)


def is_saveable(obj: Any) -> bool:
    """Whether an object has a place in the tree: a layer, an optimizer, any module of torch, ..."""
    if isinstance(obj, type):
        return False
    if isinstance(obj, nn.Module):
        return not isinstance(obj, Container)
    return isinstance(obj, _KINDS) or hasattr(type(obj), "save_own_variables")


# Names


def children(obj: Any) -> Iterator[tuple[str, Any]]:
    """What is directly below an object, saveables and containers, with names, in order.

    Private attributes come last; the layers of a model that is a graph or a list come first.
    """
    if isinstance(obj, nn.Module) and not isinstance(obj, Layer):
        yield from _layers_inside(obj)
        return
    ordered = _is_graph(obj)
    if ordered:
        yield "layers", obj.layers
    skipped = _skipped(type(obj))
    names = {*_class_names(type(obj)), *vars(obj), *getattr(obj, "_modules", ())} - skipped
    if ordered:
        # Those of a graph are known to torch by their names, which are no attributes in Keras.
        above = {id(layer) for layer in obj.layers}
        names -= {key for key, module in obj._modules.items() if id(module) in above} | {"layers"}
    if isinstance(obj, TorchModuleWrapper):
        names.discard("module")
    for name in sorted(names, key=lambda name: (name.startswith("_"), name)):
        if name.startswith("__"):
            continue
        try:
            value = getattr(obj, name)
        except Exception:  # A property that has nothing to give yet, of whatever kind.
            continue
        if isinstance(value, _CONTAINERS) or is_saveable(value):
            yield name, value


def _is_graph(obj: Any) -> bool:
    return any(getattr(obj, name, None) is not None for name in ("_function", "_stack"))


def _layers_inside(module: nn.Module, prefix: str = "") -> Iterator[tuple[str, Layer]]:
    """The layers below a module of torch, with the modules in between in their names."""
    for key, child in module._modules.items():
        if isinstance(child, Layer):
            yield prefix + key, child
        elif child is not None:
            yield from _layers_inside(child, f"{prefix}{key}/")


@functools.cache
def _skipped(cls: type) -> frozenset[str]:
    """Attributes that every object of the kind has, and that hold nothing of its own."""
    if issubclass(cls, Layer):
        names = {*dir(Layer), *vars(Layer(name="layer"))}
        if hasattr(cls, "compile_from_config"):
            room = Layer.__module__.partition(".")[0] + "."
            of_ours = [base for base in cls.__mro__ if base.__module__.startswith(room)]
            names = names.union(_OF_MODELS, *map(dir, of_ours)) - {"layers", "optimizer"}
        return frozenset(names)
    for kind in (Optimizer, Metric, Loss, Operation):
        if issubclass(cls, kind):
            return frozenset(dir(kind))
    return frozenset()


@functools.cache
def _class_names(cls: type) -> frozenset[str]:
    """Attributes of a class that can hold something: properties, mostly."""
    return frozenset(
        name
        for name in dir(cls)
        if not name.startswith("__") and not isinstance(inspect.getattr_static(cls, name), _INERT)
    ) | ({"layers"} if hasattr(cls, "compile_from_config") else frozenset())


def _items(container: list | dict | tuple) -> Iterator[tuple[str, Any]]:
    """What is in a container, each named by its class; the names of objects are not the same in
    two models that are made the same way, so they would not do."""
    counts: dict[str, int] = {}
    for item in container.values() if isinstance(container, dict) else container:
        if isinstance(item, _CONTAINERS):
            name = "container"
        elif is_saveable(item):
            name = to_snake_case(type(item).__name__)
        else:
            continue
        count = counts[name] = counts.get(name, -1) + 1
        yield (f"{name}_{count}" if count else name), item


def _visit(container: Any, path: str, enter: Callable[[Any, str], None], seen: set[int]) -> None:
    """Calls `enter` for all saveables in nested containers."""
    if id(container) in seen:
        return
    seen.add(id(container))
    for name, item in _items(container):
        if isinstance(item, _CONTAINERS):
            _visit(item, f"{path}/{name}", enter, seen)
        else:
            enter(item, f"{path}/{name}")


def _descend(obj: Any, path: str, enter: Callable[[Any, str], None]) -> None:
    for name, child in children(obj):
        below = f"{path}/{name}" if path else name
        if isinstance(child, _CONTAINERS):
            _visit(child, below, enter, set())
        else:
            enter(child, below)


# One object


def _module(obj: Any) -> nn.Module | None:
    """The module of torch whose state dict is the object's own state."""
    if isinstance(obj, TorchModuleWrapper):
        return obj.module
    return obj if isinstance(obj, nn.Module) and not isinstance(obj, Layer) else None


def _module_state(module: nn.Module) -> dict[str, Tensor]:
    layers = tuple(name.replace("/", ".") + "." for name, _ in _layers_inside(module))
    return {
        key: value
        for key, value in module.state_dict().items()
        if isinstance(value, Tensor) and not key.startswith(layers)
    }


def _save_own(obj: Any, store: Any) -> None:
    module = _module(obj)
    if module is not None:
        for key, value in _module_state(module).items():
            store[key] = value
    elif hasattr(obj, "save_own_variables"):
        obj.save_own_variables(store)


def _load_own(obj: Any, store: Any) -> None:
    module = _module(obj)
    if module is None:
        if hasattr(obj, "load_own_variables"):
            obj.load_own_variables(store)
        return
    expected = _module_state(module)
    missing = sorted({*expected} ^ {*store.keys()})
    if missing:
        raise ValueError(
            f"The state of {type(module).__name__} and what is stored for it differ in {missing}."
        )
    values = {key: torch.as_tensor(store[key]) for key in expected}
    module.load_state_dict({**module.state_dict(), **values})


def _own_tensors(obj: Any) -> list[Tensor]:
    module = _module(obj)
    if module is not None:
        return list(_module_state(module).values())
    if isinstance(obj, Layer):
        return saved_variables(obj)
    return [v for v in getattr(obj, "variables", ()) if isinstance(v, Tensor)]


# What loads the variables of an object in their order.
_IN_ORDER = (
    Stateful.load_own_variables,
    Lora.load_own_variables,
    Optimizer.load_own_variables,
)


def _planned(obj: Any, store: Any) -> list[tuple[Tensor, _raw.Stored]] | None:
    """The variables of an object with what is stored for each, where its loading is to read these
    and cannot fail; None otherwise."""
    if getattr(type(obj), "load_own_variables", None) not in _IN_ORDER:
        return None
    if "load_own_variables" in vars(obj) or _module(obj) is not None:
        return None
    if isinstance(obj, Lora) and obj.lora_enabled:
        return None
    variables = saved_variables(obj) if isinstance(obj, Layer) else list(obj.variables)
    names = [str(index) for index in range(len(variables))]
    if {*store.keys()} != {*names}:
        return None
    pairs = []
    for variable, name in zip(variables, names):
        stored = store.stored(name)
        if not isinstance(stored, _raw.Stored) or stored.shape != tuple(variable.shape):
            return None
        pairs.append((variable, stored))
    return pairs


# The whole tree


def save_state(root: Any, weights: Any = None, assets: str | None = None, skip=()) -> None:
    """Writes the state of an object and of all below it.

    Args:
        weights: has `entry(path, name)`, which gives a mapping to write to.
        assets: a folder for what layers keep in files.
        skip: objects to leave out.
    """
    seen = {id(obj) for obj in skip}

    def enter(obj: Any, path: str) -> None:
        if id(obj) in seen:
            return
        seen.add(id(obj))
        if weights is not None and (hasattr(obj, "save_own_variables") or _module(obj) is not None):
            name = getattr(obj, "name", None)
            _save_own(obj, weights.entry(path, name if isinstance(name, str) else None))
        if assets is not None and hasattr(obj, "save_assets"):
            folder = os.path.join(assets, *path.split("/")) if path else assets
            os.makedirs(folder, exist_ok=True)
            obj.save_assets(folder)
        _descend(obj, path, enter)

    enter(root, "")


class LoadingFailure(ValueError):
    """Some objects could not be loaded."""


class _Journal:
    """Values from before, to go back to."""

    def __init__(self) -> None:
        self._kept: list[tuple[Tensor, Tensor]] = []

    def keep(self, obj: Any) -> int:
        """Remembers the state of an object; the number says how to undo from here."""
        mark = len(self._kept)
        self._kept += [(v, v.detach().clone()) for v in _own_tensors(obj)]
        return mark

    @torch.no_grad()
    def undo(self, mark: int = 0) -> None:
        while len(self._kept) > mark:
            variable, value = self._kept.pop()
            if hasattr(variable, "assign"):
                variable.assign(value)
            else:
                variable.copy_(value)


class _Loading:
    """One run of `load_state`.

    Attributes:
        planned: variables to fill at the end, when all is known to fit.
    """

    def __init__(self, weights: Any, assets: str | None, skip, journal: _Journal | None):
        self.weights = weights
        self.assets = assets
        self.done = {id(obj) for obj in skip}
        self.open: set[int] = set()
        self.failures: dict[int, tuple[Any, Exception]] = {}
        self.journal = journal
        self.planned: list[tuple[Tensor, _raw.Stored]] = []

    def enter(self, obj: Any, path: str) -> None:
        """Loads an object; one that fails is tried again where it is met under another path."""
        key = id(obj)
        if key in self.done or key in self.open:
            return
        self.open.add(key)
        mark = None
        try:
            planned = self._plan(obj, path)
            if planned is None and self.journal is not None:
                mark = self.journal.keep(obj)
            self._load(obj, path, planned)
            failed = False
        except Exception as error:  # Whatever a user's class raises, the others are loaded.
            failed = True
            # What is wrong under the first path is what is wrong: under the others is nothing.
            self.failures.setdefault(key, (obj, error))
            if mark is not None:
                self.journal.undo(mark)
        before = len(self.failures)
        _descend(obj, path, self.enter)
        if not failed:
            if len(self.failures) <= before:
                self.done.add(key)
            self.failures.pop(key, None)
        self.open.discard(key)

    def _plan(self, obj: Any, path: str) -> list[tuple[Tensor, _raw.Stored]] | None:
        return None if self.weights is None else _planned(obj, self.weights.entry(path))

    def _load(self, obj: Any, path: str, planned: list | None) -> None:
        if planned is not None:
            self.planned += planned
        elif self.weights is not None:
            _load_own(obj, self.weights.entry(path))
        if self.assets is not None and hasattr(obj, "load_assets"):
            folder = place_inside(self.assets, path) if path else self.assets
            if os.path.isdir(folder):
                obj.load_assets(folder)

    def message(self) -> str | None:
        """What could not be loaded; None where all could."""
        failed = list(self.failures.values())
        if not failed:
            return None
        return (
            f"A total of {len(failed)} objects could not be loaded. Example error message for "
            f"object {failed[0][0]}:\n\n{failed[0][1]}\n\nList of objects that could not be "
            f"loaded:\n{[obj for obj, _ in failed]}"
        )


def load_state(
    root: Any,
    weights: Any = None,
    assets: str | None = None,
    skip=(),
    journal: bool = False,
    partial: bool = False,
    then: Callable[[], None] | None = None,
) -> str | None:
    """Reads the state of an object and of all below it; returns what failed, as a message.

    Args:
        weights: has `entry(path)`, which gives a mapping to read from.
        assets: a folder with what layers keep in files.
        skip: objects to leave as they are.
        journal: keep the values from before and go back to them on failure.
        partial: go on with what could be loaded instead.
        then: called at the end; where it fails, all goes back too.

    Raises:
        LoadingFailure: an object could not be loaded, and not `partial`.
    """
    kept = _Journal() if journal else None
    loading = _Loading(weights, assets, skip, kept)
    try:
        loading.enter(root, "")
        message = loading.message()
        if message is not None and not partial:
            raise LoadingFailure(message)
        if journal:
            # A disk that fails shall do it now.
            _raw.read_through(stored for _, stored in loading.planned)
        if then is not None:
            then()
        _raw.fill(loading.planned)
    except BaseException:
        if kept is not None:
            kept.undo()
        raise
    return message
