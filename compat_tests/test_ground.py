"""config, _errors, _naming, tree, _dtypes and _serialize against real Keras."""

import collections
import copy
import itertools
import json
import os
import subprocess
import sys
import threading
import types
import warnings

import keras
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import _dtypes, _errors, _naming, _serialize, config, tree

Point = collections.namedtuple("Point", ["a", "b"])
Pair = collections.namedtuple("Pair", ["a", "b"])
OrderedDict = collections.OrderedDict


def outcome(function, *args, **kwargs):
    """The result of a call, or the type of its error."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        return type(error)


# config


@pytest.fixture
def settings(monkeypatch):
    """The settings of both libraries are put back afterwards."""
    state = vars(config._settings).copy()
    reference = keras.config.floatx(), keras.config.epsilon(), keras.config.image_data_format()
    yield config
    vars(config._settings).update(state)
    keras.config.set_floatx(reference[0])
    keras.config.set_epsilon(reference[1])
    keras.config.set_image_data_format(reference[2])


@pytest.mark.parametrize(
    "name, value",
    [
        ("floatx", "float64"),
        ("floatx", "bfloat16"),
        ("floatx", "float8"),
        ("floatx", None),
        ("epsilon", 1e-3),
        ("image_data_format", "channels_first"),
        ("image_data_format", "CHANNELS_LAST"),
        ("image_data_format", "first"),
        ("image_data_format", None),
        ("max_epochs", 3),
        ("max_steps_per_epoch", 4),
        ("max_epochs", None),
    ],
)
def test_config_setter(settings, name, value):
    results = []
    for library in (config, keras.config):
        changed = outcome(getattr(library, f"set_{name}"), value)
        results.append((changed, getattr(library, name)()))
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "switch", ["flash_attention", "interactive_logging", "traceback_filtering"]
)
def test_config_switch(settings, switch):
    for library in (config, keras.config):
        read = getattr(library, f"is_{switch}_enabled")
        before = read()
        getattr(library, f"disable_{switch}")()
        assert read() is False
        getattr(library, f"enable_{switch}")()
        assert read() is before


def test_config_backend():
    assert config.backend() == "torch"
    config.set_backend("torch")
    with pytest.raises(ValueError, match="Received: backend='jax'"):
        config.set_backend("jax")
    assert config.is_nnx_enabled() is False


def test_dtype_policy_goes_through_the_slot(settings, monkeypatch):
    monkeypatch.setattr(config, "_policy_factory", lambda policy: ("policy", policy))
    config._settings.dtype_policy = None
    assert config.dtype_policy() == ("policy", "float32")
    config.set_dtype_policy("mixed_float16")
    assert config.dtype_policy() == ("policy", "mixed_float16")
    config.forget_session()
    assert config.dtype_policy() == ("policy", "float32")


def read_settings(tmp_path, text=None, **environment):
    """Settings of a fresh process with this keras.json."""
    if text is not None:
        (tmp_path / "keras.json").write_text(text)
    code = (
        "import warnings, json\n"
        "with warnings.catch_warnings(record=True) as caught:\n"
        "    warnings.simplefilter('always')\n"
        "    from torchkeras import config as c\n"
        "print(json.dumps([c.floatx(), c.epsilon(), c.image_data_format(), c.max_epochs(),"
        " str(c.default_device()), [str(w.message) for w in caught]]))"
    )
    variables = {**os.environ, "KERAS_HOME": str(tmp_path), **environment}
    root = os.path.dirname(os.path.dirname(torchkeras.__file__))
    variables["PYTHONPATH"] = root
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def test_keras_json_is_read(tmp_path):
    text = '{"floatx": "float64", "epsilon": 1e-4, "image_data_format": "channels_first"}'
    found = read_settings(tmp_path, text, KERAS_MAX_EPOCHS="2", KERAS_TORCH_DEVICE="cpu")
    assert found == ["float64", 1e-4, "channels_first", 2, "cpu", []]


@pytest.mark.slow
@pytest.mark.parametrize("text", ["{", "[1]", '{"floatx": "int8", "epsilon": "x"}', None])
def test_broken_keras_json_warns(tmp_path, text):
    *values, warned = read_settings(tmp_path, text)
    assert values[:3] == ["float32", 1e-7, "channels_last"]
    assert len(warned) == (0 if text is None else 2 if "floatx" in text else 1)
    assert all("keras.json" in message for message in warned)
    assert sorted(os.listdir(tmp_path)) == ([] if text is None else ["keras.json"])


def test_device_override():
    before = config.default_device()
    previous = config.set_device_override("meta")
    assert config.default_device() == torch.device("meta")
    seen = []
    thread = threading.Thread(target=lambda: seen.append(config.default_device()))
    thread.start()
    thread.join()
    assert seen == [before]
    config.set_device_override("GPU:0")
    assert config.default_device() == torch.device("cuda:0")
    config.set_device_override(previous)
    assert config.default_device() == before


# _errors


def test_nearest():
    assert _errors.nearest("adm", ["Adam", "SGD"]) == " Did you mean 'Adam'?"
    assert _errors.nearest("xyz", ["Adam", "SGD"]) == ""


@pytest.mark.parametrize("value", [1, np.int64(3), np.uint8(3), torch.tensor(3)])
def test_positive_int(value):
    result = _errors.positive_int("units", value)
    assert type(result) is int and result == int(value)


@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True, (1,)])
def test_positive_int_refuses(value):
    with pytest.raises(ValueError, match="invalid value for `units`.*Received: units="):
        _errors.positive_int("units", value)


@pytest.mark.parametrize("value", [3, 0, (1, 2), [np.int32(1), 2], (1, 0), (1,), "ab", None])
@pytest.mark.parametrize("allow_zero", [False, True])
def test_int_tuple(value, allow_zero):
    from keras.src.utils.argument_validation import standardize_tuple

    expected = outcome(standardize_tuple, value, 2, "strides", allow_zero)
    assert outcome(_errors.int_tuple, "strides", value, 2, allow_zero) == expected


def test_one_of():
    assert _errors.one_of("padding", "same", ("valid", "same")) == "same"
    with pytest.raises(ValueError, match="Received: padding='sane' Did you mean 'same'"):
        _errors.one_of("padding", "sane", ("valid", "same"))


def test_import_optional():
    assert _errors.import_optional("json", "x") is json
    with pytest.raises(ImportError, match="requires the `no_such_package` package"):
        _errors.import_optional("no_such_package.sub", "Saving")


def test_without_frames_of():
    try:
        _errors.positive_int("units", 0)
    except ValueError as error:
        trimmed = _errors.without_frames_of(error, os.path.dirname(_errors.__file__))
    assert trimmed.__traceback__.tb_next is None


def fitted(*data, trainable=True, **arguments):
    model = torchkeras.Sequential([torchkeras.Input((3,)), torchkeras.layers.Dense(1)])
    model.trainable = trainable
    model.compile("sgd", "mse")
    return model.fit(*data or ROWS, verbose=0, **arguments)


ROWS = np.ones((4, 3)), np.ones((4, 1))


@pytest.mark.parametrize(
    "make",
    [
        lambda: torchkeras.layers.Dense(output_dim=3),
        lambda: torchkeras.layers.LeakyReLU(alpha=0.1),
        lambda: torchkeras.optimizers.SGD(lr=0.1),
        lambda: torchkeras.callbacks.ModelCheckpoint("a.keras", mode="most"),
        lambda: torchkeras.applications.MobileNet(weights=None, input_shape=(32, 32, 4)),
        lambda: fitted(trainable=False),
        lambda: fitted(iter([ROWS]), steps_per_epoch=3),
        lambda: fitted(callbacks=[torchkeras.callbacks.EarlyStopping("val_loss")]),
    ],
)
def test_warning_points_to_the_script(make):
    """However deep in the package it is given."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    assert {warning.filename for warning in caught} == {__file__}


