"""Tables: make_csv_dataset, CsvDataset, TextLineDataset."""
import os
import tempfile

import tensorflow as tf

path = os.path.join(tempfile.mkdtemp(), "titanic.csv")
with open(path, "w") as file:
    file.write("survived,sex,age,fare\n0,male,22.0,7.25\n1,female,38.0,71.28\n1,female,26.0,7.92\n0,male,,8.46\n")

dataset = tf.data.experimental.make_csv_dataset(
    path, batch_size=2, label_name="survived", num_epochs=1, shuffle=False, na_value="?")
for features, label in dataset.take(1):
    for key, value in features.items():
        print(key, value.numpy())
    print("label", label.numpy())
types = [tf.int32, tf.string, tf.constant([-1.0]), tf.float32]
for row in tf.data.experimental.CsvDataset(path, types, header=True):
    print([item.numpy() for item in row])
lines = tf.data.TextLineDataset(path).skip(1)
print(sum(1 for _ in lines), next(iter(lines)).numpy())
numbers = lines.map(lambda line: tf.strings.to_number(tf.strings.split(line, ",")[-1]))
print(round(float(numbers.reduce(0.0, lambda a, b: a + b)), 2))
