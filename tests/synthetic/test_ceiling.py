"""The ceiling against the generator itself, other ways to compute it, and trained classifiers."""

from collections import Counter
from dataclasses import replace
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.contract.labels import CXR_LT_2023
from camchex.errors import DataError
from camchex.synthetic.ceiling.cohort import ceilings, present_findings
from camchex.synthetic.ceiling.events import meant, read_events, vocabulary
from camchex.synthetic.ceiling.measured_signs import (
    MeasuredSign,
    first_of_each,
    likeness,
    measure_signs,
    summarise_signs,
)
from camchex.synthetic.ceiling.naming import WEIGHTS, kept_given, named_given, terms
from camchex.synthetic.ceiling.observer import (
    Evidence,
    Shown,
    posteriors,
    read_evidence,
    upper_bounds,
)
from camchex.synthetic.ceiling.posterior import DEVICES, Generator
from camchex.synthetic.ceiling.vital_signs import MOVING, read_vital_signs
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import NAMES, shares
from camchex.synthetic.people.emergency import NORMAL, draw_vital_signs
from camchex.synthetic.people.indication import (
    CLUE_ABSENT,
    CLUE_PRESENT,
    GENERAL,
    SECOND,
    write_indication,
)
from camchex.synthetic.people.patients import Study, invent_studies
from camchex.synthetic.phantom.rendering import image_shape
from camchex.synthetic.random_streams import stream
from tests.synthetic.ceiling_cohort import (
    OUTSIDE,
    Simulated,
    demo,
    generator,
    simulate,
    simulate_texts,
    simulate_vitals,
)

EDGES = np.array([0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0001])
TESTED = 2_000  # of the texts; a leak left out is seen in as many
Floats = NDArray[np.float64]


def drawn_findings(count: int) -> NDArray[np.bool_]:
    return np.random.default_rng(0).random((count, len(DRAWN))) < 0.25


def chance_of(named: tuple[int, ...], present: NDArray[np.bool_]) -> float:
    """What is asked for, straight from the generator's words: without replacement, by weight."""
    if not named:
        return GENERAL
    weight = WEIGHTS[np.arange(len(DRAWN)), present.astype(int)]
    chance = (1 - GENERAL) * (SECOND if len(named) == 2 else 1 - SECOND)
    left = weight.sum()
    for finding in named:
        chance *= weight[finding] / left
        left -= weight[finding]
    return float(chance)


# ----- what an indication asks for --------------------------------------------------------------


@pytest.mark.parametrize("named", [(), (3,), (20,), (20, 16), (0, 22), (22, 0), (24, 4)])
def test_the_mixture_over_u_is_the_probability_of_what_is_asked_for(named: tuple[int, ...]) -> None:
    for present in [*drawn_findings(20), np.zeros(25, bool), np.ones(25, bool)]:
        mixed = sum(
            np.where(present, term.factor[:, 1], term.factor[:, 0]).prod()
            * (term.weights * term.nodes ** (term.steps @ present)).sum()
            for term in terms(named)
        )
        assert mixed == pytest.approx(chance_of(named, present), rel=1e-9)


def test_a_finding_is_named_as_often_as_all_questions_that_name_it_are_asked() -> None:
    present = drawn_findings(3)
    questions = [(), *((i,) for i in range(25)), *permutations(range(25), 2)]
    for one in present:
        chances = np.array([chance_of(named, one) for named in questions])
        assert chances.sum() == pytest.approx(1)
        expected = [sum(chances[[f in q for q in questions]]) for f in range(25)]
        np.testing.assert_allclose(named_given(one), expected, rtol=1e-12)
        kept = [0.7 ** len(set(q) - {DEVICES}) for q in questions]
        assert kept_given(one, 0.3, DEVICES) == pytest.approx(float(chances @ kept))


# ----- reading a text back ----------------------------------------------------------------------


def test_no_misspelt_word_is_another_word_of_the_generator() -> None:
    assert not [word for word in vocabulary() if len(word) > 4 and set(meant(word)) - {word}]


def test_a_text_is_read_back_as_what_was_drawn() -> None:
    params = demo()
    for study in invent_studies(params, "test", 600, params.prevalence):
        indication = write_indication(study.patient, study, stream(1, study.study_id))
        for text in (indication.text, indication.text.lower().replace("//", "")):
            (reading,) = read_events(text)
            assert {DRAWN[i] for i in reading.named} == indication.named
            assert reading.history[NAMES.index(study.condition)] > 0


