"""What the documents tell a reader to type, open or set exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from dvc.cli.parser import get_main_parser

from camchex.cli.app import app
from camchex.contract import params
from camchex.contract.yaml_file import read_yaml

REPO = Path(__file__).resolve().parents[1]
PAGES = sorted([REPO / "README.md", REPO / "data" / "README.md", *(REPO / "docs").glob("*.md")])
SHELL = {"git", "source", "wget"}
PARAMETERS = params.read_file(REPO / "params.yaml")
STAGES: dict[str, dict[str, object]] = read_yaml(REPO / "dvc.yaml")["stages"]


def commands() -> Iterator[tuple[str, ...]]:
    """Every command of a shell block, or between backticks in the text, as its words."""
    for page in PAGES:
        text = page.read_text()
        blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
        inline = re.findall(r"`((?:make|camchex|dvc|wget) [^`]*?|make)`", prose)
        for line in [line for block in blocks for line in joined(block)] + inline:
            words = shlex.split(line, comments=True)
            while "&&" in words:
                end = words.index("&&")
                yield tuple(words[:end])
                words = words[end + 1 :]
            if words:
                yield tuple(words)


def joined(block: str) -> list[str]:
    """Lines of a block, each with what it is continued by."""
    return block.replace("\\\n", " ").splitlines()


COMMANDS = sorted(set(commands()))


def of(program: str) -> list[tuple[str, ...]]:
    return [words[1:] for words in COMMANDS if words[0] == program]


def has(key: str) -> bool:
    """Whether params.yaml has a dotted key; ``<key>`` stands for any one name."""
    levels: list[object] = [PARAMETERS]
    for part in key.split("."):
        below = [level for level in levels if isinstance(level, dict)]
        if part.startswith("<"):
            levels = [value for level in below for value in level.values()]
        else:
            levels = [level[part] for level in below if part in level]
    return bool(levels)


def test_every_command_is_one_that_is_checked_here() -> None:
    assert {words[0] for words in COMMANDS} <= {"make", "camchex", "dvc"} | SHELL
    assert len(COMMANDS) > 20


@pytest.mark.parametrize("arguments", of("camchex"), ids=" ".join)
def test_camchex_accepts_what_is_written(arguments: tuple[str, ...]) -> None:
    command = typer.main.get_command(app)
    inert(command)
    command.main(list(arguments), standalone_mode=False)


def inert(command: object) -> None:
    """Keep the options of every command and take its action away."""
    for sub in getattr(command, "commands", {}).values():
        inert(sub)
        sub.callback = lambda **_: None


@pytest.mark.parametrize("arguments", of("dvc"), ids=" ".join)
def test_dvc_accepts_what_is_written(arguments: tuple[str, ...]) -> None:
    parsed = vars(get_main_parser().parse_args(list(arguments)))
    for override in parsed.get("set_param") or []:
        assert has(override.partition("=")[0]), override
    for target in parsed.get("targets") or []:
        file, _, name = target.rpartition(":")
        stages = read_yaml(REPO / file)["stages"] if file else STAGES
        assert name.partition("@")[0] in stages, target


@pytest.mark.parametrize("arguments", of("make"), ids=" ".join)
def test_make_has_the_target(arguments: tuple[str, ...]) -> None:
    makefile = (REPO / "Makefile").read_text()
    targets = set(re.findall(r"^([\w-]+):", makefile, re.MULTILINE))
    settings = {word for word in arguments if "=" in word}
    assert set(arguments) - settings <= targets
    assert all(f"$({setting.partition('=')[0]})" in makefile for setting in settings)


COHORTS = (
    "uninformative",
    "audit_assumptions",
    "audit_validation",
    "synergy",
    "encoders",
    "explanations",
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
class TestPage:
    def test_its_links_lead_somewhere(self, page: Path) -> None:
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert (page.parent / link).exists(), link

    def test_the_parameters_it_names_exist(self, page: Path) -> None:
        dotted = re.findall(r"`((?:\w+)(?:\.[\w<>]+)+)(?:: [^`]*)?`", page.read_text())
        for key in dotted:
            if key.partition(".")[0] in PARAMETERS:
                assert has(key), key

    def test_the_outputs_it_names_are_made(self, page: Path) -> None:
        pipelines = ("dvc.yaml", "ablations/dvc.yaml", "data/synthetic/dvc.yaml")
        makers = (*pipelines, *(f"ablations/{name}.py" for name in COHORTS))
        declared = "".join((REPO / maker).read_text() for maker in makers)
        for path in re.findall(r"`((?:metrics|models)/[\w/.]*|report\.html)`", page.read_text()):
            assert path in declared, path


def test_the_raw_layout_is_the_one_that_params_yaml_expects() -> None:
    page = (REPO / "data" / "README.md").read_text()
    tree = re.findall(r"```\n(mimic-cxr-jpg.*?)```", page, re.DOTALL)[0]
    shown = {line.split()[0].rstrip("/") for line in tree.splitlines() if line[0] != " "}
    data = PARAMETERS["data"]
    external = PARAMETERS["external"]
    assert isinstance(data, dict)
    assert isinstance(external, dict)
    expected = {data[key] for key in ("mimic_cxr_jpg", "mimic_iv_ed", "cxr_lt")}
    reports = Path(str(data["reports"]))  # the archive, in its folder
    expected |= {str(reports.parent), *(item["folder"] for item in external.values())}
    assert shown == expected
    assert reports.name in tree
    assert all(item["table"] in tree for item in external.values())


def test_the_picture_of_the_pipeline_shows_its_stages() -> None:
    picture = re.findall(r"```mermaid\n(.*?)```", (REPO / "README.md").read_text(), re.DOTALL)[0]
    assert [name for name in STAGES if name.removesuffix("_mimic") not in picture] == []


def test_a_commit_is_checked_by_what_make_lint_runs() -> None:
    recipe = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (REPO / "Makefile").read_text(), re.MULTILINE)
    lint = {line.strip() for line in recipe[0].splitlines()}
    config = read_yaml(REPO / ".pre-commit-config.yaml")
    assert [repo["repo"] for repo in config["repos"]] == ["local"]  # nothing is downloaded
    hooks = {
        hook["entry"].removeprefix(".venv/bin/").removesuffix(" --force-exclude")
        for hook in config["repos"][0]["hooks"]
    }
    assert hooks == lint
