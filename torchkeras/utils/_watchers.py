"""What runs beside a training: at intervals in a thread, or in a process of its own."""

import os
import threading
import time
from typing import Any

from torchkeras.callbacks._progbar import print_message

__all__ = ["SidecarEvaluator", "StepsPerExecutionTuner", "TimedThread"]

_SECONDS_BETWEEN_LOOKS = 1.0


class TimedThread:
    """Calls `on_interval`, which a subclass defines, at intervals in a thread, until `stop`.

    Args:
        interval: seconds from one call to the next.
        **kwargs: `daemon` and other arguments of `threading.Thread`.

    Example:

    >>> class Clock(TimedThread):
    ...     ticks = 0
    ...
    ...     def on_interval(self):
    ...         self.ticks += 1
    >>> with Clock(0.001) as clock:
    ...     time.sleep(0.1)
    >>> clock.ticks > 0, clock.is_alive()
    (True, False)
    """

    def __init__(self, interval, **kwargs):
        self.interval = interval
        self.daemon = kwargs.pop("daemon", False)
        self.thread_kwargs = kwargs
        self.thread = None
        self.thread_stop_event = None

    def _run(self) -> None:
        while not self.thread_stop_event.wait(self.interval):
            self.on_interval()

    def start(self):
        """Start the thread, unless it runs."""
        if self.is_alive():
            return
        self.thread_stop_event = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=self.daemon, **self.thread_kwargs)
        self.thread.start()

    def stop(self):
        """End the thread; returns when it has ended."""
        if self.is_alive():
            self.thread_stop_event.set()
            self.thread.join()

    def is_alive(self):
        """Whether the thread runs."""
        return self.thread is not None and self.thread.is_alive()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *args, **kwargs):
        self.stop()

    def on_interval(self):
        """What happens at every interval."""
        raise NotImplementedError("Runs every interval; a subclass of `TimedThread` defines it.")


class StepsPerExecutionTuner(TimedThread):
    """Looks for the number of steps per execution with which a training is fastest.

    At intervals it measures how many steps the optimizer takes in a second. After some of them it
    changes the number of steps by a factor of two, in the direction in which it helped so far, or
    the other one.

    Args:
        optimizer: whose `iterations` count the steps.
        spe_variable: the number, as an object with `assign` that `int` can read.
        interval: seconds between two measurements.
        change_spe_interval: measurements between two changes.
        change_threshold: share by which the speed must change to count.
    """

    def __init__(
        self, optimizer, spe_variable, interval=5, change_spe_interval=10, change_threshold=0.1
    ):
        super().__init__(interval, daemon=True)
        self.optimizer = optimizer
        self.change_spe_interval = change_spe_interval
        self.spe_change_threshold = change_threshold
        self.avg_rgsps = 0.0  # steps per second since the last change
        self.prev_avg_rgsps = 0.0
        self.spe_tune_last_action_add = True
        self.spe_measurement_count = 0
        self._variable = spe_variable
        self._before = None

    @property
    def steps_per_execution(self):
        """The number as it is now."""
        return int(self._variable)

    @steps_per_execution.setter
    def steps_per_execution(self, value):
        self._variable.assign(value)

    def start(self):
        """Start to measure, from one step per execution on."""
        self.steps_per_execution = 1
        self._before = self._reading()
        super().start()

    def _reading(self) -> tuple[int, float]:
        return int(self.optimizer.iterations), time.monotonic()

    def on_interval(self):
        """Measure, and change the number when it is time to."""
        steps, seconds = self._reading()
        rate = (steps - self._before[0]) / max(seconds - self._before[1], 1e-9)
        self._before = steps, seconds
        if not rate:
            return  # no training under way
        self.spe_measurement_count += 1
        self.avg_rgsps += (rate - self.avg_rgsps) / self.spe_measurement_count
        if self.spe_measurement_count >= self.change_spe_interval:
            self._change()

    def _change(self) -> None:
        gain = self.avg_rgsps / self.prev_avg_rgsps - 1 if self.prev_avg_rgsps else 1.0
        is_near = abs(gain) <= self.spe_change_threshold
        if gain < -self.spe_change_threshold:
            self.spe_tune_last_action_add = not self.spe_tune_last_action_add
        if not is_near:
            factor = 2 if self.spe_tune_last_action_add else 0.5
            self.steps_per_execution = max(int(self.steps_per_execution * factor), 1)
        self.prev_avg_rgsps, self.avg_rgsps, self.spe_measurement_count = self.avg_rgsps, 0.0, 0


class SidecarEvaluator:
    """Evaluates a model on every new file of weights that a training elsewhere writes.

    Args:
        model: a compiled model.
        data: what `model.evaluate` takes.
        checkpoint_dir: folder in which files ending in `.weights.h5` or `.keras` appear, as from
            the callback `ModelCheckpoint`.
        steps: batches of an evaluation; None for all the data.
        max_evaluations: after how many it ends; None for never.
        callbacks: for `model.evaluate`.
    """

    def __init__(
        self, model, data, checkpoint_dir, steps=None, max_evaluations=None, callbacks=None
    ):
        self.model = model
        self.data = data
        self.checkpoint_dir = checkpoint_dir
        self.steps = steps
        self.max_evaluations = max_evaluations
        self.callbacks = list(callbacks or [])

    def start(self):
        """Evaluate one file after the other; returns after `max_evaluations`."""
        seen: tuple[float, str] | None = None
        done = 0
        while self.max_evaluations is None or done < self.max_evaluations:
            newest = self._newest()
            if newest is None or newest == seen or not self._load(newest[1]):
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                continue
            seen = newest
            done += 1
            results = self._evaluate()
            shown = " - ".join(f"{name}: {value:.4f}" for name, value in results.items())
            print_message(f"Evaluation of {newest[1]}: {shown}")

    def _evaluate(self) -> dict[str, Any]:
        return self.model.evaluate(
            self.data, steps=self.steps, callbacks=self.callbacks, verbose=0, return_dict=True
        )

    def _newest(self) -> tuple[float, str] | None:
        """When the newest file of weights was written, and its path."""
        try:
            with os.scandir(self.checkpoint_dir) as found:
                files = [file for file in found if file.name.endswith((".weights.h5", ".keras"))]
                return max(((file.stat().st_mtime, file.path) for file in files), default=None)
        except FileNotFoundError:
            return None

    def _load(self, path: str) -> bool:
        """Whether the weights could be read; a file that is being written cannot."""
        try:
            self.model.load_weights(path)
        except OSError:
            return False
        return True
