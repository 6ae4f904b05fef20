'''fit_generator with generators that never end, counted in samples.'''
import numpy as np
np.random.seed(5)
from keras.models import Sequential
from keras.layers import Dense
from keras.callbacks import Callback, EarlyStopping, ModelCheckpoint, LearningRateScheduler, History

batches = []


def generate(batch_size):
    while True:
        X = np.random.randn(batch_size, 3)
        y = X.dot([[1.], [2.], [-1.]])
        batches.append(len(X))
        yield X, y


class LossHistory(Callback):
    def on_train_begin(self, logs={}):
        self.losses = []

    def on_batch_end(self, batch, logs={}):
        self.losses.append(logs.get('loss'))


model = Sequential([Dense(1, input_dim=3, init='uniform')])
model.compile('sgd', 'mse')
losses = LossHistory()
hist = model.fit_generator(generate(25), samples_per_epoch=200, nb_epoch=4, verbose=0,
                           validation_data=generate(10), nb_val_samples=50,
                           callbacks=[losses, EarlyStopping(monitor='val_loss', patience=3),
                                      LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch))],
                           max_q_size=4, nb_worker=1, pickle_safe=False)
print('Batches:', len(losses.losses))
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
print('Weights:', np.round(model.get_weights()[0].ravel(), 1).tolist())
print('Score:', float(np.round(model.evaluate_generator(generate(20), val_samples=100), 2)))
print('Predicted:', model.predict_generator(((X, y) for X, y in generate(20)), val_samples=60).shape)
