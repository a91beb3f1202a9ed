"""Training curves for ``dvc plots``: one TSV per quantity, one row per epoch."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def write_training_curves(
    history: Sequence[Mapping[str, float]], sources: Mapping[str, int], folder: Path
) -> None:
    """Write ``<quantity>.tsv`` (columns step and quantity) and ``sources.tsv`` into a folder.

    Args:
        history: Quantities of each epoch; the step is the epoch, from 0.
        sources: Number of training samples by data set.
        folder: Folder that exists.
    """
    for name in {name for row in history for name in row}:
        steps = [(step, row[name]) for step, row in enumerate(history) if name in row]
        _write_tsv(folder / f"{name}.tsv", [("step", name), *steps])
    total = sum(sources.values())
    shares = [(name, count, round(count / total, 6)) for name, count in sources.items()]
    _write_tsv(folder / "sources.tsv", [("source", "samples", "share"), *shares])


def _write_tsv(path: Path, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter="\t", lineterminator="\n").writerows(rows)
