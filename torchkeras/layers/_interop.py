"""Modules of torch as Keras layers, and the layers that need another framework."""

import base64
import inspect
import io
import math
from typing import Any

import torch
from torch import nn
from torch.nn.modules.lazy import LazyModuleMixin

from torchkeras import _dtypes, config, tree
from torchkeras._errors import received
from torchkeras._serialize import deserialize_keras_object, in_safe_mode, serialize_keras_object
from torchkeras._symbolic import KerasTensor, infer_spec
from torchkeras.layers._base import Layer

__all__ = ["FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"]

_TORCH = "torch.nn"
_UNSAFE = (
    "This carries a potential risk of arbitrary code execution and thus it is disallowed by "
    "default. If you trust the source of the artifact, you can override this error by passing "
    "`safe_mode=False` to the loading function, or calling "
    "`keras.config.enable_unsafe_deserialization()`."
)


class TorchModuleWrapper(Layer):
    """A `torch.nn.Module` as a layer: its parameters and buffers are the layer's weights.

    A file keeps a module made of classes of `torch.nn` as their names and arguments, and a class
    registered by `keras.saving.register_keras_serializable` as its configuration. Any other is
    pickled, as Keras does, and then loaded with `safe_mode=False` alone.

    Args:
        module: the module.
        output_shape: shape of the output, where the module cannot be run on tensors without values.

    Input shape: that of the module
    Output shape: that of the module

    >>> TorchModuleWrapper(torch.nn.Linear(2, 3))(torch.ones(1, 2)).shape
    torch.Size([1, 3])
    """

    def __init__(self, module, name=None, output_shape=None, **kwargs):
        if not isinstance(module, nn.Module):
            raise ValueError(
                f"Argument `module` must be a torch.nn.Module. Received: module={module}"
            )
        if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
            raise ValueError(
                "LazyModules are not supported unless they are already initialized. "
                f"Received uninitialized LazyModule: module={module}"
            )
        super().__init__(name=name, **kwargs)
        self.module = module.to(config.default_device())
        self.output_shape = output_shape

    def call(self, *args, training=None, **kwargs):
        if training is not None and training != self.module.training:
            self.module.train(training)
        return self.module(*args, **kwargs)

    def compute_output_shape(self, input_shape):
        if self.output_shape is not None:
            return self.output_shape
        return super().compute_output_shape(input_shape)

    def compute_output_spec(self, *args, **kwargs):
        if self.output_shape is None:
            return infer_spec(lambda *a, **k: nn.Module.__call__(self, *a, **k), args, kwargs)
        return tree.map_shape_structure(
            lambda shape: KerasTensor(shape, dtype=self.compute_dtype), self.output_shape
        )

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": serialize_keras_object(self.dtype_policy),
            "module": _module_config(self.module),
            "output_shape": self.output_shape,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """A layer from its `get_config`.

        Raises:
            ValueError: the module is pickled, and safe mode is not switched off.
        """
        module = config["module"]
        if isinstance(module, str):
            module = _unpickled(module, in_safe_mode() if safe_mode is None else safe_mode)
        elif isinstance(module, dict) and module.get("module") == _TORCH:
            module = _of_torch(module)
        elif isinstance(module, dict):
            module = deserialize_keras_object(module, custom_objects=custom_objects)
        return cls(**{**config, "module": module})


def _unpickled(text: str, safe_mode: bool | None) -> nn.Module:
    if safe_mode is not False:
        raise ValueError(
            "Requested the deserialization of a `torch.nn.Module` object via `torch.load()`. "
            + _UNSAFE
        )
    return torch.load(io.BytesIO(base64.b64decode(text)), weights_only=False)


def _module_config(module: nn.Module) -> Any:
    """A module by names and arguments where that says all, else pickled."""
    if hasattr(module, "get_config"):
        return serialize_keras_object(module)
    described = _description(module)
    if described is not None and _is_same(_of_torch(described, "meta"), module):
        return described
    buffer = io.BytesIO()
    torch.save(module, buffer)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _is_same(copy: nn.Module, module: nn.Module) -> bool:
    """Whether two modules have the same state, of the same shapes."""
    shapes = [
        {key: getattr(value, "shape", None) for key, value in m.state_dict().items()}
        for m in (copy, module)
    ]
    return shapes[0] == shapes[1]


