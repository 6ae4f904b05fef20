"""Files made to attack: refused by default, with a message that says what was refused.

Each line of the list of published advisories on Keras files has its case here; downloads and data
sets have theirs in `test_utils.py` and `test_datasets.py`.
"""

import base64
import json
import marshal
import os
import pickle
import struct
import zipfile

import h5py
import numpy as np
import pytest
import torch

import torchkeras
from torchkeras import layers, models

CANARY = "canary"


def small():
    return torchkeras.Sequential(
        [torchkeras.Input((3,)), layers.Dense(4, name="first"), layers.Dense(2, name="second")]
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder to work in; what an attack would do is to write the file `canary` there."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / CANARY).exists(), "the attack was carried out"


# ---- configurations ----


def code():
    """What a lambda expression that writes a file looks like in a configuration."""
    compiled = compile(f"lambda x: open({CANARY!r}, 'w') and x", "f", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(compiled)).decode()


class Exploit:
    def __reduce__(self):
        return os.system, (f"touch {CANARY}",)


def layer(class_name, config=None, module="keras.layers", **more):
    entry = {"class_name": class_name, "config": {"name": "evil", **(config or {})}}
    return entry if module is None else {"module": module, **entry, "registered_name": None, **more}


def function(name, module="builtins"):
    return {
        "class_name": "function",
        "module": module,
        "config": name,
        "registered_name": name,
    }


def as_lambda(function):
    return layer("Lambda", {"function": function})


def as_activation(function):
    return layer("Dense", {"units": 2, "activation": function})


LAMBDA = {"class_name": "__lambda__", "config": {"value": [code(), None, None]}}
PICKLED = base64.b64encode(pickle.dumps(Exploit())).decode()
SAFE_MODE = "safe_mode=False"

# Name: the layer in the file, and what the message says.
CONFIGS = {
    "lambda": (as_lambda(LAMBDA), SAFE_MODE),
    "lambda of Keras 3": (
        as_lambda(
            {
                "class_name": "__lambda__",
                "config": {"code": code(), "defaults": None, "closure": None},
            }
        ),
        SAFE_MODE,
    ),
    "lambda of Keras 2": (
        layer("Lambda", {"function": [code(), None, None], "function_type": "lambda"}, None),
        SAFE_MODE,
    ),
    "lambda as activation": (as_activation(LAMBDA), SAFE_MODE),
    "lambda deep inside": (
        layer("TimeDistributed", {"layer": as_lambda(LAMBDA)}),
        SAFE_MODE,
    ),
    "lambda as output shape": (
        layer("Lambda", {"function": function("relu"), "output_shape": LAMBDA}),
        SAFE_MODE,
    ),
    "lambda for a mask": (
        layer("Lambda", {"function": function("relu"), "mask": LAMBDA}),
        SAFE_MODE,
    ),
    "os.system": (as_lambda(function("system", "os")), "Could not locate function 'system'"),
    "builtins.eval": (as_lambda(function("eval")), "Could not locate function 'eval'"),
    "builtins.exec as class": (layer("exec", module="builtins"), "Could not locate class 'exec'"),
    "subprocess.Popen": (
        layer("Popen", {"args": ["touch", CANARY]}, "subprocess"),
        "Could not locate class 'Popen'",
    ),
    "a module that is not imported": (layer("Evil", module="antigravity"), "Could not locate"),
    "registered name of another class": (
        layer("Dense", {"units": 2}, registered_name="package>Evil"),
        # Keras 2 had no such name beside the class, so there it says nothing.
        "registered_name|Layer count mismatch",
    ),
    "get_file as function": (
        as_lambda(function("get_file", "keras.utils")),
        "Could not locate function 'get_file'",
    ),
    "get_file as class": (
        layer("get_file", {"fname": CANARY, "origin": "file:///etc/passwd"}, "keras.utils"),
        "Could not (locate|deserialize)",
    ),
    "load_model with a flag": (
        layer("load_model", {"filepath": "m.keras", "safe_mode": False}, "keras.models"),
        "Could not (locate|deserialize)",
    ),
    "enable_unsafe_deserialization": (
        layer("enable_unsafe_deserialization", module="keras.config"),
        "Could not (locate|deserialize)",
    ),
    "enable_unsafe_deserialization as function": (
        as_lambda(function("enable_unsafe_deserialization", "keras.config")),
        "Could not locate function",
    ),
    "deserialize_keras_object": (
        as_lambda(function("deserialize_keras_object", "keras.saving")),
        "Could not locate function",
    ),
    "deserialize of a module": (
        as_lambda(function("deserialize", "keras.layers")),
        "Could not locate function",
    ),
    "a scope": (
        layer("CustomObjectScope", {"custom_objects": {}}, "keras.saving"),
        "Could not (locate|deserialize)",
    ),
    "a callback": (
        layer("CSVLogger", {"filename": CANARY}, "keras.callbacks"),
        "Could not (locate|deserialize)",
    ),
    "a private name": (layer("_Lookup", module="keras.layers"), "Could not locate"),
    "the walk to builtins": (
        layer("Layer.__init__.__globals__", module="keras.layers"),
        "Could not locate",
    ),
    "a pickled module of torch": (
        layer("TorchModuleWrapper", {"module": PICKLED}),
        SAFE_MODE,
    ),
    "a SavedModel elsewhere": (
        layer("TFSMLayer", {"filepath": "model"}),
        "TFSMLayer|TensorFlow",
    ),
    "words from a file": (layer("StringLookup", {"vocabulary": "/etc/passwd"}), SAFE_MODE),
    "numbers from a file": (layer("IntegerLookup", {"vocabulary": "/etc/passwd"}), SAFE_MODE),
    "words of a text layer from a file": (
        layer("TextVectorization", {"vocabulary": "/etc/passwd"}),
        SAFE_MODE,
    ),
    "words from the network": (
        layer("StringLookup", {"vocabulary": "http://169.254.169.254/"}),
        SAFE_MODE,
    ),
    "a list for a configuration": (
        {"module": "keras.layers", "class_name": "Dense", "config": ["evil"]},
        "config",
    ),
    "a number for a class": (
        {"module": "keras.layers", "class_name": 7, "config": {"name": "evil"}},
        "Could not locate|class_name|unhashable",
    ),
    "a dict for a class": (
        {"module": "keras.layers", "class_name": {"a": 1}, "config": {"name": "evil"}},
        "Could not locate|class_name|unhashable",
    ),
}
every_config = pytest.mark.parametrize(("evil", "message"), CONFIGS.values(), ids=CONFIGS)


def forged(evil):
    """The configuration of a model with that layer."""
    config = json.loads(small().to_json())
    config["config"]["layers"].append(evil)
    return config


def as_keras(config):
    small().save("m.keras")
    with zipfile.ZipFile("m.keras") as old, zipfile.ZipFile("evil.keras", "w") as new:
        for name in old.namelist():
            new.writestr(name, json.dumps(config) if name == "config.json" else old.read(name))
    return models.load_model("evil.keras")


def as_folder(config):
    small().save("m", zipped=False)
    with open("m/config.json", "w") as file:
        json.dump(config, file)
    return models.load_model("m")


def as_h5(config):
    small().save("evil.h5")
    with h5py.File("evil.h5", "a") as file:
        file.attrs["model_config"] = json.dumps(config)
    return models.load_model("evil.h5")


def as_h5_of_keras_2(config):
    small().save("evil.h5")
    with h5py.File("evil.h5", "a") as file:
        file.attrs["keras_version"] = "2.9.0"
        file.attrs["model_config"] = json.dumps(config)
    return models.load_model("evil.h5")


def as_json(config):
    return models.model_from_json(json.dumps(config))


def as_config(config):
    return models.model_from_config(config)


def as_yaml(config):
    yaml = pytest.importorskip("yaml")
    return models.model_from_yaml(yaml.safe_dump(config))


DOORS = [as_keras, as_folder, as_h5, as_h5_of_keras_2, as_json, as_config, as_yaml]
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


@every_door
@every_config
def test_configuration(door, evil, message, folder):
    with pytest.raises((ValueError, TypeError, ImportError), match=message):
        door(forged(evil))
    assert torchkeras._serialize.in_safe_mode() is None
    assert not torchkeras.config.is_unsafe_deserialization_enabled()


@every_door
@pytest.mark.parametrize("place", ["optimizer", "loss", "metrics"])
def test_compile_configuration(door, place, folder):
    config = json.loads(small().to_json())
    given = {"optimizer": "sgd", "loss": "mse", "metrics": []}
    given[place] = [LAMBDA] if place == "metrics" else LAMBDA
    if door in (as_h5, as_h5_of_keras_2):
        given["optimizer_config"] = given.pop("optimizer")
        with pytest.raises((ValueError, TypeError, KeyError)):
            model = small()
            model.compile("sgd", "mse")
            model.save("evil.h5")
            with h5py.File("evil.h5", "a") as file:
                file.attrs["training_config"] = json.dumps(given)
            models.load_model("evil.h5")
        return
    with pytest.raises(ValueError, match=SAFE_MODE):
        door({**config, "compile_config": given})


def test_lambda_outside_any_loading(folder):
    with pytest.raises(ValueError, match=SAFE_MODE):
        layers.Lambda.from_config({"name": "evil", "function": LAMBDA})
    with pytest.raises(ValueError, match=SAFE_MODE):
        torchkeras.saving.deserialize_keras_object(as_lambda(LAMBDA))
    with pytest.raises(ValueError, match=SAFE_MODE):
        layers.deserialize(as_lambda(LAMBDA))


def test_the_user_may_trust_a_file(folder):
    with pytest.warns(UserWarning, match="lambda"):
        model = torchkeras.Sequential([torchkeras.Input((3,)), layers.Lambda(lambda x: x * 2)])
        for name in ("m.keras", "m.h5"):
            model.save(name)
        text = model.to_json()
    x = np.ones((2, 3), "float32")
    for name in ("m.keras", "m.h5"):
        with pytest.raises(ValueError, match=SAFE_MODE):
            models.load_model(name)
        back = models.load_model(name, safe_mode=False)
        np.testing.assert_array_equal(back.predict(x, verbose=0), 2 * x)
    with pytest.raises(ValueError, match=SAFE_MODE):
        models.model_from_json(text)
    assert models.model_from_json(text, safe_mode=False).built


def test_very_deep_configuration(folder):
    for depth in (900, 100_000):
        text = (
            '{"class_name": "Sequential", "config": ' + '{"a": ' * depth + "1" + "}" * depth + "}"
        )
        with pytest.raises((ValueError, TypeError)):
            models.model_from_json(text)


YAML = {
    "call": f"!!python/object/apply:os.system ['touch {CANARY}']",
    "new": f"!!python/object/new:os.system ['touch {CANARY}']",
    "name": "!!python/name:os.system",
    "module": "!!python/module:os",
    "in a layer": "class_name: Sequential\n"
    f"config: !!python/object/apply:os.system ['touch {CANARY}']",
}


@pytest.mark.parametrize("text", YAML.values(), ids=YAML)
def test_yaml_tags(text, folder):
    pytest.importorskip("yaml")
    with pytest.raises(ValueError, match="not allowed"):
        models.model_from_yaml(text)


def test_yaml_that_unfolds(folder):
    pytest.importorskip("yaml")
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    with pytest.raises(ValueError, match="million"):
        models.model_from_yaml("\n".join(lines))
    with pytest.raises(ValueError, match="million"):
        models.model_from_yaml("a: &a [*a]")


# ---- HDF5 ----

PLACE = "layers/dense/vars"


def external(group, name, shape):
    with open("secret", "wb") as file:
        file.write(b"\1" * 48)
    group.create_dataset(name, shape, "float32", external=[(os.path.abspath("secret"), 0, 48)])


def external_link(group, name, shape):
    with h5py.File("other.h5", "w") as file:
        file["x"] = np.ones(shape, "float32")
    group[name] = h5py.ExternalLink(os.path.abspath("other.h5"), "/x")


def soft_link(group, name, shape):
    group.file["elsewhere"] = np.ones(shape, "float32")
    group[name] = h5py.SoftLink("/elsewhere")


def virtual(group, name, shape):
    with h5py.File("other.h5", "w") as file:
        file["x"] = np.ones(shape, "float32")
    layout = h5py.VirtualLayout(shape, "float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=shape)
    group.create_virtual_dataset(name, layout)


def shape_bomb(group, name, shape):
    group.create_dataset(name, (1 << 20, 1 << 20), "float32", chunks=(1 << 10, 1 << 10))


def contiguous_bomb(group, name, shape):
    space = h5py.h5s.create_simple((1 << 20, 1 << 14))
    h5py.h5d.create(group.id, name.encode(), h5py.h5t.IEEE_F32LE, space)


def deflated_bomb(group, name, shape):
    data = group.create_dataset(
        name,
        (1 << 15, 1 << 14),
        "float32",
        chunks=(1 << 15, 1 << 14),
        compression="gzip",
        compression_opts=9,
        fillvalue=0,
    )
    assert data.id.get_storage_size() == 0


def wide_type(group, name, shape):
    group.create_dataset(name, (1 << 10,), f"S{1 << 26}", chunks=(1,))


def object_type(group, name, shape):
    group.create_dataset(name, shape, h5py.special_dtype(ref=h5py.Reference))


def a_group(group, name, shape):
    group.create_group(name)


HDF5 = {
    external: "external",
    external_link: "ExternalLink",
    soft_link: "SoftLink",
    virtual: "virtual",
    shape_bomb: "bomb",
    contiguous_bomb: "bomb",
    deflated_bomb: "bomb",
    wide_type: "bomb",
    object_type: "dtype",
    a_group: "expected Dataset",
}
every_h5 = pytest.mark.parametrize(
    ("attack", "message"), HDF5.items(), ids=[attack.__name__ for attack in HDF5]
)


def attacked(path, attack, place, name):
    with h5py.File(path, "a") as file:
        group = file[place]
        shape = group[name].shape
        del group[name]
        attack(group, name, shape)


@every_h5
def test_hdf5_of_weights(attack, message, folder):
    model = small()
    model.save_weights("m.weights.h5")
    before = model.get_weights()
    attacked("m.weights.h5", attack, PLACE, "0")
    with pytest.raises(ValueError, match=message):
        model.load_weights("m.weights.h5")
    if attack is not a_group:  # which is what a file may have there
        with pytest.raises(ValueError, match=message):
            torchkeras.saving.KerasFileEditor("m.weights.h5")
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)
    small().save("m.keras")
    with zipfile.ZipFile("m.keras") as old, zipfile.ZipFile("evil.keras", "w") as new:
        for name in ("config.json", "metadata.json"):
            new.writestr(name, old.read(name))
        new.write("m.weights.h5", "model.weights.h5")
    with pytest.raises(ValueError, match=message):
        models.load_model("evil.keras")


@every_h5
def test_hdf5_of_older_models(attack, message, folder):
    model = small()
    model.save("evil.h5")
    before = model.get_weights()
    with h5py.File("evil.h5") as file:
        name = file["model_weights/first"].attrs["weight_names"][0].decode()
    parent, _, leaf = f"model_weights/first/{name}".rpartition("/")
    attacked("evil.h5", attack, parent, leaf)
    with pytest.raises(ValueError, match=message):
        models.load_model("evil.h5")
    with pytest.raises(ValueError, match=message):
        model.load_weights("evil.h5")
    with pytest.raises(ValueError, match=message):
        model.load_weights("evil.h5", by_name=True)
    for a, b in zip(model.get_weights(), before):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("link", [external_link, soft_link])
def test_whole_groups_behind_links(link, folder):
    model = small()
    for path, place in (("m.weights.h5", PLACE), ("m.h5", "model_weights/first")):
        model.save_weights(path) if "weights" in path else model.save(path)
        with h5py.File(path, "a") as file:
            file.move(place, "/elsewhere_")
            if link is soft_link:
                file[place] = h5py.SoftLink("/elsewhere_")
            else:
                with h5py.File("other.h5", "w") as other:
                    file.copy("/elsewhere_", other, "x")
                file[place] = h5py.ExternalLink("other.h5", "/x")
        with pytest.raises(ValueError, match="Link"):
            model.load_weights(path)


def test_optimizer_state_is_read_with_the_same_care(folder):
    model = small()
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((2, 3)), np.ones((2, 2)))
    model.save("evil.h5")
    with h5py.File("evil.h5") as file:
        name = file["optimizer_weights"].attrs["weight_names"][2].decode()
    parent, _, leaf = f"optimizer_weights/{name}".rpartition("/")
    attacked("evil.h5", external_link, parent, leaf)
    with pytest.raises(ValueError, match="ExternalLink"):
        models.load_model("evil.h5")


