"""Callbacks that write the logs somewhere: a CSV file, a server, TensorBoard."""

import csv
import importlib
import json
import os
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from torchkeras._errors import import_optional, received, warn
from torchkeras.callbacks._base import Callback
from torchkeras.callbacks._monitor import log_learning_rates, optimizers_of

__all__ = ["BaseLogger", "CSVLogger", "RemoteMonitor", "TensorBoard"]


class BaseLogger(Callback):
    """Averages the values of batches over an epoch, for loops that log single batches.

    The averages go into the epoch's logs under the names in `params["metrics"]`; `fit` gives no
    such parameter, as its logs are averages already.

    Args:
        stateful_metrics: names whose last value stands for the epoch.
    """

    def __init__(self, stateful_metrics=None):
        super().__init__()
        self.stateful_metrics = set(stateful_metrics or ())
        self.seen = 0
        self.totals = {}

    def on_epoch_begin(self, epoch, logs=None):
        self.seen = 0
        self.totals = {}

    def on_batch_end(self, batch, logs=None):
        if "metrics" not in (self.params or {}):
            return
        logs = logs or {}
        size = logs.get("size", 1) * logs.get("num_steps", 1)
        self.seen += size
        for name, value in logs.items():
            if name in self.stateful_metrics:
                self.totals[name] = value
            else:
                self.totals[name] = self.totals.get(name, 0) + value * size

    def on_epoch_end(self, epoch, logs=None):
        for name in (self.params or {}).get("metrics", ()):
            if logs is not None and name in self.totals:
                total = self.totals[name]
                logs[name] = total if name in self.stateful_metrics else total / self.seen


class CSVLogger(Callback):
    """Writes the logs of every epoch as a row of a CSV file.

    The columns are those of the first epoch, in the order of names; a value that is missing later
    is `NA`.

    Args:
        append: whether to go on with a file that exists instead of replacing it.
    """

    def __init__(self, filename, separator=",", append=False):
        super().__init__()
        self.filename = os.fspath(filename)
        self.sep = separator
        self.append = append
        self.append_header = True
        self.csv_file = None
        self.writer = None
        self.keys = None

    def on_train_begin(self, logs=None):
        self._close()
        if self.append and os.path.exists(self.filename):
            with open(self.filename) as file:
                self.append_header = not file.readline()
        self.csv_file = open(self.filename, "a" if self.append else "w", newline="")
        self.keys = None

    def on_epoch_end(self, epoch, logs=None):
        logs = logs or {}
        if self.keys is None:
            self.keys = sorted(logs)
            if not any(key.startswith("val_") for key in self.keys):
                self.keys += [f"val_{key}" for key in self.keys]
        if self.writer is None:
            fields = ["epoch", *self.keys]
            self.writer = csv.DictWriter(self.csv_file, fields, delimiter=self.sep)
            if self.append_header:
                self.writer.writeheader()
        row = {key: _csv_value(logs.get(key, "NA")) for key in self.keys}
        self.writer.writerow({"epoch": epoch, **row})
        self.csv_file.flush()

    def on_train_end(self, logs=None):
        self._close()

    def _close(self):
        if self.csv_file is not None:
            self.csv_file.close()
        self.writer = None


def _csv_value(value: Any) -> Any:
    if isinstance(value, Iterable) and not isinstance(value, str) and np.ndim(value) > 0:
        return f'"[{", ".join(map(str, value))}]"'
    return value


class RemoteMonitor(Callback):
    """Posts the logs of every epoch to a server, as JSON.

    Args:
        root: address of the server.
        path: what follows it.
        field: the form's field that holds the JSON text.
        headers: HTTP headers to add.
        send_as_json: whether the JSON is the body itself instead of a form's field.
    """

    def __init__(
        self,
        root="http://localhost:9000",
        path="/publish/epoch/end/",
        field="data",
        headers=None,
        send_as_json=False,
    ):
        super().__init__()
        self.root = root
        self.path = path
        self.field = field
        self.headers = headers
        self.send_as_json = send_as_json

    def on_epoch_end(self, epoch, logs=None):
        values = {"epoch": epoch, **(logs or {})}
        text = json.dumps(
            {
                name: value.item() if isinstance(value, (np.ndarray, np.generic)) else value
                for name, value in values.items()
            }
        )
        if self.send_as_json:
            content_type = "application/json"
            body = text
        else:
            content_type = "application/x-www-form-urlencoded"
            body = urllib.parse.urlencode({self.field: text})
        headers = {"Content-Type": content_type, **(self.headers or {})}
        request = urllib.request.Request(self.root + self.path, body.encode(), headers)
        try:
            with urllib.request.urlopen(request):
                pass
        except urllib.error.HTTPError as error:  # the server is there, whatever it thinks of it
            error.close()
        except OSError:
            warn(f"Could not reach RemoteMonitor root server at {self.root}")


