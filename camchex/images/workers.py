"""Files decoded by several processes, in order; a file that kills its process is set aside."""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from pathlib import Path

from camchex.contract.image_store import ImageParams
from camchex.errors import DataError
from camchex.images.jpeg import Outcome, looked_at, stamp
from camchex.images.unreadable import Reason, UnreadableImage

CHUNK = 16  # images a worker takes at once: about half a second of work at full size
AHEAD = 4  # chunks per worker that may wait to be written: bounds the memory

Looked = tuple[str, Outcome]
"""The stamp of a file, and what became of it."""


def outcomes(paths: Iterable[Path], params: ImageParams, workers: int) -> Iterator[Looked]:
    """What became of each file, in order, with few of them in memory at a time.

    Args:
        paths: The files.
        params: Size, fit and quality.
        workers: Processes that decode; 0: this one does, and dies of what kills a decoder.

    Raises:
        DataError: If processes are killed whatever file they decode.
    """
    remaining = iter(paths)
    chunks = iter(lambda: list(islice(remaining, CHUNK)), [])
    if workers == 0:
        for chunk in chunks:
            yield from looked_at(chunk, params)
        return
    pending: deque[list[Path]] = deque()
    while True:
        pool = _pool(workers)
        try:
            yield from _until_one_dies(pool, pending, chunks, params, workers * AHEAD)
        finally:
            pool.shutdown(cancel_futures=True)
        if not pending:
            return
        yield from _one_by_one(pending.popleft(), params)


def _until_one_dies(
    pool: ProcessPoolExecutor,
    pending: deque[list[Path]],
    chunks: Iterator[list[Path]],
    params: ImageParams,
    most: int,
) -> Iterator[Looked]:
    """Leaves in ``pending`` what has no outcome: nothing, unless a process died."""
    try:
        running = deque(pool.submit(looked_at, chunk, params) for chunk in pending)
        while True:
            for chunk in islice(chunks, most - len(pending)):
                pending.append(chunk)
                running.append(pool.submit(looked_at, chunk, params))
            if not pending:
                return
            results = running.popleft().result()
            pending.popleft()
            yield from results
    except BrokenProcessPool:
        return


def _one_by_one(chunk: Sequence[Path], params: ImageParams) -> list[Looked]:
    """With one process at a time, so that it is known which file killed it."""
    results: list[Looked] = []
    pool = _pool(1)
    for path in chunk:
        try:
            results += pool.submit(looked_at, [path], params).result()
        except BrokenProcessPool:
            results.append((stamp(path), UnreadableImage(path, Reason.CRASHED)))
            pool = _pool(1)
    pool.shutdown()
    troubles = [result for _, result in results if isinstance(result, UnreadableImage)]
    if len(chunk) > 1 and [one.reason for one in troubles] == [Reason.CRASHED] * len(chunk):
        raise DataError(
            f"Every process that decodes images was killed, at each of the {len(chunk)} files from "
            f"{chunk[0]} to {chunk[-1]}: most likely for want of memory. Lower `runtime.workers` "
            "in params.yaml."
        )
    return results


def _pool(workers: int) -> ProcessPoolExecutor:
    # A process that runs threads (Arrow's, here) must not be forked.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
