"""Resampling patients, against scikit-learn on the rows of each resample."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.scores.bootstrap import (
    Draws,
    bootstrap,
    draw_patients,
    interval,
    mean_over,
)

RESAMPLES = 35


@pytest.fixture(scope="module")
def rows() -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """Labels with unknowns, scores with ties, patients with several studies, images per study."""
    draw = np.random.default_rng(3)
    labels = (draw.random((300, 4)) < [0.5, 0.2, 0.05, 0.01]).astype(float)
    scores = (draw.normal(size=labels.shape) + labels).round(1)
    labels[draw.random(labels.shape) < 0.1] = np.nan
    patients = [f"p{i}" for i in draw.integers(0, 120, 300)]
    return labels, scores, patients, draw.integers(1, 5, 300)


def resampled_rows(draws: Draws, resample: int, times: np.ndarray) -> np.ndarray:
    """Row numbers, each as often as its patient was drawn and as it has images."""
    return np.repeat(np.arange(len(times)), draws.counts[resample][draws.patient] * times)


@pytest.mark.parametrize("level", ["study", "image"])
def test_each_resample_scores_as_scikit_learn_on_the_resampled_rows(
    rows: tuple[np.ndarray, np.ndarray, list[str], np.ndarray], level: str
) -> None:
    labels, scores, patients, images = rows
    times = images if level == "image" else np.ones(len(images), int)
    draws = draw_patients(patients, RESAMPLES, seed=1)
    found = bootstrap(labels, scores, draws, None if level == "study" else images, workers=2)
    assert found.ap.shape == found.auroc.shape == (RESAMPLES, 4)
    undefined = 0
    for resample in range(RESAMPLES):
        taken = resampled_rows(draws, resample, times)
        for column in range(4):
            truth, guess = labels[taken, column], scores[taken, column]
            truth, guess = truth[~np.isnan(truth)], guess[~np.isnan(truth)]
            ap, auroc = found.ap[resample, column], found.auroc[resample, column]
            if truth.min() == truth.max():
                assert np.isnan(ap)
                assert np.isnan(auroc)
                undefined += 1
                continue
            assert ap == pytest.approx(average_precision_score(truth, guess), rel=0, abs=1e-12)
            assert auroc == pytest.approx(roc_auc_score(truth, guess), rel=0, abs=1e-12)
    assert undefined  # the rare class is missing from some


def test_whole_patients_are_drawn_as_many_as_there_are() -> None:
    patients = ["b", "a", "b", "c", "a", "b"]
    draws = draw_patients(patients, 4_000, seed=0)
    assert draws.counts.shape == (4_000, 3)
    assert (draws.counts.sum(axis=1) == 3).all()
    assert draws.patient.tolist() == [1, 0, 1, 2, 0, 1]
    # each of 3 patients is drawn k times of 3 with the probability of a binomial of 1/3
    shares = np.bincount(draws.counts.ravel(), minlength=4) / draws.counts.size
    np.testing.assert_allclose(shares, [8 / 27, 12 / 27, 6 / 27, 1 / 27], atol=0.02)


def test_threads_blocks_and_repetition_change_nothing(
    rows: tuple[np.ndarray, np.ndarray, list[str], np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    labels, scores, patients, _ = rows
    one = bootstrap(labels, scores, draw_patients(patients, RESAMPLES, 5), workers=1)
    monkeypatch.setattr("camchex.scores.bootstrap.BLOCK", 4)  # 35 is no multiple of 4
    two = bootstrap(labels, scores, draw_patients(patients, RESAMPLES, 5), workers=3)
    np.testing.assert_array_equal(one.ap, two.ap)
    other = bootstrap(labels, scores, draw_patients(patients, RESAMPLES, 6))
    assert not np.array_equal(one.ap[:, 0], other.ap[:, 0])


def test_sums_of_more_rows_than_16_bits_hold_are_not_cut_off() -> None:
    draw = np.random.default_rng(0)
    labels = (draw.random((70_000, 1)) < 0.001).astype(float)
    scores = draw.normal(size=labels.shape) + labels
    draws = draw_patients([str(i) for i in draw.integers(0, 500, 70_000)], 3, 0)
    found = bootstrap(labels, scores, draws)
    for resample in range(3):
        taken = resampled_rows(draws, resample, np.ones(len(labels), int))
        pair = labels[taken, 0], scores[taken, 0]
        assert found.ap[resample, 0] == pytest.approx(average_precision_score(*pair), abs=1e-12)
        assert found.auroc[resample, 0] == pytest.approx(roc_auc_score(*pair), abs=1e-12)


def test_a_model_does_not_differ_from_itself_and_one_shifted_score_does_not_matter(
    rows: tuple[np.ndarray, np.ndarray, list[str], np.ndarray],
) -> None:
    labels, scores, patients, _ = rows
    draws = draw_patients(patients, RESAMPLES, 5)
    ours = bootstrap(labels, scores, draws)
    shifted = bootstrap(labels, 3 * scores + 1, draws)
    np.testing.assert_array_equal(ours.ap, shifted.ap)
    np.testing.assert_array_equal(ours.auroc, shifted.auroc)


def test_the_interval_of_an_auroc_is_as_wide_as_the_theory_says() -> None:
    """One study per patient: the standard error of DeLong, from the placements of each study."""
    draw = np.random.default_rng(0)
    positive, negative = draw.normal(1, 1, 400), draw.normal(0, 1, 1_600)
    above = positive[:, None] > negative
    error = np.sqrt(above.mean(1).var(ddof=1) / 400 + above.mean(0).var(ddof=1) / 1_600)
    labels = np.repeat([1.0, 0.0], [400, 1_600])[:, None]
    scores = np.concatenate([positive, negative])[:, None]
    draws = draw_patients([str(i) for i in range(2_000)], 1_000, 0)
    values = bootstrap(labels, scores, draws).auroc[:, 0]
    assert values.std() == pytest.approx(error, rel=0.1)
    found = interval(values, 0.95, float(above.mean()))
    assert found is not None
    assert found[1] - found[0] == pytest.approx(2 * 1.96 * error, rel=0.1)


def test_copies_of_a_study_in_one_patient_do_not_make_the_score_more_certain() -> None:
    draw = np.random.default_rng(1)
    labels = (draw.random(300) < 0.3).astype(float)[:, None]
    scores = draw.normal(size=(300, 1)) + labels
    patients = [str(i) for i in range(300)]
    once = bootstrap(labels, scores, draw_patients(patients, 50, 0))
    copied = bootstrap(
        np.repeat(labels, 4, axis=0),
        np.repeat(scores, 4, axis=0),
        draw_patients([p for p in patients for _ in range(4)], 50, 0),
    )
    np.testing.assert_allclose(once.auroc, copied.auroc, rtol=0, atol=1e-12)
    np.testing.assert_allclose(once.ap, copied.ap, rtol=0, atol=1e-12)


def test_an_interval_is_of_the_percentiles_moved_by_twice_the_bias() -> None:
    values = np.arange(1_001, dtype=float)
    assert interval(values, 0.9, 500) == pytest.approx([50, 950])
    # The resamples lie 100 above the score; then they would be moved to -1150 and -250.
    assert interval(values, 0.9, 400) == pytest.approx([50 - 200, 950 - 200])
    assert interval(values, 0.9, -100) == pytest.approx([-1150, -100])
    assert interval([np.nan, np.nan, 1.0], 0.95, 1) is None
    assert interval([], 0.95, 1) is None


def test_intervals_of_a_mean_over_rare_classes_hold_the_truth() -> None:
    """Percentiles alone hold it in four of ten test sets, being lifted by repeated positives."""
    share, shift = 0.05, 1.0
    grid = np.linspace(-8, 9, 20_001)
    recall = norm.sf(grid - shift)
    precision = share * recall / (share * recall + (1 - share) * norm.sf(grid))
    truth = np.trapezoid(precision * norm.pdf(grid - shift), grid)  # of endlessly many studies
    draw = np.random.default_rng(0)
    held = percentiles = 0
    for repeat in range(50):
        labels = (draw.random((400, 10)) < share).astype(float)
        scores = draw.normal(size=labels.shape) + shift * labels
        draws = draw_patients([str(i) for i in range(400)], 200, repeat)
        values = mean_over(bootstrap(labels, scores, draws).ap)
        found = interval(values, 0.95, average_precision_score(labels, scores))
        assert found is not None
        held += found[0] <= truth <= found[1]
        low, high = np.quantile(values, [0.025, 0.975])
        percentiles += low <= truth <= high
    assert held >= 40
    assert percentiles <= 30


def test_a_mean_over_classes_is_over_the_same_classes_in_each_resample() -> None:
    values = np.array([[0.2, np.nan, 0.6], [0.4, 0.2, np.nan], [0.6, 0.4, 0.3]])
    np.testing.assert_allclose(mean_over(values), [1.1 / 3, 1.05 / 3, 1.3 / 3])
    np.testing.assert_allclose(mean_over(values, [1, 2]), [0.45, 0.325, 0.35])
    assert np.isnan(mean_over(np.full((2, 2), np.nan))).all()
    assert np.isnan(mean_over(np.empty((2, 0)))).all()
