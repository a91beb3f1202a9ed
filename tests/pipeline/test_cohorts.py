"""Copies of the project with other parameters; what is run in them is not run here."""

from pathlib import Path

import pytest
from dvc.repo import Repo

from ablations import cohorts
from camchex.contract.yaml_file import parse_yaml, read_yaml

PROJECT = Path(__file__).resolve().parents[2]


def test_only_the_named_values_change() -> None:
    changed = parse_yaml(
        cohorts.changed_parameters({"synthetic.label_leak": 0.5, "seeds": [4]}), "params.yaml"
    )
    assert changed["synthetic"].pop("label_leak") == 0.5
    assert changed.pop("seeds") == [4]
    original = read_yaml(PROJECT / "params.yaml")
    del original["synthetic"]["label_leak"], original["seeds"]
    assert changed == original


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(KeyError, match=r"synthetic\.label_leaks"):
        cohorts.changed_parameters({"synthetic.label_leaks": 0.5})


def test_each_copy_has_its_own_parameters_and_a_failed_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, tuple[str, ...]]] = []

    def run(workspace: Path, *words: str) -> int:
        calls.append((workspace.name, words))
        return int(workspace.name == "bad" and words[0] == "stages")

    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(cohorts, "_run", run)
    settings = {"bad": {"synthetic.label_leak": 1.0}, "good": {"synthetic.label_leak": 0.0}}
    with pytest.raises(SystemExit, match=f"{tmp_path / 'bad'}: see above"):
        cohorts.make_cohorts(tmp_path, settings, {name: ["audit_leakage"] for name in settings})
    for name, leak in (("good", 0.0), ("bad", 1.0)):
        written = read_yaml(tmp_path / name / "params.yaml")
        assert written["synthetic"]["label_leak"] == leak
        assert (tmp_path / name / "stages" / "report" / "__main__.py").exists()
        assert (name, ("stages", "audit_leakage")) in calls


def test_the_cache_is_the_projects_wherever_that_is(tmp_path: Path) -> None:
    project, elsewhere = tmp_path / "project", tmp_path / "disk" / "cache"
    project.mkdir()
    Repo.init(str(project), no_scm=True).close()
    assert cohorts.cache_of(project) == project / ".dvc" / "cache"
    (project / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {elsewhere}\n")
    assert cohorts.cache_of(project) == elsewhere
    assert elsewhere.is_dir()


def test_a_cohort_of_real_patients_is_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(cohorts, "origin", lambda _: "real")
    with pytest.raises(SystemExit, match="only the synthetic cohort"):
        cohorts.make_cohorts(tmp_path, {"one": {}}, {"one": []})
    assert not any(tmp_path.iterdir())
