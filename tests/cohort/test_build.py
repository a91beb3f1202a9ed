"""The cohort: every study once, with all that is known of it, and no patient in two splits."""

import dataclasses
import math
import random
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from camchex.aggregates.small_cells import Share
from camchex.cohort.build import CohortInputs, build_cohort
from camchex.contract import schemas, tables
from camchex.contract.labels import MIMIC_14
from camchex.errors import DataError
from camchex.texts.vitals_text import vitals_text

CLASSES = ("Edema", "No Finding")
IMAGES = {  # image: patient, study, view
    "a2": ("p1", "s1", "frontal"),
    "a1": ("p1", "s1", "lateral"),
    "a3": ("p1", "s1", "frontal"),
    "b1": ("p2", "s2", "lateral"),
    "c1": ("p3", "s3", "frontal"),
    "d1": ("p4", "s4", "frontal"),
}
SPLITS = {"s1": "train", "s2": "development", "s3": "test", "s4": None}
GENDERS = {"s1": "F", "s2": "M"}
TEXTS = {study: vitals_text({}, GENDERS.get(study)) for study in SPLITS}
EDEMA = {"s1": 1.0, "s2": None, "s3": 0.0}


def table(rows: list[dict], schema: pa.Schema) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=schema)


def inputs(**other: pa.Table) -> CohortInputs:
    images = [
        {
            "dataset": "mimic",
            "image_id": image,
            "patient_id": patient,
            "study_id": study,
            "view": view,
            "view_source": "ViewPosition",
            "path": f"{image}.jpg",
        }
        for image, (patient, study, view) in IMAGES.items()
    ]
    patients = {study: patient for patient, study, _ in IMAGES.values()}
    studies = [
        {
            "study_id": s,
            "patient_id": patients[s],
            "study_time": datetime(2150, 1, 1),
            "split": split,
        }
        for s, split in SPLITS.items()
    ]
    labels = [
        {"dataset": "mimic", "image_id": image, "Edema": EDEMA[study], "No Finding": 0.0}
        for image, (_, study, _) in IMAGES.items()
        if study in EDEMA
    ]
    mimic14 = [{"study_id": "s1", "Edema": -1}, {"study_id": "s3", "No Finding": 1}]
    indications = [
        {"study_id": "s1", "indication": "cough", "findings_suspected": False},
        {"study_id": "s2", "findings_suspected": False},
    ]
    vitals = [
        {"study_id": s, "vitals_text": TEXTS[s], "stay_id": "30" if s == "s1" else None}
        | {"gender": GENDERS.get(s)}
        for s in SPLITS
    ]
    tables_by_name = {
        "images": table(images, schemas.IMAGES),
        "labels": table(labels, schemas.labels(CLASSES)),
        "studies": table(studies, schemas.STUDIES),
        "mimic14": table(mimic14, schemas.study_labels(MIMIC_14)),
        "indications": table(indications, schemas.INDICATIONS),
        "vitals": table(vitals, schemas.VITALS),
    }
    return CohortInputs(**{**tables_by_name, **other})


def build(**other: pa.Table) -> list[dict]:
    cohort, _ = build_cohort(inputs(**other), IMAGES, CLASSES)
    rows: list[dict] = cohort.to_pylist()
    return rows


def with_split(study: str, split: str) -> pa.Table:
    rows = [
        {**row, "split": split} if row["study_id"] == study else row
        for row in inputs().studies.to_pylist()
    ]
    return table(rows, schemas.STUDIES)


def test_a_study_has_its_images_frontal_first_then_by_id() -> None:
    row = build()[0]
    assert row["image_ids"] == ["a2", "a3", "a1"]
    assert row["views"] == ["frontal", "frontal", "lateral"]


def test_a_study_has_its_texts_and_both_kinds_of_labels() -> None:
    first, second, third = build()
    assert (first["indication"], first["vitals_text"]) == ("cough", TEXTS["s1"])
    assert (first["Edema"], first["mimic14.Edema"], first["mimic14.No Finding"]) == (1, -1, None)
    assert (second["indication"], second["Edema"], second["mimic14.Edema"]) == (None, None, None)
    assert (third["indication"], third["Edema"], third["mimic14.No Finding"]) == (None, 0, 1)


