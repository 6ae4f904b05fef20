'''Data augmentation of Keras 1 and its flow of batches.'''
import numpy as np
np.random.seed(4)
from keras.preprocessing.image import ImageDataGenerator
from keras.models import Sequential
from keras.layers import Convolution2D, Activation, Flatten, Dense, MaxPooling2D, SpatialDropout2D, LeakyReLU, PReLU
from keras.layers.normalization import BatchNormalization
from keras.layers.advanced_activations import ELU
from keras.utils.np_utils import to_categorical

X = np.random.rand(96, 10, 10, 3).astype('float32')
y = np.random.randint(0, 2, 96)
X[y == 1, 3:7, 3:7] += 1.0
Y = to_categorical(y, 2)

datagen = ImageDataGenerator(featurewise_center=False, samplewise_center=False,
                             featurewise_std_normalization=False,
                             samplewise_std_normalization=False, zca_whitening=False,
                             rotation_range=0, width_shift_range=0.1, height_shift_range=0.1,
                             horizontal_flip=True, vertical_flip=False)
datagen.fit(X)

model = Sequential()
model.add(Convolution2D(6, 3, 3, border_mode='same', input_shape=X.shape[1:], bias=False))
model.add(BatchNormalization())
model.add(LeakyReLU(alpha=0.1))
model.add(SpatialDropout2D(0.1))
model.add(Convolution2D(6, 3, 3))
model.add(PReLU(init='zero'))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(Flatten())
model.add(Dense(8))
model.add(ELU(alpha=0.9))
model.add(Dense(2, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])
hist = model.fit_generator(datagen.flow(X, Y, batch_size=16), samples_per_epoch=X.shape[0],
                           nb_epoch=5, verbose=0, validation_data=(X, Y))
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
print('Validated:', len(hist.history['val_acc']))
for X_batch, Y_batch in datagen.flow(X, Y, batch_size=9):
    print('Batch:', X_batch.shape, Y_batch.shape)
    break
