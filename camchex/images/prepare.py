"""Decode every image of a data set once, in parallel, into a store.

The result does not depend on the number of workers: images are taken in ascending order of their
ids, and written in that order. Nor does it depend on interruptions: shards that are complete are
kept, and the next run continues after them (:mod:`camchex.images.resume`).
"""

import errno
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from rich.console import Console

from camchex.contract import schemas, tables
from camchex.contract.files import publish_folder
from camchex.contract.image_store import QUARANTINE, ImageParams, Shard
from camchex.errors import DataError
from camchex.images import resume
from camchex.images.resume import Finished, Stamps, Unread
from camchex.images.shards import MEGABYTE, ShardWriter
from camchex.images.unreadable import Reason, UnreadableImage
from camchex.images.workers import Outcome, decode_in_processes
from camchex.runs.progress import progress
from camchex.runs.scratch import SCRATCH, locked, scratch_folder

SHOWN = 3  # unreadable files that an error names
ENOUGH = 100  # unreadable files, beyond those allowed, after which no more are looked at

NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

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
    images: pa.Table,
    root: Path,
    out: Path,
    params: ImageParams,
    workers: int,
    scratch: Path = SCRATCH,
) -> Prepared:
    """Write the store of a data set, and quarantine what cannot be read.

    The folder appears under its name only when complete, and replaces one that was there. A run
    that was interrupted, by whatever, is continued by the next one of the same table, folder,
    parameters and code; a second process waits for the first.

    Args:
        images: ``schemas.IMAGES``, of one data set.
        root: Folder that the table's paths start from (``data.root``).
        out: The store's folder.
        params: Size, fit, quality, and how many files may be unreadable.
        workers: Processes that decode; 0: this one does.
        scratch: Where unfinished stores and locks live.

    Raises:
        DataError: If ``root`` is missing, the table is empty or repeats an image id, the disk is
            full, or more than ``params.max_unreadable`` of the files cannot be read.
    """
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder. `data.root` in params.yaml says where images are."
        )
    images = images.sort_by("image_id").combine_chunks()
    _check_ids(images["image_id"], out)
    folder = scratch_folder(out, resume.key(images, root, params), scratch)
    with locked(folder, "prepares these images"):
        folder.mkdir(exist_ok=True)
        quarantine = _Preparation(images, root, folder, params).run(workers)
        publish_folder(out, partial(_move_store, folder))
    kinds = Counter(trouble.reason for trouble in quarantine.values())
    return Prepared(
        images=len(images),
        prepared=len(images) - len(quarantine),
        unreadable={str(reason): kinds[reason] for reason in Reason},
    )


def _check_ids(ids: pa.ChunkedArray, out: Path) -> None:
    if not len(ids):
        raise DataError(f"{out}: there is nothing to prepare, the table of images is empty")
    later = ids.slice(1)
    twice = later.filter(pc.equal(later, ids.slice(0, len(later)))).unique()
    if len(twice):
        raise DataError(f"{out}: {len(twice)} image ids occur more than once, first {twice[0]}")


def _move_store(folder: Path, out: Path) -> None:
    for file in folder.iterdir():
        if file.name != resume.JOURNAL:
            shutil.move(file, out)  # a copy, should the scratch be on another disk


class _Preparation:
    """A store in the making."""

    def __init__(self, images: pa.Table, root: Path, folder: Path, params: ImageParams) -> None:
        self.images = images
        self.root = root
        self.folder = folder
        self.params = params
        self.finished = resume.kept(folder, self._paths())
        self.first = self.seen = sum(one.rows for one in self.finished)
        self.quarantine = {
            unread.row: UnreadableImage(self._path(unread.row), unread.reason, unread.detail)
            for one in self.finished
            for unread in one.unread
        }
        shards = [one.shard for one in self.finished]
        self.writer = ShardWriter(folder, params.size, params.shard_mb, shards)

    def run(self, workers: int) -> Quarantine:
        """Write what is missing."""
        if self.first:
            Console(stderr=True, soft_wrap=True).print(
                f"{self.first} of {len(self.images)} images were prepared by an earlier run"
            )
        left = islice(self._paths(), self.first, None)
        looked = progress(
            decode_in_processes(left, self.params, workers),
            "images",
            total=len(self.images) - self.first,
        )
        with self._room():
            self._write(looked)
            self.writer.close()
            _write_quarantine(self.images, self.quarantine, self.folder)
        return self.quarantine

    def _write(self, looked: Iterator[Outcome]) -> None:
        allowed = int(self.params.max_unreadable * len(self.images))
        stamps = Stamps()
        for stamp, outcome in looked:
            stamps.add(stamp)
            row, self.seen = self.seen, self.seen + 1
            if isinstance(outcome, UnreadableImage):
                self.quarantine[row] = outcome
                if len(self.quarantine) > allowed + ENOUGH:
                    break
            elif shard := self.writer.add(self.images["image_id"][row].as_py(), outcome):
                self._note(shard, stamps)
                stamps = Stamps()
        if len(self.quarantine) > allowed:
            raise _too_many(list(self.quarantine.values()), self.seen, self.params)

    def _note(self, shard: Shard, stamps: Stamps) -> None:
        """Keep a complete shard for the next run, should this one be interrupted."""
        start = sum(one.rows for one in self.finished)
        unread = tuple(
            Unread(row=row, reason=trouble.reason, detail=trouble.detail)
            for row, trouble in self.quarantine.items()
            if row >= start
        )
        self.finished.append(
            Finished(shard=shard, rows=stamps.rows, stamps=stamps.digest, unread=unread)
        )
        resume.write_journal(self.finished, self.folder)

    def _paths(self) -> Iterator[Path]:
        return (self._path(row) for row in range(len(self.images)))

    def _path(self, row: int) -> Path:
        name: str = self.images["path"][row].as_py()
        return self.root / name

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            raise self._disk_full(error) from error

    def _disk_full(self, error: OSError) -> DataError:
        used = self.writer.bytes / MEGABYTE
        needed = used * len(self.images) / max(self.seen, 1)
        free = shutil.disk_usage(self.folder).free / MEGABYTE
        return DataError(
            f"{self.folder}: cannot be written: {error.strerror}. The first {self.seen} of "
            f"{len(self.images)} images take {used:.0f} MB, so all take about {needed:.0f} MB; "
            f"{free:.0f} MB are free. Make room and run it again: it continues after the "
            f"{len(self.finished)} shards that are complete."
        )


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
