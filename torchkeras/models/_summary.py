"""The table of a model's layers that `model.summary()` prints."""

import math
import re
import shutil
from typing import Any

from torchkeras import _dtypes, config, tree

__all__ = []

# Colours of the terminal: of numbers, of None, of class names, of "N".
NUMBER, NOTHING, CLASS, FROZEN = 34, 45, 33, 9


def print_summary(
    model,
    line_length=None,
    positions=None,
    print_fn=None,
    expand_nested=False,
    show_trainable=False,
    layer_range=None,
):
    """Prints a table of the layers, their output shapes and numbers of parameters.

    Args:
        print_fn: gets the whole text in one call, without colours; None: stdout.

    Raises:
        ValueError: columns that are too narrow, or layer names that are not in the model.
    """
    import rich.console
    import rich.table

    linear = _is_linear(model)
    width, columns = _columns(linear, line_length, positions, show_trainable)
    table = rich.table.Table(
        *(rich.table.Column(name, justify=side, width=wide) for name, side, wide in columns),
        width=width,
        show_lines=True,
    )
    layers = model.layers if model._function is None else _rows_of_graph(model)
    for layer in _in_range(layers, layer_range):
        for row in _rows(model, layer, linear, show_trainable, expand_nested, 0):
            table.add_row(*row)
    lines = [_bold(f'Model: "{_escaped(model.name)}"'), table, *_totals(model)]
    if print_fn is None and not config.is_interactive_logging_enabled():
        return
    console = rich.console.Console(highlight=False, **({"color_system": None} if print_fn else {}))
    if line_length is not None:
        # The user knows the width better than the terminal does.
        console.width = max(console.width, line_length)
    if print_fn is None:
        console.print(*lines, sep="\n")
        return
    with console.capture() as capture:
        console.print(*lines, sep="\n")
    print_fn(capture.get())


def _rows_of_graph(model) -> list:
    """What a graph's table lists: its operations; the input of a Sequential goes without saying."""
    return model.layers if hasattr(type(model), "add") else model.operations


def _is_linear(model) -> bool:
    """Whether each layer follows the one above it, so that no connections need be shown."""
    if model._function is None or hasattr(type(model), "add"):
        return True
    seen = set()
    for nodes in model._function._nodes_by_depth.values():
        if len(nodes) > 1 or len(nodes[0].input_tensors) > 1:
            return False
        if id(nodes[0].operation) in seen:
            return False
        seen.add(id(nodes[0].operation))
    return True


def _columns(
    linear: bool, line_length: int | None, positions: list[float] | None, show_trainable: bool
) -> tuple[int, list[tuple]]:
    """Width of the table and its columns as tuples (title, alignment, width)."""
    titles = [("Layer (type)", "left"), ("Output Shape", "left"), ("Param #", "right")]
    if linear:
        default_width, ends = 88, [0.45, 0.80, 1.0]
    else:
        default_width, ends = 108, [0.3, 0.56, 0.74, 1.0]
        titles.append(("Connected to", "left"))
    ends = positions or ends
    if show_trainable:
        default_width += 12
        ends = [0.9 * end for end in ends] + [1.0]
        titles.append(("Trainable", "center"))
    width = line_length or min(default_width, shutil.get_terminal_size().columns - 4)
    columns, start = [], 0
    for title, end in zip(titles, ends, strict=False):
        room = int(end * width) - start
        if room < 4:
            raise ValueError(
                "Insufficient console width to print summary. "
                f"Received: line_length={line_length}, positions={positions}"
            )
        columns.append((*title, room))
        start += room
    return width, columns


def _rows(
    model, layer, linear: bool, show_trainable: bool, expand_nested: bool, level: int
) -> list[list[str]]:
    """The row of a layer, followed by those of the layers in it."""
    indent = "   " * level + "└ " if level else ""
    name = _escaped(f"{indent}{layer.name}")
    kind = _coloured(_escaped(type(layer).__name__), CLASS)
    row = [f"{name} ({kind})", _output_shape(layer), _parameter_count(layer)]
    if not linear:
        row.append(_connections(model, layer))
    if show_trainable:
        row.append(_trainable_mark(layer))
    rows = [row]
    if expand_nested:
        for inner in getattr(layer, "layers", None) or ():
            rows += _rows(model, inner, linear, show_trainable, True, level + 1)
    return rows


