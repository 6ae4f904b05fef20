"""`Operation`, the callable that can stand in a graph, and `@op`, which makes a function over torch
one."""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import get_overridable_functions, resolve_name

from torchkeras import _naming, _symbolic
from torchkeras._scopes import call_context
from torchkeras._serialize import Configurable
from torchkeras._symbolic import KerasTensor, Node, any_symbolic, infer_spec

__all__ = ["Operation", "TorchFunction", "op"]

# Class name of an op's node ("Add", "GetItem") -> the op; how a saved graph finds its functions.
operations: dict[str, Callable] = {}


class Operation(Configurable):
    """Something that can be called with tensors, or with symbolic tensors to become a node of a
    graph.

    Subclasses implement `call`. What it gives for symbolic tensors is worked out by running it on
    meta tensors.
    """

    # Whether a call may skip the protocol around `call`; layers find out.
    _hot = False

    def __init__(self, name=None):
        self.name = _checked_name(name, self)
        self._inbound_nodes = []
        self._outbound_nodes = []

    def __call__(self, *args, **kwargs):
        if any_symbolic(args, kwargs):
            return self.symbolic_call(*args, **kwargs)
        return self.call(*args, **kwargs)

    def call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no `call` method.")

    def symbolic_call(self, *args, **kwargs):
        """Records a node and returns its symbolic outputs."""
        outputs = self.compute_output_spec(*args, **kwargs)
        Node(self, args, kwargs, outputs)
        return outputs

    def compute_output_spec(self, *args, **kwargs):
        """The symbolic outputs for symbolic arguments."""
        return infer_spec(self.call, args, kwargs)

    def quantized_call(self, *args, **kwargs):
        raise NotImplementedError(f"{type(self).__name__} has no quantized form.")

    def rematerialized_call(self, fn, *args, **kwargs):
        """`fn(*args, **kwargs)` with its activations recomputed in the backward pass."""
        return torch.utils.checkpoint.checkpoint(fn, *args, use_reentrant=False, **kwargs)

    def __getstate__(self):
        """Attributes, without the nodes: those are made anew by the graphs they belong to."""
        return {**self.__dict__, "_inbound_nodes": [], "_outbound_nodes": []}

    @property
    def input(self):
        """Symbolic input of the first call, in its structure.

        Raises:
            ValueError: it was never called with symbolic tensors.
        """
        return _squeezed(self._first_node("input").input_tensors)

    @property
    def output(self):
        """Symbolic output of the first call.

        Raises:
            ValueError: it was never called with symbolic tensors.
        """
        return _squeezed(self._first_node("output").output_tensors)

    def _first_node(self, what: str) -> Node:
        if not self._inbound_nodes:
            # No AttributeError: `nn.Module.__getattr__` would swallow the message.
            raise ValueError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        return self._inbound_nodes[0]


def _squeezed(tensors: list[KerasTensor]):
    return tensors[0] if len(tensors) == 1 else tensors


def _checked_name(name: str | None, operation: Operation) -> str:
    if name is None:
        return _naming.auto_name(type(operation).__name__)
    if not isinstance(name, str) or "/" in name:
        raise ValueError(
            "Argument `name` must be a string and cannot contain character `/`. "
            f"Received: name={name} (of type {type(name)})"
        )
    return name


class FunctionOperation(Operation):
    """Base of the classes that `@op` makes: a function with its arguments that are no tensors
    already given."""

    function: Callable
    tensor_names: tuple[str, ...] = ()
    variadic: str | None = None

    def __init__(self, name=None, **static):
        super().__init__(name)
        self.static = static

    def call(self, *tensors):
        count = len(self.tensor_names)
        named = dict(zip(self.tensor_names, tensors, strict=False))
        if self.variadic is None:
            return type(self).function(**named, **self.static)
        # Positional parameters come before `*operands`, so all go by position.
        leading = [named[p] if p in named else self.static[p] for p in self.leading_names]
        rest = {key: v for key, v in self.static.items() if key not in self.leading_names}
        return type(self).function(*leading, *tensors[count:], **rest)

    leading_names: tuple[str, ...] = ()

    def get_config(self):
        return {"name": self.name, **self.static}

    def __reduce__(self):
        # The class is made when it is first needed, so it is found by its function.
        kind = type(self)
        place = kind.__module__, kind.function.__name__, kind.__name__
        return _blank_operation, place, self.__getstate__()


