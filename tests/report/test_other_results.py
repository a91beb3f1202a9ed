"""What other pipelines measured is shown of this run, and of no other."""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camchex.errors import DataError
from camchex.report.other_results import NAMES, read_other_results
from stages.report.__main__ import MADE_BY

STUDY = {"mAP": {"mean": 0.4, "sd": 0.01}, "AUROC": {"mean": 0.8, "sd": 0.02}}
SUMMARY = {"data": "synthetic", "seeds": [0, 1], "studies": 40, "study": STUDY}
WHOLE = {"ours": {"mAP": 0.4, "AUROC": 0.8}}
CEILING = {
    "data": "synthetic",
    "splits": {"test": {"studies": 40, "sets": {"images+indication+vitals": WHOLE}}},
}
TABLE = {"data": "synthetic", "seeds": [0, 1], "rows": {"camchex": STUDY}}


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Everything is there, and of this run."""
    shown, spread = tmp_path / "shown", tmp_path / "spread"
    shown.mkdir()
    spread.mkdir()
    truth = {}
    for generation in ("gen0", "gen1"):
        path = spread / f"{generation}.json"
        path.write_text(json.dumps({"of": generation}))
        truth[generation] = {"spread_sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    contents = {"ceiling": CEILING, "table3": TABLE, "baselines": TABLE, "parts": TABLE}
    for name, content in {**contents, "pseudo_labels": truth}.items():
        (shown / f"{name}.json").write_text(json.dumps(content))
    return shown, spread


def test_what_is_of_this_run_is_shown(folders: tuple[Path, Path]) -> None:
    shown = read_other_results(folders[0], SUMMARY, folders[1], MADE_BY)
    assert set(shown.found) == set(NAMES)
    assert shown.why_not == {}
    assert shown.found["ceiling"] == CEILING


def test_what_is_missing_is_named_with_what_makes_it(folders: tuple[Path, Path]) -> None:
    (folders[0] / "table3.json").unlink()
    shown = read_other_results(folders[0], SUMMARY, folders[1], MADE_BY)
    assert "table3" not in shown.found
    assert shown.why_not == {"table3": "Not measured yet: `make table3` measures it."}


def put(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        *above, last = path
        for key in above:
            content = content[key]
        content[last] = value

    return change


TEST = ("splits", "test")


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("ceiling", put("data", value="real")),
        ("ceiling", put(*TEST, "studies", value=41)),
        ("ceiling", put(*TEST, "sets", "images+indication+vitals", "ours", "mAP", value=0.40001)),
        ("ceiling", put(*TEST, "sets", "images+indication+vitals", "ours", value=None)),
        ("table3", put("seeds", value=[0])),
        ("table3", put("data", value="real")),
        ("baselines", put("rows", "camchex", "AUROC", "sd", value=0.03)),
        ("parts", put("rows", value={})),
        ("pseudo_labels", put("gen1", "spread_sha256", value="0" * 64)),
        ("pseudo_labels", put("gen2", value={"spread_sha256": "0" * 64})),
        ("pseudo_labels", put("gen0", value={})),
    ],
)
def test_what_is_of_another_run_is_left_out_and_said(
    folders: tuple[Path, Path], name: str, change: Callable[[dict[str, Any]], None]
) -> None:
    path = folders[0] / f"{name}.json"
    content = copy.deepcopy(json.loads(path.read_text()))
    change(content)
    path.write_text(json.dumps(content))
    shown = read_other_results(folders[0], SUMMARY, folders[1], MADE_BY)
    assert set(shown.found) == set(NAMES) - {name}
    assert "of other data, parameters or trainings" in shown.why_not[name]
    assert f"`{MADE_BY[name]}`" in shown.why_not[name]


def test_a_file_that_is_no_result_is_an_error(folders: tuple[Path, Path]) -> None:
    (folders[0] / "ceiling.json").write_text("{")
    with pytest.raises(DataError, match=r"ceiling\.json: not valid JSON"):
        read_other_results(folders[0], SUMMARY, folders[1], MADE_BY)
