"""What was found of the raw data: presence and counts, nothing of any patient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from camchex.errors import DataError

SAMPLE = 1000  # files that are looked for, evenly spaced, where a table refers to more


@dataclass(frozen=True)
class Contents:
    """What one raw table holds.

    Attributes:
        counts: Rows, images, studies, patients and the like.
        positive: Positive images by class; empty where it holds no labels.
        refers_to: Files that must exist beside it.
        exists: Whether such a file does.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    positive: Mapping[str, int] = field(default_factory=dict)
    refers_to: Sequence[Path] = ()
    exists: Callable[[Path], bool] = Path.is_file


@dataclass(frozen=True)
class Referenced:
    """How many of the files that a table refers to exist.

    Attributes:
        total: Referred to.
        looked_for: Of these, evenly spaced.
        present: Of those looked for.
        missing: The first one that is not there.
    """

    total: int
    looked_for: int
    present: int
    missing: Path | None


@dataclass(frozen=True)
class FileFinding:
    """One expected file or folder.

    Attributes:
        path: Where it is expected.
        present: Whether it is there.
        problem: Why it cannot be used; None: nothing is wrong with it.
        counts: What it holds.
        published: What it should hold, under the same names.
        positive: Positive images by class.
        referenced: The files that it refers to; None: it refers to none.
    """

    path: Path
    present: bool
    problem: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)
    positive: Mapping[str, int] = field(default_factory=dict)
    referenced: Referenced | None = None

    @property
    def usable(self) -> bool:
        """Whether it is there, readable, and lacks no file that was looked for."""
        return self.present and self.problem is None and not self.incomplete

    @property
    def incomplete(self) -> bool:
        """Whether it refers to a file that is not there."""
        return self.referenced is not None and self.referenced.missing is not None


@dataclass(frozen=True)
class DataSet:
    """What was found of one data set, and the page to get it from."""

    name: str
    page: str
    files: tuple[FileFinding, ...]

    @property
    def complete(self) -> bool:
        """Whether every file is usable."""
        return all(file.usable for file in self.files)


@dataclass(frozen=True)
class Findings:
    """What was found below data.root."""

    root: Path
    data_sets: tuple[DataSet, ...]

    @property
    def complete(self) -> bool:
        """Whether every data set is."""
        return all(data_set.complete for data_set in self.data_sets)


def look(
    path: Path, read: Callable[[Path], Contents] | None = None, published: Mapping[str, int] = {}
) -> FileFinding:
    """Look for a file and read it; that it is missing or damaged is a finding, not an error.

    Args:
        path: Where it should be.
        read: What reads it; None: it only has to be there.
        published: What it should count.
    """
    if not path.exists():
        return FileFinding(path, present=False, published=published)
    try:
        contents = read(path) if read else Contents()
    except (DataError, OSError) as error:
        return FileFinding(path, present=True, problem=str(error), published=published)
    return FileFinding(
        path,
        present=True,
        counts=contents.counts,
        published=published,
        positive=contents.positive,
        referenced=find(contents.refers_to, contents.exists) if contents.refers_to else None,
    )


def find(paths: Sequence[Path], exists: Callable[[Path], bool] = Path.is_file) -> Referenced:
    """Look for files: all of them, or evenly spaced ones of more than ``SAMPLE``."""
    wanted = min(len(paths), SAMPLE)
    sample = [paths[i * len(paths) // wanted] for i in range(wanted)]
    missing = [path for path in sample if not exists(path)]
    return Referenced(
        total=len(paths),
        looked_for=wanted,
        present=wanted - len(missing),
        missing=missing[0] if missing else None,
    )