def test_warning_of_a_thread_points_somewhere():
    """Where there is no line of a script, the warning is given all the same."""
    with pytest.warns(UserWarning, match="lost"):
        thread = threading.Thread(target=_errors.warn, args=["lost"])
        thread.start()
        thread.join()


# _naming


def test_names_equal_keras():
    from keras.src.utils import naming

    names = [
        "Dense",
        "MaxPooling2D",
        "IoU",
        "LSTMCell",
        "my layer!",
        "F1Score",
        "_X",
        "a_B",
        "Dense",
    ]
    _naming.reset_uids()
    naming.reset_uids()
    for name in names:
        assert _naming.to_snake_case(name) == naming.to_snake_case(name)
        assert _naming.auto_name(name) == naming.auto_name(name)
        assert _naming.get_uid(name) == naming.get_uid(name)
        assert _naming.uniquify(name.lower()) == naming.uniquify(name.lower())
    naming.reset_uids()
    _naming.reset_uids()
    assert _naming.auto_name("Dense") == "dense"


SCOPES = [
    [("a", {}), ("b", {})],
    [("a", {"caller": "x"}), ("a", {"caller": "x"}), ("b", {})],
    [("a", {"caller": "x"}), ("a", {"caller": "x", "deduplicate": False})],
    [("a", {"caller": "x"}), ("a", {"caller": "y"})],
    [("a", {}), ("b", {"override_parent": "p/q"}), ("c", {})],
    [("a", {}), ("b", {"override_parent": ""})],
    [("a", {}), ("b", {"caller": types.SimpleNamespace(_parent_path="top/mid")})],
    [("a/b", {})],
    [(3, {})],
]


