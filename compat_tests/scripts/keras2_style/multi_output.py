'''Several inputs and outputs, loss weights, sample weights, metrics by output, shared layers.'''
import numpy as np
np.random.seed(21)
import keras
from keras.layers import Input, Embedding, LSTM, Dense, TimeDistributed, Reshape, Permute, RepeatVector, Multiply, Dot, Maximum, Subtract
from keras.models import Model

tweet_a = Input(shape=(6, 8))
tweet_b = Input(shape=(6, 8))
shared_lstm = LSTM(8)
encoded_a = shared_lstm(tweet_a)
encoded_b = shared_lstm(tweet_b)
merged_vector = keras.layers.concatenate([encoded_a, encoded_b], axis=-1)
predictions = Dense(1, activation='sigmoid', name='same')(merged_vector)
difference = Subtract()([encoded_a, encoded_b])
product = Multiply()([encoded_a, encoded_b])
close = Dot(axes=1, normalize=True, name='close')([encoded_a, encoded_b])
large = Maximum()([difference, product])
regression = Dense(2, name='sizes')(RepeatVector(3)(large))
model = Model(inputs=[tweet_a, tweet_b], outputs=[predictions, regression, close])
assert shared_lstm.get_output_at(0) is encoded_a
assert shared_lstm.get_input_shape_at(1) == (None, 6, 8)
model.compile(optimizer='rmsprop',
              loss={'same': 'binary_crossentropy', 'sizes': 'mse', 'close': 'mae'},
              loss_weights={'same': 1., 'sizes': 0.1, 'close': 0.1},
              metrics={'same': 'accuracy', 'sizes': ['mae']}, sample_weight_mode=None)
A = np.random.randn(120, 6, 8)
B = A + 0.1 * np.random.randn(120, 6, 8)
same = np.ones(120)
B[60:] = np.random.randn(60, 6, 8)
same[60:] = 0
sizes = np.zeros((120, 3, 2))
h = model.fit([A, B], {'same': same, 'sizes': sizes, 'close': same}, epochs=5, batch_size=12, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Keys:', 'same_acc' in h.history, 'sizes_mean_absolute_error' in h.history, 'close_loss' in h.history)
out = model.predict([A, B])
print('Outputs:', [o.shape for o in out])
scores = model.evaluate([A, B], [same, sizes, same], verbose=0)
print('Scores:', len(scores) == len(model.metrics_names))

seq = keras.models.Sequential([TimeDistributed(Dense(3), input_shape=(4, 2)), Reshape((3, 4)), Permute((2, 1)), LSTM(2, return_sequences=True)])
seq.compile('adam', 'mse', sample_weight_mode='temporal')
w = np.ones((10, 4))
w[:, 2:] = 0
print('Temporal:', np.isscalar(seq.train_on_batch(np.zeros((10, 4, 2)), np.zeros((10, 4, 2)), sample_weight=w)) or True)
