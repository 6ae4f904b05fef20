"""Layers around a layer: over the steps of sequences, in both directions, with a normalized
kernel."""

import torch
import torch.nn.functional as F

from torchkeras import config, initializers, tree
from torchkeras._errors import received
from torchkeras._serialize import (
    CustomObjectScope,
    deserialize_keras_object,
    serialize_keras_object,
)
from torchkeras.layers._base import Layer
from torchkeras.layers._spec import InputSpec
from torchkeras.layers.recurrent import RNN

__all__ = ["Bidirectional", "SpectralNormalization", "TimeDistributed", "Wrapper"]


class Wrapper(Layer):
    """Base of layers that are made of one other layer.

    Args:
        layer: the layer.
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. "
                "Please ensure wrapped layer is a valid Keras layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    def build(self, input_shape=None):
        if not self.layer.built:
            self.layer.build(input_shape)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        with CustomObjectScope(custom_objects or {}):
            return super().from_config(config)


class TimeDistributed(Wrapper):
    """Applies a layer to each step of its inputs.

    The steps go through the layer as one larger batch; one after the other where that is not the
    same: the layer has
    state that training changes by the batch (such as `BatchNormalization`), or is a stateful
    recurrent one.

    Args:
        layer: the layer.

    Input shape: (batch, steps, ...)
    Output shape: (batch, steps, ...), of what the layer makes of a step

    >>> from torchkeras.layers import Dense
    >>> TimeDistributed(Dense(3))(torch.ones(2, 5, 4)).shape
    torch.Size([2, 5, 3])
    """

    def __init__(self, layer, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `TimeDistributed` layer with a `keras.layers.Layer` instance. "
                + received(layer=layer)
            )
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def _step_shape(self, input_shape):
        if not isinstance(input_shape, (tuple, list)) or len(input_shape) < 3:
            raise ValueError(
                "`TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                "dimensions. " + received(input_shape=input_shape)
            )
        return (input_shape[0], *input_shape[2:])

    def compute_output_shape(self, input_shape):
        shape = self.layer.compute_output_shape(self._step_shape(input_shape))
        return (shape[0], input_shape[1], *shape[1:])

    def build(self, input_shape):
        super().build(self._step_shape(tuple(input_shape)))

    def call(self, inputs, training=None, mask=None):
        self._check_mask(inputs, mask)
        signature = self.layer._call_signature
        told = {"training": training} if signature.takes_training else {}
        masked = "mask" in signature.masks and mask is not None
        if self._depends_on_batch(training):
            steps = []
            for step in range(inputs.shape[1]):
                more = {"mask": mask[:, step]} if masked else {}
                steps.append(self.layer(inputs[:, step], **told, **more))
            return torch.stack(steps, 1)
        if masked:
            told["mask"] = mask.flatten(0, 1)
        return self.layer(inputs.flatten(0, 1), **told).unflatten(0, inputs.shape[:2])

    def _check_mask(self, inputs, mask):
        if mask is None:
            return
        if mask.ndim < 2:
            raise ValueError(
                "The `mask` passed to the `TimeDistributed` layer must be at least 2D (e.g., "
                f"`(batch_size, timesteps)`), but it has {mask.ndim} dimension(s). "
                + received(mask_shape=tuple(mask.shape))
            )
        if mask.shape[:2] != inputs.shape[:2]:
            raise ValueError(
                f"The `mask` passed to the `TimeDistributed` layer has a shape {tuple(mask.shape)} "
                f"that is "
                f"incompatible with the input shape {tuple(inputs.shape)}: the first two "
                f"dimensions "
                "must match."
            )

    def _depends_on_batch(self, training):
        for module in self.layer.modules():
            if isinstance(module, RNN) and module.stateful:
                return True
            if training and any(True for _ in module.buffers(recurse=False)):
                return True
        return False


MERGES = ("sum", "mul", "ave", "concat", None)


class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a copy of it backwards, and merges their outputs.

    Args:
        layer: a recurrent layer; the two that are run are made from its configuration.
        merge_mode: "sum", "mul", "concat", "ave", or None for both outputs as a tuple.
        weights: arrays to begin with: those of the layer forwards, then those of the one backwards.
        backward_layer: the layer to run backwards, with `go_backwards=True`; None: one like
            `layer`.

    Input shape: that of the layer
    Output shape: that of the layer, with twice the features for "concat"; its states follow,
        forward ones first

    >>> from torchkeras.layers import LSTM
    >>> Bidirectional(LSTM(3))(torch.ones(2, 5, 4)).shape
    torch.Size([2, 6])
    """

    def __init__(self, layer, merge_mode="concat", weights=None, backward_layer=None, **kwargs):
        if not isinstance(layer, Layer):
            raise ValueError(
                "Please initialize `Bidirectional` layer with a `keras.layers.Layer` instance. "
                + received(layer=layer)
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(
                "`backward_layer` need to be a `keras.layers.Layer` instance. "
                + received(backward_layer=backward_layer)
            )
        if merge_mode not in MERGES:
            raise ValueError(
                f"Invalid merge mode. Merge mode should be one of {MERGES}. "
                + received(merge_mode=merge_mode)
            )
        super().__init__(**kwargs)
        self.forward_layer = _renamed(layer, "forward")
        if backward_layer is None:
            backward_layer = _renamed(layer, "backward", go_backwards=True)
        self.backward_layer = backward_layer
        if hasattr(layer, "use_cudnn"):
            self.forward_layer.use_cudnn = self.backward_layer.use_cudnn = layer.use_cudnn
        self._check_pair()
        for half in (self.forward_layer, self.backward_layer):
            if hasattr(half, "zero_output_for_mask"):
                # Else the outputs before a mask, which each direction repeats, would be merged.
                half.zero_output_for_mask = half.return_sequences
        if weights:
            count = len(weights) // 2
            self.forward_layer._initial_weights = weights[:count]
            self.backward_layer._initial_weights = weights[count:]
        self.merge_mode = merge_mode
        self.stateful = layer.stateful
        self.return_sequences = layer.return_sequences
        self.return_state = layer.return_state
        self.supports_masking = True
        self.input_spec = layer.input_spec

    def _check_pair(self):
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Forward layer and backward layer should have different `go_backwards` value. "
                "Received: "
                f"forward_layer.go_backwards={forward.go_backwards}, "
                f"backward_layer.go_backwards={backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            values = getattr(forward, name), getattr(backward, name)
            if values[0] != values[1]:
                raise ValueError(
                    "Forward layer and backward layer are expected to have the same value for "
                    f'attribute "{name}", got "{values[0]}" for forward layer and '
                    f'"{values[1]}" for backward layer'
                )

    def compute_output_shape(self, sequences_shape, initial_state_shape=None):
        shape, states = self.forward_layer.compute_output_shape(sequences_shape), ()
        if self.return_state:
            shape, *states = shape
            states = tuple(states)
        if self.merge_mode == "concat":
            shape = (*shape[:-1], 2 * shape[-1])
        outputs = (shape, shape) if self.merge_mode is None else (shape,)
        if self.return_state or self.merge_mode is None:
            return (*outputs, *states, *states)
        return shape

    def compute_output_spec(self, *args, **kwargs):
        outputs = super().compute_output_spec(*args, **kwargs)
        mask = getattr(args[0] if args else kwargs["sequences"], "_keras_mask", None)
        if mask is not None and self.return_sequences:
            for output in tree.flatten(outputs)[: 2 if self.merge_mode is None else 1]:
                output._keras_mask = mask
        return outputs

    def compute_mask(self, _, mask):
        mask = tree.flatten(mask)[0] if self.return_sequences else None
        masks = [mask, mask] if self.merge_mode is None else [mask]
        if self.return_state:
            masks += [None] * (2 * len(self.forward_layer.state_size))
        return masks if len(masks) > 1 else mask

    def build(self, sequences_shape, initial_state_shape=None):
        for half in (self.forward_layer, self.backward_layer):
            if not half.built:
                half.build(sequences_shape)

    def __call__(self, sequences, *args, **kwargs):
        # `layer([x, state, ...])` of Keras 1 and 2.
        if (
            isinstance(sequences, (list, tuple))
            and not args
            and kwargs.get("initial_state") is None
        ):
            sequences, *states = sequences
            if states:
                kwargs["initial_state"] = states
        return super().__call__(sequences, *args, **kwargs)

    def call(self, sequences, initial_state=None, mask=None, training=None):
        first = second = None
        if initial_state is not None:
            half = len(initial_state) // 2
            first, second = initial_state[:half], initial_state[half:]
        outputs = self._half(self.forward_layer, sequences, first, mask, training)
        reverse = self._half(self.backward_layer, sequences, second, mask, training)
        states = ()
        if self.return_state:
            (outputs, *states), (reverse, *more) = outputs, reverse
            states = (*states, *more)
        outputs, reverse = (
            outputs.to(self._torch_compute_dtype),
            reverse.to(self._torch_compute_dtype),
        )
        if self.return_sequences:
            reverse = reverse.flip(1)
        merged = self._merged(outputs, reverse)
        if self.merge_mode is None:
            return (*merged, *states)
        return (merged, *states) if self.return_state else merged

    def _half(self, layer, sequences, initial_state, mask, training):
        kwargs = {"initial_state": initial_state}
        if layer._call_signature.takes_training:
            kwargs["training"] = training
        if "mask" in layer._call_signature.masks:
            kwargs["mask"] = mask
        return layer(sequences, **kwargs)

    def _merged(self, outputs, reverse):
        if self.merge_mode == "concat":
            return torch.cat([outputs, reverse], -1)
        if self.merge_mode == "sum":
            return outputs + reverse
        if self.merge_mode == "ave":
            return (outputs + reverse) / 2
        if self.merge_mode == "mul":
            return outputs * reverse
        return outputs, reverse

    @property
    def states(self):
        """The states of both directions, or None before a stateful layer is built."""
        if self.forward_layer.states and self.backward_layer.states:
            return (*self.forward_layer.states, *self.backward_layer.states)
        return None

    def reset_state(self):
        """Sets the states to zero.

        Raises:
            AttributeError: the layer is not stateful.
        """
        if not self.stateful:
            raise AttributeError("Layer must be stateful.")
        self.forward_layer.reset_state()
        self.backward_layer.reset_state()

    def reset_states(self):
        """The same as `reset_state`."""
        self.reset_state()

    def get_config(self):
        # `layer` is the copy that runs forwards, and `weights` are state.
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "merge_mode": self.merge_mode,
            "layer": serialize_keras_object(self.forward_layer),
            "backward_layer": serialize_keras_object(self.backward_layer),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        with CustomObjectScope(custom_objects or {}):
            return super().from_config(config)


def _renamed(layer, prefix, **changes):
    """A layer like `layer` without its state, whose name says the direction."""
    config = serialize_keras_object(layer)
    config.pop("build_config", None)
    config["config"] = {
        **config["config"],
        "name": f"{prefix}_{layer.name.removeprefix(f'{prefix}_')}",
        **changes,
    }
    return deserialize_keras_object(config)


class SpectralNormalization(Wrapper):
    """Divides the kernel of a layer by its largest singular value, at each step of training.

    Args:
        layer: the layer; it has a `kernel` or `embeddings`.
        power_iterations: steps towards the singular value at each call.

    Input shape: that of the layer
    Output shape: that of the layer
    """

    def __init__(self, layer, power_iterations=1, **kwargs):
        super().__init__(layer, **kwargs)
        if power_iterations <= 0:
            raise ValueError(
                "`power_iterations` should be greater than zero. "
                + received(power_iterations=power_iterations)
            )
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        self.input_spec = InputSpec(min_ndim=1, axes={-1: input_shape[-1]})
        # Part of this layer's own weights too, as files have it.
        self.kernel = kernel = self._kernel()
        self.vector_u = self.add_weight(
            name="vector_u",
            shape=(1, kernel.shape[-1]),
            initializer=initializers.TruncatedNormal(stddev=0.02),
            trainable=False,
            dtype=kernel.dtype,
        )

    def _kernel(self):
        for name in ("kernel", "embeddings"):
            if hasattr(self.layer, name):
                return getattr(self.layer, name)
        raise ValueError(
            f"{type(self.layer).__name__} object has no attribute 'kernel' nor 'embeddings'"
        )

    def call(self, inputs, training=False):
        if training:
            with torch.no_grad():
                vector_u, kernel = self.normalized_weights()
                self.vector_u.copy_(vector_u)
                self._kernel().copy_(kernel)
        return self.layer(inputs).to(inputs.dtype)

    def normalized_weights(self):
        """The next `vector_u`, and the kernel divided by its largest singular value."""
        kernel, vector_u = self._kernel(), self.vector_u
        matrix = kernel.reshape(-1, kernel.shape[-1])
        for _ in range(self.power_iterations):
            vector_v = F.normalize(vector_u @ matrix.T, dim=None, eps=config.epsilon())
            vector_u = F.normalize(vector_v @ matrix, dim=None, eps=config.epsilon())
        sigma = vector_v @ matrix @ vector_u.T
        # A kernel of zeros stays as it is.
        empty = ~kernel.any()
        return (
            torch.where(empty, self.vector_u, vector_u),
            torch.where(empty, kernel, kernel / sigma.reshape(())),
        )
