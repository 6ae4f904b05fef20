"""Parts of `tf` that give no tensor to compare: decorators, test cases, profiles, old names."""

import collections
import sys
import unittest

import numpy as np
import pytest

from torchkeras import tf


def test_functions_in_python_as_decorators():
    @tf.numpy_function(Tout=[tf.float32, tf.int32])
    def step(action):
        assert isinstance(action, np.ndarray | np.generic)
        return np.float32(action * 0.5), np.int32(1)

    @tf.py_function(Tout=tf.float32)
    def doubled(x):
        return x * 2

    half, one = step(tf.constant(3))
    assert float(half) == 1.5 and half.dtype == tf.float32 and one.dtype == tf.int32
    assert float(doubled(tf.constant(2.0))) == 4.0


def test_vocabulary_of_a_counter():
    words = collections.Counter("a b a c b a".split())
    names = [word for word, _ in words.most_common()]
    keys, places = tf.constant(names), tf.range(len(names), dtype=tf.int64)
    initializer = tf.lookup.KeyValueTensorInitializer(keys, places)
    table = tf.lookup.StaticVocabularyTable(initializer, num_oov_buckets=1)
    assert table.lookup(tf.constant(["c", "a", "?"])).numpy().tolist() == [2, 0, 3]


def test_signature_is_checked():
    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
    def total(x):
        return tf.reduce_sum(x)

    assert float(total(tf.ones((3, 2)))) == 6
    for wrong in (tf.ones((3, 3)), tf.ones((2,)), tf.ones((3, 2), tf.int32)):
        with pytest.raises(TypeError, match="input_signature|Binding inputs"):
            total(wrong)


class Squares(tf.test.TestCase):
    def test_close(self):
        self.assertAllClose({"a": tf.constant([1.0, 4.0])}, {"a": [1.0, 4.0000001]})
        self.assertAllEqual(tf.constant([1, 2]), [1, 2])
        self.assertShapeEqual(np.ones((2, 3)), tf.ones((2, 3)))
        self.assertAllInRange(tf.constant([0.0, 1.0]), 0, 1)
        with self.assertRaises(AssertionError):
            self.assertAllClose(tf.constant([1.0]), [1.1])
        with self.assertRaises(AssertionError):
            self.assertAllEqual(tf.constant([1]), [2])


def test_case_runs_alone():
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(Squares).run(result)
    assert result.testsRun == 1 and result.wasSuccessful()


