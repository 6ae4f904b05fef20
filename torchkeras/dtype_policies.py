"""Dtype policies: which dtype a layer computes in and which one its weights have."""

import re
from collections.abc import Iterator, MutableMapping
from typing import Any

from torch import Tensor

from torchkeras import _dtypes, _errors, _serialize, _symbolic, config
from torchkeras.ops import _core

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "get",
    "serialize",
]

QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


def _dtypes_of(name: Any) -> tuple[str, str]:
    """The compute dtype and the variable dtype behind the name of a policy."""
    if not isinstance(name, str):
        raise TypeError(
            "'name' must be a string, such as 'mixed_float16'. "
            f"{_errors.received(name=name)} (of type {type(name)})"
        )
    if name in _MIXED:
        return _MIXED[name], "float32"
    try:
        dtype = _dtypes.standardize_dtype(name)
    except ValueError:
        raise ValueError(
            f"Cannot convert '{name}' to a mixed precision DTypePolicy. Valid policies include "
            "'mixed_float16', 'mixed_bfloat16', and the name of any float dtype such as "
            f"'float32'. {_errors.received(name=name)}"
        ) from None
    return dtype, dtype


class DTypePolicy(_serialize.Configurable):
    """The dtype in which a layer computes and the dtype of its weights.

    Args:
        name: a dtype, which is then both, or `"mixed_float16"` or `"mixed_bfloat16"`, which compute
            in 16 bits with float32 weights; None for the policy that new layers get.
    """

    _keras_module = "keras"

    def __init__(self, name=None):
        if name is None:
            name = config.dtype_policy().name
        compute_dtype, variable_dtype = _dtypes_of(name)
        self.compute_dtype = compute_dtype
        self.variable_dtype = variable_dtype
        self.name = name
        self.quantization_mode = None

    def convert_input(self, x, autocast, dtype):
        """`x` in `dtype` where it is of another float dtype and `autocast` is set.

        Arrays become tensors; what is neither tensor nor array is returned as it is.
        """
        if not isinstance(x, Tensor) and not _symbolic.is_keras_tensor(x):
            if not hasattr(x, "__array__"):
                return x
            x = _core.as_tensor(x)
        own = _dtypes.standardize_dtype(x.dtype)
        if autocast and "float" in own and own != _dtypes.standardize_dtype(dtype):
            return _core.cast(x, dtype)
        return x

    def __eq__(self, other):
        return self._family() is _family_of(other) and self.get_config() == other.get_config()

    def __hash__(self):
        return hash((self._family(), self.name))

    def _family(self) -> type:
        return DTypePolicy if type(self) is FloatDTypePolicy else type(self)

    def __repr__(self):
        return f'<{self._family().__name__} "{self.name}">'


def _family_of(other: Any) -> type | None:
    return other._family() if isinstance(other, DTypePolicy) else None


class FloatDTypePolicy(DTypePolicy):
    """Another name of `DTypePolicy`."""

    _keras_module = "keras"


class QuantizedDTypePolicy(DTypePolicy):
    """The policy of a quantized layer.

    Args:
        mode: one of "int8", "float8", "int4", "gptq", "awq".
        source_name: name of the policy from before the quantization; None for that of new layers.
    """

    def __init__(self, mode, source_name=None):
        if source_name is None:
            source_name = config.dtype_policy().name
        compute_dtype, variable_dtype = _dtypes_of(source_name)
        self.compute_dtype = compute_dtype
        self.variable_dtype = variable_dtype
        self.quantization_mode = self._parsed(mode)
        if compute_dtype == "float16" and mode == "int8":
            raise ValueError(
                f"Quantization mode='{mode}' doesn't work well with compute_dtype='float16'. "
                + _errors.received(mode=mode)
            )
        self.mode = self.quantization_mode
        self.source_name = source_name
        self.name = f"{mode}_from_{source_name}"

    def _parsed(self, mode: str) -> str:
        """The quantization mode that `mode` starts with; what follows becomes attributes."""
        if mode not in QUANTIZATION_MODES:
            raise ValueError(
                f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. "
                + _errors.received(mode=mode)
            )
        return mode

    def get_config(self):
        return {"mode": self.name.partition("_from_")[0], "source_name": self.source_name}


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """The policy of a layer that computes in float8.

    Args:
        mode: "float8".
        source_name: as in `QuantizedDTypePolicy`.
        amax_history_length: over how many steps the largest values are remembered.
    """

    default_amax_history_length = 1024

    def __init__(self, mode, source_name=None, amax_history_length=1024):
        super().__init__(mode=mode, source_name=source_name)
        if not isinstance(amax_history_length, int):
            raise TypeError(
                "`amax_history_length` must be an integer. "
                + _errors.received(amax_history_length=amax_history_length)
            )
        self.amax_history_length = amax_history_length

    def get_config(self):
        return {**super().get_config(), "amax_history_length": self.amax_history_length}


