"""Copies of the project with other parameters; what is run in them is not run here."""

from pathlib import Path

import pytest
import yaml

from ablations import cohorts

PROJECT = Path(__file__).resolve().parents[2]


def test_only_the_named_values_change() -> None:
    changed = yaml.safe_load(
        cohorts.changed_parameters({"synthetic.label_leak": 0.5, "seeds": [4]})
    )
    assert changed["synthetic"].pop("label_leak") == 0.5
    assert changed.pop("seeds") == [4]
    original = yaml.safe_load((PROJECT / "params.yaml").read_text())
    del original["synthetic"]["label_leak"], original["seeds"]
    assert changed == original


def test_a_misspelt_key_is_refused() -> None:
    with pytest.raises(KeyError, match=r"synthetic\.label_leaks"):
        cohorts.changed_parameters({"synthetic.label_leaks": 0.5})


def test_each_copy_has_its_own_parameters_and_a_failed_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, tuple[str, ...]]] = []

    def dvc(workspace: Path, *words: str) -> int:
        calls.append((workspace.name, words))
        return int(workspace.name == "bad" and words[0] == "repro")

    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(cohorts, "_dvc", dvc)
    settings = {"good": {"synthetic.label_leak": 0.0}, "bad": {"synthetic.label_leak": 1.0}}
    with pytest.raises(SystemExit, match=f"{tmp_path / 'bad'}: see above"):
        cohorts.make_cohorts(tmp_path, settings, {name: ["audit_leakage"] for name in settings})
    for name, leak in (("good", 0.0), ("bad", 1.0)):
        written = yaml.safe_load((tmp_path / name / "params.yaml").read_text())
        assert written["synthetic"]["label_leak"] == leak
        assert (tmp_path / name / "stages" / "report" / "__main__.py").exists()
        assert (name, ("repro", "audit_leakage")) in calls


def test_a_cohort_of_real_patients_is_not_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(PROJECT)
    monkeypatch.setattr(cohorts, "origin", lambda _: "real")
    with pytest.raises(SystemExit, match="only the synthetic cohort"):
        cohorts.make_cohorts(tmp_path, {"one": {}}, {"one": []})
    assert not any(tmp_path.iterdir())
