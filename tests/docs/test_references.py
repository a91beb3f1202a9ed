"""The pages that the site generates say all that models, profiles and commands say."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from camchex.cli.app import app
from camchex.contract.yaml_file import read_yaml

REPO = Path(__file__).resolve().parents[2]
PROFILES = sorted((REPO / "profiles").glob("*.yaml"))
FREE = ("encoder.backbone_args", "synthetic.prevalence", "vitals.ranges")
"""Keys whose value may be a mapping, or null."""


def generated(name: str) -> str:
    made = runpy.run_path(str(REPO / "docs" / f"{name}.py"))["page"]()
    assert isinstance(made, str)
    return made


@pytest.fixture(scope="module")
def parameters() -> dict[str, list[str]]:
    """Meaning with type, and values, by key."""
    lines = generated("parameters").splitlines()
    rows = [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines if line.startswith("| `")]
    return {row[0].strip(" `"): row[1:] for row in rows}


@pytest.fixture(scope="module")
def commands() -> str:
    return generated("commands")


def leaves(value: object, key: str = "") -> Iterator[tuple[str, object]]:
    """Every key of a profile with its value; of an external set, ``<key>`` in place of its name."""
    if (
        not isinstance(value, dict)
        or (key in FREE[:2])
        or key.endswith((".map", ".curated_tests", ".demographics"))
    ):
        yield key, value
        return
    for name, below in value.items():
        part = "<key>" if key == "external" else name
        yield from leaves(below, f"{key}.{part}" if key else part)


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_every_parameter_of_a_profile_has_its_row(
    profile: Path, parameters: dict[str, list[str]]
) -> None:
    found = dict(leaves(read_yaml(profile)))
    assert len(found) > 100
    assert [key for key in found if key not in parameters and key not in FREE] == []


@pytest.mark.parametrize("profile", PROFILES, ids=lambda path: path.stem)
def test_a_row_has_the_value_of_each_profile(
    profile: Path, parameters: dict[str, list[str]]
) -> None:
    for key, value in leaves(read_yaml(profile)):
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            assert f"`{value}`" in parameters[key][1], key


def test_every_parameter_has_a_meaning_and_a_type(parameters: dict[str, list[str]]) -> None:
    for key, (described, _) in parameters.items():
        meaning, _, kind = described.strip().partition("<br>")
        assert re.fullmatch(r"\S.{7,}\.", meaning), key
        assert re.fullmatch(r"\*\S.*\*", kind), key


def test_a_type_says_what_a_model_accepts(parameters: dict[str, list[str]]) -> None:
    kinds = {key: row[0].partition("<br>")[2].strip(" *") for key, row in parameters.items()}
    assert kinds["fusion.layers"] == "whole number ≥ 1, ≤ 256"
    assert kinds["views.confidence"] == "number &gt; 0.5, &lt; 1"
    assert kinds["runtime.compile"] == "`true` or `false`"
    assert kinds["vitals.rule"] == "`within_stay`, `nearest_any`"
    assert kinds["training.ema_decay"] == "number &gt; 0, &lt; 1 or `null`"
    assert kinds["fusion.inputs"] == "list of: `images`, `indication`, `vitals`, not empty"
    assert kinds["vitals.ranges.temperature_f"] == "2 of: number"


def walk(command: object, name: str) -> Iterator[tuple[str, Any]]:
    """Every command below one, with the words that call it."""
    yield name, command
    for sub, below in getattr(command, "commands", {}).items():
        yield from walk(below, f"{name} {sub}")


def test_every_command_and_every_option_is_described(commands: str) -> None:
    described = list(walk(typer.main.get_command(app), "camchex"))
    assert len(described) > 10
    for name, command in described[1:]:
        _, heading, below = commands.partition(f"# `{name}`\n")
        assert heading, name
        section = below.partition("\n#")[0]
        for option in command.params:
            longest = max(option.opts, key=len)
            shown = longest if longest.startswith("-") else option.metavar or option.name
            assert f"`{shown}" in section, (name, longest)


def test_no_markup_of_the_terminal_is_left(commands: str) -> None:
    assert "[bold]" not in commands
    assert "[/]" not in commands
