import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from camchex.contract import schemas, tables
from camchex.contract.labels import CXR_LT_2023
from camchex.contract.yaml_file import read_yaml
from camchex.errors import DataError
from camchex.synthetic.truth import score_pseudo_labels
from stages import score_pseudo_labels as score_stage
from tests.report.workspace import PROJECT

IDS = [f"{i:02d}" for i in range(60)]
PRESENT = [float(i % 3 == 0) for i in range(60)]


def scored(guess: list[float], published: list[float | None]) -> dict[str, object]:
    order = np.random.default_rng(0).permutation(60)
    truth = pa.table({"image_id": IDS, "Mass": pa.array(PRESENT, pa.float32())}).take(order)
    pseudo = {"nih": pa.table({"image_id": IDS, "Mass": pa.array(guess, pa.float32())})}
    labels = {"nih": pa.table({"image_id": IDS, "Mass": pa.array(published, pa.float32())})}
    return score_pseudo_labels(pseudo, labels, truth, ["Mass"])


@pytest.mark.parametrize(("sign", "auroc"), [(1, 1.0), (-1, 0.0)])
def test_the_score_ranks_the_truth_in_any_order_of_rows(sign: int, auroc: float) -> None:
    assert scored([sign * value for value in PRESENT], [None] * 60)["AUROC"] == auroc


def test_only_unknown_cells_are_scored() -> None:
    known = [PRESENT[i] if i < 24 else None for i in range(60)]
    wrong_where_known = [1 - v if i < 24 else v for i, v in enumerate(PRESENT)]
    assert scored(wrong_where_known, known)["AUROC"] == 1.0


def test_few_cells_are_not_scored() -> None:
    known = [PRESENT[i] if i < 33 else None for i in range(60)]  # 9 positives are unknown
    found = scored(PRESENT, known)
    assert found["AUROC"] is None
    assert found["by_set"] == {"nih": {"AUROC": None, "classes": 0, "lowest": {}}}


@pytest.mark.parametrize("lacking", ["the hidden truth", "the published labels"])
def test_an_image_that_only_the_pseudo_labels_hold_is_an_error(lacking: str) -> None:
    whole = pa.table({"image_id": IDS, "Mass": pa.array(PRESENT, pa.float32())})
    truth, labels = whole, whole
    if lacking == "the hidden truth":
        truth = whole.slice(1)
    else:
        labels = whole.slice(1)
    with pytest.raises(DataError, match=f"{lacking}: lacks 1 of the 60 images .* first 00"):
        score_pseudo_labels({"nih": whole}, {"nih": labels}, truth, ["Mass"])


def test_the_stage_says_of_which_spread_each_generation_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(PROJECT / "params.yaml", tmp_path)
    real = np.tile([1.0, 0.0], 20)
    every = dict.fromkeys(CXR_LT_2023, real)
    keys = list(read_yaml(PROJECT / "params.yaml")["external"])
    hidden = []
    for key in keys:
        ids = {"image_id": [f"{key}{i:02}" for i in range(40)]}
        hidden.append({"dataset": [key] * 40, **ids, **every})
        unknown = dict.fromkeys(CXR_LT_2023, [None] * 40)
        write(f"labels/{key}/labels.parquet", schemas.labels, {**hidden[-1], **unknown})
        for generation, guesses in (("gen0", real), ("gen1", 1 - real)):
            filled = {**ids, **dict.fromkeys(CXR_LT_2023, guesses)}
            write(f"pseudo/{generation}/{key}.parquet", schemas.pseudo_labels, filled)
    together = {name: np.concatenate([part[name] for part in hidden]) for name in hidden[0]}
    order = np.argsort(together["dataset"], kind="stable")
    write("truth/truth.parquet", schemas.labels, {n: c[order] for n, c in together.items()})
    for generation in ("gen0", "gen1"):
        Path("spread").mkdir(exist_ok=True)
        Path(f"spread/{generation}.json").write_text(generation)
    score_stage.main(*map(Path, ("pseudo", "labels", "truth", "spread", "out/truth.json")))
    found = json.loads(Path("out/truth.json").read_text())
    assert [found[g]["AUROC"] for g in ("gen0", "gen1")] == [1.0, 0.0]
    assert set(found["gen0"]["by_set"]) == set(keys)
    digests = {g: hashlib.sha256(g.encode()).hexdigest() for g in ("gen0", "gen1")}
    assert {g: row["spread_sha256"] for g, row in found.items()} == digests


def write(path: str, schema: Callable[..., pa.Schema], columns: Mapping[str, object]) -> None:
    whole = schema(CXR_LT_2023)
    tables.write(
        pa.table({name: columns[name] for name in whole.names}, schema=whole), Path(path), whole
    )
