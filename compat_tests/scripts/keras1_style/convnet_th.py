'''A small convnet on made images, channels first.'''
from __future__ import print_function
import numpy as np
np.random.seed(7)

from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Flatten
from keras.layers import Convolution2D, MaxPooling2D, ZeroPadding2D
from keras.utils import np_utils
from keras import backend as K

K.set_image_dim_ordering('th')
assert K.image_dim_ordering() == 'th'

img_rows, img_cols = 12, 12
nb_filters = 8
pool_size = (2, 2)
kernel_size = (3, 3)

# images with a bar across (class 0) or upright (class 1)
X = 0.1 * np.random.rand(300, 1, img_rows, img_cols)
y = np.random.randint(0, 2, 300)
for i in range(300):
    place = np.random.randint(2, 10)
    if y[i]:
        X[i, 0, :, place] += 1
    else:
        X[i, 0, place, :] += 1
X = X.astype('float32')
Y = np_utils.to_categorical(y, 2)

model = Sequential()
model.add(ZeroPadding2D((1, 1), input_shape=(1, img_rows, img_cols)))
model.add(Convolution2D(nb_filters, kernel_size[0], kernel_size[1], border_mode='valid'))
model.add(Activation('relu'))
model.add(Convolution2D(nb_filters, 3, 3, activation='relu'))
model.add(MaxPooling2D(pool_size=pool_size, strides=(2, 2)))
model.add(Convolution2D(4, 2, 2, border_mode='same', subsample=(2, 2), dim_ordering='th'))
model.add(Dropout(0.25))
model.add(Flatten())
model.add(Dense(16, activation='relu'))
model.add(Dense(2))
model.add(Activation('softmax'))

for layer in model.layers:
    print(layer.__class__.__name__, layer.input_shape, layer.output_shape)

model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
hist = model.fit(X, Y, batch_size=20, nb_epoch=6, verbose=0, validation_split=0.2)
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
print('Accuracy:', hist.history['val_acc'][-1])
weights = model.layers[1].get_weights()
print('Kernel:', weights[0].shape)
