"""`Layer`: a `torch.nn.Module` that is built once, knows its weights by Keras's names and can be
called symbolically."""

import functools
import inspect
import sys
import types
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as torch_modules

from torchkeras import (
    _dtypes,
    _naming,
    _scopes,
    _symbolic,
    config,
    dtype_policies,
    regularizers,
    tree,
)
from torchkeras._errors import warn
from torchkeras._op import Operation
from torchkeras._scopes import call_context, face
from torchkeras._serialize import serialize_keras_object
from torchkeras._symbolic import CONSTANTS, KerasTensor, any_symbolic, infer_spec
from torchkeras._variable import Variable, stand_in
from torchkeras.layers._spec import InputSpec, check_inputs
from torchkeras.layers._state import Stateful

__all__ = ["Layer"]

ROOM = __name__.partition(".")[0]
# Names by which the first axes of a layer's input could be given to its constructor, in Keras 1 to
# 3.
INPUT_SHAPE_ARGUMENTS = ("input_shape", "batch_input_shape", "input_dim", "batch_shape")


class CallSignature:
    """What the protocol needs to know of a `call` method, worked out once per class."""

    def __init__(self, call, ignores_training: bool = False):
        parameters = list(inspect.signature(call).parameters.values())[1:]
        self.names = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
        self.first = self.names[0] if self.names else None
        known = {p.name: p for p in parameters}
        self.takes_training = "training" in known and not ignores_training
        self.training_default = known["training"].default if self.takes_training else None
        if self.training_default is inspect.Parameter.empty:
            self.training_default = None
        self.masks = [n for n in known if n == "mask" or n.endswith("_mask")]
        self.masks_of_first = [n for n in self.masks if n in ("mask", f"{self.first}_mask")]
        self.variadic = any(p.kind is p.VAR_KEYWORD for p in parameters)

    def bind(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """Arguments by name; positional ones beyond the named are left out."""
        return {**dict(zip(self.names, args, strict=False)), **kwargs}


class Layer(Stateful, Operation):
    """A callable with state: subclasses store their arguments in `__init__`, make weights in
    `build`, compute in `call`.

    A layer is a `torch.nn.Module`: its weights are `torch.nn.Parameter`s (non-trainable ones
    buffers) under their Keras names, and hooks, `state_dict`, `to`, `torch.compile` work as for any
    module.

    Args:
        activity_regularizer: regularizer applied to the outputs.
        trainable: whether the weights are trained.
        dtype: name of a dtype or a `DTypePolicy`; None: the global policy.
        autocast: whether floating inputs are cast to the compute dtype.
        name: name, made from the class name where None.

    Raises:
        ValueError: an argument that is not known.
    """

    input_spec: Any = None
    supports_masking = False
    supports_jit = True
    # Whether integer inputs are cast to the compute dtype, as those do that multiply them with
    # weights.
    _casts_integers = False
    # Whether an own `compute_mask` gives no mask where no input has one.
    _keeps_masks = False
    # Whether `call` takes `training` for the look of it only.
    _ignores_training = False
    _call_signature: CallSignature | None

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "build" in vars(cls):
            cls.build = _building(vars(cls)["build"])
        if "call" in vars(cls):
            cls._call_signature = None
            if "forward" not in vars(cls):
                cls.forward = _with_signature_of(cls.call, cls.forward)
            if _same_code(cls.compute_output_spec, Layer.compute_output_spec):
                cls.compute_output_spec = _with_signature_of(cls.call, cls.compute_output_spec)
        if _same_code(cls.compute_output_shape, Layer.compute_output_shape):
            cls.compute_output_shape = _with_signature_of(cls.build, cls.compute_output_shape)
        cls._makes_masks = cls.compute_mask is not Layer.compute_mask
        if "compute_mask" in vars(cls) and "_keeps_masks" not in vars(cls):
            cls._keeps_masks = False

    def __init__(
        self,
        *,
        activity_regularizer=None,
        trainable=True,
        dtype=None,
        autocast=True,
        name=None,
        **kwargs,
    ):
        nn.Module.__init__(self)
        Operation.__init__(self, name)
        if self._call_signature is None:
            type(self)._call_signature = CallSignature(type(self).call, self._ignores_training)
        self._take_input_shape(kwargs)
        self._initial_weights = kwargs.pop("weights", None)
        if kwargs:
            raise ValueError(
                f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}"
            )
        self.training = False
        self.activity_regularizer = regularizers.get(activity_regularizer)
        self.autocast = autocast
        self.dtype_policy = dtype
        self.built = False
        self._trainable = trainable
        if not isinstance(trainable, (bool, int)):
            raise ValueError(
                f"Argument `trainable` must be a boolean. Received: trainable={trainable}"
            )
        self._losses = []
        self._metrics = []
        self._seed_generators = []
        self._path = None
        self._parent_path = None
        self._remat_mode = _scopes.remat_scope()

    # What `forward` asks of a layer before `__init__` or `build` have set it.
    _hot = 0
    _hot_alone = False
    _may_be_hot = True
    _settled = False
    _in_build = False
    _build_shapes = None

    # Whether `input_dim` is the size of each step of a sequence.
    _has_steps = False

    def _take_input_shape(self, kwargs: dict) -> None:
        shape = None
        kwargs.pop("input_dtype", None)
        if "input_dim" in kwargs:
            length = (None,) if self._has_steps else ()
            if "input_length" in kwargs:
                length = (kwargs.pop("input_length"),)
            shape = (*length, kwargs.pop("input_dim"))
        if "input_shape" in kwargs:
            shape = kwargs.pop("input_shape")
            shape = (shape,) if isinstance(shape, int) else tuple(shape)
        batch_size = kwargs.pop("batch_size", None)
        self._input_shape_arg = shape
        self._batch_shape_arg = None if shape is None else (batch_size, *shape)
        for key in ("batch_input_shape", "batch_shape"):
            if key in kwargs:
                self._batch_shape_arg = tuple(kwargs.pop(key))
                self._input_shape_arg = self._batch_shape_arg[1:]

    # ---- dtype -----------------------------------------------------------------------------------

    @property
    def dtype_policy(self):
        return self.__dict__["_dtype_policy"]

    @dtype_policy.setter
    def dtype_policy(self, value):
        policy = dtype_policies.get(value)
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            policy = policy[self.path or self.name]
        self.__dict__["_dtype_policy"] = policy
        self.__dict__["_torch_compute_dtype"] = _dtypes.torch_dtype(policy.compute_dtype)
        self.__dict__["_mixed"] = self.autocast and policy.compute_dtype != policy.variable_dtype
        self.__dict__.update(_hot=0, _hot_alone=False, _settled=False)

    @property
    def activity_regularizer(self):
        """What is applied to the outputs of each call; may be set at any time."""
        return self.__dict__["activity_regularizer"]

    @activity_regularizer.setter
    def activity_regularizer(self, value):
        self.__dict__["activity_regularizer"] = value
        self.__dict__.update(_hot=0, _hot_alone=False, _settled=False)

    def _apply(self, fn, recurse=True):
        """`to`, `half`, `double`, ...: a new dtype of the weights is the layer's new policy."""
        super()._apply(fn, recurse)
        before = _dtypes.torch_dtype(self.variable_dtype)
        after = fn(torch.empty(0, dtype=before)).dtype
        if after is not before:
            self.dtype_policy = _dtypes.standardize_dtype(after)
        return self

    @property
    def dtype(self):
        """Name of the weights' dtype."""
        return self.variable_dtype

    @property
    def compute_dtype(self):
        """Name of the dtype that the layer computes in."""
        return self.dtype_policy.compute_dtype

    @property
    def variable_dtype(self):
        return self.dtype_policy.variable_dtype

    @property
    def input_dtype(self):
        """Name of the dtype that floating inputs are cast to."""
        return self.dtype_policy.compute_dtype

    @property
    def quantization_mode(self):
        return self.dtype_policy.quantization_mode

    @property
    def path(self):
        """Slash-separated place of the layer in its model, once it is built."""
        return self._path

    @property
    def call_signature_parameters(self):
        return list(self._call_signature.names)

    # ---- losses and metrics ----------------------------------------------------------------------

    def add_loss(self, loss):
        """Adds scalars to what training minimises; called from `call`.

        Raises:
            ValueError: a loss that is no scalar tensor.
        """
        if _symbolic.running_on_meta():
            return
        for value in tree.flatten(loss):
            if isinstance(value, Tensor) and value.ndim:
                raise ValueError(
                    "`add_loss()` can only be called from inside `build()` or `call()`, on a "
                    "tensor input with "
                    f"zero dimensions. Received: loss of shape {tuple(value.shape)}"
                )
            self._losses.append(value)
        # A layer that has losses is followed from now on, so that they are cleared at its next
        # call.
        self._cool()
        call_context.losses += 1

    def add_metric(self, *args, **kwargs):
        raise NotImplementedError(
            "Layer `add_metric()` method is deprecated. Add your metric in "
            "`Model.compile(metrics=[...])`."
        )

    @property
    def losses(self):
        """Scalars of the last call: those of `add_loss`, activity and weight regularization."""
        found = []
        for layer in self._flatten_layers():
            found.extend(layer._losses)
        for variable in self.trainable_weights:
            if variable.regularizer is not None:
                found.append(variable.regularizer(variable))
        return found

    # How many losses layers had been given when those of this layer and of all below were cleared.
    _losses_seen = 0

    def _clear_losses(self):
        for layer in self._flatten_layers():
            layer._losses.clear()
        self.__dict__["_losses_seen"] = call_context.losses

    # Arguments that stand in a configuration only where they were given.
    _config_if_given = ("activity_regularizer", "lora_rank", "lora_alpha")

    def get_config(self):
        """The arguments that make the layer again, as plain values and configurations."""
        config = {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
        }
        for key, value in super().get_config().items():
            omitted = key == "autocast" or (value is None and key in self._config_if_given)
            if key not in config and not omitted:
                config[key] = value
        return config

    # ---- building --------------------------------------------------------------------------------

    def build(self, input_shape):
        """Makes the weights, for inputs of that shape (with None for unknown sizes)."""
        self._check_super_called()
        self.built = True

    def get_build_config(self):
        """What `build_from_config` needs to build the layer again, or None."""
        shapes = self._build_shapes
        if shapes is None:
            return None
        if len(shapes) == 1:
            return {"input_shape": tuple(shapes.values())[0]}
        return {"shapes_dict": shapes}

    def build_from_config(self, config):
        if not config:
            return
        if "input_shape" in config:
            self.build(_tuples(config["input_shape"]))
        elif "shapes_dict" in config:
            self.build(**{key: _tuples(shape) for key, shape in config["shapes_dict"].items()})

    def _open_name_scope(self):
        if self._parent_path is None:
            self._parent_path = _naming.current_path()
        return _naming.name_scope(self.name, caller=self)

    def _argument_shapes(self, args: tuple, kwargs: dict) -> dict[str, Any]:
        """The shapes of the tensors that a call is given, by argument."""
        signature = self._call_signature
        arguments = {
            key: shapes
            for key, value in signature.bind(args, kwargs).items()
            if key != "training" and "mask" not in key and (shapes := _shapes(value)) is not None
        }
        if not arguments and args:
            arguments = {signature.first or "input": _shapes(args[0])}
        return arguments

    def _build_for(self, args: tuple, kwargs: dict) -> None:
        """Builds the layer for the arguments of its first call."""
        arguments = self._argument_shapes(args, kwargs)
        names = _build_parameters(type(self))
        if len(names) == 1 or not names:
            self.build(next(iter(arguments.values()), None))
        else:
            self.build(
                **{
                    n: arguments.get(n.removesuffix("_shape"))
                    for n in names
                    if n.removesuffix("_shape") in arguments
                }
            )

    def _after_build(self, shapes: dict[str, Any]) -> None:
        self.built = True
        self.__dict__["_build_shapes"] = shapes
        if not self._trainable:
            self.trainable = False
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None
        self._path = _naming.current_path() or self.name

    # ---- calling ---------------------------------------------------------------------------------

    def __call__(self, *args, **kwargs):
        for a in args:
            kind = type(a)
            if kind is not Tensor and (kind is KerasTensor or any_symbolic(a)):
                return self.symbolic_call(*args, **kwargs)
        if kwargs and any_symbolic(kwargs):
            return self.symbolic_call(*args, **kwargs)
        if face.call is not None and not torch.compiler.is_compiling():
            return face.call(sys._getframe(1), self, args, kwargs)
        return nn.Module.__call__(self, *args, **kwargs)

    # Whether a call with tensors does nothing besides: not so where a subclass has its own.
    __call__.adds_nothing = True

    def forward(self, *args, **kwargs):
        """Keras's protocol around `call`: the common case first, `_call_slow` for all others."""
        if self._hot_alone and len(args) == 1 and not kwargs and not _scopes._stacks.stateless:
            x = args[0]
            if (
                x.dtype is self._hot_dtype
                and x.dim() == self._hot_rank
                and (self._hot_axis is None or x.shape[self._hot_axis] == self._hot_size)
                if type(x) is Tensor
                else self._is_hot_list(x)
            ):
                return self._call_usual(x)
        return self._call_slow(args, kwargs)

    def _call_usual(self, x, *others, **options):
        """`call` of what is usual but for its mask."""
        mask = getattr(x, "_keras_mask", None)
        several = x if type(x) is list else others
        if several and any([getattr(t, "_keras_mask", None) is not None for t in (x, *several)]):
            return self._call_slow((x, *others), options)
        if mask is None and not self._hot_makes_masks:
            return self._call_hot(x, *others, **options)
        if others or options:
            return self._call_slow((x, *others), options)
        return self._call_masked(x, mask)

    def _call_hot(self, *inputs, **options):
        """`call` without the protocol around it, for what `forward` found usual, without masks."""
        try:
            if self._call_signature.takes_training:
                return self.call(*inputs, training=self._phase(), **options)
            return self.call(*inputs, **options)
        except Exception as error:
            self._note_call(error, inputs, options)
            raise

    def _call_masked(self, x, mask):
        """`_call_hot` of a tensor with a mask, or of a layer that makes one."""
        signature = self._call_signature
        kwargs = {"training": self._phase()} if signature.takes_training else {}
        if mask is not None:
            kwargs.update(dict.fromkeys(signature.masks_of_first, mask))
        try:
            outputs = self.call(x, **kwargs)
        except Exception as error:
            self._note_call(error, (x,), kwargs)
            raise
        self._set_masks(x, outputs, mask)
        return outputs

    def _is_hot_list(self, x) -> bool:
        """Whether a call with `x`, no tensor, is a common one too: with a list of tensors."""
        return self._hot_rank is None and type(x) is list and self._takes(x)

    def _takes(self, inputs) -> bool:
        """Whether all tensors, in lists or not, are of the dtype that needs no cast."""
        dtype = self._hot_dtype
        for x in inputs:
            if type(x) is list:
                if not self._takes(x):
                    return False
            elif type(x) is not Tensor or x.dtype is not dtype:
                return False
        return True

    def _phase(self) -> bool:
        """Whether this call trains, where it was not said: as the enclosing call does, else as the
        module is set; a loop such as `fit` says it in the model's call, and nowhere else."""
        training = call_context.training
        if training is None:
            return self.training and call_context.loop is None
        return training

    def _call_slow(self, args: tuple, kwargs: dict):
        args, kwargs = self._standardized(args, kwargs)
        tracing = torch.compiler.is_compiling()
        if not self._settled and not tracing:
            with self._open_name_scope():
                return self._protocol(args, kwargs, tracing)
        return self._protocol(args, kwargs, tracing)

    def _protocol(self, args: tuple, kwargs: dict, tracing: bool):
        signature = self._call_signature
        inputs = args[0] if args else kwargs.get(signature.first)
        check_inputs(self.input_spec, inputs, self.name)
        if not self.built:
            self._build_for(args, kwargs)
            check_inputs(self.input_spec, inputs, self.name)
        previous_masks = self._fill_masks(signature, args, kwargs)
        told = self._fill_training(signature, args, kwargs)
        shadows = self._shadows() if self._mixed or _scopes.stateless_scope() is not None else ()
        outputs = self._run(args, kwargs, told, tracing, shadows)
        if previous_masks is not None or self._makes_masks:
            self._set_masks(inputs, outputs, previous_masks)
        if self.activity_regularizer is not None:
            for x in tree.flatten(outputs):
                self.add_loss(self.activity_regularizer(x) / max(x.shape[0] if x.ndim else 1, 1))
        if not self._settled and not tracing and not _symbolic.running_on_meta():
            self.__dict__["_settled"] = True
            self._heat(args, kwargs)
        return outputs

    def _fill_training(self, signature: CallSignature, args: tuple, kwargs: dict) -> bool | None:
        """Gives `call` its `training` where it takes one; returns what the caller said."""
        told = kwargs.get("training")
        if not signature.takes_training:
            if told is not None and not signature.variadic:
                del kwargs["training"]
            return told
        place = signature.names.index("training") if "training" in signature.names else len(args)
        if told is None and len(args) > place:
            return args[place]
        if told is None:
            training = self._phase()
            if not training and call_context.training is None and signature.training_default:
                training = signature.training_default
            kwargs["training"] = training
        return told

    def _standardized(self, args: tuple, kwargs: dict):
        """Arguments with arrays as tensors, and floating tensors in the compute dtype."""
        convert = self._converted
        args = tuple(
            [convert(a) if type(a) is Tensor else tree.map_structure(convert, a) for a in args]
        )
        if kwargs:
            kwargs = {key: tree.map_structure(convert, a) for key, a in kwargs.items()}
        return args, kwargs

    def _converted(self, x):
        if isinstance(x, Tensor):
            if x.is_floating_point():
                if self.autocast and x.dtype is not self._torch_compute_dtype:
                    return _with_mask_of(x, x.to(self._torch_compute_dtype))
            elif self._casts_integers and not x.is_complex():
                return _with_mask_of(x, x.to(self._torch_compute_dtype))
            return x
        if isinstance(x, (np.ndarray, np.generic)) or (
            hasattr(x, "__array__") and not isinstance(x, (KerasTensor, type))
        ):
            array = np.asarray(x)
            if array.dtype.kind not in "biufc":
                return x if isinstance(x, np.generic) else array
            return self._converted(torch.as_tensor(array).to(self._device()))
        return x

    def _device(self) -> torch.device:
        """Where the weights are; else where new ones would go."""
        if _symbolic.running_on_meta():
            return torch.device("meta")
        for parameter in self.parameters():
            return parameter.device
        return config.default_device()

    def _fill_masks(self, signature: CallSignature, args: tuple, kwargs: dict):
        """Gives `call` the masks of its tensors where it takes them; returns the mask it was called
        with, else that of the first argument."""
        told = kwargs.get("mask")
        found = {}
        for key, value in signature.bind(args, kwargs).items():
            mask = _masks(value)
            if mask is not None:
                found[key] = mask
        if not found:
            return told
        for key in signature.masks:
            source = signature.first if key == "mask" else key.removesuffix("_mask")
            given = kwargs.get(key) is not None or key in signature.names[: len(args)]
            if source in found and not given:
                kwargs[key] = found[source]
        return found.get(signature.first, next(iter(found.values()))) if told is None else told

    def _set_masks(self, inputs, outputs, previous) -> None:
        if not self.supports_masking and not self._makes_masks:
            if previous is not None and any(m is not None for m in tree.flatten(previous)):
                warn(
                    f"Layer '{self.name}' (of type {type(self).__name__}) was passed an input with "
                    "a mask attached to "
                    "it. However, this layer does not support masking and will therefore destroy "
                    "the mask information. "
                    "Downstream layers will not see the mask."
                )
            return
        flat = [outputs] if type(outputs) is Tensor else tree.flatten(outputs)
        if all([getattr(x, "_keras_mask", None) is not None for x in flat]):
            return
        masks = self.compute_mask(inputs, previous)
        masks = [masks] if not isinstance(masks, (list, tuple)) else list(masks)
        for x, mask in zip(flat, masks, strict=False):
            if mask is not None and getattr(x, "_keras_mask", None) is None:
                x._keras_mask = mask

    def compute_mask(self, inputs, previous_mask):
        """The mask of the outputs; by default that of the inputs."""
        return previous_mask

    def _run(self, args: tuple, kwargs: dict, told: bool | None, tracing: bool, shadows: dict):
        """Runs `call` with layers below called as part of this call, in the phase it was told."""
        context = call_context
        before = context.training
        switched = ()
        if not tracing:
            if context.depth == 0 and context.losses != self._losses_seen:
                self._clear_losses()
            if told is not None and told is not before:
                switched = self._switch_modules(told)
            context.depth += 1
        context.training = before if told is None else told
        originals = [(registry, key, registry[key]) for registry, key, _ in shadows]
        for registry, key, value in shadows:
            registry[key] = value
        try:
            return (
                self._call_remat(args, kwargs) if self._remat_mode else self.call(*args, **kwargs)
            )
        except Exception as error:
            if not tracing:
                self._note_call(error, args, kwargs)
            raise
        finally:
            context.training = before
            if not tracing:
                context.depth -= 1
            for module in switched:
                module.training = not told
            for registry, key, variable in originals:
                registry[key] = variable

    def _switch_modules(self, training: bool) -> list[nn.Module]:
        """Sets the phase of torch's own modules below; returns those that were in the other."""
        switched = [
            m for m in self.modules() if not isinstance(m, Layer) and m.training != training
        ]
        for module in switched:
            module.training = training
        return switched

    def _shadows(self) -> list[tuple[dict, str, Tensor]]:
        """What stands in the place of weights while `call` runs: in the compute dtype, or mapped.

        Returns the registry, the key in it and the value of each.
        """
        scope = _scopes.stateless_scope()
        shadows = []
        for registry in (self._parameters, self._buffers):
            for key, v in registry.items():
                if not isinstance(v, Variable):
                    continue
                value = v if scope is None else v.value
                castable = registry is self._parameters and v.autocast and v.is_floating_point()
                if self._mixed and castable:
                    value = value.to(self._torch_compute_dtype)
                if value is not v:
                    shadows.append((registry, key, value))
        return shadows

    def _call_remat(self, args, kwargs):
        mode = self._remat_mode
        if mode.mode is None or (
            mode.mode == "list_of_layers" and self.name not in mode.layer_names
        ):
            return self.call(*args, **kwargs)
        return self.rematerialized_call(self.call, *args, **kwargs)

    def rematerialized_call(self, layer_call, *args, **kwargs):
        """`layer_call(*args, **kwargs)` with its activations recomputed in the backward pass."""
        return _scopes.remat(layer_call)(*args, **kwargs)

    def _heat(self, args: tuple, kwargs: dict) -> None:
        """Finds out whether calls may take a short way from now on: in graphs, and through
        `forward` those with one tensor or list of tensors.

        In a graph a call is under way already, which the layers inside of this one know from there.
        """
        filled_in = {"training", *self._call_signature.masks_of_first}
        plain = all(key in filled_in or type(a) in CONSTANTS for key, a in kwargs.items())
        several = len(args) > 1 and all(type(a) is Tensor for a in args)
        x = args[0] if args and plain and (several or len(args) == 1) else None
        spec = self.input_spec
        axes = None
        if spec is None:
            axes = []
        elif isinstance(spec, InputSpec) and spec.dtype is None and spec.shape is None:
            axes = [(axis, size) for axis, size in spec.axes.items() if size is not None]
        hot = (
            (type(x) is Tensor or (type(x) is list and x and spec is None))
            and axes is not None
            and len(axes) <= 1
            and self.activity_regularizer is None
            and self._may_be_hot
            and type(self).forward.__code__ is Layer.forward.__code__
            and not self._call_signature.training_default
            and not (several and spec)
            and not self._remat_mode
            and not self._mixed
            and _scopes.stateless_scope() is None
        )
        axis, size = axes[0] if axes else (None, None)
        rank = x.dim() if type(x) is Tensor else None
        dtype = getattr(x if rank is not None else x[0], "dtype", None) if hot else None
        self.__dict__.update(
            _hot=len(args) if hot and getattr(type(self).__call__, "adds_nothing", False) else 0,
            _hot_alone=hot and not several and self._calls_no_layer(),
            _hot_dtype=dtype,
            _hot_rank=rank,
            _hot_axis=axis,
            _hot_size=size,
        )
        self.__dict__["_hot_makes_masks"] = self._makes_masks and not self._keeps_masks

    def _calls_no_layer(self) -> bool:
        """Whether `call` computes everything by itself, so that no layer has to know the phase."""
        return not self._modules

    def _cool(self) -> None:
        """From now on every call goes through the whole protocol."""
        self.__dict__.update(_hot=0, _hot_alone=False, _may_be_hot=False)

    def _note_call(self, error: Exception, args: tuple, kwargs: dict) -> None:
        """Says once, on an error from inside `call`, which layer was called with what."""
        if any(
            "Exception encountered when calling" in note for note in getattr(error, "__notes__", ())
        ):
            return
        received = tree.map_structure(_described, (args, kwargs))
        error.add_note(
            f"Exception encountered when calling {type(self).__name__}.call() of layer "
            f"'{self.name}'.\n"
            f"Arguments received by {type(self).__name__}.call():\n  • args={received[0]}\n  • "
            f"kwargs={received[1]}"
        )

    def call(self, *args, **kwargs):
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `call()` method implemented."
        )

    _call_signature = CallSignature(call)
    _makes_masks = False

    # A layer with hooks, or compiled by itself, is always called as a module.

    def compile(self, *args, **kwargs):
        """`torch.nn.Module.compile`: calls of this layer run through `torch.compile`."""
        self._cool()
        super().compile(*args, **kwargs)

    def register_forward_hook(self, *args, **kwargs):
        self._cool()
        return super().register_forward_hook(*args, **kwargs)

    def register_forward_pre_hook(self, *args, **kwargs):
        self._cool()
        return super().register_forward_pre_hook(*args, **kwargs)

    def register_full_backward_hook(self, *args, **kwargs):
        self._cool()
        return super().register_full_backward_hook(*args, **kwargs)

    def register_full_backward_pre_hook(self, *args, **kwargs):
        self._cool()
        return super().register_full_backward_pre_hook(*args, **kwargs)

    # ---- symbolic --------------------------------------------------------------------------------

    def symbolic_call(self, *args, **kwargs):
        """Records a node and returns its symbolic outputs; builds the layer where needed."""
        with self._open_name_scope():
            signature = self._call_signature
            if not (signature.takes_training or signature.variadic or self._modules):
                kwargs.pop("training", None)  # as in eager calls; no layer inside asks for it
            inputs = args[0] if args else kwargs.get(signature.first)
            check_inputs(self.input_spec, inputs, self.name)
            if not self.built:
                self._build_for(args, kwargs)
                check_inputs(self.input_spec, inputs, self.name)
            return Operation.symbolic_call(self, *args, **kwargs)

    def compute_output_spec(self, *args, **kwargs):
        shape = None
        if not _same_code(type(self).compute_output_shape, Layer.compute_output_shape):
            try:
                shape = self._stated_output_shape(args, kwargs)
            except AttributeError as error:
                # Keras 2 asked after `call`, which may set what the answer is made from.
                if error.obj is not self:
                    raise
        if shape is not None:
            outputs = tree.map_shape_structure(
                lambda s: KerasTensor(s, dtype=self.compute_dtype), shape
            )
            self._set_symbolic_masks(args, kwargs, outputs)
            return outputs
        return infer_spec(functools.partial(Layer.__call__, self), args, kwargs)

    def _set_symbolic_masks(self, args, kwargs, outputs) -> None:
        """Gives symbolic outputs of a stated shape the masks that `compute_mask` makes."""
        inputs = args[0] if args else kwargs.get(self._call_signature.first)
        previous = _masks(inputs)
        if previous is None and not self._makes_masks:
            return
        if not self.supports_masking and not self._makes_masks:
            self._set_masks(inputs, outputs, previous)  # which warns
            return
        masks = infer_spec(self.compute_mask, (inputs, previous), {})
        masks = masks if isinstance(masks, (list, tuple)) else [masks]
        for x, mask in zip(tree.flatten(outputs), masks, strict=False):
            if mask is not None:
                x._keras_mask = mask

    def _stated_output_shape(self, args, kwargs):
        """What a `compute_output_shape` written by hand gives for symbolic arguments."""
        names = list(inspect.signature(self.compute_output_shape).parameters)
        if len(names) <= 1:
            return self.compute_output_shape(
                _shapes(args[0] if args else next(iter(kwargs.values())))
            )
        arguments = self._call_signature.bind(args, kwargs)
        shapes = {
            n: _shapes(arguments[n.removesuffix("_shape")])
            for n in names
            if n.removesuffix("_shape") in arguments
        }
        return self.compute_output_shape(**shapes)

    def compute_output_shape(self, *args, **kwargs):
        """Shape of the outputs for inputs of the given shape: a tuple, or a nest of them."""
        make = functools.partial(
            tree.map_shape_structure, lambda s: KerasTensor(s, dtype=self.compute_dtype)
        )
        args = [make(a) for a in args]
        if "input_shape" in kwargs:
            args.insert(0, make(kwargs.pop("input_shape")))
        kwargs = {key.removesuffix("_shape"): make(a) for key, a in kwargs.items()}
        if not self.built:
            with self._open_name_scope():
                self._build_for(tuple(args), kwargs)
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(*args, **kwargs))

    # ---- stateless -------------------------------------------------------------------------------

    def stateless_call(
        self,
        trainable_variables,
        non_trainable_variables,
        *args,
        return_losses=False,
        **kwargs,
    ):
        """Calls the layer with given values of its variables and returns `(outputs, non-trainable
        values)`.

        Nothing of the layer's own state is read or changed; gradients flow to the given tensors.

        Raises:
            ValueError: the layer is not built, or the numbers of variables do not agree.
        """
        self._check_super_called()
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {type(self).__name__} must be built (i.e. its variables "
                "must have been "
                "already created). You can build it by calling it on some data."
            )
        mapping = [
            *_paired("trainable", self.trainable_variables, trainable_variables),
            *(
                (v, stand_in(v, value))
                for v, value in _paired(
                    "non_trainable", self.non_trainable_variables, non_trainable_variables
                )
            ),
        ]
        with _scopes.StatelessScope(state_mapping=mapping) as scope:
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
        updated = [scope.get_current_value(v).detach() for v in self.non_trainable_variables]
        return (outputs, updated, losses) if return_losses else (outputs, updated)

    # ---- options that live above -----------------------------------------------------------------

    # Filled by `quantizers`: (layer, mode, type_check, config) -> None.
    _quantizer = None

    def quantize(self, mode=None, type_check=True, config=None):
        """Replaces the weights by quantized ones.

        Raises:
            NotImplementedError: layers of this class have no quantized form.
        """
        if Layer._quantizer is None:
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `quantize()` method implemented."
            )
        Layer._quantizer(self, mode, type_check, config)

    def quantized_build(self, input_shape, mode):
        raise NotImplementedError(
            f"Layer {type(self).__name__} does not have a `quantized_build()` method implemented."
        )

    def __repr__(self):
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"

    def __dir__(self):
        return object.__dir__(self)


