"""Scores against labels that radiologists gave: which studies, which cells, what is hidden."""

import csv
import json
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from camchex.contract import params, schemas, tables
from camchex.contract.labels import CXR_LT_2023, MIMIC_14
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from camchex.scores.benchmarks import ALL, CURATED, curated_counts, curated_rows
from camchex.scores.labelled_split import labelled_split
from camchex.scores.params import EvaluationParams
from stages import score_curated
from tests.scores import factories

STUDIES = {"development": 20, "test": 120, "train": 60}
Rows = list[dict[str, object]]


@pytest.fixture(scope="module")
def cohort() -> pa.Table:
    invented = factories.invent(STUDIES)
    return factories.cohort(invented, invented.truth.astype(float))


def radiologists(study_ids: list[str], seed: int = 3) -> pa.Table:
    """Labels at random: 1, 0, -1 and blank."""
    draw = np.random.default_rng(seed)
    values = draw.choice([1, 0, -1, None], (len(study_ids), len(MIMIC_14)), p=[0.3, 0.4, 0.1, 0.2])
    columns = {"study_id": study_ids, **dict(zip(MIMIC_14, values.T.tolist(), strict=True))}
    return pa.table(columns, schema=schemas.study_labels(MIMIC_14)).sort_by("study_id")


def rows_of(cohort: pa.Table, curated: pa.Table, **changed: int) -> tuple[Rows, np.ndarray]:
    test = labelled_split(cohort, "test", CXR_LT_2023)
    guesses = np.random.default_rng(0).random((len(test.labels), len(CXR_LT_2023)))
    evaluation = params.load("evaluation", EvaluationParams).model_copy(update=changed)
    rows = curated_rows(test, curated, {0: guesses}, evaluation)
    return [dict(zip(CURATED, row, strict=True)) for row in rows], guesses


def test_scores_are_scikit_learns_on_the_curated_test_studies_alone(cohort: pa.Table) -> None:
    by_split = {
        split: cohort.filter(pa.compute.equal(cohort["split"], split))["study_id"].to_pylist()
        for split in STUDIES
    }
    chosen = by_split["test"][::2]
    curated = radiologists([*chosen, *by_split["train"], *by_split["development"], "59999999"])
    rows, guesses = rows_of(cohort, curated)
    mean = next(r for r in rows if r["finding"] == ALL)
    assert (mean["studies"], mean["blank"], mean["uncertain"]) == (60, "negative", "left out")
    labels = {row["study_id"]: row for row in curated.to_pylist()}
    at = [by_split["test"].index(study) for study in chosen]
    found = []
    for name in MIMIC_14:
        cells = [labels[study][name] for study in chosen]
        kept = [i for i, cell in enumerate(cells) if cell != -1]
        truth = [int(cells[i] or 0) for i in kept]
        predicted = guesses[[at[i] for i in kept], CXR_LT_2023.index(name)]
        (row,) = [r for r in rows if r["finding"] == name]
        assert row["mAP"] == pytest.approx(average_precision_score(truth, predicted))
        assert row["AUROC"] == pytest.approx(roc_auc_score(truth, predicted))
        assert row["positives"] == sum(truth)
        found.append(row)
    assert mean["mAP"] == pytest.approx(np.mean([row["mAP"] for row in found]))
    assert curated_counts(curated, cohort) == {
        "studies": 141,
        "by_split": {"train": 60, "development": 20, "test": 60, "none": 1},
    }


def test_few_positives_are_hidden_and_few_studies_give_no_row(cohort: pa.Table) -> None:
    tested = cohort.filter(pa.compute.equal(cohort["split"], "test"))["study_id"].to_pylist()
    table = radiologists(tested)
    few = pa.array([1] * 3 + [0] * (len(tested) - 3), pa.int8())
    table = table.set_column(table.column_names.index("Edema"), "Edema", few)
    rows, _ = rows_of(cohort, table)
    (hidden,) = [r for r in rows if r["finding"] == "Edema"]
    assert hidden["positives"] == "<5"
    assert [hidden[name] for name in CURATED[-6:]] == [None] * 6
    assert rows_of(cohort, table.slice(0, 4))[0] == []
    assert rows_of(cohort, table.slice(0, 0))[0] == []


def test_the_stage_writes_labels_scores_of_every_seed_and_counts(
    cohort: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = read_yaml(Path("params.yaml"))
    content["seeds"] = [0, 1]
    content["evaluation"]["bootstrap"]["resamples"] = 20
    (tmp_path / "params.yaml").write_text(yaml_text(content))
    monkeypatch.chdir(tmp_path)
    tables.write(cohort, Path("cohort.parquet"), schemas.cohort(CXR_LT_2023))
    for seed in (0, 1):
        draw = np.random.default_rng(seed).random((cohort.num_rows, len(CXR_LT_2023)))
        predicted = factories.predictions(cohort, draw)
        path = Path(f"predictions/seed{seed}.parquet")
        tables.write(predicted, path, schemas.predictions(CXR_LT_2023))
    studies = cohort["study_id"].to_pylist()
    raw = [f"{study},1,0" if int(study) % 3 else f"s{study},,-1" for study in studies]
    Path("raw.csv").write_text("\n".join(["study_id,Airspace Opacity,Edema", *raw]))
    score = partial(
        score_curated.main,
        table=Path("raw.csv"),
        cohort=Path("cohort.parquet"),
        predictions=Path("predictions"),
        labels=Path("curated.parquet"),
        out=Path("curated.csv"),
        counts=Path("counts.json"),
    )
    score()
    labels = tables.read(Path("curated.parquet"), schemas.study_labels(MIMIC_14))
    assert labels.num_rows == 200
    with Path("curated.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert json.loads(Path("counts.json").read_text())["by_split"]["test"] == 120
    other = [f"{study},7777777,1" for study in studies]
    Path("raw.csv").write_text("\n".join(["study_id,subject_id,Edema", *other]))
    with pytest.raises(DataError, match=r"raw\.csv, line 2, column 'subject_id': found '7777777'"):
        score()
