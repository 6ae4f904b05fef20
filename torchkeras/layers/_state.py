"""What a layer keeps: weights under their Keras names as torch's parameters and buffers, and the
layers below it."""

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import UninitializedTensorMixin

from torchkeras import (
    _dtypes,
    _naming,
    _symbolic,
    config,
    constraints,
    initializers,
    regularizers,
)
from torchkeras._variable import Variable, adopted, revision
from torchkeras.layers._tracking import Container, tracked
from torchkeras.metrics import Metric
from torchkeras.random import SeedGenerator

__all__ = []

# Attributes that are set often or early and are never modules.
_PLAIN = frozenset(
    {
        "_losses",
        "_metrics",
        "_seed_generators",
        "_inbound_nodes",
        "_outbound_nodes",
        "built",
        "training",
    }
)


# Properties that layers of Keras 1 set, to say which weights they have.
_LISTS_OF_WEIGHTS = frozenset(("trainable_weights", "non_trainable_weights"))


class Stateful(nn.Module):
    """The state of a layer: weights, what else has state among its attributes, and the layers
    below.

    Weights are registered as torch registers them: trainable ones as parameters, the others as
        buffers.
    """

    def add_weight(
        self,
        *args,
        shape=None,
        initializer=None,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        aggregation="none",
        overwrite_with_gradient=False,
        name=None,
        **kwargs,
    ):
        """Makes a weight of the layer and returns it.

        Given a name and a shape by position, what is not said is taken from the layer's own
        `{name}_initializer`, `{name}_regularizer` and `{name}_constraint`.

        Args:
            shape: tuple of ints.
            initializer: initializer or its name; None: glorot_uniform for floating dtypes, zeros
                for others.
            memory_order: a permutation of the axes in which the weight is contiguous in memory,
                where that is not the order of `shape`: torch's kernels then get their layout as a
                view.
        """
        memory_order = kwargs.pop("memory_order", kwargs.pop("layout", None))
        if kwargs:
            raise TypeError(f"add_weight() got unexpected keyword arguments: {sorted(kwargs)}")
        self._check_super_called()
        if args and isinstance(args[0], str):
            name, shape, dtype, initializer = _given(args, (name, shape, dtype, initializer))
            initializer = initializer or getattr(self, f"{name}_initializer", None)
            regularizer = regularizer or getattr(self, f"{name}_regularizer", None)
            constraint = constraint or getattr(self, f"{name}_constraint", None)
        else:
            shape, initializer, dtype = _given(args, (shape, initializer, dtype))
        dtype = _dtypes.standardize_dtype(dtype or self.variable_dtype)
        if initializer is None:
            initializer = "glorot_uniform" if _dtypes.is_float(dtype) else "zeros"
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        with _symbolic.for_real(), _naming.name_scope(self.name, caller=self):
            variable = Variable(
                _in_memory_order(initializers.get(initializer), memory_order),
                shape=shape,
                dtype=dtype,
                trainable=bool(trainable),
                autocast=autocast,
                aggregation=aggregation,
                name=name,
            )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._register(self._free_key(variable.name), variable)
        self.__dict__.setdefault("_auto_named", set()).add(id(variable))
        return variable

    def add_variable(
        self,
        shape,
        initializer,
        dtype=None,
        trainable=True,
        autocast=True,
        regularizer=None,
        constraint=None,
        name=None,
    ):
        """The same as `add_weight`."""
        return self.add_weight(
            shape=shape,
            initializer=initializer,
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            regularizer=regularizer,
            constraint=constraint,
            name=name,
        )

    def _free_key(self, name: str) -> str:
        name = name.replace(".", "_")
        key, number = name, 0
        while key in self._parameters or key in self._buffers:
            number += 1
            key = f"{name}_{number}"
        return key

    def _register(self, key: str, variable: Variable) -> None:
        """Trainable weights become parameters, the others buffers."""
        (self._parameters if variable.trainable else self._buffers)[key] = variable
        revision.count += 1

    def __setattr__(self, name, value):
        if isinstance(
            value, (nn.Module, nn.Parameter, Metric, SeedGenerator, list, dict, tuple, set)
        ):
            if name in _LISTS_OF_WEIGHTS:
                self._take_weights(value, name == "trainable_weights")
                return
            value = self._tracked(name, value)
            if value is None:
                return
        elif name in self.__dict__.get("_modules", ()) and not isinstance(
            value, (nn.Module, Tensor)
        ):
            del self._modules[name]
        object_setattr = name in self.__dict__ or name in _PLAIN
        if object_setattr:
            object.__setattr__(self, name, value)
        else:
            super().__setattr__(name, value)

    def _tracked(self, name: str, value):
        """Registers what has state; returns what to store as a plain attribute, or None where that
        is done."""
        if isinstance(value, (list, dict, tuple, set)) and not isinstance(value, Container):
            value = value if name in _PLAIN else tracked(value)
            if not isinstance(value, Container):
                return self._with_tracked_items(value)
        self._check_super_called()
        if isinstance(value, Metric):
            if all(value is not m for m in self._metrics):
                self._metrics.append(value)
            return value
        if isinstance(value, SeedGenerator):
            if all(value is not g for g in self._seed_generators):
                self._seed_generators.append(value)
            return value
        if isinstance(value, Variable):
            return self._attribute_variable(name, value)
        if isinstance(value, nn.Module) and not isinstance(value, Stateful):
            value.train(self.training)
        revision.count += 1
        self.__dict__.pop(name, None)
        if isinstance(value, Container):
            # How many weights there were before those that are listed in it.
            self.__dict__.setdefault("_listed_after", {})[name] = len(self._parameters)
        nn.Module.__setattr__(self, name, value)
        return None

    def _take_weights(self, weights, trainable: bool) -> None:
        """Registers weights that a layer of Keras 1 lists: `self.trainable_weights = [W, b]`."""
        known = {id(v) for v in (*self._parameters.values(), *self._buffers.values())}
        for variable in weights:
            variable.trainable = trainable
            if id(variable) not in known:
                self._register(self._free_key(variable.name), variable)

    def _with_tracked_items(self, value):
        for item in value.values() if isinstance(value, dict) else value:
            if (
                isinstance(item, Metric)
                and "_metrics" in self.__dict__
                and item not in self._metrics
            ):
                self._metrics.append(item)
        return value

    def _attribute_variable(self, name: str, value: Variable):
        """A weight is registered once, under the attribute it was given first."""
        for registry in (self._parameters, self._buffers):
            for key in [key for key, v in registry.items() if v is value]:
                if key == name:
                    # It was None before.
                    self.__dict__.pop(name, None)
                    return None
                if id(value) not in self.__dict__.get("_auto_named", ()):
                    return value
                del registry[key]
        self.__dict__.get("_auto_named", set()).discard(id(value))
        self.__dict__.pop(name, None)
        self._register(name, value)
        return None

    def _apply(self, fn, recurse=True):
        """`to`, `cuda`, `half`, ...: variables that are buffers change in place, so that they stay
        variables."""
        kept = {key: v for key, v in self._buffers.items() if isinstance(v, Variable)}
        super()._apply(fn, recurse)
        for key, variable in kept.items():
            moved = self._buffers[key]
            if torch._has_compatible_shallow_copy_type(variable, moved):
                variable.data = moved.data
                self._buffers[key] = variable
            else:  # to or from the meta device
                self._buffers[key] = variable.with_data(moved)
        return self

    def _check_super_called(self):
        if "_modules" not in self.__dict__:
            raise RuntimeError(
                f"In layer '{type(self).__name__}', you forgot to call `super().__init__()` "
                "as the first statement in the `__init__()` method. Go add it!"
            )

    def _own_variables(self) -> list[Variable]:
        return own_variables(self)

    @property
    def _layers(self) -> list["Stateful"]:
        """Layers directly below this one, in the order they were given."""
        return list(_layers_below(self))

    def _flatten_layers(self, include_self=True, recursive=True) -> Iterator["Stateful"]:
        if include_self:
            yield self
        for layer in self._layers:
            if recursive:
                yield from layer._flatten_layers()
            else:
                yield layer

    @property
    def weights(self):
        """All weights: each layer's trainable ones, then its others, then those of the layers
        below."""
        return _unique(v for m in self._state_modules() for v in own_variables(m))

    @property
    def variables(self):
        """The weights and the states of random seeds."""
        return _unique(v for m in self._state_modules() for v in _own_state(m))

    def _state_modules(self) -> Iterator[nn.Module]:
        return self.modules()

    @property
    def trainable_variables(self):
        return [v for v in self.variables if v.trainable] if self.trainable else []

    @property
    def non_trainable_variables(self):
        return [v for v in self.variables if not v.trainable] if self.trainable else self.variables

    @property
    def trainable_weights(self):
        return [v for v in self.weights if v.trainable] if self.trainable else []

    @property
    def non_trainable_weights(self):
        return [v for v in self.weights if not v.trainable] if self.trainable else self.weights

    @property
    def metrics(self):
        """Metrics of this layer and of those below."""
        found = []
        for layer in self._flatten_layers():
            found.extend(m for m in layer._metrics if all(m is not other for other in found))
        return found

    @property
    def metrics_variables(self):
        return [v for metric in self.metrics for v in metric.variables]

    @property
    def trainable(self):
        """Whether the weights are trained; setting it freezes or frees all layers below too."""
        return self._trainable

    @trainable.setter
    def trainable(self, value):
        value = bool(value)
        self._trainable = value
        revision.count += 1
        for v in self._parameters.values():
            if isinstance(v, Variable):
                v.trainable = value
            elif v is not None:
                v.requires_grad_(value)
        for module in self._modules.values():
            if isinstance(module, Stateful):
                module.trainable = value
            elif module is not None:
                _set_trainable(module, value)

    def get_weights(self):
        """Copies of the weights, as a list of NumPy arrays."""
        return [v.numpy() for v in self.weights]

    def set_weights(self, weights):
        """Sets the weights from a list of arrays in the order of `get_weights`.

        Raises:
            ValueError: the number of arrays or a shape is not that of the weights.
        """
        variables = self.weights
        if len(variables) != len(weights):
            raise ValueError(
                f"You called `set_weights(weights)` on layer '{self.name}' with a weight list of "
                f"length {len(weights)}, "
                f"but the layer was expecting {len(variables)} weights."
            )
        for variable, value in zip(variables, weights, strict=True):
            if tuple(variable.shape) != tuple(
                np.shape(value) if not isinstance(value, Tensor) else value.shape
            ):
                raise ValueError(
                    f"Layer {self.name} weight shape {tuple(variable.shape)} is not compatible "
                    f"with provided weight shape {tuple(np.shape(value))}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self):
        """Number of values in the weights.

        Raises:
            ValueError: the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                "built. "
                "You can build it manually via: `layer.build(input_shape)`."
            )
        return sum(math.prod(v.shape) for v in self.weights)

    def save_own_variables(self, store):
        """Writes the layer's own weights into a dict-like `store` under "0", "1", ..."""
        for index, variable in enumerate(saved_variables(self)):
            store[str(index)] = variable

    def load_own_variables(self, store):
        """Reads the layer's own weights from a dict-like `store`.

        Raises:
            ValueError: the number of weights or a shape differs.
        """
        variables = saved_variables(self)
        if len(store.keys()) != len(variables):
            hint = (
                " The layer has not been built. Try building it first with `build()`."
                if not variables and not self.built
                else ""
            )
            raise ValueError(
                f"Layer '{self.name}' expected {len(variables)} variables, but received "
                f"{len(store.keys())} "
                f"variables during loading. Expected: {[v.name for v in variables]}.{hint}"
            )
        for index, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(index)]))

    def __getstate__(self):
        """Attributes, without the nodes: those are made anew by the graphs they belong to."""
        return {**self.__dict__, "_inbound_nodes": [], "_outbound_nodes": []}


