"""Functions of TensorFlow that tf.keras turned into layers of a graph, as ops."""

from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = []


class _Op(NamedTuple):
    """What takes the place of a function.

    Attributes:
        name: class name of the op.
        tensors: arguments that are given to the call, in order.
        settings: arguments that belong to the configuration: name there -> name here.
    """

    name: str
    tensors: tuple[str, ...] = ("x",)
    settings: Mapping[str, str] = {}


_AXIS = {"axis": "axis"}
_REDUCTION = {"axis": "axis", "keepdims": "keepdims"}

_UNARY = {
    "abs": "Absolute",
    "cos": "Cos",
    "erf": "Erf",
    "exp": "Exp",
    "floor": "Floor",
    "log": "Log",
    "log1p": "Log1p",
    "negative": "Negative",
    "reciprocal": "Reciprocal",
    "round": "Round",
    "rsqrt": "Rsqrt",
    "sigmoid": "Sigmoid",
    "sign": "Sign",
    "sin": "Sin",
    "softplus": "Softplus",
    "sqrt": "Sqrt",
    "square": "Square",
    "tanh": "Tanh",
}
_BINARY = {
    "add": "Add",
    "divide": "Divide",
    "equal": "Equal",
    "floordiv": "FloorDivide",
    "greater": "Greater",
    "greater_equal": "GreaterEqual",
    "less": "Less",
    "less_equal": "LessEqual",
    "logical_and": "LogicalAnd",
    "logical_or": "LogicalOr",
    "maximum": "Maximum",
    "minimum": "Minimum",
    "multiply": "Multiply",
    "not_equal": "NotEqual",
    "pow": "Power",
    "subtract": "Subtract",
    "truediv": "TrueDivide",
}
_REDUCTIONS = {"max": "Max", "mean": "Mean", "min": "Min", "prod": "Prod", "sum": "Sum"}
_ACTIVATIONS = {
    "elu": "Elu",
    "relu": "Relu",
    "relu6": "Relu6",
    "selu": "Selu",
    "sigmoid": "Sigmoid",
    "silu": "Silu",
    "softplus": "Softplus",
    "swish": "Silu",
    "tanh": "Tanh",
}

_OPS = {
    **{f"math.{key}": _Op(name) for key, name in _UNARY.items()},
    **{f"math.{key}": _Op(name, ("x", "y")) for key, name in _BINARY.items()},
    **{
        f"math.reduce_{key}": _Op(name, ("input_tensor",), _REDUCTION)
        for key, name in _REDUCTIONS.items()
    },
    **{f"nn.{key}": _Op(name, ("features",)) for key, name in _ACTIVATIONS.items()},
    "__operators__.add": _Op("Add", ("x", "y")),
    "cast": _Op("Cast", ("x",), {"dtype": "dtype"}),
    "clip_by_value": _Op("Clip", ("t", "clip_value_min", "clip_value_max")),
    "concat": _Op("Concatenate", ("values",), _AXIS),
    "expand_dims": _Op("ExpandDims", ("input",), _AXIS),
    "linalg.matmul": _Op("Matmul", ("a", "b")),
    "nn.bias_add": _Op("Add", ("value", "bias")),
    "nn.leaky_relu": _Op("LeakyRelu", ("features",), {"alpha": "negative_slope"}),
    "nn.softmax": _Op("Softmax", ("logits",), _AXIS),
    "repeat": _Op("Repeat", ("input",), {"repeats": "repeats", "axis": "axis"}),
    "reshape": _Op("Reshape", ("tensor",), {"shape": "newshape"}),
    "squeeze": _Op("Squeeze", ("input",), _AXIS),
    "stack": _Op("Stack", ("values",), _AXIS),
    "tile": _Op("Tile", ("input",), {"multiples": "repeats"}),
    "transpose": _Op("Transpose", ("a",), {"perm": "axes"}),
}
_GET_ITEM = "__operators__.getitem"


def is_function(class_name: Any) -> bool:
    """Whether a layer stands for a function of TensorFlow."""
    return class_name in ("SlicingOpLambda", "TFOpLambda", "TensorFlowOpLayer")


def as_op(config: dict[str, Any], calls: list[dict[str, Any]]) -> dict[str, Any]:
    """The configuration of the op that a layer stands for; `calls` are changed to be its calls.

    Raises:
        ValueError: a function that has no op here, or one that is called in another way.
    """
    function = config.get("function")
    if function != _GET_ITEM and function not in _OPS:
        raise _unknown(config)
    op = _OPS.get(function, _Op("GetItem"))
    settings: dict[str, Any] = {"name": config["name"]}
    for call in calls:
        given = {**call["kwargs"]}
        if function == _GET_ITEM:
            call["args"] = [call["args"][0], [_index(item) for item in given.pop("slice_spec")]]
        else:
            more = [given.pop(name) for name in op.tensors[1:] if name in given]
            call["args"] = [_constant(value) for value in (*call["args"], *more)]
        settings |= {op.settings[key]: given.pop(key) for key in op.settings if key in given}
        if len(call["args"]) < len(op.tensors) or any(
            v not in (None, False) for v in given.values()
        ):
            raise _unknown({**config, **given})
        call["kwargs"] = {}
    return {"module": "keras.ops", "class_name": op.name, "config": settings}


def _unknown(config: dict[str, Any]) -> ValueError:
    return ValueError(
        f"Layer {config.get('name')} of the model is a function of TensorFlow that is not known "
        f"here: '{config.get('function')}'. Build the model in code, with a function of "
        f"`keras.ops` in its place, and use `load_weights`. Received: config={config}"
    )


def _constant(value: Any) -> Any:
    """A list of numbers is an array."""
    first = value
    while isinstance(first, list) and first:
        first = first[0]
    if isinstance(value, list) and isinstance(first, (int, float)):
        return {"class_name": "__numpy__", "config": {"value": value, "dtype": "float32"}}
    return value


def _index(item: Any) -> Any:
    if isinstance(item, dict) and "start" in item:
        return {"class_name": "__slice__", "config": item}
    if isinstance(item, dict):
        return {"class_name": "__ellipsis__", "config": {}}
    return item
