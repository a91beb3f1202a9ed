"""Tables of other patients are refused; a small part of one release is not."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.contract.rules import LEAST_SHARE
from camchex.errors import DataError
from camchex.sources.csv.matches import SAMPLE, require_matches

pairs = st.sets(st.tuples(st.integers(1, 40), st.integers(1, 3)), max_size=60)


def stays(ids: set[tuple[int, int]] | list[tuple[int, int]]) -> pa.Table:
    columns = [[str(stay) for stay, _ in ids], [str(patient) for _, patient in ids]]
    return pa.table([pa.array(c, pa.string()) for c in columns], names=["stay_id", "patient_id"])


def refused(one: pa.Table, other: pa.Table) -> bool:
    try:
        require_matches(("one.csv", one), ("other.csv", other), ["stay_id", "patient_id"])
    except DataError:
        return True
    return False


@given(pairs, pairs)
def test_a_twentieth_of_either_table_is_enough(
    ours: set[tuple[int, int]], theirs: set[tuple[int, int]]
) -> None:
    one, other = dict(ours), dict(theirs)  # a stay has one patient
    both = one.items() & other.items()
    few = len(both) < LEAST_SHARE * min(len(one), len(other))
    assert refused(stays(list(one.items())), stays(list(other.items()))) == few


def test_a_few_studies_of_a_full_release_belong_to_it() -> None:
    release = stays([(n, n) for n in range(1, 5 * SAMPLE)])
    assert not refused(stays([(SAMPLE + 7, SAMPLE + 7)]), release)
    assert not refused(release, stays([(SAMPLE + 7, SAMPLE + 7)]))


def test_chance_is_no_match() -> None:
    """Of ids drawn anew, one in a hundred agrees: more than chance gives in tables of MIMIC."""
    one = stays([(n, n) for n in range(1, 2 * SAMPLE)])
    other = stays([(n if n % 100 == 0 else -n, n) for n in range(1, 2 * SAMPLE)])
    with pytest.raises(DataError, match=r"^one\.csv: of 19,999 rows, only about [01]\.\d% belon"):
        require_matches(("one.csv", one), ("other.csv", other), ["stay_id"])


def test_the_files_and_an_id_of_each_are_named() -> None:
    expected = r"^one\.csv: of 2 rows, none belong to other\.csv, by stay_id\. The first is 1 here "
    with pytest.raises(DataError, match=expected + "and 10000032 there"):
        require_matches(
            ("one.csv", stays([(1, 1), (2, 1)])), ("other.csv", stays([(10000032, 1)])), ["stay_id"]
        )