def test_other_words_are_read_back_and_are_no_words_of_a_cohort_without_them() -> None:
    params = demo(paraphrases=0.5, unlisted_words=0.5)
    for study in invent_studies(params, "test", 200, params.prevalence):
        found = write_indication(study.patient, study, stream(1, study.study_id), params.wording)
        assert any(
            {DRAWN[i] for i in reading.named} == found.named
            for reading in read_events(found.text, params.wording)
        )
        assert bool(read_events(found.text)) == (not found.named)


def test_the_ceiling_does_not_follow_the_wording() -> None:
    """Words say which findings are asked for, whichever words they are."""
    usual, other = demo(text_dirt=0), demo(text_dirt=0, paraphrases=0.4, unlisted_words=0.3)
    texts = [simulate(params, 30).texts for params in (usual, other)]
    assert texts[0] != texts[1]
    for one, same in zip(*texts, strict=True):
        found = [
            posteriors(generator(), read_evidence(text, OUTSIDE, params.wording))["indication"]
            for text, params in zip((one, same), (usual, other), strict=True)
        ]
        np.testing.assert_allclose(*found, atol=1e-9)


def test_a_text_that_the_generator_does_not_write_has_no_reading() -> None:
    assert not read_events("year old woman with cough there is pneumonia .")
    assert not read_events("")


# ----- posteriors against other ways to compute them --------------------------------------------


TEXTS = (
    "___ year old man with s/p fall, productive cough, PVD, CAD  // r/o PTX or fracture",
    "___ year old woman with COPD, r/o pneumonia  // r/o pneumonia",
    "___F with HTN, chest pain  // assess",
)


@pytest.mark.parametrize("text", TEXTS)
def test_summing_over_u_equals_summing_over_sets_of_findings(text: str) -> None:
    model = generator()
    (reading,) = read_events(text)
    one, other = model.by_text(reading), model.by_both(reading, model.states)
    assert one.evidence == pytest.approx(other.evidence, rel=1e-9)
    assert one.clean == pytest.approx(other.clean, rel=1e-9)
    np.testing.assert_allclose(one.findings, other.findings, rtol=1e-9)


@pytest.mark.parametrize("text", TEXTS)
def test_the_posterior_of_a_text_is_that_of_weighted_draws(text: str) -> None:
    model, rng = generator(), np.random.default_rng(1)
    (reading,) = read_events(text)
    size = 40_000
    condition = rng.choice(
        len(NAMES), size, p=shares() * reading.history / (shares() @ reading.history)
    )
    present = rng.random((size, 25)) < model.chances[condition]
    held = np.isin(np.arange(25), [*reading.clues])
    clue = np.where(present, CLUE_PRESENT, CLUE_ABSENT)
    weight = np.where(held, clue, 1 - clue).prod(1)
    weight *= [chance_of(reading.named, one) for one in present]
    weight /= weight.sum()
    expected = weight @ present
    error = np.sqrt((weight**2) @ (present - expected) ** 2)
    assert np.all(np.abs(model.by_text(reading).findings - expected) < 4.5 * error + 1e-4)


def test_signs_that_say_nothing_leave_the_prior() -> None:
    model = generator()
    belief = model.by_vital_signs(model.states)
    np.testing.assert_allclose(belief.findings, model.prior.findings, rtol=1e-12)
    assert belief.clean == pytest.approx(model.prior.clean, rel=1e-12)


def test_the_prevalence_is_the_prior_of_a_finding() -> None:
    params = demo()
    expected = [params.prevalence[finding] for finding in DRAWN]
    np.testing.assert_allclose(generator().prior.findings, expected, rtol=1e-9)


