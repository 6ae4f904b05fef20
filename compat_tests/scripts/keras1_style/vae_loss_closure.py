'''A variational autoencoder whose loss refers to tensors inside of the model.'''
import numpy as np
np.random.seed(1)
from keras.layers import Input, Dense, Lambda
from keras.models import Model
from keras import backend as K
from keras import objectives

batch_size = 20
original_dim = 16
latent_dim = 2
intermediate_dim = 12
nb_epoch = 12
epsilon_std = 0.01

x = Input(batch_shape=(batch_size, original_dim))
h = Dense(intermediate_dim, activation='relu')(x)
z_mean = Dense(latent_dim)(h)
z_log_var = Dense(latent_dim)(h)


def sampling(args):
    z_mean, z_log_var = args
    epsilon = K.random_normal(shape=(batch_size, latent_dim), mean=0., std=epsilon_std)
    return z_mean + K.exp(z_log_var / 2) * epsilon


z = Lambda(sampling, output_shape=(latent_dim,))([z_mean, z_log_var])

decoder_h = Dense(intermediate_dim, activation='relu')
decoder_mean = Dense(original_dim, activation='sigmoid')
h_decoded = decoder_h(z)
x_decoded_mean = decoder_mean(h_decoded)


def vae_loss(x, x_decoded_mean):
    xent_loss = original_dim * objectives.binary_crossentropy(x, x_decoded_mean)
    kl_loss = - 0.5 * K.sum(1 + z_log_var - K.square(z_mean) - K.exp(z_log_var), axis=-1)
    return xent_loss + kl_loss


vae = Model(x, x_decoded_mean)
vae.compile(optimizer='rmsprop', loss=vae_loss)

data = np.repeat(np.random.rand(400, 4) > 0.5, 4, axis=1).astype('float32')
hist = vae.fit(data, data, shuffle=True, nb_epoch=nb_epoch, batch_size=batch_size, verbose=0,
               validation_data=(data[:100], data[:100]))
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])

encoder = Model(x, z_mean)
print('Encoded:', encoder.predict(data, batch_size=batch_size).shape)
decoder_input = Input(shape=(latent_dim,))
_h_decoded = decoder_h(decoder_input)
_x_decoded_mean = decoder_mean(_h_decoded)
generator = Model(decoder_input, _x_decoded_mean)
print('Generated:', generator.predict(np.array([[0.0, 0.5]])).shape)
