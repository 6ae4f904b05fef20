"""Graphs in models: taking one over, running it on what a user passes, its configuration."""

from collections.abc import Iterator

from torch import Tensor, nn

from torchkeras import tree
from torchkeras._data.slicing import map_arrays
from torchkeras._dtypes import torch_dtype
from torchkeras._op import TorchFunction
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras._symbolic import KerasTensor, history
from torchkeras.layers import Input, InputLayer, Layer, _strings
from torchkeras.layers._tracking import Container
from torchkeras.models._function import Function, source_operation

__all__ = []


def run_graph(model, inputs, mask=None):
    """The outputs of a model's graph for inputs in the structure of its symbolic ones."""
    function = model._function
    flat = _in_order(model, inputs)
    if mask is not None:
        for x, m in zip(flat, tree.flatten(mask), strict=False):
            if m is not None:
                x._keras_mask = m
    flat = standardized_inputs(flat, function.inputs)
    if model._extras is not None and not any(isinstance(x, KerasTensor) for x in flat):
        run = model._extras.run
    else:
        run = function.run
    return without_list_of_one(function.pack(run(flat)))


def without_list_of_one(tensors):
    """What a list of one holds: a model of `outputs=[x]` gives a tensor, as one of `outputs=x`."""
    return tensors[0] if type(tensors) in (list, tuple) and len(tensors) == 1 else tensors


def _in_order(model, inputs) -> list:
    """Inputs in the order of the graph's; dicts are read by the names of the inputs where their
    keys are those."""
    references = model._function.inputs
    if any(x.dtype == "string" for x in references):
        inputs = map_arrays(_strings.as_array, inputs)
    if isinstance(inputs, (Tensor, KerasTensor)):
        flat = [inputs]
    else:
        structure = model._function._inputs_struct
        names = model.input_names
        if isinstance(inputs, dict) and isinstance(structure, dict):
            inputs = {key: inputs[key] for key in structure if key in inputs}
        elif isinstance(inputs, dict) and all(name in inputs for name in names):
            inputs = [inputs[name] for name in names]
        flat = tree.flatten(inputs)
    if len(flat) != len(references):
        raise ValueError(
            f"Function `{model.name}` expects {len(references)} input(s), but it received "
            f"{len(flat)} input tensors. "
            f"Expected inputs: {model.input_names}"
        )
    return flat


def adopt_graph(model, inputs, outputs) -> None:
    """Makes the graph between two nests of symbolic tensors what the model computes.

    Raises:
        ValueError: a name that two operations have, or outputs that the inputs do not lead to.
    """
    inputs, outputs = _with_input_layers(inputs, outputs)
    function = Function(inputs, outputs, name=model.name)
    taken = {}
    for operation in function.operations:
        if taken.setdefault(operation.name, operation) is not operation:
            count = sum(other.name == operation.name for other in function.operations)
            raise ValueError(
                f'The name "{operation.name}" is used {count} times in the model. '
                "All operation names should be unique."
            )
    set_function(model, function)
    model.__dict__["_layers_of_graph"] = [o for o in function.operations if isinstance(o, Layer)]
    register_operations(model, function)
    model.built = True
    if not model._trainable:
        model.trainable = False


def set_function(model, function: Function | None) -> None:
    """Makes `function` what the model runs, and notes what plain inputs of it look like."""
    structure = None if function is None else function._inputs_struct
    plain = (
        function is not None
        and getattr(model.call, "runs_the_graph", False)
        and all(isinstance(x, KerasTensor) for x in _parts(structure))
        and all(x.ndim > 0 and x.dtype != "string" for x in function.inputs)
        and model.activity_regularizer is None
        and not model._makes_masks
        and not model._remat_mode
    )
    model.__dict__.update(
        _function=function,
        _settled=function is not None,
        _graph_inputs=tuple((torch_dtype(x.dtype), x.shape[1:]) for x in function.inputs)
        if plain
        else (),
        _graph_keys=tree.flatten({k: k for k in structure}) if type(structure) is dict else None,
        _graph_makes_masks=plain and any(_makes_masks(o) for o in function.operations),
        _graph_gives_one=plain
        and isinstance(without_list_of_one(function._outputs_struct), KerasTensor),
    )


def _parts(structure) -> list:
    """What a list, tuple or dict holds; of anything else itself."""
    if isinstance(structure, dict):
        return list(structure.values())
    return list(structure) if isinstance(structure, (list, tuple)) else [structure]