@pytest.mark.parametrize("sign", NORMAL)
def test_the_chances_of_all_values_of_a_sign_add_up_to_one(sign: str) -> None:
    signs = generator(vitals_missing=0.3, vitals_dirt=0.0).vital_signs
    step, (mean, deviation) = 0.1 if sign == "temperature" else 1.0, NORMAL[sign]
    reach = round(120 + 10 * deviation / step)  # findings and conditions shift no mean by more
    grid = np.round(np.arange(-reach, reach + 1) * step + round(mean), 1)
    seen = [signs.likelihood({sign: round(mean) - part * deviation}) for part in (0, 1, 5)]
    _, unlike = np.unique(np.concatenate(seen), axis=1, return_index=True)  # sets of findings
    total = sum(
        signs.likelihood({sign: float(v)}, sets=unlike) for v in grid if sign != "o2sat" or v <= 100
    )
    np.testing.assert_allclose(total, 1, atol=1e-9)


def test_the_chances_of_all_diastolic_pressures_add_up_to_that_of_the_systolic_one() -> None:
    signs = generator(vitals_missing=0.0, vitals_dirt=0.0).vital_signs
    total = sum(signs.likelihood({"sbp": 84.0, "dbp": float(d)}) for d in range(-40, 70))
    np.testing.assert_allclose(total, signs.likelihood({"sbp": 84.0}), rtol=1e-9)


def test_the_likelihood_of_signs_is_how_often_the_generator_draws_them() -> None:
    model = generator(vitals_missing=0.0, vitals_dirt=0.0)
    params, signs = model.params, model.vital_signs
    study = next(
        s for s in invent_studies(params, "test", 500, params.prevalence)
        if {"Pneumoperitoneum"} <= set(s.severities)
    )  # fmt: skip
    state = int(np.flatnonzero((signs.bits == [f in study.severities for f in MOVING]).all(1))[0])
    place = (NAMES.index(study.condition), state)
    drawn = [draw_vital_signs(study, stream(5, str(i))) for i in range(20_000)]
    for name, value in {"o2sat": 100, "o2sat ": 96, "resprate": 18, "heartrate": 110}.items():
        chance = signs.likelihood({name.strip(): float(value)})[place]
        seen = np.mean([round(one[name.strip()]) == value for one in drawn])
        assert seen == pytest.approx(chance, abs=4.5 * np.sqrt(chance / 20_000)), name
    typical = int(np.median([round(one["sbp"]) for one in drawn]))
    for low in (typical - 15, typical - 16, typical - 40):  # held down, just not, and far from it
        chance = signs.likelihood({"sbp": float(typical), "dbp": float(low)})[place]
        seen = np.mean([(round(d["sbp"]), round(d["dbp"])) == (typical, low) for d in drawn])
        assert seen == pytest.approx(chance, abs=4.5 * np.sqrt(max(chance, 1e-4) / 20_000)), low


# ----- limits -----------------------------------------------------------------------------------


def test_texts_and_signs_about_nobody_leave_the_prior() -> None:
    params = demo(text_informativeness=0.0, vitals_informativeness=0.0, label_leak=0.0)
    model = Generator(params)
    cohort = simulate(params, 30)
    for text, vitals in zip(cohort.texts, cohort.vitals, strict=True):
        for probabilities in posteriors(model, read_evidence(text, vitals)).values():
            np.testing.assert_allclose(probabilities, model.prior_labels, rtol=1e-9)


def test_with_a_full_leak_what_a_text_names_is_labelled() -> None:
    model = Generator(demo(label_leak=1.0))
    found = posteriors(model, read_evidence(TEXTS[0], OUTSIDE))["indication"]
    probability = dict(zip(CXR_LT_2023, found, strict=True))
    assert probability["Pneumothorax"] == probability["Fracture"] == pytest.approx(1)
    assert probability["No Finding"] == pytest.approx(0)


def test_without_noise_and_leak_the_images_say_every_label() -> None:
    params = demo(label_noise=0.0, label_leak=0.0)
    model, cohort = Generator(params), simulate(params, 40)
    for i in range(40):
        seen = read_evidence(cohort.texts[i], cohort.vitals[i])
        for told in upper_bounds(model, seen, Shown(cohort.present[i]), {}).values():
            np.testing.assert_allclose(told, cohort.labels[i], atol=1e-12)


def test_images_without_signs_say_nothing() -> None:
    model, seen = Generator(demo(signal=0.0)), Evidence([], {})
    exact = posteriors(model, seen)
    told = upper_bounds(model, seen, Shown(drawn_findings(1)[0]), exact)
    np.testing.assert_allclose(told["images"], model.prior_labels)
    np.testing.assert_allclose(told["images+indication+vitals"], exact["indication+vitals"])


