"""What layers, models, metrics and optimizers of Keras 1 and 2 had besides what they have today.

The classes here are sources: `install` gives their members to the classes of today that lack them.
"""

import inspect
import itertools
import json
import math
import types

import numpy as np
import torch

from torchkeras import _symbolic, dtype_policies, layers, tree
from torchkeras._data.dataset import PyDataset
from torchkeras._errors import import_optional, warn_once
from torchkeras._serialize import CustomObjectScope
from torchkeras._symbolic import KerasTensor
from torchkeras._training.trainer import Trainer
from torchkeras.callbacks import Callback, CallbackList, LambdaCallback
from torchkeras.layers import Layer
from torchkeras.layers._spec import check_inputs
from torchkeras.legacy._door import Rule
from torchkeras.legacy._file_utils import (
    load_weights_from_hdf5_group,
    load_weights_from_hdf5_group_by_name,
    save_weights_to_hdf5_group,
)
from torchkeras.legacy._updates import OptimizerOfKeras2
from torchkeras.metrics import FBetaScore, Mean, Metric, R2Score
from torchkeras.models import Model, Sequential
from torchkeras.models._function import Function
from torchkeras.models._graph import adopt_graph, set_function
from torchkeras.models._live import _names_in, _referred, extras_of
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


def _inputs_of(node):
    """What a call was given; what an `InputLayer` stands for is its input too."""
    return node.output_tensors if node.is_input else node.input_tensors


def _shapes_in(node):
    return _alone([x.shape for x in _inputs_of(node)])


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
        return _masks_of(_inputs_of(_node(self, 0, "input mask")))

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
        return _alone(_inputs_of(_node(self, node_index, "input")))

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
        return _masks_of(_inputs_of(_node(self, node_index, "input mask")))

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
        warn_once("`fit_generator` is called `fit` now.")
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
        warn_once("`evaluate_generator` is called `evaluate` now.")
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
        warn_once("`predict_generator` is called `predict` now.")
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

    def _make_train_function(self):
        """Makes what trains a batch; scripts with threads of their own called it beforehand."""
        self.make_train_function()

    def _make_test_function(self):
        """Makes what evaluates a batch."""
        self.make_test_function()

    def _make_predict_function(self):
        """Makes what predicts a batch."""
        self.make_predict_function()

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


class InputLayerOfKeras2:
    """Members of an `InputLayer`."""

    @OldAttribute
    def input(self):
        """The symbolic tensor that the layer stands for."""
        return self.output


def _end_at(model, outputs) -> None:
    """Makes a model end at other tensors of its graph: `model.outputs = [model.layers[-2].output]`.
    A `Sequential` forgets the layers behind them."""
    graph, outputs = model._graph("outputs"), tree.flatten(outputs)
    if [id(x) for x in outputs] == [id(x) for x in graph.outputs]:
        return
    if isinstance(model, Sequential):
        set_function(model, Function(graph._inputs_struct, outputs[0], name=model.name))
        needed = {id(operation) for operation in model._function.operations}
        model._stack[:] = [layer for layer in model._stack if id(layer) in needed]
        model._register()
    else:
        adopt_graph(model, graph._inputs_struct, _alone(outputs))


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
        warn_once("`set_param` of a regularizer has no effect any more.")

    def set_layer(self, _):
        """Does nothing, as since Keras 1.2; a regularizer is called on its layer's outputs."""
        warn_once("`set_layer` of a regularizer has no effect any more.")


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
        if x is not None and kwargs.get("callbacks"):
            _show_validation_data(x, y, **kwargs)
            rows = getattr(next(iter(tree.flatten(x)), None), "shape", None) or (None,)
            self.__dict__["_samples"] = rows[0]
        return fit(self, x, y, *args, **kwargs)

    return with_queue


def _show_validation_data(
    x, y, callbacks, validation_data=None, validation_split=0.0, sample_weight=None, **_
) -> None:
    """Gives callbacks what they validate on, as Keras 2 did: `[*inputs, *targets, *weights]`."""
    parts = None
    if isinstance(validation_data, (tuple, list)) and len(validation_data) in (2, 3):
        parts = tuple(validation_data)
    elif validation_split and all(hasattr(a, "shape") for a in tree.flatten((x, y))):
        first = int(len(tree.flatten(x)[0]) * (1 - validation_split))
        weights = () if sample_weight is None else (sample_weight,)
        parts = tree.map_structure(lambda a: a[first:], (x, y, *weights))
    if parts is None:
        return
    data = [tree.flatten(part) for part in parts]
    if len(data) == 2:
        data.append([np.ones(len(a), "float32") for a in data[1]])
    for callback in tree.flatten(callbacks):
        callback.__dict__["validation_data"] = [a for part in data for a in part]


