"""Strategies, devices and configuration as scripts write them."""
import tensorflow as tf

gpus = tf.config.list_physical_devices("GPU")
for gpu in gpus:
    tf.config.experimental.set_memory_growth(gpu, True)
try:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver()
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
    strategy = tf.distribute.experimental.TPUStrategy(resolver)
except ValueError:
    strategy = tf.distribute.MirroredStrategy()
print(f"Number of devices: {strategy.num_replicas_in_sync}")
with strategy.scope():
    model = tf.keras.Sequential([tf.keras.layers.Dense(1, input_shape=(2,))])
    model.compile(loss="mse", optimizer="sgd")
model.fit(tf.ones((8, 2)), tf.ones((8, 1)), verbose=0)


def step_fn(x):
    return tf.reduce_sum(x)


per_replica = strategy.run(step_fn, args=(tf.ones((3,)),))
print(strategy.reduce(tf.distribute.ReduceOp.SUM, per_replica, axis=None).numpy())
with tf.device("/CPU:0"):
    print(tf.constant([1.0]).numpy())
print(tf.executing_eagerly(), tf.version.VERSION == tf.__version__)
tf.get_logger().setLevel("ERROR")
tf.compat.v1.logging.set_verbosity(tf.compat.v1.logging.ERROR)
