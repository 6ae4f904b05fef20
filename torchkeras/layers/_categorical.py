"""Layers that turn categories into numbers and vectors: encoded, hashed, crossed."""

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, config
from torchkeras._errors import one_of, received
from torchkeras._symbolic import KerasTensor
from torchkeras.layers import _strings
from torchkeras.layers._base import Layer
from torchkeras.layers._preparation import (
    DataLayer,
    encode,
    encoded_shape,
    key_of,
    no_sparse,
    stands_for_data,
)

__all__ = ["CategoryEncoding", "HashedCrossing", "Hashing"]


class CategoryEncoding(DataLayer):
    """Vectors of integers below a known number.

    Args:
        num_tokens: the number; the last axis of the output.
        output_mode: "one_hot": a vector for each integer; "multi_hot": one for each row, with ones
            where an integer is in it; "count": how many times.
        sparse: must be False.

    Call arguments:
        inputs: integers.
        count_weights: what each counts, in mode "count".

    Input shape: (batch, length)
    Output shape: (batch, num_tokens); "one_hot": (batch, length, num_tokens), without a length of 1

    >>> CategoryEncoding(4, output_mode="count")(torch.tensor([[0, 1, 1]]))
    tensor([[1., 2., 0., 0.]])
    """

    def __init__(self, num_tokens=None, output_mode="multi_hot", sparse=False, **kwargs):
        super().__init__(**kwargs)
        output_mode = "multi_hot" if output_mode == "binary" else output_mode
        if output_mode not in ("count", "one_hot", "multi_hot"):
            raise ValueError(
                f"Unknown arg for output_mode: {output_mode}. Expected 'multi_hot', 'one_hot' or "
                "'count'. " + received(output_mode=output_mode)
            )
        if num_tokens is None:
            raise ValueError(
                "num_tokens must be set to use this layer. If the number of tokens is not known "
                "beforehand, use the IntegerLookup layer instead. " + received(num_tokens=None)
            )
        if num_tokens < 1:
            raise ValueError("`num_tokens` must be >= 1. " + received(num_tokens=num_tokens))
        self.num_tokens = num_tokens
        self.output_mode = output_mode
        self.sparse = no_sparse(sparse)

    def call(self, inputs, count_weights=None):
        dtype = _dtypes.torch_dtype(self.dtype)
        if count_weights is not None:
            if self.output_mode != "count":
                raise ValueError(
                    "`count_weights` is not used when `output_mode` is not `'count'`. "
                    + received(count_weights=count_weights)
                )
            count_weights = torch.as_tensor(
                count_weights, dtype=self._torch_compute_dtype, device=inputs.device
            )
        # Elsewhere it would have to be waited for: there such values count nowhere.
        if inputs.device.type == "cpu" and not torch.compiler.is_compiling():
            if inputs.numel() and int(inputs.max()) >= self.num_tokens:
                raise ValueError(
                    "Class values must be smaller than num_classes. Received: inputs up to "
                    f"{int(inputs.max())}, num_tokens={self.num_tokens}"
                )
        return encode(inputs, self.output_mode, self.num_tokens, dtype, count_weights)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_tokens)

    def compute_output_spec(self, inputs, count_weights=None):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)

    def get_config(self):
        config = super().get_config()
        del config["sparse"]
        return config


class Hashing(DataLayer):
    """The number of a bin for each integer or string, by its hash.

    The bins are those of Keras on TensorFlow, by FarmHash, or with `salt` by SipHash.

    Args:
        num_bins: number of bins.
        mask_value: the value that alone goes to bin 0.
        salt: an integer or two: key of the hash.
        output_mode: "int", or "one_hot", "multi_hot" and "count" as in `CategoryEncoding`.
        sparse: must be False.

    Input shape: any
    Output shape: that of the input; other modes: see `CategoryEncoding`

    >>> Hashing(num_bins=3)(["A", "B", "C", "D"])
    tensor([1, 0, 1, 1])
    """

    def __init__(
        self, num_bins, mask_value=None, salt=None, output_mode="int", sparse=False, **kwargs
    ):
        if kwargs.get("dtype") is None:
            kwargs["dtype"] = "int64" if output_mode == "int" else config.floatx()
        super().__init__(**kwargs)
        # Numbers are hashed as they come.
        self.autocast = False
        if num_bins is None or num_bins <= 0:
            raise ValueError(
                "The `num_bins` for `Hashing` cannot be `None` or non-positive values. "
                + received(num_bins=num_bins)
            )
        if output_mode == "int" and self.dtype_policy.name not in ("int32", "int64"):
            raise ValueError(
                "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or "
                "'int64'. " + received(dtype=kwargs["dtype"])
            )
        one_of("output_mode", output_mode, ("int", "one_hot", "multi_hot", "count"))
        self.num_bins = num_bins
        self.mask_value = mask_value
        self.strong_hash = salt is not None
        self.salt = key_of(salt, "Hashing")
        self.output_mode = output_mode
        self.sparse = no_sparse(sparse)
        self.supports_jit = False

    def call(self, inputs):
        dtype = _dtypes.torch_dtype(self.dtype)
        if stands_for_data(inputs):
            shape = self.compute_output_shape(tuple(inputs.shape))
            return torch.empty(shape, dtype=dtype, device="meta")
        strings, shape = _strings.as_strings(inputs)
        masked = self.mask_value is not None and self.num_bins > 1
        bins = _strings.hash_bins(strings, self.num_bins - masked, self.salt)
        if masked:
            bins = np.where(_equal(inputs, self.mask_value).ravel(), 0, bins + 1)
        indices = torch.from_numpy(bins.reshape(shape)).to(self.device_for(inputs))
        return encode(indices, self.output_mode, self.num_bins, dtype)

    def compute_output_shape(self, input_shape):
        return encoded_shape(input_shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs):
        return KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.dtype)


