'''Residual blocks of Keras 2, with regularizers, schedules and layers found by name.'''
from __future__ import print_function
import keras
from keras.layers import Dense, Conv2D, BatchNormalization, Activation
from keras.layers import AveragePooling2D, Input, Flatten, GlobalAveragePooling2D
from keras.layers.merge import add, concatenate
from keras.optimizers import Adam, SGD
from keras.regularizers import l2
from keras.models import Model
import numpy as np
np.random.seed(0)


def resnet_layer(inputs, num_filters=8, kernel_size=3, strides=1, activation='relu',
                 batch_normalization=True, conv_first=True):
    conv = Conv2D(num_filters, kernel_size=kernel_size, strides=strides, padding='same',
                  kernel_initializer='he_normal', kernel_regularizer=l2(1e-4))
    x = inputs
    if conv_first:
        x = conv(x)
        if batch_normalization:
            x = BatchNormalization()(x)
        if activation is not None:
            x = Activation(activation)(x)
    return x


inputs = Input(shape=(12, 12, 3))
x = resnet_layer(inputs=inputs)
for stack in range(2):
    strides = 2 if stack else 1
    filters = 8 * (stack + 1)
    y = resnet_layer(inputs=x, num_filters=filters, strides=strides)
    y = resnet_layer(inputs=y, num_filters=filters, activation=None)
    if stack:
        x = resnet_layer(inputs=x, num_filters=filters, kernel_size=1, strides=strides,
                         activation=None, batch_normalization=False)
    x = keras.layers.add([x, y])
    x = Activation('relu')(x)
x = concatenate([GlobalAveragePooling2D()(x), Flatten()(AveragePooling2D(pool_size=6)(x))], axis=-1)
outputs = Dense(3, activation='softmax', kernel_initializer='he_normal', name='predictions')(x)
model = Model(inputs=inputs, outputs=outputs)


def lr_schedule(epoch):
    lr = 1e-2
    if epoch > 3:
        lr *= 1e-1
    return lr


model.compile(loss='sparse_categorical_crossentropy', optimizer=SGD(lr=lr_schedule(0), decay=1e-6, momentum=0.9, nesterov=True),
              metrics=['accuracy'])
X = np.random.rand(120, 12, 12, 3).astype('float32')
y = np.random.randint(0, 3, (120, 1))
for i in range(120):
    X[i, :, :, y[i, 0]] += 1.
h = model.fit(X, y, batch_size=20, epochs=4, shuffle=True, verbose=0,
              callbacks=[keras.callbacks.LearningRateScheduler(lr_schedule)])
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Params:', model.count_params() == sum(np.prod(w.shape) for w in model.get_weights()))
layer = model.get_layer('predictions')
print('Layer:', layer.output_shape, layer.input_shape, len(layer.get_weights()))
middle = Model(inputs=model.input, outputs=model.get_layer(index=3).output)
print('Middle:', middle.predict(X[:2]).shape)
for layer in model.layers[:5]:
    layer.trainable = False
print('Trainable:', len(model.trainable_weights) < len(model.weights))