def _given(args: tuple, defaults: tuple) -> tuple:
    """Positional arguments, filled up with those that came by name."""
    return (*args, *defaults[len(args) :])


def _in_memory_order(initializer, order):
    """An initializer whose tensor is contiguous once its axes are permuted to `order`."""
    if order is None:
        return initializer
    back = [order.index(axis) for axis in range(len(order))]

    def initialize(shape, dtype):
        # Taken before the initializer takes its own, which so is given back to the system at the
        # end, instead of leaving a hole before each weight.
        memory = torch.empty(
            [shape[axis] for axis in order],
            dtype=_dtypes.torch_dtype(dtype),
            device=config.default_device(),
        )
        value = initializer(shape, dtype=dtype).permute(order)
        if (value.dtype, value.device, value.shape) != (memory.dtype, memory.device, memory.shape):
            return value.contiguous().permute(back)
        return memory.copy_(value).permute(back)

    return initialize


def own_variables(module: nn.Module) -> list[Variable]:
    """The weights of one module, without those below: trainable ones, then buffers that belong to
    its state."""
    if isinstance(module, (Stateful, Container)):
        found = [adopted(v, key) for key, v in module._parameters.items() if v is not None]
        return found + [v for v in module._buffers.values() if isinstance(v, Variable)]
    transient = module._non_persistent_buffers_set
    state = [(key, v) for key, v in module._parameters.items() if v is not None]
    state += [
        (key, v) for key, v in module._buffers.items() if v is not None and key not in transient
    ]
    return [adopted(v, key) for key, v in state if not isinstance(v, UninitializedTensorMixin)]


