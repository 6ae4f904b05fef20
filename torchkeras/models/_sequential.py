"""`Sequential`: layers one after the other."""

from torch import nn

from torchkeras import _naming, tree
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras._symbolic import KerasTensor, node_of, shape_of
from torchkeras.layers import Input, InputLayer, Layer, TorchModuleWrapper
from torchkeras.models._function import Function, source_operation
from torchkeras.models._graph import run_graph, set_function
from torchkeras.models._model import Model

__all__ = ["Sequential"]


class Sequential(Model):
    """A model that passes its input through a list of layers.

    It is built when the shape of the input is known: from the first layer's `input_shape`, an
        `Input`, `build`, or the
    first call. Any `torch.nn.Module` can stand in the list.

    Args:
        layers: list of layers.
        trainable: whether the weights are trained.
        name: name, made from the class name where None.

    >>> model = Sequential([Input((4,)), Dense(3), nn.ReLU()])
    >>> model.output_shape
    (None, 3)
    """

    _keras_module = "keras"

    def __init__(self, layers=None, trainable=True, name=None):
        super().__init__(trainable=trainable, name=name)
        self.__dict__["_stack"] = []
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._rebuild()

    def add(self, layer, rebuild=True):
        """Puts a layer at the end.

        Raises:
            ValueError: what is no layer, or a name that is taken.
        """
        if isinstance(layer, KerasTensor):
            layer = source_operation(layer)
        if isinstance(layer, nn.Module) and not isinstance(layer, Layer):
            layer = TorchModuleWrapper(layer)
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Only instances of `keras.Layer` can be added to a Sequential model. Received: "
                f"{layer} "
                f"(of type {type(layer)})"
            )
        if (
            not self._stack
            and not isinstance(layer, InputLayer)
            and layer._batch_shape_arg is not None
        ):
            self.add(
                InputLayer(batch_shape=layer._batch_shape_arg, dtype=_input_dtype(layer)),
                rebuild=False,
            )
        elif self._stack and isinstance(layer, InputLayer):
            first = self._stack[0]
            kind = "InputLayer" if isinstance(first, InputLayer) else "layer"
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to start with the "
                f"{kind} '{first.name}'. "
                f"You cannot add a different Input layer to it. Received: {layer}"
            )
        if any(layer.name == other.name for other in self._stack):
            raise ValueError(
                "All layers added to a Sequential model should have unique names. "
                f"Name '{layer.name}' is already the name of a layer in this model. Update the "
                "`name` argument to "
                "pass a unique name."
            )
        self._stack.append(layer)
        self._register()
        if rebuild and self._function is not None and len(self._stack) > 1:
            self._go_on(layer)
        elif rebuild:
            self._rebuild()
        else:
            self._forget_graph()

    def _go_on(self, layer) -> None:
        """Adds a layer to the graph, so that what the other layers gave stays a part of it."""
        function = self._function
        try:
            with self._open_name_scope():
                outputs = layer(function.pack(function.outputs))
        except Exception:
            self._stack.pop()
            self._register()
            raise
        _naming.auto_name("functional")
        set_function(self, Function(function._inputs_struct, outputs, name=self.name))
        self._register()

    def pop(self, rebuild=True):
        """Takes the last layer away and returns it."""
        layer = self._stack.pop()
        self._register()
        if rebuild and self._function is not None and self.layers:
            before = node_of(self._function.outputs[0]).args[0]
            inputs = self._function._inputs_struct
            set_function(self, Function(inputs, before, name=self.name))
        elif rebuild:
            self._rebuild()
        else:
            self._forget_graph()
        return layer

    def _register(self) -> None:
        self._modules.clear()
        for layer in self._stack:
            if not isinstance(layer, InputLayer):
                self._modules[layer.name.replace(".", "_")] = layer

    def _forget_graph(self) -> None:
        self.built = False
        set_function(self, None)

    def _rebuild(self) -> None:
        """Builds the model anew where the shape of its input is known."""
        self._forget_graph()
        if not self._stack:
            return
        first = self._stack[0]
        if isinstance(first, InputLayer) and len(self._stack) > 1:
            self.build(first.batch_shape)
        elif isinstance(first, Model) and first._function is not None:
            self.build(first.input_shape)

    def build(self, input_shape=None):
        """Makes the weights and the graph, for inputs of that shape."""
        if not self._stack:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call "
                "`model.add(layer)`."
            )
        first = self._stack[0]
        if isinstance(first, InputLayer):
            if input_shape is not None and tuple(input_shape) != tuple(first.batch_shape):
                compatible = len(input_shape) == len(first.batch_shape) and all(
                    a is None or b is None or a == b
                    for a, b in zip(input_shape, first.batch_shape, strict=True)
                )
                if not compatible:
                    raise ValueError(
                        f"Sequential model '{self.name}' has already been configured to use input "
                        "shape "
                        f"{first.batch_shape}. You cannot build it with input_shape {input_shape}"
                    )
            x = inputs = first.output
        else:
            if input_shape is None:
                raise ValueError("You must provide an `input_shape` argument.")
            inputs = tree.map_shape_structure(
                lambda shape: Input(batch_shape=tuple(shape), dtype=_input_dtype(first)),
                input_shape,
            )
            x = inputs
            if isinstance(inputs, KerasTensor):
                self._stack.insert(0, source_operation(inputs))
        for layer in self._stack:
            if not isinstance(layer, InputLayer):
                x = layer(x)
        # Keras makes a functional model here, which takes a name: those of later models depend on
        # it.
        _naming.auto_name("functional")
        set_function(self, Function(inputs, x, name=self.name))
        self._register()

    def _build_for(self, args, kwargs):
        inputs = args[0] if args else kwargs["inputs"]
        self.build(tree.map_structure(shape_of, inputs))

    def _build_by_running(self, *symbolic):
        if self._function is None:
            self.build(tree.map_structure(shape_of, symbolic[0]))

    def call(self, inputs, training=None, mask=None, **kwargs):
        return run_graph(self, inputs, mask)

    call.runs_the_graph = True

    @property
    def layers(self):
        """The layers, without the one that stands for the input."""
        return [layer for layer in self._stack if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, _):
        raise ValueError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and "
            "`pop()` to change the "
            "layers in this model."
        )

    @property
    def input_shape(self):
        return self._graph("input_shape").inputs[0].shape

    @property
    def output_shape(self):
        return self._graph("output_shape").outputs[0].shape

    @property
    def inputs(self):
        return self._graph("inputs").inputs

    @property
    def outputs(self):
        return self._graph("outputs").outputs

    def compute_output_spec(self, inputs, training=None, mask=None, **kwargs):
        if self._function is None:
            self._build_for((inputs,), {})
        return super().compute_output_spec(inputs)

    def compute_output_shape(self, input_shape):
        """Shape of the output for inputs of the given shape."""
        if self._function is not None:
            return self._function.compute_output_shape(input_shape)
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "layers": [serialize_keras_object(layer) for layer in self._stack],
        }
        if self._function is not None:
            config["build_input_shape"] = self.input_shape
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from its `get_config`, or from the list of layers that Keras 1 wrote."""
        if isinstance(config, list):
            config = {"layers": config}
        layers = [
            deserialize_keras_object(entry, custom_objects=custom_objects)
            for entry in config["layers"]
        ]
        model = cls(layers, name=config.get("name"))
        shape = config.get("build_input_shape")
        if not model.built and shape is not None and isinstance(shape, (tuple, list)):
            model.build(tuple(shape))
        if not config.get("trainable", True):
            model.trainable = False
        return model


def _input_dtype(layer: Layer) -> str:
    """Dtype of the input of a model that begins with this layer."""
    return layer.input_dtype
