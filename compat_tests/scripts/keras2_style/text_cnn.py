'''Tokenizer, embeddings from a matrix, parallel convolutions, class weights.'''
from __future__ import print_function
import numpy as np
np.random.seed(13)
from keras.preprocessing.text import Tokenizer, text_to_word_sequence, one_hot
from keras.preprocessing.sequence import pad_sequences
from keras.utils import to_categorical
from keras.layers import Dense, Input, GlobalMaxPooling1D, Conv1D, MaxPooling1D, Embedding, SpatialDropout1D
from keras.layers import concatenate, Bidirectional, LSTM, Dropout, CuDNNLSTM
from keras.models import Model
from keras.initializers import Constant

texts = ['the film was %s and %s' % (a, b) for a in ('good', 'bad', 'great', 'awful') for b in ('fun', 'dull', 'long')] * 8
labels = [1 if ('good' in t or 'great' in t) else 0 for t in texts]
MAX_NUM_WORDS = 50
tokenizer = Tokenizer(num_words=MAX_NUM_WORDS)
tokenizer.fit_on_texts(texts)
sequences = tokenizer.texts_to_sequences(texts)
word_index = tokenizer.word_index
print('Found %s unique tokens.' % len(word_index))
data = pad_sequences(sequences, maxlen=8)
labels = to_categorical(np.asarray(labels))
embedding_matrix = np.random.randn(len(word_index) + 1, 12)
embedding_layer = Embedding(len(word_index) + 1, 12, embeddings_initializer=Constant(embedding_matrix),
                            input_length=8, trainable=False)
other = Embedding(len(word_index) + 1, 12, weights=[embedding_matrix], input_length=8, trainable=True)
sequence_input = Input(shape=(8,), dtype='int32')
embedded_sequences = embedding_layer(sequence_input)
branches = []
for size in (2, 3):
    branch = Conv1D(8, size, activation='relu')(SpatialDropout1D(0.1)(embedded_sequences))
    branches.append(GlobalMaxPooling1D()(branch))
branches.append(Bidirectional(LSTM(4, dropout=0.1, recurrent_dropout=0.0))(other(sequence_input)))
branches.append(CuDNNLSTM(4)(embedded_sequences))
x = concatenate(branches)
x = Dropout(0.1)(Dense(8, activation='relu')(x))
preds = Dense(2, activation='softmax')(x)
model = Model(sequence_input, preds)
model.compile(loss='categorical_crossentropy', optimizer='rmsprop', metrics=['acc'])
h = model.fit(data, labels, batch_size=16, epochs=6, validation_split=0.2, class_weight={0: 1., 1: 2.}, verbose=0)
print('Loss first:', h.history['loss'][0])
print('Loss last:', h.history['loss'][-1])
print('Frozen:', bool(np.allclose(embedding_layer.get_weights()[0], embedding_matrix, atol=1e-6)))
print('Words:', text_to_word_sequence('A good film!'), len(one_hot('a good film', 20)))
print('Trainable:', len(model.trainable_weights), len(model.non_trainable_weights))
