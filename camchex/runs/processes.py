"""Work spread over processes: its results in order, few of them in memory at a time."""

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import TypeVar

from camchex.errors import DataError

AHEAD = 4  # items per worker whose results may wait: bounds the memory
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int, does: str
) -> Iterator[Result]:
    """Yield ``work(item)`` of each item, in the order of the items.

    Args:
        work: A function of a module, or a partial of one: it travels to the processes.
        items: Taken as they are needed.
        workers: Processes; 0: this one does the work.
        does: What a process does, for the message (``decodes images``).

    Raises:
        DataError: If a process was killed.
    """
    if workers == 0:
        yield from map(work, items)
        return
    # A process that runs threads (Arrow's, here) must not be forked.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        running = (pool.submit(work, item) for item in items)
        try:
            waiting = deque(islice(running, workers * AHEAD))
            while waiting:
                yield waiting.popleft().result()
                waiting.extend(islice(running, 1))
        except BrokenProcessPool as error:
            raise DataError(
                f"A process that {does} was killed, most likely for want of memory. "
                "Lower `runtime.workers` in params.yaml."
            ) from error