# What `params` of a callback had besides.
_OLDER_PARAMS = {
    "nb_epoch": lambda callback: callback.params["epochs"],
    "samples": lambda callback: callback.model.__dict__.get("_samples"),
    "nb_sample": lambda callback: callback.model.__dict__.get("_samples"),
    "metrics": lambda callback: [
        *callback.model.metrics_names,
        *(f"val_{name}" for name in callback.model.metrics_names),
    ],
}


class ParamsOfKeras2(dict):
    """The `params` of a callback, which knows older entries when it is asked for them."""

    def __init__(self, params, callback):
        super().__init__(params)
        self._callback = callback

    def __missing__(self, key):
        if key not in _OLDER_PARAMS:
            raise KeyError(key)
        return _OLDER_PARAMS[key](self._callback)

    def get(self, key, default=None):
        """The entry, or a default where there is none."""
        if key in self or key not in _OLDER_PARAMS:
            return super().get(key, default)
        return self[key] if isinstance(self._callback.model, Trainer) else default


def _params_door(set_params):
    def with_older(self, params):
        set_params(self, ParamsOfKeras2(params, self))

    return with_older


def _hooks_door(init):
    def of_any_names(self, *args, **kwargs):
        init(self, *args, **kwargs)
        for name, hook in vars(self).items():
            if "batch" in name and isinstance(hook, types.FunctionType):
                vars(self)[name] = _by_place(hook)

    return of_any_names


def _by_place(hook):
    """A function of a batch and its logs that may call them what it likes."""
    parameters = inspect.signature(hook).parameters
    if "logs" in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return hook
    return lambda batch, logs=None: hook(batch, logs)


class CallbackOfKeras2:
    """Members of a callback."""

    @OldAttribute
    def validation_data(self):
        """What training validates on, `[*inputs, *targets, *weights]`, where that is arrays."""
        return None


def _predict_door(predict):
    def with_queue(
        self, x, *args, workers=1, use_multiprocessing=False, max_queue_size=10, **kwargs
    ):
        if (workers, use_multiprocessing, max_queue_size) != (1, False, 10):
            _with_queue(x, workers, use_multiprocessing, max_queue_size)
        return predict(self, x, *args, **kwargs)

    return with_queue


def _takes_gradients(function, depth=3) -> bool:
    """Whether a script's function, or one that it refers to, calls `K.gradients`."""
    if not isinstance(function, types.FunctionType):
        return False
    if "gradients" in set(_names_in(function.__code__)):
        return True
    return depth > 0 and any(_takes_gradients(x, depth - 1) for x in _referred(function))


def _recording_door(without_gradients):
    def where_possible(self, step):
        """Nothing is recorded, but in a model whose layers ask for gradients."""
        for layer in self._flatten_layers(include_self=False):
            if isinstance(layer, layers.Lambda) and _takes_gradients(layer.function):
                return torch.enable_grad()
        return without_gradients(self, step)

    return where_possible


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
        if len(args) > 2 and _in_order_of_keras2(args[2:]):
            names = ("optimizer", "loss", "metrics", "loss_weights")
            args, kwargs = (), {**dict(zip(names, args, strict=False)), **kwargs}
        # Strings that stand for a list: metrics='accuracy'.
        if isinstance(kwargs.get("metrics"), str):
            kwargs["metrics"] = [kwargs["metrics"]]
        return compile(self, *args, **kwargs)

    return with_targets


def _in_order_of_keras2(behind) -> bool:
    """Whether the arguments behind the loss are metrics and loss weights, not the other way."""
    metrics, weights = (*behind, None)[:2]
    is_number = [isinstance(x, (int, float)) for x in tree.flatten(metrics)]
    of_weights = [isinstance(x, (int, float)) for x in tree.flatten(weights)]
    return len(behind) < 3 and not any(is_number) and (metrics is not None or any(of_weights))


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
    (Trainer, "_without_gradients", _recording_door),
    (Model, "save_weights", _weights_door),
    (Callback, "set_params", _params_door),
    (LambdaCallback, "__init__", _hooks_door),
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
    (InputLayerOfKeras2, layers.InputLayer),
    (MetricOfKeras2, Metric),
    (OptimizerOfKeras2, Optimizer),
    (ScoreOfKeras2, FBetaScore),
    (ScoreOfKeras2, R2Score),
    (ScalingOfKeras2, LossScaleOptimizer),
    (RegularizerOfKeras1, Regularizer),
    (CallbackListOfKeras2, CallbackList),
    (CallbackOfKeras2, Callback),
)
# Members that today's classes have with less to them: a message that they are gone, or no value.
REPLACED = {"add_loss", "add_metric", "input"}


def install() -> None:
    """Gives the members to the classes of today; those have precedence."""
    open_doors(DOORS)
    for sequential in (layers.RNN, layers.SimpleRNN, layers.LSTM, layers.GRU, layers.Conv1D):
        sequential._has_steps = True
    Model._with_new_names = staticmethod(_named_ends)
    give_members(SOURCES)
    for owner in (Model, Sequential):
        owner.outputs = vars(owner)["outputs"].setter(_end_at)


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
