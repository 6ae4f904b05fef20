"""What layers, models, metrics and optimizers of Keras 1 and 2 had besides what they have today.

The classes here are sources: `install` gives their members to the classes of today that lack them.
"""

import inspect
import itertools
import json
import math

import numpy as np
import torch

from torchkeras import _symbolic, backend, dtype_policies, layers, tree
from torchkeras._data.dataset import PyDataset
from torchkeras._errors import import_optional
from torchkeras._serialize import CustomObjectScope
from torchkeras._symbolic import KerasTensor
from torchkeras._training.trainer import Trainer
from torchkeras._variable import Variable
from torchkeras.callbacks import CallbackList
from torchkeras.layers import Layer
from torchkeras.layers._spec import check_inputs
from torchkeras.legacy._door import Rule, warn_once
from torchkeras.legacy._file_utils import (
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    save_weights_to_hdf5_group,
)
from torchkeras.metrics import FBetaScore, Mean, Metric, R2Score
from torchkeras.models import Model, Sequential
from torchkeras.models._live import extras_of, live_value
from torchkeras.ops._core import as_tensor
from torchkeras.optimizers import LossScaleOptimizer, Optimizer
from torchkeras.regularizers import Regularizer

__all__ = ["OldAttribute", "give_members", "install", "open_doors"]

_PACKAGE = __name__.rpartition(".")[0]


class OldAttribute:
    """An attribute that is worked out, and that an instance may have by itself instead."""

    def __init__(self, function):
        self.function = function
        self.__doc__ = function.__doc__

    def __get__(self, instance, owner=None):
        return self if instance is None else self.function(instance)


def _alone(values):
    return values[0] if len(values) == 1 else values


def _node(layer, index, what):
    if index >= len(layer._inbound_nodes):
        raise AttributeError(
            f"The layer {layer.name} has never been called and thus has no defined {what}."
        )
    return layer._inbound_nodes[index]


def _one_of_all(layer, read, what):
    """What all calls of a layer have in common."""
    found = [read(node) for node in layer._inbound_nodes]
    if not found:
        _node(layer, 0, what)
    if any(x != found[0] for x in found):
        raise AttributeError(
            f"The layer {layer.name} has multiple inbound nodes with different {what}s. Use "
            f"`get_{what.replace(' ', '_')}_at(node_index)` instead."
        )
    return found[0]


def _shapes_in(node):
    return _alone([x.shape for x in node.input_tensors])


def _shapes_out(node):
    return _alone([x.shape for x in node.output_tensors])


def _masks_of(tensors):
    return _alone([getattr(x, "_keras_mask", None) for x in tensors])


def _add_metric(layer, value, name=None, aggregation="mean", **kwargs):
    """Adds a value to the logs, under a name: its mean over the batches."""
    if isinstance(value, KerasTensor) and "_function" in dir(type(layer)):
        metric = Mean(name=name or "metric")
        layer._metrics.append(metric)
        extras_of(layer).add_metric(value, metric)
        return
    if _symbolic.running_on_meta():
        return
    metric = next((m for m in layer._metrics if m.name == name), None)
    if metric is None:
        metric = Mean(name=name)
        layer._metrics.append(metric)
    metric.update_state(value.detach() if isinstance(value, torch.Tensor) else value)


