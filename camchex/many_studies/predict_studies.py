"""Predict many studies: in batches, streamed, and continued where an earlier run was stopped."""

import hashlib
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from glob import escape
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
import torch

from camchex import __version__
from camchex.contract.files import sha256, whole_file, write_text
from camchex.images.workers import stamp
from camchex.many_studies.asked import AskedStudy
from camchex.many_studies.ensemble import Ensemble
from camchex.many_studies.reading import ReadStudy, read_in_processes
from camchex.many_studies.results import (
    STATUSES,
    about,
    require_kind,
    result_row,
    schema,
    write_results,
)
from camchex.runs.progress import progress
from camchex.runs.scratch import locked, scratch_folder

CHUNK = 32  # studies in one batch of the networks, and in one part of the results
CODE = Path(__file__).parents[1]
SCRATCH = ".camchex"  # beside the results, until they are complete
ABOUT = ".about.json"
DIGEST = b"digest"
FIRST_REASONS = 5
Chunk = Sequence[AskedStudy]
Studies = Callable[[], Iterator[AskedStudy]]
WriteMore = Callable[[Callable[[], Iterator[Mapping[str, Any]]]], None]


class Files(Protocol):
    """Has the files of studies here while they are read, wherever else they may be."""

    @property
    def key(self) -> str:
        """What an unfinished run must have in common with this one to be continued."""

    def inside(self, folder: Path) -> AbstractContextManager[None]:
        """Use a folder of the run, in which nothing of the files is left in the end."""

    def fetch(self, chunk: Chunk) -> Chunk:
        """Bring the files of studies here: the studies with their paths."""

    def finish(self, rows: Sequence[dict[str, Any]]) -> None:
        """Do what needs the files of studies once these are predicted, perhaps add to the rows."""


class LocalFiles:
    """``Files`` that are here."""

    key = ""

    def inside(self, folder: Path) -> AbstractContextManager[None]:  # noqa: ARG002 - needs none
        """Use no folder."""
        return nullcontext()

    def fetch(self, chunk: Chunk) -> Chunk:
        """The studies as they are."""
        return chunk

    def finish(self, rows: Sequence[dict[str, Any]]) -> None:
        """Leave the rows as they are."""


