"""Best joint reading of shared shadows, by enumeration and simulation; and separate reading."""

from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.ceiling import sum_of_log_odds
from camchex.scores.metrics import macro, score_classes
from camchex.synthetic.ceiling.events import Reading
from camchex.synthetic.ceiling.observer import Shown, posteriors, read_evidence, upper_bounds
from camchex.synthetic.ceiling.posterior import COLUMNS, Generator
from camchex.synthetic.ceiling.shared_shadows import Chances
from camchex.synthetic.ceiling.vital_signs import MOVING
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import shares
from camchex.synthetic.people.indication import CLUE_ABSENT, CLUE_PRESENT
from camchex.synthetic.people.patients import Study, invent_studies
from camchex.synthetic.people.synergy import (
    FEVER,
    ONE,
    OTHER,
    PAIRS,
    SYMPTOMS,
    VIEW_OF,
    Cues,
    shared_shadows,
)
from tests.synthetic.ceiling_cohort import OUTSIDE, Simulated, generator, simulate
from tests.synthetic.test_ceiling import chance_of, standard_errors

Floats = NDArray[np.float64]
INPUTS = ("images", "indication", "vitals")
JOINT = "images+indication+vitals"
PAIRED = [finding for pair in PAIRS for finding in pair.findings]


def probabilities(model: Generator, cohort: Simulated) -> dict[str, Floats]:
    """Best probabilities of every study, (N, Q), by set of inputs."""
    rows = []
    for i, pair in enumerate(zip(cohort.texts, cohort.vitals, strict=True)):
        seen = read_evidence(*pair)
        exact = posteriors(model, seen)
        shown = Shown(cohort.present[i], cohort.places[i])
        rows.append({**exact, **upper_bounds(model, seen, shown, exact)})
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


# ----- enumeration ------------------------------------------------------------------------------


def appearance(findings: set[str], cues: Cues, kinds: list[str]) -> object:
    """What images show of findings and cues: own signs, and shadows with the places in view."""
    shadows = shared_shadows(findings, cues)
    own = frozenset(findings - set(shadows))
    return own, {
        pair: shadows[finding] if VIEW_OF[pair.cue] in kinds else None
        for pair in PAIRS
        for finding in pair.findings
        if finding in shadows
    }


def cues_of(fever: int | None, side: int | None) -> Cues:
    return {k: v for k, v in ((FEVER, fever), (SYMPTOMS, side)) if v is not None}


def enumerated(model: Generator, study: Study, text: str, vitals: str, *, told: bool) -> Floats:
    """Probability of each label by the generator's own steps, for all that may have been drawn.

    Every set of the paired findings, condition and cue is tried; the other findings are those of
    the study, since its images show them. ``told``: the texts are seen, and not the images alone.
    """
    params, seen = model.params, read_evidence(text, vitals)
    drawn = {None: 1 - params.synergy, ONE: params.synergy / 2, OTHER: params.synergy / 2}
    target = appearance(set(study.severities), study.cues, study.kinds)
    rest = set(study.severities) - set(PAIRED)
    signs, sure = model.vital_signs, params.vitals_informativeness
    likely = {cue: signs.likelihood(seen.values, float(cue == ONE)) for cue in drawn}
    any_vitals = sum(drawn[cue] * (model.states * likely[cue]).sum() for cue in drawn)
    (reading,) = seen.readings or (None,)
    total, labels = 0.0, np.zeros(len(CXR_LT_2023))
    for bits in product((False, True), repeat=len(PAIRED)):
        findings = rest | {f for f, bit in zip(PAIRED, bits, strict=True) if bit}
        cues = [
            (fever, side)
            for fever, side in product(drawn, drawn)
            if appearance(findings, cues_of(fever, side), study.kinds) == target
        ]
        if not cues:
            continue
        present = np.array([name in findings for name in DRAWN])
        state = int(np.flatnonzero((signs.bits == [f in findings for f in MOVING]).all(1))[0])
        weight = 0.0
        for fever, side in cues:
            chance = shares() * np.where(present, model.chances, 1 - model.chances).prod(1)
            if told and reading:
                chance *= written(model, reading, present, drawn, side)
            if told and seen.values:
                chance *= sure * likely[fever][:, state] + (1 - sure) * any_vitals
            weight += drawn[fever] * drawn[side] * chance.sum()
        total += weight
        labels += weight * labels_of(params, model, present, reading.named if reading else ())
    return labels / total


