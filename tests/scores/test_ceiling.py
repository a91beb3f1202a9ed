"""Shares of a ceiling: by the formula, per class and set, and what is named as far below."""

from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.ceiling import (
    Compared,
    above_by_chance,
    compare_with_ceiling,
    expected_ap,
    gain,
    read_separately,
    score_ceiling,
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
    assert row["ceiling"] == pytest.approx({"AP": 1, "AUROC": 1})
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
    assert found["ceiling"]["mAP"] == pytest.approx(1)


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
    orders = score_ceiling(test_split, flat).values()  # of no knowledge, the mean over all
    assert found["ceiling"] == pytest.approx(1 - np.mean([score.ap for score in orders]))
    assert found["ours"]["mean"] == pytest.approx(0)
    assert found["ours"]["sd"] == pytest.approx(np.sqrt(2) * (mean - perfect.mean()))
    assert found["share"] == pytest.approx(0)
    untrained = Compared(perfect, bound=True, ours={})
    assert gain(test_split, untrained, separate)["AUROC"]["share"] is None


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 2)), min_size=1, max_size=5))
def test_the_expected_ap_is_the_mean_over_all_orders_of_tied_studies(
    rows: list[tuple[bool, int]],
) -> None:
    labels, scores = (np.array(column, float) for column in zip(*rows, strict=True))
    if not labels.any():
        assert np.isnan(expected_ap(labels[None], scores)).all()
        return
    orders = np.array([*permutations(range(len(rows)))])
    order = np.argsort(-(scores + orders / 100), axis=1)  # a finer score breaks ties, nothing else
    hit = labels[order]
    precision = np.cumsum(hit, axis=1) / np.arange(1, len(rows) + 1)
    each = (hit * precision).sum(axis=1) / labels.sum()
    assert each[0] == pytest.approx(average_precision_score(labels, scores + orders[0] / 100))
    both = np.stack([labels, np.ones(len(rows))])
    assert expected_ap(both, scores) == pytest.approx([each.mean(), 1])


@pytest.mark.parametrize("setting", range(10))
def test_no_order_of_what_the_best_observer_cannot_tell_apart_is_expected_to_score_higher(
    setting: int,
) -> None:
    """Labels are drawn from the observer's probabilities, of which there are few, as of signs."""
    draw = np.random.default_rng(setting)
    values = np.sort(draw.beta(0.5, 1.5, setting + 2))  # 2 to 11 kinds of studies
    chance = values[draw.integers(0, len(values), 150)]
    labels = (draw.random((1_500, 150)) < chance).astype(float)
    labels = labels[labels.any(axis=1)]
    ceiling = expected_ap(labels, chance)
    by_group = np.array([average_precision_score(row, chance) for row in labels[:30]])
    orders = [chance + 1e-6 * draw.random(150) for _ in range(3)]  # which order does not matter
    worse = chance + 0.2 * draw.normal(size=150)  # blurs the probabilities too
    for observer in (*orders, worse):
        gap = expected_ap(labels, observer) - ceiling
        assert gap.mean() < 3 * gap.std() / np.sqrt(len(gap))
    higher = [np.mean(expected_ap(labels, order)) for order in orders]
    assert np.mean(higher) == pytest.approx(ceiling.mean(), abs=0.01)
    assert ceiling[:30].mean() > by_group.mean()  # in one step at the end, it was no ceiling


def test_a_model_that_knows_no_more_exceeds_the_ceiling_by_chance_alone(test_split: Split) -> None:
    draw = np.random.default_rng(0)
    chance = draw.choice([0.05, 0.3, 0.6], test_split.labels.shape)
    labels = (draw.random(chance.shape) < chance).astype(float)
    split = Split(test_split.table, CXR_LT_2023, labels, test_split.images)
    tied = {seed: chance + 1e-6 * draw.random(chance.shape) for seed in (0, 1)}
    shares = above_by_chance(split, Compared(chance, bound=True, ours=tied), 5)
    assert 5 <= len(shares) <= 21  # of 26, half is expected
    assert min(shares.values()) > 0.001
    told = {0: chance + 0.5 * labels}  # knows what the ceiling does not: no luck explains that
    shares = above_by_chance(split, Compared(chance, bound=True, ours=told), 5)
    assert len(shares) == len(CXR_LT_2023)
    assert max(shares.values()) < 0.01
    assert above_by_chance(split, Compared(chance, bound=True, ours={}), 5) == {}
