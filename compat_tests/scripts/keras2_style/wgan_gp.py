'''Wasserstein GAN whose loss takes gradients with respect to a tensor inside of the model.'''
from __future__ import print_function, division
from keras.layers.merge import _Merge
from keras.layers import Input, Dense, Reshape, Flatten, Dropout, LeakyReLU
from keras.models import Sequential, Model
from keras.optimizers import RMSprop
from functools import partial
import keras.backend as K
import numpy as np
np.random.seed(4)


class RandomWeightedAverage(_Merge):
    """Provides a (random) weighted average between real and generated image samples"""
    def _merge_function(self, inputs):
        alpha = K.random_uniform((16, 1))
        return (alpha * inputs[0]) + ((1 - alpha) * inputs[1])


class WGANGP():
    def __init__(self):
        self.shape, self.latent_dim = (6,), 3
        optimizer = RMSprop(lr=0.005)
        self.generator = Sequential([Dense(8, activation='relu', input_dim=self.latent_dim), Dense(6)])
        self.critic = Sequential([Dense(8, input_shape=self.shape, kernel_initializer='random_normal'),
                                  LeakyReLU(alpha=0.2), Dense(1, kernel_initializer='random_normal')])
        self.generator.trainable = False
        real_img = Input(shape=self.shape)
        z_disc = Input(shape=(self.latent_dim,))
        fake_img = self.generator(z_disc)
        fake = self.critic(fake_img)
        valid = self.critic(real_img)
        interpolated_img = RandomWeightedAverage()([real_img, fake_img])
        validity_interpolated = self.critic(interpolated_img)
        partial_gp_loss = partial(self.gradient_penalty_loss, averaged_samples=interpolated_img)
        partial_gp_loss.__name__ = 'gradient_penalty'  # Keras requires function names
        self.critic_model = Model(inputs=[real_img, z_disc], outputs=[valid, fake, validity_interpolated])
        self.critic_model.compile(loss=[self.wasserstein_loss, self.wasserstein_loss, partial_gp_loss],
                                  optimizer=optimizer, loss_weights=[1, 1, 10])
        self.critic.trainable = False
        self.generator.trainable = True
        z_gen = Input(shape=(self.latent_dim,))
        self.generator_model = Model(z_gen, self.critic(self.generator(z_gen)))
        self.generator_model.compile(loss=self.wasserstein_loss, optimizer=RMSprop(lr=0.005))

    def gradient_penalty_loss(self, y_true, y_pred, averaged_samples):
        gradients = K.gradients(y_pred, averaged_samples)[0]
        gradients_sqr = K.square(gradients)
        gradients_sqr_sum = K.sum(gradients_sqr, axis=np.arange(1, len(gradients_sqr.shape)))
        gradient_l2_norm = K.sqrt(gradients_sqr_sum)
        gradient_penalty = K.square(1 - gradient_l2_norm)
        return K.mean(gradient_penalty)

    def wasserstein_loss(self, y_true, y_pred):
        return K.mean(y_true * y_pred)

    def train(self, epochs, batch_size):
        valid = -np.ones((batch_size, 1))
        fake = np.ones((batch_size, 1))
        dummy = np.zeros((batch_size, 1))
        penalties = []
        for epoch in range(epochs):
            imgs = np.random.randn(batch_size, 6) + 2
            noise = np.random.normal(0, 1, (batch_size, self.latent_dim))
            d_loss = self.critic_model.train_on_batch([imgs, noise], [valid, fake, dummy])
            penalties.append(d_loss[3])
            g_loss = self.generator_model.train_on_batch(noise, valid)
        print('Losses:', len(d_loss), bool(np.isfinite(g_loss)))
        print('Loss first:', penalties[0])
        print('Loss last:', penalties[-1])


WGANGP().train(120, 16)
