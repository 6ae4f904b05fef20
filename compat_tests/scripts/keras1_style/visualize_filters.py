'''Gradient ascent on the input of a convnet, and the gradients of Keras 1's backend.'''
from __future__ import print_function
import numpy as np
np.random.seed(0)
from keras.models import Sequential
from keras.layers import Convolution2D, ZeroPadding2D, MaxPooling2D
from keras import backend as K

img_width, img_height = 16, 16
first_layer = ZeroPadding2D((1, 1), batch_input_shape=(1, img_width, img_height, 3))
model = Sequential()
model.add(first_layer)
model.add(Convolution2D(4, 3, 3, activation='relu', name='conv1_1'))
model.add(ZeroPadding2D((1, 1)))
model.add(Convolution2D(4, 3, 3, activation='relu', name='conv1_2'))
model.add(MaxPooling2D((2, 2), strides=(2, 2)))
input_img = model.input
layer_dict = dict([(layer.name, layer) for layer in model.layers])


def normalize(x):
    return x / (K.sqrt(K.mean(K.square(x))) + 1e-5)


kept = []
for filter_index in range(3):
    layer_output = layer_dict['conv1_2'].output
    if K.image_dim_ordering() == 'th':
        loss = K.mean(layer_output[:, filter_index, :, :])
    else:
        loss = K.mean(layer_output[:, :, :, filter_index])
    grads = K.gradients(loss, input_img)[0]
    grads = normalize(grads)
    iterate = K.function([input_img, K.learning_phase()], [loss, grads])
    input_img_data = np.random.random((1, img_width, img_height, 3)) * 0.1
    values = []
    for i in range(6):
        loss_value, grads_value = iterate([input_img_data, 0])
        input_img_data += grads_value * 0.1
        values.append(float(loss_value))
    kept.append((values[0], values[-1]))
    print('Filter %d:' % filter_index, values[-1] > values[0], grads_value.shape)
