'''Callbacks with old names of monitors, checkpoints named by metrics, schedules, CSV.'''
import os
import glob
import numpy as np
np.random.seed(1)
from keras.models import Sequential, load_model
from keras.layers import Dense
from keras.callbacks import (ModelCheckpoint, EarlyStopping, ReduceLROnPlateau, CSVLogger,
                             LearningRateScheduler, LambdaCallback, TerminateOnNaN, Callback)
import keras.backend as K

X = np.random.randn(200, 3)
y = (X.sum(axis=1) > 0).astype(int)


class Watch(Callback):
    def on_train_begin(self, logs=None):
        self.seen = []

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        self.seen.append((logs.get('val_acc'), logs['val_loss'], K.get_value(self.model.optimizer.lr)))
        if epoch == 1:
            K.set_value(self.model.optimizer.lr, 0.05)


model = Sequential()
model.add(Dense(6, activation='relu', input_dim=3))
model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy', 'mean_absolute_error'])
filepath = "weights-{epoch:02d}-{val_acc:.2f}.hdf5"
checkpoint = ModelCheckpoint(filepath, monitor='val_acc', verbose=1, save_best_only=True, mode='max')
watch = Watch()
printed = []
history = model.fit(X, y, validation_split=0.25, epochs=8, batch_size=20, verbose=0,
                    callbacks=[checkpoint, watch,
                               EarlyStopping(monitor='val_loss', patience=5, mode='auto'),
                               ReduceLROnPlateau(monitor='val_loss', factor=0.5, patience=2, min_lr=0.0001, epsilon=0.001),
                               CSVLogger('log.csv', append=True, separator=';'),
                               TerminateOnNaN(),
                               LambdaCallback(on_epoch_end=lambda epoch, logs: printed.append(logs['acc']))])
print('Loss first:', history.history['loss'][0])
print('Loss last:', history.history['loss'][-1])
print('Seen:', len(watch.seen), watch.seen[0][0] is not None, round(float(watch.seen[2][2]), 3))
print('MAE:', 'val_mean_absolute_error' in history.history, len(history.history['val_mae']))
files = sorted(glob.glob('weights-*.hdf5'))
print('Files:', len(files) > 0, load_model(files[-1]).predict(X[:2]).shape)
print('Log:', open('log.csv').readline().strip().split(';')[0])
print('Printed:', len(printed) == len(history.epoch))
for name in files + ['log.csv']:
    os.remove(name)
