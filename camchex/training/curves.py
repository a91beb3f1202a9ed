"""A training's curves as DVC plots them: one TSV per quantity, one row per epoch."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from dvclive import Live


def write_curves(
    history: Sequence[Mapping[str, float]], sources: Mapping[str, int], folder: Path
) -> None:
    """Write ``<quantity>.tsv`` (columns step, quantity) and ``sources.tsv`` into a folder.

    Args:
        history: One row per epoch; the step is the epoch, from 0.
        sources: Training samples by data set.
        folder: Exists.
    """
    with TemporaryDirectory() as scratch:
        with Live(dir=scratch, dvcyaml=None, save_dvc_exp=False, report=None) as live:
            for row in history:
                for name, value in row.items():
                    live.log_metric(name, value)
                live.next_step()
        for curve in sorted(Path(scratch, "plots", "metrics").glob("*.tsv")):
            (folder / curve.name).write_bytes(curve.read_bytes())
    total = sum(sources.values())
    with (folder / "sources.tsv").open("w", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(["source", "samples", "share"])
        table.writerows([name, n, round(n / total, 6)] for name, n in sources.items())
