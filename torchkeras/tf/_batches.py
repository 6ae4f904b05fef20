"""`tf.data.experimental.make_batched_features_dataset`: examples in files as batches."""

from torchkeras.tf.data._dataset import Dataset, TFRecordDataset
from torchkeras.tf.io import parse_example

__all__ = ["make_batched_features_dataset"]


def make_batched_features_dataset(
    file_pattern,
    batch_size,
    features,
    reader=TFRecordDataset,
    label_key=None,
    reader_args=None,
    num_epochs=None,
    shuffle=True,
    shuffle_buffer_size=10000,
    shuffle_seed=None,
    prefetch_buffer_size=None,
    reader_num_threads=None,
    parser_num_threads=None,
    sloppy_ordering=False,
    drop_final_batch=False,
) -> Dataset:
    """Batches of the features of the `tf.train.Example`s in files; with their labels, which are
    taken out, where `label_key` names them."""
    files = Dataset.list_files(file_pattern, shuffle, shuffle_seed)
    records = files.flat_map(lambda name: reader(name, *(reader_args or ())))
    if shuffle:
        records = records.shuffle(shuffle_buffer_size, shuffle_seed)
    batches = records.repeat(num_epochs).batch(batch_size, drop_final_batch or num_epochs is None)

    def parsed(serialized):
        found = parse_example(serialized, features)
        return found if label_key is None else (found, found.pop(label_key))

    return batches.map(parsed).prefetch(1 if prefetch_buffer_size is None else prefetch_buffer_size)
