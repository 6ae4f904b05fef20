'''Sequence, generators, workers, evaluate and predict by generator.'''
import numpy as np
np.random.seed(2)
from keras.utils import Sequence
from keras.utils.data_utils import Sequence as SequenceAgain
from keras.models import Sequential
from keras.layers import Dense, Dropout

assert Sequence is SequenceAgain


class DataGenerator(Sequence):
    'Generates data for Keras'
    def __init__(self, list_IDs, labels, batch_size=16, shuffle=True):
        self.batch_size = batch_size
        self.labels = labels
        self.list_IDs = list_IDs
        self.shuffle = shuffle
        self.on_epoch_end()

    def __len__(self):
        return int(np.floor(len(self.list_IDs) / self.batch_size))

    def __getitem__(self, index):
        indexes = self.indexes[index * self.batch_size:(index + 1) * self.batch_size]
        X = np.array([[k, k ** 2] for k in indexes / 100.])
        return X, self.labels[indexes]

    def on_epoch_end(self):
        self.indexes = np.arange(len(self.list_IDs))
        if self.shuffle:
            np.random.shuffle(self.indexes)


labels = (3 * np.arange(100) / 100. - 1).reshape(-1, 1)
training_generator = DataGenerator(range(100), labels)
model = Sequential([Dense(8, activation='relu', input_shape=(2,)), Dense(1)])
model.compile(loss='mean_squared_error', optimizer='adam', metrics=['mae'])
h = model.fit_generator(generator=training_generator, validation_data=training_generator,
                        epochs=10, use_multiprocessing=False, workers=2, max_queue_size=3, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Val:', len(h.history['val_mean_absolute_error']))


def endless():
    while 1:
        for i in range(len(training_generator)):
            yield training_generator[i]


h2 = model.fit(endless(), steps_per_epoch=5, epochs=2, verbose=0, validation_data=endless(),
               validation_steps=2, workers=1, use_multiprocessing=False)
print('Epochs:', len(h2.epoch))
print('Evaluate:', len(model.evaluate_generator(training_generator, steps=3)))
print('Predict:', model.predict_generator(training_generator, steps=6, verbose=0).shape)
print('Metrics:', model.metrics_names)