class LayerOfKeras2:
    """Members of a layer."""

    @OldAttribute
    def input_shape(self):
        """Shape of the symbolic input."""
        if not self._inbound_nodes and self._batch_shape_arg is not None:
            return self._batch_shape_arg
        return _one_of_all(self, _shapes_in, "input shape")

    @OldAttribute
    def output_shape(self):
        """Shape of the symbolic output."""
        return _one_of_all(self, _shapes_out, "output shape")

    @OldAttribute
    def input_mask(self):
        """Mask of the symbolic input."""
        return _masks_of(_node(self, 0, "input mask").input_tensors)

    @OldAttribute
    def output_mask(self):
        """Mask of the symbolic output."""
        return _masks_of(_node(self, 0, "output mask").output_tensors)

    @OldAttribute
    def inbound_nodes(self):
        """The symbolic calls of the layer."""
        return self._inbound_nodes

    @OldAttribute
    def outbound_nodes(self):
        """The symbolic calls of other layers with this one's outputs."""
        return self._outbound_nodes

    @OldAttribute
    def updates(self):
        """Changes of weights are made as they come up, so there are none to be made."""
        return []

    @OldAttribute
    def stateful(self):
        """Whether the layer's states go on from batch to batch."""
        return False

    @OldAttribute
    def dynamic(self):
        """Whether the layer can only run eagerly."""
        return False

    @OldAttribute
    def regularizers(self):
        """The regularizers of the weights."""
        return [v.regularizer for v in self.weights if v.regularizer is not None]

    @OldAttribute
    def constraints(self):
        """The constraints of the weights, by weight."""
        return {v: v.constraint for v in self.weights if v.constraint is not None}

    def get_input_at(self, node_index):
        """Symbolic input of a call."""
        return _alone(_node(self, node_index, "input").input_tensors)

    def get_output_at(self, node_index):
        """Symbolic output of a call."""
        return _alone(_node(self, node_index, "output").output_tensors)

    def get_input_shape_at(self, node_index):
        """Shape of the symbolic input of a call."""
        return _shapes_in(_node(self, node_index, "input shape"))

    def get_output_shape_at(self, node_index):
        """Shape of the symbolic output of a call."""
        return _shapes_out(_node(self, node_index, "output shape"))

    def get_input_mask_at(self, node_index):
        """Mask of the symbolic input of a call."""
        return _masks_of(_node(self, node_index, "input mask").input_tensors)

    def get_output_mask_at(self, node_index):
        """Mask of the symbolic output of a call."""
        return _masks_of(_node(self, node_index, "output mask").output_tensors)

    def get_output_shape_for(self, input_shape):
        """Keras 1's name of `compute_output_shape`."""
        return self.compute_output_shape(input_shape)

    def compute_output_signature(self, input_signature):
        """Symbolic tensors like the outputs, for something with `shape` and `dtype` as input."""
        shapes = tree.map_structure(lambda s: tuple(s.shape), input_signature)
        return tree.map_shape_structure(
            lambda shape: KerasTensor(shape, dtype=self.compute_dtype),
            self.compute_output_shape(shapes),
        )

    def add_update(self, updates, inputs=None):
        """Makes changes of variables: pairs of a variable and its new value. What `K.update` gave
        was done already."""
        pairs = updates if isinstance(updates, list) else [updates]
        for pair in pairs:
            if isinstance(pair, tuple) and not _symbolic.running_on_meta():
                pair[0].assign(pair[1])

    def get_updates_for(self, inputs):
        """No changes: they are made as they come up."""
        return []

    def get_losses_for(self, inputs):
        """The losses of the layer."""
        return self.losses

    def assert_input_compatibility(self, inputs=None, input=None):
        """Checks inputs against `input_spec`; `input` is what Keras 1 called them."""
        check_inputs(self.input_spec, input if inputs is None else inputs, self.name)

    def create_input_layer(self, batch_input_shape, input_dtype=None, name=None):
        """Calls the layer on a new symbolic tensor."""
        self(layers.Input(batch_shape=batch_input_shape, dtype=input_dtype, name=name))

    def add_inbound_node(self, inbound_layers, node_indices=None, tensor_indices=None):
        """Calls the layer on the outputs of others.

        Args:
            node_indices: which of their calls are meant; None: the first.
            tensor_indices: which of the outputs of each call; None: the first.
        """
        sources = tree.flatten(inbound_layers)
        nodes = [0] * len(sources) if node_indices is None else tree.flatten(node_indices)
        places = [0] * len(sources) if tensor_indices is None else tree.flatten(tensor_indices)
        self(
            _alone(
                [
                    _node(layer, node, "output").output_tensors[place]
                    for layer, node, place in zip(sources, nodes, places, strict=True)
                ]
            )
        )

    def finalize_state(self):
        """Called after `adapt`; there is nothing left to do."""

    def add_metric(self, *args, **kwargs):
        """Adds a value to the logs, under a name: its mean over the batches."""
        _add_metric(self, *args, **kwargs)


