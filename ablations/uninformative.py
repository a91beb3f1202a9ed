"""Make Table 3 of cohorts in which an input says nothing: `make uninformative`.

Each cohort gets a copy of the project below .camchex/uninformative, with its own parameters and the
project's cache, so that what does not depend on them is not made again. A second call goes on where
the first one was stopped. The project's own data, models and metrics are only read.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from camchex import params
from camchex.evaluation.origin import origin
from camchex.evaluation.results import read_results, write_results
from camchex.evaluation.uninformative import SILENCED, gains, gains_text

PROJECT = Path(__file__).resolve().parents[1]
COPIES = PROJECT / ".camchex" / "uninformative"
TABLE3 = Path("metrics/ablations/table3.json")
OUT = Path("metrics/ablations/uninformative.json")
PIPELINES = ("dvc.yaml", "data/synthetic/dvc.yaml", "ablations/dvc.yaml")
CODE = ("camchex", "stages", *PIPELINES, ".dvcignore")


def main() -> int:
    """Bring every copy up to date, and join what they say."""
    if origin(params.load("data.root", Path)) != "synthetic":
        sys.exit("error: only the synthetic cohort can be told to say nothing: camchex profile use")
    informative = read_results(TABLE3)
    for name, silenced in SILENCED.items():
        workspace = COPIES / name
        copy_project(workspace, silenced.settings)
        dvc(workspace, "repro", "ablations/dvc.yaml:table3")
    found = gains(informative, {name: read_results(COPIES / name / TABLE3) for name in SILENCED})
    write_results(found, OUT)
    OUT.with_suffix(".md").write_text(gains_text(found))
    return 0


def copy_project(workspace: Path, settings: Mapping[str, float]) -> None:
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
        dvc(workspace, "init", "--no-scm", "--quiet")
    cache = PROJECT / ".dvc" / "cache"
    cache.mkdir(exist_ok=True)
    for key, value in (("cache.dir", cache), ("core.analytics", "false")):
        dvc(workspace, "config", key, str(value))


def changed_parameters(settings: Mapping[str, float]) -> str:
    """params.yaml with some values replaced."""
    content = yaml.safe_load((PROJECT / "params.yaml").read_text())
    for key, value in settings.items():
        *above, last = key.split(".")
        section = content
        for name in above:
            section = section[name]
        if last not in section:
            raise KeyError(key)
        section[last] = value
    return yaml.safe_dump(content, sort_keys=False)


def dvc(workspace: Path, *words: str) -> None:
    """Run DVC in a copy, with the copy's own code."""
    env = {**os.environ, "PYTHONPATH": str(workspace)}
    command = [sys.executable, "-m", "dvc", *words]
    done = subprocess.run(command, cwd=workspace, env=env, check=False)  # noqa: S603 - ours
    if done.returncode:
        sys.exit(f"error: dvc {' '.join(words)} failed in {workspace}: see above")


if __name__ == "__main__":
    os.chdir(PROJECT)
    sys.exit(main())
