"""`Trainer`: compile, fit, evaluate, predict and the steps they are made of; `Model` inherits
it."""

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from torchkeras import _symbolic, config, optimizers, tree
from torchkeras._data import make_source, train_validation_split, unpack_x_y_sample_weight
from torchkeras._errors import received, warn, without_frames_of
from torchkeras._scopes import call_context, for_script, recording
from torchkeras._training.capture import CapturedStep, can_capture
from torchkeras._training.compile import CompileLoss, CompileMetrics
from torchkeras._training.loop import Logs, OutputCollector, phase, run_epoch, to_numpy
from torchkeras._training.torch_parts import TorchOptimizer, as_torch_optimizer
from torchkeras._variable import revision
from torchkeras.callbacks import CallbackList
from torchkeras.callbacks._base import plain_logs
from torchkeras.metrics import Mean
from torchkeras.optimizers import LossScaleOptimizer

__all__ = ["Trainer"]

_PACKAGE = str(Path(__file__).parents[1]) + os.sep
_PARTS_OF_STEP = ("train_step", "compute_loss", "compute_metrics")


def without_own_frames(method):
    """Takes the package's own frames out of the traceback of an error that leaves the method.

    What a user wrote, and what torch did, stays. `config.disable_traceback_filtering()` keeps all.
    """

    @functools.wraps(method)
    def call(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            if config.is_traceback_filtering_enabled():
                without_frames_of(error, _PACKAGE)
            raise

    return call


class Trainer:
    """What makes a layer trainable: the loop and its overridable steps."""

    optimizer = None
    compiled = False
    stop_training = False
    stop_evaluating = False
    stop_predicting = False
    train_function = None
    test_function = None
    predict_function = None
    steps_per_execution = 1
    _run_eagerly = False
    _jit_compile = False
    _jit_options = {}
    _compile_config = None
    _compile_loss = None
    _compile_metrics = None
    # As it was given to `compile`.
    loss = None
    _loss_tracker = None
    _trained_at = None
    _trained_when_compiled = ()
    # Filled by `models._live`: makes a scope in which symbolic tensors stand for values, for the
    # losses and metrics that need one.
    _watch = None
    _live_scope = None

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ):
        """Says how to train.

        Args:
            optimizer: an optimizer or its name; or a `torch.optim.Optimizer`, a class of one, a
                function of the parameters that makes one, or a pair of it and a
                `torch.optim.lr_scheduler`.
            loss: a loss, its name, a function `(y_true, y_pred)`, a loss of `torch.nn`, or a list
                or dict of them by output.
            loss_weights: a factor for each output's loss, list or dict.
            metrics: list of metrics (torchmetrics too), their names or functions; by output a list
                of lists or a dict.
            weighted_metrics: the same, measured with sample weights.
            run_eagerly: never use `torch.compile`.
            steps_per_execution: batches between two calls of the batch hooks.
            jit_compile: True to run the model through `torch.compile`, or a dict of arguments for
                it (`{"mode": "max-autotune"}`); "auto" does not. On a GPU, it and several steps per
                execution also let training steps be played back from CUDA graphs.
            auto_scale_loss: whether training in float16 scales the loss.

        Raises:
            ValueError: an unknown name, or an argument of the wrong kind.
        """
        if not isinstance(steps_per_execution, int) or steps_per_execution < 1:
            raise ValueError(
                f"Argument `steps_per_execution` must be a positive integer. "
                f"{received(steps_per_execution=steps_per_execution)}"
            )
        given = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
            "run_eagerly": run_eagerly,
            "steps_per_execution": steps_per_execution,
            "jit_compile": jit_compile,
        }
        optimizer = _optimizer(optimizer)
        if (
            auto_scale_loss
            and self.dtype_policy.name == "mixed_float16"
            and isinstance(optimizer, (optimizers.Optimizer, TorchOptimizer))
            and not isinstance(optimizer, LossScaleOptimizer)
        ):
            optimizer = LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        names = getattr(self, "output_names", None)
        compile_loss = None
        if loss is not None:
            compile_loss = CompileLoss(loss, loss_weights, output_names=names)
        compile_metrics = None
        if metrics is not None or weighted_metrics is not None:
            compile_metrics = CompileMetrics(metrics, weighted_metrics, output_names=names)
        # Past `__setattr__`: metrics that are attributes are the user's own.
        self.__dict__.update(
            loss=loss,
            _compile_loss=compile_loss,
            _compile_metrics=compile_metrics,
            _loss_tracker=Mean(name="loss"),
            _compile_config=given,
            _trained_at=None,
            _live_scope=self._watch and self._watch(self, loss, metrics, weighted_metrics),
            _trained_when_compiled=self.trainable_weights if self.built else [],
        )
        self.optimizer = optimizer
        self.run_eagerly = run_eagerly
        self.steps_per_execution = steps_per_execution
        self.jit_compile = jit_compile
        self.stop_training = False
        self.train_function = self.test_function = self.predict_function = None
        self.compiled = True

    @property
    def run_eagerly(self):
        return self._run_eagerly

    @run_eagerly.setter
    def run_eagerly(self, value):
        self.__dict__["_run_eagerly"] = bool(value)

    @property
    def jit_compile(self):
        """Whether the model runs through `torch.compile`; set to a dict, with these arguments."""
        return self._jit_compile

    @jit_compile.setter
    def jit_compile(self, value):
        if not isinstance(value, dict) and value not in (True, False, None, "auto"):
            raise ValueError(
                "Argument `jit_compile` must be a boolean, 'auto', or a dict of arguments of "
                f"`torch.compile`. {received(jit_compile=value)}"
            )
        asked = value is True or isinstance(value, dict)
        if asked and self.run_eagerly:
            warn(
                "If `run_eagerly` is True, then `jit_compile` cannot also be True. Disabling "
                "`jit_compile`."
            )
        self.__dict__["_jit_compile"] = asked and not self.run_eagerly
        self.__dict__["_jit_options"] = dict(value) if isinstance(value, dict) else {}
        self.__dict__.update(train_function=None, test_function=None, predict_function=None)
        if self._jit_compile:
            nn.Module.compile(self, **self._jit_options)
        else:
            self.__dict__["_compiled_call_impl"] = None

    @property
    def metrics(self):
        """The loss tracker, metrics that are attributes, those of the layers, and those of
        `compile`."""
        found = [self._loss_tracker] if self.compiled else []
        if self._compile_loss is not None:
            found.extend(self._compile_loss.metrics)
        found.extend(self._metrics)
        for layer in self._flatten_layers(include_self=False):
            found.extend(layer._metrics)
        if self._compile_metrics is not None:
            found.append(self._compile_metrics)
        return list({id(m): m for m in found}.values())

    @property
    def metrics_names(self):
        """The names of the values that `evaluate` returns, in their order."""
        names = []
        for metric in self.metrics:
            rows = metric.rows if isinstance(metric, CompileMetrics) else None
            names.extend([metric.name] if rows is None else [name for _, name, _, _ in rows])
        return names

    def reset_metrics(self):
        """Forgets what the metrics have seen."""
        for metric in self.metrics:
            metric.reset_state()

    def get_metrics_result(self):
        """The current values of the metrics by name, as tensors; a metric whose result is a dict
        adds its keys."""
        results = {}
        for metric in self.metrics:
            value = metric.result()
            if isinstance(value, dict):
                results.update(value)
            else:
                results[metric.name] = value
        return results

    # ---- steps, to be overridden -----------------------------------------------------------------

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The scalar to minimise: the compiled loss and what layers added.

        Raises:
            ValueError: there is neither.
        """
        loss = None
        if self._compile_loss is not None:
            loss = self._with_values(x, self._compile_loss, y, y_pred, sample_weight)
        for extra in self._added_losses():
            if not extra.is_floating_point():
                extra = extra.to(torch.get_default_dtype())
            extra = extra.sum() if extra.ndim else extra
            loss = extra if loss is None else loss + extra
        if loss is None:
            raise ValueError("No loss to compute. Provide a `loss` argument in `compile()`.")
        return loss

    def compiled_loss(self, y_true, y_pred, sample_weight=None, regularization_losses=None):
        """What `train_step`s of Keras 2 call: the compiled loss, with the given losses of layers
        added. The mean that `metrics` shows as "loss" goes on."""
        loss = self._compile_loss(y_true, y_pred, sample_weight)
        loss = sum(regularization_losses or (), start=loss)
        self._loss_tracker.update_state(loss.detach(), sample_weight=_rows(y_pred))
        return loss

    @property
    def compiled_metrics(self):
        """The metrics of `compile` as one, which `train_step`s of Keras 2 update."""
        return CompileMetrics([], []) if self._compile_metrics is None else self._compile_metrics

    def _with_values(self, x, function, *args):
        """`function(*args)`, where symbolic tensors stand for their values on `x` if it needs
        them."""
        if self._live_scope is None:
            return function(*args)
        return self._live_scope.run(x, function, *args)

    def _added_losses(self) -> list[Tensor]:
        """`losses`, not asked for where there can be none."""
        self._trained()
        are_added = call_context.losses != self._losses_seen
        return self.losses if are_added or self._is_regularized else []

    def stateless_compute_loss(
        self,
        trainable_variables,
        non_trainable_variables,
        metrics_variables,
        x=None,
        y=None,
        y_pred=None,
        sample_weight=None,
        training=True,
    ):
        """`compute_loss` for given values of the variables; returns the loss and the values
        unchanged otherwise."""
        from_variables = [
            *zip(self.trainable_variables, trainable_variables, strict=True),
            *zip(self.non_trainable_variables, non_trainable_variables, strict=True),
            *zip(self.metrics_variables, metrics_variables, strict=True),
        ]
        with self._stateless_scope(from_variables) as scope:
            loss = self.compute_loss(x, y, y_pred, sample_weight=sample_weight, training=training)
        values = [
            [scope.get_current_value(v) for v in group]
            for group in (
                self.trainable_variables,
                self.non_trainable_variables,
                self.metrics_variables,
            )
        ]
        return loss, tuple(values)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Updates the compiled metrics and returns the values of all metrics by name."""
        if self._compile_metrics is not None:
            self._with_values(x, self._compile_metrics.update_state, y, y_pred, sample_weight)
        return Logs(self.get_metrics_result)

    def train_step(self, data):
        """One step of training on a batch; returns what to log, by name."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred, loss = self._forward(x, y, sample_weight)
        self._descend(loss)
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def _forward(self, x, y, sample_weight) -> tuple:
        """Outputs and loss in training; the loss is added up."""
        y_pred = self._outputs(x, training=True)
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True
        )
        self._loss_tracker.update_state(loss.detach(), sample_weight=_rows(x))
        return y_pred, loss

    def test_step(self, data):
        """One step of evaluation on a batch; returns what to log, by name."""
        x, y, sample_weight = unpack_x_y_sample_weight(data)
        y_pred = self._outputs(x, training=False)
        loss = self.compute_loss(
            x=x, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False
        )
        self._loss_tracker.update_state(loss, sample_weight=_rows(x))
        return self.compute_metrics(x, y, y_pred, sample_weight=sample_weight)

    def predict_step(self, data):
        """The outputs for a batch."""
        x, _, _ = unpack_x_y_sample_weight(data)
        return self._outputs(x, training=False)

    def _outputs(self, x, training: bool):
        context = call_context
        if context.loop is not training and self._call_signature.takes_training:
            return self(x, training=training)
        # Where torch's modules are in this phase, Keras's layers know it without being told.
        before, context.training = context.training, training
        try:
            return self(x)
        finally:
            context.training = before

    def _descend(self, loss: Tensor) -> None:
        """Gradients of the loss, and the optimizer's step."""
        weights = self._trained()
        if not weights:
            warn("The model does not have any trainable weights.")
            return
        optimizer = self.optimizer
        if isinstance(optimizer, torch.optim.Optimizer):
            # Set past `compile`.
            optimizer = self.optimizer = TorchOptimizer(optimizer)
        scaled = loss if optimizer is None else optimizer.scale_loss(loss)
        optimizer.apply(self._backward(scaled, weights), weights)
        for weight in weights:
            weight.grad = None

    @staticmethod
    def _backward(loss: Tensor, weights: list[Tensor]) -> list[Tensor | None]:
        """The gradients of a loss, which are the weights' `grad` too."""
        for weight in weights:
            weight.grad = None
        loss.backward()
        return [weight.grad for weight in weights]

    def _trained(self) -> list:
        """The weights that training changes, looked up anew when a weight or a `trainable` has
        changed.

        Where nothing of what `compile` found trainable is so any more, the model trains on that
        all the same: so the two halves of a GAN are compiled.
        """
        if self._trained_at != revision.count:
            trained = self.trainable_weights
            thawed = self._trained_when_compiled
            if not {id(v) for v in trained}.isdisjoint({id(v) for v in thawed}):
                thawed = []
            self.__dict__.update(
                _trained_now=thawed or trained,
                _thawed=thawed,
                _trained_when_compiled=self._trained_when_compiled or trained,
                _is_regularized=any(v.regularizer is not None for v in trained),
                _trained_at=revision.count,
            )
            self._take_own_optimizer({id(v) for v in self._trained_now})
        return self._trained_now

    def _take_own_optimizer(self, trained: set[int]) -> None:
        """A new optimizer like the one given, where that has become another model's: scripts of
        Keras 2 compile both halves of a GAN with one."""
        known = getattr(self.optimizer, "_trainable_variables", None)
        if known and trained and trained.isdisjoint({id(v) for v in known}):
            self.optimizer = type(self.optimizer).from_config(self.optimizer.get_config())

    @contextlib.contextmanager
    def _training(self) -> Iterator[None]:
        """The phase of training, with what `compile` found trainable free to be trained."""
        self._trained()
        thawed = self._thawed
        for weight in thawed:
            weight.requires_grad_(True)
        try:
            with recording(), phase(self, True):
                yield
        finally:
            for weight in thawed:
                weight.requires_grad_(False)

    # ---- loops -----------------------------------------------------------------------------------

    @without_own_frames
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
    ):
        """Trains for a number of epochs and returns a `History`.

        Args:
            x, y, sample_weight: arrays, tensors, frames, nests of them, or in `x` alone anything
                that gives batches.
            batch_size: rows of a batch, 32 where None and the data comes in no batches.
            epochs: the epoch to stop at.
            verbose: 0 silent, 1 progress bar, 2 a line per epoch, "auto" 1.
            validation_split: fraction of the rows, taken from the end, to validate on.
            validation_data: `(x, y)`, `(x, y, sample_weight)` or batches to validate on.
            class_weight: dict from class number to weight.
            initial_epoch: the epoch to start from.
            validation_freq: epochs between two validations, or the epochs to validate after.

        Raises:
            ValueError: not compiled, or data that does not fit.
        """
        self._assert_compiled("fit")
        if validation_split and validation_data is None:
            (x, y, sample_weight), validation_data = train_validation_split(
                (x, y, sample_weight), validation_split=validation_split
            )
        source = make_source(
            x,
            y,
            sample_weight,
            batch_size=batch_size,
            steps=_limited(steps_per_epoch),
            shuffle=shuffle,
            class_weight=class_weight,
            device=self._device(),
        )
        self._build_from_batch(source)
        if isinstance(self.optimizer, TorchOptimizer):
            self.optimizer.build(self._trained())
        epochs = epochs if config.max_epochs() is None else min(epochs, config.max_epochs())
        callbacks = self._callbacks(
            callbacks, add_history=True, verbose=verbose, epochs=epochs, steps=source.num_batches
        )
        validate = self._validator(
            validation_data, validation_batch_size or batch_size, validation_steps
        )
        self.stop_training = False
        step = self.make_train_function()
        logs = {}
        # `BackupAndRestore` sets these where it goes on with a run that was cut off.
        self.__dict__.update(_initial_epoch=initial_epoch, _initial_batch=0)
        callbacks.on_train_begin()
        for _ in range(initial_epoch, self._initial_epoch):
            source.skip_epoch()
        for epoch in range(self._initial_epoch, epochs):
            self.reset_metrics()
            callbacks.on_epoch_begin(epoch)
            source.on_epoch_begin()
            with self._training():
                results = run_epoch(
                    step,
                    source.batches(),
                    _hooks(callbacks, "train"),
                    lambda: self.stop_training,
                    self.steps_per_execution,
                    first=self._initial_batch,
                )
            source.on_epoch_end()
            if results is None:
                break
            self.__dict__["_initial_batch"] = 0
            # Read before validation starts the metrics anew.
            logs = Logs(plain_logs(self._final(results)))
            if validate is not None and _is_due(epoch, validation_freq):
                logs.update({f"val_{name}": value for name, value in validate(callbacks).items()})
            if isinstance(self.optimizer, TorchOptimizer):
                self.optimizer.end_epoch(logs)
            callbacks.on_epoch_end(epoch, logs)
            if self.stop_training:
                break
        if isinstance(self.optimizer, optimizers.Optimizer) and epochs > 0:
            self.optimizer.finalize_variable_values(self.trainable_weights)
        callbacks.on_train_end(logs)
        return self.history

    @without_own_frames
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose="auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ):
        """Loss and metrics on data: a list in the order of `metrics_names` (or a scalar), or a
        dict."""
        self._assert_compiled("evaluate")
        source = kwargs.pop("_source", None)
        if kwargs:
            raise ValueError(f"Arguments not recognized: {kwargs}")
        if source is None:
            source = make_source(
                x,
                y,
                sample_weight,
                batch_size=batch_size,
                steps=_limited(steps),
                device=self._device(),
            )
        self._build_from_batch(source)
        callbacks = self._callbacks(callbacks, verbose=verbose, epochs=1, steps=source.num_batches)
        step = self.make_test_function()
        self.stop_evaluating = False
        callbacks.on_test_begin()
        self.reset_metrics()
        source.on_epoch_begin()
        with self._without_gradients("test_step"), phase(self, False):
            results = run_epoch(
                step,
                source.batches(),
                _hooks(callbacks, "test"),
                lambda: self.stop_evaluating,
                self.steps_per_execution,
            )
            logs = plain_logs(self._final(results))
        source.on_epoch_end()
        callbacks.on_test_end(Logs(logs))
        return logs if return_dict else self._in_order(logs)

    @without_own_frames
    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """The outputs for data, batch by batch, as NumPy arrays."""
        source = make_source(x, batch_size=batch_size, steps=_limited(steps), device=self._device())
        callbacks = self._callbacks(callbacks, verbose=verbose, epochs=1, steps=source.num_batches)
        step = self.make_predict_function()
        collector = OutputCollector(source.size if steps is None else None)
        begin, end = _hooks(callbacks, "predict")

        def collect(data):
            outputs = step(data)
            collector.add(outputs)
            return outputs

        tell = None if end is None else lambda number, logs: end(number, {"outputs": logs._results})
        self.stop_predicting = False
        callbacks.on_predict_begin()
        source.on_epoch_begin()
        with self._without_gradients("predict_step"), phase(self, False):
            run_epoch(
                collect,
                source.batches(),
                (begin, tell),
                lambda: self.stop_predicting,
                self.steps_per_execution,
            )
        source.on_epoch_end()
        callbacks.on_predict_end()
        return collector.result()

    @without_own_frames
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """One training step on one batch; the loss and metrics of that batch.

        Raises:
            ValueError: not compiled, or both kinds of weights.
        """
        self._assert_compiled("train_on_batch")
        if class_weight is not None and sample_weight is not None:
            raise ValueError(
                "Arguments `sample_weight` and `class_weight` cannot be specified at the same "
                "time. "
                f"Received: sample_weight={sample_weight}, class_weight={class_weight}"
            )
        data = self._one_batch(x, y, sample_weight, class_weight)
        step = self.make_train_function()
        self.reset_metrics()
        with self._training():
            logs = plain_logs(step(data))
        return logs if return_dict else self._in_order(logs)

    @without_own_frames
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Loss and metrics of one batch."""
        self._assert_compiled("test_on_batch")
        data = self._one_batch(x, y, sample_weight)
        step = self.make_test_function()
        self.reset_metrics()
        with self._without_gradients("test_step"), phase(self, False):
            logs = plain_logs(step(data))
        return logs if return_dict else self._in_order(logs)

    @without_own_frames
    def predict_on_batch(self, x):
        """The outputs for one batch, as NumPy arrays."""
        data = self._one_batch(x)
        with self._without_gradients("predict_step"), phase(self, False):
            return tree.map_structure(to_numpy, self.make_predict_function()(data))

    def make_train_function(self, force=False):
        """The function that the loop calls with each batch; kept in `train_function`."""
        if self.train_function is None or force:
            own_step = all(
                getattr(getattr(self, name), "__func__", None) is getattr(Trainer, name)
                for name in _PARTS_OF_STEP
            )
            captured = can_capture(self, self._device(), own_step)
            step = for_script(self.train_step)
            self.train_function = CapturedStep(self) if captured else step
        return self.train_function

    def make_test_function(self, force=False):
        """The function that `evaluate` calls with each batch; kept in `test_function`."""
        if self.test_function is None or force:
            self.test_function = for_script(self.test_step)
        return self.test_function

    def make_predict_function(self, force=False):
        """The function that `predict` calls with each batch; kept in `predict_function`."""
        if self.predict_function is None or force:
            self.predict_function = for_script(self.predict_step)
        return self.predict_function

    # ---- parts of the loops ----------------------------------------------------------------------

    def _assert_compiled(self, method: str) -> None:
        if not self.compiled:
            raise ValueError(f"You must call `compile()` before calling `{method}()`.")

    def _callbacks(self, callbacks, verbose, epochs, steps, add_history=False) -> CallbackList:
        if isinstance(callbacks, CallbackList):
            return callbacks
        return CallbackList(
            callbacks,
            add_history=add_history,
            add_progbar=verbose != 0,
            model=self,
            verbose=verbose,
            epochs=epochs,
            steps=steps,
        )

    def _without_gradients(self, step: str):
        """No gradients for our own steps; a step that a user wrote may still switch them on."""
        is_ours = getattr(type(self), step) is getattr(Trainer, step)
        return torch.inference_mode() if is_ours and self._is_plain_call() else torch.no_grad()

    def _is_plain_call(self) -> bool:
        return not self._jit_compile

    def _validator(self, data, batch_size, steps):
        """A function of the callbacks that evaluates on the validation data, or None without
        any."""
        if data is None:
            return None
        x, y, sample_weight = (
            unpack_x_y_sample_weight(data)
            if isinstance(data, (tuple, list))
            else (data, None, None)
        )
        source = make_source(
            x, y, sample_weight, batch_size=batch_size, steps=_limited(steps), device=self._device()
        )
        return lambda callbacks: self.evaluate(
            _source=source, callbacks=callbacks, return_dict=True
        )

    def _final(self, results) -> dict:
        """What an epoch ends with: the metrics' results where the step logs them, else what the
        step gave last."""
        if results is None:
            raise ValueError("The data gave no batch. Make sure that it is not empty.")
        own = self.get_metrics_result()
        return own if set(results) == set(own) else results

    def _in_order(self, logs: dict):
        """The values of `logs` as `evaluate` returns them: in the order of the metrics; one alone
        as a scalar."""
        names = self.metrics_names
        values = [logs[name] for name in names if name in logs]
        values += [logs[name] for name in sorted(logs) if name not in names]
        return values[0] if len(values) == 1 else values

    def _one_batch(self, x, y=None, sample_weight=None, class_weight=None):
        source = make_source(
            x,
            y,
            sample_weight,
            batch_size=_rows_of(x),
            class_weight=class_weight,
            device=self._device(),
        )
        data = next(iter(source.batches()))
        if not self.built:
            self._symbolic_build(data)
        return data

    def _build_from_batch(self, source) -> None:
        if not self.built:
            self._symbolic_build(source.peek())

    def _symbolic_build(self, data) -> None:
        """Builds the model for batches like `data`, by running it on tensors without values."""
        if getattr(self.call, "is_missing", False):
            return  # a model whose `train_step` calls other models
        if type(self).train_step is not Trainer.train_step and all(
            layer.built for layer in self._flatten_layers(include_self=False)
        ):
            return  # nothing to build for a step that need not call the model with `x`
        x, _, _ = unpack_x_y_sample_weight(data)
        self._build_by_running(tree.map_structure(_symbolic_like, x))


def _symbolic_like(x):
    # Arrays that are no tensors hold strings.
    dtype = str(x.dtype).removeprefix("torch.") if isinstance(x, Tensor) else "string"
    return _symbolic.KerasTensor(tuple(x.shape), dtype)


def _hooks(callbacks: CallbackList, name: str) -> tuple:
    """The two batch hooks of a phase, None where nobody listens."""
    begin = (
        getattr(callbacks, f"on_{name}_batch_begin")
        if callbacks.batch_hooks[f"{name}_begin"]
        else None
    )
    end = (
        getattr(callbacks, f"on_{name}_batch_end") if callbacks.batch_hooks[f"{name}_end"] else None
    )
    return begin, end


def _limited(steps: int | None) -> int | None:
    most = config.max_steps_per_epoch()
    return steps if most is None else min(steps or most, most)


def _is_due(epoch: int, frequency) -> bool:
    """Whether validation follows this epoch (counted from 0)."""
    if isinstance(frequency, int):
        return (epoch + 1) % frequency == 0
    return epoch + 1 in frequency


def _rows(x) -> int:
    if type(x) is Tensor:
        return x.shape[0]
    return next(leaf.shape[0] for leaf in tree.flatten(x) if leaf is not None)


def _rows_of(x) -> int:
    leaf = next((leaf for leaf in tree.flatten(x) if leaf is not None), None)
    return len(leaf) if hasattr(leaf, "__len__") else len(x)


def _optimizer(given):
    try:
        found = optimizers.get(given)
    except ValueError:
        found = as_torch_optimizer(given)
        if found is None:
            raise
    if found is None or isinstance(found, optimizers.Optimizer):
        return found
    return as_torch_optimizer(found) or found()
