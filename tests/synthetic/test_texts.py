import re
from collections import Counter
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from pydantic import ValidationError

from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.reports.sections import split_sections
from camchex.synthetic.params import DRAWN, Wording
from camchex.synthetic.people.emergency import NORMAL, draw_vital_signs, stays_around
from camchex.synthetic.people.indication import write_indication
from camchex.synthetic.people.patients import Patient, Study
from camchex.synthetic.people.phrases import ASKING, PHRASES
from camchex.synthetic.people.report import DIRT, write_report
from camchex.synthetic.published.mimic import label, mimic14_labels
from camchex.synthetic.random_streams import stream
from camchex.texts.cleaning import clean_indication
from camchex.texts.keywords import mentions
from tests.synthetic.small import small

WOMAN = Patient("10000001", "F", 60)
HEALTHY = Study("50000001", WOMAN, "train", "checkup", {}, datetime(2150, 3, 1, 0, 12, 34), ("PA",))
ILL = replace(HEALTHY, condition="infection", severities={"Pneumonia": 0.7, "Edema": 0.5})


def rng(i: int) -> np.random.Generator:
    return stream(0, "test", str(i))


def test_a_present_finding_is_asked_for_more_often_than_an_absent_one() -> None:
    named = Counter(f for i in range(400) for f in write_indication(WOMAN, ILL, rng(i)).named)
    assert named["Pneumonia"] > 3 * max(named[f] for f in DRAWN if f not in ILL.severities)
    assert sum(named[f] for f in DRAWN if f not in ILL.severities) > 40


def test_a_named_finding_stands_in_the_text_and_an_unnamed_one_does_not() -> None:
    for i in range(200):
        indication = write_indication(WOMAN, ILL, rng(i))
        question = indication.text.partition("  // ")[2]
        for finding in indication.named:
            assert any(words in question for words in PHRASES[finding].asked), finding
        if not indication.named:
            assert "PNA" not in question
            assert "edema" not in question


@pytest.mark.parametrize("kind", ["asked", "paraphrases", "unlisted"])
def test_the_lists_of_words_know_paraphrases_and_no_word_called_unlisted(kind: str) -> None:
    texts, expected = [], []
    for finding, words in PHRASES.items():
        for text in getattr(words, kind):
            asked = [clean_indication(f"cough  // {form.format(text)}") for form in ASKING]
            texts += asked
            expected += [finding] * len(asked)
    named = mentions(texts, CXR_LT_2023)
    if kind == "unlisted":
        assert not named.any()
    else:
        assert all(named[i, CXR_LT_2023.index(f)] for i, f in enumerate(expected))
    if kind == "paraphrases":
        assert (named.sum(axis=1) == 1).all()


def test_no_words_stand_for_two_findings() -> None:
    words = [text for w in PHRASES.values() for text in (*w.asked, *w.paraphrases, *w.unlisted)]
    assert len(set(words)) == len(words)


def test_another_wording_changes_the_words_for_findings_and_nothing_else() -> None:
    kinds = Counter[str]()
    for i in range(300):
        usual = write_indication(WOMAN, ILL, rng(i))
        other = write_indication(WOMAN, ILL, rng(i), Wording(paraphrases=0.5, unlisted=0.2))
        assert other.named == usual.named
        text = usual.text
        for before, after in zip(usual.words, other.words, strict=True):
            text = text.replace(before, f"<{after}>", 2)  # the question, and where it is repeated
        assert re.sub("[<>]", "", text) == other.text
        kinds.update(
            kind
            for words in PHRASES.values()
            for kind in ("asked", "paraphrases", "unlisted")
            for written in other.words
            if written in getattr(words, kind)
        )
    total = sum(kinds.values())
    assert kinds["paraphrases"] / total == pytest.approx(0.5, abs=0.07)
    assert kinds["unlisted"] / total == pytest.approx(0.2, abs=0.06)


def test_the_words_that_name_findings_stand_in_the_text() -> None:
    for i in range(50):
        found = write_indication(WOMAN, ILL, rng(i), Wording(paraphrases=1.0))
        assert len(found.words) == len(found.named)
        assert all(words in found.text.partition("  // ")[2] for words in found.words)


def test_the_words_of_the_question_often_stand_on_both_sides() -> None:
    texts = [write_indication(WOMAN, ILL, rng(i)).text.split("  // ") for i in range(200)]
    assert 0.2 < np.mean([history.endswith(question) for history, question in texts]) < 0.6


def test_a_report_has_the_layout_of_the_published_ones() -> None:
    indication = write_indication(WOMAN, ILL, rng(1)).text
    for i in range(60):
        report = write_report(ILL, indication, 0.0, rng(i))
        title, *lines = report.splitlines()
        assert title.strip() == "FINAL REPORT"
        assert title.startswith(" " * 30)
        assert all(line.startswith(" ") and len(line) <= 79 for line in lines)
        assert "pneumonia" in report.lower()


