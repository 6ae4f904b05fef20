"""Functions and small classes of Keras 1 and 2 that have no counterpart today."""

import functools
import inspect
import json
import os
import pathlib
import queue
import string
import tempfile
import threading

import numpy as np
import torch

from torchkeras import (
    backend,
    constraints,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    regularizers,
    tree,
    utils,
)
from torchkeras._errors import import_optional, warn_once
from torchkeras._op import computed_on_symbols
from torchkeras._serialize import deserialize_keras_object
from torchkeras.datasets import _files

__all__ = []


# ---------------------------------------------------------------- constraints and regularizers


class RadialConstraint(constraints.Constraint):
    """Makes each kernel of a convolution depend on the distance from its middle only."""

    def __call__(self, w):
        size, columns = w.shape[:2]
        if size != columns or size % 2 == 0:
            raise ValueError(f"Expected kernels of odd size. Received: w of shape {tuple(w.shape)}")
        places = torch.arange(size, device=w.device)
        ring = (places - size // 2).abs()
        ring = torch.maximum(ring[:, None], ring[None, :])
        diagonal = torch.arange(size // 2, -1, -1, device=w.device)
        return w[diagonal, diagonal][size // 2 - ring]


class L1L2Regularizer(regularizers.L1L2):
    """`L1L2` by its name in Keras 1."""

    _keras_name = "L1L2"


def l1l2(l1=0.01, l2=0.01):
    """Keras 1's name of `L1L2`."""
    return regularizers.L1L2(l1=l1, l2=l2)


def activity_l1(l=0.01):  # noqa: E741 - Keras's name
    """Keras 1's regularizer of outputs, by absolute values."""
    return regularizers.L1(l)


def activity_l2(l=0.01):  # noqa: E741 - Keras's name
    """Keras 1's regularizer of outputs, by squares."""
    return regularizers.L2(l)


# ---------------------------------------------------------------- texts


def base_filter():
    """What Keras 1 took out of texts: punctuation but the apostrophe, tabs and new lines."""
    return string.punctuation.replace("'", "") + "\t\n"


# ---------------------------------------------------------------- initializations


def uniform(shape, scale=0.05, name=None, dim_ordering="th"):
    """A variable with values between -scale and scale, whatever the order of its axes."""
    return backend.variable(initializers.RandomUniform(-scale, scale)(tuple(shape)), name=name)


def normal(shape, scale=0.05, name=None, dim_ordering="th"):
    """A variable with normal values of deviation scale, whatever the order of its axes."""
    return backend.variable(initializers.RandomNormal(stddev=scale)(tuple(shape)), name=name)


# What the variance is divided by: numerator, and how much inputs and outputs count.
_SCALES = {
    "glorot_normal": (normal, 2.0, (1, 1)),
    "glorot_uniform": (uniform, 6.0, (1, 1)),
    "he_normal": (normal, 2.0, (1, 0)),
    "he_uniform": (uniform, 6.0, (1, 0)),
    "lecun_uniform": (uniform, 3.0, (1, 0)),
}


def _scaled(kind):
    def initialize(shape, name=None, dim_ordering="th"):
        fan_in, fan_out = get_fans(shape, dim_ordering)
        scale = (numerator / (share_in * fan_in + share_out * fan_out)) ** 0.5
        return make(shape, scale, name=name)

    make, numerator, (share_in, share_out) = _SCALES[kind]
    initialize.__name__ = kind
    initialize.__doc__ = f"A variable, `{kind}` by its numbers of inputs and outputs."
    return initialize


def _variable_of(name):
    def initialize(shape, name=None, dim_ordering="th"):
        return backend.variable(initializer(tuple(shape)), name=name)

    initializer = initializers.get(name)
    initialize.__name__ = name
    initialize.__doc__ = f"A variable with the values of the initializer `{name}`."
    return initialize


INITIALIZATIONS = {name: _scaled(name) for name in _SCALES}


def get_initialization(identifier, **kwargs):
    """A function `(shape, name=None)` that gives a variable, by a name or a function."""
    if callable(identifier):
        return identifier
    return INITIALIZATIONS.get(identifier) or OTHERS.get(identifier) or _variable_of(identifier)


def zero(shape, name=None, dim_ordering="th"):
    """A variable of zeros, whatever the order of its axes."""
    return backend.zeros(shape, name=name)


def one(shape, name=None, dim_ordering="th"):
    """A variable of ones, whatever the order of its axes."""
    return backend.ones(shape, name=name)


def identity(shape, scale=1, name=None, dim_ordering="th"):
    """A variable with `scale` on the diagonal, whatever the order of its axes."""
    return backend.variable(scale * np.identity(shape[0]), name=name)


def orthogonal(shape, scale=1.1, name=None, dim_ordering="th"):
    """A variable whose rows or columns are orthogonal, whatever the order of its axes."""
    return backend.variable(initializers.Orthogonal(gain=scale)(tuple(shape)), name=name)


OTHERS = {
    "identity": identity,
    "normal": normal,
    "one": one,
    "orthogonal": orthogonal,
    "uniform": uniform,
    "zero": zero,
}


def get_fans(shape, dim_ordering="th"):
    """How many inputs and outputs a value of a kernel of that shape has.

    Args:
        dim_ordering: "th" for kernels (outputs, inputs, rows, columns), "tf" for (rows, columns,
            inputs, outputs).

    Raises:
        ValueError: another order.
    """
    if len(shape) == 2:
        return shape[0], shape[1]
    if len(shape) not in (4, 5):
        side = int(np.sqrt(np.prod(shape)))
        return side, side
    if dim_ordering == "th":
        receptive = int(np.prod(shape[2:]))
        return shape[1] * receptive, shape[0] * receptive
    if dim_ordering != "tf":
        raise ValueError(f"Invalid dim_ordering. Received: dim_ordering={dim_ordering!r}")
    receptive = int(np.prod(shape[:-2]))
    return shape[-2] * receptive, shape[-1] * receptive


# ---------------------------------------------------------------- losses and metrics


class Reduction:
    """Names of the ways in which a loss makes one number of many."""

    AUTO = "sum_over_batch_size"
    NONE = "none"
    SUM = "sum"
    SUM_OVER_BATCH_SIZE = "sum_over_batch_size"

    @classmethod
    def all(cls):
        """All names."""
        return (cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key):
        """Checks a name.

        Raises:
            ValueError: an unknown one.
        """
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key: {key}. Expected keys are {cls.all()}")


def is_categorical_crossentropy(loss):
    """Whether a loss is the categorical crossentropy."""
    names = ("categorical_crossentropy", "CategoricalCrossentropy")
    return loss in names or getattr(loss, "__name__", type(loss).__name__) in names


@computed_on_symbols
def accuracy(y_true, y_pred):
    """Whether values are equal."""
    return (y_true == y_pred).to(torch.get_default_dtype())


@computed_on_symbols
def cosine_proximity(y_true, y_pred, axis=-1):
    """Cosine of the angle between vectors."""
    return -losses.cosine_similarity(y_true, y_pred, axis=axis)


def precision(y_true, y_pred):
    """Share of the positive predictions of a batch that are right."""
    hits = ops.sum(ops.round(ops.clip(y_true * y_pred, 0, 1)))
    return hits / (ops.sum(ops.round(ops.clip(y_pred, 0, 1))) + backend.epsilon())


def recall(y_true, y_pred):
    """Share of the positives of a batch that are found."""
    hits = ops.sum(ops.round(ops.clip(y_true * y_pred, 0, 1)))
    return hits / (ops.sum(ops.round(ops.clip(y_true, 0, 1))) + backend.epsilon())


def fbeta_score(y_true, y_pred, beta=1):
    """Weighted harmonic mean of precision and recall of a batch."""
    if beta < 0:
        raise ValueError(f"The lowest choosable beta is zero. Received: beta={beta}")
    p, r = precision(y_true, y_pred), recall(y_true, y_pred)
    return (1 + beta**2) * (p * r) / (beta**2 * p + r + backend.epsilon())


def fmeasure(y_true, y_pred):
    """Harmonic mean of precision and recall of a batch."""
    return fbeta_score(y_true, y_pred, beta=1)


def matthews_correlation(y_true, y_pred):
    """Matthews's correlation of the predictions of a batch."""
    found = ops.round(ops.clip(y_pred, 0, 1))
    positive = ops.round(ops.clip(y_true, 0, 1))
    tp, tn = ops.sum(positive * found), ops.sum((1 - positive) * (1 - found))
    fp, fn = ops.sum((1 - positive) * found), ops.sum(positive * (1 - found))
    below = ops.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return (tp * tn - fp * fn) / (below + backend.epsilon())


class EigenvalueRegularizer(regularizers.Regularizer):
    """A cost of the greatest singular value of a matrix, found by nine steps of the power method.

    Args:
        k: factor.
    """

    def __init__(self, k):
        self.k = float(k)

    def __call__(self, x):
        if x.ndim > 2:
            raise ValueError(
                "EigenvalueRegularizer is only available for tensors of rank 2. "
                f"Received: x of shape {tuple(x.shape)}"
            )
        covariance = x.T @ x
        vector = covariance @ covariance.new_ones(len(covariance), 1)
        for _ in range(8):
            vector = covariance @ vector
        value = (covariance @ vector).T @ vector / (vector.T @ vector)
        return self.k * value.sqrt().sum()

    def get_config(self):
        """The arguments of the constructor."""
        return {"k": self.k}


class PyMetric(metrics.Metric):
    """Base of metrics that compute in Python: `update_state` gets tensors on the CPU, outside of
    any gradient, which NumPy and scikit-learn take, and `result` may give a plain number.

    Subclasses define `update_state`, `result` and `reset_state`.
    """

    def __init__(self, name=None, dtype=None, **kwargs):
        super().__init__(name=name, dtype=dtype, **kwargs)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "update_state" in vars(cls):
            cls.update_state = _on_the_host(cls.update_state)


def _on_the_host(update_state):
    @functools.wraps(update_state)
    def updated(self, *args, **kwargs):
        def plain(value):
            return value.detach().cpu() if isinstance(value, torch.Tensor) else value

        args, kwargs = tree.map_structure(plain, (args, kwargs))
        return update_state(self, *args, **kwargs)

    return updated


def clone_metric(metric):
    """A metric with the same configuration."""
    return (
        type(metric).from_config(metric.get_config()) if hasattr(metric, "get_config") else metric
    )


def clone_metrics(metrics):
    """Metrics with the same configurations."""
    return [clone_metric(metric) for metric in metrics]


class MeanTensor(metrics.Metric):
    """The mean, element by element, of the tensors it is given."""

    def __init__(self, name="mean_tensor", dtype=None, shape=None):
        super().__init__(name=name, dtype=dtype)
        self.shape = shape
        self.total = self.count = None
        if shape is not None:
            self._make(tuple(shape))

    def _make(self, shape):
        self.shape = shape
        self.total = self.add_variable(shape=shape, initializer="zeros", name="total")
        self.count = self.add_variable(shape=shape, initializer="zeros", name="count")

    def update_state(self, values, sample_weight=None):
        """Adds a tensor."""
        values = ops.cast(ops.convert_to_tensor(values), self.dtype)
        if self.total is None:
            self._make(tuple(values.shape))
        weight = torch.ones_like(values)
        if sample_weight is not None:
            given = ops.cast(ops.convert_to_tensor(sample_weight), self.dtype)
            weight = given.reshape(*given.shape, *(1,) * (values.ndim - given.ndim)) * weight
        self.total.assign_add(values * weight)
        self.count.assign_add(weight)

    def result(self):
        """The mean."""
        if self.total is None:
            raise ValueError(
                "MeanTensor does not have any value yet. Please call the MeanTensor instance or "
                "use `.update_state(value)` before retrieving the result."
            )
        return self.total / torch.clamp(self.count, min=backend.epsilon())

    def reset_state(self):
        """Forgets what it has seen."""
        for v in self.variables:
            v.assign(torch.zeros_like(v))


# ---------------------------------------------------------------- optimizers


def clip_norm(g, c, n):
    """A gradient scaled down where its norm `n` is above `c`."""
    return g if not c or c <= 0 else ops.where(n >= c, g * (c / n), g)


def optimizer_from_config(config, custom_objects=None):
    """The optimizer of a configuration."""
    return optimizers.deserialize(config, custom_objects=custom_objects)


# ---------------------------------------------------------------- models


def model_from_config(config, custom_objects=None):
    """The model of a configuration.

    Raises:
        TypeError: a list, which is the configuration of a `Sequential`.
    """
    if isinstance(config, list):
        raise TypeError(
            "`model_from_config` expects a dictionary, not a list. Maybe you meant to use "
            f"`Sequential.from_config(config)`? Received: config={config}"
        )
    return deserialize_keras_object(config, custom_objects=custom_objects)


def model_from_yaml(yaml_string, custom_objects=None):
    """The model of a text that `to_yaml` made."""
    try:
        config = json.loads(yaml_string)
    except ValueError:
        yaml = import_optional("yaml", "`model_from_yaml`")
        config = yaml.safe_load(yaml_string)
    return models.model_from_json(json.dumps(config), custom_objects=custom_objects)


def multi_gpu_model(model, gpus=None, cpu_merge=True, cpu_relocation=False):
    """The model itself: for several devices there is torch's `DistributedDataParallel`."""
    warn_once(
        "`multi_gpu_model` gives the model itself; for several devices, see "
        "`torch.nn.parallel.DistributedDataParallel`."
    )
    return model


def print_summary(model, line_length=None, positions=None, print_fn=None):
    """The same as `model.summary()`."""
    model.summary(line_length=line_length, positions=positions, print_fn=print_fn)


def plot(model, to_file="model.png", show_shapes=False, show_layer_names=True):
    """Keras 1's name of `plot_model`."""
    return utils.plot_model(
        model, to_file=to_file, show_shapes=show_shapes, show_layer_names=show_layer_names
    )


class Drawing:
    """A picture of a model, with the methods of pydot that scripts use."""

    def __init__(self, model, options):
        self.model = model
        self.options = options

    def create(self, prog="dot", format="png"):
        """The picture as bytes, in the format "png" or "svg"."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / f"model.{format}"
            utils.plot_model(self.model, to_file=str(path), **self.options)
            return path.read_bytes()

    def create_svg(self, prog="dot"):
        """The picture as SVG."""
        return self.create(prog, "svg")

    def create_png(self, prog="dot"):
        """The picture as PNG."""
        return self.create(prog, "png")

    def write(self, path, prog="dot", format="png"):
        """Writes the picture to a file."""
        pathlib.Path(path).write_bytes(self.create(prog, format))
        return True


def model_to_dot(model, show_shapes=False, show_layer_names=True, rankdir="TB", **options):
    """A model as a `pydot.Dot`; without pydot as a picture that can be created and written."""
    options.update(show_shapes=show_shapes, show_layer_names=show_layer_names, rankdir=rankdir)
    try:
        return utils.model_to_dot(model, **options)
    except ImportError:
        return Drawing(model, options)


def count_params(weights):
    """Number of values in some weights."""
    return int(sum(np.prod(tuple(w.shape)) for w in {id(w): w for w in weights}.values()))


def count_total_params(layers, layer_set=None):
    """Number of trained and of other values in the weights of layers."""
    trained = [w for layer in layers for w in layer.trainable_weights]
    others = [w for layer in layers for w in layer.non_trainable_weights]
    return count_params(trained), count_params(others)


def convert_kernel(kernel):
    """A kernel with its spatial axes reversed: Theano's convolution was the other way round."""
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(f"Invalid kernel shape: {kernel.shape}")
    return np.copy(kernel[(slice(None, None, -1),) * (kernel.ndim - 2)])


def convert_all_kernels_in_model(model):
    """Reverses the kernels of all convolutions of a model."""
    names = {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"}
    for layer in model.layers:
        if {base.__name__ for base in type(layer).__mro__} & names:
            layer.kernel.assign(convert_kernel(layer.kernel.numpy()))


def convert_dense_weights_data_format(
    dense, previous_feature_map_shape, target_data_format="channels_first"
):
    """Reorders the weights of a Dense layer that follows a Flatten, for the other data format."""
    kernel, *rest = dense.get_weights()
    shape = tuple(previous_feature_map_shape)
    for i in range(kernel.shape[1]):
        column = kernel[:, i].reshape(shape)
        to_last = target_data_format != "channels_first"
        kernel[:, i] = np.transpose(column, (1, 2, 0) if to_last else (2, 0, 1)).reshape(-1)
    dense.set_weights([kernel, *rest])


# ---------------------------------------------------------------- numpy


def probas_to_classes(y_pred):
    """Class numbers from probabilities."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return np.array([1 if p > 0.5 else 0 for p in y_pred])


def categorical_probas_to_classes(p):
    """The number of the largest probability of each row."""
    return np.argmax(p, axis=1)


def class_accuracy(p, y):
    """Share of equal values."""
    return float(np.mean(np.asarray(p) == np.asarray(y)))


def binary_logloss(p, y):
    """Mean crossentropy of probabilities with 0 and 1."""
    p, y = np.clip(p, 1e-15, 1 - 1e-15), np.asarray(y)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def multiclass_logloss(p, y):
    """Mean crossentropy of probabilities with class numbers."""
    return float(-np.mean([np.log(row[label]) for row, label in zip(p, y, strict=True)]))


def to_ordinal(y, num_classes=None, dtype="float32"):
    """Rows of ones up to each class number, zeros after it, for ordinal regression."""
    y = np.asarray(y, dtype="int")
    shape = y.shape[:-1] if y.ndim > 1 and y.shape[-1] == 1 else y.shape
    y = y.reshape(-1)
    count = int(num_classes or y.max() + 1)
    ordinal = (np.arange(count - 1)[None, :] < y[:, None]).astype(dtype)
    return ordinal.reshape(*shape, count - 1)


def warmstart_embedding_matrix(
    base_vocabulary, new_vocabulary, base_embeddings, new_embeddings_initializer="uniform"
):
    """Vectors for a new vocabulary: those of the old one where a word is known there."""
    old = {word: i for i, word in enumerate(base_vocabulary)}
    base = np.asarray(base_embeddings)
    make = initializers.get(new_embeddings_initializer)
    made = backend.get_value(make((len(new_vocabulary), base.shape[1]))).copy()
    for i, word in enumerate(new_vocabulary):
        if word in old:
            made[i] = base[old[word]]
    return made


# ---------------------------------------------------------------- sizes of convolutions


def normalize_tuple(value, n, name):
    """A tuple of `n` integers.

    Raises:
        ValueError: other values.
    """
    values = (value,) * n if isinstance(value, int) else tuple(value)
    if len(values) != n or not all(isinstance(v, (int, np.integer)) for v in values):
        raise ValueError(
            f"The `{name}` argument must be a tuple of {n} integers. Received: {name}={value}"
        )
    return values


def normalize_padding(value):
    """A padding in lower case.

    Raises:
        ValueError: an unknown one.
    """
    if str(value).lower() not in ("valid", "same", "causal"):
        raise ValueError(
            "The `padding` argument must be one of 'valid', 'same' (or 'causal' for Conv1D). "
            f"Received: {value}"
        )
    return value.lower()


def conv_output_length(input_length, filter_size, padding, stride, dilation=1):
    """Length of what a convolution gives."""
    if input_length is None:
        return None
    width = filter_size + (filter_size - 1) * (dilation - 1)
    length = {
        "same": input_length,
        "causal": input_length,
        "valid": input_length - width + 1,
        "full": input_length + width - 1,
    }[padding]
    return (length + stride - 1) // stride


def conv_input_length(output_length, filter_size, padding, stride):
    """Length of what a convolution of that output was given."""
    if output_length is None:
        return None
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[padding]
    return (output_length - 1) * stride - 2 * pad + filter_size


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding=None, dilation=1):
    """Length of what a transposed convolution gives."""
    if dim_size is None:
        return None
    width = kernel_size + (kernel_size - 1) * (dilation - 1)
    if output_padding is None:
        if padding == "valid":
            return dim_size * stride_size + max(width - stride_size, 0)
        if padding == "full":
            return dim_size * stride_size - (stride_size + width - 2)
        return dim_size * stride_size
    pad = {"same": width // 2, "valid": 0, "full": width - 1}[padding]
    return (dim_size - 1) * stride_size + width - 2 * pad + output_padding


def np_conv_output_length(input_length, filter_size, border_mode, stride, dilation=1):
    """Length of what a convolution gives, with Keras 1's name of the padding."""
    return conv_output_length(input_length, filter_size, border_mode, stride, dilation)


def np_conv_input_length(output_length, filter_size, border_mode, stride):
    """Length of what a convolution was given, with Keras 1's name of the padding."""
    return conv_input_length(output_length, filter_size, border_mode, stride)


def np_convert_kernel(kernel, dim_ordering=None):
    """A kernel with its spatial axes reversed.

    Args:
        dim_ordering: "th" where these are the last axes, "tf" where they are the first; None: by
            `image_data_format`.
    """
    kernel = np.asarray(kernel)
    if not 4 <= kernel.ndim <= 5:
        raise ValueError(f"Invalid kernel shape: {kernel.shape}")
    if (dim_ordering or backend.image_dim_ordering()) == "tf":
        return convert_kernel(kernel)
    return np.copy(
        kernel[(slice(None), slice(None), *(slice(None, None, -1),) * (kernel.ndim - 2))]
    )


# ---------------------------------------------------------------- generic_utils


def to_list(x, allow_tuple=False):
    """A list: `x` itself if it is one, else of `x`."""
    if isinstance(x, list):
        return x
    return list(x) if allow_tuple and isinstance(x, tuple) else [x]


def unpack_singleton(x):
    """The one item of a list of one, else `x`."""
    return x[0] if isinstance(x, (list, tuple)) and len(x) == 1 else x


def is_all_none(iterable_or_element):
    """Whether there is nothing but None."""
    items = iterable_or_element
    return all(x is None for x in (items if isinstance(items, (list, tuple)) else [items]))


def slice_arrays(arrays, start=None, stop=None):
    """Rows of an array or of each of a list: from `start` to `stop`, or those listed in `start`."""
    if arrays is None:
        return None
    many = isinstance(arrays, list)
    rows = start if hasattr(start, "__len__") else slice(start, stop)
    found = [None if x is None else x[rows] for x in (arrays if many else [arrays])]
    return found if many else found[0]


def has_arg(fn, name, accept_all=False):
    """Whether a function takes an argument of that name."""
    parameters = inspect.signature(fn).parameters
    if accept_all and any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return True
    return name in parameters


def getargspec(fn):
    """The arguments of a function, see `inspect.getfullargspec`."""
    return inspect.getfullargspec(fn)


def object_list_uid(object_list):
    """A text that tells lists of objects apart."""
    return ", ".join(str(abs(id(x))) for x in to_list(object_list, allow_tuple=True))


def get_from_module(identifier, module_params, module_name, instantiate=False, kwargs=None):
    """The object of that name in a namespace, made with `kwargs` where it is a class.

    Raises:
        ValueError: there is none.
    """
    if not isinstance(identifier, str):
        return identifier
    if identifier not in module_params:
        raise ValueError(f"Invalid {module_name}: {identifier}")
    found = module_params[identifier]
    return found(**(kwargs or {})) if instantiate else found


def make_tuple(*args):
    """The arguments as a tuple."""
    return args


def check_for_unexpected_keys(name, input_dict, expected_values):
    """Checks the keys of a dict.

    Raises:
        ValueError: an unknown one.
    """
    unknown = set(input_dict) - set(expected_values)
    if unknown:
        raise ValueError(
            f"Unknown entries in {name} dictionary: {sorted(unknown)}. Only expected following "
            f"keys: {sorted(expected_values)}"
        )


def transpose_shape(shape, target_format, spatial_axes):
    """A shape with channels last, in another data format."""
    if target_format == "channels_first":
        return type(shape)(
            (*shape[: spatial_axes[0]], shape[-1], *[shape[i] for i in spatial_axes])
        )
    return shape


# ---------------------------------------------------------------- data


class HDF5Matrix:
    """Rows of a dataset in an HDF5 file, which are read when they are asked for.

    Args:
        normalizer: a function of the rows that are read.
    """

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        h5py = import_optional("h5py", "`HDF5Matrix`")
        self._file = h5py.File(datapath, "r")
        self.data = self._file[dataset]
        self.start = start
        self.end = self.data.shape[0] if end is None else end
        self.normalizer = normalizer

    def __len__(self):
        return self.end - self.start

    def __getitem__(self, key):
        if isinstance(key, slice):
            start, stop, step = key.indices(len(self))
            rows = self.data[start + self.start : stop + self.start : step]
        elif isinstance(key, (int, np.integer)):
            rows = self.data[self.start + int(key) % len(self)]
        else:
            # A file reads increasing places only, each once.
            unique, back = np.unique(np.asarray(key) + self.start, return_inverse=True)
            rows = self.data[unique][back]
        return rows if self.normalizer is None else self.normalizer(rows)

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self[:], dtype=dtype)

    @property
    def shape(self):
        """Shape of the rows."""
        return (len(self), *self.data.shape[1:])

    @property
    def dtype(self):
        """Dtype of the rows in the file."""
        return self.data.dtype

    @property
    def ndim(self):
        """Number of axes."""
        return self.data.ndim

    @property
    def size(self):
        """Number of values."""
        return int(np.prod(self.shape))


def get_test_data(
    num_train=1000,
    num_test=500,
    input_shape=(10,),
    output_shape=(2,),
    classification=True,
    num_classes=2,
):
    """Random data in which classes, or targets, can be told from the inputs."""
    count = num_train + num_test
    if classification:
        y = np.random.randint(0, num_classes, size=(count,))
        x = y.reshape(-1, *(1,) * len(input_shape)) + np.random.normal(
            scale=0.7, size=(count, *input_shape)
        )
    else:
        centre = np.random.random((count,))
        x = centre.reshape(-1, *(1,) * len(input_shape)) + np.random.normal(
            scale=0.7, size=(count, *input_shape)
        )
        y = centre.reshape(-1, *(1,) * len(output_shape)) + np.random.normal(
            scale=0.7, size=(count, *output_shape)
        )
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def keras_test(func):
    """The function, after which the session is cleared."""

    @functools.wraps(func)
    def wrapper(*args, **kwargs):
        try:
            return func(*args, **kwargs)
        finally:
            backend.clear_session()

    return wrapper


class SequenceEnqueuer:
    """Reads items ahead in a thread.

    Args:
        sequence: what is read.
        use_multiprocessing: changes nothing; the thread runs beside the training in any case.
    """

    def __init__(self, sequence, use_multiprocessing=False):
        self.sequence = sequence
        self.use_multiprocessing = use_multiprocessing
        self._stop = threading.Event()
        self.queue = None
        self._thread = None

    def _items(self):
        yield from self.sequence

    def start(self, workers=1, max_queue_size=10, wait_time=0.05):
        """Starts to read.

        Args:
            workers: changes nothing; one thread reads, so that the order stays.
            max_queue_size: how many items are held ready.
            wait_time: seconds between two looks whether there is room again.
        """
        self.queue = queue.Queue(max_queue_size)
        self._stop.clear()
        self._thread = threading.Thread(target=self._read, args=(wait_time,), daemon=True)
        self._thread.start()

    def _read(self, wait_time):
        for item in self._items():
            while not self._stop.is_set():
                try:
                    self.queue.put(item, timeout=wait_time)
                    break
                except queue.Full:
                    continue
            if self._stop.is_set():
                return
        self._stop.set()

    def is_running(self):
        """Whether it reads."""
        return self._thread is not None and not self._stop.is_set()

    def stop(self, timeout=None):
        """Ends reading."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def get(self):
        """The items, as they come."""
        while not (self._stop.is_set() and self.queue.empty()):
            try:
                yield self.queue.get(timeout=0.05)
            except queue.Empty:
                continue


class GeneratorEnqueuer(SequenceEnqueuer):
    """Reads a generator ahead in a thread.

    Args:
        generator: what is read.
        random_seed, wait_time: change nothing; they are about processes, of which there are none.
    """

    def __init__(self, generator, use_multiprocessing=False, random_seed=None, wait_time=None):
        super().__init__(generator, use_multiprocessing)


class OrderedEnqueuer(SequenceEnqueuer):
    """Reads a `Sequence` ahead in a thread, again and again.

    Args:
        shuffle: whether each pass has another order.
    """

    def __init__(self, sequence, use_multiprocessing=False, shuffle=False):
        super().__init__(sequence, use_multiprocessing)
        self.shuffle = shuffle
        self._passed = threading.Event()

    def _items(self):
        while not self._stop.is_set():
            order = np.arange(len(self.sequence))
            if self.shuffle:
                np.random.shuffle(order)
            for index in order:
                yield self.sequence[int(index)]
            if hasattr(self.sequence, "on_epoch_end"):
                self.sequence.on_epoch_end()
            self._passed.set()

    def join_end_of_epoch(self):
        """Waits until a pass has been read since the last time, at most 30 seconds."""
        self._passed.wait(30)
        self._passed.clear()


# What processes of Keras 2 read from, by the number of the enqueuer.
_shared_data = {}


def init_pool(seqs):
    """Sets what `get_index` reads from: sequences by number."""
    _shared_data.update(seqs)


def init_pool_generator(gens, random_seed=None):
    """Sets what `next_sample` reads from: generators by number.

    Args:
        random_seed: seeds NumPy's random numbers.
    """
    _shared_data.update(gens)
    if random_seed is not None:
        np.random.seed(random_seed)


def get_index(uid, i):
    """An item of the sequence of that number."""
    return _shared_data[uid][i]


def next_sample(uid):
    """The next item of the generator of that number."""
    return next(_shared_data[uid])


# ---------------------------------------------------------------- drawings


def is_model(layer):
    """Whether a layer is a model."""
    return isinstance(layer, models.Model)


def is_wrapped_model(layer):
    """Whether a layer is a wrapper around a model."""
    return isinstance(layer, layers.Wrapper) and is_model(layer.layer)


def add_edge(dot, src, dst):
    """Draws an arrow in a picture of pydot, unless it is there."""
    if not dot.get_edge(src, dst):
        dot.add_edge(import_optional("pydot", "`add_edge`").Edge(src, dst))


# ---------------------------------------------------------------- tests


def layer_test(
    layer_cls,
    kwargs=None,
    input_shape=None,
    input_dtype=None,
    input_data=None,
    expected_output=None,
    expected_output_dtype=None,
    fixed_batch_size=False,
):
    """Checks that a layer does what a layer should: shapes, configuration, weights, training.

    Args:
        layer_cls: the class, made with `kwargs`.
        input_shape: a shape, of which None becomes a random size; or `input_data` instead.
        expected_output: what it must give for `input_data`.
        fixed_batch_size: whether the input's first size is known.

    Returns:
        the layer's outputs for the data.

    Raises:
        AssertionError: it does not.
    """
    kwargs = kwargs or {}
    if input_data is None:
        shape = [np.random.randint(1, 4) if size is None else size for size in input_shape]
        input_data = (10 * np.random.random(shape)).astype(input_dtype or "float32")
    input_shape = input_data.shape if input_shape is None else tuple(input_shape)
    dtype = input_dtype or str(input_data.dtype)
    layer = layer_cls(**kwargs)
    batch_size = input_shape[0] if fixed_batch_size else None
    x = layers.Input(batch_shape=(batch_size, *input_shape[1:]), dtype=dtype)
    y = layer(x)
    if expected_output_dtype is not None:
        assert y.dtype == expected_output_dtype, (y.dtype, expected_output_dtype)
    model = models.Model(x, y)
    outputs = model.predict(input_data, verbose=0)
    for size, wanted in zip(outputs.shape, layer.compute_output_shape(input_shape), strict=True):
        assert wanted in (None, size), f"{layer.name} gave {outputs.shape}"
    if expected_output is not None:
        np.testing.assert_allclose(outputs, expected_output, rtol=1e-3)
    recovered = models.Model.from_config(model.get_config())
    recovered.set_weights(model.get_weights())
    np.testing.assert_allclose(recovered.predict(input_data, verbose=0), outputs, rtol=1e-3)
    layer = layer_cls.from_config(layer.get_config())
    weights = model.get_weights()
    model = models.Sequential(
        [layers.Input(batch_shape=(batch_size, *input_shape[1:]), dtype=dtype), layer]
    )
    model.set_weights(weights)
    outputs = model.predict(input_data, verbose=0)
    model.compile("rmsprop", "mse")
    if model.trainable_weights:
        model.train_on_batch(input_data, outputs)
    return outputs


# ---------------------------------------------------------------- engine.training


def make_batches(size, batch_size):
    """Pairs of first row and row after the last, of the batches of `size` rows."""
    return [(i, min(size, i + batch_size)) for i in range(0, size, batch_size)]


def batch_shuffle(index_array, batch_size):
    """Rows in an order in which batches are shuffled, but not the rows in them."""
    whole = len(index_array) // batch_size * batch_size
    rows = np.asarray(index_array)[:whole].reshape(-1, batch_size)
    np.random.shuffle(rows)
    return np.append(rows.reshape(-1), index_array[whole:])


def weighted_objective(fn):
    """A loss function `(y_true, y_pred, weights, mask)` that gives one number."""

    def weighted(y_true, y_pred, weights=None, mask=None):
        values = fn(y_true, y_pred)
        if mask is not None:
            mask = ops.cast(mask, values.dtype)
            values = values * mask / ops.mean(mask)
        if weights is not None:
            values = ops.mean(values, axis=tuple(range(weights.ndim, values.ndim))) * weights
            values = values / ops.mean(ops.cast(weights != 0, values.dtype))
        return ops.mean(values)

    return weighted


def slice_X(X, start=None, stop=None):  # noqa: N802, N803 - Keras's names
    """Keras 1's name of `slice_arrays`."""
    return slice_arrays(X, start, stop)


# ---------------------------------------------------------------- images and data sets


def load_batch(fpath, label_key="labels"):
    """Images and labels of one file of the Python version of CIFAR."""
    folder, name = os.path.split(os.path.abspath(fpath))
    x, y = _files._load_batches(folder, [name], label_key)
    if backend.image_data_format() == "channels_last":
        x = x.transpose(0, 3, 1, 2)
    return x, y.reshape(-1).tolist()


def list_pictures(directory, ext="jpg|jpeg|bmp|png"):
    """The paths of the pictures in a folder and those below.

    Args:
        ext: suffixes, with `|` between them.
    """
    suffixes = tuple(f".{suffix}" for suffix in ext.split("|"))
    return [
        os.path.join(root, name)
        for root, _, names in os.walk(directory)
        for name in sorted(names)
        if name.endswith(suffixes)
    ]


def transform_matrix_offset_center(matrix, x, y):
    """An affine map (3, 3) around the middle of an image of `x` by `y`, not around its corner."""
    middle = np.array([x, y]) / 2 + 0.5
    there, back = np.eye(3), np.eye(3)
    there[:2, 2], back[:2, 2] = middle, -middle
    return there @ np.asarray(matrix) @ back


def apply_transform(x, transform_matrix, channel_axis=0, fill_mode="nearest", cval=0.0):
    """An image whose places are those that an affine map (3, 3) takes the new ones to.

    Args:
        fill_mode: "nearest", "constant", "reflect" or "wrap": what lies outside.
        cval: what lies outside with "constant".
    """
    ndimage = import_optional("scipy.ndimage", "`apply_transform`")
    matrix = np.asarray(transform_matrix)
    channels = [
        ndimage.affine_transform(
            channel, matrix[:2, :2], matrix[:2, 2], order=0, mode=fill_mode, cval=cval
        )
        for channel in np.moveaxis(np.asarray(x), channel_axis, 0)
    ]
    return np.moveaxis(np.stack(channels), 0, channel_axis)


def flip_axis(x, axis):
    """An array reversed along an axis."""
    return np.flip(np.asarray(x), axis)