def test_examples_in_files_as_batches(tmp_path):
    path = str(tmp_path / "a.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for number in range(4):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[number]))
            features = tf.train.Features(feature={"x": feature, "y": feature})
            writer.write(tf.train.Example(features=features).SerializeToString())
    spec = {name: tf.io.FixedLenFeature([], tf.int64) for name in "xy"}
    batches = tf.data.experimental.make_batched_features_dataset(
        path, 2, spec, label_key="y", num_epochs=1, shuffle=False
    )
    found = [(x["x"].numpy().tolist(), y.numpy().tolist()) for x, y in batches]
    assert found == [([0, 1], [0, 1]), ([2, 3], [2, 3])]


@pytest.mark.parametrize("name", ["VERSION", "contrib", "placeholder", "app", "layers", "to_float"])
def test_names_of_the_first_tensorflow_are_missing(name):
    with pytest.raises(AttributeError, match=f"tf.{name} is not in torchkeras"):
        getattr(tf, name)


def test_graphs_say_that_they_are_out():
    with pytest.raises(NotImplementedError, match="Graphs and sessions"):
        tf.Graph()
    with pytest.raises(NotImplementedError, match="compiled for TensorFlow"):
        tf.load_op_library("x.so")
    with pytest.raises(RuntimeError, match=r"Use tf\.GradientTape"):
        tf.hessians(tf.constant(1.0), tf.constant(1.0))


def test_profile_is_written(tmp_path):
    with tf.profiler.experimental.Profile(str(tmp_path)):
        with tf.profiler.experimental.Trace("step", step_num=1):
            tf.matmul(tf.ones((2, 2)), tf.ones((2, 2)))
    traces = list(tmp_path.glob("plugins/profile/*/host.pt.trace.json"))
    assert len(traces) == 1 and "step" in traces[0].read_text()
    with pytest.raises(RuntimeError, match="No profiler is running"):
        tf.profiler.experimental.stop()


def test_shuffled_queue_keeps_some_until_it_is_closed():
    queue = tf.queue.RandomShuffleQueue(10, min_after_dequeue=2, dtypes=tf.int32, shapes=())
    queue.enqueue_many([[1, 2, 3, 4, 5]])
    taken = queue.dequeue_many(2).numpy().tolist() + queue.dequeue_up_to(5).numpy().tolist()
    assert len(taken) == 3 and int(queue.size()) == 2
    with pytest.raises(tf.errors.OutOfRangeError, match="requested 1, current size 2"):
        queue.dequeue()
    queue.close()
    assert sorted(taken + queue.dequeue_many(2).numpy().tolist()) == [1, 2, 3, 4, 5]


def test_what_queues_take():
    queue = tf.queue.FIFOQueue(10, "float32")
    for one in ([1.0, 2.0], [[1.0, 2.0]], (5.0,), tf.constant([3.0, 4.0])):
        queue.enqueue(one)  # the first of a list, as in TensorFlow
    queue.enqueue_many([[1.0, 2.0]])
    queue.enqueue_many(tf.constant([7.0]))
    taken = [queue.dequeue().numpy().tolist() for _ in range(int(queue.size()))]
    assert taken == [1.0, [1.0, 2.0], 5.0, [3.0, 4.0], 1.0, 2.0, 7.0]
    named = tf.queue.FIFOQueue(10, ["float32", "int32"], names=["a", "b"], shapes=[(), (2,)])
    named.enqueue({"a": 1.0, "b": [2, 3]})
    assert named.dequeue()["b"].numpy().tolist() == [2, 3]
    text = tf.queue.FIFOQueue(2, tf.string)
    text.enqueue("a")
    assert text.dequeue().numpy() == b"a"
    for error, add, value in [
        (ValueError, queue.enqueue_many, [1.0, 2.0]),
        (TypeError, queue.enqueue, "a"),
        (ValueError, queue.enqueue, {"a": 1.0}),
        (ValueError, named.enqueue, {"a": 1.0}),
        (ValueError, named.enqueue, [1.0, [2, 3]]),
        (ValueError, named.enqueue, {"a": 1.0, "b": [2, 3, 4]}),
        (tf.errors.InvalidArgumentError, tf.queue.FIFOQueue(1, ["int32", "int32"]).enqueue, 1),
    ]:
        with pytest.raises(error):
            add(value)
    assert int(queue.size()) == int(named.size()) == 0


# What TensorFlow 2.21 printed.
PRINTED = [
    ((lambda: ("a", 1, 2.5, None, True)), "a 1 2.5 None True"),
    ((lambda: (tf.constant("x"),)), "x"),
    ((lambda: ("a", tf.constant("x"))), 'a "x"'),
    ((lambda: ([1, 2, tf.constant(3)],)), "[1, 2, 3]"),
    ((lambda: ({"b": [tf.constant(1)], "a": tf.constant([1.0, 2.0])},)), "{'a': [1 2], 'b': [1]}"),
    ((lambda: ((tf.range(10), "x"),)), "([0 1 2 ... 7 8 9], 'x')"),
    ((lambda: (tf.eye(2, dtype="int32"), "and", [tf.constant(1)])), "[[1 0]\n [0 1]] and [1]"),
    ((lambda: (np.arange(3), np.float32(1.5))), "array([0, 1, 2]) np.float32(1.5)"),
    ((lambda: (tf.ragged.constant([[1, 2], [3]]),)), "[[1, 2], [3]]"),
    (
        (lambda: (tf.ragged.constant([[1.5], []]), tf.ragged.constant([["a"]]))),
        "[[1.500000], []] [['a']]",
    ),
    ((lambda: (tf.Variable([1.0]), [tf.Variable(2)])), "[1] [2]"),
    (
        (lambda: (tf.sparse.from_dense([[1, 0, 2]]),)),
        "'SparseTensor(indices=[[0 0]\n [0 2]], values=[1 2], shape=[1 3])'",
    ),
    ((lambda: (tf.TensorShape([1, None]), tf.float32)), "TensorShape([1, None]) tf.float32"),
    ((lambda: ()), ""),
]


@pytest.mark.parametrize("make, expected", PRINTED)
def test_print(make, expected, capsys):
    tf.print(*make())
    assert capsys.readouterr().err == expected + "\n"
    tf.print(*make(), output_stream=sys.stdout, end="!")
    assert capsys.readouterr().out == expected + "!"


def test_print_shows_as_many_as_asked(capsys):
    for count, expected in [(-1, "0 1 2 3 4 5 6"), (2, "0 1 ... 5 6"), (3, "0 1 2 ... 4 5 6")]:
        tf.print(tf.range(7), summarize=count)
        assert capsys.readouterr().err == f"[{expected}]\n"
    tf.print("a", tf.range(2), sep=",")
    assert capsys.readouterr().err == "a,[0 1]\n"
