"""Calibration and thresholds against scikit-learn, SciPy and every threshold tried out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, f1_score, log_loss, recall_score

from camchex.errors import DataError
from camchex.scores.calibration_file import (
    Calibration,
    beside,
    read_calibration,
    rescale,
    write_calibration,
)
from camchex.scores.fit_calibration import (
    best_f1_threshold,
    brier,
    calibration_scores,
    expected_error,
    fit_calibration,
    fit_temperature,
    reliability,
    specificity_threshold,
)

CASES = st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=25).filter(
    lambda rows: len({label for label, _ in rows}) == 2
)


def invented(too_sure: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels drawn from probabilities whose logits are then multiplied."""
    draw = np.random.default_rng(0)
    logits = draw.normal(-1, 1.5, (4_000, 3))
    labels = (draw.random(logits.shape) < 1 / (1 + np.exp(-logits))).astype(float)
    return labels, 1 / (1 + np.exp(-too_sure * logits))


def test_brier_and_reliability_are_those_of_scikit_learn() -> None:
    labels, guesses = invented(1.7)
    for truth, guess in zip(labels.T, guesses.T, strict=True):
        assert brier(truth, guess) == pytest.approx(brier_score_loss(truth, guess))
        rows = np.array(reliability(truth, guess, bins=10))
        share, mean = calibration_curve(truth, guess, n_bins=10)
        np.testing.assert_allclose(rows[:, 1], share)
        np.testing.assert_allclose(rows[:, 0], mean)
        assert rows[:, 2].sum() == len(truth)


def test_the_expected_error_is_the_mean_gap_of_the_studies_of_each_bin() -> None:
    labels = np.array([0.0, 0, 1, 1, 1, np.nan])
    guesses = np.array([0.1, 0.2, 0.3, 0.8, 0.9, 0.5])
    # two bins: |0.2 - 1/3| of three studies, |0.85 - 1| of two
    assert expected_error(labels, guesses, bins=2) == pytest.approx(
        (3 * abs(0.2 - 1 / 3) + 2 * 0.15) / 5
    )
    assert expected_error(np.full(3, np.nan), np.zeros(3)) is None


@pytest.mark.parametrize("too_sure", [0.4, 1.0, 2.5])
def test_the_temperature_is_where_scipy_finds_the_smallest_cross_entropy(too_sure: float) -> None:
    labels, guesses = invented(too_sure)
    labels[:500, 1] = np.nan
    known = ~np.isnan(labels)
    best = minimize_scalar(
        lambda log: log_loss(labels[known], rescale(guesses[known], float(np.exp(log)))),
        bounds=(-3, 3),
        method="bounded",
        options={"xatol": 1e-9},
    )
    found = fit_temperature(labels, guesses)
    assert found == pytest.approx(np.exp(best.x), rel=1e-4)
    assert found == pytest.approx(too_sure, rel=0.1)  # the truth behind the draws


def test_scaling_with_the_fitted_temperature_mends_a_model_that_is_too_sure() -> None:
    labels, guesses = invented(3)
    scores = calibration_scores(labels[2_000:], guesses[2_000:], fit_temperature(labels, guesses))
    assert scores["ECE_scaled"] < scores["ECE"] / 2
    assert scores["Brier_scaled"] < scores["Brier"]


def test_scaling_keeps_the_order_and_a_temperature_of_1_changes_nothing() -> None:
    guesses = np.array([0.0, 0.001, 0.5, 0.9, 1.0])
    np.testing.assert_allclose(rescale(guesses, 1), guesses, atol=1e-11)
    assert (np.diff(rescale(guesses, 4)) > 0).all()
    assert rescale(np.array(0.8), 2) == pytest.approx(1 / (1 + (0.2 / 0.8) ** 0.5))


def test_extremes_of_the_temperature_stay_finite() -> None:
    assert fit_temperature(np.full((2, 1), np.nan), np.full((2, 1), 0.3)) == 1
    separable = fit_temperature(np.array([[1.0], [0.0]]), np.array([[0.6], [0.4]]))
    assert separable == pytest.approx(0.01)
    wrong = fit_temperature(np.array([[0.0], [1.0]]), np.array([[0.6], [0.4]]))
    assert wrong == pytest.approx(100)


@given(CASES)
def test_no_threshold_has_a_larger_f1_and_no_stricter_one_as_large(
    rows: list[tuple[bool, int]],
) -> None:
    truth, guess = np.array([r[0] for r in rows], float), np.array([r[1] / 8 for r in rows])
    f1 = {t: f1_score(truth, guess >= t) for t in np.unique(guess)}
    found = best_f1_threshold(truth, guess)
    assert f1[found] == pytest.approx(max(f1.values()))
    assert all(value < f1[found] - 1e-12 for t, value in f1.items() if t > found)


@given(CASES)
def test_no_threshold_of_enough_specificity_is_more_sensitive(
    rows: list[tuple[bool, int]],
) -> None:
    truth, guess = np.array([r[0] for r in rows], float), np.array([r[1] / 8 for r in rows])
    specific = {t: recall_score(1 - truth, guess < t) for t in np.unique(guess)}
    enough = [t for t, value in specific.items() if value >= 0.9 - 1e-9]
    assert specificity_threshold(truth, guess) == (min(enough) if enough else None)


def test_a_class_with_few_studies_gets_no_threshold() -> None:
    labels, guesses = invented(1)
    labels[:, 2] = np.arange(len(labels)) < 4
    found = fit_calibration(labels, guesses, ["a", "b", "rare"], min_cell=5)
    assert found.thresholds["rare"] == {"max_f1": None, "specificity_90": None}
    assert found.decide({"rare": 0.9}) == {"rare": {"max_f1": None, "specificity_90": None}}
    assert None not in found.thresholds["a"].values()


def test_a_decision_is_yes_from_the_threshold_on_after_the_file_too(tmp_path: Path) -> None:
    labels, guesses = invented(1)
    found = fit_calibration(labels, guesses, ["a", "b", "c"], min_cell=5)
    write_calibration(found, tmp_path / "new" / "seed0.json")
    again = read_calibration(tmp_path / "new" / "seed0.json")
    assert again == found
    at = again.thresholds["a"]["max_f1"]
    assert at is not None
    assert again.decide({"a": at})["a"]["max_f1"] is True
    assert again.decide({"a": np.nextafter(at, 0)})["a"]["max_f1"] is False
    with pytest.raises(DataError, match="no threshold was fitted for d"):
        again.decide({"d": 0.5})


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file.*dvc repro evaluate"):
        read_calibration(tmp_path / "nowhere.json")
    (tmp_path / "bad.json").write_text('{"temperature": -1, "thresholds": {}}')
    with pytest.raises(DataError, match=r"bad\.json: not a calibration"):
        read_calibration(tmp_path / "bad.json")


def test_the_calibration_of_a_model_is_in_its_folder_or_where_the_pipeline_puts_it(
    tmp_path: Path,
) -> None:
    model = tmp_path / "models/fusion/seed1"
    model.mkdir(parents=True)
    assert beside(model) == tmp_path / "models/calibration/seed1.json"
    write_calibration(Calibration(temperature=1, thresholds={}), model / "calibration.json")
    assert beside(model) == model / "calibration.json"
