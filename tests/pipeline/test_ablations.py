"""ablations/dvc.yaml: the variants there are, the tables over them, and one variant's stage."""

import importlib
import inspect
import shlex
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from camchex.comparisons.variants import COMPARISONS, SEED
from camchex.contract import params
from camchex.errors import CamchexError
from camchex.fusion.section import FusionParams
from camchex.fusion.study_training import vary
from stages import run_variant
from stages.score_image_models import GENERATIONS
from tests.pipeline.test_dvc_yaml import HEADLINE, ROOT, STAGES, is_declared, paths

FILE = "ablations/dvc.yaml"
ABLATIONS = {
    name.removeprefix(f"{FILE}:"): stage for name, stage in STAGES.items() if name.startswith(FILE)
}
VARIANTS = {
    name.partition("@")[2]: stage
    for name, stage in ABLATIONS.items()
    if name.startswith("variant@")
}


def settings(cmd: str) -> list[str]:
    words = shlex.split(cmd)
    return [
        value for option, value in zip(words[3::2], words[4::2], strict=True) if option == "--set"
    ]


@pytest.mark.parametrize("name", COMPARISONS)
def test_a_table_depends_on_the_results_of_every_row_and_of_no_other(name: str) -> None:
    declared = {p for p in paths(ABLATIONS[name].deps) if p.startswith("metrics/")}
    read = {row.results.replace(SEED, "0") for row in COMPARISONS[name].rows}
    assert all(is_declared(file, declared) for file in read)
    assert all(any(is_declared(file, {folder}) for file in read) for folder in declared)


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_row_of_a_table_is_made_by_a_stage(name: str) -> None:
    made = {path for stage in STAGES.values() for path in paths(stage.outs)}
    for row in COMPARISONS[name].rows:
        assert is_declared(row.results.replace(SEED, "0"), made)


def test_every_variant_is_a_row_of_a_table() -> None:
    shown = {row.name for comparison in COMPARISONS.values() for row in comparison.rows}
    assert set(VARIANTS) <= shown
    assert set(GENERATIONS) <= shown


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_a_configuration_that_the_section_accepts(variant: str) -> None:
    section = params.load("fusion", FusionParams, ROOT / "params.yaml")
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
    for name in COMPARISONS:
        assert f"{FILE}:{name}" in dry(name)
        assert f"{FILE}:{name}" in dry("ablations")
    assert "ablations.uninformative" in dry("uninformative")
    assert "ablations.audit_validation" in dry("audit-validation")


def dry(target: str) -> str:
    command = ["make", "--dry-run", target]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """In a folder with two declared seeds: what a variant would run, and does not."""
    parameters = yaml.safe_load((ROOT / "params.yaml").read_text())
    parameters["seeds"] = [3, 11]
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(parameters))
    monkeypatch.chdir(tmp_path)
    ran: list[list[str]] = []

    def record(words: list[str], **_: object) -> subprocess.CompletedProcess[bytes]:
        ran.append(words)
        return subprocess.CompletedProcess(
            words, int("seed11" in " ".join(words) and Path("stop").exists())
        )

    monkeypatch.setattr("stages.run_variant.subprocess", SimpleNamespace(run=record))
    return ran


def run_one() -> None:
    run_variant.main(
        frontal=Path("f"),
        lateral=Path("l"),
        cohort=Path("c"),
        store=Path("s"),
        out=Path("models/v"),
        predictions=Path("data/v"),
        metrics=Path("metrics/v"),
        settings=["inputs=[images]", "layers=2"],
    )


def test_a_variant_is_trained_applied_and_scored_once_per_seed(commands: list[list[str]]) -> None:
    run_one()
    assert [words[:3] for words in commands] == [
        [sys.executable, "-m", f"stages.{name}"] for name in ("train_fusion", "predict", "evaluate")
    ] * 2
    train, predict, evaluate = (dict(zip(w[3::2], w[4::2], strict=True)) for w in commands[3:])
    assert train["--seed"] == "11"
    assert settings(shlex.join(commands[3])) == ["inputs=[images]", "layers=2"]
    assert train["--out"] == predict["--model"] == "models/v/seed11"
    assert predict["--out"] == evaluate["--predictions"] == "data/v/seed11.parquet"
    assert evaluate["--out"] == "metrics/v/seed11.json"


def test_the_options_of_a_variant_are_those_of_the_stages_it_runs(
    commands: list[list[str]],
) -> None:
    run_one()
    for words in commands[:3]:
        main = inspect.signature(importlib.import_module(words[2]).main).parameters
        named = {option.removeprefix("--").replace("-", "_") for option in words[3::2]}
        assert named - {"set"} <= set(main)
        assert ("settings" in main) == ("set" in named)
        required = {name for name, one in main.items() if one.default is one.empty}
        assert required <= named


def test_only_what_belongs_to_no_declared_seed_is_deleted(commands: list[list[str]]) -> None:
    kept = ["models/v/seed3/config.json", "data/v/seed11.parquet", "metrics/v/seed3/train/a.tsv"]
    gone = ["models/v/seed1/config.json", "models/v/.seed7.unfinished/a", "metrics/v/seed1.json"]
    for name in [*kept, *gone]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("")
    run_one()
    assert commands
    assert all(Path(name).exists() for name in kept)
    assert not [name for name in gone if Path(name).exists()]


def test_a_variant_stops_where_one_of_its_stages_fails(commands: list[list[str]]) -> None:
    Path("stop").touch()
    with pytest.raises(CamchexError, match=r"stages\.train_fusion ended with status 1"):
        run_one()
    assert len(commands) == 4