@pytest.mark.parametrize("steps", SCOPES)
def test_name_scope(steps):
    from keras.src.backend.common.name_scope import current_path

    def paths(scope, current):
        found = []
        opened = []
        for name, kwargs in steps:
            opened.append(scope(name, **kwargs))
            opened[-1].__enter__()
            found.append(current())
        for entered in reversed(opened):
            entered.__exit__(None, None, None)
            found.append(current())
        return found

    ours = outcome(paths, _naming.name_scope, _naming.current_path)
    assert ours == outcome(paths, keras.name_scope, current_path)


# tree

STRUCTURES = [
    1,
    None,
    "ab",
    [],
    (),
    {},
    [1],
    (1, 2),
    [None, (1, None)],
    {"b": 1, "a": 2},
    OrderedDict(b=1, a=2),
    collections.defaultdict(list, b=1, a=2),
    collections.deque([1, 2], maxlen=3),
    Point(1, 2),
    Point([1, 2], {"x": 3}),
    {"b": [1, 2], "a": (3, {"c": 4})},
    [[1, [2, ()]], {}],
    torch.Size([2, 3]),
    collections.UserDict(a=1),
    {3: 1, "a": 2},
    [{"b": 1, "a": 2}, 5],
    torch.return_types.max([1, 2]),
    ((2, 3), [None, 4], {"a": (None, 1)}),
]
# What only our function does: inner dicts of dicts are walked in sorted order too.
NESTED_DICT = {"b": {"z": 1, "y": 2}, "a": 0}


def typed(value):
    """A structure with the types of its containers, to compare exactly."""
    if isinstance(value, dict):
        return type(value), {key: typed(item) for key, item in value.items()}
    if isinstance(value, torch.Size):  # Keras turns some into tuples.
        return tuple, list(value)
    if isinstance(value, (list, tuple, collections.deque)):
        return type(value), [typed(item) for item in value]
    return value


def recorded(traverse, structure, top_down, replace):
    seen = []

    def visit(part):
        seen.append(typed(part))
        return replace(part)

    return typed(traverse(visit, structure, top_down)), seen


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
@pytest.mark.parametrize(
    "name", ["is_nested", "flatten", "flatten_with_path", "lists_to_tuples", "traverse"]
)
def test_tree_unary(name, structure):
    args = ([lambda part: None] if name == "traverse" else []) + [structure]
    ours, theirs = (outcome(getattr(t, name), *args) for t in (tree, keras.tree))
    assert typed(ours) == typed(theirs)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
@pytest.mark.parametrize("top_down", [True, False])
@pytest.mark.parametrize("how", ["replace", "none"])
def test_tree_traverse(structure, top_down, how):
    def results(library):
        value = library.MAP_TO_NONE if how == "none" else "new"
        return outcome(
            recorded,
            library.traverse,
            structure,
            top_down,
            lambda part: value if isinstance(part, tuple) or part == 1 else None,
        )

    assert results(tree) == results(keras.tree)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
