"""Intervals: against derivatives, the bootstrap, formulas, and test sets whose truth is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, norm

from camchex.scores.bootstrap import bootstrap, draw_patients
from camchex.scores.intervals import (
    FEWEST,
    Intervals,
    difference,
    intervals_of,
    macro_row,
    newcombe,
    of_classes,
    scored,
    variance,
    wilson,
)
from camchex.scores.metrics import optimism, score_class, score_classes
from camchex.scores.ranking import rank

ROWS = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6), st.integers(0, 3), st.integers(1, 3)),
    min_size=4,
    max_size=20,
).filter(lambda rows: 0 < sum(row[0] for row in rows) < len(rows))


def truth_of(share: float, shift: float) -> tuple[float, float]:
    """AP and AUROC of endlessly many studies: normal scores, a positive's higher by the shift."""
    grid = np.linspace(-8, 10, 8_001)
    recall = norm.sf(grid - shift)
    precision = share * recall / (share * recall + (1 - share) * norm.sf(grid))
    ap = np.trapezoid(precision * norm.pdf(grid - shift), grid)
    return float(ap), float(norm.cdf(shift / np.sqrt(2)))


@given(ROWS)
def test_the_influence_of_a_patient_is_the_derivative_by_its_weight(
    rows: list[tuple[bool, int, int, int]],
) -> None:
    labels, scores, patient, times = (np.array(column) for column in zip(*rows, strict=True))
    ranking = rank(labels, scores, patient, times)
    ones = np.ones((int(patient.max()) + 1, 1))
    for number, slope in enumerate(np.transpose(ranking.influence())):
        up, down = ones.copy(), ones.copy()
        up[number], down[number] = 1 + 1e-5, 1 - 1e-5
        for higher, lower, found in zip(
            ranking.scores(up), ranking.scores(down), slope, strict=True
        ):
            assert found == pytest.approx((higher[0] - lower[0]) / 2e-5, abs=1e-6)


def test_the_standard_error_is_that_of_many_resamples() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random((900, 3)) < [0.3, 0.2, 0.5]).astype(float)
    scores = draw.normal(size=labels.shape) + labels
    patient = draw.integers(0, 300, 900)
    found = bootstrap(labels, scores, draw_patients(patient.astype(str).tolist(), 800, 0))
    influence = intervals_of(labels, scores, ["a", "b", "c"], patient, 0.95).influence
    assert influence is not None
    for values, one in zip((found.ap, found.auroc), influence, strict=True):
        errors = np.sqrt(variance(one[None])[0])
        np.testing.assert_allclose(errors, values.std(axis=0), rtol=0.12)
        mean = np.sqrt(variance(one.mean(axis=1)[None])[0])
        assert mean == pytest.approx(values.mean(axis=1).std(), rel=0.12)


def test_the_ends_of_an_auroc_are_where_its_own_error_reaches_what_was_found() -> None:
    auroc, m, n = (
        np.array([0.6, 0.93, 0.2, 1.0]),
        np.array([8, 20, 40, 5]),
        np.array([90, 30, 9, 50]),
    )
    low, high = newcombe(auroc, m, n, 1.96)
    for ends in (low, high[:3]):
        first, second = ends / (2 - ends), 2 * ends**2 / (1 + ends)  # Hanley and McNeil 1982
        m_, n_, found = m[: len(ends)], n[: len(ends)], auroc[: len(ends)]
        mean = (m_ + n_) / 2
        spread = (mean - 1) * (first + second - 2 * ends**2)
        error = np.sqrt((ends * (1 - ends) + spread) / (m_ * n_))
        np.testing.assert_allclose(np.abs(found - ends), 1.96 * error, rtol=1e-6)
    assert high[3] == 1
    assert 0.4 < low[3] < 0.9  # five of five: sure of little


def test_the_ends_of_an_average_precision_are_those_of_a_share() -> None:
    expected = binomtest(7, 20).proportion_ci(0.95, method="wilson")
    assert wilson(7 / 20, 20, norm.ppf(0.975)) == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize("positives", [8, 20])
def test_intervals_of_a_rare_class_hold_the_truth_where_patients_have_several_studies(
    positives: int,
) -> None:
    draw = np.random.default_rng(positives)
    studies, shift = 400, 1.6
    ap, auroc = truth_of(positives / studies, shift)
    held, sets = np.zeros(2), 120
    for _ in range(sets):
        patient = draw.integers(0, 120, studies)
        half = np.sqrt(0.5)  # half of the variance is the patient's
        of_label, of_score = draw.normal(size=(2, 120))[:, patient] * half
        latent = of_label + half * draw.normal(size=studies)
        labels = (latent > norm.isf(positives / studies)).astype(float)
        labels[0] = 1  # one at least
        scores = of_score + half * draw.normal(size=studies) + shift * labels
        one = score_class(labels, scores)
        bounds = intervals_of(labels[:, None], scores[:, None], ["a"], patient, 0.95)
        ends = bounds.of_class("a", one, 1)
        if None in ends.values():
            sets -= 1  # of fewer than five patients
            continue
        for i, (key, truth) in enumerate((("AP_interval", ap), ("AUROC_interval", auroc))):
            low, high = ends[key]
            held[i] += low <= truth <= high
    assert sets > 80
    assert (held / sets >= 0.9).all()  # 0.93 within two standard errors


