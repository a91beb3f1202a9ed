"""Scores against their definitions, computed the slow way, and against scikit-learn."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.errors import DataError
from camchex.scores.metrics import (
    ByClass,
    average_precision,
    macro,
    not_scored,
    roc_auc,
    score_class,
    score_classes,
)

CASES = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, np.nan]), st.integers(0, 6), st.integers(1, 3)),
    min_size=2,
    max_size=20,
)


def defined_ap(truth: list[float], guess: list[float]) -> float:
    """Precision at each threshold times the recall that it adds."""
    total, reached, result = sum(truth), 0.0, 0.0
    for threshold in sorted(set(guess), reverse=True):
        above = [t for t, g in zip(truth, guess, strict=True) if g >= threshold]
        recall = sum(above) / total
        result += (recall - reached) * sum(above) / len(above)
        reached = recall
    return result


def defined_auroc(truth: list[float], guess: list[float]) -> float:
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
        assert score.ap == pytest.approx(defined_ap(truth, guess))
        assert score.auroc == pytest.approx(defined_auroc(truth, guess))
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


OURS_AND_THEIRS = [(average_precision, average_precision_score), (roc_auc, roc_auc_score)]
both = pytest.mark.parametrize(("ours", "theirs"), OURS_AND_THEIRS, ids=["ap", "auroc"])
Score = Callable[..., float]

WEIGHTS = st.one_of(st.integers(0, 5), st.just(0), st.floats(0.01, 3))
ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(-3, 3), WEIGHTS, st.floats(-1e3, 1e3)),
    min_size=1,
    max_size=60,
)


@both
@given(rows=ROWS, column=st.sampled_from([1, 3]), kind=st.sampled_from(["weighted", "unweighted"]))
def test_a_class_scores_as_in_scikit_learn(
    ours: Score, theirs: Score, column: int, kind: str, rows: list[tuple[float, ...]]
) -> None:
    """Column 1 has many ties, and column 3 few."""
    labels, weights = (np.array([row[i] for row in rows], dtype=float) for i in (0, 2))
    scores = np.array([row[column] for row in rows], dtype=float)
    times = weights if kind == "weighted" else np.ones(len(rows))
    found = ours(labels, scores, weights if kind == "weighted" else None)
    if (times * labels).sum() == 0 or (times * (1 - labels)).sum() == 0:
        assert found is None
        return
    assert found == pytest.approx(theirs(labels, scores, sample_weight=times), rel=0, abs=1e-12)


@both
def test_a_large_matrix_scores_as_in_scikit_learn(ours: Score, theirs: Score) -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random((5_000, 6)) < [0.5, 0.2, 0.05, 0.01, 0.002, 0.9]).astype(float)
    scores = (draw.normal(size=labels.shape) + labels).astype(np.float32).round(2)
    weights = draw.integers(0, 4, len(labels))
    found = ours(labels, scores, weights)
    assert isinstance(found, ByClass)
    kept = weights > 0
    cases = {"macro": found.macro, "micro": found.micro, "weighted": found.weighted}
    for average, value in cases.items():
        expected = theirs(labels[kept], scores[kept], average=average, sample_weight=weights[kept])
        assert value == pytest.approx(expected, rel=0, abs=1e-12)
    each = theirs(labels[kept], scores[kept], average=None, sample_weight=weights[kept])
    np.testing.assert_allclose(np.asarray(found), each, rtol=0, atol=1e-12)
    assert list(found.support.values()) == (weights @ labels).tolist()


@both
def test_a_class_that_cannot_be_scored_is_named_and_in_no_mean(ours: Score, theirs: Score) -> None:
    labels = np.array([[1, 0, 1], [0, 0, 1], [1, 0, 1], [0, 0, 1]], dtype=float)
    scores = np.array([[0.9, 0.5, 0.1], [0.95, 0.5, 0.2], [0.8, 0.5, 0.3], [0.1, 0.2, 0.3]])
    found = ours(labels, scores, classes=["found", "never", "always"])
    assert isinstance(found, ByClass)
    assert found.left_out == ("never", "always")
    alone = theirs(labels[:, 0], scores[:, 0])
    assert found.macro == found.weighted == pytest.approx(alone)
    assert found.scores == {"found": pytest.approx(alone), "never": None, "always": None}
    assert np.isnan(np.asarray(found)).tolist() == [False, True, True]


@both
def test_unknown_labels_are_left_out_cell_by_cell(ours: Score, theirs: Score) -> None:
    labels = np.array([[1, np.nan], [0, 1], [np.nan, 0], [1, 0], [0, 1]])
    scores = np.array([[0.3, 0.9], [0.6, 0.7], [0.1, 0.2], [0.4, 0.8], [0.2, 0.6]])
    found = ours(labels, scores)
    for column, value in zip((0, 1), found.scores.values(), strict=True):
        known = ~np.isnan(labels[:, column])
        assert value == pytest.approx(theirs(labels[known, column], scores[known, column]))


@both
def test_nothing_to_score_is_none(ours: Score, theirs: Score) -> None:
    assert theirs is not None
    assert ours([], []) is None
    assert ours([np.nan, np.nan], [0.1, 0.2]) is None
    assert ours(np.zeros((3, 2)), np.zeros((3, 2))).macro is None


@pytest.mark.parametrize(
    ("labels", "scores", "weights", "message"),
    [
        ([0.3, 0.7], [0, 1], None, r"label 0\.3 .*Labels come first"),
        ([0, 1], [0.2, np.nan], None, "score nan"),
        ([0, 1, 1], [0.2, 0.1], None, r"\(3,\), scores \(2,\)"),
        ([[[1.0]]], [[[1.0]]], None, r"expected \(N,\) or \(N, Q\)"),
        ([0, 1], [0.2, 0.1], [1], r"weights \(1,\)"),
        ([0, 1], [0.2, 0.1], [1, -1], "none of them negative"),
    ],
)
def test_what_is_no_label_score_or_weight_is_refused(
    labels: list[float], scores: list[float], weights: list[int] | None, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        average_precision(labels, scores, weights)


def test_as_many_names_as_classes_are_expected() -> None:
    with pytest.raises(DataError, match="1 names of classes for 2"):
        roc_auc(np.eye(2), np.eye(2), classes=["only"])
