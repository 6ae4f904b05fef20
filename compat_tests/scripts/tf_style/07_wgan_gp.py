"""A train_step with a gradient penalty, run by fit."""
import tensorflow as tf
from tensorflow import keras


class WGAN(keras.Model):
    def __init__(self, critic, generator, gp_weight=10.0):
        super().__init__()
        self.critic = critic
        self.generator = generator
        self.gp_weight = gp_weight

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer

    def gradient_penalty(self, batch_size, real, fake):
        alpha = tf.random.uniform([batch_size, 1], 0.0, 1.0)
        interpolated = real + alpha * (fake - real)
        with tf.GradientTape() as gp_tape:
            gp_tape.watch(interpolated)
            pred = self.critic(interpolated, training=True)
        grads = gp_tape.gradient(pred, [interpolated])[0]
        norm = tf.sqrt(tf.reduce_sum(tf.square(grads), axis=[1]))
        return tf.reduce_mean((norm - 1.0) ** 2)

    def train_step(self, real):
        if isinstance(real, tuple):
            real = real[0]
        batch_size = tf.shape(real)[0]
        with tf.GradientTape() as tape:
            fake = self.generator(tf.random.normal((batch_size, 3)), training=True)
            cost = tf.reduce_mean(self.critic(fake)) - tf.reduce_mean(self.critic(real))
            d_loss = cost + self.gradient_penalty(batch_size, real, fake) * self.gp_weight
        d_gradient = tape.gradient(d_loss, self.critic.trainable_variables)
        self.d_optimizer.apply_gradients(zip(d_gradient, self.critic.trainable_variables))
        with tf.GradientTape() as tape:
            fake = self.generator(tf.random.normal((batch_size, 3)), training=True)
            g_loss = -tf.reduce_mean(self.critic(fake))
        g_gradient = tape.gradient(g_loss, self.generator.trainable_variables)
        self.g_optimizer.apply_gradients(zip(g_gradient, self.generator.trainable_variables))
        return {"d_loss": d_loss, "g_loss": g_loss}


tf.random.set_seed(2)
critic = keras.Sequential([keras.Input((2,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(1)])
generator = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
wgan = WGAN(critic, generator)
wgan.compile(keras.optimizers.Adam(5e-3), keras.optimizers.Adam(5e-3))
data = tf.random.normal((256, 2), mean=2.0)
history = wgan.fit(data, batch_size=64, epochs=3, verbose=0)
print(sorted(history.history), len(history.history["d_loss"]))
print(all(tf.math.is_finite(v).numpy() for v in history.history["g_loss"]))
