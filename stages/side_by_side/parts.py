"""One part of the work of some stages, which the stages themselves join afterwards."""

import shlex
import subprocess
import sys
from collections.abc import Sequence

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from camchex.runs.parts import Part
from stages.side_by_side.reproduce import StageError


def make_part(targets: Sequence[str], part: Part) -> None:
    """Run the commands of stages with ``--part``; DVC records nothing of it, and checks no input.

    Args:
        targets: Addresses of stages that can be made in parts.
        part: Which part.

    Raises:
        StageError: If there is no such stage, or a command fails.
    """
    try:
        with Repo() as repo:
            stages = [stage for target in targets for stage in repo.stage.collect(target)]
    except DvcException as error:
        raise StageError(f"{error}") from error
    for stage in stages:
        assert isinstance(stage, PipelineStage)
        command = [sys.executable, *shlex.split(stage.cmd)[1:], "--part", str(part)]
        if subprocess.run(command, check=False).returncode:  # noqa: S603 - of our dvc.yaml
            raise StageError(f"{stage.addressing}: part {part} failed, see above")
