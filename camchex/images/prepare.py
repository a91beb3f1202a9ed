"""Decode every image of a data set once, in parallel, into a store.

Images are prepared and written in ascending order of their ids, so the result does not depend on
the number of workers. It does not depend on interruptions either: complete shards are kept, and
the next run continues after them (:mod:`camchex.images.resume`).
"""

import errno
import shutil
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
from rich.console import Console

from camchex.contract import rules, schemas, tables
from camchex.contract.files import publish_folder, require_replaceable
from camchex.contract.image_store import NOTES, QUARANTINE, ImageParams, Shard
from camchex.errors import DataError
from camchex.images import resume
from camchex.images.parts import Files
from camchex.images.shards import MEGABYTE, ShardWriter
from camchex.images.unreadable import Note, Reason, UnreadableImage
from camchex.images.workers import decode_in_processes
from camchex.runs.parts import Part
from camchex.runs.progress import progress
from camchex.runs.scratch import SCRATCH, locked, locked_part, scratch_folder
from camchex.views.view_classifier import ViewClassifier

SHOWN = 3  # unreadable files that an error names
ENOUGH = 100  # unreadable files, beyond those allowed, after which no more files are read
NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Prepared:
    """Counts over the images of a data set.

    Attributes:
        images: Number of images that the table lists.
        prepared: Number of images in the store.
        unreadable: Number of files that were quarantined, by reason.
        notes: Number of images in the store that contradict themselves, by what was decided.
    """

    images: int
    prepared: int
    unreadable: dict[str, int]
    notes: dict[str, int]


def prepare_images(  # noqa: PLR0913 - what decides the pixels, and where they go
    images: pa.Table,
    root: Path,
    out: Path,
    params: ImageParams,
    workers: int,
    scratch: Path = SCRATCH,
    *,
    classifier: ViewClassifier | None = None,
) -> Prepared:
    """Write the store of a data set, and quarantine files that cannot be read or show nothing.

    Images that contradict themselves are decided by rule, counted, and listed in the store.

    The folder appears under its name only when complete, and replaces one that was there. A run
    that was interrupted is continued by the next one of the same table, folder, parameters and
    code; a second process waits for the first.

    Args:
        images: ``schemas.IMAGES``, of one data set.
        root: Folder that the table's paths start from (``data.root``).
        out: The store's folder.
        params: Size, fit, quality, and how many files may be unreadable.
        workers: Number of processes that decode; 0: this process does.
        scratch: Folder of unfinished stores and locks.
        classifier: As of :func:`camchex.images.jpeg.prepared_image`.

    Raises:
        DataError: If ``root`` is missing, ``out`` is a file, the table is empty or not as ``rules``
            say, the disk is full, or more than ``params.max_unreadable`` of the files cannot be
            read.
    """
    images, folder = _work(images, root, out, params, scratch, classifier)
    with locked(folder, "prepares these images"):
        folder.mkdir(exist_ok=True)
        preparation = _Preparation(images, root, folder, params)
        preparation.run(workers, classifier)
        publish_folder(out, partial(_move_store, folder))
    kinds = preparation.kinds
    notes = {str(note): len(preparation.notes[note]) for note in Note}
    for note, count in notes.items():
        if count:
            Console(stderr=True, soft_wrap=True).print(f"{count} of {len(images)} images: {note}")
    return Prepared(
        images=len(images),
        prepared=len(images) - kinds.total(),
        unreadable={str(reason): kinds[reason] for reason in Reason},
        notes=notes,
    )


def prepare_part(  # noqa: PLR0913 - as of prepare_images, and which part
    images: pa.Table,
    root: Path,
    out: Path,
    params: ImageParams,
    workers: int,
    scratch: Path = SCRATCH,
    *,
    part: Part,
    classifier: ViewClassifier | None = None,
) -> None:
    """Prepare a part of the images of :func:`prepare_images`, which then finds them done.

    The bytes of the store are the same, whatever the parts. A part that was interrupted is
    continued by the next one. Args are as there; ``part`` says which of the images.

    Raises:
        DataError: If ``root`` is missing, ``out`` is a file, the table is empty or not as ``rules``
            say, or another process makes this part.
    """
    images, folder = _work(images, root, out, params, scratch, classifier)
    with locked_part(folder, part, "prepares these images"):
        names = images["path"]
        files = Files(folder / resume.PARTS, lambda row: root / names[row].as_py(), len(images))
        decode = partial(decode_in_processes, params=params, workers=workers, classifier=classifier)
        files.keep(part, decode)


def _work(
    images: pa.Table,
    root: Path,
    out: Path,
    params: ImageParams,
    scratch: Path,
    classifier: ViewClassifier | None,
) -> tuple[pa.Table, Path]:
    """Check what is to be prepared: the table in the order of ids, and the scratch folder."""
    if not root.is_dir():
        raise DataError(
            f"{root}: no such folder. `data.root` in params.yaml says where images are."
        )
    require_replaceable(out)
    for problem in rules.problems(images, schemas.IMAGES, in_order=False):
        raise DataError(f"{out}: the table of images: {problem}")
    images = images.sort_by("image_id").combine_chunks()
    if not len(images):
        raise DataError(f"{out}: there is nothing to prepare, the table of images is empty")
    return images, scratch_folder(out, resume.store_key(images, root, params, classifier), scratch)


def _move_store(folder: Path, out: Path) -> None:
    for file in folder.iterdir():
        if file.name not in {resume.JOURNAL, resume.PARTS}:
            shutil.move(file, out)  # a copy, should the scratch be on another disk