class TensorBoard(Callback):
    """Writes event files for TensorBoard, under `train/` and `validation/` in `log_dir`.

    Args:
        histogram_freq: every so many epochs the weights' histograms are written, 0: never.
        write_graph: whether to write the graph of layers of a functional or sequential model.
        write_images: whether to write the weights as images, beside their histograms.
        write_steps_per_second: whether to write the speed.
        update_freq: `"epoch"`, `"batch"`, or a number of batches: when training's logs are written.
        profile_batch: number of the batch to profile, or the first and last of several; batches
            count from 1 over the whole training. The trace is a `.pt.trace.json` file below
            `train/plugins/profile`.
        embeddings_freq: every so many epochs the embeddings are written for the projector, 0:
            never.
        embeddings_metadata: a file of labels, or a dict of such files by the name of the layer.
    """

    def __init__(
        self,
        log_dir="logs",
        histogram_freq=0,
        write_graph=True,
        write_images=False,
        write_steps_per_second=False,
        update_freq="epoch",
        profile_batch=0,
        embeddings_freq=0,
        embeddings_metadata=None,
    ):
        super().__init__()
        self.log_dir = os.fspath(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_images = write_images
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self.profile_batch = profile_batch
        self.embeddings_freq = embeddings_freq
        self.embeddings_metadata = embeddings_metadata
        self._first_profiled, self._last_profiled = _profiled_range(profile_batch)
        self._profiler = None
        self._writers = {}
        self._in_fit = False
        self._train_batch = 0
        self._iterations_before = 0
        self._epoch_start = 0.0
        self._batch_start = 0.0

    def set_model(self, model):
        super().set_model(model)
        self._close_writers()
        if self.embeddings_freq:
            self._check_embeddings_metadata()
        if self.write_graph and type(self.model).__name__ in ("Functional", "Sequential"):
            self._write_layer_graph()

    @property
    def summary(self):
        """The `torch.utils.tensorboard.SummaryWriter` of the training's events."""
        return self._writer("train")

    def _writer(self, run: str):
        if run not in self._writers:
            import_optional("tensorboard", "TensorBoard")
            module = importlib.import_module("torch.utils.tensorboard")
            self._writers[run] = module.SummaryWriter(os.path.join(self.log_dir, run))
        return self._writers[run]

    def _close_writers(self):
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def on_train_begin(self, logs=None):
        self._in_fit = True
        self._train_batch = 0

    def on_train_end(self, logs=None):
        self._in_fit = False
        if self._profiler is not None:
            self._stop_profiler()
        self._close_writers()

    def on_test_end(self, logs=None):
        iterations = getattr(self.model.optimizer, "iterations", None)
        if iterations is not None:
            for name, value in _scalars(logs):
                tag = f"evaluation_{name}_vs_iterations"
                self._writer("validation").add_scalar(tag, value, int(iterations))
        if not self._in_fit:
            self._close_writers()

    def on_train_batch_begin(self, batch, logs=None):
        self._train_batch += 1
        if self._train_batch == self._first_profiled:
            self._start_profiler()
        if self.write_steps_per_second:
            self._batch_start = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        step = self._train_batch
        if self.update_freq != "epoch" and step % self.update_freq == 0:
            if self.write_steps_per_second:
                speed = 1.0 / (time.perf_counter() - self._batch_start)
                self.summary.add_scalar("batch_steps_per_second", speed, step)
            for name, value in _scalars(logs):
                self.summary.add_scalar(f"batch_{name}", value, step)
        if self._profiler is not None and step >= self._last_profiled:
            self._stop_profiler()

    def on_epoch_begin(self, epoch, logs=None):
        if self.write_steps_per_second:
            self._iterations_before = int(self.model.optimizer.iterations)
            self._epoch_start = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        self._write_epoch_logs(epoch, logs)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            self._write_weights(epoch)
        if self.embeddings_freq and epoch % self.embeddings_freq == 0:
            self._write_embeddings(epoch)
        for writer in self._writers.values():
            writer.flush()

    def _write_epoch_logs(self, epoch, logs):
        if not logs:
            return
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        if all(hasattr(optimizer, "learning_rate") for _, optimizer in optimizers_of(self.model)):
            log_learning_rates(self.model, training)
        if self.write_steps_per_second:
            steps = int(self.model.optimizer.iterations) - self._iterations_before
            training["steps_per_second"] = steps / (time.perf_counter() - self._epoch_start)
        for name, value in _scalars(training):
            self.summary.add_scalar(f"epoch_{name}", value, epoch)
        for name, value in _scalars(logs):
            if name.startswith("val_"):
                tag = f"epoch_{name.removeprefix('val_')}"
                self._writer("validation").add_scalar(tag, value, epoch)

    def _write_weights(self, epoch):
        for layer in self.model.layers:
            for weight in layer.weights:
                values = weight.detach().float().cpu()
                name = weight.path.replace(":", "_")
                finite = values[torch.isfinite(values)]
                if finite.numel():
                    self.summary.add_histogram(f"{name}/histogram", finite, epoch)
                if self.write_images:
                    self._write_image(f"{name}/image", values.squeeze(), epoch)

    def _write_image(self, tag, image, epoch):
        if image.numel() == 0:
            return
        if image.ndim == 1:
            image = image[None, :, None, None]
        elif image.ndim == 2:
            image = (image.T if image.shape[0] > image.shape[1] else image)[None, :, :, None]
        elif image.ndim == 3:  # one image per channel
            image = image.movedim(-1, 0)[..., None]
        if image.ndim == 4 and image.shape[-1] in (1, 3, 4):
            images = image.nan_to_num().clamp(0, 1)
            self.summary.add_images(tag, images, epoch, dataformats="NHWC")

    def _write_layer_graph(self):
        """Write the model's JSON the way TensorBoard's graph page looks for it."""
        try:
            text = self.model.to_json()
        except (TypeError, ValueError, NotImplementedError) as error:
            warn(f"Model failed to serialize as JSON. Ignoring... {error}")
            return
        import_optional("tensorboard", "TensorBoard")
        summary_pb2 = importlib.import_module("tensorboard.compat.proto.summary_pb2")
        plugin = summary_pb2.SummaryMetadata.PluginData(
            plugin_name="graph_keras_model", content=b"1"
        )
        value = summary_pb2.Summary.Value(
            tag="keras", metadata=summary_pb2.SummaryMetadata(plugin_data=plugin)
        )
        tensor_util = importlib.import_module("tensorboard.util.tensor_util")
        value.tensor.CopyFrom(tensor_util.make_tensor_proto(text))
        summary = summary_pb2.Summary(value=[value])
        self.summary.file_writer.add_summary(summary, 0)

    def _embedding_layers(self) -> dict[str, Any]:
        return {layer.name: layer for layer in self.model.layers if hasattr(layer, "embeddings")}

    def _check_embeddings_metadata(self):
        if isinstance(self.embeddings_metadata, dict):
            unknown = set(self.embeddings_metadata) - set(self._embedding_layers())
            if unknown:
                raise ValueError(
                    "Unrecognized `Embedding` layer names passed to `keras.callbacks.TensorBoard` "
                    f"`embeddings_metadata` argument: {sorted(unknown)}. "
                    + received(embeddings_metadata=self.embeddings_metadata)
                )

    def _write_embeddings(self, epoch):
        for name, layer in self._embedding_layers().items():
            files = self.embeddings_metadata
            file = files.get(name) if isinstance(files, dict) else files
            rows, header = _labels(os.path.join(self.log_dir, file)) if file else (None, None)
            self.summary.add_embedding(
                layer.embeddings.detach().float().cpu(), rows, None, epoch, name, header
            )

    def _start_profiler(self):
        self._profiler = torch.profiler.profile()
        self._profiler.start()

    def _stop_profiler(self):
        self._profiler.stop()
        folder = os.path.join(
            self.log_dir, "train", "plugins", "profile", time.strftime("%Y_%m_%d_%H_%M_%S")
        )
        os.makedirs(folder, exist_ok=True)
        file = f"{socket.gethostname()}_{os.getpid()}.pt.trace.json"
        self._profiler.export_chrome_trace(os.path.join(folder, file))
        self._profiler = None


def _scalars(logs: dict | None) -> list[tuple[str, float]]:
    return [(name, value) for name, value in (logs or {}).items() if isinstance(value, float)]


def _profiled_range(profile_batch: Any) -> tuple[int, int]:
    """First and last batch to profile; zeros for none."""
    try:
        if isinstance(profile_batch, str):
            profile_batch = tuple(int(part) for part in profile_batch.split(","))
        if isinstance(profile_batch, int):
            profile_batch = (profile_batch, profile_batch)
        first, last = (profile_batch * 2)[:2] if len(profile_batch) == 1 else profile_batch
        if 0 <= first <= last:
            return first, last
    except (TypeError, ValueError):
        pass
    raise ValueError(
        "profile_batch must be a non-negative integer or 2-tuple of positive integers. A pair of "
        "positive integers signifies a range of batches to profile. "
        + received(profile_batch=profile_batch)
    )


def _labels(path: str) -> tuple[list, list[str] | None]:
    """Labels of a file with one per line, or rows and header of one with several columns."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split("\t") for line in file.read().splitlines()]
    if not rows or len(rows[0]) == 1:
        return [row[0] for row in rows], None
    return rows[1:], rows[0]
