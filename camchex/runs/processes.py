"""Work spread over processes: results in order, and few of them in memory at a time."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from multiprocessing.synchronize import Semaphore
from typing import TypeVar

from camchex.errors import DataError

AHEAD = 4  # items per worker whose results may wait: bounds the memory
Item = TypeVar("Item")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    does: str,
    instead: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Yield ``work(item)`` of each item, in the order of the items.

    Args:
        work: Function of a module, or a partial of one: it is sent to the processes.
        items: Arguments of ``work``, taken as they are needed.
        workers: Number of processes; 0: this process does the work.
        does: What a process does, for the error message (``decodes images``).
        instead: Gives the result of the first item that is open when a process is killed; other
            items are then done by new processes. None: a killed process is an error.

    Raises:
        DataError: If a process is killed, and there is no ``instead``, or no item yet.
    """
    remaining = iter(items)
    if workers == 0:
        yield from map(work, remaining)
        return
    waiting: deque[Item] = deque()
    while True:
        try:
            with _pool(workers) as pool:
                running = deque(pool.submit(work, item) for item in waiting)
                while True:
                    for item in islice(remaining, workers * AHEAD - len(waiting)):
                        waiting.append(item)
                        running.append(pool.submit(work, item))
                    if not waiting:
                        return
                    result = running.popleft().result()
                    waiting.popleft()
                    yield result
        except BrokenProcessPool as error:
            if instead is None or not waiting:  # killed before it had an item
                raise DataError(
                    f"A process that {does} was killed, most likely because memory ran out. "
                    "Lower `runtime.workers` in params.yaml."
                ) from error
        yield instead(waiting.popleft())


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Start processes, all of them before any item is sent, and end them.

    A pool starts a process where none is idle. If that happens while another is killed, the pool
    of Python 3.11 waits for the new one for ever, or closes what the new one is given. What is
    left of a broken pool is therefore killed, too.
    """
    others = {*multiprocessing.active_children()}
    # A process that runs threads (Arrow's, here) must not be forked.
    spawn = multiprocessing.get_context("spawn")
    begin = spawn.Semaphore(0)  # which no killed process can hold, as it could a lock
    pool = ProcessPoolExecutor(workers, spawn, _begin, (begin,))
    try:
        try:
            for _ in range(workers):  # none of which is idle before all are started
                pool.submit(os.getpid)
        except OSError as error:
            raise BrokenProcessPool(str(error)) from error
        finally:
            for _ in range(workers):
                begin.release()
        yield pool
    except BrokenProcessPool:
        for process in {*multiprocessing.active_children()} - others:
            process.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(begin: Semaphore) -> None:
    end_with_parent()
    begin.acquire()


def end_with_parent() -> None:
    """Let this process, one of a pool, end with the process that started it, however that ends.

    A pool tells its processes when it is done, which a process that is killed cannot. Ctrl-C, which
    reaches every process of a terminal, is left to the one that started them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
