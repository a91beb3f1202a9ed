"""Thresholds and what they decide, against scikit-learn, SciPy, and every threshold tried out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.calibration_file import Calibration, Platt
from camchex.scores.decisions import (
    DECISIONS,
    SHARES,
    best_f1_threshold,
    decision_rows,
    net_benefit_rows,
    share_interval,
    specificity_threshold,
)
from camchex.scores.labelled_split import Split, labelled_split
from tests.scores import factories

CASES = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=25).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)
LEVEL, MIN_CELL = 0.95, 5


@given(CASES)
def test_no_threshold_has_a_larger_f1_and_no_stricter_one_as_large(
    rows: list[tuple[bool, int]],
) -> None:
    truth, guess = np.array([r[0] for r in rows], float), np.array([r[1] / 8 for r in rows])
    f1 = {
        t: 2 * truth[guess >= t].sum() / (truth.sum() + (guess >= t).sum())
        for t in np.unique(guess)
    }
    found = best_f1_threshold(truth, guess)
    assert f1[found] == pytest.approx(max(f1.values()))
    assert all(value < f1[found] - 1e-12 for t, value in f1.items() if t > found)


@given(CASES)
def test_no_threshold_of_enough_specificity_is_more_sensitive(
    rows: list[tuple[bool, int]],
) -> None:
    truth, guess = np.array([r[0] for r in rows], float), np.array([r[1] / 8 for r in rows])
    specific = {t: (guess[truth == 0] < t).mean() for t in np.unique(guess)}
    enough = [t for t, value in specific.items() if value >= 0.9 - 1e-9]
    assert specificity_threshold(truth, guess) == (min(enough) if enough else None)


@pytest.mark.parametrize(("hits", "total"), [(0, 9), (3, 10), (57, 60), (8, 8)])
def test_of_patients_with_one_study_the_interval_is_wilsons_of_scipy(hits: int, total: int) -> None:
    hit = np.arange(total) < hits
    share, low, high = share_interval(hit, np.arange(total), LEVEL)
    other = binomtest(hits, total).proportion_ci(LEVEL, method="wilson")
    assert (share, low, high) == pytest.approx((hits / total, other.low, other.high))


def test_a_study_that_is_repeated_says_no_more() -> None:
    hit, patients = np.arange(30) < 11, np.arange(30)
    once = share_interval(hit, patients, LEVEL)
    again = share_interval(np.repeat(hit, 4), np.repeat(patients, 4), LEVEL)
    assert again == pytest.approx(once, abs=0.01)
    assert share_interval(np.array([], bool), np.array([], int), LEVEL) == (None, None, None)


@pytest.mark.parametrize("share", [0.75, 0.95])
def test_intervals_of_clustered_patients_hold_the_truth(share: float) -> None:
    draw = np.random.default_rng(0)
    held = []
    for _ in range(600):
        sizes = draw.choice([1, 2, 3, 4], 30, p=[0.55, 0.25, 0.12, 0.08])
        patients = np.repeat(np.arange(30), sizes)
        own = draw.beta(2 * share, 2 - 2 * share, 30)  # studies of a patient are alike
        _, low, high = share_interval(draw.random(len(patients)) < own[patients], patients, LEVEL)
        held.append(low <= share <= high)
    assert np.mean(held) >= 0.93


@pytest.fixture(scope="module")
def test_split() -> Split:
    invented = factories.invent({"train": 10, "test": 200})
    labels = invented.truth.astype(float)
    labels[:, 1] = 0
    labels[20:23, 1] = 1  # three positives
    labels[::9, 2] = np.nan
    return labelled_split(factories.cohort(invented, labels), "test", CXR_LT_2023)


def fitted(threshold: float | None) -> Calibration:
    same = {name: {"max_f1": threshold, "specificity_90": None} for name in CXR_LT_2023}
    lines = {name: Platt(intercept=0, slope=1) for name in CXR_LT_2023}
    return Calibration(classes=lines, thresholds=same, temperature=1)


def cells(split: Split, guesses: np.ndarray, q: int, at: float) -> list[int]:
    """True negatives, false positives, false negatives, true positives."""
    known = ~np.isnan(split.labels[:, q])
    yes = guesses[known, q] >= at
    found = confusion_matrix(split.labels[known, q] == 1, yes, labels=[False, True])
    return [int(n) for n in found.ravel()]


def test_what_a_threshold_decides_is_shown_unless_it_tells_a_small_cell(test_split: Split) -> None:
    guesses, seen = factories.guesses(test_split.labels, 2.5, 0), set()
    for at in (0.2, 0.5, 0.8, 0.97):
        rows = decision_rows(test_split, guesses, fitted(at), LEVEL, MIN_CELL)
        by_class = {row[0]: dict(zip(DECISIONS, row, strict=True)) for row in rows}
        assert CXR_LT_2023[1] not in by_class  # few positives
        for name, row in by_class.items():
            no, false, missed, yes = cells(test_split, guesses, CXR_LT_2023.index(name), at)
            small = [0 < n < MIN_CELL for n in (no, false, missed, yes)]
            wholes = ((yes, missed), (no, false), (yes, false), (no, missed))
            expected = dict(zip(SHARES, wholes, strict=True))
            hidden = {"sensitivity": any(small[2:]), "specificity": any(small[:2])}
            for share, (part, rest) in expected.items():
                hide = hidden.get(share, any(small)) or not part + rest
                assert row[share] == (None if hide else pytest.approx(part / (part + rest)))
                assert (row[f"{share}_low"] is None) == hide
                seen.add((share, hide))
            f1 = 2 * yes / (2 * yes + false + missed)
            assert row["F1"] == (None if any(small) else pytest.approx(f1))
    assert len(seen) == 2 * len(SHARES)
    assert not [*decision_rows(test_split, guesses, fitted(None), LEVEL, MIN_CELL)]


def test_the_net_benefit_is_that_of_its_definition_and_small_cells_are_hidden(
    test_split: Split,
) -> None:
    guesses = factories.guesses(test_split.labels, 2.5, 0)
    found = {row[:2]: row[2:] for row in net_benefit_rows(test_split, guesses, MIN_CELL)}
    every = {row[:2]: row[2:] for row in net_benefit_rows(test_split, guesses, 1)}
    hidden = 0
    for name, at in every:
        if name not in CXR_LT_2023[:6]:
            continue
        no, false, missed, yes = cells(test_split, guesses, CXR_LT_2023.index(name), at)
        total, odds = no + false + missed + yes, at / (1 - at)
        expected = (yes - odds * false) / total, (yes + missed - odds * (false + no)) / total
        assert every[name, at] == pytest.approx(expected)
        small = any(0 < n < MIN_CELL for n in (no, false, missed, yes))
        assert ((name, at) in found) == (not small and name != CXR_LT_2023[1])
        hidden += small
    assert hidden
    shown = [name for name in CXR_LT_2023 if name != CXR_LT_2023[1]]
    for (name, at), values in found.items():
        if name == "macro":
            assert values == pytest.approx(np.mean([every[n, at] for n in shown], axis=0))
            assert sum((n, at) not in found for n in shown) != 1


def test_who_is_calibrated_loses_nothing_by_calling_as_the_model_says() -> None:
    """Net benefit of true probabilities is largest among what follows from them, and never < 0."""
    draw = np.random.default_rng(1)
    invented = factories.invent({"test": 3_000})
    chance = draw.beta(0.6, 2, (3_000, 26))
    labels = (draw.random(chance.shape) < chance).astype(float)
    split = labelled_split(factories.cohort(invented, labels), "test", CXR_LT_2023)
    for name, _, benefit, everybody in net_benefit_rows(split, chance, MIN_CELL):
        if name == "macro":
            assert benefit > max(everybody, 0)
