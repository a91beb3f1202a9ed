"""What was found of the raw data: presence and counts, nothing of any patient."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from camchex.errors import CamchexError

SAMPLE = 1000  # files that are looked for, evenly spaced, where a table refers to more


class ClassCount(NamedTuple):
    """Rows of one class: images, or studies."""

    positive: int
    negative: int
    unknown: int


@dataclass(frozen=True)
class Contents:
    """What one raw table holds.

    Attributes:
        counts: Rows, images, studies, patients and the like.
        published: What it should hold, under the same names.
        classes: What is known of each class; empty where it holds no labels.
        positive: Published number of positives by class, where there is one.
        refers_to: Files that must exist beside it.
        exists: Whether such a file does.
    """

    counts: Mapping[str, int] = field(default_factory=dict)
    published: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, ClassCount] = field(default_factory=dict)
    positive: Mapping[str, int] = field(default_factory=dict)
    refers_to: Sequence[Path | str] = ()
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
        problem: Why it cannot be used, or what to do where it is missing; None: nothing.
        contents: What it holds.
        referenced: The files that it refers to; None: it refers to none.
    """

    path: Path
    present: bool
    problem: str | None = None
    contents: Contents = field(default_factory=Contents)
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


def look(path: Path, read: Callable[[Path], Contents]) -> FileFinding:
    """Look for a file and read it; that it is missing or damaged is a finding, not an error.

    Args:
        path: Where it should be.
        read: What reads it.
    """
    if not path.exists():
        return FileFinding(path, present=False)
    try:
        contents = read(path)
    except (CamchexError, OSError) as error:
        return FileFinding(path, present=True, problem=str(error))
    return FileFinding(
        path,
        present=True,
        contents=contents,
        referenced=find(contents.refers_to, contents.exists) if contents.refers_to else None,
    )


def look_for_watched(path: Path, key: str) -> FileFinding:
    """Look for what DVC hashes in the place of a tree of files.

    Args:
        path: Where it should be.
        key: The parameter that names it.
    """
    advice = f"it stands for files too many to hash: set {key} to a list or a folder that is there"
    return FileFinding(path, present=path.exists(), problem=None if path.exists() else advice)


def find(paths: Sequence[Path | str], exists: Callable[[Path], bool] = Path.is_file) -> Referenced:
    """Look for files: all of them, or evenly spaced ones of more than ``SAMPLE``."""
    wanted = min(len(paths), SAMPLE)
    sample = [Path(paths[i * len(paths) // wanted]) for i in range(wanted)]
    missing = [path for path in sample if not exists(path)]
    return Referenced(
        total=len(paths),
        looked_for=wanted,
        present=wanted - len(missing),
        missing=missing[0] if missing else None,
    )
