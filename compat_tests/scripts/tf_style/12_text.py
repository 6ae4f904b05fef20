"""Strings: standardizing, splitting, ragged tensors."""
import re
import string

import tensorflow as tf


def custom_standardization(input_data):
    lowercase = tf.strings.lower(input_data)
    stripped_html = tf.strings.regex_replace(lowercase, "<br />", " ")
    return tf.strings.regex_replace(stripped_html, f"[{re.escape(string.punctuation)}]", "")


texts = tf.constant(["Great <br />movie!!", "Bad... (very) bad?"])
clean = custom_standardization(texts)
print(clean.numpy())
words = tf.strings.split(clean)
print(words.to_list(), words.row_lengths().numpy(), words.shape)
print(words.to_tensor(default_value="[PAD]").shape)
chars = tf.strings.unicode_split(texts[0], "UTF-8")
print(chars.shape, tf.strings.reduce_join(chars[:5]).numpy().decode())
table = tf.lookup.StaticHashTable(
    tf.lookup.KeyValueTensorInitializer(tf.constant(["bad", "great"]), tf.constant([0, 1])), -1)
print(table.lookup(words).to_list())
dataset = tf.data.Dataset.from_tensor_slices(["a b c", "d"]).map(lambda t: tf.strings.split(t))
print([len(row) for row in dataset])
