"""Shares of a ceiling: by the formula, per class and set, and what is named as far below."""

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.ceiling import (
    Compared,
    compare_with_ceiling,
    gain,
    read_separately,
    share_of_ceiling,
)
from camchex.scores.labelled_split import Split, labelled_split
from tests.scores import factories

FIRST = CXR_LT_2023[0]


@pytest.fixture(scope="module")
def test_split() -> Split:
    invented = factories.invent({"train": 10, "test": 200})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    return labelled_split(cohort, "test", CXR_LT_2023)


def compared(split: Split, worst: int = 0) -> dict[str, Compared]:
    """A perfect ceiling; ours good, but for one class at chance."""
    ours = {seed: factories.guesses(split.labels, 4, seed) for seed in (0, 1)}
    for guess in ours.values():
        guess[:, worst] = 0.5
    perfect = split.labels.copy()
    return {
        "indication": Compared(perfect, bound=False, ours=ours),
        "images": Compared(perfect, bound=True, ours={}),
    }


def results(split: Split) -> dict[str, Any]:
    return dict(compare_with_ceiling(split, compared(split), 5))


def test_the_share_is_0_at_chance_and_1_at_the_ceiling() -> None:
    assert share_of_ceiling(0.2, 0.6, 0.2) == 0
    assert share_of_ceiling(0.6, 0.6, 0.2) == 1
    assert share_of_ceiling(0.3, 0.6, 0.2) == pytest.approx(0.25)
    assert share_of_ceiling(0.3, 0.2, 0.2) is None


def test_scores_of_a_class_are_the_mean_over_seeds_of_scikit_learn(test_split: Split) -> None:
    row = results(test_split)["sets"]["indication"]["per_class"][CXR_LT_2023[4]]
    truth = test_split.labels[:, 4]
    guesses = [one[:, 4] for one in compared(test_split)["indication"].ours.values()]
    ap = np.mean([average_precision_score(truth, guess) for guess in guesses])
    auroc = np.mean([roc_auc_score(truth, guess) for guess in guesses])
    assert row["ceiling"] == {"AP": 1, "AUROC": 1}
    assert row["ours"] == pytest.approx({"AP": ap, "AUROC": auroc})
    prevalence = truth.mean()
    assert row["chance"] == pytest.approx({"AP": prevalence, "AUROC": 0.5})
    expected = {"AP": (ap - prevalence) / (1 - prevalence), "AUROC": (auroc - 0.5) / 0.5}
    assert row["share"] == pytest.approx(expected)


def test_macro_scores_are_means_over_classes(test_split: Split) -> None:
    found = results(test_split)["sets"]["indication"]
    rows = found["per_class"].values()
    for side in ("chance", "ceiling", "ours"):
        assert found[side]["mAP"] == pytest.approx(np.mean([row[side]["AP"] for row in rows]))
        assert found[side]["AUROC"] == pytest.approx(np.mean([row[side]["AUROC"] for row in rows]))
    assert found["share"]["mAP"] == pytest.approx(
        share_of_ceiling(found["ours"]["mAP"], 1, found["chance"]["mAP"])
    )


def test_a_class_at_chance_is_named_as_far_below(test_split: Split) -> None:
    found = results(test_split)["sets"]
    assert FIRST in found["indication"]["far_below"]
    assert found["indication"]["per_class"][FIRST]["share"]["AP"] == pytest.approx(0)
    assert found["images"]["far_below"] == []


def test_a_set_without_a_model_has_a_ceiling_only(test_split: Split) -> None:
    found = results(test_split)["sets"]["images"]
    assert found["bound"]
    assert found["ours"] is None
    assert found["share"] is None
    assert found["ceiling"]["mAP"] == 1


def test_a_class_with_few_positives_is_averaged_but_not_shown(test_split: Split) -> None:
    labels = test_split.labels.copy()
    labels[:, 2] = np.arange(len(labels)) < 3
    split = Split(test_split.table, CXR_LT_2023, labels, test_split.images)
    found = results(split)["sets"]["indication"]
    row = found["per_class"][CXR_LT_2023[2]]
    assert row["positives"] == "<5"
    assert row["ceiling"] == {"AP": None, "AUROC": None}
    assert row["share"] == {"AP": None, "AUROC": None}
    assert CXR_LT_2023[2] not in found["far_below"]


def test_separate_models_are_put_together_seed_by_seed(test_split: Split) -> None:
    prior = np.full(len(CXR_LT_2023), 0.2)
    shape = test_split.labels.shape
    low, high = np.full(shape, 0.1), np.full(shape, 0.6)
    members = [
        Compared(low, bound=True, ours={0: low, 1: high}),
        Compared(high, bound=False, ours={1: high}),
    ]
    found = read_separately(members, prior)
    assert all(one.bound and set(one.ours) == {1} for one in found.values())
    np.testing.assert_allclose(found["mean"].ceiling, 0.35)
    odds = np.log((0.1 / 0.9) * (0.6 / 0.4) / (0.2 / 0.8))  # the prior is counted once
    np.testing.assert_allclose(found["sum_of_log_odds"].ceiling, odds)


def test_the_gain_is_the_difference_of_the_same_seed(test_split: Split) -> None:
    perfect, shape = test_split.labels, test_split.labels.shape
    worse, flat = factories.guesses(perfect, 1, 5), np.full(shape, 0.5)
    joint = Compared(perfect, bound=True, ours={0: worse, 1: flat, 2: perfect})
    separate = Compared(flat, bound=True, ours={0: flat, 1: worse})
    found = gain(test_split, joint, separate)["mAP"]
    mean = np.mean([average_precision_score(perfect[:, i], worse[:, i]) for i in range(shape[1])])
    assert found["ceiling"] == pytest.approx(1 - perfect.mean())
    assert found["ours"]["mean"] == pytest.approx(0)
    assert found["ours"]["sd"] == pytest.approx(np.sqrt(2) * (mean - perfect.mean()))
    assert found["share"] == pytest.approx(0)
    untrained = Compared(perfect, bound=True, ours={})
    assert gain(test_split, untrained, separate)["AUROC"]["share"] is None
