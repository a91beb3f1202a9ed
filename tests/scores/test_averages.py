"""Average precision and AUROC of arrays, against scikit-learn."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.errors import DataError
from camchex.scores.averages import ByClass, average_precision, roc_auc

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
@given(rows=ROWS)
@pytest.mark.parametrize("column", [1, 3], ids=["many ties", "few ties"])
@pytest.mark.parametrize("kind", ["weighted", "unweighted"])
def test_a_class_scores_as_in_scikit_learn(
    ours: Score, theirs: Score, column: int, kind: str, rows: list[tuple[float, ...]]
) -> None:
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
