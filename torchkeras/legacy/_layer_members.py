"""What particular layers of Keras 1 and 2 had besides what they have today."""

import functools

import torch

from torchkeras import layers, tree
from torchkeras._errors import received
from torchkeras._symbolic import KerasTensor, Node, history
from torchkeras._variable import Variable
from torchkeras.layers._lookup import IndexLookup
from torchkeras.layers._numeric import _Moments
from torchkeras.layers._recurrent_cells import DropoutCell, RecurrentCell
from torchkeras.layers.convolutional_recurrent import ConvLSTMCell
from torchkeras.layers.recurrent import _call_cell
from torchkeras.legacy._members import OldAttribute
from torchkeras.ops._core import as_tensor
from torchkeras.ops.nn._convolution import conv_nd
from torchkeras.preprocessing.text import Tokenizer

__all__ = ["DOORS", "SOURCES"]


class ConvolutionOfKeras2:
    """Members of all convolutions."""

    def convolution_op(self, inputs, kernel):
        """The plain convolution of inputs with a kernel, with the strides, padding and dilation of
        the layer."""
        window = self.strides, self.padding, self.data_format, self.dilation_rate
        return conv_nd(as_tensor(inputs), as_tensor(kernel), None, *window)


class SpectralNormalizationOfKeras2:
    """Members of `SpectralNormalization`."""

    def normalize_weights(self):
        """The kernel divided by its largest singular value, and the next `vector_u`."""
        vector_u, kernel = self.normalized_weights()
        return kernel, vector_u


# ---------------------------------------------------------------- preprocessing


def _signature_of(layer, specs):
    """Symbolic tensors like a layer's outputs, for something with `shape` and `dtype` as inputs."""

    def symbolic(spec):
        dtype = getattr(spec.dtype, "name", spec.dtype)
        return KerasTensor(tuple(spec.shape), dtype=str(dtype).removeprefix("torch."))

    return layer.compute_output_spec(tree.map_structure(symbolic, specs))


class PreparationOfKeras2:
    """Members of the layers that prepare data."""

    def compute_output_signature(self, input_spec):
        """A symbolic tensor like the outputs, for something with `shape` and `dtype` as input."""
        return _signature_of(self, input_spec)


class CrossingOfKeras2:
    """Members of `HashedCrossing`."""

    def compute_output_signature(self, input_specs):
        """A symbolic tensor like the outputs, for a list of things with `shape` and `dtype`."""
        return _signature_of(self, list(input_specs))


class AdaptedOfKeras2:
    """Members of the layers that learn from data in `adapt`."""

    @OldAttribute
    def is_adapted(self):
        """Whether `adapt` has been called."""
        return self.__dict__.get("_is_adapted", False)

    def make_adapt_function(self):
        """A function that takes the next batch of an iterator in."""
        return functools.partial(_adapt_step, self)


def _adapt_step(layer, iterator) -> None:
    layer.update_state(next(iterator))


class LookupOfKeras2:
    """Members of `StringLookup` and `IntegerLookup`."""

    def vocab_size(self):
        """The old name of `vocabulary_size`."""
        return self.vocabulary_size()


class NormalizationOfKeras2:
    """Members of `Normalization`."""

    def update_state(self, data):
        """Takes the statistics of a batch in.

        Raises:
            ValueError: the layer was given its mean and variance.
        """
        if self.input_mean is not None:
            raise ValueError(
                "Cannot `adapt` a Normalization layer that is initialized with static `mean` and "
                f"`variance`. Received: mean={self.input_mean}, variance={self.input_variance}"
            )
        data = as_tensor(data)
        self._prepare(tuple(data.shape), True)
        self._check_batch(tuple(data.shape))
        found = self.__dict__.get("_statistics")
        if found is None:
            found = _Moments([axis for axis in range(data.ndim) if axis not in self._kept])
            self.__dict__["_statistics"] = found
        found.add(data)
        self.adapt_mean.assign(found.mean)
        self.adapt_variance.assign(found.variance)
        self.count.assign(found.count)

    def reset_state(self):
        """Forgets all statistics."""
        self.__dict__.pop("_statistics", None)
        if self.input_mean is None and self.built:
            self.adapt_mean.assign(torch.zeros_like(self.adapt_mean))
            self.adapt_variance.assign(torch.ones_like(self.adapt_variance))
            self.count.assign(0)


# ---------------------------------------------------------------- recurrent layers


