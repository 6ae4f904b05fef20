"""Layers that prepare numbers: scaled, normalized, put into bins."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, config, tree
from torchkeras._data.adapters import is_array
from torchkeras._data.dataset import PyDataset
from torchkeras._data.pipeline import Dataset
from torchkeras._data.slicing import as_rows, as_tensor
from torchkeras._errors import one_of, received
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras._symbolic import KerasTensor
from torchkeras.layers import _strings
from torchkeras.layers._base import Layer
from torchkeras.layers._preparation import DataLayer, batches, encode, encoded_shape, no_sparse

__all__ = ["Discretization", "Normalization", "Pipeline", "Rescaling"]

# Rows of an array that statistics are taken of at a time.
_ROWS = 8192


class TFDIdentity(DataLayer):
    """Gives its input back: a feature of a `FeatureSpace` that stays as it is."""

    _keras_module = "keras.src.layers.preprocessing.feature_space"

    def call(self, x):
        return x


class TFDConcat(DataLayer):
    """Puts the features of a `FeatureSpace` side by side."""

    _keras_module = "keras.src.layers.preprocessing.feature_space"

    def __init__(self, axis, **kwargs):
        super().__init__(**kwargs)
        self.axis = axis

    def call(self, xs):
        return torch.cat(xs, self.axis)


class Pipeline(Layer):
    """Layers one after the other, as a layer.

    Args:
        layers: list of layers.

    Input shape: that of the first layer
    Output shape: that of the last layer
    """

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        self._pipeline_layers = layers

    @property
    def layers(self):
        """The layers."""
        return self._pipeline_layers

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            given = {"training": training}
            if mask is not None and "mask" in layer.call_signature_parameters:
                given["mask"] = mask
            inputs = layer(inputs, **given)
            mask = tree.map_structure(lambda x: getattr(x, "_keras_mask", None), inputs)
        return inputs

    def get_config(self):
        return {"layers": serialize_keras_object(list(self._pipeline_layers)), "name": self.name}

    @classmethod
    def from_config(cls, config):
        layers = config.get("layers")
        if not isinstance(layers, (list, tuple)):
            raise ValueError(
                "`Pipeline` config must contain a `layers` key mapping to a list of serialized "
                "layers. " + received(layers=layers)
            )
        layers = [deserialize_keras_object(layer) for layer in layers]
        return cls(**{**config, "layers": layers})


class Rescaling(DataLayer):
    """`inputs * scale + offset`, in floating point.

    Args:
        scale: factor, or one for each channel.
        offset: what to add, or one for each channel.

    Input shape: any
    Output shape: that of the input

    >>> Rescaling(1 / 127.5, offset=-1)(torch.tensor([0, 255]))
    tensor([-1.,  1.])
    """

    _casts_integers = True

    def __init__(self, scale, offset=0.0, **kwargs):
        super().__init__(**kwargs)
        self.scale = scale
        self.offset = offset
        self.supports_masking = True

    def call(self, inputs):
        scale = _constant(self.scale, inputs)
        if isinstance(scale, Tensor) and scale.ndim:
            if config.image_data_format() == "channels_first":
                scale = scale.reshape(*scale.shape, *(1,) * (3 - scale.ndim))
        return inputs * scale + _constant(self.offset, inputs)

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A layer from its `get_config`; scale and offset may be arrays."""
        values = {
            key: deserialize_keras_object(config[key], custom_objects=custom_objects)
            for key in ("scale", "offset")
        }
        return cls(**{**config, **values})


def _constant(value, inputs: Tensor):
    """A number, or a tensor on the device of the inputs and in their dtype."""
    if isinstance(value, (int, float)) and inputs.dtype in (torch.float32, torch.float64):
        return value
    return torch.as_tensor(value, dtype=inputs.dtype, device=inputs.device)


