"""The labels that radiologists gave to the test set of MIMIC-CXR-JPG 2.1.0."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from camchex.contract import schemas, tables
from camchex.contract.labels import MIMIC_14
from camchex.errors import DataError
from camchex.sources.mimic.curated import count_contradictions, read_curated
from tests.sources.raw import Row, published

# As published: no patient, no No Finding, and another name of Lung Opacity.
FINDINGS = [n for n in MIMIC_14 if n not in ("Lung Opacity", "No Finding")]
HEADER = ("study_id", *FINDINGS, "Airspace Opacity")


def table(folder: Path, *rows: Row, header: Sequence[str] = HEADER) -> Path:
    return published(folder / "mimic-cxr-2.1.0-test-set-labeled.csv", header, rows)


def test_airspace_opacity_is_lung_opacity_and_values_are_as_published(tmp_path: Path) -> None:
    rows = [
        {"study_id": 51, "Airspace Opacity": 1, "Edema": -1},
        {"study_id": "s50", "Airspace Opacity": "0.0", "Fracture": "1.0"},
    ]
    found = read_curated(table(tmp_path, *rows))
    first, second = found.to_pylist()
    assert {n: v for n, v in first.items() if v is not None} == {
        "study_id": "50",
        "Lung Opacity": 0,
        "Fracture": 1,
    }
    assert {n: v for n, v in second.items() if v is not None} == {
        "study_id": "51",
        "Lung Opacity": 1,
        "Edema": -1,
    }
    tables.write(found, tmp_path / "curated.parquet", schemas.study_labels(MIMIC_14))


def test_a_file_with_the_names_of_the_labeler_is_read_too(tmp_path: Path) -> None:
    row = {"study_id": 50, "Lung Opacity": 1, "No Finding": 0}
    found = read_curated(table(tmp_path, row, header=("subject_id", "study_id", *MIMIC_14)))
    assert found["Lung Opacity"].to_pylist() == [1]
    assert found["No Finding"].to_pylist() == [0]


@pytest.mark.parametrize(
    ("header", "rows", "message"),
    [
        (HEADER, [{"study_id": 50, "Edema": 2}], "line 2, column 'Edema': found '2'"),
        (HEADER, [{"study_id": 50}, {"study_id": "s50"}], "line 3, column 'study_id'"),
        ((*HEADER, "Covid"), [{"study_id": 50}], "unknown column 'Covid'"),
        (
            (*HEADER[:-1], "airspace_opacity"),
            [{"study_id": 50}],
            "'airspace_opacity'.*: Write 'Airspace Opacity', as published",
        ),
        ((*HEADER, "Lung Opacity"), [{"study_id": 50}], "Lung Opacity and Airspace Opacity"),
        (("study_id",), [{"study_id": 50}], "no column of a finding"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, header: Sequence[str], rows: list[Row], message: str
) -> None:
    with pytest.raises(DataError, match=rf"test-set-labeled\.csv.*{message}"):
        read_curated(table(tmp_path, *rows, header=header))


@pytest.mark.parametrize(
    ("cells", "contradictions"),
    [
        ({"No Finding": 1, "Edema": 1}, 1),
        ({"No Finding": 1, "Lung Opacity": 1}, 1),
        ({"No Finding": 1, "Edema": -1}, 0),
        ({"No Finding": 1, "Support Devices": 1}, 0),
        ({"No Finding": 0, "Edema": 1}, 0),
        ({"Edema": 1}, 0),
    ],
)
def test_no_finding_beside_a_finding_stays_and_is_counted(
    tmp_path: Path, cells: Row, contradictions: int
) -> None:
    header = ("study_id", *MIMIC_14)
    rows = [{"study_id": 50, **cells}, {"study_id": 51, "No Finding": 1}]
    found = read_curated(table(tmp_path, *rows, header=header))
    assert {n: found[n][0].as_py() for n in cells} == cells
    assert count_contradictions(found) == contradictions
