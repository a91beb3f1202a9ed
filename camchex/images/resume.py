"""What an interrupted preparation leaves, and what of it the next one may keep.

Kept is a shard whose content has its checksum and whose raw files have the size and the time of
change that they had when they were read; with the first that differs, everything after it is done
again. A file that is replaced by another of the same size and time of change is not noticed.
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from camchex.contract.files import sha256, whole_file
from camchex.contract.image_store import ImageParams, Shard
from camchex.images.unreadable import Reason
from camchex.images.workers import stamp

JOURNAL = "finished.json"
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
        rows: How many rows of the table it took, with those that could not be read.
        stamps: SHA-256 of their files' stamps.
        unread: Those that could not be read.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    shard: Shard
    rows: int
    stamps: str
    unread: tuple[Unread, ...]


_JOURNAL = TypeAdapter(list[Finished])


def key(images: pa.Table, root: Path, params: ImageParams) -> str:
    """A digest of all that decides a store's bytes, but for the raw files' content.

    Args:
        images: ``schemas.IMAGES``, in the order in which it is prepared.
        root: Folder that its paths start from.
        params: Of these, how many files may be unreadable decides nothing.
    """
    digest = hashlib.sha256(str(root.absolute()).encode())
    digest.update(params.model_dump_json(exclude={"max_unreadable"}).encode())
    digest.update(" ".join(version(package) for package in DECODERS).encode())
    for file in sorted(CODE.glob("*.py")):
        digest.update(file.read_bytes())
    for batch in images.combine_chunks().to_batches():
        digest.update(batch.serialize())
    return digest.hexdigest()


def write_journal(finished: list[Finished], folder: Path) -> None:
    """Say which shards are complete."""
    with whole_file(folder / JOURNAL) as file:
        file.write(_JOURNAL.dump_json(finished))


def kept(folder: Path, paths: Iterator[Path]) -> list[Finished]:
    """The shards of an interrupted run that are as good as new; all else is deleted.

    Args:
        folder: What the run left, or an empty folder.
        paths: The files of the table's rows.
    """
    good: list[Finished] = []
    for finished in _journal(folder):
        shard = folder / finished.shard.file
        stamps = Stamps()
        for path in islice(paths, finished.rows):
            stamps.add(stamp(path))
        if stamps.digest != finished.stamps:
            break
        if not shard.exists() or sha256(shard) != finished.shard.sha256:
            break
        good.append(finished)
    names = {finished.shard.file for finished in good}
    for file in folder.iterdir():
        if file.name not in names:
            file.unlink()
    return good


class Stamps:
    """The stamps of a shard's files, as one digest."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.rows = 0

    def add(self, stamp: str) -> None:
        """Append the stamp of one file."""
        self._digest.update(f"{stamp}\n".encode())
        self.rows += 1

    @property
    def digest(self) -> str:
        """SHA-256 of all of them, in hexadecimal."""
        return self._digest.hexdigest()


def _journal(folder: Path) -> list[Finished]:
    path = folder / JOURNAL
    try:
        return _JOURNAL.validate_json(path.read_bytes()) if path.exists() else []
    except ValidationError:
        return []
