"""The optimizer base: everything that is not the update rule itself."""

import functools
import inspect
import operator
import re
import struct
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, _naming, _scopes, _serialize, initializers
from torchkeras._errors import warn, warn_once
from torchkeras._serialize import Configurable
from torchkeras._variable import Variable
from torchkeras.optimizers.schedules import Formula, LearningRateSchedule

__all__ = ["Optimizer"]

# Arguments of Keras 2 that change no number.
_WITHOUT_EFFECT = ("is_legacy_optimizer", "jit_compile")
# More sets of variables than this come from gradients that are missing at random.
_MOST_PLANS = 64
_SINGLE = struct.Struct("f")
_FUSED_DEVICES = ("cpu", "cuda")

# Classes by name for configs of Keras 2 that ask for a rule as it was; `legacy` fills it.
old_rules = {}


class HostScalar:
    """A scalar variable on the CPU whose number is read and written without a torch call.

    The number is in the memory of the variable, so that both always agree.
    """

    __slots__ = ("_memory", "variable")

    def __init__(self, number, dtype, name: str | None = None):
        with _scopes.device("cpu"):
            variable = Variable(
                number, dtype=dtype, trainable=False, name=name, aggregation="only_first_replica"
            )
        self.__setstate__(variable)

    def get(self) -> int | float:
        """The number as the variable's dtype holds it."""
        return self._memory[0]

    def set(self, number: int | float) -> None:
        self._memory[0] = number

    def __getstate__(self):
        return self.variable

    def __setstate__(self, variable):
        self.variable = variable
        self._memory = memoryview(variable.detach().numpy().reshape(1))


class Group:
    """Variables of one device and dtype that one call of `update` serves, with their slots.

    `params` and the slots are plain tensors on the memory of the variables, which torch's kernels
    take in faster. `positions` are the places of the variables in the plan, None if they are the
    whole of it. `decays` holds pairs of an attribute of the optimizer and the parameters whose
    weight decay it is.

    With `reorder` all tensors have their axes in the order of memory, since the fused kernels on
    the CPU copy what is not contiguous.
    """

    __slots__ = ("_turns", "decays", "params", "positions", "state")

    def __init__(self, params, positions, decays, slots, reorder):
        first = params[0]
        turns = [_turn(param) if reorder else None for param in params]
        self._turns = None if turns == [None] * len(params) else turns
        self.params = self.in_order(params)
        self.positions = positions
        self.decays = decays
        self.state = SimpleNamespace(
            **{name: self.in_order(slot) for name, slot in slots.items()},
            step=0,
            weight_decay=0.0,
            dtype=first.dtype,
            device=first.device,
            fused=first.device.type in _FUSED_DEVICES
            and first.is_floating_point()
            and all(map(_is_dense, params)),
        )

    def in_order(self, tensors: list[Tensor | None]) -> list[Tensor | None]:
        """One tensor per parameter, its axes in the order that the parameter's are in."""
        if self._turns is None:
            return tensors
        return [
            tensor if turn is None or tensor is None else turn(tensor)
            for tensor, turn in zip(tensors, self._turns)
        ]


class Plan:
    """How to update a list of variables; kept as long as their memory stays where it is."""

    __slots__ = ("groups", "layouts", "overwritten", "pointers", "variables")

    def __init__(self, variables, groups):
        self.variables = variables
        self.groups = groups
        self.layouts = [(variable.dtype, variable.stride()) for variable in variables]
        self.pointers = [variable.data_ptr() for variable in variables]
        self.overwritten = any(map(takes_gradient_as_value, variables))

    def is_current(self) -> bool:
        """False after the model was moved to another device, dtype or memory layout.

        The groups keep the old memory alive, so that new memory cannot be at the same address.
        """
        return [variable.data_ptr() for variable in self.variables] == self.pointers

    def fit(self, grads) -> list[Tensor] | None:
        """Gradients with the dtype and strides of their variables, as fused kernels need them.

        None if one of them is None.
        """
        fitted = []
        for place, (grad, (dtype, stride)) in enumerate(zip(grads, self.layouts)):
            if grad is None:
                return None
            if (
                not isinstance(grad, Tensor)
                or grad.layout is not torch.strided
                or grad.dtype is not dtype
                or grad.stride() != stride
            ):
                grad = _like_variable(grad, self.variables[place])
            fitted.append(grad)
        return fitted