@pytest.mark.parametrize("name", ["../first/kernel", "/etc/passwd", "a/../../b", ""])
def test_names_that_lead_elsewhere(name, folder):
    model = small()
    model.save("evil.h5")
    with h5py.File("evil.h5", "a") as file:
        group = file["model_weights/first"]
        group.attrs["weight_names"] = [name.encode(), group.attrs["weight_names"][1]]
    with pytest.raises(ValueError, match="Invalid path"):
        models.load_model("evil.h5")


@pytest.mark.parametrize("kind", ["itself", "twice"])
def test_groups_in_several_places(kind, folder):
    with h5py.File("m.weights.h5", "w") as file:
        group = file.create_group("layers")
        for _ in range(40):
            group.create_group("a")
            group["b"] = group if kind == "itself" else group["a"]
            group = group["a"]
    with pytest.raises(ValueError, match="several places"):
        torchkeras.saving.KerasFileEditor("m.weights.h5")
    with pytest.raises(ValueError, match="could not be loaded"):
        small().load_weights("m.weights.h5")


def test_deeply_nested_groups(folder):
    with h5py.File("m.weights.h5", "w") as file:
        file.create_group("/".join(["a"] * 1000))
    with pytest.raises(ValueError, match="nested deeper"):
        torchkeras.saving.KerasFileEditor("m.weights.h5")


