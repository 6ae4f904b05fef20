"""Timing by alternated rounds, and results as tables and dated files.

Contestants take turns within every round, each round starting with the next one, so that what else
the machine does falls on all of them alike; the figure of a contestant is its median round.
"""

import datetime
import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

__all__ = ["alternate", "machine", "median", "save", "table"]

RESULTS = Path(__file__).parent / "results"


def alternate(
    contestants: dict[str, Callable[[], object]],
    rounds: int,
    warmup: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Seconds of each call, by contestant and round, after `warmup` rounds that do not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for i in range(-warmup, rounds):
        first = i % len(names)
        for name in names[first:] + names[:first]:
            elapsed = _time(contestants[name], clock)
            if i >= 0:
                seconds[name].append(elapsed)
    return seconds


def _time(call: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds of one call, from idle to idle, with no other contestant's garbage in it."""
    gc.collect()
    _synchronize()
    start = clock()
    call()
    _synchronize()
    return clock() - start


def _synchronize() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return statistics.median(values)


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table that is also aligned for the eye; the first column to the left."""
    cells = [[str(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(len(row[i]) for row in cells) for i, _ in enumerate(headings)]
    lines = [
        "| "
        + " | ".join(_padded(cell, width, i) for i, (cell, width) in enumerate(zip(row, widths)))
        + " |"
        for row in cells
    ]
    rule = "|" + "|".join(
        "-" * (width + 2) if i == 0 else "-" * (width + 1) + ":" for i, width in enumerate(widths)
    )
    return "\n".join([lines[0], rule + "|", *lines[1:]])


def _padded(cell: str, width: int, column: int) -> str:
    return cell.ljust(width) if column == 0 else cell.rjust(width)


def machine(device: str, *packages) -> str:
    """Processor, threads, device and versions, in one paragraph."""
    versions = [f"{package.__name__} {package.__version__}" for package in packages]
    parts = [
        f"{_processor()}, {os.cpu_count()} cores, torch threads {torch.get_num_threads()}",
        torch.cuda.get_device_name() if device.startswith("cuda") else "computed on the CPU",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"torch {torch.__version__}",
        *versions,
    ]
    return "; ".join(parts) + "."


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def save(name: str, text: str) -> Path:
    """Writes the result under its name and today's date into benchmarks/results."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{datetime.date.today().isoformat()}.md"
    path.write_text(text)
    return path
