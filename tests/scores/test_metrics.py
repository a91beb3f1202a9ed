"""Scores against their definitions, computed the slow way."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from camchex.scores.metrics import macro, not_scored, score_class, score_classes

CASES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 6), st.integers(1, 3)),
    min_size=2,
    max_size=20,
)


def average_precision(truth: list[float], guess: list[float]) -> float:
    """Precision at each threshold times the recall that it adds."""
    total, reached, result = sum(truth), 0.0, 0.0
    for threshold in sorted(set(guess), reverse=True):
        above = [t for t, g in zip(truth, guess, strict=True) if g >= threshold]
        recall = sum(above) / total
        result += (recall - reached) * sum(above) / len(above)
        reached = recall
    return result


def auroc(truth: list[float], guess: list[float]) -> float:
    """Share of pairs of a positive and a negative in the right order, a tie counting half."""
    positive = [g for t, g in zip(truth, guess, strict=True) if t]
    negative = [g for t, g in zip(truth, guess, strict=True) if not t]
    wins = [(p > n) + 0.5 * (p == n) for p, n in product(positive, negative)]
    return sum(wins) / len(wins)


@given(CASES)
def test_a_class_scores_what_the_definitions_say(cases: list[tuple[float, int, int]]) -> None:
    labels, guesses, _ = (np.array(column, dtype=float) for column in zip(*cases, strict=True))
    score = score_class(labels, guesses)
    known = [(t, g) for t, g, _ in cases if not np.isnan(t)]
    truth, guess = [t for t, _ in known], [float(g) for _, g in known]
    assert (score.positives, score.negatives) == (sum(truth), len(truth) - sum(truth))
    if 0 < sum(truth) < len(truth):
        assert score.ap == pytest.approx(average_precision(truth, guess))
        assert score.auroc == pytest.approx(auroc(truth, guess))
    else:
        assert score.ap is None
        assert score.auroc is None


@given(CASES)
def test_a_weight_is_as_good_as_repeating_the_study(cases: list[tuple[float, int, int]]) -> None:
    labels, guesses, weights = (np.array(column) for column in zip(*cases, strict=True))
    weighted = score_class(labels, guesses.astype(float), weights)
    repeated = score_class(np.repeat(labels, weights), np.repeat(guesses, weights).astype(float))
    assert weighted.ap == pytest.approx(repeated.ap)
    assert weighted.auroc == pytest.approx(repeated.auroc)


def test_a_class_without_positives_is_named_and_left_out_not_zero() -> None:
    labels = np.array([[1, 0, 1], [0, 0, 1], [1, 0, np.nan]], dtype=float)
    guesses = np.array([[0.9, 0.5, 0.1], [0.1, 0.5, 0.2], [0.8, 0.5, 0.3]])
    scores = score_classes(labels, guesses, ["found", "never", "always"])
    assert not_scored(scores) == ["never", "always"]
    mean = macro(scores.values())
    assert (mean.ap, mean.auroc, mean.classes) == (1.0, 1.0, 1)


def test_nothing_to_score_gives_no_score() -> None:
    mean = macro(score_classes(np.zeros((3, 1)), np.ones((3, 1)), ["never"]).values())
    assert (mean.ap, mean.auroc, mean.classes) == (None, None, 0)


def test_every_class_weighs_the_same_in_the_mean() -> None:
    labels = np.array([[1, 1], [1, 0], [1, 0], [0, 0]], dtype=float)
    guesses = np.array([[0.9, 0.1], [0.8, 0.9], [0.7, 0.8], [0.1, 0.7]])
    # the first is perfect; the only positive of the second comes last of four
    assert macro(score_classes(labels, guesses, ["a", "b"]).values()).ap == (1 + 1 / 4) / 2


def test_a_few_positives_or_negatives_make_a_small_class() -> None:
    few = score_class(np.array([1.0, 1, 0, 0, 0, 0]), np.arange(6.0))
    assert few.is_small(3)
    assert not few.is_small(2)
    many = score_class(np.array([1.0, 1, 1, 1, 0, 0]), np.arange(6.0))
    assert many.is_small(3)
    assert not score_class(np.zeros(6), np.arange(6.0)).is_small(3)