def test_means_over_rare_classes_hold_the_truth_and_tell_how_optimistic_they_are() -> None:
    """The mean AP of 300 studies is .05 too high; a bootstrap's interval holds it in 8 of 10."""
    draw = np.random.default_rng(1)
    shares, shift = np.array([0.005, 0.005, 0.01, 0.01, 0.02, 0.05, 0.1, 0.3]), 1.4
    truths = np.array([truth_of(share, shift) for share in shares])
    held, above, told = np.zeros(2), [], []
    for _ in range(100):
        labels = (draw.random((300, 8)) < shares).astype(float)
        scores = draw.normal(size=labels.shape) + shift * labels
        each, row = macro_row(labels, scores, np.arange(300), 0.95)
        ap, auroc = truths[[score.ap is not None for score in each]].mean(axis=0)
        assert row[1] < row[0] < row[2]  # type: ignore[operator]
        held += row[1] <= ap <= row[2], row[4] <= auroc <= row[5]  # type: ignore[operator]
        above.append(row[0] - ap)  # type: ignore[operator]
        told.append(optimism(each))
    assert (held >= 90).all()
    assert np.mean(above) > 0.03
    assert np.mean(told) == pytest.approx(np.mean(above), abs=0.02)


def test_a_positive_that_stands_alone_is_corrected_as_the_definition_says() -> None:
    labels, scores = np.array([0, 1, 0, 1, 1, 0.0]), -np.arange(6.0)
    # Above the positives: 0, 1 and 2 other positives, times 3 / 2, and 1, 2 and 2 negatives.
    expected = np.mean([0, 1.5 / (1.5 + 2), 3 / (3 + 2)])
    assert score_class(labels, scores).corrected_ap == pytest.approx(expected)
    # The first has nobody above it, and takes the precision of the next.
    expected = np.mean([2 / 3, 2 / 3])
    assert score_class(np.array([1, 0, 1, 0.0]), -np.arange(4.0)).corrected_ap == expected
    perfect = score_class(np.array([1, 1, 0.0]), -np.arange(3.0))
    assert perfect.corrected_ap == 1


def test_few_patients_have_no_interval() -> None:
    draw = np.random.default_rng(0)
    labels = np.tile([[0.0, 1.0], [1.0, 0.0]], (20, 1))
    scores = draw.random(labels.shape)
    each = score_classes(labels, scores, ["a", "b"])
    for patients, has in ((1, False), (2, False), (FEWEST, True)):
        bounds = intervals_of(labels, scores, ["a", "b"], np.arange(40) // 2 % patients, 0.95)
        for ends in (bounds.of_mean(each), bounds.of_class("a", each["a"], 1)):
            assert [e is not None for e in ends.values()] == [has, has]
    assert Intervals().of_mean(each) == {}


def two_models(
    draw: np.random.Generator, labels: np.ndarray, better: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores whose noise has a correlation of 0.8, both (N, Q); the first are better."""
    noise = draw.normal(size=labels.shape)
    other = 0.8 * noise + 0.6 * draw.normal(size=labels.shape)
    return other + (1.2 + better) * labels, noise + 1.2 * labels


def test_the_standard_error_of_a_difference_is_that_of_many_resamples() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random((2_400, 3)) < [0.3, 0.4, 0.5]).astype(float)
    patient = np.arange(2_400) // 2
    draws = draw_patients(patient.astype(str).tolist(), 400, 0)
    pair = two_models(draw, labels, 0.3)
    one, other = (bootstrap(labels, scores, draws) for scores in pair)
    sides = ([scored(labels, scores, ["a", "b", "c"], draws.patient, 0.95)] for scores in pair)
    found = difference(*sides)
    for key, drawn in (("mAP", one.ap - other.ap), ("AUROC", one.auroc - other.auroc)):
        low, high = found[f"{key}_interval"] or (0, 0)
        assert high - low == pytest.approx(2 * 1.96 * drawn.mean(axis=1).std(), rel=0.1)


@pytest.mark.parametrize("better", [0.0, 0.5])
def test_a_difference_over_rare_classes_is_held_as_often_as_promised(better: float) -> None:
    shares, draw, held = np.array([0.01, 0.02, 0.03, 0.05, 0.1]), np.random.default_rng(1), []
    truth = np.mean([np.subtract(truth_of(p, 1.2 + better), truth_of(p, 1.2)) for p in shares], 0)
    for _ in range(100):
        labels = (draw.random((300, 5)) < shares).astype(float)
        labels[0], labels[1] = 1, 0
        sides = [
            [scored(labels, scores, list("abcde"), np.arange(300), 0.95)]
            for scores in two_models(draw, labels, better)
        ]
        ends = np.array([*difference(*sides).values()], float)
        held.append((ends[:, 0] <= truth) & (truth <= ends[:, 1]))
    assert (np.mean(held, axis=0) > binom.ppf(0.01, 100, 0.93) / 100).all()


def test_a_model_does_not_differ_from_itself_and_few_patients_tell_no_difference() -> None:
    draw = np.random.default_rng(2)
    labels = (np.arange(200)[:, None] < [60, 4]).astype(float)
    scores, patient = draw.normal(size=labels.shape) + labels, np.arange(200)
    one = [scored(labels, scores, ["many", "few"], patient, 0.95)]
    assert difference(one, one) == {"mAP_interval": [0, 0], "AUROC_interval": [0, 0]}
    for names, told in ((["many"], True), (["few"], False), ([], False)):
        ends = difference(*([of_classes(side, names) for side in one] for _ in range(2)))
        assert [value is not None for value in ends.values()] == [told, told]
