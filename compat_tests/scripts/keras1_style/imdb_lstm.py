'''Sequences of words into an LSTM, with padding and masking.'''
from __future__ import print_function
import numpy as np
np.random.seed(1337)

from keras.preprocessing import sequence
from keras.models import Sequential
from keras.layers import Dense, Dropout, Activation, Embedding
from keras.layers import LSTM, SimpleRNN, GRU

max_features = 50
maxlen = 12
batch_size = 32

X, y = [], []
for _ in range(320):
    good = np.random.randint(0, 2)
    words = list(np.random.randint(3, max_features, size=np.random.randint(4, 15)))
    words[np.random.randint(0, len(words))] = 1 if good else 2
    X.append(words)
    y.append(good)
y = np.array(y)
X = sequence.pad_sequences(X, maxlen=maxlen)
X_train, y_train, X_test, y_test = X[:256], y[:256], X[256:], y[256:]
print('X_train shape:', X_train.shape)

model = Sequential()
model.add(Embedding(max_features, 16, input_length=maxlen, dropout=0.0, mask_zero=True))
model.add(LSTM(output_dim=16, dropout_W=0.0, dropout_U=0.0, inner_activation='hard_sigmoid',
               forget_bias_init='one', inner_init='orthogonal', return_sequences=True))
model.add(GRU(12, consume_less='gpu'))
model.add(Dense(1))
model.add(Activation('sigmoid'))

model.compile(loss='binary_crossentropy', optimizer='adam', metrics=['accuracy'])
hist = model.fit(X_train, y_train, batch_size=batch_size, nb_epoch=6, verbose=0,
                 validation_data=(X_test, y_test))
score, acc = model.evaluate(X_test, y_test, batch_size=batch_size, verbose=0)
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
print('GRU weights:', [w.shape for w in model.layers[2].get_weights()])
print('Output shape:', model.output_shape)
print('Proba shape:', model.predict_proba(X_test, verbose=0).shape)
