"""What a layer expects of its inputs, and the one place that checks it."""

from torchkeras import _dtypes, tree

__all__ = ["InputSpec"]


class InputSpec:
    """Rank, dtype and shape that a layer expects of one input; what is None is free.

    Args:
        dtype: name of the dtype.
        shape: tuple with None for free sizes.
        ndim, max_ndim, min_ndim: rank, exactly or within bounds.
        axes: dict from axis to size.
        allow_last_axis_squeeze: whether a last axis of size 1 may be missing or additional.
        name: the key expected where inputs come as a dict.
        optional: whether the input may be None.
    """

    def __init__(
        self,
        dtype=None,
        shape=None,
        ndim=None,
        max_ndim=None,
        min_ndim=None,
        axes=None,
        allow_last_axis_squeeze=False,
        name=None,
        optional=False,
    ):
        self.dtype = None if dtype is None else _dtypes.standardize_dtype(dtype)
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(k): None if v is None else int(v) for k, v in (axes or {}).items()}
        except (AttributeError, TypeError, ValueError):
            raise TypeError(
                f"Argument `axes` must be a dict with integer keys. Received: axes={axes}"
            ) from None
        limit = self.ndim if self.ndim is not None else self.max_ndim
        if self.axes and limit is not None and max(self.axes) > limit - 1:
            raise ValueError(
                f"Axis {max(self.axes)} is greater than the maximum allowed value: {limit - 1}"
            )

    def __repr__(self):
        given = {key: value for key, value in self.get_config().items() if value}
        return f"InputSpec({', '.join(f'{key}={value}' for key, value in given.items())})"

    def get_config(self):
        return {
            "dtype": self.dtype,
            "shape": self.shape,
            "ndim": self.ndim,
            "max_ndim": self.max_ndim,
            "min_ndim": self.min_ndim,
            "axes": self.axes,
            "name": self.name,
            "optional": self.optional,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def check_inputs(input_spec, inputs, layer_name: str) -> None:
    """Raises ValueError, naming the layer, where `inputs` are not what `input_spec` (one, or a
    nest) expects."""
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(spec.name is not None for spec in specs):
        missing = [s.name for s in specs if s.name not in inputs and not s.optional]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}". You passed a data dictionary with keys '
                f"{list(inputs)}. "
                f"Expected the following keys: {[spec.name for spec in specs]}"
            )
        inputs = [inputs.get(spec.name) for spec in specs]
    else:
        inputs = tree.flatten(inputs)
    if len(inputs) != len(specs):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), but it received '
            f"{len(inputs)} input tensors. "
            f"Inputs received: {inputs}"
        )
    for index, (x, spec) in enumerate(zip(inputs, specs, strict=True)):
        problem = None if x is None and spec.optional else _mismatch(spec, x)
        if problem is not None:
            raise ValueError(
                f'Input {index} of layer "{layer_name}" is incompatible with the layer: {problem}'
            )


def _mismatch(spec: InputSpec, x) -> str | None:
    if not hasattr(x, "shape"):
        return f"expected a tensor. Received: {x} (of type {type(x)})"
    shape = tuple(x.shape)
    rank = len(shape)
    if spec.ndim is not None and rank != spec.ndim and not _squeezable(spec, shape):
        return f"expected ndim={spec.ndim}, found ndim={rank}. Full shape received: {shape}"
    if spec.max_ndim is not None and rank > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={rank}"
    if spec.min_ndim is not None and rank < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={rank}. Full shape received: {shape}"
    if spec.dtype is not None and _dtypes.standardize_dtype(x.dtype) != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={x.dtype}"
    for axis, size in spec.axes.items():
        if size is not None and shape[axis] not in (size, None):
            return (
                f"expected axis {axis} of input shape to have value {size}, "
                f"but received input with shape {shape}"
            )
    if spec.shape is not None and rank == spec.ndim:
        if any(
            want is not None and have not in (want, None)
            for want, have in zip(spec.shape, shape, strict=True)
        ):
            return f"expected shape={spec.shape}, found shape={shape}"
    return None


def _squeezable(spec: InputSpec, shape: tuple) -> bool:
    if not spec.allow_last_axis_squeeze or spec.shape is None:
        return False
    return (bool(shape) and shape[-1] == 1 and len(shape) == spec.ndim + 1) or (
        bool(spec.shape) and spec.shape[-1] == 1 and len(shape) == spec.ndim - 1
    )
