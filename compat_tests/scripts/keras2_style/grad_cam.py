'''Class activation by K.gradients between the middle and the end of a model.'''
import numpy as np
np.random.seed(5)
from keras import backend as K
from keras.models import Sequential
from keras.layers import Conv2D, MaxPooling2D, Flatten, Dense

K.clear_session()
model = Sequential()
model.add(Conv2D(4, (3, 3), activation='relu', input_shape=(12, 12, 1), name='block1'))
model.add(MaxPooling2D((2, 2)))
model.add(Conv2D(6, (3, 3), activation='relu', name='block2'))
model.add(Flatten())
model.add(Dense(3, activation='softmax'))
model.compile(optimizer='rmsprop', loss='categorical_crossentropy')
x = np.random.rand(1, 12, 12, 1)
preds = model.predict(x)
best = np.argmax(preds[0])

output = model.output[:, best]
last_conv_layer = model.get_layer('block2')
grads = K.gradients(output, last_conv_layer.output)[0]
pooled_grads = K.mean(grads, axis=(0, 1, 2))
iterate = K.function([model.input], [pooled_grads, last_conv_layer.output[0]])
pooled_grads_value, conv_layer_output_value = iterate([x])
for i in range(6):
    conv_layer_output_value[:, :, i] *= pooled_grads_value[i]
heatmap = np.mean(conv_layer_output_value, axis=-1)
heatmap = np.maximum(heatmap, 0)
print('Heatmap:', heatmap.shape, pooled_grads_value.shape)

# the same by differences
eps = 1e-2
tail = K.function([last_conv_layer.output], [output])
head = K.function([model.input], [last_conv_layer.output])
value = head([x])[0]
up, down = value.copy(), value.copy()
up[0, 1, 1, 2] += eps
down[0, 1, 1, 2] -= eps
numeric = float(tail([up])[0][0] - tail([down])[0][0]) / (2 * eps)
exact = float(K.function([model.input], [grads])([x])[0][0, 1, 1, 2])
print('Agree:', abs(numeric - exact) < 1e-3)

# layer by layer, with the phase given
inp = model.input
outputs = [layer.output for layer in model.layers]
functors = [K.function([inp, K.learning_phase()], [out]) for out in outputs]
layer_outs = [func([x, 1.]) for func in functors]
print('Outputs:', [o[0].shape for o in layer_outs])
# saliency towards the input
saliency = K.function([model.input], K.gradients(K.max(model.output, axis=1), model.input))
print('Saliency:', saliency([x])[0].shape)
