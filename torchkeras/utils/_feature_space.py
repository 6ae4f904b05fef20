"""`FeatureSpace`: from columns of a table to what a model takes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from torchkeras import _dtypes, config, saving, tree
from torchkeras._data.pipeline import Dataset
from torchkeras._errors import one_of, received
from torchkeras._naming import auto_name
from torchkeras._serialize import deserialize_keras_object, serialize_keras_object
from torchkeras._symbolic import any_symbolic
from torchkeras.layers import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    Input,
    IntegerLookup,
    Layer,
    Normalization,
    Rescaling,
    StringLookup,
    TextVectorization,
    _strings,
)
from torchkeras.layers._numeric import TFDConcat, TFDIdentity

__all__ = ["FeatureSpace"]

_IN_FILES = "keras.src.layers.preprocessing.feature_space"
# Rows that preprocessing layers are adapted to at a time.
_ROWS = 32


class Cross:
    """Features that are crossed: their names, how many values they become, and whether as integers
    ("int") or vectors ("one_hot")."""

    _keras_module = _IN_FILES

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        self.output_mode = one_of("output_mode", output_mode, ("int", "one_hot"))
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim

    @property
    def name(self):
        """The names, joined."""
        return "_X_".join(self.feature_names)

    def get_config(self):
        """The arguments."""
        return {
            "feature_names": self.feature_names,
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        """A cross from its configuration."""
        return cls(**config)


class Feature:
    """A column: its dtype, the layer that prepares it, and whether what that gives stays ("int",
    "float") or becomes a vector ("one_hot")."""

    _keras_module = _IN_FILES

    def __init__(self, dtype, preprocessor, output_mode):
        self.output_mode = one_of("output_mode", output_mode, ("int", "one_hot", "float"))
        self.dtype = dtype
        if isinstance(preprocessor, dict):
            preprocessor = deserialize_keras_object(preprocessor)
        self.preprocessor = preprocessor

    def get_config(self):
        """The arguments, the layer as its configuration."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }

    @classmethod
    def from_config(cls, config):
        """A feature from its configuration."""
        return cls(**config)