def _with_signature_of(call, method):
    """A copy of `method` that names the arguments of `call`, for whoever asks: `torch.export`
    does."""
    code = method.__code__
    named = types.FunctionType(
        code, method.__globals__, code.co_name, method.__defaults__, method.__closure__
    )
    named.__doc__ = method.__doc__
    # Where `inspect.signature` looks; made only if somebody asks.
    named.__wrapped__ = call
    return named


def any_global_hooks() -> bool:
    """Whether somebody wants to see every call of every module."""
    return bool(
        torch_modules._global_forward_hooks
        or torch_modules._global_forward_pre_hooks
        or torch_modules._global_backward_hooks
        or torch_modules._global_backward_pre_hooks
    )


def _same_code(method, other) -> bool:
    return getattr(method, "__code__", None) is other.__code__


def _building(build):
    """Makes a `build` method do what every build does: for real, in the layer's name scope,
    once."""

    @functools.wraps(build)
    def wrapper(self, *args, **kwargs):
        if self._in_build:
            return build(self, *args, **kwargs)
        self.__dict__["_in_build"] = True
        try:
            with _symbolic.for_real(), torch.inference_mode(False), self._open_name_scope():
                build(self, *args, **kwargs)
                bound = inspect.signature(build).bind(self, *args, **kwargs)
                self._after_build(dict(list(bound.arguments.items())[1:]))
        finally:
            self.__dict__["_in_build"] = False
        return None

    return wrapper


