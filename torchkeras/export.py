"""Models for serving, as programs that torch runs without this package.

model.export("model.pt2", format="torch")
torch.export.load("model.pt2").module()(x)
"""

import contextlib
import inspect
import os
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from torchkeras import _dtypes, config, tree
from torchkeras._errors import import_optional, received, warn
from torchkeras.layers import InputSpec
from torchkeras.models import Model
from torchkeras.saving import _archive

__all__ = ["ExportArchive"]

# What other tools need to make their format from one that is written here.
_ELSEWHERE = {
    "tf_saved_model": (
        "a SavedModel is made by TensorFlow, which torchkeras does without. Save the model as a "
        "`.keras` file and export that with Keras on TensorFlow"
    ),
    "openvino": (
        "it needs the `openvino` package, which reads what format='onnx' writes: "
        "`openvino.save_model(openvino.convert_model('model.onnx'), 'model.xml')`"
    ),
    "litert": (
        "it needs the `litert-torch` package, which takes the model itself: "
        "`litert_torch.convert(model, (x,)).export('model.tflite')`"
    ),
}
_FORMATS = ("tf_saved_model", "onnx", "openvino", "litert", "torch")

# The open axes of tensors, by their identity.
Axes = dict[int, list[int]]

# What stands for a None in a signature: rows of a batch, and anything else.
_ROWS, _LENGTH = 2, 64

_README = """This folder holds programs of torch, exported from a model of torchkeras.

    import torch
    program = torch.export.load("{first}.pt2").module()
    outputs = program(inputs)

Each `.pt2` file is one endpoint, and runs in plain torch: {names}.
Each `.pt` file holds a collection of variables, for `torch.load`: {collections}.

It is no SavedModel of TensorFlow, and TensorFlow Serving cannot read it. It holds what is needed
to run the model, not to train it or to change its layers; those are in a `.keras` file.
"""


