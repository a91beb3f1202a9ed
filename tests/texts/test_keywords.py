"""The words for findings: what an indication names."""

import csv
from pathlib import Path

import pytest

from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK3
from camchex.texts.cleaning import clean_indication
from camchex.texts.keywords import entries, keyword_scores, lexicon, mentions
from camchex.texts.params import Cleaner

WORDINGS = Path(__file__).with_name("wordings.csv")
CLEANERS: tuple[Cleaner, ...] = ("none", "corrected")


@pytest.mark.parametrize(
    ("indication", "expected"),
    [
        (
            "year old woman with bilateral pleural effusions r/o ptx .",
            "Pleural Effusion,Pneumothorax",
        ),
        ("s/p right vats mediastinal bx pna pna .", "Pneumonia"),
        ("h/o chf now with dyspnea .", "Edema"),
        ("-year-old female with shortness of breath .", ""),
        ("cough sob fever .", ""),
        ("r/o subcutaneous emphysema .", "Subcutaneous Emphysema"),
        ("copd exacerbation .", "Emphysema"),
        ("fall from standing rule out rib fx .", "Fracture"),
        ("ett placement .", "Support Devices"),
        ("new ascites eval for free air under the diaphragm .", "Pneumoperitoneum"),
        ("known lung mass and multiple nodules .", "Mass,Nodule"),
        ("widened mediastinum after mvc .", "Enlarged Cardiomediastinum"),
        ("Eval Pneumonia", "Pneumonia"),
        ("massive transfusion .", ""),
        ("hernia repair .", "Hernia"),
        ("pre-op for hernia repair .", "Hernia"),
        ("s/p hernia repair .", ""),
        ("status post paraesophageal hernia repair now with fever .", ""),
        ("s/p repair of hiatal hernia r/o ptx .", "Pneumothorax"),
        ("h/o mediastinal mass resection .", ""),
        ("s/p resection of lung mass eval for recurrent mass .", "Mass"),
        ("s/p left upper lobectomy for lung cancer .", ""),
        ("s/p wedge resection of nodule .", ""),
        ("s/p lobectomy eval for effusion .", "Pleural Effusion"),
        ("s/p aortic aneurysm repair .", ""),
        ("s/p rib fracture repair .", "Fracture"),  # it is still seen
        ("s/p removal of chest tube .", ""),
        ("post pacemaker removal .", ""),
        ("s/p chest tube removal for ptx .", "Pneumothorax"),
        ("s/p thoracentesis for effusion .", "Pleural Effusion"),
        ("resolved pneumonia .", ""),
        ("pneumonia has resolved .", ""),
        ("pneumonia resolved ?", "Pneumonia"),
        ("eval for resolution of pneumonia .", "Pneumonia"),
        ("treated pneumonia .", "Pneumonia"),  # the question is whether it is gone
        ("pneumomediastinum after emesis .", "Pneumomediastinum"),
    ],
)
def test_an_indication_names_what_its_words_stand_for(indication: str, expected: str) -> None:
    named = mentions([indication], CXR_LT_2023)[0]
    found = [name for name, flag in zip(CXR_LT_2023, named, strict=True) if flag]
    assert ",".join(found) == expected


def test_every_class_of_every_label_space_has_an_entry() -> None:
    assert set(entries()) == {*CXR_LT_2023, *CXR_LT_2024_TASK3}
    assert {name for name in entries() if lexicon(name) is None} == {"No Finding", "Normal"}


def test_the_name_of_a_class_is_one_of_its_words() -> None:
    names = [name for name in entries() if lexicon(name)]
    said = {"Pleural Other": "pleural disease"}
    for name in names:
        text = said.get(name, name).lower()
        assert mentions([text], [name])[0, 0], name


@pytest.mark.parametrize(
    ("classes", "nothing"), [(CXR_LT_2023, "No Finding"), (CXR_LT_2024_TASK3, "Normal")]
)
def test_no_finding_scores_where_nothing_is_named(classes: tuple[str, ...], nothing: str) -> None:
    named = mentions([None, "r/o pna .", "chest pain ."], classes)
    scores = keyword_scores(named, classes)
    assert scores[:, classes.index(nothing)].tolist() == [1, 0, 1]
    assert scores[:, classes.index("Pneumonia")].tolist() == [0, 1, 0]


def test_requests_as_they_are_written_name_what_they_ask_for() -> None:
    with WORDINGS.open(encoding="utf-8", newline="") as file:
        rows = [(row["request"], row["classes"].split(";")) for row in csv.DictReader(file)]
    for cleaner in CLEANERS:
        texts = [clean_indication(request, cleaner) for request, _ in rows]
        named = mentions(texts, CXR_LT_2023)
        wrong = [
            (request, found)
            for (request, expected), flags in zip(rows, named, strict=True)
            if (found := [n for n, flag in zip(CXR_LT_2023, flags, strict=True) if flag] or [""])
            != expected
        ]
        assert not wrong, cleaner


def test_few_texts_are_read_as_many_are() -> None:
    texts = ["r/o pna, no ptx", None, "hip fx", "eval for mets"] * 30
    many = mentions(texts, CXR_LT_2023)
    assert (many[:4] == mentions(texts[:4], CXR_LT_2023)).all()
    assert many.any(axis=1).tolist() == [True, False, False, True] * 30
