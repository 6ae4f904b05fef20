'''tf.keras of TensorFlow 2: clothes by a flat network, saved as a folder and as h5, probabilities.'''
import tensorflow as tf
from tensorflow import keras
import numpy as np
import os
import shutil

np.random.seed(42)
tf.random.set_seed(42)
train_images = np.random.rand(300, 8, 8).astype('float32')
train_labels = np.random.randint(0, 3, 300)
for i in range(300):
    train_images[i, train_labels[i] * 2:train_labels[i] * 2 + 2] += 1.0
model = keras.Sequential([
    keras.layers.Flatten(input_shape=(8, 8)),
    keras.layers.Dense(32, activation=tf.nn.relu),
    keras.layers.Dense(3)
])
model.compile(optimizer='adam', loss=tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=['accuracy'])
h = model.fit(train_images, train_labels, epochs=5, verbose=0, workers=4, use_multiprocessing=True)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
probability_model = tf.keras.Sequential([model, tf.keras.layers.Softmax()])
predictions = probability_model.predict(train_images[:5])
print('Sum:', bool(np.allclose(predictions.sum(axis=1), 1, atol=1e-5)), np.argmax(predictions[0]) == train_labels[0])
test_loss, test_acc = model.evaluate(train_images, train_labels, verbose=2)
print('Accurate:', test_acc > 0.8)
model.save('my_model.h5')
new_model = keras.models.load_model('my_model.h5')
print('H5:', bool(np.allclose(new_model.predict(train_images[:3]), model.predict(train_images[:3]), atol=1e-5)))
model.save_weights('checkpoint.weights.h5')
os.remove('my_model.h5')
os.remove('checkpoint.weights.h5')
metric = tf.keras.metrics.Mean()
metric.update_state([1., 3.])
print('Metric:', float(metric.result()))
metric.reset_states()
print('Reset:', float(metric.result()))
print('Optimizer:', round(float(keras.backend.get_value(model.optimizer.lr)), 4))