@pytest.mark.parametrize("extra", [0, 1, -1])
def test_tree_pack_sequence_as(structure, extra):
    flat = outcome(keras.tree.flatten, structure)
    flat = list(range(max(len(flat) + extra, 0))) if isinstance(flat, list) else [0]
    ours, theirs = (outcome(t.pack_sequence_as, structure, flat) for t in (tree, keras.tree))
    assert typed(ours) == typed(theirs)


@pytest.mark.parametrize("structure", STRUCTURES, ids=repr)
@pytest.mark.parametrize("none_is_leaf", [True, False])
def test_tree_map_one(structure, none_is_leaf):
    results = []
    for library in (tree, keras.tree):
        seen = []
        mapped = outcome(
            library.map_structure,
            lambda leaf, seen=seen: (seen.append(leaf), str(leaf))[1],
            structure,
            none_is_leaf=none_is_leaf,
        )
        shapes = outcome(library.map_shape_structure, lambda x: repr(typed(x)), structure)
        results.append((typed(mapped), seen, typed(shapes)))
    if results[1][2] is TypeError:  # Keras sorts the keys here, and cannot.
        results[0] = (*results[0][:2], TypeError)
    assert results[0] == results[1]


@pytest.mark.parametrize("a", [*STRUCTURES, Pair(1, 2), [1, 2], [[1], 2]], ids=repr)
def test_tree_two_structures(a):
    def pair(*leaves):
        return repr(leaves)

    for b in [*STRUCTURES, Pair(1, 2), [1, 2], [[1], 2]]:
        for name, args in {
            "map_structure": (pair, a, b),
            "map_structure_up_to": (a, pair, b),
            "assert_same_structure": (a, b),
            "assert_same_paths": (a, b),
        }.items():
            ours, theirs = (outcome(getattr(t, name), *args) for t in (tree, keras.tree))
            assert typed(ours) == typed(theirs), (name, b)


def test_tree_nested_dicts_are_sorted():
    assert tree.flatten(NESTED_DICT) == [0, 2, 1]
    assert tree.pack_sequence_as(NESTED_DICT, [0, 2, 1]) == NESTED_DICT
    assert [path for path, _ in tree.flatten_with_path(NESTED_DICT)] == [
        ("a",),
        ("b", "y"),
        ("b", "z"),
    ]


def test_tree_messages():
    with pytest.raises(ValueError, match="Must provide at least one structure"):
        tree.map_structure(len)
    with pytest.raises(ValueError, match="Must provide at least one structure"):
        tree.map_structure_up_to([], len)
    with pytest.raises(ValueError, match="have the same nested structure"):
        tree.assert_same_structure([1], [[2]])
    with pytest.raises(ValueError, match="don't have the same paths"):
        tree.assert_same_paths([1], [1, 2])
    with pytest.warns(DeprecationWarning, match="check_types"):
        tree.assert_same_structure([1], [2], check_types=True)


# _dtypes

NAMES = [name for name in _dtypes.ALLOWED_DTYPES if name != "string"]
KINDS = [*NAMES, int, float, bool, complex, None, torch.float16, torch.int64, np.float32]


def same_type(*dtypes):
    ours = outcome(_dtypes.result_type, *dtypes)
    assert ours == outcome(keras.backend.result_type, *dtypes), dtypes


@pytest.mark.parametrize("floatx", ["float32", "float16", "bfloat16", "float64"])
def test_result_type_of_pairs(settings, floatx):
    config.set_floatx(floatx)
    keras.config.set_floatx(floatx)
    same_type()
    for dtype in KINDS:
        same_type(dtype)
    for pair in itertools.product(KINDS, repeat=2):
        same_type(*pair)


def test_result_type_of_triples():
    for triple in itertools.combinations_with_replacement(KINDS, 3):
        same_type(*triple)


@pytest.mark.parametrize(
    "dtype",
    [
        *NAMES,
        "string",
        None,
        int,
        float,
        bool,
        complex,
        str,
        "int",
        "float",
        "float31",
        np.float32,
        np.int8,
        np.dtype("uint16"),
        torch.float32,
        torch.bfloat16,
        torch.uint8,
        torch.float8_e4m3fn,
        torch.complex32,
        "object",
        3,
    ],
)
def test_standardize_dtype(dtype):
    expected = outcome(keras.backend.standardize_dtype, dtype)
    assert outcome(_dtypes.standardize_dtype, dtype) == expected
    if isinstance(expected, str):
        assert _dtypes.is_float(dtype) == keras.backend.is_float_dtype(dtype)
        assert _dtypes.is_int(dtype) == keras.backend.is_int_dtype(dtype)