class _Preparation:
    """A store in the making.

    Attributes:
        quarantine: The files that could not be read, by row of the table.
        notes: Rows of the table on whose images there is a note, by note.
        finished: The complete shards.
        seen: Number of rows of the table that were prepared or quarantined.
    """

    def __init__(self, images: pa.Table, root: Path, folder: Path, params: ImageParams) -> None:
        self.images = images
        self.folder = folder
        self.params = params
        self.root = root
        self.finished = resume.keep_finished(folder, map(self.path, range(len(images))))
        self.seen = sum(one.rows for one in self.finished)
        self.quarantine: dict[int, UnreadableImage] = {
            unread.row: UnreadableImage(self.path(unread.row), unread.reason, unread.detail)
            for one in self.finished
            for unread in one.unread
        }
        self.notes: defaultdict[Note, list[int]] = defaultdict(list)
        for one in self.finished:
            for note, rows in one.notes.items():
                self.notes[note] += rows
        shards = [one.shard for one in self.finished]
        self.writer = ShardWriter(folder, params.size, params.shard_mb, shards)

    @property
    def kinds(self) -> Counter[Reason]:
        """Number of files that could not be read, by reason."""
        return Counter(trouble.reason for trouble in self.quarantine.values())

    def path(self, row: int) -> Path:
        """Path of the file of one row of the table."""
        name: str = self.images["path"][row].as_py()
        return self.root / name

    def run(self, workers: int, classifier: ViewClassifier | None = None) -> None:
        """Write what is missing of the store."""
        total = len(self.images)
        if self.seen:
            Console(stderr=True, soft_wrap=True).print(
                f"{self.seen} of {total} images were prepared by an earlier run"
            )
        with self.explain_full_disk():
            self._write_images(workers, classifier)
            reasons = [(row, trouble.explanation) for row, trouble in self.quarantine.items()]
            self._list(reasons, QUARANTINE, schemas.QUARANTINE)
            notes: defaultdict[int, list[str]] = defaultdict(list)
            for note in Note:
                for row in self.notes[note]:
                    notes[row].append(note)
            decided = [(row, "; ".join(notes[row])) for row in sorted(notes)]
            self._list(decided, NOTES, schemas.IMAGE_NOTES)
            self.writer.close()

    def _list(self, found: Sequence[tuple[int, str]], name: str, schema: pa.Schema) -> None:
        """Write rows of the table, each with what was found of its image."""
        rows = self.images.take(pa.array([row for row, _ in found], pa.int64()))
        table = rows.select(schema.names[:-1])
        table = table.append_column(schema.names[-1], pa.array([t for _, t in found], pa.string()))
        tables.write(table, self.folder / name, schema)

    def _write_images(self, workers: int, classifier: ViewClassifier | None) -> None:
        total = len(self.images)
        allowed = int(self.params.max_unreadable * total)
        decode = partial(
            decode_in_processes, params=self.params, workers=workers, classifier=classifier
        )
        files = Files(self.folder / resume.PARTS, self.path, total)
        outcomes = files.outcomes(self.seen, decode)
        stamps: list[str] = []
        for stamp, found, notes in progress(outcomes, "images", total - self.seen):
            stamps.append(stamp)
            row, self.seen = self.seen, self.seen + 1
            for note in notes:
                self.notes[note].append(row)
            if isinstance(found, UnreadableImage):
                self.quarantine[row] = found
                if len(self.quarantine) > allowed + ENOUGH:
                    break
            elif shard := self.writer.add(self.images["image_id"][row].as_py(), found):
                self._keep(shard, stamps)
                stamps = []
        if len(self.quarantine) > allowed:
            first = "\n".join(f"  {one}" for one in islice(self.quarantine.values(), SHOWN))
            raise DataError(
                f"{len(self.quarantine)} of the {self.seen} images looked at cannot be used "
                f"({', '.join(f'{n} {reason}' for reason, n in self.kinds.most_common())}), more "
                f"than the fraction {self.params.max_unreadable} that images.max_unreadable in "
                f"params.yaml allows. The first of them:\n{first}\n"
                "Download again what is lost or damaged, or allow a larger fraction and train "
                "without them."
            )

    def _keep(self, shard: Shard, stamps: list[str]) -> None:
        """Keep a complete shard for the next run, should this one be interrupted."""
        start = self.seen - len(stamps)
        unread = tuple(
            resume.Unread(row=row, reason=trouble.reason, detail=trouble.detail)
            for row, trouble in self.quarantine.items()
            if row >= start
        )
        notes = {note: rows[bisect_left(rows, start) :] for note, rows in self.notes.items()}
        digest = resume.stamps_digest(stamps)
        self.finished.append(
            resume.Finished(
                shard=shard, rows=len(stamps), stamps=digest, unread=unread, notes=notes
            )
        )
        resume.write_journal(self.finished, self.folder)

    @contextmanager
    def explain_full_disk(self) -> Iterator[None]:
        """Say how much room is needed, where the system says that there is none."""
        try:
            yield
        except OSError as error:
            if error.errno not in NO_SPACE:
                raise
            used = self.writer.bytes / MEGABYTE
            needed = used * len(self.images) / max(self.seen, 1)
            free = shutil.disk_usage(self.folder).free / MEGABYTE
            raise DataError(
                f"{self.folder}: cannot be written: {error.strerror}. The first {self.seen} of "
                f"{len(self.images)} images take {used:.0f} MB, so all take about {needed:.0f} MB; "
                f"{free:.0f} MB are free. Make room and run it again: it continues after the "
                f"{len(self.finished)} shards that are complete."
            ) from error