def _output_shape(layer) -> str:
    if layer._inbound_nodes:
        shapes = [_shape(x.shape) for x in layer._inbound_nodes[-1].output_tensors]
    elif getattr(layer, "_build_shapes", None):
        try:
            if getattr(layer, "_function", None) is not None:
                spec = layer.output_shape
            else:
                spec = layer.compute_output_shape(*layer._build_shapes.values())
        except Exception:  # code of the user's, which needs more than these shapes
            return "?"
        shapes = tree.map_shape_structure(_shape, spec)
    else:
        return "?"
    flat = tree.flatten(shapes)
    return flat[0] if len(flat) == 1 else str(shapes).replace("'", "")


def _shape(shape) -> str:
    return f"({', '.join(_coloured(d, NOTHING if d is None else NUMBER) for d in shape)})"


def _parameter_count(layer) -> str:
    if not hasattr(layer, "built"):
        return _coloured(0, NUMBER)
    if not layer.built:
        return f"{_coloured(0, NUMBER)} (unbuilt)"
    return _coloured(f"{layer.count_params():,}", NUMBER)


def _trainable_mark(layer) -> str:
    if not getattr(layer, "weights", None):
        return _bold("-")
    return _bold(_coloured("Y", NUMBER)) if layer.trainable else _bold(_coloured("N", FROZEN))


def _connections(model, layer) -> str:
    """The tensors that a layer of the graph is called on: `dense[0][0]` is output 0 of call 0."""
    in_graph = {id(node) for node in model._function._nodes}
    found = []
    for node in layer._inbound_nodes:
        if id(node) in in_graph:
            for x in node.input_tensors:
                operation, index, position = x._keras_history
                places = f"[{_coloured(index, NUMBER)}][{_coloured(position, NUMBER)}]"
                found.append(f"{operation.name}{places}")
    return ", ".join(found) or "-"


def _in_range(layers: list, layer_range) -> list:
    """The layers from the first that matches one pattern to the last that matches the other."""
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            "layer_range must be a list or tuple of length 2 and should contain string type only. "
            f"Received: layer_range={layer_range}"
        )
    first, last = (
        [index for index, layer in enumerate(layers) if re.match(pattern, layer.name)]
        for pattern in layer_range
    )
    if not first or not last:
        raise ValueError(
            "Passed layer_names do not match the layer names in the model. "
            f"Received: layer_range={layer_range}"
        )
    if first[0] > last[-1]:
        first, last = last, first
    return layers[first[0] : last[-1] + 1]


def _totals(model) -> list[str]:
    """The lines under the table."""
    groups = {
        "Trainable": model.trainable_weights,
        "Non-trainable": model.non_trainable_weights,
    }
    optimizer = getattr(model, "optimizer", None)
    if model.compiled and optimizer is not None and getattr(optimizer, "built", False):
        groups["Optimizer"] = optimizer.variables
    sizes = {kind: _size(variables) for kind, variables in groups.items()}
    total = tuple(sum(parts) for parts in zip(*sizes.values(), strict=True))
    return [
        _bold(f" {kind} params: ") + f"{_coloured(f'{count:,}', NUMBER)} ({_readable(size)})"
        for kind, (count, size) in {"Total": total, **sizes}.items()
    ]


def _size(variables) -> tuple[int, float]:
    """Number of values and of bytes."""
    count, size = 0, 0.0
    for v in variables:
        values = math.prod(v.shape)
        count += values
        size += values * _dtypes.torch_dtype(v.dtype).itemsize
    return count, size


def _readable(size: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024:
            return f"{size:.2f} {unit}"
        size /= 1024
    return f"{size:.2f} PB"


def _coloured(text: Any, colour: int) -> str:
    return f"[color({colour})]{text}[/]"


def _bold(text: str) -> str:
    return f"[bold]{text}[/]"


def _escaped(text: str) -> str:
    """`text` with brackets that rich would read as a style left alone."""
    import rich.markup

    return rich.markup.escape(text)