def _equal(inputs, value) -> np.ndarray:
    array = inputs.detach().cpu().numpy() if isinstance(inputs, Tensor) else np.asarray(inputs)
    if _strings.is_text(array):
        array = np.array(_strings.to_bytes(array), dtype=object)
        value = value.encode() if isinstance(value, str) else value
    return array == value


class HashedCrossing(DataLayer):
    """The number of a bin for each combination of categories, by the hash of all of them.

    Args:
        num_bins: number of bins.
        output_mode: "int", or "one_hot" for vectors of `num_bins`.
        sparse: must be False.

    Call arguments:
        inputs: two or more arrays of integers or strings, of the same shape.

    Input shape: list of (), (batch,) or (batch, 1)
    Output shape: that of an input; "one_hot": (batch, num_bins)

    >>> layer = HashedCrossing(num_bins=5)
    >>> layer((np.array(["A", "B", "A"]), np.array([101, 101, 102])))
    tensor([1, 4, 3])
    """

    def __init__(self, num_bins, output_mode="int", sparse=False, name=None, dtype=None, **kwargs):
        if output_mode == "int" and dtype is None:
            dtype = "int64"
        super().__init__(name=name, dtype=dtype, **kwargs)
        self.autocast = False
        self.sparse = no_sparse(sparse)
        self.output_mode = one_of("output_mode", output_mode, ("int", "one_hot"))
        self.num_bins = num_bins
        self.supports_jit = False

    def __call__(self, inputs, **kwargs):
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                "`HashedCrossing` should be called on a list or tuple of inputs. "
                + received(inputs=inputs)
            )
        if len(inputs) < 2:
            raise ValueError(
                "`HashedCrossing` should be called on at least two inputs. "
                + received(inputs=inputs)
            )
        return Layer.__call__(self, [_plain(x) for x in inputs], **kwargs)

    def call(self, inputs):
        shape = self._common_shape([tuple(x.shape) for x in inputs])
        dtype = self._torch_compute_dtype
        if any(map(stands_for_data, inputs)):
            return torch.empty(
                encoded_shape(shape, self.output_mode, self.num_bins), dtype=dtype, device="meta"
            )
        hashes = None
        for x in inputs:
            features = _feature_hashes(x)
            if hashes is None:
                hashes = np.full(features.shape, _strings.CROSS_KEY, np.uint64)
            hashes = _strings.crossed(hashes, features)
        bins = (hashes % np.uint64(self.num_bins)).astype(np.int64).reshape(shape)
        tensors = [x for x in inputs if isinstance(x, Tensor)]
        device = tensors[0].device if tensors else self._place.device
        indices = torch.from_numpy(bins).to(device)
        return encode(indices, self.output_mode, self.num_bins, dtype)

    def _common_shape(self, shapes: list[tuple]) -> tuple:
        first = shapes[0]
        if len(first) > 2 or (len(first) == 2 and first[-1] != 1):
            raise ValueError(
                "All `HashedCrossing` inputs should have shape `()`, `(batch_size)` or "
                f"`(batch_size, 1)`. Received: inputs of shapes {shapes}"
            )
        if any(shape != first for shape in shapes[1:]):
            raise ValueError(
                "All `HashedCrossing` inputs should have equal shape. "
                f"Received: inputs of shapes {shapes}"
            )
        return first

    def compute_output_shape(self, input_shape):
        if len(input_shape) < 2 or not all(isinstance(s, (tuple, list)) for s in input_shape):
            raise ValueError(
                "Expected as input a list/tuple of 2 tensors. " + received(input_shape=input_shape)
            )
        shape = self._common_shape([tuple(s) for s in input_shape])
        return encoded_shape(shape, self.output_mode, self.num_bins)

    def compute_output_spec(self, inputs):
        shape = self.compute_output_shape([x.shape for x in inputs])
        return KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self):
        names = ("num_bins", "output_mode", "sparse", "name", "dtype")
        return {name: getattr(self, name) for name in names}


def _plain(x):
    """An input as tensor or array."""
    x = _strings.as_array(x)
    return x if isinstance(x, (Tensor, KerasTensor)) else np.asarray(x)


def _feature_hashes(x) -> np.ndarray:
    """Integers as they are, strings by their fingerprints, as uint64 in one axis."""
    array = x.detach().cpu().numpy() if isinstance(x, Tensor) else x
    if _strings.is_text(array):
        return _strings.fingerprints(_strings.to_bytes(array))
    if array.dtype.kind not in "iu":
        raise ValueError(
            "All `HashedCrossing` inputs should have an integer or string dtype. "
            f"Received: an input of dtype {array.dtype}"
        )
    return array.ravel().astype(np.int64).view(np.uint64)
