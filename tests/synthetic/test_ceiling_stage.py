"""The stage that scores the ceiling: from tables and predictions to aggregates."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import DataError
from camchex.synthetic.ceiling import score
from camchex.synthetic.params import DRAWN, SyntheticParams
from camchex.synthetic.people.patients import complete
from stages import score_ceiling
from tests.report.workspace import PROJECT, SEEDS, write_predictions
from tests.scores import factories
from tests.synthetic.ceiling_cohort import demo, simulate

SPLITS = {"train": 2, "development": 15, "test": 60}


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cohort, its truth, and predictions of the whole model and of the indication alone."""
    monkeypatch.chdir(tmp_path)
    write_parameters(tmp_path, {"test": 2}, 0.0)  # whose signs are measured
    write_cohort(tmp_path, SPLITS, demo(), ("predictions", "ci_only"))
    return tmp_path


def write_parameters(folder: Path, studies: dict[str, int], synergy: float) -> SyntheticParams:
    params = read_yaml(PROJECT / "profiles/demo.yaml")
    params["seeds"] = list(SEEDS)
    params["synthetic"] |= {"image_px": 32, "synergy": synergy}
    params["synthetic"]["studies"] |= studies
    (folder / "params.yaml").write_text(yaml_text(params))
    return SyntheticParams(**params["synthetic"])


def write_cohort(
    folder: Path, splits: dict[str, int], params: SyntheticParams, models: Sequence[str]
) -> None:
    """Write the tables of studies of the generator, and predictions of some models."""
    parts = [simulate(params, count, split) for split, count in splits.items()]
    labels = np.concatenate([part.labels for part in parts])
    cohort = factories.cohort(factories.invent(splits), labels)
    for name, of_part in {
        "study_id": "ids",
        "indication": "texts",
        "vitals_text": "vitals",
    }.items():
        place = cohort.column_names.index(name)
        column = [value for part in parts for value in getattr(part, of_part)]
        cohort = cohort.set_column(place, cohort.schema.field(name), [column])
    order = np.argsort(cohort["study_id"].to_pylist())
    cohort, labels = cohort.take(order), labels[order]
    present = np.concatenate([part.present for part in parts])[order]
    tables.write(cohort, folder / "cohort.parquet", schemas.cohort(CXR_LT_2023))
    tables.write(
        truth(cohort, present), folder / "truth/truth.parquet", schemas.labels(CXR_LT_2023)
    )
    for seed in SEEDS:
        for skill, model in enumerate(models, 1):
            path = folder / model / f"seed{seed}.parquet"
            write_predictions(path, cohort, labels, skill, seed)


def truth(cohort: pa.Table, present: NDArray[np.bool_]) -> pa.Table:
    """What is really there: findings of each study, (N, F)."""
    rows = [
        {"dataset": "mimic", "image_id": image, **complete({*np.array(DRAWN)[findings].tolist()})}
        for images, findings in zip(cohort["image_ids"].to_pylist(), present, strict=True)
        for image in images
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
    assert all(list(split) == ["studies", "sets"] for split in results["splits"].values())
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


def test_joint_reading_is_compared_with_separate_reading_where_shadows_are_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(score, "SIGNS_OF_EACH", 1)  # they are not looked at here
    splits = {"train": 2, "development": 4, "test": 40}
    params = write_parameters(tmp_path, splits, 1.0)
    write_cohort(tmp_path, splits, params, ("vs_only", "ci_only", "multi_view", "predictions"))
    results = run()["splits"]["test"]
    joint = results["sets"]["images+indication+vitals"]
    for row in results["separate"].values():
        gain, rounded = row["gain_of_joint"]["mAP"], 2e-6  # six decimals are written
        for side, found in (("ceiling", gain["ceiling"]), ("ours", gain["ours"]["mean"])):
            expected = joint[side]["mAP"] - row[side]["mAP"]
            assert found == pytest.approx(expected, abs=rounded)
        assert gain["share"] == pytest.approx(gain["ours"]["mean"] / gain["ceiling"], rel=1e-3)
        assert gain["ceiling"] > 0
    write_parameters(tmp_path, {"test": 39}, 1.0)  # of other findings, and without one study
    with pytest.raises(DataError, match=r"is not as `synthetic` of params\.yaml invents it"):
        run()


def test_rules_of_linkage_for_which_no_ceiling_is_known_are_refused(workspace: Path) -> None:
    params = read_yaml(workspace / "params.yaml")
    params["vitals"]["rule"] = "nearest_any"
    (workspace / "params.yaml").write_text(yaml_text(params))
    with pytest.raises(DataError, match="nearest_any"):
        run()
