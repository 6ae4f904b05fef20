'''Stateful LSTM with batch_input_shape, attributes of nodes, multi_gpu_model, config and summary.'''
import numpy as np
np.random.seed(17)
from keras.models import Sequential, Model, model_from_json, clone_model
from keras.layers import LSTM, Dense, Dropout, Input, Lambda, Activation
from keras.utils import multi_gpu_model, plot_model, print_summary
from keras.utils.layer_utils import count_params
from keras.utils.vis_utils import model_to_dot
from keras.engine.base_layer import InputSpec, Node
from keras.callbacks import History

one_hot_size, batch_size = 12, 1
codes = np.arange(20) % 12
X = np.array([[c / 12., (c + 1) / 12.] for c in codes[:-2]]).reshape(-1, 2, 1)
y = np.eye(12)[codes[2:]]
model = Sequential()
model.add(LSTM(16, batch_input_shape=(1, 2, 1), stateful=True))
model.add(Dense(one_hot_size, activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer='adam', metrics=['accuracy'])


class LossHistory(History):
    def init(self):
        self.losses = []

    def on_epoch_end(self, epoch, logs={}):
        self.losses.append(logs.get('loss'))


history = LossHistory()
history.init()
for epoch_idx in range(8):
    model.fit(X, y, epochs=1, batch_size=1, verbose=0, shuffle=False, callbacks=[history])
    model.reset_states()
print('Loss first:', history.losses[0])
print('Loss last:', history.losses[-1])
scores = model.evaluate(X, y, batch_size=1, verbose=0)
print("%s: %.2f%%" % (model.metrics_names[1], scores[1] * 100))
print('Shapes:', model.layers[0].input_shape, model.layers[0].output_shape, model.input_shape, model.output_shape)
print('Nodes:', len(model.layers[1].inbound_nodes), type(model.layers[1].inbound_nodes[0]).__name__)
lines = []
model.summary(print_fn=lines.append)
print('Summary:', len('\n'.join(lines)) > 50)
print('Params:', count_params(model.trainable_weights) == model.count_params())
parallel_model = multi_gpu_model(model, gpus=2)
print('Parallel:', parallel_model is model)
copy = model_from_json(model.to_json())
copy.set_weights(model.get_weights())
copy.compile('adam', 'mse')
print('Copy:', copy.layers[0].stateful, copy.stateful, clone_model(model).output_shape)
print('Trainable:', [layer.trainable for layer in model.layers], model.layers[0].units, model.layers[0].get_config()['units'])