def written(
    model: Generator, reading: Reading, present: NDArray[np.bool_], drawn: Chances, side: int | None
) -> Floats:
    """Probability of a text of a study with this side of the symptoms, per condition, (K,)."""
    held = np.isin(np.arange(len(DRAWN)), [*reading.clues])
    clue = np.where(present, CLUE_PRESENT, CLUE_ABSENT)
    own = reading.history * reading.words * np.where(held, clue, 1 - clue).prod()
    own = own * chance_of(reading.named, present) * (reading.cue == side)
    other = model.by_text(reading).evidence * drawn[reading.cue]
    sure = model.params.text_informativeness
    return np.asarray(sure * own + (1 - sure) * other)


def labels_of(
    params: SyntheticParams, model: Generator, present: NDArray[np.bool_], named: tuple[int, ...]
) -> Floats:
    """Labels of known findings and a known question: noise, and then the leak."""
    positive = np.where(present, model.labelled[:, 1], model.labelled[:, 0])
    positive[[*named]] = 1 - (1 - positive[[*named]]) * (1 - params.label_leak)
    labels = np.zeros(len(CXR_LT_2023))
    labels[COLUMNS] = positive
    ill = np.delete(positive, DRAWN.index("Support Devices"))
    labels[CXR_LT_2023.index("No Finding")] = (1 - ill).prod()
    return labels


@pytest.mark.parametrize("synergy", [0.6, 1.0])
def test_the_best_reading_is_that_of_all_that_may_have_been_drawn(synergy: float) -> None:
    model = generator(synergy=synergy)
    params, cohort = model.params, simulate(model.params, 300)
    studies = invent_studies(params, "test", 300, params.prevalence)
    both = [i for i, p in enumerate(cohort.places) if len(p) > 1 and cohort.texts[i]][:4]
    one = [i for i, p in enumerate(cohort.places) if len(p) == 1 and cohort.texts[i]][:4]
    none = [i for i, p in enumerate(cohort.places) if not p and cohort.texts[i]][:1]
    silent = generator(synergy=synergy, label_leak=0.0)  # labels without a part of the text
    for i in (*both, *one, *none):
        text, vitals = cohort.texts[i], cohort.vitals[i]
        seen, shown = read_evidence(text, vitals), Shown(cohort.present[i], cohort.places[i])
        found = upper_bounds(model, seen, shown, {})[JOINT]
        np.testing.assert_allclose(
            found, enumerated(model, studies[i], text, vitals, told=True), rtol=1e-9
        )
        images = upper_bounds(silent, seen, shown, {})["images"]
        np.testing.assert_allclose(
            images, enumerated(silent, studies[i], text, vitals, told=False), rtol=1e-9
        )


# ----- simulation -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def joint() -> tuple[Generator, Simulated, dict[str, Floats]]:
    model = generator(synergy=1.0)
    cohort = simulate(model.params, 200)
    return model, cohort, probabilities(model, cohort)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*INPUTS, JOINT])
def test_probabilities_with_shared_shadows_come_true_as_often_as_they_say(
    joint: tuple[Generator, Simulated, dict[str, Floats]], name: str
) -> None:
    _, cohort, found = joint
    columns = [CXR_LT_2023.index(finding) for finding in PAIRED]
    by_bin, by_class = standard_errors(cohort.labels[:, columns], found[name][:, columns])
    assert len(by_bin) >= 2
    assert np.abs(by_bin).max() < 4
    assert np.abs(by_class).max() < 4


@pytest.mark.slow
def test_the_check_sees_a_place_that_was_taken_for_the_other(
    joint: tuple[Generator, Simulated, dict[str, Floats]],
) -> None:
    model, cohort, _ = joint
    wrong = []
    for i, places in enumerate(cohort.places):
        seen = read_evidence(cohort.texts[i], cohort.vitals[i])
        turned = {pair: None if place is None else -place for pair, place in places.items()}
        wrong.append(upper_bounds(model, seen, Shown(cohort.present[i], turned), {})[JOINT])
    columns = [CXR_LT_2023.index(finding) for finding in PAIRED]
    given = np.stack(wrong)[:, columns]
    assert np.abs(standard_errors(cohort.labels[:, columns], given)[0]).max() > 6