def _description(module: nn.Module) -> dict | None:
    """Class, arguments and children of a module of `torch.nn`; None of any other."""
    cls = type(module)
    if getattr(nn, cls.__name__, None) is not cls or _has_hooks(module):
        return None
    described = {"module": _TORCH, "class_name": cls.__name__}
    if cls in (nn.Sequential, nn.ModuleList):
        children = [_description(child) for child in module]
        if any(child is None for child in children):
            return None
        return {**described, "names": list(module._modules), "children": children}
    if module._modules:
        return None
    arguments = _arguments(module)
    if arguments is None:
        return None
    parameters = dict(module.named_parameters())
    if parameters:
        dtypes = {parameter.dtype for parameter in parameters.values()}
        if len(dtypes) > 1:
            return None
        described["dtype"] = _dtypes.standardize_dtype(dtypes.pop())
        described["frozen"] = [key for key, p in parameters.items() if not p.requires_grad]
    return {**described, "config": arguments}


def _has_hooks(module: nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def _arguments(module: nn.Module) -> dict | None:
    """The arguments of a module's constructor, as far as its attributes tell."""
    found = {}
    for name, parameter in inspect.signature(type(module).__init__).parameters.items():
        if name in ("self", "device", "dtype"):
            continue
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            return None
        value = getattr(module, name, inspect.Parameter.empty)
        if name == "bias" and not isinstance(value, bool):
            value = value is not None
        if not _is_plain(value):
            return None
        found[name] = value
    return found


def _is_plain(value: Any) -> bool:
    if isinstance(value, (tuple, list)):
        return all(map(_is_plain, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, (bool, int, str, type(None)))


def _of_torch(described: dict, device: str | None = None) -> nn.Module:
    """The module that `_description` tells of.

    Raises:
        ValueError: a name that is no module of `torch.nn`.
    """
    name = described["class_name"]
    cls = getattr(nn, name, None) if isinstance(name, str) else None
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise ValueError(f"torch.nn has no module of that name. {received(class_name=name)}")
    if "children" in described:
        children = [_of_torch(child, device) for child in described["children"]]
        if cls is nn.ModuleList:
            return nn.ModuleList(children)
        module = nn.Sequential()
        for key, child in zip(described["names"], children, strict=True):
            module.add_module(key, child)
        return module
    arguments = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in described["config"].items()
    }
    with torch.device(device or config.default_device()):
        module = cls(**arguments)
    if "dtype" in described:
        module = module.to(_dtypes.torch_dtype(described["dtype"]))
    for key, parameter in module.named_parameters():
        parameter.requires_grad_(key not in described.get("frozen", ()))
    return module


# ---- other frameworks


class JaxLayer(Layer):
    """Exists so that scripts find it: it runs functions of JAX, which Keras does on JAX only.

    Raises:
        ValueError: always.
    """

    def __init__(
        self,
        call_fn,
        init_fn=None,
        params=None,
        state=None,
        seed=None,
        native_serialization_platforms=None,
        **kwargs,
    ):
        raise ValueError(
            f"{type(self).__name__} is only supported with the JAX or Tensorflow backend. Current "
            "backend: torch. It needs Keras with the `jax` package; here, write the function with "
            "torch, as a layer of your own or a `torch.nn.Module`."
        )

    def call(self, inputs, training=False):
        raise NotImplementedError("A JaxLayer cannot be made without JAX.")


class FlaxLayer(JaxLayer):
    """Exists so that scripts find it: it runs modules of Flax, which Keras does on JAX only.

    Raises:
        ValueError: always.
    """

    def __init__(self, module, method=None, variables=None, **kwargs):
        super().__init__(None, **kwargs)


class TFSMLayer(Layer):
    """Exists so that scripts find it: it runs a SavedModel, which TensorFlow alone can.

    Raises:
        NotImplementedError: always.
    """

    def __init__(
        self,
        filepath,
        call_endpoint="serve",
        call_training_endpoint=None,
        trainable=True,
        name=None,
        dtype=None,
    ):
        raise NotImplementedError(
            "The TFSMLayer is only currently supported with the TensorFlow backend. It needs Keras "
            "with the `tensorflow` package; here, load a model that was saved as `.keras` or `.h5`."
            f" {received(filepath=filepath)}"
        )

    def call(self, inputs, training=False, **kwargs):
        raise NotImplementedError("A TFSMLayer cannot be made without TensorFlow.")

    @classmethod
    def from_config(cls, config, custom_objects=None, safe_mode=None):
        """Raises ValueError in safe mode: the layer loads another file."""
        if (in_safe_mode() if safe_mode is None else safe_mode) is not False:
            raise ValueError(
                "Requested the deserialization of a `TFSMLayer`, which loads an external "
                "SavedModel. " + _UNSAFE
            )
        return cls(**config)
