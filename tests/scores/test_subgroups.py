"""Subgroups: who is in which, what is hidden, and that the scores are of those studies."""

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score

from camchex.contract.labels import CXR_LT_2023
from camchex.scores.groups.subgroups import SUBGROUPS, characteristics, subgroup_rows
from camchex.scores.labelled_split import Split, labelled_split
from camchex.texts.vitals_text import vitals_text
from tests.scores import factories


@pytest.fixture
def test() -> Split:
    """Three in ten women, three in ten men, the others outside the emergency department."""
    invented = factories.invent({"train": 10, "test": 200})
    cohort = factories.cohort(invented, invented.truth.astype(float))
    texts = [
        vitals_text({"heart_rate_bpm": 80.0}, "F")
        if i % 10 < 3
        else vitals_text({}, "M" if i % 10 < 6 else None)
        for i in range(210)
    ]
    at = cohort.column_names.index("vitals_text")
    return labelled_split(
        cohort.set_column(at, cohort.schema.field("vitals_text"), [pa.array(texts)]),
        "test",
        CXR_LT_2023,
    )


def test_a_study_is_in_the_subgroup_that_its_row_says(test: Split) -> None:
    table = test.table.slice(0, 10)
    positions = {f"{study}-0": "AP" for study in table["study_id"].to_pylist()}
    found = characteristics(table, positions)
    assert found["sex"] == ["F"] * 3 + ["M"] * 3 + ["not known"] * 4
    assert found["emergency department"] == ["yes"] * 6 + ["no"] * 4
    assert found["vital signs"] == ["yes"] * 3 + ["no"] * 7
    views = table["views"].to_pylist()
    expected = {1: "AP only", 2: "AP + lateral", 3: "AP + frontal + lateral"}
    assert found["view positions"] == [expected[len(v)] for v in views]
    assert found["views"] == [{1: "frontal"}.get(len(v), "frontal + lateral") for v in views]
    assert found["images"] == [{3: "3 or more"}.get(len(v), str(len(v))) for v in views]
    texts = table["indication"].to_pylist()
    assert found["indication"] == ["no" if t is None else "yes" for t in texts]
    assert "view positions" not in characteristics(table)


def test_the_score_of_a_subgroup_is_of_its_studies_and_classes(test: Split) -> None:
    guesses = factories.guesses(test.labels, 2, 0)
    groups = {"sex": characteristics(test.table)["sex"]}
    rows = [
        dict(zip(SUBGROUPS, row, strict=True))
        for row in subgroup_rows(test, guesses, groups, 0.95, 9)
    ]
    assert [(r["value"], r["studies"]) for r in rows] == [("F", 60), ("M", 60), ("not known", 80)]
    values = np.array(groups["sex"])
    classes = [
        q
        for q in range(26)
        if all(
            9 <= test.labels[values == v, q].sum() <= (values == v).sum() - 9 for v in set(values)
        )
    ]
    assert 0 < len(classes) < 26
    for row in rows:
        own = values == row["value"]
        scores = [average_precision_score(test.labels[own, q], guesses[own, q]) for q in classes]
        assert row["classes"] == len(classes)
        assert row["mAP"] == pytest.approx(np.mean(scores))
        assert row["mAP_low"] < row["mAP_high"]
        assert row["chance_mAP"] == pytest.approx(test.labels[own][:, classes].mean())


def test_a_value_with_few_studies_is_listed_and_does_not_restrict_the_others(test: Split) -> None:
    guesses = factories.guesses(test.labels, 2, 0)
    values = ["large"] * 120 + ["middle"] * 68 + ["tiny"] * 12
    rows = {
        row[1]: dict(zip(SUBGROUPS, row, strict=True))
        for row in subgroup_rows(test, guesses, {"kind": values}, 0.95, 5)
    }
    assert rows["tiny"]["studies"] == 12
    assert rows["tiny"]["mAP"] is None
    assert rows["large"]["classes"] == rows["middle"]["classes"] > 20
    assert rows["middle"]["mAP"] is not None
