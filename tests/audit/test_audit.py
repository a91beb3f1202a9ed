"""The audit finds a leak where one was put, and none where there is none."""

import numpy as np
import pyarrow as pa
import pytest

from camchex.aggregates.results import Results
from camchex.audit.audit import Predicted, audit
from camchex.audit.gain import NAMES
from camchex.audit.leak import excess, find_leak, leak_results, named_shared
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.errors import DataError
from camchex.report.leakage import leak_sentence
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import label_sets, labelled_split, mimic14_matrix
from camchex.scores.params import AuditParams, BootstrapParams, EvaluationParams
from tests.scores import factories

PARAMS = AuditParams(shuffles=10, seed=0)
EVALUATION = EvaluationParams(
    min_cell=5, bootstrap=BootstrapParams(resamples=100, seed=0, level=0.95)
)
PNEUMONIA = CXR_LT_2023.index("Pneumonia")


def run(leak: float, *, swapped: bool = False) -> Results:
    """Audit labels with a leak of the given rate, and a model that follows the labels."""
    invented = factories.invent({"train": 400, "test": 400})
    labels = factories.leaked(invented, leak)
    cohort = factories.cohort(invented, labels)
    guesses = {seed: factories.guesses(labels, 2, seed)[400:] for seed in (0, 1)}
    chance = [factories.guesses(labels, 0, seed)[400:] for seed in (8, 9)]
    predicted = Predicted(guesses, dict.fromkeys(NAMES, chance) if swapped else {})
    return audit(cohort, labelled_split(cohort, "test", CXR_LT_2023), predicted, PARAMS, EVALUATION)


@pytest.fixture(scope="module")
def leaky() -> Results:
    return run(0.5, swapped=True)


@pytest.fixture(scope="module")
def clean() -> Results:
    return run(0)


def test_a_leak_is_found_and_measured(leaky: Results) -> None:
    assert leaky["leak"]["found"]
    leak = leaky["leak"]["ruled_out"]
    assert leak["share_positive"] == pytest.approx(0.5, abs=0.08)
    assert leak["excess"] == pytest.approx(0.5, abs=0.08)
    low, high = leak["excess_interval"]
    assert 0.3 < low < 0.5 < high < 0.7
    assert abs(leak["excess_shuffled"]["mean"]) < 0.03
    pneumonia = leak["per_class"]["Pneumonia"]
    assert pneumonia["rate_named"] == pytest.approx(0.5, abs=0.15)
    assert pneumonia["rate_unnamed"] == 0
    assert "lean on the indication" in leak_sentence(leaky)
    assert not leak_sentence(leaky).startswith("No sign")


def test_a_small_leak_is_found(leaky: Results) -> None:
    invented = factories.invent({"train": 400, "test": 400})
    cohort = factories.cohort(invented, factories.leaked(invented, 0.15))
    named = named_shared(cohort, CXR_LT_2023)
    small = leak_results(cohort, CXR_LT_2023, named, PARAMS, EVALUATION)
    assert small["found"]
    assert small["ruled_out"]["excess"] < leaky["leak"]["ruled_out"]["excess"]


def test_no_leak_is_found_where_there_is_none(clean: Results) -> None:
    assert not clean["leak"]["found"]
    assert clean["leak"]["ruled_out"]["excess"] == clean["leak"]["not_seen"]["excess"] == 0
    assert leak_sentence(clean).startswith("No sign")


def test_findings_that_mimic_missed_are_no_leak() -> None:
    invented = factories.invent({"train": 400, "test": 10})
    cohort = factories.cohort(invented, invented.truth.astype(float), missed=0.4)
    named = named_shared(cohort, CXR_LT_2023)
    found = leak_results(cohort, CXR_LT_2023, named, PARAMS, EVALUATION)
    not_seen = found["not_seen"]
    assert not_seen["excess"] > not_seen["excess_shuffled"]["max"]  # named, there, and missed
    assert found["ruled_out"]["excess"] == 0
    assert found["found"] is False


def test_labels_that_rule_nothing_out_cannot_tell() -> None:
    invented = factories.invent({"train": 50, "test": 50}, named=0)
    cohort = factories.cohort(invented, invented.truth.astype(float))
    named = named_shared(cohort, CXR_LT_2023)
    found = leak_results(cohort, CXR_LT_2023, named, PARAMS, EVALUATION)
    assert found["found"] is None
    assert "cannot be told" in leak_sentence({"leak": found})


def test_noise_in_the_labels_is_no_leak() -> None:
    invented = factories.invent({"train": 300, "test": 300}, seed=3)
    noisy = invented.truth ^ (np.random.default_rng(0).random(invented.truth.shape) < 0.1)
    columns = [CXR_LT_2023.index(name) for name in MIMIC_14]
    truth = invented.truth[:, columns].astype(float)
    named, params = invented.named[:, columns], AuditParams(shuffles=20, seed=0)
    draws = draw_patients([str(i) for i in range(600)], 100, 0)
    found = find_leak(noisy[:, columns].astype(float), truth, named, draws, params, 0.95)
    assert found.excess.share > 0.05
    assert not found.found


