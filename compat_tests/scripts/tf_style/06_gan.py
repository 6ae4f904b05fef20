"""Two tapes over one graph: a generator and a discriminator."""
import tensorflow as tf
from tensorflow.keras import layers

tf.random.set_seed(1)
generator = tf.keras.Sequential([layers.Dense(8, activation="relu"), layers.Dense(2)])
discriminator = tf.keras.Sequential([layers.Dense(8), layers.LeakyReLU(), layers.Dense(1)])
cross_entropy = tf.keras.losses.BinaryCrossentropy(from_logits=True)
generator_optimizer = tf.keras.optimizers.Adam(1e-2)
discriminator_optimizer = tf.keras.optimizers.Adam(1e-2)


def discriminator_loss(real_output, fake_output):
    real_loss = cross_entropy(tf.ones_like(real_output), real_output)
    fake_loss = cross_entropy(tf.zeros_like(fake_output), fake_output)
    return real_loss + fake_loss


def generator_loss(fake_output):
    return cross_entropy(tf.ones_like(fake_output), fake_output)


@tf.function
def train_step(points):
    noise = tf.random.normal([16, 4])
    with tf.GradientTape() as gen_tape, tf.GradientTape() as disc_tape:
        generated = generator(noise, training=True)
        real_output = discriminator(points, training=True)
        fake_output = discriminator(generated, training=True)
        gen_loss = generator_loss(fake_output)
        disc_loss = discriminator_loss(real_output, fake_output)
    gradients_of_generator = gen_tape.gradient(gen_loss, generator.trainable_variables)
    gradients_of_discriminator = disc_tape.gradient(disc_loss, discriminator.trainable_variables)
    generator_optimizer.apply_gradients(zip(gradients_of_generator, generator.trainable_variables))
    discriminator_optimizer.apply_gradients(
        zip(gradients_of_discriminator, discriminator.trainable_variables))
    return gen_loss, disc_loss


for step in range(200):
    points = tf.random.normal([16, 2], mean=[4.0, -4.0], stddev=0.1)
    gen_loss, disc_loss = train_step(points)
center = tf.reduce_mean(generator(tf.random.normal([64, 4])), axis=0).numpy()
print(center.shape, gen_loss.shape, bool(tf.math.is_finite(disc_loss)), step)