def saved_variables(layer: Stateful) -> list[Variable]:
    """The weights that files keep for a layer: its own, and those that stand in its lists, tuples
    and dicts, in the order they were given."""
    found = own_variables(layer)
    known = {id(v) for v in found}
    shift = 0
    for name, child in layer._modules.items():
        if isinstance(child, Container):
            listed = [v for v in _listed(child) if id(v) not in known]
            place = layer.__dict__.get("_listed_after", {}).get(name, 0) + shift
            found[place:place] = listed
            shift += len(listed)
            known.update(map(id, listed))
    return found


def _listed(container: Container) -> Iterator[Variable]:
    yield from own_variables(container)
    for child in container._modules.values():
        if isinstance(child, Container):
            yield from _listed(child)


def _own_state(module: nn.Module) -> list[Variable]:
    seeds = [g.state for g in module._seed_generators] if isinstance(module, Stateful) else []
    return own_variables(module) + seeds


def _layers_below(module: nn.Module) -> Iterator[Stateful]:
    for child in module._modules.values():
        if isinstance(child, Stateful):
            yield child
        elif child is not None:
            yield from _layers_below(child)


def _set_trainable(module: nn.Module, value: bool) -> None:
    for child in module._modules.values():
        if isinstance(child, Stateful):
            child.trainable = value
        elif child is not None:
            _set_trainable(child, value)
    for parameter in module._parameters.values():
        if isinstance(parameter, Variable):
            parameter.trainable = value
        elif parameter is not None:
            parameter.requires_grad_(value)


def _unique(variables) -> list[Variable]:
    return list({id(v): v for v in variables}.values())
