"""Where the names of Keras 1 and 2 were, as data, and how they come to be there.

`NAMES` gives modules of today the names they had; `MODULES` lists the modules that are gone, or had
more names than today's, with the places where their names are found now.
"""

import inspect
import sys
import types
from importlib.machinery import ModuleSpec

from torchkeras import (
    activations,
    backend,
    callbacks,
    constraints,
    layers,
    losses,
    models,
    optimizers,
    regularizers,
    saving,
    utils,
)
from torchkeras._symbolic import Node
from torchkeras.applications._keras1 import keras_modules_injection
from torchkeras.legacy import _callbacks, _dynamic, _file_utils, _metric_utils, _premade
from torchkeras.legacy import _functions as functions
from torchkeras.legacy import _training_utils as training_utils
from torchkeras.legacy import layers as old_layers

__all__ = ["MODULES", "NAMES", "install"]


def _named(source, text) -> dict:
    """The attributes of a module that a text lists; `old=new` where the name was another."""
    found = {}
    for entry in text.split():
        old, _, new = entry.partition("=")
        value = getattr(source, new or old, None)
        if value is not None:
            found[old] = value
    return found


_IS_LAYER_LIKE = {"Input": layers.Input, "InputLayer": layers.InputLayer, "Layer": layers.Layer}
_GET_SOURCES = {"get_source_inputs": utils.get_source_inputs}
_MERGE = {"Merge": old_layers.Merge, "merge": old_layers.merge}

METRIC_FUNCTIONS = _named(functions, "f1score=fmeasure fbeta_score fmeasure matthews_correlation")
# Private names that custom losses and layers imported from the backend.
_BACKEND = {
    "_BACKEND": backend.backend(),
    "_EPSILON": backend.epsilon(),
    "_FLOATX": backend.floatx(),
    "_to_tensor": lambda x, dtype=None: backend.constant(x, dtype),
}

NAMES = {
    "layers": {
        **{name: getattr(old_layers, name) for name in old_layers.__all__ if name != "merge"},
        "deserialize_keras_object": saving.deserialize_keras_object,
        # Where files find them.
        **_named(_dynamic, "DynamicEmbedding DynamicLookup"),
    },
    "models": {
        **_IS_LAYER_LIKE,
        **_GET_SOURCES,
        **_named(_premade, " ".join(_premade.__all__)),
        "Merge": old_layers.Merge,
        "Node": Node,
        **_named(functions, "model_from_config model_from_yaml"),
    },
    "callbacks": _named(_callbacks, "SidecarEvaluatorModelExport"),
    "constraints": {
        **_named(constraints, "maxnorm=MaxNorm nonneg=NonNeg unitnorm=UnitNorm"),
        **_named(functions, "RadialConstraint radial_constraint=RadialConstraint"),
    },
    "regularizers": {
        **_named(regularizers, "WeightRegularizer=L1L2 ActivityRegularizer=L1L2"),
        **_named(functions, "L1L2Regularizer l1l2 activity_l1 activity_l2 activity_l1l2=l1l2"),
        **_named(functions, "EigenvalueRegularizer"),
    },
    "losses": {
        **_named(losses, "cosine=cosine_similarity cosine_proximity=cosine_similarity"),
        **_named(losses, "huber_loss=huber"),
        **_named(functions, "Reduction is_categorical_crossentropy"),
    },
    "metrics": {
        **_named(
            functions,
            "accuracy MeanTensor clone_metric clone_metrics cosine=cosine_proximity "
            "cosine_proximity cosine_similarity=cosine_proximity f1score=fmeasure fbeta_score "
            "fmeasure fscore=fmeasure matthews_correlation precision recall",
        ),
        **_named(_metric_utils, "Reduce SensitivitySpecificityBase"),
    },
    "optimizers": {
        **_named(
            optimizers,
            "adadelta=Adadelta adagrad=Adagrad adam=Adam adamax=Adamax nadam=Nadam "
            "rmsprop=RMSprop sgd=SGD TFOptimizer=Optimizer",
        ),
        **_named(functions, "clip_norm optimizer_from_config"),
    },
    "utils": {
        **_named(
            functions,
            "GeneratorEnqueuer OrderedEnqueuer SequenceEnqueuer HDF5Matrix "
            "convert_all_kernels_in_model multi_gpu_model print_summary to_ordinal "
            "warmstart_embedding_matrix",
        ),
        **_named(_file_utils, "H5Dict"),
    },
    "preprocessing.image": _named(
        functions, "apply_transform flip_axis list_pictures transform_matrix_offset_center"
    ),
    "backend": _BACKEND,
    "preprocessing.text": _named(functions, "base_filter"),
    "applications": {"keras_modules_injection": keras_modules_injection},
    "applications.mobilenet": {
        "DepthwiseConv2D": layers.DepthwiseConv2D,
        "relu6": activations.relu6,
    },
}