def _makes_masks(operation) -> bool:
    """Whether an operation may give a mask though it got none."""
    if isinstance(operation, nn.Module) and not isinstance(operation, Layer):
        return True
    nested = getattr(operation, "_function", None)
    if nested is not None:
        return any(_makes_masks(o) for o in nested.operations)
    return isinstance(operation, Layer) and (
        (operation._makes_masks and not operation._keeps_masks)
        or any(_makes_masks(layer) for layer in operation._layers)
    )


def register_operations(model, function: Function) -> None:
    """Shows torch the layers of a graph by name, and the parameters that its raw torch functions
    were given."""
    for operation in function.operations:
        key = operation.name.replace(".", "_")
        if isinstance(operation, nn.Module):
            if not isinstance(operation, InputLayer):
                model._modules[key] = operation
        elif isinstance(operation, TorchFunction):
            given = _parameters_of_calls(operation)
            if given:
                model._modules[key] = container = Container()
                container.refill(given.items())


def _parameters_of_calls(operation: TorchFunction) -> dict[str, nn.Parameter]:
    """The parameters among the arguments of a torch function's calls, by the names it has for them
    where known."""
    found = {}
    for node in operation._inbound_nodes:
        names = ("input", "weight", "bias")
        for index, argument in enumerate(node.args):
            if isinstance(argument, nn.Parameter):
                found[names[index] if index < len(names) else str(index)] = argument
        found.update({key: a for key, a in node.kwargs.items() if isinstance(a, nn.Parameter)})
    return found


def _with_input_layers(inputs, outputs):
    """The same graph from fresh inputs, where some of the inputs were computed by layers
    themselves."""
    flat = tree.flatten(inputs)
    if all(
        not isinstance(x, KerasTensor) or isinstance(source_operation(x), InputLayer) for x in flat
    ):
        return inputs, outputs
    function = Function(inputs, outputs)
    fresh = [
        x
        if isinstance(source_operation(x), InputLayer)
        else Input(batch_shape=x.shape, dtype=x.dtype, name=f"{x.name}CLONE")
        for x in function.inputs
    ]
    return tree.pack_sequence_as(inputs, fresh), function.pack(function.run(fresh))


def standardized_inputs(flat: list, references: list[KerasTensor]) -> list:
    """Inputs as a graph expects them: of the dtype it was made for, a last axis of 1 added or
    dropped.

    Raises:
        ValueError: another rank.
    """
    return [None if x is None else _fitted(x, ref) for x, ref in zip(flat, references, strict=True)]


def _fitted(x, reference: KerasTensor):
    rank, wanted = x.ndim, len(reference.shape)
    if rank != wanted:
        if rank == wanted + 1 and x.shape[-1] == 1:
            x = x.squeeze(-1)
        elif rank == wanted - 1 and reference.shape[-1] == 1:
            x = x[..., None]
        else:
            raise ValueError(
                f"Invalid input shape for input {x}. Expected shape {reference.shape}, but input "
                "has "
                f"incompatible shape {tuple(x.shape)}"
            )
    if reference.dtype == "string":
        return x
    dtype = torch_dtype(reference.dtype)
    if x.dtype is not dtype:
        mask = getattr(x, "_keras_mask", None)
        x = x.to(dtype)
        if mask is not None:
            x._keras_mask = mask
    return x


# ---- configuration -------------------------------------------------------------------------------


def graph_config(model) -> dict:
    """The layers of a model's graph with their calls, and the ends of the graph, as Keras writes
    them."""
    function = model._function
    in_graph = {id(node) for node in function._nodes}
    places = {}
    for operation in function.operations:
        kept = [node for node in operation._inbound_nodes if id(node) in in_graph]
        places.update({id(node): index for index, node in enumerate(kept)})

    def place(x: KerasTensor) -> list:
        operation, index, position = history(x)
        return [operation.name, places[id(operation._inbound_nodes[index])], position]

    def reference(x):
        if not isinstance(x, KerasTensor):
            return x
        return {
            "class_name": "__keras_tensor__",
            "config": {"shape": x.shape, "dtype": x.dtype, "keras_history": place(x)},
        }

    layers = []
    for operation in function.operations:
        entry = serialize_keras_object(operation)
        entry["name"] = operation.name
        entry["inbound_nodes"] = [
            {
                "args": serialize_keras_object(tree.map_structure(reference, node.args)),
                "kwargs": serialize_keras_object(tree.map_structure(reference, node.kwargs)),
            }
            for node in operation._inbound_nodes
            if id(node) in in_graph and not node.is_input
        ]
        layers.append(entry)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": layers,
        "input_layers": tree.map_structure(place, function._inputs_struct),
        "output_layers": tree.map_structure(place, function._outputs_struct),
    }


