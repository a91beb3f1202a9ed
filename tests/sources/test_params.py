"""Sections data and external: what is refused, by key."""

from pathlib import Path

import pytest

from camchex.contract import params
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import ParamsError
from camchex.sources.params import DataParams, ExternalSet, ExternalSets

SET = {
    "folder": "f",
    "table": "t.csv",
    "test_list": "t.csv",
    "hold_out_test": True,
    "watch_images": "images",
}
NIH = {**SET, "source": "nih", "labels": {"no_finding_source_hard": True}}
VINDR = {"min_readers": 2, "nodule_mass": "both", "no_finding_source_hard": True}


def load(tmp_path: Path, **changed: object) -> tuple[DataParams, dict[str, ExternalSet]]:
    content = read_yaml(Path("params.yaml"))
    for key, value in changed.items():
        section, name = key.split("__")
        content[section][name] = value
    path = tmp_path / "params.yaml"
    path.write_text(yaml_text(content))
    return params.load("data", DataParams, path), params.load("external", ExternalSets, path)


def test_the_file_of_the_project_is_accepted(tmp_path: Path) -> None:
    _, external = load(tmp_path)
    assert {one.source for one in external.values()} == {"chexpert", "nih", "vindr"}


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"data__mimic_iv_ed": "/abs"}, r"data\.mimic_iv_ed"),
        ({"data__reports": ""}, r"data\.reports"),
        ({"data__mimic": "x"}, r"data\.mimic"),
        ({"external__nih": {**NIH, "source": "padchest"}}, r"external\.nih\.source"),
        ({"external__nih": {**NIH, "labels": VINDR}}, r"external\.nih: .*min_readers"),
        ({"external__nih": {**NIH, "labels": {}}}, r"external\.nih: .*no_finding_source_hard"),
        ({"external__vindr": {**NIH, "source": "vindr"}}, r"external\.vindr: .*min_readers"),
        (
            {"external__v": {**SET, "source": "vindr", "labels": {**VINDR, "min_readers": 4}}},
            r"external\.v\.labels\.min_readers",
        ),
        (
            {"external__v": {**SET, "source": "vindr", "labels": {**VINDR, "nodule_mass": "one"}}},
            r"external\.v\.labels\.nodule_mass",
        ),
        (
            {"external__c": {**SET, "source": "chexpert", "labels": {"uncertain": "maybe"}}},
            r"external\.c\.labels\.uncertain",
        ),
        ({"data__cxr_lt_other_tests": ["../x.csv"]}, r"data\.cxr_lt_other_tests"),
        ({"data__cxr_lt_files": {"train": "t.csv"}}, r"data\.cxr_lt_files\.test"),
        ({"external__mimic": NIH}, r"external\.mimic"),
        ({"external__a/b": NIH}, r"external\.a/b"),
    ],
)
def test_a_wrong_value_is_refused_by_its_key(
    tmp_path: Path, changed: dict[str, object], key: str
) -> None:
    with pytest.raises(ParamsError, match=key):
        load(tmp_path, **changed)


def test_a_map_of_ones_own_may_be_left_out_or_given(tmp_path: Path) -> None:
    own = {"no_finding_source_hard": True, "map": {"Mass": ["Lung Lesion"]}}
    _, external = load(tmp_path, external__own={**NIH, "labels": own})
    assert external["own"].labels.map == {"Mass": ("Lung Lesion",)}
    assert external["nih"].labels.map == {}


def test_the_teacher_decides_between_nodule_and_mass_only_where_both_are_set(
    tmp_path: Path,
) -> None:
    unknown = {**SET, "source": "vindr", "labels": {**VINDR, "nodule_mass": "unknown"}}
    _, external = load(tmp_path, external__other=unknown)
    merged = {key: one.merged for key, one in external.items()}
    assert merged == {
        "chexpert": None,
        "nih": None,
        "vindr": ("Nodule", "Mass"),
        "other": None,
    }