# ---------------------------------------------------------------- models


def _counted(generator, samples):
    """A generator, and how many of its batches make so many samples."""
    rows = getattr(generator, "batch_size", None)
    if not isinstance(rows, int):
        first = next(generator)
        rows = tree.flatten(first[0] if isinstance(first, tuple) else first)[0].shape[0]
        # Not by `yield from`, which would close the user's generator in the end.
        generator = itertools.chain([first], generator)
    return generator, math.ceil(samples / rows)


def _batches(generator, steps, samples=None):
    """What may be iterated and how often, from what Keras 1 and 2 took as a generator."""
    if samples is not None:
        return _counted(generator, samples)
    return generator, steps


def _with_queue(data, workers, use_multiprocessing, max_queue_size) -> None:
    """Tells a dataset how many workers it has; a plain generator is read by the caller's thread."""
    if isinstance(data, PyDataset):
        data.workers = max(workers, 1)
        data.use_multiprocessing = use_multiprocessing
        data.max_queue_size = max_queue_size


class ModelOfKeras2:
    """Members of a model."""

    def fit_generator(
        self,
        generator,
        steps_per_epoch=None,
        epochs=1,
        verbose=1,
        callbacks=None,
        validation_data=None,
        validation_steps=None,
        validation_freq=1,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        shuffle=True,
        initial_epoch=0,
        samples_per_epoch=None,
        validation_samples=None,
    ):
        """Trains on the batches of a generator or `Sequence`; see `fit`.

        Args:
            samples_per_epoch: samples of an epoch, instead of `steps_per_epoch`.
            validation_samples: samples to validate on, instead of `validation_steps`.
        """
        warn_once("`fit_generator` is called `fit` now.", stacklevel=2)
        generator, steps_per_epoch = _batches(generator, steps_per_epoch, samples_per_epoch)
        if validation_samples is not None and not isinstance(validation_data, (tuple, list)):
            validation_data, validation_steps = _counted(validation_data, validation_samples)
        _with_queue(generator, workers, use_multiprocessing, max_queue_size)
        return self.fit(
            generator,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_data=validation_data,
            validation_steps=validation_steps,
            validation_freq=validation_freq,
            class_weight=class_weight or None,
            shuffle=shuffle and isinstance(generator, PyDataset),
            initial_epoch=initial_epoch,
        )

    def evaluate_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
        samples=None,
    ):
        """Loss and metrics on the batches of a generator or `Sequence`; see `evaluate`."""
        warn_once("`evaluate_generator` is called `evaluate` now.", stacklevel=2)
        generator, steps = _batches(generator, steps, samples)
        _with_queue(generator, workers, use_multiprocessing, max_queue_size)
        return self.evaluate(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_generator(
        self,
        generator,
        steps=None,
        callbacks=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
        verbose=0,
        samples=None,
    ):
        """The outputs for the batches of a generator or `Sequence`; see `predict`."""
        warn_once("`predict_generator` is called `predict` now.", stacklevel=2)
        generator, steps = _batches(generator, steps, samples)
        _with_queue(generator, workers, use_multiprocessing, max_queue_size)
        return self.predict(generator, steps=steps, callbacks=callbacks, verbose=verbose)

    def predict_classes(self, x, batch_size=32, verbose=0):
        """The class number of each row: the largest output, or whether the one output is over
        0.5."""
        probabilities = self.predict(x, batch_size=batch_size, verbose=verbose)
        if probabilities.shape[-1] > 1:
            return probabilities.argmax(axis=-1)
        return (probabilities > 0.5).astype("int32")

    def predict_proba(self, x, batch_size=32, verbose=0):
        """The same as `predict`."""
        return self.predict(x, batch_size=batch_size, verbose=verbose)

    def reset_states(self):
        """Starts the states of stateful layers anew."""
        for layer in self._flatten_layers(include_self=False):
            if getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
                layer.reset_state()

    def to_yaml(self, **kwargs):
        """The configuration of the model as YAML; without PyYAML as JSON, which is YAML too."""
        text = self.to_json()
        try:
            yaml = import_optional("yaml", "`to_yaml`")
        except ImportError:
            return json.dumps(json.loads(text), indent=2)
        return yaml.dump(json.loads(text), **kwargs)

    def get_weight_paths(self):
        """The weights by their paths."""
        return {v.path: v for v in self.weights}

    def save_spec(self, dynamic_batch=True):
        """Arguments and keyword arguments of a call, as symbolic tensors; None for a model without
        a graph."""
        if self._function is None:
            return None
        return (_alone(self.inputs),), {}

    def run_internal_graph(self, inputs, masks=None):
        """The outputs for inputs, with their masks and shapes."""
        outputs = tree.flatten(self(_alone(list(inputs))))
        masks = [getattr(x, "_keras_mask", None) for x in outputs]
        return outputs, masks, [tuple(x.shape) for x in outputs]

    def add_loss(self, losses, inputs=None):
        """Adds to what training minimises: scalars, or the mean of tensors of the graph."""
        for loss in tree.flatten(losses):
            if isinstance(loss, KerasTensor):
                extras_of(self).add_loss(loss)
            else:
                Layer.add_loss(self, loss)

    def save_weights_to_hdf5_group(self, f):
        """Writes the weights to an HDF5 file or group, layer by layer."""
        save_weights_to_hdf5_group(f, self.layers)

    def load_weights_from_hdf5_group(self, f):
        """Reads the weights from an HDF5 file or group, layer by layer."""
        load_weights_from_hdf5_group(f, self.layers)

    def load_weights_from_hdf5_group_by_name(self, f):
        """Reads the weights of the layers whose names are in an HDF5 file or group."""
        load_weights_from_hdf5_group_by_name(f, self.layers)

    @OldAttribute
    def state_updates(self):
        """Changes are made as they come up, so there are none to be made."""
        return []

    @OldAttribute
    def uses_learning_phase(self):
        """Whether a layer behaves differently in training."""
        return any(
            "training" in inspect.signature(layer.call).parameters
            for layer in self._flatten_layers(include_self=False)
        )

    @OldAttribute
    def stateful(self):
        """Whether a layer's states go on from batch to batch."""
        return any(getattr(x, "stateful", False) for x in self._flatten_layers(include_self=False))

    @OldAttribute
    def distribute_strategy(self):
        """None: one process trains."""
        return None

    @OldAttribute
    def distribute_reduction_method(self):
        """How predictions of several devices are joined."""
        return "auto"

    @OldAttribute
    def autotune_steps_per_execution(self):
        """Whether `steps_per_execution` is tuned: it is not."""
        return False


class SequentialOfKeras1:
    """Members of a `Sequential`."""

    @OldAttribute
    def model(self):
        """The model itself."""
        return self

    @OldAttribute
    def flattened_layers(self):
        """The layers, with those of models among them."""
        return [x for x in self._flatten_layers(include_self=False) if not x._layers]

    @OldAttribute
    def training_data(self):
        """None: data is not kept."""
        return None

    @OldAttribute
    def validation_data(self):
        """None: data is not kept."""
        return None


# ---------------------------------------------------------------- metrics and optimizers


class MetricOfKeras2:
    """Members of a metric, which was a layer."""

    def reset_states(self):
        """Keras 2's name of `reset_state`."""
        return self.reset_state()

    def merge_state(self, metrics):
        """Adds the states of metrics of the same kind."""
        for metric in metrics:
            for mine, other in zip(self.variables, metric.variables, strict=True):
                mine.assign_add(other)

    def get_weights(self):
        """Copies of the variables, as NumPy arrays."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights):
        """Sets the variables."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def count_params(self):
        """Number of values in the variables."""
        return sum(v.numel() for v in self.variables)

    def call(self, *args, **kwargs):
        """The same as calling the metric."""
        return self(*args, **kwargs)

    def build(self, input_shape=None):
        """Metrics need no building."""

    def compute_mask(self, inputs, mask=None):
        """No mask."""
        return None

    def compute_output_shape(self, input_shape):
        """The result is a scalar."""
        return ()

    def add_loss(self, losses, inputs=None):
        """Adds to `losses`; scalars, or functions that give them.

        Args:
            inputs: changes nothing; all runs at once.
        """
        self.__dict__.setdefault("_added_losses", []).extend(tree.flatten(losses))

    def add_metric(self, value, name=None):
        """Adds a value to the metric of that name among `metrics`: its mean."""
        found = self.__dict__.setdefault("_added_metrics", {})
        if name not in found:
            found[name] = Mean(name=name)
        found[name].update_state(as_tensor(value))

    def get_build_config(self):
        """What `build_from_config` needs: nothing."""
        return {}

    def build_from_config(self, config):
        """Builds the metric."""
        self.build(config.get("input_shape"))

    def save_own_variables(self, store):
        """Puts the variables into a dict, by their numbers."""
        for number, variable in enumerate(self.variables):
            store[str(number)] = variable.numpy()

    def load_own_variables(self, store):
        """Sets the variables from a dict that `save_own_variables` filled.

        Raises:
            ValueError: not as many as the metric has.
        """
        if len(store.keys()) != len(self.variables):
            raise ValueError(
                f"Metric '{self.name}' expected {len(self.variables)} variables. "
                f"Received: {len(store.keys())} saved ones"
            )
        for number, variable in enumerate(self.variables):
            variable.assign(np.asarray(store[str(number)]))

    @OldAttribute
    def losses(self):
        """What `add_loss` was given."""
        added = self.__dict__.get("_added_losses", [])
        return [loss() if callable(loss) else loss for loss in added]

    @OldAttribute
    def metrics(self):
        """What `add_metric` made."""
        return list(self.__dict__.get("_added_metrics", {}).values())

    @OldAttribute
    def input(self):
        """Not there: a metric is no part of a graph."""
        raise AttributeError(f"The metric {self.name} has never been called on a symbolic input.")

    @OldAttribute
    def output(self):
        """Not there: a metric is no part of a graph."""
        raise AttributeError(f"The metric {self.name} has never been called on a symbolic input.")

    dtype_policy = OldAttribute(lambda self: self._dtype_policy)
    weights = OldAttribute(lambda self: self.variables)
    trainable_weights = OldAttribute(lambda self: [])
    trainable_variables = OldAttribute(lambda self: [])
    non_trainable_weights = OldAttribute(lambda self: self.variables)
    non_trainable_variables = OldAttribute(lambda self: self.variables)
    trainable = OldAttribute(lambda self: False)
    built = OldAttribute(lambda self: True)
    compute_dtype = OldAttribute(lambda self: self.dtype)
    variable_dtype = OldAttribute(lambda self: self.dtype)
    supports_masking = OldAttribute(lambda self: False)
    input_spec = OldAttribute(lambda self: None)
    activity_regularizer = OldAttribute(lambda self: None)


class ScoreOfKeras2:
    """Members of metrics that are built for the shapes of a batch."""

    def build(self, y_true_shape, y_pred_shape):
        """Makes the variables."""
        if not self._built:
            self._build(tuple(y_true_shape), tuple(y_pred_shape))


class RegularizerOfKeras1:
    """Members of a regularizer."""

    def set_param(self, _):
        """Does nothing, as since Keras 1.2; a regularizer is called on its weight."""
        warn_once("`set_param` of a regularizer has no effect any more.", stacklevel=2)

    def set_layer(self, _):
        """Does nothing, as since Keras 1.2; a regularizer is called on its layer's outputs."""
        warn_once("`set_layer` of a regularizer has no effect any more.", stacklevel=2)


class UpdateOfOptimizer:
    """One step of an optimizer on a symbolic loss, to be made by `keras.backend.function`."""

    def __init__(self, optimizer, loss, params):
        self.optimizer = optimizer
        self.params = params
        self.needs = [loss]

    def apply(self, loss):
        """Makes the step."""
        loss = loss.sum() if loss.ndim else loss
        gradients = torch.autograd.grad(loss, self.params, allow_unused=True)
        self.optimizer.apply(list(gradients), self.params)


class OptimizerOfKeras2:
    """Members of an optimizer."""

    def get_updates(self, loss=None, params=None, *older, constraints=None):
        """One step on a loss: for `keras.backend.function` where the loss is symbolic, at once
        where it is not. Keras 1 wrote `get_updates(params, constraints, loss)`."""
        if older:
            loss, params, constraints = older[0], loss, params
        elif isinstance(loss, (list, tuple)) and params is not None:
            loss, params = params, loss
        for v, constraint in (constraints or {}).items():
            v.constraint = constraint
        params = [v for v in params if isinstance(v, Variable)]
        step = UpdateOfOptimizer(self, loss, params)
        if isinstance(loss, KerasTensor):
            return [step]
        step.apply(live_value(loss))
        return []

    def get_gradients(self, loss, params):
        """The gradients of a loss."""
        return backend.gradients(loss, params)

    def get_weights(self):
        """Copies of the variables, as NumPy arrays."""
        return [v.numpy() for v in self.variables]

    def set_weights(self, weights):
        """Sets the variables."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(np.asarray(value))

    weights = OldAttribute(lambda self: self.variables)

    def aggregate_gradients(self, grads_and_vars):
        """The gradients themselves: one process trains."""
        return grads_and_vars


def _scale_of(optimizer):
    return optimizer._scale.get() if optimizer.built else optimizer.initial_scale


class ScalingOfKeras2:
    """Members of `LossScaleOptimizer`, for training loops of one's own: the next step after
    `get_unscaled_gradients` takes gradients as that gives them."""

    def get_scaled_loss(self, loss):
        """The loss, or the function that gives it, times the current scale."""
        if callable(loss):
            return lambda: self.scale_loss(loss())
        return self.scale_loss(loss)

    def get_unscaled_gradients(self, grads):
        """Gradients of a scaled loss divided by the scale; None stays."""
        self.__dict__["_is_unscaled"] = True
        scale = _scale_of(self)
        return [None if grad is None else grad / scale for grad in grads]

    @OldAttribute
    def loss_scale(self):
        """The current scale, as a tensor."""
        return torch.tensor(_scale_of(self), dtype=torch.float32)

    @OldAttribute
    def dynamic(self):
        """Whether the scale changes: it does."""
        return True

    @OldAttribute
    def dynamic_counter(self):
        """Number of steps since the scale last changed."""
        return self.step_counter if self.built else torch.zeros((), dtype=torch.int32)


class CallbackListOfKeras2:
    """Members of a list of callbacks."""

    def make_logs(self, model, logs, outputs, mode, prefix=""):
        """Logs with the values of a batch: under the names of the metrics in mode "train" and
        "test", else as "outputs"."""
        if not self.callbacks:
            return logs
        names = model.metrics_names
        if mode in ("train", "test") and names:
            logs.update({prefix + name: value for name, value in zip(names, outputs, strict=False)})
        else:
            logs["outputs"] = outputs
        return logs


# ---------------------------------------------------------------- doors of optimizers and metrics


def _scaled_apply_door(apply):
    def of_unscaled(self, grads, trainable_variables=None):
        if self.__dict__.pop("_is_unscaled", False):
            # `apply` divides by the scale itself.
            scale = _scale_of(self)
            grads = [None if grad is None else grad * scale for grad in grads]
        return apply(self, grads, trainable_variables)

    return of_unscaled


def _apply_gradients_door(apply_gradients):
    """What Keras 2 was told besides changes nothing: operations have no names, and the gradients
    of several processes are joined before."""

    def with_name(
        self,
        grads_and_vars,
        name=None,
        skip_gradients_aggregation=False,
        experimental_aggregate_gradients=True,
    ):
        return apply_gradients(self, grads_and_vars)

    return with_name


def _reference_door(add_variable_from_reference):
    def named_of_old(
        self,
        reference_variable=None,
        name=None,
        initializer="zeros",
        *,
        model_variable=None,
        variable_name=None,
        shape=None,
        initial_value=None,
    ):
        reference = model_variable if reference_variable is None else reference_variable
        name = variable_name if name is None else name
        if shape is None and initial_value is None:
            return add_variable_from_reference(self, reference, name, initializer)
        if initial_value is None:
            initial_value = torch.zeros(tuple(shape), dtype=reference.dtype)
        value = as_tensor(initial_value).to(reference.device, reference.dtype)
        return self._add_like(reference, name, value.clone())

    return named_of_old


def _metric_door(init):
    def as_layer(self, *args, activity_regularizer=None, trainable=True, **kwargs):
        for name in ("autocast", "input_dim", "input_shape"):
            # A metric casts by its dtype and has no shape of inputs.
            kwargs.pop(name, None)
        init(self, *args, **kwargs)
        if activity_regularizer is not None or trainable is not True:
            self.trainable, self.activity_regularizer = trainable, activity_regularizer

    return as_layer


def _mask_door(compute_mask):
    def with_mask(self, inputs=None, previous_mask=None, *, mask=None, input=None, input_mask=None):
        given = [m for m in (previous_mask, mask, input_mask) if m is not None]
        inputs = input if inputs is None else inputs
        return compute_mask(self, inputs, given[0] if given else None)

    return with_mask


def _policy_door(from_config):
    def with_objects(cls, config, custom_objects=None):
        with CustomObjectScope(custom_objects or {}):
            return from_config.__func__(cls, config)

    return classmethod(with_objects)


def _cached_door(from_config):
    def with_cache(cls, config, custom_objects=None, layer_cache=None):
        if layer_cache is None:
            return from_config.__func__(cls, config, custom_objects)
        layers_of = config if isinstance(config, list) else config["layers"]
        with CustomObjectScope(custom_objects or {}):
            return cls([_cached(part, layer_cache) for part in layers_of])

    return classmethod(with_cache)


def _cached(config, cache):
    """The layer of that name in a cache, into which it is put when it is not there yet."""
    name = config["config"]["name"]
    if name not in cache:
        cache[name] = layers.deserialize(config)
    return cache[name]


# ---------------------------------------------------------------- the doors of training


def _fit_door(fit):
    def with_queue(
        self,
        x=None,
        y=None,
        *args,
        workers=1,
        use_multiprocessing=False,
        max_queue_size=10,
        **kwargs,
    ):
        if (workers, use_multiprocessing, max_queue_size) != (1, False, 10):
            _with_queue(x, workers, use_multiprocessing, max_queue_size)
        if y is None and self.__dict__.get("_target_tensors") is not None:
            y = self._target_tensors
        return fit(self, x, y, *args, **kwargs)

    return with_queue


def _predict_door(predict):
    def with_queue(
        self, x, *args, workers=1, use_multiprocessing=False, max_queue_size=10, **kwargs
    ):
        if (workers, use_multiprocessing, max_queue_size) != (1, False, 10):
            _with_queue(x, workers, use_multiprocessing, max_queue_size)
        return predict(self, x, *args, **kwargs)

    return with_queue


def _compile_door(compile):
    def with_targets(self, *args, sample_weight_mode=None, target_tensors=None, **kwargs):
        if sample_weight_mode not in (None, "temporal") and isinstance(sample_weight_mode, str):
            raise ValueError(
                "Weights are given for samples (None) or for steps of samples ('temporal'). "
                f"Received: sample_weight_mode={sample_weight_mode!r}"
            )
        known = tree.flatten(target_tensors) if target_tensors is not None else []
        concrete = bool(known) and not any(isinstance(t, KerasTensor) for t in known)
        self.__dict__["_target_tensors"] = target_tensors if concrete else None
        # Strings that stand for a list: metrics='accuracy'.
        if isinstance(kwargs.get("metrics"), str):
            kwargs["metrics"] = [kwargs["metrics"]]
        return compile(self, *args, **kwargs)

    return with_targets


def _weights_door(save_weights):
    def with_format(self, filepath, overwrite=True, *args, save_format=None, **kwargs):
        return save_weights(self, filepath, overwrite, *args, **kwargs)

    return with_format


def _add_weight_door(add_weight):
    def name_first(self, *args, aggregation=None, synchronization=None, **kwargs):
        if args and isinstance(args[0], str):
            kwargs["name"], args = args[0], args[1:]
        return add_weight(self, *args, **kwargs)

    return name_first


MODEL_ENDS = Rule("Model", "input=inputs output=outputs")


def _named_ends(kwargs):
    """The keyword arguments of `Model(input=..., output=...)` in their names of today."""
    return MODEL_ENDS.modern((), kwargs, [])[1]


DOORS = (
    (Trainer, "fit", _fit_door),
    (Trainer, "evaluate", _fit_door),
    (Trainer, "predict", _predict_door),
    (Trainer, "compile", _compile_door),
    (Model, "save_weights", _weights_door),
    (Metric, "add_weight", _add_weight_door),
    (Metric, "__init__", _metric_door),
    (Layer, "compute_mask", _mask_door),
    (Optimizer, "apply_gradients", _apply_gradients_door),
    (Optimizer, "add_variable_from_reference", _reference_door),
    (LossScaleOptimizer, "apply", _scaled_apply_door),
    (dtype_policies.DTypePolicy, "from_config", _policy_door),
    (Sequential, "from_config", _cached_door),
)
SOURCES = (
    (LayerOfKeras2, Layer),
    (ModelOfKeras2, Model),
    (SequentialOfKeras1, Sequential),
    (MetricOfKeras2, Metric),
    (OptimizerOfKeras2, Optimizer),
    (ScoreOfKeras2, FBetaScore),
    (ScoreOfKeras2, R2Score),
    (ScalingOfKeras2, LossScaleOptimizer),
    (RegularizerOfKeras1, Regularizer),
    (CallbackListOfKeras2, CallbackList),
)
# Members that today's classes have for the message that they are gone.
REPLACED = {"add_loss", "add_metric"}


def install() -> None:
    """Gives the members to the classes of today; those have precedence."""
    open_doors(DOORS)
    for sequential in (layers.RNN, layers.SimpleRNN, layers.LSTM, layers.GRU, layers.Conv1D):
        sequential._has_steps = True
    Model._with_new_names = staticmethod(_named_ends)
    give_members(SOURCES)


def open_doors(doors) -> None:
    """Puts wrappers around methods: rows of a class, a name, and a function that makes one."""
    for owner, name, door in doors:
        function = inspect.getattr_static(owner, name)
        made = door(function)
        inner, outer = getattr(function, "__func__", function), getattr(made, "__func__", made)
        outer.__wrapped__ = inner
        outer.__name__, outer.__qualname__ = inner.__name__, inner.__qualname__
        outer.__doc__, outer.__module__ = inner.__doc__, inner.__module__
        setattr(owner, name, made)


def give_members(sources) -> None:
    """Gives the members of classes to others, for each pair, where those lack them."""
    for source, target in sources:
        for name, member in vars(source).items():
            if name.startswith("__"):
                continue
            found = inspect.getattr_static(target, name, None)
            if found is None or name in REPLACED or _is_old(found):
                setattr(target, name, member)


def _is_old(member) -> bool:
    """Whether a member is one of those given here, for all classes of a kind."""
    module = getattr(member, "__module__", None) or ""
    return isinstance(member, OldAttribute) or module.startswith(_PACKAGE)
