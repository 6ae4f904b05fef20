"""`Function`: a graph of operations between symbolic tensors, and how it runs."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from torchkeras import _symbolic, tree
from torchkeras._op import Operation
from torchkeras._symbolic import CONSTANTS, KerasTensor, Node, history, infer_spec, node_of

__all__ = ["Function"]


class Function(Operation):
    """The operations that lead from some symbolic tensors to others, as one operation.

    Args:
        inputs: nest of `KerasTensor`s.
        outputs: nest of `KerasTensor`s computed from them.

    Raises:
        ValueError: outputs that depend on other tensors than the inputs.
    """

    def __init__(self, inputs, outputs, name=None):
        super().__init__(name)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self._inputs = [x for x in tree.flatten(inputs) if x is not None]
        self._outputs = tree.flatten(outputs)
        for kind, tensors in (("inputs", self._inputs), ("outputs", self._outputs)):
            wrong = [x for x in tensors if not isinstance(x, KerasTensor)]
            if wrong or not tensors:
                raise ValueError(
                    f"All `{kind}` values must be KerasTensors. Received: {kind}={tensors} "
                    "including invalid value "
                    f"{wrong[:1]} of type {type(wrong[0]) if wrong else None}"
                )
        self._sort()
        self._plan = None

    @property
    def inputs(self):
        """Symbolic inputs, flat."""
        return self._inputs

    @property
    def outputs(self):
        """Symbolic outputs, flat."""
        return self._outputs

    @property
    def operations(self):
        """The operations, each once, those furthest from the outputs first."""
        return self._operations[:]

    # ---- the order of things ---------------------------------------------------------------------

    def _sort(self) -> None:
        """Orders nodes and operations by their distance from the outputs, then by when they are met
        from there."""
        nodes, indices = self._nodes_from_outputs()
        depths: dict[int, int] = {}
        of_operation: dict[int, int] = {}
        for node in reversed(nodes):
            key = id(node.operation)
            depth = max(depths.get(id(node), 0), of_operation.get(key, 0))
            depths[id(node)] = of_operation[key] = depth
            for parent in self._parents(node):
                depths[id(parent)] = max(depths.get(id(parent), 0), depth + 1)
        for tensor in self._inputs:
            node = node_of(tensor)
            if id(node) not in depths:
                depths[id(node)] = 0
                of_operation.setdefault(id(node.operation), 0)
                indices.setdefault(id(node.operation), -1)
                nodes.append(node)
        self._nodes = sorted(nodes, key=lambda node: -depths[id(node)])
        self._nodes_by_depth = defaultdict(list)
        for node in self._nodes:
            self._nodes_by_depth[depths[id(node)]].append(node)
        operations = {id(node.operation): node.operation for node in nodes}
        by_depth = defaultdict(list)
        for key, operation in operations.items():
            by_depth[of_operation[key]].append(operation)
        self._operations = [
            operation
            for depth in sorted(by_depth, reverse=True)
            for operation in sorted(by_depth[depth], key=lambda operation: indices[id(operation)])
        ]

    def _parents(self, node: Node) -> list[Node]:
        return [] if self._is_source(node) else node.parent_nodes

    def _is_source(self, node: Node) -> bool:
        """Whether the graph starts at this node: all it gives is given."""
        given = {id(x) for x in self._inputs}
        return node.is_input or all(id(x) in given for x in node.output_tensors)

    def _nodes_from_outputs(self) -> tuple[list[Node], dict[int, int]]:
        """Nodes with parents before children, and by operation the order in which they are first
        met.

        The walk is a loop, so that a graph may be deeper than Python's stack.
        """
        given = {id(x) for x in self._inputs}
        finished: dict[int, Node] = {}
        open_nodes: set[int] = set()
        indices: dict[int, int] = {}
        for output in self._outputs:
            stack = [(node_of(output), None)]
            while stack:
                node, parents = stack.pop()
                key = id(node)
                if parents is None:
                    if key in finished:
                        continue
                    if key in open_nodes:
                        raise ValueError(
                            f"Tensor from operation {node.operation.name} is part of a cycle."
                        )
                    if node.is_input and not all(id(x) in given for x in node.output_tensors):
                        raise ValueError(
                            "`inputs` not connected to `outputs`: the outputs also depend on "
                            f"{node.output_tensors}, which is not among the inputs. Received: "
                            f"inputs={self._inputs}"
                        )
                    open_nodes.add(key)
                    indices.setdefault(id(node.operation), len(indices))
                    parents = iter(self._inputs_of(node))
                parent = next(parents, None)
                if parent is None:
                    open_nodes.discard(key)
                    finished[key] = node
                else:
                    stack.append((node, parents))
                    if id(parent) not in finished:
                        stack.append((parent, None))
        return list(finished.values()), indices

    def _inputs_of(self, node: Node) -> list[Node]:
        if self._is_source(node):
            return []
        return [node_of(x) for x in node.input_tensors]

    # ---- running ---------------------------------------------------------------------------------

    def _make_plan(self) -> list[tuple]:
        """The calls in order, as tuples (operation, sources, args, kwargs, targets, done).

        Values live in numbered slots. `sources` is the slot or the list of slots of a call with one
        tensor or one list of tensors, the tuple of slots of a call with several tensors, where
        `kwargs` are settings; None for other calls. `done` are the slots that nothing later needs.
        """
        slots: dict[int, int] = {}

        def slot(tensor) -> int:
            return slots.setdefault(id(tensor), len(slots))

        self._input_slots = [slot(x) for x in self._inputs]
        given = set(self._input_slots)
        plan = []
        for node in self._nodes:
            if self._is_source(node):
                continue
            sources = None
            if _is_simple(node):
                sources = tree.map_structure(slot, node.args)
                sources = sources[0] if len(sources) == 1 else sources
            template = tree.map_structure(
                lambda x: _Slot(slot(x)) if isinstance(x, KerasTensor) else x,
                (node.args, node.kwargs),
            )
            targets = [slot(x) for x in node.output_tensors]
            one = len(targets) == 1 and isinstance(node.outputs, KerasTensor)
            used = [slot(x) for x in node.input_tensors]
            plan.append(
                [
                    node.operation,
                    sources,
                    *template,
                    targets[0] if one else targets,
                    used,
                ]
            )
        keep = given | {slot(x) for x in self._outputs}
        for step in reversed(plan):
            step[-1] = tuple({s for s in step[-1] if s not in keep})
            keep.update(step[-1])
        self._output_slots = [slot(x) for x in self._outputs]
        self._slot_count = len(slots)
        return [tuple(step) for step in plan]

    def run(self, inputs: Sequence, short: Callable | None = None) -> list:
        """The flat outputs for flat inputs; each operation is called as when the graph was made.

        Args:
            short: how layers are called that have a short way (see `Layer.forward`), without asking
                whether they may take it: for inputs that have the shapes and dtypes that the graph
                was made for, and no masks.
        """
        if self._plan is None:
            self._plan = self._make_plan()
        values = [None] * self._slot_count
        for position, value in zip(self._input_slots, inputs, strict=True):
            values[position] = value
        for operation, sources, args, kwargs, target, done in self._plan:
            if type(sources) is int:
                x = values[sources]
                is_short = short and operation._hot == 1 and x.dtype is operation._hot_dtype
                call = short if is_short else type(operation).__call__
                result = call(operation, x, **kwargs) if kwargs else call(operation, x)
            elif sources is None:
                result = operation(*_filled(args, values), **_filled(kwargs, values))
            else:
                given = _taken(sources, values)
                is_short = short and operation._hot == len(given) and operation._takes(given)
                call = short if is_short else type(operation).__call__
                result = call(operation, *given, **kwargs)
            if type(target) is int:
                values[target] = result
            else:
                for position, value in zip(target, _tensors(result), strict=True):
                    values[position] = value
            for position in done:
                values[position] = None
        return [values[s] for s in self._output_slots]

    def replay(self, inputs: Sequence, call: Callable) -> list:
        """The flat outputs where `call(operation, *args, **kwargs)` stands for each call."""
        values = {id(x): value for x, value in zip(self._inputs, inputs, strict=True)}
        for node in self._nodes:
            if self._is_source(node):
                continue
            args, kwargs = tree.map_structure(
                lambda x: values[id(x)] if isinstance(x, KerasTensor) else x,
                (node.args, node.kwargs),
            )
            results = _tensors(call(node.operation, *args, **kwargs))
            values.update(zip(map(id, node.output_tensors), results, strict=True))
        return [values[id(x)] for x in self._outputs]

    def pack(self, outputs: list):
        """Flat outputs in the structure they were given in."""
        if isinstance(self._outputs_struct, KerasTensor):
            return outputs[0]
        return tree.pack_sequence_as(self._outputs_struct, outputs)

    def call(self, inputs):
        """The outputs for inputs in the structure of the symbolic ones."""
        flat = [x for x in tree.flatten(inputs) if x is not None]
        if len(flat) != len(self._inputs):
            raise ValueError(
                f"Expected {len(self._inputs)} input tensors. Received: {len(flat)} in "
                f"inputs={inputs}"
            )
        return self.pack(self.run(flat))

    def compute_output_spec(self, inputs):
        return infer_spec(self.call, (inputs,), {})

    def compute_output_shape(self, input_shape):
        """Shape of the outputs for inputs of the given shapes."""
        shapes = iter(_flat_shapes(input_shape))
        symbolic = [
            KerasTensor(shape, dtype=x.dtype) for shape, x in zip(shapes, self._inputs, strict=True)
        ]
        outputs = infer_spec(lambda *flat: self.pack(self.run(flat)), tuple(symbolic), {})
        return tree.map_structure(lambda x: x.shape, outputs)

    def get_config(self):
        raise NotImplementedError(
            "A Function has no configuration; make a Model of the same inputs and outputs."
        )

    # ---- copies ----------------------------------------------------------------------------------
    # A graph is copied and pickled as a flat list of calls: nodes and tensors refer to each other
    # as deep as the graph.

    def __getstate__(self):
        numbers = {}
        calls = []

        def spec(x):
            return (
                _Slot(numbers.setdefault(id(x), len(numbers))) if isinstance(x, KerasTensor) else x
            )

        tensors = {}
        for node in self._nodes:
            for x in node.output_tensors:
                tensors[spec(x).index] = (x.shape, x.dtype, x.name)
        for x in self._inputs:
            tensors.setdefault(spec(x).index, (x.shape, x.dtype, x.name))
        for node in self._nodes:
            if not self._is_source(node) or node.is_input:
                arguments = tree.map_structure(spec, (node.args, node.kwargs))
                calls.append((node.operation, *arguments, tree.map_structure(spec, node.outputs)))
        return {
            "name": self.name,
            "tensors": tensors,
            "calls": calls,
            "inputs": tree.map_structure(spec, self._inputs_struct),
            "outputs": tree.map_structure(spec, self._outputs_struct),
        }

    def __setstate__(self, state):
        tensors = {
            number: KerasTensor(shape, dtype=dtype, name=name)
            for number, (shape, dtype, name) in state["tensors"].items()
        }

        def tensor(x):
            return tensors[x.index] if isinstance(x, _Slot) else x

        for operation, *parts in state["calls"]:
            args, kwargs, outputs = tree.map_structure(tensor, tuple(parts))
            Node(operation, args, kwargs, outputs)
        self.__init__(
            tree.map_structure(tensor, state["inputs"]),
            tree.map_structure(tensor, state["outputs"]),
            name=state["name"],
        )


class _Slot:
    """Stands for a tensor in the arguments of a call."""

    __slots__ = ("index",)

    def __init__(self, index: int):
        self.index = index

    def __reduce__(self):
        return _Slot, (self.index,)


def _taken(sources: list | tuple, values: list) -> tuple:
    """The arguments of a call: a list of values, or several values."""
    given = [values[s] for s in sources]
    return (given,) if type(sources) is list else tuple(given)


def _filled(template: Any, values: list):
    """A nest with values in the place of its slots."""
    kind = type(template)
    if kind is _Slot:
        return values[template.index]
    if kind is tuple or kind is list:
        return kind([_filled(x, values) for x in template])
    if kind is dict:
        return {key: _filled(x, values) for key, x in template.items()}
    if tree.is_nested(template):
        return tree.map_structure(lambda x: _filled(x, values), template)
    return template


def _is_simple(node: Node) -> bool:
    """Whether the arguments of a call are tensors, or one flat list of tensors, and settings."""
    if not node.args or not _are_settings(node.kwargs):
        return False
    is_list = len(node.args) == 1 and type(node.args[0]) is list
    return all(isinstance(x, KerasTensor) for x in (node.args[0] if is_list else node.args))


def _are_settings(kwargs: dict) -> bool:
    """Whether keyword arguments are constants that change nothing around a call, as a phase
    would."""
    return all(
        type(x) in CONSTANTS and key not in ("training", "mask") for key, x in kwargs.items()
    )


def _tensors(result: Any) -> list:
    return [x for x in tree.flatten(result) if x is not None]


def _flat_shapes(shapes) -> list[tuple]:
    """The shapes in a nest of shapes."""
    if isinstance(shapes, dict):
        return [s for key in sorted(shapes) for s in _flat_shapes(shapes[key])]
    if all(d is None or isinstance(d, int) for d in shapes):
        return [_symbolic.standardize_shape(shapes)]
    return [s for inner in shapes for s in _flat_shapes(inner)]


def source_operation(tensor: KerasTensor) -> Operation:
    """The operation that made a symbolic tensor."""
    return history(tensor).operation
