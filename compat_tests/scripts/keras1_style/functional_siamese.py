'''Two inputs through a shared network, contrastive loss on their distance.'''
from __future__ import absolute_import
from __future__ import print_function
import numpy as np
np.random.seed(1337)
import random
from keras.models import Sequential, Model
from keras.layers import Dense, Dropout, Input, Lambda
from keras.optimizers import RMSprop
from keras import backend as K


def euclidean_distance(vects):
    x, y = vects
    return K.sqrt(K.maximum(K.sum(K.square(x - y), axis=1, keepdims=True), K.epsilon()))


def eucl_dist_output_shape(shapes):
    shape1, shape2 = shapes
    return (shape1[0], 1)


def contrastive_loss(y_true, y_pred):
    margin = 1
    return K.mean(y_true * K.square(y_pred) + (1 - y_true) * K.square(K.maximum(margin - y_pred, 0)))


def create_base_network(input_dim):
    seq = Sequential()
    seq.add(Dense(32, input_shape=(input_dim,), activation='relu'))
    seq.add(Dropout(0.05))
    seq.add(Dense(8, activation='relu'))
    return seq


def compute_accuracy(predictions, labels):
    return labels[predictions.ravel() < 0.5].mean()


centres = np.random.randn(4, 10)
pairs, labels = [], []
for i in range(400):
    a = random.randrange(4)
    b = a if i % 2 else (a + random.randrange(1, 4)) % 4
    pairs.append([centres[a] + 0.1 * np.random.randn(10), centres[b] + 0.1 * np.random.randn(10)])
    labels.append(i % 2)
tr_pairs, tr_y = np.array(pairs), np.array(labels)

base_network = create_base_network(10)
input_a = Input(shape=(10,))
input_b = Input(shape=(10,))
processed_a = base_network(input_a)
processed_b = base_network(input_b)
distance = Lambda(euclidean_distance, output_shape=eucl_dist_output_shape)([processed_a, processed_b])

model = Model(input=[input_a, input_b], output=distance)
rms = RMSprop()
model.compile(loss=contrastive_loss, optimizer=rms)
hist = model.fit([tr_pairs[:, 0], tr_pairs[:, 1]], tr_y, validation_split=0.1,
                 batch_size=32, nb_epoch=8, verbose=0)
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
pred = model.predict([tr_pairs[:, 0], tr_pairs[:, 1]])
print('Accuracy:', compute_accuracy(pred, tr_y))
print('Shared:', len(model.trainable_weights), base_network.get_output_shape_at(1))
