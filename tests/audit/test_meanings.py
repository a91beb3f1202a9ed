"""The headline by what a blank and an uncertain label count as, and against labels of people."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from camchex.audit import gain
from camchex.audit.gain import (
    MEANINGS,
    NAMES,
    WITHOUT_TEXT,
    ImageOnly,
    gain_results,
    of_both_sides,
    range_of,
    with_labels,
)
from camchex.audit.scorer import Scorer
from camchex.contract import schemas
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.scores.bootstrap import draw_patients
from camchex.scores.labelled_split import LabelSet, Split, label_sets, labelled_split, matrix
from tests.scores import factories

STUDIES = 300


def split(uncertain: int | None) -> Split:
    """Test studies; of Edema and Pneumonia every third cell is what is given."""
    invented = factories.invent({"test": STUDIES})
    cohort = factories.cohort(invented, factories.leaked(invented, 0.5))
    for name in ("Edema", "Pneumonia"):
        at = cohort.schema.get_field_index(f"mimic14.{name}")
        cells = cohort.column(at).to_pylist()
        cells[::3] = [uncertain] * len(cells[::3])
        cohort = cohort.set_column(at, cohort.schema.field(at), pa.array(cells, pa.int8()))
    return labelled_split(cohort, "test", CXR_LT_2023)


@pytest.fixture(autouse=True)
def headline_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the scores by set of labels, which take most of the time."""
    monkeypatch.setattr(gain, "_of_set", lambda *_: dict.fromkeys(gain.PARTS))


def headlines(test: Split, curated: pa.Table | None = None) -> dict[str, object]:
    own, *others = (
        [factories.guesses(test.labels, skill, seed)]
        for seed, skill in enumerate((3, 1.5, 2, 2.5, 2.5, 1))
    )
    changed = dict(zip(NAMES, others, strict=True))
    reference = ImageOnly(WITHOUT_TEXT, changed[WITHOUT_TEXT])
    scorer = Scorer(draw_patients(test.patients, 20, 0), 0.9, 5)
    return gain_results(test, own, changed, reference, scorer, curated)


def test_each_meaning_is_the_headline_of_labels_that_say_so() -> None:
    found = headlines(split(-1))
    meanings = found["meanings"]
    assert meanings["left_out"] == found["surviving"]
    for name, value in (("absent", 0), ("present", 1)):
        assert meanings[name] == headlines(split(value))["surviving"]
        assert meanings[name] != found["surviving"]
    shares = [meanings[name]["share"] for name in MEANINGS]
    assert meanings["range"]["lowest"] == min(shares)
    assert meanings["range"]["highest"] == max(shares)


def test_a_label_that_is_not_stated_may_be_what_it_likes() -> None:
    """Studies whose learnt label was another, of findings that are blank, change nothing."""
    test = split(-1)
    blank = np.isnan(matrix(test.table, [f"mimic14.{name}" for name in MIMIC_14]))
    at = [CXR_LT_2023.index(name) for name in MIMIC_14]
    other = test.labels.copy()
    other[:, at] = np.where(blank, 1 - other[:, at], other[:, at])
    sets, changed = (
        label_sets(one, *MEANINGS["only_stated"]) for one in (test, replace(test, labels=other))
    )
    for key in ("labels_of_mimic14_classes", "mimic14"):
        np.testing.assert_array_equal(sets[key].labels, changed[key].labels)
        edema = sets[key].labels[:, sets[key].classes.index("Edema")]
        assert np.isnan(edema[blank[:, MIMIC_14.index("Edema")]]).all()
    assert blank.any()


def test_findings_count_that_have_both_sides_in_both_sets() -> None:
    names = ["all", "never seen", "never learnt", "none"]
    seen = LabelSet(np.array([[1, 0, 0, np.nan], [0, 0, 0, np.nan]]), range(4), names)
    unseen = LabelSet(np.array([[0, 1, 1, 0], [1, 0, 0, 1]], float), range(4), names)
    assert [one.classes for one in of_both_sides(seen, unseen)] == [["all"]] * 2


def test_a_range_leaves_out_what_has_no_share() -> None:
    none = {"share": None, "share_interval": None}
    one, two = (
        {"share": share, "share_interval": [share - 0.2, share + 0.1]} for share in (0.5, 0.9)
    )
    expected = {"lowest": 0.5, "highest": 0.9, "low": 0.3, "high": 1.0}
    assert range_of([one, none, two]) == pytest.approx(expected)
    assert set(range_of([none]).values()) == {None}


def curated_of(test: Split, rows: np.ndarray) -> pa.Table:
    """MIMIC-14's labels of some studies in any order, as if people gave them, and a stranger's."""
    columns = {name: test.table[f"mimic14.{name}"].take(rows).to_pylist() for name in MIMIC_14}
    studies = test.table["study_id"].take(rows).to_pylist()
    data = {"study_id": [*studies, "59999999"]} | {n: [*c, 1] for n, c in columns.items()}
    return pa.table(data, schema=schemas.study_labels(MIMIC_14))


def test_curated_labels_equal_to_mimic14_give_the_same_headline() -> None:
    test = split(-1)
    rows = np.random.default_rng(0).permutation(STUDIES)
    found = headlines(test, curated_of(test, rows))
    assert found["curated"] == found["surviving"]
    assert headlines(test)["curated"] is None


def test_studies_that_nobody_curated_are_unknown() -> None:
    test = split(0)
    kept = np.random.default_rng(0).permutation(STUDIES)[:100]
    sets = label_sets(with_labels(test, curated_of(test, kept)))
    original = label_sets(test)["mimic14"].labels
    rest = np.setdiff1d(np.arange(STUDIES), kept)
    assert np.isnan(sets["mimic14"].labels[rest]).all()
    assert np.isnan(sets["labels_of_mimic14_classes"].labels[rest]).all()
    np.testing.assert_array_equal(sets["mimic14"].labels[kept], original[kept])
