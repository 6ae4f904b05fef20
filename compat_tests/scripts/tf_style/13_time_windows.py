"""Windows over a series."""
import numpy as np
import tensorflow as tf

series = np.arange(20, dtype="float32")


def windowed_dataset(series, window_size, batch_size, shuffle_buffer):
    ds = tf.data.Dataset.from_tensor_slices(series)
    ds = ds.window(window_size + 1, shift=1, drop_remainder=True)
    ds = ds.flat_map(lambda w: w.batch(window_size + 1))
    ds = ds.shuffle(shuffle_buffer)
    ds = ds.map(lambda w: (w[:-1], w[-1:]))
    return ds.batch(batch_size).prefetch(1)


tf.random.set_seed(0)
total = 0
for x, y in windowed_dataset(series, 4, 8, 100):
    assert bool(tf.reduce_all(x[:, -1:] + 1 == y))
    total += int(x.shape[0])
print(total)
model = tf.keras.models.Sequential([
    tf.keras.layers.Lambda(lambda x: tf.expand_dims(x, axis=-1), input_shape=[None]),
    tf.keras.layers.SimpleRNN(4),
    tf.keras.layers.Dense(1),
    tf.keras.layers.Lambda(lambda x: x * 10.0),
])
model.compile(loss=tf.keras.losses.Huber(), optimizer=tf.keras.optimizers.SGD(1e-3, momentum=0.9))
history = model.fit(windowed_dataset(series, 4, 8, 100), epochs=3, verbose=0)
print(len(history.history["loss"]), model.predict(series[np.newaxis, :4], verbose=0).shape)
