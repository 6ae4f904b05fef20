'''Trains a deep network on points of two rings.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)  # for reproducibility

from keras.models import Sequential
from keras.layers.core import Dense, Dropout, Activation
from keras.optimizers import SGD, Adam, RMSprop
from keras.utils import np_utils

batch_size = 32
nb_classes = 3
nb_epoch = 8

angle = np.random.uniform(0, 2 * np.pi, 900)
label = np.random.randint(0, nb_classes, 900)
X = np.vstack([(label + 1) * np.cos(angle), (label + 1) * np.sin(angle)]).T
X += 0.1 * np.random.randn(900, 2)
X_train, X_test = X[:700].astype('float32'), X[700:].astype('float32')
print(X_train.shape[0], 'train samples')
print(X_test.shape[0], 'test samples')

# convert class vectors to binary class matrices
Y_train = np_utils.to_categorical(label[:700], nb_classes)
Y_test = np_utils.to_categorical(label[700:], nb_classes)

model = Sequential()
model.add(Dense(64, input_shape=(2,), init='he_normal'))
model.add(Activation('relu'))
model.add(Dropout(0.1))
model.add(Dense(output_dim=64, init='he_normal', activation='relu'))
model.add(Dropout(p=0.1))
model.add(Dense(nb_classes))
model.add(Activation('softmax'))

model.summary()

model.compile(loss='categorical_crossentropy',
              optimizer=RMSprop(lr=0.005),
              metrics=['accuracy'])

history = model.fit(X_train, Y_train,
                    batch_size=batch_size, nb_epoch=nb_epoch,
                    verbose=2, validation_data=(X_test, Y_test))
score = model.evaluate(X_test, Y_test, verbose=0)
print('Loss first:', history.history['loss'][0])
print('Loss last:', history.history['loss'][-1])
print('Test score:', score[0])
print('Test accuracy:', score[1])
print('Epochs seen:', len(history.history['val_acc']))
classes = model.predict_classes(X_test, verbose=0)
print('Agree:', np.mean(classes == label[700:]))
