"""`Model`: a layer that can be trained, saved and summarised; made by subclassing or from symbolic
tensors."""

import functools
import inspect
import json
import re

import torch
from torch import Tensor

from torchkeras import _scopes, tree
from torchkeras._errors import warn
from torchkeras._scopes import call_context
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras._symbolic import KerasTensor, infer_spec
from torchkeras._training.trainer import Trainer
from torchkeras.layers._base import Layer, any_global_hooks
from torchkeras.models._function import Function, source_operation
from torchkeras.models._graph import (
    adopt_graph,
    graph_config,
    graph_from_config,
    run_graph,
    without_list_of_one,
)
from torchkeras.models._summary import print_summary
from torchkeras.saving import _yaml, load_weights, save_model, save_weights

__all__ = ["Model"]


class Model(Trainer, Layer):
    """Layers that are trained together.

    `Model(inputs, outputs)` makes one from symbolic tensors; a subclass makes its layers in
    `__init__` and uses them in `call`.

    Args:
        inputs: nest of symbolic tensors, see `Input`.
        outputs: nest of symbolic tensors computed from them.
        name: name, made from the class name where None.
        trainable: whether the weights are trained.
    """

    # Filled by `_functional` and by `export`, which stand above.
    _functional_class = None
    _exporter = None

    # Filled by `legacy`: gives keyword arguments of a constructor their names of today.
    _with_new_names = staticmethod(dict)

    def __new__(cls, *args, **kwargs):
        kwargs = Model._with_new_names(kwargs)
        if cls is Model and _is_functional(args, kwargs):
            return super().__new__(Model._functional_class, *args, **kwargs)
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args, **kwargs):
        kwargs = Model._with_new_names(kwargs)
        if _is_functional(args, kwargs):
            bound = _FUNCTIONAL.bind(*args, **kwargs).arguments
            rest = bound.pop("kwargs", {})
            inputs, outputs = bound.pop("inputs"), bound.pop("outputs")
            Layer.__init__(self, **bound, **rest)
            adopt_graph(self, inputs, outputs)
        else:
            if args:
                raise TypeError(
                    f"{type(self).__name__}() takes `inputs` and `outputs` or keyword arguments "
                    f"only. Received: {args}"
                )
            Layer.__init__(self, **kwargs)

    # The graph, where the model has one, and what it computes besides its outputs.
    _function: Function | None = None
    _extras = None

    def _graph(self, what: str) -> Function:
        if self._function is None:
            # No AttributeError: `nn.Module.__getattr__` would swallow the message.
            raise ValueError(
                f"Model {self.name} was not made from symbolic tensors (or is not built yet) and "
                f"has no {what}."
            )
        return self._function

    @property
    def inputs(self):
        """Symbolic inputs, flat."""
        return self._graph("inputs").inputs

    @property
    def outputs(self):
        """Symbolic outputs, flat."""
        return self._graph("outputs").outputs

    @property
    def input(self):
        """Symbolic inputs in their structure."""
        return without_list_of_one(self._graph("input")._inputs_struct)

    @property
    def output(self):
        """Symbolic outputs in their structure."""
        return without_list_of_one(self._graph("output")._outputs_struct)

    @property
    def input_shape(self):
        return without_list_of_one([x.shape for x in self.inputs])

    @property
    def output_shape(self):
        return without_list_of_one([x.shape for x in self.outputs])

    @property
    def input_names(self):
        return [source_operation(x).name for x in self.inputs]

    @property
    def output_names(self):
        """Names of the layers that give the outputs; None for a model without a graph."""
        return None if self._function is None else [source_operation(x).name for x in self.outputs]

    @property
    def operations(self):
        return self._graph("operations").operations

    @property
    def layers(self):
        """The layers directly below, in the order they were given."""
        if self._function is not None:
            return list(self._layers_of_graph)
        return self._layers

    @layers.setter
    def layers(self, _):
        raise ValueError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    def get_layer(self, name=None, index=None):
        """A layer by its name or its place in `layers`.

        Raises:
            ValueError: there is no such layer, or not exactly one of the two is given.
        """
        if index is not None and name is not None:
            raise ValueError(
                f"Provide only a layer name or a layer index. Received: index={index}, name={name}."
            )
        if index is not None:
            if len(self.layers) <= index:
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has "
                    f"{len(self.layers)} layers."
                )
            return self.layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(
            f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}."
        )

    def forward(self, *args, **kwargs):
        """A graph runs at once on tensors that are what its inputs say; all else goes the layer's
        way."""
        if self._graph_inputs and len(args) == 1 and not kwargs:
            flat = self._usual_inputs(args[0])
            if (
                flat is not None
                and not torch.compiler.is_compiling()
                and not _scopes._stacks.stateless
            ):
                context = call_context
                if context.depth == 0 and context.losses != self._losses_seen:
                    self._clear_losses()
                context.depth += 1
                try:
                    function, short = self._function, None
                    if not any_global_hooks():
                        short = Layer._call_usual if self._graph_makes_masks else Layer._call_hot
                    outputs = function.run(flat, short)
                    if self._graph_gives_one:
                        return outputs[0]
                    return without_list_of_one(function.pack(outputs))
                finally:
                    context.depth -= 1
        return super().forward(*args, **kwargs)

    # Dtype, and shape without the batch, of each input of a graph that may be run at once.
    _graph_inputs = ()

    @Layer.activity_regularizer.setter
    def activity_regularizer(self, value):
        Layer.activity_regularizer.fset(self, value)
        if value is not None:
            self.__dict__["_graph_inputs"] = ()

    def _usual_inputs(self, inputs):
        """The flat tensors of inputs that are what the graph was made for and have no masks, else
        None."""
        kind, expected = type(inputs), self._graph_inputs
        if kind is Tensor:
            inputs = (inputs,)
        elif kind is dict:
            keys = self._graph_keys
            inputs = [inputs[key] for key in keys] if keys and inputs.keys() == set(keys) else ()
        elif kind is not list and kind is not tuple:
            return None
        if len(inputs) != len(expected):
            return None
        for x, (dtype, shape) in zip(inputs, expected):
            if (
                type(x) is not Tensor
                or x.dtype is not dtype
                or (x.shape[1:] != shape and not _is_one_of(x.shape[1:], shape))
                or getattr(x, "_keras_mask", None) is not None
            ):
                return None
        return inputs

    def call(self, *args, **kwargs):
        if self._function is not None:
            # The phase is known to the layers from the call that is under way.
            kwargs.pop("training", None)
            return run_graph(self, *args, **kwargs)
        raise NotImplementedError(
            f"Model {type(self).__name__} does not have a `call()` method implemented."
        )

    # What a subclass has that writes none: the trainer then builds nothing by calling it.
    call.is_missing = True
    # Whether a model with a graph may run it without asking `call`.
    call.runs_the_graph = True

    def build(self, input_shape):
        """Makes the weights, for inputs of that shape: by running `call` on tensors without
        values."""
        self._check_super_called()
        if self._function is not None:
            return
        if not _is_default(type(self).build):
            # A `build` that the class has written calls this one; `call` is not to start it again.
            self.built = True
        shapes = input_shape
        symbolic = tree.map_shape_structure(
            lambda shape: KerasTensor(shape, dtype=self.input_dtype), shapes
        )
        if isinstance(shapes, (list, tuple)) and shapes and isinstance(shapes[0], (list, tuple)):
            names = self._call_signature.names
            if len(names) > 1 and names[1] not in ("training", "mask") and len(symbolic) > 1:
                self._build_by_running(*symbolic)
                return
        self._build_by_running(symbolic)

    def _build_for(self, args, kwargs):
        if _is_default(type(self).build):
            # The layers are built as the call that is under way reaches them.
            shapes = list(self._argument_shapes(args, kwargs).values())
            self._after_build({"input_shape": shapes[0] if len(shapes) == 1 else shapes})
        else:
            super()._build_for(args, kwargs)

    def _build_by_running(self, *symbolic) -> None:
        """Builds all layers by a call on meta tensors."""
        if self.built and self._settled:
            return
        with self._open_name_scope():
            infer_spec(functools.partial(Layer.forward, self), symbolic, {})

    def summary(
        self,
        line_length=None,
        positions=None,
        print_fn=None,
        expand_nested=False,
        show_trainable=False,
        layer_range=None,
    ):
        """Prints a table of the layers, their output shapes and numbers of parameters.

        Args:
            line_length: width of the table.
            positions: places of the columns, as fractions of the width.
            print_fn: a function that takes the lines instead of stdout.
            expand_nested: whether to show the layers of nested models.
            show_trainable: whether to show which layers are trained.
            layer_range: first and last layer name to show.
        """
        print_summary(
            self,
            line_length=line_length,
            positions=positions,
            print_fn=print_fn,
            expand_nested=expand_nested,
            show_trainable=show_trainable,
            layer_range=layer_range,
        )

    # ---- files -----------------------------------------------------------------------------------

    def save(self, filepath, overwrite=True, zipped=None, **kwargs):
        """Writes the model, its weights and its optimizer's state to a file; the suffix says the
        format."""
        return save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def save_weights(self, filepath, overwrite=True, max_shard_size=None, **kwargs):
        """Writes the weights to a file, see `keras.saving.save_weights`; the suffix says the
        format."""
        return save_weights(
            self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs
        )

    def load_weights(self, filepath, skip_mismatch=False, **kwargs):
        """Reads the weights from a file, see `keras.saving.load_weights`; whichever version of
        Keras wrote it."""
        return load_weights(self, filepath, skip_mismatch=skip_mismatch, **kwargs)

    def export(
        self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs
    ):
        """Writes the model for serving.

        Raises:
            ValueError: a format that is not available here.
        """
        if Model._exporter is None:
            raise ValueError(
                f"Export to format={format!r} is not available. Use `torch.export.export(model, "
                "...)`."
            )
        return Model._exporter(self, filepath, format, verbose, input_signature, **kwargs)

    def quantize(self, mode=None, config=None, filters=None, **kwargs):
        """Replaces the weights of the layers that have a quantized form."""
        for layer in self._flatten_layers(include_self=False):
            if filters is None or _passes(filters, layer):
                layer.quantize(mode, config=config, **kwargs)

    def get_quantization_layer_structure(self, mode=None):
        return None

    def to_json(self, **kwargs):
        """The configuration of the model as JSON text; `kwargs` go to `json.dumps`."""
        return json.dumps(serialize_keras_object(self), **kwargs)

    def to_yaml(self, **kwargs):
        """The configuration of the model as YAML text; `kwargs` go to `yaml.safe_dump`."""
        return _yaml.written(json.loads(self.to_json()), **kwargs)

    def get_compile_config(self):
        """What `compile` was given, or None: also where a part of it, such as an optimizer of
        torch, cannot be written down."""
        if not self.compiled:
            return None
        try:
            return serialize_keras_object(self._compile_config)
        except TypeError as error:
            warn(
                f"What `compile()` was given is not saved with model '{self.name}', so that it "
                f"must be compiled again after loading: {error}"
            )
            return None

    def compile_from_config(self, config):
        """Compiles the model as a saved one was, and makes the optimizer's variables."""
        if (
            type(self).compile is not Trainer.compile
            and type(self).compile_from_config is Model.compile_from_config
        ):
            # An own `compile` has arguments that nobody knows here.
            config = {
                key: v
                for key, v in config.items()
                if key in inspect.signature(self.compile).parameters
            }
        self.compile(**deserialize_keras_object(config))
        if hasattr(self, "optimizer") and self.built and hasattr(self.optimizer, "build"):
            self.optimizer.build(self.trainable_variables)

    def get_state_tree(self, value_format="backend_tensor"):
        """The values of all variables, as nested dicts by path."""
        return {
            "trainable_variables": _state_tree(self.trainable_variables, value_format),
            "non_trainable_variables": _state_tree(self.non_trainable_variables, value_format),
            "optimizer_variables": _state_tree(
                getattr(self.optimizer, "variables", []), value_format
            ),
            "metrics_variables": _state_tree(self.metrics_variables, value_format),
        }

    def set_state_tree(self, state_tree):
        """Sets variables from nested dicts as `get_state_tree` gives them.

        Raises:
            ValueError: an unknown kind or path.
        """
        kinds = {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": getattr(self.optimizer, "variables", []),
            "metrics_variables": self.metrics_variables,
        }
        for kind, branch in state_tree.items():
            if kind not in kinds:
                raise ValueError(f"Unknown variable name: {kind}")
            values = dict(_paths(branch))
            by_path = {v.path: v for v in kinds[kind]}
            for path, value in values.items():
                if path not in by_path:
                    raise ValueError(
                        f"There is no variable with the path '{path}' among {kind}: "
                        f"{sorted(by_path)}"
                    )
                by_path[path].assign(value)

    def get_config(self):
        if self._function is not None and _takes_a_graph(type(self)):
            return graph_config(self)
        return Layer.get_config(self)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from its `get_config`."""
        if isinstance(config, dict) and {"name", "layers", "input_layers", "output_layers"} <= set(
            config
        ):
            if _takes_a_graph(cls):
                inputs, outputs = graph_from_config(config, custom_objects)
                return cls(
                    inputs, outputs, name=config["name"], trainable=config.get("trainable", True)
                )
        try:
            return cls(**config)
        except TypeError as error:
            raise TypeError(
                "Unable to revive model from config. When overriding the `get_config()` method, "
                "make sure that the "
                "returned config contains all items used as arguments in the constructor to "
                f"{cls}, which is the default behavior. You can override this default behavior by "
                "defining a "
                "`from_config(cls, config)` class method to specify how to create an instance of "
                f"{cls.__name__} from its config.\n\nReceived config={config}\n\nError encountered "
                "during "
                f"deserialization: {error}"
            ) from error

    def _stateless_scope(self, state_mapping):
        return _scopes.StatelessScope(state_mapping=state_mapping)

    def __getstate__(self):
        state = super().__getstate__()
        for key in ("train_function", "test_function", "predict_function", "_compiled_call_impl"):
            state.pop(key, None)
        return state


def _is_one_of(shape, expected) -> bool:
    """Whether a shape is an expected one, in which None stands for any size."""
    return len(shape) == len(expected) and all(
        [n is None or n == size for size, n in zip(shape, expected)]
    )


def _takes_a_graph(cls) -> bool:
    """Whether the constructor of a class of models takes the two ends of a graph, and nothing that
    we know less of."""
    names = set(inspect.signature(cls.__init__).parameters) - {
        "self",
        "args",
        "kwargs",
        "name",
        "trainable",
    }
    return names in (set(), {"inputs", "outputs"})


def _is_default(build) -> bool:
    return build is Model.build


_FUNCTIONAL = inspect.signature(lambda inputs, outputs, name=None, **kwargs: None)


def _is_functional(args: tuple, kwargs: dict) -> bool:
    """Whether a constructor was given the two ends of a graph."""
    return (
        len(args) == 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


def _passes(filters, layer) -> bool:
    if callable(filters):
        return filters(layer)
    patterns = [filters] if isinstance(filters, str) else filters
    return any(re.search(pattern, layer.name) for pattern in patterns)


def _state_tree(variables, value_format: str) -> dict:
    """Values by path, as nested dicts.

    Raises:
        ValueError: an unknown format.
    """
    if value_format not in ("backend_tensor", "numpy_array"):
        raise ValueError(
            "Invalid `value_format` argument. Expected one of {'numpy_array', 'backend_tensor'}. "
            f"Received: value_format={value_format}"
        )
    root = {}
    for variable in variables:
        *parents, name = variable.path.split("/")
        branch = root
        for part in parents:
            branch = branch.setdefault(part, {})
        branch[name] = variable.numpy() if value_format == "numpy_array" else variable.value
    return root


def _paths(branch: dict, prefix: str = ""):
    for key, value in branch.items():
        path = f"{prefix}/{key}" if prefix else key
        if isinstance(value, dict):
            yield from _paths(value, path)
        else:
            yield path, value