class _BlockPolicy(QuantizedDTypePolicy):
    """Base of the policies with numbers in `mode`, such as "gptq/4/128"."""

    prefix: str
    fields: tuple[str, ...]
    allowed_bits: tuple[int, ...] = ()

    def _parsed(self, mode: str) -> str:
        prefix, *numbers = str(mode).split("/")
        form = "/".join([self.prefix, *(f"<{field}>" for field in self.fields)])
        problem = f"Invalid mode for {type(self).__name__}. Expected format '{form}'"
        if prefix != self.prefix or len(numbers) != len(self.fields):
            raise ValueError(f"{problem}, but got '{mode}'. {_errors.received(mode=mode)}")
        for field, text in zip(self.fields, numbers, strict=True):
            try:
                number = int(text)
            except ValueError:
                raise ValueError(
                    f"{problem}, where <{field}> must be an integer. {_errors.received(mode=mode)}"
                ) from None
            self._check(field, number, mode)
            setattr(self, field, number)
        return prefix

    def _check(self, field: str, number: int, mode: str) -> None:
        if field == "weight_bits":
            good, expected = number in self.allowed_bits, f"one of {self.allowed_bits}"
        else:
            good, expected = number == -1 or number > 0, "-1 (no blocks) or a positive integer"
        if not good:
            raise ValueError(
                f"Invalid {field} in mode. Expected {expected}, but got {number} from '{mode}'. "
                + _errors.received(mode=mode)
            )


class Int4DTypePolicy(_BlockPolicy):
    """The policy of a layer with weights of 4 bits that share a scale in blocks.

    Args:
        mode: "int4/<block_size>".
        source_name: as in `QuantizedDTypePolicy`.
    """

    prefix = "int4"
    fields = ("block_size",)


class GPTQDTypePolicy(_BlockPolicy):
    """The policy of a layer quantized with GPTQ.

    Args:
        mode: "gptq/<weight_bits>/<group_size>".
        source_name: as in `QuantizedDTypePolicy`.
    """

    prefix = "gptq"
    fields = ("weight_bits", "group_size")
    allowed_bits = (2, 3, 4, 8)