_NP_UTILS = _named(
    functions,
    "probas_to_classes categorical_probas_to_classes accuracy=class_accuracy binary_logloss "
    "multiclass_logloss convert_kernel=np_convert_kernel conv_output_length=np_conv_output_length "
    "conv_input_length=np_conv_input_length",
)
_LAYER_UTILS = _named(
    functions,
    "convert_all_kernels_in_model convert_dense_weights_data_format count_params "
    "count_total_params print_summary layer_from_config=model_from_config",
)
_TOPOLOGY = {
    **_IS_LAYER_LIKE,
    **_GET_SOURCES,
    **_MERGE,
    **_named(functions, "to_list object_list_uid"),
    "InputSpec": layers.InputSpec,
    "Node": Node,
    "Container": models.Model,
    "Network": models.Model,
    "Model": models.Model,
}
_SAVING = {
    **_named(saving, "load_model save_model"),
    **_named(models, "model_from_json"),
    **_named(functions, "model_from_config model_from_yaml"),
}
_GROUPS = _named(
    _file_utils,
    "load_attributes_from_hdf5_group load_weights_from_hdf5_group "
    "load_weights_from_hdf5_group_by_name pickle_model preprocess_weights_for_loading "
    "save_attributes_to_hdf5_group save_weights_to_hdf5_group unpickle_model",
)
_TRAINING = {
    "Model": models.Model,
    **_named(
        functions,
        "GeneratorEnqueuer OrderedEnqueuer batch_shuffle make_batches slice_X slice_arrays "
        "weighted_objective",
    ),
    **_named(training_utils, " ".join(training_utils.__all__)),
}
_GENERIC = _named(
    functions,
    "check_for_unexpected_keys get_from_module getargspec has_arg is_all_none make_tuple "
    "object_list_uid slice_arrays to_list transpose_shape unpack_singleton",
) | _named(_file_utils, "func_dump func_load")
_INITIALIZATIONS = {
    **functions.INITIALIZATIONS,
    **_named(functions, "get_fans identity normal one orthogonal uniform zero"),
    "get": functions.get_initialization,
}

