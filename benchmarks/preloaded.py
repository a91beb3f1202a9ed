"""Time that a stage takes for ``--help``, handed over to a process that has imported, or by itself.

Within ``python -m stages`` one process imports for all stages (``camchex/runs/preloaded.py``);
under a plain ``dvc repro`` each imports by itself. Both take turns, three by default, and the best
time of each counts. Run it as ``python benchmarks/preloaded.py [--turns N]``, on a machine that
does nothing else.
"""

import os
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path

from record import Comparison, record, run

from camchex.runs import preloaded
from stages import fix_arithmetic

ROOT = Path(__file__).resolve().parents[1]
MODULES = [
    f"stages.{name}"
    for name in ("link_vitals", "pseudo_label", "train_student", "train_fusion", "predict")
]
TURNS = 3


def seconds(module: str, address: str) -> float:
    """Seconds until a stage has printed its help, the start of Python included."""
    start = time.perf_counter()
    environment = {**os.environ, preloaded.ADDRESS: address}
    command = [sys.executable, "-m", module, "--help"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)  # noqa: S603 - ours
    return time.perf_counter() - start


def main(turns: int = TURNS) -> None:
    """Print both, side by side, and how long the process imports."""
    with tempfile.TemporaryDirectory() as folder:
        address, absent = f"{folder}/socket", f"{folder}/no such socket"
        words = (address, 0, MODULES, fix_arithmetic)
        start = time.perf_counter()
        process = get_context("spawn").Process(target=preloaded.serve, args=words)
        process.start()
        while not Path(address).exists():
            time.sleep(0.01)
        imports = time.perf_counter() - start
        rounds = [
            {m: (seconds(m, address), seconds(m, absent)) for m in MODULES} for _ in range(turns)
        ]
        process.kill()
    rows = []
    for module in MODULES:
        ours, theirs = (min(one[module][side] for one in rounds) for side in (0, 1))
        what = f"python -m {module} --help, handed over"
        rows.append(Comparison(what, "s", ours, "by itself", theirs, theirs / ours))
    notes = {"turns": turns, "imports once, s, its start included": round(imports, 2)}
    record("preloaded", rows, notes)


if __name__ == "__main__":
    run(main, __doc__)
