"""Shared shadows: what each input alone says of them, and what the inputs say together."""

import gzip
import hashlib
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from camchex.synthetic.make import make_cohort
from camchex.synthetic.params import SyntheticParams
from camchex.synthetic.people.emergency import FEVER_SHIFT, draw_vital_signs
from camchex.synthetic.people.indication import write_indication
from camchex.synthetic.people.patients import Study, invent_splits, invent_studies
from camchex.synthetic.people.phrases import SIDES
from camchex.synthetic.people.synergy import (
    FEVER,
    ONE,
    OTHER,
    PAIRS,
    SYMPTOMS,
    VIEW_OF,
    Pair,
    draw_cues,
    shared_shadows,
)
from camchex.synthetic.phantom.anatomy import Chest, grow_chest
from camchex.synthetic.phantom.geometry import Array
from camchex.synthetic.phantom.radiological_signs import with_findings
from camchex.synthetic.phantom.rendering import draw_images, pass_rays
from camchex.synthetic.phantom.shared_shadows import with_shared_shadows
from camchex.synthetic.phantom.xray import Site, View, aim, attenuation
from camchex.synthetic.random_streams import stream
from tests.synthetic.ceiling_cohort import demo
from tests.synthetic.small import small

DIRTY = {
    "text_dirt": 0.3, "vitals_missing": 0.2, "vitals_dirt": 0.2, "label_noise": 0.1,
    "label_leak": 0.3, "text_informativeness": 0.8, "vitals_informativeness": 0.8,
}  # fmt: skip
TABLES_WITHOUT = "6107da7b184f68ca4205cfeb2235e3e26657dd274b4f24d3846d48d5fa08157c"
VIEWS: dict[str, View] = {"frontal": "PA", "lateral": "LATERAL"}


