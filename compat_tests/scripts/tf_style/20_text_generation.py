"""A stateful generation loop, without any tape."""
import numpy as np
import tensorflow as tf

vocab = sorted(set("hello world"))
ids_from_char = {c: i for i, c in enumerate(vocab)}
tf.random.set_seed(0)


class CharModel(tf.keras.Model):
    def __init__(self, vocab_size, embedding_dim, rnn_units):
        super().__init__()
        self.embedding = tf.keras.layers.Embedding(vocab_size, embedding_dim)
        self.gru = tf.keras.layers.GRU(rnn_units, return_sequences=True, return_state=True)
        self.dense = tf.keras.layers.Dense(vocab_size)

    def call(self, inputs, states=None, return_state=False, training=False):
        x = self.embedding(inputs, training=training)
        x, states = self.gru(x, initial_state=states, training=training)
        x = self.dense(x, training=training)
        return (x, states) if return_state else x


text = np.array([[ids_from_char[c] for c in "hello world"]] * 8)
dataset = tf.data.Dataset.from_tensor_slices(text).map(lambda s: (s[:-1], s[1:])).batch(4)
model = CharModel(len(vocab), 8, 16)
loss = tf.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=tf.keras.optimizers.Adam(0.03), loss=loss)
history = model.fit(dataset, epochs=25, verbose=0)
states, next_id, result = None, tf.constant([[ids_from_char["h"]]]), ["h"]
for _ in range(10):
    logits, states = model(next_id, states=states, return_state=True)
    next_id = tf.argmax(logits[:, -1, :], axis=-1)[:, tf.newaxis]
    result.append(vocab[int(next_id[0, 0])])
print("".join(result), tuple(logits.shape), history.history["loss"][-1] < 1.0)
