"""Tell good reviews from bad ones: TextVectorization and word vectors, from strings to a verdict.

The reviews are put together by the script; a good one may say "not boring", so that pairs of words
matter. Run: python -m torchkeras examples/text_classification.py
"""

import os
import random

import keras
import numpy as np
from keras import layers

EPOCHS = int(os.environ.get("EPOCHS", 6))

GOOD = "wonderful brilliant moving funny charming clever".split()
BAD = "boring dull clumsy tiresome shallow predictable".split()
THINGS = "film plot acting music ending dialogue camera cast".split()


def review(is_good, generator):
    """A few sentences, now and then with a denial."""
    sentences = []
    for _ in range(generator.randint(2, 4)):
        is_denied = generator.random() < 0.3
        words = GOOD if is_good != is_denied else BAD
        denial = "not " if is_denied else ""
        sentences.append(f"The {generator.choice(THINGS)} was {denial}{generator.choice(words)}")
    return ". ".join(sentences) + "!"


generator = random.Random(4)
labels = np.array([generator.randint(0, 1) for _ in range(1200)])
texts = np.array([review(bool(label), generator) for label in labels], dtype=object)
(x_train, x_test), (y_train, y_test) = (np.split(part, [1000]) for part in (texts, labels))
print("A review:", x_train[0], "->", "good" if y_train[0] else "bad")

# Single words and pairs of neighbours become numbers.
vectorize = layers.TextVectorization(max_tokens=500, ngrams=2, output_sequence_length=40)
vectorize.adapt(x_train)
print("Frequent:", vectorize.get_vocabulary()[2:10])

model = keras.Sequential(
    [
        keras.Input((40,), dtype="int64"),
        layers.Embedding(vectorize.vocabulary_size(), 16),
        layers.GlobalAveragePooling1D(),
        layers.Dense(16, activation="relu"),
        layers.Dense(1, activation="sigmoid"),
    ]
)
model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
model.fit(vectorize(x_train), y_train, epochs=EPOCHS, validation_split=0.1)

loss, accuracy = model.evaluate(vectorize(x_test), y_test, verbose=0)
print(f"Test accuracy: {accuracy:.4f}")

own = ["The film was not dull. The cast was wonderful!", "The music was clumsy. The plot was dull"]
for text, chance in zip(own, model.predict(vectorize(np.array(own, dtype=object)), verbose=0)):
    print(f"{chance[0]:>5.0%} good: {text}")
