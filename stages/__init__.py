"""One thin module per DVC stage: declared paths in, one library call, declared paths out."""

import sys

from camchex.runs import preloaded

if "stages" not in sys.orig_argv:  # but a stage of its own: `python -m stages` runs stages
    preloaded.hand_over()  # before this process imports, for nothing, what another has imported

import atexit
import gc
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import typer

from camchex.contract import arithmetic, params
from camchex.errors import CamchexError, disk_problem
from camchex.runs.runtime import RuntimeParams

Input = Annotated[Path, typer.Option(help="A path that dvc.yaml declares as a dependency.")]
Output = Annotated[Path, typer.Option(help="A path that dvc.yaml declares as an output.")]
OptionalInput = Annotated[Path | None, typer.Option(help="A dependency, where there is one.")]
OptionalOutput = Annotated[Path | None, typer.Option(help="An output, where it is wanted.")]
Name = Annotated[str, typer.Option(help="Which item of the stage this is.")]
Seed = Annotated[int, typer.Option(help="Seed of the training.")]
PartOption = Annotated[
    str | None,
    typer.Option(help="3/16: make one part of 16, which this stage without --part joins."),
]
SEED = "{seed}"
"""Stands in a command for every seed of params.yaml: the stage is run once for each."""
TERMINATED = 128 + signal.SIGTERM
"""Status of a process that ended because it was asked to."""
INVENTED = Path("data/synthetic/raw")
"""The cohort that the project invents itself, which data/synthetic/dvc.yaml makes."""
MARK = "SYNTHETIC.txt"
"""Lies in every tree of invented patients, wherever it is (``camchex.synthetic.make``)."""


def fix_arithmetic() -> None:
    """Fix the arithmetic of a stage before it imports numpy or torch; ``runtime`` may forbid it."""
    try:
        portable = params.load("runtime", RuntimeParams).portable
    except CamchexError:
        portable = True  # the stage itself says what is wrong with params.yaml
    if portable:
        arithmetic.pin()


AS_PROGRAM = sys.argv[0] == "-m"  # so it is while `python -m stages.<name>` imports this package
if AS_PROGRAM:
    gc.disable()  # until the imports are done: collections take a quarter of their time
    fix_arithmetic()


def origin(root: Path) -> Literal["synthetic", "real"]:
    """Tell on what patients results are measured: ``synthetic`` if ``data.root`` is invented."""
    is_invented = root.resolve() == INVENTED.resolve() or (root / MARK).exists()
    return "synthetic" if is_invented else "real"


def run(main: Callable[..., None]) -> NoReturn:
    """Run a stage's ``main`` from the command line; an error the user can act on is one message.

    The process then ends at once: to take a loaded torch apart costs seconds, for nothing.
    """
    gc.enable()
    status = 0
    try:
        if any(SEED in word for word in sys.argv):
            _run_every_seed(main)
        else:
            typer.run(main)
    except SystemExit as end:  # Typer's, also where all went well
        if not isinstance(end.code, int | None):
            raise
        # Lightning's, when a training was asked to end, has no code: DVC must not take it for done.
        status = TERMINATED if end.code is None else end.code
    except CamchexError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        status = 1
    except OSError as error:
        problem = disk_problem(error)
        if problem is None:
            raise
        typer.secho(f"error: {problem}", fg="red", err=True)
        status = 1
    if not AS_PROGRAM:
        sys.exit(status)
    end_now(status)


def end_now(status: int) -> NoReturn:
    """End this process at once, after what it has registered for its end and its last lines."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def _run_every_seed(main: Callable[..., None]) -> None:
    """Run this very command once per seed, and delete the outputs of undeclared seeds before.

    Each seed has a process of its own, since a stage on several devices may start its process anew.
    """
    seeds = params.load("seeds", list[int])
    outputs = [name for name, kind in main.__annotations__.items() if kind == Output]
    for option, value in zip(sys.argv, sys.argv[1:], strict=False):
        if option.removeprefix("--").replace("-", "_") in outputs and SEED in value:
            _delete_other_seeds(Path(value), seeds)
    for seed in seeds:
        words = [word.replace(SEED, str(seed)) for word in sys.orig_argv[1:]]
        status = subprocess.run([sys.executable, *words], check=False).returncode  # noqa: S603 - ours
        if status:
            raise CamchexError(f"seed {seed}: the stage ended with status {status}, see above")


def _delete_other_seeds(output: Path, seeds: Sequence[int]) -> None:
    """Delete what stands in the place of ``output`` for seeds that params.yaml does not declare."""
    numbered = next(path for path in (output, *output.parents) if SEED in path.name)
    stem = numbered.name.partition(".")[0]
    declared = {stem.replace(SEED, str(seed)) for seed in seeds}
    for path in numbered.parent.glob(f"*{stem.replace(SEED, '[0-9]*')}"):  # unfinished ones, too
        if path.name.strip(".").partition(".")[0] not in declared:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