# ----- a cohort's tables ------------------------------------------------------------------------


def tables_of(cohort: Simulated) -> tuple[pa.Table, pa.Table]:
    images = [f"image {i}" for i in range(len(cohort.texts))]
    studies = pa.table({
        "indication": [*cohort.texts[:-2], None, "lungs are clear ."],
        "vitals_text": cohort.vitals,
        "image_ids": [[image] for image in images],
    })  # fmt: skip
    truth = {finding: cohort.present[::-1, i].astype(np.float32) for i, finding in enumerate(DRAWN)}
    return studies, pa.table(
        {"dataset": ["mimic"] * len(images), "image_id": images[::-1], **truth}
    )


def test_every_study_of_a_table_gets_its_own_probabilities() -> None:
    cohort, model = simulate(demo(), 6), generator()
    studies, truth = tables_of(cohort)
    classes = ("Pneumonia", "No Finding")
    found = ceilings(model, studies, truth, classes)
    assert (found.indications, found.unread) == (4, 1)
    assert found.vitals == sum(text != OUTSIDE for text in cohort.vitals)
    columns = [CXR_LT_2023.index(name) for name in classes]
    for i in range(4):
        seen = read_evidence(cohort.texts[i], cohort.vitals[i])
        exact = posteriors(model, seen)
        bounds = upper_bounds(model, seen, Shown(cohort.present[i]), exact)
        for name, one in {**exact, **bounds}.items():
            np.testing.assert_allclose(found.probabilities[name][i], one[columns], atol=1e-12)
    np.testing.assert_allclose(
        found.probabilities["indication"][4:],
        np.tile(model.prior_labels[columns], (2, 1)),
        atol=1e-12,
    )


def test_vital_signs_that_nobody_can_have_are_refused() -> None:
    model = generator(vitals_missing=0.0, vitals_dirt=0.0)
    with pytest.raises(DataError, match=r"'dbp': 119.0"):
        posteriors(model, Evidence([], {"sbp": 120.0, "dbp": 119.0}))


def test_studies_without_a_truth_and_foreign_classes_are_refused() -> None:
    studies, truth = tables_of(simulate(demo(), 4))
    with pytest.raises(DataError, match="no image 'image 3'"):
        present_findings(studies, truth.slice(1))
    with pytest.raises(DataError, match="Azygos Lobe"):
        ceilings(generator(), studies, truth, ("Azygos Lobe",))


# ----- the generator and trained classifiers ----------------------------------------------------


@pytest.fixture(scope="module")
def texts() -> tuple[list[str], Floats, Floats]:
    """Texts of studies, their labels, and the best probabilities of the last ``TESTED``."""
    written, labels = simulate_texts(demo(), 8_000)
    seen = [read_evidence(text, OUTSIDE) for text in written[-TESTED:]]
    assert all(len(one.readings) == 1 for one in seen)
    best = np.stack([posteriors(generator(), one)["indication"] for one in seen])
    return written, labels, best


