"""Every call that the study notes behind this project show, with their spelling and arguments.

`docs/coverage.md` lists them with the test that runs each.
"""

import importlib
import os
import tarfile

import numpy as np
import pytest

import torchkeras as keras
from torchkeras import tf

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_line_from_plain_lists():
    """`units=1, input_dim=1`, `SGD(lr=0.1)`, Python lists into `fit` and `evaluate`."""
    x_train = [1, 2, 3, 4]
    y_train = [1, 2, 3, 4]
    model = tf.keras.models.Sequential()
    model.add(tf.keras.layers.Dense(units=1, input_dim=1))
    sgd = tf.keras.optimizers.SGD(lr=0.1)
    model.compile(loss="mse", optimizer=sgd, metrics=["accuracy"])
    train = model.fit(x_train, y_train, epochs=100, verbose=0)
    assert len(train.history["loss"]) == len(train.history["accuracy"]) == 100
    assert train.history["loss"][-1] < 0.01
    loss, accuracy = model.evaluate(x_train, y_train, verbose=0)
    assert loss < 0.01
    np.testing.assert_allclose(model.predict(np.array([4, 6, 7])).ravel(), [4, 6, 7], atol=0.5)


def test_models_have_layers_inputs_outputs_and_weights(capsys):
    """`layers`, `inputs`, `outputs`, `summary`, `get_config`, `get_weights`, `set_weights`,
    `utils.print_summary`, `pop`."""
    layers = keras.layers
    model = keras.Sequential(
        [
            layers.Dense(2, activation="relu", name="layer1"),
            layers.Dense(3, activation="relu", name="layer2"),
            layers.Dense(4, name="layer3"),
        ]
    )
    assert model(tf.ones((3, 3))).shape == (3, 4)
    assert [layer.name for layer in model.layers] == ["layer1", "layer2", "layer3"]
    assert len(model.weights) == 6
    model.add(layers.Dense(5, activation="relu", name="layer5"))
    model.pop()
    assert len(model.layers) == 3
    model.set_weights(model.get_weights())
    assert model.get_config()["layers"]
    assert len(model.inputs) == len(model.outputs) == 1
    model.summary()
    keras.utils.print_summary(model)
    assert capsys.readouterr().out.count("layer3") == 2


def test_compile_arguments():
    """`sample_weight_mode`, `weighted_metrics`, `target_tensors`, `loss_weights`."""
    model = keras.Sequential([keras.layers.Dense(1, input_dim=2, activation="sigmoid")])
    model.compile(
        optimizer="adam",
        loss="binary_crossentropy",
        metrics=["accuracy"],
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
    )
    history = model.fit(
        x=np.ones((8, 2)),
        y=np.ones(8),
        batch_size=None,
        epochs=3,
        verbose=2,
        callbacks=None,
        validation_split=0.25,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=1,
        steps_per_epoch=None,
        validation_steps=None,
    )
    assert history.epoch == [1, 2]
    assert len(model.evaluate(np.ones((8, 2)), np.ones(8), verbose=0)) == 2
    assert model.predict(np.ones((8, 2)), batch_size=4, verbose=0, steps=None).shape == (8, 1)


def test_fit_generator_arguments():
    """`fit_generator(generator, epochs, steps_per_epoch, max_queue_size, workers, ...)`."""

    def batches():
        while True:
            yield np.ones((4, 2)), np.ones((4, 1))

    model = keras.Sequential([keras.layers.Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    history = model.fit_generator(
        batches(),
        epochs=2,
        initial_epoch=0,
        steps_per_epoch=3,
        validation_data=batches(),
        validation_steps=2,
        shuffle=True,
        verbose=0,
        callbacks=None,
        class_weight=None,
        max_queue_size=10,
        workers=1,
        use_multiprocessing=False,
    )
    assert len(history.history["val_loss"]) == 2


def test_mlp_on_clothes():
    """The flat classifier of the notes, with its loss and optimizer objects."""
    rng = np.random.default_rng(0)
    x, y = rng.random((60, 28, 28)), rng.integers(0, 10, 60)
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Flatten(input_shape=(28, 28)),
            tf.keras.layers.Dense(128, activation="relu"),
            tf.keras.layers.Dropout(0.2),
            tf.keras.layers.Dense(10, activation="softmax"),
        ]
    )
    loss_fn = tf.keras.losses.SparseCategoricalCrossentropy()
    optim_fn = tf.keras.optimizers.Adam()
    model.compile(optimizer=optim_fn, loss=loss_fn, metrics=["accuracy"])
    hist = model.fit(x, y, epochs=2, validation_data=(x, y), verbose=0)
    assert set(hist.history) == {"accuracy", "val_accuracy", "loss", "val_loss"}
    assert model.predict(x, verbose=0).shape == (60, 10)


