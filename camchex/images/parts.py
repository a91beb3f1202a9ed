"""Images that several jobs prepare side by side, a part each, before they are joined in a store.

What becomes of the files is kept by blocks of consecutive rows of the table. The preparation of the
store takes a block in place of its files, if they have the size and the time of change that they
had. So shards are filled as if one process had decoded every file.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from camchex.contract.files import whole_file
from camchex.images.stored_image import StoredImage
from camchex.images.unreadable import Note, Reason, UnreadableImage
from camchex.images.workers import Outcome, stamp
from camchex.runs.parts import Part
from camchex.runs.progress import progress

BLOCK = 64  # images, of about 15 MB at full size
IMAGE, TROUBLE = StoredImage._fields, ("reason", "detail")
KEPT = pa.schema(
    [
        ("stamp", pa.string()),
        ("notes", pa.list_(pa.string())),
        *((name, pa.binary()) for name in IMAGE),
        *((name, pa.string()) for name in TROUBLE),
    ]
)
Decode = Callable[[Iterable[Path]], Iterator[Outcome]]


@dataclass(frozen=True)
class Files:
    """The files of a table of images, some of which may have been prepared in parts.

    Attributes:
        folder: Folder of the blocks.
        path: Gives the file of a row.
        total: Number of rows.
    """

    folder: Path
    path: Callable[[int], Path]
    total: int

    def keep(self, part: Part, decode: Decode) -> None:
        """Prepare the blocks of a part, and keep them; those that are kept already stay."""
        self.folder.mkdir(parents=True, exist_ok=True)
        blocks = [block for block in part.of(-(-self.total // BLOCK)) if self._read(block) is None]
        rows = [row for block in blocks for row in self._rows(block)]
        outcomes = progress(decode(map(self.path, rows)), "images", len(rows))
        for block in blocks:
            found = [_row(next(outcomes)) for _ in self._rows(block)]
            table = pa.Table.from_pylist(found, KEPT)
            with whole_file(self._file(block)) as file:
                parquet.write_table(table, file, compression="none", write_page_checksum=True)

    def outcomes(self, first: int, decode: Decode) -> Iterator[Outcome]:
        """Yield what became of the files from row ``first`` on, in their order."""
        blocks = range(first // BLOCK, -(-self.total // BLOCK))
        read = ((block, self._read(block)) for block in blocks)
        for kept, group in groupby(read, lambda pair: pair[1] is not None):
            if kept:
                for block, found in group:
                    yield from (found or [])[max(0, first - block * BLOCK) :]
            else:
                rows = (row for block, _ in group for row in self._rows(block) if row >= first)
                yield from decode(map(self.path, rows))

    def _rows(self, block: int) -> range:
        return range(block * BLOCK, min((block + 1) * BLOCK, self.total))

    def _file(self, block: int) -> Path:
        return self.folder / f"{block:06d}.parquet"

    def _read(self, block: int) -> list[Outcome] | None:
        """Read a block; None if it is not there, is damaged, or its files have changed since."""
        try:
            table = parquet.read_table(
                self._file(block), schema=KEPT, page_checksum_verification=True
            )
        except (OSError, pa.ArrowException):
            return None
        paths = [self.path(row) for row in self._rows(block)]
        if table["stamp"].to_pylist() != [stamp(path) for path in paths]:
            return None
        return [_outcome(row, path) for row, path in zip(table.to_pylist(), paths, strict=True)]


def _row(outcome: Outcome) -> dict[str, Any]:
    found = outcome.found
    if isinstance(found, UnreadableImage):
        what: dict[str, Any] = {"reason": found.reason, "detail": found.detail}
    else:
        what = dict(found._asdict())
    return {"stamp": outcome.stamp, "notes": list(outcome.notes), **what}


def _outcome(row: dict[str, Any], path: Path) -> Outcome:
    reason, detail = (row[name] for name in TROUBLE)
    found: StoredImage | UnreadableImage = StoredImage(*(row[name] for name in IMAGE))
    if reason is not None:
        found = UnreadableImage(path, Reason(reason), detail)
    return Outcome(row["stamp"], found, tuple(map(Note, row["notes"])))
