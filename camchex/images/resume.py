"""Continuation of an interrupted preparation of images.

A shard is kept if its content has its checksum, and its raw files have the size and the time of
change that they had when they were read. After the first shard that differs, everything is done
again. A file that is replaced by another of the same size and time of change is not noticed.
"""

import hashlib
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from camchex.contract.files import sha256, whole_file
from camchex.contract.image_store import ImageParams, Shard
from camchex.images.unreadable import Note, Reason
from camchex.images.workers import stamp
from camchex.views.view_classifier import ViewClassifier

JOURNAL = "finished.json"
PARTS = "parts"  # folder of what was prepared in parts
CODE = Path(__file__).parent
DECODERS = (
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pyarrow",
    "pydicom",
    "pylibjpeg-libjpeg",
    "pylibjpeg-openjpeg",
    "simplejpeg",
)


class Unread(BaseModel):
    """A file that could not be read, among the rows of its shard."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    row: int  # of the table
    reason: Reason
    detail: str


class Finished(BaseModel):
    """A complete shard, and what it was made from.

    Attributes:
        shard: The shard.
        rows: Number of rows of the table that it took, unreadable files included.
        stamps: Digest of the stamps of their files.
        unread: Files of these rows that could not be read.
        notes: Rows on whose images there is a note, by note.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: Shard
    rows: int
    stamps: str
    unread: tuple[Unread, ...]
    notes: dict[Note, list[int]]


_JOURNAL = TypeAdapter(list[Finished])


def store_key(
    images: pa.Table, root: Path, params: ImageParams, classifier: ViewClassifier | None = None
) -> str:
    """Digest of everything that decides the bytes of a store, except the raw files' content.

    Args:
        images: ``schemas.IMAGES``, in the order in which it is prepared.
        root: Folder that the table's paths start from.
        params: Parameters; ``max_unreadable`` decides no byte and is left out.
        classifier: As of :func:`camchex.images.jpeg.prepared_image`.
    """
    digest = hashlib.sha256(str(root.absolute()).encode())
    digest.update(params.model_dump_json(exclude={"max_unreadable"}).encode())
    digest.update(" ".join(version(package) for package in DECODERS).encode())
    for file in sorted(CODE.glob("*.py")):
        digest.update(file.read_bytes())
    if classifier:
        digest.update(classifier.digest.encode())
    for batch in images.combine_chunks().to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()


def stamps_digest(stamps: Iterable[str]) -> str:
    """SHA-256 of the stamps of a shard's files, in hexadecimal."""
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()


def write_journal(finished: list[Finished], folder: Path) -> None:
    """Write which shards are complete."""
    with whole_file(folder / JOURNAL) as file:
        file.write(_JOURNAL.dump_json(finished))


def keep_finished(folder: Path, paths: Iterator[Path]) -> list[Finished]:
    """Find the shards of an interrupted run that can be used; delete everything else.

    Args:
        folder: Folder of the unfinished store; may be empty.
        paths: The files of the table's rows, in order.
    """
    journal = folder / JOURNAL
    good: list[Finished] = []
    try:
        noted = _JOURNAL.validate_json(journal.read_bytes()) if journal.exists() else []
    except ValidationError:
        noted = []
    for finished in noted:
        shard = folder / finished.shard.file
        stamps = stamps_digest(stamp(path) for path in islice(paths, finished.rows))
        same = stamps == finished.stamps and shard.exists()
        if not same or sha256(shard) != finished.shard.sha256:
            break
        good.append(finished)
    names = {PARTS, *(finished.shard.file for finished in good)}
    for file in folder.iterdir():
        if file.name not in names:
            file.unlink()
    return good