# Module -> (its own names, the modules in which its other names are found).
MODULES = {
    "layers.core": ({**_MERGE, "Highway": old_layers.Highway}, ["layers"]),
    **{
        f"layers.{name}": ({}, ["layers"])
        for name in (
            "advanced_activations convolutional convolutional_recurrent cudnn_recurrent "
            "embeddings local noise normalization pooling recurrent recurrent_v2 wrappers "
            "normalization_v2 experimental.preprocessing einsum_dense dense_attention kernelized "
            "multi_head_attention serialization"
        ).split()
    },
    "layers.merge": ({}, ["layers"]),
    "layers.experimental": (_named(_dynamic, "DynamicEmbedding DynamicLookup"), ["layers"]),
    "layers.preprocessing": ({}, ["layers"]),
    "legacy.layers": ({}, ["layers"]),
    "engine": (_TOPOLOGY, ["layers", "models"]),
    "engine.topology": (_TOPOLOGY, ["layers", "models"]),
    "engine.base_layer": (
        {**_TOPOLOGY, "disable_tracking": lambda func: func},
        ["layers"],
    ),
    "engine.input_layer": (_IS_LAYER_LIKE, []),
    "engine.input_spec": ({"InputSpec": layers.InputSpec}, []),
    "engine.keras_tensor": ({}, ["utils"]),
    "engine.network": ({"Network": models.Model, **_TOPOLOGY}, []),
    "engine.functional": ({"Functional": models._functional.Functional}, ["models"]),
    "engine.sequential": ({"Sequential": models.Sequential}, []),
    "engine.saving": ({**_SAVING, **_GROUPS}, ["saving"]),
    "engine.training": (_TRAINING, ["models"]),
    "engine.training_utils": (_TRAINING, []),
    "engine.data_adapter": ({}, ["utils"]),
    "objectives": ({}, ["losses"]),
    "initializations": (_INITIALIZATIONS, []),
    "callbacks.callbacks": ({}, ["callbacks"]),
    "callbacks.experimental": (_named(_dynamic, "UpdateEmbeddingCallback"), ["callbacks"]),
    "callbacks.tensorboard_v1": (_named(callbacks, "TensorBoard"), []),
    "callbacks.tensorboard_v2": (_named(callbacks, "TensorBoard"), []),
    "backend.common": (_BACKEND, ["backend"]),
    "backend.experimental": (
        {
            "disable_tf_random_generator": lambda: None,
            "enable_tf_random_generator": lambda: None,
            "is_tf_random_generator_enabled": lambda: False,
        },
        [],
    ),
    "backend.tensorflow_backend": (_BACKEND, ["backend"]),
    "backend.theano_backend": (_BACKEND, ["backend"]),
    "backend.load_backend": ({}, ["backend"]),
    "optimizers.experimental": ({}, ["optimizers"]),
    "optimizers.optimizer_v2": ({}, ["optimizers"]),
    "optimizer_v2": ({}, ["optimizers"]),
    **{
        f"optimizer_v2.{name}": ({}, ["optimizers"])
        for name in "adam gradient_descent rmsprop adagrad adadelta adamax nadam ftrl".split()
    },
    "optimizer_v2.learning_rate_schedule": ({}, ["optimizers.schedules"]),
    "experimental": (
        {
            **_named(_premade, "LinearModel WideDeepModel"),
            **_named(utils, "SidecarEvaluator"),
        },
        ["optimizers.schedules"],
    ),
    "metrics.experimental": (_named(functions, "PyMetric"), []),
    "models.experimental": (_named(_premade, "SharpnessAwareMinimization"), ["models"]),
    "mixed_precision.experimental": ({}, ["mixed_precision"]),
    "datasets.cifar": (_named(functions, "load_batch"), []),
    "utils.np_utils": (_NP_UTILS, ["utils"]),
    "utils.generic_utils": (_GENERIC, ["utils", "utils.layer_utils"]),
    "utils.data_utils": (
        {
            **_named(functions, "get_index init_pool init_pool_generator next_sample"),
            **_named(_file_utils, "validate_file"),
        },
        ["utils"],
    ),
    "utils.layer_utils": ({**_LAYER_UTILS, **_GET_SOURCES}, ["utils"]),
    "utils.vis_utils": (
        _named(functions, "add_edge is_model is_wrapped_model plot model_to_dot"),
        ["utils"],
    ),
    "utils.visualize_util": (_named(functions, "plot model_to_dot"), ["utils"]),
    "utils.conv_utils": (
        {
            "normalize_data_format": backend.normalize_data_format,
            **_named(
                functions,
                "conv_input_length conv_output_length convert_kernel deconv_length "
                "normalize_padding normalize_tuple",
            ),
        },
        [],
    ),
    "utils.io_utils": (
        {
            **_named(functions, "HDF5Matrix"),
            **_named(
                _file_utils,
                "H5Dict ask_to_proceed_with_overwrite h5dict=H5Dict load_array "
                "load_from_binary_h5py save_array save_to_binary_h5py",
            ),
        },
        ["utils"],
    ),
    "utils.losses_utils": (
        {
            **_named(functions, "Reduction"),
            **_named(
                _metric_utils,
                "broadcast_weights compute_weighted_loss reduce_weighted_loss "
                "squeeze_or_expand_dimensions",
            ),
        },
        ["losses"],
    ),
    "utils.metrics_utils": (
        {
            **_named(functions, "to_list"),
            **_named(
                _metric_utils,
                "AUCCurve AUCSummationMethod ConfusionMatrix Reduction=MetricReduction "
                "assert_thresholds_range filter_top_k parse_init_thresholds result_wrapper "
                "update_confusion_matrix_variables update_state_wrapper weighted_assign_add",
            ),
        },
        ["metrics"],
    ),
    "utils.multi_gpu_utils": (_named(functions, "multi_gpu_model"), []),
    "utils.training_utils": (_named(functions, "multi_gpu_model"), []),
    "utils.test_utils": (_named(functions, "get_test_data keras_test layer_test"), []),
    "utils.tf_utils": ({}, ["utils"]),
    "utils.image_utils": ({}, ["utils"]),
    "utils.image_dataset": ({}, ["utils"]),
    "utils.all_utils": ({}, ["utils"]),
    "utils.experimental": ({}, ["utils"]),
    "saving.save": (_SAVING, ["saving"]),
    "saving.hdf5_format": (_SAVING, ["saving"]),
    "saving.saving_utils": (_SAVING, ["saving"]),
    "applications.mobilenetv2": ({}, ["applications.mobilenet_v2"]),
    "preprocessing.image_dataset": ({}, ["utils"]),
    "preprocessing.timeseries": ({}, ["utils"]),
}


