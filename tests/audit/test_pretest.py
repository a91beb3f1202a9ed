"""Scores by pre-test probability, where what the request and the image tell is known."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from camchex.audit.pretest import STRATA, matched, pretest_results, strata
from camchex.audit.scorer import Scorer
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import LabelSet

STUDIES = 6000


def made() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, pre-test log-odds, and what an image adds to them, of two findings."""
    draw = np.random.default_rng(0)
    request = draw.normal(-1.5, 1.2, (STUDIES, 2))
    truth = draw.random(request.shape) < expit(request)
    image = truth + draw.normal(size=request.shape)
    return truth.astype(float), request, image


def test_a_model_that_repeats_the_request_is_worth_nothing_beyond_it() -> None:
    truth, request, image = made()
    labels = {"labels": LabelSet(truth, [0, 1], ["Edema", "Mass"])}
    scorer = Scorer(draw_patients([str(i) for i in range(STUDIES)], 50, 0), 0.95, 5)
    inputs = {"both": [expit(request + image)], "images": [expit(image)]}
    found = pretest_results(labels, expit(request), inputs, scorer, 0)["labels"]
    assert found["classes_scored"] == 2
    rows = found["inputs"]
    repeats, images = rows["indication alone"], rows["images"]
    assert repeats["all"] > 0.75
    assert repeats["matched"] == pytest.approx(0.5, abs=0.01)
    assert repeats["within"] < 0.65
    # The image tells the same in each third, and between matched studies, as among all.
    for name in (*STRATA, "within", "matched"):
        assert images[name] == pytest.approx(images["all"], abs=0.04)
        low, high = images[f"{name}_interval"]
        assert low <= images[name] <= high
    assert rows["both"]["all"] > images["all"] + 0.05
    assert 0.6 < rows["both"]["matched"] < images["matched"]  # the request is noise there


def test_the_scores_of_a_third_are_scikit_learns() -> None:
    truth, request, image = made()
    labels = {"labels": LabelSet(truth, [0, 1], ["Edema", "Mass"])}
    scorer = Scorer(draw_patients([str(i) for i in range(STUDIES)], 5, 0), 0.95, 5)
    row = pretest_results(labels, expit(request), {"images": [image]}, scorer, 0)
    for name, part in strata(expit(request)).items():
        scores = [roc_auc_score(truth[c, q], image[c, q]) for q, c in enumerate(part.T)]
        shown = row["labels"]["inputs"]["images"][name]
        assert shown == pytest.approx(np.mean(scores), abs=1e-12)
        assert part.sum() == 2 * STUDIES / 3


def test_matched_studies_are_as_many_of_both_and_near_each_other() -> None:
    truth, request, _ = made()
    truth[::10] = np.nan
    chosen = matched(truth, expit(request), 0)
    assert not chosen[np.isnan(truth)].any()
    for column, cells in enumerate(chosen.T):
        positive, negative = (cells & (truth[:, column] == v) for v in (1, 0))
        assert positive.sum() == negative.sum()
        assert positive.sum() > 0.8 * (truth[:, column] == 1).sum()
        means = [request[rows, column].mean() for rows in (positive, negative)]
        assert means[0] == pytest.approx(means[1], abs=0.01)


def test_equal_priors_are_matched_at_random_and_share_a_third() -> None:
    truth = (np.arange(90) % 3 == 0).astype(float)[:, None]
    prior = np.full((90, 1), 0.3)
    assert matched(truth, prior, 0).sum() == 60
    assert (matched(truth, prior, 0) != matched(truth, prior, 1)).any()
    assert [int(part.sum()) for part in strata(prior).values()] == [90, 0, 0]