def test_studies_left_out_are_counted_with_their_reason() -> None:
    cohort, counts = build_cohort(inputs(), {"a1", "c1", "d1"}, CLASSES)
    assert cohort["study_id"].to_pylist() == ["s1", "s3"]
    assert cohort["image_ids"].to_pylist() == [["a1"], ["c1"]]
    assert counts["left_out"] == {"no_split": 1, "no_prepared_image": 1}
    assert counts["images_not_prepared"] == 3
    assert counts["studies"] == 4


def test_each_split_is_counted() -> None:
    _, counts = build_cohort(inputs(), IMAGES, CLASSES)
    assert counts["splits"]["train"] == {
        "studies": 1,
        "patients": 1,
        "images": {"frontal": 2, "lateral": 1},
        "studies_by_images": {"1": 0, "2": 0, "3": 1, "4": 0, "5 or more": 0},
        "without_indication": 0,
        "indication_reads_like_findings": 0,
        "outside_ed_stay": 0,
        "without_mimic14": 0,
        "positive": {"Edema": Share(1, of=1), "No Finding": Share(0, of=1)},
        "positive_images": {"Edema": Share(3, of=3), "No Finding": Share(0, of=3)},
    }
    development = counts["splits"]["development"]
    missing = ("without_indication", "outside_ed_stay", "without_mimic14")
    assert [development[name] for name in missing] == [1, 1, 1]


def test_labels_of_an_image_that_was_not_prepared_still_are_its_studys() -> None:
    only_unprepared = inputs().labels.filter(
        pa.array([i == "a2" for i in inputs().labels["image_id"].to_pylist()])
    )
    others = [r for r in inputs().labels.to_pylist() if not r["image_id"].startswith("a")]
    labels = pa.concat_tables([only_unprepared, table(others, schemas.labels(CLASSES))])
    cohort, _ = build_cohort(inputs(labels=labels), {"a1", "b1", "c1"}, CLASSES)
    assert cohort["Edema"].to_pylist()[0] == 1


def test_a_patient_in_two_splits_is_refused() -> None:
    studies = pa.concat_tables(
        [
            inputs().studies.slice(0, 3),
            table(
                [
                    {
                        "study_id": "s4",
                        "patient_id": "p1",
                        "study_time": datetime(2151, 1, 1),
                        "split": "test",
                    }
                ],
                schemas.STUDIES,
            ),
        ]
    )
    with pytest.raises(DataError, match=r"patient p1 .*split train and split test"):
        build(studies=studies)


def test_a_study_without_labels_is_refused() -> None:
    with pytest.raises(DataError, match="study s4 has no labels"):
        build(studies=with_split("s4", "test"))


def test_a_study_without_vital_signs_is_refused() -> None:
    with pytest.raises(DataError, match="study s3 has no vital signs"):
        build(vitals=inputs().vitals.slice(0, 2))


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"'split': 1 wrong values, the first 'validate' .*study_id s2\); expected one of",
    ):
        build(studies=with_split("s2", "validate"))


def test_labels_that_differ_within_a_study_are_refused() -> None:
    rows = inputs().labels.to_pylist()
    rows[0]["Edema"] = 0.0
    with pytest.raises(DataError, match=r"study s1 .*'Edema'"):
        build(labels=table(rows, schemas.labels(CLASSES)))


def test_labels_partly_unknown_within_a_study_are_refused() -> None:
    rows = inputs().labels.to_pylist()
    rows[0]["Edema"] = None
    with pytest.raises(DataError, match=r"study s1 .*'Edema'"):
        build(labels=table(rows, schemas.labels(CLASSES)))


def test_labels_of_another_data_set_are_refused() -> None:
    row = {"dataset": "mimic", "image_id": "z", "Edema": 0.0, "No Finding": 0.0}
    labels = pa.concat_tables([inputs().labels, table([row], schemas.labels(CLASSES))])
    with pytest.raises(DataError, match="image z is not in the table of images"):
        build(labels=labels)


def changed(name: str, column: str, row: int, value: object) -> dict[str, pa.Table]:
    """One of the tables, with one value replaced."""
    whole = getattr(inputs(), name)
    rows = whole.to_pylist()
    rows[row][column] = value
    return {name: table(rows, whole.schema)}


def twice(name: str) -> dict[str, pa.Table]:
    """One of the tables, its first row once more."""
    whole = getattr(inputs(), name)
    return {name: pa.concat_tables([whole, whole.slice(0, 1)])}


