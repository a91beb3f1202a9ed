"""The stage that scores the ceiling: from tables and predictions to aggregates."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from stages import score_ceiling
from tests.report.workspace import PROJECT, SEEDS, write_predictions
from tests.scores import factories
from tests.synthetic.ceiling_cohort import demo, simulate

SPLITS = {"train": 2, "development": 15, "test": 60}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cohort, its truth, and predictions of the whole model and of the indication alone."""
    params = read_yaml(PROJECT / "profiles/demo.yaml")
    params["seeds"] = list(SEEDS)
    params["synthetic"]["image_px"] = 32
    params["synthetic"]["studies"]["test"] = 2  # whose signs are measured
    (tmp_path / "params.yaml").write_text(yaml_text(params))
    invented = factories.invent(SPLITS)
    seen = simulate(demo(), len(invented.truth))
    cohort = factories.cohort(invented, seen.labels)
    for name, column in {"indication": seen.texts, "vitals_text": seen.vitals}.items():
        place = cohort.column_names.index(name)
        cohort = cohort.set_column(place, cohort.schema.field(name), [column])
    tables.write(cohort, tmp_path / "cohort.parquet", schemas.cohort(CXR_LT_2023))
    tables.write(truth(cohort), tmp_path / "truth/truth.parquet", schemas.labels(CXR_LT_2023))
    for seed in SEEDS:
        for folder in ("predictions", "ci_only"):
            path = tmp_path / folder / f"seed{seed}.parquet"
            write_predictions(path, cohort, seen.labels, 2, seed)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def truth(cohort: pa.Table) -> pa.Table:
    """As published, without a finding that is not labelled."""
    rows = [
        {"dataset": "mimic", "image_id": image, **{name: row[name] for name in CXR_LT_2023}}
        for row in cohort.to_pylist()
        for image in row["image_ids"]
    ]
    rows.sort(key=lambda row: row["image_id"])
    return pa.Table.from_pylist(rows, schemas.labels(CXR_LT_2023))


def run() -> dict[str, Any]:
    score_ceiling.main(
        cohort=Path("cohort.parquet"),
        truth=Path("truth"),
        predictions=Path("predictions"),
        images=Path("multi_view"),
        indication=Path("ci_only"),
        vitals=Path("vs_only"),
        out=Path("metrics/ceiling.json"),
    )
    return dict(json.loads(Path("metrics/ceiling.json").read_text()))


@pytest.mark.usefixtures("workspace")
def test_the_stage_writes_every_set_of_modalities_and_says_that_it_is_synthetic() -> None:
    results = run()
    assert results["data"] == "synthetic"
    sets = results["splits"]["test"]["sets"]
    assert list(sets) == [
        "indication", "vitals", "indication+vitals", "images", "images+indication+vitals",
    ]  # fmt: skip
    assert {name for name, one in sets.items() if one["ours"]} == {
        "indication", "images+indication+vitals",
    }  # fmt: skip
    assert {name for name, one in sets.items() if one["bound"]} == {
        "images", "images+indication+vitals",
    }  # fmt: skip
    assert results["seen"]["development"]["with_indication"] == SPLITS["development"]
    assert results["sign_strength"]["studies"] == 2
    assert list(results["splits"]["development"]["sets"]) == list(sets)
    assert all(np.isfinite(one["ceiling"]["mAP"]) for one in sets.values())


def test_rules_of_linkage_for_which_no_ceiling_is_known_are_refused(workspace: Path) -> None:
    params = read_yaml(workspace / "params.yaml")
    params["vitals"]["rule"] = "nearest_any"
    (workspace / "params.yaml").write_text(yaml_text(params))
    with pytest.raises(DataError, match="nearest_any"):
        run()
