"""Gradients with respect to a layer's output."""
import numpy as np
import tensorflow as tf
from tensorflow import keras

keras.utils.set_random_seed(0)
inputs = keras.Input((16, 16, 3))
x = keras.layers.Conv2D(4, 3, activation="relu", name="last_conv")(inputs)
x = keras.layers.GlobalAveragePooling2D()(x)
model = keras.Model(inputs, keras.layers.Dense(5)(x))
grad_model = keras.models.Model(model.inputs, [model.get_layer("last_conv").output, model.output])
img_array = np.random.default_rng(0).random((1, 16, 16, 3)).astype("float32")
with tf.GradientTape() as tape:
    last_conv_layer_output, preds = grad_model(img_array)
    pred_index = tf.argmax(preds[0])
    class_channel = preds[:, pred_index]
grads = tape.gradient(class_channel, last_conv_layer_output)
pooled_grads = tf.reduce_mean(grads, axis=(0, 1, 2))
heatmap = last_conv_layer_output[0] @ pooled_grads[..., tf.newaxis]
heatmap = tf.squeeze(heatmap)
heatmap = tf.maximum(heatmap, 0) / tf.math.reduce_max(tf.abs(heatmap))
print(grads.shape, heatmap.shape, float(tf.reduce_max(heatmap)) <= 1.0)
with tf.GradientTape() as tape:
    picture = tf.convert_to_tensor(img_array)
    tape.watch(picture)
    loss = model(picture)[:, 0]
saliency = tape.gradient(loss, picture)
print(saliency.shape, bool(tf.reduce_any(saliency != 0)))
print(loss.numpy().shape, np.isfinite(np.asarray(preds)).all())
