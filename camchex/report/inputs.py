"""What the report is made of, read from the metrics and curves of the declared runs."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from camchex.aggregates.results import Results, read_results
from camchex.errors import DataError
from camchex.report.charts import Line
from camchex.report.examples import Example, Failure
from camchex.report.other_results import Shown
from camchex.report.provenance import Provenance

GENERATIONS = range(5)  # the teacher and four students: fixed by dvc.yaml
IMAGE_RUNS = (*(f"gen{g}" for g in GENERATIONS), "frontal", "lateral")
QUANTITIES = ("train_loss", "development_mAP")
Lines = Mapping[str, Line]
Row = Mapping[str, str]


@dataclass(frozen=True)
class ReportInputs:
    """Aggregates of one run of the pipeline.

    Attributes:
        summary: As :func:`camchex.report.summary.summarise` returns it.
        audit: As :func:`camchex.audit.audit.audit` returns it.
        cohort: Counts of the cohort, as its stage writes them.
        pseudo_labels: Spread of the pseudo-labels, by generation.
        training: Curves by quantity (``QUANTITIES``) and run.
        precision_recall: Curves by seed and class.
        reliability: Curves by seed and kind (``as predicted``, ``scaled``), all classes together.
        subgroups: Rows of every seed's ``subgroups.csv``.
        benchmarks: Rows of every seed's ``benchmarks.csv``.
        data: Counts of every stage of data, by the name of its file.
        shown: What other pipelines measured.
        level: Of the intervals, 0.95.
        provenance: What made this.
        examples: Studies to show; only ever of the synthetic cohort.
        failures: The same of what the model is most wrong about.
    """

    summary: Results
    audit: Results
    cohort: Results
    pseudo_labels: Mapping[str, Results]
    training: Mapping[str, Lines]
    precision_recall: Mapping[int, Lines]
    reliability: Mapping[int, Lines]
    subgroups: Mapping[int, Sequence[Row]]
    benchmarks: Mapping[int, Sequence[Row]]
    data: Mapping[str, Results]
    shown: Shown
    level: float
    provenance: Provenance
    examples: Sequence[Example] = ()
    failures: Sequence[Failure] = ()


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


def read_reliability(folder: Path, seeds: Sequence[int]) -> dict[int, Lines]:
    """How often right at each probability, ``seed<s>/reliability_all.csv``, by seed and kind.

    Raises:
        DataError: If one is missing.
    """
    found: dict[int, Lines] = {}
    for seed, rows in read_rows(folder, seeds, "reliability_all").items():
        lines: dict[str, list[tuple[float, float]]] = {}
        for row in rows:
            point = (float(row["mean_probability"]), float(row["share_positive"]))
            lines.setdefault(row["probability"], []).append(point)
        found[seed] = lines
    return found


def read_rows(folder: Path, seeds: Sequence[int], name: str) -> dict[int, list[dict[str, str]]]:
    """Rows of ``seed<s>/<name>.csv`` by seed.

    Raises:
        DataError: If one is missing.
    """
    return {seed: _rows(folder / f"seed{seed}" / f"{name}.csv", ",") for seed in seeds}


def read_data(folder: Path) -> dict[str, Results]:
    """Counts that the stages of data wrote, by the name of the file.

    Raises:
        DataError: If one is not one JSON object.
    """
    return {path.stem: read_results(path) for path in sorted(folder.glob("*.json"))}


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
