"""One variant of the fusion: trained, applied and scored once per seed."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from camchex.contract import params
from camchex.errors import CamchexError
from stages import Input, Output, evaluate, predict, run, train_fusion

Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="key=value: replaces a key of section fusion; repeatable."),
]
SEED = "seed{}"


def main(
    *,
    frontal: Input,
    lateral: Input,
    cohort: Input,
    store: Input,
    out: Output,
    predictions: Output,
    metrics: Output,
    settings: Settings = None,
) -> None:
    """Fill the three folders, with one folder or file per declared seed.

    The folders may hold what a run before this one left: a training that is there for the same
    code, data and parameters is not repeated, and what is of no declared seed is deleted.
    """
    seeds = params.load("seeds", list[int])
    for folder in (out, predictions, metrics):
        _forget_others(folder, [SEED.format(seed) for seed in seeds])
    for seed in seeds:
        name = SEED.format(seed)
        predicted = predictions / f"{name}.parquet"
        reads = ["--cohort", cohort, "--store", store]
        # Each in a process of its own, as DVC runs them: several devices may start it anew.
        _run(
            train_fusion.__name__,
            *("--seed", seed, "--frontal", frontal, "--lateral", lateral, *reads),
            *("--out", out / name, "--curves", metrics / name / "train"),
            *(word for setting in settings or () for word in ("--set", setting)),
        )
        _run(predict.__name__, "--model", out / name, *reads, "--out", predicted)
        _run(
            evaluate.__name__,
            *("--cohort", cohort, "--predictions", predicted),
            *("--out", metrics / f"{name}.json", "--curves", metrics / name / "test"),
        )


def _run(module: str, *words: object) -> None:
    command = [sys.executable, "-m", module, *map(str, words)]
    status = subprocess.run(command, check=False).returncode  # noqa: S603 - the project's own
    if status:
        raise CamchexError(f"{module} ended with status {status}: see above")


def _forget_others(folder: Path, names: Sequence[str]) -> None:
    for path in folder.glob(f"*{SEED.format('*')}"):  # also what was left unfinished
        if path.name.strip(".").partition(".")[0] not in names:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    run(main)
