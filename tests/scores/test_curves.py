"""Precision and recall on a fixed grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.curves import RECALLS, precision_at, reliability_curves, score_curves
from camchex.scores.intervals import Intervals
from camchex.scores.labelled_split import labelled_split
from tests.scores import factories


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=30))
def test_the_mean_over_every_recall_is_the_average_precision(cases: list[tuple[bool, int]]) -> None:
    labels, guesses = (np.array(column, dtype=float) for column in zip(*cases, strict=True))
    positives = int(labels.sum())
    if not positives:
        return
    every_recall = np.arange(1, positives + 1) / positives
    curve = precision_at(labels, guesses, every_recall)
    assert curve.mean() == pytest.approx(average_precision_score(labels, guesses))


def test_the_curve_of_a_hand_made_ranking() -> None:
    labels = np.array([1.0, 0, 1, 0, np.nan, 1])
    guesses = np.array([0.9, 0.8, 0.7, 0.6, 0.55, 0.5])
    curve = precision_at(labels, guesses, np.array([0, 1 / 3, 0.5, 2 / 3, 1]))
    assert curve == pytest.approx([1, 1, 2 / 3, 2 / 3, 3 / 5])


def test_small_classes_have_no_curve_and_macro_is_the_mean_of_those_shown() -> None:
    invented = factories.invent({"train": 5, "test": 80})
    labels = invented.truth.astype(float)
    labels[:, 0] = 0
    labels[5:8, 0] = 1  # three positive test studies
    labels[:, 1] = 0  # none
    test = labelled_split(factories.cohort(invented, labels), "test", CXR_LT_2023)
    found = score_curves(test, factories.guesses(test.labels, 2, 0), 5, Intervals())
    shown = [row[0] for row in found["per_class"][1]]
    assert shown == list(CXR_LT_2023[2:])
    points = {(name, recall): value for name, recall, value in found["precision_recall"][1]}
    assert len(points) == len(RECALLS) * (len(shown) + 1)
    for recall, value in found["precision_recall_macro"][1]:
        assert value == points["macro", recall]
        assert value == pytest.approx(np.mean([points[name, recall] for name in shown]))


def test_a_test_set_without_any_class_to_show_gives_empty_tables() -> None:
    invented = factories.invent({"train": 5, "test": 6})
    cohort = factories.cohort(invented, np.zeros((11, 26)))
    test = labelled_split(cohort, "test", CXR_LT_2023)
    found = score_curves(test, np.full((6, 26), 0.5), 5, Intervals())
    assert [list(rows) for _, rows in found.values()] == [[], [], []]


def test_no_bin_of_few_positives_or_negatives_is_shown() -> None:
    invented = factories.invent({"test": 120})
    test = labelled_split(factories.cohort(invented, invented.truth * 1.0), "test", CXR_LT_2023)
    guesses = factories.guesses(test.labels, 2, 0)
    found = reliability_curves(test, {"": guesses, "_calibrated": guesses**2}, 5)
    rows = list(found["reliability"][1])
    assert {kind for _, kind, *_ in rows} == {"as predicted", "calibrated"}
    for *_, share, count in rows:
        for number in (round(share * count), round((1 - share) * count)):
            assert number == 0 or number >= 5
