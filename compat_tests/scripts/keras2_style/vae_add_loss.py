'''Variational autoencoder with add_loss on symbolic tensors.'''
from __future__ import absolute_import, division, print_function
from keras.layers import Lambda, Input, Dense
from keras.models import Model
from keras.losses import mse, binary_crossentropy
from keras.utils import plot_model
from keras import backend as K
import numpy as np
np.random.seed(3)


def sampling(args):
    z_mean, z_log_var = args
    batch = K.shape(z_mean)[0]
    dim = K.int_shape(z_mean)[1]
    # by default, random_normal has mean = 0 and std = 1.0
    epsilon = K.random_normal(shape=(batch, dim))
    return z_mean + K.exp(0.5 * z_log_var) * epsilon


original_dim = 16
input_shape = (original_dim, )
intermediate_dim = 16
batch_size = 32
latent_dim = 2
epochs = 30

inputs = Input(shape=input_shape, name='encoder_input')
x = Dense(intermediate_dim, activation='relu')(inputs)
z_mean = Dense(latent_dim, name='z_mean')(x)
z_log_var = Dense(latent_dim, name='z_log_var')(x)
z = Lambda(sampling, output_shape=(latent_dim,), name='z')([z_mean, z_log_var])
encoder = Model(inputs, [z_mean, z_log_var, z], name='encoder')
encoder.summary()

latent_inputs = Input(shape=(latent_dim,), name='z_sampling')
x = Dense(intermediate_dim, activation='relu')(latent_inputs)
outputs = Dense(original_dim, activation='sigmoid')(x)
decoder = Model(latent_inputs, outputs, name='decoder')

outputs = decoder(encoder(inputs)[2])
vae = Model(inputs, outputs, name='vae_mlp')

reconstruction_loss = binary_crossentropy(inputs, outputs)
reconstruction_loss *= original_dim
kl_loss = 1 + z_log_var - K.square(z_mean) - K.exp(z_log_var)
kl_loss = K.sum(kl_loss, axis=-1)
kl_loss *= -0.5
vae_loss = K.mean(reconstruction_loss + kl_loss)
vae.add_loss(vae_loss)
vae.add_metric(kl_loss, name='kl_loss', aggregation='mean')
vae.compile(optimizer='adam')
data = np.repeat(np.random.rand(320, 4) > 0.5, 4, axis=1).astype('float32')
history = vae.fit(data, epochs=epochs, batch_size=batch_size, validation_data=(data[:64], None), verbose=0)
print('Loss first:', history.history['loss'][0])
print('Loss last:', history.history['loss'][-1])
print('KL seen:', len(history.history['kl_loss']), history.history['kl_loss'][-1] > 0)
z_m, _, _ = encoder.predict(data, batch_size=batch_size)
print('Encoded:', z_m.shape)