def test_torch_dtype():
    from keras.src.backend.torch.core import to_torch_dtype

    for name in NAMES:
        expected = torch.uint64 if name == "uint64" else to_torch_dtype(name)
        assert _dtypes.torch_dtype(name) is expected
    assert _dtypes.torch_dtype(None) is torch.float32
    assert _dtypes.torch_dtype(torch.int16) is torch.int16
    assert _dtypes.torch_dtype(np.dtype("int8")) is torch.int8
    with pytest.raises(ValueError, match="Unsupported dtype"):
        _dtypes.torch_dtype("string")


# _serialize


def plain_function(x):
    return x


VALUES = [
    None,
    True,
    3,
    2.5,
    "text",
    [1, (2, None)],
    (1, 2),
    {"a": {"b": (1,)}},
    b"bytes",
    slice(1, None, 2),
    Ellipsis,
    np.float32(2.5),
    np.int64(3),
    np.array(4),
    np.array([[1, 2], [3, 4]], "int16"),
    np.array([True]),
    torch.arange(3),
    torch.ones(2, 2, dtype=torch.bfloat16),
    torch.Size([1, 2]),
    plain_function,
    torch.relu,
    float,
    {1, 2},
    1j,
    range(3),
    object(),
    torch.nn.Linear(1, 1),
]
NOT_LOADED = [torch.relu, float, plain_function]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # numpy's, met by Keras
@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_serialize_value(value):
    ours = outcome(_serialize.serialize_keras_object, value)
    assert ours == outcome(keras.saving.serialize_keras_object, value)
    if isinstance(ours, type) or any(value is given for given in NOT_LOADED):
        return
    stored = json.loads(json.dumps(ours))
    loaded = _serialize.deserialize_keras_object(stored)
    expected = keras.saving.deserialize_keras_object(stored)
    if isinstance(expected, (np.ndarray, torch.Tensor)):
        assert loaded.dtype == expected.dtype
        np.testing.assert_array_equal(
            torch.as_tensor(loaded).float(), torch.as_tensor(expected).cpu().float()
        )
    else:
        assert typed(loaded) == typed(expected)


@pytest.fixture
def layers_module(monkeypatch):
    """A module `torchkeras.layers` to put classes into, whether or not the real one is imported."""
    if "torchkeras.layers" not in sys.modules:
        module = types.ModuleType("torchkeras.layers")
        monkeypatch.setitem(sys.modules, "torchkeras.layers", module)
    module = sys.modules["torchkeras.layers"]
    for cls in (Probe, SubProbe):
        monkeypatch.setattr(module, cls.__name__, cls, raising=False)
    return module


@pytest.fixture
def registry(monkeypatch):
    """Registered objects are forgotten afterwards."""
    objects, names = _serialize._custom_objects, _serialize._custom_names
    saved = objects.copy(), names.copy()
    yield
    for now, before in zip((objects, names), saved):
        now.clear()
        now.update(before)


class Probe(_serialize.Configurable):
    __module__ = "torchkeras.layers.probe"

    def __init__(self, width, *, inner=None, items=(), name="probe"):
        self.width = width
        self.inner = inner
        self.items = items
        self.name = name
        self.built = False
        self.build_shape = None

    def build_from_config(self, config):
        self.build_shape = config["input_shape"]

    def get_build_config(self):
        return {"input_shape": self.build_shape} if self.build_shape else None


class SubProbe(Probe):
    __module__ = "torchkeras.layers.probe"

    def __init__(self, depth=1, **kwargs):
        super().__init__(**kwargs)
        self.depth = depth


class User(Probe):
    """A user's class without `get_config`, that does not store its argument."""

    def __init__(self, hidden, *, rate=0.5, **kwargs):
        super().__init__(width=hidden, **kwargs)


class UserWithRest(Probe):
    def __init__(self, *rest):
        super().__init__(width=rest)


class UserWithConfig(Probe):
    def __init__(self, hidden, **kwargs):
        super().__init__(**kwargs)
        self.size = hidden

    def get_config(self):
        return {**super().get_config(), "hidden": self.size}


