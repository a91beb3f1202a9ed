"""Scores of the audit: equal to scikit-learn's and to a comparison's, and hidden where small."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.audit.mentions import Mention
from camchex.audit.scorer import Scorer, surviving, value_of
from camchex.audit.words import by_indication, by_mention
from camchex.comparisons.two_models import compare_settings
from camchex.contract.labels import CXR_LT_2023
from camchex.scores.bootstrap import draw_patients
from camchex.scores.intervals import intervals
from camchex.scores.labelled_split import LabelSet, Split, label_sets, labelled_split
from camchex.scores.metrics import score_classes
from tests.scores import factories

LEVEL = 0.9
LABELS = "labels"


def made(studies: int = 120) -> tuple[Split, list[np.ndarray], Scorer]:
    """Test studies, the probabilities of two seeds, and draws of their patients."""
    invented = factories.invent({"test": studies})
    labels = invented.truth.astype(float)
    test = labelled_split(factories.cohort(invented, labels), "test", CXR_LT_2023)
    seeds = [factories.guesses(labels, 2, seed) for seed in (0, 1)]
    return test, seeds, Scorer(draw_patients(test.patients, 60, 3), LEVEL, min_cell=5)


def test_scores_differences_and_bounds_are_those_of_a_comparison() -> None:
    test, seeds, scorer = made()
    others = [factories.guesses(test.labels, 1, seed) for seed in (5, 6)]
    labels = label_sets(test)[LABELS]
    one, other = scorer.score(labels, others), scorer.score(labels, seeds)
    found = other.less(one)
    expected = compare_settings(test, others, seeds, {}, level=LEVEL, min_cell=5)
    for metric, name in (("mAP", "AP"), ("AUROC", "AUROC")):
        row = expected["means"]["macro"][name]
        assert one.shown()[metric] == pytest.approx(row["left"], abs=1e-12)
        assert found[metric] == pytest.approx(row["difference"], abs=1e-12)
        assert found[f"{metric}_interval"] == pytest.approx(row["interval"], abs=1e-12)
    assert one.alone == list(expected["classes"])
    for name, row in expected["classes"].items():
        lost = other.less(one, name)
        assert lost["mAP"] == pytest.approx(row["AP"]["difference"], abs=1e-12)
        assert lost["mAP_interval"] == pytest.approx(row["AP"]["interval"], abs=1e-12)


def test_a_score_is_the_first_of_its_numbers() -> None:
    test, seeds, scorer = made()
    for labels in label_sets(test).values():
        score = scorer.score(labels, seeds)
        shown = score.shown()
        assert [shown["mAP"], shown["AUROC"]] == pytest.approx([score.ap[0], score.auroc[0]])


def test_numbers_do_not_depend_on_which_was_asked_for_first() -> None:
    test, seeds, scorer = made()
    other = Scorer(scorer.draws, LEVEL, min_cell=5)
    labels = label_sets(test)[LABELS]
    one, two = scorer.score(labels, seeds), other.score(labels, seeds)
    for first, second in (("ap", "auroc"), ("auroc", "ap")):
        numbers = {name: getattr(one if first == "ap" else two, name) for name in (first, second)}
        assert not np.isnan(np.concatenate([*numbers.values()])).any()
    np.testing.assert_array_equal(one.ap, two.ap)
    np.testing.assert_array_equal(one.auroc, two.auroc)


def test_the_interval_of_a_score_is_that_of_the_evaluation() -> None:
    test, seeds, scorer = made()
    found = scorer.score(label_sets(test)[LABELS], seeds).shown()
    bounds = [
        intervals(test, one, LEVEL)["study"].of_mean(score_classes(test.labels, one, test.classes))
        for one in seeds
    ]
    for key in ("mAP_interval", "AUROC_interval"):
        expected = np.mean(np.array([ends[key] for ends in bounds], float), axis=0)
        assert found[key] == pytest.approx(expected, abs=1e-12)


def test_a_score_of_cells_is_scikit_learns_of_the_studies_of_each_class() -> None:
    test, seeds, scorer = made()
    labels = label_sets(test)[LABELS]
    cells = np.random.default_rng(1).random(labels.labels.shape) < 0.5
    found = scorer.score(labels, seeds[:1], cells)
    columns = [(test.labels[c, q], seeds[0][c, q]) for q, c in enumerate(cells.T)]
    ap = np.mean([average_precision_score(y, p) for y, p in columns])
    assert found.ap[0] == pytest.approx(ap, abs=1e-12)
    auroc = np.mean([roc_auc_score(y, p) for y, p in columns])
    assert found.auroc[0] == pytest.approx(auroc, abs=1e-12)


def test_what_was_ranked_and_drawn_before_is_what_a_new_scorer_finds() -> None:
    test, seeds, scorer = made()
    others = [factories.guesses(test.labels, 1, seed) for seed in (5, 6)]
    sets = label_sets(test)
    cells = np.random.default_rng(1).random(test.labels.shape) < 0.5
    asked = [(one, two, None) for one in sets.values() for two in (seeds, others, seeds)]
    for labels, given, of in [*asked, (sets[LABELS], seeds, cells), (sets[LABELS], seeds, None)]:
        _, _, fresh = made()
        one, other = scorer.score(labels, given, of), fresh.score(labels, given, of)
        np.testing.assert_array_equal(one.ap, other.ap)
        np.testing.assert_array_equal(one.auroc, other.auroc)
        assert one.by_seed() == other.by_seed()


def test_a_single_small_class_has_no_score() -> None:
    _, seeds, scorer = made(40)
    truth = np.zeros((40, 1))
    for positives, shown in ((4, False), (5, True)):
        truth[:positives] = 1
        found = scorer.score(LabelSet(truth, [0], ["Mass"]), seeds)
        assert (value_of(found.ap) is not None) is shown
        assert (found.shown()["mAP_interval"] is not None) is shown
        assert bool(found.alone) is shown


def number(value: float, drawn: np.ndarray) -> np.ndarray:
    return np.append(value, drawn)


def test_what_survives_of_a_gain() -> None:
    wobble = np.linspace(-0.01, 0.01, 101)
    gain = number(0.1, 0.1 + wobble)
    lost = number(0.02, np.full(101, 0.02))
    found = surviving(lost, gain, LEVEL)
    assert found["share"] == pytest.approx(0.8)
    low, high = np.quantile(1 - 0.02 / gain[1:], [0.05, 0.95])
    assert found["share_interval"] == pytest.approx([low, high])
    # Draws that lie too high are moved down by twice as much; the share itself is never left out.
    lifted = number(0.1, gain[1:] + 0.01)
    moved = surviving(number(0.02, lost[1:] + 0.005), lifted, LEVEL)
    true_low, true_high = np.quantile(1 - 0.015 / (gain[1:] - 0.01), [0.05, 0.95])
    assert moved["share_interval"] == pytest.approx([min(true_low, 0.8), true_high])


@pytest.mark.parametrize("gain", [0.005, 0.0, -0.1])
def test_there_is_no_share_of_a_gain_that_may_be_none(gain: float) -> None:
    drawn = gain + np.linspace(-0.01, 0.01, 101)
    found = surviving(number(0.001, np.full(101, 0.001)), number(gain, drawn), LEVEL)
    assert found == {"share": None, "share_interval": None}


def test_each_way_of_speaking_is_scored_beside_silence_on_the_same_finding() -> None:
    test, seeds, scorer = made(400)
    labels = label_sets(test)[LABELS]
    mentioned = np.zeros(test.labels.shape, np.int8)
    mentioned[:100, 0], mentioned[:60, 1] = Mention.ASKED, Mention.STATED
    mentioned[:4, 2] = Mention.ASKED  # too few to score
    found = by_mention(labels, {0: seeds[0]}, mentioned, scorer)
    for name, column, count in (("asked", 0, 100), ("stated", 1, 60)):
        row = found[name]
        assert row["classes_scored"] == 1
        truth, guess = test.labels[:, column], seeds[0][:, column]
        expected = [
            average_precision_score(truth[rows], guess[rows])
            for rows in (slice(0, count), slice(count, None))
        ]
        assert row[name]["mAP"]["mean"] == pytest.approx(expected[0], abs=1e-12)
        assert row["silent"]["mAP"]["mean"] == pytest.approx(expected[1], abs=1e-12)
        assert row["difference"]["mAP"] == pytest.approx(expected[0] - expected[1], abs=1e-12)
        low, high = row["difference"]["mAP_interval"]
        assert low <= row["difference"]["mAP"] <= high
    assert found["asked"]["cells"] == 104
    assert found["stated"]["positive"] == pytest.approx(test.labels[:60, 1].mean())


def test_few_cells_are_not_told() -> None:
    test, seeds, scorer = made(400)
    labels = label_sets(test)[LABELS]
    mentioned = np.zeros(test.labels.shape, np.int8)
    mentioned[:4, 0] = Mention.ASKED
    found = by_mention(labels, {0: seeds[0]}, mentioned, scorer)["asked"]
    assert (found["cells"], found["positive"], found["classes_scored"]) == ("<5", None, 0)
    assert found["difference"]["mAP"] is found["difference"]["mAP_interval"] is None
    sides = by_indication(labels, {0: seeds[0]}, np.arange(400) < 3, scorer)
    assert sides["naming_none"]["AUROC_interval"] is None
    assert sides["difference"]["AUROC"] is None