Layer.build = _building(Layer.build)


@functools.cache
def _build_parameters(cls: type[Layer]) -> list[str]:
    parameters = list(inspect.signature(cls.build).parameters.values())[1:]
    return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]


def _shapes(value):
    """Shapes in the structure of `value`, None where there is no tensor in it."""
    if isinstance(value, (list, tuple)):
        shapes = [_shapes(x) for x in value]
        if any(s is None for s in shapes) or not shapes:
            return None
        return type(value)(shapes) if type(value) in (list, tuple) else list(shapes)
    if isinstance(value, dict):
        shapes = {key: _shapes(x) for key, x in value.items()}
        return None if any(s is None for s in shapes.values()) or not shapes else shapes
    return _symbolic.shape_of(value) if hasattr(value, "shape") else None


def _tuples(shape):
    """Shapes that went through JSON, as tuples again."""
    if isinstance(shape, dict):
        return {key: _tuples(s) for key, s in shape.items()}
    if isinstance(shape, (list, tuple)):
        if all(d is None or isinstance(d, int) for d in shape):
            return tuple(shape)
        return [_tuples(s) for s in shape]
    return shape


def _masks(value):
    """Masks in the structure of `value`, or None where nothing in it has one."""
    if isinstance(value, (list, tuple, dict)):
        masks = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), value)
        return masks if any(m is not None for m in tree.flatten(masks)) else None
    return getattr(value, "_keras_mask", None)


def _with_mask_of(source: Tensor, result: Tensor) -> Tensor:
    mask = getattr(source, "_keras_mask", None)
    if mask is not None:
        result._keras_mask = mask
    return result


def _described(x):
    if isinstance(x, (Tensor, KerasTensor)):
        return f"tensor(shape={tuple(x.shape)}, dtype={_dtypes.standardize_dtype(x.dtype)})"
    return x


def _paired(kind: str, variables: list[Variable], values):
    if len(variables) != len(values):
        raise ValueError(
            f"Argument `{kind}_variables` must be a list of tensors corresponding 1:1 to "
            f"{kind}_variables of the layer. Received a list of length {len(values)}, expected "
            f"{len(variables)}."
        )
    return zip(variables, values, strict=True)
