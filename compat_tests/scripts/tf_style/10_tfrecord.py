"""Examples written to and read from TFRecord files."""
import os
import tempfile

import numpy as np
import tensorflow as tf


def _bytes_feature(value):
    if isinstance(value, type(tf.constant(0))):
        value = value.numpy()
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _float_feature(value):
    return tf.train.Feature(float_list=tf.train.FloatList(value=value))


def _int64_feature(value):
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


def serialize_example(label, values, name):
    feature = {"label": _int64_feature(label), "values": _float_feature(values),
               "name": _bytes_feature(name), "raw": _bytes_feature(tf.io.serialize_tensor(values).numpy())}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


path = os.path.join(tempfile.mkdtemp(), "data.tfrecord")
with tf.io.TFRecordWriter(path) as writer:
    for i in range(5):
        writer.write(serialize_example(i, np.arange(3, dtype="float32") * i, b"row%d" % i))

feature_description = {
    "label": tf.io.FixedLenFeature([], tf.int64),
    "values": tf.io.FixedLenFeature([3], tf.float32),
    "name": tf.io.FixedLenFeature([], tf.string, default_value=""),
    "raw": tf.io.FixedLenFeature([], tf.string),
}


def parse(record):
    parsed = tf.io.parse_single_example(record, feature_description)
    parsed["raw"] = tf.io.parse_tensor(parsed["raw"], out_type=tf.float32)
    return parsed


dataset = tf.data.TFRecordDataset([path]).map(parse).batch(2)
for batch in dataset:
    print(batch["label"].numpy(), batch["values"].numpy().sum(), batch["name"].numpy(), batch["raw"].shape)
raw = next(iter(tf.data.TFRecordDataset(path)))
example = tf.train.Example()
example.ParseFromString(raw.numpy())
print(example.features.feature["name"].bytes_list.value[0])
