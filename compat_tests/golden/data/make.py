"""Writes pipeline.json: the elements of pipelines of `tf.data.Dataset`, for the cases below.

    python make.py        (needs tensorflow; made with 2.21)

A case is a function of the class `Dataset`, which is TensorFlow's here and torchkeras's in the
tests, and gives a dataset.
"""

import json
from pathlib import Path

GOLDENS = Path(__file__).with_name("pipeline.json")

WORDS = [["a", "b"], ["c"], [], ["d", "e", "f"]]
LENGTHS = [3, 1, 4, 1, 5, 9, 2, 6]


def words(Dataset, dtypes=("string", "int32")):
    """Pairs of an array of texts and a number."""

    def pairs():
        for number, row in enumerate(WORDS):
            yield row, number

    return Dataset.from_generator(pairs, output_types=dtypes, output_shapes=([None], []))


def rows(Dataset):
    """Arrays of as many ones, twos, ... as `LENGTHS` says."""

    def arrays():
        for number, length in enumerate(LENGTHS):
            yield [float(number)] * length

    return Dataset.from_generator(arrays, output_types="float32", output_shapes=[None])


def first(words, number):
    return words


CASES = {
    "texts": lambda D: words(D).padded_batch(2),
    "texts to a size": lambda D: words(D).padded_batch(2, ([4], []), ("x", 0)),
    "texts with a filling": lambda D: words(D).map(first).padded_batch(3, padding_values="-"),
    "texts one by one": lambda D: D.from_tensor_slices(["a", "b"]).padded_batch(2),
    "texts of a dict": lambda D: (
        words(D)
        .map(lambda text, number: {"z": text, "a": number})
        .padded_batch(3, {"z": [None], "a": []}, drop_remainder=True)
    ),
    "numbers": lambda D: rows(D).padded_batch(3, padding_values=-1.0),
    "numbers to a size": lambda D: rows(D).padded_batch(4, [10]),
    "take_while": lambda D: D.from_tensor_slices(LENGTHS).take_while(lambda n: n < 5),
    "unique": lambda D: D.from_tensor_slices(LENGTHS).unique(),
    "unique texts": lambda D: D.from_tensor_slices(["b", "a", "b"]).unique(),
    "scan": lambda D: D.from_tensor_slices(LENGTHS).scan(0, lambda s, n: (s + n, (s, n))),
    "group_by_window": lambda D: D.from_tensor_slices(LENGTHS).group_by_window(
        lambda n: as_int64(n % 2), lambda key, window: window.batch(4), window_size=2
    ),
    "group_by_window by size": lambda D: D.range(12).group_by_window(
        lambda n: n % 3, lambda key, window: window.batch(9), window_size_func=lambda key: key + 1
    ),
    "buckets": lambda D: rows(D).bucket_by_sequence_length(len_of, [2, 5], [2, 2, 1]),
    "buckets filled up": lambda D: rows(D).bucket_by_sequence_length(
        len_of, [2, 5, 12], [2, 3, 1, 1], pad_to_bucket_boundary=True, padding_values=-1.0
    ),
    "buckets without rests": lambda D: rows(D).bucket_by_sequence_length(
        len_of, [2, 5], [2, 2, 2], drop_remainder=True
    ),
    "choose": lambda D: D.choose_from_datasets(
        [D.range(3), D.range(10, 14)], D.from_tensor_slices([0, 1, 1, 0, 1, 0]).map(as_int64)
    ),
    "choose until one ends": lambda D: D.choose_from_datasets(
        [D.range(2), D.range(10, 14)],
        D.from_tensor_slices([0, 0, 0, 1, 1]).map(as_int64),
        stop_on_empty_dataset=False,
    ),
    "sample of one": lambda D: D.sample_from_datasets([D.range(3), D.range(9)], [1.0, 0.0]),
    "counter": lambda D: D.counter(3, 2).take(3),
    "window": lambda D: D.range(7).window(3, 1, 2, True).flat_map(lambda w: w.batch(3)),
    "interleave": lambda D: D.range(4).interleave(
        lambda n: D.from_tensors(n).repeat(3), cycle_length=2, block_length=2
    ),
    "interleave of unequal sources": lambda D: D.range(5).interleave(
        lambda n: D.range(n, 2 * n), cycle_length=2, block_length=1
    ),
    "interleave of many at a time": lambda D: D.range(5).interleave(
        lambda n: D.range(n, 2 * n), cycle_length=7, block_length=2
    ),
    "map to a list": lambda D: D.range(2).map(lambda n: [n, n + 1]),
    "texts in lists": lambda D: D.from_tensor_slices([["a", "bc"], ["d", "e"]]).unbatch().batch(3),
    "rebatch": lambda D: D.range(7).batch(3).rebatch(2),
    "shard": lambda D: D.range(7).shard(3, 1),
    "zip of a dict": lambda D: D.zip({"a": D.range(3), "b": D.from_tensor_slices(["x", "y"])}),
    "concatenate": lambda D: D.range(2).concatenate(D.range(5, 7)).enumerate(start=4),
}


def len_of(row):
    return row.shape[0] if row.shape[0] is not None else length_in_tensorflow(row)


def length_in_tensorflow(row):
    import tensorflow

    return tensorflow.shape(row)[0]


def as_int64(number):
    """A dataset of choices has to be of this dtype."""
    if hasattr(number, "long"):
        return number.long()
    import tensorflow

    return tensorflow.cast(number, "int64")


def plain(part):
    """What JSON has of a part of an element."""
    if isinstance(part, dict):
        return {key: plain(value) for key, value in part.items()}
    if isinstance(part, (tuple, list)):
        return [plain(value) for value in part]
    if hasattr(part, "tolist"):
        return plain(part.tolist())
    return part.decode() if isinstance(part, bytes) else part


def main():
    from tensorflow.data import Dataset

    found = {name: plain(list(make(Dataset).as_numpy_iterator())) for name, make in CASES.items()}
    GOLDENS.write_text(json.dumps(found, indent=0) + "\n")


if __name__ == "__main__":
    main()
