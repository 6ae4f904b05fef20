"""The progress bar, and printing that survives any standard output."""

import logging
import os
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from torchkeras import config

__all__ = ["Progbar"]

_BOLD = "\x1b[1m"
_GREEN = "\x1b[32m"
_WHITE = "\x1b[37m"
_RESET = "\x1b[0m"
_BAR = "━"

_logger = logging.getLogger("torchkeras")


def print_message(message: Any, line_break: bool = True) -> None:
    """Print to standard output, or to the log when interactive logging is disabled.

    Where the output's encoding lacks the bar's character, `=` stands for it and `?` for others.
    """
    if not config.is_interactive_logging_enabled():
        _logger.info(str(message).strip())
        return
    stream = sys.stdout
    if stream is None:  # a windowed program has no standard output
        return
    text = f"{message}\n" if line_break else str(message)
    try:
        stream.write(text)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write(text.replace(_BAR, "=").encode(encoding, errors="replace").decode(encoding))
    stream.flush()


def _can_redraw() -> bool:
    """Whether a carriage return takes standard output back to the start of its line."""
    return (
        (hasattr(sys.stdout, "isatty") and sys.stdout.isatty())
        or "ipykernel" in sys.modules
        or "PYCHARM_HOSTED" in os.environ
    )


class Progbar:
    """A line that shows how far a loop is, how fast it goes, and the values of its metrics.

    On a terminal or in a notebook the line is redrawn in place; anywhere else it is printed once,
    at the end.

    Args:
        target: number of steps, None if unknown.
        verbose: 0 silent, 1 a bar, 2 one line at the end.
        interval: least seconds between two drawings.
        stateful_metrics: names shown as they are; every other metric is averaged over the steps.
        stateless_metrics: the reverse: names that are averaged; every other one is shown as it is.
        unit_name: what a step is called.
    """

    def __init__(
        self,
        target,
        width=20,
        verbose=1,
        interval=0.05,
        stateful_metrics=None,
        stateless_metrics=None,
        unit_name="step",
    ):
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError(
                "Only one of `stateful_metrics` or `stateless_metrics` can be provided. Received: "
                f"stateful_metrics={stateful_metrics}, stateless_metrics={stateless_metrics}"
            )
        self.target = target
        self.width = width
        self.verbose = verbose
        self.interval = interval
        self.unit_name = unit_name
        self.stateful_metrics = None if stateful_metrics is None else set(stateful_metrics)
        self.stateless_metrics = None if stateless_metrics is None else set(stateless_metrics)
        self.redraws = verbose == 1 and _can_redraw()
        self._seen_so_far = 0
        self._totals: dict[str, tuple[Any, int]] = {}
        self._start = time.perf_counter()
        self._after_first_step: float | None = None
        self._last_drawing = -float("inf")
        self._drawn_width = 0

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, Any]] | None = None,
        finalize: bool | None = None,
    ) -> None:
        """Show step `current`; `finalize` ends the line, by default when the target is reached."""
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        for name, value in values or ():
            self._take(name, value, current, finalize)
        self._seen_so_far = current
        now = time.perf_counter()
        step_time = self._step_time(current, now)
        if self.verbose == 1:
            if finalize or (self.redraws and now - self._last_drawing >= self.interval):
                self._draw(current, now, step_time, finalize)
                self._last_drawing = now
        elif self.verbose == 2 and finalize and self.target:
            self._print_line(current, now, step_time)

    def add(self, n: int, values: Iterable[tuple[str, Any]] | None = None) -> None:
        """Go `n` steps further."""
        self.update(self._seen_so_far + n, values)

    def _is_averaged(self, name: str) -> bool:
        if self.stateless_metrics is not None:
            return name in self.stateless_metrics
        return self.stateful_metrics is None or name not in self.stateful_metrics

    def _take(self, name: str, value: Any, current: int, finalize: bool) -> None:
        if isinstance(value, torch.Tensor):
            value = value.detach()
        if finalize or not self._is_averaged(name):
            self._totals[name] = (value, 1)
            return
        steps = max(current - self._seen_so_far, 1)
        total, count = self._totals.get(name, (0, 0))
        self._totals[name] = (total + value * steps, count + steps)

    def _step_time(self, current: int, now: float) -> float:
        """Seconds per step; the first step, which builds and compiles, does not count."""
        if not current:
            return 0.0
        if self._after_first_step is not None and current > 1:
            return (now - self._after_first_step) / (current - 1)
        if current == 1:
            self._after_first_step = now
        return (now - self._start) / current

    def _metrics(self, signed: bool) -> str:
        """The metrics; `signed`: negative numbers count as small, as in Keras's verbose=2 lines."""
        return "".join(
            f" - {name}: {_value_text(total, count, signed)}"
            for name, (total, count) in self._totals.items()
        )

    def _draw(self, current: int, now: float, step_time: float, finalize: bool) -> None:
        pieces = self._counter_and_bar(current)
        if self.target and not finalize:
            clock = _clock(step_time * (self.target - current))
        else:
            clock = f"{now - self._start:.0f}s"
        rest = f" {_per_unit(step_time, self.unit_name)}{self._metrics(signed=False)}"
        pieces += [("", " "), (_BOLD, clock), ("", rest)]
        if not self.redraws:
            print_message("".join(text for _, text in pieces))
            return
        if not finalize:
            pieces = _cut(pieces, shutil.get_terminal_size((10_000, 24)).columns - 1)
        width = sum(len(text) for _, text in pieces)
        line = "".join(f"{style}{text}{_RESET}" if style else text for style, text in pieces)
        padding = " " * (self._drawn_width - width)
        print_message(f"\r{line}{padding}" + "\n" * finalize, line_break=False)
        self._drawn_width = width

    def _counter_and_bar(self, current: int) -> list[tuple[str, str]]:
        if not self.target:
            return [("", f"{current:7d}/Unknown")]
        done = int(self.width * current / self.target)
        pieces = [(_BOLD, f"{current:{len(str(self.target))}d}/{self.target}"), ("", " ")]
        if done > 0:
            pieces.append((_GREEN, _BAR * done))
        pieces.append((_WHITE, _BAR * (self.width - done)))
        return pieces

    def _print_line(self, current: int, now: float, step_time: float) -> None:
        count = f"{current:{len(str(self.target))}d}/{self.target}"
        speed = _per_unit(step_time, self.unit_name)
        print_message(f"{count} - {now - self._start:.0f}s - {speed}{self._metrics(signed=True)}")


