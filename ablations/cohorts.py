"""Other cohorts: copies of the project with parameters of their own, made one after another.

A copy has its own data, models and metrics, and shares the project's cache, so that what does not
depend on its parameters is not made again. A second call goes on where the first one was stopped.
The project's own data, models and metrics are only read.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from dvc.repo import Repo

from ablations import PROJECT
from camchex.contract import params
from camchex.contract.yaml_file import read_yaml, yaml_text
from stages import origin

PIPELINES = ("dvc.yaml", "data/synthetic/dvc.yaml", "ablations/dvc.yaml")
CODE = ("camchex", "stages", *PIPELINES, ".dvcignore")
Settings = Mapping[str, object]
"""Values of params.yaml, by dotted key."""


def make_cohorts(
    folder: Path, settings: Mapping[str, Settings], targets: Mapping[str, Sequence[str]]
) -> None:
    """Bring some stages of every copy up to date.

    Args:
        folder: Folder of the copies, each below its name.
        settings: Parameters that differ from the project's params.yaml, by name of the copy.
        targets: Stages as ``dvc repro`` takes them, by name of the copy.

    Raises:
        SystemExit: If the project's cohort is not synthetic, or a stage of a copy fails; the other
            copies are made all the same.
    """
    if origin(params.load("data.root", Path)) != "synthetic":
        sys.exit("error: only the synthetic cohort can be made anew: camchex profile use demo")
    failed = []
    for name, changed in settings.items():
        _copy_project(folder / name, changed)
        if _run(folder / name, "stages", *targets[name]):
            failed.append(str(folder / name))
    if failed:
        sys.exit(f"error: not all was made in {', '.join(failed)}: see above")


def _copy_project(workspace: Path, settings: Settings) -> None:
    """Copy the code, write the parameters, and share the cache; lock files there are kept."""
    for name in CODE:
        source, target = PROJECT / name, workspace / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (workspace / "params.yaml").write_text(changed_parameters(settings))
    if not (workspace / ".dvc").exists():
        _run(workspace, "dvc", "init", "--no-scm", "--quiet")
    for key, value in (("cache.dir", cache_of(PROJECT)), ("core.analytics", "false")):
        _run(workspace, "dvc", "config", key, str(value))


def cache_of(project: Path) -> Path:
    """The folder of a project's DVC cache, which `dvc cache dir` may have put on another disk."""
    with Repo(project) as repo:
        cache = Path(repo.cache.local_cache_dir)
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def changed_parameters(settings: Settings, path: Path = PROJECT / "params.yaml") -> str:
    """Parameters of a file with some values replaced.

    Raises:
        KeyError: If there is no such key.
    """
    content = read_yaml(path)
    for key, value in settings.items():
        *above, last = key.split(".")
        section = content
        for name in above:
            section = section[name]
        if last not in section:
            raise KeyError(key)
        section[last] = value
    return yaml_text(content)


def _run(workspace: Path, *words: str) -> int:
    """Run a module as a program in a copy, with the copy's own code."""
    env = {**os.environ, "PYTHONPATH": str(workspace)}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=workspace, env=env, check=False).returncode  # noqa: S603 - ours