def test_most_reports_have_an_indication_some_a_history_and_some_neither() -> None:
    headers: Counter[str] = Counter()
    for i in range(600):
        names = {
            section.name for section in split_sections(write_report(ILL, "cough", 0.0, rng(i)))
        }
        headers[next(iter(names & {"indication", "history"}), "")] += 1
    assert headers["indication"] / 600 == pytest.approx(0.67, abs=0.06)
    assert headers["history"] / 600 == pytest.approx(0.20, abs=0.06)


@pytest.mark.parametrize("kind", sorted(DIRT))
def test_an_irregular_report_is_still_a_report(kind: str) -> None:
    sections = [("EXAMINATION", "CHEST"), ("INDICATION", "productive cough and leukocytosis"),
                ("FINDINGS", "There is pneumonia."), ("IMPRESSION", "Pneumonia.")]  # fmt: skip
    report = DIRT[kind](sections, rng(2))
    assert "FINAL REPORT" in report
    assert report.endswith("\n")
    found = {section.name: section.text.strip() for section in split_sections(report, "reference")}
    expected = {
        "blanks only": found.get("indication") == "___",
        "typing errors": found.get("indication") != sections[1][1],
        "sections missing": "indication" not in found and "findings" not in found,
        "findings follow": "There is pneumonia" in found.get("indication", ""),
        "lower-case headers": "indication" not in found,
        "wet read": "wet read" in found,
        "addendum": "ADDENDUM" in report.splitlines()[0],
    }
    assert expected[kind]


def test_dirt_is_as_common_as_asked_for() -> None:
    changed = sum(
        write_report(ILL, "cough", 0.0, rng(i)) != write_report(ILL, "cough", 0.3, rng(i))
        for i in range(500)
    )
    # Some have no indication to blank or to misspell.
    assert 0.15 < changed / 500 < 0.35


def test_pneumonia_has_fever_and_a_tension_of_the_chest_a_fast_pulse() -> None:
    def mean(about: Study | None, sign: str) -> float:
        return float(np.mean([draw_vital_signs(about, rng(i))[sign] for i in range(200)]))

    consolidated = replace(ILL, severities={"Consolidation": 0.7})
    assert mean(ILL, "temperature") > mean(consolidated, "temperature") + 1.5
    burst = replace(HEALTHY, severities={"Pneumothorax": 1.0})
    assert mean(burst, "heartrate") > mean(HEALTHY, "heartrate") + 10
    assert mean(None, "temperature") == pytest.approx(NORMAL["temperature"][0], abs=0.15)


def test_vital_signs_are_those_of_a_living_person() -> None:
    everything = replace(ILL, severities=dict.fromkeys(DRAWN, 1.0))
    for about in (everything, HEALTHY, None):
        for i in range(100):
            signs = draw_vital_signs(about, rng(i))
            assert signs["o2sat"] <= 100
            assert signs["dbp"] < signs["sbp"]


def test_most_studies_are_in_a_stay_and_stays_have_charts() -> None:
    params = small(vitals_missing=0.16, vitals_dirt=0.2)
    studies = [replace(ILL, study_id=f"5{i:07d}") for i in range(500)]
    per_study = [stays_around(study, study, params) for study in studies]
    stays = [stay for around in per_study for stay in around]
    covered = [
        any(s.edstay["intime"] <= ILL.time <= s.edstay["outtime"] for s in around)  # type: ignore[operator]
        for around in per_study
    ]
    assert np.mean(covered) == pytest.approx(0.55, abs=0.07)
    assert len({stay.edstay["stay_id"] for stay in stays}) == len(stays)
    missing = np.mean([stay.triage[name] == "" for stay in stays for name in NORMAL])
    assert missing == pytest.approx(0.16 + 0.03, abs=0.04)
    rows = [row for stay in stays for row in stay.vitalsign]
    before = np.mean([row["charttime"] <= ILL.time for row in rows])  # type: ignore[operator]
    assert 0.2 < before < 0.9
    typed = {stay.triage["temperature"] for stay in stays}
    assert any(25 < float(str(value)) < 45 for value in typed if value)
    assert {"986.0", "9.8"} & typed


def test_without_dirt_every_value_is_there_and_plausible() -> None:
    stays = [
        stay
        for i in range(200)
        for stay in stays_around(replace(ILL, study_id=f"5{i:07d}"), ILL, small())
    ]
    for stay in stays:
        assert 90 < float(str(stay.triage["temperature"])) < 110
        assert 50 < float(str(stay.triage["o2sat"])) <= 100


def test_labels_are_the_truth_unless_a_parameter_says_otherwise() -> None:
    indication = write_indication(WOMAN, HEALTHY, rng(0))
    assert label(ILL, indication, small()) == ILL.truth


