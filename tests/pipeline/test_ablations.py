"""ablations/dvc.yaml: the variants, the tables over them, and stages that run every seed."""

import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from camchex.comparisons.missing import VARIANT
from camchex.comparisons.variants import COMPARISONS
from camchex.contract.yaml_file import read_yaml, yaml_text
from camchex.fusion.section import FusionParams
from camchex.fusion.study_training import vary
from camchex.training.params import load_section
from stages.compare_variants import PREDICTIONS_OF, SCORES_OF, SIZE_OF
from stages.predict_images import GENERATIONS
from tests.pipeline.test_dvc_yaml import HEADLINE, ROOT, STAGES, is_declared, paths

FILE = "ablations/dvc.yaml"
ABLATIONS = {
    name.removeprefix(f"{FILE}:"): stage for name, stage in STAGES.items() if name.startswith(FILE)
}
VARIANTS = {
    name.partition("@")[2]: stage
    for name, stage in ABLATIONS.items()
    if name.startswith("train_variant@")
}


SCRIPTS = [
    path.stem for path in (ROOT / "ablations").glob("*.py") if "__main__" in path.read_text()
]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(("word", "status"), [("--help", 0), ("--no-such-option", 2)])
def test_a_word_that_asks_for_nothing_starts_nothing(
    script: str, word: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [script, word])
    monkeypatch.setattr(os, "chdir", lambda folder: pytest.fail(f"begun in {folder}"))
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(ROOT / "ablations" / f"{script}.py"), run_name="__main__")
    assert left.value.code == status


def read_by(table: str) -> set[str]:
    """Files that a table is made of, of seed 0."""
    rows = {row.name: row for row in COMPARISONS[table].rows}
    read = {"data/cohort.parquet"}
    for row in rows.values():
        if row.of:
            folder = PREDICTIONS_OF[rows[row.of].kind].format(name=row.of)
            read.add(f"{folder}/seed0.parquet")
        else:
            read.add(SCORES_OF[row.kind].format(name=row.name, seed=0))
            names = row.trained or [row.name]
            read |= {SIZE_OF[row.kind].format(name=name, seed=0) for name in names}
    return read


def settings(cmd: str) -> list[str]:
    words = shlex.split(cmd)
    return [
        value for option, value in zip(words[3::2], words[4::2], strict=True) if option == "--set"
    ]


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_table_depends_on_the_results_of_every_row_and_of_no_other(name: str) -> None:
    declared = {p for p in paths(ABLATIONS[name].deps) if p.startswith(("metrics/", "data/"))}
    read = read_by(name)
    assert all(is_declared(file, declared) for file in read)
    assert all(any(is_declared(file, {folder}) for file in read) for folder in declared)


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_row_of_a_table_is_made_by_a_stage(name: str) -> None:
    made = {path for stage in STAGES.values() for path in paths(stage.outs)}
    assert all(is_declared(file, made) for file in read_by(name))


@pytest.mark.parametrize("name", COMPARISONS)
def test_an_ensemble_averages_a_row_of_its_table_and_is_compared_with_as_many_trainings(
    name: str,
) -> None:
    rows = {row.name: row for row in COMPARISONS[name].rows}
    for row in rows.values():
        assert bool(row.of) == (row.kind == "ensemble")
        assert not row.of or rows[row.of].kind in PREDICTIONS_OF
    for before, after in COMPARISONS[name].steps:
        if bool(rows[before].of) != bool(rows[after].of):
            assert len(rows[before].trained) == len(read_yaml(ROOT / "params.yaml")["seeds"])


def test_late_fusion_and_the_model_read_the_same_inputs_with_the_same_settings() -> None:
    section = load_section("fusion", FusionParams, ROOT / "params.yaml")
    for row in COMPARISONS["baselines"].rows:
        if row.name in {"late", "late_log_odds"}:
            alone = [vary(section, 0, settings(VARIANTS[one].cmd)) for one in row.trained]
            assert [one.inputs for one in alone] == [(name,) for name in section.inputs]
            whole = {
                one.model_copy(update={"inputs": section.inputs}).model_dump_json() for one in alone
            }
            assert whole == {vary(section, 0).model_dump_json()}


