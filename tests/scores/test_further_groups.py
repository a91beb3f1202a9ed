"""Groups that a further table tells: scored as the cohort's own, counted without small ones."""

import csv
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from camchex.aggregates.csv_files import Row
from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.scores.calibration_file import write_calibration
from camchex.scores.fit_calibration import fit_calibration
from camchex.scores.groups import UNKNOWN
from camchex.scores.groups.further import HIDDEN, count_groups
from camchex.scores.groups.gaps import GAPS, gap_rows
from camchex.scores.groups.subgroups import SUBGROUPS, subgroup_rows
from camchex.scores.labelled_split import Split, labelled_split
from stages import score_groups
from tests.scores import factories

RACES = ("WHITE", "BLACK/AFRICAN AMERICAN", "UNKNOWN")
NAMES = ("white", "black", UNKNOWN)


def test_small_groups_and_what_would_tell_them_are_not_counted() -> None:
    cohort = pa.table({"split": ["train"] * 30 + ["test"] * 20})
    values = ["white"] * 20 + ["black"] * 7 + ["asian"] * 3 + ["white"] * 10 + [None] * 10
    assert count_groups(cohort, values, 5) == {
        "train": {"asian": HIDDEN, "black": HIDDEN, "white": 20},
        "development": {},
        "test": {"not known": 10, "white": 10},
    }


def write_cohort() -> tuple[Split, np.ndarray]:
    """Write a cohort, its times, races, and predictions; return the test studies and these."""
    invented = factories.invent({"train": 10, "test": 300}, prevalence=0.4)
    cohort = factories.cohort(invented, invented.truth.astype(float))
    tables.write(cohort, Path("cohort.parquet"), schemas.cohort(CXR_LT_2023))
    patients = cohort["patient_id"].to_pylist()
    times = pa.array([datetime(2150, 1, 1)] * len(patients), pa.timestamp("ms"))
    kept = {name: cohort[name] for name in ("study_id", "patient_id", "split")}
    taken = pa.table({**kept, "study_time": times}).select(schemas.STUDIES.names)
    tables.write(taken.cast(schemas.STUDIES), Path("studies.parquet"), schemas.STUDIES)
    said = [f"{patient},{RACES[i % 3]}" for i, patient in enumerate(patients)]
    Path("edstays.csv").write_text("\n".join(["subject_id,race", *said]))
    guesses = factories.guesses(invented.truth.astype(float), 1.5, 0)
    predicted = factories.predictions(cohort, guesses)
    tables.write(predicted, Path("predictions/seed0.parquet"), schemas.predictions(CXR_LT_2023))
    test = labelled_split(cohort, "test", CXR_LT_2023)
    return test, guesses[10:].astype(np.float32).astype(np.float64)


def test_the_stage_scores_races_as_the_groups_of_the_cohort_are_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = read_yaml(Path("params.yaml"))
    content["seeds"] = [0]
    (tmp_path / "params.yaml").write_text(yaml_text(content))
    monkeypatch.chdir(tmp_path)
    test, given = write_cohort()
    fitted = fit_calibration(test.labels, given, CXR_LT_2023, 5)
    write_calibration(fitted, Path("calibration/seed0.json"))
    folders = {name: Path(name) for name in ("predictions", "calibration")}
    files = {name: Path(f"{name}.parquet") for name in ("studies", "cohort")}
    score_groups.main(
        characteristic="race",
        table=Path("edstays.csv"),
        out=Path("by_race"),
        counts=Path("by_race.json"),
        **folders,
        **files,
    )
    assert json.loads(Path("by_race.json").read_text())["test"] == dict.fromkeys(sorted(NAMES), 100)
    groups = {"race": [NAMES[i % 3] for i in range(10, 310)]}
    calibrated = fitted.calibrate(given, CXR_LT_2023)
    require_rows("subgroups", SUBGROUPS, subgroup_rows(test, given, groups, 0.95, 5))
    require_rows("gaps", GAPS, gap_rows(test, calibrated, fitted, groups, 0.95, 5))


def require_rows(name: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """Check that a file has these rows, of seed 0."""
    with Path(f"by_race/{name}.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert found
    for row, wanted in zip(found, rows, strict=True):
        assert row["seed"] == "0"
        for column, value in zip(columns, wanted, strict=True):
            if isinstance(value, float):
                assert float(row[column]) == pytest.approx(value, abs=1e-6), column
            else:
                assert row[column] == str(value), column
