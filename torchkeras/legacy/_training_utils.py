"""What Keras 1 had in `engine.training`: data and weights of `fit`, brought into one form."""

import numpy as np

from torchkeras import config

__all__ = [
    "check_array_lengths",
    "check_loss_and_target_compatibility",
    "collect_metrics",
    "standardize_class_weights",
    "standardize_input_data",
    "standardize_sample_or_class_weights",
    "standardize_sample_weights",
    "standardize_weights",
]


def standardize_input_data(data, names, shapes=None, check_batch_axis=True, exception_prefix=""):
    """A list of arrays, one for each name, with two axes at least.

    Args:
        data: an array, a list, or a dict by name.
        shapes: the shapes that are expected, with None for any size; or None.
        check_batch_axis: whether the first axis is compared too.
        exception_prefix: what the arrays are, for messages.

    Raises:
        ValueError: missing arrays, or others than expected.
    """
    place = f"Error when checking {exception_prefix}"
    arrays = _listed(data, names, place)
    arrays = [np.expand_dims(a, 1) if np.ndim(a) == 1 else np.asarray(a) for a in arrays]
    for name, array, shape in zip(names, arrays, shapes or [None] * len(names), strict=True):
        if shape is not None:
            _check_shape(array.shape, tuple(shape), check_batch_axis, f"{place}: expected {name}")
    return arrays


def _listed(data, names, place) -> list:
    if isinstance(data, dict):
        missing = [name for name in names if name not in data]
        if missing:
            raise ValueError(
                f'No data provided for "{missing[0]}". Need data for each key in: {list(names)}'
            )
        return [data[name] for name in names]
    if isinstance(data, list) and len(data) == len(names) and np.ndim(data[0]):
        return data
    if isinstance(data, list) and data and hasattr(data[0], "shape"):
        raise ValueError(
            f"{place}: the list of Numpy arrays that you are passing to your model is not the size "
            f"the model expected. Expected to see {len(names)} arrays. Received: {len(data)}"
        )
    if len(names) != 1:
        raise ValueError(
            f"{place}: data should be a Numpy array, or list/dict of Numpy arrays, one for each of "
            f"{list(names)}. Received: {type(data).__name__}"
        )
    return [np.asarray(data)]


def _check_shape(shape, expected, check_batch_axis, place) -> None:
    if len(shape) != len(expected):
        raise ValueError(
            f"{place} to have {len(expected)} dimensions. Received: array with shape {shape}"
        )
    first = 0 if check_batch_axis else 1
    for size, wanted in zip(shape[first:], expected[first:], strict=True):
        if wanted is not None and size != wanted:
            raise ValueError(f"{place} to have shape {expected}. Received: array of {shape}")


def standardize_sample_or_class_weights(x_weight, output_names, weight_type):
    """A list of weights, one for each output.

    Args:
        x_weight: for the one output, or a list, or a dict by the outputs' names.
        weight_type: "sample_weight" or "class_weight", for messages.

    Raises:
        ValueError: a list of another length.
        TypeError: neither list nor dict, for several outputs.
    """
    if x_weight is None or len(x_weight) == 0:
        return [None] * len(output_names)
    if len(output_names) == 1:
        if isinstance(x_weight, list) and len(x_weight) == 1:
            return x_weight
        named = isinstance(x_weight, dict) and output_names[0] in x_weight
        return [x_weight[output_names[0]] if named else x_weight]
    if isinstance(x_weight, list):
        if len(x_weight) != len(output_names):
            raise ValueError(
                f"Provided `{weight_type}` was a list of {len(x_weight)} elements, but the model "
                f"has {len(output_names)} outputs. You should provide one `{weight_type}` array "
                "per model output."
            )
        return x_weight
    if isinstance(x_weight, dict):
        return [x_weight.get(name) for name in output_names]
    raise TypeError(
        f"The model has multiple outputs, so `{weight_type}` should be either a list or a dict. "
        f"Received: {weight_type} of type {type(x_weight).__name__}"
    )


def standardize_class_weights(class_weight, output_names):
    """A list of class weights, one for each output."""
    return standardize_sample_or_class_weights(class_weight, output_names, "class_weight")


def standardize_sample_weights(sample_weight, output_names):
    """A list of sample weights, one for each output."""
    return standardize_sample_or_class_weights(sample_weight, output_names, "sample_weight")


