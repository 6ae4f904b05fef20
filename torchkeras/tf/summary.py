"""`tf.summary`: event files for TensorBoard, by torch's writer."""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np

from torchkeras._errors import import_optional
from torchkeras.tf._convert import as_tensor
from torchkeras.tf._missing import missing_from
from torchkeras.tf._strings import StringTensor, text_of

__all__ = [
    "SummaryWriter",
    "audio",
    "create_file_writer",
    "create_noop_writer",
    "flush",
    "histogram",
    "image",
    "record_if",
    "scalar",
    "should_record_summaries",
    "text",
    "trace_export",
    "trace_off",
    "trace_on",
    "write",
]


class _State(threading.local):
    def __init__(self):
        self.writers: list[SummaryWriter] = []
        self.step: Any = None
        self.is_recording = True


_state = _State()


class SummaryWriter:
    """Writes events to files in a folder; what is logged inside `as_default()` goes to it."""

    def __init__(self, logdir: str | None):
        self._logdir = logdir
        self._writer: Any = None

    @property
    def events(self) -> Any:
        """torch's writer, None for a writer that writes nothing."""
        if self._writer is None and self._logdir is not None:
            module = import_optional("torch.utils.tensorboard", "tf.summary")
            self._writer = module.SummaryWriter(self._logdir)
        return self._writer

    @contextlib.contextmanager
    def as_default(self, step: Any = None) -> Iterator["SummaryWriter"]:
        """Inside, summaries are written here, at `step` where none is given to them."""
        before = _state.step
        _state.writers.append(self)
        _state.step = before if step is None else step
        try:
            yield self
        finally:
            _state.writers.pop()
            _state.step = before
            self.flush()

    def set_as_default(self, step: Any = None) -> None:
        """From now on summaries are written here."""
        _state.writers.append(self)
        _state.step = _state.step if step is None else step

    def flush(self) -> None:
        """Writes what is not written yet."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        if self._writer is not None:
            self._writer.close()

    def init(self) -> None:
        """The file is made when it is needed."""


def create_file_writer(
    logdir, max_queue=None, flush_millis=None, filename_suffix=None, name=None
) -> SummaryWriter:
    """A writer to a folder."""
    return SummaryWriter(text_of(StringTensor(str(logdir)).values[()]))


def create_noop_writer() -> SummaryWriter:
    """A writer that writes nothing."""
    return SummaryWriter(None)


def _events() -> Any:
    if not _state.writers or not should_record_summaries():
        return None
    return _state.writers[-1].events


def _step(step: Any) -> int:
    step = _state.step if step is None else step
    if step is None:
        raise ValueError(
            "No step set. Please specify one either through the `step` argument or "
            "through tf.summary.experimental.set_step(). Received: step=None"
        )
    return int(step)


def scalar(name, data, step=None, description=None) -> bool:
    """Writes a number."""
    events = _events()
    if events is not None:
        events.add_scalar(name, float(as_tensor(data)), _step(step))
    return events is not None


def histogram(name, data, step=None, buckets=None, description=None) -> bool:
    """Writes how values are spread, over as many buckets."""
    events = _events()
    if events is not None:
        values = as_tensor(data).detach().cpu().float().numpy()
        events.add_histogram(name, values, _step(step), bins=30 if buckets is None else buckets)
    return events is not None


def image(name, data, step=None, max_outputs=3, description=None) -> bool:
    """Writes the first `max_outputs` images of (batch, height, width, channels)."""
    events = _events()
    if events is not None:
        for number, picture in enumerate(np.asarray(as_tensor(data))[:max_outputs]):
            tag = name if number == 0 and max_outputs == 1 else f"{name}/{number}"
            events.add_image(tag, picture, _step(step), dataformats="HWC")
    return events is not None


def text(name, data, step=None, description=None) -> bool:
    """Writes a text."""
    events = _events()
    if events is not None:
        for item in StringTensor(data).values.flat:
            events.add_text(name, text_of(item), _step(step))
    return events is not None


def audio(
    name, data, sample_rate, step=None, max_outputs=3, encoding=None, description=None
) -> bool:
    """Writes the first `max_outputs` sounds of (batch, samples, channels)."""
    events = _events()
    if events is not None:
        for number, sound in enumerate(as_tensor(data)[:max_outputs]):
            events.add_audio(f"{name}/{number}", sound.mean(-1), _step(step), int(sample_rate))
    return events is not None


def write(tag, tensor, step=None, metadata=None, name=None) -> bool:
    """Writes the values of a tensor, as text."""
    return text(tag, str(as_tensor(tensor).numpy()), step)


def flush(writer=None, name=None) -> None:
    """Writes what is not written yet."""
    for one in [writer] if writer is not None else _state.writers:
        one.flush()


@contextlib.contextmanager
def record_if(condition) -> Iterator[None]:
    """Inside, summaries are written only if the condition holds."""
    before, _state.is_recording = _state.is_recording, condition
    try:
        yield
    finally:
        _state.is_recording = before


def should_record_summaries() -> bool:
    """Whether summaries are written."""
    condition = _state.is_recording
    return bool(condition() if callable(condition) else condition)


def trace_on(graph=True, profiler=False, profiler_outdir=None) -> None:
    """There are no graphs to trace; `torch.profiler` records what runs."""


def trace_off() -> None:
    """Ends `trace_on`."""


def trace_export(name, step=None, profiler_outdir=None) -> None:
    """There are no graphs to write."""


class experimental:  # noqa: N801
    """`tf.summary.experimental`."""

    @staticmethod
    def set_step(step: Any) -> None:
        """The step of summaries that are given none."""
        _state.step = step

    @staticmethod
    def get_step() -> Any:
        """The step of summaries that are given none."""
        return _state.step


__getattr__ = missing_from("tf.summary")
