"""``python -m tests.fuzz --files 10000``: damage, read, and say what became of it."""

import argparse
import logging
import multiprocessing
import resource
import shutil
import signal
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from camchex.runs.progress import progress
from tests.fuzz.damage import damage
from tests.fuzz.targets import QUARANTINED, READ, REFUSED, Target, outcome, targets, write_cohort

SECONDS = 20  # that one file may take
MEMORY = 8 << 30  # bytes of address space that a worker may take
CHUNK = 25
DEFECT = "DEFECT"
SHOWN = 30


@dataclass(frozen=True)
class Case:
    """One damaged file: what was damaged, how, by which seed, and what became of it."""

    target: str
    file: str
    how: str
    seed: int
    outcome: str
    defect: str = ""


def main() -> int:
    """Run, print the table, and say whether all went well."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    seeds = range(options.seed, options.seed + options.files)
    with tempfile.TemporaryDirectory() as folder:
        cases = fuzz(seeds, Path(folder), options.workers)
    report(cases)
    return int(any(case.outcome == DEFECT for case in cases))


def fuzz(seeds: Sequence[int], folder: Path, workers: int) -> list[Case]:
    """Damage one file per seed of a cohort written to ``folder``, and read it."""
    write_cohort(folder / "raw")
    chunks = [seeds[i : i + CHUNK] for i in range(0, len(seeds), CHUNK)]
    spawn = multiprocessing.get_context("spawn")
    cases: list[Case] = []
    with ProcessPoolExecutor(workers, spawn, _limit) as pool:
        waiting = {pool.submit(damaged, folder / "raw", chunk): chunk for chunk in chunks}
        for done in progress(as_completed(waiting), "files", total=len(waiting)):
            try:
                cases += done.result()
            except BrokenProcessPool:
                chunk = waiting[done]
                cases += [Case("?", "?", "?", seed, DEFECT, "the process died") for seed in chunk]
    return cases


def damaged(raw: Path, seeds: Sequence[int]) -> list[Case]:
    """Damage and read in a copy of the cohort of this process's own."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "raw"
        shutil.copytree(raw, root)
        every = targets(root)
        return [case for seed in seeds for case in _one(root, every, seed)]


def _one(root: Path, every: Sequence[Target], seed: int) -> Iterator[Case]:
    rng = np.random.default_rng(seed)
    target = every[int(rng.integers(len(every)))]
    file = target.files[int(rng.integers(len(target.files)))]
    path = root / file
    whole = path.read_bytes()
    how, left = damage(file, whole, rng)
    path.write_bytes(left)
    signal.alarm(SECONDS)
    try:
        yield Case(target.name, file, how, seed, outcome(target, root, file))
    except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
        message = f"{type(error).__name__}: {error}"
        yield Case(target.name, file, how, seed, DEFECT, message[:300])
    finally:
        signal.alarm(0)
        path.write_bytes(whole)


def _limit() -> None:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"no end after {SECONDS} s")

    signal.signal(signal.SIGALRM, too_long)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error")
    logging.raiseExceptions = False


def report(cases: Sequence[Case]) -> None:
    """Print what was tried and what became of it."""
    outcomes = (REFUSED, QUARANTINED, READ, DEFECT)
    table = Table("damaged", "files", *outcomes, box=None)
    names = sorted({case.target for case in cases})
    for name in [*names, ""]:
        counts = Counter(case.outcome for case in cases if name in ("", case.target))
        total = sum(counts.values())
        table.add_row(name or "all", *(f"{n:,}" for n in (total, *(counts[o] for o in outcomes))))
    console = Console()
    console.print(table)
    ways = Counter(case.how for case in cases)
    console.print("ways: " + ", ".join(f"{how} {n}" for how, n in sorted(ways.items())))
    defects = [case for case in cases if case.outcome == DEFECT]
    for case in defects[:SHOWN]:
        console.print(f"seed {case.seed}: {case.file}, {case.how}: {case.defect}", markup=False)
    if len(defects) > SHOWN:
        console.print(f"and {len(defects) - SHOWN} more")
