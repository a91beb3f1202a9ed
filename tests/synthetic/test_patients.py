from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError

from camchex.contract.labels import CXR_LT_2023
from camchex.contract.params import load
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.conditions import CONDITIONS, draw_findings, probabilities, shares
from camchex.synthetic.people.patients import complete, dicom_id, invent_studies
from tests.synthetic.small import SMALL, small

DEMO = load("synthetic", SyntheticParams)


def test_the_demo_has_the_prevalences_it_asks_for() -> None:
    for split, count in DEMO.studies.model_dump().items():
        studies = invent_studies(DEMO, split, count, DEMO.prevalence)
        found = Counter(finding for study in studies for finding in study.severities)
        for finding, share in DEMO.prevalence.items():
            assert abs(found[finding] - share * count) <= 1, (split, finding)


def test_the_demo_is_long_tailed_and_every_class_can_be_scored() -> None:
    studies = invent_studies(DEMO, "test", DEMO.studies.test, DEMO.prevalence)
    positives = {name: sum(study.truth[name] for study in studies) for name in CXR_LT_2023}
    assert min(positives.values()) >= 12
    assert max(positives.values()) >= 8 * min(positives.values())
    mean = sum(positives.values()) / len(positives) / len(studies)
    assert mean == pytest.approx(0.11, abs=0.02)
    assert positives["No Finding"] / len(studies) == pytest.approx(0.18, abs=0.06)


def test_conditions_make_their_findings_likely_and_cover_all() -> None:
    mix = shares()
    assert mix.sum() == pytest.approx(1)
    chances = probabilities(DEMO.prevalence, mix)
    np.testing.assert_allclose(mix @ chances, [DEMO.prevalence[name] for name in DRAWN])
    names = list(CONDITIONS)
    for finding, condition in [("Fracture", "trauma"), ("Edema", "heart failure")]:
        column = chances[:, DRAWN.index(finding)]
        assert names[int(column.argmax())] == condition
        assert column.max() > 3 * DEMO.prevalence[finding]
    assert (chances[names.index("checkup")] < [DEMO.prevalence[name] for name in DRAWN]).all()


def test_findings_keep_the_probability_of_their_study() -> None:
    chances = np.tile([[0.05, 0.9]], (40, 1))
    chances[:20, 0] = 0.6
    drawn = np.mean(
        [draw_findings(chances, np.random.default_rng(seed)) for seed in range(600)], axis=0
    )
    np.testing.assert_allclose(drawn, chances, atol=0.07)


def test_views_are_as_common_as_published() -> None:
    studies = invent_studies(DEMO, "train", 3000, DEMO.prevalence)
    count = Counter(len(study.views) for study in studies)
    assert count[1] / 3000 == pytest.approx(0.45, abs=0.03)
    assert count[2] / 3000 == pytest.approx(0.46, abs=0.03)
    assert count[3] / 3000 == pytest.approx(0.08, abs=0.02)
    assert count[5] > 0


def test_no_two_patients_studies_or_images_share_an_id() -> None:
    studies = [
        study
        for split in ("train", "development", "test")
        for study in invent_studies(DEMO, split, 1500, DEMO.prevalence)
    ]
    assert len({study.study_id for study in studies}) == len(studies)
    owners = {study.patient.patient_id: study.split for study in studies}
    assert all(owners[study.patient.patient_id] == study.split for study in studies)
    patients = {(study.patient.patient_id, study.patient.age) for study in studies}
    assert len(patients) == len(owners) < len(studies)
    images = {dicom_id(0, s.study_id, i) for s in studies for i in range(len(s.views))}
    assert len(images) == sum(len(study.views) for study in studies)
    assert all(len(s.study_id) == 8 and s.study_id[0] == "5" for s in studies)
    assert all(p[0][0] == "1" and len(p[0]) == 8 for p in patients)
    assert {len(group) for group in min(images).split("-")} == {8}


def test_studies_of_a_patient_follow_each_other() -> None:
    studies = invent_studies(DEMO, "train", 300, DEMO.prevalence)
    for before, after in pairwise(studies):
        if before.patient == after.patient:
            assert before.time < after.time


def test_no_finding_goes_with_support_devices_alone() -> None:
    assert complete(set())["No Finding"] == 1
    assert complete({"Support Devices"})["No Finding"] == 1
    assert complete({"Support Devices", "Hernia"})["No Finding"] == 0
    assert list(complete({"Hernia"})) == list(CXR_LT_2023)


def test_another_seed_is_another_cohort() -> None:
    first, second = (
        invent_studies(small(seed=seed), "train", 9, small().prevalence) for seed in (0, 1)
    )
    assert {s.study_id for s in first}.isdisjoint({s.study_id for s in second})
    assert [s.condition for s in first] != [s.condition for s in second]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("label_leak", 1.2),
        ("image_px", 8),
        ("noise", -1),
        ("prevalence", {"Hernia": 0.1}),
        ("prevalence", {**SMALL["prevalence"], "No Finding": 0.2}),
        ("prevalence", {**SMALL["prevalence"], "Hernia": 0.0}),
        ("studies", {"train": 0, "development": 1, "test": 1}),
    ],
)
def test_a_section_that_makes_no_cohort_is_refused(key: str, value: object) -> None:
    with pytest.raises(ValidationError, match=key):
        small(**{key: value})
