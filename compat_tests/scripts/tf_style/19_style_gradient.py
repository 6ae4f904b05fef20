"""Optimizing an image: a variable picture and clipped values."""
import tensorflow as tf

target = tf.random.stateless_uniform((8, 8, 3), seed=(1, 2))
image = tf.Variable(tf.zeros((8, 8, 3)))
opt = tf.optimizers.Adam(learning_rate=0.05, beta_1=0.99, epsilon=1e-1)


def clip_0_1(image):
    return tf.clip_by_value(image, clip_value_min=0.0, clip_value_max=1.0)


def gram_matrix(x):
    result = tf.linalg.einsum("ijc,ijd->cd", x, x)
    return result / tf.cast(tf.shape(x)[0] * tf.shape(x)[1], tf.float32)


@tf.function()
def train_step(image):
    with tf.GradientTape() as tape:
        style = tf.add_n([tf.reduce_mean((gram_matrix(image) - gram_matrix(target)) ** 2)])
        content = tf.reduce_mean((image - target) ** 2)
        loss = content + style + 1e-4 * tf.image.total_variation(image)
    grad = tape.gradient(loss, image)
    opt.apply_gradients([(grad, image)])
    image.assign(clip_0_1(image))
    return loss


losses = [float(train_step(image)) for _ in range(60)]
print(losses[-1] < losses[0], float(tf.reduce_max(image)) <= 1.0)
