"""A model with two inputs and two outputs, written with the functional API.

Support requests carry a text (which words it contains) and a few numbers about the customer; the
model says how urgent a request is and which department should have it. The data are made up by a
rule, so that the model can learn it.
Run: python -m torchkeras examples/functional_two_inputs.py
"""

import os

import keras
import numpy as np
from keras import layers

EPOCHS = int(os.environ.get("EPOCHS", 10))
SAMPLES, WORDS, FACTS, DEPARTMENTS = 2000, 50, 4, 3

rng = np.random.default_rng(0)
words = rng.integers(0, 2, size=(SAMPLES, WORDS)).astype("float32")
facts = rng.normal(size=(SAMPLES, FACTS)).astype("float32")
urgency = (words[:, :10].sum(axis=1) + 2 * facts[:, 0] > 5).astype("float32")
department = words[:, 10:40].reshape(SAMPLES, DEPARTMENTS, 10).sum(axis=2).argmax(axis=1)

words_input = keras.Input(shape=(WORDS,), name="words")
facts_input = keras.Input(shape=(FACTS,), name="facts")

text = layers.Dense(32, activation="relu")(words_input)
customer = layers.Dense(8, activation="relu")(facts_input)
request = layers.Concatenate()([text, customer])
request = layers.Dense(32, activation="relu")(request)

urgency_output = layers.Dense(1, activation="sigmoid", name="urgency")(request)
department_output = layers.Dense(DEPARTMENTS, activation="softmax", name="department")(request)

model = keras.Model(
    inputs=[words_input, facts_input],
    outputs={"urgency": urgency_output, "department": department_output},
)
model.summary()

model.compile(
    optimizer="adam",
    loss={"urgency": "binary_crossentropy", "department": "sparse_categorical_crossentropy"},
    loss_weights={"urgency": 1.0, "department": 0.5},
    metrics={"urgency": ["accuracy"], "department": ["accuracy"]},
)
history = model.fit(
    {"words": words, "facts": facts},
    {"urgency": urgency, "department": department},
    epochs=EPOCHS,
    validation_split=0.2,
)

print(f"Urgency: validation accuracy {history.history['val_urgency_accuracy'][-1]:.3f}")
print(f"Department: validation accuracy {history.history['val_department_accuracy'][-1]:.3f}")
