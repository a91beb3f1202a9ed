"""What may be published of patients: nothing that tells a small count."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.aggregates.small_cells import (
    Share,
    has_enough_of_both,
    hidden_values,
    hide_small,
    is_small_class,
    percentiles,
    shown_positives,
    shown_share,
    tells_one_small,
    write_counts,
)

COUNTS = st.integers(0, 12)


@pytest.mark.parametrize(("count", "shown"), [(0, 0), (1, "<5"), (4, "<5"), (5, 5)])
def test_a_count_above_0_and_below_the_smallest_is_hidden(count: int, shown: object) -> None:
    assert hide_small({"a": {"b": count}}, 5) == {"a": {"b": shown}}


def test_a_share_is_hidden_with_its_count() -> None:
    shares = {"few": Share(4, of=40), "enough": Share(5, of=40), "none": Share(0, of=40)}
    assert hide_small(shares, 5) == {
        "few": {"count": "<5", "share": None},
        "enough": {"count": 5, "share": 0.125},
        "none": {"count": 0, "share": 0.0},
    }


def test_a_share_of_nothing_has_no_value(tmp_path: Path) -> None:
    write_counts({"a": Share(0, of=0)}, tmp_path / "counts.json", 5)
    assert json.loads((tmp_path / "counts.json").read_text()) == {"a": {"count": 0, "share": None}}


@given(COUNTS, COUNTS, st.integers(1, 6))
def test_no_share_tells_a_small_count(part: int, rest: int, min_cell: int) -> None:
    found = shown_share(part, part + rest, min_cell)
    if found is not None:
        assert found == part / (part + rest)
        assert not 0 < part < min_cell
        assert not 0 < rest < min_cell


@given(COUNTS, COUNTS, st.integers(1, 6))
def test_a_class_with_enough_of_both_is_one_that_is_neither_small_nor_one_sided(
    positives: int, negatives: int, min_cell: int
) -> None:
    both = positives > 0 and negatives > 0
    small = is_small_class(positives, negatives, min_cell)
    assert has_enough_of_both(positives, negatives, min_cell) is (both and not small)


@pytest.mark.parametrize(
    ("positives", "negatives", "shown"),
    [(4, 100, "<5"), (100, 4, ">99"), (4, 3, "<5"), (100, 0, 100), (0, 100, 0), (5, 5, 5)],
)
def test_the_positives_of_a_small_class_are_told_as_a_bound(
    positives: int, negatives: int, shown: object
) -> None:
    assert shown_positives(positives, negatives, 5) == shown


def test_only_the_mean_of_a_single_class_is_its_score() -> None:
    assert tells_one_small([True])
    assert not tells_one_small([False])
    assert not tells_one_small([True, True])
    assert not tells_one_small([])


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 12), min_size=1))
def test_hidden_values_cannot_be_worked_out_from_the_total(counts: dict[str, int]) -> None:
    hidden = hidden_values(counts, 5)
    small = {value for value, count in counts.items() if count < 5}
    assert small <= hidden
    assert len(hidden) <= max(len(small), 2)
    if small and len(counts) > 1:
        assert len(hidden) > 1  # the total less what is shown is not one count


def test_the_smallest_of_the_others_is_hidden_with_a_single_small_value() -> None:
    assert hidden_values({"a": 4, "b": 60, "c": 50}, 5) == {"a", "c"}
    assert hidden_values({"a": 4, "b": 3, "c": 60}, 5) == {"a", "b"}
    assert hidden_values({"a": 50, "b": 60}, 5) == set()


def test_small_counts_are_hidden_and_nothing_else() -> None:
    shown = hide_small({"a": 0, "b": 1, "c": {"d": 4, "e": 5}, "f": 0.5, "g": None}, min_cell=5)
    assert shown == {"a": 0, "b": "<5", "c": {"d": "<5", "e": 5}, "f": 0.5, "g": None}


def test_few_values_have_no_percentiles() -> None:
    assert set(percentiles(range(99)).values()) == {None}
    assert percentiles(range(101))["p50"] == 50


def test_counts_are_written_as_json_in_their_order(tmp_path: Path) -> None:
    write_counts({"b": 9, "a": 1}, tmp_path / "metrics" / "x.json", min_cell=5)
    text = (tmp_path / "metrics" / "x.json").read_text()
    assert json.loads(text) == {"b": 9, "a": "<5"}
    assert text.index("b") < text.index("a")
