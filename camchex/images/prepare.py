"""Decode every image of a data set once, in parallel, into a store.

The result does not depend on the number of workers: images are taken in ascending order of their
ids, and written in that order.
"""

import multiprocessing
import shutil
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa

from camchex import schemas, tables
from camchex.errors import DataError
from camchex.images.jpeg import Outcome, prepared_jpegs
from camchex.images.params import ImageParams
from camchex.images.shards import ShardWriter
from camchex.images.store import QUARANTINE
from camchex.images.unreadable import Reason, UnreadableImage
from camchex.progress import progress

CHUNK = 16  # images a worker takes at once: about half a second of work at full size
AHEAD = 4  # chunks per worker that may wait to be written: bounds the memory
SHOWN = 3  # unreadable files that an error names
ENOUGH = 100  # unreadable files, beyond those allowed, after which no more are looked at

Quarantine = dict[int, UnreadableImage]  # by row of the table


@dataclass(frozen=True)
class Prepared:
    """What became of a data set's images.

    Attributes:
        images: How many the table lists.
        prepared: How many the store holds.
        unreadable: How many were quarantined, by reason.
    """

    images: int
    prepared: int
    unreadable: dict[str, int]


def prepare_images(
    images: pa.Table, root: Path, out: Path, params: ImageParams, workers: int
) -> Prepared:
    """Write the store of a data set, and quarantine what cannot be read.

    The folder appears under its name only when complete, and replaces one that was there.

    Args:
        images: ``schemas.IMAGES``, of one data set.
        root: Folder that the table's paths start from (``data.root``).
        out: The store's folder.
        params: Size, fit, quality, and how many files may be unreadable.
        workers: Processes that decode; 0: this one does.

    Raises:
        DataError: If ``root`` is missing, the table is empty or repeats an image id, a worker died,
            or more than ``params.max_unreadable`` of the files cannot be read.
    """
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder. `data.root` in params.yaml says where images are."
        )
    images = images.sort_by("image_id")
    _check_ids(images["image_id"].to_pylist(), out)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        quarantine = _write_shards(images, root, part, params, workers)
        _write_quarantine(images, quarantine, part)
        if out.exists():
            shutil.rmtree(out)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    kinds = Counter(trouble.reason for trouble in quarantine.values())
    return Prepared(
        images=len(images),
        prepared=len(images) - len(quarantine),
        unreadable={str(reason): kinds[reason] for reason in Reason},
    )


def _check_ids(ids: Sequence[str], out: Path) -> None:
    if not ids:
        raise DataError(f"{out}: there is nothing to prepare, the table of images is empty")
    twice = [one for one, count in Counter(ids).items() if count > 1]
    if twice:
        raise DataError(f"{out}: {len(twice)} image ids occur more than once, first {twice[0]}")


def _write_shards(
    images: pa.Table, root: Path, folder: Path, params: ImageParams, workers: int
) -> Quarantine:
    paths = [root / path for path in images["path"].to_pylist()]
    allowed = int(params.max_unreadable * len(paths))
    quarantine: Quarantine = {}
    looked_at = 0
    writer = ShardWriter(folder, params.size, params.shard_mb)
    outcomes = progress(_outcomes(paths, params, workers), "images", total=len(paths))
    for image_id, outcome in zip(images["image_id"].to_pylist(), outcomes, strict=True):
        if isinstance(outcome, bytes):
            writer.add(image_id, outcome)
        else:
            quarantine[looked_at] = outcome
        looked_at += 1
        if len(quarantine) > allowed + ENOUGH:
            break
    if len(quarantine) > allowed:
        raise _too_many(list(quarantine.values()), looked_at, params)
    writer.close()
    return quarantine


def _too_many(
    troubles: Sequence[UnreadableImage], looked_at: int, params: ImageParams
) -> DataError:
    first = "\n".join(f"  {trouble}" for trouble in troubles[:SHOWN])
    return DataError(
        f"{len(troubles)} of the {looked_at} images looked at cannot be read, more than the "
        f"fraction {params.max_unreadable} that images.max_unreadable in params.yaml allows. "
        f"The first of them:\n{first}\n"
        "Download them again, or allow a larger fraction and train without them."
    )


def _write_quarantine(images: pa.Table, quarantine: Quarantine, folder: Path) -> None:
    reasons = [trouble.explanation for trouble in quarantine.values()]
    rows = images.take(pa.array(quarantine, pa.int64())).select(schemas.QUARANTINE.names[:-1])
    table = rows.append_column("reason", pa.array(reasons, pa.string()))
    tables.write(table, folder / QUARANTINE, schemas.QUARANTINE)


def _outcomes(paths: Sequence[Path], params: ImageParams, workers: int) -> Iterator[Outcome]:
    """What became of each file, in order, with few of them in memory at a time."""
    chunks = (paths[start : start + CHUNK] for start in range(0, len(paths), CHUNK))
    if workers == 0:
        for chunk in chunks:
            yield from prepared_jpegs(chunk, params)
        return
    # A process that runs threads (Arrow's, here) must not be forked.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        running = (pool.submit(prepared_jpegs, chunk, params) for chunk in chunks)
        try:
            waiting = deque(islice(running, workers * AHEAD))
            while waiting:
                yield from waiting.popleft().result()
                waiting.extend(islice(running, 1))
        except BrokenProcessPool as error:
            raise DataError(
                "A process that decodes images was killed, most likely for want of memory. "
                "Lower `runtime.workers` in params.yaml."
            ) from error
