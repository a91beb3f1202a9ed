"""A few damaged files of every kind; ``make fuzz`` tries thousands. And: the search can find."""

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from camchex.errors import DataError
from tests.fuzz.run import DEFECT, damaged
from tests.fuzz.targets import QUARANTINED, READ, REFUSED, Target, outcome, targets, write_cohort

FILES = 120


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cohort") / "raw"
    write_cohort(root)
    return root


@pytest.mark.slow
def test_a_damaged_file_is_refused_quarantined_or_read_in_full(cohort: Path) -> None:
    cases = damaged(cohort, range(FILES))
    assert not [case for case in cases if case.outcome == DEFECT]
    outcomes = Counter(case.outcome for case in cases)
    assert sum(outcomes.values()) == FILES
    assert all(outcomes[name] for name in (REFUSED, QUARANTINED, READ))


def test_an_undamaged_file_is_read_in_full(cohort: Path) -> None:
    for target in targets(cohort):
        assert outcome(target, cohort, target.files[0]) == READ


def lost_a_row(_root: Path, file: str) -> Mapping[str, int]:
    return {file: 1}


def crashed(_root: Path, _file: str) -> Mapping[str, int]:
    raise ZeroDivisionError


def named_no_file(_root: Path, _file: str) -> Mapping[str, int]:
    raise DataError("something is wrong somewhere")


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (lost_a_row, AssertionError),
        (crashed, ZeroDivisionError),
        (named_no_file, AssertionError),
    ],
)
def test_what_should_not_happen_is_noticed(
    tmp_path: Path,
    read: Callable[[Path, str], Mapping[str, int]],
    error: type[Exception],
) -> None:
    (tmp_path / "a.csv").write_text("id\n1\n2\n")
    with pytest.raises(error):
        outcome(Target("a", ("a.csv",), read), tmp_path, "a.csv")
