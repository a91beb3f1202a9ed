"""Precision and recall on a fixed grid."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.curves import PER_CLASS, RECALLS, precision_at, write_curves
from camchex.scores.scored import of_split
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


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_small_classes_have_no_curve_and_macro_is_the_mean_of_those_shown(tmp_path: Path) -> None:
    invented = factories.invent({"train": 5, "test": 80})
    labels = invented.truth.astype(float)
    labels[:, 0] = 0
    labels[5:8, 0] = 1  # three positive test studies
    labels[:, 1] = 0  # none
    test = of_split(factories.cohort(invented, labels), "test", CXR_LT_2023)
    write_curves(test, factories.guesses(test.labels, 2, 0), tmp_path, min_cell=5)
    shown = [row["class"] for row in rows(tmp_path / "per_class.csv")]
    assert shown == list(CXR_LT_2023[2:])
    curves = rows(tmp_path / "precision_recall.csv")
    points = {(r["class"], r["recall"]): float(r["precision"]) for r in curves}
    assert len(points) == len(RECALLS) * (len(shown) + 1)
    mean = np.mean([points[name, "0.35"] for name in shown])
    assert points["macro", "0.35"] == pytest.approx(mean, abs=2e-6)


def test_a_test_set_without_any_class_to_show_gives_empty_tables(tmp_path: Path) -> None:
    invented = factories.invent({"train": 5, "test": 6})
    test = of_split(factories.cohort(invented, np.zeros((11, 26))), "test", CXR_LT_2023)
    write_curves(test, np.full((6, 26), 0.5), tmp_path, min_cell=5)
    assert (tmp_path / "per_class.csv").read_text() == f"{','.join(PER_CLASS)}\n"
    assert (tmp_path / "precision_recall.csv").read_text() == "class,recall,precision\n"
