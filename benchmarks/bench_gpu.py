"""What only a GPU can tell, measured by one command that ends in time: ``make bench-gpu``.

``gpu_measurements.py`` holds the measurements, ``isolated.py`` runs each in a process of its own.
JSON and table are written anew after every measurement: a run that is cut off keeps what it has.
"""

import argparse
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

from isolated import Options, Outcome, run_all
from record import RESULTS, write

BUDGETS = {
    "device": 60,
    "image_step": 60,
    "fusion_step": 80,
    "roofline": 40,
    "from_store": 150,
    "prediction": 120,
    "equality": 50,
    "resumption": 90,
    "checkpointing": 50,
    "compiled_image": 120,
    "largest_batch": 90,
    "compiled_fusion": 200,
}
"""Seconds that each may take at most, imports apart, in their order: what matters most is first."""
VERSIONS = ("torch", "triton", "torchvision", "lightning", "timm", "transformers", "tokenizers")
VERSIONS += ("safetensors", "pyarrow", "numpy", "opencv-python-headless", "kornia", "simplejpeg")
VERSIONS += ("duckdb", "pydantic", "pydicom")


def driver() -> str:
    """Name, driver and memory of the GPUs, as the driver's own program says."""
    command = [
        "nvidia-smi",
        "--query-gpu=name,driver_version,memory.total",
        "--format=csv,noheader",
    ]
    try:
        # A constant command.
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)  # noqa: S603 - ours
    except (OSError, subprocess.SubprocessError) as error:
        return f"unknown: {type(error).__name__}"
    return done.stdout.strip()


def versions() -> dict[str, str]:
    """Versions of what is measured with; what is not installed is left out."""
    found = {"python": python_version()}
    for name in VERSIONS:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def table(result: Mapping[str, object], outcomes: Mapping[str, Outcome]) -> str:
    """All comparisons, notes and outcomes as Markdown."""
    lines = [
        f"{result['driver']}; {result['versions']}",
        "",
        "| what | unit | camchex | against | ratio |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.what} | {row.unit} | {row.ours:.4g} | {row.baseline} {row.theirs:.4g} "
        f"| {row.ratio:.2f} |"
        for outcome in outcomes.values()
        for row in outcome.comparisons
    ]
    lines += ["", "| measurement | s | outcome | notes |", "|---|---|---|---|"]
    for name, outcome in outcomes.items():
        notes = "; ".join(f"{key}: {value}" for key, value in outcome.notes.items())
        cells = (name, f"{outcome.seconds:.0f}", outcome.outcome, notes)
        lines.append(
            "| " + " | ".join(c.replace("|", "/").replace("\n", " ") for c in cells) + " |"
        )
    return "\n".join(lines) + "\n"


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    cores = len(os.sched_getaffinity(0))
    parser.add_argument("--profile", default="paper", help="a profile's name, or a YAML file")
    parser.add_argument("--device", default="cuda", choices=["cpu", "cuda"])
    parser.add_argument("--batch", type=int, help="default: that of fusion.training")
    parser.add_argument("--steps", type=int, default=8, help="per repetition")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--workers", type=int, default=max(1, cores - 2), help="that decode")
    parser.add_argument("--seconds", type=float, default=400, help="for all together")
    parser.add_argument("--only", nargs="*", choices=list(BUDGETS), default=list(BUDGETS))
    parser.add_argument("--out", type=Path, default=RESULTS / "bench_gpu.json", help="the JSON")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Measure, and write JSON and table after every measurement."""
    asked = arguments(words)
    chosen = ("profile", "device", "batch", "steps", "repeats", "workers")
    options = Options(**{name: getattr(asked, name) for name in chosen})
    result = {"driver": driver(), "versions": versions(), "options": asdict(options)}
    outcomes: dict[str, Outcome] = {}
    budgets = {name: BUDGETS[name] for name in asked.only}
    for name, outcome in run_all(budgets, options, asked.seconds):
        outcomes[name] = outcome
        measured = {name: asdict(outcome) for name, outcome in outcomes.items()}
        write(asked.out, {**result, "measurements": measured})
        asked.out.with_suffix(".md").write_text(table(result, outcomes))
        print(f"{name}: {outcome.outcome} ({outcome.seconds} s)", flush=True)
    print(table(result, outcomes))


if __name__ == "__main__":
    main()
