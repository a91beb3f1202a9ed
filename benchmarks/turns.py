"""Several calls, timed in turns in one process, so that none has the better moments."""

import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import TypeVar

Name = TypeVar("Name")


def seconds(calls: Mapping[Name, Callable[[], object]], repeats: int) -> dict[Name, float]:
    """Processor time of each call, the median of some rounds in which they take turns."""
    taken: dict[Name, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.process_time()
            call()
            taken[name].append(time.process_time() - start)
    return {name: median(of) for name, of in taken.items()}
