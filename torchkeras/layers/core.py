"""Dense and the layers around it; the entry points of a graph."""

import contextlib
import functools
import inspect
import re

import torch
import torch.nn.functional as F
from torch import nn

from torchkeras import _dtypes, _naming, activations, constraints, initializers, regularizers, tree
from torchkeras._errors import positive_int
from torchkeras._serialize import (
    CustomObjectScope,
    SafeModeScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras._symbolic import KerasTensor, Node, infer_spec, standardize_shape
from torchkeras.activations import on_floats
from torchkeras.layers._base import Layer
from torchkeras.layers._lora import Lora
from torchkeras.layers._spec import InputSpec

__all__ = [
    "Activation",
    "Dense",
    "EinsumDense",
    "Identity",
    "Input",
    "InputLayer",
    "Lambda",
    "Masking",
]


class InputLayer(Layer):
    """Where a graph begins: a layer without inputs whose output is a symbolic tensor.

    Args:
        shape: shape without the batch axis; None in it for unknown sizes.
        batch_size: size of the batch axis, or None.
        dtype: name of the dtype of the inputs.
        batch_shape: shape with the batch axis, instead of the two.
        input_tensor: a symbolic tensor to use as the output.
        optional: whether the input may be None.
    """

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        **kwargs,
    ):
        for key in ("input_shape", "batch_input_shape"):
            given = kwargs.pop(key, None)
            if given is not None:
                shape, batch_shape = (
                    (given, batch_shape) if key == "input_shape" else (shape, given)
                )
        super().__init__(name=name, **kwargs)
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(
                    f"Argument `input_tensor` must be a KerasTensor. Received invalid type: "
                    f"input_tensor={input_tensor}"
                )
            batch_shape, dtype = input_tensor.shape, dtype or input_tensor.dtype
        elif shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        if shape is not None:
            batch_shape = (batch_size, *standardize_shape(shape))
        elif batch_shape is None:
            raise ValueError("You must pass a `shape` argument.")
        self.batch_shape = standardize_shape(batch_shape)
        self.sparse = bool(sparse)
        self.ragged = bool(ragged)
        self.optional = optional
        self._dtype = _dtypes.standardize_dtype(dtype)
        self.built = True
        output = input_tensor
        if output is None:
            output = KerasTensor(
                self.batch_shape,
                dtype=self._dtype,
                sparse=self.sparse,
                ragged=self.ragged,
                name=self.name,
            )
        computed = output.__dict__.get("_keras_history")
        Node(self, (), {}, output)
        if computed is not None:
            # It goes on to be what was computed: a model that begins here makes a graph of its own.
            output._keras_history = computed

    def call(self):
        raise NotImplementedError(
            "An InputLayer is not called: it only says what a graph is given."
        )

    @property
    def dtype(self):
        return self._dtype

    def get_config(self):
        return {
            "batch_shape": self.batch_shape,
            "dtype": self.dtype,
            "sparse": self.sparse,
            "ragged": self.ragged,
            "name": self.name,
            "optional": self.optional,
        }