class DroppingOfKeras2:
    """Members of the cells of recurrent layers."""

    def get_dropout_mask_for_cell(self, inputs, training, count=1):
        """The dropout mask of the inputs, or a list of `count`; None without dropout.

        It is the one with which the layer runs, until `reset_dropout_mask`.
        """
        return _masks(self.get_dropout_mask, self.dropout, inputs, training, count)

    def get_recurrent_dropout_mask_for_cell(self, inputs, training, count=1):
        """The dropout mask of the state, or a list of `count`; None without dropout."""
        draw, rate = self.get_recurrent_dropout_mask, self.recurrent_dropout
        return _masks(draw, rate, inputs, training, count)


def _masks(draw, rate, inputs, training, count):
    if not rate:
        return None
    masks = draw(inputs) if training else torch.ones_like(inputs)
    masks = masks if isinstance(masks, list) else [masks] * count
    return masks[0] if count == 1 else masks


class RecurrentOfKeras2:
    """Members of `LSTM`, `GRU` and `SimpleRNN`, which are those of the cell."""

    implementation = OldAttribute(lambda self: self.cell.implementation)

    def get_dropout_mask_for_cell(self, inputs, training, count=1):
        """The dropout mask of the inputs, see the cell's."""
        return self.cell.get_dropout_mask_for_cell(inputs, training, count)

    def get_recurrent_dropout_mask_for_cell(self, inputs, training, count=1):
        """The dropout mask of the state, see the cell's."""
        return self.cell.get_recurrent_dropout_mask_for_cell(inputs, training, count)

    def reset_dropout_mask(self):
        """Forgets the dropout mask of the inputs."""
        self.cell.reset_dropout_mask()

    def reset_recurrent_dropout_mask(self):
        """Forgets the dropout mask of the state."""
        self.cell.reset_recurrent_dropout_mask()


class RecurrentOfKeras1:
    """How layers of Keras 1 ran step by step: `step(x, states)`, where `states` are the layer's own
    and then what `get_constants` gave."""

    def get_losses_for(self, inputs=None):
        """The losses of the layer."""
        return self.losses

    def get_initial_states(self, x):
        """The states to begin with, for inputs (batch, steps, features)."""
        return list(self.get_initial_state(x.shape[0]))

    def preprocess_input(self, x, training=None):
        """What of the inputs can be computed for all steps at once: the inputs themselves, since
        `step` does it all.

        Args:
            training: changes nothing.
        """
        return x

    def get_constants(self, x, training=None):
        """Dropout masks of state and inputs for `step`; no list of them without a cell that drops.

        Args:
            training: whether to drop; None: whether the layer trains.
        """
        cell = self.cell
        if not isinstance(cell, RecurrentCell):
            return []
        dropping = self.training if training is None else training
        state = self.get_initial_state(x.shape[0])[0]
        inner = cell.get_recurrent_dropout_mask_for_cell(state, dropping, cell.gates)
        outer = cell.get_dropout_mask_for_cell(x[:, 0], dropping, cell.gates)
        return [1.0 if inner is None else inner, 1.0 if outer is None else outer]

    def step(self, x, states):
        """Output and states after one step, for inputs (batch, features)."""
        cell = self.cell
        count = getattr(cell, "states_count", len(self.state_size))
        own, constants = list(states[:count]), list(states[count:])
        if not isinstance(cell, RecurrentCell):
            return _call_cell(cell, x, own, False)
        inner, outer = (_as_masks(c) for c in (constants or (1.0, 1.0)))
        weights = cell._weights()
        return cell._step(cell._project(x, outer, weights), own, inner, weights)


def _as_masks(constant):
    """Masks as cells take them: one tensor, a list of several, None where nothing is dropped."""
    if isinstance(constant, list) and len(constant) == 1:
        constant = constant[0]
    return None if isinstance(constant, (int, float)) else constant


class ConvolutionalOfKeras1:
    """Members of `ConvLSTM2D`."""

    def conv_step(self, x, W, b=None, border_mode="valid"):  # noqa: N803 - Keras's name
        """The convolution of inputs with a kernel, and a bias."""
        return self.cell.input_conv(x, W, b, border_mode)

    def conv_step_hidden(self, x, W, border_mode="valid"):  # noqa: N803 - Keras's name
        """The convolution of states with a kernel, place by place."""
        return conv_nd(x, W, None, 1, border_mode, self.data_format)


class ConvolutionalCellOfKeras2:
    """Members of the cell of `ConvLSTM2D`."""

    def input_conv(self, x, w, b=None, padding="valid"):
        """The convolution of inputs with a kernel, and a bias."""
        return conv_nd(x, w, b, self.strides, padding, self.data_format, self.dilation_rate)

    def recurrent_conv(self, x, w):
        """The convolution of states with a kernel, with as many places as they have."""
        return conv_nd(x, w, None, 1, "same", self.data_format)


