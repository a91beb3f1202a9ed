"""dvc.lock by text against dvc.lock by DVC."""

from pathlib import Path

import pytest
from dvc import dvcfile
from dvc.utils.serialize import load_yaml, modify_yaml

from stages.side_by_side.records import modify_entries

ROOT = Path(__file__).resolve().parents[2]
OTHER_LAYOUTS = {
    "no file": None,
    "empty": "",
    "comment": "schema: '2.0'\nstages:\n  a:\n    cmd: make a\n# of last year\n",
    "flow": "schema: '2.0'\nstages:\n  a: {cmd: make a}\n",
    "stages first": "stages:\n  a:\n    cmd: make a\nschema: '2.0'\n",
    "data sets": "schema: '2.0'\nstages:\n  a:\n    cmd: make a\ndatasets:\n- name: b\n",
    "indented by 4": "schema: '2.0'\nstages:\n    a:\n        cmd: make a\n",
    "no stage": "schema: '2.0'\nstages: {}\n",
}


def entry(value: object) -> dict[str, object]:
    """An entry with what YAML can write in more than one way."""
    long = " ".join(["python -m stages.a --out", *(f"data/interim/part{n}" for n in range(20))])
    numbers = {"rate": 1e-6, "big": 1e20, "half": 0.5, "octal": "010", "no": "no", "null": None}
    lists = {"empty": [], "nested": [[1, 2], {"of": "x: y"}], "text": "two\nlines #1", "none": {}}
    deps = [{"path": "a b/'c'.py", "hash": "md5", "md5": "1e5", "size": 12}]
    return {"cmd": long, "deps": deps, "params": {"params.yaml": numbers | lists | {"v": value}}}


def test_dvc_sets_entries_by_what_a_run_replaces() -> None:
    assert dvcfile.modify_yaml is modify_yaml
    assert "modify_yaml" in dvcfile.Lockfile.dump_stages.__code__.co_names


def test_entries_are_written_as_by_dvc(tmp_path: Path) -> None:
    """One changed, new ones, names that need quotes, and one that is changed again."""
    recorded = ROOT / "data/synthetic/dvc.lock"
    name = next(iter(load_yaml(recorded)["stages"]))
    changes = [{name: entry(name)}, {"new@0": entry(0)}, {"007": entry(None), "x: y": entry([])}]
    changes += [{"007": entry({}), "later": {"cmd": "a"}}]
    by_dvc, by_text = tmp_path / "by_dvc", tmp_path / "by_text"
    for path, modify in ((by_dvc, modify_yaml), (by_text, modify_entries)):
        path.write_bytes(recorded.read_bytes())
        for change in changes:
            with modify(str(path)) as content:
                assert modify is modify_yaml or not content["stages"], "the file was parsed"
                content["stages"].update(change)
    assert by_text.read_bytes() == by_dvc.read_bytes()


def test_entries_that_are_set_again_are_the_recorded_ones(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    path.write_bytes((ROOT / "dvc.lock").read_bytes())
    with modify_entries(str(path)) as content:
        content["stages"].update(load_yaml(path)["stages"])
    assert path.read_bytes() == (ROOT / "dvc.lock").read_bytes()


@pytest.mark.parametrize("layout", OTHER_LAYOUTS)
def test_a_file_of_another_layout_is_left_to_dvc(layout: str, tmp_path: Path) -> None:
    text = OTHER_LAYOUTS[layout]
    by_dvc, by_us = tmp_path / "by_dvc", tmp_path / "by_us"
    for path in (by_dvc, by_us):
        if text is not None:
            path.write_text(text)
    for modify, path in ((modify_yaml, by_dvc), (modify_entries, by_us)):
        with modify(str(path)) as content:
            content["stages"] = {**content.get("stages", {}), "new": entry(0)}
    assert by_us.read_bytes() == by_dvc.read_bytes()


def test_a_file_with_a_conflict_of_git_is_an_error_of_dvc(tmp_path: Path) -> None:
    path = tmp_path / "dvc.lock"
    text = "schema: '2.0'\nstages:\n<<<<<<< a\n  a:\n    cmd: b\n=======\n>>>>>>> b\n"
    path.write_text(text)
    with pytest.raises(Exception, match="corrupted"), modify_entries(str(path)):
        pass
    assert path.read_text() == text
