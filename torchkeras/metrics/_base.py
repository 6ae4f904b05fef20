"""`Metric`: state that is updated batch by batch, and a result computed from it."""

import contextlib
from types import FunctionType

import torch
from torch import Tensor

from torchkeras import _naming, config, dtype_policies, initializers
from torchkeras._scopes import seen_by
from torchkeras._serialize import Configurable, serialize_keras_object
from torchkeras._variable import Variable
from torchkeras.losses import _functions as loss_functions
from torchkeras.losses._base import apply_mask, divide_no_nan, match_ranks
from torchkeras.ops._core import as_tensor

__all__ = ["Mean", "MeanMetricWrapper", "Metric", "Sum"]


class Metric(Configurable):
    """Collects statistics in variables; subclasses implement `update_state` and `result`.

    Variables are made with `add_variable` (or `add_weight`); metrics in attributes are parts of
    this one. The metrics of this package move their variables to the device of the values.

    Args:
        dtype: dtype or policy of the state and the result; None is `floatx`.
    """

    # Whether a larger or a smaller result is better, "up" or "down", for callbacks that watch it.
    _direction = None

    def __init__(self, dtype=None, name=None):
        self.name = name or _naming.auto_name(type(self).__name__)
        self._dtype_policy = dtype_policies.get(dtype or config.floatx())
        self._torch_dtype = getattr(torch, self.dtype)
        self._variables = []

    @property
    def dtype(self):
        return self._dtype_policy.compute_dtype

    @property
    def variables(self):
        """Its own variables in the order they were made, then those of metrics in attributes."""
        self._check_super_called()
        found = list(self._variables)
        for value in vars(self).values():
            parts = value if isinstance(value, (list, tuple)) else (value,)
            for part in parts:
                if isinstance(part, Metric):
                    found.extend(part.variables)
                elif isinstance(part, Variable) and not any(part is known for known in found):
                    found.append(part)
        return found

    def add_variable(self, shape, initializer, dtype=None, aggregation="sum", name=None):
        """Makes a variable of the state."""
        self._check_super_called()
        # Inference mode may be on where a metric makes its state with the first batch.
        with (
            torch.inference_mode(False),
            _naming.name_scope(self.name.replace("/", ">"), caller=self),
        ):
            variable = Variable(
                initializers.get("zeros" if initializer is None else initializer),
                shape=tuple(shape),
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                synchronization="on_read",
                name=name,
            )
        self._variables.append(variable)
        return variable

    def add_weight(self, shape=(), initializer=None, dtype=None, name=None):
        """The same as `add_variable`."""
        return self.add_variable(shape=shape, initializer=initializer, dtype=dtype, name=name)

    def update_state(self, *args, **kwargs):
        """Adds a batch to the state."""
        raise NotImplementedError(
            f"A Metric must implement `update_state`. Received: class={type(self).__name__}"
        )

    def result(self):
        """The value that the state stands for now."""
        raise NotImplementedError(
            f"A Metric must implement `result`. Received: class={type(self).__name__}"
        )

    def reset_state(self):
        """Sets the state back to zero."""
        with torch.no_grad():
            for variable in self.variables:
                variable.zero_()

    def __call__(self, *args, **kwargs):
        self._check_super_called()
        self.update_state(*args, **kwargs)
        return self.result()

    def stateless_update_state(self, metric_variables, *args, **kwargs):
        """The variables after an update that starts from `metric_variables`; the metric stays."""
        with self._borrowed_state(metric_variables):
            self.update_state(*args, **kwargs)
            return [variable.detach() for variable in self.variables]

    def stateless_result(self, metric_variables):
        """The result of a state given as a list of values."""
        with self._borrowed_state(metric_variables):
            return self.result()

    def stateless_reset_state(self):
        """The variables after a reset; the metric itself stays."""
        with self._borrowed_state(self.variables):
            self.reset_state()
            return [variable.detach() for variable in self.variables]

    @contextlib.contextmanager
    def _borrowed_state(self, values):
        """Inside, the variables hold copies of `values`; afterwards what they held before."""
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                "Argument `metric_variables` must be a list of tensors corresponding 1:1 to "
                f"{type(self).__name__}().variables. Received list with length {len(values)}, "
                f"but expected {len(variables)} variables."
            )
        kept = [variable.data for variable in variables]
        try:
            for variable, value in zip(variables, values):
                value = as_tensor(value, variable.dtype, variable.device).detach()
                variable.data = value.expand(variable.shape).clone()
            yield
        finally:
            for variable, data in zip(variables, kept):
                variable.data = data

    def _follow(self, values: Tensor):
        """Moves the state to the device of the values."""
        for variable in self._variables:
            if variable.device != values.device:
                variable.data = variable.data.to(values.device)

    def _check_super_called(self):
        if "_variables" not in vars(self):
            raise RuntimeError(
                "You forgot to call `super().__init__()` in the `__init__()` method. Go add it!"
            )

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}>"