def test_shards_stay_in_their_folder(folder):
    model = small()
    model.save_weights("m.weights.json", max_shard_size=1e-7)
    (folder / "below").mkdir()
    text = (folder / "m.weights.json").read_text()
    content = json.loads(text)
    for place in ("../m_00000.weights.h5", str(folder / "m_00000.weights.h5"), "", "..", 7):
        content["weight_map"] = {key: place for key in content["weight_map"]}
        (folder / "below" / "m.weights.json").write_text(json.dumps(content))
        with pytest.raises(ValueError, match="shard outside"):
            model.load_weights("below/m.weights.json")


# ---- archives ----


def archive_with(members, compress=False):
    """A good model in an archive with further members."""
    small().save("m.keras")
    kind = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile("m.keras") as old, zipfile.ZipFile("evil.keras", "w", kind) as new:
        for name in old.namelist():
            if name not in members:
                new.writestr(name, old.read(name))
        for name, content in members.items():
            new.writestr(name, content)
    return "evil.keras"


PATHS = [
    "assets/../../canary",
    "assets/a/../../../canary",
    "assets//etc/canary",
    "assets/..\\..\\canary",
    "assets/C:\\canary",
]


@pytest.mark.parametrize("path", PATHS)
def test_paths_of_assets(path, folder):
    with pytest.raises(ValueError, match="escapes the asset directory"):
        models.load_model(archive_with({path: "x"}))
    assert not (folder.parent / CANARY).exists()


