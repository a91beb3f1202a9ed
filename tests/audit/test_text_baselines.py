"""What an indication says without an image."""

import numpy as np
import pytest

from camchex.audit.ngrams import ngram_scores
from camchex.contract.labels import CXR_LT_2023, CXR_LT_2024_TASK3
from camchex.scores.labelled_split import labelled_split
from camchex.scores.metrics import score_classes
from camchex.texts.keywords import keyword_scores, mentions, patterns
from tests.scores import factories


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
        ("pneumomediastinum after emesis .", "Pneumomediastinum"),
    ],
)
def test_an_indication_names_what_its_words_stand_for(indication: str, expected: str) -> None:
    named = mentions([indication], CXR_LT_2023)[0]
    found = [name for name, flag in zip(CXR_LT_2023, named, strict=True) if flag]
    assert ",".join(found) == expected


def test_every_class_of_every_label_space_has_an_entry() -> None:
    assert set(patterns()) == {*CXR_LT_2023, *CXR_LT_2024_TASK3}
    assert {n for n, pattern in patterns().items() if pattern is None} == {"No Finding", "Normal"}


def test_the_name_of_a_class_is_one_of_its_words() -> None:
    names = [name for name, pattern in patterns().items() if pattern is not None]
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


def test_ngrams_learn_the_words_for_a_finding() -> None:
    invented = factories.invent({"train": 300, "test": 300}, named=0.9)
    cohort = factories.cohort(invented, invented.truth.astype(float))
    train, test = (labelled_split(cohort, split, CXR_LT_2023) for split in ("train", "test"))
    scores = score_classes(test.labels, ngram_scores(train, test), CXR_LT_2023)
    for name, score in scores.items():
        assert score.auroc is not None
        if name in factories.WORDS:
            assert score.auroc > 0.75
        else:
            assert 0.35 < score.auroc < 0.65


def test_ngrams_see_nothing_of_the_test_labels() -> None:
    invented = factories.invent({"train": 50, "test": 50})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    other = invented.truth.astype(float)
    other[50:] = 1 - other[50:]
    train = labelled_split(cohort, "train", CXR_LT_2023)
    flipped = labelled_split(factories.cohort(invented, other), "test", CXR_LT_2023)
    same = ngram_scores(train, labelled_split(cohort, "test", CXR_LT_2023))
    np.testing.assert_array_equal(ngram_scores(train, flipped), same)


def test_ngrams_without_anything_to_learn_rank_nothing() -> None:
    invented = factories.invent({"train": 40, "test": 20}, named=0)
    labels = invented.truth.astype(float)
    cohort = factories.cohort(invented, labels)
    train, test = (labelled_split(cohort, split, CXR_LT_2023) for split in ("train", "test"))
    assert not ngram_scores(train, test).any()
    invented.named[:, 20] = np.arange(60) % 2 == 0
    labels[:40, 8] = 0
    labels[:40, 9] = np.nan
    cohort = factories.cohort(invented, labels)
    train = labelled_split(cohort, "train", CXR_LT_2023)
    scores = ngram_scores(train, labelled_split(cohort, "test", CXR_LT_2023))
    assert not scores[:, [8, 9]].any()
    assert scores[:, 20].any()
