"""The recipes for SLURM are files, which docs/scale.md shows as they are."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.pipeline.code_of_stages import HEADLINE, ROOT

RECIPES = ROOT / "docs/slurm"
WITH_NETWORKS = {"train_teacher", "pseudo_label", "train_student", "finetune_view"}
WITH_NETWORKS |= {"train_fusion", "predict"}


@pytest.mark.parametrize("path", sorted(RECIPES.iterdir()), ids=lambda path: path.name)
def test_the_page_shows_every_recipe_as_it_is(path: Path) -> None:
    blocks = re.findall(r"```(?:sh|bash)\n(.*?)```", (ROOT / "docs/scale.md").read_text(), re.S)
    assert path.read_text() in blocks


@pytest.mark.parametrize("stage", sorted({name.partition("@")[0] for name in HEADLINE}))
def test_the_stages_with_networks_and_no_others_run_as_tasks(stage: str, tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for program in (tmp_path / "srun", tmp_path / ".venv/bin/python"):
        program.write_text('#!/bin/sh\necho "$(basename "$0")" "$@"\n')
        program.chmod(0o755)
    address = next(name for name in HEADLINE if name.partition("@")[0] == stage)
    _, *words = HEADLINE[address].cmd.split()
    said = subprocess.run(
        [RECIPES / "python", *words],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_CPUS_PER_TASK": "12"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert said[0] == ("srun" if stage in WITH_NETWORKS else "python")
    assert said[-len(words) :] == words
    assert ("--cpus-per-task=12" in said) == (stage in WITH_NETWORKS)