def content(path: Path) -> bytes:
    """What a file holds, however it is compressed."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            return b"".join(archive.read(name) for name in archive.namelist())
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_without_synergy_the_cohort_is_what_it_was_before_there_was_the_parameter(
    tmp_path: Path,
) -> None:
    """The digest is that of a generator that knew nothing of shared shadows."""
    params = small(**DIRTY)
    assert not any(study.cues or study.shadows for study in invent_splits(params))
    make_cohort(params, tmp_path / "raw", tmp_path / "truth", workers=0)
    files = sorted(p for p in tmp_path.rglob("*") if p.suffix in {".csv", ".gz", ".zip"})
    digest = hashlib.sha256(b"".join(map(content, files)))
    assert digest.hexdigest() == TABLES_WITHOUT


def test_synergy_changes_no_finding_label_or_time() -> None:
    without, with_it = (
        invent_studies(demo(synergy=share), "test", 200, demo().prevalence) for share in (0.0, 1.0)
    )
    assert any(study.shadows for study in with_it)
    assert [replace(study, cues={}, shadows={}) for study in with_it] == without


@pytest.fixture(scope="module")
def studies() -> list[Study]:
    params = demo(synergy=0.6)
    return invent_studies(params, "train", 6000, params.prevalence)


def test_a_cue_is_as_frequent_as_asked_for_and_its_values_equally_so(studies: list[Study]) -> None:
    for cue in VIEW_OF:
        values = Counter(study.cues.get(cue) for study in studies)
        assert (values[ONE] + values[OTHER]) / len(studies) == pytest.approx(0.6, abs=0.03)
        assert values[ONE] / (values[ONE] + values[OTHER]) == pytest.approx(0.5, abs=0.04)
    both = sum(len(study.cues) == 2 for study in studies)
    assert both / len(studies) == pytest.approx(0.36, abs=0.03)


def test_one_finding_of_a_pair_has_the_shadow_and_two_have_their_own_signs() -> None:
    pair = PAIRS[0]
    cues = {pair.cue: OTHER}
    assert shared_shadows({*pair.findings, "Mass"}, cues) == {}
    assert shared_shadows({"Mass"}, cues) == {}
    assert shared_shadows({pair.findings[0], "Mass"}, cues) == {pair.findings[0]: OTHER}
    assert shared_shadows({pair.findings[1]}, cues) == {pair.findings[1]: ONE}
    assert shared_shadows({pair.findings[1]}, {}) == {}


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.findings[0])
def test_place_and_cue_tell_the_finding_and_neither_does_alone(
    studies: list[Study], pair: Pair
) -> None:
    first, second = pair.findings
    seen = [
        (study.shadows[finding], study.cues[pair.cue], finding)
        for study in studies
        for finding in pair.findings
        if finding in study.shadows
    ]
    assert len({(place, cue, finding) for place, cue, finding in seen}) == 4
    assert all((finding == first) == (place == cue) for place, cue, finding in seen)
    share = np.mean([finding == first for *_, finding in seen])
    for which in (0, 1):
        for value in (ONE, OTHER):
            some = [one[2] == first for one in seen if one[which] == value]
            error = np.sqrt(share * (1 - share) / len(some))
            assert np.mean(some) == pytest.approx(share, abs=4 * error), second


def test_no_finding_is_in_two_pairs() -> None:
    findings = [finding for pair in PAIRS for finding in pair.findings]
    assert len(set(findings)) == len(findings)


def test_cues_are_in_the_indication_and_in_the_vital_signs(studies: list[Study]) -> None:
    for study in studies[:300]:
        text = write_indication(study.patient, study, stream(1, study.study_id)).text
        told = {cue for cue, words in SIDES.items() if words in text}
        assert told == {study.cues[SYMPTOMS]} if SYMPTOMS in study.cues else not told
        quiet = replace(study, cues={})
        ill, well = (draw_vital_signs(one, stream(1, study.study_id)) for one in (study, quiet))
        shift = FEVER_SHIFT["temperature"] if study.cues.get(FEVER) == ONE else 0.0
        assert ill["temperature"] - well["temperature"] == pytest.approx(shift)
        assert {**ill, "temperature": 0} == {**well, "temperature": 0}


def test_external_sets_have_shared_shadows_too() -> None:
    params = demo(synergy=1.0)
    assert any(study.shadows for study in invent_studies(params, "nih", 60, params.prevalence))
    assert len(draw_cues(params, "1")) == 2


# ----- images -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chest() -> Chest:
    return grow_chest(stream(1, "test"), "M")


def shadow(chest: Chest, pair: Pair, place: int, view: str, seed: int) -> Array:
    """What a shared shadow adds to the line integrals of a straight patient."""
    finding = pair.findings[0]
    ill = with_shared_shadows(chest, {finding: place}, {finding: 0.8}, stream(seed, "shadow"))
    rays = aim(VIEWS[view], (96, 96), stream(0, view), unrest=0)
    return attenuation(ill, rays) - attenuation(chest, rays)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.findings[0])
@pytest.mark.parametrize("seed", range(4))
def test_one_view_shows_the_place_of_a_shadow_and_the_other_shows_both_alike(
    chest: Chest, pair: Pair, seed: int
) -> None:
    """The noise of the detector is about 0.02."""
    telling = VIEW_OF[pair.cue]
    (blind,) = set(VIEWS) - {telling}
    one, other = (shadow(chest, pair, place, blind, seed) for place in (ONE, OTHER))
    assert one.max() > 0.3
    np.testing.assert_allclose(one, other, atol=1e-3)
    apart = shadow(chest, pair, ONE, telling, seed) * shadow(chest, pair, OTHER, telling, seed)
    assert np.abs(apart).max() < 1e-3


def test_a_shared_shadow_stands_in_the_place_of_the_findings_own_sign() -> None:
    params = demo(synergy=1.0, image_px=64)
    study = next(
        s for s in invent_studies(params, "test", 400, params.prevalence)
        if len(s.severities) == 2 and len(s.shadows) == 1
    )  # fmt: skip
    (finding,) = study.shadows
    (other,) = set(study.severities) - {finding}
    body = grow_chest(
        stream(params.seed, "anatomy", study.patient.patient_id), study.patient.gender
    )
    strength = {name: params.signal * value for name, value in study.severities.items()}
    rng = stream(params.seed, "signs", study.study_id)
    body = with_findings(body, {other: strength[other]}, rng)
    rng = stream(params.seed, "shadows", study.study_id)
    body = with_shared_shadows(body, study.shadows, strength, rng)
    rays, _ = next(pass_rays(study, params))
    pose = stream(params.seed, "exposure", study.study_id, "0")
    np.testing.assert_array_equal(rays, attenuation(body, aim(study.views[0], rays.shape, pose)))


def test_a_shadow_without_signal_is_not_drawn() -> None:
    params: SyntheticParams = demo(synergy=1.0, signal=0.0, image_px=48)
    study = next(
        s for s in invent_studies(params, "test", 100, params.prevalence) if len(s.shadows) > 1
    )
    bland = replace(study, severities={}, shadows={})
    pairs = zip(draw_images(study, params, Site()), draw_images(bland, params, Site()), strict=True)
    for shown, plain in pairs:
        np.testing.assert_array_equal(shown, plain)