class Normalization(DataLayer):
    """`(inputs - mean) / sqrt(variance)`, with the statistics of data shown to `adapt`.

    Args:
        axis: axis or axes that have a mean and a variance for each index; None: one for all values.
        mean: the mean, where it is known; broadcast over `axis`.
        variance: the variance, given if and only if `mean` is.
        invert: goes the other way, `inputs * sqrt(variance) + mean`.

    Input shape: any
    Output shape: that of the input

    >>> layer = Normalization()
    >>> layer.adapt(np.array([[0.0, 7.0], [2.0, 9.0]]))
    >>> layer(torch.tensor([[2.0, 7.0]]))
    tensor([[ 1., -1.]])
    """

    _casts_integers = True

    def __init__(self, axis=-1, mean=None, variance=None, invert=False, **kwargs):
        super().__init__(**kwargs)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        self.input_mean = mean
        self.input_variance = variance
        self.invert = invert
        self.supports_masking = True
        self._build_input_shape = None
        self._broadcast_shape = None
        self._check_given()

    def _check_given(self) -> None:
        mean, variance = self.input_mean, self.input_variance
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                + received(mean=mean, variance=variance)
            )
        if mean is None:
            return
        if np.shape(mean) != np.shape(variance):
            raise ValueError(
                "When setting values directly, `mean` and `variance` must have the same shape. "
                f"Received: mean shape {np.shape(mean)} and variance shape {np.shape(variance)}"
            )
        if np.ndim(mean) > len(self.axis):
            raise ValueError(
                "The rank of `mean` must be less than or equal to the number of axes "
                f"({len(self.axis)}). Received: mean shape {np.shape(mean)} for axis {self.axis}"
            )

    def build(self, input_shape):
        if input_shape is None:
            return
        rank = len(input_shape)
        if any(not -rank <= axis < rank for axis in self.axis):
            raise ValueError(
                "All `axis` values must be in the range [-ndim, ndim). "
                f"Received inputs with ndim={rank}, while axis={self.axis}"
            )
        self._kept = tuple(sorted(axis % rank for axis in self.axis))
        for axis in self._kept:
            if input_shape[axis] is None:
                raise ValueError(
                    "All `axis` values to be kept must have a known shape. Received "
                    f"axis={self.axis}, inputs.shape={input_shape}, with unknown axis at index "
                    f"{axis}"
                )
        self._build_input_shape = tuple(input_shape)
        self._broadcast_shape = tuple(
            size if axis in self._kept else 1 for axis, size in enumerate(input_shape)
        )
        if self.input_mean is None:
            self._add_statistics(tuple(input_shape[axis] for axis in self._kept))
        else:
            self._register_given("_given_mean", self.input_mean)
            self._register_given("_given_variance", self.input_variance)

    def _add_statistics(self, shape: tuple) -> None:
        self.adapt_mean = self.add_weight("mean", shape, initializer="zeros", trainable=False)
        self.adapt_variance = self.add_weight(
            "variance", shape, initializer="ones", trainable=False
        )
        # In files since the time when it was counted.
        self.count = self.add_weight("count", (), dtype="int32", trainable=False)

    def _register_given(self, name: str, value) -> None:
        """Keeps a given statistic in the shape that broadcasts over inputs."""
        value = torch.as_tensor(value, dtype=torch.float64)
        if value.ndim:
            sizes = iter(reversed(value.shape))
            aligned = [
                next(sizes, 1) if axis in self._kept else 1
                for axis in reversed(range(len(self._broadcast_shape)))
            ]
            value = value.reshape(aligned[::-1])
        value = value.broadcast_to(self._broadcast_shape).to(self._place.device)
        dtype = _dtypes.torch_dtype(self.variable_dtype)
        self.register_buffer(name, value.to(dtype).contiguous(), persistent=False)

    @property
    def mean(self):
        """The mean in a shape that broadcasts over inputs; None before the layer is built."""
        return self._statistic("mean")

    @property
    def variance(self):
        """The variance in a shape that broadcasts over inputs; None before the layer is built."""
        return self._statistic("variance")

    def _statistic(self, name: str) -> Tensor | None:
        if self._broadcast_shape is None:
            return None
        if self.input_mean is not None:
            value = self._buffers[f"_given_{name}"]
        else:
            value = self._buffers[f"adapt_{name}"].reshape(self._broadcast_shape)
        return value.to(self._torch_compute_dtype)

    def call(self, inputs):
        if self._broadcast_shape is None:
            raise ValueError("You must call `.build(input_shape)` on the layer before using it.")
        mean = self.mean.to(inputs.device)
        scale = self.variance.to(inputs.device).sqrt().clamp_min(config.epsilon())
        return inputs * scale + mean if self.invert else (inputs - mean) / scale

    def adapt(self, data, batch_size=None, steps=None):
        """Learns mean and variance from data.

        Args:
            data: an array, or an iterable of batches: a list of arrays, a generator, a `Dataset`, a
                `PyDataset`, a `DataLoader`. Of tuples `(x, y)` the `x` is taken.
            batch_size: rows of an array to take at a time; the result does not depend on it.
            steps: how many batches to take at most.

        Raises:
            ValueError: no data, or data of another shape than the layer was built for.
            TypeError: what is neither array nor iterable.
        """
        statistics = None
        for batch in itertools.islice(self._batches(data, batch_size or _ROWS), steps):
            if statistics is None:
                self._prepare(tuple(batch.shape), isinstance(data, Dataset))
                statistics = _Moments([d for d in range(batch.ndim) if d not in self._kept])
            self._check_batch(tuple(batch.shape))
            statistics.add(batch)
        if statistics is None:
            raise ValueError(
                "adapt() received an empty iterable (no batches). Expected at least one batch. "
                f"Received: data={data}"
            )
        if self.input_mean is None:
            self.adapt_mean.assign(statistics.mean)
            self.adapt_variance.assign(statistics.variance)
        self.finalize_state()

    def _batches(self, data, size: int) -> Iterator[Tensor]:
        data = _strings.as_array(data)
        if is_array(data):
            rows = as_rows(data)
            rank = len(rows.shape)
            whole = rank == 0 or any(axis % rank == 0 for axis in self.axis if -rank <= axis < rank)
            step = rows.shape[0] if whole else size
            for start in range(0, rows.shape[0], max(step, 1)):
                yield rows.take(start, min(start + step, rows.shape[0]))
            return
        if not isinstance(data, PyDataset) and not hasattr(data, "__iter__"):
            raise TypeError(
                f"Unsupported data type: {type(data)}. `adapt` supports arrays, tensors, datasets "
                "and iterables of batches."
            )
        if isinstance(data, Dataset) and data._batch_size is None:
            data = _batched(data)
        for batch in batches(data):
            if not is_array(batch):
                raise TypeError(
                    "adapt() expects an iterable that yields arrays or tensors with a `.shape` "
                    f"attribute. Got an element of type {type(batch).__name__}."
                )
            yield as_tensor(batch)

    def _prepare(self, shape: tuple, any_size: bool) -> None:
        """Builds the layer for data of that shape, or of any batch size."""
        if not self.built:
            kept = any(axis % len(shape) == 0 for axis in self.axis)
            self.build((None, *shape[1:]) if any_size and not kept else shape)

    def _check_batch(self, shape: tuple) -> None:
        expected = self._build_input_shape
        if len(shape) != len(expected) or any(shape[d] != expected[d] for d in self._kept):
            raise ValueError(
                f"The layer was built with input_shape={expected}, but adapt() is being called "
                f"with data with an incompatible shape, data.shape={shape}"
            )

    def finalize_state(self):
        """Nothing: calls read the statistics as they are."""

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        given = {"mean": self.input_mean, "variance": self.input_variance}
        return {**config, **{key: np.array(value).tolist() for key, value in given.items()}}

    def get_build_config(self):
        if self._build_input_shape:
            return {"input_shape": self._build_input_shape}
        return None


