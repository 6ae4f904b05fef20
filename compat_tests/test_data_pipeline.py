"""`Dataset` beside `tf.data.Dataset`, and datasets that are kept in files."""

import functools
import importlib.util
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from torchkeras import tf
from torchkeras._data.pipeline import Dataset

FOLDER = Path(__file__).parent / "golden" / "data"


def golden_module():
    spec = importlib.util.spec_from_file_location("make_pipelines", FOLDER / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOLDEN = golden_module()


@functools.cache
def goldens():
    return json.loads((FOLDER / "pipeline.json").read_text())


@pytest.mark.parametrize("name", GOLDEN.CASES)
def test_elements_of_tensorflow(name):
    dataset = GOLDEN.CASES[name](Dataset)
    expected = goldens()[name]
    for _ in range(2):  # each pass is the same
        assert GOLDEN.plain(list(dataset.as_numpy_iterator())) == expected
    of_tf = GOLDEN.CASES[name](tf.data.Dataset)
    assert GOLDEN.plain(list(of_tf.as_numpy_iterator())) == expected


REFUSED = {
    "smaller shape": (lambda: GOLDEN.rows(Dataset).padded_batch(2, [2]), "pad to a smaller size"),
    "two sizes": (
        lambda: Dataset.range(3).group_by_window(int, lambda k, w: w, 2, lambda key: 2),
        "window_size=2",
    ),
    "no size": (lambda: Dataset.range(3).group_by_window(int, lambda k, w: w), "window_size=None"),
    "batch sizes": (
        lambda: Dataset.range(3).bucket_by_sequence_length(int, [1, 2], [3, 4]),
        r"exactly one more batch size.*bucket_batch_sizes=\[3, 4\]",
    ),
    "beyond the last boundary": (
        lambda: GOLDEN.rows(Dataset).bucket_by_sequence_length(
            len, [2, 5], [2, 2, 2], pad_to_bucket_boundary=True
        ),
        "elements must have length < max",
    ),
    "no window": (lambda: Dataset.range(3).window(0), "`size`, expected a positive"),
    "windows at one place": (lambda: Dataset.range(3).window(2, 0), "`shift`, expected a positive"),
    "no stride": (lambda: Dataset.range(3).window(2, 1, 0), "`stride`, expected a positive"),
    "no range": (lambda: Dataset.range(), r"expected 1 to 3 numbers.*args=\(\)"),
    "no step": (lambda: Dataset.range(1, 5, 0), "the step not 0"),
    "nothing to choose": (lambda: Dataset.choose_from_datasets([], []), "should not be empty"),
    "nothing to sample": (lambda: Dataset.sample_from_datasets([]), "should not be empty"),
    "weights": (
        lambda: Dataset.sample_from_datasets([Dataset.range(2)] * 2, [1.0]),
        r"same length as `datasets`, 2.*weights=\[1.0\]",
    ),
    "buffer": (lambda: Dataset.range(3).prefetch(-5), "buffer_size=-5"),
    "half a batch": (lambda: Dataset.range(3).batch(2.5), "must be an integer", TypeError),
    "zip of a number": (lambda: Dataset.zip(3), "a tuple or dict of datasets", TypeError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    make, message, *error = REFUSED[name]
    with pytest.raises(*error or [ValueError], match=message):
        list(make())


@pytest.mark.parametrize(
    "arguments", [(2,), (4, 2), (4, 2, 1, True), (2, 1, 3, True), (9, 2, 1, True)]
)
def test_number_of_windows(arguments):
    for count in range(9):
        windows = Dataset.range(count).window(*arguments)
        assert len(windows) == len(list(windows)), count


def test_number_of_samples():
    parts = [Dataset.range(2).repeat(), Dataset.range(2)]
    assert Dataset.sample_from_datasets(parts).cardinality() == -1
    assert Dataset.sample_from_datasets(parts, stop_on_empty_dataset=True).cardinality() == -2
    assert Dataset.sample_from_datasets(parts[1:]).cardinality() == -2


def test_ragged_batch():
    rows = Dataset.range(5).map(lambda n: (torch.arange(n), n, {"x": torch.ones(n, 2)}))
    first, second = rows.ragged_batch(2, drop_remainder=True)
    assert [row.tolist() for row in first[0].unbind()] == [[], [0]]
    assert [row.tolist() for row in second[0].unbind()] == [[0, 1], [0, 1, 2]]
    assert second[1].tolist() == [2, 3]
    assert [row.shape for row in second[2]["x"].unbind()] == [(2, 2), (3, 2)]
    assert len(rows.ragged_batch(2)) == 3


@pytest.mark.parametrize("how", ["save", "snapshot", "cache"])
def test_kept_in_a_folder(tmp_path, how):
    made = []
    elements = [
        {"words": np.array(["ä", "b"], dtype=object), "pair": (torch.ones(2), "c"), "raw": b"\0"},
        {"words": np.array([["d"]], dtype=object), "pair": (torch.zeros(1), "e"), "raw": b"\xff"},
    ]

    def items():
        for element in elements:
            made.append(element)
            yield element

    dataset, folder = Dataset(items, 2), tmp_path / "kept"
    if how == "save":
        dataset.save(str(folder))
        dataset.save(str(folder))  # again, as the dataset may have changed
        found = [list(Dataset.load(str(folder))) for _ in range(2)]
        assert len(Dataset.load(str(folder))) == 2 and len(made) == 4
    else:
        kept = dataset.snapshot(str(folder)) if how == "snapshot" else dataset.cache(str(folder))
        next(iter(kept))  # no whole pass
        assert len(made) == 1
        found = [list(kept) for _ in range(2)]
        assert len(kept) == 2 and len(made) == 3
    for first, second in found:
        assert first["words"].tolist() == ["ä", "b"] and second["words"].tolist() == [["d"]]
        assert first["pair"][0].tolist() == [1, 1] and second["pair"][1] == "e"
        assert (first["raw"], second["raw"]) == (b"\0", b"\xff")
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert len(names) == 1, names


def test_texts_kept_by_tf(tmp_path):
    texts = tf.data.Dataset.from_tensor_slices(["a", "ü"]).map(lambda text: text + "!")
    texts.save(str(tmp_path))
    found = list(tf.data.Dataset.load(str(tmp_path)))
    assert [text.numpy().decode() for text in found] == ["a!", "ü!"]


def test_random_sources():
    first = list(itertools.islice(Dataset.random(seed=4), 5))
    again = Dataset.random(seed=4)
    assert list(itertools.islice(again, 5)) == first == list(itertools.islice(again, 5))
    assert list(itertools.islice(Dataset.random(), 5)) != first
    assert all(0 <= number < 2**32 for number in first) and len({*map(int, first)}) == 5
    parts = [Dataset.range(300), Dataset.range(1000, 2000)]
    mixed = Dataset.sample_from_datasets(parts, [0.25, 0.75], seed=1)
    found = [int(number) for number in mixed]
    assert sorted(found) == [*range(300), *range(1000, 2000)]
    assert 30 < sum(number < 300 for number in found[:200]) < 70
    assert [int(number) for number in mixed] == found
    stopped = Dataset.sample_from_datasets(parts, seed=1, stop_on_empty_dataset=True)
    found = [int(number) for number in stopped]
    assert 299 in found and 1999 not in found and 450 < len(found) < 750


def test_rejection_resample():
    rows = Dataset.from_tensor_slices(np.array([0] * 900 + [1] * 100)).shuffle(1000, seed=0)
    for initial in (None, [0.9, 0.1]):
        balanced = rows.rejection_resample(lambda row: row, [0.5, 0.5], initial, seed=0)
        classes = [int(number) for number, row in balanced if number == row]
        assert 150 < len(classes) < 350 and 0.3 < np.mean(classes) < 0.7


def test_prefetched_and_cached_texts_of_tf_stay_texts():
    texts = tf.data.Dataset.from_tensor_slices([["a b", "c"], ["d", "e"]])
    for dataset in (texts.cache(), texts.prefetch(1), texts.concatenate(texts), texts.take(2)):
        split = dataset.map(lambda row: tf.strings.upper(row)).unbatch().batch(3)
        assert next(iter(split)).numpy().tolist() == [b"A B", b"C", b"D"]
