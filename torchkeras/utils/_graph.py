"""The layers of a model as boxes and arrows."""

from typing import Any, NamedTuple

from torchkeras import tree
from torchkeras._symbolic import KerasTensor, node_of
from torchkeras.models import Model, Sequential

__all__ = ["get_source_inputs"]


def get_source_inputs(
    tensor: Any, layer: Any = None, node_index: int | None = None
) -> list[KerasTensor]:
    """The symbolic inputs from which a symbolic tensor is computed, each once.

    Args:
        layer: with `node_index`, the layer whose call of that number made the tensor; by default
            the tensor knows.
    """
    if not isinstance(tensor, KerasTensor) or not hasattr(tensor, "_keras_history"):
        return tensor
    found: dict[int, KerasTensor] = {}
    seen = set()
    stack = [tensor]
    if layer is not None and node_index is not None:
        stack = list(layer._inbound_nodes[node_index].output_tensors[:1])
    while stack:
        node = node_of(stack.pop())
        if node.is_input:
            found.update((id(x), x) for x in node.output_tensors)
        elif id(node) not in seen:
            seen.add(id(node))
            stack += reversed(node.input_tensors)
    return list(found.values())


class Graph(NamedTuple):
    """What is drawn of a model.

    Attributes:
        name: of the model.
        boxes: layers and other operations, in the order in which they run.
        inner: the graphs of models that are shown with what is in them.
        edges: pairs of operations, the second of which is called on the first one's output.
    """

    name: str
    boxes: list
    inner: list["Graph"]
    edges: list[tuple[Any, Any]]

    def all_boxes(self) -> list:
        """The boxes of this graph and of those in it."""
        return self.boxes + [box for graph in self.inner for box in graph.all_boxes()]

    def all_edges(self) -> list[tuple[Any, Any]]:
        """The edges of this graph and of those in it, each once."""
        edges = [*self.edges, *(edge for graph in self.inner for edge in graph.all_edges())]
        return list({(id(start), id(end)): (start, end) for start, end in edges}.values())


def graph_of(model: Model, expand_nested: bool) -> Graph:
    """The boxes and edges of a model; one box if its `call` is written in Python."""
    if not _has_graph(model):
        return Graph(model.name, [model], [], [])
    is_sequential = isinstance(model, Sequential)
    operations = model.layers if is_sequential else model._function.operations
    inner = [graph_of(x, True) for x in operations if expand_nested and _has_graph(x)]
    boxes = [x for x in operations if not (expand_nested and _has_graph(x))]
    if is_sequential:
        pairs = [(start, end, 0, 0) for start, end in zip(operations, operations[1:])]
    else:
        pairs = list(_connections(model._function))
    if expand_nested:
        edges = [(_end(start, i), _start(end, j)) for start, end, i, j in pairs]
    else:
        edges = [(start, end) for start, end, _, _ in pairs]
    return Graph(model.name, boxes, inner, edges)


def _has_graph(layer: Any) -> bool:
    return isinstance(layer, Model) and (
        layer._function is not None or (isinstance(layer, Sequential) and bool(layer.layers))
    )


def _connections(function: Any) -> Any:
    """(operation, operation, output of the first, input of the second) for each arrow."""
    for node in function._nodes:
        if node.is_input or function._is_source(node):
            continue
        for position, tensor in enumerate(node.input_tensors):
            yield tensor._keras_history.operation, node.operation, _index(tensor), position


def _index(tensor: KerasTensor) -> int:
    return tensor._keras_history.tensor_index


def _end(operation: Any, output: int) -> Any:
    """The box that an output of an operation comes from, inside of models."""
    while _has_graph(operation):
        if isinstance(operation, Sequential):
            operation, output = operation.layers[-1], 0
        else:
            tensor = operation._function.outputs[output]
            operation, output = tensor._keras_history.operation, _index(tensor)
    return operation


def _start(operation: Any, position: int) -> Any:
    """The box that an input of an operation goes to, inside of models."""
    while _has_graph(operation):
        if isinstance(operation, Sequential):
            operation = operation.layers[0]
        else:
            operation = operation._function.inputs[position]._keras_history.operation
    return operation


class Details(NamedTuple):
    """What a box shows beside the class of its layer."""

    show_shapes: bool
    show_dtype: bool
    show_layer_names: bool
    show_layer_activations: bool
    show_trainable: bool


class Label(NamedTuple):
    """The texts in a box: the headline, one line below it, and fields beside each other."""

    title: str
    activation: str | None
    fields: list[tuple[str, str | None]]  # with the colour, where it is not white


def label_of(operation: Any, details: Details) -> Label:
    """The texts in the box of a layer or other operation."""
    kind = type(operation).__name__
    title = f"{operation.name} ({kind})" if details.show_layer_names else kind
    activation = getattr(operation, "activation", None) if details.show_layer_activations else None
    if activation is not None:
        name = getattr(activation, "name", None) or getattr(activation, "__name__", activation)
        activation = f"Activation: {name}"
    fields = []
    if details.show_shapes and kind != "InputLayer":
        fields.append((f"Input shape: {_shapes(operation, 'input')}", None))
    if details.show_shapes:
        fields.append((f"Output shape: {_shapes(operation, 'output')}", None))
    if details.show_dtype:
        fields.append((f"Output dtype: {_dtype(operation)}", None))
    if details.show_trainable and getattr(operation, "weights", None):
        is_trainable = operation.trainable
        fields.append(
            ("Trainable", "forestgreen") if is_trainable else ("Non-trainable", "firebrick")
        )
    return Label(title, activation, fields)


def _tensors(operation: Any, side: str) -> Any:
    """The symbolic inputs or outputs of an operation; None where there are none, or several."""
    try:
        return getattr(operation, side)
    except (AttributeError, ValueError):
        return None


def _shapes(operation: Any, side: str) -> str:
    tensors = _tensors(operation, side)
    if tensors is None:
        return "?"
    if isinstance(tensors, dict):
        return ", ".join(f"{key}: {tuple(x.shape)}" for key, x in tensors.items())
    shapes = [str(tuple(x.shape)) for x in tree.flatten(tensors)]
    return ", ".join(shapes)


def _dtype(operation: Any) -> str:
    outputs = _tensors(operation, "output")
    names = {x.dtype for x in tree.flatten(outputs)} if outputs is not None else ()
    return ", ".join(sorted(names)) or "?"