class FeatureSpace(Layer):
    """Prepares the columns of a table, each in its way, and puts them together.

    Args:
        features: kinds of the columns by their names. A kind is what one of the class methods
            gives, or its name: "float", "float_normalized", "float_rescaled", "float_discretized",
            "integer_categorical", "string_categorical", "integer_hashed", "string_hashed".
        output_mode: "concat" for one vector of each row, "dict" for a dict of the columns.
        crosses: tuples of names of features that are crossed by hashing their combinations, or what
            `FeatureSpace.cross` gives.
        crossing_dim: number of values of a cross given as a tuple.
        hashing_dim: number of values of features given as "..._hashed".
        num_discretization_bins: number of values of features given as "float_discretized".

    Example:

    >>> data = {"size": [1.0, 2.0, 3.0], "color": ["red", "blue", "red"]}
    >>> space = FeatureSpace({"size": "float", "color": "string_categorical"})
    >>> space.adapt(data)
    >>> space({"size": [2.0], "color": ["blue"]})
    tensor([[0., 0., 1., 2.]])
    """

    # ---- kinds of features -----------------------------------------------------------------------

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot"):
        """Combinations of features, hashed to `crossing_dim` values."""
        return Cross(feature_names, crossing_dim, output_mode=output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode):
        """A feature that a layer of your own prepares."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float(cls, name=None):
        """A number, as it is."""
        name = name or auto_name("float")
        return Feature(
            "float32", TFDIdentity(dtype="float32", name=f"{name}_preprocessor"), "float"
        )

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None):
        """A number times `scale`, plus `offset`."""
        name = name or auto_name("float_rescaled")
        layer = Rescaling(scale=scale, offset=offset, name=f"{name}_preprocessor")
        return Feature("float32", layer, "float")

    @classmethod
    def float_normalized(cls, name=None):
        """A number with the mean taken off, in standard deviations."""
        name = name or auto_name("float_normalized")
        return Feature("float32", Normalization(axis=-1, name=f"{name}_preprocessor"), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None):
        """The bin that a number falls into."""
        name = name or auto_name("float_discretized")
        layer = Discretization(
            num_bins=num_bins, bin_boundaries=bin_boundaries, name=f"{name}_preprocessor"
        )
        return Feature("float32", layer, output_mode)

    @classmethod
    def integer_categorical(
        cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None
    ):
        """The place of an integer among those seen."""
        return cls._categorical("integer", max_tokens, num_oov_indices, output_mode, name)

    @classmethod
    def string_categorical(
        cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None
    ):
        """The place of a string among those seen."""
        return cls._categorical("string", max_tokens, num_oov_indices, output_mode, name)

    @classmethod
    def _categorical(cls, kind, max_tokens, num_oov_indices, output_mode, name):
        lookup, dtype = {
            "integer": (IntegerLookup, "int32"),
            "string": (StringLookup, "string"),
        }[kind]
        name = name or auto_name(f"{kind}_categorical")
        layer = lookup(
            name=f"{name}_preprocessor", max_tokens=max_tokens, num_oov_indices=num_oov_indices
        )
        return Feature(dtype, layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """The bin of a string, by its hash."""
        name = name or auto_name("string_hashed")
        layer = Hashing(name=f"{name}_preprocessor", num_bins=num_bins)
        return Feature("string", layer, output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None):
        """The bin of an integer, by its hash."""
        name = name or auto_name("integer_hashed")
        layer = Hashing(name=f"{name}_preprocessor", num_bins=num_bins)
        return Feature("int32", layer, output_mode)

    # ---- making one ------------------------------------------------------------------------------

    def __init__(
        self,
        features,
        output_mode="concat",
        crosses=None,
        crossing_dim=32,
        hashing_dim=32,
        num_discretization_bins=32,
        name=None,
    ):
        super().__init__(name=name)
        if not features:
            raise ValueError(
                "The `features` argument cannot be None or empty. " + received(features=features)
            )
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = one_of("output_mode", output_mode, ("dict", "concat"))
        self.features = {key: self._standardized_feature(key, v) for key, v in features.items()}
        self.crosses = [self._standardized_cross(cross) for cross in crosses or ()]
        self.crosses_by_name = {cross.name: cross for cross in self.crosses}
        self.inputs = {
            key: Input(shape=(1,), dtype=feature.dtype, name=key)
            for key, feature in self.features.items()
        }
        self.preprocessors = {key: feature.preprocessor for key, feature in self.features.items()}
        self.encoded_features = None
        self.crossers = {
            cross.name: HashedCrossing(cross.crossing_dim, name=cross.name)
            for cross in self.crosses
        }
        self.one_hot_encoders = {}
        self.concat = None
        self._is_adapted = False
        self._sublayers_built = False
        place = torch.empty(0, device=config.default_device())
        self.register_buffer("_place", place, persistent=False)

    def _standardized_feature(self, name: str, feature: Any) -> Feature:
        if isinstance(feature, Feature):
            return feature
        if isinstance(feature, dict):
            return _revived(Feature, feature)
        arguments = {
            "float_discretized": {"num_bins": self.num_discretization_bins},
            "integer_hashed": {"num_bins": self.hashing_dim},
            "string_hashed": {"num_bins": self.hashing_dim},
        }
        if feature not in _KINDS:
            raise ValueError(
                f"Invalid feature type: {feature}. Expected one of {_KINDS}. "
                + received(features={name: feature})
            )
        return getattr(self, feature)(name=name, **arguments.get(feature, {}))

    def _standardized_cross(self, cross: Any) -> Cross:
        if isinstance(cross, dict):
            cross = _revived(Cross, cross)
        if isinstance(cross, Cross):
            return cross
        if not self.crossing_dim:
            raise ValueError(
                "When specifying `crosses`, the argument `crossing_dim` (dimensionality of the "
                "crossing space) should be specified as well. "
                + received(crossing_dim=self.crossing_dim)
            )
        if not all(key in self.features for key in cross):
            raise ValueError(
                "All features referenced in the `crosses` argument should be present in the "
                f"`features` dict. Received unknown features: {cross}"
            )
        return Cross(cross, crossing_dim=self.crossing_dim)

    # ---- adapting --------------------------------------------------------------------------------

    def adapt(self, dataset):
        """Lets every feature that learns from data see it.

        Args:
            dataset: a dict of arrays or lists, or a `Dataset` of dicts, of rows or of batches.

        Raises:
            ValueError: anything else.
        """
        if not isinstance(dataset, (Dataset, dict)):
            raise ValueError(
                "`adapt()` can only be called on a tf.data.Dataset or a dict of arrays/lists. "
                f"Received instead: {dataset} (of type {type(dataset)})"
            )
        for name in self._adaptable():
            self.preprocessors[name].adapt(_columns(dataset, name))
        self._is_adapted = True
        self.get_encoded_features()
        self.built = True
        self._sublayers_built = True

    def _adaptable(self) -> list[str]:
        """Names of the features whose layers learn from data."""

        def is_set(layer):
            if isinstance(layer, Normalization):
                return layer.input_mean is not None
            if isinstance(layer, TextVectorization):
                return layer._has_input_vocabulary
            return isinstance(layer, Discretization) and layer.num_bins is None

        return [
            name
            for name, layer in self.preprocessors.items()
            if hasattr(layer, "adapt") and not is_set(layer)
        ]

    def _check_if_adapted(self) -> None:
        if not self._is_adapted and self._adaptable():
            raise ValueError(
                "You need to call `.adapt(dataset)` on the FeatureSpace before you can start using "
                "it."
            )
        self._is_adapted = True

    def _check_if_built(self) -> None:
        if not self._sublayers_built:
            self._check_if_adapted()
            self.get_encoded_features()
            self._sublayers_built = True

    # ---- symbolic --------------------------------------------------------------------------------

    def get_inputs(self):
        """The symbolic inputs, by the names of the features."""
        self._check_if_built()
        return self.inputs

    def get_encoded_features(self):
        """What becomes of the symbolic inputs: a tensor, or a dict of them."""
        self._check_if_adapted()
        if self.encoded_features is None:
            prepared, crossed = self._prepared(self.inputs)
            self._make_encoders(prepared, crossed)
            self.encoded_features = self._merged(prepared, crossed)
        return self.encoded_features

    def _prepared(self, data: dict) -> tuple[dict, dict]:
        """What the layers make of the features, and the crosses of that."""
        prepared = {name: self.preprocessors[name](data[name]) for name in data}
        crossed = {
            cross.name: self.crossers[cross.name]([prepared[key] for key in cross.feature_names])
            for cross in self.crosses
        }
        return prepared, crossed

    def _make_encoders(self, prepared: dict, crossed: dict) -> None:
        """Makes the layers that turn integers into vectors, and the one that joins all."""
        specs = {**self.features, **self.crosses_by_name}
        for name, tensor in {**prepared, **crossed}.items():
            dtype = _dtypes.standardize_dtype(tree.flatten(tensor)[0].dtype)
            if specs[name].output_mode == "one_hot":
                if not dtype.startswith("int"):
                    raise ValueError(
                        f"Feature '{name}' has `output_mode='one_hot'`. Thus its preprocessor "
                        f"should return an integer dtype. Instead it returns a {dtype} dtype."
                    )
                layer = self.preprocessors[name] if name in prepared else self.crossers[name]
                self.one_hot_encoders[name] = CategoryEncoding(
                    num_tokens=_cardinality(name, layer), output_mode="multi_hot"
                )
            elif self.output_mode == "concat" and (dtype.startswith("int") or dtype == "string"):
                raise ValueError(
                    f"Cannot concatenate features because feature '{name}' has not been encoded "
                    f"(it has dtype {dtype}). Consider using `output_mode='dict'`."
                )
        if self.output_mode == "concat":
            self.concat = TFDConcat(axis=-1)

    def _merged(self, prepared: dict, crossed: dict):
        merged = {}
        for part in (prepared, crossed):
            for name in sorted(part):
                encoder = self.one_hot_encoders.get(name)
                merged[name] = part[name] if encoder is None else encoder(part[name])
        return merged if self.output_mode == "dict" else self.concat(list(merged.values()))

    # ---- calling ---------------------------------------------------------------------------------

    def __call__(self, data):
        """The features of a row or of a batch of rows.

        Args:
            data: a dict of values, or of arrays, lists or tensors; symbolic ones, too.

        Raises:
            ValueError: no dict, or a feature space that was not adapted.
        """
        self._check_if_built()
        if not isinstance(data, dict):
            raise ValueError(
                "A FeatureSpace can only be called with a dict. "
                f"Received: data={data} (of type {type(data)})"
            )
        if any_symbolic(data):
            return self._merged(*self._prepared(data))
        data = {name: self._as_input(value) for name, value in data.items()}
        is_row = any(value.ndim == 0 for value in data.values())
        data = {
            name: value.reshape(1, 1) if value.ndim == 0 else _with_columns(value)
            for name, value in data.items()
        }
        merged = self._merged(*self._prepared(data))
        if not is_row:
            return merged
        return tree.map_structure(
            lambda x: x.squeeze(0) if x.ndim == 2 and x.shape[0] == 1 else x, merged
        )

    def _as_input(self, value: Any) -> Any:
        """A tensor on one device, or an array of strings."""
        value = _strings.as_array(value)
        if isinstance(value, Tensor):
            return value.to(self._place.device)
        array = np.asarray(value)
        if _strings.is_text(array):
            return array
        if array.dtype == np.float64:
            array = array.astype(config.floatx())
        return torch.as_tensor(array, device=self._place.device)

    # ---- files -----------------------------------------------------------------------------------

    def get_config(self):
        return {
            "features": serialize_keras_object(self.features),
            "output_mode": self.output_mode,
            "crosses": serialize_keras_object(list(self.crosses)),
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)

    def get_build_config(self):
        return {name: layer.get_build_config() for name, layer in self.preprocessors.items()}

    def build_from_config(self, config):
        for name, part in config.items():
            if not self.preprocessors[name].built:
                self.preprocessors[name].build_from_config(part)
        self._is_adapted = True

    def save(self, filepath):
        """Writes the feature space to a `.keras` file, which `load_model` reads."""
        saving.save_model(self, filepath)

    def save_own_variables(self, store):
        return

    def load_own_variables(self, store):
        return


_KINDS = (
    "float",
    "float_normalized",
    "float_rescaled",
    "float_discretized",
    "integer_categorical",
    "string_categorical",
    "integer_hashed",
    "string_hashed",
)


def _revived(cls: type, entry: dict) -> Any:
    """A feature or a cross from what stands for it in a configuration."""
    if entry.get("class_name") != cls.__name__:
        raise ValueError(
            f"Expected the configuration of a {cls.__name__}. "
            + received(class_name=entry.get("class_name"))
        )
    return cls.from_config(entry["config"])


def _cardinality(name: str, layer: Layer) -> int:
    """How many values a layer gives."""
    if isinstance(layer, (IntegerLookup, StringLookup)):
        return layer.vocabulary_size()
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens
    if isinstance(layer, Discretization):
        return layer._depth()
    if isinstance(layer, (HashedCrossing, Hashing)):
        return layer.num_bins
    raise ValueError(
        f"Feature '{name}' has `output_mode='one_hot'`. However it isn't a standard feature and "
        "the dimensionality of its output space is not known, thus it cannot be one-hot encoded. "
        "Try using `output_mode='int'`."
    )


def _columns(data: Dataset | dict, name: str) -> Dataset:
    """A feature in batches that have an axis of columns."""
    if isinstance(data, dict):
        feature = Dataset.from_tensor_slices(_strings.as_array(data[name]))
    else:
        feature = data.map(lambda row: row[name])
    first = next(iter(feature))
    if isinstance(first, (str, bytes)) or np.ndim(first) == 0:
        feature = feature.batch(_ROWS)
    return feature.map(_with_columns) if np.ndim(first) < 2 else feature


def _with_columns(batch: Any) -> Any:
    """A batch with an axis of columns."""
    if not hasattr(batch, "ndim"):
        batch = np.array(batch, dtype=object)
    return batch[..., None] if batch.ndim == 1 else batch
