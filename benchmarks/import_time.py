"""Time until a stage has imported what it needs, against importing torch alone.

Every import has a process of its own, and no stage is run. All are taken in turns, three turns by
default, and the best time of each counts: the first turn brings the files into memory. Run it as
``python benchmarks/import_time.py [--turns N]``, on a machine that does nothing else.
"""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from record import Comparison, record, run

ROOT = Path(__file__).resolve().parents[1]
TORCH = "torch"
TURNS = 3
CODE = """
import sys, time
name, sys.argv[0] = sys.argv[1], "-m"  # as `python -m` has it, by which a stage knows it is run
start = time.perf_counter()
__import__(name)
print(time.perf_counter() - start)
"""
HELP = (["--help"], ["predict", "--help"])


def stages() -> list[str]:
    """Every stage's module; that of a stage which is a package is its ``__main__``."""
    folder = ROOT / "stages"
    files = [*folder.glob("[!_]*.py"), *folder.glob("*/__main__.py")]
    return sorted(".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files)


def output(command: Sequence[str]) -> str:
    """What Python prints, in a new process."""
    words = [sys.executable, *command]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603 - ours
    return done.stdout


def seconds_to_import(module: str) -> float:
    """Seconds that a new process takes to import a module, the start of Python excluded."""
    return float(output(["-c", CODE, module]))


def seconds_to_help(words: Sequence[str]) -> float:
    """Seconds that ``camchex`` takes to print help, the start of Python included."""
    start = time.perf_counter()
    output(["-c", "from camchex.cli.app import main; main()", *words])
    return time.perf_counter() - start


def main(turns: int = TURNS) -> None:
    """Print all, side by side."""
    modules = [TORCH, *stages()]
    rounds = [{module: seconds_to_import(module) for module in modules} for _ in range(turns)]
    best = {module: min(one[module] for one in rounds) for module in modules}
    theirs = best.pop(TORCH)
    rows = [
        Comparison(f"import {module}", "s", mine, f"import {TORCH}", theirs, theirs / mine)
        for module, mine in best.items()
    ]
    helps = {
        f"camchex {' '.join(words)}, s": round(min(seconds_to_help(words) for _ in range(turns)), 2)
        for words in HELP
    }
    record("import_time", rows, {"turns": turns, **helps})


if __name__ == "__main__":
    run(main, __doc__)