def _batched(data: Dataset) -> Dataset:
    """A dataset of batches, from one that may be of single rows."""
    for element in data:
        first = element[0] if isinstance(element, tuple) else element
        return data.batch(128) if is_array(first) and first.ndim < 2 else data
    return data


class _Moments:
    """Mean and variance over some axes of batches that come one after the other, in float64."""

    def __init__(self, axes: list[int]):
        self.axes = axes
        self.count = 0
        self.mean: Any = 0.0
        self.variance: Any = 0.0

    def add(self, batch: Tensor) -> None:
        """Takes in a batch (Chan, Golub, LeVeque 1979, "Updating Formulae ...")."""
        batch = batch.double()
        count = math.prod(batch.shape[axis] for axis in self.axes)
        if not count:
            return
        mean = batch.mean(self.axes) if self.axes else batch
        variance = ((batch - batch.mean(self.axes, keepdim=True)) ** 2).mean(self.axes)
        variance = variance if self.axes else torch.zeros_like(batch)
        self.count += count
        share = count / self.count
        total = mean * share + self.mean * (1 - share)
        self.variance = (self.variance + (self.mean - total) ** 2) * (1 - share) + (
            variance + (mean - total) ** 2
        ) * share
        self.mean = total


class Discretization(DataLayer):
    """The number of the bin that each value falls into.

    Args:
        bin_boundaries: boundaries of the bins, ascending; the first and the last bin are open.
        num_bins: number of bins, whose boundaries `adapt` finds so that they are about equally
            full.
        epsilon: how exact the boundaries are, as a share of all values.
        output_mode: "int", or "one_hot", "multi_hot" and "count" as in `CategoryEncoding`.
        sparse: must be False.

    Input shape: any
    Output shape: that of the input; other modes: see `CategoryEncoding`

    >>> Discretization(bin_boundaries=[0.0, 1.0, 2.0])(torch.tensor([-1.5, 1.0, 3.4, 0.5]))
    tensor([0, 2, 3, 1], dtype=torch.int32)
    """

    def __init__(
        self,
        bin_boundaries=None,
        num_bins=None,
        epsilon=0.01,
        output_mode="int",
        sparse=False,
        dtype=None,
        name=None,
        **kwargs,
    ):
        super().__init__(name=name, dtype=dtype, **kwargs)
        # The dtype is that of vectors; numbers are compared in floating point.
        self.autocast = False
        self.sparse = no_sparse(sparse)
        one_of("output_mode", output_mode, ("int", "one_hot", "multi_hot", "count"))
        if num_bins is not None and num_bins < 0:
            raise ValueError(
                "`num_bins` must be greater than or equal to 0. " + received(num_bins=num_bins)
            )
        if num_bins is not None and bin_boundaries is not None:
            raise ValueError(
                "Both `num_bins` and `bin_boundaries` should not be set. "
                + received(num_bins=num_bins, bin_boundaries=bin_boundaries)
            )
        if num_bins is None and bin_boundaries is None:
            raise ValueError(
                "You need to set either `num_bins` or `bin_boundaries`. "
                + received(num_bins=num_bins, bin_boundaries=bin_boundaries)
            )
        self.bin_boundaries = bin_boundaries
        self.num_bins = num_bins
        self.epsilon = epsilon
        self.output_mode = output_mode
        self.summary = None if bin_boundaries else _empty_summary()

    @property
    def input_dtype(self):
        return config.floatx()

    @property
    def output_dtype(self):
        """Name of the dtype of the outputs."""
        return "int32" if self.output_mode == "int" else self.compute_dtype

    def _depth(self) -> int | None:
        return self.num_bins if self.bin_boundaries is None else len(self.bin_boundaries) + 1

    def adapt(self, data, steps=None, batch_size=None):
        """Finds boundaries between equally full bins.

        Args:
            data: an array, or an iterable of batches.
            steps: how many batches to take at most.
            batch_size: rows of an array to take at a time; None: all.

        Raises:
            ValueError: the boundaries were given.
        """
        if self.num_bins is None:
            raise ValueError(
                "Cannot adapt a Discretization layer that has been initialized with "
                "`bin_boundaries`, use `num_bins` instead. "
                + received(bin_boundaries=self.bin_boundaries)
            )
        self.reset_state()
        for batch in batches(data, steps, batch_size):
            self.update_state(batch)
        self.finalize_state()

    def update_state(self, data):
        """Takes the values of a batch into the summary of all values."""
        if isinstance(data, Tensor):
            data = data.detach().cpu()
        values = np.sort(np.asarray(data).astype("float32"), axis=None)
        merged = np.concatenate([_summary(values, self.epsilon), self.summary], axis=1)
        self.summary = _compressed(merged[:, merged[0].argsort(kind="stable")], self.epsilon)

    def finalize_state(self):
        """Makes boundaries of the summary."""
        if self.num_bins is not None:
            self.bin_boundaries = _compressed(self.summary, 1.0 / self.num_bins)[0, :-1].tolist()

    def reset_state(self):
        """Forgets all values."""
        if self.num_bins is not None:
            self.summary = _empty_summary()

    def call(self, inputs):
        if self.bin_boundaries is None:
            raise ValueError(
                "You need to either pass the `bin_boundaries` argument at construction time or "
                "call `adapt(dataset)` before you can start using the `Discretization` layer."
            )
        floatx = _dtypes.torch_dtype(config.floatx())
        values = inputs.to(floatx if inputs.is_floating_point() else torch.float64)
        boundaries = torch.tensor(self.bin_boundaries, dtype=values.dtype, device=values.device)
        indices = torch.bucketize(values, boundaries, right=True)
        dtype = _dtypes.torch_dtype(self.output_dtype)
        return encode(indices, self.output_mode, len(self.bin_boundaries) + 1, dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self._depth())

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.output_dtype)

    def load_own_variables(self, store):
        # Keras 2 kept the summary as a weight.
        if len(store.keys()) == 1:
            self.summary = np.asarray(store["0"])

    def get_config(self):
        names = ("bin_boundaries", "num_bins", "epsilon", "output_mode", "sparse", "name", "dtype")
        return {name: serialize_keras_object(getattr(self, name)) for name in names}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        """A layer from its `get_config`; after `adapt` that has both bins and boundaries."""
        config = dict(config)
        boundaries = config.get("bin_boundaries")
        if boundaries is None or config.get("num_bins") is None:
            return cls(**config)
        del config["bin_boundaries"]
        layer = cls(**config)
        layer.bin_boundaries = boundaries
        return layer


# A summary of values is an array of two rows: some of the values in order, and how many each
# stands for.


def _empty_summary() -> np.ndarray:
    return np.zeros((2, 0), "float32")


def _summary(values: np.ndarray, epsilon: float) -> np.ndarray:
    """Every so many-th of sorted values, such that there are about `1 / epsilon`."""
    step = max(values.size * epsilon, 1)
    chosen = values[int(step - 1) :: int(step)]
    return np.stack([chosen, np.full_like(chosen, step)])


def _compressed(summary: np.ndarray, epsilon: float) -> np.ndarray:
    """A summary of about `1 / epsilon` values of a longer one."""
    if summary.shape[1] * epsilon < 1:
        return summary
    shares = epsilon + np.arange(0.0, 1.0, epsilon)
    counts = summary[1].cumsum()
    values = np.interp(shares, counts / counts[-1], summary[0])
    counts = np.interp(shares, counts / counts[-1], counts)
    return np.stack([values, np.diff(counts, prepend=0.0)]).astype("float32")