def graph_from_config(config: dict, custom_objects=None):
    """The symbolic inputs and outputs of a graph from its configuration.

    Raises:
        ValueError: a call that refers to what is not in the configuration.
    """
    operations = {}
    waiting = []
    for entry in config["layers"]:
        operation = _operation(entry, custom_objects)
        operations[entry["name"]] = operation
        waiting.append((operation, _first_node(operation, entry, config), entry["inbound_nodes"]))
    first_nodes = {id(operation): first for operation, first, _ in waiting}

    def tensor(place):
        name, index, position = place[:3]
        operation = operations[name]
        index += first_nodes[id(operation)]
        if index >= len(operation._inbound_nodes):
            raise IndexError
        return operation._inbound_nodes[index].output_tensors[position]

    done = dict.fromkeys(operations, 0)
    while waiting:
        left = []
        for operation, first, calls in waiting:
            name = operation.name
            while done[name] < len(calls):
                try:
                    args, kwargs = _arguments(calls[done[name]], tensor, custom_objects)
                except IndexError:
                    break
                operation(*args, **kwargs)
                done[name] += 1
            else:
                continue
            left.append((operation, first, calls))
        if len(left) == len(waiting) and sum(done.values()) == config.get("_progress"):
            raise ValueError(
                f"The configuration of model '{config.get('name')}' has calls whose inputs nothing "
                "gives: "
                f"{[operation.name for operation, _, _ in left]}"
            )
        config = {**config, "_progress": sum(done.values())}
        waiting = left
    return _tensors_at(config["input_layers"], tensor), _tensors_at(config["output_layers"], tensor)


def _operation(entry: dict, custom_objects):
    """A layer or op of a graph."""
    own = {key: value for key, value in entry.items() if key not in ("name", "inbound_nodes")}
    operation = deserialize_keras_object(own, custom_objects=custom_objects)
    if "name" not in entry["config"]:
        operation.name = entry["name"]
    return operation


def _first_node(operation, entry: dict, config: dict) -> int:
    """Which node of an operation is the one that the configuration calls 0.

    Nodes that it has for reasons of its own, as an InputLayer and a model do, are not of this
    graph. Keras 2 and some versions of Keras 3 count those of models.
    """
    first = 0 if isinstance(operation, InputLayer) else len(operation._inbound_nodes)
    if "layers" in entry["config"]:
        first -= min((i for name, i in _places(config) if name == entry["name"]), default=0)
    return first


def _places(config) -> Iterator[tuple[str, int]]:
    """Layers and numbers of calls that tensors in a configuration come from."""
    if isinstance(config, dict):
        if "keras_history" in config:
            yield tuple(config["keras_history"][:2])
        for key, value in config.items():
            # What stands in a layer's own configuration belongs to another graph.
            if key != "config" or config.get("class_name") == "__keras_tensor__":
                yield from _places(value)
    elif isinstance(config, (list, tuple)):
        if len(config) == 3 and isinstance(config[0], str) and isinstance(config[1], int):
            yield config[0], config[1]
        for value in config:
            yield from _places(value)


def _tensors_at(places, tensor):
    """Tensors in the structure of their places; a place is `[name, node, tensor]`."""
    if isinstance(places, dict):
        return {key: _tensors_at(place, tensor) for key, place in places.items()}
    if len(places) >= 3 and isinstance(places[0], str) and isinstance(places[1], int):
        return tensor(places)
    return [_tensors_at(place, tensor) for place in places]


def _arguments(call: dict, tensor, custom_objects):
    """The arguments of a call with the symbolic tensors that they refer to."""

    def revived(x):
        if isinstance(x, (list, tuple)):
            return [revived(item) for item in x]
        if not isinstance(x, dict):
            return x
        kind = x.get("class_name")
        if kind == "__keras_tensor__":
            return tensor(x["config"]["keras_history"])
        if kind == "__tuple__":
            return tuple(revived(item) for item in x["items"])
        if kind is None:
            return {key: revived(item) for key, item in x.items()}
        return deserialize_keras_object(x, custom_objects=custom_objects)

    return revived(call["args"]), revived(call["kwargs"])