def test_links_in_assets(folder):
    small().save("m", zipped=False)
    os.makedirs("m/assets/layers")
    os.symlink("/etc/passwd", "m/assets/layers/words.txt")
    with pytest.raises(ValueError, match="escapes the asset directory"):
        models.load_model("m")
    # In an archive a link is a file with a path in it.
    info = zipfile.ZipInfo("assets/words.txt")
    info.external_attr = 0o120777 << 16
    small().save("m.keras")
    with zipfile.ZipFile("m.keras", "a") as archive:
        archive.writestr(info, "/etc/passwd")
    assert models.load_model("m.keras").built


@pytest.mark.parametrize("name", ["config.json", "model.weights.h5", "assets/words.txt"])
def test_zip_bombs(name, folder):
    bomb = archive_with({name: bytes(1 << 27)}, compress=True)
    assert os.path.getsize(bomb) < 1 << 20
    with pytest.raises(ValueError, match="bomb"):
        models.load_model(bomb)
    with pytest.raises(ValueError, match="bomb"):
        torchkeras.saving.KerasFileEditor(bomb)


def test_many_small_members_are_a_bomb_together(folder):
    members = {f"assets/{number}": bytes(1 << 22) for number in range(32)}
    with pytest.raises(ValueError, match="bomb"):
        models.load_model(archive_with(members, compress=True))