class AWQDTypePolicy(_BlockPolicy):
    """The policy of a layer quantized with AWQ.

    Args:
        mode: "awq/<weight_bits>/<group_size>".
        source_name: as in `QuantizedDTypePolicy`.
    """

    prefix = "awq"
    fields = ("weight_bits", "group_size")
    allowed_bits = (4,)


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """Policies by the path of a layer, with one for all other layers.

    Args:
        default_policy: the policy of paths that no key matches; None for that of new layers.
        policy_map: dict from a path, or a regular expression for whole paths, to a policy.
    """

    _keras_module = "keras.dtype_policies"
    __hash__ = None

    def __init__(self, default_policy=None, policy_map=None):
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError(
                "`default_policy` cannot be a `DTypePolicyMap`. "
                + _errors.received(default_policy=default_policy)
            )
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "If specified, `policy_map` must be a dict. "
                f"{_errors.received(policy_map=policy_map)} of type {type(policy_map)}"
            )
        get(default_policy)
        self._given_default = default_policy
        self._policies = policy_map or {}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of paths that no key matches."""
        return get(self._given_default)

    @property
    def name(self) -> str:
        """`map_` and the name of the default policy."""
        return f"map_{self.default_policy.name}"

    @property
    def compute_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.compute_dtype

    @property
    def variable_dtype(self) -> str:
        """That of the default policy."""
        return self.default_policy.variable_dtype

    @property
    def quantization_mode(self) -> str | None:
        """That of the default policy."""
        return self.default_policy.quantization_mode

    def __getitem__(self, key):
        if key in self._policies:
            return self._policies[key]
        matching = [pattern for pattern in self._policies if re.fullmatch(pattern, key)]
        if len(matching) > 1:
            raise ValueError(
                f"Path '{key}' matches multiple dtype policy specification keys: {matching}. "
                "Please make sure each path only matches at most one dtype policy specification "
                "key in the DTypePolicyMap."
            )
        return self._policies[matching[0]] if matching else self.default_policy

    def __setitem__(self, key, policy):
        if key in self._policies:
            raise ValueError(
                f"{key} already exist in the DTypePolicyMap with value {self._policies[key]}. "
                "Please make sure to not use duplicated keys."
            )
        try:
            self._policies[key] = get(policy)
        except (TypeError, ValueError) as error:
            raise ValueError(
                "Cannot interpret the assigned value by `keras.dtype_policies.get`. "
                f"{_errors.received(policy=policy)} of type {type(policy)}"
            ) from error

    def __delitem__(self, key):
        del self._policies[key]

    def __contains__(self, key):
        return key in self._policies

    def __len__(self):
        return len(self._policies)

    def __iter__(self) -> Iterator[str]:
        return iter(self._policies)

    def get_config(self):
        policies = _serialize.serialize_keras_object(self._policies)
        if self._given_default is None:
            # The policies are then to follow the default of whoever loads the config.
            for policy in policies.values():
                for key in policy["config"].keys() & {"name", "source_name"}:
                    policy["config"][key] = None
        return {
            "default_policy": _serialize.serialize_keras_object(self._given_default),
            "policy_map": policies,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        policies = _serialize.deserialize_keras_object(
            config["policy_map"], custom_objects=custom_objects
        )
        return cls(**{**config, "policy_map": policies})

    def __repr__(self):
        mapping = [(key, policy.name) for key, policy in self._policies.items()]
        return f"<DTypePolicyMap default_policy={self.default_policy.name}, mapping={mapping}>"


_QUANTIZED = {
    "float8": QuantizedFloat8DTypePolicy,
    "gptq": GPTQDTypePolicy,
    "awq": AWQDTypePolicy,
}


def _quantized(name: str) -> QuantizedDTypePolicy:
    """The policy of a name such as "int8_from_float32"."""
    mode, separator, source_name = name.partition("_from_")
    if not separator or "_from_" in source_name:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
            f"`QuantizedDTypePolicy`. {_errors.received(policy=name)}"
        )
    prefix = mode.partition("/")[0]
    if prefix == "int4" and prefix != mode:
        return Int4DTypePolicy(mode, source_name)
    return _QUANTIZED.get(prefix, QuantizedDTypePolicy)(mode, source_name)


def serialize(dtype_policy):
    """The config of a policy."""
    return _serialize.serialize_keras_object(dtype_policy)


def deserialize(config, custom_objects=None):
    """The policy of a config."""
    return _serialize.deserialize_keras_object(
        config, custom_objects=custom_objects, module_objects=globals()
    )


def get(identifier):
    """The policy meant by a name, a config or a dtype; None is that of new layers."""
    if identifier is None:
        return config.dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        is_quantized = identifier.startswith(QUANTIZATION_MODES)
        return _quantized(identifier) if is_quantized else DTypePolicy(identifier)
    try:
        return DTypePolicy(_dtypes.standardize_dtype(identifier))
    except (TypeError, ValueError):
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            + _errors.received(dtype=identifier)
        ) from None


def _new_global_policy(policy: Any) -> DTypePolicy:
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as "
            "'mixed_float16') or a `DTypePolicy` instance. "
            f"{_errors.received(policy=policy)} (of type {type(policy)})"
        )
    return get(policy)


config._policy_factory = _new_global_policy
