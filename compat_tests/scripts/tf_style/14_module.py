"""tf.Module with input signatures, checkpoints and saved_model."""
import os
import tempfile

import tensorflow as tf


class Dense(tf.Module):
    def __init__(self, in_features, out_features, name=None):
        super().__init__(name=name)
        self.w = tf.Variable(tf.fill([in_features, out_features], 0.5), name="w")
        self.b = tf.Variable(tf.zeros([out_features]), name="b")

    def __call__(self, x):
        return tf.nn.relu(tf.matmul(x, self.w) + self.b)


class Net(tf.Module):
    def __init__(self):
        super().__init__()
        self.dense_1 = Dense(3, 2)
        self.dense_2 = Dense(2, 1)

    @tf.function(input_signature=[tf.TensorSpec(shape=[None, 3], dtype=tf.float32)])
    def __call__(self, x):
        return self.dense_2(self.dense_1(x))


net = Net()
x = tf.constant([[1.0, 2.0, 3.0]])
print(net(x).numpy(), len(net.trainable_variables), [m.name for m in net.submodules])
folder = tempfile.mkdtemp()
checkpoint = tf.train.Checkpoint(model=net)
path = checkpoint.save(os.path.join(folder, "ckpt"))
net.dense_1.w.assign(tf.zeros((3, 2)))
print(net(x).numpy())
checkpoint.restore(tf.train.latest_checkpoint(folder)).assert_consumed()
print(net(x).numpy(), os.path.basename(path))
tf.saved_model.save(net, os.path.join(folder, "saved"))
print(tf.saved_model.load(os.path.join(folder, "saved"))(x).numpy())
try:
    net(tf.ones((1, 4)))
except (TypeError, ValueError):
    print("signature checked")