def test_a_leak_adds_what_the_indication_names_and_nothing_else() -> None:
    params = small(label_leak=1.0)
    for i in range(60):
        indication = write_indication(WOMAN, HEALTHY, rng(i))
        labels = label(HEALTHY, indication, params)
        positive = {name for name in DRAWN if labels[name]}
        assert positive == indication.named
        assert labels["No Finding"] == (positive <= {"Support Devices"})


def test_the_leak_is_as_frequent_as_asked_for() -> None:
    leaked = named = 0
    for i in range(600):
        study = replace(HEALTHY, study_id=f"5{i:07d}")
        indication = write_indication(WOMAN, HEALTHY, rng(i))
        labels = label(study, indication, small(label_leak=0.3))
        named += len(indication.named)
        leaked += sum(labels[name] for name in indication.named)
    assert leaked / named == pytest.approx(0.3, abs=0.06)


def test_mimic14_errs_where_the_words_stand_as_often_as_asked_for_and_nowhere_else() -> None:
    params = small(named_repeated=0.2, named_uncertain=0.3, named_missed=0.4)
    there, absent = {"Edema", "Fracture"}, {"Pneumonia", "Atelectasis"}
    seen: dict[str, Counter[str]] = {"there": Counter(), "absent": Counter()}
    usual: dict[str, Counter[str]] = {"there": Counter(), "absent": Counter()}
    for i in range(1500):
        study = replace(HEALTHY, study_id=f"5{i:07d}", severities=dict.fromkeys(there, 0.5))
        cells = mimic14_labels(study, there | absent, params)
        clean = mimic14_labels(study, there | absent, small())
        for kind, names in (("there", there), ("absent", absent)):
            seen[kind].update(cells[name] for name in names)
            usual[kind].update(clean[name] for name in names)
        others = [n for n in MIMIC_14 if n not in there | absent | {"No Finding"}]
        assert all(cells[name] == clean[name] for name in others)
        assert mimic14_labels(study, set(), params) == clean

    def share(kind: str, cell: str) -> float:
        return seen[kind][cell] / 3000

    def left(kind: str, cell: str, kept: float) -> float:
        return kept * usual[kind][cell] / 3000

    assert share("absent", "1.0") == pytest.approx(0.2, abs=0.03)
    assert share("absent", "-1.0") == pytest.approx(0.3 + left("absent", "-1.0", 0.5), abs=0.03)
    assert share("there", "") == pytest.approx(0.4 + left("there", "", 0.6), abs=0.03)
    assert share("there", "1.0") == pytest.approx(left("there", "1.0", 0.6), abs=0.03)


def test_a_report_that_repeats_a_question_has_a_finding() -> None:
    cells = mimic14_labels(HEALTHY, {"Pneumonia"}, small(named_repeated=1.0))
    assert (cells["Pneumonia"], cells["No Finding"]) == ("1.0", "")
    cells = mimic14_labels(HEALTHY, {"Support Devices"}, small(named_repeated=1.0))
    assert (cells["Support Devices"], cells["No Finding"]) == ("1.0", "1.0")


def test_a_patient_has_one_race_in_every_stay_or_none() -> None:
    params, races = small(race_known=0.7, in_emergency=1.0), Counter[object]()
    for i in range(400):
        patient = replace(WOMAN, patient_id=f"1{i:07d}")
        studies = [replace(ILL, study_id=f"5{i:06d}{k}", patient=patient) for k in (0, 1)]
        stays = [stay for study in studies for stay in stays_around(study, study, params)]
        (race,) = {stay.edstay["race"] for stay in stays}
        races[race] += 1
    assert races["UNKNOWN"] / 400 == pytest.approx(0.3, abs=0.07)
    assert races["WHITE"] > races["ASIAN - CHINESE"] > 0


@pytest.mark.parametrize(
    "names", [("paraphrases", "unlisted_words"), ("named_repeated", "named_uncertain")]
)
def test_parts_of_one_whole_are_not_more_than_it(names: tuple[str, str]) -> None:
    with pytest.raises(ValidationError, match=" and ".join(names)):
        small(**dict.fromkeys(names, 0.6))


def test_label_noise_keeps_the_prevalence() -> None:
    params = small(label_noise=0.2, prevalence=dict.fromkeys(DRAWN, 0.25))
    nobody = write_indication(WOMAN, HEALTHY, rng(0))
    total = wrong = 0
    for i in range(400):
        there = dict.fromkeys(DRAWN[i % 4 :: 4], 1.0)
        study = replace(HEALTHY, study_id=f"5{i:07d}", severities=there)
        labels = label(study, nobody, params)
        total += sum(labels[name] for name in DRAWN)
        wrong += sum(labels[name] != study.truth[name] for name in DRAWN)
    cells = 400 * len(DRAWN)
    assert total / cells == pytest.approx(0.25, abs=0.015)
    assert wrong / cells == pytest.approx(2 * 0.2 * 0.25, abs=0.015)
