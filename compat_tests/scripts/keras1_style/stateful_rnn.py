'''A stateful LSTM, batch_input_shape and reset_states.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)
from keras.models import Sequential
from keras.layers import Dense, LSTM, TimeDistributed, TimeDistributedDense, RepeatVector

tsteps = 1
batch_size = 20
epochs = 6

cos = np.zeros((200, 1, 1))
for i in range(len(cos)):
    cos[i, 0, 0] = np.cos(2 * np.pi * i / 50) * np.exp(-0.001 * i)
expected_output = np.zeros((len(cos), 1))
for i in range(len(cos) - 1):
    expected_output[i, 0] = np.mean(cos[i + 1:i + 2])

model = Sequential()
model.add(LSTM(10, batch_input_shape=(batch_size, tsteps, 1), return_sequences=True, stateful=True))
model.add(LSTM(10, return_sequences=False, stateful=True))
model.add(Dense(1))
model.compile(loss='mse', optimizer='rmsprop')
losses = []
for i in range(epochs):
    h = model.fit(cos, expected_output, batch_size=batch_size, verbose=0, nb_epoch=1, shuffle=False)
    losses.append(h.history['loss'][0])
    model.reset_states()
print('Loss first:', losses[0])
print('Loss last:', losses[-1])
one = model.predict(cos[:20], batch_size=batch_size)
two = model.predict(cos[:20], batch_size=batch_size)
model.reset_states()
three = model.predict(cos[:20], batch_size=batch_size)
model.reset_states()
four = model.predict(cos[:20], batch_size=batch_size)
print('State matters:', bool(np.abs(one - two).max() > 1e-7), bool(np.allclose(three, four)))

copy = Sequential()
copy.add(LSTM(8, input_dim=3, input_length=4))
copy.add(RepeatVector(4))
copy.add(LSTM(8, return_sequences=True))
copy.add(TimeDistributed(Dense(3, activation='softmax')))
copy.add(TimeDistributedDense(2))
copy.compile(loss='mse', optimizer='adam')
print('Shapes:', copy.output_shape, copy.predict(np.zeros((2, 4, 3))).shape)
