"""Late fusion and ensembles, study by study, and what is said of their differences."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.comparisons.ensemble import compare_ensembles, late_fusion
from camchex.comparisons.variant_tables import Spreads, variant_table
from camchex.comparisons.variant_text import markdown
from camchex.comparisons.variants import Comparison, Files, Row
from camchex.contract import schemas, tables
from camchex.errors import DataError
from camchex.scores.intervals import difference, scored
from camchex.scores.labelled_split import Split, labelled_split
from camchex.scores.params import BootstrapParams, EvaluationParams
from tests.scores import factories

CLASSES = ("Edema", "Hernia")
FILES: Files = {"final": "ours", "variant": "{name}"}
SEEDS = (0, 1, 2)
RESAMPLES = 30
EVALUATION = EvaluationParams(
    min_cell=5, bootstrap=BootstrapParams(resamples=RESAMPLES, seed=0, level=0.9)
)
ROWS = (
    Row("late", "separate"),
    Row("camchex", "joint", "final"),
    Row("late_ensemble", "separate, averaged", "ensemble", of="late"),
    Row("camchex_ensemble", "joint, averaged", "ensemble", of="camchex"),
)
STEP = ("late_ensemble", "camchex_ensemble")
PAIR = Comparison("two ways", ROWS, [("late", "camchex"), STEP])


def predictions(values: NDArray[np.float64], splits: str = "dt") -> pa.Table:
    """Predictions (N, 2), of development and test studies by the letters of ``splits``."""
    return tables.predictions_table(
        [str(i) for i in range(len(values))],
        ["development" if letter == "d" else "test" for letter in splits],
        values.astype(np.float32),
        CLASSES,
    )


def found(members: list[NDArray[np.float64]], splits: str, rule: str) -> NDArray[np.float64]:
    table = late_fusion([predictions(each, splits) for each in members], CLASSES)[rule]
    assert table.schema == schemas.predictions(CLASSES)
    return np.stack([table[name].to_numpy() for name in CLASSES], axis=1).astype(np.float64)


def test_probabilities_are_averaged_by_class_and_study() -> None:
    first = np.array([[0.0, 0.25], [0.5, 1.0]])
    second = np.array([[1.0, 0.75], [0.25, 1.0]])
    third = np.array([[0.5, 0.5], [0.0, 0.25]])
    assert found([first, second, third], "dt", "late").tolist() == [[0.5, 0.5], [0.25, 0.75]]


def test_log_odds_of_independent_inputs_add_up_to_the_posterior_of_bayes() -> None:
    """Two signs that are independent given the label, and a prior that is counted once."""
    prior = np.array([0.1, 0.3])
    given = {True: (0.8, 0.6), False: (0.3, 0.2)}  # probability of each sign, by the label
    studies = [(bool(a), bool(b)) for a in (0, 1) for b in (0, 1)]

    def posterior(seen: tuple[bool, bool], signs: tuple[int, ...]) -> NDArray[np.float64]:
        yes, no = (
            np.prod([given[label][k] if seen[k] else 1 - given[label][k] for k in signs])
            for label in (True, False)
        )
        return np.asarray(prior * yes / (prior * yes + (1 - prior) * no))

    alone = [np.array([posterior(seen, (k,)) for seen in studies]) for k in (0, 1)]
    joint = np.array([posterior(seen, (0, 1)) for seen in studies])
    # Development: each study, and one that says the opposite, so that the mean is the prior's.
    opposite = [expit(2 * logit(prior) - logit(each)) for each in alone]
    members = [
        np.concatenate([each, other, each]) for each, other in zip(alone, opposite, strict=True)
    ]
    np.testing.assert_allclose(
        found(members, "d" * 8 + "t" * 4, "late_log_odds")[8:], joint, rtol=1e-5
    )


def test_a_loss_that_shifts_the_log_odds_of_a_model_does_not_change_the_order_of_studies() -> None:
    draw = np.random.default_rng(0)
    members = [expit(draw.normal(size=(60, 2))) for _ in range(3)]
    shifted = [
        expit(logit(each) + shift) for each, shift in zip(members, (2.5, -1, 0), strict=True)
    ]
    splits = "d" * 20 + "t" * 40
    before, after = (found(each, splits, "late_log_odds") for each in (members, shifted))
    assert (before.argsort(axis=0) == after.argsort(axis=0)).all()
    np.testing.assert_allclose(logit(after) - logit(before), 0.5, atol=1e-4)  # the priors' mean
    mean, other = (found(each, splits, "late") for each in (members, shifted))
    assert (mean.argsort(axis=0) != other.argsort(axis=0)).any()


def test_models_that_know_nothing_leave_the_log_odds_of_another_as_they_are() -> None:
    one = expit(np.random.default_rng(0).normal(size=(30, 2)))
    nothing = np.tile(expit(logit(one[:10]).mean(axis=0)), (30, 1))
    np.testing.assert_allclose(
        found([nothing, one, nothing], "d" * 10 + "t" * 20, "late_log_odds"), one, rtol=1e-5
    )


def test_predictions_of_other_studies_or_without_development_studies_are_refused() -> None:
    values = np.full((2, 2), 0.5)
    with pytest.raises(DataError, match="different studies"):
        late_fusion([predictions(values, "dt"), predictions(values, "tt")], CLASSES)
    with pytest.raises(DataError, match="no development study"):
        late_fusion([predictions(values, "tt")], CLASSES)


@pytest.fixture(scope="module")
def test() -> Split:
    invented = factories.invent({"train": 20, "development": 20, "test": 90})
    labels = invented.truth[:, : len(CLASSES)].astype(float)
    return labelled_split(factories.cohort(invented, labels, CLASSES), "test", CLASSES)


def write_seeds(folder: Path, test: Split, strength: float) -> list[NDArray[np.float64]]:
    """Predictions of every seed; returned as they are read."""
    ids, splits = (test.table[name].to_pylist() for name in ("study_id", "split"))
    seeds = [factories.guesses(test.labels, strength, seed).astype(np.float32) for seed in SEEDS]
    for seed, guesses in zip(SEEDS, seeds, strict=True):
        table = tables.predictions_table(ids, splits, guesses, CLASSES)
        tables.write(table, folder / f"seed{seed}.parquet", schemas.predictions(CLASSES))
    return [guesses.astype(np.float64) for guesses in seeds]


def test_an_ensemble_is_scored_once_and_its_difference_has_an_interval(
    test: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    late = np.mean(write_seeds(tmp_path / "late", test, 1.0), axis=0)
    ours = np.mean(write_seeds(tmp_path / "ours", test, 1.5), axis=0)
    scores, intervals = compare_ensembles(PAIR, SEEDS, FILES, test, EVALUATION)
    kinds = {"mAP": average_precision_score, "AUROC": roc_auc_score}
    for name, score in kinds.items():
        for row, guesses in (("late_ensemble", late), ("camchex_ensemble", ours)):
            mean = np.mean([score(y, p) for y, p in zip(test.labels.T, guesses.T, strict=True)])
            assert scores[row][name] == [pytest.approx(mean)]
        pair = ([scored(test.labels, p, CLASSES, test.patient, 0.9)] for p in (ours, late))
        assert intervals[STEP][name] == difference(*pair)[f"{name}_interval"]
    assert list(intervals) == [STEP]


@pytest.mark.parametrize(("strength", "clear"), [(1.0, False), (4.0, True)])
def test_a_difference_of_ensembles_is_clear_where_its_interval_leaves_out_0(
    test: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, strength: float, *, clear: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    write_seeds(tmp_path / "late", test, 1.0)
    write_seeds(tmp_path / "ours", test, strength)  # 1.0: the very same predictions
    scores, intervals = compare_ensembles(PAIR, SEEDS, FILES, test, EVALUATION)
    single = {"mAP": [0.5] * 3, "AUROC": [0.6] * 3}
    perturbed = {"fusion": {"mAP": 9.0, "AUROC": 9.0}}  # does not count for ensembles
    table = variant_table(
        PAIR,
        {"late": single, "camchex": single, **scores},
        SEEDS,
        "synthetic",
        Spreads(perturbed, intervals),
    )
    seeds, averaged = table["steps"]
    assert "interval" not in seeds["mAP"]
    for name in ("mAP", "AUROC"):
        low, high = averaged[name]["interval"]
        assert averaged[name]["clear"] is clear
        assert low <= averaged[name]["mean"] <= high
        assert averaged[name]["sd"] is None
        assert "sd_perturbed" not in averaged[name]
    assert f"[{low:+.3f} to {high:+.3f}] | {'yes' if clear else 'no'} |" in markdown(table)
    assert "over resampled patients" in markdown(table)


def test_predictions_that_are_missing_are_named(
    test: Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="late: expected predictions"):
        compare_ensembles(PAIR, SEEDS, FILES, test, EVALUATION)
