"""Pictures of models."""

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torchkeras._errors import received
from torchkeras.utils._graph import Details, Graph, Label, graph_of, label_of
from torchkeras.utils._image import pil_image
from torchkeras.utils._layout import Box, Picture, draw

__all__ = ["model_to_dot", "plot_model"]

_DIRECTIONS = ("TB", "BT", "LR", "RL")
# Pictures of very deep models are made smaller, so that they fit into memory.
_LARGEST_PIXELS = 60e6
_LARGEST_SIDE = 60_000
_SCREEN_DPI = 96


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """A model as a `pydot.Dot`, or a `pydot.Cluster` with `subgraph`; needs pydot.

    Args:
        rankdir: where the arrows go: "TB" (down), "BT", "LR" (to the right) or "RL".
        expand_nested: show what is in models inside of the model.
        splines: how arrows are drawn: "ortho", "curved", "polyline", "spline" or "line".
    """
    _check(model, kwargs)
    pydot = _pydot()
    if pydot is None:
        raise ImportError(
            "You must install pydot (`pip install pydot`) for model_to_dot to work; `plot_model` "
            "works without it."
        )
    details = Details(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    )
    graph = graph_of(model, expand_nested)
    if subgraph:
        dot = _cluster(pydot, graph)
    else:
        dot = pydot.Dot()
        settings = {"rankdir": rankdir, "concentrate": True, "dpi": dpi, "splines": splines}
        for name, value in settings.items():
            dot.set(name, value)
        dot.set_node_defaults(shape="record")
    _fill(pydot, dot, graph, details)
    for start, end in graph.all_edges():
        dot.add_edge(pydot.Edge(str(id(start)), str(id(end)), penwidth="2"))
    return dot


def _pydot() -> ModuleType | None:
    try:
        import pydot
    except ImportError:
        return None
    return pydot


def _check(model: Any, kwargs: dict[str, Any]) -> None:
    if kwargs.pop("layer_range", None) is not None:
        raise ValueError("Argument `layer_range` is no longer supported. Received: layer_range")
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments: {kwargs}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by "
            f"calling the model on a batch of data. {received(model=model.name)}"
        )


def _cluster(pydot: ModuleType, graph: Graph) -> Any:
    cluster = pydot.Cluster(graph_name=graph.name, style="dashed")
    cluster.set("label", graph.name)
    cluster.set("labeljust", "l")
    return cluster


def _fill(pydot: ModuleType, dot: Any, graph: Graph, details: Details) -> None:
    for box in graph.boxes:
        node = pydot.Node(str(id(box)), label=_html_label(label_of(box, details)))
        for name, value in {"fontname": "Helvetica", "border": "0", "margin": "0"}.items():
            node.set(name, value)
        dot.add_node(node)
    for inner in graph.inner:
        cluster = _cluster(pydot, inner)
        _fill(pydot, cluster, inner, details)
        dot.add_subgraph(cluster)


def _html_label(label: Label) -> str:
    import html

    span = max(len(label.fields), 1)

    def field(text, colour, columns, size):
        ink = "white" if colour else "black"
        return (
            f'<td colspan="{columns}" bgcolor="{colour or "white"}"><font point-size="{size}" '
            f'color="{ink}">{html.escape(text)}</font></td>'
        )

    rows = [field(label.title, "black", span, 16)]
    if label.activation:
        rows.append(field(label.activation, None, span, 14))
    if label.fields:
        rows.append("".join(field(text, colour, 1, 14) for text, colour in label.fields))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f'<<table border="0" cellborder="1" bgcolor="black" cellpadding="10">{body}</table>>'


def plot_model(
    model: Any,
    to_file: str | os.PathLike = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draw a model into a file, and return what a notebook shows of it.

    pydot and graphviz draw it where both are installed. Without them the boxes are placed by
    this function itself, which writes .svg, and by Pillow .png and its other formats.

    Args:
        to_file: whose ending tells the format; without one it is PNG.
        rankdir: where the arrows go: "TB" (down), "BT", "LR" (to the right) or "RL".
        expand_nested: show what is in models inside of the model.
        dpi: dots per inch; at 96 a picture has its natural size on a screen.
        splines: how graphviz draws arrows.
    """
    _check(model, kwargs)
    if rankdir not in _DIRECTIONS:
        raise ValueError(f"`rankdir` must be one of {_DIRECTIONS}. {received(rankdir=rankdir)}")
    path = Path(to_file)
    file_format = path.suffix[1:].lower() or "png"
    details = Details(
        show_shapes, show_dtype, show_layer_names, show_layer_activations, show_trainable
    )
    if _pydot() is not None and shutil.which("dot"):
        dot = model_to_dot(
            model,
            rankdir=rankdir,
            expand_nested=expand_nested,
            dpi=dpi,
            splines=splines,
            **details._asdict(),
        )
        dot.write(str(path), format=file_format)
    else:
        picture = _picture(graph_of(model, expand_nested), details, rankdir)
        _write(picture, path, file_format, dpi / _SCREEN_DPI)
    return _notebook_image(path, file_format)


def _picture(graph: Graph, details: Details, rankdir: str) -> Picture:
    boxes = []
    for operation in _in_order(graph):
        label = label_of(operation, details)
        rows = [[(label.activation, None)]] if label.activation else []
        rows += [label.fields] if label.fields else []
        boxes.append(Box(id(operation), label.title, rows))
    edges = [(id(start), id(end)) for start, end in graph.all_edges()]
    clusters = [(inner.name, [id(box) for box in inner.all_boxes()]) for inner in _all_inner(graph)]
    return draw(boxes, edges, clusters, rankdir)


def _all_inner(graph: Graph) -> list[Graph]:
    return [found for inner in graph.inner for found in (inner, *_all_inner(inner))]


def _in_order(graph: Graph) -> list:
    """All boxes, each once, none before those that arrows lead from to it."""
    boxes = {id(box): box for box in graph.all_boxes()}
    before: dict[int, list[int]] = {key: [] for key in boxes}
    for start, end in graph.all_edges():
        before[id(end)].append(id(start))
    done: dict[int, Any] = {}
    seen: set[int] = set()
    for first in boxes:
        stack = [first]
        while stack:
            key = stack[-1]
            seen.add(key)
            waiting = [other for other in before[key] if other not in seen]
            if waiting:
                stack.append(waiting[0])
            else:
                done[stack.pop()] = boxes[key]
    return list(done.values())


def _write(picture: Picture, path: Path, file_format: str, scale: float) -> None:
    if file_format == "svg":
        path.write_text(picture.svg(scale), encoding="utf-8")
        return
    pil = pil_image("plot_model")
    if f".{file_format}" not in pil.registered_extensions():
        raise ValueError(
            f"Without pydot and graphviz there is no format '{file_format}'; use png or svg. "
            + received(to_file=str(path))
        )
    largest = (_LARGEST_PIXELS / (picture.width * picture.height)) ** 0.5
    longest = _LARGEST_SIDE / max(picture.width, picture.height)
    image = picture.image(min(scale, largest, longest))
    image.save(path, format=pil.registered_extensions()[f".{file_format}"])


def _notebook_image(path: Path, file_format: str) -> Any:
    """What IPython shows inline, where a notebook or shell of it runs."""
    if "IPython" not in sys.modules or file_format == "pdf":
        return None
    from IPython import display

    return display.SVG(str(path)) if file_format == "svg" else display.Image(str(path))