def standardize_weights(y, sample_weight=None, class_weight=None, sample_weight_mode=None):
    """The weights of samples, or with mode "temporal" of their steps: those given, those of the
    samples' classes, or ones.

    Raises:
        ValueError: an unknown mode, weights of another shape, or a class without a weight.
    """
    if sample_weight_mode not in (None, "temporal"):
        raise ValueError(
            '"sample_weight_mode" should be None or "temporal". '
            f"Received: sample_weight_mode={sample_weight_mode!r}"
        )
    temporal = sample_weight_mode == "temporal"
    if temporal and y.ndim < 3:
        raise ValueError(
            "Timestep-wise sample weighting (use of sample_weight_mode='temporal') is restricted "
            f"to outputs that are at least 3D. Received: y of shape {y.shape}"
        )
    if sample_weight is not None:
        wanted = y.shape[: sample_weight.ndim]
        if sample_weight.ndim != 1 + temporal or sample_weight.shape != wanted:
            raise ValueError(
                f"Expected weights of shape {y.shape[: 1 + temporal]}. "
                f"Received: sample_weight of shape {sample_weight.shape}"
            )
        return sample_weight
    if isinstance(class_weight, dict):
        return _weights_of_classes(y, class_weight)
    return np.ones(y.shape[: 1 + temporal], dtype=config.floatx())


def _weights_of_classes(y, class_weight) -> np.ndarray:
    if y.ndim > 2:
        raise ValueError(
            f"class_weight not supported for 3+ dimensional targets. Received: y of {y.shape}"
        )
    classes = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)
    missing = {c for c in classes.tolist() if c not in class_weight}
    if missing:
        raise ValueError(
            "`class_weight` must contain all classes in the data. The classes "
            f"{missing} exist in the data but not in `class_weight`."
        )
    return np.array([class_weight[c] for c in classes.tolist()])


def check_array_lengths(inputs, targets, weights):
    """Checks that all arrays have as many rows.

    Raises:
        ValueError: they have not.
    """
    counts = {}
    for kind, arrays in (("input", inputs), ("target", targets), ("sample_weight", weights)):
        counts[kind] = sorted({len(array) for array in arrays or [] if array is not None})
        if len(counts[kind]) > 1:
            raise ValueError(
                f"All {kind} arrays (x) should have the same number of samples. "
                f"Received: {counts[kind]}"
            )
    if len({tuple(found) for found in counts.values() if found}) > 1:
        raise ValueError(
            "Input arrays should have the same number of samples as target arrays and weights. "
            f"Received: {counts}"
        )


_SAME_SHAPE = ("mean_square_error", "binary_crossentropy", "categorical_crossentropy")


def check_loss_and_target_compatibility(targets, losses, output_shapes):
    """Checks that targets are what the losses compare outputs of these shapes with.

    Raises:
        ValueError: they are not.
    """
    for y, loss, shape in zip(targets, losses, output_shapes, strict=True):
        name = getattr(loss, "__name__", None)
        if name == "categorical_crossentropy" and y.shape[1] == 1:
            raise ValueError(
                f"You are passing a target array of shape {y.shape} while using as loss "
                "`categorical_crossentropy`. It expects targets to be binary matrices (1s and 0s) "
                "of shape (samples, classes); use `sparse_categorical_crossentropy` for integers."
            )
        if name not in _SAME_SHAPE:
            continue
        if any(b is not None and a != b for a, b in zip(y.shape[1:], shape[1:], strict=False)):
            raise ValueError(
                f"A target array with shape {y.shape} was passed for an output of shape {shape} "
                f"while using as loss `{name}`. This loss expects targets to have the same shape "
                "as the output."
            )


def collect_metrics(metrics, output_names):
    """A list of the metrics of each output.

    Args:
        metrics: a list for all outputs, or a dict by the outputs' names.

    Raises:
        TypeError: neither.
    """
    if not metrics:
        return [[] for _ in output_names]
    if isinstance(metrics, list):
        return [list(metrics) for _ in output_names]
    if isinstance(metrics, dict):
        found = [metrics.get(name, []) for name in output_names]
        return [own if isinstance(own, list) else [own] for own in found]
    raise TypeError(
        f"Type of `metrics` argument not understood. Expected a list or dictionary. "
        f"Received: metrics={metrics}"
    )
