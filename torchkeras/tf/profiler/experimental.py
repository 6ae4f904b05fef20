"""`tf.profiler.experimental`: what takes time, as a trace file for TensorBoard or a browser."""

import os
import time
from typing import Any

import torch

from torchkeras.tf._missing import missing_from

__all__ = ["Profile", "ProfilerOptions", "Trace", "start", "stop"]

_running: list[tuple[Any, str]] = []


class ProfilerOptions:
    """How much TensorFlow's profiler would write."""

    def __init__(self, host_tracer_level=2, python_tracer_level=0, device_tracer_level=1, **more):
        self.host_tracer_level = host_tracer_level
        self.python_tracer_level = python_tracer_level
        self.device_tracer_level = device_tracer_level
        self.__dict__.update(more)


def start(logdir: str, options: ProfilerOptions | None = None) -> None:
    """Begins to note what takes how long.

    Raises:
        RuntimeError: it was begun already.
    """
    if _running:
        raise RuntimeError("Another profiler is running.")
    kinds = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        kinds.append(torch.profiler.ProfilerActivity.CUDA)
    profiler = torch.profiler.profile(activities=kinds)
    profiler.start()
    _running.append((profiler, os.fspath(logdir)))


def stop(save: bool = True) -> None:
    """Ends it, and writes `plugins/profile/TIME/host.pt.trace.json` in the folder.

    Raises:
        RuntimeError: it was not begun.
    """
    if not _running:
        raise RuntimeError("Cannot stop profiling. No profiler is running.")
    profiler, logdir = _running.pop()
    profiler.stop()
    if save:
        moment = time.strftime("%Y_%m_%d_%H_%M_%S")
        folder = os.path.join(logdir, "plugins", "profile", moment)
        os.makedirs(folder, exist_ok=True)
        profiler.export_chrome_trace(os.path.join(folder, "host.pt.trace.json"))


class Profile:
    """Notes what takes how long inside a `with` block."""

    def __init__(self, logdir: str, options: ProfilerOptions | None = None):
        self._place = logdir, options

    def __enter__(self) -> None:
        start(*self._place)

    def __exit__(self, *error) -> None:
        stop()


class Trace:
    """A name for what runs inside a `with` block."""

    def __init__(self, name: str, **kwargs: Any):
        self._record = torch.profiler.record_function(name)

    def __enter__(self) -> "Trace":
        self._record.__enter__()
        return self

    def __exit__(self, *error) -> None:
        self._record.__exit__(*error)


__getattr__ = missing_from("tf.profiler.experimental")