def test_config_from_the_signature(layers_module):
    obj = SubProbe(depth=2, width=3, inner=SubProbe(width=1), items=[Probe(4), 5])
    obj.build_shape = (None, 3)
    config = _serialize.serialize_keras_object(obj)
    assert list(config["config"]) == ["width", "inner", "items", "name", "depth"]
    assert config["module"] == "keras.layers"
    assert config["class_name"] == "SubProbe"
    assert config["registered_name"] is None
    assert config["build_config"] == {"input_shape": (None, 3)}
    again = _serialize.deserialize_keras_object(json.loads(json.dumps(config)))
    assert type(again) is SubProbe and again.depth == 2 and again.width == 3
    assert type(again.inner) is SubProbe and type(again.items[0]) is Probe
    assert again.built and again.build_shape == [None, 3]
    stored = json.dumps(config)
    assert json.dumps(_serialize.serialize_keras_object(again)) == stored


def test_config_of_user_classes(layers_module):
    user = User(3, rate=0.1, inner=Probe(1))
    config = user.get_config()
    assert config == {
        "inner": _serialize.serialize_keras_object(Probe(1)),
        "name": "probe",
        "hidden": 3,
        "rate": 0.1,
    }
    assert User.from_config(config).get_config() == config
    assert type(User.from_config(config).inner) is Probe
    assert copy.deepcopy(user).get_config() == config
    config = _serialize.serialize_keras_object(UserWithConfig(3, width=4))
    assert config["config"] == {
        "width": 4,
        "inner": None,
        "items": (),
        "name": "probe",
        "hidden": 3,
    }
    assert config["module"] == User.__module__
    assert config["registered_name"] == "UserWithConfig"
    with pytest.raises(TypeError, match="Could not locate class 'UserWithConfig'"):
        _serialize.deserialize_keras_object(config)
    custom = {"UserWithConfig": UserWithConfig}
    assert _serialize.deserialize_keras_object(config, custom).size == 3
    with _serialize.custom_object_scope(custom):
        assert _serialize.deserialize_keras_object(config).size == 3
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        User(object()).get_config()
    with pytest.raises(NotImplementedError, match="must override `get_config"):
        UserWithRest(1, 2).get_config()


def test_registered_objects(layers_module, registry):
    assert _serialize.get_registered_name(User) == "User"
    register = _serialize.register_keras_serializable
    register("pkg")(UserWithConfig)
    register("pkg", "fn")(plain_function)
    with pytest.raises(ValueError, match="does not have a get_config"):
        register()(object)
    assert _serialize.get_registered_name(UserWithConfig) == "pkg>UserWithConfig"
    assert _serialize.get_registered_object("pkg>fn") is plain_function
    assert _serialize.get_registered_object("nope") is None
    assert _serialize.get_registered_object("a", {"a": 1}) == 1
    assert _serialize.get_registered_object("a", None, {"a": 2}) == 2
    config = _serialize.serialize_keras_object([UserWithConfig(1, width=2), plain_function])
    assert config[0]["registered_name"] == "pkg>UserWithConfig"
    assert config[1] == {
        "module": "builtins",
        "class_name": "function",
        "config": "pkg>fn",
        "registered_name": "function",
    }
    obj, function = _serialize.deserialize_keras_object(config)
    assert type(obj) is UserWithConfig and function is plain_function
    old = {**config[1], "config": "fn"}
    assert _serialize.deserialize_keras_object(old) is plain_function


def test_custom_object_scopes_add_up():
    with _serialize.CustomObjectScope({"a": 1}), _serialize.CustomObjectScope({"b": 2}):
        assert _serialize.get_registered_object("a") == 1
        assert _serialize.get_registered_object("b") == 2
    assert _serialize.get_registered_object("a") is None


def test_shared_objects(layers_module):
    inner = Probe(1)
    with _serialize.ObjectSharingScope():
        config = _serialize.serialize_keras_object([Probe(2, inner=inner), Probe(3, inner=inner)])
    ids = [item["config"]["inner"]["shared_object_id"] for item in config]
    assert ids == [id(inner)] * 2
    with _serialize.ObjectSharingScope():
        first, second = _serialize.deserialize_keras_object(config)
    assert first.inner is second.inner
    first, second = _serialize.deserialize_keras_object(config)
    assert first.inner is not second.inner