def test_overlapping_members(folder):
    """Many names of one piece of an archive."""
    path = archive_with({"assets/0": bytes(1 << 22)}, compress=False)
    with open(path, "rb") as file:
        content = file.read()
    start = content.rindex(b"PK\1\2")
    end = content.rindex(b"PK\5\6")
    entry = content[start:end]
    entries = [entry.replace(b"assets/0", b"assets/%c" % (65 + i)) for i in range(50)]
    count, size = 4 + 50, len(content[:end]) - content.index(b"PK\1\2") + 50 * len(entry)
    tail = bytearray(content[end:])
    struct.pack_into("<HHL", tail, 8, count, count, size)
    with open("evil.keras", "wb") as file:
        file.write(content[:end] + b"".join(entries) + bytes(tail))
    with zipfile.ZipFile("evil.keras") as archive:
        declared = sum(info.file_size for info in archive.infolist())
    assert declared > 40 * os.path.getsize("evil.keras")
    with pytest.raises(ValueError, match="bomb|damaged"):
        models.load_model("evil.keras")


def test_pickles_are_no_models(folder):
    for name in ("m.keras", "m.h5", "m.weights.h5", "m.pkl", "m.safetensors"):
        with open(name, "wb") as file:
            pickle.dump(Exploit(), file)
        with pytest.raises((ValueError, ImportError)):
            models.load_model(name)
        with pytest.raises((ValueError, ImportError)):
            small().load_weights(name)
    torch.save({"a": Exploit()}, "m.keras")
    with pytest.raises(ValueError):
        models.load_model("m.keras")


def test_custom_objects_of_the_file_do_not_stay(folder):
    class Own(layers.Layer):
        def call(self, x):
            return x

    model = torchkeras.Sequential([torchkeras.Input((3,)), Own()])
    model.save("m.keras")
    assert models.load_model("m.keras", custom_objects={"Own": Own}).built
    with pytest.raises(TypeError, match="Could not locate class 'Own'"):
        models.load_model("m.keras")