# ----- separate reading -------------------------------------------------------------------------


def gains(model: Generator, cohort: Simulated, found: dict[str, Floats]) -> dict[str, Floats]:
    """Average precision of joint less separate reading, by way of putting together, (Q,)."""
    members, prior = [found[name] for name in INPUTS], model.prior_labels
    apart = {"log-odds": sum_of_log_odds(members, prior), "mean": np.mean(members, axis=0)}

    def scores(given: Floats) -> Floats:
        each = score_classes(cohort.labels, given.round(12), CXR_LT_2023)
        return np.array([each[name].ap for name in CXR_LT_2023], float)

    return {name: scores(found[JOINT]) - scores(given) for name, given in apart.items()}


@pytest.mark.slow
def test_joint_reading_gains_where_shadows_are_shared_and_nowhere_else(
    joint: tuple[Generator, Simulated, dict[str, Floats]],
) -> None:
    paired = np.isin(CXR_LT_2023, PAIRED)
    for gain in gains(*joint).values():
        assert gain[paired].mean() > 0.08
        assert gain[~paired].mean() < 0.03  # that of the leak
    model = generator(label_leak=0.0)
    cohort = simulate(model.params, 150)
    for gain in gains(model, cohort, probabilities(model, cohort)).values():
        assert abs(gain.mean()) < 0.01


def test_without_synergy_noise_and_leak_the_sum_of_log_odds_is_joint_reading() -> None:
    model = generator(label_noise=0.0, label_leak=0.0)
    cohort = simulate(model.params, 30)
    found = probabilities(model, cohort)
    odds = sum_of_log_odds([found[name] for name in INPUTS], model.prior_labels)
    np.testing.assert_allclose(1 / (1 + np.exp(-odds)), found[JOINT], atol=1e-6)


def test_a_place_alone_and_a_cue_alone_change_no_probability() -> None:
    """Neither the images nor the texts alone depend on the values that are drawn by halves."""
    model = generator(synergy=1.0)
    cohort = simulate(model.params, 40)
    for i, places in enumerate(cohort.places):
        turned = {pair: None if place is None else -place for pair, place in places.items()}
        seen = read_evidence(cohort.texts[i], cohort.vitals[i])
        one, other = (
            upper_bounds(model, seen, Shown(cohort.present[i], seen_places), {})["images"]
            for seen_places in (places, turned)
        )
        np.testing.assert_allclose(one, other, rtol=1e-12)
        left = cohort.texts[i].replace(" the right", " the left")
        right = cohort.texts[i].replace(" the left", " the right")
        given = [posteriors(model, read_evidence(t, OUTSIDE)) for t in (left, right)]
        np.testing.assert_allclose(given[0]["indication"], given[1]["indication"], rtol=1e-12)


def test_naive_bayes_is_exact_where_inputs_are_independent_given_the_label() -> None:
    """Two binary inputs, drawn apart given one label: all probabilities by counting."""
    prior, given = 0.2, np.array([[0.3, 0.9], [0.6, 0.15]])  # P(input = 1 | label 0 and 1)
    for values in product((0, 1), repeat=2):
        likely = np.where(np.array(values)[:, None] == 1, given, 1 - given)  # (2 inputs, 2 labels)
        alone = likely * [1 - prior, prior]
        joint = likely.prod(0) * [1 - prior, prior]
        members = [np.array([[a[1] / a.sum()]]) for a in alone]
        odds = sum_of_log_odds(members, np.array([prior]))
        assert odds.item() == pytest.approx(np.log(joint[1] / joint[0]))


def test_certain_probabilities_have_finite_log_odds() -> None:
    members = [np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]])]
    odds = sum_of_log_odds(members, np.array([0.5, 0.5]))
    assert np.isfinite(odds).all()
    assert odds[0, 1] > odds[0, 0]
    assert macro(score_classes(np.eye(2), np.vstack([odds, -odds]), "ab").values()).classes == 2