@dataclass(frozen=True)
class Predicted:
    """What became of the studies.

    Attributes:
        counts: Number of studies by status.
        first: The first few that were not predicted, each with its reason.
        kept: Number of studies that an earlier run had done.
    """

    counts: Mapping[str, int]
    first: tuple[str, ...] = ()
    kept: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether every study was predicted."""
        return self.unpredicted == 0

    @property
    def unpredicted(self) -> int:
        """Number of studies that were refused or set aside."""
        return sum(self.counts.values()) - self.counts["predicted"]


def versions() -> str:
    """Versions of the programs whose numbers these are."""
    return f"camchex {__version__}, torch {torch.__version__}"


def predict_rows(ensemble: Ensemble, studies: Iterable[ReadStudy]) -> list[dict[str, Any]]:
    """Predict some studies in one batch: rows of ``results.schema``, in their order."""
    studies = list(studies)
    said = iter(ensemble.predict([study for study in studies if study.is_whole]))
    return [
        result_row(study, next(said) if study.is_whole else None, ensemble, versions())
        for study in studies
    ]


def predict_studies(  # noqa: PLR0913, PLR0917 - what, by what, from where and to where
    ensemble: Ensemble,
    studies: Studies,
    total: int,
    out: Path,
    workers: int = 0,
    write_more: WriteMore | None = None,
    files: Files | None = None,
) -> Predicted:
    """Predict studies, and write a row for each, in their order.

    Few studies are in memory at a time. A run of the same studies, models, code and name of the
    results continues after an earlier one that was stopped; a second process waits for the first.

    Args:
        ensemble: The models.
        studies: Reads the studies from the first on, each time that it is called.
        total: Number of studies.
        out: The file of the results, which is new: CSV, Parquet or JSON lines. What holds for all
            of them is written beside it, as ``<out>.about.json``.
        workers: Processes that read and decode; 0: this process does.
        write_more: Writes other formats, before ``out`` is there; is given what reads the rows that
            were predicted, from the first on, each time that it is called.
        files: Brings the files of the studies here; None: they are here.

    Raises:
        DataError: If ``out`` is there, or of another kind; if processes are killed.
        ModelError: If a model gives no number.
    """
    require_kind(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    columns = schema(ensemble.classes, len(ensemble.members))
    files = files or LocalFiles()
    folder = scratch_folder(Path(out.name), _key(ensemble, files), out.parent / SCRATCH)
    with locked(folder, "predicts these studies"):
        require_kind(out)  # the process that this one waited for may have written it
        folder.mkdir(exist_ok=True)
        run = _Run(ensemble, columns, folder, files)
        with files.inside(folder):
            run.predict(studies, total, workers)
        if write_more:
            write_more(run.predicted)
        found = _count(run)
        text = json.dumps(about(ensemble, found.counts, versions()), indent=2)
        write_text(about_file(out), text + "\n")
        write_results(run.tables(), columns, out)  # last: where they are, all else is
    return found


def about_file(out: Path) -> Path:
    """The file beside results that says what holds for all of them."""
    return out.with_name(out.name + ABOUT)


def is_begun(out: Path) -> bool:
    """Whether there is a run that was to write these results, and did not end."""
    return any((out.parent / SCRATCH).glob(f"{escape(out.name)}-*"))


def _count(run: "_Run") -> Predicted:
    counts, first = Counter[str](), list[str]()
    for part in run.tables(["row", "study_id", "status", "reason"]):
        counts.update(part["status"].to_pylist())
        for row in part.to_pylist() if len(first) < FIRST_REASONS else ():
            if row["reason"]:
                first.append("{study_id} (row {row}): {status}: {reason}".format(**row))
    statuses = {str(status): counts[status] for status in STATUSES}
    return Predicted(statuses, tuple(first[:FIRST_REASONS]), run.kept)


def _key(ensemble: Ensemble, files: Files) -> str:
    """Digest of all that results follow from but the studies, of which each part has its own."""
    parts = [f"{path.relative_to(CODE)} {sha256(path)}" for path in sorted(CODE.rglob("*.py"))]
    parts += [f"{member.digest} {member.calibration_digest}" for member in ensemble.members]
    parts += [next(member.model.parameters()).device.type for member in ensemble.members]
    parts += [ensemble.classifier.digest if ensemble.classifier else "", versions(), files.key]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


@dataclass
class _Run:
    """Results in the making, a part for each chunk of studies.

    Attributes:
        ensemble: The models.
        columns: Schema of the results.
        folder: The parts are here.
        files: Brings the files of the studies here.
        kept: Number of studies of parts that an earlier run made.
        parts: Number of parts.
    """

    ensemble: Ensemble
    columns: pa.Schema
    folder: Path
    files: Files
    kept: int = 0
    parts: int = 0

    def predict(self, studies: Studies, total: int, workers: int) -> None:
        """Make every part that is not there."""
        kept = self._find_kept(studies)
        open_parts: deque[tuple[int, str]] = deque()

        def chunks() -> Iterator[Chunk]:
            for number, chunk in enumerate(_chunks(studies())):
                self.parts = number + 1
                if number not in kept:
                    open_parts.append((number, _digest(chunk)))
                    yield self.files.fetch(chunk)

        read = read_in_processes(chunks(), self.ensemble.how, workers)
        made = chain.from_iterable(self._make(part, *open_parts.popleft()) for part in read)
        for _ in progress(made, "predicting", total - self.kept):
            pass

    def tables(self, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """Read the parts in order."""
        for number in range(self.parts):
            yield pq.read_table(self._path(number), columns=columns)

    def predicted(self) -> Iterator[Mapping[str, Any]]:
        """Read the rows of studies that were predicted, in order."""
        rows = chain.from_iterable(part.to_pylist() for part in self.tables())
        return (row for row in rows if row["status"] == "predicted")

    def _make(self, studies: Sequence[ReadStudy], number: int, digest: str) -> Sequence[ReadStudy]:
        rows = predict_rows(self.ensemble, studies)
        self.files.finish(rows)
        table = pa.Table.from_pylist(rows, schema=self.columns)
        with whole_file(self._path(number)) as file:
            pq.write_table(table.replace_schema_metadata({DIGEST: digest}), file)
        return studies

    def _find_kept(self, studies: Studies) -> set[int]:
        """Find the parts of an earlier run whose studies and files are still the same."""
        if not any(self.folder.iterdir()):
            return set()
        kept = set()
        for number, chunk in enumerate(_chunks(studies())):
            path = self._path(number)
            said = (pq.read_schema(path).metadata or {}) if path.exists() else {}
            if said.get(DIGEST) == _digest(chunk).encode():
                kept.add(number)
                self.kept += len(chunk)
        return kept

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.parquet"


def _chunks(studies: Iterator[AskedStudy]) -> Iterator[Chunk]:
    return iter(lambda: list(islice(studies, CHUNK)), [])


def _digest(chunk: Chunk) -> str:
    """Digest of studies as asked for, and of size and time of change of their files."""
    files = [stamp(image.path) for asked in chunk for image in asked.images]
    return hashlib.sha256(repr((chunk, files)).encode()).hexdigest()