@pytest.mark.parametrize(
    "module",
    [
        "keras.layers",
        "keras.src.layers.core.dense",
        "keras.layers.core",
        "tf_keras.layers",
        "tensorflow.keras.layers",
        "tensorflow.python.keras.layers.core",
        "keras.src.engine.base_layer",
    ],
)
def test_module_paths_of_all_ages(layers_module, module):
    config = {"module": module, "class_name": "Probe", "config": {"width": 2}}
    assert type(_serialize.deserialize_keras_object(config)) is Probe
    assert type(_serialize.deserialize_keras_object({**config, "registered_name": None})) is Probe


def test_config_without_module(layers_module):
    config = {"class_name": "Probe", "config": {"width": 2}}
    assert type(_serialize.deserialize_keras_object(config)) is Probe


CUSTOM = {"registered_name": "Probe"}
REFUSED = [
    ({"module": None, "class_name": "Probe", "config": {}, **CUSTOM}, TypeError, "locate class"),
    ({"module": "os", "class_name": "system", "config": {}}, TypeError, "Could not locate class"),
    ({"module": "keras.layers", "class_name": "Nope", "config": {}}, TypeError, "locate class"),
    ({"module": "keras.layers", "class_name": "_Probe", "config": {}}, TypeError, "locate class"),
    ({"module": "keras.losses", "class_name": "Probe", "config": {}}, TypeError, "locate class"),
    ({"module": "keras.layers", "class_name": "Probe", "config": {}}, TypeError, "deserialized"),
    ({"module": "keras.layers", "class_name": "Probe", "config": [1]}, TypeError, "to be a dict"),
    (
        {"module": "keras.layers", "class_name": "Probe", "config": {}, "registered_name": "a>b"},
        ValueError,
        "was provided in the config",
    ),
    (
        {"module": "keras.layers", "class_name": "helper", "config": {}},
        ValueError,
        "Could not deserialize 'keras.layers.helper'",
    ),
    (
        {"module": "keras.layers", "class_name": "Plain", "config": {}},
        ValueError,
        "Could not deserialize 'keras.layers.Plain'",
    ),
    (
        {"module": "builtins", "class_name": "function", "config": "eval"},
        TypeError,
        "locate function",
    ),
    ({"module": "builtins", "class_name": "function", "config": "get"}, TypeError, "function"),
    (
        {"module": "keras.config", "class_name": "function", "config": "set_floatx"},
        TypeError,
        "locate function",
    ),
    (
        {
            "module": "keras.config",
            "class_name": "function",
            "config": "enable_unsafe_deserialization",
        },
        TypeError,
        "locate function",
    ),
    ({"module": "os", "class_name": "function", "config": "system"}, TypeError, "locate function"),
    ({"module": "builtins", "class_name": "function", "config": 3}, TypeError, "non-null str"),
    ({"class_name": "__lambda__", "config": {"value": ["", None, None]}}, ValueError, "lambda"),
    ({"class_name": "__typespec__", "config": {}}, TypeError, "Could not locate"),
    (object(), TypeError, "Could not parse config"),
]


@pytest.mark.parametrize("config, error, message", REFUSED)
def test_refused(layers_module, monkeypatch, config, error, message):
    def helper():
        return None

    helper.__module__ = "torchkeras.layers.probe"
    plain = type("Plain", (), {"__module__": "torchkeras.layers.probe"})
    monkeypatch.setattr(layers_module, "helper", helper, raising=False)
    monkeypatch.setattr(layers_module, "Plain", plain, raising=False)
    with pytest.raises(error, match=message):
        _serialize.deserialize_keras_object(config)


@pytest.mark.filterwarnings("ignore:The object being serialized includes a `lambda`")
def test_lambda(settings):
    offset = 3
    function = lambda x, y=2: x + y + offset  # noqa: E731
    stored = _serialize.serialize_keras_object(function)
    assert stored == keras.saving.serialize_keras_object(function)
    stored = json.loads(json.dumps(stored))
    deserialize = _serialize.deserialize_keras_object
    with pytest.raises(ValueError, match="deserialization of a Python lambda"):
        deserialize(stored)
    assert deserialize(stored, safe_mode=False)(1) == 6
    with _serialize.SafeModeScope(True), pytest.raises(ValueError, match="safe_mode=False"):
        deserialize(stored, safe_mode=False)
    assert _serialize.in_safe_mode() is None
    config.enable_unsafe_deserialization()
    assert _serialize.in_safe_mode() is False
    assert deserialize(stored)(1) == 6
    with _serialize.SafeModeScope(True):
        assert _serialize.in_safe_mode() is True


