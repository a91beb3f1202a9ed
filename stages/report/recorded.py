"""The record that git and DVC hold of the files that a report was made from.

A page that DVC keeps must not name the commit it will be part of, since no such commit exists when
the page is written; nor any other, since a clone without history, or a copy without git, would make
another page. The page names what follows from files alone: a digest of the code that its stage
declares, and one of what dvc.lock holds of the data that the stage declares. The page's own hash in
dvc.lock leads to the commit that recorded it.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from camchex.comparisons.parameters import nearest_profile
from camchex.comparisons.stage_records import all_outs, read_stages, within
from camchex.contract import params
from camchex.contract.files import sha256
from camchex.contract.yaml_file import read_yaml
from camchex.report.inputs import Provenance

LOCK = Path("dvc.lock")
PIPELINE = Path("dvc.yaml")
CODE = ("camchex/", "stages/")
MODELS = "models/fusion/seed"
UNKNOWN = "not known here"
CODE_DIGEST = "code of the report"
LOCK_DIGEST = "dvc.lock, entries of its data"
RECORDED_BY = 'git log --format=%H -S "$(md5sum < report.html | cut -c1-32)" -- dvc.lock | tail -1'
PACKAGES = (
    *("camchex", "dvc", "torch", "lightning", "timm", "transformers"),
    *("kornia", "numpy", "pyarrow", "duckdb", "scikit-learn"),
)
SETTINGS = (
    *("images", "encoder", "training", "noisy_student", "view_finetuning", "text", "fusion"),
    "synthetic",
)
"""Sections of params.yaml that the page prints."""


def read_provenance(
    stage: str, inputs: Sequence[Path], seeds: Sequence[int], profiles: Path
) -> Provenance:
    """Gather what made the result of a stage; the parameters are those of params.yaml.

    Args:
        stage: Name of the stage in dvc.yaml.
        inputs: Data that the stage reads.
        seeds: The declared seeds.
        profiles: Folder of the profiles.

    Raises:
        ParamsError: If parameters or profiles cannot be read.
    """
    values = params.read_file()
    profile, differs = nearest_profile(profiles)
    models = {seed: f"{MODELS}{seed}" for seed in seeds}
    weights = locked(map(Path, models.values()))
    return Provenance(
        sources={
            CODE_DIGEST: digest_of_code(code_of_stage(stage)) or UNKNOWN,
            LOCK_DIGEST: digest_of_lock(locked(inputs)) or UNKNOWN,
            "parameters": digest_of_parameters(values),
        },
        # Of the build (2.15.0+cpu) and of Python nothing follows.
        versions={package: version(package).partition("+")[0] for package in PACKAGES},
        profile=profile,
        differs=differs,
        weights={seed: weights[path] for seed, path in models.items() if path in weights},
        recorded_by=RECORDED_BY,
        settings={name: values[name] for name in SETTINGS if name in values},
    )


def digest_of_parameters(values: Mapping[str, object]) -> str:
    """SHA-256 of the parameters without ``runtime`` and ``data.root``.

    Those say only where it ran, and a configuration has others on another machine.
    """
    kept = {name: section for name, section in values.items() if name != "runtime"}
    data = kept.get("data")
    if isinstance(data, Mapping):
        kept["data"] = {name: value for name, value in data.items() if name != "root"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def code_of_stage(name: str, pipeline: Path = PIPELINE) -> list[str]:
    """Files and folders of code that a stage of dvc.yaml declares; none without such a stage."""
    if not pipeline.exists():
        return []
    stage = read_yaml(pipeline)["stages"].get(name, {})
    return [path for path in stage.get("deps", ()) if str(path).startswith(CODE)]


def digest_of_code(paths: Sequence[str]) -> str | None:
    """SHA-256 of the names and contents of files, and of all files below folders; None of none."""
    within = (file for path in map(Path, paths) for file in (path, *path.rglob("*")))
    files = sorted(f for f in within if f.is_file() and f.suffix != ".pyc")
    lines = [f"{file.as_posix()} {sha256(file)}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest() if lines else None


def locked(paths: Iterable[Path], lock: Path = LOCK) -> dict[str, str]:
    """Hash of every output in dvc.lock that is one of some paths, or below one, in order.

    Returns:
        Hash by path; empty without a lock.
    """
    if not lock.exists():
        return {}
    wanted = [path.as_posix() for path in paths]
    outs = all_outs(read_stages(read_yaml(lock)))
    return {path: outs[path] for path in sorted(outs) if any(within(path, f) for f in wanted)}


def digest_of_lock(entries: Mapping[str, str]) -> str | None:
    """SHA-256 of what :func:`locked` returned; None where it is empty."""
    if not entries:
        return None
    return hashlib.sha256(json.dumps(entries, sort_keys=True).encode()).hexdigest()