class OptionalInputs:
    """Members of layers that hold others."""

    def get_losses_for(self, inputs=None):
        """The losses of the layer."""
        return self.losses

    def get_updates_for(self, inputs=None):
        """No changes: they are made as they come up."""
        return []


# ---------------------------------------------------------------- doors


def _adapt_door(adapt):
    def noted(self, *args, **kwargs):
        adapt(self, *args, **kwargs)
        self.__dict__["_is_adapted"] = True

    return noted


def _initial_state_door(get_initial_state):
    """`get_initial_state(inputs, batch_size, dtype)` of cells, `(inputs)` of layers."""

    def of_inputs(self, *args, inputs=None, dtype=None, **kwargs):
        given = args[0] if args else 0
        is_tensor = isinstance(given, (torch.Tensor, KerasTensor))
        if given is None or (is_tensor and len(given.shape)):  # else a batch size
            inputs, *args = args
            if len(args) > 1:
                dtype = args.pop()
        if inputs is not None:
            args = [inputs.shape[0]]
            kwargs.pop("batch_size", None)
        states = get_initial_state(self, *args, **kwargs)
        if dtype is None:
            return states
        dtype = dtype if isinstance(dtype, torch.dtype) else getattr(torch, str(dtype))
        return tree.map_structure(lambda state: state.to(dtype), states)

    return of_inputs


def _constants_door(call):
    def with_constants(self, *args, constants=None, **kwargs):
        if constants is None:
            return call(self, *args, **kwargs)
        parts = getattr(self, "forward_layer", self), getattr(self, "backward_layer", self)
        given = {"constants": [as_tensor(c) for c in tree.flatten(constants)]}
        for part in parts:
            if part._chain() is not None:
                raise ValueError(
                    f"The cell {part.cell.name} takes no constants. " + received(constants=given)
                )
            part.__dict__["_passed"] = given
        try:
            return call(self, *args, **kwargs)
        finally:
            for part in parts:
                part.__dict__.pop("_passed", None)

    return with_constants


def _weighted_door(call):
    def with_mask(self, inputs, mask=None):
        if mask is None:
            return call(self, inputs)
        x = inputs.to(torch.promote_types(inputs.dtype, torch.float32)).movedim(self.axis, 1)
        weight = as_tensor(mask).to(x.device, x.dtype).broadcast_to(inputs.shape)
        groups = (x.shape[0], self.groups, -1)
        parts, weight = x.reshape(groups), weight.movedim(self.axis, 1).reshape(groups)
        total = weight.sum(-1, keepdim=True)
        mean = (parts * weight).sum(-1, keepdim=True) / total
        variance = ((parts - mean) ** 2 * weight).sum(-1, keepdim=True) / total
        parts = ((parts - mean) * torch.rsqrt(variance + self.epsilon)).reshape(x.shape)
        shape = (-1, *(1,) * (x.ndim - 2))
        for weights, combine in ((self.gamma, torch.mul), (self.beta, torch.add)):
            if weights is not None:
                parts = combine(parts, weights.to(x.dtype).reshape(shape))
        return parts.movedim(1, self.axis).to(self._torch_compute_dtype)

    return with_mask


def _reset_states_door(reset_states):
    def with_states(self, states=None):
        if states is None:
            reset_states(self)
            return
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        if not isinstance(states, (list, tuple)):
            raise ValueError(
                "Unrecognized value for `states`. Expected `states` to be list or tuple. "
                + received(states=states)
            )
        half = len(states) // 2
        self.forward_layer.reset_states(states[:half])
        self.backward_layer.reset_states(states[half:])

    return with_states


class SymbolicOfKeras2:
    """Members of a symbolic tensor."""

    _keras_shape = OldAttribute(lambda self: tuple(self.shape))
    _uses_learning_phase = OldAttribute(lambda self: False)


class VariableOfKeras1:
    """Members of a variable, which was Theano's."""

    def get_value(self, borrow=False, return_internal_type=False):
        """A copy of the value as an array."""
        return self.numpy()

    def set_value(self, new_value, borrow=False):
        """Sets the value."""
        self.assign(new_value)


class NodeOfKeras2:
    """Members of a symbolic call."""

    outbound_layer = OldAttribute(lambda self: self.operation)
    inbound_layers = OldAttribute(lambda self: [history(x).operation for x in self.input_tensors])
    node_indices = OldAttribute(lambda self: [history(x).node_index for x in self.input_tensors])
    tensor_indices = OldAttribute(
        lambda self: [history(x).tensor_index for x in self.input_tensors]
    )
    input_shapes = OldAttribute(lambda self: [x.shape for x in self.input_tensors])
    output_shapes = OldAttribute(lambda self: [x.shape for x in self.output_tensors])


class TokenizerOfKeras1:
    """Members of a `Tokenizer`."""

    nb_words = OldAttribute(lambda self: self.num_words)


