'''Two branches of Sequential models merged, and the functional merge.'''
import numpy as np
np.random.seed(0)
from keras.models import Sequential, Model
from keras.layers import Dense, Merge, merge, Input, Embedding, Flatten
from keras.engine.topology import Layer

left = Sequential()
left.add(Dense(8, input_shape=(4,), activation='tanh'))
right = Sequential()
right.add(Embedding(10, 8, input_length=1))
right.add(Flatten())

model = Sequential()
model.add(Merge([left, right], mode='concat'))
model.add(Dense(1, activation='sigmoid'))
model.compile(optimizer='rmsprop', loss='binary_crossentropy', metrics=['accuracy'])
a = np.random.randn(200, 4)
b = np.random.randint(0, 10, (200, 1))
t = ((a[:, 0] > 0) ^ (b[:, 0] > 4)).astype('int32')
h = model.fit([a, b], t, batch_size=16, nb_epoch=10, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Merged shape:', model.layers[0].output_shape)

x = Input(shape=(6,), name='one')
y = Input(shape=(6,), name='two')
for mode, kwargs in [('sum', {}), ('mul', {}), ('ave', {}), ('max', {}),
                     ('concat', {'concat_axis': 1}), ('dot', {'dot_axes': 1}), ('cos', {'dot_axes': 1}),
                     (lambda parts: parts[0] - parts[1], {'output_shape': (6,)})]:
    out = merge([x, y], mode=mode, **kwargs)
    m = Model(input=[x, y], output=out)
    one, two = np.ones((3, 6)), 2 * np.ones((3, 6))
    result = m.predict([one, two])
    print(mode if isinstance(mode, str) else 'lambda', result.shape, round(float(result.ravel()[0]), 3))