def _value_text(total: Any, count: int, signed: bool) -> str:
    if isinstance(total, torch.Tensor):
        total = total.double().mean().item()
    elif not isinstance(total, float):
        try:
            total = float(np.mean(total))
        except (TypeError, ValueError):  # not a number: something that a callback put in the logs
            return str(total)
    average = total / count
    is_large = (average if signed else abs(average)) > 1e-3
    return f"{average:.4f}" if is_large else f"{average:.4e}"


def _clock(seconds: float) -> str:
    if seconds > 3600:
        return f"{seconds // 3600:.0f}:{seconds % 3600 // 60:02.0f}:{int(seconds % 60):02d}"
    if seconds > 60:
        return f"{seconds // 60:.0f}:{int(seconds % 60):02d}"
    return f"{int(seconds)}s"


def _per_unit(seconds: float, unit: str) -> str:
    if seconds >= 1 or seconds == 0:
        return f"{seconds:.0f}s/{unit}"
    if seconds >= 1e-3:
        return f"{seconds * 1e3:.0f}ms/{unit}"
    return f"{seconds * 1e6:.0f}us/{unit}"


def _cut(pieces: Sequence[tuple[str, str]], width: int) -> list[tuple[str, str]]:
    """Shorten a line, so that it does not wrap: a wrapped line cannot be redrawn."""
    kept = []
    for style, text in pieces:
        kept.append((style, text[: max(width, 0)]))
        width -= len(text)
    return [(style, text) for style, text in kept if text]
