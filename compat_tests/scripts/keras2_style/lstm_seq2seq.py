'''Sequence to sequence with teacher forcing and inference models that share layers.'''
from __future__ import print_function
from keras.models import Model
from keras.layers import Input, LSTM, Dense
import numpy as np
np.random.seed(6)

latent_dim, num_tokens, length = 24, 6, 5
pairs = np.random.randint(2, num_tokens, (240, length))
encoder_input_data = np.eye(num_tokens)[pairs]
decoder_in = np.concatenate([np.ones((240, 1), dtype=int), pairs], axis=1)
decoder_out = np.concatenate([pairs, np.zeros((240, 1), dtype=int)], axis=1)
decoder_input_data = np.eye(num_tokens)[decoder_in]
decoder_target_data = np.eye(num_tokens)[decoder_out]

encoder_inputs = Input(shape=(None, num_tokens))
encoder = LSTM(latent_dim, return_state=True)
encoder_outputs, state_h, state_c = encoder(encoder_inputs)
encoder_states = [state_h, state_c]
decoder_inputs = Input(shape=(None, num_tokens))
decoder_lstm = LSTM(latent_dim, return_sequences=True, return_state=True)
decoder_outputs, _, _ = decoder_lstm(decoder_inputs, initial_state=encoder_states)
decoder_dense = Dense(num_tokens, activation='softmax')
decoder_outputs = decoder_dense(decoder_outputs)

model = Model([encoder_inputs, decoder_inputs], decoder_outputs)
model.compile(optimizer='rmsprop', loss='categorical_crossentropy', metrics=['accuracy'])
h = model.fit([encoder_input_data, decoder_input_data], decoder_target_data,
              batch_size=40, epochs=6, validation_split=0.2, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])

encoder_model = Model(encoder_inputs, encoder_states)
decoder_state_input_h = Input(shape=(latent_dim,))
decoder_state_input_c = Input(shape=(latent_dim,))
decoder_states_inputs = [decoder_state_input_h, decoder_state_input_c]
decoder_outputs, state_h, state_c = decoder_lstm(decoder_inputs, initial_state=decoder_states_inputs)
decoder_states = [state_h, state_c]
decoder_outputs = decoder_dense(decoder_outputs)
decoder_model = Model([decoder_inputs] + decoder_states_inputs, [decoder_outputs] + decoder_states)

states_value = encoder_model.predict(encoder_input_data[:1])
target_seq = np.zeros((1, 1, num_tokens))
target_seq[0, 0, 1] = 1.
decoded = []
while len(decoded) < length:
    output_tokens, h_, c_ = decoder_model.predict([target_seq] + states_value)
    token = np.argmax(output_tokens[0, -1, :])
    decoded.append(int(token))
    target_seq = np.zeros((1, 1, num_tokens))
    target_seq[0, 0, token] = 1.
    states_value = [h_, c_]
print('Decoded:', len(decoded), output_tokens.shape)
