"""What every benchmark ends with: its table on the terminal, and the same as JSON in results/."""

import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import typer

RESULTS = Path(__file__).parent / "results"
sys.path.append(str(Path(__file__).resolve().parents[1]))  # stages and ablations are not installed


@dataclass(frozen=True)
class Comparison:
    """One claim: ours against a named baseline, both measured in this run.

    Attributes:
        what: What was done, on how much.
        unit: Unit of both figures (``s``, ``images/s per core``).
        ours: This project's figure.
        baseline: Name of the baseline.
        theirs: Its figure.
        ratio: How many times better ours is.
    """

    what: str
    unit: str
    ours: float
    baseline: str
    theirs: float
    ratio: float


def machine() -> str:
    """Processor and cores, as far as the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores"


def record(name: str, comparisons: Sequence[Comparison], notes: dict[str, object]) -> None:
    """Print a table and write ``results/<name>.json``.

    Args:
        name: The benchmark.
        comparisons: Its rows.
        notes: Further figures of the same run (peak memory, share extrapolated, differences).
    """
    print(f"{'what':44} {'unit':20} {'this':>10} {'baseline':>10} {'ratio':>7}  baseline is")
    for row in comparisons:
        print(
            f"{row.what:44} {row.unit:20} {row.ours:>10.2f} {row.theirs:>10.2f} "
            f"{row.ratio:>7.1f}  {row.baseline}"
        )
    for key, value in notes.items():
        print(f"{key}: {value}")
    print(f"machine: {machine()}")
    result = {"comparisons": [asdict(row) for row in comparisons], "notes": notes}
    write(RESULTS / f"{name}.json", result)


def write(path: Path, result: Mapping[str, object]) -> None:
    """Write a result as JSON, the machine first."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"machine": machine(), **result}, indent=2) + "\n")


def show(page: Path, name: str, text: str) -> None:
    """Put a text into a page, between ``<!-- name -->`` and ``<!-- /name -->``."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.read_text().partition(start)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{page}: no {start.strip()} with its {end}")
    page.write_text(f"{before}{start}{text}{end}{after}")


def run(main: Callable[..., None], doc: str | None) -> None:
    """Run a benchmark with the words of the command line; ``--help`` prints ``doc`` instead."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(help=doc)(main)
    app()