CONTRADICTIONS = {
    "a study twice": (twice("studies"), "mimic/studies.parquet: column 'study_id': 1 wrong values"),
    "a study's text twice": (
        twice("indications"),
        "indications.parquet: column 'study_id': 1 wrong",
    ),
    "an image's labels twice": (
        twice("labels"),
        "mimic/labels.parquet: column 'image_id': 1 wrong",
    ),
    "a label of 2": (changed("labels", "Edema", 0, 2.0), "'Edema': 1 wrong values, the first 2.0"),
    "a label of -1": (changed("labels", "Edema", 0, -1.0), "the first -1.0 in row 0 .image_id a2"),
    "a label that is no number": (changed("labels", "Edema", 0, math.nan), "the first nan in row"),
    "a published label of 2": (changed("mimic14", "Edema", 0, 2), "expected one of -1, 0, 1"),
    "a vital sign that is no number": (
        changed("vitals", "temperature_f", 1, math.inf),
        "vitals.parquet: column 'temperature_f': 1 wrong values, the first inf .* null if unknown",
    ),
    "a view in capitals": (changed("images", "view", 0, "FRONTAL"), "the first 'FRONTAL' in row 0"),
    "a study of two patients": (changed("images", "patient_id", 0, "p9"), "the first 'p9' in row"),
    "an image of no study": (
        changed("images", "study_id", 4, "s9"),
        "study s9 is not in the table",
    ),
    "a text of no study": (changed("indications", "study_id", 0, "s9"), "study s9 is not in the t"),
    "an image of another set": (
        changed("images", "dataset", 0, "nih"),
        "column 'dataset': 1 wrong",
    ),
    "a patient who is missing": (
        changed("studies", "patient_id", 0, "nan"),
        "the first 'nan' in row",
    ),
    "a study that nobody sees": (
        changed("images", "study_id", 0, "s1\u200b"),
        "the first 's1.u200b",
    ),
    "a patient of no name": (
        changed("studies", "patient_id", 0, None),
        "1 nulls, the first in row 0",
    ),
}


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_no_study_is_made_of_tables_that_are_wrong(case: str) -> None:
    other, expected = CONTRADICTIONS[case]
    with pytest.raises(DataError, match=expected):
        build(**other)


def test_a_split_without_a_known_label_is_refused() -> None:
    rows = [{**row, "Edema": None, "No Finding": None} for row in inputs().labels.to_pylist()]
    with pytest.raises(DataError, match="of 1 studies in split train, 0 have a known label"):
        build(labels=table(rows, schemas.labels(CLASSES)))


def test_prepared_images_of_another_cohort_are_refused() -> None:
    with pytest.raises(DataError, match="prepared images: of 2 rows, none belong to images"):
        build_cohort(inputs(), {"z1", "z2"}, CLASSES)


def test_an_empty_cohort_is_refused() -> None:
    with pytest.raises(DataError, match="no study has both a split and a prepared image"):
        build_cohort(inputs(), set(), CLASSES)


@settings(max_examples=12, deadline=None)
@given(st.sets(st.sampled_from(sorted(IMAGES)), min_size=1), st.integers(0, 99))
def test_every_prepared_image_of_a_split_is_in_its_study_once(
    prepared: set[str], seed: int
) -> None:
    wanted = {i for i in prepared if SPLITS[IMAGES[i][1]] is not None}
    if not wanted:
        return
    order = list(prepared)
    random.Random(seed).shuffle(order)  # noqa: S311  # repeatable, not secret
    cohort, _ = build_cohort(inputs(), order, CLASSES)
    found = [
        (s, i) for s, ids in zip(*cohort.select([0, 3]).columns, strict=True) for i in ids.as_py()
    ]
    assert sorted((str(s), i) for s, i in found) == sorted((IMAGES[i][1], i) for i in wanted)


def test_the_same_studies_give_the_same_bytes_whatever_the_order_of_rows(tmp_path: Path) -> None:
    reordered = {
        f.name: getattr(inputs(), f.name).take(
            pa.array(range(getattr(inputs(), f.name).num_rows)[::-1], pa.int64())
        )
        for f in dataclasses.fields(CohortInputs)
    }
    for name, tables_given in (("a", inputs()), ("b", CohortInputs(**reordered))):
        cohort, _ = build_cohort(tables_given, IMAGES, CLASSES)
        tables.write(cohort, tmp_path / name, schemas.cohort(CLASSES))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