def test_old_tuples():
    old = {"class_name": "__tuple__", "items": [1, {"class_name": "__tuple__", "items": [2]}]}
    assert _serialize.deserialize_keras_object(old) == (1, (2,))


def test_built_in_functions(monkeypatch):
    functions = types.ModuleType("torchkeras.activations")

    def swoosh(x):
        return x

    swoosh.__module__ = "torchkeras.activations"
    functions.swoosh = functions.get = swoosh
    monkeypatch.setitem(sys.modules, "torchkeras.activations", functions)
    assert Probe(swoosh).get_config()["width"] == "swoosh"
    config = _serialize.serialize_keras_object(swoosh)
    assert config["config"] == "swoosh"
    for module in ("builtins", "keras.activations", "keras.src.activations.activations"):
        assert _serialize.deserialize_keras_object({**config, "module": module}) is swoosh
    with pytest.raises(TypeError, match="Could not locate function"):
        _serialize.deserialize_keras_object({**config, "module": "keras.losses"})


INITIALIZERS = [
    ("GlorotUniform", {"seed": 3}),
    ("Constant", {"value": 2.0}),
    ("VarianceScaling", {"scale": 2.0, "mode": "fan_out", "seed": 1}),
    ("Zeros", {}),
]


@pytest.mark.parametrize("name, kwargs", INITIALIZERS)
def test_configs_are_exchanged_with_keras(name, kwargs):
    module = pytest.importorskip("torchkeras.initializers")
    ours = _serialize.serialize_keras_object(getattr(module, name)(**kwargs))
    theirs = keras.saving.serialize_keras_object(getattr(keras.initializers, name)(**kwargs))
    assert ours == theirs
    again = _serialize.deserialize_keras_object(theirs)
    assert type(again) is getattr(module, name)
    assert keras.saving.deserialize_keras_object(ours).get_config() == again.get_config()
    assert module.get(theirs).get_config() == again.get_config()


def make_namespace():
    def relu(x):
        return x

    relu.__module__ = "torchkeras.activations"
    names = {"relu": relu, "Probe": SubProbe, "SubProbeTwo": SubProbe, "alias": SubProbe}
    return {**names, "np": np, "os": os, "get": relu}


class Free(_serialize.Configurable):
    """Like an optimizer, nothing to call."""

    __module__ = "torchkeras.losses.free"

    def __init__(self, value=1):
        self.value = value


def test_lookup():
    namespace = {**make_namespace(), "FreeLoss": Free, "free": Free}

    def get(identifier, **kwargs):
        return _serialize.lookup(identifier, namespace, "loss", **kwargs)

    assert get(None) is None
    assert get("relu") is namespace["relu"]
    assert type(get("FreeLoss")) is type(get("free")) is type(get("free_loss")) is Free
    assert type(get("freeloss", ignore_case=True)) is Free
    assert get("FreeLoss", instantiate=False) is Free
    assert get(plain_function) is plain_function
    assert type(get(Free)) is Free
    assert get({"class_name": "FreeLoss", "config": {"value": 5}}, instantiate=False).value == 5


@pytest.mark.parametrize("identifier", ["rel", "np", "os", "_x", "freeloss", 3, ["relu"]])
def test_lookup_refuses(identifier):
    with pytest.raises(ValueError, match="Could not interpret loss identifier"):
        _serialize.lookup(identifier, {**make_namespace(), "FreeLoss": Free}, "loss")


def test_lookup_names_the_nearest():
    with pytest.raises(ValueError, match="Unknown loss: 'rel'. Did you mean 'relu'"):
        _serialize.lookup("rel", make_namespace(), "loss")


def test_lookup_custom_first():
    with _serialize.custom_object_scope({"relu": plain_function}):
        assert _serialize.lookup("relu", make_namespace(), "loss") is plain_function
