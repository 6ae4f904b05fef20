"""`Operation`, the callable that can stand in a graph, and `@op`, which makes a function over torch
one."""

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.overrides import get_overridable_functions, resolve_name

from torchkeras import _naming, _symbolic, config, tree
from torchkeras._scopes import call_context
from torchkeras._serialize import Configurable
from torchkeras._symbolic import PLAIN, KerasTensor, Node, any_symbolic, infer_spec

__all__ = ["Computation", "Operation", "TorchFunction", "computed_on_symbols", "op"]

# Class name of an op's node ("Add", "GetItem") -> the op; how a saved graph finds its functions.
operations: dict[str, Callable] = {}


class Operation(Configurable):
    """Something that can be called with tensors, or with symbolic tensors to become a node of a
    graph.

    Subclasses implement `call`. What it gives for symbolic tensors is worked out by running it on
    meta tensors.
    """

    # With how many arguments a call may skip the protocol around `call`; layers find out.
    _hot = 0

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
        """Records a node and returns its symbolic outputs.

        Where symbolic tensors stand for values, computes with those instead.
        """
        if _symbolic.live.lookup is not None:
            args, kwargs = tree.map_structure(_live_value, (args, kwargs))
            return self(*args, **kwargs)
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


def _live_value(x):
    return _symbolic.live.lookup(x) if isinstance(x, KerasTensor) else x


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


class Computation(Operation):
    """A Python function of tensors as an operation of a graph."""

    def __init__(self, function, name=None):
        super().__init__(name)
        self.function = function

    def call(self, *args, **kwargs):
        return self.function(*args, **kwargs)


def computed_on_symbols(function: Callable) -> Callable:
    """Decorator: with symbolic tensors among its arguments a function becomes a node of the graph,
    else it just runs."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        if any_symbolic(args, kwargs):
            return Computation(function)(*args, **kwargs)
        return function(*args, **kwargs)

    return wrapper


class FunctionOperation(Operation):
    """Base of the classes that `@op` makes: a function with its arguments that are no inputs of the
    node already given."""

    function: Callable
    # The parameters whose arguments come with each call, and those before `*operands`.
    input_names: tuple[str, ...] = ()
    leading_names: tuple[str, ...] = ()
    variadic: str | None = None

    def __init__(self, name=None, **static):
        super().__init__(name)
        self.static = static

    def call(self, *inputs, **kwargs):
        count = len(self.input_names)
        named = dict(zip(self.input_names, inputs, strict=False)) | kwargs
        if self.variadic is None:
            return type(self).function(**named, **self.static)
        given = self.static | named
        leading = [given.pop(p) for p in self.leading_names]
        return type(self).function(*leading, *inputs[count:], **given)

    def get_config(self):
        return {"name": self.name, **self.static}

    def __reduce__(self):
        # The class is made when it is first needed, so it is found by its function.
        kind = type(self)
        place = kind.__module__, kind.function.__name__, kind.__name__
        return _blank_operation, place, self.__getstate__()


def _blank_operation(module: str, function: str, class_name: str) -> FunctionOperation:
    """An operation of an op's class, without attributes."""
    found = getattr(sys.modules.get(module), function, None)
    if not hasattr(found, "operation_class"):
        found = operations[class_name]
    kind = found.operation_class()
    return kind.__new__(kind)


def op(
    function: Callable | None = None,
    *,
    name: str | None = None,
    place: str | None = None,
    inputs: tuple[str, ...] = (),
):
    """Decorator: with symbolic tensors among its arguments a function records a node, else it just
    runs.

    Parameters annotated `Tensor` (or with a nest of them) are inputs of the node, the others its
    configuration.

    Args:
        name: class name in saved graphs, made from the function's name where None.
        place: module of Keras where saved graphs look for the class, such as "ops.nn"; that of the
            function where None.
        inputs: parameters that saved graphs hold as inputs though they are no tensors.
    """
    if function is None:
        return functools.partial(op, name=name, place=place, inputs=inputs)
    class_name = name or "".join(word.capitalize() for word in function.__name__.split("_"))

    @functools.cache
    def operation_class():
        return _operation_class(function, class_name, place, inputs)

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for a in args:
            if type(a) not in PLAIN and any_symbolic(a):
                return _record(operation_class(), args, kwargs)
        if kwargs:
            for a in kwargs.values():
                if type(a) not in PLAIN and any_symbolic(a):
                    return _record(operation_class(), args, kwargs)
        return function(*args, **kwargs)

    wrapper.operation_class = operation_class
    operations[class_name] = wrapper
    if function.__name__ in _symbolic.operators:
        _symbolic.operators[function.__name__] = wrapper
    return wrapper


def _operation_class(
    function: Callable, class_name: str, place: str | None, inputs: tuple[str, ...]
) -> type[FunctionOperation]:
    input_names, leading, variadic = [], [], None
    for p in inspect.signature(function).parameters.values():
        if p.kind is p.VAR_POSITIONAL:
            variadic = p.name
        elif "Tensor" in str(p.annotation) or p.name in inputs:
            input_names.append(p.name)
        if variadic is None and p.kind is p.POSITIONAL_OR_KEYWORD:
            leading.append(p.name)
    if place is None:
        place = ".".join(room.strip("_") for room in function.__module__.split(".")[1:3])
    return type(
        class_name,
        (FunctionOperation,),
        {
            "function": staticmethod(function),
            "input_names": tuple(input_names),
            "leading_names": tuple(leading),
            "variadic": variadic,
            "_keras_module": f"keras.src.{place}",
            "__doc__": function.__doc__,
            "__module__": function.__module__,
        },
    )


def _record(kind: type[FunctionOperation], args: tuple, kwargs: dict[str, Any]):
    """The symbolic outputs of a call with symbolic tensors, which becomes a node."""
    inputs, named, static = _split(kind, args, kwargs)
    return kind(**static).symbolic_call(*inputs, **named)


def _split(kind: type[FunctionOperation], args: tuple, kwargs: dict[str, Any]):
    """The arguments of a call as (inputs in order, inputs by name, the others by name)."""
    signature = inspect.signature(kind.function)
    bound = signature.bind(*args, **kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    inputs = [given.pop(p) for p in kind.input_names]
    if kind.variadic is not None:
        inputs.extend(given.pop(kind.variadic))
    named = {}
    for p in signature.parameters.values():
        if p.kind is p.VAR_KEYWORD:
            named = given.pop(p.name)
    for key in [key for key, v in given.items() if any_symbolic(v)]:
        named[key] = given.pop(key)
    if "data_format" in given:
        # What holds now: a saved graph does not depend on the setting where it is loaded.
        given["data_format"] = given["data_format"] or config.image_data_format()
    return inputs, named, given


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
