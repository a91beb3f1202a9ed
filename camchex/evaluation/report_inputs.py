"""What the report is made of, read from the metrics and curves of the declared runs."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from camchex.errors import DataError
from camchex.evaluation.charts import Line
from camchex.evaluation.examples import Example
from camchex.evaluation.results import Results, read_results

GENERATIONS = range(5)  # the teacher and four students: fixed by dvc.yaml
IMAGE_RUNS = (*(f"gen{g}" for g in GENERATIONS), "frontal", "lateral")
QUANTITIES = ("train_loss", "development_mAP")
Lines = Mapping[str, Line]


@dataclass(frozen=True)
class ReportInputs:
    """Aggregates of one run of the pipeline.

    Attributes:
        summary: As :func:`camchex.evaluation.summary.summarise` returns it.
        audit: As :func:`camchex.evaluation.audit.audit` returns it.
        cohort: Counts of the cohort, as its stage writes them.
        pseudo_labels: Spread of the pseudo-labels, by generation.
        training: Curves by quantity (``QUANTITIES``) and run.
        precision_recall: Curves by seed and class.
        provenance: What made this: package versions, digest of the parameters.
        examples: Studies to show; only ever of the synthetic cohort.
    """

    summary: Results
    audit: Results
    cohort: Results
    pseudo_labels: Mapping[str, Results]
    training: Mapping[str, Lines]
    precision_recall: Mapping[int, Lines]
    provenance: Mapping[str, str]
    examples: Sequence[Example] = ()


def read_pseudo_labels(folder: Path) -> dict[str, Results]:
    """Spread of the pseudo-labels of every generation that taught, ``gen<g>.json``.

    Raises:
        DataError: If one is missing.
    """
    names = [f"gen{g}" for g in GENERATIONS[:-1]]
    return {name: read_results(folder / f"{name}.json") for name in names}


def read_training(folder: Path, seeds: Sequence[int]) -> dict[str, Lines]:
    """Curves by quantity and run, of the declared runs only.

    A run without development score (its split has no class to score) lacks that curve.

    Raises:
        DataError: If the curves of a run are missing.
    """
    runs = [*IMAGE_RUNS, *(f"fusion_seed{seed}" for seed in seeds)]
    for run in runs:
        if not (folder / run / f"{QUANTITIES[0]}.tsv").exists():
            raise DataError(f"{folder / run}: no curves of this training. `dvc repro` makes them.")
    return {
        quantity: {
            run: _points(folder / run / f"{quantity}.tsv", "step", quantity)
            for run in runs
            if (folder / run / f"{quantity}.tsv").exists()
        }
        for quantity in QUANTITIES
    }


def read_precision_recall(folder: Path, seeds: Sequence[int]) -> dict[int, Lines]:
    """Precision at each recall, by seed and class, ``seed<s>/precision_recall.csv``.

    Raises:
        DataError: If one is missing.
    """
    return {
        seed: _by_class(_rows(folder / f"seed{seed}" / "precision_recall.csv", ","))
        for seed in seeds
    }


def _by_class(rows: Sequence[Mapping[str, str]]) -> Lines:
    lines: dict[str, list[tuple[float, float]]] = {}
    for row in rows:
        point = (float(row["recall"]), float(row["precision"]))
        lines.setdefault(row["class"], []).append(point)
    return lines


def _points(path: Path, x: str, y: str) -> Line:
    return [(float(row[x]), float(row[y])) for row in _rows(path, "\t")]


def _rows(path: Path, delimiter: str) -> list[dict[str, str]]:
    if not path.exists():
        raise DataError(f"{path}: no such file. `dvc repro` makes it.")
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter=delimiter))
