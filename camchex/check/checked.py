"""Results of ``camchex check``: presence and counts of raw data, nothing of any patient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from camchex.errors import CamchexError

SAMPLE = 1000  # files that are looked for, evenly spaced, where a table refers to more


class ClassCount(NamedTuple):
    """Rows (images or studies) by the label of one class."""

    positive: int
    negative: int
    unknown: int


@dataclass(frozen=True)
class TableCounts:
    """Counts of one raw table, and the files that it refers to."""

    counts: Mapping[str, int] = field(default_factory=dict)  # rows, images, studies, patients, ...
    published: Mapping[str, int] = field(default_factory=dict)  # by the names of counts
    classes: Mapping[str, ClassCount] = field(default_factory=dict)  # empty: it holds no labels
    positive: Mapping[str, int] = field(default_factory=dict)  # published positives by class
    refers_to: Sequence[Path | str] = ()  # files that must exist beside it
    exists: Callable[[Path], bool] = Path.is_file  # whether such a file does


class ReferredFiles(NamedTuple):
    """How many of the files that a table refers to exist."""

    total: int  # all files referred to
    looked_for: int  # files that were looked for, evenly spaced over all
    present: int  # files that were found
    missing: Path | None  # the first file that was not found


@dataclass(frozen=True)
class CheckedFile:
    """One expected file or folder."""

    path: Path
    present: bool
    problem: str | None = None  # why it cannot be used, or what to do where it is missing
    table: TableCounts = field(default_factory=TableCounts)
    referred: ReferredFiles | None = None  # None: it refers to no file

    @property
    def usable(self) -> bool:
        """Whether it is there, readable, and lacks no file that was looked for."""
        whole = self.referred is None or self.referred.missing is None
        return self.present and self.problem is None and whole


@dataclass(frozen=True)
class CheckedDataSet:
    """The files of one data set, and the page to get it from."""

    name: str
    page: str
    files: tuple[CheckedFile, ...]

    @property
    def complete(self) -> bool:
        """Whether every file is usable."""
        return all(file.usable for file in self.files)


@dataclass(frozen=True)
class CheckedData:
    """The data sets below data.root."""

    root: Path
    data_sets: tuple[CheckedDataSet, ...]

    @property
    def complete(self) -> bool:
        """Whether every data set is complete."""
        return all(data_set.complete for data_set in self.data_sets)


def check_file(path: Path, read: Callable[[Path], TableCounts]) -> CheckedFile:
    """Look for a file and read it; a missing or damaged file is a result, not an error."""
    if not path.exists():
        return CheckedFile(path, present=False)
    try:
        table = read(path)
    except (CamchexError, OSError) as error:
        return CheckedFile(path, present=True, problem=str(error))
    referred = look_for(table.refers_to, table.exists) if table.refers_to else None
    return CheckedFile(path, present=True, table=table, referred=referred)


def check_watched(path: Path, key: str) -> CheckedFile:
    """Look for the file or folder that DVC hashes in place of too many, named by ``key``."""
    advice = f"it stands for files too many to hash: set {key} to a list or a folder that is there"
    return CheckedFile(path, present=path.exists(), problem=None if path.exists() else advice)


def look_for(
    paths: Sequence[Path | str], exists: Callable[[Path], bool] = Path.is_file
) -> ReferredFiles:
    """Look for files: all of them, or ``SAMPLE`` evenly spaced ones if there are more."""
    wanted = min(len(paths), SAMPLE)
    sample = [Path(paths[i * len(paths) // wanted]) for i in range(wanted)]
    missing = [path for path in sample if not exists(path)]
    return ReferredFiles(len(paths), wanted, wanted - len(missing), next(iter(missing), None))
