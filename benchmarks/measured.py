"""What a command takes, its processes together: ``python measured.py LOG python-words...``.

It stands in for the name ``python`` while DVC runs stages, and appends one line of JSON to LOG when
a command begins and one when it has ended. Seconds, bytes and memory are the system's own figures.
Memory is the largest sum over the processes, at least twice a second, of what each would free if it
ended (a page that several share counts in parts; the mapped pages of files count, too). Bytes are
those of read and write calls, and of these what the disk itself had to do; mapped pages are the
disk's.
"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

EVERY = 0.5  # seconds at most; short commands are looked at every tenth of their time so far
PROCESS_FAILED = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess)


@dataclass(frozen=True)
class Cost:
    """What one command took.

    Attributes:
        began: Seconds since 1970.
        seconds: How long it ran.
        cpu_seconds: Of processor time.
        peak_mb: Of memory.
        read_mb: By calls.
        written_mb: By calls.
        disk_read_mb: From the disk, since what was read lately is still in memory.
        disk_written_mb: To the disk.
        status: With which it ended.
    """

    began: float
    seconds: float
    cpu_seconds: float
    peak_mb: float
    read_mb: float
    written_mb: float
    disk_read_mb: float
    disk_written_mb: float
    status: int


def measure(
    command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Cost:
    """Run a command to its end; SIGTERM ends it and all that it started."""
    began, before, cpu = time.time(), _bytes(), _cpu()
    # Commands of this project's own.
    child = subprocess.Popen(command, cwd=cwd, env=env)  # noqa: S603 - the caller's words
    stop = signal.signal(signal.SIGTERM, lambda *_: _end(child.pid))
    peak = 0
    while child.poll() is None:
        peak = max(peak, _memory(child.pid))
        with suppress(subprocess.TimeoutExpired):
            child.wait(min(EVERY, 0.02 + (time.time() - began) / 10))
    signal.signal(signal.SIGTERM, stop)
    figures = (round((a - b) / 1e6, 1) for a, b in zip(_bytes(), before, strict=True))
    seconds, status = round(time.time() - began, 2), child.returncode
    return Cost(began, seconds, round(_cpu() - cpu, 2), round(peak / 1e6), *figures, status)


def _bytes() -> tuple[int, int, int, int]:
    """Of this process and all that it has waited for, as have these."""
    counted = psutil.Process().io_counters()
    return counted.read_chars, counted.write_chars, counted.read_bytes, counted.write_bytes


def _cpu() -> float:
    times = psutil.Process().cpu_times()
    return float(times.children_user + times.children_system)


def _memory(root: int) -> int:
    """Bytes of a process and all below it; those that end meanwhile count nothing."""
    total = 0
    for process in _with_children(root):
        with suppress(*PROCESS_FAILED):
            total += process.memory_full_info().pss
    return total


def _end(root: int) -> None:
    """Ask a process and all below it to end; DVC alone would leave its stage running."""
    for process in _with_children(root):
        with suppress(*PROCESS_FAILED):
            process.terminate()


def _with_children(root: int) -> list[psutil.Process]:
    with suppress(*PROCESS_FAILED):
        first = psutil.Process(root)
        return [first, *first.children(recursive=True)]
    return []


def main() -> None:
    """Run ``python`` with the words given, and write down what it took."""
    log, *words = sys.argv[1:]
    with Path(log).open("a") as file:
        print(json.dumps({"words": words, "began": time.time()}), file=file, flush=True)
        cost = measure([sys.executable, *words])
        print(json.dumps({"words": words, **asdict(cost)}), file=file, flush=True)
    sys.exit(cost.status if cost.status >= 0 else 128 - cost.status)


if __name__ == "__main__":
    main()
