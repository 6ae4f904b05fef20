'''Convolutional autoencoder with an image generator, and weights moved between models.'''
from keras.layers import Input, Conv2D, MaxPooling2D, UpSampling2D, Conv2DTranspose, Cropping2D, ZeroPadding2D
from keras.models import Model
from keras.preprocessing.image import ImageDataGenerator, img_to_array, array_to_img
import numpy as np
np.random.seed(12)

x_train = np.zeros((80, 12, 12, 1), dtype='float32')
for i in range(80):
    r, c = np.random.randint(1, 7, 2)
    x_train[i, r:r + 4, c:c + 4] = 1.
noisy = np.clip(x_train + 0.2 * np.random.normal(size=x_train.shape), 0., 1.)

input_img = Input(shape=(12, 12, 1))
x = Conv2D(8, (3, 3), activation='relu', padding='same')(input_img)
x = MaxPooling2D((2, 2), padding='same')(x)
x = Conv2D(4, (3, 3), activation='relu', padding='same')(x)
encoded = MaxPooling2D((2, 2), padding='same', name='encoder')(x)
x = Conv2D(4, (3, 3), activation='relu', padding='same')(encoded)
x = UpSampling2D((2, 2))(x)
x = Conv2DTranspose(8, (3, 3), strides=(2, 2), activation='relu', padding='same')(x)
x = ZeroPadding2D(((1, 1), (1, 1)))(x)
x = Cropping2D(1)(x)
decoded = Conv2D(1, (3, 3), activation='sigmoid', padding='same')(x)
autoencoder = Model(input_img, decoded)
autoencoder.compile(optimizer='rmsprop', loss='binary_crossentropy')
h = autoencoder.fit(noisy, x_train, epochs=5, batch_size=10, shuffle=True, validation_data=(noisy, x_train), verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
encoder = Model(inputs=autoencoder.input, outputs=autoencoder.get_layer('encoder').output)
print('Encoded:', encoder.predict(noisy[:3]).shape)

train_datagen = ImageDataGenerator(rescale=1. / 2, shear_range=0.1, zoom_range=0.1, horizontal_flip=True, fill_mode='nearest')
flow = train_datagen.flow(x_train, batch_size=16, seed=1)
batch = next(flow)
print('Augmented:', batch.shape, bool(batch.max() <= 0.5))
print('Image:', img_to_array(array_to_img(x_train[0])).shape)
other = Model.from_config(autoencoder.get_config())
other.set_weights(autoencoder.get_weights())
print('Copied:', bool(np.allclose(other.predict(noisy[:2]), autoencoder.predict(noisy[:2]), atol=1e-6)))