def with_shared_arguments(init):
    """Shows the base's arguments in the place of `*shared` in the signature of a constructor."""
    own = list(inspect.signature(init).parameters.values())
    taken = {parameter.name for parameter in own}
    parameters = []
    for parameter in own:
        if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            shared = inspect.signature(Optimizer.__init__).parameters.values()
            parameters += [other for other in shared if other.name not in taken]
        else:
            parameters.append(parameter)
    init.__signature__ = inspect.Signature(parameters)
    return init


class Optimizer(Configurable):
    """Base of all optimizers.

    A subclass either defines `slots` and `update`, which changes many variables at once, or, as in
    Keras, `build` and `update_step`, which changes one.

    Args:
        learning_rate: a float, a `LearningRateSchedule`, or a callable without arguments.
        weight_decay: share of a variable, times the learning rate, taken off it before each step.
        clipnorm: upper bound of the norm of each gradient.
        clipvalue: upper bound of the absolute value of each element of the gradients.
        global_clipnorm: upper bound of the norm of all gradients together.
        use_ema: keep a moving average of the variables, with `ema_momentum`; the variables take its
            value every `ema_overwrite_frequency` steps and in `finalize_variable_values`.
        loss_scale_factor: what `scale_loss` multiplies the loss with and the gradients are divided
            by.
        gradient_accumulation_steps: number of calls whose mean gradient makes one step.

    Raises:
        ValueError: an argument is out of its range or not known.
    """

    elementwise = True
    fuses_weight_decay = False

    def __init__(
        self,
        learning_rate,
        weight_decay=None,
        clipnorm=None,
        clipvalue=None,
        global_clipnorm=None,
        use_ema=False,
        ema_momentum=0.99,
        ema_overwrite_frequency=None,
        loss_scale_factor=None,
        gradient_accumulation_steps=None,
        name=None,
        **kwargs,
    ):
        self._variables = []
        learning_rate, self.decay = _old_arguments(learning_rate, kwargs)
        if kwargs:
            raise ValueError(f"Argument(s) not recognized: {kwargs}")
        if gradient_accumulation_steps and not gradient_accumulation_steps >= 2:
            raise ValueError(
                "`gradient_accumulation_steps` must be an integer >= 2. "
                f"Received: gradient_accumulation_steps={gradient_accumulation_steps}"
            )
        if use_ema:
            _check_average(ema_momentum, ema_overwrite_frequency)
        if sum(limit is not None for limit in (clipnorm, clipvalue, global_clipnorm)) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can be set. "
                f"Received: clipnorm={clipnorm}, clipvalue={clipvalue}, "
                f"global_clipnorm={global_clipnorm}"
            )
        self.name = name or _naming.auto_name(type(self).__name__)
        self.weight_decay = weight_decay
        self.clipnorm = clipnorm
        self.clipvalue = clipvalue
        self.global_clipnorm = global_clipnorm
        self.use_ema = use_ema
        self.ema_momentum = ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self.built = False
        object.__setattr__(self, "_trainable_variables", [])
        self._positions = {}
        self._slots = {}
        self._plans = {}
        self._averages = []
        self._accumulators = []
        self._undecayed = set()
        self._undecayed_names = None
        self._steps = self._host_scalar(0, "int32", "iteration")
        self._learning_rate = self._rate_source(learning_rate)

    # What an algorithm defines.

    def slots(self) -> list[tuple[str, ...]]:
        """Names of the state tensors of a variable; those of one tuple are made side by side."""
        return []

    def initial_slot(self, name: str, variable: Tensor) -> Tensor | None:
        """The first value of a slot, or None if this variable does without it."""
        return torch.zeros_like(variable)

    def begin_step(self, step: int) -> None:
        """Called once before the updates of step `step`, which counts from 1."""

    def update(self, params: list[Tensor], grads: list[Tensor], state, lr: float) -> None:
        """Changes `params` and their slots in place.

        All tensors are on one device and of one dtype, and those of a parameter have its strides.
        Unless the class says that it is not `elementwise`, their axes may be permuted. `state` has
        a list of tensors per slot name, `step` (from 1), `dtype`, `device`, `fused` (whether
        torch's fused kernels can be used) and, in a class that `fuses_weight_decay`, the
        `weight_decay` to take off first.
        """
        raise NotImplementedError(
            f"Optimizer {type(self).__name__} must override `update_step` or `update`."
        )

    def decay_argument(self, variable) -> str:
        """The name of the attribute that holds this variable's weight decay."""
        return "weight_decay"

    def update_step(self, gradient, variable, learning_rate):
        """Changes one variable; a subclass that overrides this is called once per variable."""
        plan = self._plan_for([variable])
        group = plan.groups[0]
        group.state.step = self._steps_taken() + 1
        group.state.weight_decay = 0.0
        grads = group.in_order(plan.fit([gradient]))
        self.update(group.params, grads, group.state, float(learning_rate))

    # Variables.

    def build(self, variables):
        """Makes the state for these model variables; else the first `apply` does it."""
        if self.built:
            return
        variables = list(variables)
        # Set past `__setattr__`, which would track them as the optimizer's own.
        object.__setattr__(self, "_trainable_variables", variables)
        self._positions = {id(variable): i for i, variable in enumerate(variables)}
        if self.use_ema:
            self._averages = self.add_optimizer_variables(variables, "average")
        if self.gradient_accumulation_steps:
            self._accumulators = [
                self.add_variable_from_reference(variable, "gradient_accumulator")
                for variable in variables
            ]
        for names in self.slots():
            self._slots.update({name: [] for name in names})
            for variable in variables:
                for name in names:
                    self._slots[name].append(self._add_slot(name, variable))
        self.built = True

    @property
    def variables(self):
        """The optimizer's state: iteration, learning rate, then the slots."""
        return self._variables[:]

    @property
    def weights(self):
        """The same as `variables`."""
        return self.variables

    @property
    def iterations(self):
        """Number of steps taken; calls that only accumulated gradients do not count."""
        if self.gradient_accumulation_steps:
            return self._steps.variable // self.gradient_accumulation_steps
        return self._steps.variable

    def add_variable(
        self,
        shape,
        initializer="zeros",
        dtype=None,
        aggregation="none",
        layout=None,
        name=None,
    ):
        """Makes a state variable of a given shape."""
        with _naming.name_scope(self.name, caller=self):
            variable = Variable(
                initializers.get(initializer),
                shape=tuple(shape),
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        self._track_variable(variable)
        return variable

    def add_variable_from_reference(self, reference_variable, name=None, initializer="zeros"):
        """Makes a state variable with the shape, dtype, device and strides of a model variable."""
        value = torch.zeros_like(reference_variable)
        if initializer != "zeros":
            dtype = _dtypes.standardize_dtype(value.dtype)
            with _scopes.device(value.device):
                value.copy_(initializers.get(initializer)(tuple(value.shape), dtype=dtype))
        return self._add_like(reference_variable, name, value)

    def add_optimizer_variables(self, trainable_variables, name, initializer="zeros"):
        """Makes a state variable for each model variable.

        A list of names gives a tuple of lists. A variable that its gradient overwrites gets None.
        """
        names = [name] if isinstance(name, str) else list(name)
        several = isinstance(initializer, (list, tuple))
        makers = initializer if several else [initializer] * len(names)
        if len(names) != len(makers):
            raise ValueError(
                "The number of provided names must match the number of provided initializers. "
                f"Received: name={name}, initializer={initializer}"
            )
        made = tuple([] for _ in names)
        for variable in trainable_variables:
            for slot, slot_name, maker in zip(made, names, makers):
                overwritten = takes_gradient_as_value(variable)
                slot.append(
                    None
                    if overwritten
                    else self.add_variable_from_reference(variable, slot_name, maker)
                )
        return made[0] if isinstance(name, str) else made

    def assign(self, variable, value):
        """Sets a model or state variable."""
        with torch.no_grad():
            variable.copy_(torch.as_tensor(value))

    def assign_add(self, variable, value):
        """Adds to a model or state variable."""
        with torch.no_grad():
            variable.add_(_beside(value, variable))

    def assign_sub(self, variable, value):
        """Subtracts from a model or state variable."""
        with torch.no_grad():
            variable.sub_(_beside(value, variable))

    def _add_slot(self, name, variable):
        if takes_gradient_as_value(variable):
            return None
        value = self.initial_slot(name, variable.detach())
        return None if value is None else self._add_like(variable, name, value)

    def _add_like(self, reference, name, value):
        path = getattr(reference, "path", None) or getattr(reference, "name", None) or "parameter"
        name = f"{str(path).replace('/', '_').replace(':', '_')}_{name or 'var'}"
        with _naming.name_scope(self.name, caller=self), _scopes.device(value.device):
            variable = Variable(value, trainable=False, name=name)
        self._track_variable(variable)
        return variable

    def _host_scalar(self, number, dtype, name) -> HostScalar:
        with _naming.name_scope(self.name, caller=self):
            scalar = HostScalar(number, dtype, name)
        self._track_variable(scalar.variable)
        return scalar

    def _track_variable(self, variable):
        if not any(known is variable for known in self._variables):
            self._variables.append(variable)

    def _get_variable_index(self, variable):
        return self._positions[id(variable)]

    def __setattr__(self, name, value):
        for variable in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(variable, Variable):
                if "_variables" not in self.__dict__:
                    raise RuntimeError(
                        f"In optimizer '{type(self).__name__}', you forgot to call "
                        "`super().__init__()` as the first statement in the `__init__()` method."
                    )
                self._track_variable(variable)
        super().__setattr__(name, value)

    def __getstate__(self):
        # Both are keyed by the identity of variables, which a copy does not share.
        return self.__dict__ | {"_plans": {}, "_positions": {}}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._positions = {id(v): i for i, v in enumerate(self._trainable_variables)}

    # The step.

    def apply_gradients(self, grads_and_vars):
        """Takes one step from pairs of gradient and variable, and returns `iterations`."""
        grads, variables = zip(*grads_and_vars)
        self.apply(grads, variables)
        return self._steps.variable

    def apply(self, grads, trainable_variables=None):
        """Takes one step.

        Args:
            grads: a gradient per variable; None leaves the variable as it is.
            trainable_variables: may be left out once the optimizer is built.

        Raises:
            ValueError: all gradients are None, or the optimizer was not built with one of the
                variables.
        """
        if len(grads) == 0:
            return
        variables = self._variables_of(grads, trainable_variables)
        with torch.no_grad():
            plan = self._plan_for(variables)
            fitted = plan.fit(grads)
            if fitted is None:
                grads, variables = _drop_missing(grads, variables)
                plan = self._plan_for(variables)
                fitted = plan.fit(grads)
            if plan.overwritten:
                plan, fitted = self._overwrite_with_gradients(plan, fitted)
            if fitted:
                self._update(fitted, plan)
                for variable in plan.variables:
                    constraint = getattr(variable, "constraint", None)
                    if constraint is not None:
                        variable.copy_(constraint(variable))
            self._steps.set(self._steps.get() + 1)

    def stateless_apply(self, optimizer_variables, grads, trainable_variables):
        """Takes one step from given values and returns the new ones; the variables keep theirs.

        Args:
            optimizer_variables: a tensor per element of `variables`.
            trainable_variables: a tensor per variable that the optimizer was built with.

        Returns:
            The new values of the trainable variables and of the optimizer's.
        """
        if not self.built:
            raise ValueError(
                f"To call `stateless_apply`, {type(self).__name__} must be built (i.e. its "
                "variables must have been created). You can build it via "
                "`optimizer.build(trainable_variables)`."
            )
        own, model = self.variables, self._trainable_variables
        for name, values, expected in (
            ("optimizer_variables", optimizer_variables, own),
            ("trainable_variables", trainable_variables, model),
        ):
            if len(values) != len(expected):
                raise ValueError(
                    f"Argument `{name}` must be a list of tensors corresponding 1:1 to the "
                    f"variables that the optimizer was built with. Expected {len(expected)} "
                    f"tensors. Received: len({name})={len(values)}"
                )
        before = [variable.detach().clone() for variable in (*model, *own)]
        try:
            _assign_all((*model, *own), (*trainable_variables, *optimizer_variables))
            self.apply(grads, model)
            after = [variable.detach().clone() for variable in (*model, *own)]
        finally:
            _assign_all((*model, *own), before)
        return after[: len(model)], after[len(model) :]

    def compute_gradients(self, loss, var_list, tape=None):
        """Pairs of gradient and variable of a loss, or of a callable that returns it."""
        if tape is not None:
            return list(zip(tape.gradient(loss, var_list), var_list))
        with _scopes.recording():
            value = loss() if callable(loss) else loss
        return list(zip(torch.autograd.grad(value, var_list, allow_unused=True), var_list))

    def minimize(self, loss, var_list, tape=None):
        """Takes one step down a loss, or a callable that returns it."""
        return self.apply_gradients(self.compute_gradients(loss, var_list, tape))

    def scale_loss(self, loss):
        """The loss times `loss_scale_factor`."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def finalize_variable_values(self, var_list):
        """Gives the variables the value of their moving average where `use_ema` is set."""
        if not self.use_ema:
            return
        if len(var_list) != len(self._averages):
            raise ValueError(
                "The variables must be those that the optimizer was built with. "
                f"Expected {len(self._averages)} variables. Received: len(var_list)={len(var_list)}"
            )
        _assign_all(var_list, self._averages)

    def _variables_of(self, grads, variables):
        if variables is not None:
            if not self.built:
                with _naming.name_scope(self.name, caller=self):
                    self.build(list(variables))
                self.built = True
            return variables
        if not self.built:
            raise ValueError(
                "When passing `grads` without `variables`, the optimizer must already be built on "
                "a list of variables. Call `optimizer.build(trainable_variables)` first."
            )
        if len(grads) != len(self._trainable_variables):
            raise ValueError(
                "When passing `grads` as a list of gradient tensors, the gradients must match the "
                f"variables one-to-one. The optimizer tracks {len(self._trainable_variables)} "
                f"trainable variables. Received: len(grads)={len(grads)}"
            )
        return self._trainable_variables

    def _plan_for(self, variables) -> Plan:
        key = tuple(map(id, variables))
        plan = self._plans.get(key)
        if plan is None or not plan.is_current():
            if len(self._plans) >= _MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = self._make_plan(list(variables))
        return plan

    def _make_plan(self, variables) -> Plan:
        places = {}
        for place, variable in enumerate(variables):
            if id(variable) not in self._positions:
                raise ValueError(
                    f"Unknown variable: {variable}. This optimizer can only be called for the "
                    "variables it was originally built with. When working with a new set of "
                    "variables, you should recreate a new optimizer instance."
                )
            self._move_slots(variable)
            places.setdefault((variable.device, variable.dtype), []).append(place)
        only = len(places) == 1
        groups = [
            self._make_group([variables[place] for place in group], None if only else group)
            for group in places.values()
        ]
        return Plan(variables, groups)

    def _make_group(self, variables, positions) -> Group:
        params = [variable.detach() for variable in variables]
        decays = {}
        for param, variable in zip(params, variables):
            if self._use_weight_decay(variable):
                decays.setdefault(self.decay_argument(variable), []).append(param)
        slots = {}
        for name, slot in self._slots.items():
            own = [slot[self._positions[id(variable)]] for variable in variables]
            slots[name] = [None if each is None else each.detach() for each in own]
        return Group(params, positions, list(decays.items()), slots, self.elementwise)

    def _move_slots(self, variable):
        """Puts the slots where the variable is, and in its dtype and memory layout."""
        position = self._positions[id(variable)]
        for slot in (*self._slots.values(), self._averages, self._accumulators):
            value = slot[position] if position < len(slot) else None
            if value is None or value.shape != variable.shape:
                continue
            if (value.device, value.dtype, value.stride()) != (
                variable.device,
                variable.dtype,
                variable.stride(),
            ):
                value.data = torch.empty_like(variable).copy_(value).detach()

    def _steps_taken(self) -> int:
        calls = self._steps.get()
        steps = self.gradient_accumulation_steps
        return calls // steps if steps else calls

    def _update(self, grads, plan):
        if self.loss_scale_factor is not None:
            grads = torch._foreach_div(grads, float(self.loss_scale_factor))
        if self.gradient_accumulation_steps:
            grads = self._accumulate(grads, plan)
        if grads is not None:
            self._take_step(self._clip_gradients(grads), plan)
        if self.use_ema:
            self._update_averages()

    def _take_step(self, grads, plan):
        lr = self._current_rate()
        step = self._steps_taken() + 1
        self.begin_step(step)
        one_by_one = _updates_one_by_one(type(self))
        for group in plan.groups:
            group.state.step = step
            self._decay_weights(group, lr, not one_by_one)
            if not one_by_one:
                positions = group.positions
                of_group = grads if positions is None else [grads[place] for place in positions]
                self.update(group.params, group.in_order(of_group), group.state, lr)
        if one_by_one:
            rate = torch.tensor(lr) if self.decay else self.learning_rate
            for grad, variable in zip(grads, plan.variables):
                self.update_step(grad, variable, rate)

    def _decay_weights(self, group, lr, may_fuse):
        state = group.state
        state.weight_decay = 0.0
        for attribute, params in group.decays:
            decay = getattr(self, attribute)
            if decay is None:
                continue
            whole = len(params) == len(group.params)
            if whole and may_fuse and self.fuses_weight_decay and state.fused:
                state.weight_decay = decay
            else:
                torch._foreach_mul_(params, 1 - decay * lr)

    def _clip_gradients(self, grads):
        if self.clipnorm and self.clipnorm > 0:
            norms = torch._foreach_norm(grads)
            torch._foreach_clamp_min_(norms, self.clipnorm)
            return torch._foreach_div(torch._foreach_mul(grads, self.clipnorm), norms)
        if self.global_clipnorm and self.global_clipnorm > 0:
            norms = torch._foreach_norm(grads)
            home = norms[0]
            norm = torch.linalg.vector_norm(torch.stack([each.to(home) for each in norms]))
            limit = self.global_clipnorm
            # An infinite norm makes all gradients NaN, as in Keras, instead of zero.
            scale = limit * (1.0 / norm).clamp(max=1.0 / limit) + (norm - norm)
            return [grad * scale.to(grad) for grad in grads]
        if self.clipvalue and self.clipvalue > 0:
            grads = torch._foreach_clamp_min(grads, -self.clipvalue)
            torch._foreach_clamp_max_(grads, self.clipvalue)
        return grads

    def _accumulate(self, grads, plan):
        """The mean gradients if a step is due, else None."""
        steps = self.gradient_accumulation_steps
        sums = [self._accumulators[self._positions[id(each)]] for each in plan.variables]
        torch._foreach_add_(sums, grads)
        if (self._steps.get() + 1) % steps:
            return None
        grads = torch._foreach_div(sums, steps)
        torch._foreach_zero_(self._accumulators)
        return grads

    def _update_averages(self):
        taken = self._steps_taken()
        pairs = [
            pair for pair in zip(self._averages, self._trainable_variables) if pair[0] is not None
        ]
        averages, variables = (list(column) for column in zip(*pairs))
        momentum = single(self.ema_momentum) if taken else 0.0
        torch._foreach_mul_(averages, momentum)
        torch._foreach_add_(averages, variables, alpha=1 - momentum)
        if self.ema_overwrite_frequency and (taken + 1) % self.ema_overwrite_frequency == 0:
            torch._foreach_copy_(variables, averages)

    def _overwrite_with_gradients(self, plan, grads):
        """Gives variables such as float8 scales the value of their gradient.

        Returns the plan and the gradients of the others.
        """
        kept = []
        steps = self.gradient_accumulation_steps
        for pair in zip(plan.variables, grads):
            variable, grad = pair
            if not takes_gradient_as_value(variable):
                kept.append(pair)
            elif steps:
                greatest = self._accumulators[self._positions[id(variable)]]
                torch.maximum(greatest, grad, out=greatest)
                if (self._steps.get() + 1) % steps == 0:
                    variable.copy_(greatest)
                    greatest.zero_()
            else:
                variable.copy_(grad)
        if not kept:
            return plan, []
        variables, grads = zip(*kept)
        return self._plan_for(variables), list(grads)

    # Learning rate and weight decay.

    @property
    def learning_rate(self):
        """A variable, or what the schedule or the callable gives now. Can be set."""
        source = self._learning_rate
        if isinstance(source, HostScalar):
            return source.variable
        return (
            source(self._steps.variable) if isinstance(source, LearningRateSchedule) else source()
        )

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        source = self._learning_rate
        if callable(learning_rate):
            if isinstance(source, HostScalar):
                self._variables[:] = [v for v in self._variables if v is not source.variable]
            self._learning_rate = learning_rate
        elif isinstance(source, HostScalar):
            if isinstance(learning_rate, Tensor):
                learning_rate = learning_rate.detach()
            source.set(float(learning_rate))
        elif isinstance(source, LearningRateSchedule):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule` object as its "
                "`learning_rate` constructor argument, hence its learning rate is not settable. "
                "If you need the learning rate to be settable, you should instantiate the "
                "optimizer with a float `learning_rate` argument."
            )
        else:
            self._learning_rate = self._rate_source(learning_rate)

    @property
    def lr(self):
        """The same as `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, learning_rate):
        self.learning_rate = learning_rate

    def _rate_source(self, learning_rate):
        if callable(learning_rate):
            return learning_rate
        try:
            number = float(learning_rate) if not isinstance(learning_rate, (str, bool)) else None
        except (TypeError, ValueError, RuntimeError):
            number = None
        if number is None:
            raise ValueError(
                "Argument `learning_rate` should be float, or an instance of "
                "LearningRateSchedule, or a callable (that takes no argument and returns the "
                f"learning rate). Received: learning_rate={learning_rate}"
            )
        double = _dtypes.standardize_dtype(None) == "float64"
        return self._host_scalar(number, "float64" if double else "float32", "learning_rate")

    def _current_rate(self) -> float:
        source = self._learning_rate
        if type(source) is HostScalar:
            rate = source.get()
        elif isinstance(source, Formula) and type(source).__call__ is Formula.__call__:
            rate = source.at(self._steps.get())
        else:
            # On the CPU, so that reading the number does not wait for another device.
            with _scopes.device("cpu"):
                rate = float(self.learning_rate)
        return rate / (1 + self.decay * self._steps.get()) if self.decay else rate

    def exclude_from_weight_decay(self, var_list=None, var_names=None):
        """Leaves variables without weight decay: those listed, and those by name.

        `var_names` are regular expressions that are searched for in the names.
        """
        self._undecayed = set(var_list or ())
        self._undecayed_names = re.compile("|".join(var_names)) if var_names else None
        self._plans.clear()

    def _use_weight_decay(self, variable) -> bool:
        if variable in self._undecayed:
            return False
        names = self._undecayed_names
        return names is None or names.search(getattr(variable, "name", None) or "") is None

    # Saving.

    def get_weights(self):
        """The values of `variables` as NumPy arrays."""
        return [np.array(variable.numpy()) for variable in self.variables]

    def set_weights(self, weights):
        """Sets the values of `variables`."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that has not yet been built. "
                "Please call `optimizer.build(trainable_variables)` to create the optimizer "
                "weights before calling `set_weights()`."
            )
        for variable, weight in zip(self.variables, weights):
            if tuple(variable.shape) != tuple(weight.shape):
                raise ValueError(
                    f"Optimizer variable {variable.path} has shape {tuple(variable.shape)} not "
                    f"compatible with provided weight shape {tuple(weight.shape)}."
                )
            variable.assign(weight)

    def save_own_variables(self, store):
        """Writes the state to a mapping, under "0", "1", ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = np.array(variable.numpy())

    def load_own_variables(self, store):
        """Reads the state from a mapping; one of another length is skipped with a warning."""
        variables = self.variables
        if len(store.keys()) != len(variables):
            warn(
                f"Skipping variable loading for optimizer '{self.name}', because it has "
                f"{len(variables)} variables whereas the saved optimizer has {len(store.keys())} "
                "variables."
            )
            return
        for i, variable in enumerate(variables):
            variable.assign(store[str(i)])

    def get_config(self):
        """The arguments of the constructor."""
        if self.__dict__.get("_init_arguments", ()) is None:
            # A learning rate need not be a plain value: it is written out below.
            self.__dict__["_init_arguments"] = (), {}
        config = super().get_config()
        source = self._learning_rate
        if isinstance(source, HostScalar):
            config["learning_rate"] = source.get()
        else:
            config["learning_rate"] = _serialize.serialize_keras_object(source)
        if self.decay:
            config["decay"] = self.decay
        return config

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """The optimizer of a configuration; those of Keras 1 and 2 are understood."""
        config = dict(config)
        if config.pop("is_legacy_optimizer", False):
            cls = old_rules.get(cls.__name__, cls)
        if "lr" in config:
            config["learning_rate"] = config.pop("lr")
        if isinstance(config.get("learning_rate"), dict):
            config["learning_rate"] = _serialize.deserialize_keras_object(
                config["learning_rate"], custom_objects=custom_objects
            )
        return cls(**config)


@functools.cache
def _updates_one_by_one(cls: type) -> bool:
    """Whether a subclass overrode `update_step` of the class that has the `update`."""
    for base in cls.__mro__:
        if "update" in base.__dict__:
            return False
        if "update_step" in base.__dict__:
            return True
    return False


def takes_gradient_as_value(variable) -> bool:
    """Whether the variable is overwritten by its gradient instead of updated (float8 scales)."""
    return getattr(variable, "overwrite_with_gradient", False)


def single(number: float) -> float:
    """The number in single precision."""
    return _SINGLE.unpack(_SINGLE.pack(number))[0]


def _drop_missing(grads, variables):
    """The pairs that have a gradient."""
    pairs = [pair for pair in zip(grads, variables) if pair[0] is not None]
    if not pairs:
        raise ValueError("No gradients provided for any variable.")
    missing = [
        getattr(variable, "path", None) or getattr(variable, "name", None)
        for grad, variable in zip(grads, variables)
        if grad is None
    ]
    warn(
        f"Gradients do not exist for variables {missing} when minimizing the loss. If using "
        "`model.compile()`, did you forget to provide a `loss` argument?"
    )
    grads, variables = zip(*pairs)
    return grads, variables


def _turn(tensor: Tensor) -> Callable[[Tensor], Tensor] | None:
    """What makes the tensor contiguous by reordering its axes, None if it is so or cannot be."""
    strides = tensor.stride()
    order = tuple(sorted(range(tensor.ndim), key=lambda axis: -strides[axis]))
    if tensor.is_contiguous() or not tensor.permute(order).is_contiguous():
        return None
    return Tensor.t if tensor.ndim == 2 else operator.methodcaller("permute", order)


def _is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill one stretch of memory, in any order."""
    return tensor.numel() > 0 and torch.empty_like(tensor).stride() == tensor.stride()


def _like_variable(grad, variable: Tensor) -> Tensor:
    grad = torch.as_tensor(grad)
    if grad.layout is not torch.strided:
        grad = grad.to_dense()
    return torch.empty_like(variable).copy_(grad)


def _beside(value, variable: Tensor) -> Tensor:
    """`value` as a tensor that can be added to the variable."""
    return torch.as_tensor(value, device=variable.device).to(variable.dtype)


def _assign_all(variables, values) -> None:
    with torch.no_grad():
        for variable, value in zip(variables, values):
            if value is not None:
                variable.copy_(torch.as_tensor(value))


def _check_average(momentum, frequency) -> None:
    if momentum > 1 or momentum < 0:
        raise ValueError(
            f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={momentum}"
        )
    if frequency and (not isinstance(frequency, int) or frequency < 1):
        raise ValueError(
            "`ema_overwrite_frequency` must be an integer >= 1 or None. "
            f"Received: ema_overwrite_frequency={frequency}"
        )


def _old_arguments(learning_rate, kwargs):
    """Takes the names of Keras 1 and 2 out of `kwargs`; returns learning rate and decay."""
    for name in _WITHOUT_EFFECT:
        kwargs.pop(name, None)
    if "lr" in kwargs:
        warn_once("The argument `lr` of optimizers is now called `learning_rate`.")
        learning_rate = kwargs.pop("lr")
    return learning_rate, kwargs.pop("decay", None) or 0.0