class OldWeight(OldAttribute):
    """Keras 1's name of a weight or argument; a layer that has its own by that name keeps it."""

    def __init__(self, now):
        super().__init__(lambda layer: getattr(layer, now))
        self.old = None
        self.__doc__ = f"Keras 1's name of `{now}`."

    def __set_name__(self, owner, name):
        self.old = name

    def __get__(self, instance, owner=None):
        if instance is not None:
            for own in (instance._parameters, instance._buffers):
                if self.old in own:
                    return own[self.old]
        return super().__get__(instance, owner)


class DenseOfKeras1:
    """Members of `Dense`."""

    W, b = OldWeight("kernel"), OldWeight("bias")
    output_dim = OldWeight("units")


class ConvolutionOfKeras1:
    """Members of the convolutions."""

    W, b = OldWeight("kernel"), OldWeight("bias")
    nb_filter = OldWeight("filters")
    subsample = OldWeight("strides")
    border_mode = OldWeight("padding")
    nb_row = OldAttribute(lambda layer: layer.kernel_size[0])
    nb_col = OldAttribute(lambda layer: layer.kernel_size[-1])
    filter_length = OldAttribute(lambda layer: layer.kernel_size[0])


class EmbeddingOfKeras1:
    """Members of `Embedding`."""

    W = OldWeight("embeddings")


class NormalizationOfKeras1:
    """Members of `BatchNormalization`."""

    running_mean, running_std = OldWeight("moving_mean"), OldWeight("moving_variance")


class SimpleRecurrentOfKeras1:
    """Members of the recurrent layers with gates and without."""

    W = OldAttribute(lambda self: self.cell.kernel)
    U = OldAttribute(lambda self: self.cell.recurrent_kernel)
    b = OldAttribute(lambda self: self.cell.bias)
    output_dim = OldAttribute(lambda self: self.cell.units)
    inner_activation = OldAttribute(lambda self: self.cell.recurrent_activation)


_CONVOLUTIONS = ("Conv1DTranspose", "Conv2DTranspose", "Conv3DTranspose", "DepthwiseConv1D")
_CONVOLUTIONS += ("DepthwiseConv2D", "SeparableConv1D", "SeparableConv2D")
_ADAPTED = (IndexLookup, layers.Normalization, layers.Discretization, layers.TextVectorization)
_PREPARING = (*_ADAPTED, layers.CategoryEncoding, layers.Hashing)

SOURCES = (
    *((ConvolutionOfKeras2, getattr(layers, name)) for name in _CONVOLUTIONS),
    (DenseOfKeras1, layers.Dense),
    *((ConvolutionOfKeras1, cls) for cls in (layers.Conv1D, layers.Conv2D, layers.Conv3D)),
    (ConvolutionOfKeras1, layers.Conv2DTranspose),
    (EmbeddingOfKeras1, layers.Embedding),
    (NormalizationOfKeras1, layers.BatchNormalization),
    *((SimpleRecurrentOfKeras1, cls) for cls in (layers.LSTM, layers.GRU, layers.SimpleRNN)),
    (SymbolicOfKeras2, KerasTensor),
    (VariableOfKeras1, Variable),
    (NodeOfKeras2, Node),
    (TokenizerOfKeras1, Tokenizer),
    (SpectralNormalizationOfKeras2, layers.SpectralNormalization),
    *((PreparationOfKeras2, cls) for cls in _PREPARING),
    (CrossingOfKeras2, layers.HashedCrossing),
    *((AdaptedOfKeras2, cls) for cls in _ADAPTED),
    (LookupOfKeras2, IndexLookup),
    (NormalizationOfKeras2, layers.Normalization),
    (DroppingOfKeras2, DropoutCell),
    *((RecurrentOfKeras2, cls) for cls in (layers.LSTM, layers.GRU, layers.SimpleRNN)),
    (RecurrentOfKeras1, layers.RNN),
    (ConvolutionalCellOfKeras2, ConvLSTMCell),
    (ConvolutionalOfKeras1, layers.ConvLSTM2D),
    (OptionalInputs, layers.Wrapper),
    (OptionalInputs, layers.StackedRNNCells),
)
DOORS = (
    *((cls, "adapt", _adapt_door) for cls in _ADAPTED),
    *(
        (cls, "get_initial_state", _initial_state_door)
        for cls in (layers.RNN, RecurrentCell, ConvLSTMCell, layers.StackedRNNCells)
    ),
    (layers.Bidirectional, "reset_states", _reset_states_door),
    (layers.RNN, "call", _constants_door),
    (layers.Bidirectional, "call", _constants_door),
    (layers.GroupNormalization, "call", _weighted_door),
)