@pytest.fixture(scope="module")
def signs() -> tuple[Simulated, dict[str, Floats]]:
    """450 studies in a stay."""
    whole, model = simulate(demo(), 750, "development"), generator()
    stays = np.array([text != OUTSIDE for text in whole.vitals])
    keep = np.flatnonzero(stays)[:450]
    assert len(keep) == 450
    cohort = Simulated(
        [whole.texts[i] for i in keep], [whole.vitals[i] for i in keep],
        whole.labels[keep], whole.present[keep],
        [whole.places[i] for i in keep], [whole.ids[i] for i in keep],
    )  # fmt: skip
    pairs = zip(cohort.texts, cohort.vitals, strict=True)
    rows = [posteriors(model, read_evidence(*pair)) for pair in pairs]
    return cohort, {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def standard_errors(labels: Floats, probabilities: Floats) -> tuple[Floats, Floats]:
    """Observed less expected positives, in standard errors: per bin of probability, and class."""
    surplus, variance = labels - probabilities, probabilities * (1 - probabilities)
    place = np.digitize(probabilities, EDGES)
    by_bin = [
        surplus[place == i].sum() / np.sqrt(variance[place == i].sum())
        for i in range(1, len(EDGES)) if (place == i).sum() >= 50
    ]  # fmt: skip
    return np.array(by_bin), surplus.sum(0) / np.sqrt(variance.sum(0))


def deviance(labels: Floats, probabilities: Floats) -> float:
    likelihood = np.where(labels == 1, probabilities, 1 - probabilities)
    return float(-np.log(np.clip(likelihood, 1e-6, 1)).mean())


@pytest.mark.slow
def test_probabilities_given_a_text_come_true_as_often_as_they_say(
    texts: tuple[list[str], Floats, Floats],
) -> None:
    _, labels, given = texts
    by_bin, by_class = standard_errors(labels[-TESTED:], given)
    assert len(by_bin) >= 11
    assert np.abs(by_bin).max() < 4
    assert np.abs(by_class).max() < 4


@pytest.mark.slow
def test_the_check_of_calibration_sees_a_leak_left_out(
    texts: tuple[list[str], Floats, Floats],
) -> None:
    written, labels, _ = texts
    wrong = generator(label_leak=0.0)
    seen = [read_evidence(text, OUTSIDE) for text in written[-TESTED:]]
    given = np.stack([posteriors(wrong, one)["indication"] for one in seen])
    assert np.abs(np.concatenate(standard_errors(labels[-TESTED:], given))).max() > 6


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vitals", "indication+vitals"])
def test_probabilities_given_vital_signs_come_true_as_often_as_they_say(
    signs: tuple[Simulated, dict[str, Floats]], name: str
) -> None:
    cohort, given = signs
    by_bin, by_class = standard_errors(cohort.labels, given[name])
    assert len(by_bin) >= 11
    assert np.abs(by_bin).max() < 4
    assert np.abs(by_class).max() < 4


@pytest.mark.slow
def test_two_modalities_say_more_than_one(signs: tuple[Simulated, dict[str, Floats]]) -> None:
    cohort, given = signs
    scores = {name: deviance(cohort.labels, p) for name, p in given.items()}
    assert scores["indication+vitals"] < min(scores["indication"], scores["vitals"])


@pytest.mark.slow
def test_a_regression_on_the_words_of_many_texts_comes_near_but_not_above(
    texts: tuple[list[str], Floats, Floats],
) -> None:
    written, labels, given = texts
    counter = CountVectorizer(ngram_range=(1, 2), min_df=5, binary=True, token_pattern=r"\S+")  # noqa: S106
    words = counter.fit_transform(written)
    ceiling, reached = [], []
    for column in range(26):
        truth = labels[-TESTED:, column]
        model = LogisticRegression(C=0.3, solver="liblinear")
        model.fit(words[:-TESTED], labels[:-TESTED, column])
        ceiling.append(average_precision_score(truth, given[:, column]))
        reached.append(average_precision_score(truth, model.predict_proba(words[-TESTED:])[:, 1]))
    chance = labels[-TESTED:].mean()
    assert np.mean(reached) <= np.mean(ceiling)
    assert (np.mean(reached) - chance) / (np.mean(ceiling) - chance) > 0.9


@pytest.mark.slow
def test_boosted_trees_on_vital_signs_come_near_but_not_above(
    signs: tuple[Simulated, dict[str, Floats]],
) -> None:
    cohort, given = signs
    trained, labels = simulate_vitals(demo(), 2_500, "train")
    fit, test = numbers(trained), numbers(cohort.vitals)
    stays = np.isfinite(fit).any(1)
    ceiling, reached = [], []
    for finding in ("Pneumonia", "Edema", "Pneumothorax", "Tortuous Aorta", "No Finding"):
        column = CXR_LT_2023.index(finding)
        model = HistGradientBoostingClassifier(max_iter=60, learning_rate=0.1, max_leaf_nodes=8)
        model.fit(fit[stays], labels[stays, column])
        ceiling.append(roc_auc_score(cohort.labels[:, column], given["vitals"][:, column]))
        guess = model.predict_proba(test)[:, 1]
        reached.append(roc_auc_score(cohort.labels[:, column], guess))
    assert np.mean(reached) <= np.mean(ceiling) + 0.018  # standard error of the difference
    assert np.mean(reached) > np.mean(ceiling) - 0.03


def numbers(vitals: list[str]) -> Floats:
    rows = [read_vital_signs(text) for text in vitals]
    return np.array([[row.get(sign, np.nan) for sign in NORMAL] for row in rows])


# ----- signs on images --------------------------------------------------------------------------


def strengths(study: Study, params: SyntheticParams) -> dict[str, float]:
    measured = measure_signs([study], params, params.image_px)
    return {name: signs[0].strength for name, signs in measured.items()}


def test_signs_are_as_visible_as_noise_and_signal_make_them() -> None:
    params = demo(image_px=64)
    study = next(
        s for s in invent_studies(params, "test", 50, params.prevalence) if len(s.severities) > 1
    )
    visible = strengths(study, params)
    assert set(visible) == set(study.severities)
    assert min(visible.values()) > 0
    doubled = strengths(study, demo(image_px=64, noise=2.0))
    assert {k: 2 * v for k, v in doubled.items()} == pytest.approx(visible)
    assert not any(strengths(study, demo(image_px=64, signal=0.0)).values())
    assert set(strengths(study, demo(noise=0.0)).values()) == {np.inf}
    bland = replace(study, severities={})
    assert strengths(bland, params) == {}


def test_a_sign_drawn_alike_is_like_itself_and_one_on_the_other_side_is_not() -> None:
    left, right = np.zeros((2, 8, 8))
    left[2:4, :3], right[2:4, 5:] = 1.0, 1.0
    alike = [sign(left), sign(2 * left)]
    assert likeness(alike) == pytest.approx(1)
    assert likeness([sign(left), sign(right)]) == pytest.approx(0)
    assert likeness([sign(left), sign(-left)]) == pytest.approx(-1)
    assert likeness([sign(left), sign(left), sign(right)]) == pytest.approx(1 / 3)
    assert likeness([sign(left), sign(left, view="lateral")]) is None  # no two of a view


def sign(change: np.ndarray, view: str = "frontal") -> MeasuredSign:
    return MeasuredSign(
        strength=1.0,
        kept=1.0,
        area=1.0,
        contrast=1.0,
        by_view={view: 1.0},
        change=change,
        view=view,
    )


def test_what_is_left_of_a_sign_at_its_own_size_is_all_of_it() -> None:
    params = demo(image_px=64)
    studies = invent_studies(params, "test", 6, params.prevalence)
    own, square = measure_signs(studies, params, 64), 0
    for name, signs in measure_signs(studies, params, 8).items():
        holders = [study for study in studies if name in study.severities]
        for study, small, large in zip(holders, signs, own[name], strict=True):
            assert small.kept <= large.kept + 1e-6  # averaging loses, and adds nothing
            assert small.area <= 8 * 8
            if all(image_shape(study, i, params) == (64, 64) for i in range(len(study.views))):
                square += 1
                assert large.kept == pytest.approx(1, rel=1e-5)
                assert 0 < large.area <= 64 * 64
    assert square


def test_the_first_studies_hold_as_many_signs_as_asked_for_or_all() -> None:
    params = demo()
    studies = invent_studies(params, "test", 60, params.prevalence)
    total = Counter(name for study in studies for name in study.severities)
    chosen = first_of_each(studies, 3)
    held = Counter(name for study in chosen for name in study.severities)
    assert all(held[name] >= min(3, count) for name, count in total.items())
    assert len(chosen) < len(studies)
    assert chosen == [study for study in studies if study in chosen]


def test_positives_that_lack_the_view_of_a_sign_are_counted() -> None:
    params = demo(image_px=64)
    studies = [
        s
        for s in invent_studies(params, "test", 200, params.prevalence)
        if "Hernia" in s.severities
    ]
    both = [s for s in studies if "LATERAL" in s.views and len(set(s.views)) > 1]
    assert both
    views = {"Hernia": [{"frontal"}, {"frontal", "lateral"}, {"lateral"}, {"frontal"}]}
    found = summarise_signs(both[:5], params, 32, views)["Hernia"]
    assert found["view"] == "lateral"  # gas behind the heart
    assert found["view_share"] > 0.5
    assert found["positives_without_view"] == 0.5
    frontal = [replace(s, views=("PA",)) for s in both[:2]]
    alone = summarise_signs(frontal, params, 32, views)["Hernia"]
    assert alone["view"] is None
    assert alone["positives_without_view"] is None
