"""What made a result: it names code and data, and stays the same as long as these do."""

import shutil
import subprocess
from pathlib import Path

import pytest

from camchex.comparisons.parameters import nearest_profile
from camchex.contract import params
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.errors import ParamsError
from stages.report.recorded import (
    CODE_DIGEST,
    LOCK_DIGEST,
    UNKNOWN,
    code_of_stage,
    digest_of_code,
    digest_of_lock,
    digest_of_parameters,
    locked,
    read_provenance,
)
from tests.report.workspace import PROJECT

LOCK = {
    "stages": {
        "evaluate@0": {"outs": [{"path": "metrics/seeds/seed0.json", "md5": "aa"}]},
        "predict@0": {"outs": [{"path": "data/predictions/seed0.parquet", "md5": "bb"}]},
        "train_fusion@0": {"outs": [{"path": "models/fusion/seed0", "md5": "cc.dir"}]},
        "report": {"outs": [{"path": "report.html", "md5": "dd"}]},
    }
}
PIPELINE = {"stages": {"report": {"deps": ["stages/report", "camchex/page.py", "metrics/x"]}}}


def git(*words: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    done = subprocess.run(["git", *identity, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit of code."""
    folder = tmp_path / "project"
    for name in ("stages/report/__main__.py", "camchex/page.py", "camchex/other.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("one\n")
    (folder / "dvc.yaml").write_text(yaml_text(PIPELINE))
    (folder / "dvc.lock").write_text(yaml_text(LOCK))
    (folder / "params.yaml").write_text((PROJECT / "params.yaml").read_text())
    monkeypatch.chdir(folder)
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "code")
    return folder


def test_the_code_is_named_by_what_the_files_of_the_stage_hold(project: Path) -> None:
    code = code_of_stage("report")
    assert code == ["stages/report", "camchex/page.py"]
    first = digest_of_code(code)
    (project / "camchex/other.py").write_text("two\n")
    (project / "stages/report/__pycache__").mkdir()
    (project / "stages/report/__pycache__/x.pyc").write_bytes(b"made by whoever imports")
    assert digest_of_code(code) == first
    (project / "camchex/page.py").write_text("two\n")
    second = digest_of_code(code)
    assert second != first
    (project / "stages/report/__main__.py").rename(project / "stages/report/main.py")
    assert digest_of_code(code) not in {first, second}
    assert digest_of_code([]) is None
    assert code_of_stage("elsewhere") == []


def test_a_copy_with_less_history_or_none_names_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = "report", [Path("metrics/seeds")], [0], PROJECT / "profiles"
    whole = read_provenance(*given)
    git("commit", "-qm", "two", "--allow-empty")
    git("clone", "-q", "--depth", "1", f"file://{project}", "../shallow")
    copy = project.parent / "shallow"
    monkeypatch.chdir(copy)
    assert read_provenance(*given) == whole
    shutil.rmtree(copy / ".git")
    assert read_provenance(*given) == whole


def test_the_lock_is_read_below_the_paths_asked_for_and_never_of_the_page_itself(
    project: Path,
) -> None:
    paths = [Path("metrics/seeds"), Path("data/predictions")]
    assert locked(paths) == {
        "data/predictions/seed0.parquet": "bb",
        "metrics/seeds/seed0.json": "aa",
    }
    before = digest_of_lock(locked(paths))
    after = {"stages": {**LOCK["stages"], "report": {"outs": []}}}
    (project / "dvc.lock").write_text(yaml_text(after))
    assert digest_of_lock(locked(paths)) == before
    assert digest_of_lock({}) is None
    assert locked(paths, Path("no.lock")) == {}


def test_provenance_names_the_versions_weights_and_parameters(project: Path) -> None:
    found = read_provenance("report", [Path("metrics/seeds")], [0, 5], PROJECT / "profiles")
    assert found.sources["parameters"] == digest_of_parameters(
        params.read_file(project / "params.yaml")
    )
    assert found.sources[CODE_DIGEST] == digest_of_code(["stages/report", "camchex/page.py"])
    assert found.sources[LOCK_DIGEST] == digest_of_lock({"metrics/seeds/seed0.json": "aa"})
    assert found.weights == {0: "cc.dir"}
    assert {"torch", "scikit-learn", "camchex"} <= set(found.versions)
    nothing = read_provenance("report", [Path("elsewhere")], [0], PROJECT / "profiles")
    assert nothing.sources[LOCK_DIGEST] == UNKNOWN


def test_the_nearest_profile_is_the_one_with_the_fewest_differences(tmp_path: Path) -> None:
    values = read_yaml(PROJECT / "profiles/released.yaml")
    values["fusion"]["layers"] = 17
    values["data"]["root"] = "/elsewhere"  # says only where it ran
    values["runtime"]["workers"] = 77
    (tmp_path / "params.yaml").write_text(yaml_text(values))
    name, differs = nearest_profile(PROJECT / "profiles", tmp_path / "params.yaml")
    assert name == "released"
    assert [(d.key, d.right) for d in differs] == [("fusion.layers", "17")]
    with pytest.raises(ParamsError, match="no profiles"):
        nearest_profile(tmp_path / "none", tmp_path / "params.yaml")


def test_the_digest_is_of_what_decides_the_result() -> None:
    params = {"data": {"root": "/a", "cxr_lt": "x"}, "runtime": {"workers": 2}, "seeds": [0]}
    elsewhere = {"seeds": [0], "runtime": {"workers": 9}, "data": {"cxr_lt": "x", "root": "/b"}}
    assert digest_of_parameters(params) == digest_of_parameters(elsewhere)
    assert digest_of_parameters(params) != digest_of_parameters({**params, "seeds": [1]})
    assert digest_of_parameters(params) != digest_of_parameters(
        {**params, "data": {"root": "/a", "cxr_lt": "y"}}
    )
