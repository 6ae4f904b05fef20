"""Models that Keras 2 had ready made: linear, wide and deep, trained for flat minima."""

import torch

from torchkeras import activations, initializers, optimizers, regularizers, tree
from torchkeras._data import unpack_x_y_sample_weight
from torchkeras._errors import positive_int, received
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras.layers import Dense
from torchkeras.models import Model

__all__ = ["LinearModel", "SharpnessAwareMinimization", "WideDeepModel"]


def _parts(value) -> list:
    """What stands for several inputs as a list: a dict by its sorted keys."""
    if isinstance(value, dict):
        return [value[name] for name in sorted(value)]
    return list(value)


class LinearModel(Model):
    """`activation(sum of x_i W_i + b)`: linear or logistic regression of one or more inputs.

    Args:
        units: size of the outputs.
        kernel_regularizer, bias_regularizer: for the weights of all inputs, and the bias.

    Input shape: (batch, features), or a list or dict of such
    Output shape: (batch, units)
    """

    _keras_module = "keras.models"

    def __init__(
        self,
        units=1,
        activation=None,
        use_bias=True,
        kernel_initializer="zeros",
        bias_initializer="zeros",
        kernel_regularizer=None,
        bias_regularizer=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = positive_int("units", units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer)
        self.bias_initializer = initializers.get(bias_initializer)
        self.kernel_regularizer = regularizers.get(kernel_regularizer)
        self.bias_regularizer = regularizers.get(bias_regularizer)

    def build(self, input_shape):
        names = [None]
        shapes = [input_shape]
        self._keys = None
        if isinstance(input_shape, dict):
            self._keys = names = sorted(input_shape)
            shapes = _parts(input_shape)
        elif isinstance(input_shape[0], (list, tuple)):
            shapes = list(input_shape)
            names = [None] * len(shapes)
        self.dense_layers = [self._dense(name) for name in names]
        for layer, shape in zip(self.dense_layers, shapes, strict=True):
            layer.build(shape)
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight("bias", (self.units,))

    def _dense(self, name):
        return Dense(
            self.units,
            use_bias=False,
            kernel_initializer=self.kernel_initializer,
            kernel_regularizer=self.kernel_regularizer,
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs):
        if isinstance(inputs, dict):
            if sorted(inputs) != self._keys:
                raise ValueError(
                    "The `inputs` dictionary does not match the structure expected by the model. "
                    f"Expected keys: {self._keys}. Received: keys {sorted(inputs)}"
                )
            inputs = _parts(inputs)
        elif not isinstance(inputs, (list, tuple)):
            inputs = [inputs]
        total = sum(layer(x) for layer, x in zip(self.dense_layers, inputs, strict=True))
        return self.activation(total if self.bias is None else total + self.bias)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from its `get_config`."""
        return cls(**config)


class WideDeepModel(Model):
    """The sum of a linear model's outputs and another model's, trained together (Cheng et al. 2016,
    arXiv:1606.07792).

    `compile` takes one optimizer, or two: for the linear model and for the other.

    Args:
        linear_model: a `LinearModel`.
        dnn_model: a model with outputs of the same shape.
        activation: activation of the sum.

    Input shape: that of both models, or a list of the linear model's and the other's
    Output shape: that of both models
    """

    _keras_module = "keras.models"

    def __init__(self, linear_model, dnn_model, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.linear_model = linear_model
        self.dnn_model = dnn_model
        self.activation = activations.get(activation)

    def compile(self, optimizer="rmsprop", *args, **kwargs):
        """Says how to train, see `Model.compile`; two optimizers are for the two models."""
        if not isinstance(optimizer, (list, tuple)):
            super().compile(optimizer, *args, **kwargs)
            return
        if len(optimizer) != 2:
            raise ValueError(
                "Expected one optimizer or two, for the linear model and the other. "
                + received(optimizer=optimizer)
            )
        pair = [optimizers.get(each) for each in optimizer]
        super().compile(optimizers.MultiOptimizer(self._chosen_from(pair)), *args, **kwargs)
        # What is saved, and what `compile` takes again.
        self._compile_config["optimizer"] = pair

    def _chosen_from(self, pair):
        def chosen(variable):
            linear = any(variable is each for each in self.linear_model.trainable_variables)
            return pair[0] if linear else pair[1]

        return chosen

    def call(self, inputs, training=None):
        linear_inputs = dnn_inputs = inputs
        if isinstance(inputs, (list, tuple)) and len(inputs) == 2:
            linear_inputs, dnn_inputs = inputs
        linear = self.linear_model(linear_inputs)
        deep = self.dnn_model(dnn_inputs, training=training)
        return tree.map_structure(lambda x, y: self.activation(x + y), linear, deep)

    def get_config(self):
        return {
            **super().get_config(),
            "linear_model": serialize_keras_object(self.linear_model),
            "dnn_model": serialize_keras_object(self.dnn_model),
            "activation": activations.serialize(self.activation),
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from its `get_config`."""
        parts = {
            name: deserialize_keras_object(config[name], custom_objects=custom_objects)
            for name in ("linear_model", "dnn_model")
        }
        return cls(**{**config, **parts})


class SharpnessAwareMinimization(Model):
    """Trains a model towards flat minima (Foret et al. 2020, arXiv:2010.01412): the gradients of a
    step are those at the point of greatest loss nearby.

    Args:
        model: the model.
        rho: distance to that point.
        num_batch_splits: into how many parts a batch is split, each with a point of its own, whose
            gradients are summed; None: one. It must divide the batch.

    Input shape: that of the model
    Output shape: that of the model
    """

    _keras_module = "keras.models"

    def __init__(self, model, rho=0.05, num_batch_splits=None, name=None):
        super().__init__(name=name)
        self.model = model
        self.rho = rho
        self.num_batch_splits = num_batch_splits

    def call(self, inputs, **kwargs):
        return self.model(inputs, **kwargs)

    def train_step(self, data):
        """One step of training on a batch; returns what to log, by name."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        variables = self.model.trainable_variables
        predictions, sums = [], None
        for part in self._split((x, y, sample_weight)):
            outputs, gradients = self._gradients_nearby(part, variables)
            predictions.append(outputs)
            sums = gradients if sums is None else list(map(_sum, sums, gradients))
        self.optimizer.apply(sums, variables)
        y_pred = tree.map_structure(lambda *parts: torch.cat(parts), *predictions)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _split(self, data):
        count = self.num_batch_splits or 1
        sizes = {len(tensor) for tensor in tree.flatten(data) if tensor is not None}
        if any(size % count for size in sizes):
            raise ValueError(
                "A batch must be divisible into `num_batch_splits` parts. "
                + received(num_batch_splits=count, batch_size=sizes)
            )
        for i in range(count):
            yield tree.map_structure(lambda t, i=i: None if t is None else t.chunk(count)[i], data)

    def _gradients_nearby(self, data, variables):
        """Outputs, and gradients at the point `rho` uphill; the variables stay as they are."""
        loss, _ = self._loss(data, training=False)
        gradients = torch.autograd.grad(loss, variables, allow_unused=True)
        places = [place for place, gradient in enumerate(gradients) if gradient is not None]
        moved = [variables[place].detach() for place in places]
        uphill = [gradients[place] for place in places]
        norm = torch.stack(torch._foreach_norm(uphill)).norm()
        uphill = [gradient * (self.rho / (norm + 1e-12)) for gradient in uphill]
        with torch.no_grad():
            torch._foreach_add_(moved, uphill)
        try:
            loss, outputs = self._loss(data, training=True)
            gradients = torch.autograd.grad(loss, variables, allow_unused=True)
        finally:
            with torch.no_grad():
                torch._foreach_sub_(moved, uphill)
        return outputs, gradients

    def _loss(self, data, training):
        x, y, sample_weight = data
        outputs = self(x, training=training)
        loss = self.compute_loss(x, y, outputs, sample_weight, training=training)
        self._loss_tracker.update_state(loss.detach(), sample_weight=len(tree.flatten(x)[0]))
        return loss, tree.map_structure(torch.Tensor.detach, outputs)

    def get_config(self):
        return {
            "name": self.name,
            "model": serialize_keras_object(self.model),
            "rho": self.rho,
            "num_batch_splits": self.num_batch_splits,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A model from its `get_config`."""
        model = deserialize_keras_object(config["model"], custom_objects=custom_objects)
        return cls(**{**config, "model": model})


def _sum(first, second):
    """The sum of two gradients, either of which may be missing."""
    if first is None or second is None:
        return second if first is None else first
    return first + second
