'''One-dimensional convolutions of Keras 1, up and down, and the graph of layers by index.'''
import numpy as np
np.random.seed(11)
from keras.layers import Input, Dense, Convolution1D, MaxPooling1D, UpSampling1D
from keras.layers.convolutional import AveragePooling1D, ZeroPadding1D, AtrousConvolution1D
from keras.models import Model

signal = np.sin(np.linspace(0, 3, 16)[None, :, None] * np.random.uniform(1, 3, (200, 1, 1)))

inp = Input(shape=(16, 1))
x = Convolution1D(8, 3, border_mode='same', activation='relu', init='he_uniform')(inp)
x = MaxPooling1D(pool_length=2)(x)
x = Convolution1D(nb_filter=4, filter_length=3, border_mode='same', subsample_length=1)(x)
encoded = AveragePooling1D(pool_length=2, stride=2, border_mode='valid')(x)
x = UpSampling1D(length=2)(encoded)
x = AtrousConvolution1D(8, 3, atrous_rate=2, border_mode='same', activation='relu')(x)
x = UpSampling1D(2)(x)
decoded = Convolution1D(1, 3, border_mode='same')(x)
autoencoder = Model(input=inp, output=decoded)
autoencoder.compile(optimizer='adadelta', loss='mean_squared_error')
from keras.optimizers import Adam
autoencoder.compile(optimizer=Adam(0.01), loss='mean_squared_error')
hist = autoencoder.fit(signal, signal, nb_epoch=8, batch_size=20, shuffle=True, verbose=0)
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
encoder = Model(input=inp, output=encoded)
print('Code:', encoder.predict(signal).shape, encoder.output_shape)
print('Layer:', autoencoder.get_layer(index=1).__class__.__name__)
