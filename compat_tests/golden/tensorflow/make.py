"""Makes the files beside this one, with TensorFlow and tf_keras: `python make.py`.

Each model is trained for a few steps and saved as a SavedModel and as a checkpoint. `expected.npz`
holds its inputs, targets, outputs, and the losses of the two steps that follow. The TensorFlow
program in a SavedModel is emptied: nothing here reads it, and it is large.
"""

import pathlib
import shutil

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.core.protobuf import saved_model_pb2
from tf_keras import layers
from tf_keras.protobuf import saved_metadata_pb2

HERE = pathlib.Path(__file__).parent


def mlp():
    model = keras.Sequential([layers.Dense(5, activation="relu"), layers.Dense(1)])
    model.build((None, 6))
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model, (6,), (1,)


def old_adam():
    model = keras.Sequential([layers.Dense(4, activation="tanh", input_dim=6), layers.Dense(1)])
    model.compile(keras.optimizers.legacy.Adam(0.01), "mse")
    return model, (6,), (1,)


def convnet():
    image = keras.Input((7, 7, 2))
    x = layers.Conv2D(3, 3, padding="same", activation="relu")(image)
    x = layers.BatchNormalization()(x)
    x = layers.Dropout(0.0)(layers.MaxPooling2D()(x))
    x = layers.SeparableConv2D(2, 2)(x)
    model = keras.Model(image, layers.Dense(3, activation="softmax")(layers.Flatten()(x)))
    model.compile(
        keras.optimizers.RMSprop(0.01, momentum=0.5), keras.losses.CategoricalCrossentropy()
    )
    return model, (7, 7, 2), (3,)


def nested():
    inner = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3),
            layers.Reshape((3, 1)),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            layers.GRU(2),
        ],
        name="inner",
    )
    left = keras.Input((4,), name="left")
    shared = layers.Dense(4, activation="relu", name="shared")
    outputs = layers.concatenate([inner(left), inner(shared(shared(left)))])
    model = keras.Model(left, layers.Dense(1, name="out")(outputs))
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss="mae")
    return model, (4,), (1,)


class Blocks(keras.Model):
    def __init__(self):
        super().__init__()
        self.blocks = [layers.Dense(3, activation="relu"), layers.Dense(2)]
        self.heads = {"one": layers.Dense(1)}

    def call(self, inputs):
        for block in self.blocks:
            inputs = block(inputs)
        return self.heads["one"](inputs)


def blocks():
    model = Blocks()
    model.build((None, 4))
    model.compile(keras.optimizers.Adagrad(0.05), "mse")
    return model, (4,), (1,)


def as_before_2_5(folder, target):
    """The same SavedModel with the configuration where TensorFlow 2.0 to 2.4 put it."""
    metadata = saved_metadata_pb2.SavedMetadata()
    metadata.ParseFromString((folder / "keras_metadata.pb").read_bytes())
    program = saved_model_pb2.SavedModel()
    user = program.meta_graphs.add().object_graph_def.nodes.add().user_object
    user.identifier = metadata.nodes[0].identifier
    user.metadata = metadata.nodes[0].metadata
    shutil.copytree(folder / "variables", target / "variables")
    (target / "saved_model.pb").write_bytes(program.SerializeToString())


def main():
    expected = {}
    for make in (mlp, old_adam, convnet, nested, blocks):
        keras.utils.set_random_seed(7)
        name = make.__name__
        model, *shapes = make()
        random = np.random.default_rng(1)
        x, y = (random.random((8, *shape)).astype("float32") for shape in shapes)
        if name == "convnet":
            y /= y.sum(1, keepdims=True)
        model.fit(x, y, epochs=2, batch_size=4, verbose=0)
        folder = HERE / f"{name}_saved_model"
        shutil.rmtree(folder, ignore_errors=True)
        model.save(folder, save_format="tf")
        (folder / "saved_model.pb").write_bytes(b"")
        (folder / "fingerprint.pb").unlink()
        (folder / "assets").rmdir()
        model.save_weights(HERE / f"{name}.ckpt")
        expected[f"{name}_x"], expected[f"{name}_y"] = x, y
        expected[f"{name}_outputs"] = model.predict(x, verbose=0)
        model.compiled_metrics.reset_state()
        steps = [model.train_on_batch(x, y, reset_metrics=True) for _ in range(3)]
        expected[f"{name}_losses"] = np.array([np.ravel(step)[0] for step in steps])
    shutil.rmtree(HERE / "before_2_5_saved_model", ignore_errors=True)
    (HERE / "before_2_5_saved_model").mkdir()
    as_before_2_5(HERE / "mlp_saved_model", HERE / "before_2_5_saved_model")
    (HERE / "checkpoint").unlink()
    np.savez_compressed(HERE / "expected.npz", **expected)
    print(tf.__version__, keras.__version__)


if __name__ == "__main__":
    main()