class OldModule(types.ModuleType):
    """A module of Keras 1 or 2: its own names, and what its rooms have."""

    def __getattr__(self, name):
        if name == "__all__":
            return [n for n in self.__dir__() if not n.startswith("_")]
        return _from_rooms(self, self.__dict__.get("_rooms", ()), name)

    def __dir__(self):
        # A file of today says itself which of its names are Keras's.
        own = self.__dict__.get("_own_names", self.__dict__)
        names = {name for name in own if not name.startswith("_")}
        for room in self.__dict__.get("_rooms", ()):
            shown = {n for n in dir(room) if not n.startswith("_")}
            names |= {n for n in shown if not inspect.ismodule(vars(room).get(n))}
        return sorted(names)


class CallableModule(OldModule):
    """`keras.layers.merge`: a module, and the function that Keras 1 had in its place."""

    def __call__(self, *args, **kwargs):
        return old_layers.merge(*args, **kwargs)


def _from_rooms(module, rooms, name):
    for room in rooms if not name.startswith("_") else ():
        if name in vars(room):
            return vars(room)[name]
    raise AttributeError(
        f"module {module.__name__!r} has no attribute {name!r}", name=name, obj=module
    )


def install(package: types.ModuleType) -> None:
    """Puts the names where they were; called once, when the package is there."""
    for path, names in NAMES.items():
        module = sys.modules[f"{package.__name__}.{path}"]
        for name, value in names.items():
            if name not in vars(module) or path == "layers":
                setattr(module, name, value)
    for path in sorted(MODULES, key=lambda path: path.count(".")):
        names, rooms = MODULES[path]
        _install_module(package, path, names, rooms)
    sys.modules[f"{package.__name__}.layers.merge"].__class__ = CallableModule
    # Names of a file that now mean a class that takes old arguments: Convolution2D.
    for name in NAMES["layers"]:
        for module in vars(sys.modules[f"{package.__name__}.layers"]).copy().values():
            if inspect.ismodule(module) and name in vars(module):
                setattr(module, name, NAMES["layers"][name])


def _install_module(package, path, names, rooms) -> None:
    dotted = f"{package.__name__}.{path}"
    parent, _, last = dotted.rpartition(".")
    owner = sys.modules[parent]
    module = sys.modules.get(dotted)
    if module is None:
        module = OldModule(dotted, f"`keras.{path}` of Keras 1 and 2.")
        module.__spec__ = ModuleSpec(dotted, None, is_package=True)
        module.__path__ = []
        sys.modules[dotted] = module
        setattr(owner, last, module)
    else:
        module.__class__ = OldModule
        # So that `import *` gives all that the module had.
        vars(module)["_own_names"] = {*vars(module).pop("__all__", ()), *names}
    for name, value in names.items():
        vars(module).setdefault(name, value)
    vars(module)["_rooms"] = [
        sys.modules[f"{package.__name__}.{room}"]
        for room in rooms
        if f"{package.__name__}.{room}" in sys.modules
    ]
