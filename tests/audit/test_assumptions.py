"""The simulated cohorts in which assumptions of the audit fail."""

import numpy as np
import pytest

from camchex.audit.assumptions import (
    RULED_OUT,
    Size,
    World,
    _published,
    assumptions_text,
    simulate,
)

SMALL = Size(studies=2000, classes=3, resamples=40, shuffles=5)


def test_labels_are_published_with_the_errors_of_the_world() -> None:
    draw = np.random.default_rng(0)
    truth, named = draw.random((40_000, 2)) < 0.4, draw.random((40_000, 2)) < 0.5
    world = World(repeats=0.2, uncertain=0.3, missed_named=0.35, missed=0.1)
    found = _published(truth, named, world, draw)
    for rows, value, share in (
        (named & ~truth, 1, 0.2),
        (named & ~truth, -1, 0.3),
        (~named & ~truth, 0, RULED_OUT),
        (named & truth, 1, 0.65),
        (~named & truth, 1, 0.9),
    ):
        assert np.mean(found[rows] == value) == pytest.approx(share, abs=0.015)
    assert not (found[~named & ~truth] == 1).any()
    assert np.isnan(found[truth & (found != 1)]).all()  # what is missed is not mentioned


def test_where_nothing_is_wrong_nobody_is_accused_and_all_of_the_gain_is_real() -> None:
    found = simulate(World(), SMALL)
    assert found["true_share"] == pytest.approx(1)
    assert found["share"] == pytest.approx(1, abs=0.15)
    assert (found["accused"], found["leak_found"]) == (False, False)


def test_the_range_comes_nearer_to_the_truth_where_uncertain_labels_hide_a_leak() -> None:
    found = simulate(World(leak=0.7, uncertain=0.8), SMALL)
    assert found["share"] > found["true_share"] + 0.1
    assert abs(found["lowest"] - found["true_share"]) < found["share"] - found["true_share"]
    assert found["leak_found"]


def test_a_clean_cohort_whose_labeler_misses_named_findings_is_cleared_by_the_range() -> None:
    found = simulate(World(missed_named=0.35, missed=0.1), SMALL)
    assert found["true_share"] == pytest.approx(1)
    assert found["accused"]
    assert found["highest"] == pytest.approx(1, abs=0.02)
    assert (found["accused_by_range"], found["leak_found"]) == (False, False)


@pytest.mark.parametrize("world", [World(leak=0.5, repeats=0.2), World(leak=0.7, unlisted=0.75)])
def test_a_leak_that_both_labels_share_or_no_list_holds_is_hidden_in_part(world: World) -> None:
    found = simulate(world, SMALL)
    assert found["share"] > found["true_share"] + 0.1


def test_the_cohorts_are_a_table() -> None:
    shares = {"true_share": 0.1, "share": 0.28, "low": 0.2, "high": 0.4, "lowest": 0.1}
    answers = {"accused": True, "accused_by_range": False, "leak_found": None}
    row = {**shares, "highest": None, **answers}
    words = {"words_found": 3, "other_words_found": 1}
    text = assumptions_text({"half uncertain": row}, {"generated": {**row, **words}})
    assert "Synthetic data" in text
    cells = "0.10 | 0.28 | 0.20 to 0.40 | 0.10 to none | yes | no | unknown |"
    assert f"| half uncertain | {cells}\n" in text
    assert f"| generated | {cells} 3 | 1 |\n" in text
