"""What other pipelines measured is shown, with a note where it is of another run."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from camchex.errors import DataError
from camchex.report.other_results import NAMES, VARIANTS, OtherResults, read_other_results
from stages.report.__main__ import MADE_BY

STUDY = {"mAP": {"mean": 0.4, "sd": 0.01}, "AUROC": {"mean": 0.8, "sd": 0.02}}
SUMMARY = {"data": "synthetic", "seeds": [0, 1], "studies": 40, "study": STUDY}
WHOLE = {"ours": {"mAP": 0.4, "AUROC": 0.8}, "seeds": 2}
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
    contents = {"ceiling": CEILING, **dict.fromkeys(VARIANTS, TABLE), "pseudo_labels": truth}
    for name, content in contents.items():
        (shown / f"{name}.json").write_text(json.dumps(content))
    return shown, spread


def read(folders: tuple[Path, Path]) -> OtherResults:
    return read_other_results(folders[0], SUMMARY, folders[1], MADE_BY)


def test_what_is_of_this_run_is_shown_without_a_note(folders: tuple[Path, Path]) -> None:
    shown = read(folders)
    assert set(shown.found) == set(NAMES)
    assert shown.of_another_run == shown.why_not == {}
    assert shown.found["ceiling"] == CEILING


def test_what_is_missing_is_named_with_what_makes_it(folders: tuple[Path, Path]) -> None:
    (folders[0] / "table3.json").unlink()
    shown = read(folders)
    assert "table3" not in shown.found
    assert shown.why_not == {"table3": "Not measured yet: `make table3` measures it."}


def put(*path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(content: dict[str, Any]) -> None:
        *above, last = path
        for key in above:
            content = content[key]
        content[last] = value

    return change


def change(folders: tuple[Path, Path], name: str, edit: Callable[[dict[str, Any]], None]) -> None:
    path = folders[0] / f"{name}.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


TEST = ("splits", "test")
UNKNOWN = {"mean": None, "sd": None}
OURS = (*TEST, "sets", "images+indication+vitals")
THERE = "there this model scores mAP 0.{} ± 0.010 and AUROC 0.800 ± 0.020 (2 seeds), "
HERE = "here mAP 0.400 ± 0.010 and AUROC 0.800 ± 0.020 (2 seeds), "
NEAR, FAR = "no further apart than the spread", "further apart than the spread over seeds, so that"


@pytest.mark.parametrize(
    ("name", "edit", "said"),
    [
        # Two seeds each with an sd of 0.01: means may be 4.30 * 0.01 apart (Student, 2 degrees).
        ("table3", put("rows", "camchex", "mAP", "mean", value=0.44), THERE.format(440) + HERE),
        ("table3", put("rows", "camchex", "mAP", "mean", value=0.442), f"seeds), {NEAR}"),
        ("table3", put("rows", "camchex", "mAP", "mean", value=0.444), f"seeds), {FAR}"),
        ("table3", put("seeds", value=[0]), "(1 seed), here"),
        ("table3", put("seeds", value=[1, 2]), NEAR),
        ("baselines", put("rows", "camchex", "AUROC", "sd", value=0.03), "0.030"),
        ("parts", put("rows", "camchex", "AUROC", value=UNKNOWN), "AUROC not scored"),
        ("ceiling", put(*OURS, "ours", "mAP", value=0.40001), f"{HERE}{NEAR}"),
        ("ceiling", put(*OURS, "ours", "mAP", value=0.6), f"{HERE}{FAR}"),
        ("ceiling", put(*OURS, "seeds", value=3), "(3 seeds), here"),
        ("pseudo_labels", put("gen1", "spread_sha256", value="0" * 64), "of gen1 are others."),
        ("pseudo_labels", put("gen2", value={"spread_sha256": "0" * 64}), "of gen2 are others."),
        ("pseudo_labels", put("gen0", value={}), "of gen0 are others."),
    ],
)
def test_what_is_of_another_run_is_shown_with_how_it_differs(
    folders: tuple[Path, Path], name: str, edit: Callable[[dict[str, Any]], None], said: str
) -> None:
    change(folders, name, edit)
    shown = read(folders)
    assert set(shown.found) == set(NAMES)
    (noted,) = shown.of_another_run
    assert noted == name
    note = shown.of_another_run[name]
    assert note.startswith("Of another run, not of this page's: ")
    assert said in note
    assert note.endswith(f"`{MADE_BY[name]}` measures it anew.")


def whole_model(ceiling: dict[str, Any]) -> list[dict[str, float]]:
    """Scores of the model itself, where the file of a ceiling has them."""
    ours = ceiling["splits"]["test"]["sets"]["images+indication+vitals"]["ours"]
    return [ours] if ours else []


@pytest.mark.parametrize(
    ("name", "edit"),
    [
        ("ceiling", put("data", value="real")),
        ("ceiling", put(*TEST, "studies", value=41)),
        ("ceiling", put(*OURS, "ours", value=None)),
        ("table3", put("data", value="real")),
        ("parts", put("rows", value={})),
    ],
)
def test_what_is_of_other_patients_stands_apart_and_says_so(
    folders: tuple[Path, Path], name: str, edit: Callable[[dict[str, Any]], None]
) -> None:
    change(folders, name, edit)
    shown = read(folders)
    assert set(shown.found) == set(NAMES) - {name}
    assert shown.of_another_run == {}
    assert "measured on other patients" in shown.why_not[name]
    assert f"`{MADE_BY[name]}`" in shown.why_not[name]
    content = json.loads((folders[0] / f"{name}.json").read_text())
    apart = shown.elsewhere[name]
    assert apart["data"] == content["data"]
    scored = content["rows"] if name in VARIANTS else whole_model(content)
    assert len(apart["rows"]) == len(scored)
    assert set(shown.elsewhere) == {name}


def test_a_file_that_is_no_result_is_an_error(folders: tuple[Path, Path]) -> None:
    (folders[0] / "ceiling.json").write_text("{")
    with pytest.raises(DataError, match=r"ceiling\.json: not valid JSON"):
        read(folders)
