"""Writes the files beside this one; needs TensorFlow, tf_keras and Keras.

    KERAS_BACKEND=tensorflow python make.py

`structures.json.gz`: of RegNet and ResNetRS (Keras 2) and NASNetMobile (Keras 3 on TensorFlow) the
layers that have weights, in order, with the shapes of the weights, and the number of parameters.
`outputs.npz`: what some of them compute, for weights and images that `seeded` makes.
`mobilenet.h5`: a file of weights as Keras 2 writes it, and in `outputs.npz` what the model gives.
"""

import gzip
import json
import sys
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def seeded(name, shapes):
    """Values for the weights of a layer, which its name decides."""
    random = np.random.RandomState(zlib.crc32(name.encode()))
    kinds = {1: lambda shape: random.uniform(0.5, 1.5, shape)}
    values = []
    for shape in shapes:
        scale = np.sqrt(2 / max(1, np.prod(shape[:-1])))
        normal = random.standard_normal(shape) * scale
        values.append(kinds.get(len(shape), lambda _, value=normal: value)(shape).astype("float32"))
    return values


def set_seeded(model):
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(seeded(layer.name, [tuple(w.shape) for w in layer.weights]))


def image(size):
    return np.random.RandomState(0).uniform(0, 255, (2, size, size, 3)).astype("float32")


def structure(model):
    layers = [
        [layer.name, type(layer).__name__, [list(w.shape) for w in layer.weights]]
        for layer in model.layers
        if layer.weights
    ]
    return {"parameters": model.count_params(), "layers": layers}


def asked_by_nasnet(keras, include_top):
    """The file that NASNetMobile asks for: its hash stands in the middle of the code."""
    utils = sys.modules["keras.src.applications.nasnet"].file_utils
    real, asked = utils.get_file, []
    utils.get_file = lambda name, origin, **kwargs: asked.extend((name, origin, kwargs))
    try:
        keras.applications.NASNetMobile(include_top=include_top, input_shape=(224, 224, 3))
    except AttributeError:
        pass  # there is no path of a file to load
    finally:
        utils.get_file = real
    return *asked[:2], asked[2]["file_hash"]


def files(keras2, keras3):
    """Name of a file of weights -> its address and hash."""
    found = {}
    rs, regnet = (sys.modules[f"tf_keras.src.applications.{n}"] for n in ("resnet_rs", "regnet"))
    for name, file_hash in rs.WEIGHT_HASHES.items():
        found[name] = [f"{rs.BASE_WEIGHTS_URL}{name}", file_hash]
    for key, hashes in regnet.WEIGHTS_HASHES.items():
        for part, file_hash in zip(("", "_notop"), hashes):
            name = f"regnet{key}{part}.h5"
            found[name] = [f"{regnet.BASE_WEIGHTS_PATH}{name}", file_hash]
    for include_top in (True, False):
        name, origin, file_hash = asked_by_nasnet(keras3, include_top)
        found[name] = [origin, file_hash]
    return found


# Name -> arguments of the models that compute something.
SMALL = {"weights": None, "classes": 10, "input_shape": (64, 64, 3)}
COMPUTED = {
    "RegNetX002": SMALL,
    "RegNetY002": SMALL,
    "ResNetRS50": SMALL,
    "NASNetMobile": SMALL,
}


def main():
    import keras as keras3
    import tf_keras as keras2

    depths = (50, 101, 152, 200, 270, 350, 420)
    sizes = ("002", "004", "006", "008", "016", "032", "040", "064", "080", "120", "160", "320")
    places = [(keras2, f"ResNetRS{depth}") for depth in depths]
    places += [(keras2, f"RegNet{kind}{size}") for kind in "XY" for size in sizes]
    places += [(keras3, "NASNetMobile")]
    structures, outputs = {}, {}
    for keras, name in places:
        keras.backend.clear_session()
        make = getattr(keras.applications, name)
        structures[name] = structure(make(weights=None))
        print(name, structures[name]["parameters"], file=sys.stderr, flush=True)
        if name in COMPUTED:
            keras.backend.clear_session()
            model = make(**COMPUTED[name])
            set_seeded(model)
            outputs[name] = model.predict(image(COMPUTED[name]["input_shape"][0]), verbose=0)
    structures["files"] = files(keras2, keras3)
    keras2.backend.clear_session()
    model = keras2.applications.MobileNet(
        weights=None, alpha=1 / 32, classes=5, input_shape=(32, 32, 3)
    )
    set_seeded(model)
    model.save_weights(HERE / "mobilenet.h5")
    outputs["mobilenet.h5"] = model.predict(image(32) / 127.5 - 1, verbose=0)
    with gzip.GzipFile(HERE / "structures.json.gz", "wb", mtime=0) as file:
        file.write(json.dumps(structures).encode())
    np.savez(HERE / "outputs.npz", **outputs)


if __name__ == "__main__":
    main()