def test_the_excess_counts_what_the_other_labels_do_not_see() -> None:
    named = np.array([[1], [1], [1], [0], [0], [0], [1]], dtype=bool)
    labels = np.array([[1.0], [0], [1], [1], [0], [np.nan], [1]])
    independent = np.array([[0.0], [0], [1], [0], [0], [0], [np.nan]])
    found = excess(labels, independent, named)
    assert found.studies.tolist() == [[2], [2]]
    assert found.positive.tolist() == [[1], [1]]
    assert found.share == found.expected == 0.5
    assert found.pooled == 0


def test_text_scores_better_against_leaking_labels(leaky: Results, clean: Results) -> None:
    for source in ("keywords", "ngrams"):
        seen = leaky["baselines"]["labels_of_mimic14_classes"][source]
        unseen = leaky["baselines"]["mimic14"][source]
        assert seen["mAP"] > unseen["mAP"]
        assert seen["AUROC"] > unseen["AUROC"]
        assert seen["AUROC"] > 0.52
    same = clean["baselines"]
    assert same["labels_of_mimic14_classes"]["keywords"] == same["mimic14"]["keywords"]


def test_changed_predictions_are_scored_beside_the_models_own(
    leaky: Results, clean: Results
) -> None:
    found = leaky["texts"]["changed"]["labels"]
    for name in NAMES:
        assert found[name]["AUROC"] == pytest.approx(0.5, abs=0.05)
        lost = found["own"]["AUROC"] - found[name]["AUROC"]
        assert found[name]["lost"]["AUROC"] == pytest.approx(lost)
    assert found["own"]["AUROC"] > 0.8
    assert clean["texts"] is None


def test_both_sides_of_a_split_by_indication_have_the_same_classes() -> None:
    invented = factories.invent({"train": 50, "test": 200})
    labels = invented.truth.astype(float)
    names_any = invented.named.any(axis=1)
    labels[names_any, 0] = 0  # never positive where a finding is named
    cohort = factories.cohort(invented, labels)
    predicted = Predicted({0: factories.guesses(labels, 3, 0)[50:]})
    found = audit(
        cohort, labelled_split(cohort, "test", CXR_LT_2023), predicted, PARAMS, EVALUATION
    )["by_indication"]["labels"]
    assert found["classes_scored"] == 25
    for side in ("naming_a_finding", "naming_none"):
        assert found[side]["AUROC"]["mean"] > 0.9
        assert found[side]["AUROC"]["sd"] is None


def test_few_studies_on_one_side_are_hidden() -> None:
    invented = factories.invent({"train": 30, "test": 40}, named=0)
    invented.named[30:32, PNEUMONIA] = True
    labels = invented.truth.astype(float)
    cohort = factories.cohort(invented, labels)
    predicted = Predicted({0: factories.guesses(labels, 3, 0)[30:]})
    found = audit(
        cohort, labelled_split(cohort, "test", CXR_LT_2023), predicted, PARAMS, EVALUATION
    )
    assert found["test_studies"]["naming_a_finding"] == "<5"
    assert found["by_indication"]["labels"]["naming_none"]["mAP"] == {"mean": None, "sd": None}
    assert found["leak"]["not_seen"]["per_class"]["Pneumonia"]["named"] == "<5"
    assert found["leak"]["not_seen"]["per_class"]["Pneumonia"]["rate_named"] is None


def test_mimic_labels_blank_is_no_and_uncertain_is_unknown() -> None:
    invented = factories.invent({"test": 4}, prevalence=0)
    cohort = factories.cohort(invented, invented.truth.astype(float))
    published = {
        "Pneumonia": [1, -1, None, None],
        "Edema": [0, None, None, 1],
    }
    for name in MIMIC_14:
        column = published.get(name, [0, 0, None, 0])
        field = cohort.schema.field(f"mimic14.{name}")
        at = cohort.column_names.index(field.name)
        cohort = cohort.set_column(at, field, pa.array(column, pa.int8()))
    unknown = np.nan  # of the third study the table has no row
    expected = [[1, 0], [unknown, 0], [unknown] * 2, [0, 1]]
    np.testing.assert_array_equal(mimic14_matrix(cohort, ["Pneumonia", "Edema"], 0), expected)
    ruled_out = [[1, 0], [unknown] * 2, [unknown] * 2, [unknown, 1]]
    found = mimic14_matrix(cohort, ["Pneumonia", "Edema"], np.nan)
    np.testing.assert_array_equal(found, ruled_out)


def test_label_sets_compare_the_same_columns() -> None:
    invented = factories.invent({"test": 60})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    sets = label_sets(labelled_split(cohort, "test", CXR_LT_2023))
    fourteen, independent = sets["labels_of_mimic14_classes"], sets["mimic14"]
    assert list(fourteen.classes) == list(independent.classes) == list(MIMIC_14)
    assert list(fourteen.columns) == list(independent.columns)
    np.testing.assert_array_equal(fourteen.labels, np.nan_to_num(independent.labels))
    perfect = invented.truth.astype(float)
    assert independent.macro(perfect).ap == 1


def test_classes_without_words_are_an_error() -> None:
    invented = factories.invent({"train": 4, "test": 4})
    table = factories.cohort(invented, invented.truth[:, :1].astype(float), ["Silicosis"])
    test = labelled_split(table, "test", ["Silicosis"])
    with pytest.raises(DataError, match=r"keywords.yaml: no entry for \['Silicosis'\]"):
        audit(table, test, Predicted({0: np.zeros((4, 1))}), PARAMS, EVALUATION)