# ------------------------------------------------------------------ sums and means
def samplewise(values: Tensor, sample_weight, dtype: torch.dtype, reduce):
    """One value and weight per sample: `reduce(tensor, axes)` takes the axes after the first."""
    mask = getattr(values, "_keras_mask", None)
    values = values.detach().to(dtype)
    if sample_weight is not None:
        weight = as_tensor(sample_weight, dtype, values.device).to(values.device)
        weight = apply_mask(weight, mask, dtype, "sum")
        values, weight = match_ranks(values, weight)
        axes = weight.ndim
        if values.ndim > axes:
            values = reduce(values, tuple(range(axes, values.ndim)))
        sample_weight = weight.broadcast_to(values.shape)
        values = values * sample_weight
        if axes > 1:
            sample_weight = reduce(sample_weight, tuple(range(1, axes)))
    if values.ndim > 1:
        values = reduce(values, tuple(range(1, values.ndim)))
    return values, sample_weight


class Sum(Metric):
    """Sum of all values, times their weights."""

    def __init__(self, name="sum", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")

    def update_state(self, values, sample_weight=None):
        values = as_tensor(values)
        self._follow(values)
        values, _ = samplewise(values, sample_weight, self._torch_dtype, torch.sum)
        self.total.add_(values.sum())

    def result(self):
        return self.total.detach().clone()


class Mean(Metric):
    """Weighted mean of all values: sum of `value * weight` by sum of weights.

    Values of rank two and more are averaged per sample first.
    """

    def __init__(self, name="mean", dtype=None):
        super().__init__(name=name, dtype=dtype)
        self.total = self.add_variable((), "zeros", dtype=self.dtype, name="total")
        self.count = self.add_variable((), "zeros", dtype=self.dtype, name="count")
        # Adding a multiple of a tensor is faster than adding a number, which is made one first.
        self._one = torch.ones_like(self.count.detach())

    def update_state(self, values, sample_weight=None):
        if type(values) is not Tensor:
            values = as_tensor(values)
        if self.total.device != values.device:
            self._follow(values)
            self._one = torch.ones_like(self.count.detach())
        if sample_weight is None:
            self._add_unweighted(values.detach())
        elif values.ndim == 0 and type(sample_weight) in (int, float):
            self.total.add_(values.detach(), alpha=sample_weight)
            self.count.add_(self._one, alpha=sample_weight)
        else:
            values, weight = samplewise(values, sample_weight, self._torch_dtype, torch.mean)
            self.total.add_(values.sum())
            self.count.add_(weight.sum())

    def _add_unweighted(self, values: Tensor):
        if values.ndim == 0:
            self.total.add_(values)
            self.count.add_(self._one)
            return
        samples = values.shape[0]
        total = values.sum(dtype=self._torch_dtype)
        if values.ndim > 1 and samples:
            total = total / max(values.numel() // samples, 1)
        self.total.add_(total)
        self.count.add_(self._one, alpha=samples)

    def result(self):
        return divide_no_nan(self.total.detach(), self.count.detach())


class MeanMetricWrapper(Mean):
    """Weighted mean of `fn(y_true, y_pred, **kwargs)`, which gives one value per sample."""

    # Parameters of `fn` that Keras leaves out of the config; here they are in it where they are not
    # the default, so that nothing is lost.
    _unlisted = {}

    def __init__(self, fn, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype)
        self._fn = fn
        self._fn_kwargs = kwargs
        if isinstance(fn, FunctionType) and vars(loss_functions).get(fn.__name__) is fn:
            self._direction = "down"

    def update_state(self, y_true, y_pred, sample_weight=None):
        mask = getattr(y_pred, "_keras_mask", None)
        if mask is not None:
            if sample_weight is not None:
                sample_weight = as_tensor(sample_weight, device=mask.device)
            sample_weight = apply_mask(sample_weight, mask, self._torch_dtype, "sum")
        super().update_state(self._values(y_true, y_pred), sample_weight)

    def _values(self, y_true, y_pred):
        with torch.no_grad():
            return self._fn(*seen_by(self._fn, y_true, y_pred), **self._fn_kwargs)

    def get_config(self):
        if type(self) is MeanMetricWrapper:
            arguments = {"name": self.name, "dtype": self.dtype, "fn": self._fn}
            return serialize_keras_object(arguments | self._fn_kwargs)
        return {
            key: value
            for key, value in super().get_config().items()
            if key not in self._unlisted or value != self._unlisted[key]
        }