def Input(  # noqa: N802 - Keras's name
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """A symbolic tensor for a graph to begin with.

    Args:
        shape: shape without the batch axis; None in it for unknown sizes.
        batch_size: size of the batch axis, or None.
        dtype: name of the dtype; None: `floatx()`.
        batch_shape: shape with the batch axis, instead of the two.
        tensor: a symbolic tensor to use.
        optional: whether a model may be given None for it.

    >>> Input((32,)).shape
    (None, 32)
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name or _naming.auto_name("input_layer"),
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output


class Dense(Lora, Layer):
    """Affine map of the last axis, then an activation.

    Input shape: (batch, ..., features)
    Output shape: (batch, ..., units)

    >>> Dense(3)(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """

    _casts_integers = True
    _ignores_training = True

    def __init__(
        self,
        units,
        activation=None,
        use_bias=True,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        activity_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(activity_regularizer=activity_regularizer, **kwargs)
        self.units = positive_int("units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._take_lora(lora_rank, lora_alpha)
        self.quantization_config = quantization_config
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape):
        # torch's (out, in) in memory: `kernel.T` is then contiguous and so are its gradients.
        self.kernel = self.add_weight("kernel", (input_shape[-1], self.units), memory_order=(1, 0))
        self.bias = self.add_weight("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})
        self._enable_lora_if_asked()

    def call(self, inputs, training=None):
        # Looked up past `Module.__getattr__`, which takes a tenth of a small layer's time.
        weights = self._parameters
        kernel = self._adapted() if self.lora_enabled else weights["kernel"]
        bias = weights.get("bias")
        if bias is not None and inputs.dim() == 2:
            # One kernel, and no view of the weights to make.
            return on_floats(self.activation)(torch.addmm(bias, inputs, kernel))
        return on_floats(self.activation)(F.linear(inputs, kernel.T, bias))

    def quantized_build(self, kernel_shape, mode, config=None):
        super().quantized_build(kernel_shape, mode)


class Activation(Layer):
    """An activation function as a layer.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, activation, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.activation = activations.get(activation)
        self.built = True

    def call(self, inputs):
        return self.activation(inputs)


class Identity(Layer):
    """Gives its input back.

    Input shape: any
    Output shape: that of the input
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.built = True

    def call(self, inputs):
        return inputs


class Masking(Layer):
    """Masks the steps at which all features have one value, and sets them to zero.

    Args:
        mask_value: the value.

    Input shape: (batch, ..., features)
    Output shape: that of the input

    >>> Masking()(torch.tensor([[[1.0], [0.0]]]))._keras_mask
    tensor([[ True, False]])
    """

    def __init__(self, mask_value=0.0, **kwargs):
        super().__init__(**kwargs)
        self.mask_value = mask_value
        self.supports_masking = True
        self.built = True

    def compute_mask(self, inputs, mask=None):
        return (inputs != self.mask_value).any(-1)

    def call(self, inputs):
        mask = self.compute_mask(inputs)
        outputs = torch.where(mask.unsqueeze(-1), inputs, 0)
        outputs._keras_mask = mask
        return outputs


class Lambda(Layer):
    """A function as a layer.

    A saved lambda expression is Python code, which is loaded with `safe_mode=False` alone; better
    give a function
    registered by `keras.saving.register_keras_serializable`.

    Args:
        function: takes the inputs, and `mask` and `training` where its signature names them.
        output_shape: shape of the outputs without the batch axis, or a function from the inputs'
            shape to the whole of
            it; None: found by running the function.
        mask: mask of the outputs, or a function `(inputs, mask)` that makes it; None: there is
            none.
        arguments: further arguments of the function, by name.

    Input shape: any
    Output shape: that of what the function returns

    >>> Lambda(lambda x: x**2)(torch.tensor([3.0]))
    tensor([9.])
    """

    def __init__(self, function, output_shape=None, mask=None, arguments=None, **kwargs):
        super().__init__(**kwargs)
        self.function = function
        self._output_shape = output_shape
        self.mask = mask
        self.arguments = arguments or {}
        self.supports_masking = self._makes_masks = mask is not None
        names = inspect.getfullargspec(function).args
        self._passed = [name for name in ("mask", "training") if name in names]
        self.built = True

    def compute_output_shape(self, input_shape):
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        batch_size = tree.flatten(input_shape)[0]
        return tree.map_shape_structure(lambda shape: (batch_size, *shape), self._output_shape)

    def compute_output_spec(self, *args, **kwargs):
        if self._output_shape is not None:
            return super().compute_output_spec(*args, **kwargs)
        try:
            return infer_spec(functools.partial(nn.Module.__call__, self), args, kwargs)
        except Exception as error:
            raise NotImplementedError(
                "We could not automatically infer the shape of the Lambda's output. "
                f"Please specify the `output_shape` argument for this Lambda layer. Cause: {error}"
            ) from error

    def call(self, inputs, mask=None, training=None):
        known = {"mask": mask, "training": training}
        return self.function(
            inputs, **self.arguments, **{name: known[name] for name in self._passed}
        )

    def compute_mask(self, inputs, mask=None):
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self):
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "function": _function_config(self.function),
        }
        if self._output_shape is not None:
            config["output_shape"] = _function_config(self._output_shape)
        if self.mask is not None:
            config["mask"] = _function_config(self.mask)
        config["arguments"] = serialize_keras_object(self.arguments)
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        with contextlib.ExitStack() as scopes:
            scopes.enter_context(CustomObjectScope(custom_objects or {}))
            if safe_mode is not None:
                scopes.enter_context(SafeModeScope(safe_mode))
            config = {**config, "function": _function_of(config["function"])}
            for key in ("output_shape", "mask", "arguments"):
                if key in config:
                    config[key] = _function_of(config[key])
        shape = config.get("output_shape")
        if isinstance(shape, list) and all(size is None or isinstance(size, int) for size in shape):
            config["output_shape"] = tuple(shape)
        return cls(**config)


def _function_config(function):
    """A function by its registered name; the code of a lambda, with what it needs."""
    config = serialize_keras_object(function)
    if isinstance(config, dict) and config.get("class_name") == "__lambda__":
        code, defaults, closure = config["config"]["value"]
        config["config"] = {"code": code, "defaults": defaults, "closure": closure}
    return config


def _function_of(config):
    if isinstance(config, dict) and config.get("class_name") == "__lambda__":
        parts = config["config"]
        if "code" in parts:
            value = (parts["code"], parts["defaults"], parts["closure"])
            config = {"class_name": "__lambda__", "config": {"value": value}}
    elif isinstance(config, list) and not any(isinstance(item, dict) for item in config):
        return config
    return deserialize_keras_object(config)


class EinsumDense(Lora, Layer):
    """A product of inputs and kernel as `torch.einsum` writes it, a bias, an activation.

    Args:
        equation: "ab,bc->ac"; a "..." stands for axes at the beginning or end of both.
        output_shape: shape of the outputs without the batch axis and those of "..."; None in it for
            sizes of the inputs.
        bias_axes: letters of the output axes along which there is a bias; None for no bias.

    Input shape: what the equation says
    Output shape: what the equation says

    >>> EinsumDense("abc,cd->abd", output_shape=(None, 3), bias_axes="d")(torch.ones(2, 5, 4)).shape
    torch.Size([2, 5, 3])
    """

    _casts_integers = True
    _ignores_training = True
    _config_if_given = ("lora_rank", "lora_alpha", "gptq_unpacked_column_size")

    def __init__(
        self,
        equation,
        output_shape,
        activation=None,
        bias_axes=None,
        kernel_initializer="glorot_uniform",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        kernel_constraint=None,
        bias_constraint=None,
        lora_rank=None,
        lora_alpha=None,
        gptq_unpacked_column_size=None,
        quantization_config=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.equation = equation
        self.partial_output_shape = (
            (output_shape,) if isinstance(output_shape, int) else tuple(output_shape)
        )
        self.activation = activations.get(activation)
        self.bias_axes = bias_axes
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)
        self.kernel_constraint = constraints.get(kernel_constraint)
        self.bias_constraint = constraints.get(bias_constraint)
        self._take_lora(lora_rank, lora_alpha)
        self.gptq_unpacked_column_size = gptq_unpacked_column_size
        self.quantization_config = quantization_config

    def build(self, input_shape):
        plan = Einsum(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        self.__dict__["_plan"] = plan
        self.input_spec = InputSpec(ndim=len(input_shape))
        self.kernel = self.add_weight(
            name="kernel",
            shape=plan.kernel_shape,
            initializer=self._kernel_initializer(plan),
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
            # Outputs before inputs: where the product is one matrix product, torch gets its matrix
            # as a view.
            memory_order=plan.output_axes + plan.input_axes if plan.is_linear else None,
        )
        self.bias = None if plan.bias_shape is None else self.add_weight("bias", plan.bias_shape)
        self._enable_lora_if_asked()

    def _kernel_initializer(self, plan):
        """The initializer, told which axes are inputs and which are outputs."""
        initializer = self.kernel_initializer
        if not isinstance(initializer, initializers.VarianceScaling) or (
            initializer.input_axes is not None and initializer.output_axes is not None
        ):
            return initializer
        config = initializer.get_config()
        axes = {"input_axes": list(plan.input_axes), "output_axes": list(plan.output_axes)}
        return type(initializer).from_config({**config, "seed": initializer.seed, **axes})

    def compute_output_shape(self, input_shape):
        shape = Einsum(self.equation, self.bias_axes, input_shape, self.partial_output_shape)
        return shape.output_shape

    def call(self, inputs, training=None):
        kernel = self._adapted() if self.lora_enabled else self.kernel
        plan = self._plan
        if plan.is_linear:
            return self.activation(plan.linear(inputs, kernel, self.bias))
        outputs = torch.einsum(self.equation, inputs, kernel)
        return self.activation(outputs if self.bias is None else outputs + self.bias)

    def quantized_build(self, kernel_shape, mode, config=None):
        super().quantized_build(kernel_shape, mode)

    def get_config(self):
        # As an attribute `output_shape` would be taken for the shape of the outputs.
        with shown(self, output_shape=self.partial_output_shape):
            return super().get_config()


@contextlib.contextmanager
def shown(layer, **attributes):
    """Inside, the layer has these attributes: arguments that it keeps under other names."""
    hidden = {key: layer.__dict__[key] for key in attributes if key in layer.__dict__}
    layer.__dict__.update(attributes)
    try:
        yield
    finally:
        for key in attributes:
            del layer.__dict__[key]
        layer.__dict__.update(hidden)


class Einsum:
    """What an equation of `EinsumDense` means for inputs of a shape.

    Attributes:
        kernel_shape, bias_shape, output_shape: tuples; None for no bias.
        input_axes, output_axes: axes of the kernel that are summed over, and those that the
            outputs have.
        is_linear: whether the product is that of a matrix and the last axes of the inputs.
    """

    def __init__(self, equation, bias_axes, input_shape, output_shape):
        left = right = False
        match = re.fullmatch(r"([a-zA-Z]+),([a-zA-Z]+)->([a-zA-Z]+)", equation)
        if match is None:
            match = re.fullmatch(r"\.\.\.([a-zA-Z]+),([a-zA-Z]+)->\.\.\.([a-zA-Z]+)", equation)
            left = match is not None
        if match is None:
            match = re.fullmatch(r"([a-zA-Z]{2,})\.\.\.,([a-zA-Z]+)->([a-zA-Z]+)\.\.\.", equation)
            right = match is not None
        if match is None:
            raise ValueError(
                f"Invalid einsum equation '{equation}'. Equations must be in the form "
                "[X],[Y]->[Z], ...[X],[Y]->...[Z], or [X]...,[Y]->[Z]...."
            )
        self.inputs, self.kernel, self.outputs = match.groups()
        elided = max(len(input_shape) - len(self.inputs), 0)
        before = tuple(input_shape[1:elided]) if left else ()
        after = tuple(input_shape[len(input_shape) - elided :]) if not left and elided else ()
        self.output_shape = (input_shape[0], *before, *output_shape, *after)
        skipped = elided if left else 0
        sizes_in = dict(zip(self.inputs, input_shape[skipped:]))
        sizes_out = dict(zip(self.outputs, self.output_shape[skipped:]))
        self._check(sizes_in, sizes_out)
        # What the caller left open is known where the inputs have it.
        made = tuple(sizes_in.get(axis, sizes_out[axis]) for axis in self.outputs)
        self.output_shape = (
            self.output_shape[:skipped] + made + self.output_shape[skipped + len(made) :]
        )
        self.kernel_shape = tuple(
            sizes_out[axis] if axis in sizes_out else sizes_in[axis] for axis in self.kernel
        )
        numbered = list(enumerate(self.kernel))
        self.output_axes = tuple(i for i, axis in numbered if axis in sizes_out)
        self.input_axes = tuple(i for i, axis in numbered if axis not in sizes_out)
        self.bias_shape = self._bias_shape(bias_axes, sizes_out, 0 if left else elided)
        self.is_linear = not right and self._is_linear(bias_axes)

    def _check(self, sizes_in, sizes_out):
        for axis, size in sizes_in.items():
            if sizes_out.get(axis) not in (None, size):
                raise ValueError(
                    f"Input shape and output shape do not match at shared dimension '{axis}'. "
                    f"Input shape is {size}, and output shape is {sizes_out[axis]}."
                )
        for axis in self.outputs:
            if axis not in self.inputs and axis not in self.kernel:
                raise ValueError(
                    f"Dimension '{axis}' was specified in the output '{self.outputs}' but has no "
                    f"corresponding "
                    f"dim in the input spec '{self.inputs}' or weight spec '{self.kernel}'"
                )
        for axis in self.kernel:
            if axis not in sizes_out and axis not in sizes_in:
                raise ValueError(
                    f"Weight dimension '{axis}' did not have a match in either the input spec "
                    f"'{self.inputs}' "
                    f"or the output spec '{self.outputs}'. For this layer, the weight must be "
                    f"fully specified."
                )

    def _bias_shape(self, bias_axes, sizes, elided):
        if bias_axes is None:
            return None
        for axis in bias_axes:
            if axis not in self.outputs:
                raise ValueError(
                    f"Bias dimension '{axis}' was requested, but is not part of the output spec "
                    f"'{self.outputs}'"
                )
        first = min(self.outputs.find(axis) for axis in bias_axes)
        own = tuple(sizes[axis] if axis in bias_axes else 1 for axis in self.outputs[first:])
        return own + (1,) * elided

    def _is_linear(self, bias_axes):
        summed = "".join(self.kernel[i] for i in self.input_axes)
        made = "".join(self.kernel[i] for i in self.output_axes)
        free = self.inputs.removesuffix(summed)
        if not summed or not made or self.inputs != free + summed or self.outputs != free + made:
            return False
        distinct = len(set(free + self.kernel)) == len(free + self.kernel)
        return distinct and (
            bias_axes is None or "".join(sorted(bias_axes)) == "".join(sorted(made))
        )

    def linear(self, inputs, kernel, bias):
        """The product where it is one of matrices."""
        order = self.output_axes + self.input_axes
        if order != tuple(range(len(order))):
            kernel = kernel.permute(order)
        made, summed = len(self.output_axes), len(self.input_axes)
        sizes = kernel.shape[:made]
        if made > 1:
            kernel = kernel.flatten(0, made - 1)
            bias = None if bias is None else bias.flatten()
        if summed > 1:
            kernel, inputs = kernel.flatten(1), inputs.flatten(-summed)
        outputs = F.linear(inputs, kernel, bias)
        return outputs if made == 1 else outputs.unflatten(-1, sizes)