def test_callbacks_of_the_notes():
    """TensorBoard, EarlyStopping, ModelCheckpoint of weights, LearningRateScheduler, an own one."""

    def decay(epoch):
        return 1e-3 if epoch < 3 else 1e-4

    class PrintLR(tf.keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            rates.append(float(self.model.optimizer.lr))

    rates = []
    model = keras.Sequential([keras.layers.Dense(1, input_dim=2)])
    model.compile("adam", "mse")
    callbacks = [
        tf.keras.callbacks.EarlyStopping(monitor="loss", patience=3),
        tf.keras.callbacks.ModelCheckpoint(filepath="w.weights.h5", save_weights_only=True),
        tf.keras.callbacks.LearningRateScheduler(decay),
        PrintLR(),
    ]
    model.fit(np.ones((4, 2)), np.ones(4), epochs=2, callbacks=callbacks, verbose=0)
    assert rates == pytest.approx([1e-3, 1e-3])
    assert os.path.exists("w.weights.h5")


def test_early_stopping_with_nb_epoch():
    """`EarlyStopping(patience=20)` and `fit(..., nb_epoch=1000)`."""
    stop = keras.callbacks.EarlyStopping(
        monitor="val_loss", min_delta=0, patience=0, verbose=0, mode="auto"
    )
    model = keras.Sequential([keras.layers.Dense(1, input_dim=1)])
    model.compile("sgd", "mse")
    x = np.zeros((4, 1))
    history = model.fit(
        x, x, nb_epoch=1000, callbacks=[stop], validation_data=(x, x + 1), verbose=0
    )
    assert len(history.epoch) < 1000


def test_save_as_a_folder():
    """`model.save('saved_model/')`, `save_model`, `load_model` of it."""
    model = keras.Sequential([keras.layers.Dense(2, input_dim=3)])
    model.compile("sgd", "mse")
    path = "saved_model/"
    model.save(path)
    assert os.listdir("saved_model")
    loaded = tf.keras.models.load_model(path)
    x = np.ones((1, 3))
    np.testing.assert_allclose(loaded.predict(x, verbose=0), model.predict(x, verbose=0))
    tf.keras.models.save_model(model, "other_model/")
    assert loaded.evaluate(x, np.ones((1, 2)), verbose=0) >= 0


def test_save_as_h5_json_and_yaml():
    """`save('x.h5')`, `to_json`, `to_yaml`, `model_from_json`, `model_from_yaml`."""
    model = keras.Sequential([keras.layers.Dense(2, input_dim=3, init="uniform")])
    model.compile("sgd", "mse")
    model.save("mnist_mlp_model.h5")
    x = np.ones((1, 3))
    expected = model.predict(x, verbose=0)
    again = keras.models.load_model("mnist_mlp_model.h5")
    np.testing.assert_allclose(again.predict(x, verbose=0), expected)
    for text, read in (
        (model.to_json(), keras.models.model_from_json),
        (model.to_yaml(), keras.models.model_from_yaml),
    ):
        copy = read(text)
        copy.set_weights(model.get_weights())
        np.testing.assert_allclose(copy.predict(x, verbose=0), expected)


def test_regularizers():
    """`Dense(64, kernel_regularizer=l2(0.01), bias_regularizer=l2(0.01))` in the functional API."""
    inputs = tf.keras.Input(shape=(784,))
    l2 = tf.keras.regularizers.l2
    layer = tf.keras.layers.Dense(64, kernel_regularizer=l2(0.01), bias_regularizer=l2(0.01))
    x = tf.keras.layers.Dropout(0.3)(layer(inputs))
    outputs = tf.keras.layers.Dense(10, activation="softmax")(x)
    model = tf.keras.Model(inputs, outputs)
    assert len(model.losses) == 2


def test_augmentation_layers():
    """`experimental.preprocessing.Rescaling`, `RandomFlip`, `RandomRotation`."""
    preprocessing = tf.keras.layers.experimental.preprocessing
    model = tf.keras.Sequential(
        [
            preprocessing.Rescaling(1.0 / 255.0),
            preprocessing.RandomFlip("horizontal_and_vertical"),
            preprocessing.RandomRotation(0.2),
        ]
    )
    assert model(np.full((2, 8, 8, 3), 255.0, dtype="float32")).shape == (2, 8, 8, 3)


def test_files_to_batches():
    """`get_file(untar=True)` and `image_dataset_from_directory`, by its two paths."""
    pytest.importorskip("PIL")
    os.makedirs("source/flower_photos/a")
    os.makedirs("source/flower_photos/b")
    image = np.zeros((6, 6, 3))
    for index in range(10):
        for name in ("a", "b"):
            keras.utils.save_img(f"source/flower_photos/{name}/{index}.png", image)
    with tarfile.open("flower_photos.tgz", "w:gz") as archive:
        archive.add("source/flower_photos", "flower_photos")
    url = f"file://{os.path.abspath('flower_photos.tgz')}"
    root = tf.keras.utils.get_file("flower_photos", url, untar=True, cache_dir=os.getcwd())
    root = os.path.join(root, "flower_photos") if "a" not in os.listdir(root) else root
    for read in (
        tf.keras.preprocessing.image_dataset_from_directory,
        tf.keras.utils.image_dataset_from_directory,
    ):
        rows = 0
        for subset in ("training", "validation"):
            data = read(
                root,
                validation_split=0.2,
                subset=subset,
                seed=123,
                image_size=(8, 8),
                verbose=False,
            )
            for images, labels in data:
                assert tuple(images.shape[1:]) == (8, 8, 3)
                rows += len(labels)
        assert rows == 20


def test_model_to_dot_and_plot_model():
    """`plot_model(model, to_file, show_shapes)`, `model_to_dot` by both of its paths."""
    model = keras.Sequential([keras.layers.Dense(2, input_dim=3)])
    for path in ("vis_utils", "visualize_util"):
        module = importlib.import_module(f"torchkeras.utils.{path}")
        dot = module.model_to_dot(model, show_shapes=True)
        assert dot.create(prog="dot", format="svg")
    keras.utils.plot_model(model, to_file="mlp-mnist.png", show_shapes=True)
    assert os.path.getsize("mlp-mnist.png") > 0


def test_dense_of_the_old_notes():
    """`Dense(8, input_dim=4, init='uniform', activation='relu')`, `predict_classes`."""
    model = keras.Sequential()
    model.add(keras.layers.Dense(8, input_dim=4, init="uniform", activation="relu"))
    model.add(keras.layers.Dense(6, init="uniform", activation="relu"))
    model.add(keras.layers.Dense(1, init="uniform", activation="sigmoid"))
    model.compile("adam", "binary_crossentropy")
    assert model.predict_classes(np.ones((3, 4))).shape == (3, 1)


def test_convolution_of_the_old_notes():
    """`Conv2D(32, (5, 5), padding='valid', input_shape=(28, 28, 1))`, `MaxPooling2D`, `Flatten`."""
    model = keras.Sequential(
        [
            keras.layers.Conv2D(
                32, (5, 5), padding="valid", input_shape=(28, 28, 1), activation="relu"
            ),
            keras.layers.MaxPooling2D(pool_size=(2, 2)),
            keras.layers.Flatten(),
        ]
    )
    assert model.output_shape == (None, 12 * 12 * 32)
    same = keras.layers.Convolution2D(1, 2, 2, border_mode="same", input_shape=(3, 3, 1))
    assert same(np.ones((1, 3, 3, 1), dtype="float32")).shape == (1, 3, 3, 1)


def test_lstm_of_the_notes():
    """`LSTM(3, input_dim=1, input_length=4)`, and stateful with `batch_input_shape`."""
    assert keras.Sequential([keras.layers.LSTM(3, input_dim=1)]).output_shape == (None, 3)
    model = keras.Sequential([keras.layers.LSTM(3, input_dim=1, input_length=4)])
    assert model.input_shape == (None, 4, 1)
    stateful = keras.Sequential()
    stateful.add(keras.layers.LSTM(8, batch_input_shape=(1, 4, 2), stateful=True))
    stateful.add(keras.layers.Dense(12, activation="softmax"))
    stateful.compile("adam", "categorical_crossentropy")
    x = np.ones((1, 4, 2))
    first, second = (stateful.predict(x, batch_size=1, verbose=0) for _ in range(2))
    stateful.reset_states()
    third = stateful.predict(x, batch_size=1, verbose=0)
    assert np.abs(first - second).max() > 1e-7
    np.testing.assert_allclose(first, third, atol=1e-6)


def test_image_data_generator():
    """All options of the notes' table, and `flow_from_directory`."""
    pytest.importorskip("PIL")
    os.makedirs("data/one")
    for index in range(3):
        keras.utils.save_img(f"data/one/{index}.png", np.zeros((8, 8, 3)))
    generator = keras.preprocessing.image.ImageDataGenerator(
        featurewise_center=False,
        samplewise_center=False,
        featurewise_std_normalization=False,
        samplewise_std_normalization=False,
        zca_whitening=False,
        rotation_range=10.0,
        width_shift_range=0.1,
        height_shift_range=0.1,
        shear_range=0.5,
        zoom_range=0.3,
        channel_shift_range=0.0,
        fill_mode="nearest",
        cval=0.0,
        horizontal_flip=True,
        vertical_flip=True,
        rescale=None,
        preprocessing_function=None,
        data_format=keras.backend.image_data_format(),
    )
    flow = generator.flow_from_directory(
        "data", target_size=(6, 6), batch_size=2, class_mode="categorical", color_mode="rgb"
    )
    images, labels = next(flow)
    assert images.shape == (2, 6, 6, 3)
    assert labels.shape == (2, 1)


def test_a_layer_of_ones_own():
    """`SimpleDense` of the notes, called as it is."""

    class SimpleDense(keras.layers.Layer):
        def __init__(self, units, activation=None):
            super().__init__()
            self.units = units
            self.activation = activation

        def build(self, input_shape):
            input_dim = input_shape[-1]
            self.W = self.add_weight(shape=(input_dim, self.units), initializer="random_normal")
            self.b = self.add_weight(shape=(self.units,), initializer="zeros")

        def call(self, inputs):
            y = tf.matmul(inputs, self.W) + self.b
            if self.activation is not None:
                y = self.activation(y)
            return y

    my_dense = SimpleDense(units=32, activation=tf.nn.relu)
    assert my_dense(tf.ones(shape=(2, 784))).shape == (2, 32)
    model = keras.Sequential([SimpleDense(4), keras.layers.Dense(1)])
    model.compile(optimizer="rmsprop", loss="mean_squared_error", metrics=["accuracy"])
    history = model.fit(np.ones((16, 3)), np.ones((16, 1)), epochs=2, batch_size=8, verbose=0)
    assert len(history.history["loss"]) == 2


def test_linear_classifier_with_a_tape():
    """The notes' classifier: 40 steps of full batches, whose loss falls."""
    rng = np.random.default_rng(0)
    cov = [[1, 0.5], [0.5, 1]]
    negative = rng.multivariate_normal(mean=[0, 3], cov=cov, size=100)
    positive = rng.multivariate_normal(mean=[3, 0], cov=cov, size=100)
    inputs = np.vstack((negative, positive)).astype(np.float32)
    zeros, ones = np.zeros((100, 1), dtype="float32"), np.ones((100, 1), dtype="float32")
    targets = np.vstack((zeros, ones))
    W = tf.Variable(initial_value=tf.random.uniform(shape=(2, 1)))
    b = tf.Variable(initial_value=tf.zeros(shape=(1,)))
    losses = []
    for _ in range(40):
        with tf.GradientTape() as tape:
            predictions = tf.matmul(inputs, W) + b
            loss = tf.reduce_mean(tf.square(targets - predictions))
        grad_w, grad_b = tape.gradient(loss, [W, b])
        W.assign_sub(grad_w * 0.1)
        b.assign_sub(grad_b * 0.1)
        losses.append(float(loss))
    assert losses[-1] < 0.1


def test_second_order_gradients_with_a_tape():
    """The position 4.9 t squared, its speed and its acceleration."""
    time = tf.Variable(0.0)
    with tf.GradientTape() as outer_tape:
        with tf.GradientTape() as inner_tape:
            position = 4.9 * time**2
        speed = inner_tape.gradient(position, time)
    acceleration = outer_tape.gradient(speed, time)
    assert float(acceleration) == pytest.approx(9.8)


def test_constants_and_variables():
    """`tf.ones`, `zeros`, `random.normal`, `random.uniform`; assignment to a variable's part."""
    assert tf.ones(shape=(2, 1)).shape == tf.zeros(shape=(2, 1)).shape
    assert tf.random.normal(shape=(3, 1), mean=0, stddev=1.0).shape == (3, 1)
    assert tf.random.uniform(shape=(3, 1), minval=0, maxval=1.0).shape == (3, 1)
    v = tf.Variable(initial_value=tf.random.normal(shape=(3, 1)))
    v.assign(tf.ones((3, 1)))
    v[0, 0].assign(3.0)
    v.assign_add(tf.ones((3, 1)))
    assert v.numpy().ravel().tolist() == [4.0, 2.0, 2.0]
    y = tf.ones(shape=(2, 2))
    with pytest.raises(TypeError):
        y[0, 0] = 0.0
