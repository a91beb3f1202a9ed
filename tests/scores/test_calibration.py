"""Calibration against scikit-learn, SciPy, and simulations whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import brentq, minimize, minimize_scalar
from scipy.special import expit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, log_loss

from camchex.errors import DataError
from camchex.scores.calibration_file import (
    Calibration,
    beside,
    log_odds,
    read_calibration,
    rescale,
    write_calibration,
)
from camchex.scores.fit_calibration import (
    LEAST_SLOPE,
    brier,
    calibration_scores,
    compared,
    expected_error,
    fit_calibration,
    fit_lines,
    fit_penalised,
    fit_temperature,
    reliability,
)
from camchex.scores.metrics import Floats


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
        lambda log: log_loss(labels[known], rescale(guesses[known], 1 / float(np.exp(log)))),
        bounds=(-3, 3),
        method="bounded",
        options={"xatol": 1e-9},
    )
    found = fit_temperature(labels, guesses)
    assert found == pytest.approx(np.exp(best.x), rel=1e-4)
    assert found == pytest.approx(too_sure, rel=0.1)  # the truth behind the draws


def test_a_slope_keeps_the_order_and_a_line_is_one_over_the_log_odds() -> None:
    guesses = np.array([0.0, 0.001, 0.5, 0.9, 1.0])
    np.testing.assert_allclose(rescale(guesses, 1), guesses, atol=1e-11)
    assert (np.diff(rescale(guesses, 1 / 4, -3)) > 0).all()
    # odds of 4 to 1: their root, tripled
    assert rescale(np.array(0.8), 0.5, np.log(3)) == pytest.approx(6 / 7)


def test_extremes_of_the_temperature_stay_finite() -> None:
    assert fit_temperature(np.full((2, 1), np.nan), np.full((2, 1), 0.3)) == 1
    separable = fit_temperature(np.array([[1.0], [0.0]]), np.array([[0.6], [0.4]]))
    assert separable == pytest.approx(0.01)
    wrong = fit_temperature(np.array([[0.0], [1.0]]), np.array([[0.6], [0.4]]))
    assert wrong == pytest.approx(100)


@pytest.mark.parametrize("positives", [12, 400])
def test_without_shrinkage_a_line_is_that_of_scikit_learn(positives: int) -> None:
    draw = np.random.default_rng(positives)
    labels = (np.arange(900) < positives)[:, None].astype(float)
    guesses = expit(draw.normal(1.2 * labels - 0.7))
    unknown = labels.copy()
    unknown[::7] = np.nan
    known = ~np.isnan(unknown[:, 0])
    odds, middle = log_odds(guesses), np.array([[0.0, 1.0]])
    (line,), (covariance,) = fit_penalised(unknown, odds, middle, np.eye(2) * 1e-12)
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(odds[known], labels[known, 0])
    np.testing.assert_allclose(line, [other.intercept_[0], other.coef_[0, 0]], rtol=1e-4)
    chance = other.predict_proba(odds[known])[:, 1]
    design = np.column_stack([np.ones(known.sum()), odds[known]])
    information = design.T @ (design * (chance * (1 - chance))[:, None])
    np.testing.assert_allclose(covariance, np.linalg.inv(information), rtol=1e-3)


def test_with_shrinkage_a_line_is_where_scipy_finds_the_mode() -> None:
    labels, guesses = invented(0.5)
    labels, odds = labels[:60], log_odds(guesses[:60])
    middle = np.array([[1.0, 2.0], [-1.0, 0.5], [0.0, 1.0]])
    precision = np.array([[4.0, 1.0], [1.0, 9.0]])
    lines, _ = fit_penalised(labels, odds, middle, precision)
    for q, (line, centre) in enumerate(zip(lines, middle, strict=True)):

        def loss(at: Floats, q: int = q, centre: Floats = centre) -> float:
            z, apart = at[0] + at[1] * odds[:, q], at - centre
            return float(
                (np.logaddexp(0, z) - labels[:, q] * z).sum() + apart @ precision @ apart / 2
            )

        best = minimize(loss, centre, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12})
        np.testing.assert_allclose(line, best.x, atol=1e-5)


def test_lines_of_many_positives_are_the_true_ones() -> None:
    lines = np.array([[-2.0, 1.8], [-1.0, 0.6], [0.5, 1.1], [-2.5, 1.0]])
    draw = np.random.default_rng(5)
    odds = draw.normal(0, 1.5, (20_000, len(lines)))
    labels = (draw.random(odds.shape) < expit(lines[:, 0] + lines[:, 1] * odds)).astype(float)
    found, _ = fit_lines(labels, expit(odds))
    np.testing.assert_allclose(found, lines, atol=0.12)


def with_5_positives(line: Floats, draw: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """400 labels, 5 of them positive, and log-odds; log-odds of as many new studies."""
    noise = draw.normal(size=(2, 400))

    def expected(mean: float) -> float:
        return float(expit(line[0] + line[1] * (mean + noise[0])).sum() - 5)

    odds, later = noise + brentq(expected, -30, 30)
    while True:  # of draws with another number none is kept
        labels = (draw.random(400) < expit(line[0] + line[1] * odds)).astype(float)
        if labels.sum() == 5:
            return labels, odds, later


@pytest.mark.parametrize("apart", [0.0, 0.5])
def test_with_5_positives_shrunk_lines_are_no_worse_than_the_common_one_nor_than_own_ones(
    apart: float,
) -> None:
    """Expected cross-entropy of new studies, mean over 10 data sets of 12 classes."""
    losses = []
    for seed in range(10):
        draw = np.random.default_rng(seed)
        lines = np.array([-2.0, 1.7]) + apart * draw.normal(size=(12, 2)) * [1, 0.5]
        drawn = [with_5_positives(line, draw) for line in lines]
        labels, odds, later = (np.stack(columns, axis=1) for columns in zip(*drawn, strict=True))
        truth = expit(lines[:, 0] + lines[:, 1] * later)
        start, weak = np.array([[0.0, 1.0]]), np.eye(2) / 100
        common, _ = fit_penalised(labels.reshape(-1, 1), odds.reshape(-1, 1), start, weak)
        own, _ = fit_penalised(labels, odds, np.repeat(start, 12, axis=0), weak)
        shrunk, _ = fit_lines(labels, expit(odds))
        z = [line[:, 0] + line[:, 1] * later for line in (shrunk, common, own)]
        losses.append(np.mean(np.logaddexp(0, z) - truth * z, axis=(1, 2)))
    shrunk_loss, common_loss, own_loss = np.mean(losses, axis=0)
    assert shrunk_loss <= common_loss * (1 if apart else 1.002)
    assert shrunk_loss <= own_loss


def test_a_known_miscalibration_that_differs_by_class_is_mended() -> None:
    draw = np.random.default_rng(3)
    lines = np.array([-2.0, 1.7]) + draw.normal(size=(8, 2)) * [0.7, 0.3]
    odds = draw.normal(0, 1.5, (4_000, 8))
    truth = expit(lines[:, 0] + lines[:, 1] * odds)
    labels, guesses = (draw.random(truth.shape) < truth).astype(float), expit(odds)
    half, names = slice(2_000), [f"class {q}" for q in range(8)]
    fitted = fit_calibration(labels[half], guesses[half], names, 5)
    kinds = compared(guesses[2_000:], fitted, names)
    scores = calibration_scores(labels[2_000:], kinds, labels[half], 5)
    assert np.abs(kinds["_calibrated"] - truth[2_000:]).mean() < 0.01
    assert scores["ECE_calibrated"] < scores["ECE_temperature"] / 3
    assert scores["Brier_calibrated"] < scores["Brier_temperature"] < scores["Brier"]
    share = labels[half].mean(axis=0)
    chance = np.mean((labels[2_000:] - share) ** 2)
    assert scores["Brier_chance"] == pytest.approx(chance)


def test_extremes_give_lines_that_are_finite_and_keep_the_order() -> None:
    separable = np.array([[0.0], [0.0], [1.0], [1.0]])
    wrong = 1 - separable
    guesses = np.array([[0.0], [0.4], [0.6], [1.0]])
    for labels in (separable, wrong, np.full((4, 1), np.nan), np.zeros((4, 1))):
        (line,), common = fit_lines(labels, guesses)
        assert np.isfinite(line).all()
        assert line[1] >= LEAST_SLOPE
        assert common[1] >= LEAST_SLOPE
    assert fit_lines(wrong, guesses)[0][0, 1] == LEAST_SLOPE
    assert fit_lines(np.full((4, 1), np.nan), guesses)[0].tolist() == [[0.0, 1.0]]


def test_a_class_with_few_studies_gets_the_common_line_and_no_threshold() -> None:
    labels, guesses = invented(1)
    names = ["a", "b", "rare"]
    lines = []
    for positives in (1, 4):
        labels[:, 2] = np.arange(len(labels)) < positives
        found = fit_calibration(labels, guesses, names, min_cell=5)
        lines.append(found.classes["rare"])
        assert found.thresholds["rare"] == {"max_f1": None, "specificity_90": None}
        assert found.decide({"rare": 0.9}) == {"rare": {"max_f1": None, "specificity_90": None}}
        assert None not in found.thresholds["a"].values()
    assert lines[0] == lines[1]
    labels[:, 2] = np.arange(len(labels)) < 5
    assert fit_calibration(labels, guesses, names, min_cell=5).classes["rare"] != lines[0]


def test_errors_of_a_class_with_few_studies_are_in_no_mean() -> None:
    labels, guesses = invented(2)
    names, kinds = ["a", "b", "rare"], {"": guesses}
    whole = calibration_scores(labels[:, :2], {"": guesses[:, :2]}, labels[:, :2], 5)
    for few, many in ((labels.copy(), labels), (labels, labels.copy())):
        changed = few if few is not labels else many
        changed[:, 2] = np.arange(len(labels)) < 4
        assert calibration_scores(few, kinds, many, 5) == whole
    assert whole["classes"] == len(names) - 1
    nothing = calibration_scores(labels * np.nan, kinds, labels, 5)
    assert nothing == {"ECE": None, "Brier": None, "Brier_chance": None, "classes": 0}


def test_a_decision_is_yes_from_the_threshold_on_after_the_file_too(tmp_path: Path) -> None:
    labels, guesses = invented(1)
    names = ["a", "b", "c"]
    found = fit_calibration(labels, guesses, names, min_cell=5)
    write_calibration(found, tmp_path / "new" / "seed0.json")
    again = read_calibration(tmp_path / "new" / "seed0.json")
    assert again == found
    at = again.thresholds["a"]["max_f1"]
    assert at is not None
    (reached,) = np.flatnonzero(again.calibrate(guesses, names)[:, 0] == at)
    one = again.calibrated(dict(zip(names, guesses[reached].tolist(), strict=True)))
    assert again.decide(one)["a"]["max_f1"] is True  # the study that the threshold is of
    assert again.decide({"a": np.nextafter(at, 0)})["a"]["max_f1"] is False
    with pytest.raises(DataError, match="nothing was fitted for d"):
        again.calibrated({"d": 0.5})


def test_a_file_that_is_no_calibration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such file.*dvc repro evaluate"):
        read_calibration(tmp_path / "nowhere.json")
    (tmp_path / "bad.json").write_text('{"temperature": -1, "thresholds": {}}')
    with pytest.raises(DataError, match=r"bad\.json: not a calibration.*older version.*dvc repro"):
        read_calibration(tmp_path / "bad.json")
    (tmp_path / "bad.json").write_text("[")
    with pytest.raises(DataError, match=r"(?s)bad\.json: not a calibration.*JSON"):
        read_calibration(tmp_path / "bad.json")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"slope": 1.0', '"slope": Infinity', r"classes\.a\.slope: "),
        ('"intercept": 0.0', '"intercept": NaN', r"classes\.a\.intercept: "),
        ('"max_f1": 0.5', '"max_f1": 7', r"thresholds\.a\.max_f1: "),
        ('"thresholds": {"a": {"max_f1": 0.5}}', '"thresholds": {}', "lines and of its thresholds"),
    ],
)
def test_a_calibration_that_would_give_no_probability_is_refused_in_one_line(
    old: str, new: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "seed0.json"
    whole = (
        '{"classes": {"a": {"intercept": 0.0, "slope": 1.0}}, '
        '"thresholds": {"a": {"max_f1": 0.5}}, "temperature": 1.0}'
    )
    path.write_text(whole)
    assert read_calibration(path).calibrated({"a": 0.5}) == pytest.approx({"a": 0.5})
    path.write_text(whole.replace(old, new))
    with pytest.raises(DataError, match=said) as error:
        read_calibration(path)
    assert "\n" not in str(error.value)


def test_the_calibration_of_a_model_is_in_its_folder_or_where_the_pipeline_puts_it(
    tmp_path: Path,
) -> None:
    model = tmp_path / "models/fusion/seed1"
    model.mkdir(parents=True)
    assert beside(model) == tmp_path / "models/calibration/seed1.json"
    write_calibration(
        Calibration(classes={}, temperature=1, thresholds={}), model / "calibration.json"
    )
    assert beside(model) == model / "calibration.json"


@pytest.mark.parametrize("said", [".", "../seed1", "link"])
def test_the_calibration_of_a_model_does_not_depend_on_how_its_folder_is_named(
    said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = tmp_path / "models/fusion/seed1"
    model.mkdir(parents=True)
    (model / "link").symlink_to(model)
    wanted = tmp_path / "models/calibration/seed1.json"
    monkeypatch.chdir(model)
    assert said == "link" or beside(Path(said)) == wanted
    write_calibration(Calibration(classes={}, temperature=1, thresholds={}), wanted)
    assert beside(Path(said)) == wanted


def test_a_link_to_itself_has_no_calibration(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert not beside(loop).exists()
