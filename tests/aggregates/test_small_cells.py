"""What may be published of patients: small counts, and shares of them, are hidden."""

import json
from pathlib import Path

import pytest

from camchex.aggregates.small_cells import Share, hide_small, write_counts


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