def export_model(
    model: Model,
    filepath: str | os.PathLike,
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> str:
    """Writes a model for serving; returns the path.

    Args:
        format: "torch", for a `.pt2` file of `torch.export`, or "onnx".
        verbose: whether to say where it is; None: yes.
        input_signature: a list with the specification of each argument of the call: an `InputSpec`,
            symbolic or real tensor, or nested ones. Sizes that are None stay open. None: that which
            the model was built with.
        kwargs: for `torch.export.export`, or `torch.onnx.export`.

    Raises:
        ImportError: a package that the format needs is missing.
        RuntimeError: torch cannot export the model; the message says why.
        ValueError: a format that is not known or not written here, a wrong suffix, or no signature.
    """
    if format not in _FORMATS:
        raise ValueError(
            f"Unrecognized format={format}. Supported formats are: {list(_FORMATS)}. "
            + received(format=format)
        )
    if format in _ELSEWHERE:
        raise ValueError(
            f"The format {format!r} is not written here: {_ELSEWHERE[format]}. The formats 'torch' "
            "and 'onnx' are. " + received(format=format)
        )
    path = os.fspath(filepath)
    write = {"torch": _write_torch, "onnx": _write_onnx}[format]
    signature = _signature_of(model) if input_signature is None else input_signature
    write(model, path, signature, kwargs)
    if verbose is None or verbose:
        print(f"Saved {'ONNX model' if format == 'onnx' else 'torch program'} at '{path}'.")
    return path


def _write_torch(model: nn.Module, path: str, signature: Any, options: dict[str, Any]) -> None:
    if not path.endswith(".pt2"):
        raise ValueError(
            "The PyTorch export requires the filepath to end with '.pt2'. "
            + received(filepath=path)
        )
    _write_program(_program(model, signature, options), path)


def _write_program(program: torch.export.ExportedProgram, path: str) -> None:
    with _archive.replacing(path) as part:
        # The suffix is looked at.
        whole = f"{part}.pt2"
        try:
            _save(program, whole)
            os.replace(whole, part)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(whole)


def _save(program: torch.export.ExportedProgram, path: str) -> None:
    with warnings.catch_warnings():
        # It is about weights that are transposed in memory, which are saved as they are.
        warnings.filterwarnings("ignore", "No complete tensor found in the group")
        torch.export.save(program, path)


def _write_onnx(model: nn.Module, path: str, signature: Any, options: dict[str, Any]) -> None:
    import_optional("onnx", "Export to ONNX")
    import_optional("onnxscript", "Export to ONNX")
    dynamic = {key: options.pop(key) for key in ("dynamic_shapes",) if key in options}
    program = _program(model, signature, dynamic)
    options = {"dynamo": True, "verbose": False, "external_data": False, **options}
    with _archive.replacing(path) as part:
        torch.onnx.export(program, (), part, **options)


# Programs


class _Still(nn.Module):
    """A function or model as a module that computes without learning, for as long as it is
    exported."""

    def __init__(self, call: Callable[..., Any], resources: tuple[nn.Module, ...] = ()):
        super().__init__()
        self.resources = nn.ModuleList(resources)
        self.call = call
        self._were: list[tuple[nn.Module, bool]] = []

    def forward(self, *inputs):
        return self.call(*inputs)

    def __enter__(self) -> "_Still":
        self._were = [(module, module.training) for module in self.modules()]
        for module, _ in self._were:
            module.training = False
        return self

    def __exit__(self, *exception: object) -> None:
        for module, training in self._were:
            module.training = training


def _program(
    call: Callable[..., Any],
    signature: Any,
    options: dict[str, Any],
    resources: tuple[nn.Module, ...] = (),
) -> torch.export.ExportedProgram:
    """The program of a model, or of a function that uses some."""
    known = {*inspect.signature(torch.export.export).parameters} - {"mod", "args", "kwargs"}
    if unknown := sorted({*options} - known):
        raise ValueError(
            f'Unsupported arguments for `format="torch"`: {", ".join(unknown)}. Supported '
            f"arguments are: {', '.join(sorted(known))}. " + received(**options)
        )
    samples, shapes, axes = _samples(call, signature, resources)
    given = options.get("dynamic_shapes")
    if given is not None:
        # One argument may come without the tuple around it.
        shapes = (given,) if isinstance(given, dict) and len(samples) == 1 else given
        shapes = tuple(shapes) if isinstance(shapes, list) else shapes
    options = {"strict": False, **options, "dynamic_shapes": {"inputs": shapes}}
    with _Still(call, resources) as still, torch.no_grad():
        try:
            program = torch.export.export(still, samples, **options)
        except Exception as error:  # Whatever torch raises: it has many kinds.
            raise RuntimeError(
                "Failed to export model to PyTorch format. Common causes: unsupported operations, "
                "data-dependent control flow, or shape constraints not satisfied. "
                f"Original error: {error}"
            ) from error
    _make_plain(program)
    if given is None:
        _warn_of_fixed_sizes(program, samples, axes)
    return program


def _warn_of_fixed_sizes(program: torch.export.ExportedProgram, samples: tuple, axes: Axes) -> None:
    """Says which open sizes are fixed in the program, as those are that a loop runs over."""
    sizes = {
        node.name: node.meta["val"].shape
        for node in program.graph.nodes
        if node.op == "placeholder" and isinstance(node.meta["val"], Tensor)
    }
    inputs = torch.utils._pytree.tree_leaves(samples)
    fixed = [
        f"axis {axis} of input {number} to {sizes[name][axis]}"
        for number, (name, value) in enumerate(zip(program.graph_signature.user_inputs, inputs))
        for axis in axes.get(id(value), ())
        if str(sizes[name][axis]).isdigit()
    ]
    if fixed:
        warn(
            f"The program takes inputs of these sizes only, since torch fixed them: "
            f"{', '.join(fixed)}. Give `input_signature` with the sizes that are to be served."
        )


def _make_plain(program: torch.export.ExportedProgram) -> None:
    """Has a program keep plain parameters and tensors, so that this package is not needed to load
    it."""
    for kept in (program.state_dict, program.constants):
        for key, value in kept.items():
            if isinstance(value, Tensor) and type(value) not in (Tensor, nn.Parameter):
                plain = value.detach().as_subclass(Tensor)
                is_parameter = isinstance(value, nn.Parameter) and value.requires_grad
                kept[key] = nn.Parameter(plain) if is_parameter else plain


# Signatures


def _signature_of(model: Model) -> list[Any]:
    """What a model is called with, as it was built."""
    if getattr(model, "_function", None) is not None:
        return [model._function._inputs_struct]
    shapes = model.__dict__.get("_build_shapes")
    if not model.built or not shapes:
        raise ValueError(
            "The model provided has never been called. It must be called at least once before "
            "export, or `input_signature` be given. " + received(model=model.name)
        )
    dtype = model.input_dtype
    return [_specs(shape, dtype) for shape in shapes.values()]


def _specs(shape: Any, dtype: str) -> Any:
    if isinstance(shape, dict):
        return {key: _specs(inner, dtype) for key, inner in shape.items()}
    if any(isinstance(inner, (tuple, list)) for inner in shape):
        return [_specs(inner, dtype) for inner in shape]
    return InputSpec(shape=(None, *shape[1:]), dtype=dtype)


def _samples(
    call: Any, signature: Any, resources: tuple[nn.Module, ...] = ()
) -> tuple[tuple[Any, ...], tuple[Any, ...], Axes]:
    """Tensors to export a call with, and which of their sizes stay open: nested as torch wants it,
    and by tensor."""
    if not isinstance(signature, (list, tuple)):
        signature = [signature]
    modules = [m for m in (call, *resources) if isinstance(m, nn.Module)]
    device = next((v.device for m in modules for v in m.parameters()), config.default_device())
    axes: Axes = {}

    def sample(spec: Any) -> Tensor:
        if isinstance(spec, Tensor):
            return spec.detach().to(device)
        _check_spec(spec)
        sizes = [
            size if size is not None else _LENGTH if axis else _ROWS
            for axis, size in enumerate(spec.shape)
        ]
        dtype = _dtypes.standardize_dtype(spec.dtype or config.floatx())
        value = torch.ones(sizes, dtype=_dtypes.torch_dtype(dtype), device=device)
        axes[id(value)] = [axis for axis, size in enumerate(spec.shape) if size is None]
        return value

    def shape(value: Tensor) -> dict[int, Any] | None:
        return dict.fromkeys(axes.get(id(value), ()), torch.export.Dim.AUTO) or None

    samples = tuple(tree.map_structure(sample, each) for each in signature)
    return samples, tuple(tree.map_structure(shape, each) for each in samples), axes


def _check_spec(spec: Any) -> None:
    if getattr(spec, "shape", None) is None:
        raise ValueError(
            "Expected an `InputSpec` with a shape, or a tensor, in `input_signature`. "
            + received(input_signature=spec)
        )


# Archives


class ExportArchive:
    """Several functions of models, and their variables, in one folder.

    Each endpoint becomes a `.pt2` file that `torch.export.load` reads, each collection of variables
    a `.pt` file; a path that ends in `.pt2` takes a single endpoint.

    >>> archive = ExportArchive()
    >>> archive.track_and_add_endpoint("serve", model, [InputSpec(shape=(None, 8))])
    >>> archive.write_out("folder")
    >>> torch.export.load("folder/serve.pt2").module()(x)

    Args:
        format: "saved_model", as Keras calls it, or "torch": both write programs of torch.

    Raises:
        ValueError: another format.
    """

    def __init__(self, format="saved_model", **kwargs):
        if format not in ("saved_model", "tf_saved_model", "torch"):
            raise ValueError(
                "Expected `format` to be 'saved_model' or 'torch'. " + received(format=format)
            )
        if kwargs:
            raise ValueError("No further arguments are known. " + received(**kwargs))
        self.format = format
        self._resources: list[nn.Module] = []
        self._endpoints: dict[str, torch.export.ExportedProgram] = {}
        self._collections: dict[str, list[Tensor]] = {}

    def track(self, resource):
        """Notes a layer or model that endpoints use, so that they hold its variables.

        Raises:
            ValueError: something else, or a layer that is not built.
        """
        if not isinstance(resource, nn.Module):
            raise ValueError(
                "Invalid resource type. Expected a Keras `Layer` or `Model` or a torch module. "
                + received(resource=resource)
            )
        if getattr(resource, "built", True) is False:
            raise ValueError(
                "The layer provided has not yet been built. It must be built before export. "
                + received(resource=resource)
            )
        if all(resource is not known for known in self._resources):
            self._resources.append(resource)

    def add_endpoint(self, name, fn, input_signature=None, **kwargs):
        """Exports a function of tensors, or a model, under a name; returns the program as a
        function.

        Args:
            input_signature: see `Model.export`; None: that which a model was built with.
            kwargs: for `torch.export.export`.

        Raises:
            ValueError: the name is taken, or there is no signature.
        """
        if name in self._endpoints:
            raise ValueError(f"Endpoint name '{name}' is already taken. " + received(name=name))
        if not str(name).isidentifier():
            raise ValueError(
                "Expected `name` to be a name as Python has them. " + received(name=name)
            )
        if input_signature is None and not isinstance(fn, Model):
            raise ValueError(
                "You must provide an `input_signature` for what is no model. "
                + received(fn=fn, input_signature=None)
            )
        signature = _signature_of(fn) if input_signature is None else input_signature
        resources = tuple(r for r in self._resources if r is not fn)
        self._endpoints[name] = _program(fn, signature, kwargs, resources)
        return self._endpoints[name].module()

    def track_and_add_endpoint(self, name, resource, input_signature, **kwargs):
        """The same for a model or layer, which is tracked too."""
        self.track(resource)
        return self.add_endpoint(name, resource, input_signature, **kwargs)

    def add_variable_collection(self, name, variables):
        """Notes variables to be written under a name.

        Raises:
            ValueError: not a list of variables, or the name is taken.
        """
        if not isinstance(variables, (list, tuple, set)) or not all(
            isinstance(v, Tensor) for v in variables
        ):
            raise ValueError(
                "Expected `variables` to be a list/tuple/set of variables. "
                + received(variables=variables)
            )
        if name in self._collections or not str(name).isidentifier():
            raise ValueError(
                "Expected `name` to be a name as Python has them, and not taken. "
                + received(name=name)
            )
        self._collections[name] = list(variables)

    def write_out(self, filepath, options=None, verbose=True):
        """Writes the endpoints and collections to a folder, or a single endpoint to a `.pt2` file.

        Raises:
            ValueError: there is no endpoint, several for one file, or `options` of TensorFlow.
        """
        path = os.fspath(filepath)
        if not self._endpoints:
            raise ValueError("No endpoints have been set yet. Call add_endpoint().")
        if options is not None:
            raise ValueError("`options` are of TensorFlow's format. " + received(options=options))
        if path.endswith(".pt2"):
            self._write_file(path)
        else:
            with _archive.replacing_in_folder(path, last=_archive.README) as folder:
                self._write_folder(folder)
        if verbose:
            names = ", ".join(f"'{name}'" for name in self._endpoints)
            print(f"Saved torch programs at '{path}'. Endpoints: {names}.")

    def _write_file(self, path: str) -> None:
        if len(self._endpoints) > 1 or self._collections:
            raise ValueError(
                "A `.pt2` file takes one endpoint and nothing else; give the path of a folder. "
                + received(filepath=path, endpoints=[*self._endpoints])
            )
        (program,) = self._endpoints.values()
        _write_program(program, path)

    def _write_folder(self, folder: str) -> None:
        for name, program in self._endpoints.items():
            _save(program, os.path.join(folder, f"{name}.pt2"))
        for name, variables in self._collections.items():
            values = {v.path: v.detach().as_subclass(Tensor).contiguous() for v in variables}
            torch.save(values, os.path.join(folder, f"{name}.pt"))
        text = _README.format(
            first=next(iter(self._endpoints)),
            names=", ".join(self._endpoints),
            collections=", ".join(self._collections) or "there is none",
        )
        with open(os.path.join(folder, _archive.README), "w", encoding="utf-8") as file:
            file.write(text)


Model._exporter = staticmethod(export_model)