def _blank_operation(module: str, function: str, class_name: str) -> FunctionOperation:
    """An operation of an op's class, without attributes."""
    # A function may say Keras's path of its module, which has a part more than ours.
    for place in (module, module.rpartition(".")[0]):
        found = getattr(sys.modules.get(place), function, None)
        if hasattr(found, "operation_class"):
            break
    else:
        found = operations[class_name]
    kind = found.operation_class()
    return kind.__new__(kind)


def op(function: Callable | None = None, *, name: str | None = None):
    """Decorator: with symbolic tensors among its arguments a function records a node, else it just
    runs.

    Parameters annotated `Tensor` (or with a nest of them) are inputs of the node, the others its
    configuration. `name` is the class name in saved graphs; it is made from the function's name
    where None.
    """
    if function is None:
        return functools.partial(op, name=name)
    class_name = name or "".join(word.capitalize() for word in function.__name__.split("_"))

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for a in args:
            kind = type(a)
            if kind is KerasTensor or ((kind is list or kind is tuple) and any_symbolic(*a)):
                return symbolic(args, kwargs)
        if kwargs and any_symbolic(kwargs):
            return symbolic(args, kwargs)
        return function(*args, **kwargs)

    def symbolic(args, kwargs):
        kind = operation_class()
        tensors, static = _split(kind, args, kwargs)
        return kind(name=static.pop("name", None), **static).symbolic_call(*tensors)

    @functools.cache
    def operation_class():
        return _operation_class(function, class_name)

    wrapper.operation_class = operation_class
    operations[class_name] = wrapper
    if function.__name__ in _symbolic.operators:
        _symbolic.operators[function.__name__] = wrapper
    return wrapper


def _operation_class(function: Callable, class_name: str) -> type[FunctionOperation]:
    parameters = inspect.signature(function).parameters.values()
    tensor_names, leading, variadic = [], [], None
    for p in parameters:
        if p.kind is p.VAR_POSITIONAL:
            variadic = p.name
        elif "Tensor" in str(p.annotation):
            tensor_names.append(p.name)
        if variadic is None and p.kind is p.POSITIONAL_OR_KEYWORD:
            leading.append(p.name)
    room = function.__module__.split(".")
    return type(
        class_name,
        (FunctionOperation,),
        {
            "function": staticmethod(function),
            "tensor_names": tuple(tensor_names),
            "leading_names": tuple(leading),
            "variadic": variadic,
            "_keras_module": ".".join(["keras", "src", *room[1:3]]),
            "__doc__": function.__doc__,
            "__module__": function.__module__,
        },
    )


def _split(kind: type[FunctionOperation], args: tuple, kwargs: dict[str, Any]):
    """The arguments of a call as (tensors in order, the others by name)."""
    bound = inspect.signature(kind.function).bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    tensors = [given.pop(p) for p in kind.tensor_names]
    if kind.variadic is not None:
        tensors.extend(given.pop(kind.variadic))
    for key in [key for key, v in given.items() if any_symbolic(v)]:
        raise TypeError(
            f"Argument `{key}` of `{kind.function.__name__}` cannot be symbolic. Received: "
            f"{key}={given[key]}"
        )
    return tensors, given


class TorchFunction(Operation):
    """A function of torch as an operation: what `torch.relu(x)` becomes where `x` is symbolic."""

    _keras_module = "torchkeras"

    def __init__(self, function, name=None):
        if isinstance(function, str):
            function = _torch_function(function)
        self.function = function
        self._training_place = _place_of_training(function)
        super().__init__(
            name or _naming.auto_name(getattr(function, "__name__", "torch_function").strip("_"))
        )

    def call(self, *args, **kwargs):
        """The function's result; where it takes `training`, that is the phase of the model's
        call."""
        place, phase = self._training_place, call_context.training
        if place is not None and phase is not None:
            if len(args) > place:
                args = (*args[:place], phase, *args[place + 1 :])
            else:
                kwargs = {**kwargs, "training": phase}
        return self.function(*args, **kwargs)

    def get_config(self):
        return {"name": self.name, "function": resolve_name(self.function)}


@functools.cache
def _place_of_training(function: Callable) -> int | None:
    """Position of the argument `training` of a torch function, None where it has no such
    argument."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return None
    return names.index("training") if "training" in names else None


def _torch_function(name: str) -> Callable:
    """The function of torch of that name; only those that take tensors can be named.

    Raises:
        ValueError: torch has no such function.
    """
    for functions in get_overridable_functions().values():
        for function in functions:
            if resolve_name(function) == name:
                return function
    raise ValueError(f"torch has no such function of tensors. Received: function={name!r}")


_symbolic.torch_function_operation.append(TorchFunction)