def test_no_variant_with_settings_is_the_model_itself() -> None:
    section = load_section("fusion", FusionParams, ROOT / "params.yaml")
    for name, stage in VARIANTS.items():
        given = settings(stage.cmd)
        assert not given or vary(section, 0, given) != vary(section, 0), name


def test_every_variant_is_a_row_of_a_table() -> None:
    shown = {row.name for comparison in COMPARISONS.values() for row in comparison.rows}
    assert set(VARIANTS) <= shown | set(VARIANT.values())
    assert set(GENERATIONS) <= shown


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_a_configuration_that_the_section_accepts(variant: str) -> None:
    section = load_section("fusion", FusionParams, ROOT / "params.yaml")
    vary(section, 0, settings(VARIANTS[variant].cmd))


def test_no_two_variants_are_the_same() -> None:
    commands = {name: stage.cmd.replace(name, "") for name, stage in VARIANTS.items()}
    assert len(set(commands.values())) == len(commands)


def test_the_headline_pipeline_reads_nothing_of_the_ablations() -> None:
    made = {path for stage in ABLATIONS.values() for path in paths(stage.outs)}
    for stage in HEADLINE.values():
        for path in paths(stage.deps):
            assert not is_declared(path, made)
            assert not any(is_declared(one, {path}) for one in made)


def test_make_has_one_command_per_table_and_one_for_all() -> None:
    for name in (*COMPARISONS, "missing"):
        assert f"{FILE}:{name}" in dry(name)
        assert f"{FILE}:{name}" in dry("ablations")
    assert "ablations.uninformative" in dry("uninformative")
    assert f"{FILE}:audit" in dry("audit")
    for module in ("audit_assumptions", "audit_validation"):
        assert f"ablations.{module}" in dry("audit-validation")
    assert "ablations.synergy" in dry("synergy")
    assert "ablations.cohort_size" in dry("cohort-size")


def dry(target: str) -> str:
    command = ["make", "--dry-run", target]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


STAGE = """
from pathlib import Path
import sys
from stages import Input, Output, run

def main(model: Input, out: Output, curves: Output, seed: int = -1) -> None:
    if out.name == "seed11.json" and Path("stop").exists():
        sys.exit(3)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(f"{model} {curves} {seed}")

run(main)
"""


@pytest.fixture
def run_stage(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a stage that notes its options, in a folder whose params.yaml declares seeds 3 and 11."""
    parameters = read_yaml(ROOT / "params.yaml") | {"seeds": [3, 11]}
    (tmp_path / "params.yaml").write_text(yaml_text(parameters))
    (tmp_path / "stage.py").write_text(STAGE)

    def run(seed: str) -> subprocess.CompletedProcess[str]:
        paths = ["--curves", f"curves/seed{seed}/test", "--out", f"scores/seed{seed}.json"]
        return subprocess.run(
            [sys.executable, "stage.py", "--seed", seed, "--model", f"models/seed{seed}", *paths],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_a_command_with_a_seed_left_open_is_run_for_every_declared_seed(
    run_stage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert run_stage("{seed}").returncode == 0
    written = {path.name: path.read_text() for path in (tmp_path / "scores").iterdir()}
    assert written == {f"seed{s}.json": f"models/seed{s} curves/seed{s}/test {s}" for s in (3, 11)}


def test_a_command_that_names_a_seed_is_run_for_that_seed_alone(
    run_stage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    assert run_stage("5").returncode == 0
    assert [path.name for path in (tmp_path / "scores").iterdir()] == ["seed5.json"]


def test_only_outputs_that_belong_to_no_declared_seed_are_deleted(
    run_stage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    kept = ["models/seed1/config.json", "curves/seed3/a.tsv", "scores/notes.md"]
    gone = ["curves/seed1/a.tsv", "curves/.seed7.unfinished/a", "scores/seed1.json"]
    for path in (tmp_path / name for name in [*kept, *gone]):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    assert run_stage("{seed}").returncode == 0
    assert [name for name in [*kept, *gone] if (tmp_path / name).exists()] == kept


def test_a_seed_that_fails_ends_the_stage_with_a_message_that_names_it(
    run_stage: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    (tmp_path / "stop").touch()
    ended = run_stage("{seed}")
    assert ended.returncode == 1
    assert "seed 11" in ended.stderr
    assert [path.name for path in (tmp_path / "scores").iterdir()] == ["seed3.json"]
