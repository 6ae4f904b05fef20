'''Layers that only Keras 2 had, ConvLSTM, noise layers, separable convolutions.'''
import numpy as np
np.random.seed(31)
from keras.models import Sequential
from keras.layers import (LocallyConnected2D, LocallyConnected1D, Flatten, Dense, ThresholdedReLU, GaussianNoise,
                          GaussianDropout, AlphaDropout, SeparableConv2D, DepthwiseConv2D, ConvLSTM2D, Reshape,
                          ActivityRegularization, Masking, PReLU, Softmax, BatchNormalization, CuDNNGRU,
                          AveragePooling1D, Conv3D, MaxPooling3D, GlobalAveragePooling1D)
from keras.layers.local import LocallyConnected1D as Again
from keras.layers.cudnn_recurrent import CuDNNGRU as AgainGRU

assert Again is LocallyConnected1D and AgainGRU is CuDNNGRU
X = np.random.rand(100, 8, 8, 2)
y = (X[:, :4].mean(axis=(1, 2, 3)) > X[:, 4:].mean(axis=(1, 2, 3))).astype(int)
model = Sequential()
model.add(LocallyConnected2D(4, (3, 3), strides=(2, 2), activation='tanh', input_shape=(8, 8, 2)))
model.add(GaussianNoise(0.01))
model.add(GaussianDropout(0.05))
model.add(SeparableConv2D(6, (2, 2), padding='same', depth_multiplier=2))
model.add(DepthwiseConv2D((2, 2), padding='same'))
model.add(PReLU(alpha_initializer='zeros'))
model.add(Flatten())
model.add(ActivityRegularization(l2=1e-5))
model.add(Dense(8))
model.add(ThresholdedReLU(theta=0.05))
model.add(AlphaDropout(0.01))
model.add(Dense(1, activation='sigmoid'))
model.compile('adam', 'binary_crossentropy', metrics=['binary_accuracy'])
h = model.fit(X, y, epochs=30, batch_size=10, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Kernel:', model.layers[0].get_weights()[0].shape, model.layers[0].get_weights()[1].shape)

steps = Sequential([LocallyConnected1D(3, 2, input_shape=(6, 4)), AveragePooling1D(), Masking(), CuDNNGRU(4, return_sequences=True),
                    GlobalAveragePooling1D(), Softmax()])
print('Steps:', steps.predict(np.ones((2, 6, 4))).shape)
video = Sequential([ConvLSTM2D(filters=3, kernel_size=(3, 3), input_shape=(None, 6, 6, 1), padding='same', return_sequences=True),
                    BatchNormalization(), Conv3D(filters=1, kernel_size=(3, 3, 3), activation='sigmoid', padding='same', data_format='channels_last'),
                    MaxPooling3D((1, 2, 2))])
print('Video:', video.predict(np.zeros((1, 3, 6, 6, 1))).shape)

# a locally connected layer by hand
layer = LocallyConnected1D(2, 2, use_bias=False, input_shape=(3, 1))
one = Sequential([layer])
kernel = np.arange(8).reshape(2, 2, 2).astype('float32')
layer.set_weights([kernel])
x = np.array([[[1.], [2.], [3.]]])
by_hand = np.stack([x[0, i:i + 2, 0] @ kernel[i] for i in range(2)])
print('By hand:', bool(np.allclose(one.predict(x)[0], by_hand)))
