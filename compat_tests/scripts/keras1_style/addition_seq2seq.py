'''Multi-output functional model with named losses, class weights and sample weights.'''
import numpy as np
np.random.seed(9)
from keras.layers import Input, Embedding, LSTM, Dense, merge, Flatten, BatchNormalization
from keras.models import Model

main_input = Input(shape=(6,), dtype='int32', name='main_input')
x = Embedding(output_dim=8, input_dim=20, input_length=6)(main_input)
lstm_out = LSTM(8)(x)
auxiliary_loss = Dense(1, activation='sigmoid', name='aux_output')(lstm_out)
auxiliary_input = Input(shape=(5,), name='aux_input')
x = merge([lstm_out, auxiliary_input], mode='concat')
x = Dense(16, activation='relu')(x)
x = BatchNormalization(mode=0, axis=1)(x)
main_loss = Dense(1, activation='sigmoid', name='main_output')(x)

model = Model(input=[main_input, auxiliary_input], output=[main_loss, auxiliary_loss])
model.compile(optimizer='rmsprop',
              loss={'main_output': 'binary_crossentropy', 'aux_output': 'binary_crossentropy'},
              loss_weights={'main_output': 1., 'aux_output': 0.2}, metrics=['accuracy'])
headline = np.random.randint(1, 20, (160, 6))
additional = np.random.randn(160, 5)
labels = (additional[:, 0] > 0).astype('float32')
hist = model.fit({'main_input': headline, 'aux_input': additional},
                 {'main_output': labels, 'aux_output': labels}, nb_epoch=6, batch_size=16, verbose=0,
                 sample_weight={'main_output': np.ones(160), 'aux_output': np.ones(160)})
print('Loss first:', hist.history['loss'][0])
print('Loss last:', hist.history['loss'][-1])
print('Keys:', 'main_output_acc' in hist.history, 'aux_output_loss' in hist.history)
preds = model.predict([headline, additional])
print('Outputs:', len(preds), preds[0].shape)
print('Trained:', model.train_on_batch([headline[:8], additional[:8]], [labels[:8], labels[:8]])[0] > 0)
