"""Summaries in event files."""
import glob
import os
import tempfile

import tensorflow as tf

folder = tempfile.mkdtemp()
writer = tf.summary.create_file_writer(folder)
with writer.as_default():
    for step in range(3):
        tf.summary.scalar("loss", 1.0 / (step + 1), step=step)
    tf.summary.histogram("weights", tf.random.normal((10,)), step=0)
    tf.summary.image("picture", tf.zeros((1, 4, 4, 3)), step=0)
    tf.summary.text("note", "hello", step=0)
writer.flush()
print(len(glob.glob(os.path.join(folder, "events.out.tfevents.*"))))
print([record for record in tf.data.TFRecordDataset(glob.glob(folder + "/*"))][0].numpy()[:1] != b"")
