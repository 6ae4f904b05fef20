"""`tf.function`, which runs functions as they are, and `tf.Module`."""

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from torchkeras import tree
from torchkeras._variable import Variable
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._specs import TensorSpec
from torchkeras.tf._tensor import sealed

__all__ = ["Module", "function", "recompute_grad"]


class Function:
    """A function of `tf.function`; called, it runs as it is, or compiled by torch.

    NumPy arrays among the arguments become tensors; with an `input_signature` all arguments are
    checked against it.
    """

    def __init__(self, python_function: Callable, input_signature: Any, jit_compile: bool):
        functools.update_wrapper(self, python_function)
        self.python_function = python_function
        self.input_signature = None if input_signature is None else tuple(input_signature)
        self._jit_compile = bool(jit_compile)
        self._run = torch.compile(python_function) if jit_compile else python_function

    def __call__(self, *args, **kwargs):
        if np.ndarray in map(type, args):
            args = [_argument(a) if type(a) is np.ndarray else a for a in args]
        if self.input_signature is not None:
            args = self._checked(args)
        return sealed(self._run(*args, **kwargs))

    def _checked(self, args: list) -> list:
        offset = len(args) - len(self.input_signature)
        if offset not in (0, 1):
            raise TypeError(
                f"{self.__name__} takes {len(self.input_signature)} arguments by its "
                f"input_signature. Received: {len(args)}"
            )
        bound = zip(args[offset:], self.input_signature)
        return [*args[:offset], *(_as_spec(argument, spec) for argument, spec in bound)]

    def __get__(self, instance, owner=None):
        return self if instance is None else Bound(self, instance)

    def get_concrete_function(self, *args, **kwargs) -> "Function":
        """The function; it is the same for all arguments."""
        return self

    @property
    def structured_input_signature(self) -> tuple:
        """The input signature, and that of keyword arguments, of which there are none."""
        return (self.input_signature or (), {})

    def experimental_get_tracing_count(self) -> int:
        """How often the function was traced: torchkeras traces none."""
        return 0

    def __repr__(self) -> str:
        return f"<tf.function {self.__name__}>"


class Bound:
    """A `Function` of an object's class, with the object."""

    def __init__(self, function: Function, instance: Any):
        functools.update_wrapper(self, function.python_function)
        self._function = function
        self._instance = instance

    def __call__(self, *args, **kwargs):
        return self._function(self._instance, *args, **kwargs)

    def get_concrete_function(self, *args, **kwargs) -> "Bound":
        """The function; it is the same for all arguments."""
        return self

    def __getattr__(self, name):
        return getattr(self._function, name)


def _argument(value: np.ndarray) -> Any:
    return sealed(as_tensor(value))


def _as_spec(argument: Any, spec: Any) -> Any:
    """An argument as its spec says.

    Raises:
        TypeError: it has another shape or dtype.
    """
    if not isinstance(spec, TensorSpec):
        specs, parts = tree.flatten(spec), tree.flatten(argument)
        return tree.pack_sequence_as(argument, [_as_spec(*pair) for pair in zip(parts, specs)])
    is_tensor = hasattr(argument, "dtype") and hasattr(argument, "shape")
    tensor = argument if is_tensor else sealed(as_tensor(argument, spec.dtype))
    if not spec.is_compatible_with(tensor):
        raise TypeError(
            f"Binding inputs to tf.function failed: can not cast {TensorSpec.from_tensor(tensor)} "
            f"to {spec}. Received: {argument}"
        )
    return tensor


def function(
    func=None,
    input_signature=None,
    autograph=True,
    jit_compile=None,
    reduce_retracing=False,
    experimental_implements=None,
    experimental_autograph_options=None,
    experimental_attributes=None,
    experimental_relax_shapes=None,
    experimental_compile=None,
    experimental_follow_type_hints=None,
):
    """The function itself, to be called as in TensorFlow; Python's control flow is just run.

    Args:
        input_signature: a `tf.TensorSpec` for each argument, which they are checked against.
        jit_compile: True for `torch.compile`.
    """
    if func is None:
        return lambda given: function(given, input_signature, jit_compile=jit_compile)
    return Function(func, input_signature, bool(jit_compile or experimental_compile))


def recompute_grad(f: Callable) -> Callable:
    """Decorator: what `f` computes is computed again for its gradients, and not kept."""

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        found = torch.utils.checkpoint.checkpoint(f, *args, use_reentrant=False, **kwargs)
        return sealed(found)

    return wrapper


class Module:
    """Something with variables: those of its attributes, lists and dicts, and of modules there."""

    def __init__(self, name: str | None = None):
        self._name = name or _snake_case(type(self).__name__)

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def name_scope(self) -> Any:
        """A scope of the module's name."""
        return contextlib.nullcontext(f"{self._name}/")

    @classmethod
    def with_name_scope(cls, method: Callable) -> Callable:
        """Decorator: the method itself."""
        return method

    @property
    def variables(self) -> tuple:
        """All variables, each once; by the names of the attributes, those of modules last."""
        return tuple(x for x in variables_of(self) if isinstance(x, Tensor))

    @property
    def trainable_variables(self) -> tuple:
        """The variables that are trainable."""
        return tuple(x for x in self.variables if x.trainable)

    @property
    def non_trainable_variables(self) -> tuple:
        """The variables that are not trainable."""
        return tuple(x for x in self.variables if not x.trainable)

    @property
    def submodules(self) -> tuple:
        """The modules and layers in attributes, and in those."""
        found: list = []
        for part in _parts(self):
            if not isinstance(part, Variable):
                found.append(part)
                inner = part.submodules if isinstance(part, Module) else tuple(part.modules())[1:]
                found += [module for module in inner if all(module is not f for f in found)]
        return tuple(found)

    def __getstate__(self) -> dict:
        return dict(self.__dict__)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def attributes_of(owner: Any) -> Iterator[tuple[str, Any]]:
    """(name, variable, module or layer) in the attributes of an object, by their names."""
    for key, value in sorted(vars(owner).items()):
        yield from _in_structure(key, value)


def _in_structure(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Variable | Module | nn.Module):
        yield key, value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _in_structure(f"{key}/{name}", item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _in_structure(f"{key}/{index}", item)


def _parts(owner: Any) -> list:
    """The variables in the attributes, then the modules, each once."""
    found = {id(part): part for _, part in attributes_of(owner)}.values()
    return sorted(found, key=lambda part: not isinstance(part, Variable))


def variables_of(owner: Any) -> list[Variable]:
    """The variables of a module, a layer or a model, each once."""
    if not isinstance(owner, Module):
        return list(owner.variables)
    found: dict[int, Variable] = {}
    for part in _parts(owner):
        for variable in [part] if isinstance(part, Variable) else variables_of(part):
            found.setdefault(id(variable), variable)
    return list(found.values())
