"""What explanations are measured with: drawn signs, pointing, words, vital signs, verdicts."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from camchex.explanations.contributions import INPUTS, subsets
from camchex.explanations.measured import known_words
from camchex.explanations.measured.drawn_signs import (
    ENERGY,
    clearer_views,
    sign_masks,
    strongest_pixels,
)
from camchex.explanations.measured.judged import LEAST, Measured, verdict
from camchex.explanations.measured.known_evidence import _combination, correlation
from camchex.explanations.measured.pointing import baselines, near, scores
from camchex.explanations.measured.studies import with_random_weights
from camchex.images.resize import fit_square
from camchex.prediction.missing_inputs import COMBINATIONS
from camchex.synthetic.people.patients import invent_studies
from camchex.synthetic.phantom.rendering import draw_images
from camchex.synthetic.phantom.xray import Site
from tests.networks.small import camchex
from tests.synthetic.ceiling_cohort import generator
from tests.synthetic.small import small

PARAMS = small(image_px=96, noise=0.0, signal=2.25)
SIDE = 64


def studies_with(finding: str, views: int = 2) -> list:
    split = invent_studies(PARAMS, "test", 300, PARAMS.prevalence)
    return [s for s in split if finding in s.severities and len(set(s.kinds)) == views]


@pytest.mark.parametrize("finding", ["Mass", "Pleural Effusion", "Cardiomegaly"])
def test_a_sign_lies_where_the_image_changes_with_it(finding: str) -> None:
    study = studies_with(finding)[0]
    rest = {name: value for name, value in study.severities.items() if name != finding}
    whole, without = (
        draw_images(one, PARAMS, Site(collimated=0))
        for one in (study, replace(study, severities=rest))
    )
    masks = sign_masks(study, finding, PARAMS, SIDE, "stretch")
    for mask, pair in zip(masks, zip(whole, without, strict=True), strict=True):
        assert mask is not None
        one, other = (fit_square(image, SIDE, "stretch").astype(float) for image in pair)
        change = np.abs((one - np.median(one)) - (other - np.median(other)))
        assert change[mask].mean() > 4 * change[~mask].mean()


def test_a_padded_image_has_its_sign_between_the_margins() -> None:
    study = next(s for s in studies_with("Mass") if any(
        image.shape[1] < image.shape[0] for image in draw_images(s, PARAMS, Site())
    ))  # fmt: skip
    place = next(
        n for n, image in enumerate(draw_images(study, PARAMS, Site()))
        if image.shape[1] < image.shape[0]
    )  # fmt: skip
    stretched, padded = (
        sign_masks(study, "Mass", PARAMS, SIDE, fit)[place] for fit in ("stretch", "pad")
    )
    assert stretched is not None
    assert padded is not None
    columns = [np.flatnonzero(mask.any(0)).mean() - (SIDE - 1) / 2 for mask in (stretched, padded)]
    narrow = round(96 * 0.84) / 96
    assert columns[1] == pytest.approx(narrow * columns[0], abs=1.5)


def test_drawing_the_sign_of_a_finding_leaves_the_study_as_it_was() -> None:
    study = studies_with("Mass")[0]
    before = [image.tobytes() for image in draw_images(study, PARAMS, Site())]
    sign_masks(study, "Mass", PARAMS, SIDE, "stretch")
    assert [image.tobytes() for image in draw_images(study, PARAMS, Site())] == before


def test_the_clearer_view_is_one_of_a_studys_two() -> None:
    assert clearer_views(studies_with("Mass", views=1)[0], PARAMS) == {}
    found = clearer_views(studies_with("Tortuous Aorta")[0], PARAMS)
    assert set(found.values()) <= {"frontal", "lateral"}
    assert "Tortuous Aorta" in found


def test_the_strongest_pixels_are_the_fewest_that_hold_the_energy() -> None:
    energy = np.random.default_rng(0).exponential(size=(9, 9)) ** 2
    mask = strongest_pixels(energy)
    assert energy[mask].sum() >= ENERGY * energy.sum()
    assert energy[mask].sum() - energy[mask].min() < ENERGY * energy.sum()
    assert energy[mask].min() >= energy[~mask].max()


def test_a_map_hits_on_a_sign_and_within_the_tolerance_beside_it() -> None:
    mask = np.zeros((64, 64), bool)
    mask[20:30, 20:30] = True
    spot = np.zeros((64, 64))
    for column, hit in ((25, 1), (33, 1), (34, 0), (60, 0)):
        spot[:] = 0
        spot[25, column] = 1
        assert scores(spot, mask) == {"hit": hit, "energy": float(column == 25)}
    assert near(mask).sum() > mask.sum()
    assert scores(-spot, mask) == {"hit": 0, "energy": 0}


def test_the_random_baseline_is_what_random_maps_score_on_the_average() -> None:
    mask = np.zeros((64, 64), bool)
    mask[5:17, 30:50] = True
    rng = np.random.default_rng(0)
    found = [scores(rng.random((64, 64)), mask) for _ in range(600)]
    expected = scores(baselines(rng.random((64, 64)))["random"], mask)
    assert expected["energy"] == pytest.approx(mask.mean())
    for score in ("hit", "energy"):
        assert np.mean([one[score] for one in found]) == pytest.approx(expected[score], abs=0.03)


def test_the_words_of_a_finding_are_found_in_its_indication_also_misspelt() -> None:
    for text in (
        "year old man with copd barrel chest pna .",
        "year old man with copd barrel chset pna .",
    ):
        found = known_words.words_about(text)
        words = text.split()
        own = {name: [w for w, is_own in zip(words, mask, strict=True) if is_own]
               for name, mask in found.items()}  # fmt: skip
        assert own["Emphysema"] == words[5:7]
        assert own["Pneumonia"] == ["pna"]
        assert known_words.word_scores(np.eye(len(words))[5], found["Emphysema"], words) == {
            "hit": 1
        }
        assert known_words.word_scores(np.eye(len(words))[0], found["Emphysema"], words) == {
            "hit": 0
        }


def test_the_effect_of_a_vital_sign_is_what_the_best_observer_loses_without_it() -> None:
    line = (
        "Temperature: 103.1 | Heart rate: 80.0 | Respiratory rate: NA | O2 Saturation: 97.0 | "
        "Systolic BP: 120.0 | Diastolic BP: 70.0 | Gender: F"
    )
    found = known_words.vital_effects(generator(), line)["Pneumonia"]
    assert found.argmax() == 0
    assert found[0] > 0.5
    assert found[2] == 0  # not known
    assert known_words.vital_scores(np.array([1.0, 0, 0, 0, 0, 0, 0]), found) == {"hit": 1}
    assert known_words.vital_scores(np.array([-1.0, 0, 0, 0, 0, 0, 0]), found) == {"hit": 0}
    assert known_words.vital_baselines(found, line)["least normal"] == {"hit": 1}


def rows(method: list[float], baseline: list[float]) -> list[Measured]:
    return [
        Measured(n, "Mass", "", {"ours": {"hit": a}, "theirs": {"hit": b}})
        for n, (a, b) in enumerate(zip(method, baseline, strict=True))
    ]


def test_what_is_clearly_better_than_its_baseline_is_shown() -> None:
    assert verdict(rows([1.0] * 20, [0.0] * 20), "ours", "hit")["shown"]


@pytest.mark.parametrize(
    ("method", "baseline"),
    [
        ([1.0] * 20, [1.0] * 20),
        ([0.0] * 20, [1.0] * 20),
        ([1.0] * (LEAST - 1), [0.0] * (LEAST - 1)),
        ([1.0, 0.0] * 10, [0.0, 1.0] * 9 + [0.0, 0.0]),
    ],
    ids=["equal", "worse", "too few studies", "not clearly better"],
)
def test_what_is_not_clearly_better_is_not_shown(
    method: list[float], baseline: list[float]
) -> None:
    assert not verdict(rows(method, baseline), "ours", "hit")["shown"]


def test_one_baseline_that_is_not_beaten_is_enough() -> None:
    both = [
        Measured(row.study, "Mass", "", {**row.scores, "other": {"hit": 1.0}})
        for row in rows([1.0] * 20, [0.0] * 20)
    ]
    found = verdict(both, "ours", "hit")
    assert not found["shown"]
    assert found["baseline"] == "other"


def test_rank_correlation_is_spearmans_or_for_yes_and_no_from_the_auroc() -> None:
    rng = np.random.default_rng(0)
    ours = rng.normal(size=80).round(1)
    known = ours + rng.normal(size=80)
    assert correlation(ours, known) == pytest.approx(spearmanr(ours, known).statistic)
    yes = known > 0.7
    assert correlation(ours, yes * 1.0) == pytest.approx(2 * roc_auc_score(yes, ours) - 1)
    assert correlation(np.zeros(5), np.arange(5.0)) == 0


def test_every_set_of_inputs_has_the_name_that_predictions_know() -> None:
    named = {_combination(some) for some in subsets(INPUTS)}
    assert len(named) == 16
    assert "images+indication+vitals" in named
    assert "frontal" in named
    assert {"images", "images+vitals", "indication+vitals", "lateral"} <= named & set(COMBINATIONS)


def test_random_weights_are_others_and_always_the_same() -> None:
    model = camchex()
    first, second = (with_random_weights(model).state_dict() for _ in range(2))
    assert all((first[name] == second[name]).all() for name in first)
    trained = model.state_dict()
    assert any((first[name] != trained[name]).any() for name in first)
